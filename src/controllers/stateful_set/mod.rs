//! The `StatefulSet` controller: pods with a name and a storage of their own each, made in order
//! and replaced in reverse order.
//!
//! Responsible for pods, claims, revisions and the status. It never starts, moves or heals a pod
//! that is there: a pod that does not become ready holds up the others until somebody deletes it.

pub mod claims;
mod control;
pub mod identity;
mod revisions;
pub mod status;
mod watch;
mod why;

use std::sync::Arc;

use crate::api::apps::controller_revision::ControllerRevision;
use crate::api::apps::stateful_set::{StatefulSet, StatefulSetStatus};
use crate::api::core::pod::Pod;
use crate::api::gates::Gate;
use crate::api::meta::Uid;
use crate::api::object::{Kind, Object, ObjectKey};
use crate::api::refusal::{Reason, Refusal};
use crate::api::request::{Subresource, Verb};
use crate::api::selector::{LabelSelector, Selector};
use crate::client::plan::{Plan, Recovery, Write};
use crate::client::reconciler::{Observed, Reconciler, Settings, Watch};
use crate::client::view::View;
use crate::controllers::claim::{self, Claim};
use crate::controllers::controller_revision::Memory;
use crate::controllers::pod_watch::gone;
use crate::controllers::replica_set::status::next_availability_check;
use crate::sim::index::Map;
use crate::sim::time::SimDuration;
use control::Look;
use revisions::Revisions;
pub use why::StatefulSetWhy;

/// Keeps the pods of each `StatefulSet`, each with its name and claims.
///
/// Differs: the volumes of a pod that was adopted and has others than the claims are left as they
/// are; Kubernetes tries to change them and is refused by the apiserver again and again.
#[derive(Clone, Default)]
pub struct StatefulSetController {
    /// Selectors, compiled once for each incarnation.
    selectors: Map<Uid, (Arc<LabelSelector>, Selector)>,
    /// What is known of templates and revisions.
    memory: Memory,
}

impl StatefulSetController {
    fn selector(&mut self, set: &StatefulSet) -> Option<Selector> {
        if let Some((source, selector)) = self.selectors.get(&set.meta.uid)
            && Arc::ptr_eq(source, &set.spec.selector)
        {
            return Some(selector.clone());
        }
        let selector = LabelSelector::to_selector(Some(&set.spec.selector)).ok()?;
        let known = (set.spec.selector.clone(), selector.clone());
        self.selectors.insert(set.meta.uid, known);
        Some(selector)
    }
}

/// The pods that a `StatefulSet` has or takes, with the writes by which it takes and drops some.
///
/// Source: kubernetes v1.36 pkg/controller/statefulset/stateful_set.go, `getPodsForStatefulSet`
fn claim_pods<'a>(
    set: &StatefulSet,
    selector: &Selector,
    view: View<'a>,
    plan: &mut Plan,
) -> Vec<&'a Arc<Pod>> {
    let own = view.controlled_by::<Pod>(set.meta.uid);
    let free = view.orphans::<Pod>(&set.meta.namespace);
    let mut pods = Vec::new();
    for pod in own.chain(free) {
        let matches = || selector.matches(&pod.meta.labels) && identity::is_member(set, pod);
        match claim::claim_by(&set.meta, &pod.meta, matches) {
            Claim::Keep => pods.push(pod),
            Claim::Adopt => {
                let object = Object::Pod(pod.clone());
                plan.push(claim::adoption(Kind::STATEFUL_SET, &set.meta, &object));
                pods.push(pod);
            }
            Claim::Release => plan.push(claim::release(&set.meta, &Object::Pod(pod.clone()))),
            Claim::Ignore => {}
        }
    }
    pods
}

