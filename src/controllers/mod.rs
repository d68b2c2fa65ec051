//! The built-in controllers: pure rules, one file or folder each.

pub mod endpoint_slice;
pub mod endpoints;
pub mod garbage_collector;
pub mod namespace;
pub mod node_lifecycle;
pub mod pod_gc;
pub mod service_account;
pub mod taint_eviction;
