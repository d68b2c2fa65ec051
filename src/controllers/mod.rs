//! The built-in controllers: pure rules, one file or folder each.

pub mod claim;
pub mod deployment;
pub mod endpoint_slice;
pub mod endpoints;
pub mod garbage_collector;
pub mod namespace;
pub mod node_lifecycle;
pub mod pod_control;
pub mod pod_gc;
pub mod replica_set;
pub mod service_account;
pub mod taint_eviction;

use crate::client::reconciler::Reconciler;

/// The controllers of a kube-controller-manager, by name.
pub fn all() -> Vec<Box<dyn Reconciler>> {
    vec![
        Box::new(deployment::DeploymentController::default()),
        Box::new(replica_set::ReplicaSetController::default()),
        Box::new(node_lifecycle::NodeLifecycle::new(node_lifecycle::Options::default())),
        Box::new(taint_eviction::TaintEviction::new()),
        Box::new(endpoint_slice::EndpointSlices::default()),
        Box::new(endpoints::EndpointsController),
        Box::new(garbage_collector::GarbageCollector::new()),
        Box::new(namespace::NamespaceController),
        Box::new(pod_gc::PodGc::new(pod_gc::Options::default())),
        Box::new(service_account::ServiceAccounts),
    ]
}
