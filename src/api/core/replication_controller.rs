//! `ReplicationController`: a number of equal pods, as it was before there were `ReplicaSets`.

use std::sync::Arc;

use crate::api::apps::pod_template::PodTemplate;
use crate::api::apps::replica_set::{ReplicaSet, ReplicaSetSpec, ReplicaSetStatus};
use crate::api::meta::{Meta, Rest};
use crate::api::selector::LabelSelector;

/// A number of equal pods.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct ReplicationController {
    /// Its metadata.
    pub meta: Meta,
    /// What is desired.
    pub spec: ReplicationControllerSpec,
    /// What is observed.
    pub status: ReplicaSetStatus,
}

/// What is desired of a `ReplicationController`.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct ReplicationControllerSpec {
    /// How many pods.
    pub replicas: i32,
    /// How long a pod has to be ready before it counts as available.
    pub min_ready_seconds: i32,
    /// Which pods are its own; on the wire the labels alone.
    pub selector: Arc<LabelSelector>,
    /// What they are made from.
    pub template: Arc<PodTemplate>,
    /// Fields that are kept and not acted upon.
    pub rest: Rest,
}

impl ReplicationController {
    /// The same as a `ReplicaSet`, whose rule it follows.
    ///
    /// Source: kubernetes v1.36 pkg/controller/replication/conversion.go, `convertRCtoRS`
    pub fn as_replica_set(&self) -> ReplicaSet {
        ReplicaSet {
            meta: self.meta.clone(),
            spec: ReplicaSetSpec {
                replicas: self.spec.replicas,
                min_ready_seconds: self.spec.min_ready_seconds,
                selector: self.spec.selector.clone(),
                template: self.spec.template.clone(),
                rest: Rest::default(),
            },
            status: self.status.clone(),
        }
    }
}
