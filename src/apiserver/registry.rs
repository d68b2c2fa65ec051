//! What a write makes of an object: pure rules from (request, present version, time) to what is
//! stored.
//!
//! Responsible for the verbs; fields are checked by `edge`, deletion by `api::deletion`, metadata
//! by `api::meta_update`.

use std::sync::Arc;

use serde_json::Value;

use crate::api::Name;
use crate::api::condition::{Condition, Truth};
use crate::api::core::namespace::Namespace;
use crate::api::core::pod::Pod;
use crate::api::deletion::{self, DeleteOptions, Deletion, Grace};
use crate::api::edit::upsert;
use crate::api::field::Path;
use crate::api::gates::Gates;
use crate::api::meta::{Meta, Uid};
use crate::api::meta_update;
use crate::api::object::{Kind, Object, ObjectKey};
use crate::api::refusal::{GroupResource, Refusal};
use crate::api::request::{Patch, Subresource, Verb};
use crate::api::time::Time;
use crate::api::validation::job_status;
use crate::apiserver::admission;
use crate::apiserver::edge;
use crate::apiserver::managed_fields::{self, Applied};

/// What is to be stored.
#[derive(Clone, PartialEq, Debug)]
pub enum Outcome {
    /// This version.
    Store(Object),
    /// This version, and at once after it nothing.
    StoreThenRemove(Object),
    /// Nothing: the object goes.
    Remove(Object),
    /// What is there already.
    Unchanged(Object),
}

impl Outcome {
    /// With something done to a version that is to be stored.
    #[must_use]
    pub fn with(mut self, change: impl FnOnce(&mut Object)) -> Outcome {
        if let Outcome::Store(object) | Outcome::StoreThenRemove(object) = &mut self {
            change(object);
        }
        self
    }
}

/// Kinds whose objects may be replaced without a word on which version is meant.
///
/// Source: kubernetes v1.36 pkg/registry/core/pod/strategy.go and
/// pkg/registry/core/node/strategy.go, `AllowUnconditionalUpdate`
const UNCONDITIONAL: [Kind; 2] = [Kind::NODE, Kind::POD];

/// The resource of a kind, as refusals name it.
pub fn resource(kind: Kind) -> GroupResource {
    GroupResource::new(kind.row().group, kind.row().plural)
}

/// What a write to an object that is there comes to.
///
/// # Errors
/// The refusal that the apiserver answers.
pub fn change(verb: &Verb, current: &Object, now: Time, gates: Gates) -> Result<Outcome, Refusal> {
    match verb {
        Verb::Update { object, part } => update(object.clone(), current, *part),
        Verb::Put { part: Subresource::Scale, value, .. } => {
            scale(current, &Patch::Merge(value.clone()))
        }
        Verb::Put { part, value, .. } => {
            let mut value = std::borrow::Cow::Borrowed(&**value);
            if (current.kind(), *part) == (Kind::POD, Subresource::Main) {
                admission::tolerate_again(value.to_mut());
            }
            if UNCONDITIONAL.contains(&current.kind())
                && value["metadata"]["resourceVersion"].as_str().is_none_or(str::is_empty)
            {
                let version = current.meta().resource_version.to_string();
                value.to_mut()["metadata"]["resourceVersion"] = version.into();
            }
            let new = edge::replace(current, &value, *part, gates)?;
            update(new, current, *part)
        }
        Verb::Patch { part, patch, .. } => patched(current, *part, patch, (now, gates)),
        Verb::Delete { options, .. } => delete(current, options, now),
        Verb::Bind { key, uid, node } => bind(key, *uid, node, current, now),
        Verb::Get(_)
        | Verb::List(_)
        | Verb::Watch(_)
        | Verb::Create { .. }
        | Verb::Post { .. }
        | Verb::Evict { .. }
        | Verb::DeleteCollection { .. } => Ok(Outcome::Unchanged(current.clone())),
    }
}

