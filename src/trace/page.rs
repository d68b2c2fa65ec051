//! The page: one run as one HTML file that shows itself, without a network.
//!
//! Responsible for putting together the page's parts and the data of a run. What is shown, and how,
//! is in the files beside it; they are written by hand and need no build.

mod aim;
mod data;
mod delta;
mod state;
mod table;

use serde_json::json;

use crate::api::note::Note;
use crate::api::object::{Kind, Object};
use crate::sim::log::Log;
use crate::trace::gauge::Gauges;
use crate::trace::page::aim::Aim;
use crate::trace::rows::Header;
use crate::trace::verdict::Verdict;

const FRAME: &str = include_str!("page/frame.html");
const STYLE: &str = include_str!("page/style.css");

/// The scripts, in the order in which they are read.
const SCRIPTS: &[&str] = &[
    include_str!("page/unpack.js"),
    include_str!("page/model.js"),
    include_str!("page/versions.js"),
    include_str!("page/pace.js"),
    include_str!("page/words.js"),
    include_str!("page/hub.js"),
    include_str!("page/board.js"),
    include_str!("page/lanes.js"),
    include_str!("page/charts.js"),
    include_str!("page/story.js"),
    include_str!("page/inspect.js"),
    include_str!("page/main.js"),
];

/// Of what keeps a number of pods: how many are desired, there, ready, available, and of the
/// newest template; none for all others.
pub(crate) fn workload_of(object: &Object) -> Option<[i64; 5]> {
    if is_no_workload(object) {
        return None;
    }
    state::numbers(object.kind().name(), &object.to_value())
}

/// What is desired and what is observed of a workload, an autoscaler, a claim and alike.
pub(crate) fn aim_of(object: &Object) -> Option<Aim> {
    if is_no_workload(object) {
        return None;
    }
    let (kind, value) = (object.kind(), object.to_value());
    let Some([want, pods, ready, ..]) = state::numbers(kind.name(), &value) else {
        return aim::aim_of(kind, &value);
    };
    let done = value["status"]["succeeded"].as_i64().unwrap_or(0);
    let (have, unit) = if kind == Kind::JOB { (done, "completed") } else { (ready, "ready") };
    let apart = have != want || (kind != Kind::JOB && pods != want);
    Some(Aim { want, have, apart, unit, say: String::new() })
}

fn is_no_workload(object: &Object) -> bool {
    matches!(object, Object::Pod(_) | Object::Node(_) | Object::Event(_) | Object::Lease(_))
}

/// What a page tells of a run.
#[derive(Clone, Copy)]
pub struct Told<'a> {
    /// What the run was.
    pub header: &'a Header,
    /// What to watch, in the scenario's words; empty when nobody knows.
    pub about: &'a str,
    /// The scenario as it was written; empty when nobody knows.
    pub scenario: &'a str,
    /// What was there when the run began.
    pub beginning: &'a [Object],
    /// What happened.
    pub log: &'a Log<Note>,
    /// What came of it; none when the trace was cut off.
    pub verdict: Option<&'a Verdict>,
    /// Queues, caches and lags over time; none for a run that was read from a trace.
    pub gauges: Option<&'a Gauges>,
}

/// The page of a run.
pub fn page(told: &Told<'_>) -> String {
    let data = data::data(told);
    let title = json!(told.header.scenario).to_string();
    let title = title.trim_matches('"').replace('&', "&amp;").replace('<', "&lt;");
    let mut out = String::with_capacity(data.len() + 200_000);
    let mut rest = FRAME;
    while let Some((before, after)) = rest.split_once("{{") {
        out.push_str(before);
        let (name, after) = after.split_once("}}").expect("a hole of the frame is closed");
        match name {
            "title" => out.push_str(&title),
            "style" => out.push_str(STYLE),
            "data" => out.push_str(&data),
            "script" => SCRIPTS.iter().for_each(|script| out.push_str(script)),
            other => panic!("the frame has no hole {other}"),
        }
        rest = after;
    }
    out.push_str(rest);
    out
}
