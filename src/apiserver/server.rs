//! The apiserver process: takes requests, asks etcd, answers, and tells watchers.

use std::sync::Arc;

use crate::api::Name;
use crate::api::coordination::lease::Lease;
use crate::api::message::{Condition, Message, Origin, StoreAnswer, StoreChange, Transaction};
use crate::api::note::{MarkNote, Note, RefusedNote};
use crate::api::object::{Kind, Object, ObjectKey};
use crate::api::refusal::Refusal;
use crate::api::request::{
    Answer, DeleteOptions, ListOptions, Request, Subresource, Verb, VersionMatch, WatchOptions,
};
use crate::api::time::Time;
use crate::api::why::Why;
use crate::apiserver::admission::{self, Lookup};
use crate::apiserver::cache::WatchCache;
use crate::apiserver::create::{Admitted, Birth, generated, prepare};
use crate::apiserver::registry::{self, Outcome, resource};
use crate::apiserver::{edge, list};
use crate::sim::engine::{Actor, ActorId, Context, Peer};
use crate::sim::index::Map;
use crate::sim::link::Delay;
use crate::sim::rng::keyed;
use crate::sim::time::SimDuration;

/// How an apiserver is run.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Config {
    /// How long a request is worked on, beside the store.
    pub processing: Delay,
    /// How often a name is generated anew when it is taken.
    ///
    /// Source: kubernetes v1.36 staging/src/k8s.io/apiserver/pkg/registry/generic/registry/store.go,
    /// `maxNameGenerationCreateAttempts`
    pub name_attempts: u32,
}

impl Default for Config {
    fn default() -> Self {
        Config {
            processing: Delay::between(SimDuration::micros(300), SimDuration::micros(1200)),
            name_attempts: 8,
        }
    }
}

/// A request that waits for etcd.
#[derive(Clone)]
struct Pending {
    client: Peer,
    id: u64,
    request: Box<Request>,
    stage: Stage,
    /// How often it was tried.
    attempts: u32,
}

/// What a request waits for.
#[derive(Clone)]
enum Stage {
    /// A read.
    Read,
    /// The first or only write.
    Write,
    /// The removal that follows a write of the same request.
    Removal,
}

/// The apiserver process. All its memory is caches.
#[derive(Clone)]
pub struct Apiserver {
    config: Config,
    name: Name,
    etcd: ActorId,
    caches: Vec<WatchCache>,
    revision: u64,
    ready: bool,
    pending: Map<u64, Pending>,
    asked: u64,
    births: u64,
    admitted: Admitted,
    /// Counts changes of what admission looks up.
    admission_state: u64,
    concerned: Vec<u64>,
}

const RECONNECT: u64 = 1;
const FILL: u64 = 0;

impl Lookup for Apiserver {
    fn find(&self, key: &ObjectKey) -> Option<&Object> {
        self.cache(key.kind).get(key)
    }

    fn default_priority_class(&self) -> Option<&Object> {
        let cache = self.cache(Kind::PRIORITY_CLASS);
        cache.first(|o| matches!(o, Object::PriorityClass(c) if c.global_default))
    }
}

impl Apiserver {
    /// An apiserver of an etcd.
    pub fn new(name: &str, etcd: ActorId, config: Config) -> Apiserver {
        Apiserver {
            config,
            name: name.into(),
            etcd,
            caches: Kind::all().map(|_| WatchCache::default()).collect(),
            revision: 0,
            ready: false,
            pending: Map::default(),
            asked: 0,
            births: 0,
            admitted: Admitted::default(),
            admission_state: 0,
            concerned: Vec::new(),
        }
    }

    fn cache(&self, kind: Kind) -> &WatchCache {
        &self.caches[usize::from(kind.0)]
    }

    fn cache_mut(&mut self, kind: Kind) -> &mut WatchCache {
        &mut self.caches[usize::from(kind.0)]
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
        let etcd = context.peer(self.etcd);
        if !context.is_up(self.etcd) {
            context.alarm(context.now() + SimDuration::secs(1), RECONNECT);
            return;
        }
        context.connect(etcd);
        context.send(etcd, Message::Range(FILL, None, None));
    }

