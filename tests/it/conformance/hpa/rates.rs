//! Bounds, policies and the look back.

use serde_json::{Value, json};
use wavetank::api::autoscaling::horizontal_pod_autoscaler::{Behavior, ScalingRules};
use wavetank::api::object::{Kind, Object};
use wavetank::api::strategy::{self, Birth};
use wavetank::controllers::horizontal_pod_autoscaler::behavior::{
    Memory, Range, Recommendation, ScaleEvent, change_within, clamp, default_scale_up_limit,
    limit_rate,
};
use wavetank::sim::time::SimDuration;

use super::{Case, NOW, instant, int32, same};

fn seconds_ago(value: &Value) -> wavetank::api::time::Time {
    NOW.minus(SimDuration::secs(value.as_u64().unwrap_or(0)))
}

/// When an entry was: by its age, or by its instant.
fn when(entry: &Value) -> Result<wavetank::api::time::Time, String> {
    match entry["timestamp"].as_str() {
        Some(text) => instant(text),
        None => Ok(seconds_ago(&entry["secondsAgo"])),
    }
}

fn events(list: &Value) -> Result<Vec<ScaleEvent>, String> {
    let one = |entry: &Value| {
        let change =
            if entry["change"].is_null() { &entry["replicaChange"] } else { &entry["change"] };
        let outdated = entry["outdated"] == true;
        Ok(ScaleEvent { change: int32(change)?, at: when(entry)?, outdated })
    };
    list.as_array().into_iter().flatten().map(one).collect()
}

fn recommendations(list: &Value) -> Result<Vec<Recommendation>, String> {
    let one = |entry: &Value| {
        Ok(Recommendation { replicas: int32(&entry["recommendation"])?, at: when(entry)? })
    };
    list.as_array().into_iter().flatten().map(one).collect()
}

/// Rules as the user wrote them, with the API's defaults filled in.
pub(super) fn behavior(up: &Value, down: &Value) -> Result<Behavior, String> {
    let mut behavior = json!({});
    for (name, rules) in [("scaleUp", up), ("scaleDown", down)] {
        if !rules.is_null() {
            behavior[name] = rules.clone();
        }
    }
    let hpa = json!({
        "metadata": {"name": "hpa"},
        "spec": {
            "scaleTargetRef": {"kind": "Deployment", "name": "web", "apiVersion": "apps/v1"},
            "maxReplicas": 1000,
            "behavior": behavior,
        },
    });
    let birth = Birth {
        namespace: "default",
        uid: "00000000-0000-4000-8000-000000000000",
        generated_name: "",
        now: "2026-01-01T00:00:00Z",
        gates: wavetank::api::gates::Gates::DEFAULT,
    };
    let hpa = strategy::create("HorizontalPodAutoscaler", hpa, birth)
        .map_err(|r| r.message.to_string())?;
    let hpa =
        Object::from_value(Kind::HORIZONTAL_POD_AUTOSCALER, hpa).map_err(|e| e.to_string())?;
    let Object::HorizontalPodAutoscaler(hpa) = &hpa else { return Err("no autoscaler".into()) };
    hpa.spec.behavior.clone().ok_or_else(|| "no behaviour".to_owned())
}

fn rate(case: &Case<'_>, names: [&str; 7]) -> Result<(i32, &'static str), String> {
    let [up, down, ups, downs, min, max, desired] = names.map(|name| &case.input[name]);
    let memory = Memory { ups: events(ups)?, downs: events(downs)?, recommendations: Vec::new() };
    let current = int32(&case.input["currentReplicas"])?;
    let range =
        Range { min: min.as_i64().map_or(Ok(0), |_| int32(min))?, max: int32(max)?, current };
    let rules = behavior(up, down)?;
    let (replicas, why) = limit_rate(range, int32(desired)?, &rules, &memory, NOW);
    Ok((replicas, why.words().0))
}

pub(super) fn behavior_rate(case: &Case<'_>) -> Result<(), String> {
    let names = [
        "scaleUp",
        "scaleDown",
        "recentScaleUps",
        "recentScaleDowns",
        "minReplicas",
        "maxReplicas",
        "desiredReplicas",
    ];
    let (replicas, condition) = rate(case, names)?;
    same(&json!({"condition": condition, "replicas": replicas}), case.want)
}

pub(super) fn rules(case: &Case<'_>) -> Result<(), String> {
    let names = [
        "scaleUpRules",
        "scaleDownRules",
        "scaleUpEvents",
        "scaleDownEvents",
        "specMinReplicas",
        "specMaxReplicas",
        "prenormalizedDesiredReplicas",
    ];
    let (replicas, condition) = rate(case, names)?;
    same(&json!({"replicas": replicas, "condition": condition}), case.want)
}

