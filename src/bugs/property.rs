//! What the pairs ask for beside what must hold in every run.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::api::Name;
use crate::api::apps::deployment::Deployment;
use crate::api::condition::{self, Truth};
use crate::api::core::node::Node;
use crate::api::core::pod::{Pod, PodPhase};
use crate::api::note::Note;
use crate::api::object::{Kind, Object};
use crate::api::time::Time;
use crate::cluster::Cluster;
use crate::explore::judge::Property;
use crate::sim::time::SimDuration;

fn pods(cluster: &Cluster) -> impl Iterator<Item = &Pod> {
    let all = cluster.store().iter(Kind::POD).filter_map(|o| o.as_a::<Pod>());
    all.map(AsRef::as_ref).filter(|p| p.meta.namespace == "default")
}

/// Whether a fault of one of these names has come.
pub(super) fn came(cluster: &Cluster, names: &[&str]) -> bool {
    cluster.engine.log().iter().any(|record| match &record.note {
        Note::Fault(fault) => names.contains(&fault.fault.as_str()),
        Note::Write(_) | Note::Refused(_) | Note::Step(_) | Note::Mark(_) => false,
    })
}

/// While every node is silent no pod is deleted.
pub(super) struct StaysWhileSilent;

impl Property for StaysWhileSilent {
    fn name(&self) -> &'static str {
        "no pod is deleted while every node is silent"
    }

    fn always(&self, cluster: &Cluster) -> Result<(), String> {
        let mut nodes = cluster.store().iter(Kind::NODE).filter_map(|o| o.as_a::<Node>());
        let taken = pods(cluster).find(|p| was_taken(p));
        match taken {
            Some(pod) if nodes.all(|n| !n.is_ready()) => Err(pod.meta.name.to_string()),
            Some(_) | None => Ok(()),
        }
    }
}

/// Whether a pod was deleted because of a taint.
fn was_taken(pod: &Pod) -> bool {
    let target = condition::find(&pod.status.conditions, "DisruptionTarget");
    target.is_some_and(|c| c.reason == "DeletionByTaintManager")
}

/// No pod is deleted because of a taint.
pub(super) struct NoOneIsTaken;

impl Property for NoOneIsTaken {
    fn name(&self) -> &'static str {
        "no pod is deleted because of a taint that it bears"
    }

    fn always(&self, cluster: &Cluster) -> Result<(), String> {
        let taken = pods(cluster).find(|p| was_taken(p));
        taken.map_or(Ok(()), |pod| Err(pod.meta.name.to_string()))
    }
}

/// Every pod has a node when the run ends.
pub(super) struct PodsAreBound;

impl Property for PodsAreBound {
    fn name(&self) -> &'static str {
        "every pod has a node in the end"
    }

    fn at_end(&self, cluster: &Cluster) -> Result<(), String> {
        none_waits(cluster)
    }
}

fn none_waits(cluster: &Cluster) -> Result<(), String> {
    let mut waiting = pods(cluster).filter(|p| p.node_name.is_empty());
    let waiting = waiting.find(|p| !p.meta.is_deleting());
    waiting.map_or(Ok(()), |pod| Err(format!("{} waits", pod.meta.name)))
}

/// Where only one pod fits, none waits while no other has the room.
pub(super) struct RoomIsUsed;

impl Property for RoomIsUsed {
    fn name(&self) -> &'static str {
        "no pod waits while there is room"
    }

    fn at_rest(&self, cluster: &Cluster) -> Result<(), String> {
        let is_used = pods(cluster).any(|p| p.is_active() && !p.node_name.is_empty());
        if is_used { Ok(()) } else { none_waits(cluster) }
    }
}

/// Every pod is ready when the run ends.
pub(super) struct PodsAreReady;

impl Property for PodsAreReady {
    fn name(&self) -> &'static str {
        "every pod is ready in the end"
    }

    fn at_end(&self, cluster: &Cluster) -> Result<(), String> {
        let waiting = pods(cluster).filter(|p| p.is_active()).find(|p| !p.is_ready());
        waiting.map_or(Ok(()), |pod| Err(format!("{} is not", pod.meta.name)))
    }
}

/// Of all pods at most so many have failed.
pub(super) struct NotTooManyFailures(pub usize);

