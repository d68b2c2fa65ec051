//! Server-side apply: who owns which field, and what an apply or an update does to that.
//!
//! This module is responsible for merging by types and for the sets of owned fields. It must never
//! store anything, default anything or look at what a field means.

pub mod managed;
mod set;
mod typed;
mod types;

use std::collections::BTreeMap;

use serde_json::Value;

pub use set::{FieldSet, Path, Step, path_text};
pub use types::{Relation, Shape, TypeId, Types};

use crate::api::patch::PatchError;

/// What one manager owns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owned {
    /// The fields.
    pub fields: FieldSet,
    /// The version of the API that it last wrote in.
    pub api_version: String,
    /// Whether it applies, and thereby drops what it no longer names.
    pub applied: bool,
}

/// What each manager owns, by its name.
pub type Managers = BTreeMap<String, Owned>;

/// An object with the owners of its fields; null is no object.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Live {
    /// The object.
    pub object: Value,
    /// The owners.
    pub managers: Managers,
}

/// Who writes, and how.
#[derive(Clone, Copy, Debug)]
pub struct Writer<'a> {
    /// Its name.
    pub manager: &'a str,
    /// The version of the API that it writes in.
    pub api_version: &'a str,
}

/// What an apply does where others own a field with another value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Force {
    /// It takes the field.
    Yes,
    /// It fails.
    No,
}

/// Why an apply failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ApplyError {
    /// Others own these fields with other values.
    Conflicts(Vec<(String, Path)>),
    /// The object does not fit its type.
    Invalid(PatchError),
}

impl From<PatchError> for ApplyError {
    fn from(error: PatchError) -> ApplyError {
        ApplyError::Invalid(error)
    }
}

/// The object and its owners after somebody wrote it as a whole.
///
/// Source: kubernetes v1.36 vendor/sigs.k8s.io/structured-merge-diff/v6/merge/update.go,
/// `Updater.Update`
///
/// # Errors
/// An object that does not fit its type.
pub fn update(
    live: &Live,
    object: &Value,
    writer: Writer<'_>,
    (types, id): (&Types, TypeId),
) -> Result<Live, ApplyError> {
    typed::validate(types, id, object)?;
    let found = typed::compare(types, id, &live.object, object)?;
    let mut managers = live.managers.clone();
    hand_over(&mut managers, &found, writer.manager, Force::Yes)?;
    let before = managers.get(writer.manager).map(|o| o.fields.clone()).unwrap_or_default();
    let fields = before.difference(&found.removed).union(&found.modified).union(&found.added);
    own(&mut managers, writer, fields, false);
    Ok(Live { object: object.clone(), managers })
}

/// The object and its owners after an apply.
///
/// Source: kubernetes v1.36 vendor/sigs.k8s.io/structured-merge-diff/v6/merge/update.go,
/// `Updater.Apply`
///
/// # Errors
/// Conflicts with other owners, unless forced; an object that does not fit its type.
pub fn apply(
    live: &Live,
    applied: &Value,
    (writer, force): (Writer<'_>, Force),
    (types, id): (&Types, TypeId),
) -> Result<Live, ApplyError> {
    typed::validate(types, id, applied)?;
    let fields = typed::field_set(types, id, applied)?;
    let merged = typed::merge(types, id, Some(&live.object), Some(applied))?.unwrap_or_default();
    let mut managers = live.managers.clone();
    let last = managers.get(writer.manager).map(|o| o.fields.clone()).unwrap_or_default();
    own(&mut managers, writer, fields, true);
    let object = prune(&merged, &managers, &last, (types, id))?;
    let found = typed::compare(types, id, &live.object, &object)?;
    hand_over(&mut managers, &found, writer.manager, force)?;
    Ok(Live { object, managers })
}

/// What of an object a manager owns, as it would have to apply it to change nothing.
pub fn extract(live: &Live, manager: &str, (types, id): (&Types, TypeId)) -> Value {
    let fields = live.managers.get(manager).map(|o| o.fields.clone()).unwrap_or_default();
    typed::extract(types, id, &live.object, &fields).unwrap_or_default()
}

/// One object on top of another, as an apply merges them.
///
/// # Errors
/// An object that does not fit its type.
pub fn merge(
    below: &Value,
    above: &Value,
    (types, id): (&Types, TypeId),
) -> Result<Value, ApplyError> {
    Ok(typed::merge(types, id, Some(below), Some(above))?.unwrap_or_default())
}

fn own(managers: &mut Managers, writer: Writer<'_>, fields: FieldSet, applied: bool) {
    if fields.is_empty() {
        managers.remove(writer.manager);
        return;
    }
    let api_version = writer.api_version.to_owned();
    managers.insert(writer.manager.to_owned(), Owned { fields, api_version, applied });
}

/// Takes from the others what the writer changed or removed.
///
/// Source: kubernetes v1.36 vendor/sigs.k8s.io/structured-merge-diff/v6/merge/update.go,
/// `Updater.update`
fn hand_over(
    managers: &mut Managers,
    found: &typed::Comparison,
    writer: &str,
    force: Force,
) -> Result<(), ApplyError> {
    let taken = found.modified.union(&found.added);
    let others = || managers.iter().filter(|(name, _)| *name != writer);
    let conflict = |(name, owned): (&String, &Owned)| {
        let paths = owned.fields.intersection(&taken).0;
        paths.into_iter().map(|path| (name.clone(), path)).collect::<Vec<_>>()
    };
    let conflicts: Vec<(String, Path)> = others().flat_map(conflict).collect();
    if force == Force::No && !conflicts.is_empty() {
        return Err(ApplyError::Conflicts(conflicts));
    }
    let gone = taken.union(&found.removed);
    for (_, owned) in managers.iter_mut().filter(|(name, _)| *name != writer) {
        owned.fields = owned.fields.difference(&gone);
    }
    managers.retain(|_, owned| !owned.fields.is_empty());
    Ok(())
}

/// The merged object without what the applier named last time and nobody names now.
///
/// Source: kubernetes v1.36 vendor/sigs.k8s.io/structured-merge-diff/v6/merge/update.go,
/// `Updater.prune`
fn prune(
    merged: &Value,
    managers: &Managers,
    last: &FieldSet,
    (types, id): (&Types, TypeId),
) -> Result<Value, PatchError> {
    if last.is_empty() {
        return Ok(merged.clone());
    }
    let whole = |set: &FieldSet| typed::with_named_fields(types, id, set);
    let without = |gone: &FieldSet| typed::remove(types, id, merged, gone).unwrap_or_default();
    let set_of = |value: &Value| typed::field_set(types, id, value).map(|set| whole(&set));
    let last = whole(last);
    let pruned = without(&last);
    let owned = managers.values().fold(FieldSet::default(), |all, o| all.union(&o.fields));
    let all = set_of(merged)?;
    let pruned = without(&all.difference(&set_of(&pruned)?.union(&whole(&owned))));
    Ok(without(&all.difference(&set_of(&pruned)?).intersection(&last)))
}
