//! A whole number or a percentage of another.
use crate::api::Name;
use serde::{Deserialize, Serialize};
/// Interim.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(untagged)]
pub enum IntOrPercent {
    /// A number.
    Int(i32),
    /// A percentage, or a name.
    Text(Name),
}
