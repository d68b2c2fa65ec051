//! How many pods wait where, to look at.

use super::Queue;

impl Queue {
    /// How many pods wait, by the names that the metric `scheduler_pending_pods` gives the places;
    /// the gated are counted with the unschedulable, in whose pool they wait.
    pub fn sizes(&self) -> [(&'static str, usize); 3] {
        let (active, backoff) = (self.active.len(), self.backoff.len() + self.errors.len());
        let rest = self.waiting.len().saturating_sub(active + backoff);
        [("active", active), ("backoff", backoff), ("unschedulable", rest)]
    }
}
