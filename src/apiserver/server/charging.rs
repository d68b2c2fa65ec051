//! Creations under a quota: the status of the quotas is written before the object.

use std::collections::VecDeque;
use std::sync::Arc;

use super::{Apiserver, Pending, Stage};
use crate::api::Name;
use crate::api::core::resource_quota::ResourceQuota;
use crate::api::message::{Condition, Message, Origin, StoreAnswer, Transaction};
use crate::api::note::{Note, RefusedNote};
use crate::api::object::{Kind, Object};
use crate::api::refusal::Refusal;
use crate::api::request::Answer;
use crate::api::time::Time;
use crate::api::why::Why;
use crate::apiserver::quota::{self, TRIES};
use crate::apiserver::registry::resource;
use crate::sim::engine::{Actor, Context};
use crate::sim::index::Map;

/// The name that the apiserver bears in its own requests.
const OWN: &str = "apiserver";

/// A creation that is being charged.
#[derive(Clone)]
pub(in crate::apiserver) struct Charge {
    object: Object,
    dry_run: bool,
    /// Quotas whose status is yet to be written.
    rest: VecDeque<ResourceQuota>,
    tries: u32,
}

/// Creations that wait until another one of their namespace is charged.
pub(in crate::apiserver) type Waiting = Map<Name, VecDeque<(u64, Pending, Charge)>>;

impl Apiserver {
    /// Charges a creation, or writes it at once where no quota is.
    ///
    /// Differs: creations of a namespace are charged one after another, where Kubernetes charges
    /// all that wait in one write.
    pub(in crate::apiserver) fn charge<A>(
        &mut self,
        pending: Pending,
        object: Object,
        dry_run: bool,
        context: &mut Context<'_, A>,
    ) where
        A: Actor<Message = Message, Note = Note>,
    {
        let namespace = object.meta().namespace.clone();
        let charge = Charge { object, dry_run, rest: VecDeque::new(), tries: 0 };
        let is_free = namespace.is_empty()
            || self.cache(Kind::RESOURCE_QUOTA).is_empty()
            || charge.object.kind() == Kind::EVENT
            || self.quotas_of(&namespace).is_empty();
        if is_free {
            return self.charged(pending, charge, context);
        }
        match self.charging.get_mut(&namespace) {
            Some(line) => line.push_back((context.cause(), pending, charge)),
            None => {
                self.charging.insert(namespace, VecDeque::new());
                self.begin_charge(pending, charge, context);
            }
        }
    }

    /// The quotas of a namespace, by name.
    fn quotas_of(&self, namespace: &Name) -> Vec<Arc<ResourceQuota>> {
        let all = self.cache(Kind::RESOURCE_QUOTA).list();
        let of = |object: &Object| object.as_a::<ResourceQuota>().cloned();
        let all = all.iter().filter_map(of).filter(|q| q.meta.namespace == *namespace);
        let mut all: Vec<Arc<ResourceQuota>> = all.collect();
        all.sort_by(|a, b| a.meta.name.cmp(&b.meta.name));
        all
    }

    fn begin_charge<A>(
        &mut self,
        pending: Pending,
        mut charge: Charge,
        context: &mut Context<'_, A>,
    ) where
        A: Actor<Message = Message, Note = Note>,
    {
        let namespace = charge.object.meta().namespace.clone();
        let quotas = self.quotas_of(&namespace);
        let quotas: Vec<&Arc<ResourceQuota>> = quotas.iter().collect();
        match quota::charge(&charge.object, &quotas, Time::wall(context.start(), context.now())) {
            Err(refusal) => {
                self.refuse(&pending, refusal, context);
                self.next_charge(&namespace, context);
            }
            Ok(changed) => {
                charge.rest = if charge.dry_run { VecDeque::new() } else { changed.into() };
                self.write_charge(pending, charge, context);
            }
        }
    }

