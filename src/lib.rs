//! wavetank: a deterministic discrete-event simulator of Kubernetes.
//!
//! *A ship-model basin: the cluster to scale, the waves made to order.*

pub mod api;
#[cfg(feature = "cli")]
pub mod cli;
pub mod client;
pub mod scenario;
pub mod sim;
