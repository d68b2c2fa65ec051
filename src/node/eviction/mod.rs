//! Node pressure: when a node is short of something, and which pod goes first.
//!
//! Pure rules: what was observed, and when, to what is to be done. Who observes and who evicts is
//! the kubelet's business.

pub mod config;
pub mod manager;
pub mod order;
pub mod threshold;
