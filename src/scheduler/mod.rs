//! kube-scheduler: which node a pod is put on.
//!
//! Responsible for the queue of pods that wait, for the scheduler's own picture of the nodes, and
//! for the cycle that takes one pod and finds its node. The rules are plugins, one file each, in
//! the table of [`plugins`]. It sees only what its informers bring and changes the cluster only by
//! requests; nothing here may look at the store.

pub mod cache;
pub mod component;
pub mod config;
pub mod cycle;
pub mod diagnosis;
pub mod event;
pub mod fit;
pub mod framework;
pub mod node_order;
pub mod plugins;
pub mod profile;
pub mod queue;

pub use component::Scheduler;
pub use config::Config;
