//! kube-apiserver: verbs, admission, watch cache, subresources, fairness.

pub mod admission;
pub mod cache;
pub mod create;
pub mod edge;
pub mod field;
pub mod list;
pub mod registry;
pub mod server;
