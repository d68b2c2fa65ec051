//! Instants as Kubernetes writes them: metav1.Time and metav1.MicroTime.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::sim::time::{SimDuration, SimTime, Start};

/// An instant on the wall clock of the simulated cluster: nanoseconds since the Unix epoch.
///
/// Objects are stored with whole seconds ([`Time::whole_seconds`]), as metav1.Time is serialised;
/// only events and leases carry microseconds. On the wire it is RFC 3339 in UTC.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Debug)]
pub struct Time(pub i64);

/// The wall-clock instant at which a run starts unless it says otherwise: 2026-01-01T00:00:00Z.
pub const EPOCH: Time = Time(Start::USUAL.0);

impl Time {
    /// The reading of a steady clock at an instant of the run: only spans between two readings mean
    /// anything. In a run that starts as usual it is that of the wall clock.
    pub fn at(now: SimTime) -> Time {
        Time(EPOCH.0.saturating_add_unsigned(now.0))
    }

    /// The wall-clock reading at an instant of a run.
    pub fn wall(start: Start, now: SimTime) -> Time {
        Time(start.0.saturating_add_unsigned(now.0))
    }

    /// The instant of a run at which the wall clock reads so; its start for a reading before it.
    pub fn since_start(self, start: Start) -> SimTime {
        SimTime(u64::try_from(self.0.saturating_sub(start.0)).unwrap_or(0))
    }

    /// The span since the beginning of 1970.
    pub fn since_1970(self) -> SimDuration {
        self.since(Time(0))
    }

    /// Cut to whole seconds, as metav1.Time is stored.
    #[must_use]
    pub fn whole_seconds(self) -> Time {
        Time(self.0.div_euclid(1_000_000_000) * 1_000_000_000)
    }

    /// Cut to whole microseconds, as metav1.MicroTime is stored.
    #[must_use]
    pub fn whole_micros(self) -> Time {
        Time(self.0.div_euclid(1_000) * 1_000)
    }

    /// Seconds since the Unix epoch, cut downwards.
    pub fn unix_seconds(self) -> i64 {
        self.0.div_euclid(1_000_000_000)
    }

    /// The span since `earlier`; zero when `earlier` is later.
    pub fn since(self, earlier: Time) -> SimDuration {
        SimDuration(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    /// The instant `span` later.
    #[must_use]
    pub fn plus(self, span: SimDuration) -> Time {
        Time(self.0.saturating_add_unsigned(span.0))
    }

    /// The instant `span` earlier.
    #[must_use]
    pub fn minus(self, span: SimDuration) -> Time {
        Time(self.0.saturating_sub_unsigned(span.0))
    }

    /// The instant of the run at which a steady clock reads so; the start for a reading before it.
    pub fn sim(self) -> SimTime {
        SimTime(u64::try_from(self.0 - EPOCH.0).unwrap_or(0))
    }

    /// Parses RFC 3339.
    pub fn parse(text: &str) -> Option<Time> {
        let stamp: Timestamp = text.parse().ok()?;
        i64::try_from(stamp.as_nanosecond()).ok().map(Time)
    }

    /// As metav1.MicroTime: RFC 3339 with six decimals.
    pub fn micro_text(self) -> String {
        let micros = self.0.rem_euclid(1_000_000_000) / 1_000;
        let whole = self.whole_seconds().to_string();
        format!("{}.{micros:06}Z", whole.trim_end_matches('Z'))
    }
}

/// As metav1.Time: RFC 3339 in whole seconds, `2026-01-01T00:00:00Z`.
impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let stamp = Timestamp::from_second(self.unix_seconds()).unwrap_or(Timestamp::UNIX_EPOCH);
        write!(f, "{stamp}")
    }
}

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = String::deserialize(d)?;
        Time::parse(&text)
            .ok_or_else(|| serde::de::Error::custom(format!("`{text}` is no RFC 3339 time")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_written_in_whole_seconds_and_read_back() {
        let t = Time::at(SimTime(1_234_567_890));
        assert_eq!(t.to_string(), "2026-01-01T00:00:01Z");
        assert_eq!(t.micro_text(), "2026-01-01T00:00:01.234567Z");
        assert_eq!(Time::parse("2026-01-01T00:00:01Z"), Some(t.whole_seconds()));
    }

    #[test]
    fn a_run_may_start_at_any_time_of_the_wall_clock() {
        let start = Start(Time::parse("2024-02-29T23:59:50Z").expect("a time").0);
        let t = Time::wall(start, SimTime(20_000_000_000));
        assert_eq!(t.to_string(), "2024-03-01T00:00:10Z");
        assert_eq!(t.since_start(start), SimTime(20_000_000_000));
        assert_eq!(EPOCH.since_start(Start(EPOCH.0 + 1)), SimTime::ZERO);
    }
}
