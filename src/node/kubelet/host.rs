//! What all workers of a kubelet share: configuration, runtime, beats, tokens, texts.

use std::sync::Arc;

use crate::api::meta::Uid;
use crate::api::request::Verb;
use crate::api::time::Time;
use crate::api::why::Why;
use crate::client::component::Moment;
use crate::node::images::Registry;
use crate::node::kubelet::config::Config;
use crate::node::kubelet::node_status::NodeRequest;
use crate::node::kubelet::text::Texts;
use crate::node::kubelet::volumes::Volumes;
use crate::node::runtime::Runtime;
use crate::sim::index::Map;
use crate::sim::time::{SimDuration, SimTime};

/// Source: kubernetes v1.36 pkg/kubelet/kubelet.go, `genericPlegRelistPeriod`, and `syncLoop`
const SECOND: SimDuration = SimDuration::secs(1);

/// Source: kubernetes v1.36 pkg/kubelet/status/status_manager.go, `syncPeriod`
const STATUS_PASS: SimDuration = SimDuration::secs(10);

/// What a request was for.
#[derive(Clone, Copy, Debug)]
pub(super) enum Sent {
    /// The status of a pod.
    PodStatus(Uid),
    /// The last deletion of a pod.
    PodDelete(Uid),
    /// The node or its lease.
    Node(NodeRequest),
    /// A claim or volume of a pod, by the place of the claim in the pod.
    Storage(Uid, usize),
    /// Something whose answer does not matter.
    Nothing,
}

/// What all workers share.
#[derive(Clone)]
pub(super) struct Host {
    pub(super) config: Arc<Config>,
    pub(super) runtime: Runtime,
    pub(super) texts: Texts,
    /// What is mounted for pods, or is to be.
    pub(super) volumes: Volumes,
    pub(super) began: SimTime,
    relist_phase: SimDuration,
    tick_phase: SimDuration,
    pass_phase: SimDuration,
    skew: i64,
    token: u64,
    sent: Map<u64, Sent>,
    /// Pods that are found unready, whatever their probes would find.
    pub(super) unready: std::collections::BTreeSet<Uid>,
    /// What is wrong with the registries of images.
    pub(super) registry: Registry,
}

impl Host {
    pub(super) fn new(config: Arc<Config>, runtime: Runtime) -> Host {
        Host {
            config,
            runtime,
            texts: Texts::default(),
            volumes: Volumes::default(),
            began: SimTime::ZERO,
            relist_phase: SimDuration::ZERO,
            tick_phase: SimDuration::ZERO,
            pass_phase: SimDuration::ZERO,
            skew: 0,
            token: 0,
            sent: Map::default(),
            unready: std::collections::BTreeSet::new(),
            registry: Registry::default(),
        }
    }

    /// What a pull of an image ends with at this instant; empty when it succeeds.
    pub(super) fn pull_error(&self, image: &str) -> crate::api::Name {
        let always = &self.config.images.of(image).pull_error;
        if always.is_empty() {
            self.registry.error(image).cloned().unwrap_or_default()
        } else {
            always.clone()
        }
    }

    pub(super) fn begin(&mut self, moment: &mut Moment<'_>) {
        self.began = moment.now;
        self.relist_phase = SimDuration(moment.rng.below(SECOND.0));
        self.tick_phase = SimDuration(moment.rng.below(SECOND.0));
        self.pass_phase = SimDuration(moment.rng.below(STATUS_PASS.0));
    }

    /// Takes over the reading of the clock.
    pub(super) fn read_clock(&mut self, moment: &Moment<'_>) {
        self.skew = moment.time.0 - Time::at(moment.now).0;
    }

    /// The kubelet's clock at an instant.
    pub(super) fn clock(&self, at: SimTime) -> Time {
        Time(Time::at(at).0 + self.skew)
    }

    /// The first relist at or after an instant.
    pub(super) fn relist(&self, at: SimTime) -> SimTime {
        at.next_beat(SECOND, self.relist_phase)
    }

    /// The first relist after an instant.
    pub(super) fn relist_after(&self, at: SimTime) -> SimTime {
        self.relist(at + SimDuration(1))
    }

    /// The first tick of the sync loop at or after an instant.
    pub(super) fn tick(&self, at: SimTime) -> SimTime {
        at.next_beat(SECOND, self.tick_phase)
    }

    /// The first pass of the status manager after an instant.
    pub(super) fn status_pass(&self, at: SimTime) -> SimTime {
        (at + SimDuration(1)).next_beat(STATUS_PASS, self.pass_phase)
    }

    /// Sends a request, and remembers what it is for.
    pub(super) fn send(&mut self, what: Sent, verb: Verb, why: Why, moment: &mut Moment<'_>) {
        self.token += 1;
        self.sent.insert(self.token, what);
        moment.out.send(self.token, verb, why);
    }

    /// What a request was for.
    pub(super) fn take(&mut self, token: u64) -> Option<Sent> {
        self.sent.remove(&token)
    }
}
