//! `DefaultPreemption`: whether room can be made by removing pods of lower priority, on which
//! node, and which pods.
//!
//! Only looks; whoever asked removes the pods.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::Arc;

use crate::api::Name;
use crate::api::condition;
use crate::api::core::pod::Pod;
use crate::api::time::Time;
use crate::scheduler::cache::{Budget, Cache, NodeInfo};
use crate::scheduler::config::{PluginArgs, PreemptionArgs};
use crate::scheduler::cycle::filter_node;
use crate::scheduler::diagnosis;
use crate::scheduler::event::{Action, ClusterEvent, EventResource, Happened};
use crate::scheduler::framework::{
    Code, Entry, Failed, Plugin, PostFilter, Refused, Room, Running, Status,
};

/// The plugin.
#[derive(Clone, Copy, Debug)]
struct DefaultPreemption {
    args: PreemptionArgs,
}

/// A node on which room can be made.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Candidate {
    /// Its name.
    pub node: Name,
    /// The pods that have to go, the most important first.
    pub victims: Vec<Arc<Pod>>,
    /// How many of them a disruption budget would keep.
    pub violations: usize,
}

/// What trying the nodes came to.
#[derive(Clone, Debug, Default)]
pub struct DryRun {
    /// The nodes on which room can be made.
    pub candidates: Vec<Candidate>,
    /// Why it cannot on others: the slot, the filter that still refuses with its reasons, or none
    /// when there is no pod that could go.
    pub obstacles: Vec<(u32, Option<(u8, Refused)>)>,
}

/// Makes it.
pub(crate) fn make(args: &PluginArgs) -> Arc<dyn Plugin> {
    Arc::new(DefaultPreemption { args: args.preemption })
}

impl Plugin for DefaultPreemption {
    fn is_shareable(&self, _: &Pod) -> bool {
        true
    }

    /// Source: kubernetes v1.36
    /// pkg/scheduler/framework/plugins/defaultpreemption/default_preemption.go,
    /// `DefaultPreemption.PreEnqueue`
    fn pre_enqueue(&self, entry: Entry<'_>) -> Result<(), Status> {
        if entry.is_preempting {
            let why = "waiting for the preemption for this pod to be finished";
            return Err(Status::unresolvable(Name::new_static(why)));
        }
        Ok(())
    }

    fn events(&self) -> &'static [ClusterEvent] {
        const POD: ClusterEvent = ClusterEvent::new(EventResource::AssignedPod, Action::DELETE);
        &[POD]
    }

    /// It is for the plugins that rejected the pod to say whether a victim's end helps.
    ///
    /// Source: kubernetes v1.36
    /// pkg/scheduler/framework/plugins/defaultpreemption/default_preemption.go,
    /// `DefaultPreemption.isPodSchedulableAfterAssignedPodDeletion`
    fn is_worth_retrying(&self, _: &Pod, _: &Happened) -> bool {
        false
    }

    /// Source: kubernetes v1.36 pkg/scheduler/framework/preemption/preemption.go,
    /// `Evaluator.Preempt`
    fn post_filter(&self, failed: &mut Failed<'_>) -> PostFilter {
        if let Some(why) = ineligible(failed) {
            return PostFilter::Nothing(format!("preemption: {why}"));
        }
        let dry_run = self.dry_run(failed);
        let best = best(&dry_run.candidates);
        if best.is_empty() {
            return PostFilter::Hopeless(format!("preemption: {}", dry_run.text(failed)));
        }
        let drawn = if best.len() == 1 { 0 } else { failed.rng.below(best.len() as u64) };
        let place = best[usize::try_from(drawn).unwrap_or(0)];
        let Candidate { node, victims, .. } = dry_run.candidates[place].clone();
        PostFilter::Nominated(Room { node, victims })
    }
}

impl DefaultPreemption {
    fn dry_run(self, failed: &mut Failed<'_>) -> DryRun {
        let potential = potential(failed);
        if potential.is_empty() {
            return DryRun::default();
        }
        let enough = self.enough(potential.len());
        let all = potential.len() as u64;
        let offset = if enough < potential.len() { failed.rng.below(all) } else { 0 };
        dry_run(failed, &potential, usize::try_from(offset).unwrap_or(0), enough)
    }

    /// How many candidates are enough: with 5,000 nodes 500.
    ///
    /// Source: kubernetes v1.36
    /// pkg/scheduler/framework/plugins/defaultpreemption/default_preemption.go,
    /// `DefaultPreemption.calculateNumCandidates`
    fn enough(self, nodes: usize) -> usize {
        let share = nodes * self.args.min_candidate_nodes_percentage / 100;
        share.max(self.args.min_candidate_nodes_absolute).min(nodes)
    }
}

