//! The trace: the log as JSON Lines, one row a record.
//!
//! Responsible for the shape that tools rely on. Every row has `row`, `t_ms`, `turn` and `cause`.
//! It leaves nothing out but leases and heartbeats, and those only unless they are asked for.

use std::io::{self, Write};

use serde_json::Value;

use crate::api::Name;
use crate::api::note::{FaultNote, MarkNote, Note, RefusedNote, StepNote, WriteNote};
use crate::api::object::Object;
use crate::api::time::Time;
use crate::sim::log::{Cut, Log, Record};
use crate::sim::time::{SimTime, Start};
use crate::trace::scheduling::Attempt;
use crate::trace::verdict::{Expected, Verdict};

/// The actor of the writes that made what is there when a run begins.
pub const BEGINNING: &str = "bootstrap";

/// The reason of the writes that made what is there when a run begins.
pub const BEGINNING_WHY: &str = "there when the run begins";

/// What the first row tells of a run.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Header {
    /// The scenario's name.
    pub scenario: String,
    /// The namespace of its kubectl steps.
    pub namespace: String,
    /// The seed.
    pub seed: u64,
    /// The version of this program.
    pub version: String,
    /// The version of Kubernetes that is simulated.
    pub kubernetes: String,
    /// The faults that were planned.
    pub plan: Value,
    /// What the wall clock showed when the run started.
    pub start: Start,
    /// Where the log begins, when its beginning is forgotten.
    pub cut: Option<Cut>,
    /// Whether its story is told message by message.
    pub messages: bool,
}

/// Whether the trace has leases and the heartbeats of nodes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Heartbeats {
    /// They are left out.
    #[default]
    Hidden,
    /// They are rows like any others.
    Shown,
}

/// Writes the trace of one run.
#[derive(Clone, PartialEq, Debug)]
pub struct Tracer {
    header: Header,
    heartbeats: Heartbeats,
}

impl Tracer {
    /// A tracer of a run.
    pub fn new(header: Header, heartbeats: Heartbeats) -> Tracer {
        Tracer { header, heartbeats }
    }

    /// Writes the whole trace: the `run` row, what was there at the beginning, the log, and the
    /// verdict.
    ///
    /// # Errors
    /// When `out` cannot be written to.
    pub fn write(
        &self,
        beginning: &[Object],
        log: &Log<Note>,
        verdict: &Verdict,
        out: &mut impl Write,
    ) -> io::Result<()> {
        self.write_header(out)?;
        self.write_beginning(beginning, out)?;
        self.write_all(log, out)?;
        write_verdict(verdict, out)
    }

    /// Writes the `run` row.
    ///
    /// # Errors
    /// When `out` cannot be written to.
    pub fn write_header(&self, out: &mut impl Write) -> io::Result<()> {
        let header = &self.header;
        let mut line = Line::new("run", SimTime::ZERO, 0, 0);
        line.text("scenario", &header.scenario);
        line.text("namespace", &header.namespace);
        line.number("seed", header.seed);
        line.text("version", &header.version);
        line.text("kubernetes", &header.kubernetes);
        line.json("plan", &header.plan);
        if header.messages {
            line.text("timeline", "messages");
        }
        if header.start != Start::USUAL {
            line.text("start", &Time(header.start.0).to_string());
        }
        if let Some(cut) = header.cut {
            line.number("cut_ns", cut.at.0);
            line.number("cut_turn", cut.turn);
        }
        line.end(out)
    }

    /// Writes the objects that are there when the run begins, as `write` rows of turn 0.
    ///
    /// # Errors
    /// When `out` cannot be written to.
    pub fn write_beginning(&self, objects: &[Object], out: &mut impl Write) -> io::Result<()> {
        for object in objects {
            if self.heartbeats == Heartbeats::Hidden && matches!(object, Object::Lease(_)) {
                continue;
            }
            let line = Line::new("write", SimTime::ZERO, 0, 0);
            let revision = object.meta().resource_version;
            let told = ("ADDED", "create", "", BEGINNING, BEGINNING_WHY.to_owned());
            write_row(line, revision, object, told).end(out)?;
        }
        Ok(())
    }

