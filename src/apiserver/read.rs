//! How the apiserver answers lists and watches, and tells watchers.
//!
//! Lists are answered from the watch cache where the rules allow it; a list or watch that needs
//! the cache to be further than it is waits for it.

use std::sync::Arc;

use super::server::{Apiserver, ENDS, FRESHNESS, Fresh, Pending, Stage};
use crate::api::message::{Message, Range, StoreAnswer};
use crate::api::note::Note;
use crate::api::object::Kind;
use crate::api::refusal::Refusal;
use crate::api::request::{Answer, ListOptions, ObjectList, Verb, WatchOptions};
use crate::apiserver::cache::Begin;
use crate::apiserver::list;
use crate::apiserver::list_options::{Query, Route, WatchStart};
use crate::apiserver::registry::resource;
use crate::sim::engine::{Actor, Context};
use crate::sim::rng::keyed;
use crate::sim::time::{SimDuration, SimTime};

/// How long a request waits for the watch cache to catch up.
///
/// Source: kubernetes v1.36 staging/src/k8s.io/apiserver/pkg/storage/cacher/watch_cache.go,
/// `blockTimeout`
const FRESH_WITHIN: SimDuration = SimDuration::secs(3);

/// How often watches are sent bookmarks.
///
/// Source: kubernetes v1.36 staging/src/k8s.io/apiserver/pkg/storage/cacher/cacher.go,
/// `defaultBookmarkFrequency`
///
/// Differs: all watches of an apiserver get them at the same beat, and none just before they end.
pub(super) const BOOKMARKS: SimDuration = SimDuration::secs(60);

/// The shortest time after which a watch is ended; the longest is just below twice that.
///
/// Source: kubernetes v1.36 staging/src/k8s.io/apiserver/pkg/server/config.go, `NewConfig`,
/// `MinRequestTimeout`
///
/// Differs: the span that a client asks for is not looked at.
const MIN_WATCH: SimDuration = SimDuration::secs(1800);

/// A request that waits until the watch cache has come to a revision.
#[derive(Clone)]
pub(super) struct Waiter {
    revision: u64,
    until: SimTime,
    /// The turn that it follows from.
    cause: u64,
    pending: Pending,
}

impl Apiserver {
    pub(super) fn list<A>(
        &mut self,
        pending: Pending,
        options: &ListOptions,
        context: &mut Context<'_, A>,
    ) where
        A: Actor<Message = Message, Note = Note>,
    {
        let query = Query::of_list(options);
        let state = self.cache(options.kind).state(self.revision);
        let routed = query.validate().and_then(|()| Ok((query.storage()?, query.route(&state)?)));
        match routed {
            Err(refusal) => self.refuse(&pending, refusal, context),
            Ok((storage, Route::Etcd)) => {
                let range = Range::Kind(options.kind, storage.revision);
                self.read(Pending { stage: Stage::Read, ..pending }, range, context);
            }
            Ok((_, Route::Consistent)) => {
                let pending = Pending { stage: Stage::Revision, ..pending };
                self.read(pending, Range::Revision, context);
            }
            Ok((storage, Route::Cache)) => {
                let minimum = query.minimum().unwrap_or(0).max(storage.revision);
                self.when_fresh(pending, minimum, context);
            }
        }
    }

    pub(super) fn watch<A>(
        &mut self,
        pending: Pending,
        options: &WatchOptions,
        context: &mut Context<'_, A>,
    ) where
        A: Actor<Message = Message, Note = Note>,
    {
        let query = Query::of_watch(options);
        match query.validate().and_then(|()| query.watch_start()) {
            Err(refusal) => self.refuse(&pending, refusal, context),
            Ok(WatchStart::Present) => {
                let pending = Pending { stage: Stage::Revision, ..pending };
                self.read(pending, Range::Revision, context);
            }
            Ok(WatchStart::After(revision)) if query.send_initial_events == Some(true) => {
                self.when_fresh(pending, revision, context);
            }
            Ok(WatchStart::After(revision)) => self.open(&pending, options, revision, context),
        }
    }

