//! One look at a `CronJob`, from the first line to the last.

use std::sync::Arc;

use crate::api::Name;
use crate::api::batch::cron_job::{CronJob, SCHEDULED_TIMESTAMP};
use crate::api::batch::job::{COMPLETE, Job};
use crate::api::core::event::ObjectReference;
use crate::api::gates::Gates;
use crate::api::meta::{Meta, Uid};
use crate::api::object::{Kind, Object, ObjectKey, Resource, controller_reference};
use crate::api::refusal::{Reason, Refusal};
use crate::api::request::{DeleteOptions, EventNote, Propagation, Verb};
use crate::api::schedule::{self, Schedule};
use crate::api::time::Time;
use crate::api::variant::Variant;
use crate::client::plan::Write;
use crate::controllers::claim::namespace_terminates;
use crate::controllers::cron_job::missed::{self, Missed};
use crate::controllers::cron_job::script::{Script, Stop};
use crate::controllers::cron_job::{CronJobWhy, schedule_of};
use crate::sim::time::SimDuration;

/// A look under way: the version whose status is to be written, and what is known by now.
struct Work<'a, 's> {
    /// The version that the look began with, with what it changed.
    own: CronJob,
    /// A version that was read anew; from then on changes go there, and are not written.
    ///
    /// Differs: nothing; Kubernetes changes the fresh copy and writes the other one, which is
    /// refused as out of date, so that the `CronJob` is looked at again.
    fresh: Option<CronJob>,
    jobs: &'a [Arc<Job>],
    now: Time,
    gates: Gates,
    script: &'a mut Script<'s>,
    is_news: bool,
}

/// Looks at a `CronJob` and its Jobs; when it is to be looked at again.
///
/// Source: kubernetes v1.36 pkg/controller/cronjob/cronjob_controllerv2.go, `ControllerV2.sync`
pub(super) fn sync(
    cron_job: &CronJob,
    jobs: &[Arc<Job>],
    (now, gates): (Time, Gates),
    script: &mut Script<'_>,
) -> Result<Option<SimDuration>, Stop> {
    let own = cron_job.clone();
    let mut work = Work { own, fresh: None, jobs, now, gates, script, is_news: false };
    work.clean_up()?;
    let next = match work.look() {
        Err(Stop::Ask(write)) => return Err(Stop::Ask(write)),
        next => next,
    };
    if work.is_news {
        let active = work.own.status.active.len();
        let write = Write::update_status(work.own.clone(), CronJobWhy::Status { active });
        if work.script.ask(write)?.is_err() {
            return Err(Stop::Failed);
        }
    }
    next
}

impl Work<'_, '_> {
    /// The version that changes go to.
    fn now_known(&mut self) -> &mut CronJob {
        self.fresh.as_mut().unwrap_or(&mut self.own)
    }

    fn tell(&mut self, warning: bool, reason: &'static str, message: impl AsRef<str>) {
        let about = Object::CronJob(Arc::new(self.own.clone())).reference();
        let message = message.as_ref().into();
        self.script.events.push(EventNote { about, warning, reason, message });
    }

    /// Deletes ended Jobs beyond the limits.
    ///
    /// Source: kubernetes v1.36 pkg/controller/cronjob/cronjob_controllerv2.go,
    /// `cleanupFinishedJobs`
    fn clean_up(&mut self) -> Result<(), Stop> {
        let spec = self.own.spec.clone();
        let limits =
            [(true, spec.successful_jobs_history_limit), (false, spec.failed_jobs_history_limit)];
        for (complete, limit) in limits {
            let Some(limit) = limit else { continue };
            let ended = self.jobs.iter().filter(|j| ended_as(j, complete));
            let mut ended: Vec<Arc<Job>> = ended.cloned().collect();
            ended.sort_by(|a, b| by_start(a, b));
            let surplus = ended.len().saturating_sub(usize::try_from(limit).unwrap_or(0));
            for job in &ended[..surplus] {
                let why = CronJobWhy::History { have: ended.len(), keep: limit };
                self.is_news |= self.delete_job(&job.meta.name, job.meta.uid, why)?;
            }
        }
        Ok(())
    }

