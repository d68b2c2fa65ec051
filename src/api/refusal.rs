//! What the apiserver answers when it says no: the Status object of an API error.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::api::Name;

/// The apiserver said no; one Kubernetes `Status` of kind failure.
///
/// Source: kubernetes v1.36 staging/src/k8s.io/apimachinery/pkg/api/errors/errors.go
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Refusal {
    /// The HTTP status code: 404, 409, 422, …
    pub code: u16,
    /// The machine-readable reason.
    pub reason: Reason,
    /// The text that a person sees.
    pub message: Arc<str>,
    /// What it is about, and the causes field by field.
    pub details: Option<Arc<Details>>,
}

/// `StatusReason` of an API error, by its wire name.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub enum Reason {
    /// No reason was given.
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
    /// 504: try again.
    ServerTimeout,
    /// 429 by storage.
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
}

/// `StatusCause`: one mistake.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub struct Cause {
    /// The cause's type: `FieldValueRequired`, …
    pub reason: Name,
    /// The text that a person sees.
    pub message: Arc<str>,
    /// The field's path: `spec.containers[0].name`.
    #[serde(default, skip_serializing_if = "Name::is_empty")]
    pub field: Name,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_zero(n: &u32) -> bool {
    *n == 0
}
