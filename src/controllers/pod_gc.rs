//! The pod garbage collector: it deletes pods that nobody else will.
//!
//! Responsible for finished pods beyond a threshold, pods of nodes that are gone, terminating pods
//! that never had a node, and terminating pods of nodes that are out of service. It looks every 20
//! seconds, never at once because of a change; beats before which nothing has changed that could
//! leave a pod to nobody are left out.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::api::Name;
use crate::api::condition::{Condition, Truth};
use crate::api::core::node::Node;
use crate::api::core::pod::{Pod, PodPhase};
use crate::api::deletion::DeleteOptions;
use crate::api::edit::Edit;
use crate::api::meta::Uid;
use crate::api::object::{Kind, Object, ObjectKey};
use crate::api::refusal::{Reason, Refusal};
use crate::api::request::Verb;
use crate::api::time::Time;
use crate::api::why::Why;
use crate::client::plan::{Expect, Plan, Recovery, Write};
use crate::client::reconciler::{Observed, Reconciler, Settings, Watch};
use crate::client::view::View;
use crate::sim::time::{SimDuration, SimTime};

const NAME: &str = "pod-garbage-collector";
const OUT_OF_SERVICE: &str = "node.kubernetes.io/out-of-service";

/// The flags of the controller.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Options {
    /// `--terminated-pod-gc-threshold`: so many finished pods stay; 0 is all.
    pub threshold: usize,
    /// The time between two looks.
    pub period: SimDuration,
    /// How long a node must be missing before its pods are deleted.
    pub quarantine: SimDuration,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            threshold: 12_500,
            period: SimDuration::secs(20),
            quarantine: SimDuration::secs(40),
        }
    }
}

/// The pod garbage collector.
#[derive(Clone, Debug, Default)]
pub struct PodGc {
    options: Options,
    /// When each missing node may be asked for.
    quarantine: BTreeMap<Name, Time>,
    /// Nodes that the apiserver does not know either.
    gone: BTreeSet<Name>,
    /// The last look.
    last: Option<Time>,
    /// Something has changed since then that may have left a pod to nobody.
    is_wanted: bool,
}

impl PodGc {
    /// A controller with empty memory.
    pub fn new(options: Options) -> PodGc {
        PodGc { options, ..PodGc::default() }
    }

    /// The key of its look at all pods.
    pub fn key() -> ObjectKey {
        ObjectKey::new(Kind::NODE, "", NAME)
    }

    /// Asks for the nodes that have been missing for long enough; the pods of those that the
    /// apiserver denies go when the key is tried again.
    ///
    /// Source: kubernetes v1.36 pkg/controller/podgc/gc_controller.go, `gcOrphaned`,
    /// `discoverDeletedNodes`
    fn ask_for_missing(&mut self, view: View<'_>, plan: &mut Plan) {
        let now = view.now();
        let is_missing = |name: &Name| view.get::<Node>("", name).is_none();
        for pod in view.all::<Pod>().filter(|p| !p.node_name.is_empty()) {
            if is_missing(&pod.node_name) {
                let until = now.plus(self.options.quarantine);
                self.quarantine.entry(pod.node_name.clone()).or_insert(until);
            }
        }
        let ready: Vec<Name> =
            self.quarantine.iter().filter(|(_, at)| **at <= now).map(|(n, _)| n.clone()).collect();
        for name in ready {
            self.quarantine.remove(&name);
            if is_missing(&name) {
                let why =
                    Why::two("node {} has been missing for {}", &name, self.options.quarantine);
                let verb = Verb::Get(ObjectKey::new(Kind::NODE, "", &name));
                let expect = Expect::Nothing;
                plan.push(Write { verb, why, on_success: None, on_refusal: None, expect });
            }
        }
    }

    /// Deletes the pods of nodes that are gone.
    fn orphaned(&mut self, view: View<'_>, plan: &mut Plan) {
        for node in std::mem::take(&mut self.gone) {
            if view.get::<Node>("", &node).is_some() {
                continue;
            }
            for pod in sorted(view.on_node::<Pod>(&node)) {
                let condition = Condition {
                    message: "PodGC: node no longer exists".into(),
                    observed_generation: Some(pod.meta.generation).filter(|g| *g != 0),
                    last_transition_time: Some(view.now().whole_seconds()),
                    ..Condition::new("DisruptionTarget", Truth::True, "DeletionByPodGC")
                };
                let why = Why::one("its node {} is gone", &node);
                let (mark, delete) = fail_and_delete(&pod, Some(condition), why);
                mark.into_iter().chain([delete]).for_each(|w| plan.push(w));
            }
        }
    }
}

