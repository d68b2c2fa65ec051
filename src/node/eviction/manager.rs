//! What was observed of a node over time, and what follows from it now.

use std::collections::BTreeMap;

use super::threshold::{Observation, Pressure, Signal, Threshold, conditions};
use crate::sim::time::{SimDuration, SimTime};

/// For how long a condition stays after it was last observed.
///
/// Source: kubernetes v1.36 pkg/kubelet/apis/config/v1beta1/defaults.go,
/// `EvictionPressureTransitionPeriod`
pub const TRANSITION: SimDuration = SimDuration::secs(300);

/// What the kubelet remembers of pressure; it is lost with its process.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct EvictionManager {
    thresholds: Vec<Threshold>,
    /// Since when each threshold has been met, by its place.
    first_met: BTreeMap<usize, SimTime>,
    /// Those whose grace was over when they were last looked at.
    met: Vec<usize>,
    last_seen: BTreeMap<Pressure, SimTime>,
    conditions: Vec<Pressure>,
}

/// What follows from a look: the threshold because of which a pod goes.
#[derive(Clone, PartialEq, Debug)]
pub struct Reclaim {
    /// What is short.
    pub signal: Signal,
    /// Whether a pod is given no time at all.
    pub is_hard: bool,
    /// Under which value, as it was computed.
    pub threshold: crate::api::quantity::Quantity,
    /// What is available of it.
    pub available: crate::api::quantity::Quantity,
}

impl EvictionManager {
    /// A kubelet that has just begun.
    pub fn new(thresholds: Vec<Threshold>) -> EvictionManager {
        EvictionManager { thresholds, ..EvictionManager::default() }
    }

    /// The thresholds that it watches.
    pub fn thresholds(&self) -> &[Threshold] {
        &self.thresholds
    }

    /// What the node is short of.
    pub fn conditions(&self) -> &[Pressure] {
        &self.conditions
    }

    /// Whether nothing is remembered, so that no further look is needed until something grows.
    pub fn is_calm(&self) -> bool {
        self.first_met.is_empty() && self.met.is_empty() && self.conditions.is_empty()
    }

    /// Looks at what was observed: the threshold because of which one pod is to go, if any.
    ///
    /// Source: kubernetes v1.36 pkg/kubelet/eviction/eviction_manager.go, `synchronize`
    pub fn look(&mut self, observations: &[Observation], now: SimTime) -> Option<Reclaim> {
        let is_met = |n: &usize| {
            let again = self.met.contains(n) && self.thresholds[*n].is_met(observations, true);
            again || self.thresholds[*n].is_met(observations, false)
        };
        let met: Vec<usize> = (0..self.thresholds.len()).filter(is_met).collect();
        self.first_met =
            met.iter().map(|n| (*n, self.first_met.get(n).copied().unwrap_or(now))).collect();
        for condition in conditions(met.iter().map(|n| &self.thresholds[*n])) {
            self.last_seen.insert(condition, now);
        }
        self.last_seen.retain(|_, seen| now.since(*seen) < TRANSITION);
        self.conditions = self.last_seen.keys().copied().collect();
        let graced = |n: &usize| {
            now.since(self.first_met.get(n).copied().unwrap_or(now)) >= self.thresholds[*n].grace
        };
        self.met = met.into_iter().filter(graced).collect();
        self.first(observations)
    }

    /// Memory first, then what comes first in the settings.
    ///
    /// Source: kubernetes v1.36 pkg/kubelet/eviction/helpers.go, `byEvictionPriority`,
    /// `getReclaimableThreshold`
    fn first(&self, observations: &[Observation]) -> Option<Reclaim> {
        let is_memory = |n: &&usize| self.thresholds[**n].signal.condition() == Pressure::Memory;
        let n = self.met.iter().find(is_memory).or(self.met.first())?;
        let threshold = &self.thresholds[*n];
        let seen = observations.iter().find(|o| o.signal == threshold.signal)?;
        Some(Reclaim {
            signal: threshold.signal,
            is_hard: threshold.grace == SimDuration::ZERO,
            threshold: threshold.value.of(seen.capacity),
            available: seen.available.clone(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::quantity::{Format, Quantity};
    use crate::node::eviction::config::{Settings, thresholds};

    fn soft(grace: &str) -> EvictionManager {
        let one = |value: &str| [("memory.available".to_owned(), value.to_owned())].into();
        let settings = Settings {
            soft: one("1Gi"),
            soft_grace: one(grace),
            min_reclaim: one("500Mi"),
            ..Settings::default()
        };
        EvictionManager::new(thresholds(&settings).expect("settings"))
    }

    fn memory(mi: i64) -> Vec<Observation> {
        let available = Quantity::new(mi << 20, Format::BinarySi);
        vec![Observation { signal: Signal::MemoryAvailable, available, capacity: 4 << 30 }]
    }

    #[test]
    fn a_soft_threshold_waits_and_a_condition_stays_for_a_while() {
        let mut manager = soft("30s");
        let mut look = |mi, s| {
            let goes = manager.look(&memory(mi), SimTime::ZERO + SimDuration::secs(s)).is_some();
            (goes, !manager.conditions().is_empty())
        };
        assert_eq!(look(2000, 0), (false, false));
        assert_eq!(look(1000, 10), (false, true));
        assert_eq!(look(1000, 40), (true, true));
        // More than the threshold, and not yet by as much as is to be reclaimed.
        assert_eq!(look(1200, 50), (true, true));
        assert_eq!(look(1600, 60), (false, true));
        assert_eq!(look(1600, 340), (false, true));
        assert_eq!(look(1600, 350), (false, false));
        assert!(manager.is_calm());
    }
}
