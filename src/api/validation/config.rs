//! `ConfigMaps`, Secrets, Namespaces, `PriorityClasses` and Leases.

use serde_json::Value;

use crate::api::names;
use crate::api::validation::errors::Errors;
use crate::api::validation::path::Path;
use crate::api::validation::read::{at, entries, flag, get, int, same, text, texts};
use crate::api::validation::rule::{immutable, one_of_if_given};

/// The most bytes of a `ConfigMap` or Secret.
const MOST_BYTES: usize = 1024 * 1024;
const HIGHEST_USER_PRIORITY: i64 = 1_000_000_000;

/// A `ConfigMap`.
///
/// Source: kubernetes v1.36 pkg/apis/core/validation/validation.go, `ValidateConfigMap`
pub(super) fn config_map(object: &Value, errors: &mut Errors) {
    let mut size = 0;
    for (key, value) in entries(object, "data") {
        let path = Path::new("data");
        let path = path.key(key);
        errors.invalid_for(&path, key, names::config_map_key(key));
        if get(at(object, "binaryData"), key).is_some() {
            errors.invalid(&path, key, "duplicate of key present in binaryData");
        }
        size += value.as_str().map_or(0, str::len);
    }
    for (key, value) in entries(object, "binaryData") {
        let path = Path::new("binaryData");
        errors.invalid_for(&path.key(key), key, names::config_map_key(key));
        size += decoded_length(value);
    }
    if size > MOST_BYTES {
        errors.too_long(&Path::new(""), MOST_BYTES);
    }
}

/// How many bytes a base64 text stands for.
fn decoded_length(value: &Value) -> usize {
    let text = value.as_str().unwrap_or_default();
    text.trim_end_matches('=').len() * 3 / 4
}

/// A changed `ConfigMap`: an immutable one stays as it is.
pub(super) fn config_map_update(new: &Value, old: &Value, errors: &mut Errors) {
    frozen(new, old, &["data", "binaryData"], errors);
    config_map(new, errors);
}

fn frozen(new: &Value, old: &Value, fields: &[&str], errors: &mut Errors) {
    const DETAIL: &str = "field is immutable when `immutable` is set";
    if !flag(old, "immutable") {
        return;
    }
    if !flag(new, "immutable") {
        errors.forbidden(&Path::new("immutable"), DETAIL);
    }
    for field in fields.iter().filter(|f| !same(at(new, f), at(old, f))) {
        errors.forbidden(&Path::new(field), DETAIL);
    }
}

/// A Secret.
///
/// Source: kubernetes v1.36 pkg/apis/core/validation/validation.go, `ValidateSecret`
pub(super) fn secret(object: &Value, errors: &mut Errors) {
    let path = Path::new("data");
    let mut size = 0;
    for (key, value) in entries(object, "data") {
        errors.invalid_for(&path.key(key), key, names::config_map_key(key));
        size += decoded_length(value);
    }
    if size > MOST_BYTES {
        errors.too_long(&path, MOST_BYTES);
    }
    let data = at(object, "data");
    let needed: &[&str] = match text(object, "type") {
        "kubernetes.io/service-account-token" => {
            let key = "kubernetes.io/service-account.name";
            if text(at(at(object, "metadata"), "annotations"), key).is_empty() {
                errors.required(&Path::new("metadata").child("annotations").key(key), "");
            }
            &[]
        }
        "kubernetes.io/dockercfg" => &[".dockercfg"],
        "kubernetes.io/dockerconfigjson" => &[".dockerconfigjson"],
        "kubernetes.io/basic-auth" if data.get("username").or(data.get("password")).is_none() => {
            &["username", "password"]
        }
        "kubernetes.io/ssh-auth" => &["ssh-privatekey"],
        "kubernetes.io/tls" => &["tls.crt", "tls.key"],
        _ => &[],
    };
    for key in needed.iter().filter(|k| data.get(**k).is_none()) {
        errors.required(&path.key(key), "");
    }
}

