//! Spans of time and rates as people write them.

use crate::sim::time::SimDuration;

/// The units of Go's durations, in nanoseconds; longer names first.
const UNITS: [(&str, i128); 8] = [
    ("ns", 1),
    ("us", 1_000),
    ("µs", 1_000),
    ("μs", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60_000_000_000),
    ("h", 3_600_000_000_000),
];

/// Reads `1h2m3s`, `1.5s`, `400ms`, `-1s` or `0` into nanoseconds; `None` when it is none.
///
/// Source: go src/time/format.go, `ParseDuration`
pub fn parse_signed(text: &str) -> Option<i64> {
    let negative = text.starts_with('-');
    let mut rest = text.strip_prefix(['-', '+']).unwrap_or(text);
    if rest == "0" {
        return Some(0);
    }
    if rest.is_empty() {
        return None;
    }
    let mut total: i128 = 0;
    while !rest.is_empty() {
        let (nanos, after) = one_part(rest)?;
        total = total.checked_add(nanos)?;
        rest = after;
    }
    i64::try_from(if negative { -total } else { total }).ok()
}

/// Reads a span that is not negative.
pub fn parse(text: &str) -> Option<SimDuration> {
    u64::try_from(parse_signed(text)?).ok().map(SimDuration::nanos)
}

/// One number with its unit from the front: nanoseconds and the rest.
fn one_part(text: &str) -> Option<(i128, &str)> {
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.')?;
    let (number, rest) = text.split_at(end);
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if whole.is_empty() && fraction.is_empty() || fraction.contains('.') {
        return None;
    }
    let unit_end = rest.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(rest.len());
    let (unit, after) = rest.split_at(unit_end);
    let scale = UNITS.iter().find(|(name, _)| *name == unit)?.1;
    let whole: i128 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
    let digits = &fraction[..fraction.len().min(18)];
    let mut nanos = whole.checked_mul(scale)?;
    if !digits.is_empty() {
        let power = 10_i128.checked_pow(u32::try_from(digits.len()).ok()?)?;
        nanos = nanos.checked_add(digits.parse::<i128>().ok()? * scale / power)?;
    }
    Some((nanos, after))
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
