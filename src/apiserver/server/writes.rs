//! Writes: from a request to a transaction, its answer and its second try.

use std::sync::Arc;

use super::{Apiserver, Fresh, Pending, Stage};
use crate::api::Name;
use crate::api::message::{
    Condition, Message, Origin, Range, StoreAnswer, StoreChange, Transaction,
};
use crate::api::note::Note;
use crate::api::object::{Object, ObjectKey};
use crate::api::refusal::Refusal;
use crate::api::request::{Answer, DeleteOptions, ListOptions, Patch, Request, Subresource, Verb};
use crate::api::time::Time;
use crate::apiserver::admission::{self};
use crate::apiserver::create::{Birth, prepare};
use crate::apiserver::fairness::Seat;
use crate::apiserver::managed_fields::{self, Applied};
use crate::apiserver::registry::{self, Outcome, resource};
use crate::apiserver::{create, edge, list};
use crate::sim::engine::{Actor, Context, Peer};

impl Apiserver {
    pub(in crate::apiserver) fn create<A>(
        &mut self,
        pending: Pending,
        object: Object,
        dry_run: bool,
        context: &mut Context<'_, A>,
    ) where
        A: Actor<Message = Message, Note = Note>,
    {
        if let Err(refusal) = create::is_new(&object) {
            return self.refuse(&pending, refusal, context);
        }
        let is_read = matches!(pending.request.verb, Verb::Post { .. } | Verb::Patch { .. });
        let birth = Birth { is_read, ..self.birth(context) };
        let mut admitted = std::mem::take(&mut self.admitted);
        let prepared = prepare(object, &birth, &mut admitted, self);
        self.admitted = admitted;
        match prepared {
            Err(refusal) => self.refuse(&pending, refusal, context),
            Ok(object) => self.charge(pending, object, dry_run, context),
        }
    }

