//! Conformance units: kubelet.

mod eviction;

use serde_json::{Map, Value, json};
use wavetank::api::core::container::{Container, ContainerStatus, Probe};
use wavetank::api::core::pod::{Pod, PodPhase, PodSpec, PodStatus, RestartPolicy};
use wavetank::api::object::Object;
use wavetank::api::time::{EPOCH, Time};
use wavetank::node::backoff::{Backoff, BackoffRule, CRASH_LOOP, IMAGE_PULL};
use wavetank::node::pod_lifecycle::phase::{PodView, phase};
use wavetank::node::pod_lifecycle::probe::{
    Outcome, ProbeKind, ProbeResult, ProbeView, ProbeWorker,
};
use wavetank::node::pod_lifecycle::restart::should_restart;
use wavetank::sim::time::{SimDuration, SimTime};

use super::{Case, Differs, Unit, same};

/// The units of this area, and the function that runs a case of each.
pub(crate) const UNITS: &[Unit] = &[
    ("kubelet.container-restart-rules", restart_rules),
    ("kubelet.crash-loop-backoff", crash_loop),
    ("kubelet.eviction-config", eviction::config),
    ("kubelet.eviction-node-conditions", eviction::node_conditions),
    ("kubelet.eviction-thresholds-met", eviction::thresholds_met),
    ("kubelet.image-pull-backoff", image_pull),
    ("kubelet.node-pressure-eviction-order", eviction::order_of_pods),
    ("kubelet.pod-phase-container-rules", phase_of_statuses),
    ("kubelet.pod-phase-restart-all", phase_while_restarting_all),
    ("kubelet.pod-phase-upstream", phase_of_pod),
    ("kubelet.pod-phase", phase_of_words),
    ("kubelet.probe-one-step", probe_one_step),
    ("kubelet.probe-sequence", probe_sequence),
];

/// Cases that are known to differ, with the reason.
pub(crate) const DIFFERS: &[Differs] = &[];

fn read<T: serde::de::DeserializeOwned>(value: &Value) -> Result<T, String> {
    serde_json::from_value(value.clone()).map_err(|e| e.to_string())
}

fn flag(input: &Value, name: &str) -> Result<bool, String> {
    match &input[name] {
        Value::Null => Ok(false),
        Value::Bool(b) => Ok(*b),
        other => Err(format!("`{name}` is {other}")),
    }
}

fn number(input: &Value, name: &str) -> Result<u64, String> {
    input[name].as_u64().ok_or_else(|| format!("no number `{name}`"))
}

fn rule(rule: BackoffRule, input: &Value) -> Result<BackoffRule, String> {
    let first = SimDuration::secs(number(input, "baseSeconds")?);
    let longest = SimDuration::secs(number(input, "maxSeconds")?);
    Ok(BackoffRule { first, longest, ..rule })
}

fn restart_rules(case: &Case<'_>) -> Result<(), String> {
    let container: Container = read(&case.input["container"])?;
    let policy = match &case.input["podSpec"]["restartPolicy"] {
        Value::Null => RestartPolicy::default(),
        other => read(other)?,
    };
    let code = case.input["exitCode"].as_i64().and_then(|c| i32::try_from(c).ok());
    let code = code.ok_or("no exit code")?;
    same(&json!({"restart": should_restart(&container, policy, code)}), case.want)
}

fn crash_loop(case: &Case<'_>) -> Result<(), String> {
    let rule = rule(CRASH_LOOP, case.input)?;
    let runs: Vec<u64> = read(&case.input["containerRunsForSeconds"])?;
    let mut backoff = Backoff::default();
    let (mut starts, mut waits) = (Vec::new(), Vec::new());
    let mut now = SimTime::ZERO;
    for run in runs {
        starts.push(now.0 / 1_000_000_000);
        let ended = now + SimDuration::secs(run);
        now = ended;
        while backoff.ends(rule, ended, now).is_some() {
            now += SimDuration::secs(1);
        }
        backoff.count(rule, ended, now);
        waits.push(now.since(ended).as_secs());
    }
    same(&json!({"startedAtSecond": starts, "waitBeforeRestartSeconds": waits}), case.want)
}

fn image_pull(case: &Case<'_>) -> Result<(), String> {
    let rule = rule(IMAGE_PULL, case.input)?;
    let mut backoff = Backoff::default();
    let mut attempts = Vec::new();
    for second in 0..number(case.input, "watchSeconds")? {
        let now = SimTime::ZERO + SimDuration::secs(second);
        if backoff.ends_since_count(rule, now).is_none() {
            backoff.count(rule, now, now);
            attempts.push(second);
        }
    }
    same(&json!({"pullAttemptsAtSecond": attempts}), case.want)
}

