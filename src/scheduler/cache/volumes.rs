//! What the scheduler knows of storage: volumes, claims, classes, drivers of nodes; with what it
//! has only taken to be so.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::api::Name;
use crate::api::core::persistent_volume::PersistentVolume;
use crate::api::core::persistent_volume_claim::PersistentVolumeClaim;
use crate::api::core::pod::Pod;
use crate::api::object::{Object, Resource};
use crate::api::storage::csi_node::CSINode;
use crate::api::storage::storage_class::StorageClass;
use crate::api::storage::volume_attachment::VolumeAttachment;

/// An object as the apiserver has it, and as it is taken to be.
///
/// Source: kubernetes v1.36 pkg/scheduler/util/assumecache/assume_cache.go, `AssumeCache`
#[derive(Clone, Debug)]
struct Known<T> {
    told: Arc<T>,
    assumed: Option<Arc<T>>,
}

impl<T> Known<T> {
    fn latest(&self) -> &Arc<T> {
        self.assumed.as_ref().unwrap_or(&self.told)
    }
}

/// Takes up what the apiserver says: a newer version ends what was assumed.
fn put<K: Ord, T: Resource>(map: &mut BTreeMap<K, Known<T>>, key: K, new: Option<&Arc<T>>) {
    let Some(new) = new else {
        map.remove(&key);
        return;
    };
    let (told, mut assumed) = (new.clone(), None);
    if let Some(before) = map.remove(&key)
        && let Some(own) = before.assumed
        && new.meta().uid == own.meta().uid
        && new.meta().resource_version <= own.meta().resource_version
    {
        assumed = Some(own);
    }
    map.insert(key, Known { told, assumed });
}

/// What the scheduler knows of storage.
#[derive(Clone, Debug, Default)]
pub struct Volumes {
    known: BTreeMap<Name, Known<PersistentVolume>>,
    claims: BTreeMap<(Name, Name), Known<PersistentVolumeClaim>>,
    classes: BTreeMap<Name, Arc<StorageClass>>,
    nodes: BTreeMap<Name, Arc<CSINode>>,
    attachments: BTreeMap<Name, Arc<VolumeAttachment>>,
    /// Volumes without a claim of their own or meant for one, by class.
    by_class: BTreeMap<Name, BTreeSet<Name>>,
    /// Attachments by node.
    by_node: BTreeMap<Name, BTreeSet<Name>>,
    /// How many pods on nodes use a claim.
    users: BTreeMap<(Name, Name), u32>,
    /// The volumes that are taken to be meant for claims.
    meant: BTreeMap<(Name, Name), Name>,
}

/// What is assumed of an object, if anything is.
type Assumed<'a, T> = Option<&'a Arc<T>>;

impl Volumes {
    /// An object of storage came, changed or is gone; false when it is none of storage.
    pub fn changed(&mut self, latest: &Object, new: Option<&Object>) -> bool {
        let (namespace, name) = (latest.meta().namespace.clone(), latest.meta().name.clone());
        if let Object::PersistentVolume(volume) = latest {
            let class = self.by_class.entry(volume.class().clone()).or_default();
            if new.is_some() {
                class.insert(name.clone())
            } else {
                class.remove(&name)
            };
            put(&mut self.known, name, new.and_then(Object::as_a));
        } else if let Object::PersistentVolumeClaim(_) = latest {
            put(&mut self.claims, (namespace, name), new.and_then(Object::as_a));
        } else if let Object::StorageClass(class) = latest {
            replace(&mut self.classes, name, new.map(|_| class));
        } else if let Object::CSINode(node) = latest {
            replace(&mut self.nodes, name, new.map(|_| node));
        } else if let Object::VolumeAttachment(attachment) = latest {
            let here = self.by_node.entry(attachment.spec.node_name.clone()).or_default();
            if new.is_some() {
                here.insert(name.clone())
            } else {
                here.remove(&name)
            };
            replace(&mut self.attachments, name, new.map(|_| attachment));
        } else {
            return false;
        }
        true
    }

    /// A volume, as it is taken to be.
    pub fn volume(&self, name: &str) -> Option<&Arc<PersistentVolume>> {
        self.known.get(name).map(Known::latest)
    }

    /// A volume, as the apiserver has it.
    pub fn told_volume(&self, name: &str) -> Option<&Arc<PersistentVolume>> {
        self.known.get(name).map(|known| &known.told)
    }

