//! The built-in controllers: pure rules, one file or folder each.

pub mod claim;
pub mod deployment;
pub mod pod_control;
pub mod replica_set;
