//! Which Jobs a change concerns, and what their expectations see of it.

use std::sync::Arc;

use crate::api::batch::job::Job;
use crate::api::core::pod::Pod;
use crate::api::meta::{Meta, OwnerReference};
use crate::api::object::{Kind, Object, ObjectKey, Resource};
use crate::client::reconciler::{Keys, Observed, Watch};
use crate::client::view::View;
use crate::controllers::job::pods::{is_tracked, selector};
use crate::sim::time::SimDuration;

/// How long changes of pods and of the status are gathered before a look.
///
/// Source: kubernetes v1.36 pkg/controller/job/job_controller.go, `SyncJobBatchPeriod`
pub const BATCH_PERIOD: SimDuration = SimDuration::secs(1);

/// What the Job controller watches. A key of a pod is one whose finalizer nobody else takes off.
pub(super) const WATCHES: &[Watch] =
    &[Watch { kind: Kind::JOB, keys: job_keys }, Watch { kind: Kind::POD, keys: pod_keys }];

/// Source: kubernetes v1.36 pkg/controller/job/job_controller.go, `addJob`, `updateJob`,
/// `deleteJob`
fn job_keys(change: &Observed<'_>, view: View<'_>, out: &mut Keys) {
    let (old, new) = (change.old.and_then(Job::of), change.new.and_then(Job::of));
    match (old, new) {
        (Some(old), Some(new)) if old.meta.uid == new.meta.uid => {
            let key = key_of(&new.meta);
            if old.meta.generation == new.meta.generation {
                out.add_after(key, BATCH_PERIOD);
            } else {
                out.add(key);
            }
            if new.is_finished() {
                add_orphans(new, view, out);
            }
        }
        (old, new) => {
            if let Some(old) = old {
                add_orphans(old, view, out);
            }
            out.queue.extend(new.or(old).map(|job| (key_of(&job.meta), SimDuration::ZERO)));
        }
    }
}

/// The pods of a Job that is over or gone, as far as they still have the finalizer.
///
/// Source: kubernetes v1.36 pkg/controller/job/job_controller.go, `cleanupPodFinalizers`
fn add_orphans(job: &Job, view: View<'_>, out: &mut Keys) {
    for pod in view.controlled_by::<Pod>(job.meta.uid).filter(|p| is_tracked(p)) {
        out.add(Object::Pod(pod.clone()).key());
    }
}

/// Source: kubernetes v1.36 pkg/controller/job/job_controller.go, `addPod`, `updatePod`,
/// `deletePod`
fn pod_keys(change: &Observed<'_>, view: View<'_>, out: &mut Keys) {
    let (old, new) = (change.old.and_then(Pod::of), change.new.and_then(Pod::of));
    match (old, new) {
        (Some(old), None) => pod_goes(old, view, out),
        (None, Some(new)) if new.meta.is_deleting() => pod_goes(new, view, out),
        (None, Some(new)) => pod_came(new, view, out),
        (Some(old), Some(new)) => pod_changed(old, new, view, out),
        (None, None) => {}
    }
}

fn pod_came(pod: &Arc<Pod>, view: View<'_>, out: &mut Keys) {
    let Some(reference) = pod.meta.controller() else {
        add_orphan(pod, out);
        return add_matching(&pod.meta, view, out);
    };
    if let Some(job) = resolve(&pod.meta, reference, view) {
        out.created = Some(key_of(&job.meta));
        out.add_after(key_of(&job.meta), BATCH_PERIOD);
    }
}

fn pod_goes(pod: &Arc<Pod>, view: View<'_>, out: &mut Keys) {
    let Some(reference) = pod.meta.controller() else { return add_orphan(pod, out) };
    if reference.kind != Kind::JOB.name() {
        return;
    }
    match resolve(&pod.meta, reference, view).filter(|job| !job.is_finished()) {
        Some(job) => {
            out.deleted = Some((key_of(&job.meta), pod.meta.uid));
            out.add_after(key_of(&job.meta), BATCH_PERIOD);
        }
        None => add_orphan(pod, out),
    }
}

fn pod_changed(old: &Arc<Pod>, new: &Arc<Pod>, view: View<'_>, out: &mut Keys) {
    if old.meta.resource_version == new.meta.resource_version {
        return;
    }
    if new.meta.is_deleting() {
        return pod_goes(new, view, out);
    }
    let owner_changed = old.meta.controller() != new.meta.controller();
    if owner_changed
        && let Some(job) = old.meta.controller().and_then(|r| resolve(&old.meta, r, view))
    {
        out.add_after(key_of(&job.meta), BATCH_PERIOD);
    }
    if let Some(reference) = new.meta.controller() {
        if let Some(job) = resolve(&new.meta, reference, view) {
            out.add_after(key_of(&job.meta), BATCH_PERIOD);
        }
        return;
    }
    add_orphan(new, out);
    if owner_changed || old.meta.labels != new.meta.labels {
        add_matching(&new.meta, view, out);
    }
}

fn add_orphan(pod: &Arc<Pod>, out: &mut Keys) {
    if is_tracked(pod) {
        out.add(Object::Pod(pod.clone()).key());
    }
}

pub(super) fn key_of(meta: &Meta) -> ObjectKey {
    ObjectKey { kind: Kind::JOB, namespace: meta.namespace.clone(), name: meta.name.clone() }
}

/// The Job that an owner reference means, if it is that incarnation.
///
/// Source: kubernetes v1.36 pkg/controller/job/job_controller.go, `resolveControllerRef`
pub(super) fn resolve<'a>(
    meta: &Meta,
    reference: &OwnerReference,
    view: View<'a>,
) -> Option<&'a Arc<Job>> {
    if reference.kind != Kind::JOB.name() {
        return None;
    }
    let job: &Arc<Job> = view.get(&meta.namespace, &reference.name)?;
    (job.meta.uid == reference.uid).then_some(job)
}

/// A pod without an owner concerns each Job of its namespace that selects it. A scan of these, for
/// pods without an owner only.
///
/// Source: kubernetes v1.36 pkg/controller/job/job_controller.go, `getPodJobs`
fn add_matching(meta: &Meta, view: View<'_>, out: &mut Keys) {
    for job in view.in_namespace::<Job>(&meta.namespace) {
        let selects = selector(job).is_some_and(|s| !s.is_everything() && s.matches(&meta.labels));
        if selects && !meta.labels.is_empty() {
            out.add_after(key_of(&job.meta), BATCH_PERIOD);
        }
    }
}
