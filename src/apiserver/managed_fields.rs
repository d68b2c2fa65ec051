//! Server-side apply in the apiserver: who owns which field of an object, and since when.
//!
//! Responsible for the entries of `metadata.managedFields`, their times and their order; what an
//! apply merges is decided by `api::patch::apply`. It must never look at what a field means.
//!
//! Differs: an object is followed from its first server-side apply on; what it holds by then
//! belongs to `before-first-apply`. Kubernetes follows most objects from their creation, and does
//! this only for those that it did not follow.
//! Source: kubernetes v1.36
//! staging/src/k8s.io/apimachinery/pkg/util/managedfields/internal/skipnonapplied.go,
//! `skipNonAppliedManager`

use std::sync::Arc;

use serde_json::{Value, json};

use crate::api::meta::{Meta, Rest};
use crate::api::object::{Kind, Object};
use crate::api::patch::PatchError;
use crate::api::patch::apply::managed::{self, Author, Managed};
use crate::api::patch::apply::{ApplyError, Force, Path, path_text};
use crate::api::refusal::{Cause, Refusal};
use crate::api::request::{Patch, Request, Subresource, Verb};
use crate::api::time::Time;

/// Where the entries are.
const FIELD: &str = "managedFields";

/// Who owns what an object held before anybody applied it.
const BEFORE: &str = "before-first-apply";

/// One server-side apply.
#[derive(Clone, Copy, Debug)]
pub struct Applied<'a> {
    /// What is wanted.
    pub config: &'a Value,
    /// Who wants it.
    manager: &'a str,
    force: Force,
    now: Time,
}

