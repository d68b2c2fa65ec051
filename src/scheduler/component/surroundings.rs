//! What the scheduler knows beside nodes and pods: namespaces, services, sets and budgets.

use crate::api::core::namespace::Namespace;
use crate::api::core::service::Service;
use crate::api::object::{Kind, Object};
use crate::api::selector::{LabelSelector, Selector};
use crate::client::reconciler::Observed;
use crate::scheduler::cache::{Budget, Cache, OwnerKind};

/// Kinds that a scheduler watches beside pods and nodes.
pub const KINDS: [Kind; 6] = [
    Kind::NAMESPACE,
    Kind::SERVICE,
    Kind::REPLICATION_CONTROLLER,
    Kind::REPLICA_SET,
    Kind::STATEFUL_SET,
    Kind::POD_DISRUPTION_BUDGET,
];

/// Kinds of storage that it watches where there is storage.
pub const STORAGE_KINDS: [Kind; 5] = [
    Kind::PERSISTENT_VOLUME,
    Kind::PERSISTENT_VOLUME_CLAIM,
    Kind::STORAGE_CLASS,
    Kind::CSI_NODE,
    Kind::VOLUME_ATTACHMENT,
];

/// Takes up a change of an object that is neither node nor pod.
pub fn changed(cache: &mut Cache, change: &Observed<'_>) {
    let latest = change.latest();
    let (kind, meta) = (latest.kind(), latest.meta());
    let (namespace, name) = (&meta.namespace, &meta.name);
    if kind == Kind::NAMESPACE {
        let labels = change.new.and_then(Object::as_a::<Namespace>).map(|n| &n.meta.labels);
        cache.put_namespace(name, labels);
    } else if kind == Kind::SERVICE {
        let service = change.new.and_then(Object::as_a::<Service>);
        cache.workloads.put_service(namespace, name, service.map(|s| &s.spec.selector));
    } else if kind == Kind::POD_DISRUPTION_BUDGET {
        let key = (namespace.clone(), name.clone());
        match change.new {
            Some(new) => {
                cache.budgets.insert(key, Budget::new(namespace, &new.to_value()));
            }
            None => {
                cache.budgets.remove(&key);
            }
        }
    } else if let Some(owner) = owner_kind(kind) {
        // Only a ReplicationController's selector can change.
        let is_fixed = owner != OwnerKind::ReplicationController;
        if is_fixed && change.new.is_some() && cache.workloads.has_owner(owner, namespace, name) {
            return;
        }
        let selector = change.new.map(selector_of);
        cache.workloads.put_owner(owner, namespace, name, selector.as_ref());
    }
}

fn owner_kind(kind: Kind) -> Option<OwnerKind> {
    match kind {
        Kind::REPLICATION_CONTROLLER => Some(OwnerKind::ReplicationController),
        Kind::REPLICA_SET => Some(OwnerKind::ReplicaSet),
        Kind::STATEFUL_SET => Some(OwnerKind::StatefulSet),
        _ => None,
    }
}

/// The pods that a set selects. A `ReplicationController` states labels, the others a selector.
fn selector_of(object: &Object) -> Selector {
    let of = |selector: &LabelSelector| LabelSelector::to_selector(Some(selector)).ok();
    let selector = if let Object::ReplicaSet(set) = object {
        of(&set.spec.selector)
    } else if let Object::StatefulSet(set) = object {
        of(&set.spec.selector)
    } else if let Object::ReplicationController(owner) = object {
        of(&owner.spec.selector)
    } else {
        None
    };
    selector.unwrap_or(Selector::NOTHING)
}
