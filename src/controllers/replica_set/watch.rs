//! Which `ReplicaSets` a change concerns, and what their expectations see of it.

use std::sync::Arc;

use crate::api::apps::replica_set::ReplicaSet;
use crate::api::core::pod::Pod;
use crate::api::meta::{Meta, OwnerReference};
use crate::api::object::{Kind, Object, ObjectKey, Resource};
use crate::api::selector::LabelSelector;
use crate::client::reconciler::{Keys, Observed, Watch};
use crate::client::view::View;
use crate::sim::time::SimDuration;

/// What the `ReplicaSet` controller watches.
pub(super) const WATCHES: &[Watch] = &[
    Watch { kind: Kind::REPLICA_SET, keys: replica_set_keys },
    Watch { kind: Kind::POD, keys: pod_keys },
];

/// Source: kubernetes v1.36 pkg/controller/replicaset/replica_set.go,
/// `ReplicaSetController.updateRS`
fn replica_set_keys(change: &Observed<'_>, _view: View<'_>, out: &mut Keys) {
    out.add(change.latest().key());
}

/// Source: kubernetes v1.36 pkg/controller/replicaset/replica_set.go,
/// `ReplicaSetController.addPod`, `updatePod`, `deletePod`
fn pod_keys(change: &Observed<'_>, view: View<'_>, out: &mut Keys) {
    let (old, new) = (change.old.and_then(Pod::of), change.new.and_then(Pod::of));
    match (old, new) {
        (Some(old), None) => pod_gone(old, view, out),
        (None, Some(new)) if new.meta.is_deleting() => pod_gone(new, view, out),
        (None, Some(new)) => pod_came(new, view, out),
        (Some(old), Some(new)) => pod_changed(old, new, view, out),
        (None, None) => {}
    }
}

fn pod_came(pod: &Arc<Pod>, view: View<'_>, out: &mut Keys) {
    let Some(reference) = pod.meta.controller() else {
        return add_matching(&pod.meta, view, out);
    };
    if let Some(set) = resolve(&pod.meta, reference, view) {
        out.created = Some(key_of(set));
        out.add(key_of(set));
    }
}

fn pod_gone(pod: &Arc<Pod>, view: View<'_>, out: &mut Keys) {
    let set = pod.meta.controller().and_then(|r| resolve(&pod.meta, r, view));
    if let Some(set) = set {
        out.deleted = Some((key_of(set), pod.meta.uid));
        out.add(key_of(set));
    }
}

fn pod_changed(old: &Arc<Pod>, new: &Arc<Pod>, view: View<'_>, out: &mut Keys) {
    if old.meta.resource_version == new.meta.resource_version {
        return;
    }
    if new.meta.is_deleting() {
        return pod_gone(new, view, out);
    }
    let owner_changed = old.meta.controller() != new.meta.controller();
    if owner_changed
        && let Some(set) = old.meta.controller().and_then(|r| resolve(&old.meta, r, view))
    {
        out.add(key_of(set));
    }
    if let Some(reference) = new.meta.controller() {
        if let Some(set) = resolve(&new.meta, reference, view) {
            out.add(key_of(set));
            add_when_available(set, old, new, out);
        }
        return;
    }
    let same_labels =
        old.meta.labels.is_same_copy(&new.meta.labels) || old.meta.labels == new.meta.labels;
    if owner_changed || !same_labels {
        add_matching(&new.meta, view, out);
    }
}

/// A pod that became ready is looked at when its `minReadySeconds` are over.
fn add_when_available(set: &ReplicaSet, old: &Pod, new: &Pod, out: &mut Keys) {
    let seconds = u64::try_from(set.spec.min_ready_seconds).unwrap_or(0);
    if seconds > 0 && !old.is_ready() && new.is_ready() {
        out.add_after(key_of(set), SimDuration::secs(seconds));
    }
}

fn key_of(set: &ReplicaSet) -> ObjectKey {
    let meta = &set.meta;
    ObjectKey {
        kind: Kind::REPLICA_SET,
        namespace: meta.namespace.clone(),
        name: meta.name.clone(),
    }
}

/// The `ReplicaSet` that an owner reference means, if it is that incarnation.
///
/// Source: kubernetes v1.36 pkg/controller/replicaset/replica_set.go,
/// `ReplicaSetController.resolveControllerRef`
fn resolve<'a>(
    meta: &Meta,
    reference: &OwnerReference,
    view: View<'a>,
) -> Option<&'a Arc<ReplicaSet>> {
    if reference.kind != Kind::REPLICA_SET.name() {
        return None;
    }
    let set: &Arc<ReplicaSet> = view.get(&meta.namespace, &reference.name)?;
    (set.meta.uid == reference.uid).then_some(set)
}

/// An orphan concerns each `ReplicaSet` of its namespace that selects it. A scan of these, for
/// pods without an owner only.
///
/// Source: kubernetes v1.36 staging/src/k8s.io/client-go/listers/apps/v1/replicaset_expansion.go,
/// `GetPodReplicaSets`
fn add_matching(meta: &Meta, view: View<'_>, out: &mut Keys) {
    if meta.labels.is_empty() {
        return;
    }
    for set in view.in_namespace::<ReplicaSet>(&meta.namespace) {
        let selector = LabelSelector::to_selector(Some(&set.spec.selector));
        if selector.is_ok_and(|s| !s.is_everything() && s.matches(&meta.labels)) {
            out.add(key_of(set));
        }
    }
}

/// The uid of a `ReplicaSet` that is gone, whose memory may be dropped.
pub(super) fn gone<'a>(change: &Observed<'a>) -> Option<&'a Object> {
    let old = change.old?;
    let is_gone = change.new.is_none_or(|new| new.meta().uid != old.meta().uid);
    (is_gone && old.kind() == Kind::REPLICA_SET).then_some(old)
}
