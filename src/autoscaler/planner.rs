//! Which nodes are not needed, for how long, and which of them may go now.
//!
//! Source: autoscaler cluster-autoscaler-1.36
//! cluster-autoscaler/core/scaledown/planner/planner.go, `Planner`

use std::collections::BTreeMap;
use std::sync::Arc;

use super::drainability::{BlockingPod, Budgets, Rules, pods_to_move};
use super::options::Options;
use super::picture::Picture;
use super::provider::Provider;
use super::registry::is_ready;
use super::utilization::utilization;
use crate::api::Name;
use crate::api::core::node::Node;
use crate::api::core::pod::Pod;
use crate::api::taint::{Taint, TaintEffect};
use crate::api::time::Time;
use crate::client::view::Caches;
use crate::sim::time::SimTime;

/// The taint of a node that is about to go.
pub const TO_BE_DELETED: &str = "ToBeDeletedByClusterAutoscaler";

/// The annotation of a node that is to stay.
const DISABLED: &str = "cluster-autoscaler.kubernetes.io/scale-down-disabled";

/// Why a node does not go.
///
/// Source: autoscaler cluster-autoscaler-1.36 cluster-autoscaler/simulator/cluster.go,
/// `UnremovableReason`
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Unremovable {
    /// It is annotated to stay.
    ScaleDownDisabledAnnotation,
    /// It is not ready, and such nodes stay.
    ScaleDownUnreadyDisabled,
    /// It belongs to no group.
    NotAutoscaled,
    /// Not for long enough yet.
    NotUnneededLongEnough,
    /// It has not been unready for long enough yet.
    NotUnreadyLongEnough,
    /// Its group would become too small.
    NodeGroupMinSizeReached,
    /// It is on its way out.
    CurrentlyBeingDeleted,
    /// Much of it is asked for.
    NotUnderutilized,
    /// It could not go a moment ago.
    RecentlyUnremovable,
    /// Its pods would find no room elsewhere.
    NoPlaceToMovePods,
    /// A pod keeps it.
    BlockedByPod(BlockingPod),
    /// Nothing is known about what it has.
    UnexpectedError,
}

/// A node that is not needed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Unneeded {
    /// Since when.
    pub since: SimTime,
    /// The pods that would have to leave.
    pub pods: Vec<Arc<Pod>>,
    /// Whether their budgets would not let them leave all at once.
    is_risky: bool,
}

/// What is known of nodes that may not be needed.
#[derive(Clone, Debug, Default)]
pub struct Planner {
    /// Nodes that are not needed.
    pub unneeded: BTreeMap<Name, Unneeded>,
    /// Nodes that stay, and why.
    pub unremovable: BTreeMap<Name, Unremovable>,
    recent: BTreeMap<Name, SimTime>,
}

/// What the planner sees.
pub struct Sight<'a> {
    /// The flags.
    pub options: &'a Options,
    /// The groups and their machines.
    pub provider: &'a Provider,
    /// What the informers know.
    pub caches: &'a Caches,
    /// The instant, and the clock.
    pub now: (SimTime, Time),
}

impl Sight<'_> {
    fn rules<'r>(&'r self, budgets: &'r Budgets) -> Rules<'r> {
        Rules { options: self.options, caches: self.caches, budgets, now: self.now.1 }
    }
}

