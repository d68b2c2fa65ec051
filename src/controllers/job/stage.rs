//! The stages of one look at a Job: pods are made or deleted; ended ones are noted; the noted are
//! let go; the counters are moved and the end is declared.
//!
//! Responsible for the order of the writes and for what their answers mean.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::api::Name;
use crate::api::batch::job::{COMPLETE, Job, SUSPENDED};
use crate::api::condition::{Condition, Truth};
use crate::api::core::pod::Pod;
use crate::api::object::{Object, ObjectKey};
use crate::api::refusal::Reason;
use crate::api::request::{Answer, EventNote};
use crate::api::time::Time;
use crate::api::why::Why;
use crate::client::plan::{Expect, Plan, Settled, Write};
use crate::controllers::claim;
use crate::controllers::job::manage::Action;
use crate::controllers::job::pods::{Mould, untracking};
use crate::controllers::job::sync::{Sync, condition, count};
use crate::controllers::job::track::{Noted, clean, ensure};
use crate::controllers::job::watch::BATCH_PERIOD;
use crate::controllers::job::{JobController, JobWhy, note};
use crate::controllers::pod_control::PodControl;

/// Why a Job may fail.
const REASONS: [&str; 5] = [
    "BackoffLimitExceeded",
    "DeadlineExceeded",
    "PodFailurePolicy",
    "MaxFailedIndexesExceeded",
    "FailedIndexes",
];

/// A look whose requests are under way.
#[derive(Clone, Debug)]
pub(super) struct UnderWay {
    sync: Sync,
    stage: Stage,
}

/// What is under way.
#[derive(Clone, Debug)]
enum Stage {
    /// All active pods are deleted, because the Job is at its end.
    Ending,
    /// Surplus pods are let go, to be deleted then.
    Untracking(Vec<Arc<Pod>>),
    /// They are deleted.
    Deleting(Vec<Arc<Pod>>),
    /// Pods are made.
    Creating,
    /// The status is written that notes those that have ended.
    Noting(Noted),
    /// They are let go.
    Leaving(Noted),
}

impl JobController {
    /// The first stage: pods are made or deleted, if any have to be.
    pub(super) fn act(&mut self, key: &ObjectKey, sync: Sync, mut plan: Plan, now: Time) -> Plan {
        if sync.end.is_none()
            && let Some(left) = sync.time_left(now)
        {
            plan.look_again_in(left);
        }
        if sync.end.is_some() {
            return self.end_pods(key, sync, plan, now);
        }
        if !sync.is_fresh || sync.job.meta.is_deleting() {
            return self.after_pods(key, sync, false, plan, now);
        }
        match sync.action(now) {
            Action::None => self.after_pods(key, sync, true, plan, now),
            Action::Wait(wait) => {
                plan.look_again_in(wait.max(BATCH_PERIOD));
                let sync = Sync { active: 0, ..sync };
                self.after_pods(key, sync, true, plan, now)
            }
            Action::Delete(pods) => self.untrack(key, sync, pods, plan, now),
            Action::Create(missing) => {
                let pod = Mould::new(&sync.job, sync.features).plain();
                let why = Why::from(sync.too_few());
                plan.push_slowly(control(&sync.job).creations(pod, missing, &why));
                self.wait(key, sync, Stage::Creating, plan)
            }
            Action::CreateIndexes(indexes) => {
                let why = Why::from(sync.too_few());
                let mould = Mould::new(&sync.job, sync.features);
                let control = control(&sync.job);
                let pods = indexes.iter().map(|i| mould.of_index(*i, sync.held.get(i)));
                plan.push_slowly(pods.flat_map(|p| control.creations(p, 1, &why)).collect());
                if plan.steps.is_empty() {
                    return self.after_pods(key, sync, true, plan, now);
                }
                self.wait(key, sync, Stage::Creating, plan)
            }
        }
    }

    /// Puts a look aside until its requests are answered.
    fn wait(&mut self, key: &ObjectKey, sync: Sync, stage: Stage, mut plan: Plan) -> Plan {
        plan.resumes = true;
        self.under_way.insert(key.clone(), UnderWay { sync, stage });
        plan
    }

    /// The answers are there.
    pub(super) fn go_on(
        &mut self,
        key: &ObjectKey,
        look: UnderWay,
        settled: &[Settled],
        now: Time,
    ) -> Plan {
        let UnderWay { mut sync, stage } = look;
        let plan = Plan::nothing();
        let refused = refused(settled);
        match stage {
            Stage::Ending => {
                sync.all_ended(&refused);
                self.after_end(key, sync, plan, now)
            }
            Stage::Untracking(mut pods) => {
                pods.retain(|p| !refused.contains(&p.meta.name));
                self.delete(key, sync, pods, plan, now)
            }
            Stage::Deleting(pods) => {
                sync.some_deleted(&pods, &refused);
                self.after_pods(key, sync, true, plan, now)
            }
            Stage::Creating => {
                sync.active += count(settled.iter().filter(|s| is_made(s)).count());
                self.after_pods(key, sync, true, plan, now)
            }
            Stage::Noting(noted) => {
                self.records.insert(key.clone(), sync.record);
                self.leave(key, sync, noted, plan, now)
            }
            Stage::Leaving(noted) => self.after_leaving(key, sync, noted, &refused, now),
        }
    }

