//! Which group grows by how much, for pods that find no room.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::drainability::{is_mirror, is_of_daemon_set};
use super::estimate::{Alike, Choice, estimate, group};
use super::expander::choose;
use super::options::Options;
use super::picture::Picture;
use super::provider::Provider;
use super::registry::{Registry, Unsafe};
use crate::api::Name;
use crate::api::condition;
use crate::api::core::pod::Pod;
use crate::api::time::Time;
use crate::client::view::Caches;
use crate::sim::rng::Rng;
use crate::sim::time::{SimDuration, SimTime};

/// Pods that are all younger wait for one more look, as more may come.
///
/// Source: autoscaler cluster-autoscaler-1.36 cluster-autoscaler/core/static_autoscaler.go,
/// `unschedulablePodTimeBuffer`
const VERY_NEW: SimDuration = SimDuration::secs(2);

/// A group is as large as it may be.
const MAX_SIZE: Name = Name::new_static("max node group size reached");
/// Nodes of a group did not come a while ago.
const IN_BACKOFF: Name = Name::new_static("in backoff after failed scale-up");
/// Too many nodes of a group are missing.
const NOT_READY: Name = Name::new_static("not ready for scale-up");

/// Whether the scheduler has found no room for a pod.
///
/// Source: autoscaler cluster-autoscaler-1.36
/// cluster-autoscaler/utils/kubernetes/listers.go, `UnschedulablePods`
pub fn is_unschedulable(pod: &Pod) -> bool {
    let said = condition::find(&pod.status.conditions, "PodScheduled");
    pod.node_name.is_empty()
        && pod.is_active()
        && said.is_some_and(|c| !c.is_true() && c.reason == "Unschedulable")
}

/// Whether a pod would be replaced if it went.
pub fn is_recreatable(pod: &Pod) -> bool {
    !is_mirror(pod) && !is_of_daemon_set(pod)
}

/// Puts pods on nodes that have room after all, the most important first, and gives those that
/// find none.
///
/// Source: autoscaler cluster-autoscaler-1.36
/// cluster-autoscaler/core/podlistprocessor/filter_out_schedulable.go,
/// `filterOutSchedulableByPacking`
pub fn without_room(
    mut pods: Vec<Arc<Pod>>,
    nodes: &[Name],
    picture: &mut Picture,
) -> Vec<Arc<Pod>> {
    pods.sort_by(|a, b| {
        let key = |p: &Pod| (std::cmp::Reverse(p.priority()), p.meta.creation);
        let name = |p: &Pod| (p.meta.namespace.clone(), p.meta.name.clone());
        key(a).cmp(&key(b)).then_with(|| name(a).cmp(&name(b)))
    });
    pods.retain(|pod| picture.put_on_any(pod, nodes).is_none());
    pods
}

/// Whether pods have all come a moment ago.
///
/// Source: autoscaler cluster-autoscaler-1.36 cluster-autoscaler/core/static_autoscaler.go,
/// `allPodsAreNew`
pub fn are_all_new(pods: &[Arc<Pod>], now: Time) -> bool {
    let oldest = pods.iter().filter_map(|p| p.meta.creation).min();
    oldest.is_some_and(|at| at.plus(VERY_NEW) > now)
}

/// What is decided about pods that find no room.
#[derive(Clone, Debug, Default)]
pub struct Decision {
    /// The group that grows.
    pub choice: Option<Choice>,
    /// Pods that no group helps, each with the reasons and how often each was given.
    pub unhelped: Vec<(Arc<Pod>, BTreeMap<Name, usize>)>,
}

/// What a decision is made from.
pub struct Outlook<'a> {
    /// The flags.
    pub options: &'a Options,
    /// The groups and their machines.
    pub provider: &'a Provider,
    /// How groups fare.
    pub registry: &'a Registry,
    /// What the informers know.
    pub caches: &'a Caches,
    /// The instant.
    pub now: SimTime,
}

