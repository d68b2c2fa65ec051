//! The last changes of one kind, and how many of them are kept.
//!
//! A ring: it grows while it is full of young changes, shrinks when most of it is old, and forgets
//! the oldest change when it is full.

use std::collections::VecDeque;

use crate::api::message::StoreChange;
use crate::sim::time::{SimDuration, SimTime};

/// The window that the cache tries to cover.
///
/// Source: kubernetes v1.36 staging/src/k8s.io/apiserver/pkg/storage/cacher/cacher.go,
/// `DefaultEventFreshDuration`
pub const FRESH: SimDuration = SimDuration::secs(75);

/// The least and greatest number of changes that are kept.
///
/// Source: kubernetes v1.36 staging/src/k8s.io/apiserver/pkg/storage/cacher/watch_cache.go,
/// `defaultLowerBoundCapacity`, `defaultUpperBoundCapacity`
const CAPACITY: (usize, usize) = (100, 102_400);

/// The last changes of one kind.
#[derive(Clone, Debug)]
pub struct History {
    changes: VecDeque<(SimTime, StoreChange)>,
    /// The number of the oldest change that is kept.
    first: u64,
    capacity: usize,
    /// The least and greatest capacity.
    bounds: (usize, usize),
    fresh: SimDuration,
    /// The revision that the cache was filled at.
    listed: u64,
    /// Whether a change was forgotten since then.
    has_forgotten: bool,
}

impl Default for History {
    fn default() -> Self {
        History::new(FRESH)
    }
}

impl History {
    /// An empty history that tries to go back so far.
    pub fn new(fresh: SimDuration) -> History {
        History::with(fresh, CAPACITY.0, (CAPACITY.0, greatest_capacity(fresh)), 0)
    }

    /// An empty history of a capacity within bounds, whose first change has the number `first`.
    pub fn with(
        fresh: SimDuration,
        capacity: usize,
        bounds: (usize, usize),
        first: u64,
    ) -> History {
        let changes = VecDeque::new();
        History { changes, first, capacity, bounds, fresh, listed: 0, has_forgotten: false }
    }

    /// Begins anew after a list at a revision.
    pub fn restart(&mut self, listed: u64) {
        let end = self.end();
        *self = History { first: end, listed, ..History::new(self.fresh) };
    }

    /// How many changes are kept at most, for now.
    pub fn capacity(&self) -> usize {
        self.capacity
    }

    /// The number of the oldest change that is kept.
    pub fn first(&self) -> u64 {
        self.first
    }

    /// Whether no change is kept.
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// The number that the next change gets.
    pub fn end(&self) -> u64 {
        self.first + self.changes.len() as u64
    }

    /// Takes up a change.
    pub fn push(&mut self, change: StoreChange, now: SimTime) {
        self.resize(now);
        if self.is_full() {
            self.forget_oldest();
        }
        self.changes.push_back((now, change));
    }

    fn is_full(&self) -> bool {
        self.changes.len() >= self.capacity
    }

    fn forget_oldest(&mut self) {
        if self.changes.pop_front().is_some() {
            self.first += 1;
            self.has_forgotten = true;
        }
    }

    /// Doubles a full ring whose oldest change is fresh; halves one of which only the newest
    /// quarter is.
    ///
    /// Example: a ring of 8 with a change each 8 s is 64 s long and grows to 16; with a change
    /// each 40 s its two newest span 80 s, and it shrinks to 4.
    ///
    /// Source: kubernetes v1.36
    /// staging/src/k8s.io/apiserver/pkg/storage/cacher/watch_cache_history.go, `resizeCacheLocked`
    pub fn resize(&mut self, now: SimTime) {
        if !self.is_full() {
            return;
        }
        let age = |n: usize| self.changes.get(n).map_or(SimDuration(0), |(at, _)| now.since(*at));
        if age(0) < self.fresh {
            self.capacity = self.capacity.max((self.capacity * 2).min(self.bounds.1));
        } else if age(self.changes.len() - self.capacity / 4) > self.fresh {
            self.capacity = self.capacity.min((self.capacity / 2).max(self.bounds.0));
        }
        while self.changes.len() > self.capacity {
            self.forget_oldest();
        }
    }

