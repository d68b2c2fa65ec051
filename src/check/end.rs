//! What must hold once nothing is left to do.
//!
//! In a simulation that nothing is left to do is known: no message is under way, no key is queued,
//! no timer is set that is no housekeeping. What is wrong then stays wrong: that is a proof, not a
//! guess by a timeout.

use crate::api::Name;
use crate::api::apps::deployment::Deployment;
use crate::api::apps::replica_set::ReplicaSet;
use crate::api::core::node::Node;
use crate::api::core::pod::{Pod, PodPhase};
use crate::api::core::service::Service;
use crate::api::discovery::endpoint_slice::EndpointSlice;
use crate::api::meta::Uid;
use crate::api::object::{Kind, Object, ObjectKey};
use crate::check::Breach;
use crate::cluster::{Cluster, Member};
use crate::sim::time::SimTime;

/// What is wrong in a cluster in which nothing is left to do.
pub fn judge(cluster: &Cluster, now: SimTime) -> Vec<Breach> {
    let mut found = Vec::new();
    let mut wrong = |id, kind, what| found.push(Breach { id, kind: Some(kind), what, at: now });
    replica_sets(cluster, &mut wrong);
    deployments(cluster, &mut wrong);
    pods(cluster, &mut wrong);
    garbage(cluster, &mut wrong);
    endpoints(cluster, &mut wrong);
    caches(cluster, &mut wrong);
    found
}

/// What nobody will mend any more.
const STUCK: &str = "nothing is left to do, and";