/// Why a pod may not have others removed; none when it may.
///
/// Source: kubernetes v1.36
/// pkg/scheduler/framework/plugins/defaultpreemption/default_preemption.go,
/// `DefaultPreemption.PodEligibleToPreemptOthers`
pub fn ineligible(failed: &Failed<'_>) -> Option<&'static str> {
    let (pod, cluster) = (failed.attempt.pod, failed.attempt.cluster);
    if pod.spec.preemption_policy.as_deref() == Some("Never") {
        return Some("not eligible due to preemptionPolicy=Never.");
    }
    let slot = cluster.slot_of(&pod.status.nominated_node_name)?;
    let found = failed.refused.iter().find(|(refused, ..)| *refused == slot);
    if found.is_none_or(|(_, _, why)| why.code == Code::UnschedulableAndUnresolvable) {
        return None;
    }
    let mut pods = cluster.at(slot).pods.iter();
    pods.any(|p| p.priority() < pod.priority() && is_leaving(p))
        .then_some("not eligible due to a terminating pod on the nominated node.")
}

/// Whether a pod is on its way out to make room.
///
/// Source: kubernetes v1.36
/// pkg/scheduler/framework/plugins/defaultpreemption/default_preemption.go,
/// `podTerminatingByPreemption`
fn is_leaving(pod: &Pod) -> bool {
    let made_room = |c: &condition::Condition| c.is_true() && c.reason == "PreemptionByScheduler";
    pod.meta.is_deleting()
        && condition::find(&pod.status.conditions, "DisruptionTarget").is_some_and(made_room)
}

/// The nodes on which removing pods may help.
pub fn potential(failed: &Failed<'_>) -> Vec<u32> {
    let helped = failed.refused.iter().filter(|(_, _, why)| why.code == Code::Unschedulable);
    helped.map(|(slot, ..)| *slot).collect()
}

/// Tries nodes in their order from `offset` on, until there are `enough` candidates and one of
/// them violates no disruption budget.
///
/// Source: kubernetes v1.36 pkg/scheduler/framework/preemption/preemption.go,
/// `Evaluator.DryRunPreemption`
pub fn dry_run(failed: &Failed<'_>, potential: &[u32], offset: usize, enough: usize) -> DryRun {
    let budgets: Vec<&Budget> = failed.attempt.cluster.budgets.values().collect();
    let mut done = DryRun::default();
    let mut gentle = 0;
    let (before, after) = potential.split_at(offset);
    for slot in after.iter().chain(before) {
        match victims_on(failed, *slot, &budgets) {
            Ok(candidate) if candidate.victims.is_empty() => {}
            Ok(candidate) => {
                gentle += usize::from(candidate.violations == 0);
                done.candidates.push(candidate);
                if gentle > 0 && done.candidates.len() >= enough {
                    break;
                }
            }
            Err(why) => done.obstacles.push((*slot, why)),
        }
    }
    done
}

/// A node that is thought to have lost some of its pods.
struct Thought<'f> {
    failed: &'f Failed<'f>,
    cluster: &'f Cache,
    slot: u32,
    node: NodeInfo,
    filters: Vec<Running>,
}

impl Thought<'_> {
    fn remove(&mut self, pod: &Arc<Pod>) {
        self.node.remove_pod(pod.meta.uid);
        for (_, filter) in &mut self.filters {
            filter.remove_pod(pod, self.slot, self.cluster);
        }
    }

    fn add(&mut self, pod: &Arc<Pod>) {
        self.node.add_pod(pod.clone());
        for (_, filter) in &mut self.filters {
            filter.add_pod(pod, self.slot, self.cluster);
        }
    }

    fn fits(&self) -> Result<(), (u8, Refused)> {
        let pod = self.failed.attempt.pod;
        filter_node(self.cluster, pod, &self.filters, self.slot, &self.node)
    }

    /// Puts a pod back; true when there is room for it, else it goes again.
    fn spares(&mut self, pod: &Arc<Pod>) -> bool {
        self.add(pod);
        let fits = self.fits().is_ok();
        if !fits {
            self.remove(pod);
        }
        fits
    }
}

