//! Whole histories of a Job, second by second.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value, json};
use wavetank::api::Name;
use wavetank::api::batch::job::{COMPLETION_INDEX, JobStatus, TRACKING_FINALIZER};
use wavetank::api::condition::{Condition, Truth};
use wavetank::api::core::container::{ContainerState, ContainerStatus, Terminated};
use wavetank::api::core::pod::{Pod, PodPhase};
use wavetank::controllers::job::pods::Features;
use wavetank::sim::time::SimDuration;

use super::super::replicaset::{NOW, int, small, text};
use super::super::{Case, same};
use super::host::Host;
use super::plain_job;

/// How often a second syncs at most.
const SYNCS: usize = 6;

/// Holds a whole history.
pub(super) fn trace(case: &Case<'_>) -> Result<(), String> {
    let mut story = Story::new(case.input)?;
    for second in 0..=int(&case.input["runSeconds"])? {
        story.second(case.input, second)?;
    }
    let got = json!({ "changes": story.changes, "finishedAtSecond": story.finished });
    let want = case.want;
    if got == *want {
        return Ok(());
    }
    let (a, b) = (&got["changes"], &want["changes"]);
    let rows = (a.as_array().map_or(0, Vec::len), b.as_array().map_or(0, Vec::len));
    for n in 0..rows.0.max(rows.1) {
        same(&a[n], &b[n]).map_err(|e| format!("row {n}: {e}"))?;
    }
    same(&got["finishedAtSecond"], &want["finishedAtSecond"])
}

struct Story {
    host: Host,
    /// What becomes of a pod, and when; by name.
    fates: BTreeMap<Name, (i64, String)>,
    /// When a deleted pod ends; by name.
    ends: BTreeMap<Name, i64>,
    seen: (usize, usize, usize),
    changes: Vec<Value>,
    finished: Value,
}

impl Story {
    fn new(input: &Value) -> Result<Story, String> {
        let mut job = plain_job(input)?;
        job.meta.creation = Some(NOW);
        let host = Host::new(job, Features::default());
        Ok(Story {
            host,
            fates: BTreeMap::new(),
            ends: BTreeMap::new(),
            seen: (0, 0, 0),
            changes: Vec::new(),
            finished: Value::Null,
        })
    }

    fn second(&mut self, input: &Value, second: i64) -> Result<(), String> {
        let offset = u64::try_from(second).map_err(|e| e.to_string())?;
        self.host.now = NOW.plus(SimDuration::secs(offset));
        let action = &input["actionsAtSecond"][second.to_string()];
        if let Some(action) = action.as_str() {
            self.act(action)?;
        }
        self.outcomes(second);
        for _ in 0..SYNCS {
            let before = self.host.status_writes;
            self.host.sync(true);
            let is_new = self.note(input, second)?;
            if !is_new && self.host.status_writes == before {
                break;
            }
            self.begin();
            self.outcomes_of_deleted(second);
        }
        Ok(())
    }

    fn act(&mut self, action: &str) -> Result<(), String> {
        let mut job = self.host.job();
        let spec = Arc::make_mut(&mut job.spec);
        match action.split_once(':') {
            None if action == "suspend" => spec.suspend = Some(true),
            None if action == "resume" => spec.suspend = Some(false),
            Some(("parallelism", n)) => spec.parallelism = n.parse().ok(),
            Some(("deletePod" | "delete", name)) => {
                let pods = self.host.pods();
                let pod = pods.iter().find(|p| p.meta.name == name).ok_or("no such pod")?;
                let mut pod = Pod::clone(pod);
                pod.meta.deletion = Some(self.host.now);
                self.host.put(pod.into());
                return Ok(());
            }
            _ => return Err(format!("unknown action `{action}`")),
        }
        job.meta.generation += 1;
        self.host.put(job.into());
        Ok(())
    }

    /// Writes down what a sync changed; whether it changed anything.
    fn note(&mut self, input: &Value, second: i64) -> Result<bool, String> {
        let host = &self.host;
        let (created, deleted, let_go) = self.seen;
        let created: Vec<Name> =
            host.created[created..].iter().map(|p| p.meta.name.clone()).collect();
        let deleted = host.deleted[deleted..].to_vec();
        let let_go = host.let_go[let_go..].to_vec();
        self.seen = (host.created.len(), host.deleted.len(), host.let_go.len());
        let job = host.job();
        let last = self.changes.last().map(|c: &Value| c["status"].clone());
        let status = shown(&job.status);
        let nothing = created.is_empty() && deleted.is_empty() && let_go.is_empty();
        if nothing && last.as_ref() == Some(&status) {
            return Ok(false);
        }
        for (place, name) in created.iter().enumerate() {
            let place = self.seen.0 - created.len() + place;
            self.fates.insert(name.clone(), fate(input, &self.host.created[place], place, second)?);
        }
        for name in &deleted {
            let after = input["terminationSeconds"].as_i64().unwrap_or(0);
            self.ends.insert(name.clone(), second + after);
        }
        let list = |mut names: Vec<Name>| {
            names.sort();
            let texts: Vec<&str> = names.iter().map(Name::as_str).collect();
            if texts.is_empty() { Value::Null } else { json!(texts) }
        };
        self.changes.push(json!({
            "created": list(created), "deleted": list(deleted), "finalizerRemoved": list(let_go),
            "status": status, "t": second,
        }));
        if job.is_finished() && self.finished.is_null() {
            self.finished = json!(second);
        }
        Ok(true)
    }

