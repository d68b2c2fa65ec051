//! Events in a table, and how long ago and how often they were told.

use serde_json::Value;

use super::{Column, Sight, col, name, wide};
use crate::api::time::Time;
use crate::scenario::print::look::{at, int, since, text, time};

pub(super) const COLUMNS: &[Column] = &[
    col("Last Seen"),
    col("Type"),
    col("Reason"),
    col("Object"),
    wide("Subobject"),
    wide("Source"),
    col("Message"),
    wide("First Seen"),
    wide("Count"),
    wide("Name"),
];

/// Source: kubernetes v1.36 pkg/printers/internalversion/printers.go, `printEvent`
pub(super) fn cells(event: &Value, sight: Sight) -> Vec<String> {
    let first = since(first(event), sight.now);
    let series = at(event, "series");
    let (last, count) = if series.is_object() {
        (since(time(series, "lastObservedTime"), sight.now), int(series, "count"))
    } else {
        let last = time(event, "lastTimestamp");
        let last = last.map_or_else(|| first.clone(), |_| since(last, sight.now));
        (last, int(event, "count").max(1))
    };
    let kind = text(event, "involvedObject.kind").to_lowercase();
    let about = text(event, "involvedObject.name");
    vec![
        last,
        text(event, "type").to_owned(),
        text(event, "reason").to_owned(),
        if about.is_empty() { kind } else { format!("{kind}/{about}") },
        text(event, "involvedObject.fieldPath").to_owned(),
        source(event),
        text(event, "message").trim().to_owned(),
        first,
        count.to_string(),
        name(event),
    ]
}

fn source(event: &Value) -> String {
    let or = |a: &str, b: &str| {
        let found = text(event, a);
        if found.is_empty() { text(event, b).to_owned() } else { found.to_owned() }
    };
    let component = or("source.component", "reportingComponent");
    let host = or("source.host", "reportingInstance");
    if host.is_empty() { component } else { format!("{component}, {host}") }
}

/// When an event was first told.
fn first(event: &Value) -> Option<Time> {
    time(event, "firstTimestamp").or_else(|| time(event, "eventTime"))
}

/// When an event was last told.
pub(in crate::scenario::print) fn seconds_of_last(event: &Value) -> i64 {
    let last = time(event, "series.lastObservedTime");
    let last = last.or_else(|| time(event, "lastTimestamp")).or_else(|| first(event));
    last.map_or(0, Time::unix_seconds)
}

/// How long ago an event was told, and how often: `2m`, `2m (x5 over 10m)`.
///
/// Source: kubernetes v1.36 staging/src/k8s.io/kubectl/pkg/describe/describe.go, `DescribeEvents`
pub fn interval(event: &Value, now: Time) -> String {
    let began = time(event, "eventTime").or_else(|| time(event, "firstTimestamp"));
    let began = since(began, now);
    let series = at(event, "series");
    if series.is_object() {
        let last = since(time(series, "lastObservedTime"), now);
        return format!("{last} (x{} over {began})", int(series, "count"));
    }
    let count = int(event, "count");
    if count <= 1 {
        return began;
    }
    format!("{} (x{count} over {began})", since(time(event, "lastTimestamp"), now))
}
