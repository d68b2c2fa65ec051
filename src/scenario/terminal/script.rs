//! How a command runs: as a plain sequence of requests, replayed from what is already known.
//!
//! A command is written as a function that asks, waits and prints in order. Whenever something
//! comes in, the function runs again from its beginning: what it has asked before is answered from
//! the facts, and it goes on where it had to wait. So the whole state of a command is data, which
//! can be cloned and compared. Loops throw away the facts of their finished rounds
//! ([`Script::repeat`]), so that a long wait stays cheap. A command must never look at anything but
//! its script and what it was made with.

use std::any::Any;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use crate::api::object::{Object, ObjectKey};
use crate::api::refusal::Refusal;
use crate::api::request::{Answer, ListOptions, ObjectList, Verb, WatchEvent, WatchOptions};
use crate::api::time::Time;
use crate::scenario::terminal::failure::Failure;
use crate::sim::time::SimDuration;

/// So often a request is sent again when the server asks for it.
///
/// Source: kubernetes v1.36 staging/src/k8s.io/client-go/rest/request.go, `NewRequest`
const MOST_RETRIES: u32 = 10;

/// Why a command's function comes back without a result.
#[derive(Debug)]
pub(super) enum Stop {
    /// It waits for an answer, a change or an instant.
    Wait,
    /// It ends, with a complaint.
    Fail(Failure),
}

impl From<Failure> for Stop {
    fn from(failure: Failure) -> Stop {
        Stop::Fail(failure)
    }
}

impl From<Refusal> for Stop {
    fn from(refusal: Refusal) -> Stop {
        Stop::Fail(Failure::Server(refusal))
    }
}

/// What a part of a command comes to.
pub(super) type Play<T> = Result<T, Stop>;

/// Whether a loop goes on.
pub(super) enum Round<S, T> {
    /// Once more, from here.
    Again(S),
    /// It is over.
    Done(T),
}

/// What a watch shows.
#[derive(Clone, Debug)]
pub(super) enum Seen {
    /// A change.
    Event(WatchEvent),
    /// It has ended.
    Closed(Option<Refusal>),
    /// Nothing came in time.
    TimedOut,
}

/// Something that happened and is not to happen again in a replay.
#[derive(Clone, Debug)]
pub(super) enum Fact {
    /// Something was printed, or a watch was stopped.
    Acted,
    /// A request is on its way.
    Asked(u32),
    /// It was answered, or lost.
    Answered(Option<Answer>),
    /// The clock was read.
    Clock(Time),
    /// It slept.
    Slept,
    /// A watch showed something.
    Seen(Seen),
    /// A loop is in a round that began with this.
    Round(Arc<dyn Any + Send + Sync>),
    /// A loop has come to this.
    Result(Arc<dyn Any + Send + Sync>),
    /// Several sequences side by side.
    Lanes(Vec<Vec<Fact>>),
}

/// Whether a watch goes on.
#[derive(Clone, Debug, Default)]
pub(super) enum End {
    /// It does.
    #[default]
    Open,
    /// It has ended: cleanly, or with a refusal.
    Closed(Option<Refusal>),
}

/// One watch.
#[derive(Clone, Debug, Default)]
pub(super) struct Stream {
    pub(super) queue: VecDeque<WatchEvent>,
    pub(super) end: End,
}

impl Stream {
    /// Whether it goes on.
    pub(super) fn is_open(&self) -> bool {
        matches!(self.end, End::Open)
    }
}

/// What all sequences of a command share.
#[derive(Clone, Debug, Default)]
pub(super) struct Shared {
    pub(super) now: Time,
    pub(super) output: String,
    pub(super) last_token: u32,
    pub(super) replies: BTreeMap<u32, Option<Answer>>,
    pub(super) streams: BTreeMap<u32, Stream>,
    pub(super) requests: Vec<(u32, Verb)>,
    pub(super) stops: Vec<u32>,
    pub(super) wake: Option<Time>,
}

/// A command's view of the world while its function runs.
pub(super) struct Script<'a> {
    shared: &'a mut Shared,
    facts: &'a mut Vec<Fact>,
    at: usize,
}

