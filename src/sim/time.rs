//! Virtual time: instants and spans in whole nanoseconds.

use std::fmt;
use std::ops::{Add, AddAssign, Sub};

/// An instant of virtual time: nanoseconds since the start of the run.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Debug)]
pub struct SimTime(pub u64);

/// A span of virtual time in nanoseconds; never negative.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Debug)]
pub struct SimDuration(pub u64);

/// What the wall clock shows when a run starts: nanoseconds since the beginning of 1970.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Start(pub i64);

impl Start {
    /// The beginning of 2026.
    pub const USUAL: Start = Start(1_767_225_600_000_000_000);
}

impl Default for Start {
    fn default() -> Self {
        Start::USUAL
    }
}

impl SimTime {
    /// The start of the run.
    pub const ZERO: SimTime = SimTime(0);
    /// An instant that never comes.
    pub const NEVER: SimTime = SimTime(u64::MAX);

    /// The span since `earlier`; zero when `earlier` is later.
    pub fn since(self, earlier: SimTime) -> SimDuration {
        SimDuration(self.0.saturating_sub(earlier.0))
    }

    /// The first instant at or after this one that is `phase` past a whole multiple of `period`.
    ///
    /// With a period of 1 s and a phase of 0.2 s, 3.1 s gives 3.2 s and 3.2 s gives 3.2 s.
    #[must_use]
    pub fn next_beat(self, period: SimDuration, phase: SimDuration) -> SimTime {
        assert!(period.0 > 0, "a period is longer than zero");
        let phase = phase.0 % period.0;
        let past = self.0.saturating_sub(phase);
        SimTime(phase + past.div_ceil(period.0) * period.0)
    }
}

impl SimDuration {
    /// No time at all.
    pub const ZERO: SimDuration = SimDuration(0);

    /// A span of whole nanoseconds.
    pub const fn nanos(n: u64) -> Self {
        SimDuration(n)
    }

    /// A span of whole microseconds.
    pub const fn micros(n: u64) -> Self {
        SimDuration(n * 1_000)
    }

    /// A span of whole milliseconds.
    pub const fn millis(n: u64) -> Self {
        SimDuration(n * 1_000_000)
    }

    /// A span of whole seconds.
    pub const fn secs(n: u64) -> Self {
        SimDuration(n * 1_000_000_000)
    }

    /// The whole nanoseconds.
    pub const fn as_nanos(self) -> u64 {
        self.0
    }

    /// The whole milliseconds, cut.
    pub const fn as_millis(self) -> u64 {
        self.0 / 1_000_000
    }

    /// The whole seconds, cut.
    pub const fn as_secs(self) -> u64 {
        self.0 / 1_000_000_000
    }

    /// This span `n` times; the longest span when it would not fit.
    #[must_use]
    pub const fn times(self, n: u64) -> Self {
        SimDuration(self.0.saturating_mul(n))
    }
}

impl Add<SimDuration> for SimTime {
    type Output = SimTime;
    fn add(self, rhs: SimDuration) -> SimTime {
        SimTime(self.0.saturating_add(rhs.0))
    }
}

impl AddAssign<SimDuration> for SimTime {
    fn add_assign(&mut self, rhs: SimDuration) {
        *self = *self + rhs;
    }
}

impl Add for SimDuration {
    type Output = SimDuration;
    fn add(self, rhs: SimDuration) -> SimDuration {
        SimDuration(self.0.saturating_add(rhs.0))
    }
}

impl AddAssign for SimDuration {
    fn add_assign(&mut self, rhs: SimDuration) {
        *self = *self + rhs;
    }
}

impl Sub for SimDuration {
    type Output = SimDuration;
    fn sub(self, rhs: SimDuration) -> SimDuration {
        SimDuration(self.0.saturating_sub(rhs.0))
    }
}

impl fmt::Display for SimTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&SimDuration(self.0), f)
    }
}

/// As people write spans: `0s`, `250µs`, `1.5ms`, `12.4s`, `3m5s`, `1h0m2.5s`.
impl fmt::Display for SimDuration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ns = self.0;
        match ns {
            0 => f.write_str("0s"),
            1..1_000 => write!(f, "{ns}ns"),
            1_000..1_000_000 => decimal(f, ns, 1_000, "µs"),
            1_000_000..1_000_000_000 => decimal(f, ns, 1_000_000, "ms"),
            _ => {
                let (h, m) = (ns / 3_600_000_000_000, ns / 60_000_000_000 % 60);
                if h > 0 {
                    write!(f, "{h}h")?;
                }
                if h > 0 || m > 0 {
                    write!(f, "{m}m")?;
                }
                decimal(f, ns % 60_000_000_000, 1_000_000_000, "s")
            }
        }
    }
}

/// Writes `n / unit` with as many decimals as it has, and the unit's name.
fn decimal(f: &mut fmt::Formatter<'_>, n: u64, unit: u64, name: &str) -> fmt::Result {
    let (whole, rest) = (n / unit, n % unit);
    if rest == 0 {
        return write!(f, "{whole}{name}");
    }
    let width = unit.ilog10() as usize;
    let digits = format!("{rest:0width$}");
    write!(f, "{whole}.{}{name}", digits.trim_end_matches('0'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_read_as_people_write_them() {
        let text = |ns| SimDuration(ns).to_string();
        assert_eq!(
            [0, 250_000, 1_500_000, 12_400_000_000, 185_000_000_000, 3_602_500_000_000].map(text),
            ["0s", "250µs", "1.5ms", "12.4s", "3m5s", "1h0m2.5s"]
        );
    }

    #[test]
    fn a_beat_is_the_next_multiple_past_its_phase() {
        let beat = |t| SimTime(t).next_beat(SimDuration(10), SimDuration(2)).0;
        assert_eq!([0, 2, 3, 12, 13].map(beat), [2, 2, 12, 12, 22]);
    }
}
