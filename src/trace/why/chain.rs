//! The chain of causes: from a record back to where it all began.

use crate::api::note::{Note, RefusedNote, WriteNote};
use crate::sim::log::{Log, Record};
use crate::sim::time::SimTime;
use crate::trace::timeline::{clock, words};
use crate::trace::why::causes::{Cause, Causes};

/// One link of a chain, as it is shown.
struct Link {
    time: SimTime,
    actor: String,
    what: String,
    why: String,
}

/// The chain from a record back, newest first, one line a link.
pub(super) fn chain(log: &Log<Note>, from: &Record<Note>) -> String {
    let causes = Causes::new(log);
    let place = causes.records().iter().position(|record| std::ptr::eq(*record, from));
    let mut place = place.expect("the record is one of the log");
    let mut links = Vec::new();
    loop {
        let record = causes.records()[place];
        links.push(link(record));
        let found = causes.of(place);
        if let (Cause::Timer | Cause::Beginning, Some(cut)) = (found, log.cut())
            && record.cause <= cut.turn
        {
            let what = "what led to it is forgotten: the history is cut here".to_owned();
            links.push(Link::last(cut.at, what));
            break;
        }
        match found {
            Cause::Record(cause) => place = cause,
            Cause::Fault(fault) => {
                links.push(link(causes.records()[fault]));
                break;
            }
            Cause::Step(step) => {
                let step = causes.steps()[step].0;
                links.push(Link::last(step.begun, format!("$ {}", step.text)));
                break;
            }
            Cause::Timer => {
                links.push(Link::last(record.time, "a timer: the time has come".to_owned()));
                break;
            }
            Cause::Beginning => {
                links.push(Link::last(SimTime::ZERO, "the beginning of the run".to_owned()));
                break;
            }
        }
    }
    render(&links)
}

impl Link {
    fn last(time: SimTime, what: String) -> Link {
        Link { time, actor: String::new(), what, why: String::new() }
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
