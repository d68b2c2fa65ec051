//! The taint eviction controller: it evicts pods from nodes with `NoExecute` taints that they do
//! not tolerate, or not for any longer.
//!
//! Responsible for when each pod has to go, and for the writes that make it go. It never taints.
//!
//! The keys are pods: a change of a node's taints queues the pods on it.

use std::collections::BTreeMap;

use crate::api::Name;
use crate::api::condition::{self, Condition, Truth};
use crate::api::core::event::ObjectReference;
use crate::api::core::node::Node;
use crate::api::core::pod::Pod;
use crate::api::edit::Edit;
use crate::api::object::{Kind, Object, ObjectKey, Resource};
use crate::api::refusal::{Reason, Refusal};
use crate::api::request::{DeleteOptions, EventNote, Verb};
use crate::api::taint::{ComparisonOperators, Taint, TaintEffect, Toleration};
use crate::api::time::Time;
use crate::api::variant::Variant;
use crate::api::why::Why;
use crate::client::plan::{Plan, Recovery, Write};
use crate::client::reconciler::{Keys, Observed, Reconciler, Settings, Watch};
use crate::client::view::View;
use crate::sim::time::SimDuration;

/// The component that its events name; its requests are those of `node-controller`.
pub const EVENT_SOURCE: &str = "taint-eviction-controller";

/// How long a pod may stay on its node.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stay {
    /// Not at all: a taint is not tolerated.
    No,
    /// So long from when it is first noticed.
    For(SimDuration),
    /// Without limit.
    Forever,
}

/// How long a pod with these tolerations may stay on a node with these taints. Of each taint the
/// first toleration that covers it counts, and of those the shortest time.
///
/// Source: kubernetes v1.36 pkg/controller/tainteviction/taint_eviction.go, `processPodOnNode`
pub fn stay(taints: &[Taint], tolerations: &[Toleration], comparison: ComparisonOperators) -> Stay {
    let mut used = Vec::new();
    for taint in taints.iter().filter(|t| t.effect == TaintEffect::NoExecute) {
        let covers = |t: &&Toleration| t.tolerates(taint, comparison);
        match tolerations.iter().find(covers) {
            Some(toleration) => used.push(toleration),
            None => return Stay::No,
        }
    }
    if used.is_empty() { Stay::Forever } else { shortest(used) }
}

/// The shortest time of tolerations: without any there is none, and one without seconds is for
/// ever.
///
/// Source: kubernetes v1.36 pkg/controller/tainteviction/taint_eviction.go, `getMinTolerationTime`
pub fn shortest<'a>(tolerations: impl IntoIterator<Item = &'a Toleration>) -> Stay {
    let mut all = tolerations.into_iter().peekable();
    if all.peek().is_none() {
        return Stay::For(SimDuration::ZERO);
    }
    let seconds = all.filter_map(|t| t.toleration_seconds).min();
    seconds.map_or(Stay::Forever, |s| Stay::For(SimDuration::secs(u64::try_from(s).unwrap_or(0))))
}

/// An eviction that is to come or was begun.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Work {
    /// To come.
    Scheduled {
        /// When the pod was first noticed on a tainted node.
        since: Time,
        /// When it has to go.
        at: Time,
    },
    /// Begun: nothing more is scheduled for a pod of this name until it is gone.
    Begun,
    /// Begun and refused: to be tried again.
    Refused,
}

/// What a look at a pod has changed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Outcome {
    /// Whether a pending eviction was cancelled.
    pub cancelled: bool,
    /// Whether the pod has to go now.
    pub evict: bool,
}

/// The evictions of pods, by namespace and name.
#[derive(Clone, Debug, Default)]
pub struct Evictions {
    works: BTreeMap<(Name, Name), Work>,
}

impl Evictions {
    /// The eviction of a pod.
    pub fn get(&self, pod: &(Name, Name)) -> Option<Work> {
        self.works.get(pod).copied()
    }

