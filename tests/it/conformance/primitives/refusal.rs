//! API errors.

use serde_json::{Value, json};
use wavetank::api::field::{FieldError, Path};
use wavetank::api::refusal::{
    GenericResponse, GroupResource, Reason, Refusal, StorageError, StorageVerb,
};

use crate::conformance::{Case, same};

const PREDICATES: [(&str, Reason); 16] = [
    ("IsAlreadyExists", Reason::AlreadyExists),
    ("IsBadRequest", Reason::BadRequest),
    ("IsConflict", Reason::Conflict),
    ("IsForbidden", Reason::Forbidden),
    ("IsGone", Reason::Gone),
    ("IsInternalError", Reason::InternalError),
    ("IsInvalid", Reason::Invalid),
    ("IsMethodNotSupported", Reason::MethodNotAllowed),
    ("IsNotFound", Reason::NotFound),
    ("IsRequestEntityTooLarge", Reason::RequestEntityTooLarge),
    ("IsResourceExpired", Reason::Expired),
    ("IsServerTimeout", Reason::ServerTimeout),
    ("IsServiceUnavailable", Reason::ServiceUnavailable),
    ("IsTimeout", Reason::Timeout),
    ("IsTooManyRequests", Reason::TooManyRequests),
    ("IsUnauthorized", Reason::Unauthorized),
];

pub(crate) fn api_errors(case: &Case<'_>) -> Result<(), String> {
    if case.input.get("storage_error").is_some() {
        return storage(case);
    }
    let refusal = construct(case.input)?;
    let mut status = refusal.to_status();
    let fields = status.as_object_mut().ok_or("a Status is an object")?;
    for field in ["kind", "apiVersion", "metadata"] {
        fields.remove(field);
    }
    let predicates: Vec<&str> =
        PREDICATES.iter().filter(|(_, class)| refusal.is(*class)).map(|(name, _)| *name).collect();
    let mut got = json!({ "status": status, "predicates": predicates });
    if let Some(delay) = refusal.suggested_delay_seconds() {
        got["suggested_delay_s"] = delay.into();
    }
    same(&got, case.want)
}

fn construct(input: &Value) -> Result<Refusal, String> {
    let text = |field: &str| input[field].as_str().unwrap_or_default();
    let number = |field: &str| input[field].as_u64().and_then(|n| u32::try_from(n).ok());
    let resource = GroupResource::parse(text("resource"));
    let kind = GroupResource::parse(text("kind"));
    let (name, seconds) = (text("name"), number("retry_after").unwrap_or(0));
    Ok(match text("error") {
        "NotFound" => Refusal::not_found(&resource, name),
        "AlreadyExists" => Refusal::already_exists(&resource, name),
        "GenerateNameConflict" => Refusal::generate_name_conflict(&resource, name, seconds),
        "Unauthorized" => Refusal::unauthorized(text("reason")),
        "Forbidden" => Refusal::forbidden(&resource, name, text("err")),
        "Conflict" => Refusal::conflict(&resource, name, text("err")),
        "Gone" => Refusal::gone(text("message")),
        "ResourceExpired" => Refusal::resource_expired(text("message")),
        "Invalid" => {
            let errors = input["errors"].as_array().ok_or("no errors")?;
            let errors = errors.iter().map(field_error).collect::<Result<Vec<_>, _>>()?;
            Refusal::invalid(&kind, name, &errors)
        }
        "BadRequest" => Refusal::bad_request(text("reason")),
        "TooManyRequests" => Refusal::too_many_requests(text("message"), seconds),
        "TooManyRequestsError" => Refusal::too_many_requests_error(text("message")),
        "ServiceUnavailable" => Refusal::service_unavailable(text("reason")),
        "MethodNotSupported" => Refusal::method_not_supported(&resource, text("action")),
        "ServerTimeout" => Refusal::server_timeout(&resource, text("action"), seconds),
        "ServerTimeoutForKind" => Refusal::server_timeout(&kind, text("action"), seconds),
        "InternalError" => Refusal::internal_error(text("err")),
        "TimeoutError" => Refusal::timeout(text("message"), seconds),
        "RequestEntityTooLarge" | "RequestEntityTooLargeError" => {
            Refusal::request_entity_too_large(text("message"))
        }
        "GenericServerResponse" => {
            let code = number("code").and_then(|n| u16::try_from(n).ok()).ok_or("no code")?;
            let response = GenericResponse {
                code,
                verb: text("verb"),
                name,
                message: text("server_message"),
                retry_after_seconds: seconds,
                is_unexpected: input["unexpected"].as_bool().unwrap_or(false),
            };
            Refusal::generic(&resource, response)
        }
        other => return Err(format!("unknown constructor {other}")),
    })
}

/// The errors go by short names in the cases.
fn field_error(name: &Value) -> Result<FieldError, String> {
    let at = |path: &str| path.split('.').fold(Path::default(), |at, part| at.child(part));
    Ok(match name.as_str().ok_or("no name")? {
        "Invalid value -1" => {
            FieldError::invalid(&at("spec.replicas"), -1, "must be greater than or equal to 0")
        }
        "Required labels" => FieldError::required(&at("metadata.labels"), ""),
        "Duplicate name" => FieldError::duplicate(&at("spec.ports[1].name"), "http"),
        "Forbidden" => FieldError::forbidden(&at("spec"), "updates are forbidden"),
        other => return Err(format!("unknown field error {other}")),
    })
}

fn storage(case: &Case<'_>) -> Result<(), String> {
    let text = |field: &str| case.input[field].as_str().unwrap_or_default();
    let verb = match text("operation") {
        "get" => StorageVerb::Get,
        "list" => StorageVerb::List,
        "create" => StorageVerb::Create,
        "update" => StorageVerb::Update,
        "delete" => StorageVerb::Delete,
        other => return Err(format!("unknown operation {other}")),
    };
    let error = match text("storage_error") {
        "key not found" | "not found" => StorageError::KeyNotFound,
        "key exists" | "already exists" => StorageError::KeyExists,
        "compare-and-swap conflict" => StorageError::Conflict,
        "precondition failed (invalid object)" => StorageError::InvalidObject,
        "unreachable" => StorageError::Unreachable,
        "request timeout" => StorageError::RequestTimeout,
        "corrupt object" => StorageError::CorruptObject,
        "internal error" => StorageError::Internal,
        other => return Err(format!("unknown storage error {other}")),
    };
    let refusal = Refusal::of_storage(verb, error, &GroupResource::new("", "pods"), "a");
    let mut got = format!("{:?}", refusal.reason);
    if let Some(delay) = refusal.suggested_delay_seconds() {
        got = format!("{got}, retry after {delay} s");
    }
    same(&json!({ "api_error": got }), case.want)
}
