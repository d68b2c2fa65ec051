//! Requests: client limits, sending, answers, and what is lost.

use super::{FAIL, Held, InFlight, Process, Purpose, REFUSED_AFTER, RELEASE};
use crate::api::Name;
use crate::api::message::Message;
use crate::api::note::Note;
use crate::api::refusal::Reason;
use crate::api::request::{Answer, Request};
use crate::client::component::Component;
use crate::client::telling;
use crate::client::token_bucket::TokenBucket;
use crate::sim::engine::{Actor, Context};
use crate::sim::time::{SimDuration, SimTime};

impl<C: Component> Process<C> {
    pub(super) fn fail<A>(&mut self, id: u64, context: &mut Context<'_, A>)
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
    pub(super) fn ask<A>(
        &mut self,
        request: Request,
        purpose: Purpose,
        context: &mut Context<'_, A>,
    ) -> u64
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

    pub(super) fn reserve(&mut self, user: &Name, now: SimTime) -> SimDuration {
        let (qps, burst) = self.config.qps;
        if qps == 0 {
            return SimDuration::ZERO;
        }
        if !self.limits.contains_key(user) {
            self.limits.insert(user.clone(), TokenBucket::per_second(qps, burst));
        }
        self.limits.get_mut(user).map_or(SimDuration::ZERO, |bucket| bucket.reserve(now))
    }

    pub(super) fn release<A>(&mut self, context: &mut Context<'_, A>)
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

    pub(super) fn send<A>(
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

    pub(super) fn answered<A>(&mut self, id: u64, answer: Answer, context: &mut Context<'_, A>)
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
                    && let Some(again) = again
                {
                    let (verb, user) = *again;
                    let request = self.as_user(user, verb, telling::why());
                    self.ask(request, Purpose::Event(None), context);
                }
            }
            Purpose::Lease(attempt) => self.lease_answered(attempt, answer, context),
        }
    }
}
