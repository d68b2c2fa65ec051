//! How many replicas a metric asks for.
//!
//! The only floats of the simulator's decisions are here and in `behavior`: Kubernetes computes
//! these ratios in float64, and rounding decides about replicas.

use std::collections::BTreeMap;

use super::group::{Groups, PodMetric, PodMetrics};
use crate::api::Name;

/// How far a ratio may be from 1 before it asks for a change.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Tolerances {
    /// Above 1.
    pub up: f64,
    /// Below 1.
    pub down: f64,
}

impl Default for Tolerances {
    /// Source: kubernetes v1.36 pkg/controller/podautoscaler/config/v1alpha1/defaults.go
    fn default() -> Self {
        Tolerances { up: 0.1, down: 0.1 }
    }
}

#[expect(clippy::float_arithmetic, reason = "as Kubernetes computes it")]
impl Tolerances {
    /// Source: kubernetes v1.36 pkg/controller/podautoscaler/replica_calculator.go,
    /// `Tolerances.isWithin`
    fn holds(self, ratio: f64) -> bool {
        (1.0 - self.down) <= ratio && ratio <= (1.0 + self.up)
    }
}

/// What a metric asks for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Proposal {
    /// So many replicas.
    pub replicas: i32,
    /// In percent of what the pods request; 0 where that was not asked.
    pub utilization: i32,
    /// The value: for each pod or in all, in thousandths.
    pub value: i64,
}

/// The scale that a proposal starts from.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Basis {
    /// The replicas that are wanted now.
    pub current: i32,
    /// How far a ratio may be off.
    pub tolerances: Tolerances,
}

/// The replicas of a rounded-up product; what does not fit comes out as the greatest number.
#[expect(clippy::float_arithmetic, reason = "as Kubernetes computes it")]
#[expect(clippy::cast_possible_truncation, reason = "the cast saturates")]
fn replicas(ratio: f64, count: usize) -> i32 {
    #[expect(clippy::cast_precision_loss, reason = "counts of pods are small")]
    let count = count as f64;
    (ratio * count).ceil() as i32
}

#[expect(clippy::cast_precision_loss, reason = "as Kubernetes converts it")]
#[expect(clippy::float_arithmetic, reason = "as Kubernetes computes it")]
fn ratio(a: i64, b: i64) -> f64 {
    a as f64 / b as f64
}

/// `a / b`, rounded up; the greatest number when it does not fit.
#[expect(clippy::cast_possible_truncation, reason = "the cast saturates")]
fn ceiling(a: i64, b: i64) -> i64 {
    ratio(a, b).ceil() as i64
}

/// Usage against requests: the ratio to the target, the percentage, and the mean for each pod.
///
/// Pods with 300m, 500m and 700m of 1 CPU each are at 50 %; against a target of 30 % that is 1.67.
///
/// Source: kubernetes v1.36 pkg/controller/podautoscaler/metrics/utilization.go,
/// `GetResourceUtilizationRatio`
fn utilization(
    metrics: &PodMetrics,
    requests: &BTreeMap<Name, i64>,
    target: i32,
) -> Result<(f64, i32, i64), String> {
    let (mut used, mut asked) = (0i64, 0i64);
    for (name, metric) in metrics {
        let Some(request) = requests.get(name) else { continue };
        used = used.saturating_add(metric.value);
        asked = asked.saturating_add(*request);
    }
    if asked == 0 {
        return Err("no metrics returned matched known pods".to_owned());
    }
    let percent = i32::try_from(used.saturating_mul(100) / asked).unwrap_or(i32::MAX);
    let mean = used / count(metrics);
    Ok((ratio(percent.into(), target.into()), percent, mean))
}

/// The mean value for each pod: its ratio to the target, and itself.
///
/// Source: kubernetes v1.36 pkg/controller/podautoscaler/metrics/utilization.go,
/// `GetMetricUsageRatio`
fn mean(metrics: &PodMetrics, target: i64) -> (f64, i64) {
    let total = metrics.values().fold(0i64, |sum, m| sum.saturating_add(m.value));
    let mean = total / count(metrics);
    (ratio(mean, target), mean)
}

fn count(metrics: &PodMetrics) -> i64 {
    i64::try_from(metrics.len()).unwrap_or(i64::MAX)
}

/// What pods of which nothing is known, and pods that are not ready, count with.
struct Fallback<'a> {
    /// Of a pod that is missing, when the others are below the target.
    missing: &'a dyn Fn(&Name) -> i64,
}

/// The replicas that a ratio over pods asks for; `again` computes it anew with further pods.
///
/// Source: kubernetes v1.36 pkg/controller/podautoscaler/replica_calculator.go,
/// `GetResourceReplicas`, `calcPlainMetricReplicas`
fn over_pods(
    basis: Basis,
    first: f64,
    groups: &Groups,
    metrics: &mut PodMetrics,
    fallback: &Fallback<'_>,
    again: impl FnOnce(&PodMetrics) -> Result<f64, String>,
) -> Result<i32, String> {
    let with_unready = !groups.unready.is_empty() && first > 1.0;
    if !with_unready && groups.missing.is_empty() {
        let stays = basis.tolerances.holds(first);
        return Ok(if stays { basis.current } else { replicas(first, groups.ready) });
    }
    let of_nothing = |value| PodMetric { value, ..PodMetric::default() };
    for name in &groups.missing {
        if first < 1.0 {
            metrics.insert(name.clone(), of_nothing((fallback.missing)(name)));
        } else if first > 1.0 {
            metrics.insert(name.clone(), of_nothing(0));
        }
    }
    if with_unready {
        metrics.extend(groups.unready.iter().map(|name| (name.clone(), of_nothing(0))));
    }
    let second = again(metrics)?;
    let turns = (first < 1.0 && second > 1.0) || (first > 1.0 && second < 1.0);
    if turns || basis.tolerances.holds(second) {
        return Ok(basis.current);
    }
    let wanted = replicas(second, metrics.len());
    let wrong_way =
        (second < 1.0 && wanted > basis.current) || (second > 1.0 && wanted < basis.current);
    Ok(if wrong_way { basis.current } else { wanted })
}

