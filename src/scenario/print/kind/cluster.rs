//! Nodes, namespaces and plain data in a table.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{Column, Sight, col, name, wide};
use crate::scenario::print::look::{
    age, at, condition, int, join, list, members, shown, text, text_or, truth,
};

pub(super) const NODE: &[Column] = &[
    col("Name"),
    col("Status"),
    col("Roles"),
    col("Age"),
    col("Version"),
    wide("Internal-IP"),
    wide("External-IP"),
    wide("OS-Image"),
    wide("Kernel-Version"),
    wide("Container-Runtime"),
];

/// Source: kubernetes v1.36 pkg/printers/internalversion/printers.go, `printNode`
pub(super) fn node(object: &Value, sight: Sight) -> Vec<String> {
    let mut status = match condition(object, "Ready") {
        Some("True") => "Ready",
        Some(_) => "NotReady",
        None => "Unknown",
    }
    .to_owned();
    if truth(object, "spec.unschedulable") {
        status.push_str(",SchedulingDisabled");
    }
    let info = at(object, "status.nodeInfo");
    vec![
        name(object),
        status,
        node_roles(object),
        age(object, sight.now),
        text(info, "kubeletVersion").to_owned(),
        address(object, "InternalIP"),
        address(object, "ExternalIP"),
        text_or(info, "osImage", "<unknown>"),
        text_or(info, "kernelVersion", "<unknown>"),
        text_or(info, "containerRuntimeVersion", "<unknown>"),
    ]
}

fn address(object: &Value, kind: &str) -> String {
    let all = list(object, "status.addresses");
    let found = all.iter().find(|a| text(a, "type") == kind);
    found.map_or_else(|| "<none>".to_owned(), |a| text(a, "address").to_owned())
}

/// The roles that a node's labels name; `<none>` without any.
///
/// Source: kubernetes v1.36 pkg/printers/internalversion/printers.go, `findNodeRoles`
pub(in crate::scenario::print) fn node_roles(object: &Value) -> String {
    let mut roles = BTreeSet::new();
    for (key, value) in members(object, "metadata.labels") {
        if let Some(role) = key.strip_prefix("node-role.kubernetes.io/") {
            if !role.is_empty() {
                roles.insert(role.to_owned());
            }
        } else if key == "kubernetes.io/role" && value != "" {
            roles.insert(shown(value));
        }
    }
    if roles.is_empty() { "<none>".to_owned() } else { join(roles.into_iter(), ",") }
}

pub(super) const NAMESPACE: &[Column] = &[col("Name"), col("Status"), col("Age")];

/// Source: kubernetes v1.36 pkg/printers/internalversion/printers.go, `printNamespace`
pub(super) fn namespace(object: &Value, sight: Sight) -> Vec<String> {
    vec![name(object), text(object, "status.phase").to_owned(), age(object, sight.now)]
}

pub(super) const CONFIG_MAP: &[Column] = &[col("Name"), col("Data"), col("Age")];

/// Source: kubernetes v1.36 pkg/printers/internalversion/printers.go, `printConfigMap`
pub(super) fn config_map(object: &Value, sight: Sight) -> Vec<String> {
    let count = members(object, "data").len() + members(object, "binaryData").len();
    vec![name(object), count.to_string(), age(object, sight.now)]
}

pub(super) const SECRET: &[Column] = &[col("Name"), col("Type"), col("Data"), col("Age")];

/// Source: kubernetes v1.36 pkg/printers/internalversion/printers.go, `printSecret`
pub(super) fn secret(object: &Value, sight: Sight) -> Vec<String> {
    let count = members(object, "data").len();
    let kind = text(object, "type").to_owned();
    vec![name(object), kind, count.to_string(), age(object, sight.now)]
}

pub(super) const SERVICE_ACCOUNT: &[Column] = &[col("Name"), col("Secrets"), col("Age")];

/// Source: kubernetes v1.36 pkg/printers/internalversion/printers.go, `printServiceAccount`
pub(super) fn service_account(object: &Value, sight: Sight) -> Vec<String> {
    vec![name(object), list(object, "secrets").len().to_string(), age(object, sight.now)]
}

pub(super) const LEASE: &[Column] = &[col("Name"), col("Holder"), col("Age")];

/// Source: kubernetes v1.36 pkg/printers/internalversion/printers.go, `printLease`
pub(super) fn lease(object: &Value, sight: Sight) -> Vec<String> {
    vec![name(object), text(object, "spec.holderIdentity").to_owned(), age(object, sight.now)]
}

pub(super) const PRIORITY_CLASS: &[Column] =
    &[col("Name"), col("Value"), col("Global-Default"), col("Age"), col("PreemptionPolicy")];

/// Source: kubernetes v1.36 pkg/printers/internalversion/printers.go, `printPriorityClass`
pub(super) fn priority_class(object: &Value, sight: Sight) -> Vec<String> {
    vec![
        name(object),
        int(object, "value").to_string(),
        truth(object, "globalDefault").to_string(),
        age(object, sight.now),
        text(object, "preemptionPolicy").to_owned(),
    ]
}

pub(super) const QUOTA: &[Column] = &[col("Name"), col("Request"), col("Limit"), col("Age")];

/// Source: kubernetes v1.36 pkg/printers/internalversion/printers.go, `printResourceQuota`
pub(super) fn quota(object: &Value, sight: Sight) -> Vec<String> {
    let used = |resource: &str| {
        let found = shown(&object["status"]["used"][resource]);
        if found.is_empty() { "0".to_owned() } else { found }
    };
    let (mut requests, mut limits) = (Vec::new(), Vec::new());
    for (resource, hard) in members(object, "status.hard") {
        let line = format!("{resource}: {}/{}", used(resource), shown(hard));
        if resource.starts_with("limits") { limits.push(line) } else { requests.push(line) }
    }
    vec![name(object), requests.join(", "), limits.join(", "), age(object, sight.now)]
}
