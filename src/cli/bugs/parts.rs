//! What each part of the search contributes: the pairs measured without it.

use std::path::Path;

use super::page;
use crate::bugs::Row;

const BEGIN: &str = "<!-- table: wavetank bugs --contributions --page docs/known-bugs.md -->\n";

/// The head of what is printed.
pub(super) const HEAD: &str = "without     found  runs     seconds  longest ms  faults\n";

/// What came of all pairs.
#[derive(Clone, Default)]
pub(super) struct Sum {
    pairs: usize,
    found: usize,
    runs: u64,
    millis: u64,
    longest: u64,
    faults: usize,
}

impl Sum {
    /// Takes up what came of a pair; what a search that found nothing took counts too.
    pub(super) fn add(&mut self, row: &Row) {
        self.pairs += 1;
        self.runs += row.runs;
        self.millis += row.parts.iter().map(|part| part.millis).sum::<u64>();
        if let Some(hit) = row.found.as_ref().filter(|_| row.is_found()) {
            self.found += 1;
            self.longest = self.longest.max(hit.millis);
            self.faults += hit.faults.len();
        }
    }
}

/// One line for the whole search, and one for each part that it was without.
#[derive(Default)]
pub(super) struct Table {
    rows: Vec<String>,
}

impl Table {
    /// Takes up what came of it without a part; the line that is printed.
    pub(super) fn add(&mut self, without: Option<&str>, sum: &Sum) -> String {
        let Sum { pairs, found, runs, millis, longest, faults } = sum;
        let (part, seconds) = (without.unwrap_or("nothing"), millis.div_ceil(1000));
        self.rows.push(format!(
            "| {part} | {found} of {pairs} | {runs} | {seconds} s | {longest} ms | {faults} |\n"
        ));
        format!("{part:<11} {found:<6} {runs:<8} {seconds:<8} {longest:<11} {faults}\n")
    }

    /// Writes it into a page.
    pub(super) fn write(&self, path: &Path) -> Result<(), String> {
        let head = "| Without | Found | Runs | Time | Longest | Faults, all together |\n\
                    |---|---|---|---|---|---|\n";
        page::replace(path, BEGIN, |_| format!("{head}{}", self.rows.concat()))
    }
}
