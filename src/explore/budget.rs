//! How much a search may do: so many runs, or as long as somebody's clock says.

use std::fmt;
use std::sync::Arc;

/// A limit of runs, and a clock that says how many milliseconds have gone by.
///
/// The library reads no clock of its own: whoever wants a limit of time hands one in.
#[derive(Clone)]
pub struct Budget {
    /// At most so many runs.
    pub runs: u64,
    /// At most so many milliseconds of the clock.
    pub millis: u64,
    clock: Arc<dyn Fn() -> u64 + Send + Sync>,
}

impl Budget {
    /// So many runs.
    pub fn runs(runs: u64) -> Budget {
        Budget { runs, millis: u64::MAX, clock: Arc::new(|| 0) }
    }

    /// So many milliseconds of a clock.
    pub fn time(millis: u64, clock: Arc<dyn Fn() -> u64 + Send + Sync>) -> Budget {
        let begun = clock();
        Budget { runs: u64::MAX, millis, clock: Arc::new(move || clock().saturating_sub(begun)) }
    }

    /// The same limit with a clock that only tells how long things take.
    #[must_use]
    pub fn told_by(mut self, clock: Arc<dyn Fn() -> u64 + Send + Sync>) -> Budget {
        let begun = clock();
        self.clock = Arc::new(move || clock().saturating_sub(begun));
        self
    }

    /// How many milliseconds have gone by.
    pub fn elapsed(&self) -> u64 {
        (self.clock)()
    }

    /// Whether nothing more may be done after so many runs.
    pub fn is_spent(&self, runs: u64) -> bool {
        runs >= self.runs || self.elapsed() >= self.millis
    }
}

impl fmt::Debug for Budget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} runs, {} ms", self.runs, self.millis)
    }
}