impl Planner {
    /// Finds the nodes that are not needed, the picture being the cluster as it is; what it was
    /// found to be is left in the picture.
    ///
    /// Source: autoscaler cluster-autoscaler-1.36
    /// cluster-autoscaler/core/scaledown/planner/planner.go, `Planner.categorizeNodes`
    pub fn update(
        &mut self,
        candidates: &[Name],
        destinations: &[Name],
        picture: &mut Picture,
        sight: &Sight<'_>,
    ) {
        let now = sight.now.0;
        self.unremovable.clear();
        self.recent.retain(|_, until| *until > now);
        let mut budgets = Budgets::read(sight.caches);
        let mut destinations = destinations.to_vec();
        let mut found = BTreeMap::new();
        let eligible: Vec<&Name> = self
            .sorted(candidates, picture, &sight.rules(&budgets))
            .into_iter()
            .filter(|name| match self.objection(name, picture, sight) {
                None => true,
                Some(reason) => {
                    self.unremovable.insert((*name).clone(), reason);
                    false
                }
            })
            .collect();
        for name in eligible {
            let pods = match remove(name, &destinations, picture, &sight.rules(&budgets)) {
                Ok(pods) => pods,
                Err(reason) => {
                    let until = now + sight.options.unremovable_node_recheck_timeout;
                    self.recent.insert(name.clone(), until);
                    self.unremovable.insert(name.clone(), reason);
                    continue;
                }
            };
            destinations.retain(|n| n != name);
            let is_risky = !budgets.allow_together(&pods);
            budgets.spend(&pods);
            let since = self.unneeded.get(name).map_or(now, |known| known.since);
            found.insert(name.clone(), Unneeded { since, pods, is_risky });
        }
        self.unneeded = found;
    }

    /// Nodes that were not needed before come first, then those without pods that would have to
    /// leave.
    ///
    /// Source: autoscaler cluster-autoscaler-1.36
    /// cluster-autoscaler/processors/scaledowncandidates/previouscandidates/previous_candidates.go
    /// and cluster-autoscaler/processors/scaledowncandidates/emptycandidates/empty_candidates.go
    fn sorted<'n>(
        &self,
        candidates: &'n [Name],
        picture: &Picture,
        rules: &Rules<'_>,
    ) -> Vec<&'n Name> {
        let is_empty = |name: &Name| {
            let pods = picture.node(name).map_or(&[][..], |info| &info.pods);
            pods_to_move(pods, rules).is_ok_and(|(moving, _)| moving.is_empty())
        };
        let mut sorted: Vec<&Name> = candidates.iter().collect();
        sorted.sort_by_cached_key(|name| (!self.unneeded.contains_key(*name), !is_empty(name)));
        sorted
    }

    /// Why a node is not worth looking at closely.
    ///
    /// Source: autoscaler cluster-autoscaler-1.36
    /// cluster-autoscaler/core/scaledown/eligibility/eligibility.go,
    /// `Checker.unremovableReasonAndNodeUtilization`
    fn objection(&self, name: &Name, picture: &Picture, sight: &Sight<'_>) -> Option<Unremovable> {
        if self.recent.contains_key(name) {
            return Some(Unremovable::RecentlyUnremovable);
        }
        let info = picture.node(name)?;
        let node = info.node.as_ref()?;
        if is_to_be_deleted(node) {
            return Some(Unremovable::CurrentlyBeingDeleted);
        }
        if is_kept(node) {
            return Some(Unremovable::ScaleDownDisabledAnnotation);
        }
        if sight.provider.group_of(name).is_none() {
            return Some(Unremovable::NotAutoscaled);
        }
        if !sight.options.scale_down_unready_enabled && !is_ready(node) {
            return Some(Unremovable::ScaleDownUnreadyDisabled);
        }
        let (options, now) = (sight.options, sight.now.1);
        let used = utilization(node, info.pods.iter(), options.ignore_daemonsets_utilization, now);
        let Some(used) = used else { return Some(Unremovable::UnexpectedError) };
        (used.greatest() >= options.scale_down_utilization_threshold)
            .then_some(Unremovable::NotUnderutilized)
    }

    /// The nodes that may go now: those without pods, and those whose pods have to leave.
    ///
    /// Source: autoscaler cluster-autoscaler-1.36
    /// cluster-autoscaler/core/scaledown/planner/planner.go, `Planner.NodesToDelete`, and
    /// cluster-autoscaler/core/scaledown/unneeded/nodes.go, `Nodes.RemovableAt`
    pub fn ripe(
        &mut self,
        leaving: impl Fn(usize) -> usize,
        sight: &Sight<'_>,
    ) -> (Vec<Name>, Vec<Name>) {
        let groups = sight.provider.groups();
        let mut sizes: Vec<usize> =
            (0..groups.len()).map(|g| sight.provider.target(g) - leaving(g)).collect();
        let (mut empty, mut drained) = (Vec::new(), Vec::new());
        let is_empty = |of: &Unneeded| of.pods.is_empty();
        let first = self.unneeded.iter().filter(|(_, of)| is_empty(of));
        let then = self.unneeded.iter().filter(|(_, of)| !is_empty(of));
        for (name, of) in first.chain(then) {
            let reason = wait(name, of, sight).or_else(|| {
                let group = sight.provider.group_of(name)?;
                let is_least = sizes[group] <= groups[group].min;
                if !is_least {
                    sizes[group] -= 1;
                }
                is_least.then_some(Unremovable::NodeGroupMinSizeReached)
            });
            match reason {
                Some(reason) => {
                    self.unremovable.insert(name.clone(), reason);
                }
                None if is_empty(of) => empty.push(name.clone()),
                None => drained.push(name.clone()),
            }
        }
        drained.sort_by_key(|name| self.unneeded[name].is_risky);
        (empty, drained)
    }
}

