//! Conformance units: Jobs.

mod host;
mod trace;

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};
use wavetank::api::batch::job::{Job, PodFailurePolicy, SuccessPolicy};
use wavetank::api::condition::Condition;
use wavetank::api::meta::Uid;
use wavetank::api::object::{Kind, Object, Resource};
use wavetank::api::time::Time;
use wavetank::controllers::job::backoff::{self, Record};
use wavetank::controllers::job::indexes::{self, Interval, Intervals};
use wavetank::controllers::job::pods::Features;
use wavetank::controllers::job::policy;
use wavetank::sim::time::SimDuration;

use self::host::Host;
use super::replicaset::{NOW, at_now, int, pod, pods, small, text};
use super::{Case, Differs, Unit, same};

/// The units of this area, and the function that runs a case of each.
pub(crate) const UNITS: &[Unit] = &[
    ("job.job-backoff", job_backoff),
    ("job.job-backoff-limit-per-index", status_of_sync),
    ("job.job-deadline", deadline),
    ("job.job-duplicate-indexes", duplicate_indexes),
    ("job.job-failed-indexes", failed_indexes),
    ("job.job-finish-time", finish_time),
    ("job.job-first-pending-indexes", first_pending),
    ("job.job-index-intervals", intervals),
    ("job.job-never-backoff", never_backoff),
    ("job.job-on-failure-restarts", restarts),
    ("job.job-pod-failure-policy", failure_policy),
    ("job.job-remaining-backoff", remaining_backoff),
    ("job.job-succeeded-indexes", succeeded_indexes),
    ("job.job-success-policy", status_of_sync),
    ("job.job-sync", sync),
    ("job.job-trace", trace::trace),
    ("job.pod-failure-policy-match", failure_match),
    ("job.success-policy-match", success_match),
];

/// Cases that are known to differ, with the reason.
pub(crate) const DIFFERS: &[Differs] = &[];

fn read<T: serde::de::DeserializeOwned + Default>(value: &Value) -> Result<T, String> {
    if value.is_null() {
        return Ok(T::default());
    }
    serde_json::from_value(value.clone()).map_err(|e| e.to_string())
}

pub(super) fn job(value: &Value) -> Result<Job, String> {
    let object = Object::from_value(Kind::JOB, at_now(value)).map_err(|e| e.to_string())?;
    Job::of(&object).map(|job| (**job).clone()).ok_or_else(|| "no Job".to_owned())
}

