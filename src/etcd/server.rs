//! The etcd process: answers apiservers, tells them of changes, compacts, expires events.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::api::Name;
use crate::api::message::{Message, Origin, Range, StoreAnswer, StoreChange, Transaction};
use crate::api::note::{Note, WriteNote, encode_write, is_heartbeat};
use crate::api::object::{Kind, Object};
use crate::api::request::ObjectList;
use crate::api::why::Why;
use crate::etcd::store::{Store, Unreadable};
use crate::sim::engine::{Actor, Context, Peer};
use crate::sim::link::Delay;
use crate::sim::rng::keyed;
use crate::sim::time::{SimDuration, SimTime};

/// How an etcd is run.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Config {
    /// How long a write takes to reach the disk.
    pub commit: Delay,
    /// Events are gone after this span.
    ///
    /// Source: kubernetes v1.36 pkg/controlplane/apiserver/options/options.go, `EventTTL`
    pub event_ttl: SimDuration,
    /// The history is compacted this often, up to where it was this long ago.
    ///
    /// Source: kubernetes v1.36 staging/src/k8s.io/apiserver/pkg/storage/etcd3/compact.go
    pub compaction: SimDuration,
    /// At most so many keys; writes that add one are refused beyond it. 0 for no limit.
    pub quota_keys: usize,
    /// At most so many changes are remembered; 0 for no limit beside compaction. Large runs that
    /// nobody watches from the past save memory with it.
    pub history: usize,
}

impl Default for Config {
    fn default() -> Self {
        Config {
            commit: Delay::between(SimDuration::micros(1500), SimDuration::micros(3500)),
            event_ttl: SimDuration::secs(3600),
            compaction: SimDuration::secs(300),
            quota_keys: 0,
            history: 0,
        }
    }
}

/// The etcd process. The store is on disk and survives a crash.
#[derive(Clone)]
pub struct Etcd {
    config: Config,
    store: Store,
    /// Events in the order in which they expire, as they were when they came.
    expiring: VecDeque<(SimTime, Object)>,
    /// Apiservers that are told of changes, and when the last one arrives.
    watchers: Vec<(Peer, SimTime)>,
    /// The revision at the time of the last look at compaction.
    last_seen: u64,
    commits: u64,
}

const COMPACT: u64 = 1;
const EXPIRE: u64 = 2;

impl Etcd {
    /// An etcd with an empty store.
    pub fn new(config: Config) -> Etcd {
        Etcd {
            config,
            store: Store::default(),
            expiring: VecDeque::new(),
            watchers: Vec::new(),
            last_seen: 0,
            commits: 0,
        }
    }

