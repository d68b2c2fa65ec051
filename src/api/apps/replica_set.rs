//! `ReplicaSet`: a number of equal pods.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::api::apps::pod_template::PodTemplate;
use crate::api::condition::Condition;
use crate::api::meta::{Meta, Rest};
use crate::api::selector::LabelSelector;

/// A number of equal pods.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct ReplicaSet {
    /// Its metadata.
    pub meta: Meta,
    /// What is desired.
    pub spec: ReplicaSetSpec,
    /// What is observed.
    pub status: ReplicaSetStatus,
}

/// What is desired of a `ReplicaSet`. Selector and template never change and are shared.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ReplicaSetSpec {
    /// How many pods.
    pub replicas: i32,
    /// How long a pod has to be ready before it counts as available.
    #[serde(skip_serializing_if = "is_zero")]
    pub min_ready_seconds: i32,
    /// Which pods are its own.
    pub selector: Arc<LabelSelector>,
    /// What they are made from.
    pub template: Arc<PodTemplate>,
    /// Fields that are kept and not acted upon.
    #[serde(flatten)]
    pub rest: Rest,
}

/// What is observed of a `ReplicaSet`.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ReplicaSetStatus {
    /// Pods that are neither ended nor on their way out.
    pub replicas: i32,
    /// Of these, the ones that have all labels of the template.
    #[serde(skip_serializing_if = "is_zero")]
    pub fully_labeled_replicas: i32,
    /// Of these, the ready ones.
    #[serde(skip_serializing_if = "is_zero")]
    pub ready_replicas: i32,
    /// Of these, the ones that have been ready for long enough.
    #[serde(skip_serializing_if = "is_zero")]
    pub available_replicas: i32,
    /// Pods on their way out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub terminating_replicas: Option<i32>,
    /// The generation that the controller has taken up.
    #[serde(skip_serializing_if = "is_zero64")]
    pub observed_generation: i64,
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
