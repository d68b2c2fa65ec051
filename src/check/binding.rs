//! S4: a pod is bound once. Whether its node is there is judged at rest: a scheduler whose cache is
//! late may bind to one that has just gone, by right.

use crate::api::core::pod::Pod;
use crate::check::{Invariant, Look, named};

/// Remembers nothing: a change shows all.
#[derive(Clone, Default)]
pub(super) struct Binding;

impl Invariant for Binding {
    fn look(&mut self, look: &Look<'_>) -> Result<(), String> {
        let Some(pod) = look.change.object.as_a::<Pod>() else { return Ok(()) };
        if look.change.deleted {
            return Ok(());
        }
        let old = look.change.old.as_ref().and_then(|o| o.as_a::<Pod>());
        let before = old.map_or("", |old| old.node_name.as_str());
        if !before.is_empty() && before != pod.node_name.as_str() {
            let text =
                format!("{} has moved from {before} to {}", named(look.change), pod.node_name);
            return Err(text);
        }
        Ok(())
    }
}
