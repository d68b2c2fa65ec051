//! Kubernetes' kinds and their fields: data, defaults, validation; no behaviour.

pub mod refusal;
pub mod time;

/// A name, a namespace, a label's key or value: short, immutable, cheap to clone.
pub type Name = smol_str::SmolStr;
