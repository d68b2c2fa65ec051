//! Workloads of apps/v1, and the `ReplicationController`.

use serde_json::{Value, json};

use super::{field, given, items, set};
use crate::api::validation::read::{at, is_empty, text};

/// Source: kubernetes v1.36 pkg/apis/apps/v1/defaults.go, `SetDefaults_Deployment`
pub(super) fn deployment(object: &mut Value) {
    let spec = field(object, "spec");
    set(spec, "replicas", || json!(1));
    let strategy = field(spec, "strategy");
    set(strategy, "type", || json!("RollingUpdate"));
    if text(strategy, "type") == "RollingUpdate" {
        let rolling = field(strategy, "rollingUpdate");
        set(rolling, "maxUnavailable", || json!("25%"));
        set(rolling, "maxSurge", || json!("25%"));
    }
    set(spec, "revisionHistoryLimit", || json!(10));
    set(spec, "progressDeadlineSeconds", || json!(600));
    super::pod::template(field(spec, "template"));
}

/// Source: kubernetes v1.36 pkg/apis/apps/v1/defaults.go, `SetDefaults_ReplicaSet`
pub(super) fn replica_set(object: &mut Value) {
    let spec = field(object, "spec");
    set(spec, "replicas", || json!(1));
    super::pod::template(field(spec, "template"));
}

/// Source: kubernetes v1.36 pkg/apis/core/v1/defaults.go, `SetDefaults_ReplicationController`
pub(super) fn replication_controller(object: &mut Value) {
    let spec = field(object, "spec");
    set(spec, "replicas", || json!(1));
    let labels = at(at(at(spec, "template"), "metadata"), "labels").clone();
    if let Some(template) = given(spec, "template") {
        super::pod::template(template);
    }
    if labels.is_null() {
        return;
    }
    if is_empty(at(spec, "selector")) {
        spec["selector"] = labels.clone();
    }
    labels_from(object, labels);
}

/// An object without labels takes its template's.
pub(super) fn labels_from(object: &mut Value, labels: Value) {
    let metadata = field(object, "metadata");
    if !is_empty(&labels) && is_empty(at(metadata, "labels")) {
        metadata["labels"] = labels;
    }
}

/// Source: kubernetes v1.36 pkg/apis/apps/v1/defaults.go, `SetDefaults_StatefulSet`
pub(super) fn stateful_set(object: &mut Value) {
    let spec = field(object, "spec");
    set(spec, "podManagementPolicy", || json!("OrderedReady"));
    let strategy = field(spec, "updateStrategy");
    if text(strategy, "type").is_empty() {
        strategy["type"] = json!("RollingUpdate");
        field(strategy, "rollingUpdate");
    }
    if text(strategy, "type") == "RollingUpdate"
        && let Some(rolling) = given(strategy, "rollingUpdate")
    {
        set(rolling, "partition", || json!(0));
    }
    let retention = field(spec, "persistentVolumeClaimRetentionPolicy");
    set(retention, "whenDeleted", || json!("Retain"));
    set(retention, "whenScaled", || json!("Retain"));
    set(spec, "replicas", || json!(1));
    set(spec, "revisionHistoryLimit", || json!(10));
    super::pod::template(field(spec, "template"));
    for claim in items(spec, "volumeClaimTemplates") {
        set(claim, "apiVersion", || json!("v1"));
        set(claim, "kind", || json!("PersistentVolumeClaim"));
        super::core::claim(field(claim, "spec"));
        set(field(claim, "status"), "phase", || json!("Pending"));
    }
}

/// Source: kubernetes v1.36 pkg/apis/apps/v1/defaults.go, `SetDefaults_DaemonSet`
pub(super) fn daemon_set(object: &mut Value) {
    let spec = field(object, "spec");
    let strategy = field(spec, "updateStrategy");
    set(strategy, "type", || json!("RollingUpdate"));
    if text(strategy, "type") == "RollingUpdate" {
        let rolling = field(strategy, "rollingUpdate");
        set(rolling, "maxUnavailable", || json!(1));
        set(rolling, "maxSurge", || json!(0));
    }
    set(spec, "revisionHistoryLimit", || json!(10));
    super::pod::template(field(spec, "template"));
}
