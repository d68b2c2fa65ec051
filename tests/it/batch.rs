//! Random histories of Jobs, CronJobs and autoscalers: edits, deletions, failing pods, and a
//! controller manager that crashes between two writes. What was asked for comes in the end, and
//! what must never be is not on the way; both are read from the log.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value, json};
use wavetank::api::Name;
use wavetank::api::batch::job::Job;
use wavetank::api::core::pod::{Pod, PodPhase};
use wavetank::api::meta::Uid;
use wavetank::api::note::{Note, WriteNote};
use wavetank::api::object::{Kind, Object, ObjectKey, Resource};
use wavetank::scenario::world::World;
use wavetank::sim::time::SimTime;

use crate::random::{described, histories};

const TRACKING: &str = "batch.kubernetes.io/job-tracking";
const INDEX: &str = "batch.kubernetes.io/job-completion-index";

/// A crash of the controller manager after the n-th write of one of its controllers, and for how
/// many seconds.
pub(crate) type Crash = (u8, u8);

pub(crate) fn crashes() -> impl Strategy<Value = Vec<Crash>> {
    vec((1..30u8, 0..8u8), 0..3)
}

pub(crate) fn weather(actor: &str, crashes: &[Crash]) -> Value {
    let one = |(n, seconds): &Crash| {
        json!({
            "when": {"after-write": {"actor": actor, "n": n}},
            "inject": {
                "container-kill": {"component": "kube-controller-manager"},
                "duration": format!("{seconds}s"),
            },
        })
    };
    crashes.iter().map(one).collect()
}

pub(crate) fn run(name: &str, scenario: &Value, seed: u64) -> World {
    let text = format!("{scenario:#}\n");
    let mut world = World::new(described(&format!("{name}.yaml"), text), seed, None)
        .expect("a history can be carried out");
    world.run();
    world
}

pub(crate) fn writes(world: &World) -> Vec<(SimTime, &WriteNote)> {
    let notes = world.cluster().engine.log().iter();
    notes
        .filter_map(|record| match &record.note {
            Note::Write(note) => Some((record.time, &**note)),
            _ => None,
        })
        .collect()
}

pub(crate) fn kubectl(line: &str) -> Value {
    json!({"kubectl": format!("{line} || true")})
}

/// What a person does to a Job.
#[derive(Clone, Debug)]
enum JobDeed {
    Parallelism(u8),
    Suspend(bool),
    DeletePod,
    KillPod,
    Wait(u8),
}

fn job_deed() -> impl Strategy<Value = JobDeed> {
    prop_oneof![
        2 => (0..5u8).prop_map(JobDeed::Parallelism),
        1 => any::<bool>().prop_map(JobDeed::Suspend),
        2 => Just(JobDeed::DeletePod),
        2 => Just(JobDeed::KillPod),
        4 => (1..12u8).prop_map(JobDeed::Wait),
    ]
}

impl JobDeed {
    fn step(&self) -> Value {
        match self {
            JobDeed::Parallelism(n) => {
                let patch = json!({"spec": {"parallelism": n}});
                kubectl(&format!("patch job work --type=merge -p '{patch}'"))
            }
            JobDeed::Suspend(on) => {
                let patch = json!({"spec": {"suspend": on}});
                kubectl(&format!("patch job work --type=merge -p '{patch}'"))
            }
            JobDeed::DeletePod => {
                kubectl("delete $(kubectl get pods -l app=work -o name | head -1) --wait=false")
            }
            // A pod that nobody else has touched fails: its process gets a signal.
            JobDeed::KillPod => kubectl(
                "delete $(kubectl get pods -l app=work -o name | tail -1) --grace-period=0 --force",
            ),
            JobDeed::Wait(n) => json!({"wait": format!("{}ms", u64::from(*n) * 400)}),
        }
    }
}

#[derive(Clone, Debug)]
struct JobHistory {
    parallelism: u8,
    completions: u8,
    is_indexed: bool,
    fails: bool,
    backoff_limit: u8,
    replacement: Option<&'static str>,
    ttl: Option<u8>,
    deeds: Vec<JobDeed>,
    crashes: Vec<Crash>,
}

