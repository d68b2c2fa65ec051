//! Runs plans: each in a copy of the run without faults, taken just before its first fault.
//!
//! The run without faults is gone through once and copied every so many strokes; a plan is run in
//! a copy of the last of them that is from before its first fault. So a plan costs what comes after
//! its fault, in whichever order plans are run.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc;

use crate::check::Breach;
use crate::explore::draw::Corpus;
use crate::explore::judge::drive;
use crate::explore::reference::Reference;
use crate::explore::round::Rounds;
use crate::explore::shrink;
use crate::explore::{Finding, Found, Options, Outcome, Setting, Watcher};
use crate::fault::{Entry, Plan, Trigger};
use crate::scenario::world::World;
use crate::sim::time::SimTime;

/// The stack of a thread that runs worlds.
const STACK: usize = 16 << 20;

/// A search under way.
pub(super) struct Explorer<'a> {
    pub(super) setting: &'a Setting,
    pub(super) options: &'a Options,
    watcher: &'a dyn Watcher,
    /// Runs without faults: with signs of life computed, and written for real.
    calm: Base,
    eager: Option<Base>,
    pub(super) found: Found,
    runs: AtomicU64,
    corpus: Corpus,
}

/// A run without faults, and copies of it to begin from.
struct Base {
    reference: Reference,
    copies: Copies,
}

/// A plan that was run, and what came of it.
pub(super) struct Tried {
    pub(super) plan: Plan,
    pub(super) outcome: Outcome,
    pub(super) after_runs: u64,
    /// Turns from the copy on.
    turns: u64,
    /// What the budget's clock said before and after.
    millis: (u64, u64),
}

impl<'a> Explorer<'a> {
    pub(super) fn new(
        setting: &'a Setting,
        options: &'a Options,
        watcher: &'a dyn Watcher,
    ) -> Result<Explorer<'a>, Vec<String>> {
        Ok(Explorer {
            setting,
            options,
            watcher,
            calm: Base::of(setting, false)?,
            eager: None,
            found: Found::default(),
            runs: AtomicU64::new(1),
            corpus: Corpus::new(options.seed),
        })
    }

    pub(super) fn explore(mut self) -> Result<Found, Vec<String>> {
        self.found.marks.take_up(&self.calm.reference.marks);
        self.found.states.extend(self.calm.reference.states.iter().copied());
        if let Some(breach) = self.calm.reference.breaches.first().cloned() {
            self.found_without_faults(breach)?;
        }
        if self.wants_more() {
            let mut rounds = Rounds::new(self.options, &self.calm.reference);
            self.watcher.begins(rounds.singles());
            while self.wants_more() {
                let batch = rounds.next(&self.calm.reference, &mut self.corpus);
                if batch.is_empty() {
                    break;
                }
                self.round(&mut rounds, batch)?;
            }
            self.found.complete = rounds.are_complete();
            self.found.parts = rounds.told();
        }
        self.found.runs = self.runs.load(Ordering::Relaxed);
        if self.options.shrink {
            self.shrink()?;
        }
        Ok(self.found)
    }

    /// Runs the plans of one round.
    fn round(&mut self, rounds: &mut Rounds, batch: Vec<(usize, Plan)>) -> Result<(), Vec<String>> {
        if self.eager.is_none() && batch.iter().any(|(_, plan)| !plan.is_calm()) {
            self.eager = Some(Base::of(self.setting, true)?);
        }
        for (part, tried) in self.run_all(batch) {
            let (turns, millis) = (tried.turns, tried.millis.1 - tried.millis.0);
            let broke = self.take_up(tried);
            rounds.ran(part, turns, millis, broke);
        }
        Ok(())
    }

    /// The run without faults is broken already: that is a finding without faults.
    fn found_without_faults(&mut self, breach: Breach) -> Result<(), Vec<String>> {
        let plan = Plan::default();
        let world = self.setting.world(&plan, false)?;
        let outcome = drive(self.setting, world, &plan, &self.calm.reference);
        self.found.findings.push(Finding {
            breach,
            plan,
            faults_before: 0,
            after_runs: 1,
            after_millis: self.options.budget.elapsed(),
            end: outcome.end,
            digest: outcome.digest,
        });
        Ok(())
    }

    fn wants_more(&self) -> bool {
        let runs = self.runs.load(Ordering::Relaxed);
        self.found.findings.len() < self.options.enough && !self.options.budget.is_spent(runs)
    }

    /// Takes up what came of a plan; true when it broke something.
    fn take_up(&mut self, tried: Tried) -> bool {
        let Tried { plan, outcome, after_runs, millis: (_, after_millis), .. } = tried;
        self.found.missed += outcome.missed as u64;
        let new_marks = self.found.marks.take_up(&outcome.marks);
        let before = self.found.states.len();
        self.found.states.extend(outcome.states.iter().copied());
        let new_states = self.found.states.len() - before;
        self.corpus.take_up(&plan, new_marks, new_states);
        let Some(breach) = outcome.breaches.into_iter().next() else { return false };
        let known =
            self.found.findings.iter().any(|f| f.breach.fingerprint() == breach.fingerprint());
        if !known {
            let faults_before = plan.entries.len();
            let (end, digest) = (outcome.end, outcome.digest);
            let finding =
                Finding { breach, plan, faults_before, after_runs, after_millis, end, digest };
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

    /// The run without faults from which a plan is run.
    fn base(&self, plan: &Plan) -> &Base {
        if plan.is_calm() { &self.calm } else { self.eager.as_ref().unwrap_or(&self.calm) }
    }

    /// Runs plans in copies of the run without faults; what came of them is in their order.
    fn run_all(&self, batch: Vec<(usize, Plan)>) -> Vec<(usize, Tried)> {
        let results = Mutex::new(Vec::new());
        let stop = AtomicBool::new(false);
        let jobs = self.options.jobs.max(1).min(batch.len());
        let eager = self.eager.as_ref().unwrap_or(&self.calm);
        let shared = Shared {
            setting: self.setting,
            options: self.options,
            watcher: self.watcher,
            calm: &self.calm.reference,
            eager: &eager.reference,
            runs: &self.runs,
            known: (self.found.states.len(), self.found.marks.len(), self.found.findings.len()),
            results: &results,
            stop: &stop,
        };
        let numbered = batch.into_iter().enumerate();
        let tasks = numbered.map(|(number, (part, plan))| Task { number, part, plan });
        if jobs == 1 {
            tasks.for_each(|task| {
                let world = self.base(&task.plan).world(&task.plan);
                shared.run(world, task);
            });
        } else {
            self.run_on_threads(jobs, tasks, &shared);
        }
        let mut all = results.into_inner().unwrap_or_default();
        all.sort_by_key(|(number, ..)| *number);
        all.into_iter().map(|(_, part, tried)| (part, tried)).collect()
    }
}

impl Explorer<'_> {
    /// Worlds are copied here and run on other threads.
    fn run_on_threads(&self, jobs: usize, tasks: impl Iterator<Item = Task>, shared: &Shared<'_>) {
        let (send, receive) = mpsc::sync_channel::<(World, Task)>(jobs);
        let receive = Mutex::new(receive);
        let receive = &receive;
        std::thread::scope(|scope| {
            for _ in 0..jobs {
                let work = move || loop {
                    let next = receive.lock().ok().and_then(|r| r.recv().ok());
                    let Some((world, task)) = next else { break };
                    shared.run(world, task);
                };
                let thread = std::thread::Builder::new().stack_size(STACK);
                let started = thread.spawn_scoped(scope, work);
                started.expect("a thread can be started");
            }
            for task in tasks {
                let _ = send.send((self.base(&task.plan).world(&task.plan), task));
            }
            drop(send);
        });
    }
}

