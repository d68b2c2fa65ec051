//! The processes that not every cluster has: metrics, load, the autoscaler of nodes, the
//! descheduler.

use std::sync::Arc;

use super::{BESIDE, CONTROL_PLANE, Cluster};
use crate::api::Name;
use crate::api::gates::Gates;
use crate::api::object::Kind;
use crate::api::time::Time;
use crate::autoscaler::{self, ClusterAutoscaler, Machine};
use crate::client::component::Component;
use crate::client::informer::Interest;
use crate::client::process::{Config as ProcessConfig, Process};
use crate::cluster::cloud::Cloud;
use crate::cluster::config::{Autoscaler, ClusterConfig, NodeGroup};
use crate::cluster::member::{Hosted, Member};
use crate::descheduler::{self, Descheduler};
use crate::metrics::adapter::Adapter;
use crate::metrics::server::MetricsServer;
use crate::metrics::traffic::Traffic;
use crate::node::kubelet::registered;
use crate::scheduler;
use crate::sim::engine::ActorId;
use crate::sim::index::Map;

/// Adds the processes that this cluster has beside those that every cluster has.
pub(super) fn add(cluster: &mut Cluster, config: &ClusterConfig) {
    let nodes: Arc<Map<Name, ActorId>> = Arc::new(
        cluster.topology.nodes.iter().map(|(name, (id, _))| (name.clone(), *id)).collect(),
    );
    if let Some(options) = config.metrics_server {
        let server = MetricsServer::new(options, nodes.clone());
        let id = host(cluster, "metrics-server", &[Kind::NODE, Kind::POD], server);
        aggregate(cluster, id, &[Kind::POD_METRICS, Kind::NODE_METRICS]);
    }
    if !config.series.is_empty() {
        let adapter = Adapter::new(config.series.clone().into());
        let id = host(cluster, "metrics-adapter", &[Kind::POD], adapter);
        aggregate(cluster, id, &[Kind::METRIC_VALUE, Kind::EXTERNAL_METRIC_VALUE]);
    }
    if !config.loads.is_empty() {
        let targets = config.loads.iter().map(|(target, _)| target.clone()).collect();
        let traffic = Traffic::new(targets, nodes);
        host(cluster, "traffic", &[Kind::ENDPOINT_SLICE], traffic);
    }
    if let Some(autoscaler) = &config.autoscaler {
        add_autoscaler(cluster, autoscaler, config);
    }
    if let Some(policy) = &config.descheduler {
        const NAME: &str = "descheduler";
        let kinds = descheduler::component::KINDS;
        let process = ProcessConfig {
            interests: kinds.into_iter().map(Interest::all).collect(),
            qps: (5, 10),
            ..cluster.process(NAME, 0, config.eager)
        };
        let process = Process::new(process, Descheduler::new(policy.clone()));
        let member = Member::Guest(Box::new(Hosted(process)));
        cluster.add_component(NAME, NAME, CONTROL_PLANE, member);
    }
}

/// Adds the autoscaler of nodes, and the cloud that its machines come from.
fn add_autoscaler(cluster: &mut Cluster, autoscaler: &Autoscaler, config: &ClusterConfig) {
    const NAME: &str = "cluster-autoscaler";
    let groups = autoscaler.groups.iter().map(|group| node_group(cluster, group, config));
    let groups: Arc<[autoscaler::NodeGroup]> = groups.collect();
    let cloud = cluster.engine.add("cloud", BESIDE, Member::Guest(Box::new(Cloud::default())));
    let kinds = autoscaler::component::KINDS.into_iter().chain(scheduler::component::KINDS);
    let kinds = kinds.chain(scheduler::component::STORAGE_KINDS);
    let process = ProcessConfig {
        interests: [Kind::POD, Kind::NODE].into_iter().chain(kinds).map(Interest::all).collect(),
        qps: (5, 10),
        ..cluster.process(NAME, 0, config.eager)
    };
    let component = ClusterAutoscaler::new(autoscaler.options.clone(), groups, cloud);
    let member = Member::Guest(Box::new(Hosted(Process::new(process, component))));
    cluster.add_component(NAME, NAME, CONTROL_PLANE, member);
}

fn node_group(
    cluster: &Cluster,
    group: &NodeGroup,
    config: &ClusterConfig,
) -> autoscaler::NodeGroup {
    let place = config.nodes.iter().position(|n| Some(&n.name) == group.nodes.first());
    let place = place.expect("a group's nodes are nodes of the cluster");
    let kubelet = super::kubelet_config(&config.nodes[place], 0, config);
    let machine = |name: &Name| {
        let (actor, started) = cluster.topology.nodes[name];
        Machine { name: name.clone(), actor, started }
    };
    autoscaler::NodeGroup {
        name: group.name.clone(),
        min: group.min,
        max: group.max,
        template: Arc::new(registered(&kubelet, Time(config.start.0))),
        machines: group.nodes.iter().map(machine).collect(),
        price_millis: group.price_millis,
        priority: group.priority,
        startup: group.startup,
        available: group.available,
    }
}

/// Adds a process of one component.
fn host<C: Component + 'static>(
    cluster: &mut Cluster,
    name: &'static str,
    kinds: &[Kind],
    component: C,
) -> ActorId {
    let process = ProcessConfig {
        user: Name::new_static(name),
        source: (Name::new_static(name), Name::default()),
        interests: kinds.iter().map(|k| Interest::all(*k)).collect(),
        servers: cluster.servers(0),
        qps: (0, 0),
        election: None,
        gates: Gates::DEFAULT,
    };
    let member = Member::Guest(Box::new(Hosted(Process::new(process, component))));
    cluster.add_component(name, name, BESIDE, member)
}

/// Requests for these kinds go to a process of the cluster.
fn aggregate(cluster: &mut Cluster, server: ActorId, kinds: &[Kind]) {
    for apiserver in cluster.topology.servers.clone() {
        if let Member::Apiserver(apiserver) = cluster.engine.actor_mut(apiserver) {
            for kind in kinds {
                apiserver.aggregate(*kind, server);
            }
        }
    }
}
