//! A process that is a client of the apiserver: it hosts one component and does for it what every
//! client does: watches, client limits, events, leader election, reconnection.

mod beside;
mod election;
mod held;
mod look;
mod requests;
mod waking;
mod watching;

use std::collections::BTreeMap;

use crate::api::Name;
use crate::api::coordination::lease::Lease;
use crate::api::gates::Gates;
use crate::api::message::Message;
use crate::api::note::{Note, RefusedNote};
use crate::api::object::{Kind, ObjectKey};
use crate::api::refusal::{Reason, Refusal};
use crate::api::request::{Answer, Verb};
use crate::api::time::Time;
use crate::client::component::{Component, Due, Moment, Outbox, Outgoing};
use crate::client::event_recorder::EventRecorder;
use crate::client::informer::{Informer, Interest};
use crate::client::leader_election::{self, LeaderElector};
use crate::client::reflector::{Failure, Input};
use crate::client::telling;
use crate::client::token_bucket::TokenBucket;
use crate::client::view::Caches;
use crate::sim::engine::{Actor, ActorId, AlarmId, Context, Peer};
use crate::sim::index::Map;
use crate::sim::rng::Rng;
use crate::sim::time::{SimDuration, SimTime};
use beside::send_beside;
use held::Held;

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
    /// Its feature gates.
    pub gates: Gates,
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
/// Source: kubernetes v1.36
/// staging/src/k8s.io/client-go/tools/leaderelection/resourcelock/interface.go, `NewFromKubeconfig`
const LEASE_TIMEOUT: SimDuration = SimDuration::secs(5);

/// How long it takes to learn that nobody listens.
const REFUSED_AFTER: SimDuration = SimDuration::millis(1);

