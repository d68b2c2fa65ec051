//! Where a pod is in its life, from the states of its containers.

use crate::api::core::container::{Container, ContainerStatus};
use crate::api::core::pod::{PodPhase, PodSpec};
use crate::node::pod_lifecycle::restart::{ended_by_restart_all, should_restart};

/// What is known of a pod when its phase is asked for.
#[derive(Clone, Copy)]
pub struct PodView<'a> {
    /// What it is to run.
    pub spec: &'a PodSpec,
    /// The statuses of its init containers.
    pub init: &'a [ContainerStatus],
    /// The statuses of its containers.
    pub containers: &'a [ContainerStatus],
    /// The kubelet has ended the pod: nothing is started again.
    pub is_terminal: bool,
    /// Its containers have been started once.
    pub has_initialized: bool,
}

/// How the containers of a pod are, counted.
#[derive(Default)]
struct Tally {
    pending_init: usize,
    pending_sidecars: usize,
    failed_for_good: usize,
    unknown: usize,
    running: usize,
    waiting: usize,
    stopped: usize,
    stopped_for_good: usize,
    succeeded: usize,
}

/// The phase of a pod.
///
/// Source: kubernetes v1.36 pkg/kubelet/kubelet_pods.go, `getPhase`
pub fn phase(view: PodView<'_>) -> PodPhase {
    let tally = Tally::of(view);
    if tally.failed_for_good > 0 {
        return PodPhase::Failed;
    }
    let initializing =
        tally.pending_init > 0 || tally.pending_sidecars > 0 && !view.has_initialized;
    if initializing || tally.waiting > 0 || tally.unknown > 0 {
        return PodPhase::Pending;
    }
    if tally.running > 0 {
        return PodPhase::Running;
    }
    if tally.stopped == 0 {
        return PodPhase::Pending;
    }
    if !view.is_terminal && tally.stopped != tally.stopped_for_good {
        return PodPhase::Running;
    }
    if tally.stopped == tally.succeeded { PodPhase::Succeeded } else { PodPhase::Failed }
}

impl Tally {
    fn of(view: PodView<'_>) -> Tally {
        let mut tally = Tally::default();
        for container in &view.spec.init_containers {
            let status = find(view.init, container).or_else(|| find(view.containers, container));
            if container.is_sidecar() {
                tally.count_sidecar(status);
            } else {
                tally.count_init(view.spec, container, status);
            }
        }
        for container in &view.spec.containers {
            let status = find(view.containers, container).or_else(|| find(view.init, container));
            tally.count(view.spec, container, status);
        }
        tally
    }

    fn count_init(&mut self, spec: &PodSpec, c: &Container, status: Option<&ContainerStatus>) {
        let Some((status, code)) = status.and_then(|s| Some((s, ended(s)?))) else {
            self.pending_init += 1;
            return;
        };
        let again = should_restart(c, spec.restart_policy, code) || ended_by_restart_all(status);
        if code != 0 && !again {
            self.failed_for_good += 1;
        }
    }

    /// Sidecars that have ended do not count.
    fn count_sidecar(&mut self, status: Option<&ContainerStatus>) {
        let Some(status) = status else {
            self.unknown += 1;
            return;
        };
        let state = &status.state;
        if state.running.is_some() {
            self.running += 1;
            self.pending_sidecars += usize::from(status.started != Some(true));
        } else if state.terminated.is_some() {
        } else if state.waiting.is_some() {
            let fresh = usize::from(status.last_state.terminated.is_none());
            self.pending_sidecars += fresh;
            self.waiting += fresh;
        } else {
            self.pending_sidecars += 1;
            self.unknown += 1;
        }
    }

    fn count(&mut self, spec: &PodSpec, c: &Container, status: Option<&ContainerStatus>) {
        let Some(status) = status else {
            self.unknown += 1;
            return;
        };
        let state = &status.state;
        if state.running.is_some() {
            self.running += 1;
        } else if let Some(code) = ended(status) {
            self.stopped += 1;
            let again = should_restart(c, spec.restart_policy, code);
            self.stopped_for_good += usize::from(!again && !ended_by_restart_all(status));
            self.succeeded += usize::from(state.terminated.is_some() && code == 0);
        } else if state.waiting.is_some() {
            self.waiting += 1;
        } else {
            self.unknown += 1;
        }
    }
}

/// The exit code of a container that has ended, or that waits after it has ended.
fn ended(status: &ContainerStatus) -> Option<i32> {
    let state = &status.state;
    if state.running.is_some() {
        return None;
    }
    if let Some(terminated) = &state.terminated {
        return Some(terminated.exit_code);
    }
    state.waiting.as_ref()?;
    status.last_state.terminated.as_ref().map(|t| t.exit_code)
}

fn find<'a>(statuses: &'a [ContainerStatus], container: &Container) -> Option<&'a ContainerStatus> {
    statuses.iter().find(|s| s.name == container.name)
}
