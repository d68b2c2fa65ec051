//! The spec of a pod, in a pod or in a template.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::api::names;
use crate::api::validation::affinity;
use crate::api::validation::container::{self, Surroundings};
use crate::api::validation::errors::Errors;
use crate::api::validation::format;
use crate::api::validation::meta::labels;
use crate::api::validation::path::Path;
use crate::api::validation::pod_resources;
use crate::api::validation::read::{at, flag, get, int, list, text};
use crate::api::validation::rule::{if_given_as, one_of, one_of_if_given};
use crate::api::validation::security;
use crate::api::validation::volume;

/// Whether the object is a pod, or another one that holds a template of pods.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Whole {
    /// A pod.
    Pod,
    /// A template of pods.
    Template,
}

/// The spec of a pod; `pod` is the pod's name, empty in a template.
///
/// Source: kubernetes v1.36 pkg/apis/core/validation/validation.go, `ValidatePodSpec`
pub(super) fn pod_spec(
    path: &Path<'_>,
    spec: &Value,
    pod: &str,
    whole: Whole,
    errors: &mut Errors,
) {
    if int(spec, "terminationGracePeriodSeconds").is_none() {
        errors.required(&path.child("terminationGracePeriodSeconds"), "");
    }
    let volumes = volume::volumes(&path.child("volumes"), list(spec, "volumes"), pod, errors);
    let claims = resource_claims(&path.child("resourceClaims"), spec, errors);
    let around = Surroundings { spec, volumes, claims, whole };
    container::regular(&path.child("containers"), &around, errors);
    container::init(&path.child("initContainers"), &around, errors);
    container::ephemeral(&path.child("ephemeralContainers"), &around, errors);
    pod_resources::of_pod(path, spec, errors);
    host_network(&path.child("containers"), spec, whole, errors);
    one_of(path, spec, "restartPolicy", &["Always", "OnFailure", "Never"], errors);
    let policies = ["ClusterFirstWithHostNet", "ClusterFirst", "Default", "None"];
    one_of(path, spec, "dnsPolicy", &policies, errors);
    labels(&path.child("nodeSelector"), at(spec, "nodeSelector"), errors);
    security::of_pod(&path.child("securityContext"), spec, errors);
    affinity::affinity(&path.child("affinity"), at(spec, "affinity"), errors);
    dns_config(&path.child("dnsConfig"), spec, errors);
    gates(path, spec, errors);
    let constraints = path.child("topologySpreadConstraints");
    let list_of_constraints = list(spec, "topologySpreadConstraints");
    affinity::spread_constraints(&constraints, list_of_constraints, whole, errors);
    host_users(path, spec, errors);
    names(path, spec, errors);
    active_deadline(&path.child("activeDeadlineSeconds"), spec, errors);
    affinity::tolerations(&path.child("tolerations"), list(spec, "tolerations"), errors);
    host_aliases(&path.child("hostAliases"), list(spec, "hostAliases"), errors);
    one_of_if_given(path, spec, "preemptionPolicy", &["PreemptLowerPriority", "Never"], errors);
    pod_resources::overhead(&path.child("overhead"), at(spec, "overhead"), errors);
    operating_system(path, spec, errors);
}

/// Names of other objects, and the pod's own host name.
fn names(path: &Path<'_>, spec: &Value, errors: &mut Errors) {
    for field in ["serviceAccountName", "nodeName", "priorityClassName", "runtimeClassName"] {
        if_given_as(path, spec, field, names::dns1123_subdomain, errors);
    }
    for field in ["hostname", "subdomain"] {
        if_given_as(path, spec, field, names::dns1123_label, errors);
    }
}

fn active_deadline(path: &Path<'_>, spec: &Value, errors: &mut Errors) {
    let is_right = |seconds: &i64| (1..=i64::from(i32::MAX)).contains(seconds);
    if let Some(seconds) = int(spec, "activeDeadlineSeconds").filter(|s| !is_right(s)) {
        errors.invalid(path, seconds, "must be between 1 and 2147483647, inclusive");
    }
}

/// Source: kubernetes v1.36 pkg/apis/core/validation/validation.go, `validatePodResourceClaim`
fn resource_claims<'a>(path: &Path<'_>, spec: &'a Value, errors: &mut Errors) -> BTreeSet<&'a str> {
    let mut names = BTreeSet::new();
    for (i, claim) in list(spec, "resourceClaims").iter().enumerate() {
        let path = path.index(i);
        let name = text(claim, "name");
        if name.is_empty() {
            errors.required(&path.child("name"), "");
        } else if names.insert(name) {
            errors.invalid_for(&path.child("name"), name, names::dns1123_label(name));
        } else {
            errors.duplicate(&path.child("name"), name);
        }
        let sources = ["resourceClaimName", "resourceClaimTemplateName"];
        let given = sources.iter().filter(|s| get(claim, s).is_some()).count();
        if given == 2 {
            let detail = "at most one of `resourceClaimName` or `resourceClaimTemplateName` may \
                          be specified";
            errors.invalid(&path, claim.clone(), detail);
        } else if given == 0 {
            let detail = "must specify one of: `resourceClaimName`, `resourceClaimTemplateName`";
            errors.invalid(&path, claim.clone(), detail);
        }
        for field in sources {
            if_given_as(&path, claim, field, names::dns1123_subdomain, errors);
        }
    }
    names
}

