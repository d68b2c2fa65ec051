//! The apiserver process: takes requests, asks etcd, answers, and tells watchers.

mod aggregation;
mod charging;
mod evicting;
mod following;
mod lookup;
mod reads;
mod writes;

use self::charging::{Charge, Waiting};
use crate::api::Name;
use crate::api::gates::Gates;
use crate::api::message::{Message, Range, StoreAnswer, StoreChange};
use crate::api::note::{Note, RefusedNote};
use crate::api::object::{KINDS, Kind, Object};
use crate::api::refusal::Refusal;
use crate::api::request::{Answer, Request, Verb};
use crate::apiserver::admission::Plugins;
use crate::apiserver::cache::WatchCache;
use crate::apiserver::create::{Admitted, generated};
use crate::apiserver::edge;
use crate::apiserver::eviction::Eviction;
use crate::apiserver::fairness::{self, Admission, Fairness, Level, SEATS, Seat, width};
use crate::apiserver::history::FRESH;
use crate::apiserver::read::{BOOKMARKS, Waiter};
use crate::sim::engine::{Actor, ActorId, Context, Peer};
use crate::sim::index::Map;
use crate::sim::link::Delay;
use crate::sim::rng::keyed;
use crate::sim::time::{SimDuration, SimTime};

/// How an apiserver is run.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Config {
    /// How long a request is worked on, beside the store.
    pub processing: Delay,
    /// How often a name is generated anew when it is taken.
    ///
    /// Source: kubernetes v1.36
    /// staging/src/k8s.io/apiserver/pkg/registry/generic/registry/store.go,
    /// `maxNameGenerationCreateAttempts`
    pub name_attempts: u32,
    /// Whether watches get bookmarks every minute, and end after half an hour to an hour.
    pub bookmarks: bool,
    /// How far back the watch caches try to reach.
    pub event_fresh: SimDuration,
    /// How many requests are worked on at once.
    pub seats: u32,
    /// How many kinds there are, those of users' own among them.
    pub kinds: usize,
    /// Its feature gates.
    pub gates: Gates,
    /// The admission plugins that are left out.
    pub without: Plugins,
}

impl Default for Config {
    fn default() -> Self {
        Config {
            processing: Delay::between(SimDuration::micros(300), SimDuration::micros(1200)),
            name_attempts: 8,
            bookmarks: false,
            event_fresh: FRESH,
            seats: SEATS,
            kinds: KINDS.len(),
            gates: Gates::DEFAULT,
            without: Plugins::default(),
        }
    }
}

/// A request that waits for etcd.
#[derive(Clone)]
pub(super) struct Pending {
    pub(super) client: Peer,
    pub(super) id: u64,
    pub(super) request: Box<Request>,
    pub(super) stage: Stage,
    /// How often it was tried.
    pub(super) attempts: u32,
    /// The revision that the watch cache must have come to.
    pub(super) required: u64,
    /// What it holds until it is answered.
    pub(super) seat: Seat,
}

/// What a request waits for.
#[derive(Clone)]
pub(super) enum Stage {
    /// A read.
    Read,
    /// The object as etcd has it, for a write that the version in the cache does not allow.
    Fresh,
    /// The question for the present revision, before an answer from the watch cache.
    Revision,
    /// The first or only write.
    Write,
    /// The removal that follows a write of the same request.
    Removal,
    /// A step of an eviction.
    Evict(Box<Eviction>),
    /// The status of a quota that a creation is charged to.
    Charge(Box<Charge>),
}

/// Which version of an object a write is tried on.
pub(super) enum Fresh {
    /// The one in the cache, which may be stale.
    Cached,
    /// The one that etcd has.
    Read(Option<Object>),
}

