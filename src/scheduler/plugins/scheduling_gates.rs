//! `SchedulingGates`: a pod with gates is not queued.

use std::sync::Arc;

use crate::api::Name;
use crate::api::core::pod::Pod;
use crate::scheduler::config::PluginArgs;
use crate::scheduler::event::{Action, ClusterEvent, EventResource, Happened};
use crate::scheduler::framework::{Entry, Plugin, Status};

/// The plugin.
#[derive(Clone, Copy, Debug)]
struct SchedulingGates;

/// Makes it.
pub(crate) fn make(_: &PluginArgs) -> Arc<dyn Plugin> {
    Arc::new(SchedulingGates)
}

impl Plugin for SchedulingGates {
    fn is_shareable(&self, _: &Pod) -> bool {
        true
    }

    /// Source: kubernetes v1.36
    /// pkg/scheduler/framework/plugins/schedulinggates/scheduling_gates.go,
    /// `SchedulingGates.PreEnqueue`
    fn pre_enqueue(&self, entry: Entry<'_>) -> Result<(), Status> {
        let gates = &entry.pod.spec.scheduling_gates;
        if gates.is_empty() {
            return Ok(());
        }
        let names: Vec<&str> = gates.iter().map(|g| g.name.as_str()).collect();
        let reason = format!("waiting for scheduling gates: [{}]", names.join(" "));
        Err(Status::unresolvable(Name::from(reason)))
    }

    fn events(&self) -> &'static [ClusterEvent] {
        const POD: ClusterEvent =
            ClusterEvent::new(EventResource::UnscheduledPod, Action::POD_GATES_GONE);
        &[POD]
    }

    fn is_worth_retrying(&self, pod: &Pod, happened: &Happened) -> bool {
        happened.pod().1.is_some_and(|new| new.meta.uid == pod.meta.uid)
    }
}
