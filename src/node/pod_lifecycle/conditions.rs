//! The conditions that the kubelet tells of a pod.

use std::fmt::Write as _;

use crate::api::Name;
use crate::api::condition::{self, Condition, Truth};
use crate::api::core::container::{Container, ContainerStatus};
use crate::api::core::pod::{Pod, PodPhase, PodSpec};
use crate::api::time::Time;
use crate::node::pod_lifecycle::restart::could_restart_all;

/// The conditions that belong to the kubelet; those of others are kept as they are.
///
/// Source: kubernetes v1.36 pkg/kubelet/types/pod_status.go, `PodConditionByKubelet`
const OWN: [&str; 6] = [
    "PodReadyToStartContainers",
    "Initialized",
    "Ready",
    "ContainersReady",
    "PodScheduled",
    RESTARTING,
];

/// Told only of pods with a rule that restarts all containers.
const RESTARTING: &str = "AllContainersRestarting";

/// What the conditions follow from.
#[derive(Clone, Copy)]
pub struct ConditionView<'a> {
    /// The pod, with the conditions that the apiserver has.
    pub pod: &'a Pod,
    /// The conditions that the kubelet told last.
    pub old: &'a [Condition],
    /// Whether there is a sandbox with a network.
    pub has_sandbox: bool,
    /// The statuses of the init containers.
    pub init: &'a [ContainerStatus],
    /// The statuses of the containers.
    pub containers: &'a [ContainerStatus],
    /// The pod's phase, terminal as soon as nothing will run again.
    pub phase: PodPhase,
    /// Whether all containers are being started again.
    pub restarts_all: bool,
    /// The kubelet's clock.
    pub now: Time,
}

