//! The TTL-after-finished controller: Jobs that are over go after a while.
//!
//! Responsible for deleting them when their time is up, with their pods first. It never looks at a
//! Job that does not ask for it.

use std::sync::Arc;

use crate::api::batch::job::Job;
use crate::api::deletion::Preconditions;
use crate::api::object::{Kind, Object, ObjectKey, Resource};
use crate::api::refusal::{Reason, Refusal};
use crate::api::request::{Answer, DeleteOptions, Propagation, Verb};
use crate::api::time::Time;
use crate::api::why::Why;
use crate::client::plan::{Plan, Recovery, Settled, Write};
use crate::client::reconciler::{Keys, Observed, Reconciler, Watch};
use crate::client::view::View;
use crate::sim::time::SimDuration;

/// Deletes Jobs some time after their end.
#[derive(Clone, Copy, Default)]
pub struct TtlAfterFinished;

/// Why the controller asked for something.
enum TtlWhy {
    /// The cache may be behind: the Job is read anew before it is deleted.
    Recheck { ttl: i32 },
    /// Its time is up.
    Expired { ttl: i32 },
}

impl From<TtlWhy> for Why {
    fn from(why: TtlWhy) -> Why {
        match why {
            TtlWhy::Recheck { ttl } => {
                Why::one("it seems to be over for {} s; is that still so?", ttl)
            }
            TtlWhy::Expired { ttl } => Why::one("it is over for {} s, and is kept no longer", ttl),
        }
    }
}

/// How long a Job has still to be kept; none when it is not to be deleted.
///
/// Source: kubernetes v1.36 pkg/controller/ttlafterfinished/ttlafterfinished_controller.go,
/// `timeLeft`, `needsCleanup`
fn time_left(job: &Job, now: Time) -> Option<(i32, SimDuration)> {
    let ttl = job.spec.ttl_seconds_after_finished?;
    let end = job.finished()?.last_transition_time?;
    let kept = SimDuration::secs(u64::try_from(ttl).unwrap_or(0));
    (!job.meta.is_deleting()).then(|| (ttl, end.plus(kept).since(now)))
}

fn job_keys(change: &Observed<'_>, view: View<'_>, out: &mut Keys) {
    if let Some(job) = change.new.and_then(Job::of)
        && time_left(job, view.now()).is_some()
    {
        out.add(Object::Job(job.clone()).key());
    }
}

/// What is to be done about a Job whose time may be up: nothing yet, or `due`.
fn plan(job: &Arc<Job>, now: Time, due: impl FnOnce(i32) -> Write) -> Plan {
    let mut plan = Plan::nothing();
    match time_left(job, now) {
        None => {}
        Some((ttl, SimDuration::ZERO)) => plan.push(due(ttl)),
        Some((_, left)) => plan.look_again_in(left),
    }
    plan
}

impl Reconciler for TtlAfterFinished {
    fn name(&self) -> &'static str {
        "ttl-after-finished-controller"
    }

    fn watches(&self) -> &'static [Watch] {
        const WATCHES: &[Watch] = &[Watch { kind: Kind::JOB, keys: job_keys }];
        WATCHES
    }

    /// Source: kubernetes v1.36 pkg/controller/ttlafterfinished/ttlafterfinished_controller.go,
    /// `processJob`
    fn reconcile(&mut self, key: &ObjectKey, view: View<'_>) -> Plan {
        let Some(job) = view.get::<Job>(&key.namespace, &key.name) else { return Plan::nothing() };
        let read = |ttl| Write::read(key.clone(), TtlWhy::Recheck { ttl });
        let mut plan = plan(job, view.now(), read);
        plan.resumes = !plan.steps.is_empty();
        plan
    }

    fn resume(&mut self, key: &ObjectKey, settled: Vec<Settled>, view: View<'_>) -> Plan {
        let Some(Settled { answer: Answer::Object(Object::Job(job)), .. }) = settled.first() else {
            return Plan::nothing();
        };
        plan(job, view.now(), |ttl| {
            let preconditions =
                Some(Preconditions { uid: Some(job.meta.uid), resource_version: None });
            let options = DeleteOptions {
                preconditions,
                propagation_policy: Some(Propagation::Foreground),
                ..DeleteOptions::default()
            };
            Write::of(Verb::Delete { key: key.clone(), options }, TtlWhy::Expired { ttl })
        })
    }

    fn recover(&mut self, write: &Write, refusal: &Refusal) -> Recovery {
        if refusal.reason == Reason::NotFound {
            return Recovery::GoOn;
        }
        Recovery::usual(write, refusal)
    }

    fn boxed_clone(&self) -> Box<dyn Reconciler> {
        Box::new(*self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::condition::{Condition, Truth};
    use crate::api::time::EPOCH;
    use crate::client::view::Caches;

    #[test]
    fn a_job_waits_for_its_time_and_is_read_anew_when_that_is_up() {
        let mut job = Job::default();
        job.meta = crate::api::meta::Meta::named("default", "pi");
        Arc::make_mut(&mut job.spec).ttl_seconds_after_finished = Some(60);
        let key = ObjectKey::new(Kind::JOB, "default", "pi");
        let look = |job: &Job, after: u64| {
            let mut caches = Caches::default();
            caches.of_mut(Kind::JOB).put(job.clone().into());
            let now = EPOCH.plus(SimDuration::secs(after));
            TtlAfterFinished.reconcile(&key, View::new(&caches, now))
        };
        assert!(look(&job, 999).is_empty(), "a Job that is not over stays");
        let last_transition_time = Some(EPOCH);
        let end = Condition { last_transition_time, ..Condition::new("Failed", Truth::True, "") };
        job.status.conditions.push(end);
        let early = look(&job, 20);
        assert_eq!((early.is_empty(), early.look_again), (true, Some(SimDuration::secs(40))));
        let late = look(&job, 60);
        assert_eq!((late.writes().count(), late.resumes), (1, true));
    }
}