fn job_history() -> impl Strategy<Value = JobHistory> {
    let spec = (1..5u8, 1..7u8, any::<bool>(), prop::bool::weighted(0.2), 0..4u8);
    let replacement = select(vec![None, Some("Failed"), Some("TerminatingOrFailed")]);
    let ttl = prop::option::weighted(0.3, 0..40u8);
    (spec, replacement, ttl, vec(job_deed(), 0..10), crashes()).prop_map(
        |(
            (parallelism, completions, is_indexed, fails, backoff_limit),
            replacement,
            ttl,
            deeds,
            crashes,
        )| {
            JobHistory {
                parallelism,
                completions,
                is_indexed,
                fails,
                backoff_limit,
                replacement,
                ttl,
                deeds,
                crashes,
            }
        },
    )
}

impl JobHistory {
    fn manifest(&self) -> Value {
        let command = if self.fails { ["exit", "2", "1"] } else { ["exit", "3", "0"] };
        let mode = if self.is_indexed { "Indexed" } else { "NonIndexed" };
        let mut job = json!({
            "apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "work"},
            "spec": {
                "parallelism": self.parallelism, "completions": self.completions,
                "completionMode": mode, "backoffLimit": self.backoff_limit,
                "template": {
                    "metadata": {"labels": {"app": "work"}},
                    "spec": {
                        "restartPolicy": "Never", "terminationGracePeriodSeconds": 2,
                        "containers": [{"name": "app", "image": "work:v1", "command": command}],
                    },
                },
            },
        });
        if let Some(policy) = self.replacement {
            job["spec"]["podReplacementPolicy"] = json!(policy);
        }
        if let Some(seconds) = self.ttl {
            job["spec"]["ttlSecondsAfterFinished"] = json!(seconds);
        }
        job
    }

    fn world(&self, seed: u64) -> World {
        let mut steps = vec![json!({"apply": self.manifest()})];
        steps.extend(self.deeds.iter().map(JobDeed::step));
        steps.push(json!({"wait": "5s"}));
        steps.push(JobDeed::Suspend(false).step());
        steps.push(JobDeed::Parallelism(self.parallelism).step());
        let scenario = json!({
            "name": "job", "steps": steps, "faults": weather("job-controller", &self.crashes),
            "cluster": {"nodes": [{"name": "node", "count": 2, "cpu": "4"}]},
            "images": {"work:*": {"start": "200ms", "term": "500ms"}},
            "until": {"after-last-step": "900s"},
        });
        run("job", &scenario, seed)
    }
}

fn job_of(object: &Object) -> Option<&Arc<Job>> {
    Job::of(object)
}

/// What must never be: more pods at work than were ever asked for, two for one index, something
/// counted twice or taken back.
fn job_on_the_way(world: &World, history: &JobHistory) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut most = i32::from(history.parallelism);
    let mut pods: BTreeMap<Uid, Arc<Pod>> = BTreeMap::new();
    let (mut succeeded, mut failed) = (BTreeSet::new(), BTreeSet::new());
    let mut counted = (0, 0);
    for (time, write) in writes(world) {
        let object = &write.change.object;
        if let Some(job) = job_of(object) {
            most = most.max(job.spec.parallelism.unwrap_or(1));
            let now = (job.status.succeeded, job.status.failed);
            if !history.is_indexed && now.0 < counted.0 || now.1 < counted.1 {
                wrong.push(format!("{time}: counted {now:?} after {counted:?}"));
            }
            if usize::try_from(now.0).is_ok_and(|n| n > succeeded.len()) {
                wrong.push(format!("{time}: {} counted, {} succeeded", now.0, succeeded.len()));
            }
            if usize::try_from(now.1).is_ok_and(|n| n > failed.len()) {
                wrong.push(format!("{time}: {} counted, {} failed", now.1, failed.len()));
            }
            counted = now;
        }
        let Some(pod) = Pod::of(object) else { continue };
        let uid = pod.meta.uid;
        // One that is told to end does so without an error, however it would have ended.
        if history.fails && pod.status.phase == PodPhase::Succeeded && !pod.meta.is_deleting() {
            wrong.push(format!("{time}: {} succeeded", pod.meta.name));
        }
        match pod.status.phase {
            PodPhase::Succeeded => drop(succeeded.insert(uid)),
            PodPhase::Failed => drop(failed.insert(uid)),
            _ => {}
        }
        if pod.meta.is_deleting() || write.change.deleted {
            failed.insert(uid);
        }
        if write.change.deleted {
            pods.remove(&uid);
            continue;
        }
        pods.insert(uid, pod.clone());
        if write.change.old.is_some() {
            continue;
        }
        let active: Vec<&Arc<Pod>> = pods.values().filter(|p| p.is_active()).collect();
        if i32::try_from(active.len()).is_ok_and(|n| n > most) {
            wrong.push(format!("{time}: {} pods at work, {most} asked for", active.len()));
        }
        let indexes: Vec<_> = active.iter().filter_map(|p| p.meta.annotations.get(INDEX)).collect();
        if indexes.iter().collect::<BTreeSet<_>>().len() != indexes.len() {
            wrong.push(format!("{time}: two pods for one index: {indexes:?}"));
        }
    }
    wrong
}