impl Outlook<'_> {
    /// Why a group is not asked at all.
    ///
    /// Source: autoscaler cluster-autoscaler-1.36
    /// cluster-autoscaler/core/scaleup/orchestrator/orchestrator.go,
    /// `ScaleUpOrchestrator.IsNodeGroupReadyToScaleUp`, `filterValidScaleUpNodeGroups`
    fn skipped(&self, place: usize) -> Option<Name> {
        match self.registry.objection(place, self.provider, self.options, self.now) {
            Some(Unsafe::Backoff) => return Some(IN_BACKOFF),
            Some(Unsafe::Unhealthy) => return Some(NOT_READY),
            None => {}
        }
        let group = &self.provider.groups()[place];
        (self.provider.target(place) >= group.max).then_some(MAX_SIZE)
    }

    /// How many nodes a group may have more.
    fn room(&self, place: usize) -> usize {
        let group = &self.provider.groups()[place];
        let own = group.max.saturating_sub(self.provider.target(place));
        let own = own.min(self.options.max_nodes_per_scaleup);
        let all = self.options.max_nodes_total;
        if all == 0 { own } else { own.min(all.saturating_sub(self.cluster())) }
    }

    /// How many nodes there are and will be.
    fn cluster(&self) -> usize {
        let groups = 0..self.provider.groups().len();
        let coming: usize = groups.map(|g| self.registry.upcoming(g, self.provider)).sum();
        self.registry.total.ready + coming
    }

    /// Decides which group grows by how much. The picture is left as it was.
    ///
    /// Source: autoscaler cluster-autoscaler-1.36
    /// cluster-autoscaler/core/scaleup/orchestrator/orchestrator.go,
    /// `ScaleUpOrchestrator.ScaleUp`
    pub fn decide(&self, pods: Vec<Arc<Pod>>, picture: &mut Picture, rng: &mut Rng) -> Decision {
        let groups = self.provider.groups();
        let mut alike = group(pods);
        let mut choices = Vec::new();
        let mut skipped = Vec::new();
        for (place, group) in groups.iter().enumerate() {
            if let Some(reason) = self.skipped(place) {
                skipped.push(reason);
                continue;
            }
            let helped = self.helped(place, &mut alike, picture);
            let helped: Vec<&Alike> = helped.into_iter().map(|n| &alike[n]).collect();
            let room = self.room(place);
            let choice = estimate((place, group), room, &helped, picture, self.caches);
            if choice.nodes > 0 {
                choices.push(choice);
            }
        }
        let expanders = &self.options.expanders;
        let chosen = choose(expanders, &choices, groups, self.registry.total.registered, rng);
        let unhelped = alike.iter().filter(|a| !a.is_helped).flat_map(|a| {
            let mut reasons: BTreeMap<Name, usize> = BTreeMap::new();
            for reason in a.rejections.iter().chain(&skipped) {
                *reasons.entry(reason.clone()).or_default() += 1;
            }
            a.pods.iter().map(move |pod| (pod.clone(), reasons.clone()))
        });
        Decision { unhelped: unhelped.collect(), choice: chosen.map(|n| choices.swap_remove(n)) }
    }

    /// Which pods a node of a group would hold, by their places.
    ///
    /// Source: autoscaler cluster-autoscaler-1.36
    /// cluster-autoscaler/core/scaleup/orchestrator/orchestrator.go,
    /// `ScaleUpOrchestrator.SchedulablePodGroups`
    fn helped(&self, place: usize, alike: &mut [Alike], picture: &mut Picture) -> Vec<usize> {
        let mark = picture.mark();
        let group = &self.provider.groups()[place];
        let name = smol_str::format_smolstr!("template-node-for-{}", group.name);
        picture.add_template(&group.template, &name, self.caches);
        let mut helped = Vec::new();
        for (n, of) in alike.iter_mut().enumerate() {
            let Some(sample) = of.pods.first() else { continue };
            match picture.fits(sample, &name) {
                Ok(()) => {
                    of.is_helped = true;
                    helped.push(n);
                }
                Err(reasons) => of.rejections.extend(reasons),
            }
        }
        picture.back_to(mark);
        helped
    }
}
