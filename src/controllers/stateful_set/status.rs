//! What a `StatefulSet` says of its pods.

use std::sync::Arc;

use super::identity::{is_running_and_ready, revision};
use super::revisions::Revisions;
use crate::api::apps::stateful_set::{StatefulSet, StatefulSetStatus, StatefulSetStrategyKind};
use crate::api::core::pod::Pod;
use crate::api::int_or_percent::{IntOrPercent, Rounding};
use crate::api::time::Time;

/// The status that these pods make.
///
/// Source: kubernetes v1.36 pkg/controller/statefulset/stateful_set_control.go, `updateStatus`,
/// `computeReplicaStatus`
pub fn status<'a>(
    set: &StatefulSet,
    revisions: &Revisions,
    pods: impl Iterator<Item = &'a Arc<Pod>>,
    now: Time,
) -> StatefulSetStatus {
    let mut status = StatefulSetStatus {
        observed_generation: set.meta.generation,
        current_revision: revisions.current.name.clone(),
        update_revision: revisions.update.name.clone(),
        collision_count: Some(revisions.collisions),
        ..StatefulSetStatus::default()
    };
    for pod in pods {
        status.replicas += 1;
        if is_running_and_ready(pod) {
            status.ready_replicas += 1;
            let is_available = pod.is_available(set.spec.min_ready_seconds, now);
            status.available_replicas += i32::from(is_available);
        }
        if !pod.meta.is_deleting() {
            let of = revision(pod);
            status.current_replicas += i32::from(of == revisions.current.name);
            status.updated_replicas += i32::from(of == revisions.update.name);
        }
    }
    status
}

/// Once all pods are updated and ready, the revision that was rolled out is the current one.
///
/// Source: kubernetes v1.36 pkg/controller/statefulset/stateful_set_utils.go,
/// `completeRollingUpdate`
pub fn complete(set: &StatefulSet, status: &mut StatefulSetStatus) {
    let want = set.spec.replicas;
    if set.spec.update_strategy.kind == StatefulSetStrategyKind::RollingUpdate
        && [status.updated_replicas, status.ready_replicas, status.replicas] == [want; 3]
    {
        status.current_replicas = status.updated_replicas;
        status.current_revision = status.update_revision.clone();
    }
}

/// Whether writing the status would change anything that counts.
///
/// Source: kubernetes v1.36 pkg/controller/statefulset/stateful_set_utils.go,
/// `inconsistentStatus`
pub fn is_news(set: &StatefulSet, new: &StatefulSetStatus) -> bool {
    let old = &set.status;
    let counts = |s: &StatefulSetStatus| {
        [s.replicas, s.current_replicas, s.ready_replicas, s.updated_replicas, s.available_replicas]
    };
    new.observed_generation > old.observed_generation
        || counts(new) != counts(old)
        || new.current_revision != old.current_revision
        || new.update_revision != old.update_revision
}

/// How many pods an update may take down at once: `50%` of 5 are 2, and at least 1.
///
/// # Errors
/// What is no number and no percentage, in Kubernetes' words.
///
/// Source: kubernetes v1.36 pkg/controller/statefulset/stateful_set_utils.go,
/// `getStatefulSetMaxUnavailable`
pub fn max_unavailable(limit: Option<&IntOrPercent>, replicas: i32) -> Result<i32, String> {
    let limit = limit.cloned().unwrap_or(IntOrPercent::Int(1));
    limit.scaled(replicas, Rounding::Down).map(|n| n.max(1))
}