pub(super) fn clamp_without_behavior(case: &Case<'_>) -> Result<(), String> {
    let n = |name: &str| int32(&case.input[name]);
    let current = n("currentReplicas")?;
    let range = Range { min: n("minReplicas")?, max: n("maxReplicas")?, current };
    let limit = default_scale_up_limit(current, 2);
    let (replicas, why) = clamp(range, n("desiredReplicas")?, limit);
    same(&json!({"condition": why.words().0, "replicas": replicas}), case.want)
}

pub(super) fn scale_up_limit(case: &Case<'_>) -> Result<(), String> {
    let current = int32(&case.input["currentReplicas"])?;
    same(&json!({"limit": default_scale_up_limit(current, 2)}), case.want)
}

fn windows_of(up: &Value, down: &Value) -> Behavior {
    let rules = |seconds: &Value| {
        let seconds = seconds.as_i64().and_then(|n| i32::try_from(n).ok()).unwrap_or(0);
        Some(ScalingRules {
            stabilization_window_seconds: Some(seconds),
            ..ScalingRules::default()
        })
    };
    Behavior { scale_up: rules(up), scale_down: rules(down) }
}

const FIVE_MINUTES: SimDuration = SimDuration::secs(300);

pub(super) fn stabilization(case: &Case<'_>) -> Result<(), String> {
    let input = case.input;
    let recommendations = recommendations(&input["history"])?;
    let mut memory = Memory { recommendations, ..Memory::default() };
    let windows = windows_of(&input["scaleUpWindowSeconds"], &input["scaleDownWindowSeconds"]);
    let (current, desired) = (int32(&input["currentReplicas"])?, int32(&input["desiredReplicas"])?);
    let (stabilized, way) = memory.stabilize(current, desired, &windows, FIVE_MINUTES, NOW);
    same(&json!({"reason": way.words().0, "stabilized": stabilized}), case.want)
}

pub(super) fn windows(case: &Case<'_>) -> Result<(), String> {
    let input = case.input;
    let recommendations = recommendations(&input["recommendations"])?;
    let mut memory = Memory { recommendations, ..Memory::default() };
    let up = &input["scaleUpStabilizationWindowSeconds"];
    let down = &input["scaleDownStabilizationWindowSeconds"];
    let current = int32(&input["currentReplicas"])?;
    let desired = int32(&input["prenormalizedDesiredReplicas"])?;
    let windows = windows_of(up, down);
    let (stabilized, _) = memory.stabilize(current, desired, &windows, FIVE_MINUTES, NOW);
    same(&json!({"stabilized": stabilized}), case.want)
}

pub(super) fn stabilize_window(case: &Case<'_>) -> Result<(), String> {
    let recommendations = recommendations(&case.input["recommendations"])?;
    let mut memory = Memory { recommendations, ..Memory::default() };
    let stabilized = memory.highest(int32(&case.input["desired"])?, FIVE_MINUTES, NOW);
    let kept = memory.recommendations.len();
    same(&json!({"stabilized": stabilized, "entriesKept": kept}), case.want)
}

/// The table's rules look the same both ways; the change is one up and then one down.
pub(super) fn store_events(case: &Case<'_>) -> Result<(), String> {
    let input = case.input;
    let before = events(&input["prevScaleEvents"])?;
    let rules = &input["scalingRules"];
    let own = if rules.is_null() { None } else { Some(behavior(rules, rules)?) };
    let change = int32(&input["replicaChange"])?;
    let summed = change_within(60, &before, NOW);
    for grows in [true, false] {
        let mut memory = Memory::default();
        let (old, new) = if grows { (0, change) } else { (change, 0) };
        if grows {
            memory.ups.clone_from(&before)
        } else {
            memory.downs.clone_from(&before)
        }
        memory.store(own.as_ref(), old, new, NOW);
        let after = if grows { &memory.ups } else { &memory.downs };
        let wanted = case.want["eventsAfter"].as_array().map_or(0, Vec::len);
        let shown: Vec<Value> = after
            .iter()
            .take(if own.is_some() { after.len() } else { wanted })
            .map(|e| json!({"replicaChange": e.change, "timestamp": "now", "outdated": e.outdated}))
            .collect();
        let got = json!({"eventsAfter": shown, "changeInLast60s": summed});
        same(&got, case.want)?;
    }
    Ok(())
}
