//! Node pressure.

use serde_json::{Value, json};
use wavetank::api::quantity::{Format, Quantity};
use wavetank::node::eviction::config::{Settings, Statements, thresholds};
use wavetank::node::eviction::order::{Candidate, order};
use wavetank::node::eviction::threshold::{
    Observation, Pressure, Signal, Threshold, ThresholdValue, conditions,
};
use wavetank::sim::time::SimDuration;

use super::{Case, read, same};

fn statements(value: &Value) -> Result<Statements, String> {
    if value.is_null() { Ok(Statements::new()) } else { read(value) }
}

/// A value as the tables show it; the share of an amount is told only where thresholds are given
/// by hand.
fn shown_value(value: &ThresholdValue) -> Value {
    match value {
        ThresholdValue::Quantity(amount) => json!({"Quantity": amount, "Percentage": 0}),
        ThresholdValue::Percentage(share) => json!({"Percentage": f64::from(*share)}),
    }
}

fn shown(threshold: &Threshold) -> Value {
    let mut shown = json!({
        "Signal": threshold.signal.name(),
        "Operator": "LessThan",
        "Value": shown_value(&threshold.value),
        "GracePeriod": threshold.grace.to_string(),
    });
    if let Some(more) = &threshold.min_reclaim {
        shown["MinReclaim"] = shown_value(more);
    }
    shown
}

/// The shares of an answer as the float32 that they are: reading them as text may be off by one
/// in the last place of a float64.
fn as_float32(value: &mut Value) {
    match value {
        Value::Object(map) => map.values_mut().for_each(as_float32),
        Value::Array(items) => items.iter_mut().for_each(as_float32),
        Value::Number(number) if number.is_f64() => {
            #[expect(clippy::cast_possible_truncation, reason = "the figures are float32")]
            let share = number.as_f64().unwrap_or(0.0) as f32;
            *value = json!(f64::from(share));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

pub(super) fn config(case: &Case<'_>) -> Result<(), String> {
    let input = case.input;
    let settings = Settings {
        enforce_allocatable: read(&input["allocatableConfig"])?,
        hard: statements(&input["evictionHard"])?,
        soft: statements(&input["evictionSoft"])?,
        soft_grace: statements(&input["evictionSoftGracePeriod"])?,
        min_reclaim: statements(&input["evictionMinReclaim"])?,
    };
    let got = match thresholds(&settings) {
        Err(_) => json!({"error": true, "thresholds": []}),
        Ok(all) => {
            let all: Vec<Value> = all.iter().map(shown).collect();
            json!({"error": false, "thresholds": all})
        }
    };
    let mut want = case.want.clone();
    as_float32(&mut want);
    same(&got, &want)
}

fn value(given: &Value) -> Result<ThresholdValue, String> {
    if let Some(text) = given["Quantity"].as_str() {
        let amount: Quantity = text.parse().map_err(|_| format!("no quantity: {text}"))?;
        return Ok(ThresholdValue::Quantity(amount));
    }
    #[expect(clippy::cast_possible_truncation, reason = "the figures are those of float32")]
    let share = given["Percentage"].as_f64().unwrap_or(0.0) as f32;
    Ok(ThresholdValue::Percentage(share))
}

fn given(list: &Value) -> Result<Vec<Threshold>, String> {
    let one = |entry: &Value| {
        let name = entry["Signal"].as_str().unwrap_or_default();
        let more = &entry["MinReclaim"];
        Ok(Threshold {
            signal: Signal::named(name).ok_or_else(|| format!("no signal {name}"))?,
            value: value(&entry["Value"])?,
            grace: SimDuration::ZERO,
            min_reclaim: if more.is_null() { None } else { Some(value(more)?) },
        })
    };
    list.as_array().into_iter().flatten().map(one).collect()
}

pub(super) fn node_conditions(case: &Case<'_>) -> Result<(), String> {
    let all = given(&case.input["thresholds"])?;
    let names: Vec<&str> = conditions(&all).into_iter().map(Pressure::name).collect();
    same(&json!({"conditions": names}), case.want)
}

pub(super) fn thresholds_met(case: &Case<'_>) -> Result<(), String> {
    let all = given(&case.input["thresholds"])?;
    let mut observations = Vec::new();
    for (name, seen) in case.input["observations"].as_object().into_iter().flatten() {
        let amount = |field: &str| -> Result<Quantity, String> {
            match seen[field].as_str() {
                Some(text) => text.parse().map_err(|_| format!("no quantity: {text}")),
                None => Ok(Quantity::new(0, Format::BinarySi)),
            }
        };
        observations.push(Observation {
            signal: Signal::named(name).ok_or_else(|| format!("no signal {name}"))?,
            available: amount("available")?,
            capacity: amount("capacity")?.value(),
        });
    }
    let enforce = case.input["enforceMinReclaim"] == true;
    let met = all.iter().filter(|t| t.is_met(&observations, enforce));
    same(&json!({"met": met.map(shown).collect::<Vec<_>>()}), case.want)
}

pub(super) fn order_of_pods(case: &Case<'_>) -> Result<(), String> {
    let pressure = match case.input["pressure"].as_str() {
        Some("memory") => Pressure::Memory,
        Some("disk") => Pressure::Disk,
        Some("pids") => Pressure::Pid,
        other => return Err(format!("no pressure: {other:?}")),
    };
    let pods = case.input["pods"].as_array().ok_or("no pods")?;
    let mebi = |value: &Value| value.as_i64().unwrap_or(0) << 20;
    let candidate = |pod: &Value| {
        let used = match pressure {
            Pressure::Pid => pod["processes"].as_i64().unwrap_or(0),
            Pressure::Memory | Pressure::Disk => mebi(&pod["usageMi"]),
        };
        Candidate {
            priority: pod["priority"].as_i64().and_then(|n| i32::try_from(n).ok()).unwrap_or(0),
            request: mebi(&pod["requestMi"]),
            usage: (pod["statsMissing"] != true).then_some(used),
        }
    };
    let candidates: Vec<Candidate> = pods.iter().map(candidate).collect();
    let names: Vec<&Value> =
        order(&candidates, pressure).into_iter().map(|n| &pods[n]["name"]).collect();
    same(&json!({"evictFirstToLast": names}), case.want)
}
