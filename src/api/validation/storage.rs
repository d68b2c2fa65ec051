//! `VolumeAttachments`, `CSINodes` and `CSIDrivers`.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::api::names;
use crate::api::validation::errors::Errors;
use crate::api::validation::path::Path;
use crate::api::validation::read::{at, get, list, same, text};

/// The longest name that a driver may have.
///
/// Source: kubernetes v1.36 pkg/apis/storage/validation/validation.go,
/// `ValidateVolumeAttachment`, and pkg/apis/core/validation/validation.go, `ValidateCSIDriverName`
const LONGEST_DRIVER: usize = 63;

fn driver(path: &Path<'_>, name: &str, errors: &mut Errors) {
    if name.is_empty() {
        errors.required(path, "");
    }
    if name.len() > LONGEST_DRIVER {
        errors.too_long(path, LONGEST_DRIVER);
    }
    errors.invalid_for(path, name, names::dns1123_subdomain(&name.to_lowercase()));
}

/// A `VolumeAttachment`.
///
/// Source: kubernetes v1.36 pkg/apis/storage/validation/validation.go, `ValidateVolumeAttachment`,
/// `validateVolumeAttachmentSpec`
pub(super) fn attachment(object: &Value, errors: &mut Errors) {
    let path = Path::new("spec");
    let spec = at(object, "spec");
    driver(&path.child("attacher"), text(spec, "attacher"), errors);
    let source = at(spec, "source");
    let source_path = path.child("source");
    let volume = text(source, "persistentVolumeName");
    match (volume.is_empty(), get(source, "inlineVolumeSpec")) {
        (true, None) => {
            let detail = "must specify exactly one of inlineVolumeSpec and persistentVolumeName";
            errors.required(&source_path, detail);
        }
        (false, Some(_)) => {
            let detail = "must specify exactly one of inlineVolumeSpec and persistentVolumeName";
            errors.forbidden(&source_path, detail);
        }
        (false, None) => {
            let path = source_path.child("persistentVolumeName");
            errors.invalid_for(&path, volume, names::dns1123_subdomain(volume));
        }
        (true, Some(_)) => {}
    }
    let node = text(spec, "nodeName");
    errors.invalid_for(&path.child("nodeName"), node, names::dns1123_subdomain(node));
}

/// A changed `VolumeAttachment`: volume and node stay.
///
/// Source: kubernetes v1.36 pkg/apis/storage/validation/validation.go,
/// `ValidateVolumeAttachmentUpdate`
pub(super) fn attachment_update(new: &Value, old: &Value, errors: &mut Errors) {
    attachment(new, errors);
    if !same(at(new, "spec"), at(old, "spec")) {
        let detail = "field is immutable";
        errors.invalid(&Path::new("spec"), at(new, "spec").clone(), detail);
    }
}

/// A `CSINode`.
///
/// Source: kubernetes v1.36 pkg/apis/storage/validation/validation.go, `ValidateCSINode`
pub(super) fn csi_node(object: &Value, errors: &mut Errors) {
    let path = Path::new("spec");
    let path = path.child("drivers");
    let mut seen = BTreeSet::new();
    for (i, one) in list(at(object, "spec"), "drivers").iter().enumerate() {
        let path = path.index(i);
        let name = text(one, "name");
        driver(&path.child("name"), name, errors);
        if text(one, "nodeID").is_empty() {
            errors.required(&path.child("nodeID"), "");
        }
        if !seen.insert(name) {
            errors.duplicate(&path.child("name"), name);
        }
    }
}

/// A changed `CSINode`: a driver that stays is called as before.
///
/// Source: kubernetes v1.36 pkg/apis/storage/validation/validation.go, `ValidateCSINodeUpdate`
pub(super) fn csi_node_update(new: &Value, old: &Value, errors: &mut Errors) {
    csi_node(new, errors);
    let drivers = |object: &Value| list(at(object, "spec"), "drivers").to_vec();
    let path = Path::new("spec");
    let path = path.child("drivers");
    for before in drivers(old) {
        let all = drivers(new);
        let found = all.iter().enumerate().find(|(_, d)| text(d, "name") == text(&before, "name"));
        if let Some((i, after)) = found
            && text(after, "nodeID") != text(&before, "nodeID")
        {
            let id = text(after, "nodeID");
            errors.invalid(&path.index(i).child("nodeID"), id, "field is immutable");
        }
    }
}

/// A `CSIDriver`.
///
/// Source: kubernetes v1.36 pkg/apis/storage/validation/validation.go, `ValidateCSIDriver`
pub(super) fn csi_driver(object: &Value, errors: &mut Errors) {
    let metadata = Path::new("metadata");
    driver(&metadata.child("name"), text(at(object, "metadata"), "name"), errors);
}
