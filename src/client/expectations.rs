//! What a controller has asked for and not yet seen in its cache.
//!
//! A controller whose cache lags behind its own writes would make them twice; while expectations
//! are open it does not act on the object. They are a hint, never the truth: after five minutes
//! they no longer hold anybody back.

use std::hash::Hash;

use crate::sim::index::{Map, Set};
use crate::sim::time::{SimDuration, SimTime};

/// After this long unmet expectations are ignored.
///
/// Source: kubernetes v1.36 pkg/controller/controller_utils.go, `ExpectationsTimeout`
pub const EXPECTATIONS_TIMEOUT: SimDuration = SimDuration::secs(5 * 60);

/// The open expectations of a controller: for each of its objects (`K`) the creations and
/// deletions that it has yet to see. Deletions are known by the keys of the deleted objects (`D`),
/// so that none is counted twice, or by number alone.
///
/// Source: kubernetes v1.36 pkg/controller/controller_utils.go, `ControllerExpectations`,
/// `UIDTrackingControllerExpectations`
#[derive(Clone, Debug)]
pub struct Expectations<K, D> {
    open: Map<K, Open<D>>,
}

#[derive(Clone, Debug)]
struct Open<D> {
    creations: i64,
    deletions: i64,
    since: SimTime,
    deleted: Set<D>,
}

impl<K, D> Default for Expectations<K, D> {
    fn default() -> Self {
        Expectations { open: Map::default() }
    }
}

impl<K: Clone + Eq + Hash, D: Eq + Hash> Expectations<K, D> {
    /// Expects `count` creations, and no longer what was expected before.
    ///
    /// Source: kubernetes v1.36 pkg/controller/controller_utils.go, `ExpectCreations`,
    /// `SetExpectations`
    pub fn expect_creations(&mut self, key: &K, count: u32, now: SimTime) {
        self.set(key, i64::from(count), 0, now);
    }

    /// Expects the deletion of these objects, and no longer what was expected before.
    ///
    /// Source: kubernetes v1.36 pkg/controller/controller_utils.go,
    /// `UIDTrackingControllerExpectations.ExpectDeletions`
    pub fn expect_deletions<I>(&mut self, key: &K, deleted: I, now: SimTime)
    where
        I: IntoIterator<Item = D>,
    {
        let deleted: Set<D> = deleted.into_iter().collect();
        let count = i64::try_from(deleted.len()).unwrap_or(i64::MAX);
        self.set(key, 0, count, now).deleted = deleted;
    }

    /// Expects so many creations and the deletion of these objects, and no longer what was expected
    /// before.
    ///
    /// Source: kubernetes v1.36 pkg/controller/controller_utils.go,
    /// `ControllerExpectations.SetExpectations`
    pub fn expect_both<I>(&mut self, key: &K, creations: u32, deleted: I, now: SimTime)
    where
        I: IntoIterator<Item = D>,
    {
        self.expect_deletions(key, deleted, now);
        if let Some(open) = self.open.get_mut(key) {
            open.creations = i64::from(creations);
        }
    }

    /// Expects creations and deletions by number, and no longer what was expected before.
    ///
    /// Source: kubernetes v1.36 pkg/controller/controller_utils.go,
    /// `ControllerExpectations.SetExpectations`
    pub fn expect(&mut self, key: &K, creations: u32, deletions: u32, now: SimTime) {
        self.set(key, i64::from(creations), i64::from(deletions), now);
    }

    /// Expects so many more creations and deletions, if anything is expected at all.
    ///
    /// Source: kubernetes v1.36 pkg/controller/controller_utils.go,
    /// `ControllerExpectations.RaiseExpectations`
    pub fn raise(&mut self, key: &K, creations: u32, deletions: u32) {
        if let Some(open) = self.open.get_mut(key) {
            open.creations += i64::from(creations);
            open.deletions += i64::from(deletions);
        }
    }

    /// A creation was seen, or will not happen.
    pub fn creation_observed(&mut self, key: &K) {
        if let Some(open) = self.open.get_mut(key) {
            open.creations -= 1;
        }
    }

    /// The deletion of an object was seen, or will not happen; counts once, and only if that
    /// object's deletion is expected.
    ///
    /// Source: kubernetes v1.36 pkg/controller/controller_utils.go,
    /// `UIDTrackingControllerExpectations.DeletionObserved`
    pub fn deletion_observed(&mut self, key: &K, deleted: &D) {
        if let Some(open) = self.open.get_mut(key)
            && open.deleted.remove(deleted)
        {
            open.deletions -= 1;
        }
    }

    /// Some deletion was seen, or will not happen: for those that are expected by number.
    pub fn deletion_counted(&mut self, key: &K) {
        if let Some(open) = self.open.get_mut(key) {
            open.deletions -= 1;
        }
    }

    /// Whether the controller may act: all has been seen, or nothing is expected, or it has been
    /// expected for too long.
    ///
    /// Source: kubernetes v1.36 pkg/controller/controller_utils.go,
    /// `ControllerExpectations.SatisfiedExpectations`
    pub fn satisfied(&self, key: &K, now: SimTime) -> bool {
        self.open.get(key).is_none_or(|open| {
            let met = open.creations <= 0 && open.deletions <= 0;
            met || now.since(open.since) > EXPECTATIONS_TIMEOUT
        })
    }

    /// Forgets the object, which is gone.
    pub fn delete(&mut self, key: &K) {
        self.open.remove(key);
    }

    /// Sets the numbers; deletions that are tracked by key stay so.
    fn set(&mut self, key: &K, creations: i64, deletions: i64, now: SimTime) -> &mut Open<D> {
        if !self.open.contains_key(key) {
            let open = Open { creations, deletions, since: now, deleted: Set::default() };
            return self.open.entry(key.clone()).or_insert(open);
        }
        let open = self.open.get_mut(key).expect("it was just looked up");
        (open.creations, open.deletions, open.since) = (creations, deletions, now);
        open
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn five_minutes_end_all_expectations() {
        let mut all: Expectations<u8, u8> = Expectations::default();
        all.expect_creations(&1, 1, SimTime::ZERO);
        let after = |s| SimTime::ZERO + SimDuration::secs(s);
        assert_eq!([300, 301].map(|s| all.satisfied(&1, after(s))), [false, true]);
    }

    #[test]
    fn raised_expectations_need_more_observations() {
        let mut all: Expectations<u8, u8> = Expectations::default();
        all.expect(&1, 1, 1, SimTime::ZERO);
        all.raise(&1, 1, 0);
        let mut seen = Vec::new();
        for step in 0..3 {
            if step == 1 {
                all.deletion_counted(&1);
            } else {
                all.creation_observed(&1);
            }
            seen.push(all.satisfied(&1, SimTime::ZERO));
        }
        assert_eq!(seen, [false, false, true]);
    }
}
