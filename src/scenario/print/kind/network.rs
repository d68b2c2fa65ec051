//! Services, and what leads to and from them, in a table.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{Column, Sight, col, name, wide};
use crate::scenario::print::look::{
    age, at, int, join, labels, list, selector, shown, text, text_or,
};

/// So many entries of a list are shown before `+ N more...`.
const SHOWN: usize = 3;

/// The greatest length of a load balancer's addresses, but for `-o wide`.
const LOAD_BALANCER_WIDTH: usize = 16;

pub(super) const SERVICE: &[Column] = &[
    col("Name"),
    col("Type"),
    col("Cluster-IP"),
    col("External-IP"),
    col("Port(s)"),
    col("Age"),
    wide("Selector"),
];

/// Source: kubernetes v1.36 pkg/printers/internalversion/printers.go, `printService`
pub(super) fn service(object: &Value, sight: Sight) -> Vec<String> {
    let ips = list(object, "spec.clusterIPs");
    let ip = ips.first().map_or_else(|| text_or(object, "spec.clusterIP", "<none>"), shown);
    let ports = join(list(object, "spec.ports").iter().map(port), ",");
    vec![
        name(object),
        text(object, "spec.type").to_owned(),
        ip,
        external_ip(object, sight),
        if ports.is_empty() { "<none>".to_owned() } else { ports },
        age(object, sight.now),
        labels(object, "spec.selector"),
    ]
}

fn port(port: &Value) -> String {
    let (own, node, protocol) = (int(port, "port"), int(port, "nodePort"), text(port, "protocol"));
    if node > 0 { format!("{own}:{node}/{protocol}") } else { format!("{own}/{protocol}") }
}

/// Source: kubernetes v1.36 pkg/printers/internalversion/printers.go, `getServiceExternalIP`
fn external_ip(object: &Value, sight: Sight) -> String {
    let own = join(list(object, "spec.externalIPs").iter().map(shown), ",");
    match text(object, "spec.type") {
        "ClusterIP" | "NodePort" if own.is_empty() => "<none>".to_owned(),
        "ClusterIP" | "NodePort" => own,
        "LoadBalancer" => {
            let balancer = load_balancer(object, sight);
            match (balancer.is_empty(), own.is_empty()) {
                (true, true) => "<pending>".to_owned(),
                (true, false) => own,
                (false, true) => balancer,
                (false, false) => format!("{balancer},{own}"),
            }
        }
        "ExternalName" => text(object, "spec.externalName").to_owned(),
        _ => "<unknown>".to_owned(),
    }
}

/// Source: kubernetes v1.36 pkg/printers/internalversion/printers.go,
/// `loadBalancerStatusStringer`
fn load_balancer(object: &Value, sight: Sight) -> String {
    let mut all = BTreeSet::new();
    for ingress in list(object, "status.loadBalancer.ingress") {
        let found = text_or(ingress, "ip", text(ingress, "hostname"));
        if !found.is_empty() {
            all.insert(found);
        }
    }
    let whole = join(all.into_iter(), ",");
    if sight.wide || whole.len() <= LOAD_BALANCER_WIDTH {
        return whole;
    }
    let cut: String = whole.chars().take(LOAD_BALANCER_WIDTH - 3).collect();
    format!("{cut}...")
}

pub(super) const ENDPOINTS: &[Column] = &[col("Name"), col("Endpoints"), col("Age")];

/// Source: kubernetes v1.36 pkg/printers/internalversion/printers.go, `printEndpoints`
pub(super) fn endpoints(object: &Value, sight: Sight) -> Vec<String> {
    let mut all = Vec::new();
    for subset in list(object, "subsets") {
        let addresses = list(subset, "addresses").iter().map(|a| text(a, "ip"));
        let ports = list(subset, "ports");
        if ports.is_empty() {
            all.extend(addresses.clone().map(str::to_owned));
        }
        for port in ports {
            all.extend(addresses.clone().map(|ip| host_port(ip, int(port, "port"))));
        }
    }
    let cell = match list(object, "subsets") {
        [] => "<none>".to_owned(),
        [..] => first_few(&all),
    };
    vec![name(object), cell, age(object, sight.now)]
}

pub(super) const ENDPOINT_SLICE: &[Column] =
    &[col("Name"), col("AddressType"), col("Ports"), col("Endpoints"), col("Age")];

/// Source: kubernetes v1.36 pkg/printers/internalversion/printers.go, `printEndpointSlice`
pub(super) fn endpoint_slice(object: &Value, sight: Sight) -> Vec<String> {
    let port = |p: &Value| match p["port"].as_i64() {
        Some(port) => port.to_string(),
        None => text_or(p, "name", "*"),
    };
    let ports: Vec<String> = list(object, "ports").iter().map(port).collect();
    let addresses = list(object, "endpoints").iter().flat_map(|e| list(e, "addresses"));
    let addresses: Vec<String> = addresses.map(shown).collect();
    vec![
        name(object),
        text(object, "addressType").to_owned(),
        or_unset(first_few(&ports)),
        or_unset(first_few(&addresses)),
        age(object, sight.now),
    ]
}

pub(super) const INGRESS: &[Column] =
    &[col("Name"), col("Class"), col("Hosts"), col("Address"), col("Ports"), col("Age")];

/// Source: kubernetes v1.36 pkg/printers/internalversion/printers.go, `printIngress`
pub(super) fn ingress(object: &Value, sight: Sight) -> Vec<String> {
    let hosts = list(object, "spec.rules").iter().map(|r| text(r, "host").to_owned());
    let hosts: Vec<String> = hosts.filter(|h| !h.is_empty()).collect();
    let tls = !list(object, "spec.tls").is_empty();
    vec![
        name(object),
        text_or(object, "spec.ingressClassName", "<none>"),
        if hosts.is_empty() { "*".to_owned() } else { first_few(&hosts) },
        load_balancer(object, sight),
        (if tls { "80, 443" } else { "80" }).to_owned(),
        age(object, sight.now),
    ]
}

pub(super) const NETWORK_POLICY: &[Column] = &[col("Name"), col("Pod-Selector"), col("Age")];

/// Source: kubernetes v1.36 pkg/printers/internalversion/printers.go, `printNetworkPolicy`
pub(super) fn network_policy(object: &Value, sight: Sight) -> Vec<String> {
    let whom = selector(at(object, "spec"), "podSelector");
    vec![name(object), whom, age(object, sight.now)]
}

fn host_port(ip: &str, port: i64) -> String {
    if ip.contains(':') { format!("[{ip}]:{port}") } else { format!("{ip}:{port}") }
}

/// At most three entries, and how many more there are.
fn first_few(all: &[String]) -> String {
    let few = all[..all.len().min(SHOWN)].join(",");
    if all.len() > SHOWN { format!("{few} + {} more...", all.len() - SHOWN) } else { few }
}

fn or_unset(text: String) -> String {
    if text.is_empty() { "<unset>".to_owned() } else { text }
}
