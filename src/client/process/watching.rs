//! Informers: lists and watches, and how changes reach cache and component.

use std::collections::BTreeMap;

use super::{Process, Purpose, TIMERS};
use crate::api::Name;
use crate::api::message::Message;
use crate::api::note::{MarkNote, Note};
use crate::api::object::Object;
use crate::api::request::{Answer, Change, Request, Verb, WatchEvents};
use crate::api::variant::Variant;
use crate::client::component::Component;
use crate::client::informer::Informer;
use crate::client::reconciler::Observed;
use crate::client::reflector::{Command, Failure, Input, Store};
use crate::sim::engine::{Actor, Context};

impl<C: Component> Process<C> {
    /// Its informers, to look at.
    pub fn informers(&self) -> &[Informer] {
        &self.informers
    }

    pub(super) fn informer_answered<A>(
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
    pub(super) fn reflect<A>(&mut self, n: usize, input: Input, context: &mut Context<'_, A>)
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

    pub(super) fn relist<A>(
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

    pub(super) fn own(&self, verb: Verb) -> Request {
        self.as_user(self.config.user.clone(), verb, crate::api::why::Why::default())
    }

    /// A request under one of the names that the process has.
    pub(super) fn as_user(&self, user: Name, verb: Verb, why: crate::api::why::Why) -> Request {
        Request { user, manager: self.config.user.clone(), verb, why }
    }

    /// A list replaces what the cache knew: what is not in it is gone.
    pub(super) fn replace<A>(&mut self, n: usize, context: &mut Context<'_, A>)
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
        let ignored = self.config.gates.varies(Variant::IgnoresTombstones);
        for object in gone.into_values() {
            if ignored {
                let meta = object.meta();
                self.caches.of_mut(kind).remove(&meta.namespace, &meta.name);
                continue;
            }
            self.changed(Change::Deleted, object, cause, context);
        }
        self.check_synced(context);
    }

    pub(super) fn check_synced<A>(&mut self, context: &mut Context<'_, A>)
    where
        A: Actor<Message = Message, Note = Note>,
    {
        let all = self.informers.iter().all(|i| i.reflector.has_listed());
        if !self.synced && all && self.acting {
            self.synced = true;
            self.act(context, Component::synced);
        }
    }

    pub(super) fn watched<A>(&mut self, id: u64, events: WatchEvents, context: &mut Context<'_, A>)
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
    pub(super) fn changed<A>(
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

    pub(super) fn observed<A>(
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
}
