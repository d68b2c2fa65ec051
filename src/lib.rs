//! wavetank: a deterministic discrete-event simulator of Kubernetes.
//!
//! *A ship-model basin: the cluster to scale, the waves made to order.*

pub mod api;
pub mod apiserver;
#[cfg(feature = "cli")]
pub mod cli;
pub mod client;
pub mod cluster;
pub mod controllers;
pub mod etcd;
pub mod node;
pub mod scenario;
pub mod scheduler;
pub mod sim;
pub mod trace;