impl Reconciler for PodGc {
    fn name(&self) -> &'static str {
        NAME
    }

    fn watches(&self) -> &'static [Watch] {
        &[
            Watch { kind: Kind::POD, keys: |_, _, _| {} },
            Watch { kind: Kind::NODE, keys: |_, _, _| {} },
        ]
    }

    fn settings(&self) -> Settings {
        Settings { workers: 1, period: Some(self.options.period), ..Settings::default() }
    }

    /// A scan of all pods, once a period.
    ///
    /// Source: kubernetes v1.36 pkg/controller/podgc/gc_controller.go, `gc`
    fn reconcile(&mut self, _key: &ObjectKey, view: View<'_>) -> Plan {
        let mut plan = Plan::nothing();
        let now = view.now();
        let is_beat = self.last.is_none_or(|at| at.plus(self.options.period) <= now);
        if is_beat {
            self.last = Some(now);
            let all: Vec<&Arc<Pod>> = view.all::<Pod>().collect();
            let mut seen = BTreeSet::new();
            terminated(&all, self.options.threshold, &mut seen, &mut plan);
            out_of_service(&all, view, &mut seen, &mut plan);
            self.ask_for_missing(view, &mut plan);
            unscheduled(&all, &mut seen, &mut plan);
            self.is_wanted = !plan.is_empty() || !self.quarantine.is_empty();
        }
        self.orphaned(view, &mut plan);
        plan
    }

    fn observe(&mut self, change: &Observed<'_>, view: View<'_>) {
        self.is_wanted |= match change.new {
            Some(Object::Pod(pod)) => {
                let is_missing = || view.get::<Node>("", &pod.node_name).is_none();
                pod.meta.is_deleting()
                    || pod.is_terminal()
                    || !pod.node_name.is_empty() && is_missing()
            }
            _ => change.latest().kind() == Kind::NODE,
        };
    }

    fn idle_until(&self, _now: Time) -> Option<SimTime> {
        (!self.is_wanted && self.last.is_some()).then_some(SimTime::NEVER)
    }

    fn recover(&mut self, write: &Write, refusal: &Refusal) -> Recovery {
        let Verb::Get(key) = &write.verb else { return Recovery::GoOn };
        if refusal.reason != Reason::NotFound {
            return Recovery::GoOn;
        }
        self.gone.insert(key.name.clone());
        Recovery::GoOnThenRetry
    }

    fn boxed_clone(&self) -> Box<dyn Reconciler> {
        Box::new(self.clone())
    }
}

/// Finished pods beyond the threshold, evicted and old ones first.
///
/// Source: kubernetes v1.36 pkg/controller/podgc/gc_controller.go, `gcTerminated`
fn terminated(all: &[&Arc<Pod>], threshold: usize, seen: &mut BTreeSet<Uid>, plan: &mut Plan) {
    let mut finished: Vec<_> = all.iter().filter(|p| p.is_terminal()).copied().collect();
    let surplus = finished.len().saturating_sub(threshold);
    if threshold == 0 || surplus == 0 {
        return;
    }
    finished.sort_by(|a, b| order(a).cmp(&order(b)));
    let count = finished.len();
    let why = Why::two("{} finished pods are more than {}", count, threshold);
    delete_all(finished.into_iter().take(surplus), &why, seen, plan);
}

/// Evicted pods first, then by age and name.
///
/// Source: kubernetes v1.36 pkg/controller/podgc/gc_controller.go,
/// `byEvictionAndCreationTimestamp`
fn order(pod: &Pod) -> (bool, Option<Time>, &Name, &Name) {
    let is_evicted = pod.status.phase == PodPhase::Failed && pod.status.reason == "Evicted";
    (!is_evicted, pod.meta.creation, &pod.meta.name, &pod.meta.namespace)
}