/// Why a node that is not needed has to wait.
fn wait(name: &Name, of: &Unneeded, sight: &Sight<'_>) -> Option<Unremovable> {
    let node = sight.caches.of(crate::api::object::Kind::NODE).get("", name);
    let node = node.and_then(|o| o.as_a::<Node>())?;
    if is_kept(node) {
        return Some(Unremovable::ScaleDownDisabledAnnotation);
    }
    let (needed, reason) = if is_ready(node) {
        (sight.options.scale_down_unneeded_time, Unremovable::NotUnneededLongEnough)
    } else {
        (sight.options.scale_down_unready_time, Unremovable::NotUnreadyLongEnough)
    };
    (of.since + needed >= sight.now.0).then_some(reason)
}

fn is_kept(node: &Node) -> bool {
    node.meta.annotations.get(DISABLED).is_some_and(|v| v == "true")
}

/// Whether a node is marked to go.
pub fn is_to_be_deleted(node: &Node) -> bool {
    node.spec.taints.iter().any(|t| t.key == TO_BE_DELETED)
}

/// The taint of a node that goes, with the instant at which it was put on.
pub fn to_be_deleted(now: Time) -> Taint {
    let mut taint = Taint::new(TO_BE_DELETED, TaintEffect::NoSchedule);
    taint.value = smol_str::format_smolstr!("{}", now.unix_seconds());
    taint
}

/// Removes a node from the picture, its pods having found room elsewhere, and tells which they
/// are. While they look for it the node stays, tainted, so that it counts as a domain.
///
/// Source: autoscaler cluster-autoscaler-1.36 cluster-autoscaler/simulator/cluster.go,
/// `RemovalSimulator.SimulateNodeRemoval`, `findPlaceFor`
fn remove(
    name: &Name,
    destinations: &[Name],
    picture: &mut Picture,
    rules: &Rules<'_>,
) -> Result<Vec<Arc<Pod>>, Unremovable> {
    let on_node = picture.node(name).map(|info| info.pods.clone()).unwrap_or_default();
    let (moving, _) = pods_to_move(&on_node, rules).map_err(Unremovable::BlockedByPod)?;
    let mark = picture.mark();
    moving.iter().for_each(|pod| picture.take_pod(pod));
    let taint = to_be_deleted(rules.now);
    picture.change_node(name, |node| node.spec.taints.push(taint));
    for pod in &moving {
        let mut free = Pod::clone(pod);
        free.node_name = Name::default();
        let others = destinations.iter().filter(|n| *n != name);
        if picture.put_on_any(&Arc::new(free), others).is_none() {
            picture.back_to(mark);
            return Err(Unremovable::NoPlaceToMovePods);
        }
    }
    picture.take_node(name);
    Ok(moving)
}