/// L5: a set has the pods that it is to have, and says so.
fn replica_sets(cluster: &Cluster, wrong: &mut impl FnMut(&'static str, Kind, String)) {
    let store = cluster.store();
    for set in store.iter(Kind::REPLICA_SET).filter_map(|o| o.as_a::<ReplicaSet>()) {
        if set.meta.is_deleting() {
            continue;
        }
        let own = |pod: &&std::sync::Arc<Pod>| {
            pod.is_active() && pod.meta.controller().is_some_and(|o| o.uid == set.meta.uid)
        };
        let active = store.iter(Kind::POD).filter_map(|o| o.as_a::<Pod>()).filter(own);
        let active = i32::try_from(active.count()).unwrap_or(i32::MAX);
        let name = &set.meta.name;
        if active != set.spec.replicas {
            let text = format!("{STUCK} {name} has {active} pods, {} wanted", set.spec.replicas);
            wrong("L5", Kind::REPLICA_SET, text);
        } else if set.status.replicas != active {
            let text = format!("{STUCK} {name} tells of {}, has {active}", set.status.replicas);
            wrong("L4", Kind::REPLICA_SET, text);
        } else if set.status.observed_generation < set.meta.generation {
            wrong(
                "L4",
                Kind::REPLICA_SET,
                format!("{STUCK} the last change of {name} was not seen"),
            );
        }
    }
}

/// L4: a Deployment has seen its last change and tells what there is.
fn deployments(cluster: &Cluster, wrong: &mut impl FnMut(&'static str, Kind, String)) {
    let store = cluster.store();
    for deployment in store.iter(Kind::DEPLOYMENT).filter_map(|o| o.as_a::<Deployment>()) {
        let (meta, status) = (&deployment.meta, &deployment.status);
        if meta.is_deleting() {
            continue;
        }
        if status.observed_generation < meta.generation {
            let text = format!("{STUCK} the last change of {} was not seen", meta.name);
            wrong("L4", Kind::DEPLOYMENT, text);
            continue;
        }
        let sets = store.iter(Kind::REPLICA_SET).filter_map(|o| o.as_a::<ReplicaSet>());
        let own = sets.filter(|s| s.meta.controller().is_some_and(|o| o.uid == meta.uid));
        let (mut replicas, mut available) = (0, 0);
        for set in own {
            replicas += set.status.replicas;
            available += set.status.available_replicas;
        }
        if (status.replicas, status.available_replicas) != (replicas, available) {
            let told = (status.replicas, status.available_replicas);
            let text =
                format!("{STUCK} {} tells of {told:?}, has {:?}", meta.name, (replicas, available));
            wrong("L4", Kind::DEPLOYMENT, text);
        }
    }
}

/// S4, L5, S16: a pod is on a node that is there; one whose containers are ready is ready, where
/// its node lives.
fn pods(cluster: &Cluster, wrong: &mut impl FnMut(&'static str, Kind, String)) {
    let store = cluster.store();
    for pod in store.iter(Kind::POD).filter_map(|o| o.as_a::<Pod>()) {
        let key = ObjectKey::new(Kind::NODE, "", &pod.node_name);
        let node = store.get(&key).and_then(|o| o.as_a::<Node>());
        if !pod.node_name.is_empty() && node.is_none() {
            let text = format!("{STUCK} {} is on {}", pod.meta.name, pod.node_name);
            wrong("S4", Kind::POD, format!("{text}, which is not there"));
        }
        let Some(node) = node.filter(|n| n.is_ready()) else { continue };
        let status = &pod.status;
        let all_ready = !status.container_statuses.is_empty()
            && status.container_statuses.iter().all(|c| c.ready);
        let gates = !pod.spec.readiness_gates.is_empty();
        if status.phase == PodPhase::Running && all_ready && !gates && !pod.is_ready() {
            let text = format!(
                "{STUCK} pod {} on {} is not ready though its containers are",
                pod.meta.name, node.meta.name
            );
            wrong("S16", Kind::POD, text);
        }
        if pod.meta.is_deleting() && pod.meta.finalizers().is_empty() {
            let text = format!("{STUCK} pod {} is still being deleted", pod.meta.name);
            wrong("L5", Kind::POD, text);
        }
    }
}

/// L8: no object has a controlling owner that is gone.
fn garbage(cluster: &Cluster, wrong: &mut impl FnMut(&'static str, Kind, String)) {
    let store = cluster.store();
    for kind in store.kinds().filter(|k| *k != Kind::EVENT && *k != Kind::LEASE) {
        for object in store.iter(kind).filter(|o| !o.meta().is_deleting()) {
            let meta = object.meta();
            if meta.owners().is_empty() {
                continue;
            }
            let alive = |api: &str, kind: &str, name: &str, uid: Uid| {
                let Some(kind) = Kind::of_version(api, kind) else { return true };
                let namespace = if kind.row().namespaced { meta.namespace.as_str() } else { "" };
                let found = store.get(&ObjectKey::new(kind, namespace, name));
                found.is_some_and(|o| o.meta().uid == uid)
            };
            if !meta.owners().iter().any(|o| alive(&o.api_version, &o.kind, &o.name, o.uid)) {
                wrong("L8", kind, format!("{STUCK} the owner of {} is gone", meta.name));
            }
        }
    }
}

/// S16: the ready addresses of a Service are those of its ready pods.
fn endpoints(cluster: &Cluster, wrong: &mut impl FnMut(&'static str, Kind, String)) {
    let store = cluster.store();
    for service in store.iter(Kind::SERVICE).filter_map(|o| o.as_a::<Service>()) {
        let (meta, spec) = (&service.meta, &service.spec);
        if spec.selector.is_empty() || spec.publish_not_ready_addresses || meta.is_deleting() {
            continue;
        }
        let selected = |pod: &Pod| {
            pod.meta.namespace == meta.namespace
                && spec.selector.iter().all(|(k, v)| pod.meta.labels.get(k) == Some(v))
        };
        let pods = store.iter(Kind::POD).filter_map(|o| o.as_a::<Pod>());
        let mut ready: Vec<&str> = pods
            .filter(|p| selected(p) && p.is_ready() && p.is_active())
            .map(|p| p.status.pod_ip.as_str())
            .collect();
        let mut listed: Vec<&str> = Vec::new();
        for slice in store.iter(Kind::ENDPOINT_SLICE).filter_map(|o| o.as_a::<EndpointSlice>()) {
            let of = slice.meta.labels.get("kubernetes.io/service-name");
            if slice.meta.namespace != meta.namespace || of != Some(&meta.name) {
                continue;
            }
            let ready = slice.endpoints.iter().filter(|e| e.conditions.ready != Some(false));
            listed.extend(ready.filter_map(|e| e.addresses.first()).map(Name::as_str));
        }
        ready.sort_unstable();
        listed.sort_unstable();
        if ready != listed {
            let text = format!("{STUCK} {} lists {listed:?}, ready are {ready:?}", meta.name);
            wrong("S16", Kind::SERVICE, text);
        }
    }
}

/// L7: what the processes of the control plane know is what there is.
fn caches(cluster: &Cluster, wrong: &mut impl FnMut(&'static str, Kind, String)) {
    let store = cluster.store();
    for (id, actor) in cluster.engine.actors() {
        let Member::Manager(process) = actor else { continue };
        if !cluster.engine.is_up(id) || !process.is_synced() {
            continue;
        }
        let kinds = process.component().kinds();
        for kind in
            kinds.into_iter().filter(|k| *k != Kind::EVENT && *k != Kind::LEASE && *k != Kind::NODE)
        {
            let cache = process.caches().of(kind);
            let same = |o: &Object| {
                let known = cache.get(&o.meta().namespace, &o.meta().name);
                known.is_some_and(|k| k.meta().resource_version == o.meta().resource_version)
            };
            let count = store.iter(kind).count();
            if cache.len() != count || !store.iter(kind).all(same) {
                let name = cluster.engine.name(id);
                let (known, kind_name) = (cache.len(), kind.name());
                wrong("L7", kind, format!("{STUCK} {name} knows {known} of {count} {kind_name}"));
            }
        }
    }
}
