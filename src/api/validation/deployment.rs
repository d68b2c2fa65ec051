//! Deployments and `ReplicaSets`.

use serde_json::Value;

use crate::api::validation::errors::Errors;
use crate::api::validation::path::Path;
use crate::api::validation::pod;
use crate::api::validation::read::{at, get, int, pairs, text};
use crate::api::validation::rule::{immutable, not_negative};
use crate::api::validation::selector;
use crate::api::validation::share::{at_most_all, is_zero, share};

/// A Deployment.
///
/// Source: kubernetes v1.36 pkg/apis/apps/validation/validation.go, `ValidateDeploymentSpec`
pub(super) fn deployment(object: &Value, errors: &mut Errors) {
    let path = Path::new("spec");
    let spec = at(object, "spec");
    not_negative(&path, spec, "replicas", errors);
    if selector::of_workload(&path, spec, "deployment", errors) {
        pod::lasting_template(&path, spec, "ReplicaSet", errors);
    }
    strategy(&path.child("strategy"), at(spec, "strategy"), errors);
    not_negative(&path, spec, "minReadySeconds", errors);
    not_negative(&path, spec, "revisionHistoryLimit", errors);
    not_negative(&path, spec, "progressDeadlineSeconds", errors);
    let deadline = int(spec, "progressDeadlineSeconds");
    let ready = int(spec, "minReadySeconds").unwrap_or_default();
    if let Some(deadline) = deadline.filter(|d| *d <= ready) {
        let detail = "must be greater than minReadySeconds";
        errors.invalid(&path.child("progressDeadlineSeconds"), deadline, detail);
    }
}

/// Source: kubernetes v1.36 pkg/apis/apps/validation/validation.go, `ValidateDeploymentStrategy`
fn strategy(path: &Path<'_>, strategy: &Value, errors: &mut Errors) {
    let rolling_path = path.child("rollingUpdate");
    let rolling = get(strategy, "rollingUpdate");
    match (text(strategy, "type"), rolling) {
        ("Recreate", None) => {}
        ("Recreate", Some(_)) => {
            let detail = "may not be specified when strategy `type` is 'Recreate'";
            errors.forbidden(&rolling_path, detail);
        }
        ("RollingUpdate", None) => {
            errors.required(&rolling_path, "this should be defaulted and never be nil");
        }
        ("RollingUpdate", Some(rolling)) => rolling_update(&rolling_path, rolling, errors),
        _ => errors.not_supported(path, strategy.clone(), &["Recreate", "RollingUpdate"]),
    }
}

/// Source: kubernetes v1.36 pkg/apis/apps/validation/validation.go,
/// `ValidateRollingUpdateDeployment`
fn rolling_update(path: &Path<'_>, rolling: &Value, errors: &mut Errors) {
    let (unavailable, surge) = (at(rolling, "maxUnavailable"), at(rolling, "maxSurge"));
    share(&path.child("maxUnavailable"), unavailable, errors);
    share(&path.child("maxSurge"), surge, errors);
    if is_zero(unavailable) && is_zero(surge) {
        let detail = "may not be 0 when `maxSurge` is 0";
        errors.invalid(&path.child("maxUnavailable"), unavailable.clone(), detail);
    }
    at_most_all(&path.child("maxUnavailable"), unavailable, errors);
}

/// A `ReplicaSet`.
///
/// Source: kubernetes v1.36 pkg/apis/apps/validation/validation.go, `ValidateReplicaSetSpec`
pub(super) fn replica_set(object: &Value, errors: &mut Errors) {
    let path = Path::new("spec");
    let spec = at(object, "spec");
    not_negative(&path, spec, "replicas", errors);
    not_negative(&path, spec, "minReadySeconds", errors);
    if selector::of_workload(&path, spec, "ReplicaSet", errors) {
        pod::lasting_template(&path, spec, "ReplicaSet", errors);
    }
}

/// The selector of a workload may not change.
///
/// Source: kubernetes v1.36 pkg/registry/apps/deployment/strategy.go,
/// `deploymentStrategy.ValidateUpdate`
pub(super) fn fixed_selector(new: &Value, old: &Value, errors: &mut Errors) {
    let field = |object| at(at(object, "spec"), "selector");
    immutable(&Path::new("spec").child("selector"), field(new), field(old), errors);
}

/// A `ReplicationController`.
///
/// Source: kubernetes v1.36 pkg/apis/core/validation/validation.go,
/// `ValidateReplicationControllerSpec`
pub(super) fn replication_controller(object: &Value, errors: &mut Errors) {
    let path = Path::new("spec");
    let spec = at(object, "spec");
    not_negative(&path, spec, "minReadySeconds", errors);
    if pairs(spec, "selector").next().is_none() {
        errors.required(&path.child("selector"), "");
    }
    not_negative(&path, spec, "replicas", errors);
    if get(spec, "template").is_none() {
        errors.required(&path.child("template"), "");
        return;
    }
    let labels = at(at(at(spec, "template"), "metadata"), "labels");
    if !pairs(spec, "selector").all(|(k, v)| get(labels, k).and_then(Value::as_str) == Some(v)) {
        let detail = "`selector` does not match template `labels`";
        errors.invalid(&path.child("template.metadata.labels"), labels.clone(), detail);
    }
    pod::lasting_template(&path, spec, "ReplicationController", errors);
}
