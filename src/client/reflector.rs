//! The reflector: how a client keeps a copy of one kind up to date.
//!
//! It lists once, then watches from the revision of the list, and knows what to do when either
//! fails. It is a state and a transition function: it neither sends requests nor holds objects,
//! it says which request comes next and what a change means for the store.

use crate::api::gates::Gates;
use crate::api::refusal::{Reason, Refusal};
use crate::api::variant::Variant;
use crate::client::Draw;
use crate::client::backoff::BackoffManager;
use crate::sim::time::{SimDuration, SimTime};

/// How many objects a page of a list has.
///
/// Source: kubernetes v1.36 staging/src/k8s.io/client-go/tools/pager/pager.go, `defaultPageSize`
pub const PAGE_SIZE: u32 = 500;

/// The shortest time after which a watch is asked to end; the longest is just below twice that.
///
/// Source: kubernetes v1.36 staging/src/k8s.io/client-go/tools/cache/reflector.go,
/// `defaultMinWatchTimeout`
pub const MIN_WATCH_TIMEOUT: SimDuration = SimDuration::secs(5 * 60);

/// A reflector of one kind.
///
/// Source: kubernetes v1.36 staging/src/k8s.io/client-go/tools/cache/reflector.go, `Reflector`
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Reflector {
    start: Start,
    page_size: u32,
    state: State,
    /// The revision that was seen last; none before the first list.
    last: Option<u64>,
    /// The server does not have the last revision.
    last_unavailable: bool,
    /// The first list came in pages, so there is no watch cache.
    paged: bool,
    /// Which rules differ from those of 1.36.
    pub(super) gates: Gates,
    backoff: BackoffManager,
}

/// How the first state is fetched.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Start {
    /// LIST, then WATCH.
    List,
    /// One WATCH that begins with the present objects (`sendInitialEvents`), as clients of 1.35
    /// and later do by default; LIST when the server cannot.
    WatchList,
}

/// What the reflector is doing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum State {
    /// Nothing yet.
    Idle,
    /// A LIST is under way.
    Listing {
        /// The revision it was asked at.
        revision: Revision,
        /// How many objects a page is to have; 0 for all at once.
        limit: u32,
        /// Whether this is a later page.
        continued: bool,
        /// Whether it is the second attempt, at the empty revision.
        retried: bool,
    },
    /// A WATCH is under way.
    Watching {
        /// When it was asked for.
        since: SimTime,
        /// How many events it has brought.
        events: u64,
        /// Whether the present objects are still to come first.
        initial: bool,
    },
    /// Nothing is under way until a wait is over.
    BackingOff(Then),
}

/// What follows a wait.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Then {
    /// The whole start again.
    Restart,
    /// A watch from the last revision.
    Watch,
}

/// The revision that a list or a watch is asked at.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Revision {
    /// `"0"`: whatever the watch cache has.
    Any,
    /// `""`: the most recent one.
    Latest,
    /// Not older than this one, for a list; after it, for a watch.
    At(u64),
}

/// What has happened.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Input {
    /// It is started, or a wait is over.
    Timer,
    /// The LIST brought a page that is not the last.
    Page,
    /// The LIST is complete.
    Listed {
        /// Its revision.
        revision: u64,
    },
    /// The LIST failed.
    ListFailed(Failure),
    /// The WATCH could not be opened, or brought an ERROR event.
    WatchFailed(Failure),
    /// The WATCH brought ADDED, MODIFIED or DELETED.
    Event {
        /// The object's revision.
        revision: u64,
    },
    /// The WATCH brought a BOOKMARK.
    Bookmark {
        /// Up to where the watch has come.
        revision: u64,
        /// Whether it says that all present objects have been sent.
        initial_events_end: bool,
    },
    /// The WATCH brought something that is not an object of this kind.
    Unexpected,
    /// The WATCH ended: the timeout, or the connection broke.
    Closed,
}

/// Why a request failed, as far as a reflector cares.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Failure {
    /// 410: the revision is too old.
    Expired,
    /// 504 with cause `ResourceVersionTooLarge`: the server is not there yet.
    TooLarge,
    /// 429.
    TooManyRequests,
    /// Nobody listens.
    ConnectionRefused,
    /// Anything else.
    Other,
}

