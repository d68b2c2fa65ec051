//! Which nodes of a `DaemonSet` need a pod, and which pods have to go.

use std::sync::Arc;

use super::pods::ByNode;
use super::why::DaemonSetWhy;
use super::{Place, rolling};
use crate::api::Name;
use crate::api::apps::controller_revision::POD_REVISION;
use crate::api::apps::daemon_set::DaemonSet;
use crate::api::core::event::ObjectReference;
use crate::api::core::pod::{Pod, PodPhase};
use crate::api::meta::Uid;
use crate::api::request::EventNote;
use crate::api::time::Time;
use crate::client::backoff::Backoff;
use crate::client::plan::Plan;
use crate::sim::time::{SimDuration, SimTime};

/// How long the failed pod of a node is left before the next one is made.
///
/// Source: kubernetes v1.36 cmd/kube-controller-manager/app/apps.go,
/// `newDaemonSetController`
const FAILED: (SimDuration, SimDuration) = (SimDuration::secs(1), SimDuration::secs(15 * 60));

/// The waits after failed pods, by the `DaemonSet`, its observed generation, and the node.
pub(super) type Waits = Backoff<(Uid, i64, Name)>;

/// No waits yet.
pub(super) fn waits() -> Waits {
    Backoff::new(FAILED.0, FAILED.1)
}

/// What is to be done.
#[derive(Default)]
pub(super) struct Work<'a> {
    /// Nodes that need a pod.
    pub(super) create: Vec<Name>,
    /// Pods that have to go.
    pub(super) delete: Vec<(&'a Arc<Pod>, DaemonSetWhy)>,
}

/// One look at all nodes.
pub(super) struct Look<'l> {
    pub(super) set: &'l DaemonSet,
    pub(super) hash: &'l str,
    pub(super) about: Arc<ObjectReference>,
    pub(super) now: Time,
    pub(super) waits: &'l mut Waits,
    pub(super) plan: &'l mut Plan,
}

impl Look<'_> {
    /// What all nodes need.
    ///
    /// Source: kubernetes v1.36 pkg/controller/daemon/daemon_controller.go, `manage`,
    /// `getUnscheduledPodsWithoutNode`
    pub(super) fn manage<'a>(&mut self, places: &[Place<'_>], by_node: &ByNode<'a>) -> Work<'a> {
        let mut work = Work::default();
        for place in places {
            let pods = by_node.get(&place.node.meta.name).map(Vec::as_slice);
            self.node(place, pods, &mut work);
        }
        let is_there =
            |name: &Name| places.binary_search_by(|p| p.node.meta.name.cmp(name)).is_ok();
        for (node, pods) in by_node.iter().filter(|(name, _)| !is_there(name)) {
            let unbound = pods.iter().filter(|pod| pod.node_name.is_empty());
            let why = || DaemonSetWhy::NoNode { node: node.clone() };
            work.delete.extend(unbound.map(|pod| (*pod, why())));
        }
        work
    }

    /// What one node needs.
    ///
    /// Source: kubernetes v1.36 pkg/controller/daemon/daemon_controller.go, `podsShouldBeOnNode`
    fn node<'a>(&mut self, place: &Place<'_>, pods: Option<&[&'a Arc<Pod>]>, work: &mut Work<'a>) {
        let node = &place.node.meta.name;
        let Some(pods) = pods else {
            if place.fits.should_run {
                work.create.push(node.clone());
            }
            return;
        };
        let living = pods.iter().copied().filter(|p| !p.meta.is_deleting());
        if !place.fits.should_continue {
            let why = || DaemonSetWhy::Misplaced { node: node.clone() };
            work.delete.extend(living.map(|pod| (pod, why())));
            return;
        }
        let running: Vec<_> = living.filter(|pod| !self.ends(pod, node, work)).collect();
        if rolling::surge(self.set, 1) == 0 {
            let why = || DaemonSetWhy::Surplus { node: node.clone() };
            work.delete.extend(running.into_iter().skip(1).map(|pod| (pod, why())));
        } else if running.is_empty() && place.fits.should_run {
            work.create.push(node.clone());
        } else if running.len() > 1 {
            self.two(&running, node, work);
        }
    }

    /// Whether a pod has ended; it has to go, unless another one failed just before.
    fn ends<'a>(&mut self, pod: &'a Arc<Pod>, node: &Name, work: &mut Work<'a>) -> bool {
        match pod.status.phase {
            PodPhase::Failed => {
                let key = (self.set.meta.uid, self.set.status.observed_generation, node.clone());
                let now = SimTime(self.now.since_1970().0);
                if self.waits.is_in_backoff_since_update(&key, now) {
                    self.plan.look_again_in(self.waits.get(&key));
                    return true;
                }
                self.waits.next(&key, now, now);
                self.tell(pod, node, (true, "FailedDaemonPod"), "failed", "kill");
            }
            PodPhase::Succeeded => {
                self.tell(pod, node, (false, "SucceededDaemonPod"), "succeeded", "delete");
            }
            PodPhase::Pending | PodPhase::Running | PodPhase::Unknown => return false,
        }
        work.delete.push((pod, DaemonSetWhy::Ended { node: node.clone() }));
        true
    }

    fn tell(
        &mut self,
        pod: &Pod,
        node: &Name,
        (warning, reason): (bool, &'static str),
        state: &str,
        act: &str,
    ) {
        let (namespace, name) = (&pod.meta.namespace, &pod.meta.name);
        let message = format!(
            "Found {state} daemon pod {namespace}/{name} on node {node}, will try to {act} it"
        );
        let about = self.about.clone();
        self.plan.events.push(EventNote { about, warning, reason, message: message.into() });
    }

    /// More than one pod runs on a node under a surge: the oldest new and the oldest old one stay,
    /// as long as the old one is ready and the new one is not available.
    fn two<'a>(&self, running: &[&'a Arc<Pod>], node: &Name, work: &mut Work<'a>) {
        let (mut new, mut old) = (None, None);
        for pod in running {
            let is_new = pod.meta.labels.get(&POD_REVISION).is_some_and(|h| h == self.hash);
            let place = if is_new { &mut new } else { &mut old };
            if place.is_none() {
                *place = Some(*pod);
            } else {
                work.delete.push((pod, DaemonSetWhy::Surplus { node: node.clone() }));
            }
        }
        let (Some(new), Some(old)) = (new, old) else { return };
        if !old.is_ready() || new.is_available(self.set.spec.min_ready_seconds, self.now) {
            work.delete.push((old, DaemonSetWhy::Succeeded { node: node.clone() }));
        }
    }
}
