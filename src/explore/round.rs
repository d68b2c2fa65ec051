//! In which order plans are run: every part of the search has its turn from the beginning, and
//! within a part unlike plans come before like ones.
//!
//! A part that is cheap, or complete early, must not wait for one that is dear, so each round
//! allows every part the same amount of work, counted in turns of the engine. What comes next
//! follows from what was run so far and from nothing else.

use std::collections::{BTreeMap, VecDeque};

use crate::explore::draw::Corpus;
use crate::explore::pair::Pairs;
use crate::explore::reference::Reference;
use crate::explore::{Options, Part};
use crate::fault::{Entry, Fault, Plan, Trigger};
use crate::sim::time::SimDuration;

/// A round allows each part at least so many turns.
const LEAST: u64 = 500;

/// Pairs are formed once so many rounds have shown which single faults tell most.
const PAIRS_FROM: u64 = 6;

/// So many plans are drawn at once.
const DRAWN: usize = 16;

/// The parts of a search, and what is left of each.
pub(super) struct Rounds {
    parts: Vec<Queue>,
    round: u64,
    /// How many turns a round allows each part.
    allowed: u64,
    pairs: Option<Pairs>,
    guided: bool,
}

/// One part.
struct Queue {
    told: Part,
    plans: VecDeque<Plan>,
    source: Source,
    /// Turns that its runs took.
    spent: u64,
}

/// Where a part's plans come from once those it has are run.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Source {
    /// From nowhere: it had all of them at the beginning.
    Sweep,
    /// From plans that have shown something new.
    Pairs,
    /// They are drawn.
    Drawn,
}

impl Rounds {
    pub(super) fn new(options: &Options, reference: &Reference) -> Rounds {
        let mut parts: Vec<Queue> = options
            .sweeps
            .iter()
            .map(|sweep| {
                let plans = unlike_first(sweep.plans(reference));
                Queue::new(sweep.name(), plans.into(), Source::Sweep)
            })
            .collect();
        if options.pairs {
            parts.push(Queue::new("pairs", VecDeque::new(), Source::Pairs));
        }
        if options.drawn && !reference.seen.is_empty() {
            parts.push(Queue::new("drawn", VecDeque::new(), Source::Drawn));
        }
        let allowed = reference.turns.max(LEAST);
        let pairs = options.pairs.then(Pairs::default);
        Rounds { parts, round: 0, allowed, pairs, guided: options.guided }
    }

    /// The plans of the next round, each with the number of its part; none when all is done.
    pub(super) fn next(
        &mut self,
        reference: &Reference,
        corpus: &mut Corpus,
    ) -> Vec<(usize, Plan)> {
        let mut batch = Vec::new();
        while batch.is_empty() {
            self.round += 1;
            let sweeps_are_done =
                self.parts.iter().all(|p| p.source != Source::Sweep || p.plans.is_empty());
            for number in 0..self.parts.len() {
                self.refill(number, sweeps_are_done, reference, corpus);
                let allowed = self.round * self.allowed;
                let part = &mut self.parts[number];
                batch.extend(part.take(allowed, self.allowed).map(|plan| (number, plan)));
            }
            if sweeps_are_done && self.parts.iter().all(|p| p.plans.is_empty()) {
                break;
            }
        }
        batch
    }

    fn refill(&mut self, number: usize, done: bool, reference: &Reference, corpus: &mut Corpus) {
        let part = &mut self.parts[number];
        if !part.plans.is_empty() {
            return;
        }
        let more = match (part.source, &mut self.pairs) {
            (Source::Pairs, Some(pairs)) if done || self.round >= PAIRS_FROM => {
                pairs.next(reference, corpus)
            }
            (Source::Drawn, _) => corpus.draw(reference, DRAWN, self.guided),
            (Source::Sweep | Source::Pairs, _) => Vec::new(),
        };
        part.told.plans += more.len() as u64;
        part.plans.extend(more);
    }

    /// How many single faults are to be tried.
    pub(super) fn singles(&self) -> u64 {
        self.parts.iter().map(|part| part.told.plans).sum()
    }

    /// A plan of a part was run: how many turns and milliseconds it took.
    pub(super) fn ran(&mut self, number: usize, turns: u64, millis: u64, broke: bool) {
        let part = &mut self.parts[number];
        part.spent += turns;
        part.told.runs += 1;
        part.told.millis += millis;
        part.told.broken += u64::from(broke);
    }

