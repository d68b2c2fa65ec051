//! `PersistentVolumeClaims`, `PersistentVolumes` and `StorageClasses`.

use serde_json::Value;

use crate::api::names;
use crate::api::quantity::Quantity;
use crate::api::validation::affinity::node_selector;
use crate::api::validation::errors::Errors;
use crate::api::validation::path::Path;
use crate::api::validation::read::{at, get, list, same, text, texts};
use crate::api::validation::resources::{amount, quantity, resource_name};
use crate::api::validation::rule::{given, if_given_as, immutable, one_of_if_given};
use crate::api::validation::selector::label_selector;

const MODES: [&str; 4] = ["ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod"];
const VOLUME_MODES: [&str; 2] = ["Block", "Filesystem"];
const VOLUME_SOURCES: [&str; 21] = [
    "hostPath",
    "gcePersistentDisk",
    "awsElasticBlockStore",
    "glusterfs",
    "flocker",
    "nfs",
    "rbd",
    "quobyte",
    "cephfs",
    "iscsi",
    "cinder",
    "fc",
    "flexVolume",
    "azureFile",
    "vsphereVolume",
    "photonPersistentDisk",
    "portworxVolume",
    "azureDisk",
    "scaleIO",
    "storageos",
    "csi",
];

/// A `PersistentVolumeClaim`.
pub(super) fn claim(object: &Value, errors: &mut Errors) {
    spec(&Path::new("spec"), at(object, "spec"), errors);
}

/// The spec of a claim, in a claim or in a template.
///
/// Source: kubernetes v1.36 pkg/apis/core/validation/validation.go,
/// `ValidatePersistentVolumeClaimSpec`
pub(super) fn spec(path: &Path<'_>, spec: &Value, errors: &mut Errors) {
    access_modes(&path.child("accessModes"), spec, errors);
    label_selector(&path.child("selector"), at(spec, "selector"), errors);
    let resources = path.child("resources");
    let storage_path = resources.key("storage");
    let storage = at(at(at(spec, "resources"), "requests"), "storage");
    match quantity(storage) {
        None => errors.required(&storage_path, ""),
        Some(size) if size <= Quantity::default() => {
            errors.invalid(&storage_path, storage.clone(), "must be greater than zero");
        }
        Some(_) => amount(&storage_path, "storage", storage, errors),
    }
    if_given_as(path, spec, "storageClassName", names::dns1123_subdomain, errors);
    one_of_if_given(path, spec, "volumeMode", &VOLUME_MODES, errors);
    for field in ["dataSource", "dataSourceRef"] {
        if let Some(source) = get(spec, field) {
            data_source(&path.child(field), source, errors);
        }
    }
    if_given_as(path, spec, "volumeAttributesClassName", names::dns1123_subdomain, errors);
}

fn access_modes(path: &Path<'_>, spec: &Value, errors: &mut Errors) {
    if list(spec, "accessModes").is_empty() {
        errors.required(path, "at least 1 access mode is required");
    }
    for mode in texts(spec, "accessModes").filter(|m| !MODES.contains(m)) {
        errors.not_supported(path, mode, &MODES);
    }
    let has = |wanted: bool| {
        texts(spec, "accessModes")
            .filter(|m| MODES.contains(m))
            .any(|m| (m == "ReadWriteOncePod") == wanted)
    };
    if has(true) && has(false) {
        errors.forbidden(path, "may not use ReadWriteOncePod with other access modes");
    }
}

fn data_source(path: &Path<'_>, source: &Value, errors: &mut Errors) {
    given(path, source, "name", errors);
    given(path, source, "kind", errors);
    let kind = text(source, "kind");
    if text(source, "apiGroup").is_empty() && kind != "PersistentVolumeClaim" {
        let detail = "must be 'PersistentVolumeClaim' when referencing the default apiGroup";
        errors.invalid(path, kind, detail);
    }
    if_given_as(path, source, "apiGroup", names::dns1123_subdomain, errors);
}

/// A changed claim: a bound one may grow, an unbound one may be bound.
///
/// Source: kubernetes v1.36 pkg/apis/core/validation/validation.go,
/// `ValidatePersistentVolumeClaimUpdate`
pub(super) fn claim_update(new: &Value, old: &Value, errors: &mut Errors) {
    claim(new, errors);
    let path = Path::new("spec");
    let (spec, before) = (at(new, "spec"), at(old, "spec"));
    let mut masked = spec.clone();
    if text(before, "volumeName").is_empty() {
        masked["volumeName"] = at(before, "volumeName").clone();
    }
    if get(before, "storageClassName").is_none() {
        masked["storageClassName"] = Value::Null;
    }
    let storage = |spec| at(at(at(spec, "resources"), "requests"), "storage");
    if text(at(new, "status"), "phase") == "Bound" {
        if !storage(spec).is_null() {
            masked["resources"]["requests"]["storage"] = storage(before).clone();
        }
        if get(spec, "volumeAttributesClassName").is_some() {
            let class = at(before, "volumeAttributesClassName").clone();
            masked["volumeAttributesClassName"] = class;
        }
    }
    if !same(&masked, before) {
        let detail = "spec is immutable after creation except resources.requests and \
                      volumeAttributesClassName for bound claims";
        errors.forbidden(&path, detail);
    }
    let size = |value| quantity(value).unwrap_or_default();
    let capacity = size(at(at(at(old, "status"), "capacity"), "storage"));
    let wanted = size(storage(spec));
    if wanted < size(storage(before)) && wanted <= capacity {
        let path = path.child("resources.requests.storage");
        errors.forbidden(&path, "field can not be less than status.capacity");
    }
    let mode = Path::new("volumeMode");
    immutable(&mode, at(spec, "volumeMode"), at(before, "volumeMode"), errors);
}

