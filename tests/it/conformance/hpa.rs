//! Conformance units: the HorizontalPodAutoscaler.

mod rates;
mod sync;

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value, json};
use wavetank::api::Name;
use wavetank::api::autoscaling::metric::{
    ExternalMetricValue, MetricValue, PodMetrics as PodMetricsObject, Usage,
};
use wavetank::api::core::pod::{Pod, PodSpec, PodStatus};
use wavetank::api::meta::Meta;
use wavetank::api::object::{Kind, Object};
use wavetank::api::request::ObjectList;
use wavetank::api::time::{EPOCH, Time};
use wavetank::controllers::horizontal_pod_autoscaler::calculate::Tolerances;
use wavetank::controllers::horizontal_pod_autoscaler::group::{
    Patience, PodMetric, PodMetrics, group,
};
use wavetank::controllers::horizontal_pod_autoscaler::metric::{Answer, Sight, measure};
use wavetank::sim::time::SimDuration;

use super::{Case, Differs, Unit, same};

/// The units of this area, and the function that runs a case of each.
pub(crate) const UNITS: &[Unit] = &[
    ("hpa.hpa-behavior-rate", rates::behavior_rate),
    ("hpa.hpa-clamp-no-behavior", rates::clamp_without_behavior),
    ("hpa.hpa-default-scale-up-limit", rates::scale_up_limit),
    ("hpa.hpa-group-pods", group_pods),
    ("hpa.hpa-replica-calculation", replica_calculation),
    ("hpa.hpa-rules", rates::rules),
    ("hpa.hpa-stabilization", rates::stabilization),
    ("hpa.hpa-stabilize-window", rates::stabilize_window),
    ("hpa.hpa-store-events", rates::store_events),
    ("hpa.hpa-sync", sync::run),
    ("hpa.hpa-windows", rates::windows),
];

/// Cases that are known to differ, with the reason.
pub(crate) const DIFFERS: &[Differs] = &[];

/// The moment of the computation: far enough from the beginning of time.
const NOW: Time = Time(EPOCH.0 + 100_000_000_000_000);

/// `now-31s` as an instant.
fn instant(text: &str) -> Result<Time, String> {
    if let Some(time) = Time::parse(text) {
        return Ok(time);
    }
    let ago = text.strip_prefix("now").ok_or_else(|| format!("no instant: {text}"))?;
    if ago.is_empty() {
        return Ok(NOW);
    }
    let seconds = ago.strip_prefix('-').and_then(|t| t.strip_suffix('s')).ok_or(text)?;
    let seconds: u64 = seconds.parse().map_err(|_| text.to_owned())?;
    Ok(NOW.minus(SimDuration::secs(seconds)))
}

/// Instants that are told from now are put in place, so that the object can be read.
fn absolute(value: &mut Value) -> Result<(), String> {
    match value {
        Value::Object(map) => map.values_mut().try_for_each(absolute),
        Value::Array(items) => items.iter_mut().try_for_each(absolute),
        Value::String(text) if text.starts_with("now") => {
            *text = instant(text)?.to_string();
            Ok(())
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Ok(()),
    }
}

/// The periods that Kubernetes' own tests use.
const TEST_PATIENCE: Patience = Patience {
    cpu_initialization: SimDuration::secs(120),
    initial_readiness: SimDuration::secs(10),
};

fn object(kind: Kind, value: &Value) -> Result<Object, String> {
    let mut value = value.clone();
    absolute(&mut value)?;
    Object::from_value(kind, value).map_err(|e| e.to_string())
}

fn group_pods(case: &Case<'_>) -> Result<(), String> {
    let mut pods = Vec::new();
    for pod in case.input["pods"].as_array().into_iter().flatten() {
        pods.push(object(Kind::POD, pod)?);
    }
    let mut metrics = PodMetrics::new();
    for (name, metric) in case.input["metrics"].as_object().into_iter().flatten() {
        let timestamp = metric["Timestamp"].as_str().map_or(Ok(Time::default()), instant)?;
        let window = if metric["Window"] == "1m0s" { 60 } else { 0 };
        let value = metric["Value"].as_i64().unwrap_or(0);
        let metric = PodMetric { value, timestamp, window: SimDuration::secs(window) };
        metrics.insert(name.as_str().into(), metric);
    }
    let all = pods.iter().filter_map(|p| p.as_a::<Pod>()).map(Arc::as_ref);
    let groups = group(all, &metrics, case.input["resource"] == "cpu", TEST_PATIENCE, NOW);
    let got = json!({
        "ready": groups.ready,
        "unready": groups.unready,
        "missing": groups.missing,
        "ignored": groups.ignored,
    });
    same(&got, case.want)
}

/// What the pods of a case are like: one entry each, or nothing for the usual.
#[derive(Clone, Copy)]
struct PodRow<'a> {
    requests: &'a Value,
    readiness: &'a Value,
    start: &'a Value,
    phase: &'a Value,
    deleting: &'a Value,
}

