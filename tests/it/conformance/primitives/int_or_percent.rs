//! Numbers or percentages.

use serde::Deserialize;
use serde_json::{Value, json};
use wavetank::api::int_or_percent::{IntOrPercent, Rounding};

use crate::conformance::{Case, same};

fn read(input: &Value) -> Result<(IntOrPercent, i32), String> {
    let value = IntOrPercent::deserialize(&input["value"]).map_err(|e| e.to_string())?;
    let total = input["total"].as_i64().and_then(|n| i32::try_from(n).ok());
    Ok((value, total.ok_or("no total")?))
}

pub(crate) fn scaled(case: &Case<'_>) -> Result<(), String> {
    let (value, total) = read(case.input)?;
    let is_up = case.input["round_up"].as_bool().ok_or("no round_up")?;
    let rounding = if is_up { Rounding::Up } else { Rounding::Down };
    let got = match value.scaled(total, rounding) {
        Ok(n) => json!({ "value": n }),
        Err(_) => json!({ "error": true }),
    };
    same(&got, case.want)
}

pub(crate) fn both_ways(case: &Case<'_>) -> Result<(), String> {
    let (value, total) = read(case.input)?;
    match (value.scaled(total, Rounding::Up), value.scaled(total, Rounding::Down)) {
        (Ok(up), Ok(down)) => {
            same(&json!({ "error": false, "roundUp": up, "roundDown": down }), case.want)
        }
        (Err(_), Err(_)) => same(&json!(true), &case.want["error"]),
        (up, down) => Err(format!("up {up:?}, down {down:?}")),
    }
}
