//! Completion indexes: sets of them as intervals, and what a pod's annotations tell.
//!
//! Responsible for arithmetic with indexes; which pods count is decided elsewhere.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use crate::api::batch::job::{
    COMPLETION_INDEX, INDEX_FAILURE_COUNT, INDEX_IGNORED_FAILURE_COUNT, Job,
};
use crate::api::core::pod::{Pod, PodPhase};
use crate::api::meta::Meta;
use crate::controllers::job::pods::{Features, is_failed, is_tracked};
use crate::controllers::job::policy;
use crate::controllers::replica_set::order::Candidate;

/// Consecutive indexes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Interval {
    /// The first.
    pub first: i32,
    /// The last, at least the first.
    pub last: i32,
}

/// A set of indexes, as intervals in order.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Intervals(pub Vec<Interval>);

impl Intervals {
    /// Reads `0,2-4`; indexes from `completions` on are left out, and so is what cannot be read.
    ///
    /// Source: kubernetes v1.36 pkg/controller/job/indexed_job_utils.go, `parseIndexesFromString`
    pub fn parse(text: &str, completions: i32) -> Intervals {
        let mut all = Intervals::default();
        if text.is_empty() {
            return all;
        }
        for part in text.split(',') {
            let mut limits = part.split('-');
            let Some(first) = limits.next().and_then(|t| t.parse::<i32>().ok()) else { continue };
            if first >= completions {
                break;
            }
            let last = match limits.next() {
                None => first,
                Some(text) => match text.parse::<i32>() {
                    Ok(last) => last.min(completions - 1),
                    Err(_) => continue,
                },
            };
            match all.0.last_mut() {
                Some(before) if before.last == first - 1 => before.last = last,
                Some(_) | None => all.0.push(Interval { first, last }),
            }
        }
        all
    }

    /// The indexes of either; they touch where they can.
    ///
    /// Source: kubernetes v1.36 pkg/controller/job/indexed_job_utils.go, `orderedIntervals.merge`
    #[must_use]
    pub fn merge(&self, other: &Intervals) -> Intervals {
        let mut merged: Vec<Interval> = Vec::with_capacity(self.0.len() + other.0.len());
        let (mut mine, mut theirs) = (self.0.iter().peekable(), other.0.iter().peekable());
        loop {
            let next = match (mine.peek(), theirs.peek()) {
                (Some(a), Some(b)) if a.first < b.first => mine.next(),
                (_, Some(_)) => theirs.next(),
                (Some(_), None) => mine.next(),
                (None, None) => return Intervals(merged),
            };
            let Some(next) = next else { return Intervals(merged) };
            match merged.last_mut() {
                Some(last) if next.first <= last.last + 1 => last.last = last.last.max(next.last),
                Some(_) | None => merged.push(*next),
            }
        }
    }

    /// These indexes and some more.
    #[must_use]
    pub fn with(&self, indexes: &BTreeSet<i32>) -> Intervals {
        let single = |index: &i32| Interval { first: *index, last: *index };
        self.merge(&Intervals(indexes.iter().map(single).collect()))
    }

    /// How many indexes there are.
    pub fn count(&self) -> i32 {
        self.0.iter().map(|i| i.last - i.first + 1).sum()
    }

    /// Whether an index is among them.
    pub fn has(&self, index: i32) -> bool {
        let place = self.0.partition_point(|i| i.last < index);
        self.0.get(place).is_some_and(|i| i.first <= index)
    }

    /// How many indexes are in both.
    ///
    /// Source: kubernetes v1.36 pkg/controller/job/success_policy.go, `matchSucceededIndexesRule`
    pub fn common(&self, other: &Intervals) -> i32 {
        let (mut a, mut b, mut common) = (0, 0, 0);
        while let (Some(x), Some(y)) = (self.0.get(a), other.0.get(b)) {
            common += (x.last.min(y.last) - x.first.max(y.first) + 1).max(0);
            a += usize::from(x.last <= y.last);
            b += usize::from(y.last <= x.last);
        }
        common
    }
}

/// `0,2,5-7`: two neighbours stand as two, three as an interval.
///
/// Source: kubernetes v1.36 pkg/controller/job/indexed_job_utils.go, `orderedIntervals.String`
impl fmt::Display for Intervals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, i) in self.0.iter().enumerate() {
            let comma = if n > 0 { "," } else { "" };
            write!(f, "{comma}{}", i.first)?;
            match i.last - i.first {
                ..=0 => {}
                1 => write!(f, ",{}", i.last)?,
                _ => write!(f, "-{}", i.last)?,
            }
        }
        Ok(())
    }
}

/// The index that a pod works on.
///
/// Source: kubernetes v1.36 pkg/controller/job/indexed_job_utils.go, `getCompletionIndex`
pub fn index_of(meta: &Meta) -> Option<i32> {
    let index: i32 = meta.annotations.get(COMPLETION_INDEX)?.parse().ok()?;
    (index >= 0).then_some(index)
}

/// The index that a pod works on, if the Job has it.
pub fn valid_index(pod: &Pod, completions: i32) -> Option<i32> {
    index_of(&pod.meta).filter(|index| *index < completions)
}

fn annotated(pod: &Pod, name: &str) -> i32 {
    let count = pod.meta.annotations.get(name).and_then(|text| text.parse::<i32>().ok());
    count.filter(|n| *n >= 0).unwrap_or(0)
}

