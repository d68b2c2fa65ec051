//! When a `CronJob` is due: five fields, a descriptor or a period, on the clock of a time zone.
//!
//! Responsible for reading a schedule and for the next instant after another; which of them were
//! missed and what is done about it is the controller's business. Zones come from data that is
//! built in, never from the machine.

mod next;
mod zone;

use jiff::tz::TimeZone;

use crate::sim::time::SimDuration;

pub use next::local_text;
pub use zone::{find as zone, is_known as is_known_zone};

const MONTHS: [&str; 12] =
    ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const DAYS: [&str; 7] = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];

/// One of the five fields: bounds, and the names of its values from the lower bound on.
struct Field {
    low: u32,
    high: u32,
    names: &'static [&'static str],
}

const FIELDS: [Field; 5] = [
    Field { low: 0, high: 59, names: &[] },
    Field { low: 0, high: 23, names: &[] },
    Field { low: 1, high: 31, names: &[] },
    Field { low: 1, high: 12, names: &MONTHS },
    Field { low: 0, high: 6, names: &DAYS },
];

/// The bit of a field that was given as `*` or `?` without a step.
const STAR: u64 = 1 << 63;

/// A schedule.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Schedule {
    when: When,
    zone: TimeZone,
}

#[derive(Clone, PartialEq, Eq, Debug)]
enum When {
    /// At the times whose fields are all in these sets.
    Fields(Fields),
    /// So long after the last time, in whole seconds.
    Every(SimDuration),
}

/// The values of each field, a bit each, from bit 0 on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Fields {
    minutes: u64,
    hours: u64,
    days_of_month: u64,
    months: u64,
    days_of_week: u64,
}

impl Schedule {
    /// Reads a schedule; `TZ=` or `CRON_TZ=` and a zone may stand before it. Without one its zone
    /// is UTC, which the controller manager's clock shows.
    ///
    /// # Errors
    /// What is wrong with the text.
    ///
    /// Source: github.com/robfig/cron/v3 parser.go, `ParseStandard`, `Parser.Parse`
    pub fn parse(text: &str) -> Result<Schedule, String> {
        if text.is_empty() {
            return Err("empty spec string".to_owned());
        }
        let (mut rest, mut zone) = (text, TimeZone::UTC);
        if text.starts_with("TZ=") || text.starts_with("CRON_TZ=") {
            let Some((place, after)) = text.split_once(' ') else {
                return Err(format!("provided bad location {text}"));
            };
            let name = place.split_once('=').map_or("", |(_, name)| name);
            zone =
                zone::find(name).map_err(|why| format!("provided bad location {name}: {why}"))?;
            rest = after.trim();
        }
        let when =
            if rest.starts_with('@') { descriptor(rest)? } else { When::Fields(fields(rest)?) };
        Ok(Schedule { when, zone })
    }
}

/// Source: github.com/robfig/cron/v3 parser.go, `Parser.Parse`, `normalizeFields`
fn fields(text: &str) -> Result<Fields, String> {
    let parts: Vec<&str> = text.split_whitespace().collect();
    if parts.len() != FIELDS.len() {
        return Err(format!("expected exactly 5 fields, found {}: {parts:?}", parts.len()));
    }
    let mut sets = [0; 5];
    for ((part, field), set) in parts.iter().zip(&FIELDS).zip(&mut sets) {
        for range in part.split(',').filter(|range| !range.is_empty()) {
            *set |= bits(range, field)?;
        }
    }
    let [minutes, hours, days_of_month, months, days_of_week] = sets;
    Ok(Fields { minutes, hours, days_of_month, months, days_of_week })
}

/// Source: github.com/robfig/cron/v3 parser.go, `parseDescriptor`
fn descriptor(text: &str) -> Result<When, String> {
    let by_name = match text {
        "@yearly" | "@annually" => "0 0 1 1 *",
        "@monthly" => "0 0 1 * *",
        "@weekly" => "0 0 * * 0",
        "@daily" | "@midnight" => "0 0 * * *",
        "@hourly" => "0 * * * *",
        _ => {
            let Some(span) = text.strip_prefix("@every ") else {
                return Err(format!("unrecognized descriptor: {text}"));
            };
            let Some(nanos) = duration(span) else {
                return Err(format!("failed to parse duration {text}"));
            };
            let seconds = u64::try_from(nanos / 1_000_000_000).unwrap_or(0).max(1);
            return Ok(When::Every(SimDuration::secs(seconds)));
        }
    };
    Ok(When::Fields(fields(by_name)?))
}

