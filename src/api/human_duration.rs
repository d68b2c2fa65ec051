//! Spans as kubectl shows them in AGE columns.

const SECOND: i64 = 1_000_000_000;

/// A span of nanoseconds with two or three figures: `70s`, `3m10s`, `47h`, `7d23h`, `2y1d`.
///
/// More than one whole second before now is `<invalid>`.
///
/// Source: kubernetes v1.36 staging/src/k8s.io/apimachinery/pkg/util/duration/duration.go,
/// `HumanDuration`
pub fn human_duration(nanos: i64) -> String {
    let seconds = nanos / SECOND;
    if let Some(text) = at_most_now(seconds) {
        return text;
    }
    let (minutes, hours) = (seconds / 60, seconds / 3600);
    let days = hours / 24;
    if seconds < 60 * 2 {
        format!("{seconds}s")
    } else if minutes < 10 {
        pair(minutes, "m", seconds % 60, "s")
    } else if minutes < 60 * 3 {
        format!("{minutes}m")
    } else if hours < 8 {
        pair(hours, "h", minutes % 60, "m")
    } else if hours < 48 {
        format!("{hours}h")
    } else if days < 8 {
        pair(days, "d", hours % 24, "h")
    } else if days < 365 * 2 {
        format!("{days}d")
    } else if days < 365 * 8 {
        pair(days / 365, "y", days % 365, "d")
    } else {
        format!("{}y", days / 365)
    }
}

/// A span of nanoseconds in its largest unit alone: `59m`, `23h`.
///
/// Source: kubernetes v1.36 staging/src/k8s.io/apimachinery/pkg/util/duration/duration.go,
/// `ShortHumanDuration`
pub fn short_human_duration(nanos: i64) -> String {
    let seconds = nanos / SECOND;
    if let Some(text) = at_most_now(seconds) {
        return text;
    }
    let (minutes, hours) = (seconds / 60, seconds / 3600);
    if seconds < 60 {
        format!("{seconds}s")
    } else if minutes < 60 {
        format!("{minutes}m")
    } else if hours < 24 {
        format!("{hours}h")
    } else if hours < 24 * 365 {
        format!("{}d", hours / 24)
    } else {
        format!("{}y", hours / 24 / 365)
    }
}

/// What a span that is not positive is shown as.
fn at_most_now(seconds: i64) -> Option<String> {
    match seconds {
        ..-1 => Some("<invalid>".to_owned()),
        -1 => Some("0s".to_owned()),
        _ => None,
    }
}

/// Two units; the smaller one is left out when it is zero.
fn pair(large: i64, large_unit: &str, small: i64, small_unit: &str) -> String {
    if small == 0 {
        return format!("{large}{large_unit}");
    }
    format!("{large}{large_unit}{small}{small_unit}")
}
