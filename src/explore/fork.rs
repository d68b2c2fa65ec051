//! Runs plans: each in a copy of the run without faults, taken just before its first fault.
//!
//! The run without faults is gone through once; every so many strokes it is copied, and the plans
//! whose faults begin in the strokes that follow are run in copies of that copy. So a plan costs
//! what comes after its fault.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc;

use crate::check::Breach;
use crate::explore::draw::Corpus;
use crate::explore::judge::drive;
use crate::explore::pair;
use crate::explore::reference::Reference;
use crate::explore::shrink;
use crate::explore::{Finding, Found, Options, Outcome, Part, Setting, Watcher};
use crate::fault::{Entry, Plan, Trigger};
use crate::scenario::world::World;
use crate::sim::time::SimTime;

/// After so many strokes the run without faults is copied.
const STRIDE: u64 = 24;

/// The stack of a thread that runs worlds.
const STACK: usize = 16 << 20;

/// A search under way.
pub(super) struct Explorer<'a> {
    pub(super) setting: &'a Setting,
    pub(super) options: &'a Options,
    watcher: &'a dyn Watcher,
    /// Runs without faults: with signs of life computed, and written for real.
    calm: Reference,
    eager: Option<Reference>,
    pub(super) found: Found,
    runs: AtomicU64,
    corpus: Corpus,
}

/// A plan that was run, and what came of it.
pub(super) struct Tried {
    pub(super) plan: Plan,
    pub(super) outcome: Outcome,
    pub(super) after_runs: u64,
}