/// Adds the write of the status, if it says anything new.
///
/// Source: kubernetes v1.36 pkg/controller/statefulset/stateful_set_control.go,
/// `updateStatefulSetStatus`
fn write_status(set: &StatefulSet, mut status: StatefulSetStatus, plan: &mut Plan) {
    status::complete(set, &mut status);
    if !status::is_news(set, &status) {
        return;
    }
    let why = StatefulSetWhy::Counted {
        replicas: status.replicas,
        ready: status.ready_replicas,
        updated: status.updated_replicas,
    };
    let new = StatefulSet { status: Arc::new(status), ..set.clone() };
    plan.push(Write::update_status(new, why));
}

/// Asks to look again when the next pod becomes available.
///
/// Source: kubernetes v1.36 pkg/controller/statefulset/stateful_set.go, `syncStatefulSet`
fn look_again(
    set: &StatefulSet,
    available: i32,
    pods: &[&Arc<Pod>],
    view: View<'_>,
    plan: &mut Plan,
) {
    let min_ready = set.spec.min_ready_seconds;
    if min_ready <= 0 || available == set.spec.replicas {
        return;
    }
    let next = next_availability_check(pods.iter().copied(), min_ready, view.now(), view.now());
    let whole = SimDuration::secs(u64::try_from(min_ready).unwrap_or(0));
    plan.look_again_in(next.unwrap_or(whole));
}

impl Reconciler for StatefulSetController {
    fn name(&self) -> &'static str {
        "statefulset-controller"
    }

    fn watches(&self) -> &'static [Watch] {
        watch::WATCHES
    }

    fn settings(&self) -> Settings {
        Settings {
            awaits_own_writes: true,
            awaits_behind: Some(Gate::StaleControllerConsistencyStatefulSet),
            ..Settings::default()
        }
    }

    /// Source: kubernetes v1.36 pkg/controller/statefulset/stateful_set.go, `sync`,
    /// `syncStatefulSet`; stateful_set_control.go, `UpdateStatefulSet`, `performUpdate`
    fn reconcile(&mut self, key: &ObjectKey, view: View<'_>) -> Plan {
        let mut plan = Plan::nothing();
        let Some(set) = view.get::<StatefulSet>(&key.namespace, &key.name) else { return plan };
        let Some(selector) = self.selector(set) else { return plan };
        let pods = claim_pods(set, &selector, view, &mut plan);
        let revisions = Revisions::of(set, &selector, &mut self.memory, view, &mut plan);
        let status = if set.meta.is_deleting() {
            status::status(set, &revisions, pods.iter().copied(), view.now())
        } else {
            Look::new(set, &revisions, &pods, view).plan(&mut plan)
        };
        plan.landmark();
        let available = status.available_replicas;
        write_status(set, status, &mut plan);
        revisions.truncate(set, &pods, &mut plan);
        look_again(set, available, &pods, view, &mut plan);
        plan
    }

    fn recover(&mut self, write: &Write, refusal: &Refusal) -> Recovery {
        if claim::refusal_is_harmless(write, refusal) {
            return Recovery::GoOn;
        }
        let is_status = matches!(&write.verb, Verb::Update { part: Subresource::Status, .. });
        let key = write.verb.key();
        if is_status || key.kind == Kind::CONTROLLER_REVISION {
            return Recovery::usual(write, refusal);
        }
        let is_deletion = matches!(write.verb, Verb::Delete { .. });
        if is_deletion && refusal.reason == Reason::NotFound {
            return Recovery::GoOn;
        }
        if refusal.reason == Reason::AlreadyExists {
            return Recovery::SkipUntold;
        }
        Recovery::SkipThenRetry
    }

    fn observe(&mut self, change: &Observed<'_>, _view: View<'_>) {
        if let Some(old) = gone::<StatefulSet>(change) {
            self.selectors.remove(&old.meta().uid);
            self.memory.forget(old.meta().uid);
        } else if let Some(old) = gone::<ControllerRevision>(change) {
            self.memory.forget(old.meta().uid);
        }
    }

    fn boxed_clone(&self) -> Box<dyn Reconciler> {
        Box::new(self.clone())
    }
}
