//! A component that is not a set of controllers: kube-scheduler, the kubelet.
//!
//! Like a controller it sees only what its informers bring and speaks only by requests; unlike one
//! it keeps its own queue and its own clocks. Its process does the rest.

use crate::api::request::{Answer, EventNote, Verb};
use crate::api::time::Time;
use crate::api::why::Why;
use crate::client::reconciler::Observed;
use crate::sim::rng::Rng;
use crate::sim::time::SimTime;

/// A component that is driven by changes, replies and its own clock.
pub trait Component: Clone + Send {
    /// A change in one of its informers' caches.
    fn observe(&mut self, change: &Observed<'_>, moment: &mut Moment<'_>);

    /// All informers have delivered their first list.
    fn synced(&mut self, _moment: &mut Moment<'_>) {}

    /// The answer to one of its requests, by the token that it was sent with.
    fn reply(&mut self, token: u64, answer: &Answer, moment: &mut Moment<'_>);

    /// The instant that it asked for has come.
    fn wake(&mut self, moment: &mut Moment<'_>);
}

/// The moment in which a component acts: the time, and what it wants done.
pub struct Moment<'a> {
    /// The instant of the run.
    pub now: SimTime,
    /// The reading of the component's clock.
    pub time: Time,
    /// Its random stream.
    pub rng: &'a mut Rng,
    /// What it wants done.
    pub out: Outbox,
}

/// What a component wants done.
#[derive(Clone, Debug, Default)]
pub struct Outbox {
    /// Requests, each with a token that comes back with the answer, and the turn that led to it
    /// where that is not the present one.
    pub requests: Vec<Outgoing>,
    /// Events to record.
    pub events: Vec<EventNote>,
    /// When to be woken; the earliest counts, and later ones are asked for anew.
    pub wake_at: Option<SimTime>,
}

/// A request of a component.
#[derive(Clone, Debug)]
pub struct Outgoing {
    /// Comes back with the answer.
    pub token: u64,
    /// What is asked for.
    pub verb: Verb,
    /// Why.
    pub why: Why,
    /// The turn that led to it; none for the present one.
    pub cause: Option<u64>,
}

impl Outbox {
    /// Sends a request because of the present turn.
    pub fn send(&mut self, token: u64, verb: Verb, why: impl Into<Why>) {
        self.requests.push(Outgoing { token, verb, why: why.into(), cause: None });
    }

    /// Asks to be woken at `at` or earlier.
    pub fn wake(&mut self, at: SimTime) {
        self.wake_at = Some(self.wake_at.map_or(at, |t| t.min(at)));
    }
}
