//! How ended pods get into the counters, each once, and how the end is declared.
//!
//! A pod that has ended is first noted in the status, then its finalizer is taken off, then it
//! goes from the notes into the counters. A crash in between repeats a step and counts nothing
//! twice, because a noted pod without the finalizer is only moved.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::api::batch::job::{
    COMPLETE, FAILED, FAILURE_TARGET, Job, JobStatus, SUCCESS_CRITERIA_MET,
};
use crate::api::condition::{Condition, Truth, find};
use crate::api::core::pod::{Pod, PodPhase};
use crate::api::meta::Uid;
use crate::api::time::Time;
use crate::controllers::job::indexes::{index_of, valid_index};
use crate::controllers::job::pods::is_failed;
use crate::controllers::job::policy;
use crate::controllers::job::sync::{Sync, condition, count};

/// How many pods the status notes at most, so that it stays small.
///
/// Source: kubernetes v1.36 pkg/controller/job/job_controller.go, `MaxUncountedPods`
pub const MOST_UNCOUNTED: usize = 500;

/// What a look finds to be noted.
#[derive(Clone, Debug)]
pub(super) struct Noted {
    /// Whether the status has to be written before anybody is let go.
    pub(super) is_news: bool,
    /// Pods that may be let go.
    pub(super) leaving: Vec<Arc<Pod>>,
    /// Pods that have the finalizer.
    pub(super) open: BTreeSet<Uid>,
    /// Whether there are more pods than are noted at once.
    pub(super) is_full: bool,
}

impl Sync {
    /// Puts the numbers of pods into the status; whether any is new.
    pub(super) fn put_numbers(&mut self) -> bool {
        let terminating = self.features.pod_replacement_policy.then_some(self.terminating);
        let status = &mut self.job.status;
        let new = (self.active, Some(self.ready), terminating);
        let is_news = new != (status.active, status.ready, status.terminating);
        (status.active, status.ready, status.terminating) = new;
        is_news
    }

    /// Notes pods that have ended, and announces the end.
    ///
    /// Source: kubernetes v1.36 pkg/controller/job/job_controller.go,
    /// `trackJobStatusAndRemoveFinalizers`
    pub(super) fn note(&mut self, is_news: bool, now: Time) -> Noted {
        if self.job.spec.is_indexed() {
            self.pods.sort_by_key(|p| index_of(&p.meta));
        }
        let open: BTreeSet<Uid> =
            self.pods.iter().filter(|p| self.is_open(p)).map(|p| p.meta.uid).collect();
        let cleaned = clean(&mut self.job.status, &open);
        let mut noted =
            Noted { is_news: is_news || cleaned, leaving: Vec::new(), open, is_full: false };
        let new_indexes = self.note_pods(&mut noted);
        if self.job.spec.is_indexed() {
            noted.is_news |= self.put_indexes(&new_indexes);
        }
        noted.is_news |= self.announce(now);
        noted
    }

    fn note_pods(&mut self, noted: &mut Noted) -> BTreeSet<i32> {
        let mut held_back = self.job.status.uncounted_terminated_pods.take().unwrap_or_default();
        let mut new_indexes = BTreeSet::new();
        for pod in self.pods.iter().filter(|p| noted.open.contains(&p.meta.uid)) {
            let is_failure = is_failed(pod, &self.job, self.features);
            if !self.may_leave(pod, is_failure) {
                continue;
            }
            noted.leaving.push(pod.clone());
            let uid = pod.meta.uid;
            let was_failed = self.uncounted.failed.contains(&uid) && !self.notes_twice;
            if pod.status.phase == PodPhase::Succeeded && !was_failed {
                if self.job.spec.is_indexed() {
                    new_indexes.extend(self.new_index(pod));
                } else if !self.uncounted.succeeded.contains(&uid) {
                    held_back.succeeded.push(uid);
                    noted.is_news = true;
                }
            } else if !was_failed && self.counts_as_failed(pod, is_failure) {
                held_back.failed.push(uid);
                noted.is_news = true;
            }
            let all = new_indexes.len() + held_back.succeeded.len() + held_back.failed.len();
            if all >= MOST_UNCOUNTED {
                noted.is_full = true;
                break;
            }
        }
        noted.is_news |= !new_indexes.is_empty();
        self.job.status.uncounted_terminated_pods = Some(held_back);
        new_indexes
    }

    /// Whether a pod's finalizer may be taken off.
    ///
    /// Source: kubernetes v1.36 pkg/controller/job/job_controller.go, `canRemoveFinalizer`
    fn may_leave(&self, pod: &Pod, is_failure: bool) -> bool {
        let ends = self.job.meta.is_deleting() || self.end.is_some();
        if ends || pod.status.phase == PodPhase::Succeeded {
            return true;
        }
        let awaited = index_of(&pod.meta).and_then(|index| self.held.get(&index));
        is_failure && awaited.is_none_or(|held| held.meta.uid != pod.meta.uid)
    }

