//! What a pod asks for as a whole: effective requests and limits, host ports, quality of service.
//!
//! Amounts are added exactly, as quantities, and rounded once at the end. Nothing here knows of
//! nodes.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::Value;

use crate::api::Name;
use crate::api::condition;
use crate::api::core::container::{Container, ContainerStatus, ResourceRequirements};
use crate::api::core::pod::{HostPort, Pod, PodSpec, PodStatus, QosClass};
use crate::api::meta::Rest;
use crate::api::quantity::{Format, Quantity};
use crate::api::resource::{ResourceList, Resources};

/// CPU that a container without a request counts with when nodes are scored.
///
/// Source: kubernetes v1.36 pkg/scheduler/util/pod_resources.go, `DefaultMilliCPURequest`
const SCORING_MILLI_CPU: i64 = 100;

/// Memory that a container without a request counts with when nodes are scored.
///
/// Source: kubernetes v1.36 pkg/scheduler/util/pod_resources.go, `DefaultMemoryRequest`
const SCORING_MEMORY: i64 = 200 * 1024 * 1024;

/// How the amounts of a pod are put together. The default counts what its spec says, with
/// overhead.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options<'a> {
    /// The status whose figures of a resize count too.
    pub status: Option<&'a PodStatus>,
    /// What a container counts with for a resource that it leaves out; an explicit 0 stays 0.
    pub missing: Option<&'a ResourceList>,
    /// Whether the sandbox's own resources are left out.
    pub without_overhead: bool,
    /// Whether the pod's own amounts do not stand in place of those of its containers.
    pub without_pod_level: bool,
}

/// Requests or limits: which of a container's amounts is looked at.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Part {
    Requests,
    Limits,
}

impl Part {
    fn of(self, resources: &ResourceRequirements) -> &ResourceList {
        match self {
            Part::Requests => &resources.requests,
            Part::Limits => &resources.limits,
        }
    }
}

/// Fills in the computed fields of a spec.
pub(crate) fn compute(spec: &mut PodSpec) {
    spec.requests = Resources::of(&requests(spec, Options::default()));
    spec.scoring_requests = scoring(spec, None);
    spec.host_ports = host_ports(spec);
    spec.qos_class = qos_class(spec);
}

/// What the fit score counts a pod with that is to be placed: containers without a request count
/// with the defaults, and what the pod states as a whole is not seen.
///
/// Source: kubernetes v1.36 pkg/scheduler/framework/plugins/noderesources/resource_allocation.go,
/// `calculatePodResourceRequest`
fn scoring(spec: &PodSpec, status: Option<&PodStatus>) -> Resources {
    let missing = ResourceList::from([
        (Name::new_static("cpu"), Quantity::milli(SCORING_MILLI_CPU)),
        (Name::new_static("memory"), Quantity::new(SCORING_MEMORY, Format::BinarySi)),
    ]);
    let options =
        Options { status, missing: Some(&missing), without_pod_level: true, ..Options::default() };
    Resources::of(&requests(spec, options))
}

/// The requests of a pod, with the figures of a resize where its status has any.
pub fn of_pod(pod: &Pod) -> Cow<'_, Resources> {
    if !is_resized(&pod.status) {
        return Cow::Borrowed(&pod.spec.requests);
    }
    let options = Options { status: Some(&pod.status), ..Options::default() };
    Cow::Owned(Resources::of(&requests(&pod.spec, options)))
}

/// What the fit score counts a pod with that is to be placed, a resize counted in.
pub fn scoring_of_pod(pod: &Pod) -> Cow<'_, Resources> {
    if !is_resized(&pod.status) {
        return Cow::Borrowed(&pod.spec.scoring_requests);
    }
    Cow::Owned(scoring(&pod.spec, Some(&pod.status)))
}

/// Milli-CPU and bytes that a pod on a node counts with when nodes are scored: as
/// [`scoring_of_pod`], but with what the pod states as a whole.
///
/// Source: kubernetes v1.36 pkg/scheduler/framework/types.go, `PodInfo.CalculateResource`
pub fn scoring_on_node(pod: &Pod) -> (i64, i64) {
    let own = scoring_of_pod(pod);
    let Some(whole) = &pod.spec.resources else { return (own.milli_cpu, own.memory) };
    let stated = of_pod(pod);
    let pick = |name, stated, own| if whole.requests.contains_key(name) { stated } else { own };
    (pick("cpu", stated.milli_cpu, own.milli_cpu), pick("memory", stated.memory, own.memory))
}

