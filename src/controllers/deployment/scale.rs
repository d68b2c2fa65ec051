//! A Deployment that was scaled: which `ReplicaSet` gets how many of the pods.
//!
//! Responsible for sizes outside a step of a rollout; the steps are in `rolling` and `recreate`.

use std::sync::Arc;

use super::bounds::bounds;
use super::revision::{self, Sizes};
use super::sets::{Sets, by_age, counts};
use super::why::DeploymentWhy;
use crate::api::apps::deployment::{Deployment, DeploymentSpec, StrategyKind};
use crate::api::apps::replica_set::ReplicaSet;

/// A `ReplicaSet` and the size that it is to have.
#[derive(Clone, Debug)]
pub struct Resize {
    /// The `ReplicaSet`.
    pub set: Arc<ReplicaSet>,
    /// Its size.
    pub to: i32,
    /// Why.
    pub why: DeploymentWhy,
    /// Whether the annotations are brought up to date even when the size stays.
    pub annotate: bool,
}

impl Resize {
    /// The version to write, if there is anything to write.
    ///
    /// Source: kubernetes v1.36 pkg/controller/deployment/sync.go,
    /// `DeploymentController.scaleReplicaSet`
    pub fn version(&self, spec: &DeploymentSpec) -> Option<ReplicaSet> {
        let sizes = Sizes::of(spec);
        let resized = self.set.spec.replicas != self.to;
        let annotated = self.annotate && sizes.differ_from(&self.set.meta.annotations);
        if !resized && !annotated {
            return None;
        }
        let mut set = (*self.set).clone();
        set.spec.replicas = self.to;
        set.meta.annotations = sizes.note(&set.meta.annotations);
        Some(set)
    }
}

/// Whether the Deployment was scaled since one of its active `ReplicaSets` was.
///
/// Source: kubernetes v1.36 pkg/controller/deployment/sync.go,
/// `DeploymentController.isScalingEvent`
pub fn is_scaling_event(spec: &DeploymentSpec, sets: &Sets) -> bool {
    sets.active().any(|set| {
        let noted = revision::number(&set.meta.annotations, revision::DESIRED_REPLICAS);
        noted.is_some_and(|n| n != spec.replicas)
    })
}

/// The sizes after a scaling, in the order in which they are written.
///
/// One active `ReplicaSet`, or else the newest, takes the whole change. Old ones go when the new
/// one is saturated. During a rolling update the change is shared.
///
/// Source: kubernetes v1.36 pkg/controller/deployment/sync.go, `DeploymentController.scale`
pub fn sizes(deployment: &Deployment, sets: &Sets) -> Vec<Resize> {
    let spec = &deployment.spec;
    if let Some(set) = active_or_latest(sets) {
        let (from, to) = (set.spec.replicas, spec.replicas);
        let why = DeploymentWhy::Scaled { from, to };
        let resize = Resize { set, to, why, annotate: false };
        return Vec::from_iter((from != to).then_some(resize));
    }
    if sets.new.as_ref().is_some_and(|new| is_saturated(spec, new)) {
        return sets.active_old().into_iter().rev().map(to_nothing).collect();
    }
    match spec.strategy.kind {
        StrategyKind::Recreate => Vec::new(),
        StrategyKind::RollingUpdate => shares(deployment, sets),
    }
}

fn to_nothing(set: Arc<ReplicaSet>) -> Resize {
    let why = DeploymentWhy::Saturated { from: set.spec.replicas };
    Resize { set, to: 0, why, annotate: false }
}

/// The only active `ReplicaSet`; without any the new one, or else the youngest; none if several
/// are active.
///
/// Source: kubernetes v1.36 pkg/controller/deployment/util/deployment_util.go,
/// `FindActiveOrLatest`
fn active_or_latest(sets: &Sets) -> Option<Arc<ReplicaSet>> {
    let mut active = sets.active();
    match (active.next(), active.next()) {
        (None, _) => sets.new.as_ref().or(sets.old.last()).cloned(),
        (Some(only), None) => Some(only.clone()),
        (Some(_), Some(_)) => None,
    }
}

