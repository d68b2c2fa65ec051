//! Conditions: what is true of an object, since when and why.

use serde::{Deserialize, Serialize};

use crate::api::Name;
use crate::api::time::Time;

/// One condition of a pod, node, workload or namespace. The times that a kind does not have stay
/// unset.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Condition {
    /// `Ready`, `PodScheduled`, `Progressing`, …
    #[serde(rename = "type")]
    pub kind: Name,
    /// True, False or Unknown.
    pub status: Truth,
    /// The generation that the condition speaks of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// Nodes: when the kubelet last said so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_heartbeat_time: Option<Time>,
    /// Pods: when it was last probed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_probe_time: Option<Time>,
    /// Deployments: when it was last written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_update_time: Option<Time>,
    /// When the status last changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_transition_time: Option<Time>,
    /// One word: why.
    #[serde(default, skip_serializing_if = "Name::is_empty")]
    pub reason: Name,
    /// A sentence: why.
    #[serde(default, skip_serializing_if = "Name::is_empty")]
    pub message: Name,
}

/// The status of a condition.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize,
)]
pub enum Truth {
    /// It holds.
    True,
    /// It does not hold.
    False,
    /// Nobody knows.
    #[default]
    Unknown,
}

impl Truth {
    /// Its text on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Truth::True => "True",
            Truth::False => "False",
            Truth::Unknown => "Unknown",
        }
    }
}

impl From<bool> for Truth {
    fn from(holds: bool) -> Self {
        if holds { Truth::True } else { Truth::False }
    }
}

impl Condition {
    /// A condition with type, status and reason, and no times.
    pub fn new(kind: &'static str, status: Truth, reason: &'static str) -> Condition {
        Condition {
            kind: Name::new_static(kind),
            status,
            reason: Name::new_static(reason),
            ..Condition::default()
        }
    }

    /// Whether it holds.
    pub fn is_true(&self) -> bool {
        self.status == Truth::True
    }
}

/// The condition of a type, where there is one.
pub fn find<'a>(conditions: &'a [Condition], kind: &str) -> Option<&'a Condition> {
    conditions.iter().find(|c| c.kind == kind)
}

/// Whether the condition of a type is there and true.
pub fn is_true(conditions: &[Condition], kind: &str) -> bool {
    find(conditions, kind).is_some_and(Condition::is_true)
}
