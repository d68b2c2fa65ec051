//! Pods in a table: how many containers are ready, one word of status, the restarts.

use serde_json::Value;

use super::{Column, Sight, col, name, wide};
use crate::api::time::Time;
use crate::scenario::print::look::{age, condition, int, list, since, text, text_or, time, truth};

pub(super) const COLUMNS: &[Column] = &[
    col("Name"),
    col("Ready"),
    col("Status"),
    col("Restarts"),
    col("Age"),
    wide("IP"),
    wide("Node"),
    wide("Nominated Node"),
    wide("Readiness Gates"),
];

const NONE: &str = "<none>";

/// The cells of a pod.
///
/// Source: kubernetes v1.36 pkg/printers/internalversion/printers.go, `printPod`
pub(super) fn cells(pod: &Value, sight: Sight) -> Vec<String> {
    let summary = PodSummary::of(pod, sight.now);
    let ip = list(pod, "status.podIPs").first().map_or("", |ip| text(ip, "ip"));
    let ip = if ip.is_empty() { text_or(pod, "status.podIP", NONE) } else { ip.to_owned() };
    vec![
        name(pod),
        summary.ready,
        summary.status,
        summary.restarts,
        age(pod, sight.now),
        ip,
        text_or(pod, "spec.nodeName", NONE),
        text_or(pod, "status.nominatedNodeName", NONE),
        readiness_gates(pod),
    ]
}

fn readiness_gates(pod: &Value) -> String {
    let gates = list(pod, "spec.readinessGates");
    if gates.is_empty() {
        return NONE.to_owned();
    }
    let holds = |gate: &&Value| condition(pod, text(gate, "conditionType")) == Some("True");
    format!("{}/{}", gates.iter().filter(holds).count(), gates.len())
}

/// What the columns READY, STATUS and RESTARTS say of a pod.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PodSummary {
    /// `1/2`: containers that are ready, and all.
    pub ready: String,
    /// `Running`, `Init:0/1`, `CrashLoopBackOff`, …
    pub status: String,
    /// `3 (10s ago)`.
    pub restarts: String,
}

/// Restarts, and when the last run before the present one ended.
#[derive(Clone, Copy, Default)]
struct Restarts {
    count: i64,
    last: Option<Time>,
}

impl Restarts {
    fn add(&mut self, status: &Value) {
        self.count += int(status, "restartCount");
        self.last = self.last.max(time(status, "lastState.terminated.finishedAt"));
    }

    fn text(self, now: Time) -> String {
        match self.last {
            Some(_) if self.count != 0 => format!("{} ({} ago)", self.count, since(self.last, now)),
            Some(_) | None => self.count.to_string(),
        }
    }
}

/// What the init containers say.
#[derive(Default)]
struct Init {
    restarts: Restarts,
    sidecar_restarts: Restarts,
    ready: usize,
    /// The status while one of them is not done.
    unfinished: Option<String>,
}

impl PodSummary {
    /// Sums a pod up.
    ///
    /// Source: kubernetes v1.36 pkg/printers/internalversion/printers.go, `printPod`
    pub fn of(pod: &Value, now: Time) -> PodSummary {
        let specs = list(pod, "spec.initContainers");
        let sidecars = specs.iter().filter(|c| is_sidecar(c)).count();
        let total = list(pod, "spec.containers").len() + sidecars;
        let init = init(pod);
        let (mut restarts, mut ready) = (init.restarts, init.ready);
        let mut status = init.unfinished.clone().unwrap_or_else(|| phase(pod));
        if init.unfinished.is_none() || condition(pod, "Initialized") == Some("True") {
            restarts = init.sidecar_restarts;
            let running = main_containers(pod, &mut restarts, &mut status);
            ready += running;
            if status == "Completed" && running > 0 {
                let is_ready = condition(pod, "Ready") == Some("True");
                (if is_ready { "Running" } else { "NotReady" }).clone_into(&mut status);
            }
        }
        if let Some(word) = deleting(pod) {
            word.clone_into(&mut status);
        }
        PodSummary { ready: format!("{ready}/{total}"), status, restarts: restarts.text(now) }
    }
}

/// The phase, or what the pod as a whole gives as a reason.
fn phase(pod: &Value) -> String {
    let gated =
        |c: &Value| text(c, "type") == "PodScheduled" && text(c, "reason") == "SchedulingGated";
    if list(pod, "status.conditions").iter().any(gated) {
        return "SchedulingGated".to_owned();
    }
    text_or(pod, "status.reason", text(pod, "status.phase"))
}

/// Looks at the init containers up to the first that is not done.
fn init(pod: &Value) -> Init {
    let specs = list(pod, "spec.initContainers");
    let mut init = Init::default();
    for (at, status) in list(pod, "status.initContainerStatuses").iter().enumerate() {
        let spec = specs.iter().rev().find(|c| text(c, "name") == text(status, "name"));
        let sidecar = spec.is_some_and(is_sidecar);
        init.restarts.add(status);
        if sidecar {
            init.sidecar_restarts.add(status);
        }
        let ended = &status["state"]["terminated"];
        let waits = text(status, "state.waiting.reason");
        if ended.is_object() && int(ended, "exitCode") == 0 {
            continue;
        }
        if sidecar && truth(status, "started") {
            init.ready += usize::from(truth(status, "ready"));
            continue;
        }
        init.unfinished = Some(if ended.is_object() {
            format!("Init:{}", end(ended))
        } else if !waits.is_empty() && waits != "PodInitializing" {
            format!("Init:{waits}")
        } else {
            format!("Init:{at}/{}", specs.len())
        });
        break;
    }
    init
}

/// Looks at the main containers, the last first; how many run and are ready.
fn main_containers(pod: &Value, restarts: &mut Restarts, word: &mut String) -> usize {
    let mut running = 0;
    for status in list(pod, "status.containerStatuses").iter().rev() {
        restarts.add(status);
        let state = &status["state"];
        let waits = text(state, "waiting.reason");
        if !waits.is_empty() {
            waits.clone_into(word);
        } else if state["terminated"].is_object() {
            *word = end(&state["terminated"]);
        } else if truth(status, "ready") && state["running"].is_object() {
            running += 1;
        }
    }
    running
}

/// How a container ended: its reason, or else its signal or exit code.
fn end(ended: &Value) -> String {
    let (reason, signal) = (text(ended, "reason"), int(ended, "signal"));
    if !reason.is_empty() {
        reason.to_owned()
    } else if signal != 0 {
        format!("Signal:{signal}")
    } else {
        format!("ExitCode:{}", int(ended, "exitCode"))
    }
}

/// The status of a pod that is being deleted.
fn deleting(pod: &Value) -> Option<&'static str> {
    if text(pod, "metadata.deletionTimestamp").is_empty() {
        return None;
    }
    if text(pod, "status.reason") == "NodeLost" {
        return Some("Unknown");
    }
    let ended = matches!(text(pod, "status.phase"), "Succeeded" | "Failed");
    (!ended).then_some("Terminating")
}

fn is_sidecar(container: &Value) -> bool {
    text(container, "restartPolicy") == "Always"
}
