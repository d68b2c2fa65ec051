//! How many pods of a budget there are to be, and how many of them have to be healthy.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::api::Name;
use crate::api::apps::deployment::Deployment;
use crate::api::apps::replica_set::ReplicaSet;
use crate::api::apps::stateful_set::StatefulSet;
use crate::api::core::pod::Pod;
use crate::api::core::replication_controller::ReplicationController;
use crate::api::int_or_percent::{IntOrPercent, Rounding};
use crate::api::meta::{OwnerReference, Uid};
use crate::api::object::{Kind, Object};
use crate::api::policy::pod_disruption_budget::PodDisruptionBudget;
use crate::client::view::View;

/// How many pods there are to be, and how many have to be healthy.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Expected {
    /// All.
    pub pods: i32,
    /// Those that have to be healthy.
    pub desired_healthy: i32,
}

/// Counts the pods that a budget expects: the scale of their owners, or for a fixed
/// `minAvailable` the pods that there are.
///
/// `maxUnavailable: 30%` of 7 is 3 (rounded up), so 4 have to be healthy; `minAvailable: 50%` of
/// 7 are 4.
///
/// # Errors
/// Why the owners cannot be counted.
///
/// Source: kubernetes v1.36 pkg/controller/disruption/disruption.go,
/// `DisruptionController.getExpectedPodCount`
pub fn expected(
    budget: &PodDisruptionBudget,
    pods: &[&Arc<Pod>],
    view: View<'_>,
) -> Result<Expected, String> {
    if let Some(most) = &budget.spec.max_unavailable {
        let scale = scale_of_owners(pods, view)?;
        let most = most.scaled(scale, Rounding::Up)?;
        return Ok(Expected { pods: scale, desired_healthy: scale.saturating_sub(most).max(0) });
    }
    match &budget.spec.min_available {
        None => Ok(Expected::default()),
        Some(IntOrPercent::Int(least)) => {
            let pods = i32::try_from(pods.len()).unwrap_or(i32::MAX);
            Ok(Expected { pods, desired_healthy: *least })
        }
        Some(least @ IntOrPercent::Text(_)) => {
            let scale = scale_of_owners(pods, view)?;
            Ok(Expected { pods: scale, desired_healthy: least.scaled(scale, Rounding::Up)? })
        }
    }
}

/// The sum of the replicas of all owners of the pods, each counted once; pods without an owner
/// count nothing.
///
/// Source: kubernetes v1.36 pkg/controller/disruption/disruption.go,
/// `DisruptionController.getExpectedScale`
fn scale_of_owners(pods: &[&Arc<Pod>], view: View<'_>) -> Result<i32, String> {
    let mut known: BTreeMap<Uid, (Uid, i32)> = BTreeMap::new();
    for pod in pods {
        let Some(owner) = pod.meta.controller() else { continue };
        if known.contains_key(&owner.uid) {
            continue;
        }
        let Some(found) = scale_of(owner, &pod.meta.namespace, view)? else {
            return Err(format!("found no controllers for pod {:?}", pod.meta.name.as_str()));
        };
        known.insert(owner.uid, found);
    }
    let by_scaled: BTreeMap<Uid, i32> = known.into_values().collect();
    Ok(by_scaled.into_values().fold(0, i32::saturating_add))
}

/// Who is scaled to have the pods of an owner, and to how many: the Deployment of a `ReplicaSet`,
/// else the owner itself.
///
/// Source: kubernetes v1.36 pkg/controller/disruption/disruption.go,
/// `DisruptionController.finders`, `getPodDeployment`, `getPodReplicaSet`, `getScaleController`
fn scale_of(
    owner: &OwnerReference,
    namespace: &Name,
    view: View<'_>,
) -> Result<Option<(Uid, i32)>, String> {
    let kind = Kind::of_version(&owner.api_version, &owner.kind);
    let Some(kind) = kind else {
        let (kind, version) = (owner.kind.as_str(), owner.api_version.as_str());
        return Err(format!("no matches for kind {kind:?} in version {version:?}"));
    };
    if kind == Kind::REPLICA_SET {
        return Ok(scale_of_set(owner, namespace, view));
    }
    if !SCALED.contains(&kind) {
        let row = kind.row();
        return Err(format!(
            "{}/{}, Resource={} does not implement the scale subresource",
            row.group, row.version, row.plural
        ));
    }
    let found = view.cache(kind).get(namespace, &owner.name);
    let found = found.filter(|o| o.meta().uid == owner.uid);
    Ok(found.map(|o| (owner.uid, replicas(o))))
}

/// Kinds beside `ReplicaSet` whose number of pods can be set.
const SCALED: [Kind; 3] = [Kind::DEPLOYMENT, Kind::STATEFUL_SET, Kind::REPLICATION_CONTROLLER];

fn scale_of_set(owner: &OwnerReference, namespace: &Name, view: View<'_>) -> Option<(Uid, i32)> {
    let set = view.get::<ReplicaSet>(namespace, &owner.name)?;
    if set.meta.uid != owner.uid {
        return None;
    }
    let above = set.meta.controller().filter(|o| o.kind == Kind::DEPLOYMENT.name());
    let Some(above) = above else { return Some((set.meta.uid, set.spec.replicas)) };
    let deployment = view.get::<Deployment>(namespace, &above.name)?;
    (deployment.meta.uid == above.uid).then_some((above.uid, deployment.spec.replicas))
}

/// The desired replicas of an object that can be scaled.
fn replicas(object: &Object) -> i32 {
    if let Some(deployment) = object.as_a::<Deployment>() {
        return deployment.spec.replicas;
    }
    if let Some(set) = object.as_a::<StatefulSet>() {
        return set.spec.replicas;
    }
    object.as_a::<ReplicationController>().map_or(0, |set| set.spec.replicas)
}
