//! What an object uses of a quota, and whether a quota counts it.
//!
//! The apiserver charges by these rules what is created, and the quota controller counts by them
//! what is there; so they stand below both.

use crate::api::Name;
use crate::api::core::pod::{Pod, QosClass};
use crate::api::core::pod_requests::{self, Options};
use crate::api::core::resource_quota::{QuotaSpec, ScopeRequirement};
use crate::api::object::{Kind, Object};
use crate::api::quantity::{Format, Quantity};
use crate::api::resource::ResourceList;
use crate::api::time::Time;
use crate::sim::time::SimDuration;
use serde_json::Value;

/// Kinds that can be counted by their plain plural as well.
///
/// Source: kubernetes v1.36 pkg/quota/v1/evaluator/core/registry.go, `legacyObjectCountAliases`
const PLAIN: [Kind; 4] =
    [Kind::CONFIG_MAP, Kind::RESOURCE_QUOTA, Kind::REPLICATION_CONTROLLER, Kind::SECRET];

/// What an object uses, by the names that a quota's `hard` has.
///
/// A pod with a container of `requests: {cpu: 250m}` uses `pods: 1`, `count/pods: 1`,
/// `cpu: 250m` and `requests.cpu: 250m`; one that has ended only `count/pods: 1`.
///
/// Source: kubernetes v1.36 pkg/quota/v1/evaluator/core/pods.go, `PodUsageFunc`; services.go,
/// `Usage`; persistent_volume_claims.go, `Usage`;
/// staging/src/k8s.io/apiserver/pkg/quota/v1/generic/evaluator.go, `objectCountEvaluator.Usage`
pub fn usage(object: &Object, now: Time) -> ResourceList {
    let mut used = ResourceList::new();
    let kind = object.kind();
    used.insert(count_name(kind), one());
    if PLAIN.contains(&kind) {
        used.insert(Name::new_static(kind.row().plural), one());
    }
    match kind {
        Kind::POD => object.as_a::<Pod>().into_iter().for_each(|p| pod(p, now, &mut used)),
        Kind::SERVICE => service(&object.to_value(), &mut used),
        Kind::PERSISTENT_VOLUME_CLAIM => claim(&object.to_value(), &mut used),
        _ => {}
    }
    used
}

/// The name under which objects of a kind are counted: `count/deployments.apps`.
///
/// Source: kubernetes v1.36 staging/src/k8s.io/apiserver/pkg/quota/v1/generic/evaluator.go,
/// `ObjectCountQuotaResourceNameFor`
pub fn count_name(kind: Kind) -> Name {
    let row = kind.row();
    if row.group.is_empty() {
        return smol_str::format_smolstr!("count/{}", row.plural);
    }
    smol_str::format_smolstr!("count/{}.{}", row.plural, row.group)
}

fn one() -> Quantity {
    Quantity::new(1, Format::DecimalSi)
}

/// Whether a pod still uses something: it has neither ended nor outlived its grace.
///
/// Source: kubernetes v1.36 pkg/quota/v1/evaluator/core/pods.go, `QuotaV1Pod`
pub fn counts(pod: &Pod, now: Time) -> bool {
    let (Some(deletion), Some(grace)) = (pod.meta.deletion, pod.meta.deletion_grace_seconds) else {
        return !pod.is_terminal();
    };
    let grace = SimDuration::secs(u64::try_from(grace).unwrap_or(0));
    !pod.is_terminal() && now <= deletion.plus(grace)
}

fn pod(pod: &Pod, now: Time, used: &mut ResourceList) {
    if !counts(pod, now) {
        return;
    }
    used.insert(Name::new_static("pods"), one());
    for (name, amount) in pod_requests::requests(&pod.spec, Options::default()) {
        let is_plain = matches!(name.as_str(), "cpu" | "memory" | "ephemeral-storage")
            || name.starts_with("hugepages-");
        used.insert(smol_str::format_smolstr!("requests.{name}"), amount.clone());
        if is_plain {
            used.insert(name, amount);
        }
    }
    for (name, amount) in pod_requests::limits(&pod.spec, Options::default()) {
        if matches!(name.as_str(), "cpu" | "memory" | "ephemeral-storage") {
            used.insert(smol_str::format_smolstr!("limits.{name}"), amount);
        }
    }
}

