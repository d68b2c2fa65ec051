//! The worker of one pod: what it remembers, and what is due when.

use std::sync::Arc;

use crate::api::Name;
use crate::api::core::container::Waiting;
use crate::api::core::node::Node;
use crate::api::core::pod::{Pod, PodPhase, PodStatus};
use crate::api::resource::Resources;
use crate::api::taint::ComparisonOperators;
use crate::api::variant::Variant;
use crate::client::component::Moment;
use crate::node::backoff::Backoff;
use crate::node::kubelet::activity::Activity;
use crate::node::kubelet::host::Host;
use crate::node::kubelet::probing::Probing;
use crate::node::pod_lifecycle::admission;
use crate::sim::time::{SimDuration, SimTime};

/// Where a worker is with its pod.
///
/// Source: kubernetes v1.36 pkg/kubelet/pod_workers.go, `PodWorkerState`
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Stage {
    /// Containers are to run.
    Syncing,
    /// The pod is to end; its containers have not been told yet.
    Stopping,
    /// Its containers have been told to end.
    Ending,
    /// Its containers have ended; what is left of it is tidied up.
    Cleaning,
    /// Nothing is left to do but to answer for it.
    Done,
}

/// How far the last deletion of an object is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Deletion {
    /// Nobody has asked for it, or containers still run.
    NotWanted,
    /// It is sent as soon as the apiserver has the last status.
    Wanted,
    /// It is under way, or done.
    Sent,
}

/// The worker of one pod. What it remembers is lost with the kubelet's process.
#[derive(Clone)]
pub(super) struct Worker {
    /// The pod as it was seen last.
    pub(super) pod: Arc<Pod>,
    pub(super) stage: Stage,
    /// What the kubelet says of it.
    pub(super) status: Arc<PodStatus>,
    /// What the apiserver has, as far as the kubelet knows.
    pub(super) accepted: Arc<PodStatus>,
    /// The version of the object that its last status made: older ones tell nothing new.
    pub(super) revision: u64,
    /// What is under way to the apiserver.
    pub(super) in_flight: Option<Arc<PodStatus>>,
    /// When a status or deletion that was refused is sent again.
    pub(super) resend_at: SimTime,
    /// The last deletion of the object.
    pub(super) deletion: Deletion,
    /// When it is looked at next, beside what its containers and probes bring.
    pub(super) sync_at: SimTime,
    /// From when on the runtime's state is newer than the last look.
    pub(super) fresh_at: SimTime,
    /// The last look: containers that ended before have been seen.
    pub(super) looked: SimTime,
    pub(super) activity: Option<Activity>,
    pub(super) probes: Vec<Probing>,
    pub(super) crash: Vec<Backoff>,
    pub(super) pulls: Vec<Backoff>,
    /// Why containers could not be started, by their place.
    pub(super) waiting: Vec<(usize, Waiting)>,
    /// When what could not be done is tried again.
    pub(super) retry_at: SimTime,
    /// When its last end of grace was computed for: the seconds that it was asked to end within.
    pub(super) grace: Option<i64>,
    /// All its containers are being started again.
    pub(super) restarts_all: bool,
    /// It ran longer than it may, or was evicted.
    pub(super) failed: bool,
    /// Why it was evicted, and the seconds that it was given.
    pub(super) eviction: Option<(Name, i64)>,
    /// The object is gone from the apiserver.
    pub(super) is_gone: bool,
    /// When its containers have all ended.
    pub(super) ended_at: SimTime,
    /// When it stands in the agenda.
    pub(super) due: SimTime,
}

impl Worker {
    /// A worker that sees its pod for the first time.
    pub(super) fn new(pod: &Arc<Pod>, now: SimTime) -> Worker {
        let places = pod.spec.init_containers.len() + pod.spec.containers.len();
        let over = pod.meta.is_deleting() || pod.is_terminal();
        Worker {
            pod: pod.clone(),
            stage: if over { Stage::Stopping } else { Stage::Syncing },
            status: pod.status.clone(),
            accepted: pod.status.clone(),
            revision: 0,
            in_flight: None,
            resend_at: SimTime::NEVER,
            deletion: Deletion::NotWanted,
            sync_at: now,
            fresh_at: SimTime::ZERO,
            looked: SimTime::ZERO,
            activity: None,
            probes: Vec::new(),
            crash: vec![Backoff::default(); places],
            pulls: vec![Backoff::default(); places],
            waiting: Vec::new(),
            retry_at: SimTime::NEVER,
            grace: None,
            restarts_all: false,
            failed: false,
            eviction: None,
            is_gone: false,
            ended_at: SimTime::ZERO,
            due: SimTime::NEVER,
        }
    }

