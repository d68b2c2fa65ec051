//! A log as messages: who noticed what, asked for what, and what was stored.
//!
//! Each write is up to three messages: its author has noticed the change that led to it, it asks
//! the apiserver, and the apiserver stores. The log holds the instant of the last; the others are
//! before it, in this order.

use std::fmt;

use crate::api::note::{Note, WriteNote};
use crate::api::object::{Kind, Object};
use crate::api::refusal::{Reason, Refusal};
use crate::sim::log::{Log, Record};
use crate::sim::time::SimTime;
use crate::trace::change;
use crate::trace::timeline::{Colour, Line, Options, Told, clock, verdict_text};
use crate::trace::verdict::Verdict;
use crate::trace::why::causes::{Cause, Causes};

/// The one whom everybody talks to.
pub const APISERVER: &str = "apiserver";

/// The store behind it.
pub const ETCD: &str = "etcd";

/// What a message is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum What {
    /// A person's command begins.
    Step,
    /// A change reaches somebody who watches.
    Noticed,
    /// A change is asked for.
    Asked,
    /// The apiserver refuses.
    Refused,
    /// A change is stored.
    Stored,
    /// A fault begins or ends.
    Fault,
}

/// One message.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Message {
    /// What it is.
    pub what: What,
    /// When the write that it belongs to was stored, or when it happened.
    pub time: SimTime,
    /// From whom.
    pub from: String,
    /// To whom.
    pub to: String,
    /// What it says.
    pub text: String,
    /// The reason; empty for none.
    pub why: String,
}

/// The messages of a log, in order; events and signs of life are left out.
pub fn messages(log: &Log<Note>) -> Vec<Message> {
    let causes = Causes::new(log);
    let mut steps = causes.steps().iter().peekable();
    let mut all = Vec::new();
    for (place, record) in causes.records().iter().enumerate() {
        while let Some((step, _)) = steps.next_if(|(step, _)| step.begun_turn <= record.turn) {
            all.push(message(What::Step, step.begun, "kubectl", "kubectl", &step.text));
        }
        if record.turn > 0 && !record.note.is_heartbeat() {
            of_record(&causes, place, record, &mut all);
        }
    }
    for (step, _) in steps {
        all.push(message(What::Step, step.begun, "kubectl", "kubectl", &step.text));
    }
    all
}

/// The messages of a log as lines, for those who lay them out themselves.
pub(crate) fn told(log: &Log<Note>) -> Vec<Told> {
    let line = |message: Message| {
        let sort = match message.what {
            What::Step => Line::Step,
            What::Fault => Line::Fault,
            What::Refused => Line::Bad,
            What::Noticed | What::Asked | What::Stored => Line::Plain,
        };
        Told::line(message.time, message.body(), sort)
    };
    messages(log).into_iter().map(line).collect()
}

/// The messages of a log as a timeline, with the verdict at its end where there is one.
pub fn timeline(log: &Log<Note>, verdict: Option<&Verdict>, options: Options) -> String {
    let mut out = String::new();
    for message in messages(log) {
        if message.what == What::Step && !out.is_empty() {
            out.push('\n');
        }
        let text = cut(&message.to_string(), options.width);
        match (options.colour, message.style()) {
            (Colour::Always, style) if !style.is_empty() => {
                out.push_str(&format!("\u{1b}[{style}m{text}\u{1b}[0m\n"));
            }
            _ => out.push_str(&format!("{text}\n")),
        }
    }
    out.push_str(&verdict.map_or(String::new(), |verdict| verdict_text(verdict, options)));
    out
}

fn cut(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    text.chars().take(width.saturating_sub(1)).chain(['…']).collect()
}

fn message(what: What, time: SimTime, from: &str, to: &str, text: &str) -> Message {
    let (from, to, text) = (from.to_owned(), to.to_owned(), text.to_owned());
    Message { what, time, from, to, text, why: String::new() }
}