impl Base {
    fn of(setting: &Setting, eager: bool) -> Result<Base, Vec<String>> {
        let world = setting.world(&Plan::default(), eager)?;
        let mut copies = Copies::of(&world);
        let reference = Reference::run(setting, world, |stroke, world| copies.offer(stroke, world));
        Ok(Base { reference, copies })
    }

    /// A copy from before the first fault of a plan.
    fn world(&self, plan: &Plan) -> World {
        self.copies.before(first_stroke(plan, &self.reference)).clone()
    }
}

/// Copies of a run, evenly over it: the n-th is from after `n * stride` strokes.
struct Copies {
    stride: u64,
    worlds: Vec<World>,
}

/// At most so many copies of a run are kept.
const COPIES: usize = 64;

impl Copies {
    fn of(begin: &World) -> Copies {
        let mut begin = begin.clone();
        begin.weather_mut().count_all();
        Copies { stride: 8, worlds: vec![begin] }
    }

    fn offer(&mut self, stroke: u64, world: &World) {
        if !stroke.is_multiple_of(self.stride) {
            return;
        }
        self.worlds.push(world.clone());
        if self.worlds.len() > COPIES {
            let mut n = 0;
            self.worlds.retain(|_| {
                n += 1;
                n % 2 == 1
            });
            self.stride *= 2;
        }
    }

    /// The last copy from before a stroke.
    fn before(&self, stroke: u64) -> &World {
        let place = stroke.saturating_sub(1) / self.stride;
        let last = self.worlds.len() - 1;
        &self.worlds[usize::try_from(place).unwrap_or(last).min(last)]
    }
}

/// A plan that is to be run, the part that it is of, and its number in the round.
struct Task {
    number: usize,
    part: usize,
    plan: Plan,
}

/// What the threads of a round share.
struct Shared<'a> {
    setting: &'a Setting,
    options: &'a Options,
    watcher: &'a dyn Watcher,
    calm: &'a Reference,
    eager: &'a Reference,
    runs: &'a AtomicU64,
    /// States, marks and findings before the round.
    known: (usize, usize, usize),
    results: &'a Mutex<Vec<(usize, usize, Tried)>>,
    stop: &'a AtomicBool,
}

impl Shared<'_> {
    /// Runs a plan in a copy of the run without faults, and judges it.
    fn run(&self, mut world: World, task: Task) {
        if self.stop.load(Ordering::Relaxed) {
            return;
        }
        let Task { number, part, plan } = task;
        let begun = (world.cluster().engine.turns(), self.options.budget.elapsed());
        plan.entries.iter().for_each(|entry| world.arm(entry));
        world.weather_mut().count_no_more();
        let reference = if plan.is_calm() { self.calm } else { self.eager };
        let run = || drive(self.setting, world, &plan, reference);
        let outcome = catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|panic| panicked(&*panic));
        let runs = self.runs.fetch_add(1, Ordering::Relaxed) + 1;
        let turns = outcome.turns.saturating_sub(begun.0);
        let millis = (begun.1, self.options.budget.elapsed());
        let Ok(mut results) = self.results.lock() else { return };
        results.push((number, part, Tried { plan, outcome, after_runs: runs, turns, millis }));
        let fresh = results.iter().filter(|(.., t)| !t.outcome.breaches.is_empty()).count();
        let (states, marks, findings) = self.known;
        let enough = fresh > 0 && findings + fresh >= self.options.enough;
        if enough || self.options.budget.is_spent(runs) {
            self.stop.store(true, Ordering::Relaxed);
        }
        self.watcher.progress(runs, states, marks, findings + fresh);
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
        digest: crate::sim::digest::DigestValue::default(),
        missed: 0,
        marks: crate::check::marks::Marks::default(),
        states: std::collections::BTreeSet::new(),
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
