//! One look at a Job: what its pods say, and whether that ends it.
//!
//! Responsible for counting and for the verdict; which pods are made or deleted is `manage`'s
//! business, and what is written when is `track`'s.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::api::Name;
use crate::api::batch::job::{
    COMPLETE, FAILED, FAILURE_TARGET, Job, SUCCESS_CRITERIA_MET, UncountedTerminatedPods,
};
use crate::api::condition::{self, Condition, Truth};
use crate::api::core::pod::{Pod, PodPhase, RestartPolicy};
use crate::api::meta::Uid;
use crate::api::time::Time;
use crate::controllers::job::backoff::{Record, finish_time};
use crate::controllers::job::indexes::{self, Intervals};
use crate::controllers::job::pods::{Features, is_failed, is_terminating, is_tracked};
use crate::controllers::job::policy;
use crate::sim::time::SimDuration;

/// What is known of a Job and its pods, and how the status will be.
///
/// Source: kubernetes v1.36 pkg/controller/job/job_controller.go, `syncJobCtx`
#[derive(Clone, Debug)]
pub(super) struct Sync {
    /// The Job, with the status as it is to be.
    pub(super) job: Job,
    /// All its pods.
    pub(super) pods: Vec<Arc<Pod>>,
    /// Those that are neither over nor on their way out.
    pub(super) active_pods: Vec<Arc<Pod>>,
    /// How many active pods there are, as far as creations and deletions are known.
    pub(super) active: i32,
    /// How many of them are ready.
    pub(super) ready: i32,
    /// How many pods are on their way out.
    pub(super) terminating: i32,
    /// Pods that ended well, or indexes that are done.
    pub(super) succeeded: i32,
    /// Pods whose failure counts.
    pub(super) failed: i32,
    /// What the status held back from its counters at the begin.
    pub(super) uncounted: Uncounted,
    /// Pods whose finalizer was taken off, which the cache may not show yet.
    pub(super) let_go: BTreeSet<Uid>,
    /// The failures since the last success.
    pub(super) record: Record,
    /// Indexes that were done before.
    pub(super) done_before: Intervals,
    /// Indexes that are done.
    pub(super) done: Intervals,
    /// Indexes that are given up, if each has a limit of its own.
    pub(super) given_up: Option<Intervals>,
    /// For each index without an active pod, the last that failed: it is kept until its
    /// replacement is made, which inherits its count.
    pub(super) held: BTreeMap<i32, Arc<Pod>>,
    /// The condition that ends the Job.
    pub(super) end: Option<Condition>,
    /// Whether the last creations and deletions have been seen.
    pub(super) is_fresh: bool,
    /// Behaviour by release.
    pub(super) features: Features,
    /// Failures that do not count against the limit; none in 1.36.
    pub(super) forgotten: i32,
    /// Whether failures are noted again that wait to be counted; not in 1.36.
    pub(super) notes_twice: bool,
}

/// Pods that the status holds back from its counters.
#[derive(Clone, Debug, Default)]
pub(super) struct Uncounted {
    /// Those that ended well.
    pub(super) succeeded: BTreeSet<Uid>,
    /// Those that ended badly.
    pub(super) failed: BTreeSet<Uid>,
}

/// What a look begins with.
pub(super) struct Begin {
    /// The Job, as it is known.
    pub(super) job: Job,
    /// Its pods.
    pub(super) pods: Vec<Arc<Pod>>,
    /// Pods whose finalizer was taken off.
    pub(super) let_go: BTreeSet<Uid>,
    /// The failures until the last look.
    pub(super) record: Record,
    /// Whether the last creations and deletions have been seen.
    pub(super) is_fresh: bool,
    /// Behaviour by release.
    pub(super) features: Features,
    /// Failures that do not count against the limit; none in 1.36.
    pub(super) forgotten: i32,
    /// Whether failures are noted again that wait to be counted; not in 1.36.
    pub(super) notes_twice: bool,
}

/// A condition that begins now.
pub(super) fn condition(kind: &str, reason: &str, message: &str, now: Time) -> Condition {
    Condition {
        kind: kind.into(),
        status: Truth::True,
        last_probe_time: Some(now.whole_seconds()),
        last_transition_time: Some(now.whole_seconds()),
        reason: reason.into(),
        message: message.into(),
        ..Condition::default()
    }
}

impl Sync {
    /// Counts, and finds out whether the Job is at its end.
    ///
    /// Source: kubernetes v1.36 pkg/controller/job/job_controller.go, `Controller.syncJob`
    pub(super) fn new(begin: Begin, now: Time) -> Sync {
        let mut sync = Sync::counted(begin, now);
        sync.end = sync.known_end(now).or_else(|| sync.end_by_limits(now));
        if sync.job.spec.is_indexed() {
            sync.look_at_indexes(now);
        }
        sync
    }

