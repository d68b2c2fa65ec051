//! `NodeResourcesFit`: a node must have enough left, and is ranked by how much that is.

use std::sync::Arc;

use crate::api::Name;
use crate::api::core::node::Node;
use crate::api::core::pod::Pod;
use crate::api::core::pod_requests;
use crate::api::resource::Resources;
use crate::scheduler::cache::{Cache, NodeInfo};
use crate::scheduler::config::{FitArgs, PluginArgs, Shape, Strategy};
use crate::scheduler::event::{Action, ClusterEvent, EventResource, Happened};
use crate::scheduler::framework::{
    Attempt, Code, Filter, MAX_NODE_SCORE, Plugin, PreFilter, PreScore, Refused, Score,
};
use crate::scheduler::plugins::resource_score::{self, Scored, Taken, is_extended};

/// The plugin.
#[derive(Clone, Debug)]
struct NodeResourcesFit {
    args: FitArgs,
}

/// What a pod needs of a node.
#[derive(Clone, Debug)]
pub struct Needed {
    requests: Resources,
    /// The extended resources that count, by number.
    scalar: Vec<usize>,
    is_nothing: bool,
}

/// A resource that a node has too little of, in the scheduler's units.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Insufficient {
    /// Which.
    pub resource: Name,
    /// How much the pod needs.
    pub requested: i64,
    /// How much is taken.
    pub used: i64,
    /// How much the node has.
    pub capacity: i64,
    /// Whether it is too little even without any pod.
    pub is_unresolvable: bool,
}

/// How nodes are ranked for a pod.
struct Ranking {
    strategy: Strategy,
    shape: Shape,
    resources: Vec<Scored>,
}

/// Makes it.
pub(crate) fn make(args: &PluginArgs) -> Arc<dyn Plugin> {
    Arc::new(NodeResourcesFit { args: args.fit.clone() })
}

const PODS: u32 = 0;
const CPU: u32 = 1;
const MEMORY: u32 = 2;
const STORAGE: u32 = 3;
const SCALAR: u32 = 4;

impl Needed {
    /// What a pod needs, without the extended resources that are left out.
    pub fn new(pod: &Pod, args: &FitArgs) -> Needed {
        let requests = pod_requests::of_pod(pod).into_owned();
        let is_ignored = |name: &Name| {
            let group = name.split('/').next().unwrap_or_default();
            is_extended(name)
                && (args.ignored_resources.contains(name)
                    || args.ignored_resource_groups.iter().any(|g| g == group))
        };
        let all = requests.scalar.iter().enumerate();
        let scalar = all.filter(|(_, (name, n))| *n != 0 && !is_ignored(name)).map(|(i, _)| i);
        let mut scalar: Vec<usize> = scalar.collect();
        scalar.sort_by(|a, b| requests.scalar[*a].0.cmp(&requests.scalar[*b].0));
        let is_nothing = requests.milli_cpu == 0
            && requests.memory == 0
            && requests.ephemeral_storage == 0
            && scalar.is_empty();
        Needed { requests, scalar, is_nothing }
    }

    /// The extended resources: reason, need, taken, there. Beyond the sixtieth they share a reason.
    fn scalar_rows(&self, node: &NodeInfo) -> impl Iterator<Item = (u32, i64, i64, i64)> {
        (SCALAR..).zip(&self.scalar).map(move |(bit, i)| {
            let (name, need) = &self.requests.scalar[*i];
            (bit.min(63), *need, node.requested.get(name), node.allocatable.get(name))
        })
    }

    /// All resources but pods, in the order of the reasons.
    fn rows(&self, node: &NodeInfo) -> impl Iterator<Item = (u32, i64, i64, i64)> {
        let (need, used, has) = (&self.requests, &node.requested, &node.allocatable);
        let first = [
            (CPU, need.milli_cpu, used.milli_cpu, has.milli_cpu),
            (MEMORY, need.memory, used.memory, has.memory),
            (STORAGE, need.ephemeral_storage, used.ephemeral_storage, has.ephemeral_storage),
        ];
        first.into_iter().chain(self.scalar_rows(node))
    }

    /// Whether a node has enough; the quick look that most nodes pass.
    fn fits(&self, node: &NodeInfo) -> bool {
        let (need, used, has) = (&self.requests, &node.requested, &node.allocatable);
        let enough = |need: i64, used: i64, has: i64| need <= 0 || need <= has - used;
        count(&node.pods) < has.pods
            && (self.is_nothing
                || enough(need.milli_cpu, used.milli_cpu, has.milli_cpu)
                    && enough(need.memory, used.memory, has.memory)
                    && enough(
                        need.ephemeral_storage,
                        used.ephemeral_storage,
                        has.ephemeral_storage,
                    )
                    && self.scalar_rows(node).all(|(_, need, used, has)| enough(need, used, has)))
    }

