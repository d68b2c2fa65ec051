//! What becomes of a message on its way.

use serde_json::Value;

use crate::api::Name;
use crate::api::message::{Message, StoreAnswer};
use crate::api::object::Object;
use crate::api::refusal::Refusal;
use crate::api::request::{Answer, ListOptions, ObjectList, Request, Verb};
use crate::apiserver::list;
use crate::cluster::Cluster;
use crate::fault::request::{Admission, How, conflicting, mutated};
use crate::sim::time::{SimDuration, SimTime};

/// How long it takes to say no.
const AT_ONCE: SimDuration = SimDuration::millis(1);

/// What becomes of the message that comes next.
pub(super) enum Fate {
    /// It arrives.
    Arrives,
    /// It is lost.
    Lost,
    /// It comes later.
    Later(SimTime),
    /// The apiserver says no before anything is done.
    Refused(Refusal),
    /// A client gives up, and it comes later all the same.
    GivenUp(SimTime, SimTime),
    /// The apiserver says no after a while.
    RefusedLater(Refusal, SimTime),
    /// It says something else.
    Changed(Box<Message>),
    /// It says something else, and comes later.
    ChangedLater(Box<Message>, SimTime),
    /// It is answered from the past.
    Past(Box<ListOptions>, u64),
    /// etcd says no.
    NoLeader(u64),
}

/// Lets a message meet its fate.
pub(super) fn carry_out(fate: Fate, at: SimTime, cluster: &mut Cluster) {
    let engine = &mut cluster.engine;
    let Some(coming) = engine.coming() else { return };
    let (from, to, cause) = (coming.from, coming.to, coming.cause);
    let id = if let Message::Request(id, _) = coming.message { *id } else { 0 };
    match fate {
        Fate::Arrives => {}
        Fate::Lost => engine.lose_coming(),
        Fate::Later(until) => engine.postpone_coming(until),
        Fate::Refused(refusal) => {
            engine.lose_coming();
            let answer = Message::Answer(id, Answer::Refused(refusal));
            engine.forge(to, from, at + AT_ONCE, cause, answer);
        }
        Fate::GivenUp(gives_up, until) => {
            engine.postpone_coming(until);
            let refusal = Refusal::timeout("context deadline exceeded", 0);
            let answer = Message::Answer(id, Answer::Refused(refusal));
            engine.forge(to, from, gives_up, cause, answer);
        }
        Fate::RefusedLater(refusal, then) => {
            engine.lose_coming();
            let answer = Message::Answer(id, Answer::Refused(refusal));
            engine.forge(to, from, then, cause, answer);
        }
        Fate::Changed(message) => engine.change_coming(at, |old| *old = *message),
        Fate::ChangedLater(message, until) => {
            engine.change_coming(until, |old| *old = *message);
        }
        Fate::Past(options, revision) => {
            engine.lose_coming();
            let answer = Message::Answer(id, past(cluster, &options, revision));
            cluster.engine.forge(to, from, at + AT_ONCE, cause, answer);
        }
        Fate::NoLeader(token) => {
            engine.lose_coming();
            let answer = StoreAnswer::Unavailable("etcdserver: no leader");
            engine.forge(to, from, at + AT_ONCE, cause, Message::Stored(token, answer));
        }
    }
}

/// What becomes of a request.
pub(super) fn request_fate(how: &How, id: u64, request: &Request, at: SimTime) -> Fate {
    match how {
        How::Refuse(failing) => Fate::Refused(failing.refusal(&request.verb)),
        How::Conflict => match &request.verb {
            Verb::Update { .. } | Verb::Put { .. } => Fate::Refused(conflicting(&request.verb)),
            Verb::Get(_)
            | Verb::List(_)
            | Verb::Watch(_)
            | Verb::Create { .. }
            | Verb::Post { .. }
            | Verb::Patch { .. }
            | Verb::Delete { .. }
            | Verb::DeleteCollection { .. }
            | Verb::Bind { .. }
            | Verb::Evict { .. } => Fate::Arrives,
        },
        How::Lose => Fate::Arrives,
        How::Delay(span, None) => Fate::Later(at + *span),
        How::Delay(span, Some(patience)) => Fate::GivenUp(at + *patience, at + *span),
        How::Webhook(webhook) => match webhook.outcome() {
            Admission::Refused(after, refusal) => Fate::RefusedLater(refusal, at + after),
            Admission::Admitted(after, patch) => admitted(id, request, patch.as_ref(), at, after),
        },
    }
}

/// A request as a webhook lets it go on.
fn admitted(
    id: u64,
    request: &Request,
    patch: Option<&Value>,
    at: SimTime,
    after: SimDuration,
) -> Fate {
    let mut changed = request.clone();
    if let Some(patch) = patch {
        mutated(&mut changed.verb, patch);
    }
    let same = changed == *request;
    let message = Message::Request(id, Box::new(changed));
    match (same, after == SimDuration::ZERO) {
        (true, true) => Fate::Arrives,
        (true, false) => Fate::Later(at + after),
        (false, true) => Fate::Changed(Box::new(message)),
        (false, false) => Fate::ChangedLater(Box::new(message), at + after),
    }
}

/// The answer to a list as it was at a revision.
fn past(cluster: &Cluster, options: &ListOptions, revision: u64) -> Answer {
    let store = cluster.store();
    let items = store.list_at(options.kind, revision).unwrap_or_else(|_| store.list(options.kind));
    let items: Vec<Object> = items.into_iter().filter(|o| list::matches(o, options)).collect();
    let page = ObjectList {
        resource_version: revision,
        items,
        continue_token: Name::default(),
        remaining: None,
    };
    Answer::List(std::sync::Arc::new(page))
}