fn spec(value: &Value) -> Result<std::sync::Arc<PodSpec>, String> {
    let raw = value.as_object().cloned().unwrap_or_default();
    PodSpec::parse(raw).map_err(|e| e.to_string())
}

fn check_phase(case: &Case<'_>, view: PodView<'_>) -> Result<(), String> {
    let view = PodView {
        is_terminal: flag(case.input, "podIsTerminal")?,
        has_initialized: flag(case.input, "podHasInitialized")?,
        ..view
    };
    same(&json!({"phase": phase(view).as_str()}), case.want)
}

fn view<'a>(
    spec: &'a PodSpec,
    init: &'a [ContainerStatus],
    containers: &'a [ContainerStatus],
) -> PodView<'a> {
    PodView { spec, init, containers, is_terminal: false, has_initialized: false }
}

fn phase_of_statuses(case: &Case<'_>) -> Result<(), String> {
    let spec = spec(&case.input["spec"])?;
    let statuses: Vec<ContainerStatus> = read(&case.input["statuses"])?;
    check_phase(case, view(&spec, &[], &statuses))
}

/// As `phase_of_statuses`; the upstream test's pods have been initialized unless a row says no.
fn phase_while_restarting_all(case: &Case<'_>) -> Result<(), String> {
    let mut input = case.input.clone();
    let fields = input.as_object_mut().ok_or("no input")?;
    fields.entry("podHasInitialized").or_insert(Value::Bool(true));
    phase_of_statuses(&Case { input: &input, ..*case })
}

fn phase_of_pod(case: &Case<'_>) -> Result<(), String> {
    let pod = Object::from_value(wavetank::api::object::Kind::POD, case.input["pod"].clone());
    let pod = pod.map_err(|e| e.to_string())?;
    let pod = pod.as_a::<Pod>().ok_or("no pod")?;
    let status = &pod.status;
    check_phase(case, view(&pod.spec, &status.init_container_statuses, &status.container_statuses))
}

/// One of the words in which the cases tell a container's state.
fn status_of(name: &str, word: &str) -> Result<Option<ContainerStatus>, String> {
    let (state, last, started) = match word {
        "missing" => return Ok(None),
        "waiting" => (json!({"waiting": {}}), json!({}), false),
        "running" | "running not started" => (json!({"running": {}}), json!({}), false),
        "running started" => (json!({"running": {}}), json!({}), true),
        _ => {
            let exit = |text: &str| -> Result<Value, String> {
                let code: i32 = text.parse().map_err(|_| format!("unknown state `{word}`"))?;
                Ok(json!({"terminated": {"exitCode": code}}))
            };
            if let Some(code) = word.strip_prefix("waiting after exit ") {
                (json!({"waiting": {}}), exit(code)?, false)
            } else if let Some(code) = word.strip_prefix("exited ") {
                (exit(code)?, json!({}), false)
            } else {
                return Err(format!("unknown state `{word}`"));
            }
        }
    };
    read(&json!({"name": name, "state": state, "lastState": last, "started": started})).map(Some)
}

fn phase_of_words(case: &Case<'_>) -> Result<(), String> {
    let input = case.input;
    let (mut containers, mut inits) = (Vec::new(), Vec::new());
    let (mut statuses, mut init_statuses) = (Vec::new(), Vec::new());
    let mut add = |row: &Value, policy: Option<&str>, init: bool| -> Result<(), String> {
        let (Some(name), Some(word)) = (row["name"].as_str(), row["state"].as_str()) else {
            return Err(format!("a container is {row}"));
        };
        let mut container = Map::from_iter([("name".to_owned(), name.into())]);
        container.extend(policy.map(|p| ("restartPolicy".to_owned(), p.into())));
        let status = status_of(name, word)?;
        if init {
            inits.push(Value::Object(container));
            init_statuses.extend(status);
        } else {
            containers.push(Value::Object(container));
            statuses.extend(status);
        }
        Ok(())
    };
    for row in input["containers"].as_array().ok_or("no containers")? {
        add(row, None, false)?;
    }
    if !input["initContainer"].is_null() {
        add(&input["initContainer"], None, true)?;
    }
    if !input["sidecar"].is_null() {
        add(&input["sidecar"], Some("Always"), true)?;
    }
    let spec = spec(&json!({
        "initContainers": inits, "containers": containers, "restartPolicy": input["restartPolicy"],
    }))?;
    check_phase(case, view(&spec, &init_statuses, &statuses))
}

fn kind(text: &Value) -> Result<ProbeKind, String> {
    match text.as_str() {
        Some("liveness") => Ok(ProbeKind::Liveness),
        Some("readiness") => Ok(ProbeKind::Readiness),
        Some("startup") => Ok(ProbeKind::Startup),
        _ => Err(format!("unknown probe {text}")),
    }
}

