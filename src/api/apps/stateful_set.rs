//! `StatefulSet`: pods with a name and a storage of their own each.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::api::Name;
use crate::api::apps::pod_template::PodTemplate;
use crate::api::condition::Condition;
use crate::api::int_or_percent::IntOrPercent;
use crate::api::meta::{Meta, Rest};
use crate::api::selector::LabelSelector;

/// Pods with a name and a storage of their own each.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct StatefulSet {
    /// Its metadata.
    pub meta: Meta,
    /// What is desired.
    pub spec: Arc<StatefulSetSpec>,
    /// What is observed.
    pub status: Arc<StatefulSetStatus>,
}

/// What is desired of a `StatefulSet`.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct StatefulSetSpec {
    /// How many pods.
    pub replicas: i32,
    /// Which pods are its own.
    pub selector: Arc<LabelSelector>,
    /// What they are made from.
    pub template: Arc<PodTemplate>,
    /// The claims that each pod gets, whole.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub volume_claim_templates: Vec<Value>,
    /// The service that gives the pods their names in the network.
    #[serde(skip_serializing_if = "Name::is_empty")]
    pub service_name: Name,
    /// Whether pods wait for each other.
    pub pod_management_policy: PodManagementPolicy,
    /// How pods are replaced.
    pub update_strategy: StatefulSetStrategy,
    /// How many old revisions are kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revision_history_limit: Option<i32>,
    /// How long a pod has to be ready before it counts as available.
    #[serde(skip_serializing_if = "is_zero")]
    pub min_ready_seconds: i32,
    /// What becomes of the claims.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub persistent_volume_claim_retention_policy: Option<ClaimRetention>,
    /// Where the ordinals begin.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ordinals: Option<Ordinals>,
    /// Fields that are kept and not acted upon.
    #[serde(flatten)]
    pub rest: Rest,
}

/// Whether the pods of a `StatefulSet` wait for each other.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub enum PodManagementPolicy {
    /// Each waits until all with lower ordinals are available.
    #[default]
    OrderedReady,
    /// All at once.
    Parallel,
}

/// How the pods of a `StatefulSet` are replaced.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct StatefulSetStrategy {
    /// `RollingUpdate` or `OnDelete`.
    #[serde(rename = "type")]
    pub kind: StatefulSetStrategyKind,
    /// The limits of a rolling update.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rolling_update: Option<StatefulSetRollingUpdate>,
}

/// How the pods of a `StatefulSet` are replaced.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub enum StatefulSetStrategyKind {
    /// By the controller, the greatest ordinal first.
    #[default]
    RollingUpdate,
    /// When somebody deletes them.
    OnDelete,
}

/// The limits of a rolling update.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct StatefulSetRollingUpdate {
    /// So many pods, from the first on, keep the former template.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub partition: Option<i32>,
    /// How many pods may be missing, behind the gate `MaxUnavailableStatefulSet`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_unavailable: Option<IntOrPercent>,
}

/// What becomes of the claims of a `StatefulSet`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ClaimRetention {
    /// When the `StatefulSet` is deleted.
    pub when_deleted: ClaimPolicy,
    /// When it has fewer pods.
    pub when_scaled: ClaimPolicy,
}

/// Whether claims stay.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub enum ClaimPolicy {
    /// They stay.
    #[default]
    Retain,
    /// They go with their owner.
    Delete,
}

/// Where the ordinals of a `StatefulSet` begin.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Ordinals {
    /// The first.
    pub start: i32,
}

/// What is observed of a `StatefulSet`.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct StatefulSetStatus {
    /// The generation that the controller has taken up.
    #[serde(skip_serializing_if = "is_zero64")]
    pub observed_generation: i64,
    /// Pods that are there.
    pub replicas: i32,
    /// Pods that run and are ready.
    #[serde(skip_serializing_if = "is_zero")]
    pub ready_replicas: i32,
    /// Pods of the current revision.
    #[serde(skip_serializing_if = "is_zero")]
    pub current_replicas: i32,
    /// Pods of the revision that is rolled out.
    #[serde(skip_serializing_if = "is_zero")]
    pub updated_replicas: i32,
    /// The revision that all pods had last.
    #[serde(skip_serializing_if = "Name::is_empty")]
    pub current_revision: Name,
    /// The revision that is rolled out.
    #[serde(skip_serializing_if = "Name::is_empty")]
    pub update_revision: Name,
    /// Keeps two revisions of one hash apart.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub collision_count: Option<i32>,
    /// What is true of it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<Condition>,
    /// Pods that have been ready for long enough.
    pub available_replicas: i32,
    /// Fields that are kept and not acted upon.
    #[serde(flatten)]
    pub rest: Rest,
}

impl StatefulSetSpec {
    /// The first ordinal.
    ///
    /// Source: kubernetes v1.36 pkg/controller/statefulset/stateful_set_utils.go,
    /// `getStartOrdinal`
    pub fn start(&self) -> i32 {
        self.ordinals.map_or(0, |o| o.start)
    }

    /// Whether an ordinal is one of those that are wanted.
    ///
    /// Source: kubernetes v1.36 pkg/controller/statefulset/stateful_set_utils.go,
    /// `podInOrdinalRange`
    pub fn has_ordinal(&self, ordinal: i32) -> bool {
        ordinal >= self.start() && ordinal - self.start() < self.replicas
    }

    /// How many pods, from the first on, keep the former template; none where that is not asked.
    pub fn partition(&self) -> Option<i32> {
        let rolling = self.update_strategy.rolling_update.as_ref()?;
        Some(rolling.partition.unwrap_or(0))
    }

    /// What becomes of the claims.
    pub fn retention(&self) -> ClaimRetention {
        self.persistent_volume_claim_retention_policy.unwrap_or_default()
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_zero(n: &i32) -> bool {
    *n == 0
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_zero64(n: &i64) -> bool {
    *n == 0
}
