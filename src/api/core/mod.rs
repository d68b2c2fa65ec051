//! Kinds of the core group, `v1`.

pub mod container;
pub mod endpoints;
pub mod event;
pub mod namespace;
pub mod node;
pub mod pod;
pub(crate) mod pod_requests;
pub mod priority_class;
pub mod service;

pub use pod_requests::limits as pod_limits;
