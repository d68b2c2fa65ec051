//! Jobs, `CronJobs` and `HorizontalPodAutoscalers`.

use serde_json::{Value, json};

use super::{field, given, items, set};
use crate::api::validation::read::{at, get, list};

/// Source: kubernetes v1.36 pkg/apis/batch/v1/defaults.go, `SetDefaults_Job`
pub(super) fn job(object: &mut Value) {
    let spec = field(object, "spec");
    if get(spec, "completions").is_none() && get(spec, "parallelism").is_none() {
        spec["completions"] = json!(1);
    }
    set(spec, "parallelism", || json!(1));
    let backoff = if get(spec, "backoffLimitPerIndex").is_some() { i32::MAX } else { 6 };
    set(spec, "backoffLimit", || json!(backoff));
    set(spec, "completionMode", || json!("NonIndexed"));
    set(spec, "suspend", || json!(false));
    let replacement =
        if get(spec, "podFailurePolicy").is_some() { "Failed" } else { "TerminatingOrFailed" };
    set(spec, "podReplacementPolicy", || json!(replacement));
    set(spec, "manualSelector", || json!(false));
    let labels = at(at(at(spec, "template"), "metadata"), "labels").clone();
    job_parts(spec);
    super::workload::labels_from(object, labels);
}

/// What the spec of a Job gets in a `CronJob`, too.
fn job_parts(spec: &mut Value) {
    super::pod::template(field(spec, "template"));
    let Some(policy) = given(spec, "podFailurePolicy") else { return };
    for rule in items(policy, "rules") {
        for pattern in items(rule, "onPodConditions") {
            set(pattern, "status", || json!("True"));
        }
    }
}

/// Source: kubernetes v1.36 pkg/apis/batch/v1/defaults.go, `SetDefaults_CronJob`
pub(super) fn cron_job(object: &mut Value) {
    let spec = field(object, "spec");
    set(spec, "concurrencyPolicy", || json!("Allow"));
    set(spec, "suspend", || json!(false));
    set(spec, "successfulJobsHistoryLimit", || json!(3));
    set(spec, "failedJobsHistoryLimit", || json!(1));
    let template = field(spec, "jobTemplate");
    field(template, "metadata");
    job_parts(field(template, "spec"));
}

/// Source: kubernetes v1.36 pkg/apis/autoscaling/v2/defaults.go,
/// `SetDefaults_HorizontalPodAutoscaler`
pub(super) fn autoscaler(object: &mut Value) {
    let spec = field(object, "spec");
    set(spec, "minReplicas", || json!(1));
    if list(spec, "metrics").is_empty() {
        let target = json!({"type": "Utilization", "averageUtilization": 80});
        let resource = json!({"name": "cpu", "target": target});
        spec["metrics"] = json!([{"type": "Resource", "resource": resource}]);
    }
    let Some(behavior) = given(spec, "behavior") else { return };
    let up = json!([
        {"type": "Pods", "value": 4, "periodSeconds": 15},
        {"type": "Percent", "value": 100, "periodSeconds": 15},
    ]);
    let down = json!([{"type": "Percent", "value": 100, "periodSeconds": 15}]);
    let rules = field(behavior, "scaleUp");
    set(rules, "stabilizationWindowSeconds", || json!(0));
    scaling_rules(rules, up);
    scaling_rules(field(behavior, "scaleDown"), down);
}

fn scaling_rules(rules: &mut Value, policies: Value) {
    set(rules, "selectPolicy", || json!("Max"));
    set(rules, "policies", || policies);
}
