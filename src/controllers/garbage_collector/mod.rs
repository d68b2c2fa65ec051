//! The garbage collector: it deletes objects whose owners are all gone, and carries foreground and
//! orphan deletions through.
//!
//! Responsible for dependents of every kind but events. A key is an object: one that is gone has
//! its dependents looked at, one that waits for its dependents has them deleted or orphaned, and
//! any other has its own owners looked at.
//!
//! Differs: whether an owner or an object is there is read off the process's caches, with uid and
//! version as preconditions of each deletion; only an owner that the caches have never shown is
//! asked for at the apiserver. Kubernetes asks for both each time, with twice the request rate of
//! other controllers, so that it deletes at the same pace.
//!
//! Differs: references whose coordinates or namespace do not fit the owner's are not told in an
//! event.

mod attempt;
mod graph;
mod identity;
#[cfg(test)]
mod tests;

use crate::api::deletion::{FOREGROUND_FINALIZER, ORPHAN_FINALIZER};
use crate::api::edit::Edit;
use crate::api::meta::Meta;
use crate::api::object::{Kind, Object, ObjectKey};
use crate::api::refusal::{Reason, Refusal};
use crate::api::request::{Answer, Verb};
use crate::api::variant::Variant;
use crate::api::why::Why;
use crate::client::plan::{Plan, Recovery, Write};
use crate::client::reconciler::{Keys, Observed, Reconciler, Settings, Watch};
use crate::client::view::View;

use attempt::Attempt;
use graph::Graph;
pub use identity::{Dependent, Identity, alternate};

/// The garbage collector.
#[derive(Clone, Debug, Default)]
pub struct GarbageCollector {
    graph: Graph,
    /// What was asked for at the apiserver.
    asked: Vec<Identity>,
    /// What it watches, when that is more than all kinds of Kubernetes.
    watches: Option<&'static [Watch]>,
}

impl GarbageCollector {
    /// A collector that watches kinds of the user's own, too.
    pub fn watching(custom: &[Kind]) -> GarbageCollector {
        let kinds = Kind::stored().filter(|k| *k != Kind::EVENT).chain(custom.iter().copied());
        let watches: Vec<Watch> = kinds.map(|kind| Watch { kind, keys }).collect();
        // A rule's watches live as long as the program; a program has few sets of kinds.
        let watches = Some(&*watches.leak());
        GarbageCollector { watches, ..GarbageCollector::default() }
    }

    /// A collector with an empty graph.
    pub fn new() -> GarbageCollector {
        GarbageCollector::default()
    }

    /// The plan for an object that is there.
    fn look_at(&mut self, object: &Object, view: View<'_>) -> Plan {
        let meta = object.meta();
        if meta.is_deleting() && meta.has_finalizer(ORPHAN_FINALIZER) {
            return self.orphan(object);
        }
        if meta.is_deleting() && meta.has_finalizer(FOREGROUND_FINALIZER) {
            return self.foreground(object, view);
        }
        let mut plan = Plan::nothing();
        let attempt = self.attempt(object, view);
        self.add(attempt, &mut plan);
        plan
    }

    /// Takes the owner off its dependents, then its finalizer off the owner.
    ///
    /// Source: kubernetes v1.36 pkg/controller/garbagecollector/garbagecollector.go,
    /// `attemptToOrphanWorker`, `orphanDependents`
    fn orphan(&self, owner: &Object) -> Plan {
        let (mut plan, uid) = (Plan::nothing(), owner.meta().uid);
        let keys = self.graph.dependents(uid);
        let why = Why::one("its owner {} is deleted and leaves its dependents", &owner.meta().name);
        let edit = Edit::RemoveOwners([uid].into());
        plan.push_all(keys.map(|k| Write::edit(k.clone(), edit.clone(), why.clone())).collect());
        let why = Why::new("its dependents no longer name it as owner");
        plan.push(Write::edit(owner.key(), Edit::RemoveFinalizer(ORPHAN_FINALIZER.into()), why));
        plan
    }