/// The fewest pods that have to go from a node: all of lower priority are thought away, then put
/// back one by one where there is room, those first that budgets protect.
///
/// Source: kubernetes v1.36
/// pkg/scheduler/framework/plugins/defaultpreemption/default_preemption.go,
/// `DefaultPreemption.SelectVictimsOnNode`
fn victims_on(
    failed: &Failed<'_>,
    slot: u32,
    budgets: &[&Budget],
) -> Result<Candidate, Option<(u8, Refused)>> {
    let (cluster, priority) = (failed.attempt.cluster, failed.attempt.pod.priority());
    let info = cluster.at(slot);
    if info.lowest_priority.is_none_or(|lowest| lowest >= priority) {
        return Err(None);
    }
    let mut lower: Vec<Arc<Pod>> =
        info.pods.iter().filter(|p| p.priority() < priority).cloned().collect();
    let filters = failed.filters.iter().map(|(id, f)| (*id, f.boxed_clone())).collect();
    let mut thought = Thought { failed, cluster, slot, node: info.clone(), filters };
    lower.iter().for_each(|pod| thought.remove(pod));
    thought.fits().map_err(Some)?;
    lower.sort_by_key(importance);
    let (kept, free) = by_budgets(lower, budgets);
    let both = !kept.is_empty() && !free.is_empty();
    let mut victims: Vec<Arc<Pod>> = kept.into_iter().filter(|p| !thought.spares(p)).collect();
    let violations = victims.len();
    victims.extend(free.into_iter().filter(|p| !thought.spares(p)));
    if both {
        victims.sort_by_key(importance);
    }
    Ok(Candidate { node: info.name().clone(), victims, violations })
}

/// The order of importance: by priority, then those that run longer. One that has not started
/// counts as starting now.
///
/// Source: kubernetes v1.36 pkg/scheduler/util/utils.go, `MoreImportantPod`
pub fn importance(pod: &Arc<Pod>) -> (Reverse<i32>, bool, Option<Time>) {
    let start = pod.status.start_time;
    (Reverse(pod.priority()), start.is_none(), start)
}

/// The pods that budgets protect, and the others.
///
/// Source: kubernetes v1.36
/// pkg/scheduler/framework/plugins/defaultpreemption/default_preemption.go,
/// `filterPodsWithPDBViolation`
fn by_budgets(pods: Vec<Arc<Pod>>, budgets: &[&Budget]) -> (Vec<Arc<Pod>>, Vec<Arc<Pod>>) {
    let mut allowed: Vec<i64> = budgets.iter().map(|b| b.allowed).collect();
    pods.into_iter().partition(|pod| {
        let mut violates = false;
        for (budget, left) in budgets.iter().zip(&mut allowed).filter(|(b, _)| b.counts(pod)) {
            debug_assert_eq!(budget.namespace, pod.meta.namespace);
            *left -= 1;
            violates |= *left < 0;
        }
        violates
    })
}

/// The places of the best candidates: each rule leaves those that are best by it.
///
/// Source: kubernetes v1.36 pkg/scheduler/framework/preemption/preemption.go,
/// `pickOneNodeForPreemption`
pub fn best(candidates: &[Candidate]) -> Vec<usize> {
    let priority = |p: &Arc<Pod>| i64::from(p.priority());
    let rules: [&dyn Fn(&Candidate) -> i64; 5] = [
        &|c| i64::try_from(c.violations).unwrap_or(i64::MAX),
        &|c| c.victims.first().map_or(i64::MIN, priority),
        &|c| c.victims.iter().map(|p| priority(p) + i64::from(i32::MAX) + 1).sum(),
        &|c| i64::try_from(c.victims.len()).unwrap_or(i64::MAX),
        &|c| -earliest_start(&c.victims),
    ];
    let mut left: Vec<usize> = (0..candidates.len()).collect();
    for rule in rules {
        if left.len() <= 1 {
            break;
        }
        let least = left.iter().map(|i| rule(&candidates[*i])).min();
        left.retain(|i| Some(rule(&candidates[*i])) == least);
    }
    left
}

/// When the first of the most important victims started.
///
/// Source: kubernetes v1.36 pkg/scheduler/util/utils.go, `GetEarliestPodStartTime`
fn earliest_start(victims: &[Arc<Pod>]) -> i64 {
    let highest = victims.iter().map(|p| p.priority()).max();
    let first = victims.iter().filter(|p| Some(p.priority()) == highest);
    let start = |p: &Arc<Pod>| p.status.start_time.map_or(i64::MAX, |t| t.0);
    first.map(start).min().unwrap_or(i64::MAX)
}

impl DryRun {
    /// Why no node has room made on it, as people are told.
    pub fn text(&self, failed: &Failed<'_>) -> String {
        let all = failed.attempt.cluster.len();
        let mut reasons: BTreeMap<Name, usize> = BTreeMap::new();
        for (_, why) in &self.obstacles {
            let Some((number, refused)) = why else {
                let none = Name::new_static("No preemption victims found for incoming pod");
                *reasons.entry(none).or_default() += 1;
                continue;
            };
            let filter = &failed.filters[usize::from(*number)].1;
            for bit in refused.bits() {
                *reasons.entry(filter.reason(bit)).or_default() += 1;
            }
        }
        if self.obstacles.len() < all {
            let useless = Name::new_static("Preemption is not helpful for scheduling");
            reasons.insert(useless, all - self.obstacles.len());
        }
        diagnosis::unavailable(all, &reasons)
    }
}
