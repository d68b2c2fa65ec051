//! Templates of nodes as the KWOK provider of cluster-autoscaler has them.
//!
//! Responsible for turning nodes with their groups' annotations into node groups. It asks nothing
//! of a cluster.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::api::taint::Taint;
use crate::scenario::amount::Amount;
use crate::scenario::diagnostic::Mistake;
use crate::scenario::manifest::Manifest;
use crate::scenario::manifest::of_text;
use crate::scenario::source::Session;
use crate::scenario::spec::NodeGroup;
use crate::scenario::spec::NodeTemplate;
use crate::sim::time::SimDuration;

/// Where the provider's settings of a group stand.
///
/// Source: autoscaler cluster-autoscaler-1.36
/// cluster-autoscaler/cloudprovider/kwok/kwok_constants.go
const NAME: &str = "cluster-autoscaler.kwok.nodegroup/name";
const MIN: &str = "cluster-autoscaler.kwok.nodegroup/min-count";
const MAX: &str = "cluster-autoscaler.kwok.nodegroup/max-count";
const DESIRED: &str = "cluster-autoscaler.kwok.nodegroup/desired-count";

/// What a node of the group costs an hour.
///
/// Differs: the real provider has no prices.
const PRICE: &str = "cluster-autoscaler.kwok.nodegroup/price";

/// A group's largest size unless it says otherwise.
const USUAL_MAX: u32 = 200;

/// How nodes are put into groups: by a label or an annotation.
#[derive(Clone, PartialEq, Eq, Debug)]
enum By {
    Label(String),
    Annotation(String),
}

/// The node groups of templates.
///
/// Differs: a group without a name in its annotation bears the value of its label alone; the real
/// one appends the instant. A template's own pods and statuses beside `allocatable` and `capacity`
/// play no part.
///
/// Source: autoscaler cluster-autoscaler-1.36
/// cluster-autoscaler/cloudprovider/kwok/kwok_helpers.go, `LoadNodeTemplatesFromConfigMap`,
/// `createNodegroups`, `parseAnnotations`
pub fn node_groups(
    manifests: &[Manifest],
    startup: SimDuration,
    session: &mut Session,
) -> Vec<NodeGroup> {
    let mut nodes = Vec::new();
    let mut by = By::Annotation(NAME.to_owned());
    for manifest in manifests {
        match manifest.kind.as_str() {
            "Node" => nodes.push(manifest.clone()),
            "ConfigMap" => {
                if let Some(text) = manifest.value["data"]["templates"].as_str() {
                    nodes.extend(of_text(&manifest.name, text, session));
                }
                if let Some(text) = manifest.value["data"]["config"].as_str() {
                    by = grouping(text).unwrap_or(by);
                }
            }
            other => {
                let message = format!("a template is a Node, not a {other}");
                session.report(manifest.place("kind"), Mistake::other(message));
            }
        }
    }
    let mut groups: Vec<NodeGroup> = Vec::new();
    for node in nodes.iter().filter(|n| n.kind == "Node") {
        let Some(name) = group_name(&node.value, &by) else { continue };
        match groups.iter_mut().find(|g| g.name == name) {
            Some(known) => known.size = known.size.map(|size| (size + 1).min(known.max)),
            None => groups.extend(group(name, node, startup, session)),
        }
    }
    groups
}

/// Reads `fromNodeLabelKey` or `fromNodeAnnotation` of the provider's configuration.
fn grouping(text: &str) -> Option<By> {
    let value_of = |key: &str| {
        let line = text.lines().map(str::trim).find(|l| l.starts_with(key))?;
        let value = line.strip_prefix(key)?.trim_start().strip_prefix(':')?.trim();
        Some(value.trim_matches(['"', '\'']).to_owned())
    };
    let label = value_of("fromNodeLabelKey").map(By::Label);
    label.or_else(|| value_of("fromNodeAnnotation").map(By::Annotation))
}

fn text_at(node: &Value, part: &str, key: &str) -> Option<String> {
    node["metadata"][part][key].as_str().filter(|v| !v.is_empty()).map(str::to_owned)
}

fn group_name(node: &Value, by: &By) -> Option<String> {
    let value = match by {
        By::Label(key) => text_at(node, "labels", key),
        By::Annotation(key) => text_at(node, "annotations", key),
    }?;
    Some(text_at(node, "annotations", NAME).unwrap_or(value))
}

