//! Node selectors and taints against a node.

use serde::Deserialize;
use serde_json::{Value, json};
use wavetank::api::core::node::Node;
use wavetank::api::core::node_selector::{Preferred, Required, Terms};
use wavetank::api::core::pod::{NodeSelector, PreferredTerm};
use wavetank::api::taint::{
    ComparisonOperators, Taint, TaintEffect, Toleration, first_untolerated,
};

use super::{node, only, pod, text};
use crate::conformance::{Case, same};

type Done = Result<(), String>;

pub(crate) fn run(case: &Case<'_>) -> Done {
    let input = case.input;
    match case.whole["kind"].as_str() {
        Some("pod-node-match" | "pod-node-no") => {
            only(input, &["pod", "node"])?;
            let required = Required::of(&pod(&input["pod"])?.spec);
            same(&json!({ "match": required.matches(&*node(&input["node"])?) }), case.want)
        }
        Some("terms" | "selector") => terms(case),
        Some("preferred") => preferred(case),
        Some("untolerated-taint") => taints(case),
        other => Err(format!("unknown kind {other:?}")),
    }
}

/// The node of a case; none when there is none.
fn some_node(input: &Value) -> Result<Option<Node>, String> {
    let value = input.get("node").filter(|v| !v.is_null());
    value.map(|v| node(v).map(|n| Node::clone(&n))).transpose()
}

fn terms(case: &Case<'_>) -> Done {
    only(case.input, &["node", "node_selector"])?;
    let selector = match &case.input["node_selector"] {
        Value::Null => NodeSelector::default(),
        value => NodeSelector::deserialize(value).map_err(text)?,
    };
    let terms = Terms::new(&selector);
    let got = match some_node(case.input)? {
        None if terms.errors().next().is_some() => json!({ "parse_error": true }),
        None => json!({ "match": false }),
        Some(node) => json!({ "match": terms.matches(&node).unwrap_or(false) }),
    };
    same(&got, case.want)
}

fn preferred(case: &Case<'_>) -> Done {
    only(case.input, &["node", "terms"])?;
    let terms = Vec::<PreferredTerm>::deserialize(&case.input["terms"]).map_err(text)?;
    let got = match (Preferred::new(&terms), some_node(case.input)?) {
        (Err(_), _) => json!({ "parse_error": true }),
        (Ok(_), None) => json!({ "score": 0 }),
        (Ok(preferred), Some(node)) => json!({ "score": preferred.score(&node) }),
    };
    same(&got, case.want)
}

fn taints(case: &Case<'_>) -> Done {
    let input = case.input;
    only(input, &["tolerations", "taints", "filter", "toleration_comparison_operators"])?;
    let taints = Vec::<Taint>::deserialize(&input["taints"]).map_err(text)?;
    let tolerations = Vec::<Toleration>::deserialize(&input["tolerations"]).map_err(text)?;
    let counts: fn(&Taint) -> bool = match input["filter"].as_str() {
        Some("all") => |_| true,
        Some("none") => |_| false,
        Some("NoExecute only") => |t| t.effect == TaintEffect::NoExecute,
        Some("NoSchedule only") => |t| t.effect == TaintEffect::NoSchedule,
        other => return Err(format!("unknown filter {other:?}")),
    };
    let comparison = match input.get("toleration_comparison_operators").and_then(Value::as_bool) {
        Some(true) => ComparisonOperators::On,
        Some(false) | None => ComparisonOperators::Off,
    };
    let found = first_untolerated(&taints, &tolerations, counts, comparison);
    same(&json!({ "tolerated": found.is_none() }), case.want)
}
