//! The `ReplicaSet` controller: as many pods of one template as are wanted.
//!
//! Responsible for claiming, creating and deleting pods and for the status. It never changes a
//! pod beyond its owner, and never looks at what runs in it.

pub mod order;
pub mod status;
mod tally;
#[cfg(test)]
mod tests;
mod watch;
mod why;

use std::sync::Arc;

use crate::api::Name;
use crate::api::apps::replica_set::{ReplicaSet, ReplicaSetStatus};
use crate::api::core::pod::Pod;
use crate::api::core::replication_controller::ReplicationController;
use crate::api::gates::Gate;
use crate::api::meta::Uid;
use crate::api::object::{Kind, Object, ObjectKey, controller_reference};
use crate::api::refusal::{Reason, Refusal};
use crate::api::request::Verb;
use crate::api::selector::{LabelSelector, Selector};
use crate::api::why::Why;
use crate::client::plan::{Plan, Recovery, Write};
use crate::client::reconciler::{Observed, Reconciler, Settings, Watch};
use crate::client::view::View;
use crate::controllers::claim::{self, Claim};
use crate::controllers::pod_control::{PodControl, pod_from_template};
use crate::controllers::pod_watch::gone_of;
use crate::sim::index::Map;
use crate::sim::time::SimDuration;
use status::LabelCheck;
use tally::Tallies;
pub use why::ReplicaSetWhy;

/// How many pods one look creates or deletes at most.
///
/// Source: kubernetes v1.36 pkg/controller/replicaset/replica_set.go, `BurstReplicas`
pub const BURST_REPLICAS: usize = 500;

/// Keeps as many pods of each `ReplicaSet` as are wanted.
///
/// Differs: a pod that could not be created or deleted shows in the condition `ReplicaFailure` one
/// try later than in Kubernetes, because the status is planned before the outcome is known; and a
/// conflict on the status is answered by another look, not by one more write.
#[derive(Clone)]
pub struct ReplicaSetController {
    /// `ReplicaSets`, or the `ReplicationControllers` that follow the same rule.
    kind: Kind,
    /// Selectors, compiled once for each incarnation.
    selectors: Map<Uid, (Arc<LabelSelector>, Selector)>,
    /// Why the last try to create or delete pods failed.
    failures: Map<Uid, Name>,
    /// How many pods of which state each owner has.
    tallies: Tallies,
}

impl Default for ReplicaSetController {
    fn default() -> Self {
        ReplicaSetController::of(Kind::REPLICA_SET)
    }
}

/// An owner of pods, and as the `ReplicaSet` that the rule is about.
struct Owner {
    object: Object,
    set: Arc<ReplicaSet>,
}

impl Owner {
    /// The owner of a key.
    fn find(key: &ObjectKey, view: View<'_>) -> Option<Owner> {
        let object = view.object(key)?.clone();
        let set = if let Object::ReplicationController(owner) = &object {
            Arc::new(owner.as_replica_set())
        } else {
            object.as_a::<ReplicaSet>()?.clone()
        };
        Some(Owner { object, set })
    }

    /// The same with another status.
    fn with_status(&self, status: ReplicaSetStatus) -> Object {
        if let Object::ReplicationController(owner) = &self.object {
            return ReplicationController { status, ..(**owner).clone() }.into();
        }
        ReplicaSet { status, ..(*self.set).clone() }.into()
    }
}

/// What is to be done about the number of pods.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Change {
    /// Nothing.
    None,
    /// So many are created.
    Create(usize),
    /// So many are deleted.
    Delete(usize),
}

/// How many pods one look creates or deletes.
///
/// 0 pods of 1200 wanted are 500 creations; 5 of 3 are 2 deletions.
///
/// Source: kubernetes v1.36 pkg/controller/replicaset/replica_set.go,
/// `ReplicaSetController.manageReplicas`
pub fn change(active: usize, wanted: i32, burst: usize) -> Change {
    let wanted = usize::try_from(wanted).unwrap_or(0);
    match active.cmp(&wanted) {
        std::cmp::Ordering::Less => Change::Create((wanted - active).min(burst)),
        std::cmp::Ordering::Equal => Change::None,
        std::cmp::Ordering::Greater => Change::Delete((active - wanted).min(burst)),
    }
}

/// The pods of a `ReplicaSet`: those that count, and how many are on their way out.
struct Pods<'a> {
    active: Vec<&'a Arc<Pod>>,
    terminating: usize,
}

impl ReplicaSetController {
    /// The controller of `ReplicationControllers`, which are looked at as `ReplicaSets`.
    ///
    /// Source: kubernetes v1.36 pkg/controller/replication/replication_controller.go,
    /// `NewReplicationManager`
    pub fn of_replication_controllers() -> ReplicaSetController {
        ReplicaSetController::of(Kind::REPLICATION_CONTROLLER)
    }

