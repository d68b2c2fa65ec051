//! `TaintToleration`: taints that a pod does not tolerate keep it away, or make a node worse.

use std::sync::Arc;

use crate::api::Name;
use crate::api::core::node::Node;
use crate::api::core::pod::{Pod, PodSpec};
use crate::api::taint::{ComparisonOperators, Taint, TaintEffect, Toleration, first_untolerated};
use crate::scheduler::cache::{Cache, NodeInfo};
use crate::scheduler::config::PluginArgs;
use crate::scheduler::event::{Action, ClusterEvent, EventResource, Happened};
use crate::scheduler::framework::{
    Attempt, Filter, MAX_NODE_SCORE, Order, Plugin, PreFilter, PreScore, Refused, Score,
    default_normalize,
};

/// The plugin.
#[derive(Clone, Copy, Debug)]
struct TaintToleration {
    comparison: ComparisonOperators,
}

/// What a pod tolerates.
#[derive(Clone, Debug)]
struct Tolerated {
    spec: Arc<PodSpec>,
    comparison: ComparisonOperators,
}

/// Makes it.
pub(crate) fn make(args: &PluginArgs) -> Arc<dyn Plugin> {
    Arc::new(TaintToleration { comparison: args.comparison_operators })
}

/// The first taint that keeps a pod away.
///
/// Source: kubernetes v1.36 pkg/scheduler/framework/plugins/tainttoleration/taint_toleration.go,
/// `TaintToleration.Filter`
pub fn untolerated<'n>(
    node: &'n Node,
    tolerations: &[Toleration],
    comparison: ComparisonOperators,
) -> Option<&'n Taint> {
    let counts = |t: &Taint| t.effect != TaintEffect::PreferNoSchedule;
    first_untolerated(&node.spec.taints, tolerations, counts, comparison)
}

impl TaintToleration {
    fn of(self, pod: &Pod) -> Tolerated {
        Tolerated { spec: pod.spec.clone(), comparison: self.comparison }
    }

    fn is_kept_away(self, pod: &Pod, node: &Node) -> bool {
        untolerated(node, &pod.spec.tolerations, self.comparison).is_some()
    }
}

impl Plugin for TaintToleration {
    fn events(&self) -> &'static [ClusterEvent] {
        const NODE: ClusterEvent =
            ClusterEvent::new(EventResource::Node, Action::ADD.or(Action::NODE_TAINT));
        const POD: ClusterEvent =
            ClusterEvent::new(EventResource::UnscheduledPod, Action::POD_TOLERATION);
        &[NODE, POD]
    }

    /// Source: kubernetes v1.36
    /// pkg/scheduler/framework/plugins/tainttoleration/taint_toleration.go,
    /// `TaintToleration.isSchedulableAfterNodeChange` and `isSchedulableAfterPodTolerationChange`
    fn is_worth_retrying(&self, pod: &Pod, happened: &Happened) -> bool {
        if let (_, Some(new)) = happened.pod() {
            return new.meta.uid == pod.meta.uid;
        }
        let (old, new) = happened.node();
        let was_open = old.is_some_and(|n| !self.is_kept_away(pod, n));
        !was_open && new.is_some_and(|n| !self.is_kept_away(pod, n))
    }

    fn is_shareable(&self, _: &Pod) -> bool {
        true
    }

    fn pre_filter(&self, attempt: Attempt<'_>) -> PreFilter {
        if attempt.cluster.counts().hard_taints == 0 {
            return PreFilter::Skip;
        }
        PreFilter::Each(Box::new(self.of(attempt.pod)))
    }

    fn pre_score(&self, attempt: Attempt<'_>) -> PreScore {
        Ok(Some(Box::new(self.of(attempt.pod))))
    }
}

impl Filter for Tolerated {
    fn filter(&self, _: u32, node: &NodeInfo) -> Result<(), Refused> {
        if !node.marks.has_hard_taints {
            return Ok(());
        }
        let found = node.node.as_ref();
        let found = found.and_then(|n| untolerated(n, &self.spec.tolerations, self.comparison));
        if found.is_none() { Ok(()) } else { Err(Refused::unresolvable(0)) }
    }

    fn reason(&self, _: u32) -> Name {
        Name::new_static("node(s) had untolerated taint(s)")
    }

    fn boxed_clone(&self) -> Box<dyn Filter> {
        Box::new(self.clone())
    }
}

impl Tolerated {
    /// How many taints a pod would rather avoid; only tolerations that can be meant for them count.
    ///
    /// Source: kubernetes v1.36
    /// pkg/scheduler/framework/plugins/tainttoleration/taint_toleration.go,
    /// `countIntolerableTaintsPreferNoSchedule`
    fn intolerable(&self, node: &Node) -> i64 {
        let soft = node.spec.taints.iter().filter(|t| t.effect == TaintEffect::PreferNoSchedule);
        let borne = |taint: &Taint| {
            self.spec.tolerations.iter().any(|t| t.tolerates(taint, self.comparison))
        };
        i64::try_from(soft.filter(|t| !borne(t)).count()).unwrap_or(i64::MAX)
    }
}

impl Score for Tolerated {
    fn score(&mut self, cluster: &Cache, nodes: &[u32], scores: &mut [i64]) {
        if cluster.counts().soft_taints == 0 {
            scores.fill(0);
            return;
        }
        for (score, slot) in scores.iter_mut().zip(nodes) {
            let info = cluster.at(*slot);
            let node = info.node.as_ref().filter(|_| info.marks.has_soft_taints);
            *score = node.map_or(0, |n| self.intolerable(n));
        }
    }

    fn is_relative(&self) -> bool {
        true
    }

    fn normalize(&self, scores: &mut [i64]) {
        default_normalize(MAX_NODE_SCORE, Order::Reversed, scores);
    }
}
