//! Where a container mounts volumes and block devices.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::api::validation::errors::Errors;
use crate::api::validation::format;
use crate::api::validation::path::Path;
use crate::api::validation::read::{at, flag, get, list, text};
use crate::api::validation::rule::given;
use crate::api::validation::volume::{Volumes, descending_path};

/// The mounts of a container.
///
/// Source: kubernetes v1.36 pkg/apis/core/validation/validation.go, `ValidateVolumeMounts`
pub(super) fn mounts(
    path: &Path<'_>,
    container: &Value,
    volumes: &Volumes<'_>,
    errors: &mut Errors,
) {
    let path = path.child("volumeMounts");
    let mut places = BTreeSet::new();
    for (i, mount) in list(container, "volumeMounts").iter().enumerate() {
        let item = path.index(i);
        let (name, place) = (text(mount, "name"), text(mount, "mountPath"));
        given(&item, mount, "name", errors);
        if !volumes.contains_key(name) {
            errors.not_found(&item.child("name"), name);
        }
        given(&item, mount, "mountPath", errors);
        if !places.insert(place) {
            errors.invalid(&item.child("mountPath"), place, "must be unique");
        }
        against_devices(&item, container, name, place, errors);
        sub_paths(&path, &item, mount, volumes, errors);
        propagation(&path, container, mount, errors);
        recursive_read_only(&path.child("recursiveReadOnly"), mount, errors);
    }
}

fn against_devices(
    path: &Path<'_>,
    container: &Value,
    name: &str,
    place: &str,
    errors: &mut Errors,
) {
    let devices = list(container, "volumeDevices");
    if devices.iter().any(|d| text(d, "name") == name) {
        errors.invalid(&path.child("name"), name, "must not already exist in volumeDevices");
    }
    if devices.iter().any(|d| text(d, "devicePath") == place) {
        let detail = "must not already exist as a path in volumeDevices";
        errors.invalid(&path.child("mountPath"), place, detail);
    }
}

fn sub_paths(
    all: &Path<'_>,
    path: &Path<'_>,
    mount: &Value,
    volumes: &Volumes<'_>,
    errors: &mut Errors,
) {
    let is_image = volumes.get(text(mount, "name")).is_some_and(|v| get(v, "image").is_some());
    for field in ["subPath", "subPathExpr"] {
        let place = text(mount, field);
        if place.is_empty() {
            continue;
        }
        if is_image {
            errors.invalid(&path.child(field), place, "not allowed in image volume sources");
        }
        if field == "subPathExpr" && !text(mount, "subPath").is_empty() {
            let detail = "subPathExpr and subPath are mutually exclusive";
            errors.invalid(&path.child(field), place, detail);
        }
        descending_path(&all.child(field), place, errors);
    }
}

/// Source: kubernetes v1.36 pkg/apis/core/validation/validation.go, `validateMountPropagation`
fn propagation(path: &Path<'_>, container: &Value, mount: &Value, errors: &mut Errors) {
    const KNOWN: [&str; 3] = ["Bidirectional", "HostToContainer", "None"];
    let Some(value) = get(mount, "mountPropagation").and_then(Value::as_str) else { return };
    let path = path.child("mountPropagation");
    if !KNOWN.contains(&value) {
        errors.not_supported(&path, value, &KNOWN);
    } else if value == "Bidirectional" && !flag(at(container, "securityContext"), "privileged") {
        let detail = "Bidirectional mount propagation is available only to privileged containers";
        errors.forbidden(&path, detail);
    }
}

/// Source: kubernetes v1.36 pkg/apis/core/validation/validation.go,
/// `validateMountRecursiveReadOnly`
fn recursive_read_only(path: &Path<'_>, mount: &Value, errors: &mut Errors) {
    match get(mount, "recursiveReadOnly").and_then(Value::as_str) {
        None | Some("Disabled") => {}
        Some("Enabled" | "IfPossible") => {
            if !flag(mount, "readOnly") {
                let detail = "may only be specified when readOnly is true";
                errors.forbidden(path, detail);
            }
            let propagation = get(mount, "mountPropagation").and_then(Value::as_str);
            if propagation.is_some_and(|p| p != "None") {
                let detail = "may only be specified when mountPropagation is None or not specified";
                errors.forbidden(path, detail);
            }
        }
        Some(other) => errors.not_supported(path, other, &["Disabled", "IfPossible", "Enabled"]),
    }
}

/// The block devices of a container.
///
/// Source: kubernetes v1.36 pkg/apis/core/validation/validation.go, `ValidateVolumeDevices`
pub(super) fn devices(
    path: &Path<'_>,
    container: &Value,
    volumes: &Volumes<'_>,
    errors: &mut Errors,
) {
    let path = path.child("volumeDevices");
    let (mut names, mut places) = (BTreeSet::new(), BTreeSet::new());
    for (i, device) in list(container, "volumeDevices").iter().enumerate() {
        let path = path.index(i);
        let (name, place) = (text(device, "name"), text(device, "devicePath"));
        given(&path, device, "name", errors);
        if !name.is_empty() && !names.insert(name) {
            errors.invalid(&path.child("name"), name, "must be unique");
        }
        match volumes.get(name) {
            None => errors.not_found(&path.child("name"), name),
            Some(v) if get(v, "persistentVolumeClaim").or(get(v, "ephemeral")).is_none() => {
                let detail = "can only use volume source type of PersistentVolumeClaim or \
                              Ephemeral for block mode";
                errors.invalid(&path.child("name"), name, detail);
            }
            Some(_) => {}
        }
        given(&path, device, "devicePath", errors);
        if places.contains(place) {
            errors.invalid(&path.child("devicePath"), place, "must be unique");
        }
        if format::path_without_backsteps(place).is_empty() {
            places.insert(place);
        } else {
            let detail = "can not contain backsteps ('..')";
            errors.invalid(&path.child("devicePath"), place, detail);
        }
    }
}
