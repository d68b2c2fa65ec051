//! Which pods have to leave when a node goes, and which keep it.
//!
//! The rules stand in their order: the first that has something to say about a pod decides.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;

use super::options::Options;
use crate::api::Name;
use crate::api::apps::replica_set::ReplicaSet;
use crate::api::core::pod::Pod;
use crate::api::meta::OwnerReference;
use crate::api::object::{Kind, Object};
use crate::api::policy::pod_disruption_budget::PodDisruptionBudget;
use crate::api::selector::Selector;
use crate::api::time::Time;
use crate::client::view::Caches;
use crate::sim::time::SimDuration;

/// The annotation by which a pod says whether it may be moved.
const SAFE_TO_EVICT: &str = "cluster-autoscaler.kubernetes.io/safe-to-evict";

/// The annotation that names local volumes that may be lost.
const SAFE_VOLUMES: &str = "cluster-autoscaler.kubernetes.io/safe-to-evict-local-volumes";

/// The annotation of pods that the kubelet has from a file.
const MIRROR: &str = "kubernetes.io/config.mirror";

/// A pod that ends for so long beyond its grace is not waited for.
///
/// Source: autoscaler cluster-autoscaler-1.36 cluster-autoscaler/utils/drain/drain.go,
/// `PodLongTerminatingExtraThreshold`
const LONG_TERMINATING: SimDuration = SimDuration::secs(30);

/// Why a pod keeps its node.
///
/// Source: autoscaler cluster-autoscaler-1.36 cluster-autoscaler/utils/drain/drain.go,
/// `BlockingPodReason`
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Blocking {
    /// Its owner is gone, so that nobody would replace it.
    ControllerNotFound,
    /// Its set has few replicas.
    MinReplicasReached,
    /// It has no owner that would replace it.
    NotReplicated,
    /// It would lose local data.
    LocalStorageRequested,
    /// It asks to be left alone.
    NotSafeToEvictAnnotation,
    /// It is one of the system's, without a budget.
    UnmovableKubeSystemPod,
    /// Its budget allows no eviction.
    NotEnoughPdb,
}

/// What becomes of a pod when its node goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// It has to leave.
    Drain,
    /// Nobody cares about it.
    Skip,
    /// It keeps the node.
    Block(Blocking),
}

/// A pod that keeps its node.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BlockingPod {
    /// The pod.
    pub pod: Arc<Pod>,
    /// Why.
    pub reason: Blocking,
}

impl BlockingPod {
    /// As it is told.
    pub fn message(&self) -> String {
        let (namespace, name) = (&self.pod.meta.namespace, &self.pod.meta.name);
        match self.reason {
            Blocking::ControllerNotFound => {
                format!("controller for {namespace}/{name} is not found")
            }
            Blocking::MinReplicasReached => {
                format!("replication controller for {namespace}/{name} has too few replicas spec")
            }
            Blocking::NotReplicated => format!("{namespace}/{name} is not replicated"),
            Blocking::LocalStorageRequested => {
                format!("pod with local storage present: {name}")
            }
            Blocking::NotSafeToEvictAnnotation => {
                format!("pod annotated as not safe to evict present: {name}")
            }
            Blocking::UnmovableKubeSystemPod => {
                format!(
                    "non-daemonset, non-mirrored, non-pdb-assigned kube-system pod present: {name}"
                )
            }
            Blocking::NotEnoughPdb => {
                format!("not enough pod disruption budget to move {namespace}/{name}")
            }
        }
    }
}

/// Budgets, and what of them is left in a picture in which some pods have already moved.
///
/// Source: autoscaler cluster-autoscaler-1.36 cluster-autoscaler/core/scaledown/pdb/basic.go,
/// `basicRemainingPdbTracker`
#[derive(Clone, Debug, Default)]
pub struct Budgets {
    of: BTreeMap<Name, Vec<(Selector, i32)>>,
}

impl Budgets {
    /// The budgets as their statuses stand.
    pub fn read(caches: &Caches) -> Budgets {
        let mut of: BTreeMap<Name, Vec<(Selector, i32)>> = BTreeMap::new();
        // Bounded by the budgets of the cluster, once a look.
        let all = caches.of(Kind::POD_DISRUPTION_BUDGET).all();
        for budget in all.filter_map(|o| o.as_a::<PodDisruptionBudget>()) {
            let row = (budget.selector(), budget.status.disruptions_allowed);
            of.entry(budget.meta.namespace.clone()).or_default().push(row);
        }
        Budgets { of }
    }

