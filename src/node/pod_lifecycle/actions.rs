//! What the kubelet does about the containers of a pod: which are started, which are killed.

use crate::api::core::container::Container;
use crate::api::core::pod::{PodSpec, RestartPolicy};
use crate::node::pod_lifecycle::probe::ProbeKind;
use crate::node::pod_lifecycle::restart::should_restart;
use crate::node::runtime::{Run, Sandbox};
use crate::sim::time::SimTime;

/// What the actions follow from. A container's place is its number in the spec, init containers
/// first.
#[derive(Clone, Copy)]
pub struct ActionView<'a> {
    /// What the pod is to run.
    pub spec: &'a PodSpec,
    /// What the runtime has of it.
    pub sandbox: Option<&'a Sandbox>,
    /// Which probe says that a container has to be killed.
    pub failing: &'a dyn Fn(usize, &Run) -> Option<ProbeKind>,
    /// Whether a container has passed its startup probe.
    pub started: &'a dyn Fn(usize, &Run) -> bool,
    /// The instant.
    pub now: SimTime,
}

/// What is to be done, killing first.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Actions {
    /// Containers to kill, and the probe that says so.
    pub kill: Vec<(usize, ProbeKind)>,
    /// Containers to start.
    pub start: Vec<usize>,
    /// Nothing is to run any more: sidecars are to be stopped.
    pub is_over: bool,
}

/// What is to be done.
///
/// Source: kubernetes v1.36 pkg/kubelet/kuberuntime/kuberuntime_manager.go, `computePodActions`
pub fn actions(view: ActionView<'_>) -> Actions {
    let mut actions = Actions::default();
    let first = view.spec.init_containers.len();
    let initialized = (first..first + view.spec.containers.len()).any(|p| view.run(p).is_some());
    if !initialized && !view.initialize(&mut actions) {
        return actions;
    }
    let mut kept = 0;
    for (i, container) in view.spec.containers.iter().enumerate() {
        kept += usize::from(view.consider(first + i, container, &mut actions));
    }
    if kept == 0 && actions.start.is_empty() {
        actions.is_over = true;
        return actions;
    }
    if initialized {
        for (i, container) in view.spec.init_containers.iter().enumerate() {
            if container.is_sidecar() {
                view.consider(i, container, &mut actions);
            }
        }
    }
    actions
}

impl<'a> ActionView<'a> {
    fn run(&self, place: usize) -> Option<&'a Run> {
        self.sandbox.and_then(|s| s.containers.get(place)?.as_ref())
    }

    /// Goes on with the init containers, one after the other; true when all are done.
    ///
    /// Source: kubernetes v1.36 pkg/kubelet/kuberuntime/kuberuntime_container.go,
    /// `computeInitContainerActions`
    fn initialize(&self, actions: &mut Actions) -> bool {
        for (place, container) in self.spec.init_containers.iter().enumerate() {
            let Some(run) = self.run(place) else {
                actions.start.push(place);
                return false;
            };
            if container.is_sidecar() {
                if !self.consider(place, container, actions) || !(self.started)(place, run) {
                    return false;
                }
            } else if run.runs(self.now) {
                return false;
            } else if run.exit_code != 0 {
                if should_restart(container, self.spec.restart_policy, run.exit_code) {
                    actions.start.push(place);
                } else {
                    actions.is_over = true;
                }
                return false;
            }
        }
        true
    }

    /// Starts a container that does not run and is to, kills one whose probe fails; true when it
    /// is left to run.
    fn consider(&self, place: usize, container: &Container, actions: &mut Actions) -> bool {
        let policy =
            if container.is_sidecar() { RestartPolicy::Always } else { self.spec.restart_policy };
        match self.run(place) {
            None => actions.start.push(place),
            Some(run) if !run.runs(self.now) => {
                if should_restart(container, policy, run.exit_code) {
                    actions.start.push(place);
                }
            }
            Some(run) => match (self.failing)(place, run) {
                None => return true,
                Some(kind) => {
                    actions.kill.push((place, kind));
                    if container.effective_restart_policy(policy) != RestartPolicy::Never {
                        actions.start.push(place);
                    }
                }
            },
        }
        false
    }
}
