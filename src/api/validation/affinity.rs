//! Affinity, spread constraints and tolerations: where a pod may and should run.

use serde_json::Value;

use crate::api::gates::Gate;
use crate::api::names;
use crate::api::validation::errors::Errors;
use crate::api::validation::meta::label_name;
use crate::api::validation::path::Path;
use crate::api::validation::pod_spec::Whole;
use crate::api::validation::read::{at, entries, get, int, list, text, texts};
use crate::api::validation::rule::{known_value, one_of_if_given};
use crate::api::validation::selector::label_selector;

const REQUIRED: &str = "requiredDuringSchedulingIgnoredDuringExecution";
const PREFERRED: &str = "preferredDuringSchedulingIgnoredDuringExecution";

/// Affinity to nodes, to pods and against pods.
///
/// Source: kubernetes v1.36 pkg/apis/core/validation/validation.go, `validateAffinity`
pub(super) fn affinity(path: &Path<'_>, affinity: &Value, errors: &mut Errors) {
    if let Some(nodes) = get(affinity, "nodeAffinity") {
        node_affinity(&path.child("nodeAffinity"), nodes, errors);
    }
    for kind in ["podAffinity", "podAntiAffinity"] {
        if let Some(pods) = get(affinity, kind) {
            pod_affinity(&path.child(kind), pods, errors);
        }
    }
}