    /// The store, to look at.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// The beginning of a life.
    pub fn start<A>(&mut self, context: &mut Context<'_, A>)
    where
        A: Actor<Message = Message, Note = Note>,
    {
        context.background_alarm(context.now() + self.config.compaction, COMPACT);
        if let Some((at, _)) = self.expiring.front() {
            context.background_alarm(*at, EXPIRE);
        }
    }

    /// The store goes back by so many changes, as far as it remembers.
    pub fn restore(&mut self, changes: u64) {
        let revision = self.store.revision().saturating_sub(changes).max(self.store.compacted());
        self.store.restore(revision).expect("a revision that is remembered can be read");
        self.last_seen = self.last_seen.min(revision);
    }

    /// The connections end with the life; the store stays.
    pub fn crash(&mut self) {
        self.watchers.clear();
    }

    /// A message of an apiserver.
    pub fn receive<A>(&mut self, from: Peer, message: Message, context: &mut Context<'_, A>)
    where
        A: Actor<Message = Message, Note = Note>,
    {
        match message {
            Message::Transaction(token, transaction) => {
                self.transact(from, token, *transaction, context);
            }
            Message::Range(token, range) => {
                let answer = self.range(range);
                context.send(from, Message::Stored(token, answer));
            }
            Message::WatchStore(revision) => {
                self.watchers.retain(|(w, _)| w.actor != from.actor);
                context.connect(from);
                let message = match self.store.changes_after(revision) {
                    Ok(changes) => Message::Changed(changes.cloned().collect()),
                    Err(_) => Message::Compacted(self.store.compacted()),
                };
                let after = SimDuration::ZERO;
                let arrives = context.send_ordered(from, after, SimTime::ZERO, message);
                self.watchers.push((from, arrives.unwrap_or_default()));
            }
            Message::Request(..)
            | Message::Answer(..)
            | Message::Watched(..)
            | Message::WatchClosed(..)
            | Message::Bookmark(..)
            | Message::StopWatch(_)
            | Message::Stored(..)
            | Message::Changed(_)
            | Message::Compacted(_)
            | Message::Beside(_)
            | Message::Runtime(..) => {}
        }
    }

    /// What is read at one revision.
    fn range(&self, range: Range) -> StoreAnswer {
        let present = self.store.revision();
        let (revision, items) = match range {
            Range::Everything => {
                (present, Ok(self.store.kinds().flat_map(|k| self.store.list(k)).collect()))
            }
            Range::Kind(kind, 0) => (present, Ok(self.store.list(kind))),
            Range::Kind(kind, revision) => (revision, self.store.list_at(kind, revision)),
            Range::Key(key) => (present, Ok(self.store.get(&key).cloned().into_iter().collect())),
            Range::Revision => (present, Ok(Vec::new())),
        };
        match items {
            Ok(items) => StoreAnswer::Found(Arc::new(ObjectList {
                resource_version: revision,
                items,
                continue_token: Name::default(),
                remaining: None,
            })),
            Err(Unreadable::Compacted) => StoreAnswer::Compacted,
            Err(Unreadable::Future) => StoreAnswer::Future(present),
        }
    }

    fn transact<A>(
        &mut self,
        from: Peer,
        token: u64,
        transaction: Transaction,
        context: &mut Context<'_, A>,
    ) where
        A: Actor<Message = Message, Note = Note>,
    {
        let Transaction { key, condition, put, origin } = transaction;
        let full = self.config.quota_keys > 0 && self.store.len() >= self.config.quota_keys;
        if full && self.store.get(&key).is_none() {
            let answer = StoreAnswer::Unavailable("etcdserver: mvcc: database space exceeded");
            context.send(from, Message::Stored(token, answer));
            return;
        }
        match self.store.commit(&key, condition, put, context.turn()) {
            Err(current) => {
                context.send(from, Message::Stored(token, StoreAnswer::Mismatch(current)));
            }
            Ok(change) => self.written(&change, &origin, Some((from, token)), context),
        }
    }

    fn commit_bits(&mut self, seed: u64) -> u64 {
        self.commits += 1;
        keyed(seed ^ 0xe7cd, &self.commits.to_le_bytes())
    }

    /// Logs a change and tells the apiservers; the one that asked learns it with its answer.
    fn written<A>(
        &mut self,
        change: &StoreChange,
        origin: &Origin,
        asked_by: Option<(Peer, u64)>,
        context: &mut Context<'_, A>,
    ) where
        A: Actor<Message = Message, Note = Note>,
    {
        if let (Object::Event(_), None) = (&change.object, &change.old) {
            self.expire_later(change.object.clone(), context);
        }
        if self.config.history > 0 {
            self.store.remember_at_most(self.config.history);
        }
        if is_heartbeat(change) {
            context.background();
        } else {
            context.foreground();
        }
        let turn = context.log_lazily(
            |out| encode_write(change, origin, out),
            || Note::Write(Box::new(WriteNote { change: change.clone(), origin: origin.clone() })),
        );
        context.because(turn);
        let after = self.config.commit.draw(self.commit_bits(context.seed()));
        if let Some((peer, token)) =
            asked_by.filter(|(p, _)| self.watchers.iter().all(|w| w.0 != *p))
        {
            let answer = StoreAnswer::Written(change.clone());
            context.send_later(peer, after, Message::Stored(token, answer));
        }
        for (watcher, last) in &mut self.watchers {
            let message = match asked_by {
                Some((peer, token)) if peer == *watcher => {
                    Message::Stored(token, StoreAnswer::Written(change.clone()))
                }
                Some(_) | None => Message::Changed(vec![change.clone()]),
            };
            *last = context.send_ordered(*watcher, after, *last, message).unwrap_or(*last);
        }
    }

    fn expire_later<A>(&mut self, event: Object, context: &mut Context<'_, A>)
    where
        A: Actor<Message = Message, Note = Note>,
    {
        let at = context.now() + self.config.event_ttl;
        if self.expiring.is_empty() {
            context.background_alarm(at, EXPIRE);
        }
        self.expiring.push_back((at, event));
    }

    /// The clock of the process.
    pub fn alarm<A>(&mut self, tag: u64, context: &mut Context<'_, A>)
    where
        A: Actor<Message = Message, Note = Note>,
    {
        match tag {
            COMPACT => {
                self.forget_before(self.last_seen, context);
                context.background_alarm(context.now() + self.config.compaction, COMPACT);
            }
            EXPIRE => self.expire(context),
            _ => {}
        }
    }

    /// The history up to now is gone.
    pub fn compact_now<A>(&mut self, context: &mut Context<'_, A>)
    where
        A: Actor<Message = Message, Note = Note>,
    {
        self.forget_before(self.store.revision(), context);
    }

    fn forget_before<A>(&mut self, revision: u64, context: &mut Context<'_, A>)
    where
        A: Actor<Message = Message, Note = Note>,
    {
        self.store.compact(revision);
        self.last_seen = self.store.revision();
        let compacted = Message::Compacted(self.store.compacted());
        for (watcher, last) in &mut self.watchers {
            let at = context.send_ordered(*watcher, SimDuration::ZERO, *last, compacted.clone());
            *last = at.unwrap_or(*last);
        }
    }

    fn expire<A>(&mut self, context: &mut Context<'_, A>)
    where
        A: Actor<Message = Message, Note = Note>,
    {
        while let Some((at, event)) = self.expiring.front() {
            if *at > context.now() {
                context.background_alarm(*at, EXPIRE);
                return;
            }
            let key = event.key();
            self.expiring.pop_front();
            let Some(current) = self.store.get(&key) else { continue };
            let condition =
                crate::api::message::Condition::Unchanged(current.meta().resource_version);
            if let Ok(change) = self.store.commit(&key, condition, None, context.turn()) {
                let origin = Origin {
                    user: Name::new_static("etcd"),
                    verb: "delete",
                    subresource: "",
                    why: Why::one("kept for {}", self.config.event_ttl),
                };
                self.written(&change, &origin, None, context);
            }
        }
    }

    /// A connected apiserver has ended its life.
    pub fn disconnected(&mut self, actor: crate::sim::engine::ActorId) {
        self.watchers.retain(|(w, _)| w.actor != actor);
    }

    /// The kinds of which there are objects; for tests and tools.
    pub fn kinds(&self) -> impl Iterator<Item = Kind> {
        self.store.kinds().filter(|k| !self.store.list(*k).is_empty())
    }
}

impl Etcd {
    /// Puts objects into the store before the run begins.
    pub fn preload(&mut self, objects: Vec<Object>) {
        for object in objects {
            let condition = crate::api::message::Condition::Absent;
            let stored = self.store.commit(&object.key(), condition, Some(object), 0);
            assert!(stored.is_ok(), "no two objects of the beginning have one name");
        }
    }
}
