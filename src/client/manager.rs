//! The controllers of one process: their queues, workers, plans and retries.

mod own;
mod plans;
mod retry;
mod routes;
mod run;

use std::collections::BTreeMap;

use crate::api::gates::Gates;
use crate::api::meta::Uid;
use crate::api::object::{Kind, ObjectKey};
use crate::api::refusal::Refusal;
use crate::api::request::Answer;
use crate::api::time::Time;
use crate::client::component::{Component, Due, Moment, Outgoing};
use crate::client::expectations::Expectations;
use crate::client::plan::{Expect, Recovery, Settled, Write};
use crate::client::rate_limiter::RateLimiter;
use crate::client::reconciler::{Keys, Observed, Reconciler, Settings};
use crate::client::token_bucket::TokenBucket;
use crate::client::view::View;
use crate::client::work_queue::WorkQueue;
use crate::sim::index::Map;
use crate::sim::time::{SimDuration, SimTime};
use routes::Routes;
use run::{OwnWrite, Run, filled};

/// The controllers of one process.
#[derive(Clone)]
pub struct Manager {
    controllers: Vec<Controller>,
    /// As they were before the first life.
    initial: Vec<Box<dyn Reconciler>>,
    /// What each request under way belongs to: controller, run.
    under_way: Map<u64, (usize, u64, Box<Write>)>,
    /// Which controllers watch a kind.
    routes: Routes,
    /// Room for the keys of a change; empty between two.
    keys: Keys,
    asked: u64,
    acting: bool,
    gates: Gates,
}

/// One controller: its rule, its queue, and what its workers are doing.
#[derive(Clone)]
struct Controller {
    name: &'static str,
    source: &'static str,
    rule: Box<dyn Reconciler>,
    settings: Settings,
    queue: WorkQueue<ObjectKey>,
    expectations: Expectations<ObjectKey, Uid>,
    runs: BTreeMap<u64, Run>,
    /// What the last plan of each key wrote, as far as the cache may not show it yet.
    own_writes: BTreeMap<ObjectKey, Vec<OwnWrite>>,
    /// The newest creation of each key that its expectations count: when they run out although
    /// the cache is older than it, they are not met.
    own_creations: BTreeMap<ObjectKey, (Kind, u64)>,
    begun: u64,
    /// The first of its periodic looks.
    first_beat: SimTime,
    /// The next one that may find something to do.
    next_beat: SimTime,
    /// Keys that are looked at again for housekeeping, by when.
    housekeeping: std::collections::BTreeSet<(SimTime, ObjectKey)>,
}

impl Manager {
    /// A process of these controllers.
    pub fn new(rules: Vec<Box<dyn Reconciler>>) -> Manager {
        Manager {
            controllers: rules.iter().map(|r| Controller::new(r.clone())).collect(),
            routes: Routes::of(&rules),
            initial: rules,
            keys: Keys::default(),
            under_way: Map::default(),
            asked: 0,
            acting: false,
            gates: Gates::DEFAULT,
        }
    }

    /// The same process with these feature gates.
    #[must_use]
    pub fn with_gates(mut self, gates: Gates) -> Manager {
        self.gates = gates;
        for controller in &mut self.controllers {
            let settings = &mut controller.settings;
            settings.awaits_own_writes &= settings.awaits_behind.is_none_or(|g| gates.is_on(g));
        }
        self
    }

    /// The kinds that its controllers watch.
    pub fn kinds(&self) -> Vec<crate::api::object::Kind> {
        let watches = self.initial.iter().flat_map(|r| r.watches().iter().map(|w| w.kind));
        let all: std::collections::BTreeSet<_> = watches.collect();
        all.into_iter().collect()
    }

    /// Keys that wait, are delayed, or are worked on, for each controller.
    pub fn queues(&self) -> impl Iterator<Item = (&'static str, usize, usize, usize)> {
        self.controllers
            .iter()
            .map(|c| (c.name, c.queue.len(), c.queue.waiting_len(), c.queue.processing_len()))
    }