fn node_affinity(path: &Path<'_>, affinity: &Value, errors: &mut Errors) {
    if let Some(required) = get(affinity, REQUIRED) {
        node_selector(&path.child(REQUIRED), required, errors);
    }
    let path = path.child(PREFERRED);
    for (i, term) in list(affinity, PREFERRED).iter().enumerate() {
        let path = path.index(i);
        weight(&path, term, errors);
        // A preferred term may hold label values that no label can have.
        node_term(&path.child("preference"), at(term, "preference"), Values::Any, errors);
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Values {
    Labels,
    Any,
}

/// Terms that select nodes; at least one.
///
/// Source: kubernetes v1.36 pkg/apis/core/validation/validation.go, `ValidateNodeSelector`
pub(super) fn node_selector(path: &Path<'_>, selector: &Value, errors: &mut Errors) {
    let path = path.child("nodeSelectorTerms");
    let terms = list(selector, "nodeSelectorTerms");
    if terms.is_empty() {
        errors.required(&path, "must have at least one node selector term");
    }
    for (i, term) in terms.iter().enumerate() {
        node_term(&path.index(i), term, Values::Labels, errors);
    }
}

fn node_term(path: &Path<'_>, term: &Value, values: Values, errors: &mut Errors) {
    let expressions = path.child("matchExpressions");
    for (i, requirement) in list(term, "matchExpressions").iter().enumerate() {
        node_requirement(&expressions.index(i), requirement, values, errors);
    }
    let fields = path.child("matchFields");
    for (i, requirement) in list(term, "matchFields").iter().enumerate() {
        node_field(&fields.index(i), requirement, errors);
    }
}

/// Source: kubernetes v1.36 pkg/apis/core/validation/validation.go,
/// `ValidateNodeSelectorRequirement`
fn node_requirement(path: &Path<'_>, requirement: &Value, values: Values, errors: &mut Errors) {
    let given = list(requirement, "values");
    let values_path = path.child("values");
    match text(requirement, "operator") {
        "In" | "NotIn" if given.is_empty() => {
            errors.required(&values_path, "must be specified when `operator` is 'In' or 'NotIn'");
        }
        "Exists" | "DoesNotExist" if !given.is_empty() => {
            let detail = "may not be specified when `operator` is 'Exists' or 'DoesNotExist'";
            errors.forbidden(&values_path, detail);
        }
        "Gt" | "Lt" if given.len() != 1 => {
            let detail = "must be specified single value when `operator` is 'Lt' or 'Gt'";
            errors.required(&values_path, detail);
        }
        "In" | "NotIn" | "Exists" | "DoesNotExist" | "Gt" | "Lt" => {}
        other => errors.invalid(&path.child("operator"), other, "not a valid selector operator"),
    }
    label_name(&path.child("key"), text(requirement, "key"), errors);
    if values == Values::Labels {
        for (i, value) in texts(requirement, "values").enumerate() {
            errors.invalid_for(&values_path.index(i), value, names::label_value(value));
        }
    }
}

/// Source: kubernetes v1.36 pkg/apis/core/validation/validation.go,
/// `ValidateNodeFieldSelectorRequirement`
fn node_field(path: &Path<'_>, requirement: &Value, errors: &mut Errors) {
    let values = path.child("values");
    match text(requirement, "operator") {
        "In" | "NotIn" if list(requirement, "values").len() != 1 => {
            let detail = "must be only one value when `operator` is 'In' or 'NotIn' for node \
                          field selector";
            errors.required(&values, detail);
        }
        "In" | "NotIn" => {}
        other => errors.invalid(&path.child("operator"), other, "not a valid selector operator"),
    }
    let key = text(requirement, "key");
    if key != "metadata.name" {
        errors.invalid(&path.child("key"), key, "not a valid field selector key");
        return;
    }
    for (i, value) in texts(requirement, "values").enumerate() {
        errors.invalid_for(&values.index(i), value, names::dns1123_subdomain(value));
    }
}

fn pod_affinity(path: &Path<'_>, affinity: &Value, errors: &mut Errors) {
    let required = path.child(REQUIRED);
    for (i, term) in list(affinity, REQUIRED).iter().enumerate() {
        pod_term(&required.index(i), term, errors);
    }
    let preferred = path.child(PREFERRED);
    for (i, weighted) in list(affinity, PREFERRED).iter().enumerate() {
        let path = preferred.index(i);
        weight(&path, weighted, errors);
        pod_term(&path.child("podAffinityTerm"), at(weighted, "podAffinityTerm"), errors);
    }
}

fn weight(path: &Path<'_>, term: &Value, errors: &mut Errors) {
    let weight = int(term, "weight").unwrap_or_default();
    if !(1..=100).contains(&weight) {
        errors.invalid(&path.child("weight"), weight, "must be in the range 1-100");
    }
}

/// Source: kubernetes v1.36 pkg/apis/core/validation/validation.go, `validatePodAffinityTerm`
fn pod_term(path: &Path<'_>, term: &Value, errors: &mut Errors) {
    for field in ["labelSelector", "namespaceSelector"] {
        label_selector(&path.child(field), at(term, field), errors);
    }
    for namespace in texts(term, "namespaces") {
        errors.invalid_for(&path.child("namespace"), namespace, names::dns1123_label(namespace));
    }
    label_keys(path, term, errors);
    let key = text(term, "topologyKey");
    let path = path.child("topologyKey");
    if key.is_empty() {
        errors.required(&path, "can not be empty");
    }
    label_name(&path, key, errors);
}

/// Source: kubernetes v1.36 pkg/apis/core/validation/validation.go,
/// `validateMatchLabelKeysAndMismatchLabelKeys`
fn label_keys(path: &Path<'_>, term: &Value, errors: &mut Errors) {
    let is_selecting = get(term, "labelSelector").is_some();
    for field in ["matchLabelKeys", "mismatchLabelKeys"] {
        let path = path.child(field);
        if !list(term, field).is_empty() && !is_selecting {
            errors.forbidden(&path, "must not be specified when labelSelector is not set");
            continue;
        }
        for (i, key) in texts(term, field).enumerate() {
            label_name(&path.index(i), key, errors);
        }
    }
    for (i, key) in texts(term, "matchLabelKeys").enumerate() {
        if is_selected(at(term, "labelSelector"), key, Whole::Pod) {
            let detail = "exists in both matchLabelKeys and labelSelector";
            errors.invalid(&path.index(i), key, detail);
        }
    }
    let path = path.child("matchLabelKeys");
    for (i, key) in texts(term, "matchLabelKeys").enumerate() {
        if texts(term, "mismatchLabelKeys").any(|k| k == key) {
            let detail = "exists in both matchLabelKeys and mismatchLabelKeys";
            errors.invalid(&path.index(i), key, detail);
        }
    }
}

/// How evenly pods spread.
///
/// Source: kubernetes v1.36 pkg/apis/core/validation/validation.go,
/// `validateTopologySpreadConstraints`
pub(super) fn spread_constraints(
    path: &Path<'_>,
    constraints: &[Value],
    whole: Whole,
    errors: &mut Errors,
) {
    for (i, constraint) in constraints.iter().enumerate() {
        let path = path.index(i);
        let skew = int(constraint, "maxSkew").unwrap_or_default();
        if skew <= 0 {
            errors.invalid(&path.child("maxSkew"), skew, "must be greater than zero");
        }
        let (key, action) =
            (text(constraint, "topologyKey"), text(constraint, "whenUnsatisfiable"));
        if key.is_empty() {
            errors.required(&path.child("topologyKey"), "can not be empty");
        }
        let known = ["DoNotSchedule", "ScheduleAnyway"];
        known_value(&path.child("whenUnsatisfiable"), action, &known, errors);
        let is_repeated = constraints[i + 1..]
            .iter()
            .any(|c| text(c, "topologyKey") == key && text(c, "whenUnsatisfiable") == action);
        if is_repeated {
            let path = path.child("{topologyKey, whenUnsatisfiable}");
            errors.duplicate(&path, format!("{{{key}, {action}}}"));
        }
        min_domains(&path.child("minDomains"), constraint, errors);
        for field in ["nodeAffinityPolicy", "nodeTaintsPolicy"] {
            one_of_if_given(&path, constraint, field, &["Honor", "Ignore"], errors);
        }
        spread_label_keys(&path.child("matchLabelKeys"), constraint, whole, errors);
        let selector = at(constraint, "labelSelector");
        label_selector(&path.child("labelSelector"), selector, errors);
    }
}

fn min_domains(path: &Path<'_>, constraint: &Value, errors: &mut Errors) {
    let Some(domains) = int(constraint, "minDomains") else { return };
    if domains <= 0 {
        errors.invalid(path, domains, "must be greater than zero");
    }
    let action = text(constraint, "whenUnsatisfiable");
    if action != "DoNotSchedule" {
        let detail =
            format!("can only use minDomains if whenUnsatisfiable=DoNotSchedule, not {action}");
        errors.invalid(path, domains, detail);
    }
}

/// Source: kubernetes v1.36 pkg/apis/core/validation/validation.go,
/// `validateMatchLabelKeysInTopologySpread`
fn spread_label_keys(path: &Path<'_>, constraint: &Value, whole: Whole, errors: &mut Errors) {
    if list(constraint, "matchLabelKeys").is_empty() {
        return;
    }
    let selector = at(constraint, "labelSelector");
    if selector.is_null() {
        errors.forbidden(path, "must not be specified when labelSelector is not set");
    }
    for (i, key) in texts(constraint, "matchLabelKeys").enumerate() {
        label_name(&path.index(i), key, errors);
        if is_selected(selector, key, whole) {
            let detail = "exists in both matchLabelKeys and labelSelector";
            errors.invalid(&path.index(i), key, detail);
        }
    }
}

/// Whether a selector asks for a key, but for the requirement that a pod's creation adds.
fn is_selected(selector: &Value, key: &str, whole: Whole) -> bool {
    let added = match whole {
        Whole::Pod => 1,
        Whole::Template => 0,
    };
    let asked = list(selector, "matchExpressions").iter().filter(|r| text(r, "key") == key);
    let labels = entries(selector, "matchLabels").filter(|(k, _)| *k == key);
    labels.count() + asked.count() > added
}

/// Which taints a pod bears.
///
/// Source: kubernetes v1.36 pkg/apis/core/validation/validation.go, `ValidateTolerations`
pub(super) fn tolerations(path: &Path<'_>, tolerations: &[Value], errors: &mut Errors) {
    for (i, toleration) in tolerations.iter().enumerate() {
        let path = path.index(i);
        let (key, operator) = (text(toleration, "key"), text(toleration, "operator"));
        let (value, effect) = (text(toleration, "value"), text(toleration, "effect"));
        if !key.is_empty() {
            label_name(&path.child("key"), key, errors);
        }
        let operator_path = path.child("operator");
        if key.is_empty() && operator != "Exists" {
            let detail = "operator must be Exists when `key` is empty, which means \"match all \
                          values and all keys\"";
            errors.invalid(&operator_path, operator, detail);
        }
        if get(toleration, "tolerationSeconds").is_some() && effect != "NoExecute" {
            let detail = "effect must be 'NoExecute' when `tolerationSeconds` is set";
            errors.invalid(&path.child("effect"), effect, detail);
        }
        match operator {
            "" | "Equal" => {
                let wrong = names::label_value(value);
                if !wrong.is_empty() {
                    errors.invalid(&operator_path, value, wrong.join(";"));
                }
            }
            "Exists" if value.is_empty() => {}
            "Exists" => {
                let detail = "value must be empty when `operator` is 'Exists'";
                errors.invalid(&operator_path, value, detail);
            }
            "Lt" | "Gt" if errors.is_on(Gate::TaintTolerationComparisonOperators) => {
                if value.parse::<i64>().map(|n| n.to_string()).ok().as_deref() != Some(value) {
                    let detail = "must be a whole number when `operator` is 'Lt' or 'Gt'";
                    errors.invalid(&path.child("value"), value, detail);
                }
            }
            other => errors.not_supported(&operator_path, other, &["Equal", "Exists"]),
        }
        if !effect.is_empty() {
            taint_effect(&path.child("effect"), effect, errors);
        }
    }
}

/// What a taint does.
pub(super) fn taint_effect(path: &Path<'_>, effect: &str, errors: &mut Errors) {
    known_value(path, effect, &["NoSchedule", "PreferNoSchedule", "NoExecute"], errors);
}
