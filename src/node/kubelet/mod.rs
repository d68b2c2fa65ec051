//! The kubelet: takes the pods of its node through their lives and tells how they and the node are.
//!
//! Responsible for when something is looked at, and for what is sent and recorded; what is right
//! is decided in [`pod_lifecycle`](crate::node::pod_lifecycle). It has no periodic turns: the
//! second beats of the real one (relist, sync tick, status pass) are phases, from which the next
//! instant that matters is computed. It must never look at anything but its informers' changes,
//! its replies, its clock and its node's runtime.

mod activity;
mod config;
mod host;
mod node_status;
mod pressure;
mod probing;
mod stats;
mod status;
mod sync;
mod text;
mod volumes;
mod worker;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::api::core::node::Node;
use crate::api::core::pod::Pod;
use crate::api::message::{Beside, Message};
use crate::api::meta::Uid;
use crate::api::quantity::Quantity;
use crate::api::request::Answer;
use crate::client::component::{Component, Moment, To};
use crate::client::reconciler::Observed;
use crate::node::eviction::manager::EvictionManager;
use crate::node::runtime::Runtime;
use crate::node::usage::Load;
use crate::sim::curve::Curve;
use crate::sim::engine::Peer;
use crate::sim::rng::keyed;
use crate::sim::time::{SimDuration, SimTime};

pub use config::{Config, Heartbeat, NodeConfig, NodeStorage, Span};
pub use node_status::{csi_node, registered, registered_lease};

use host::{Host, Sent};
use node_status::NodeKeeper;
use pressure::NodePressure;
use volumes::Volumes;
use worker::{Stage, Worker};

/// The kubelet of one node.
#[derive(Clone)]
pub struct Kubelet {
    host: Host,
    node: NodeKeeper,
    workers: BTreeMap<Uid, Worker>,
    agenda: BTreeSet<(SimTime, Uid)>,
    pressure: NodePressure,
    is_started: bool,
    is_synced: bool,
    /// Whether the next end of its life is that of the process alone, not of the node.
    spares_containers: bool,
}

impl Kubelet {
    /// A kubelet that has just begun, on a runtime that may have containers of before.
    pub fn new(config: Arc<Config>, runtime: Runtime) -> Kubelet {
        let manager = EvictionManager::new(config.eviction.clone());
        let phase = keyed(config.seed ^ 0xe71c, config.node.name.as_bytes()) % 10_000_000_000;
        Kubelet {
            node: NodeKeeper::new(&config),
            pressure: NodePressure::new(manager, SimDuration(phase)),
            host: Host::new(config, runtime),
            workers: BTreeMap::new(),
            agenda: BTreeSet::new(),
            is_started: false,
            is_synced: false,
            spares_containers: false,
        }
    }

    /// The node itself has stopped: its containers are gone, its images stay.
    pub fn lose_containers(&mut self) {
        self.host.runtime.lose_containers();
    }

    /// The next end of its life is that of the process alone: its containers run on.
    pub fn spare_containers(&mut self) {
        self.spares_containers = true;
    }

    /// The runtime under it.
    pub fn runtime(&self) -> &Runtime {
        &self.host.runtime
    }

    /// The process begins: draws its phases and registers the node. The first change or the end
    /// of the first lists does the same where nobody has called this before.
    pub fn start(&mut self, moment: &mut Moment<'_>) {
        if std::mem::replace(&mut self.is_started, true) {
            return;
        }
        self.host.begin(moment);
        self.node.register(&mut self.host, moment);
        self.ask(moment);
    }

    fn observe_pod(&mut self, change: &Observed<'_>, moment: &mut Moment<'_>) {
        let Some(pod) = change.latest().as_a::<Pod>() else { return };
        let uid = pod.meta.uid;
        if let Some(old) = change.old.filter(|o| o.meta().uid != uid) {
            self.lose(old.meta().uid, moment);
        }
        if change.new.is_none() {
            self.lose(uid, moment);
        } else if let Some(worker) = self.workers.get_mut(&uid) {
            worker.update(pod, &mut self.host, moment);
            self.turn(uid, moment);
        } else {
            let worker = Worker::new(pod, moment.now);
            self.workers.insert(uid, worker);
            if self.is_synced {
                self.admit(uid, moment);
                self.turn(uid, moment);
            }
        }
    }

