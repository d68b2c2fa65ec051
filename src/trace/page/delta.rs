//! From one version of an object to the next: the fields that differ.

use serde_json::Value;

/// Fields that say of every version that it is another one.
const NOISE: &[&str] = &["resourceVersion", "managedFields"];

/// A change of one field: the way to it, and its value; none when it is gone.
pub(super) type Change = (Vec<Value>, Option<Value>);

/// What turns one version into the other.
pub(super) fn delta(old: &Value, new: &Value) -> Vec<Change> {
    let mut changes = Vec::new();
    compare(&mut Vec::new(), old, new, &mut changes);
    changes
}

/// The changes as JSON: a list of `[way, value]`, or `[way]` for what is gone.
pub(super) fn as_json(changes: &[Change]) -> String {
    let one = |(way, value): &Change| {
        let mut list = vec![Value::Array(way.clone())];
        list.extend(value.clone());
        Value::Array(list)
    };
    Value::Array(changes.iter().map(one).collect()).to_string()
}

fn compare(way: &mut Vec<Value>, old: &Value, new: &Value, changes: &mut Vec<Change>) {
    match (old, new) {
        _ if old == new => {}
        (Value::Object(was), Value::Object(is)) => {
            for key in was.keys().filter(|key| !is.contains_key(*key) && !is_noise(key)) {
                way.push(key.as_str().into());
                changes.push((way.clone(), None));
                way.pop();
            }
            for (key, value) in is.iter().filter(|(key, _)| !is_noise(key)) {
                way.push(key.as_str().into());
                match was.get(key) {
                    Some(before) => compare(way, before, value, changes),
                    None => changes.push((way.clone(), Some(without_noise(value)))),
                }
                way.pop();
            }
        }
        (Value::Array(was), Value::Array(is)) if was.len() == is.len() => {
            for (n, (before, value)) in was.iter().zip(is).enumerate() {
                way.push(n.into());
                compare(way, before, value, changes);
                way.pop();
            }
        }
        (_, new) => changes.push((way.clone(), Some(without_noise(new)))),
    }
}

fn is_noise(key: &str) -> bool {
    NOISE.contains(&key)
}

fn without_noise(value: &Value) -> Value {
    let mut value = value.clone();
    if let Value::Object(map) = &mut value {
        map.retain(|key, _| !is_noise(key));
        if let Some(Value::Object(meta)) = map.get_mut("metadata") {
            meta.retain(|key, _| !is_noise(key));
        }
    }
    value
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// Applies changes as the page does.
    fn applied(value: &Value, changes: &[Change]) -> Value {
        let mut value = value.clone();
        for (way, new) in changes {
            let pointer = way.iter().map(|step| match step.as_str() {
                Some(key) => format!("/{}", key.replace('~', "~0").replace('/', "~1")),
                None => format!("/{step}"),
            });
            let pointer: String = pointer.collect();
            let (parent, last) = pointer.rsplit_once('/').unwrap_or(("", ""));
            match (new, way.last()) {
                (Some(new), None) => value = new.clone(),
                (Some(new), Some(Value::String(key))) => {
                    let parent = value.pointer_mut(parent).unwrap().as_object_mut().unwrap();
                    parent.insert(key.clone(), new.clone());
                }
                (Some(new), Some(_)) => *value.pointer_mut(&pointer).unwrap() = new.clone(),
                (None, _) => {
                    let parent = value.pointer_mut(parent).unwrap().as_object_mut().unwrap();
                    parent.shift_remove(last);
                }
            }
        }
        value
    }

    #[test]
    fn the_changes_lead_from_one_version_to_the_next() {
        let old = json!({"a": 1, "b": {"c": [1, 2], "d": "x"}, "e": [1], "gone": true});
        let new = json!({"a": 2, "b": {"c": [1, 3], "d": "x"}, "e": [1, 2], "n": {"m": 1}});
        let changes = delta(&old, &new);
        assert_eq!(applied(&old, &changes), new);
        assert_eq!(changes.len(), 5);
        assert_eq!(delta(&new, &new), []);
    }

    #[test]
    fn what_differs_in_every_version_is_left_out() {
        let old = json!({"metadata": {"resourceVersion": "1"}, "spec": 1});
        let new = json!({"metadata": {"resourceVersion": "2"}, "spec": 2});
        assert_eq!(as_json(&delta(&old, &new)), "[[[\"spec\"],2]]");
    }
}