/// A Job with a lifetime goes after it, no earlier and not much later, and its pods with it.
fn job_is_over(world: &World, seconds: u8) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut finished = None;
    for (time, write) in writes(world) {
        let Some(job) = job_of(&write.change.object) else { continue };
        if is_finished(job).is_some() {
            finished = finished.or(Some(time));
        }
        if !job.meta.is_deleting() && !write.change.deleted {
            continue;
        }
        let lived = finished.map(|at| time.since(at).as_secs());
        // Times are kept in whole seconds; a controller that is down is late.
        if lived.is_none_or(|lived| lived + 1 < u64::from(seconds)) {
            wrong.push(format!("{time}: it goes {lived:?} s after its end, not {seconds}"));
        }
        if lived.is_some_and(|lived| lived > u64::from(seconds) + 45) {
            wrong.push(format!("{time}: it has stayed for {lived:?} s, not {seconds}"));
        }
        break;
    }
    let store = world.cluster().store();
    for kind in [Kind::JOB, Kind::POD] {
        wrong.extend(store.iter(kind).map(|o| format!("{} is left over", o.meta().name)));
    }
    wrong
}

fn job_in_the_end(world: &World, history: &JobHistory) -> Vec<String> {
    if let Some(seconds) = history.ttl {
        return job_is_over(world, seconds);
    }
    let mut wrong = Vec::new();
    let store = world.cluster().store();
    let key = ObjectKey::new(Kind::JOB, "default", "work");
    let Some(job) = store.get(&key).and_then(job_of) else { return vec!["no job".to_owned()] };
    let has = |kind: &str| job.status.conditions.iter().any(|c| c.kind == kind && c.is_true());
    let is_complete = has("Complete");
    if is_complete == has("Failed") {
        wrong.push(format!("neither complete nor failed, or both: {:?}", job.status));
    }
    if is_complete && job.status.succeeded != i32::from(history.completions) {
        wrong.push(format!("{} of {} done", job.status.succeeded, history.completions));
    }
    if job.status.active != 0
        || job
            .status
            .uncounted_terminated_pods
            .as_ref()
            .is_some_and(|u| !u.succeeded.is_empty() || !u.failed.is_empty())
    {
        wrong.push(format!("something is left over: {:?}", job.status));
    }
    for pod in store.iter(Kind::POD).filter_map(Pod::of) {
        if pod.meta.has_finalizer(TRACKING) || pod.is_active() {
            wrong.push(format!("{} is still tracked or at work", pod.meta.name));
        }
    }
    wrong
}

/// What a person does to a CronJob.
#[derive(Clone, Debug)]
enum CronDeed {
    Suspend(bool),
    DeleteJob,
    Wait(u8),
}

fn cron_deed() -> impl Strategy<Value = CronDeed> {
    prop_oneof![
        1 => any::<bool>().prop_map(CronDeed::Suspend),
        1 => Just(CronDeed::DeleteJob),
        4 => (1..10u8).prop_map(CronDeed::Wait),
    ]
}

impl CronDeed {
    fn step(&self) -> Value {
        self.step_of("tick")
    }

    fn step_of(&self, name: &str) -> Value {
        match self {
            CronDeed::Suspend(on) => {
                let patch = json!({"spec": {"suspend": on}});
                kubectl(&format!("patch cronjob {name} --type=merge -p '{patch}'"))
            }
            CronDeed::DeleteJob => {
                kubectl("delete $(kubectl get jobs -o name | head -1) --wait=false")
            }
            CronDeed::Wait(n) => json!({"wait": format!("{}s", u64::from(*n) * 13)}),
        }
    }
}

