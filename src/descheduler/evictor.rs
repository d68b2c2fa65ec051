//! Which pods may be evicted, and how many.

use std::collections::BTreeMap;

use serde_json::Value;

use super::policy::Limits;
use super::sight::Sight;
use crate::api::Name;
use crate::api::core::pod::{Pod, PodPhase};
use crate::api::object::Kind;
use crate::api::policy::pod_disruption_budget::PodDisruptionBudget;

/// Whatever else it is like, such a pod may be evicted.
const EVICT: &str = "descheduler.alpha.kubernetes.io/evict";

/// Such a pod had better stay.
const STAY: &str = "descheduler.alpha.kubernetes.io/prefer-no-eviction";

/// The kubelet has such a pod from a file.
const MIRROR: &str = "kubernetes.io/config.mirror";

/// Where the kubelet has a pod from.
const SOURCE: &str = "kubernetes.io/config.source";

/// From this priority on the system cannot do without a pod.
///
/// Source: descheduler pkg/utils/priority.go, `SystemCriticalPriority`
const SYSTEM_CRITICAL: i32 = 2_000_000_000;

/// Why a pod stays.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stays {
    /// It wishes to.
    Wish,
    /// The kubelet has it from a file.
    Mirror,
    /// It is ending.
    Terminating,
    /// Nobody would make another.
    Bare,
    /// The system cannot do without it.
    SystemCritical,
    /// Its priority is too high.
    Priority,
    /// It has local storage.
    LocalStorage,
    /// It is one of a `DaemonSet`.
    DaemonSet,
    /// It has a claim.
    Claim,
    /// Its labels are others.
    Labels,
    /// Its owner has too few.
    FewReplicas,
    /// It is too young.
    Young,
    /// No disruption budget covers it.
    NoBudget,
}

/// Why a pod may not be evicted; none if it may.
///
/// Source: descheduler pkg/framework/plugins/defaultevictor/defaultevictor.go,
/// `DefaultEvictor.Filter`; pkg/framework/plugins/defaultevictor/constraints.go
pub fn refusal(pod: &Pod, sight: &Sight<'_>) -> Option<Stays> {
    let annotations = &pod.meta.annotations;
    if annotations.has(EVICT) {
        return None;
    }
    let args = sight.evictor;
    let source = annotations.get(SOURCE).map(Name::as_str);
    let is_bare = pod.meta.owners().is_empty();
    let has_failed = pod.status.phase == PodPhase::Failed;
    let is_critical = pod.priority() >= SYSTEM_CRITICAL;
    let of = |kind: &str| pod.meta.owners().iter().any(|o| o.kind == kind);
    let is_high = || args.priority_threshold.is_some_and(|most| pod.priority() >= most);
    let rows = [
        (args.honors_wish_to_stay && annotations.has(STAY), Stays::Wish),
        (annotations.has(MIRROR) || source.is_some_and(|s| s != "api"), Stays::Mirror),
        (pod.meta.is_deleting(), Stays::Terminating),
        (is_bare && (args.protects_failed_bare || !has_failed), Stays::Bare),
        (args.protects_system_critical && is_critical, Stays::SystemCritical),
        (args.protects_system_critical && is_high(), Stays::Priority),
        (args.protects_local_storage && has(pod, &["emptyDir", "hostPath"]), Stays::LocalStorage),
        (args.protects_daemon_sets && of("DaemonSet"), Stays::DaemonSet),
        (args.protects_claims && has(pod, &["persistentVolumeClaim"]), Stays::Claim),
        (args.protects_without_budget && !has_budget(pod, sight), Stays::NoBudget),
        (args.selector.as_ref().is_some_and(|s| !s.matches(&pod.meta.labels)), Stays::Labels),
        (has_few_like_it(pod, sight), Stays::FewReplicas),
        (is_young(pod, sight), Stays::Young),
    ];
    rows.into_iter().find(|(stays, _)| *stays).map(|(_, why)| why)
}

/// Whether a pod has a volume of one of these sources.
fn has(pod: &Pod, sources: &[&str]) -> bool {
    let volumes = pod.spec.raw.get("volumes").and_then(Value::as_array);
    let is_one = |volume: &Value| sources.iter().any(|source| volume.get(source).is_some());
    volumes.is_some_and(|all| all.iter().any(is_one))
}

fn has_budget(pod: &Pod, sight: &Sight<'_>) -> bool {
    let budgets = sight.caches.of(Kind::POD_DISRUPTION_BUDGET);
    let here = budgets.in_namespace(&pod.meta.namespace);
    here.filter_map(|o| o.as_a::<PodDisruptionBudget>())
        .any(|budget| budget.selector().matches(&pod.meta.labels))
}

fn has_few_like_it(pod: &Pod, sight: &Sight<'_>) -> bool {
    let [owner] = pod.meta.owners() else { return false };
    let least = sight.evictor.min_replicas;
    least > 1 && sight.caches.of(Kind::POD).controlled_by(owner.uid).len() < least
}

fn is_young(pod: &Pod, sight: &Sight<'_>) -> bool {
    sight.evictor.min_pod_age.is_some_and(|age| {
        let old = |since: crate::api::time::Time| since.plus(age) <= sight.now;
        !pod.status.start_time.is_some_and(old)
    })
}

/// How many pods a round has evicted.
///
/// Source: descheduler pkg/descheduler/evictions/evictions.go, `PodEvictor`
#[derive(Clone, Debug, Default)]
pub struct Count {
    on_node: BTreeMap<Name, usize>,
    in_namespace: BTreeMap<Name, usize>,
    total: usize,
}

impl Count {
    /// Whether one more would be within the limits.
    ///
    /// Source: descheduler pkg/descheduler/evictions/evictions.go, `PodEvictor.EvictPod`
    pub fn allows(&self, pod: &Pod, limits: Limits) -> bool {
        let below = |count: usize, most: Option<usize>| most.is_none_or(|most| count < most);
        let of = |counts: &BTreeMap<Name, usize>, key| counts.get(key).copied().unwrap_or(0);
        below(self.total, limits.total)
            && below(of(&self.on_node, &pod.node_name), limits.per_node)
            && below(of(&self.in_namespace, &pod.meta.namespace), limits.per_namespace)
    }

    /// A pod was evicted.
    pub fn add(&mut self, pod: &Pod) {
        *self.on_node.entry(pod.node_name.clone()).or_default() += 1;
        *self.in_namespace.entry(pod.meta.namespace.clone()).or_default() += 1;
        self.total += 1;
    }

    /// How many there were altogether.
    pub fn total(&self) -> usize {
        self.total
    }
}
