//! What a decision of the scheduler costs: the shapes of upstream's scheduler_perf, run on the
//! scheduler's own cycle (one attempt, and what is assumed of it).
//!
//! `cargo bench --bench scheduler -- SchedulingBasic` measures one shape; `--naive` evaluates
//! every attempt anew. Upstream's thresholds, in pods a second of the whole control plane at 5,000
//! nodes, stand beside; they are lower bounds that its own CI asks for.

#![allow(
    clippy::disallowed_types,
    clippy::print_stdout,
    clippy::float_arithmetic,
    clippy::cast_precision_loss,
    reason = "it measures real time"
)]

mod common;

use std::sync::Arc;

use common::core_time;
use serde_json::{Value, json};
use wavetank::api::core::node::Node;
use wavetank::api::core::pod::Pod;
use wavetank::api::labels::Labels;
use wavetank::api::meta::Uid;
use wavetank::api::object::{Kind, Object, Resource};
use wavetank::scheduler::cache::Cache;
use wavetank::scheduler::config::Config;
use wavetank::scheduler::cycle::{Evaluation, Nomination, Outcome, Search};
use wavetank::scheduler::profile::Profile;
use wavetank::sim::rng::Rng;

/// A shape: how many nodes, pods that are there before, pods that are measured, and of what kind.
struct Shape {
    name: &'static str,
    /// Pods a second that upstream asks for.
    threshold: &'static str,
    nodes: usize,
    before: (usize, fn() -> Value),
    measured: (usize, fn() -> Value),
    zones: &'static [&'static str],
    churn: bool,
}

const ZONES: &[&str] = &["moon-1", "moon-2", "moon-3"];

const SHAPES: &[Shape] = &[
    Shape {
        name: "SchedulingBasic",
        threshold: "680",
        nodes: 5000,
        before: (1000, plain),
        measured: (10_000, plain),
        zones: &[],
        churn: false,
    },
    Shape {
        name: "TopologySpreading",
        threshold: "85",
        nodes: 5000,
        before: (5000, plain),
        measured: (5000, spread),
        zones: ZONES,
        churn: false,
    },
    Shape {
        name: "PreferredTopologySpreading",
        threshold: "125",
        nodes: 5000,
        before: (5000, plain),
        measured: (5000, soft_spread),
        zones: ZONES,
        churn: false,
    },
    Shape {
        name: "SchedulingPodAntiAffinity",
        threshold: "60",
        nodes: 5000,
        before: (1000, anti_affinity),
        measured: (2000, anti_affinity),
        zones: &[],
        churn: false,
    },
    Shape {
        name: "SchedulingPodAffinity",
        threshold: "35",
        nodes: 5000,
        before: (5000, affinity),
        measured: (5000, affinity),
        zones: &["zone1"],
        churn: false,
    },
    Shape {
        name: "Preemption",
        threshold: "18 (500 nodes)",
        nodes: 500,
        before: (2000, low),
        measured: (500, high),
        zones: &[],
        churn: false,
    },
    Shape {
        name: "SchedulingWithMixedChurn",
        threshold: "265",
        nodes: 5000,
        before: (0, plain),
        measured: (10_000, plain),
        zones: &[],
        churn: true,
    },
];

fn pod_with(labels: &Value, mut spec: Value, cpu: &str, memory: &str) -> Value {
    spec["containers"] = json!([{
        "name": "pause", "image": "registry.k8s.io/pause:3.10", "ports": [{"containerPort": 80}],
        "resources": {"requests": {"cpu": cpu, "memory": memory}},
    }]);
    json!({"metadata": {"namespace": "sched-1", "labels": labels}, "spec": spec})
}

fn plain() -> Value {
    pod_with(&json!({}), json!({}), "100m", "500Mi")
}

fn constraint(unsatisfiable: &str) -> Value {
    json!({"topologySpreadConstraints": [{
        "maxSkew": 5, "topologyKey": "topology.kubernetes.io/zone",
        "whenUnsatisfiable": unsatisfiable, "labelSelector": {"matchLabels": {"color": "blue"}},
    }]})
}

fn spread() -> Value {
    pod_with(&json!({"color": "blue"}), constraint("DoNotSchedule"), "100m", "500Mi")
}

fn soft_spread() -> Value {
    pod_with(&json!({"color": "blue"}), constraint("ScheduleAnyway"), "100m", "500Mi")
}

fn terms(kind: &str, color: &str, key: &str) -> Value {
    let term = json!({
        "labelSelector": {"matchLabels": {"color": color}}, "topologyKey": key,
        "namespaces": ["sched-1", "sched-0"],
    });
    json!({"affinity": {kind: {"requiredDuringSchedulingIgnoredDuringExecution": [term]}}})
}