    /// Lets the workers of a controller take what is due.
    fn pump(&mut self, n: usize, moment: &mut Moment<'_>) {
        if !self.acting || self.controllers[n].queue.is_idle(moment.now) {
            return;
        }
        loop {
            let controller = &mut self.controllers[n];
            if controller.runs.len() >= controller.settings.workers {
                break;
            }
            let Some((key, cause)) = controller.queue.pop(moment.now) else { break };
            if !controller.has_seen_own_writes(&key, moment) {
                controller.try_again(&key, cause, moment);
                controller.queue.done(&key);
                continue;
            }
            controller.queue.withdraw(&key);
            let met = !controller.settings.expectations
                || controller.expectations.satisfied(&key, moment.now)
                    && controller.has_seen_own_creations(&key, moment);
            let view = View::new(moment.caches, moment.time)
                .with_steady(Time::at(moment.now))
                .with_gates(self.gates);
            let view = view.after_expectations(met);
            let plan = controller.rule.reconcile(&key, view);
            if view.object(&key).is_none() {
                controller.expectations.delete(&key);
                controller.own_creations.remove(&key);
            }
            let run = controller.begin(key, cause, plan, moment);
            self.advance(n, run, moment);
        }
        // What is due is queued even while all workers are busy; their end looks at it.
        self.controllers[n].queue.advance(moment.now);
    }

    /// Sends what a run may send next; ends it when nothing is left.
    fn advance(&mut self, n: usize, id: u64, moment: &mut Moment<'_>) {
        loop {
            let controller = &mut self.controllers[n];
            let Some(run) = controller.runs.get_mut(&id) else { return };
            if run.outstanding > 0 {
                return;
            }
            let writes = run.next_writes(&mut controller.expectations);
            if writes.is_empty() {
                if run.resumes && !run.stopped {
                    controller.resume(id, self.gates, moment);
                    continue;
                }
                return self.finish(n, id, moment);
            }
            for write in writes {
                self.send(n, id, write, moment);
            }
        }
    }

    fn send(&mut self, n: usize, id: u64, mut write: Write, moment: &mut Moment<'_>) {
        let controller = &mut self.controllers[n];
        let Some(run) = controller.runs.get_mut(&id) else { return };
        run.outstanding += 1;
        run.pass_on(&mut write.verb);
        self.asked += 1;
        moment.out.requests.push(Outgoing {
            token: self.asked,
            verb: write.verb.clone(),
            why: write.why.clone(),
            cause: Some(run.cause),
            user: Some(controller.name),
            background: false,
        });
        self.under_way.insert(self.asked, (n, id, Box::new(write)));
    }

    fn finish(&mut self, n: usize, id: u64, moment: &mut Moment<'_>) {
        let controller = &mut self.controllers[n];
        let Some(run) = controller.runs.remove(&id) else { return };
        let (key, now) = (run.key, moment.now);
        if controller.settings.awaits_own_writes && !run.written.is_empty() {
            controller.own_writes.insert(key.clone(), run.written);
        }
        if let (Some(made), true) = (run.made, controller.settings.awaits_own_writes) {
            controller.own_creations.insert(key.clone(), made);
        }
        if run.retry && !run.give_up {
            controller.try_again(&key, run.cause, moment);
        } else {
            if run.queue_again {
                controller.queue.add_rate_limited(key.clone(), now, run.cause);
            }
            controller.queue.forget(&key);
        }
        if let (Some(span), true) = (run.look_again, run.housekeeping) {
            controller.housekeeping.insert((now + span, key.clone()));
            moment.out.wake_in_background(now + span);
        } else if let Some(span) = run.look_again {
            controller.queue.add_after(key.clone(), span, now, run.cause);
            moment.out.wake(now + span);
        }
        controller.queue.done(&key);
    }

    fn succeeded(
        &mut self,
        n: usize,
        id: u64,
        write: &Write,
        answer: &Answer,
        moment: &mut Moment<'_>,
    ) {
        let Some(run) = self.controllers[n].runs.get_mut(&id) else { return };
        if let Answer::Object(object) | Answer::Deleted(object) = answer {
            run.learn(object);
        }
        // A creation is waited for beyond what expectations count, for these run out; what a
        // deletion leaves they count alone.
        //
        // Source: kubernetes v1.36 pkg/controller/controller_utils.go, `RealPodControl`
        let counted = self.controllers[n].settings.expectations && write.expect != Expect::Nothing;
        let Some(run) = self.controllers[n].runs.get_mut(&id) else { return };
        match answer {
            Answer::Object(object)
                if write.expect == Expect::Creation || !counted && !write.verb.is_read_only() =>
            {
                run.written.push(OwnWrite::of(object, false));
            }
            Answer::Object(object) if write.expect == Expect::Creation => {
                let version = object.meta().resource_version;
                let newest = run.made.map_or(version, |(_, v)| v.max(version));
                run.made = Some((object.kind(), newest));
            }
            Answer::Deleted(object) if !counted => run.written.push(OwnWrite::of(object, true)),
            Answer::Object(_)
            | Answer::Deleted(_)
            | Answer::List(_)
            | Answer::Watching
            | Answer::Done
            | Answer::Refused(_) => {}
        }
        if let Some(batch) = &mut run.batch {
            batch.succeeded += 1;
        }
        let name = match answer {
            Answer::Object(object) | Answer::Deleted(object) => object.meta().name.clone(),
            Answer::List(_) | Answer::Watching | Answer::Done | Answer::Refused(_) => {
                write.verb.key().name
            }
        };
        if let Some(note) = &write.on_success {
            let cause = run.cause;
            let source = self.controllers[n].source;
            moment.out.told.push((source, filled(note, &name, None), cause));
        }
    }

