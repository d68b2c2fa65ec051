//! The next time of a schedule, as the library that Kubernetes uses finds it.
//!
//! Its answers around changes of the clock come from how it searches: it goes forward month by
//! month, day by day, hour by hour, minute by minute, and from the first step on begins at the
//! start of each unit. So the search is repeated here, not only its aim.

use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;

use super::{Fields, STAR, Schedule, When};
use crate::api::time::Time;

const SECOND: i64 = 1_000_000_000;
const HOUR: i64 = 3600;

/// So many years without a match, and there is none.
const YEARS: i16 = 5;

impl Schedule {
    /// The first time after `after`; none when there is none within five years.
    ///
    /// Source: github.com/robfig/cron/v3 spec.go, `SpecSchedule.Next`; constantdelay.go,
    /// `ConstantDelaySchedule.Next`
    pub fn next(&self, after: Time) -> Option<Time> {
        match &self.when {
            When::Every(period) => Some(after.whole_seconds().plus(*period)),
            When::Fields(fields) => Search::new(&self.zone, after)?.run(fields),
        }
    }
}

/// An instant on the clock of a zone, as RFC 3339; the offset of UTC is `Z`.
pub fn local_text(zone: &TimeZone, at: Time) -> String {
    let Ok(stamp) = Timestamp::from_second(at.unix_seconds()) else { return at.to_string() };
    let offset = zone.to_offset(stamp);
    let text = offset.to_datetime(stamp).strftime("%Y-%m-%dT%H:%M:%S").to_string();
    let seconds = offset.seconds();
    if seconds == 0 {
        return format!("{text}Z");
    }
    let sign = if seconds < 0 { '-' } else { '+' };
    let minutes = seconds.unsigned_abs() / 60;
    format!("{text}{sign}{:02}:{:02}", minutes / 60, minutes % 60)
}

/// A search under way: an instant in seconds, and what the clock of the zone shows then.
struct Search<'a> {
    zone: &'a TimeZone,
    unix: i64,
    local: DateTime,
    /// Whether a unit has been stepped over; from then on each unit begins at its start.
    stepped: bool,
}

/// What a part of the search came to.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Found {
    /// The unit matches.
    Match,
    /// The larger unit is another one now: begin again.
    Wrapped,
}

