//! A cluster: its processes in the engine, and which actor is which.

mod extras;

use std::collections::BTreeMap;
use std::sync::Arc;

use smol_str::format_smolstr;

use crate::api::Name;
use crate::api::gates::Gates;
use crate::api::object::Kind;
use crate::apiserver::server::Apiserver;
use crate::client::informer::Interest;
use crate::client::manager::Manager;
use crate::client::process::{Config as ProcessConfig, Election, Process};
use crate::client::reconciler::Reconciler;
use crate::cluster::bootstrap;
use crate::cluster::config::{ClusterConfig, NodeTemplate};
use crate::cluster::member::{Guest, Member, Moved};
use crate::cluster::resume;
use crate::controllers::{self, csi};
use crate::etcd::server::Etcd;
use crate::etcd::store::Store;
use crate::node::eviction::config::thresholds;
use crate::node::kubelet::{Config as KubeletConfig, Heartbeat, Kubelet, NodeConfig};
use crate::scheduler;
use crate::scheduler::component::Scheduler;
use crate::scheduler::component::told;
use crate::scheduler::cycle::Evaluation;
use crate::sim::engine::{ActorId, Control, Engine};
use crate::sim::time::SimTime;

/// A cluster that runs. A clone is another cluster with the same past.
#[derive(Clone)]
pub struct Cluster {
    /// Its processes.
    pub engine: Engine<Member>,
    /// Which actor is which.
    pub topology: Arc<Topology>,
}

/// Which actor is which.
#[derive(Clone, Debug, Default)]
pub struct Topology {
    /// etcd.
    pub etcd: ActorId,
    /// By the component's name: `kube-apiserver`, `kube-scheduler`, …; replicas in order.
    pub components: BTreeMap<Name, Vec<ActorId>>,
    /// By the node's name, and whether it is there from the beginning.
    pub nodes: BTreeMap<Name, (ActorId, bool)>,
    /// The apiservers that a guest may use.
    pub servers: Vec<ActorId>,
}

/// Classes of actors, by which links have their delays.
const STORE: u8 = 0;
const SERVER: u8 = 1;
const CONTROL_PLANE: u8 = 2;
const NODE: u8 = 3;
const GUEST: u8 = 4;
/// Processes beside the control plane: metrics, load, the autoscaler of nodes.
const BESIDE: u8 = 5;

/// How long apiservers get to read the store before anybody asks them.
const WARM_UP: SimTime = SimTime(5_000_000);

impl Cluster {
    /// A cluster at the beginning of its run, nothing of it started yet.
    pub fn new(config: &ClusterConfig) -> Cluster {
        let mut engine = Engine::new(config.seed);
        engine.log_mut().set_start(config.start);
        set_delays(&mut engine, config);
        let kubelets: Vec<Arc<KubeletConfig>> =
            config.nodes.iter().zip(0..).map(|(node, n)| kubelet_config(node, n, config)).collect();
        let mut etcd = Etcd::new(config.etcd);
        etcd.preload(bootstrap::objects(config, &kubelets));
        let etcd = engine.add("etcd", STORE, Member::Etcd(Box::new(etcd)));
        let mut cluster =
            Cluster { engine, topology: Arc::new(Topology { etcd, ..Topology::default() }) };
        cluster.add_servers(config);
        cluster.add_control_plane(config);
        for (template, kubelet) in config.nodes.iter().zip(kubelets) {
            cluster.add_node(template, kubelet, config);
        }
        extras::add(&mut cluster, config);
        cluster
    }

    fn topology_mut(&mut self) -> &mut Topology {
        Arc::make_mut(&mut self.topology)
    }

    fn add_component(&mut self, component: &str, name: &str, class: u8, member: Member) -> ActorId {
        let id = self.engine.add(name, class, member);
        self.topology_mut().components.entry(component.into()).or_default().push(id);
        id
    }

    fn add_servers(&mut self, config: &ClusterConfig) {
        let etcd = self.topology.etcd;
        self.topology_mut().components.insert(Name::new_static("etcd"), vec![etcd]);
        for n in 0..config.apiservers.max(1) {
            let name = replica("kube-apiserver", n);
            let mut own = config.apiserver;
            let kinds = config.custom.iter().map(|kind| usize::from(kind.0) + 1);
            own.kinds = kinds.max().unwrap_or(0).max(own.kinds);
            let server = Apiserver::new(&name, etcd, own);
            let member = Member::Apiserver(Box::new(server));
            let id = self.add_component("kube-apiserver", &name, SERVER, member);
            self.topology_mut().servers.push(id);
        }
    }

    /// The apiservers in the order of preference of the `n`-th client.
    fn servers(&self, n: usize) -> Vec<ActorId> {
        let mut all = self.topology.servers.clone();
        let first = n % all.len();
        all.rotate_left(first);
        all
    }

