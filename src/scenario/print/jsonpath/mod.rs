//! kubectl's dialect of JSONPath: templates, and the paths in them.
//!
//! Responsible for reading a template and for applying it to JSON. Members that are not there
//! select nothing, as kubectl's `--allow-missing-template-keys` has it by default.

mod apply;
mod parse;

use serde_json::Value;

/// A template: text, and paths in braces.
#[derive(Clone, PartialEq, Debug)]
pub struct Template {
    parts: Vec<Part>,
}

/// A part of a template.
#[derive(Clone, PartialEq, Debug)]
enum Part {
    /// Text as it is.
    Text(String),
    /// The values that a path selects, with spaces between.
    Path(Vec<Step>),
    /// The parts, once for each value that a path selects.
    Range(Vec<Step>, Vec<Part>),
}

/// A step of a path.
#[derive(Clone, PartialEq, Debug)]
enum Step {
    /// `$`: the whole.
    Root,
    /// `@`: where the path begins.
    Current,
    /// `.name`.
    Field(String),
    /// `..`: the value and all below it.
    Recursive,
    /// `*`.
    Wildcard,
    /// `[1]`, `[0:2]`, `[::2]`.
    Slice(Slice),
    /// `[?(@.type=="Ready")]`.
    Filter(Operand, Option<(Comparison, Operand)>),
    /// `['a','b']`.
    Union(Vec<Vec<Step>>),
}

/// A part of a list.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
struct Slice {
    start: Option<i64>,
    end: Option<i64>,
    step: Option<i64>,
    /// One entry, counted from the end when negative.
    index: Option<i64>,
}

/// A side of a filter.
#[derive(Clone, PartialEq, Debug)]
enum Operand {
    Path(Vec<Step>),
    Literal(Value),
}

/// How a filter compares.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Template {
    /// Reads a template.
    ///
    /// # Errors
    /// What is wrong with it, in kubectl's words.
    ///
    /// Source: kubernetes v1.36 staging/src/k8s.io/client-go/util/jsonpath/parser.go, `Parse`
    pub fn parse(text: &str) -> Result<Template, String> {
        let parts = parse::template(text);
        parts
            .map(|parts| Template { parts })
            .map_err(|why| format!("error parsing jsonpath {text}, {why}"))
    }

    /// Applies it: the text that it makes of a value.
    ///
    /// # Errors
    /// An index that is out of bounds, or a filter on what is no list.
    pub fn render(&self, value: &Value) -> Result<String, String> {
        let mut out = String::new();
        apply::render(&self.parts, value, value, &mut out)
            .map_err(|why| format!("error executing jsonpath: {why}"))?;
        Ok(out)
    }

    /// All values that its first path selects.
    ///
    /// # Errors
    /// As [`render`](Template::render).
    pub fn all<'a>(&self, value: &'a Value) -> Result<Vec<&'a Value>, String> {
        let path = self.parts.iter().find_map(|part| match part {
            Part::Path(steps) | Part::Range(steps, _) => Some(steps),
            Part::Text(_) => None,
        });
        path.map_or(Ok(Vec::new()), |steps| apply::select(steps, value, value))
    }

    /// The first value that its first path selects.
    ///
    /// # Errors
    /// As [`render`](Template::render).
    pub fn first<'a>(&self, value: &'a Value) -> Result<Option<&'a Value>, String> {
        Ok(self.all(value)?.into_iter().next())
    }
}

/// A path as it is typed where no template is expected: `metadata.name`, `.metadata.name`,
/// `{.metadata.name}`; with braces and dot.
///
/// # Errors
/// Braces that do not match.
///
/// Source: kubernetes v1.36 staging/src/k8s.io/kubectl/pkg/cmd/get/customcolumn.go,
/// `RelaxedJSONPathExpression`
pub fn relaxed(path: &str) -> Result<String, String> {
    let wrong = || {
        format!(
            "unexpected path string, expected a 'name1.name2' or '.name1.name2' or \
             '{{name1.name2}}' or '{{.name1.name2}}': {path}"
        )
    };
    let inner = match (path.strip_prefix('{'), path.strip_suffix('}')) {
        (Some(rest), Some(_)) => rest.strip_suffix('}').ok_or_else(wrong)?,
        (None, None) => path,
        (Some(_), None) | (None, Some(_)) => return Err(wrong()),
    };
    Ok(format!("{{.{}}}", inner.strip_prefix('.').unwrap_or(inner)))
}

#[cfg(test)]
mod tests;
