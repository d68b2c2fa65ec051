//! The status of a Job: what its controller may write, and what it may not take back.
//!
//! Differs: the form of lists of indexes is not checked; only the Job controller writes them.

use serde_json::json;

use crate::api::batch::job::{
    COMPLETE, FAILED, FAILURE_TARGET, Job, JobStatus, SUCCESS_CRITERIA_MET,
};
use crate::api::condition::{self, Condition};
use crate::api::field::{FieldError, Path};

/// The mistakes of a new status.
struct Checks<'a> {
    new: &'a Job,
    old: &'a Job,
    found: Vec<FieldError>,
}

/// The mistakes of a Job's new status beside the one that it had.
///
/// Source: kubernetes v1.36 pkg/apis/batch/validation/validation.go, `ValidateJobStatusUpdate`, and
/// pkg/registry/batch/job/strategy.go, `getStatusValidationOptions`
pub fn update(new: &Job, old: &Job) -> Vec<FieldError> {
    let mut checks = Checks { new, old, found: Vec::new() };
    if new.status == old.status {
        return checks.found;
    }
    checks.counts();
    checks.noted_once();
    checks.completion();
    checks.announced();
    checks.finished();
    checks.indexes();
    checks.kept();
    checks.found
}

fn path(field: &str) -> Path {
    Path::new("status").child(field)
}

fn is(job: &Job, kind: &str) -> bool {
    condition::find(&job.status.conditions, kind).is_some_and(Condition::is_true)
}

fn is_finished(job: &Job) -> bool {
    is(job, COMPLETE) || is(job, FAILED)
}

/// Whether pods have ended that are not in the counters yet.
fn is_open(status: &JobStatus) -> bool {
    let noted = status.uncounted_terminated_pods.as_ref();
    noted.is_some_and(|u| !u.succeeded.is_empty() || !u.failed.is_empty())
}

