//! What is done to values by their types: merging, comparing, listing fields, removing fields.
//!
//! Source: kubernetes v1.36 vendor/sigs.k8s.io/structured-merge-diff/v6/typed

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::set::{FieldSet, Path, Step};
use super::types::{Relation, Shape, TypeId, Types};
use crate::api::patch::PatchError;

/// How two values differ.
#[derive(Clone, Debug, Default)]
pub(super) struct Comparison {
    pub(super) added: FieldSet,
    pub(super) modified: FieldSet,
    pub(super) removed: FieldSet,
}

/// What a shape says of one value: what stands there decides where there is no schema.
enum Node<'a> {
    Leaf,
    Map,
    List(TypeId, &'a Relation),
}

fn node<'a>(types: &'a Types, id: TypeId, sides: [Option<&Value>; 2]) -> Node<'a> {
    let empty = |side: Option<&Value>| match side {
        None | Some(Value::Null) => true,
        Some(Value::Object(map)) => map.is_empty(),
        Some(Value::Array(list)) => list.is_empty(),
        Some(Value::Bool(_) | Value::Number(_) | Value::String(_)) => false,
    };
    let all = |is: fn(&Value) -> bool| sides.iter().flatten().all(|v| is(v) || v.is_null());
    if sides.into_iter().all(empty) {
        return Node::Leaf;
    }
    match types.shape(id) {
        Shape::Map { atomic: false, .. } | Shape::Deduced if all(Value::is_object) => Node::Map,
        Shape::List { relation: Relation::Atomic, .. } => Node::Leaf,
        Shape::List { of, relation } if all(Value::is_array) => Node::List(*of, relation),
        Shape::Map { .. } | Shape::Deduced | Shape::Scalar | Shape::List { .. } => Node::Leaf,
    }
}

fn wrong(text: impl Into<String>) -> PatchError {
    PatchError::Malformed(text.into())
}

/// What tells an element apart.
///
/// Source: kubernetes v1.36 vendor/sigs.k8s.io/structured-merge-diff/v6/typed/helpers.go,
/// `listItemToPathElement`
fn step_of(relation: &Relation, element: &Value) -> Result<Step, PatchError> {
    let Relation::Keyed(keys) = relation else {
        return match element {
            Value::Object(_) | Value::Array(_) | Value::Null => {
                Err(wrong("associative list without keys has an element that is no scalar"))
            }
            Value::Bool(_) | Value::Number(_) | Value::String(_) => {
                Ok(Step::Value(plain(element).to_string()))
            }
        };
    };
    let map = element
        .as_object()
        .ok_or_else(|| wrong("associative list with keys has an element that is no map"))?;
    let value = |(name, default): &(String, Option<Value>)| {
        Some((name.clone(), plain(map.get(name).or(default.as_ref())?)))
    };
    let found: BTreeMap<String, Value> = keys.iter().filter_map(value).collect();
    if found.is_empty() {
        return Err(wrong("associative list with keys has an element that omits all key fields"));
    }
    Ok(Step::Key(Value::Object(found.into_iter().collect()).to_string()))
}

/// A number without an empty fraction: 2.0 and 2 are one key.
fn plain(value: &Value) -> Value {
    let text = value.to_string();
    let whole = text.strip_suffix(".0").filter(|_| value.is_f64()).map(str::parse::<i64>);
    whole.and_then(Result::ok).map_or_else(|| value.clone(), Value::from)
}

fn steps(relation: &Relation, list: &[Value]) -> Result<Vec<Step>, PatchError> {
    list.iter().map(|element| step_of(relation, element)).collect()
}

/// Fails if a value does not fit its type; duplicates are told by merging.
pub(super) fn validate(types: &Types, id: TypeId, value: &Value) -> Result<(), PatchError> {
    match (types.shape(id), value) {
        (_, Value::Null) | (Shape::Scalar | Shape::Deduced, _) => Ok(()),
        (Shape::Map { .. }, Value::Object(map)) => map.iter().try_for_each(|(key, inner)| {
            let field = types.field(id, key);
            let field =
                field.ok_or_else(|| wrong(format!(".{key}: field not declared in schema")))?;
            validate(types, field, inner)
        }),
        (Shape::List { of, .. }, Value::Array(list)) => {
            list.iter().try_for_each(|element| validate(types, *of, element))
        }
        (Shape::Map { .. }, other) => Err(wrong(format!("expected map, got {other}"))),
        (Shape::List { .. }, other) => Err(wrong(format!("expected list, got {other}"))),
    }
}

