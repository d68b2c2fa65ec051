//! The timeline of a run: what happened, in plain words, for people.
//!
//! Responsible for choosing what is worth a line, and for putting the same thing that happens to
//! many objects into one line. The text follows from the log alone, so that it can be compared
//! with a stored one.

mod fact;
mod group;
mod pod;
mod record;
mod render;
mod workload;

use crate::api::note::{Note, WriteNote};
use crate::sim::log::Log;
use crate::sim::time::SimTime;
use crate::trace::verdict::Verdict;

pub(crate) use render::clock;

/// How a timeline is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Options {
    /// No line has more characters than this.
    pub width: usize,
    /// Whether it has colours.
    pub colour: Colour,
}

/// Whether text has colours.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Colour {
    /// Plain text.
    #[default]
    Never,
    /// With ANSI escapes.
    Always,
}

impl Default for Options {
    fn default() -> Self {
        Options { width: 120, colour: Colour::Never }
    }
}

/// The timeline of a log, with the verdict at its end where there is one.
pub fn timeline(log: &Log<Note>, verdict: Option<&Verdict>, options: Options) -> String {
    let facts = record::facts(log);
    let lines = group::group(facts);
    let told = render::render(&lines, verdict, options);
    match log.cut() {
        None => told,
        Some(cut) => format!("{:>9}  what was before is forgotten\n{told}", clock(cut.at)),
    }
}

/// The verdict, as it stands at the end of a timeline.
pub(crate) fn verdict_text(verdict: &Verdict, options: Options) -> String {
    render::render(&[], Some(verdict), options)
}

/// One line of a timeline, for those who lay it out themselves.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Told {
    /// When.
    pub time: SimTime,
    /// Who did what; `$ …` for a step.
    pub text: String,
    /// Why; empty where it only says again what happened.
    pub why: String,
    tone: fact::Tone,
}

impl Told {
    /// A line of another timeline: a step, a fault, or something else, which may be bad.
    pub(crate) fn line(time: SimTime, text: String, sort: Line) -> Told {
        let tone = match sort {
            Line::Step => fact::Tone::Step,
            Line::Fault => fact::Tone::Fault,
            Line::Bad => fact::Tone::Bad,
            Line::Plain => fact::Tone::Plain,
        };
        Told { time, text, why: String::new(), tone }
    }

    /// Whether it is bad, or a fault.
    pub fn is_bad(&self) -> bool {
        matches!(self.tone, fact::Tone::Bad | fact::Tone::Fault)
    }

    /// Whether a fault begins or ends.
    pub fn is_fault(&self) -> bool {
        self.tone == fact::Tone::Fault
    }

    /// Whether a person's step begins.
    pub fn is_step(&self) -> bool {
        self.tone == fact::Tone::Step
    }

    /// The instant as the timeline has it: `70.016s`.
    pub fn clock(&self) -> String {
        clock(self.time)
    }
}

/// What a line tells.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Line {
    /// A person's command.
    Step,
    /// A fault.
    Fault,
    /// Something bad.
    Bad,
    /// Anything else.
    Plain,
}

/// The lines of a log, in order.
pub fn told(log: &Log<Note>) -> Vec<Told> {
    let lines = group::group(record::facts(log));
    lines.iter().map(render::told).collect()
}

/// What a write changed, in the words of the timeline, without the object's name.
pub(crate) fn words(write: &WriteNote, time: SimTime) -> Vec<String> {
    let told = record::of_write(write, time);
    told.iter().map(render::phrase).collect()
}
