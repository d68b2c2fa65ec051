//! What pods belong to: the services that select them and the sets that own them.

use std::collections::BTreeMap;

use crate::api::Name;
use crate::api::core::pod::Pod;
use crate::api::labels::Labels;
use crate::api::selector::{Requirement, Selector};
use crate::sim::index::Map;

/// A kind of set that owns pods and selects them.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum OwnerKind {
    /// `ReplicationController`.
    ReplicationController,
    /// `ReplicaSet`.
    ReplicaSet,
    /// `StatefulSet`.
    StatefulSet,
}

impl OwnerKind {
    /// The kind of an owner reference, if it is such a set.
    fn named(api_version: &str, kind: &str) -> Option<OwnerKind> {
        match (api_version, kind) {
            ("v1", "ReplicationController") => Some(OwnerKind::ReplicationController),
            ("apps/v1", "ReplicaSet") => Some(OwnerKind::ReplicaSet),
            ("apps/v1", "StatefulSet") => Some(OwnerKind::StatefulSet),
            _ => None,
        }
    }
}

/// Services and sets.
#[derive(Clone, Debug, Default)]
pub struct Workloads {
    services: BTreeMap<Name, BTreeMap<Name, Labels>>,
    owners: Map<(OwnerKind, Name, Name), Selector>,
    version: u64,
}

impl Workloads {
    /// Counts the changes.
    pub fn version(&self) -> u64 {
        self.version
    }

    /// A service selects pods with these labels; none: it is gone.
    pub fn put_service(&mut self, namespace: &Name, name: &Name, selector: Option<&Labels>) {
        let here = self.services.entry(namespace.clone()).or_default();
        let before = match selector {
            Some(labels) => here.insert(name.clone(), labels.clone()),
            None => here.remove(name),
        };
        if before.as_ref() != selector {
            self.version += 1;
        }
    }

    /// A set selects pods; none: it is gone.
    pub fn put_owner(
        &mut self,
        kind: OwnerKind,
        namespace: &Name,
        name: &Name,
        selector: Option<&Selector>,
    ) {
        let key = (kind, namespace.clone(), name.clone());
        let before = match selector {
            Some(selector) => self.owners.insert(key, selector.clone()),
            None => self.owners.remove(&key),
        };
        if before.as_ref() != selector {
            self.version += 1;
        }
    }

    /// Whether a set is known.
    pub fn has_owner(&self, kind: OwnerKind, namespace: &Name, name: &Name) -> bool {
        self.owners.contains_key(&(kind, namespace.clone(), name.clone()))
    }

    /// The pods that belong together with a pod: those of its services and of the set that owns
    /// it. The selector of everything when it belongs to nothing.
    ///
    /// Source: kubernetes v1.36 pkg/scheduler/framework/plugins/helper/spread.go,
    /// `DefaultSelector`
    pub fn default_selector(&self, pod: &Pod) -> Selector {
        let mut merged = Labels::default();
        for labels in self.services.get(&pod.meta.namespace).into_iter().flat_map(|m| m.values()) {
            let selects = |(k, v): (&Name, &Name)| pod.meta.labels.get(k) == Some(v);
            if !labels.is_empty() && labels.iter().all(selects) {
                merged = labels.iter().fold(merged, |all, (k, v)| all.with(k, v));
            }
        }
        let by_services =
            if merged.is_empty() { Selector::EVERYTHING } else { Selector::of_labels(&merged) };
        let Some(owned) = self.of_owner(pod) else { return by_services };
        if by_services.is_everything() {
            return owned.clone();
        }
        let own = owned.requirements().iter().cloned();
        own.fold(by_services, |all, more: Requirement| all.and(more))
    }

    fn of_owner(&self, pod: &Pod) -> Option<&Selector> {
        let owner = pod.meta.controller()?;
        let kind = OwnerKind::named(&owner.api_version, &owner.kind)?;
        let found = self.owners.get(&(kind, pod.meta.namespace.clone(), owner.name.clone()))?;
        (!found.is_nothing()).then_some(found)
    }
}
