//! `-o custom-columns=NAME:.path,…`.

use std::fmt::Write as _;

use serde_json::Value;

use super::How;
use super::jsonpath::{Template, relaxed};
use super::tab::{self, lay_out};

/// A table whose columns are paths.
///
/// # Errors
/// A column that is not of the form `HEADING:path`, or whose path cannot be read.
///
/// Source: kubernetes v1.36 staging/src/k8s.io/kubectl/pkg/cmd/get/customcolumn.go,
/// `NewCustomColumnsPrinterFromSpec`, `printOneObject`
pub(super) fn columns(values: &[Value], spec: &str, how: &How) -> Result<String, String> {
    let mut headings = Vec::new();
    let mut paths = Vec::new();
    for part in spec.split(',') {
        let (heading, path) = part.split_once(':').ok_or_else(|| {
            format!("unexpected custom-columns spec: {part}, expected <header>:<json-path-expr>")
        })?;
        headings.push(heading);
        paths.push(Template::parse(&relaxed(path)?)?);
    }
    let mut text = String::new();
    if !how.no_headers {
        text.push_str(&headings.join("\t"));
        text.push('\n');
    }
    for value in values {
        let cells: Result<Vec<String>, String> = paths.iter().map(|p| cell(p, value)).collect();
        text.push_str(&cells?.join("\t"));
        text.push('\n');
    }
    Ok(lay_out(&text, tab::GET))
}

fn cell(path: &Template, value: &Value) -> Result<String, String> {
    let found = path.all(value)?;
    if found.is_empty() {
        return Ok("<none>".to_owned());
    }
    Ok(found.into_iter().map(go_text).collect::<Vec<_>>().join(","))
}

/// A value as Go's `%v` shows it: `map[app:web]`, `[a b]`.
fn go_text(value: &Value) -> String {
    match value {
        Value::Null => "<nil>".to_owned(),
        Value::String(s) => s.clone(),
        Value::Bool(_) | Value::Number(_) => value.to_string(),
        Value::Array(items) => {
            format!("[{}]", items.iter().map(go_text).collect::<Vec<_>>().join(" "))
        }
        Value::Object(map) => {
            let mut all: Vec<_> = map.iter().collect();
            all.sort_by_key(|(k, _)| k.as_str());
            let mut out = "map[".to_owned();
            for (at, (key, value)) in all.into_iter().enumerate() {
                let space = if at == 0 { "" } else { " " };
                let _ = write!(out, "{space}{key}:{}", go_text(value));
            }
            out + "]"
        }
    }
}