    fn of(kind: Kind) -> ReplicaSetController {
        ReplicaSetController {
            kind,
            selectors: Map::default(),
            failures: Map::default(),
            tallies: Tallies::default(),
        }
    }

    fn selector(&mut self, set: &ReplicaSet) -> Option<Selector> {
        if let Some((source, selector)) = self.selectors.get(&set.meta.uid)
            && (Arc::ptr_eq(source, &set.spec.selector) || **source == *set.spec.selector)
        {
            return Some(selector.clone());
        }
        let selector = LabelSelector::to_selector(Some(&set.spec.selector)).ok()?;
        let known = (set.spec.selector.clone(), selector.clone());
        self.selectors.insert(set.meta.uid, known);
        Some(selector)
    }

    /// The numbers of its pods without a walk over them: none when they are not all alike, when
    /// somebody has to be adopted, or when the walk is needed for something else.
    fn counted(
        &self,
        set: &ReplicaSet,
        selector: &Selector,
        view: View<'_>,
    ) -> Option<status::Counts> {
        let tally = self.tallies.of(set.meta.uid)?;
        let is_plain = tally.total == view.count_controlled_by::<Pod>(set.meta.uid)
            && tally.is_uniform()
            && set.spec.min_ready_seconds == 0
            && selector.matches(&tally.labels)
            && view.orphans::<Pod>(&set.meta.namespace).next().is_none();
        let wanted = change(tally.active, set.spec.replicas, 1);
        if !is_plain || matches!(wanted, Change::Delete(_)) {
            return None;
        }
        let labeled = status::has_all(&tally.labels, &set.spec.template.meta.labels);
        Some(status::Counts {
            active: tally.active,
            labeled: if labeled { tally.active } else { 0 },
            ready: tally.ready,
            available: tally.ready,
            terminating: tally.terminating,
        })
    }
}

/// The pods that a `ReplicaSet` has or takes, with the writes by which it takes and drops some.
///
/// Source: kubernetes v1.36 pkg/controller/replicaset/replica_set.go,
/// `ReplicaSetController.claimPods`
fn claim_pods<'a>(
    (kind, set): (Kind, &ReplicaSet),
    selector: &Selector,
    view: View<'a>,
    plan: &mut Plan,
) -> Pods<'a> {
    let mut pods = Pods { active: Vec::new(), terminating: 0 };
    let mut matches = LabelCheck::new(|labels| selector.matches(labels));
    for pod in view.controlled_by::<Pod>(set.meta.uid) {
        let is_ours = matches.holds(&pod.meta.labels);
        if !pod.is_active() {
            let is_terminating = pod.meta.is_deleting() && !pod.is_terminal();
            pods.terminating += usize::from(is_terminating && is_ours);
        } else if is_ours {
            pods.active.push(pod);
        } else if claim::claim(&set.meta, &pod.meta, selector) == Claim::Release {
            plan.push(claim::release(&set.meta, &Object::Pod(pod.clone())));
        }
    }
    for pod in view.orphans::<Pod>(&set.meta.namespace).filter(|p| p.is_active()) {
        if claim::claim(&set.meta, &pod.meta, selector) == Claim::Adopt {
            let pod_object = Object::Pod(pod.clone());
            plan.push(claim::adoption(kind, &set.meta, &pod_object));
            pods.active.push(pod);
        }
    }
    pods
}

/// Adds the creations and deletions that a `ReplicaSet` needs.
///
/// `active` are the pods, or none where only their number counts.
fn manage_replicas(
    owner: &Owner,
    have: usize,
    active: &[&Arc<Pod>],
    view: View<'_>,
    plan: &mut Plan,
) {
    let set = &owner.set;
    let want = set.spec.replicas;
    let change = change(have, want, BURST_REPLICAS);
    if change == Change::None || !view.expectations_met() {
        return;
    }
    let control = PodControl::of(&owner.object);
    match change {
        Change::None => {}
        Change::Create(count) => {
            let reference = controller_reference(owner.object.kind(), &set.meta);
            let pod = pod_from_template(&set.spec.template, &set.meta, reference);
            let why = Why::from(ReplicaSetWhy::TooFew { have, want });
            plan.push_slowly(control.creations(pod, count, &why));
        }
        Change::Delete(count) => {
            let related = || related_pods(set, view);
            let doomed = order::pods_to_delete(active, related, count, view.now());
            let why = Why::from(ReplicaSetWhy::TooMany { have, want });
            plan.push_all(doomed.iter().map(|p| control.deletion(p, why.clone())).collect());
        }
    }
}