    /// A Job at its end has no active pods.
    fn end_pods(&mut self, key: &ObjectKey, mut sync: Sync, mut plan: Plan, now: Time) -> Plan {
        if sync.active_pods.is_empty() {
            sync.all_ended(&BTreeSet::new());
            return self.after_end(key, sync, plan, now);
        }
        let why = Why::from(JobWhy::Over { reason: sync.end_reason(), have: sync.active });
        let control = control(&sync.job);
        let delete = |p| control.deletion(p, why.clone()).expecting(Expect::Nothing);
        plan.push_all(sync.active_pods.iter().map(delete).collect());
        self.wait(key, sync, Stage::Ending, plan)
    }

    fn untrack(
        &mut self,
        key: &ObjectKey,
        sync: Sync,
        pods: Vec<Arc<Pod>>,
        mut plan: Plan,
        now: Time,
    ) -> Plan {
        let why = Why::from(sync.too_many());
        let tracked = pods.iter().filter(|p| super::is_tracked(p));
        plan.push_all(tracked.map(|p| untracking(p, why.clone())).collect());
        if plan.steps.is_empty() {
            return self.delete(key, sync, pods, plan, now);
        }
        self.wait(key, sync, Stage::Untracking(pods), plan)
    }

    fn delete(
        &mut self,
        key: &ObjectKey,
        sync: Sync,
        pods: Vec<Arc<Pod>>,
        mut plan: Plan,
        now: Time,
    ) -> Plan {
        if pods.is_empty() {
            return self.after_pods(key, sync, true, plan, now);
        }
        let why = Why::from(sync.too_many());
        let control = control(&sync.job);
        plan.push_all(pods.iter().map(|p| control.deletion(p, why.clone())).collect());
        self.wait(key, sync, Stage::Deleting(pods), plan)
    }

    fn after_end(&mut self, key: &ObjectKey, mut sync: Sync, plan: Plan, now: Time) -> Plan {
        let is_news = sync.put_numbers();
        self.note(key, sync, is_news, plan, now)
    }

    /// The pods are as they are to be: is the work done?
    fn after_pods(
        &mut self,
        key: &ObjectKey,
        mut sync: Sync,
        is_managed: bool,
        mut plan: Plan,
        now: Time,
    ) -> Plan {
        let is_done = match sync.job.spec.completions {
            None => sync.succeeded > 0,
            Some(completions) => sync.succeeded >= completions,
        };
        let mut is_news = false;
        if is_done && sync.active == 0 {
            sync.end = Some(sync.success(now));
        } else if is_managed {
            is_news = sync.put_suspension(&mut plan, now);
        }
        is_news |= sync.put_numbers();
        self.note(key, sync, is_news, plan, now)
    }

    fn note(
        &mut self,
        key: &ObjectKey,
        mut sync: Sync,
        is_news: bool,
        mut plan: Plan,
        now: Time,
    ) -> Plan {
        let noted = sync.note(is_news, now);
        if !noted.is_news {
            return self.leave(key, sync, noted, plan, now);
        }
        let held_back = sync.job.status.uncounted_terminated_pods.as_ref();
        let why = JobWhy::Noted {
            succeeded: held_back.map_or(0, |u| u.succeeded.len()),
            failed: held_back.map_or(0, |u| u.failed.len()),
            active: sync.active,
        };
        plan.push(sync.status_write(why));
        self.wait(key, sync, Stage::Noting(noted), plan)
    }

    /// Those who are noted are let go.
    fn leave(
        &mut self,
        key: &ObjectKey,
        sync: Sync,
        noted: Noted,
        mut plan: Plan,
        now: Time,
    ) -> Plan {
        if noted.leaving.is_empty() {
            return self.finish(key, sync, &noted, plan, now);
        }
        let uids = self.let_go.entry(key.clone()).or_default();
        uids.extend(noted.leaving.iter().map(|p| p.meta.uid));
        let leaving = noted.leaving.iter();
        plan.push_all(leaving.map(|p| untracking(p, JobWhy::Counted)).collect());
        self.wait(key, sync, Stage::Leaving(noted), plan)
    }

    fn after_leaving(
        &mut self,
        key: &ObjectKey,
        mut sync: Sync,
        mut noted: Noted,
        refused: &BTreeSet<Name>,
        now: Time,
    ) -> Plan {
        for pod in &noted.leaving {
            if !refused.contains(&pod.meta.name) {
                noted.open.remove(&pod.meta.uid);
            } else if let Some(uids) = self.let_go.get_mut(key) {
                uids.remove(&pod.meta.uid);
            }
        }
        let mut plan = Plan::nothing();
        if refused.is_empty() {
            return self.finish(key, sync, &noted, plan, now);
        }
        if clean(&mut sync.job.status, &noted.open) {
            plan.push(sync.status_write(sync.counters()));
        }
        plan
    }