    /// All memory is lost.
    pub fn crash(&mut self) {
        *self = Apiserver::new(&self.name.clone(), self.etcd, self.config);
    }

    /// The clock of the process.
    pub fn alarm<A>(&mut self, tag: u64, context: &mut Context<'_, A>)
    where
        A: Actor<Message = Message, Note = Note>,
    {
        if tag == RECONNECT {
            self.start(context);
        }
    }

    /// A message has come.
    pub fn receive<A>(&mut self, from: Peer, message: Message, context: &mut Context<'_, A>)
    where
        A: Actor<Message = Message, Note = Note>,
    {
        match message {
            Message::Request(id, request) => self.request(from, id, request, context),
            Message::StopWatch(id) => self.stop_watch(from, id),
            Message::Stored(FILL, StoreAnswer::Found(list)) => {
                self.fill(&list.items, list.resource_version, context);
            }
            Message::Stored(token, answer) => self.stored(token, answer, context),
            Message::Changed(changes) => {
                for change in changes {
                    self.take_up(&change, context);
                }
            }
            Message::Answer(..)
            | Message::Watched(..)
            | Message::WatchClosed(..)
            | Message::Transaction(..)
            | Message::Range(..)
            | Message::WatchStore(_)
            | Message::Runtime(..) => {}
        }
    }

    fn fill<A>(&mut self, items: &[Object], revision: u64, context: &mut Context<'_, A>)
    where
        A: Actor<Message = Message, Note = Note>,
    {
        for kind in Kind::all() {
            let of_kind: Vec<Object> = items.iter().filter(|o| o.kind() == kind).cloned().collect();
            self.cache_mut(kind).fill(&of_kind, revision);
        }
        self.revision = revision;
        self.ready = true;
        context.send(context.peer(self.etcd), Message::WatchStore(revision));
    }

    /// A peer is gone, or the link to it was cut or healed.
    pub fn link_changed<A>(&mut self, peer: ActorId, up: bool, context: &mut Context<'_, A>)
    where
        A: Actor<Message = Message, Note = Note>,
    {
        if peer == self.etcd {
            return self.store_changed(up, context);
        }
        let gone = !up && !context.is_up(peer);
        if gone {
            self.freeze_lease(peer, context);
        }
        for kind in Kind::all() {
            let of_peer: Vec<u64> = self
                .cache(kind)
                .streams()
                .filter(|(_, s)| s.client.actor == peer && (gone || s.held))
                .map(|(n, _)| n)
                .collect();
            for number in of_peer {
                if gone {
                    self.cache_mut(kind).close(number);
                } else if up {
                    self.deliver(kind, number, context);
                }
            }
        }
    }

    /// A node whose renewals are computed has stopped: its lease says from now on when the last
    /// one was, as if all had been written.
    fn freeze_lease<A>(&mut self, peer: ActorId, context: &mut Context<'_, A>)
    where
        A: Actor<Message = Message, Note = Note>,
    {
        let key = ObjectKey::new(Kind::LEASE, "kube-node-lease", context.name_of(peer));
        let Some(Object::Lease(lease)) = self.cache(Kind::LEASE).get(&key) else { return };
        if lease.beat.is_none() {
            return;
        }
        let mut lease = Lease::clone(lease);
        lease.spec.renew_time = lease.renewed_at(Time::at(context.now())).map(Time::whole_micros);
        lease.beat = None;
        let user = smol_str::format_smolstr!("kubelet/{}", key.name);
        let condition = Condition::Unchanged(lease.meta.resource_version);
        let object = Object::from(lease);
        let verb = Verb::Update { object: object.clone(), part: Subresource::Main };
        let request = Box::new(Request { user, verb, why: Why::new("its last sign of life") });
        let client = Peer::default();
        let pending = Pending { client, id: 0, request, stage: Stage::Write, attempts: 0 };
        self.write(pending, key, condition, Some(object), context);
    }

    /// etcd is gone: what waits for it fails; when it can be reached the caches follow it again.
    fn store_changed<A>(&mut self, up: bool, context: &mut Context<'_, A>)
    where
        A: Actor<Message = Message, Note = Note>,
    {
        if up {
            let etcd = context.peer(self.etcd);
            context.connect(etcd);
            context.send(etcd, Message::WatchStore(self.revision));
            return;
        }
        let mut waiting: Vec<u64> =
            (1..=self.asked).filter(|t| self.pending.contains_key(t)).collect();
        waiting.sort_unstable();
        for token in waiting {
            if let Some(pending) = self.pending.remove(&token) {
                let refusal = Refusal::timeout("etcdserver: request timed out", 0);
                self.refuse(&pending, refusal, context);
            }
        }
        context.alarm(context.now() + SimDuration::secs(1), RECONNECT);
        self.ready = context.is_up(self.etcd);
    }

    fn request<A>(
        &mut self,
        client: Peer,
        id: u64,
        request: Box<Request>,
        context: &mut Context<'_, A>,
    ) where
        A: Actor<Message = Message, Note = Note>,
    {
        let pending = Pending { client, id, request, stage: Stage::Write, attempts: 0 };
        if !self.ready {
            let refusal = Refusal::service_unavailable("apiserver not ready");
            return self.refuse(&pending, refusal, context);
        }
        let request = &pending.request;
        match &request.verb {
            Verb::Get(key) => {
                let range = Message::Range(self.asked + 1, Some(key.kind), Some(key.clone()));
                self.ask(Pending { stage: Stage::Read, ..pending }, range, context);
            }
            Verb::List(options) => {
                let options = options.clone();
                self.list(pending, &options, context);
            }
            Verb::Watch(options) => {
                let options = options.clone();
                self.watch(&pending, &options, context);
            }
            Verb::Create { object, dry_run } => {
                let (object, dry_run) = (object.clone(), *dry_run);
                self.create(pending, object, dry_run, context);
            }
            Verb::Post { kind, namespace, value, dry_run } => {
                let dry_run = *dry_run;
                let prefix = value["metadata"]["generateName"].as_str().unwrap_or_default();
                let generated = generated(&prefix.into(), &self.birth(context));
                match edge::create(*kind, namespace, &generated, (**value).clone()) {
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
            | Verb::Bind { .. }
            | Verb::Evict { .. } => self.change(pending, None, context),
        }
    }

    fn ask<A>(&mut self, pending: Pending, message: Message, context: &mut Context<'_, A>)
    where
        A: Actor<Message = Message, Note = Note>,
    {
        self.asked += 1;
        self.pending.insert(self.asked, pending);
        let after = self.processing(context.seed());
        context.send_later(context.peer(self.etcd), after, message);
    }

    fn processing(&self, seed: u64) -> SimDuration {
        self.config.processing.draw(keyed(seed ^ 0xa915, &self.asked.to_le_bytes()))
    }

    fn answer<A>(pending: &Pending, answer: Answer, context: &mut Context<'_, A>)
    where
        A: Actor<Message = Message, Note = Note>,
    {
        context.send(pending.client, Message::Answer(pending.id, answer));
    }

    fn refuse<A>(&self, pending: &Pending, refusal: Refusal, context: &mut Context<'_, A>)
    where
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
        Self::answer(pending, Answer::Refused(refusal), context);
    }

    fn list<A>(&mut self, pending: Pending, options: &ListOptions, context: &mut Context<'_, A>)
    where
        A: Actor<Message = Message, Note = Note>,
    {
        let version = options.resource_version.as_str();
        let exact = options.version_match == Some(VersionMatch::Exact);
        let wanted: Option<u64> = if version.is_empty() { None } else { version.parse().ok() };
        match wanted {
            Some(revision) if !exact && options.continue_token.is_empty() => {
                if revision > self.revision {
                    let refusal = Refusal::too_large_resource_version(revision, self.revision, 1);
                    return self.refuse(&pending, refusal, context);
                }
                let all = self.cache(options.kind).list();
                match list::page(all, self.revision, options) {
                    Ok(list) => Self::answer(&pending, Answer::List(Arc::new(list)), context),
                    Err(refusal) => self.refuse(&pending, refusal, context),
                }
            }
            Some(_) | None => {
                let range = Message::Range(self.asked + 1, Some(options.kind), None);
                self.ask(Pending { stage: Stage::Read, ..pending }, range, context);
            }
        }
    }

    fn watch<A>(&mut self, pending: &Pending, options: &WatchOptions, context: &mut Context<'_, A>)
    where
        A: Actor<Message = Message, Note = Note>,
    {
        context.connect(pending.client);
        let after = options.resource_version.parse().unwrap_or(self.revision);
        let cache = &mut self.caches[usize::from(options.kind.0)];
        match cache.open(pending.client, pending.id, options.clone(), after) {
            Ok(number) => {
                Self::answer(pending, Answer::Watching, context);
                self.deliver(options.kind, number, context);
            }
            Err(oldest) => {
                let message = format!("too old resource version: {after} ({oldest})");
                self.refuse(pending, Refusal::resource_expired(&message), context);
            }
        }
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

    fn create<A>(
        &mut self,
        pending: Pending,
        object: Object,
        dry_run: bool,
        context: &mut Context<'_, A>,
    ) where
        A: Actor<Message = Message, Note = Note>,
    {
        let birth = self.birth(context);
        let mut admitted = std::mem::take(&mut self.admitted);
        let prepared = prepare(object, &birth, &mut admitted, self);
        self.admitted = admitted;
        match prepared {
            Err(refusal) => self.refuse(&pending, refusal, context),
            Ok(object) if dry_run => Self::answer(&pending, Answer::Object(object), context),
            Ok(object) => {
                self.write(pending, object.key(), Condition::Absent, Some(object), context);
            }
        }
    }

    /// What the next creation needs to know.
    fn birth<A>(&mut self, context: &Context<'_, A>) -> Birth
    where
        A: Actor<Message = Message, Note = Note>,
    {
        self.births += 1;
        Birth {
            now: Time::at(context.now()),
            seed: context.seed(),
            number: self.births,
            server: self.name.clone(),
            state: self.admission_state,
        }
    }

    fn write<A>(
        &mut self,
        pending: Pending,
        key: ObjectKey,
        condition: Condition,
        put: Option<Object>,
        context: &mut Context<'_, A>,
    ) where
        A: Actor<Message = Message, Note = Note>,
    {
        let request = &pending.request;
        let origin = Origin {
            user: request.user.clone(),
            verb: request.verb.name(),
            subresource: request.verb.subresource(),
            why: request.why.clone(),
        };
        let transaction = Box::new(Transaction { key, condition, put, origin });
        let message = Message::Transaction(self.asked + 1, transaction);
        self.ask(pending, message, context);
    }

    /// A write to an object that should be there; `fresh` is what etcd holds, when the version in
    /// the cache has turned out to be stale.
    fn change<A>(&mut self, pending: Pending, fresh: Option<Object>, context: &mut Context<'_, A>)
    where
        A: Actor<Message = Message, Note = Note>,
    {
        let verb = &pending.request.verb;
        let key = verb.key();
        if let Verb::Delete { .. } = verb
            && let Err(refusal) = admission::immortal_namespace(&key)
        {
            return self.refuse(&pending, refusal, context);
        }
        let found = fresh.or_else(|| self.cache(key.kind).get(&key).cloned());
        let Some(current) = found else {
            let refusal = Refusal::not_found(&resource(key.kind), &key.name);
            return self.refuse(&pending, refusal, context);
        };
        if let Verb::Evict { .. } = verb
            && let Some(refusal) = self.budget(&current)
        {
            return self.refuse(&pending, refusal, context);
        }
        match registry::change(verb, &current, Time::at(context.now())) {
            Err(refusal) => self.refuse(&pending, refusal, context),
            Ok(outcome) => self.carry_out(pending, key, &current, outcome, context),
        }
    }

    /// What a disruption budget has against an eviction.
    ///
    /// Differs: the budget's counters are not lowered by the eviction itself, as no controller
    /// keeps them yet; a pod that a budget selects is never evicted.
    fn budget(&self, pod: &Object) -> Option<Refusal> {
        let budgets = self.cache(Kind::POD_DISRUPTION_BUDGET);
        let namespace = &pod.meta().namespace;
        let selects = |o: &Object| o.meta().namespace == *namespace;
        budgets.any(selects).then(|| {
            Refusal::too_many_requests(
                "Cannot evict pod as it would violate the pod's disruption budget.",
                0,
            )
        })
    }

    fn carry_out<A>(
        &mut self,
        pending: Pending,
        key: ObjectKey,
        current: &Object,
        outcome: Outcome,
        context: &mut Context<'_, A>,
    ) where
        A: Actor<Message = Message, Note = Note>,
    {
        let condition = Condition::Unchanged(current.meta().resource_version);
        let dry_run = match &pending.request.verb {
            Verb::Put { dry_run, .. } | Verb::Patch { dry_run, .. } => *dry_run,
            _ => false,
        };
        match outcome {
            Outcome::Unchanged(object) => {
                Self::answer(&pending, Answer::Object(object), context);
            }
            Outcome::Store(object) if dry_run => {
                Self::answer(&pending, Answer::Object(object), context);
            }
            Outcome::Store(object) => {
                self.write(pending, key, condition, Some(object), context);
            }
            Outcome::StoreThenRemove(object) => {
                let pending = Pending { stage: Stage::Removal, ..pending };
                self.write(pending, key, condition, Some(object), context);
            }
            Outcome::Remove(_) => self.write(pending, key, condition, None, context),
        }
    }

    fn delete_collection<A>(
        &mut self,
        pending: &Pending,
        options: &ListOptions,
        how: &DeleteOptions,
        context: &mut Context<'_, A>,
    ) where
        A: Actor<Message = Message, Note = Note>,
    {
        let all = self.cache(options.kind).list();
        let matching: Vec<Object> = all.into_iter().filter(|o| list::matches(o, options)).collect();
        for object in &matching {
            let verb = Verb::Delete { key: object.key(), options: how.clone() };
            let request = Request {
                user: pending.request.user.clone(),
                verb,
                why: pending.request.why.clone(),
            };
            let each = Pending {
                client: Peer::default(),
                id: 0,
                request: Box::new(request),
                stage: Stage::Write,
                attempts: 0,
            };
            self.change(each, None, context);
        }
        let list = crate::api::request::ObjectList {
            resource_version: self.revision,
            items: matching,
            continue_token: Name::default(),
            remaining: None,
        };
        Self::answer(pending, Answer::List(Arc::new(list)), context);
    }

    /// etcd has answered.
    fn stored<A>(&mut self, token: u64, answer: StoreAnswer, context: &mut Context<'_, A>)
    where
        A: Actor<Message = Message, Note = Note>,
    {
        let Some(pending) = self.pending.remove(&token) else {
            if let StoreAnswer::Written(change) = answer {
                self.take_up(&change, context);
            }
            return;
        };
        match answer {
            StoreAnswer::Written(change) => self.written(pending, &change, context),
            StoreAnswer::Mismatch(current) => self.mismatched(pending, current, context),
            StoreAnswer::Found(found) => self.found(&pending, &found, context),
            StoreAnswer::Unavailable(why) => {
                let refusal = Refusal::internal_error(why);
                self.refuse(&pending, refusal, context);
            }
        }
    }

    fn written<A>(&mut self, pending: Pending, change: &StoreChange, context: &mut Context<'_, A>)
    where
        A: Actor<Message = Message, Note = Note>,
    {
        if let Stage::Removal = pending.stage {
            let condition = Condition::Unchanged(change.revision);
            let pending = Pending { stage: Stage::Write, ..pending };
            self.write(pending, change.object.key(), condition, None, context);
        } else {
            let answer = match (&pending.request.verb, change.deleted) {
                (Verb::Bind { .. } | Verb::Evict { .. }, _) => Answer::Done,
                (_, true) => Answer::Deleted(change.object.clone()),
                (_, false) => Answer::Object(change.object.clone()),
            };
            Self::answer(&pending, answer, context);
        }
        self.take_up(change, context);
    }

    /// Another write was first: what there is now is looked at again, as the storage layer does.
    fn mismatched<A>(
        &mut self,
        mut pending: Pending,
        current: Option<Object>,
        context: &mut Context<'_, A>,
    ) where
        A: Actor<Message = Message, Note = Note>,
    {
        pending.attempts += 1;
        pending.stage = Stage::Write;
        let key = pending.request.verb.key();
        match (&pending.request.verb, current) {
            (Verb::Create { object, .. }, Some(_)) => {
                let generated = object.meta().name.is_empty();
                if generated && pending.attempts < self.config.name_attempts {
                    let object = object.clone();
                    return self.create(pending, object, false, context);
                }
                let name = if generated { object.meta().generate_name.clone() } else { key.name };
                let refusal = Refusal::already_exists(&resource(key.kind), &name);
                self.refuse(&pending, refusal, context);
            }
            (Verb::Post { .. }, Some(_)) => {
                let refusal = Refusal::already_exists(&resource(key.kind), &key.name);
                self.refuse(&pending, refusal, context);
            }
            (_, None) => {
                let refusal = Refusal::not_found(&resource(key.kind), &key.name);
                self.refuse(&pending, refusal, context);
            }
            (_, Some(current)) => self.change(pending, Some(current), context),
        }
    }

    fn found<A>(
        &mut self,
        pending: &Pending,
        found: &crate::api::request::ObjectList,
        context: &mut Context<'_, A>,
    ) where
        A: Actor<Message = Message, Note = Note>,
    {
        match &pending.request.verb {
            Verb::Get(key) => match found.items.first() {
                Some(object) => Self::answer(pending, Answer::Object(object.clone()), context),
                None => {
                    let refusal = Refusal::not_found(&resource(key.kind), &key.name);
                    self.refuse(pending, refusal, context);
                }
            },
            Verb::List(options) => {
                match list::page(found.items.iter().cloned(), found.resource_version, options) {
                    Ok(page) => Self::answer(pending, Answer::List(Arc::new(page)), context),
                    Err(refusal) => self.refuse(pending, refusal, context),
                }
            }
            _ => {}
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
        self.revision = change.revision;
        let kind = change.object.kind();
        if matches!(kind, Kind::PRIORITY_CLASS | Kind::SERVICE_ACCOUNT) {
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

    /// Sends a watcher what it has not yet got, unless the way to it is cut.
    fn deliver<A>(&mut self, kind: Kind, number: u64, context: &mut Context<'_, A>)
    where
        A: Actor<Message = Message, Note = Note>,
    {
        let cache = &mut self.caches[usize::from(kind.0)];
        let Some(stream) = cache.stream_mut(number) else { return };
        stream.held = !context.can_reach(stream.client.actor);
        if stream.held {
            return;
        }
        let (client, request, last) = (stream.client, stream.request, stream.last_arrival);
        match cache.due(number) {
            Ok(events) if events.is_empty() => {}
            Ok(events) => {
                let message = Message::Watched(request, events);
                let at = context.send_ordered(client, SimDuration::ZERO, last, message);
                if let (Some(at), Some(stream)) = (at, cache.stream_mut(number)) {
                    stream.last_arrival = at;
                }
            }
            Err(_) => {
                cache.close(number);
                let refusal = Refusal::resource_expired("too old resource version");
                context.send(client, Message::WatchClosed(request, Some(refusal)));
            }
        }
    }

    /// Ends all watches of a kind, as a restart of a proxy or a timeout would.
    pub fn cut_watches<A>(&mut self, kind: Kind, client: ActorId, context: &mut Context<'_, A>)
    where
        A: Actor<Message = Message, Note = Note>,
    {
        let cache = &mut self.caches[usize::from(kind.0)];
        let numbers: Vec<u64> = cache
            .streams()
            .filter(|(_, s)| s.client.actor == client)
            .map(|(number, _)| number)
            .collect();
        for number in numbers {
            if let Some(stream) = cache.close(number) {
                context.send(stream.client, Message::WatchClosed(stream.request, None));
            }
        }
        context.log(Note::Mark(Box::new(MarkNote {
            mark: "watch-cut",
            who: self.name.clone(),
            detail: Name::new_static(kind.name()),
        })));
    }
}
