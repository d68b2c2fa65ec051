//! One step of `Recreate`: all old pods end before the first new one begins.

use std::sync::Arc;

use super::scale::Resize;
use super::sets::{Sets, counts};
use super::why::DeploymentWhy;
use crate::api::apps::deployment::DeploymentSpec;
use crate::api::core::pod::Pod;
use crate::api::meta::Uid;

/// The old `ReplicaSets` that still have a size, to be scaled to nothing.
///
/// Source: kubernetes v1.36 pkg/controller/deployment/recreate.go,
/// `DeploymentController.scaleDownOldReplicaSetsForRecreate`
pub fn shrink_old(sets: &Sets) -> Vec<Resize> {
    let resize = |set: Arc<_>| to_nothing(&set);
    sets.active_old().into_iter().map(resize).collect()
}

fn to_nothing(set: &Arc<crate::api::apps::replica_set::ReplicaSet>) -> Resize {
    let why = DeploymentWhy::Recreate { from: set.spec.replicas };
    Resize { set: set.clone(), to: 0, why, annotate: false }
}

/// The new `ReplicaSet` at full size, if it has another.
///
/// Source: kubernetes v1.36 pkg/controller/deployment/recreate.go,
/// `DeploymentController.scaleUpNewReplicaSetForRecreate`
pub fn grow_new(spec: &DeploymentSpec, sets: &Sets) -> Option<Resize> {
    let set = sets.new.as_ref().filter(|s| s.spec.replicas != spec.replicas)?;
    let why = DeploymentWhy::Scaled { from: set.spec.replicas, to: spec.replicas };
    Some(Resize { set: set.clone(), to: spec.replicas, why, annotate: false })
}

/// Whether old pods still run: old `ReplicaSets` tell of some, or there is a pod of another
/// `ReplicaSet` than the new one that has not ended.
///
/// Source: kubernetes v1.36 pkg/controller/deployment/recreate.go, `oldPodsRunning`
pub fn old_pods_running<'a>(sets: &Sets, pods: impl Iterator<Item = (Uid, &'a Arc<Pod>)>) -> bool {
    if counts(sets.old.iter()).actual > 0 {
        return true;
    }
    let new = sets.new.as_ref().map(|s| s.meta.uid);
    let mut others = pods.filter(|(owner, _)| Some(*owner) != new);
    others.any(|(_, pod)| !pod.is_terminal())
}
