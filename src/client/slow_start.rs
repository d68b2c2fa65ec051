//! Batches of creations that double as long as none fails.
//!
//! It counts the calls; making them is its owner's part.

/// Creates `count` objects in batches of 1, 2, 4, …; the batch in which a call fails is the last.
///
/// A controller that may not create pods (quota, admission) thereby makes one call, not hundreds.
/// With 10 to create and calls that fail after 3 successes: batches of 1, 2 and 4, of which one
/// succeeds in the last; 7 calls, 3 successes.
///
/// Source: kubernetes v1.36 pkg/controller/replicaset/replica_set.go, `slowStartBatch`
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SlowStart {
    count: u32,
    remaining: u32,
    batch: u32,
    successes: u32,
    failed: bool,
}

impl SlowStart {
    /// Kubernetes' first batch: `SlowStartInitialBatchSize`.
    pub const INITIAL_BATCH: u32 = 1;

    /// `count` creations, the first `initial` of them at once.
    pub fn new(count: u32, initial: u32) -> SlowStart {
        let batch = count.min(initial);
        SlowStart { count, remaining: count, batch, successes: 0, failed: false }
    }

    /// How many calls are to be made now; 0 when it is over.
    pub fn batch(&self) -> u32 {
        self.batch
    }

    /// All calls of the batch have been answered, `successes` of them well.
    pub fn settle(&mut self, successes: u32) {
        assert!(successes <= self.batch, "a batch has no more successes than calls");
        self.successes += successes;
        self.failed = successes < self.batch;
        if self.failed {
            self.batch = 0;
            return;
        }
        self.remaining -= self.batch;
        self.batch = self.batch.saturating_mul(2).min(self.remaining);
    }

    /// Whether a call failed.
    pub fn failed(&self) -> bool {
        self.failed
    }

    /// How many calls succeeded.
    pub fn successes(&self) -> u32 {
        self.successes
    }

    /// How many of the creations have not succeeded, once it is over: those that failed and those
    /// that were never tried. They are no longer to be expected.
    pub fn skipped(&self) -> u32 {
        self.count - self.successes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_double_and_the_last_takes_the_rest() {
        let mut start = SlowStart::new(10, SlowStart::INITIAL_BATCH);
        let mut batches = Vec::new();
        while start.batch() > 0 {
            batches.push(start.batch());
            start.settle(start.batch());
        }
        assert_eq!(batches, [1, 2, 4, 3]);
        assert_eq!((start.failed(), start.skipped()), (false, 0));
    }
}