impl<'a> Explorer<'a> {
    pub(super) fn new(
        setting: &'a Setting,
        options: &'a Options,
        watcher: &'a dyn Watcher,
    ) -> Result<Explorer<'a>, Vec<String>> {
        let calm = setting.reference(false)?;
        Ok(Explorer {
            setting,
            options,
            watcher,
            calm,
            eager: None,
            found: Found::default(),
            runs: AtomicU64::new(1),
            corpus: Corpus::new(options.seed, options.schedules),
        })
    }

    pub(super) fn explore(mut self) -> Result<Found, Vec<String>> {
        self.found.marks.take_up(&self.calm.marks);
        self.found.states.extend(self.calm.states.iter().copied());
        self.found.settles = self.calm.settled.map(|at| at.since(SimTime::ZERO));
        if let Some(breach) = self.calm.breaches.first().cloned() {
            self.found_without_faults(breach)?;
        }
        let mut all_ran = true;
        if self.wants_more() {
            for sweep in self.options.sweeps.clone() {
                let plans = sweep.plans(&self.calm);
                all_ran &= self.part(sweep.name(), plans)?;
                if !self.wants_more() {
                    break;
                }
            }
        }
        if self.options.pairs && self.wants_more() {
            let pairs = pair::pairs(&self.calm, &self.corpus);
            all_ran &= self.part("pairs", pairs)?;
        }
        if self.options.drawn {
            while self.wants_more() && !self.calm.seen.is_empty() {
                let plans = self.corpus.draw(&self.calm, 64, self.options.guided);
                self.part("drawn", plans)?;
            }
        }
        self.found.complete = all_ran;
        self.found.runs = self.runs.load(Ordering::Relaxed);
        if self.options.shrink {
            self.shrink()?;
        }
        Ok(self.found)
    }

    /// The run without faults is broken already: that is a finding without faults.
    fn found_without_faults(&mut self, breach: Breach) -> Result<(), Vec<String>> {
        let plan = Plan::default();
        let world = self.setting.world(&plan, false)?;
        let outcome = drive(self.setting, world, &plan, &self.calm);
        self.found.findings.push(Finding {
            breach,
            plan,
            faults_before: 0,
            after_runs: 1,
            end: outcome.end,
            digest: outcome.digest,
        });
        Ok(())
    }

    fn wants_more(&self) -> bool {
        let runs = self.runs.load(Ordering::Relaxed);
        self.found.findings.len() < self.options.enough && !self.options.budget.is_spent(runs)
    }

    /// Runs the plans of one part; true when all of them were run.
    fn part(&mut self, name: &'static str, plans: Vec<Plan>) -> Result<bool, Vec<String>> {
        self.watcher.part(name, plans.len());
        let begun = self.options.budget.elapsed();
        let (calm, eager): (Vec<Plan>, Vec<Plan>) = plans.into_iter().partition(Plan::is_calm);
        let count = calm.len() + eager.len();
        let mut tried = self.run_all(calm, false)?;
        if !eager.is_empty() && !self.is_done(&tried) {
            tried.extend(self.run_all(eager, true)?);
        }
        let (runs, mut broken) = (tried.len(), 0);
        for one in tried {
            broken += u64::from(self.take_up(one));
        }
        let millis = self.options.budget.elapsed() - begun;
        let (plans, runs) = (count as u64, runs as u64);
        match self.found.parts.iter_mut().find(|p| p.name == name) {
            Some(part) => {
                part.plans += plans;
                part.runs += runs;
                part.broken += broken;
                part.millis += millis;
            }
            None => self.found.parts.push(Part { name, plans, runs, broken, millis }),
        }
        Ok(runs == plans)
    }

    fn is_done(&self, tried: &[Tried]) -> bool {
        let broken = tried.iter().filter(|t| !t.outcome.breaches.is_empty()).count();
        let runs = self.runs.load(Ordering::Relaxed);
        self.found.findings.len() + broken >= self.options.enough
            || self.options.budget.is_spent(runs)
    }

    /// Takes up what came of a plan; true when it broke something.
    fn take_up(&mut self, tried: Tried) -> bool {
        let Tried { plan, outcome, after_runs } = tried;
        self.found.missed += outcome.missed as u64;
        let new_marks = self.found.marks.take_up(&outcome.marks);
        let before = self.found.states.len();
        self.found.states.extend(outcome.states.iter().copied());
        let new_states = self.found.states.len() - before;
        self.corpus.take_up(&plan, new_marks, new_states);
        let Some(breach) = outcome.breaches.into_iter().next() else {
            let slowest = self.found.slowest.as_ref().map(|(span, _)| *span);
            if let Some(span) = outcome.recovery.filter(|span| Some(*span) > slowest) {
                self.found.slowest = Some((span, plan));
            }
            return false;
        };
        let known =
            self.found.findings.iter().any(|f| f.breach.fingerprint() == breach.fingerprint());
        if !known {
            let faults_before = plan.entries.len();
            let (end, digest) = (outcome.end, outcome.digest);
            let finding = Finding { breach, plan, faults_before, after_runs, end, digest };
            self.found.findings.push(finding);
        }
        true
    }

    fn shrink(&mut self) -> Result<(), Vec<String>> {
        for finding in &mut self.found.findings {
            if finding.plan.is_empty() {
                continue;
            }
            *finding = shrink::plan(self.setting, finding)?;
        }
        Ok(())
    }

    /// The run without faults, with signs of life computed or written for real.
    fn reference(&mut self, eager: bool) -> Result<Reference, Vec<String>> {
        if !eager {
            return Ok(self.calm.clone());
        }
        if self.eager.is_none() {
            self.eager = Some(self.setting.reference(true)?);
        }
        Ok(self.eager.clone().unwrap_or_default())
    }

    /// Runs plans in copies of the run without faults.
    fn run_all(&mut self, plans: Vec<Plan>, eager: bool) -> Result<Vec<Tried>, Vec<String>> {
        if plans.is_empty() {
            return Ok(Vec::new());
        }
        let reference = self.reference(eager)?;
        let base = self.setting.world(&Plan::default(), eager)?;
        let mut queue: Vec<(u64, usize, Plan)> = plans
            .into_iter()
            .enumerate()
            .map(|(n, plan)| (first_stroke(&plan, &reference), n, plan))
            .collect();
        queue.sort_by_key(|(stroke, n, _)| (*stroke, *n));
        let results = Mutex::new(Vec::new());
        let stop = AtomicBool::new(false);
        let jobs = self.options.jobs.max(1);
        let shared =
            Shared { explorer: self, reference: &reference, results: &results, stop: &stop };
        if jobs == 1 {
            feed(base, queue, &shared, |world, n, plan| shared.run(world, n, plan));
        } else {
            let (send, receive) = mpsc::sync_channel::<(World, usize, Plan)>(jobs * 2);
            let receive = Mutex::new(receive);
            let (receive, shared) = (&receive, &shared);
            std::thread::scope(move |scope| {
                for _ in 0..jobs {
                    let work = || loop {
                        let next = receive.lock().ok().and_then(|r| r.recv().ok());
                        let Some((world, n, plan)) = next else { break };
                        shared.run(world, n, plan);
                    };
                    let thread = std::thread::Builder::new().stack_size(STACK);
                    let started = thread.spawn_scoped(scope, work);
                    started.expect("a thread can be started");
                }
                feed(base, queue, shared, |world, n, plan| {
                    let _ = send.send((world, n, plan));
                });
                drop(send);
            });
        }
        let mut all = results.into_inner().unwrap_or_default();
        all.sort_by_key(|(n, _)| *n);
        Ok(all.into_iter().map(|(_, tried)| tried).collect())
    }
}

