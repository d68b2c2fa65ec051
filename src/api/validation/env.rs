//! Environment variables and where their values come from.

use serde_json::Value;

use crate::api::names;
use crate::api::validation::errors::Errors;
use crate::api::validation::path::Path;
use crate::api::validation::read::{at, get, text};
use crate::api::validation::resources::quantity;
use crate::api::validation::rule::{given, given_as, if_given_as};

const ENV_FIELDS: [&str; 9] = [
    "metadata.name",
    "metadata.namespace",
    "metadata.uid",
    "spec.nodeName",
    "spec.serviceAccountName",
    "status.hostIP",
    "status.hostIPs",
    "status.podIP",
    "status.podIPs",
];
const VOLUME_FIELDS: [&str; 5] = [
    "metadata.annotations",
    "metadata.labels",
    "metadata.name",
    "metadata.namespace",
    "metadata.uid",
];
const RESOURCES: [&str; 6] = [
    "limits.cpu",
    "limits.ephemeral-storage",
    "limits.memory",
    "requests.cpu",
    "requests.ephemeral-storage",
    "requests.memory",
];

/// Who reads the pod's own fields: an environment variable or a file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Reader {
    /// An environment variable.
    Env,
    /// A file of a volume.
    Volume,
}

/// The variables of a container.
///
/// Source: kubernetes v1.36 pkg/apis/core/validation/validation.go, `ValidateEnv`
pub(super) fn variables(path: &Path<'_>, variables: &[Value], errors: &mut Errors) {
    for (i, variable) in variables.iter().enumerate() {
        let path = path.index(i);
        given_as(&path, variable, "name", names::relaxed_environment_variable, errors);
        if let Some(from) = get(variable, "valueFrom") {
            value_from(&path.child("valueFrom"), variable, from, errors);
        }
    }
}

/// Source: kubernetes v1.36 pkg/apis/core/validation/validation.go, `validateEnvVarValueFrom`
fn value_from(path: &Path<'_>, variable: &Value, from: &Value, errors: &mut Errors) {
    let mut sources = 0;
    if let Some(field) = get(from, "fieldRef") {
        sources += 1;
        pod_field(&path.child("fieldRef"), field, Reader::Env, errors);
    }
    if let Some(resource) = get(from, "resourceFieldRef") {
        sources += 1;
        container_resource(&path.child("resourceFieldRef"), resource, Reader::Env, errors);
    }
    for name in ["configMapKeyRef", "secretKeyRef"] {
        if let Some(key) = get(from, name) {
            sources += 1;
            key_selector(&path.child(name), key, errors);
        }
    }
    if let Some(file) = get(from, "fileKeyRef") {
        sources += 1;
        file_key(&path.child("fileKeyRef"), file, errors);
    }
    if sources == 0 {
        let detail = "must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef` or \
                      `secretKeyRef`";
        errors.invalid(path, "", detail);
    } else if !text(variable, "value").is_empty() {
        errors.invalid(path, "", "may not be specified when `value` is not empty");
    } else if sources > 1 {
        errors.invalid(path, "", "may not have more than one field specified at a time");
    }
}

/// A field of the pod itself.
///
/// Source: kubernetes v1.36 pkg/apis/core/validation/validation.go, `validateObjectFieldSelector`
pub(super) fn pod_field(path: &Path<'_>, selector: &Value, reader: Reader, errors: &mut Errors) {
    for field in ["apiVersion", "fieldPath"] {
        if text(selector, field).is_empty() {
            errors.required(&path.child(field), "");
            return;
        }
    }
    let field = text(selector, "fieldPath");
    if text(selector, "apiVersion") != "v1" {
        errors.invalid(
            &path.child("fieldPath"),
            field,
            "error converting fieldPath: unsupported pod version",
        );
        return;
    }
    if let Some((base, subscript)) = subscripted(field) {
        match base {
            "metadata.annotations" => {
                let key = subscript.to_lowercase();
                errors.invalid_for(path, &key, names::qualified_name(&key));
            }
            "metadata.labels" => {
                errors.invalid_for(path, subscript, names::qualified_name(subscript));
            }
            _ => {
                let detail = "error converting fieldPath: field label does not support subscript";
                errors.invalid(&path.child("fieldPath"), field, detail);
            }
        }
        return;
    }
    known_field(&path.child("fieldPath"), field, reader, errors);
}

