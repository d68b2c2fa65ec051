//! The queue of keys that a controller has yet to look at.
//!
//! A key is in the queue once, however often it was added, and is never worked on by two workers
//! at a time. The queue wakes nobody: its owner asks [`WorkQueue::next_due`] when to look again.

use std::collections::BTreeMap;
use std::collections::VecDeque;
use std::hash::Hash;

use crate::client::rate_limiter::RateLimiter;
use crate::sim::index::Map;
use crate::sim::time::{SimDuration, SimTime};

/// A deduplicating queue with delayed and rate-limited adds.
///
/// With each key goes its `cause`: the turn that first made it dirty.
///
/// Source: kubernetes v1.36 staging/src/k8s.io/client-go/util/workqueue/queue.go,
/// delaying_queue.go, rate_limiting_queue.go
#[derive(Clone, Debug)]
pub struct WorkQueue<K> {
    ready: VecDeque<K>,
    /// The keys that are dirty or being processed.
    known: Map<K, Known>,
    processing: usize,
    /// The keys that wait for their time, in the order of their times, then of their adds.
    waiting: BTreeMap<(SimTime, u64), K>,
    /// When the first of them is due: asked for after every act of a process.
    first_due: SimTime,
    waiting_keys: Map<K, Waiting>,
    adds: u64,
    limiter: RateLimiter<K>,
    shutting_down: bool,
}

/// A key that is dirty or being processed.
#[derive(Clone, Copy, Debug)]
struct Known {
    /// What made it dirty, while it is.
    dirty: Option<u64>,
    processing: bool,
}

/// A key that waits for its time.
#[derive(Clone, Copy, Debug)]
struct Waiting {
    slot: (SimTime, u64),
    cause: u64,
    /// Whether it is the retry of a failure.
    is_retry: bool,
}

impl<K: Clone + Ord + Hash> WorkQueue<K> {
    /// An empty queue.
    pub fn new(limiter: RateLimiter<K>) -> Self {
        WorkQueue {
            ready: VecDeque::new(),
            known: Map::default(),
            processing: 0,
            waiting: BTreeMap::new(),
            first_due: SimTime::NEVER,
            waiting_keys: Map::default(),
            adds: 0,
            limiter,
            shutting_down: false,
        }
    }

    /// Makes the key dirty; one that is dirty already keeps its first cause, and one that is being
    /// processed is queued when it is done.
    ///
    /// Source: kubernetes v1.36 staging/src/k8s.io/client-go/util/workqueue/queue.go, `Typed.Add`
    pub fn add(&mut self, key: K, cause: u64) {
        if self.shutting_down {
            return;
        }
        if let Some(known) = self.known.get_mut(&key) {
            known.dirty.get_or_insert(cause);
            return;
        }
        self.known.insert(key.clone(), Known { dirty: Some(cause), processing: false });
        self.ready.push_back(key);
    }

    /// Adds the key after a delay; of two delays of one key that which ends first counts.
    ///
    /// Source: kubernetes v1.36 staging/src/k8s.io/client-go/util/workqueue/delaying_queue.go,
    /// `delayingType.AddAfter`, `insert`
    pub fn add_after(&mut self, key: K, delay: SimDuration, now: SimTime, cause: u64) {
        if self.shutting_down {
            return;
        }
        if delay == SimDuration::ZERO {
            return self.add(key, cause);
        }
        self.wait(key, now + delay, cause, false);
    }

    fn wait(&mut self, key: K, at: SimTime, cause: u64, mut is_retry: bool) {
        if let Some(earlier) = self.waiting_keys.get_mut(&key) {
            is_retry |= earlier.is_retry;
            if earlier.slot.0 <= at {
                earlier.is_retry = is_retry;
                return;
            }
            self.waiting.remove(&earlier.slot);
        }
        self.adds += 1;
        let slot = (at, self.adds);
        self.waiting.insert(slot, key.clone());
        self.note_first_due();
        self.waiting_keys.insert(key, Waiting { slot, cause, is_retry });
    }

