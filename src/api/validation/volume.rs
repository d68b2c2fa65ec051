//! A pod's volumes: one source each, and what each source asks for.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::api::names;
use crate::api::quantity::Quantity;
use crate::api::validation::claim;
use crate::api::validation::env::{self, Reader};
use crate::api::validation::errors::Errors;
use crate::api::validation::format;
use crate::api::validation::path::Path;
use crate::api::validation::read::{at, get, int, list, text};
use crate::api::validation::resources::quantity;
use crate::api::validation::rule::{given, known_value, one_of_if_given};

/// All sources that a volume may have.
const SOURCES: [&str; 30] = [
    "emptyDir",
    "hostPath",
    "gitRepo",
    "gcePersistentDisk",
    "awsElasticBlockStore",
    "secret",
    "nfs",
    "iscsi",
    "glusterfs",
    "flocker",
    "persistentVolumeClaim",
    "rbd",
    "cinder",
    "cephfs",
    "quobyte",
    "downwardAPI",
    "fc",
    "flexVolume",
    "configMap",
    "azureFile",
    "vsphereVolume",
    "photonPersistentDisk",
    "portworxVolume",
    "azureDisk",
    "storageos",
    "projected",
    "scaleIO",
    "csi",
    "ephemeral",
    "image",
];

/// The volumes of a pod by name, those without a mistake; mounts may name only these.
pub(super) type Volumes<'a> = BTreeMap<&'a str, &'a Value>;

/// Checks the volumes and answers with those that may be mounted.
///
/// `pod` is the pod's name, empty in a template.
///
/// Source: kubernetes v1.36 pkg/apis/core/validation/validation.go, `ValidateVolumes`
pub(super) fn volumes<'a>(
    path: &Path<'_>,
    volumes: &'a [Value],
    pod: &str,
    errors: &mut Errors,
) -> Volumes<'a> {
    let mut good = Volumes::new();
    for (i, volume) in volumes.iter().enumerate() {
        let path = path.index(i);
        let before = errors.len();
        let name = text(volume, "name");
        source(&path, volume, pod, errors);
        if name.is_empty() {
            errors.required(&path.child("name"), "");
        } else {
            errors.invalid_for(&path.child("name"), name, names::dns1123_label(name));
        }
        if good.contains_key(name) {
            errors.duplicate(&path.child("name"), name);
        }
        if errors.len() == before {
            good.insert(name, volume);
        }
        if !pod.is_empty() {
            created_claim(&path, volume, volumes, pod, errors);
        }
    }
    good
}

fn created_claim(path: &Path<'_>, volume: &Value, all: &[Value], pod: &str, errors: &mut Errors) {
    let Some(reference) = get(volume, "persistentVolumeClaim") else { return };
    let claim = text(reference, "claimName");
    let is_created = all
        .iter()
        .any(|v| get(v, "ephemeral").is_some() && claim == format!("{pod}-{}", text(v, "name")));
    if is_created {
        let path = path.child("persistentVolumeClaim.claimName");
        let detail = "must not reference a PVC that gets created for an ephemeral volume";
        errors.invalid(&path, claim, detail);
    }
}

/// Exactly one source.
///
/// Source: kubernetes v1.36 pkg/apis/core/validation/validation.go, `validateVolumeSource`
fn source(path: &Path<'_>, volume: &Value, pod: &str, errors: &mut Errors) {
    let mut is_first = true;
    for kind in SOURCES {
        let Some(source) = get(volume, kind) else { continue };
        let source_path = path.child(kind);
        if is_first {
            one_source(&source_path, kind, source, errors);
        } else {
            errors.forbidden(&source_path, "may not specify more than 1 volume type");
        }
        is_first = false;
    }
    if is_first {
        errors.required(path, "must specify a volume type");
    }
    let name = text(volume, "name");
    if get(volume, "ephemeral").is_some() && !pod.is_empty() && !name.is_empty() {
        let wrong = names::dns1123_subdomain(&format!("{pod}-{name}"));
        errors.invalid_for(&path.child("name"), name, wrong);
    }
}

