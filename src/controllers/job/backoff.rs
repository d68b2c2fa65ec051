//! How long a Job waits before it makes the next pod after failures.

use std::sync::Arc;

use crate::api::condition::{self, Truth};
use crate::api::core::container::ContainerStatus;
use crate::api::core::pod::Pod;
use crate::api::time::Time;
use crate::sim::time::SimDuration;

/// The wait after the first failure.
///
/// Source: kubernetes v1.36 pkg/controller/job/job_controller.go, `DefaultJobPodFailureBackOff`
pub const FIRST: SimDuration = SimDuration::secs(10);

/// The longest wait.
///
/// Source: kubernetes v1.36 pkg/controller/job/job_controller.go, `MaxJobPodFailureBackOff`
pub const LONGEST: SimDuration = SimDuration::secs(600);

/// The failures of a Job since its last success. Lost when the controller's process ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Record {
    /// How many.
    pub failures: i32,
    /// When the last pod failed.
    pub last: Option<Time>,
}

impl Record {
    /// The record after further pods have ended.
    ///
    /// Source: kubernetes v1.36 pkg/controller/job/backoff_utils.go,
    /// `backoffStore.newBackoffRecord`
    #[must_use]
    pub fn after(self, succeeded: &[&Arc<Pod>], failed: &[&Arc<Pod>]) -> Record {
        let last_failure = failed.iter().map(|p| finish_time(p)).max();
        let Some(last_success) = succeeded.iter().map(|p| finish_time(p)).max() else {
            let failures = self.failures + count(failed.len());
            return Record { failures, last: last_failure.or(self.last) };
        };
        let since = failed.iter().filter(|p| finish_time(p) > last_success).count();
        Record { failures: count(since), last: last_failure.filter(|_| since > 0) }
    }

    /// How long is still to be waited.
    pub fn remaining(self, now: Time) -> SimDuration {
        remaining(self.failures, self.last, now, (FIRST, LONGEST))
    }
}

fn count(n: usize) -> i32 {
    i32::try_from(n).unwrap_or(i32::MAX)
}

/// How long is still to be waited after so many failures: 10 s after the first, then twice as long
/// each time, from the end of the last failed pod on.
///
/// 3 failures, the last 15 s ago: 40 s - 15 s = 25 s.
///
/// Source: kubernetes v1.36 pkg/controller/job/backoff_utils.go,
/// `getRemainingTimeForFailuresCount`
pub fn remaining(
    failures: i32,
    last: Option<Time>,
    now: Time,
    (first, longest): (SimDuration, SimDuration),
) -> SimDuration {
    let (Ok(failures @ 1..), Some(last)) = (u32::try_from(failures), last) else {
        return SimDuration::ZERO;
    };
    let mut wait = first;
    for _ in 1..failures {
        wait = wait.times(2);
        if wait >= longest {
            wait = longest;
            break;
        }
    }
    SimDuration::nanos(last.plus(wait).since(now).as_nanos())
}

/// When a pod ended: with its last container, else when it ceased to be ready, else when its
/// deletion was asked for, else when it was made.
///
/// Source: kubernetes v1.36 pkg/controller/job/backoff_utils.go, `getFinishedTime`
pub fn finish_time(pod: &Pod) -> Time {
    let of_containers = || end_of_containers(pod);
    let not_ready = || {
        let ready = condition::find(&pod.status.conditions, "Ready")?;
        ready.last_transition_time.filter(|_| ready.status == Truth::False)
    };
    let deleted = || {
        let grace = pod.meta.deletion_grace_seconds.unwrap_or(0);
        let grace = SimDuration::secs(u64::try_from(grace).unwrap_or(0));
        pod.meta.deletion.map(|at| at.minus(grace))
    };
    let known = of_containers().or_else(not_ready).or_else(deleted);
    known.or(pod.meta.creation).unwrap_or_default()
}

/// When the last container or sidecar ended; of containers that have not all ended none counts.
///
/// Source: kubernetes v1.36 pkg/controller/job/backoff_utils.go, `getFinishTimeFromContainers`
fn end_of_containers(pod: &Pod) -> Option<Time> {
    let end = |s: &ContainerStatus| s.state.terminated.as_ref()?.finished_at;
    let is_sidecar =
        |name: &str| pod.spec.init_containers.iter().any(|c| c.name == name && c.is_sidecar());
    let containers = pod.status.container_statuses.iter();
    let sidecars = pod.status.init_container_statuses.iter().filter(|s| is_sidecar(&s.name));
    let containers = containers.map(end).collect::<Option<Vec<Time>>>().unwrap_or_default();
    let sidecars = sidecars.map(end).collect::<Option<Vec<Time>>>()?;
    containers.into_iter().chain(sidecars).max()
}
