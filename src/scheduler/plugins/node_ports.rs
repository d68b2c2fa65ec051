//! `NodePorts`: the ports of the node that a pod wants must be free.

use std::sync::Arc;

use crate::api::Name;
use crate::api::core::pod::{HostPort, Pod};
use crate::scheduler::cache::NodeInfo;
use crate::scheduler::config::PluginArgs;
use crate::scheduler::event::{Action, ClusterEvent, EventResource, Happened};
use crate::scheduler::framework::{Attempt, Filter, Plugin, PreFilter, Refused};

/// The plugin.
#[derive(Clone, Copy, Debug)]
struct NodePorts;

/// The ports that a pod wants.
#[derive(Clone, Debug)]
struct Wanted(Vec<HostPort>);

/// Makes it.
pub(crate) fn make(_: &PluginArgs) -> Arc<dyn Plugin> {
    Arc::new(NodePorts)
}

/// Whether any of the wanted ports is taken; `0.0.0.0` clashes with every address.
///
/// Source: kubernetes v1.36 staging/src/k8s.io/kube-scheduler/framework/types.go,
/// `HostPortInfo.CheckConflict`
pub fn clash(wanted: &[HostPort], taken: &[HostPort]) -> bool {
    const ALL: &str = "0.0.0.0";
    let same = |a: &HostPort, b: &HostPort| {
        a.port == b.port && a.protocol == b.protocol && (a.ip == b.ip || a.ip == ALL || b.ip == ALL)
    };
    wanted.iter().any(|w| taken.iter().any(|t| same(w, t)))
}

impl Plugin for NodePorts {
    fn events(&self) -> &'static [ClusterEvent] {
        const POD: ClusterEvent = ClusterEvent::new(EventResource::AssignedPod, Action::DELETE);
        const NODE: ClusterEvent = ClusterEvent::new(EventResource::Node, Action::ADD);
        &[POD, NODE]
    }

    /// Source: kubernetes v1.36 pkg/scheduler/framework/plugins/nodeports/node_ports.go,
    /// `NodePorts.isSchedulableAfterPodDeleted`
    fn is_worth_retrying(&self, pod: &Pod, happened: &Happened) -> bool {
        let (Some(gone), None) = happened.pod() else { return true };
        !gone.node_name.is_empty() && clash(&pod.spec.host_ports, &gone.spec.host_ports)
    }

    fn is_shareable(&self, _: &Pod) -> bool {
        true
    }

    /// Source: kubernetes v1.36 pkg/scheduler/framework/plugins/nodeports/node_ports.go,
    /// `NodePorts.PreFilter`
    fn pre_filter(&self, attempt: Attempt<'_>) -> PreFilter {
        let ports = &attempt.pod.spec.host_ports;
        if ports.is_empty() {
            return PreFilter::Skip;
        }
        PreFilter::Each(Box::new(Wanted(ports.clone())))
    }
}

impl Filter for Wanted {
    /// Source: kubernetes v1.36 pkg/scheduler/framework/plugins/nodeports/node_ports.go, `Fits`
    fn filter(&self, _: u32, node: &NodeInfo) -> Result<(), Refused> {
        if clash(&self.0, &node.ports) { Err(Refused::unschedulable(0)) } else { Ok(()) }
    }

    fn reason(&self, _: u32) -> Name {
        Name::new_static("node(s) didn't have free ports for the requested pod ports")
    }

    fn boxed_clone(&self) -> Box<dyn Filter> {
        Box::new(self.clone())
    }
}
