//! `HorizontalPodAutoscaler`, version v2: as many replicas as the metrics ask for.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::api::Name;
use crate::api::condition::Condition;
use crate::api::meta::{Meta, Rest};
use crate::api::quantity::Quantity;
use crate::api::selector::LabelSelector;
use crate::api::time::Time;

/// As many replicas of a target as the metrics ask for.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct HorizontalPodAutoscaler {
    /// Its metadata.
    pub meta: Meta,
    /// What is desired.
    pub spec: Arc<HpaSpec>,
    /// What is observed.
    pub status: HpaStatus,
}

/// What is desired of an autoscaler.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct HpaSpec {
    /// What is scaled.
    pub scale_target_ref: CrossVersionObjectReference,
    /// At least so many replicas; 1 when nothing is said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_replicas: Option<i32>,
    /// At most so many replicas.
    pub max_replicas: i32,
    /// What is measured; the metric that asks for the most replicas decides.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub metrics: Vec<MetricSpec>,
    /// How fast it scales.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub behavior: Option<Behavior>,
    /// Fields that are kept and not acted upon.
    #[serde(flatten)]
    pub rest: Rest,
}

/// An object of any version, in the same namespace.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct CrossVersionObjectReference {
    /// `Deployment`.
    pub kind: Name,
    /// Its name.
    pub name: Name,
    /// `apps/v1`.
    #[serde(skip_serializing_if = "Name::is_empty")]
    pub api_version: Name,
}

/// One metric and what it should be: the member of its type is set.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct MetricSpec {
    /// `Resource`, `ContainerResource`, `Pods`, `Object` or `External`.
    #[serde(rename = "type")]
    pub kind: Name,
    /// A metric of one object.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub object: Option<ObjectMetricSource>,
    /// A metric of each pod.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pods: Option<PodsMetricSource>,
    /// A resource of each pod.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resource: Option<ResourceMetricSource>,
    /// A resource of one container of each pod.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub container_resource: Option<ContainerResourceMetricSource>,
    /// A metric of nothing in the cluster.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub external: Option<PodsMetricSource>,
}

/// A metric of one object.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ObjectMetricSource {
    /// The object.
    pub described_object: CrossVersionObjectReference,
    /// What it should be.
    pub target: MetricTarget,
    /// The metric.
    pub metric: MetricIdentifier,
}

/// A metric that is told by name: of each pod, or of nothing in the cluster.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct PodsMetricSource {
    /// The metric.
    pub metric: MetricIdentifier,
    /// What it should be.
    pub target: MetricTarget,
}

/// A resource of each pod.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct ResourceMetricSource {
    /// `cpu` or `memory`.
    pub name: Name,
    /// What it should be.
    pub target: MetricTarget,
}

/// A resource of one container of each pod.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct ContainerResourceMetricSource {
    /// `cpu` or `memory`.
    pub name: Name,
    /// What it should be.
    pub target: MetricTarget,
    /// The container.
    pub container: Name,
}

/// Which metric.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct MetricIdentifier {
    /// Its name.
    pub name: Name,
    /// Which of its series.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub selector: Option<LabelSelector>,
}

/// What a metric should be.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct MetricTarget {
    /// `Utilization`, `Value` or `AverageValue`.
    #[serde(rename = "type")]
    pub kind: Name,
    /// In all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<Quantity>,
    /// For each pod.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub average_value: Option<Quantity>,
    /// In percent of what the pods request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub average_utilization: Option<i32>,
}

/// How fast it scales, each way.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Behavior {
    /// When there are to be more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scale_up: Option<ScalingRules>,
    /// When there are to be fewer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scale_down: Option<ScalingRules>,
}

/// How fast it scales one way.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ScalingRules {
    /// For how long recommendations are looked back at.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stabilization_window_seconds: Option<i32>,
    /// Which policy counts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub select_policy: Option<SelectPolicy>,
    /// How much it may change within a period.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub policies: Vec<ScalingPolicy>,
    /// How far from its target a metric may be.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tolerance: Option<Quantity>,
}

/// Which of several policies counts.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub enum SelectPolicy {
    /// The one that allows the greatest change.
    #[default]
    Max,
    /// The one that allows the smallest change.
    Min,
    /// None: it does not scale this way.
    Disabled,
}

/// How much it may change within a period.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ScalingPolicy {
    /// What the value counts.
    #[serde(rename = "type")]
    pub kind: ScalingPolicyKind,
    /// By how much.
    pub value: i32,
    /// Within so many seconds.
    pub period_seconds: i32,
}

/// What the value of a policy counts.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub enum ScalingPolicyKind {
    /// Pods.
    #[default]
    Pods,
    /// Percent of the replicas.
    Percent,
}

/// What is observed of an autoscaler.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct HpaStatus {
    /// The generation that the controller has taken up.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// When it last scaled.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_scale_time: Option<Time>,
    /// How many replicas the target asked for when it was last looked at.
    #[serde(skip_serializing_if = "is_zero")]
    pub current_replicas: i32,
    /// How many it should have.
    pub desired_replicas: i32,
    /// What the metrics were; none, not an empty list, while there is nothing to say.
    pub current_metrics: Option<Vec<MetricStatus>>,
    /// What is true of it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<Condition>,
}

/// What a metric was: the member of its type is set, none for one that could not be read.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct MetricStatus {
    /// As in the spec; empty for one that could not be read.
    #[serde(rename = "type")]
    pub kind: Name,
    /// A metric of one object.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub object: Option<ObjectMetricStatus>,
    /// A metric of each pod.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pods: Option<NamedMetricStatus>,
    /// A resource of each pod.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resource: Option<ResourceMetricStatus>,
    /// A resource of one container of each pod.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub container_resource: Option<ResourceMetricStatus>,
    /// A metric of nothing in the cluster.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub external: Option<NamedMetricStatus>,
}

/// What a metric of one object was.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ObjectMetricStatus {
    /// The metric.
    pub metric: MetricIdentifier,
    /// What it was.
    pub current: MetricValueStatus,
    /// The object.
    pub described_object: CrossVersionObjectReference,
}

/// What a metric that is told by name was.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct NamedMetricStatus {
    /// The metric.
    pub metric: MetricIdentifier,
    /// What it was.
    pub current: MetricValueStatus,
}

/// What a resource was.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct ResourceMetricStatus {
    /// `cpu` or `memory`.
    pub name: Name,
    /// What it was.
    pub current: MetricValueStatus,
    /// The container, where it is one's.
    #[serde(skip_serializing_if = "Name::is_empty")]
    pub container: Name,
}

/// What a metric was.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct MetricValueStatus {
    /// In all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<Quantity>,
    /// For each pod.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub average_value: Option<Quantity>,
    /// In percent of what the pods request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub average_utilization: Option<i32>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_zero(n: &i32) -> bool {
    *n == 0
}