    /// Drops a pending eviction; true when there was one.
    pub fn cancel(&mut self, pod: &(Name, Name)) -> bool {
        matches!(self.works.remove(pod), Some(Work::Scheduled { .. }))
    }

    /// Decides about a pod on a tainted node. A pending eviction keeps its time: it goes back to
    /// when the pod was first noticed, so a later look never finds an earlier time to change to.
    /// Without any taint the pod counts as one whose time is up; the controller never asks then.
    ///
    /// Source: kubernetes v1.36 pkg/controller/tainteviction/taint_eviction.go, `processPodOnNode`;
    /// timed_workers.go, `AddWork`, `CancelWork`
    pub fn consider(
        &mut self,
        pod: &(Name, Name),
        taints: &[Taint],
        (tolerations, comparison): (&[Toleration], ComparisonOperators),
        now: Time,
    ) -> Outcome {
        let none = !taints.iter().any(|t| t.effect == TaintEffect::NoExecute);
        let mut cancelled = none && self.cancel(pod);
        let span = match stay(taints, tolerations, comparison) {
            Stay::Forever if none => SimDuration::ZERO,
            Stay::Forever => {
                cancelled |= self.cancel(pod);
                return Outcome { cancelled, evict: false };
            }
            Stay::No => {
                cancelled |= self.cancel(pod);
                self.works.insert(pod.clone(), Work::Begun);
                return Outcome { cancelled, evict: true };
            }
            Stay::For(span) => span,
        };
        let mut since = now;
        if let Some(Work::Scheduled { since: first, at }) = self.get(pod) {
            if first.plus(span) < now.plus(span) || at == first.plus(span) {
                return Outcome { cancelled, evict: false };
            }
            since = first;
            cancelled |= self.cancel(pod);
        }
        if self.works.contains_key(pod) {
            return Outcome { cancelled, evict: false };
        }
        let evict = span == SimDuration::ZERO;
        let at = now.plus(span);
        let work = if evict { Work::Begun } else { Work::Scheduled { since, at } };
        self.works.insert(pod.clone(), work);
        Outcome { cancelled, evict }
    }
}

/// The taint eviction controller.
#[derive(Clone, Debug, Default)]
pub struct TaintEviction {
    evictions: Evictions,
}

impl TaintEviction {
    /// A controller with empty memory.
    pub fn new() -> TaintEviction {
        TaintEviction::default()
    }

    /// Whether the time of a pod is up.
    fn is_due(&self, pod: &(Name, Name), now: Time) -> bool {
        match self.evictions.get(pod) {
            Some(Work::Scheduled { at, .. }) => at <= now,
            Some(Work::Refused) => true,
            Some(Work::Begun) | None => false,
        }
    }

    fn look(&mut self, pod: &Pod, view: View<'_>, plan: &mut Plan) {
        let (name, now) = (id(&pod.meta.namespace, &pod.meta.name), view.now());
        if self.is_due(&name, now) {
            let is_first = self.evictions.get(&name) != Some(Work::Refused);
            self.evictions.works.insert(name, Work::Begun);
            evict(
                pod,
                is_first,
                "the time for which it tolerates the taints of {} is up",
                now,
                plan,
            );
            return;
        }
        let Some(node) = view.get::<Node>("", &pod.node_name) else { return };
        let is_tainted = node.spec.taints.iter().any(|t| t.effect == TaintEffect::NoExecute);
        let outcome = if is_tainted {
            let comparison = ComparisonOperators::of(view.gates());
            let borne = (&*pod.spec.tolerations, comparison);
            self.evictions.consider(&name, &node.spec.taints, borne, now)
        } else if view.gates().varies(Variant::EvictsAfterTheTaint) {
            Outcome { cancelled: false, evict: false }
        } else {
            Outcome { cancelled: self.evictions.cancel(&name), evict: false }
        };
        if outcome.cancelled {
            plan.events.push(cancelled(&name));
        }
        if outcome.evict {
            evict(pod, true, "it does not tolerate the taints of {}", now, plan);
        }
    }
}

