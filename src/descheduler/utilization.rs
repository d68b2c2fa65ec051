//! Pods of nodes of which much is asked, while others are asked for little.
//!
//! What is asked for counts, not what is used. Percentages are floating-point numbers here as they
//! are there.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use super::fit;
use super::policy::{Percentages, Utilization};
use super::sight::Sight;
use crate::api::Name;
use crate::api::core::node::Node;
use crate::api::core::pod::Pod;
use crate::api::core::pod_requests;
use crate::api::taint::Taint;

/// Amounts by resource: thousandths of CPU, whole units of everything else.
type Amounts = BTreeMap<Name, i64>;

/// A node that pods are to leave.
#[derive(Clone, Debug)]
struct Source {
    /// Pods that may go, in the order in which they do.
    pods: VecDeque<Arc<Pod>>,
    /// What is asked of it.
    asked: Amounts,
    /// What may be asked of it.
    aim: Amounts,
    evicted: usize,
}

/// What is left to do: pods leave the nodes one after the other until enough have.
#[derive(Clone, Debug, Default)]
pub struct Moving {
    sources: VecDeque<Source>,
    /// What the nodes that are used little can still take.
    room: Amounts,
    per_node: Option<usize>,
}

/// A node, what is asked of it, and which share that is.
struct Seen<'a> {
    node: &'a Arc<Node>,
    pods: Vec<&'a Arc<Pod>>,
    asked: Amounts,
    share: Percentages,
}

/// What is to be done.
///
/// Source: descheduler pkg/framework/plugins/nodeutilization/lownodeutilization.go,
/// `LowNodeUtilization.Balance`
pub fn moving(args: &Utilization, sight: &Sight<'_>) -> Moving {
    let basic = ["cpu", "memory", "pods"].map(Name::new_static);
    let names: BTreeSet<Name> = args.thresholds.keys().cloned().chain(basic).collect();
    let seen: Vec<Seen<'_>> = sight.nodes.iter().map(|n| Seen::of(n, &names, sight)).collect();
    let (low, high) = thresholds(args, &seen);
    let is_low = |s: &&Seen<'_>| !s.node.spec.unschedulable && is_below(&s.share, &low);
    let is_high = |s: &&Seen<'_>| !is_below(&s.share, &high);
    let little: Vec<&Seen<'_>> = seen.iter().filter(is_low).collect();
    let mut much: Vec<&Seen<'_>> = seen.iter().filter(|s| !is_low(s)).filter(is_high).collect();
    let nothing = little.is_empty()
        || little.len() <= args.number_of_nodes
        || little.len() == seen.len()
        || much.is_empty();
    if nothing {
        return Moving::default();
    }
    let sum = |s: &Seen<'_>| s.asked.values().sum::<i64>();
    much.sort_by_key(|s| std::cmp::Reverse(sum(s)));
    let mut room = Amounts::new();
    for name in &names {
        let left = |s: &&Seen<'_>| capped(s.node, &high, name) - s.asked[name];
        room.insert(name.clone(), little.iter().map(left).sum());
    }
    let taints: Vec<&[Taint]> = little.iter().map(|s| &s.node.spec.taints[..]).collect();
    let source = |s: &Seen<'_>| Source {
        pods: s.going(args, &taints, sight),
        asked: s.asked.clone(),
        aim: names.iter().map(|n| (n.clone(), capped(s.node, &high, n))).collect(),
        evicted: 0,
    };
    let sources = much.into_iter().map(source).collect();
    Moving { sources, room, per_node: args.per_node }
}

impl<'a> Seen<'a> {
    fn of(node: &'a Arc<Node>, names: &BTreeSet<Name>, sight: &Sight<'a>) -> Seen<'a> {
        let pods = sight.pods_on(&node.meta.name);
        let sum = fit::asked(pods.iter().copied());
        let asked: Amounts = names.iter().map(|n| (n.clone(), sum.get(n))).collect();
        let share = names.iter().map(|n| (n.clone(), share(asked[n], node.allocatable.get(n))));
        Seen { node, pods, share: share.collect(), asked }
    }

    /// The pods that may leave, in their order: low priority first, then those that ask for least
    /// certainty.
    ///
    /// Source: descheduler pkg/framework/plugins/nodeutilization/nodeutilization.go,
    /// `evictPodsFromSourceNodes`, `evictPods`; pkg/descheduler/pod/pods.go,
    /// `SortPodsBasedOnPriorityLowToHigh`
    fn going(
        &self,
        args: &Utilization,
        taints: &[&[Taint]],
        sight: &Sight<'_>,
    ) -> VecDeque<Arc<Pod>> {
        let may_go = |pod: &&Arc<Pod>| {
            sight.is_evictable(pod)
                && fit::bears_taints_of_any(pod, taints.iter().copied())
                && !args.exclude_namespaces.contains(&pod.meta.namespace)
                && sight.may_move(pod)
        };
        let mut all: Vec<Arc<Pod>> = self.pods.iter().copied().filter(may_go).cloned().collect();
        all.sort_by_key(|pod| (pod.spec.priority, pod.spec.qos_class));
        all.into()
    }
}