    /// Why a node has not enough.
    #[cold]
    fn refusal(&self, node: &NodeInfo) -> Refused {
        let mut refused = Refused { code: Code::Unschedulable, reasons: 0 };
        if count(&node.pods) >= node.allocatable.pods {
            refused.reasons |= 1 << PODS;
        }
        if self.is_nothing {
            return refused;
        }
        let mut look = |bit: u32, need: i64, used: i64, has: i64| {
            if need > 0 && need > has - used {
                refused.reasons |= 1 << bit;
                if need > has {
                    refused.code = Code::UnschedulableAndUnresolvable;
                }
            }
        };
        let (need, used, has) = (&self.requests, &node.requested, &node.allocatable);
        look(CPU, need.milli_cpu, used.milli_cpu, has.milli_cpu);
        look(MEMORY, need.memory, used.memory, has.memory);
        look(STORAGE, need.ephemeral_storage, used.ephemeral_storage, has.ephemeral_storage);
        for (bit, need, used, has) in self.scalar_rows(node) {
            look(bit, need, used, has);
        }
        refused
    }

    /// What a node has too little of, in the order of the reasons.
    ///
    /// Source: kubernetes v1.36 pkg/scheduler/framework/plugins/noderesources/fit.go,
    /// `fitsRequest`
    pub fn insufficient(&self, node: &NodeInfo) -> Vec<Insufficient> {
        let (refused, pods) = (self.refusal(node), count(&node.pods));
        let has = node.allocatable.pods;
        let rows = std::iter::once((PODS, 1, pods, has)).chain(self.rows(node));
        let short = rows.filter(|row| refused.reasons & (1 << row.0) != 0);
        short
            .map(|(bit, requested, used, capacity)| Insufficient {
                resource: self.resource(bit),
                requested,
                used,
                capacity,
                is_unresolvable: bit != PODS && requested > capacity,
            })
            .collect()
    }

    fn resource(&self, bit: u32) -> Name {
        match bit {
            PODS => Name::new_static("pods"),
            CPU => Name::new_static("cpu"),
            MEMORY => Name::new_static("memory"),
            STORAGE => Name::new_static("ephemeral-storage"),
            _ => self.requests.scalar[self.scalar[(bit - SCALAR) as usize]].0.clone(),
        }
    }
}

fn count(pods: &[Arc<Pod>]) -> i64 {
    i64::try_from(pods.len()).unwrap_or(i64::MAX)
}

impl Plugin for NodeResourcesFit {
    fn events(&self) -> &'static [ClusterEvent] {
        const POD: ClusterEvent =
            ClusterEvent::new(EventResource::Pod, Action::DELETE.or(Action::POD_SCALE_DOWN));
        const NODE: ClusterEvent =
            ClusterEvent::new(EventResource::Node, Action::ADD.or(Action::NODE_ALLOCATABLE));
        &[POD, NODE]
    }

    /// Source: kubernetes v1.36 pkg/scheduler/framework/plugins/noderesources/fit.go,
    /// `Fit.isSchedulableAfterPodEvent` and `isSchedulableAfterNodeChange`
    fn is_worth_retrying(&self, pod: &Pod, happened: &Happened) -> bool {
        let needed = Needed::new(pod, &self.args);
        if let (_, Some(node)) = happened.node() {
            return is_better(&needed, happened, node);
        }
        match happened.pod() {
            (Some(gone), None) => {
                !gone.node_name.is_empty() || !gone.status.nominated_node_name.is_empty()
            }
            (Some(old), Some(new)) => {
                let concerns = new.meta.uid == pod.meta.uid || !new.node_name.is_empty();
                concerns && gives_back(&needed, old, new)
            }
            _ => true,
        }
    }

    fn is_shareable(&self, _: &Pod) -> bool {
        true
    }

    /// Source: kubernetes v1.36 pkg/scheduler/framework/plugins/noderesources/fit.go,
    /// `Fit.PreFilter`
    fn pre_filter(&self, attempt: Attempt<'_>) -> PreFilter {
        PreFilter::Each(Box::new(Needed::new(attempt.pod, &self.args)))
    }

    fn pre_score(&self, attempt: Attempt<'_>) -> PreScore {
        let requests = pod_requests::scoring_of_pod(attempt.pod);
        let shape = match &self.args.strategy {
            Strategy::RequestedToCapacityRatio(shape) => shape.scaled(),
            Strategy::LeastAllocated | Strategy::MostAllocated => Shape::default(),
        };
        Ok(Some(Box::new(Ranking {
            strategy: self.args.strategy.clone(),
            shape,
            resources: resource_score::of_pod(&self.args.resources, &requests),
        })))
    }
}

/// Whether a node that changed has room for a pod now, and had none before as far as the node
/// itself goes.
fn is_better(needed: &Needed, happened: &Happened, node: &Node) -> bool {
    let empty = |node: &Node| {
        let mut info = NodeInfo::default();
        info.allocatable.clone_from(&node.allocatable);
        info
    };
    if !needed.fits(&empty(node)) {
        return false;
    }
    let Some(old) = happened.node().0 else { return true };
    let (before, after) = (&old.allocatable, &node.allocatable);
    let need = &needed.requests;
    after.pods > before.pods
        || need.milli_cpu > 0 && after.milli_cpu > before.milli_cpu
        || need.memory > 0 && after.memory > before.memory
        || need.ephemeral_storage > 0 && after.ephemeral_storage > before.ephemeral_storage
        || needed.scalar.iter().any(|i| {
            let name = &need.scalar[*i].0;
            after.get(name) > before.get(name)
        })
}

