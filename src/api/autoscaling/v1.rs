//! `autoscaling/v1` of a `HorizontalPodAutoscaler`: what of it becomes what of `autoscaling/v2`.
//!
//! v1 knows one target, the CPU utilization. Metrics of other sorts, their figures, conditions and
//! behaviour, which v1 has no fields for, are carried in annotations, so that nothing is lost by
//! reading an object in one version and writing it in the other. Conversion never decides what a
//! value means and never defaults: an autoscaler without metrics stays one.
//!
//! Source: kubernetes v1.36 pkg/apis/autoscaling/v1/conversion.go,
//! `Convert_v1_HorizontalPodAutoscaler_To_autoscaling_HorizontalPodAutoscaler`,
//! `Convert_autoscaling_HorizontalPodAutoscaler_To_v1_HorizontalPodAutoscaler`

use serde_json::{Map, Value, json};

/// The version.
pub const API_VERSION: &str = "autoscaling/v1";

/// The version that is stored.
const STORED: &str = "autoscaling/v2";

const TARGET: &str = "targetCPUUtilizationPercentage";
const CURRENT: &str = "currentCPUUtilizationPercentage";

/// Annotations that carry what v1 has no fields for.
///
/// Source: kubernetes v1.36 pkg/apis/autoscaling/annotations.go
const METRICS: &str = "autoscaling.alpha.kubernetes.io/metrics";
const CURRENT_METRICS: &str = "autoscaling.alpha.kubernetes.io/current-metrics";
const CONDITIONS: &str = "autoscaling.alpha.kubernetes.io/conditions";
const BEHAVIOR: &str = "autoscaling.alpha.kubernetes.io/behavior";

/// Turns an object of v1 into one of v2.
///
/// An annotation that cannot be read is dropped like one that can: v2 has fields instead.
pub fn to_v2(object: &mut Value) {
    object["apiVersion"] = STORED.into();
    let metrics = take_annotation(object, METRICS);
    let figures = take_annotation(object, CURRENT_METRICS);
    let conditions = take_annotation(object, CONDITIONS);
    let behavior = take_annotation(object, BEHAVIOR);
    if let Some(spec) = object.get_mut("spec").and_then(Value::as_object_mut) {
        spec_to_v2(spec, metrics.as_ref(), behavior.as_ref());
    }
    let told = figures.is_some() || conditions.is_some();
    if told && !object["status"].is_object() {
        object["status"] = json!({});
    }
    if let Some(status) = object.get_mut("status").and_then(Value::as_object_mut) {
        let current = status.shift_remove(CURRENT).filter(|n| !n.is_null());
        let own = current.map(|n| {
            let current = json!({"averageUtilization": n});
            json!([{"type": "Resource", "resource": {"name": "cpu", "current": current}}])
        });
        // The annotation knows more.
        let figures = figures.as_ref().and_then(Value::as_array);
        let figures = figures.map(|all| all.iter().map(figure_to_v2).collect::<Value>());
        if let Some(all) = figures.or(own) {
            status.insert("currentMetrics".to_owned(), all);
        }
        if let Some(all @ Value::Array(_)) = conditions {
            status.insert("conditions".to_owned(), all);
        }
    }
}

fn spec_to_v2(spec: &mut Map<String, Value>, metrics: Option<&Value>, behavior: Option<&Value>) {
    let others = metrics.and_then(Value::as_array);
    let mut all: Vec<Value> = others.into_iter().flatten().map(metric_to_v2).collect();
    if let Some(percent) = spec.shift_remove(TARGET).filter(|n| !n.is_null()) {
        let target = json!({"type": "Utilization", "averageUtilization": percent});
        all.push(json!({"type": "Resource", "resource": {"name": "cpu", "target": target}}));
    }
    if !all.is_empty() {
        spec.insert("metrics".to_owned(), all.into());
    }
    let behavior = behavior.map(|b| renamed(b, lower)).filter(|b| b.as_object().is_some());
    if let Some(behavior) = behavior.filter(|b| *b != json!({})) {
        spec.insert("behavior".to_owned(), behavior);
    }
}

