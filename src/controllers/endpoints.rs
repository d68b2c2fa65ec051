//! The endpoints controller: the addresses behind each service in one object, as they were before
//! slices.
//!
//! Responsible for Endpoints of services with a selector. It never looks at slices.
//!
//! Differs: the annotation `endpoints.kubernetes.io/last-change-trigger-time` is not written.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use crate::api::Name;
use crate::api::core::endpoints::{EndpointAddress, EndpointPort, EndpointSubset, Endpoints};
use crate::api::core::event::ObjectReference;
use crate::api::core::pod::Pod;
use crate::api::core::service::Service;
use crate::api::deletion::DeleteOptions;
use crate::api::labels::Labels;
use crate::api::meta::{Meta, Uid};
use crate::api::object::{Kind, ObjectKey};
use crate::api::refusal::Refusal;
use crate::api::request::{EventNote, Verb};
use crate::api::selector::Selector;
use crate::api::why::Why;
use crate::client::plan::{Expect, Plan, Recovery, Write};
use crate::client::reconciler::{Keys, Observed, Reconciler, Settings, Watch};
use crate::client::view::View;
use crate::controllers::endpoint_slice::membership::{self, Terminating};
use crate::controllers::endpoint_slice::{HEADLESS, target};

const MANAGED_BY: &str = "endpoints.kubernetes.io/managed-by";
const OVER_CAPACITY: &str = "endpoints.kubernetes.io/over-capacity";
const NAME: &str = "endpoint-controller";

/// More addresses than this are left out.
const CAPACITY: usize = 1000;

/// Addresses by whether they are ready, of each set of ports.
type ByPorts = BTreeMap<Vec<EndpointPort>, (Vec<EndpointAddress>, Vec<EndpointAddress>)>;

/// The endpoints controller.
#[derive(Clone, Copy, Debug, Default)]
pub struct EndpointsController;

impl Reconciler for EndpointsController {
    fn name(&self) -> &'static str {
        NAME
    }

    fn watches(&self) -> &'static [Watch] {
        &[
            Watch { kind: Kind::SERVICE, keys: membership::service_keys },
            Watch { kind: Kind::POD, keys: membership::pod_keys },
            Watch { kind: Kind::ENDPOINTS, keys: endpoints_keys },
        ]
    }

    fn settings(&self) -> Settings {
        Settings { give_up_after: Some(15), awaits_own_writes: true, ..Settings::default() }
    }

    /// Source: kubernetes v1.36 pkg/controller/endpoint/endpoints_controller.go, `syncService`
    fn reconcile(&mut self, key: &ObjectKey, view: View<'_>) -> Plan {
        let mut plan = Plan::nothing();
        let Some(service) = view.get::<Service>(&key.namespace, &key.name) else {
            plan.push(delete(key));
            return plan;
        };
        if !membership::selects(service) {
            return plan;
        }
        let selector = Selector::of_labels(&service.spec.selector);
        let pods = view.select::<Pod>(&key.namespace, &selector);
        let mut subsets = subsets(service, pods);
        let is_cut = truncate(&mut subsets);
        let current = view.get::<Endpoints>(&key.namespace, &key.name);
        let labels = labels(service);
        let has_mark = |e: &Endpoints| e.meta.annotations.has(OVER_CAPACITY) == is_cut;
        if current.is_some_and(|e| *e.subsets == subsets && e.meta.labels == labels && has_mark(e))
        {
            return plan;
        }
        plan.push(write(service, current, subsets, labels, is_cut));
        plan
    }

    fn recover(&mut self, write: &Write, refusal: &Refusal) -> Recovery {
        let is_creation = matches!(write.verb, Verb::Create { .. });
        if is_creation && refusal.has_cause("NamespaceTerminating") {
            return Recovery::GiveUp;
        }
        Recovery::usual(write, refusal)
    }

    fn boxed_clone(&self) -> Box<dyn Reconciler> {
        Box::new(*self)
    }
}

/// Endpoints that are gone are made again, if there is a service.
fn endpoints_keys(change: &Observed<'_>, _view: View<'_>, out: &mut Keys) {
    if change.new.is_none() {
        let meta = change.latest().meta();
        out.add(ObjectKey::new(Kind::SERVICE, &meta.namespace, &meta.name));
    }
}