    fn read<A>(&mut self, pending: Pending, range: Range, context: &mut Context<'_, A>)
    where
        A: Actor<Message = Message, Note = Note>,
    {
        let message = Message::Range(self.asked + 1, range);
        self.ask(pending, message, context);
    }

    /// Goes on with a request once the cache has come to a revision.
    fn when_fresh<A>(&mut self, pending: Pending, revision: u64, context: &mut Context<'_, A>)
    where
        A: Actor<Message = Message, Note = Note>,
    {
        let pending = Pending { required: revision, ..pending };
        if self.revision >= revision {
            return self.fresh(&pending, context);
        }
        let until = context.now() + FRESH_WITHIN;
        context.background_alarm(until, FRESHNESS);
        self.waiters.push(Waiter { revision, until, cause: context.cause(), pending });
    }

    /// The cache has come as far as a request needs.
    fn fresh<A>(&mut self, pending: &Pending, context: &mut Context<'_, A>)
    where
        A: Actor<Message = Message, Note = Note>,
    {
        if let Verb::List(options) = &pending.request.verb {
            let answer = self.cached_page(pending, options);
            self.answer(pending, Answer::List(Arc::new(answer)), context);
        } else if let Verb::Watch(options) = &pending.request.verb {
            self.open(pending, options, pending.required, context);
        }
    }

    fn cached_page(&self, pending: &Pending, options: &ListOptions) -> ObjectList {
        let query = Query::of_list(options);
        let cache = self.cache(options.kind);
        let storage = query.storage().expect("the options were read when the request came");
        let limit = match pending.stage {
            Stage::Revision => options.limit,
            Stage::Read
            | Stage::Fresh
            | Stage::Write
            | Stage::Removal
            | Stage::Evict(_)
            | Stage::Charge(_) => query.cache_limit(),
        };
        let (all, revision) = match storage.revision {
            0 => (cache.list(), self.revision),
            revision => (cache.list_at(revision), revision),
        };
        list::page(&all, revision, options, &storage.start, limit)
    }

    fn open<A>(
        &mut self,
        pending: &Pending,
        options: &WatchOptions,
        after: u64,
        context: &mut Context<'_, A>,
    ) where
        A: Actor<Message = Message, Note = Note>,
    {
        context.connect(pending.client);
        let query = Query::of_watch(options);
        let begin = Begin {
            after,
            with_present: query.begins_with_present(after),
            bookmark: query.bookmark_after(pending.required, self.revision).is_some(),
            ends: self.config.bookmarks.then(|| self.end_of_watch(context)),
        };
        let kind = options.kind;
        match self.cache_mut(kind).open(pending.client, pending.id, options.clone(), begin) {
            Ok(number) => {
                self.answer(pending, Answer::Watching, context);
                self.deliver(kind, number, context);
            }
            Err(oldest) => {
                let message = format!("too old resource version: {after} ({oldest})");
                self.refuse(pending, Refusal::resource_expired(&message), context);
            }
        }
    }

    /// When a watch that is opened now ends.
    fn end_of_watch<A>(&mut self, context: &mut Context<'_, A>) -> SimTime
    where
        A: Actor<Message = Message, Note = Note>,
    {
        self.watches += 1;
        let bits = keyed(context.seed() ^ 0x3a7c, &self.watches.to_le_bytes());
        let span = SimDuration::nanos(MIN_WATCH.as_nanos() + bits % MIN_WATCH.as_nanos());
        let ends = context.now() + span;
        context.background_alarm(ends, ENDS);
        ends
    }

    /// Requests for which the cache has come far enough go on; this turn's cause and whether it is
    /// housekeeping are as before.
    pub(super) fn serve_waiters<A>(&mut self, context: &mut Context<'_, A>)
    where
        A: Actor<Message = Message, Note = Note>,
    {
        if self.waiters.is_empty() {
            return;
        }
        let (cause, background) = (context.cause(), context.is_background());
        let all = std::mem::take(&mut self.waiters);
        let (ready, waiting) = all.into_iter().partition(|w: &Waiter| w.revision <= self.revision);
        self.waiters = waiting;
        for waiter in ready {
            context.foreground();
            context.because(waiter.cause);
            self.fresh(&waiter.pending, context);
        }
        context.because(cause);
        if background {
            context.background();
        }
    }

    /// Requests that have waited for too long: a consistent list is read from etcd after all.
    ///
    /// Source: kubernetes v1.36 staging/src/k8s.io/apiserver/pkg/storage/cacher/delegator.go,
    /// `GetList`
    pub(super) fn give_up_waiters<A>(&mut self, context: &mut Context<'_, A>)
    where
        A: Actor<Message = Message, Note = Note>,
    {
        let now = context.now();
        let all = std::mem::take(&mut self.waiters);
        let (late, waiting) = all.into_iter().partition(|w: &Waiter| w.until <= now);
        self.waiters = waiting;
        for waiter in late {
            context.foreground();
            context.because(waiter.cause);
            match (&waiter.pending.request.verb, &waiter.pending.stage) {
                (Verb::List(options), Stage::Revision) => {
                    let range = Range::Kind(options.kind, 0);
                    self.read(Pending { stage: Stage::Read, ..waiter.pending }, range, context);
                }
                (
                    _,
                    Stage::Read
                    | Stage::Revision
                    | Stage::Fresh
                    | Stage::Write
                    | Stage::Removal
                    | Stage::Evict(_)
                    | Stage::Charge(_),
                ) => {
                    let refusal =
                        Refusal::too_large_resource_version(waiter.revision, self.revision, 1);
                    self.refuse(&waiter.pending, refusal, context);
                }
            }
        }
    }

    /// etcd has answered a read.
    pub(super) fn found<A>(
        &mut self,
        pending: Pending,
        found: &ObjectList,
        context: &mut Context<'_, A>,
    ) where
        A: Actor<Message = Message, Note = Note>,
    {
        match pending.stage {
            Stage::Revision => self.when_fresh(pending, found.resource_version, context),
            Stage::Fresh => {
                self.change(pending, Fresh::Read(found.items.first().cloned()), context);
            }
            Stage::Read | Stage::Write | Stage::Removal | Stage::Evict(_) | Stage::Charge(_) => {
                let verb = &pending.request.verb;
                let page = if let Verb::List(options) = verb {
                    list::stored_page(options, found).map(|page| Answer::List(Arc::new(page)))
                } else {
                    let (key, first) = (verb.key(), found.items.first().cloned());
                    let missing = || Refusal::not_found(&resource(key.kind), &key.name);
                    first.map(Answer::Object).ok_or_else(missing)
                };
                match page {
                    Ok(answer) => self.answer(&pending, answer, context),
                    Err(refusal) => self.refuse(&pending, refusal, context),
                }
            }
        }
    }

    /// etcd does not have the revision that a list asked for.
    pub(super) fn unreadable<A>(
        &mut self,
        pending: &Pending,
        answer: &StoreAnswer,
        context: &mut Context<'_, A>,
    ) where
        A: Actor<Message = Message, Note = Note>,
    {
        let Verb::List(options) = &pending.request.verb else { return };
        let query = Query::of_list(options);
        let refusal = if let StoreAnswer::Future(present) = answer {
            let wanted = query.storage().map_or(0, |s| s.revision);
            Refusal::too_large_resource_version(wanted, *present, 1)
        } else {
            list::compacted(&query)
        };
        self.refuse(pending, refusal, context);
    }

    /// Sends a watcher what it has not yet got, unless the way to it is cut.
    pub(super) fn deliver<A>(&mut self, kind: Kind, number: u64, context: &mut Context<'_, A>)
    where
        A: Actor<Message = Message, Note = Note>,
    {
        let revision = self.revision;
        let cache = self.cache_mut(kind);
        let Some(stream) = cache.stream_mut(number) else { return };
        stream.held = !context.can_reach(stream.client.actor);
        if stream.held {
            return;
        }
        let (client, request, last) = (stream.client, stream.request, stream.last_arrival);
        let bookmark = std::mem::take(&mut stream.bookmark);
        if cache.is_too_slow(number) {
            cache.close(number);
            context.send(client, Message::WatchClosed(request, None));
            return;
        }
        let events = match cache.due(number) {
            Ok(events) => events,
            Err(oldest) => {
                cache.close(number);
                let message = format!("too old resource version: {revision} ({oldest})");
                let refusal = Refusal::resource_expired(&message);
                context.send(client, Message::WatchClosed(request, Some(refusal)));
                return;
            }
        };
        let mut arrival = last;
        if !events.is_empty() {
            let message = Message::Watched(request, events);
            let at = context.send_ordered(client, SimDuration::ZERO, arrival, message);
            arrival = at.unwrap_or(arrival);
        }
        if bookmark {
            let message = Message::Bookmark(request, revision, true);
            let at = context.send_ordered(client, SimDuration::ZERO, arrival, message);
            arrival = at.unwrap_or(arrival);
        }
        if let Some(stream) = cache.stream_mut(number) {
            stream.last_arrival = arrival;
        }
    }

    /// Tells the watches that want to know up to where they have come.
    pub(super) fn send_bookmarks<A>(&mut self, context: &mut Context<'_, A>)
    where
        A: Actor<Message = Message, Note = Note>,
    {
        let revision = self.revision;
        for cache in &mut self.caches {
            let end = cache.history().end();
            for stream in cache.streams_mut() {
                if stream.wants_bookmark(end, revision) {
                    let message = Message::Bookmark(stream.request, revision, false);
                    let last = stream.last_arrival;
                    let at = context.send_ordered(stream.client, SimDuration::ZERO, last, message);
                    stream.last_arrival = at.unwrap_or(last);
                }
            }
        }
    }

    /// Ends the watches whose time is over.
    pub(super) fn end_watches<A>(&mut self, context: &mut Context<'_, A>)
    where
        A: Actor<Message = Message, Note = Note>,
    {
        let now = context.now();
        for cache in &mut self.caches {
            let over: Vec<u64> = cache
                .streams()
                .filter(|(_, s)| s.ends.is_some_and(|ends| ends <= now))
                .map(|(number, _)| number)
                .collect();
            for number in over {
                if let Some(stream) = cache.close(number) {
                    let message = Message::WatchClosed(stream.request, None);
                    let last = stream.last_arrival;
                    context.send_ordered(stream.client, SimDuration::ZERO, last, message);
                }
            }
        }
    }
}
