//! Workloads: how many pods there are of how many, and what they are made from.

use std::sync::Arc;

use serde_json::Value;

use super::Related;
use super::container::template;
use super::text::{Page, date};
use crate::api::apps::deployment::POD_TEMPLATE_HASH;
use crate::api::apps::replica_set::ReplicaSet;
use crate::api::core::pod::PodPhase;
use crate::scenario::print::look::{at, int, join, labels, list, selector, shown, text};

/// Source: kubernetes v1.36 staging/src/k8s.io/kubectl/pkg/describe/describe.go,
/// `describeDeployment`
pub(super) fn deployment(page: &mut Page, object: &Value, related: &Related) {
    page.name(object);
    page.field("CreationTimestamp", date(object, "metadata.creationTimestamp"));
    page.labels_and_annotations(object);
    page.field("Selector", selector(object, "spec.selector"));
    let count = |path: &str| int(object, path);
    page.field(
        "Replicas",
        format!(
            "{} desired | {} updated | {} total | {} available | {} unavailable",
            count("spec.replicas"),
            count("status.updatedReplicas"),
            count("status.replicas"),
            count("status.availableReplicas"),
            count("status.unavailableReplicas")
        ),
    );
    page.field("StrategyType", text(object, "spec.strategy.type"));
    page.field("MinReadySeconds", count("spec.minReadySeconds").to_string());
    let rolling = at(object, "spec.strategy.rollingUpdate");
    if rolling.is_object() {
        let (missing, extra) =
            (shown(at(rolling, "maxUnavailable")), shown(at(rolling, "maxSurge")));
        let limits = format!("{missing} max unavailable, {extra} max surge");
        page.field("RollingUpdateStrategy", limits);
    }
    template(page, at(object, "spec.template"));
    conditions(page, object);
    revisions(page, object, &related.replica_sets);
}

fn conditions(page: &mut Page, object: &Value) {
    let all = list(object, "status.conditions");
    if all.is_empty() {
        return;
    }
    page.line("Conditions:\n  Type\tStatus\tReason\n  ----\t------\t------");
    for c in all {
        let (kind, status) = (text(c, "type"), text(c, "status"));
        page.line(&format!("  {kind} \t{status}\t{}", text(c, "reason")));
    }
}

/// The ReplicaSet of the present template, and those of former ones.
fn revisions(page: &mut Page, object: &Value, all: &[Arc<ReplicaSet>]) {
    let current = at(object, "spec.template");
    let is_new = |set: &&Arc<ReplicaSet>| same_template(set, current);
    let mut sorted: Vec<&Arc<ReplicaSet>> = all.iter().collect();
    sorted.sort_by(|a, b| (a.meta.creation, &a.meta.name).cmp(&(b.meta.creation, &b.meta.name)));
    let new = sorted.iter().copied().find(is_new);
    let is_old = |set: &&&Arc<ReplicaSet>| new.is_none_or(|new| new.meta.name != set.meta.name);
    let old: Vec<&Arc<ReplicaSet>> = sorted.iter().filter(is_old).copied().collect();
    page.field("OldReplicaSets", replica_sets(&old));
    page.field("NewReplicaSet", replica_sets(&new.into_iter().collect::<Vec<_>>()));
}

/// Whether a ReplicaSet was made from a template, but for the label that its hash adds.
fn same_template(set: &ReplicaSet, template: &Value) -> bool {
    let mut own = set.spec.template.to_value();
    if let Some(labels) = own["metadata"]["labels"].as_object_mut() {
        labels.shift_remove(POD_TEMPLATE_HASH.as_str());
    }
    let same_labels = labels(&own, "metadata.labels") == labels(template, "metadata.labels");
    same_labels && own["spec"] == template["spec"]
}

/// Source: kubernetes v1.36 staging/src/k8s.io/kubectl/pkg/describe/describe.go,
/// `printReplicaSetsByLabels`
fn replica_sets(all: &[&Arc<ReplicaSet>]) -> String {
    let one = |set: &&Arc<ReplicaSet>| {
        let (have, want) = (set.status.replicas, set.spec.replicas);
        format!("{} ({have}/{want} replicas created)", set.meta.name)
    };
    if all.is_empty() { "<none>".to_owned() } else { join(all.iter().map(one), ", ") }
}

