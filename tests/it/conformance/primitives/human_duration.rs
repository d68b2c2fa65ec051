//! Spans as people read them.

use serde_json::json;
use wavetank::api::human_duration::{human_duration, short_human_duration};

use crate::conformance::{Case, same};

pub(crate) fn text(case: &Case<'_>) -> Result<(), String> {
    let nanos = case.input["duration_ns"].as_i64().ok_or("no duration_ns")?;
    let got = match case.input["style"].as_str() {
        Some("human") => human_duration(nanos),
        Some("short") => short_human_duration(nanos),
        other => return Err(format!("unknown style {other:?}")),
    };
    same(&json!({ "text": got }), case.want)
}
