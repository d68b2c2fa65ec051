//! The token bucket that limits what a client sends.
//!
//! It decides when the next request may go; it never holds requests back itself. Its arithmetic
//! is exact: no token is lost or won by rounding, however long a run is.

use crate::sim::time::{SimDuration, SimTime};

/// A bucket that holds up to `burst` tokens and is refilled at a steady rate.
///
/// Only one instant is kept: that at which the bucket is full again when nobody takes anything.
/// It is counted in parts of a nanosecond, so that 30 tokens a second, one each 33,333,333⅓ ns,
/// are exact. With 10 tokens a second, a burst of 100 and 102 requests at once, the 102nd waits
/// 200 ms.
///
/// Source: golang.org/x/time/rate/rate.go, `reserveN`; kubernetes v1.36
/// staging/src/k8s.io/client-go/util/flowcontrol/throttle.go, `NewTokenBucketRateLimiter`
/// Differs: the original counts tokens in floating point; here they are exact.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TokenBucket {
    /// Tokens a period; also the number of parts of a nanosecond.
    tokens: u64,
    /// The period, in nanoseconds.
    period: u64,
    burst: u64,
    /// When it is full again, in parts of a nanosecond.
    full_at: u128,
}

impl TokenBucket {
    /// A full bucket that gains `tokens` each `period` and holds up to `burst`.
    pub fn new(tokens: u32, period: SimDuration, burst: u32) -> TokenBucket {
        assert!(tokens > 0 && period.0 > 0, "a bucket is refilled at some rate");
        TokenBucket {
            tokens: u64::from(tokens),
            period: period.0,
            burst: u64::from(burst),
            full_at: 0,
        }
    }

    /// A full bucket of `qps` tokens a second that holds up to `burst`.
    pub fn per_second(qps: u32, burst: u32) -> TokenBucket {
        TokenBucket::new(qps, SimDuration::secs(1), burst)
    }

    /// Takes a token, now or in advance, and tells how long its owner must wait.
    pub fn reserve(&mut self, now: SimTime) -> SimDuration {
        let now = self.parts(now);
        self.full_at = self.full_at.max(now) + u128::from(self.period);
        self.lack(now)
    }

    /// Takes a token if one is there.
    pub fn try_accept(&mut self, now: SimTime) -> bool {
        let now = self.parts(now);
        let full_at = self.full_at.max(now) + u128::from(self.period);
        let accepted = full_at - now <= self.capacity();
        if accepted {
            self.full_at = full_at;
        }
        accepted
    }

    /// When the next request may go, were it made now; nothing is taken.
    pub fn next_at(&self, now: SimTime) -> SimTime {
        let mut after = self.clone();
        now + after.reserve(now)
    }

    /// How long until the last token that was taken is really there; cut to whole nanoseconds.
    fn lack(&self, now: u128) -> SimDuration {
        let parts = (self.full_at - now).saturating_sub(self.capacity());
        SimDuration(u64::try_from(parts / u128::from(self.tokens)).unwrap_or(u64::MAX))
    }

    fn capacity(&self) -> u128 {
        u128::from(self.burst) * u128::from(self.period)
    }

    fn parts(&self, instant: SimTime) -> u128 {
        u128::from(instant.0) * u128::from(self.tokens)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_goes_at_once_and_the_rest_at_the_rate() {
        let mut bucket = TokenBucket::per_second(20, 30);
        let waits: Vec<u64> =
            (0..33).map(|_| bucket.reserve(SimTime::ZERO).as_millis()).skip(28).collect();
        assert_eq!(waits, [0, 0, 50, 100, 150]);
        let later = SimTime::ZERO + SimDuration::secs(60);
        assert_eq!(bucket.next_at(later), later);
    }

    #[test]
    fn a_refused_request_takes_nothing() {
        let mut bucket = TokenBucket::new(1, SimDuration::secs(300), 2);
        let mut at = |s| bucket.try_accept(SimTime::ZERO + SimDuration::secs(s));
        let got = [0, 0, 0, 299, 300, 301, 600].map(&mut at);
        assert_eq!(got, [true, true, false, false, true, false, true]);
    }

    #[test]
    fn thirds_of_a_nanosecond_add_up() {
        let mut bucket = TokenBucket::per_second(3, 1);
        for _ in 0..3_000_000 {
            bucket.reserve(SimTime::ZERO);
        }
        assert_eq!(bucket.reserve(SimTime::ZERO), SimDuration::secs(1_000_000));
    }
}
