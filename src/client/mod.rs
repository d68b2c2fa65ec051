//! What every client of the apiserver shares.

pub mod cache;
pub mod component;
pub mod plan;
pub mod reconciler;
pub mod view;