    /// The index that a pod has done, if it was not done before.
    fn new_index(&self, pod: &Pod) -> Option<i32> {
        let completions = self.job.spec.completions.unwrap_or(0);
        valid_index(pod, completions).filter(|index| !self.done_before.has(*index))
    }

    /// Whether a pod goes into the counter of failures: one that failed, and at the end of a Job
    /// that was not successful every other one.
    fn counts_as_failed(&self, pod: &Pod, is_failure: bool) -> bool {
        let ends_badly = self.end.as_ref().is_some_and(|end| end.kind != SUCCESS_CRITERIA_MET);
        let completions = self.job.spec.completions.unwrap_or(0);
        let has_index = !self.job.spec.is_indexed() || valid_index(pod, completions).is_some();
        let policy = self.job.spec.pod_failure_policy.as_deref();
        (is_failure || ends_badly) && has_index && policy::failure(policy, pod).counts
    }

    fn put_indexes(&mut self, new: &BTreeSet<i32>) -> bool {
        self.done = self.done.with(new);
        let completed = smol_str::format_smolstr!("{}", self.done);
        let failed = self.given_up.as_ref().map(|g| smol_str::format_smolstr!("{g}"));
        let status = &mut self.job.status;
        let is_news = completed != status.completed_indexes || failed != status.failed_indexes;
        status.succeeded = self.done.count();
        (status.completed_indexes, status.failed_indexes) = (completed, failed);
        is_news
    }

    /// Puts the announcement of the end into the status, and keeps the end itself for later.
    fn announce(&mut self, now: Time) -> bool {
        let Some(end) = &self.end else { return false };
        let (is_news, kind) = match end.kind.as_str() {
            FAILURE_TARGET => (true, FAILED),
            SUCCESS_CRITERIA_MET if self.features.success_policy => {
                (!has(&self.job, SUCCESS_CRITERIA_MET), COMPLETE)
            }
            _ => return false,
        };
        let last = condition(kind, &end.reason, &end.message, now);
        if is_news {
            self.job.status.conditions.push(end.clone());
        }
        self.end = Some(last);
        is_news
    }

    /// Declares the end, if nobody has still to be counted or to go; whether it did.
    ///
    /// Source: kubernetes v1.36 pkg/controller/job/job_controller.go, `enactJobFinished`
    pub(super) fn enact(&mut self, now: Time) -> bool {
        let Some(end) = &self.end else { return false };
        let held_back = self.job.status.uncounted_terminated_pods.as_ref();
        let is_counted = held_back.is_none_or(|u| u.succeeded.is_empty() && u.failed.is_empty());
        if !is_counted || self.features.delays_end() && self.terminating > 0 {
            return false;
        }
        if end.kind == COMPLETE {
            self.job.status.completion_time = end.last_transition_time;
        }
        ensure(&mut self.job.status.conditions, end, now);
        true
    }
}

fn has(job: &Job, kind: &str) -> bool {
    find(&job.status.conditions, kind).is_some_and(Condition::is_true)
}

/// Moves the noted pods that have no finalizer any more into the counters; whether there were any.
///
/// Source: kubernetes v1.36 pkg/controller/job/job_controller.go,
/// `cleanUncountedPodsWithoutFinalizers`
pub(super) fn clean(status: &mut JobStatus, open: &BTreeSet<Uid>) -> bool {
    let Some(held_back) = &mut status.uncounted_terminated_pods else { return false };
    let before = (held_back.succeeded.len(), held_back.failed.len());
    held_back.succeeded.retain(|uid| open.contains(uid));
    held_back.failed.retain(|uid| open.contains(uid));
    let moved = (before.0 - held_back.succeeded.len(), before.1 - held_back.failed.len());
    status.succeeded += count(moved.0);
    status.failed += count(moved.1);
    moved != (0, 0)
}

/// Sets a condition; whether that changes anything. One that is not there is not set to False.
///
/// Source: kubernetes v1.36 pkg/controller/job/job_controller.go, `ensureJobConditionStatus`
pub(super) fn ensure(all: &mut Vec<Condition>, new: &Condition, now: Time) -> bool {
    let fresh = || Condition {
        last_probe_time: Some(now.whole_seconds()),
        last_transition_time: Some(now.whole_seconds()),
        ..new.clone()
    };
    match all.iter_mut().find(|c| c.kind == new.kind) {
        Some(old) => {
            let of = |c: &Condition| (c.status, c.reason.clone(), c.message.clone());
            let is_news = of(old) != of(new);
            if is_news {
                *old = fresh();
            }
            is_news
        }
        None if new.status == Truth::False => false,
        None => {
            all.push(fresh());
            true
        }
    }
}
