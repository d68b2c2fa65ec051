//! Whether the kubelet takes a pod that was bound to its node.

use smol_str::format_smolstr;

use crate::api::Name;
use crate::api::core::node::Node;
use crate::api::core::pod::{NodeRequirement, NodeSelectorTerm, Pod};
use crate::api::labels::Labels;
use crate::api::resource::Resources;
use crate::api::taint::{ComparisonOperators, Taint, TaintEffect, first_untolerated};

/// Why a pod is not taken: one word and a sentence.
pub type Rejection = (&'static str, Name);

/// Whether the node takes a pod beside those that it has, whose requests add up to `used`; `pods`
/// is their number.
///
/// # Errors
/// When it does not: why.
///
/// Source: kubernetes v1.36 pkg/kubelet/lifecycle/predicate.go, `predicateAdmitHandler.Admit`
pub fn admit(
    pod: &Pod,
    node: &Node,
    used: &Resources,
    pods: i64,
    comparison: ComparisonOperators,
) -> Result<(), Rejection> {
    if !matches_node(pod, node) {
        let text =
            "Predicate NodeAffinity failed: node(s) didn't match Pod's node affinity/selector";
        return Err(("NodeAffinity", Name::new_static(text)));
    }
    let evicts = |t: &Taint| t.effect == TaintEffect::NoExecute;
    let (taints, borne) = (&node.spec.taints, &pod.spec.tolerations);
    if first_untolerated(taints, borne, evicts, comparison).is_some() {
        let text =
            "Predicate TaintToleration failed: node(s) had taints that the pod didn't tolerate";
        return Err(("TaintToleration", Name::new_static(text)));
    }
    let (asked, have) = (&pod.spec.requests, &node.allocatable);
    let checks = [
        ("OutOfpods", "pods", 1, pods, have.pods),
        ("OutOfcpu", "cpu", asked.milli_cpu, used.milli_cpu, have.milli_cpu),
        ("OutOfmemory", "memory", asked.memory, used.memory, have.memory),
        (
            "OutOfephemeral-storage",
            "ephemeral-storage",
            asked.ephemeral_storage,
            used.ephemeral_storage,
            have.ephemeral_storage,
        ),
    ];
    for (reason, name, asked, used, have) in checks {
        if asked > 0 && asked > have - used {
            let text = format_smolstr!(
                "Node didn't have enough resource: {name}, requested: {asked}, used: {used}, \
                 capacity: {have}"
            );
            return Err((reason, text));
        }
    }
    Ok(())
}

/// Whether labels and name of a node are what a pod requires.
///
/// Source: kubernetes v1.36
/// staging/src/k8s.io/component-helpers/scheduling/corev1/nodeaffinity/nodeaffinity.go,
/// `RequiredNodeAffinity.Match`
fn matches_node(pod: &Pod, node: &Node) -> bool {
    let labels = &node.meta.labels;
    let selected = pod.spec.node_selector.iter().all(|(k, v)| labels.get(k) == Some(v));
    let affinity = pod.spec.affinity.as_ref().and_then(|a| a.node_affinity.as_ref());
    let required = affinity.and_then(|a| a.required.as_ref());
    let term = |term: &NodeSelectorTerm| {
        let some = !term.match_expressions.is_empty() || !term.match_fields.is_empty();
        let name: Labels = [("metadata.name", node.meta.name.as_str())].into();
        some && term.match_expressions.iter().all(|r| holds(r, labels))
            && term.match_fields.iter().all(|r| holds(r, &name))
    };
    selected && required.is_none_or(|r| r.node_selector_terms.iter().any(term))
}

fn holds(requirement: &NodeRequirement, labels: &Labels) -> bool {
    let value = labels.get(&requirement.key);
    let among = value.is_some_and(|v| requirement.values.contains(v));
    let number = |text: &Name| text.parse::<i64>().ok();
    let limit = || requirement.values.first().and_then(number);
    match requirement.operator.as_str() {
        "In" => among,
        "NotIn" => !among,
        "Exists" => value.is_some(),
        "DoesNotExist" => value.is_none(),
        "Gt" => value.and_then(number).zip(limit()).is_some_and(|(v, l)| v > l),
        "Lt" => value.and_then(number).zip(limit()).is_some_and(|(v, l)| v < l),
        _ => false,
    }
}