impl Reconciler for TaintEviction {
    fn name(&self) -> &'static str {
        "node-controller"
    }

    fn event_source(&self) -> &'static str {
        EVENT_SOURCE
    }

    fn watches(&self) -> &'static [Watch] {
        &[Watch { kind: Kind::NODE, keys: node_keys }, Watch { kind: Kind::POD, keys: pod_keys }]
    }

    fn settings(&self) -> Settings {
        Settings {
            workers: 8,
            give_up_after: Some(5),
            first_backoff: SimDuration::millis(10),
            longest_backoff: SimDuration::millis(10),
            retries: None,
            ..Settings::default()
        }
    }

    fn reconcile(&mut self, key: &ObjectKey, view: View<'_>) -> Plan {
        let mut plan = Plan::nothing();
        let name = id(&key.namespace, &key.name);
        match view.get::<Pod>(&key.namespace, &key.name) {
            None if self.evictions.cancel(&name) => plan.events.push(cancelled(&name)),
            None => {}
            Some(pod) if pod.node_name.is_empty() => {}
            Some(pod) => self.look(pod, view, &mut plan),
        }
        if let Some(Work::Scheduled { at, .. }) = self.evictions.get(&name) {
            plan.look_again_in(at.since(view.now()));
        }
        plan
    }

    fn recover(&mut self, write: &Write, refusal: &Refusal) -> Recovery {
        let key = write.verb.key();
        let pod = id(&key.namespace, &key.name);
        if refusal.reason == Reason::NotFound {
            self.evictions.works.remove(&pod);
            return Recovery::GiveUp;
        }
        self.evictions.works.insert(pod, Work::Refused);
        Recovery::Retry
    }

    fn boxed_clone(&self) -> Box<dyn Reconciler> {
        Box::new(self.clone())
    }
}

fn id(namespace: &Name, name: &Name) -> (Name, Name) {
    (namespace.clone(), name.clone())
}

/// The pods on a node whose `NoExecute` taints have changed.
fn node_keys(change: &Observed<'_>, view: View<'_>, out: &mut Keys) {
    let Some(new) = change.new.and_then(Node::of) else { return };
    let evicting = |node: &Node| {
        let all = node.spec.taints.iter().filter(|t| t.effect == TaintEffect::NoExecute);
        all.cloned().collect::<Vec<_>>()
    };
    let old = change.old.and_then(Node::of);
    if old.map_or_else(Vec::new, |node| evicting(node)) == evicting(new) {
        return;
    }
    let mut pods: Vec<_> = view.on_node::<Pod>(&new.meta.name).map(|p| &p.meta).collect();
    pods.sort_by(|a, b| (&a.namespace, &a.name).cmp(&(&b.namespace, &b.name)));
    for meta in pods {
        out.add(ObjectKey::new(Kind::POD, &meta.namespace, &meta.name));
    }
}

/// Pods that come to a node, go, or tolerate something else than before.
fn pod_keys(change: &Observed<'_>, _view: View<'_>, out: &mut Keys) {
    let Object::Pod(latest) = change.latest() else { return };
    let both = change.old.and_then(Pod::of).zip(change.new.and_then(Pod::of));
    let same = both.is_some_and(|(old, new)| {
        old.node_name == new.node_name && old.spec.tolerations == new.spec.tolerations
    });
    if !same && !latest.node_name.is_empty() {
        out.add(change.latest().key());
    }
}