    /// Writes the rows of a log in its order; a step stands where it began.
    ///
    /// # Errors
    /// When `out` cannot be written to.
    pub fn write_all(&self, log: &Log<Note>, out: &mut impl Write) -> io::Result<()> {
        let steps = steps(log);
        let mut steps = steps.into_iter().peekable();
        for record in log.iter() {
            while let Some((step, at)) = steps.next_if(|(step, at)| place(step, at) <= record.time)
            {
                step_row(step, at).end(out)?;
            }
            if self.heartbeats == Heartbeats::Hidden && record.note.is_heartbeat() {
                continue;
            }
            if let Some(line) = row(record) {
                line.end(out)?;
            }
        }
        steps.try_for_each(|(step, at)| step_row(step, at).end(out))
    }
}

/// The steps of a log, in the order in which they began, each with its record.
pub fn steps(log: &Log<Note>) -> Vec<(&StepNote, &Record<Note>)> {
    let mut steps: Vec<(&StepNote, &Record<Note>)> = log
        .iter()
        .filter_map(|record| match &record.note {
            Note::Step(step) => Some((&**step, record)),
            Note::Write(_) | Note::Refused(_) | Note::Fault(_) | Note::Mark(_) => None,
        })
        .collect();
    steps.sort_by_key(|(step, _)| (step.begun_turn, step.number));
    steps
}

/// Writes what the scheduler's attempts found out, a `scheduling` row each: no part of the log, and
/// there only when it was asked for. The annotations have the keys and the form of
/// kube-scheduler-simulator.
///
/// # Errors
/// When `out` cannot be written to.
pub fn write_attempts(attempts: &[Attempt], out: &mut impl Write) -> io::Result<()> {
    attempts.iter().try_for_each(|attempt| {
        let mut line = Line::new("scheduling", attempt.at, 0, 0);
        line.text("namespace", &attempt.namespace);
        line.text("name", &attempt.pod);
        line.text("scheduler", &attempt.scheduler);
        line.number("attempt", attempt.number);
        line.number("nodes", attempt.nodes);
        line.text("chosen", &attempt.chosen);
        line.text("nominated", &attempt.nominated);
        line.text("message", &attempt.message);
        line.json("annotations", &serde_json::json!(attempt.annotations));
        line.end(out)
    })
}

/// Writes the `verdict` row.
///
/// # Errors
/// When `out` cannot be written to.
pub fn write_verdict(verdict: &Verdict, out: &mut impl Write) -> io::Result<()> {
    let mut line = Line::new("verdict", verdict.end, verdict.turns, 0);
    line.text("verdict", verdict.as_str());
    line.begin_list("expectations");
    for (n, expected) in verdict.expectations.iter().enumerate() {
        line.item(n);
        expectation(&mut line, expected);
    }
    line.end_list();
    if let Some(error) = &verdict.error {
        line.text("error", error);
    }
    line.number("turns", verdict.turns);
    line.number("writes", verdict.writes);
    line.text("digest", &verdict.digest.to_string());
    line.end(out)
}

fn expectation(line: &mut Line, expected: &Expected) {
    line.text("text", &expected.text);
    line.text("outcome", expected.outcome.as_str());
    line.millis("t_ms", expected.at);
    line.text("detail", &expected.detail);
    line.0.push('}');
}

/// The row of a record; none for a step, which stands elsewhere.
fn row(record: &Record<Note>) -> Option<Line> {
    match &record.note {
        Note::Write(write) => Some(write_line(write, record)),
        Note::Refused(refused) => Some(request_row(refused, record)),
        Note::Fault(fault) => Some(fault_row(fault, record)),
        Note::Mark(mark) => Some(mark_row(mark, record)),
        Note::Step(_) => None,
    }
}

fn write_line(write: &WriteNote, record: &Record<Note>) -> Line {
    let line = Line::of("write", record);
    let (change, origin) = (&write.change, &write.origin);
    // One verb for each object that goes, however many a request named.
    let verb = if origin.verb == "deletecollection" { "delete" } else { origin.verb };
    let told = (
        change.change().as_str(),
        verb,
        origin.subresource,
        origin.user.as_str(),
        origin.why.to_string(),
    );
    write_row(line, change.revision, &change.object, told)
}

/// Fills in a `write` row; `told` is type, verb, subresource, actor and why.
fn write_row(
    mut line: Line,
    revision: u64,
    object: &Object,
    told: (&str, &str, &str, &str, String),
) -> Line {
    let (change, verb, subresource, actor, why) = told;
    let (row, meta) = (object.kind().row(), object.meta());
    line.number("rv", revision);
    line.text("type", change);
    line.text("kind", row.name);
    line.text("apiVersion", &row.api_version());
    line.text("namespace", &meta.namespace);
    line.text("name", &meta.name);
    line.text("verb", verb);
    line.text("subresource", subresource);
    line.text("actor", actor);
    line.text("why", &why);
    line.json("object", &object.to_value());
    line
}

