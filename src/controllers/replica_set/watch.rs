//! What the `ReplicaSet` controller watches.

use crate::api::apps::replica_set::ReplicaSet;
use crate::api::core::replication_controller::ReplicationController;
use crate::api::object::Kind;
use crate::api::selector::LabelSelector;
use crate::client::reconciler::Watch;
use crate::controllers::pod_watch::{PodOwner, owner_keys, pod_keys};

/// What the `ReplicaSet` controller watches.
pub(super) const WATCHES: &[Watch] = &[
    Watch { kind: Kind::REPLICA_SET, keys: owner_keys },
    Watch { kind: Kind::POD, keys: pod_keys::<ReplicaSet> },
];

/// What the controller of `ReplicationControllers` watches.
pub(super) const OLD_WATCHES: &[Watch] = &[
    Watch { kind: Kind::REPLICATION_CONTROLLER, keys: owner_keys },
    Watch { kind: Kind::POD, keys: pod_keys::<ReplicationController> },
];

impl PodOwner for ReplicationController {
    const EXPECTS: bool = true;

    fn selector(&self) -> &LabelSelector {
        &self.spec.selector
    }

    fn min_ready_seconds(&self) -> i32 {
        self.spec.min_ready_seconds
    }
}

impl PodOwner for ReplicaSet {
    const EXPECTS: bool = true;

    fn selector(&self) -> &LabelSelector {
        &self.spec.selector
    }

    fn min_ready_seconds(&self) -> i32 {
        self.spec.min_ready_seconds
    }
}
