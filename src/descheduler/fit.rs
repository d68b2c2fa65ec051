//! Whether a pod would fit on a node, as the descheduler sees it: with fewer rules than the
//! scheduler has.

use std::sync::Arc;

use super::sight::Sight;
use crate::api::Name;
use crate::api::core::node::Node;
use crate::api::core::node_selector::Required;
use crate::api::core::pod::Pod;
use crate::api::core::pod_requests;
use crate::api::gates::Gates;
use crate::api::object::Kind;
use crate::api::resource::Resources;
use crate::api::taint::{ComparisonOperators, Taint, first_untolerated};
use crate::scheduler::plugins::taint_toleration::untolerated;

fn comparison() -> ComparisonOperators {
    ComparisonOperators::of(Gates::DEFAULT)
}

/// Whether a pod would fit on any of these nodes but its own.
///
/// Source: descheduler pkg/descheduler/node/node.go, `PodFitsAnyOtherNode`
pub fn fits_any_other(pod: &Pod, nodes: &[Arc<Node>], sight: &Sight<'_>) -> bool {
    nodes.iter().filter(|n| n.meta.name != pod.node_name).any(|node| fits(pod, node, sight))
}

/// Whether a pod would fit on a node: its selector and affinity, taints, requests, cordons, and the
/// pods that it keeps away from. Spread, affinity to pods, ports and volumes are not looked at.
///
/// Source: descheduler pkg/descheduler/node/node.go, `NodeFit`
fn fits(pod: &Pod, node: &Node, sight: &Sight<'_>) -> bool {
    is_meant(pod, node)
        && has_room(pod, node, sight)
        && !node.spec.unschedulable
        && !is_kept_away(pod, node, sight)
}

/// Whether a pod's selector, affinity and tolerations allow a node.
pub(super) fn is_meant(pod: &Pod, node: &Node) -> bool {
    Required::of(&pod.spec).matches(node)
        && untolerated(node, &pod.spec.tolerations, comparison()).is_none()
}

/// Whether a pod bears all taints of one of these nodes, those that it had better bear too.
///
/// Source: descheduler pkg/utils/predicates.go, `PodToleratesTaints`
pub(super) fn bears_taints_of_any<'n>(
    pod: &Pod,
    mut nodes: impl Iterator<Item = &'n [Taint]>,
) -> bool {
    let own = &pod.spec.tolerations;
    nodes.any(|taints| {
        let bears = first_untolerated(taints, own, |_| true, comparison()).is_none();
        own.len() >= taints.len() && bears
    })
}

/// What the pods on a node ask for.
pub(super) fn asked<'p>(pods: impl IntoIterator<Item = &'p Arc<Pod>>) -> Resources {
    let mut sum = Resources::default();
    for pod in pods {
        sum.add(&pod_requests::of_pod(pod));
        sum.pods += 1;
    }
    sum
}

/// Source: descheduler pkg/descheduler/node/node.go, `fitsRequest`
fn has_room(pod: &Pod, node: &Node, sight: &Sight<'_>) -> bool {
    let (wants, has) = (pod_requests::of_pod(pod), &node.allocatable);
    let asked = asked(sight.pods_on(&node.meta.name));
    let scalar = wants.scalar.iter().map(|(name, _)| name.as_str());
    let mut names = ["cpu", "memory", "ephemeral-storage"].into_iter().chain(scalar);
    let is_short =
        |name: &str| wants.get(name) > 0 && wants.get(name) > has.get(name) - asked.get(name);
    asked.pods < has.pods && !names.any(is_short)
}

/// Whether a pod keeps away from one that is on a node.
///
/// Differs: what is near is one node, whatever the topology key of the term.
///
/// Source: descheduler pkg/utils/predicates.go, `CheckPodsWithAntiAffinityExist`
fn is_kept_away(pod: &Pod, node: &Node, sight: &Sight<'_>) -> bool {
    let terms = &pod.spec.pod_terms.required_anti;
    if terms.is_empty() {
        return false;
    }
    let labels_of = |namespace: &Name| {
        let found = sight.caches.of(Kind::NAMESPACE).get("", namespace);
        found.map(|o| &o.meta().labels)
    };
    let own = &pod.meta.namespace;
    sight.pods_on(&node.meta.name).into_iter().filter(|o| o.meta.uid != pod.meta.uid).any(|other| {
        let (there, labels) = (&other.meta.namespace, &other.meta.labels);
        terms.iter().any(|term| {
            node.meta.labels.has(&term.topology_key)
                && term.matches(own, there, labels, || labels_of(there))
        })
    })
}
