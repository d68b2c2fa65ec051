//! Services: what is put in order before an address is given.

use serde_json::{Value, json};

use super::{put, remove};
use crate::api::defaults::{field, items};
use crate::api::validation::read::{at, get, int, list, text};
use crate::api::validation::service::{is_external, needs_health_check};

/// Before a new object is prepared: a Service's one address is its list's first.
///
/// Source: kubernetes v1.36 pkg/registry/core/service/storage/storage.go, `normalizeClusterIPs`
pub fn begin_create(kind: &str, object: &mut Value) {
    if kind != "Service" {
        return;
    }
    let spec = field(object, "spec");
    let address = text(spec, "clusterIP").to_owned();
    if !address.is_empty() && list(spec, "clusterIPs").is_empty() {
        spec["clusterIPs"] = json!([address]);
    }
}

/// Before a changed object is prepared: a Service keeps what it was given and does not mention.
///
/// Source: kubernetes v1.36 pkg/registry/core/service/storage/storage.go, `patchAllocatedValues`
pub fn begin_update(kind: &str, new: &mut Value, old: &Value) {
    if kind != "Service" {
        return;
    }
    let spec = field(new, "spec");
    let before = at(old, "spec");
    let is_named = |spec| text(spec, "type") == "ExternalName";
    if !is_named(spec) && !is_named(before) {
        if text(spec, "clusterIP").is_empty() && list(spec, "clusterIPs").is_empty() {
            put(spec, "clusterIP", at(before, "clusterIP"));
            put(spec, "clusterIPs", at(before, "clusterIPs"));
        }
        for name in ["ipFamilies", "ipFamilyPolicy"] {
            if get(spec, name).is_none() {
                put(spec, name, at(before, name));
            }
        }
    }
    if has_node_ports(spec) && has_node_ports(before) {
        for port in items(spec, "ports") {
            node_port(port, list(before, "ports"));
        }
    }
    if int(spec, "healthCheckNodePort").is_none() && at(spec, "type") == at(before, "type") {
        put(spec, "healthCheckNodePort", at(before, "healthCheckNodePort"));
    }
    begin_create(kind, new);
}

fn node_port(port: &mut Value, before: &[Value]) {
    let is_same = |old: &&Value| {
        text(old, "protocol") == text(port, "protocol") && int(old, "port") == int(port, "port")
    };
    if int(port, "nodePort").unwrap_or_default() == 0
        && let Some(old) = before.iter().find(is_same)
    {
        let number = at(old, "nodePort").clone();
        put(port, "nodePort", &number);
    }
}

/// Whether Services of this spec's type have what a field is about.
type Needs = fn(&Value) -> bool;

/// A changed Service drops what its new type has no use for, unless the change speaks of it.
///
/// Source: kubernetes v1.36 pkg/registry/core/service/strategy.go, `dropTypeDependentFields`
pub(super) fn drop_dependent(new: &mut Value, old: &Value) {
    let has_address: Needs = |spec| text(spec, "type") != "ExternalName";
    let is_balanced: Needs = |spec| text(spec, "type") == "LoadBalancer";
    let dependent: [(&str, Needs); 8] = [
        ("clusterIP", has_address),
        ("clusterIPs", has_address),
        ("ipFamilies", has_address),
        ("ipFamilyPolicy", has_address),
        ("healthCheckNodePort", needs_health_check),
        ("allocateLoadBalancerNodePorts", is_balanced),
        ("loadBalancerClass", is_balanced),
        ("externalTrafficPolicy", is_external),
    ];
    let before = at(old, "spec");
    let spec = field(new, "spec");
    for (name, needs) in dependent {
        if needs(before) && !needs(spec) && at(spec, name) == at(before, name) {
            remove(spec, name);
        }
    }
    let ports = |spec| -> Vec<Option<i64>> {
        list(spec, "ports").iter().map(|p| int(p, "nodePort")).collect()
    };
    if has_node_ports(before) && !has_node_ports(spec) && ports(spec) == ports(before) {
        items(spec, "ports").for_each(|port| remove(port, "nodePort"));
    }
}

fn has_node_ports(spec: &Value) -> bool {
    ["NodePort", "LoadBalancer"].contains(&text(spec, "type"))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{begin_create, begin_update, drop_dependent};

    fn service(spec: &Value) -> Value {
        json!({"kind": "Service", "spec": spec})
    }

    #[test]
    fn a_headless_service_may_name_its_address_once() {
        let mut object = service(&json!({"clusterIP": "None"}));
        begin_create("Service", &mut object);
        assert_eq!(object["spec"]["clusterIPs"], json!(["None"]));
    }

    #[test]
    fn a_service_keeps_the_address_and_ports_that_an_update_leaves_out() {
        let port = json!({"port": 80, "protocol": "TCP", "nodePort": 30_000});
        let old = json!({
            "type": "NodePort", "clusterIP": "10.0.0.1", "clusterIPs": ["10.0.0.1"],
            "ports": [port],
        });
        let new = json!({"type": "NodePort", "ports": [{"port": 80, "protocol": "TCP"}]});
        let mut new = service(&new);
        begin_update("Service", &mut new, &service(&old));
        assert_eq!(new["spec"], old);
    }

    #[test]
    fn a_service_of_another_type_drops_what_it_has_no_use_for() {
        let old = json!({
            "type": "NodePort", "externalTrafficPolicy": "Cluster",
            "ports": [{"port": 80, "nodePort": 30_000}],
        });
        let mut new = old.clone();
        new["type"] = "ClusterIP".into();
        let mut new = service(&new);
        drop_dependent(&mut new, &service(&old));
        assert_eq!(new["spec"], json!({"type": "ClusterIP", "ports": [{"port": 80}]}));
    }
}
