//! On which nodes the pod of a `DaemonSet` should run: by name, labels and taints alone.

use smol_str::format_smolstr;

use crate::api::Name;
use crate::api::core::node::Node;
use crate::api::core::node_selector::Required;
use crate::api::core::pod::PodSpec;
use crate::api::taint::{
    ComparisonOperators, Taint, TaintEffect, Toleration, TolerationOperator, first_untolerated,
};

/// What a template asks of a node.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Fit {
    node_name: Name,
    required: Required,
    tolerations: Vec<Toleration>,
}

/// Whether a node should have the pod.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Fits {
    /// It should get one.
    pub should_run: bool,
    /// One that it has may stay.
    pub should_continue: bool,
}

/// The tolerations that every daemon pod gets.
///
/// Source: kubernetes v1.36 pkg/controller/daemon/util/daemonset_util.go,
/// `AddOrUpdateDaemonPodTolerations`
pub fn tolerations(host_network: bool) -> Vec<Toleration> {
    let of = |key: &str, effect| Toleration {
        key: format_smolstr!("node.kubernetes.io/{key}"),
        operator: Some(TolerationOperator::Exists),
        value: Name::default(),
        effect: Some(effect),
        toleration_seconds: None,
    };
    let mut all = vec![
        of("not-ready", TaintEffect::NoExecute),
        of("unreachable", TaintEffect::NoExecute),
        of("disk-pressure", TaintEffect::NoSchedule),
        of("memory-pressure", TaintEffect::NoSchedule),
        of("pid-pressure", TaintEffect::NoSchedule),
        of("unschedulable", TaintEffect::NoSchedule),
    ];
    if host_network {
        all.push(of("network-unavailable", TaintEffect::NoSchedule));
    }
    all
}

/// A pod's tolerations with those that every daemon pod gets; one that differs in its time only
/// is replaced.
///
/// Source: kubernetes v1.36 pkg/apis/core/v1/helper/helpers.go, `AddOrUpdateTolerationInPodSpec`
pub fn with_added(own: &[Toleration], host_network: bool) -> Vec<Toleration> {
    let mut all = own.to_vec();
    for added in tolerations(host_network) {
        let is_same = |t: &&mut Toleration| {
            t.key == added.key
                && t.effect == added.effect
                && t.operator == added.operator
                && t.value == added.value
        };
        match all.iter_mut().find(is_same) {
            Some(known) => *known = added,
            None => all.push(added),
        }
    }
    all
}

impl Fit {
    /// What a template's spec asks, with the node that it names itself.
    pub fn of(spec: &PodSpec, node_name: &Name) -> Fit {
        Fit {
            node_name: node_name.clone(),
            required: Required::of(spec),
            tolerations: with_added(&spec.tolerations, spec.host_network),
        }
    }

    /// Whether a node should have the pod. Room, ports and conditions play no part.
    ///
    /// Source: kubernetes v1.36 pkg/controller/daemon/daemon_controller.go,
    /// `NodeShouldRunDaemonPod`, `predicates`
    pub fn on(&self, node: &Node, comparison: ComparisonOperators) -> Fits {
        let is_named = self.node_name.is_empty() || self.node_name == node.meta.name;
        if !is_named || !self.required.matches(node) {
            return Fits { should_run: false, should_continue: false };
        }
        let bears = |counts: &dyn Fn(&Taint) -> bool| {
            first_untolerated(&node.spec.taints, &self.tolerations, counts, comparison).is_none()
        };
        let should_run = bears(&|t| t.effect != TaintEffect::PreferNoSchedule);
        let should_continue = should_run || bears(&|t| t.effect == TaintEffect::NoExecute);
        Fits { should_run, should_continue }
    }
}
