//! Kinds without a description of their own: all their fields, one below the other.

use serde_json::Value;

use super::Related;
use super::text::Page;
use crate::scenario::print::look::{members, shown, text};

/// Members of the metadata that stand at the top already, or are nobody's business.
const SHOWN_ABOVE: [&str; 5] = ["name", "namespace", "labels", "annotations", "managedFields"];

/// Source: kubernetes v1.36 staging/src/k8s.io/kubectl/pkg/describe/describe.go,
/// `genericDescriber.Describe`
pub(super) fn generic(page: &mut Page, object: &Value, _: &Related) {
    page.name(object);
    page.labels_and_annotations(object);
    page.field("API Version", text(object, "apiVersion"));
    page.field("Kind", text(object, "kind"));
    for (key, value) in top(object) {
        match key {
            "apiVersion" | "kind" => {}
            "metadata" => {
                page.line("Metadata:");
                let rest = members(object, "metadata").into_iter();
                for (key, value) in rest.filter(|(k, _)| !SHOWN_ABOVE.contains(k)) {
                    field(page, key, value, 1);
                }
            }
            _ => field(page, key, value, 0),
        }
    }
}

fn top(object: &Value) -> Vec<(&str, &Value)> {
    let mut all: Vec<_> =
        object.as_object().into_iter().flatten().map(|(k, v)| (k.as_str(), v)).collect();
    all.sort_by_key(|(k, _)| *k);
    all
}

/// One member, and all below it.
///
/// Source: kubernetes v1.36 staging/src/k8s.io/kubectl/pkg/describe/describe.go,
/// `printUnstructuredContent`
fn field(page: &mut Page, key: &str, value: &Value, level: usize) {
    let label = format!("{}{}", "  ".repeat(level), smart_label(key));
    match value {
        Value::Object(_) => {
            page.line(&format!("{label}:"));
            for (key, value) in top(value) {
                field(page, key, value, level + 1);
            }
        }
        Value::Array(items) => {
            page.line(&format!("{label}:"));
            for item in items {
                if item.is_object() {
                    for (key, value) in top(item) {
                        field(page, key, value, level + 1);
                    }
                } else {
                    page.line(&format!("{}{}", "  ".repeat(level + 1), shown(item)));
                }
            }
        }
        Value::Null => page.field(&label, "<nil>"),
        Value::Bool(_) | Value::Number(_) | Value::String(_) => page.field(&label, shown(value)),
    }
}

/// A member's name in words: `minAvailable` is `Min Available`, `clusterIP` is `Cluster IP`.
///
/// Source: kubernetes v1.36 staging/src/k8s.io/kubectl/pkg/describe/describe.go, `smartLabelFor`
fn smart_label(field: &str) -> String {
    const CAPITALS: [&str; 4] = ["api", "uid", "url", "ip"];
    if field.contains(|c: char| !c.is_ascii_alphanumeric()) {
        return field.to_owned();
    }
    let mut words: Vec<String> = Vec::new();
    let mut before_upper = true;
    for c in field.chars() {
        if c.is_uppercase() && !before_upper || words.is_empty() {
            words.push(String::new());
        }
        before_upper = c.is_uppercase();
        if let Some(word) = words.last_mut() {
            word.push(c);
        }
    }
    let title = |word: &String| {
        if CAPITALS.contains(&word.to_lowercase().as_str()) {
            return word.to_uppercase();
        }
        let mut chars = word.chars();
        let first = chars.next().map(|c| c.to_ascii_uppercase());
        first.into_iter().chain(chars).collect()
    };
    words.iter().map(title).collect::<Vec<String>>().join(" ")
}
