//! Kubernetes' kinds and their fields: data, defaults, validation; no behaviour.

pub mod defaults;
pub mod int_or_percent;
pub mod labels;
pub mod meta;
pub mod names;
pub mod patch;
pub mod quantity;
pub mod refusal;
pub mod resource_names;
pub mod schema;
pub mod selector;
pub mod taint;
pub mod time;
pub mod validation;

/// A name, a namespace, a label's key or value: short, immutable, cheap to clone.
pub type Name = smol_str::SmolStr;