    /// The revision from which on no change is missing: a watch cannot begin before it.
    ///
    /// Source: kubernetes v1.36 staging/src/k8s.io/apiserver/pkg/storage/cacher/watch_cache.go,
    /// `getAllEventsSinceLocked`
    pub fn reaches_back_to(&self) -> u64 {
        match self.changes.front() {
            Some((_, oldest)) if self.has_forgotten => oldest.revision - 1,
            Some(_) | None => self.listed,
        }
    }

    /// The oldest state that can be told from the newest one and the changes.
    ///
    /// Source: kubernetes v1.36 staging/src/k8s.io/apiserver/pkg/storage/cacher/watch_cache.go,
    /// `updateCache`
    pub fn oldest_snapshot(&self) -> u64 {
        match self.changes.front() {
            Some((_, oldest)) if self.has_forgotten => oldest.revision,
            Some(_) | None => self.listed,
        }
    }

    /// The changes from a number on.
    pub fn since(&self, number: u64) -> impl Iterator<Item = &StoreChange> {
        let from = usize::try_from(number.saturating_sub(self.first)).unwrap_or(usize::MAX);
        self.changes.range(from.min(self.changes.len())..).map(|(_, change)| change)
    }

    /// The number of the first change after a revision.
    pub fn number_after(&self, revision: u64) -> u64 {
        self.first + self.changes.partition_point(|(_, c)| c.revision <= revision) as u64
    }

    /// How many changes a watcher may fall behind before it is given up: about a second's worth.
    ///
    /// Source: kubernetes v1.36 staging/src/k8s.io/apiserver/pkg/storage/cacher/watch_cache.go,
    /// `suggestedWatchChannelSize`
    pub fn channel_size(&self, index: Index) -> usize {
        let seconds = usize::try_from(self.fresh.0 / 1_000_000_000).unwrap_or(usize::MAX).max(1);
        (self.capacity / seconds).clamp(10, index.greatest_channel())
    }
}

/// How watchers of a kind are found.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Index {
    /// All are asked about each change.
    None,
    /// Others are found by a value, this one is asked about each change.
    Unused,
    /// By a value of the object, like a pod's node.
    Used,
}

impl Index {
    fn greatest_channel(self) -> usize {
        match self {
            Index::None => 100,
            Index::Unused => 1000,
            Index::Used => 10,
        }
    }
}

/// The greatest capacity of a history that tries to go back so far: doubled until the default
/// capacity covers it.
///
/// Source: kubernetes v1.36 staging/src/k8s.io/apiserver/pkg/storage/cacher/watch_cache.go,
/// `capacityUpperBound`
pub fn greatest_capacity(fresh: SimDuration) -> usize {
    let most = i32::MAX.unsigned_abs() as usize / CAPACITY.1;
    let covers = |doublings: &u32| FRESH.0.checked_shl(*doublings).is_none_or(|f| f >= fresh.0);
    let doublings = (0..most.ilog2()).find(covers).unwrap_or(most.ilog2());
    CAPACITY.1 << doublings
}

/// After how many seconds a client is to try again while the cache is being filled, by how long
/// that already lasts.
///
/// Source: kubernetes v1.36 staging/src/k8s.io/apiserver/pkg/storage/cacher/util.go,
/// `calculateRetryAfterForUnreadyCache`
#[expect(clippy::float_arithmetic, reason = "Kubernetes itself takes the exponential")]
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the result is between 1 and 30"
)]
pub fn retry_after_seconds(down: SimDuration) -> u32 {
    let seconds = down.0 as f64 / 1e9;
    (0.06 * seconds).exp().clamp(1.0, 30.0).floor() as u32
}