    fn counted(begin: Begin, now: Time) -> Sync {
        let Begin { mut job, pods, let_go, record, is_fresh, features, forgotten, notes_twice } =
            begin;
        let held_back = job.status.uncounted_terminated_pods.get_or_insert_default();
        let UncountedTerminatedPods { succeeded, failed } = held_back.clone();
        let uncounted = Uncounted {
            succeeded: succeeded.into_iter().collect(),
            failed: failed.into_iter().collect(),
        };
        if job.status.start_time.is_none() && !job.spec.is_suspended() {
            job.status.start_time = Some(now.whole_seconds());
        }
        let active_pods: Vec<_> = pods.iter().filter(|p| p.is_active()).cloned().collect();
        let mut sync = Sync {
            active: count(active_pods.len()),
            ready: count(active_pods.iter().filter(|p| p.is_ready()).count()),
            terminating: count(pods.iter().filter(|p| is_terminating(p)).count()),
            active_pods,
            succeeded: 0,
            failed: 0,
            uncounted,
            let_go,
            record,
            done_before: Intervals::default(),
            done: Intervals::default(),
            given_up: None,
            held: BTreeMap::new(),
            end: None,
            is_fresh,
            features,
            forgotten,
            notes_twice,
            job,
            pods,
        };
        sync.count_ended();
        sync
    }

    /// Counts the pods that have ended since the last look.
    fn count_ended(&mut self) {
        let ended_well = |p: &Pod| p.status.phase == PodPhase::Succeeded;
        let succeeded = self.uncounted_pods(&self.uncounted.succeeded, ended_well);
        let ended_badly = |p: &Pod| is_failed(p, &self.job, self.features);
        let failed = self.uncounted_pods(&self.uncounted.failed, ended_badly);
        let policy = self.job.spec.pod_failure_policy.as_deref();
        let counting = failed.iter().filter(|p| policy::failure(policy, p).counts).count();
        let status = &self.job.status;
        let before = (status.succeeded, status.failed);
        let record = self.record.after(&succeeded, &failed);
        let all_succeeded = before.0 + count(succeeded.len() + self.uncounted.succeeded.len());
        let all_failed = before.1 + count(counting + self.uncounted.failed.len());
        (self.record, self.succeeded, self.failed) = (record, all_succeeded, all_failed);
    }

    /// Pods that have the finalizer, are not among those held back already and, if the Job is
    /// indexed, have an index of it.
    ///
    /// Source: kubernetes v1.36 pkg/controller/job/job_controller.go, `getValidPodsWithFilter`
    fn uncounted_pods(
        &self,
        held_back: &BTreeSet<Uid>,
        filter: impl Fn(&Pod) -> bool,
    ) -> Vec<&Arc<Pod>> {
        let completions = self.job.spec.completions.unwrap_or(0);
        let has_index =
            |p: &Pod| !self.job.spec.is_indexed() || indexes::valid_index(p, completions).is_some();
        let is_new = |p: &Pod| self.is_open(p) && !held_back.contains(&p.meta.uid);
        self.pods.iter().filter(|p| is_new(p) && has_index(p) && filter(p)).collect()
    }

    /// Whether a pod has the finalizer, as far as is known.
    pub(super) fn is_open(&self, pod: &Pod) -> bool {
        is_tracked(pod) && !self.let_go.contains(&pod.meta.uid)
    }

    /// The end that was announced before, or that the failure policy asks for.
    fn known_end(&self, now: Time) -> Option<Condition> {
        let of = |kind| condition::find(&self.job.status.conditions, kind).filter(|c| c.is_true());
        if let Some(met) = of(SUCCESS_CRITERIA_MET).filter(|_| self.features.success_policy) {
            return Some(met.clone());
        }
        if let Some(target) = of(FAILURE_TARGET) {
            return Some(condition(FAILED, &target.reason, &target.message, now));
        }
        let policy = self.job.spec.pod_failure_policy.as_deref()?;
        let failed = self.pods.iter().filter(|p| is_failed(p, &self.job, self.features));
        let message = failed.into_iter().find_map(|p| policy::failure(Some(policy), p).message)?;
        Some(condition(FAILURE_TARGET, "PodFailurePolicy", &message, now))
    }

    fn end_by_limits(&self, now: Time) -> Option<Condition> {
        let limit = self.job.spec.backoff_limit.unwrap_or(i32::MAX);
        if self.failed - self.forgotten > limit || self.restarts_exceed(limit) {
            let message = "Job has reached the specified backoff limit";
            return Some(self.failure("BackoffLimitExceeded", message, now));
        }
        if self.time_left(now).is_some_and(|left| left == SimDuration::ZERO) {
            let message = "Job was active longer than specified deadline";
            return Some(self.failure("DeadlineExceeded", message, now));
        }
        None
    }

