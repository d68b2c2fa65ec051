//! Requests that the apiserver does not answer from its caches: those for what another server
//! computes, and those that come too early.

use super::{Apiserver, Pending};
use crate::api::message::{Beside, Message};
use crate::api::note::Note;
use crate::api::object::Kind;
use crate::api::refusal::{Reason, Refusal};
use crate::api::request::{Answer, Verb};
use crate::apiserver::history::retry_after_seconds;
use crate::sim::engine::{Actor, ActorId, Context};
use crate::sim::time::SimTime;

impl Apiserver {
    /// From now on requests for objects of a kind go to another server.
    pub fn aggregate(&mut self, kind: Kind, server: ActorId) {
        self.aggregated.retain(|(k, _)| *k != kind);
        self.aggregated.push((kind, server));
    }

    /// What a request is refused with while the caches are not ready.
    ///
    /// Source: kubernetes v1.36 staging/src/k8s.io/apiserver/pkg/storage/cacher/delegator.go,
    /// `GetList`
    pub(super) fn not_ready(&self, verb: &Verb, now: SimTime) -> Refusal {
        if let Verb::List(_) | Verb::Watch(_) = verb {
            let seconds = retry_after_seconds(now.since(self.down_since));
            return Refusal::too_many_requests("storage is (re)initializing", seconds);
        }
        Refusal::service_unavailable("apiserver not ready")
    }

    /// Hands a request on to the server that computes what it asks for; that one answers.
    ///
    /// Differs: the answer goes to the client without passing through the apiserver again.
    ///
    /// Source: kubernetes v1.36
    /// staging/src/k8s.io/kube-aggregator/pkg/apiserver/handler_proxy.go, `proxyHandler.ServeHTTP`
    pub(super) fn forward<A>(&mut self, pending: Pending, context: &mut Context<'_, A>)
    where
        A: Actor<Message = Message, Note = Note>,
    {
        let kind = pending.request.verb.kind();
        let server = self.aggregated.iter().find(|(k, _)| *k == kind).map(|(_, s)| *s);
        match server {
            None => self.answer(&pending, Answer::Refused(not_served(&pending)), context),
            Some(server) if !context.is_up(server) || !context.can_reach(server) => {
                self.answer(&pending, Answer::Refused(unavailable(&pending)), context);
            }
            Some(server) => {
                self.fairness.leave(pending.seat);
                let (client, id) = (pending.client, pending.id);
                let message = Message::Beside(Beside::Forwarded(client, id, pending.request));
                context.send(context.peer(server), message);
            }
        }
    }
}

/// What the client says of an answer without a body of its own.
///
/// Source: kubernetes v1.36 staging/src/k8s.io/apimachinery/pkg/api/errors/errors.go,
/// `NewGenericServerResponse`
fn generic(pending: &Pending, code: u16, reason: Reason, text: &str) -> Refusal {
    let row = pending.request.verb.kind().row();
    let verb = if pending.request.verb.is_read_only() { "get" } else { "post" };
    let message = format!("{text} ({verb} {}.{})", row.plural, row.group);
    Refusal { code, reason, message: message.into(), details: None }
}

fn not_served(pending: &Pending) -> Refusal {
    let text = "the server could not find the requested resource";
    generic(pending, 404, Reason::NotFound, text)
}

fn unavailable(pending: &Pending) -> Refusal {
    let text = "the server is currently unable to handle the request";
    generic(pending, 503, Reason::ServiceUnavailable, text)
}