/// Leaves out the pods that do not count.
fn remove_uncounted(metrics: &mut PodMetrics, groups: &Groups) -> Result<(), String> {
    for name in groups.ignored.iter().chain(&groups.unready) {
        metrics.remove(name);
    }
    if metrics.is_empty() {
        return Err("did not receive metrics for targeted pods (pods might be unready)".to_owned());
    }
    Ok(())
}

/// The replicas for a target in percent of what the pods request; `requests` are in thousandths.
///
/// # Errors
/// When nothing can be said, in Kubernetes' words.
///
/// Source: kubernetes v1.36 pkg/controller/podautoscaler/replica_calculator.go,
/// `GetResourceReplicas`
pub fn by_utilization(
    basis: Basis,
    target: i32,
    groups: &Groups,
    mut metrics: PodMetrics,
    requests: &BTreeMap<Name, i64>,
) -> Result<Proposal, String> {
    remove_uncounted(&mut metrics, groups)?;
    let (first, percent, value) = utilization(&metrics, requests, target)?;
    // On the way down a missing pod counts as busy: with all of its request, or with the target
    // where that is more.
    let busy = i64::from(target.max(100));
    let missing = |name: &Name| requests.get(name).copied().unwrap_or(0).saturating_mul(busy) / 100;
    let fallback = Fallback { missing: &missing };
    let again = |all: &PodMetrics| utilization(all, requests, target).map(|(ratio, ..)| ratio);
    let replicas = over_pods(basis, first, groups, &mut metrics, &fallback, again)?;
    Ok(Proposal { replicas, utilization: percent, value })
}

/// The replicas for a target value of each pod, in thousandths.
///
/// # Errors
/// When nothing can be said, in Kubernetes' words.
///
/// Source: kubernetes v1.36 pkg/controller/podautoscaler/replica_calculator.go,
/// `calcPlainMetricReplicas`
pub fn by_mean(
    basis: Basis,
    target: i64,
    groups: &Groups,
    mut metrics: PodMetrics,
) -> Result<Proposal, String> {
    remove_uncounted(&mut metrics, groups)?;
    let (first, value) = mean(&metrics, target);
    let fallback = Fallback { missing: &|_| target };
    let again = |all: &PodMetrics| Ok(mean(all, target).0);
    let replicas = over_pods(basis, first, groups, &mut metrics, &fallback, again)?;
    Ok(Proposal { replicas, utilization: 0, value })
}

/// The replicas for a target value in all, in thousandths; `ready` counts the pods that are ready,
/// or says why they cannot be counted.
///
/// # Errors
/// When nothing can be said, in Kubernetes' words.
///
/// Source: kubernetes v1.36 pkg/controller/podautoscaler/replica_calculator.go,
/// `GetObjectMetricReplicas`, `GetExternalMetricReplicas`, `getUsageRatioReplicaCount`
pub fn by_total(
    basis: Basis,
    target: i64,
    value: i64,
    ready: impl FnOnce() -> Result<usize, String>,
) -> Result<Proposal, String> {
    let ratio = ratio(value, target);
    let replicas = if basis.current == 0 {
        replicas(ratio, 1)
    } else if basis.tolerances.holds(ratio) {
        basis.current
    } else {
        replicas(ratio, ready()?)
    };
    Ok(Proposal { replicas, utilization: 0, value })
}

/// The replicas for a target value that all of them share, in thousandths. `basis.current` is the
/// number of pods that there are, not of those that are wanted: during a roll-out the surge is
/// among them, and within the tolerance that number is what is proposed.
///
/// Source: kubernetes v1.36 pkg/controller/podautoscaler/replica_calculator.go,
/// `GetObjectPerPodMetricReplicas`, `GetExternalPerPodMetricReplicas`
#[expect(clippy::float_arithmetic, reason = "as Kubernetes computes it")]
#[expect(clippy::cast_precision_loss, reason = "as Kubernetes converts it")]
pub fn by_share(basis: Basis, target: i64, value: i64) -> Proposal {
    let share = value as f64 / (target as f64 * f64::from(basis.current));
    let replicas = if basis.tolerances.holds(share) {
        basis.current
    } else {
        replicas(ratio(value, target), 1)
    };
    Proposal { replicas, utilization: 0, value: ceiling(value, basis.current.into()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn basis(current: i32) -> Basis {
        Basis { current, tolerances: Tolerances::default() }
    }

    #[test]
    fn within_the_tolerance_a_share_proposes_the_pods_that_there_are() {
        // 13 pods in a roll-out of 10: 1300 shared against a target of 100 is just right.
        assert_eq!(by_share(basis(13), 100_000, 1_300_000).replicas, 13);
        assert_eq!(by_share(basis(10), 100_000, 1_300_000).replicas, 13);
        assert_eq!(by_share(basis(13), 100_000, 1_200_000).replicas, 13);
    }

    #[test]
    fn from_zero_the_ratio_alone_counts() {
        let none = || Err("nobody is asked".to_owned());
        assert_eq!(by_total(basis(0), 1_000, 2_500, none).map(|p| p.replicas), Ok(3));
    }
}
