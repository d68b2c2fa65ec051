//! The scheduler's picture of the nodes and of the pods on them, those included that it has only
//! just placed.
//!
//! An attempt happens at one instant, so it reads this picture itself: there is no snapshot to
//! take. The figures that every attempt needs are kept up to date a pod at a time.

mod budget;
mod crowds;
mod images;
mod journal;
mod node_info;
mod nominations;
mod volumes;
mod workloads;

use std::cell::OnceCell;
use std::collections::BTreeMap;
use std::sync::Arc;

use crate::api::Name;
use crate::api::core::node::Node;
use crate::api::core::pod::Pod;
use crate::api::core::pod_requests;
use crate::api::labels::Labels;
use crate::api::meta::Uid;
use crate::api::resource::Resources;
use crate::scheduler::node_order::NodeOrder;
use crate::sim::index::Map;

pub use budget::Budget;
pub use crowds::Crowds;
pub use images::{ImageState, Images};
pub use journal::{Journal, Moved};
pub use node_info::{Marks, NodeInfo};
pub use nominations::Nominations;
pub use volumes::Volumes;
pub use workloads::{OwnerKind, Workloads};

/// Where a pod is, as far as the scheduler knows.
#[derive(Clone, Debug)]
struct Place {
    pod: Arc<Pod>,
    slot: u32,
    is_assumed: bool,
}

/// The nodes, and what is on them.
///
/// Source: kubernetes v1.36 pkg/scheduler/backend/cache/cache.go, `cacheImpl`
#[derive(Clone, Debug, Default)]
pub struct Cache {
    slots: Vec<NodeInfo>,
    free: Vec<u32>,
    by_name: Map<Name, u32>,
    places: Map<Uid, Place>,
    tree: NodeOrder,
    /// The slots in the order of the tree; worked out when somebody asks after a change.
    order: OnceCell<Vec<u32>>,
    counts: Counts,
    /// By slot: counts the changes of a node and its pods.
    versions: Vec<u32>,
    /// Counts the changes of nodes beside their pods and amounts, and of namespaces.
    epoch: u64,
    journal: Journal,
    crowds: Crowds,
    images: Images,
    /// Labels of namespaces.
    namespaces: Map<Name, Labels>,
    /// Services and sets.
    pub workloads: Workloads,
    /// Pods that nodes are kept for.
    pub nominations: Nominations,
    /// Disruption budgets, by namespace and name.
    pub budgets: BTreeMap<(Name, Name), Budget>,
    /// What is known of storage.
    pub volumes: Volumes,
}

/// How many nodes have each mark, so that a plugin can tell that none has.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Counts {
    /// Cordoned nodes.
    pub unschedulable: usize,
    /// Nodes with taints that keep pods away.
    pub hard_taints: usize,
    /// Nodes with taints that pods rather avoid.
    pub soft_taints: usize,
    /// Pods that want something of other pods.
    pub with_terms: usize,
}

impl Cache {
    /// The nodes' slots, in the order in which they are walked.
    pub fn order(&self) -> &[u32] {
        self.order.get_or_init(|| {
            let names = self.tree.list().into_iter();
            names.filter_map(|name| self.by_name.get(name).copied()).collect()
        })
    }

    /// How many nodes there are.
    pub fn len(&self) -> usize {
        self.tree.len()
    }

    /// Whether there are no nodes.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What is in a slot.
    #[inline]
    pub fn at(&self, slot: u32) -> &NodeInfo {
        &self.slots[slot as usize]
    }

    /// The slot of a node that exists.
    pub fn slot_of(&self, name: &Name) -> Option<u32> {
        let slot = *self.by_name.get(name)?;
        self.at(slot).node.is_some().then_some(slot)
    }

    /// How many nodes have each mark.
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// How many slots there are, empty ones too.
    pub fn slots(&self) -> usize {
        self.slots.len()
    }

    /// Counts the changes of what is in a slot.
    #[inline]
    pub fn version(&self, slot: u32) -> u32 {
        self.versions[slot as usize]
    }

    /// Counts the changes of nodes beside their pods and amounts, and of namespaces.
    pub fn epoch(&self) -> u64 {
        self.epoch
    }

    /// The last moves of pods.
    pub fn journal(&self) -> &Journal {
        &self.journal
    }

    /// The pods on nodes, counted by their labels.
    pub fn crowds(&self) -> &Crowds {
        &self.crowds
    }

    /// The images that nodes hold.
    pub fn images(&self) -> &Images {
        &self.images
    }

    /// The labels of a namespace; none when it is not known.
    pub fn namespace_labels(&self, name: &str) -> Option<&Labels> {
        self.namespaces.get(name)
    }

    /// A namespace came or changed; without labels it is gone.
    pub fn put_namespace(&mut self, name: &Name, labels: Option<&Labels>) {
        let before = match labels {
            Some(labels) => self.namespaces.insert(name.clone(), labels.clone()),
            None => self.namespaces.remove(name),
        };
        if before.as_ref() != labels {
            self.epoch += 1;
        }
    }

    fn touch(&mut self, slot: u32) {
        let version = &mut self.versions[slot as usize];
        *version = version.wrapping_add(1);
    }

    fn slot_for(&mut self, name: &Name) -> u32 {
        if let Some(slot) = self.by_name.get(name) {
            return *slot;
        }
        let slot = self.free.pop().unwrap_or_else(|| {
            self.slots.push(NodeInfo::default());
            self.versions.push(0);
            u32::try_from(self.slots.len() - 1).expect("fewer than 2^32 nodes")
        });
        self.by_name.insert(name.clone(), slot);
        slot
    }

