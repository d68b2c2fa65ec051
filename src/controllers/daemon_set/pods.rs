//! The pods of a `DaemonSet`: where each is meant to be, and what a new one looks like.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::fit::with_added;
use crate::api::Name;
use crate::api::apps::controller_revision::POD_REVISION;
use crate::api::apps::daemon_set::DaemonSet;
use crate::api::core::node_selector::pinned_names;
use crate::api::core::pod::{Pod, PodSpec};
use crate::api::object::{Kind, controller_reference};
use crate::controllers::pod_control::pod_from_template;

/// Where a `DaemonSet` counts the changes of its template.
const TEMPLATE_GENERATION: &str = "deprecated.daemonset.template.generation";

/// The label of a pod that tells the generation of its template.
const POD_GENERATION: Name = Name::new_static("pod-template-generation");

/// The pods of each node, the oldest first.
pub(super) type ByNode<'a> = BTreeMap<Name, Vec<&'a Arc<Pod>>>;

/// The pods by the node that each is on or meant for, oldest first; those meant for none are left
/// out.
///
/// Source: kubernetes v1.36 pkg/controller/daemon/daemon_controller.go, `getNodesToDaemonPods`,
/// `podByCreationTimestampAndPhase`
pub(super) fn by_node<'a>(pods: &[&'a Arc<Pod>]) -> ByNode<'a> {
    let mut all = ByNode::new();
    for pod in pods {
        if let Some(node) = target(pod) {
            all.entry(node).or_default().push(*pod);
        }
    }
    for pods in all.values_mut() {
        pods.sort_by(|a, b| {
            let key = |p: &Pod| (p.node_name.is_empty(), p.meta.creation);
            key(a).cmp(&key(b)).then_with(|| a.meta.name.cmp(&b.meta.name))
        });
    }
    all
}

/// The node that a pod is on, or that its affinity pins it to.
///
/// Source: kubernetes v1.36 pkg/controller/daemon/util/daemonset_util.go, `GetTargetNodeName`
fn target(pod: &Pod) -> Option<Name> {
    if !pod.node_name.is_empty() {
        return Some(pod.node_name.clone());
    }
    let affinity = pod.spec.affinity.as_ref()?.node_affinity.as_ref()?;
    pinned_names(affinity.required.as_ref()?)?.into_iter().next()
}

/// Whether a pod has the present template.
///
/// Source: kubernetes v1.36 pkg/controller/daemon/util/daemonset_util.go, `IsPodUpdated`
pub(super) fn is_updated(set: &DaemonSet, pod: &Pod, hash: &str) -> bool {
    let labels = &pod.meta.labels;
    let same_hash = !hash.is_empty() && labels.get(&POD_REVISION).is_some_and(|h| h == hash);
    let generation = set.meta.annotations.get(TEMPLATE_GENERATION);
    same_hash || generation.is_some() && labels.get(&POD_GENERATION) == generation
}

/// The spec that all pods of a template have, before each is pinned to its node.
///
/// Source: kubernetes v1.36 pkg/controller/daemon/util/daemonset_util.go, `CreatePodTemplate`
pub(super) fn base_spec(spec: &PodSpec) -> Map<String, Value> {
    let mut raw = (*spec.raw).clone();
    let all = with_added(&spec.tolerations, spec.host_network);
    raw.insert("tolerations".into(), serde_json::to_value(all).unwrap_or_default());
    raw
}

/// The pod for a node.
///
/// Source: kubernetes v1.36 pkg/controller/daemon/daemon_controller.go, `syncNodes`
pub(super) fn new_pod(set: &DaemonSet, base: &Map<String, Value>, hash: &str, node: &str) -> Pod {
    let owner = controller_reference(Kind::DAEMON_SET, &set.meta);
    let mut pod = pod_from_template(&set.spec.template, &set.meta, owner);
    if let Some(generation) = set.meta.annotations.get(TEMPLATE_GENERATION) {
        pod.meta.labels = pod.meta.labels.with(&POD_GENERATION, generation);
    }
    if !hash.is_empty() {
        pod.meta.labels = pod.meta.labels.with(&POD_REVISION, hash);
    }
    let mut raw = base.clone();
    let affinity = raw.entry("affinity").or_insert_with(|| json!({}));
    pin(affinity, node);
    pod.spec = PodSpec::parse(raw).expect("a template's spec that is pinned to a node is a spec");
    pod
}

/// Pins an affinity to a node.
///
/// Source: kubernetes v1.36 pkg/controller/daemon/util/daemonset_util.go,
/// `ReplaceDaemonSetPodNodeNameNodeAffinity`
fn pin(affinity: &mut Value, node: &str) {
    const REQUIRED: &str = "requiredDuringSchedulingIgnoredDuringExecution";
    let fields = json!([{ "key": "metadata.name", "operator": "In", "values": [node] }]);
    let required = &mut affinity["nodeAffinity"][REQUIRED];
    match required.get_mut("nodeSelectorTerms").and_then(Value::as_array_mut) {
        Some(terms) => terms.iter_mut().for_each(|t| t["matchFields"] = fields.clone()),
        None => *required = json!({ "nodeSelectorTerms": [{ "matchFields": fields }] }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_term_of_an_affinity_is_pinned() {
        let mut plain = json!({});
        pin(&mut plain, "n");
        let fields = json!([{ "key": "metadata.name", "operator": "In", "values": ["n"] }]);
        let path = "/nodeAffinity/requiredDuringSchedulingIgnoredDuringExecution/nodeSelectorTerms";
        assert_eq!(plain.pointer(path), Some(&json!([{ "matchFields": fields }])));
        let zone = json!([{ "key": "zone", "operator": "In", "values": ["a"] }]);
        let term = json!({ "matchExpressions": zone });
        let mut own = json!({ "nodeAffinity": {
            "requiredDuringSchedulingIgnoredDuringExecution": { "nodeSelectorTerms": [term] },
        } });
        pin(&mut own, "n");
        let wanted = json!([{ "matchExpressions": zone, "matchFields": fields }]);
        assert_eq!(own.pointer(path), Some(&wanted));
    }
}