impl Checks<'_> {
    /// Whether a condition is another one than before.
    fn turned(&self, kind: &str) -> bool {
        is(self.new, kind) != is(self.old, kind)
    }

    /// Whether this part of the status is another one than before.
    fn changed<T: PartialEq + ?Sized>(
        &self,
        part: impl for<'a> Fn(&'a JobStatus) -> &'a T,
    ) -> bool {
        part(&self.new.status) != part(&self.old.status)
    }

    fn conditions(&mut self, wrong: bool, why: &str) {
        if wrong {
            // The whole list is not shown, as it is long.
            let mut error = FieldError::invalid(&path("conditions"), json!(null), why);
            error.found = None;
            self.found.push(error);
        }
    }

    fn counts(&mut self) {
        let status = &self.new.status;
        let all = [
            ("active", Some(status.active)),
            ("succeeded", Some(status.succeeded)),
            ("failed", Some(status.failed)),
            ("ready", status.ready),
            ("terminating", status.terminating),
        ];
        for (field, count) in all {
            if let Some(count) = count.filter(|n| *n < 0) {
                let why = "must be greater than or equal to 0";
                self.found.push(FieldError::invalid(&path(field), count, why));
            }
        }
    }

    /// A pod waits to be counted once.
    fn noted_once(&mut self) {
        let Some(noted) = &self.new.status.uncounted_terminated_pods else { return };
        let mut seen = std::collections::BTreeSet::new();
        for (list, uids) in [("succeeded", &noted.succeeded), ("failed", &noted.failed)] {
            for (place, uid) in uids.iter().enumerate() {
                let at = path("uncountedTerminatedPods").child(list).index(place);
                if uid.is_none() {
                    self.found.push(FieldError::invalid(&at, "", "must not be empty"));
                } else if !seen.insert(*uid) {
                    self.found.push(FieldError::duplicate(&at, uid.to_string()));
                }
            }
        }
    }

    fn completion(&mut self) {
        let (new, at) = (&self.new.status, path("completionTime"));
        let (is_complete, time) = (is(self.new, COMPLETE), new.completion_time);
        let told = time.map(|t| t.to_string()).unwrap_or_default();
        let has_news = self.turned(COMPLETE) || self.changed(|s| &s.completion_time);
        if has_news && time.is_some() && !is_complete {
            let why = "cannot set completionTime when there is no Complete=True condition";
            self.found.push(FieldError::invalid(&at, told.clone(), why));
        }
        if has_news && time.is_none() && is_complete {
            let why = "completionTime is required for Complete jobs";
            self.found.push(FieldError::required(&at, why));
        }
        let moved = self.changed(|s| &s.start_time) || self.changed(|s| &s.completion_time);
        let is_early = new.start_time.zip(time).is_some_and(|(start, end)| end < start);
        if moved && is_early {
            let why = "completionTime cannot be set before startTime";
            self.found.push(FieldError::invalid(&at, told.clone(), why));
        }
        let before = self.old.status.completion_time;
        if time.zip(before).is_some_and(|(time, before)| time != before) {
            let why = "completionTime cannot be mutated";
            self.found.push(FieldError::invalid(&at, told, why));
        }
    }

    /// Which ends go together, and that each was announced.
    fn announced(&mut self) {
        let (complete, failed) = (is(self.new, COMPLETE), is(self.new, FAILED));
        let (target, met) = (is(self.new, FAILURE_TARGET), is(self.new, SUCCESS_CRITERIA_MET));
        let ended = self.turned(COMPLETE) || self.turned(FAILED);
        self.conditions(
            ended && complete && failed,
            "cannot set Complete=True and Failed=true conditions",
        );
        let aimed = self.turned(COMPLETE) || self.turned(FAILURE_TARGET);
        self.conditions(
            aimed && complete && target,
            "cannot set Complete=True and FailureTarget=true conditions",
        );
        self.conditions(
            self.turned(FAILED) && failed && !target,
            "cannot set Failed=True condition without the FailureTarget=true condition",
        );
        self.conditions(
            self.turned(COMPLETE) && complete && !met,
            "cannot set Complete=True condition without the SuccessCriteriaMet=true condition",
        );
        self.conditions(
            met && failed,
            "cannot set SuccessCriteriaMet=True and Failed=true conditions",
        );
        self.conditions(
            met && target,
            "cannot set SuccessCriteriaMet=True and FailureTarget=true conditions",
        );
    }

    /// What has ended has no pods any more that are not counted.
    fn finished(&mut self) {
        let new = &self.new.status;
        let ended = is_finished(self.new) != is_finished(self.old);
        let is_finished = is_finished(self.new);
        if (ended || self.changed(|s| &s.active)) && new.active > 0 && is_finished {
            let why = "active>0 is invalid for finished job";
            self.found.push(FieldError::invalid(&path("active"), new.active, why));
        }
        if (ended || self.changed(|s| &s.start_time)) && new.start_time.is_none() && is_finished {
            let why = "startTime is required for finished job";
            self.found.push(FieldError::required(&path("startTime"), why));
        }
        let noted = self.changed(|s| &s.uncounted_terminated_pods);
        if (ended || noted) && is_finished && is_open(new) {
            let why = "uncountedTerminatedPods needs to be empty for finished job";
            let found = json!(new.uncounted_terminated_pods);
            self.found.push(FieldError::invalid(&path("uncountedTerminatedPods"), found, why));
        }
        let terminating = new.terminating.unwrap_or(0);
        if (ended || self.changed(|s| &s.terminating)) && terminating > 0 && is_finished {
            let why = "terminating>0 is invalid for finished job";
            self.found.push(FieldError::invalid(&path("terminating"), terminating, why));
        }
        let ready = new.ready.unwrap_or(0);
        if (self.changed(|s| &s.ready) || self.changed(|s| &s.active)) && ready > new.active {
            let why = "cannot set more ready pods than active";
            self.found.push(FieldError::invalid(&path("ready"), ready, why));
        }
    }

    fn indexes(&mut self) {
        let new = &self.new.status;
        if self.changed(|s| &s.completed_indexes)
            && !new.completed_indexes.is_empty()
            && !self.new.spec.is_indexed()
        {
            let why = "cannot set non-empty completedIndexes when non-indexed completion mode";
            let found = new.completed_indexes.as_str();
            self.found.push(FieldError::invalid(&path("completedIndexes"), found, why));
        }
        if self.changed(|s| &s.failed_indexes)
            && let Some(failed) = &new.failed_indexes
            && self.new.spec.backoff_limit_per_index.is_none()
        {
            let why = "cannot set non-null failedIndexes when backoffLimitPerIndex is null";
            self.found.push(FieldError::invalid(&path("failedIndexes"), failed.as_str(), why));
        }
    }

    /// What was told is not taken back.
    fn kept(&mut self) {
        for kind in [FAILED, COMPLETE, FAILURE_TARGET] {
            let gone = is(self.old, kind) && !is(self.new, kind);
            self.conditions(gone, &format!("cannot disable the terminal {kind}=True condition"));
        }
        let (new, old) = (&self.new.status, &self.old.status);
        if new.failed < old.failed {
            let why = "cannot decrease the failed counter";
            self.found.push(FieldError::invalid(&path("failed"), new.failed, why));
        }
        let spec = &self.new.spec;
        let may_shrink = spec.is_indexed() && spec.completions == spec.parallelism;
        if new.succeeded < old.succeeded && !may_shrink {
            let why = "cannot decrease the succeeded counter";
            self.found.push(FieldError::invalid(&path("succeeded"), new.succeeded, why));
        }
        let restarted = old.start_time.is_some() && new.start_time != old.start_time;
        if restarted && self.new.spec.suspend != Some(true) {
            let why = "startTime cannot be removed for unsuspended job";
            self.found.push(FieldError::required(&path("startTime"), why));
        }
        let was_met = is(self.old, SUCCESS_CRITERIA_MET);
        let is_met = is(self.new, SUCCESS_CRITERIA_MET);
        self.conditions(was_met && !is_met, "cannot disable the SuccessCriteriaMet=True condition");
        self.conditions(
            is(self.old, COMPLETE) && !was_met && is_met,
            "cannot set SuccessCriteriaMet=True for Job already has Complete=true conditions",
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::object::{Kind, Object};

    fn job(status: &serde_json::Value) -> Job {
        let value = json!({"metadata": {"name": "a"}, "spec": {"template": {}}, "status": status});
        let object = Object::from_value(Kind::JOB, value).expect("it is a job");
        let Object::Job(job) = object else { panic!("it is a job") };
        (*job).clone()
    }

    fn told(old: &serde_json::Value, new: &serde_json::Value) -> Vec<String> {
        update(&job(new), &job(old)).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_pod_that_is_noted_twice_is_refused() {
        let (a, b) =
            ("00000000-0000-0000-0000-00000000000a", "00000000-0000-0000-0000-00000000000b");
        let noted = json!({"uncountedTerminatedPods": {"succeeded": [a], "failed": [b, a]}});
        let expected =
            format!("status.uncountedTerminatedPods.failed[1]: Duplicate value: \"{a}\"");
        assert_eq!(told(&json!({}), &noted), [expected]);
        assert_eq!(told(&noted, &noted), [""; 0], "what does not change is not asked again");
    }

    #[test]
    fn counters_and_ends_are_not_taken_back() {
        let ended = json!({
            "failed": 2,
            "startTime": "2026-01-01T00:00:00Z",
            "conditions": [
                {"type": "FailureTarget", "status": "True"}, {"type": "Failed", "status": "True"},
            ],
        });
        assert_eq!(told(&json!({"startTime": "2026-01-01T00:00:00Z"}), &ended), [""; 0]);
        let back = told(&ended, &json!({"failed": 1}));
        let lines = [
            "status.conditions: Invalid value: cannot disable the terminal Failed=True condition",
            "status.conditions: Invalid value: cannot disable the terminal FailureTarget=True condition",
            "status.failed: Invalid value: 1: cannot decrease the failed counter",
            "status.startTime: Required value: startTime cannot be removed for unsuspended job",
        ];
        assert_eq!(back, lines);
    }

    #[test]
    fn an_end_is_announced_and_comes_with_nothing_open() {
        let early = json!({
            "active": 1, "ready": 2,
            "conditions": [{"type": "Complete", "status": "True"}],
        });
        let told = told(&json!({}), &early);
        assert_eq!(told.len(), 5, "{told:#?}");
        assert!(told[0].starts_with("status.completionTime: Required value"), "{told:#?}");
        assert!(told[4].ends_with("cannot set more ready pods than active"), "{told:#?}");
    }
}
