//! Nodes: how they fare, and what of them is taken.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;

use super::Related;
use super::text::{Page, date};
use crate::api::Name;
use crate::api::core::pod::Pod;
use crate::api::object::Object;
use crate::api::quantity::{Format, Quantity};
use crate::api::resource::ResourceList;
use crate::scenario::print::kind::node_roles;
use crate::scenario::print::look::{age, at, join, list, members, shown, text, text_or, truth};

/// Source: kubernetes v1.36 staging/src/k8s.io/kubectl/pkg/describe/describe.go, `describeNode`
pub(super) fn node(page: &mut Page, node: &Value, related: &Related) {
    page.field("Name", text(node, "metadata.name"));
    page.field("Roles", node_roles(node));
    page.labels_and_annotations(node);
    page.field("CreationTimestamp", date(node, "metadata.creationTimestamp"));
    page.field_of("Taints", &taints(node));
    page.field("Unschedulable", truth(node, "spec.unschedulable").to_string());
    lease(page, node, related);
    conditions(page, node);
    page.line("Addresses:");
    for address in list(node, "status.addresses") {
        page.field(&format!("  {}", text(address, "type")), text(address, "address"));
    }
    for (label, path) in [("Capacity", "status.capacity"), ("Allocatable", "status.allocatable")] {
        let all = members(node, path);
        if !all.is_empty() {
            page.line(&format!("{label}:"));
        }
        for (name, amount) in all {
            page.field(&format!("  {name}"), shown(amount));
        }
    }
    system_info(page, node);
    page.field_if("PodCIDR", text(node, "spec.podCIDR"));
    let ranges = list(node, "spec.podCIDRs");
    page.field_if("PodCIDRs", &join(ranges.iter().map(shown), ","));
    page.field_if("ProviderID", text(node, "spec.providerID"));
    pods(page, node, &related.pods);
}

/// The taints, as kubectl sorts them: by key.
fn taints(node: &Value) -> Vec<String> {
    let mut all: Vec<&Value> = list(node, "spec.taints").iter().collect();
    all.sort_by_key(|t| (text(t, "effect"), text(t, "key")));
    let one = |t: &Value| {
        let value = text(t, "value");
        let equals = if value.is_empty() { "" } else { "=" };
        format!("{}{equals}{value}:{}", text(t, "key"), text(t, "effect"))
    };
    all.into_iter().map(one).collect()
}

fn lease(page: &mut Page, node: &Value, related: &Related) {
    let Some(lease) = &related.lease else {
        let name = text(node, "metadata.name");
        let why = format!("leases.coordination.k8s.io {name:?} not found");
        page.field("Lease", format!("Failed to get lease: {why}"));
        return;
    };
    let lease = Object::Lease(Arc::clone(lease)).to_value();
    let spec = at(&lease, "spec");
    page.line("Lease:");
    page.field("  HolderIdentity", text_or(spec, "holderIdentity", "<unset>"));
    for (label, path) in [("  AcquireTime", "acquireTime"), ("  RenewTime", "renewTime")] {
        let unset = text(spec, path).is_empty();
        page.field(label, if unset { "<unset>".to_owned() } else { date(spec, path) });
    }
}

fn conditions(page: &mut Page, node: &Value) {
    let all = list(node, "status.conditions");
    if all.is_empty() {
        return;
    }
    page.line("Conditions:");
    page.line("  Type\tStatus\tLastHeartbeatTime\tLastTransitionTime\tReason\tMessage");
    page.line("  ----\t------\t-----------------\t------------------\t------\t-------");
    for c in all {
        page.line(&format!(
            "  {} \t{} \t{} \t{} \t{} \t{}",
            text(c, "type"),
            text(c, "status"),
            date(c, "lastHeartbeatTime"),
            date(c, "lastTransitionTime"),
            text(c, "reason"),
            text(c, "message")
        ));
    }
}

fn system_info(page: &mut Page, node: &Value) {
    const FIELDS: [(&str, &str); 9] = [
        ("Machine ID", "machineID"),
        ("System UUID", "systemUUID"),
        ("Boot ID", "bootID"),
        ("Kernel Version", "kernelVersion"),
        ("OS Image", "osImage"),
        ("Operating System", "operatingSystem"),
        ("Architecture", "architecture"),
        ("Container Runtime Version", "containerRuntimeVersion"),
        ("Kubelet Version", "kubeletVersion"),
    ];
    page.line("System Info:");
    for (label, path) in FIELDS {
        page.field(&format!("  {label}"), text(at(node, "status.nodeInfo"), path));
    }
}

