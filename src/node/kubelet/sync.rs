//! One look at a pod: what is true of it is told, and what is to be done is begun.

use std::sync::Arc;

use crate::api::core::container::{Container, Waiting};
use crate::api::core::pod::{PodPhase, PodStatus};
use crate::client::component::Moment;
use crate::node::backoff::CRASH_LOOP;
use crate::node::command;
use crate::node::kubelet::activity::{Activity, Step};
use crate::node::kubelet::host::Host;
use crate::node::kubelet::probing::{failing, results};
use crate::node::kubelet::text::{DEADLINE_TEXT, pod_text, reason};
use crate::node::kubelet::worker::{Deletion, Stage, Worker};
use crate::node::pod_lifecycle::actions::{ActionView, Actions, actions};
use crate::node::pod_lifecycle::container_status::close;
use crate::node::pod_lifecycle::probe::ProbeKind;
use crate::node::pod_lifecycle::restart::restarts_all;
use crate::node::runtime::{Run, Stop};
use crate::sim::time::{SimDuration, SimTime, Start};

/// What the end of a pod takes whose containers have all ended by themselves.
const CLOSING: SimDuration = SimDuration::millis(1);

impl Worker {
    /// One look at the pod.
    pub(super) fn sync(&mut self, host: &mut Host, moment: &mut Moment<'_>) {
        match self.stage {
            Stage::Syncing => self.sync_pod(host, moment),
            Stage::Stopping => self.sync_stopping(host, moment),
            Stage::Ending => self.sync_ended(host, moment),
            Stage::Cleaning => self.sync_cleaning(host, moment),
            Stage::Done => {}
        }
    }

    /// Source: kubernetes v1.36 pkg/kubelet/kubelet.go, `SyncPod`
    fn sync_pod(&mut self, host: &mut Host, moment: &mut Moment<'_>) {
        let now = moment.now;
        let uid = self.pod.meta.uid;
        let has_sandbox = host.runtime.sandbox(uid).is_some_and(|s| s.is_ready);
        if has_sandbox && self.probes.is_empty() {
            self.add_probes(host, moment);
        }
        if self.is_past_deadline(host, now) {
            self.fail_by_deadline(host, moment);
        }
        if self.restart_all(host, moment) {
            return;
        }
        let reached = self.generate(host, moment);
        self.looked = now;
        self.retry_at = SimTime::NEVER;
        self.post(host, moment);
        self.fresh_at = host.relist_after(now);
        if matches!(reached, PodPhase::Succeeded | PodPhase::Failed) {
            self.stage = Stage::Stopping;
            self.sync_at = self.fresh_at;
            return;
        }
        if !has_sandbox {
            if self.pod.spec.storage.is_some() && !host.volumes.are_ready(&self.pod, now) {
                // The kubelet looks at it again as soon as all are mounted.
                self.sync_at = SimTime::NEVER;
                return self.plan_next_look(host, now);
            }
            let at = now + host.config.mount.draw(moment.rng);
            self.activity = Some(Activity::begin(at, Step::Mounted));
            return;
        }
        self.trigger_readiness(host, now);
        let actions = self.actions(host, now);
        self.act(&actions, host, moment);
        self.plan_next_look(host, now);
    }

