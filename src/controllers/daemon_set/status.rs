//! What a `DaemonSet` says of its nodes.

use super::pods::{ByNode, is_updated};
use super::{Place, count};
use crate::api::apps::daemon_set::{DaemonSet, DaemonSetStatus};
use crate::api::time::Time;

/// The status; `processed` says whether this look took up the present generation.
///
/// Source: kubernetes v1.36 pkg/controller/daemon/daemon_controller.go, `updateDaemonSetStatus`
pub(super) fn status(
    set: &DaemonSet,
    places: &[Place<'_>],
    by_node: &ByNode<'_>,
    hash: &str,
    processed: bool,
    now: Time,
) -> DaemonSetStatus {
    let mut status = DaemonSetStatus {
        desired_number_scheduled: 0,
        current_number_scheduled: 0,
        number_misscheduled: 0,
        number_ready: 0,
        updated_number_scheduled: 0,
        number_available: 0,
        ..(*set.status).clone()
    };
    for place in places {
        let oldest = by_node.get(&place.node.meta.name).and_then(|pods| pods.first());
        if !place.fits.should_run {
            status.number_misscheduled += i32::from(oldest.is_some());
            continue;
        }
        status.desired_number_scheduled += 1;
        let Some(pod) = oldest else { continue };
        status.current_number_scheduled += 1;
        if pod.is_ready() {
            status.number_ready += 1;
            let is_available = pod.is_available(set.spec.min_ready_seconds, now);
            status.number_available += i32::from(is_available);
        }
        status.updated_number_scheduled += i32::from(is_updated(set, pod, hash));
    }
    status.number_unavailable = status.desired_number_scheduled - status.number_available;
    if processed {
        status.observed_generation = set.meta.generation;
    }
    status
}

/// Whether writing the status would change anything that counts.
///
/// Source: kubernetes v1.36 pkg/controller/daemon/daemon_controller.go, `storeDaemonSetStatus`
pub(super) fn is_news(set: &DaemonSet, new: &DaemonSetStatus) -> bool {
    let counts = |s: &DaemonSetStatus| {
        [
            s.desired_number_scheduled,
            s.current_number_scheduled,
            s.number_misscheduled,
            s.number_ready,
            s.updated_number_scheduled,
            s.number_available,
            s.number_unavailable,
        ]
    };
    counts(new) != counts(&set.status) || set.status.observed_generation < set.meta.generation
}

/// How many nodes should have the pod.
pub(super) fn desired(places: &[Place<'_>]) -> i32 {
    count(places.iter().filter(|p| p.fits.should_run).count())
}