impl<'a> Script<'a> {
    /// A replay from the beginning.
    pub(super) fn new(shared: &'a mut Shared, facts: &'a mut Vec<Fact>) -> Script<'a> {
        Script { shared, facts, at: 0 }
    }

    /// Whether something is done for the first time; notes that it has been.
    fn is_first(&mut self) -> bool {
        self.at += 1;
        if self.at <= self.facts.len() {
            return false;
        }
        self.facts.push(Fact::Acted);
        true
    }

    /// Prints a text as it is.
    pub(super) fn print(&mut self, text: &str) {
        if self.is_first() {
            self.shared.output.push_str(text);
        }
    }

    /// Prints a line.
    pub(super) fn say(&mut self, line: &str) {
        if self.is_first() {
            self.shared.output.push_str(line);
            self.shared.output.push('\n');
        }
    }

    /// The reading of the clock.
    pub(super) fn now(&mut self) -> Time {
        let now = self.shared.now;
        self.at += 1;
        if let Some(Fact::Clock(then)) = self.facts.get(self.at - 1) {
            return *then;
        }
        self.facts.push(Fact::Clock(now));
        now
    }

    /// Waits for an instant.
    pub(super) fn sleep_until(&mut self, then: Time) -> Play<()> {
        if self.at == self.facts.len() {
            if self.shared.now < then {
                self.wake_at(then);
                return Err(Stop::Wait);
            }
            self.facts.push(Fact::Slept);
        }
        self.at += 1;
        Ok(())
    }

    /// Waits for a while.
    pub(super) fn sleep(&mut self, span: SimDuration) -> Play<()> {
        let now = self.now();
        self.sleep_until(now.plus(span))
    }

    fn wake_at(&mut self, then: Time) {
        self.shared.wake = Some(self.shared.wake.map_or(then, |wake| wake.min(then)));
    }

    /// Sends a request and waits for the answer; sends it again when the server asks for it.
    ///
    /// Source: kubernetes v1.36 staging/src/k8s.io/client-go/rest/with_retry.go, `IsNextRetry`
    pub(super) fn ask(&mut self, verb: &Verb) -> Play<Answer> {
        for retry in 0.. {
            let (_, answer) = self.send(verb)?;
            let Some(answer) = answer else { return Err(Failure::Unreachable.into()) };
            let Answer::Refused(refusal) = answer else { return Ok(answer) };
            let after = refusal.suggested_delay_seconds().filter(|seconds| *seconds > 0);
            let again = (refusal.code == 429 || refusal.code >= 500) && retry < MOST_RETRIES;
            match after {
                Some(seconds) if again => self.sleep(SimDuration::secs(u64::from(seconds)))?,
                _ => return Err(refusal.into()),
            }
        }
        Err(Stop::Wait)
    }

    /// Sends a request once; gives its number while that is known, and the answer.
    fn send(&mut self, verb: &Verb) -> Play<(u32, Option<Answer>)> {
        if self.at == self.facts.len() {
            self.shared.last_token += 1;
            let token = self.shared.last_token;
            self.shared.requests.push((token, verb.clone()));
            self.facts.push(Fact::Asked(token));
        }
        let fact = &mut self.facts[self.at];
        if let Fact::Asked(token) = fact {
            let Some(reply) = self.shared.replies.remove(token) else { return Err(Stop::Wait) };
            let token = *token;
            *fact = Fact::Answered(reply.clone());
            self.at += 1;
            return Ok((token, reply));
        }
        let Fact::Answered(reply) = fact else {
            unreachable!("a replay asks what it asked before")
        };
        self.at += 1;
        Ok((0, reply.clone()))
    }

    /// An object, as it is now.
    pub(super) fn get(&mut self, key: &ObjectKey) -> Play<Object> {
        self.object(&Verb::Get(key.clone()))
    }

    /// The object that a request answers with.
    pub(super) fn object(&mut self, verb: &Verb) -> Play<Object> {
        match self.ask(verb)? {
            Answer::Object(object) | Answer::Deleted(object) => Ok(object),
            Answer::List(_) | Answer::Watching | Answer::Done | Answer::Refused(_) => {
                Err(Failure::text("the server answered with no object").into())
            }
        }
    }

    /// All objects of a list, page by page, and its revision.
    pub(super) fn list(&mut self, options: &ListOptions) -> Play<ObjectList> {
        let mut page = ListOptions { limit: 500, ..options.clone() };
        let mut items = Vec::new();
        loop {
            let Answer::List(list) = self.ask(&Verb::List(Box::new(page.clone())))? else {
                return Err(Failure::text("the server answered with no list").into());
            };
            items.extend(list.items.iter().cloned());
            if list.continue_token.is_empty() {
                return Ok(ObjectList { items, ..(*list).clone() });
            }
            page.continue_token.clone_from(&list.continue_token);
        }
    }

    /// Opens a watch; its number goes with [`Script::next`].
    pub(super) fn watch(&mut self, options: &WatchOptions) -> Play<Result<u32, Refusal>> {
        let token = self.keep(|script| {
            let (token, answer) = script.send(&Verb::Watch(Box::new(options.clone())))?;
            match answer {
                Some(Answer::Refused(refusal)) => Ok(Err(refusal)),
                Some(_) => {
                    script.shared.streams.entry(token).or_default();
                    Ok(Ok(token))
                }
                None => Err(Failure::Unreachable.into()),
            }
        })?;
        Ok(token)
    }

    /// The next thing that a watch shows.
    pub(super) fn next(&mut self, token: u32, deadline: Option<Time>) -> Play<Seen> {
        if let Some(fact) = self.facts.get(self.at) {
            let Fact::Seen(seen) = fact else { unreachable!("a replay watches what it watched") };
            self.at += 1;
            return Ok(seen.clone());
        }
        let now = self.shared.now;
        let seen = match self.shared.streams.get_mut(&token) {
            Some(stream) => match (stream.queue.pop_front(), &stream.end) {
                (Some(event), _) => Some(Seen::Event(event)),
                (None, End::Closed(why)) => Some(Seen::Closed(why.clone())),
                (None, End::Open) => None,
            },
            None => Some(Seen::Closed(None)),
        };
        let seen = match (seen, deadline) {
            (Some(seen), _) => seen,
            (None, Some(deadline)) if deadline <= now => Seen::TimedOut,
            (None, deadline) => {
                if let Some(deadline) = deadline {
                    self.wake_at(deadline);
                }
                return Err(Stop::Wait);
            }
        };
        self.facts.push(Fact::Seen(seen.clone()));
        self.at += 1;
        Ok(seen)
    }

    /// Ends a watch.
    pub(super) fn stop(&mut self, token: u32) {
        if self.is_first() && self.shared.streams.remove(&token).is_some_and(|s| s.is_open()) {
            self.shared.stops.push(token);
        }
    }

    /// Runs rounds until one is the last; only what a round hands on is kept of it.
    pub(super) fn repeat<S, T>(
        &mut self,
        start: S,
        mut round: impl FnMut(&mut Script<'_>, S) -> Play<Round<S, T>>,
    ) -> Play<T>
    where
        S: Clone + Send + Sync + 'static,
        T: Clone + Send + Sync + 'static,
    {
        let base = self.at;
        let mut state = match self.facts.get(base) {
            Some(Fact::Result(result)) => {
                self.at += 1;
                return Ok(cast(result));
            }
            Some(Fact::Round(state)) => cast(state),
            _ => {
                self.facts.push(Fact::Round(Arc::new(start.clone())));
                start
            }
        };
        loop {
            self.at = base + 1;
            match round(self, state)? {
                Round::Again(next) => {
                    self.facts.truncate(base);
                    self.facts.push(Fact::Round(Arc::new(next.clone())));
                    state = next;
                }
                Round::Done(result) => {
                    self.facts.truncate(base);
                    self.facts.push(Fact::Result(Arc::new(result.clone())));
                    self.at = base + 1;
                    return Ok(result);
                }
            }
        }
    }

    /// Does something once and remembers only what it came to.
    pub(super) fn keep<T>(&mut self, mut once: impl FnMut(&mut Script<'_>) -> Play<T>) -> Play<T>
    where
        T: Clone + Send + Sync + 'static,
    {
        self.repeat((), |script, ()| once(script).map(Round::Done))
    }

    /// Runs `count` sequences side by side until all have ended.
    pub(super) fn side_by_side<T>(
        &mut self,
        count: usize,
        mut each: impl FnMut(&mut Script<'_>, usize) -> Play<T>,
    ) -> Play<Vec<T>> {
        if self.at == self.facts.len() {
            self.facts.push(Fact::Lanes(vec![Vec::new(); count]));
        }
        let at = self.at;
        self.at += 1;
        let Fact::Lanes(lanes) = &mut self.facts[at] else {
            unreachable!("a replay forks where it forked before")
        };
        let mut results = Vec::with_capacity(count);
        let mut waits = false;
        for (number, facts) in lanes.iter_mut().enumerate() {
            match each(&mut Script { shared: self.shared, facts, at: 0 }, number) {
                Ok(result) => results.push(result),
                Err(Stop::Wait) => waits = true,
                Err(failed) => return Err(failed),
            }
        }
        if waits { Err(Stop::Wait) } else { Ok(results) }
    }

    /// What a part comes to, with a complaint as a value.
    pub(super) fn attempt<T>(
        &mut self,
        part: impl FnOnce(&mut Script<'_>) -> Play<T>,
    ) -> Play<Result<T, Failure>> {
        match part(self) {
            Ok(result) => Ok(Ok(result)),
            Err(Stop::Fail(failure)) => Ok(Err(failure)),
            Err(Stop::Wait) => Err(Stop::Wait),
        }
    }
}

fn cast<T: Clone + 'static>(value: &Arc<dyn Any + Send + Sync>) -> T {
    value.downcast_ref::<T>().expect("a replay takes the same way as before").clone()
}