fn patched(
    current: &Object,
    part: Subresource,
    patch: &Patch,
    (now, gates): (Time, Gates),
) -> Result<Outcome, Refusal> {
    if part == Subresource::Scale {
        return scale(current, patch);
    }
    let new = match patch {
        Patch::Edit(edit) => {
            let mut new = current.clone();
            edit.apply(&mut new);
            new
        }
        Patch::Apply { .. } => {
            let applied = Applied::of(patch, now).expect("it is an apply");
            let new = edge::apply(current, &applied, part, gates)?;
            let outcome = update(new, current, part)?;
            return Ok(outcome.with(|object| managed_fields::stamp(object, &applied)));
        }
        Patch::Json(_) | Patch::Merge(_) | Patch::Strategic(_) => {
            edge::patch(current, patch, part, gates)?
        }
    };
    update(new, current, part)
}

/// The new version of an object, with what this part of it may not change put back.
///
/// Source: kubernetes v1.36 staging/src/k8s.io/apiserver/pkg/registry/rest/update.go,
/// `BeforeUpdate`, and the strategies' `PrepareForUpdate`
fn update(mut new: Object, current: &Object, part: Subresource) -> Result<Outcome, Refusal> {
    let (kind, old) = (current.kind(), current.meta());
    let given = new.meta().resource_version;
    if given != 0 && given != old.resource_version {
        return Err(Refusal::optimistic_lock(&resource(kind), &old.name));
    }
    match part {
        Subresource::Main if kind.row().status => new.take_status(current),
        Subresource::Main | Subresource::Scale => {}
        Subresource::Status => new = status_of(&new, current),
        Subresource::Finalize => new = finalized(&new, current),
    }
    let meta = new.meta_mut();
    meta_update::restore(meta, old);
    meta.resource_version = old.resource_version;
    meta.generation = old.generation;
    if part != Subresource::Status && counts(&new, current) {
        new.meta_mut().generation += 1;
    }
    check(new.meta(), current)?;
    check_status(&new, current, part)?;
    if new == *current {
        return Ok(Outcome::Unchanged(new));
    }
    if goes(&new, current) {
        return Ok(Outcome::Remove(new));
    }
    Ok(Outcome::Store(new))
}

fn check(new: &Meta, current: &Object) -> Result<(), Refusal> {
    let old = current.meta();
    let same = old.labels.is_same_copy(&new.labels)
        && same_list(old.owners.as_ref(), new.owners.as_ref())
        && same_list(old.finalizers.as_ref(), new.finalizers.as_ref())
        && old.uid == new.uid
        && old.name == new.name
        && old.namespace == new.namespace
        && old.deletion_grace_seconds == new.deletion_grace_seconds;
    if same {
        return Ok(());
    }
    let mut new = new.clone();
    new.resource_version = new.resource_version.max(1);
    let errors = meta_update::validate_update(&new, old, &Path::new("metadata"));
    if errors.is_empty() {
        return Ok(());
    }
    let row = current.kind().row();
    Err(Refusal::invalid(&GroupResource::new(row.group, row.name), &old.name, &errors))
}

/// What a kind's own rules say of a new status.
fn check_status(new: &Object, current: &Object, part: Subresource) -> Result<(), Refusal> {
    let (Object::Job(new), Object::Job(old), Subresource::Status) = (new, current, part) else {
        return Ok(());
    };
    let errors = job_status::update(new, old);
    if errors.is_empty() {
        return Ok(());
    }
    let row = current.kind().row();
    Err(Refusal::invalid(&GroupResource::new(row.group, row.name), &old.meta.name, &errors))
}

fn same_list<T>(a: Option<&Arc<[T]>>, b: Option<&Arc<[T]>>) -> bool {
    match (a, b) {
        (Some(a), Some(b)) => Arc::ptr_eq(a, b),
        (a, b) => a.is_none() && b.is_none(),
    }
}