    /// Whether every plan of every sweep was run, and every pair.
    pub(super) fn are_complete(&self) -> bool {
        self.parts.iter().all(|p| p.source == Source::Drawn || p.told.runs == p.told.plans)
    }

    /// What was done, part by part.
    pub(super) fn told(self) -> Vec<Part> {
        self.parts.into_iter().map(|part| part.told).filter(|told| told.plans > 0).collect()
    }
}

impl Queue {
    fn new(name: &'static str, plans: VecDeque<Plan>, source: Source) -> Queue {
        let told = Part { name, plans: plans.len() as u64, runs: 0, broken: 0, millis: 0 };
        Queue { told, plans, source, spent: 0 }
    }

    /// As many plans as are expected to take what is allowed so far.
    fn take(&mut self, allowed: u64, unknown: u64) -> impl Iterator<Item = Plan> + use<'_> {
        let each = self.spent.checked_div(self.told.runs).unwrap_or(unknown).max(1);
        let left = allowed.saturating_sub(self.spent);
        let count = usize::try_from(left.div_ceil(each)).unwrap_or(usize::MAX);
        let count = count.min(self.plans.len());
        self.plans.drain(..count)
    }
}

/// The same plans in another order: each kind of plan has its first before any has its second,
/// and those of one kind are taken from all over the run.
fn unlike_first(plans: Vec<Plan>) -> Vec<Plan> {
    let mut kinds: Vec<Vec<Plan>> = Vec::new();
    let mut known: BTreeMap<String, usize> = BTreeMap::new();
    for plan in plans {
        let place = *known.entry(kind_of(&plan)).or_insert(kinds.len());
        if place == kinds.len() {
            kinds.push(Vec::new());
        }
        kinds[place].push(plan);
    }
    let mut kinds: Vec<_> = (0..)
        .zip(scattered(kinds, 0))
        .map(|(number, kind)| scattered(kind, number).into_iter())
        .collect();
    let mut all = Vec::new();
    while !kinds.is_empty() {
        kinds.retain_mut(|kind| kind.next().map(|plan| all.push(plan)).is_some());
    }
    all
}

/// What two plans have in common that differ only in their place in the run.
fn kind_of(plan: &Plan) -> String {
    let placeless = |entry: &Entry| {
        let mut entry = entry.clone();
        match &mut entry.trigger {
            Trigger::At(at) => *at = SimDuration::ZERO,
            Trigger::When(_, n) => *n = 0,
        }
        if let Fault::TimeTravel(travel) = &mut entry.inject.fault {
            travel.revision = None;
        }
        format!("{entry:?}")
    };
    plan.entries.iter().map(placeless).collect()
}

/// In an order in which every beginning is spread evenly over the whole: by the fraction of each
/// one's multiple of the golden section. `turn` moves where it begins.
fn scattered<T>(all: Vec<T>, turn: u64) -> Vec<T> {
    const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;
    let offset = turn.wrapping_mul(GOLDEN.rotate_left(32));
    let mut all: Vec<(u64, T)> = (0_u64..)
        .zip(all)
        .map(|(n, one)| (n.wrapping_mul(GOLDEN).wrapping_add(offset), one))
        .collect();
    all.sort_by_key(|(key, _)| *key);
    all.into_iter().map(|(_, one)| one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_beginning_of_a_scattered_order_is_spread_over_the_whole() {
        let order = scattered((0..100).collect(), 0);
        for count in [4, 8, 16, 32] {
            let mut places: Vec<i32> = order[..count].to_vec();
            places.extend([0, 100]);
            places.sort_unstable();
            let widest = places.windows(2).map(|two| two[1] - two[0]).max();
            let most = 300 / i32::try_from(count).expect("it is small");
            assert!(widest.is_some_and(|w| w <= most), "{count}: {places:?}");
        }
        let mut sorted = order;
        sorted.sort_unstable();
        assert_eq!(sorted, (0..100).collect::<Vec<_>>());
    }

    #[test]
    fn a_part_gets_as_many_plans_as_its_turns_allow() {
        let plans: VecDeque<Plan> = (0..10).map(|_| Plan::default()).collect();
        let mut part = Queue::new("crashes", plans, Source::Sweep);
        assert_eq!(part.take(500, 500).count(), 1);
        part.spent = 100;
        part.told.runs = 1;
        // 900 of 1,000 turns are left, and a plan takes 100.
        assert_eq!(part.take(1_000, 500).count(), 9);
        assert_eq!(part.take(1_000, 500).count(), 0);
    }
}
