//! `PriorityClass`: a name for a priority (group `scheduling.k8s.io`).

use crate::api::Name;
use crate::api::meta::{Meta, Rest};

/// A name for a priority.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct PriorityClass {
    /// Its metadata.
    pub meta: Meta,
    /// The priority of pods of this class.
    pub value: i32,
    /// Whether pods without a class get this one.
    pub global_default: bool,
    /// `Never` or `PreemptLowerPriority`.
    pub preemption_policy: Option<Name>,
    /// Fields that are kept and not acted upon.
    pub rest: Rest,
}
