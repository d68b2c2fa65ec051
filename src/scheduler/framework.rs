//! What a plugin is: the points of a scheduling attempt at which it has a say.
//!
//! A plugin holds its configuration and nothing else; what it works out for one pod is an own
//! value ([`Filter`], [`Score`]) that lives as long as the attempt. A plugin that has nothing to
//! say about a pod gives none, and then costs nothing a node.

use std::sync::Arc;

use crate::api::Name;
use crate::api::core::pod::Pod;
use crate::api::object::Object;
use crate::api::request::Verb;
use crate::api::selector::Selector;
use crate::api::why::Why;
use crate::scheduler::cache::{Cache, Moved, NodeInfo};
use crate::scheduler::event::{ClusterEvent, Happened};
use crate::scheduler::plugins::PluginId;
use crate::sim::rng::Rng;

/// The highest score that a plugin may give a node.
///
/// Source: kubernetes v1.36 staging/src/k8s.io/kube-scheduler/framework/interface.go,
/// `MaxNodeScore`
pub const MAX_NODE_SCORE: i64 = 100;

/// How a point was passed, by Kubernetes' names.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Code {
    /// The pod may go on.
    Success,
    /// Something went wrong that has nothing to do with the pod.
    Error,
    /// It does not fit now; removing pods may help.
    Unschedulable,
    /// It does not fit, whatever pods are removed.
    UnschedulableAndUnresolvable,
    /// It is to wait.
    Wait,
    /// The plugin has nothing to say.
    Skip,
    /// It does not fit until something that is under way is done.
    Pending,
}

impl Code {
    /// Kubernetes' name of it.
    pub fn name(self) -> &'static str {
        match self {
            Code::Success => "Success",
            Code::Error => "Error",
            Code::Unschedulable => "Unschedulable",
            Code::UnschedulableAndUnresolvable => "UnschedulableAndUnresolvable",
            Code::Wait => "Wait",
            Code::Skip => "Skip",
            Code::Pending => "Pending",
        }
    }
}

/// A plugin says no to a pod as a whole.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Status {
    /// How.
    pub code: Code,
    /// Why, as people read it.
    pub reason: Name,
}

impl Status {
    /// No, whatever pods are removed.
    pub fn unresolvable(reason: impl Into<Name>) -> Status {
        Status { code: Code::UnschedulableAndUnresolvable, reason: reason.into() }
    }

    /// Something went wrong.
    pub fn error(reason: impl Into<Name>) -> Status {
        Status { code: Code::Error, reason: reason.into() }
    }
}

/// A filter says no to a node. Small, so that thousands of them cost nothing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Refused {
    /// `Unschedulable`, `UnschedulableAndUnresolvable` or `Pending`.
    pub code: Code,
    /// The reasons: bits, whose texts [`Filter::reason`] tells.
    pub reasons: u64,
}

impl Refused {
    /// No, for one reason; removing pods may help.
    pub const fn unschedulable(bit: u32) -> Refused {
        Refused { code: Code::Unschedulable, reasons: 1 << bit }
    }

    /// No, for one reason, whatever pods are removed.
    pub const fn unresolvable(bit: u32) -> Refused {
        Refused { code: Code::UnschedulableAndUnresolvable, reasons: 1 << bit }
    }

    /// The numbers of its reasons.
    pub fn bits(self) -> impl Iterator<Item = u32> {
        let mut left = self.reasons;
        std::iter::from_fn(move || {
            let bit = (left != 0).then(|| left.trailing_zeros())?;
            left &= left - 1;
            Some(bit)
        })
    }
}

/// What an attempt is about.
#[derive(Clone, Copy)]
pub struct Attempt<'a> {
    /// The pod that is to be placed.
    pub pod: &'a Arc<Pod>,
    /// The nodes and what is on them.
    pub cluster: &'a Cache,
}

/// What a plugin works out about a pod before nodes are looked at.
pub enum PreFilter {
    /// It has nothing to say about this pod.
    Skip,
    /// It looks at each node.
    Each(Box<dyn Filter>),
    /// Only these nodes can do, and it looks at each.
    Only(Vec<Name>, Box<dyn Filter>),
    /// No node can do.
    Refuse(Status),
}

