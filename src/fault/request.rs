//! What befalls requests: they are refused, lost, late, or changed on their way.

use std::sync::Arc;

use serde::Serialize;
use serde_json::Value;

use crate::api::Name;
use crate::api::object::{Kind, Object};
use crate::api::patch;
use crate::api::refusal::{GroupResource, Reason, Refusal};
use crate::api::request::Verb;
use crate::fault::plan::span;
use crate::fault::stage::{Began, Stage};
use crate::fault::tap::{Filter, What};
use crate::sim::time::SimDuration;

/// How long requests are hit when nobody says, and no write brought the fault.
const USUAL: SimDuration = SimDuration::secs(10);

/// Which requests.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize)]
pub struct Requests {
    /// Whose, by the name that the trace shows; everybody's when not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub actor: Option<String>,
    /// Only of this kind; without it no event, no lease.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// Only these verbs; without them all that write.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub verbs: Vec<String>,
    /// Only of the object of this name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// At most so many; without it one when a write brought the fault, else all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub count: Option<u32>,
}

/// Requests that are refused.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Failing {
    /// Which requests.
    #[serde(flatten)]
    pub requests: Requests,
    /// The status code: 500, 503, 504 or 429.
    pub code: u32,
    /// What the apiserver says, where it is not the usual text of the code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

/// Requests that take longer.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Delay {
    /// Which requests.
    #[serde(flatten)]
    pub requests: Requests,
    /// How much longer.
    #[serde(serialize_with = "span")]
    pub latency: SimDuration,
    /// After which the client gives up, while the request is still carried out when it arrives.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "some_span")]
    pub timeout: Option<SimDuration>,
}

/// Requests that an admission webhook is asked about.
#[derive(Clone, PartialEq, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Mutation {
    /// Which requests.
    #[serde(flatten)]
    pub requests: Requests,
    /// What is merged into the object, as a merge patch.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub patch: Option<Value>,
    /// Nobody answers where the webhook should be.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub down: bool,
    /// How long it takes to answer.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "some_span")]
    pub latency: Option<SimDuration>,
    /// How long the apiserver waits for its answer.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "some_span")]
    pub timeout: Option<SimDuration>,
    /// What becomes of a request about which it does not answer.
    #[serde(skip_serializing_if = "FailurePolicy::is_fail")]
    pub failure_policy: FailurePolicy,
}

/// What becomes of a request about which a webhook does not answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize)]
pub enum FailurePolicy {
    /// It is refused.
    #[default]
    Fail,
    /// It goes on as it is.
    Ignore,
}

impl FailurePolicy {
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
    fn is_fail(&self) -> bool {
        *self == FailurePolicy::Fail
    }
}

/// How long an apiserver waits for a webhook when nobody says.
///
/// Source: kubernetes v1.36 pkg/apis/admissionregistration/v1/defaults.go,
/// `SetDefaults_MutatingWebhook`
const PATIENCE: SimDuration = SimDuration::secs(10);

/// What comes of asking a webhook.
#[derive(Clone, PartialEq, Debug)]
pub(super) enum Admission {
    /// The request goes on after so long, changed by a merge patch or not.
    Admitted(SimDuration, Option<Value>),
    /// It is refused after so long.
    Refused(SimDuration, Refusal),
}

impl Mutation {
    /// A webhook that answers at once, with a merge patch.
    pub fn merging(requests: Requests, patch: Value) -> Mutation {
        Mutation {
            requests,
            patch: Some(patch),
            down: false,
            latency: None,
            timeout: None,
            failure_policy: FailurePolicy::Fail,
        }
    }

    /// What comes of asking.
    ///
    /// Source: kubernetes v1.36
    /// staging/src/k8s.io/apiserver/pkg/admission/plugin/webhook/mutating/dispatcher.go, `Dispatch`
    pub(super) fn outcome(&self) -> Admission {
        let patience = self.timeout.unwrap_or(PATIENCE);
        let takes = self.latency.unwrap_or(SimDuration::ZERO);
        let late = takes > patience;
        if !self.down && !late {
            return Admission::Admitted(takes, self.patch.clone());
        }
        let (after, why) = if self.down {
            (SimDuration::millis(1), "connect: connection refused")
        } else {
            (patience, "context deadline exceeded")
        };
        match self.failure_policy {
            FailurePolicy::Ignore => Admission::Admitted(after, None),
            FailurePolicy::Fail => {
                let name = "webhook.example.com";
                let text = format!(
                    "failed calling webhook \"{name}\": failed to call webhook: Post \
                     \"https://webhook.default.svc:443/?timeout={}s\": {why}",
                    patience.0 / 1_000_000_000
                );
                Admission::Refused(after, Refusal::internal_error(text))
            }
        }
    }
}

#[expect(clippy::ref_option, reason = "serde asks so")]
pub(super) fn some_span<S: serde::Serializer>(
    it: &Option<SimDuration>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    it.map(|span| span.to_string()).serialize(serializer)
}

