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
    render::render(&lines, verdict, options)
}

/// What a write changed, in the words of the timeline, without the object's name.
pub(crate) fn words(write: &WriteNote, time: SimTime) -> Vec<String> {
    let told = record::of_write(write, time);
    told.iter().map(render::phrase).collect()
}
