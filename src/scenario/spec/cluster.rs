//! What the cluster is made of.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use serde_json::Value;
use serde_json::json;

use crate::api::taint::Taint;
use crate::api::taint::TaintChange;
use crate::api::time::Time;
use crate::course::keepers;
use crate::scenario::amount::Amount;
use crate::scenario::decode::Decode;
use crate::scenario::decode::Spanned;
use crate::scenario::decode::object;
use crate::scenario::diagnostic::Mistake;
use crate::scenario::schema::Schema;
use crate::scenario::source::Session;
use crate::scenario::spec::ClusterAutoscaler;
use crate::scenario::spec::Definition;
use crate::scenario::spec::Descheduler;
use crate::scenario::spec::FeatureGates;
use crate::scenario::spec::Flags;
use crate::scenario::spec::KubeScheduler;
use crate::scenario::spec::Latencies;
use crate::scenario::spec::MetricsServer;
use crate::scenario::spec::NodeGroup;
use crate::scenario::spec::Storage;
use crate::scenario::yaml::Node;

/// So many nodes of one template are plenty.
const MOST_NODES: u32 = 100_000;

object! {
    /// The nodes and the control plane.
    pub struct Cluster as "`cluster`" checked by names_are_unique {
        /// The nodes, by template.
        "nodes" => nodes: Vec<NodeTemplate> = Cluster::default().nodes;
        /// A file that holds the state to begin with: what `kubectl get nodes,pods,deployments,… -A
        /// -o yaml` prints. Its nodes stand beside those of `nodes`, which is empty then unless it
        /// is written.
        "dump" => dump: Option<Spanned<String>> = None;
        /// Kinds of one's own, which the cluster has from the beginning: each a
        /// `CustomResourceDefinition`, or the path of a file or folder of them.
        "definitions" => definitions: Vec<Definition> = Vec::new();
        /// What the wall clock shows when the run starts: `2026-01-01T00:00:00Z`, which is also
        /// what it shows when nothing is written. CronJobs go by it, and all times in objects.
        "start" => start: Start = Start::default();
        /// How many kube-apiserver replicas.
        "apiservers" => apiservers: u32 = 1;
        /// How many etcd members.
        "etcd" => etcd: u32 = 1;
        /// How many kube-controller-manager replicas.
        "controller-managers" => controller_managers: u32 = 1;
        /// How many kube-scheduler replicas.
        "schedulers" => schedulers: u32 = 1;
        /// Schedulers beside kube-scheduler, each a process of its own with its own picture of the
        /// cluster. What two of them decide at once, the apiserver and the kubelets settle.
        "other-schedulers" => other_schedulers: Vec<OtherScheduler> = Vec::new();
        /// The real components' own flags, by component.
        "flags" => flags: Flags = Flags::default();
        /// A `KubeSchedulerConfiguration`, inline or as a file's path.
        "scheduler-config" => scheduler_config: Option<Spanned<SchedulerConfig>> = None;
        /// Feature gates, for all components.
        "feature-gates" => feature_gates: FeatureGates = FeatureGates::default();
        /// How metrics-server is run.
        "metrics-server" => metrics_server: Option<MetricsServer> = None;
        /// What serves storage: a driver of volumes, and the default storage class.
        "storage" => storage: Option<Storage> = None;
        /// The autoscaler of nodes, and its node groups.
        "cluster-autoscaler" => autoscaler: Option<ClusterAutoscaler> = None;
        /// The descheduler, and its policy.
        "descheduler" => descheduler: Option<Descheduler> = None;
        /// Operators that the course brings: `level-keeper`, `edge-keeper`.
        "operators" => operators: Vec<Operator> = Vec::new();
        /// How long links and operations take.
        "latency" => latency: Latencies = Latencies::default();
    }
}