/// What the input means for the store, and what comes next.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Step {
    /// What to do with the objects of the input.
    pub store: Store,
    /// What to do next.
    pub command: Command,
    /// Whether the request under way ended with an error.
    pub failed: bool,
}

/// What becomes of the objects that an input brought.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Store {
    /// There are none.
    Keep,
    /// Apply the one change to the store.
    Apply,
    /// Put them aside, with those put aside before since the request began.
    Hold,
    /// They, and those put aside since the request began, replace the store.
    Replace,
}

/// What the owner of a reflector is to do next.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Command {
    /// Go on waiting for what is under way.
    Stay,
    /// Send a LIST.
    List {
        /// At which revision.
        revision: Revision,
        /// How many objects a page has; 0 for all at once.
        limit: u32,
    },
    /// Ask for the next page of the LIST.
    NextPage {
        /// How many objects a page has.
        limit: u32,
    },
    /// Open a WATCH; one that is open is given up.
    Watch {
        /// After which revision; with `initial`, not older than this.
        revision: Revision,
        /// After how long the server is to end it, in whole seconds.
        timeout: SimDuration,
        /// Whether it begins with the present objects, put aside until a bookmark ends them.
        initial: bool,
    },
    /// Wait so long, then say [`Input::Timer`].
    Wait(SimDuration),
}

impl Failure {
    /// Sorts what the apiserver said.
    ///
    /// Source: kubernetes v1.36 staging/src/k8s.io/client-go/tools/cache/reflector.go,
    /// `isExpiredError`, `isTooLargeResourceVersionError`, `isWatchErrorRetriable`
    pub fn of(refusal: &Refusal) -> Failure {
        if matches!(refusal.reason, Reason::Expired | Reason::Gone) {
            return Failure::Expired;
        }
        let causes = refusal.details.as_deref().map_or(&[][..], |d| &d.causes);
        if causes.iter().any(|c| c.reason == "ResourceVersionTooLarge") {
            return Failure::TooLarge;
        }
        if refusal.reason == Reason::TooManyRequests || refusal.code == 429 {
            return Failure::TooManyRequests;
        }
        Failure::Other
    }

    /// Whether a watch may simply be opened again after a wait.
    fn is_retriable(self) -> bool {
        matches!(self, Failure::TooManyRequests | Failure::ConnectionRefused)
    }

    /// Whether the revision is what the server objected to.
    fn is_about_revision(self) -> bool {
        matches!(self, Failure::Expired | Failure::TooLarge)
    }
}

impl Step {
    fn go(command: Command) -> Step {
        Step { store: Store::Keep, command, failed: false }
    }

    fn stay(store: Store) -> Step {
        Step { store, command: Command::Stay, failed: false }
    }

    fn failed(command: Command) -> Step {
        Step { store: Store::Keep, command, failed: true }
    }
}

impl Reflector {
    /// A reflector that begins with its first [`Input::Timer`]. `page_size` is the size of pages
    /// that was asked for explicitly; 0 when it was not.
    pub fn new(start: Start, page_size: u32, now: SimTime) -> Reflector {
        Reflector {
            start,
            page_size,
            state: State::Idle,
            last: None,
            last_unavailable: false,
            paged: false,
            gates: Gates::DEFAULT,
            backoff: BackoffManager::reflector(now),
        }
    }

    /// What it is doing.
    pub fn state(&self) -> State {
        self.state
    }

    /// The revision that was seen last; none before the first list.
    pub fn last_revision(&self) -> Option<u64> {
        self.last
    }

    /// Whether the store has had a first state.
    pub fn has_listed(&self) -> bool {
        self.last.is_some()
    }

