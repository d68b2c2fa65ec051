//! One pass of an autoscaler, from the figures to the replicas and conditions.

use serde_json::{Value, json};
use wavetank::api::Name;
use wavetank::api::autoscaling::horizontal_pod_autoscaler::{
    HorizontalPodAutoscaler, HpaSpec, HpaStatus, MetricSpec,
};
use wavetank::api::core::pod::Pod;
use wavetank::api::meta::Meta;
use wavetank::controllers::horizontal_pod_autoscaler::HpaOptions;
use wavetank::controllers::horizontal_pod_autoscaler::behavior::{Memory, Recommendation};
use wavetank::controllers::horizontal_pod_autoscaler::decision::{
    Pass, highest, rescaled, tolerances,
};
use wavetank::controllers::horizontal_pod_autoscaler::metric::{Answer, Sight, measure};

use super::{
    Case, NOW, PodRow, TEST_PATIENCE, instant, int32, numbers, pods, rates, same, series, usage,
    values,
};

fn autoscaler(input: &Value) -> Result<HorizontalPodAutoscaler, String> {
    let mut metrics = Vec::new();
    if let Some(percent) = input["cpuTargetUtilization"].as_i64() {
        let target = json!({"type": "Utilization", "averageUtilization": percent});
        let resource = json!({"name": "cpu", "target": target});
        metrics.push(json!({"type": "Resource", "resource": resource}));
    }
    metrics.extend(input["metricsTarget"].as_array().into_iter().flatten().cloned());
    let metrics: Result<Vec<MetricSpec>, _> =
        metrics.into_iter().map(serde_json::from_value).collect();
    let (up, down) = (&input["scaleUpRules"], &input["scaleDownRules"]);
    let has_rules = !up.is_null() || !down.is_null();
    let spec = HpaSpec {
        min_replicas: Some(int32(&input["minReplicas"])?),
        max_replicas: int32(&input["maxReplicas"])?,
        metrics: metrics.map_err(|e| e.to_string())?,
        behavior: if has_rules { Some(rates::behavior(up, down)?) } else { None },
        ..HpaSpec::default()
    };
    let conditions = match &input["initialConditions"] {
        Value::Null => Vec::new(),
        given => serde_json::from_value(given.clone()).map_err(|e| e.to_string())?,
    };
    let last = input["lastScaleTime"].as_str().map(instant).transpose()?;
    let status = HpaStatus { conditions, last_scale_time: last, ..HpaStatus::default() };
    Ok(HorizontalPodAutoscaler { meta: Meta::named("default", "hpa"), spec: spec.into(), status })
}

/// The answer to a metric of a case.
fn answer(spec: &MetricSpec, usage_milli: &[i64]) -> Answer {
    if spec.pods.is_some() || spec.object.is_some() {
        return values(usage_milli);
    }
    if spec.external.is_some() {
        return series(usage_milli);
    }
    let pod = |(n, milli): (usize, &i64)| (format!("pod-{n}"), vec![*milli, *milli]);
    let levels: Vec<(String, Vec<i64>)> = usage_milli.iter().enumerate().map(pod).collect();
    usage(&levels)
}

fn memory(input: &Value, wanted: i32) -> Result<Memory, String> {
    let mut memory = Memory::default();
    match input["recommendations"].as_array() {
        None => memory.recommendations.push(Recommendation { replicas: wanted, at: NOW }),
        Some(all) => {
            for one in all {
                let at = instant(one["timestamp"].as_str().unwrap_or_default())?;
                let replicas = int32(&one["recommendation"])?;
                memory.recommendations.push(Recommendation { replicas, at });
            }
        }
    }
    Ok(memory)
}

/// The suite has the gate of scaling to zero on in tests of zero replicas alone, and the table does
/// not say in which of them: it has rows with the same input and different answers, one for each.
/// So where zero comes into it the answer has to be that with the gate or that without, and
/// elsewhere that without.
pub(super) fn run(case: &Case<'_>) -> Result<(), String> {
    let is_zero = |name: &str| case.input[name] == 0;
    let want = without_begun(case.want, case.input);
    let off = same(&outcome(case, false)?, &want);
    if !is_zero("minReplicas") && !is_zero("specReplicas") {
        return off;
    }
    let on = outcome(case, true)?;
    off.or_else(|off| same(&on, &want).map_err(|on| format!("{off}\nwith the gate: {on}")))
}

/// An answer without the conditions that the row begins with and that are as they were: the suite
/// looks at them in some rows only.
fn without_begun(answer: &Value, input: &Value) -> Value {
    let mut shown = answer.clone();
    let begun = input["initialConditions"].as_array().cloned().unwrap_or_default();
    if let Some(conditions) = shown["conditions"].as_array_mut() {
        let is_as = |c: &Value, b: &Value| c["type"] == b["type"] && c["status"] == b["status"];
        conditions.retain(|c| !begun.iter().any(|b| is_as(c, b)));
    }
    shown
}

fn outcome(case: &Case<'_>, scale_to_zero: bool) -> Result<Value, String> {
    let input = case.input;
    let hpa = autoscaler(input)?;
    let (wanted, there) = (int32(&input["specReplicas"])?, int32(&input["statusReplicas"])?);
    let options = HpaOptions {
        patience: TEST_PATIENCE,
        scale_up_factor: int32(&input["noBehaviorScaleUpLimitFactor"])?,
        scale_to_zero,
        ..HpaOptions::default()
    };
    let row = PodRow {
        requests: &input["cpuRequests"],
        readiness: &input["podReadiness"],
        start: &input["podStartTime"],
        phase: &input["podPhase"],
        deleting: &input["podDeleting"],
    };
    let given = |name: &str| input[name].as_array().map(Vec::len).filter(|n| *n > 0);
    let count = given("podReadiness").or(given("cpuRequests"));
    let count = count.or(usize::try_from(there).ok()).unwrap_or(0);
    let pods = pods(count, row)?;
    let pods: Vec<&Pod> = pods.iter().collect();
    let sight = Sight {
        wanted,
        there,
        pods: &pods,
        namespace: &Name::new_static("default"),
        tolerances: tolerances(&hpa.spec, &options),
        patience: options.patience,
        now: NOW,
    };
    let mut memory = memory(input, wanted)?;
    let mut pass = Pass::new(&hpa, &options, NOW);
    if !pass.scale_known(wanted) {
        let usage = numbers(&input["usageMilli"]);
        let measure = |spec| measure(spec, &answer(spec, &usage), sight);
        let all = hpa.spec.metrics.iter().map(measure).collect();
        pass.measured(wanted, highest(all, wanted), &mut memory);
    }
    let decision = pass.decision();
    let status = rescaled(&decision, &hpa.spec, &options, NOW);
    let mut got = json!({
        "desiredReplicas": decision.rescale.as_ref().map_or(wanted, |(to, _)| *to),
        "scaled": decision.rescale.is_some(),
    });
    if case.want["conditions"].is_array() {
        let shown = status
            .conditions
            .iter()
            .map(|c| json!({"type": c.kind, "status": c.status.as_str(), "reason": c.reason}));
        got["conditions"] = shown.collect();
    }
    Ok(without_begun(&got, input))
}
