//! `NodeAffinity`: labels and names that a pod requires or prefers of its node, and what the
//! scheduler's configuration adds to that.

use std::sync::Arc;

use crate::api::Name;
use crate::api::core::node::Node;
use crate::api::core::node_selector::{Preferred, Required, Terms, pinned_names};
use crate::api::core::pod::{NodeAffinity as Affinity, Pod};
use crate::scheduler::cache::{Cache, NodeInfo};
use crate::scheduler::config::PluginArgs;
use crate::scheduler::event::{Action, ClusterEvent, EventResource, Happened};
use crate::scheduler::framework::{
    Attempt, Filter, MAX_NODE_SCORE, Order, Plugin, PreFilter, PreScore, Refused, Score, Status,
    default_normalize,
};

/// The plugin.
#[derive(Clone, Debug)]
struct NodeAffinity {
    added: Option<Arc<Terms>>,
    added_preferred: Option<Arc<Preferred>>,
}

/// What is required of a node.
#[derive(Clone, Debug)]
struct Wanted {
    added: Option<Arc<Terms>>,
    required: Required,
}

/// What is preferred of a node.
#[derive(Debug)]
struct Liked {
    added: Option<Arc<Preferred>>,
    own: Preferred,
}

/// Makes it. What is added must be readable, as the configuration's validation sees to.
pub(crate) fn make(args: &PluginArgs) -> Arc<dyn Plugin> {
    let added = args.added_affinity.as_ref();
    let preferred = added.map(|a| &a.preferred).filter(|p| !p.is_empty());
    Arc::new(NodeAffinity {
        added: added.and_then(|a| a.required.as_ref()).map(|t| Arc::new(Terms::new(t))),
        added_preferred: preferred.map(|p| Arc::new(Preferred::new(p).unwrap_or_default())),
    })
}

fn affinity(pod: &Pod) -> Option<&Affinity> {
    pod.spec.affinity.as_ref()?.node_affinity.as_ref()
}

impl NodeAffinity {
    fn wanted(&self, pod: &Pod) -> Wanted {
        Wanted { added: self.added.clone(), required: Required::of(&pod.spec) }
    }
}

impl Plugin for NodeAffinity {
    fn events(&self) -> &'static [ClusterEvent] {
        const NODE: ClusterEvent =
            ClusterEvent::new(EventResource::Node, Action::ADD.or(Action::NODE_LABEL));
        &[NODE]
    }

    /// Source: kubernetes v1.36 pkg/scheduler/framework/plugins/nodeaffinity/node_affinity.go,
    /// `NodeAffinity.isSchedulableAfterNodeChange`
    fn is_worth_retrying(&self, pod: &Pod, happened: &Happened) -> bool {
        let (old, Some(new)) = happened.node() else { return true };
        let wanted = self.wanted(pod);
        let fits = |node: &Node| wanted.refusal(node).is_none();
        fits(new) && !old.is_some_and(fits)
    }

    fn is_shareable(&self, _: &Pod) -> bool {
        true
    }

    /// Source: kubernetes v1.36 pkg/scheduler/framework/plugins/nodeaffinity/node_affinity.go,
    /// `NodeAffinity.PreFilter`
    fn pre_filter(&self, attempt: Attempt<'_>) -> PreFilter {
        let pod = attempt.pod;
        let required = affinity(pod).and_then(|a| a.required.as_ref());
        if required.is_none() && self.added.is_none() && pod.spec.node_selector.is_empty() {
            return PreFilter::Skip;
        }
        let wanted = Box::new(self.wanted(pod));
        match required.and_then(pinned_names) {
            None => PreFilter::Each(wanted),
            Some(names) if names.is_empty() => {
                PreFilter::Refuse(Status::unresolvable("pod affinity terms conflict"))
            }
            Some(names) => PreFilter::Only(names, wanted),
        }
    }

    /// Source: kubernetes v1.36 pkg/scheduler/framework/plugins/nodeaffinity/node_affinity.go,
    /// `NodeAffinity.PreScore`
    fn pre_score(&self, attempt: Attempt<'_>) -> PreScore {
        let preferred = affinity(attempt.pod).map_or(&[][..], |a| &a.preferred);
        if preferred.is_empty() && self.added_preferred.is_none() {
            return Ok(None);
        }
        let own = Preferred::new(preferred).map_err(|e| Status::error(e.join(", ")))?;
        Ok(Some(Box::new(Liked { added: self.added_preferred.clone(), own })))
    }
}

impl Wanted {
    /// Source: kubernetes v1.36 pkg/scheduler/framework/plugins/nodeaffinity/node_affinity.go,
    /// `NodeAffinity.Filter`
    fn refusal(&self, node: &Node) -> Option<Refused> {
        if self.added.as_ref().is_some_and(|a| a.matches(node) != Ok(true)) {
            return Some(Refused::unresolvable(0));
        }
        (!self.required.matches(node)).then_some(Refused::unresolvable(1))
    }
}

impl Filter for Wanted {
    fn filter(&self, _: u32, info: &NodeInfo) -> Result<(), Refused> {
        info.node.as_ref().and_then(|n| self.refusal(n)).map_or(Ok(()), Err)
    }

    fn reason(&self, bit: u32) -> Name {
        Name::new_static(match bit {
            0 => "node(s) didn't match scheduler-enforced node affinity",
            _ => "node(s) didn't match Pod's node affinity/selector",
        })
    }

    fn boxed_clone(&self) -> Box<dyn Filter> {
        Box::new(self.clone())
    }
}

impl Score for Liked {
    /// Source: kubernetes v1.36 pkg/scheduler/framework/plugins/nodeaffinity/node_affinity.go,
    /// `NodeAffinity.Score`
    fn score(&mut self, cluster: &Cache, nodes: &[u32], scores: &mut [i64]) {
        for (score, slot) in scores.iter_mut().zip(nodes) {
            let likes =
                |n: &Arc<Node>| self.own.score(n) + self.added.as_ref().map_or(0, |a| a.score(n));
            *score = cluster.at(*slot).node.as_ref().map_or(0, likes);
        }
    }

    fn is_relative(&self) -> bool {
        true
    }

    fn normalize(&self, scores: &mut [i64]) {
        default_normalize(MAX_NODE_SCORE, Order::Straight, scores);
    }
}
