//! Probes: what one period of a probe's worker does, and the result that it keeps.

use crate::api::Name;
use crate::api::core::container::{Container, ContainerStatus, Probe};
use crate::api::core::pod::{PodPhase, RestartPolicy};
use crate::api::time::Time;
use crate::node::pod_lifecycle::restart::should_restart;

/// What a probe is for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum ProbeKind {
    /// The container is killed when it fails.
    Liveness,
    /// The container counts as ready while it succeeds.
    Readiness,
    /// The others wait until it has succeeded once.
    Startup,
}

/// What one probe found.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// It succeeded.
    Success,
    /// It succeeded with a warning.
    Warning,
    /// It failed.
    Failure,
    /// It could not tell.
    Unknown,
    /// The probe itself could not be made.
    Error,
}

/// The result that a worker keeps.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ProbeResult {
    /// Enough successes in a row.
    Success,
    /// Enough failures in a row.
    Failure,
    /// Nothing is known yet.
    Unknown,
}

/// What a worker looks at in one period.
#[derive(Clone, Copy)]
pub struct ProbeView<'a> {
    /// The pod's phase; none when the kubelet has no status of it yet.
    pub phase: Option<PodPhase>,
    /// The container's status, where there is one.
    pub status: Option<&'a ContainerStatus>,
    /// The container.
    pub container: &'a Container,
    /// The probe.
    pub probe: &'a Probe,
    /// The pod's restart policy.
    pub policy: RestartPolicy,
    /// Whether the pod is to go.
    pub is_deleting: bool,
    /// The kubelet's clock.
    pub now: Time,
}

/// What one period came to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Step {
    /// Whether the worker lives on.
    pub keep_going: bool,
    /// What the probe found, if it was made.
    pub probed: Option<Outcome>,
}

/// The worker of one probe of one container.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ProbeWorker {
    /// What it is for.
    pub kind: ProbeKind,
    /// The result that holds; none before it has seen the container.
    pub result: Option<ProbeResult>,
    /// Whether it waits for another container.
    pub on_hold: bool,
    container_id: Name,
    last: Option<ProbeResult>,
    run: i32,
}

impl ProbeWorker {
    /// A worker that has seen nothing.
    pub fn new(kind: ProbeKind) -> ProbeWorker {
        ProbeWorker {
            kind,
            result: None,
            on_hold: false,
            container_id: Name::default(),
            last: None,
            run: 0,
        }
    }

    /// One period: looks at the pod and, if the time has come, probes.
    ///
    /// Source: kubernetes v1.36 pkg/kubelet/prober/worker.go, `worker.doProbe`
    pub fn step(&mut self, view: ProbeView<'_>, probe: impl FnOnce() -> Outcome) -> Step {
        let go = Step { keep_going: true, probed: None };
        let stop = Step { keep_going: false, probed: None };
        match view.phase {
            None => return go,
            Some(PodPhase::Failed | PodPhase::Succeeded) => return stop,
            Some(PodPhase::Pending | PodPhase::Running | PodPhase::Unknown) => {}
        }
        let Some(status) = view.status.filter(|s| !s.container_id.is_empty()) else { return go };
        self.meet(&status.container_id);
        if self.on_hold {
            return go;
        }
        let Some(running) = &status.state.running else {
            self.result = Some(ProbeResult::Failure);
            let again = |code| should_restart(view.container, view.policy, code);
            let ended = status.state.terminated.as_ref();
            return if ended.is_none_or(|t| again(t.exit_code)) { go } else { stop };
        };
        if view.is_deleting && self.kind != ProbeKind::Readiness {
            self.result = Some(ProbeResult::Success);
            return stop;
        }
        let age = running.started_at.map_or(0, |t| view.now.since(t).as_secs());
        let delay = u64::try_from(view.probe.initial_delay_seconds).unwrap_or(0);
        let started = status.started == Some(true);
        if age < delay || started == (self.kind == ProbeKind::Startup) {
            return go;
        }
        let outcome = probe();
        self.judge(outcome, view.probe);
        Step { keep_going: true, probed: Some(outcome) }
    }

    /// What holds before the first probe.
    ///
    /// Source: kubernetes v1.36 pkg/kubelet/prober/worker.go, `newWorker`
    pub fn initial(kind: ProbeKind) -> ProbeResult {
        match kind {
            ProbeKind::Readiness => ProbeResult::Failure,
            ProbeKind::Liveness => ProbeResult::Success,
            ProbeKind::Startup => ProbeResult::Unknown,
        }
    }

    /// Whether further probes with the same outcome change nothing, so that none need be made.
    pub fn is_settled(&self, outcome: Outcome) -> bool {
        let good = matches!(outcome, Outcome::Success | Outcome::Warning);
        self.on_hold || good && self.result == Some(ProbeResult::Success)
    }

    /// The result that holds of the container of an id; none if the worker has not met it.
    pub fn result_of(&self, container_id: &str) -> Option<ProbeResult> {
        self.result.filter(|_| self.container_id == container_id)
    }

    /// Takes over a container of before that ran when the kubelet came back, as ready as it was.
    ///
    /// Source: kubernetes v1.36 pkg/kubelet/prober/worker.go, `worker.doProbe`, feature gate
    /// `ChangeContainerStatusOnKubeletRestart`
    pub fn adopt(&mut self, container_id: &Name, result: Option<ProbeResult>) {
        self.container_id = container_id.clone();
        self.result = result.or(Some(ProbeWorker::initial(self.kind)));
    }

    fn meet(&mut self, container_id: &Name) {
        if self.container_id != *container_id {
            self.container_id = container_id.clone();
            self.result = Some(ProbeWorker::initial(self.kind));
            self.on_hold = false;
        }
    }

    fn judge(&mut self, outcome: Outcome, probe: &Probe) {
        let (result, threshold) = match outcome {
            Outcome::Success | Outcome::Warning => (ProbeResult::Success, probe.success_threshold),
            Outcome::Failure | Outcome::Unknown => (ProbeResult::Failure, probe.failure_threshold),
            Outcome::Error => return,
        };
        self.run = if self.last == Some(result) { self.run.saturating_add(1) } else { 1 };
        self.last = Some(result);
        if self.run < threshold {
            return;
        }
        self.result = Some(result);
        let fatal = self.kind == ProbeKind::Liveness && result == ProbeResult::Failure;
        if fatal || self.kind == ProbeKind::Startup {
            self.on_hold = true;
            self.run = 0;
        }
    }
}