/// Source: kubernetes v1.36 pkg/quota/v1/evaluator/core/services.go, `serviceEvaluator.Usage`
fn service(service: &Value, used: &mut ResourceList) {
    used.insert(Name::new_static("services"), one());
    let spec = &service["spec"];
    let ports = spec["ports"].as_array().map_or(0, Vec::len);
    let amount = |n: usize| Quantity::new(i64::try_from(n).unwrap_or(0), Format::DecimalSi);
    let balanced = spec["type"] == "LoadBalancer";
    let allocates = spec["allocateLoadBalancerNodePorts"] != Value::Bool(false);
    let node_ports = if spec["type"] == "NodePort" || balanced && allocates { ports } else { 0 };
    used.insert(Name::new_static("services.nodeports"), amount(node_ports));
    used.insert(Name::new_static("services.loadbalancers"), amount(usize::from(balanced)));
}

/// Source: kubernetes v1.36 pkg/quota/v1/evaluator/core/persistent_volume_claims.go, `pvcEvaluator.Usage`
fn claim(claim: &Value, used: &mut ResourceList) {
    const SUFFIX: &str = "storageclass.storage.k8s.io";
    let class = claim["spec"]["storageClassName"].as_str().filter(|c| !c.is_empty());
    used.insert(Name::new_static("persistentvolumeclaims"), one());
    if let Some(class) = class {
        let name = smol_str::format_smolstr!("{class}.{SUFFIX}/persistentvolumeclaims");
        used.insert(name, one());
    }
    let storage = claim["spec"]["resources"]["requests"]["storage"].as_str();
    let Some(storage) = storage.and_then(|s| s.parse::<Quantity>().ok()) else { return };
    used.insert(Name::new_static("requests.storage"), storage.clone());
    if let Some(class) = class {
        used.insert(smol_str::format_smolstr!("{class}.{SUFFIX}/requests.storage"), storage);
    }
}

/// Whether a quota counts an object: it is of all scopes, and scopes are of pods.
///
/// Source: kubernetes v1.36 pkg/quota/v1/evaluator/core/pods.go, `podMatchesScopeFunc`
///
/// Differs: the scope `VolumeAttributesClass` of claims matches nothing.
pub fn in_scope(spec: &QuotaSpec, object: &Object) -> bool {
    if spec.scopes.is_empty() && spec.scope_selector.is_none() {
        return true;
    }
    let Some(pod) = object.as_a::<Pod>() else { return spec.scope_requirements().is_empty() };
    spec.scope_requirements().iter().all(|scope| is_of(pod, scope))
}

fn is_of(pod: &Pod, scope: &ScopeRequirement) -> bool {
    let has_deadline = pod.spec.active_deadline_seconds.is_some_and(|s| s >= 0);
    let is_best_effort = pod.spec.qos_class == QosClass::BestEffort;
    match scope.scope_name.as_str() {
        "Terminating" => has_deadline,
        "NotTerminating" => !has_deadline,
        "BestEffort" => is_best_effort,
        "NotBestEffort" => !is_best_effort,
        "PriorityClass" => {
            let class = &pod.spec.priority_class_name;
            match scope.operator.as_str() {
                "Exists" => !class.is_empty(),
                "DoesNotExist" => class.is_empty(),
                "In" => scope.values.contains(class),
                _ => !scope.values.contains(class),
            }
        }
        "CrossNamespacePodAffinity" => crosses_namespaces(pod),
        _ => false,
    }
}

/// Whether an affinity to or away from pods looks at other namespaces.
///
/// Source: kubernetes v1.36 pkg/quota/v1/evaluator/core/pods.go, `usesCrossNamespacePodAffinity`
fn crosses_namespaces(pod: &Pod) -> bool {
    let affinity = pod.spec.raw.get("affinity");
    let kinds = ["podAffinity", "podAntiAffinity"];
    let terms = kinds.into_iter().filter_map(|kind| affinity?.get(kind)).flat_map(|of| {
        let all =
            |field: &str| of.get(field).and_then(Value::as_array).cloned().unwrap_or_default();
        let preferred = all("preferredDuringSchedulingIgnoredDuringExecution");
        let required = all("requiredDuringSchedulingIgnoredDuringExecution");
        required.into_iter().chain(preferred.into_iter().map(|p| p["podAffinityTerm"].clone()))
    });
    let mut terms = terms;
    terms.any(|term| {
        term["namespaces"].as_array().is_some_and(|n| !n.is_empty())
            || !term["namespaceSelector"].is_null()
    })
}
