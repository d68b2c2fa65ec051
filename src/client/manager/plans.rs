//! What a controller does with the plans of its rule: it tells, expects, and lets a worker take
//! them up.

use crate::api::gates::Gates;
use crate::api::meta::Uid;
use crate::api::object::ObjectKey;
use crate::api::time::Time;
use crate::client::component::Moment;
use crate::client::manager::Controller;
use crate::client::manager::run::Run;
use crate::client::plan::{Expect, Plan};
use crate::client::view::View;
use crate::sim::time::SimTime;

impl Controller {
    /// Asks the rule to go on with what was answered to a run's steps.
    pub(super) fn resume(&mut self, id: u64, gates: Gates, moment: &mut Moment<'_>) {
        let Some(run) = self.runs.get_mut(&id) else { return };
        let (key, cause) = (run.key.clone(), run.cause);
        let settled = std::mem::take(&mut run.settled);
        let view = View::new(moment.caches, moment.time)
            .with_steady(Time::at(moment.now))
            .with_gates(gates);
        let mut plan = self.rule.resume(&key, settled, view);
        self.announce(&key, cause, &mut plan, moment);
        let Some(run) = self.runs.get_mut(&id) else { return };
        run.steps = plan.steps.into_iter();
        run.resumes = plan.resumes;
        run.retry |= plan.retry;
        if plan.look_again.is_some() {
            (run.look_again, run.housekeeping) = (plan.look_again, plan.housekeeping);
        }
    }

    /// Takes from a plan what holds whatever comes of its steps. The next look of a plan that
    /// resumes is asked for at once.
    fn announce(&mut self, key: &ObjectKey, cause: u64, plan: &mut Plan, moment: &mut Moment<'_>) {
        if self.settings.expectations {
            self.expect(key, plan, moment.now);
        }
        for note in plan.events.drain(..) {
            moment.out.told.push((self.source, note, cause));
        }
        if plan.resumes
            && let Some(span) = plan.look_again.take()
        {
            self.queue.add_after(key.clone(), span, moment.now, cause);
            moment.out.wake(moment.now + span);
        }
    }

    /// A worker takes up a plan.
    pub(super) fn begin(
        &mut self,
        key: ObjectKey,
        cause: u64,
        mut plan: Plan,
        moment: &mut Moment<'_>,
    ) -> u64 {
        self.announce(&key, cause, &mut plan, moment);
        self.begun += 1;
        let run = Run {
            key,
            cause,
            steps: plan.steps.into_iter(),
            batch: None,
            outstanding: 0,
            retry: plan.retry,
            give_up: false,
            stopped: false,
            skips: false,
            look_again: plan.look_again,
            housekeeping: plan.housekeeping,
            versions: Vec::new(),
            written: Vec::new(),
            made: None,
            resumes: plan.resumes,
            settled: Vec::new(),
        };
        self.runs.insert(self.begun, run);
        self.begun
    }

    fn expect(&mut self, key: &ObjectKey, plan: &Plan, now: SimTime) {
        let created = plan.writes().filter(|w| w.expect == Expect::Creation).count();
        let deleted: Vec<Uid> = plan
            .writes()
            .filter_map(|w| if let Expect::Deletion(uid) = w.expect { Some(uid) } else { None })
            .collect();
        let count = u32::try_from(created).unwrap_or(u32::MAX);
        if created > 0 && !deleted.is_empty() {
            self.expectations.expect_both(key, count, deleted, now);
        } else if created > 0 {
            self.expectations.expect_creations(key, count, now);
        } else if !deleted.is_empty() {
            self.expectations.expect_deletions(key, deleted, now);
        }
    }
}