    fn count(&mut self, marks: Marks, add: impl Fn(&mut usize)) {
        let pairs = [
            (marks.is_unschedulable, &mut self.counts.unschedulable),
            (marks.has_hard_taints, &mut self.counts.hard_taints),
            (marks.has_soft_taints, &mut self.counts.soft_taints),
        ];
        pairs.into_iter().filter(|(has, _)| *has).for_each(|(_, n)| add(n));
    }

    /// A node came or changed.
    pub fn put_node(&mut self, node: &Arc<Node>) {
        let slot = self.slot_for(&node.meta.name);
        let info = &mut self.slots[slot as usize];
        let (old, before) = (info.node.clone(), info.marks);
        info.set_node(node.clone());
        let after = info.marks;
        let is_other = old.as_ref().is_none_or(|old| !is_alike(old, node));
        self.count(before, |n| *n -= 1);
        self.count(after, |n| *n += 1);
        if is_other {
            self.epoch += 1;
            if let Some(old) = &old {
                self.images.remove(slot, &old.status.images);
            }
            self.images.add(slot, &node.status.images);
        }
        if is_other || old.as_ref().is_some_and(|old| old.allocatable != node.allocatable) {
            self.touch(slot);
        }
        if self.tree.update(node) || old.is_none() {
            self.order.take();
        }
    }

    /// A node is gone; its pods stay until they are gone too.
    pub fn remove_node(&mut self, name: &Name) {
        let Some(slot) = self.slot_of(name) else { return };
        let info = &mut self.slots[slot as usize];
        let marks = std::mem::take(&mut info.marks);
        if let Some(old) = info.node.take() {
            self.images.remove(slot, &old.status.images);
        }
        info.allocatable = Resources::default();
        self.count(marks, |n| *n -= 1);
        self.tree.remove(name);
        self.epoch += 1;
        self.touch(slot);
        self.release(slot, name);
        self.order.take();
    }

    /// Gives a slot back that holds neither node nor pods.
    fn release(&mut self, slot: u32, name: &Name) {
        let info = &mut self.slots[slot as usize];
        if info.node.is_none() && info.pods.is_empty() {
            *info = NodeInfo::default();
            self.by_name.remove(name);
            self.free.push(slot);
        }
    }

    fn insert(&mut self, pod: Arc<Pod>, node: &Name, is_assumed: bool) {
        let slot = self.slot_for(node);
        self.journal.push(&pod, slot, true);
        self.crowds.moved(&pod, slot, true);
        if pod.spec.storage.is_some() {
            self.volumes.count(&pod, true);
        }
        self.counts.with_terms += usize::from(!pod.spec.pod_terms.is_empty());
        self.slots[slot as usize].add_pod(pod.clone());
        self.touch(slot);
        self.places.insert(pod.meta.uid, Place { pod, slot, is_assumed });
    }

    /// A pod is taken to be on a node, before anybody has confirmed it.
    pub fn assume(&mut self, pod: &Arc<Pod>, node: &Name) {
        self.remove_pod(pod.meta.uid);
        let mut placed = Pod::clone(pod);
        placed.node_name = node.clone();
        self.insert(Arc::new(placed), node, true);
    }

    /// What was assumed of a pod does not hold.
    pub fn forget(&mut self, uid: Uid) {
        if self.is_assumed(uid) {
            self.remove_pod(uid);
        }
    }

    /// Whether a pod is only taken to be on a node.
    pub fn is_assumed(&self, uid: Uid) -> bool {
        self.places.get(&uid).is_some_and(|p| p.is_assumed)
    }

    /// Whether a pod is on a node, or taken to be.
    pub fn has_pod(&self, uid: Uid) -> bool {
        self.places.contains_key(&uid)
    }

    /// A pod is on a node, as the apiserver says. A version that changes no figure is only
    /// exchanged.
    pub fn put_pod(&mut self, pod: &Arc<Pod>) {
        let uid = pod.meta.uid;
        if let Some(place) = self.places.get_mut(&uid) {
            let info = &mut self.slots[place.slot as usize];
            let stays = place.pod.node_name == pod.node_name
                && Arc::ptr_eq(&place.pod.spec, &pod.spec)
                && place.pod.meta.labels == pod.meta.labels
                && place.pod.meta.is_deleting() == pod.meta.is_deleting()
                && pod_requests::of_pod(&place.pod) == pod_requests::of_pod(pod);
            if stays && let Some(own) = info.pods.iter_mut().find(|p| p.meta.uid == uid) {
                own.clone_from(pod);
                place.pod = pod.clone();
                place.is_assumed = false;
                return;
            }
        }
        self.remove_pod(uid);
        self.insert(pod.clone(), &pod.node_name, false);
    }

    /// A pod is gone.
    pub fn remove_pod(&mut self, uid: Uid) {
        let Some(place) = self.places.remove(&uid) else { return };
        if let Some(pod) = self.slots[place.slot as usize].remove_pod(uid) {
            self.journal.push(&pod, place.slot, false);
            self.crowds.moved(&pod, place.slot, false);
            if pod.spec.storage.is_some() {
                self.volumes.count(&pod, false);
            }
            self.counts.with_terms -= usize::from(!pod.spec.pod_terms.is_empty());
        }
        self.touch(place.slot);
        self.release(place.slot, &place.pod.node_name);
    }
}

/// Whether two versions of a node differ in nothing but amounts, conditions and annotations.
fn is_alike(old: &Node, new: &Node) -> bool {
    old.meta.labels == new.meta.labels
        && old.spec.taints == new.spec.taints
        && old.spec.unschedulable == new.spec.unschedulable
        && old.status.images == new.status.images
}
