//! `PodDisruptionBudget`: how many of some pods may be missing because somebody wants it.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::api::Name;
use crate::api::condition::{self, Condition, Truth};
use crate::api::int_or_percent::IntOrPercent;
use crate::api::labels::Labels;
use crate::api::meta::Meta;
use crate::api::selector::{LabelSelector, Selector};
use crate::api::time::Time;

/// The condition that says whether a pod may be evicted.
pub const DISRUPTION_ALLOWED: &str = "DisruptionAllowed";
/// The reason of that condition when the controller could not count.
pub const SYNC_FAILED: &str = "SyncFailed";

/// How many of some pods may be missing because somebody wants it.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct PodDisruptionBudget {
    /// Its metadata.
    pub meta: Meta,
    /// What is desired.
    pub spec: DisruptionBudgetSpec,
    /// What is observed.
    pub status: DisruptionBudgetStatus,
}

/// What a budget demands, of which pods.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct DisruptionBudgetSpec {
    /// How many have to stay healthy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_available: Option<IntOrPercent>,
    /// Of which pods; none means nothing, an empty one all of the namespace.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub selector: Option<Arc<LabelSelector>>,
    /// How many may be unhealthy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_unavailable: Option<IntOrPercent>,
    /// Whether pods that are not ready may always go: `IfHealthyBudget` or `AlwaysAllow`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unhealthy_pod_eviction_policy: Option<Name>,
}

/// What is observed of the pods of a budget.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct DisruptionBudgetStatus {
    /// The generation that the controller has taken up.
    #[serde(skip_serializing_if = "is_zero")]
    pub observed_generation: i64,
    /// Pods whose eviction was accepted, and when; they are not counted as healthy any more.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub disrupted_pods: BTreeMap<Name, Time>,
    /// How many more may be evicted.
    pub disruptions_allowed: i32,
    /// Healthy pods.
    pub current_healthy: i32,
    /// How many have to be healthy.
    pub desired_healthy: i32,
    /// How many pods there are to be.
    pub expected_pods: i32,
    /// What is true of it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<Condition>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_zero(n: &i64) -> bool {
    *n == 0
}

impl PodDisruptionBudget {
    /// Which pods it is about; a selector that cannot be read means none.
    pub fn selector(&self) -> Selector {
        LabelSelector::to_selector(self.spec.selector.as_deref()).unwrap_or(Selector::NOTHING)
    }

    /// Whether it is about pods of its namespace with these labels.
    pub fn selects(&self, labels: &Labels) -> bool {
        self.selector().matches(labels)
    }

    /// The condition that follows from the number of evictions that are allowed.
    ///
    /// Source: kubernetes v1.36
    /// staging/src/k8s.io/component-helpers/apps/poddisruptionbudget/helpers.go,
    /// `UpdateDisruptionAllowedCondition`
    pub fn update_condition(&mut self, now: Time) {
        let is_allowed = self.status.disruptions_allowed > 0;
        let reason = if is_allowed { "SufficientPods" } else { "InsufficientPods" };
        self.set_condition(is_allowed, reason, Name::default(), now);
    }

    /// Sets the condition; the time of its last change stays while it says the same.
    ///
    /// Source: kubernetes v1.36 staging/src/k8s.io/apimachinery/pkg/api/meta/conditions.go,
    /// `SetStatusCondition`
    pub fn set_condition(
        &mut self,
        is_allowed: bool,
        reason: &'static str,
        message: Name,
        now: Time,
    ) {
        let mut new = Condition::new(DISRUPTION_ALLOWED, Truth::from(is_allowed), reason);
        new.message = message;
        new.observed_generation = Some(self.status.observed_generation).filter(|n| *n > 0);
        new.last_transition_time = Some(now.whole_seconds());
        if let Some(old) = condition::find(&self.status.conditions, DISRUPTION_ALLOWED)
            && old.status == new.status
        {
            new.last_transition_time = old.last_transition_time;
        }
        crate::api::edit::upsert(&mut self.status.conditions, &new);
    }

    /// Whether the condition says what the numbers say.
    ///
    /// Source: kubernetes v1.36
    /// staging/src/k8s.io/component-helpers/apps/poddisruptionbudget/helpers.go,
    /// `ConditionsAreUpToDate`
    pub fn condition_is_up_to_date(&self) -> bool {
        let Some(found) = condition::find(&self.status.conditions, DISRUPTION_ALLOWED) else {
            return false;
        };
        found.observed_generation.unwrap_or(0) == self.status.observed_generation
            && found.is_true() == (self.status.disruptions_allowed > 0)
    }
}
