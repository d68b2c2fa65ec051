//! A process that is a client of the apiserver: it hosts one component and does for it what every
//! client does: watches, client limits, events, leader election, reconnection.

use std::collections::BTreeMap;

use crate::api::Name;
use crate::api::coordination::lease::Lease;
use crate::api::message::Message;
use crate::api::note::{MarkNote, Note, RefusedNote};
use crate::api::object::{Kind, Object, ObjectKey};
use crate::api::refusal::{Reason, Refusal};
use crate::api::request::{Answer, Change, Request, Verb, WatchEvent};
use crate::api::time::Time;
use crate::client::component::{Component, Due, Moment, Outbox, Outgoing};
use crate::client::event_recorder::EventRecorder;
use crate::client::informer::{Informer, Interest};
use crate::client::leader_election::{self, LeaderElector};
use crate::client::reconciler::Observed;
use crate::client::reflector::{Command, Failure, Input, Store};
use crate::client::telling;
use crate::client::token_bucket::TokenBucket;
use crate::client::view::Caches;
use crate::sim::engine::{Actor, ActorId, AlarmId, Context, Peer};
use crate::sim::index::Map;
use crate::sim::rng::Rng;
use crate::sim::time::{SimDuration, SimTime};

/// How a process is run.
#[derive(Clone, PartialEq, Debug)]
pub struct Config {
    /// The name under which it asks: `kube-scheduler`, `kubelet/node-1`.
    pub user: Name,
    /// The source of its events: `kubelet`, and the node it is on.
    pub source: (Name, Name),
    /// What it watches.
    pub interests: Vec<Interest>,
    /// The apiservers that it may use, in its order of preference.
    pub servers: Vec<ActorId>,
    /// Requests a second and at once, for each user name; 0 for no limit.
    pub qps: (u32, u32),
    /// The lease by which its replicas elect a leader, and whether it is renewed for real.
    pub election: Option<Election>,
}

/// How replicas of a process elect a leader.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Election {
    /// The name of the lease in `kube-system`.
    pub lease: Name,
    /// Whether the lease is kept for real; without, the only replica leads at once.
    pub eager: bool,
}

/// After so long without a sign of life a connection counts as dead.
///
/// Source: golang.org/x/net/http2 as set up by kubernetes v1.36
/// staging/src/k8s.io/apimachinery/pkg/util/net/http.go, `readIdleTimeoutSeconds`,
/// `pingTimeoutSeconds`
const DEAD_AFTER: SimDuration = SimDuration::secs(45);

/// How long the kubelet waits for the answer to a sign of life.
///
/// Source: kubernetes v1.36 cmd/kubelet/app/server.go, `heartbeatClientConfig`
const HEARTBEAT_TIMEOUT: SimDuration = SimDuration::secs(10);

/// How long a candidate waits for the answer about its lease: half of the renew deadline.
///
/// Source: kubernetes v1.36 staging/src/k8s.io/client-go/tools/leaderelection/resourcelock/interface.go,
/// `NewFromKubeconfig`
const LEASE_TIMEOUT: SimDuration = SimDuration::secs(5);

/// How long it takes to learn that nobody listens.
const REFUSED_AFTER: SimDuration = SimDuration::millis(1);

/// What a request under way is for.
#[derive(Clone, Debug)]
enum Purpose {
    Informer(usize),
    Component(u64),
    Event(Box<(Verb, Name)>),
    Lease(u64),
}

#[derive(Clone, Debug)]
struct InFlight {
    purpose: Purpose,
    user: Name,
    verb: &'static str,
    key: ObjectKey,
    subresource: &'static str,
    server: ActorId,
    reading: bool,
}

