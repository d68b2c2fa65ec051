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

fn phase(object: &Value) -> String {
    if text(object, "metadata.deletionTimestamp").is_empty() {
        return text(object, "status.phase").to_owned();
    }
    "Terminating".to_owned()
}

/// Source: kubernetes v1.36 pkg/apis/core/v1/helper/helpers.go, `GetAccessModesAsString`
fn access_modes(object: &Value, path: &str) -> String {
    const SHORT: [(&str, &str); 4] = [
        ("ReadWriteOnce", "RWO"),
        ("ReadOnlyMany", "ROX"),
        ("ReadWriteMany", "RWX"),
        ("ReadWriteOncePod", "RWOP"),
    ];
    let has = |mode: &str| list(object, path).iter().any(|m| m == mode);
    join(SHORT.iter().filter(|(m, _)| has(m)).map(|(_, short)| (*short).to_owned()), ",")
}