/// The features of a case: those that it names are as it says, the others are on.
fn features(input: &Value) -> Features {
    let off: BTreeSet<&str> =
        input["featuresOff"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let on = |gate: &str, key: &str| !off.contains(gate) && input[key].as_bool().unwrap_or(true);
    Features {
        pod_replacement_policy: on("JobPodReplacementPolicy", "featurePodReplacementPolicy"),
        managed_by: on("JobManagedBy", "featureManagedBy"),
        success_policy: on("JobSuccessPolicy", "featureSuccessPolicy"),
        backoff_limit_per_index: on("JobBackoffLimitPerIndex", "featureBackoffLimitPerIndex"),
    }
}

fn job_backoff(case: &Case<'_>) -> Result<(), String> {
    let seconds = |key: &str| -> Result<SimDuration, String> {
        Ok(SimDuration::secs(u64::try_from(int(&case.input[key])?).map_err(|e| e.to_string())?))
    };
    let last = NOW.minus(seconds("secondsSinceLastFailure")?);
    let failures = small(&case.input["failuresAfterLastSuccess"])?;
    let bounds = (seconds("baseSeconds")?, seconds("maxSeconds")?);
    let left = backoff::remaining(failures, Some(last), NOW, bounds);
    same(&json!({ "remainingSeconds": left.as_secs() }), case.want)
}

/// Reads a Go duration of whole seconds: `11m40s`.
fn duration(value: &Value) -> Result<SimDuration, String> {
    let (mut all, mut number) = (0, String::new());
    for c in text(value)?.chars() {
        let unit = match c {
            '0'..='9' => {
                number.push(c);
                continue;
            }
            'h' => 3600,
            'm' => 60,
            's' => 1,
            _ => return Err(format!("{value} is no duration")),
        };
        all += unit * number.parse::<u64>().map_err(|e| e.to_string())?;
        number.clear();
    }
    Ok(SimDuration::secs(all))
}

fn instant(value: &Value) -> Result<Option<Time>, String> {
    if value.is_null() {
        return Ok(None);
    }
    if value == "now" {
        return Ok(Some(NOW));
    }
    Time::parse(text(value)?).map(Some).ok_or_else(|| format!("{value} is no time"))
}

fn remaining_backoff(case: &Case<'_>) -> Result<(), String> {
    let record = &case.input["backoffRecord"];
    let now = instant(&case.input["currentTime"])?.ok_or("currentTime")?;
    let bounds = (duration(&case.input["defaultBackoff"])?, duration(&case.input["maxBackoff"])?);
    let last = instant(&record["lastFailureTime"])?;
    let failures = record["failuresAfterLastSuccess"].as_i64().unwrap_or(0);
    let failures = i32::try_from(failures).map_err(|e| e.to_string())?;
    let left = backoff::remaining(failures, last, now, bounds);
    let want = duration(&case.want["remaining"])?;
    same(&json!(left.as_nanos()), &json!(want.as_nanos()))
}

fn finish_time(case: &Case<'_>) -> Result<(), String> {
    let pod = pod(&case.input["pod"])?;
    same(&json!({ "finishTime": backoff::finish_time(&pod) }), case.want)
}

fn shown(all: &Intervals) -> Value {
    let one = |i: &Interval| json!({ "First": i.first, "Last": i.last });
    if all.0.is_empty() { Value::Null } else { all.0.iter().map(one).collect() }
}

fn parsed(value: &Value) -> Result<Intervals, String> {
    let one = |v: &Value| Ok(Interval { first: small(&v["First"])?, last: small(&v["Last"])? });
    let all = value.as_array().into_iter().flatten().map(one);
    all.collect::<Result<_, String>>().map(Intervals)
}

fn intervals(case: &Case<'_>) -> Result<(), String> {
    let all = Intervals::parse(text(&case.input["indexes"])?, small(&case.input["completions"])?);
    let pairs: Vec<Value> = all.0.iter().map(|i| json!([i.first, i.last])).collect();
    let pairs = if pairs.is_empty() { case.want["intervals"].clone() } else { json!(pairs) };
    let got = json!({ "canonical": all.to_string(), "count": all.count(), "intervals": pairs });
    same(&got, case.want)
}

/// Pods that are told by their index and phase.
pub(super) fn indexed_pods(value: &Value) -> Result<Vec<Value>, String> {
    let one = |(n, v): (usize, &Value)| {
        let mut annotations = Map::new();
        if v["Index"] != "-" {
            annotations.insert(indexes_annotation().to_owned(), v["Index"].clone());
        }
        json!({
            "metadata": { "name": format!("pod-{n:03}"), "uid": format!("pod-{n:03}"),
                "namespace": "default", "annotations": annotations,
                "finalizers": ["batch.kubernetes.io/job-tracking"] },
            "spec": {}, "status": { "phase": v["Phase"] },
        })
    };
    Ok(value.as_array().into_iter().flatten().enumerate().map(one).collect())
}

fn indexes_annotation() -> &'static str {
    wavetank::api::batch::job::COMPLETION_INDEX
}

fn index_and_phase(pod: &wavetank::api::core::pod::Pod) -> Value {
    let index = pod.meta.annotations.get(indexes_annotation());
    json!({ "Index": index.map_or("-", |i| i.as_str()), "Phase": pod.status.phase.as_str() })
}

fn duplicate_indexes(case: &Case<'_>) -> Result<(), String> {
    let pods = pods(&indexed_pods(&case.input["pods"])?.into())?;
    let (remove, keep) = indexes::duplicates(&pods, small(&case.input["completions"])?);
    let sorted = |all: Vec<Value>| {
        let mut texts: Vec<String> = all.iter().map(Value::to_string).collect();
        texts.sort();
        texts
    };
    let list = |v: &Value| sorted(v.as_array().cloned().unwrap_or_default());
    let shown = |pods: &[std::sync::Arc<_>]| {
        sorted(pods.iter().map(|p: &std::sync::Arc<_>| index_and_phase(p)).collect())
    };
    let got = json!([shown(&remove), shown(&keep)]);
    same(&got, &json!([list(&case.want["remove"]), list(&case.want["keep"])]))
}

fn failed_indexes(case: &Case<'_>) -> Result<(), String> {
    let job = job(&case.input["job"])?;
    let all = indexes::failed(&job, &pods(&case.input["pods"])?, Features::default());
    same(&json!({ "all": shown(&all) }), &json!({ "all": case.want["all"] }))
}

