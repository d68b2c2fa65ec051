//! The patches that the apiserver takes: JSON patch, merge patch, strategic merge patch.
//!
//! This module is responsible for making and applying patches to JSON. It must never read or write
//! an object of the store, and knows no kind but through [`crate::api::schema`].

pub mod apply;
pub mod merge;
pub mod strategic;

use std::fmt;

use serde_json::Value;

use crate::api::schema::Schema;

/// Why a patch cannot be made or applied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PatchError {
    /// The patch itself is not of the form that it should have: 400.
    Malformed(String),
    /// The patch does not go with the object: 422.
    CannotApply(String),
    /// The patch and the object were changed differently at one place.
    Conflict(String),
}

impl PatchError {
    /// The HTTP status code of the apiserver's answer.
    ///
    /// Source: kubernetes v1.36 staging/src/k8s.io/apiserver/pkg/endpoints/handlers/patch.go,
    /// `applyJSPatch` and `interpretStrategicMergePatchError`
    pub fn code(&self) -> u16 {
        match self {
            PatchError::Malformed(_) => 400,
            PatchError::CannotApply(_) => 422,
            PatchError::Conflict(_) => 409,
        }
    }
}

impl fmt::Display for PatchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PatchError::Malformed(text)
            | PatchError::CannotApply(text)
            | PatchError::Conflict(text) => f.write_str(text),
        }
    }
}

impl std::error::Error for PatchError {}

/// The document after a JSON patch (RFC 6902).
///
/// Differs: Kubernetes' library counts negative indices of a list from its end; here they are an
/// error, as the RFC has it.
/// Source: kubernetes v1.36 staging/src/k8s.io/apiserver/pkg/endpoints/handlers/patch.go,
/// `jsonPatcher.applyJSPatch`
///
/// # Errors
/// A text that is no JSON patch, a path that is not there, a test that fails.
pub fn json_patch(document: &Value, patch: &Value) -> Result<Value, PatchError> {
    let patch: json_patch::Patch = serde_json::from_value(patch.clone())
        .map_err(|e| PatchError::Malformed(format!("error decoding patch: {e}")))?;
    let mut result = document.clone();
    json_patch::patch(&mut result, &patch).map_err(|e| PatchError::CannotApply(e.to_string()))?;
    Ok(result)
}

/// The document after a merge patch (RFC 7386).
pub fn merge_patch(document: &Value, patch: &Value) -> Value {
    let mut result = document.clone();
    json_patch::merge(&mut result, patch);
    result
}

/// What `kubectl apply` sends: the patch that takes the live object to the wanted one.
///
/// `original` is what was applied last (null for nothing), `modified` what is to be applied,
/// `current` the live object. Fields that only others set are left alone. Kinds of Kubernetes are
/// patched by strategic merge patch, others by merge patch.
///
/// Source: kubernetes v1.36 staging/src/k8s.io/kubectl/pkg/cmd/apply/patcher.go,
/// `Patcher.patchSimple`
///
/// # Errors
/// Documents that do not fit the kind, or a change of apiVersion, kind or name.
pub fn three_way(
    original: &Value,
    modified: &Value,
    current: &Value,
    kind: &str,
) -> Result<Value, PatchError> {
    let patch = match Schema::of(kind) {
        Some(schema) => {
            let documents = strategic::Documents { original, modified, current };
            strategic::three_way(documents, schema, strategic::Overwrite::Yes)?
        }
        None => merge::three_way(original, modified, current)?,
    };
    match ["/apiVersion", "/kind", "/metadata/name"].iter().find(|p| patch.pointer(p).is_some()) {
        None => Ok(patch),
        Some(changed) => Err(PatchError::CannotApply(format!(
            "precondition failed: at least one of apiVersion, kind and name was changed (`{changed}`)"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_apply_changes_what_was_applied_and_leaves_what_others_set() {
        let original = json!({"spec": {"replicas": 2, "paused": true, "template": {"spec": {
            "containers": [{"name": "a", "image": "i:1"}, {"name": "b", "image": "b"}]}}}});
        let modified = json!({"spec": {"replicas": 2, "template": {"spec": {
            "containers": [{"name": "a", "image": "i:2"}]}}}});
        let current = json!({"spec": {"replicas": 5, "paused": true, "template": {"spec": {
            "containers": [
                {"name": "a", "image": "i:1", "imagePullPolicy": "Always"},
                {"name": "b", "image": "b"}, {"name": "sidecar", "image": "s"}]}}}});
        let patch = three_way(&original, &modified, &current, "Deployment").expect("a patch");
        let schema = Schema::of("Deployment").expect("a kind");
        let result = strategic::apply(&current, &patch, schema).expect("it applies");
        let want = json!({"spec": {"replicas": 2, "template": {"spec": {"containers": [
            {"name": "a", "image": "i:2", "imagePullPolicy": "Always"},
            {"name": "sidecar", "image": "s"}]}}}});
        assert_eq!(result, want);
    }

    #[test]
    fn an_apply_of_a_custom_resource_is_a_merge_patch() {
        let original = json!({"spec": {"a": 1, "gone": 1, "list": [1, 2]}});
        let modified = json!({"spec": {"a": 2, "list": [2]}});
        let current = json!({"spec": {"a": 1, "gone": 1, "list": [1, 2], "other": 1}});
        let patch = three_way(&original, &modified, &current, "Widget").expect("a patch");
        assert_eq!(patch, json!({"spec": {"a": 2, "gone": null, "list": [2]}}));
    }
}