    /// Writes the status of the next quota, or the object when all are written.
    fn write_charge<A>(&mut self, pending: Pending, charge: Charge, context: &mut Context<'_, A>)
    where
        A: Actor<Message = Message, Note = Note>,
    {
        let Some(quota) = charge.rest.front() else {
            let namespace = charge.object.meta().namespace.clone();
            self.charged(pending, charge, context);
            return self.next_charge(&namespace, context);
        };
        let object = Object::from(quota.clone());
        let what = Name::new_static(charge.object.kind().name());
        let why = Why::two("{} {} is about to be created", what, &charge.object.meta().name);
        let origin = Origin { user: OWN.into(), verb: "update", subresource: "status", why };
        let condition = Condition::Unchanged(object.meta().resource_version);
        let transaction = Transaction { key: object.key(), condition, put: Some(object), origin };
        let message = Message::Transaction(self.asked + 1, Box::new(transaction));
        let pending = Pending { stage: Stage::Charge(Box::new(charge)), ..pending };
        self.ask(pending, message, context);
    }

    /// etcd has answered the write of a quota's status.
    pub(in crate::apiserver) fn charge_on<A>(
        &mut self,
        pending: Pending,
        mut charge: Charge,
        answer: StoreAnswer,
        context: &mut Context<'_, A>,
    ) where
        A: Actor<Message = Message, Note = Note>,
    {
        let namespace = charge.object.meta().namespace.clone();
        match answer {
            StoreAnswer::Written(change) => {
                self.take_up(&change, context);
                charge.rest.pop_front();
                self.write_charge(pending, charge, context);
            }
            StoreAnswer::Mismatch(current) => {
                let Some(quota) = charge.rest.pop_front() else { return };
                let refusal =
                    Refusal::optimistic_lock(&resource(Kind::RESOURCE_QUOTA), &quota.meta.name);
                note_conflict(&quota, &refusal, context);
                charge.tries += 1;
                if charge.tries >= TRIES {
                    self.refuse(&pending, refusal, context);
                    return self.next_charge(&namespace, context);
                }
                self.check_again(pending, charge, current.as_ref(), context);
            }
            StoreAnswer::Unavailable(why) => {
                self.refuse(&pending, Refusal::internal_error(why), context);
                self.next_charge(&namespace, context);
            }
            StoreAnswer::Found(_) | StoreAnswer::Compacted | StoreAnswer::Future(_) => {}
        }
    }

    /// A quota was written by somebody else: it is looked at again as it is now; those that were
    /// written already stay so.
    fn check_again<A>(
        &mut self,
        pending: Pending,
        mut charge: Charge,
        current: Option<&Object>,
        context: &mut Context<'_, A>,
    ) where
        A: Actor<Message = Message, Note = Note>,
    {
        let Some(quota) = current.and_then(Object::as_a::<ResourceQuota>) else {
            return self.write_charge(pending, charge, context);
        };
        match quota::charge(&charge.object, &[quota], Time::wall(context.start(), context.now())) {
            Err(refusal) => {
                let namespace = charge.object.meta().namespace.clone();
                self.refuse(&pending, refusal, context);
                self.next_charge(&namespace, context);
            }
            Ok(changed) => {
                for quota in changed {
                    charge.rest.push_front(quota);
                }
                self.write_charge(pending, charge, context);
            }
        }
    }

    /// The next creation of a namespace is charged.
    fn next_charge<A>(&mut self, namespace: &Name, context: &mut Context<'_, A>)
    where
        A: Actor<Message = Message, Note = Note>,
    {
        let Some(line) = self.charging.get_mut(namespace) else { return };
        match line.pop_front() {
            None => {
                self.charging.remove(namespace);
            }
            Some((cause, pending, charge)) => {
                context.because(cause);
                context.foreground();
                self.begin_charge(pending, charge, context);
            }
        }
    }

    /// All quotas have been charged: the object is written.
    fn charged<A>(&mut self, pending: Pending, charge: Charge, context: &mut Context<'_, A>)
    where
        A: Actor<Message = Message, Note = Note>,
    {
        let object = charge.object;
        if charge.dry_run {
            return self.answer(&pending, Answer::Object(object), context);
        }
        let pending = Pending { stage: Stage::Write, ..pending };
        self.write(pending, object.key(), Condition::Absent, Some(object), context);
    }

    /// A creation that was being charged has failed, and those that wait for it with it.
    pub(in crate::apiserver) fn stop_charging<A>(&mut self, context: &mut Context<'_, A>)
    where
        A: Actor<Message = Message, Note = Note>,
    {
        let mut all: Vec<_> = std::mem::take(&mut self.charging).into_iter().collect();
        all.sort_by(|a, b| a.0.cmp(&b.0));
        for (_, pending, _) in all.into_iter().flat_map(|(_, line)| line) {
            let refusal = Refusal::timeout("etcdserver: request timed out", 0);
            self.refuse(&pending, refusal, context);
        }
    }
}

fn note_conflict<A>(quota: &ResourceQuota, refusal: &Refusal, context: &mut Context<'_, A>)
where
    A: Actor<Message = Message, Note = Note>,
{
    context.log(Note::Refused(Box::new(RefusedNote {
        user: OWN.into(),
        verb: "update",
        resource: Name::new_static("resourcequotas/status"),
        namespace: quota.meta.namespace.clone(),
        name: quota.meta.name.clone(),
        refusal: refusal.clone(),
    })));
}
