//! How many nodes of a group would give room to pods that have none.

use std::collections::BTreeSet;
use std::sync::Arc;

use smol_str::format_smolstr;

use super::picture::Picture;
use super::provider::NodeGroup;
use crate::api::Name;
use crate::api::core::pod::Pod;
use crate::client::view::Caches;

/// Pods that are alike for the scheduler: of one owner, with one spec and the same labels.
#[derive(Clone, Debug, Default)]
pub struct Alike {
    /// The pods.
    pub pods: Vec<Arc<Pod>>,
    /// Whether a node of some group would hold one of them.
    pub is_helped: bool,
    /// Why groups do not help: each reason as often as it was given.
    pub rejections: Vec<Name>,
}

/// Puts pods that are alike together.
///
/// Source: autoscaler cluster-autoscaler-1.36
/// cluster-autoscaler/core/scaleup/equivalence/groups.go, `BuildPodGroups`
pub fn group(pods: Vec<Arc<Pod>>) -> Vec<Alike> {
    let mut groups: Vec<Alike> = Vec::new();
    for pod in pods {
        let owner = pod.meta.controller().map(|o| o.uid);
        let is_alike = |other: &Arc<Pod>| {
            owner.is_some()
                && other.meta.controller().map(|o| o.uid) == owner
                && other.meta.labels == pod.meta.labels
                && other.spec == pod.spec
        };
        match groups.iter_mut().find(|g| g.pods.first().is_some_and(is_alike)) {
            Some(group) => group.pods.push(pod),
            None => groups.push(Alike { pods: vec![pod], ..Alike::default() }),
        }
    }
    groups
}

/// What a group could do.
#[derive(Clone, Debug)]
pub struct Choice {
    /// The group, by its place.
    pub group: usize,
    /// So many nodes more.
    pub nodes: usize,
    /// The pods that would find room.
    pub pods: Vec<Arc<Pod>>,
}

/// How large pods are beside a node of a group: shares of CPU and memory, added.
///
/// Source: autoscaler cluster-autoscaler-1.36
/// cluster-autoscaler/estimator/decreasing_pod_orderer.go, `calculatePodScore`
#[expect(clippy::float_arithmetic, reason = "as the autoscaler computes it")]
#[expect(clippy::cast_precision_loss, reason = "as the autoscaler converts it")]
fn size(pod: &Pod, group: &NodeGroup) -> f64 {
    let (asked, there) = (&pod.spec.requests, &group.template.allocatable);
    let share = |asked: i64, there: i64| if there > 0 { asked as f64 / there as f64 } else { 0.0 };
    share(asked.milli_cpu, there.milli_cpu) + share(asked.memory, there.memory)
}

/// Packs pods onto new nodes of one group.
struct Packing<'a> {
    group: &'a NodeGroup,
    room: usize,
    picture: &'a mut Picture,
    caches: &'a Caches,
    new: Vec<Name>,
    in_use: BTreeSet<Name>,
    helped: Vec<Arc<Pod>>,
}

impl Packing<'_> {
    /// Onto nodes that were added before; what is left from the first that fits nowhere.
    ///
    /// Source: autoscaler cluster-autoscaler-1.36
    /// cluster-autoscaler/estimator/binpacking_estimator.go, `tryToScheduleOnExistingNodes`
    fn on_those_added<'p>(&mut self, pods: &'p [Arc<Pod>]) -> &'p [Arc<Pod>] {
        for (done, pod) in pods.iter().enumerate() {
            let Some(node) = self.picture.put_on_any(pod, &self.new).cloned() else {
                return &pods[done..];
            };
            self.note(pod, node);
        }
        &[]
    }

    /// Onto the last node, or one more.
    ///
    /// Source: autoscaler cluster-autoscaler-1.36
    /// cluster-autoscaler/estimator/binpacking_estimator.go, `tryToScheduleOnNewNodes`
    fn on_new_ones(&mut self, pods: &[Arc<Pod>]) {
        for pod in pods {
            if self.on_last(pod) {
                continue;
            }
            // A node that is still empty shows that another one would not help either.
            let is_last_empty = self.new.last().is_some_and(|last| !self.in_use.contains(last));
            if is_last_empty || self.new.len() >= self.room {
                return;
            }
            let name = format_smolstr!("template-node-for-{}-{}", self.group.name, self.new.len());
            self.picture.add_template(&self.group.template, &name, self.caches);
            self.new.push(name);
            if !self.on_last(pod) {
                return;
            }
        }
    }

    fn on_last(&mut self, pod: &Arc<Pod>) -> bool {
        let last = self.new.last().filter(|last| self.picture.fits(pod, last).is_ok());
        let Some(last) = last.cloned() else { return false };
        self.picture.put_pod(pod, &last);
        self.note(pod, last);
        true
    }

    fn note(&mut self, pod: &Arc<Pod>, node: Name) {
        self.in_use.insert(node);
        self.helped.push(pod.clone());
    }
}

/// What a group could do for pods, with at most `room` nodes more: the largest first, each onto
/// the new nodes that are there, else onto one more. The picture is left as it was.
///
/// Three pods that ask for 1.5 CPU, and nodes with 4: two on the first, one on the second.
///
/// Source: autoscaler cluster-autoscaler-1.36
/// cluster-autoscaler/estimator/binpacking_estimator.go, `BinpackingNodeEstimator.Estimate`
pub fn estimate(
    (place, group): (usize, &NodeGroup),
    room: usize,
    pods: &[&Alike],
    picture: &mut Picture,
    caches: &Caches,
) -> Choice {
    let mark = picture.mark();
    let first = |alike: &Alike| alike.pods.first().map_or(0.0, |pod| size(pod, group));
    let mut sorted: Vec<&Alike> = pods.to_vec();
    sorted.sort_by(|a, b| first(b).total_cmp(&first(a)));
    let (new, in_use, helped) = (Vec::new(), BTreeSet::new(), Vec::new());
    let mut packing = Packing { group, room, picture, caches, new, in_use, helped };
    for alike in sorted {
        let left = packing.on_those_added(&alike.pods);
        packing.on_new_ones(left);
    }
    let choice = Choice { group: place, nodes: packing.in_use.len(), pods: packing.helped };
    picture.back_to(mark);
    choice
}
