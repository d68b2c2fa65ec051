//! The stage: a cluster as a scenario describes it.

mod autoscaler;
mod controllers;
mod pressure;
mod storage;
mod usage;
use std::sync::Arc;

use serde_json::Value;

use crate::api::Name;
use crate::api::core::node::Node;
use crate::api::gates::Gates;
use crate::api::labels::Labels;
use crate::api::quantity::Quantity;
use crate::api::resource::ResourceList;
use crate::cluster::{ClusterConfig, NodeTemplate};
use crate::course::keepers;
use crate::node::images::{Behaviour, Images};
use crate::scenario::chaos;
use crate::scenario::load::Described;
use crate::scenario::manifest::Manifest;
use crate::scenario::source::Session;
use crate::scenario::spec::{
    Action, Cluster, Descheduler, FeatureGates, Image, Latency, NodeTemplate as Written, Scenario,
    Start,
};
use crate::sim::link::Delay;
use crate::sim::time::SimDuration;

/// What a cluster is to be made of, as a scenario says.
pub(super) fn config(described: &Described, seed: u64) -> Result<ClusterConfig, Vec<String>> {
    let scenario = &described.scenario;
    let start = scenario.cluster.start.0;
    let mut config = ClusterConfig { seed, start, ..ClusterConfig::default() };
    let mut wrong = Vec::new();
    config.nodes = scenario.cluster.nodes.iter().flat_map(nodes).collect();
    config.nodes.extend(described.dump.iter().filter_map(|o| Some(dumped_node(o.as_a()?))));
    config.state = described.dump.clone();
    config.apiservers = scenario.cluster.apiservers;
    config.controller_managers = scenario.cluster.controller_managers;
    config.schedulers = scenario.cluster.schedulers;
    config.namespaces = vec![Name::new(&scenario.namespace)];
    config.eager = is_eager(described);
    let operators = scenario.cluster.operators.iter().map(|operator| operator.0.as_str());
    let rules = |name: &str| keepers::named(name).into_iter().collect();
    config.operators = operators.map(|name| (Name::new(name), rules(name))).collect();
    config.images = images(scenario)?;
    usage::set(described, &mut config);
    storage::set(described, &mut config);
    autoscaler::set(described, &mut config, &mut wrong);
    config.descheduler = scenario.cluster.descheduler.as_ref().map(Descheduler::made);
    if scenario.cluster.etcd > 1 {
        wrong.push("more than one etcd member is not modelled".to_owned());
    }
    if let Some(scheduler) = &described.scheduler_config {
        config.scheduler = scheduler.clone();
    }
    config.other_schedulers.clone_from(&described.other_schedulers);
    gates(&scenario.cluster, &mut config);
    flags(&scenario.cluster, &mut config, &mut wrong);
    pressure::check(&config, &mut wrong);
    latencies(&scenario.cluster, &mut config, &mut wrong);
    if wrong.is_empty() { Ok(config) } else { Err(wrong) }
}

fn nodes(written: &Written) -> Vec<NodeTemplate> {
    let one = |name: String| {
        let mut capacity = ResourceList::new();
        let mut put = |name: &str, text: &str| {
            if let Ok(quantity) = text.parse::<Quantity>() {
                capacity.insert(name.into(), quantity);
            }
        };
        put("cpu", &written.cpu.text);
        put("memory", &written.memory.text);
        put("pods", &written.pods.to_string());
        written.disk.iter().for_each(|disk| put("ephemeral-storage", &disk.text));
        written.extended.iter().for_each(|(name, amount)| put(name, &amount.text));
        let labels = written.labels.iter().map(|(k, v)| (Name::new(k), Name::new(v)));
        NodeTemplate {
            name: name.into(),
            labels: labels.collect::<Labels>(),
            taints: written.taints.clone(),
            capacity,
            held_images: written.images.iter().map(Name::new).collect(),
            started: written.started,
            ..NodeTemplate::default()
        }
    };
    match written.count {
        None => vec![one(written.name.clone())],
        Some(count) => (1..=count).map(|n| one(format!("{}-{n}", written.name))).collect(),
    }
}

/// A node of a dump: it runs if it was ready, and what it has is what pods could use of it.
fn dumped_node(node: &Arc<Node>) -> NodeTemplate {
    let addresses = node.status.rest.0.as_ref().and_then(|rest| rest.get("addresses")?.as_array());
    let internal = |address: &&Value| address["type"] == "InternalIP";
    let ip = addresses.and_then(|all| all.iter().find(internal)?.get("address")?.as_str());
    // A range of another form than `10.244.3.0/24` is not one that addresses are made of.
    let range = node.spec.pod_cidr.strip_suffix(".0/24");
    NodeTemplate {
        name: node.meta.name.clone(),
        labels: node.meta.labels.clone(),
        taints: Vec::new(),
        capacity: node.status.allocatable.clone(),
        held_images: Vec::new(),
        started: node.is_ready(),
        ip: ip.map(Name::new),
        pod_range: range.map(Name::new),
    }
}

