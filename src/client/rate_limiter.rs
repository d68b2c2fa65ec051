//! How long a key waits before it is queued again after a failure.
//!
//! A rate limiter only answers how long; the work queue does the waiting.

use std::hash::Hash;

use crate::client::token_bucket::TokenBucket;
use crate::sim::index::Map;
use crate::sim::time::{SimDuration, SimTime};

/// A rule for the wait before a key is queued again.
///
/// Source: kubernetes v1.36 staging/src/k8s.io/client-go/util/workqueue/default_rate_limiters.go
#[derive(Clone, Debug)]
pub enum RateLimiter<K> {
    /// Each failure of a key doubles its wait.
    Exponential(Exponential<K>),
    /// A few quick attempts, then slow ones.
    FastSlow(FastSlow<K>),
    /// One token a key, whichever it is.
    Bucket(TokenBucket),
    /// The longest wait of several rules, each of which is asked.
    MaxOf(Vec<RateLimiter<K>>),
}

/// `base`·2ⁿ⁻¹ at the n-th failure in a row, up to `max`.
///
/// With 5 ms and 1,000 s: 5 ms, 10 ms, 20 ms, … 655.36 s at the 18th, 1,000 s from the 19th on.
///
/// Source: kubernetes v1.36 staging/src/k8s.io/client-go/util/workqueue/default_rate_limiters.go,
/// `TypedItemExponentialFailureRateLimiter.When`
#[derive(Clone, Debug)]
pub struct Exponential<K> {
    base: SimDuration,
    max: SimDuration,
    failures: Map<K, u32>,
}

/// `fast` for the first `fast_attempts` failures of a key, then `slow`.
///
/// Source: kubernetes v1.36 staging/src/k8s.io/client-go/util/workqueue/default_rate_limiters.go,
/// `TypedItemFastSlowRateLimiter.When`
#[derive(Clone, Debug)]
pub struct FastSlow<K> {
    fast: SimDuration,
    slow: SimDuration,
    fast_attempts: u32,
    failures: Map<K, u32>,
}

impl<K: Clone + Eq + Hash> RateLimiter<K> {
    /// Doubling from `base` to `max` for each key.
    pub fn exponential(base: SimDuration, max: SimDuration) -> Self {
        RateLimiter::Exponential(Exponential { base, max, failures: Map::default() })
    }

    /// `fast_attempts` waits of `fast` for each key, then `slow`.
    pub fn fast_slow(fast: SimDuration, slow: SimDuration, fast_attempts: u32) -> Self {
        RateLimiter::FastSlow(FastSlow { fast, slow, fast_attempts, failures: Map::default() })
    }

    /// What most controllers use: 5 ms doubling to 1,000 s for each key, and not more than 10 a
    /// second with bursts of 100 for all keys together.
    ///
    /// Source: kubernetes v1.36
    /// staging/src/k8s.io/client-go/util/workqueue/default_rate_limiters.go,
    /// `DefaultTypedControllerRateLimiter`
    pub fn default_controller() -> Self {
        RateLimiter::MaxOf(vec![
            RateLimiter::exponential(SimDuration::millis(5), SimDuration::secs(1_000)),
            RateLimiter::Bucket(TokenBucket::per_second(10, 100)),
        ])
    }

    /// How long the key is to wait, having failed once more.
    pub fn when(&mut self, key: &K, now: SimTime) -> SimDuration {
        match self {
            RateLimiter::Exponential(rule) => {
                doubled(rule.base, rule.max, one_more(&mut rule.failures, key) - 1)
            }
            RateLimiter::FastSlow(rule) => {
                let quick = one_more(&mut rule.failures, key) <= rule.fast_attempts;
                if quick { rule.fast } else { rule.slow }
            }
            RateLimiter::Bucket(bucket) => bucket.reserve(now),
            RateLimiter::MaxOf(rules) => {
                rules.iter_mut().map(|r| r.when(key, now)).max().unwrap_or_default()
            }
        }
    }

    /// The key has succeeded, or has been given up: its failures are forgotten.
    pub fn forget(&mut self, key: &K) {
        match self {
            RateLimiter::Exponential(rule) => drop(rule.failures.remove(key)),
            RateLimiter::FastSlow(rule) => drop(rule.failures.remove(key)),
            RateLimiter::Bucket(_) => {}
            RateLimiter::MaxOf(rules) => rules.iter_mut().for_each(|r| r.forget(key)),
        }
    }

    /// How often the key has failed in a row.
    pub fn requeues(&self, key: &K) -> u32 {
        match self {
            RateLimiter::Exponential(rule) => rule.failures.get(key).copied().unwrap_or(0),
            RateLimiter::FastSlow(rule) => rule.failures.get(key).copied().unwrap_or(0),
            RateLimiter::Bucket(_) => 0,
            RateLimiter::MaxOf(rules) => rules.iter().map(|r| r.requeues(key)).max().unwrap_or(0),
        }
    }
}

/// Counts a failure of the key and tells how many there are.
fn one_more<K: Clone + Eq + Hash>(failures: &mut Map<K, u32>, key: &K) -> u32 {
    if let Some(count) = failures.get_mut(key) {
        *count = count.saturating_add(1);
        return *count;
    }
    failures.insert(key.clone(), 1);
    1
}

/// `base`·2ⁿ, at most `max`.
fn doubled(base: SimDuration, max: SimDuration, n: u32) -> SimDuration {
    let factor = 1_u64.checked_shl(n).unwrap_or(u64::MAX);
    base.times(factor).min(max)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_success_starts_the_doubling_again() {
        let mut limiter = RateLimiter::default_controller();
        let fail = |l: &mut RateLimiter<u8>| l.when(&1, SimTime::ZERO).as_millis();
        assert_eq!([fail(&mut limiter), fail(&mut limiter), fail(&mut limiter)], [5, 10, 20]);
        assert_eq!(limiter.requeues(&1), 3);
        limiter.forget(&1);
        assert_eq!(
            [limiter.when(&1, SimTime::ZERO).as_millis(), limiter.requeues(&1).into()],
            [5, 1]
        );
    }

    #[test]
    fn the_thousandth_failure_waits_as_long_as_the_cap() {
        let mut limiter = RateLimiter::exponential(SimDuration::millis(5), SimDuration::secs(9));
        let waits: Vec<_> = (0..1_000).map(|_| limiter.when(&1, SimTime::ZERO)).collect();
        assert!(waits.is_sorted());
        assert_eq!(waits.last(), Some(&SimDuration::secs(9)));
    }
}
