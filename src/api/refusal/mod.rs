//! What the apiserver answers when it says no: the Status object of an API error.
//!
//! Responsible for the words, codes and details of every API error, and for telling one class of
//! error from another. It never decides that a request is refused.

mod make;
mod storage;

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::api::Name;

pub use make::GenericResponse;
pub use storage::{StorageError, StorageVerb};

/// The apiserver said no; one Kubernetes `Status` of kind failure.
///
/// Source: kubernetes v1.36 staging/src/k8s.io/apimachinery/pkg/api/errors/errors.go
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Refusal {
    /// The HTTP status code: 404, 409, 422, …
    pub code: u16,
    /// The machine-readable reason.
    #[serde(default, skip_serializing_if = "Reason::is_unknown")]
    pub reason: Reason,
    /// The text that a person sees.
    pub message: Arc<str>,
    /// What it is about, and the causes field by field.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub details: Option<Arc<Details>>,
}

/// `StatusReason` of an API error, by its wire name.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize, Default,
)]
pub enum Reason {
    /// No reason was given.
    #[default]
    #[serde(rename = "")]
    Unknown,
    /// 401.
    Unauthorized,
    /// 403: refused by admission or authorisation.
    Forbidden,
    /// 404.
    NotFound,
    /// 409 on create: the name is taken.
    AlreadyExists,
    /// 409 on update: the resourceVersion or a precondition did not match.
    Conflict,
    /// 410.
    Gone,
    /// 422: fields are not valid.
    Invalid,
    /// 500: try again.
    ServerTimeout,
    /// 500: what is stored cannot be read.
    StoreReadError,
    /// 504: gave up waiting.
    Timeout,
    /// 429.
    TooManyRequests,
    /// 400.
    BadRequest,
    /// 405.
    MethodNotAllowed,
    /// 406.
    NotAcceptable,
    /// 413.
    RequestEntityTooLarge,
    /// 415.
    UnsupportedMediaType,
    /// 500.
    InternalError,
    /// 410: the resourceVersion is too old.
    Expired,
    /// 503.
    ServiceUnavailable,
}

/// `StatusDetails`.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Details {
    /// The object's name.
    #[serde(default, skip_serializing_if = "Name::is_empty")]
    pub name: Name,
    /// The group of the resource.
    #[serde(default, skip_serializing_if = "Name::is_empty")]
    pub group: Name,
    /// The resource or kind.
    #[serde(default, skip_serializing_if = "Name::is_empty")]
    pub kind: Name,
    /// The object's uid.
    #[serde(default, skip_serializing_if = "Name::is_empty")]
    pub uid: Name,
    /// One entry a mistake.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub causes: Vec<Cause>,
    /// Seconds to wait before trying again; 0 for none.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub retry_after_seconds: u32,
    /// How a list whose revision is gone can go on; on the wire it is in the metadata.
    #[serde(skip)]
    pub continue_token: Name,
}

impl Details {
    /// Whether nothing of it goes over the wire as details.
    fn is_token_only(&self) -> bool {
        let without = Details { continue_token: Name::default(), ..self.clone() };
        !self.continue_token.is_empty() && without == Details::default()
    }
}

/// `StatusCause`: one mistake.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub struct Cause {
    /// The cause's type: `FieldValueRequired`, …
    #[serde(default, skip_serializing_if = "Name::is_empty")]
    pub reason: Name,
    /// The text that a person sees.
    pub message: Arc<str>,
    /// The field's path: `spec.containers[0].name`.
    #[serde(default, skip_serializing_if = "Name::is_empty")]
    pub field: Name,
}

/// A resource or a kind, with its group.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Debug)]
pub struct GroupResource {
    /// `apps`; empty for the core group.
    pub group: Name,
    /// `deployments`, or for a kind `Deployment`.
    pub resource: Name,
}

