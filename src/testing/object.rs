//! What an operator does with objects of any kind: makes one, owns a child, reads a field, writes a
//! status, holds an object until it has cleaned up.
//!
//! Each writer gives no write where there is nothing to change, so that a settled object plans
//! nothing.

use serde_json::{Map, Value, json};

use crate::api::Name;
use crate::api::object::{Kind, Object, controller_reference};
use crate::api::why::Why;
use crate::client::plan::Write;

/// A new object of any kind: its members beside `apiVersion`, `kind` and `metadata`.
///
/// # Panics
/// When the members are not those of the kind.
pub fn object(kind: Kind, namespace: &str, name: &str, members: Value) -> Object {
    let mut all =
        Map::from_iter([("metadata".to_owned(), json!({"namespace": namespace, "name": name}))]);
    if let Value::Object(members) = members {
        all.extend(members);
    }
    let object = Object::from_value(kind, Value::Object(all));
    object.unwrap_or_else(|why| panic!("no {}: {why}", kind.name()))
}

/// The object as one that another manages: it goes when its owner goes.
#[must_use]
pub fn owned_by(mut object: Object, owner: &Object) -> Object {
    let reference = controller_reference(owner.kind(), owner.meta());
    object.meta_mut().set_owners(vec![reference]);
    object
}

/// A field by its JSON pointer, `/spec/replicas`, of an object of any kind; null where there is
/// none.
pub fn field(object: &Object, pointer: &str) -> Value {
    if let Object::Opaque(opaque) = object {
        let mut path = pointer.split('/').skip(1);
        let first = path.next().and_then(|name| opaque.body.get(name));
        return first
            .and_then(|first| path.try_fold(first, |value, name| value.get(name)))
            .cloned()
            .unwrap_or_default();
    }
    object.to_value().pointer(pointer).cloned().unwrap_or_default()
}

/// The object with another value of a field, by its JSON pointer: what is missing on the way to it
/// is made.
///
/// # Panics
/// When the field of this kind does not take such a value.
#[must_use]
pub fn with(object: &Object, pointer: &str, value: Value) -> Object {
    let mut whole = object.to_value();
    let mut place = &mut whole;
    for name in pointer.split('/').skip(1) {
        if !place.is_object() {
            *place = json!({});
        }
        place = &mut place[name];
    }
    *place = value;
    let new = Object::from_value(object.kind(), whole);
    new.unwrap_or_else(|why| panic!("{pointer} of {}: {why}", object.kind().name()))
}

/// The write of a status, where it is another one.
pub fn status(object: &Object, status: Value, why: impl Into<Why>) -> Option<Write> {
    if field(object, "/status") == status {
        return None;
    }
    Some(Write::update_status(with(object, "/status", status), why))
}

/// The write that holds an object until somebody has cleaned up, where it is not held yet.
pub fn hold(object: &Object, finalizer: &str, why: impl Into<Why>) -> Option<Write> {
    let meta = object.meta();
    if meta.has_finalizer(finalizer) || meta.is_deleting() {
        return None;
    }
    let mut all = meta.finalizers().to_vec();
    all.push(Name::new(finalizer));
    Some(finalizers(object, all, why))
}

/// The write that lets an object go, where it is held.
pub fn release(object: &Object, finalizer: &str, why: impl Into<Why>) -> Option<Write> {
    let meta = object.meta();
    if !meta.has_finalizer(finalizer) {
        return None;
    }
    let all = meta.finalizers().iter().filter(|name| *name != finalizer).cloned().collect();
    Some(finalizers(object, all, why))
}

fn finalizers(object: &Object, all: Vec<Name>, why: impl Into<Why>) -> Write {
    let mut object = object.clone();
    object.meta_mut().set_finalizers(all);
    Write::update(object, why)
}
