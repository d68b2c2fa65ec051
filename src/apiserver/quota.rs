//! `ResourceQuota` admission: whether a new object fits, and what the quotas' status becomes.
//!
//! Responsible for the decision; the server writes the status before it writes the object.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::api::Name;
use crate::api::core::container::Container;
use crate::api::core::pod::Pod;
use crate::api::core::quota_usage::{in_scope, usage};
use crate::api::core::resource_quota::{ResourceQuota, exceeded, mask, sum};
use crate::api::object::{Kind, Object};
use crate::api::refusal::{GroupResource, Refusal};
use crate::api::resource::ResourceList;
use crate::api::time::Time;

/// How often the status is tried anew after conflicts.
///
/// Source: kubernetes v1.36
/// staging/src/k8s.io/apiserver/pkg/admission/plugin/resourcequota/controller.go,
/// `quotaEvaluator.checkAttributes`
pub const TRIES: u32 = 4;

/// The quotas of the object's namespace whose status a creation changes, with the new status.
///
/// # Errors
/// 403, when one of them would be exceeded, does not know yet what is used, or wants an amount
/// that the pod leaves out.
///
/// Source: kubernetes v1.36
/// staging/src/k8s.io/apiserver/pkg/admission/plugin/resourcequota/controller.go, `CheckRequest`
///
/// Differs: only creations are charged; a change that makes an object use more is counted by the
/// quota controller alone.
pub fn charge(
    object: &Object,
    quotas: &[&Arc<ResourceQuota>],
    now: Time,
) -> Result<Vec<ResourceQuota>, Refusal> {
    let row = object.kind().row();
    let resource = GroupResource::new(row.group, row.plural);
    let forbid = |why: String| Refusal::forbidden(&resource, &object.meta().name, why);
    let used = usage(object, now);
    let mut changed = Vec::new();
    for quota in quotas {
        let hard = &quota.status.hard;
        let restricted = mask(hard, &used_names(object, hard, &used));
        if restricted.is_empty() || !in_scope(&quota.spec, object) {
            continue;
        }
        let name = &quota.meta.name;
        let unknown: Vec<&str> = restricted
            .keys()
            .filter(|n| !quota.status.used.contains_key(*n))
            .map(Name::as_str)
            .collect();
        if !unknown.is_empty() {
            let names = unknown.join(", ");
            return Err(forbid(format!("status unknown for quota: {name}, resources: {names}")));
        }
        if let Some(missing) = unstated(object, &restricted) {
            return Err(forbid(format!("failed quota: {name}: {missing}")));
        }
        let mut requested = mask(&used, hard);
        requested.retain(|_, amount| !amount.is_zero());
        if requested.is_empty() {
            continue;
        }
        let new = sum(&quota.status.used, &requested);
        let over = exceeded(&mask(&new, &requested), hard);
        if !over.is_empty() {
            let of = |list: &ResourceList| pretty(&mask(list, &over));
            return Err(forbid(format!(
                "exceeded quota: {name}, requested: {}, used: {}, limited: {}",
                of(&requested),
                of(&quota.status.used),
                of(hard)
            )));
        }
        let mut quota = ResourceQuota::clone(quota);
        quota.status.used = new;
        changed.push(quota);
    }
    Ok(changed)
}

/// The names that objects of this kind can use, as far as the quota has them: pods use amounts of
/// all resources, even of those that this one leaves out.
fn used_names(object: &Object, hard: &ResourceList, used: &ResourceList) -> ResourceList {
    let is_pod = object.kind() == Kind::POD;
    let matches = |name: &&Name| used.contains_key(*name) || is_pod && is_of_pods(name);
    hard.iter().filter(|(n, _)| matches(n)).map(|(n, q)| (n.clone(), q.clone())).collect()
}

/// Source: kubernetes v1.36 pkg/quota/v1/evaluator/core/pods.go, `podResources`,
/// `podEvaluator.MatchingResources`
fn is_of_pods(name: &str) -> bool {
    matches!(name, "pods" | "count/pods" | "cpu" | "memory" | "ephemeral-storage")
        || name.starts_with("limits.")
        || name.starts_with("hugepages-")
        || name.starts_with("requests.") && name != "requests.storage"
}

/// The amounts that containers have to state under a quota.
const COMPUTE: [&str; 6] =
    ["cpu", "memory", "requests.cpu", "requests.memory", "limits.cpu", "limits.memory"];

/// Which amounts a quota wants that containers of a pod leave out.
///
/// Source: kubernetes v1.36 pkg/quota/v1/evaluator/core/pods.go, `podEvaluator.Constraints`,
/// `enforcePodContainerConstraints`
fn unstated(object: &Object, restricted: &ResourceList) -> Option<String> {
    let pod = object.as_a::<Pod>()?;
    let states = |container: &Container, name: &str| {
        let resources = &container.resources;
        match name.split_once('.') {
            Some(("limits", resource)) => resources.limits.contains_key(resource),
            Some((_, resource)) => resources.requests.contains_key(resource),
            None => resources.requests.contains_key(name),
        }
    };
    let mut missing: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for container in pod.spec.containers.iter().chain(&pod.spec.init_containers) {
        for name in COMPUTE.iter().filter(|n| restricted.contains_key(**n)) {
            if !states(container, name) {
                missing.entry(name).or_default().insert(&container.name);
            }
        }
    }
    if missing.is_empty() {
        return None;
    }
    let one = |(name, containers): (&&str, &BTreeSet<&str>)| {
        let all: Vec<&str> = containers.iter().copied().collect();
        format!("{name} for: {}", all.join(","))
    };
    let all: Vec<String> = missing.iter().map(one).collect();
    Some(format!("must specify {}", all.join("; ")))
}

/// A list in one line, by name.
///
/// Source: kubernetes v1.36
/// staging/src/k8s.io/apiserver/pkg/admission/plugin/resourcequota/controller.go, `prettyPrint`
fn pretty(list: &ResourceList) -> String {
    let all: Vec<String> = list.iter().map(|(name, amount)| format!("{name}={amount}")).collect();
    all.join(",")
}
