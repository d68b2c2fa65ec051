//! The chain of causes: from a record back to where it all began.

use crate::api::note::{FaultNote, Note, RefusedNote, StepNote, WriteNote};
use crate::api::object::Object;
use crate::sim::log::{Log, Record};
use crate::sim::time::SimTime;
use crate::trace::rows::steps;
use crate::trace::timeline::{clock, words};

/// One link of a chain, as it is shown.
struct Link {
    time: SimTime,
    actor: String,
    what: String,
    why: String,
}

/// The end of a chain, when there is nothing in the log that led to it.
enum Root<'a> {
    /// A person's step.
    Step(&'a StepNote),
    /// A fault that hit whoever the last link is about.
    Fault(&'a Record<Note>),
    /// Nothing but time.
    Timer,
    /// It follows from how the run begins.
    Beginning,
}

/// The chain from a record back, newest first, one line a link.
pub(super) fn chain(log: &Log<Note>, from: &Record<Note>) -> String {
    let records = Index::new(log);
    let mut links = Vec::new();
    let mut record = from;
    let root = loop {
        links.push(link(record));
        if let Some(fault) = records.fault_before(record) {
            break Root::Fault(fault);
        }
        match records.cause(record) {
            Ok(cause) => record = cause,
            Err(root) => break root,
        }
    };
    let end = links.last().map_or(SimTime::ZERO, |link| link.time);
    links.push(root.link(end));
    render(&links)
}

/// The records of a log by turn, its steps and its faults.
struct Index<'a> {
    by_turn: Vec<(u64, &'a Record<Note>)>,
    steps: Vec<(&'a StepNote, &'a Record<Note>)>,
    faults: Vec<(&'a FaultNote, &'a Record<Note>)>,
}

impl<'a> Index<'a> {
    fn new(log: &'a Log<Note>) -> Index<'a> {
        let mut by_turn: Vec<_> = log
            .iter()
            .filter(|record| !matches!(record.note, Note::Step(_)))
            .map(|record| (record.turn, record))
            .collect();
        // Of several records of one turn a write tells most.
        by_turn.sort_by_key(|(turn, r)| (*turn, !matches!(r.note, Note::Write(_))));
        let faults = log.iter().filter_map(|record| match &record.note {
            Note::Fault(fault) => Some((&**fault, record)),
            Note::Write(_) | Note::Refused(_) | Note::Step(_) | Note::Mark(_) => None,
        });
        Index { by_turn, steps: steps(log), faults: faults.collect() }
    }

    /// The record that led to another, or where the chain ends.
    fn cause(&self, record: &'a Record<Note>) -> Result<&'a Record<Note>, Root<'a>> {
        if let Some((step, _)) = self.steps.iter().find(|(s, _)| s.begun_turn == record.cause) {
            return Err(Root::Step(step));
        }
        if let Some(cause) = self.cause_for_kubelet(record) {
            return Ok(cause);
        }
        let n = self.by_turn.partition_point(|(turn, _)| *turn < record.cause);
        match self.by_turn.get(n) {
            Some((turn, cause)) if *turn == record.cause && *turn < record.turn => Ok(cause),
            Some(_) | None => Err(self.root(record)),
        }
    }

    /// What a kubelet says of a pod follows from what others last wrote of that pod: its alarms
    /// serve all its pods at once, and the turn that set one may belong to another pod.
    fn cause_for_kubelet(&self, record: &Record<Note>) -> Option<&'a Record<Note>> {
        let Note::Write(write) = &record.note else { return None };
        if !matches!(write.change.object, Object::Pod(_)) || !is_kubelet(write) {
            return None;
        }
        let key = write.change.object.key();
        let n = self.by_turn.partition_point(|(turn, _)| *turn < record.turn);
        let before = self.by_turn[..n].iter().rev().map(|(_, record)| *record);
        before.into_iter().find(|record| match &record.note {
            Note::Write(other) => !is_kubelet(other) && other.change.object.key() == key,
            Note::Refused(_) | Note::Step(_) | Note::Fault(_) | Note::Mark(_) => false,
        })
    }

    fn root(&self, record: &Record<Note>) -> Root<'a> {
        let is_person = match &record.note {
            Note::Write(write) => write.origin.user == "kubectl",
            Note::Refused(refused) => refused.user == "kubectl",
            Note::Step(_) | Note::Fault(_) | Note::Mark(_) => false,
        };
        let covers = |(step, done): &&(&StepNote, &Record<Note>)| {
            step.begun <= record.time && record.time <= done.time
        };
        match self.steps.iter().rev().find(covers) {
            Some((step, _)) if is_person => Root::Step(step),
            Some(_) | None if matches!(record.note, Note::Fault(_)) || is_person => Root::Beginning,
            Some(_) | None if record.time.0 < 1_000_000_000 => Root::Beginning,
            Some(_) | None => Root::Timer,
        }
    }

    /// The last fault that hit whoever a record is about, when it began after what else led to the
    /// record: what follows from silence has no request as its cause.
    fn fault_before(&self, record: &Record<Note>) -> Option<&'a Record<Note>> {
        let Note::Write(write) = &record.note else { return None };
        let object = &write.change.object;
        let is_hit = |fault: &FaultNote| {
            let concerns = |name: &str| {
                name == object.meta().name
                    || matches!(object, Object::Pod(p) if p.node_name == name)
            };
            fault.begins && fault.hit.iter().any(|name| concerns(name))
        };
        let cause = self.cause(record).map_or(SimTime::ZERO, |cause| cause.time);
        let is_person = matches!(self.cause(record), Err(Root::Step(_)));
        let mut faults = self.faults.iter().rev().map(|(fault, at)| (*fault, *at));
        faults
            .find(|(fault, at)| {
                !is_person && at.turn < record.turn && at.time >= cause && is_hit(fault)
            })
            .filter(|(_, at)| at.turn != record.cause)
            .map(|(_, at)| at)
    }
}

