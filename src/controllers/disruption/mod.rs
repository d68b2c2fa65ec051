//! The disruption controller: how many pods of each budget may be evicted.
//!
//! Responsible for the status of `PodDisruptionBudgets`, and for the condition `DisruptionTarget`
//! of pods that were to go and did not. It evicts nothing: that is asked of the apiserver, which
//! takes from the numbers that stand here.

mod expected;
mod stale;
mod watch;

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::api::Name;
use crate::api::core::pod::Pod;
use crate::api::object::{Kind, Object, ObjectKey};
use crate::api::policy::pod_disruption_budget::{PodDisruptionBudget, SYNC_FAILED};
use crate::api::request::EventNote;
use crate::api::time::Time;
use crate::api::why::Why;
use crate::client::plan::{Plan, Write};
use crate::client::reconciler::{Reconciler, Settings, Watch};
use crate::client::view::View;
use crate::sim::time::SimDuration;
pub use expected::{Expected, expected};
pub use stale::{STALE_AFTER, stale_in};

/// How long a pod whose eviction was accepted may take until its deletion is asked for.
///
/// Source: kubernetes v1.36 pkg/controller/disruption/disruption.go, `DeletionTimeout`
pub const DELETION_TIMEOUT: SimDuration = SimDuration::secs(120);

/// Keeps the status of budgets.
///
/// Differs: a status that could not be written for another reason than a conflict is tried again
/// as it is; Kubernetes first tries to write that no disruption is allowed.
#[derive(Clone, Copy, Debug, Default)]
pub struct DisruptionController;

/// Why the status of a budget, or a pod's condition, was written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum DisruptionWhy {
    Counted { healthy: i32, desired: i32, allowed: i32 },
    Failed,
    Stale,
}

impl From<DisruptionWhy> for Why {
    fn from(why: DisruptionWhy) -> Why {
        match why {
            DisruptionWhy::Counted { healthy, desired, allowed } => Why::three(
                "{} pods are healthy, {} have to be: {} may be evicted",
                healthy,
                desired,
                allowed,
            ),
            DisruptionWhy::Failed => {
                Why::new("the expected pods cannot be counted, so none may be evicted")
            }
            DisruptionWhy::Stale => Why::one("it was to go {} ago and is still here", STALE_AFTER),
        }
    }
}

impl Reconciler for DisruptionController {
    fn name(&self) -> &'static str {
        "disruption-controller"
    }

    fn event_source(&self) -> &'static str {
        "controllermanager"
    }

    fn watches(&self) -> &'static [Watch] {
        watch::WATCHES
    }

    /// Differs: one queue with one worker serves budgets and stale pods; Kubernetes has a queue
    /// and a worker for each.
    fn settings(&self) -> Settings {
        Settings { workers: 1, ..Settings::default() }
    }

    fn reconcile(&mut self, key: &ObjectKey, view: View<'_>) -> Plan {
        if key.kind == Kind::POD {
            let mut plan = stale::sync(key, view);
            plan.events.extend(several_budgets(key, view));
            return plan;
        }
        match view.get::<PodDisruptionBudget>(&key.namespace, &key.name) {
            Some(budget) => sync(budget, view),
            None => Plan::nothing(),
        }
    }

    fn boxed_clone(&self) -> Box<dyn Reconciler> {
        Box::new(*self)
    }
}

/// That several budgets select a pod, of which only one counts.
///
/// Source: kubernetes v1.36 pkg/controller/disruption/disruption.go,
/// `DisruptionController.getPdbForPod`
fn several_budgets(key: &ObjectKey, view: View<'_>) -> Option<EventNote> {
    let pod = view.get::<Pod>(&key.namespace, &key.name)?;
    let (Some(first), 1..) = watch::budgets_of(pod, view) else { return None };
    let (namespace, name) = (pod.meta.namespace.as_str(), pod.meta.name.as_str());
    let chosen = first.meta.name.as_str();
    let message = format!(
        "Pod {namespace:?}/{name:?} matches multiple PodDisruptionBudgets.  Chose {chosen:?} \
         arbitrarily."
    );
    let about = Object::Pod(pod.clone()).reference();
    let reason = "MultiplePodDisruptionBudgets";
    Some(EventNote { about, warning: true, reason, message: message.into() })
}

