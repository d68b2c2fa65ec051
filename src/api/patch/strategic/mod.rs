//! Strategic merge patches: lists merge by keys, as the schema of the kind says.
//!
//! `diff` makes them, `merge` applies them, `list` has what both do to lists, `conflict`
//! compares two of them. They must never look at what a field means, only at its strategy.

mod conflict;
mod diff;
mod list;
mod merge;

use serde_json::{Map, Value};

use crate::api::patch::PatchError;
use crate::api::schema::{Schema, Strategy, Type};

pub use list::sorted;

/// `$patch: replace`, `$patch: delete`, `$patch: merge`: what is to be done with a whole map.
const PATCH: &str = "$patch";
/// The keys of a map that stay.
const RETAIN_KEYS: &str = "$retainKeys";
/// `$deleteFromPrimitiveList/finalizers`: the scalars to delete.
const DELETE_FROM: &str = "$deleteFromPrimitiveList/";
/// `$setElementOrder/containers`: the order of the elements.
const SET_ORDER: &str = "$setElementOrder/";

type Object = Map<String, Value>;

/// The three documents of a three-way patch; null is an empty one.
#[derive(Clone, Copy, Debug)]
pub struct Documents<'a> {
    /// What was applied last.
    pub original: &'a Value,
    /// What is to be applied.
    pub modified: &'a Value,
    /// The live object.
    pub current: &'a Value,
}

/// Whether a three-way patch may change what others have changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Overwrite {
    /// It may.
    Yes,
    /// Such a change is a conflict.
    No,
}

/// The patch that takes `original` to `modified`.
///
/// Source: kubernetes v1.36 staging/src/k8s.io/apimachinery/pkg/util/strategicpatch/patch.go,
/// `CreateTwoWayMergePatch`
///
/// # Errors
/// A list that merges and lacks its keys, or a changed field that is not known.
pub fn two_way(
    original: &Value,
    modified: &Value,
    schema: Schema<'_>,
) -> Result<Value, PatchError> {
    let all = diff::Wanted { set_order: true, ..diff::Wanted::default() };
    diff::maps(&object(original)?, &object(modified)?, Some(schema), all).map(Value::Object)
}

/// The patch that takes `current` to `modified` and deletes only what `original` had.
///
/// Source: kubernetes v1.36 staging/src/k8s.io/apimachinery/pkg/util/strategicpatch/patch.go,
/// `CreateThreeWayMergePatch`
///
/// # Errors
/// As for two documents; and the conflict, where nothing of others may be overwritten.
pub fn three_way(
    documents: Documents<'_>,
    schema: Schema<'_>,
    overwrite: Overwrite,
) -> Result<Value, PatchError> {
    let original = object(documents.original)?;
    let modified = object(documents.modified)?;
    let current = object(documents.current)?;
    let schema = Some(schema);
    let all = diff::Wanted { set_order: true, ..diff::Wanted::default() };
    let changes = diff::Wanted { no_deletions: true, ..all };
    let changes = diff::maps(&current, &modified, schema, changes)?;
    let deletions = diff::Wanted { no_changes: true, ..all };
    let deletions = diff::maps(&original, &modified, schema, deletions)?;
    let patch = merge::maps(deletions, changes, schema, merge::Into::Patch)?;
    if overwrite == Overwrite::No {
        let others = diff::maps(&original, &current, schema, diff::Wanted::default())?;
        if conflict::maps(&patch, &others, schema)? {
            let (ours, theirs) = (Value::Object(patch), Value::Object(others));
            return Err(PatchError::Conflict(format!(
                "patch:\n{ours}\nconflicts with changes made from original to current:\n{theirs}\n"
            )));
        }
    }
    Ok(Value::Object(patch))
}

/// The document after a patch.
///
/// Source: kubernetes v1.36 staging/src/k8s.io/apimachinery/pkg/util/strategicpatch/patch.go,
/// `StrategicMergePatch`
///
/// # Errors
/// A patch that is not of the right form, or does not go with the document.
pub fn apply(document: &Value, patch: &Value, schema: Schema<'_>) -> Result<Value, PatchError> {
    let (document, patch) = (object(document)?, object(patch)?);
    merge::maps(document, patch, Some(schema), merge::Into::Document).map(Value::Object)
}

fn object(document: &Value) -> Result<Object, PatchError> {
    match document {
        Value::Object(map) => Ok(map.clone()),
        Value::Null => Ok(Object::new()),
        Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            Err(PatchError::Malformed("invalid JSON document".to_owned()))
        }
    }
}

/// The strategy of a field, and the schema of what it or its elements are if that is a struct.
///
/// Source: kubernetes v1.36
/// staging/src/k8s.io/apimachinery/third_party/forked/golang/json/fields.go,
/// `LookupPatchMetadataForStruct`
fn look_up<'a>(
    schema: Option<Schema<'a>>,
    key: &str,
) -> Result<(Option<Schema<'a>>, &'a Strategy), PatchError> {
    let no_struct = "merging an object in json but data type is not struct";
    let schema = schema.ok_or_else(|| PatchError::CannotApply(no_struct.to_owned()))?;
    let field = schema.field(key).ok_or_else(|| {
        PatchError::CannotApply(format!(
            "unable to find api field in struct {} for the json field \"{key}\"",
            schema.name()
        ))
    })?;
    let inner =
        if matches!(field.holds, Type::Map(_)) { None } else { schema.of_type(&field.holds) };
    Ok((inner, &field.strategy))
}

/// Whether two values are of one JSON type; whole numbers and others are two.
fn same_type(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => a.is_f64() == b.is_f64(),
        (a, b) => std::mem::discriminant(a) == std::mem::discriminant(b),
    }
}

fn no_merge_key(element: &Value, key: &str) -> PatchError {
    PatchError::Malformed(format!("map: {element} does not contain declared merge key: {key}"))
}
