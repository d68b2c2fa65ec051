//! Applying strategic merge patches, to documents and to other patches.
//!
//! Source: kubernetes v1.36 staging/src/k8s.io/apimachinery/pkg/util/strategicpatch/patch.go,
//! `mergeMap` and what it calls

use serde_json::Value;

use super::list::{Elements, bad_list, is_delete, without_duplicates};
use super::{DELETE_FROM, Object, PATCH, RETAIN_KEYS, SET_ORDER, look_up, no_merge_key, same_type};
use crate::api::patch::PatchError;
use crate::api::schema::{Schema, Strategy};

/// What a patch is applied to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Into {
    /// A document: directives are carried out, and nulls without counterpart are dropped.
    Document,
    /// Another patch: directives and nulls are kept.
    Patch,
}

/// A map after a patch.
pub(super) fn maps(
    mut original: Object,
    mut patch: Object,
    schema: Option<Schema<'_>>,
    into: Into,
) -> Result<Object, PatchError> {
    if let Some(directive) = patch.remove(PATCH) {
        return match directive.as_str() {
            Some("replace") => Ok(patch),
            Some("delete") => Ok(Object::new()),
            Some(_) | None => Err(unknown_directive(&directive)),
        };
    }
    retain_keys(&mut original, &mut patch, into)?;
    set_orders(&mut original, &mut patch, schema, into)?;
    for (key, value) in patch {
        match key.strip_prefix(DELETE_FROM) {
            Some(_) if into == Into::Patch => {
                original.insert(key, value);
            }
            Some(list) => delete_scalars(&mut original, list, &value, schema)?,
            None => merge_field(&mut original, key, value, schema, into)?,
        }
    }
    Ok(original)
}

fn merge_field(
    original: &mut Object,
    key: String,
    value: Value,
    schema: Option<Schema<'_>>,
    into: Into,
) -> Result<(), PatchError> {
    if value.is_null() {
        original.shift_remove(&key);
        if into == Into::Patch {
            original.insert(key, value);
        }
        return Ok(());
    }
    let Some(old) = original.get_mut(&key).filter(|old| same_type(old, &value)) else {
        let value = if into == Into::Document { without_nulls(value) } else { value };
        if let Some(value) = without_directives(value) {
            original.insert(key, value);
        }
        return Ok(());
    };
    match (old, value) {
        (Value::Object(old), Value::Object(new)) => {
            let (inner, strategy) = look_up(schema, &key)?;
            *old =
                if strategy.replace { new } else { maps(std::mem::take(old), new, inner, into)? };
        }
        (Value::Array(old), Value::Array(new)) => {
            let (inner, strategy) = look_up(schema, &key)?;
            *old = field_lists(std::mem::take(old), new, inner, strategy, into)?;
        }
        (old, new) => *old = new,
    }
    Ok(())
}

fn field_lists(
    original: Vec<Value>,
    patch: Vec<Value>,
    schema: Option<Schema<'_>>,
    strategy: &Strategy,
    into: Into,
) -> Result<Vec<Value>, PatchError> {
    if !strategy.merge {
        return Ok(patch);
    }
    let Some(elements) = Elements::of([&original, &patch], strategy.merge_key)? else {
        return Ok(original);
    };
    let (original, patch, merged) = match elements {
        Elements::Scalars => {
            let both = original.iter().chain(&patch).cloned().collect();
            (original, patch, without_duplicates(both))
        }
        Elements::Maps("") => {
            let text = "cannot merge lists without merge key";
            return Err(PatchError::CannotApply(text.to_owned()));
        }
        Elements::Maps(key) => {
            let (original, patch) = carry_out(original, patch, key)?;
            let merged = merge_maps(original.clone(), &patch, key, schema, into)?;
            (original, patch, merged)
        }
    };
    elements.woven(merged, &patch, &original)
}

/// Carries out the directives among the elements; what is left of both lists.
fn carry_out(
    mut original: Vec<Value>,
    patch: Vec<Value>,
    key: &str,
) -> Result<(Vec<Value>, Vec<Value>), PatchError> {
    let mut rest = Vec::new();
    let mut replaces = false;
    for element in patch {
        match element.get(PATCH).map(Value::as_str) {
            None => rest.push(element),
            Some(Some("delete")) => {
                let gone = element.get(key).ok_or_else(|| no_merge_key(&element, key))?;
                original.retain(|e| e.get(key) != Some(gone));
            }
            Some(Some("replace")) => replaces = true,
            Some(Some("merge")) => {
                let text = "merging lists cannot yet be specified in the patch";
                return Err(PatchError::Malformed(text.to_owned()));
            }
            Some(Some(_) | None) => return Err(unknown_directive(&element[PATCH])),
        }
    }
    Ok(if replaces { (rest, Vec::new()) } else { (original, rest) })
}

