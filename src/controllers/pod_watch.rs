//! Which workloads a change of a pod concerns, and what their expectations see of it: the same for
//! all controllers that own pods.

use std::sync::Arc;

use crate::api::core::pod::Pod;
use crate::api::meta::{Meta, OwnerReference};
use crate::api::object::{Kind, Object, ObjectKey, Resource};
use crate::api::selector::LabelSelector;
use crate::client::reconciler::{Keys, Observed};
use crate::client::view::View;
use crate::sim::time::SimDuration;

/// A kind that owns pods.
pub trait PodOwner: Resource {
    /// Whether the creations and deletions of its pods are counted by expectations.
    const EXPECTS: bool;
    /// Which pods are its own.
    fn selector(&self) -> &LabelSelector;
    /// How long a pod has to be ready before it counts as available.
    fn min_ready_seconds(&self) -> i32;
}

/// A change of an owner concerns itself.
pub fn owner_keys(change: &Observed<'_>, _view: View<'_>, out: &mut Keys) {
    out.add(change.latest().key());
}

/// A change that concerns nobody: its kind is watched so that rules can look it up.
pub fn no_keys(_change: &Observed<'_>, _view: View<'_>, _out: &mut Keys) {}

/// The owners that a change of a pod concerns.
///
/// Source: kubernetes v1.36 pkg/controller/replicaset/replica_set.go,
/// `ReplicaSetController.addPod`, `updatePod`, `deletePod`; and the same functions of
/// pkg/controller/statefulset/stateful_set.go and pkg/controller/daemon/daemon_controller.go
pub fn pod_keys<T: PodOwner>(change: &Observed<'_>, view: View<'_>, out: &mut Keys) {
    let (old, new) = (change.old.and_then(Pod::of), change.new.and_then(Pod::of));
    match (old, new) {
        (Some(old), None) => pod_gone::<T>(old, view, out),
        (None, Some(new)) if new.meta.is_deleting() => pod_gone::<T>(new, view, out),
        (None, Some(new)) => pod_came::<T>(new, view, out),
        (Some(old), Some(new)) => pod_changed::<T>(old, new, view, out),
        (None, None) => {}
    }
}

fn pod_came<T: PodOwner>(pod: &Arc<Pod>, view: View<'_>, out: &mut Keys) {
    let Some(reference) = pod.meta.controller() else {
        return add_matching::<T>(&pod.meta, view, out);
    };
    if let Some(owner) = resolve::<T>(&pod.meta, reference, view) {
        if T::EXPECTS {
            out.created = Some(key_of::<T>(owner));
        }
        out.add(key_of::<T>(owner));
    }
}

fn pod_gone<T: PodOwner>(pod: &Arc<Pod>, view: View<'_>, out: &mut Keys) {
    let owner = pod.meta.controller().and_then(|r| resolve::<T>(&pod.meta, r, view));
    if let Some(owner) = owner {
        if T::EXPECTS {
            out.deleted = Some((key_of::<T>(owner), pod.meta.uid));
        }
        out.add(key_of::<T>(owner));
    }
}

fn pod_changed<T: PodOwner>(old: &Arc<Pod>, new: &Arc<Pod>, view: View<'_>, out: &mut Keys) {
    if old.meta.resource_version == new.meta.resource_version {
        return;
    }
    if new.meta.is_deleting() {
        return pod_gone::<T>(new, view, out);
    }
    let owner_changed =
        !old.meta.has_same_owners_copy(&new.meta) && old.meta.controller() != new.meta.controller();
    if owner_changed
        && let Some(owner) = old.meta.controller().and_then(|r| resolve::<T>(&old.meta, r, view))
    {
        out.add(key_of::<T>(owner));
    }
    if let Some(reference) = new.meta.controller() {
        if let Some(owner) = resolve::<T>(&new.meta, reference, view) {
            out.add(key_of::<T>(owner));
            add_when_available::<T>(owner, old, new, out);
        }
        return;
    }
    let same_labels =
        old.meta.labels.is_same_copy(&new.meta.labels) || old.meta.labels == new.meta.labels;
    if owner_changed || !same_labels {
        add_matching::<T>(&new.meta, view, out);
    }
}

/// A pod that became ready is looked at when its `minReadySeconds` are over.
fn add_when_available<T: PodOwner>(owner: &T, old: &Pod, new: &Pod, out: &mut Keys) {
    let seconds = u64::try_from(owner.min_ready_seconds()).unwrap_or(0);
    if seconds > 0 && !old.is_ready() && new.is_ready() {
        out.add_after(key_of::<T>(owner), SimDuration::secs(seconds));
    }
}

fn key_of<T: PodOwner>(owner: &T) -> ObjectKey {
    let meta = owner.meta();
    ObjectKey { kind: T::KIND, namespace: meta.namespace.clone(), name: meta.name.clone() }
}

/// The owner that a reference means, if it is that incarnation.
///
/// Source: kubernetes v1.36 pkg/controller/replicaset/replica_set.go,
/// `ReplicaSetController.resolveControllerRef`
fn resolve<'a, T: PodOwner>(
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

/// An orphan concerns each owner of its namespace that selects it. A scan of these, for pods
/// without an owner only.
///
/// Source: kubernetes v1.36 staging/src/k8s.io/client-go/listers/apps/v1/replicaset_expansion.go,
/// `GetPodReplicaSets`
fn add_matching<T: PodOwner>(meta: &Meta, view: View<'_>, out: &mut Keys) {
    if meta.labels.is_empty() {
        return;
    }
    for owner in view.in_namespace::<T>(&meta.namespace) {
        let selector = LabelSelector::to_selector(Some(owner.selector()));
        if selector.is_ok_and(|s| !s.is_everything() && s.matches(&meta.labels)) {
            out.add(key_of::<T>(owner));
        }
    }
}

/// The object of a type that a change takes away, whose memory may be dropped.
pub fn gone<'a, T: Resource>(change: &Observed<'a>) -> Option<&'a Object> {
    gone_of(T::KIND, change)
}

/// The object of a kind that a change takes away, whose memory may be dropped.
pub fn gone_of<'a>(kind: Kind, change: &Observed<'a>) -> Option<&'a Object> {
    let old = change.old?;
    let is_gone = change.new.is_none_or(|new| new.meta().uid != old.meta().uid);
    (is_gone && old.kind() == kind).then_some(old)
}
