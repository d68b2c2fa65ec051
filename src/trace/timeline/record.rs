//! From records of the log to facts.

use crate::api::apps::deployment::Deployment;
use crate::api::core::event::Event;
use crate::api::discovery::endpoint_slice::EndpointSlice;
use crate::api::message::StoreChange;
use crate::api::note::{FaultNote, MarkNote, Note, RefusedNote, StepNote, WriteNote};
use crate::api::object::{Kind, Object};
use crate::api::refusal::Reason;
use crate::api::why::Why;
use crate::sim::log::{Log, Record};
use crate::sim::time::SimTime;
use crate::trace::rows::steps;
use crate::trace::timeline::fact::{Fact, Teller, Tone};
use crate::trace::timeline::{pod, workload};

/// All facts of a log, in its order; a step stands where it began.
pub(super) fn facts(log: &Log<Note>) -> Vec<Fact> {
    let mut facts = Vec::new();
    let steps = steps(log);
    let mut steps = steps.into_iter().peekable();
    for record in log.iter() {
        while let Some((step, at)) = steps.next_if(|(step, _)| step.begun_turn <= record.turn) {
            facts.push(step_fact(step, at));
        }
        match &record.note {
            Note::Write(write) => write_facts(write, record.time, &mut facts),
            Note::Refused(refused) => facts.extend(refused_fact(refused, record)),
            Note::Fault(fault) => facts.push(fault_fact(fault, record)),
            Note::Mark(mark) => facts.push(mark_fact(mark, record)),
            Note::Step(_) => {}
        }
    }
    facts.extend(steps.map(|(step, at)| step_fact(step, at)));
    facts
}

/// The facts of one write.
pub(super) fn of_write(write: &WriteNote, time: SimTime) -> Vec<Fact> {
    let mut facts = Vec::new();
    write_facts(write, time, &mut facts);
    facts
}

fn write_facts(write: &WriteNote, time: SimTime, facts: &mut Vec<Fact>) {
    let StoreChange { old, object, deleted, .. } = &write.change;
    let before = facts.len();
    let mut teller = Teller { facts, time, origin: &write.origin, object };
    match (old, deleted) {
        (_, true) => deleted_facts(&mut teller, object),
        (None, false) => created_facts(&mut teller, object),
        (Some(old), false) => changed_facts(&mut teller, old, object),
    }
    let is_told = teller.facts.len() > before;
    if let (Some(old), false, false, "kubectl") = (old, is_told, *deleted, &*write.origin.user) {
        person_facts(&mut teller, old, object);
    }
}

fn created_facts(teller: &mut Teller<'_>, object: &Object) {
    if let Some(new) = object.as_a::<Deployment>() {
        workload::deployment_created(teller, new);
    } else if let Some(new) = object.as_a::<EndpointSlice>() {
        workload::slice_changed(teller, None, new);
    } else if let Some(event) = object.as_a::<Event>() {
        event_fact(teller, event);
    } else if !is_quiet(object.kind()) {
        workload::created(teller, object);
    }
}

/// Whether changes of a kind say what others say already.
fn is_quiet(kind: Kind) -> bool {
    [Kind::EVENT, Kind::LEASE, Kind::ENDPOINTS].contains(&kind)
}

fn changed_facts(teller: &mut Teller<'_>, old: &Object, new: &Object) {
    match (old, new) {
        (Object::Pod(old), Object::Pod(new)) => return pod::changed(teller, old, new),
        (Object::Deployment(old), Object::Deployment(new)) => {
            workload::deployment_changed(teller, old, new);
        }
        (Object::ReplicaSet(old), Object::ReplicaSet(new)) => {
            workload::replica_set_changed(teller, old, new);
        }
        (Object::Node(old), Object::Node(new)) => workload::node_changed(teller, old, new),
        (Object::EndpointSlice(old), Object::EndpointSlice(new)) => {
            workload::slice_changed(teller, Some(old), new);
        }
        (Object::Event(_), Object::Event(new)) => event_fact(teller, new),
        (_, new) if is_quiet(new.kind()) => return,
        _ => workload::any_changed(teller, old, new),
    }
    if !old.meta().is_deleting() && new.meta().is_deleting() {
        let waits = new.meta().finalizers().join(", ");
        teller.tell(Tone::Plain, format!("deletion asked for, waits for {waits}"));
    }
}

fn deleted_facts(teller: &mut Teller<'_>, object: &Object) {
    if !is_quiet(object.kind()) {
        let word = if object.kind() == Kind::POD { "gone" } else { "deleted" };
        teller.tell(Tone::Plain, word);
    }
}