/// The fields that a value sets.
///
/// Source: kubernetes v1.36 vendor/sigs.k8s.io/structured-merge-diff/v6/typed/tofieldset.go
pub(super) fn field_set(types: &Types, id: TypeId, value: &Value) -> Result<FieldSet, PatchError> {
    let mut set = FieldSet::default();
    collect(types, id, value, &mut Path::new(), &mut set)?;
    Ok(set)
}

fn collect(
    types: &Types,
    id: TypeId,
    value: &Value,
    path: &mut Path,
    set: &mut FieldSet,
) -> Result<(), PatchError> {
    let associative = matches!(types.shape(id), Shape::List { relation, .. }
        if *relation != Relation::Atomic);
    let granular = matches!(types.shape(id), Shape::Map { atomic: false, .. } | Shape::Deduced);
    match value {
        Value::Object(map) if granular => {
            for (key, inner) in map {
                let Some(field) = types.field(id, key) else { continue };
                path.push(Step::Field(key.clone()));
                collect(types, field, inner, path, set)?;
                let empty = inner.is_null() || inner.as_object().is_some_and(Map::is_empty);
                if empty || !types.names(id, key) {
                    set.0.insert(path.clone());
                }
                path.pop();
            }
        }
        Value::Array(list) if associative => {
            let Shape::List { of, relation } = types.shape(id) else { return Ok(()) };
            for (step, elements) in by_step(relation, list)? {
                path.push(step);
                if let [element] = elements[..] {
                    collect(types, *of, element, path, set)?;
                }
                set.0.insert(path.clone());
                path.pop();
            }
        }
        Value::Null if granular || associative => {}
        Value::Null
        | Value::Bool(_)
        | Value::Number(_)
        | Value::String(_)
        | Value::Array(_)
        | Value::Object(_) => {
            set.0.insert(path.clone());
        }
    }
    Ok(())
}

/// How two values differ, leaf by leaf; what comes or goes as a whole is told with its leaves.
///
/// Source: kubernetes v1.36 vendor/sigs.k8s.io/structured-merge-diff/v6/typed/compare.go
pub(super) fn compare(
    types: &Types,
    id: TypeId,
    old: &Value,
    new: &Value,
) -> Result<Comparison, PatchError> {
    let mut walk = Compare { types, path: Path::new(), found: Comparison::default() };
    let side = |v: &'_ Value| !v.is_null();
    walk.values(id, Some(old).filter(|v| side(v)), Some(new).filter(|v| side(v)))?;
    for set in [&mut walk.found.added, &mut walk.found.modified, &mut walk.found.removed] {
        set.0.remove(&Path::new());
    }
    Ok(walk.found)
}

struct Compare<'a> {
    types: &'a Types,
    path: Path,
    found: Comparison,
}