/// The feature gates of each component: those of the cluster, and on top of them its flag's.
fn gates(cluster: &Cluster, config: &mut ClusterConfig) {
    let of = |component: &str| {
        let flag = cluster.flags.0.get(component).and_then(|flags| flags.get("feature-gates"));
        let own = flag.and_then(|text| FeatureGates::parse(text).ok()).unwrap_or_default();
        own.on_top_of(cluster.feature_gates.on_top_of(Gates::DEFAULT))
    };
    config.apiserver.gates = of("kube-apiserver");
    config.controller_gates = of("kube-controller-manager");
    config.kubelet_gates = of("kubelet");
    config.scheduler.set_gates(of("kube-scheduler"));
    for (_, scheduler) in &mut config.other_schedulers {
        scheduler.set_gates(of("kube-scheduler"));
    }
}

/// Signs of life are written for real when what carries them is disturbed: links, servers,
/// leaders. A node that stops is not enough: its last sign of life can be computed.
fn is_eager(described: &Described) -> bool {
    let scenario = &described.scenario;
    let disturbs = |manifest: &Manifest| {
        let experiment = chaos::read(manifest, &mut Session::default());
        experiment.is_some_and(|experiment| !experiment.inject().fault.is_calm())
    };
    let steps = scenario.steps.iter().any(|step| match &step.action {
        Action::Inject(inject) => !inject.fault.is_calm(),
        Action::Kubectl(_) | Action::Apply(_) => {
            chaos::of_step(&step.action, described).into_iter().any(disturbs)
        }
        Action::Wait(_) | Action::Until(_) => false,
    });
    let faults = scenario.faults.iter().any(|fault| match &fault.start {
        Start::At(_, inject) | Start::When(_, inject) => !inject.fault.is_calm(),
        Start::Random(random) => random.kinds.iter().any(|k| {
            !matches!(k.0.as_str(), "pod-kill" | "container-kill" | "node-stop" | "node-start")
        }),
    });
    steps || faults || scenario.cluster.apiservers > 1
}

fn images(scenario: &Scenario) -> Result<Images, Vec<String>> {
    let rows: Vec<(&str, Behaviour)> =
        scenario.images.0.iter().map(|(glob, image)| (glob.as_str(), behaviour(image))).collect();
    // Recordings and lessons use such a name for an image that is nowhere.
    let nowhere = Behaviour { pull_error: Name::new_static("not found"), ..Behaviour::default() };
    let rows: Vec<(&str, Behaviour)> = rows.into_iter().chain([("*nosuch*", nowhere)]).collect();
    Images::new(&rows).map_err(|e| vec![e.to_string()])
}

fn behaviour(image: &Image) -> Behaviour {
    let span = |span: Option<SimDuration>| span.unwrap_or(SimDuration::ZERO);
    Behaviour {
        pull: span(image.pull),
        pull_error: image.pull_error.as_deref().unwrap_or_default().into(),
        size_bytes: 0,
        start: span(image.start),
        ready_after: span(image.ready_after),
        exit: image.exit.as_ref().map(|e| (e.after, e.code)),
        term: span(image.term),
        stop_code: 0,
        nature: usage::nature(image),
    }
}

/// The flags that the simulator acts upon; every other one is an error that says so.
fn flags(cluster: &Cluster, config: &mut ClusterConfig, wrong: &mut Vec<String>) {
    let others = cluster.flags.0.iter().filter(|(component, _)| *component != "cluster-autoscaler");
    let mut controllers = crate::controllers::Options::default();
    for (component, set) in others {
        for (flag, value) in set {
            if component == "kube-controller-manager"
                && let Some(done) = controllers::set(flag, value, &mut controllers)
            {
                let told = |why| format!("the flag `--{flag}` of {component}: {why}");
                wrong.extend(done.err().map(told));
                continue;
            }
            let number = || value.parse::<u32>().unwrap_or(0);
            match (component.as_str(), flag.as_str()) {
                ("kube-controller-manager", "kube-api-qps") => config.controller_qps.0 = number(),
                ("kube-controller-manager", "kube-api-burst") => config.controller_qps.1 = number(),
                ("kube-scheduler", "kube-api-qps") => config.scheduler_qps.0 = number(),
                ("kube-scheduler", "kube-api-burst") => config.scheduler_qps.1 = number(),
                ("kubelet", "kube-api-qps") => config.kubelet_qps.0 = number(),
                ("kubelet", "kube-api-burst") => config.kubelet_qps.1 = number(),
                ("kubelet", name) if name.starts_with("eviction-") => {
                    pressure::set(name, value, config, wrong);
                }
                (
                    "kube-apiserver" | "kube-controller-manager" | "kube-scheduler" | "kubelet",
                    "feature-gates",
                ) => {}
                _ => wrong.push(format!("the flag `--{flag}` of {component} is not modelled")),
            }
        }
    }
    config.controllers = crate::controllers::with(&controllers);
}

fn latencies(cluster: &Cluster, config: &mut ClusterConfig, wrong: &mut Vec<String>) {
    for (name, latency) in &cluster.latency.0 {
        let delay = match latency {
            Latency::Fixed(span) => Delay::fixed(*span),
            Latency::Range(low, high) => Delay::between(*low, *high),
            Latency::Quantiles(_) => {
                wrong.push(format!("a distribution for the latency `{name}` is not modelled"));
                continue;
            }
        };
        match name.as_str() {
            "etcd" => config.etcd.commit = delay,
            "apiserver" => config.apiserver.processing = delay,
            "kubectl" => config.latency.person = delay,
            "kubelet" | "node" => config.latency.node = delay,
            "controller-manager" | "scheduler" | "control-plane" => {
                config.latency.control_plane = delay;
            }
            _ => wrong.push(format!("the latency `{name}` is not modelled")),
        }
    }
}
