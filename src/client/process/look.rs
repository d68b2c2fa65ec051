//! What of a process can be looked at from outside.

use super::Process;
use crate::api::Name;
use crate::client::component::Component;
use crate::client::view::Caches;

impl<C: Component> Process<C> {
    /// The component, to look at.
    pub fn component(&self) -> &C {
        &self.component
    }

    /// The component, to say what of it outlives the end of its life.
    pub fn component_mut(&mut self) -> &mut C {
        &mut self.component
    }

    /// What its informers know.
    pub fn caches(&self) -> &Caches {
        &self.caches
    }

    /// Whether all informers have delivered their first list.
    pub fn is_synced(&self) -> bool {
        self.synced
    }

    /// Whether it may act: it leads, or need not.
    pub fn is_acting(&self) -> bool {
        self.acting
    }

    /// The name under which it asks.
    pub fn user(&self) -> &Name {
        &self.config.user
    }
}
