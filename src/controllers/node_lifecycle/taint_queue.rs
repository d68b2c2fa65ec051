//! The rate-limited queue of a zone's nodes that are to get a `NoExecute` taint.

use std::collections::{BTreeMap, BTreeSet};

use crate::api::Name;
use crate::api::time::Time;
use crate::sim::time::SimDuration;

/// Nodes of a zone that wait for their `NoExecute` taint, and the token bucket of size one that
/// lets them pass.
///
/// A node that was tainted stays known, so that it is not tainted again until somebody removes it.
///
/// Source: kubernetes v1.36 pkg/controller/nodelifecycle/scheduler/rate_limited_queue.go
#[derive(Clone, Debug)]
pub struct TaintQueue {
    waiting: BTreeSet<(Time, Name)>,
    known: BTreeMap<Name, Time>,
    rate: f32,
    next_token: Option<Time>,
}

impl TaintQueue {
    /// An empty queue that lets so many nodes a second pass, the first at once.
    pub fn new(rate: f32) -> TaintQueue {
        TaintQueue { waiting: BTreeSet::new(), known: BTreeMap::new(), rate, next_token: None }
    }

    /// Adds a node that is not known yet; true when it was added.
    pub fn add(&mut self, node: &Name, now: Time) -> bool {
        if self.known.contains_key(node) {
            return false;
        }
        self.known.insert(node.clone(), now);
        self.waiting.insert((now, node.clone()))
    }

    /// Forgets a node; true when it was known.
    pub fn remove(&mut self, node: &Name) -> bool {
        let Some(since) = self.known.remove(node) else { return false };
        self.waiting.remove(&(since, node.clone()));
        true
    }

    /// The node whose turn it would be, token or not.
    pub fn head(&self) -> Option<&Name> {
        self.waiting.first().map(|(_, node)| node)
    }

    /// Takes a token and the node whose turn it is; none when there is no node or no token.
    pub fn take(&mut self, now: Time) -> Option<Name> {
        self.head()?;
        if !self.accepts(now) {
            return None;
        }
        self.waiting.pop_first().map(|(_, node)| node)
    }

    /// When the next node can pass; none when none waits or none may pass at all.
    pub fn next_at(&self, now: Time) -> Option<Time> {
        self.head()?;
        self.interval()?;
        Some(self.next_token.map_or(now, |at| at.max(now)))
    }

    /// Changes the rate. One that waits for a token goes on waiting, for the interval of the new
    /// rate.
    ///
    /// Source: kubernetes v1.36 pkg/controller/nodelifecycle/scheduler/rate_limited_queue.go,
    /// `SwapLimiter`
    #[expect(clippy::float_cmp, reason = "Kubernetes asks whether the rates are the same")]
    pub fn set_rate(&mut self, rate: f32, now: Time) {
        if self.rate == rate {
            return;
        }
        let was_waiting = !self.accepts(now);
        self.rate = rate;
        self.next_token = None;
        if was_waiting {
            self.accepts(now);
        }
    }

    fn accepts(&mut self, now: Time) -> bool {
        let Some(interval) = self.interval() else { return false };
        if self.next_token.is_some_and(|at| now < at) {
            return false;
        }
        self.next_token = Some(now.plus(interval));
        true
    }

    /// The time between two tokens; none when there are none.
    #[expect(clippy::float_arithmetic, reason = "the limiter of Kubernetes computes with floats")]
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "positive, small")]
    fn interval(&self) -> Option<SimDuration> {
        let nanos = 1e9 / f64::from(self.rate);
        (self.rate > 0.0).then(|| SimDuration::nanos(nanos as u64))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::time::EPOCH;

    fn at(seconds: u64) -> Time {
        EPOCH.plus(SimDuration::secs(seconds))
    }

    #[test]
    fn one_node_passes_every_ten_seconds() {
        let mut queue = TaintQueue::new(0.1);
        for node in ["a", "b", "c"] {
            assert!(queue.add(&node.into(), at(0)));
        }
        assert!(!queue.add(&"a".into(), at(0)));
        let passed: Vec<_> = (0..30).filter_map(|s| queue.take(at(s)).map(|n| (s, n))).collect();
        assert_eq!(passed, [(0, "a".into()), (10, "b".into()), (20, "c".into())]);
    }

    #[test]
    fn a_queue_that_stood_still_waits_one_interval_more() {
        let mut queue = TaintQueue::new(0.0);
        queue.add(&"a".into(), at(0));
        assert_eq!((queue.take(at(5)), queue.next_at(at(5))), (None, None));
        queue.set_rate(0.1, at(5));
        assert_eq!(queue.take(at(14)), None);
        assert_eq!(queue.take(at(15)), Some("a".into()));
    }
}
