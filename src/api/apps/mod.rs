//! Kinds of the group `apps`.

pub mod deployment;
pub mod pod_template;
pub mod replica_set;
