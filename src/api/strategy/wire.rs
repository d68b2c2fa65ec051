//! The form in which the apiserver shows an object: what is empty is left out.

use serde_json::{Map, Value};

/// Fields that are shown only when they are true or not zero.
///
/// Source: kubernetes v1.36 staging/src/k8s.io/api, fields that are no pointers, with `omitempty`
const SHOWN_IF_SET: [&str; 19] = [
    "globalDefault",
    "hostIPC",
    "hostNetwork",
    "hostPID",
    "hostPort",
    "initialDelaySeconds",
    "minReadySeconds",
    "nodePort",
    "healthCheckNodePort",
    "paused",
    "publishNotReadyAddresses",
    "readOnly",
    "stdin",
    "stdinOnce",
    "tty",
    "unschedulable",
    "observedGeneration",
    "generation",
    "currentReplicas",
];
/// Fields whose keys are the user's own, and whose values may be empty.
const OPAQUE: [&str; 8] = [
    "labels",
    "annotations",
    "matchLabels",
    "nodeSelector",
    "data",
    "stringData",
    "parameters",
    "selector",
];
/// Maps of amounts, which are not shown when they are empty.
const AMOUNTS: [&str; 5] = ["limits", "requests", "overhead", "capacity", "allocatable"];
/// Texts that are shown even when they are empty.
const SHOWN_EMPTY: [&str; 6] = ["service", "type", "storageClassName", "name", "scheme", "Port"];
/// Kinds whose content is the user's own.
const AS_IS: [&str; 2] = ["ControllerRevision", "Event"];

/// Leaves out nulls, and empty texts, lists and counts where the apiserver would.
pub(super) fn tidy(kind: &str, object: &mut Value) {
    if AS_IS.contains(&kind) {
        return;
    }
    if let Some(fields) = object.as_object_mut() {
        tidy_fields(fields);
        drop_unknown(kind, fields);
    }
}

fn tidy_fields(fields: &mut Map<String, Value>) {
    fields.retain(|name, value| {
        let is_opaque = OPAQUE.contains(&name.as_str());
        match value {
            Value::Null => false,
            Value::Bool(false) => !SHOWN_IF_SET.contains(&name.as_str()),
            Value::Number(n) if n.as_i64() == Some(0) => !SHOWN_IF_SET.contains(&name.as_str()),
            Value::String(s) if s.is_empty() => SHOWN_EMPTY.contains(&name.as_str()),
            Value::Array(items) => {
                items.iter_mut().filter_map(Value::as_object_mut).for_each(tidy_fields);
                !items.is_empty()
            }
            Value::Object(inner) if is_opaque && name != "selector" => !inner.is_empty(),
            Value::Object(inner) if AMOUNTS.contains(&name.as_str()) => !inner.is_empty(),
            Value::Object(inner) => {
                // A Service's selector is a map of the user's, another one has fields.
                let has_fields = ["matchLabels", "matchExpressions"];
                if !is_opaque || has_fields.iter().any(|f| inner.contains_key(*f)) {
                    tidy_fields(inner);
                }
                true
            }
            Value::Bool(_) | Value::Number(_) | Value::String(_) => true,
        }
    });
}

/// What workloads that others resemble have in their spec; the rest is what only the others have.
///
/// Source: kubernetes v1.36 staging/src/k8s.io/api/apps/v1/types.go
const SPECS: [(&str, &[&str]); 2] = [
    ("ReplicaSet", &["replicas", "minReadySeconds", "selector", "template"]),
    (
        "DaemonSet",
        &["selector", "template", "updateStrategy", "minReadySeconds", "revisionHistoryLimit"],
    ),
];

/// Leaves out fields of the spec that the kind does not have.
fn drop_unknown(kind: &str, fields: &mut Map<String, Value>) {
    let Some((_, known)) = SPECS.iter().find(|(name, _)| *name == kind) else { return };
    if let Some(spec) = fields.get_mut("spec").and_then(Value::as_object_mut) {
        spec.retain(|field, _| known.contains(&field.as_str()));
    }
}