    /// Takes an input; one that belongs to a request that is over changes nothing.
    pub fn step(&mut self, input: Input, now: SimTime, draw: Draw<'_>) -> Step {
        match (self.state, input) {
            (State::Idle | State::BackingOff(Then::Restart), Input::Timer) => {
                Step::go(self.begin(now, draw))
            }
            (State::BackingOff(Then::Watch), Input::Timer) => Step::go(self.open(false, now, draw)),
            (State::Listing { revision, limit, retried, .. }, Input::Page) => {
                self.state = State::Listing { revision, limit, continued: true, retried };
                Step { store: Store::Hold, command: Command::NextPage { limit }, failed: false }
            }
            (State::Listing { .. }, Input::Listed { revision }) => self.listed(revision, now, draw),
            (State::Listing { .. }, Input::ListFailed(why)) => self.list_failed(why, now, draw),
            (State::Watching { .. }, Input::WatchFailed(why)) => self.watch_failed(why, now, draw),
            (State::Watching { .. }, Input::Event { revision }) => self.event(revision),
            (State::Watching { .. }, Input::Bookmark { revision, initial_events_end }) => {
                self.bookmark(revision, initial_events_end)
            }
            (State::Watching { .. }, Input::Closed) => self.closed(now, draw),
            _ => Step::stay(Store::Keep),
        }
    }

    /// Begins the whole cycle.
    ///
    /// Source: kubernetes v1.36 staging/src/k8s.io/client-go/tools/cache/reflector.go,
    /// `ListAndWatchWithContext`, `watchList`
    fn begin(&mut self, now: SimTime, draw: Draw<'_>) -> Command {
        match self.start {
            Start::List => self.list(false),
            Start::WatchList => self.open(true, now, draw),
        }
    }

    /// Lists at "0" first, then at the last revision, or at "" when the server no longer has it.
    ///
    /// Source: kubernetes v1.36 staging/src/k8s.io/client-go/tools/cache/reflector.go,
    /// `relistResourceVersion`, `list`
    fn list(&mut self, retried: bool) -> Command {
        let revision = match self.last {
            _ if self.last_unavailable => Revision::Latest,
            Some(last) => Revision::At(last),
            None if self.gates.varies(Variant::ListsTheStore) => Revision::Latest,
            None => Revision::Any,
        };
        let mut limit = page_limit(revision, self.page_size, self.paged);
        if let (true, State::Listing { limit: first, .. }) = (retried, self.state) {
            // The pager of the first attempt is used again.
            limit = first;
        }
        self.state = State::Listing { revision, limit, continued: false, retried };
        Command::List { revision, limit }
    }

    /// Opens a watch that lasts 5 to 10 minutes.
    ///
    /// Source: kubernetes v1.36 staging/src/k8s.io/client-go/tools/cache/reflector.go, `watch`,
    /// `rewatchResourceVersion`
    fn open(&mut self, initial: bool, now: SimTime, draw: Draw<'_>) -> Command {
        self.state = State::Watching { since: now, events: 0, initial };
        let revision = match self.last {
            Some(last) if !(initial && self.last_unavailable) => Revision::At(last),
            _ => Revision::Latest,
        };
        let shortest = MIN_WATCH_TIMEOUT.as_secs();
        let timeout = SimDuration::secs(shortest + draw(shortest - 1));
        Command::Watch { revision, timeout, initial }
    }

    /// The list is there: it replaces the store and a watch follows.
    fn listed(&mut self, revision: u64, now: SimTime, draw: Draw<'_>) -> Step {
        if let State::Listing { revision: Revision::Any, continued: true, .. } = self.state {
            self.paged = true;
        }
        self.last = Some(revision);
        self.last_unavailable = false;
        let command = self.open(false, now, draw);
        Step { store: Store::Replace, command, failed: false }
    }

    /// A list failed: at once again without pages when only a later page was too old, at once
    /// again at "" when its revision was refused, else after a wait.
    ///
    /// Source: kubernetes v1.36 staging/src/k8s.io/client-go/tools/cache/reflector.go, `list`;
    /// staging/src/k8s.io/client-go/tools/pager/pager.go, `ListWithAlloc`
    fn list_failed(&mut self, why: Failure, now: SimTime, draw: Draw<'_>) -> Step {
        let State::Listing { revision, continued, retried, .. } = self.state else {
            return Step::stay(Store::Keep);
        };
        if continued && why == Failure::Expired {
            self.state = State::Listing { revision, limit: 0, continued: false, retried };
            return Step::go(Command::List { revision, limit: 0 });
        }
        let insists = self.gates.varies(Variant::InsistsOnRevision);
        if why.is_about_revision() && !retried && !insists {
            self.last_unavailable = true;
            return Step::go(self.list(true));
        }
        Step::failed(self.wait(Then::Restart, now, draw))
    }