/// Whether a status carries figures of its own, as the kubelet reports them.
fn is_resized(status: &PodStatus) -> bool {
    let told = |rest: &Rest| {
        rest.0
            .as_ref()
            .is_some_and(|m| m.contains_key("resources") || m.contains_key("allocatedResources"))
    };
    let mut containers = status.container_statuses.iter().chain(&status.init_container_statuses);
    told(&status.rest) || containers.any(|c| told(&c.rest))
}

/// The effective requests of a pod: the greater of what the containers need together and what each
/// init container needs beside the sidecars declared before it; then the pod's own amounts in
/// their place, then overhead.
///
/// With containers of 100m and 200m, a sidecar of 50m and after it an init container of 500m it is
/// max(100 + 200 + 50, 500 + 50) = 550m.
///
/// Source: kubernetes v1.36 staging/src/k8s.io/component-helpers/resource/helpers.go, `PodRequests`
pub fn requests(spec: &PodSpec, options: Options<'_>) -> ResourceList {
    let mut sum = containers(spec, Part::Requests, options);
    if !options.without_pod_level {
        put_pod_level(&mut sum, spec, Part::Requests, options);
    }
    if !options.without_overhead {
        add(&mut sum, &spec.overhead);
    }
    sum
}

/// The effective limits of a pod; overhead is added only to what is limited.
///
/// Source: kubernetes v1.36 staging/src/k8s.io/component-helpers/resource/helpers.go, `PodLimits`
pub fn limits(spec: &PodSpec, options: Options<'_>) -> ResourceList {
    let mut sum = containers(spec, Part::Limits, Options { missing: None, ..options });
    if !options.without_pod_level {
        put_pod_level(&mut sum, spec, Part::Limits, options);
    }
    if !options.without_overhead {
        for (name, more) in &spec.overhead {
            if let Some(have) = sum.get_mut(name).filter(|have| !have.is_zero()) {
                *have = have.add(more);
            }
        }
    }
    sum
}

/// Source: kubernetes v1.36 staging/src/k8s.io/component-helpers/resource/helpers.go,
/// `AggregateContainerRequests` and `AggregateContainerLimits`
fn containers(spec: &PodSpec, part: Part, options: Options<'_>) -> ResourceList {
    let amounts = |c: &Container| amounts_of(c, part, options);
    let mut sum = ResourceList::new();
    spec.containers.iter().for_each(|c| add(&mut sum, &amounts(c)));
    let (mut sidecars, mut peak) = (ResourceList::new(), ResourceList::new());
    for container in &spec.init_containers {
        let mut own = amounts(container);
        if container.is_sidecar() {
            add(&mut sum, &own);
            add(&mut sidecars, &own);
            own.clone_from(&sidecars);
        } else {
            add(&mut own, &sidecars);
        }
        raise(&mut peak, &own);
    }
    raise(&mut sum, &peak);
    sum
}

/// The amounts of one container: while it is resized, the greatest of what is wanted, what is set
/// aside and what is in force; a resize that cannot be done does not count.
///
/// Source: kubernetes v1.36 staging/src/k8s.io/component-helpers/resource/helpers.go,
/// `determineContainerReqs` and `determineContainerLimits`
fn amounts_of(container: &Container, part: Part, options: Options<'_>) -> ResourceList {
    let mut amounts = part.of(&container.resources).clone();
    let in_force = options.status.and_then(|s| figures_of(s, container, part));
    if let (Some(status), Some(in_force)) = (options.status, in_force) {
        if is_infeasible(status) {
            amounts.clear();
        }
        for more in &in_force {
            raise(&mut amounts, more);
        }
    }
    for (name, amount) in options.missing.into_iter().flatten() {
        amounts.entry(name.clone()).or_insert_with(|| amount.clone());
    }
    amounts
}

/// What a container's status says: in force, and for requests what is set aside too. None when it
/// says nothing of what is in force.
fn figures_of(status: &PodStatus, container: &Container, part: Part) -> Option<Vec<ResourceList>> {
    let is_init = |s: &&ContainerStatus| s.name == container.name;
    let own = status.container_statuses.iter().find(is_init);
    let own = own.or_else(|| status.init_container_statuses.iter().find(is_init))?;
    figures(&own.rest, part)
}

fn figures(rest: &Rest, part: Part) -> Option<Vec<ResourceList>> {
    let rest = rest.0.as_ref()?;
    let in_force = ResourceRequirements::deserialize(rest.get("resources")?).ok()?;
    let aside = rest.get("allocatedResources").filter(|_| part == Part::Requests);
    let aside = aside.and_then(|v: &Value| ResourceList::deserialize(v).ok());
    Some([Some(part.of(&in_force).clone()), aside].into_iter().flatten().collect())
}

