//! Pauses that double: between the restarts of a container, between the pulls of an image.
//!
//! Responsible for the arithmetic alone; when somebody next looks is the caller's.

use crate::sim::time::{SimDuration, SimTime};

/// How pauses grow.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BackoffRule {
    /// The first pause.
    pub first: SimDuration,
    /// The longest pause.
    pub longest: SimDuration,
    /// The pauses begin anew when nothing was counted for longer than this.
    pub forgotten_after: SimDuration,
}

/// Restarts of a container.
///
/// Source: kubernetes v1.36 pkg/kubelet/kubelet.go, `newCrashLoopBackOff`, and
/// pkg/kubelet/kuberuntime/kuberuntime_manager.go, `doBackOff`
pub const CRASH_LOOP: BackoffRule = BackoffRule {
    first: SimDuration::secs(10),
    longest: SimDuration::secs(300),
    forgotten_after: SimDuration::secs(600),
};

/// Pulls of an image.
///
/// Source: kubernetes v1.36 pkg/kubelet/kubelet.go, `imageBackOff`, and
/// staging/src/k8s.io/client-go/util/flowcontrol/backoff.go, `hasExpired`
pub const IMAGE_PULL: BackoffRule = BackoffRule {
    first: SimDuration::secs(10),
    longest: SimDuration::secs(300),
    forgotten_after: SimDuration::secs(600),
};

/// The pause of one container or image; none has been counted when `pause` is zero.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Backoff {
    /// The present pause.
    pub pause: SimDuration,
    /// When it was last counted.
    counted: SimTime,
}

impl Backoff {
    /// When the pause that began with an event ends; none when there is no pause left at `now`.
    ///
    /// A container that ended at 12 s with a pause of 20 s waits until 32 s.
    ///
    /// Source: kubernetes v1.36 staging/src/k8s.io/client-go/util/flowcontrol/backoff.go,
    /// `Backoff.IsInBackOffSince`
    pub fn ends(&self, rule: BackoffRule, event: SimTime, now: SimTime) -> Option<SimTime> {
        let end = event + self.pause;
        (!self.is_forgotten(rule, event) && now < end).then_some(end)
    }

    /// When the pause that began with the last count ends; none when it is over at `now`.
    ///
    /// Source: kubernetes v1.36 staging/src/k8s.io/client-go/util/flowcontrol/backoff.go,
    /// `Backoff.IsInBackOffSinceUpdate`
    pub fn ends_since_count(&self, rule: BackoffRule, now: SimTime) -> Option<SimTime> {
        let end = self.counted + self.pause;
        (!self.is_forgotten(rule, now) && now < end).then_some(end)
    }

    /// Counts an event: the pause doubles, or begins when there was none.
    ///
    /// Source: kubernetes v1.36 staging/src/k8s.io/client-go/util/flowcontrol/backoff.go,
    /// `Backoff.Next`
    pub fn count(&mut self, rule: BackoffRule, event: SimTime, now: SimTime) {
        self.pause = if self.is_forgotten(rule, event) {
            rule.first
        } else {
            self.pause.times(2).min(rule.longest)
        };
        self.counted = now;
    }

    fn is_forgotten(&self, rule: BackoffRule, event: SimTime) -> bool {
        self.pause == SimDuration::ZERO || event.since(self.counted) > rule.forgotten_after
    }
}
