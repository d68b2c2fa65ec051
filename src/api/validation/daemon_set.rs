//! `DaemonSets` and `ControllerRevisions`.

use serde_json::Value;

use crate::api::validation::errors::Errors;
use crate::api::validation::path::Path;
use crate::api::validation::pod;
use crate::api::validation::read::{at, get, text};
use crate::api::validation::rule::{immutable, not_negative};
use crate::api::validation::selector;
use crate::api::validation::share::{at_most_all, is_zero, share};

/// A `DaemonSet`.
///
/// Source: kubernetes v1.36 pkg/apis/apps/validation/validation.go, `ValidateDaemonSetSpec`
pub(super) fn daemon_set(object: &Value, errors: &mut Errors) {
    let path = Path::new("spec");
    let spec = at(object, "spec");
    let chosen = at(spec, "selector");
    selector::label_selector(&path.child("selector"), chosen, errors);
    if selector::is_well_formed(chosen) {
        selector::matches_template(&path, spec, errors);
    }
    if selector::is_empty_selector(chosen) {
        let detail = "empty selector is invalid for daemonset";
        errors.invalid(&path.child("selector"), chosen.clone(), detail);
    }
    pod::lasting_template(&path, spec, "DaemonSet", errors);
    not_negative(&path, spec, "minReadySeconds", errors);
    strategy(&path.child("updateStrategy"), at(spec, "updateStrategy"), errors);
    not_negative(&path, spec, "revisionHistoryLimit", errors);
}

fn strategy(path: &Path<'_>, strategy: &Value, errors: &mut Errors) {
    let rolling_path = path.child("rollingUpdate");
    match (text(strategy, "type"), get(strategy, "rollingUpdate")) {
        ("OnDelete", _) => {}
        ("RollingUpdate", None) => errors.required(&rolling_path, ""),
        ("RollingUpdate", Some(rolling)) => rolling_update(&rolling_path, rolling, errors),
        _ => errors.not_supported(path, strategy.clone(), &["RollingUpdate", "OnDelete"]),
    }
}

/// Exactly one of surge and unavailability.
///
/// Source: kubernetes v1.36 pkg/apis/apps/validation/validation.go,
/// `ValidateRollingUpdateDaemonSet`
fn rolling_update(path: &Path<'_>, rolling: &Value, errors: &mut Errors) {
    let (unavailable, surge) = (at(rolling, "maxUnavailable"), at(rolling, "maxSurge"));
    let (unavailable_path, surge_path) = (path.child("maxUnavailable"), path.child("maxSurge"));
    share(&unavailable_path, unavailable, errors);
    share(&surge_path, surge, errors);
    at_most_all(&unavailable_path, unavailable, errors);
    at_most_all(&surge_path, surge, errors);
    match (is_zero(unavailable), is_zero(surge)) {
        (false, false) => {
            let detail = "may not be set when maxUnavailable is non-zero";
            errors.invalid(&surge_path, surge.clone(), detail);
        }
        (true, true) => errors.required(&unavailable_path, "cannot be 0 when maxSurge is 0"),
        (true, false) | (false, true) => {}
    }
}

/// A `ControllerRevision`.
///
/// Source: kubernetes v1.36 pkg/apis/apps/validation/validation.go, `ValidateControllerRevision`
pub(super) fn revision(object: &Value, errors: &mut Errors) {
    if get(object, "data").is_none() {
        errors.required(&Path::new("data"), "data is mandatory");
    }
    if let Some(revision) = object.get("revision").and_then(Value::as_i64).filter(|r| *r < 0) {
        let detail = "must be greater than or equal to 0";
        errors.invalid(&Path::new("revision"), revision, detail);
    }
}

/// A changed `ControllerRevision`: its data stays.
pub(super) fn revision_update(new: &Value, old: &Value, errors: &mut Errors) {
    revision(new, errors);
    immutable(&Path::new("data"), at(new, "data"), at(old, "data"), errors);
}
