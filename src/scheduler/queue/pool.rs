//! The pods that wait for something to happen, by who rejected them.

use std::collections::{BTreeMap, BTreeSet};

use crate::api::meta::Uid;
use crate::scheduler::plugins::PluginSet;
use crate::scheduler::queue::Queued;
use crate::sim::time::SimTime;

/// The pool. An event asks only the groups that a plugin has rejected which cares for it.
#[derive(Clone, Debug, Default)]
pub(super) struct Pool(BTreeMap<PluginSet, BTreeSet<(SimTime, u64, Uid)>>);

impl Pool {
    fn key(queued: &Queued) -> (PluginSet, (SimTime, u64, Uid)) {
        let by = queued.rejected_by.or(queued.pending);
        (by, (queued.since, queued.arrival, queued.pod.meta.uid))
    }

    /// Puts a pod in.
    pub(super) fn insert(&mut self, queued: &Queued) {
        let (by, key) = Pool::key(queued);
        self.0.entry(by).or_default().insert(key);
    }

    /// Takes a pod out.
    pub(super) fn remove(&mut self, queued: &Queued) {
        let (by, key) = Pool::key(queued);
        if let Some(group) = self.0.get_mut(&by) {
            group.remove(&key);
            if group.is_empty() {
                self.0.remove(&by);
            }
        }
    }

    /// The pods that one of these plugins has rejected, or that none has; all without a choice.
    pub(super) fn rejected_by(&self, plugins: Option<PluginSet>) -> Vec<Uid> {
        let asked = self
            .0
            .iter()
            .filter(|(by, _)| plugins.is_none_or(|plugins| by.is_empty() || by.meets(plugins)));
        let mut found: Vec<_> = asked.flat_map(|(_, group)| group.iter()).collect();
        found.sort_unstable();
        found.into_iter().map(|key| key.2).collect()
    }

    /// The pods that wait since an instant that `is_old` finds old; a later one is never older.
    pub(super) fn older(&self, is_old: impl Fn(SimTime) -> bool) -> Vec<Uid> {
        let old = self.0.values().flat_map(|g| g.iter().take_while(|key| is_old(key.0)));
        old.map(|key| key.2).collect()
    }

    /// Whether no pod is in it.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Since when the pod waits that waits longest.
    pub(super) fn oldest(&self) -> Option<SimTime> {
        self.0.values().filter_map(|group| group.first()).map(|key| key.0).min()
    }
}
