//! Which `CronJobs` a change concerns.

use crate::api::batch::cron_job::CronJob;
use crate::api::batch::job::Job;
use crate::api::meta::Meta;
use crate::api::object::{Kind, ObjectKey, Resource};
use crate::client::reconciler::{Keys, Observed, Watch};
use crate::client::view::View;
use crate::controllers::cron_job::{missed, schedule_of};

/// What the `CronJob` controller watches.
pub(super) const WATCHES: &[Watch] = &[
    Watch { kind: Kind::CRON_JOB, keys: cron_job_keys },
    Watch { kind: Kind::JOB, keys: job_keys },
];

/// A changed schedule is looked at when it is next due, everything else at once.
///
/// Source: kubernetes v1.36 pkg/controller/cronjob/cronjob_controllerv2.go, `updateCronJob`
fn cron_job_keys(change: &Observed<'_>, view: View<'_>, out: &mut Keys) {
    let key = change.latest().key();
    let (old, new) = (change.old.and_then(CronJob::of), change.new.and_then(CronJob::of));
    let (Some(old), Some(new)) = (old, new) else { return out.add(key) };
    let same = old.spec.schedule == new.spec.schedule && old.spec.time_zone == new.spec.time_zone;
    if same {
        return out.add(key);
    }
    if let Ok(schedule) = schedule_of(new) {
        out.add_after(key, missed::until_next(new, &schedule, view.now()));
    }
}

/// Source: kubernetes v1.36 pkg/controller/cronjob/cronjob_controllerv2.go, `addJob`, `updateJob`,
/// `deleteJob`
fn job_keys(change: &Observed<'_>, view: View<'_>, out: &mut Keys) {
    let (old, new) = (change.old.and_then(Job::of), change.new.and_then(Job::of));
    let owner = |job: Option<&std::sync::Arc<Job>>| owner(&job?.meta, view);
    let (before, after) = (owner(old), owner(new));
    out.queue.extend(
        [before.filter(|key| Some(key) != after.as_ref()), after.clone()]
            .into_iter()
            .flatten()
            .map(|key| (key, crate::sim::time::SimDuration::ZERO)),
    );
}

/// The `CronJob` that manages a Job, if it is there.
///
/// Source: kubernetes v1.36 pkg/controller/cronjob/cronjob_controllerv2.go, `resolveControllerRef`
fn owner(job: &Meta, view: View<'_>) -> Option<ObjectKey> {
    let reference = job.controller().filter(|r| r.kind == Kind::CRON_JOB.name())?;
    let found = view.get::<CronJob>(&job.namespace, &reference.name)?;
    (found.meta.uid == reference.uid).then(|| ObjectKey {
        kind: Kind::CRON_JOB,
        namespace: job.namespace.clone(),
        name: reference.name.clone(),
    })
}
