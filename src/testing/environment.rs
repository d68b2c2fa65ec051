//! What the environment asks of a test. No world sees it: it only chooses which worlds are run.

use std::sync::Arc;

use crate::explore::budget::Budget;

#[expect(clippy::disallowed_methods, reason = "it chooses what is run, and changes no run")]
fn asked(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|text| !text.is_empty())
}

fn number(name: &str) -> Option<u64> {
    asked(name).map(|text| text.parse().unwrap_or_else(|_| panic!("{name}={text} is no number")))
}

/// The seed of all runs.
pub(super) fn seed() -> Option<u64> {
    number("WAVETANK_SEED")
}

/// A token to be run.
pub(super) fn replay() -> Option<String> {
    asked("WAVETANK_REPLAY")
}

/// How many worlds are run at once.
pub(super) fn jobs() -> usize {
    number("WAVETANK_JOBS").and_then(|n| usize::try_from(n).ok()).unwrap_or(1).max(1)
}

/// How much a search may do: what is asked for, or so many runs.
pub(super) fn budget(runs: u64) -> Budget {
    match asked("WAVETANK_BUDGET") {
        None => Budget::runs(runs),
        Some(text) => {
            read(&text).unwrap_or_else(|| panic!("WAVETANK_BUDGET={text}: write 500, or 30s"))
        }
    }
}

/// `500` is a number of runs, `30s` a time.
fn read(text: &str) -> Option<Budget> {
    match text.strip_suffix('s') {
        Some(seconds) => Some(Budget::time(seconds.parse::<u64>().ok()? * 1000, clock())),
        None => text.parse().ok().map(Budget::runs),
    }
}

/// A clock that counts milliseconds.
#[expect(clippy::disallowed_types, reason = "a budget of time is of the time of the machine")]
fn clock() -> Arc<dyn Fn() -> u64 + Send + Sync> {
    let begun = std::time::Instant::now();
    Arc::new(move || u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_budget_is_a_number_of_runs_or_a_time() {
        assert_eq!(read("500").map(|b| (b.runs, b.millis)), Some((500, u64::MAX)));
        assert_eq!(read("30s").map(|b| (b.runs, b.millis)), Some((u64::MAX, 30_000)));
        assert!(read("soon").is_none() && read("3m").is_none());
    }
}
