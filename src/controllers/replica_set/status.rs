//! What a `ReplicaSet` says of its pods, and when it has to look at them again.
//!
//! Responsible for the numbers and the condition; it writes nothing.

use std::sync::Arc;

use crate::api::Name;
use crate::api::apps::replica_set::{ReplicaSet, ReplicaSetStatus};
use crate::api::condition::{self, Condition, Truth};
use crate::api::core::pod::Pod;
use crate::api::labels::Labels;
use crate::api::time::Time;
use crate::sim::time::SimDuration;

/// The condition of a `ReplicaSet` that could not make or delete its pods.
pub const REPLICA_FAILURE: &str = "ReplicaFailure";

/// How many pods of which state a `ReplicaSet` has.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Counts {
    /// Those that count.
    pub active: usize,
    /// Active ones that have the labels of the template.
    pub labeled: usize,
    /// Active ones that are ready.
    pub ready: usize,
    /// Active ones that have been ready for long enough.
    pub available: usize,
    /// Those on their way out.
    pub terminating: usize,
}

/// Counts the active pods; the number of those on their way out is given.
pub fn count_all(set: &ReplicaSet, active: &[&Arc<Pod>], terminating: usize, now: Time) -> Counts {
    let mut counts = Counts { active: active.len(), terminating, ..Counts::default() };
    let mut template = LabelCheck::new(|labels| has_all(labels, &set.spec.template.meta.labels));
    for pod in active {
        counts.labeled += usize::from(template.holds(&pod.meta.labels));
        if pod.is_ready() {
            counts.ready += 1;
            counts.available += usize::from(pod.is_available(set.spec.min_ready_seconds, now));
        }
    }
    counts
}

/// The status of a `ReplicaSet`, from its active pods and the number of those on their way out.
///
/// `failure` is what went wrong with making or deleting pods, if something did.
///
/// Source: kubernetes v1.36 pkg/controller/replicaset/replica_set_utils.go, `calculateStatus`
pub fn status(
    set: &ReplicaSet,
    active: &[&Arc<Pod>],
    terminating: usize,
    failure: Option<&str>,
    now: Time,
) -> ReplicaSetStatus {
    of_counts(set, &count_all(set, active, terminating, now), failure, now)
}

/// The status of a `ReplicaSet`, from the numbers of its pods.
pub fn of_counts(
    set: &ReplicaSet,
    counts: &Counts,
    failure: Option<&str>,
    now: Time,
) -> ReplicaSetStatus {
    ReplicaSetStatus {
        replicas: count(counts.active),
        fully_labeled_replicas: count(counts.labeled),
        ready_replicas: count(counts.ready),
        available_replicas: count(counts.available),
        terminating_replicas: Some(count(counts.terminating)),
        conditions: conditions(set, counts.active, failure, now),
        observed_generation: set.meta.generation,
        rest: set.status.rest.clone(),
    }
}

fn count(n: usize) -> i32 {
    i32::try_from(n).unwrap_or(i32::MAX)
}

/// Whether a label set has all of another.
pub(super) fn has_all(labels: &Labels, wanted: &Labels) -> bool {
    labels.is_same_copy(wanted) || wanted.iter().all(|(k, v)| labels.get(k) == Some(v))
}

/// The conditions, with `ReplicaFailure` put on or taken off. One that is there already is left
/// as it is.
fn conditions(set: &ReplicaSet, active: usize, failure: Option<&str>, now: Time) -> Vec<Condition> {
    let mut all = set.status.conditions.clone();
    let has_failure = condition::find(&all, REPLICA_FAILURE).is_some();
    match failure {
        None => all.retain(|c| c.kind != REPLICA_FAILURE),
        Some(_) if has_failure => {}
        Some(message) => {
            let reason = match count(active).cmp(&set.spec.replicas) {
                std::cmp::Ordering::Less => "FailedCreate",
                std::cmp::Ordering::Greater => "FailedDelete",
                std::cmp::Ordering::Equal => "",
            };
            all.push(Condition {
                last_transition_time: Some(now.whole_seconds()),
                message: Name::new(message),
                ..Condition::new(REPLICA_FAILURE, Truth::True, reason)
            });
        }
    }
    all
}

/// Whether writing the status would change anything that counts.
///
/// Source: kubernetes v1.36 pkg/controller/replicaset/replica_set_utils.go,
/// `updateReplicaSetStatus`
pub fn is_news(set: &ReplicaSet, new: &ReplicaSetStatus) -> bool {
    set.status != *new
}

/// When to look again for the pod that is the next to become available; none when no ready pod
/// waits for it.
///
/// `seen` is when the status was worked out, `now` the present: a pod whose time came in between
/// is looked at without delay.
///
/// Source: kubernetes v1.36 pkg/controller/controller_utils.go, `FindMinNextPodAvailabilityCheck`
pub fn next_availability_check<'a>(
    pods: impl Iterator<Item = &'a Arc<Pod>>,
    min_ready_seconds: i32,
    seen: Time,
    now: Time,
) -> Option<SimDuration> {
    let min_ready = u64::try_from(min_ready_seconds).ok().filter(|s| *s > 0)?;
    let available_at = |pod: &Arc<Pod>| {
        let ready = condition::find(&pod.status.conditions, "Ready").filter(|c| c.is_true())?;
        Some(ready.last_transition_time?.plus(SimDuration::secs(min_ready)))
    };
    let next = pods.filter_map(available_at).filter(|at| *at > seen).min()?;
    Some(next.since(now))
}

/// A question about label sets that remembers its last answer: pods of one template share a copy.
pub struct LabelCheck<F> {
    question: F,
    last: Option<(Labels, bool)>,
}

impl<F: Fn(&Labels) -> bool> LabelCheck<F> {
    /// A question.
    pub fn new(question: F) -> LabelCheck<F> {
        LabelCheck { question, last: None }
    }

    /// The answer for a label set.
    pub fn holds(&mut self, labels: &Labels) -> bool {
        if let Some((known, answer)) = &self.last
            && known.is_same_copy(labels)
        {
            return *answer;
        }
        let answer = (self.question)(labels);
        self.last = Some((labels.clone(), answer));
        answer
    }
}
