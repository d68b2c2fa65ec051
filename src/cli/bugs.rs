//! `wavetank bugs`: real bugs re-created as pairs, and how long the search takes to find them.

mod page;
mod parts;

use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;

use crate::bugs::{self, Measure, Pair, Row, measure};
use crate::cli::Status;
use crate::cli::files::{complain, say};
use crate::cli::play::{processor_clock, wall_clock};
use crate::explore::budget::Budget;
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
    /// The search does without one of its parts: sweeps, pairs, drawn, guidance, schedules,
    /// shrink.
    #[arg(long, value_delimiter = ',')]
    without: Vec<String>,
    /// Measures all of it with the whole search and without each of its parts.
    #[arg(long)]
    contributions: bool,
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
        let whole = Options { jobs: self.jobs, ..Options::default() };
        let without = |options: Options, part: &String| options.without(part);
        match self.without.iter().try_fold(whole, without) {
            Ok(options) if self.contributions => self.compare(&pairs, &options),
            Ok(options) => self.measure(&pairs, &options),
            Err(why) => {
                complain(&format!("error: {why}\n"));
                Status::Unusable
            }
        }
    }

    /// How a pair is measured.
    fn with(&self, options: &Options) -> Measure {
        let clock = if self.jobs > 1 { wall_clock } else { processor_clock };
        let find = Budget::time(self.seconds * 1000, Arc::new(clock));
        let find = (!self.only_quiet).then_some(find);
        Measure { find, quiet: self.quiet, options: options.clone() }
    }

    /// The sides with the bugs, by the whole search and without each of its parts.
    fn compare(&self, pairs: &[Pair], options: &Options) -> Status {
        let mut table = parts::Table::default();
        say(parts::HEAD);
        let all = std::iter::once(None).chain(Options::PARTS.iter().map(Some));
        for part in all {
            let options = part.map_or(Ok(options.clone()), |part| options.clone().without(part));
            let Ok(options) = options else { continue };
            let mut sum = parts::Sum::default();
            for pair in pairs {
                match measure(pair, &Measure { quiet: 0, ..self.with(&options) }) {
                    Ok(row) => sum.add(&row),
                    Err(why) => return unusable(pair, &why),
                }
            }
            say(&table.add(part.copied(), &sum));
        }
        let written = self.page.as_ref().map(|path| (path, table.write(path)));
        if let Some((path, Err(why))) = written {
            complain(&format!("error: {}: {why}\n", path.display()));
            return Status::Unusable;
        }
        Status::Held
    }

    fn measure(&self, pairs: &[Pair], options: &Options) -> Status {
        say("pair  family  found  runs    ms      faults  property          quiet\n");
        let (mut found, mut quiet, mut most) = (0, 0, 0);
        let mut rows = Vec::new();
        for pair in pairs {
            match measure(pair, &self.with(options)) {
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
                Err(why) => return unusable(pair, &why),
            }
        }
        let all = pairs.len();
        let quiet_ones = if self.quiet == 0 {
            "the sides without the bugs not run (--quiet N)".to_owned()
        } else {
            format!("{quiet} of {all} quiet")
        };
        say(&format!("{found} of {all} found, at most {most} faults, {quiet_ones}\n"));
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

fn unusable(pair: &Pair, why: &[String]) -> Status {
    complain(&format!("{}: error: {}\n", pair.id, why.join("; ")));
    Status::Unusable
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