/// A changed Secret: its type stays, and an immutable one all of it.
///
/// Source: kubernetes v1.36 pkg/apis/core/validation/validation.go, `ValidateSecretUpdate`
pub(super) fn secret_update(new: &Value, old: &Value, errors: &mut Errors) {
    immutable(&Path::new("type"), at(new, "type"), at(old, "type"), errors);
    frozen(new, old, &["data"], errors);
    secret(new, errors);
}

/// The finalizers in a Namespace's spec.
///
/// Source: kubernetes v1.36 pkg/apis/core/validation/validation.go, `ValidateNamespace`
pub(super) fn namespace(object: &Value, errors: &mut Errors) {
    let path = Path::new("spec");
    let path = path.child("finalizers");
    for finalizer in texts(at(object, "spec"), "finalizers") {
        errors.invalid_for(&path, finalizer, names::qualified_name(finalizer));
        if !finalizer.contains('/') && !["kubernetes", "orphan"].contains(&finalizer) {
            let detail = "name is neither a standard finalizer name nor is it fully qualified";
            errors.invalid(&path, finalizer, detail);
        }
    }
}

/// A `PriorityClass`.
///
/// Source: kubernetes v1.36 pkg/apis/scheduling/validation/validation.go, `ValidatePriorityClass`
pub(super) fn priority_class(object: &Value, errors: &mut Errors) {
    let name = text(at(object, "metadata"), "name");
    let value = int(object, "value").unwrap_or_default();
    let is_system = match name {
        "system-cluster-critical" => value == 2_000_000_000,
        "system-node-critical" => value == 2_000_001_000,
        _ => false,
    };
    if name.starts_with("system-") && !is_system {
        let detail = "priority class names with 'system-' prefix are reserved for system use only";
        errors.forbidden(&Path::new("metadata").child("name"), detail);
    }
    if !name.starts_with("system-") && value > HIGHEST_USER_PRIORITY {
        let detail = "maximum allowed value of a user defined priority is 1000000000";
        errors.forbidden(&Path::new("value"), detail);
    }
    preemption_policy(object, errors);
}

fn preemption_policy(object: &Value, errors: &mut Errors) {
    let known = ["PreemptLowerPriority", "Never"];
    if let Some(policy) = get(object, "preemptionPolicy").and_then(Value::as_str)
        && !known.contains(&policy)
    {
        errors.not_supported(&Path::new("preemptionPolicy"), policy, &known);
    }
}

/// A changed `PriorityClass`: pods carry its value, so that it stays.
///
/// Source: kubernetes v1.36 pkg/apis/scheduling/validation/validation.go,
/// `ValidatePriorityClassUpdate`
pub(super) fn priority_class_update(new: &Value, old: &Value, errors: &mut Errors) {
    if int(new, "value").unwrap_or_default() != int(old, "value").unwrap_or_default() {
        errors.forbidden(&Path::new("value"), "may not be changed in an update.");
    }
    let policy = Path::new("preemptionPolicy");
    immutable(&policy, at(new, "preemptionPolicy"), at(old, "preemptionPolicy"), errors);
}

/// A Lease.
///
/// Source: kubernetes v1.36 pkg/apis/coordination/validation/validation.go, `ValidateLeaseSpec`
pub(super) fn lease(object: &Value, errors: &mut Errors) {
    let path = Path::new("spec");
    let spec = at(object, "spec");
    if let Some(seconds) = int(spec, "leaseDurationSeconds").filter(|s| *s <= 0) {
        errors.invalid(&path.child("leaseDurationSeconds"), seconds, "must be greater than 0");
    }
    if let Some(count) = int(spec, "leaseTransitions").filter(|s| *s < 0) {
        let detail = "must be greater than or equal to 0";
        errors.invalid(&path.child("leaseTransitions"), count, detail);
    }
    one_of_if_given(&path, spec, "strategy", &["OldestEmulationVersion"], errors);
}
