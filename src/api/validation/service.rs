//! Services.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::api::names;
use crate::api::validation::errors::Errors;
use crate::api::validation::format;
use crate::api::validation::meta::labels;
use crate::api::validation::path::Path;
use crate::api::validation::probe::{port as port_or_name, port_number};
use crate::api::validation::read::{at, get, int, list, text, texts};
use crate::api::validation::rule::{if_given_as, one_of, one_of_if_given};

const TYPES: [&str; 4] = ["ClusterIP", "ExternalName", "LoadBalancer", "NodePort"];
const LONGEST_AFFINITY: i64 = 86_400;

/// A Service.
///
/// Source: kubernetes v1.36 pkg/apis/core/validation/validation.go, `ValidateService`
pub fn service(object: &Value, errors: &mut Errors) {
    let path = Path::new("spec");
    let spec = at(object, "spec");
    let ports_path = path.child("ports");
    let kind = text(spec, "type");
    if list(spec, "ports").is_empty() && !is_headless(spec) && kind != "ExternalName" {
        errors.required(&ports_path, "");
    }
    of_type(&path, spec, errors);
    ports(&ports_path, spec, errors);
    labels(&path.child("selector"), at(spec, "selector"), errors);
    session_affinity(&path, spec, errors);
    if kind != "ExternalName" {
        addresses(&path, spec, errors);
    }
    let external = path.child("externalIPs");
    for (i, address) in texts(spec, "externalIPs").enumerate() {
        errors.invalid_for(&external.index(i), address, format::ip(address));
    }
    one_of(&path, spec, "type", &TYPES, errors);
    port_pairs(&ports_path, spec, errors);
    load_balancer(&path, spec, errors);
    traffic(&path, spec, errors);
}

/// Whether a Service asks for no address of its own.
pub fn is_headless(spec: &Value) -> bool {
    let mut addresses = texts(spec, "clusterIPs");
    addresses.next() == Some("None") && addresses.next().is_none()
}

fn of_type(path: &Path<'_>, spec: &Value, errors: &mut Errors) {
    let kind = text(spec, "type");
    if ["LoadBalancer", "NodePort"].contains(&kind) && is_headless(spec) {
        let addresses = path.child("clusterIPs");
        let detail = format!("may not be set to 'None' for {kind} services");
        errors.invalid(&addresses.index(0), "None", detail);
    }
    if kind != "ExternalName" {
        return;
    }
    for field in ["clusterIPs", "ipFamilies"] {
        if !list(spec, field).is_empty() {
            errors.forbidden(&path.child(field), "may not be set for ExternalName services");
        }
    }
    if get(spec, "ipFamilyPolicy").is_some() {
        errors.forbidden(&path.child("ipFamilyPolicy"), "may not be set for ExternalName services");
    }
    let name = text(spec, "externalName");
    let bare = name.strip_suffix('.').unwrap_or(name);
    if bare.is_empty() {
        errors.required(&path.child("externalName"), "");
    } else {
        errors.invalid_for(&path.child("externalName"), bare, names::dns1123_subdomain(bare));
    }
}

/// Source: kubernetes v1.36 pkg/apis/core/validation/validation.go, `validateServicePort`
fn ports(path: &Path<'_>, spec: &Value, errors: &mut Errors) {
    let all = list(spec, "ports");
    let mut seen = BTreeSet::new();
    for (i, port) in all.iter().enumerate() {
        let path = path.index(i);
        let name = text(port, "name");
        if name.is_empty() {
            if all.len() > 1 {
                errors.required(&path.child("name"), "");
            }
        } else {
            errors.invalid_for(&path.child("name"), name, names::dns1123_label(name));
            if !seen.insert(name) {
                errors.duplicate(&path.child("name"), name);
            }
        }
        port_number(&path.child("port"), int(port, "port").unwrap_or_default(), errors);
        one_of(&path, port, "protocol", &["SCTP", "TCP", "UDP"], errors);
        port_or_name(&path.child("targetPort"), at(port, "targetPort"), errors);
        if_given_as(&path, port, "appProtocol", names::qualified_name, errors);
    }
}

fn port_pairs(path: &Path<'_>, spec: &Value, errors: &mut Errors) {
    let (mut node_ports, mut own) = (BTreeSet::new(), BTreeSet::new());
    for (i, port) in list(spec, "ports").iter().enumerate() {
        let path = path.index(i);
        let protocol = text(port, "protocol");
        if let Some(number) = int(port, "nodePort").filter(|n| *n != 0) {
            let node_port = path.child("nodePort");
            if text(spec, "type") == "ClusterIP" {
                errors.forbidden(&node_port, "may not be used when `type` is 'ClusterIP'");
            }
            if !node_ports.insert((protocol, number)) {
                errors.duplicate(&node_port, number);
            }
        }
        if !own.insert((protocol, int(port, "port"))) {
            errors.duplicate(&path, port.clone());
        }
    }
}

