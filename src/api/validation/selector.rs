//! Label selectors, and whether a template's labels match its owner's selector.

use serde::Deserialize;
use serde_json::Value;

use crate::api::labels::Labels;
use crate::api::names;
use crate::api::selector::{LabelSelector, Selector};
use crate::api::validation::errors::Errors;
use crate::api::validation::meta;
use crate::api::validation::path::Path;
use crate::api::validation::read::{at, is_empty, list, text, texts};

/// A label selector is well formed.
///
/// Source: kubernetes v1.36 staging/src/k8s.io/apimachinery/pkg/apis/meta/v1/validation/
/// validation.go,
/// `ValidateLabelSelector`
pub(super) fn label_selector(path: &Path<'_>, selector: &Value, errors: &mut Errors) {
    meta::labels(&path.child("matchLabels"), at(selector, "matchLabels"), errors);
    let path = path.child("matchExpressions");
    for (i, requirement) in list(selector, "matchExpressions").iter().enumerate() {
        label_requirement(&path.index(i), requirement, errors);
    }
}

fn label_requirement(path: &Path<'_>, requirement: &Value, errors: &mut Errors) {
    let values = path.child("values");
    let is_without = list(requirement, "values").is_empty();
    match text(requirement, "operator") {
        "In" | "NotIn" if is_without => {
            errors.required(&values, "must be specified when `operator` is 'In' or 'NotIn'");
        }
        "Exists" | "DoesNotExist" if !is_without => {
            let detail = "may not be specified when `operator` is 'Exists' or 'DoesNotExist'";
            errors.forbidden(&values, detail);
        }
        "In" | "NotIn" | "Exists" | "DoesNotExist" => {}
        other => errors.invalid(&path.child("operator"), other, "not a valid selector operator"),
    }
    meta::label_name(&path.child("key"), text(requirement, "key"), errors);
    for (i, value) in texts(requirement, "values").enumerate() {
        errors.invalid_for(&values.index(i), value, names::label_value(value));
    }
}

/// A required selector that is not empty, and a template whose labels it matches; what workloads
/// but the `DaemonSet` ask for. Answers whether the template may be looked at further.
///
/// Source: kubernetes v1.36 pkg/apis/apps/validation/validation.go, `ValidateDeploymentSpec`
pub(super) fn of_workload(path: &Path<'_>, spec: &Value, kind: &str, errors: &mut Errors) -> bool {
    let selector = at(spec, "selector");
    let selector_path = path.child("selector");
    if selector.is_null() {
        errors.required(&selector_path, "");
    } else {
        label_selector(&selector_path, selector, errors);
        if is_empty_selector(selector) {
            let detail = format!("empty selector is invalid for {kind}");
            errors.invalid(&selector_path, selector.clone(), detail);
        }
    }
    if !is_well_formed(selector) {
        errors.invalid(&selector_path, selector.clone(), "invalid label selector");
        return false;
    }
    if !is_empty_selector(selector) {
        matches_template(path, spec, errors);
    }
    true
}

/// The selector matches the labels of the template.
pub(super) fn matches_template(path: &Path<'_>, spec: &Value, errors: &mut Errors) {
    let labels = at(at(at(spec, "template"), "metadata"), "labels");
    if !matches(at(spec, "selector"), labels) {
        let path = path.child("template.metadata.labels");
        errors.invalid(&path, labels.clone(), "`selector` does not match template `labels`");
    }
}

/// Whether a selector is there and asks for nothing.
pub(super) fn is_empty_selector(selector: &Value) -> bool {
    !selector.is_null()
        && is_empty(at(selector, "matchLabels"))
        && is_empty(at(selector, "matchExpressions"))
}

/// Whether a selector can be made of it.
pub(super) fn is_well_formed(selector: &Value) -> bool {
    read(selector).is_some()
}

/// Whether a selector matches labels; an absent one matches nothing, a malformed one neither.
pub(super) fn matches(selector: &Value, labels: &Value) -> bool {
    let labels = Labels::deserialize(labels).unwrap_or_default();
    read(selector).is_some_and(|s| s.matches(&labels))
}

fn read(selector: &Value) -> Option<Selector> {
    let given = Option::<LabelSelector>::deserialize(selector).ok()?;
    LabelSelector::to_selector(given.as_ref()).ok()
}