/// Whether the change counts in the generation: the spec differs, for a Deployment also the
/// annotations.
///
/// Source: kubernetes v1.36 pkg/registry/apps/deployment/strategy.go, `PrepareForUpdate`
fn counts(new: &Object, current: &Object) -> bool {
    let kind = current.kind();
    kind.row().generation
        && (!new.same_spec(current)
            || (kind == Kind::DEPLOYMENT && new.meta().annotations != current.meta().annotations))
        && !bound_only(new, current)
}

/// A binding fills in the node; it is no change of what is desired.
fn bound_only(new: &Object, current: &Object) -> bool {
    match (new, current) {
        (Object::Pod(new), Object::Pod(old)) => new.spec == old.spec,
        _ => false,
    }
}

/// A write of the status: the object as it is, with the new status and metadata that may change.
fn status_of(new: &Object, current: &Object) -> Object {
    let mut out = current.clone();
    out.take_status(new);
    let (from, meta) = (new.meta(), out.meta());
    let keeps_labels = current.kind() == Kind::DEPLOYMENT;
    let same = meta.labels == from.labels
        && meta.annotations == from.annotations
        && meta.finalizers == from.finalizers;
    if !same {
        let meta = out.meta_mut();
        if !keeps_labels {
            meta.labels = from.labels.clone();
        }
        meta.annotations = from.annotations.clone();
        meta.finalizers.clone_from(&from.finalizers);
    }
    out
}

/// A write of a namespace's own finalizers.
fn finalized(new: &Object, current: &Object) -> Object {
    let mut out = current.clone();
    if let (Object::Namespace(out), Object::Namespace(new)) = (&mut out, new) {
        Arc::make_mut(out).spec = new.spec.clone();
    }
    out
}

/// Whether the write leaves nobody who holds an object that is on its way out.
fn goes(new: &Object, current: &Object) -> bool {
    let held = |n: &Namespace| !n.spec.finalizers.is_empty();
    let free = !matches!(new, Object::Namespace(namespace) if held(namespace));
    free && deletion::goes_with_update(current.meta(), new.meta())
}

/// The grace of a pod; other kinds have none.
fn grace_of(object: &Object) -> Option<Grace> {
    let pod = object.as_a::<Pod>()?;
    Some(Grace {
        default_seconds: pod.spec.termination_grace_period_seconds,
        is_idle: pod.node_name.is_empty() || pod.is_terminal(),
    })
}

/// What a deletion makes of an object.
///
/// # Errors
/// Options that contradict each other, and preconditions that do not hold.
pub fn delete(current: &Object, options: &DeleteOptions, now: Time) -> Result<Outcome, Refusal> {
    let kind = current.kind();
    let mut new = current.clone();
    let mut options = options.clone();
    if kind == Kind::NAMESPACE {
        return delete_namespace(new, &mut options, now);
    }
    let policy = (edge::DEPENDENTS, grace_of(current));
    let what = deletion::delete(new.meta_mut(), &mut options, &resource(kind), policy, now)?;
    Ok(match what {
        Deletion::Pending => Outcome::Unchanged(current.clone()),
        Deletion::Mark if new == *current => Outcome::Unchanged(new),
        Deletion::Mark => Outcome::Store(new),
        Deletion::MarkAndRemove if *current.meta() == *new.meta() => Outcome::Remove(new),
        Deletion::MarkAndRemove => Outcome::StoreThenRemove(new),
        Deletion::Remove => Outcome::Remove(new),
    })
}

/// A namespace goes in two steps: it is marked, its content goes, then it is finalized.
///
/// Source: kubernetes v1.36 pkg/registry/core/namespace/storage/storage.go, `REST.Delete`
fn delete_namespace(
    mut new: Object,
    options: &mut DeleteOptions,
    now: Time,
) -> Result<Outcome, Refusal> {
    let kind = resource(Kind::NAMESPACE);
    let was = new.meta().clone();
    deletion::before_delete(new.meta_mut(), options, &kind, None, now)?;
    let Object::Namespace(namespace) = &mut new else { return Ok(Outcome::Unchanged(new)) };
    let namespace = Arc::make_mut(namespace);
    if was.deletion.is_none() {
        namespace.meta.deletion = Some(now.whole_seconds());
        namespace.meta.deletion_grace_seconds = Some(0);
        namespace.status.phase = Name::new_static("Terminating");
    }
    let free = namespace.spec.finalizers.is_empty() && was.finalizers().is_empty();
    if free {
        return Ok(Outcome::Remove(new));
    }
    if was.deletion.is_some() {
        return Ok(Outcome::Unchanged(new));
    }
    Ok(Outcome::Store(new))
}

