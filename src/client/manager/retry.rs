//! When a key is looked at again that has failed, or whose own writes are not seen yet.

use crate::api::object::ObjectKey;
use crate::client::component::Moment;
use crate::client::manager::Controller;

impl Controller {
    /// Queues a key again after a failure, unless there were too many in a row.
    ///
    /// Source: kubernetes v1.36 pkg/controller/deployment/deployment_controller.go,
    /// `DeploymentController.handleErr`
    pub(super) fn try_again(&mut self, key: &ObjectKey, cause: u64, moment: &mut Moment<'_>) {
        let limit = self.settings.give_up_after;
        if limit.is_some_and(|most| self.queue.requeues(key) >= most) {
            return self.queue.forget(key);
        }
        let delay = self.queue.add_rate_limited(key.clone(), moment.now, cause);
        moment.out.wake(moment.now + delay);
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