    fn refused(
        &mut self,
        n: usize,
        id: u64,
        write: &Write,
        refusal: &Refusal,
        moment: &mut Moment<'_>,
    ) {
        let controller = &mut self.controllers[n];
        let recovery = controller.rule.recover(write, refusal);
        let Some(run) = controller.runs.get_mut(&id) else { return };
        match write.expect {
            Expect::Nothing => {}
            Expect::Creation => controller.expectations.creation_observed(&run.key),
            Expect::Deletion(uid) => controller.expectations.deletion_observed(&run.key, &uid),
        }
        match recovery {
            Recovery::GoOn => {
                if let Some(batch) = &mut run.batch {
                    batch.succeeded += 1;
                }
            }
            Recovery::GoOnThenRetry => run.retry = true,
            Recovery::SkipThenRetry | Recovery::SkipUntold => (run.retry, run.skips) = (true, true),
            Recovery::Retry => (run.retry, run.stopped) = (true, true),
            Recovery::GiveUp => (run.give_up, run.stopped) = (true, true),
        }
        if let Some(note) = &write.on_refusal
            && recovery != Recovery::SkipUntold
        {
            let name = write.verb.key().name;
            let note = filled(note, &name, Some(refusal));
            moment.out.told.push((controller.source, note, run.cause));
        }
    }
}

impl Component for Manager {
    fn observe(&mut self, change: &Observed<'_>, moment: &mut Moment<'_>) {
        let kind = change.latest().kind();
        let view = View::new(moment.caches, moment.time)
            .with_steady(Time::at(moment.now))
            .with_gates(self.gates);
        let routes = self.routes.clone();
        let mut keys = std::mem::take(&mut self.keys);
        for of_one in routes.of_kind(kind) {
            let n = of_one[0].controller;
            let controller = &mut self.controllers[n];
            controller.rule.observe(change, view);
            controller.set_beat(moment);
            controller.forget_own(change);
            for route in of_one {
                (route.keys)(change, view, &mut keys);
                if !keys.is_empty() {
                    controller.take_up(&mut keys, moment);
                }
            }
            if !controller.queue.is_idle(moment.now) {
                self.pump(n, moment);
            }
        }
        self.keys = keys;
    }

    fn synced(&mut self, moment: &mut Moment<'_>) {
        self.acting = true;
        for n in 0..self.controllers.len() {
            let controller = &mut self.controllers[n];
            if controller.settings.period.is_some() {
                controller.first_beat = moment.now;
                controller.queue.add(controller.own_key(), moment.cause);
            }
            self.pump(n, moment);
            self.controllers[n].set_beat(moment);
        }
    }

    fn reply(&mut self, token: u64, answer: &Answer, moment: &mut Moment<'_>) {
        let Some((n, id, write)) = self.under_way.remove(&token) else { return };
        let controller = &mut self.controllers[n];
        if let Some(run) = controller.runs.get(&id) {
            controller.rule.answered(&run.key, &write, answer);
        }
        match answer {
            Answer::Refused(refusal) => self.refused(n, id, &write, refusal, moment),
            Answer::Object(_)
            | Answer::Deleted(_)
            | Answer::Done
            | Answer::List(_)
            | Answer::Watching => {
                self.succeeded(n, id, &write, answer, moment);
            }
        }
        self.controllers[n].set_beat(moment);
        if let Some(run) = self.controllers[n].runs.get_mut(&id) {
            run.outstanding -= 1;
            if run.resumes {
                run.settled.push(Settled { write, answer: answer.clone() });
            }
        }
        self.advance(n, id, moment);
        self.pump(n, moment);
    }