/// Turns an object of v2 into one of v1.
///
/// All metrics of the CPU's utilization are left out of the annotation although only the first can
/// be the target: so it is upstream.
pub fn from_v2(object: &mut Value) {
    object["apiVersion"] = API_VERSION.into();
    [METRICS, CURRENT_METRICS, CONDITIONS, BEHAVIOR]
        .iter()
        .for_each(|name| drop(take_annotation(object, name)));
    let mut carried = Vec::new();
    if let Some(spec) = object.get_mut("spec").and_then(Value::as_object_mut) {
        let metrics = list(spec.shift_remove("metrics"));
        let is_cpu = |m: &&Value| m["resource"]["name"] == "cpu" && m["type"] == "Resource";
        let percent = |m: &Value| m["resource"]["target"]["averageUtilization"].clone();
        let first = metrics.iter().find(is_cpu).map(percent).filter(|n| !n.is_null());
        if let Some(percent) = first {
            spec.insert(TARGET.to_owned(), percent);
        }
        let is_other = |m: &&Value| !is_cpu(m) || percent(m).is_null();
        let others: Vec<Value> = metrics.iter().filter(is_other).map(metric_from_v2).collect();
        carried.push((METRICS, Value::from(others)));
        if let Some(behavior) = spec.shift_remove("behavior").filter(Value::is_object) {
            carried.push((BEHAVIOR, internal(&behavior)));
        }
    }
    if let Some(status) = object.get_mut("status").and_then(Value::as_object_mut) {
        let figures = list(status.shift_remove("currentMetrics"));
        let is_cpu = |m: &&Value| m["resource"]["name"] == "cpu" && m["type"] == "Resource";
        let percent = |m: &Value| m["resource"]["current"]["averageUtilization"].clone();
        let last = figures.iter().filter(is_cpu).map(percent).rfind(|n| !n.is_null());
        if let Some(percent) = last {
            status.insert(CURRENT.to_owned(), percent);
        }
        carried.push((CURRENT_METRICS, figures.iter().map(figure_from_v2).collect()));
        carried.push((CONDITIONS, list(status.shift_remove("conditions")).into()));
    }
    for (name, value) in carried {
        if value.as_array().is_none_or(|all| !all.is_empty()) {
            object["metadata"]["annotations"][name] = value.to_string().into();
        }
    }
}

fn list(value: Option<Value>) -> Vec<Value> {
    match value {
        Some(Value::Array(all)) => all,
        _ => Vec::new(),
    }
}

/// Takes an annotation away and reads it; annotations of which none is left are gone.
fn take_annotation(object: &mut Value, name: &str) -> Option<Value> {
    let metadata = object.get_mut("metadata")?.as_object_mut()?;
    let annotations = metadata.get_mut("annotations")?.as_object_mut()?;
    let text = annotations.shift_remove(name)?;
    if annotations.is_empty() {
        metadata.shift_remove("annotations");
    }
    serde_json::from_str(text.as_str()?).ok()
}

/// An object with those of its members that say something.
fn object_of(members: Vec<(&str, Value)>) -> Value {
    let told = members.into_iter().filter(|(_, value)| !value.is_null());
    Value::Object(told.map(|(name, value)| (name.to_owned(), value)).collect())
}

/// The type of a metric, and what is at the member of that type, turned.
fn of_type(metric: &Value, turn: impl Fn(&str, &Value) -> Value) -> Value {
    let mut out = vec![("type", metric["type"].clone())];
    for member in ["object", "pods", "resource", "containerResource", "external"] {
        if metric[member].is_object() {
            out.push((member, turn(member, &metric[member])));
        }
    }
    object_of(out)
}

fn target(kind: &str, members: Vec<(&str, Value)>) -> Value {
    let mut all = vec![("type", kind.into())];
    all.extend(members);
    object_of(all)
}

fn identifier(name: &Value, selector: &Value) -> Value {
    object_of(vec![("name", name.clone()), ("selector", selector.clone())])
}

/// A quantity that v1 always has.
fn or_zero(value: &Value) -> Value {
    if value.is_null() { "0".into() } else { value.clone() }
}

fn metric_to_v2(metric: &Value) -> Value {
    of_type(metric, |member, it| {
        let one = |name: &str| it[name].clone();
        match member {
            "pods" => {
                let average = or_zero(&it["targetAverageValue"]);
                json!({
                    "metric": identifier(&it["metricName"], &it["selector"]),
                    "target": target("AverageValue", vec![("averageValue", average)]),
                })
            }
            "object" => {
                let has = !it["averageValue"].is_null();
                let kind = if has { "AverageValue" } else { "Value" };
                let values = vec![
                    ("value", or_zero(&it["targetValue"])),
                    ("averageValue", one("averageValue")),
                ];
                json!({
                    "describedObject": it["target"],
                    "target": target(kind, values),
                    "metric": identifier(&it["metricName"], &it["selector"]),
                })
            }
            "external" => {
                let has = !it["targetValue"].is_null();
                let kind = if has { "Value" } else { "AverageValue" };
                let average = one("targetAverageValue");
                let values = vec![("value", one("targetValue")), ("averageValue", average)];
                json!({
                    "metric": identifier(&it["metricName"], &it["metricSelector"]),
                    "target": target(kind, values),
                })
            }
            _ => {
                let has = !it["targetAverageUtilization"].is_null();
                let kind = if has { "Utilization" } else { "AverageValue" };
                let values = vec![
                    ("averageValue", one("targetAverageValue")),
                    ("averageUtilization", one("targetAverageUtilization")),
                ];
                let target = target(kind, values);
                let container = one("container");
                object_of(vec![("name", one("name")), ("target", target), ("container", container)])
            }
        }
    })
}

