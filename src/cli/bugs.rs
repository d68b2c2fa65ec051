//! `wavetank bugs`: real bugs re-created as pairs, and how long the search takes to find them.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;

use crate::bugs::{self, Measure, Pair, Row, measure};
use crate::cli::Status;
use crate::cli::files::{complain, say};
use crate::cli::play::{processor_clock, wall_clock};
use crate::explore::budget::Budget;
use crate::explore::sweep::Sweep;
use crate::explore::{Options, Part};

/// Measures the search on known bugs.
#[expect(clippy::struct_excessive_bools, reason = "flags are independent of each other")]
#[derive(Args)]
pub(crate) struct Bugs {
    /// Only these, by number: `U09`, or the beginning of several: `U0`.
    pairs: Vec<String>,
    /// Lists the pairs, and measures nothing.
    #[arg(long)]
    list: bool,
    /// How many seconds may be taken to find one.
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// The side without the bug is run so many times; 0 for not at all.
    #[arg(long, default_value_t = 0)]
    quiet: u64,
    /// Plans are not made smaller.
    #[arg(long)]
    no_shrink: bool,
    /// Plans are drawn without regard to what was new.
    #[arg(long)]
    unguided: bool,
    /// No sweeps: plans are only drawn.
    #[arg(long)]
    no_sweeps: bool,
    /// Tells what each part of a search has done.
    #[arg(long)]
    parts: bool,
    /// Tells how each bug came about.
    #[arg(long)]
    story: bool,
    /// Only the sides without the bugs are run.
    #[arg(long)]
    only_quiet: bool,
    /// Writes what was measured into the table of this page.
    #[arg(long, value_name = "FILE")]
    page: Option<PathBuf>,
    /// So many worlds run at once.
    #[arg(short, long, default_value_t = 1)]
    jobs: usize,
}

impl Bugs {
    pub(crate) fn carry_out(&self) -> Status {
        let meant = |pair: &Pair| {
            self.pairs.is_empty() || self.pairs.iter().any(|id| pair.id.starts_with(id.as_str()))
        };
        let pairs: Vec<Pair> = bugs::all().into_iter().filter(meant).collect();
        if pairs.is_empty() {
            complain("error: there are no such pairs; `wavetank bugs --list` lists them\n");
            return Status::Unusable;
        }
        if self.list {
            for pair in &pairs {
                say(&format!(
                    "{:<4} {:>2}  {}  ({})\n",
                    pair.id, pair.family, pair.what, pair.source
                ));
            }
            return Status::Held;
        }
        self.measure(&pairs)
    }

    fn options(&self) -> Options {
        Options {
            sweeps: if self.no_sweeps { Vec::new() } else { Sweep::ALL.to_vec() },
            pairs: !self.no_sweeps,
            guided: !self.unguided,
            shrink: !self.no_shrink,
            jobs: self.jobs,
            ..Options::default()
        }
    }

    fn measure(&self, pairs: &[Pair]) -> Status {
        say("pair  family  found  runs    ms      faults  property          quiet\n");
        let (mut found, mut quiet, mut most) = (0, 0, 0);
        let mut rows = Vec::new();
        for pair in pairs {
            let clock = if self.jobs > 1 { wall_clock } else { processor_clock };
            let find = Budget::time(self.seconds * 1000, Arc::new(clock));
            let find = (!self.only_quiet).then_some(find);
            let with = Measure { find, quiet: self.quiet, options: self.options() };
            match measure(pair, &with) {
                Ok(row) => {
                    found += usize::from(row.is_found());
                    quiet += usize::from(row.alarm.is_none());
                    most = most.max(row.found.as_ref().map_or(0, |hit| hit.faults.len()));
                    say(&line(&row, self.quiet));
                    rows.push(page::row(pair, &row));
                    if self.parts {
                        row.parts.iter().for_each(|part| say(&part_line(part)));
                    }
                    if self.story {
                        let told = row.found.iter().flat_map(|hit| &hit.story);
                        told.for_each(|line| say(&format!("      {line}\n")));
                    }
                }
                Err(why) => {
                    complain(&format!("{}: error: {}\n", pair.id, why.join("; ")));
                    return Status::Unusable;
                }
            }
        }
        let all = pairs.len();
        say(&format!("{found} of {all} found, at most {most} faults, {quiet} of {all} quiet\n"));
        if let Some(path) = &self.page
            && let Err(why) = page::write(path, &rows)
        {
            complain(&format!("error: {}: {why}\n", path.display()));
            return Status::Unusable;
        }
        let all_found = self.only_quiet || found == all;
        if all_found && quiet == all { Status::Held } else { Status::Failed }
    }
}

/// The page of known bugs.
mod page {
    use super::{Pair, Path, Row, bugs};

    const BEGIN: &str = "<!-- table: wavetank bugs --quiet 1000 --page docs/known-bugs.md -->\n";
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
        let text = std::fs::read_to_string(path).map_err(|e| e.to_string())?;
        let begin = text.find(BEGIN).ok_or("it has no table to put in place")? + BEGIN.len();
        let end = text[begin..].find(END).ok_or("its table has no end")? + begin;
        let head = "| Id | What goes wrong | Mechanism | Property | Faults | Runs | Time | Without \
                    the bug |\n|---|---|---|---|---|---|---|---|\n";
        let of = |id: &str| {
            let start = format!("| {id} | ");
            let told = rows.iter().find(|row| row.starts_with(&start)).cloned();
            let before = || text[begin..end].lines().find(|line| line.starts_with(&start));
            told.or_else(|| before().map(|line| format!("{line}\n")))
        };
        let table: String = bugs::all().iter().filter_map(|pair| of(pair.id)).collect();
        let page = format!("{}{head}{table}{}", &text[..begin], &text[end..]);
        std::fs::write(path, page).map_err(|e| e.to_string())
    }
}

fn part_line(part: &Part) -> String {
    let Part { name, plans, runs, broken, millis } = part;
    format!("      {name:<10} {runs} of {plans} plans, {millis} ms, {broken} broken\n")
}

fn line(row: &Row, quiet: u64) -> String {
    let told = match (&row.alarm, quiet) {
        (_, 0) => "-".to_owned(),
        (None, _) => format!("{} runs", row.quiet_runs),
        (Some(alarm), _) => format!("ALARM after {} runs: {alarm}", row.quiet_runs),
    };
    let Some(hit) = &row.found else {
        return format!("{:<5} {:<7} NO     {:<41} {told}\n", row.id, row.family, row.runs);
    };
    let short = |text: &str| text.chars().take(160).collect::<String>();
    let twin = hit.twin.as_ref().map(|twin| format!("  TWIN {}", short(twin))).unwrap_or_default();
    format!(
        "{:<5} {:<7} {:<6} {:<7} {:<7} {:<7} {:<17} {told}  {}{twin}\n",
        row.id,
        row.family,
        if row.is_found() { "yes" } else { "TWIN" },
        hit.runs,
        hit.millis,
        hit.faults.len(),
        hit.property,
        hit.faults.join(" + ")
    )
}