    /// The volumes of a class, by name.
    pub fn of_class(&self, class: &Name) -> impl Iterator<Item = &Arc<PersistentVolume>> {
        let names = self.by_class.get(class).into_iter().flatten();
        names.filter_map(|name| self.volume(name))
    }

    /// A claim, as it is taken to be.
    pub fn claim(&self, namespace: &Name, name: &Name) -> Option<&Arc<PersistentVolumeClaim>> {
        self.claims.get(&(namespace.clone(), name.clone())).map(Known::latest)
    }

    /// A claim, as the apiserver has it.
    pub fn told_claim(&self, namespace: &Name, name: &Name) -> Option<&Arc<PersistentVolumeClaim>> {
        self.claims.get(&(namespace.clone(), name.clone())).map(|known| &known.told)
    }

    /// A storage class.
    pub fn class(&self, name: &str) -> Option<&Arc<StorageClass>> {
        self.classes.get(name)
    }

    /// The drivers of a node.
    pub fn csi_node(&self, name: &str) -> Option<&Arc<CSINode>> {
        self.nodes.get(name)
    }

    /// The attachments of a node.
    pub fn attachments(&self, node: &Name) -> impl Iterator<Item = &Arc<VolumeAttachment>> {
        let names = self.by_node.get(node).into_iter().flatten();
        names.filter_map(|name| self.attachments.get(name))
    }

    /// Takes a volume to be so, until the apiserver says something newer.
    pub fn assume_volume(&mut self, volume: PersistentVolume) {
        if let Some(of) = &volume.spec.claim_ref {
            let key = (of.namespace.clone(), of.name.clone());
            self.meant.insert(key, volume.meta.name.clone());
        }
        if let Some(known) = self.known.get_mut(&volume.meta.name) {
            known.assumed = Some(Arc::new(volume));
        }
    }

    /// Takes a claim to be so, until the apiserver says something newer.
    pub fn assume_claim(&mut self, claim: PersistentVolumeClaim) {
        let key = (claim.meta.namespace.clone(), claim.meta.name.clone());
        if let Some(known) = self.claims.get_mut(&key) {
            known.assumed = Some(Arc::new(claim));
        }
    }

    /// What is assumed of a claim and of the volume that is to be its own.
    pub fn assumed(
        &self,
        namespace: &Name,
        claim: &Name,
    ) -> (Assumed<'_, PersistentVolume>, Assumed<'_, PersistentVolumeClaim>) {
        let key = (namespace.clone(), claim.clone());
        let volume = self.meant.get(&key).and_then(|name| self.known.get(name));
        let volume = volume.and_then(|v| v.assumed.as_ref()).filter(|v| is_of(v, &key));
        (volume, self.claims.get(&key).and_then(|c| c.assumed.as_ref()))
    }

    /// What was assumed of a claim and of the volume that was to be its own does not hold.
    pub fn restore(&mut self, namespace: &Name, claim: &Name) {
        let key = (namespace.clone(), claim.clone());
        let volume = self.meant.remove(&key).and_then(|name| self.known.get_mut(&name));
        if let Some(known) = volume {
            known.assumed = known.assumed.take().filter(|v| !is_of(v, &key));
        }
        self.claims.get_mut(&key).into_iter().for_each(|known| known.assumed = None);
    }

    /// A pod that uses claims came to a node or left it.
    pub(super) fn count(&mut self, pod: &Pod, came: bool) {
        for claim in pod.claims() {
            let key = (pod.meta.namespace.clone(), claim.name);
            let users = self.users.entry(key.clone()).or_default();
            *users = if came { *users + 1 } else { users.saturating_sub(1) };
            if *users == 0 {
                self.users.remove(&key);
            }
        }
    }

    /// Whether a pod on a node uses a claim.
    ///
    /// Source: kubernetes v1.36 pkg/scheduler/backend/cache/snapshot.go,
    /// `Snapshot.IsPVCUsedByPods`
    pub fn is_used(&self, namespace: &Name, name: &Name) -> bool {
        self.users.contains_key(&(namespace.clone(), name.clone()))
    }
}

/// Whether a volume is meant for a claim of this name.
fn is_of(volume: &PersistentVolume, (namespace, name): &(Name, Name)) -> bool {
    let of = volume.spec.claim_ref.as_ref();
    of.is_some_and(|of| of.namespace == *namespace && of.name == *name)
}

fn replace<T>(map: &mut BTreeMap<Name, Arc<T>>, name: Name, new: Option<&Arc<T>>) {
    match new {
        Some(new) => map.insert(name, new.clone()),
        None => map.remove(&name),
    };
}
