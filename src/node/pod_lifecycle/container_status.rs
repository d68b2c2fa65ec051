//! What the kubelet tells of each container, from what the runtime knows and what it told before.

use crate::api::Name;
use crate::api::core::container::{
    Container, ContainerState, ContainerStatus, Running, Terminated, Waiting,
};
use crate::api::core::pod::{Pod, PodPhase, PodStatus};
use crate::api::time::Time;
use crate::node::pod_lifecycle::restart::{RESTARTING_ALL, should_restart};
use crate::node::runtime::{Run, Sandbox};
use crate::sim::time::SimTime;

/// What the statuses follow from.
#[derive(Clone, Copy)]
pub struct StatusView<'a> {
    /// The pod.
    pub pod: &'a Pod,
    /// Its sandbox, if the runtime has one.
    pub sandbox: Option<&'a Sandbox>,
    /// What was told before.
    pub old: &'a PodStatus,
    /// Why containers could not be started, by their place.
    pub waiting: &'a [(usize, Waiting)],
    /// Whether a container that runs has passed its startup probe and its readiness probe.
    pub probes: &'a dyn Fn(usize, &Run) -> (bool, bool),
    /// Whether containers that are gone were removed so that all are started again.
    pub restarts_all: bool,
    /// The instant.
    pub now: SimTime,
    /// The kubelet's clock at an instant.
    pub clock: &'a dyn Fn(SimTime) -> Time,
}

/// The statuses of the init containers.
pub fn init_statuses(view: StatusView<'_>) -> Vec<ContainerStatus> {
    let containers = view.pod.spec.init_containers.iter().enumerate();
    containers.map(|(i, c)| one(view, c, i, view.old.init_container_statuses.get(i))).collect()
}

/// The statuses of the containers.
pub fn statuses(view: StatusView<'_>) -> Vec<ContainerStatus> {
    let first = view.pod.spec.init_containers.len();
    let containers = view.pod.spec.containers.iter().enumerate();
    containers.map(|(i, c)| one(view, c, first + i, view.old.container_statuses.get(i))).collect()
}

/// Source: kubernetes v1.36 pkg/kubelet/kubelet_pods.go, `convertToAPIContainerStatuses`, and
/// pkg/kubelet/prober/prober_manager.go, `UpdatePodStatus`
fn one(
    view: StatusView<'_>,
    container: &Container,
    place: usize,
    old: Option<&ContainerStatus>,
) -> ContainerStatus {
    let run = view.sandbox.and_then(|s| s.containers.get(place)?.as_ref());
    let mut status = match run {
        Some(run) => of_run(view, container, run, old),
        None => of_nothing(view, container, old),
    };
    let is_init = place < view.pod.spec.init_containers.len();
    set_waiting(view, container, place, run, &mut status);
    set_ready(view, place, run, is_init && !container.is_sidecar(), &mut status);
    status
}

fn of_run(
    view: StatusView<'_>,
    container: &Container,
    run: &Run,
    old: Option<&ContainerStatus>,
) -> ContainerStatus {
    let told = old.filter(|old| old.container_id == run.id);
    let state = if run.runs(view.now) {
        // A container that has run since before the run began is told as it was told then.
        let told = told.and_then(|old| old.state.running.as_ref()?.started_at);
        let started_at = told.or_else(|| Some((view.clock)(run.started).whole_seconds()));
        ContainerState { running: Some(Running { started_at }), ..ContainerState::default() }
    } else {
        ended(terminated(view, run))
    };
    let last_state = match (&run.before, old) {
        (Some(before), _) => ended(terminated(view, before)),
        (None, Some(old)) if old.container_id != run.id && old.state.terminated.is_some() => {
            old.state.clone()
        }
        (None, Some(old)) => old.last_state.clone(),
        (None, None) => ContainerState::default(),
    };
    ContainerStatus {
        name: container.name.clone(),
        state,
        last_state,
        restart_count: run.attempt,
        image: told.map_or(&container.image, |told| &told.image).clone(),
        image_id: told.map_or(&container.image, |told| &told.image_id).clone(),
        container_id: run.id.clone(),
        rest: told.map(|told| told.rest.clone()).unwrap_or_default(),
        ..ContainerStatus::default()
    }
}

fn terminated(view: StatusView<'_>, run: &Run) -> Terminated {
    let whole = |t| Some((view.clock)(t).whole_seconds());
    Terminated {
        exit_code: run.exit_code,
        reason: Name::new_static(run.reason),
        started_at: whole(run.started),
        finished_at: whole(run.ends),
        container_id: run.id.clone(),
        ..Terminated::default()
    }
}

fn ended(terminated: Terminated) -> ContainerState {
    ContainerState { terminated: Some(Box::new(terminated)), ..ContainerState::default() }
}