/// What is done to a request.
#[derive(Clone, PartialEq, Debug)]
pub(super) enum How {
    /// It is refused.
    Refuse(Failing),
    /// It is refused as if another write had been first.
    Conflict,
    /// Its answer is lost.
    Lose,
    /// It comes later.
    Delay(SimDuration, Option<SimDuration>),
    /// A webhook is asked about it.
    Webhook(Mutation),
}

impl Requests {
    /// Whether signs of life go through whatever happens to these.
    pub fn is_calm(&self) -> bool {
        let nodes = matches!(self.kind.as_deref(), Some("Node") | None)
            && self.actor.as_deref().is_none_or(|a| a.starts_with("kubelet/"));
        self.kind.as_deref() != Some("Lease") && !nodes
    }

    /// Whether a request is meant.
    pub(super) fn matches(&self, user: &str, verb: &Verb) -> bool {
        let key = verb.key();
        let quiet = matches!(key.kind, Kind::EVENT | Kind::LEASE);
        let by_verb = if self.verbs.is_empty() {
            !verb.is_read_only()
        } else {
            self.verbs.iter().any(|v| v == verb.name())
        };
        by_verb
            && self.actor.as_deref().map_or(user != "weather", |a| a == user)
            && self.kind.as_deref().map_or(!quiet, |k| k == key.kind.name())
            && self.name.as_deref().is_none_or(|n| n == key.name.as_str())
    }
}

impl Failing {
    /// What the apiserver says to a request.
    pub(super) fn refusal(&self, verb: &Verb) -> Refusal {
        let of = resource(verb.key().kind);
        let text = |usual: &str| self.message.clone().unwrap_or_else(|| usual.to_owned());
        match self.code {
            429 => {
                Refusal::too_many_requests(&text("the server has received too many requests"), 1)
            }
            403 => Refusal::forbidden(&of, &verb.key().name, text("exceeded quota")),
            503 => Refusal::service_unavailable(&text("the server is currently unable")),
            504 => Refusal::timeout(&text("request did not complete within requested timeout"), 0),
            _ => Refusal::internal_error(text("etcdserver: request timed out")),
        }
    }
}

fn resource(kind: Kind) -> GroupResource {
    GroupResource::new(kind.row().group, kind.row().plural)
}

/// The refusal of a write that came second.
pub(super) fn conflicting(verb: &Verb) -> Refusal {
    Refusal::optimistic_lock(&resource(verb.key().kind), &verb.key().name)
}

/// What a client sees when its connection breaks before the answer.
pub(super) fn lost() -> Refusal {
    let message = Name::new_static("read: connection reset by peer");
    Refusal { code: 0, reason: Reason::Unknown, message: message.as_str().into(), details: None }
}

/// A request as a webhook leaves it.
pub(super) fn mutated(verb: &mut Verb, change: &Value) {
    let merged = |object: &Object| {
        let value = patch::merge_patch(&object.to_value(), change);
        Object::from_value(object.kind(), value).ok()
    };
    if let Verb::Create { object, .. } | Verb::Update { object, .. } = verb {
        if let Some(new) = merged(object) {
            *object = new;
        }
    } else if let Verb::Post { value, .. } | Verb::Put { value, .. } = verb {
        *value = Arc::new(patch::merge_patch(value, change));
    }
}

pub(super) fn fail(it: &Failing, stage: &mut Stage<'_>) -> Result<Began, String> {
    begin(&it.requests, How::Refuse(it.clone()), stage)
}

pub(super) fn lose(it: &Requests, stage: &mut Stage<'_>) -> Result<Began, String> {
    begin(it, How::Lose, stage)
}

pub(super) fn conflict(it: &Requests, stage: &mut Stage<'_>) -> Result<Began, String> {
    begin(it, How::Conflict, stage)
}

pub(super) fn delay(it: &Delay, stage: &mut Stage<'_>) -> Result<Began, String> {
    begin(&it.requests, How::Delay(it.latency, it.timeout), stage)
}

pub(super) fn mutate(it: &Mutation, stage: &mut Stage<'_>) -> Result<Began, String> {
    begin(&it.requests, How::Webhook(it.clone()), stage)
}

#[expect(clippy::unnecessary_wraps, reason = "all faults begin alike")]
fn begin(requests: &Requests, how: How, stage: &mut Stage<'_>) -> Result<Began, String> {
    let who = requests.actor.as_deref().unwrap_or("everybody");
    let left = requests.count;
    let what =
        What::Requests { which: Box::new(requests.clone()), how: Box::new(how), lost: Vec::new() };
    let filter = Filter::new(what, stage.until(USUAL), left);
    let hit = vec![Name::new(who)];
    Ok(Began { hit, filter: Some(filter), usual: Some(USUAL), ..Began::default() })
}
