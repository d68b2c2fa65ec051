//! Quantities.

use serde_json::{Value, json};
use wavetank::api::quantity::Quantity;

use crate::conformance::{Case, same};

pub(crate) fn quantity(case: &Case<'_>) -> Result<(), String> {
    if case.input.get("text").is_some() {
        return same(&parsed(case.input, "milli")?, case.want);
    }
    arithmetic(case)
}

pub(crate) fn parse(case: &Case<'_>) -> Result<(), String> {
    same(&parsed(case.input, "milliValue")?, case.want)
}

fn parsed(input: &Value, milli: &str) -> Result<Value, String> {
    let text = input["text"].as_str().ok_or("no text")?;
    let Ok(q) = text.parse::<Quantity>() else { return Ok(json!({ "valid": false })) };
    let mut got = json!({
        "valid": true,
        "canonical": q.to_string(),
        "value": q.value().to_string(),
        "sign": q.sign(),
        "format": q.format().name(),
    });
    got[milli] = q.milli_value().to_string().into();
    Ok(got)
}

pub(crate) fn arithmetic(case: &Case<'_>) -> Result<(), String> {
    let of = |field: &str| -> Result<Quantity, String> {
        let text = case.input[field].as_str().ok_or_else(|| format!("no {field}"))?;
        text.parse().map_err(|e| format!("{text}: {e}"))
    };
    let (a, b) = (of("a")?, of("b")?);
    let compare = if case.want.get("cmp").is_some() { "cmp" } else { "compare" };
    let mut got = json!({ "sum": a.add(&b).to_string(), "difference": a.sub(&b).to_string() });
    got[compare] = (a.cmp(&b) as i32).into();
    same(&got, case.want)
}
