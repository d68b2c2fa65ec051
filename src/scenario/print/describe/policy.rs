//! What limits others: disruption budgets, quotas, limit ranges, priority classes.

use serde_json::Value;

use super::Related;
use super::text::Page;
use crate::scenario::print::look::{at, int, list, members, selector, shown, text, text_or, truth};

/// Source: kubernetes v1.36 staging/src/k8s.io/kubectl/pkg/describe/describe.go,
/// `describePodDisruptionBudgetV1`
pub(super) fn budget(page: &mut Page, object: &Value, _related: &Related) {
    page.name(object);
    let (least, most) = (at(object, "spec.minAvailable"), at(object, "spec.maxUnavailable"));
    if !least.is_null() {
        page.field("Min available", shown(least));
    } else if !most.is_null() {
        page.field("Max unavailable", shown(most));
    }
    let is_set = at(object, "spec.selector").is_object();
    page.field(
        "Selector",
        if is_set { selector(object, "spec.selector") } else { "<unset>".to_owned() },
    );
    page.line("Status:");
    for (label, field) in [
        ("Allowed disruptions", "disruptionsAllowed"),
        ("Current", "currentHealthy"),
        ("Desired", "desiredHealthy"),
        ("Total", "expectedPods"),
    ] {
        page.field(&format!("    {label}"), int(at(object, "status"), field).to_string());
    }
}

/// What each scope of a quota means, in kubectl's words.
///
/// Source: kubernetes v1.36 staging/src/k8s.io/kubectl/pkg/describe/describe.go,
/// `helpTextForResourceQuotaScope`
const SCOPES: [(&str, &str); 4] = [
    (
        "Terminating",
        "Matches all pods that have an active deadline. These pods have a limited \
                     lifespan on a node before being actively terminated by the system.",
    ),
    (
        "NotTerminating",
        "Matches all pods that do not have an active deadline. These pods usually \
                        include long running pods whose container command is not expected to \
                        terminate.",
    ),
    (
        "BestEffort",
        "Matches all pods that do not have resource requirements set. These pods have \
                    a best effort quality of service.",
    ),
    (
        "NotBestEffort",
        "Matches all pods that have at least one resource requirement set. These \
                       pods have a burstable or guaranteed quality of service.",
    ),
];

/// Source: kubernetes v1.36 staging/src/k8s.io/kubectl/pkg/describe/describe.go, `describeQuota`
pub(super) fn quota(page: &mut Page, object: &Value, _related: &Related) {
    page.name(object);
    let mut scopes: Vec<&str> =
        list(object, "spec.scopes").iter().filter_map(Value::as_str).collect();
    scopes.sort_unstable();
    if !scopes.is_empty() {
        page.field("Scopes", scopes.join(", "));
    }
    for scope in scopes {
        if let Some((_, help)) = SCOPES.iter().find(|(name, _)| *name == scope) {
            page.line(&format!(" * {help}"));
        }
    }
    page.line("Resource\tUsed\tHard\n--------\t----\t----");
    let mut hard = members(object, "status.hard");
    hard.sort_by(|a, b| a.0.cmp(b.0));
    for (resource, hard) in hard {
        let used = at(object, "status.used").get(resource).map_or_else(|| "0".into(), shown);
        page.line(&format!("{resource}\t{used}\t{}", shown(hard)));
    }
}

/// Source: kubernetes v1.36 staging/src/k8s.io/kubectl/pkg/describe/describe.go,
/// `describeLimitRangeSpec`
pub(super) fn limit_range(page: &mut Page, object: &Value, _related: &Related) {
    page.name(object);
    page.line("Type\tResource\tMin\tMax\tDefault Request\tDefault Limit\tMax Limit/Request Ratio");
    page.line("----\t--------\t---\t---\t---------------\t-------------\t-----------------------");
    let columns = ["min", "max", "defaultRequest", "default", "maxLimitRequestRatio"];
    for item in list(object, "spec.limits") {
        let mut resources: Vec<&str> = Vec::new();
        for column in columns {
            resources.extend(members(item, column).iter().map(|(name, _)| *name));
        }
        resources.sort_unstable();
        resources.dedup();
        for resource in resources {
            let value = |column: &str| {
                let found = item.get(column).and_then(|m| m.get(resource));
                found.map_or_else(|| "-".to_owned(), shown)
            };
            let values: Vec<String> = columns.iter().map(|c| value(c)).collect();
            page.line(&format!("{}\t{resource}\t{}", text(item, "type"), values.join("\t")));
        }
    }
}

/// Source: kubernetes v1.36 staging/src/k8s.io/kubectl/pkg/describe/describe.go,
/// `describePriorityClass`
pub(super) fn priority_class(page: &mut Page, object: &Value, _related: &Related) {
    page.field("Name", text(object, "metadata.name"));
    page.field("Value", int(object, "value").to_string());
    page.field("GlobalDefault", truth(object, "globalDefault").to_string());
    page.field("PreemptionPolicy", text(object, "preemptionPolicy"));
    page.field("Description", text_or(object, "description", ""));
    page.annotations("Annotations", object, "metadata.annotations");
}
