//! Conformance units: CronJobs and their schedules.

use std::sync::Arc;

use serde_json::{Value, json};
use wavetank::api::batch::cron_job::{CronJob, SCHEDULED_TIMESTAMP};
use wavetank::api::batch::job::Job;
use wavetank::api::core::event::ObjectReference;
use wavetank::api::meta::Uid;
use wavetank::api::object::{Kind, Object, ObjectKey, Resource, controller_reference};
use wavetank::api::refusal::{Cause, Details, GroupResource, Refusal};
use wavetank::api::request::{Answer, Verb};
use wavetank::api::schedule::Schedule;
use wavetank::api::time::Time;
use wavetank::client::plan::Settled;
use wavetank::client::reconciler::Reconciler;
use wavetank::client::view::{Caches, View};
use wavetank::controllers::cron_job::CronJobController;
use wavetank::controllers::cron_job::missed::{Missed, passed, until_next};

use super::replicaset::text;
use super::{Case, Differs, Unit, same};

/// The units of this area, and the function that runs a case of each.
pub(crate) const UNITS: &[Unit] = &[
    ("cronjob.cron-most-recent", most_recent),
    ("cronjob.cron-next", next),
    ("cronjob.cron-next-time-zone", next_in_zone),
    ("cronjob.cronjob-history", history),
    ("cronjob.cronjob-next-delay", next_delay),
    ("cronjob.cronjob-sync", sync),
];

/// Cases that are known to differ, with the reason.
pub(crate) const DIFFERS: &[Differs] = &[];

/// An instant; none is before all others, as Go's zero time is.
fn time(value: &Value) -> Result<Time, String> {
    if value.is_null() {
        return Ok(Time(i64::MIN));
    }
    Time::parse(text(value)?).ok_or_else(|| format!("{value} is no time"))
}

fn optional_time(value: &Value) -> Result<Option<Time>, String> {
    if value.is_null() { Ok(None) } else { time(value).map(Some) }
}

fn next(case: &Case<'_>) -> Result<(), String> {
    let after = time(&case.input["after"])?;
    let Ok(schedule) = Schedule::parse(text(&case.input["schedule"])?) else {
        return same(&json!({ "valid": false }), case.want);
    };
    let next = schedule.next(after);
    let second = next.and_then(|t| schedule.next(t));
    same(&json!({ "next": next, "secondNext": second, "valid": true }), case.want)
}

fn next_in_zone(case: &Case<'_>) -> Result<(), String> {
    let zone = text(&case.input["timeZone"])?;
    let schedule = Schedule::parse(&format!("TZ={zone} {}", text(&case.input["schedule"])?))?;
    let next = schedule.next(time(&case.input["after"])?);
    let second = next.and_then(|t| schedule.next(t));
    let third = second.and_then(|t| schedule.next(t));
    same(&json!({ "next": next, "secondNext": second, "thirdNext": third }), case.want)
}

fn most_recent(case: &Case<'_>) -> Result<(), String> {
    let input = case.input;
    let schedule = Schedule::parse(text(&input["schedule"])?)?;
    let (created, now) = (time(&input["created"])?, time(&input["now"])?);
    let last = optional_time(&input["lastScheduleTime"])?;
    let deadline = input["startingDeadlineSeconds"].as_i64();
    let got = passed(created, last, deadline, &schedule, now);
    let missed = match got.missed {
        Missed::None => "none",
        Missed::Few => "few",
        Missed::Many => "many",
    };
    let mut shown = json!({
        "earliestTime": got.earliest, "error": got.is_invalid, "missed": missed,
        "mostRecent": got.recent,
    });
    if case.want.get("jobName").is_some() {
        let name = got.recent.map(|t| format!("report-{}", t.unix_seconds() / 60));
        shown["jobName"] = json!(name);
        let order = ["earliestTime", "error", "jobName", "missed", "mostRecent"];
        shown = order.iter().map(|k| ((*k).to_owned(), shown[*k].clone())).collect();
    }
    same(&shown, case.want)
}

fn next_delay(case: &Case<'_>) -> Result<(), String> {
    let cron_job = cron_job(&case.input["cronJob"])?;
    let schedule = Schedule::parse(&cron_job.spec.schedule)?;
    let delay = until_next(&cron_job, &schedule, time(&case.input["now"])?);
    same(&json!({ "delay": delay.to_string() }), case.want)
}

fn cron_job(value: &Value) -> Result<CronJob, String> {
    let object = Object::from_value(Kind::CRON_JOB, value.clone()).map_err(|e| e.to_string())?;
    CronJob::of(&object).map(|c| (**c).clone()).ok_or_else(|| "no CronJob".to_owned())
}

fn job(value: &Value) -> Result<Job, String> {
    // The first year of all is before any that the simulator can tell.
    let text = value.to_string().replace("\"0001-01-01T", "\"1970-01-01T");
    let value = serde_json::from_str(&text).map_err(|e| e.to_string())?;
    let object = Object::from_value(Kind::JOB, value).map_err(|e| e.to_string())?;
    Job::of(&object).map(|j| (**j).clone()).ok_or_else(|| "no Job".to_owned())
}

