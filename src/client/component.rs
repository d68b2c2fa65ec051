//! A component of a process: kube-scheduler, the kubelet, or a set of controllers.
//!
//! It sees only what its process's informers bring and speaks only by requests; its process does
//! the rest: watches, client limits, events, leader election.

use crate::api::Name;
use crate::api::message::{Beside, Message};
use crate::api::request::{Answer, EventNote, Verb};
use crate::api::time::Time;
use crate::api::why::Why;
use crate::client::reconciler::Observed;
use crate::client::view::Caches;
use crate::sim::engine::{ActorId, Control, Peer};
use crate::sim::rng::Rng;
use crate::sim::time::{SimTime, Start};

/// A component that is driven by changes, replies and its own clock.
pub trait Component: Clone + Send {
    /// The beginning of a life, before anything was seen.
    fn begin(&mut self, _moment: &mut Moment<'_>) {}

    /// A change in one of its informers' caches.
    fn observe(&mut self, change: &Observed<'_>, moment: &mut Moment<'_>);

    /// All informers have delivered their first list, and it may act: it leads, where leaders are
    /// elected.
    fn synced(&mut self, _moment: &mut Moment<'_>) {}

    /// The answer to one of its requests, by the token that it was sent with.
    fn reply(&mut self, token: u64, answer: &Answer, moment: &mut Moment<'_>);

    /// The instant that it asked for has come.
    fn wake(&mut self, moment: &mut Moment<'_>);

    /// When it is next to be woken, where it knows that exactly; then `Outbox::wake_at` is not
    /// looked at.
    fn due(&self) -> Due {
        Due::AsAsked
    }

    /// A person or the weather acts on it from outside.
    fn disturb(&mut self, _what: &Name, _how: &serde_json::Value, _moment: &mut Moment<'_>) {}

    /// Something has come that passes beside the apiserver.
    fn hear(&mut self, _from: Peer, _what: Beside, _moment: &mut Moment<'_>) {}

    /// What is left of it at the end of a life: what is on disk, or runs on without it.
    fn crashed(&mut self);
}

/// When a component is next to be woken.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Due {
    /// At the earliest instant that it asked for.
    AsAsked,
    /// At this instant and not before, or not at all.
    Exactly(Option<SimTime>),
}

/// The moment in which a component acts: the time, and what it wants done.
pub struct Moment<'a> {
    /// The instant of the run.
    pub now: SimTime,
    /// The reading of the component's clock.
    pub time: Time,
    /// What the wall clock showed when the run started.
    pub start: Start,
    /// Its random stream.
    pub rng: &'a mut Rng,
    /// What its informers know.
    pub caches: &'a Caches,
    /// The turn that led to this one.
    pub cause: u64,
    /// What it wants done.
    pub out: &'a mut Outbox,
}

/// What a component wants done.
#[derive(Clone, Debug, Default)]
pub struct Outbox {
    /// Requests, each with a token that comes back with the answer.
    pub requests: Vec<Outgoing>,
    /// Messages that pass beside the apiserver.
    pub messages: Vec<(To, Message)>,
    /// What it does to other processes: a provider of machines starts and stops nodes.
    pub controls: Vec<Control>,
    /// Events to record because of the present turn, under the component's own name.
    pub events: Vec<EventNote>,
    /// Events to record under another name, because of another turn.
    pub told: Vec<(&'static str, EventNote, u64)>,
    /// When to be woken; the earliest counts, and later ones are asked for anew.
    pub wake_at: Option<SimTime>,
    /// The same for housekeeping, which does not keep the world from counting as settled.
    pub background_wake_at: Option<SimTime>,
}

/// Whom a message is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum To {
    /// One life of a process.
    Peer(Peer),
    /// A process in its present life.
    Process(ActorId),
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
    /// In whose name; none for the component's own.
    pub user: Option<&'static str>,
    /// Whether it is housekeeping: a sign of life.
    pub background: bool,
}

impl Outbox {
    /// Whether it holds nothing but instants to be woken at.
    pub fn is_quiet(&self) -> bool {
        self.requests.is_empty()
            && self.messages.is_empty()
            && self.controls.is_empty()
            && self.events.is_empty()
            && self.told.is_empty()
    }

    /// Sends a request because of the present turn.
    pub fn send(&mut self, token: u64, verb: Verb, why: impl Into<Why>) {
        let why = why.into();
        let out = Outgoing { token, verb, why, cause: None, user: None, background: false };
        self.requests.push(out);
    }

    /// Sends a request that is housekeeping.
    pub fn send_in_background(&mut self, token: u64, verb: Verb, why: impl Into<Why>) {
        let why = why.into();
        let out = Outgoing { token, verb, why, cause: None, user: None, background: true };
        self.requests.push(out);
    }

    /// Asks to be woken at `at` or earlier.
    pub fn wake(&mut self, at: SimTime) {
        self.wake_at = Some(self.wake_at.map_or(at, |t| t.min(at)));
    }

    /// Asks to be woken at `at` or earlier, for housekeeping.
    pub fn wake_in_background(&mut self, at: SimTime) {
        self.background_wake_at = Some(self.background_wake_at.map_or(at, |t| t.min(at)));
    }
}
