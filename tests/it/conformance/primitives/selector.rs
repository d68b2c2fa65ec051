//! Selectors.

use serde::Deserialize;
use serde_json::{Value, json};
use wavetank::api::labels::Labels;
use wavetank::api::selector::{FieldSelector, LabelSelector, Selector};

use crate::conformance::{Case, same};

pub(crate) fn selectors(case: &Case<'_>) -> Result<(), String> {
    let (input, sets) = (case.input, &case.input["label_sets"]);
    let kind = case.whole["kind"].as_str().unwrap_or_default();
    let got = match kind {
        "parse-ok" | "parse-bad" => answer(text(&input["selector"])?.parse(), "canonical", sets)?,
        "label-selector" => answer(object(&input["label_selector"])?, "selector", sets)?,
        "field" => field(input)?,
        "equality-map" => match Selector::parse_equalities(text(&input["selector"])?) {
            Ok(labels) => json!({ "valid": true, "labels": labels }),
            Err(_) => json!({ "valid": false }),
        },
        other => return Err(format!("unknown kind {other}")),
    };
    same(&got, case.want)
}

pub(crate) fn string(case: &Case<'_>) -> Result<(), String> {
    let parsed = text(&case.input["selector"])?.parse();
    same(&answer(parsed, "canonical", &case.input["labelSets"])?, case.want)
}

pub(crate) fn label_selector(case: &Case<'_>) -> Result<(), String> {
    let parsed = object(&case.input["selector"])?;
    same(&answer(parsed, "canonical", &case.input["labelSets"])?, case.want)
}

fn text(value: &Value) -> Result<&str, String> {
    value.as_str().ok_or_else(|| format!("{value} is no text"))
}

fn object<E: From<wavetank::api::selector::SelectorError>>(
    value: &Value,
) -> Result<Result<Selector, E>, String> {
    let object = Option::<LabelSelector>::deserialize(value).map_err(|e| e.to_string())?;
    if let Some(object) = &object {
        same(&json!(object), value)?;
    }
    Ok(LabelSelector::to_selector(object.as_ref()).map_err(E::from))
}

fn answer(
    parsed: Result<Selector, wavetank::api::selector::SelectorError>,
    text: &str,
    sets: &Value,
) -> Result<Value, String> {
    let Ok(selector) = parsed else { return Ok(json!({ "valid": false })) };
    let sets = Vec::<Labels>::deserialize(sets).map_err(|e| e.to_string())?;
    let matches: Vec<bool> = sets.iter().map(|s| selector.matches(s)).collect();
    let mut got = json!({ "valid": true, "matches": matches });
    got[text] = selector.to_string().into();
    Ok(got)
}

fn field(input: &Value) -> Result<Value, String> {
    let Ok(selector) = text(&input["field_selector"])?.parse::<FieldSelector>() else {
        return Ok(json!({ "valid": false }));
    };
    let sets = input["field_sets"].as_array().ok_or("no field_sets")?;
    let matches: Vec<bool> =
        sets.iter().map(|s| selector.matches(|path| s[path].as_str())).collect();
    Ok(json!({ "valid": true, "canonical": selector.to_string(), "matches": matches }))
}
