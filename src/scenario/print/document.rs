//! Whole objects as a document: one alone, or a list; and JSON as kubectl writes it.

use serde::Serialize;
use serde_json::ser::PrettyFormatter;
use serde_json::{Value, json};

use super::How;
use super::look::sorted;

/// The object that was asked for alone, or a list of all.
///
/// Source: kubernetes v1.36 staging/src/k8s.io/kubectl/pkg/cmd/get/get.go, `printGeneric`
pub(super) fn whole(mut values: Vec<Value>, how: &How) -> Value {
    if how.single && values.len() == 1 {
        return values.remove(0);
    }
    json!({
        "apiVersion": "v1",
        "items": values,
        "kind": "List",
        "metadata": {"resourceVersion": ""},
    })
}

/// Takes the record of who wrote which field away.
pub(super) fn without_managed_fields(value: &mut Value) {
    if let Some(meta) = value["metadata"].as_object_mut() {
        meta.shift_remove("managedFields");
    }
}

/// JSON with four spaces a level and members sorted by name.
pub(super) fn json(value: &Value) -> String {
    let mut out = Vec::new();
    let format = PrettyFormatter::with_indent(b"    ");
    let mut writer = serde_json::Serializer::with_formatter(&mut out, format);
    if sorted(value, str::cmp).serialize(&mut writer).is_err() {
        return String::new();
    }
    escape(&String::from_utf8_lossy(&out)) + "\n"
}

/// JSON in one line, members sorted by name.
pub(super) fn compact(value: &Value) -> String {
    escape(&sorted(value, str::cmp).to_string())
}

/// Go escapes what could end a script in HTML; such characters stand in texts only.
fn escape(json: &str) -> String {
    json.replace('&', "\\u0026").replace('<', "\\u003c").replace('>', "\\u003e")
}
