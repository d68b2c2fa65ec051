//! The log as a trace for Perfetto and `chrome://tracing`: a track an actor, flows along causes.
//!
//! The format is the JSON of the Trace Event Format. Time is in microseconds.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::api::note::{Note, WriteNote};
use crate::sim::log::{Log, Record};
use crate::sim::time::SimTime;
use crate::trace::timeline::words;
use crate::trace::why::causes::{Cause, Causes};

/// How long a write is drawn, in microseconds; a trace has no length for an instant on which flows
/// can begin and end.
const LENGTH: u64 = 200;

/// The trace.
pub fn perfetto(log: &Log<Note>) -> Value {
    let causes = Causes::new(log);
    let mut tracks = Tracks::default();
    let mut events = Vec::new();
    for (step, record) in causes.steps() {
        let (begin, end) = (micros(step.begun), micros(record.time));
        let args = json!({"code": step.code, "output": step.output});
        events.push(json!({
            "name": step.text.as_str(), "cat": "step", "ph": "X", "ts": begin,
            "dur": end.saturating_sub(begin).max(1), "pid": 1, "tid": tracks.of("steps"),
            "args": args,
        }));
    }
    for (place, record) in causes.records().iter().enumerate() {
        if record.turn == 0 || record.note.is_heartbeat() {
            continue;
        }
        one(record, &mut tracks, &mut events);
        if let Cause::Record(cause) | Cause::Fault(cause) = causes.of(place) {
            flow(place, causes.records()[cause], record, &mut tracks, &mut events);
        }
    }
    events.extend(tracks.names());
    json!({"displayTimeUnit": "ms", "traceEvents": events})
}

fn micros(at: SimTime) -> u64 {
    at.0 / 1_000
}

/// The numbers of the tracks, in the order in which they are first used.
#[derive(Default)]
struct Tracks(BTreeMap<String, usize>);

impl Tracks {
    fn of(&mut self, actor: &str) -> usize {
        let next = self.0.len() + 1;
        *self.0.entry(actor.to_owned()).or_insert(next)
    }

    fn names(&self) -> Vec<Value> {
        let mut all = vec![json!({
            "name": "process_name", "ph": "M", "pid": 1, "tid": 0, "args": {"name": "cluster"},
        })];
        for (name, tid) in &self.0 {
            let args = json!({"name": name});
            all.push(json!({"name": "thread_name", "ph": "M", "pid": 1, "tid": tid, "args": args}));
        }
        all
    }
}

/// The track of a record, and its event.
fn one(record: &Record<Note>, tracks: &mut Tracks, events: &mut Vec<Value>) {
    let ts = micros(record.time);
    let event = match &record.note {
        Note::Write(write) => {
            let (name, args) = told(write, record);
            json!({"name": name, "cat": "write", "ph": "X", "dur": LENGTH, "args": args})
        }
        Note::Refused(refused) => {
            let name = format!("{} {} refused", refused.verb, refused.resource);
            let args = json!({
                "name": refused.name.as_str(), "code": refused.refusal.code,
                "message": &*refused.refusal.message,
            });
            json!({"name": name, "cat": "refused", "ph": "X", "dur": LENGTH, "args": args})
        }
        Note::Fault(fault) => {
            let phase = if fault.begins { "b" } else { "e" };
            let args = json!({"hit": fault.hit.join(", ")});
            json!({
                "name": fault.fault.as_str(), "cat": "fault", "ph": phase,
                "id": fault.fault.as_str(), "args": args,
            })
        }
        Note::Mark(mark) => {
            let name = format!("{} {}", mark.mark, mark.detail);
            json!({"name": name, "cat": "mark", "ph": "i", "s": "t"})
        }
        Note::Step(_) => return,
    };
    let mut event = event;
    event["ts"] = ts.into();
    event["pid"] = 1.into();
    event["tid"] = tracks.of(&track(record)).into();
    events.push(event);
}

fn track(record: &Record<Note>) -> String {
    match &record.note {
        Note::Write(write) => write.origin.user.to_string(),
        Note::Refused(refused) => refused.user.to_string(),
        Note::Mark(mark) => mark.who.to_string(),
        Note::Fault(_) => "faults".to_owned(),
        Note::Step(_) => "steps".to_owned(),
    }
}

fn told(write: &WriteNote, record: &Record<Note>) -> (String, Value) {
    let (origin, object) = (&write.origin, &write.change.object);
    let name = format!("{} {} {}", origin.verb, object.kind().name(), object.meta().name);
    let args = json!({
        "subresource": origin.subresource, "why": origin.why.to_string(),
        "changed": words(write, record.time).join("; "), "revision": write.change.revision,
        "namespace": object.meta().namespace.as_str(),
    });
    (name, args)
}

/// An arrow from a cause to what it led to; it begins and ends inside of both slices.
fn flow(
    place: usize,
    from: &Record<Note>,
    to: &Record<Note>,
    tracks: &mut Tracks,
    events: &mut Vec<Value>,
) {
    let has_slice = |r: &Record<Note>| matches!(r.note, Note::Write(_) | Note::Refused(_));
    if !has_slice(from) || !has_slice(to) || from.note.is_heartbeat() {
        return;
    }
    let begin = json!({
        "name": "led to", "cat": "cause", "ph": "s", "id": place, "ts": micros(from.time),
        "pid": 1, "tid": tracks.of(&track(from)),
    });
    let end = json!({
        "name": "led to", "cat": "cause", "ph": "f", "bp": "e", "id": place,
        "ts": micros(to.time), "pid": 1, "tid": tracks.of(&track(to)),
    });
    events.extend([begin, end]);
}
