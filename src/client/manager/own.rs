//! What a controller has written itself, and whether its caches show it.

use crate::api::object::{Object, ObjectKey};
use crate::client::component::Moment;
use crate::client::manager::Controller;
use crate::client::reconciler::Observed;

impl Controller {
    /// What was expected of an object that is gone is expected of no other of its name.
    ///
    /// Source: kubernetes v1.36 pkg/controller/replicaset/replica_set.go, `deleteRS`
    pub(super) fn forget_own(&mut self, change: &Observed<'_>) {
        let is_same = |old: &Object, new: &Object| old.meta().uid == new.meta().uid;
        let gone = match (change.old, change.new) {
            (Some(old), Some(new)) => !is_same(old, new),
            (_, new) => new.is_none(),
        };
        if gone {
            let key = change.latest().key();
            self.expectations.delete(&key);
            self.own_creations.remove(&key);
            self.own_writes.remove(&key);
        }
    }

    /// Whether the cache shows what the last plan of a key wrote.
    pub(super) fn has_seen_own_writes(&mut self, key: &ObjectKey, moment: &Moment<'_>) -> bool {
        let Some(own) = self.own_writes.get_mut(key) else { return true };
        own.retain(|write| !write.is_seen(moment));
        if own.is_empty() {
            self.own_writes.remove(key);
            return true;
        }
        false
    }

    /// Whether the cache shows what the last plan of a key created and expectations count.
    pub(super) fn has_seen_own_creations(&mut self, key: &ObjectKey, moment: &Moment<'_>) -> bool {
        let Some((kind, version)) = self.own_creations.get(key) else { return true };
        let seen = moment.caches.of(*kind).newest() >= *version;
        if seen {
            self.own_creations.remove(key);
        }
        seen
    }
}