impl<'a> Search<'a> {
    /// It begins at the upcoming second.
    fn new(zone: &'a TimeZone, after: Time) -> Option<Search<'a>> {
        let unix = after.0.div_euclid(SECOND) + 1;
        let local = clock(zone, unix)?;
        Some(Search { zone, unix, local, stepped: false })
    }

    fn run(mut self, fields: &Fields) -> Option<Time> {
        let last = self.local.year().checked_add(YEARS)?;
        while self.local.year() <= last {
            let parts = [Search::month, Search::day, Search::hour, Search::minute, Search::second];
            let mut found = Found::Match;
            for part in parts {
                found = part(&mut self, fields)?;
                if found == Found::Wrapped {
                    break;
                }
            }
            if found == Found::Match {
                return self.unix.checked_mul(SECOND).map(Time);
            }
        }
        None
    }

    fn month(&mut self, fields: &Fields) -> Option<Found> {
        while !has(fields.months, self.local.month()) {
            if self.begin() {
                let date = self.local.date();
                self.set(date.year(), date.month().into(), 1, 0)?;
            }
            let date = self.local.date();
            self.add_months(date)?;
            if self.local.month() == 1 {
                return Some(Found::Wrapped);
            }
        }
        Some(Found::Match)
    }

    /// A zone may have no midnight on a day: the hour is then put right by hand.
    fn day(&mut self, fields: &Fields) -> Option<Found> {
        while !day_matches(fields, self.local.date()) {
            if self.begin() {
                let date = self.local.date();
                self.set(date.year(), date.month().into(), date.day().into(), 0)?;
            }
            let date = self.local.date();
            let (hour, minute, second) =
                (self.local.hour(), self.local.minute(), self.local.second());
            let next = date.tomorrow().ok()?;
            self.go_to(next.at(hour, minute, second, 0))?;
            let hour = i64::from(self.local.hour());
            if hour > 12 {
                self.advance((24 - hour) * HOUR)?;
            } else if hour != 0 {
                self.advance(-hour * HOUR)?;
            }
            if self.local.day() == 1 {
                return Some(Found::Wrapped);
            }
        }
        Some(Found::Match)
    }

    fn hour(&mut self, fields: &Fields) -> Option<Found> {
        while !has(fields.hours, self.local.hour()) {
            if self.begin() {
                let date = self.local.date();
                let hour = self.local.hour();
                self.set(date.year(), date.month().into(), date.day().into(), hour)?;
            }
            self.advance(HOUR)?;
            if self.local.hour() == 0 {
                return Some(Found::Wrapped);
            }
        }
        Some(Found::Match)
    }

    fn minute(&mut self, fields: &Fields) -> Option<Found> {
        while !has(fields.minutes, self.local.minute()) {
            if self.begin() {
                self.advance(-self.unix.rem_euclid(60))?;
            }
            self.advance(60)?;
            if self.local.minute() == 0 {
                return Some(Found::Wrapped);
            }
        }
        Some(Found::Match)
    }

    /// Schedules of five fields are due at second 0.
    fn second(&mut self, _: &Fields) -> Option<Found> {
        while self.local.second() != 0 {
            self.begin();
            self.advance(1)?;
            if self.local.second() == 0 {
                return Some(Found::Wrapped);
            }
        }
        Some(Found::Match)
    }

    /// Whether this is the first step.
    fn begin(&mut self) -> bool {
        !std::mem::replace(&mut self.stepped, true)
    }

    /// The first of the next month, at the same time of day; a day that it has not runs over.
    fn add_months(&mut self, date: Date) -> Option<()> {
        let (year, month) =
            if date.month() == 12 { (date.year() + 1, 1) } else { (date.year(), date.month() + 1) };
        let first = Date::new(year, month, 1).ok()?;
        let days = i32::from(date.day()) - 1;
        let target = first.checked_add(jiff::Span::new().days(days)).ok()?;
        let (hour, minute, second) = (self.local.hour(), self.local.minute(), self.local.second());
        self.go_to(target.at(hour, minute, second, 0))
    }

    fn set(&mut self, year: i16, month: i32, day: i32, hour: i8) -> Option<()> {
        let date = Date::new(year, i8::try_from(month).ok()?, i8::try_from(day).ok()?).ok()?;
        self.go_to(date.at(hour, 0, 0, 0))
    }

    fn advance(&mut self, seconds: i64) -> Option<()> {
        self.unix += seconds;
        self.local = clock(self.zone, self.unix)?;
        Some(())
    }

    /// Goes to what the clock shows. Where the zone leaves that out or has it twice, one of the
    /// two offsets around is taken, as Go does: that of the instant which has this reading in UTC,
    /// unless it does not hold at the instant found. So does Go's `time.Date`.
    fn go_to(&mut self, reading: DateTime) -> Option<()> {
        let in_utc = jiff::tz::Offset::UTC.to_timestamp(reading).ok()?.as_second();
        let first = i64::from(offset(self.zone, in_utc)?);
        let mut unix = in_utc - first;
        if first != 0 && changes_between(self.zone, unix.min(in_utc), unix.max(in_utc)) {
            unix = in_utc - i64::from(offset(self.zone, unix)?);
        }
        self.unix = unix;
        self.local = clock(self.zone, unix)?;
        Some(())
    }
}

fn offset(zone: &TimeZone, unix: i64) -> Option<i32> {
    Some(zone.to_offset(Timestamp::from_second(unix).ok()?).seconds())
}

/// Whether the offset changes after `from` and not after `to`.
fn changes_between(zone: &TimeZone, from: i64, to: i64) -> bool {
    let Ok(start) = Timestamp::from_second(from) else { return false };
    zone.following(start).next().is_some_and(|change| change.timestamp().as_second() <= to)
}

fn clock(zone: &TimeZone, unix: i64) -> Option<DateTime> {
    let stamp = Timestamp::from_second(unix).ok()?;
    Some(zone.to_offset(stamp).to_datetime(stamp))
}

fn has(set: u64, value: i8) -> bool {
    u32::try_from(value).is_ok_and(|value| set >> value & 1 == 1)
}

/// Day of month and day of week both have to match when one of them is `*`; else one is enough.
///
/// Source: github.com/robfig/cron/v3 spec.go, `dayMatches`
fn day_matches(fields: &Fields, date: Date) -> bool {
    let in_month = has(fields.days_of_month, date.day());
    let in_week = has(fields.days_of_week, date.weekday().to_sunday_zero_offset());
    if (fields.days_of_month | fields.days_of_week) & STAR != 0 {
        in_month && in_week
    } else {
        in_month || in_week
    }
}
