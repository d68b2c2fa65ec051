//! What the informers bring about nodes and pods, taken up into cache and queue.

use std::sync::Arc;

use crate::api::core::pod::Pod;
use crate::api::object::Object;
use crate::api::variant::Variant;
use crate::client::reconciler::Observed;
use crate::scheduler::component::{Scheduler, Seen};
use crate::scheduler::event::{Action, EventResource, Happened, node_action, pod_action};
use crate::sim::time::SimTime;

impl Scheduler {
    /// Source: kubernetes v1.36 pkg/scheduler/eventhandlers.go, `addNodeToCache`,
    /// `updateNodeInCache` and `deleteNodeFromCache`
    pub(super) fn node_changed(&mut self, change: &Observed<'_>, now: SimTime) {
        let action = match (change.old, change.new) {
            (Some(Object::Node(old)), Some(Object::Node(new))) => {
                self.cache.put_node(new);
                node_action(old, new)
            }
            (_, Some(Object::Node(new))) => {
                self.cache.put_node(new);
                Action::ADD
            }
            (Some(Object::Node(old)), _) => {
                self.cache.remove_node(&old.meta.name);
                Action::DELETE
            }
            _ => return,
        };
        if action != Action(0) {
            self.queue.happened(&Happened::new(EventResource::Node, action, change), now);
        }
    }

    /// Source: kubernetes v1.36 pkg/scheduler/eventhandlers.go, `addPod`, `updatePod` and
    /// `deletePod`
    pub(super) fn pod_changed(&mut self, change: &Observed<'_>, now: SimTime) {
        let of = |o: Option<&'_ Object>| o.and_then(Object::as_a::<Pod>).cloned();
        let (old, new) = (of(change.old), of(change.new));
        let (was, is) = (Scheduler::seen(old.as_ref()), Scheduler::seen(new.as_ref()));
        if was == Seen::Waiting
            && is != Seen::Waiting
            && let Some(old) = &old
        {
            self.pods.remove(&old.meta.uid);
            if self.waiting.contains_key(&old.meta.uid) {
                self.news();
            }
            self.queue.delete(old.meta.uid);
            let kept = self.config.gates.varies(Variant::KeepsNominations);
            if !kept || is != Seen::Nothing {
                self.cache.nominations.remove(old.meta.uid);
            }
            if is == Seen::Nothing && !old.status.nominated_node_name.is_empty() {
                self.nomination_gone(old, now);
            }
        }
        if let Some(victim) = new.as_ref().filter(|n| n.meta.is_deleting()).or(old.as_ref())
            && (is == Seen::Nothing || victim.meta.is_deleting())
            && let Some(preemptor) = self.preemptions.waits_for_last(victim)
        {
            self.queue.release(preemptor);
        }
        match (is, &old, &new) {
            (Seen::Waiting, _, Some(new)) => {
                let before = old.as_ref().filter(|_| was == Seen::Waiting);
                self.pod_waits(before, new, now);
            }
            (Seen::Assigned, _, Some(new)) => {
                self.cache.put_pod(new);
                let action = match &old {
                    Some(old) if was == Seen::Assigned => pod_action(old, new),
                    _ => Action::ADD,
                };
                let happened = Happened::new(EventResource::AssignedPod, action, change);
                self.queue.happened(&happened, now);
            }
            (Seen::Nothing, Some(old), _)
                if was == Seen::Assigned || self.cache.is_assumed(old.meta.uid) =>
            {
                self.cache.remove_pod(old.meta.uid);
                self.pod_gone(old, now);
            }
            _ => {}
        }
    }

    /// Room has come free: a pod has left its node, or does not go there after all.
    pub(super) fn pod_gone(&mut self, pod: &Arc<Pod>, now: SimTime) {
        let gone = Object::Pod(pod.clone());
        let gone = Observed { old: Some(&gone), new: None };
        let happened = Happened::new(EventResource::AssignedPod, Action::DELETE, &gone);
        self.queue.happened(&happened, now);
    }

    /// A node is kept for a pod no longer, which may help pods that came after it.
    ///
    /// Source: kubernetes v1.36 pkg/scheduler/eventhandlers.go, `updatePodInSchedulingQueue`
    fn nomination_gone(&mut self, pod: &Arc<Pod>, now: SimTime) {
        let gone = Object::Pod(pod.clone());
        let gone = Observed { old: Some(&gone), new: None };
        let happened = Happened::new(EventResource::AssignedPod, Action::DELETE, &gone);
        let priority = pod.priority();
        self.queue.happened_to(&happened, |other| other.priority() <= priority, now);
    }

    fn pod_waits(&mut self, before: Option<&Arc<Pod>>, pod: &Arc<Pod>, now: SimTime) {
        let Some(profile) = self.profile_of(pod) else { return };
        self.pods.insert(pod.meta.uid, pod.clone());
        if self.cache.is_assumed(pod.meta.uid) {
            return;
        }
        match before {
            Some(before) => {
                self.cache.nominations.update(before, pod);
                self.queue.update(before, pod, profile, now);
                let (was, is) =
                    (&before.status.nominated_node_name, &pod.status.nominated_node_name);
                if !was.is_empty() && was != is {
                    self.nomination_gone(before, now);
                }
            }
            None => {
                self.cache.nominations.set(pod, &pod.status.nominated_node_name);
                self.queue.add(pod.clone(), profile, now);
            }
        }
    }
}
