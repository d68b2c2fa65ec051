//! What runs on a node: the kubelet and the container runtime under it.
//!
//! The kubelet speaks to the cluster only by requests and sees only what its informers bring; the
//! runtime knows nothing of the cluster and outlives the kubelet's process.

pub mod backoff;
pub mod command;
pub mod eviction;
pub mod images;
pub mod kubelet;
pub mod pod_lifecycle;
pub mod runtime;
pub mod usage;
