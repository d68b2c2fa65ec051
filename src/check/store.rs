//! S1: what any store of Kubernetes promises.

use crate::api::meta::Uid;
use crate::check::{Invariant, Look, named};
use crate::sim::index::Set;

/// The last revision, and the uids that were given out.
#[derive(Clone, Default)]
pub(super) struct Store {
    revision: u64,
    uids: Set<Uid>,
}

impl Store {
    /// The store was set back: it may give revisions again that it has given before.
    pub(super) fn restored(&mut self) {
        self.revision = 0;
    }
}

impl Invariant for Store {
    fn look(&mut self, look: &Look<'_>) -> Result<(), String> {
        let change = look.change;
        if change.revision <= self.revision {
            return Err(format!("revision {} after {}", change.revision, self.revision));
        }
        self.revision = change.revision;
        let new = change.object.meta();
        let Some(old) = change.old.as_ref().map(crate::api::object::Object::meta) else {
            if !self.uids.insert(new.uid) {
                return Err(format!("{} has a uid that another had", named(change)));
            }
            return Ok(());
        };
        if old.uid != new.uid || old.creation != new.creation {
            return Err(format!("{} has become another object", named(change)));
        }
        if old.deletion.is_some() && new.deletion.is_none() {
            return Err(format!("{} is no longer being deleted", named(change)));
        }
        if change.deleted && look.origin.verb == "delete" && !old.finalizers().is_empty() {
            return Err(format!("{} is gone with finalizers", named(change)));
        }
        Ok(())
    }
}