    fn matching(&self, pod: &Pod) -> impl Iterator<Item = i32> {
        let here = self.of.get(&pod.meta.namespace).into_iter().flatten();
        here.filter(|(s, _)| s.matches(&pod.meta.labels)).map(|(_, left)| *left)
    }

    /// Whether pods could all leave at once.
    pub fn allow_together(&self, pods: &[Arc<Pod>]) -> bool {
        let count = |namespace: &Name, selector: &Selector| {
            let selects =
                |p: &&Arc<Pod>| p.meta.namespace == *namespace && selector.matches(&p.meta.labels);
            i32::try_from(pods.iter().filter(selects).count()).unwrap_or(i32::MAX)
        };
        self.of.iter().all(|(ns, rows)| rows.iter().all(|(s, left)| count(ns, s) <= *left))
    }

    /// Pods have left.
    pub fn spend(&mut self, pods: &[Arc<Pod>]) {
        for pod in pods {
            let here = self.of.get_mut(&pod.meta.namespace).into_iter().flatten();
            for (_, left) in here.filter(|(s, _)| s.matches(&pod.meta.labels)) {
                *left -= 1;
            }
        }
    }
}

fn controller(pod: &Pod) -> Option<&OwnerReference> {
    pod.meta.controller()
}

/// Whether a pod is one of a `DaemonSet`.
pub fn is_of_daemon_set(pod: &Pod) -> bool {
    controller(pod).is_some_and(|o| o.kind == "DaemonSet")
}

/// Whether the kubelet has a pod from a file.
pub fn is_mirror(pod: &Pod) -> bool {
    pod.meta.annotations.get(MIRROR).is_some()
}

/// Whether a pod has been ending for longer than its grace allows.
///
/// Source: autoscaler cluster-autoscaler-1.36 cluster-autoscaler/utils/drain/drain.go,
/// `IsPodLongTerminating`
pub fn is_long_terminating(pod: &Pod, now: Time) -> bool {
    let Some(since) = pod.meta.deletion else { return false };
    let grace = pod.spec.termination_grace_period_seconds.unwrap_or(30);
    let grace = SimDuration::secs(u64::try_from(grace).unwrap_or(0));
    since.plus(grace).plus(LONG_TERMINATING) < now
}

/// What the rules say about pods of a node.
pub struct Rules<'a> {
    /// The flags.
    pub options: &'a Options,
    /// What the informers know.
    pub caches: &'a Caches,
    /// What is left of the budgets.
    pub budgets: &'a Budgets,
    /// The clock.
    pub now: Time,
}