/// Source: kubernetes v1.36 pkg/apis/core/validation/validation.go,
/// `validateClientIPAffinityConfig`
fn session_affinity(path: &Path<'_>, spec: &Value, errors: &mut Errors) {
    one_of(path, spec, "sessionAffinity", &["ClientIP", "None"], errors);
    let config = at(spec, "sessionAffinityConfig");
    let config_path = path.child("sessionAffinityConfig");
    match text(spec, "sessionAffinity") {
        "ClientIP" => {
            let seconds_path = config_path.child("clientIP.timeoutSeconds");
            match int(at(config, "clientIP"), "timeoutSeconds") {
                None => errors.required(&seconds_path, "when session affinity type is ClientIP"),
                Some(seconds) if !(1..=LONGEST_AFFINITY).contains(&seconds) => {
                    let detail = "must be greater than 0 and less than 86400";
                    errors.invalid(&seconds_path, seconds, detail);
                }
                Some(_) => {}
            }
        }
        "None" if !config.is_null() => {
            errors.forbidden(&config_path, "must not be set when session affinity is None");
        }
        _ => {}
    }
}

/// Source: kubernetes v1.36 pkg/apis/core/validation/validation.go,
/// `ValidateServiceClusterIPsRelatedFields`
fn addresses(path: &Path<'_>, spec: &Value, errors: &mut Errors) {
    let all_path = path.child("clusterIPs");
    let first = text(spec, "clusterIP");
    let all = at(spec, "clusterIPs");
    match texts(spec, "clusterIPs").next() {
        None if !first.is_empty() => errors.required(&all_path, ""),
        Some(_) if first.is_empty() => {
            let detail = "must be empty when `clusterIP` is not specified";
            errors.invalid(&all_path, all.clone(), detail);
        }
        Some(other) if other != first => {
            errors.invalid(&all_path, all.clone(), "first value must match `clusterIP`");
        }
        Some(_) | None => {}
    }
    let families = path.child("ipFamilies");
    let mut seen = BTreeSet::new();
    for (i, family) in texts(spec, "ipFamilies").enumerate() {
        if !["IPv4", "IPv6"].contains(&family) {
            errors.not_supported(&families.index(i), family, &["IPv4", "IPv6"]);
        }
        if !seen.insert(family) {
            errors.duplicate(&families.index(i), family);
        }
    }
    let policies = ["PreferDualStack", "RequireDualStack", "SingleStack"];
    one_of_if_given(path, spec, "ipFamilyPolicy", &policies, errors);
    cluster_ips(&all_path, spec, errors);
}

fn cluster_ips(path: &Path<'_>, spec: &Value, errors: &mut Errors) {
    let all = at(spec, "clusterIPs");
    let count = list(spec, "clusterIPs").len();
    let before = errors.len();
    for (i, address) in texts(spec, "clusterIPs").enumerate() {
        if i == 0 && address == "None" {
            if count > 1 {
                errors.invalid(path, all.clone(), "'None' must be the first and only value");
            }
            continue;
        }
        errors.invalid_for(&path.index(i), address, format::ip(address));
    }
    let is_malformed = errors.len() > before;
    if count > 2 {
        errors.invalid(path, all.clone(), "may only hold up to 2 values");
    }
    let families = texts(spec, "clusterIPs").filter(|a| a.contains(':')).count();
    if !is_malformed && count > 1 && families != 1 {
        let detail = "may specify no more than one IP for each IP family";
        errors.invalid(path, all.clone(), detail);
    }
}

fn load_balancer(path: &Path<'_>, spec: &Value, errors: &mut Errors) {
    let is_balancer = text(spec, "type") == "LoadBalancer";
    let ranges = path.child("LoadBalancerSourceRanges");
    if !is_balancer && !list(spec, "loadBalancerSourceRanges").is_empty() {
        errors.forbidden(&ranges, "may only be used when `type` is 'LoadBalancer'");
    }
    for (i, range) in texts(spec, "loadBalancerSourceRanges").enumerate() {
        errors.invalid_for(&ranges.index(i), range, format::cidr(range.trim()));
    }
    for field in ["allocateLoadBalancerNodePorts", "loadBalancerClass"] {
        if !is_balancer && get(spec, field).is_some() {
            let detail = "may only be used when `type` is 'LoadBalancer'";
            errors.forbidden(&path.child(field), detail);
        }
    }
    if is_balancer && get(spec, "allocateLoadBalancerNodePorts").is_none() {
        errors.required(&Path::new("allocateLoadBalancerNodePorts"), "");
    }
    if_given_as(path, spec, "loadBalancerClass", names::qualified_name, errors);
}

