//! When probes are made, and what they find.
//!
//! A probe whose answer cannot change any more is not made again: its worker sleeps until there is
//! another container.

use crate::api::core::container::{Container, ContainerStatus, Probe};
use crate::api::core::pod::PodSpec;
use crate::api::core::pod::PodStatus;
use crate::api::variant::Variant;
use crate::client::component::Moment;
use crate::node::command::{Check, check};
use crate::node::images::Images;
use crate::node::kubelet::host::Host;
use crate::node::kubelet::text::reason;
use crate::node::kubelet::worker::Worker;
use crate::node::pod_lifecycle::probe::{Outcome, ProbeKind, ProbeResult, ProbeView, ProbeWorker};
use crate::node::runtime::Run;
use crate::sim::time::{SimDuration, SimTime};

/// One probe of one container.
#[derive(Clone)]
pub(super) struct Probing {
    pub(super) place: usize,
    pub(super) worker: ProbeWorker,
    /// When it is made next.
    pub(super) next: SimTime,
    /// Where in its period it is made.
    phase: SimDuration,
    period: SimDuration,
    /// Whether the container of its place has been probed out of turn.
    triggers: u8,
}

impl Probing {
    fn tick(&self, at: SimTime) -> SimTime {
        at.next_beat(self.period, self.phase)
    }
}

/// Whether a container that runs has passed its startup probe, and its readiness probe.
///
/// Source: kubernetes v1.36 pkg/kubelet/prober/prober_manager.go, `UpdatePodStatus`
pub(super) fn results(probes: &[Probing], spec: &PodSpec, place: usize, run: &Run) -> (bool, bool) {
    let Some(container) = spec.all_containers().nth(place) else { return (true, true) };
    let passed = |kind, probe: &Option<Probe>| {
        let found = probes.iter().find(|p| p.place == place && p.worker.kind == kind);
        let result = found.and_then(|p| p.worker.result_of(&run.id));
        probe.is_none() || result == Some(ProbeResult::Success)
    };
    (
        passed(ProbeKind::Startup, &container.startup_probe),
        passed(ProbeKind::Readiness, &container.readiness_probe),
    )
}

/// Which probe says that a container has to be killed.
pub(super) fn failing(probes: &[Probing], place: usize, run: &Run) -> Option<ProbeKind> {
    let fails = |kind: ProbeKind| {
        let found = probes.iter().find(|p| p.place == place && p.worker.kind == kind);
        found.is_some_and(|p| p.worker.result_of(&run.id) == Some(ProbeResult::Failure))
    };
    [ProbeKind::Liveness, ProbeKind::Startup].into_iter().find(|k| fails(*k))
}

fn probe_of(container: &Container, kind: ProbeKind) -> Option<&Probe> {
    match kind {
        ProbeKind::Liveness => container.liveness_probe.as_ref(),
        ProbeKind::Readiness => container.readiness_probe.as_ref(),
        ProbeKind::Startup => container.startup_probe.as_ref(),
    }
}

fn status_at<'a>(
    status: &'a PodStatus,
    spec: &PodSpec,
    place: usize,
) -> Option<&'a ContainerStatus> {
    match place.checked_sub(spec.init_containers.len()) {
        Some(i) => status.container_statuses.get(i),
        None => status.init_container_statuses.get(place),
    }
}

/// What a probe finds in a container of an age.
fn outcome(probe: &Probe, container: &Container, images: &Images, age: SimDuration) -> Outcome {
    let found = match probe.exec.as_ref().map(|e| check(&e.command)) {
        Some(Check::Always(good)) => good,
        Some(Check::ReadyAfter(after)) => age >= after,
        Some(Check::Unknown) | None => age >= images.of(&container.image).ready_after,
    };
    if found { Outcome::Success } else { Outcome::Failure }
}

impl Worker {
    /// Begins to probe the containers of the pod.
    ///
    /// Differs: a container is taken for as ready as its status says only when it is the one that
    /// the status is of; 1.36 is reported not to compare (kubernetes#141473).
    ///
    /// Source: kubernetes v1.36 pkg/kubelet/prober/prober_manager.go, `AddPod`, and worker.go,
    /// `worker.run`
    pub(super) fn add_probes(&mut self, host: &Host, moment: &mut Moment<'_>) {
        let now = moment.now;
        let spec = &self.pod.spec;
        let sandbox = host.runtime.sandbox(self.pod.meta.uid);
        self.probes.clear();
        for (place, container) in spec.all_containers().enumerate() {
            if place < spec.init_containers.len() && !container.is_sidecar() {
                continue;
            }
            for kind in [ProbeKind::Startup, ProbeKind::Liveness, ProbeKind::Readiness] {
                let Some(probe) = probe_of(container, kind) else { continue };
                let seconds = u64::try_from(probe.period_seconds).unwrap_or(0).max(1);
                let period = SimDuration::secs(seconds);
                let is_young = now.since(host.began) < period;
                let wait = if is_young { moment.rng.below(period.0) } else { 0 };
                let begin = now + SimDuration(wait);
                let mut worker = ProbeWorker::new(kind);
                let run = sandbox.and_then(|s| s.containers.get(place)?.as_ref());
                if let Some(run) = run {
                    let told = status_at(&self.status, spec, place);
                    let inherits = host.config.gates.varies(Variant::InheritsReadiness);
                    let told = told.filter(|s| inherits || s.container_id == run.id);
                    let good = told.is_some_and(|s| match kind {
                        ProbeKind::Readiness => s.ready,
                        ProbeKind::Startup => s.started == Some(true),
                        ProbeKind::Liveness => true,
                    });
                    let good = good && !host.config.gates.varies(Variant::ResetsReadiness);
                    worker.adopt(&run.id, good.then_some(ProbeResult::Success));
                }
                let phase = SimDuration(begin.0 % period.0);
                let next = if run.is_some() { begin } else { SimTime::NEVER };
                self.probes.push(Probing { place, worker, next, phase, period, triggers: 0 });
            }
        }
    }

