//! The `CronJob` controller: a Job again and again, by the clock.
//!
//! Responsible for starting Jobs when they are due, for the list of those that are active, and for
//! deleting old ones. It never looks at pods.
//!
//! It resumes, because it reads past its caches where these may be behind, and because the status
//! is to name the Job that was really made.
//!
//! Source: kubernetes v1.36 pkg/controller/cronjob/cronjob_controllerv2.go, `ControllerV2.sync`,
//! `syncCronJob`

pub mod missed;
mod script;
mod sync;
mod watch;
mod why;

use std::sync::Arc;

use crate::api::batch::cron_job::CronJob;
use crate::api::batch::job::Job;
use crate::api::gates::Gates;
use crate::api::object::ObjectKey;
use crate::api::refusal::Refusal;
use crate::api::request::Answer;
use crate::api::schedule::{Schedule, is_known_zone};
use crate::api::time::Time;
use crate::client::plan::{Plan, Recovery, Settled, Write};
use crate::client::reconciler::{Reconciler, Watch};
use crate::client::view::View;
use crate::sim::index::Map;
use script::{Script, Stop};
pub use why::CronJobWhy;

/// Starts Jobs by the clock.
#[derive(Clone, Default)]
pub struct CronJobController {
    /// Looks whose questions are under way.
    under_way: Map<ObjectKey, Look>,
}

/// One look at a `CronJob`: what it saw, and what it was answered.
#[derive(Clone, Debug)]
struct Look {
    cron_job: Arc<CronJob>,
    jobs: Vec<Arc<Job>>,
    now: Time,
    gates: Gates,
    answers: Vec<Answer>,
    told: usize,
}

/// The schedule of a `CronJob` on the clock of its zone.
///
/// # Errors
/// What is wrong with it.
///
/// Source: kubernetes v1.36 pkg/controller/cronjob/cronjob_controllerv2.go, `formatSchedule`
fn schedule_of(cron_job: &CronJob) -> Result<Schedule, String> {
    let schedule = &cron_job.spec.schedule;
    match &cron_job.spec.time_zone {
        Some(zone) if !schedule.contains("TZ") && is_known_zone(zone) => {
            Schedule::parse(&format!("TZ={zone} {schedule}"))
        }
        Some(_) | None => Schedule::parse(schedule),
    }
}

impl CronJobController {
    /// Goes on with a look as far as its answers reach.
    fn run(&mut self, key: &ObjectKey, mut look: Look) -> Plan {
        let mut script = Script::new(&look.answers);
        let end = sync::sync(&look.cron_job, &look.jobs, (look.now, look.gates), &mut script);
        let events = script.events;
        let mut plan = Plan::nothing();
        plan.events.extend_from_slice(&events[look.told..]);
        look.told = events.len();
        match end {
            Ok(next) => plan.look_again = next,
            Err(Stop::Failed) => plan.retry = true,
            Err(Stop::Ask(write)) => {
                plan.push(*write);
                plan.resumes = true;
                self.under_way.insert(key.clone(), look);
            }
        }
        plan
    }
}

impl Reconciler for CronJobController {
    fn name(&self) -> &'static str {
        "cronjob-controller"
    }

    fn watches(&self) -> &'static [Watch] {
        watch::WATCHES
    }

    /// Jobs belong to it whose managing owner has its name, whatever its uid. A scan of the Jobs of
    /// the namespace, as Kubernetes makes it.
    ///
    /// Source: kubernetes v1.36 pkg/controller/cronjob/cronjob_controllerv2.go,
    /// `getJobsToBeReconciled`
    fn reconcile(&mut self, key: &ObjectKey, view: View<'_>) -> Plan {
        self.under_way.remove(key);
        let Some(cron_job) = view.get::<CronJob>(&key.namespace, &key.name) else {
            return Plan::nothing();
        };
        let is_own = |job: &&Arc<Job>| job.meta.controller().is_some_and(|o| o.name == key.name);
        let mut jobs: Vec<Arc<Job>> =
            view.in_namespace::<Job>(&key.namespace).filter(is_own).cloned().collect();
        jobs.sort_by(|a, b| a.meta.name.cmp(&b.meta.name));
        let (cron_job, now) = (cron_job.clone(), view.now());
        self.run(
            key,
            Look { cron_job, jobs, now, gates: view.gates(), answers: Vec::new(), told: 0 },
        )
    }

    fn resume(&mut self, key: &ObjectKey, settled: Vec<Settled>, _view: View<'_>) -> Plan {
        let Some(mut look) = self.under_way.remove(key) else { return Plan::nothing() };
        look.answers.extend(settled.into_iter().map(|s| s.answer));
        self.run(key, look)
    }

    /// A refusal is an answer like another: the look decides what it means.
    fn recover(&mut self, _write: &Write, _refusal: &Refusal) -> Recovery {
        Recovery::GoOn
    }

    fn boxed_clone(&self) -> Box<dyn Reconciler> {
        Box::new(self.clone())
    }
}