/// What the threads of a part share.
struct Shared<'a, 'b> {
    explorer: &'a Explorer<'b>,
    reference: &'a Reference,
    results: &'a Mutex<Vec<(usize, Tried)>>,
    stop: &'a AtomicBool,
}

impl Shared<'_, '_> {
    /// Runs a plan in a copy of the run without faults, and judges it.
    fn run(&self, mut world: World, n: usize, plan: Plan) {
        if self.stop.load(Ordering::Relaxed) {
            return;
        }
        plan.entries.iter().for_each(|entry| world.arm(entry));
        world.weather_mut().count_no_more();
        let setting = self.explorer.setting;
        let run = || drive(setting, world, &plan, self.reference);
        let outcome = catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|panic| panicked(&*panic));
        let runs = self.explorer.runs.fetch_add(1, Ordering::Relaxed) + 1;
        let broken = !outcome.breaches.is_empty();
        let Ok(mut results) = self.results.lock() else { return };
        results.push((n, Tried { plan, outcome, after_runs: runs }));
        let options = self.explorer.options;
        let found = &self.explorer.found;
        let fresh = results.iter().filter(|(_, t)| !t.outcome.breaches.is_empty()).count();
        if broken && found.findings.len() + fresh >= options.enough || options.budget.is_spent(runs)
        {
            self.stop.store(true, Ordering::Relaxed);
        }
        let (states, marks) = (found.states.len(), found.marks.len());
        self.explorer.watcher.progress(runs, states, marks, found.findings.len() + fresh);
    }
}

/// The simulator itself has given up.
fn panicked(panic: &(dyn std::any::Any + Send)) -> Outcome {
    let text = panic.downcast_ref::<String>().cloned();
    let text = text.or_else(|| panic.downcast_ref::<&str>().map(|t| (*t).to_owned()));
    let what = format!("panic: {}", text.unwrap_or_else(|| "without a message".to_owned()));
    Outcome {
        breaches: vec![Breach { id: "S17", kind: None, what, at: SimTime::ZERO }],
        turns: 0,
        end: SimTime::ZERO,
        recovery: None,
        digest: crate::sim::digest::DigestValue::default(),
        missed: 0,
        marks: crate::check::marks::Marks::default(),
        states: std::collections::BTreeSet::new(),
    }
}

/// Goes through the run without faults and hands out copies of it.
fn feed(
    mut base: World,
    queue: Vec<(u64, usize, Plan)>,
    shared: &Shared<'_, '_>,
    mut hand: impl FnMut(World, usize, Plan),
) {
    base.weather_mut().count_all();
    let mut copy = base.clone();
    let (mut stroke, mut copied) = (0, 0);
    for (first, n, plan) in queue {
        if shared.stop.load(Ordering::Relaxed) {
            return;
        }
        // The copy must be from before the stroke in which the first fault comes.
        while stroke + STRIDE < first {
            for _ in 0..STRIDE {
                base.go_on();
                base.weather_mut().take_seen();
            }
            stroke += STRIDE;
        }
        if copied != stroke {
            (copy, copied) = (base.clone(), stroke);
        }
        hand(copy.clone(), n, plan);
    }
}

/// The stroke in which the first fault of a plan comes, if all is as without faults until then.
fn first_stroke(plan: &Plan, reference: &Reference) -> u64 {
    let strokes = plan.entries.iter().map(|entry| stroke_of(entry, reference));
    strokes.min().unwrap_or(0)
}

fn stroke_of(entry: &Entry, reference: &Reference) -> u64 {
    match &entry.trigger {
        Trigger::At(at) => reference.stroke_before(SimTime::ZERO + *at),
        Trigger::When(what, n) => {
            let mut meant = reference.seen.iter().filter(|o| o.what.is(what));
            let place = (*n).max(1) as usize - 1;
            // What does not occur without faults can come at any time.
            meant.nth(place).map_or(0, |o| o.stroke.saturating_sub(1))
        }
    }
}