/// Which share of what there is is asked for, in percent.
#[expect(clippy::float_arithmetic, reason = "as the descheduler computes it")]
#[expect(clippy::cast_precision_loss, reason = "as the descheduler converts it")]
fn share(asked: i64, there: i64) -> f64 {
    if there > 0 { asked as f64 / there as f64 * 100.0 } else { 0.0 }
}

/// So much of a node as may be asked for of a resource.
///
/// Source: descheduler pkg/framework/plugins/nodeutilization/nodeutilization.go,
/// `capNodeCapacityToThreshold`
#[expect(clippy::float_arithmetic, reason = "as the descheduler computes it")]
#[expect(clippy::cast_precision_loss, reason = "as the descheduler converts it")]
#[expect(clippy::cast_possible_truncation, reason = "as the descheduler converts it")]
fn capped(node: &Node, high: &Percentages, name: &Name) -> i64 {
    let there = node.allocatable.get(name);
    high.get(name).map_or(there, |percent| (percent * 0.01 * there as f64) as i64)
}

/// Whether no resource that has a threshold is above it.
///
/// Source: descheduler pkg/framework/plugins/nodeutilization/nodeutilization.go,
/// `isNodeBelowThreshold`, `isNodeAboveThreshold`
fn is_below(share: &Percentages, thresholds: &Percentages) -> bool {
    thresholds.iter().all(|(name, most)| share.get(name).is_none_or(|share| share <= most))
}

/// Below what a node is used little, and above what it is used much.
///
/// Source: descheduler pkg/framework/plugins/nodeutilization/nodeutilization.go,
/// `assessNodesUsagesAndRelativeThresholds`
#[expect(clippy::float_arithmetic, reason = "as the descheduler computes it")]
#[expect(clippy::cast_precision_loss, reason = "as the descheduler converts it")]
fn thresholds(args: &Utilization, seen: &[Seen<'_>]) -> (Percentages, Percentages) {
    let (low, high) = (&args.thresholds, &args.target_thresholds);
    if !args.is_deviation {
        return (low.clone(), high.clone());
    }
    let average = |name: &Name| {
        let sum: f64 = seen.iter().filter_map(|s| s.share.get(name)).sum();
        sum / seen.len().max(1) as f64
    };
    let from = |by: &Percentages, sign: f64| -> Percentages {
        let one = |(name, by): (&Name, &f64)| {
            (name.clone(), (average(name) + sign * by).clamp(0.0, 100.0))
        };
        by.iter().map(one).collect()
    };
    (from(low, -1.0), from(high, 1.0))
}

impl Source {
    fn is_above_aim(&self) -> bool {
        self.asked.iter().any(|(name, asked)| self.aim[name] < *asked)
    }
}

impl Moving {
    /// The pod that goes next.
    pub fn next_pod(&mut self) -> Option<Arc<Pod>> {
        loop {
            let has_room = self.room.values().all(|left| *left > 0);
            let source = self.sources.front_mut()?;
            let is_full = self.per_node.is_some_and(|most| source.evicted >= most);
            if has_room
                && source.is_above_aim()
                && !is_full
                && let Some(pod) = source.pods.pop_front()
            {
                return Some(pod);
            }
            self.sources.pop_front();
        }
    }

    /// The pod that went last has gone.
    ///
    /// Source: descheduler pkg/framework/plugins/nodeutilization/nodeutilization.go,
    /// `subtractPodUsageFromNodeAvailability`
    pub fn went(&mut self, pod: &Pod) {
        let asked = pod_requests::of_pod(pod);
        let of = |name: &Name| if name == "pods" { 1 } else { asked.get(name) };
        self.room.iter_mut().for_each(|(name, left)| *left -= of(name));
        if let Some(source) = self.sources.front_mut() {
            source.evicted += 1;
            source.asked.iter_mut().for_each(|(name, asked)| *asked -= of(name));
        }
    }
}