    /// The last stage: the counters, and the end.
    #[expect(clippy::unused_self, reason = "a stage as the others are")]
    fn finish(
        &mut self,
        _key: &ObjectKey,
        mut sync: Sync,
        noted: &Noted,
        mut plan: Plan,
        now: Time,
    ) -> Plan {
        let is_news = clean(&mut sync.job.status, &noted.open);
        if !noted.is_full && sync.enact(now) {
            let end = sync.end.clone().unwrap_or_default();
            let why = JobWhy::Finished { condition: end.kind.clone(), reason: end.reason.clone() };
            let write = sync.status_write(why);
            if end.kind == COMPLETE && sync.has_too_many() {
                let message = "Too many succeeded pods running after completion count reached";
                plan.events.push(note(&sync.job, true, "TooManySucceededPods", message));
            }
            plan.push(write.telling(end_event(&sync.job, &end)));
        } else if is_news {
            plan.push(sync.status_write(sync.counters()));
        }
        plan
    }
}

impl Sync {
    /// The write of the status. The first is of the version that was seen, further ones of that
    /// which came of the one before.
    fn status_write(&mut self, why: JobWhy) -> Write {
        let write = Write::update_status(self.job.clone(), why);
        self.job.meta.resource_version = 0;
        write
    }

    fn counters(&self) -> JobWhy {
        let status = &self.job.status;
        JobWhy::Counters {
            succeeded: status.succeeded,
            failed: status.failed,
            active: status.active,
        }
    }

    fn too_few(&self) -> JobWhy {
        JobWhy::TooFew { have: self.active, want: self.wanted(), succeeded: self.succeeded }
    }

    fn too_many(&self) -> JobWhy {
        if self.job.spec.is_suspended() {
            return JobWhy::Suspended { have: self.active };
        }
        JobWhy::TooMany { have: self.active, want: self.wanted() }
    }

    fn has_too_many(&self) -> bool {
        self.job.spec.completions.is_some_and(|n| self.job.status.succeeded > n)
    }

    /// Active pods were to be deleted. Unless all were, and none is unseen, the end has to wait.
    ///
    /// Source: kubernetes v1.36 pkg/controller/job/job_controller.go, `deleteActivePods`
    fn all_ended(&mut self, refused: &BTreeSet<Name>) {
        let deleted = count(self.active_pods.len() - refused.len().min(self.active_pods.len()));
        if deleted != self.active || !self.is_fresh {
            self.end = None;
        }
        self.active -= deleted;
        self.terminating += deleted;
        self.ready -= count(self.active_pods.iter().filter(|p| p.is_ready()).count());
    }

    /// Source: kubernetes v1.36 pkg/controller/job/job_controller.go, `deleteJobPods`
    fn some_deleted(&mut self, pods: &[Arc<Pod>], refused: &BTreeSet<Name>) {
        let deleted = count(pods.iter().filter(|p| !refused.contains(&p.meta.name)).count());
        self.active -= deleted;
        self.terminating += deleted;
        self.ready -= count(pods.iter().filter(|p| p.is_ready()).count());
    }

    /// Says whether it is suspended. One that is resumed counts its time anew.
    fn put_suspension(&mut self, plan: &mut Plan, now: Time) -> bool {
        let suspended = self.job.spec.is_suspended();
        let (reason, event, message) = if suspended {
            ("JobSuspended", "Suspended", "Job suspended")
        } else {
            ("JobResumed", "Resumed", "Job resumed")
        };
        let new = Condition {
            status: Truth::from(suspended),
            ..condition(SUSPENDED, reason, message, now)
        };
        if !ensure(&mut self.job.status.conditions, &new, now) {
            return false;
        }
        self.job.status.start_time = (!suspended).then(|| now.whole_seconds());
        plan.events.push(note(&self.job, false, event, message));
        true
    }
}

fn control(job: &Job) -> PodControl {
    PodControl::of(&Object::Job(Arc::new(job.clone())))
}

/// Source: kubernetes v1.36 pkg/controller/job/job_controller.go, `recordJobFinished`
fn end_event(job: &Job, end: &Condition) -> EventNote {
    if end.kind == COMPLETE {
        return note(job, false, "Completed", "Job completed");
    }
    let reason = REASONS.into_iter().find(|r| end.reason == *r).unwrap_or("Failed");
    note(job, true, reason, &end.message)
}

/// The names of the objects whose writes were refused, but for those that were gone already.
fn refused(settled: &[Settled]) -> BTreeSet<Name> {
    let said_no = |s: &&Settled| match &s.answer {
        Answer::Refused(refusal) => refusal.reason != Reason::NotFound,
        Answer::Object(_)
        | Answer::Deleted(_)
        | Answer::List(_)
        | Answer::Watching
        | Answer::Done => false,
    };
    settled.iter().filter(said_no).map(|s| s.write.verb.key().name).collect()
}

/// Whether a pod was made, or could not be because its namespace goes: then nobody counts it.
fn is_made(settled: &Settled) -> bool {
    match &settled.answer {
        Answer::Object(_) => true,
        Answer::Refused(refusal) => claim::namespace_terminates(refusal),
        Answer::Deleted(_) | Answer::List(_) | Answer::Watching | Answer::Done => false,
    }
}
