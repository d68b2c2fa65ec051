//! What a write changes, in words: those of the timeline, and where it has none, the fields.
//!
//! Responsible for leaving no change without words in places where every write is shown.

use serde_json::{Map, Value};

use crate::api::note::WriteNote;
use crate::sim::time::SimTime;
use crate::trace::timeline::words;

/// So many fields are named; of more it is said that there are more.
const MOST: usize = 3;

/// A text that is longer is not quoted.
const LONGEST: usize = 40;

/// What a write changes.
pub(crate) fn said(write: &WriteNote, time: SimTime) -> Vec<String> {
    let told = words(write, time);
    let change = &write.change;
    match &change.old {
        Some(old) if told.is_empty() && !change.deleted => {
            fields(&old.to_value(), &change.object.to_value())
        }
        Some(_) | None => told,
    }
}

/// The fields that differ, those of the status first.
fn fields(was: &Value, is: &Value) -> Vec<String> {
    let nothing = Map::new();
    let of = |value: &'static str, whole: &Value| whole[value].as_object().cloned();
    let mut out = Vec::new();
    for part in ["status", "spec"] {
        let (was, is) = (of(part, was), of(part, is));
        between(was.as_ref().unwrap_or(&nothing), is.as_ref().unwrap_or(&nothing), &mut out);
    }
    if out.is_empty() {
        let others = is.as_object().unwrap_or(&nothing).iter();
        let others = others.filter(|(key, _)| !["metadata", "status", "spec"].contains(&&***key));
        out.extend(others.filter(|(key, value)| was[*key] != **value).map(|(key, _)| key.clone()));
    }
    if out.is_empty() {
        for key in ["labels", "annotations", "finalizers", "ownerReferences"] {
            if was["metadata"][key] != is["metadata"][key] {
                out.push(key.to_owned());
            }
        }
    }
    if out.len() > MOST {
        out.truncate(MOST);
        out.push("…".to_owned());
    }
    out
}

fn between(was: &Map<String, Value>, is: &Map<String, Value>, out: &mut Vec<String>) {
    let keys = is.keys().chain(was.keys().filter(|key| !is.contains_key(*key)));
    for key in keys.filter(|key| was.get(*key) != is.get(*key) && *key != "observedGeneration") {
        let (was, is) = (was.get(key).unwrap_or(&Value::Null), is.get(key).unwrap_or(&Value::Null));
        match (was, is) {
            _ if key == "conditions" => out.extend(conditions(was, is)),
            _ if key == "containerStatuses" => out.extend(containers(was, is)),
            (Value::Null, now) if *now == 0 || *now == false => {}
            (_, Value::Number(now)) => {
                let before = was.as_number().map_or("0".to_owned(), ToString::to_string);
                out.push(format!("{key} {before} → {now}"));
            }
            (Value::Number(before), Value::Null) => out.push(format!("{key} {before} → 0")),
            (_, Value::String(now)) if now.len() <= LONGEST => out.push(format!("{key} {now}")),
            (_, Value::Bool(now)) => out.push(format!("{key} {now}")),
            (_, Value::Null) => out.push(format!("no {key}")),
            _ => out.push(key.clone()),
        }
    }
}

/// Members of a list by a name that they bear.
fn named<'a>(list: &'a Value, by: &'a str) -> impl Iterator<Item = (&'a str, &'a Value)> {
    list.as_array().into_iter().flatten().filter_map(move |v| Some((v[by].as_str()?, v)))
}

/// Conditions whose status has changed; `Type: reason` where only the reason has.
fn conditions(was: &Value, is: &Value) -> Vec<String> {
    let mut out = Vec::new();
    for (kind, now) in named(is, "type") {
        let before = named(was, "type").find(|(k, _)| *k == kind).map(|(_, v)| v);
        let differs = |key: &str| before.is_none_or(|before| before[key] != now[key]);
        if differs("status") {
            out.push(format!("{kind}={}", now["status"].as_str().unwrap_or("?")));
        } else if differs("reason") {
            out.push(format!("{kind}: {}", now["reason"].as_str().unwrap_or("?")));
        }
    }
    out
}

/// Containers whose state is another: `container app running`.
fn containers(was: &Value, is: &Value) -> Vec<String> {
    let mut out = Vec::new();
    for (name, now) in named(is, "name") {
        let before = named(was, "name").find(|(n, _)| *n == name).map(|(_, v)| v);
        let state = state(now);
        if before.map(self::state) != Some(state) {
            let (word, reason) = state;
            let reason = if reason.is_empty() { String::new() } else { format!(": {reason}") };
            out.push(format!("container {name} {word}{reason}"));
        } else if before.is_some_and(|before| before["ready"] != now["ready"]) {
            let word = if now["ready"] == true { "ready" } else { "not ready" };
            out.push(format!("container {name} {word}"));
        }
    }
    out
}

/// `waiting`, `running` or `terminated`, and the reason.
fn state(container: &Value) -> (&str, &str) {
    let state = container["state"].as_object().and_then(|s| s.iter().next());
    let Some((word, what)) = state else { return ("unknown", "") };
    (word, what["reason"].as_str().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn fields_that_differ_are_named_with_their_values() {
        let was = json!({"status": {"replicas": 3, "readyReplicas": 1,
            "conditions": [{"type": "Available", "status": "False", "reason": "A"},
                {"type": "Progressing", "status": "True", "reason": "B"}]}});
        let is = json!({"status": {"replicas": 4,
            "conditions": [{"type": "Available", "status": "True", "reason": "A"},
                {"type": "Progressing", "status": "True", "reason": "C"}]}});
        let said = fields(&was, &is);
        assert_eq!(said, ["replicas 3 → 4", "Available=True", "Progressing: C", "…"]);
    }

    #[test]
    fn containers_tell_their_state() {
        let of = |state: Value, ready: bool| {
            json!({"status": {"containerStatuses": [
                {"name": "app", "state": state, "ready": ready}]}})
        };
        let waits = of(json!({"waiting": {"reason": "ContainerCreating"}}), false);
        let runs = of(json!({"running": {"startedAt": "then"}}), false);
        let ready = of(json!({"running": {"startedAt": "then"}}), true);
        assert_eq!(fields(&json!({}), &waits), ["container app waiting: ContainerCreating"]);
        assert_eq!(fields(&waits, &runs), ["container app running"]);
        assert_eq!(fields(&runs, &ready), ["container app ready"]);
    }

    #[test]
    fn what_is_outside_of_spec_and_status_is_named() {
        let was = json!({"metadata": {"labels": {}}, "endpoints": []});
        let is = json!({"metadata": {"labels": {"a": "b"}}, "endpoints": [1]});
        assert_eq!(fields(&was, &is), ["endpoints"]);
        let is = json!({"metadata": {"labels": {"a": "b"}}, "endpoints": []});
        assert_eq!(fields(&was, &is), ["labels"]);
        assert!(fields(&was, &was).is_empty());
    }
}
