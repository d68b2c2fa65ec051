//! The built-in controllers: pure rules, one file or folder each.

pub mod claim;
pub mod deployment;
pub mod pod_control;
pub mod replica_set;

use crate::client::reconciler::Reconciler;

/// The controllers of a kube-controller-manager, by name.
pub fn all() -> Vec<Box<dyn Reconciler>> {
    vec![
        Box::new(deployment::DeploymentController::default()),
        Box::new(replica_set::ReplicaSetController::default()),
    ]
}
