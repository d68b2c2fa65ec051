//! Taints and tolerations.

use serde::Deserialize;
use serde_json::{Value, json};
use wavetank::api::taint::{ComparisonOperators, Taint, TaintChange, Toleration};

use crate::conformance::{Case, same};

pub(crate) fn text(case: &Case<'_>) -> Result<(), String> {
    let texts = Vec::<String>::deserialize(&case.input["texts"]).map_err(|e| e.to_string())?;
    let list = |all: Vec<Value>| if all.is_empty() { Value::Null } else { Value::Array(all) };
    let got = match TaintChange::parse(&texts) {
        Ok(change) => {
            let remove = change.remove.iter().map(
                |(key, effect)| json!({ "key": key, "effect": effect.map_or("", |e| e.name()) }),
            );
            json!({
                "error": false,
                "add": list(change.add.iter().map(|t| json!(t)).collect()),
                "remove": list(remove.collect()),
            })
        }
        Err(_) => json!({ "error": true, "add": null, "remove": null }),
    };
    same(&got, case.want)
}

pub(crate) fn tolerates(case: &Case<'_>) -> Result<(), String> {
    let read = || -> Result<_, serde_json::Error> {
        let taints = Vec::<Taint>::deserialize(&case.input["taints"])?;
        Ok((taints, Toleration::deserialize(&case.input["toleration"])?))
    };
    let (taints, toleration) = read().map_err(|e| e.to_string())?;
    same(&json!(toleration), &case.input["toleration"])?;
    let gate = match case.input.get("comparisonOperators").and_then(Value::as_bool) {
        Some(true) => ComparisonOperators::On,
        Some(false) | None => ComparisonOperators::Off,
    };
    let got: Vec<bool> = taints.iter().map(|t| toleration.tolerates(t, gate)).collect();
    same(&json!({ "tolerates": got }), case.want)
}
