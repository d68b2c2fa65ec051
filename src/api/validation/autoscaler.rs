//! `HorizontalPodAutoscalers`.

use serde_json::Value;

use crate::api::gates::Gate;
use crate::api::names;
use crate::api::validation::errors::Errors;
use crate::api::validation::path::Path;
use crate::api::validation::read::{at, get, int, list, text};
use crate::api::validation::resources::{container_resource_name, quantity};
use crate::api::validation::rule::{given_as, known_value, one_of_if_given};
use crate::api::validation::selector::label_selector;

const MOST_PERIOD: i64 = 1800;
const MOST_WINDOW: i64 = 3600;
const SOURCES: [(&str, &str); 5] = [
    ("Object", "object"),
    ("External", "external"),
    ("Pods", "pods"),
    ("Resource", "resource"),
    ("ContainerResource", "containerResource"),
];
const TYPES: [&str; 5] = ["ContainerResource", "External", "Object", "Pods", "Resource"];

/// A new `HorizontalPodAutoscaler`.
///
/// Source: kubernetes v1.36 pkg/apis/autoscaling/validation/validation.go,
/// `ValidateHorizontalPodAutoscaler`
pub(super) fn create(object: &Value, errors: &mut Errors) {
    let lowest = i64::from(!errors.is_on(Gate::HPAScaleToZero));
    autoscaler(object, lowest, errors);
}

/// A changed one: a lower bound of zero may stay.
pub(super) fn update(new: &Value, old: &Value, errors: &mut Errors) {
    let is_zero = int(at(old, "spec"), "minReplicas") == Some(0);
    let lowest = i64::from(!is_zero && !errors.is_on(Gate::HPAScaleToZero));
    autoscaler(new, lowest, errors);
}

fn autoscaler(object: &Value, lowest: i64, errors: &mut Errors) {
    let path = Path::new("spec");
    let spec = at(object, "spec");
    let (min, max) = (int(spec, "minReplicas"), int(spec, "maxReplicas").unwrap_or_default());
    if let Some(min) = min.filter(|m| *m < lowest) {
        let detail = format!("must be greater than or equal to {lowest}");
        errors.invalid(&path.child("minReplicas"), min, detail);
    }
    if max < 1 {
        errors.invalid(&path.child("maxReplicas"), max, "must be greater than 0");
    }
    if min.is_some_and(|min| max < min) {
        let detail = "must be greater than or equal to `minReplicas`";
        errors.invalid(&path.child("maxReplicas"), max, detail);
    }
    target_object(&path.child("scaleTargetRef"), at(spec, "scaleTargetRef"), errors);
    metrics(&path.child("metrics"), spec, errors);
    for direction in ["scaleUp", "scaleDown"] {
        if let Some(rules) = get(at(spec, "behavior"), direction) {
            scaling_rules(&path.child("behavior").child(direction), rules, errors);
        }
    }
}

/// Source: kubernetes v1.36 pkg/apis/autoscaling/validation/validation.go,
/// `ValidateCrossVersionObjectReference`
fn target_object(path: &Path<'_>, reference: &Value, errors: &mut Errors) {
    given_as(path, reference, "kind", names::path_segment, errors);
    given_as(path, reference, "name", names::path_segment, errors);
}

fn metrics(path: &Path<'_>, spec: &Value, errors: &mut Errors) {
    let metrics = list(spec, "metrics");
    for (i, metric) in metrics.iter().enumerate() {
        one_metric(&path.index(i), metric, errors);
    }
    let wakes = metrics.iter().any(|m| ["Object", "External"].contains(&text(m, "type")));
    if int(spec, "minReplicas") == Some(0) && !wakes {
        let detail = "must specify at least one Object or External metric to support scaling to \
                      zero replicas";
        errors.forbidden(path, detail);
    }
}

/// Exactly the source of the metric's type.
///
/// Source: kubernetes v1.36 pkg/apis/autoscaling/validation/validation.go, `validateMetricSpec`
fn one_metric(path: &Path<'_>, metric: &Value, errors: &mut Errors) {
    let kind = text(metric, "type");
    let type_path = path.child("type");
    if kind.is_empty() {
        errors.required(&type_path, "must specify a metric source type");
    }
    let expected = SOURCES.iter().find(|(name, _)| *name == kind).map(|(_, field)| *field);
    known_value(&type_path, kind, &TYPES, errors);
    let given: Vec<&str> =
        SOURCES.iter().map(|(_, field)| *field).filter(|f| get(metric, f).is_some()).collect();
    if let Some(first) = given.first() {
        source(&path.child(first), first, at(metric, first), errors);
    }
    match expected {
        Some(field) if !given.contains(&field) => {
            let detail = "must populate information for the given metric source";
            errors.required(&path.child(field), detail);
        }
        Some(_) => {}
        None => known_value(&type_path, kind, &TYPES, errors),
    }
    if given.len() != 1 {
        for field in given.iter().filter(|f| expected != Some(**f)) {
            errors.forbidden(&path.child(field), "must populate the given metric source only");
        }
    }
}

