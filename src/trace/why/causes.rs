//! Which record led to which, and where a chain of causes ends.
//!
//! Responsible for finding the cause of each record of a log once, for all that follow chains:
//! `why`, the page, and the exports. It never guesses a reason.

use crate::api::note::{FaultNote, Note, StepNote, WriteNote};
use crate::api::object::{Object, ObjectKey};
use crate::sim::index::Map;
use crate::sim::log::{Log, Record};
use crate::sim::time::SimTime;
use crate::trace::rows::steps;

/// What led to a record: another record, by its place in the log, or where the chain ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Cause {
    /// The record at this place.
    Record(usize),
    /// The step of this number in [`Causes::steps`].
    Step(usize),
    /// The begin of a fault that hit whoever the record is about: the record at this place.
    Fault(usize),
    /// Nothing but time.
    Timer,
    /// It follows from how the run begins.
    Beginning,
}

/// The causes of the records of a log.
pub struct Causes<'a> {
    records: Vec<&'a Record<Note>>,
    /// Places of records by turn; of several of one turn a write comes first.
    by_turn: Vec<(u64, usize)>,
    /// Places of the writes of each object by others than kubelets, in order.
    written: Map<ObjectKey, Vec<usize>>,
    steps: Vec<(&'a StepNote, &'a Record<Note>)>,
    step_turns: Map<u64, usize>,
    faults: Vec<(&'a FaultNote, usize)>,
}

impl<'a> Causes<'a> {
    /// Reads a log.
    pub fn new(log: &'a Log<Note>) -> Causes<'a> {
        let records: Vec<&Record<Note>> = log.iter().collect();
        let mut by_turn = Vec::new();
        let mut written: Map<ObjectKey, Vec<usize>> = Map::default();
        let mut faults = Vec::new();
        for (place, record) in records.iter().enumerate() {
            match &record.note {
                Note::Step(_) => continue,
                Note::Write(write) if is_pod(write) && !is_kubelet(write) => {
                    written.entry(write.change.object.key()).or_default().push(place);
                }
                Note::Fault(fault) => faults.push((&**fault, place)),
                Note::Write(_) | Note::Refused(_) | Note::Mark(_) => {}
            }
            by_turn.push((record.turn, place));
        }
        by_turn.sort_by_key(|(turn, place)| {
            (*turn, !matches!(records[*place].note, Note::Write(_)), *place)
        });
        let steps = steps(log);
        let mut step_turns = Map::default();
        for (n, (step, _)) in steps.iter().enumerate() {
            step_turns.entry(step.begun_turn).or_insert(n);
        }
        Causes { records, by_turn, written, steps, step_turns, faults }
    }

    /// The records, in the order of the log.
    pub fn records(&self) -> &[&'a Record<Note>] {
        &self.records
    }

    /// The steps, in the order in which they began, each with its record.
    pub fn steps(&self) -> &[(&'a StepNote, &'a Record<Note>)] {
        &self.steps
    }

    /// What led to the record at a place.
    pub fn of(&self, place: usize) -> Cause {
        self.fault_before(place).map_or_else(|| self.asked(place), Cause::Fault)
    }

    /// What led to it, faults that it follows by silence left out.
    fn asked(&self, place: usize) -> Cause {
        let record = self.records[place];
        if let Some(step) = self.step_turns.get(&record.cause) {
            return Cause::Step(*step);
        }
        if let Some(cause) = self.cause_for_kubelet(place) {
            return Cause::Record(cause);
        }
        let n = self.by_turn.partition_point(|(turn, _)| *turn < record.cause);
        match self.by_turn.get(n) {
            Some((turn, cause)) if *turn == record.cause && *turn < record.turn => {
                Cause::Record(*cause)
            }
            Some(_) | None => self.root(record),
        }
    }

    /// What a kubelet says of a pod follows from what others last wrote of that pod: its alarms
    /// serve all its pods at once, and the turn that set one may belong to another pod.
    fn cause_for_kubelet(&self, place: usize) -> Option<usize> {
        let record = self.records[place];
        let Note::Write(write) = &record.note else { return None };
        if !is_pod(write) || !is_kubelet(write) {
            return None;
        }
        let others = self.written.get(&write.change.object.key())?;
        let before = others.partition_point(|n| self.records[*n].turn < record.turn);
        others[..before].last().copied()
    }

    fn root(&self, record: &Record<Note>) -> Cause {
        let is_person = match &record.note {
            Note::Write(write) => write.origin.user == "kubectl",
            Note::Refused(refused) => refused.user == "kubectl",
            Note::Step(_) | Note::Fault(_) | Note::Mark(_) => false,
        };
        let covers = |n: &usize| {
            let (step, done) = self.steps[*n];
            step.begun <= record.time && record.time <= done.time
        };
        let step = if is_person { (0..self.steps.len()).rev().find(covers) } else { None };
        match step {
            Some(step) => Cause::Step(step),
            None if matches!(record.note, Note::Fault(_)) || is_person => Cause::Beginning,
            None if record.time.0 < 1_000_000_000 => Cause::Beginning,
            None => Cause::Timer,
        }
    }

    /// The last fault that hit whoever a record is about, when it began after what else led to the
    /// record: what follows from silence has no request as its cause.
    fn fault_before(&self, place: usize) -> Option<usize> {
        let record = self.records[place];
        let Note::Write(write) = &record.note else { return None };
        if self.faults.is_empty() {
            return None;
        }
        let object = &write.change.object;
        let is_hit = |fault: &FaultNote| {
            let concerns = |name: &str| {
                name == object.meta().name
                    || matches!(object, Object::Pod(p) if p.node_name == name)
            };
            fault.begins && fault.hit.iter().any(|name| concerns(name))
        };
        let since = match self.asked(place) {
            Cause::Step(_) => return None,
            Cause::Record(cause) | Cause::Fault(cause) => self.records[cause].time,
            Cause::Timer | Cause::Beginning => SimTime::ZERO,
        };
        let mut faults = self.faults.iter().rev();
        let found = faults.find(|(fault, at)| {
            let at = self.records[*at];
            at.turn < record.turn && at.time >= since && is_hit(fault)
        });
        found.map(|(_, at)| *at).filter(|at| self.records[*at].turn != record.cause)
    }
}

fn is_pod(write: &WriteNote) -> bool {
    matches!(write.change.object, Object::Pod(_))
}

fn is_kubelet(write: &WriteNote) -> bool {
    write.origin.user.starts_with("kubelet/")
}