    /// A watch failed: again after a wait when the server is overloaded or away; else the whole
    /// cycle again, after a wait.
    ///
    /// Source: kubernetes v1.36 staging/src/k8s.io/client-go/tools/cache/reflector.go, `watch`,
    /// `watchList`
    fn watch_failed(&mut self, why: Failure, now: SimTime, draw: Draw<'_>) -> Step {
        let State::Watching { initial, .. } = self.state else { return Step::stay(Store::Keep) };
        let insists = self.gates.varies(Variant::InsistsOnRevision);
        match (initial, why.is_retriable()) {
            (false, true) => Step::failed(self.wait(Then::Watch, now, draw)),
            (false, false) | (true, true) => Step::failed(self.wait(Then::Restart, now, draw)),
            (true, false) if why.is_about_revision() && insists => {
                Step::failed(self.wait(Then::Restart, now, draw))
            }
            (true, false) if why.is_about_revision() => {
                self.last_unavailable = true;
                Step::failed(self.open(true, now, draw))
            }
            (true, false) => Step::failed(self.list(false)),
        }
    }

    /// One change: applied at once, or put aside until the present objects are complete.
    fn event(&mut self, revision: u64) -> Step {
        let State::Watching { since, events, initial } = self.state else {
            return Step::stay(Store::Keep);
        };
        self.state = State::Watching { since, events: events + 1, initial };
        if initial {
            return Step::stay(Store::Hold);
        }
        self.last = Some(revision);
        Step::stay(Store::Apply)
    }

    /// A bookmark moves the last revision and nothing else, but for the one that ends the present
    /// objects.
    ///
    /// Source: kubernetes v1.36 staging/src/k8s.io/client-go/tools/cache/reflector.go,
    /// `handleAnyWatch`
    fn bookmark(&mut self, revision: u64, initial_events_end: bool) -> Step {
        let State::Watching { since, events, initial } = self.state else {
            return Step::stay(Store::Keep);
        };
        let initial_now = initial && !initial_events_end;
        self.state = State::Watching { since, events: events + 1, initial: initial_now };
        if initial_now {
            return Step::stay(Store::Keep);
        }
        self.last = Some(revision);
        if initial {
            self.last_unavailable = false;
            return Step::stay(Store::Replace);
        }
        Step::stay(Store::Keep)
    }

    /// A watch that ended is opened again from the last revision; one that was over within a
    /// second without an event counts as failed.
    ///
    /// Source: kubernetes v1.36 staging/src/k8s.io/client-go/tools/cache/reflector.go,
    /// `handleAnyWatch`
    fn closed(&mut self, now: SimTime, draw: Draw<'_>) -> Step {
        let State::Watching { since, events, initial } = self.state else {
            return Step::stay(Store::Keep);
        };
        if events == 0 && now.since(since) < SimDuration::secs(1) {
            return self.watch_failed(Failure::Other, now, draw);
        }
        Step::go(self.open(initial, now, draw))
    }

    fn wait(&mut self, then: Then, now: SimTime, draw: Draw<'_>) -> Command {
        self.state = State::BackingOff(then);
        Command::Wait(self.backoff.backoff(now, draw))
    }
}

/// How many objects a page of a list has; 0 for all at once.
///
/// A list at a given revision is not paged, because the watch cache answers it only as a whole.
///
/// Source: kubernetes v1.36 staging/src/k8s.io/client-go/tools/cache/reflector.go, `list`
pub fn page_limit(revision: Revision, page_size: u32, last_list_was_paged: bool) -> u32 {
    match revision {
        _ if page_size != 0 => page_size,
        _ if last_list_was_paged => PAGE_SIZE,
        Revision::At(_) => 0,
        Revision::Any | Revision::Latest => PAGE_SIZE,
    }
}

#[cfg(test)]
#[path = "reflector_tests.rs"]
mod tests;
