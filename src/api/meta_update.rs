//! What an update may do to metadata: some fields come back silently, others refuse the update.
//!
//! Responsible for the rules of all kinds. What a kind itself allows is not decided here.

use crate::api::Name;
use crate::api::field::{FieldError, Path};
use crate::api::meta::{Meta, OwnerReference};
use crate::api::names;
use crate::api::refusal::Refusal;

/// Restores what no update may change and many clients leave out.
///
/// Source: kubernetes v1.36 staging/src/k8s.io/apiserver/pkg/registry/rest/update.go,
/// `BeforeUpdate`
pub fn restore(new: &mut Meta, old: &Meta) {
    if new.uid.is_none() {
        new.uid = old.uid;
    }
    if old.creation.is_some() {
        new.creation = old.creation;
    }
    if old.deletion.is_some() {
        new.deletion = old.deletion;
    }
    if new.deletion_grace_seconds.is_none() {
        new.deletion_grace_seconds = old.deletion_grace_seconds;
    }
}

/// What is wrong with an update's metadata; `at` is its path.
///
/// Source: kubernetes v1.36 staging/src/k8s.io/apimachinery/pkg/api/validation/objectmeta.go,
/// `ValidateObjectMetaAccessorUpdate`
pub fn validate_update(new: &Meta, old: &Meta, at: &Path) -> Vec<FieldError> {
    let mut errors = Vec::new();
    if old.is_deleting() {
        errors.extend(no_new_finalizers(new.finalizers(), old.finalizers(), at));
    }
    if new.resource_version == 0 {
        let at = at.child("resourceVersion");
        errors.push(FieldError::invalid(&at, "", "must be specified for an update"));
    }
    if new.generation < old.generation {
        let at = at.child("generation");
        errors.push(FieldError::invalid(&at, new.generation, "must not be decremented"));
    }
    let text = |t: Option<crate::api::time::Time>| t.map(|t| t.to_string());
    let mut immutable = |field: &str, is_same: bool, found: serde_json::Value| {
        if !is_same {
            errors.push(FieldError::invalid(&at.child(field), found, "field is immutable"));
        }
    };
    immutable("name", new.name == old.name, new.name.as_str().into());
    immutable("namespace", new.namespace == old.namespace, new.namespace.as_str().into());
    immutable("uid", new.uid == old.uid, new.uid.to_string().into());
    immutable("creationTimestamp", new.creation == old.creation, text(new.creation).into());
    immutable("deletionTimestamp", new.deletion == old.deletion, text(new.deletion).into());
    immutable(
        "deletionGracePeriodSeconds",
        new.deletion_grace_seconds == old.deletion_grace_seconds,
        new.deletion_grace_seconds.into(),
    );
    errors.extend(validate_labels(new, &at.child("labels")));
    errors.extend(validate_owners(new.owners(), &at.child("ownerReferences")));
    errors
}

/// Source: kubernetes v1.36 staging/src/k8s.io/apimachinery/pkg/api/validation/objectmeta.go,
/// `ValidateNoNewFinalizers`
fn no_new_finalizers(new: &[Name], old: &[Name], at: &Path) -> Option<FieldError> {
    let mut extra: Vec<&Name> = new.iter().filter(|f| !old.contains(f)).collect();
    extra.sort_unstable();
    extra.dedup();
    let quoted: Vec<String> = extra.iter().map(|f| format!("{f:?}")).collect();
    (!extra.is_empty()).then(|| {
        let detail = format!(
            "no new finalizers can be added if the object is being deleted, found new finalizers \
             []string{{{}}}",
            quoted.join(", ")
        );
        FieldError::forbidden(&at.child("finalizers"), &detail)
    })
}

/// Source: kubernetes v1.36 staging/src/k8s.io/apimachinery/pkg/apis/meta/v1/validation/
/// validation.go, `ValidateLabels`
fn validate_labels(meta: &Meta, at: &Path) -> Vec<FieldError> {
    let mut errors = Vec::new();
    for (key, value) in meta.labels.iter() {
        let wrong = |text: &Name, why: Vec<String>| {
            let text = text.to_string();
            why.into_iter().map(move |why| FieldError::invalid(at, text.clone(), &why))
        };
        errors.extend(wrong(key, names::qualified_name(key)));
        errors.extend(wrong(value, names::label_value(value)));
    }
    errors
}

/// What is wrong with an object's owners.
///
/// Source: kubernetes v1.36 staging/src/k8s.io/apimachinery/pkg/api/validation/objectmeta.go,
/// `ValidateOwnerReferences`
pub fn validate_owners(owners: &[OwnerReference], at: &Path) -> Vec<FieldError> {
    let mut errors = Vec::new();
    let mut first: Option<&OwnerReference> = None;
    for owner in owners {
        errors.extend(validate_owner(owner, at));
        if owner.controller != Some(true) {
            continue;
        }
        let Some(first) = first else {
            first = Some(owner);
            continue;
        };
        let detail = format!(
            "Only one reference can have Controller set to true. Found \"true\" in references \
             for {}/{} and {}/{}",
            first.kind, first.name, owner.kind, owner.name
        );
        errors.push(FieldError::invalid(at, serde_json::json!(owners), &detail));
    }
    errors
}

fn validate_owner(owner: &OwnerReference, at: &Path) -> Vec<FieldError> {
    let mut errors = Vec::new();
    let version = owner.api_version.as_str();
    let is_grouped = match version.split_once('/') {
        Some((group, version)) => {
            !group.is_empty() && !version.is_empty() && !version.contains('/')
        }
        None => true,
    };
    let mut unless = |is_met: bool, field: &str, found: &str, why: &str| {
        if !is_met {
            errors.push(FieldError::invalid(&at.child(field), found, why));
        }
    };
    unless(!version.is_empty(), "apiVersion", version, "version must not be empty");
    unless(is_grouped, "apiVersion", version, "must be <group>/<version> or <version>");
    unless(!owner.kind.is_empty(), "kind", &owner.kind, "must not be empty");
    unless(!owner.name.is_empty(), "name", &owner.name, "must not be empty");
    unless(!owner.uid.is_none(), "uid", "", "must not be empty");
    if version == "v1" && owner.kind == "Event" {
        let detail = "/v1, Kind=Event is disallowed from being an owner";
        errors.push(FieldError::invalid(at, serde_json::json!(owner), detail));
    }
    errors
}

/// The namespace that an object of a request gets: the request's, which the object's may not
/// contradict.
///
/// # Errors
///
/// A bad request, when both are given and differ.
///
/// Source: kubernetes v1.36 staging/src/k8s.io/apiserver/pkg/registry/rest/meta.go,
/// `EnsureObjectNamespaceMatchesRequestNamespace`
pub fn match_namespace<'a>(request: &'a str, object: &'a str) -> Result<&'a str, Refusal> {
    if request.is_empty() || object.is_empty() || request == object {
        return Ok(request);
    }
    Err(Refusal::bad_request(
        "the namespace of the provided object does not match the namespace sent on the request",
    ))
}
