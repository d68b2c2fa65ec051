//! The objects that operations make: nodes, pods, namespaces, volumes.

use std::sync::Arc;

use serde_json::{Value, json};

use super::New;
use crate::api::Name;
use crate::api::object::Kind;
use crate::scheduler_perf::spec::{CreateNodes, VolumeCount};

/// A namespace, of a template if there is one.
pub(super) fn namespace(name: &Name, template: Option<&Value>) -> New {
    let mut value = template.cloned().unwrap_or_else(|| json!({}));
    value["apiVersion"] = json!("v1");
    value["kind"] = json!("Namespace");
    value["metadata"]["name"] = json!(name);
    New { kind: Kind::NAMESPACE, namespace: Name::default(), value: Arc::new(value) }
}

/// A node without a template of its own.
///
/// Source: kubernetes v1.36 test/integration/scheduler_perf/util.go, `makeBaseNode`
pub(super) fn base_node(number: usize) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"generateName": format!("node-{number}-")},
        "status": {
            "capacity": {"pods": "110", "cpu": "4", "memory": "32Gi"},
            "conditions": [{"type": "Ready", "status": "True"}],
            "phase": "Running",
        },
    })
}

/// A pod without a template of its own.
///
/// Source: kubernetes v1.36 test/integration/scheduler_perf/util.go, `makeBasePod`
pub(super) fn base_pod() -> Value {
    let amounts = json!({"cpu": "100m", "memory": "500Mi"});
    json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"generateName": "pod-"},
        "spec": {"containers": [{
            "name": "pause",
            "image": "registry.k8s.io/pause:3.10",
            "ports": [{"containerPort": 80}],
            "resources": {"limits": amounts, "requests": amounts},
        }]},
    })
}

/// A node as an operation wants it, and its `CSINode` where it has one.
///
/// Differs: upstream draws the end of a node's name and hands out labels in the order of the names;
/// here nodes are numbered, and labels take turns in that order.
///
/// Source: kubernetes v1.36 test/integration/scheduler_perf/node_util.go, `PrepareNodes`
pub(super) fn node(template: &Value, number: usize, wanted: &CreateNodes) -> (Option<New>, New) {
    let mut value = template.clone();
    let meta = &mut value["metadata"];
    let name = match meta["name"].as_str() {
        Some(name) => name.to_owned(),
        None => format!("{}{number:05}", meta["generateName"].as_str().unwrap_or("node-")),
    };
    meta["name"] = json!(name);
    meta["labels"]["kubernetes.io/hostname"] = json!(name);
    if let Some(label) = wanted.label.as_ref().filter(|label| !label.values.is_empty()) {
        meta["labels"][&label.key] = json!(label.values[number % label.values.len()]);
    }
    if let Some(label) = &wanted.unique {
        meta["labels"][&label.key] = json!(format!("unique-{number}"));
    }
    let mut csi = None;
    if let Some(allocatable) = &wanted.allocatable {
        let status = &mut value["status"];
        if !allocatable.amounts.is_empty() && status["allocatable"].is_null() {
            status["allocatable"] = status["capacity"].clone();
        }
        for (resource, amount) in &allocatable.amounts {
            status["allocatable"][resource] = json!(amount);
        }
        let driver = |(driver, volumes): (&String, &VolumeCount)| {
            json!({"name": driver, "nodeID": name, "topologyKeys": [],
                "allocatable": {"count": volumes.count}})
        };
        if !allocatable.volumes.is_empty() || !allocatable.migrated.is_empty() {
            let migrated = allocatable.migrated.join(",");
            let drivers: Vec<Value> = allocatable.volumes.iter().map(driver).collect();
            let value = json!({
                "apiVersion": "storage.k8s.io/v1",
                "kind": "CSINode",
                "metadata": {
                    "name": name,
                    "annotations": {"storage.alpha.kubernetes.io/migrated-plugins": migrated},
                },
                "spec": {"drivers": drivers},
            });
            let namespace = Name::default();
            csi = Some(New { kind: Kind::CSI_NODE, namespace, value: Arc::new(value) });
        }
    }
    (csi, New { kind: Kind::NODE, namespace: Name::default(), value: Arc::new(value) })
}

/// The names of a volume and of its claim.
pub(super) struct Bound {
    pub(super) volume: String,
    pub(super) claim: String,
}

/// A volume and a claim that are bound to each other.
///
/// Source: kubernetes v1.36 test/utils/runners.go, `CreatePodWithPersistentVolume`
pub(super) fn volume_and_claim(
    (volume, claim): (Value, Value),
    names: &Bound,
    namespace: &Name,
) -> [New; 2] {
    let (mut pv, mut pvc) = (volume, claim);
    pv["metadata"]["name"] = json!(names.volume);
    if pv["spec"]["csi"].is_object() {
        pv["spec"]["csi"]["volumeHandle"] = json!(names.volume);
    }
    pv["spec"]["claimRef"] = json!({
        "kind": "PersistentVolumeClaim", "apiVersion": "v1",
        "namespace": namespace, "name": names.claim,
    });
    pvc["metadata"]["name"] = json!(names.claim);
    pvc["metadata"]["annotations"]["pv.kubernetes.io/bind-completed"] = json!("true");
    pvc["spec"]["volumeName"] = json!(names.volume);
    let cluster = Name::default();
    [
        New { kind: Kind::PERSISTENT_VOLUME, namespace: cluster, value: Arc::new(pv) },
        New {
            kind: Kind::PERSISTENT_VOLUME_CLAIM,
            namespace: namespace.clone(),
            value: Arc::new(pvc),
        },
    ]
}

/// A pod that mounts a claim.
pub(super) fn with_claim(pod: &Value, claim: &str) -> Value {
    let mut pod = pod.clone();
    let volume = json!({"name": "vol", "persistentVolumeClaim": {"claimName": claim}});
    match pod["spec"]["volumes"].as_array_mut() {
        Some(volumes) => volumes.push(volume),
        None => pod["spec"]["volumes"] = json!([volume]),
    }
    pod
}
