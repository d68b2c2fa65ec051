//! A number over time: constant, stepped or growing, in whole numbers.

use std::sync::Arc;

use crate::sim::time::SimDuration;

/// A number over time. The default is zero for ever.
///
/// Each part holds from its begin to that of the next; before the first the number is zero. It is
/// never negative: a part that shrinks ends at zero.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Curve {
    parts: Arc<[Part]>,
}

/// A part of a curve: a number, and by how much it changes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Part {
    /// When it begins.
    pub from: SimDuration,
    /// The number at its begin.
    pub value: u64,
    /// By how much the number changes in each span; none for a constant.
    pub slope: Option<(i64, SimDuration)>,
}

impl Part {
    /// The number after `x` nanoseconds of the part.
    ///
    /// 50 growing by 10 a minute is 55 after 30 s, and still 50 after 5 s.
    fn at(self, x: u64) -> u64 {
        let Some((by, per)) = self.slope else { return self.value };
        let change = i128::from(by) * i128::from(x) / i128::from(per.0.max(1));
        let now = i128::from(self.value) + change;
        u64::try_from(now.max(0)).unwrap_or(u64::MAX)
    }

    /// When a part that shrinks is at zero.
    fn zero_after(self) -> u64 {
        match self.slope {
            Some((by, per)) if by < 0 => {
                let span =
                    u128::from(self.value) * u128::from(per.0) / u128::from(by.unsigned_abs());
                u64::try_from(span).unwrap_or(u64::MAX)
            }
            Some(_) | None => u64::MAX,
        }
    }

    /// The area under the first `x` nanoseconds, in the number's unit times nanoseconds.
    fn area(self, x: u64) -> u128 {
        let x = i128::from(x.min(self.zero_after()));
        let flat = i128::from(self.value) * x;
        let change = self
            .slope
            .map_or(0, |(by, per)| i128::from(by) * x * x / (2 * i128::from(per.0.max(1))));
        u128::try_from((flat + change).max(0)).unwrap_or(0)
    }
}

impl Curve {
    /// The same number for ever.
    pub fn constant(value: u64) -> Curve {
        Curve::new(vec![Part { from: SimDuration::ZERO, value, slope: None }])
    }

    /// A curve of these parts, in the order of their begins.
    ///
    /// # Panics
    /// When they are out of order.
    pub fn new(parts: Vec<Part>) -> Curve {
        assert!(parts.windows(2).all(|w| w[0].from < w[1].from), "parts of a curve are in order");
        Curve { parts: parts.into() }
    }

    /// Whether it is zero for ever.
    pub fn is_zero(&self) -> bool {
        self.parts.iter().all(|p| p.value == 0 && p.slope.is_none_or(|(by, _)| by <= 0))
    }

    /// Whether it never changes.
    pub fn is_constant(&self) -> bool {
        match &*self.parts {
            [] => true,
            [only] => only.from == SimDuration::ZERO && only.slope.is_none(),
            _ => false,
        }
    }

    fn part(&self, t: SimDuration) -> Option<&Part> {
        let next = self.parts.partition_point(|p| p.from <= t);
        next.checked_sub(1).map(|n| &self.parts[n])
    }

    /// The number at an instant.
    pub fn at(&self, t: SimDuration) -> u64 {
        self.part(t).map_or(0, |p| p.at((t - p.from).0))
    }

    /// The area between two instants, in the number's unit times nanoseconds.
    pub fn area(&self, from: SimDuration, to: SimDuration) -> u128 {
        let mut sum = 0;
        for (n, part) in self.parts.iter().enumerate() {
            let end = self.parts.get(n + 1).map_or(to, |next| next.from.min(to));
            let begin = part.from.max(from);
            if begin < end {
                sum += part.area((end - part.from).0) - part.area((begin - part.from).0);
            }
        }
        sum
    }

    /// The instants after `t` at which it takes another course.
    pub fn turns_after(&self, t: SimDuration) -> impl Iterator<Item = SimDuration> + '_ {
        self.parts.iter().map(|p| p.from).filter(move |from| *from > t)
    }
}

/// The first instant from `begin` on at which a number reaches a level; none if it never does up
/// to `horizon`. Between two of the `turns` the number goes one way only.
///
/// Whatever the number is made of, it is asked some forty times for each turn.
pub fn reaches(
    level: u64,
    begin: SimDuration,
    horizon: SimDuration,
    mut turns: Vec<SimDuration>,
    number: impl Fn(SimDuration) -> u64,
) -> Option<SimDuration> {
    if number(begin) >= level {
        return Some(begin);
    }
    turns.retain(|t| *t > begin && *t < horizon);
    turns.sort_unstable();
    turns.dedup();
    turns.push(horizon);
    let mut low = begin;
    for end in turns {
        // The number may jump at the turn itself: up to just before it, it goes one way.
        let last = SimDuration(end.0 - 1).max(low);
        if number(last) >= level {
            return Some(first_between(low, last, level, &number));
        }
        if number(end) >= level {
            return Some(end);
        }
        low = end;
    }
    None
}

/// The first instant in `(low, high]` at which a number that grows is at a level.
fn first_between(
    mut low: SimDuration,
    mut high: SimDuration,
    level: u64,
    number: &impl Fn(SimDuration) -> u64,
) -> SimDuration {
    while high.0 - low.0 > 1 {
        let middle = SimDuration(low.0 + (high.0 - low.0) / 2);
        if number(middle) >= level { high = middle } else { low = middle }
    }
    high
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leak() -> Curve {
        let slope = Some((10, SimDuration::secs(60)));
        Curve::new(vec![Part { from: SimDuration::ZERO, value: 50, slope }])
    }

    #[test]
    fn a_curve_grows_and_steps_and_its_area_is_exact() {
        let s = SimDuration::secs;
        assert_eq!([s(0), s(5), s(30), s(600)].map(|t| leak().at(t)), [50, 50, 55, 150]);
        assert_eq!(leak().area(s(0), s(60)), 55 * 60 * 1_000_000_000);
        let steps = Curve::new(vec![
            Part { from: s(10), value: 2, slope: None },
            Part { from: s(20), value: 6, slope: Some((-6, s(3))) },
        ]);
        assert_eq!([s(9), s(10), s(20), s(22), s(30)].map(|t| steps.at(t)), [0, 2, 6, 2, 0]);
        assert_eq!(steps.area(s(0), s(100)), (20 + 9) * 1_000_000_000);
    }

    #[test]
    fn the_instant_at_which_a_level_is_reached_is_found_to_the_nanosecond() {
        let day = SimDuration::secs(86_400);
        let at = |level| reaches(level, SimDuration::ZERO, day, Vec::new(), |t| leak().at(t));
        assert_eq!(at(50), Some(SimDuration::ZERO));
        assert_eq!(at(100), Some(SimDuration::secs(300)));
        assert_eq!(at(1_000_000), None);
    }
}