    /// Deletes the dependents, or takes the finalizer off when none blocks any more.
    ///
    /// Source: kubernetes v1.36 pkg/controller/garbagecollector/garbagecollector.go,
    /// `processDeletingDependentsItem`; graph_builder.go, `processTransitions`
    fn foreground(&mut self, owner: &Object, view: View<'_>) -> Plan {
        let (mut plan, uid) = (Plan::nothing(), owner.meta().uid);
        let keys: Vec<ObjectKey> = self.graph.dependents(uid).cloned().collect();
        let objects: Vec<Object> = keys.iter().filter_map(|k| view.object(k).cloned()).collect();
        let blocks = |o: &&Object| {
            o.meta().owners().iter().any(|r| r.uid == uid && r.block_owner_deletion == Some(true))
        };
        if !objects.iter().any(|o| blocks(&o)) {
            let why = Why::one("no dependent of {} blocks its deletion", &owner.meta().name);
            let edit = Edit::RemoveFinalizer(FOREGROUND_FINALIZER.into());
            plan.push(Write::edit(owner.key(), edit, why));
        }
        for object in objects.iter().filter(|o| !o.meta().is_deleting()) {
            let attempt = self.attempt(object, view);
            self.add(attempt, &mut plan);
        }
        together(&mut plan);
        plan
    }

    /// Looks at the dependents of the owners that references name by this key and that are gone.
    ///
    /// Source: kubernetes v1.36 pkg/controller/garbagecollector/graph_builder.go,
    /// `processGraphChanges`
    fn look_at_dependents(&mut self, key: &ObjectKey, view: View<'_>) -> Plan {
        let mut plan = Plan::nothing();
        let there = view.object(key).map(|o| o.meta().uid);
        let gone: Vec<_> = self.graph.named(key).filter(|uid| Some(*uid) != there).collect();
        for uid in gone {
            let keys: Vec<ObjectKey> = self.graph.dependents(uid).cloned().collect();
            let objects: Vec<Object> =
                keys.iter().filter_map(|k| view.object(k).cloned()).collect();
            self.ask_for_alternates(uid, &objects, &mut plan);
            for object in objects.iter().filter(|o| !o.meta().is_deleting()) {
                let attempt = self.attempt(object, view);
                self.add(attempt, &mut plan);
            }
        }
        together(&mut plan);
        plan
    }

    /// When dependents disagree about the coordinates of an absent owner, the next ones are asked
    /// for.
    fn ask_for_alternates(
        &mut self,
        uid: crate::api::meta::Uid,
        objects: &[Object],
        plan: &mut Plan,
    ) {
        let absent: Vec<Identity> = self.graph.absent_of(uid).cloned().collect();
        for identity in &absent {
            let all = objects.iter().map(|o| {
                let meta = o.meta();
                Dependent { namespace: &meta.namespace, owners: meta.owners() }
            });
            let other = alternate(all, identity).filter(|i| !absent.contains(i));
            if let Some(other) = other {
                self.add(Attempt::Ask(vec![other]), plan);
            }
        }
    }

    fn add(&mut self, attempt: Attempt, plan: &mut Plan) {
        match attempt {
            Attempt::Leave => {}
            Attempt::Write(writes) => writes.into_iter().for_each(|w| plan.push(w)),
            Attempt::Ask(identities) => {
                plan.retry = true;
                for identity in identities {
                    plan.steps.extend(attempt::ask(&identity));
                    if !self.asked.contains(&identity) {
                        self.asked.push(identity);
                    }
                }
            }
        }
    }
}

/// Makes the steps of several dependents go at once.
fn together(plan: &mut Plan) {
    let single = plan.steps.len() > 1;
    if single {
        let writes = plan.writes().cloned().collect();
        plan.steps.clear();
        plan.push_all(writes);
    }
}