    /// A container has ended in a way that restarts all: the others are killed without hooks,
    /// and once all have ended they are removed and the pod begins anew in its sandbox; true when
    /// that takes the rest of this look.
    ///
    /// Source: kubernetes v1.36 pkg/kubelet/kuberuntime/kuberuntime_manager.go, `SyncPod`, feature
    /// gate `RestartAllContainersOnContainerExits`
    fn restart_all(&mut self, host: &mut Host, moment: &mut Moment<'_>) -> bool {
        let now = moment.now;
        let spec = self.pod.spec.clone();
        let uid = self.pod.meta.uid;
        let Some(sandbox) = host.runtime.sandbox_mut(uid) else { return false };
        let runs = || sandbox.containers.iter().zip(spec.all_containers());
        let asks = |run: &Run, c| !run.runs(now) && restarts_all(c, run.exit_code);
        if !runs().any(|(run, c)| run.as_ref().is_some_and(|run| asks(run, c))) {
            self.restarts_all = false;
            return false;
        }
        self.restarts_all = true;
        if sandbox.containers.iter().flatten().all(|run| !run.runs(now)) {
            self.generate(host, moment);
            if let Some(sandbox) = host.runtime.sandbox_mut(uid) {
                sandbox.containers.fill(None);
            }
            return false;
        }
        let zero = SimDuration::ZERO;
        let stop = Stop { grace: zero, hook: zero, term: zero, code: 137 };
        for place in 0..spec.all_containers().count() {
            host.runtime.stop(uid, place, now, stop);
        }
        self.generate(host, moment);
        self.post(host, moment);
        self.looked = now;
        self.fresh_at = host.relist_after(now);
        self.sync_at = self.fresh_at;
        true
    }

    /// What is to be done about its containers.
    pub(super) fn actions(&self, host: &Host, now: SimTime) -> Actions {
        let spec = &self.pod.spec;
        actions(ActionView {
            spec,
            sandbox: host.runtime.sandbox(self.pod.meta.uid),
            failing: &|place, run| failing(&self.probes, place, run),
            started: &|place, run| results(&self.probes, spec, place, run).0,
            now,
        })
    }

    /// Begins what is to be done.
    pub(super) fn act(&mut self, actions: &Actions, host: &mut Host, moment: &mut Moment<'_>) {
        let now = moment.now;
        let mut at = now;
        let uid = self.pod.meta.uid;
        let sandbox = host.runtime.sandbox(uid);
        if actions.is_over
            && sandbox.is_some_and(|s| s.containers.iter().flatten().any(|r| r.runs(now)))
        {
            at = self.stop_all(host, moment);
            self.sync_at = self.sync_at.min(host.relist_after(at));
        }
        let killed: Vec<usize> = actions.kill.iter().map(|(place, _)| *place).collect();
        for (place, kind) in &actions.kill {
            at = at.max(self.kill_failing(*place, *kind, host, moment));
        }
        let mut queue = Vec::new();
        for place in &actions.start {
            if self.may_start(*place, &killed, host, moment) {
                queue.push(*place);
            }
        }
        if !queue.is_empty() {
            self.activity = Some(Activity { at, step: Step::Next, queue, started: false });
        }
    }

    /// When it is looked at again if nothing happens: what failed is tried again, a deadline ends.
    pub(super) fn plan_next_look(&mut self, host: &Host, now: SimTime) {
        let deadline = self.deadline(host).map_or(SimTime::NEVER, |at| host.tick(at.max(now)));
        self.sync_at = self.sync_at.min(self.retry_at).min(deadline);
    }

    fn deadline(&self, host: &Host) -> Option<SimTime> {
        let seconds = u64::try_from(self.pod.spec.active_deadline_seconds?).ok()?;
        let start = self.status.start_time?;
        let beginning = Start(host.clock(SimTime::ZERO).0);
        Some(start.plus(SimDuration::secs(seconds)).since_start(beginning))
    }

    fn is_past_deadline(&self, host: &Host, now: SimTime) -> bool {
        self.deadline(host).is_some_and(|at| at <= now)
    }

    /// Source: kubernetes v1.36 pkg/kubelet/active_deadline.go, `ShouldEvict`
    fn fail_by_deadline(&mut self, host: &mut Host, moment: &mut Moment<'_>) {
        let text = host.texts.fixed(DEADLINE_TEXT);
        host.texts.tell(&self.pod, None, reason::DEADLINE, text, moment);
        self.failed = true;
    }

