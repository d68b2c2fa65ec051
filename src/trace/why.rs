//! Why an object is as it is: the causes of its last change, back to a person, a fault or a timer.
//!
//! Responsible for following the causes that the log holds. Where a chain of requests ends, it
//! names the fault that hit whoever is concerned, or else the timer. It never guesses a reason.

pub mod causes;
mod chain;
mod path;

use std::fmt::Write;

use serde_json::Value;

use crate::api::message::StoreChange;
use crate::api::note::{Note, WriteNote};
use crate::api::object::{Object, ObjectKey};
use crate::sim::log::{Log, Record};
use crate::sim::time::SimTime;
use crate::trace::timeline::{Options, clock};
use crate::trace::why::path::Path;

/// What is asked about.
#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    /// The object.
    pub key: &'a ObjectKey,
    /// A field of it: `.spec.replicas`, `.status.conditions[Ready].status`; none for the whole.
    pub field: Option<&'a str>,
    /// The last change at or before this instant counts.
    pub at: SimTime,
}

/// The chain of causes of the last change of an object, newest first, drawn as text.
///
/// `beginning` is what was there when the run began.
///
/// # Errors
/// When there is no such object or field; the text says what there is instead.
pub fn why(
    beginning: &[Object],
    log: &Log<Note>,
    question: Question<'_>,
    options: Options,
) -> Result<String, String> {
    let path = question.field.map(Path::parse).transpose()?;
    let Some(record) = last_change(log, question, path.as_ref()) else {
        return unchanged(beginning, log, question, path.as_ref());
    };
    let mut out = String::new();
    if let (Some(path), Note::Write(write)) = (&path, &record.note) {
        headline(write, path, question.key, &mut out);
    }
    out.push_str(&chain::chain(log, record, options));
    Ok(out)
}

/// The last record that changed the object, or the field of it.
fn last_change<'a>(
    log: &'a Log<Note>,
    question: Question<'_>,
    path: Option<&Path>,
) -> Option<&'a Record<Note>> {
    log.iter().rev().find(|record| {
        let Note::Write(write) = &record.note else { return false };
        record.time <= question.at
            && is_about(&write.change.object, question.key)
            && path.is_none_or(|path| is_changed(&write.change, path))
    })
}

fn is_about(object: &Object, key: &ObjectKey) -> bool {
    let meta = object.meta();
    object.kind() == key.kind && meta.name == key.name && meta.namespace == key.namespace
}

fn is_changed(change: &StoreChange, path: &Path) -> bool {
    let new = path.find(&change.object.to_value());
    let old = change.old.as_ref().and_then(|old| path.find(&old.to_value()));
    if change.deleted { old.is_some() } else { old != new }
}

fn headline(write: &WriteNote, path: &Path, key: &ObjectKey, out: &mut String) {
    let text = |value: Option<Value>| value.map_or("nothing".to_owned(), |value| value.to_string());
    let change = &write.change;
    let old = change.old.as_ref().and_then(|old| path.find(&old.to_value()));
    let new = (!change.deleted).then(|| path.find(&change.object.to_value())).flatten();
    let (kind, name) = (key.kind.name(), &key.name);
    let _ = writeln!(out, "{kind} {name} {path}: {} → {}", text(old), text(new));
}

/// The answer when no record has changed it: it was there from the beginning, or it is not there.
fn unchanged(
    beginning: &[Object],
    log: &Log<Note>,
    question: Question<'_>,
    path: Option<&Path>,
) -> Result<String, String> {
    let (key, at) = (question.key, clock(question.at));
    let name = format!("{} {}", key.kind.name(), key.name);
    let mut writes = log.iter().filter_map(|record| match &record.note {
        Note::Write(write) => Some((record.time, &write.change)),
        Note::Refused(_) | Note::Step(_) | Note::Fault(_) | Note::Mark(_) => None,
    });
    let mut own = writes.by_ref().filter(|(_, change)| is_about(&change.object, key)).peekable();
    let first = own.peek().map(|(time, change)| (*time, change.old.is_none()));
    let initial = beginning.iter().find(|object| is_about(object, key));
    match (initial, first) {
        (None, Some((time, true))) if time > question.at => {
            Err(format!("{name} is not there at {at}: it is created at {}", clock(time)))
        }
        (None, None) => Err(missing(&name, beginning, log, key)),
        (initial, _) => {
            let now = own.last().map(|(_, change)| &change.object).or(initial);
            let value = now.map(Object::to_value).unwrap_or_default();
            match path {
                Some(path) if path.find(&value).is_none() => Err(no_field(&name, path, &value)),
                Some(path) => Ok(format!("{name} {path}: unchanged since {}\n", since(log))),
                None => Ok(format!("{name}: unchanged since {}\n", since(log))),
            }
        }
    }
}

/// Since when a log tells.
fn since(log: &Log<Note>) -> String {
    match log.cut() {
        None => "the beginning".to_owned(),
        Some(cut) => format!("{}; what was before is forgotten", clock(cut.at)),
    }
}

fn no_field(name: &str, path: &Path, value: &Value) -> String {
    let near =
        path.nearest(value).map_or(String::new(), |near| format!(", did you mean `{near}`?"));
    format!("{name} has no field `{path}`{near}")
}

/// That there is no such object, and the name nearest to it.
fn missing(name: &str, beginning: &[Object], log: &Log<Note>, key: &ObjectKey) -> String {
    let written = log.iter().filter_map(|record| match &record.note {
        Note::Write(write) => Some(&write.change.object),
        Note::Refused(_) | Note::Step(_) | Note::Fault(_) | Note::Mark(_) => None,
    });
    let all = beginning.iter().chain(written).filter(|object| object.kind() == key.kind);
    let near = all
        .map(|object| {
            let meta = object.meta();
            let begins_so = meta.name.starts_with(key.name.as_str());
            let distance = if begins_so { 0 } else { strsim::osa_distance(&meta.name, &key.name) };
            let is_elsewhere = meta.namespace != key.namespace;
            (distance, is_elsewhere, meta.name.clone(), meta.namespace.clone())
        })
        .min();
    match near {
        None => format!("{name} never exists, nor any other {}", key.kind.name()),
        Some((distance, _, near, _)) if distance > key.name.len() / 2 + 1 => {
            format!("{name} never exists; there is {near}, for one")
        }
        Some((_, false, near, _)) => format!("{name} never exists, did you mean `{near}`?"),
        Some((_, true, near, namespace)) => {
            format!("{name} never exists, did you mean `{near}` in namespace `{namespace}`?")
        }
    }
}