const CONTAINERS: [&str; 2] = ["container1", "container2"];

/// The `n`-th pod: Running and Ready and started long ago, unless said otherwise.
fn pod(n: usize, row: PodRow<'_>) -> Result<Pod, String> {
    let name = format!("pod-{n}");
    let request = &row.requests[n];
    let container = |name: &&str| match request {
        Value::Null => json!({"name": name}),
        cpu => json!({"name": name, "resources": {"requests": {"cpu": cpu}}}),
    };
    let spec = json!({"containers": CONTAINERS.iter().map(container).collect::<Vec<_>>()});
    let long_ago = NOW.minus(SimDuration::secs(10_000));
    let start = row.start[n].as_str().map_or(Ok(long_ago), instant)?;
    let status = json!({
        "phase": row.phase[n].as_str().unwrap_or("Running"),
        "startTime": start.to_string(),
        "conditions": [{
            "type": "Ready",
            "status": row.readiness[n].as_str().unwrap_or("True"),
            "lastTransitionTime": start.to_string(),
        }],
    });
    let mut meta = Meta::named("default", &name);
    meta.deletion = (row.deleting[n] == true).then_some(NOW);
    let spec = PodSpec::parse(spec.as_object().cloned().unwrap_or_default());
    let status: PodStatus = serde_json::from_value(status).map_err(|e| e.to_string())?;
    Ok(Pod {
        meta,
        spec: spec.map_err(|e| e.to_string())?,
        node_name: Name::default(),
        status: Arc::new(status),
    })
}

fn pods(count: usize, row: PodRow<'_>) -> Result<Vec<Pod>, String> {
    (0..count).map(|n| pod(n, row)).collect()
}

fn list(items: Vec<Object>) -> Answer {
    let list =
        ObjectList { resource_version: 0, items, continue_token: Name::default(), remaining: None };
    Ok(Arc::new(list))
}

/// The figures of pods: thousandths of a CPU for each container.
fn usage(levels: &[(String, Vec<i64>)]) -> Answer {
    let one = |(name, levels): &(String, Vec<i64>)| {
        let containers = levels.iter().zip(CONTAINERS).map(|(milli, container)| {
            let nanocores = u64::try_from(*milli).unwrap_or(0) * 1_000_000;
            (Name::new_static(container), Usage { nanocores, bytes: 0 })
        });
        Object::from(PodMetricsObject {
            meta: Meta::named("default", name),
            timestamp: NOW,
            window: SimDuration::secs(60),
            containers: containers.collect(),
        })
    };
    list(levels.iter().map(one).collect())
}

/// The values of a metric by name: of each pod, or of the one object.
fn values(levels: &[i64]) -> Answer {
    let one = |(n, milli): (usize, &i64)| {
        Object::from(MetricValue {
            meta: Meta::named("default", &format!("pod-{n}")),
            timestamp: NOW,
            milli: *milli,
            ..MetricValue::default()
        })
    };
    list(levels.iter().enumerate().map(one).collect())
}

fn series(levels: &[i64]) -> Answer {
    let one = |milli: &i64| {
        Object::from(ExternalMetricValue {
            timestamp: NOW,
            milli: *milli,
            ..ExternalMetricValue::default()
        })
    };
    list(levels.iter().map(one).collect())
}

fn numbers(value: &Value) -> Vec<i64> {
    value.as_array().into_iter().flatten().filter_map(Value::as_i64).collect()
}

fn int32(value: &Value) -> Result<i32, String> {
    let n = value.as_i64().and_then(|n| i32::try_from(n).ok());
    n.ok_or_else(|| format!("no number: {value}"))
}