/// How many counted failures of its index came before a pod.
pub fn failures_before(pod: &Pod) -> i32 {
    annotated(pod, INDEX_FAILURE_COUNT)
}

/// How many failures of its index came before a pod, those that a policy ignored among them.
///
/// Source: kubernetes v1.36 pkg/controller/job/indexed_job_utils.go,
/// `getIndexAbsoluteFailureCount`
pub fn all_failures_before(pod: &Pod) -> i32 {
    annotated(pod, INDEX_FAILURE_COUNT) + annotated(pod, INDEX_IGNORED_FAILURE_COUNT)
}

/// The failures that the next pod of an index is told of: counted ones, and ignored ones.
///
/// Source: kubernetes v1.36 pkg/controller/job/indexed_job_utils.go, `getNewIndexFailureCounts`
pub fn next_failure_counts(job: &Job, replaced: Option<&Arc<Pod>>) -> (i32, i32) {
    let Some(pod) = replaced else { return (0, 0) };
    let counted = annotated(pod, INDEX_FAILURE_COUNT);
    let ignored = annotated(pod, INDEX_IGNORED_FAILURE_COUNT);
    if policy::failure(job.spec.pod_failure_policy.as_deref(), pod).counts {
        (counted + 1, ignored)
    } else {
        (counted, ignored + 1)
    }
}

/// The indexes that the status says are done, and these with those that pods have done since.
///
/// Source: kubernetes v1.36 pkg/controller/job/indexed_job_utils.go, `calculateSucceededIndexes`
pub fn succeeded(job: &Job, pods: &[Arc<Pod>]) -> (Intervals, Intervals) {
    let completions = job.spec.completions.unwrap_or(0);
    let before = Intervals::parse(&job.status.completed_indexes, completions);
    let is_new = |pod: &&Arc<Pod>| pod.status.phase == PodPhase::Succeeded && is_tracked(pod);
    let new: BTreeSet<i32> =
        pods.iter().filter(is_new).filter_map(|p| valid_index(p, completions)).collect();
    let after = before.with(&new);
    (before, after)
}

/// The indexes that are given up.
///
/// Source: kubernetes v1.36 pkg/controller/job/indexed_job_utils.go, `calculateFailedIndexes`
pub fn failed(job: &Job, pods: &[Arc<Pod>], features: Features) -> Intervals {
    let completions = job.spec.completions.unwrap_or(0);
    let before = job.status.failed_indexes.as_deref().unwrap_or_default();
    let gives_up = |pod: &&Arc<Pod>| is_tracked(pod) && gives_index_up(job, pod, features);
    let new: BTreeSet<i32> =
        pods.iter().filter(gives_up).filter_map(|p| valid_index(p, completions)).collect();
    Intervals::parse(before, completions).with(&new)
}

/// Source: kubernetes v1.36 pkg/controller/job/indexed_job_utils.go, `isIndexFailed`
fn gives_index_up(job: &Job, pod: &Pod, features: Features) -> bool {
    if !is_failed(pod, job, features) {
        return false;
    }
    let limit = job.spec.backoff_limit_per_index.unwrap_or(i32::MAX);
    let verdict = policy::failure(job.spec.pod_failure_policy.as_deref(), pod);
    verdict.action == Some(policy::Action::FailIndex)
        || verdict.counts && failures_before(pod) >= limit
}

/// The lowest `count` indexes below `completions` that are not taken.
///
/// Source: kubernetes v1.36 pkg/controller/job/indexed_job_utils.go, `firstPendingIndexes`
pub fn first_pending(taken: &Intervals, count: usize, completions: i32) -> Vec<i32> {
    let mut pending = Vec::new();
    let mut candidate = 0;
    let end = Interval { first: completions, last: completions };
    for interval in taken.0.iter().chain([&end]) {
        let free = candidate..interval.first.min(completions);
        pending.extend(free.take(count - pending.len()));
        candidate = candidate.max(interval.last + 1);
    }
    pending
}

/// The indexes that pods work on.
pub fn indexes_of(pods: &[Arc<Pod>]) -> BTreeSet<i32> {
    pods.iter().filter_map(|p| index_of(&p.meta)).collect()
}

/// Active pods that have to go, because they have no index, one that the Job has not, or one that
/// a better pod has; and those that may stay. Both in the order of their indexes.
///
/// Source: kubernetes v1.36 pkg/controller/job/indexed_job_utils.go,
/// `appendDuplicatedIndexPodsForRemoval`
pub fn duplicates(pods: &[Arc<Pod>], completions: i32) -> (Vec<Arc<Pod>>, Vec<Arc<Pod>>) {
    let mut pods = pods.to_vec();
    pods.sort_by_key(|p| index_of(&p.meta));
    let (mut surplus, mut kept) = (Vec::new(), Vec::new());
    for same in pods.chunk_by(|a, b| index_of(&a.meta) == index_of(&b.meta)) {
        if index_of(&same[0].meta).is_none_or(|index| index >= completions) {
            surplus.extend_from_slice(same);
            continue;
        }
        let mut same = same.to_vec();
        sort_for_removal(&mut same);
        kept.extend(same.pop());
        surplus.extend(same);
    }
    (surplus, kept)
}

/// Puts those first that are to go first.
///
/// Source: kubernetes v1.36 pkg/controller/controller_utils.go, `ActivePods`
pub fn sort_for_removal(pods: &mut [Arc<Pod>]) {
    pods.sort_by(|a, b| Candidate::new(a, 0).by_stage(&Candidate::new(b, 0)));
}
