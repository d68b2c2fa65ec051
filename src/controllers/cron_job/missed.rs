//! Which times of a schedule have passed without a Job: arithmetic with instants.

use crate::api::batch::cron_job::CronJob;
use crate::api::schedule::Schedule;
use crate::api::time::Time;
use crate::sim::time::SimDuration;

/// A look is this much later than the time that it is for.
///
/// Source: kubernetes v1.36 pkg/controller/cronjob/cronjob_controllerv2.go, `nextScheduleDelta`
pub const LATE: SimDuration = SimDuration::millis(100);

/// So many missed times are told of.
const MANY: i64 = 100;

const SECOND: i64 = 1_000_000_000;

/// How many times have been missed, roughly.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Missed {
    /// None, or one that is just due.
    None,
    /// Some.
    Few,
    /// More than a hundred.
    Many,
}

/// What has passed of a schedule.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Passed {
    /// From when on times count.
    pub earliest: Time,
    /// The last time that has come, if one has.
    pub recent: Option<Time>,
    /// How many were missed.
    pub missed: Missed,
    /// Whether the schedule has no times.
    pub is_invalid: bool,
}

/// What has passed of a schedule since the last Job or, without one, since the `CronJob` was made.
/// With a deadline only what is not older than that counts.
///
/// The number of missed times is an estimate: the time that has gone by, divided by the time
/// between the first two. `0 * * * *`, last at 9:00, now 12:30: 10:00 and 11:00 are the first two,
/// 2.5 h have gone by since 10:00, so 3 were missed, the last at 12:00.
///
/// Source: kubernetes v1.36 pkg/controller/cronjob/utils.go, `mostRecentScheduleTime`
pub fn passed(
    created: Time,
    last: Option<Time>,
    deadline_seconds: Option<i64>,
    schedule: &Schedule,
    now: Time,
) -> Passed {
    let mut earliest = last.unwrap_or(created);
    if let Some(seconds) = deadline_seconds {
        earliest = earliest.max(Time(now.0.saturating_sub(seconds.saturating_mul(SECOND))));
    }
    let none = Passed { earliest, recent: None, missed: Missed::None, is_invalid: false };
    let first = schedule.next(earliest);
    let second = first.and_then(|t| schedule.next(t));
    if first.is_some_and(|t| now < t) {
        return none;
    }
    if second.is_some_and(|t| now < t) {
        return Passed { recent: first, ..none };
    }
    let (Some(first), Some(second)) = (first, second) else {
        return Passed { is_invalid: true, ..none };
    };
    let between = (second.0 - first.0 + SECOND / 2) / SECOND;
    if between < 1 {
        return Passed { is_invalid: true, ..none };
    }
    let count = (now.0 - first.0) / SECOND / between + 1;
    let missed = if count > MANY { Missed::Many } else { Missed::Few };
    let near = Time(first.0 + (count - 2) * between * SECOND);
    let mut recent = None;
    let mut next = schedule.next(near);
    while let Some(t) = next.filter(|t| *t <= now) {
        recent = Some(t);
        next = schedule.next(t);
    }
    Passed { recent, missed, ..none }
}

/// What has passed of the schedule of a `CronJob`.
pub(super) fn of(
    cron_job: &CronJob,
    with_deadline: bool,
    schedule: &Schedule,
    now: Time,
) -> Passed {
    let deadline = cron_job.spec.starting_deadline_seconds.filter(|_| with_deadline);
    let created = cron_job.meta.creation.unwrap_or_default();
    passed(created, cron_job.status.last_schedule_time, deadline, schedule, now)
}

/// Until the next look is due.
///
/// Source: kubernetes v1.36 pkg/controller/cronjob/utils.go, `nextScheduleTimeDuration`
pub fn until_next(cron_job: &CronJob, schedule: &Schedule, now: Time) -> SimDuration {
    let passed = of(cron_job, false, schedule, now);
    let from = match passed.recent {
        _ if passed.is_invalid => now,
        Some(recent) => recent,
        None if passed.missed == Missed::None => passed.earliest,
        None => now,
    };
    schedule.next(from).map_or(SimDuration::ZERO, |t| t.plus(LATE).since(now))
}
