//! Whether two strategic merge patches change one place differently.
//!
//! Source: kubernetes v1.36 staging/src/k8s.io/apimachinery/pkg/util/strategicpatch/patch.go,
//! `MergingMapsHaveConflicts`

use serde_json::Value;

use super::list::{Elements, go_text, sorted_scalars, without_duplicates};
use super::{Object, PATCH, RETAIN_KEYS, look_up};
use crate::api::patch::PatchError;
use crate::api::schema::{Schema, Strategy};

/// Whether two maps of changes are in conflict.
pub(super) fn maps(
    left: &Object,
    right: &Object,
    schema: Option<Schema<'_>>,
) -> Result<bool, PatchError> {
    if left.get(PATCH) != right.get(PATCH) {
        return Ok(true);
    }
    for (key, left) in left.iter().filter(|(k, _)| *k != PATCH && *k != RETAIN_KEYS) {
        let Some(right) = right.get(key) else { continue };
        if left.is_object() || left.is_array() {
            let (inner, strategy) = look_up(schema, key)?;
            if values(left, right, inner, strategy)? {
                return Ok(true);
            }
        } else if left != right {
            return Ok(true);
        }
    }
    Ok(false)
}

fn values(
    left: &Value,
    right: &Value,
    schema: Option<Schema<'_>>,
    strategy: &Strategy,
) -> Result<bool, PatchError> {
    match (left, right) {
        (Value::Object(left), Value::Object(right)) => {
            if strategy.replace && left.get(PATCH) == right.get(PATCH) {
                return Ok(false);
            }
            maps(left, right, schema)
        }
        (Value::Array(left), Value::Array(right)) => lists(left, right, schema, strategy),
        (left, right) => Ok(left != right),
    }
}

fn lists(
    left: &[Value],
    right: &[Value],
    schema: Option<Schema<'_>>,
    strategy: &Strategy,
) -> Result<bool, PatchError> {
    let elements = Elements::of([left, right], strategy.merge_key)?;
    if strategy.merge {
        return match elements {
            Some(Elements::Maps(key)) => by_key(left, right, key, schema),
            Some(Elements::Scalars) | None => Ok(false),
        };
    }
    if left.len() != right.len() {
        return Ok(true);
    }
    if elements == Some(Elements::Scalars) {
        let set = |list: &[Value]| sorted_scalars(&without_duplicates(list.to_vec()));
        return Ok(set(left) != set(right));
    }
    any(left.iter().zip(right), schema)
}

fn by_key(
    left: &[Value],
    right: &[Value],
    key: &str,
    schema: Option<Schema<'_>>,
) -> Result<bool, PatchError> {
    Elements::Maps(key).check(left)?;
    Elements::Maps(key).check(right)?;
    let text = |e: &Value| go_text(e.get(key));
    let like = |l: &Value| right.iter().find(|r| text(r) == text(l));
    any(left.iter().filter_map(|l| Some((l, like(l)?))), schema)
}

fn any<'a>(
    pairs: impl Iterator<Item = (&'a Value, &'a Value)>,
    schema: Option<Schema<'_>>,
) -> Result<bool, PatchError> {
    let none = Strategy::default();
    for (left, right) in pairs {
        if values(left, right, schema, &none)? {
            return Ok(true);
        }
    }
    Ok(false)
}
