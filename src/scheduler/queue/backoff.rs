//! How long a pod pauses after a failure.

use crate::scheduler::config::QueueConfig;
use crate::sim::time::{SimDuration, SimTime};

/// Ends of pauses are cut to whole seconds, so that pods that end together go by priority.
///
/// Source: kubernetes v1.36 pkg/scheduler/backend/queue/backoff_queue.go,
/// `backoffQOrderingWindowDuration`
const WINDOW: SimDuration = SimDuration::secs(1);

/// The pause: it doubles from failure to failure up to a longest one. Errors in a row count in
/// place of rejections while there are any.
///
/// The third rejection pauses 1 s · 2² = 4 s, the sixth 10 s.
///
/// Source: kubernetes v1.36 pkg/scheduler/backend/queue/backoff_queue.go,
/// `backoffQueue.calculateBackoffDuration`
pub fn span(config: &QueueConfig, unschedulable: u32, errors: u32) -> SimDuration {
    let count = if errors > 0 { errors } else { unschedulable };
    let Some(doublings) = count.checked_sub(1) else { return SimDuration::ZERO };
    let factor = 1_u64.checked_shl(doublings).unwrap_or(u64::MAX);
    config.initial_backoff.times(factor).min(config.max_backoff)
}

/// When the pause ends; none when there is none.
///
/// Source: kubernetes v1.36 pkg/scheduler/backend/queue/backoff_queue.go,
/// `backoffQueue.getBackoffTime`
pub fn expiry(
    config: &QueueConfig,
    since: SimTime,
    unschedulable: u32,
    errors: u32,
) -> Option<SimTime> {
    let span = span(config, unschedulable, errors);
    (span != SimDuration::ZERO).then(|| cut(config, since + span))
}

/// Whether a pod whose pause ends at `end` pauses still.
///
/// Source: kubernetes v1.36 pkg/scheduler/backend/queue/backoff_queue.go,
/// `backoffQueue.isPodBackingoff`
pub fn backing_off(config: &QueueConfig, end: SimTime, now: SimTime) -> bool {
    if config.pop_from_backoff { end >= cut(config, now) } else { end > now }
}

/// The whole second at which a pod is moved whose pause ends at `end`.
pub(super) fn flushed_at(config: &QueueConfig, end: SimTime) -> SimTime {
    let over = if config.pop_from_backoff { end + SimDuration::nanos(1) } else { end };
    over.next_beat(WINDOW, SimDuration::ZERO)
}

fn cut(config: &QueueConfig, t: SimTime) -> SimTime {
    if config.pop_from_backoff { SimTime(t.0 / WINDOW.0 * WINDOW.0) } else { t }
}
