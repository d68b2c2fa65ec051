//! The answers that a look at a `CronJob` has had so far, and the next thing that it asks.
//!
//! A look asks several times, and what it asks next depends on what it was told. It is written
//! from the first line to the last as if each answer were there at once, and run again from the
//! first line whenever one more has come: the questions that have answers are passed over. It
//! sees the same caches and the same time each time, so it comes to the same place.

use crate::api::object::Object;
use crate::api::refusal::Refusal;
use crate::api::request::{Answer, EventNote};
use crate::client::plan::Write;

/// Why a look stops before its end.
#[derive(Clone, Debug)]
pub(super) enum Stop {
    /// It needs the answer to this.
    Ask(Box<Write>),
    /// Something was refused: the `CronJob` is to be looked at again.
    Failed,
}

/// The answers so far, and what is to be told.
pub(super) struct Script<'a> {
    answers: std::slice::Iter<'a, Answer>,
    /// What is to be told, in order.
    pub(super) events: Vec<EventNote>,
}

impl<'a> Script<'a> {
    /// With these answers.
    pub(super) fn new(answers: &'a [Answer]) -> Script<'a> {
        Script { answers: answers.iter(), events: Vec::new() }
    }

    /// The answer to a question, or the question.
    pub(super) fn ask(&mut self, write: Write) -> Result<Result<Option<Object>, Refusal>, Stop> {
        match self.answers.next() {
            None => Err(Stop::Ask(Box::new(write))),
            Some(Answer::Object(object) | Answer::Deleted(object)) => Ok(Ok(Some(object.clone()))),
            Some(Answer::Refused(refusal)) => Ok(Err(refusal.clone())),
            Some(Answer::Done | Answer::List(_) | Answer::Watching) => Ok(Ok(None)),
        }
    }
}
