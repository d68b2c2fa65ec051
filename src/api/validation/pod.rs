//! Pods and templates of pods: their metadata, creation and the few changes that they allow.

use serde_json::{Value, json};

use crate::api::validation::errors::Errors;
use crate::api::validation::meta;
use crate::api::validation::path::Path;
use crate::api::validation::pod_spec::{Whole, pod_spec};
use crate::api::validation::read::{at, get, int, list, pairs, same, text};
use crate::api::validation::rule::immutable;

const DELETION_COST: &str = "controller.kubernetes.io/pod-deletion-cost";
const UPDATABLE: &str = "pod updates may not change fields other than \
     `spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,\
     `spec.tolerations` (only additions to existing tolerations),\
     `spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)";

/// A new pod.
///
/// Source: kubernetes v1.36 pkg/apis/core/validation/validation.go, `ValidatePodCreate`
pub(super) fn create(pod: &Value, errors: &mut Errors) {
    meta_and_spec(pod, errors);
    let path = Path::new("spec");
    let spec = at(pod, "spec");
    if !list(spec, "ephemeralContainers").is_empty() {
        errors.forbidden(&path.child("ephemeralContainers"), "cannot be set on create");
    }
    if !text(spec, "nodeName").is_empty() && !list(spec, "schedulingGates").is_empty() {
        let detail = "cannot be set until all schedulingGates have been cleared";
        errors.forbidden(&path.child("nodeName"), detail);
    }
}

/// Source: kubernetes v1.36 pkg/apis/core/validation/validation.go, `validatePodMetadataAndSpec`
fn meta_and_spec(pod: &Value, errors: &mut Errors) {
    let metadata = at(pod, "metadata");
    annotations(&Path::new("metadata").child("annotations"), metadata, errors);
    let path = Path::new("spec");
    let spec = at(pod, "spec");
    pod_spec(&path, spec, text(metadata, "name"), Whole::Pod, errors);
    if !text(spec, "serviceAccountName").is_empty() {
        return;
    }
    let path = path.child("volumes");
    for (i, volume) in list(spec, "volumes").iter().enumerate() {
        let path = path.index(i);
        let path = path.child("projected.sources");
        for (j, source) in list(at(volume, "projected"), "sources").iter().enumerate() {
            if get(source, "serviceAccountToken").is_some() {
                let detail = "must not be specified when serviceAccountName is not set";
                errors.forbidden(&path.index(j).child("serviceAccountToken"), detail);
            }
        }
    }
}

/// Annotations that mean something to pods.
///
/// Source: kubernetes v1.36 pkg/apis/core/validation/validation.go,
/// `ValidatePodSpecificAnnotations`
fn annotations(path: &Path<'_>, metadata: &Value, errors: &mut Errors) {
    for (key, value) in pairs(metadata, "annotations") {
        if key == DELETION_COST && !is_deletion_cost(value) {
            errors.invalid(&path.key(key), value, "must be a 32bit integer");
        }
    }
}

/// A 32 bit number as it would be written: no plus, no leading zeros.
///
/// Source: kubernetes v1.36 pkg/apis/core/helper/helpers.go, `GetDeletionCostFromPodAnnotations`
fn is_deletion_cost(text: &str) -> bool {
    text.parse::<i32>().is_ok_and(|n| n.to_string() == text || text == "-0")
}

/// The template of a workload's pods.
///
/// Source: kubernetes v1.36 pkg/apis/core/validation/validation.go, `ValidatePodTemplateSpec`
pub(super) fn template(path: &Path<'_>, template: &Value, errors: &mut Errors) {
    template_meta(path, template, errors);
    let spec = at(template, "spec");
    let spec_path = path.child("spec");
    pod_spec(&spec_path, spec, "", Whole::Template, errors);
    if !list(spec, "ephemeralContainers").is_empty() {
        let detail = "ephemeral containers not allowed in pod template";
        errors.forbidden(&spec_path.child("ephemeralContainers"), detail);
    }
}

fn template_meta(path: &Path<'_>, template: &Value, errors: &mut Errors) {
    let metadata = at(template, "metadata");
    meta::labels(&path.child("labels"), at(metadata, "labels"), errors);
    meta::annotations(&path.child("annotations"), at(metadata, "annotations"), errors);
    annotations(&path.child("annotations"), metadata, errors);
}

/// A template whose pods always restart and have no deadline.
pub(super) fn lasting_template(path: &Path<'_>, spec: &Value, kind: &str, errors: &mut Errors) {
    let path = path.child("template");
    template(&path, at(spec, "template"), errors);
    always_restarts(&path, spec, kind, errors);
}

