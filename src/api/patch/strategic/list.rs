//! What making and applying patches do to lists: orders, keys, duplicates.

use serde_json::Value;

use super::{DELETE_FROM, Object, PATCH, RETAIN_KEYS, SET_ORDER, look_up, no_merge_key};
use crate::api::patch::PatchError;
use crate::api::schema::{Schema, Strategy};

/// What the elements of a list are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Elements<'a> {
    /// Maps, told apart by this field.
    Maps(&'a str),
    /// Texts, numbers and the like.
    Scalars,
}

impl<'a> Elements<'a> {
    /// The kind of the elements of two lists, which must be one; none if both are empty.
    pub(super) fn of(
        lists: [&[Value]; 2],
        merge_key: &'a str,
    ) -> Result<Option<Elements<'a>>, PatchError> {
        let mut all = lists.into_iter().flatten();
        let Some(first) = all.next() else { return Ok(None) };
        if first.is_array() {
            let text = "lists of lists are not supported";
            return Err(PatchError::CannotApply(text.to_owned()));
        }
        if !all.all(|other| super::same_type(first, other)) {
            let text = format!("list element types are not identical: {lists:?}");
            return Err(PatchError::CannotApply(text));
        }
        let maps = first.is_object();
        Ok(Some(if maps { Elements::Maps(merge_key) } else { Elements::Scalars }))
    }

    /// What tells an element apart.
    fn key_of(self, element: &Value) -> &Value {
        match self {
            Elements::Maps(key) => &element[key],
            Elements::Scalars => element,
        }
    }

    /// Where an element of this key stands.
    pub(super) fn position(self, list: &[Value], element: &Value) -> Option<usize> {
        let key = self.key_of(element);
        list.iter().position(|other| self.key_of(other) == key)
    }

    /// Fails if an element lacks the merge key.
    pub(super) fn check(self, list: &[Value]) -> Result<(), PatchError> {
        let Elements::Maps(key) = self else { return Ok(()) };
        match list.iter().find(|e| e.get(key).is_none()) {
            Some(element) => Err(no_merge_key(element, key)),
            None => Ok(()),
        }
    }

    /// The list in the order of another; elements to be deleted come last.
    ///
    /// Source: kubernetes v1.36
    /// staging/src/k8s.io/apimachinery/pkg/util/strategicpatch/patch.go, `normalizeSliceOrder`
    pub(super) fn ordered(
        self,
        list: Vec<Value>,
        order: &[Value],
    ) -> Result<Vec<Value>, PatchError> {
        self.check(&list)?;
        self.check(order)?;
        let (deletes, mut sorted): (Vec<_>, Vec<_>) = list.into_iter().partition(is_delete);
        let place = |e: &Value| self.position(order, e);
        for i in 1..sorted.len() {
            // An element that the order does not name counts as less than any other.
            let kept =
                |a: &Value, b: &Value| matches!((place(a), place(b)), (Some(a), Some(b)) if a >= b);
            let less = |a: &Value, b: &Value| !kept(a, b);
            let mut j = i;
            while j > 0 && less(&sorted[j], &sorted[j - 1]) {
                sorted.swap(j, j - 1);
                j -= 1;
            }
        }
        sorted.extend(deletes);
        Ok(sorted)
    }

    /// The elements that `order` names in its order, and the others put between them where they
    /// stood in `server_order`.
    ///
    /// Source: kubernetes v1.36
    /// staging/src/k8s.io/apimachinery/pkg/util/strategicpatch/patch.go, `normalizeElementOrder`
    pub(super) fn woven(
        self,
        merged: Vec<Value>,
        order: &[Value],
        server_order: &[Value],
    ) -> Result<Vec<Value>, PatchError> {
        self.check(&merged)?;
        let named = |e: &Value| self.position(order, e).is_some();
        let (named, others): (Vec<_>, Vec<_>) = merged.into_iter().partition(named);
        let named = self.ordered(named, order)?;
        let others = self.ordered(others, server_order)?;
        let place = |e: &Value| self.position(server_order, e);
        let mut all = Vec::with_capacity(named.len() + others.len());
        let mut others = others.into_iter().peekable();
        for element in named {
            let here = place(&element);
            let before = |o: &Value| matches!((place(o), here), (Some(o), Some(h)) if o < h);
            while let Some(other) = others.next_if(before) {
                all.push(other);
            }
            all.push(element);
        }
        all.extend(others);
        Ok(all)
    }
}

