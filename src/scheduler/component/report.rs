//! What a failed attempt leaves in the status of its pod.

use std::sync::Arc;

use crate::api::Name;
use crate::api::condition::{self, Condition, Truth};
use crate::api::core::pod::Pod;
use crate::api::edit::Edit;
use crate::api::object::{Kind, ObjectKey};
use crate::api::request::{Patch, Subresource, Verb};
use crate::api::time::Time;

/// What a failed attempt has to say.
pub(super) struct Report<'a> {
    /// `Unschedulable` or `SchedulerError`.
    pub(super) reason: &'static str,
    /// The sentence.
    pub(super) message: &'a str,
    /// The node that is kept for the pod from now on, empty for none; nothing when that stays as
    /// it is.
    pub(super) nominated: Option<Name>,
}

impl Report<'_> {
    /// The change of the pod's status; none when it says so already.
    ///
    /// Source: kubernetes v1.36 pkg/scheduler/schedule_one.go, `updatePod`
    pub(super) fn patch(&self, pod: &Arc<Pod>, now: Time) -> Option<Verb> {
        let old = condition::find(&pod.status.conditions, "PodScheduled");
        let same_status = old.filter(|c| c.status == Truth::False);
        let since = same_status.and_then(|c| c.last_transition_time);
        let is_told = same_status.is_some_and(|c| {
            c.reason == self.reason && c.message == self.message && c.last_probe_time.is_none()
        });
        let nominated = self.nomination(pod);
        if is_told && nominated.is_none() {
            return None;
        }
        let condition = Condition {
            observed_generation: (pod.meta.generation != 0).then_some(pod.meta.generation),
            last_transition_time: Some(since.unwrap_or_else(|| now.whole_seconds())),
            message: self.message.into(),
            ..Condition::new("PodScheduled", Truth::False, self.reason)
        };
        let meta = &pod.meta;
        Some(Verb::Patch {
            key: ObjectKey {
                kind: Kind::POD,
                namespace: meta.namespace.clone(),
                name: meta.name.clone(),
            },
            part: Subresource::Status,
            patch: Patch::Edit(Edit::PodCondition {
                condition: Box::new(condition),
                nominated_node: nominated,
            }),
            dry_run: false,
        })
    }

    /// A nomination that changes.
    ///
    /// Source: kubernetes v1.36 pkg/scheduler/schedule_one.go, `updatePod`
    fn nomination(&self, pod: &Pod) -> Option<Name> {
        self.nominated.clone().filter(|node| pod.status.nominated_node_name != *node)
    }
}