/// Source: kubernetes v1.36 pkg/controller/disruption/disruption.go, `DisruptionController.trySync`
fn sync(budget: &Arc<PodDisruptionBudget>, view: View<'_>) -> Plan {
    let mut plan = Plan::nothing();
    let selector = budget.selector();
    let mut pods: Vec<&Arc<Pod>> = view.select(&budget.meta.namespace, &selector).collect();
    pods.sort_by(|a, b| a.meta.name.cmp(&b.meta.name));
    let about = Object::PodDisruptionBudget(budget.clone()).reference();
    let tell = |warning, reason, message: String| EventNote {
        about: about.clone(),
        warning,
        reason,
        message: message.into(),
    };
    if pods.is_empty() {
        plan.events.push(tell(false, "NoPods", "No matching pods found".into()));
    }
    let expected = match expected(budget, &pods, view) {
        Ok(expected) => expected,
        Err(why) => {
            let text = format!("Failed to calculate the number of expected pods: {why}");
            plan.events.push(tell(true, "CalculateExpectedPodCountFailed", text));
            plan.steps.extend(fail_safe(budget, &why, view.now()));
            return plan;
        }
    };
    let held = disrupted(budget, &pods, view.now(), &mut plan);
    let healthy = healthy(&pods, &held, view.now());
    let new = counted(budget, healthy, expected, held, view.now());
    if let Some(new) = new {
        let (desired, allowed) = (new.status.desired_healthy, new.status.disruptions_allowed);
        let why = DisruptionWhy::Counted { healthy, desired, allowed };
        plan.push(Write::update_status(new, why));
    }
    plan
}

/// The pods whose eviction was accepted and that are not on their way yet; those that took too
/// long are told about and counted again.
///
/// Source: kubernetes v1.36 pkg/controller/disruption/disruption.go,
/// `DisruptionController.buildDisruptedPodMap`
fn disrupted(
    budget: &PodDisruptionBudget,
    pods: &[&Arc<Pod>],
    now: Time,
    plan: &mut Plan,
) -> BTreeMap<Name, Time> {
    let mut held = BTreeMap::new();
    for pod in pods.iter().filter(|p| !p.meta.is_deleting()) {
        let Some(since) = budget.status.disrupted_pods.get(&pod.meta.name) else { continue };
        let until = since.plus(DELETION_TIMEOUT);
        if until < now {
            let namespace = &budget.meta.namespace;
            let text = format!(
                "Pod was expected by PDB {namespace}/{namespace} to be deleted but it wasn't"
            );
            plan.events.push(EventNote {
                about: Object::Pod(Arc::clone(pod)).reference(),
                warning: true,
                reason: "NotDeleted",
                message: text.into(),
            });
            continue;
        }
        plan.look_again_in(until.since(now));
        plan.housekeeping = true;
        held.insert(pod.meta.name.clone(), *since);
    }
    held
}

/// The pods that are ready, do not go and are not about to.
///
/// Source: kubernetes v1.36 pkg/controller/disruption/disruption.go, `countHealthyPods`
fn healthy(pods: &[&Arc<Pod>], held: &BTreeMap<Name, Time>, now: Time) -> i32 {
    let is_held = |pod: &Pod| {
        held.get(&pod.meta.name).is_some_and(|since| since.plus(DELETION_TIMEOUT) > now)
    };
    let healthy = pods.iter().filter(|p| !p.meta.is_deleting() && !is_held(p) && p.is_ready());
    i32::try_from(healthy.count()).unwrap_or(i32::MAX)
}

/// The budget with its new status; none when nothing changes.
///
/// With 4 healthy pods of which 3 have to be, one may be evicted; none while no pod is expected,
/// so that the first pods of a new workload are safe.
///
/// Source: kubernetes v1.36 pkg/controller/disruption/disruption.go,
/// `DisruptionController.updatePdbStatus`
pub fn counted(
    budget: &PodDisruptionBudget,
    healthy: i32,
    expected: Expected,
    disrupted_pods: BTreeMap<Name, Time>,
    now: Time,
) -> Option<PodDisruptionBudget> {
    let room = healthy.saturating_sub(expected.desired_healthy).max(0);
    let mut new = budget.clone();
    let status = &mut new.status;
    status.disruptions_allowed = if expected.pods <= 0 { 0 } else { room };
    status.current_healthy = healthy;
    status.desired_healthy = expected.desired_healthy;
    status.expected_pods = expected.pods;
    status.disrupted_pods = disrupted_pods;
    status.observed_generation = budget.meta.generation;
    if new.status == budget.status && budget.condition_is_up_to_date() {
        return None;
    }
    new.update_condition(now);
    Some(new)
}

/// When the pods cannot be counted none may be evicted.
///
/// Source: kubernetes v1.36 pkg/controller/disruption/disruption.go,
/// `DisruptionController.failSafe`
fn fail_safe(
    budget: &Arc<PodDisruptionBudget>,
    why: &str,
    now: Time,
) -> Option<crate::client::plan::Step> {
    let mut new = PodDisruptionBudget::clone(budget);
    new.status.disruptions_allowed = 0;
    new.set_condition(false, SYNC_FAILED, why.into(), now);
    if new.status == budget.status {
        return None;
    }
    let write = Write::update_status(new, DisruptionWhy::Failed);
    Some(crate::client::plan::Step::One(write))
}

#[cfg(test)]
mod tests;