fn first_pending(case: &Case<'_>) -> Result<(), String> {
    let active = pods(&indexed_pods(&case.input["activePods"])?.into())?;
    let taken = parsed(&case.input["succeededIndexes"])?
        .with(&indexes::indexes_of(&active))
        .merge(&parsed(&case.input["failedIndexes"])?);
    let count = usize::try_from(int(&case.input["count"])?).map_err(|e| e.to_string())?;
    let pending = indexes::first_pending(&taken, count, small(&case.input["completions"])?);
    let got = if pending.is_empty() { Value::Null } else { json!(pending) };
    same(&json!({ "indexes": got }), case.want)
}

fn succeeded_indexes(case: &Case<'_>) -> Result<(), String> {
    let mut job = Job::default();
    let spec = std::sync::Arc::make_mut(&mut job.spec);
    spec.completions = Some(small(&case.input["completions"])?);
    job.status.completed_indexes = case.input["statusBefore"].as_str().unwrap_or_default().into();
    let mut all = indexed_pods(&case.input["pods"])?;
    for (value, row) in all.iter_mut().zip(case.input["pods"].as_array().into_iter().flatten()) {
        if row["HasFinalizer"] == false || row["Finalizer"] == false {
            value["metadata"]["finalizers"] = json!([]);
        }
    }
    let (before, after) = indexes::succeeded(&job, &pods(&all.into())?);
    same(&json!({ "fromStatus": shown(&before), "all": shown(&after) }), case.want)
}

fn failure_match(case: &Case<'_>) -> Result<(), String> {
    let policy: PodFailurePolicy = read(&case.input["podFailurePolicy"])?;
    let verdict = policy::failure(Some(&policy), &*pod(&case.input["failedPod"])?);
    let mut got = json!({
        "countsTowardsLimit": verdict.counts,
        "action": verdict.action.map(|a| format!("{a:?}")),
    });
    if case.want.get("jobFailureMessage").is_some() {
        got["jobFailureMessage"] = json!(verdict.message);
    }
    if case.want.get("message").is_some() {
        got["message"] = json!(verdict.message);
    }
    same(&got, case.want)
}

fn success_match(case: &Case<'_>) -> Result<(), String> {
    let policy: SuccessPolicy = read(&case.input["successPolicy"])?;
    let done = parsed(&case.input["succeededIndexes"])?;
    let completions = small(&case.input["completions"])?;
    let on = case.input["featureSuccessPolicy"] != false && !case.input["successPolicy"].is_null();
    let rule = on.then(|| policy::success(Some(&policy), completions, &done)).flatten();
    let mut got = json!({ "met": rule.is_some() });
    if case.want.get("message").is_some() {
        let message = rule.map(|rule| format!("Matched rules at index {rule}"));
        got["message"] = json!(message.unwrap_or_default());
    }
    same(&got, case.want)
}

/// The Job of the units that name only its numbers.
fn plain_job(input: &Value) -> Result<Job, String> {
    let mut spec = json!({
        "selector": { "matchLabels": { "foo": "bar" } },
        "template": { "metadata": { "labels": { "foo": "bar" } },
            "spec": { "containers": [{ "name": "c", "image": "foo/bar" }] } },
        "backoffLimit": 0,
    });
    let fields = [
        "parallelism",
        "completions",
        "backoffLimit",
        "activeDeadlineSeconds",
        "suspend",
        "completionMode",
        "podFailurePolicy",
        "podReplacementPolicy",
        "backoffLimitPerIndex",
        "maxFailedIndexes",
        "successPolicy",
    ];
    for field in fields.iter().filter(|f| !input[**f].is_null()) {
        spec[field] = input[field].clone();
    }
    let meta = json!({ "name": "foobar", "namespace": "default", "uid": "job" });
    job(&json!({ "metadata": meta, "spec": spec }))
}

/// Conditions as the cases tell them.
fn conditions(all: &[Condition]) -> Value {
    let one = |c: &Condition| {
        let (kind, status) = (c.kind.as_str(), c.status.as_str());
        json!({ "type": kind, "status": status, "reason": c.reason.as_str() })
    };
    all.iter().map(one).collect()
}

fn list(value: &Value) -> Value {
    if value.is_null() { json!([]) } else { value.clone() }
}

/// Adds `count` pods of a phase, each with the finalizer.
fn add_pods(host: &mut Host, count: &Value, phase: &str, change: impl Fn(usize, &mut Value)) {
    for n in 0..count.as_u64().unwrap_or(0) {
        let name = format!("{}-{n}", phase.to_lowercase());
        let mut value = json!({ "metadata": { "name": name }, "spec": {},
            "status": { "phase": phase } });
        change(usize::try_from(n).unwrap_or(0), &mut value);
        host.add_pod(value, true);
    }
}