/// A `PersistentVolume`.
///
/// Source: kubernetes v1.36 pkg/apis/core/validation/validation.go, `ValidatePersistentVolumeSpec`
pub(super) fn volume(object: &Value, errors: &mut Errors) {
    let path = Path::new("spec");
    let spec = at(object, "spec");
    access_modes(&path.child("accessModes"), spec, errors);
    let capacity_path = path.child("capacity");
    match at(spec, "capacity").as_object().filter(|c| !c.is_empty()) {
        None => errors.required(&capacity_path, ""),
        Some(map) if map.len() != 1 || !map.contains_key("storage") => {
            errors.not_supported(&capacity_path, Value::Object(map.clone()), &["storage"]);
        }
        Some(map) => capacity(&capacity_path, map, errors),
    }
    let policies = ["Delete", "Recycle", "Retain"];
    one_of_if_given(&path, spec, "persistentVolumeReclaimPolicy", &policies, errors);
    let affinity = at(spec, "nodeAffinity");
    if let Some(required) = get(affinity, "required") {
        let path = path.child("nodeAffinity");
        node_selector(&path.child("required"), required, errors);
    } else if !affinity.is_null() {
        let path = path.child("nodeAffinity.required");
        errors.required(&path, "must specify required node constraints");
    }
    sources(&path, spec, errors);
    if_given_as(&path, spec, "storageClassName", names::dns1123_subdomain, errors);
    one_of_if_given(&path, spec, "volumeMode", &VOLUME_MODES, errors);
}

fn capacity(path: &Path<'_>, map: &serde_json::Map<String, Value>, errors: &mut Errors) {
    for (name, value) in map {
        let path = path.key(name);
        if quantity(value).is_some_and(|q| q <= Quantity::default()) {
            errors.invalid(&path, value.clone(), "must be greater than zero");
        }
        resource_name(&path, name, errors);
    }
}

fn sources(path: &Path<'_>, spec: &Value, errors: &mut Errors) {
    let given: Vec<&str> = VOLUME_SOURCES
        .into_iter()
        .chain(std::iter::once("local"))
        .filter(|s| get(spec, s).is_some())
        .collect();
    for field in given.iter().skip(1) {
        errors.forbidden(&path.child(field), "may not specify more than 1 volume type");
    }
    if given.first() == Some(&"local") && get(spec, "nodeAffinity").is_none() {
        errors.required(&path.child("nodeAffinity"), "Local volume requires node affinity");
    }
    if given.is_empty() {
        errors.required(path, "must specify a volume type");
    }
}

/// A changed `PersistentVolume`: where its data lies stays.
///
/// Source: kubernetes v1.36 pkg/apis/core/validation/validation.go,
/// `ValidatePersistentVolumeUpdate`
pub(super) fn volume_update(new: &Value, old: &Value, errors: &mut Errors) {
    volume(new, errors);
    let (spec, before) = (at(new, "spec"), at(old, "spec"));
    let mut all = VOLUME_SOURCES.iter().chain(std::iter::once(&"local"));
    if all.any(|source| !same(at(spec, source), at(before, source))) {
        let detail = "spec.persistentvolumesource is immutable after creation";
        errors.forbidden(&Path::new("spec").child("persistentvolumesource"), detail);
    }
    let mode = Path::new("volumeMode");
    immutable(&mode, at(spec, "volumeMode"), at(before, "volumeMode"), errors);
    if let Some(affinity) = get(before, "nodeAffinity") {
        immutable(&Path::new("nodeAffinity"), at(spec, "nodeAffinity"), affinity, errors);
    }
}

/// A `StorageClass`.
///
/// Source: kubernetes v1.36 pkg/apis/storage/validation/validation.go, `ValidateStorageClass`
pub(super) fn storage_class(object: &Value, errors: &mut Errors) {
    let root = Path::new("provisioner");
    let provisioner = text(object, "provisioner");
    if provisioner.is_empty() {
        errors.required(&root, "");
    } else {
        let wrong = names::qualified_name(&provisioner.to_lowercase());
        errors.invalid_for(&root, provisioner, wrong);
    }
    let policy = text(object, "reclaimPolicy");
    if !["", "Delete", "Retain"].contains(&policy) {
        errors.not_supported(&Path::new("reclaimPolicy"), policy, &["Delete", "Retain"]);
    }
    let modes = ["Immediate", "WaitForFirstConsumer"];
    let mode = text(object, "volumeBindingMode");
    if mode.is_empty() {
        errors.required(&Path::new("volumeBindingMode"), "");
    } else if !modes.contains(&mode) {
        errors.not_supported(&Path::new("volumeBindingMode"), mode, &modes);
    }
}

/// A changed `StorageClass`: what it makes stays as it is.
///
/// Source: kubernetes v1.36 pkg/apis/storage/validation/validation.go, `ValidateStorageClassUpdate`
pub(super) fn storage_class_update(new: &Value, old: &Value, errors: &mut Errors) {
    storage_class(new, errors);
    for field in ["parameters", "provisioner"] {
        if !same(at(new, field), at(old, field)) {
            let detail = "updates to this field are forbidden";
            errors.forbidden(&Path::new(field), detail);
        }
    }
    if at(new, "reclaimPolicy") != at(old, "reclaimPolicy") {
        errors.forbidden(&Path::new("reclaimPolicy"), "updates to reclaimPolicy are forbidden.");
    }
    let mode = Path::new("volumeBindingMode");
    immutable(&mode, at(new, "volumeBindingMode"), at(old, "volumeBindingMode"), errors);
}
