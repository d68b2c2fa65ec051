//! Which kinds count the changes of their desired state, and what counts as one.

use serde_json::Value;

use super::{generation_of, put, remove};
use crate::api::defaults::field;
use crate::api::validation::read::{at, same, text};

/// The kinds that count.
const COUNTED: [&str; 10] = [
    "CronJob",
    "DaemonSet",
    "Deployment",
    "Job",
    "Pod",
    "PodDisruptionBudget",
    "PriorityClass",
    "ReplicaSet",
    "ReplicationController",
    "StatefulSet",
];
/// Where a `DaemonSet` counts the changes of its template.
const TEMPLATE_GENERATION: &str = "deprecated.daemonset.template.generation";

/// A new object's first generation.
pub(super) fn first(kind: &str, object: &mut Value) {
    let metadata = field(object, "metadata");
    if COUNTED.contains(&kind) {
        metadata["generation"] = 1.into();
    } else {
        remove(metadata, "generation");
    }
    if kind == "DaemonSet" {
        set_template_generation(object, 1);
    }
}

/// One more, if what is wanted has changed; a Deployment's annotations are part of that.
///
/// Source: kubernetes v1.36 pkg/registry/apps/deployment/strategy.go,
/// `deploymentStrategy.PrepareForUpdate`
pub(super) fn next(kind: &str, new: &mut Value, old: &Value) {
    if !COUNTED.contains(&kind) || kind == "PriorityClass" {
        return;
    }
    if kind == "DaemonSet" {
        template_generation(new, old);
    }
    let annotations = |object| at(at(object, "metadata"), "annotations");
    let is_changed = !same(at(new, "spec"), at(old, "spec"))
        || (kind == "Deployment" && !same(annotations(new), annotations(old)));
    if is_changed {
        let next = generation_of(old) + 1;
        put(field(new, "metadata"), "generation", &next.into());
    }
}

/// Source: kubernetes v1.36 pkg/registry/apps/daemonset/strategy.go,
/// `daemonSetStrategy.PrepareForUpdate`
fn template_generation(new: &mut Value, old: &Value) {
    let annotations = at(at(old, "metadata"), "annotations");
    let before: i64 = text(annotations, TEMPLATE_GENERATION).parse().unwrap_or_default();
    let template = |object| at(at(object, "spec"), "template");
    let is_changed = !same(template(new), template(old));
    set_template_generation(new, before + i64::from(is_changed));
}

fn set_template_generation(object: &mut Value, generation: i64) {
    let annotations = field(field(object, "metadata"), "annotations");
    annotations[TEMPLATE_GENERATION] = generation.to_string().into();
}
