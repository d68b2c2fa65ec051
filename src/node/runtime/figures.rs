//! What the containers of a node use.

use std::sync::Arc;

use super::{Run, Runtime, Sandbox};
use crate::api::meta::Uid;
use crate::node::usage::{Figures, Load, Nature, Share, Sight};
use crate::sim::time::SimTime;

/// The word by which a runtime tells that a container met its limit of memory.
pub(super) const OOM_KILLED: &str = "OOMKilled";

impl Run {
    /// What it uses, as can be asked at any instant.
    pub fn sight<'a>(&'a self, shares: &'a [Share], loads: &'a [Load]) -> Sight<'a> {
        Sight { figures: self.figures.as_deref(), started: self.started, shares, loads }
    }

    /// It ends by itself, or when it uses more memory than it may, whichever comes first.
    fn find_end(&mut self, shares: &[Share], loads: &[Load], now: SimTime) {
        let Some(figures) = self.figures.clone() else { return };
        let is_told_to_stop =
            self.reason != OOM_KILLED && (self.ends, self.exit_code) != figures.natural_end;
        if is_told_to_stop || !self.runs(now) {
            return;
        }
        (self.ends, self.exit_code) = figures.natural_end;
        self.reason = if self.exit_code == 0 { "Completed" } else { "Error" };
        let over = self.sight(shares, loads).over_limit(now);
        if let Some(at) = over.filter(|at| *at < self.ends) {
            (self.ends, self.exit_code, self.reason) = (at, 137, OOM_KILLED);
        }
    }
}

impl Runtime {
    /// Its pods may carry parts of these loads.
    pub fn carry(&mut self, loads: Arc<[Load]>) {
        self.loads = loads;
    }

    /// All loads.
    pub fn loads(&self) -> &[Load] {
        &self.loads
    }

    /// CPU that containers of which nothing is left have used, in nanoseconds.
    pub fn retired(&self) -> u64 {
        self.retired
    }

    /// Whether of any container more is known than the usual.
    pub fn is_measured(&self) -> bool {
        self.is_measured
    }

    /// Counts what may change how much is used: the same number means that nothing did.
    pub fn changes(&self) -> u64 {
        self.changes
    }

    /// The kernel kills a container because memory has run out.
    pub fn kill_for_memory(&mut self, pod: Uid, place: usize, now: SimTime) {
        let Some(sandbox) = self.sandboxes.get_mut(&pod) else { return };
        let run = sandbox.containers.get_mut(place).and_then(Option::as_mut);
        if let Some(run) = run.filter(|r| r.runs(now)) {
            (run.ends, run.exit_code, run.reason) = (now, 137, OOM_KILLED);
            self.changes += 1;
        }
    }

    /// Says what a container that has just started uses, and which limit of memory it has.
    pub fn describe(
        &mut self,
        pod: Uid,
        place: usize,
        nature: Option<&Arc<Nature>>,
        limit: u64,
        carries: bool,
    ) {
        if nature.is_none() && self.loads.is_empty() {
            return;
        }
        let loads = self.loads.clone();
        let Some(Sandbox { containers, shares, .. }) = self.sandboxes.get_mut(&pod) else { return };
        let Some(run) = containers.get_mut(place).and_then(Option::as_mut) else { return };
        let mut figures = Figures {
            nature: nature.cloned().unwrap_or_default(),
            limit,
            carries,
            spent_before: 0,
            natural_end: (run.ends, run.exit_code),
        };
        let started = run.started;
        let sight = Sight { figures: Some(&figures), started, shares, loads: &loads };
        figures.spent_before = sight.spent(started);
        run.figures = Some(Arc::new(figures));
        self.is_measured = true;
        run.find_end(shares, &loads, started);
    }

    /// From now on a pod uses so much beside its own, in its container of a place; what it used
    /// so by an earlier call it does no more.
    pub fn stress(&mut self, pod: Uid, place: usize, load: Load, limit: u64, now: SimTime) {
        let carries_more = !load.cpu.is_zero() || !load.memory.is_zero();
        let earlier = self.stressed.remove(&pod);
        if let Some(earlier) = earlier {
            self.share(pod, earlier, 0, now);
        }
        self.changes += 1;
        if !carries_more {
            return;
        }
        let number = self.loads.len();
        let more: Vec<Load> = self.loads.iter().cloned().chain([load]).collect();
        self.loads = more.into();
        let sandbox = self.sandboxes.get(&pod);
        let run = sandbox.and_then(|s| s.containers.get(place)).and_then(Option::as_ref);
        if run.is_some_and(|run| run.figures.is_none()) {
            self.describe(pod, place, None, limit, true);
        }
        self.stressed.insert(pod, number);
        self.share(pod, number, 1, now);
    }

    /// From now on a pod carries one part in so many of a load; none of it for 0.
    pub fn share(&mut self, pod: Uid, load: usize, parts: u32, now: SimTime) {
        let loads = self.loads.clone();
        let Some(what) = loads.get(load) else { return };
        let Some(Sandbox { containers, shares, .. }) = self.sandboxes.get_mut(&pod) else { return };
        let at = match shares.iter().position(|s| s.load == load) {
            Some(at) => at,
            None => {
                shares.push(Share::of(load));
                shares.len() - 1
            }
        };
        shares[at].change(what, parts, now);
        for run in containers.iter_mut().flatten() {
            run.find_end(shares, &loads, now);
        }
    }
}
