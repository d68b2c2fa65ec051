//! The search for plans of faults that break what must hold.
//!
//! Responsible for which plans are tried and in which order: first the run without faults, then
//! every single fault at every place where it can matter, pairs of which the second falls into the
//! recovery from the first, and plans that are drawn: all of these by turns. It runs worlds and
//! judges them; it changes nothing in how a world runs, and a plan that it gives breaks the same
//! thing whenever it is run.

pub mod budget;
mod draw;
mod fork;
pub mod judge;
mod pair;
pub mod reference;
mod round;
pub mod shrink;
pub mod story;
pub mod sweep;
pub mod token;
pub mod written;

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::api::object::Kind;
use crate::check::Breach;
use crate::check::marks::Marks;
use crate::explore::budget::Budget;
use crate::explore::judge::{Oracle, Property};
use crate::explore::reference::Reference;
use crate::explore::sweep::Sweep;
use crate::fault::Plan;
use crate::scenario::load::Described;
use crate::scenario::spec::Until;
use crate::scenario::world::{Extras, World};
use crate::sim::digest::DigestValue;
use crate::sim::time::{SimDuration, SimTime};

/// A world that is searched: how it begins, and what must hold in it.
#[derive(Clone)]
pub struct Setting {
    /// What is run.
    pub described: Arc<Described>,
    /// The seed of all its runs.
    pub seed: u64,
    /// The end in place of the scenario's.
    pub until: Option<Until>,
    /// What the scenario's file cannot say; its plan is part of every run.
    pub extras: Extras,
    /// What is judged beside the invariants.
    pub oracle: Oracle,
    /// Properties of the user's own.
    pub properties: Vec<Arc<dyn Property>>,
    /// Kinds of which no more may be deleted than without faults.
    pub precious: Vec<Kind>,
}

/// How a search is done.
#[derive(Clone, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a question of its own")]
pub struct Options {
    /// Which single faults are tried everywhere.
    pub sweeps: Vec<Sweep>,
    /// Whether pairs are tried.
    pub pairs: bool,
    /// Whether plans are drawn as long as the budget lasts.
    pub drawn: bool,
    /// Whether what was new guides what is drawn.
    pub guided: bool,
    /// Whether drawn plans also run under other schedules of messages.
    pub schedules: bool,
    /// Whether plans that were found are made smaller.
    pub shrink: bool,
    /// How much may be done.
    pub budget: Budget,
    /// How many worlds run at once.
    pub jobs: usize,
    /// After so many different failures the search ends.
    pub enough: usize,
    /// What is drawn follows from it.
    pub seed: u64,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            sweeps: Sweep::ALL.to_vec(),
            pairs: true,
            drawn: true,
            guided: true,
            schedules: true,
            shrink: true,
            budget: Budget::runs(2_000),
            jobs: 1,
            enough: 1,
            seed: 0,
        }
    }
}

impl Options {
    /// The parts of a search that it can do without.
    pub const PARTS: &'static [&'static str] =
        &["sweeps", "pairs", "drawn", "guidance", "schedules", "shrink"];

    /// The same search without one of its parts.
    ///
    /// # Errors
    /// When there is no such part.
    pub fn without(mut self, part: &str) -> Result<Options, String> {
        match part {
            "sweeps" => self.sweeps.clear(),
            "pairs" => self.pairs = false,
            "drawn" => self.drawn = false,
            "guidance" => self.guided = false,
            "schedules" => self.schedules = false,
            "shrink" => self.shrink = false,
            _ => {
                let known = Options::PARTS.join(", ");
                return Err(format!("there is no part `{part}`, only {known}"));
            }
        }
        Ok(self)
    }
}

/// A plan that breaks something.
#[derive(Clone, Debug)]
pub struct Finding {
    /// What is broken.
    pub breach: Breach,
    /// By which faults; without any, the run without faults breaks it.
    pub plan: Plan,
    /// How many faults the plan had before it was made smaller.
    pub faults_before: usize,
    /// After how many runs it was found.
    pub after_runs: u64,
    /// After how many milliseconds of the budget's clock it was found.
    pub after_millis: u64,
    /// The end of the run.
    pub end: SimTime,
    /// The digest of the run.
    pub digest: DigestValue,
}