/// A field that does not exist cannot be converted; one that this reader may not read is unknown.
fn known_field(path: &Path<'_>, field: &str, reader: Reader, errors: &mut Errors) {
    let known: &[&str] = match reader {
        Reader::Env => &ENV_FIELDS,
        Reader::Volume => &VOLUME_FIELDS,
    };
    let others = ["spec.restartPolicy", "spec.schedulerName", "status.phase", "spec.host"];
    let is_some = ENV_FIELDS.contains(&field) || VOLUME_FIELDS.contains(&field);
    if !is_some && !others.contains(&field) {
        let detail = format!("error converting fieldPath: field label not supported: {field}");
        errors.invalid(path, field, detail);
    } else if !known.contains(&field) {
        errors.not_supported(path, field, known);
    }
}

/// `metadata.labels['a']` is the field `metadata.labels` and the key `a`.
fn subscripted(field: &str) -> Option<(&str, &str)> {
    let (base, rest) = field.strip_suffix("']")?.split_once("['")?;
    (!base.is_empty()).then_some((base, rest))
}

/// What a container asks for or may use.
///
/// Source: kubernetes v1.36 pkg/apis/core/validation/validation.go,
/// `validateContainerResourceFieldSelector`
pub(super) fn container_resource(
    path: &Path<'_>,
    selector: &Value,
    reader: Reader,
    errors: &mut Errors,
) {
    let resource = text(selector, "resource");
    let is_huge =
        ["limits.hugepages-", "requests.hugepages-"].iter().any(|p| resource.starts_with(p));
    if reader == Reader::Volume && text(selector, "containerName").is_empty() {
        errors.required(&path.child("containerName"), "");
    } else if resource.is_empty() {
        errors.required(&path.child("resource"), "");
    } else if !RESOURCES.contains(&resource) && !is_huge {
        errors.not_supported(&path.child("resource"), resource, &RESOURCES);
    }
    divisor(&path.child("divisor"), resource, at(selector, "divisor"), errors);
}

/// Source: kubernetes v1.36 pkg/apis/core/validation/validation.go,
/// `validateContainerResourceDivisor`
fn divisor(path: &Path<'_>, resource: &str, value: &Value, errors: &mut Errors) {
    const BYTES: [&str; 13] =
        ["1", "1k", "1M", "1G", "1T", "1P", "1E", "1Ki", "1Mi", "1Gi", "1Ti", "1Pi", "1Ei"];
    let Some(divisor) = quantity(value).filter(|q| !q.is_zero()) else { return };
    let known: &[&str] =
        if ["limits.cpu", "requests.cpu"].contains(&resource) { &["1m", "1"] } else { &BYTES };
    if !known.contains(&divisor.to_string().as_str()) {
        let detail = format!("only divisor's values {} are supported", known.join(", "));
        errors.invalid(path, resource, detail);
    }
}

/// Source: kubernetes v1.36 pkg/apis/core/validation/validation.go, `validateConfigMapKeySelector`
fn key_selector(path: &Path<'_>, selector: &Value, errors: &mut Errors) {
    let name = text(selector, "name");
    errors.invalid_for(&path.child("name"), name, names::dns1123_subdomain(name));
    given_as(path, selector, "key", names::config_map_key, errors);
}

/// Source: kubernetes v1.36 pkg/apis/core/validation/validation.go, `validateFileKeySelector`
fn file_key(path: &Path<'_>, selector: &Value, errors: &mut Errors) {
    for field in ["key", "volumeName", "path"] {
        given(path, selector, field, errors);
    }
}

/// Whole `ConfigMaps` and Secrets as variables.
///
/// Source: kubernetes v1.36 pkg/apis/core/validation/validation.go, `ValidateEnvFrom`
pub(super) fn sources(path: &Path<'_>, sources: &[Value], errors: &mut Errors) {
    for (i, source) in sources.iter().enumerate() {
        let item = path.index(i);
        if_given_as(&item, source, "prefix", names::relaxed_environment_variable, errors);
        let mut given = 0;
        for name in ["configMapRef", "secretRef"] {
            if let Some(reference) = get(source, name) {
                given += 1;
                given_as(&item.child(name), reference, "name", names::dns1123_subdomain, errors);
            }
        }
        if given == 0 {
            errors.invalid(path, "", "must specify one of: `configMapRef` or `secretRef`");
        } else if given > 1 {
            errors.invalid(path, "", "may not have more than one field specified at a time");
        }
    }
}
