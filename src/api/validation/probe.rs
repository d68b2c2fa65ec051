//! Probes and lifecycle hooks: their handlers and thresholds.

use serde_json::Value;

use crate::api::names;
use crate::api::validation::errors::Errors;
use crate::api::validation::format;
use crate::api::validation::path::Path;
use crate::api::validation::read::{at, get, int, list, text};
use crate::api::validation::rule::{given, known_value, not_negative};

const PROBE_HANDLERS: [&str; 4] = ["exec", "httpGet", "tcpSocket", "grpc"];
const HOOK_HANDLERS: [&str; 4] = ["exec", "httpGet", "tcpSocket", "sleep"];

/// All probes and hooks of a container.
pub(super) fn of_container(
    path: &Path<'_>,
    container: &Value,
    grace: Option<i64>,
    errors: &mut Errors,
) {
    lifecycle(&path.child("lifecycle"), at(container, "lifecycle"), grace, errors);
    for name in ["livenessProbe", "readinessProbe", "startupProbe"] {
        if let Some(probe) = get(container, name) {
            one(&path.child(name), name, probe, errors);
        }
    }
}

/// Source: kubernetes v1.36 pkg/apis/core/validation/validation.go, `validateLivenessProbe`,
/// `validateReadinessProbe`, `validateStartupProbe`, `validateProbe`
fn one(path: &Path<'_>, name: &str, probe: &Value, errors: &mut Errors) {
    handler(path, probe, &PROBE_HANDLERS, None, errors);
    let counts = [
        "initialDelaySeconds",
        "timeoutSeconds",
        "periodSeconds",
        "successThreshold",
        "failureThreshold",
    ];
    for field in counts {
        not_negative(path, probe, field, errors);
    }
    let own_grace = path.child("terminationGracePeriodSeconds");
    let grace = int(probe, "terminationGracePeriodSeconds");
    if let Some(seconds) = grace.filter(|s| *s <= 0) {
        errors.invalid(&own_grace, seconds, "must be greater than 0");
    }
    if name == "readinessProbe" {
        if let Some(seconds) = grace {
            errors.invalid(&own_grace, seconds, "must not be set for readinessProbes");
        }
    } else if int(probe, "successThreshold").unwrap_or_default() != 1 {
        let value = at(probe, "successThreshold").clone();
        errors.invalid(&path.child("successThreshold"), value, "must be 1");
    }
}

/// Source: kubernetes v1.36 pkg/apis/core/validation/validation.go, `validateLifecycle`
fn lifecycle(path: &Path<'_>, lifecycle: &Value, grace: Option<i64>, errors: &mut Errors) {
    for name in ["postStart", "preStop"] {
        if let Some(hook) = get(lifecycle, name) {
            handler(&path.child(name), hook, &HOOK_HANDLERS, grace, errors);
        }
    }
}

/// Exactly one handler.
///
/// Source: kubernetes v1.36 pkg/apis/core/validation/validation.go, `validateHandler`
fn handler(
    path: &Path<'_>,
    object: &Value,
    kinds: &[&str],
    grace: Option<i64>,
    errors: &mut Errors,
) {
    let mut is_first = true;
    for kind in kinds {
        let Some(action) = get(object, kind) else { continue };
        let path = path.child(kind);
        if !is_first {
            errors.forbidden(&path, "may not specify more than 1 handler type");
            continue;
        }
        is_first = false;
        match *kind {
            "exec" if list(action, "command").is_empty() => {
                errors.required(&path.child("command"), "");
            }
            "httpGet" => http_get(&path, action, errors),
            "tcpSocket" | "grpc" => port(&path.child("port"), at(action, "port"), errors),
            "sleep" => sleep(&path, action, grace, errors),
            _ => {}
        }
    }
    if is_first {
        errors.required(path, "must specify a handler type");
    }
}

/// Source: kubernetes v1.36 pkg/apis/core/validation/validation.go, `validateHTTPGetAction`
fn http_get(path: &Path<'_>, action: &Value, errors: &mut Errors) {
    given(path, action, "path", errors);
    port(&path.child("port"), at(action, "port"), errors);
    known_value(&path.child("scheme"), text(action, "scheme"), &["HTTP", "HTTPS"], errors);
    for header in list(action, "httpHeaders") {
        let name = text(header, "name");
        errors.invalid_for(&path.child("httpHeaders"), name, format::http_header_name(name));
    }
}

/// A port by number or name.
///
/// Source: kubernetes v1.36 pkg/apis/core/validation/validation.go, `ValidatePortNumOrName`
pub(super) fn port(path: &Path<'_>, port: &Value, errors: &mut Errors) {
    if let Some(name) = port.as_str() {
        errors.invalid_for(path, name, names::port_name(name));
    } else {
        port_number(path, port.as_i64().unwrap_or_default(), errors);
    }
}

/// A port by number.
pub(super) fn port_number(path: &Path<'_>, number: i64, errors: &mut Errors) {
    for message in names::port_number(number) {
        errors.invalid(path, number, message);
    }
}

/// Source: kubernetes v1.36 pkg/apis/core/validation/validation.go, `validateSleepAction`
fn sleep(path: &Path<'_>, action: &Value, grace: Option<i64>, errors: &mut Errors) {
    let seconds = int(action, "seconds").unwrap_or_default();
    if let Some(grace) = grace.filter(|g| seconds < 0 || seconds > *g) {
        let detail =
            format!("must be non-negative and less than terminationGracePeriodSeconds ({grace})");
        errors.invalid(path, seconds, detail);
    }
}
