//! A failure as a scenario: the scenario that was searched, with the faults that break it.

use serde_json::{Value, json};

use crate::explore::shrink::Smaller;
use crate::explore::{Finding, Setting};
use crate::scenario::duration;
use crate::scenario::print::yaml::as_given;
use crate::sim::time::SimTime;

/// The scenario file that fails as a finding does; `tree` is the scenario that was searched, as it
/// was written.
pub fn scenario(
    setting: &Setting,
    tree: &Value,
    smaller: Option<&Smaller>,
    finding: &Finding,
) -> String {
    let mut tree = tree.clone();
    let name = setting.described.scenario.name.clone().unwrap_or_default();
    let about = format!(
        "Found by a search: {} ({}). {}",
        finding.breach.what, finding.breach.id, setting.described.scenario.about
    );
    tree["name"] = json!(format!("{name}, broken"));
    tree["about"] = json!(about.trim());
    tree["seed"] = json!(setting.seed);
    if let Some(smaller) = smaller {
        shrink(&mut tree, smaller);
    }
    let mut faults = tree["faults"].as_array().cloned().unwrap_or_default();
    faults.extend(finding.plan.to_value().as_array().cloned().unwrap_or_default());
    tree["faults"] = Value::Array(faults);
    if needs_rest(finding) {
        let mut expect = tree["expect"].as_array().cloned().unwrap_or_default();
        expect.retain(|rule| rule.get("healthy").is_none());
        if is_cut_short(finding) {
            expect.retain(|rule| is_judged_before(rule, finding));
        }
        let healthy = if finding.breach.id == "D1" { json!({"same-end": true}) } else { json!({}) };
        expect.push(json!({ "healthy": healthy }));
        tree["expect"] = Value::Array(expect);
    }
    as_given(&tree)
}

/// Whether what is broken is judged only by those who ask for it.
fn needs_rest(finding: &Finding) -> bool {
    !matches!(finding.breach.id, "expect" | "P")
}

/// Whether the run ends as soon as what is broken has been seen: it goes round in circles.
fn is_cut_short(finding: &Finding) -> bool {
    matches!(finding.breach.id, "L3" | "L6" | "S10")
}

/// Whether a run that ends with what is broken can be held to an expectation: not to one that
/// speaks of later.
fn is_judged_before(rule: &Value, finding: &Finding) -> bool {
    let at = rule.get("at").and_then(Value::as_str).and_then(duration::parse);
    match at {
        Some(at) => SimTime::ZERO + at <= finding.breach.at,
        None => rule.get("always").is_some() || rule.get("never").is_some(),
    }
}

fn shrink(tree: &mut Value, smaller: &Smaller) {
    if let Some(steps) = tree["steps"].as_array() {
        let kept = smaller.steps.iter().filter_map(|n| steps.get(*n).cloned()).collect();
        tree["steps"] = Value::Array(kept);
    }
    let groups = tree["cluster"]["nodes"].as_array().map_or(0, Vec::len);
    for n in 0..groups.min(smaller.counts.len()) {
        if let Some(count) = smaller.counts[n] {
            tree["cluster"]["nodes"][n]["count"] = json!(count);
        }
    }
}
