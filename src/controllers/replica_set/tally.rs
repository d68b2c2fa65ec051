//! Counts of the pods of each owner, kept up to date a change at a time.
//!
//! Responsible for sparing a look at a large `ReplicaSet` the walk over its pods. A tally is never
//! believed further than it goes: whoever uses it compares its total with the cache, and walks
//! over the pods when they differ or when its pods are not all alike.

use crate::api::core::pod::Pod;
use crate::api::labels::Labels;
use crate::api::meta::Uid;
use crate::api::object::{Object, Resource};
use crate::client::reconciler::Observed;
use crate::sim::index::Map;

/// What the pods of one owner are.
#[derive(Clone, Default, Debug)]
pub(super) struct Tally {
    /// All of them.
    pub(super) total: usize,
    /// Those that count: not over, not on their way out.
    pub(super) active: usize,
    /// Active ones that are ready.
    pub(super) ready: usize,
    /// Those on their way out.
    pub(super) terminating: usize,
    /// The labels that all of them have, but for `odd`.
    pub(super) labels: Labels,
    /// Those that have other labels.
    odd: usize,
}

impl Tally {
    /// Whether all pods have the same labels.
    pub(super) fn is_uniform(&self) -> bool {
        self.odd == 0
    }

    fn count(&mut self, pod: &Pod, add: impl Fn(&mut usize)) {
        add(&mut self.total);
        if pod.is_active() {
            add(&mut self.active);
            if pod.is_ready() {
                add(&mut self.ready);
            }
        } else if pod.meta.is_deleting() && !pod.is_terminal() {
            add(&mut self.terminating);
        }
        let labels = &pod.meta.labels;
        if !labels.is_same_copy(&self.labels) && *labels != self.labels {
            add(&mut self.odd);
        }
    }
}

/// The tallies of all owners, by uid.
#[derive(Clone, Default, Debug)]
pub(super) struct Tallies(Map<Uid, Tally>);

impl Tallies {
    /// Counts a change of a pod.
    pub(super) fn observe(&mut self, change: &Observed<'_>) {
        let of = |o: Option<&Object>| {
            let pod = o.and_then(Pod::of)?.clone();
            let owner = pod.meta.controller()?.uid;
            Some((owner, pod))
        };
        if let Some((owner, pod)) = of(change.old)
            && let Some(tally) = self.0.get_mut(&owner)
        {
            tally.count(&pod, |n| *n = n.saturating_sub(1));
            if tally.total == 0 {
                self.0.remove(&owner);
            }
        }
        if let Some((owner, pod)) = of(change.new) {
            let tally = self.0.entry(owner).or_default();
            if tally.total == 0 {
                tally.labels = pod.meta.labels.clone();
            }
            tally.count(&pod, |n| *n += 1);
        }
    }

    /// The tally of an owner; none when none of its pods was seen.
    pub(super) fn of(&self, owner: Uid) -> Option<&Tally> {
        self.0.get(&owner)
    }
}
