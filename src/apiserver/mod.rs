//! kube-apiserver: verbs, admission, watch cache, subresources, fairness.

pub mod admission;
pub mod cache;
pub mod create;
pub mod edge;
pub mod eviction;
pub mod fairness;
pub mod field;
pub mod history;
pub mod limits;
pub mod list;
pub mod list_options;
pub mod quota;
mod read;
mod recall;
pub mod registry;
pub mod server;
pub mod storage;
