//! kube-apiserver: verbs, admission, watch cache, subresources, fairness.

pub mod admission;
pub mod cache;
// edge
pub mod field;
// registry
// server
