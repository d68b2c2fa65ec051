//! Kinds of the core group, `v1`.

pub mod container;
pub mod endpoints;
pub mod event;
pub mod limit_range;
pub mod namespace;
pub mod node;
pub mod node_selector;
pub mod persistent_volume;
pub mod persistent_volume_claim;
pub mod pod;
pub mod pod_requests;
pub mod pod_storage;
pub mod pod_terms;
pub mod priority_class;
pub mod quota_usage;
pub mod replication_controller;
pub mod resource_quota;
pub mod service;