impl Property for NotTooManyFailures {
    fn name(&self) -> &'static str {
        "a job is given up after its limit of failures"
    }

    fn always(&self, cluster: &Cluster) -> Result<(), String> {
        let failed = pods(cluster).filter(|p| p.status.phase == PodPhase::Failed).count();
        if failed <= self.0 { Ok(()) } else { Err(format!("{failed} pods have failed")) }
    }
}

/// At most so many pods were evicted because of what they use.
pub(super) struct FewEvicted(pub usize);

impl Property for FewEvicted {
    fn name(&self) -> &'static str {
        "no node gives way after another"
    }

    fn always(&self, cluster: &Cluster) -> Result<(), String> {
        let evicted = pods(cluster).filter(|p| p.status.reason == "Evicted").count();
        if evicted <= self.0 { Ok(()) } else { Err(format!("{evicted} pods were evicted")) }
    }
}

/// No index of a job has more than a few pods at once: one, and what lost answers may add.
pub(super) struct OnePodAnIndex;

/// An index may have so many pods for a moment.
const FOR_AN_INDEX: u32 = 3;

impl Property for OnePodAnIndex {
    fn name(&self) -> &'static str {
        "an index has one pod, and one more for each answer that was lost"
    }

    fn always(&self, cluster: &Cluster) -> Result<(), String> {
        let mut of_index: BTreeMap<&Name, u32> = BTreeMap::new();
        for pod in pods(cluster).filter(|p| p.is_active() && !p.meta.is_deleting()) {
            let index = pod.meta.labels.get("batch.kubernetes.io/job-completion-index");
            if let Some(index) = index {
                *of_index.entry(index).or_default() += 1;
            }
        }
        match of_index.iter().find(|(_, n)| **n > FOR_AN_INDEX) {
            Some((index, n)) => Err(format!("index {index} has {n} pods")),
            None => Ok(()),
        }
    }
}

/// There is a pod when the run ends, and no Deployment lacks its set.
pub(super) struct SomeDeployed;

impl Property for SomeDeployed {
    fn name(&self) -> &'static str {
        "what is wanted is there at the end"
    }

    fn at_end(&self, cluster: &Cluster) -> Result<(), String> {
        if pods(cluster).next().is_none() {
            return Err("there is no pod".to_owned());
        }
        let all = cluster.store().iter(Kind::DEPLOYMENT);
        for deployment in all.filter_map(|o| o.as_a::<Deployment>()) {
            let (want, have) = (deployment.spec.replicas, deployment.status.updated_replicas);
            if have < want {
                return Err(format!("{} has {have} of {want} pods", deployment.meta.name));
            }
        }
        Ok(())
    }
}

/// Every change of a Deployment was seen by its controller when the run ends.
pub(super) struct ChangesAreSeen;

impl Property for ChangesAreSeen {
    fn name(&self) -> &'static str {
        "what was changed is seen in the end"
    }

    fn at_end(&self, cluster: &Cluster) -> Result<(), String> {
        let all = cluster.store().iter(Kind::DEPLOYMENT);
        let mut all = all.filter_map(|o| o.as_a::<Deployment>());
        let late = all.find(|d| d.status.observed_generation < d.meta.generation);
        late.map_or(Ok(()), |d| Err(format!("the last change of {} was not", d.meta.name)))
    }
}

/// No status of a Job is refused because a pod is noted twice in it. (That one is refused because
/// more pods are ready than active is a bug that 1.36 has: kubernetes#139428.)
pub(super) struct StatusIsTaken;

impl Property for StatusIsTaken {
    fn name(&self) -> &'static str {
        "no status of a job notes a pod twice"
    }

    fn at_end(&self, cluster: &Cluster) -> Result<(), String> {
        let wrong = cluster.engine.log().iter().find_map(|record| match &record.note {
            Note::Refused(refused) => {
                let is_it = refused.user == "job-controller"
                    && refused.refusal.message.contains("Duplicate value");
                is_it.then(|| refused.refusal.message.to_string())
            }
            Note::Write(_) | Note::Step(_) | Note::Fault(_) | Note::Mark(_) => None,
        });
        wrong.map_or(Ok(()), Err)
    }
}

/// No endpoint is listed by two slices of which both are old enough to be known to everybody.
pub(super) struct ListedOnce;