    /// The pod is gone from the apiserver.
    fn lose(&mut self, uid: Uid, moment: &mut Moment<'_>) {
        let Some(worker) = self.workers.get_mut(&uid) else { return };
        worker.is_gone = true;
        if matches!(worker.stage, Stage::Syncing | Stage::Stopping) {
            worker.stop_for_good(&mut self.host, moment);
        }
        self.turn(uid, moment);
    }

    /// Looks whether there is room for a new pod beside those that are not over.
    fn admit(&mut self, uid: Uid, moment: &mut Moment<'_>) {
        let node = self.node.node();
        let mut used = crate::api::resource::Resources::default();
        let mut count = 0;
        // Bounded by the pods of one node.
        for (other, worker) in &self.workers {
            if *other != uid && worker.takes_resources() {
                used.add(&worker.pod.spec.requests);
                count += 1;
            }
        }
        let Some(worker) = self.workers.get(&uid) else { return };
        let pressed = self.refused_by_pressure(&worker.pod);
        let Some(worker) = self.workers.get_mut(&uid) else { return };
        worker.admit(node, &used, count, pressed, &mut self.host, moment);
    }

    /// Lets a worker do all that is due, and notes when it is next.
    fn turn(&mut self, uid: Uid, moment: &mut Moment<'_>) {
        let Some(worker) = self.workers.get_mut(&uid) else { return };
        self.agenda.remove(&(worker.due, uid));
        let changes = self.host.runtime.changes();
        worker.run(&mut self.host, moment);
        let has_moved = self.host.runtime.changes() != changes;
        if worker.is_forgotten() {
            self.workers.remove(&uid);
            self.host.runtime.remove(uid);
            self.host.texts.forget(uid);
        } else {
            worker.due = worker.next(&self.host);
            if worker.due != SimTime::NEVER {
                self.agenda.insert((worker.due, uid));
            }
        }
        if has_moved {
            self.foresee(moment.now);
        }
    }

    fn stress(&mut self, uid: Uid, how: &serde_json::Value, moment: &mut Moment<'_>) {
        let Some(worker) = self.workers.get(&uid) else { return };
        let number = |key: &str| how[key].as_u64().unwrap_or(0);
        let place = worker.pod.spec.init_containers.len();
        let limit =
            worker.pod.spec.containers.first().and_then(|c| c.resources.limits.get("memory"));
        let limit = limit.map_or(0, Quantity::value);
        let load =
            Load { cpu: Curve::constant(number("cpu")), memory: Curve::constant(number("memory")) };
        let limit = u64::try_from(limit).unwrap_or(0);
        self.host.runtime.stress(uid, place, load, limit, moment.now);
        self.turn(uid, moment);
        self.foresee(moment.now);
        self.ask(moment);
    }

    fn set_unready(&mut self, uid: Uid, on: bool, moment: &mut Moment<'_>) {
        if on {
            self.host.unready.insert(uid);
        } else {
            self.host.unready.remove(&uid);
        }
        if let Some(worker) = self.workers.get_mut(&uid) {
            worker.readiness_changed(&mut self.host, moment);
            self.turn(uid, moment);
            self.ask(moment);
        }
    }

    fn ask(&mut self, moment: &mut Moment<'_>) {
        if !self.host.volumes.is_empty() || self.node.has_in_use() {
            self.mount(moment);
        }
        let pods = self.agenda.first().map_or(SimTime::NEVER, |(at, _)| *at);
        let next = pods.min(self.node.ready_at()).min(self.pressure.due());
        let next = next.min(self.host.volumes.due());
        if next != SimTime::NEVER {
            moment.out.wake(next);
        }
        let beat = self.node.beat_at().min(self.host.volumes.due_in_background());
        if beat != SimTime::NEVER {
            let out = &mut moment.out.background_wake_at;
            *out = Some(out.map_or(beat, |at| at.min(beat)));
        }
    }
}

impl Component for Kubelet {
    /// Draws its phases and registers the node.
    fn begin(&mut self, moment: &mut Moment<'_>) {
        self.start(moment);
    }

    fn observe(&mut self, change: &Observed<'_>, moment: &mut Moment<'_>) {
        self.start(moment);
        let own = |node: &&Arc<Node>| node.meta.name == self.host.config.node.name;
        if let Some(node) = change.latest().as_a::<Node>().filter(own) {
            self.node.observe(change.new.map(|_| node), moment);
        } else {
            self.observe_pod(change, moment);
        }
        self.ask(moment);
    }

