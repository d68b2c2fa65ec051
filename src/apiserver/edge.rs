//! The edge: where objects come in as JSON and are read strictly, defaulted and validated.

use serde_json::Value;

use crate::api::deletion;
use crate::api::gates::Gates;
use crate::api::object::{Kind, Object, ObjectKey, served::Served};
use crate::api::patch::{self, PatchError, strategic};
use crate::api::refusal::{GroupResource, Refusal};
use crate::api::request::{Patch, Subresource};
use crate::api::schema::{Schema, strict};
use crate::api::strategy::{self, Birth};
use crate::api::structural;
use crate::apiserver::managed_fields::{self, Applied};
use crate::apiserver::recall::{self, Asked};

/// The uid that the strategies see; the real one is given when the object is stored.
pub const STAND_IN_UID: &str = "00000000-0000-4000-8000-000000000000";

/// The time that they see.
const STAND_IN_TIME: &str = "2026-01-01T00:00:00Z";

fn read(kind: Kind, value: Value) -> Result<Object, Refusal> {
    Object::from_value(kind, value).map_err(|e| Refusal::bad_request(&e.to_string()))
}

/// Refuses fields that Kubernetes does not know and values of the wrong type.
fn check_strictly(kind: Kind, value: &Value) -> Result<(), Refusal> {
    let served =
        Served::of_value(value).and_then(|s| Schema::of_version(s.api_version, kind.name()));
    let Some(schema) = served.or_else(|| Schema::of(kind.name())) else { return Ok(()) };
    match strict::message(&strict::check_against(schema, value)) {
        None => Ok(()),
        Some(message) => Err(Refusal::bad_request(&message)),
    }
}

/// Turns what is written in another version into the one that is stored.
fn convert(value: &mut Value) {
    if let Some(served) = Served::of_value(value) {
        (served.to_stored)(value);
    }
}

/// Defaults, prunes and checks an object of a user's own kind.
fn admit_custom(kind: Kind, value: &mut Value, old: Option<&Value>) -> Result<(), Refusal> {
    let Some(schema) = kind.schema() else { return Ok(()) };
    structural::admit(value, old, schema).map_err(|wrong| {
        let (row, name) = (kind.row(), value["metadata"]["name"].as_str().unwrap_or_default());
        let name = name.to_owned();
        let mut refusal = Refusal::invalid(&GroupResource::new(row.group, row.name), &name, &[]);
        let said = format!("{}.{} {name:?} is invalid: {}", row.name, row.group, wrong.join(", "));
        refusal.message = said.as_str().into();
        refusal
    })
}

/// A new object, as a client wrote it: read strictly, defaulted, prepared and checked. `generated`
/// is the name that its `generateName` would get.
///
/// # Errors
/// 400 for what cannot be read, 422 for what is not valid.
pub fn create(
    kind: Kind,
    namespace: &str,
    generated: &str,
    mut value: Value,
    gates: Gates,
) -> Result<Object, Refusal> {
    check_strictly(kind, &value)?;
    convert(&mut value);
    admit_custom(kind, &mut value, None)?;
    strategy::begin_create(kind.name(), &mut value);
    let namespace = if kind.row().namespaced { namespace } else { "" };
    let (uid, now) = (STAND_IN_UID, STAND_IN_TIME);
    let birth = Birth { namespace, uid, generated_name: generated, now, gates };
    let value = strategy::create(kind.name(), value, birth)?;
    let object = read(kind, value)?;
    note_template(&object, gates);
    Ok(object)
}

/// As [`create`]; what was read lately is not read again.
///
/// # Errors
/// As [`create`].
pub fn create_once(
    kind: Kind,
    namespace: &str,
    generated: &str,
    value: &Value,
    gates: Gates,
) -> Result<Object, Refusal> {
    let asked = Asked { kind, namespace, value, gates };
    recall::once(asked, |value| create(kind, namespace, generated, value, gates))
}

/// Notes that the template of a workload has passed, so that the sets which are made of it need
/// not be read as a whole again.
fn note_template(object: &Object, gates: Gates) {
    if let Object::Deployment(deployment) = object {
        // It is noted already when the spec is shared with another version.
        let _ = deployment.spec.template.spec.known.as_template.set(gates);
    }
}

/// Another version of an object, as a client wrote it.
///
/// # Errors
/// As [`create`].
pub fn replace(
    current: &Object,
    value: &Value,
    part: Subresource,
    gates: Gates,
) -> Result<Object, Refusal> {
    check_strictly(current.kind(), value)?;
    let mut value = value.clone();
    convert(&mut value);
    updated(current, value, part, gates)
}

