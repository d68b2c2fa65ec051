//! Typed changes that components of the cluster send as patches.
//!
//! Each stands for the strategic merge patch that the real component sends, without building JSON.

use std::sync::Arc;

use crate::api::Name;
use crate::api::condition::Condition;
use crate::api::core::node::{AttachedVolume, Node, NodeStatus};
use crate::api::core::pod::{Pod, PodPhase, PodStatus};
use crate::api::labels::Labels;
use crate::api::meta::{Meta, OwnerReference, Uid};
use crate::api::object::Object;
use crate::api::taint::Taint;

/// A typed change of an object.
#[derive(Clone, PartialEq, Debug)]
pub enum Edit {
    /// The whole status of a pod, as its kubelet sees it.
    PodStatus(Arc<PodStatus>),
    /// One condition of a pod, and the nominated node if there is one to set.
    PodCondition {
        /// The condition, replacing the one of its type.
        condition: Box<Condition>,
        /// The nominated node; none leaves it.
        nominated_node: Option<Name>,
    },
    /// The node that is kept for a pod; empty for none.
    NominatedNode(Name),
    /// The phase of a pod.
    PodPhase(PodPhase),
    /// The whole status of a node, as its kubelet sees it.
    NodeStatus(Arc<NodeStatus>),
    /// The volumes that are attached to a node.
    VolumesAttached(Arc<[AttachedVolume]>),
    /// Conditions of a node, each replacing the one of its type.
    NodeConditions(Arc<[Condition]>),
    /// Taints of a node; the key and effect tell which.
    Taints {
        /// Put on, or replaced.
        add: Vec<Taint>,
        /// Taken off.
        remove: Vec<Taint>,
    },
    /// An owner is put on.
    AddOwner(Box<OwnerReference>),
    /// Owners are taken off, by uid.
    RemoveOwners(Arc<[Uid]>),
    /// Owners no longer block their own deletion.
    UnblockOwners,
    /// A finalizer is taken off.
    RemoveFinalizer(Name),
    /// A finalizer is put on.
    AddFinalizer(Name),
    /// Labels set (with a value) or removed (without).
    Labels(Arc<[(Name, Option<Name>)]>),
    /// Annotations set (with a value) or removed (without).
    Annotations(Arc<[(Name, Option<Name>)]>),
    /// An event is repeated: its count and last time.
    EventCount {
        /// How often it was told by now.
        count: i32,
        /// When it was last told.
        last: crate::api::time::Time,
        /// Its sentence, which aggregation changes.
        message: Arc<str>,
    },
    /// Several changes at once.
    All(Arc<[Edit]>),
}

impl Edit {
    /// Makes the change. Whoever calls it decides afterwards whether anything differs.
    pub fn apply(&self, object: &mut Object) {
        match self {
            Edit::PodStatus(status) => pod(object, |p| p.status = status.clone()),
            Edit::PodCondition { condition, nominated_node } => pod(object, |p| {
                let status = Arc::make_mut(&mut p.status);
                upsert(&mut status.conditions, condition);
                if let Some(node) = nominated_node {
                    status.nominated_node_name = node.clone();
                }
            }),
            Edit::NominatedNode(node) => {
                pod(object, |p| Arc::make_mut(&mut p.status).nominated_node_name = node.clone());
            }
            Edit::PodPhase(phase) => pod(object, |p| Arc::make_mut(&mut p.status).phase = *phase),
            Edit::NodeStatus(status) => node(object, |n| take_status(n, status)),
            Edit::VolumesAttached(all) => {
                node(object, |n| Arc::make_mut(&mut n.status).volumes_attached = all.to_vec());
            }
            Edit::NodeConditions(conditions) => node(object, |n| {
                let status = Arc::make_mut(&mut n.status);
                conditions.iter().for_each(|c| upsert(&mut status.conditions, c));
            }),
            Edit::Taints { add, remove } => node(object, |n| retaint(n, add, remove)),
            Edit::AddOwner(owner) => add_owner(object.meta_mut(), owner),
            Edit::RemoveOwners(uids) => {
                let meta = object.meta_mut();
                let kept = meta.owners().iter().filter(|o| !uids.contains(&o.uid));
                let kept = kept.cloned().collect();
                meta.set_owners(kept);
            }
            Edit::UnblockOwners => unblock(object.meta_mut()),
            Edit::RemoveFinalizer(name) => {
                let meta = object.meta_mut();
                let kept = meta.finalizers().iter().filter(|f| *f != name).cloned().collect();
                meta.set_finalizers(kept);
            }
            Edit::AddFinalizer(name) => {
                let meta = object.meta_mut();
                if !meta.has_finalizer(name) {
                    let all = meta.finalizers().iter().chain([name]).cloned().collect();
                    meta.set_finalizers(all);
                }
            }
            Edit::Labels(changes) => {
                let meta = object.meta_mut();
                meta.labels = merged(&meta.labels, changes);
            }
            Edit::Annotations(changes) => {
                let meta = object.meta_mut();
                meta.annotations = merged(&meta.annotations, changes);
            }
            Edit::EventCount { count, last, message } => {
                if let Object::Event(event) = object {
                    let body = &mut Arc::make_mut(event).body;
                    body.count = *count;
                    body.last_timestamp = Some(*last);
                    body.message = message.clone();
                }
            }
            Edit::All(edits) => edits.iter().for_each(|e| e.apply(object)),
        }
    }
}

fn pod(object: &mut Object, change: impl FnOnce(&mut Pod)) {
    if let Object::Pod(pod) = object {
        change(Arc::make_mut(pod));
    }
}

fn node(object: &mut Object, change: impl FnOnce(&mut Node)) {
    if let Object::Node(node) = object {
        let node = Arc::make_mut(node);
        change(node);
        node.refresh();
    }
}

/// The kubelet's status, but for what is attached: that is not the kubelet's to say.
fn take_status(node: &mut Node, status: &Arc<NodeStatus>) {
    let before = std::mem::replace(&mut node.status, status.clone());
    if before.volumes_attached != node.status.volumes_attached {
        Arc::make_mut(&mut node.status).volumes_attached.clone_from(&before.volumes_attached);
    }
}

/// Replaces the condition of the same type, or appends it.
pub fn upsert(conditions: &mut Vec<Condition>, condition: &Condition) {
    match conditions.iter_mut().find(|c| c.kind == condition.kind) {
        Some(old) => old.clone_from(condition),
        None => conditions.push(condition.clone()),
    }
}

fn retaint(node: &mut Node, add: &[Taint], remove: &[Taint]) {
    let same = |a: &Taint, b: &Taint| a.key == b.key && a.effect == b.effect;
    let taints = &mut node.spec.taints;
    taints.retain(|t| !remove.iter().chain(add).any(|r| same(t, r)));
    taints.extend(add.iter().cloned());
}

fn add_owner(meta: &mut Meta, owner: &OwnerReference) {
    let others = meta.owners().iter().filter(|o| o.uid != owner.uid);
    let all = others.chain([owner]).cloned().collect();
    meta.set_owners(all);
}

fn unblock(meta: &mut Meta) {
    let mut all = meta.owners().to_vec();
    for owner in &mut all {
        owner.block_owner_deletion = owner.block_owner_deletion.map(|_| false);
    }
    meta.set_owners(all);
}

fn merged(labels: &Labels, changes: &[(Name, Option<Name>)]) -> Labels {
    changes.iter().fold(labels.clone(), |all, (key, value)| match value {
        Some(value) => all.with(key, value),
        None => all.without(key),
    })
}
