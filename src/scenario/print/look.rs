//! Reads objects in JSON leniently: what is not there is empty, zero or null.
//!
//! Responsible for access and for the small texts that many columns share. It never decides what
//! a column shows.

use serde_json::{Map, Value};

use crate::api::human_duration::human_duration;
use crate::api::selector::LabelSelector;
use crate::api::time::Time;

const NONE: &str = "<none>";

/// The value at a path of member names with dots between; null when it is not there.
pub(super) fn at<'a>(value: &'a Value, path: &str) -> &'a Value {
    path.split('.').fold(value, |v, name| &v[name])
}

/// The text at a path; empty when there is none.
pub(super) fn text<'a>(value: &'a Value, path: &str) -> &'a str {
    at(value, path).as_str().unwrap_or_default()
}

/// The text at a path, or what stands for no text.
pub(super) fn text_or(value: &Value, path: &str, none: &str) -> String {
    let found = text(value, path);
    if found.is_empty() { none.to_owned() } else { found.to_owned() }
}

/// The whole number at a path; 0 when there is none.
pub(super) fn int(value: &Value, path: &str) -> i64 {
    at(value, path).as_i64().unwrap_or(0)
}

/// Whether the value at a path is `true`.
pub(super) fn truth(value: &Value, path: &str) -> bool {
    at(value, path).as_bool().unwrap_or(false)
}

/// The list at a path; empty when there is none.
pub(super) fn list<'a>(value: &'a Value, path: &str) -> &'a [Value] {
    at(value, path).as_array().map_or(&[], Vec::as_slice)
}

/// The members at a path, sorted by name.
pub(super) fn members<'a>(value: &'a Value, path: &str) -> Vec<(&'a str, &'a Value)> {
    let map = at(value, path).as_object();
    let mut all: Vec<_> = map.into_iter().flatten().map(|(k, v)| (k.as_str(), v)).collect();
    all.sort_by_key(|(k, _)| *k);
    all
}

/// The instant at a path.
pub(super) fn time(value: &Value, path: &str) -> Option<Time> {
    at(value, path).as_str().and_then(Time::parse)
}

/// A number, a text or a truth as it is shown; null is empty.
pub(super) fn shown(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(s) => s.clone(),
        Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => value.to_string(),
    }
}

/// How long ago an instant was; `<unknown>` when there is none.
///
/// Source: kubernetes v1.36 pkg/printers/internalversion/printers.go, `translateTimestampSince`
pub(super) fn since(time: Option<Time>, now: Time) -> String {
    time.map_or_else(|| "<unknown>".to_owned(), |t| human_duration(now.0.saturating_sub(t.0)))
}

/// The age of an object.
pub(super) fn age(object: &Value, now: Time) -> String {
    since(time(object, "metadata.creationTimestamp"), now)
}

/// Labels as `a=b,c=d`, sorted by key; `<none>` without any.
///
/// Source: kubernetes v1.36 staging/src/k8s.io/apimachinery/pkg/labels/labels.go, `FormatLabels`
pub(super) fn labels(value: &Value, path: &str) -> String {
    let all = members(value, path);
    if all.is_empty() {
        return NONE.to_owned();
    }
    join(all.iter().map(|(k, v)| format!("{k}={}", shown(v))), ",")
}

/// A label selector as it would be typed; `<none>` for an empty one.
///
/// Source: kubernetes v1.36 staging/src/k8s.io/apimachinery/pkg/apis/meta/v1/helpers.go,
/// `FormatLabelSelector`
pub(super) fn selector(value: &Value, path: &str) -> String {
    let found = at(value, path);
    if found.is_null() {
        return NONE.to_owned();
    }
    let parsed: Option<LabelSelector> = serde_json::from_value(found.clone()).ok();
    let Some(parsed) = parsed else { return "<error>".to_owned() };
    match LabelSelector::to_selector(Some(&parsed)).map(|s| s.to_string()) {
        Ok(text) if text.is_empty() => NONE.to_owned(),
        Ok(text) => text,
        Err(_) => "<error>".to_owned(),
    }
}

/// The status of a condition; none when there is no such condition.
pub(super) fn condition<'a>(object: &'a Value, kind: &str) -> Option<&'a str> {
    let all = list(object, "status.conditions");
    all.iter().find(|c| text(c, "type") == kind).map(|c| text(c, "status"))
}

/// Texts with something between.
pub(super) fn join(texts: impl Iterator<Item = String>, between: &str) -> String {
    texts.collect::<Vec<_>>().join(between)
}

/// A value with all members sorted by name, at every depth.
pub(super) fn sorted(value: &Value, before: fn(&str, &str) -> std::cmp::Ordering) -> Value {
    match value {
        Value::Object(map) => {
            let mut all: Vec<_> = map.iter().collect();
            all.sort_by(|a, b| before(a.0, b.0));
            let all = all.into_iter().map(|(k, v)| (k.clone(), sorted(v, before)));
            Value::Object(all.collect::<Map<_, _>>())
        }
        Value::Array(items) => Value::Array(items.iter().map(|v| sorted(v, before)).collect()),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value.clone(),
    }
}
