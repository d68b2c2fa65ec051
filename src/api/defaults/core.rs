//! The other kinds of the core group, and those of storage and discovery.

use serde_json::{Map, Value, json};

use super::{field, items, set};
use crate::api::validation::read::{at, entries, get, int, text};
use crate::api::validation::service::is_external;

/// How long a client stays with its pod, unless said otherwise: three hours.
const AFFINITY_SECONDS: i64 = 10_800;

/// Source: kubernetes v1.36 pkg/apis/core/v1/defaults.go, `SetDefaults_Service`
pub(super) fn service(object: &mut Value) {
    let spec = field(object, "spec");
    set(spec, "sessionAffinity", || json!("None"));
    session_affinity(spec);
    set(spec, "type", || json!("ClusterIP"));
    for port in items(spec, "ports") {
        set(port, "protocol", || json!("TCP"));
        let target = at(port, "targetPort");
        if target.is_null() || *target == json!(0) || *target == json!("") {
            port["targetPort"] = at(port, "port").clone();
        }
    }
    if is_external(spec) {
        set(spec, "externalTrafficPolicy", || json!("Cluster"));
    }
    if ["NodePort", "LoadBalancer", "ClusterIP"].contains(&text(spec, "type")) {
        set(spec, "internalTrafficPolicy", || json!("Cluster"));
    }
    if text(spec, "type") == "LoadBalancer" {
        set(spec, "allocateLoadBalancerNodePorts", || json!(true));
    }
}

fn session_affinity(spec: &mut Value) {
    match text(spec, "sessionAffinity") {
        "None" => {
            if let Some(spec) = spec.as_object_mut() {
                spec.shift_remove("sessionAffinityConfig");
            }
        }
        "ClientIP" => {
            let given = int(at(at(spec, "sessionAffinityConfig"), "clientIP"), "timeoutSeconds");
            let seconds = given.unwrap_or(AFFINITY_SECONDS);
            spec["sessionAffinityConfig"] = json!({"clientIP": {"timeoutSeconds": seconds}});
        }
        _ => {}
    }
}

/// Each namespace is labelled with its name.
///
/// Source: kubernetes v1.36 pkg/apis/core/v1/defaults.go, `SetDefaults_Namespace`
pub(super) fn namespace(object: &mut Value) {
    let metadata = field(object, "metadata");
    let name = text(metadata, "name").to_owned();
    if !name.is_empty() {
        field(metadata, "labels")["kubernetes.io/metadata.name"] = name.into();
    }
}

/// Source: kubernetes v1.36 pkg/apis/core/v1/defaults.go, `SetDefaults_NodeStatus`
pub(super) fn node(object: &mut Value) {
    let spec = field(object, "spec");
    if let Some(range) = get(spec, "podCIDR").cloned() {
        set(spec, "podCIDRs", || json!([range]));
    }
    let Some(status) = super::given(object, "status") else { return };
    if let Some(capacity) = get(status, "capacity").cloned() {
        set(status, "allocatable", || capacity);
    }
}

/// Source: kubernetes v1.36 pkg/apis/core/v1/defaults.go, `SetDefaults_Secret`
///
/// Texts for writing become data: `Convert_v1_Secret_To_core_Secret`.
pub(super) fn secret(object: &mut Value) {
    set(object, "type", || json!("Opaque"));
    let texts = object.as_object_mut().and_then(|o| o.shift_remove("stringData"));
    for (key, text) in texts.as_ref().and_then(Value::as_object).into_iter().flatten() {
        let encoded = base64(text.as_str().unwrap_or_default().as_bytes());
        field(object, "data")[key] = encoded.into();
    }
}

/// The standard base64 text of some bytes, padded: `a` is `YQ==`.
fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let byte = |i: usize| u32::from(chunk.get(i).copied().unwrap_or_default());
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for place in 0..4 {
            let letter = LETTERS[(bits >> (18 - 6 * place) & 63) as usize];
            text.push(if place <= chunk.len() { char::from(letter) } else { '=' });
        }
    }
    text
}

/// Source: kubernetes v1.36 pkg/apis/core/v1/defaults.go, `SetDefaults_PersistentVolume`
pub(super) fn volume(object: &mut Value) {
    let spec = field(object, "spec");
    set(spec, "persistentVolumeReclaimPolicy", || json!("Retain"));
    set(spec, "volumeMode", || json!("Filesystem"));
    set(field(object, "status"), "phase", || json!("Pending"));
}

/// The spec of a claim.
///
/// Source: kubernetes v1.36 pkg/apis/core/v1/defaults.go, `SetDefaults_PersistentVolumeClaimSpec`
pub(super) fn claim(spec: &mut Value) {
    set(spec, "volumeMode", || json!("Filesystem"));
    field(spec, "resources");
}

/// Source: kubernetes v1.36 pkg/apis/scheduling/v1/defaults.go, `SetDefaults_PriorityClass`
pub(super) fn priority_class(object: &mut Value) {
    set(object, "preemptionPolicy", || json!("PreemptLowerPriority"));
    set(object, "value", || json!(0));
}

/// Source: kubernetes v1.36 pkg/apis/storage/v1/defaults.go, `SetDefaults_StorageClass`
pub(super) fn storage_class(object: &mut Value) {
    set(object, "reclaimPolicy", || json!("Delete"));
    set(object, "volumeBindingMode", || json!("Immediate"));
}

/// Source: kubernetes v1.36 pkg/apis/core/v1/defaults.go, `SetDefaults_LimitRangeItem`
pub(super) fn limit_range(object: &mut Value) {
    for limit in items(field(object, "spec"), "limits") {
        if text(limit, "type") != "Container" {
            continue;
        }
        for (from, to) in
            [("max", "default"), ("default", "defaultRequest"), ("min", "defaultRequest")]
        {
            let amounts: Map<String, Value> =
                entries(limit, from).map(|(n, v)| (n.to_owned(), v.clone())).collect();
            for (name, amount) in amounts {
                set(field(limit, to), &name, || amount);
            }
        }
    }
}

/// Source: kubernetes v1.36 pkg/apis/core/v1/defaults.go, `SetDefaults_Endpoints`
pub(super) fn endpoints(object: &mut Value) {
    for subset in items(object, "subsets") {
        for port in items(subset, "ports") {
            set(port, "protocol", || json!("TCP"));
        }
    }
}

/// Source: kubernetes v1.36 pkg/apis/discovery/v1/defaults.go, `SetDefaults_EndpointPort`
pub(super) fn endpoint_slice(object: &mut Value) {
    for port in items(object, "ports") {
        set(port, "name", || json!(""));
        set(port, "protocol", || json!("TCP"));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::secret;

    #[test]
    fn the_texts_of_a_secret_become_data() {
        let mut object = json!({"stringData": {"a": "a", "b": "abc", "c": ""}, "data": {"d": "x"}});
        secret(&mut object);
        let data = json!({"a": "YQ==", "b": "YWJj", "c": "", "d": "x"});
        assert_eq!(object, json!({"type": "Opaque", "data": data}));
    }
}
