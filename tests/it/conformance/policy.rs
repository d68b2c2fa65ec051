//! Conformance units: disruption budgets, eviction, admission.

mod admission;
mod eviction;

use serde_json::{Value, json};
use wavetank::api::object::{Kind, Object, ObjectKey};
use wavetank::api::policy::pod_disruption_budget::PodDisruptionBudget;
use wavetank::api::request::Verb;
use wavetank::api::time::{EPOCH, Time};
use wavetank::client::reconciler::Reconciler;
use wavetank::client::view::{Caches, View};
use wavetank::controllers::disruption::DisruptionController;
use wavetank::sim::time::SimDuration;

use super::{Case, Differs, Unit, same};

/// The units of this area, and the function that runs a case of each.
pub(crate) const UNITS: &[Unit] = &[
    ("pdb.pdb-status", pdb_status),
    ("pdb.stale-disruption", stale_disruption),
    ("pdb.eviction-request", eviction::request),
    ("pod-eviction", eviction::upstream),
    ("admission-limit-range", admission::limit_range),
    ("admission-misc", admission::misc),
];

/// Cases that are known to differ, with the reason.
pub(crate) const DIFFERS: &[Differs] = &[
    (
        "pod-eviction",
        "name in URL differs",
        "an eviction names its pod once, so there are no two names that could differ",
    ),
    (
        "admission-misc",
        "namespace: create right after the namespace was",
        "an apiserver's cache has its own deletions at once, so it needs no look at the store",
    ),
];

/// Puts an object into the caches.
fn put(caches: &mut Caches, kind: Kind, value: Value) -> Result<(), String> {
    let object = Object::from_value(kind, value).map_err(|e| e.to_string())?;
    caches.of_mut(kind).put(object);
    Ok(())
}

fn ago(seconds: u64) -> String {
    EPOCH.minus(SimDuration::secs(seconds)).to_string()
}

/// The pods of a case, and when the eviction of which was accepted.
fn pods(input: &Value) -> Result<(Vec<Value>, Value), String> {
    let mut disrupted = json!({});
    let mut all = Vec::new();
    for row in input["pods"].as_array().into_iter().flatten() {
        let name = row["name"].as_str().ok_or("a pod has a name")?;
        let ready = if row["ready"] == true { "True" } else { "False" };
        let mut pod = json!({
            "metadata": {"name": name, "namespace": "a", "uid": name, "labels": {"app": "web"}},
            "spec": {"containers": []},
            "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": ready}]}});
        if row["terminating"] == true {
            pod["metadata"]["deletionTimestamp"] = ago(0).into();
        }
        if let Some(kind) = input["owner"]["kind"].as_str() {
            let version = if kind == "ReplicationController" { "v1" } else { "apps/v1" };
            pod["metadata"]["ownerReferences"] = json!([{"apiVersion": version, "kind": kind,
                "name": "owner", "uid": "owner", "controller": true}]);
        }
        if let Some(seconds) = row["evictionAcceptedSecondsAgo"].as_u64() {
            disrupted[name] = ago(seconds).into();
        }
        all.push(pod);
    }
    Ok((all, disrupted))
}

fn pdb_status(case: &Case<'_>) -> Result<(), String> {
    let input = case.input;
    let (pods, disrupted) = pods(input)?;
    let mut caches = Caches::default();
    for pod in pods {
        put(&mut caches, Kind::POD, pod)?;
    }
    if let Some(kind) = input["owner"]["kind"].as_str() {
        let owner = json!({"metadata": {"name": "owner", "namespace": "a", "uid": "owner"},
            "spec": {"replicas": input["owner"]["replicas"]}});
        put(&mut caches, Kind::named(kind).ok_or("no such kind")?, owner)?;
    }
    let mut spec = json!({"selector": {"matchLabels": {"app": "web"}}});
    for field in ["minAvailable", "maxUnavailable"] {
        if !input[field].is_null() {
            spec[field] = input[field].clone();
        }
    }
    let budget = json!({"metadata": {"name": "b", "namespace": "a", "generation": 1},
        "spec": spec, "status": {"disruptedPods": disrupted}});
    put(&mut caches, Kind::POD_DISRUPTION_BUDGET, budget)?;
    let key = ObjectKey::new(Kind::POD_DISRUPTION_BUDGET, "a", "b");
    let plan = DisruptionController.reconcile(&key, View::new(&caches, EPOCH));
    let Some(Verb::Update { object, .. }) = plan.writes().next().map(|w| &w.verb) else {
        return Err("nothing is written".into());
    };
    let budget = object.as_a::<PodDisruptionBudget>().ok_or("no budget")?;
    let status = &budget.status;
    let condition = status.conditions.first().ok_or("no condition")?;
    let said = format!("{}/{}", condition.status.as_str(), condition.reason);
    let held: Vec<&str> = status.disrupted_pods.keys().map(wavetank::api::Name::as_str).collect();
    let got = json!({
        "conditions": {condition.kind.as_str(): said},
        "currentHealthy": status.current_healthy,
        "desiredHealthy": status.desired_healthy,
        "disruptedPods": if held.is_empty() { Value::Null } else { json!(held) },
        "disruptionsAllowed": status.disruptions_allowed,
        "error": condition.reason == "SyncFailed",
        "expectedPods": status.expected_pods,
    });
    same(&got, case.want)
}

/// The instant of a text like `now-1s`.
fn at(text: &str) -> Option<Time> {
    let seconds = text.strip_prefix("now-")?.strip_suffix('s')?;
    Some(EPOCH.minus(SimDuration::secs(seconds.parse().ok()?)))
}

fn stale_disruption(case: &Case<'_>) -> Result<(), String> {
    let mut pod = case.input["pod"].clone();
    let mut fill = |pointer: &str| {
        let text = pod.pointer(pointer).and_then(Value::as_str).and_then(at);
        if let (Some(time), Some(place)) = (text, pod.pointer_mut(pointer)) {
            *place = time.to_string().into();
        }
    };
    fill("/metadata/deletionTimestamp");
    fill("/status/conditions/0/lastTransitionTime");
    let passed = case.input["timePassed"].as_str().ok_or("no timePassed")?;
    let (minutes, seconds) = passed.split_once('m').ok_or("no minutes")?;
    let seconds: u64 = seconds.trim_end_matches('s').parse().map_err(|_| "no seconds")?;
    let minutes: u64 = minutes.parse().map_err(|_| "no minutes")?;
    let mut caches = Caches::default();
    put(&mut caches, Kind::POD, pod.clone())?;
    // The row's times are cut to whole seconds: `now-1s` is less than a second ago.
    let now = EPOCH.plus(SimDuration::secs(minutes * 60 + seconds)).minus(SimDuration::millis(1));
    let key = ObjectKey::new(Kind::POD, "default", "foo");
    let plan = DisruptionController.reconcile(&key, View::new(&caches, now));
    let after = match plan.writes().next().map(|w| &w.verb) {
        Some(Verb::Update { object, .. }) => object.to_value(),
        Some(_) | None => pod,
    };
    let conditions = after.pointer("/status/conditions").and_then(Value::as_array);
    let brief = |c: &Value| json!({"type": c["type"], "status": c["status"]});
    let got: Option<Vec<Value>> = conditions.map(|all| all.iter().map(brief).collect());
    same(&json!({"conditions": got}), case.want)
}