/// What server-side apply makes of an object that is there: the merged version, defaulted and
/// checked.
///
/// # Errors
/// As [`create`], and where others own what is to be changed.
pub fn apply(
    current: &Object,
    applied: &Applied<'_>,
    part: Subresource,
    gates: Gates,
) -> Result<Object, Refusal> {
    let kind = current.kind();
    let config = managed_fields::read(applied.config, kind, part)?;
    check_strictly(kind, &config)?;
    let merged = managed_fields::apply(Some(current), &config, applied)?;
    let mut new = updated(current, merged.object, part, gates)?;
    managed_fields::set(new.meta_mut(), &merged.entries);
    Ok(new)
}

/// What server-side apply makes of nothing: a new object.
///
/// # Errors
/// As [`create`].
pub fn apply_anew(key: &ObjectKey, applied: &Applied<'_>, gates: Gates) -> Result<Object, Refusal> {
    let kind = key.kind;
    let config = managed_fields::read(applied.config, kind, Subresource::Main)?;
    check_strictly(kind, &config)?;
    let merged = managed_fields::apply(None, &config, applied)?;
    let mut new = create(kind, &key.namespace, &key.name, merged.object, gates)?;
    managed_fields::set(new.meta_mut(), &merged.entries);
    Ok(new)
}

/// A version that a client wants, checked against the present one.
fn updated(
    current: &Object,
    mut value: Value,
    part: Subresource,
    gates: Gates,
) -> Result<Object, Refusal> {
    let kind = current.kind();
    admit_custom(kind, &mut value, Some(&current.to_value()))?;
    if part == Subresource::Main {
        let old = current.to_value();
        strategy::begin_update(kind.name(), &mut value, &old);
        value = strategy::update(kind.name(), value, &old, gates)?;
    }
    let mut new = read(kind, value)?;
    share(&mut new, current);
    if part == Subresource::Main {
        note_template(&new, gates);
    }
    Ok(new)
}

/// What has not changed stays one copy, so that it can be seen to be the same at a glance.
fn share(new: &mut Object, current: &Object) {
    if let (Object::Deployment(new), Object::Deployment(old)) = (new, current)
        && new.spec.template == old.spec.template
        && !std::sync::Arc::ptr_eq(&new.spec.template, &old.spec.template)
    {
        let spec = std::sync::Arc::make_mut(&mut std::sync::Arc::make_mut(new).spec);
        spec.template = old.spec.template.clone();
    }
}

/// An object after a patch.
///
/// # Errors
/// As [`create`], and for a patch that cannot be applied.
pub fn patch(
    current: &Object,
    change: &Patch,
    part: Subresource,
    gates: Gates,
) -> Result<Object, Refusal> {
    let (kind, value) = (current.kind(), current.to_value());
    let patched = match change {
        Patch::Merge(change) => Ok(patch::merge_patch(&value, change)),
        Patch::Json(change) => patch::json_patch(&value, change),
        Patch::Strategic(change) => match Schema::of(kind.name()) {
            Some(schema) => strategic::apply(&value, change, schema),
            None => Err(PatchError::Malformed(
                "strategic merge patch is not supported for custom resources".into(),
            )),
        },
        Patch::Apply { .. } | Patch::Edit(_) => Ok(value),
    };
    let patched = patched.map_err(|error| refused(current, &error))?;
    check_strictly(kind, &patched)?;
    updated(current, patched, part, gates)
}

fn refused(current: &Object, error: &PatchError) -> Refusal {
    let row = current.kind().row();
    let name = &current.meta().name;
    match error {
        PatchError::Malformed(_) => Refusal::bad_request(&error.to_string()),
        PatchError::CannotApply(_) => {
            let mut refusal = Refusal::invalid(&GroupResource::new(row.group, row.name), name, &[]);
            refusal.message = error.to_string().into();
            refusal
        }
        PatchError::Conflict(text) => {
            Refusal::conflict(&GroupResource::new(row.group, row.plural), name, text)
        }
    }
}

/// Whether an object's dependents go with it when nobody says otherwise; so it is for all kinds.
///
/// Source: kubernetes v1.36 pkg/registry, the `DefaultGarbageCollectionPolicy` of each kind
pub const DEPENDENTS: deletion::DefaultPolicy = deletion::DefaultPolicy::DeleteDependents;