    /// Deletes a Job with its pods; whether that was done.
    ///
    /// Source: kubernetes v1.36 pkg/controller/cronjob/cronjob_controllerv2.go, `deleteJob`
    fn delete_job(&mut self, name: &Name, uid: Uid, why: CronJobWhy) -> Result<bool, Stop> {
        let options = DeleteOptions {
            propagation_policy: Some(Propagation::Background),
            ..DeleteOptions::default()
        };
        let key = self.key_of(name);
        match self.script.ask(Write::of(Verb::Delete { key, options }, why))? {
            Err(refusal) => {
                self.tell(true, "FailedDelete", format!("Deleted job: {}", refusal.message));
                Ok(false)
            }
            Ok(_) => {
                self.now_known().status.active.retain(|a| a.uid != uid);
                self.tell(false, "SuccessfulDelete", format!("Deleted job {name}"));
                Ok(true)
            }
        }
    }

    fn key_of(&self, job: &Name) -> ObjectKey {
        let namespace = self.own.meta.namespace.clone();
        ObjectKey { kind: Kind::JOB, namespace, name: job.clone() }
    }

    fn read_job(&mut self, name: &Name) -> Result<Result<Option<Arc<Job>>, Refusal>, Stop> {
        let why = CronJobWhy::LookUp { job: name.clone() };
        let key = self.key_of(name);
        let answer = self.script.ask(Write::read(key, why))?;
        Ok(answer.map(|found| found.as_ref().and_then(Job::of).cloned()))
    }

    /// Source: kubernetes v1.36 pkg/controller/cronjob/cronjob_controllerv2.go, `syncCronJob`
    fn look(&mut self) -> Result<Option<SimDuration>, Stop> {
        for job in self.jobs {
            self.look_at_job(job)?;
        }
        self.drop_missing()?;
        if self.now_known().meta.is_deleting() {
            return Ok(None);
        }
        let Some(schedule) = self.schedule() else { return Ok(None) };
        let now = self.now;
        let passed = missed::of(self.now_known(), true, &schedule, now);
        if passed.is_invalid {
            let text = self.own.spec.schedule.clone();
            let why = "time difference between two schedules is less than 1 second";
            self.tell(true, "InvalidSchedule", format!("invalid schedule: {text} : {why}"));
            return Ok(None);
        }
        let Some(due) = passed.recent else { return Ok(Some(self.next(&schedule))) };
        if passed.missed == Missed::Many {
            let message = "too many missed start times. Set or decrease \
                           .spec.startingDeadlineSeconds or check clock skew";
            self.tell(true, "TooManyMissedTimes", message);
            if self.gates.varies(Variant::StopsAfterManyMissed) {
                return Ok(None);
            }
        }
        if self.may_start(due) {
            self.start(due)?;
        }
        Ok(Some(self.next(&schedule)))
    }

    fn next(&mut self, schedule: &Schedule) -> SimDuration {
        let now = self.now;
        missed::until_next(self.now_known(), schedule, now)
    }

    /// A Job that is not listed and not over was not made by it, or it crashed in between; one that
    /// is listed and over is taken off.
    fn look_at_job(&mut self, job: &Job) -> Result<(), Stop> {
        let is_listed = lists(self.now_known(), job.meta.uid);
        if !is_listed && !job.is_finished() {
            let why = CronJobWhy::LookUp { job: job.meta.name.clone() };
            let key = Object::CronJob(Arc::new(self.own.clone())).key();
            let Ok(found) = self.script.ask(Write::read(key, why))? else {
                return Err(Stop::Failed);
            };
            let found = found.as_ref().and_then(CronJob::of);
            if let Some(fresh) = found.filter(|c| lists(c, job.meta.uid)) {
                self.fresh = Some(CronJob::clone(fresh));
                return Ok(());
            }
            let name = &job.meta.name;
            let message = format!("Saw a job that the controller did not create or forgot: {name}");
            self.tell(true, "UnexpectedJob", message);
            return Ok(());
        }
        let Some(end) = job.finished() else { return Ok(()) };
        if is_listed {
            self.now_known().status.active.retain(|a| a.uid != job.meta.uid);
            let (name, kind) = (&job.meta.name, &end.kind);
            let message = format!("Saw completed job: {name}, condition: {kind}");
            self.tell(false, "SawCompletedJob", message);
            self.is_news = true;
        }
        if job.is_complete() {
            self.note_success(job.status.completion_time);
        }
        Ok(())
    }