impl GroupResource {
    /// A resource of a group.
    pub fn new(group: &str, resource: &str) -> GroupResource {
        GroupResource { group: group.into(), resource: resource.into() }
    }

    /// Reads `deployments.apps`.
    pub fn parse(text: &str) -> GroupResource {
        let (resource, group) = text.split_once('.').unwrap_or((text, ""));
        GroupResource::new(group, resource)
    }

    fn is_empty(&self) -> bool {
        self.group.is_empty() && self.resource.is_empty()
    }
}

/// `deployments.apps`, or `pods` in the core group.
impl fmt::Display for GroupResource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.resource)?;
        if self.group.is_empty() { Ok(()) } else { write!(f, ".{}", self.group) }
    }
}

impl Reason {
    /// Whether no reason was given.
    pub fn is_unknown(&self) -> bool {
        *self == Reason::Unknown
    }

    /// The codes that stand for it when no reason was given.
    fn code(self) -> Option<u16> {
        match self {
            Reason::BadRequest => Some(400),
            Reason::Unauthorized => Some(401),
            Reason::Forbidden => Some(403),
            Reason::NotFound => Some(404),
            Reason::MethodNotAllowed => Some(405),
            Reason::NotAcceptable => Some(406),
            Reason::Conflict => Some(409),
            Reason::Gone => Some(410),
            Reason::RequestEntityTooLarge => Some(413),
            Reason::UnsupportedMediaType => Some(415),
            Reason::Invalid => Some(422),
            Reason::TooManyRequests => Some(429),
            Reason::InternalError => Some(500),
            Reason::ServiceUnavailable => Some(503),
            Reason::Timeout => Some(504),
            Reason::Unknown
            | Reason::AlreadyExists
            | Reason::ServerTimeout
            | Reason::StoreReadError
            | Reason::Expired => None,
        }
    }
}

impl Refusal {
    /// Whether it is of this class, by its reason, or by its code when it has no reason.
    ///
    /// The codes 413 and 429 count whatever the reason.
    ///
    /// Source: kubernetes v1.36 staging/src/k8s.io/apimachinery/pkg/api/errors/errors.go,
    /// `IsNotFound`, `IsConflict`, `IsTooManyRequests` and the like
    pub fn is(&self, class: Reason) -> bool {
        let by_code = class.code() == Some(self.code);
        let is_code_enough = self.reason.is_unknown()
            || matches!(class, Reason::TooManyRequests | Reason::RequestEntityTooLarge);
        self.reason == class || (by_code && is_code_enough)
    }

    /// After how many seconds the client is asked to try again.
    ///
    /// Source: kubernetes v1.36 staging/src/k8s.io/apimachinery/pkg/api/errors/errors.go,
    /// `SuggestsClientDelay`
    pub fn suggested_delay_seconds(&self) -> Option<u32> {
        let after = self.details.as_ref()?.retry_after_seconds;
        (self.reason == Reason::ServerTimeout || after > 0).then_some(after)
    }

    /// Whether a cause of this type is among the details.
    ///
    /// Source: kubernetes v1.36 staging/src/k8s.io/apimachinery/pkg/api/errors/errors.go,
    /// `HasStatusCause`
    pub fn has_cause(&self, reason: &str) -> bool {
        self.details.iter().any(|d| d.causes.iter().any(|c| c.reason == reason))
    }

    /// The Status object, as it goes over the wire.
    pub fn to_status(&self) -> Value {
        let mut status = json!({
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": &*self.message,
        });
        if !self.reason.is_unknown() {
            status["reason"] = json!(self.reason);
        }
        if let Some(details) = self.details.as_deref().filter(|d| !d.is_token_only()) {
            status["details"] = json!(details);
        }
        if let Some(details) = self.details.as_deref().filter(|d| !d.continue_token.is_empty()) {
            status["metadata"]["continue"] = json!(details.continue_token);
        }
        status["code"] = self.code.into();
        status
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Refusal {}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_zero(n: &u32) -> bool {
    *n == 0
}
