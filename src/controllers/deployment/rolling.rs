//! One step of a rolling update: the new `ReplicaSet` grows, or old ones shrink.
//!
//! Responsible for sizes within the limits of `bounds`. A step never does both: what one changes
//! has to be seen before the other is decided.

use std::sync::Arc;

use super::bounds::{bounds, new_size};
use super::revision::Sizes;
use super::scale::Resize;
use super::sets::{Sets, counts};
use super::why::DeploymentWhy;
use crate::api::apps::deployment::DeploymentSpec;
use crate::api::apps::replica_set::ReplicaSet;

/// The change of the new `ReplicaSet`'s size, if there is one.
///
/// # Errors
/// When `maxSurge` is no percentage.
///
/// Source: kubernetes v1.36 pkg/controller/deployment/rolling.go,
/// `DeploymentController.reconcileNewReplicaSet`
pub fn grow_new(spec: &DeploymentSpec, sets: &Sets) -> Result<Option<Resize>, String> {
    let Some(set) = &sets.new else { return Ok(None) };
    let from = set.spec.replicas;
    let (to, why) = if from > spec.replicas {
        (spec.replicas, DeploymentWhy::TooLarge { from, to: spec.replicas })
    } else {
        let to = new_size(spec, counts(sets.all()).wanted, from)?;
        (to, DeploymentWhy::Surge { from, to, most: Sizes::of(spec).max })
    };
    let resize = Resize { set: set.clone(), to, why, annotate: false };
    Ok((to != from).then_some(resize))
}

/// How many pods the old `ReplicaSets` may lose: what is there, less what must be available, less
/// new pods that are not available yet.
///
/// With 10 wanted, 2 of them unavailable at most, old 10 and new 3 of which 1 is available:
/// 13 - 8 - 2 is 3.
fn most_to_go(spec: &DeploymentSpec, sets: &Sets) -> i32 {
    let not_available =
        sets.new.as_ref().map_or(0, |n| n.spec.replicas - n.status.available_replicas);
    counts(sets.all()).wanted - bounds(spec).min_available - not_available
}

/// The sizes that the old `ReplicaSets` shrink to, in the order in which they are written: first
/// pods go that are not available, then available ones that may be missing.
///
/// # Errors
/// When a `ReplicaSet` tells of more available pods than it should have.
///
/// Source: kubernetes v1.36 pkg/controller/deployment/rolling.go,
/// `DeploymentController.reconcileOldReplicaSets`
pub fn shrink_old(spec: &DeploymentSpec, sets: &Sets) -> Result<Vec<Resize>, String> {
    let mut old = sets.active_old();
    let most = most_to_go(spec, sets);
    if old.is_empty() || most <= 0 {
        return Ok(Vec::new());
    }
    let mut all = clean_up_unhealthy(&mut old, most)?;
    let available = counts(old.iter().chain(&sets.new)).available;
    all.extend(shrink_available(spec, &mut old, available)?);
    Ok(all)
}

/// Takes up to `most` pods that are not available from the old `ReplicaSets`, oldest first.
///
/// # Errors
/// When a `ReplicaSet` tells of more available pods than it should have.
///
/// Source: kubernetes v1.36 pkg/controller/deployment/rolling.go,
/// `DeploymentController.cleanupUnhealthyReplicas`
pub fn clean_up_unhealthy(old: &mut [Arc<ReplicaSet>], most: i32) -> Result<Vec<Resize>, String> {
    let mut resizes = Vec::new();
    let mut gone = 0;
    for set in old {
        let unavailable = set.spec.replicas - set.status.available_replicas;
        if gone >= most {
            break;
        }
        if set.spec.replicas == 0 || unavailable == 0 {
            continue;
        }
        let count = unavailable.min(most - gone);
        let to = set.spec.replicas - count;
        resizes.push(shrink(set, to, DeploymentWhy::Unhealthy { count, to })?);
        gone += count;
    }
    Ok(resizes)
}

/// Takes pods from the old `ReplicaSets`, oldest first, as long as enough stay `available`.
///
/// # Errors
/// Never in fact: no size grows here.
///
/// Source: kubernetes v1.36 pkg/controller/deployment/rolling.go,
/// `DeploymentController.scaleDownOldReplicaSetsForRollingUpdate`
pub fn shrink_available(
    spec: &DeploymentSpec,
    old: &mut [Arc<ReplicaSet>],
    available: i32,
) -> Result<Vec<Resize>, String> {
    let least = bounds(spec).min_available;
    let mut left = available - least;
    let mut resizes = Vec::new();
    for set in old.iter_mut().filter(|s| s.spec.replicas > 0) {
        if left <= 0 {
            break;
        }
        let count = set.spec.replicas.min(left);
        let to = set.spec.replicas - count;
        resizes.push(shrink(set, to, DeploymentWhy::Spare { to, available, least })?);
        left -= count;
    }
    Ok(resizes)
}

/// A smaller size for a `ReplicaSet`, which has it from then on.
fn shrink(set: &mut Arc<ReplicaSet>, to: i32, why: DeploymentWhy) -> Result<Resize, String> {
    if to > set.spec.replicas {
        let (name, from) = (&set.meta.name, set.spec.replicas);
        return Err(format!("`{name}` would grow from {from} to {to} while old ones shrink"));
    }
    let resize = Resize { set: set.clone(), to, why, annotate: false };
    let mut smaller = (**set).clone();
    smaller.spec.replicas = to;
    smaller.meta.resource_version = 0;
    *set = Arc::new(smaller);
    Ok(resize)
}
