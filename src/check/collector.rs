//! S11: the garbage collector deletes nothing that has a living owner.

use crate::api::object::{Kind, ObjectKey};
use crate::check::{Invariant, Look, named};

/// Remembers nothing: the store shows whether an owner lives.
#[derive(Clone, Default)]
pub(super) struct Collector;

impl Invariant for Collector {
    fn look(&mut self, look: &Look<'_>) -> Result<(), String> {
        let change = look.change;
        let meta = change.object.meta();
        // What was being deleted before is not its choice: it only takes a finalizer off.
        let lived = change.old.as_ref().is_some_and(|o| !o.meta().is_deleting());
        let begins = lived && (change.deleted || meta.is_deleting());
        if !begins || look.origin.user != "generic-garbage-collector" {
            return Ok(());
        }
        let store = look.cluster.store();
        let alive = meta.owners().iter().find(|owner| {
            let Some(kind) = Kind::of_version(&owner.api_version, &owner.kind) else {
                return false;
            };
            let namespace = if kind.row().namespaced { meta.namespace.as_str() } else { "" };
            let found = store.get(&ObjectKey::new(kind, namespace, &owner.name));
            found.is_some_and(|o| o.meta().uid == owner.uid && !o.meta().is_deleting())
        });
        match alive {
            Some(owner) => Err(format!(
                "{} was deleted although its owner {} lives",
                named(change),
                owner.name
            )),
            None => Ok(()),
        }
    }
}