impl InFlight {
    /// After how long it is given up when the network swallows it.
    fn patience(&self) -> SimDuration {
        let beat = self.key.kind == Kind::LEASE
            || (self.key.kind == Kind::NODE
                && self.verb == "patch"
                && self.subresource == "status");
        match self.purpose {
            Purpose::Lease(_) => LEASE_TIMEOUT,
            Purpose::Component(_) if beat => HEARTBEAT_TIMEOUT,
            Purpose::Component(_) | Purpose::Informer(_) | Purpose::Event(_) => DEAD_AFTER,
        }
    }
}

/// A process and its component.
#[derive(Clone)]
pub struct Process<C> {
    config: Config,
    component: C,
    caches: Caches,
    informers: Vec<Informer>,
    synced: bool,
    acting: bool,
    server: usize,
    in_flight: BTreeMap<u64, InFlight>,
    asked: u64,
    limits: BTreeMap<Name, TokenBucket>,
    /// Requests that the client's limit holds back, by when they go.
    held: BTreeMap<(SimTime, u64), Held>,
    recorders: Map<Name, EventRecorder>,
    elector: Option<LeaderElector>,
    lease_seen: Option<std::sync::Arc<Lease>>,
    lease_try: u64,
    next_wake: Option<SimTime>,
    wake_alarm: Option<AlarmId>,
    next_background_wake: Option<SimTime>,
    rng: Option<Rng>,
    lives: u32,
    /// Until when each server that cannot be reached still counts as connected.
    cut_since: Option<SimTime>,
}

#[derive(Clone, Debug)]
struct Held {
    request: Box<Request>,
    purpose: Purpose,
    cause: u64,
    background: bool,
}

const WAKE: u64 = 1;
const TIMERS: u64 = 2;
const RELEASE: u64 = 3;
const DEAD: u64 = 4;
const FAIL: u64 = 1 << 32;

impl<C: Component> Process<C> {
    /// A process that has not begun.
    pub fn new(config: Config, component: C) -> Process<C> {
        Process {
            config,
            component,
            caches: Caches::default(),
            informers: Vec::new(),
            synced: false,
            acting: false,
            server: 0,
            in_flight: BTreeMap::new(),
            asked: 0,
            limits: BTreeMap::new(),
            held: BTreeMap::new(),
            recorders: Map::default(),
            elector: None,
            lease_seen: None,
            lease_try: 0,
            next_wake: None,
            wake_alarm: None,
            next_background_wake: None,
            rng: None,
            lives: 0,
            cut_since: None,
        }
    }

    /// The component, to look at.
    pub fn component(&self) -> &C {
        &self.component
    }

    /// What its informers know.
    pub fn caches(&self) -> &Caches {
        &self.caches
    }

    /// Whether all informers have delivered their first list.
    pub fn is_synced(&self) -> bool {
        self.synced
    }

    /// The name under which it asks.
    pub fn user(&self) -> &Name {
        &self.config.user
    }

    /// All memory is lost; the component says what of it is not memory.
    pub fn crash(&mut self) {
        self.component.crashed();
        let fresh = Process::new(self.config.clone(), self.component.clone());
        let (lives, server) = (self.lives, self.server);
        *self = Process { server, lives, ..fresh };
    }

