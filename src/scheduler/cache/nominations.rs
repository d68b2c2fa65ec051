//! Pods that a node is kept for, though they are not on it yet.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::api::Name;
use crate::api::core::pod::Pod;
use crate::api::meta::Uid;

/// The pods that are nominated, by node and by pod.
///
/// Source: kubernetes v1.36 pkg/scheduler/backend/queue/nominator.go, `nominator`
#[derive(Clone, Debug, Default)]
pub struct Nominations {
    by_node: BTreeMap<Name, Vec<Arc<Pod>>>,
    node_of: BTreeMap<Uid, Name>,
    /// Whether nobody has to leave room for them; not as in 1.36.
    pub is_ignored: bool,
}

impl Nominations {
    /// Whether no pod is nominated.
    pub fn is_empty(&self) -> bool {
        self.node_of.is_empty()
    }

    /// The pods that a node is kept for, in the order in which they were nominated.
    pub fn on(&self, node: &str) -> &[Arc<Pod>] {
        self.by_node.get(node).map_or(&[], Vec::as_slice)
    }

    /// The node that is kept for a pod.
    pub fn node_of(&self, uid: Uid) -> Option<&Name> {
        self.node_of.get(&uid)
    }

    /// The nodes that are kept for pods.
    pub fn nodes(&self) -> impl Iterator<Item = &Name> {
        self.by_node.keys()
    }

    /// A node is kept for a pod; an empty name: none is.
    pub fn set(&mut self, pod: &Arc<Pod>, node: &Name) {
        self.remove(pod.meta.uid);
        if node.is_empty() {
            return;
        }
        self.node_of.insert(pod.meta.uid, node.clone());
        self.by_node.entry(node.clone()).or_default().push(pod.clone());
    }

    /// No node is kept for a pod any more.
    pub fn remove(&mut self, uid: Uid) {
        let Some(node) = self.node_of.remove(&uid) else { return };
        if let Some(pods) = self.by_node.get_mut(&node) {
            pods.retain(|p| p.meta.uid != uid);
            if pods.is_empty() {
                self.by_node.remove(&node);
            }
        }
    }

    /// A pod has changed. A nomination that was only made here stays when the change does not
    /// concern nominations.
    ///
    /// Source: kubernetes v1.36 pkg/scheduler/backend/queue/nominator.go,
    /// `nominator.updateNominatedPodUnlocked`
    pub fn update(&mut self, old: &Pod, new: &Arc<Pod>) {
        let (was, is) = (&old.status.nominated_node_name, &new.status.nominated_node_name);
        let kept = self.node_of.get(&old.meta.uid).cloned();
        let node = match kept {
            Some(kept) if was.is_empty() && is.is_empty() => kept,
            _ => is.clone(),
        };
        self.set(new, &node);
    }
}