fn cron_world(
    policy: &str,
    (seconds, code): (u8, u8),
    limits: (u8, u8),
    deeds: &[CronDeed],
    crashes: &[Crash],
    seed: u64,
) -> World {
    let cron = json!({
        "apiVersion": "batch/v1", "kind": "CronJob", "metadata": {"name": "tick"},
        "spec": {
            "schedule": "* * * * *", "concurrencyPolicy": policy,
            "successfulJobsHistoryLimit": limits.0, "failedJobsHistoryLimit": limits.1,
            "jobTemplate": {"spec": {"backoffLimit": 0, "template": {
                "metadata": {"labels": {"app": "tick"}},
                "spec": {
                    "restartPolicy": "Never", "terminationGracePeriodSeconds": 1,
                    "containers": [{
                        "name": "app", "image": "tick:v1",
                        "command": ["exit", seconds.to_string(), code.to_string()],
                    }],
                },
            }}},
        },
    });
    let mut steps = vec![json!({"apply": cron})];
    steps.extend(deeds.iter().map(CronDeed::step));
    steps.push(CronDeed::Suspend(true).step());
    let scenario = json!({
        "name": "cron", "steps": steps, "faults": weather("cronjob-controller", crashes),
        "cluster": {"nodes": [{"name": "node", "count": 2, "cpu": "4"}]},
        "images": {"tick:*": {"start": "200ms", "term": "500ms"}},
        "until": {"after-last-step": "400s"},
    });
    run("cron", &scenario, seed)
}

fn is_finished(job: &Job) -> Option<bool> {
    let holds = |kind| job.status.conditions.iter().any(|c| c.kind == kind && c.is_true());
    if holds("Complete") { Some(true) } else { holds("Failed").then_some(false) }
}

/// The marks of a running autoscaler: its bounds, and what it has set.
fn scaled_beyond(world: &World) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut bounds: Vec<(i64, i64)> = Vec::new();
    for (time, write) in writes(world) {
        let object = &write.change.object;
        let value = object.to_value();
        if object.kind() == Kind::HORIZONTAL_POD_AUTOSCALER {
            let spec = &value["spec"];
            let (least, most) = (&spec["minReplicas"], &spec["maxReplicas"]);
            bounds.push((least.as_i64().unwrap_or(1), most.as_i64().unwrap_or(1)));
        }
        let user: &Name = &write.origin.user;
        if object.kind() == Kind::DEPLOYMENT
            && user == "horizontal-pod-autoscaler"
            && write.origin.subresource == "scale"
        {
            let replicas = value["spec"]["replicas"].as_i64().unwrap_or(0);
            // It may not have seen the last edit yet.
            let known = bounds.iter().rev().take(8);
            if !known.clone().any(|(least, most)| (*least..=*most).contains(&replicas)) {
                wrong.push(format!("{time}: scaled to {replicas}, bounds {bounds:?}"));
            }
        }
    }
    wrong
}

/// Objects of every controller of this file, and what they settle beside.
fn settled_objects() -> Vec<Value> {
    let labels = json!({"app": "web"});
    let container = json!({
        "name": "app", "image": "web:v1", "resources": {"requests": {"cpu": "200m"}},
    });
    let template = json!({"metadata": {"labels": labels}, "spec": {"containers": [container]}});
    let selector = json!({"matchLabels": labels});
    let work = |seconds: &str| {
        json!({"spec": {
            "restartPolicy": "Never",
            "containers": [{"name": "app", "image": "work:v1", "command": ["exit", seconds, "0"]}],
        }})
    };
    let of = |version: &str, kind: &str, name: &str, spec: Value| {
        let metadata = json!({"name": name});
        json!({"apiVersion": version, "kind": kind, "metadata": metadata, "spec": spec})
    };
    let target = json!({"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"});
    let utilization = json!({"type": "Utilization", "averageUtilization": 50});
    let metric = json!({"type": "Resource", "resource": {"name": "cpu", "target": utilization}});
    vec![
        of("apps/v1", "Deployment", "web", json!({"selector": selector, "template": template})),
        of("v1", "Service", "web", json!({"selector": labels, "ports": [{"port": 80}]})),
        of(
            "autoscaling/v2",
            "HorizontalPodAutoscaler",
            "web",
            json!({
                "scaleTargetRef": target, "minReplicas": 1, "maxReplicas": 9, "metrics": [metric],
            }),
        ),
        of(
            "policy/v1",
            "PodDisruptionBudget",
            "web",
            json!({
                "minAvailable": 1, "selector": selector,
            }),
        ),
        of("v1", "ResourceQuota", "all", json!({"hard": {"pods": "50"}})),
        of(
            "batch/v1",
            "Job",
            "done",
            json!({
                "completions": 4, "parallelism": 2, "completionMode": "Indexed",
                "template": work("2"),
            }),
        ),
        of("batch/v1", "Job", "at-work", json!({"template": work("100000")})),
        of("batch/v1", "Job", "waiting", json!({"suspend": true, "template": work("1")})),
        of(
            "batch/v1",
            "CronJob",
            "yearly",
            json!({
                "schedule": "0 0 1 6 *", "jobTemplate": {"spec": {"template": work("1")}},
            }),
        ),
        of(
            "batch/v1",
            "CronJob",
            "often",
            json!({
                "schedule": "* * * * *", "jobTemplate": {"spec": {"template": work("1")}},
            }),
        ),
    ]
}