    /// The beginning of a life.
    pub fn start<A>(&mut self, context: &mut Context<'_, A>)
    where
        A: Actor<Message = Message, Note = Note>,
    {
        self.lives += 1;
        let name = format!("{}/{}", self.config.user, self.lives);
        self.rng = Some(Rng::named(context.seed(), &name));
        self.connect(context);
        match self.config.election.clone() {
            Some(election) if election.eager => {
                let me = smol_str::format_smolstr!("{}_{}", context.my_name(), self.lives);
                self.elector = Some(LeaderElector::new(leader_election::Config::CORE, me));
                self.elect(leader_election::Input::Timer, context);
            }
            Some(_) | None => self.begin(context),
        }
    }

    /// Begins to watch.
    fn begin<A>(&mut self, context: &mut Context<'_, A>)
    where
        A: Actor<Message = Message, Note = Note>,
    {
        let now = context.now();
        self.acting = true;
        self.act(context, Component::begin);
        self.informers =
            self.config.interests.iter().map(|i| Informer::new(i.clone(), now)).collect();
        for n in 0..self.informers.len() {
            self.reflect(n, Input::Timer, context);
        }
        if self.informers.is_empty() {
            self.check_synced(context);
        }
    }

    fn connect<A>(&self, context: &mut Context<'_, A>)
    where
        A: Actor<Message = Message, Note = Note>,
    {
        let server = self.config.servers[self.server];
        if context.is_up(server) {
            context.connect(context.peer(server));
        }
    }

    /// A message has come.
    pub fn receive<A>(&mut self, _from: Peer, message: Message, context: &mut Context<'_, A>)
    where
        A: Actor<Message = Message, Note = Note>,
    {
        match message {
            Message::Answer(id, answer) => self.answered(id, answer, context),
            Message::Watched(id, events) => self.watched(id, events, context),
            Message::WatchClosed(id, refusal) => {
                if let Some(n) = self.informers.iter().position(|i| i.watch == id) {
                    self.in_flight.remove(&id);
                    let input = match &refusal {
                        None => Input::Closed,
                        Some(refusal) => Input::WatchFailed(Failure::of(refusal)),
                    };
                    self.reflect(n, input, context);
                }
            }
            Message::Runtime(what, how) => {
                self.act(context, |component, moment| component.disturb(&what, &how, moment));
            }
            Message::Bookmark(id, revision, initial_events_end) => {
                if let Some(n) = self.informers.iter().position(|i| i.watch == id) {
                    self.reflect(n, Input::Bookmark { revision, initial_events_end }, context);
                }
            }
            Message::Request(..)
            | Message::StopWatch(_)
            | Message::Transaction(..)
            | Message::Range(..)
            | Message::WatchStore(_)
            | Message::Stored(..)
            | Message::Changed(_)
            | Message::Compacted(_) => {}
        }
    }

    /// An alarm has come.
    pub fn alarm<A>(&mut self, tag: u64, context: &mut Context<'_, A>)
    where
        A: Actor<Message = Message, Note = Note>,
    {
        let now = context.now();
        match tag {
            WAKE => self.wake(context),
            TIMERS => {
                for n in 0..self.informers.len() {
                    if self.informers[n].timer <= now {
                        self.informers[n].timer = SimTime::NEVER;
                        self.reflect(n, Input::Timer, context);
                    }
                }
                if self.elector.is_some() {
                    self.elect(leader_election::Input::Timer, context);
                }
            }
            RELEASE => self.release(context),
            DEAD => self.give_up_connection(context),
            id => self.fail(id - FAIL, context),
        }
    }

    fn wake<A>(&mut self, context: &mut Context<'_, A>)
    where
        A: Actor<Message = Message, Note = Note>,
    {
        let now = context.now();
        let due = |at: Option<SimTime>| at.is_some_and(|at| at <= now);
        if !due(self.next_wake) && !due(self.next_background_wake) {
            return;
        }
        if due(self.next_wake) {
            self.next_wake = None;
            self.wake_alarm = None;
        }
        if due(self.next_background_wake) {
            self.next_background_wake = None;
        }
        self.act(context, Component::wake);
    }

    /// The link to a server has changed, or the server is gone.
    pub fn link_changed<A>(&mut self, peer: ActorId, up: bool, context: &mut Context<'_, A>)
    where
        A: Actor<Message = Message, Note = Note>,
    {
        if self.config.servers[self.server] != peer {
            return;
        }
        if up {
            self.cut_since = None;
        } else if context.is_up(peer) {
            self.cut_since = Some(context.now());
            context.alarm(context.now() + DEAD_AFTER, DEAD);
        } else {
            self.disconnect("connection reset by peer", context);
        }
    }

    fn give_up_connection<A>(&mut self, context: &mut Context<'_, A>)
    where
        A: Actor<Message = Message, Note = Note>,
    {
        let dead = self.cut_since.is_some_and(|since| since + DEAD_AFTER <= context.now());
        if dead {
            self.cut_since = None;
            self.disconnect("http2: client connection lost", context);
        }
    }

    /// All that is under way with the server fails; another server is taken where there is one.
    fn disconnect<A>(&mut self, why: &str, context: &mut Context<'_, A>)
    where
        A: Actor<Message = Message, Note = Note>,
    {
        let server = self.config.servers[self.server];
        self.server = (self.server + 1) % self.config.servers.len();
        self.connect(context);
        let lost: Vec<u64> =
            self.in_flight.iter().filter(|(_, f)| f.server == server).map(|(id, _)| *id).collect();
        for id in lost {
            self.lose(id, why, context);
        }
    }

    /// A request's answer will never come: nobody knows whether it was done.
    fn lose<A>(&mut self, id: u64, why: &str, context: &mut Context<'_, A>)
    where
        A: Actor<Message = Message, Note = Note>,
    {
        let Some(flight) = self.in_flight.get(&id) else { return };
        let refusal =
            Refusal { code: 0, reason: Reason::Unknown, message: why.into(), details: None };
        if !flight.reading {
            let mut resource = Name::new_static(flight.key.kind.row().plural);
            if !flight.subresource.is_empty() {
                resource = smol_str::format_smolstr!("{resource}/{}", flight.subresource);
            }
            context.log(Note::Refused(Box::new(RefusedNote {
                user: flight.user.clone(),
                verb: flight.verb,
                resource,
                namespace: flight.key.namespace.clone(),
                name: flight.key.name.clone(),
                refusal: refusal.clone(),
            })));
        }
        self.answered(id, Answer::Refused(refusal), context);
    }

    fn fail<A>(&mut self, id: u64, context: &mut Context<'_, A>)
    where
        A: Actor<Message = Message, Note = Note>,
    {
        let Some(flight) = self.in_flight.get(&id) else { return };
        let why = if context.is_up(flight.server) {
            "context deadline exceeded (Client.Timeout exceeded while awaiting headers)"
        } else {
            "connect: connection refused"
        };
        self.lose(id, why, context);
    }

    /// Sends a request, now or when the client's limit lets it go.
    fn ask<A>(&mut self, request: Request, purpose: Purpose, context: &mut Context<'_, A>) -> u64
    where
        A: Actor<Message = Message, Note = Note>,
    {
        self.asked += 1;
        let id = self.asked;
        let limited = !matches!(purpose, Purpose::Informer(_) | Purpose::Lease(_));
        let wait =
            if limited { self.reserve(&request.user, context.now()) } else { SimDuration::ZERO };
        let request = Box::new(request);
        if wait == SimDuration::ZERO {
            self.send(id, request, purpose, context);
        } else {
            let at = context.now() + wait;
            let (cause, background) = (context.cause(), context.is_background());
            self.held.insert((at, id), Held { request, purpose, cause, background });
            context.alarm(at, RELEASE);
        }
        id
    }

    fn reserve(&mut self, user: &Name, now: SimTime) -> SimDuration {
        let (qps, burst) = self.config.qps;
        if qps == 0 {
            return SimDuration::ZERO;
        }
        if !self.limits.contains_key(user) {
            self.limits.insert(user.clone(), TokenBucket::per_second(qps, burst));
        }
        self.limits.get_mut(user).map_or(SimDuration::ZERO, |bucket| bucket.reserve(now))
    }

    fn release<A>(&mut self, context: &mut Context<'_, A>)
    where
        A: Actor<Message = Message, Note = Note>,
    {
        let (cause, background) = (context.cause(), context.is_background());
        while let Some(((at, _), _)) = self.held.first_key_value() {
            if *at > context.now() {
                break;
            }
            if let Some(((_, id), held)) = self.held.pop_first() {
                context.because(held.cause);
                if held.background {
                    context.background();
                } else {
                    context.foreground();
                }
                self.send(id, held.request, held.purpose, context);
            }
        }
        context.because(cause);
        if background {
            context.background();
        }
    }

    fn send<A>(
        &mut self,
        id: u64,
        request: Box<Request>,
        purpose: Purpose,
        context: &mut Context<'_, A>,
    ) where
        A: Actor<Message = Message, Note = Note>,
    {
        let server = self.config.servers[self.server];
        let flight = InFlight {
            purpose,
            user: request.user.clone(),
            verb: request.verb.name(),
            key: request.verb.key(),
            subresource: request.verb.subresource(),
            server,
            reading: request.verb.is_read_only(),
        };
        let patience = flight.patience();
        self.in_flight.insert(id, flight);
        if !context.is_up(server) {
            self.server = (self.server + 1) % self.config.servers.len();
            context.alarm(context.now() + REFUSED_AFTER, FAIL + id);
            return;
        }
        if !context.can_reach(server) {
            context.alarm(context.now() + patience, FAIL + id);
        }
        context.send(context.peer(server), Message::Request(id, request));
    }

    fn answered<A>(&mut self, id: u64, answer: Answer, context: &mut Context<'_, A>)
    where
        A: Actor<Message = Message, Note = Note>,
    {
        let watching = matches!(answer, Answer::Watching);
        if watching {
            return;
        }
        let Some(flight) = self.in_flight.remove(&id) else { return };
        match flight.purpose {
            Purpose::Informer(n) => self.informer_answered(n, id, answer, context),
            Purpose::Component(token) => {
                self.act(context, |component, moment| component.reply(token, &answer, moment));
            }
            Purpose::Event(again) => {
                if let Answer::Refused(refusal) = &answer
                    && refusal.reason == Reason::NotFound
                    && matches!(again.0, Verb::Create { .. })
                {
                    let (verb, user) = *again;
                    let request =
                        Request { user: user.clone(), verb: verb.clone(), why: telling::why() };
                    let namespace_gone = request.verb.key().namespace != flight.key.namespace;
                    if !namespace_gone && flight.verb == "patch" {
                        self.ask(request, Purpose::Event(Box::new((verb, user))), context);
                    }
                }
            }
            Purpose::Lease(attempt) => self.lease_answered(attempt, answer, context),
        }
    }

    fn informer_answered<A>(
        &mut self,
        n: usize,
        id: u64,
        answer: Answer,
        context: &mut Context<'_, A>,
    ) where
        A: Actor<Message = Message, Note = Note>,
    {
        let informer = &mut self.informers[n];
        let listing = informer.list == id;
        if !listing && informer.watch != id {
            return;
        }
        let input = match answer {
            Answer::List(list) => {
                informer.pages.extend(list.items.iter().cloned());
                informer.continue_token = list.continue_token.clone();
                if list.continue_token.is_empty() {
                    Input::Listed { revision: list.resource_version }
                } else {
                    Input::Page
                }
            }
            Answer::Refused(refusal) => {
                let failure = if refusal.code == 0 {
                    Failure::ConnectionRefused
                } else {
                    Failure::of(&refusal)
                };
                if listing { Input::ListFailed(failure) } else { Input::WatchFailed(failure) }
            }
            Answer::Object(_) | Answer::Watching | Answer::Deleted(_) | Answer::Done => return,
        };
        self.reflect(n, input, context);
    }

    /// Tells a reflector what has happened and does what it says.
    fn reflect<A>(&mut self, n: usize, input: Input, context: &mut Context<'_, A>)
    where
        A: Actor<Message = Message, Note = Note>,
    {
        let now = context.now();
        let rng = self.rng.as_mut().expect("a process that lives has a random stream");
        let step = self.informers[n].reflector.step(input, now, &mut |most| rng.between(0, most));
        if let Store::Replace = step.store {
            self.replace(n, context);
        }
        match step.command {
            Command::Stay => {}
            Command::List { revision, limit } => {
                self.informers[n].pages.clear();
                self.informers[n].continue_token = Name::default();
                self.relist(n, revision, limit, context);
            }
            Command::NextPage { limit } => {
                self.relist(n, crate::client::reflector::Revision::Latest, limit, context);
            }
            Command::Watch { revision, initial, .. } => {
                self.informers[n].pages.clear();
                let verb = self.informers[n].watch_verb(revision, initial);
                let request = self.own(verb);
                let id = self.ask(request, Purpose::Informer(n), context);
                self.informers[n].watch = id;
            }
            Command::Wait(span) => {
                let at = now + span;
                self.informers[n].timer = at;
                context.alarm(at, TIMERS);
            }
        }
    }

    fn relist<A>(
        &mut self,
        n: usize,
        revision: crate::client::reflector::Revision,
        limit: u32,
        context: &mut Context<'_, A>,
    ) where
        A: Actor<Message = Message, Note = Note>,
    {
        if self.synced && self.informers[n].continue_token.is_empty() {
            context.log(Note::Mark(Box::new(MarkNote {
                mark: "relist",
                who: self.config.user.clone(),
                detail: Name::new_static(self.informers[n].interest.kind.row().plural),
            })));
        }
        let verb = self.informers[n].list_verb(revision, limit);
        let request = self.own(verb);
        let id = self.ask(request, Purpose::Informer(n), context);
        self.informers[n].list = id;
    }

    fn own(&self, verb: Verb) -> Request {
        Request { user: self.config.user.clone(), verb, why: crate::api::why::Why::default() }
    }

    /// A list replaces what the cache knew: what is not in it is gone.
    fn replace<A>(&mut self, n: usize, context: &mut Context<'_, A>)
    where
        A: Actor<Message = Message, Note = Note>,
    {
        let kind = self.informers[n].interest.kind;
        let items = std::mem::take(&mut self.informers[n].pages);
        let mut gone: BTreeMap<(Name, Name), Object> = BTreeMap::new();
        for known in self.caches.of(kind).all() {
            let meta = known.meta();
            gone.insert((meta.namespace.clone(), meta.name.clone()), known.clone());
        }
        let cause = context.cause();
        for object in items {
            let meta = object.meta();
            gone.remove(&(meta.namespace.clone(), meta.name.clone()));
            self.changed(Change::Modified, object, cause, context);
        }
        for object in gone.into_values() {
            self.changed(Change::Deleted, object, cause, context);
        }
        self.check_synced(context);
    }

    fn check_synced<A>(&mut self, context: &mut Context<'_, A>)
    where
        A: Actor<Message = Message, Note = Note>,
    {
        let all = self.informers.iter().all(|i| i.reflector.has_listed());
        if !self.synced && all && self.acting {
            self.synced = true;
            self.act(context, Component::synced);
        }
    }

    fn watched<A>(&mut self, id: u64, events: Vec<WatchEvent>, context: &mut Context<'_, A>)
    where
        A: Actor<Message = Message, Note = Note>,
    {
        let Some(n) = self.informers.iter().position(|i| i.watch == id) else { return };
        for event in events {
            let input = Input::Event { revision: event.revision };
            let rng = self.rng.as_mut().expect("a process that lives has a random stream");
            let draw = &mut |most| rng.between(0, most);
            let step = self.informers[n].reflector.step(input, context.now(), draw);
            match step.store {
                Store::Apply => {
                    context.because(event.cause);
                    self.changed(event.change, event.object, event.cause, context);
                }
                Store::Hold => self.informers[n].pages.push(event.object),
                Store::Keep | Store::Replace => {}
            }
        }
    }

    /// A change reaches the cache, and then the component.
    fn changed<A>(
        &mut self,
        change: Change,
        object: Object,
        cause: u64,
        context: &mut Context<'_, A>,
    ) where
        A: Actor<Message = Message, Note = Note>,
    {
        let cache = self.caches.of_mut(object.kind());
        let (old, new) = match change {
            Change::Added | Change::Modified => (cache.put(object.clone()), Some(object)),
            Change::Deleted => {
                let meta = object.meta();
                let known = cache.remove(&meta.namespace, &meta.name);
                (Some(known.map_or(object.clone(), |_| object)), None)
            }
        };
        if let (Some(old), Some(new)) = (&old, &new)
            && old.meta().uid != new.meta().uid
        {
            self.observed(Some(old), None, cause, context);
            return self.observed(None, Some(new), cause, context);
        }
        self.observed(old.as_ref(), new.as_ref(), cause, context);
    }

    fn observed<A>(
        &mut self,
        old: Option<&Object>,
        new: Option<&Object>,
        cause: u64,
        context: &mut Context<'_, A>,
    ) where
        A: Actor<Message = Message, Note = Note>,
    {
        context.because(cause);
        let observed = Observed { old, new };
        self.act(context, |component, moment| component.observe(&observed, moment));
    }

    /// Lets the component act, and does what it wants done.
    fn act<A>(&mut self, context: &mut Context<'_, A>, what: impl FnOnce(&mut C, &mut Moment<'_>))
    where
        A: Actor<Message = Message, Note = Note>,
    {
        let now = context.now();
        let mut moment = Moment {
            now,
            time: Time::at(now),
            rng: self.rng.as_mut().expect("a process that lives has a random stream"),
            caches: &self.caches,
            cause: context.cause(),
            out: Outbox::default(),
        };
        what(&mut self.component, &mut moment);
        let out = moment.out;
        self.deliver(out, context);
    }

    fn deliver<A>(&mut self, out: Outbox, context: &mut Context<'_, A>)
    where
        A: Actor<Message = Message, Note = Note>,
    {
        let (cause, background) = (context.cause(), context.is_background());
        for outgoing in out.requests {
            let Outgoing { token, verb, why, cause: own, user, background: beat } = outgoing;
            context.because(own.unwrap_or(cause));
            if beat {
                context.background();
            }
            let user = user.map_or_else(|| self.config.user.clone(), Name::new_static);
            self.ask(Request { user, verb, why }, Purpose::Component(token), context);
            if beat && !background {
                context.foreground();
            }
        }
        for note in out.events {
            context.because(cause);
            let (source, host) = self.config.source.clone();
            self.tell(source, host, self.config.user.clone(), note, context);
        }
        for (source, note, own) in out.told {
            context.because(own);
            let source = Name::new_static(source);
            self.tell(source.clone(), Name::default(), source, note, context);
        }
        context.because(cause);
        match self.component.due() {
            Due::AsAsked => self.set_wakes(out.wake_at, out.background_wake_at, context),
            Due::Exactly(at) => {
                self.set_exactly(at, context);
                self.set_wakes(None, out.background_wake_at, context);
            }
        }
    }

    /// Sets the alarm of the component to exactly one instant; what was set before counts as
    /// housekeeping from then on, as it will find nothing to do.
    fn set_exactly<A>(&mut self, at: Option<SimTime>, context: &mut Context<'_, A>)
    where
        A: Actor<Message = Message, Note = Note>,
    {
        if self.next_wake == at {
            return;
        }
        if let Some(old) = self.wake_alarm.take() {
            context.demote(old);
        }
        self.next_wake = at;
        if let Some(at) = at {
            self.wake_alarm = Some(context.foreground_alarm(at, WAKE));
        }
    }

    fn set_wakes<A>(
        &mut self,
        wake: Option<SimTime>,
        background: Option<SimTime>,
        context: &mut Context<'_, A>,
    ) where
        A: Actor<Message = Message, Note = Note>,
    {
        if let Some(at) = wake
            && self.next_wake.is_none_or(|next| at < next)
        {
            self.next_wake = Some(at.max(context.now()));
            context.alarm(at, WAKE);
        }
        if let Some(at) = background
            && self.next_background_wake.is_none_or(|next| at < next)
        {
            self.next_background_wake = Some(at.max(context.now()));
            context.background_alarm(at, WAKE);
        }
    }

    fn tell<A>(
        &mut self,
        source: Name,
        host: Name,
        user: Name,
        note: crate::api::request::EventNote,
        context: &mut Context<'_, A>,
    ) where
        A: Actor<Message = Message, Note = Note>,
    {
        let recorder = self.recorders.entry(source.clone()).or_default();
        let Some(told) = telling::record(recorder, (source, host), note, context.now()) else {
            return;
        };
        let request = Request { user: user.clone(), verb: told.verb, why: telling::why() };
        self.ask(request, Purpose::Event(Box::new((told.anew, user))), context);
    }

    fn elect<A>(&mut self, input: leader_election::Input, context: &mut Context<'_, A>)
    where
        A: Actor<Message = Message, Note = Note>,
    {
        context.background();
        let now = context.now();
        let rng = self.rng.as_mut().expect("a process that lives has a random stream");
        let Some(elector) = &mut self.elector else { return };
        let step = elector.step(input, now, &mut |most| rng.between(0, most));
        if let Some(deadline) = elector.deadline() {
            context.background_alarm(deadline, TIMERS);
        }
        self.follow(step.command, context);
        match step.change {
            leader_election::Change::None => {}
            leader_election::Change::StartedLeading => {
                context.foreground();
                context.log(Note::Mark(Box::new(MarkNote {
                    mark: "leader",
                    who: self.config.user.clone(),
                    detail: smol_str::format_smolstr!("{} leads", context.my_name()),
                })));
                self.begin(context);
            }
            leader_election::Change::StoppedLeading => {
                context.control(crate::sim::engine::Control::Crash(context.me().actor));
                context.control(crate::sim::engine::Control::Start(context.me().actor));
            }
        }
    }

    fn follow<A>(&mut self, command: leader_election::Command, context: &mut Context<'_, A>)
    where
        A: Actor<Message = Message, Note = Note>,
    {
        use leader_election::Command;
        let Some(election) = self.config.election.clone() else { return };
        let verb = match command {
            Command::Stay | Command::Stop => return,
            Command::Wait(at) => {
                self.lease_try += 1;
                context.background_alarm(at, TIMERS);
                return;
            }
            Command::Read => Verb::Get(ObjectKey::new(Kind::LEASE, "kube-system", &election.lease)),
            Command::Create(record) => telling::create_lease(&election.lease, &record),
            Command::Update(record) => match &self.lease_seen {
                Some(seen) => telling::update_lease(seen, &record),
                None => return,
            },
        };
        self.lease_try += 1;
        let request = self.own(verb);
        self.ask(request, Purpose::Lease(self.lease_try), context);
    }

    fn lease_answered<A>(&mut self, attempt: u64, answer: Answer, context: &mut Context<'_, A>)
    where
        A: Actor<Message = Message, Note = Note>,
    {
        if attempt != self.lease_try {
            return;
        }
        let reading = self.elector.as_ref().is_some_and(LeaderElector::is_reading);
        let input = match answer {
            Answer::Object(Object::Lease(lease)) => {
                let record = telling::record_of(&lease);
                self.lease_seen = Some(lease);
                if reading {
                    leader_election::Input::Read(Some(record))
                } else {
                    leader_election::Input::Written
                }
            }
            Answer::Refused(refusal) if reading && refusal.reason == Reason::NotFound => {
                leader_election::Input::Read(None)
            }
            Answer::Object(_)
            | Answer::List(_)
            | Answer::Watching
            | Answer::Deleted(_)
            | Answer::Done
            | Answer::Refused(_) => leader_election::Input::Failed,
        };
        self.elect(input, context);
    }
}
