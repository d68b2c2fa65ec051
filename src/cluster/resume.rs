//! A cluster that goes on from a given state: what the store holds of it, and what runs on its
//! nodes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::api::Name;
use crate::api::core::container::{Container, ContainerStatus};
use crate::api::core::node::Node;
use crate::api::core::pod::Pod;
use crate::api::object::{Kind, Object, ObjectKey};
use crate::api::time::Time;
use crate::node::images::Images;
use crate::node::runtime::{Run, Runtime, Sandbox};
use crate::sim::time::{SimDuration, SimTime};

/// The namespaces of objects whose namespace itself may be missing from the state.
pub(super) fn namespaces(state: &[Object]) -> BTreeSet<Name> {
    let of = |object: &Object| match object.kind() {
        Kind::NAMESPACE => object.meta().name.clone(),
        _ => object.meta().namespace.clone(),
    };
    state.iter().map(of).filter(|name| !name.is_empty()).collect()
}

/// Puts the objects of a state in the place of those that a new cluster would have, and adds the
/// others.
pub(super) fn join(all: &mut Vec<Object>, state: &[Object], start: Time) {
    let mut given: BTreeMap<ObjectKey, &Object> = state.iter().map(|o| (o.key(), o)).collect();
    for object in all.iter_mut() {
        if let Some(one) = given.remove(&object.key()) {
            *object = up_to_now(one, start);
        }
    }
    // In the order of the state, so that revisions tell which object was written before which.
    let rest = state.iter().filter(|o| given.contains_key(&o.key()));
    all.extend(rest.map(|o| up_to_now(o, start)));
}

/// A node that is up has just given its sign of life.
fn up_to_now(object: &Object, start: Time) -> Object {
    let Some(node) = object.as_a::<Node>().filter(|node| node.is_ready()) else {
        return object.clone();
    };
    let mut node = Node::clone(node);
    for condition in &mut Arc::make_mut(&mut node.status).conditions {
        condition.last_heartbeat_time = condition.last_heartbeat_time.map(|_| start);
    }
    Object::from(node)
}

/// The runtime of a node, with the containers of the pods that are bound to it, and their images.
///
/// A container that runs does from now on what it would do after a start, so one that would end
/// 10 s after its start ends 10 s after the beginning of the run.
pub(super) fn runtime(node: &Name, images: &Images, state: &[Object]) -> Runtime {
    let mut runtime = Runtime::default();
    let pods = state.iter().filter_map(|o| o.as_a::<Pod>()).filter(|pod| pod.node_name == *node);
    for pod in pods.filter(|pod| !pod.status.container_statuses.is_empty()) {
        for container in pod.spec.all_containers() {
            runtime.add_image(&container.image);
        }
        runtime.resume(pod.meta.uid, sandbox(pod, images));
    }
    runtime
}

/// The sandbox of a pod whose kubelet has told of its containers.
fn sandbox(pod: &Pod, images: &Images) -> Sandbox {
    let status = &pod.status;
    let told = |container: &Container, is_init: bool| {
        let all =
            if is_init { &status.init_container_statuses } else { &status.container_statuses };
        let status = all.iter().find(|status| status.name == container.name)?;
        container_of(status, images.end_of(container))
    };
    let inits = pod.spec.init_containers.iter().map(|c| told(c, true));
    let others = pod.spec.containers.iter().map(|c| told(c, false));
    Sandbox {
        shares: Vec::new(),
        ip: status.pod_ip.clone(),
        is_ready: !pod.is_terminal() && !status.pod_ip.is_empty(),
        containers: inits.chain(others).collect(),
    }
}

/// The latest container of a status: it runs, or has ended before the run.
fn container_of(status: &ContainerStatus, end: Option<(SimDuration, i32)>) -> Option<Run> {
    let last =
        [&status.state, &status.last_state].into_iter().find_map(|s| s.terminated.as_deref());
    let (ends, exit_code) = match (&status.state.running, last) {
        (Some(_), _) => {
            end.map_or((SimTime::NEVER, 0), |(after, code)| (SimTime::ZERO + after, code))
        }
        (None, Some(ended)) => (SimTime::ZERO, ended.exit_code),
        (None, None) => return None,
    };
    let reason = match last.map(|ended| ended.reason.as_str()) {
        Some("OOMKilled") if status.state.running.is_none() => "OOMKilled",
        Some(_) | None if exit_code == 0 => "Completed",
        Some(_) | None => "Error",
    };
    Some(Run {
        figures: None,
        id: status.container_id.clone(),
        attempt: status.restart_count,
        started: SimTime::ZERO,
        ends,
        exit_code,
        reason,
        before: None,
    })
}