/// Whether a pod that shrinks gives back anything that is needed.
fn gives_back(needed: &Needed, old: &Pod, new: &Pod) -> bool {
    let (before, after) = (pod_requests::of_pod(old), pod_requests::of_pod(new));
    let need = &needed.requests;
    need.milli_cpu > 0 && after.milli_cpu < before.milli_cpu
        || need.memory > 0 && after.memory < before.memory
        || need.ephemeral_storage > 0 && after.ephemeral_storage < before.ephemeral_storage
        || needed.scalar.iter().any(|i| {
            let name = &need.scalar[*i].0;
            after.get(name) < before.get(name)
        })
}

impl Filter for Needed {
    fn filter(&self, _: u32, node: &NodeInfo) -> Result<(), Refused> {
        if self.fits(node) { Ok(()) } else { Err(self.refusal(node)) }
    }

    fn reason(&self, bit: u32) -> Name {
        if bit == PODS {
            return Name::new_static("Too many pods");
        }
        smol_str::format_smolstr!("Insufficient {}", self.resource(bit))
    }

    fn boxed_clone(&self) -> Box<dyn Filter> {
        Box::new(self.clone())
    }
}

impl Score for Ranking {
    /// The mean over the resources, by their weights. Resources that a node does not have are left
    /// out, and by capacity ratio those too that score nothing.
    ///
    /// Source: kubernetes v1.36
    /// pkg/scheduler/framework/plugins/noderesources/resource_allocation.go,
    /// `resourceAllocationScorer.score`
    fn score(&mut self, cluster: &Cache, nodes: &[u32], scores: &mut [i64]) {
        for (score, slot) in scores.iter_mut().zip(nodes) {
            *score = self.of(cluster.at(*slot));
        }
    }
}

impl Ranking {
    fn of(&self, node: &NodeInfo) -> i64 {
        let (mut sum, mut weights) = (0, 0);
        for r in &self.resources {
            let (has, taken) = r.on(node, Taken::Scoring);
            if has == 0 {
                continue;
            }
            let with = taken + r.request;
            let score = match &self.strategy {
                Strategy::LeastAllocated => least_allocated(with, has),
                Strategy::MostAllocated => most_allocated(with, has),
                Strategy::RequestedToCapacityRatio(_) => {
                    let score = self.shape.at(if with > has { 100 } else { with * 100 / has });
                    if score <= 0 {
                        continue;
                    }
                    score
                }
            };
            sum += score * r.weight;
            weights += r.weight;
        }
        match (weights, &self.strategy) {
            (0, _) => 0,
            (_, Strategy::RequestedToCapacityRatio(_)) => (2 * sum + weights) / (2 * weights),
            (_, Strategy::LeastAllocated | Strategy::MostAllocated) => sum / weights,
        }
    }
}

/// The share that is left: 100 on an empty node.
///
/// Source: kubernetes v1.36 pkg/scheduler/framework/plugins/noderesources/least_allocated.go,
/// `leastRequestedScore`
fn least_allocated(requested: i64, capacity: i64) -> i64 {
    if requested > capacity { 0 } else { (capacity - requested) * MAX_NODE_SCORE / capacity }
}

/// The share that is taken: 100 on a full node.
///
/// Source: kubernetes v1.36 pkg/scheduler/framework/plugins/noderesources/most_allocated.go,
/// `mostRequestedScore`
fn most_allocated(requested: i64, capacity: i64) -> i64 {
    requested.min(capacity) * MAX_NODE_SCORE / capacity
}

impl Shape {
    /// The same function with scores from 0 to 100.
    #[must_use]
    pub fn scaled(&self) -> Shape {
        const FACTOR: i64 = MAX_NODE_SCORE / 10;
        Shape(self.0.iter().map(|(at, score)| (*at, score * FACTOR)).collect())
    }

    /// The value at `p`: on a line between two points, that of the first before and of the last
    /// after all points.
    ///
    /// With points (0, 2), (40, 10), (100, 0) it is 6 at 20.
    ///
    /// Source: kubernetes v1.36 pkg/scheduler/framework/plugins/helper/shape_score.go,
    /// `BuildBrokenLinearFunction`
    pub fn at(&self, p: i64) -> i64 {
        let Some(i) = self.0.iter().position(|(at, _)| p <= *at) else {
            return self.0.last().map_or(0, |(_, score)| *score);
        };
        let (right, high) = self.0[i];
        let Some((left, low)) = i.checked_sub(1).map(|i| self.0[i]) else { return high };
        low + (high - low) * (p - left) / (right - left)
    }
}
