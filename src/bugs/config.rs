//! Configurations in which each part does what it should, and together they do harm: no rule is
//! another one, the sides differ in what a person has asked for.

use std::sync::Arc;

use super::property::{FewEvicted, PodsAreBound, Spread};
use super::{Pair, pair, setting};
use crate::explore::Setting;

pub(super) const PAIRS: &[Pair] = &[
    pair(
        ("B11", 7),
        "kubernetes/kubernetes#117520",
        "pods bear a taint for a while, and are put on the same node again",
        b11,
    ),
    pair(
        ("B17", 7),
        "kubernetes/kubernetes#98215, #105661",
        "a rolling update leaves the pods uneven: those that went were counted",
        b17,
    ),
    pair(
        ("B46", 7),
        "Kivi c3",
        "more is asked for, as by an autoscaler, than a constraint lets place",
        |wrong| more_than_fits(wrong, 2),
    ),
    pair(
        ("B59", 7),
        "Kivi c6",
        "nodes are maintained one after the other, and the last one stays empty",
        |wrong| maintenance(wrong, 3),
    ),
    pair(
        ("B60", 7),
        "Kivi c4",
        "pods are placed by number, not by use: a node gives way, then the next",
        |wrong| domino(wrong, 3),
    ),
    pair(("C3", 7), "Kivi c3, 50 nodes", "as B46, at 50 nodes", |wrong| more_than_fits(wrong, 50)),
    pair(("C4", 7), "Kivi c4, 50 nodes", "as B60, at 50 nodes", |wrong| domino(wrong, 50)),
    pair(("C6", 7), "Kivi c6, 50 nodes", "as B59, at 50 nodes", |wrong| maintenance(wrong, 50)),
];

/// A Deployment; its pods stay on nodes that are away for a while, so that only what is asked
/// moves them.
fn deployment(replicas: u32, more: &str, container: &str) -> String {
    format!(
        "
- apply:
    apiVersion: apps/v1
    kind: Deployment
    metadata: {{name: web}}
    spec:
      replicas: {replicas}
      selector: {{matchLabels: {{app: web}}}}
      template:
        metadata: {{labels: {{app: web}}}}
        spec:
          {more}
          terminationGracePeriodSeconds: 1
          containers: [{{name: app, image: 'app:v1'{container}}}]"
    )
}

const STAYS: &str = "tolerations: \
    [{key: node.kubernetes.io/not-ready, operator: Exists, effect: NoExecute}, \
    {key: node.kubernetes.io/unreachable, operator: Exists, effect: NoExecute}]";

fn spread(when: &str, more: &str) -> String {
    format!(
        "{STAYS}
          topologySpreadConstraints:
          - {{maxSkew: 1, topologyKey: kubernetes.io/hostname, whenUnsatisfiable: {when},
             labelSelector: {{matchLabels: {{app: web}}}}{more}}}"
    )
}

fn b11(wrong: bool) -> Setting {
    let bears = "tolerations: [{key: maintenance, operator: Exists, effect: NoExecute, \
                 tolerationSeconds: 3}]";
    let workload = deployment(1, if wrong { bears } else { STAYS }, "");
    let text = format!(
        "
name: pair
about: The only node has a taint that evicts.
cluster: {{nodes: [{{name: node, count: 1, cpu: '8', memory: 8Gi}}]}}
steps:
- kubectl: taint nodes node-1 maintenance=yes:NoExecute{workload}
- wait: 10s
"
    );
    setting(&text)
}

fn b17(wrong: bool) -> Setting {
    let keys = if wrong { "" } else { ", matchLabelKeys: [pod-template-hash]" };
    let workload = deployment(6, &spread("DoNotSchedule", keys), "");
    let text = format!(
        "
name: pair
about: A rolling update of pods that are to be spread.
cluster: {{nodes: [{{name: node, count: 3, cpu: '8', memory: 8Gi}}]}}
steps:{workload}
- wait: 15s
- kubectl: set image deployment/web app=app:v2
- wait: 60s
"
    );
    let mut setting = setting(&text);
    setting.properties.push(Arc::new(Spread));
    setting
}

fn more_than_fits(wrong: bool, nodes: u32) -> Setting {
    let when = if wrong { "DoNotSchedule" } else { "ScheduleAnyway" };
    let requests = ", resources: {requests: {cpu: 400m}}";
    let workload = deployment(nodes, &spread(when, ""), requests);
    let least = nodes * 3;
    let text = format!(
        "
name: pair
about: One node is smaller than the others, and three pods are asked for each, as by an autoscaler.
cluster:
  nodes:
  - {{name: node, count: {}, cpu: '8', memory: 8Gi}}
  - {{name: small, cpu: '0.5', memory: 8Gi}}
steps:{workload}
- wait: 15s
- kubectl: scale deployment web --replicas={least}
until: 120s
",
        nodes - 1
    );
    let mut setting = setting(&text);
    setting.properties.push(Arc::new(PodsAreBound));
    setting
}

fn maintenance(wrong: bool, nodes: u32) -> Setting {
    let when = if wrong { "ScheduleAnyway" } else { "DoNotSchedule" };
    let workload = deployment(nodes, &spread(when, ""), "");
    let drained: Vec<String> = (1..=3)
        .map(|n| {
            format!(
                "- kubectl: drain node-{n} --ignore-daemonsets\n- wait: 10s\n\
                 - kubectl: uncordon node-{n}\n- wait: 10s\n"
            )
        })
        .collect();
    let text = format!(
        "
name: pair
about: Nodes are drained and taken back, one after the other.
cluster: {{nodes: [{{name: node, count: {nodes}, cpu: '8', memory: 8Gi}}]}}
steps:{workload}
- wait: 15s
{}",
        drained.concat()
    );
    let mut setting = setting(&text);
    setting.properties.push(Arc::new(Spread));
    setting
}

fn domino(wrong: bool, nodes: u32) -> Setting {
    let requests = if wrong { "" } else { ", resources: {requests: {memory: 3Gi}}" };
    let workload = deployment(nodes * 2, STAYS, requests);
    let text = format!(
        "
name: pair
about: Each node bears two pods; one node is drained.
cluster: {{nodes: [{{name: node, count: {nodes}, cpu: '8', memory: 8Gi}}]}}
images: {{'*': {{memory: 2700Mi}}}}
steps:{workload}
- wait: 30s
- kubectl: drain node-1 --ignore-daemonsets
- wait: 60s
until: 400s
"
    );
    let mut setting = setting(&text);
    setting.properties.push(Arc::new(FewEvicted(2)));
    setting
}