    fn note_success(&mut self, at: Option<Time>) {
        let status = &mut self.now_known().status;
        let is_later = match status.last_successful_time {
            None => true,
            Some(last) => at.is_some_and(|at| at > last),
        };
        if is_later {
            status.last_successful_time = at;
            self.is_news = true;
        }
    }

    /// Takes Jobs off the list that are not there any more; the apiserver is asked.
    fn drop_missing(&mut self) -> Result<(), Stop> {
        let listed = self.now_known().status.active.clone();
        for entry in listed {
            if self.jobs.iter().any(|j| j.meta.uid == entry.uid) {
                continue;
            }
            match self.read_job(&entry.name)? {
                Err(refusal) if refusal.reason == Reason::NotFound => {
                    let message = format!("Active job went missing: {}", entry.name);
                    self.tell(false, "MissingJob", message);
                    self.now_known().status.active.retain(|a| a.uid != entry.uid);
                    self.is_news = true;
                }
                Err(_) => return Err(Stop::Failed),
                Ok(_) => {}
            }
        }
        Ok(())
    }

    /// The schedule, unless there is none to go by.
    fn schedule(&mut self) -> Option<Schedule> {
        let spec = self.now_known().spec.clone();
        if let Some(zone) = &spec.time_zone
            && let Err(why) = schedule::zone(zone)
        {
            self.tell(true, "UnknownTimeZone", format!("invalid timeZone: {zone:?}: {why}"));
            return None;
        }
        if spec.suspend == Some(true) {
            return None;
        }
        if spec.schedule.contains("TZ") {
            let message = format!(
                "CRON_TZ or TZ used in schedule {:?} is not officially supported, see \
                 https://kubernetes.io/docs/concepts/workloads/controllers/cron-jobs/ for more \
                 details",
                spec.schedule.as_str()
            );
            self.tell(true, "UnsupportedSchedule", message);
        }
        match schedule_of(self.now_known()) {
            Ok(schedule) => Some(schedule),
            Err(why) => {
                let text = spec.schedule.as_str();
                let message = format!("unparseable schedule: {text:?} : {why}");
                self.tell(true, "UnparseableSchedule", message);
                None
            }
        }
    }

    /// Whether a Job is to be made for a time.
    fn may_start(&mut self, due: Time) -> bool {
        let now = self.now;
        let cron_job = self.now_known();
        let deadline = cron_job.spec.starting_deadline_seconds;
        let is_late = deadline.is_some_and(|seconds| {
            due.plus(SimDuration::secs(u64::try_from(seconds).unwrap_or(0))) < now
        });
        if is_late {
            let message = format!("Missed scheduled time to start a job: {}", rfc1123(due));
            self.tell(true, "MissSchedule", message);
            return false;
        }
        let name = job_name(cron_job, due);
        let is_done = cron_job.status.active.iter().any(|a| a.name == name)
            || cron_job.status.last_schedule_time == Some(due);
        if is_done {
            return false;
        }
        let forbids = cron_job.spec.concurrency_policy == "Forbid";
        let runs = !cron_job.status.active.is_empty();
        let by_cache = self.gates.varies(Variant::ForbidsByCache);
        let runs = if by_cache { self.jobs.iter().any(|j| !j.is_finished()) } else { runs };
        if forbids && runs {
            let message = "Not starting job because prior execution is running and concurrency \
                           policy is Forbid";
            self.tell(false, "JobAlreadyActive", message);
            return false;
        }
        true
    }