    fn wake(&mut self, moment: &mut Moment<'_>) {
        for n in 0..self.controllers.len() {
            let controller = &mut self.controllers[n];
            if controller.next_beat <= moment.now {
                controller.queue.add(controller.own_key(), moment.cause);
            }
            while let Some((at, _)) = controller.housekeeping.first() {
                if *at > moment.now {
                    moment.out.wake_in_background(*at);
                    break;
                }
                if let Some((_, key)) = controller.housekeeping.pop_first() {
                    controller.queue.add(key, moment.cause);
                }
            }
            self.pump(n, moment);
            self.controllers[n].set_beat(moment);
        }
    }

    /// Until its caches are filled it takes nothing up, however due it is.
    fn due(&self) -> Due {
        if !self.acting {
            return Due::Exactly(None);
        }
        Due::Exactly(self.controllers.iter().filter_map(|c| c.queue.next_due()).min())
    }

    /// `resync`: everything that is known is looked at once more, as if it had changed. All else is
    /// for the controllers.
    fn disturb(
        &mut self,
        what: &crate::api::Name,
        how: &serde_json::Value,
        moment: &mut Moment<'_>,
    ) {
        if what != "resync" {
            return self.controllers.iter_mut().for_each(|c| c.rule.disturb(what, how));
        }
        for kind in self.kinds() {
            let mut all: Vec<crate::api::object::Object> =
                moment.caches.of(kind).all().cloned().collect();
            all.sort_by_key(crate::api::object::Object::key);
            for object in &all {
                self.observe(&Observed { old: Some(object), new: Some(object) }, moment);
            }
        }
    }

    fn crashed(&mut self) {
        *self = Manager::new(std::mem::take(&mut self.initial)).with_gates(self.gates);
    }
}

impl Controller {
    fn new(rule: Box<dyn Reconciler>) -> Controller {
        let settings = rule.settings();
        let of_key = RateLimiter::exponential(settings.first_backoff, settings.longest_backoff);
        let of_all = settings.retries.map(|(qps, burst)| TokenBucket::per_second(qps, burst));
        let of_all = of_all.map(RateLimiter::Bucket);
        let backoff = RateLimiter::MaxOf(std::iter::once(of_key).chain(of_all).collect());
        Controller {
            name: rule.name(),
            source: rule.event_source(),
            settings,
            rule,
            queue: WorkQueue::new(backoff),
            expectations: Expectations::default(),
            runs: BTreeMap::new(),
            own_writes: BTreeMap::new(),
            own_creations: BTreeMap::new(),
            begun: 0,
            first_beat: SimTime::NEVER,
            next_beat: SimTime::NEVER,
            housekeeping: std::collections::BTreeSet::new(),
        }
    }

    /// Finds the next beat of its period that may find something to do, and asks to be woken then.
    fn set_beat(&mut self, moment: &mut Moment<'_>) {
        let Some(period) = self.settings.period else { return };
        if self.first_beat == SimTime::NEVER {
            return;
        }
        let next = moment.now + SimDuration(1);
        let steady = Time::at(moment.now);
        let idle = self.rule.idle_until(steady).map_or(next, |at| at.max(next));
        self.next_beat = if idle == SimTime::NEVER {
            SimTime::NEVER
        } else {
            let beats = idle.since(self.first_beat).0.div_ceil(period.0);
            self.first_beat + period.times(beats)
        };
        if self.next_beat != SimTime::NEVER {
            moment.out.wake_in_background(self.next_beat);
        }
    }

    /// The key of its periodic look.
    fn own_key(&self) -> ObjectKey {
        ObjectKey::new(crate::api::object::Kind::NODE, "", self.name)
    }

    /// Takes up the keys that a change concerns, and leaves none.
    fn take_up(&mut self, keys: &mut Keys, moment: &mut Moment<'_>) {
        if let Some(key) = keys.created.take() {
            self.expectations.creation_observed(&key);
        }
        if let Some((key, uid)) = keys.deleted.take() {
            self.expectations.deletion_observed(&key, &uid);
        }
        for (key, delay) in keys.queue.drain(..) {
            if delay == SimDuration::ZERO {
                self.queue.add(key, moment.cause);
            } else {
                self.queue.add_after(key, delay, moment.now, moment.cause);
                moment.out.wake(moment.now + delay);
            }
        }
    }
}