    fn synced(&mut self, moment: &mut Moment<'_>) {
        self.start(moment);
        self.is_synced = true;
        let all: Vec<Uid> = self.workers.keys().copied().collect();
        for uid in all {
            self.admit(uid, moment);
            self.turn(uid, moment);
        }
        self.host.volumes.keep(|uid| self.workers.contains_key(&uid), moment.now);
        let strays: Vec<Uid> = self.host.runtime.pods().collect();
        for uid in strays {
            if !self.workers.contains_key(&uid) {
                self.host.runtime.remove(uid);
            }
        }
        self.ask(moment);
    }

    fn reply(&mut self, token: u64, answer: &Answer, moment: &mut Moment<'_>) {
        match self.host.take(token) {
            None => {}
            Some(Sent::PodStatus(uid)) => {
                if let Some(worker) = self.workers.get_mut(&uid) {
                    worker.status_answered(answer, &mut self.host, moment);
                    self.turn(uid, moment);
                }
            }
            Some(Sent::PodDelete(uid)) => {
                if let Some(worker) = self.workers.get_mut(&uid) {
                    worker.delete_answered(answer, &self.host, moment);
                    self.turn(uid, moment);
                }
            }
            Some(Sent::Storage(uid, place)) => {
                self.host.volume_answered(uid, place, answer, moment);
            }
            Some(Sent::Nothing) => {}
            Some(Sent::Node(what)) => self.node.answered(what, answer, &mut self.host, moment),
        }
        self.ask(moment);
    }

    fn wake(&mut self, moment: &mut Moment<'_>) {
        self.node.wake(&mut self.host, moment);
        if self.pressure.due() <= moment.now {
            self.relieve(moment);
        }
        while let Some((at, uid)) = self.agenda.first().copied() {
            if at > moment.now {
                break;
            }
            self.turn(uid, moment);
        }
        self.ask(moment);
    }

    fn hear(&mut self, from: Peer, what: Beside, moment: &mut Moment<'_>) {
        match what {
            Beside::Scrape(id, instants) => {
                let samples = instants.iter().map(|at| Arc::new(self.sample(*at))).collect();
                let answer = Message::Beside(Beside::Scraped(id, samples));
                moment.out.messages.push((To::Peer(from), answer));
            }
            Beside::Share { pod, load, parts } => {
                self.host.runtime.share(pod, load, parts, moment.now);
                self.turn(pod, moment);
                self.foresee(moment.now);
                self.ask(moment);
            }
            Beside::Forwarded(..) | Beside::Scraped(..) => {}
        }
    }

    /// `unready`: a pod is found unready as long as it is `on`, whatever its probes would find.
    /// `registry`: pulls of some images fail or take longer as long as it is `on`.
    /// `stress`: a pod uses so much `cpu` and `memory` beside its own, from now on.
    /// `kill`: containers of a pod end at once with code 137; `how` has the pod's `uid` and the
    /// names of the `containers`, or none for all of them.
    fn disturb(
        &mut self,
        what: &crate::api::Name,
        how: &serde_json::Value,
        moment: &mut Moment<'_>,
    ) {
        let uid = Uid::parse(how["uid"].as_str().unwrap_or_default());
        if what == "unready" {
            return self.set_unready(uid, how["on"] == true, moment);
        }
        if what == "registry" {
            return self.host.registry.disturb(how);
        }
        if what == "stress" {
            return self.stress(uid, how, moment);
        }
        if what == "new-disk" {
            return self.host.runtime.lose_images();
        }
        if what != "kill" {
            return;
        }
        let Some(worker) = self.workers.get(&uid) else { return };
        let names: Vec<&str> =
            how["containers"].as_array().into_iter().flatten().filter_map(|n| n.as_str()).collect();
        let all = worker.pod.spec.all_containers().enumerate();
        let hit: Vec<usize> = all
            .filter(|(_, c)| names.is_empty() || names.contains(&c.name.as_str()))
            .map(|(place, _)| place)
            .collect();
        for place in hit {
            self.host.runtime.kill(uid, place, moment.now);
        }
        self.turn(uid, moment);
        self.ask(moment);
    }

    /// The node has stopped: what ran on it is gone, what is on disk stays.
    fn crashed(&mut self) {
        let mut config = (*self.host.config).clone();
        config.is_registered = false;
        let mut runtime = std::mem::take(&mut self.host.runtime);
        let mut volumes = std::mem::take(&mut self.host.volumes);
        if self.spares_containers {
            volumes.remember_mounted();
        } else {
            runtime.lose_containers();
            volumes = Volumes::default();
        }
        *self = Kubelet::new(Arc::new(config), runtime);
        self.host.volumes = volumes;
    }
}

#[cfg(test)]
mod tests;
