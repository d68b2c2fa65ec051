//! Making strategic merge patches.
//!
//! Source: kubernetes v1.36 staging/src/k8s.io/apimachinery/pkg/util/strategicpatch/patch.go,
//! `diffMaps` and what it calls

use std::cmp::Ordering;

use serde_json::{Value, json};

use super::list::{Elements, go_text, sorted_scalars, without_duplicates};
use super::{DELETE_FROM, Object, PATCH, RETAIN_KEYS, SET_ORDER, look_up, same_type};
use crate::api::patch::PatchError;
use crate::api::schema::{Schema, Strategy};

/// Which parts of the difference go into the patch.
#[derive(Clone, Copy, Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is an option of its own")]
pub(super) struct Wanted {
    /// Leave out changes and additions.
    pub(super) no_changes: bool,
    /// Leave out deletions.
    pub(super) no_deletions: bool,
    /// Tell the order of lists that change.
    pub(super) set_order: bool,
    /// Tell which keys of the map stay.
    pub(super) retain_keys: bool,
}

/// The patch that takes one map to another.
pub(super) fn maps(
    original: &Object,
    modified: &Object,
    schema: Option<Schema<'_>>,
    wanted: Wanted,
) -> Result<Object, PatchError> {
    let mut patch = Object::new();
    for (key, new) in modified {
        match original.get(key) {
            Some(old) => value(&mut patch, key, (old, new), schema, wanted)?,
            None if wanted.no_changes => {}
            None => {
                patch.insert(key.clone(), new.clone());
            }
        }
    }
    if !wanted.no_deletions {
        for key in original.keys().filter(|k| !modified.contains_key(*k)) {
            patch.insert(key.clone(), Value::Null);
        }
    }
    if wanted.retain_keys {
        retain(&mut patch, original, modified);
    }
    Ok(patch)
}

/// Adds `$retainKeys` if the patch does something or the original has more than it should.
fn retain(patch: &mut Object, original: &Object, modified: &Object) {
    let present = |map: &Object| -> Vec<Value> {
        map.iter().filter(|(_, v)| !v.is_null()).map(|(k, _)| Value::from(k.as_str())).collect()
    };
    let keys = present(modified);
    let too_much = original.iter().any(|(k, v)| !v.is_null() && !modified.contains_key(k));
    if !keys.is_empty() && (!patch.is_empty() || too_much) {
        patch.insert(RETAIN_KEYS.to_owned(), Value::Array(sorted_scalars(&keys)));
    }
}

fn value(
    patch: &mut Object,
    key: &str,
    (old, new): (&Value, &Value),
    schema: Option<Schema<'_>>,
    wanted: Wanted,
) -> Result<(), PatchError> {
    if key == PATCH {
        if old != new {
            patch.insert(key.to_owned(), new.clone());
        }
        return Ok(());
    }
    match (old, new) {
        (Value::Object(_), Value::Object(_)) | (Value::Array(_), Value::Array(_)) => {
            let (inner, strategy) = match look_up(schema, key) {
                Ok(found) => found,
                // A field that is not known does no harm as long as it stays as it is.
                Err(_) if old == new => return Ok(()),
                Err(error) => return Err(error),
            };
            let wanted = Wanted { retain_keys: strategy.retain_keys, ..wanted };
            nested(patch, key, (old, new), inner, strategy, wanted)
        }
        (old, new) => {
            let changed = !same_type(old, new) || old != new;
            replace(patch, key, new, changed && !wanted.no_changes);
            Ok(())
        }
    }
}

fn replace(patch: &mut Object, key: &str, new: &Value, it_is_to_be: bool) {
    if it_is_to_be {
        patch.insert(key.to_owned(), new.clone());
    }
}

fn nested(
    patch: &mut Object,
    key: &str,
    pair: (&Value, &Value),
    inner: Option<Schema<'_>>,
    strategy: &Strategy,
    wanted: Wanted,
) -> Result<(), PatchError> {
    match pair {
        (Value::Object(_), new) if strategy.replace => {
            replace(patch, key, new, !wanted.no_changes);
        }
        (Value::Object(old), Value::Object(new)) => {
            let inside = maps(old, new, inner, wanted)?;
            replace(patch, key, &Value::Object(inside.clone()), !inside.is_empty());
        }
        (Value::Array(old), Value::Array(new)) if strategy.merge => {
            let found = lists(old, new, inner, strategy.merge_key, wanted)?;
            let parts = [("", found.add), (DELETE_FROM, found.delete), (SET_ORDER, found.order)];
            for (prefix, list) in parts.into_iter().filter(|(_, l)| !l.is_empty()) {
                patch.insert(format!("{prefix}{key}"), Value::Array(list));
            }
        }
        (old, new) => replace(patch, key, new, old != new && !wanted.no_changes),
    }
    Ok(())
}

/// The difference of two lists that merge.
#[derive(Default)]
struct ListDiff {
    add: Vec<Value>,
    delete: Vec<Value>,
    order: Vec<Value>,
}