/// Source: kubernetes v1.36 staging/src/k8s.io/kubectl/pkg/describe/describe.go,
/// `describeReplicaSet`
pub(super) fn replica_set(page: &mut Page, object: &Value, related: &Related) {
    page.name(object);
    page.field("Selector", any_selector(object));
    page.labels_and_annotations(object);
    page.controlled_by(object);
    let (have, want) = (int(object, "status.replicas"), int(object, "spec.replicas"));
    page.field("Replicas", format!("{have} current / {want} desired"));
    pods_status(page, related);
    template(page, at(object, "spec.template"));
    conditions(page, object);
}

/// A selector of expressions, or of labels alone as a `ReplicationController` has.
fn any_selector(object: &Value) -> String {
    let found = at(object, "spec.selector");
    let modern = found.get("matchLabels").is_some() || found.get("matchExpressions").is_some();
    if modern { selector(object, "spec.selector") } else { labels(object, "spec.selector") }
}

fn pods_status(page: &mut Page, related: &Related) {
    let count = |phase| related.pods.iter().filter(|p| p.status.phase == phase).count();
    page.field(
        "Pods Status",
        format!(
            "{} Running / {} Waiting / {} Succeeded / {} Failed",
            count(PodPhase::Running),
            count(PodPhase::Pending),
            count(PodPhase::Succeeded),
            count(PodPhase::Failed)
        ),
    );
}

/// Source: kubernetes v1.36 staging/src/k8s.io/kubectl/pkg/describe/describe.go,
/// `describeStatefulSet`
pub(super) fn stateful_set(page: &mut Page, object: &Value, related: &Related) {
    page.name(object);
    page.field("CreationTimestamp", date(object, "metadata.creationTimestamp"));
    page.field("Selector", selector(object, "spec.selector"));
    page.labels_and_annotations(object);
    let (have, want) = (int(object, "status.replicas"), int(object, "spec.replicas"));
    page.field("Replicas", format!("{want} desired | {have} total"));
    page.field("Update Strategy", text(object, "spec.updateStrategy.type"));
    let rolling = at(object, "spec.updateStrategy.rollingUpdate");
    if let Some(partition) = rolling.get("partition") {
        page.field("  Partition", shown(partition));
    }
    pods_status(page, related);
    template(page, at(object, "spec.template"));
    claims(page, object);
}

fn claims(page: &mut Page, object: &Value) {
    let all = list(object, "spec.volumeClaimTemplates");
    if all.is_empty() {
        page.field("Volume Claims", "<none>");
        return;
    }
    page.line("Volume Claims:");
    for claim in all {
        page.field("  Name", text(claim, "metadata.name"));
        page.field("  StorageClass", text(claim, "spec.storageClassName"));
        page.labels("  Labels", claim, "metadata.labels");
        page.annotations("  Annotations", claim, "metadata.annotations");
        let size = shown(at(claim, "spec.resources.requests.storage"));
        page.field("  Capacity", if size.is_empty() { "<default>".to_owned() } else { size });
        let modes = join(list(claim, "spec.accessModes").iter().map(shown), " ");
        page.field("  Access Modes", format!("[{modes}]"));
    }
}

/// Source: kubernetes v1.36 staging/src/k8s.io/kubectl/pkg/describe/describe.go,
/// `describeDaemonSet`
pub(super) fn daemon_set(page: &mut Page, object: &Value, related: &Related) {
    const COUNTS: [(&str, &str); 5] = [
        ("Desired Number of Nodes Scheduled", "desiredNumberScheduled"),
        ("Current Number of Nodes Scheduled", "currentNumberScheduled"),
        ("Number of Nodes Scheduled with Up-to-date Pods", "updatedNumberScheduled"),
        ("Number of Nodes Scheduled with Available Pods", "numberAvailable"),
        ("Number of Nodes Misscheduled", "numberMisscheduled"),
    ];
    page.name(object);
    page.field("Selector", selector(object, "spec.selector"));
    page.labels("Node-Selector", object, "spec.template.spec.nodeSelector");
    page.labels_and_annotations(object);
    for (label, member) in COUNTS {
        page.field(label, int(at(object, "status"), member).to_string());
    }
    pods_status(page, related);
    template(page, at(object, "spec.template"));
}