/// The apiserver process. All its memory is caches.
#[derive(Clone)]
pub struct Apiserver {
    /// Watches that have ended while their clients could not be reached: the connection tells them
    /// when it works again.
    unclosed: Vec<(Peer, u64)>,
    pub(super) config: Config,
    /// Kinds that other servers compute, with these.
    pub(super) aggregated: Vec<(Kind, ActorId)>,
    name: Name,
    etcd: ActorId,
    pub(super) caches: Vec<WatchCache>,
    pub(super) revision: u64,
    ready: bool,
    /// Since when the caches are not ready.
    down_since: SimTime,
    pending: Map<u64, Pending>,
    /// Requests that wait until the caches have come far enough.
    pub(super) waiters: Vec<Waiter>,
    fairness: Fairness<(u64, Pending)>,
    pub(super) asked: u64,
    /// Whether etcd was asked for changes that were lost.
    following_again: bool,
    /// How many watches were opened.
    pub(super) watches: u64,
    births: u64,
    admitted: Admitted,
    /// Counts changes of what admission looks up.
    admission_state: u64,
    concerned: Vec<u64>,
    /// Namespaces of which a creation is being charged, and those that wait for it.
    charging: Waiting,
    /// Reads that were asked for, to look at.
    reads: reads::Reads,
}

const RECONNECT: u64 = 1;
/// A request has waited long enough for the cache.
pub(super) const FRESHNESS: u64 = 2;
/// The time of a watch is over.
pub(super) const ENDS: u64 = 3;
const BOOKMARK: u64 = 4;
const FILL: u64 = 0;

impl Apiserver {
    /// An apiserver of an etcd.
    pub fn new(name: &str, etcd: ActorId, config: Config) -> Apiserver {
        Apiserver {
            unclosed: Vec::new(),
            config,
            aggregated: Vec::new(),
            name: name.into(),
            etcd,
            caches: (0..config.kinds).map(|_| WatchCache::default()).collect(),
            revision: 0,
            ready: false,
            down_since: SimTime::ZERO,
            pending: Map::default(),
            waiters: Vec::new(),
            fairness: Fairness::new(config.seats),
            asked: 0,
            following_again: false,
            watches: 0,
            births: 0,
            admitted: Admitted::default(),
            admission_state: 0,
            concerned: Vec::new(),
            charging: Waiting::default(),
            reads: reads::Reads::default(),
        }
    }

    pub(super) fn cache(&self, kind: Kind) -> &WatchCache {
        &self.caches[usize::from(kind.0)]
    }

    pub(super) fn cache_mut(&mut self, kind: Kind) -> &mut WatchCache {
        &mut self.caches[usize::from(kind.0)]
    }

    /// The reads that it was asked for since the run began: kind, verb, count.
    pub fn reads(&self) -> impl Iterator<Item = (Kind, &'static str, u64)> {
        self.reads.all()
    }

    /// The revision up to which it has followed the store.
    pub fn revision(&self) -> u64 {
        self.revision
    }