impl Property for ListedOnce {
    fn name(&self) -> &'static str {
        "no endpoint is listed twice"
    }

    fn always(&self, cluster: &Cluster) -> Result<(), String> {
        use crate::api::discovery::endpoint_slice::EndpointSlice;
        let now = Time::at(cluster.engine.now());
        let slices = cluster.store().iter(Kind::ENDPOINT_SLICE);
        let slices = slices.filter_map(|o| o.as_a::<EndpointSlice>());
        let old = |at: Time| now.since(at) > SimDuration::secs(2);
        let slices = slices.filter(|slice| slice.meta.creation.is_some_and(old));
        let mut all: Vec<&Name> = slices
            .flat_map(|slice| slice.endpoints.iter().filter_map(|e| e.addresses.first()))
            .collect();
        let count = all.len();
        all.sort();
        all.dedup();
        if all.len() == count {
            return Ok(());
        }
        Err(format!("{count} entries, {} addresses", all.len()))
    }
}

/// A node that counts as silent for some seconds has no ready pod.
pub(super) struct DeadAreNotReady;

impl Property for DeadAreNotReady {
    fn name(&self) -> &'static str {
        "pods of silent nodes are not ready"
    }

    fn always(&self, cluster: &Cluster) -> Result<(), String> {
        let now = cluster.engine.now();
        let silent = |node: &Arc<Node>| {
            let ready = condition::find(&node.status.conditions, "Ready");
            let silent = ready.filter(|c| c.status == Truth::Unknown);
            let since = silent.and_then(|c| c.last_transition_time);
            since.filter(|at| Time::at(now).since(*at) > SimDuration::secs(5))
        };
        let all = cluster.store().iter(Kind::NODE).filter_map(|o| o.as_a::<Node>());
        let silent: Vec<(&Name, Time)> =
            all.filter_map(|node| Some((&node.meta.name, silent(node)?))).collect();
        // What has become ready since is told by a node that is about to tell of itself.
        let was_ready = |pod: &Pod, since: Time| {
            let ready = condition::find(&pod.status.conditions, "Ready").filter(|c| c.is_true());
            ready.and_then(|c| c.last_transition_time).is_some_and(|at| at < since)
        };
        let left = |pod: &Pod| {
            silent.iter().any(|(node, since)| **node == pod.node_name && was_ready(pod, *since))
        };
        let wrong = pods(cluster).find(|pod| left(pod));
        wrong.map_or(Ok(()), |p| Err(format!("{} on {} is ready", p.meta.name, p.node_name)))
    }
}

fn nodes(cluster: &Cluster) -> BTreeMap<Name, bool> {
    let all = cluster.store().iter(Kind::NODE).filter_map(|o| o.as_a::<Node>());
    all.map(|n| (n.meta.name.clone(), n.is_ready())).collect()
}

/// What is ready for longer than it needs is counted as available.
pub(super) struct AllAvailable;

impl Property for AllAvailable {
    fn name(&self) -> &'static str {
        "ready pods are available in the end"
    }

    fn at_rest(&self, cluster: &Cluster) -> Result<(), String> {
        for object in cluster.store().iter(Kind::REPLICA_SET) {
            let Object::ReplicaSet(set) = object else { continue };
            let (ready, available) = (set.status.ready_replicas, set.status.available_replicas);
            if ready != available {
                return Err(format!("{}: {ready} ready, {available} available", set.meta.name));
            }
        }
        Ok(())
    }
}

/// The pods are spread over the nodes: no two nodes differ by more than one.
pub(super) struct Spread;

impl Property for Spread {
    fn name(&self) -> &'static str {
        "no two nodes differ by more than one pod"
    }

    fn at_rest(&self, cluster: &Cluster) -> Result<(), String> {
        let mut counts: BTreeMap<Name, usize> =
            nodes(cluster).into_keys().map(|name| (name, 0)).collect();
        for pod in pods(cluster).filter(|p| p.is_active()) {
            if let Some(count) = counts.get_mut(&pod.node_name) {
                *count += 1;
            }
        }
        let (least, most) = (counts.values().min(), counts.values().max());
        match (least, most) {
            (Some(least), Some(most)) if most - least > 1 => {
                Err(format!("one has {least}, another {most}"))
            }
            _ => Ok(()),
        }
    }
}
