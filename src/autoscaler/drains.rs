//! Nodes on their way out: tainted, emptied, deleted.
//!
//! Each goes through its stages by itself, between and beside the looks. What a life has begun a
//! crash ends: the next one finds only the taints, and takes them off.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::options::Options;
use crate::api::Name;
use crate::api::core::pod::Pod;
use crate::api::meta::Uid;
use crate::sim::time::{SimDuration, SimTime};

/// How often an eviction that was refused is tried again.
///
/// Source: autoscaler cluster-autoscaler-1.36
/// cluster-autoscaler/core/scaledown/actuation/drain.go, `DefaultEvictionRetryTime`
pub const EVICTION_RETRY: SimDuration = SimDuration::secs(10);

/// So much longer than its grace a pod may take.
///
/// Source: autoscaler cluster-autoscaler-1.36
/// cluster-autoscaler/core/scaledown/actuation/drain.go, `DefaultPodEvictionHeadroom`
pub const HEADROOM: SimDuration = SimDuration::secs(30);

/// How often it is looked whether pods are gone.
///
/// Source: autoscaler cluster-autoscaler-1.36
/// cluster-autoscaler/core/scaledown/actuation/drain.go, `Evictor.waitPodsToDisappear`
pub const GONE_CHECK: SimDuration = SimDuration::secs(5);

/// After how long a taint that met a conflict is tried again, and for how long altogether.
///
/// Source: autoscaler cluster-autoscaler-1.36 cluster-autoscaler/utils/taints/taints.go,
/// `conflictRetryInterval`, `maxRetryDeadline`
pub const TAINT_RETRY: (SimDuration, SimDuration) =
    (SimDuration::millis(750), SimDuration::secs(5));

/// A pod that is asked to leave.
#[derive(Clone, Debug)]
pub struct Eviction {
    /// The pod.
    pub pod: Arc<Pod>,
    /// Whether the node waits for it.
    pub counts: bool,
    /// Where the eviction stands.
    pub state: EvictionState,
}

/// Where an eviction stands.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum EvictionState {
    /// The request is under way.
    Asked,
    /// It was refused with these words, and is tried again then.
    Refused(SimTime, Name),
    /// It was accepted, or the pod was gone.
    Done,
    /// It was refused for too long, at last with these words.
    Failed(Name),
}

/// How far a node is on its way out.
#[derive(Clone, Debug)]
pub enum Stage {
    /// Its taint is under way since then; tried again at the second instant.
    Tainting(SimTime, Option<SimTime>),
    /// Everybody is given time to see the taint.
    Tainted(SimTime),
    /// Its pods are asked to leave until then.
    Evicting(SimTime, BTreeMap<Uid, Eviction>),
    /// Its pods take their leave, at most until the first instant; looked at at the second.
    Emptying(SimTime, SimTime, Vec<Arc<Pod>>),
    /// Its object is being deleted.
    Deleting,
}

/// A node on its way out.
#[derive(Clone, Debug)]
pub struct Drain {
    /// Its group, by its place.
    pub group: usize,
    /// Whether it had pods that have to leave.
    pub with_pods: bool,
    /// How far it is.
    pub stage: Stage,
}

impl Drain {
    /// When something is to be done about it.
    pub fn due(&self) -> Option<SimTime> {
        match &self.stage {
            Stage::Tainting(_, again) => *again,
            Stage::Tainted(until) => Some(*until),
            Stage::Evicting(_, all) => all
                .values()
                .filter_map(|e| match &e.state {
                    EvictionState::Refused(again, _) => Some(*again),
                    EvictionState::Asked | EvictionState::Done | EvictionState::Failed(_) => None,
                })
                .min(),
            Stage::Emptying(_, look, _) => Some(*look),
            Stage::Deleting => None,
        }
    }
}

/// How many seconds a pod gets to end.
///
/// Source: autoscaler cluster-autoscaler-1.36
/// cluster-autoscaler/core/scaledown/actuation/drain.go, `Evictor.evictPod`
pub fn grace(pod: &Pod, options: &Options) -> i64 {
    let own = pod.spec.termination_grace_period_seconds.unwrap_or(30);
    let most = options.max_graceful_termination_sec;
    if most > 0 { own.min(most) } else { own }
}

/// What is left of the room for nodes on their way out: how many of the empty ones and of the
/// others may begin.
///
/// Source: autoscaler cluster-autoscaler-1.36
/// cluster-autoscaler/core/scaledown/budgets/budgets.go, `ScaleDownBudgetProcessor.CropNodes`
pub fn begin(
    mut empty: Vec<Name>,
    mut drained: Vec<Name>,
    under_way: &BTreeMap<Name, Drain>,
    options: &Options,
) -> (Vec<Name>, Vec<Name>) {
    let draining = under_way.values().filter(|d| d.with_pods).count();
    let left = options.max_scale_down_parallelism.saturating_sub(under_way.len());
    empty.truncate(left);
    let left = left - empty.len();
    drained.truncate(left.min(options.max_drain_parallelism.saturating_sub(draining)));
    (empty, drained)
}
