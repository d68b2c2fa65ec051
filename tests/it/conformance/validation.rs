//! Conformance units: validation.

use serde_json::{Value, json};
use wavetank::api::gates::Gates;
use wavetank::api::refusal::Refusal;
use wavetank::api::strategy::{self, Birth};

use super::{Case, Differs, Unit, same};

/// The units of this area, and the function that runs a case of each.
pub(crate) const UNITS: &[Unit] =
    &[("api.api-create", create_case), ("api.api-update", update_case)];

/// Cases that are known to differ, with the reason.
pub(crate) const DIFFERS: &[Differs] = &[];

/// The uid that the recorded objects show.
const UID: &str = "00000000-0000-0000-0000-000000000001";

/// When the objects are made; the recorded ones show [`SHOWN_NOW`] instead.
const NOW: &str = "2026-01-01T00:00:00Z";
const SHOWN_NOW: &str = "now-1s";

fn kind(object: &Value) -> Result<&str, String> {
    object["kind"].as_str().ok_or_else(|| "an object has a kind".to_owned())
}

fn create(manifest: &Value) -> Result<Result<Value, Refusal>, String> {
    let generated = format!("{}abcde", manifest["metadata"]["generateName"].as_str().unwrap_or(""));
    let birth = Birth {
        namespace: "default",
        uid: UID,
        generated_name: &generated,
        now: NOW,
        gates: Gates::DEFAULT,
    };
    Ok(strategy::create(kind(manifest)?, manifest.clone(), birth))
}

/// An error as the cases show it: causes by type and field, sorted.
fn refusal(refusal: &Refusal) -> Value {
    let causes = refusal.details.as_ref().map(|d| &d.causes).filter(|c| !c.is_empty());
    let causes = causes.map(|causes| {
        let mut causes: Vec<String> =
            causes.iter().map(|c| format!("{} {}", c.reason, c.field)).collect();
        causes.sort();
        causes
    });
    json!({
        "accepted": false,
        "error": {"causes": causes, "code": refusal.code, "reason": refusal.reason},
    })
}

/// The stored object without what differs from run to run.
fn stored(mut object: Value, manifest: &Value) -> Value {
    if let Some(metadata) = object["metadata"].as_object_mut() {
        metadata.remove("uid");
        metadata.remove("creationTimestamp");
        let had_name = manifest["metadata"]["name"].is_string();
        let length = metadata.get("name").and_then(Value::as_str).map_or(0, str::len);
        if !had_name {
            metadata.insert("name".to_owned(), format!("<{length} characters>").into());
        }
    }
    let conditions = object.get_mut("status").and_then(|s| s.get_mut("conditions"));
    for condition in conditions.and_then(Value::as_array_mut).into_iter().flatten() {
        if condition["lastTransitionTime"] == NOW {
            condition["lastTransitionTime"] = SHOWN_NOW.into();
        }
    }
    json!({"accepted": true, "stored": object})
}

fn create_case(case: &Case<'_>) -> Result<(), String> {
    let manifest = &case.input["manifest"];
    let got = match create(manifest)? {
        Ok(object) => stored(object, manifest),
        Err(error) if case.want["decodeError"] == true && error.code == 400 => {
            json!({"accepted": false, "decodeError": true})
        }
        Err(error) => refusal(&error),
    };
    same(&got, case.want)
}

fn update_case(case: &Case<'_>) -> Result<(), String> {
    let (old, new) = (&case.input["old"], &case.input["new"]);
    let mut old = create(old)?.map_err(|e| format!("the old object is refused: {}", e.message))?;
    let mut new = new.clone();
    old["metadata"]["resourceVersion"] = "1".into();
    new["metadata"]["resourceVersion"] = "1".into();
    let got = match strategy::update(kind(&new)?, new.clone(), &old, Gates::DEFAULT) {
        Ok(object) => json!({
            "accepted": true,
            "generationAfter": strategy::generation_of(&object),
            "generationBefore": strategy::generation_of(&old),
        }),
        Err(error) => refusal(&error),
    };
    same(&got, case.want)
}