    /// New pods are running and ready.
    fn begin(&mut self) {
        for pod in self.host.pods() {
            if pod.status.phase == PodPhase::Pending {
                let mut pod = Pod::clone(&pod);
                let status = Arc::make_mut(&mut pod.status);
                status.phase = PodPhase::Running;
                status.conditions = vec![Condition::new("Ready", Truth::True, "")];
                self.host.put(pod.into());
            }
        }
    }

    fn outcomes(&mut self, second: i64) {
        for pod in self.host.pods() {
            let Some((at, outcome)) = self.fates.get(&pod.meta.name).cloned() else { continue };
            if at == second && !pod.is_terminal() && !pod.meta.is_deleting() {
                let code = match outcome.split_once(':') {
                    Some(("fail", code)) => code.parse().unwrap_or(1),
                    _ if outcome == "disrupt" => 137,
                    _ => 0,
                };
                self.end(&pod, code, outcome == "disrupt");
            }
        }
        self.outcomes_of_deleted(second);
    }

    /// Deleted pods end, and are gone once nobody holds them.
    fn outcomes_of_deleted(&mut self, second: i64) {
        for pod in self.host.pods() {
            if !pod.meta.is_deleting() {
                continue;
            }
            let end = *self.ends.entry(pod.meta.name.clone()).or_insert(second);
            if end > second {
                continue;
            }
            if !pod.is_terminal() {
                self.end(&pod, 143, false);
            }
            if !pod.meta.has_finalizer(TRACKING_FINALIZER) {
                self.host.remove(&pod);
            }
        }
    }

    fn end(&mut self, pod: &Pod, code: i32, disrupted: bool) {
        let mut pod = pod.clone();
        let status = Arc::make_mut(&mut pod.status);
        status.phase = if code == 0 { PodPhase::Succeeded } else { PodPhase::Failed };
        status.conditions = vec![Condition::new("Ready", Truth::False, "")];
        if disrupted {
            status.conditions.push(Condition::new("DisruptionTarget", Truth::True, ""));
        }
        let finished_at = Some(self.host.now);
        let terminated =
            Some(Box::new(Terminated { exit_code: code, finished_at, ..Terminated::default() }));
        status.container_statuses = vec![ContainerStatus {
            name: "c".into(),
            state: ContainerState { terminated, ..ContainerState::default() },
            ..ContainerStatus::default()
        }];
        self.host.put(pod.into());
    }
}

/// What becomes of a pod, and in which second.
fn fate(input: &Value, pod: &Pod, place: usize, second: i64) -> Result<(i64, String), String> {
    let row = match pod.meta.annotations.get(COMPLETION_INDEX) {
        Some(index) => {
            let list = &input["podFatesByIndex"][index.as_str()];
            let number = pod.meta.name.rsplit('-').next().and_then(|n| n.parse::<usize>().ok());
            list[number.unwrap_or(1) - 1].clone()
        }
        None => input["podFatesInCreationOrder"][place].clone(),
    };
    if row.is_null() || row["outcome"] == "never" {
        return Ok((i64::MAX, "never".to_owned()));
    }
    Ok((second + i64::from(small(&row["afterSeconds"])?), text(&row["outcome"])?.to_owned()))
}

fn shown(status: &JobStatus) -> Value {
    let conditions: Vec<String> = status
        .conditions
        .iter()
        .map(|c| format!("{}={}/{}", c.kind, c.status.as_str(), c.reason))
        .collect();
    let held_back = status.uncounted_terminated_pods.clone().unwrap_or_default();
    json!({
        "active": status.active,
        "completedIndexes": status.completed_indexes.as_str(),
        "conditions": conditions,
        "failed": status.failed,
        "failedIndexes": status.failed_indexes.as_ref().map(Name::as_str),
        "hasCompletionTime": status.completion_time.is_some(),
        "hasStartTime": status.start_time.is_some(),
        "ready": status.ready.unwrap_or(0),
        "succeeded": status.succeeded,
        "terminating": status.terminating.unwrap_or(0),
        "uncountedFailed": held_back.failed.len(),
        "uncountedSucceeded": held_back.succeeded.len(),
    })
}