/// All pods that the `ReplicaSets` of the same owner select.
///
/// Source: kubernetes v1.36 pkg/controller/replicaset/replica_set.go,
/// `ReplicaSetController.getIndirectlyRelatedPods`
fn related_pods<'a>(set: &ReplicaSet, view: View<'a>) -> Vec<&'a Arc<Pod>> {
    let Some(owner) = set.meta.controller() else { return Vec::new() };
    let siblings = view.controlled_by::<ReplicaSet>(owner.uid);
    let selectors: Vec<Selector> =
        siblings.filter_map(|s| LabelSelector::to_selector(Some(&s.spec.selector)).ok()).collect();
    let is_related = |labels: &_| selectors.iter().any(|s| s.matches(labels));
    let mut related = LabelCheck::new(is_related);
    // A scan of the namespace's pods, on a scale-down of a ReplicaSet only.
    let pods = view.in_namespace::<Pod>(&set.meta.namespace);
    pods.filter(|pod| related.holds(&pod.meta.labels)).collect()
}

/// Adds the write of the status, if it says anything new, and the next look at pods that are
/// ready and not yet available.
fn write_status(
    owner: &Owner,
    counts: &status::Counts,
    pods: &[&Arc<Pod>],
    failure: Option<&str>,
    view: View<'_>,
    plan: &mut Plan,
) {
    let (set, now) = (&owner.set, view.now());
    let status = status::of_counts(set, counts, failure, now);
    let min_ready = set.spec.min_ready_seconds;
    if min_ready > 0 && status.ready_replicas != status.available_replicas {
        let active = pods.iter().copied();
        let next = status::next_availability_check(active, min_ready, now, now);
        let whole = SimDuration::secs(u64::try_from(min_ready).unwrap_or(0));
        plan.look_again_in(next.unwrap_or(whole));
    }
    if status::is_news(set, &status) {
        let why = ReplicaSetWhy::Counted {
            replicas: status.replicas,
            ready: status.ready_replicas,
            available: status.available_replicas,
        };
        plan.push(Write::update_status(owner.with_status(status), why));
    }
}

impl Reconciler for ReplicaSetController {
    fn name(&self) -> &'static str {
        let is_old = self.kind == Kind::REPLICATION_CONTROLLER;
        if is_old { "replication-controller" } else { "replicaset-controller" }
    }

    fn watches(&self) -> &'static [Watch] {
        let is_old = self.kind == Kind::REPLICATION_CONTROLLER;
        if is_old { watch::OLD_WATCHES } else { watch::WATCHES }
    }

    fn settings(&self) -> Settings {
        Settings {
            expectations: true,
            awaits_own_writes: true,
            awaits_behind: Some(Gate::StaleControllerConsistencyReplicaSet),
            ..Settings::default()
        }
    }

    /// Source: kubernetes v1.36 pkg/controller/replicaset/replica_set.go,
    /// `ReplicaSetController.syncReplicaSet`
    fn reconcile(&mut self, key: &ObjectKey, view: View<'_>) -> Plan {
        let mut plan = Plan::nothing();
        let Some(owner) = Owner::find(key, view) else { return plan };
        let set = &owner.set;
        let Some(selector) = self.selector(set) else { return plan };
        let (counts, active) = match self.counted(set, &selector, view) {
            Some(counts) => (counts, Vec::new()),
            None => {
                let pods = claim_pods((self.kind, set), &selector, view, &mut plan);
                let counts = status::count_all(set, &pods.active, pods.terminating, view.now());
                (counts, pods.active)
            }
        };
        let mut failure = self.failures.remove(&set.meta.uid);
        if set.meta.is_deleting() || change(counts.active, set.spec.replicas, 1) == Change::None {
            failure = None;
        } else {
            manage_replicas(&owner, counts.active, &active, view, &mut plan);
        }
        write_status(&owner, &counts, &active, failure.as_deref(), view, &mut plan);
        plan
    }

    fn recover(&mut self, write: &Write, refusal: &Refusal) -> Recovery {
        if claim::refusal_is_harmless(write, refusal) {
            return Recovery::GoOn;
        }
        let is_creation = matches!(write.verb, Verb::Create { .. });
        let is_deletion = matches!(write.verb, Verb::Delete { .. });
        if is_creation && claim::namespace_terminates(refusal)
            || is_deletion && refusal.reason == Reason::NotFound
        {
            return Recovery::GoOn;
        }
        if !is_creation && !is_deletion {
            return Recovery::usual(write, refusal);
        }
        let owner = write.on_refusal.as_ref().map(|e| e.about.uid);
        if let Some(owner) = owner {
            self.failures.insert(owner, Name::new(&refusal.message));
        }
        Recovery::GoOnThenRetry
    }

    fn observe(&mut self, change: &Observed<'_>, _view: View<'_>) {
        if let Some(old) = gone_of(self.kind, change) {
            self.selectors.remove(&old.meta().uid);
            self.failures.remove(&old.meta().uid);
        }
        self.tallies.observe(change);
    }

    fn boxed_clone(&self) -> Box<dyn Reconciler> {
        Box::new(self.clone())
    }
}