fn deadline(case: &Case<'_>) -> Result<(), String> {
    let input = case.input;
    let mut job = plain_job(input)?;
    let since = u64::try_from(int(&input["secondsSinceStart"])?).map_err(|e| e.to_string())?;
    job.status.start_time = Some(NOW.minus(SimDuration::secs(since)));
    let mut host = Host::new(job, features(input));
    add_pods(&mut host, &input["activePods"], "Running", |_, _| {});
    add_pods(&mut host, &input["succeededPods"], "Succeeded", |_, _| {});
    add_pods(&mut host, &input["failedPods"], "Failed", |_, _| {});
    host.sync(true);
    let status = &host.job().status;
    let got = json!({
        "deletions": host.deleted.len(), "active": status.active, "succeeded": status.succeeded,
        "failed": status.failed, "conditions": conditions(&status.conditions),
    });
    let mut want = case.want.clone();
    want["conditions"] = list(&want["conditions"]);
    same(&got, &want)
}

fn numbers(host: &Host, case: &Case<'_>) -> Result<(), String> {
    let status = &host.job().status;
    let mut got = json!({
        "active": status.active, "succeeded": status.succeeded, "failed": status.failed,
        "conditions": conditions(&status.conditions),
    });
    if case.want.get("terminating").is_some() {
        got["terminating"] = json!(status.terminating);
    }
    let mut want = case.want.clone();
    want["conditions"] = list(&want["conditions"]);
    same(&got, &want)
}

fn never_backoff(case: &Case<'_>) -> Result<(), String> {
    let mut host = Host::new(plain_job(case.input)?, features(case.input));
    let phase = case.input["activePodsPhase"].as_str().filter(|p| !p.is_empty());
    add_pods(&mut host, &case.input["activePods"], phase.unwrap_or("Running"), |_, _| {});
    add_pods(&mut host, &case.input["failedPods"], "Failed", |_, _| {});
    host.sync(true);
    numbers(&host, case)
}

fn restarts(case: &Case<'_>) -> Result<(), String> {
    let mut value = Object::from(plain_job(case.input)?).to_value();
    value["spec"]["template"]["spec"]["restartPolicy"] = json!("OnFailure");
    let mut host = Host::new(job(&value)?, features(case.input));
    let counts = case.input["restartCounts"].as_array().cloned().unwrap_or_default();
    let phase = text(&case.input["podPhase"])?;
    add_pods(&mut host, &json!(counts.len()), phase, |n, value| {
        value["status"]["containerStatuses"] = json!([{ "name": "c", "restartCount": counts[n] }]);
    });
    host.sync(true);
    numbers(&host, case)
}

fn failure_policy(case: &Case<'_>) -> Result<(), String> {
    let mut host = Host::new(job(&case.input["job"])?, features(case.input));
    for (n, value) in case.input["pods"].as_array().into_iter().flatten().enumerate() {
        let mut value = value.clone();
        value["metadata"]["name"] = json!(format!("mypod-{n}"));
        if host.job().spec.is_indexed() {
            value["metadata"]["annotations"] = json!({ indexes_annotation(): n.to_string() });
        }
        host.add_pod(value, true);
    }
    host.sync(true);
    numbers(&host, case)
}

/// One sync whose whole status is compared, but for its times and texts.
fn status_of_sync(case: &Case<'_>) -> Result<(), String> {
    let mut host = Host::new(job(&case.input["job"])?, features(case.input));
    for (n, value) in case.input["pods"].as_array().into_iter().flatten().enumerate() {
        let mut value = value.clone();
        value["metadata"]["name"] = json!(format!("mypod-{n}"));
        host.add_pod(value, false);
    }
    host.sync(true);
    let mut status = Object::from(host.job()).to_value()["status"].clone();
    let mut want = case.want["status"].clone();
    for part in [&mut status, &mut want] {
        let Some(fields) = part.as_object_mut() else { continue };
        for gone in ["startTime", "completionTime", "ready"] {
            fields.shift_remove(gone);
        }
        let strip =
            |c: &Value| json!({ "type": c["type"], "status": c["status"], "reason": c["reason"] });
        let all = fields.get("conditions").and_then(Value::as_array);
        let all: Vec<Value> = all.into_iter().flatten().map(strip).collect();
        fields.insert("conditions".into(), json!(all));
    }
    same(&sorted(&status), &sorted(&want))
}

