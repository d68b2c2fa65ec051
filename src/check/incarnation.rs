//! S6: of an ordinal of a StatefulSet at most one pod runs, by what the nodes run, not by what the
//! apiserver says.

use std::collections::BTreeMap;

use crate::api::core::event::Event;
use crate::api::core::pod::Pod;
use crate::api::meta::Uid;
use crate::check::{Invariant, Look, Place, named};
use crate::cluster::{Cluster, Member};
use crate::sim::time::SimTime;

/// The pods that there were of each ordinal.
#[derive(Clone, Default)]
pub(super) struct Incarnation {
    pods: BTreeMap<Place, Vec<Uid>>,
}

impl Invariant for Incarnation {
    fn look(&mut self, look: &Look<'_>) -> Result<(), String> {
        if let Some(event) = look.change.object.as_a::<Event>() {
            return self.told(event, look);
        }
        let Some(pod) = look.change.object.as_a::<Pod>() else { return Ok(()) };
        if pod.meta.controller().is_none_or(|owner| owner.kind != "StatefulSet") {
            return Ok(());
        }
        let uids =
            self.pods.entry((pod.meta.namespace.clone(), pod.meta.name.clone())).or_default();
        if !uids.contains(&pod.meta.uid) {
            uids.push(pod.meta.uid);
        }
        running_once(uids, look)
    }
}

impl Incarnation {
    /// A kubelet tells of a pod: it may have begun to run what lives elsewhere.
    fn told(&self, event: &Event, look: &Look<'_>) -> Result<(), String> {
        let about = &event.body.involved_object;
        let uids = self.pods.get(&(about.namespace.clone(), about.name.clone()));
        uids.map_or(Ok(()), |uids| running_once(uids, look))
    }
}

fn running_once(uids: &[Uid], look: &Look<'_>) -> Result<(), String> {
    if uids.len() < 2 {
        return Ok(());
    }
    let running = uids.iter().filter(|uid| runs(look.cluster, **uid, look.now)).count();
    if running < 2 {
        return Ok(());
    }
    Err(format!("{} tells that a pod runs {running} times at once", named(look.change)))
}

/// Whether a container of a pod runs on any node: a scan of the nodes, for pods that were
/// replaced.
pub(super) fn runs(cluster: &Cluster, pod: Uid, now: SimTime) -> bool {
    cluster.topology.nodes.values().any(|(id, _)| {
        let Member::Node(process) = cluster.engine.actor(*id) else { return false };
        let sandbox = process.component().runtime().sandbox(pod);
        sandbox.is_some_and(|s| s.containers.iter().flatten().any(|run| run.runs(now)))
    })
}