impl<'a> Applied<'a> {
    /// What a patch applies; nothing if it is of another type.
    pub fn of(patch: &'a Patch, now: Time) -> Option<Applied<'a>> {
        let Patch::Apply { config, manager, force } = patch else { return None };
        let force = if *force { Force::Yes } else { Force::No };
        Some(Applied { config, manager, force, now })
    }
}

/// What is applied, without the fields that this part of the object may not set.
///
/// Source: kubernetes v1.36 pkg/registry, the `GetResetFields` of each kind's strategies
///
/// # Errors
/// 400 when it says itself who manages what.
pub fn read(config: &Value, kind: Kind, part: Subresource) -> Result<Value, Refusal> {
    if config.pointer("/metadata/managedFields").is_some_and(|entries| !entries.is_null()) {
        return Err(Refusal::bad_request("metadata.managedFields must be nil"));
    }
    let mut config = config.clone();
    let Some(fields) = config.as_object_mut() else {
        return Err(Refusal::bad_request("an apply has an object"));
    };
    match part {
        Subresource::Status => fields.retain(|name, _| name != "spec"),
        Subresource::Main if kind.row().status => fields.retain(|name, _| name != "status"),
        Subresource::Main | Subresource::Scale | Subresource::Finalize => {}
    }
    Ok(config)
}

/// What an apply makes of an object, or of nothing, and the entries with their times.
///
/// # Errors
/// 409 where others own a field with another value, 400 for what does not fit the kind.
pub fn apply(
    current: Option<&Object>,
    config: &Value,
    applied: &Applied<'_>,
) -> Result<Managed, Refusal> {
    let mut live = current.map(live).unwrap_or_default();
    if current.is_some() && live.entries.is_empty() {
        live = managed::update(&Managed::default(), &live.object, BEFORE).map_err(refused)?;
    }
    let writer = (applied.manager, applied.force);
    let mut after = managed::apply(&live, config, writer).map_err(refused)?;
    timed(&mut after.entries, &live.entries, applied.now);
    Ok(after)
}

/// Notes that an apply has changed something, which makes its entry as old as the change.
///
/// Source: kubernetes v1.36
/// staging/src/k8s.io/apimachinery/pkg/util/managedfields/internal/managedfieldsupdater.go,
/// `managedFieldsUpdater.Apply`
pub fn stamp(object: &mut Object, applied: &Applied<'_>) {
    let mut entries = entries(object.meta());
    let own = |e: &&mut Value| e["manager"] == applied.manager && e["operation"] == "Apply";
    if let Some(entry) = entries.iter_mut().find(own) {
        entry["time"] = text(applied.now);
    }
    sort(&mut entries);
    set(object.meta_mut(), &entries);
}

/// What a write of another kind makes of the entries of an object that is followed.
///
/// Source: kubernetes v1.36
/// staging/src/k8s.io/apimachinery/pkg/util/managedfields/internal/managedfieldsupdater.go,
/// `managedFieldsUpdater.Update`
pub fn note(object: &mut Object, current: &Object, request: &Request, now: Time) {
    let applies = matches!(&request.verb, Verb::Patch { patch: Patch::Apply { .. }, .. });
    let is_other = matches!(request.verb, Verb::Delete { .. } | Verb::Bind { .. });
    if applies || is_other || !is_followed(current.meta()) {
        return;
    }
    let (before, new) = (live(current), live(object).object);
    let subresource = request.verb.subresource();
    let by = |manager| Author { manager, subresource };
    let manager = request.field_manager();
    let after = managed::update(&before, &new, by(manager));
    let taken = managed::update(&before, &new, by(NOBODY)).map(|m| m.entries);
    // What does not fit the type of its kind would not have been stored.
    let (Ok(mut after), Ok(taken)) = (after, taken) else { return };
    timed(&mut after.entries, &before.entries, now);
    if taken.iter().any(|entry| entry["manager"] == NOBODY) {
        let own = |e: &&mut Value| {
            e["manager"] == manager
                && e["operation"] == "Update"
                && e["subresource"].as_str().unwrap_or_default() == subresource
        };
        if let Some(entry) = after.entries.iter_mut().find(own) {
            entry["time"] = text(now);
        }
    }
    sort(&mut after.entries);
    set(object.meta_mut(), &after.entries);
}

/// A manager whom nobody else can be: what it would own is what the write changes.
const NOBODY: &str = "current-operation";

/// Puts entries into metadata.
pub fn set(meta: &mut Meta, entries: &[Value]) {
    let mut rest = meta.rest.0.as_deref().cloned().unwrap_or_default();
    rest.shift_remove(FIELD);
    if !entries.is_empty() {
        rest.insert(FIELD.to_owned(), entries.into());
    }
    meta.rest = Rest((!rest.is_empty()).then(|| Arc::new(rest)));
}

fn entries(meta: &Meta) -> Vec<Value> {
    let of = |rest: &Arc<serde_json::Map<String, Value>>| rest.get(FIELD)?.as_array().cloned();
    meta.rest.0.as_ref().and_then(of).unwrap_or_default()
}

fn is_followed(meta: &Meta) -> bool {
    meta.rest.0.as_ref().is_some_and(|rest| rest.contains_key(FIELD))
}

/// An object apart from its entries.
fn live(object: &Object) -> Managed {
    let mut value = object.to_value();
    if let Some(meta) = value["metadata"].as_object_mut() {
        meta.shift_remove(FIELD);
    }
    Managed { object: value, entries: entries(object.meta()) }
}

/// Gives each entry the time that it had, or this one when it is new.
fn timed(entries: &mut [Value], before: &[Value], now: Time) {
    for entry in entries.iter_mut() {
        let same = |old: &&Value| identity(old) == identity(entry);
        let time = before.iter().find(same).map(|old| old["time"].clone());
        entry["time"] = time.filter(|time| !time.is_null()).unwrap_or_else(|| text(now));
        entry["fieldsType"] = json!("FieldsV1");
    }
    sort(entries);
}

fn text(time: Time) -> Value {
    Value::from(time.whole_seconds().to_string())
}

/// What tells entries apart: an applier is one in all versions.
fn identity(entry: &Value) -> [&str; 4] {
    let text = |field: &str| entry[field].as_str().unwrap_or_default();
    let operation = text("operation");
    let version = if operation == "Apply" { "" } else { text("apiVersion") };
    [operation, text("manager"), version, text("subresource")]
}

/// Puts entries in order: by operation, then by age.
///
/// Source: kubernetes v1.36
/// staging/src/k8s.io/apimachinery/pkg/util/managedfields/internal/managedfields.go,
/// `sortEncodedManagedFields`
fn sort(entries: &mut [Value]) {
    const BY: [&str; 5] = ["operation", "time", "manager", "apiVersion", "subresource"];
    let key = |entry: &Value| BY.map(|f| entry[f].as_str().unwrap_or_default().to_owned());
    entries.sort_by_cached_key(key);
}

fn refused(error: ApplyError) -> Refusal {
    match error {
        ApplyError::Conflicts(conflicts) => conflict(&conflicts),
        ApplyError::Invalid(
            PatchError::Malformed(text)
            | PatchError::CannotApply(text)
            | PatchError::Conflict(text),
        ) => Refusal::bad_request(&text),
    }
}

/// The refusal of an apply that is not forced, with each field and its owner.
///
/// Source: kubernetes v1.36
/// staging/src/k8s.io/apimachinery/pkg/util/managedfields/internal/conflict.go, `NewConflictError`
fn conflict(conflicts: &[(String, Path)]) -> Refusal {
    let cause = |(owner, path): &(String, Path)| Cause {
        reason: "FieldManagerConflict".into(),
        message: format!("conflict with {}", managed::owner_text(owner)).into(),
        field: path_text(path).into(),
    };
    let message = match conflicts {
        [(owner, path)] => format!(
            "Apply failed with 1 conflict: conflict with {}: {}",
            managed::owner_text(owner),
            path_text(path)
        ),
        all => {
            let mut said = format!("Apply failed with {} conflicts:", all.len());
            for owners in all.chunk_by(|a, b| a.0 == b.0) {
                let gap = if said.ends_with(':') { ' ' } else { '\n' };
                said += &format!("{gap}conflicts with {}:", managed::owner_text(&owners[0].0));
                said.extend(owners.iter().map(|(_, path)| format!("\n- {}", path_text(path))));
            }
            said
        }
    };
    Refusal::apply_conflict(conflicts.iter().map(cause).collect(), &message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::Name;
    use crate::api::gates::Gates;
    use crate::api::object::ObjectKey;
    use crate::api::why::Why;
    use crate::apiserver::edge;
    use crate::apiserver::registry::{self, Outcome};

    fn config(replicas: i64) -> Value {
        json!({"apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": {"name": "web", "namespace": "default"},
            "spec": {"replicas": replicas, "selector": {"matchLabels": {"app": "web"}},
                "template": {"metadata": {"labels": {"app": "web"}},
                    "spec": {"containers": [{"name": "app", "image": "i:1"}]}}}})
    }

    fn key() -> ObjectKey {
        ObjectKey::new(Kind::DEPLOYMENT, "default", "web")
    }

    fn patch(config: Value, manager: &str, force: bool) -> Patch {
        Patch::Apply { config: Arc::new(config), manager: manager.into(), force }
    }

    fn at(second: u64) -> Time {
        Time::at(crate::sim::time::SimTime(second * 1_000_000_000))
    }

    fn born(replicas: i64) -> Object {
        let patch = patch(config(replicas), "anna", false);
        let applied = Applied::of(&patch, at(1)).expect("an apply");
        let object = edge::apply_anew(&key(), &applied, Gates::default());
        let mut object = object.expect("it is valid");
        object.meta_mut().resource_version = 7;
        object
    }

    fn request(manager: &str, part: Subresource, patch: Patch) -> Request {
        let verb = Verb::Patch { key: key(), part, patch, dry_run: false };
        let (user, manager) = (Name::new("kubectl"), Name::new(manager));
        Request { user, manager, verb, why: Why::default() }
    }

    fn write(current: &Object, request: &Request, second: u64) -> Result<Outcome, Refusal> {
        let outcome = registry::change(&request.verb, current, at(second), Gates::default())?;
        Ok(outcome.with(|object| note(object, current, request, at(second))))
    }

    fn stored(outcome: Result<Outcome, Refusal>) -> Object {
        let outcome = outcome.expect("it is let in");
        let Outcome::Store(object) = outcome else { panic!("it is stored, and not {outcome:?}") };
        object
    }

    fn scaled(current: &Object, replicas: i64) -> Object {
        let wanted = Patch::Merge(Arc::new(json!({"spec": {"replicas": replicas}})));
        stored(write(current, &request("kubectl", Subresource::Scale, wanted), 5))
    }

    fn owners(object: &Object) -> Vec<String> {
        let line = |e: &Value| {
            let text = |field: &str| e[field].as_str().unwrap_or_default().to_owned();
            let (operation, manager) = (text("operation"), text("manager"));
            format!("{operation} {manager} {} {}", text("subresource"), text("time"))
        };
        entries(object.meta()).iter().map(line).collect()
    }

    #[test]
    fn who_applies_an_object_that_is_not_there_owns_what_it_names() {
        let object = born(3);
        assert_eq!(owners(&object), ["Apply anna  2026-01-01T00:00:01Z"]);
        let fields = &entries(object.meta())[0]["fieldsV1"];
        assert_eq!(fields["f:spec"]["f:replicas"], json!({}));
        assert!(fields["f:spec"]["f:strategy"].is_null(), "a default is nobody's: {fields}");
    }

    #[test]
    fn who_scales_takes_the_number_and_stands_in_the_way_of_the_next_apply() {
        let object = scaled(&born(3), 5);
        let scale = "Update kubectl scale 2026-01-01T00:00:05Z";
        assert_eq!(owners(&object), ["Apply anna  2026-01-01T00:00:01Z", scale]);
        let again = request("", Subresource::Main, patch(config(3), "anna", false));
        let refusal = write(&object, &again, 9).expect_err("the number is another's");
        assert_eq!(refusal.code, 409);
        assert_eq!(
            &*refusal.message,
            "Apply failed with 1 conflict: conflict with \"kubectl\" with subresource \"scale\" \
             using apps/v1: .spec.replicas"
        );
    }

    #[test]
    fn force_takes_the_number_back_and_the_other_owns_nothing_more() {
        let forced = request("", Subresource::Main, patch(config(3), "anna", true));
        let object = stored(write(&scaled(&born(3), 5), &forced, 9));
        let Object::Deployment(deployment) = &object else { panic!("it is a Deployment") };
        assert_eq!(deployment.spec.replicas, 3);
        assert_eq!(owners(&object), ["Apply anna  2026-01-01T00:00:09Z"]);
    }

    #[test]
    fn the_same_apply_again_changes_nothing() {
        let object = born(3);
        let again = request("", Subresource::Main, patch(config(3), "anna", false));
        assert_eq!(write(&object, &again, 9), Ok(Outcome::Unchanged(object)));
    }

    #[test]
    fn what_nobody_had_applied_belongs_to_before_first_apply() {
        let mut object = born(3);
        set(object.meta_mut(), &[]);
        let other = request("", Subresource::Main, patch(config(4), "anna", false));
        let refusal = write(&object, &other, 9).expect_err("the number is another's");
        assert!(refusal.message.contains("before-first-apply"), "{}", refusal.message);
        let same = request("", Subresource::Main, patch(config(3), "anna", false));
        let object = stored(write(&object, &same, 9));
        let both = ["Apply anna", "Update before-first-apply"];
        assert_eq!(owners(&object), both.map(|who| format!("{who}  2026-01-01T00:00:09Z")));
    }

    #[test]
    fn an_apply_does_not_say_who_manages_what() {
        let mut config = config(3);
        config["metadata"]["managedFields"] = json!([{"manager": "me"}]);
        let patch = patch(config, "anna", false);
        let applied = Applied::of(&patch, at(1)).expect("an apply");
        let refusal = edge::apply_anew(&key(), &applied, Gates::default()).expect_err("it does");
        assert_eq!((refusal.code, &*refusal.message), (400, "metadata.managedFields must be nil"));
    }
}