    /// Whether a container may be started now; otherwise it waits out its pause.
    ///
    /// Source: kubernetes v1.36 pkg/kubelet/kuberuntime/kuberuntime_manager.go, `doBackOff`
    fn may_start(
        &mut self,
        place: usize,
        killed: &[usize],
        host: &mut Host,
        moment: &mut Moment<'_>,
    ) -> bool {
        let now = moment.now;
        let sandbox = host.runtime.sandbox(self.pod.meta.uid);
        let Some(run) = sandbox.and_then(|s| s.containers.get(place)?.as_ref()) else {
            return true;
        };
        // The runtime's state of before the kill: only a container that had ended then counts.
        let ended = if killed.contains(&place) { run.before.as_deref() } else { Some(run) };
        let Some(ended) = ended.map(|r| r.ends) else { return true };
        let Some(backoff) = self.crash.get_mut(place) else { return true };
        let Some(end) = backoff.ends(CRASH_LOOP, ended, now) else {
            backoff.count(CRASH_LOOP, ended, now);
            return true;
        };
        let pause = backoff.pause;
        let Some(name) = self.container(place).map(|c| c.name.clone()) else { return false };
        let pod = pod_text(&self.pod);
        let text = format!("Back-off restarting failed container {name} in pod {pod}");
        host.texts.tell(&self.pod, Some(place), reason::BACK_OFF, text.into(), moment);
        let message = format!("back-off {pause} restarting failed container={name} pod={pod}");
        self.set_waiting(place, "CrashLoopBackOff", &message);
        self.retry(Some(end), host, moment);
        false
    }

    pub(super) fn set_waiting(&mut self, place: usize, reason: &'static str, message: &str) {
        self.waiting.retain(|(p, _)| *p != place);
        self.waiting.push((place, Waiting { reason: reason.into(), message: message.into() }));
    }

    /// The container of a place.
    pub(super) fn container(&self, place: usize) -> Option<&Container> {
        self.pod.spec.all_containers().nth(place)
    }

    /// Source: kubernetes v1.36 pkg/kubelet/kuberuntime/kuberuntime_manager.go,
    /// `computePodActions`
    fn kill_failing(
        &mut self,
        place: usize,
        kind: ProbeKind,
        host: &mut Host,
        moment: &mut Moment<'_>,
    ) -> SimTime {
        let Some(container) = self.container(place) else { return moment.now };
        let word = if kind == ProbeKind::Startup { "startup" } else { "liveness" };
        let name = &container.name;
        let text = format!("Container {name} failed {word} probe, will be restarted");
        let probe = match kind {
            ProbeKind::Startup => &container.startup_probe,
            ProbeKind::Liveness | ProbeKind::Readiness => &container.liveness_probe,
        };
        let own = probe.as_ref().and_then(|p| p.termination_grace_period_seconds);
        let grace = own.unwrap_or(self.grace_seconds());
        host.texts.tell(&self.pod, Some(place), reason::KILLING, text.into(), moment);
        let stop = self.stop_of(place, grace, host);
        host.runtime.stop(self.pod.meta.uid, place, moment.now, stop)
    }

    /// How a container is stopped.
    fn stop_of(&self, place: usize, grace: i64, host: &Host) -> Stop {
        let grace = u64::try_from(grace).unwrap_or(0);
        let Some(container) = self.container(place) else {
            let zero = SimDuration::ZERO;
            return Stop { grace: zero, hook: zero, term: zero, code: 137 };
        };
        let hook = container.lifecycle.as_ref().and_then(|l| l.pre_stop.as_ref());
        let hook = hook.map_or(SimDuration::ZERO, |hook| match (&hook.sleep, &hook.exec) {
            (Some(sleep), _) => SimDuration::secs(u64::try_from(sleep.seconds).unwrap_or(0)),
            (None, Some(exec)) => command::length(&exec.command),
            (None, None) => SimDuration::ZERO,
        });
        let image = host.config.images.of(&container.image);
        Stop { grace: SimDuration::secs(grace), hook, term: image.term, code: image.stop_code }
    }

