//! What a strategy sees: nodes and pods as the informers have them.

use std::sync::Arc;

use super::evictor;
use super::fit;
use super::policy::Evictor;
use crate::api::Name;
use crate::api::core::node::Node;
use crate::api::core::pod::Pod;
use crate::api::object::Kind;
use crate::api::selector::Selector;
use crate::api::time::Time;
use crate::client::view::Caches;

/// The cluster as a strategy sees it when it begins.
///
/// Differs: the real one reads its informers again and again while it evicts; here a strategy sees
/// throughout what was there when it began.
#[derive(Clone, Copy)]
pub struct Sight<'a> {
    /// What the informers know.
    pub caches: &'a Caches,
    /// The clock.
    pub now: Time,
    /// The nodes that are looked at, by name.
    pub nodes: &'a [Arc<Node>],
    /// Which pods may be evicted.
    pub evictor: &'a Evictor,
}

/// The nodes that are ready, by name.
///
/// Source: descheduler pkg/descheduler/node/node.go, `ReadyNodes`
pub fn ready_nodes(caches: &Caches, selector: Option<&Selector>) -> Vec<Arc<Node>> {
    // Bounded by the nodes of the cluster, once a strategy.
    let nodes = caches.of(Kind::NODE).all().filter_map(|o| o.as_a::<Node>());
    let counts = |n: &&Arc<Node>| selector.is_none_or(|s| s.matches(&n.meta.labels));
    let mut all: Vec<_> = nodes.filter(|n| n.is_ready()).filter(counts).cloned().collect();
    all.sort_by(|a, b| a.meta.name.cmp(&b.meta.name));
    all
}

impl<'a> Sight<'a> {
    /// The pods on a node that have not ended, by namespace and name.
    ///
    /// Source: descheduler pkg/descheduler/pod/pods.go, `BuildGetPodsAssignedToNodeFunc`
    pub fn pods_on(&self, node: &Name) -> Vec<&'a Arc<Pod>> {
        let pods = self.caches.of(Kind::POD).on_node(node).filter_map(|o| o.as_a::<Pod>());
        let mut all: Vec<_> = pods.filter(|p| !p.is_terminal()).collect();
        all.sort_by_key(|p| (&p.meta.namespace, &p.meta.name));
        all
    }

    /// Whether a pod may be evicted at all.
    pub fn is_evictable(&self, pod: &Pod) -> bool {
        evictor::refusal(pod, self).is_none()
    }

    /// Whether a pod would find a place elsewhere, where the policy asks for that.
    ///
    /// Source: descheduler pkg/framework/plugins/defaultevictor/defaultevictor.go,
    /// `DefaultEvictor.PreEvictionFilter`
    pub fn may_move(&self, pod: &Pod) -> bool {
        if !self.evictor.node_fit {
            return true;
        }
        let nodes = ready_nodes(self.caches, self.evictor.node_selector.as_ref());
        fit::fits_any_other(pod, &nodes, self)
    }
}
