//! What the benchmarks share: clusters of any size, a guest that asks for work, and figures.

#![allow(
    clippy::disallowed_types,
    clippy::print_stdout,
    clippy::float_arithmetic,
    clippy::cast_precision_loss,
    clippy::wildcard_enum_match_arm,
    reason = "it measures real time"
)]
#![allow(dead_code, reason = "each benchmark uses some of it")]

use std::time::{Duration, Instant};

use serde_json::json;
use wavetank::api::message::Message;
use wavetank::api::object::{Kind, Object};
use wavetank::api::request::{Request, Verb};
use wavetank::api::why::Why;
use wavetank::cluster::{Cluster, ClusterConfig, Guest, Moved, NodeTemplate};
use wavetank::sim::engine::{ActorId, Control, Peer};
use wavetank::sim::log::Keep;
use wavetank::sim::time::{SimDuration, SimTime};

/// One second of the clock of a run.
pub(crate) const SECOND: u64 = 1_000_000_000;
/// When the guest asks for its Deployments: the cluster has come to rest by then.
pub(crate) const BEGIN: SimTime = SimTime(10 * SECOND);

/// A guest that creates Deployments at [`BEGIN`], and may crash a node later.
#[derive(Clone)]
pub(crate) struct Workload {
    server: ActorId,
    deployments: usize,
    replicas: usize,
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
                "replicas": self.replicas,
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
        context.alarm(BEGIN, 0);
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
        for n in 0..self.deployments {
            let verb = Verb::Post {
                kind: Kind::DEPLOYMENT,
                namespace: "default".into(),
                value: self.deployment(n).into(),
                dry_run: false,
            };
            let request = Request { user: "kubectl".into(), verb, why: Why::default() };
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

/// The configuration of a cluster of equal nodes.
pub(crate) fn config(seed: u64, nodes: usize, limits: bool) -> ClusterConfig {
    let node = |n: usize| NodeTemplate {
        name: format!("node-{n}").into(),
        capacity: [("cpu", "16"), ("memory", "32Gi"), ("pods", "110")]
            .into_iter()
            .map(|(k, v)| (k.into(), v.parse().expect("an amount")))
            .collect(),
        ..NodeTemplate::default()
    };
    let mut config =
        ClusterConfig { seed, nodes: (0..nodes).map(node).collect(), ..ClusterConfig::default() };
    if !limits {
        config.controller_qps = (0, 0);
        config.scheduler_qps = (0, 0);
        config.kubelet_qps = (0, 0);
        config.apiserver.seats = 1_000_000;
        // Nobody watches from the past here.
        config.etcd.history = 1000;
        config.apiserver.event_fresh = SimDuration::millis(50);
    }
    config
}

/// A cluster that has started, with a guest that will ask for `deployments` × `replicas` pods.
pub(crate) fn cluster(
    config: &ClusterConfig,
    deployments: usize,
    replicas: usize,
    crash: Option<u64>,
) -> Cluster {
    let mut cluster = Cluster::new(config);
    let server = cluster.topology.servers[0];
    let node = cluster.topology.nodes.values().next().map(|(id, _)| *id);
    let crash = crash.zip(node).map(|(at, node)| (SimTime(at * SECOND), node));
    let guest = Workload { server, deployments, replicas, crash };
    cluster.add_guest("kubectl", Box::new(guest));
    cluster.start();
    cluster
}

/// How many pods are ready, as the Deployments tell.
pub(crate) fn ready(cluster: &Cluster) -> usize {
    let all = cluster.store().list(Kind::DEPLOYMENT);
    let of = |o: &Object| match o {
        Object::Deployment(d) => usize::try_from(d.status.ready_replicas).unwrap_or(0),
        _ => 0,
    };
    all.iter().map(of).sum()
}

/// The greatest memory of this process so far, in MB; none where the system does not tell.
pub(crate) fn peak_memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|l| l.starts_with("VmHWM"))?;
    line.split_whitespace().nth(1)?.parse::<u64>().ok().map(|kb| kb / 1024)
}

/// How long this process has been on a core, where the system tells; else the time that passed.
pub(crate) fn core_time() -> Duration {
    static BEGUN: std::sync::LazyLock<Instant> = std::sync::LazyLock::new(Instant::now);
    let passed = BEGUN.elapsed();
    let told = std::fs::read_to_string("/proc/self/schedstat").ok();
    let nanos = told.and_then(|t| t.split_whitespace().next()?.parse().ok());
    nanos.map_or(passed, Duration::from_nanos)
}

/// Runs one rollout from a settled cluster until all pods are ready, and prints its figures.
pub(crate) fn rollout(nodes: usize, deployments: usize, replicas: usize) -> Duration {
    let pods = deployments * replicas;
    let begun = core_time();
    let mut cluster = cluster(&config(1, nodes, false), deployments, replicas, None);
    cluster.engine.log_mut().keep(Keep::Nothing);
    cluster.engine.run_until(SimTime(BEGIN.0 - 1));
    let prepared = core_time().saturating_sub(begun);
    let (begun, before) = (core_time(), cluster.engine.turns());
    let mut until = BEGIN;
    while ready(&cluster) < pods && until.0 < 3600 * SECOND {
        until.0 += SECOND / 4;
        cluster.engine.run_until(until);
    }
    let spent = core_time().saturating_sub(begun);
    let turns = cluster.engine.turns() - before;
    let seconds = spent.as_secs_f64();
    println!(
        "rollout {nodes} nodes x {pods} pods: prepared {:.0} ms, all ready {:.0} ms \
         ({:.0} pods/s, {turns} turns, {:.2} M turns/s, {:.1} turns a pod), virtual {:.1} s, \
         ready {}, peak {} MB, {} records, digest {}",
        prepared.as_secs_f64() * 1e3,
        seconds * 1e3,
        pods as f64 / seconds,
        turns as f64 / seconds / 1e6,
        turns as f64 / pods as f64,
        (until.0 - BEGIN.0) as f64 / 1e9,
        ready(&cluster),
        peak_memory().unwrap_or(0),
        cluster.engine.log().len(),
        cluster.engine.digest(),
    );
    spent
}

/// The small scenario, just started: 3 nodes, a Deployment of 3, a crash of a node at 60 s.
pub(crate) fn small(seed: u64) -> Cluster {
    cluster(&config(seed, 3, true), 1, 3, Some(60))
}

/// The end of the small scenario.
pub(crate) const SMALL_END: SimTime = SimTime(500 * SECOND);
