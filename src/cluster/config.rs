//! What a cluster is to be made of.

use std::sync::Arc;

use crate::api::Name;
use crate::api::gates::Gates;
use crate::api::labels::Labels;
use crate::api::object::{Kind, Object};
use crate::api::resource::ResourceList;
use crate::api::taint::Taint;
use crate::api::variant::Variants;
use crate::apiserver;
use crate::autoscaler;
use crate::client::reconciler::Reconciler;
use crate::controllers::csi::Driver;
use crate::descheduler;
use crate::etcd;
use crate::metrics;
use crate::node::images::Images;
use crate::node::kubelet::NodeStorage;
use crate::scheduler::config::Config as SchedulerConfig;
use crate::sim::link::Delay;
use crate::sim::time::{SimDuration, Start};

/// What a cluster is to be made of.
#[derive(Clone)]
pub struct ClusterConfig {
    /// The run's seed.
    pub seed: u64,
    /// What the wall clock shows when the run starts.
    pub start: Start,
    /// The nodes.
    pub nodes: Vec<NodeTemplate>,
    /// How many kube-apiserver replicas.
    pub apiservers: u32,
    /// How many kube-controller-manager replicas.
    pub controller_managers: u32,
    /// How many kube-scheduler replicas.
    pub schedulers: u32,
    /// The controllers of a kube-controller-manager.
    pub controllers: Vec<Box<dyn Reconciler>>,
    /// Kinds of the user's own.
    pub custom: Vec<Kind>,
    /// Operators of the user's own: each a process of its own.
    pub operators: Vec<(Name, Vec<Box<dyn Reconciler>>)>,
    /// How the schedulers are set up.
    pub scheduler: SchedulerConfig,
    /// Schedulers beside them, each a process of its own.
    pub other_schedulers: Vec<(Name, SchedulerConfig)>,
    /// What serves storage; none where no claim, volume or class is ever asked for: then nobody
    /// looks after them, and a pod with a claim does not get a node.
    pub storage: Option<Storage>,
    /// How containers behave.
    pub images: Images,
    /// What the kubelets are told about eviction.
    pub eviction: crate::node::eviction::config::Settings,
    /// How metrics-server is run; none where there is no such server.
    pub metrics_server: Option<metrics::server::Options>,
    /// What the custom and external metrics APIs know.
    pub series: Vec<metrics::adapter::Series>,
    /// Services that carry a load, and the load.
    pub loads: Vec<(metrics::traffic::Target, crate::node::usage::Load)>,
    /// The autoscaler of nodes; none where there is none.
    pub autoscaler: Option<Autoscaler>,
    /// The policy of the descheduler; none where there is none.
    pub descheduler: Option<descheduler::Policy>,
    /// Objects that the store holds from the beginning, with their statuses; what of them runs on
    /// a node goes on running there.
    pub state: Arc<[Object]>,
    /// Namespaces that are there from the beginning, beside those of the system.
    pub namespaces: Vec<Name>,
    /// Whether signs of life are written for real: needed when links, apiservers or leaders are
    /// disturbed, or somebody looks at leases.
    pub eager: bool,
    /// Requests a second and at once of each controller's client; 0 for no limit.
    pub controller_qps: (u32, u32),
    /// The same of a scheduler's client.
    pub scheduler_qps: (u32, u32),
    /// The same of a kubelet's client.
    pub kubelet_qps: (u32, u32),
    /// How long messages take.
    pub latency: Latency,
    /// How etcd is run.
    pub etcd: etcd::server::Config,
    /// The feature gates of kube-controller-manager and of the user's operators.
    pub controller_gates: Gates,
    /// The feature gates of the kubelets.
    pub kubelet_gates: Gates,
    /// How the apiservers are run.
    pub apiserver: apiserver::server::Config,
}

/// What serves the storage of a cluster.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Storage {
    /// The driver.
    pub driver: Driver,
    /// How long a node takes to mount a volume.
    pub mount: SimDuration,
    /// How long a node takes to unmount one.
    pub unmount: SimDuration,
    /// The storage class that is there from the beginning and the default one; none for no class.
    pub class: Option<Class>,
}

/// A storage class that is there from the beginning.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Class {
    /// Its name.
    pub name: Name,
    /// `Immediate` or `WaitForFirstConsumer`.
    pub binding_mode: Name,
    /// `Delete` or `Retain`.
    pub reclaim_policy: Name,
}

impl Storage {
    /// What a node has of it.
    pub fn on_node(&self, node: &NodeTemplate) -> NodeStorage {
        let labels = node.labels.with("kubernetes.io/hostname", &node.name);
        NodeStorage {
            driver: self.driver.on_node(&node.name, &labels),
            attaches: self.driver.attaches,
            mount: self.mount,
            unmount: self.unmount,
        }
    }