fn lists(
    original: &[Value],
    modified: &[Value],
    schema: Option<Schema<'_>>,
    merge_key: &str,
    wanted: Wanted,
) -> Result<ListDiff, PatchError> {
    if original.is_empty() {
        let add = if wanted.no_changes { Vec::new() } else { modified.to_vec() };
        return Ok(ListDiff { add, ..ListDiff::default() });
    }
    match Elements::of([original, modified], merge_key)? {
        Some(Elements::Maps(_)) => lists_of_maps(original, modified, schema, merge_key, wanted),
        Some(Elements::Scalars) | None => lists_of_scalars(original, modified, wanted),
    }
}

fn lists_of_maps(
    original: &[Value],
    modified: &[Value],
    schema: Option<Schema<'_>>,
    merge_key: &str,
    wanted: Wanted,
) -> Result<ListDiff, PatchError> {
    let elements = Elements::Maps(merge_key);
    elements.check(original)?;
    elements.check(modified)?;
    let (changes, deletions) = map_changes(original, modified, schema, merge_key, wanted)?;
    let mut add = elements.ordered(changes, modified)?;
    let keys = |list: &[Value]| list.iter().map(|e| e[merge_key].clone()).collect::<Vec<_>>();
    let same_order = keys(original) == keys(modified);
    add.extend(deletions);
    let told = (!wanted.no_changes && (!add.is_empty() || !same_order))
        || (!wanted.no_deletions && !add.is_empty());
    let order = if wanted.set_order && told {
        keys(modified).into_iter().map(|key| json!({ merge_key: key })).collect()
    } else {
        Vec::new()
    };
    Ok(ListDiff { add, delete: Vec::new(), order })
}

/// The elements to add or change, and the directives that delete.
fn map_changes(
    original: &[Value],
    modified: &[Value],
    schema: Option<Schema<'_>>,
    merge_key: &str,
    wanted: Wanted,
) -> Result<(Vec<Value>, Vec<Value>), PatchError> {
    let none = Object::new();
    let (mut changes, mut deletions) = (Vec::new(), Vec::new());
    for pair in paired(original, modified, |e| go_text(e.get(merge_key))) {
        match pair {
            (Some(old), Some(new)) => {
                let (old, map) = (old.as_object(), new.as_object());
                let (old, map) = (old.unwrap_or(&none), map.unwrap_or(&none));
                let mut change = maps(old, map, schema, wanted)?;
                if !change.is_empty() {
                    change.insert(merge_key.to_owned(), new[merge_key].clone());
                    changes.push(Value::Object(change));
                }
            }
            (None, Some(new)) if !wanted.no_changes => changes.push(new.clone()),
            (Some(old), None) if !wanted.no_deletions => {
                deletions.push(json!({ merge_key: old[merge_key], PATCH: "delete" }));
            }
            (None | Some(_), None) | (None, Some(_)) => {}
        }
    }
    Ok((changes, deletions))
}

fn lists_of_scalars(
    original: &[Value],
    modified: &[Value],
    wanted: Wanted,
) -> Result<ListDiff, PatchError> {
    let (mut add, mut delete) = (Vec::new(), Vec::new());
    for pair in paired(original, modified, |e| go_text(Some(e))) {
        match pair {
            (None, Some(new)) if !wanted.no_changes => add.push(new.clone()),
            (Some(old), None) if !wanted.no_deletions => delete.push(old.clone()),
            (Some(_) | None, Some(_) | None) => {}
        }
    }
    let delete = without_duplicates(delete);
    let add = Elements::Scalars.ordered(add, modified)?;
    // Kubernetes sorts the original list in place before it compares the two.
    let changed = !wanted.no_changes && sorted_scalars(original) != modified;
    let told = (!wanted.no_deletions && !delete.is_empty()) || changed;
    let order = if wanted.set_order && told { modified.to_vec() } else { Vec::new() };
    Ok(ListDiff { add, delete, order })
}

type Pair<'a> = (Option<&'a Value>, Option<&'a Value>);

/// The elements of two lists in the order of their texts, those with the same text in pairs.
fn paired<'a>(
    left: &'a [Value],
    right: &'a [Value],
    text: impl Fn(&Value) -> String,
) -> Vec<Pair<'a>> {
    let by_text = |list: &'a [Value]| {
        let mut list: Vec<(String, &'a Value)> = list.iter().map(|e| (text(e), e)).collect();
        list.sort_by(|a, b| a.0.cmp(&b.0));
        list
    };
    let (left, right) = (by_text(left), by_text(right));
    let (mut left, mut right) = (left.into_iter().peekable(), right.into_iter().peekable());
    let mut pairs = Vec::new();
    loop {
        let order = match (left.peek(), right.peek()) {
            (None, None) => return pairs,
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some(l), Some(r)) => l.0.cmp(&r.0),
        };
        let take_left = if order == Ordering::Greater { None } else { left.next() };
        let take_right = if order == Ordering::Less { None } else { right.next() };
        pairs.push((take_left.map(|l| l.1), take_right.map(|r| r.1)));
    }
}