    /// Refuses the pod if the node has no room or is not the right one.
    ///
    /// Source: kubernetes v1.36 pkg/kubelet/kubelet.go, `HandlePodAdditions`, `rejectPod`
    pub(super) fn admit(
        &mut self,
        node: &Node,
        used: &Resources,
        pods: i64,
        pressed: Option<String>,
        host: &mut Host,
        moment: &mut Moment<'_>,
    ) {
        let is_new =
            self.stage == Stage::Syncing && host.runtime.sandbox(self.pod.meta.uid).is_none();
        if !is_new {
            return;
        }
        let comparison = ComparisonOperators::of(host.config.gates);
        let refused = match pressed {
            Some(text) => Some(("Evicted", Name::from(text))),
            None => admission::admit(&self.pod, node, used, pods, comparison).err(),
        };
        let Some((reason, text)) = refused else { return };
        host.texts.tell(&self.pod, None, (true, reason), text.as_str().into(), moment);
        let mut status = PodStatus::clone(&self.pod.status);
        status.phase = PodPhase::Failed;
        status.reason = reason.into();
        status.message = smol_str::format_smolstr!("Pod was rejected: {text}");
        status.observed_generation = Some(self.pod.meta.generation).filter(|g| *g > 0);
        status.qos_class = Some(self.pod.spec.qos_class);
        self.status = Arc::new(status);
        self.stage = Stage::Done;
        self.sync_at = SimTime::NEVER;
        self.post(host, moment);
    }

    /// Sees another version of the pod.
    pub(super) fn update(&mut self, pod: &Arc<Pod>, host: &mut Host, moment: &mut Moment<'_>) {
        let old = std::mem::replace(&mut self.pod, pod.clone());
        let now = moment.now;
        if pod.meta.is_deleting() && !matches!(self.stage, Stage::Ending | Stage::Cleaning) {
            if self.stage == Stage::Syncing {
                self.activity = None;
                self.stage = Stage::Stopping;
                self.sync_at = now.max(self.fresh_at);
            } else if self.stage == Stage::Done && self.deletion == Deletion::NotWanted {
                self.stage = Stage::Stopping;
                self.sync_at = now.max(self.fresh_at);
            }
        } else if self.stage == Stage::Ending
            && self.grace.is_some_and(|g| self.grace_seconds() < g)
        {
            self.stop_containers(host, moment);
        } else if self.stage == Stage::Syncing && differs(&old, pod) {
            self.sync_at = self.sync_at.min(now.max(self.fresh_at));
        }
        if self.in_flight.is_none() {
            self.compare(host, now);
        }
    }

    /// What the apiserver has is not what the kubelet says: the next pass of the status manager
    /// puts it right.
    ///
    /// Source: kubernetes v1.36 pkg/kubelet/status/status_manager.go, `needsReconcile`
    fn compare(&mut self, host: &Host, now: SimTime) {
        let theirs = &self.pod.status;
        if self.pod.meta.resource_version < self.revision || Arc::ptr_eq(theirs, &self.accepted) {
            return;
        }
        let own = |s: &PodStatus| {
            let ready = crate::api::condition::is_true(&s.conditions, "Ready");
            (s.phase, ready)
        };
        let known = self.status.start_time.is_some();
        if host.config.gates.varies(Variant::TrustsItsStatus) {
            return;
        }
        if known && own(theirs) != own(&self.status) {
            self.accepted = theirs.clone();
            self.resend_at = self.resend_at.min(host.status_pass(now));
        }
    }

    /// The seconds within which it is asked to end.
    ///
    /// Source: kubernetes v1.36 pkg/kubelet/pod_workers.go, `calculateEffectiveGracePeriod`
    pub(super) fn grace_seconds(&self) -> i64 {
        if let Some((_, grace)) = &self.eviction {
            return (*grace).max(1);
        }
        let asked = self.pod.meta.deletion_grace_seconds;
        let spec = self.pod.spec.termination_grace_period_seconds;
        asked.or(spec).unwrap_or(30).max(1)
    }

    /// Whether its requests count against the node.
    pub(super) fn takes_resources(&self) -> bool {
        !matches!(self.stage, Stage::Cleaning | Stage::Done)
    }

    /// Whether it is there to be evicted.
    pub(super) fn may_be_evicted(&self) -> bool {
        self.stage == Stage::Syncing && self.eviction.is_none()
    }