fn merge_maps(
    mut original: Vec<Value>,
    patch: &[Value],
    key: &str,
    schema: Option<Schema<'_>>,
    into: Into,
) -> Result<Vec<Value>, PatchError> {
    for element in patch {
        let wanted = element.get(key).ok_or_else(|| no_merge_key(element, key))?;
        let old = original.iter_mut().find(|e| e.get(key) == Some(wanted));
        match (old, element) {
            (Some(Value::Object(old)), Value::Object(new)) => {
                *old = maps(std::mem::take(old), new.clone(), schema, into)?;
            }
            (_, element) => original.push(element.clone()),
        }
    }
    Ok(original)
}

fn delete_scalars(
    original: &mut Object,
    key: &str,
    gone: &Value,
    schema: Option<Schema<'_>>,
) -> Result<(), PatchError> {
    let gone = gone.as_array().ok_or_else(|| bad_list(key))?;
    let Some(Value::Array(list)) = original.get_mut(key) else { return Ok(()) };
    let (_, strategy) = look_up(schema, key)?;
    if strategy.merge {
        list.retain(|e| !gone.contains(e));
    } else {
        list.clone_from(gone);
    }
    Ok(())
}

/// Carries out `$retainKeys`, or hands it on to the other patch.
///
/// Source: kubernetes v1.36 staging/src/k8s.io/apimachinery/pkg/util/strategicpatch/patch.go,
/// `applyRetainKeysDirective`
fn retain_keys(original: &mut Object, patch: &mut Object, into: Into) -> Result<(), PatchError> {
    let Some(keys) = patch.shift_remove(RETAIN_KEYS) else { return Ok(()) };
    if into == Into::Patch {
        if original.get(RETAIN_KEYS).is_some_and(|o| *o != keys) {
            let text = "the lists of keys to retain are not the same in both patches";
            return Err(PatchError::CannotApply(text.to_owned()));
        }
        original.insert(RETAIN_KEYS.to_owned(), keys);
        return Ok(());
    }
    let bad = || PatchError::Malformed("invalid patch format of retainKeys".to_owned());
    let keys = keys.as_array().ok_or_else(bad)?;
    let named = |key: &str| keys.iter().any(|k| k == key);
    let is_field = |key: &str| !key.starts_with(DELETE_FROM) && !key.starts_with(SET_ORDER);
    if patch.iter().any(|(key, value)| !value.is_null() && is_field(key) && !named(key)) {
        return Err(bad());
    }
    original.retain(|key, _| named(key));
    Ok(())
}

/// Carries out each `$setElementOrder`, with the list that it is about.
///
/// Source: kubernetes v1.36 staging/src/k8s.io/apimachinery/pkg/util/strategicpatch/patch.go,
/// `mergePatchIntoOriginal`
fn set_orders(
    original: &mut Object,
    patch: &mut Object,
    schema: Option<Schema<'_>>,
    into: Into,
) -> Result<(), PatchError> {
    let directives: Vec<String> =
        patch.keys().filter(|k| k.starts_with(SET_ORDER)).cloned().collect();
    for directive in directives {
        let Some(order) = patch.shift_remove(&directive) else { continue };
        if into == Into::Patch {
            if original.get(&directive).is_some_and(|o| *o != order) {
                return Err(bad_list(&directive));
            }
            original.insert(directive.clone(), order.clone());
        }
        let order = order.as_array().ok_or_else(|| bad_list(&directive))?;
        let key = directive.trim_start_matches(SET_ORDER);
        if let Some(list) =
            set_order(original, patch.shift_remove(key), (key, order), schema, into)?
        {
            original.insert(key.to_owned(), Value::Array(list));
        }
    }
    Ok(())
}

