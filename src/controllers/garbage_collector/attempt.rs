//! What becomes of one object, by what became of its owners.

use crate::api::deletion::{FOREGROUND_FINALIZER, ORPHAN_FINALIZER};
use crate::api::edit::Edit;
use crate::api::meta::{OwnerReference, Uid};
use crate::api::object::Object;
use crate::api::request::{Propagation, Verb};
use crate::api::variant::Variant;
use crate::api::why::Why;
use crate::client::plan::{Expect, Step, Write};
use crate::client::view::View;
use crate::controllers::garbage_collector::GarbageCollector;
use crate::controllers::garbage_collector::identity::Identity;

/// What is to be done about one object.
#[derive(Clone, Debug)]
pub(super) enum Attempt {
    /// Nothing.
    Leave,
    /// These writes.
    Write(Vec<Write>),
    /// The apiserver has to be asked whether these owners are there.
    Ask(Vec<Identity>),
}

/// What became of an owner.
#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// It is there.
    Solid,
    /// It is not.
    Dangling,
    /// It is there and waits for its dependents to go.
    Waiting,
    /// The caches do not show it, and nobody has asked.
    Unknown,
    /// Nothing can be said: the kind is unknown, or the reference is not a valid one.
    Unclear,
}

impl GarbageCollector {
    /// Deletes the object when no owner is left, or takes the owners off that are gone.
    ///
    /// Source: kubernetes v1.36 pkg/controller/garbagecollector/garbagecollector.go,
    /// `attemptToDeleteItem`, `classifyReferences`
    pub(super) fn attempt(&self, object: &Object, view: View<'_>) -> Attempt {
        let meta = object.meta();
        if meta.is_deleting() || meta.owners().is_empty() {
            return Attempt::Leave;
        }
        let states: Vec<(State, &OwnerReference)> =
            meta.owners().iter().map(|o| (self.state(o, object, view), o)).collect();
        let of = |wanted| states.iter().filter(move |(s, _)| *s == wanted).map(|(_, o)| *o);
        if of(State::Unclear).next().is_some() {
            return Attempt::Leave;
        }
        let unknown: Vec<_> =
            of(State::Unknown).map(|o| Identity::of(o, &meta.namespace)).collect();
        if !unknown.is_empty() {
            return Attempt::Ask(unknown);
        }
        let (dangling, waiting): (Vec<_>, Vec<_>) =
            (of(State::Dangling).collect(), of(State::Waiting).collect());
        if of(State::Solid).next().is_some() {
            return without(object, &dangling, &waiting);
        }
        if !waiting.is_empty() && self.graph.has_dependents(meta.uid) {
            return self.delete_in_foreground(object, waiting.len(), view);
        }
        let policy = if meta.has_finalizer(ORPHAN_FINALIZER) {
            Propagation::Orphan
        } else if meta.has_finalizer(FOREGROUND_FINALIZER) {
            Propagation::Foreground
        } else {
            Propagation::Background
        };
        let why = Why::two(
            "of its owners {} are gone and {} wait for it to go",
            dangling.len(),
            waiting.len(),
        );
        Attempt::Write(vec![delete(object, policy, why)])
    }

    /// Source: kubernetes v1.36 pkg/controller/garbagecollector/garbagecollector.go, `isDangling`
    fn state(&self, owner: &OwnerReference, item: &Object, view: View<'_>) -> State {
        let namespace = &item.meta().namespace;
        let here = Identity::of(owner, namespace);
        let global = Identity::of(owner, &crate::api::Name::default());
        if self.graph.is_absent(&here) || self.graph.is_absent(&global) {
            return State::Dangling;
        }
        let Some(key) = here.key() else { return State::Unclear };
        if key.kind.row().namespaced && namespace.is_empty() {
            return State::Unclear;
        }
        match view.object(&key) {
            None if view.gates().varies(Variant::TrustsItsGraph) => State::Dangling,
            None => State::Unknown,
            // The cache may still show the one before it: only the apiserver knows.
            Some(found) if found.meta().uid != owner.uid => State::Unknown,
            Some(found)
                if found.meta().is_deleting()
                    && found.meta().has_finalizer(FOREGROUND_FINALIZER) =>
            {
                State::Waiting
            }
            Some(_) => State::Solid,
        }
    }

    /// An object between: it has dependents itself, which go before it. When one of those waits for
    /// its own dependents there may be a circle, which is broken by not blocking the owners.
    fn delete_in_foreground(&self, object: &Object, waiting: usize, view: View<'_>) -> Attempt {
        let mut writes = Vec::new();
        let is_circle = self.graph.dependents(object.meta().uid).any(|key| {
            view.object(key).is_some_and(|o| {
                o.meta().is_deleting() && o.meta().has_finalizer(FOREGROUND_FINALIZER)
            })
        });
        if is_circle {
            let why = Why::new("a dependent waits for its own dependents: owners are not blocked");
            writes.push(Write::edit(object.key(), Edit::UnblockOwners, why));
        }
        let why = Why::one("{} of its owners wait for it, and it has dependents", waiting);
        writes.push(delete(object, Propagation::Foreground, why));
        Attempt::Write(writes)
    }
}

/// Takes the owners off that are gone or wait; there are others.
fn without(object: &Object, dangling: &[&OwnerReference], waiting: &[&OwnerReference]) -> Attempt {
    let uids: Vec<Uid> = dangling.iter().chain(waiting).map(|o| o.uid).collect();
    if uids.is_empty() {
        return Attempt::Leave;
    }
    let why = Why::two(
        "{} owners are gone and {} wait for it to go, but it has others",
        dangling.len(),
        waiting.len(),
    );
    Attempt::Write(vec![Write::edit(object.key(), Edit::RemoveOwners(uids.into()), why)])
}

/// A deletion of this version of this incarnation.
fn delete(object: &Object, policy: Propagation, why: Why) -> Write {
    let mut write = Write::delete(object, why).propagating(policy);
    if let Verb::Delete { options, .. } = &mut write.verb
        && let Some(preconditions) = &mut options.preconditions
    {
        let version = object.meta().resource_version;
        preconditions.resource_version = Some(smol_str::format_smolstr!("{version}"));
    }
    write
}

/// Asks the apiserver for an owner.
pub(super) fn ask(identity: &Identity) -> Option<Step> {
    let verb = Verb::Get(identity.key()?);
    let why = Why::two("is the owner {} {} there?", &identity.kind, &identity.name);
    let expect = Expect::Nothing;
    Some(Step::One(Write { verb, why, on_success: None, on_refusal: None, expect }))
}