/// On the node's network a port of the node is the container's own.
///
/// Source: kubernetes v1.36 pkg/apis/core/validation/validation.go, `validatePodHostNetworkDeps`
fn host_network(path: &Path<'_>, spec: &Value, whole: Whole, errors: &mut Errors) {
    if !flag(spec, "hostNetwork") {
        return;
    }
    for (i, container) in list(spec, "containers").iter().enumerate() {
        let path = path.index(i);
        let path = path.child("ports");
        for (j, port) in list(container, "ports").iter().enumerate() {
            let host = int(port, "hostPort").unwrap_or_default();
            let own = int(port, "containerPort").unwrap_or_default();
            if host != own && (whole == Whole::Pod || host != 0) {
                let detail = "must match `containerPort` when `hostNetwork` is true";
                errors.invalid(&path.index(j).child("hostPort"), host, detail);
            }
        }
    }
}

/// Source: kubernetes v1.36 pkg/apis/core/validation/validation.go, `validatePodDNSConfig`
fn dns_config(path: &Path<'_>, spec: &Value, errors: &mut Errors) {
    const MOST_SERVERS: usize = 3;
    const MOST_SEARCHES: usize = 32;
    const MOST_CHARACTERS: usize = 2048;
    let config = at(spec, "dnsConfig");
    let (servers, searches) = (list(config, "nameservers"), list(config, "searches"));
    if text(spec, "dnsPolicy") == "None" && servers.is_empty() {
        if config.is_null() {
            errors.required(path, "must provide `dnsConfig` when `dnsPolicy` is None");
        } else {
            let detail = "must provide at least one DNS nameserver when `dnsPolicy` is None";
            errors.required(&path.child("nameservers"), detail);
        }
        return;
    }
    let servers_path = path.child("nameservers");
    if servers.len() > MOST_SERVERS {
        errors.invalid(&servers_path, servers.to_vec(), "must not have more than 3 nameservers");
    }
    for (i, server) in servers.iter().filter_map(Value::as_str).enumerate() {
        errors.invalid_for(&servers_path.index(i), server, format::ip(server));
    }
    let searches_path = path.child("searches");
    if searches.len() > MOST_SEARCHES {
        errors.invalid(
            &searches_path,
            searches.to_vec(),
            "must not have more than 32 search paths",
        );
    }
    let length: usize = searches.iter().filter_map(Value::as_str).map(|s| s.len() + 1).sum();
    if length > MOST_CHARACTERS + 1 {
        let detail =
            "must not have more than 2048 characters (including spaces) in the search list";
        errors.invalid(&searches_path, searches.to_vec(), detail);
    }
    for (i, search) in searches.iter().filter_map(Value::as_str).enumerate() {
        // Underscores are allowed in search paths, and a lone dot is the root.
        let plain = search.strip_suffix('.').unwrap_or(search).replace('_', "a");
        if search != "." {
            errors.invalid_for(&searches_path.index(i), search, names::dns1123_subdomain(&plain));
        }
    }
    let options = path.child("options");
    for (i, option) in list(config, "options").iter().enumerate() {
        if text(option, "name").is_empty() {
            errors.required(&options.index(i), "must not be empty");
        }
    }
}

/// Readiness gates and scheduling gates.
fn gates(path: &Path<'_>, spec: &Value, errors: &mut Errors) {
    let readiness = path.child("readinessGates");
    for (i, gate) in list(spec, "readinessGates").iter().enumerate() {
        let name = text(gate, "conditionType");
        let path = readiness.index(i);
        errors.invalid_for(&path.child("conditionType"), name, names::qualified_name(name));
    }
    let scheduling = path.child("schedulingGates");
    let mut seen = BTreeSet::new();
    for (i, gate) in list(spec, "schedulingGates").iter().enumerate() {
        let name = text(gate, "name");
        let path = scheduling.index(i);
        errors.invalid_for(&path, name, names::qualified_name(name));
        if !seen.insert(name) {
            errors.duplicate(&path, name);
        }
    }
}

/// Source: kubernetes v1.36 pkg/apis/core/validation/validation.go, `validateHostUsers`
fn host_users(path: &Path<'_>, spec: &Value, errors: &mut Errors) {
    if get(spec, "hostUsers").and_then(Value::as_bool) != Some(false) {
        return;
    }
    for (field, shown) in
        [("hostNetwork", "hostNetwork"), ("hostPID", "HostPID"), ("hostIPC", "HostIPC")]
    {
        if flag(spec, field) {
            errors.forbidden(&path.child(shown), "when `hostUsers` is false");
        }
    }
}

fn host_aliases(path: &Path<'_>, aliases: &[Value], errors: &mut Errors) {
    for (i, alias) in aliases.iter().enumerate() {
        let path = path.index(i);
        let address = text(alias, "ip");
        errors.invalid_for(&path.child("ip"), address, format::ip(address));
        let names = path.child("hostnames");
        for (j, name) in list(alias, "hostnames").iter().filter_map(Value::as_str).enumerate() {
            errors.invalid_for(&names.index(j), name, names::dns1123_subdomain(name));
        }
    }
}

/// Source: kubernetes v1.36 pkg/apis/core/validation/validation.go, `validateOS`
///
/// Differs: the fields that a Windows pod may not set are not checked, no Windows node is modelled.
fn operating_system(path: &Path<'_>, spec: &Value, errors: &mut Errors) {
    let Some(os) = get(spec, "os") else { return };
    let path = path.child("os");
    let name = text(os, "name");
    if name.is_empty() {
        errors.required(&path.child("name"), "cannot be empty");
    } else if !["linux", "windows"].contains(&name) {
        errors.not_supported(&path, name, &["linux", "windows"]);
    }
}
