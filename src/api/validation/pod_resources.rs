//! Resources of a pod as a whole, and its overhead.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::api::quantity::Quantity;
use crate::api::validation::errors::Errors;
use crate::api::validation::path::Path;
use crate::api::validation::read::{at, entries, get, list, text};
use crate::api::validation::resources::{
    self, amount, container_resource_name, pod_resource_name, quantity,
};

/// What the pod asks for as a whole covers what its containers ask for.
///
/// Source: kubernetes v1.36 pkg/apis/core/validation/validation.go, `validatePodResources`
pub fn of_pod(path: &Path<'_>, spec: &Value, errors: &mut Errors) {
    let Some(resources) = get(spec, "resources") else { return };
    let path = path.child("resources");
    if get(resources, "claims").is_some() {
        errors.forbidden(&path.child("claims"), "claims cannot be set for Resources at pod-level");
    }
    resources::requirements(&path, resources, pod_resource_name, &BTreeSet::new(), errors);
    let requests = path.child("requests");
    for (name, needed) in of_containers(spec) {
        let own = get(resources, "requests").and_then(|r| get(r, name));
        let have = own.and_then(quantity).unwrap_or_default();
        if needed > have {
            let detail = format!(
                "must be greater than or equal to aggregate container requests of {needed}"
            );
            errors.invalid(&requests.key(name), have.to_string(), detail);
        }
    }
    let containers = path.child("containers");
    for (i, container) in list(spec, "containers").iter().enumerate() {
        for (name, limit) in entries(at(container, "resources"), "limits") {
            let most = get(resources, "limits").and_then(|l| get(l, name)).and_then(quantity);
            let (Some(most), Some(limit)) = (most, quantity(limit)) else { continue };
            if limit > most {
                let detail = format!("must be less than or equal to pod limits of {most}");
                let path = containers.index(i);
                errors.invalid(&path.key(name).child("limits"), limit.to_string(), detail);
            }
        }
    }
}

/// What the containers ask for together: regular and restartable init containers run at the same
/// time, the other init containers before them, one by one.
///
/// Source: kubernetes v1.36 staging/src/k8s.io/component-helpers/resource/helpers.go,
/// `AggregateContainerRequests`
pub fn of_containers(spec: &Value) -> BTreeMap<&str, Quantity> {
    let mut running: BTreeMap<&str, Quantity> = BTreeMap::new();
    let mut most: BTreeMap<&str, Quantity> = BTreeMap::new();
    for container in list(spec, "containers") {
        add(&mut running, requests(container));
    }
    let mut restartable: BTreeMap<&str, Quantity> = BTreeMap::new();
    for container in list(spec, "initContainers") {
        let mut during = restartable.clone();
        add(&mut during, requests(container));
        if text(container, "restartPolicy") == "Always" {
            add(&mut running, requests(container));
            restartable.clone_from(&during);
        }
        for (name, amount) in during {
            let entry = most.entry(name).or_default();
            *entry = amount.max(entry.clone());
        }
    }
    for (name, amount) in most {
        let entry = running.entry(name).or_default();
        *entry = amount.max(entry.clone());
    }
    running
}

fn requests(container: &Value) -> impl Iterator<Item = (&str, Quantity)> {
    entries(at(container, "resources"), "requests").filter_map(|(n, v)| Some((n, quantity(v)?)))
}

fn add<'a>(
    sum: &mut BTreeMap<&'a str, Quantity>,
    amounts: impl Iterator<Item = (&'a str, Quantity)>,
) {
    for (name, amount) in amounts {
        let entry = sum.entry(name).or_default();
        *entry = entry.add(&amount);
    }
}

/// What running the pod costs beside its containers.
///
/// Source: kubernetes v1.36 pkg/apis/core/validation/validation.go, `validateOverhead`
pub fn overhead(path: &Path<'_>, overhead: &Value, errors: &mut Errors) {
    for (name, value) in overhead.as_object().into_iter().flatten() {
        let key = path.key(name);
        container_resource_name(&key, name, errors);
        amount(&key, name, value, errors);
    }
}