impl Compare<'_> {
    fn values(
        &mut self,
        id: TypeId,
        old: Option<&Value>,
        new: Option<&Value>,
    ) -> Result<(), PatchError> {
        match node(self.types, id, [old, new]) {
            Node::Leaf => {}
            Node::Map => {
                let keys = |v: Option<&Value>| v.and_then(Value::as_object).cloned();
                let (old, new) = (keys(old).unwrap_or_default(), keys(new).unwrap_or_default());
                let gone = old.keys().filter(|k| !new.contains_key(*k));
                for key in new.keys().chain(gone) {
                    let Some(field) = self.types.field(id, key) else { continue };
                    self.path.push(Step::Field(key.clone()));
                    self.values(field, old.get(key), new.get(key))?;
                    self.path.pop();
                }
            }
            Node::List(of, relation) => self.lists(of, relation, old, new)?,
        }
        self.mark(old, new, matches!(node(self.types, id, [old, new]), Node::Leaf));
        Ok(())
    }

    fn mark(&mut self, old: Option<&Value>, new: Option<&Value>, is_leaf: bool) {
        let set = match (old, new) {
            (None, Some(_)) => &mut self.found.added,
            (Some(_), None) => &mut self.found.removed,
            (Some(old), Some(new)) if is_leaf && old != new => &mut self.found.modified,
            (Some(_) | None, Some(_) | None) => return,
        };
        set.0.insert(self.path.clone());
    }

    /// Elements with one key that stand twice are owned as one, without their fields.
    fn duplicates(&mut self, of: TypeId, old: &[&Value], new: &[&Value]) -> Result<(), PatchError> {
        if let [single] = old {
            self.values(of, Some(single), None)?;
        }
        if let [single] = new {
            self.values(of, None, Some(single))?;
        }
        let set = match (old.is_empty(), new.is_empty()) {
            (true, _) => &mut self.found.added,
            (_, true) => &mut self.found.removed,
            (false, false) => &mut self.found.modified,
        };
        set.0.insert(self.path.clone());
        Ok(())
    }

    fn lists(
        &mut self,
        of: TypeId,
        relation: &Relation,
        old: Option<&Value>,
        new: Option<&Value>,
    ) -> Result<(), PatchError> {
        let old = by_step(relation, items(old))?;
        let new = by_step(relation, items(new))?;
        let gone = old.iter().filter(|(step, _)| !new.contains_key(*step));
        let steps: Vec<Step> = new.iter().chain(gone).map(|(step, _)| step.clone()).collect();
        for step in steps {
            let none = Vec::new();
            let (old, new) = (old.get(&step).unwrap_or(&none), new.get(&step).unwrap_or(&none));
            self.path.push(step);
            if old.len() <= 1 && new.len() <= 1 {
                self.values(of, old.first().copied(), new.first().copied())?;
            } else if old != new {
                self.duplicates(of, old, new)?;
            }
            self.path.pop();
        }
        Ok(())
    }
}

fn items(value: Option<&Value>) -> &[Value] {
    value.and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

fn by_step<'a>(
    relation: &Relation,
    list: &'a [Value],
) -> Result<BTreeMap<Step, Vec<&'a Value>>, PatchError> {
    let mut all: BTreeMap<Step, Vec<&'a Value>> = BTreeMap::new();
    for element in list {
        all.entry(step_of(relation, element)?).or_default().push(element);
    }
    Ok(all)
}

/// The live value with the applied one on top of it.
///
/// Source: kubernetes v1.36 vendor/sigs.k8s.io/structured-merge-diff/v6/typed/merge.go
pub(super) fn merge(
    types: &Types,
    id: TypeId,
    live: Option<&Value>,
    applied: Option<&Value>,
) -> Result<Option<Value>, PatchError> {
    match node(types, id, [live, applied]) {
        Node::Leaf => Ok(applied.or(live).cloned()),
        Node::Map => {
            let none = Map::new();
            let map = |v: Option<&'_ Value>| v.and_then(Value::as_object).cloned();
            let (live, applied) = (map(live), map(applied));
            let (live, applied) =
                (live.as_ref().unwrap_or(&none), applied.as_ref().unwrap_or(&none));
            let new = applied.keys().filter(|k| !live.contains_key(*k));
            let mut out = Map::new();
            for key in live.keys().chain(new) {
                let Some(field) = types.field(id, key) else { continue };
                if let Some(value) = merge(types, field, live.get(key), applied.get(key))? {
                    out.insert(key.clone(), value);
                }
            }
            Ok((!out.is_empty()).then_some(Value::Object(out)))
        }
        Node::List(of, relation) => {
            let out = merge_lists(types, of, relation, items(live), items(applied))?;
            Ok((!out.is_empty()).then_some(Value::Array(out)))
        }
    }
}

