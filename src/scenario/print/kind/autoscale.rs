//! Autoscalers and disruption budgets in a table.

use serde_json::Value;

use super::{Column, Sight, col, name};
use crate::scenario::print::look::{age, at, int, list, shown, text};

pub(super) const BUDGET: &[Column] = &[
    col("Name"),
    col("Min Available"),
    col("Max Unavailable"),
    col("Allowed Disruptions"),
    col("Age"),
];

/// Source: kubernetes v1.36 pkg/printers/internalversion/printers.go, `printPodDisruptionBudget`
pub(super) fn budget(object: &Value, sight: Sight) -> Vec<String> {
    let or_not = |path: &str| {
        let found = shown(at(object, path));
        if found.is_empty() { "N/A".to_owned() } else { found }
    };
    vec![
        name(object),
        or_not("spec.minAvailable"),
        or_not("spec.maxUnavailable"),
        int(object, "status.disruptionsAllowed").to_string(),
        age(object, sight.now),
    ]
}

pub(super) const AUTOSCALER: &[Column] = &[
    col("Name"),
    col("Reference"),
    col("Targets"),
    col("MinPods"),
    col("MaxPods"),
    col("Replicas"),
    col("Age"),
];

/// Source: kubernetes v1.36 pkg/printers/internalversion/printers.go,
/// `printHorizontalPodAutoscaler`
pub(super) fn autoscaler(object: &Value, sight: Sight) -> Vec<String> {
    let target = at(object, "spec.scaleTargetRef");
    let least = shown(at(object, "spec.minReplicas"));
    vec![
        name(object),
        format!("{}/{}", text(target, "kind"), text(target, "name")),
        targets(object),
        if least.is_empty() { "<unset>".to_owned() } else { least },
        int(object, "spec.maxReplicas").to_string(),
        int(object, "status.currentReplicas").to_string(),
        age(object, sight.now),
    ]
}

/// At most two metrics, each as `current/target`.
///
/// Source: kubernetes v1.36 pkg/printers/internalversion/printers.go, `formatHPAMetrics`
fn targets(object: &Value) -> String {
    const SHOWN: usize = 2;
    let specs = list(object, "spec.metrics");
    if specs.is_empty() {
        return "<none>".to_owned();
    }
    let statuses = list(object, "status.currentMetrics");
    let one = |(at, spec)| metric(spec, statuses.get(at).unwrap_or(&Value::Null));
    let all: Vec<String> = specs.iter().enumerate().map(one).collect();
    let few = all[..all.len().min(SHOWN)].join(", ");
    if all.len() > SHOWN { format!("{few} + {} more...", all.len() - SHOWN) } else { few }
}

fn metric(spec: &Value, status: &Value) -> String {
    let (member, named) = match text(spec, "type") {
        "Resource" => ("resource", true),
        "ContainerResource" => ("containerResource", true),
        "Pods" => ("pods", false),
        "Object" => ("object", false),
        "External" => ("external", false),
        _ => return "<unknown type>".to_owned(),
    };
    let (target, current) = (at(&spec[member], "target"), at(&status[member], "current"));
    let or_unknown = |text: String| if text.is_empty() { "<unknown>".to_owned() } else { text };
    let average = shown(&target["averageValue"]);
    let both = if !average.is_empty() {
        let suffix = if matches!(member, "object" | "external") { " (avg)" } else { "" };
        format!("{}/{average}{suffix}", or_unknown(shown(&current["averageValue"])))
    } else if named {
        let percent = current["averageUtilization"].as_i64().map(|n| format!("{n}%"));
        let want = target["averageUtilization"].as_i64().map(|n| format!("{n}%"));
        let want = want.unwrap_or_else(|| "<auto>".to_owned());
        format!("{}/{want}", or_unknown(percent.unwrap_or_default()))
    } else {
        format!("{}/{}", or_unknown(shown(&current["value"])), shown(&target["value"]))
    };
    if named { format!("{}: {both}", text(&spec[member], "name")) } else { both }
}
