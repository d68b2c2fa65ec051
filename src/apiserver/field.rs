//! The fields that field selectors can ask for, by kind.

use crate::api::core::event::Event;
use crate::api::core::pod::RestartPolicy;
use crate::api::object::{Kind, Object};

/// Fields of a kind beside `metadata.name` and `metadata.namespace`.
///
/// Source: kubernetes v1.36 pkg/apis/*/v1/conversion.go, `AddFieldLabelConversionsFor…`
pub fn supported(kind: Kind) -> &'static [&'static str] {
    match kind {
        Kind::POD => &[
            "spec.nodeName",
            "spec.restartPolicy",
            "spec.schedulerName",
            "spec.serviceAccountName",
            "spec.hostNetwork",
            "status.phase",
            "status.podIP",
            "status.nominatedNodeName",
        ],
        Kind::NODE => &["spec.unschedulable"],
        Kind::NAMESPACE => &["status.phase"],
        Kind::EVENT => &[
            "involvedObject.kind",
            "involvedObject.namespace",
            "involvedObject.name",
            "involvedObject.uid",
            "involvedObject.fieldPath",
            "reason",
            "type",
            "source",
            "reportingComponent",
        ],
        Kind::REPLICA_SET | Kind::REPLICATION_CONTROLLER => &["status.replicas"],
        Kind::JOB => &["status.successful"],
        Kind::SECRET => &["type"],
        _ => &[],
    }
}

/// The value of a field; none when it is absent or the kind does not have it.
pub fn value<'a>(object: &'a Object, field: &str) -> Option<&'a str> {
    match field {
        "metadata.name" => return Some(&object.meta().name),
        "metadata.namespace" => return Some(&object.meta().namespace),
        _ => {}
    }
    if let Object::Pod(pod) = object {
        return match field {
            "spec.nodeName" => Some(&pod.node_name),
            "status.phase" => Some(pod.status.phase.as_str()),
            "spec.schedulerName" => Some(&pod.spec.scheduler_name),
            "spec.serviceAccountName" => Some(&pod.spec.service_account_name),
            "spec.hostNetwork" => Some(if pod.spec.host_network { "true" } else { "false" }),
            "status.podIP" => Some(&pod.status.pod_ip),
            "status.nominatedNodeName" => Some(&pod.status.nominated_node_name),
            "spec.restartPolicy" => Some(match pod.spec.restart_policy {
                RestartPolicy::Always => "Always",
                RestartPolicy::OnFailure => "OnFailure",
                RestartPolicy::Never => "Never",
            }),
            _ => None,
        };
    }
    if let Object::Event(event) = object {
        return of_event(event, field);
    }
    match (object, field) {
        (Object::Node(node), "spec.unschedulable") => {
            Some(if node.spec.unschedulable { "true" } else { "false" })
        }
        (Object::Namespace(namespace), "status.phase") => Some(&namespace.status.phase),
        (Object::Opaque(opaque), "type") if opaque.kind == Kind::SECRET => {
            opaque.body.get("type").and_then(serde_json::Value::as_str)
        }
        _ => None,
    }
}

fn of_event<'e>(event: &'e Event, field: &str) -> Option<&'e str> {
    let (body, about) = (&event.body, &event.body.involved_object);
    match field {
        "involvedObject.kind" => Some(&about.kind),
        "involvedObject.namespace" => Some(&about.namespace),
        "involvedObject.name" => Some(&about.name),
        "involvedObject.fieldPath" => Some(&about.field_path),
        "reason" => Some(&body.reason),
        "type" => Some(&body.origin.kind),
        "source" => Some(&body.origin.source.component),
        "reportingComponent" => Some(&body.origin.reporting_component),
        _ => None,
    }
}
