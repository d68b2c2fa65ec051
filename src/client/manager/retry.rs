//! When a key is looked at again that has failed.

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
}
