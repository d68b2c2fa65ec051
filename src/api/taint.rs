//! Taints and tolerations.
use crate::api::Name;
use crate::api::time::Time;
use serde::{Deserialize, Serialize};
/// Interim.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Taint {
    /// Key.
    pub key: Name,
    /// Value.
    pub value: Name,
    /// Effect.
    pub effect: Name,
    /// Since.
    pub time_added: Option<Time>,
}
/// Interim.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Toleration {
    /// Key.
    pub key: Name,
}
