//! How many pods of a Job there are to be, and which are made or go.
//!
//! Responsible for the decision; it writes nothing.

use std::sync::Arc;

use crate::api::core::pod::Pod;
use crate::api::time::Time;
use crate::controllers::job::backoff::{FIRST, LONGEST, finish_time, remaining};
use crate::controllers::job::indexes;
use crate::controllers::job::pods::{is_terminating, replaces_failed_only};
use crate::controllers::job::sync::{Sync, count};
use crate::sim::time::SimDuration;

/// How many pods one look makes or deletes at most.
///
/// Source: kubernetes v1.36 pkg/controller/job/job_controller.go, `MaxPodCreateDeletePerSync`
pub const MOST: usize = 500;

/// What is to be done about the pods of a Job.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Action {
    /// Nothing.
    None,
    /// These are let go and deleted.
    Delete(Vec<Arc<Pod>>),
    /// So many are made.
    Create(usize),
    /// One of each of these indexes is made.
    CreateIndexes(Vec<i32>),
    /// None is made before so long is over, because of failures.
    Wait(SimDuration),
}

impl Sync {
    /// As many pods are to be active.
    pub(super) fn wanted(&self) -> i32 {
        let spec = &self.job.spec;
        let parallelism = spec.parallelism.unwrap_or(1);
        match spec.completions {
            None if self.succeeded > 0 => self.active,
            None => parallelism,
            Some(completions) => (completions - self.succeeded).min(parallelism).max(0),
        }
    }

    /// What is to be done about the pods of a Job that is not at its end.
    ///
    /// Source: kubernetes v1.36 pkg/controller/job/job_controller.go, `Controller.manageJob`
    pub(super) fn action(&self, now: Time) -> Action {
        if self.job.spec.is_suspended() {
            return Action::Delete(self.removal(self.active));
        }
        let wanted = self.wanted();
        let mut surplus = self.removal((self.active - wanted).max(0));
        if !surplus.is_empty() {
            surplus.truncate(MOST);
            return Action::Delete(surplus);
        }
        let replaced_late = replaces_failed_only(&self.job, self.features);
        let on_their_way = if replaced_late { self.terminating } else { 0 };
        match usize::try_from(wanted - on_their_way - self.active) {
            Ok(missing @ 1..) => self.creation(missing, now),
            Ok(0) | Err(_) => Action::None,
        }
    }

    fn creation(&self, missing: usize, now: Time) -> Action {
        let by_index = self.features.limits_each_index(&self.job);
        let wait = if by_index { SimDuration::ZERO } else { self.record.remaining(now) };
        if wait > SimDuration::ZERO {
            return Action::Wait(wait);
        }
        let missing = missing.min(MOST);
        if !self.job.spec.is_indexed() {
            return Action::Create(missing);
        }
        let completions = self.job.spec.completions.unwrap_or(0);
        let pending = indexes::first_pending(&self.taken(), missing, completions);
        if !by_index {
            return Action::CreateIndexes(pending);
        }
        let waits = pending.iter().map(|i| (*i, self.wait_of_index(*i, now)));
        let waits: Vec<(i32, SimDuration)> = waits.collect();
        let ready = waits.iter().filter(|(_, wait)| *wait == SimDuration::ZERO);
        let ready: Vec<i32> = ready.map(|(index, _)| *index).collect();
        match waits.iter().map(|(_, wait)| *wait).min() {
            Some(wait) if ready.is_empty() => Action::Wait(wait),
            Some(_) | None => Action::CreateIndexes(ready),
        }
    }

    /// Indexes that need no new pod: done, busy, given up, and, where pods are replaced late, those
    /// whose pod is still on its way out.
    fn taken(&self) -> indexes::Intervals {
        let mut taken = self.done.with(&indexes::indexes_of(&self.active_pods));
        if replaces_failed_only(&self.job, self.features) {
            let going: Vec<_> = self.pods.iter().filter(|p| is_terminating(p)).cloned().collect();
            taken = taken.with(&indexes::indexes_of(&going));
        }
        match &self.given_up {
            Some(given_up) => taken.merge(given_up),
            None => taken,
        }
    }

    /// Source: kubernetes v1.36 pkg/controller/job/backoff_utils.go, `getRemainingTimePerIndex`
    fn wait_of_index(&self, index: i32, now: Time) -> SimDuration {
        let Some(pod) = self.held.get(&index) else { return SimDuration::ZERO };
        let failures = indexes::all_failures_before(pod) + 1;
        remaining(failures, Some(finish_time(pod)), now, (FIRST, LONGEST))
    }

    /// Active pods that go: at least so many, and all whose index is not theirs.
    ///
    /// Source: kubernetes v1.36 pkg/controller/job/job_controller.go, `activePodsForRemoval`
    fn removal(&self, at_least: i32) -> Vec<Arc<Pod>> {
        let (mut surplus, mut left) = if self.job.spec.is_indexed() {
            indexes::duplicates(&self.active_pods, self.job.spec.completions.unwrap_or(0))
        } else {
            (Vec::new(), self.active_pods.clone())
        };
        let missing = usize::try_from(at_least - count(surplus.len())).unwrap_or(0);
        if missing > 0 {
            indexes::sort_for_removal(&mut left);
            surplus.extend(left.drain(..missing.min(left.len())));
        }
        surplus
    }
}