/// What came of one run.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// What was broken, the worst first.
    pub breaches: Vec<Breach>,
    /// Turns of the engine, from the beginning of the run.
    pub turns: u64,
    /// The end of the run.
    pub end: SimTime,
    /// The digest of the run.
    pub digest: DigestValue,
    /// From the last fault's begin or end to the instant since which nothing was left to do.
    pub recovery: Option<SimDuration>,
    /// Faults that hit nothing.
    pub missed: usize,
    /// What was reached.
    pub marks: Marks,
    /// States that were met, as numbers.
    pub states: BTreeSet<u64>,
}

/// What came of a search.
#[derive(Clone, Default, Debug)]
pub struct Found {
    /// How many worlds were run.
    pub runs: u64,
    /// How many of them by each part of the search.
    pub parts: Vec<Part>,
    /// Different states that were met.
    pub states: BTreeSet<u64>,
    /// What was reached.
    pub marks: Marks,
    /// The longest recovery, and from what; of runs that broke nothing.
    pub slowest: Option<(SimDuration, Plan)>,
    /// After how long the run without faults has nothing left to do.
    pub settles: Option<SimDuration>,
    /// How many faults hit nothing.
    pub missed: u64,
    /// What was found.
    pub findings: Vec<Finding>,
    /// Whether everything that was to be done was done within the budget.
    pub complete: bool,
}

/// One part of a search.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Part {
    /// Its name.
    pub name: &'static str,
    /// How many plans it had.
    pub plans: u64,
    /// How many of them were run.
    pub runs: u64,
    /// How many broke something.
    pub broken: u64,
    /// How many milliseconds of the budget's clock it took.
    pub millis: u64,
}

/// What is told while a search goes on.
pub trait Watcher: Sync {
    /// The search begins, and so many single faults are to be tried.
    fn begins(&self, _plans: u64) {}
    /// So far so many runs, states, marks and findings.
    fn progress(&self, _runs: u64, _states: usize, _marks: usize, _findings: usize) {}
}

/// Nobody watches.
pub struct Nobody;

impl Watcher for Nobody {}

impl Setting {
    /// The setting of a scenario, judged by its expectations and all that must always hold.
    pub fn new(described: Arc<Described>, seed: u64) -> Setting {
        Setting {
            described,
            seed,
            until: None,
            extras: Extras::default(),
            oracle: Oracle::default(),
            properties: Vec::new(),
            precious: Vec::new(),
        }
    }

    /// The world at its beginning with a plan of faults; `eager` when signs of life are to be
    /// written for real whatever the plan.
    ///
    /// # Errors
    /// What in the scenario cannot be carried out, in words.
    pub fn world(&self, plan: &Plan, eager: bool) -> Result<World, Vec<String>> {
        let mut extras = self.extras.clone();
        extras.plan.entries.extend(plan.entries.iter().cloned());
        extras.eager |= eager;
        let mut world = World::with(self.described.clone(), self.seed, self.until, extras)?;
        world.search();
        Ok(world)
    }

    /// Runs a plan from the beginning and judges it.
    ///
    /// # Errors
    /// What in the scenario cannot be carried out, in words.
    pub fn try_plan(&self, plan: &Plan) -> Result<Outcome, Vec<String>> {
        self.try_with(plan, &self.reference(!plan.is_calm())?)
    }

    /// The same, where the run without faults is known.
    fn try_with(&self, plan: &Plan, reference: &Reference) -> Result<Outcome, Vec<String>> {
        let world = self.world(plan, false)?;
        Ok(judge::drive(self, world, plan, reference))
    }

    /// The run without faults.
    ///
    /// # Errors
    /// What in the scenario cannot be carried out, in words.
    pub fn reference(&self, eager: bool) -> Result<Reference, Vec<String>> {
        let world = self.world(&Plan::default(), eager)?;
        Ok(Reference::run(self, world, |_, _| ()))
    }
}

/// Searches.
///
/// # Errors
/// What in the scenario cannot be carried out, in words.
pub fn explore(
    setting: &Setting,
    options: &Options,
    watcher: &dyn Watcher,
) -> Result<Found, Vec<String>> {
    fork::Explorer::new(setting, options, watcher)?.explore()
}
