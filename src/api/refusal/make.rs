//! The API errors, one function each, in Kubernetes' words.
//!
//! Source: kubernetes v1.36 staging/src/k8s.io/apimachinery/pkg/api/errors/errors.go

use std::fmt::Display;
use std::sync::Arc;

use super::{Cause, Details, GroupResource, Reason, Refusal};
use crate::api::Name;
use crate::api::field::FieldError;
use crate::api::selector::aggregate;

/// What a server that is no apiserver answered, or one that did not send a Status.
#[derive(Clone, Copy, Debug)]
pub struct GenericResponse<'a> {
    /// The HTTP status code.
    pub code: u16,
    /// The HTTP verb, or the client's: `POST`, `get`.
    pub verb: &'a str,
    /// The object's name.
    pub name: &'a str,
    /// The text that came.
    pub message: &'a str,
    /// Seconds to wait before trying again; 0 for none.
    pub retry_after_seconds: u32,
    /// Whether the text could not be understood.
    pub is_unexpected: bool,
}

fn details(of: &GroupResource, name: &str) -> Details {
    Details {
        name: name.into(),
        group: of.group.clone(),
        kind: of.resource.clone(),
        ..Details::default()
    }
}

fn refusal(code: u16, reason: Reason, message: String, details: Option<Details>) -> Refusal {
    Refusal { code, reason, message: message.into(), details: details.map(Arc::new) }
}

fn retry_after(seconds: u32) -> Details {
    Details { retry_after_seconds: seconds, ..Details::default() }
}

impl Refusal {
    /// 404: there is no such object.
    pub fn not_found(of: &GroupResource, name: &str) -> Refusal {
        let message = format!("{of} {name:?} not found");
        refusal(404, Reason::NotFound, message, Some(details(of, name)))
    }

    /// 409: the name is taken.
    pub fn already_exists(of: &GroupResource, name: &str) -> Refusal {
        let message = format!("{of} {name:?} already exists");
        refusal(409, Reason::AlreadyExists, message, Some(details(of, name)))
    }

    /// 409: no free name could be generated.
    pub fn generate_name_conflict(of: &GroupResource, name: &str, seconds: u32) -> Refusal {
        let message = format!(
            "{of} {name:?} already exists, the server was not able to generate a unique name for \
             the object"
        );
        let details = Details { retry_after_seconds: seconds, ..details(of, name) };
        refusal(409, Reason::AlreadyExists, message, Some(details))
    }

    /// 401: the client is not known.
    pub fn unauthorized(why: &str) -> Refusal {
        let message = if why.is_empty() { "not authorized" } else { why };
        refusal(401, Reason::Unauthorized, message.to_owned(), None)
    }

    /// 403: authorisation or admission refused.
    pub fn forbidden(of: &GroupResource, name: &str, why: impl Display) -> Refusal {
        let message = match (of.is_empty(), name) {
            (true, _) => format!("forbidden: {why}"),
            (false, "") => format!("{of} is forbidden: {why}"),
            (false, name) => format!("{of} {name:?} is forbidden: {why}"),
        };
        refusal(403, Reason::Forbidden, message, Some(details(of, name)))
    }

    /// 409: the object is not as the request expects.
    pub fn conflict(of: &GroupResource, name: &str, why: impl Display) -> Refusal {
        let message = format!("Operation cannot be fulfilled on {of} {name:?}: {why}");
        refusal(409, Reason::Conflict, message, Some(details(of, name)))
    }

    /// 409: the object changed since it was read; what every optimistic update meets.
    ///
    /// Source: kubernetes v1.36
    /// staging/src/k8s.io/apiserver/pkg/registry/generic/registry/store.go,
    /// `OptimisticLockErrorMsg`
    pub fn optimistic_lock(of: &GroupResource, name: &str) -> Refusal {
        let why = "the object has been modified; please apply your changes to the latest version \
                   and try again";
        Refusal::conflict(of, name, why)
    }

    /// 409: other managers own the fields that were to be applied.
    pub fn apply_conflict(causes: Vec<Cause>, message: &str) -> Refusal {
        let details = Details { causes, ..Details::default() };
        refusal(409, Reason::Conflict, message.to_owned(), Some(details))
    }

    /// 410: it is no longer there.
    pub fn gone(message: &str) -> Refusal {
        refusal(410, Reason::Gone, message.to_owned(), None)
    }

    /// 410: the resourceVersion is too old.
    pub fn resource_expired(message: &str) -> Refusal {
        refusal(410, Reason::Expired, message.to_owned(), None)
    }

    /// 410: the revision of a list that goes on is gone; `token` is how it can go on regardless.
    ///
    /// Source: kubernetes v1.36 staging/src/k8s.io/apiserver/pkg/storage/etcd3/errors.go,
    /// `handleCompactedErrorForPaging`
    pub fn continue_expired(message: &str, token: Name) -> Refusal {
        let details = Details { continue_token: token, ..Details::default() };
        refusal(410, Reason::Expired, message.to_owned(), Some(details))
    }

    /// 422: fields are not valid.
    pub fn invalid(of: &GroupResource, name: &str, errors: &[FieldError]) -> Refusal {
        let causes = errors.iter().map(FieldError::to_cause).collect();
        let texts: Vec<String> = errors.iter().map(ToString::to_string).collect();
        let start = format!("{of} {name:?} is invalid");
        let message =
            if texts.is_empty() { start } else { format!("{start}: {}", aggregate(&texts)) };
        let details = Details { causes, ..details(of, name) };
        refusal(422, Reason::Invalid, message, Some(details))
    }

    /// 400: the request makes no sense.
    pub fn bad_request(why: &str) -> Refusal {
        refusal(400, Reason::BadRequest, why.to_owned(), None)
    }