fn request_row(refused: &RefusedNote, record: &Record<Note>) -> Line {
    let mut line = Line::of("request", record);
    line.text("actor", &refused.user);
    line.text("verb", refused.verb);
    line.text("resource", &refused.resource);
    line.text("namespace", &refused.namespace);
    line.text("name", &refused.name);
    line.number("code", u64::from(refused.refusal.code));
    line.json("reason", &serde_json::to_value(refused.refusal.reason).unwrap_or_default());
    line.text("message", &refused.refusal.message);
    line
}

/// The instant at which a step stands: its begin, but for a wait its end, as in the recordings of
/// real clusters.
fn place(step: &StepNote, record: &Record<Note>) -> SimTime {
    if step.text.starts_with("wait ") { record.time } else { step.begun }
}

fn step_row(step: &StepNote, record: &Record<Note>) -> Line {
    let mut line = Line::new("step", place(step, record), step.begun_turn, 0);
    line.number("number", step.number as u64);
    line.text("text", &step.text);
    line.text("output", &step.output);
    line.json("code", &step.code.into());
    line.millis("begin_ms", step.begun);
    line.millis("done_ms", record.time);
    line.number("done_turn", record.turn);
    line
}

fn fault_row(fault: &FaultNote, record: &Record<Note>) -> Line {
    let mut line = Line::of("fault", record);
    line.text("what", &fault.fault);
    line.text("phase", if fault.begins { "begin" } else { "end" });
    line.json("hit", &fault.hit.iter().map(Name::as_str).collect());
    line
}

fn mark_row(mark: &MarkNote, record: &Record<Note>) -> Line {
    let mut line = Line::of("mark", record);
    line.text("mark", mark.mark);
    line.text("who", &mark.who);
    line.text("detail", &mark.detail);
    line
}

/// A row that is being written.
struct Line(String);

impl Line {
    fn new(row: &str, time: SimTime, turn: u64, cause: u64) -> Line {
        let mut line = Line(String::from("{"));
        line.text("row", row);
        line.millis("t_ms", time);
        line.number("turn", turn);
        line.number("cause", cause);
        line
    }

    fn of(row: &str, record: &Record<Note>) -> Line {
        Line::new(row, record.time, record.turn, record.cause)
    }

    fn key(&mut self, key: &str) {
        if !self.0.ends_with('{') {
            self.0.push(',');
        }
        self.0.push('"');
        self.0.push_str(key);
        self.0.push_str("\":");
    }

    fn text(&mut self, key: &str, text: &str) {
        self.json(key, &text.into());
    }

    fn number(&mut self, key: &str, n: u64) {
        self.key(key);
        self.0.push_str(&n.to_string());
    }

    fn millis(&mut self, key: &str, time: SimTime) {
        self.key(key);
        self.0.push_str(&millis(time));
    }

    fn json(&mut self, key: &str, value: &Value) {
        self.key(key);
        self.0.push_str(&value.to_string());
    }

    fn begin_list(&mut self, key: &str) {
        self.key(key);
        self.0.push('[');
    }

    fn item(&mut self, n: usize) {
        self.0.push_str(if n == 0 { "{" } else { ",{" });
    }

    fn end_list(&mut self) {
        self.0.push(']');
    }

    fn end(mut self, out: &mut impl Write) -> io::Result<()> {
        self.0.push_str("}\n");
        out.write_all(self.0.as_bytes())
    }
}

/// An instant as a decimal number of milliseconds, exact to the nanosecond: `1015.571274`.
pub fn millis(time: SimTime) -> String {
    let (whole, rest) = (time.0 / 1_000_000, time.0 % 1_000_000);
    if rest == 0 {
        return whole.to_string();
    }
    let text = format!("{whole}.{rest:06}");
    text.trim_end_matches('0').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_are_exact_decimals() {
        let text = |ns| millis(SimTime(ns));
        assert_eq!(
            [0, 1, 1_500_000, 2_000_000, 1_015_571_274].map(text),
            ["0", "0.000001", "1.5", "2", "1015.571274"]
        );
    }
}
