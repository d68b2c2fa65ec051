//! Plans that are drawn, and the corpus of those that showed something new.
//!
//! Each draw takes some families of faults and leaves others out, so that one does not drown the
//! rest; half of them run under another schedule of messages. With guidance every other plan is
//! one of the corpus, changed.

use crate::explore::reference::{Occurred, Reference};
use crate::explore::sweep::Sweep;
use crate::fault::parameter::Shuffle;
use crate::fault::plan::Entry;
use crate::fault::{Fault, Plan, Trigger};
use crate::sim::rng::Rng;
use crate::sim::time::SimDuration;

/// The corpus keeps so many plans.
const KEPT: usize = 256;

/// Plans that showed something new, and the stream from which more are drawn.
pub(super) struct Corpus {
    rng: Rng,
    kept: Vec<(usize, Plan)>,
    /// The single faults of each family, once they were asked for.
    families: Vec<Vec<Plan>>,
    /// Whether plans also run under other schedules of messages.
    schedules: bool,
}

impl Corpus {
    pub(super) fn new(seed: u64, schedules: bool) -> Corpus {
        let rng = Rng::named(seed, "explore");
        Corpus { rng, kept: Vec::new(), families: Vec::new(), schedules }
    }

    /// Keeps a plan that has shown something new.
    pub(super) fn take_up(&mut self, plan: &Plan, marks: usize, states: usize) {
        let worth = marks * 20 + states;
        if worth == 0 || plan.is_empty() {
            return;
        }
        let place = self.kept.partition_point(|(w, _)| *w >= worth);
        self.kept.insert(place, (worth, plan.clone()));
        self.kept.truncate(KEPT);
    }

    /// The plans that have shown most.
    pub(super) fn most_telling(&self, most: usize) -> Vec<Plan> {
        self.kept.iter().take(most).map(|(_, plan)| plan.clone()).collect()
    }

    /// Draws plans.
    pub(super) fn draw(&mut self, reference: &Reference, count: usize, guided: bool) -> Vec<Plan> {
        if self.families.is_empty() {
            self.families = Sweep::ALL.iter().map(|sweep| sweep.plans(reference)).collect();
            self.families.retain(|family| !family.is_empty());
        }
        if self.families.is_empty() {
            return Vec::new();
        }
        (0..count).map(|n| self.one(reference, guided && n % 2 == 1)).collect()
    }

    fn one(&mut self, reference: &Reference, guided: bool) -> Plan {
        let mut plan = Plan::default();
        if guided && !self.kept.is_empty() {
            let place = self.below(self.kept.len());
            plan = self.kept[place].1.clone();
            self.change(&mut plan, reference);
        }
        // Some families of this plan's own.
        let families: Vec<usize> =
            (0..self.families.len()).filter(|_| self.rng.chance(1, 3)).collect();
        let faults = self.rng.between(1, 4);
        for _ in 0..faults {
            let family = match families.len() {
                0 => self.below(self.families.len()),
                n => families[self.below(n)],
            };
            let place = self.below(self.families[family].len());
            plan.entries.extend(self.families[family][place].entries.iter().cloned());
        }
        if self.rng.chance(1, 2) && self.schedules {
            let most = [1, 5, 20, 80, 400][self.below(5)];
            let shuffle = Shuffle {
                seed: self.rng.bits() >> 1,
                most: SimDuration::millis(most),
                ranks: self.rng.chance(1, 2),
            };
            let span = Some(reference.finish.since(crate::sim::time::SimTime::ZERO));
            plan.entries.push(Entry::at(SimDuration::ZERO, Fault::Shuffle(shuffle), span));
        }
        plan.entries.truncate(8);
        plan
    }

    /// Changes a plan in one place: a fault less, later, sooner, longer or shorter.
    fn change(&mut self, plan: &mut Plan, reference: &Reference) {
        if plan.entries.is_empty() {
            return;
        }
        let place = self.below(plan.entries.len());
        let pick = self.rng.below(3);
        if pick == 0 && plan.entries.len() > 1 {
            plan.entries.remove(place);
            return;
        }
        let entry = &mut plan.entries[place];
        if pick == 1 {
            let factor = [1, 2, 6, 20][usize::try_from(self.rng.below(4)).unwrap_or(0)];
            entry.inject.duration = entry.inject.duration.map(|span| {
                if self.rng.chance(1, 2) {
                    span.times(factor)
                } else {
                    SimDuration(span.0 / factor)
                }
            });
            return;
        }
        match &mut entry.trigger {
            Trigger::At(at) => *at = SimDuration(self.rng.below(reference.finish.0.max(1))),
            Trigger::When(what, n) => {
                let meant = |o: &&Occurred| o.what.is(what);
                let most = reference.seen.iter().filter(meant).count().max(1) as u64;
                *n = u32::try_from(1 + self.rng.below(most)).unwrap_or(1);
            }
        }
    }

    fn below(&mut self, n: usize) -> usize {
        usize::try_from(self.rng.below(n.max(1) as u64)).unwrap_or(0)
    }
}