/// Source: kubernetes v1.36 staging/src/k8s.io/component-helpers/resource/helpers.go,
/// `IsPodResizeInfeasible`
fn is_infeasible(status: &PodStatus) -> bool {
    condition::find(&status.conditions, "PodResizePending")
        .is_some_and(|c| c.reason == "Infeasible")
}

/// Amounts that the pod states as a whole stand in place of the sum over its containers.
fn put_pod_level(sum: &mut ResourceList, spec: &PodSpec, part: Part, options: Options<'_>) {
    let Some(whole) = &spec.resources else { return };
    let mut stated = part.of(whole).clone();
    if let Some(status) = options.status
        && let Some(in_force) = figures(&status.rest, part)
    {
        if is_infeasible(status) {
            stated.clear();
        }
        for mut more in in_force {
            for (name, overhead) in &spec.overhead {
                if let Some(have) = more.get_mut(name) {
                    *have = have.sub(overhead);
                }
            }
            raise(&mut stated, &more);
        }
    }
    sum.extend(stated.into_iter().filter(|(name, _)| is_pod_level(name)));
}

/// Whether a pod may state a resource as a whole.
///
/// Source: kubernetes v1.36 staging/src/k8s.io/component-helpers/resource/helpers.go,
/// `IsSupportedPodLevelResource`
fn is_pod_level(name: &str) -> bool {
    matches!(name, "cpu" | "memory") || name.starts_with("hugepages-")
}

/// Whether a pod states anything as a whole that counts.
///
/// Source: kubernetes v1.36 staging/src/k8s.io/component-helpers/resource/helpers.go,
/// `IsPodLevelResourcesSet`
pub fn is_pod_level_set(whole: &ResourceRequirements) -> bool {
    whole.requests.keys().chain(whole.limits.keys()).any(|name| is_pod_level(name))
}

fn add(sum: &mut ResourceList, more: &ResourceList) {
    for (name, amount) in more {
        match sum.get_mut(name) {
            Some(have) => *have = have.add(amount),
            None => {
                sum.insert(name.clone(), amount.clone());
            }
        }
    }
}

fn raise(list: &mut ResourceList, to: &ResourceList) {
    for (name, amount) in to {
        if list.get(name).is_none_or(|have| have < amount) {
            list.insert(name.clone(), amount.clone());
        }
    }
}

/// The ports of the node that containers and sidecars take.
///
/// Source: kubernetes v1.36 pkg/scheduler/util/utils.go, `GetHostPorts`
fn host_ports(spec: &PodSpec) -> Vec<HostPort> {
    let sidecars = spec.init_containers.iter().filter(|c| c.is_sidecar());
    let ports = spec.containers.iter().chain(sidecars).flat_map(|c| &c.ports);
    let taken = ports.filter(|p| p.host_port > 0).map(|p| HostPort {
        ip: or(&p.host_ip, "0.0.0.0"),
        protocol: or(&p.protocol, "TCP"),
        port: p.host_port,
    });
    taken.collect()
}

fn or(text: &Name, default: &'static str) -> Name {
    if text.is_empty() { Name::new_static(default) } else { text.clone() }
}

/// Guaranteed when every container limits CPU and memory and requests as much; best effort when
/// nothing is requested or limited; burstable otherwise. Amounts of the pod as a whole decide
/// alone where it states any.
///
/// Source: kubernetes v1.36 pkg/apis/core/v1/helper/qos/qos.go, `ComputePodQOS`
fn qos_class(spec: &PodSpec) -> QosClass {
    let (mut requests, mut limits) = (ResourceList::new(), ResourceList::new());
    let mut is_limited = true;
    let mut count = |r: &ResourceRequirements| {
        add(&mut requests, &counting(&r.requests));
        let limited = counting(&r.limits);
        is_limited &= limited.len() == 2;
        add(&mut limits, &limited);
    };
    match &spec.resources {
        Some(whole) => count(whole),
        None => spec.all_containers().for_each(|c| count(&c.resources)),
    }
    if requests.is_empty() && limits.is_empty() {
        return QosClass::BestEffort;
    }
    if is_limited && requests == limits { QosClass::Guaranteed } else { QosClass::Burstable }
}

/// Only CPU and memory above zero decide the class.
fn counting(list: &ResourceList) -> ResourceList {
    let both = ["cpu", "memory"].into_iter().filter_map(|name| list.get_key_value(name));
    both.filter(|(_, q)| q.sign() > 0).map(|(n, q)| (n.clone(), q.clone())).collect()
}