fn one_source(path: &Path<'_>, kind: &str, source: &Value, errors: &mut Errors) {
    match kind {
        "emptyDir" => empty_dir(path, source, errors),
        "hostPath" => host_path(path, source, errors),
        "gitRepo" => given(path, source, "repository", errors),
        "secret" => {
            given(path, source, "secretName", errors);
            files(path, source, errors);
        }
        "configMap" => {
            given(path, source, "name", errors);
            files(path, source, errors);
        }
        "nfs" => nfs(path, source, errors),
        "persistentVolumeClaim" => given(path, source, "claimName", errors),
        "downwardAPI" => {
            mode(&path.child("defaultMode"), int(source, "defaultMode"), errors);
            downward_files(&path.child("items"), list(source, "items"), errors);
        }
        "projected" => projected(path, source, errors),
        "csi" => csi(path, source, errors),
        "ephemeral" => ephemeral(path, source, errors),
        "image" => image(path, source, errors),
        _ => {}
    }
}

fn empty_dir(path: &Path<'_>, source: &Value, errors: &mut Errors) {
    if quantity(at(source, "sizeLimit")).is_some_and(|q| q < Quantity::default()) {
        let detail = "SizeLimit field must be a valid resource quantity";
        errors.forbidden(&path.child("sizeLimit"), detail);
    }
}

fn host_path(path: &Path<'_>, source: &Value, errors: &mut Errors) {
    const TYPES: [&str; 8] = [
        "",
        "BlockDevice",
        "CharDevice",
        "Directory",
        "DirectoryOrCreate",
        "File",
        "FileOrCreate",
        "Socket",
    ];
    let place = text(source, "path");
    if place.is_empty() {
        errors.required(&path.child("path"), "");
        return;
    }
    errors.invalid_for(&path.child("path"), place, format::path_without_backsteps(place));
    one_of_if_given(path, source, "type", &TYPES, errors);
}

fn nfs(path: &Path<'_>, source: &Value, errors: &mut Errors) {
    given(path, source, "server", errors);
    given(path, source, "path", errors);
    let place = text(source, "path");
    if !place.is_empty() && !place.starts_with('/') {
        errors.invalid(&path.child("path"), place, "must be an absolute path");
    }
}

fn csi(path: &Path<'_>, source: &Value, errors: &mut Errors) {
    let driver = text(source, "driver");
    if driver.is_empty() {
        errors.required(&path.child("driver"), "");
    } else if driver.len() > 63 {
        errors.too_long(&path.child("driver"), 63);
    } else {
        let wrong = names::dns1123_subdomain(&driver.to_lowercase());
        errors.invalid_for(&path.child("driver"), driver, wrong);
    }
    if let Some(reference) = get(source, "nodePublishSecretRef") {
        given(&path.child("nodePublishSecretRef"), reference, "name", errors);
    }
}

fn ephemeral(path: &Path<'_>, source: &Value, errors: &mut Errors) {
    match get(source, "volumeClaimTemplate") {
        None => errors.required(&path.child("volumeClaimTemplate"), ""),
        Some(template) => {
            let path = path.child("volumeClaimTemplate");
            claim::spec(&path.child("spec"), at(template, "spec"), errors);
        }
    }
}

fn image(path: &Path<'_>, source: &Value, errors: &mut Errors) {
    given(path, source, "reference", errors);
    let known = ["Always", "IfNotPresent", "Never"];
    known_value(&path.child("pullPolicy"), text(source, "pullPolicy"), &known, errors);
}

fn files(path: &Path<'_>, source: &Value, errors: &mut Errors) {
    mode(&path.child("defaultMode"), int(source, "defaultMode"), errors);
    key_files(&path.child("items"), list(source, "items"), errors);
}

/// Keys as files.
///
/// Source: kubernetes v1.36 pkg/apis/core/validation/validation.go, `validateKeyToPath`
fn key_files(path: &Path<'_>, items: &[Value], errors: &mut Errors) {
    for (i, item) in items.iter().enumerate() {
        let path = path.index(i);
        given(&path, item, "key", errors);
        file_path(&path.child("path"), text(item, "path"), errors);
        mode(&path.child("mode"), int(item, "mode"), errors);
    }
}