impl Root<'_> {
    fn link(&self, end: SimTime) -> Link {
        let last =
            |time, what: String| Link { time, actor: String::new(), what, why: String::new() };
        match self {
            Root::Step(step) => last(step.begun, format!("$ {}", step.text)),
            Root::Fault(record) => link(record),
            Root::Timer => last(end, "a timer: the time has come".to_owned()),
            Root::Beginning => last(SimTime::ZERO, "the beginning of the run".to_owned()),
        }
    }
}

fn link(record: &Record<Note>) -> Link {
    let (actor, what, why) = match &record.note {
        Note::Write(write) => {
            (write.origin.user.to_string(), told(write, record), write.origin.why.to_string())
        }
        Note::Refused(refused) => (refused.user.to_string(), refused_text(refused), String::new()),
        Note::Step(step) => (String::new(), format!("$ {}", step.text), String::new()),
        Note::Fault(fault) => {
            let word = if fault.begins { "begins" } else { "ends" };
            let what = format!("{} {word}: {}", fault.fault, fault.hit.join(", "));
            ("fault".to_owned(), what, String::new())
        }
        Note::Mark(mark) => {
            (mark.who.to_string(), format!("{}: {}", mark.mark, mark.detail), String::new())
        }
    };
    Link { time: record.time, actor, what, why }
}

fn refused_text(refused: &RefusedNote) -> String {
    let (verb, resource, name) = (refused.verb, &refused.resource, &refused.name);
    format!("{verb} {resource} {name} refused: {}", refused.refusal.message)
}

fn is_kubelet(write: &WriteNote) -> bool {
    write.origin.user.starts_with("kubelet/")
}

/// Verb, object, and in plain words what changed.
fn told(write: &WriteNote, record: &Record<Note>) -> String {
    let (origin, object) = (&write.origin, &write.change.object);
    let kind = object.kind().name();
    let part = match origin.subresource {
        "" => String::new(),
        part => format!("/{part}"),
    };
    let mut text = format!("{} {kind}{part} {}", origin.verb, object.meta().name);
    let words = words(write, record.time);
    if !words.is_empty() {
        text = format!("{text}: {}", words.join("; "));
    }
    text
}

/// The links in columns; what led to a line stands below it.
fn render(links: &[Link]) -> String {
    let times: Vec<String> = links.iter().map(|link| clock(link.time)).collect();
    let time = times.iter().map(String::len).max().unwrap_or(0);
    let actor = links.iter().map(|link| link.actor.chars().count()).max().unwrap_or(0);
    let mut out = String::new();
    for (n, (link, clock)) in links.iter().zip(&times).enumerate() {
        let because = if n == 0 { "" } else { "because" };
        let mut line =
            format!("{because:<7}  {clock:>time$}  {:<actor$}  {}", link.actor, link.what);
        if link.actor.is_empty() {
            line = format!("{because:<7}  {clock:>time$}  {}", link.what);
        }
        if !link.why.is_empty() {
            line = format!("{line} ({})", link.why);
        }
        out.push_str(line.trim_end());
        out.push('\n');
    }
    out
}
