//! Waits that grow with each failure.
//!
//! [`Backoff`] keeps one wait for each id (image pulls, container restarts); [`Steps`] is a row of
//! waits for one attempt; [`BackoffManager`] is such a row that starts again after a quiet time.
//! None of them waits: they answer how long.

use std::hash::Hash;

use crate::client::Draw;
use crate::sim::index::Map;
use crate::sim::time::{SimDuration, SimTime};

/// A wait for each id that doubles from `initial` to `max`.
///
/// Source: kubernetes v1.36 staging/src/k8s.io/client-go/util/flowcontrol/backoff.go, `Backoff`
#[derive(Clone, Debug)]
pub struct Backoff<K> {
    initial: SimDuration,
    max: SimDuration,
    /// After this long without a failure an id starts again at `initial`.
    stable_after: SimDuration,
    entries: Map<K, Entry>,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    wait: SimDuration,
    last_update: SimTime,
}

impl<K: Clone + Eq + Hash> Backoff<K> {
    /// Doubling from `initial` to `max`; an id is stable after twice `max`.
    pub fn new(initial: SimDuration, max: SimDuration) -> Self {
        Backoff::stable_after(initial, max, max.times(2))
    }

    /// Doubling from `initial` to `max`; an id is stable after the time given, as the kubelet has
    /// it for container restarts.
    pub fn stable_after(initial: SimDuration, max: SimDuration, stable_after: SimDuration) -> Self {
        Backoff { initial, max, stable_after, entries: Map::default() }
    }

    /// The present wait of the id; zero when it has none.
    pub fn get(&self, id: &K) -> SimDuration {
        self.entries.get(id).map_or(SimDuration::ZERO, |e| e.wait)
    }

    /// The id failed, by an event of `event_time`: its wait doubles, or starts again.
    ///
    /// Source: kubernetes v1.36 staging/src/k8s.io/client-go/util/flowcontrol/backoff.go,
    /// `Backoff.Next`
    pub fn next(&mut self, id: &K, event_time: SimTime, now: SimTime) {
        let wait = match self.fresh(id, event_time) {
            Some(entry) => entry.wait.times(2).min(self.max),
            None => self.initial,
        };
        let entry = Entry { wait, last_update: now };
        if let Some(old) = self.entries.get_mut(id) {
            *old = entry;
        } else {
            self.entries.insert(id.clone(), entry);
        }
    }

    /// Whether less than the wait has passed from `event_time` to now.
    ///
    /// Source: kubernetes v1.36 staging/src/k8s.io/client-go/util/flowcontrol/backoff.go,
    /// `Backoff.IsInBackOffSince`
    pub fn is_in_backoff_since(&self, id: &K, event_time: SimTime, now: SimTime) -> bool {
        self.fresh(id, event_time).is_some_and(|e| now.since(event_time) < e.wait)
    }

    /// Whether less than the wait has passed from the last failure to `event_time`.
    ///
    /// Source: kubernetes v1.36 staging/src/k8s.io/client-go/util/flowcontrol/backoff.go,
    /// `Backoff.IsInBackOffSinceUpdate`
    pub fn is_in_backoff_since_update(&self, id: &K, event_time: SimTime) -> bool {
        self.fresh(id, event_time).is_some_and(|e| event_time.since(e.last_update) < e.wait)
    }

    /// When the id is out of backoff; [`SimTime::ZERO`] when it is in none.
    pub fn ends_at(&self, id: &K) -> SimTime {
        self.entries.get(id).map_or(SimTime::ZERO, |e| e.last_update + e.wait)
    }

    /// Forgets the id.
    ///
    /// Source: kubernetes v1.36 staging/src/k8s.io/client-go/util/flowcontrol/backoff.go,
    /// `Backoff.Reset`, `Backoff.DeleteEntry`
    pub fn reset(&mut self, id: &K) {
        self.entries.remove(id);
    }

    /// Forgets the ids that have been stable for long enough.
    ///
    /// Source: kubernetes v1.36 staging/src/k8s.io/client-go/util/flowcontrol/backoff.go,
    /// `Backoff.GC`
    pub fn gc(&mut self, now: SimTime) {
        let limit = self.stable_after;
        self.entries.retain(|_, e| now.since(e.last_update) <= limit);
    }

    /// The entry of an id that is not stable yet.
    fn fresh(&self, id: &K, event_time: SimTime) -> Option<&Entry> {
        self.entries.get(id).filter(|e| event_time.since(e.last_update) <= self.stable_after)
    }
}

/// The waits between the attempts at one thing.
///
/// Source: kubernetes v1.36 staging/src/k8s.io/apimachinery/pkg/util/wait/backoff.go, `Backoff`
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Steps {
    /// The wait of the next step, before chance.
    pub duration: SimDuration,
    /// What the wait is multiplied by at each step, in hundredths; 0 leaves it alone.
    pub factor_percent: u32,
    /// Up to how much of the wait is added by chance, in hundredths.
    pub jitter_percent: u32,
    /// How many steps the wait may still change in; also how many attempts there are.
    pub steps: u32,
    /// The longest wait before chance; zero is no limit.
    pub cap: SimDuration,
}

impl Steps {
    /// For conflicts that another client is likely to cause again and again: 5 attempts, 10 ms
    /// apart.
    ///
    /// Source: kubernetes v1.36 staging/src/k8s.io/client-go/util/retry/util.go, `DefaultRetry`
    pub const DEFAULT_RETRY: Steps = Steps {
        duration: SimDuration::millis(10),
        factor_percent: 100,
        jitter_percent: 10,
        steps: 5,
        cap: SimDuration::ZERO,
    };