fn downward_files(path: &Path<'_>, items: &[Value], errors: &mut Errors) {
    for (i, item) in items.iter().enumerate() {
        let path = path.index(i);
        file_path(&path.child("path"), text(item, "path"), errors);
        let (field, resource) = (get(item, "fieldRef"), get(item, "resourceFieldRef"));
        if let Some(field) = field {
            env::pod_field(&path.child("fieldRef"), field, Reader::Volume, errors);
            if resource.is_some() {
                let detail = "fieldRef and resourceFieldRef can not be specified simultaneously";
                errors.invalid(&path, "resource", detail);
            }
        } else if let Some(resource) = resource {
            let path = path.child("resourceFieldRef");
            env::container_resource(&path, resource, Reader::Volume, errors);
        } else {
            errors.required(
                &path.child("fieldRef"),
                "one of fieldRef and resourceFieldRef is required",
            );
        }
        mode(&path.child("mode"), int(item, "mode"), errors);
    }
}

/// Source: kubernetes v1.36 pkg/apis/core/validation/validation.go, `validateProjectionSources`
fn projected(path: &Path<'_>, source: &Value, errors: &mut Errors) {
    mode(&path.child("defaultMode"), int(source, "defaultMode"), errors);
    let path = path.child("sources");
    for (i, projection) in list(source, "sources").iter().enumerate() {
        let path = path.index(i);
        let kinds = [
            "secret",
            "configMap",
            "downwardAPI",
            "serviceAccountToken",
            "clusterTrustBundle",
            "podCertificate",
        ];
        let mut sources = 0;
        for kind in kinds {
            let Some(source) = get(projection, kind) else { continue };
            sources += 1;
            if sources > 1 {
                errors.forbidden(&path.child(kind), "may not specify more than 1 volume type");
            } else {
                projection_source(&path.child(kind), kind, source, errors);
            }
        }
        if sources == 0 {
            errors.required(&path, "must specify a volume type");
        }
    }
}

fn projection_source(path: &Path<'_>, kind: &str, source: &Value, errors: &mut Errors) {
    match kind {
        "secret" | "configMap" => {
            given(path, source, "name", errors);
            key_files(&path.child("items"), list(source, "items"), errors);
        }
        "downwardAPI" => downward_files(&path.child("items"), list(source, "items"), errors),
        "serviceAccountToken" => token(path, source, errors),
        _ => {}
    }
}

fn token(path: &Path<'_>, source: &Value, errors: &mut Errors) {
    let seconds = int(source, "expirationSeconds").unwrap_or_default();
    if seconds < 600 {
        let detail = "may not specify a duration less than 10 minutes";
        errors.invalid(&path.child("expirationSeconds"), seconds, detail);
    }
    if seconds > 1 << 32 {
        let detail = "may not specify a duration larger than 2^32 seconds";
        errors.invalid(&path.child("expirationSeconds"), seconds, detail);
    }
    file_path(&path.child("path"), text(source, "path"), errors);
}

/// Where a file lies below its volume.
///
/// Source: kubernetes v1.36 pkg/apis/core/validation/validation.go,
/// `validateLocalNonReservedPath`
fn file_path(path: &Path<'_>, file: &str, errors: &mut Errors) {
    if file.is_empty() {
        errors.required(path, "");
    }
    descending_path(path, file, errors);
    if file.starts_with("..") && !file.starts_with("../") {
        errors.invalid(path, file, "must not start with '..'");
    }
}

/// A relative path that does not climb.
///
/// Source: kubernetes v1.36 pkg/apis/core/validation/validation.go, `validateLocalDescendingPath`
pub(super) fn descending_path(path: &Path<'_>, place: &str, errors: &mut Errors) {
    if place.starts_with('/') {
        errors.invalid(path, place, "must be a relative path");
    }
    errors.invalid_for(path, place, format::path_without_backsteps(place));
}

fn mode(path: &Path<'_>, mode: Option<i64>, errors: &mut Errors) {
    if let Some(mode) = mode.filter(|m| !(0..=0o777).contains(m)) {
        errors.invalid(path, mode, "must be a number between 0 and 0777 (octal), both inclusive");
    }
}