/// The service is gone: so go its endpoints, whether there are any or not.
fn delete(service: &ObjectKey) -> Write {
    let key = ObjectKey::new(Kind::ENDPOINTS, &service.namespace, &service.name);
    let verb = Verb::Delete { key, options: DeleteOptions::default() };
    let why = Why::one("service {} is gone", &service.name);
    Write { verb, why, on_success: None, on_refusal: None, expect: Expect::Nothing }
}

fn write(
    service: &Service,
    current: Option<&Arc<Endpoints>>,
    subsets: Vec<EndpointSubset>,
    labels: Labels,
    is_cut: bool,
) -> Write {
    let (namespace, name) = (&service.meta.namespace, &service.meta.name);
    let meta = current.map_or_else(|| Meta::named(namespace, name), |e| e.meta.clone());
    let annotations = if is_cut {
        meta.annotations.with(OVER_CAPACITY, "truncated")
    } else {
        meta.annotations.without(OVER_CAPACITY)
    };
    let ready: usize = subsets.iter().map(|s| s.addresses.len()).sum();
    let others: usize = subsets.iter().map(|s| s.not_ready_addresses.len()).sum();
    let why = Why::two("{} addresses are ready, {} are not", ready, others);
    let meta = Meta { labels, annotations, ..meta };
    let new = Endpoints { meta, subsets: subsets.into() };
    if current.is_some() {
        let text = format!("Failed to update endpoint {namespace}/{name}: {{refusal}}");
        let event = failed(&new, "FailedToUpdateEndpoint", text);
        return Write::update(new, why).telling_refusal(event);
    }
    Write::create(new, why)
}

fn failed(endpoints: &Endpoints, reason: &'static str, text: String) -> EventNote {
    let about = ObjectReference {
        kind: Name::new_static("Endpoints"),
        namespace: endpoints.meta.namespace.clone(),
        name: endpoints.meta.name.clone(),
        uid: endpoints.meta.uid,
        api_version: Name::new_static("v1"),
        ..ObjectReference::default()
    };
    EventNote { about: about.into(), warning: true, reason, message: text.into() }
}

fn labels(service: &Service) -> Labels {
    let all = service.meta.labels.with(MANAGED_BY, NAME);
    if membership::has_address(service) { all.without(HEADLESS) } else { all.with(HEADLESS, "") }
}

/// The addresses of the pods, those that offer the same ports together.
///
/// Source: kubernetes v1.36 pkg/controller/endpoint/endpoints_controller.go, `syncService`;
/// pkg/api/v1/endpoints/util.go, `RepackSubsets`
fn subsets<'a>(service: &Service, pods: impl Iterator<Item = &'a Arc<Pod>>) -> Vec<EndpointSubset> {
    let publishes = service.spec.publish_not_ready_addresses;
    let terminating = if publishes { Terminating::Included } else { Terminating::LeftOut };
    let mut by_ports = ByPorts::new();
    for pod in pods.filter(|p| membership::is_member(p, terminating)) {
        let Some(address) = address(service, pod) else { continue };
        let Some(ports) = ports(service, pod) else { continue };
        let (ready, others) = by_ports.entry(ports).or_default();
        let list = if publishes || pod.is_ready() { ready } else { others };
        list.push(address);
    }
    let subsets = by_ports.into_iter().map(|(ports, (mut addresses, mut not_ready_addresses))| {
        addresses.sort_by_key(order);
        not_ready_addresses.sort_by_key(order);
        EndpointSubset { addresses, not_ready_addresses, ports }
    });
    subsets.collect()
}

fn order(address: &EndpointAddress) -> (Option<IpAddr>, Name, Uid) {
    let uid = address.target_ref.as_ref().map_or(Uid::NONE, |t| t.uid);
    (address.ip.parse().ok(), address.ip.clone(), uid)
}