    /// A cloud's disks, and a default class that waits for the first pod.
    pub fn usual() -> Storage {
        Storage {
            driver: Driver::default(),
            mount: SimDuration::secs(1),
            unmount: SimDuration::millis(200),
            class: Some(Class {
                name: Name::new_static("standard"),
                binding_mode: Name::new_static("WaitForFirstConsumer"),
                reclaim_policy: Name::new_static("Delete"),
            }),
        }
    }
}

/// The autoscaler of nodes.
#[derive(Clone, Debug, PartialEq)]
pub struct Autoscaler {
    /// Its flags.
    pub options: autoscaler::Options,
    /// Its node groups.
    pub groups: Vec<NodeGroup>,
}

/// Nodes that are all alike, of which there may be more or fewer.
#[derive(Clone, Debug, PartialEq)]
pub struct NodeGroup {
    /// Its name.
    pub name: Name,
    /// At least so many nodes.
    pub min: usize,
    /// At most so many nodes.
    pub max: usize,
    /// The names of the nodes that it may have, which are nodes of the cluster.
    pub nodes: Vec<Name>,
    /// What a node costs an hour, in thousandths of any unit.
    pub price_millis: u64,
    /// By which the `priority` expander chooses.
    pub priority: i32,
    /// From the wish for a node until its machine has booted.
    pub startup: SimDuration,
    /// So many machines the cloud has of this kind.
    pub available: usize,
}

/// One node.
#[derive(Clone, Debug, PartialEq)]
pub struct NodeTemplate {
    /// Its name.
    pub name: Name,
    /// Labels beside those that every node has.
    pub labels: Labels,
    /// Its taints.
    pub taints: Vec<Taint>,
    /// What it has.
    pub capacity: ResourceList,
    /// Images that it holds from the beginning.
    pub held_images: Vec<Name>,
    /// Whether it is there from the beginning.
    pub started: bool,
    /// Its address; without one it gets the next of a range.
    pub ip: Option<Name>,
    /// The range of its pods' addresses without the host's part, `10.244.3`; without one it gets
    /// the next.
    pub pod_range: Option<Name>,
}

impl Default for NodeTemplate {
    /// A node without a name or anything to run on, that is there from the beginning.
    fn default() -> Self {
        NodeTemplate {
            name: Name::default(),
            labels: Labels::default(),
            taints: Vec::new(),
            capacity: ResourceList::new(),
            held_images: Vec::new(),
            started: true,
            ip: None,
            pod_range: None,
        }
    }
}

/// How long messages take, one way.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Latency {
    /// Between a component of the control plane and an apiserver.
    pub control_plane: Delay,
    /// Between a node and an apiserver.
    pub node: Delay,
    /// Between a person and an apiserver.
    pub person: Delay,
    /// Between an apiserver and etcd.
    pub store: Delay,
}

impl Default for Latency {
    fn default() -> Self {
        let micros =
            |low, high| Delay::between(SimDuration::micros(low), SimDuration::micros(high));
        Latency {
            control_plane: micros(200, 600),
            node: micros(300, 1200),
            person: micros(500, 1500),
            store: micros(100, 300),
        }
    }
}

impl ClusterConfig {
    /// Sets which rules differ from those of 1.36, in all components.
    pub fn vary(&mut self, variants: Variants) {
        let components = [
            &mut self.controller_gates,
            &mut self.kubelet_gates,
            &mut self.scheduler.gates,
            &mut self.apiserver.gates,
        ];
        for gates in components {
            *gates = gates.varying(variants);
        }
        for (_, scheduler) in &mut self.other_schedulers {
            scheduler.gates = scheduler.gates.varying(variants);
        }
    }
}

impl Default for ClusterConfig {
    /// One of each component and no node, with Kubernetes' defaults.
    fn default() -> Self {
        ClusterConfig {
            seed: 0,
            start: Start::USUAL,
            nodes: Vec::new(),
            apiservers: 1,
            controller_managers: 1,
            schedulers: 1,
            controllers: crate::controllers::all(),
            custom: Vec::new(),
            operators: Vec::new(),
            scheduler: SchedulerConfig::default(),
            other_schedulers: Vec::new(),
            storage: None,
            images: Images::default(),
            eviction: crate::node::eviction::config::Settings::usual(),
            metrics_server: None,
            series: Vec::new(),
            loads: Vec::new(),
            autoscaler: None,
            descheduler: None,
            state: Arc::default(),
            namespaces: Vec::new(),
            eager: false,
            // Source: kubernetes v1.36 cmd/kube-controller-manager/app/options, and
            // staging/src/k8s.io/component-base/config/v1alpha1/defaults.go
            controller_qps: (20, 30),
            scheduler_qps: (50, 100),
            kubelet_qps: (50, 100),
            latency: Latency::default(),
            etcd: etcd::server::Config::default(),
            controller_gates: Gates::DEFAULT,
            kubelet_gates: Gates::DEFAULT,
            apiserver: apiserver::server::Config::default(),
        }
    }
}