fn waiting(reason: &'static str) -> ContainerState {
    let reason = Name::new_static(reason);
    let waiting = Some(Waiting { reason, ..Waiting::default() });
    ContainerState { waiting, ..ContainerState::default() }
}

/// A container that the runtime does not have: not yet, or not any more.
fn of_nothing(
    view: StatusView<'_>,
    container: &Container,
    old: Option<&ContainerStatus>,
) -> ContainerStatus {
    if view.restarts_all {
        if let Some(old) = old.filter(|s| s.state.waiting.is_none()) {
            return removed(old);
        }
    } else if let Some(old) = old.filter(|s| s.state.terminated.is_some()) {
        return old.clone();
    }
    let has_init = !view.pod.spec.init_containers.is_empty();
    let mut status = ContainerStatus {
        name: container.name.clone(),
        state: waiting(if has_init { "PodInitializing" } else { "ContainerCreating" }),
        image: container.image.clone(),
        ..ContainerStatus::default()
    };
    let Some(old) = old else { return status };
    status.restart_count = old.restart_count;
    status.last_state = old.last_state.clone();
    if old.state.running.is_some() && status.last_state.terminated.is_none() {
        status.last_state = ended(lost(
            "The container could not be located when the pod was deleted.  \
             The container used to be Running",
        ));
        status.restart_count += i32::from(!view.pod.meta.is_deleting());
    }
    status
}

/// A container that was removed because all containers of its pod are started again.
fn removed(old: &ContainerStatus) -> ContainerStatus {
    const TEXT: &str = "The container is removed because RestartAllContainers in place";
    let message = Name::new_static(TEXT);
    let reason = Name::new_static(RESTARTING_ALL);
    let waiting = Some(Waiting { reason: reason.clone(), message });
    ContainerStatus {
        state: ContainerState { waiting, ..ContainerState::default() },
        last_state: ended(Terminated { reason, ..lost(TEXT) }),
        restart_count: old.restart_count + 1,
        container_id: Name::default(),
        ..old.clone()
    }
}

fn lost(message: &'static str) -> Terminated {
    Terminated {
        exit_code: 137,
        reason: Name::new_static("ContainerStatusUnknown"),
        message: Name::new_static(message),
        ..Terminated::default()
    }
}

/// A container that is to be started and could not be waits, with the reason.
fn set_waiting(
    view: StatusView<'_>,
    container: &Container,
    place: usize,
    run: Option<&Run>,
    status: &mut ContainerStatus,
) {
    let Some((_, reason)) = view.waiting.iter().find(|(p, _)| *p == place) else { return };
    let policy = view.pod.spec.restart_policy;
    let again = |run: &Run| !run.runs(view.now) && should_restart(container, policy, run.exit_code);
    if view.pod.meta.is_deleting() || !run.is_none_or(again) {
        return;
    }
    let state = ContainerState { waiting: Some(reason.clone()), ..ContainerState::default() };
    let before = std::mem::replace(&mut status.state, state);
    if before.terminated.is_some() {
        status.last_state = before;
    }
}

fn set_ready(
    view: StatusView<'_>,
    place: usize,
    run: Option<&Run>,
    is_plain_init: bool,
    status: &mut ContainerStatus,
) {
    let running = run.filter(|_| status.state.running.is_some());
    let (started, ready) = running.map_or((false, false), |run| (view.probes)(place, run));
    status.started = Some(started);
    status.ready = if is_plain_init {
        status.state.terminated.as_ref().is_some_and(|t| t.exit_code == 0)
    } else {
        started && ready
    };
}

/// The pod's last status: it is over, and so are containers of which nothing is known any more,
/// unless they were never begun.
///
/// Source: kubernetes v1.36 pkg/kubelet/status/status_manager.go, `TerminatePod`
pub fn close(pod: &Pod, status: &mut PodStatus) {
    if !matches!(status.phase, PodPhase::Succeeded | PodPhase::Failed) {
        status.phase = PodPhase::Failed;
    }
    let has_begun =
        |s: &ContainerStatus| s.state.waiting.is_none() || s.last_state.terminated.is_some();
    let inits = &mut status.init_container_statuses;
    let done = |s: &ContainerStatus| s.state.terminated.as_ref().is_some_and(|t| t.exit_code == 0);
    let initialized = pod.spec.init_containers.is_empty()
        || status.container_statuses.iter().any(has_begun)
        || inits.last().is_some_and(done);
    let begun = inits.iter().rposition(has_begun).map_or(0, |last| last + 1);
    close_each(&mut inits[..begun]);
    if initialized {
        close_each(&mut status.container_statuses);
    }
}

fn close_each(statuses: &mut [ContainerStatus]) {
    for status in statuses.iter_mut().filter(|s| s.state.terminated.is_none()) {
        status.state =
            ended(lost("The container could not be located when the pod was terminated"));
        status.ready = false;
        status.started = Some(false);
    }
}