    /// 429: try again later.
    pub fn too_many_requests(message: &str, seconds: u32) -> Refusal {
        let details = Some(retry_after(seconds));
        refusal(429, Reason::TooManyRequests, message.to_owned(), details)
    }

    /// 429 by flow control, without a time to wait.
    pub fn too_many_requests_error(message: &str) -> Refusal {
        let message = format!("Too many requests: {message}");
        refusal(429, Reason::TooManyRequests, message, None)
    }

    /// 503.
    pub fn service_unavailable(why: &str) -> Refusal {
        refusal(503, Reason::ServiceUnavailable, why.to_owned(), None)
    }

    /// 405: the resource has no such verb.
    pub fn method_not_supported(of: &GroupResource, action: &str) -> Refusal {
        let quoted = of.to_string();
        let message = format!("{action} is not supported on resources of kind {quoted:?}");
        refusal(405, Reason::MethodNotAllowed, message, Some(details(of, "")))
    }

    /// 500: storage did not answer; try again.
    pub fn server_timeout(of: &GroupResource, operation: &str, seconds: u32) -> Refusal {
        let message = format!(
            "The {operation} operation against {of} could not be completed at this time, please \
             try again."
        );
        let details = Details { retry_after_seconds: seconds, ..details(of, operation) };
        refusal(500, Reason::ServerTimeout, message, Some(details))
    }

    /// 500.
    pub fn internal_error(why: impl Display) -> Refusal {
        let cause = Cause {
            reason: Name::default(),
            message: why.to_string().into(),
            field: Name::default(),
        };
        let details = Details { causes: vec![cause], ..Details::default() };
        let message = format!("Internal error occurred: {why}");
        refusal(500, Reason::InternalError, message, Some(details))
    }

    /// 504: gave up waiting; the operation may still be done.
    pub fn timeout(message: &str, seconds: u32) -> Refusal {
        let message = format!("Timeout: {message}");
        refusal(504, Reason::Timeout, message, Some(retry_after(seconds)))
    }

    /// 504: the resourceVersion that was asked for is not reached yet.
    ///
    /// Source: kubernetes v1.36 staging/src/k8s.io/apiserver/pkg/storage/errors.go,
    /// `NewTooLargeResourceVersionError`
    pub fn too_large_resource_version(minimum: u64, current: u64, seconds: u32) -> Refusal {
        let message = format!("Timeout: Too large resource version: {minimum}, current: {current}");
        let cause = Cause {
            reason: "ResourceVersionTooLarge".into(),
            message: "Too large resource version".into(),
            field: Name::default(),
        };
        let details = Details { causes: vec![cause], ..retry_after(seconds) };
        refusal(504, Reason::Timeout, message, Some(details))
    }

    /// 413.
    pub fn request_entity_too_large(message: &str) -> Refusal {
        let message = format!("Request entity too large: {message}");
        refusal(413, Reason::RequestEntityTooLarge, message, None)
    }

    /// What a client makes of an answer that is no Status.
    ///
    /// Source: kubernetes v1.36 staging/src/k8s.io/apimachinery/pkg/api/errors/errors.go,
    /// `NewGenericServerResponse`
    pub fn generic(of: &GroupResource, response: GenericResponse<'_>) -> Refusal {
        let (reason, text) = response.meaning();
        let verb = response.verb.to_lowercase();
        let message = match (of.is_empty(), response.name) {
            (true, _) => text,
            (false, "") => format!("{text} ({verb} {of})"),
            (false, name) => format!("{text} ({verb} {of} {name})"),
        };
        let unexpected = response.is_unexpected.then(|| Cause {
            reason: "UnexpectedServerResponse".into(),
            message: response.message.into(),
            field: Name::default(),
        });
        let details = Details {
            causes: unexpected.into_iter().collect(),
            retry_after_seconds: response.retry_after_seconds,
            ..details(of, response.name)
        };
        refusal(response.code, reason, message, Some(details))
    }
}

impl GenericResponse<'_> {
    fn meaning(&self) -> (Reason, String) {
        let (reason, text) = match self.code {
            400 => (Reason::BadRequest, "the server rejected our request for an unknown reason"),
            401 => {
                (Reason::Unauthorized, "the server has asked for the client to provide credentials")
            }
            403 => (Reason::Forbidden, self.message),
            404 => (Reason::NotFound, "the server could not find the requested resource"),
            405 => (
                Reason::MethodNotAllowed,
                "the server does not allow this method on the requested resource",
            ),
            406 if matches!(self.message, "" | "unknown") => (
                Reason::NotAcceptable,
                "the server was unable to respond with a content type that the client supports",
            ),
            406 => (Reason::NotAcceptable, self.message),
            409 if self.verb == "POST" => (Reason::AlreadyExists, "the server reported a conflict"),
            409 => (Reason::Conflict, "the server reported a conflict"),
            415 => (Reason::UnsupportedMediaType, self.message),
            422 => {
                (Reason::Invalid, "the server rejected our request due to an error in our request")
            }
            429 => (
                Reason::TooManyRequests,
                "the server has received too many requests and has asked us to try again later",
            ),
            503 => {
                (Reason::ServiceUnavailable, "the server is currently unable to handle the request")
            }
            504 => (
                Reason::Timeout,
                "the server was unable to return a response in the time allotted, but may still \
                 be processing the request",
            ),
            code => return Self::other(code, self.message),
        };
        (reason, text.to_owned())
    }

    fn other(code: u16, message: &str) -> (Reason, String) {
        if code >= 500 {
            let text = format!(
                "an error on the server ({message:?}) has prevented the request from succeeding"
            );
            return (Reason::InternalError, text);
        }
        let text = format!(
            "the server responded with the status code {code} but did not return more information"
        );
        (Reason::Unknown, text)
    }
}