/// What the answer about a node depends on, beside the pod.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Scope {
    /// On the node and the pods on it.
    Node,
    /// On pods elsewhere too.
    Cluster,
}

/// What a plugin has worked out about a pod, to be held against nodes.
pub trait Filter: Send {
    /// Whether the pod may go to the node in a slot.
    ///
    /// # Errors
    /// Why it may not.
    fn filter(&self, slot: u32, node: &NodeInfo) -> Result<(), Refused>;

    /// The text of a reason, by its number.
    fn reason(&self, bit: u32) -> Name;

    /// What the answer depends on. One that depends on pods elsewhere must follow them.
    fn scope(&self) -> Scope {
        Scope::Node
    }

    /// A pod has come to a node or left it.
    fn follow(&mut self, _moved: &Moved, _cluster: &Cache) {}

    /// Whether it lets all nodes pass, as far as it has followed.
    fn is_idle(&self) -> bool {
        false
    }

    /// An attempt begins: nothing comes or goes any more, but what is only thought of.
    fn settle(&mut self) {}

    /// Counts a pod in that is thought to be on a node.
    fn add_pod(&mut self, _pod: &Arc<Pod>, _slot: u32, _cluster: &Cache) {}

    /// Counts a pod out that is thought to be gone from a node.
    fn remove_pod(&mut self, _pod: &Arc<Pod>, _slot: u32, _cluster: &Cache) {}

    /// A copy, for trying what would be if pods came or went.
    fn boxed_clone(&self) -> Box<dyn Filter>;
}

/// What a plugin has worked out about a pod, to rank nodes by.
pub trait Score: Send {
    /// Puts the raw score of each node in `scores`, which is as long as `nodes`.
    fn score(&mut self, cluster: &Cache, nodes: &[u32], scores: &mut [i64]);

    /// Brings the scores of all nodes to the range from 0 to [`MAX_NODE_SCORE`].
    fn normalize(&self, _scores: &mut [i64]) {}

    /// Whether scores are brought to the range by all of them together; else they are in it.
    fn is_relative(&self) -> bool {
        false
    }

    /// What the raw score of a node depends on. One that depends on pods elsewhere must follow
    /// them.
    fn scope(&self) -> Scope {
        Scope::Node
    }

    /// Whether it has nothing to say after all, as far as it has followed.
    fn is_silent(&self) -> bool {
        false
    }

    /// A pod has come to a node or left it.
    fn follow(&mut self, _moved: &Moved, _cluster: &Cache) {}
}

/// What a plugin works out about a pod before nodes are ranked: none when it has nothing to say.
pub type PreScore = Result<Option<Box<dyn Score>>, Status>;

/// A filter in force, with its plugin.
pub type Running = (PluginId, Box<dyn Filter>);

/// What the filters of a failed attempt found, for plugins that try to make room.
pub struct Failed<'f> {
    /// What the attempt was about.
    pub attempt: Attempt<'f>,
    /// The filters that are in force, with their plugins.
    pub filters: &'f [Running],
    /// The nodes that were refused: slot, number of the filter, why.
    pub refused: &'f [(u32, u8, Refused)],
    /// For choices among equals.
    pub rng: &'f mut Rng,
}

/// What came of trying to make room.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum PostFilter {
    /// It found nothing and has something to say; a nomination stays as it is.
    Nothing(String),
    /// There is nothing to find, so that a nomination does not hold any more.
    Hopeless(String),
    /// Room can be made on a node, which the pod is nominated for.
    Nominated(Room),
}

/// Room that can be made.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Room {
    /// The node.
    pub node: Name,
    /// The pods that have to go, the most important first.
    pub victims: Vec<Arc<Pod>>,
}

/// A pod that is to be queued.
#[derive(Clone, Copy)]
pub struct Entry<'a> {
    /// The pod.
    pub pod: &'a Pod,
    /// Whether room is being made for it.
    pub is_preempting: bool,
}

