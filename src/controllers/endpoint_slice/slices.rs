//! How endpoints are spread over slices, with as few writes as possible.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::api::Name;
use crate::api::core::node::Node;
use crate::api::core::pod::Pod;
use crate::api::core::service::Service;
use crate::api::discovery::endpoint_slice::{Endpoint, EndpointSlice, SlicePort};
use crate::api::labels::Labels;
use crate::api::meta::Meta;
use crate::api::object::{Kind, controller_reference};
use crate::client::view::View;
use crate::controllers::endpoint_slice::endpoint::{self, PortKey};
use crate::controllers::endpoint_slice::membership::{self, Terminating};
use crate::controllers::endpoint_slice::{HEADLESS, MANAGED_BY, MANAGER, SERVICE_NAME};

/// What has to be written for a service.
#[derive(Clone, Debug, Default)]
pub struct Changes {
    /// New slices.
    pub create: Vec<EndpointSlice>,
    /// New versions of slices.
    pub update: Vec<EndpointSlice>,
    /// Slices to take away.
    pub delete: Vec<Arc<EndpointSlice>>,
    /// Whether pods were left out because their node is not known, so that another look is due.
    pub misses_nodes: bool,
}

/// What makes an endpoint the same as another: addresses, host name and pod.
type EndpointKey = (Vec<Name>, Option<Name>, Name, Name);

/// The endpoints of pods that offer the same ports.
#[derive(Default)]
struct Group {
    ports: Vec<SlicePort>,
    wanted: BTreeMap<EndpointKey, Endpoint>,
    slices: Vec<Arc<EndpointSlice>>,
}

fn endpoint_key(endpoint: &Endpoint) -> EndpointKey {
    let mut addresses = endpoint.addresses.clone();
    addresses.sort();
    let target = endpoint.target_ref.clone().unwrap_or_default();
    (addresses, endpoint.hostname.clone(), target.namespace, target.name)
}

/// Compares the slices that a service has with those that its pods call for.
///
/// Source: kubernetes v1.36 staging/src/k8s.io/endpointslice/reconciler.go, `Reconcile`
pub fn reconcile(
    service: &Arc<Service>,
    pods: &[&Arc<Pod>],
    slices: Vec<Arc<EndpointSlice>>,
    max: usize,
    view: View<'_>,
) -> Changes {
    let families = families(service);
    let (kept, mut superfluous): (Vec<_>, Vec<_>) =
        slices.into_iter().partition(|s| families.contains(&s.address_type));
    let mut all = Changes::default();
    for family in families {
        let mine = kept.iter().filter(|s| s.address_type == family).cloned().collect();
        let changes = of_family(service, pods, mine, &family, max, view);
        all.create.extend(changes.create);
        all.update.extend(changes.update);
        all.delete.extend(changes.delete);
        all.misses_nodes |= changes.misses_nodes;
    }
    all.delete.append(&mut superfluous);
    all
}

/// The address families of a service.
///
/// Differs: a headless service without families has IPv4 alone; the apiserver sets them always.
///
/// Source: kubernetes v1.36 staging/src/k8s.io/endpointslice/utils.go, `getAddressTypesForService`
fn families(service: &Service) -> BTreeSet<Name> {
    let listed = service.spec.rest.0.as_ref().and_then(|r| r.get("ipFamilies")?.as_array());
    let listed = listed.into_iter().flatten().filter_map(|f| f.as_str().map(Name::new));
    let listed: BTreeSet<Name> = listed.collect();
    if !listed.is_empty() {
        return listed;
    }
    let family = if service.spec.cluster_ip.contains(':') { "IPv6" } else { "IPv4" };
    BTreeSet::from([Name::new_static(family)])
}

/// Source: kubernetes v1.36 staging/src/k8s.io/endpointslice/reconciler.go,
/// `reconcileByAddressType`
fn of_family(
    service: &Arc<Service>,
    pods: &[&Arc<Pod>],
    slices: Vec<Arc<EndpointSlice>>,
    family: &Name,
    max: usize,
    view: View<'_>,
) -> Changes {
    let mut changes = Changes::default();
    let count = slices.len();
    let mut groups = groups(service, pods, family, view, &mut changes.misses_nodes);
    for slice in slices {
        let key: Vec<PortKey> = sorted_keys(&slice.ports);
        match groups.get_mut(&key) {
            Some(group) if is_owned(&slice, service) => group.slices.push(slice),
            _ => changes.delete.push(slice),
        }
    }
    for group in groups.into_values() {
        spread(service, group, family, max, &mut changes);
    }
    if count == changes.delete.len() && changes.create.is_empty() {
        let placeholder = new_slice(service, Vec::new(), family);
        let is_there = |s: &EndpointSlice| {
            s.endpoints.is_empty()
                && s.ports.is_empty()
                && s.meta.labels == placeholder.meta.labels
                && is_owned(s, service)
        };
        match changes.delete.as_slice() {
            [only] if is_there(only) => changes.delete.clear(),
            _ => changes.create.push(placeholder),
        }
    }
    reuse(service, &mut changes);
    changes
}

fn sorted_keys(ports: &[SlicePort]) -> Vec<PortKey> {
    let mut keys: Vec<PortKey> = ports.iter().map(endpoint::key).collect();
    keys.sort();
    keys
}

fn is_owned(slice: &EndpointSlice, service: &Service) -> bool {
    let mut owners = slice.meta.owners().iter();
    owners.any(|o| o.uid == service.meta.uid && o.kind == "Service" && o.api_version == "v1")
}

