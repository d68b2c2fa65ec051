//! Reading a manifest's JSON: what is absent, null or of another type reads as Go's zero value.
//!
//! Responsible for look-ups only. That each field has the type of its schema is checked before;
//! nothing here reports a mistake.

use serde_json::Value;

static NOTHING: Value = Value::Null;

/// The field of this name, unless it is absent or null.
pub fn get<'a>(object: &'a Value, field: &str) -> Option<&'a Value> {
    object.get(field).filter(|v| !v.is_null())
}

/// The field of this name; null when it is absent.
pub fn at<'a>(object: &'a Value, field: &str) -> &'a Value {
    object.get(field).unwrap_or(&NOTHING)
}

/// The field at the end of these names; null when one of them is absent.
pub fn dig<'a>(object: &'a Value, fields: &[&str]) -> &'a Value {
    fields.iter().fold(object, |value, field| at(value, field))
}

/// The field's text; empty when it is absent.
pub fn text<'a>(object: &'a Value, field: &str) -> &'a str {
    at(object, field).as_str().unwrap_or_default()
}

/// The field's whole number, if it has one.
pub fn int(object: &Value, field: &str) -> Option<i64> {
    at(object, field).as_i64()
}

/// Whether the field is true.
pub fn flag(object: &Value, field: &str) -> bool {
    at(object, field).as_bool().unwrap_or_default()
}

/// The field's list; empty when it is absent.
pub fn list<'a>(object: &'a Value, field: &str) -> &'a [Value] {
    at(object, field).as_array().map_or(&[], Vec::as_slice)
}

/// The field's list of texts.
pub fn texts<'a>(object: &'a Value, field: &str) -> impl Iterator<Item = &'a str> {
    list(object, field).iter().filter_map(Value::as_str)
}

/// The field's map, in the order of the manifest.
pub fn entries<'a>(object: &'a Value, field: &str) -> impl Iterator<Item = (&'a str, &'a Value)> {
    at(object, field).as_object().into_iter().flatten().map(|(k, v)| (k.as_str(), v))
}

/// The field's map of texts, in the order of the manifest.
pub fn pairs<'a>(object: &'a Value, field: &str) -> impl Iterator<Item = (&'a str, &'a str)> {
    entries(object, field).map(|(k, v)| (k, v.as_str().unwrap_or_default()))
}

/// Whether nothing is there: absent, null, an empty text, list or map.
pub fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(s) => s.is_empty(),
        Value::Array(a) => a.is_empty(),
        Value::Object(o) => o.is_empty(),
        Value::Bool(_) | Value::Number(_) => false,
    }
}

/// Whether two values mean the same: absent, null and empty texts, lists and maps are one.
///
/// Source: kubernetes v1.36
/// staging/src/k8s.io/apimachinery/third_party/forked/golang/reflect/deep_equal.go,
/// `Equalities.DeepEqual`
pub fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Object(x), Value::Object(y)) => {
            let covers = |one: &serde_json::Map<String, Value>, other: &Value| {
                one.iter().all(|(k, v)| same(v, at(other, k)))
            };
            covers(x, b) && covers(y, a)
        }
        (Value::Array(x), Value::Array(y)) => {
            x.len() == y.len() && x.iter().zip(y).all(|(v, w)| same(v, w))
        }
        (Value::Object(x), Value::Null) | (Value::Null, Value::Object(x)) => {
            x.values().all(|v| same(v, &NOTHING))
        }
        (Value::Null, other) | (other, Value::Null) => is_empty(other),
        (x, y) => x == y,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{dig, int, same, text};

    #[test]
    fn what_is_absent_reads_as_nothing() {
        let object = json!({"a": {"b": 1}, "n": null});
        assert_eq!(int(dig(&object, &["a"]), "b"), Some(1));
        assert_eq!(text(dig(&object, &["n", "x"]), "y"), "");
    }

    #[test]
    fn empty_and_absent_are_the_same() {
        assert!(same(&json!({"a": [], "b": {"c": ""}}), &json!({})));
        assert!(!same(&json!({"a": 0}), &json!({})));
    }
}