    /// A container has started: its probes are made from now on.
    pub(super) fn arm_probes(&mut self, place: usize, now: SimTime) {
        let Some(container) = self.pod.spec.all_containers().nth(place) else { return };
        for probing in self.probes.iter_mut().filter(|p| p.place == place) {
            let Some(probe) = probe_of(container, probing.worker.kind) else { continue };
            let delay = SimDuration::secs(u64::try_from(probe.initial_delay_seconds).unwrap_or(0));
            let at = now + delay.max(SimDuration(1));
            probing.next = probing.tick(at);
            probing.triggers = 2;
        }
    }

    /// A container that is not ready is probed at once when the pod is looked at, and the next
    /// probe comes with the next relist; from then on with its period.
    ///
    /// Source: kubernetes v1.36 pkg/kubelet/prober/prober_manager.go, `UpdatePodStatus`
    pub(super) fn trigger_readiness(&mut self, host: &Host, now: SimTime) {
        for probing in &mut self.probes {
            let is_ready = probing.worker.result == Some(ProbeResult::Success);
            let is_readiness = probing.worker.kind == ProbeKind::Readiness;
            if !is_readiness || probing.triggers == 0 || is_ready && probing.next == SimTime::NEVER
            {
                continue;
            }
            let Some(container) = self.pod.spec.all_containers().nth(probing.place) else {
                continue;
            };
            let waits =
                container.readiness_probe.as_ref().is_some_and(|p| p.initial_delay_seconds > 0);
            let runs = status_at(&self.status, &self.pod.spec, probing.place)
                .is_some_and(|s| s.state.running.is_some() && s.started == Some(true));
            if waits || !runs {
                continue;
            }
            let at = if probing.triggers == 2 { now } else { host.relist_after(now) };
            if at < probing.next {
                probing.next = at;
                probing.phase = SimDuration(at.0 % probing.period.0);
            }
            probing.triggers -= 1;
        }
    }

    /// Makes one probe that is due; false when there is none.
    pub(super) fn probe_one(&mut self, host: &mut Host, moment: &mut Moment<'_>) -> bool {
        let now = moment.now;
        let Some(i) = self.probes.iter().position(|p| p.next <= now) else { return false };
        let mut probing = self.probes[i].clone();
        let spec = self.pod.spec.clone();
        let Some(container) = spec.all_containers().nth(probing.place) else { return false };
        let Some(probe) = probe_of(container, probing.worker.kind) else { return false };
        let run = host.runtime.sandbox(self.pod.meta.uid);
        let run = run.and_then(|s| s.containers.get(probing.place)?.as_ref());
        let age = run.map_or(SimDuration::ZERO, |r| now.since(r.started));
        let found = outcome(probe, container, &host.config.images, age);
        let container_id = run.map(|r| r.id.clone()).unwrap_or_default();
        // What held of the container before this one says nothing of it.
        let before = probing.worker.result_of(&container_id);
        let view = ProbeView {
            phase: Some(self.status.phase),
            status: status_at(&self.status, &spec, probing.place),
            container,
            probe,
            policy: spec.restart_policy,
            is_deleting: self.pod.meta.is_deleting(),
            now: host.clock(now),
        };
        let has_status = view.status.is_some_and(|s| s.state.running.is_some());
        let step = probing.worker.step(view, || found);
        if step.probed == Some(Outcome::Failure) {
            let text = host.texts.fixed(failed(probing.worker.kind));
            host.texts.tell(&self.pod, Some(probing.place), reason::UNHEALTHY, text, moment);
        }
        let rests = step.probed.is_some_and(|o| probing.worker.is_settled(o));
        probing.next = if !step.keep_going || rests || !has_status && run.is_none() {
            SimTime::NEVER
        } else if probing.triggers == 1 && probing.worker.kind == ProbeKind::Readiness {
            probing.triggers = 0;
            let at = host.relist_after(now).min(now + probing.period);
            probing.phase = SimDuration(at.0 % probing.period.0);
            at
        } else {
            probing.tick(now + SimDuration(1))
        };
        let after = probing.worker.result_of(&container_id);
        let changed = after != before && after.is_some();
        let woke = probing.worker.kind == ProbeKind::Startup
            && probing.worker.result == Some(ProbeResult::Success);
        let place = probing.place;
        self.probes[i] = probing;
        if changed && step.probed.is_some() {
            // What a probe says is told at once, before the pod is looked at.
            // Source: kubernetes v1.36 pkg/kubelet/status/status_manager.go,
            // `SetContainerReadiness`
            self.generate(host, moment);
            self.post(host, moment);
            self.sync_at = self.sync_at.min(now.max(self.fresh_at));
        }
        if woke && changed {
            for other in self.probes.iter_mut().filter(|p| p.place == place) {
                if other.worker.kind != ProbeKind::Startup && other.next == SimTime::NEVER {
                    other.next = other.tick(now + SimDuration(1));
                }
            }
        }
        true
    }
}

/// What is told of a probe that failed.
fn failed(kind: ProbeKind) -> &'static str {
    match kind {
        ProbeKind::Liveness => "Liveness probe failed: ",
        ProbeKind::Readiness => "Readiness probe failed: ",
        ProbeKind::Startup => "Startup probe failed: ",
    }
}
