//! Spans of time and rates as people write them.

use crate::sim::time::SimDuration;

pub use crate::api::go_duration::parse_signed;

/// Reads a span that is not negative.
pub fn parse(text: &str) -> Option<SimDuration> {
    u64::try_from(parse_signed(text)?).ok().map(SimDuration::nanos)
}

/// How often something happens: so many times in each span.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Rate {
    /// How many times.
    pub count: u32,
    /// The span; never zero.
    pub per: SimDuration,
}

impl Rate {
    /// The span between two, on average; at least a nanosecond.
    pub fn interval(self) -> SimDuration {
        SimDuration((self.per.0 / u64::from(self.count.max(1))).max(1))
    }
}

/// Reads the part after the `/` of a rate: `min`, `s`, `10s`, `hour`.
pub fn parse_per(text: &str) -> Option<SimDuration> {
    let per = match text.trim() {
        "s" | "sec" | "second" => SimDuration::secs(1),
        "m" | "min" | "minute" => SimDuration::secs(60),
        "h" | "hour" => SimDuration::secs(3600),
        other => parse(other)?,
    };
    if per == SimDuration::ZERO { None } else { Some(per) }
}

/// Reads `6/min`; `None` when it is no rate.
pub fn parse_rate(text: &str) -> Option<Rate> {
    let (count, per) = text.split_once('/')?;
    Some(Rate { count: count.trim().parse().ok()?, per: parse_per(per)? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_go_reads_them() {
        let table = [
            ("0", Some(0)),
            ("10s", Some(10_000_000_000)),
            ("400ms", Some(400_000_000)),
            ("1h2m3s", Some(3_723_000_000_000)),
            ("1.5s", Some(1_500_000_000)),
            (".5s", Some(500_000_000)),
            ("250us", Some(250_000)),
            ("-1s", Some(-1_000_000_000)),
            ("", None),
            ("10", None),
            ("s", None),
            ("1d", None),
            ("1s2", None),
            ("1..5s", None),
            (".s", None),
            ("9999999999999h", None),
            ("99999999999999999999999999999999999999999h", None),
        ];
        for (text, expected) in table {
            assert_eq!(parse_signed(text), expected, "{text:?}");
        }
        assert_eq!(parse("-1s"), None);
    }

    #[test]
    fn rates_are_counts_per_span() {
        let rate = |text| parse_rate(text).map(|r| (r.count, r.per.as_secs()));
        assert_eq!(rate("6/min"), Some((6, 60)));
        assert_eq!(rate("1/10s"), Some((1, 10)));
        assert_eq!(rate("6"), None);
        assert_eq!(rate("6/0s"), None);
        assert_eq!(rate("x/min"), None);
    }
}
