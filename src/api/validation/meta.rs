//! An object's metadata: names, labels, annotations, owners, finalizers, and what may not change.

use serde::Deserialize;
use serde_json::Value;

use crate::api::field::{self, FieldError};
use crate::api::meta::Meta;
use crate::api::meta_update::{validate_owners, validate_update};
use crate::api::names;
use crate::api::validation::errors::Errors;
use crate::api::validation::format::Format;
use crate::api::validation::path::Path;
use crate::api::validation::read::{at, int, text, texts};

/// The most bytes that an object's annotations may have in all.
const MOST_ANNOTATION_BYTES: usize = 256 * 1024;

/// Finalizers without a domain that Kubernetes itself owns.
const STANDARD_FINALIZERS: [&str; 3] = ["kubernetes", "orphan", "foregroundDeletion"];

/// Whether objects of a kind live in namespaces.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Scope {
    /// They do.
    Namespaced,
    /// They do not.
    Cluster,
}

/// What metadata must be in a new object.
///
/// Source: kubernetes v1.36 staging/src/k8s.io/apimachinery/pkg/api/validation/objectmeta.go,
/// `ValidateObjectMetaAccessor`
pub fn create(meta: &Value, scope: Scope, name: Format, errors: &mut Errors) {
    let path = Path::new("metadata");
    names(&path, meta, name, errors);
    namespace(&path, meta, scope, errors);
    if let Some(generation) = int(meta, "generation").filter(|g| *g < 0) {
        let detail = "must be greater than or equal to 0";
        errors.invalid(&path.child("generation"), generation, detail);
    }
    labels(&path.child("labels"), at(meta, "labels"), errors);
    annotations(&path.child("annotations"), at(meta, "annotations"), errors);
    let at_owners = field::Path::new("metadata.ownerReferences");
    match typed(meta) {
        Ok(meta) => errors.extend(validate_owners(meta.owners(), &at_owners)),
        Err(error) => errors.extend([*error]),
    }
    finalizers(&path.child("finalizers"), meta, errors);
}

fn names(path: &Path<'_>, meta: &Value, format: Format, errors: &mut Errors) {
    let generate = text(meta, "generateName");
    if !generate.is_empty() {
        let tried = mask_trailing_dash(generate);
        errors.invalid_for(&path.child("generateName"), generate, format(&tried));
    }
    let name = text(meta, "name");
    if name.is_empty() {
        errors.required(&path.child("name"), "name or generateName is required");
    } else {
        errors.invalid_for(&path.child("name"), name, format(name));
    }
}

/// A prefix for generated names may end in a dash, as more will follow.
///
/// Source: kubernetes v1.36 staging/src/k8s.io/apimachinery/pkg/api/validation/generic.go,
/// `maskTrailingDash`
fn mask_trailing_dash(prefix: &str) -> String {
    match prefix.strip_suffix('-') {
        Some(stem) if prefix.len() > 1 => format!("{stem}a"),
        _ => prefix.to_owned(),
    }
}

fn namespace(path: &Path<'_>, meta: &Value, scope: Scope, errors: &mut Errors) {
    let namespace = text(meta, "namespace");
    let path = path.child("namespace");
    match scope {
        Scope::Namespaced if namespace.is_empty() => errors.required(&path, ""),
        Scope::Namespaced => errors.invalid_for(&path, namespace, names::dns1123_label(namespace)),
        Scope::Cluster if namespace.is_empty() => {}
        Scope::Cluster => errors.forbidden(&path, "not allowed on this type"),
    }
}

/// Labels: keys and values.
///
/// Source: kubernetes v1.36 staging/src/k8s.io/apimachinery/pkg/apis/meta/v1/validation/
/// validation.go,
/// `ValidateLabels`
pub fn labels(path: &Path<'_>, labels: &Value, errors: &mut Errors) {
    for (key, value) in labels.as_object().into_iter().flatten() {
        label_name(path, key, errors);
        let value = value.as_str().unwrap_or_default();
        errors.invalid_for(path, value, names::label_value(value));
    }
}

