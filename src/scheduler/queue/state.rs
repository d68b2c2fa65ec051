//! Where pods wait, why they came back, and what is to become of them.

use crate::scheduler::plugins::PluginSet;

/// What is to become of a pod that something happened for.
///
/// Source: kubernetes v1.36 pkg/scheduler/backend/queue/scheduling_queue.go, `queueingStrategy`
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Strategy {
    /// It stays.
    Skip,
    /// It is tried once its pause is over.
    AfterBackoff,
    /// It is tried at once.
    Immediately,
}

/// Why an attempt failed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Failure {
    /// Plugins rejected the pod.
    Rejected {
        /// Those that did.
        by: PluginSet,
        /// Those that only wait for something under way.
        pending: PluginSet,
    },
    /// Something else went wrong.
    Error,
}

/// Where a pod waits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Place {
    /// To be tried next.
    Active,
    /// It pauses after it was rejected.
    Backoff,
    /// It pauses after an error.
    ErrorBackoff,
    /// It waits for something to happen.
    Unschedulable,
    /// It may not be queued; the pool of the unschedulable holds it too.
    Gated,
}