fn result_text(result: ProbeResult) -> &'static str {
    match result {
        ProbeResult::Success => "Success",
        ProbeResult::Failure => "Failure",
        ProbeResult::Unknown => "UNKNOWN",
    }
}

/// Replaces `now-1s` and the like by instants.
fn absolute(value: &mut Value, now: Time) -> Result<(), String> {
    match value {
        Value::String(text) => {
            if let Some(rest) = text.strip_prefix("now") {
                let span = rest.trim_start_matches('-').trim_end_matches('s');
                let span: u64 = if span.is_empty() { 0 } else { span.parse().map_err(|_| rest)? };
                *text = now.minus(SimDuration::secs(span)).to_string();
            }
            Ok(())
        }
        Value::Array(items) => items.iter_mut().try_for_each(|v| absolute(v, now)),
        Value::Object(map) => map.values_mut().try_for_each(|v| absolute(v, now)),
        Value::Null | Value::Bool(_) | Value::Number(_) => Ok(()),
    }
}

fn probe_one_step(case: &Case<'_>) -> Result<(), String> {
    let now = EPOCH.plus(SimDuration::secs(1000));
    let mut status = case.input["podStatus"].clone();
    absolute(&mut status, now)?;
    let mut status: Option<PodStatus> = read(&status)?;
    let kind = kind(&case.input["probeType"])?;
    // The upstream test tells containers as started for all probes but the startup probe; some
    // rows pair a kind of probe with the status of another.
    // Source: kubernetes v1.36 pkg/kubelet/prober/worker_test.go, `TestDoProbe`
    for container in status.iter_mut().flat_map(|s| &mut s.container_statuses) {
        container.started = Some(kind != ProbeKind::Startup);
    }
    let probe: Probe = read(&case.input["probe"])?;
    // The upstream test leaves the thresholds out, which the worker reads as they are.
    let probe = Probe { success_threshold: 1, failure_threshold: 1, ..probe };
    let container = Container { name: "cOnTaInEr_NaMe".into(), ..Container::default() };
    let found = status
        .as_ref()
        .and_then(|s| s.container_statuses.iter().find(|c| c.name == container.name));
    let mut worker = ProbeWorker::new(kind);
    let view = ProbeView {
        phase: status.as_ref().map(|s| s.phase),
        status: found,
        container: &container,
        probe: &probe,
        // The pods of the upstream test are never started again.
        policy: RestartPolicy::Never,
        is_deleting: flag(case.input, "podDeleting")?,
        now,
    };
    let step = worker.step(view, || Outcome::Success);
    let got = json!({
        "keepGoing": step.keep_going,
        "resultSet": worker.result.is_some(),
        "result": worker.result.map(result_text),
    });
    same(&got, case.want)
}

fn probe_sequence(case: &Case<'_>) -> Result<(), String> {
    let input = case.input;
    let threshold = |name| -> Result<i32, String> {
        i32::try_from(number(input, name)?).map_err(|e| e.to_string())
    };
    let probe = Probe {
        success_threshold: threshold("successThreshold")?,
        failure_threshold: threshold("failureThreshold")?,
        ..Probe::default()
    };
    let container = Container { name: "c".into(), ..Container::default() };
    let mut worker = ProbeWorker::new(kind(&input["probe"])?);
    let started = input["containerStarted"].as_bool().ok_or("no containerStarted")?;
    let mut number = 1;
    let mut got = Vec::new();
    for word in input["outcomes"].as_array().ok_or("no outcomes")? {
        let outcome = match word.as_str().unwrap_or_default() {
            "success" => Outcome::Success,
            "failure" => Outcome::Failure,
            "unknown" => Outcome::Unknown,
            "warning" => Outcome::Warning,
            "prober error" => Outcome::Error,
            "container restarted, then success" => {
                number += 1;
                Outcome::Success
            }
            other => return Err(format!("unknown outcome `{other}`")),
        };
        let status: ContainerStatus = read(&json!({
            "name": "c", "containerID": format!("test://{number}"), "started": started,
            "state": {"running": {"startedAt": EPOCH.to_string()}},
        }))?;
        let view = ProbeView {
            phase: Some(PodPhase::Running),
            status: Some(&status),
            container: &container,
            probe: &probe,
            policy: RestartPolicy::Never,
            is_deleting: false,
            now: EPOCH.plus(SimDuration::secs(1000)),
        };
        let step = worker.step(view, || outcome);
        got.push(json!({
            "keepGoing": step.keep_going,
            "onHold": worker.on_hold,
            "probed": step.probed.is_some(),
            "result": worker.result.map(result_text),
        }));
    }
    same(&json!({"afterEachPeriod": got}), case.want)
}
