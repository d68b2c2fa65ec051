//! Which pods a metric is asked of count, and how.

use std::collections::BTreeMap;

use crate::api::Name;
use crate::api::condition::{self, Truth};
use crate::api::core::pod::{Pod, PodPhase};
use crate::api::time::Time;
use crate::sim::time::SimDuration;

/// What a metric said of one pod.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct PodMetric {
    /// The value in thousandths.
    pub value: i64,
    /// When it was measured.
    pub timestamp: Time,
    /// Over which span.
    pub window: SimDuration,
}

/// What a metric said of each pod, by name.
pub type PodMetrics = BTreeMap<Name, PodMetric>;

/// For how long a pod's figures are doubted after its start.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Patience {
    /// For so long CPU of a pod that is not ready, or has just become so, does not count.
    pub cpu_initialization: SimDuration,
    /// A pod that is not ready, and was not since this long after its start, has never been.
    pub initial_readiness: SimDuration,
}

impl Default for Patience {
    /// Source: kubernetes v1.36 pkg/controller/podautoscaler/config/v1alpha1/defaults.go
    fn default() -> Self {
        Patience {
            cpu_initialization: SimDuration::secs(300),
            initial_readiness: SimDuration::secs(30),
        }
    }
}

/// Pods by how they count.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Groups {
    /// How many count with their figures.
    pub ready: usize,
    /// Those that are not ready, or not for long enough.
    pub unready: Vec<Name>,
    /// Those of which the metric said nothing.
    pub missing: Vec<Name>,
    /// Those that are over or on their way out.
    pub ignored: Vec<Name>,
}

/// Parts pods into those that count with their figures and those that do not; `is_cpu` says
/// whether the metric is CPU, whose figures are doubted while a pod starts.
///
/// Source: kubernetes v1.36 pkg/controller/podautoscaler/replica_calculator.go, `groupPods`
pub fn group<'a>(
    pods: impl IntoIterator<Item = &'a Pod>,
    metrics: &PodMetrics,
    is_cpu: bool,
    patience: Patience,
    now: Time,
) -> Groups {
    let mut groups = Groups::default();
    for pod in pods {
        let name = pod.meta.name.clone();
        if pod.meta.is_deleting() || pod.status.phase == PodPhase::Failed {
            groups.ignored.push(name);
        } else if pod.status.phase == PodPhase::Pending {
            groups.unready.push(name);
        } else if let Some(metric) = metrics.get(&name) {
            if is_cpu && is_doubted(pod, metric, patience, now) {
                groups.unready.push(name);
            } else {
                groups.ready += 1;
            }
        } else {
            groups.missing.push(name);
        }
    }
    groups
}

/// Whether the CPU of a pod says nothing about its load yet.
///
/// Within the first 5 min it does not while the pod is not ready, nor until a whole window was
/// measured since it became ready. Later it does not only if the pod has never been ready.
fn is_doubted(pod: &Pod, metric: &PodMetric, patience: Patience, now: Time) -> bool {
    let ready = condition::find(&pod.status.conditions, "Ready");
    let (Some(ready), Some(start)) = (ready, pod.status.start_time) else { return true };
    let changed = ready.last_transition_time.unwrap_or_default();
    let is_not_ready = ready.status == Truth::False;
    if start.plus(patience.cpu_initialization) > now {
        is_not_ready || metric.timestamp < changed.plus(metric.window)
    } else {
        is_not_ready && start.plus(patience.initial_readiness) > changed
    }
}
