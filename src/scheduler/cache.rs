//! The scheduler's picture of the nodes and of the pods on them, those included that it has only
//! just placed.
//!
//! An attempt happens at one instant, so it reads this picture itself: there is no snapshot to
//! take. The figures that every attempt needs are kept up to date a pod at a time.

use std::sync::Arc;

use crate::api::Name;
use crate::api::core::node::Node;
use crate::api::core::pod::{HostPort, Pod};
use crate::api::core::pod_requests;
use crate::api::meta::Uid;
use crate::api::resource::Resources;
use crate::api::taint::TaintEffect;
use crate::scheduler::node_order::NodeOrder;
use crate::sim::index::Map;

/// A node, the pods on it and their sums.
///
/// Source: kubernetes v1.36 pkg/scheduler/framework/types.go, `NodeInfo`
#[derive(Clone, Debug, Default)]
pub struct NodeInfo {
    /// What of the node is for pods.
    pub allocatable: Resources,
    /// What its pods request.
    pub requested: Resources,
    /// Milli-CPU that its pods count with when nodes are scored.
    pub scoring_milli_cpu: i64,
    /// Memory that its pods count with when nodes are scored.
    pub scoring_memory: i64,
    /// Its taints that matter, told in advance.
    pub marks: Marks,
    /// The node; none while only its pods are known.
    pub node: Option<Arc<Node>>,
    /// Its pods, in the order in which they came.
    pub pods: Vec<Arc<Pod>>,
    /// The ports that its pods take.
    pub ports: Vec<HostPort>,
    /// The lowest priority of its pods; none without pods.
    pub lowest_priority: Option<i32>,
}

/// What of a node's spec keeps pods away, told in advance so that most pods need not look.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Marks {
    /// It is cordoned.
    pub is_unschedulable: bool,
    /// It has taints that keep pods away.
    pub has_hard_taints: bool,
    /// It has taints that pods rather avoid.
    pub has_soft_taints: bool,
}

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
    order: Vec<u32>,
    counts: Counts,
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
}

impl NodeInfo {
    /// Its name; empty while only its pods are known.
    pub fn name(&self) -> &Name {
        const NONE: &Name = &Name::new_static("");
        self.node.as_ref().map_or(NONE, |n| &n.meta.name)
    }

    /// Replaces what is known of the node itself.
    pub fn set_node(&mut self, node: Arc<Node>) {
        let has = |f: fn(TaintEffect) -> bool| node.spec.taints.iter().any(|t| f(t.effect));
        self.marks = Marks {
            is_unschedulable: node.spec.unschedulable,
            has_hard_taints: has(|e| e != TaintEffect::PreferNoSchedule),
            has_soft_taints: has(|e| e == TaintEffect::PreferNoSchedule),
        };
        self.allocatable.clone_from(&node.allocatable);
        self.node = Some(node);
    }

    /// Counts a pod in.
    pub fn add_pod(&mut self, pod: Arc<Pod>) {
        self.requested.add(&pod_requests::of_pod(&pod));
        let (milli_cpu, memory) = pod_requests::scoring_on_node(&pod);
        self.scoring_milli_cpu += milli_cpu;
        self.scoring_memory += memory;
        self.ports.extend(pod.spec.host_ports.iter().cloned());
        let priority = pod.priority();
        self.lowest_priority = Some(self.lowest_priority.map_or(priority, |p| p.min(priority)));
        self.pods.push(pod);
    }

    /// Counts a pod out. It must be the version that was counted in.
    pub fn remove_pod(&mut self, uid: Uid) {
        let Some(place) = self.pods.iter().position(|p| p.meta.uid == uid) else { return };
        let pod = self.pods.remove(place);
        self.requested.subtract(&pod_requests::of_pod(&pod));
        let (milli_cpu, memory) = pod_requests::scoring_on_node(&pod);
        self.scoring_milli_cpu -= milli_cpu;
        self.scoring_memory -= memory;
        if self.lowest_priority == Some(pod.priority()) {
            self.lowest_priority = self.pods.iter().map(|p| p.priority()).min();
        }
        for port in &pod.spec.host_ports {
            if let Some(place) = self.ports.iter().position(|p| p == port) {
                self.ports.swap_remove(place);
            }
        }
    }
}

impl Cache {
    /// The nodes' slots, in the order in which they are walked.
    pub fn order(&self) -> &[u32] {
        &self.order
    }

    /// How many nodes there are.
    pub fn len(&self) -> usize {
        self.order.len()
    }

    /// Whether there are no nodes.
    pub fn is_empty(&self) -> bool {
        self.order.is_empty()
    }

    /// What is in a slot.
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

    fn slot_for(&mut self, name: &Name) -> u32 {
        if let Some(slot) = self.by_name.get(name) {
            return *slot;
        }
        let slot = self.free.pop().unwrap_or_else(|| {
            self.slots.push(NodeInfo::default());
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

    fn reorder(&mut self) {
        let names = self.tree.list();
        self.order = names.into_iter().filter_map(|n| self.by_name.get(n).copied()).collect();
    }

    /// A node came or changed.
    pub fn put_node(&mut self, node: &Arc<Node>) {
        let slot = self.slot_for(&node.meta.name);
        let before = self.slots[slot as usize].marks;
        let is_new = self.slots[slot as usize].node.is_none();
        self.slots[slot as usize].set_node(node.clone());
        self.count(before, |n| *n -= 1);
        self.count(self.slots[slot as usize].marks, |n| *n += 1);
        if self.tree.update(node) || is_new {
            self.reorder();
        }
    }

    /// A node is gone; its pods stay until they are gone too.
    pub fn remove_node(&mut self, name: &Name) {
        let Some(slot) = self.slot_of(name) else { return };
        let info = &mut self.slots[slot as usize];
        let marks = std::mem::take(&mut info.marks);
        info.node = None;
        info.allocatable = Resources::default();
        self.count(marks, |n| *n -= 1);
        self.tree.remove(name);
        self.release(slot, name);
        self.reorder();
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
        self.slots[slot as usize].add_pod(pod.clone());
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
        self.slots[place.slot as usize].remove_pod(uid);
        self.release(place.slot, &place.pod.node_name);
    }
}