impl Default for Cluster {
    fn default() -> Self {
        Cluster {
            nodes: vec![NodeTemplate { count: Some(3), ..NodeTemplate::default() }],
            dump: None,
            definitions: Vec::new(),
            start: Start::default(),
            apiservers: 1,
            etcd: 1,
            controller_managers: 1,
            schedulers: 1,
            other_schedulers: Vec::new(),
            flags: Flags::default(),
            scheduler_config: None,
            feature_gates: FeatureGates::default(),
            metrics_server: None,
            storage: None,
            autoscaler: None,
            descheduler: None,
            operators: Vec::new(),
            latency: Latencies::default(),
        }
    }
}

object! {
    /// A scheduler beside kube-scheduler.
    pub struct OtherScheduler as "a scheduler" {
        /// The name of its process; without a configuration it answers for the pods that name it.
        "name" => name: Spanned<String>;
        /// A `KubeSchedulerConfiguration`, inline or as a file's path.
        "scheduler-config" => config: Option<Spanned<SchedulerConfig>> = None;
    }
}

/// What the wall clock shows when the run starts.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Start(pub crate::sim::time::Start);

impl Decode for Start {
    fn shape(_: &mut Schema) -> Value {
        json!({ "type": "string", "format": "date-time" })
    }

    fn decode(node: &Node, session: &mut Session) -> Option<Self> {
        let text = String::decode(node, session)?;
        match Time::parse(&text).filter(|time| *time >= Time(0)) {
            Some(time) => Some(Start(crate::sim::time::Start(time.0))),
            None => {
                let message = format!("`{text}` is no time since 1970 like 2026-01-01T00:00:00Z");
                session.report(node.place, Mistake::other(message));
                None
            }
        }
    }
}

/// The name of an operator that the course brings.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Operator(pub String);

impl Decode for Operator {
    fn shape(_: &mut Schema) -> Value {
        json!({ "type": "string", "enum": keepers::NAMES })
    }

    fn decode(node: &Node, session: &mut Session) -> Option<Self> {
        let text = String::decode(node, session)?;
        if keepers::NAMES.contains(&text.as_str()) {
            return Some(Operator(text));
        }
        session.report(node.place, Mistake::unknown_name("operator", &text, keepers::NAMES));
        None
    }
}

object! {
    /// One node, or with a count as many alike, named `node-1`, `node-2`, ….
    pub struct NodeTemplate as "a node template" checked by node_is_possible {
        /// The node's name; with a count, what its name begins with.
        "name" => name: String;
        /// How many nodes; without it one, of exactly this name.
        "count" => count: Option<u32> = None;
        /// The cpu that pods can use.
        "cpu" => cpu: Amount = NodeTemplate::default().cpu;
        /// The memory that pods can use.
        "memory" => memory: Amount = NodeTemplate::default().memory;
        /// The disk for containers and logs; without it nothing is known of it.
        "disk" => disk: Option<Amount> = None;
        /// How many pods fit on it.
        "pods" => pods: u32 = 110;
        /// Labels beside those that every node has.
        "labels" => labels: BTreeMap<String, String> = BTreeMap::new();
        /// Taints, each as kubectl writes them: `dedicated=db:NoSchedule`.
        "taints" => taints: Vec<Taint> = Vec::new();
        /// Further resources: `{nvidia.com/gpu: 4}`.
        "extended" => extended: BTreeMap<String, Amount> = BTreeMap::new();
        /// Images that it holds from the beginning, and need not pull.
        "images" => images: Vec<String> = Vec::new();
        /// Whether it is there from the beginning; else `node-start` brings it.
        "started" => started: bool = true;
    }
}

impl Default for NodeTemplate {
    fn default() -> Self {
        NodeTemplate {
            name: "node".to_owned(),
            count: None,
            cpu: Amount { text: "4".to_owned(), millis: 4_000 },
            memory: Amount { text: "8Gi".to_owned(), millis: 8_589_934_592_000 },
            disk: None,
            pods: 110,
            labels: BTreeMap::new(),
            taints: Vec::new(),
            extended: BTreeMap::new(),
            images: Vec::new(),
            started: true,
        }
    }
}

