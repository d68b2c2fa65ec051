//! Amounts of resources: names, quantities, requests against limits.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::api::names;
use crate::api::quantity::{Format, Quantity};
use crate::api::validation::errors::Errors;
use crate::api::validation::path::Path;
use crate::api::validation::read::{entries, get, list, text};

const STANDARD: [&str; 14] = [
    "cpu",
    "memory",
    "ephemeral-storage",
    "requests.cpu",
    "requests.memory",
    "requests.ephemeral-storage",
    "limits.cpu",
    "limits.memory",
    "limits.ephemeral-storage",
    "pods",
    "resourcequotas",
    "services",
    "replicationcontrollers",
    "secrets",
];
const STANDARD_MORE: [&str; 5] =
    ["configmaps", "persistentvolumeclaims", "storage", "requests.storage", "services.nodeports"];
const HUGE_PAGES: &str = "hugepages-";

/// A rule for the names of resources.
pub type NameRule = fn(&Path<'_>, &str, &mut Errors);

/// The quantity that a value holds, if it is one.
pub fn quantity(value: &Value) -> Option<Quantity> {
    match value {
        Value::String(text) => text.trim().parse().ok(),
        Value::Number(number) => number.to_string().parse().ok(),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

/// Whether a resource is one of Kubernetes' own: without a domain, or of `kubernetes.io`.
///
/// Source: kubernetes v1.36 pkg/apis/core/helper/helpers.go, `IsNativeResource`
pub fn is_native(name: &str) -> bool {
    !name.contains('/') || name.contains("kubernetes.io/")
}

/// Whether a resource is huge pages of some size.
pub fn is_huge_pages(name: &str) -> bool {
    name.starts_with(HUGE_PAGES)
}

/// Whether a resource comes from a device or an operator: `example.com/gpu`.
///
/// Source: kubernetes v1.36 pkg/apis/core/helper/helpers.go, `IsExtendedResourceName`
pub fn is_extended(name: &str) -> bool {
    !is_native(name)
        && !name.starts_with("requests.")
        && names::qualified_name(&format!("requests.{name}")).is_empty()
}

/// Whether a limit may be above the request.
///
/// Source: kubernetes v1.36 pkg/apis/core/helper/helpers.go, `IsOvercommitAllowed`
pub fn may_overcommit(name: &str) -> bool {
    is_native(name) && !is_huge_pages(name)
}

fn is_whole_only(name: &str) -> bool {
    const COUNTED: [&str; 8] = [
        "pods",
        "services",
        "replicationcontrollers",
        "resourcequotas",
        "secrets",
        "configmaps",
        "persistentvolumeclaims",
        "services.nodeports",
    ];
    COUNTED.contains(&name) || name == "services.loadbalancers" || is_extended(name)
}

fn is_standard(name: &str) -> bool {
    STANDARD.contains(&name)
        || STANDARD_MORE.contains(&name)
        || name == "services.loadbalancers"
        || is_huge_pages(name)
        || name.starts_with("requests.hugepages-")
}

/// A resource's name: a standard one, or one with a domain.
///
/// Source: kubernetes v1.36 pkg/apis/core/validation/validation.go, `validateResourceName`
pub fn resource_name(path: &Path<'_>, name: &str, errors: &mut Errors) {
    let wrong = names::qualified_name(name);
    if wrong.is_empty() && !name.contains('/') && !is_standard(name) {
        errors.invalid(path, name, "must be a standard resource type or fully qualified");
    }
    errors.invalid_for(path, name, wrong);
}

/// The name of a resource that a container may ask for.
///
/// Source: kubernetes v1.36 pkg/apis/core/validation/validation.go, `validateContainerResourceName`
pub fn container_resource_name(path: &Path<'_>, name: &str, errors: &mut Errors) {
    resource_name(path, name, errors);
    let is_containers =
        ["cpu", "memory", "ephemeral-storage"].contains(&name) || is_huge_pages(name);
    if !name.contains('/') {
        if !is_containers {
            errors.invalid(path, name, "must be a standard resource for containers");
        }
    } else if !is_native(name) && !is_extended(name) {
        errors.invalid(path, name, "doesn't follow extended resource name standard");
    }
}

/// The name of a resource that a pod as a whole may ask for.
///
/// Source: kubernetes v1.36 pkg/apis/core/validation/validation.go, `validatePodResourceName`
pub fn pod_resource_name(path: &Path<'_>, name: &str, errors: &mut Errors) {
    let before = errors.len();
    resource_name(path, name, errors);
    let is_pods = ["cpu", "memory"].contains(&name) || is_huge_pages(name);
    if errors.len() == before && !is_pods {
        errors.not_supported(path, name, &["cpu", "hugepages-", "memory"]);
    }
}

/// An amount is not negative, and whole where the resource is counted.
///
/// Source: kubernetes v1.36 pkg/apis/core/validation/validation.go, `ValidateResourceQuantityValue`
pub fn amount(path: &Path<'_>, name: &str, value: &Value, errors: &mut Errors) {
    let Some(quantity) = quantity(value) else { return };
    if quantity < Quantity::default() {
        errors.invalid(path, value.clone(), "must be greater than or equal to 0");
    }
    if is_whole_only(name) && quantity != Quantity::new(quantity.value(), Format::DecimalSi) {
        errors.invalid(path, value.clone(), "must be an integer");
    }
}

fn huge_pages_amount(path: &Path<'_>, name: &str, value: &Value, errors: &mut Errors) {
    let Some(size) = name.strip_prefix(HUGE_PAGES) else { return };
    let Some(amount) = quantity(value).map(|q| q.value()) else { return };
    let is_multiple =
        size.parse::<Quantity>().is_ok_and(|s| s.value() > 0 && amount % s.value() == 0);
    if !is_multiple {
        let shown = value.as_str().unwrap_or_default();
        let detail = format!("{shown} is not positive integer multiple of {name}");
        errors.invalid(path, value.clone(), detail);
    }
}

/// What a container, or a pod as a whole, asks for and may use at most.
///
/// Source: kubernetes v1.36 pkg/apis/core/validation/validation.go, `validateResourceRequirements`
pub fn requirements(
    path: &Path<'_>,
    resources: &Value,
    name_rule: NameRule,
    claims: &BTreeSet<&str>,
    errors: &mut Errors,
) {
    let limits = path.child("limits");
    for (name, value) in entries(resources, "limits") {
        entry(&limits.key(name), name, value, name_rule, errors);
    }
    let requests = path.child("requests");
    for (name, value) in entries(resources, "requests") {
        let key = requests.key(name);
        name_rule(&key, name, errors);
        amount(&key, name, value, errors);
        against_limit(path, resources, name, value, errors);
        huge_pages_amount(&key, name, value, errors);
    }
    let named = |wanted: fn(&str) -> bool| {
        entries(resources, "limits").chain(entries(resources, "requests")).any(|(n, _)| wanted(n))
    };
    if named(is_huge_pages) && !named(|n| n == "cpu" || n == "memory") {
        errors.forbidden(path, "HugePages require cpu or memory");
    }
    claim_names(&path.child("claims"), list(resources, "claims"), claims, errors);
}

fn entry(path: &Path<'_>, name: &str, value: &Value, name_rule: NameRule, errors: &mut Errors) {
    name_rule(path, name, errors);
    amount(path, name, value, errors);
    huge_pages_amount(path, name, value, errors);
}

fn against_limit(
    path: &Path<'_>,
    resources: &Value,
    name: &str,
    value: &Value,
    errors: &mut Errors,
) {
    let limit = get(resources, "limits").and_then(|l| get(l, name));
    let (Some(limit), Some(request)) = (limit, quantity(value)) else {
        if limit.is_none() && !may_overcommit(name) {
            let detail = "Limit must be set for non overcommitable resources";
            errors.required(&path.child("limits"), detail);
        }
        return;
    };
    let Some(most) = quantity(limit) else { return };
    let path = path.child("requests");
    if request != most && !may_overcommit(name) {
        errors.invalid(&path, value.clone(), format!("must be equal to {name} limit of {most}"));
    } else if request > most {
        let detail = format!("must be less than or equal to {name} limit of {most}");
        errors.invalid(&path, value.clone(), detail);
    }
}

fn claim_names(path: &Path<'_>, claims: &[Value], known: &BTreeSet<&str>, errors: &mut Errors) {
    let mut seen: BTreeSet<(&str, &str)> = BTreeSet::new();
    for (i, claim) in claims.iter().enumerate() {
        let path = path.index(i);
        let (name, request) = (text(claim, "name"), text(claim, "request"));
        if name.is_empty() {
            errors.required(&path, "");
            continue;
        }
        if !request.is_empty() {
            errors.invalid_for(&path.child("request"), request, names::dns1123_label(request));
        }
        let is_taken = seen
            .iter()
            .any(|(n, r)| *n == name && (r.is_empty() || request.is_empty() || *r == request));
        if is_taken {
            errors.duplicate(&path, name);
        }
        seen.insert((name, request));
        if !known.contains(name) {
            errors.not_found(&path, name);
        }
    }
}
