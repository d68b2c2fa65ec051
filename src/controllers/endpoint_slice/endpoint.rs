//! The endpoint of a pod: its address, its ports and what is true of it.

use crate::api::Name;
use crate::api::core::event::ObjectReference;
use crate::api::core::node::Node;
use crate::api::core::pod::Pod;
use crate::api::core::service::Service;
use crate::api::discovery::endpoint_slice::{Endpoint, EndpointConditions, SlicePort};
use crate::controllers::endpoint_slice::membership;

/// What is true of a pod as an endpoint. One that is on its way out is never ready, unless the
/// service lists pods that are not ready.
///
/// Source: kubernetes v1.36 staging/src/k8s.io/endpointslice/utils.go, `podToEndpoint`
pub fn conditions(pod: &Pod, service: &Service) -> EndpointConditions {
    let (serving, terminating) = (pod.is_ready(), pod.meta.is_deleting());
    let ready = service.spec.publish_not_ready_addresses || (serving && !terminating);
    EndpointConditions {
        ready: Some(ready),
        serving: Some(serving),
        terminating: Some(terminating),
    }
}

/// The endpoint of a pod, with its addresses of one family (`IPv4` or `IPv6`).
///
/// Source: kubernetes v1.36 staging/src/k8s.io/endpointslice/utils.go, `podToEndpoint`
pub fn endpoint(pod: &Pod, node: Option<&Node>, service: &Service, family: &str) -> Endpoint {
    let wanted = |ip: &Name| ip.contains(':') == (family == "IPv6");
    let zone = node.and_then(|n| n.meta.labels.get("topology.kubernetes.io/zone"));
    Endpoint {
        addresses: membership::pod_ips(pod).filter(wanted).collect(),
        conditions: conditions(pod, service),
        hostname: membership::has_hostname(pod, service).then(|| pod.spec.hostname.clone()),
        target_ref: Some(target(pod)),
        node_name: Some(pod.node_name.clone()).filter(|n| !n.is_empty()),
        zone: zone.filter(|z| !z.is_empty()).cloned(),
        ..Endpoint::default()
    }
}

/// A reference to a pod, as endpoints carry.
pub(crate) fn target(pod: &Pod) -> ObjectReference {
    ObjectReference {
        kind: Name::new_static("Pod"),
        namespace: pod.meta.namespace.clone(),
        name: pod.meta.name.clone(),
        uid: pod.meta.uid,
        ..ObjectReference::default()
    }
}

/// The ports that a pod offers of a service; one whose name the pod does not know is left out.
///
/// Source: kubernetes v1.36 staging/src/k8s.io/endpointslice/utils.go, `getEndpointPorts`
pub(super) fn ports(pod: &Pod, service: &Service) -> Vec<SlicePort> {
    let all = service.spec.ports.iter().filter_map(|port| {
        Some(SlicePort {
            name: Some(port.name.clone()),
            protocol: Some(port.protocol.clone()),
            port: Some(membership::find_port(pod, port)?),
            app_protocol: port.app_protocol.as_ref().map(|p| p.as_str().into()),
        })
    });
    let mut all: Vec<SlicePort> = all.collect();
    all.sort_by_key(key);
    all
}

/// What distinguishes ports, for their order and for grouping.
pub(super) type PortKey = (Option<Name>, Option<Name>, Option<i32>, String);

/// A port as a key.
pub(super) fn key(port: &SlicePort) -> PortKey {
    let protocol = port.app_protocol.as_ref().map(ToString::to_string).unwrap_or_default();
    let name = port.name.clone().filter(|n| !n.is_empty());
    (name, port.protocol.clone(), port.port, protocol)
}