fn of_record(causes: &Causes<'_>, place: usize, record: &Record<Note>, all: &mut Vec<Message>) {
    let time = record.time;
    match &record.note {
        Note::Write(write) if write.change.object.kind() == Kind::EVENT => {}
        Note::Write(write) => {
            let user = &write.origin.user;
            if let Cause::Record(cause) = causes.of(place)
                && let Note::Write(led) = &causes.records()[cause].note
            {
                let text = thing(&led.change.object);
                all.push(message(What::Noticed, time, APISERVER, user, &text));
            }
            let mut asked = message(What::Asked, time, user, APISERVER, &request(write, time));
            asked.why = write.origin.why.to_string();
            all.push(asked);
            let text =
                format!("{} (revision {})", thing(&write.change.object), write.change.revision);
            all.push(message(What::Stored, time, APISERVER, ETCD, &text));
        }
        Note::Refused(refused) => {
            let code = refused.refusal.code;
            if matches!(refused.verb, "get" | "list" | "watch") && code == 404 {
                return;
            }
            let text = format!("{} {} {}", refused.verb, refused.resource, refused.name);
            all.push(message(What::Asked, time, &refused.user, APISERVER, &text));
            let text = format!("refused {code}{}", reason(&refused.refusal));
            all.push(message(What::Refused, time, APISERVER, &refused.user, &text));
        }
        Note::Fault(fault) => {
            let word = if fault.begins { "begins" } else { "ends" };
            let text = format!("{} {word}: {}", fault.fault, fault.hit.join(", "));
            all.push(message(What::Fault, time, "fault", "fault", &text));
        }
        Note::Step(_) | Note::Mark(_) => {}
    }
}

/// Why a request was refused; of a conflict only what differs from case to case.
fn reason(refusal: &Refusal) -> String {
    let message = &*refusal.message;
    match (refusal.is(Reason::Conflict), message.contains("the object has been modified")) {
        (true, true) => " Conflict: the object has been modified since it was read".to_owned(),
        _ => format!(": {message}"),
    }
}

fn thing(object: &Object) -> String {
    format!("{} {}", object.kind().name(), object.meta().name)
}

/// Verb, part and object, and in plain words what changes.
fn request(write: &WriteNote, time: SimTime) -> String {
    let origin = &write.origin;
    let part = match origin.subresource {
        "" => String::new(),
        part => format!("/{part}"),
    };
    let object = &write.change.object;
    let head = format!("{} {}{part} {}", origin.verb, object.kind().name(), object.meta().name);
    let words = change::said(write, time);
    let said = words.iter().filter(|w| *w != "created" && *w != "deleted");
    let said: Vec<&str> = said.map(String::as_str).collect();
    if said.is_empty() { head } else { format!("{head}: {}", said.join("; ")) }
}

impl Message {
    /// The SGR parameters of its colour: as on the page, green, blue and purple.
    fn style(&self) -> &'static str {
        match self.what {
            What::Step => "1",
            What::Noticed => "32",
            What::Asked => "34",
            What::Stored => "35",
            What::Refused => "31",
            What::Fault => "33",
        }
    }
}

impl Message {
    /// What it says, without when.
    fn body(&self) -> String {
        let Message { from, to, text, .. } = self;
        match self.what {
            What::Step => format!("$ {text}"),
            What::Fault => format!("fault    {text}"),
            What::Noticed => format!("notices  {from} → {to}: {text}"),
            What::Asked => format!("asks     {from} → {to}: {text}"),
            What::Refused => format!("refuses  {from} → {to}: {text}"),
            What::Stored => format!("stores   {from} → {to}: {text}"),
        }
    }
}

impl fmt::Display for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // When it was noticed and asked, the log does not tell.
        let at = match self.what {
            What::Noticed | What::Asked => String::new(),
            What::Step | What::Fault | What::Refused | What::Stored => clock(self.time),
        };
        write!(f, "{at:>9}  {}", self.body())
    }
}
