//! `PrioritySort`: the pod of the highest priority goes first, then the one that waits longest.

use std::cmp::Reverse;
use std::sync::Arc;

use crate::api::core::pod::Pod;
use crate::scheduler::config::PluginArgs;
use crate::scheduler::framework::Plugin;
use crate::sim::time::SimTime;

/// The plugin. The queue asks [`rank`] itself: there is no other order in the tree.
#[derive(Clone, Copy, Debug)]
struct PrioritySort;

/// Makes it.
pub(crate) fn make(_: &PluginArgs) -> Arc<dyn Plugin> {
    Arc::new(PrioritySort)
}

impl Plugin for PrioritySort {
    fn is_shareable(&self, _: &Pod) -> bool {
        true
    }
}

/// A pod's place in the queue, the least first; `since` is when it was last queued.
///
/// Source: kubernetes v1.36 pkg/scheduler/framework/plugins/queuesort/priority_sort.go,
/// `PrioritySort.Less`
pub fn rank(pod: &Pod, since: SimTime) -> (Reverse<i32>, SimTime) {
    (Reverse(pod.priority()), since)
}