    /// Until its deadline, if it has one and is not suspended.
    ///
    /// Source: kubernetes v1.36 pkg/controller/job/job_controller.go, `pastActiveDeadline`
    pub(super) fn time_left(&self, now: Time) -> Option<SimDuration> {
        let seconds = self.job.spec.active_deadline_seconds?;
        let seconds = SimDuration::secs(u64::try_from(seconds).unwrap_or(0));
        let start = self.job.status.start_time.filter(|_| !self.job.spec.is_suspended())?;
        Some(start.plus(seconds).since(now))
    }

    fn failure(&self, reason: &str, message: &str, now: Time) -> Condition {
        let kind = if self.features.delays_end() { FAILURE_TARGET } else { FAILED };
        condition(kind, reason, message, now)
    }

    /// Whether containers of pods that restart them have been restarted too often.
    ///
    /// Source: kubernetes v1.36 pkg/controller/job/job_controller.go, `pastBackoffLimitOnFailure`
    fn restarts_exceed(&self, limit: i32) -> bool {
        if self.job.spec.template.spec.restart_policy != RestartPolicy::OnFailure {
            return false;
        }
        let is_alive =
            |p: &&Arc<Pod>| matches!(p.status.phase, PodPhase::Running | PodPhase::Pending);
        let statuses = self.pods.iter().filter(is_alive).flat_map(|p| {
            p.status.init_container_statuses.iter().chain(&p.status.container_statuses)
        });
        let restarts: i32 = statuses.map(|s| s.restart_count).sum();
        if limit == 0 { restarts > 0 } else { restarts >= limit }
    }

    fn look_at_indexes(&mut self, now: Time) {
        let completions = self.job.spec.completions.unwrap_or(0);
        (self.done_before, self.done) = indexes::succeeded(&self.job, &self.pods);
        self.succeeded = self.done.count();
        if self.features.limits_each_index(&self.job) {
            let given_up = indexes::failed(&self.job, &self.pods, self.features);
            if self.end.is_none() {
                self.end = self.end_by_indexes(given_up.count(), completions, now);
            }
            self.given_up = Some(given_up);
            self.held = self.last_failed();
        }
        if self.end.is_none() && self.features.success_policy {
            let policy = self.job.spec.success_policy.as_deref();
            let rule = policy::success(policy, completions, &self.done);
            self.end = rule.map(|rule| {
                let message = format!("Matched rules at index {rule}");
                condition(SUCCESS_CRITERIA_MET, "SuccessPolicy", &message, now)
            });
        }
    }

    fn end_by_indexes(&self, given_up: i32, completions: i32, now: Time) -> Option<Condition> {
        if self.job.spec.max_failed_indexes.is_some_and(|most| given_up > most) {
            let message = "Job has exceeded the specified maximal number of failed indexes";
            return Some(self.failure("MaxFailedIndexesExceeded", message, now));
        }
        if given_up > 0 && given_up + self.done.count() >= completions {
            return Some(self.failure("FailedIndexes", "Job has failed indexes", now));
        }
        None
    }

    /// The last failed pod of each index that is open and has no active pod.
    ///
    /// Source: kubernetes v1.36 pkg/controller/job/indexed_job_utils.go,
    /// `getPodsWithDelayedDeletionPerIndex`
    fn last_failed(&self) -> BTreeMap<i32, Arc<Pod>> {
        let busy = indexes::indexes_of(&self.active_pods);
        let given_up = self.given_up.as_ref();
        let is_settled = |index: i32| {
            busy.contains(&index) || self.done.has(index) || given_up.is_some_and(|g| g.has(index))
        };
        let nobody = BTreeSet::new();
        let mut last: BTreeMap<i32, Arc<Pod>> = BTreeMap::new();
        for pod in self.uncounted_pods(&nobody, |p| is_failed(p, &self.job, self.features)) {
            let Some(index) = indexes::index_of(&pod.meta).filter(|i| !is_settled(*i)) else {
                continue;
            };
            let age = |p: &Pod| (indexes::all_failures_before(p), finish_time(p));
            let is_later = last.get(&index).is_none_or(|known| {
                let (a, b) = (age(known), age(pod));
                a.0 <= b.0 && a.1 <= b.1
            });
            if is_later {
                last.insert(index, pod.clone());
            }
        }
        last
    }

    /// The condition of a Job whose pods have done what they were made for.
    ///
    /// Source: kubernetes v1.36 pkg/controller/job/job_controller.go, `newSuccessCondition`
    pub(super) fn success(&self, now: Time) -> Condition {
        let kind = if self.features.delays_end() { SUCCESS_CRITERIA_MET } else { COMPLETE };
        if !self.features.success_policy {
            return condition(kind, "", "", now);
        }
        let message = "Reached expected number of succeeded pods";
        condition(kind, "CompletionsReached", message, now)
    }

    /// The reason of its end, for those who explain a write.
    pub(super) fn end_reason(&self) -> Name {
        self.end.as_ref().map_or_else(Name::default, |end| end.reason.clone())
    }
}

/// A number of pods, as the API has it.
pub(super) fn count(n: usize) -> i32 {
    i32::try_from(n).unwrap_or(i32::MAX)
}
