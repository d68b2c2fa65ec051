//! The parameters of a webhook, as they are written.

use serde_json::Value;

use crate::fault::parameter::FailurePolicy;
use crate::fault::parameter::Mutation;
use crate::fault::parameter::Requests;
use crate::scenario::decode::foreign;
use crate::scenario::decode::foreign_words;
use crate::scenario::diagnostic::Mistake;
use crate::scenario::source::Session;
use crate::scenario::yaml::Node;
use crate::sim::time::SimDuration;

foreign! {
    Mutation as "`webhook`", "Webhook", "Requests that an admission webhook is asked about."
    checked by something_is_done {
        /// Whose, by the name that the trace shows; everybody's when not given.
        "actor" => actor: Option<String> = None;
        /// Only of this kind; without it no event, no lease.
        "kind" => kind: Option<String> = None;
        /// Only these verbs; without them all that write.
        "verbs" => verbs: Vec<String> = Vec::new();
        /// Only of the object of this name.
        "name" => name: Option<String> = None;
        /// At most so many; without it one when a write brought the fault, else all.
        "count" => count: Option<u32> = None;
        /// A merge patch of the object.
        "patch" => patch: Option<Value> = None;
        /// Nobody answers where the webhook should be.
        "down" => down: bool = false;
        /// How long it takes to answer.
        "latency" => latency: Option<SimDuration> = None;
        /// How long the apiserver waits for it; 10s when not given.
        "timeout" => timeout: Option<SimDuration> = None;
        /// `Fail` or `Ignore`: what becomes of a request about which it does not answer.
        "failure-policy" => failure_policy: FailurePolicy = FailurePolicy::Fail;
    } into Mutation {
        requests: Requests { actor, kind, verbs, name, count },
        patch, down, latency, timeout, failure_policy,
    }
}

foreign_words! {
    FailurePolicy as "failure policy" {
        "Fail" => Fail;
        "Ignore" => Ignore;
    }
}

fn something_is_done(it: &Mutation, node: &Node, session: &mut Session) {
    if it.patch.is_none() && it.latency.is_none() && !it.down {
        let message = "this webhook does nothing: `patch`, `latency` or `down` is missing";
        session.report(node.place, Mistake::other(message));
    }
    if it.patch.is_some() && it.down {
        session.report(node.place, Mistake::not_together("patch", "down"));
    }
}