fn metric_from_v2(metric: &Value) -> Value {
    of_type(metric, |member, it| {
        let (name, selector) = (it["metric"]["name"].clone(), it["metric"]["selector"].clone());
        let to = |name: &str| it["target"][name].clone();
        object_of(match member {
            "pods" => vec![
                ("metricName", name),
                ("targetAverageValue", or_zero(&to("averageValue"))),
                ("selector", selector),
            ],
            "object" => vec![
                ("target", it["describedObject"].clone()),
                ("metricName", name),
                ("targetValue", or_zero(&to("value"))),
                ("selector", selector),
                ("averageValue", to("averageValue")),
            ],
            "external" => vec![
                ("metricName", name),
                ("metricSelector", selector),
                ("targetValue", to("value")),
                ("targetAverageValue", to("averageValue")),
            ],
            _ => vec![
                ("name", it["name"].clone()),
                ("targetAverageUtilization", to("averageUtilization")),
                ("targetAverageValue", to("averageValue")),
                ("container", it["container"].clone()),
            ],
        })
    })
}

fn figure_to_v2(figure: &Value) -> Value {
    of_type(figure, |member, it| {
        let one = |name: &str| it[name].clone();
        let current = |value: Value, average: Value| {
            object_of(vec![("value", value), ("averageValue", average)])
        };
        match member {
            "pods" => json!({
                "metric": identifier(&it["metricName"], &it["selector"]),
                "current": current(Value::Null, or_zero(&it["currentAverageValue"])),
            }),
            "object" => json!({
                "metric": identifier(&it["metricName"], &it["selector"]),
                "current": current(or_zero(&it["currentValue"]), one("averageValue")),
                "describedObject": it["target"],
            }),
            "external" => json!({
                "metric": identifier(&it["metricName"], &it["metricSelector"]),
                "current": current(or_zero(&it["currentValue"]), one("currentAverageValue")),
            }),
            _ => {
                let current = object_of(vec![
                    ("averageValue", or_zero(&it["currentAverageValue"])),
                    ("averageUtilization", one("currentAverageUtilization")),
                ]);
                let container = one("container");
                object_of(vec![
                    ("name", one("name")),
                    ("current", current),
                    ("container", container),
                ])
            }
        }
    })
}

fn figure_from_v2(figure: &Value) -> Value {
    of_type(figure, |member, it| {
        let (name, selector) = (it["metric"]["name"].clone(), it["metric"]["selector"].clone());
        let is = |name: &str| it["current"][name].clone();
        object_of(match member {
            "pods" => vec![
                ("metricName", name),
                ("currentAverageValue", or_zero(&is("averageValue"))),
                ("selector", selector),
            ],
            "object" => vec![
                ("target", it["describedObject"].clone()),
                ("metricName", name),
                ("currentValue", or_zero(&is("value"))),
                ("selector", selector),
                ("averageValue", is("averageValue")),
            ],
            "external" => vec![
                ("metricName", name),
                ("metricSelector", selector),
                ("currentValue", or_zero(&is("value"))),
                ("currentAverageValue", is("averageValue")),
            ],
            _ => vec![
                ("name", it["name"].clone()),
                ("currentAverageUtilization", is("averageUtilization")),
                ("currentAverageValue", or_zero(&is("averageValue"))),
                ("container", it["container"].clone()),
            ],
        })
    })
}

/// Behaviour as the annotation has it: the apiserver's own type, whose fields have their Go names
/// and are all there.
fn internal(behavior: &Value) -> Value {
    let rules = |name: &str| {
        let rules = &behavior[name];
        if rules.is_null() {
            return Value::Null;
        }
        let policies = rules["policies"].as_array().map_or(Value::Null, |all| {
            let policy = |p: &Value| {
                json!({
                    "Type": p["type"], "Value": p["value"], "PeriodSeconds": p["periodSeconds"],
                })
            };
            all.iter().map(policy).collect()
        });
        json!({
            "StabilizationWindowSeconds": rules["stabilizationWindowSeconds"],
            "SelectPolicy": rules["selectPolicy"],
            "Policies": policies,
            "Tolerance": rules["tolerance"],
        })
    };
    json!({"ScaleUp": rules("scaleUp"), "ScaleDown": rules("scaleDown")})
}

/// `ScaleUp` as `scaleUp`.
fn lower(name: &str) -> String {
    let mut letters = name.chars();
    let first = letters.next().map(|c| c.to_ascii_lowercase());
    first.into_iter().chain(letters).collect()
}

/// A value whose members have other names, without those that are null.
fn renamed(value: &Value, name: fn(&str) -> String) -> Value {
    match value {
        Value::Object(members) => {
            let told = members.iter().filter(|(_, v)| !v.is_null());
            Value::Object(told.map(|(k, v)| (name(k), renamed(v, name))).collect())
        }
        Value::Array(all) => all.iter().map(|v| renamed(v, name)).collect(),
        plain @ (Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_)) => {
            plain.clone()
        }
    }
}

#[cfg(test)]
mod tests;
