//! Pods that were to go and did not: their condition is taken back.

use std::sync::Arc;

use super::DisruptionWhy;
use crate::api::condition::{self, Condition, Truth};
use crate::api::core::pod::Pod;
use crate::api::edit::upsert;
use crate::api::object::ObjectKey;
use crate::api::time::Time;
use crate::client::plan::{Plan, Write};
use crate::client::view::View;
use crate::sim::time::SimDuration;

const TARGET: &str = "DisruptionTarget";

/// How long a pod may be a target of disruption without being deleted.
///
/// Source: kubernetes v1.36 pkg/controller/disruption/disruption.go, `stalePodDisruptionTimeout`
pub const STALE_AFTER: SimDuration = SimDuration::secs(120);

/// In how long the condition of a pod that does not go is stale; none when it cannot be.
///
/// Source: kubernetes v1.36 pkg/controller/disruption/disruption.go,
/// `DisruptionController.nonTerminatingPodHasStaleDisruptionCondition`
pub fn stale_in(pod: &Pod, now: Time) -> Option<SimDuration> {
    if pod.meta.is_deleting() || pod.is_terminal() {
        return None;
    }
    let found = condition::find(&pod.status.conditions, TARGET)?;
    if !found.is_true() || found.reason == "TerminationByKubelet" {
        return None;
    }
    let since = found.last_transition_time.unwrap_or(Time(0));
    Some(since.plus(STALE_AFTER).since(now))
}

/// Takes the condition back when it is stale.
///
/// Source: kubernetes v1.36 pkg/controller/disruption/disruption.go,
/// `DisruptionController.syncStalePodDisruption`
pub(super) fn sync(key: &ObjectKey, view: View<'_>) -> Plan {
    let mut plan = Plan::nothing();
    let Some(pod) = view.get::<Pod>(&key.namespace, &key.name) else { return plan };
    match stale_in(pod, view.now()) {
        None => {}
        Some(SimDuration::ZERO) => {
            let mut new = Pod::clone(pod);
            let mut condition = Condition::new(TARGET, Truth::False, "");
            condition.observed_generation = Some(pod.meta.generation).filter(|g| *g > 0);
            condition.last_transition_time = Some(view.now().whole_seconds());
            upsert(&mut Arc::make_mut(&mut new.status).conditions, &condition);
            plan.push(Write::update_status(new, DisruptionWhy::Stale));
        }
        Some(later) => {
            plan.look_again_in(later);
            plan.housekeeping = true;
        }
    }
    plan
}
