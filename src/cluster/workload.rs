//! Clusters to measure with: equal nodes, and a guest that asks for Deployments.

use std::sync::Arc;

use serde_json::json;

use crate::api::Name;
use crate::api::apps::deployment::Deployment;
use crate::api::message::Message;
use crate::api::object::{Kind, Object};
use crate::api::request::{Request, Verb};
use crate::api::why::Why;
use crate::cluster::config::{ClusterConfig, NodeTemplate};
use crate::cluster::member::{Guest, Moved};
use crate::cluster::topology::Cluster;
use crate::sim::engine::{ActorId, Control, Peer};
use crate::sim::time::{SimDuration, SimTime};

/// When the guest asks for its Deployments: the cluster has come to rest by then.
pub const BEGIN: SimTime = SimTime(10_000_000_000);

/// The end of the small scenario.
pub const SMALL_END: SimTime = SimTime(500_000_000_000);

/// How many Deployments of how many pods are asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Wanted {
    /// How many Deployments.
    pub deployments: usize,
    /// How many pods each has.
    pub replicas: usize,
}

/// A guest that creates Deployments at [`BEGIN`], and may crash a node later.
#[derive(Clone)]
struct Workload {
    server: ActorId,
    wanted: Wanted,
    crash: Option<(SimTime, ActorId)>,
}

impl Workload {
    fn deployment(&self, n: usize) -> serde_json::Value {
        let name = format!("web-{n}");
        json!({
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": name},
            "spec": {
                "replicas": self.wanted.replicas,
                "selector": {"matchLabels": {"app": name}},
                "template": {
                    "metadata": {"labels": {"app": name}},
                    "spec": {"containers": [{
                        "name": "app",
                        "image": "registry.local/app:v1",
                        "resources": {"requests": {"cpu": "100m", "memory": "64Mi"}},
                    }]},
                },
            },
        })
    }
}

impl Guest for Workload {
    fn start(&mut self, context: &mut Moved<'_>) {
        if self.wanted.deployments > 0 {
            context.alarm(BEGIN, 0);
        }
        if let Some((at, _)) = self.crash {
            context.alarm(at, 1);
        }
    }

    fn receive(&mut self, _: Peer, _: Message, _: &mut Moved<'_>) {}

    fn alarm(&mut self, tag: u64, context: &mut Moved<'_>) {
        if let (1, Some((_, node))) = (tag, self.crash) {
            context.control(Control::Crash(node));
            return;
        }
        for n in 0..self.wanted.deployments {
            let verb = Verb::Post {
                kind: Kind::DEPLOYMENT,
                namespace: Name::new_static("default"),
                value: self.deployment(n).into(),
                dry_run: false,
            };
            let user = Name::new_static("kubectl");
            let request = Request { user, manager: Name::default(), verb, why: Why::default() };
            let server = context.peer(self.server);
            context.send(server, Message::Request(n as u64 + 1, Box::new(request)));
        }
    }

    fn link_changed(&mut self, _: ActorId, _: bool, _: &mut Moved<'_>) {}

    fn boxed_clone(&self) -> Box<dyn Guest> {
        Box::new(self.clone())
    }

    fn as_any(&self) -> &dyn std::any::Any {
        self
    }

    fn as_any_mut(&mut self) -> &mut dyn std::any::Any {
        self
    }
}

/// A cluster of equal nodes, with the limits that clients have by default.
pub fn small_config(seed: u64, nodes: usize) -> ClusterConfig {
    let node = |n: usize| NodeTemplate {
        name: smol_str::format_smolstr!("node-{n}"),
        capacity: [("cpu", "16"), ("memory", "32Gi"), ("pods", "110")]
            .into_iter()
            .map(|(k, v)| (k.into(), v.parse().expect("an amount")))
            .collect(),
        ..NodeTemplate::default()
    };
    ClusterConfig { seed, nodes: (0..nodes).map(node).collect(), ..ClusterConfig::default() }
}

/// A cluster of equal nodes, with the limits of clients raised as large clusters do, and as little
/// history kept as nobody asks for.
pub fn large_config(seed: u64, nodes: usize) -> ClusterConfig {
    let mut config = small_config(seed, nodes);
    config.controller_qps = (0, 0);
    config.scheduler_qps = (0, 0);
    config.kubelet_qps = (0, 0);
    config.apiserver.seats = 1_000_000;
    // Nobody watches from the past here.
    config.etcd.history = 1000;
    config.apiserver.event_fresh = SimDuration::millis(50);
    config
}

/// A cluster that has started, with a guest that will ask for pods, and may crash the first node.
pub fn cluster(config: &ClusterConfig, wanted: Wanted, crash: Option<SimTime>) -> Cluster {
    let mut cluster = Cluster::new(config);
    let server = cluster.topology.servers[0];
    let node = cluster.topology.nodes.values().next().map(|(id, _)| *id);
    let crash = crash.zip(node);
    cluster.add_guest("kubectl", Box::new(Workload { server, wanted, crash }));
    cluster.start();
    cluster
}

/// The small scenario, just started: 3 nodes, a Deployment of 3, a crash of a node at 60 s.
pub fn small(seed: u64) -> Cluster {
    let wanted = Wanted { deployments: 1, replicas: 3 };
    cluster(&small_config(seed, 3), wanted, Some(SimTime(60_000_000_000)))
}

/// How many pods are ready, as the Deployments tell.
pub fn ready(cluster: &Cluster) -> usize {
    let all = cluster.store().iter(Kind::DEPLOYMENT);
    let of = |d: &Arc<Deployment>| usize::try_from(d.status.ready_replicas).unwrap_or(0);
    all.filter_map(Object::as_a::<Deployment>).map(of).sum()
}
