//! `PodTopologySpread`: pods that belong together are spread evenly over domains of nodes.

mod filter;
mod logarithm;
mod score;

use std::sync::Arc;

use crate::api::Name;
use crate::api::core::node::Node;
use crate::api::core::node_selector::Required;
use crate::api::core::pod::{Pod, PodSpec};
use crate::api::core::pod_terms::SpreadConstraint;
use crate::api::labels::Labels;
use crate::api::selector::Selector;
use crate::api::taint::ComparisonOperators;
use crate::scheduler::cache::Cache;
use crate::scheduler::config::{PluginArgs, SpreadDefaults};
use crate::scheduler::event::{Action, ClusterEvent, EventResource, Happened};
use crate::scheduler::framework::{Attempt, Plugin, PreFilter, PreScore};
use crate::scheduler::plugins::taint_toleration::untolerated;

pub use filter::Hard;
use score::Soft;

/// The plugin.
#[derive(Clone, Debug)]
struct PodTopologySpread {
    defaults: Vec<SpreadConstraint>,
    is_system: bool,
    comparison: ComparisonOperators,
}

/// Which nodes and pods count for a pod.
#[derive(Clone, Debug)]
struct Counting {
    namespace: Name,
    spec: Arc<PodSpec>,
    required: Required,
    comparison: ComparisonOperators,
}

/// Makes it.
pub(crate) fn make(args: &PluginArgs) -> Arc<dyn Plugin> {
    let (defaults, is_system) = match &args.spread_defaults {
        SpreadDefaults::System => (system_defaults(), true),
        SpreadDefaults::List(constraints) => (constraints.clone(), false),
    };
    let comparison = args.comparison_operators;
    Arc::new(PodTopologySpread { defaults, is_system, comparison })
}

/// What the hard constraints of a pod count; none when it has none.
pub fn hard(attempt: Attempt<'_>, args: &PluginArgs) -> Option<Hard> {
    let comparison = args.comparison_operators;
    let plugin = PodTopologySpread { defaults: Vec::new(), is_system: true, comparison };
    let constraints = plugin.constraints(attempt, Kind::Hard);
    let counting = plugin.counting(attempt.pod);
    (!constraints.is_empty()).then(|| Hard::new(counting, &constraints, attempt))
}

/// Source: kubernetes v1.36 pkg/scheduler/framework/plugins/podtopologyspread/plugin.go,
/// `systemDefaultConstraints`
fn system_defaults() -> Vec<SpreadConstraint> {
    let soft = |key, max_skew| SpreadConstraint {
        max_skew,
        topology_key: Name::new_static(key),
        is_hard: false,
        selector: Selector::NOTHING,
        min_domains: 1,
        honors_affinity: true,
        honors_taints: false,
        match_label_keys: Vec::new(),
    };
    vec![soft(HOSTNAME, 3), soft("topology.kubernetes.io/zone", 5)]
}

/// The label that each node has for itself.
const HOSTNAME: &str = "kubernetes.io/hostname";

/// Hard constraints, or soft ones.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kind {
    Hard,
    Soft,
}

impl PodTopologySpread {
    /// The constraints of a kind that hold for a pod, each with the pods that it counts. A pod
    /// without any has the defaults, over the pods that belong together with it.
    ///
    /// Source: kubernetes v1.36 pkg/scheduler/framework/plugins/podtopologyspread/common.go,
    /// `buildDefaultConstraints` and `filterTopologySpreadConstraints`
    fn constraints(&self, attempt: Attempt<'_>, kind: Kind) -> Vec<SpreadConstraint> {
        let pod = attempt.pod;
        let is_kind = |c: &&SpreadConstraint| c.is_hard == (kind == Kind::Hard);
        if !pod.spec.spread.is_empty() {
            let own = pod.spec.spread.iter().filter(is_kind).map(|c| SpreadConstraint {
                selector: c.selector_for(&pod.meta.labels),
                ..c.clone()
            });
            return own.collect();
        }
        if !self.defaults.iter().any(|c| is_kind(&c)) {
            return Vec::new();
        }
        let selector = attempt.cluster.workloads.default_selector(pod);
        if selector.is_everything() {
            return Vec::new();
        }
        let all = self.defaults.iter().filter(is_kind);
        all.map(|c| SpreadConstraint { selector: selector.clone(), ..c.clone() }).collect()
    }

    fn counting(&self, pod: &Pod) -> Counting {
        Counting {
            namespace: pod.meta.namespace.clone(),
            spec: pod.spec.clone(),
            required: Required::of(&pod.spec),
            comparison: self.comparison,
        }
    }
}

impl Counting {
    /// Whether pods on a node count for a constraint.
    ///
    /// Source: kubernetes v1.36 pkg/scheduler/framework/plugins/podtopologyspread/common.go,
    /// `matchNodeInclusionPolicies`
    fn includes(&self, constraint: &SpreadConstraint, node: &Node) -> bool {
        let tolerated = || untolerated(node, &self.spec.tolerations, self.comparison).is_none();
        (!constraint.honors_affinity || self.required.matches(node))
            && (!constraint.honors_taints || tolerated())
    }

    /// Whether a pod is one of those that are counted. One on its way out is not, and a selector
    /// of everything counts nothing.
    ///
    /// Source: kubernetes v1.36 pkg/scheduler/framework/plugins/podtopologyspread/common.go,
    /// `countPodsMatchSelector`
    fn counts(&self, selector: &Selector, pod: &Pod) -> bool {
        !selector.is_everything()
            && !pod.meta.is_deleting()
            && pod.meta.namespace == self.namespace
            && selector.matches(&pod.meta.labels)
    }