    /// The node is short of something: the pod fails, and its containers get so many seconds.
    ///
    /// Source: kubernetes v1.36 pkg/kubelet/eviction/eviction_manager.go, `evictPod`
    pub(super) fn evict(
        &mut self,
        text: &str,
        grace: i64,
        host: &mut Host,
        moment: &mut Moment<'_>,
    ) {
        host.texts.tell(&self.pod, None, (true, "Evicted"), text.into(), moment);
        self.failed = true;
        self.eviction = Some((text.into(), grace));
        self.activity = None;
        self.stage = Stage::Stopping;
        self.sync_at = moment.now;
    }

    /// Whether nothing is left of it.
    pub(super) fn is_forgotten(&self) -> bool {
        self.is_gone && matches!(self.stage, Stage::Cleaning | Stage::Done)
    }

    /// The pod is gone from the apiserver while its containers run.
    pub(super) fn stop_for_good(&mut self, host: &mut Host, moment: &mut Moment<'_>) {
        self.activity = None;
        self.stage = Stage::Ending;
        self.stop_containers(host, moment);
    }

    /// Does all that is due.
    pub(super) fn run(&mut self, host: &mut Host, moment: &mut Moment<'_>) {
        let now = moment.now;
        host.read_clock(moment);
        // Each round moves something on; the limit is there for a pod that could not rest.
        for _ in 0..64 {
            if self.resend_at <= now {
                self.resend_at = SimTime::NEVER;
                self.post(host, moment);
                self.delete(host, moment);
            } else if self.activity.as_ref().is_some_and(|a| a.at <= now) {
                self.advance(host, moment);
            } else if self.sync_at <= now && self.activity.is_none() {
                self.sync_at = SimTime::NEVER;
                self.sync(host, moment);
            } else if self.activity.is_none() && self.exit_seen_at(host) <= now {
                self.sync(host, moment);
            } else if !self.probe_one(host, moment) {
                return;
            }
        }
    }

    /// When something is due next.
    pub(super) fn next(&self, host: &Host) -> SimTime {
        let mut next = self.resend_at;
        match &self.activity {
            Some(activity) => next = next.min(activity.at),
            None => next = next.min(self.sync_at).min(self.exit_seen_at(host)),
        }
        self.probes.iter().fold(next, |n, p| n.min(p.next))
    }

    /// When the next relist finds a container that has ended by itself.
    fn exit_seen_at(&self, host: &Host) -> SimTime {
        if self.stage != Stage::Syncing {
            return SimTime::NEVER;
        }
        let Some(sandbox) = host.runtime.sandbox(self.pod.meta.uid) else { return SimTime::NEVER };
        let runs = sandbox.containers.iter().flatten();
        let ends = runs.map(|r| r.ends).filter(|e| *e > self.looked && *e != SimTime::NEVER);
        ends.min().map_or(SimTime::NEVER, |end| host.relist(end.max(self.fresh_at)))
    }

    /// A pause of 10 s at most, up to half as long again, and then the next tick of the sync loop.
    ///
    /// Something that may be tried in 4 s is tried after 4 to 6 s, in 3 min after 10 to 15 s.
    ///
    /// Source: kubernetes v1.36 pkg/kubelet/pod_workers.go, `completeWork`
    pub(super) fn retry(&mut self, ends: Option<SimTime>, host: &Host, moment: &mut Moment<'_>) {
        let most = SimDuration::secs(10);
        let pause = ends.map_or(most, |e| e.since(moment.now).min(most));
        let jitter = SimDuration(moment.rng.below(pause.0 / 2 + 1));
        self.retry_at = self.retry_at.min(host.tick(moment.now + pause + jitter));
    }
}

/// Whether a change is more than one of the status.
///
/// Source: kubernetes v1.36 pkg/kubelet/config/config.go, `podsDifferSemantically`
fn differs(old: &Pod, new: &Pod) -> bool {
    let gates = !new.spec.readiness_gates.is_empty();
    gates && old.status.conditions != new.status.conditions
        || !Arc::ptr_eq(&old.spec, &new.spec)
        || !old.meta.labels.is_same_copy(&new.meta.labels) && old.meta.labels != new.meta.labels
        || !old.meta.annotations.is_same_copy(&new.meta.annotations)
            && old.meta.annotations != new.meta.annotations
        || old.meta.deletion != new.meta.deletion
        || old.meta.generation != new.meta.generation
}