fn always_restarts(path: &Path<'_>, spec: &Value, kind: &str, errors: &mut Errors) {
    let spec = at(at(spec, "template"), "spec");
    let policy = text(spec, "restartPolicy");
    if policy != "Always" {
        errors.not_supported(&path.child("spec.restartPolicy"), policy, &["Always"]);
    }
    if get(spec, "activeDeadlineSeconds").is_some() {
        let detail = format!("activeDeadlineSeconds in {kind} is not Supported");
        errors.forbidden(&path.child("spec.activeDeadlineSeconds"), detail);
    }
}

/// A changed pod.
///
/// Source: kubernetes v1.36 pkg/apis/core/validation/validation.go, `ValidatePodUpdate`
pub(super) fn update(new: &Value, old: &Value, errors: &mut Errors) {
    meta_and_spec(new, errors);
    let path = Path::new("spec");
    let (spec, before) = (at(new, "spec"), at(old, "spec"));
    for field in ["containers", "initContainers"] {
        if list(spec, field).len() != list(before, field).len() {
            let detail = "pod updates may not add or remove containers";
            errors.forbidden(&path.child(field), detail);
            return;
        }
        images(&path.child(field), list(spec, field), errors);
    }
    if !deadline(&path.child("activeDeadlineSeconds"), spec, before, errors) {
        return;
    }
    added_tolerations(&path.child("tolerations"), spec, before, errors);
    deleted_gates(&path.child("schedulingGates"), spec, before, errors);
    if same(spec, before) {
        return;
    }
    let mut masked = masked(spec, before);
    if !list(before, "schedulingGates").is_empty() {
        gated(&path, &mut masked, before, errors);
    }
    if !same(&masked, before) {
        errors.forbidden(&path, UPDATABLE);
    }
}

/// Source: kubernetes v1.36 pkg/apis/core/validation/validation.go, `ValidateContainerUpdates`
fn images(path: &Path<'_>, containers: &[Value], errors: &mut Errors) {
    for (i, container) in containers.iter().enumerate() {
        let image = text(container, "image");
        let path = path.index(i);
        if image.is_empty() {
            errors.required(&path.child("image"), "");
        }
        if image.trim() != image {
            let detail = "must not have leading or trailing whitespace";
            errors.invalid(&path.child("image"), image, detail);
        }
    }
}

/// A deadline may be set or shortened. Answers whether the rest is to be looked at.
fn deadline(path: &Path<'_>, spec: &Value, before: &Value, errors: &mut Errors) -> bool {
    let field = "activeDeadlineSeconds";
    match (int(spec, field), int(before, field)) {
        (Some(new), _) if !(0..=i64::from(i32::MAX)).contains(&new) => {
            errors.invalid(path, new, "must be between 0 and 2147483647, inclusive");
            false
        }
        (Some(new), Some(old)) if old < new => {
            errors.invalid(path, new, "must be less than or equal to previous value");
            false
        }
        (None, Some(_)) => {
            let detail = "must not update from a positive integer to nil value";
            errors.invalid(path, Value::Null, detail);
            true
        }
        (Some(_) | None, _) => true,
    }
}

/// Source: kubernetes v1.36 pkg/apis/core/validation/validation.go, `validateOnlyAddedTolerations`
fn added_tolerations(path: &Path<'_>, spec: &Value, before: &Value, errors: &mut Errors) {
    let without_seconds = |toleration: &Value| without(toleration, "tolerationSeconds");
    let kept = list(before, "tolerations").iter().all(|old| {
        let old = without_seconds(old);
        list(spec, "tolerations").iter().any(|new| same(&without_seconds(new), &old))
    });
    if kept {
        crate::api::validation::affinity::tolerations(path, list(spec, "tolerations"), errors);
    } else {
        let detail = "existing toleration can not be modified except its tolerationSeconds";
        errors.forbidden(path, detail);
    }
}

/// Source: kubernetes v1.36 pkg/apis/core/validation/validation.go,
/// `validateOnlyDeletedSchedulingGates`
fn deleted_gates(path: &Path<'_>, spec: &Value, before: &Value, errors: &mut Errors) {
    for (i, gate) in list(spec, "schedulingGates").iter().enumerate() {
        let name = text(gate, "name");
        if !list(before, "schedulingGates").iter().any(|g| text(g, "name") == name) {
            let detail =
                format!("only deletion is allowed, but found new scheduling gate '{name}'");
            errors.forbidden(&path.index(i).child("name"), detail);
        }
    }
}

