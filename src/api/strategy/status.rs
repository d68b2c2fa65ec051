//! The status, which only its own subresource may change.

use serde_json::{Value, json};

use super::{put, remove};
use crate::api::validation::read::at;

/// What each kind shows as the status of an object that nobody has looked at yet.
///
/// Source: kubernetes v1.36 staging/src/k8s.io/api, the status types of each kind
fn blank(kind: &str) -> Option<Value> {
    match kind {
        "ReplicaSet" | "ReplicationController" => Some(json!({"replicas": 0})),
        "StatefulSet" => Some(json!({"availableReplicas": 0, "replicas": 0})),
        "DaemonSet" => Some(json!({
            "currentNumberScheduled": 0,
            "desiredNumberScheduled": 0,
            "numberMisscheduled": 0,
            "numberReady": 0,
        })),
        "PodDisruptionBudget" => Some(json!({
            "currentHealthy": 0,
            "desiredHealthy": 0,
            "disruptionsAllowed": 0,
            "expectedPods": 0,
        })),
        "HorizontalPodAutoscaler" => Some(json!({"currentMetrics": null, "desiredReplicas": 0})),
        "Service" => Some(json!({"loadBalancer": {}})),
        "Namespace" => Some(json!({"phase": "Active"})),
        "PersistentVolume" => Some(json!({"phase": "Pending"})),
        _ => None,
    }
}

/// Kinds whose status comes with the object, or that have none.
const OWN: [&str; 1] = ["Node"];

/// A new object has the status that its kind starts with, whatever was sent.
pub(super) fn wipe(kind: &str, object: &mut Value) {
    if OWN.contains(&kind) {
        node(object);
        return;
    }
    match blank(kind) {
        Some(status) => object["status"] = status,
        None => remove(object, "status"),
    }
}

/// A changed object keeps its status.
pub(super) fn keep(_kind: &str, new: &mut Value, old: &Value) {
    put(new, "status", at(old, "status"));
}

/// A node shows its system's texts even when they are empty.
fn node(object: &mut Value) {
    let texts = [
        "architecture",
        "bootID",
        "containerRuntimeVersion",
        "kernelVersion",
        "kubeProxyVersion",
        "kubeletVersion",
        "machineID",
        "operatingSystem",
        "osImage",
        "systemUUID",
    ];
    let status = crate::api::defaults::field(object, "status");
    crate::api::defaults::set(
        status,
        "daemonEndpoints",
        || json!({"kubeletEndpoint": {"Port": 0}}),
    );
    let info = crate::api::defaults::field(status, "nodeInfo");
    for text in texts {
        crate::api::defaults::set(info, text, || json!(""));
    }
}