/// Puts a pod on a node.
///
/// Source: kubernetes v1.36
/// pkg/registry/core/pod/storage/storage.go, `BindingREST.setPodHostAndAnnotations`
fn bind(
    key: &ObjectKey,
    uid: Uid,
    node: &Name,
    current: &Object,
    now: Time,
) -> Result<Outcome, Refusal> {
    let refuse = |why: String| {
        Err(Refusal::conflict(&GroupResource::new("", "pods/binding"), &key.name, why))
    };
    let Some(pod) = current.as_a::<Pod>() else {
        return Err(Refusal::not_found(&resource(Kind::POD), &key.name));
    };
    if !uid.is_none() && uid != pod.meta.uid {
        let found = pod.meta.uid;
        return refuse(format!(
            "Precondition failed: UID in precondition: {uid}, UID in object meta: {found}"
        ));
    }
    if pod.meta.is_deleting() {
        return refuse(format!(
            "pod {} is being deleted, cannot be assigned to a host",
            pod.meta.name
        ));
    }
    if !pod.node_name.is_empty() {
        return refuse(format!(
            "pod {} is already assigned to node \"{}\"",
            pod.meta.name, pod.node_name
        ));
    }
    let mut new = Pod::clone(pod);
    new.node_name = node.clone();
    let status = Arc::make_mut(&mut new.status);
    let mut condition = Condition::new("PodScheduled", Truth::True, "");
    condition.last_transition_time = Some(now.whole_seconds());
    condition.observed_generation = Some(pod.meta.generation).filter(|g| *g > 0);
    upsert(&mut status.conditions, &condition);
    status.nominated_node_name = Name::default();
    Ok(Outcome::Store(Object::from(new)))
}

/// Sets the number of replicas through the scale subresource.
fn scale(current: &Object, patch: &Patch) -> Result<Outcome, Refusal> {
    let (Patch::Merge(value) | Patch::Strategic(value)) = patch else {
        return Err(Refusal::bad_request("the scale of an object takes a merge patch"));
    };
    let wanted = value.pointer("/spec/replicas").and_then(Value::as_i64);
    let Some(replicas) = wanted.and_then(|n| i32::try_from(n).ok()) else {
        return Err(Refusal::bad_request("a scale has spec.replicas"));
    };
    if let Some(version) = value.pointer("/metadata/resourceVersion").and_then(Value::as_str)
        && version != current.meta().resource_version.to_string()
    {
        return Err(Refusal::optimistic_lock(&resource(current.kind()), &current.meta().name));
    }
    let mut new = current.clone();
    if let Object::Deployment(d) = &mut new {
        Arc::make_mut(&mut Arc::make_mut(d).spec).replicas = replicas;
    } else if let Object::ReplicaSet(set) = &mut new {
        Arc::make_mut(set).spec.replicas = replicas;
    } else if let Object::ReplicationController(owner) = &mut new {
        Arc::make_mut(owner).spec.replicas = replicas;
    } else if let Object::StatefulSet(set) = &mut new {
        Arc::make_mut(&mut Arc::make_mut(set).spec).replicas = replicas;
    } else if let Object::Opaque(opaque) = &mut new {
        let body = Arc::make_mut(&mut Arc::make_mut(opaque).body);
        if let Some(spec) = body.get_mut("spec").and_then(Value::as_object_mut) {
            spec.insert("replicas".into(), replicas.into());
        }
    } else {
        return Err(Refusal::not_found(&resource(current.kind()), &current.meta().name));
    }
    update(new, current, Subresource::Scale)
}