/// An apiserver that answers as a case says, and writes down what it was asked.
struct Host {
    cron_job: CronJob,
    jobs: Vec<Arc<Job>>,
    now: Time,
    /// The refusal of a creation.
    no_creation: Option<Refusal>,
    no_reads: bool,
    created: Vec<Value>,
    deleted: Vec<String>,
    events: Vec<String>,
    written: Option<CronJob>,
    failed: bool,
    next: Option<String>,
}

impl Host {
    fn new(cron_job: CronJob, jobs: Vec<Job>, now: Time) -> Host {
        Host {
            cron_job,
            jobs: jobs.into_iter().map(Arc::new).collect(),
            now,
            no_creation: None,
            no_reads: false,
            created: Vec::new(),
            deleted: Vec::new(),
            events: Vec::new(),
            written: None,
            failed: false,
            next: None,
        }
    }

    fn sync(&mut self) {
        let mut caches = Caches::default();
        caches.of_mut(Kind::CRON_JOB).put(self.cron_job.clone().into());
        for job in &self.jobs {
            caches.of_mut(Kind::JOB).put(Object::Job(job.clone()));
        }
        let mut controller = CronJobController::default();
        let meta = &self.cron_job.meta;
        let key = ObjectKey::new(Kind::CRON_JOB, &meta.namespace, &meta.name);
        let view = View::new(&caches, self.now);
        let mut plan = controller.reconcile(&key, view);
        loop {
            let kind = |warning| if warning { "Warning" } else { "Normal" };
            let told = plan.events.iter().map(|e| format!("{} {}", kind(e.warning), e.reason));
            self.events.extend(told);
            if !plan.resumes {
                self.failed = plan.retry;
                self.next = plan.look_again.map(|span| span.to_string());
                return;
            }
            let writes: Vec<_> = plan.writes().cloned().collect();
            let settle = |write: wavetank::client::plan::Write| {
                let answer = self.answer(&write.verb);
                Settled { write: Box::new(write), answer }
            };
            plan = controller.resume(&key, writes.into_iter().map(settle).collect(), view);
        }
    }

    fn answer(&mut self, verb: &Verb) -> Answer {
        match verb {
            Verb::Get(key) if key.kind == Kind::CRON_JOB => {
                let mut fresh = self.cron_job.clone();
                fresh.status.active =
                    self.jobs.iter().map(|j| named(&Object::Job(j.clone()))).collect();
                Answer::Object(fresh.into())
            }
            Verb::Get(_) if self.no_reads => {
                Answer::Refused(Refusal::internal_error("the case wants it to fail"))
            }
            Verb::Get(key) => {
                let found = self.jobs.iter().find(|j| j.meta.name == key.name).cloned();
                let found = found.unwrap_or_else(|| {
                    let mut job = Job::default();
                    job.meta.name = key.name.clone();
                    job.meta.namespace = key.namespace.clone();
                    job.meta.uid = Uid::parse("made-before");
                    let owner = controller_reference(Kind::CRON_JOB, &self.cron_job.meta);
                    job.meta.set_owners(vec![owner]);
                    Arc::new(job)
                });
                Answer::Object(Object::Job(found))
            }
            Verb::Create { object: Object::Job(job), .. } => match &self.no_creation {
                Some(refusal) => Answer::Refused(refusal.clone()),
                None => {
                    let stamp = job.meta.annotations.get(SCHEDULED_TIMESTAMP);
                    self.created.push(json!({
                        "name": job.meta.name.as_str(),
                        "scheduledTimestampAnnotation": stamp.map(wavetank::api::Name::as_str),
                    }));
                    let mut made = Job::clone(job);
                    made.meta.uid = Uid::parse("made-now");
                    Answer::Object(made.into())
                }
            },
            Verb::Delete { key, .. } => {
                self.deleted.push(key.name.to_string());
                Answer::Done
            }
            Verb::Update { object: Object::CronJob(cron_job), .. } => {
                self.written = Some(CronJob::clone(cron_job));
                Answer::Object(Object::CronJob(cron_job.clone()))
            }
            other => panic!("{other:?}"),
        }
    }
}

fn named(object: &Object) -> ObjectReference {
    (*object.reference()).clone()
}

fn owned(mut job: Job, owner: &CronJob, n: usize) -> Job {
    job.meta.uid = Uid::parse(&format!("job-{n}"));
    job.meta.namespace = owner.meta.namespace.clone();
    job.meta.set_owners(vec![controller_reference(Kind::CRON_JOB, &owner.meta)]);
    job
}

fn history(case: &Case<'_>) -> Result<(), String> {
    let mut cron_job = cron_job(&case.input["cronJob"])?;
    cron_job.meta.uid = Uid::parse("cron");
    let rows = case.input["finishedJobs"].as_array().cloned().unwrap_or_default();
    let mut jobs = Vec::new();
    for (n, row) in rows.iter().enumerate() {
        let mut row = row.clone();
        if row["status"]["conditions"].is_null() {
            row["status"]["conditions"] = json!([{ "type": "Complete", "status": "True" }]);
        }
        jobs.push(owned(job(&row)?, &cron_job, n));
    }
    let mut host = Host::new(cron_job, jobs, time(&case.input["now"])?);
    host.sync();
    same(&json!({ "deleted": host.deleted }), case.want)
}

