//! Conformance units: what kubectl prints.

use serde_json::{Value, json};
use wavetank::api::object::Kind;
use wavetank::api::time::{EPOCH, Time};
use wavetank::scenario::print::{PodSummary, columns};

use super::{Case, Differs, Unit, same};

/// The units of this area, and the function that runs a case of each.
pub(crate) const UNITS: &[Unit] = &[("print-pod", print_pod), ("table-columns", table_columns)];

/// Cases that are known to differ, with the reason.
pub(crate) const DIFFERS: &[Differs] = &[];

/// The instant at which cases are looked at.
const NOW: Time = Time(EPOCH.0 + 100 * 86_400 * 1_000_000_000);

fn print_pod(case: &Case<'_>) -> Result<(), String> {
    let mut pod = case.input.get("pod").ok_or("no pod")?.clone();
    let ago = case.input.get("deletionTimestamp");
    if let Some(ago) = ago.or_else(|| pod.get("deletionTimestamp")).cloned() {
        let words: Vec<&str> = ago.as_str().ok_or("an instant is a text")?.split(' ').collect();
        let [count, "s", "ago"] = words.as_slice() else { return Err(format!("instant {ago}")) };
        let seconds: i64 = count.parse().map_err(|_| format!("instant {ago}"))?;
        pod["metadata"]["deletionTimestamp"] = json!(before(seconds));
    }
    date_ends(&mut pod)?;
    let got = PodSummary::of(&pod, NOW);
    same(&json!({"ready": got.ready, "status": got.status, "restarts": got.restarts}), case.want)
}

/// Puts the instant in place of each `finished_s_ago`.
fn date_ends(value: &mut Value) -> Result<(), String> {
    match value {
        Value::Object(map) => {
            if let Some(ago) = map.remove("finished_s_ago") {
                let seconds = ago.as_i64().ok_or("seconds are whole")?;
                map.insert("finishedAt".to_owned(), json!(before(seconds)));
            }
            map.values_mut().try_for_each(date_ends)
        }
        Value::Array(items) => items.iter_mut().try_for_each(date_ends),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Ok(()),
    }
}

fn before(seconds: i64) -> String {
    Time(NOW.0 - seconds * 1_000_000_000).to_string()
}

fn table_columns(case: &Case<'_>) -> Result<(), String> {
    let resource = case.input["resource"].as_str().ok_or("no resource")?;
    let kind = Kind::all().find(|k| k.row().plural == resource);
    let kind = kind.ok_or_else(|| format!("unknown resource {resource}"))?;
    let named = |wide: bool| -> Vec<&str> {
        columns(kind).iter().filter(|c| c.wide == wide).map(|c| c.name).collect()
    };
    same(&json!({"columns": named(false), "wide_extra": named(true)}), case.want)
}
