//! What a Deployment says of itself: numbers, conditions, progress and its deadline.
//!
//! Responsible for the status as a value; it writes nothing.

use std::sync::Arc;

use super::bounds::bounds;
use super::sets::{Sets, counts};
use crate::api::Name;
use crate::api::apps::deployment::{Deployment, DeploymentStatus};
use crate::api::condition::{self, Condition, Truth};
use crate::api::time::Time;
use crate::sim::time::SimDuration;

/// The condition: enough pods are available.
pub const AVAILABLE: &str = "Available";
/// The condition: the rollout goes on, or has come to its end.
pub const PROGRESSING: &str = "Progressing";
/// The condition: pods could not be created or deleted.
pub const REPLICA_FAILURE: &str = "ReplicaFailure";

/// The reason of `Progressing` after a rollout.
pub const NEW_AVAILABLE: &str = "NewReplicaSetAvailable";
/// The reason of `Progressing` when the deadline has passed.
pub const TIMED_OUT: &str = "ProgressDeadlineExceeded";
/// The reason of `Progressing` while the rollout is paused.
pub const PAUSED: &str = "DeploymentPaused";

/// A condition as of now.
///
/// Source: kubernetes v1.36 pkg/controller/deployment/util/deployment_util.go,
/// `NewDeploymentCondition`
pub fn new_condition(
    kind: &'static str,
    status: Truth,
    reason: &'static str,
    message: impl Into<Name>,
    now: Time,
) -> Condition {
    let now = Some(now.whole_seconds());
    Condition {
        last_update_time: now,
        last_transition_time: now,
        message: message.into(),
        ..Condition::new(kind, status, reason)
    }
}

/// Puts a condition in place of the one of its type, at the end; nothing changes when status and
/// reason are the same, and the transition time stays when the status is.
///
/// Source: kubernetes v1.36 pkg/controller/deployment/util/deployment_util.go,
/// `SetDeploymentCondition`
pub fn set_condition(conditions: &mut Vec<Condition>, mut new: Condition) {
    if let Some(old) = condition::find(conditions, &new.kind)
        && old.status == new.status
    {
        if old.reason == new.reason {
            return;
        }
        new.last_transition_time = old.last_transition_time;
    }
    remove_condition(conditions, &new.kind);
    conditions.push(new);
}

fn remove_condition(conditions: &mut Vec<Condition>, kind: &str) {
    conditions.retain(|c| c.kind != kind);
}

/// The deadline for progress, if there is one.
///
/// Source: kubernetes v1.36 pkg/controller/deployment/util/deployment_util.go,
/// `HasProgressDeadline`
pub fn deadline(deployment: &Deployment) -> Option<i32> {
    deployment.spec.progress_deadline_seconds.filter(|s| *s != i32::MAX)
}

/// The status that follows from the `ReplicaSets`, with the condition `Available`.
///
/// Source: kubernetes v1.36 pkg/controller/deployment/sync.go, `calculateStatus`
pub fn counted(deployment: &Deployment, sets: &Sets, now: Time) -> DeploymentStatus {
    let sum = counts(sets.all());
    let mut status = DeploymentStatus {
        observed_generation: deployment.meta.generation,
        replicas: sum.actual,
        updated_replicas: counts(sets.new.iter()).actual,
        ready_replicas: sum.ready,
        available_replicas: sum.available,
        unavailable_replicas: (sum.wanted - sum.available).max(0),
        terminating_replicas: sum.terminating,
        conditions: deployment.status.conditions.clone(),
        collision_count: deployment.status.collision_count,
        rest: deployment.status.rest.clone(),
    };
    let least = deployment.spec.replicas - bounds(&deployment.spec).max_unavailable;
    let (truth, reason, message) = if sum.available >= least {
        (Truth::True, "MinimumReplicasAvailable", "Deployment has minimum availability.")
    } else {
        let message = "Deployment does not have minimum availability.";
        (Truth::False, "MinimumReplicasUnavailable", message)
    };
    let message = Name::new_static(message);
    let condition = new_condition(AVAILABLE, truth, reason, message, now);
    set_condition(&mut status.conditions, condition);
    status
}

/// Whether all pods are of the new template, available, and no other ones are left.
///
/// Source: kubernetes v1.36 pkg/controller/deployment/util/deployment_util.go,
/// `DeploymentComplete`
pub fn is_complete(deployment: &Deployment, status: &DeploymentStatus) -> bool {
    let want = deployment.spec.replicas;
    [status.updated_replicas, status.replicas, status.available_replicas] == [want; 3]
        && status.observed_generation >= deployment.meta.generation
}

/// Whether the new status is a step forward: more new pods, fewer old ones, more ready or more
/// available ones.
///
/// Source: kubernetes v1.36 pkg/controller/deployment/util/deployment_util.go,
/// `DeploymentProgressing`
pub fn is_progressing(old: &DeploymentStatus, new: &DeploymentStatus) -> bool {
    new.updated_replicas > old.updated_replicas
        || new.replicas - new.updated_replicas < old.replicas - old.updated_replicas
        || new.ready_replicas > old.ready_replicas
        || new.available_replicas > old.available_replicas
}

/// Whether the deadline for progress has passed. It counts from the last progress, not at all
/// after a complete rollout.
///
/// Source: kubernetes v1.36 pkg/controller/deployment/util/deployment_util.go,
/// `DeploymentTimedOut`
pub fn has_timed_out(deployment: &Deployment, status: &DeploymentStatus, now: Time) -> bool {
    let Some(seconds) = deadline(deployment) else { return false };
    let Some(progress) = condition::find(&status.conditions, PROGRESSING) else { return false };
    match progress.reason.as_str() {
        NEW_AVAILABLE => false,
        TIMED_OUT => true,
        _ => end_of(progress, seconds) < now,
    }
}

