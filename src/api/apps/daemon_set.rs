//! `DaemonSet`: a pod on each node that fits.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::api::apps::pod_template::PodTemplate;
use crate::api::condition::Condition;
use crate::api::int_or_percent::IntOrPercent;
use crate::api::meta::{Meta, Rest};
use crate::api::selector::LabelSelector;

/// A pod on each node that fits.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct DaemonSet {
    /// Its metadata.
    pub meta: Meta,
    /// What is desired.
    pub spec: Arc<DaemonSetSpec>,
    /// What is observed.
    pub status: Arc<DaemonSetStatus>,
}

/// What is desired of a `DaemonSet`.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct DaemonSetSpec {
    /// Which pods are its own.
    pub selector: Arc<LabelSelector>,
    /// What they are made from.
    pub template: Arc<PodTemplate>,
    /// How they are replaced.
    pub update_strategy: DaemonSetStrategy,
    /// How long a pod has to be ready before it counts as available.
    #[serde(skip_serializing_if = "is_zero")]
    pub min_ready_seconds: i32,
    /// How many old revisions are kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revision_history_limit: Option<i32>,
    /// Fields that are kept and not acted upon.
    #[serde(flatten)]
    pub rest: Rest,
}

/// How the pods of a `DaemonSet` are replaced.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct DaemonSetStrategy {
    /// `RollingUpdate` or `OnDelete`.
    #[serde(rename = "type")]
    pub kind: DaemonSetStrategyKind,
    /// The limits of a rolling update.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rolling_update: Option<DaemonSetRollingUpdate>,
}

/// How the pods of a `DaemonSet` are replaced.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub enum DaemonSetStrategyKind {
    /// By the controller, a few nodes at a time.
    #[default]
    RollingUpdate,
    /// When somebody deletes them.
    OnDelete,
}

/// The limits of a rolling update.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct DaemonSetRollingUpdate {
    /// On how many nodes the pod may be missing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_unavailable: Option<IntOrPercent>,
    /// On how many nodes there may be an old and a new one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_surge: Option<IntOrPercent>,
}

/// What is observed of a `DaemonSet`.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct DaemonSetStatus {
    /// Nodes that have a pod and should.
    pub current_number_scheduled: i32,
    /// Nodes that have a pod and should not.
    pub number_misscheduled: i32,
    /// Nodes that should have a pod.
    pub desired_number_scheduled: i32,
    /// Nodes that should have a pod and have a ready one.
    pub number_ready: i32,
    /// The generation that the controller has taken up.
    #[serde(skip_serializing_if = "is_zero64")]
    pub observed_generation: i64,
    /// Nodes whose pod has the newest template.
    #[serde(skip_serializing_if = "is_zero")]
    pub updated_number_scheduled: i32,
    /// Nodes whose pod has been ready for long enough.
    #[serde(skip_serializing_if = "is_zero")]
    pub number_available: i32,
    /// Nodes that should have an available pod and have none.
    #[serde(skip_serializing_if = "is_zero")]
    pub number_unavailable: i32,
    /// Keeps two revisions of one hash apart.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub collision_count: Option<i32>,
    /// What is true of it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<Condition>,
    /// Fields that are kept and not acted upon.
    #[serde(flatten)]
    pub rest: Rest,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_zero(n: &i32) -> bool {
    *n == 0
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_zero64(n: &i64) -> bool {
    *n == 0
}