impl Rules<'_> {
    /// What becomes of a pod.
    ///
    /// Source: autoscaler cluster-autoscaler-1.36
    /// cluster-autoscaler/simulator/drainability/rules/rules.go, `Default`
    pub fn outcome(&self, pod: &Arc<Pod>) -> Outcome {
        if is_mirror(pod) || is_long_terminating(pod, self.now) {
            return Outcome::Skip;
        }
        if let Some(blocking) = self.replica_count(pod) {
            return Outcome::Block(blocking);
        }
        let safe = pod.meta.annotations.get(SAFE_TO_EVICT).map(Name::as_str);
        if is_of_daemon_set(pod) || safe == Some("true") || pod.is_terminal() {
            return Outcome::Drain;
        }
        self.blocking(pod, safe).map_or(Outcome::Drain, Outcome::Block)
    }

    fn blocking(&self, pod: &Pod, safe: Option<&str>) -> Option<Blocking> {
        if !self.is_replicated(pod) {
            return Some(Blocking::NotReplicated);
        }
        let is_system = self.options.skip_nodes_with_system_pods
            && pod.meta.namespace == "kube-system"
            && self.budgets.matching(pod).next().is_none();
        if is_system {
            return Some(Blocking::UnmovableKubeSystemPod);
        }
        if safe == Some("false") {
            return Some(Blocking::NotSafeToEvictAnnotation);
        }
        if self.options.skip_nodes_with_local_storage && has_local_storage(pod) {
            return Some(Blocking::LocalStorageRequested);
        }
        self.budgets.matching(pod).any(|left| left < 1).then_some(Blocking::NotEnoughPdb)
    }

    /// Source: autoscaler cluster-autoscaler-1.36
    /// cluster-autoscaler/simulator/drainability/rules/replicated/rule.go, `Rule.Drainable`
    fn is_replicated(&self, pod: &Pod) -> bool {
        let known = ["ReplicationController", "Job", "ReplicaSet", "StatefulSet"];
        controller(pod).is_some_and(|owner| {
            !self.options.skip_nodes_with_custom_controller_pods
                || known.contains(&owner.kind.as_str())
        })
    }

    /// Source: autoscaler cluster-autoscaler-1.36
    /// cluster-autoscaler/simulator/drainability/rules/replicacount/rule.go, `Rule.Drainable`
    fn replica_count(&self, pod: &Pod) -> Option<Blocking> {
        let owner =
            controller(pod).filter(|_| self.options.skip_nodes_with_custom_controller_pods)?;
        let kind = Kind::of_version(&owner.api_version, &owner.kind)?;
        let counted = [Kind::REPLICATION_CONTROLLER, Kind::REPLICA_SET];
        let known = [Kind::JOB, Kind::STATEFUL_SET, Kind::DAEMON_SET];
        if !counted.contains(&kind) && !known.contains(&kind) {
            return None;
        }
        let found = self.caches.of(kind).get(&pod.meta.namespace, &owner.name);
        let Some(found) = found else { return Some(Blocking::ControllerNotFound) };
        let has_few =
            counted.contains(&kind) && replicas(found) < i64::from(self.options.min_replica_count);
        has_few.then_some(Blocking::MinReplicasReached)
    }
}

fn replicas(object: &Object) -> i64 {
    if let Some(set) = object.as_a::<ReplicaSet>() {
        return i64::from(set.spec.replicas);
    }
    let Object::Opaque(opaque) = object else { return 0 };
    let spec = opaque.body.get("spec").and_then(|spec| spec.get("replicas"));
    spec.and_then(Value::as_i64).unwrap_or(0)
}

/// Source: autoscaler cluster-autoscaler-1.36 cluster-autoscaler/utils/drain/drain.go,
/// `HasBlockingLocalStorage`
fn has_local_storage(pod: &Pod) -> bool {
    let named = pod.meta.annotations.get(SAFE_VOLUMES);
    let is_safe =
        |name: &str| named.is_some_and(|all| all.split(',').any(|safe| safe.trim() == name));
    let is_local = |volume: &Value| {
        let in_memory = volume["emptyDir"]["medium"] == "Memory";
        volume.get("hostPath").is_some() || volume.get("emptyDir").is_some() && !in_memory
    };
    let volumes = pod.spec.raw.get("volumes").and_then(Value::as_array);
    let blocks = |v: &Value| is_local(v) && !is_safe(v["name"].as_str().unwrap_or_default());
    volumes.is_some_and(|all| all.iter().any(blocks))
}

/// The pods that have to leave a node, and those of `DaemonSet`s.
pub type Moving = (Vec<Arc<Pod>>, Vec<Arc<Pod>>);

/// The pods that have to leave a node, and those of `DaemonSet`s.
///
/// # Errors
/// The first pod that keeps the node.
///
/// Source: autoscaler cluster-autoscaler-1.36 cluster-autoscaler/simulator/drain.go,
/// `GetPodsToMove`
pub fn pods_to_move(pods: &[Arc<Pod>], rules: &Rules<'_>) -> Result<Moving, BlockingPod> {
    let (mut moving, mut of_daemons) = (Vec::new(), Vec::new());
    for pod in pods {
        match rules.outcome(pod) {
            Outcome::Skip => {}
            Outcome::Block(reason) => return Err(BlockingPod { pod: pod.clone(), reason }),
            Outcome::Drain if is_of_daemon_set(pod) => of_daemons.push(pod.clone()),
            Outcome::Drain => moving.push(pod.clone()),
        }
    }
    Ok((moving, of_daemons))
}