    fn add_control_plane(&mut self, config: &ClusterConfig) {
        for n in 0..config.controller_managers {
            let component = "kube-controller-manager";
            let mut rules = config.controllers.clone();
            if config.storage.is_some() {
                rules.extend(controllers::of_storage());
            }
            let process = self.manager(component, n, rules, config);
            let member = Member::Manager(Box::new(process));
            self.add_component(component, &replica(component, n), CONTROL_PLANE, member);
        }
        for n in 0..config.schedulers {
            let name = Name::new_static("kube-scheduler");
            let source = Name::new_static("default-scheduler");
            self.add_scheduler((&name, source, n), &config.scheduler, config);
        }
        for (name, scheduler) in &config.other_schedulers {
            self.add_scheduler((name, name.clone(), 0), scheduler, config);
        }
        if let Some(storage) = &config.storage {
            let rules = csi::all(&Arc::new(storage.driver.clone()));
            let process = self.manager(csi::PROCESS, 0, rules, config);
            let member = Member::Manager(Box::new(process));
            self.add_component(csi::PROCESS, csi::PROCESS, CONTROL_PLANE, member);
        }
        for (name, rules) in &config.operators {
            let process = self.manager(name, 0, rules.clone(), config);
            self.add_component(name, name, CONTROL_PLANE, Member::Manager(Box::new(process)));
        }
    }

    /// Adds a scheduler: its component's name, the name that its events bear, which replica it is.
    fn add_scheduler(
        &mut self,
        (component, source, n): (&Name, Name, u32),
        setup: &scheduler::config::Config,
        config: &ClusterConfig,
    ) {
        let storage_kinds: &[Kind] =
            if config.storage.is_some() { &scheduler::component::STORAGE_KINDS } else { &[] };
        let process = ProcessConfig {
            source: (source, Name::default()),
            interests: [Kind::POD, Kind::NODE]
                .into_iter()
                .chain(scheduler::component::KINDS)
                .chain(storage_kinds.iter().copied())
                .map(Interest::all)
                .collect(),
            qps: setup.client.unwrap_or(config.scheduler_qps),
            gates: setup.gates,
            ..self.process(component, n, config.schedulers > 1 || config.eager)
        };
        let election = process.election.clone().filter(|_| setup.elects);
        let process = ProcessConfig { election, ..process };
        let scheduler = Scheduler::new(setup.clone(), SimTime::ZERO);
        let member = Member::Scheduler(Box::new(Process::new(process, scheduler)));
        self.add_component(component, &replica(component, n), CONTROL_PLANE, member);
    }

    /// What processes of the control plane have in common.
    fn process(&self, component: &str, n: u32, eager: bool) -> ProcessConfig {
        ProcessConfig {
            user: component.into(),
            source: (component.into(), Name::default()),
            interests: Vec::new(),
            servers: self.servers(n as usize),
            qps: (0, 0),
            election: Some(Election { lease: component.into(), eager }),
            gates: Gates::DEFAULT,
        }
    }

    fn manager(
        &self,
        component: &str,
        n: u32,
        rules: Vec<Box<dyn Reconciler>>,
        config: &ClusterConfig,
    ) -> Process<Manager> {
        let manager = Manager::new(rules).with_gates(config.controller_gates);
        let process = ProcessConfig {
            interests: manager.kinds().into_iter().map(Interest::all).collect(),
            qps: config.controller_qps,
            gates: config.controller_gates,
            ..self.process(component, n, config.controller_managers > 1 || config.eager)
        };
        Process::new(process, manager)
    }

    fn add_node(
        &mut self,
        template: &NodeTemplate,
        kubelet: Arc<KubeletConfig>,
        config: &ClusterConfig,
    ) {
        let name = &template.name;
        let process = ProcessConfig {
            user: format_smolstr!("kubelet/{name}"),
            source: (Name::new_static("kubelet"), name.clone()),
            interests: vec![
                Interest::with_field(Kind::NODE, "metadata.name", name),
                Interest::with_field(Kind::POD, "spec.nodeName", name),
            ],
            servers: self.servers(self.topology.nodes.len()),
            qps: config.kubelet_qps,
            election: None,
            gates: config.kubelet_gates,
        };
        let mut runtime = resume::runtime(name, &kubelet.images, &config.state);
        template.held_images.iter().for_each(|image| runtime.add_image(image));
        runtime.carry(config.loads.iter().map(|(_, load)| load.clone()).collect());
        let process = Process::new(process, Kubelet::new(kubelet, runtime));
        let id = self.engine.add(name, NODE, Member::Node(Box::new(process)));
        self.topology_mut().nodes.insert(name.clone(), (id, template.started));
    }

    /// Adds somebody beside the cluster, who begins with it.
    pub fn add_guest(&mut self, name: &str, guest: Box<dyn Guest>) -> ActorId {
        self.engine.add(name, GUEST, Member::Guest(guest))
    }

    /// Starts everything that is there from the beginning: the store first, then its servers.
    pub fn start(&mut self) {
        let late: Vec<ActorId> = self
            .topology
            .nodes
            .values()
            .filter(|(_, started)| !started)
            .map(|(id, _)| *id)
            .collect();
        let servers = [&[self.topology.etcd][..], &self.topology.servers].concat();
        for id in &servers {
            self.engine.control(Control::Start(*id));
        }
        // Clients come when the apiservers have read the store.
        self.engine.run_until(WARM_UP);
        let all: Vec<ActorId> = self.engine.actors().map(|(id, _)| id).collect();
        for id in all.into_iter().filter(|id| !late.contains(id) && !servers.contains(id)) {
            self.engine.control(Control::Start(id));
        }
    }