    /// Adds the key when its rate limiter says that it may be tried again; returns the delay.
    ///
    /// Source: kubernetes v1.36 staging/src/k8s.io/client-go/util/workqueue/rate_limiting_queue.go,
    /// `rateLimitingType.AddRateLimited`
    pub fn add_rate_limited(&mut self, key: K, now: SimTime, cause: u64) -> SimDuration {
        let delay = self.limiter.when(&key, now);
        if delay == SimDuration::ZERO {
            self.add(key, cause);
        } else if !self.shutting_down {
            self.wait(key, now + delay, cause, true);
        }
        delay
    }

    /// Forgets the failures of the key; it stays queued if it is.
    pub fn forget(&mut self, key: &K) {
        self.limiter.forget(key);
    }

    /// How often the key was added rate-limited since it was last forgotten.
    pub fn requeues(&self, key: &K) -> u32 {
        self.limiter.requeues(key)
    }

    /// Moves the keys whose time has come into the queue, in the order of their times.
    pub fn advance(&mut self, now: SimTime) {
        if self.first_due > now {
            return;
        }
        while let Some(first) = self.waiting.first_entry() {
            if first.key().0 > now {
                break;
            }
            let key = first.remove();
            let waiting = self.waiting_keys.remove(&key).expect("a waiting key is known");
            self.add(key, waiting.cause);
        }
        self.note_first_due();
    }

    fn note_first_due(&mut self) {
        let first = self.waiting.first_key_value();
        self.first_due = first.map_or(SimTime::NEVER, |((at, _), _)| *at);
    }

    /// Forgets that a key is to be added later: whoever looks at it now decides anew. The retry of
    /// a failure stays, as later failures wait longer.
    ///
    /// Differs: Kubernetes leaves every delayed add in place, which then finds nothing to do.
    pub fn withdraw(&mut self, key: &K) {
        if self.waiting_keys.get(key).is_some_and(|w| w.is_retry) {
            return;
        }
        if let Some(waiting) = self.waiting_keys.remove(key) {
            self.waiting.remove(&waiting.slot);
            self.note_first_due();
        }
    }

    /// Hands out the next key, with its cause; [`WorkQueue::done`] must follow.
    ///
    /// Source: kubernetes v1.36 staging/src/k8s.io/client-go/util/workqueue/queue.go, `Typed.Get`
    pub fn pop(&mut self, now: SimTime) -> Option<(K, u64)> {
        self.advance(now);
        let key = self.ready.pop_front()?;
        let known = self.known.get_mut(&key).expect("a ready key is known");
        let cause = known.dirty.take().expect("a ready key is dirty");
        known.processing = true;
        self.processing += 1;
        Some((key, cause))
    }

    /// The key has been processed; if it became dirty meanwhile it is queued again.
    ///
    /// Source: kubernetes v1.36 staging/src/k8s.io/client-go/util/workqueue/queue.go, `Typed.Done`
    pub fn done(&mut self, key: &K) {
        let Some(known) = self.known.get_mut(key).filter(|k| k.processing) else { return };
        known.processing = false;
        let again = known.dirty.is_some();
        self.processing -= 1;
        if again {
            self.ready.push_back(key.clone());
        } else {
            self.known.remove(key);
        }
    }

    /// When the first waiting key is due; nothing waits when there is none.
    pub fn next_due(&self) -> Option<SimTime> {
        (self.first_due != SimTime::NEVER).then_some(self.first_due)
    }

    /// Whether no key is ready, nor one that waits due.
    pub fn is_idle(&self, now: SimTime) -> bool {
        self.ready.is_empty() && self.first_due > now
    }

    /// How many keys are ready to be handed out, as of the last [`WorkQueue::advance`].
    pub fn len(&self) -> usize {
        self.ready.len()
    }

    /// Whether no key is ready to be handed out.
    pub fn is_empty(&self) -> bool {
        self.ready.is_empty()
    }

    /// How many keys wait for their time.
    pub fn waiting_len(&self) -> usize {
        self.waiting.len()
    }

    /// How many keys are being processed.
    pub fn processing_len(&self) -> usize {
        self.processing
    }