/// Terminating pods on nodes that are not ready and out of service.
///
/// Source: kubernetes v1.36 pkg/controller/podgc/gc_controller.go, `gcTerminating`
fn out_of_service(all: &[&Arc<Pod>], view: View<'_>, seen: &mut BTreeSet<Uid>, plan: &mut Plan) {
    let is_lost = |pod: &&Arc<Pod>| {
        pod.meta.is_deleting()
            && view.get::<Node>("", &pod.node_name).is_some_and(|node| {
                !node.is_ready() && node.spec.taints.iter().any(|t| t.key == OUT_OF_SERVICE)
            })
    };
    let mut lost: Vec<_> = all.iter().copied().filter(is_lost).collect();
    lost.sort_by(|a, b| order(a).cmp(&order(b)));
    let why = Why::new("it is terminating and its node is out of service");
    delete_all(lost.into_iter(), &why, seen, plan);
}

/// Terminating pods that never had a node.
///
/// Source: kubernetes v1.36 pkg/controller/podgc/gc_controller.go, `gcUnscheduledTerminating`
fn unscheduled(all: &[&Arc<Pod>], seen: &mut BTreeSet<Uid>, plan: &mut Plan) {
    let waits = |pod: &&Arc<Pod>| pod.meta.is_deleting() && pod.node_name.is_empty();
    let pods = sorted(all.iter().copied().filter(waits));
    let why = Why::new("it is terminating and never had a node");
    delete_all(pods.iter(), &why, seen, plan);
}

fn sorted<'a>(pods: impl Iterator<Item = &'a Arc<Pod>>) -> Vec<Arc<Pod>> {
    let mut all: Vec<_> = pods.cloned().collect();
    all.sort_by(|a, b| order(a).cmp(&order(b)));
    all
}

/// Marks pods as failed, all at once, then deletes them.
fn delete_all<'a>(
    pods: impl Iterator<Item = &'a Arc<Pod>>,
    why: &Why,
    seen: &mut BTreeSet<Uid>,
    plan: &mut Plan,
) {
    let new = pods.filter(|p| p.meta.uid.is_none() || seen.insert(p.meta.uid));
    let (marks, deletes): (Vec<_>, Vec<_>) =
        new.map(|p| fail_and_delete(p, None, why.clone())).unzip();
    plan.push_all(marks.into_iter().flatten().collect());
    plan.push_all(deletes);
}

/// Source: kubernetes v1.36 pkg/controller/podgc/gc_controller.go,
/// `markFailedAndDeletePodWithCondition`
fn fail_and_delete(
    pod: &Arc<Pod>,
    condition: Option<Condition>,
    why: Why,
) -> (Option<Write>, Write) {
    let object = Object::Pod(pod.clone());
    let key = object.key();
    let mark = (!pod.is_terminal()).then(|| {
        let phase = Edit::PodPhase(PodPhase::Failed);
        let condition =
            condition.map(|c| Edit::PodCondition { condition: Box::new(c), nominated_node: None });
        let edits: Vec<Edit> = std::iter::once(phase).chain(condition).collect();
        Write::edit_status(key.clone(), Edit::All(edits.into()), why.clone())
    });
    let mut delete = Write::delete(&object, why);
    let options = DeleteOptions { grace_period_seconds: Some(0), ..DeleteOptions::default() };
    delete.verb = Verb::Delete { key, options };
    (mark, delete)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::time::EPOCH;
    use crate::client::view::Caches;
    use serde_json::json;

    #[test]
    fn a_running_pod_on_a_node_that_is_there_stays() {
        let mut caches = Caches::default();
        let node = json!({"metadata": {"name": "n"}});
        let node = Object::from_value(Kind::NODE, node).unwrap();
        caches.of_mut(Kind::NODE).put(node);
        let pod = json!({"metadata": {"name": "p", "namespace": "default"},
            "spec": {"nodeName": "n", "containers": []}, "status": {"phase": "Running"}});
        caches.of_mut(Kind::POD).put(Object::from_value(Kind::POD, pod).unwrap());
        let mut controller = PodGc::new(Options::default());
        assert_eq!(controller.idle_until(EPOCH), None);
        assert!(controller.reconcile(&PodGc::key(), View::new(&caches, EPOCH)).is_empty());
        assert_eq!(controller.idle_until(EPOCH), Some(SimTime::NEVER));
    }
}
