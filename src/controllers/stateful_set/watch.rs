//! What the `StatefulSet` controller watches.

use crate::api::apps::stateful_set::StatefulSet;
use crate::api::object::Kind;
use crate::api::selector::LabelSelector;
use crate::client::reconciler::Watch;
use crate::controllers::pod_watch::{PodOwner, no_keys, owner_keys, pod_keys};

/// What the `StatefulSet` controller watches.
///
/// Source: kubernetes v1.36 pkg/controller/statefulset/stateful_set.go,
/// `NewStatefulSetController`
pub(super) const WATCHES: &[Watch] = &[
    Watch { kind: Kind::STATEFUL_SET, keys: owner_keys },
    Watch { kind: Kind::POD, keys: pod_keys::<StatefulSet> },
    Watch { kind: Kind::CONTROLLER_REVISION, keys: no_keys },
    Watch { kind: Kind::PERSISTENT_VOLUME_CLAIM, keys: no_keys },
];

impl PodOwner for StatefulSet {
    const EXPECTS: bool = false;

    fn selector(&self) -> &LabelSelector {
        &self.spec.selector
    }

    fn min_ready_seconds(&self) -> i32 {
        self.spec.min_ready_seconds
    }
}
