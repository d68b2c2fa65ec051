//! What a page shows of an object at a glance, as a short text.
//!
//! Responsible for reading pods, nodes and whatever has replicas from their JSON, so that a kind
//! that is added shows up without a change here.

use serde_json::Value;

use crate::api::object::{Kind, Object};
use crate::trace::page::aim::aim;

/// The state of a version: `P…` for a pod, `N…` for a node, `W…` for what keeps a number of pods,
/// `D…` for what desires something else; empty for all others. The parts are separated by `|`.
pub(super) fn state(object: &Object, value: &Value) -> String {
    match object.kind() {
        Kind::POD => pod(value),
        Kind::NODE => node(value),
        kind => {
            let text = workload(kind.name(), value);
            if text.is_empty() { aim(kind, value) } else { text }
        }
    }
}

/// `P|node|phase|ready|restarts|leaving|word|image`.
fn pod(value: &Value) -> String {
    let (spec, status) = (&value["spec"], &value["status"]);
    let statuses = status["containerStatuses"].as_array().map_or(&[][..], Vec::as_slice);
    let restarts: i64 = statuses.iter().filter_map(|s| s["restartCount"].as_i64()).sum();
    let reason = |s: &Value| {
        let state = &s["state"];
        let waiting = state["waiting"]["reason"].as_str();
        let ended = state["terminated"]["reason"].as_str();
        waiting.or(ended).map(str::to_owned)
    };
    let word = statuses.iter().find_map(reason);
    let word = word.or_else(|| status["reason"].as_str().map(str::to_owned)).unwrap_or_default();
    let leaving = value["metadata"]["deletionTimestamp"].is_string();
    format!(
        "P|{}|{}|{}|{restarts}|{}|{word}|{}",
        text(&spec["nodeName"]),
        text(&status["phase"]),
        u8::from(is_true(status, "Ready")),
        u8::from(leaving),
        text(&spec["containers"][0]["image"]),
    )
}

/// `N|ready|closed|taints|zone|pods|cpu|memory`.
fn node(value: &Value) -> String {
    let (spec, status) = (&value["spec"], &value["status"]);
    let ready = condition(status, "Ready").unwrap_or("Unknown");
    let taints = spec["taints"].as_array().map_or(&[][..], Vec::as_slice);
    let taint = |t: &Value| format!("{}:{}", text(&t["key"]), text(&t["effect"]));
    let taints: Vec<String> = taints.iter().map(taint).collect();
    let labels = &value["metadata"]["labels"];
    format!(
        "N|{ready}|{}|{}|{}|{}|{}|{}",
        u8::from(spec["unschedulable"].as_bool().unwrap_or(false)),
        taints.join(" "),
        text(&labels["topology.kubernetes.io/zone"]),
        text(&status["allocatable"]["pods"]),
        text(&status["allocatable"]["cpu"]),
        text(&status["allocatable"]["memory"]),
    )
}

/// `W|desired|pods|ready|available|updated|done|failed`.
fn workload(kind: &str, value: &Value) -> String {
    let Some([desired, pods, ready, available, updated]) = numbers(kind, value) else {
        return String::new();
    };
    let of = |value: &Value| value.as_i64().unwrap_or(0);
    let status = &value["status"];
    let (done, failed) = (of(&status["succeeded"]), of(&status["failed"]));
    format!("W|{desired}|{pods}|{ready}|{available}|{updated}|{done}|{failed}")
}

/// Of what keeps a number of pods: how many are desired, there, ready, available, and of the
/// newest template. Of a Job: completions, active, ready, succeeded.
pub(crate) fn numbers(kind: &str, value: &Value) -> Option<[i64; 5]> {
    let (spec, status) = (&value["spec"], &value["status"]);
    let of = |value: &Value| value.as_i64().unwrap_or(0);
    if !spec["template"].is_object() {
        return None;
    }
    let all = match kind {
        "DaemonSet" => [
            of(&status["desiredNumberScheduled"]),
            of(&status["currentNumberScheduled"]),
            of(&status["numberReady"]),
            of(&status["numberAvailable"]),
            of(&status["updatedNumberScheduled"]),
        ],
        "Job" => {
            let one = spec["parallelism"].as_i64().unwrap_or(1);
            let wanted = spec["completions"].as_i64().unwrap_or(one);
            [wanted, of(&status["active"]), of(&status["ready"]), of(&status["succeeded"]), 0]
        }
        _ => [
            spec["replicas"].as_i64().unwrap_or(1),
            of(&status["replicas"]),
            of(&status["readyReplicas"]),
            of(&status["availableReplicas"]),
            of(&status["updatedReplicas"]),
        ],
    };
    Some(all)
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn condition<'a>(status: &'a Value, kind: &str) -> Option<&'a str> {
    let all = status["conditions"].as_array()?;
    all.iter().find(|c| c["type"] == kind)?["status"].as_str()
}

fn is_true(status: &Value, kind: &str) -> bool {
    condition(status, kind) == Some("True")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_pod_is_told_by_what_people_look_at_first() {
        let value = json!({
            "spec": {"nodeName": "node-1", "containers": [{"image": "web:v1"}]},
            "status": {
                "phase": "Running",
                "conditions": [{"type": "Ready", "status": "False"}],
                "containerStatuses": [
                    {"restartCount": 2, "state": {"waiting": {"reason": "CrashLoopBackOff"}}},
                ],
            },
        });
        assert_eq!(pod(&value), "P|node-1|Running|0|2|0|CrashLoopBackOff|web:v1");
    }

    #[test]
    fn what_has_a_template_keeps_a_number_of_pods() {
        let value = json!({"spec": {"replicas": 3, "template": {}}, "status": {"replicas": 2}});
        assert_eq!(workload("Deployment", &value), "W|3|2|0|0|0|0|0");
        assert_eq!(workload("ConfigMap", &json!({"spec": {}})), "");
    }
}
