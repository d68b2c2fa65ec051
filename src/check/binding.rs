//! S4: a pod is bound once, and to a node that is there.

use crate::api::core::pod::Pod;
use crate::api::object::{Kind, ObjectKey};
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
        let bound = before.is_empty() && !pod.node_name.is_empty();
        let scheduled = bound && look.origin.subresource == "binding";
        let node = ObjectKey::new(Kind::NODE, "", &pod.node_name);
        if scheduled && look.cluster.store().get(&node).is_none() {
            let text = format!(
                "{} was bound to {}, which is not there",
                named(look.change),
                pod.node_name
            );
            return Err(text);
        }
        Ok(())
    }
}
