//! What the apiserver fills in when it reads an object, before anything else looks at it.
//!
//! Responsible for the values that a manifest may leave out. It overwrites nothing that was given,
//! refuses nothing but what cannot be read, and knows no other object: what admission and the
//! kinds' strategies fill in comes later.

mod amount;
mod batch;
mod core;
mod pod;
mod workload;

use serde_json::{Value, json};

use crate::api::refusal::Refusal;

pub use amount::canonical_amounts;

/// Fills in what an object of this kind leaves out, and writes its amounts in their usual form.
///
/// # Errors
///
/// A bad request, when an amount cannot be read.
///
/// Source: kubernetes v1.36 pkg/apis, the `zz_generated.defaults.go` of each group
pub fn apply(kind: &str, object: &mut Value) -> Result<(), Refusal> {
    canonical_amounts(kind, object)?;
    match kind {
        "Pod" => pod::pod(object),
        "Deployment" => workload::deployment(object),
        "ReplicaSet" => workload::replica_set(object),
        "ReplicationController" => workload::replication_controller(object),
        "StatefulSet" => workload::stateful_set(object),
        "DaemonSet" => workload::daemon_set(object),
        "PodTemplate" => pod::template(field(object, "template")),
        "Job" => batch::job(object),
        "CronJob" => batch::cron_job(object),
        "HorizontalPodAutoscaler" => batch::autoscaler(object),
        "Service" => core::service(object),
        "Namespace" => core::namespace(object),
        "Node" => core::node(object),
        "Secret" => core::secret(object),
        "PersistentVolume" => core::volume(object),
        "PersistentVolumeClaim" => core::claim(field(object, "spec")),
        "PriorityClass" => core::priority_class(object),
        "StorageClass" => core::storage_class(object),
        "LimitRange" => core::limit_range(object),
        "Endpoints" => core::endpoints(object),
        "EndpointSlice" => core::endpoint_slice(object),
        _ => {}
    }
    Ok(())
}

/// Labels a namespace with its name.
pub(crate) fn namespace_label(object: &mut Value) {
    core::namespace(object);
}

/// The field, made an empty object if there is nothing.
pub(crate) fn field<'a>(object: &'a mut Value, name: &str) -> &'a mut Value {
    if object.get(name).is_none_or(Value::is_null) {
        object[name] = json!({});
    }
    &mut object[name]
}

/// Sets the field if it is absent, null or an empty text.
pub(crate) fn set(object: &mut Value, name: &str, value: impl FnOnce() -> Value) {
    let is_absent = match object.get(name) {
        None | Some(Value::Null) => true,
        Some(Value::String(text)) => text.is_empty(),
        Some(_) => false,
    };
    if is_absent {
        object[name] = value();
    }
}

/// Sets the field if it is absent, null or zero.
pub(crate) fn set_count(object: &mut Value, name: &str, value: i64) {
    if object.get(name).and_then(Value::as_i64).unwrap_or_default() == 0 {
        object[name] = value.into();
    }
}

/// The items of the field's list.
pub(crate) fn items<'a>(object: &'a mut Value, name: &str) -> impl Iterator<Item = &'a mut Value> {
    object.get_mut(name).and_then(Value::as_array_mut).into_iter().flatten()
}

/// The field, if it is there.
pub(crate) fn given<'a>(object: &'a mut Value, name: &str) -> Option<&'a mut Value> {
    object.get_mut(name).filter(|v| !v.is_null())
}
