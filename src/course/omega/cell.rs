//! A cell: machines, what is taken of each, and how often each has changed.

use crate::sim::rng::Rng;

/// So many machines are tried for a task before all are looked at.
const TRIED: usize = 8;

/// The state that schedulers look at: a copy is a snapshot.
#[derive(Clone, Debug)]
pub(super) struct State {
    /// What is free on each machine.
    pub free: Vec<u32>,
    /// How often each machine has changed.
    pub changes: Vec<u32>,
}

/// Where a task is to run, and what it takes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Claim {
    /// The machine.
    pub machine: usize,
    /// What it takes of it.
    pub size: u32,
}

impl State {
    pub(super) fn new(machines: usize, capacity: u32) -> State {
        State { free: vec![capacity; machines], changes: vec![0; machines] }
    }

    /// A machine on which a task fits: of some that are tried at random the fullest, as a packing
    /// scheduler chooses; if it fits on none of them, the first of all from a random one on.
    pub(super) fn place(&self, size: u32, rng: &mut Rng) -> Option<usize> {
        let machines = self.free.len() as u64;
        let mut any = || usize::try_from(rng.below(machines)).expect("a place in a list");
        let mut best: Option<usize> = None;
        for _ in 0..TRIED {
            let machine = any();
            let free = self.free[machine];
            if free >= size && best.is_none_or(|best| free < self.free[best]) {
                best = Some(machine);
            }
        }
        let begin = any();
        let all = (begin..self.free.len()).chain(0..begin);
        best.or_else(|| all.into_iter().find(|machine| self.free[*machine] >= size))
    }

    /// Takes what a task needs.
    pub(super) fn take(&mut self, claim: Claim) {
        self.free[claim.machine] -= claim.size;
        self.changes[claim.machine] += 1;
    }

    /// Gives it back.
    pub(super) fn give(&mut self, claim: Claim) {
        self.free[claim.machine] += claim.size;
        self.changes[claim.machine] += 1;
    }
}
