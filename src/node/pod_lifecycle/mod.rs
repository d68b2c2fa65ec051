//! The kubelet's rules about one pod, all of them pure: what is known and the time, to what is
//! wanted or told. Nothing here sends, draws or waits.

pub mod actions;
pub mod admission;
pub mod conditions;
pub mod container_status;
pub mod phase;
pub mod probe;
pub mod restart;