/// What a person has changed that is told in no other way.
fn person_facts(teller: &mut Teller<'_>, old: &Object, new: &Object) {
    let (was, is) = (old.meta(), new.meta());
    if was.labels != is.labels {
        teller.tell(Tone::Plain, "labels changed");
    }
    if was.annotations != is.annotations {
        teller.tell(Tone::Plain, "annotations changed");
    }
    if !old.same_spec(new) {
        teller.tell(Tone::Plain, "changed");
    }
}

/// Warnings that the state of an object does not tell.
fn event_fact(teller: &mut Teller<'_>, event: &Event) {
    const TOLD: [&str; 6] =
        ["FailedScheduling", "BackOff", "Failed", "NodeNotReady", "ErrImagePull", "FailedMount"];
    // What no write tells: the machines that a cloud is asked for.
    const ALONE: [&str; 3] = ["TriggeredScaleUp", "NotTriggerScaleUp", "DeleteUnregistered"];
    let body = &event.body;
    let is_warning = body.origin.kind == "Warning";
    let reason = body.reason.as_str();
    if TOLD.contains(&reason) || !is_warning && !ALONE.contains(&reason) {
        return;
    }
    let involved = &body.involved_object;
    let text = format!("{}: {}", body.reason, body.message);
    let tone = if is_warning { Tone::Bad } else { Tone::Plain };
    let fact = teller.tell(tone, text);
    fact.kind = Kind::named(&involved.kind).map_or("", Kind::name);
    fact.name = involved.name.clone();
    fact.why = Why::default();
}

fn refused_fact(refused: &RefusedNote, record: &Record<Note>) -> Option<Fact> {
    let is_question = matches!(refused.verb, "get" | "list" | "watch");
    if is_question && refused.refusal.is(Reason::NotFound) {
        return None;
    }
    let verb = refused.verb;
    let what = match (refused.refusal.reason, refused.refusal.code) {
        (Reason::Conflict, _) => format!("{verb} refused: conflict, retried"),
        (Reason::AlreadyExists, _) => format!("{verb} refused: it exists already"),
        (Reason::NotFound, _) => format!("{verb} refused: it is gone"),
        (_, 0) => format!("{verb} lost: {}", refused.refusal.message),
        (_, code) => format!("{verb} refused: {code} {}", refused.refusal.message),
    };
    let plural = refused.resource.split('/').next().unwrap_or_default();
    let kind = Kind::all().find(|k| k.row().plural == plural);
    Some(Fact {
        time: record.time,
        actor: refused.user.clone(),
        kind: kind.map_or("", Kind::name),
        name: refused.name.clone(),
        what,
        tone: Tone::Bad,
        ..Fact::default()
    })
}

fn step_fact(step: &StepNote, record: &Record<Note>) -> Fact {
    let took = record.time.since(step.begun);
    let mut what = format!("$ {}", step.text);
    if step.code != 0 {
        let said = step.output.lines().rfind(|line| !line.is_empty()).unwrap_or_default();
        what = format!("{what} (exit {}: {said})", step.code);
    }
    let took = crate::sim::time::SimDuration::millis(took.as_millis());
    let why = if took.0 == 0 { Why::default() } else { Why::one("took {}", took) };
    Fact { time: step.begun, what, why, tone: Tone::Step, ..Fact::default() }
}

fn fault_fact(fault: &FaultNote, record: &Record<Note>) -> Fact {
    let word = if fault.begins { "begins" } else { "ends" };
    let mut what = format!("{} {word}", fault.fault);
    if !fault.hit.is_empty() {
        what = format!("{what}: {}", fault.hit.join(", "));
    }
    let actor = "fault".into();
    Fact { time: record.time, actor, what, tone: Tone::Fault, ..Fact::default() }
}

fn mark_fact(mark: &MarkNote, record: &Record<Note>) -> Fact {
    let (tone, what) = match mark.mark {
        "leader" => (Tone::Plain, mark.detail.to_string()),
        "relist" => (Tone::Plain, format!("lists {} anew", mark.detail)),
        "watch-cut" => (Tone::Plain, format!("cuts the watches of {}s", mark.detail)),
        "crash" => (Tone::Bad, format!("crashes {}", mark.detail)),
        other => (Tone::Plain, format!("{other} {}", mark.detail)),
    };
    let what = what.trim_end().to_owned();
    Fact { time: record.time, actor: mark.who.clone(), what, tone, ..Fact::default() }
}