fn group(
    name: String,
    node: &Manifest,
    startup: SimDuration,
    session: &mut Session,
) -> Option<NodeGroup> {
    let mut number = |key: &str, usual: u32| -> Option<u32> {
        let Some(text) = text_at(&node.value, "annotations", key) else { return Some(usual) };
        let read = text.parse().ok();
        if read.is_none() {
            let mistake = Mistake::bad_value(key, &text, "expected a whole number");
            session.report(node.place("metadata.annotations"), mistake);
        }
        read
    };
    let min = number(MIN, 0)?;
    let max = number(MAX, USUAL_MAX)?;
    let size = number(DESIRED, min)?;
    if max == 0 || min > max || size < min || size > max {
        let message = format!("group `{name}`: sizes {min}, {size} and {max} are not in order");
        session.report(node.place("metadata.annotations"), Mistake::other(message));
        return None;
    }
    let mut made = NodeGroup {
        min,
        max,
        size: Some(size),
        startup,
        available: None,
        price: amount(text_at(&node.value, "annotations", PRICE)).unwrap_or(nothing()),
        priority: 0,
        cpu: NodeTemplate::default().cpu,
        memory: NodeTemplate::default().memory,
        disk: None,
        pods: 110,
        labels: labels(&node.value),
        taints: taints(&node.value),
        extended: BTreeMap::new(),
        name,
    };
    resources(&node.value, &mut made);
    Some(made)
}

fn nothing() -> Amount {
    Amount { text: "0".to_owned(), millis: 0 }
}

fn amount(text: Option<String>) -> Option<Amount> {
    Amount::parse(&text?)
}

/// Labels but those that every node gets of its own.
fn labels(node: &Value) -> BTreeMap<String, String> {
    let own = ["kubernetes.io/hostname", "kubernetes.io/arch", "kubernetes.io/os"];
    let is_own = |key: &str| own.contains(&key) || key.starts_with("beta.kubernetes.io/");
    let all = node["metadata"]["labels"].as_object().into_iter().flatten();
    let all = all.filter(|(key, _)| !is_own(key));
    all.filter_map(|(k, v)| Some((k.clone(), v.as_str()?.to_owned()))).collect()
}

fn taints(node: &Value) -> Vec<Taint> {
    let all = node["spec"]["taints"].as_array().into_iter().flatten();
    all.filter_map(|taint| serde_json::from_value(taint.clone()).ok()).collect()
}

fn resources(node: &Value, group: &mut NodeGroup) {
    let status = &node["status"];
    let all = status["allocatable"].as_object().or_else(|| status["capacity"].as_object());
    for (name, value) in all.into_iter().flatten() {
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let Some(amount) = Amount::parse(&text) else { continue };
        match name.as_str() {
            "cpu" => group.cpu = amount,
            "memory" => group.memory = amount,
            "ephemeral-storage" => group.disk = Some(amount),
            "pods" => {
                group.pods = u32::try_from(amount.millis / 1_000).unwrap_or(u32::MAX);
            }
            name if name.starts_with("hugepages-") => {}
            _ => {
                group.extended.insert(name.clone(), amount);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEMPLATES: &str = r#"
apiVersion: v1
kind: ConfigMap
metadata:
  name: kwok-provider-templates
data:
  templates: |
    apiVersion: v1
    kind: List
    items:
      - apiVersion: v1
        kind: Node
        metadata:
          name: worker
          annotations:
            cluster-autoscaler.kwok.nodegroup/name: workers
            cluster-autoscaler.kwok.nodegroup/min-count: "1"
            cluster-autoscaler.kwok.nodegroup/max-count: "7"
            cluster-autoscaler.kwok.nodegroup/desired-count: "2"
          labels: {kubernetes.io/hostname: worker, pool: work}
        spec:
          taints: [{key: dedicated, value: db, effect: NoSchedule}]
        status:
          allocatable: {cpu: "12", memory: 32781516Ki, pods: "60", nvidia.com/gpu: "2"}
          capacity: {cpu: "16", memory: 32781516Ki, pods: "60"}
      - apiVersion: v1
        kind: Node
        metadata: {name: other}
---
apiVersion: v1
kind: ConfigMap
metadata:
  name: kwok-provider-config
data:
  config: |
    apiVersion: v1alpha1
    readNodesFrom: configmap
    nodegroups:
      fromNodeLabelKey: "pool"
"#;

    #[test]
    fn templates_of_the_kwok_provider_are_read_as_they_are() {
        let mut session = Session::default();
        let manifests = of_text("templates.yaml", TEMPLATES, &mut session);
        let groups = node_groups(&manifests, SimDuration::secs(20), &mut session);
        assert_eq!(session.count(), 0);
        let [group] = groups.as_slice() else { panic!("{groups:?}") };
        assert_eq!((group.min, group.max, group.size()), (1, 7, 2));
        assert_eq!((group.name.as_str(), group.cpu.millis, group.pods), ("workers", 12_000, 60));
        assert_eq!(group.labels.get("pool").map(String::as_str), Some("work"));
        assert_eq!((group.labels.len(), group.taints.len()), (1, 1));
        assert_eq!(group.extended.get("nvidia.com/gpu").map(Amount::whole), Some(2));
    }
}