    /// The store, as it is: the truth that no component sees.
    pub fn store(&self) -> &Store {
        match self.engine.actor(self.topology.etcd) {
            Member::Etcd(etcd) => etcd.store(),
            Member::Apiserver(_)
            | Member::Manager(_)
            | Member::Scheduler(_)
            | Member::Node(_)
            | Member::Guest(_) => unreachable!("the topology knows which actor is etcd"),
        }
    }

    /// A guest, to look at.
    pub fn guest<G: 'static>(&self, id: ActorId) -> Option<&G> {
        match self.engine.actor(id) {
            Member::Guest(guest) => guest.as_any().downcast_ref(),
            Member::Etcd(_)
            | Member::Apiserver(_)
            | Member::Manager(_)
            | Member::Scheduler(_)
            | Member::Node(_) => None,
        }
    }
}

impl Cluster {
    /// Has the schedulers keep what their attempts find out from now on, those on one pod
    /// (namespace and name) or on all. It changes no attempt.
    pub fn tell_scheduling(&mut self, of: Option<&(Name, Name)>) {
        for id in self.schedulers() {
            if let Member::Scheduler(process) = self.engine.actor_mut(id) {
                process.component_mut().tell(of.cloned());
            }
        }
    }

    /// How the schedulers evaluate attempts from now on. It changes no outcome.
    pub fn evaluate_scheduling(&mut self, evaluation: Evaluation) {
        for id in self.schedulers() {
            if let Member::Scheduler(process) = self.engine.actor_mut(id) {
                process.component_mut().evaluate(evaluation);
            }
        }
    }

    /// What the attempts found out that were kept, by time.
    pub fn told_scheduling(&self) -> Vec<&told::Attempt> {
        let mut all: Vec<&told::Attempt> = Vec::new();
        for id in self.schedulers() {
            if let Member::Scheduler(process) = self.engine.actor(id) {
                all.extend(process.component().told());
            }
        }
        all.sort_by_key(|attempt| attempt.at);
        all
    }

    fn schedulers(&self) -> Vec<ActorId> {
        let all = self.topology.components.values().flatten().copied();
        all.filter(|id| matches!(self.engine.actor(*id), Member::Scheduler(_))).collect()
    }

    /// Acts on a guest from outside, in a turn of its own.
    ///
    /// # Panics
    /// When the actor is no guest of this type.
    pub fn with_guest<G: 'static, R>(
        &mut self,
        id: ActorId,
        what: impl FnOnce(&mut G, &mut Moved<'_>) -> R,
    ) -> R {
        self.engine.poke(id, |member, context| {
            let Member::Guest(guest) = member else { panic!("actor {id:?} is no guest") };
            let guest = guest.as_any_mut().downcast_mut().expect("a guest is of its own type");
            what(guest, context)
        })
    }
}

fn replica(component: &str, n: u32) -> String {
    if n == 0 { component.to_owned() } else { format!("{component}-{}", n + 1) }
}

fn set_delays(engine: &mut Engine<Member>, config: &ClusterConfig) {
    let latency = config.latency;
    let links = engine.links_mut();
    for (class, delay) in [
        (STORE, latency.store),
        (CONTROL_PLANE, latency.control_plane),
        (NODE, latency.node),
        (GUEST, latency.person),
        (BESIDE, latency.control_plane),
    ] {
        links.set_delay(class, SERVER, delay);
        links.set_delay(SERVER, class, delay);
    }
    for (class, delay) in
        [(NODE, latency.node), (GUEST, latency.person), (CONTROL_PLANE, latency.control_plane)]
    {
        links.set_delay(class, BESIDE, delay);
        links.set_delay(BESIDE, class, delay);
    }
}

fn kubelet_config(node: &NodeTemplate, n: u32, config: &ClusterConfig) -> Arc<KubeletConfig> {
    let (high, low) = ((n + 1) / 256, (n + 1) % 256);
    Arc::new(KubeletConfig {
        node: NodeConfig {
            name: node.name.clone(),
            labels: node.labels.clone(),
            taints: node.taints.clone(),
            capacity: node.capacity.clone(),
            ip: node.ip.clone().unwrap_or_else(|| format_smolstr!("10.0.{high}.{low}")),
            pod_range: node
                .pod_range
                .clone()
                .unwrap_or_else(|| format_smolstr!("10.{}.{low}", 244 + high % 8)),
        },
        images: config.images.clone(),
        eviction: thresholds(&config.eviction).unwrap_or_default(),
        heartbeat: if config.eager { Heartbeat::Eager } else { Heartbeat::Lazy },
        is_registered: node.started,
        seed: config.seed,
        gates: config.kubelet_gates,
        storage: config.storage.as_ref().map(|s| Arc::new(s.on_node(node))),
        ..KubeletConfig::default()
    })
}
