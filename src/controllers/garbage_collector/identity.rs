//! What names an object: an owner reference's coordinates and a namespace.

use crate::api::Name;
use crate::api::meta::{OwnerReference, Uid};
use crate::api::object::{Kind, ObjectKey};

/// What names an object. Ordered as Kubernetes compares references: by kind, version, namespace,
/// name and uid.
///
/// Source: kubernetes v1.36 pkg/controller/garbagecollector/graph_builder.go, `referenceLessThan`
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Identity {
    /// `ReplicaSet`.
    pub kind: Name,
    /// `apps/v1`.
    pub api_version: Name,
    /// Empty for kinds of the whole cluster.
    pub namespace: Name,
    /// The name.
    pub name: Name,
    /// The incarnation.
    pub uid: Uid,
}

/// A dependent, as far as its owners go.
#[derive(Clone, Copy, Debug)]
pub struct Dependent<'a> {
    /// Its namespace.
    pub namespace: &'a Name,
    /// Its owners.
    pub owners: &'a [OwnerReference],
}

impl Identity {
    /// What a reference names, seen from a namespace.
    pub fn of(reference: &OwnerReference, namespace: &Name) -> Identity {
        Identity {
            kind: reference.kind.clone(),
            api_version: reference.api_version.clone(),
            namespace: namespace.clone(),
            name: reference.name.clone(),
            uid: reference.uid,
        }
    }

    /// Whether a reference has these coordinates, whatever the namespace.
    pub fn is_named_by(&self, reference: &OwnerReference) -> bool {
        self.kind == reference.kind
            && self.api_version == reference.api_version
            && self.name == reference.name
            && self.uid == reference.uid
    }

    /// The key by which the apiserver knows it; none when it knows no such kind.
    pub fn key(&self) -> Option<ObjectKey> {
        let kind = Kind::of_version(&self.api_version, &self.kind)?;
        let namespace = if kind.row().namespaced { self.namespace.as_str() } else { "" };
        Some(ObjectKey::new(kind, namespace, &self.name))
    }
}

/// Another identity by which dependents name an owner that was found absent under one: the first
/// after it in order, else the first of all; none when all agree.
///
/// Source: kubernetes v1.36 pkg/controller/garbagecollector/graph_builder.go,
/// `getAlternateOwnerIdentity`
pub fn alternate<'a>(
    dependents: impl IntoIterator<Item = Dependent<'a>>,
    absent: &Identity,
) -> Option<Identity> {
    let is_global = absent.namespace.is_empty();
    let mut others = std::collections::BTreeSet::new();
    for dependent in dependents {
        for owner in dependent.owners.iter().filter(|o| o.uid == absent.uid) {
            let here = is_global || absent.namespace == *dependent.namespace;
            if here && absent.is_named_by(owner) {
                continue;
            }
            let mut other = Identity::of(owner, dependent.namespace);
            let same_kind = other.kind == absent.kind && other.api_version == absent.api_version;
            if is_global && same_kind {
                other.namespace = Name::default();
            }
            others.insert(other);
        }
    }
    others.remove(absent);
    let following = others.range(absent.clone()..).next().cloned();
    following.or_else(|| others.pop_first())
}
