//! `ResourceQuotas` and `LimitRanges`.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::api::names;
use crate::api::quantity::{Format, Quantity};
use crate::api::validation::errors::Errors;
use crate::api::validation::path::Path;
use crate::api::validation::read::{at, entries, get, list, text, texts};
use crate::api::validation::resources::{
    amount, container_resource_name, may_overcommit, quantity, resource_name,
};
use crate::api::validation::rule::immutable;

const SCOPES: [&str; 7] = [
    "Terminating",
    "NotTerminating",
    "BestEffort",
    "NotBestEffort",
    "PriorityClass",
    "CrossNamespacePodAffinity",
    "VolumeAttributesClass",
];
const OPPOSITES: [(&str, &str); 2] =
    [("BestEffort", "NotBestEffort"), ("Terminating", "NotTerminating")];

/// A `ResourceQuota`.
///
/// Source: kubernetes v1.36 pkg/apis/core/validation/validation.go, `ValidateResourceQuotaSpec`
pub(super) fn resource_quota(object: &Value, errors: &mut Errors) {
    let path = Path::new("spec");
    let spec = at(object, "spec");
    let hard = path.child("hard");
    for (name, value) in entries(spec, "hard") {
        resource_name(&hard.key(name), name, errors);
        amount(&hard.key(name), name, value, errors);
    }
    let path = path.child("scopes");
    let scopes: Vec<&str> = texts(spec, "scopes").collect();
    for _ in scopes.iter().filter(|s| !SCOPES.contains(s)) {
        errors.invalid(&path, scopes.clone(), "unsupported scope");
    }
    for (one, other) in OPPOSITES {
        if scopes.contains(&one) && scopes.contains(&other) {
            errors.invalid(&path, scopes.clone(), "conflicting scopes");
        }
    }
}

/// A changed `ResourceQuota`: its scopes stay.
pub(super) fn resource_quota_update(new: &Value, old: &Value, errors: &mut Errors) {
    resource_quota(new, errors);
    let path = Path::new("spec");
    let scopes = |object| texts(at(object, "spec"), "scopes").collect::<BTreeSet<&str>>();
    if scopes(new) != scopes(old) {
        immutable(&path.child("scopes"), at(at(new, "spec"), "scopes"), &Value::from(0), errors);
    }
}

/// A `LimitRange`.
///
/// Source: kubernetes v1.36 pkg/apis/core/validation/validation.go, `ValidateLimitRange`
pub(super) fn limit_range(object: &Value, errors: &mut Errors) {
    let path = Path::new("spec");
    let path = path.child("limits");
    let mut seen = BTreeSet::new();
    for (i, limit) in list(at(object, "spec"), "limits").iter().enumerate() {
        let path = path.index(i);
        let kind = text(limit, "type");
        limit_type(&path.child("type"), kind, errors);
        if !seen.insert(kind) {
            errors.duplicate(&path.child("type"), kind);
        }
        limit_names(&path, limit, errors);
        for name in resources_of(limit) {
            bounds(&path, limit, name, errors);
        }
    }
}

fn limit_type(path: &Path<'_>, kind: &str, errors: &mut Errors) {
    let wrong = names::qualified_name(kind);
    let known = ["Pod", "Container", "PersistentVolumeClaim"];
    if wrong.is_empty() && !kind.contains('/') && !known.contains(&kind) {
        errors.invalid(path, kind, "must be a standard limit type or fully qualified");
    }
    errors.invalid_for(path, kind, wrong);
}

fn limit_names(path: &Path<'_>, limit: &Value, errors: &mut Errors) {
    let kind = text(limit, "type");
    for field in ["max", "min", "default", "defaultRequest", "maxLimitRequestRatio"] {
        let path = path.child(field);
        let is_default = field.starts_with("default");
        if kind == "Pod" && is_default {
            if entries(limit, field).next().is_some() {
                errors.forbidden(&path, "may not be specified when `type` is 'Pod'");
            }
            continue;
        }
        for (name, _) in entries(limit, field) {
            if ["Pod", "Container"].contains(&kind) {
                container_resource_name(&path.key(name), name, errors);
            } else {
                resource_name(&path.key(name), name, errors);
            }
        }
    }
    let has_storage = |field| get(at(limit, field), "storage").is_some();
    if kind == "PersistentVolumeClaim" && !has_storage("min") && !has_storage("max") {
        let detail =
            "either minimum or maximum storage value is required, but neither was provided";
        errors.required(&path.child("limits"), detail);
    }
}

fn resources_of(limit: &Value) -> BTreeSet<&str> {
    ["max", "min", "default", "defaultRequest", "maxLimitRequestRatio"]
        .iter()
        .flat_map(|field| entries(limit, field).map(|(name, _)| name))
        .collect()
}

fn bounds(path: &Path<'_>, limit: &Value, name: &str, errors: &mut Errors) {
    let of = |field| get(at(limit, field), name).and_then(quantity);
    let is_pod = text(limit, "type") == "Pod";
    let default_of = |field| if is_pod { None } else { of(field) };
    let (min, max) = (of("min"), of("max"));
    let (default, request) = (default_of("default"), default_of("defaultRequest"));
    let pairs = [
        ("min", &min, &max, "min value", "max value"),
        ("defaultRequest", &min, &request, "min value", "default request value"),
        ("defaultRequest", &request, &max, "default request value", "max value"),
        ("defaultRequest", &request, &default, "default request value", "default limit value"),
        ("default", &min, &default, "min value", "default value"),
        ("default", &default, &max, "default value", "max value"),
    ];
    for (field, low, high, low_name, high_name) in pairs {
        if let (Some(low), Some(high)) = (low, high)
            && low > high
        {
            let detail = format!("{low_name} {low} is greater than {high_name} {high}");
            errors.invalid(&path.child(field).key(name), low.to_string(), detail);
        }
    }
    let one = Quantity::new(1, Format::DecimalSi);
    if let Some(ratio) = of("maxLimitRequestRatio").filter(|r| *r < one) {
        let path = path.child("maxLimitRequestRatio");
        errors.invalid(&path.key(name), ratio.to_string(), format!("ratio {ratio} is less than 1"));
    }
    if let (Some(default), Some(request)) = (default, request)
        && !may_overcommit(name)
        && default != request
    {
        let detail = format!(
            "default value {default} must equal to defaultRequest value {request} in {name}"
        );
        errors.invalid(&path.child("defaultRequest").key(name), request.to_string(), detail);
    }
}
