//! Label and field selectors.
use crate::api::Name;
use crate::api::labels::Labels;
use serde::{Deserialize, Serialize};
/// Interim.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Selector {}
impl Selector {
    /// All.
    pub fn everything() -> Selector {
        Selector {}
    }
    /// Whether it matches.
    pub fn matches(&self, _: &Labels) -> bool {
        true
    }
}
/// Interim.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct FieldSelector {}
impl FieldSelector {
    /// All.
    pub fn everything() -> FieldSelector {
        FieldSelector {}
    }
}
/// Interim.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct LabelSelector {
    /// All of these.
    #[serde(skip_serializing_if = "Labels::is_empty")]
    pub match_labels: Labels,
    /// And these.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub match_expressions: Vec<LabelRequirement>,
}
/// Interim.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct LabelRequirement {
    /// Key.
    pub key: Name,
    /// Operator.
    pub operator: Name,
    /// Values.
    pub values: Vec<Name>,
}