/// The endpoints that there are to be, by the ports that they offer.
fn groups(
    service: &Arc<Service>,
    pods: &[&Arc<Pod>],
    family: &Name,
    view: View<'_>,
    misses_nodes: &mut bool,
) -> BTreeMap<Vec<PortKey>, Group> {
    let mut groups: BTreeMap<Vec<PortKey>, Group> = BTreeMap::new();
    for pod in pods.iter().filter(|p| membership::is_member(p, Terminating::Included)) {
        let ports = endpoint::ports(pod, service);
        let group = groups.entry(sorted_keys(&ports)).or_default();
        group.ports = ports;
        let node = view.get::<Node>("", &pod.node_name);
        if node.is_none() && !service.spec.publish_not_ready_addresses {
            *misses_nodes = true;
            continue;
        }
        let endpoint = endpoint::endpoint(pod, node.map(AsRef::as_ref), service, family);
        if !endpoint.addresses.is_empty() {
            group.wanted.insert(endpoint_key(&endpoint), endpoint);
        }
    }
    groups
}

/// Keeps endpoints where they are, fills slices that change anyway, then one that does not, then
/// new ones.
///
/// Source: kubernetes v1.36 staging/src/k8s.io/endpointslice/reconciler.go,
/// `reconcileByPortMapping`
fn spread(service: &Service, group: Group, family: &Name, max: usize, changes: &mut Changes) {
    let Group { ports, mut wanted, slices } = group;
    let (mut update, mut unchanged) = (Vec::new(), Vec::new());
    for slice in slices {
        let kept: Vec<Endpoint> =
            slice.endpoints.iter().filter_map(|e| wanted.remove(&endpoint_key(e))).collect();
        let labels = labels(service);
        let same = kept == *slice.endpoints;
        if same && slice.meta.labels == labels {
            unchanged.push(slice);
        } else if kept.is_empty() && !same {
            changes.delete.push(slice);
        } else {
            let mut new = EndpointSlice { endpoints: kept.into(), ..EndpointSlice::clone(&slice) };
            new.meta.labels = labels;
            update.push(new);
        }
    }
    update.sort_by(|a, b| {
        b.endpoints.len().cmp(&a.endpoints.len()).then_with(|| a.meta.name.cmp(&b.meta.name))
    });
    for slice in &mut update {
        fill(slice, &mut wanted, max);
    }
    while !wanted.is_empty() {
        let room = best_fit(&unchanged, wanted.len(), max).filter(|_| wanted.len() < max);
        let mut slice = match room {
            Some(place) => EndpointSlice::clone(&unchanged.remove(place)),
            None => new_slice(service, ports.clone(), family),
        };
        fill(&mut slice, &mut wanted, max);
        if slice.meta.name.is_empty() {
            changes.create.push(slice);
        } else {
            update.push(slice);
        }
    }
    changes.update.append(&mut update);
}

fn fill(slice: &mut EndpointSlice, wanted: &mut BTreeMap<EndpointKey, Endpoint>, max: usize) {
    let endpoints = Arc::make_mut(&mut slice.endpoints);
    while endpoints.len() < max {
        let Some((_, endpoint)) = wanted.pop_first() else { break };
        endpoints.push(endpoint);
    }
}

/// The slice that is fullest once so many endpoints are added to it, and holds them.
///
/// Source: kubernetes v1.36 staging/src/k8s.io/endpointslice/utils.go, `getSliceToFill`
fn best_fit(slices: &[Arc<EndpointSlice>], count: usize, max: usize) -> Option<usize> {
    let fits = slices.iter().enumerate().filter(|(_, s)| s.endpoints.len() + count <= max);
    let used = fits.filter(|(_, s)| s.endpoints.len() + count > 0);
    used.max_by_key(|(place, s)| (s.endpoints.len(), std::cmp::Reverse(*place))).map(|(p, _)| p)
}

/// A slice that would be created takes the place of one that would be deleted.
///
/// Source: kubernetes v1.36 staging/src/k8s.io/endpointslice/reconciler.go, `finalize`
fn reuse(service: &Service, changes: &mut Changes) {
    let mut rest = Vec::new();
    for old in std::mem::take(&mut changes.delete) {
        match changes.create.pop() {
            Some(new) if old.address_type == new.address_type && is_owned(&old, service) => {
                let meta = Meta { labels: new.meta.labels.clone(), ..old.meta.clone() };
                changes.update.push(EndpointSlice { meta, ..new });
            }
            other => {
                changes.create.extend(other);
                rest.push(old);
            }
        }
    }
    changes.delete = rest;
}

/// Source: kubernetes v1.36 staging/src/k8s.io/endpointslice/utils.go, `newEndpointSlice`
fn new_slice(service: &Service, ports: Vec<SlicePort>, family: &Name) -> EndpointSlice {
    let mut meta = Meta {
        generate_name: smol_str::format_smolstr!("{}-", service.meta.name),
        namespace: service.meta.namespace.clone(),
        labels: labels(service),
        ..Meta::default()
    };
    meta.set_owners(vec![controller_reference(Kind::SERVICE, &service.meta)]);
    EndpointSlice {
        meta,
        address_type: family.clone(),
        endpoints: Arc::default(),
        ports: ports.into(),
    }
}

/// The service's labels, and those that are reserved for slices.
///
/// Source: kubernetes v1.36 staging/src/k8s.io/endpointslice/utils.go, `setEndpointSliceLabels`
fn labels(service: &Service) -> Labels {
    let all = service.meta.labels.with(SERVICE_NAME, &service.meta.name).with(MANAGED_BY, MANAGER);
    if membership::has_address(service) { all.without(HEADLESS) } else { all.with(HEADLESS, "") }
}
