//! Kubernetes' kinds and their fields: data, defaults, validation; no behaviour.

pub mod apps;
pub mod autoscaling;
pub mod batch;
pub mod condition;
pub mod coordination;
pub mod core;
pub mod defaults;
pub mod deletion;
pub mod discovery;
pub mod edit;
pub mod expression;
pub mod field;
pub mod gates;
pub mod go_duration;
pub mod human_duration;
pub mod int_or_percent;
pub mod labels;
pub mod message;
pub mod meta;
pub mod meta_update;
pub mod names;
pub mod note;
pub mod object;
pub mod patch;
pub mod policy;
pub mod quantity;
pub mod refusal;
pub mod request;
pub mod resource;
pub mod resource_names;
pub mod schedule;
pub mod schema;
pub mod selector;
pub mod storage;
pub mod strategy;
pub mod structural;
pub mod table;
pub mod taint;
pub mod time;
pub mod validation;
pub mod variant;
pub mod why;

/// A name, a namespace, a label's key or value: short, immutable, cheap to clone.
pub type Name = smol_str::SmolStr;
