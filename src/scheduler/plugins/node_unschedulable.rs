//! `NodeUnschedulable`: a cordoned node takes only pods that tolerate the taint of that name.

use std::sync::Arc;

use crate::api::Name;
use crate::api::core::pod::Pod;
use crate::api::taint::{ComparisonOperators, Taint, TaintEffect};
use crate::scheduler::cache::NodeInfo;
use crate::scheduler::config::PluginArgs;
use crate::scheduler::event::{Action, ClusterEvent, EventResource, Happened};
use crate::scheduler::framework::{Attempt, Filter, Plugin, PreFilter, Refused};

/// The plugin.
#[derive(Clone, Copy, Debug)]
struct NodeUnschedulable {
    comparison: ComparisonOperators,
}

/// What it looks for in a pod that does not tolerate cordoned nodes.
#[derive(Clone, Copy, Debug)]
struct Cordon;

/// Makes it.
pub(crate) fn make(args: &PluginArgs) -> Arc<dyn Plugin> {
    Arc::new(NodeUnschedulable { comparison: args.comparison_operators })
}

impl NodeUnschedulable {
    fn tolerates(self, pod: &Pod) -> bool {
        let taint = Taint::new("node.kubernetes.io/unschedulable", TaintEffect::NoSchedule);
        pod.spec.tolerations.iter().any(|t| t.tolerates(&taint, self.comparison))
    }
}

impl Plugin for NodeUnschedulable {
    fn events(&self) -> &'static [ClusterEvent] {
        const NODE: ClusterEvent =
            ClusterEvent::new(EventResource::Node, Action::ADD.or(Action::NODE_TAINT));
        const POD: ClusterEvent =
            ClusterEvent::new(EventResource::UnscheduledPod, Action::POD_TOLERATION);
        &[NODE, POD]
    }

    /// Source: kubernetes v1.36
    /// pkg/scheduler/framework/plugins/nodeunschedulable/node_unschedulable.go,
    /// `NodeUnschedulable.isSchedulableAfterNodeChange`
    fn is_worth_retrying(&self, pod: &Pod, happened: &Happened) -> bool {
        if let (_, Some(new)) = happened.pod() {
            return new.meta.uid == pod.meta.uid && self.tolerates(new);
        }
        let (old, new) = happened.node();
        let was_open = old.is_some_and(|n| !n.spec.unschedulable);
        let is_open = new.is_some_and(|n| !n.spec.unschedulable);
        !was_open && is_open
    }

    fn is_shareable(&self, _: &Pod) -> bool {
        true
    }

    fn pre_filter(&self, attempt: Attempt<'_>) -> PreFilter {
        if attempt.cluster.counts().unschedulable == 0 || self.tolerates(attempt.pod) {
            return PreFilter::Skip;
        }
        PreFilter::Each(Box::new(Cordon))
    }
}

impl Filter for Cordon {
    /// Source: kubernetes v1.36
    /// pkg/scheduler/framework/plugins/nodeunschedulable/node_unschedulable.go,
    /// `NodeUnschedulable.Filter`
    fn filter(&self, _: u32, node: &NodeInfo) -> Result<(), Refused> {
        if node.marks.is_unschedulable { Err(Refused::unresolvable(0)) } else { Ok(()) }
    }

    fn reason(&self, _: u32) -> Name {
        Name::new_static("node(s) were unschedulable")
    }

    fn boxed_clone(&self) -> Box<dyn Filter> {
        Box::new(*self)
    }
}