/// The list after its patch, in the wanted order; none if there is no such list.
fn set_order(
    original: &Object,
    patch: Option<Value>,
    (key, order): (&str, &[Value]),
    schema: Option<Schema<'_>>,
    into: Into,
) -> Result<Option<Vec<Value>>, PatchError> {
    let (inner, strategy) = look_up(schema, key)?;
    let old = list_of(original.get(key).cloned(), key)?;
    let new = list_of(patch, key)?;
    check_order(new.as_deref().unwrap_or_default(), order, strategy)?;
    let (before, change) = (old.as_deref().unwrap_or_default(), new.as_deref().unwrap_or_default());
    let elements = Elements::of([before, change], strategy.merge_key)?;
    let server_order = match elements {
        Some(Elements::Maps(key)) if strategy.merge => overwritten(before, change, key),
        Some(Elements::Maps(_) | Elements::Scalars) | None => before.to_vec(),
    };
    let merged = match (old, new) {
        (None, None) => return Ok(None),
        (Some(old), None) => old,
        (None, Some(new)) => new.into_iter().filter_map(without_directives).collect(),
        (Some(old), Some(new)) => field_lists(old, new, inner, strategy, into)?,
    };
    match elements {
        Some(elements) => elements.woven(merged, order, &server_order).map(Some),
        None => Err(PatchError::CannotApply("no elements in any of the given slices".to_owned())),
    }
}

/// The order of the live list as Kubernetes sees it after merging: the merge writes into the same
/// array, so deletions shift the elements in it and additions take the freed places.
///
/// An example: of the live list 1, 4 the patch deletes 1 and adds 2 and 3. What is left in the
/// array is 4, 2, and so the result is 4, 2, 3 and not 2, 3, 4.
fn overwritten(live: &[Value], patch: &[Value], key: &str) -> Vec<Value> {
    let mut array = live.to_vec();
    let mut length = array.len();
    for gone in patch.iter().filter(|e| is_delete(e)) {
        while let Some(at) = array[..length].iter().position(|e| e.get(key) == gone.get(key)) {
            array[at..length].rotate_left(1);
            length -= 1;
            if length > at {
                array[length] = array[length - 1].clone();
            }
        }
    }
    if patch.iter().any(|e| e.get(PATCH).is_some_and(|p| p == "replace")) {
        return array;
    }
    for new in patch.iter().filter(|e| e.get(PATCH).is_none()) {
        let there = array[..length.min(array.len())].iter().any(|e| e.get(key) == new.get(key));
        if there {
            continue;
        }
        if let Some(place) = array.get_mut(length) {
            place.clone_from(new);
        }
        length += 1;
    }
    array
}

fn list_of(value: Option<Value>, key: &str) -> Result<Option<Vec<Value>>, PatchError> {
    match value {
        None => Ok(None),
        Some(Value::Array(list)) => Ok(Some(list)),
        Some(_) => Err(bad_list(key)),
    }
}

/// The elements of the patch must stand in the wanted order too.
///
/// Source: kubernetes v1.36 staging/src/k8s.io/apimachinery/pkg/util/strategicpatch/patch.go,
/// `validatePatchWithSetOrderList`
fn check_order(patch: &[Value], order: &[Value], strategy: &Strategy) -> Result<(), PatchError> {
    if patch.is_empty() || order.is_empty() {
        return Ok(());
    }
    let key = strategy.merge_key;
    let elements = if key.is_empty() { Elements::Scalars } else { Elements::Maps(key) };
    let plain = patch.iter().filter(|e| !is_delete(e) && e.get(PATCH).is_none());
    let plain: Vec<Value> = plain.cloned().collect();
    elements.check(&plain)?;
    elements.check(order)?;
    let mut rest = order;
    for element in &plain {
        let Some(at) = elements.position(rest, element) else {
            return Err(PatchError::Malformed(format!(
                "The order in patch list:\n{patch:?}\n doesn't match $setElementOrder list:\n\
                 {order:?}\n"
            )));
        };
        rest = &rest[at + 1..];
    }
    Ok(())
}

fn without_nulls(value: Value) -> Value {
    match value {
        Value::Object(map) => {
            let kept = map.into_iter().filter(|(_, v)| !v.is_null());
            Value::Object(kept.map(|(k, v)| (k, without_nulls(v))).collect())
        }
        Value::Array(list) => Value::Array(list.into_iter().map(without_nulls).collect()),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value,
    }
}

/// The value without the maps that carry a directive; none if it is one itself.
fn without_directives(value: Value) -> Option<Value> {
    match value {
        Value::Object(map) if map.contains_key(PATCH) => None,
        Value::Object(map) => {
            let kept = map.into_iter().filter_map(|(k, v)| Some((k, without_directives(v)?)));
            Some(Value::Object(kept.collect()))
        }
        Value::Array(list) => {
            Some(Value::Array(list.into_iter().filter_map(without_directives).collect()))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Some(value),
    }
}

fn unknown_directive(directive: &Value) -> PatchError {
    PatchError::Malformed(format!("unknown patch type {directive} in map"))
}
