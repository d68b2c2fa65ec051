//! The processes that not every cluster has: metrics, load.

use std::sync::Arc;

use super::{BESIDE, Cluster};
use crate::api::Name;
use crate::api::gates::Gates;
use crate::api::object::Kind;
use crate::client::component::Component;
use crate::client::informer::Interest;
use crate::client::process::{Config as ProcessConfig, Process};
use crate::cluster::config::ClusterConfig;
use crate::cluster::member::{Hosted, Member};
use crate::metrics::adapter::Adapter;
use crate::metrics::server::MetricsServer;
use crate::metrics::traffic::Traffic;
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