fn anti_affinity() -> Value {
    let spec = terms("podAntiAffinity", "green", "kubernetes.io/hostname");
    pod_with(&json!({"color": "green"}), spec, "100m", "500Mi")
}

fn affinity() -> Value {
    let spec = terms("podAffinity", "blue", "topology.kubernetes.io/zone");
    pod_with(&json!({"color": "blue"}), spec, "100m", "500Mi")
}

fn low() -> Value {
    pod_with(&json!({}), json!({"priority": 0}), "900m", "500Mi")
}

fn high() -> Value {
    pod_with(&json!({}), json!({"priority": 10}), "3000m", "500Mi")
}

fn node(n: usize, zones: &[&str]) -> Arc<Node> {
    let room = json!({"cpu": "4", "memory": "32Gi", "pods": "110"});
    let name = format!("node-{n}");
    let mut labels = json!({"kubernetes.io/hostname": name});
    if let Some(zone) = (!zones.is_empty()).then(|| zones[n % zones.len()]) {
        labels["topology.kubernetes.io/zone"] = json!(zone);
    }
    let value = json!({
        "metadata": {"name": name, "labels": labels},
        "status": {"capacity": room, "allocatable": room},
    });
    let object = Object::from_value(Kind::NODE, value).expect("a node");
    Node::of(&object).cloned().expect("a node")
}

fn pod_of(value: &Value) -> Pod {
    let object = Object::from_value(Kind::POD, value.clone()).expect("a pod");
    Pod::of(&object).map(|p| Pod::clone(p)).expect("a pod")
}

/// A scheduler without its queue: a cache, a search, and pods made of templates.
struct Bench {
    cache: Cache,
    profile: Profile,
    search: Search,
    rng: Rng,
    made: u128,
}

impl Bench {
    fn new(shape: &Shape, evaluation: Evaluation) -> Bench {
        let mut cache = Cache::default();
        (0..shape.nodes).for_each(|n| cache.put_node(&node(n, shape.zones)));
        for name in ["sched-0", "sched-1"] {
            cache.put_namespace(&name.into(), Some(&Labels::default()));
        }
        let profile = Profile::new(&Config::default().profiles[0]);
        let rng = Rng::named(1, "scheduler");
        Bench { cache, profile, search: Search::new(evaluation), rng, made: 0 }
    }

    /// Places one pod; where room has to be made, its victims go at once and it is tried again.
    fn place(&mut self, template: &Pod) {
        self.made += 1;
        let mut pod = template.clone();
        pod.meta.uid = Uid::random(self.made << 80 | self.made);
        let pod = Arc::new(pod);
        loop {
            let rng = &mut self.rng;
            match self.search.run(&self.profile, 0, &self.cache, &pod, rng) {
                Outcome::Found(found) => return self.cache.assume(&pod, &found.node),
                Outcome::Rejected(rejected) => {
                    let Nomination::Room(room) = rejected.nomination else { return };
                    room.victims.iter().for_each(|v| self.cache.remove_pod(v.meta.uid));
                }
                Outcome::Error(why) => panic!("{why}"),
            }
        }
    }
}

fn measure(shape: &Shape, evaluation: Evaluation, share: usize) {
    let mut bench = Bench::new(shape, evaluation);
    let (before, measured) = (pod_of(&(shape.before.1)()), pod_of(&(shape.measured.1)()));
    (0..shape.before.0 / share).for_each(|_| bench.place(&before));
    let pods = shape.measured.0 / share;
    let begin = core_time();
    for n in 0..pods {
        // Upstream churns one object of several kinds each second.
        if shape.churn && n % 700 == 699 {
            let extra = node(shape.nodes + n, shape.zones);
            bench.cache.put_node(&extra);
        }
        bench.place(&measured);
    }
    let took = (core_time() - begin).as_secs_f64();
    let rate = pods as f64 / took;
    let each = took / pods as f64 * 1e6;
    println!(
        "{:28} {:5} nodes {pods:6} pods: {rate:9.0} pods/s, {each:6.1} µs each (upstream asks {})",
        shape.name, shape.nodes, shape.threshold,
    );
}

fn main() {
    let (options, only): (Vec<String>, Vec<String>) =
        std::env::args().skip(1).partition(|a| a.starts_with("--"));
    let has = |name: &str| options.iter().any(|o| o == name);
    let evaluation = if has("--naive") { Evaluation::Naive } else { Evaluation::Indexed };
    let share = if has("--test") { 100 } else { 1 };
    for shape in SHAPES {
        if only.is_empty() || only.iter().any(|o| o == shape.name) {
            measure(shape, evaluation, share);
        }
    }
}