    /// How many pods that are counted are on a node, by its slot.
    fn counted<'c>(
        &'c self,
        selector: &'c Selector,
        cluster: &'c Cache,
    ) -> impl Iterator<Item = (u32, i64)> + 'c {
        let fits = |labels: &Labels| !selector.is_everything() && selector.matches(labels);
        cluster.crowds().fitting(&self.namespace, fits)
    }
}

/// Whether a node has all labels that constraints name.
fn has_all_keys(constraints: &[SpreadConstraint], labels: &Labels) -> bool {
    constraints.iter().all(|c| labels.has(&c.topology_key))
}

impl Plugin for PodTopologySpread {
    fn events(&self) -> &'static [ClusterEvent] {
        const POD: ClusterEvent = ClusterEvent::new(
            EventResource::Pod,
            Action::ADD.or(Action::POD_LABEL).or(Action::DELETE).or(Action::POD_TOLERATION),
        );
        const NODE: ClusterEvent = ClusterEvent::new(
            EventResource::Node,
            Action::ADD.or(Action::DELETE).or(Action::NODE_LABEL).or(Action::NODE_TAINT),
        );
        &[POD, NODE]
    }

    /// Source: kubernetes v1.36 pkg/scheduler/framework/plugins/podtopologyspread/plugin.go,
    /// `PodTopologySpread.isSchedulableAfterPodChange` and `isSchedulableAfterNodeChange`
    fn is_worth_retrying(&self, pod: &Pod, happened: &Happened) -> bool {
        // What the defaults select is not known here; they are hard in no default profile.
        let own = pod.spec.spread.iter().filter(|c| c.is_hard);
        let constraints: Vec<SpreadConstraint> = own
            .map(|c| SpreadConstraint { selector: c.selector_for(&pod.meta.labels), ..c.clone() })
            .collect();
        match (happened.node(), happened.pod()) {
            ((None, None), (None, None)) => true,
            ((None, None), pods) => after_pod(pod, &constraints, pods),
            (nodes, _) => after_node(&constraints, nodes),
        }
    }

    fn is_shareable(&self, _: &Pod) -> bool {
        true
    }

    fn premise(&self, attempt: Attempt<'_>) -> Selector {
        if !attempt.pod.spec.spread.is_empty() || self.defaults.is_empty() {
            return Selector::EVERYTHING;
        }
        attempt.cluster.workloads.default_selector(attempt.pod)
    }

    /// Source: kubernetes v1.36 pkg/scheduler/framework/plugins/podtopologyspread/filtering.go,
    /// `PodTopologySpread.PreFilter`
    fn pre_filter(&self, attempt: Attempt<'_>) -> PreFilter {
        let constraints = self.constraints(attempt, Kind::Hard);
        if constraints.is_empty() {
            return PreFilter::Skip;
        }
        let counting = self.counting(attempt.pod);
        PreFilter::Each(Box::new(Hard::new(counting, &constraints, attempt)))
    }

    /// Source: kubernetes v1.36 pkg/scheduler/framework/plugins/podtopologyspread/scoring.go,
    /// `PodTopologySpread.PreScore`
    fn pre_score(&self, attempt: Attempt<'_>) -> PreScore {
        let constraints = self.constraints(attempt, Kind::Soft);
        if constraints.is_empty() {
            return Ok(None);
        }
        let needs_all = !attempt.pod.spec.spread.is_empty() || !self.is_system;
        let counting = self.counting(attempt.pod);
        Ok(Some(Box::new(Soft::new(counting, constraints, needs_all, attempt.cluster))))
    }
}

fn after_pod(
    pod: &Pod,
    constraints: &[SpreadConstraint],
    (old, new): (Option<&Pod>, Option<&Pod>),
) -> bool {
    let concerns = |p: &Pod| {
        let is_neighbour = !p.node_name.is_empty() && p.meta.namespace == pod.meta.namespace;
        p.meta.uid == pod.meta.uid || is_neighbour
    };
    if [old, new].into_iter().flatten().any(|p| !concerns(p)) {
        return false;
    }
    let matches = |p: &Pod| constraints.iter().any(|c| c.selector.matches(&p.meta.labels));
    match (old, new) {
        (Some(old), Some(new)) => {
            let bears_more = new.meta.uid == pod.meta.uid
                && old.spec.tolerations != new.spec.tolerations
                && constraints.iter().any(|c| c.honors_taints);
            bears_more || matches(old) != matches(new)
        }
        (one, other) => one.or(other).is_some_and(matches),
    }
}

fn after_node(
    constraints: &[SpreadConstraint],
    (old, new): (Option<&Node>, Option<&Node>),
) -> bool {
    let has_all = |n: &Node| has_all_keys(constraints, &n.meta.labels);
    match (old, new) {
        (Some(old), Some(new)) => {
            let value =
                |n: &Node, c: &SpreadConstraint| n.meta.labels.get(&c.topology_key).cloned();
            let moved = || constraints.iter().any(|c| value(old, c) != value(new, c));
            has_all(old) != has_all(new)
                || has_all(new) && (moved() || old.spec.taints != new.spec.taints)
        }
        (one, other) => one.or(other).is_some_and(has_all),
    }
}
