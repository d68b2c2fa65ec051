//! New pods: their first status and class of service.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::api::defaults::{field, items};
use crate::api::quantity::Quantity;
use crate::api::validation::read::{at, entries, get, int, list, text, texts};
use crate::api::validation::resources::quantity;

const TERMS: [&str; 2] = [
    "requiredDuringSchedulingIgnoredDuringExecution",
    "preferredDuringSchedulingIgnoredDuringExecution",
];

/// Source: kubernetes v1.36 pkg/registry/core/pod/strategy.go, `podStrategy.PrepareForCreate`
pub(super) fn prepare(object: &mut Value, now: &str) {
    let class = qos_class(at(object, "spec"));
    object["status"] = json!({"phase": "Pending", "qosClass": class});
    let spec = field(object, "spec");
    if int(spec, "terminationGracePeriodSeconds").is_some_and(|g| g < 0) {
        spec["terminationGracePeriodSeconds"] = json!(1);
    }
    if !list(spec, "schedulingGates").is_empty() {
        object["status"]["conditions"] = json!([{
            "type": "PodScheduled",
            "status": "False",
            "lastProbeTime": null,
            "lastTransitionTime": now,
            "reason": "SchedulingGated",
            "message": "Scheduling is blocked due to non-empty scheduling gates",
        }]);
    }
    label_keys(object);
}

/// Keys whose value is the pod's own become part of the selector.
///
/// Source: kubernetes v1.36 pkg/registry/core/pod/strategy.go,
/// `applyMatchLabelKeysAndMismatchLabelKeys`
fn label_keys(object: &mut Value) {
    let labels = at(at(object, "metadata"), "labels").clone();
    let spec = field(object, "spec");
    for constraint in items(spec, "topologySpreadConstraints") {
        add_keys(constraint, "matchLabelKeys", "In", &labels);
    }
    for kind in ["podAffinity", "podAntiAffinity"] {
        let Some(affinity) = spec.get_mut("affinity").and_then(|a| a.get_mut(kind)) else {
            continue;
        };
        for list in TERMS {
            for term in items(affinity, list) {
                let is_weighted = get(term, "podAffinityTerm").is_some();
                let term = if is_weighted { &mut term["podAffinityTerm"] } else { term };
                add_keys(term, "matchLabelKeys", "In", &labels);
                add_keys(term, "mismatchLabelKeys", "NotIn", &labels);
            }
        }
    }
}

fn add_keys(term: &mut Value, keys: &str, operator: &str, labels: &Value) {
    if get(term, "labelSelector").is_none() {
        return;
    }
    let added: Vec<Value> = texts(term, keys)
        .filter(|key| get(labels, key).is_some())
        .map(|key| json!({"key": key, "operator": operator, "values": [text(labels, key)]}))
        .collect();
    if added.is_empty() {
        return;
    }
    let selector = &mut term["labelSelector"];
    let mut all = list(selector, "matchExpressions").to_vec();
    all.extend(added);
    selector["matchExpressions"] = all.into();
}

/// `Guaranteed`, `Burstable` or `BestEffort`.
///
/// Source: kubernetes v1.36 pkg/apis/core/helper/qos/qos.go, `ComputePodQOS`
pub fn qos_class(spec: &Value) -> &'static str {
    let own = at(spec, "resources");
    let of_pod = get(own, "limits").is_some() || get(own, "requests").is_some();
    let parts: Vec<&Value> = if of_pod {
        vec![own]
    } else {
        ["containers", "initContainers"]
            .iter()
            .flat_map(|field| list(spec, field))
            .map(|container| at(container, "resources"))
            .collect()
    };
    let (mut requests, mut limits) = (BTreeMap::new(), BTreeMap::new());
    let mut is_guaranteed = true;
    for resources in parts {
        add(&mut requests, resources, "requests");
        let limited = add(&mut limits, resources, "limits");
        is_guaranteed &= limited == 2;
    }
    if requests.is_empty() && limits.is_empty() {
        "BestEffort"
    } else if is_guaranteed && requests == limits {
        "Guaranteed"
    } else {
        "Burstable"
    }
}

/// Adds up what is more than nothing of processor and memory; answers how many there were.
fn add<'a>(sum: &mut BTreeMap<&'a str, Quantity>, resources: &'a Value, list: &str) -> usize {
    let mut count = 0;
    for (name, value) in entries(resources, list) {
        let Some(amount) = quantity(value).filter(|q| q.sign() > 0) else { continue };
        if !["cpu", "memory"].contains(&name) {
            continue;
        }
        count += 1;
        let entry = sum.entry(name).or_default();
        *entry = entry.add(&amount);
    }
    count
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{prepare, qos_class};

    #[test]
    fn the_class_of_service_follows_requests_and_limits() {
        let of = |resources| qos_class(&json!({"containers": [{"resources": resources}]}));
        let all = json!({"cpu": "1", "memory": "1Gi"});
        assert_eq!(of(json!({})), "BestEffort");
        assert_eq!(of(json!({"requests": {"cpu": "1"}})), "Burstable");
        assert_eq!(of(json!({"requests": all, "limits": all})), "Guaranteed");
    }

    #[test]
    fn keys_of_the_pods_own_labels_join_the_selector_of_a_spread_constraint() {
        let constraint = json!({"labelSelector": {}, "matchLabelKeys": ["a", "b"]});
        let mut pod = json!({
            "metadata": {"labels": {"a": "x"}},
            "spec": {"topologySpreadConstraints": [constraint]},
        });
        prepare(&mut pod, "");
        let selector = &pod["spec"]["topologySpreadConstraints"][0]["labelSelector"];
        let wanted = json!([{"key": "a", "operator": "In", "values": ["x"]}]);
        assert_eq!(selector["matchExpressions"], wanted);
    }
}