/// What a request under way is for.
#[derive(Clone, Debug)]
enum Purpose {
    Informer(usize),
    Component(u64),
    /// What is asked for instead when the event that it changes is not found.
    Event(Option<Box<(Verb, Name)>>),
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
    in_flight: Map<u64, InFlight>,
    asked: u64,
    limits: BTreeMap<Name, TokenBucket>,
    /// Requests that the client's limit holds back, by when they go.
    held: BTreeMap<(SimTime, u64), Held>,
    recorders: Map<Name, EventRecorder>,
    /// What the component wants done; between two acts it is empty and keeps its room.
    out: Outbox,
    elector: Option<LeaderElector>,
    lease_seen: Option<std::sync::Arc<Lease>>,
    lease_try: u64,
    /// When the elector is to hear of the time next, as far as alarms are set.
    elects_at: Option<SimTime>,
    next_wake: Option<SimTime>,
    wake_alarm: Option<AlarmId>,
    next_background_wake: Option<SimTime>,
    rng: Option<Rng>,
    /// By how much its clock is wrong, in nanoseconds.
    skew: i64,
    lives: u32,
    /// Until when each server that cannot be reached still counts as connected.
    cut_since: Option<SimTime>,
    /// The life of the server that the link was cut from.
    cut_from: Peer,
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
            in_flight: Map::default(),
            asked: 0,
            limits: BTreeMap::new(),
            held: BTreeMap::new(),
            recorders: Map::default(),
            out: Outbox::default(),
            elector: None,
            lease_seen: None,
            lease_try: 0,
            elects_at: None,
            next_wake: None,
            wake_alarm: None,
            next_background_wake: None,
            rng: None,
            skew: 0,
            lives: 0,
            cut_since: None,
            cut_from: Peer::default(),
        }
    }

    /// All memory is lost; the component says what of it is not memory.
    pub fn crash(&mut self) {
        self.component.crashed();
        let fresh = Process::new(self.config.clone(), self.component.clone());
        let (lives, server, skew) = (self.lives, self.server, self.skew);
        *self = Process { server, skew, lives, ..fresh };
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
                let elector = LeaderElector::new(leader_election::Config::CORE, me);
                self.elector = Some(elector.within(self.config.gates));
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
        let gates = self.config.gates;
        let interests = self.config.interests.iter();
        self.informers = interests.map(|i| Informer::new(i.clone(), gates, now)).collect();
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
    pub fn receive<A>(&mut self, from: Peer, message: Message, context: &mut Context<'_, A>)
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
            Message::Runtime(what, how) if what == "clock" => {
                self.skew = how.as_i64().unwrap_or(0);
            }
            Message::Runtime(what, how) => {
                self.act(context, |component, moment| component.disturb(&what, &how, moment));
            }
            Message::Beside(what) => {
                self.act(context, |component, moment| component.hear(from, what, moment));
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
                if self.elects_at.is_some_and(|at| at <= now) {
                    self.elects_at = None;
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
            // The server's new life knows nothing of the connection and resets it.
            if !context.is_up(peer) || self.cut_from != context.peer(peer) {
                self.disconnect("connection reset by peer", context);
            }
        } else if context.is_up(peer) {
            self.cut_since = Some(context.now());
            self.cut_from = context.peer(peer);
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
        let is_with_it = |f: &InFlight| f.server == server;
        // Bounded by the requests of this life; connections are lost rarely.
        let lost: Vec<u64> =
            (1..=self.asked).filter(|id| self.in_flight.get(id).is_some_and(is_with_it)).collect();
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

    /// Lets the component act, and does what it wants done.
    fn act<A>(&mut self, context: &mut Context<'_, A>, what: impl FnOnce(&mut C, &mut Moment<'_>))
    where
        A: Actor<Message = Message, Note = Note>,
    {
        let now = context.now();
        let mut moment = Moment {
            now,
            time: Time(Time::wall(context.start(), now).0 + self.skew),
            start: context.start(),
            rng: self.rng.as_mut().expect("a process that lives has a random stream"),
            caches: &self.caches,
            cause: context.cause(),
            out: &mut self.out,
        };
        what(&mut self.component, &mut moment);
        if !self.out.is_quiet() {
            let mut out = std::mem::take(&mut self.out);
            self.deliver(&mut out, context);
            self.out = out;
        }
        let (wake, background) = (self.out.wake_at.take(), self.out.background_wake_at.take());
        match self.component.due() {
            Due::AsAsked => self.set_wakes(wake, background, context),
            Due::Exactly(at) => {
                self.set_exactly(at, context);
                self.set_wakes(None, background, context);
            }
        }
    }

    /// Does what the component wants done, and leaves nothing of it.
    fn deliver<A>(&mut self, out: &mut Outbox, context: &mut Context<'_, A>)
    where
        A: Actor<Message = Message, Note = Note>,
    {
        let (cause, background) = (context.cause(), context.is_background());
        for outgoing in out.requests.drain(..) {
            let Outgoing { token, verb, why, cause: own, user, background: beat } = outgoing;
            context.because(own.unwrap_or(cause));
            if beat {
                context.background();
            }
            let user = user.map_or_else(|| self.config.user.clone(), Name::new_static);
            self.ask(self.as_user(user, verb, why), Purpose::Component(token), context);
            if beat && !background {
                context.foreground();
            }
        }
        context.because(cause);
        send_beside(&mut out.messages, &mut out.controls, context);
        for note in out.events.drain(..) {
            context.because(cause);
            let (source, host) = self.config.source.clone();
            self.tell(source, host, self.config.user.clone(), note, context);
        }
        for (source, note, own) in out.told.drain(..) {
            context.because(own);
            let source = Name::new_static(source);
            self.tell(source.clone(), Name::default(), source, note, context);
        }
        context.because(cause);
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
        recorder.set_start(context.start());
        let now = context.now();
        let Some(told) = telling::record(recorder, (source, host), note, now) else { return };
        let anew = told.anew.map(|anew| Box::new((anew, user.clone())));
        let request = self.as_user(user, told.verb, telling::why());
        self.ask(request, Purpose::Event(anew), context);
    }
}
