//! cluster-autoscaler: nodes are added for pods that find no room, and removed when they are not
//! needed.
//!
//! Responsible for the size of node groups. It asks the scheduler's own filters what would fit, on
//! a picture of the cluster that it changes as it goes; it never binds a pod. Machines come from a
//! provider that starts a node some time after it was asked for, and takes it away at once.

pub mod component;
pub mod drainability;
pub mod drains;
pub mod estimate;
pub mod expander;
pub mod options;
pub mod picture;
pub mod planner;
pub mod provider;
pub mod registry;
pub mod scale_up;
pub mod status;
pub mod utilization;

#[cfg(test)]
mod tests;

pub use component::ClusterAutoscaler;
pub use expander::Expander;
pub use options::Options;
pub use provider::{Machine, NodeGroup};
