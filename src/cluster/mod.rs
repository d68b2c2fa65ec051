//! What a cluster is made of, and its start.
//!
//! Responsible for putting processes together and for the state that a cluster has when a run
//! begins. It decides nothing that a process decides.

pub mod bootstrap;
pub mod cloud;
pub mod config;
pub mod member;
mod resume;
pub mod topology;
pub mod workload;

pub use config::{Class, ClusterConfig, NodeTemplate, Storage};
pub use member::{Guest, Member, Moved};
pub use topology::{Cluster, Topology};
