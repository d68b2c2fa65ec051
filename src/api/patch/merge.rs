//! Making merge patches (RFC 7386), as `kubectl apply` does for kinds without a schema.
//!
//! It must never apply a patch to a stored object: [`crate::api::patch::merge_patch`] does.

use serde_json::{Map, Value};

use crate::api::patch::PatchError;

/// The merge patch that takes `original` to `modified`.
pub fn create(original: &Value, modified: &Value) -> Value {
    let (Some(original), Some(modified)) = (original.as_object(), modified.as_object()) else {
        return modified.clone();
    };
    let mut patch = Map::new();
    for (key, new) in modified {
        match original.get(key) {
            Some(old) if old == new => {}
            Some(old) if old.is_object() && new.is_object() => {
                patch.insert(key.clone(), create(old, new));
            }
            Some(_) | None => {
                patch.insert(key.clone(), new.clone());
            }
        }
    }
    for key in original.keys().filter(|k| !modified.contains_key(*k)) {
        patch.insert(key.clone(), Value::Null);
    }
    Value::Object(patch)
}

/// The merge patch with the changes from `current` to `modified` and the deletions from
/// `original` to `modified`.
///
/// Source: kubernetes v1.36 staging/src/k8s.io/apimachinery/pkg/util/jsonmergepatch/patch.go,
/// `CreateThreeWayJSONMergePatch`
///
/// # Errors
/// Changes and deletions at one place.
pub fn three_way(original: &Value, modified: &Value, current: &Value) -> Result<Value, PatchError> {
    let empty = Value::Object(Map::new());
    let original = if original.is_null() { &empty } else { original };
    let changes = sift(&create(current, modified), Keep::Changes);
    let deletions = sift(&create(original, modified), Keep::Deletions);
    let (changes, deletions) = (changes.unwrap_or(empty.clone()), deletions.unwrap_or(empty));
    if conflict(&changes, &deletions) {
        let text = format!(
            "patch:\n{changes}\nconflicts with changes made from original to current:\n{deletions}\n"
        );
        return Err(PatchError::Conflict(text));
    }
    Ok(join(&deletions, &changes))
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Keep {
    Changes,
    Deletions,
}

/// The part of a patch that deletes, or the part that does not; none if nothing is left.
fn sift(patch: &Value, keep: Keep) -> Option<Value> {
    match patch {
        Value::Null => (keep == Keep::Deletions).then_some(Value::Null),
        Value::Object(map) => {
            let inner = |(key, value): (&String, &Value)| Some((key.clone(), sift(value, keep)?));
            let left: Map<String, Value> = map.iter().filter_map(inner).collect();
            let stays = !left.is_empty() || (keep == Keep::Changes && map.is_empty());
            stays.then_some(Value::Object(left))
        }
        Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            (keep == Keep::Changes).then(|| patch.clone())
        }
    }
}

fn conflict(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Object(left), Value::Object(right)) => {
            left.iter().any(|(k, l)| right.get(k).is_some_and(|r| conflict(l, r)))
        }
        (left, right) => left != right,
    }
}

/// Two patches in one; unlike applying, the nulls of both stay.
fn join(first: &Value, second: &Value) -> Value {
    match (first, second) {
        (Value::Object(first), Value::Object(second)) => {
            let mut all = first.clone();
            for (key, value) in second {
                let joined = first.get(key).map_or_else(|| value.clone(), |f| join(f, value));
                all.insert(key.clone(), joined);
            }
            Value::Object(all)
        }
        (_, second) => second.clone(),
    }
}
