//! A node, the pods on it and their sums.

use std::sync::Arc;

use crate::api::Name;
use crate::api::core::node::Node;
use crate::api::core::pod::{HostPort, Pod};
use crate::api::core::pod_requests;
use crate::api::meta::Uid;
use crate::api::resource::Resources;
use crate::api::taint::TaintEffect;

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
    /// How many of them want something of other pods.
    pub with_terms: usize,
    /// The ports that its pods take: a set, so that one that two pods have is free when one of them
    /// is gone.
    ///
    /// Source: kubernetes v1.36 staging/src/k8s.io/kube-scheduler/framework/types.go,
    /// `HostPortInfo.Remove`
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

impl NodeInfo {
    /// Its name; empty while only its pods are known.
    pub fn name(&self) -> &Name {
        const NONE: &Name = &Name::new_static("");
        self.node.as_ref().map_or(NONE, |n| &n.meta.name)
    }

    /// The value of one of its labels.
    pub fn label(&self, key: &str) -> Option<&Name> {
        self.node.as_ref()?.meta.labels.get(key)
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
        for port in &pod.spec.host_ports {
            if !self.ports.contains(port) {
                self.ports.push(port.clone());
            }
        }
        self.with_terms += usize::from(!pod.spec.pod_terms.is_empty());
        let priority = pod.priority();
        self.lowest_priority = Some(self.lowest_priority.map_or(priority, |p| p.min(priority)));
        self.pods.push(pod);
    }

    /// Counts a pod out. It must be the version that was counted in.
    pub fn remove_pod(&mut self, uid: Uid) -> Option<Arc<Pod>> {
        let place = self.pods.iter().position(|p| p.meta.uid == uid)?;
        let pod = self.pods.remove(place);
        self.requested.subtract(&pod_requests::of_pod(&pod));
        let (milli_cpu, memory) = pod_requests::scoring_on_node(&pod);
        self.scoring_milli_cpu -= milli_cpu;
        self.scoring_memory -= memory;
        self.with_terms -= usize::from(!pod.spec.pod_terms.is_empty());
        if self.lowest_priority == Some(pod.priority()) {
            self.lowest_priority = self.pods.iter().map(|p| p.priority()).min();
        }
        for port in &pod.spec.host_ports {
            if let Some(place) = self.ports.iter().position(|p| p == port) {
                self.ports.swap_remove(place);
            }
        }
        Some(pod)
    }
}