    /// What the next creation needs to know.
    pub(in crate::apiserver) fn birth<A>(&mut self, context: &Context<'_, A>) -> Birth
    where
        A: Actor<Message = Message, Note = Note>,
    {
        self.births += 1;
        Birth {
            now: Time::wall(context.start(), context.now()),
            seed: context.seed(),
            number: self.births,
            server: self.name.clone(),
            state: self.admission_state,
            gates: self.config.gates,
            is_read: false,
        }
    }

    pub(in crate::apiserver) fn write<A>(
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

    /// A write to an object that should be there. What the version in the cache does not allow is
    /// tried again on the one that etcd has, as the cache may be stale.
    ///
    /// Source: kubernetes v1.36 staging/src/k8s.io/apiserver/pkg/storage/etcd3/store.go,
    /// `GuaranteedUpdate`, `conditionalDelete`
    pub(in crate::apiserver) fn change<A>(
        &mut self,
        pending: Pending,
        fresh: Fresh,
        context: &mut Context<'_, A>,
    ) where
        A: Actor<Message = Message, Note = Note>,
    {
        let verb = &pending.request.verb;
        let key = verb.key();
        if let Verb::Delete { .. } = verb
            && let Err(refusal) = admission::immortal_namespace(&key)
        {
            return self.refuse(&pending, refusal, context);
        }
        let (found, is_cached) = match fresh {
            Fresh::Cached => (self.cache(key.kind).get(&key).cloned(), true),
            Fresh::Read(found) => (found, false),
        };
        let Some(current) = found else {
            if is_cached {
                return self.read_fresh(pending, key, context);
            }
            if let Verb::Patch { patch: Patch::Apply { .. }, .. } = verb {
                return self.apply_anew(pending, &key, context);
            }
            let refusal = Refusal::not_found(&resource(key.kind), &key.name);
            return self.refuse(&pending, refusal, context);
        };
        match registry::change(
            verb,
            &current,
            Time::wall(context.start(), context.now()),
            self.config.gates,
        ) {
            Err(_) if is_cached => self.read_fresh(pending, key, context),
            Err(refusal) => self.refuse(&pending, refusal, context),
            Ok(outcome) => {
                let now = Time::wall(context.start(), context.now());
                let note =
                    |o: &mut Object| managed_fields::note(o, &current, &pending.request, now);
                let outcome = outcome.with(note);
                self.carry_out(pending, key, &current, outcome, context);
            }
        }
    }

    /// What is applied on the server and is not there is created.
    ///
    /// Source: kubernetes v1.36 staging/src/k8s.io/apiserver/pkg/endpoints/handlers/patch.go,
    /// `applyPatcher.createNewObject`
    fn apply_anew<A>(&mut self, pending: Pending, key: &ObjectKey, context: &mut Context<'_, A>)
    where
        A: Actor<Message = Message, Note = Note>,
    {
        let Verb::Patch { part, patch, dry_run, .. } = &pending.request.verb else { return };
        let applied = Applied::of(patch, Time::wall(context.start(), context.now()));
        let Some(applied) = applied.filter(|_| *part == Subresource::Main) else {
            let refusal = Refusal::not_found(&resource(key.kind), &key.name);
            return self.refuse(&pending, refusal, context);
        };
        let (made, dry_run) = (edge::apply_anew(key, &applied, self.config.gates), *dry_run);
        match made {
            Ok(object) => self.create(pending, object, dry_run, context),
            Err(refusal) => self.refuse(&pending, refusal, context),
        }
    }

    pub(in crate::apiserver) fn read_fresh<A>(
        &mut self,
        pending: Pending,
        key: ObjectKey,
        context: &mut Context<'_, A>,
    ) where
        A: Actor<Message = Message, Note = Note>,
    {
        let range = Message::Range(self.asked + 1, Range::Key(key));
        self.ask(Pending { stage: Stage::Fresh, ..pending }, range, context);
    }

    pub(in crate::apiserver) fn carry_out<A>(
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
            Verb::Delete { options, .. } => options.is_dry_run(),
            Verb::Get(_)
            | Verb::List(_)
            | Verb::Watch(_)
            | Verb::Create { .. }
            | Verb::Post { .. }
            | Verb::Update { .. }
            | Verb::DeleteCollection { .. }
            | Verb::Bind { .. }
            | Verb::Evict { .. } => false,
        };
        match outcome {
            Outcome::Unchanged(object) => {
                self.answer(&pending, Answer::Object(object), context);
            }
            Outcome::Store(object) if dry_run => {
                self.answer(&pending, Answer::Object(object), context);
            }
            Outcome::StoreThenRemove(object) | Outcome::Remove(object) if dry_run => {
                self.answer(&pending, Answer::Deleted(object), context);
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

    pub(in crate::apiserver) fn delete_collection<A>(
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
                manager: pending.request.manager.clone(),
                verb,
                why: pending.request.why.clone(),
            };
            let each = Pending {
                client: Peer::default(),
                id: 0,
                request: Box::new(request),
                stage: Stage::Write,
                attempts: 0,
                required: 0,
                seat: Seat::NONE,
            };
            self.change(each, Fresh::Cached, context);
        }
        let list = crate::api::request::ObjectList {
            resource_version: self.revision,
            items: matching,
            continue_token: Name::default(),
            remaining: None,
        };
        self.answer(pending, Answer::List(Arc::new(list)), context);
    }

    /// etcd has answered.
    pub(in crate::apiserver) fn stored<A>(
        &mut self,
        token: u64,
        answer: StoreAnswer,
        context: &mut Context<'_, A>,
    ) where
        A: Actor<Message = Message, Note = Note>,
    {
        let Some(mut pending) = self.pending.remove(&token) else {
            if let StoreAnswer::Written(change) = answer {
                self.take_up(&change, context);
            }
            return;
        };
        if let Stage::Evict(eviction) = pending.stage {
            pending.stage = Stage::Write;
            return self.evict_on(pending, eviction, answer, context);
        }
        if let Stage::Charge(charge) = pending.stage {
            pending.stage = Stage::Write;
            return self.charge_on(pending, *charge, answer, context);
        }
        match answer {
            StoreAnswer::Written(change) => self.written(pending, &change, context),
            StoreAnswer::Mismatch(current) => self.mismatched(pending, current, context),
            StoreAnswer::Found(found) => self.found(pending, &found, context),
            StoreAnswer::Compacted | StoreAnswer::Future(_) => {
                self.unreadable(&pending, &answer, context);
            }
            StoreAnswer::Unavailable(why) => {
                let refusal = Refusal::internal_error(why);
                self.refuse(&pending, refusal, context);
            }
        }
    }

    pub(in crate::apiserver) fn written<A>(
        &mut self,
        pending: Pending,
        change: &StoreChange,
        context: &mut Context<'_, A>,
    ) where
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
            self.answer(&pending, answer, context);
        }
        self.take_up(change, context);
    }

    /// Another write was first: what there is now is looked at again, as the storage layer does.
    pub(in crate::apiserver) fn mismatched<A>(
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
            (Verb::Patch { patch: Patch::Apply { .. }, .. }, None) => {
                self.change(pending, Fresh::Read(None), context);
            }
            (_, None) => {
                let refusal = Refusal::not_found(&resource(key.kind), &key.name);
                self.refuse(&pending, refusal, context);
            }
            (_, Some(current)) => self.change(pending, Fresh::Read(Some(current)), context),
        }
    }
}