/// The pods that have not ended, and the sums of what they ask for.
///
/// Source: kubernetes v1.36 staging/src/k8s.io/kubectl/pkg/describe/describe.go,
/// `describeNodeResource`
fn pods(page: &mut Page, node: &Value, pods: &[Arc<Pod>]) {
    let alive: Vec<&Arc<Pod>> = pods.iter().filter(|p| !p.is_terminal()).collect();
    let has = |name: &str| amount(node, name);
    page.field("Non-terminated Pods", format!("({} in total)", alive.len()));
    page.line("  Namespace\tName\t\tCPU Requests\tCPU Limits\tMemory Requests\tMemory Limits\tAge");
    page.line("  ---------\t----\t\t------------\t----------\t---------------\t-------------\t---");
    let (mut requests, mut limits) = (ResourceList::new(), ResourceList::new());
    for pod in alive {
        let (own, most) = (total(pod, Side::Requests), total(pod, Side::Limits));
        let share = |list: &ResourceList, name: &str| percent(list, name, &has(name));
        page.line(&format!(
            "  {}\t{}\t\t{}\t{}\t{}\t{}\t{}",
            pod.meta.namespace,
            pod.meta.name,
            share(&own, "cpu"),
            share(&most, "cpu"),
            share(&own, "memory"),
            share(&most, "memory"),
            age(&Object::Pod(Arc::clone(pod)).to_value(), page.now)
        ));
        add(&mut requests, &own);
        add(&mut limits, &most);
    }
    page.line("Allocated resources:");
    page.line("  (Total limits may be over 100 percent, i.e., overcommitted.)");
    page.line("  Resource\tRequests\tLimits\n  --------\t--------\t------");
    for (name, _) in resources(node) {
        let plain = !matches!(name, "cpu" | "memory" | "ephemeral-storage")
            && !name.starts_with("hugepages-");
        let show = |list: &ResourceList| {
            if plain {
                list.get(name).map_or_else(|| "0".to_owned(), Quantity::to_string)
            } else {
                percent(list, name, &has(name))
            }
        };
        page.line(&format!("  {name}\t{}\t{}", show(&requests), show(&limits)));
    }
}

/// The resources of which sums are shown: the standard ones first, then the others by name.
fn resources(node: &Value) -> Vec<(&str, &Value)> {
    const STANDARD: [&str; 3] = ["cpu", "memory", "ephemeral-storage"];
    let mut all: Vec<_> = STANDARD.iter().map(|name| (*name, &Value::Null)).collect();
    let others = members(node, "status.allocatable").into_iter();
    let others: Vec<_> = others.filter(|(k, _)| !STANDARD.contains(k) && *k != "pods").collect();
    let huge = |(name, _): &(&str, &Value)| name.starts_with("hugepages-");
    all.extend(others.iter().copied().filter(huge));
    all.extend(others.iter().copied().filter(|r| !huge(r)));
    all
}

/// What a node has for pods; of what it has at all where nothing else is known.
fn amount(node: &Value, name: &str) -> Quantity {
    let found = members(node, "status.allocatable");
    let all = if found.is_empty() { members(node, "status.capacity") } else { found };
    let text = all.into_iter().find(|(k, _)| *k == name).map(|(_, v)| shown(v));
    text.and_then(|t| t.parse().ok()).unwrap_or_default()
}

/// An amount and its share of a whole, in whole percent cut downwards.
///
/// Example: 250m of 2 CPUs is `250m (12%)`.
fn percent(list: &ResourceList, name: &str, whole: &Quantity) -> String {
    let none = Quantity::new(0, Format::DecimalSi);
    let part = list.get(name).unwrap_or(&none);
    let (a, b) = match name {
        "cpu" => (part.milli_value(), whole.milli_value()),
        _ => (part.value(), whole.value()),
    };
    let share = if b == 0 { 0 } else { i128::from(a) * 100 / i128::from(b) };
    format!("{part} ({share}%)")
}

/// Requests or limits.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Requests,
    Limits,
}

/// What a pod asks for, or may have at most: its containers together, or its greatest init
/// container with the sidecars before it where that is more; and the overhead.
///
/// Source: kubernetes v1.36 staging/src/k8s.io/kubectl/pkg/util/resource/resource.go,
/// `PodRequestsAndLimits`
fn total(pod: &Pod, side: Side) -> ResourceList {
    let of = |c: &crate::api::core::container::Container| match side {
        Side::Requests => c.resources.requests.clone(),
        Side::Limits => c.resources.limits.clone(),
    };
    let mut sum = ResourceList::new();
    pod.spec.containers.iter().for_each(|c| add(&mut sum, &of(c)));
    let (mut sidecars, mut init) = (ResourceList::new(), ResourceList::new());
    for container in &pod.spec.init_containers {
        let mut peak = of(container);
        if container.is_sidecar() {
            add(&mut sum, &peak);
            add(&mut sidecars, &peak);
            peak.clone_from(&sidecars);
        } else {
            add(&mut peak, &sidecars);
        }
        raise(&mut init, peak);
    }
    raise(&mut sum, init);
    for (name, amount) in &pod.spec.overhead {
        if side == Side::Requests || sum.contains_key(name) {
            add(&mut sum, &BTreeMap::from([(name.clone(), amount.clone())]));
        }
    }
    sum
}

fn add(sum: &mut ResourceList, more: &ResourceList) {
    for (name, amount) in more {
        let whole = sum.get(name).map_or_else(|| amount.clone(), |have| have.add(amount));
        sum.insert(name.clone(), whole);
    }
}

fn raise(to: &mut BTreeMap<Name, Quantity>, other: ResourceList) {
    for (name, amount) in other {
        let have = to.entry(name).or_insert_with(|| amount.clone());
        if *have < amount {
            *have = amount;
        }
    }
}