fn source(path: &Path<'_>, kind: &str, source: &Value, errors: &mut Errors) {
    match kind {
        "object" => {
            target_object(&path.child("describedObject"), at(source, "describedObject"), errors);
            metric_name(&path.child("metric"), at(source, "metric"), errors);
        }
        "external" | "pods" => metric_name(&path.child("metric"), at(source, "metric"), errors),
        _ => resource_names(path, kind, source, errors),
    }
    let target_path = path.child("target");
    let given = at(source, "target");
    target(&target_path, given, errors);
    target_of_kind(&target_path, kind, given, errors);
}

fn resource_names(path: &Path<'_>, kind: &str, source: &Value, errors: &mut Errors) {
    let name = text(source, "name");
    if name.is_empty() {
        errors.required(&path.child("name"), "must specify a resource name");
    } else {
        container_resource_name(&path.child("name"), name, errors);
    }
    if kind == "containerResource" && text(source, "container").is_empty() {
        errors.required(&path.child("container"), "must specify a container");
    }
}

/// Source: kubernetes v1.36 pkg/apis/autoscaling/validation/validation.go,
/// `validateMetricIdentifier`
fn metric_name(path: &Path<'_>, metric: &Value, errors: &mut Errors) {
    given_as(path, metric, "name", names::path_segment, errors);
    label_selector(&path.child("selector"), at(metric, "selector"), errors);
}

/// Source: kubernetes v1.36 pkg/apis/autoscaling/validation/validation.go, `validateMetricTarget`
fn target(path: &Path<'_>, target: &Value, errors: &mut Errors) {
    let kind = text(target, "type");
    let known = ["Utilization", "Value", "AverageValue"];
    if kind.is_empty() {
        errors.required(&path.child("type"), "must specify a metric target type");
    }
    if !known.contains(&kind) {
        let detail = "must be either Utilization, Value, or AverageValue";
        errors.invalid(&path.child("type"), kind, detail);
    }
    for field in ["value", "averageValue"] {
        if quantity(at(target, field)).is_some_and(|q| q.sign() != 1) {
            errors.invalid(&path.child(field), at(target, field).clone(), "must be positive");
        }
    }
    if let Some(percent) = int(target, "averageUtilization").filter(|p| *p < 1) {
        errors.invalid(&path.child("averageUtilization"), percent, "must be greater than 0");
    }
}

fn target_of_kind(path: &Path<'_>, kind: &str, target: &Value, errors: &mut Errors) {
    let has = |field| get(target, field).is_some();
    let (value, average, percent) = (has("value"), has("averageValue"), has("averageUtilization"));
    match kind {
        "object" | "external" => {
            if !value && !average {
                let detail = "must set either a target value for metric or a per-pod target";
                errors.required(&path.child("averageValue"), detail);
            }
            if kind == "external" && value && average {
                let detail = "may not set both a target value for metric and a per-pod target";
                errors.forbidden(&path.child("value"), detail);
            }
        }
        "pods" if !average => {
            let detail = "must specify a positive target averageValue";
            errors.required(&path.child("averageValue"), detail);
        }
        "pods" => {}
        _ => {
            if !percent && !average {
                let detail = "must set either a target raw value or a target utilization";
                errors.required(&path.child("averageUtilization"), detail);
            }
            if percent && average {
                let detail = "may not set both a target raw value and a target utilization";
                errors.forbidden(&path.child("averageValue"), detail);
            }
        }
    }
}

/// Source: kubernetes v1.36 pkg/apis/autoscaling/validation/validation.go, `validateScalingRules`
fn scaling_rules(path: &Path<'_>, rules: &Value, errors: &mut Errors) {
    let window = int(rules, "stabilizationWindowSeconds").unwrap_or_default();
    let window_path = path.child("stabilizationWindowSeconds");
    if window < 0 {
        errors.invalid(&window_path, window, "must be greater than or equal to zero");
    }
    if window > MOST_WINDOW {
        errors.invalid(&window_path, window, "must be less than or equal to 3600");
    }
    one_of_if_given(path, rules, "selectPolicy", &["Disabled", "Max", "Min"], errors);
    let policies = path.child("policies");
    if list(rules, "policies").is_empty() {
        errors.required(&policies, "must specify at least one Policy");
    }
    for (i, policy) in list(rules, "policies").iter().enumerate() {
        scaling_policy(&policies.index(i), policy, errors);
    }
    if quantity(at(rules, "tolerance")).is_some_and(|q| q.sign() < 0) {
        let value = at(rules, "tolerance").clone();
        errors.invalid(&path.child("tolerance"), value, "must be greater than or equal to 0");
    }
}

/// Source: kubernetes v1.36 pkg/apis/autoscaling/validation/validation.go, `validateScalingPolicy`
fn scaling_policy(path: &Path<'_>, policy: &Value, errors: &mut Errors) {
    known_value(&path.child("type"), text(policy, "type"), &["Percent", "Pods"], errors);
    for field in ["value", "periodSeconds"] {
        let value = int(policy, field).unwrap_or_default();
        if value <= 0 {
            errors.invalid(&path.child(field), value, "must be greater than zero");
        }
        if field == "periodSeconds" && value > MOST_PERIOD {
            errors.invalid(&path.child(field), value, "must be less than or equal to 1800");
        }
    }
}
