//! The `ReplicaSets` of a Deployment: the new one, the old ones, and sums over them.

use std::cmp::Ordering;
use std::sync::Arc;

use crate::api::apps::replica_set::ReplicaSet;

/// The `ReplicaSets` of a Deployment.
#[derive(Clone, Debug, Default)]
pub struct Sets {
    /// The one of the present template, if it exists.
    pub new: Option<Arc<ReplicaSet>>,
    /// The others, oldest first.
    pub old: Vec<Arc<ReplicaSet>>,
}

/// Older first, then by name.
///
/// Source: kubernetes v1.36 pkg/controller/controller_utils.go, `ReplicaSetsByCreationTimestamp`
pub fn by_age(a: &ReplicaSet, b: &ReplicaSet) -> Ordering {
    (a.meta.creation, &a.meta.name).cmp(&(b.meta.creation, &b.meta.name))
}

impl Sets {
    /// All of them, the new one last.
    pub fn all(&self) -> impl Iterator<Item = &Arc<ReplicaSet>> {
        self.old.iter().chain(&self.new)
    }

    /// Those that have a size, the new one last.
    pub fn active(&self) -> impl Iterator<Item = &Arc<ReplicaSet>> {
        self.all().filter(|s| s.spec.replicas > 0)
    }

    /// The old ones that have a size, oldest first.
    pub fn active_old(&self) -> Vec<Arc<ReplicaSet>> {
        self.old.iter().filter(|s| s.spec.replicas > 0).cloned().collect()
    }
}

/// Sums over `ReplicaSets`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Counts {
    /// Of the desired sizes.
    pub wanted: i32,
    /// Of the pods that there are.
    pub actual: i32,
    /// Of the ready ones.
    pub ready: i32,
    /// Of the available ones.
    pub available: i32,
    /// Of those on their way out; unknown when a `ReplicaSet` does not tell, although its
    /// controller has seen it.
    pub terminating: Option<i32>,
}

/// The sums over some `ReplicaSets`.
///
/// Source: kubernetes v1.36 pkg/controller/deployment/util/deployment_util.go,
/// `GetReplicaCountForReplicaSets` and its siblings
pub fn counts<'a>(sets: impl Iterator<Item = &'a Arc<ReplicaSet>>) -> Counts {
    let none = Counts { terminating: Some(0), ..Counts::default() };
    sets.fold(none, |sum, set| Counts {
        wanted: sum.wanted + set.spec.replicas,
        actual: sum.actual + set.status.replicas,
        ready: sum.ready + set.status.ready_replicas,
        available: sum.available + set.status.available_replicas,
        terminating: sum.terminating.zip(terminating(set)).map(|(a, b)| a + b),
    })
}

/// Source: kubernetes v1.36 pkg/controller/deployment/util/deployment_util.go,
/// `GetTerminatingReplicaCountForReplicaSets`
fn terminating(set: &ReplicaSet) -> Option<i32> {
    let is_unseen = set.status.observed_generation == 0;
    set.status.terminating_replicas.or(is_unseen.then_some(0))
}