/// The nanoseconds of a Go duration: `1h30m`, `1.5s`.
fn duration(text: &str) -> Option<i64> {
    let negative = text.starts_with('-');
    let mut rest = text.strip_prefix(['+', '-']).unwrap_or(text);
    if rest == "0" {
        return Some(0);
    }
    let mut nanos: i64 = 0;
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let tail = rest.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.');
        let digits = &rest[..rest.len() - tail.len()];
        let after = tail.trim_start_matches(|c: char| !c.is_ascii_digit() && c != '.');
        let unit = match &tail[..tail.len() - after.len()] {
            "ns" => 1,
            "us" | "µs" | "μs" => 1_000,
            "ms" => 1_000_000,
            "s" => 1_000_000_000,
            "m" => 60_000_000_000,
            "h" => 3_600_000_000_000,
            _ => return None,
        };
        nanos = nanos.checked_add(amount(digits, unit)?)?;
        rest = after;
    }
    Some(if negative { -nanos } else { nanos })
}

/// A decimal number of units: whole part and fraction.
fn amount(digits: &str, unit: i64) -> Option<i64> {
    let (whole, part) = digits.split_once('.').unwrap_or((digits, ""));
    if whole.is_empty() && part.is_empty() || part.contains('.') {
        return None;
    }
    let whole: i64 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
    let (mut fraction, mut scale) = (0, unit);
    for digit in part.chars() {
        scale /= 10;
        fraction += i64::from(digit.to_digit(10)?) * scale;
    }
    whole.checked_mul(unit)?.checked_add(fraction)
}

/// The values of `*`, `?`, `5`, `1-5`, `*/2`, `1-5/2`.
///
/// Source: github.com/robfig/cron/v3 parser.go, `getRange`
fn bits(text: &str, field: &Field) -> Result<u64, String> {
    let mut by_step = text.split('/');
    let span = by_step.next().unwrap_or_default();
    let step = by_step.next();
    if by_step.next().is_some() {
        return Err(format!("too many slashes: {text}"));
    }
    let (low, high, is_star) = span_of(text, span, step, field)?;
    let step = step.map_or(Ok(1), number)?;
    if step == 0 {
        return Err(format!("step of range should be a positive number: {text}"));
    }
    if low < field.low {
        return Err(format!("beginning of range ({low}) below minimum ({}): {text}", field.low));
    }
    if high > field.high {
        return Err(format!("end of range ({high}) above maximum ({}): {text}", field.high));
    }
    if low > high {
        return Err(format!("beginning of range ({low}) beyond end of range ({high}): {text}"));
    }
    let star = if is_star && step == 1 { STAR } else { 0 };
    let stride = usize::try_from(step).unwrap_or(usize::MAX);
    Ok((low..=high).step_by(stride).fold(star, |set, value| set | 1 << value))
}

fn span_of(
    text: &str,
    span: &str,
    step: Option<&str>,
    field: &Field,
) -> Result<(u32, u32, bool), String> {
    let parts: Vec<&str> = span.split('-').collect();
    if parts.first().is_some_and(|p| ["*", "?"].contains(p)) {
        return Ok((field.low, field.high, true));
    }
    match parts.as_slice() {
        [one] => {
            let low = value(one, field)?;
            Ok((low, if step.is_some() { field.high } else { low }, false))
        }
        [low, high] => Ok((value(low, field)?, value(high, field)?, false)),
        _ => Err(format!("too many hyphens: {text}")),
    }
}

fn value(text: &str, field: &Field) -> Result<u32, String> {
    let named = field.names.iter().position(|n| text.eq_ignore_ascii_case(n));
    match named.map(u32::try_from) {
        Some(Ok(place)) => Ok(place + field.low),
        Some(Err(_)) | None => number(text),
    }
}

fn number(text: &str) -> Result<u32, String> {
    if text.starts_with('-') {
        return Err(format!("negative number ({text}) not allowed: {text}"));
    }
    text.parse().map_err(|_| format!("failed to parse int from {text}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::time::Time;

    #[test]
    fn schedules_are_told_from_other_texts() {
        for good in ["*/5 * * * *", "0 0 1 jan sun", "@hourly", "@every 1h30m", "1-5/2,7 ? * * *"] {
            assert!(Schedule::parse(good).is_ok(), "{good}");
        }
        for bad in
            ["", "* * * *", "60 * * * *", "5-1 * * * *", "*/0 * * * *", "@often", "a * * * *"]
        {
            assert!(Schedule::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn an_hour_that_a_zone_leaves_out_is_left_out() {
        let at = |text: &str| Time::parse(text).expect("it is a time");
        let night = Schedule::parse("TZ=Europe/Berlin 30 2 * * *").expect("it is a schedule");
        let next = night.next(at("2026-03-28T12:00:00Z"));
        assert_eq!(next, Some(at("2026-03-30T00:30:00Z")));
    }

    #[test]
    fn a_period_counts_from_the_last_time_in_whole_seconds() {
        let schedule = Schedule::parse("@every 1h1.5s").expect("it is a schedule");
        let next = schedule.next(Time(1_500_000_000));
        assert_eq!(next, Some(Time(3_602_000_000_000)));
    }
}