    /// Stops containers that run: first those that are no sidecars, then the sidecars in the
    /// reverse of their order; answers when all have ended.
    ///
    /// Source: kubernetes v1.36 pkg/kubelet/kuberuntime/kuberuntime_container.go,
    /// `killContainersWithSyncResult`, and kuberuntime_termination_order.go
    fn stop_all(&mut self, host: &mut Host, moment: &mut Moment<'_>) -> SimTime {
        let now = moment.now;
        let uid = self.pod.meta.uid;
        let spec = self.pod.spec.clone();
        let running: Vec<(usize, bool)> = spec
            .all_containers()
            .enumerate()
            .filter(|(place, _)| {
                let sandbox = host.runtime.sandbox(uid);
                let run = sandbox.and_then(|s| s.containers.get(*place)?.as_ref());
                run.is_some_and(|r| r.runs(now))
            })
            .map(|(place, c)| (place, place < spec.init_containers.len() && c.is_sidecar()))
            .collect();
        let grace = self.grace_seconds();
        let mut ended = now;
        for (place, _) in running.iter().filter(|(_, sidecar)| !sidecar) {
            self.tell_stopping(*place, host, moment);
            let stop = self.stop_of(*place, grace, host);
            ended = ended.max(host.runtime.stop(uid, *place, now, stop));
        }
        for (place, _) in running.iter().rev().filter(|(_, sidecar)| *sidecar) {
            self.tell_stopping(*place, host, moment);
            let mut stop = self.stop_of(*place, grace, host);
            stop.grace = stop.grace - ended.since(now);
            ended = ended.max(host.runtime.stop(uid, *place, ended, stop));
        }
        ended
    }

    fn tell_stopping(&self, place: usize, host: &mut Host, moment: &mut Moment<'_>) {
        let Some(container) = self.container(place) else { return };
        let text = host.texts.stopping(&container.name);
        host.texts.tell(&self.pod, Some(place), reason::KILLING, text, moment);
    }

    /// Source: kubernetes v1.36 pkg/kubelet/kubelet.go, `SyncTerminatingPod`
    fn sync_stopping(&mut self, host: &mut Host, moment: &mut Moment<'_>) {
        self.generate(host, moment);
        self.post(host, moment);
        self.stage = Stage::Ending;
        self.stop_containers(host, moment);
    }

    /// Tells all containers to end, and waits for the last of them.
    pub(super) fn stop_containers(&mut self, host: &mut Host, moment: &mut Moment<'_>) {
        self.probes.clear();
        self.grace = Some(self.grace_seconds());
        let ended = self.stop_all(host, moment);
        self.ended_at = ended;
        // Where nothing has to be stopped, nothing is waited for: recorded at 0 to 5 ms.
        let nothing_ran = ended <= moment.now;
        let rest = if nothing_ran { CLOSING } else { host.config.stop.draw(moment.rng) };
        self.sync_at = ended.max(moment.now) + rest;
    }

    /// The last container has ended.
    fn sync_ended(&mut self, host: &mut Host, moment: &mut Moment<'_>) {
        host.runtime.stop_sandbox(self.pod.meta.uid);
        self.stage = Stage::Cleaning;
        self.generate(host, moment);
        self.post(host, moment);
        self.fresh_at = host.relist_after(moment.now);
        self.sync_at = self.fresh_at;
    }

    /// Source: kubernetes v1.36 pkg/kubelet/kubelet.go, `SyncTerminatedPod`
    fn sync_cleaning(&mut self, host: &mut Host, moment: &mut Moment<'_>) {
        if let Some(at) = host.leave_volumes(self.pod.meta.uid, moment.now) {
            self.sync_at = at;
            return;
        }
        self.stage = Stage::Done;
        let mut closed = PodStatus::clone(&self.status);
        close(&self.pod, &mut closed);
        if closed != *self.status {
            self.status = Arc::new(closed);
        }
        if self.pod.meta.is_deleting() {
            self.deletion = Deletion::Wanted;
        }
        self.post(host, moment);
        self.delete(host, moment);
    }
}