/// A condition without times: status, reason, sentence.
type Said = (Truth, &'static str, Name);

/// All conditions of a pod: those of others first, then the kubelet's own.
///
/// Source: kubernetes v1.36 pkg/kubelet/kubelet_pods.go, `generateAPIPodStatus`
pub fn conditions(view: ConditionView<'_>) -> Vec<Condition> {
    let mut all = Vec::with_capacity(OWN.len() + 1);
    let others = view.pod.status.conditions.iter();
    all.extend(others.filter(|c| !OWN.contains(&c.kind.as_str())).cloned());
    let containers_ready = containers_ready(view);
    let plain = |holds: bool| (Truth::from(holds), "", Name::default());
    let said = [
        plain(view.has_sandbox),
        initialized(view),
        ready(view, &containers_ready, &all),
        containers_ready,
        plain(true),
    ];
    for (kind, said) in OWN.into_iter().zip(said) {
        all.push(dated(view, kind, said));
    }
    if could_restart_all(&view.pod.spec) {
        all.push(dated(view, RESTARTING, restarting(view)));
    }
    all
}

/// Keeps the time of the last transition while the status stays.
///
/// Source: kubernetes v1.36 pkg/kubelet/status/status_manager.go, `updateLastTransitionTime`
fn dated(
    view: ConditionView<'_>,
    kind: &'static str,
    (status, reason, message): Said,
) -> Condition {
    let old = condition::find(view.old, kind).filter(|c| c.status == status);
    let since = old.and_then(|c| c.last_transition_time);
    Condition {
        kind: Name::new_static(kind),
        status,
        observed_generation: (view.pod.meta.generation > 0).then_some(view.pod.meta.generation),
        last_transition_time: Some(since.unwrap_or(view.now.whole_seconds())),
        reason: Name::new_static(reason),
        message,
        ..Condition::default()
    }
}

/// Source: kubernetes v1.36 pkg/kubelet/status/generate.go, `GeneratePodInitializedCondition`
fn initialized(view: ConditionView<'_>) -> Said {
    let inits = &view.pod.spec.init_containers;
    if view.phase == PodPhase::Succeeded {
        return (Truth::True, "PodCompleted", Name::default());
    }
    if inits.is_empty() || view.containers.iter().any(has_started) {
        return (Truth::True, "", Name::default());
    }
    let done = |c: &Container, s: &ContainerStatus| {
        if c.is_sidecar() { s.started == Some(true) } else { s.ready }
    };
    let pairs = inits.iter().map(|c| (c, view.init.iter().find(|s| s.name == c.name)));
    let open = pairs.filter(|(c, s)| s.is_none_or(|s| !done(c, s))).map(|(c, _)| &c.name);
    match listed("containers with incomplete status: ", open) {
        None => (Truth::True, "", Name::default()),
        Some(text) => (Truth::False, "ContainersNotInitialized", text),
    }
}

/// Source: kubernetes v1.36 pkg/kubelet/status/generate.go,
/// `GenerateAllContainersRestartingCondition`
fn restarting(view: ConditionView<'_>) -> Said {
    match view.phase {
        PodPhase::Succeeded => (Truth::False, "PodCompleted", Name::default()),
        PodPhase::Failed => (Truth::False, "PodFailed", Name::default()),
        PodPhase::Pending | PodPhase::Running | PodPhase::Unknown if view.restarts_all => {
            (Truth::True, "RestartAllContainersStarted", Name::default())
        }
        PodPhase::Pending | PodPhase::Running | PodPhase::Unknown => {
            (Truth::False, "", Name::default())
        }
    }
}

/// Source: kubernetes v1.36 pkg/kubelet/container/helpers.go, `HasAnyRegularContainerStarted`
fn has_started(status: &ContainerStatus) -> bool {
    let state = &status.state;
    state.running.is_some() || state.terminated.is_some() || status.last_state.terminated.is_some()
}

/// Source: kubernetes v1.36 pkg/kubelet/status/generate.go, `GenerateContainersReadyCondition`
fn containers_ready(view: ConditionView<'_>) -> Said {
    match view.phase {
        PodPhase::Succeeded => return (Truth::False, "PodCompleted", Name::default()),
        PodPhase::Failed => return (Truth::False, "PodFailed", Name::default()),
        PodPhase::Pending | PodPhase::Running | PodPhase::Unknown => {}
    }
    match listed("containers with unready status: ", unready(view)) {
        None => (Truth::True, "", Name::default()),
        Some(text) => (Truth::False, "ContainersNotReady", text),
    }
}

fn unready<'a>(view: ConditionView<'a>) -> impl Iterator<Item = &'a Name> {
    let spec: &'a PodSpec = &view.pod.spec;
    let sidecars = spec.init_containers.iter().filter(|c| c.is_sidecar());
    let is_ready = |list: &'a [ContainerStatus], c: &Container| {
        list.iter().any(|s| s.name == c.name && s.ready)
    };
    let sidecars = sidecars.filter(move |c| !is_ready(view.init, c));
    let others = spec.containers.iter().filter(move |c| !is_ready(view.containers, c));
    sidecars.chain(others).map(|c| &c.name)
}

/// Source: kubernetes v1.36 pkg/kubelet/status/generate.go, `GeneratePodReadyCondition`
fn ready(view: ConditionView<'_>, containers_ready: &Said, others: &[Condition]) -> Said {
    let gates = &view.pod.spec.readiness_gates;
    if containers_ready.0 != Truth::True || gates.is_empty() {
        return containers_ready.clone();
    }
    let mut text = String::new();
    for gate in gates {
        let kind = &gate.condition_type;
        let sep = if text.is_empty() { "" } else { ", " };
        let _ = match condition::find(others, kind) {
            None => write!(
                text,
                "{sep}corresponding condition of pod readiness gate \"{kind}\" does not exist."
            ),
            Some(c) if !c.is_true() => write!(
                text,
                "{sep}the status of pod readiness gate \"{kind}\" is not \"True\", but {}",
                c.status.as_str()
            ),
            Some(_) => Ok(()),
        };
    }
    if text.is_empty() {
        return containers_ready.clone();
    }
    (Truth::False, "ReadinessGatesNotReady", text.into())
}

/// `intro[a b]`; none when there are no names.
fn listed<'a>(intro: &str, names: impl Iterator<Item = &'a Name>) -> Option<Name> {
    let mut text = smol_str::SmolStrBuilder::new();
    for (i, name) in names.enumerate() {
        text.push_str(if i == 0 { intro } else { " " });
        text.push_str(if i == 0 { "[" } else { "" });
        text.push_str(name);
    }
    text.push(']');
    let text = text.finish();
    (text.len() > 1).then_some(text)
}