/// When the deadline that counts from a condition is over. A condition that was never written is
/// as old as time.
fn end_of(progress: &Condition, seconds: i32) -> Time {
    let seconds = SimDuration::secs(u64::try_from(seconds).unwrap_or(0));
    progress.last_update_time.unwrap_or(Time(i64::MIN)).plus(seconds)
}

/// The status after a step of a rollout: the counted one, with the conditions `Progressing` and
/// `ReplicaFailure`.
///
/// Source: kubernetes v1.36 pkg/controller/deployment/progress.go,
/// `DeploymentController.syncRolloutStatus`
pub fn after_step(deployment: &Deployment, sets: &Sets, now: Time) -> DeploymentStatus {
    let mut status = counted(deployment, sets, now);
    let present = condition::find(&deployment.status.conditions, PROGRESSING);
    let was_complete = status.replicas == status.updated_replicas
        && present.is_some_and(|c| c.reason == NEW_AVAILABLE);
    if deadline(deployment).is_none() {
        remove_condition(&mut status.conditions, PROGRESSING);
    } else if !was_complete {
        note_progress(deployment, sets, &mut status, now);
    }
    match failure(sets) {
        Some(failure) => set_condition(&mut status.conditions, failure),
        None => remove_condition(&mut status.conditions, REPLICA_FAILURE),
    }
    status
}

fn note_progress(deployment: &Deployment, sets: &Sets, status: &mut DeploymentStatus, now: Time) {
    let (kind, name) = match sets.new.as_deref() {
        Some(new) => ("ReplicaSet", &new.meta.name),
        None => ("Deployment", &deployment.meta.name),
    };
    let say = |end: &str| smol_str::format_smolstr!("{kind} {name:?} {end}");
    let condition = |truth, reason, end| new_condition(PROGRESSING, truth, reason, say(end), now);
    let conditions = &deployment.status.conditions;
    if is_complete(deployment, status) {
        let done = condition(Truth::True, NEW_AVAILABLE, "has successfully progressed.");
        set_condition(&mut status.conditions, done);
    } else if is_progressing(&deployment.status, status) {
        let mut going = condition(Truth::True, "ReplicaSetUpdated", "is progressing.");
        if let Some(present) = condition::find(conditions, PROGRESSING)
            && present.is_true()
        {
            going.last_transition_time = present.last_transition_time;
        }
        remove_condition(&mut status.conditions, PROGRESSING);
        status.conditions.push(going);
    } else if has_timed_out(deployment, status, now) {
        let stuck = condition(Truth::False, TIMED_OUT, "has timed out progressing.");
        set_condition(&mut status.conditions, stuck);
    }
}

/// The failure that a `ReplicaSet` tells of, that of the new one before others.
///
/// Source: kubernetes v1.36 pkg/controller/deployment/progress.go,
/// `DeploymentController.getReplicaFailures`
fn failure(sets: &Sets) -> Option<Condition> {
    let mut all = sets.new.iter().chain(&sets.old);
    let found = all.find_map(|set| condition::find(&set.status.conditions, REPLICA_FAILURE))?;
    Some(Condition { last_update_time: found.last_transition_time, ..found.clone() })
}

/// When to look again at a rollout that does not move.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LookAgain {
    /// There is nothing to wait for.
    Never,
    /// The deadline is less than a second away, or over: it is looked at as soon as the rate limit
    /// of the queue allows. A rollout that was complete and has lost pods since stays here until
    /// they are back, for its deadline does not count any more.
    Soon,
    /// It passes after this span.
    After(SimDuration),
}

/// When the deadline of a rollout passes that does not move.
///
/// Source: kubernetes v1.36 pkg/controller/deployment/progress.go,
/// `DeploymentController.requeueStuckDeployment`
pub fn stuck(deployment: &Deployment, status: &DeploymentStatus, now: Time) -> LookAgain {
    let Some(seconds) = deadline(deployment) else { return LookAgain::Never };
    let present = condition::find(&deployment.status.conditions, PROGRESSING);
    let Some(present) = present else { return LookAgain::Never };
    if is_complete(deployment, status) || present.reason == TIMED_OUT {
        return LookAgain::Never;
    }
    let left = end_of(present, seconds).since(now);
    if left < SimDuration::secs(1) { LookAgain::Soon } else { LookAgain::After(left) }
}

/// The condition `Progressing` of a rollout that was paused or resumed since the last look; none
/// when nothing changed, there is no deadline, or it has passed already.
///
/// Source: kubernetes v1.36 pkg/controller/deployment/sync.go,
/// `DeploymentController.checkPausedConditions`
pub fn pause_condition(deployment: &Deployment, now: Time) -> Option<Condition> {
    deadline(deployment)?;
    let present = condition::find(&deployment.status.conditions, PROGRESSING);
    let has = |reason| present.is_some_and(|c| c.reason == reason);
    if has(TIMED_OUT) || deployment.spec.paused == has(PAUSED) {
        return None;
    }
    let (reason, message) = if deployment.spec.paused {
        (PAUSED, "Deployment is paused")
    } else {
        ("DeploymentResumed", "Deployment is resumed")
    };
    let message = Name::new_static(message);
    Some(new_condition(PROGRESSING, Truth::Unknown, reason, message, now))
}

/// The deployment with another status.
pub fn with(deployment: &Deployment, status: DeploymentStatus) -> Deployment {
    Deployment { status: Arc::new(status), ..deployment.clone() }
}
