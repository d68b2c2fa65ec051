//! Which old `ReplicaSets` are deleted because the history is too long.

use std::sync::Arc;

use super::revision::revision;
use super::sets::by_age;
use crate::api::apps::deployment::DeploymentSpec;
use crate::api::apps::replica_set::ReplicaSet;

/// The old `ReplicaSets` to delete, those of the lowest revisions first. One that still has or
/// wants pods stays, and is not made up for by another.
///
/// Source: kubernetes v1.36 pkg/controller/deployment/sync.go,
/// `DeploymentController.cleanupDeployment`
pub fn surplus(spec: &DeploymentSpec, old: &[Arc<ReplicaSet>]) -> Vec<Arc<ReplicaSet>> {
    let Some(limit) = spec.revision_history_limit.filter(|l| *l != i32::MAX) else {
        return Vec::new();
    };
    let mut all: Vec<_> = old.iter().filter(|s| !s.meta.is_deleting()).cloned().collect();
    let too_many = all.len().saturating_sub(usize::try_from(limit).unwrap_or(0));
    sort(&mut all);
    all.truncate(too_many);
    all.retain(|set| is_empty(set));
    all
}

/// By revision, then by age; by age alone when a revision is no number.
///
/// Source: kubernetes v1.36 pkg/controller/deployment/util/deployment_util.go,
/// `ReplicaSetsByRevision`
fn sort(all: &mut [Arc<ReplicaSet>]) {
    let number = |s: &ReplicaSet| revision(&s.meta.annotations);
    if all.iter().all(|s| number(s).is_some()) {
        all.sort_by(|a, b| number(a).cmp(&number(b)).then_with(|| by_age(a, b)));
    } else {
        all.sort_by(|a, b| by_age(a, b));
    }
}

fn is_empty(set: &ReplicaSet) -> bool {
    set.status.replicas == 0
        && set.spec.replicas == 0
        && set.meta.generation <= set.status.observed_generation
}