/// An object with its members in the order of their names.
fn sorted(value: &Value) -> Value {
    let mut members: Vec<_> = value.as_object().cloned().unwrap_or_default().into_iter().collect();
    members.sort_by(|a, b| a.0.cmp(&b.0));
    Value::Object(members.into_iter().collect())
}

fn sync(case: &Case<'_>) -> Result<(), String> {
    let mut host = sync_host(case.input)?;
    let fresh = case.input["fakeExpectationAtCreation"].as_i64().unwrap_or(0) == 0;
    let failed = host.sync(fresh);
    let status = host.job().status;
    let indexes: Vec<Value> = host
        .created
        .iter()
        .filter_map(|p| p.meta.annotations.get(indexes_annotation()).map(|i| json!(i.as_str())))
        .collect();
    let got = json!({
        "creates": host.created.len(), "createCalls": host.create_calls,
        "deletes": host.deleted.len(), "podPatches": host.patches, "error": failed,
        "createdIndexes": if indexes.is_empty() { Value::Null } else { json!(indexes) },
        "status": sync_status(&status),
        "conditions": conditions(&status.conditions),
    });
    let mut want = case.want.clone();
    for number in ["active", "succeeded", "failed"] {
        if want["status"][number].is_null() {
            want["status"][number] = json!(0);
        }
    }
    if want["status"]["completedIndexes"].is_null() {
        want["status"]["completedIndexes"] = json!("");
    }
    for absent in ["ready", "terminating"] {
        if want["status"][absent].is_null() {
            want["status"][absent] = Value::Null;
        }
    }
    want["status"] = sorted(&want["status"]);
    same(&got, &want)
}

fn sync_status(status: &wavetank::api::batch::job::JobStatus) -> Value {
    sorted(&json!({
        "active": status.active, "succeeded": status.succeeded, "failed": status.failed,
        "ready": status.ready, "terminating": status.terminating,
        "completedIndexes": status.completed_indexes.as_str(),
    }))
}

fn sync_host(input: &Value) -> Result<Host, String> {
    let mut job = plain_job(input)?;
    let before = &input["initialStatus"];
    if before.is_object() {
        job.status.active = before["active"].as_i64().and_then(|n| n.try_into().ok()).unwrap_or(0);
        job.status.succeeded =
            before["succeed"].as_i64().and_then(|n| n.try_into().ok()).unwrap_or(0);
        job.status.failed = before["failed"].as_i64().and_then(|n| n.try_into().ok()).unwrap_or(0);
        job.status.start_time = instant(&before["startTime"])?;
        job.status.conditions = read(&list(&before["conditions"]))?;
    }
    if input["deleting"] == true {
        job.meta.deletion = Some(NOW);
    }
    let mut host = Host::new(job, features(input));
    host.now = instant(&input["controllerTime"])?.unwrap_or(NOW);
    if input["backoffRecord"].is_object() {
        let record = &input["backoffRecord"];
        let failures = small(&record["failuresAfterLastSuccess"])?;
        host.remember(Record { failures, last: instant(&record["lastFailureTime"])? });
    }
    host.fails = input["podControllerError"] == true;
    host.most_creations = input["podCreateLimit"].as_u64().and_then(|n| usize::try_from(n).ok());
    add_pods(&mut host, &input["pendingPods"], "Pending", |_, _| {});
    let ready = input["readyPods"].as_u64().unwrap_or(0);
    add_pods(&mut host, &input["activePods"], "Running", |n, value| {
        if (n as u64) < ready {
            value["status"]["conditions"] = json!([{ "type": "Ready", "status": "True" }]);
        }
    });
    add_pods(&mut host, &input["succeededPods"], "Succeeded", |_, _| {});
    add_pods(&mut host, &input["failedPods"], "Failed", |_, _| {});
    add_pods(&mut host, &input["terminatingPods"], "Running", |n, value| {
        value["metadata"]["name"] = json!(format!("terminating-{n}"));
        value["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
    });
    let with_indexes = list(&input["podsWithIndexes"]);
    for value in indexed_pods(&with_indexes)? {
        host.add_pod(value, true);
    }
    Ok(host)
}

/// The uid of the Job of a case.
pub(super) fn uid_of(job: &Job) -> Uid {
    if job.meta.uid.is_none() { Uid::parse("job") } else { job.meta.uid }
}