/// Whether an element says that its like is to be deleted.
pub(super) fn is_delete(element: &Value) -> bool {
    element.get(PATCH).is_some_and(|p| p == "delete")
}

/// A scalar as Go prints it, by which scalars and merge keys are ordered.
pub(super) fn go_text(value: Option<&Value>) -> String {
    match value {
        None | Some(Value::Null) => "<nil>".to_owned(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    }
}

/// The scalars in the order of their texts.
pub(super) fn sorted_scalars(list: &[Value]) -> Vec<Value> {
    let mut sorted = list.to_vec();
    sorted.sort_by_cached_key(|v| go_text(Some(v)));
    sorted
}

/// The list without its duplicates; the first of each stays.
pub(super) fn without_duplicates(list: Vec<Value>) -> Vec<Value> {
    let mut once: Vec<Value> = Vec::with_capacity(list.len());
    for value in list {
        if !once.contains(&value) {
            once.push(value);
        }
    }
    once
}

/// The document with each list that merges sorted by its key, for comparisons without order.
///
/// Source: kubernetes v1.36 staging/src/k8s.io/apimachinery/pkg/util/strategicpatch/patch.go,
/// `sortMergeListsByName`
///
/// # Errors
/// A field that is not known, or a directive that is no list.
pub fn sorted(document: &Value, schema: Schema<'_>) -> Result<Value, PatchError> {
    sorted_map(&super::object(document)?, Some(schema)).map(Value::Object)
}

fn sorted_map(map: &Object, schema: Option<Schema<'_>>) -> Result<Object, PatchError> {
    let mut result = Object::new();
    for (key, value) in map {
        let value = if key == RETAIN_KEYS || key.starts_with(DELETE_FROM) {
            let list = value.as_array().ok_or_else(|| bad_list(key))?;
            Value::Array(sorted_scalars(list))
        } else if key == PATCH || key.starts_with(SET_ORDER) {
            value.clone()
        } else {
            let (inner, strategy) = look_up(schema, key)?;
            sorted_value(value, inner, strategy)?
        };
        result.insert(key.clone(), value);
    }
    Ok(result)
}

fn sorted_value(
    value: &Value,
    inner: Option<Schema<'_>>,
    strategy: &Strategy,
) -> Result<Value, PatchError> {
    match value {
        Value::Object(map) if inner.is_some() => sorted_map(map, inner).map(Value::Object),
        Value::Array(list) if strategy.merge => {
            let Some(elements) = Elements::of([list, &[]], strategy.merge_key)? else {
                return Ok(value.clone());
            };
            let Elements::Maps(key) = elements else {
                return Ok(Value::Array(sorted_scalars(&without_duplicates(list.clone()))));
            };
            let maps = list.iter().filter_map(Value::as_object);
            let mut maps: Vec<Object> =
                maps.map(|m| sorted_map(m, inner)).collect::<Result<_, _>>()?;
            maps.sort_by_cached_key(|m| go_text(m.get(key)));
            Ok(Value::Array(maps.into_iter().map(Value::Object).collect()))
        }
        Value::Null
        | Value::Bool(_)
        | Value::Number(_)
        | Value::String(_)
        | Value::Array(_)
        | Value::Object(_) => Ok(value.clone()),
    }
}

/// The directive should hold a list.
pub(super) fn bad_list(key: &str) -> PatchError {
    PatchError::Malformed(format!("invalid patch format of `{key}`: it is no list"))
}
