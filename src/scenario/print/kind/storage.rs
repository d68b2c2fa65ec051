//! Volumes and claims in a table.

use serde_json::Value;

use super::{Column, Sight, col, name, wide};
use crate::scenario::print::look::{age, at, join, list, shown, text, text_or, truth};

const DEFAULT_CLASS: &str = "storageclass.kubernetes.io/is-default-class";

pub(super) const VOLUME: &[Column] = &[
    col("Name"),
    col("Capacity"),
    col("Access Modes"),
    col("Reclaim Policy"),
    col("Status"),
    col("Claim"),
    col("StorageClass"),
    col("VolumeAttributesClass"),
    col("Reason"),
    col("Age"),
    wide("VolumeMode"),
];

/// Source: kubernetes v1.36 pkg/printers/internalversion/printers.go, `printPersistentVolume`
pub(super) fn volume(object: &Value, sight: Sight) -> Vec<String> {
    let claim = at(object, "spec.claimRef");
    let claim = if claim.is_object() {
        format!("{}/{}", text(claim, "namespace"), text(claim, "name"))
    } else {
        String::new()
    };
    vec![
        name(object),
        shown(at(object, "spec.capacity.storage")),
        access_modes(object, "spec.accessModes"),
        text(object, "spec.persistentVolumeReclaimPolicy").to_owned(),
        phase(object),
        claim,
        text(object, "spec.storageClassName").to_owned(),
        text_or(object, "spec.volumeAttributesClassName", "<unset>"),
        text(object, "status.reason").to_owned(),
        age(object, sight.now),
        text_or(object, "spec.volumeMode", "<unset>"),
    ]
}

pub(super) const CLAIM: &[Column] = &[
    col("Name"),
    col("Status"),
    col("Volume"),
    col("Capacity"),
    col("Access Modes"),
    col("StorageClass"),
    col("VolumeAttributesClass"),
    col("Age"),
    wide("VolumeMode"),
];

/// Source: kubernetes v1.36 pkg/printers/internalversion/printers.go,
/// `printPersistentVolumeClaim`
pub(super) fn claim(object: &Value, sight: Sight) -> Vec<String> {
    let volume = text(object, "spec.volumeName");
    let (mut capacity, mut modes) = (String::new(), String::new());
    if !volume.is_empty() {
        capacity = shown(at(object, "status.capacity.storage"));
        modes = access_modes(object, "status.accessModes");
    }
    vec![
        name(object),
        phase(object),
        volume.to_owned(),
        capacity,
        modes,
        text(object, "spec.storageClassName").to_owned(),
        text_or(object, "spec.volumeAttributesClassName", "<unset>"),
        age(object, sight.now),
        text_or(object, "spec.volumeMode", "<unset>"),
    ]
}

pub(super) const CLASS: &[Column] = &[
    col("Name"),
    col("Provisioner"),
    col("ReclaimPolicy"),
    col("VolumeBindingMode"),
    col("AllowVolumeExpansion"),
    col("Age"),
];

/// Source: kubernetes v1.36 pkg/printers/internalversion/printers.go, `printStorageClass`
pub(super) fn class(object: &Value, sight: Sight) -> Vec<String> {
    let is_default = object["metadata"]["annotations"][DEFAULT_CLASS] == "true";
    vec![
        if is_default { format!("{} (default)", name(object)) } else { name(object) },
        text(object, "provisioner").to_owned(),
        text_or(object, "reclaimPolicy", "Delete"),
        text_or(object, "volumeBindingMode", "Immediate"),
        truth(object, "allowVolumeExpansion").to_string(),
        age(object, sight.now),
    ]
}

pub(super) const ATTACHMENT: &[Column] =
    &[col("Name"), col("Attacher"), col("PV"), col("Node"), col("Attached"), col("Age")];

/// Source: kubernetes v1.36 pkg/printers/internalversion/printers.go, `printVolumeAttachment`
pub(super) fn attachment(object: &Value, sight: Sight) -> Vec<String> {
    vec![
        name(object),
        text(object, "spec.attacher").to_owned(),
        text(object, "spec.source.persistentVolumeName").to_owned(),
        text(object, "spec.nodeName").to_owned(),
        truth(object, "status.attached").to_string(),
        age(object, sight.now),
    ]
}

pub(super) const CSI_NODE: &[Column] = &[col("Name"), col("Drivers"), col("Age")];

/// Source: kubernetes v1.36 pkg/printers/internalversion/printers.go, `printCSINode`
pub(super) fn csi_node(object: &Value, sight: Sight) -> Vec<String> {
    let drivers = list(object, "spec.drivers").len();
    vec![name(object), drivers.to_string(), age(object, sight.now)]
}

pub(super) const CSI_DRIVER: &[Column] = &[
    col("Name"),
    col("AttachRequired"),
    col("PodInfoOnMount"),
    col("StorageCapacity"),
    col("TokenRequests"),
    col("RequiresRepublish"),
    col("Modes"),
    col("Age"),
];

/// Source: kubernetes v1.36 pkg/printers/internalversion/printers.go, `printCSIDriver`
pub(super) fn csi_driver(object: &Value, sight: Sight) -> Vec<String> {
    let spec = at(object, "spec");
    let attaches = spec["attachRequired"].as_bool().unwrap_or(true);
    let tokens =
        join(list(spec, "tokenRequests").iter().map(|t| text(t, "audience").to_owned()), ",");
    let modes = join(list(spec, "volumeLifecycleModes").iter().map(shown), ",");
    vec![
        name(object),
        attaches.to_string(),
        truth(spec, "podInfoOnMount").to_string(),
        truth(spec, "storageCapacity").to_string(),
        if tokens.is_empty() { "<unset>".to_owned() } else { tokens },
        truth(spec, "requiresRepublish").to_string(),
        if modes.is_empty() { "Persistent".to_owned() } else { modes },
        age(object, sight.now),
    ]
}

fn phase(object: &Value) -> String {
    if text(object, "metadata.deletionTimestamp").is_empty() {
        return text(object, "status.phase").to_owned();
    }
    "Terminating".to_owned()
}

/// Source: kubernetes v1.36 pkg/apis/core/v1/helper/helpers.go, `GetAccessModesAsString`
pub(in crate::scenario::print) fn access_modes(object: &Value, path: &str) -> String {
    const SHORT: [(&str, &str); 4] = [
        ("ReadWriteOnce", "RWO"),
        ("ReadOnlyMany", "ROX"),
        ("ReadWriteMany", "RWX"),
        ("ReadWriteOncePod", "RWOP"),
    ];
    let has = |mode: &str| list(object, path).iter().any(|m| m == mode);
    join(SHORT.iter().filter(|(m, _)| has(m)).map(|(_, short)| (*short).to_owned()), ",")
}