/// Marks a pod as disrupted, then deletes it.
///
/// Source: kubernetes v1.36 pkg/controller/tainteviction/taint_eviction.go,
/// `addConditionAndDeletePod`
fn evict(pod: &Pod, tell: bool, why: &'static str, now: Time, plan: &mut Plan) {
    let (namespace, name) = (&pod.meta.namespace, &pod.meta.name);
    if tell {
        let message = format!("Marking for deletion Pod {namespace}/{name}");
        plan.events.push(eviction_event(namespace, name, message));
    }
    let key = ObjectKey::new(Kind::POD, namespace, name);
    if !condition::is_true(&pod.status.conditions, "DisruptionTarget") {
        let condition = Box::new(Condition {
            message: "Taint manager: deleting due to NoExecute taint".into(),
            observed_generation: Some(pod.meta.generation).filter(|g| *g != 0),
            last_transition_time: Some(now.whole_seconds()),
            ..Condition::new("DisruptionTarget", Truth::True, "DeletionByTaintManager")
        });
        let edit = Edit::PodCondition { condition, nominated_node: None };
        plan.push(Write::edit_status(key.clone(), edit, Why::one(why, &pod.node_name)));
    }
    let mut write = Write::delete(&Object::Pod(pod.clone().into()), Why::one(why, &pod.node_name));
    write.verb = Verb::Delete { key, options: DeleteOptions::default() };
    plan.push(write);
}

fn cancelled((namespace, name): &(Name, Name)) -> EventNote {
    eviction_event(namespace, name, format!("Cancelling deletion of Pod {namespace}/{name}"))
}

fn eviction_event(namespace: &Name, name: &Name, message: String) -> EventNote {
    let about = ObjectReference {
        kind: Name::new_static("Pod"),
        namespace: namespace.clone(),
        name: name.clone(),
        api_version: Name::new_static("v1"),
        ..ObjectReference::default()
    };
    EventNote {
        about: about.into(),
        warning: false,
        reason: "TaintManagerEviction",
        message: message.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::time::EPOCH;
    use crate::client::view::Caches;
    use serde_json::json;

    fn world(taints: &serde_json::Value) -> Caches {
        let mut caches = Caches::default();
        let node = json!({"metadata": {"name": "n"}, "spec": {"taints": taints}});
        let node = Object::from_value(Kind::NODE, node).unwrap();
        caches.of_mut(Kind::NODE).put(node);
        let pod = json!({"metadata": {"name": "p", "namespace": "default", "uid": "p"}, "spec": {
            "nodeName": "n", "containers": [{"name": "c"}],
            "tolerations": [{"operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300}]}});
        caches.of_mut(Kind::POD).put(Object::from_value(Kind::POD, pod).unwrap());
        caches
    }

    #[test]
    fn a_pod_goes_when_its_time_is_up_and_once_only() {
        let caches = world(&json!([{"key": "down", "effect": "NoExecute"}]));
        let (mut controller, key) =
            (TaintEviction::new(), ObjectKey::new(Kind::POD, "default", "p"));
        let at = |s| View::new(&caches, EPOCH.plus(SimDuration::secs(s)));
        let plan = controller.reconcile(&key, at(0));
        assert!(plan.is_empty());
        assert_eq!(plan.look_again, Some(SimDuration::secs(300)));
        assert!(controller.reconcile(&key, at(299)).is_empty());
        let plan = controller.reconcile(&key, at(300));
        let verbs: Vec<_> = plan.writes().map(|w| w.verb.name()).collect();
        assert_eq!((verbs, plan.events.len()), (vec!["patch", "delete"], 1));
        assert!(controller.reconcile(&key, at(301)).is_empty());
    }

    #[test]
    fn without_taints_a_pending_eviction_is_cancelled_and_nothing_else_wanted() {
        let tainted = world(&json!([{"key": "down", "effect": "NoExecute"}]));
        let healthy = world(&json!([]));
        let (mut controller, key) =
            (TaintEviction::new(), ObjectKey::new(Kind::POD, "default", "p"));
        controller.reconcile(&key, View::new(&tainted, EPOCH));
        let plan = controller.reconcile(&key, View::new(&healthy, EPOCH));
        assert_eq!(&*plan.events[0].message, "Cancelling deletion of Pod default/p");
        let plan = controller.reconcile(&key, View::new(&healthy, EPOCH));
        assert!(plan.is_empty() && plan.look_again.is_none());
    }
}