/// When everything is as asked for and every key is looked at again, nobody writes anything.
#[test]
fn settled_jobs_cron_jobs_autoscalers_and_budgets_plan_nothing() {
    let mut steps: Vec<Value> =
        settled_objects().into_iter().map(|object| json!({"apply": object})).collect();
    steps.push(json!({"wait": "130s"}));
    steps.push(CronDeed::Suspend(true).step_of("often"));
    steps.push(json!({"at": "20m", "wait": "0s"}));
    steps.push(json!({"inject": {"resync": {"component": "kube-controller-manager"}}}));
    let scenario = json!({
        "name": "settled", "steps": steps,
        "cluster": {"nodes": [{"name": "node", "count": 3, "cpu": "16"}]},
        "load": [{"service": "web", "cpu": "500m"}],
        "images": {"*": {"start": "200ms", "term": "500ms", "cpu": "1m"}},
        "until": {"after-last-step": "60s"},
    });
    let world = run("settled", &scenario, 5);
    let again = SimTime(20 * 60 * 1_000_000_000);
    let (mut before, mut after) = (BTreeSet::new(), Vec::new());
    for (time, write) in writes(&world) {
        let (user, object) = (&write.origin.user, &write.change.object);
        if user.starts_with("kubelet") || object.kind() == Kind::LEASE {
            continue;
        }
        if time < again {
            before.insert(user.to_string());
        } else {
            after.push(format!("{time} {user} {:?} {}", object.kind(), object.meta().name));
        }
    }
    let actors = [
        "job-controller",
        "cronjob-controller",
        "horizontal-pod-autoscaler",
        "disruption-controller",
        "resourcequota-controller",
    ];
    for actor in actors {
        assert!(before.contains(actor), "{actor} had something to do: {before:?}");
    }
    assert!(after.is_empty(), "{}", after.join("\n"));
}

