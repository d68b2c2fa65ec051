//! What the metrics APIs show: usage of pods and nodes, and values of metrics by name.
//!
//! These kinds are computed by whoever serves them and stored nowhere.

use std::sync::Arc;

use crate::api::Name;
use crate::api::labels::Labels;
use crate::api::meta::Meta;
use crate::api::time::Time;
use crate::sim::time::{SimDuration, SimTime};

/// What a container or node used within a window.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Usage {
    /// CPU, in billionths.
    pub nanocores: u64,
    /// Memory in use at its end, in bytes.
    pub bytes: u64,
}

impl Usage {
    /// One resource in thousandths, rounded up, as a quantity gives it.
    pub fn milli(self, resource: &str) -> Option<i64> {
        let value = match resource {
            "cpu" => self.nanocores.div_ceil(1_000_000),
            "memory" => self.bytes.saturating_mul(1_000),
            _ => return None,
        };
        Some(i64::try_from(value).unwrap_or(i64::MAX))
    }
}

/// What the containers of a pod used.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct PodMetrics {
    /// The pod's name, namespace and labels.
    pub meta: Meta,
    /// When it was measured.
    pub timestamp: Time,
    /// Over which span.
    pub window: SimDuration,
    /// By container.
    pub containers: Arc<[(Name, Usage)]>,
}

/// What a node used.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct NodeMetrics {
    /// The node's name and labels.
    pub meta: Meta,
    /// When it was measured.
    pub timestamp: Time,
    /// Over which span.
    pub window: SimDuration,
    /// What it used.
    pub usage: Usage,
}

/// The value of a metric of an object.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct MetricValue {
    /// The name and namespace of the object.
    pub meta: Meta,
    /// The kind of the object.
    pub described_kind: Name,
    /// The metric.
    pub metric: Name,
    /// When it was measured.
    pub timestamp: Time,
    /// In thousandths.
    pub milli: i64,
}

/// The value of one series of a metric of nothing in the cluster.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct ExternalMetricValue {
    /// The metric's name, and the namespace that asked.
    pub meta: Meta,
    /// The labels of the series.
    pub metric_labels: Labels,
    /// When it was measured.
    pub timestamp: Time,
    /// In thousandths.
    pub milli: i64,
}

/// What a node's kubelet knows of its usage at one instant.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct NodeSample {
    /// The node.
    pub node: Name,
    /// When it was measured.
    pub at: SimTime,
    /// CPU that was used since the node has run, in nanoseconds.
    pub cpu: u64,
    /// Memory in use, in bytes.
    pub memory: u64,
    /// Its pods whose containers run.
    pub pods: Vec<PodSample>,
}

/// What is known of the usage of a pod at one instant.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct PodSample {
    /// Its namespace.
    pub namespace: Name,
    /// Its name.
    pub name: Name,
    /// Its containers that run.
    pub containers: Vec<ContainerSample>,
}

/// What is known of the usage of a container at one instant.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct ContainerSample {
    /// Its name.
    pub name: Name,
    /// Since when it has run.
    pub started: SimTime,
    /// CPU that it has used since then, in nanoseconds.
    pub cpu: u64,
    /// Memory in use, in bytes.
    pub memory: u64,
}

/// Fields of a list of [`MetricValue`]: which metric of which object is asked for. The labels of
/// the list select pods, where the object is all of them.
pub mod query {
    /// The metric.
    pub const METRIC: &str = "metric.name";
    /// The kind of the object; `Pod` with labels for pods.
    pub const KIND: &str = "describedObject.kind";
    /// The name of the object; `*` for all that the labels select.
    pub const NAME: &str = "describedObject.name";
    /// Which series of the metric.
    pub const SERIES: &str = "metricLabelSelector";
}