impl NodeTemplate {
    /// The names of its nodes.
    pub fn node_names(&self) -> Vec<String> {
        match self.count {
            None => vec![self.name.clone()],
            Some(count) => (1..=count).map(|n| format!("{}-{n}", self.name)).collect(),
        }
    }
}

/// Reports a name that no node can have.
fn node_is_possible(template: &NodeTemplate, node: &Node, session: &mut Session) {
    let good = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '.');
    let name = &template.name;
    let ends = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
    let valid = name.chars().all(good)
        && ends(name.chars().next())
        && ends(name.chars().next_back())
        && name.len() <= 253;
    if !valid {
        let expected = "lower-case letters, digits, `-` and `.`, beginning and ending with a \
                        letter or digit";
        session.report(
            node.get("name").map_or(node.place, |n| n.place),
            Mistake::bad_value("node name", name, expected),
        );
    }
}

/// Reports two nodes of one name, too many nodes, and a control plane without a part.
fn names_are_unique(cluster: &Cluster, node: &Node, session: &mut Session) {
    let place = |key| node.get(key).map_or(node.place, |node| node.place);
    for (key, count) in [("apiservers", cluster.apiservers), ("etcd", cluster.etcd)] {
        if count == 0 {
            session.report(place(key), Mistake::bad_value("possible count", "0", "at least 1"));
        }
    }
    let count = |template: &NodeTemplate| u64::from(template.count.unwrap_or(1));
    let all: u64 = cluster.nodes.iter().map(count).sum();
    if all > u64::from(MOST_NODES) {
        let expected = format!("at most {MOST_NODES}");
        let mistake = Mistake::bad_value("possible number of nodes", &all.to_string(), &expected);
        session.report(place("nodes"), mistake);
        return;
    }
    let mut names = BTreeSet::new();
    let groups = cluster.autoscaler.iter().flat_map(|a| &a.groups);
    for template in groups.flat_map(NodeGroup::nodes) {
        names.extend(template.node_names());
    }
    let templates = node.get("nodes").and_then(Node::items).unwrap_or(&[]);
    for (template, written) in cluster.nodes.iter().zip(templates) {
        if let Some(twice) = template.node_names().into_iter().find(|n| !names.insert(n.clone())) {
            session.report(written.place, Mistake::other(format!("two nodes named `{twice}`")));
        }
    }
}

impl Decode for Taint {
    fn shape(_: &mut Schema) -> Value {
        json!({
            "type": "string",
            "pattern": "^[^=:]+(=[^:]*)?:(NoSchedule|PreferNoSchedule|NoExecute)$",
        })
    }

    fn decode(node: &Node, session: &mut Session) -> Option<Self> {
        let text = String::decode(node, session)?;
        let change = TaintChange::parse(&[&text]).unwrap_or_default();
        let taint = change.add.into_iter().next();
        if taint.is_none() {
            let expected = "expected `key=value:NoSchedule`, `…:PreferNoSchedule` or `…:NoExecute`";
            session.report(node.place, Mistake::bad_value("taint", &text, expected));
        }
        taint
    }
}

/// The scheduler's configuration: here, or in a file.
#[derive(Clone, PartialEq, Debug)]
pub enum SchedulerConfig {
    /// Written in the scenario.
    Inline(Box<KubeScheduler>),
    /// The path of a file.
    File(String),
}

impl Decode for SchedulerConfig {
    fn shape(_: &mut Schema) -> Value {
        json!({ "type": ["object", "string"] })
    }

    fn decode(node: &Node, session: &mut Session) -> Option<Self> {
        if node.entries().is_some() {
            return Decode::decode(node, session).map(SchedulerConfig::Inline);
        }
        String::decode(node, session).map(SchedulerConfig::File)
    }
}
