//! The log as a trace for Perfetto and `chrome://tracing`: a track an actor, flows along causes,
//! a counter for each workload.
//!
//! The format is the JSON of the Trace Event Format. Time is in microseconds.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::api::note::{FaultNote, Note, WriteNote};
use crate::api::object::Object;
use crate::sim::log::{Log, Record};
use crate::sim::time::SimTime;
use crate::trace::change;
use crate::trace::export::curves::{Point, points};
use crate::trace::why::causes::{Cause, Causes};

/// How long a write is drawn, in microseconds; a trace has no length for an instant on which flows
/// can begin and end.
const LENGTH: u64 = 200;

/// Curves of the workloads: a counter track each.
fn counters(beginning: &[Object], log: &Log<Note>) -> Vec<Value> {
    let one = |point: Point| {
        let [desired, _, ready, available, _] = point.numbers;
        let name = format!("{} {}", point.key.kind.name(), point.key.name);
        json!({
            "name": name, "cat": "curve", "ph": "C", "ts": micros(point.time), "pid": 1,
            "tid": 0, "args": {
                "desired": desired, "ready": ready, "available": available,
                "pending": point.pending,
            },
        })
    };
    points(beginning, log).into_iter().map(one).collect()
}

/// The trace.
pub fn perfetto(beginning: &[Object], log: &Log<Note>) -> Value {
    let causes = Causes::new(log);
    let mut tracks = Tracks::default();
    let mut events = Vec::new();
    let mut busy: Vec<SimTime> = Vec::new();
    for (step, record) in causes.steps() {
        // What goes on in the background has a track of its own.
        let lane = busy.iter().position(|until| *until <= step.begun).unwrap_or(busy.len());
        busy.resize(busy.len().max(lane + 1), SimTime::ZERO);
        busy[lane] = record.time;
        let (begin, end) = (micros(step.begun), micros(record.time));
        let args = json!({"code": step.code, "output": step.output});
        let track = if lane == 0 { "steps".to_owned() } else { format!("steps ({})", lane + 1) };
        events.push(json!({
            "name": step.text.as_str(), "cat": "step", "ph": "X", "ts": begin,
            "dur": end.saturating_sub(begin).max(1), "pid": 1, "tid": tracks.of(&track),
            "args": args,
        }));
    }
    let mut faults = Faults::default();
    let mut last = 0;
    for (place, record) in causes.records().iter().enumerate() {
        if record.turn == 0 || record.note.is_heartbeat() {
            continue;
        }
        last = micros(record.time);
        match &record.note {
            Note::Fault(fault) => faults.one(fault, last, tracks.of("faults"), &mut events),
            Note::Write(_) | Note::Refused(_) | Note::Mark(_) | Note::Step(_) => {
                one(record, &mut tracks, &mut events);
            }
        }
        if let Cause::Record(cause) | Cause::Fault(cause) = causes.of(place) {
            flow(place, causes.records()[cause], record, &mut tracks, &mut events);
        }
    }
    faults.end(last, tracks.of("faults"), &mut events);
    clip(&mut events);
    events.extend(counters(beginning, log));
    events.extend(tracks.names());
    json!({"displayTimeUnit": "ms", "traceEvents": events})
}

/// Writes of one actor end before its next one begins: slices of a track must not overlap.
fn clip(events: &mut [Value]) {
    let mut next: BTreeMap<u64, u64> = BTreeMap::new();
    let number = |event: &Value, key: &str| event[key].as_u64().unwrap_or(0);
    for event in events.iter_mut().rev().filter(|e| e["ph"] == "X" && e["cat"] != "step") {
        let (tid, ts) = (number(event, "tid"), number(event, "ts"));
        if let Some(later) = next.get(&tid).filter(|later| **later > ts) {
            event["dur"] = number(event, "dur").min(later - ts).into();
        }
        next.insert(tid, ts);
    }
}

/// The faults that have begun and not ended, each with its number.
#[derive(Default)]
struct Faults {
    open: Vec<(u64, String)>,
    count: u64,
}

impl Faults {
    fn one(&mut self, fault: &FaultNote, ts: u64, tid: usize, events: &mut Vec<Value>) {
        let args = json!({"hit": fault.hit.join(", ")});
        let name = fault.fault.as_str();
        if fault.begins {
            // What is started anew ends what was stopped.
            if let Some(what) = name.strip_suffix("-start") {
                self.close(&format!("{what}-stop"), ts, tid, events);
                let mut event = event(name, "i", None, ts, tid);
                event["s"] = "t".into();
                event["args"] = args;
                events.push(event);
                return;
            }
            self.count += 1;
            self.open.push((self.count, name.to_owned()));
            let mut event = event(name, "b", Some(self.count), ts, tid);
            event["args"] = args;
            events.push(event);
        } else {
            self.close(name, ts, tid, events);
        }
    }

    fn close(&mut self, name: &str, ts: u64, tid: usize, events: &mut Vec<Value>) {
        if let Some(place) = self.open.iter().position(|(_, open)| open == name) {
            let (id, name) = self.open.remove(place);
            events.push(event(&name, "e", Some(id), ts, tid));
        }
    }

    /// What lasts to the end of the run ends there.
    fn end(&mut self, ts: u64, tid: usize, events: &mut Vec<Value>) {
        for (id, name) in std::mem::take(&mut self.open) {
            events.push(event(&name, "e", Some(id), ts, tid));
        }
    }
}

/// An event of a fault.
fn event(name: &str, phase: &str, id: Option<u64>, ts: u64, tid: usize) -> Value {
    let mut event =
        json!({"name": name, "cat": "fault", "ph": phase, "ts": ts, "pid": 1, "tid": tid});
    if let Some(id) = id {
        event["id"] = id.into();
    }
    event
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
        Note::Mark(mark) => {
            let name = format!("{} {}", mark.mark, mark.detail);
            json!({"name": name, "cat": "mark", "ph": "i", "s": "t"})
        }
        Note::Fault(_) | Note::Step(_) => return,
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
        "changed": change::said(write, record.time).join("; "), "revision": write.change.revision,
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
