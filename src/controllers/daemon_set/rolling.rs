//! A rolling update of a `DaemonSet`: which old pods go, and which nodes get a second pod.

use std::sync::Arc;

use super::pods::{ByNode, is_updated};
use super::status::desired;
use super::{Place, count};
use crate::api::Name;
use crate::api::apps::daemon_set::{DaemonSet, DaemonSetStrategyKind};
use crate::api::core::pod::Pod;
use crate::api::int_or_percent::{IntOrPercent, Rounding};
use crate::api::time::Time;

/// How far a rolling update may go at once.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// On how many nodes there may be an old and a new pod.
    pub surge: i32,
    /// On how many nodes an available pod may be missing.
    pub unavailable: i32,
}

/// The limits for so many nodes. `50%` of 5 are 3; when both are nothing, one may be missing.
///
/// Source: kubernetes v1.36 pkg/controller/daemon/update.go, `updatedDesiredNodeCounts`;
/// pkg/controller/daemon/util/daemonset_util.go, `UnavailableCount`, `SurgeCount`
pub fn limits(set: &DaemonSet, desired: i32) -> Limits {
    let surge = surge(set, desired);
    let rolling = set.spec.update_strategy.rolling_update.as_ref();
    let unavailable = share(set, rolling.and_then(|r| r.max_unavailable.as_ref()), desired);
    let unavailable = if desired > 0 && surge == 0 { unavailable.max(1) } else { unavailable };
    Limits { surge, unavailable }
}

/// On how many of so many nodes there may be an old and a new pod.
///
/// Source: kubernetes v1.36 pkg/controller/daemon/util/daemonset_util.go, `SurgeCount`
pub(super) fn surge(set: &DaemonSet, nodes: i32) -> i32 {
    let rolling = set.spec.update_strategy.rolling_update.as_ref();
    share(set, rolling.and_then(|r| r.max_surge.as_ref()), nodes)
}

fn share(set: &DaemonSet, limit: Option<&IntOrPercent>, nodes: i32) -> i32 {
    if set.spec.update_strategy.kind != DaemonSetStrategyKind::RollingUpdate {
        return 0;
    }
    limit.and_then(|l| l.scaled(nodes, Rounding::Up).ok()).unwrap_or(0)
}

/// What a rolling update wants.
#[derive(Default)]
pub(super) struct Step<'a> {
    /// Nodes that get the new pod beside the old one.
    pub(super) create: Vec<Name>,
    /// Old pods that go.
    pub(super) delete: Vec<&'a Arc<Pod>>,
    /// Nodes without an available pod, or with two.
    pub(super) taken: i32,
    /// How many there may be.
    pub(super) limit: i32,
}

/// The pods of a node that are not on their way out; none when there are two of one kind.
struct Found<'a> {
    new: Option<&'a Arc<Pod>>,
    old: Option<&'a Arc<Pod>>,
}

/// Source: kubernetes v1.36 pkg/controller/daemon/update.go, `findUpdatedPodsOnNode`
fn found<'a>(set: &DaemonSet, pods: &[&'a Arc<Pod>], hash: &str) -> Option<Found<'a>> {
    let mut found = Found { new: None, old: None };
    for pod in pods.iter().filter(|p| !p.meta.is_deleting()) {
        let place = if is_updated(set, pod, hash) { &mut found.new } else { &mut found.old };
        if place.replace(*pod).is_some() {
            return None;
        }
    }
    Some(found)
}

/// The next step of a rolling update; nodes are looked at by name, where Kubernetes takes them in
/// the order of a map.
///
/// Source: kubernetes v1.36 pkg/controller/daemon/update.go, `rollingUpdate`
pub(super) fn step<'a>(
    set: &DaemonSet,
    places: &[Place<'_>],
    by_node: &ByNode<'a>,
    hash: &str,
    (now, counts_unready): (Time, bool),
) -> Step<'a> {
    let limits = limits(set, desired(places));
    let empty = places.iter().filter(|p| p.fits.should_run);
    let empty = empty.filter(|p| !by_node.contains_key(&p.node.meta.name)).count();
    if limits.surge == 0 {
        let mut step = Step { taken: count(empty), limit: limits.unavailable, ..Step::default() };
        replacing(set, by_node, hash, &mut step, (now, counts_unready));
        return step;
    }
    surging(set, by_node, hash, limits.surge, now)
}

/// Without a surge: pods go, and the next look fills their nodes.
///
/// Of 5 nodes with `maxUnavailable: 2` and one old pod that is not available, that one and one
/// more go.
fn replacing<'a>(
    set: &DaemonSet,
    by_node: &ByNode<'a>,
    hash: &str,
    step: &mut Step<'a>,
    (now, counts_unready): (Time, bool),
) {
    let is_available = |pod: &Pod| pod.is_available(set.spec.min_ready_seconds, now);
    let mut candidates = Vec::new();
    for pods in by_node.values() {
        match found(set, pods, hash) {
            Some(Found { new: None, old: Some(old) }) if !is_available(old) => {
                step.taken += i32::from(counts_unready);
                step.delete.push(old);
            }
            Some(Found { new: None, old: Some(old) }) => candidates.push(old),
            Some(Found { new: Some(new), old: None }) if is_available(new) => {}
            None | Some(_) => step.taken += 1,
        }
    }
    let free = usize::try_from(step.limit - step.taken).unwrap_or(0);
    step.delete.extend(candidates.into_iter().take(free));
}

/// With a surge: nodes get the new pod beside the old one, which goes when the new one is
/// available.
fn surging<'a>(
    set: &DaemonSet,
    by_node: &ByNode<'a>,
    hash: &str,
    limit: i32,
    now: Time,
) -> Step<'a> {
    let is_available = |pod: &Pod| pod.is_available(set.spec.min_ready_seconds, now);
    let mut step = Step { limit, ..Step::default() };
    let mut candidates = Vec::new();
    for (node, pods) in by_node {
        match found(set, pods, hash) {
            None => step.taken += 1,
            Some(Found { old: None, .. }) => {}
            Some(Found { new: None, old: Some(old) }) if !is_available(old) => {
                step.create.push(node.clone());
            }
            Some(Found { new: None, old: Some(_) }) => candidates.push(node.clone()),
            Some(Found { new: Some(new), old: Some(old) }) if is_available(new) => {
                step.delete.push(old);
            }
            Some(Found { new: Some(_), old: Some(_) }) => step.taken += 1,
        }
    }
    let free = usize::try_from(limit - step.taken).unwrap_or(0);
    step.create.extend(candidates.into_iter().take(free));
    step
}
