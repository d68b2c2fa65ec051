//! S9: who evicts a pod that is ready takes it off the budgets that cover it.
//!
//! The budget's own figures may be old, so that too few may stay healthy by accident; but no
//! eviction goes past a budget.

use crate::api::core::pod::Pod;
use crate::api::object::Kind;
use crate::api::policy::pod_disruption_budget::PodDisruptionBudget;
use crate::check::{Invariant, Look, named};

/// Remembers nothing: the budget notes down who is on the way out.
#[derive(Clone, Default)]
pub(super) struct Budget;

impl Invariant for Budget {
    fn look(&mut self, look: &Look<'_>) -> Result<(), String> {
        let change = look.change;
        if look.origin.subresource != "eviction" {
            return Ok(());
        }
        let Some(old) = change.old.as_ref().and_then(|o| o.as_a::<Pod>()) else { return Ok(()) };
        if !old.is_ready() || old.meta.is_deleting() || old.is_terminal() {
            return Ok(());
        }
        // Budgets are few: as many as somebody has written.
        let all = look.cluster.store().iter(Kind::POD_DISRUPTION_BUDGET);
        let covering = all.filter_map(|o| o.as_a::<PodDisruptionBudget>()).find(|budget| {
            budget.meta.namespace == old.meta.namespace && budget.selects(&old.meta.labels)
        });
        match covering {
            Some(budget) if !budget.status.disrupted_pods.contains_key(&old.meta.name) => {
                Err(format!("{} was evicted past its budget {}", named(change), budget.meta.name))
            }
            Some(_) | None => Ok(()),
        }
    }
}
