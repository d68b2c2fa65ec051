//! Evictions: the server carries out what `eviction` wants of the store.

use super::{Apiserver, Pending, Stage};
use crate::api::message::{Condition, Message, Origin, Range, StoreAnswer, Transaction};
use crate::api::note::{Note, RefusedNote};
use crate::api::object::{Kind, Object, ObjectKey};
use crate::api::policy::pod_disruption_budget::PodDisruptionBudget;
use crate::api::refusal::Refusal;
use crate::api::request::{Answer, Verb};
use crate::api::time::Time;
use crate::api::why::Why;
use crate::apiserver::eviction::{Eviction, Heard, Next, PAUSE};
use crate::apiserver::registry::resource;
use crate::sim::engine::{Actor, Context};
use crate::sim::rng::keyed;
use crate::sim::time::SimDuration;

/// The name that the apiserver bears in its own requests.
const OWN: &str = "apiserver";

impl Apiserver {
    /// An eviction begins.
    pub(in crate::apiserver) fn evict<A>(&mut self, pending: Pending, context: &mut Context<'_, A>)
    where
        A: Actor<Message = Message, Note = Note>,
    {
        let Verb::Evict { key, options } = &pending.request.verb else { return };
        let eviction = Box::new(Eviction::new(key.clone(), options.clone()));
        self.evict_next(pending, eviction, Next::ReadPod, context);
    }

    /// etcd has answered an eviction.
    pub(in crate::apiserver) fn evict_on<A>(
        &mut self,
        pending: Pending,
        mut eviction: Box<Eviction>,
        answer: StoreAnswer,
        context: &mut Context<'_, A>,
    ) where
        A: Actor<Message = Message, Note = Note>,
    {
        let mut change = None;
        let heard = match answer {
            StoreAnswer::Found(list) if eviction.awaits_budgets() => {
                let budgets = list.items.iter().filter_map(Object::as_a::<PodDisruptionBudget>);
                Heard::Budgets(budgets.cloned().collect())
            }
            StoreAnswer::Found(list) => Heard::Found(list.items.first().cloned()),
            StoreAnswer::Written(written) => {
                let object = written.object.clone();
                change = Some(written);
                Heard::Written(object)
            }
            StoreAnswer::Mismatch(current) => {
                if let Some(budget) = eviction.budget_written() {
                    note_conflict(budget, context);
                }
                Heard::Conflict(current)
            }
            StoreAnswer::Unavailable(why) => {
                return self.refuse(&pending, Refusal::internal_error(why), context);
            }
            StoreAnswer::Compacted | StoreAnswer::Future(_) => {
                let why = "the present revision cannot be read";
                return self.refuse(&pending, Refusal::internal_error(why), context);
            }
        };
        let next = eviction.hear(heard, Time::wall(context.start(), context.now()));
        self.evict_next(pending, eviction, next, context);
        if let Some(change) = change {
            self.take_up(&change, context);
        }
    }

    fn evict_next<A>(
        &mut self,
        pending: Pending,
        eviction: Box<Eviction>,
        next: Next,
        context: &mut Context<'_, A>,
    ) where
        A: Actor<Message = Message, Note = Note>,
    {
        let token = self.asked + 1;
        let key = pending.request.verb.key();
        let none = SimDuration::ZERO;
        let (message, after) = match next {
            Next::Done => return self.answer(&pending, Answer::Done, context),
            Next::Refuse(refusal) => return self.refuse(&pending, refusal, context),
            Next::ReadPod => (Message::Range(token, Range::Key(key)), none),
            Next::ReadPodLater => (Message::Range(token, Range::Key(key)), self.pause(context)),
            Next::ReadBudgets => {
                (Message::Range(token, Range::Kind(Kind::POD_DISRUPTION_BUDGET, 0)), none)
            }
            Next::ReadBudgetLater(budget) => {
                (Message::Range(token, Range::Key(budget)), self.pause(context))
            }
            Next::WriteBudget(budget) => {
                let why = Why::one("pod {} is about to be evicted", &key.name);
                let origin =
                    Origin { user: OWN.into(), verb: "update", subresource: "status", why };
                (transaction(token, &budget.clone(), Some(budget), origin), none)
            }
            Next::WritePod(pod) => {
                (transaction(token, &pod.clone(), Some(pod), origin(&pending)), none)
            }
            Next::RemovePod(pod) => (transaction(token, &pod, None, origin(&pending)), none),
        };
        let pending = Pending { stage: Stage::Evict(eviction), ..pending };
        self.ask_after(pending, message, after, context);
    }

    /// The pause before a step is tried again.
    fn pause<A>(&self, context: &Context<'_, A>) -> SimDuration
    where
        A: Actor<Message = Message, Note = Note>,
    {
        let bits = keyed(context.seed() ^ 0xe71c, &self.asked.to_le_bytes());
        SimDuration(PAUSE.0 + bits % (PAUSE.0 / 10))
    }
}

/// The apiserver's own write of a budget met a conflict.
fn note_conflict<A>(budget: ObjectKey, context: &mut Context<'_, A>)
where
    A: Actor<Message = Message, Note = Note>,
{
    let refusal = Refusal::optimistic_lock(&resource(budget.kind), &budget.name);
    context.log(Note::Refused(Box::new(RefusedNote {
        user: OWN.into(),
        verb: "update",
        resource: smol_str::format_smolstr!("{}/status", budget.kind.row().plural),
        namespace: budget.namespace,
        name: budget.name,
        refusal,
    })));
}

fn origin(pending: &Pending) -> Origin {
    let request = &pending.request;
    Origin {
        user: request.user.clone(),
        verb: request.verb.name(),
        subresource: request.verb.subresource(),
        why: request.why.clone(),
    }
}

fn transaction(token: u64, current: &Object, put: Option<Object>, origin: Origin) -> Message {
    let condition = Condition::Unchanged(current.meta().resource_version);
    let key = current.key();
    Message::Transaction(token, Box::new(Transaction { key, condition, put, origin }))
}