    /// Makes the Job of a time; before that, the ones that it replaces go.
    fn start(&mut self, due: Time) -> Result<(), Stop> {
        if self.now_known().spec.concurrency_policy == "Replace" {
            let listed = self.now_known().status.active.clone();
            for entry in listed {
                self.replace(&entry, due)?;
            }
        }
        let active = self.now_known().status.active.len();
        let job = job_of(self.now_known(), due);
        let name = job.meta.name.clone();
        let made =
            match self.script.ask(Write::create(job, CronJobWhy::Due { time: due, active }))? {
                Ok(made) => {
                    self.tell(false, "SuccessfulCreate", format!("Created job {name}"));
                    made
                }
                Err(refusal) if refusal.reason == Reason::AlreadyExists => {
                    let Ok(Some(job)) = self.read_job(&name)? else { return Err(Stop::Failed) };
                    let uid = self.now_known().meta.uid;
                    let is_own = job.meta.controller().is_some_and(|o| o.uid == uid);
                    if !is_own || lists(self.now_known(), job.meta.uid) {
                        return Ok(());
                    }
                    Some(Object::Job(job))
                }
                Err(refusal) => {
                    if !namespace_terminates(&refusal) {
                        let message = format!("Error creating job: {}", refusal.message);
                        self.tell(true, "FailedCreate", message);
                    }
                    return Err(Stop::Failed);
                }
            };
        let status = &mut self.now_known().status;
        status.active.extend(made.map(|job| (*job.reference()).clone()));
        status.last_schedule_time = Some(due);
        self.is_news = true;
        Ok(())
    }

    fn replace(&mut self, entry: &ObjectReference, due: Time) -> Result<(), Stop> {
        match self.read_job(&entry.name)? {
            Err(refusal) => {
                self.tell(true, "FailedGet", format!("Get job: {}", refusal.message));
                return Err(Stop::Failed);
            }
            Ok(found) => {
                let uid = found.map_or(entry.uid, |job| job.meta.uid);
                if !self.delete_job(&entry.name, uid, CronJobWhy::Replace { time: due })? {
                    return Err(Stop::Failed);
                }
            }
        }
        self.is_news = true;
        Ok(())
    }
}

fn lists(cron_job: &CronJob, uid: Uid) -> bool {
    cron_job.status.active.iter().any(|a| a.uid == uid)
}

fn ended_as(job: &Job, complete: bool) -> bool {
    job.finished().is_some_and(|end| (end.kind == COMPLETE) == complete)
}

/// Source: kubernetes v1.36 pkg/controller/cronjob/utils.go, `byJobStartTime.Less`
fn by_start(a: &Job, b: &Job) -> std::cmp::Ordering {
    let start = |job: &Job| (job.status.start_time.is_none(), job.status.start_time);
    start(a).cmp(&start(b)).then_with(|| a.meta.name.cmp(&b.meta.name))
}

/// The name of the Job of a time: the same time never makes two.
///
/// Source: kubernetes v1.36 pkg/controller/cronjob/utils.go, `getTimeHashInMinutes`
fn job_name(cron_job: &CronJob, due: Time) -> Name {
    smol_str::format_smolstr!("{}-{}", cron_job.meta.name, due.unix_seconds() / 60)
}

/// The Job of a time.
///
/// Source: kubernetes v1.36 pkg/controller/cronjob/utils.go, `getJobFromTemplate2`
fn job_of(cron_job: &CronJob, due: Time) -> Job {
    let template = &cron_job.spec.job_template;
    let zone = cron_job.spec.time_zone.as_deref().unwrap_or_default();
    let text =
        schedule::zone(zone).map_or_else(|_| due.to_string(), |z| schedule::local_text(&z, due));
    let mut meta = Meta {
        name: job_name(cron_job, due),
        namespace: cron_job.meta.namespace.clone(),
        labels: template.metadata.labels.clone(),
        annotations: template.metadata.annotations.with(SCHEDULED_TIMESTAMP, &text),
        ..Meta::default()
    };
    meta.set_owners(vec![controller_reference(Kind::CRON_JOB, &cron_job.meta)]);
    Job { meta, spec: template.spec.clone(), ..Job::default() }
}

/// `Mon, 02 Jan 2006 15:04:05 +0000`.
fn rfc1123(at: Time) -> String {
    let stamp = jiff::Timestamp::from_second(at.unix_seconds());
    stamp.map_or_else(|_| at.to_string(), |t| t.strftime("%a, %d %b %Y %H:%M:%S +0000").to_string())
}
