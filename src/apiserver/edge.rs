//! The edge: where objects come in as JSON and are read strictly, defaulted and validated.

use serde_json::Value;

use crate::api::object::{Kind, Object};
use crate::api::refusal::Refusal;
use crate::api::request::{Patch, Subresource};

fn read(kind: Kind, value: Value) -> Result<Object, Refusal> {
    Object::from_value(kind, value).map_err(|e| Refusal::bad_request(&e.to_string()))
}

/// A new object, as a client wrote it.
///
/// # Errors
/// 400 for what cannot be read, 422 for what is not valid.
pub fn create(kind: Kind, value: Value) -> Result<Object, Refusal> {
    read(kind, value)
}

/// Another version of an object, as a client wrote it.
///
/// # Errors
/// As [`create`].
pub fn replace(current: &Object, value: &Value, _part: Subresource) -> Result<Object, Refusal> {
    read(current.kind(), value.clone())
}

/// An object after a patch.
///
/// # Errors
/// As [`create`], and for a patch that cannot be applied.
pub fn patch(current: &Object, patch: &Patch, _part: Subresource) -> Result<Object, Refusal> {
    let mut value = current.to_value();
    match patch {
        Patch::Merge(change) | Patch::Strategic(change) => json_patch::merge(&mut value, change),
        Patch::Json(_) | Patch::Apply { .. } | Patch::Edit(_) => {}
    }
    read(current.kind(), value)
}

/// A new object of a request whose path names the namespace.
///
/// # Errors
/// As [`create`], and 400 when the object names another namespace.
pub fn post(kind: Kind, namespace: &str, value: &Value) -> Result<Object, Refusal> {
    let mut object = create(kind, value.clone())?;
    let own = object.meta().namespace.clone();
    let namespace = crate::api::meta_update::match_namespace(namespace, &own)?;
    if kind.row().namespaced && own != namespace {
        object.meta_mut().namespace = namespace.into();
    }
    Ok(object)
}