    /// Refuses further keys and forgets those that wait; what is queued is still handed out.
    ///
    /// Source: kubernetes v1.36 staging/src/k8s.io/client-go/util/workqueue/queue.go,
    /// `Typed.ShutDown`, `Typed.ShutDownWithDrain`
    pub fn shut_down(&mut self) {
        self.shutting_down = true;
        self.waiting.clear();
        self.first_due = SimTime::NEVER;
        self.waiting_keys.clear();
    }

    /// Whether it is shutting down and nothing is queued or being processed any more: what a
    /// shutdown with drain waits for.
    pub fn is_drained(&self) -> bool {
        self.shutting_down && self.processing == 0 && self.ready.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn queue() -> WorkQueue<char> {
        WorkQueue::new(RateLimiter::default_controller())
    }

    #[test]
    fn the_first_cause_stays_until_the_key_is_handed_out() {
        let mut q = queue();
        q.add('a', 1);
        q.add('a', 2);
        assert_eq!(q.pop(SimTime::ZERO), Some(('a', 1)));
        q.add('a', 3);
        q.add('a', 4);
        assert_eq!(q.pop(SimTime::ZERO), None);
        q.done(&'a');
        assert_eq!(q.pop(SimTime::ZERO), Some(('a', 3)));
        q.done(&'a');
        assert_eq!((q.len(), q.processing_len(), q.known.len()), (0, 0, 0));
    }

    #[test]
    fn a_failing_key_comes_back_later_each_time() {
        let mut q = queue();
        let mut now = SimTime::ZERO;
        for wait in [5, 10, 20] {
            q.add_rate_limited('a', now, 7);
            assert_eq!(q.pop(now), None);
            let due = q.next_due().expect("it waits");
            assert_eq!(due, now + SimDuration::millis(wait));
            now = due;
            assert_eq!(q.pop(now), Some(('a', 7)));
            q.done(&'a');
        }
        assert_eq!((q.requeues(&'a'), q.next_due()), (3, None));
    }

    #[test]
    fn an_earlier_time_replaces_a_later_one() {
        let mut q = queue();
        q.add_after('a', SimDuration::secs(3), SimTime::ZERO, 1);
        q.add_after('a', SimDuration::secs(1), SimTime::ZERO, 2);
        q.add_after('a', SimDuration::secs(2), SimTime::ZERO, 3);
        assert_eq!((q.waiting_len(), q.next_due()), (1, Some(SimTime(1_000_000_000))));
        assert_eq!(q.pop(SimTime(5_000_000_000)), Some(('a', 2)));
    }

    proptest::proptest! {
        #[test]
        fn no_key_is_lost_or_worked_on_twice_at_a_time(
            ops in proptest::collection::vec((0_u8..4, 0_u8..4, 0_u64..5), 0..60),
        ) {
            let mut q = WorkQueue::new(RateLimiter::default_controller());
            let mut owed = std::collections::BTreeSet::new();
            let mut working = std::collections::BTreeSet::new();
            let mut now = SimTime::ZERO;
            let end = SimTime::ZERO + SimDuration::secs(1_000);
            // Beyond the given operations all is worked off.
            let rest = (0_u8..200).map(|i| (2 + i % 2, i / 2 % 4, 0));
            for (i, (op, key, ms)) in ops.iter().copied().chain(rest).enumerate() {
                now = if i < ops.len() { now + SimDuration::millis(ms) } else { end };
                match op {
                    0 => {
                        owed.insert(key);
                        q.add(key, 0);
                    }
                    1 => {
                        owed.insert(key);
                        q.add_after(key, SimDuration::millis(ms), now, 0);
                    }
                    2 => {
                        let Some((key, _)) = q.pop(now) else { continue };
                        assert!(working.insert(key), "{key} is worked on twice");
                        if !q.waiting_keys.contains_key(&key) {
                            owed.remove(&key);
                        }
                    }
                    _ => {
                        working.remove(&key);
                        q.done(&key);
                    }
                }
            }
            assert_eq!((owed.len(), q.len(), q.waiting_len()), (0, 0, 0));
        }
    }
}
