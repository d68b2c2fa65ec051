//! The paths of `kubectl wait --for=jsonpath`: fields, indices, wildcards and simple filters.

use serde_json::Value;

/// One step of a path.
#[derive(Clone, PartialEq, Debug)]
enum Step {
    Field(String),
    Index(i64),
    Every,
    /// Elements whose field has this value: `[?(@.type=="Ready")]`.
    Filter(Vec<Step>, String),
}

/// The values that a path such as `{.status.phase}` leads to; braces and the first dot may be left
/// out.
///
/// Source: kubernetes v1.36 staging/src/k8s.io/kubectl/pkg/cmd/get/customcolumn.go,
/// `RelaxedJSONPathExpression`; staging/src/k8s.io/client-go/util/jsonpath/jsonpath.go
/// Differs: recursive descent, slices and unions are refused.
pub(super) fn find(value: &Value, path: &str) -> Result<Vec<Value>, String> {
    let inner = path.trim().trim_start_matches('{').trim_end_matches('}').trim();
    let steps = parse(inner.strip_prefix('$').unwrap_or(inner)).ok_or_else(|| {
        format!(
            "unexpected path string, expected a 'name1.name2' or '.name1.name2' or \
                 '{{name1.name2}}' or '{{.name1.name2}}', not {path:?}"
        )
    })?;
    Ok(walk(value, &steps).into_iter().cloned().collect())
}

fn parse(text: &str) -> Option<Vec<Step>> {
    let mut steps = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        if let Some(inside) = rest.strip_prefix('[') {
            let end = closing(inside)?;
            steps.push(bracket(&inside[..end])?);
            rest = &inside[end + 1..];
            continue;
        }
        let (field, after) = field(rest.strip_prefix('.').unwrap_or(rest))?;
        steps.push(if field == "*" { Step::Every } else { Step::Field(field) });
        rest = after;
    }
    Some(steps)
}

/// A name up to the next dot or bracket; a backslash takes what follows as it is.
fn field(text: &str) -> Option<(String, &str)> {
    let mut name = String::new();
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '\\' => name.push(chars.next()?.1),
            '.' | '[' => return (!name.is_empty()).then_some((name, &text[at..])),
            c => name.push(c),
        }
    }
    (!name.is_empty()).then_some((name, ""))
}

/// Where a bracket ends, quotes and brackets inside left alone.
fn closing(text: &str) -> Option<usize> {
    let mut quote = None;
    for (at, c) in text.char_indices() {
        match (quote, c) {
            (Some(open), c) if open == c => quote = None,
            (None, '\'' | '"') => quote = Some(c),
            (None, ']') => return Some(at),
            _ => {}
        }
    }
    None
}

fn bracket(text: &str) -> Option<Step> {
    let unquoted = |text: &str| text.trim().trim_matches(['\'', '"']).to_owned();
    if text == "*" {
        return Some(Step::Every);
    }
    if let Some(filter) = text.strip_prefix("?(") {
        let (path, value) = filter.strip_suffix(')')?.split_once("==")?;
        let steps = parse(path.trim().strip_prefix('@')?)?;
        return Some(Step::Filter(steps, unquoted(value)));
    }
    if let Ok(index) = text.parse() {
        return Some(Step::Index(index));
    }
    text.starts_with(['\'', '"']).then(|| Step::Field(unquoted(text)))
}

fn walk<'v>(value: &'v Value, steps: &[Step]) -> Vec<&'v Value> {
    let Some((step, rest)) = steps.split_first() else { return vec![value] };
    let next: Vec<&Value> = match step {
        Step::Field(name) => value.get(name).into_iter().collect(),
        Step::Index(index) => {
            let items = value.as_array().map_or(&[][..], Vec::as_slice);
            let count = i64::try_from(items.len()).unwrap_or(i64::MAX);
            let at = if *index < 0 { index + count } else { *index };
            usize::try_from(at).ok().and_then(|at| items.get(at)).into_iter().collect()
        }
        Step::Every => match value {
            Value::Array(items) => items.iter().collect(),
            Value::Object(fields) => fields.values().collect(),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Vec::new(),
        },
        Step::Filter(path, wanted) => {
            let fits = |item: &&Value| {
                walk(item, path).iter().any(|found| match found {
                    Value::String(text) => text == wanted,
                    other => other.to_string() == *wanted,
                })
            };
            value.as_array().into_iter().flatten().filter(fits).collect()
        }
    };
    next.into_iter().flat_map(|value| walk(value, rest)).collect()
}
