//! What containers use: CPU, memory and disk, as their image and their part of a load say.
//!
//! Nothing is counted while nobody looks: usage is a function of time, and what it was at an
//! instant not long ago is computed when somebody asks.

use std::sync::Arc;

use crate::sim::curve::{Curve, reaches};
use crate::sim::time::{SimDuration, SimTime};

/// What a container of an image uses, by its age.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Nature {
    /// CPU, in thousandths.
    pub cpu: Curve,
    /// Memory, in bytes.
    pub memory: Curve,
    /// What it has written to disk, in bytes.
    pub disk: Curve,
}

impl Default for Nature {
    /// A container of which nothing is said uses a little, so that it is seen.
    fn default() -> Self {
        let (cpu, memory) = (Curve::constant(1), Curve::constant(1 << 20));
        Nature { cpu, memory, disk: Curve::default() }
    }
}

/// A load that the endpoints of a service share, by the time of the run.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Load {
    /// CPU, in thousandths.
    pub cpu: Curve,
    /// Memory, in bytes.
    pub memory: Curve,
}

/// The part of a load that a pod carries, over time.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Share {
    /// The number of the load.
    pub load: usize,
    steps: Vec<Step>,
}

/// From an instant on a pod carries one part in so many.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Step {
    from: SimTime,
    /// 0 for none of it.
    parts: u32,
    /// CPU that the pod has spent on the load before, in thousandths times nanoseconds.
    before: u128,
}

/// Steps that are older than this are not asked for any more.
const REMEMBERED: SimDuration = SimDuration::secs(120);

fn age(at: SimTime) -> SimDuration {
    SimDuration(at.0)
}

impl Share {
    /// A pod carries a load for the first time.
    pub fn of(load: usize) -> Share {
        Share { load, steps: Vec::new() }
    }

    fn step(&self, at: SimTime) -> Option<&Step> {
        self.steps.iter().rfind(|s| s.from <= at)
    }

    /// CPU that was spent on the load up to an instant, in thousandths times nanoseconds.
    fn spent(&self, load: &Load, at: SimTime) -> u128 {
        let Some(step) = self.step(at) else { return 0 };
        let area = load.cpu.area(age(step.from), age(at));
        step.before + area.checked_div(u128::from(step.parts)).unwrap_or(0)
    }

    /// Memory that the load takes at an instant, in bytes.
    fn memory(&self, load: &Load, at: SimTime) -> u64 {
        let parts = self.step(at).map_or(0, |s| u64::from(s.parts));
        load.memory.at(age(at)).checked_div(parts).unwrap_or(0)
    }

    /// From now on the pod carries one part in so many.
    pub fn change(&mut self, load: &Load, parts: u32, now: SimTime) {
        let before = self.spent(load, now);
        self.steps.push(Step { from: now, parts, before });
        while self.steps.len() > 1 && now.since(self.steps[1].from) > REMEMBERED {
            self.steps.remove(0);
        }
    }
}

/// What a container uses: its nature, and what its pod carries of loads.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Figures {
    /// By its image.
    pub nature: Arc<Nature>,
    /// The memory that it may use at most, in bytes; 0 for any.
    pub limit: u64,
    /// Whether it is the one of its pod that carries the loads.
    pub carries: bool,
    /// What its pod had spent on its loads when it started, in thousandths times nanoseconds.
    pub spent_before: u128,
    /// When it ends by itself, and with which code, if it meets no limit.
    pub natural_end: (SimTime, i32),
}

/// Which container, of which pod, when.
#[derive(Clone, Copy)]
pub struct Sight<'a> {
    /// What it uses; none for the usual.
    pub figures: Option<&'a Figures>,
    /// Since when it has run.
    pub started: SimTime,
    /// What its pod carries.
    pub shares: &'a [Share],
    /// All loads.
    pub loads: &'a [Load],
}

impl Sight<'_> {
    fn nature(&self) -> &Nature {
        static USUAL: std::sync::LazyLock<Nature> = std::sync::LazyLock::new(Nature::default);
        self.figures.map_or(&USUAL, |f| &f.nature)
    }

    fn carried(&self) -> impl Iterator<Item = (&Share, &Load)> {
        let carries = self.figures.is_some_and(|f| f.carries);
        let shares = if carries { self.shares } else { &[] };
        shares.iter().filter_map(|s| Some((s, self.loads.get(s.load)?)))
    }

    /// What its pod has spent on loads up to an instant.
    pub fn spent(&self, at: SimTime) -> u128 {
        self.carried().map(|(share, load)| share.spent(load, at)).sum()
    }

    /// CPU that it has used up to an instant, in nanoseconds.
    pub fn cpu(&self, at: SimTime) -> u64 {
        let own = self.nature().cpu.area(SimDuration::ZERO, at.since(self.started));
        let before = self.figures.map_or(0, |f| f.spent_before);
        let all = own + self.spent(at).saturating_sub(before);
        u64::try_from(all / 1_000).unwrap_or(u64::MAX)
    }

    /// Memory that it uses at an instant, in bytes.
    pub fn memory(&self, at: SimTime) -> u64 {
        let own = self.nature().memory.at(at.since(self.started));
        own + self.carried().map(|(share, load)| share.memory(load, at)).sum::<u64>()
    }

    /// What it has written to disk up to an instant, in bytes.
    pub fn disk(&self, at: SimTime) -> u64 {
        self.nature().disk.at(at.since(self.started))
    }

    /// The instants after `now` at which its memory or disk takes another course.
    pub fn turns(&self, now: SimTime) -> impl Iterator<Item = SimDuration> {
        let nature = self.nature();
        let grown = now.since(self.started);
        let start = age(self.started);
        let own =
            [&nature.memory, &nature.disk].into_iter().flat_map(move |c| c.turns_after(grown));
        let own = own.map(move |t| start + t).collect::<Vec<_>>();
        let carried = self.carried().flat_map(|(_, load)| load.memory.turns_after(age(now)));
        own.into_iter().chain(carried.collect::<Vec<_>>())
    }

    /// Whether memory and disk stay as they are.
    pub fn is_steady(&self) -> bool {
        let nature = self.nature();
        nature.memory.is_constant()
            && nature.disk.is_constant()
            && self.carried().all(|(_, load)| load.memory.is_constant())
    }

    /// When it first uses more memory than it may, from an instant on; none within a day.
    pub fn over_limit(&self, now: SimTime) -> Option<SimTime> {
        let limit = self.figures.map_or(0, |f| f.limit);
        if limit == 0 {
            return None;
        }
        let horizon = age(now) + SimDuration::secs(86_400);
        let turns = self.turns(now).collect();
        let memory = |t: SimDuration| self.memory(SimTime(t.0));
        reaches(limit + 1, age(now), horizon, turns, memory).map(|t| SimTime(t.0))
    }
}
