//! The format of a `CronJob`'s schedule.
//!
//! Responsible for saying whether a text is a schedule; when it is due is the controller's.

const DESCRIPTORS: [&str; 7] =
    ["@yearly", "@annually", "@monthly", "@weekly", "@daily", "@midnight", "@hourly"];
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

/// What is wrong with a schedule, if anything is.
///
/// Source: github.com/robfig/cron/v3 parser.go, `ParseStandard`
pub(super) fn check(text: &str) -> Result<(), String> {
    if text.is_empty() {
        return Err("empty spec string".to_owned());
    }
    let mut rest = text;
    if text.starts_with("TZ=") || text.starts_with("CRON_TZ=") {
        let Some((_, after)) = text.split_once(' ') else {
            return Err(format!("provided bad location {text}"));
        };
        rest = after.trim();
    }
    if rest.starts_with('@') {
        return descriptor(rest);
    }
    let fields: Vec<&str> = rest.split_whitespace().collect();
    if fields.len() != FIELDS.len() {
        return Err(format!("expected exactly 5 fields, found {}: {fields:?}", fields.len()));
    }
    fields.iter().zip(&FIELDS).try_for_each(|(text, field)| {
        text.split(',').filter(|part| !part.is_empty()).try_for_each(|part| range(part, field))
    })
}

fn descriptor(text: &str) -> Result<(), String> {
    match text.strip_prefix("@every ") {
        Some(duration) if is_duration(duration) => Ok(()),
        Some(_) => Err(format!("failed to parse duration {text}")),
        None if DESCRIPTORS.contains(&text) => Ok(()),
        None => Err(format!("unrecognized descriptor: {text}")),
    }
}

/// `1h30m`, `1.5s`: numbers with units, the form of Go's durations.
fn is_duration(text: &str) -> bool {
    let mut rest = text.strip_prefix(['+', '-']).unwrap_or(text);
    if rest == "0" {
        return true;
    }
    let is_there = !rest.is_empty();
    while !rest.is_empty() {
        let number = rest.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.');
        let digits = &rest[..rest.len() - number.len()];
        let after = number.trim_start_matches(|c: char| !c.is_ascii_digit() && c != '.');
        let unit = &number[..number.len() - after.len()];
        let is_number = digits.chars().any(|c| c.is_ascii_digit())
            && digits.chars().filter(|c| *c == '.').count() <= 1;
        if !is_number || !["ns", "us", "µs", "ms", "s", "m", "h"].contains(&unit) {
            return false;
        }
        rest = after;
    }
    is_there
}

/// `*`, `?`, `5`, `1-5`, `*/2`, `1-5/2`.
fn range(text: &str, field: &Field) -> Result<(), String> {
    let mut by_step = text.split('/');
    let span = by_step.next().unwrap_or_default();
    let step = by_step.next();
    if by_step.next().is_some() {
        return Err(format!("too many slashes: {text}"));
    }
    let (low, high) = span_of(text, span, step, field)?;
    if let Some(step) = step
        && number(step)? == 0
    {
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
    Ok(())
}

fn span_of(
    text: &str,
    span: &str,
    step: Option<&str>,
    field: &Field,
) -> Result<(u32, u32), String> {
    let parts: Vec<&str> = span.split('-').collect();
    if parts.first().is_some_and(|p| ["*", "?"].contains(p)) {
        return Ok((field.low, field.high));
    }
    match parts.as_slice() {
        [one] => {
            let low = value(one, field)?;
            Ok((low, if step.is_some() { field.high } else { low }))
        }
        [low, high] => Ok((value(low, field)?, value(high, field)?)),
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
    use super::check;

    #[test]
    fn schedules_are_told_from_other_texts() {
        for good in ["*/5 * * * *", "0 0 1 jan sun", "@hourly", "@every 1h30m", "1-5/2,7 ? * * *"] {
            assert_eq!(check(good), Ok(()), "{good}");
        }
        for bad in
            ["", "* * * *", "60 * * * *", "5-1 * * * *", "*/0 * * * *", "@often", "a * * * *"]
        {
            assert!(check(bad).is_err(), "{bad}");
        }
    }
}
