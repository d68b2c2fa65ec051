//! The page of known bugs.

use std::path::Path;

use crate::bugs::{self, Pair, Row};

const BEGIN: &str = "<!-- table: wavetank bugs --quiet 1000 --page docs/known-bugs.md -->\n";
const HEAD: &str = "| Id | What goes wrong | Mechanism | Property | Faults | Runs | Time | \
                    Without the bug |\n|---|---|---|---|---|---|---|---|\n";
const END: &str = "<!-- end of table -->";

/// The row of a pair.
pub(super) fn row(pair: &Pair, row: &Row) -> String {
    let family = bugs::FAMILIES.iter().find(|(n, _)| *n == pair.family).map_or("", |f| f.1);
    let quiet = match (&row.alarm, row.quiet_runs) {
        (_, 0) => "not run".to_owned(),
        (None, runs) => format!("{runs} runs"),
        (Some(_), runs) => format!("alarm after {runs}"),
    };
    let found = row.found.as_ref().filter(|_| row.is_found()).map_or_else(
        || format!("not found | | {} | ", row.runs),
        |hit| {
            let faults =
                if hit.faults.is_empty() { "none".to_owned() } else { hit.faults.join(", ") };
            let property = hit.property.trim_end_matches('/');
            format!("{property} | {faults} | {} | {} ms", hit.runs, hit.millis)
        },
    );
    let Pair { id, what, source, .. } = pair;
    format!("| {id} | {what} ({source}) | {family} | {found} | {quiet} |\n")
}

/// Puts rows in place of those in a page's table; rows of pairs that were not measured stay.
pub(super) fn write(path: &Path, rows: &[String]) -> Result<(), String> {
    replace(path, BEGIN, |before| {
        let of = |id: &str| {
            let start = format!("| {id} | ");
            let told = rows.iter().find(|row| row.starts_with(&start)).cloned();
            let known = || before.lines().find(|line| line.starts_with(&start));
            told.or_else(|| known().map(|line| format!("{line}\n")))
        };
        let table: String = bugs::all().iter().filter_map(|pair| of(pair.id)).collect();
        format!("{HEAD}{table}")
    })
}

/// Puts another table in place of the one of a page that begins after `begin`.
pub(super) fn replace(
    path: &Path,
    begin: &str,
    table: impl FnOnce(&str) -> String,
) -> Result<(), String> {
    let text = std::fs::read_to_string(path).map_err(|e| e.to_string())?;
    let begin = text.find(begin).ok_or("it has no table to put in place")? + begin.len();
    let end = text[begin..].find(END).ok_or("its table has no end")? + begin;
    let page = format!("{}{}{}", &text[..begin], table(&text[begin..end]), &text[end..]);
    std::fs::write(path, page).map_err(|e| e.to_string())
}
