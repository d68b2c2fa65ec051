//! `NodeName`: a pod that names a node goes there or nowhere.

use std::sync::Arc;

use crate::api::Name;
use crate::api::core::pod::Pod;
use crate::scheduler::cache::NodeInfo;
use crate::scheduler::config::PluginArgs;
use crate::scheduler::event::{Action, ClusterEvent, EventResource};
use crate::scheduler::framework::{Attempt, Filter, Plugin, PreFilter, Refused};

/// The plugin.
#[derive(Clone, Copy, Debug)]
struct NodeName;

/// The node that a pod names.
#[derive(Clone, Debug)]
struct Wanted(Name);

/// Makes it.
pub(crate) fn make(_: &PluginArgs) -> Arc<dyn Plugin> {
    Arc::new(NodeName)
}

impl Plugin for NodeName {
    fn events(&self) -> &'static [ClusterEvent] {
        const NODE: ClusterEvent = ClusterEvent::new(EventResource::Node, Action::ADD);
        &[NODE]
    }

    fn is_shareable(&self, pod: &Pod) -> bool {
        pod.node_name.is_empty()
    }

    fn pre_filter(&self, attempt: Attempt<'_>) -> PreFilter {
        if attempt.pod.node_name.is_empty() {
            return PreFilter::Skip;
        }
        PreFilter::Each(Box::new(Wanted(attempt.pod.node_name.clone())))
    }
}

impl Filter for Wanted {
    /// Source: kubernetes v1.36 pkg/scheduler/framework/plugins/nodename/node_name.go, `Fits`
    fn filter(&self, _: u32, node: &NodeInfo) -> Result<(), Refused> {
        if *node.name() == self.0 { Ok(()) } else { Err(Refused::unresolvable(0)) }
    }

    fn reason(&self, _: u32) -> Name {
        Name::new_static("node(s) didn't match the requested node name")
    }

    fn boxed_clone(&self) -> Box<dyn Filter> {
        Box::new(self.clone())
    }
}
