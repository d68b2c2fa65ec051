//! `kubectl describe`.
use std::sync::Arc;

use crate::api::core::event::Event;
use crate::api::object::Object;
use crate::api::time::Time;

/// What is shown with an object.
#[derive(Clone, Debug, Default)]
pub struct Related {
    /// Events about it.
    pub events: Vec<Arc<Event>>,
}

/// Describes an object.
pub fn describe(_object: &Object, related: &Related, now: Time) -> String {
    super::tab::lay_out(&super::events::described(&related.events, now), super::tab::DESCRIBE)
}
