//! Which Deployments a change concerns.

use std::sync::Arc;

use crate::api::apps::deployment::{Deployment, StrategyKind};
use crate::api::apps::replica_set::ReplicaSet;
use crate::api::core::pod::Pod;
use crate::api::meta::{Meta, OwnerReference};
use crate::api::object::{Kind, ObjectKey, Resource};
use crate::api::selector::LabelSelector;
use crate::client::reconciler::{Keys, Observed, Watch};
use crate::client::view::View;

/// What the Deployment controller watches.
pub(super) const WATCHES: &[Watch] = &[
    Watch { kind: Kind::DEPLOYMENT, keys: deployment_keys },
    Watch { kind: Kind::REPLICA_SET, keys: replica_set_keys },
    Watch { kind: Kind::POD, keys: pod_keys },
];

fn deployment_keys(change: &Observed<'_>, _view: View<'_>, out: &mut Keys) {
    out.add(change.latest().key());
}

/// Source: kubernetes v1.36 pkg/controller/deployment/deployment_controller.go,
/// `DeploymentController.addReplicaSet`, `updateReplicaSet`, `deleteReplicaSet`
fn replica_set_keys(change: &Observed<'_>, view: View<'_>, out: &mut Keys) {
    let old = change.old.and_then(ReplicaSet::of).map(|s| &s.meta);
    let new = change.new.and_then(ReplicaSet::of).map(|s| &s.meta);
    match (old, new) {
        (Some(gone), None) => add_owner(gone, view, out),
        (None, Some(new)) if new.controller().is_some() => add_owner(new, view, out),
        (None, Some(new)) if !new.is_deleting() => add_matching(new, view, out),
        (Some(old), Some(new)) => replica_set_changed(old, new, view, out),
        (None, Some(_) | None) => {}
    }
}

fn replica_set_changed(old: &Meta, new: &Meta, view: View<'_>, out: &mut Keys) {
    if old.resource_version == new.resource_version {
        return;
    }
    let owner_changed = old.controller() != new.controller();
    if owner_changed {
        add_owner(old, view, out);
    }
    if new.controller().is_some() {
        add_owner(new, view, out);
    } else if owner_changed || old.labels != new.labels {
        add_matching(new, view, out);
    }
}

/// A pod that is gone concerns a Deployment that waits for the last of its pods.
///
/// Source: kubernetes v1.36 pkg/controller/deployment/deployment_controller.go,
/// `DeploymentController.deletePod`
fn pod_keys(change: &Observed<'_>, view: View<'_>, out: &mut Keys) {
    let (Some(gone), None) = (change.old.and_then(Pod::of), change.new) else { return };
    let Some(owner) = gone.meta.controller() else { return };
    let Some(set) = resolve::<ReplicaSet>(&gone.meta, owner, view) else { return };
    let Some(owner) = set.meta.controller() else { return };
    let Some(deployment) = resolve::<Deployment>(&set.meta, owner, view) else { return };
    if deployment.spec.strategy.kind != StrategyKind::Recreate {
        return;
    }
    let mut sets = view.controlled_by::<ReplicaSet>(deployment.meta.uid);
    if !sets.any(|s| view.controlled_by::<Pod>(s.meta.uid).next().is_some()) {
        out.add(key_of(deployment));
    }
}

fn key_of(deployment: &Deployment) -> ObjectKey {
    let meta = &deployment.meta;
    ObjectKey { kind: Kind::DEPLOYMENT, namespace: meta.namespace.clone(), name: meta.name.clone() }
}

fn add_owner(meta: &Meta, view: View<'_>, out: &mut Keys) {
    let owner = meta.controller().and_then(|r| resolve::<Deployment>(meta, r, view));
    if let Some(deployment) = owner {
        out.add(key_of(deployment));
    }
}

/// The object that an owner reference means, if it is that incarnation.
///
/// Source: kubernetes v1.36 pkg/controller/deployment/deployment_controller.go,
/// `DeploymentController.resolveControllerRef`
fn resolve<'a, T: Resource>(
    meta: &Meta,
    reference: &OwnerReference,
    view: View<'a>,
) -> Option<&'a Arc<T>> {
    if reference.kind != T::KIND.name() {
        return None;
    }
    let owner: &Arc<T> = view.get(&meta.namespace, &reference.name)?;
    (owner.meta().uid == reference.uid).then_some(owner)
}

/// An orphan concerns each Deployment of its namespace that selects it. A scan of these, for
/// `ReplicaSets` without an owner only.
///
/// Source: kubernetes v1.36 pkg/controller/deployment/deployment_controller.go,
/// `DeploymentController.getDeploymentsForReplicaSet`
fn add_matching(meta: &Meta, view: View<'_>, out: &mut Keys) {
    if meta.labels.is_empty() {
        return;
    }
    for deployment in view.in_namespace::<Deployment>(&meta.namespace) {
        let selector = LabelSelector::to_selector(Some(&deployment.spec.selector));
        if selector.is_ok_and(|s| !s.is_everything() && s.matches(&meta.labels)) {
            out.add(key_of(deployment));
        }
    }
}