/// Whether traffic from outside reaches the Service.
pub fn is_external(spec: &Value) -> bool {
    let kind = text(spec, "type");
    ["LoadBalancer", "NodePort"].contains(&kind)
        || (kind == "ClusterIP" && !list(spec, "externalIPs").is_empty())
}

/// Whether a load balancer needs a port to ask for health on.
pub fn needs_health_check(spec: &Value) -> bool {
    text(spec, "type") == "LoadBalancer" && text(spec, "externalTrafficPolicy") == "Local"
}

/// Source: kubernetes v1.36 pkg/apis/core/validation/validation.go,
/// `validateServiceExternalTrafficPolicy`, `validateServiceTrafficDistribution`
fn traffic(path: &Path<'_>, spec: &Value, errors: &mut Errors) {
    const DISTRIBUTIONS: [&str; 3] = ["PreferClose", "PreferSameZone", "PreferSameNode"];
    let known = ["Cluster", "Local"];
    let policy = text(spec, "externalTrafficPolicy");
    if is_external(spec) {
        one_of(path, spec, "externalTrafficPolicy", &known, errors);
    } else if !policy.is_empty() {
        let detail = "may only be set for externally-accessible services";
        errors.invalid(&path.child("externalTrafficPolicy"), policy, detail);
    }
    let health = int(spec, "healthCheckNodePort").unwrap_or_default();
    let health_path = path.child("healthCheckNodePort");
    match (needs_health_check(spec), health) {
        (true, 0) => errors.required(&health_path, ""),
        (true, number) => port_number(&health_path, number, errors),
        (false, 0) => {}
        (false, number) => {
            let detail = "may only be set when `type` is 'LoadBalancer' and \
                          `externalTrafficPolicy` is 'Local'";
            errors.invalid(&health_path, number, detail);
        }
    }
    match text(spec, "type") {
        "ClusterIP" | "NodePort" | "LoadBalancer" => {
            one_of(path, spec, "internalTrafficPolicy", &known, errors);
        }
        _ => one_of_if_given(path, spec, "internalTrafficPolicy", &known, errors),
    }
    one_of_if_given(path, spec, "trafficDistribution", &DISTRIBUTIONS, errors);
}

/// A changed Service: its addresses stay.
///
/// Source: kubernetes v1.36 pkg/apis/core/validation/validation.go, `ValidateServiceUpdate`
pub fn update(new: &Value, old: &Value, errors: &mut Errors) {
    let path = Path::new("spec");
    let (spec, before) = (at(new, "spec"), at(old, "spec"));
    let is_named = |spec| text(spec, "type") == "ExternalName";
    if !is_named(spec) && !is_named(before) {
        fixed_addresses(&path.child("clusterIPs"), spec, before, errors);
        fixed_families(&path.child("ipFamilies"), spec, before, errors);
    }
    if needs_health_check(spec) && needs_health_check(before) {
        let field = "healthCheckNodePort";
        if at(spec, field) != at(before, field) {
            errors.forbidden(&path.child(field), "field is immutable");
        }
    }
    service(new, errors);
}

fn fixed_addresses(path: &Path<'_>, spec: &Value, before: &Value, errors: &mut Errors) {
    let (new, old) = (list(spec, "clusterIPs"), list(before, "clusterIPs"));
    if is_headless(spec) && is_headless(before) {
        return;
    }
    if new.is_empty() && !old.is_empty() {
        let detail = "primary clusterIP can not be unset";
        errors.invalid(&path.index(0), at(spec, "clusterIPs").clone(), detail);
    }
    let common = if new.len() == old.len() { old.len() } else { 1 };
    for (i, (now, was)) in new.iter().zip(old).take(common).enumerate() {
        if now != was {
            let value = at(spec, "clusterIPs").clone();
            errors.invalid(&path.index(i), value, "may not change once set");
        }
    }
}

fn fixed_families(path: &Path<'_>, spec: &Value, before: &Value, errors: &mut Errors) {
    if is_headless(spec) || is_headless(before) {
        return;
    }
    let (new, old) = (list(spec, "ipFamilies"), list(before, "ipFamilies"));
    let common = if new.len() == old.len() { old.len() } else { 1 };
    for (now, was) in new.iter().zip(old).take(common) {
        if now != was {
            let value = at(spec, "ipFamilies").clone();
            errors.invalid(&path.index(0), value, "may not change once set");
        }
    }
}