/// The metric of a case as an autoscaler asks for it, and its answer.
fn question(input: &Value) -> (Value, Answer) {
    if let Some(resource) = input["resource"].as_object() {
        let levels = resource["levels"].as_array().into_iter().flatten().enumerate();
        let named = |n: usize| match input["resource"]["podNames"][n].as_str() {
            Some(name) => name.to_owned(),
            None => format!("pod-{n}"),
        };
        let levels: Vec<(String, Vec<i64>)> =
            levels.map(|(n, of)| (named(n), numbers(of))).collect();
        let target =
            json!({"type": "Utilization", "averageUtilization": resource["targetUtilization"]});
        let name = &resource["name"];
        let spec = match input["container"].as_str() {
            Some(container) => json!({
                "type": "ContainerResource",
                "containerResource": {"name": name, "target": target, "container": container},
            }),
            None => json!({"type": "Resource", "resource": {"name": name, "target": target}}),
        };
        return (spec, usage(&levels));
    }
    let metric = &input["metric"];
    let identifier = json!({"name": metric["name"]});
    let milli = |n: &Value| format!("{}m", n.as_i64().unwrap_or(0));
    let whole = json!({"type": "Value", "value": milli(&metric["targetUsage"])});
    let shared =
        json!({"type": "AverageValue", "averageValue": milli(&metric["perPodTargetUsage"])});
    let each = json!({"type": "AverageValue", "averageValue": milli(&metric["targetUsage"])});
    let levels = numbers(&metric["levels"]);
    let object = &metric["singleObject"];
    let of_object = |target: Value| {
        let source = json!({"describedObject": object, "target": target, "metric": identifier});
        json!({"type": "Object", "object": source})
    };
    let external = |target: Value| {
        let source = json!({"metric": identifier, "target": target});
        json!({"type": "External", "external": source})
    };
    match metric["metricType"].as_i64() {
        Some(0) => (of_object(whole), values(&levels)),
        Some(1) => (of_object(shared), values(&levels)),
        Some(2) => (external(whole), series(&levels)),
        Some(3) => (external(shared), series(&levels)),
        _ => {
            let source = json!({"metric": identifier, "target": each});
            (json!({"type": "Pods", "pods": source}), values(&levels))
        }
    }
}

fn replica_calculation(case: &Case<'_>) -> Result<(), String> {
    let input = case.input;
    let current = int32(&input["currentReplicas"])?;
    let requests = &input["resource"]["requests"];
    let row = PodRow {
        requests,
        readiness: &input["podReadiness"],
        start: &input["podStartTime"],
        phase: &input["podPhase"],
        deleting: &input["podDeletionTimestamp"],
    };
    let given = |value: &Value| value.as_array().map(Vec::len);
    let count = [requests, &input["podReadiness"], &input["podPhase"]]
        .into_iter()
        .filter_map(given)
        .max()
        .or(usize::try_from(current).ok())
        .unwrap_or(0);
    // Pods beyond those that are wanted are there only where the case describes them.
    let pods = pods(count, row)?;
    let pods: Vec<&Pod> = pods.iter().collect();
    let usual = Tolerances::default();
    let own = &input["tolerances"];
    let tolerances = Tolerances {
        up: own["scaleUp"].as_f64().unwrap_or(usual.up),
        down: own["scaleDown"].as_f64().unwrap_or(usual.down),
    };
    let (spec, answer) = question(input);
    let spec = serde_json::from_value(spec).map_err(|e| e.to_string())?;
    let sight = Sight {
        wanted: current,
        there: current,
        pods: &pods,
        namespace: &Name::new_static("default"),
        tolerances,
        patience: TEST_PATIENCE,
        now: NOW,
    };
    let got = match measure(&spec, &answer, sight) {
        Err(_) => json!({"error": true}),
        Ok(measured) => {
            let of = serde_json::to_value(&measured.status).map_err(|e| e.to_string())?;
            let current = of
                .as_object()
                .into_iter()
                .flatten()
                .find_map(|(_, v)| v.get("current"))
                .cloned()
                .unwrap_or_default();
            let milli = |name: &str| {
                let text = current[name].as_str()?;
                let quantity: wavetank::api::quantity::Quantity = text.parse().ok()?;
                Some(quantity.milli_value())
            };
            let value = milli("averageValue").or(milli("value"));
            let mut got =
                BTreeMap::from([("error", json!(false)), ("replicas", json!(measured.replicas))]);
            if input["resource"].is_object() {
                got.insert("utilization", current["averageUtilization"].clone());
                got.insert("rawValue", json!(value));
            } else {
                got.insert("usage", json!(value));
            }
            json!(got)
        }
    };
    same(&got, case.want)
}
