//! What a pod asks for as a whole: effective requests, host ports, quality of service.

use crate::api::Name;
use crate::api::core::container::{Container, ResourceRequirements};
use crate::api::core::pod::{HostPort, PodSpec, QosClass};
use crate::api::resource::{ResourceList, Resources};

/// CPU that a container without a request counts with when nodes are scored.
///
/// Source: kubernetes v1.36 pkg/scheduler/util/pod_resources.go, `DefaultMilliCPURequest`
const SCORING_MILLI_CPU: i64 = 100;

/// Memory that a container without a request counts with when nodes are scored.
///
/// Source: kubernetes v1.36 pkg/scheduler/util/pod_resources.go, `DefaultMemoryRequest`
const SCORING_MEMORY: i64 = 200 * 1024 * 1024;

/// Which of a container's amounts is looked at.
type Part = fn(&ResourceRequirements) -> &ResourceList;

/// Fills in the computed fields of a spec.
pub(crate) fn compute(spec: &mut PodSpec) {
    spec.requests = effective(spec, |r| &r.requests, true, |_, _| {});
    spec.scoring_requests = effective(
        spec,
        |r| &r.requests,
        false,
        |container, amounts| {
            let asked = &container.resources.requests;
            if !asked.contains_key("cpu") {
                amounts.milli_cpu = SCORING_MILLI_CPU;
            }
            if !asked.contains_key("memory") {
                amounts.memory = SCORING_MEMORY;
            }
        },
    );
    spec.host_ports = host_ports(spec);
    spec.qos_class = qos_class(spec);
}

/// The limits of a pod as a whole.
///
/// Source: kubernetes v1.36 staging/src/k8s.io/component-helpers/resource/helpers.go, `PodLimits`
pub fn limits(spec: &PodSpec) -> Resources {
    effective(spec, |r| &r.limits, true, |_, _| {})
}

/// The greater of what the containers need together and what each init container needs beside the
/// sidecars declared before it; then pod-level amounts in their place, then overhead.
///
/// With containers of 100m and 200m, a sidecar of 50m and after it an init container of 500m it is
/// max(100 + 200 + 50, 500 + 50) = 550m.
///
/// Source: kubernetes v1.36 staging/src/k8s.io/component-helpers/resource/helpers.go, `PodRequests`
fn effective(
    spec: &PodSpec,
    part: Part,
    pod_level: bool,
    complete: impl Fn(&Container, &mut Resources),
) -> Resources {
    let amounts = |container: &Container| {
        let mut amounts = Resources::of(part(&container.resources));
        complete(container, &mut amounts);
        amounts
    };
    let mut sum = Resources::default();
    spec.containers.iter().for_each(|c| sum.add(&amounts(c)));
    let (mut sidecars, mut peak) = (Resources::default(), Resources::default());
    for container in &spec.init_containers {
        let mut own = amounts(container);
        if container.is_sidecar() {
            sum.add(&own);
            sidecars.add(&own);
            own = sidecars.clone();
        } else {
            own.add(&sidecars);
        }
        peak.raise_to(&own);
    }
    sum.raise_to(&peak);
    if pod_level {
        replace_by_pod_level(&mut sum, spec, part);
    }
    let overhead = Resources::of(&spec.overhead);
    sum.add(&overhead);
    sum
}

/// Amounts that the pod states as a whole stand in place of the sum over its containers.
fn replace_by_pod_level(sum: &mut Resources, spec: &PodSpec, part: Part) {
    let Some(whole) = &spec.resources else { return };
    for (name, quantity) in part(whole) {
        match name.as_str() {
            "cpu" => sum.milli_cpu = quantity.milli_value(),
            "memory" => sum.memory = quantity.value(),
            other if other.starts_with("hugepages-") => {
                sum.scalar.retain(|(n, _)| n != other);
                sum.scalar.push((name.clone(), quantity.value()));
            }
            _ => {}
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
/// nothing is requested or limited; burstable otherwise. Pod-level amounts decide where they are.
///
/// Source: kubernetes v1.36 pkg/apis/core/v1/helper/qos/qos.go, `ComputePodQOS`
fn qos_class(spec: &PodSpec) -> QosClass {
    let whole = spec.resources.iter();
    let whole: Vec<_> = whole.filter(|r| counts(&r.requests) || counts(&r.limits)).collect();
    let each: Vec<&ResourceRequirements> = if whole.is_empty() {
        spec.all_containers().map(|c| &c.resources).collect()
    } else {
        whole
    };
    if each.iter().all(|r| !counts(&r.requests) && !counts(&r.limits)) {
        return QosClass::BestEffort;
    }
    let (mut requests, mut limits) = (Resources::default(), Resources::default());
    for resources in &each {
        requests.add(&Resources::of(&resources.requests));
        limits.add(&Resources::of(&resources.limits));
    }
    let limited = |r: &ResourceRequirements, name| positive(&r.limits, name);
    let all_limited = each.iter().all(|r| limited(r, "cpu") && limited(r, "memory"));
    let equal = |ask: i64, limit: i64| ask == 0 || ask == limit;
    let full = equal(requests.milli_cpu, limits.milli_cpu) && equal(requests.memory, limits.memory);
    if all_limited && full { QosClass::Guaranteed } else { QosClass::Burstable }
}

fn positive(list: &ResourceList, name: &str) -> bool {
    list.get(name).is_some_and(|q| q.milli_value() > 0)
}

/// Only CPU and memory decide the class.
fn counts(list: &ResourceList) -> bool {
    positive(list, "cpu") || positive(list, "memory")
}