impl Reconciler for GarbageCollector {
    fn name(&self) -> &'static str {
        "generic-garbage-collector"
    }

    fn watches(&self) -> &'static [Watch] {
        static ALL: std::sync::LazyLock<Vec<Watch>> = std::sync::LazyLock::new(|| {
            let kinds = Kind::stored().filter(|k| *k != Kind::EVENT);
            kinds.map(|kind| Watch { kind, keys }).collect()
        });
        self.watches.unwrap_or(&ALL)
    }

    fn settings(&self) -> Settings {
        Settings { workers: 20, ..Settings::default() }
    }

    fn reconcile(&mut self, key: &ObjectKey, view: View<'_>) -> Plan {
        let mut plan = self.look_at_dependents(key, view);
        if let Some(object) = view.object(key) {
            let own = self.look_at(object, view);
            plan.steps.extend(own.steps);
            plan.retry |= own.retry;
        }
        plan
    }

    fn recover(&mut self, write: &Write, refusal: &Refusal) -> Recovery {
        let is_missing = refusal.reason == Reason::NotFound;
        let Verb::Get(key) = &write.verb else {
            return if is_missing { Recovery::GoOn } else { Recovery::GoOnThenRetry };
        };
        let fits = |i: &Identity| is_missing && i.key().as_ref() == Some(key);
        let asked = std::mem::take(&mut self.asked);
        let (absent, rest): (Vec<_>, Vec<_>) = asked.into_iter().partition(fits);
        self.asked = rest;
        for identity in absent {
            self.graph.set_absent(identity);
        }
        Recovery::GoOnThenRetry
    }

    /// An owner's name that another object has by now: the owner itself is absent.
    fn answered(&mut self, _key: &ObjectKey, write: &Write, answer: &Answer) {
        let (Verb::Get(key), Answer::Object(found)) = (&write.verb, answer) else { return };
        let asked = std::mem::take(&mut self.asked);
        let (meant, rest): (Vec<_>, Vec<_>) =
            asked.into_iter().partition(|i| i.key().as_ref() == Some(key));
        self.asked = rest;
        for identity in meant.into_iter().filter(|i| i.uid != found.meta().uid) {
            self.graph.set_absent(identity);
        }
    }

    fn observe(&mut self, change: &Observed<'_>, view: View<'_>) {
        self.graph.absent_everywhere = view.gates().varies(Variant::AbsentEverywhere);
        self.graph.change(change.old, change.new);
    }

    fn boxed_clone(&self) -> Box<dyn Reconciler> {
        Box::new(self.clone())
    }
}

/// The keys that a change of any object concerns.
///
/// Source: kubernetes v1.36 pkg/controller/garbagecollector/graph_builder.go,
/// `processGraphChanges`
fn keys(change: &Observed<'_>, view: View<'_>, out: &mut Keys) {
    let Some(new) = change.new else {
        out.add(change.latest().key());
        waiting_owners(change.latest().meta(), None, view, out);
        return;
    };
    let meta = new.meta();
    let old = change.old.map(Object::meta).filter(|old| old.uid == meta.uid);
    let replaced = change.old.is_some() && old.is_none();
    let waits = |m: &Meta| {
        m.is_deleting()
            && (m.has_finalizer(ORPHAN_FINALIZER) || m.has_finalizer(FOREGROUND_FINALIZER))
    };
    let begins_to_wait = waits(meta) && !old.is_some_and(waits);
    let has_new_owners = old.is_none_or(|old| old.owners() != meta.owners());
    let lacks_owner = || meta.owners().iter().any(|owner| !is_there(owner.uid, owner, meta, view));
    if replaced || begins_to_wait || (has_new_owners && !meta.owners().is_empty() && lacks_owner())
    {
        out.add(new.key());
    }
    if let Some(old) = old.filter(|_| has_new_owners) {
        waiting_owners(old, Some(meta), view, out);
    }
}

fn is_there(
    uid: crate::api::meta::Uid,
    owner: &crate::api::meta::OwnerReference,
    meta: &Meta,
    view: View<'_>,
) -> bool {
    let key = Identity::of(owner, &meta.namespace).key();
    key.and_then(|k| view.object(&k)).is_some_and(|o| o.meta().uid == uid)
}

/// Owners that wait for their dependents, and that a dependent no longer blocks.
fn waiting_owners(old: &Meta, new: Option<&Meta>, view: View<'_>, out: &mut Keys) {
    for owner in old.owners() {
        let blocks_still = new.is_some_and(|new| {
            let same = new.owners().iter().find(|o| o.uid == owner.uid);
            same.is_some_and(|o| o.block_owner_deletion == owner.block_owner_deletion)
        });
        let Some(key) = Identity::of(owner, &old.namespace).key() else { continue };
        let waits = view.object(&key).is_some_and(|o| {
            o.meta().is_deleting() && o.meta().has_finalizer(FOREGROUND_FINALIZER)
        });
        if waits && !blocks_still {
            out.add(key);
        }
    }
}