proptest! {
    #![proptest_config(histories())]

    #[test]
    fn a_job_ends_as_its_spec_asks_and_counts_each_pod_once(
        history in job_history(),
        seed in 0..1000u64,
    ) {
        let world = history.world(seed);
        let mut wrong = job_on_the_way(&world, &history);
        wrong.extend(job_in_the_end(&world, &history));
        prop_assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }

    #[test]
    fn a_cron_job_starts_each_time_once_and_keeps_its_policy(
        policy in select(vec!["Allow", "Forbid", "Replace"]),
        work in (1..150u8, select(vec![0u8, 1])),
        limits in (0..3u8, 0..3u8),
        deeds in vec(cron_deed(), 1..8),
        crashes in crashes(),
        seed in 0..1000u64,
    ) {
        let world = cron_world(policy, work, limits, &deeds, &crashes, seed);
        let mut jobs: BTreeMap<Name, Arc<Job>> = BTreeMap::new();
        let mut names = BTreeSet::new();
        for (time, write) in writes(&world) {
            let object = &write.change.object;
            let Some(job) = job_of(object) else { continue };
            let name = job.meta.name.clone();
            if write.change.deleted {
                jobs.remove(&name);
                continue;
            }
            let is_new = write.change.old.is_none();
            if is_new && policy == "Forbid" {
                let open =
                    jobs.values().filter(|j| is_finished(j).is_none() && !j.meta.is_deleting());
                let open: Vec<_> = open.map(|j| j.meta.name.clone()).collect();
                prop_assert!(open.is_empty(), "{time}: {name} beside {open:?}");
            }
            if is_new {
                // A Job that a person deleted may be started again while its time is the last.
                let had = !names.insert(name.clone());
                let deletes = deeds.iter().any(|d| matches!(d, CronDeed::DeleteJob));
                prop_assert!(!had || deletes || policy == "Replace", "{time}: {name} again");
            }
            jobs.insert(name, job.clone());
        }
        let ended = |how: bool| jobs.values().filter(|j| is_finished(j) == Some(how)).count();
        prop_assert!(ended(true) <= usize::from(limits.0), "history of {}", ended(true));
        prop_assert!(ended(false) <= usize::from(limits.1), "failures of {}", ended(false));
        let store = world.cluster().store();
        let key = ObjectKey::new(Kind::CRON_JOB, "default", "tick");
        let cron = store.get(&key).expect("it is there").to_value();
        let active = cron["status"]["active"].as_array().map_or(0, Vec::len);
        let open = jobs.values().filter(|j| is_finished(j).is_none()).count();
        prop_assert_eq!(active, open, "{}", cron["status"]);
    }

    #[test]
    fn an_autoscaler_stays_within_its_bounds_and_comes_to_rest(
        load in 100..2500u16,
        bounds in (1..4u8, 4..12u8),
        edits in vec((1..4u8, 4..12u8, 0..12u8, 1..9u8), 0..5),
        misses in select(vec![0u8, 0, 20]),
        crashes in crashes(),
        seed in 0..1000u64,
    ) {
        let container = json!({
            "name": "app", "image": "web:v1", "resources": {"requests": {"cpu": "200m"}},
        });
        let labels = json!({"app": "web"});
        let web = json!({
            "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"},
            "spec": {"selector": {"matchLabels": labels}, "template": {
                "metadata": {"labels": labels}, "spec": {"containers": [container]}}},
        });
        let service = json!({
            "apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"},
            "spec": {"selector": labels, "ports": [{"port": 80}]},
        });
        let (least, most) = bounds;
        let hpa = format!("autoscale deployment web --min={least} --max={most} --cpu=50%");
        let mut steps = vec![json!({"apply": web}), json!({"apply": service}), kubectl(&hpa)];
        for (least, most, replicas, wait) in &edits {
            let patch = json!({"spec": {"minReplicas": least, "maxReplicas": most}});
            steps.push(json!({"wait": format!("{}s", u64::from(*wait) * 9)}));
            steps.push(kubectl(&format!("patch hpa web --type=merge -p '{patch}'")));
            steps.push(kubectl(&format!("scale deployment web --replicas={}", replicas.max(&1))));
        }
        let scenario = json!({
            "name": "hpa", "steps": steps,
            "faults": weather("horizontal-pod-autoscaler", &crashes),
            "cluster": {
                "nodes": [{"name": "node", "count": 3, "cpu": "16"}],
                "metrics-server": {"misses": misses},
            },
            "load": [{"service": "web", "cpu": format!("{load}m")}],
            "images": {"web:*": {"start": "200ms", "term": "500ms", "cpu": "1m"}},
            "until": {"after-last-step": "1500s"},
        });
        let world = run("hpa", &scenario, seed);
        let wrong = scaled_beyond(&world);
        prop_assert!(wrong.is_empty(), "{}", wrong.join("\n"));
        let (least, most) = edits.last().map_or(bounds, |(least, most, ..)| (*least, *most));
        let store = world.cluster().store();
        let key = ObjectKey::new(Kind::DEPLOYMENT, "default", "web");
        let value = store.get(&key).expect("it is there").to_value();
        let replicas = value["spec"]["replicas"].as_i64().unwrap_or(0);
        prop_assert!((i64::from(least)..=i64::from(most)).contains(&replicas), "{replicas}");
        prop_assert_eq!(value["status"]["readyReplicas"].as_i64(), Some(replicas));
        // So many carry the load at half of what they ask for, 100m each; it may be off by a tenth.
        let load = i64::from(load);
        let (least, most) = (i64::from(least), i64::from(most));
        let low = (load * 10 / 1_100).clamp(least, most);
        // Going down it stops when the tolerance is met from above, or by rounding up.
        let high = ((load * 10).div_euclid(900) + 2).clamp(least, most);
        if misses == 0 {
            prop_assert!((low..=high).contains(&replicas), "{replicas}, not {low} to {high}");
        }
    }
}