/// A plugin of the scheduler: each method is one point of the scheduling framework.
///
/// Source: kubernetes v1.36 staging/src/k8s.io/kube-scheduler/framework/interface.go
pub trait Plugin: Send + Sync {
    /// Whether a pod may be queued at all; while it may not it is gated.
    ///
    /// # Errors
    /// Why it may not.
    fn pre_enqueue(&self, _entry: Entry<'_>) -> Result<(), Status> {
        Ok(())
    }

    /// Which events may make a pod schedulable that this plugin has rejected.
    fn events(&self) -> &'static [ClusterEvent] {
        &[]
    }

    /// Whether one such event is worth another attempt.
    fn is_worth_retrying(&self, _pod: &Pod, _happened: &Happened) -> bool {
        true
    }

    /// Whether what it works out holds for every pod with the same spec, labels, namespace and
    /// owner while nodes stay as they are, pods that come and go followed. A plugin that does not
    /// know has every attempt evaluated anew.
    fn is_shareable(&self, _pod: &Pod) -> bool {
        false
    }

    /// What else it reads: while this stays the same, what was worked out holds.
    fn premise(&self, _attempt: Attempt<'_>) -> Selector {
        Selector::EVERYTHING
    }

    /// What it works out about a pod before nodes are looked at.
    fn pre_filter(&self, _attempt: Attempt<'_>) -> PreFilter {
        PreFilter::Skip
    }

    /// Tries to make room after no node was found.
    fn post_filter(&self, _failed: &mut Failed<'_>) -> PostFilter {
        PostFilter::Nothing(String::new())
    }

    /// What it works out about a pod before nodes are ranked.
    ///
    /// # Errors
    /// What went wrong.
    fn pre_score(&self, _attempt: Attempt<'_>) -> PreScore {
        Ok(None)
    }

    /// Sets something aside for a pod that is to go to a node.
    ///
    /// # Errors
    /// Why it cannot.
    fn reserve(&self, _pod: &Pod, _node: &Name, _cluster: &mut Cache) -> Result<(), Status> {
        Ok(())
    }

    /// Gives back what was set aside.
    fn unreserve(&self, _pod: &Pod, _node: &Name, _cluster: &mut Cache) {}

    /// What has to be written before a pod is put on a node, in order.
    fn pre_bind(&self, _pod: &Pod, _node: &Name, _cluster: &Cache) -> Vec<(Verb, Why)> {
        Vec::new()
    }

    /// Whether what it has `written` before has come to its end, so that a pod may be put on a
    /// node.
    ///
    /// # Errors
    /// Why the pod does not get there after all.
    fn is_bindable(
        &self,
        _node: &Name,
        _written: &[Object],
        _cluster: &Cache,
    ) -> Result<bool, String> {
        Ok(true)
    }

    /// The request that puts a pod on a node; none when it does not bind this pod.
    fn bind(&self, _pod: &Pod, _node: &Name) -> Option<Verb> {
        None
    }
}

/// Brings scores to the range from 0 to `max` by the greatest of them; `Reversed` then turns them
/// round.
///
/// With scores 1, 2, 4 and 100 it is 25, 50, 100; reversed 75, 50, 0.
///
/// Source: kubernetes v1.36 pkg/scheduler/framework/plugins/helper/normalize_score.go,
/// `DefaultNormalizeScore`
pub fn default_normalize(max: i64, order: Order, scores: &mut [i64]) {
    let greatest = scores.iter().copied().max().unwrap_or(0).max(0);
    for score in scores {
        let share = if greatest == 0 { 0 } else { max * *score / greatest };
        *score = match (greatest, order) {
            (0, Order::Straight) => *score,
            (_, Order::Straight) => share,
            (_, Order::Reversed) => max - share,
        };
    }
}

/// Whether a greater raw score is better or worse.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Order {
    /// Better.
    Straight,
    /// Worse.
    Reversed,
}

/// Adds the scores of one plugin to the totals, by its weight.
pub fn add_weighted(totals: &mut [i64], scores: &[i64], weight: i64) {
    for (total, score) in totals.iter_mut().zip(scores) {
        *total += weight * score;
    }
}