/// Source: kubernetes v1.36 pkg/controller/endpoint/endpoints_controller.go,
/// `podToEndpointAddressForService`
fn address(service: &Service, pod: &Pod) -> Option<EndpointAddress> {
    let rest = service.spec.rest.0.as_ref();
    let family = rest.and_then(|r| r.get("ipFamilies")?.get(0)?.as_str());
    let wants_v6 = match family {
        Some(family) => family == "IPv6",
        None if membership::has_address(service) => service.spec.cluster_ip.contains(':'),
        None => pod.status.pod_ip.contains(':'),
    };
    let ip = membership::pod_ips(pod).find(|ip| ip.contains(':') == wants_v6)?;
    let hostname = membership::has_hostname(pod, service).then(|| pod.spec.hostname.clone());
    Some(EndpointAddress {
        ip,
        hostname: hostname.unwrap_or_default(),
        node_name: pod.node_name.clone(),
        target_ref: Some(target(pod)),
    })
}

/// The ports that a pod offers; none when it offers none of a service that has some.
fn ports(service: &Service, pod: &Pod) -> Option<Vec<EndpointPort>> {
    if service.spec.ports.is_empty() {
        return (!membership::has_address(service)).then(Vec::new);
    }
    let all = service.spec.ports.iter().filter_map(|port| {
        Some(EndpointPort {
            name: port.name.clone(),
            port: membership::find_port(pod, port)?,
            protocol: port.protocol.clone(),
            app_protocol: port.app_protocol.clone(),
        })
    });
    let mut all: Vec<EndpointPort> = all.collect();
    all.sort();
    (!all.is_empty()).then_some(all)
}

/// Leaves out what is beyond the capacity, in proportion; true when anything was. Addresses that
/// are not ready go first.
///
/// Source: kubernetes v1.36 pkg/controller/endpoint/endpoints_controller.go, `truncateEndpoints`
fn truncate(subsets: &mut [EndpointSubset]) -> bool {
    let ready: usize = subsets.iter().map(|s| s.addresses.len()).sum();
    let others: usize = subsets.iter().map(|s| s.not_ready_addresses.len()).sum();
    if ready + others <= CAPACITY {
        return false;
    }
    let cuts_ready = ready > CAPACITY;
    let (room, whole) = if cuts_ready { (CAPACITY, ready) } else { (CAPACITY - ready, others) };
    let mut left = room;
    for subset in subsets {
        if cuts_ready {
            subset.not_ready_addresses.clear();
        }
        let list = if cuts_ready { &mut subset.addresses } else { &mut subset.not_ready_addresses };
        list.truncate((list.len() * room).div_ceil(whole).min(left));
        left -= list.len();
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::object::Object;
    use crate::api::time::EPOCH;
    use crate::client::view::Caches;
    use serde_json::json;

    #[test]
    fn pods_are_listed_by_readiness_and_a_settled_service_wants_nothing() {
        let mut caches = Caches::default();
        let mut put = |kind: Kind, value: serde_json::Value| {
            caches.of_mut(kind).put(Object::from_value(kind, value).unwrap());
        };
        put(
            Kind::SERVICE,
            json!({"metadata": {"name": "web", "namespace": "default"},
            "spec": {"selector": {"app": "web"}, "clusterIP": "10.0.0.1",
                "ports": [{"port": 80, "protocol": "TCP"}]}}),
        );
        for (name, ready) in [("a", "True"), ("b", "False")] {
            put(
                Kind::POD,
                json!({"metadata": {"name": name, "namespace": "default", "uid": name,
                    "labels": {"app": "web"}}, "spec": {"nodeName": "n", "containers": []},
                "status": {"phase": "Running", "podIP": "10.1.0.1",
                    "conditions": [{"type": "Ready", "status": ready}]}}),
            );
        }
        let key = ObjectKey::new(Kind::SERVICE, "default", "web");
        let plan = EndpointsController.reconcile(&key, View::new(&caches, EPOCH));
        let write = plan.writes().next().unwrap();
        assert_eq!(write.why.to_string(), "1 addresses are ready, 1 are not");
        let Verb::Create { object, .. } = &write.verb else { panic!("no creation") };
        caches.of_mut(Kind::ENDPOINTS).put(object.clone());
        assert!(EndpointsController.reconcile(&key, View::new(&caches, EPOCH)).is_empty());
    }
}