/// A label's key.
pub fn label_name(path: &Path<'_>, name: &str, errors: &mut Errors) {
    errors.invalid_for(path, name, names::qualified_name(name));
}

/// Annotations: keys, and the size of all.
///
/// Source: kubernetes v1.36 staging/src/k8s.io/apimachinery/pkg/api/validation/objectmeta.go,
/// `ValidateAnnotations`
pub fn annotations(path: &Path<'_>, annotations: &Value, errors: &mut Errors) {
    let mut size = 0;
    for (key, value) in annotations.as_object().into_iter().flatten() {
        errors.invalid_for(path, key, names::qualified_name(&key.to_lowercase()));
        size += key.len() + value.as_str().map_or(0, str::len);
    }
    if size > MOST_ANNOTATION_BYTES {
        errors.too_long(path, MOST_ANNOTATION_BYTES);
    }
}

/// Finalizers are qualified names; without a domain only Kubernetes' own are known.
///
/// Source: kubernetes v1.36 staging/src/k8s.io/apimachinery/pkg/api/validation/objectmeta.go,
/// `ValidateFinalizers`; pkg/apis/core/validation/validation.go, `validateKubeFinalizerName`
fn finalizers(path: &Path<'_>, meta: &Value, errors: &mut Errors) {
    for finalizer in texts(meta, "finalizers") {
        errors.invalid_for(path, finalizer, names::qualified_name(finalizer));
    }
    let all: Vec<&str> = texts(meta, "finalizers").collect();
    if all.contains(&"orphan") && all.contains(&"foregroundDeletion") {
        let detail = "finalizer orphan and foregroundDeletion cannot be both set";
        errors.invalid(path, all.clone(), detail);
    }
    for (i, finalizer) in all.iter().enumerate() {
        kube_finalizer(&path.index(i), finalizer, errors);
    }
}

fn kube_finalizer(path: &Path<'_>, finalizer: &str, errors: &mut Errors) {
    if finalizer.is_empty() {
        errors.invalid_for(path, finalizer, names::qualified_name(finalizer));
    } else if !finalizer.contains('/') && !STANDARD_FINALIZERS.contains(&finalizer) {
        errors.invalid(
            path,
            finalizer,
            "name is neither a standard finalizer name nor is it fully qualified",
        );
    }
}

/// What must hold between an object's metadata before and after an update, and of its finalizers.
///
/// Source: kubernetes v1.36 pkg/apis/core/validation/validation.go, `ValidateObjectMetaUpdate`
pub fn update(new: &Value, old: &Value, errors: &mut Errors) {
    update_of_any(new, old, errors);
    let path = Path::new("metadata");
    let path = path.child("finalizers");
    for (i, finalizer) in texts(new, "finalizers").enumerate() {
        kube_finalizer(&path.index(i), finalizer, errors);
    }
}

/// What must hold between the metadata of any object before and after an update.
pub fn update_of_any(new: &Value, old: &Value, errors: &mut Errors) {
    let at_meta = field::Path::new("metadata");
    match (typed(new), typed(old)) {
        (Ok(new), Ok(old)) => errors.extend(validate_update(&new, &old, &at_meta)),
        (Err(error), _) | (_, Err(error)) => errors.extend([*error]),
    }
    let path = Path::new("metadata");
    annotations(&path.child("annotations"), at(new, "annotations"), errors);
}

/// The metadata as a value of its type; what an owner leaves out is empty.
fn typed(meta: &Value) -> Result<Meta, Box<FieldError>> {
    let mut meta = meta.clone();
    let owners = meta.get_mut("ownerReferences").and_then(Value::as_array_mut);
    for owner in owners.into_iter().flatten().filter_map(Value::as_object_mut) {
        for field in ["apiVersion", "kind", "name", "uid"] {
            owner.entry(field).or_insert_with(|| "".into());
        }
    }
    let wrong = |why: serde_json::Error| {
        let at_meta = field::Path::new("metadata");
        Box::new(FieldError::type_invalid(&at_meta, Value::Null, &why.to_string()))
    };
    Meta::deserialize(meta).map_err(wrong)
}
