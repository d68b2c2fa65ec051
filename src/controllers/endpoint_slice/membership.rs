//! Which pods belong to a service, and which services a change of a pod concerns.

use crate::api::Name;
use crate::api::core::container::{Container, ContainerPort};
use crate::api::core::pod::Pod;
use crate::api::core::service::{Service, ServicePort};
use crate::api::int_or_percent::IntOrPercent;
use crate::api::labels::Labels;
use crate::api::object::{Kind, Object, ObjectKey, Resource};
use crate::api::selector::Selector;
use crate::client::reconciler::{Keys, Observed};
use crate::client::view::View;

/// Whether pods that are on their way out count.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Terminating {
    /// They do.
    Included,
    /// They do not.
    LeftOut,
}

/// Whether a pod is among a service's endpoints at all: it runs and has an address.
///
/// Source: kubernetes v1.36 staging/src/k8s.io/endpointslice/util/controller_utils.go,
/// `ShouldPodBeInEndpoints`
pub fn is_member(pod: &Pod, terminating: Terminating) -> bool {
    let may_go = terminating == Terminating::Included || !pod.meta.is_deleting();
    !pod.is_terminal() && may_go && pod_ips(pod).next().is_some()
}

/// The addresses of a pod.
pub(crate) fn pod_ips(pod: &Pod) -> impl Iterator<Item = Name> {
    let listed = pod.status.rest.0.as_ref().and_then(|rest| rest.get("podIPs")?.as_array());
    let listed = listed.into_iter().flatten().filter_map(|ip| ip["ip"].as_str().map(Name::new));
    let listed: Vec<Name> = listed.collect();
    let only = (listed.is_empty() && !pod.status.pod_ip.is_empty()).then_some(&pod.status.pod_ip);
    listed.into_iter().chain(only.cloned())
}

/// The port of a pod that a port of a service leads to; a name is looked up among the ports of the
/// containers, then of the sidecars.
///
/// Source: kubernetes v1.36 staging/src/k8s.io/endpointslice/utils.go, `FindPort`
pub fn find_port(pod: &Pod, port: &ServicePort) -> Option<i32> {
    let name = match port.target_port.as_ref() {
        None => return Some(port.port),
        Some(IntOrPercent::Int(number)) => return Some(*number),
        Some(IntOrPercent::Text(name)) => name,
    };
    let sidecars = pod.spec.init_containers.iter().filter(|c| c.is_sidecar());
    let mut all = pod.spec.containers.iter().chain(sidecars).flat_map(|c: &Container| &c.ports);
    let fits = |p: &&ContainerPort| p.name == *name && p.protocol == port.protocol;
    all.find(fits).map(|p| p.container_port)
}

/// Whether the endpoint carries the pod's own host name.
///
/// Source: kubernetes v1.36 staging/src/k8s.io/endpointslice/util/controller_utils.go,
/// `ShouldSetHostname`
pub(crate) fn has_hostname(pod: &Pod, service: &Service) -> bool {
    !pod.spec.hostname.is_empty()
        && pod.spec.subdomain == service.meta.name
        && pod.meta.namespace == service.meta.namespace
}

/// Whether the service has an address of its own.
pub(crate) fn has_address(service: &Service) -> bool {
    !service.spec.cluster_ip.is_empty() && service.spec.cluster_ip != "None"
}

/// Whether the endpoints of a service are made from pods.
pub(crate) fn selects(service: &Service) -> bool {
    service.spec.kind != "ExternalName" && !service.spec.selector.is_empty()
}

/// The service itself, whatever changes of it.
pub(crate) fn service_keys(change: &Observed<'_>, _view: View<'_>, out: &mut Keys) {
    out.add(change.latest().key());
}

/// The services that a change of a pod concerns.
///
/// Source: kubernetes v1.36 staging/src/k8s.io/endpointslice/util/controller_utils.go,
/// `GetPodUpdateProjectionKey`, `podEndpointsChanged`
pub(crate) fn pod_keys(change: &Observed<'_>, view: View<'_>, out: &mut Keys) {
    let Object::Pod(latest) = change.latest() else { return };
    if view.in_namespace::<Service>(&latest.meta.namespace).next().is_none() {
        return;
    }
    let both = change.old.and_then(Pod::of).zip(change.new.and_then(Pod::of));
    let Some((old, new)) = both else {
        services_of(latest, &latest.meta.labels, view, out);
        return;
    };
    let moved = old.meta.labels != new.meta.labels
        || old.spec.hostname != new.spec.hostname
        || old.spec.subdomain != new.spec.subdomain;
    let changed = old.meta.deletion != new.meta.deletion
        || old.is_terminal() != new.is_terminal()
        || old.is_ready() != new.is_ready()
        || !pod_ips(old).eq(pod_ips(new));
    if changed || moved {
        services_of(new, &new.meta.labels, view, out);
    }
    if moved {
        services_of(new, &old.meta.labels, view, out);
    }
}

/// The services whose selector matches: a scan of the services of one namespace.
fn services_of(pod: &Pod, labels: &Labels, view: View<'_>, out: &mut Keys) {
    let all = view.in_namespace::<Service>(&pod.meta.namespace);
    let matching = all.filter(|s| {
        !s.spec.selector.is_empty() && Selector::of_labels(&s.spec.selector).matches(labels)
    });
    let mut names: Vec<&Name> = matching.map(|s| &s.meta.name).collect();
    names.sort();
    for name in names {
        let key = ObjectKey::new(Kind::SERVICE, &pod.meta.namespace, name);
        if !out.queue.iter().any(|(k, _)| *k == key) {
            out.add(key);
        }
    }
}
