//! The verdict of a run: what was expected, what came of it, and the run in three numbers.

use crate::api::note::Note;
use crate::sim::digest::DigestValue;
use crate::sim::engine::{Actor, Engine};
use crate::sim::log::Log;
use crate::sim::time::SimTime;

/// What came of a run.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Verdict {
    /// The expectations, in the order of the scenario.
    pub expectations: Vec<Expected>,
    /// Why the run could not go on, if it could not: a fault that hit nobody, a step that failed.
    pub error: Option<String>,
    /// When the run ended.
    pub end: SimTime,
    /// Turns of the engine.
    pub turns: u64,
    /// Writes to the store, without signs of life.
    pub writes: u64,
    /// The digest of the log.
    pub digest: DigestValue,
}

/// One expectation and what came of it.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Expected {
    /// As the scenario has it.
    pub text: String,
    /// What came of it.
    pub outcome: Outcome,
    /// When that was decided.
    pub at: SimTime,
    /// One sentence with numbers; empty when there is nothing to add.
    pub detail: String,
}

/// What came of an expectation.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub enum Outcome {
    /// It held.
    #[default]
    Held,
    /// It failed.
    Failed,
}

impl Outcome {
    /// `held` or `failed`.
    pub fn as_str(self) -> &'static str {
        match self {
            Outcome::Held => "held",
            Outcome::Failed => "failed",
        }
    }
}

impl Verdict {
    /// The verdict of what an engine has run so far.
    pub fn of<A: Actor<Note = Note>>(engine: &Engine<A>, expectations: Vec<Expected>) -> Verdict {
        Verdict {
            expectations,
            error: None,
            end: engine.now(),
            turns: engine.turns(),
            writes: writes(engine.log()),
            digest: engine.digest(),
        }
    }

    /// `held`, `failed`, or `error` for a run that could not go on.
    pub fn as_str(&self) -> &'static str {
        if self.error.is_some() {
            return "error";
        }
        let failed = self.expectations.iter().any(|e| e.outcome == Outcome::Failed);
        if failed { Outcome::Failed.as_str() } else { Outcome::Held.as_str() }
    }
}

/// How many writes a log holds, without signs of life and without what was there before the run.
pub fn writes(log: &Log<Note>) -> u64 {
    let counts = |note: &Note| matches!(note, Note::Write(_)) && !note.is_heartbeat();
    log.iter().filter(|record| record.turn > 0 && counts(&record.note)).count() as u64
}