/// Why a creation is refused, which a case does not tell: the namespace goes, or the Job is there.
fn refusals() -> [Refusal; 2] {
    let resource = GroupResource::new("batch", "jobs");
    let mut goes = Refusal::forbidden(&resource, "mycronjob", "it is being terminated");
    let reason = "NamespaceTerminating".into();
    let cause = Cause { reason, message: "".into(), field: "".into() };
    let details = Details { causes: vec![cause], ..Details::default() };
    goes.details = Some(details.into());
    [goes, Refusal::already_exists(&resource, "mycronjob")]
}

/// Where a creation is refused, the answer has to be that for one of the possible refusals: rows
/// differ in nothing else. A row in which the Job cannot be read is one whose Job was there
/// already, as only then it is read.
fn sync(case: &Case<'_>) -> Result<(), String> {
    if case.input["jobCreateFails"] != true {
        return sync_with(case, None);
    }
    let [first, second] = refusals();
    if case.input["jobGetFails"] == true {
        return sync_with(case, Some(second));
    }
    sync_with(case, Some(first))
        .or_else(|one| sync_with(case, Some(second)).map_err(|other| format!("{one}\nor {other}")))
}

fn sync_with(case: &Case<'_>, refusal: Option<Refusal>) -> Result<(), String> {
    let mut host = sync_host(case)?;
    host.no_creation = refusal;
    let before = host.cron_job.clone();
    host.sync();
    let updated = host.written.is_some();
    let status = host.written.unwrap_or(before).status;
    let got = json!({
        "created": host.created, "deleted": host.deleted, "events": host.events,
        "requeueAfter": host.next, "updateStatus": updated, "error": host.failed,
        "activeListed": status.active.len(), "lastScheduleTime": status.last_schedule_time,
        "lastSuccessfulTime": status.last_successful_time,
    });
    let want = case.want.to_string().replace("\"0001-01-01T", "\"1970-01-01T");
    let want: Value = serde_json::from_str(&want).map_err(|e| e.to_string())?;
    let names = ["created", "deleted", "events", "requeueAfter", "updateStatus", "error"];
    let more = ["activeListed", "lastScheduleTime", "lastSuccessfulTime"];
    for name in names.into_iter().chain(more) {
        let list = ["created", "deleted", "events"].contains(&name);
        let wanted = if list && want[name].is_null() { json!([]) } else { want[name].clone() };
        same(&got[name], &wanted).map_err(|e| format!("{name}: {e}"))?;
    }
    Ok(())
}

fn sync_host(case: &Case<'_>) -> Result<Host, String> {
    let input = case.input;
    let mut spec = json!({ "jobTemplate": { "metadata": {}, "spec": {} } });
    let fields =
        ["schedule", "timeZone", "concurrencyPolicy", "suspend", "startingDeadlineSeconds"];
    // The unit is of the look alone, without the deletion of old Jobs that comes before it.
    for field in fields.iter().filter(|f| !input[**f].is_null()) {
        spec[field] = input[field].clone();
    }
    let meta = json!({ "name": "mycronjob", "namespace": "snazzycats", "uid": "cron",
        "creationTimestamp": input["created"] });
    let mut cron_job = cron_job(&json!({ "metadata": meta, "spec": spec }))?;
    cron_job.status.last_schedule_time = optional_time(&input["lastScheduleTime"])?;
    let now = time(&input["now"])?;
    let mut jobs = Vec::new();
    for (n, row) in input["jobs"].as_array().into_iter().flatten().enumerate() {
        let mut value = json!({ "metadata": { "name": row["name"],
            "creationTimestamp": row["created"] } });
        if row["complete"] == true {
            value["status"] = json!({ "completionTime": row["completionTime"],
                "conditions": [{ "type": "Complete", "status": "True" }] });
        }
        jobs.push(owned(job(&value)?, &cron_job, n));
    }
    let listed = input["activeListed"].as_u64().and_then(|n| usize::try_from(n).ok()).unwrap_or(0);
    cron_job.status.active =
        jobs.iter().take(listed).map(|j| named(&Object::from(j.clone()))).collect();
    if listed > cron_job.status.active.len() {
        // A listed Job that the cache does not know is the one that is due.
        let schedule = Schedule::parse(&cron_job.spec.schedule)?;
        let (created, last) = (time(&input["created"])?, cron_job.status.last_schedule_time);
        let due = passed(created, last, None, &schedule, now).recent.unwrap_or(now);
        let mut reference = named(&Object::from(Job::default()));
        reference.name = format!("mycronjob-{}", due.unix_seconds() / 60).into();
        reference.uid = Uid::parse("unseen");
        cron_job.status.active.push(reference);
    }
    let mut host = Host::new(cron_job, jobs, now);
    host.no_reads = input["jobGetFails"] == true;
    Ok(host)
}
