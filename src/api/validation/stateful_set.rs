//! `StatefulSets`.

use serde_json::Value;

use crate::api::names;
use crate::api::validation::claim;
use crate::api::validation::errors::Errors;
use crate::api::validation::path::Path;
use crate::api::validation::pod;
use crate::api::validation::read::{at, get, list, same, text};
use crate::api::validation::rule::{if_given_as, known_value, not_negative};
use crate::api::validation::selector;
use crate::api::validation::share::{at_most_all, is_zero, share};

/// What an update may change.
const UPDATABLE: [&str; 7] = [
    "replicas",
    "ordinals",
    "template",
    "updateStrategy",
    "revisionHistoryLimit",
    "persistentVolumeClaimRetentionPolicy",
    "minReadySeconds",
];

/// A `StatefulSet`.
///
/// Source: kubernetes v1.36 pkg/apis/apps/validation/validation.go, `ValidateStatefulSetSpec`
pub(super) fn stateful_set(object: &Value, errors: &mut Errors) {
    let path = Path::new("spec");
    let spec = at(object, "spec");
    let policy = text(spec, "podManagementPolicy");
    if !["OrderedReady", "Parallel"].contains(&policy) {
        let detail = "must be 'OrderedReady' or 'Parallel'";
        errors.invalid(&path.child("podManagementPolicy"), policy, detail);
    }
    strategy(&path.child("updateStrategy"), at(spec, "updateStrategy"), errors);
    let retention = at(spec, "persistentVolumeClaimRetentionPolicy");
    let retention_path = path.child("persistentVolumeClaimRetentionPolicy");
    for field in ["whenDeleted", "whenScaled"].iter().filter(|_| !retention.is_null()) {
        let value = text(retention, field);
        known_value(&retention_path.child(field), value, &["Retain", "Delete"], errors);
    }
    not_negative(&path, spec, "replicas", errors);
    not_negative(&path, spec, "minReadySeconds", errors);
    not_negative(&path.child("ordinals"), at(spec, "ordinals"), "start", errors);
    if selector::of_workload(&path, spec, "statefulset", errors) {
        template(&path, spec, errors);
    }
    if_given_as(&path, spec, "serviceName", names::dns1123_label, errors);
    claims(&path.child("volumeClaimTemplates"), spec, errors);
}

/// The pods mount the claims of the set as volumes, so that the template is looked at with them.
///
/// Source: kubernetes v1.36 pkg/apis/apps/validation/validation.go,
/// `ValidatePodTemplateSpecForStatefulSet`
fn template(path: &Path<'_>, spec: &Value, errors: &mut Errors) {
    let mut with_claims = spec.clone();
    let claims = list(spec, "volumeClaimTemplates").iter().map(|claim| {
        let name = text(at(claim, "metadata"), "name");
        serde_json::json!({"name": name, "persistentVolumeClaim": {"claimName": name}})
    });
    let own = list(at(at(spec, "template"), "spec"), "volumes");
    let claims = claims.filter(|c| own.iter().all(|v| text(v, "name") != text(c, "name")));
    let volumes: Vec<Value> = own.iter().cloned().chain(claims).collect();
    with_claims["template"]["spec"]["volumes"] = volumes.into();
    pod::lasting_template(path, &with_claims, "StatefulSet", errors);
}

fn claims(path: &Path<'_>, spec: &Value, errors: &mut Errors) {
    for (i, template) in list(spec, "volumeClaimTemplates").iter().enumerate() {
        let path = path.index(i);
        claim::spec(&path.child("spec"), at(template, "spec"), errors);
    }
}

fn strategy(path: &Path<'_>, strategy: &Value, errors: &mut Errors) {
    let rolling_path = path.child("rollingUpdate");
    let rolling = get(strategy, "rollingUpdate");
    match (text(strategy, "type"), rolling) {
        ("", _) => errors.required(path, ""),
        ("OnDelete", Some(rolling)) => {
            let detail = "only allowed for updateStrategy 'RollingUpdate'";
            errors.invalid(&rolling_path, rolling.clone(), detail);
        }
        ("RollingUpdate", Some(rolling)) => rolling_update(&rolling_path, rolling, errors),
        ("OnDelete" | "RollingUpdate", None) => {}
        _ => errors.invalid(path, strategy.clone(), "must be 'RollingUpdate' or 'OnDelete'"),
    }
}

/// Source: kubernetes v1.36 pkg/apis/apps/validation/validation.go,
/// `validateRollingUpdateStatefulSet`
fn rolling_update(path: &Path<'_>, rolling: &Value, errors: &mut Errors) {
    not_negative(path, rolling, "partition", errors);
    let Some(unavailable) = get(rolling, "maxUnavailable") else { return };
    let path = path.child("maxUnavailable");
    share(&path, unavailable, errors);
    if is_zero(unavailable) {
        errors.invalid(&path, unavailable.clone(), "cannot be 0");
    }
    at_most_all(&path, unavailable, errors);
}

/// A changed `StatefulSet`.
///
/// Source: kubernetes v1.36 pkg/apis/apps/validation/validation.go, `ValidateStatefulSetUpdate`
pub(super) fn update(new: &Value, old: &Value, errors: &mut Errors) {
    stateful_set(new, errors);
    let mut masked = at(new, "spec").clone();
    for field in UPDATABLE {
        masked[field] = at(at(old, "spec"), field).clone();
    }
    if !same(&masked, at(old, "spec")) {
        let detail = "updates to statefulset spec for fields other than 'replicas', 'ordinals', \
             'template', 'updateStrategy', 'revisionHistoryLimit', \
             'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden";
        errors.forbidden(&Path::new("spec"), detail);
    }
}