    /// The beginning of a life: everything is read from etcd anew.
    pub fn start<A>(&mut self, context: &mut Context<'_, A>)
    where
        A: Actor<Message = Message, Note = Note>,
    {
        self.down_since = context.now();
        if self.config.bookmarks {
            context.background_alarm(context.now() + BOOKMARKS, BOOKMARK);
        }
        self.connect(context);
    }

    /// Reads everything from etcd, now or when it can be reached.
    fn connect<A>(&mut self, context: &mut Context<'_, A>)
    where
        A: Actor<Message = Message, Note = Note>,
    {
        let etcd = context.peer(self.etcd);
        if !context.is_up(self.etcd) {
            context.alarm(context.now() + SimDuration::secs(1), RECONNECT);
            return;
        }
        context.connect(etcd);
        context.send(etcd, Message::Range(FILL, Range::Everything));
    }

    /// All memory is lost.
    pub fn crash(&mut self) {
        let aggregated = std::mem::take(&mut self.aggregated);
        let fresh = Apiserver::new(&self.name.clone(), self.etcd, self.config);
        *self = Apiserver { aggregated, ..fresh };
    }

    /// The clock of the process.
    pub fn alarm<A>(&mut self, tag: u64, context: &mut Context<'_, A>)
    where
        A: Actor<Message = Message, Note = Note>,
    {
        match tag {
            RECONNECT => self.connect(context),
            FRESHNESS => self.give_up_waiters(context),
            ENDS => self.end_watches(context),
            BOOKMARK => {
                self.send_bookmarks(context);
                context.background_alarm(context.now() + BOOKMARKS, BOOKMARK);
            }
            _ => {}
        }
        self.admit_waiting(context);
    }

    /// A message has come.
    pub fn receive<A>(&mut self, from: Peer, message: Message, context: &mut Context<'_, A>)
    where
        A: Actor<Message = Message, Note = Note>,
    {
        match message {
            Message::Request(id, request) => self.arrive(from, id, request, context),
            Message::StopWatch(id) => self.stop_watch(from, id),
            Message::Stored(FILL, StoreAnswer::Found(list)) => {
                self.fill(&list.items, list.resource_version, context);
            }
            Message::Stored(token, answer) => self.stored(token, answer, context),
            Message::Changed(changes) => {
                self.following_again = false;
                for change in changes {
                    self.take_up(&change, context);
                }
            }
            Message::Compacted(revision) => self.compacted(revision, context),
            Message::Answer(..)
            | Message::Watched(..)
            | Message::WatchClosed(..)
            | Message::Bookmark(..)
            | Message::Transaction(..)
            | Message::Range(..)
            | Message::WatchStore(_)
            | Message::Beside(_)
            | Message::Runtime(..) => {}
        }
        self.serve_waiters(context);
        self.admit_waiting(context);
    }

    /// A request arrives: it is worked on, waits for its turn, or is not let in.
    fn arrive<A>(
        &mut self,
        client: Peer,
        id: u64,
        request: Box<Request>,
        context: &mut Context<'_, A>,
    ) where
        A: Actor<Message = Message, Note = Note>,
    {
        self.reads.count(&request.verb);
        let objects = if let Verb::List(options) = &request.verb {
            self.cache(options.kind).len()
        } else {
            0
        };
        let seat = Seat::new(Level::of(&request), width(&request.verb, objects));
        let (stage, attempts, required) = (Stage::Write, 0, 0);
        let pending = Pending { client, id, request, stage, attempts, required, seat };
        match self.fairness.arrive(seat, (context.cause(), pending)) {
            Admission::Run((_, pending)) => self.request(pending, context),
            Admission::Wait => {}
            Admission::Full((_, pending)) => {
                let unseated = Pending { seat: Seat::NONE, ..pending };
                self.refuse(&unseated, fairness::full(), context);
            }
        }
    }

    /// Seats that have become free go to those that wait for them.
    fn admit_waiting<A>(&mut self, context: &mut Context<'_, A>)
    where
        A: Actor<Message = Message, Note = Note>,
    {
        while let Some((cause, pending)) = self.fairness.admit_next() {
            context.because(cause);
            context.foreground();
            self.request(pending, context);
        }
    }

    fn request<A>(&mut self, pending: Pending, context: &mut Context<'_, A>)
    where
        A: Actor<Message = Message, Note = Note>,
    {
        if !self.ready {
            let refusal = self.not_ready(&pending.request.verb, context.now());
            return self.refuse(&pending, refusal, context);
        }
        let request = &pending.request;
        if request.verb.kind().row().aggregated {
            return self.forward(pending, context);
        }
        match &request.verb {
            Verb::Get(key) => {
                let range = Message::Range(self.asked + 1, Range::Key(key.clone()));
                self.ask(Pending { stage: Stage::Read, ..pending }, range, context);
            }
            Verb::List(options) => {
                let options = options.clone();
                self.list(pending, &options, context);
            }
            Verb::Watch(options) => {
                let options = options.clone();
                self.watch(pending, &options, context);
            }
            Verb::Create { object, dry_run } => {
                let (object, dry_run) = (object.clone(), *dry_run);
                self.create(pending, object, dry_run, context);
            }
            Verb::Post { kind, namespace, value, dry_run } => {
                let dry_run = *dry_run;
                let prefix = value["metadata"]["generateName"].as_str().unwrap_or_default();
                let generated = generated(&prefix.into(), &self.birth(context));
                let gates = self.config.gates;
                match edge::create_once(*kind, namespace, &generated, value, gates) {
                    Ok(object) => self.create(pending, object, dry_run, context),
                    Err(refusal) => self.refuse(&pending, refusal, context),
                }
            }
            Verb::DeleteCollection { list, options } => {
                let (list, options) = (list.clone(), options.clone());
                self.delete_collection(&pending, &list, &options, context);
            }
            Verb::Update { .. }
            | Verb::Put { .. }
            | Verb::Patch { .. }
            | Verb::Delete { .. }
            | Verb::Bind { .. } => self.change(pending, Fresh::Cached, context),
            Verb::Evict { .. } => self.evict(pending, context),
        }
    }

    pub(super) fn ask<A>(
        &mut self,
        pending: Pending,
        message: Message,
        context: &mut Context<'_, A>,
    ) where
        A: Actor<Message = Message, Note = Note>,
    {
        self.ask_after(pending, message, SimDuration::ZERO, context);
    }

    /// Asks etcd something after a pause.
    fn ask_after<A>(
        &mut self,
        pending: Pending,
        message: Message,
        pause: SimDuration,
        context: &mut Context<'_, A>,
    ) where
        A: Actor<Message = Message, Note = Note>,
    {
        self.asked += 1;
        self.pending.insert(self.asked, pending);
        let after = self.processing(context.seed()) + pause;
        context.send_later(context.peer(self.etcd), after, message);
    }

    fn processing(&self, seed: u64) -> SimDuration {
        self.config.processing.draw(keyed(seed ^ 0xa915, &self.asked.to_le_bytes()))
    }

    /// Answers a request, which gives back its seat.
    pub(super) fn answer<A>(
        &mut self,
        pending: &Pending,
        answer: Answer,
        context: &mut Context<'_, A>,
    ) where
        A: Actor<Message = Message, Note = Note>,
    {
        self.fairness.leave(pending.seat);
        context.send(pending.client, Message::Answer(pending.id, answer));
    }

    pub(super) fn refuse<A>(
        &mut self,
        pending: &Pending,
        refusal: Refusal,
        context: &mut Context<'_, A>,
    ) where
        A: Actor<Message = Message, Note = Note>,
    {
        let verb = &pending.request.verb;
        let key = verb.key();
        let mut path = Name::new_static(key.kind.row().plural);
        if !verb.subresource().is_empty() {
            path = smol_str::format_smolstr!("{path}/{}", verb.subresource());
        }
        context.log(Note::Refused(Box::new(RefusedNote {
            user: pending.request.user.clone(),
            verb: verb.name(),
            resource: path,
            namespace: key.namespace,
            name: key.name,
            refusal: refusal.clone(),
        })));
        self.answer(pending, Answer::Refused(refusal), context);
    }

    fn stop_watch(&mut self, client: Peer, id: u64) {
        for cache in &mut self.caches {
            let found = cache.streams().find(|(_, s)| s.client == client && s.request == id);
            if let Some(number) = found.map(|(n, _)| n) {
                cache.close(number);
                return;
            }
        }
    }

    /// Changes before one that has come were lost on the way: etcd is asked for them, and for all
    /// that follow, once.
    fn follow_again<A>(&mut self, context: &mut Context<'_, A>)
    where
        A: Actor<Message = Message, Note = Note>,
    {
        if !self.following_again {
            self.following_again = true;
            context.send(context.peer(self.etcd), Message::WatchStore(self.revision));
        }
    }

    /// A change of the store reaches the watch cache and everyone who watches.
    fn take_up<A>(&mut self, change: &StoreChange, context: &mut Context<'_, A>)
    where
        A: Actor<Message = Message, Note = Note>,
    {
        if change.revision <= self.revision {
            return;
        }
        if change.revision > self.revision + 1 {
            return self.follow_again(context);
        }
        self.revision = change.revision;
        let kind = change.object.kind();
        if matches!(kind, Kind::PRIORITY_CLASS | Kind::SERVICE_ACCOUNT | Kind::LIMIT_RANGE) {
            self.admission_state += 1;
        }
        let mut concerned = std::mem::take(&mut self.concerned);
        self.caches[usize::from(kind.0)].take_up(change, context.now(), &mut concerned);
        context.because(change.cause);
        for number in concerned.drain(..) {
            self.deliver(kind, number, context);
        }
        self.concerned = concerned;
    }
}