    /// For conflicts with a busy client: 4 attempts after 10, 50 and 250 ms.
    ///
    /// Source: kubernetes v1.36 staging/src/k8s.io/client-go/util/retry/util.go, `DefaultBackoff`
    pub const DEFAULT_BACKOFF: Steps =
        Steps { factor_percent: 500, steps: 4, ..Self::DEFAULT_RETRY };

    /// The next wait; it never ends.
    ///
    /// Source: kubernetes v1.36 staging/src/k8s.io/apimachinery/pkg/util/wait/backoff.go, `delay`
    pub fn step(&mut self, draw: Draw<'_>) -> SimDuration {
        let wait = jitter(self.duration, self.jitter_percent, draw);
        if self.steps == 0 {
            return wait;
        }
        self.steps -= 1;
        if self.factor_percent != 0 {
            self.duration = percent(self.duration, self.factor_percent);
        }
        if self.cap > SimDuration::ZERO && self.duration > self.cap {
            self.duration = self.cap;
            self.steps = 0;
        }
        wait
    }

    /// An attempt failed: how long to wait before the next; none when that was the last.
    ///
    /// Source: kubernetes v1.36 staging/src/k8s.io/apimachinery/pkg/util/wait/backoff.go,
    /// `ExponentialBackoff`
    pub fn retry(&mut self, draw: Draw<'_>) -> Option<SimDuration> {
        if self.steps <= 1 {
            self.steps = 0;
            return None;
        }
        let wait = self.step(draw);
        (self.steps > 0).then_some(wait)
    }
}

/// Waits that grow without end of attempts, and start again when none was needed for a while.
///
/// Source: kubernetes v1.36 staging/src/k8s.io/apimachinery/pkg/util/wait/backoff.go,
/// `exponentialBackoffManagerImpl`
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BackoffManager {
    initial: Steps,
    now: Steps,
    reset_after: SimDuration,
    last_start: SimTime,
}

impl BackoffManager {
    /// Waits of `initial`, growing, that start again after `reset_after` without a call.
    pub fn new(initial: Steps, reset_after: SimDuration, start: SimTime) -> BackoffManager {
        BackoffManager { initial, now: initial, reset_after, last_start: start }
    }

    /// That of a reflector: 800 ms doubling to 30 s, each up to twice as long by chance, and anew
    /// after two minutes.
    ///
    /// Source: kubernetes v1.36 staging/src/k8s.io/client-go/tools/cache/reflector.go,
    /// `NewReflectorWithOptions`
    pub fn reflector(start: SimTime) -> BackoffManager {
        let initial = Steps {
            duration: SimDuration::millis(800),
            factor_percent: 200,
            jitter_percent: 100,
            steps: u32::MAX,
            cap: SimDuration::secs(30),
        };
        BackoffManager::new(initial, SimDuration::secs(120), start)
    }

    /// How long to wait now.
    pub fn backoff(&mut self, now: SimTime, draw: Draw<'_>) -> SimDuration {
        if now.since(self.last_start) > self.reset_after {
            self.now = self.initial;
        }
        self.last_start = now;
        self.now.step(draw)
    }
}

/// The span, longer by less than so many hundredths of it, by chance.
///
/// Source: kubernetes v1.36 staging/src/k8s.io/apimachinery/pkg/util/wait/wait.go, `Jitter`
pub fn jitter(span: SimDuration, hundredths: u32, draw: Draw<'_>) -> SimDuration {
    match percent(span, hundredths).0 {
        0 => span,
        n => span + SimDuration(draw(n - 1)),
    }
}

/// So many hundredths of the span, cut.
fn percent(span: SimDuration, hundredths: u32) -> SimDuration {
    let product = u128::from(span.0) * u128::from(hundredths) / 100;
    SimDuration(u64::try_from(product).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_conflict_is_tried_five_times() {
        let waits = |mut steps: Steps| {
            let all = std::iter::from_fn(|| steps.retry(&mut |_| 0));
            all.map(SimDuration::as_millis).collect::<Vec<_>>()
        };
        assert_eq!(waits(Steps::DEFAULT_RETRY), [10, 10, 10, 10]);
        assert_eq!(waits(Steps::DEFAULT_BACKOFF), [10, 50, 250]);
    }

    #[test]
    fn a_reflector_waits_at_most_a_minute_and_starts_again_after_two() {
        let mut now = SimTime::ZERO;
        let mut manager = BackoffManager::reflector(now);
        let mut wait = |gap, chance: bool| {
            now += SimDuration::secs(gap);
            manager.backoff(now, &mut |n| if chance { n } else { 0 }).as_millis()
        };
        let waits: Vec<u64> = (0..8).map(|_| wait(1, false)).collect();
        assert_eq!(waits, [800, 1_600, 3_200, 6_400, 12_800, 25_600, 30_000, 30_000]);
        assert_eq!([wait(120, true), wait(121, false)], [59_999, 800]);
    }

    #[test]
    fn what_was_stable_is_collected() {
        let mut backoff = Backoff::new(SimDuration(1), SimDuration(10));
        backoff.next(&1, SimTime(0), SimTime(0));
        backoff.next(&2, SimTime(5), SimTime(5));
        backoff.gc(SimTime(21));
        assert_eq!([1, 2].map(|id| backoff.get(&id).0), [0, 1]);
        assert_eq!(backoff.ends_at(&2), SimTime(6));
    }
}