/// The elements of both: those of the applied list keep its order, the others stay where they
/// were in the live list.
fn merge_lists(
    types: &Types,
    of: TypeId,
    relation: &Relation,
    live: &[Value],
    applied: &[Value],
) -> Result<Vec<Value>, PatchError> {
    let (left, right) = (steps(relation, live)?, steps(relation, applied)?);
    if let Some(twice) = (1..right.len()).find(|i| right[..*i].contains(&right[*i])) {
        return Err(wrong(format!("duplicate entries for key {:?}", right[twice])));
    }
    // An element that stands twice in the live list is not merged but replaced.
    let live_one = |step: &Step| {
        let mut found = left.iter().zip(live).filter(|(s, _)| *s == step).map(|(_, v)| v);
        found.next().filter(|_| found.next().is_none())
    };
    let mut shared = right.iter().filter(|s| left.contains(s)).peekable();
    let mut out = Vec::new();
    let (mut l, mut r) = (0, 0);
    while l < left.len() || r < right.len() {
        if l < left.len() && r < right.len() && left[l] != right[r] {
            let is_shared = right.contains(&left[l]);
            if is_shared && shared.peek().is_some_and(|next| **next != left[l]) {
                l += 1;
                continue;
            }
        }
        let same = l < left.len() && r < right.len() && left[l] == right[r];
        if !same && l < left.len() {
            if !right.contains(&left[l]) {
                out.extend(merge(types, of, Some(&live[l]), None)?);
                l += 1;
                continue;
            } else if right[..r].contains(&left[l]) {
                l += 1;
            }
        }
        if r < right.len() {
            out.extend(merge(types, of, live_one(&right[r]), Some(&applied[r]))?);
            shared.next_if(|next| **next == right[r]);
            r += 1;
            l += usize::from(same);
        }
    }
    Ok(out)
}

/// What stays when fields are taken out; none if nothing stays.
///
/// Source: kubernetes v1.36 vendor/sigs.k8s.io/structured-merge-diff/v6/typed/remove.go
pub(super) fn remove(types: &Types, id: TypeId, value: &Value, gone: &FieldSet) -> Option<Value> {
    cut(types, id, value, gone, Keep::Others)
}

/// What of a value is in a set of fields; none if nothing is.
pub(super) fn extract(types: &Types, id: TypeId, value: &Value, set: &FieldSet) -> Option<Value> {
    cut(types, id, value, set, Keep::Named)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Keep {
    Named,
    Others,
}

fn cut(types: &Types, id: TypeId, value: &Value, set: &FieldSet, keep: Keep) -> Option<Value> {
    let part = |step: &Step, inner: TypeId, value: &Value| {
        let below = set.below(step);
        match (keep, set.has(step), below.is_empty()) {
            (Keep::Others, true, _) | (Keep::Named, false, true) => None,
            (Keep::Others, false, true) | (Keep::Named, true, true) => Some(value.clone()),
            (Keep::Named, _, false) | (Keep::Others, false, false) => {
                Some(cut(types, inner, value, &below, keep).unwrap_or(Value::Null))
            }
        }
    };
    match (value, node(types, id, [Some(value), None])) {
        (Value::Object(map), Node::Map) => {
            let field = |(key, inner): (&String, &Value)| {
                let step = Step::Field(key.clone());
                Some((key.clone(), part(&step, types.field(id, key)?, inner)?))
            };
            let out: Map<String, Value> = map.iter().filter_map(field).collect();
            (!out.is_empty()).then_some(Value::Object(out))
        }
        (Value::Array(list), Node::List(of, relation)) => {
            let kept = |element: &Value| part(&step_of(relation, element).ok()?, of, element);
            let out: Vec<Value> = list.iter().filter_map(kept).collect();
            (!out.is_empty()).then_some(Value::Array(out))
        }
        (value, _) => Some(value.clone()),
    }
}

/// The set with the struct fields on the way to its members.
///
/// Source: kubernetes v1.36 vendor/sigs.k8s.io/structured-merge-diff/v6/fieldpath/set.go,
/// `EnsureNamedFieldsAreMembers`
pub(super) fn with_named_fields(types: &Types, id: TypeId, set: &FieldSet) -> FieldSet {
    let mut all = set.clone();
    for path in &set.0 {
        let mut at = Some(id);
        for (length, step) in path.iter().enumerate() {
            let Some(here) = at else { break };
            at = match (step, types.shape(here)) {
                (Step::Field(name), _) => {
                    if types.names(here, name) {
                        all.0.insert(path[..=length].to_vec());
                    }
                    types.field(here, name)
                }
                (Step::Key(_), Shape::List { of, .. }) => Some(*of),
                (Step::Key(_) | Step::Value(_), _) => None,
            };
        }
    }
    all
}