fn without(object: &Value, field: &str) -> Value {
    let mut rest = object.clone();
    if let Some(map) = rest.as_object_mut() {
        map.remove(field);
    }
    rest
}

/// The new spec with all that may change put back as it was.
fn masked(spec: &Value, before: &Value) -> Value {
    let mut masked = spec.clone();
    for field in ["containers", "initContainers"] {
        for (i, old) in list(before, field).iter().enumerate() {
            masked[field][i]["image"] = at(old, "image").clone();
        }
    }
    for field in ["activeDeadlineSeconds", "schedulingGates", "tolerations"] {
        masked[field] = at(before, field).clone();
    }
    let grace = "terminationGracePeriodSeconds";
    if int(before, grace).is_some_and(|g| g < 0) && int(&masked, grace) == Some(1) {
        masked[grace] = at(before, grace).clone();
    }
    masked
}

/// A gated pod may still be narrowed to fewer nodes.
///
/// Source: kubernetes v1.36 pkg/apis/core/validation/validation.go, `validateNodeSelectorMutation`
fn gated(path: &Path<'_>, masked: &mut Value, before: &Value, errors: &mut Errors) {
    let selector = at(masked, "nodeSelector");
    let kept = pairs(before, "nodeSelector")
        .all(|(k, v)| text(selector, k) == v && get(selector, k).is_some());
    if !kept {
        let detail = "only additions to spec.nodeSelector are allowed (no mutations or deletions)";
        errors.invalid(&path.child("nodeSelector"), selector.clone(), detail);
    }
    masked["nodeSelector"] = at(before, "nodeSelector").clone();
    let field = "nodeAffinity";
    let affinity_path = path.child("affinity");
    let (new, old) = (at(at(masked, "affinity"), field).clone(), at(at(before, "affinity"), field));
    if same(&new, old) {
        return;
    }
    narrowed_affinity(&affinity_path.child(field), &new, old, errors);
    if at(masked, "affinity").is_null() {
        masked["affinity"] = json!({});
    }
    masked["affinity"][field] = old.clone();
}

/// Source: kubernetes v1.36 pkg/apis/core/validation/validation.go, `validateNodeAffinityMutation`
fn narrowed_affinity(path: &Path<'_>, new: &Value, old: &Value, errors: &mut Errors) {
    let required = "requiredDuringSchedulingIgnoredDuringExecution";
    let (now, before) = (at(new, required), at(old, required));
    if before.is_null() {
        return;
    }
    let path = path.child(required);
    let path = path.child("nodeSelectorTerms");
    let (terms, old_terms) = (list(now, "nodeSelectorTerms"), list(before, "nodeSelectorTerms"));
    if !old_terms.is_empty() && terms.len() != old_terms.len() {
        let detail = "no additions/deletions to non-empty NodeSelectorTerms list are allowed";
        errors.invalid(&path, terms.to_vec(), detail);
        return;
    }
    for (i, (term, old)) in terms.iter().zip(old_terms).enumerate() {
        let is_kept = ["matchExpressions", "matchFields"].iter().all(|field| {
            list(old, field).iter().zip(list(term, field)).all(|(a, b)| same(a, b))
                && list(old, field).len() <= list(term, field).len()
        });
        if !is_kept {
            let detail = "only additions are allowed (no mutations or deletions)";
            errors.invalid(&path.index(i), Value::Null, detail);
        }
    }
}

/// A template of which only metadata, scheduling and resources may change, as in a suspended Job.
///
/// Source: kubernetes v1.36 pkg/apis/batch/validation/validation.go, `validatePodTemplateUpdate`
pub(super) fn template_but_scheduling(
    path: &Path<'_>,
    new: &Value,
    old: &Value,
    errors: &mut Errors,
) {
    let spec = at(new, "spec");
    let mut allowed = at(old, "spec").clone();
    for field in ["nodeSelector", "tolerations", "schedulingGates"] {
        allowed[field] = at(spec, field).clone();
    }
    let affinity = at(at(spec, "affinity"), "nodeAffinity").clone();
    if !affinity.is_null() || !at(&allowed, "affinity").is_null() {
        allowed["affinity"]["nodeAffinity"] = affinity;
    }
    for field in ["containers", "initContainers"] {
        for (i, container) in list(spec, field).iter().enumerate() {
            if let Some(mine) = allowed.get_mut(field).and_then(|l| l.get_mut(i)) {
                mine["resources"] = at(container, "resources").clone();
            }
        }
    }
    immutable(&path.child("spec"), spec, &allowed, errors);
}