/// Whether the new `ReplicaSet` has all desired pods, and they are available.
///
/// Source: kubernetes v1.36 pkg/controller/deployment/util/deployment_util.go, `IsSaturated`
fn is_saturated(spec: &DeploymentSpec, new: &ReplicaSet) -> bool {
    let noted = new.meta.annotations.get(revision::DESIRED_REPLICAS);
    let noted: Option<i32> = noted.and_then(|text| text.parse().ok());
    noted == Some(spec.replicas)
        && new.spec.replicas == spec.replicas
        && new.status.available_replicas == spec.replicas
}

/// Shares a change of size over the active `ReplicaSets`, larger ones first; what rounding leaves
/// goes to the first.
///
/// From 10 to 15 pods with a surge of 3 (so 13 become 18), old 8 and new 5: 8 × 18 / 13 is 11 and
/// 5 × 18 / 13 is 7, so 3 and 2 are added.
fn shares(deployment: &Deployment, sets: &Sets) -> Vec<Resize> {
    let spec = &deployment.spec;
    let mut all: Vec<Arc<ReplicaSet>> = sets.active().cloned().collect();
    let surge = bounds(spec).max_surge;
    let allowed = if spec.replicas > 0 { spec.replicas + surge } else { 0 };
    let change = allowed - counts(all.iter()).wanted;
    let larger_first = |a: &ReplicaSet, b: &ReplicaSet| b.spec.replicas.cmp(&a.spec.replicas);
    match change.signum() {
        1 => all.sort_by(|a, b| larger_first(a, b).then_with(|| by_age(b, a))),
        -1 => all.sort_by(|a, b| larger_first(a, b).then_with(|| by_age(a, b))),
        _ => {}
    }
    let mut done = 0;
    let mut new_sizes = Vec::with_capacity(all.len());
    for set in &all {
        let share = proportion(deployment, set, change, done);
        done += share;
        new_sizes.push(set.spec.replicas + share);
    }
    if let Some(first) = new_sizes.first_mut() {
        *first = (*first + change - done).max(0);
    }
    let resize = |(set, to): (Arc<ReplicaSet>, i32)| {
        let why = DeploymentWhy::Share { from: set.spec.replicas, to, want: spec.replicas };
        Resize { set, to, why, annotate: true }
    };
    all.into_iter().zip(new_sizes).map(resize).collect()
}

/// The share of one `ReplicaSet` in a change of which `done` is given out already.
///
/// Source: kubernetes v1.36 pkg/controller/deployment/util/deployment_util.go,
/// `GetReplicaSetProportion`
fn proportion(deployment: &Deployment, set: &ReplicaSet, change: i32, done: i32) -> i32 {
    if set.spec.replicas == 0 || change == 0 || change == done {
        return 0;
    }
    let share = fraction(deployment, set);
    let left = change - done;
    if change > 0 { share.min(left) } else { share.max(left) }
}

/// By how much one `ReplicaSet` grows or shrinks when it keeps its part of the whole.
///
/// Source: kubernetes v1.36 pkg/controller/deployment/util/deployment_util.go,
/// `getReplicaSetFraction`
pub fn fraction(deployment: &Deployment, set: &ReplicaSet) -> i32 {
    let size = set.spec.replicas;
    if deployment.spec.replicas == 0 {
        return -size;
    }
    let after = Sizes::of(&deployment.spec).max;
    let noted = revision::number(&set.meta.annotations, revision::MAX_REPLICAS);
    let before = noted.filter(|n| *n != 0).unwrap_or(deployment.status.replicas);
    if before == 0 {
        return 0;
    }
    rounded(i64::from(size.wrapping_mul(after)), i64::from(before)) - size
}

/// The quotient, halves rounded away from zero: 15 / 2 is 8.
fn rounded(n: i64, by: i64) -> i32 {
    let half_up = (2 * n.abs() + by) / (2 * by);
    i32::try_from(half_up * n.signum()).unwrap_or(i32::MAX)
}
