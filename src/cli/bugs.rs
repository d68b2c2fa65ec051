//! `wavetank bugs`: real bugs re-created as pairs, and how long the search takes to find them.

use std::sync::Arc;

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};

use crate::bugs::{self, Measure, Pair, Row, measure};
use crate::cli::Status;
use crate::cli::files::{complain, say};
use crate::cli::play::wall_clock;
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
        let bar = bar(pairs.len());
        for pair in pairs {
            let clock = Arc::new(wall_clock);
            let find = Budget::time(self.seconds * 1000, clock);
            let with = Measure { find, quiet: self.quiet, options: self.options() };
            match measure(pair, &with) {
                Ok(row) => {
                    found += usize::from(row.found);
                    quiet += usize::from(row.alarm.is_none());
                    most = most.max(row.faults.len());
                    bar.suspend(|| {
                        say(&line(&row, self.quiet));
                        if self.parts {
                            row.parts.iter().for_each(|part| say(&part_line(part)));
                        }
                    });
                    bar.inc(1);
                }
                Err(why) => {
                    bar.finish_and_clear();
                    complain(&format!("{}: error: {}\n", pair.id, why.join("; ")));
                    return Status::Unusable;
                }
            }
        }
        bar.finish_and_clear();
        let all = pairs.len();
        say(&format!("{found} of {all} found, at most {most} faults, {quiet} of {all} quiet\n"));
        if found == all && quiet == all { Status::Held } else { Status::Failed }
    }
}

/// A bar with rate and estimate on a terminal; nothing in a pipe.
fn bar(count: usize) -> ProgressBar {
    let bar = ProgressBar::new(count as u64);
    let look = "{bar:30} {pos}/{len} pairs  {per_sec}  {eta} left";
    let style = ProgressStyle::with_template(look);
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar
}

fn part_line(part: &Part) -> String {
    let Part { name, plans, runs, broken, millis } = part;
    format!("      {name:<10} {runs} of {plans} plans, {millis} ms, {broken} broken\n")
}

fn line(row: &Row, quiet: u64) -> String {
    let found = if row.found { "yes" } else { "NO" };
    let told = match (&row.alarm, quiet) {
        (_, 0) => "-".to_owned(),
        (None, _) => format!("{} runs", row.quiet_runs),
        (Some(alarm), _) => format!("ALARM {alarm}"),
    };
    format!(
        "{:<5} {:<7} {found:<6} {:<7} {:<7} {:<7} {:<17} {told}  {}\n",
        row.id,
        row.family,
        row.runs,
        row.millis,
        row.faults.len(),
        row.property,
        row.faults.join(" + ")
    )
}
