//! Which pod dies first when there are too many.
//!
//! Responsible for the order alone; how many pods go is decided elsewhere.

use std::cmp::Ordering;
use std::sync::Arc;

use crate::api::Name;
use crate::api::condition;
use crate::api::core::pod::{Pod, PodPhase};
use crate::api::meta::Uid;
use crate::api::time::Time;
use crate::sim::index::Map;

/// The annotation by which a pod is made cheaper or dearer to delete.
pub const DELETION_COST: &str = "controller.kubernetes.io/pod-deletion-cost";

/// A pod and all that decides when its turn comes.
#[derive(Clone, Debug)]
pub struct Candidate<'a> {
    /// The pod.
    pub pod: &'a Arc<Pod>,
    /// How many active pods of the owner's family its node has.
    pub rank: usize,
    is_ready: bool,
    cost: i32,
    ready_since: Option<Time>,
    restarts: Restarts,
}

/// The highest number of restarts, of containers and of sidecars.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
struct Restarts {
    containers: i32,
    sidecars: i32,
}

impl<'a> Candidate<'a> {
    /// What a pod brings along.
    pub fn new(pod: &'a Arc<Pod>, rank: usize) -> Candidate<'a> {
        let ready = condition::find(&pod.status.conditions, "Ready").filter(|c| c.is_true());
        Candidate {
            pod,
            rank,
            is_ready: ready.is_some(),
            cost: deletion_cost(pod),
            ready_since: ready.and_then(|c| c.last_transition_time),
            restarts: restarts(pod),
        }
    }

    /// Whether its turn comes before another's: the first difference decides.
    ///
    /// 1. on no node; 2. Pending, then Unknown, then Running; 3. not ready; 4. cheaper; 5. more
    ///    of the family on its node; 6. ready for a shorter time; 7. more restarts; 8. younger.
    ///
    /// Ages are compared by the whole part of their binary logarithm, so that pods of about the
    /// same age go in the order of their uids, which is as good as random.
    ///
    /// Source: kubernetes v1.36 pkg/controller/controller_utils.go, `ActivePodsWithRanks.Less`
    pub fn before(&self, other: &Candidate<'_>, now: Time) -> bool {
        let unplaced = |c: &Candidate<'_>| c.pod.node_name.is_empty();
        let first = unplaced(other)
            .cmp(&unplaced(self))
            .then_with(|| phase_order(self.pod).cmp(&phase_order(other.pod)))
            .then_with(|| self.is_ready.cmp(&other.is_ready))
            .then_with(|| self.cost.cmp(&other.cost))
            .then_with(|| other.rank.cmp(&self.rank));
        let ready = || {
            let both = self.is_ready && other.is_ready;
            let mine = (self.ready_since, self.pod.meta.uid);
            if both { by_age(mine, (other.ready_since, other.pod.meta.uid), now) } else { EQUAL }
        };
        let created = || {
            let mine = (self.pod.meta.creation, self.pod.meta.uid);
            by_age(mine, (other.pod.meta.creation, other.pod.meta.uid), now)
        };
        let restarted = || other.restarts.cmp(&self.restarts);
        first.then_with(ready).then_with(restarted).then_with(created) == Ordering::Less
    }

    /// The order by the stage that pods have reached, whatever they cost and wherever they are:
    /// on no node, Pending, not ready, ready for a shorter time, more restarts, younger; of equal
    /// ones the name decides.
    ///
    /// Source: kubernetes v1.36 pkg/controller/controller_utils.go, `ActivePods.Less`
    pub fn by_stage(&self, other: &Candidate<'_>) -> Ordering {
        let placed = |c: &Candidate<'_>| !c.pod.node_name.is_empty();
        let ready = || {
            let both = self.is_ready && other.is_ready;
            if both { youngest_first(self.ready_since, other.ready_since) } else { EQUAL }
        };
        let created = || youngest_first(self.pod.meta.creation, other.pod.meta.creation);
        placed(self)
            .cmp(&placed(other))
            .then_with(|| phase_order(self.pod).cmp(&phase_order(other.pod)))
            .then_with(|| self.is_ready.cmp(&other.is_ready))
            .then_with(ready)
            .then_with(|| other.restarts.cmp(&self.restarts))
            .then_with(created)
            .then_with(|| self.pod.meta.name.cmp(&other.pod.meta.name))
    }
}

/// Source: kubernetes v1.36 pkg/controller/controller_utils.go, `afterOrZero`
fn youngest_first(a: Option<Time>, b: Option<Time>) -> Ordering {
    match (a, b) {
        (Some(a), Some(b)) => b.cmp(&a),
        (None, Some(_)) => Ordering::Less,
        (Some(_), None) => Ordering::Greater,
        (None, None) => EQUAL,
    }
}

const EQUAL: Ordering = Ordering::Equal;

/// Source: kubernetes v1.36 pkg/controller/controller_utils.go, `podPhaseToOrdinal`
fn phase_order(pod: &Pod) -> u8 {
    match pod.status.phase {
        PodPhase::Pending | PodPhase::Succeeded | PodPhase::Failed => 0,
        PodPhase::Unknown => 1,
        PodPhase::Running => 2,
    }
}

/// The shorter ago the earlier; no time at all counts as the shortest.
///
/// 60 s and 65 s ago are in one bucket (2^35 ns to 2^36 ns), so the uid decides.
///
/// Source: kubernetes v1.36 pkg/controller/controller_utils.go, `logarithmicRankDiff`
fn by_age(a: (Option<Time>, Uid), b: (Option<Time>, Uid), now: Time) -> Ordering {
    match (a.0, b.0) {
        (s, t) if s == t => EQUAL,
        (Some(s), Some(t)) => bucket(s, now).cmp(&bucket(t, now)).then_with(|| a.1.cmp(&b.1)),
        (None, _) => Ordering::Less,
        (_, None) => Ordering::Greater,
    }
}

/// The whole part of the binary logarithm of the age in nanoseconds; none for no age.
fn bucket(since: Time, now: Time) -> Option<u32> {
    now.since(since).as_nanos().checked_ilog2()
}

/// The cost of a pod's deletion; 0 where none is written or what is written is no number.
///
/// Source: kubernetes v1.36 pkg/apis/core/helper/helpers.go, `GetDeletionCostFromPodAnnotations`
fn deletion_cost(pod: &Pod) -> i32 {
    let Some(text) = pod.meta.annotations.get(DELETION_COST) else { return 0 };
    let first_digit_is_good =
        text == "0" || text.starts_with(|c: char| c == '-' || c.is_ascii_digit() && c != '0');
    if first_digit_is_good { text.parse().unwrap_or(0) } else { 0 }
}

/// Source: kubernetes v1.36 pkg/controller/controller_utils.go, `maxContainerRestarts`
fn restarts(pod: &Pod) -> Restarts {
    let status = &pod.status;
    let containers = status.container_statuses.iter().map(|s| s.restart_count).max();
    let is_sidecar = |name: &Name| {
        let mut all = pod.spec.init_containers.iter();
        all.any(|c| c.name == *name && c.restart_policy.as_deref() == Some("Always"))
    };
    let sidecars = status.init_container_statuses.iter().filter(|s| is_sidecar(&s.name));
    let sidecars = sidecars.map(|s| s.restart_count).max();
    Restarts { containers: containers.unwrap_or(0).max(0), sidecars: sidecars.unwrap_or(0).max(0) }
}

/// Puts candidates in the order of their deletion.
///
/// [`Candidate::before`] may go round in a circle (times that are equal are passed over, times
/// that only fall into one bucket are not), which the standard sort does not bear; a plain merge
/// sort does.
pub fn sort(all: Vec<Candidate<'_>>, now: Time) -> Vec<Candidate<'_>> {
    if all.len() < 2 {
        return all;
    }
    let mut left = all;
    let right = left.split_off(left.len() / 2);
    let mut merged = Vec::with_capacity(left.len() + right.len());
    let mut left = sort(left, now).into_iter().peekable();
    let mut right = sort(right, now).into_iter().peekable();
    while let (Some(a), Some(b)) = (left.peek(), right.peek()) {
        let next = if b.before(a, now) { right.next() } else { left.next() };
        merged.extend(next);
    }
    merged.extend(left);
    merged.extend(right);
    merged
}

/// The `count` pods that die first. `related` are all pods of the owner's family, by which nodes
/// are ranked; it is asked only when not all pods go.
///
/// Source: kubernetes v1.36 pkg/controller/replicaset/replica_set.go, `getPodsToDelete`
pub fn pods_to_delete<'a>(
    active: &[&'a Arc<Pod>],
    related: impl FnOnce() -> Vec<&'a Arc<Pod>>,
    count: usize,
    now: Time,
) -> Vec<&'a Arc<Pod>> {
    if count >= active.len() {
        return active.to_vec();
    }
    let mut on_node: Map<&Name, usize> = Map::default();
    for pod in related().into_iter().filter(|p| p.is_active()) {
        *on_node.entry(&pod.node_name).or_default() += 1;
    }
    let rank = |pod: &Pod| on_node.get(&pod.node_name).copied().unwrap_or(0);
    let candidates = active.iter().map(|p| Candidate::new(p, rank(p))).collect();
    sort(candidates, now).into_iter().take(count).map(|c| c.pod).collect()
}
