//! Kinds of the group `autoscaling`.

pub mod horizontal_pod_autoscaler;
pub mod metric;
pub mod scale;
pub mod v1;
