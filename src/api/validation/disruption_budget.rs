//! `PodDisruptionBudgets`.

use serde_json::Value;

use crate::api::validation::errors::Errors;
use crate::api::validation::path::Path;
use crate::api::validation::read::{at, get};
use crate::api::validation::rule::one_of_if_given;
use crate::api::validation::selector::label_selector;
use crate::api::validation::share::{at_most_all, share};

/// A `PodDisruptionBudget`.
///
/// Source: kubernetes v1.36 pkg/apis/policy/validation/validation.go,
/// `ValidatePodDisruptionBudgetSpec`
pub(super) fn disruption_budget(object: &Value, errors: &mut Errors) {
    let path = Path::new("spec");
    let spec = at(object, "spec");
    if get(spec, "minAvailable").is_some() && get(spec, "maxUnavailable").is_some() {
        let detail = "minAvailable and maxUnavailable cannot be both set";
        errors.invalid(&path, spec.clone(), detail);
    }
    for field in ["minAvailable", "maxUnavailable"] {
        if let Some(value) = get(spec, field) {
            share(&path.child(field), value, errors);
            at_most_all(&path.child(field), value, errors);
        }
    }
    label_selector(&path.child("selector"), at(spec, "selector"), errors);
    let policies = ["AlwaysAllow", "IfHealthyBudget"];
    one_of_if_given(&path, spec, "unhealthyPodEvictionPolicy", &policies, errors);
}
