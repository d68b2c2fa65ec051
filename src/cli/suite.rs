//! `wavetank test`: every scenario below some folders, each in a world of its own.
//!
//! Responsible for running them in parallel, one world a thread, and for telling the outcomes in
//! the order of the names, whatever order they come in. A scenario's run never depends on others.

mod junit;

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use similar::TextDiff;

use crate::cli::Status;
use crate::cli::files::{all_below, complain, find, roots, say};
use crate::cli::play::{self, Choice, title, wall_clock};
use crate::cli::run::verdict;
use crate::trace::timeline::{Options, timeline};

/// Of a difference to the stored timeline so many lines are shown.
const MOST_LINES: usize = 60;

/// The stack of a thread that runs a world.
const STACK: usize = 16 << 20;

/// Tests scenarios.
#[derive(Args)]
pub(crate) struct Test {
    /// Folders and files, or names of shipped ones; without any, all that `wavetank list` lists.
    paths: Vec<String>,
    /// So many scenarios run at once; without it, as many as there are processors.
    #[arg(short, long, value_parser = clap::value_parser!(u16).range(1..))]
    jobs: Option<u16>,
    /// Writes the outcomes as JUnit XML.
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
    /// Rewrites the stored timelines that differ, as `UPDATE=1` does.
    #[arg(long)]
    update: bool,
}

/// A scenario that is to be tested.
struct Case {
    name: String,
    path: PathBuf,
}

/// What became of a scenario.
struct Outcome {
    status: Status,
    /// What is told when it failed.
    detail: String,
    wall_ms: u64,
}

impl Test {
    pub(crate) fn carry_out(&self) -> Status {
        let cases = match self.cases() {
            Ok(cases) => cases,
            Err(why) => {
                complain(&why);
                return Status::Unusable;
            }
        };
        let noun = if cases.len() == 1 { "scenario" } else { "scenarios" };
        say(&format!("\nrunning {} {noun}\n", cases.len()));
        let begun = wall_clock();
        let outcomes = self.run(&cases);
        let told: Vec<(&Case, Outcome)> = cases.iter().zip(outcomes).collect();
        let mut status = conclude(&told, wall_clock().saturating_sub(begun));
        if let Some(path) = &self.junit
            && let Err(error) = std::fs::write(path, junit::text(&told))
        {
            complain(&format!("error: cannot write `{}`: {error}\n", path.display()));
            status = status.max(Status::Unusable);
        }
        status
    }

    /// The scenarios, by name; none is an error.
    fn cases(&self) -> Result<Vec<Case>, String> {
        let given: Vec<PathBuf> = self.paths.iter().map(|path| find(path)).collect();
        let roots = if given.is_empty() { roots() } else { given };
        let mut cases = BTreeMap::new();
        for root in &roots {
            if !root.exists() {
                return Err(format!("error: there is no `{}`\n", root.display()));
            }
            for path in all_below(root) {
                cases.entry(path.clone()).or_insert_with(|| title(root, &path));
            }
        }
        if cases.is_empty() {
            return Err("error: nothing ran: there is no scenario\n".to_owned());
        }
        let mut cases: Vec<Case> =
            cases.into_iter().map(|(path, name)| Case { name, path }).collect();
        cases.sort_by(|a, b| (&a.name, &a.path).cmp(&(&b.name, &b.path)));
        Ok(cases)
    }

    /// Runs all; tells each as soon as all before it have been told.
    fn run(&self, cases: &[Case]) -> Vec<Outcome> {
        let next = AtomicUsize::new(0);
        let (sender, outcomes) = mpsc::channel();
        let bar = bar(cases.len());
        // A switch of the command line, by the name that people know from snapshot tests.
        let update = self.update || std::env::var_os("UPDATE").is_some_and(|v| v != "0");
        std::thread::scope(|scope| {
            for _ in 0..self.jobs(cases.len()) {
                let (sender, next) = (sender.clone(), &next);
                let work = move || {
                    while let Some(n) = take(next, cases.len()) {
                        let outcome = judged(&cases[n], update);
                        if sender.send((n, outcome)).is_err() {
                            return;
                        }
                    }
                };
                let thread = std::thread::Builder::new().stack_size(STACK);
                if let Err(error) = thread.spawn_scoped(scope, work) {
                    complain(&format!("error: cannot start a thread: {error}\n"));
                }
            }
            drop(sender);
            in_order(cases, outcomes, &bar)
        })
    }

    fn jobs(&self, cases: usize) -> usize {
        if cases < 2 {
            return cases;
        }
        let processors = || std::thread::available_parallelism().map_or(1, usize::from);
        self.jobs.map_or_else(processors, usize::from).min(cases)
    }
}

fn take(next: &AtomicUsize, count: usize) -> Option<usize> {
    let n = next.fetch_add(1, Ordering::Relaxed);
    (n < count).then_some(n)
}

/// Tells outcomes in the order of the scenarios, whatever order they come in.
fn in_order(
    cases: &[Case],
    outcomes: mpsc::Receiver<(usize, Outcome)>,
    bar: &ProgressBar,
) -> Vec<Outcome> {
    let mut waiting = BTreeMap::new();
    let mut told = Vec::new();
    for (n, outcome) in outcomes {
        waiting.insert(n, outcome);
        while let Some(outcome) = waiting.remove(&told.len()) {
            let word = if outcome.status == Status::Held { "ok" } else { "FAILED" };
            let line = format!("test {} ... {word}\n", cases[told.len()].name);
            bar.suspend(|| say(&line));
            told.push(outcome);
        }
        bar.inc(1);
    }
    bar.finish_and_clear();
    told
}

/// A bar with rate and estimate on a terminal; nothing in a pipe.
fn bar(count: usize) -> ProgressBar {
    let bar = ProgressBar::new(count as u64);
    let look = "{bar:30} {pos}/{len} scenarios  {per_sec}  {eta} left";
    bar.set_style(
        ProgressStyle::with_template(look).unwrap_or_else(|_| ProgressStyle::default_bar()),
    );
    bar
}

/// Runs a scenario; a panic is its failure, and has been told by then.
fn judged(case: &Case, update: bool) -> Outcome {
    let begun = wall_clock();
    let caught = catch_unwind(AssertUnwindSafe(|| tested(&case.path, update)));
    let (status, detail) = caught.unwrap_or_else(|_| {
        (Status::Bug, "the simulator itself is wrong; see standard error\n".to_owned())
    });
    Outcome { status, detail, wall_ms: wall_clock().saturating_sub(begun) }
}

fn tested(path: &Path, update: bool) -> (Status, String) {
    let name = path.display().to_string();
    let mut world = match play::world(&name, &Choice::default()) {
        Ok(world) => world,
        Err(wrong) => return (Status::Unusable, wrong),
    };
    let report = play::drive(&name, &[], &mut world);
    let status = play::status(&world, &report);
    if status != Status::Held {
        let replay = format!("replay: wavetank run {name} --seed {}\n", world.seed());
        return (status, verdict(&report) + &replay);
    }
    let golden = path.with_extension("timeline");
    if !golden.exists() {
        return (status, String::new());
    }
    let log = world.cluster().engine.log();
    let now = timeline(log, Some(&world.traced_verdict()), Options::default());
    match compared(&golden, &now, update) {
        Ok(()) => (status, String::new()),
        Err(why) => (Status::Failed, why),
    }
}

/// Compares with the stored timeline, or stores the new one.
fn compared(golden: &Path, now: &str, update: bool) -> Result<(), String> {
    let name = golden.display().to_string();
    let stored = std::fs::read(golden).map_err(|e| format!("cannot read {name}: {e}\n"))?;
    let stored = String::from_utf8_lossy(&stored).replace("\r\n", "\n");
    if stored == now {
        return Ok(());
    }
    if update {
        return std::fs::write(golden, now).map_err(|e| format!("cannot write {name}: {e}\n"));
    }
    let diff = TextDiff::from_lines(stored.as_str(), now);
    let diff = diff.unified_diff().context_radius(2).header(&name, "this run").to_string();
    let lines: Vec<&str> = diff.lines().collect();
    let mut text = lines.iter().take(MOST_LINES).copied().collect::<Vec<_>>().join("\n");
    if lines.len() > MOST_LINES {
        text.push_str(&format!("\n… and {} lines more", lines.len() - MOST_LINES));
    }
    text.push_str("\nthe timeline differs; `--update` stores the new one\n");
    Err(text)
}

/// Tells the failures and the count; gives the worst status.
fn conclude(told: &[(&Case, Outcome)], wall_ms: u64) -> Status {
    let failed: Vec<_> = told.iter().filter(|(_, o)| o.status != Status::Held).collect();
    if !failed.is_empty() {
        say("\nfailures:\n");
        for (case, outcome) in &failed {
            say(&format!("\n---- {} ----\n{}", case.name, outcome.detail));
        }
        say("\nfailures:\n");
        failed.iter().for_each(|(case, _)| say(&format!("    {}\n", case.name)));
    }
    let word = if failed.is_empty() { "ok" } else { "FAILED" };
    let passed = told.len() - failed.len();
    let (seconds, rest) = (wall_ms / 1_000, wall_ms % 1_000 / 10);
    say(&format!(
        "\ntest result: {word}. {passed} passed; {} failed; finished in {seconds}.{rest:02}s\n\n",
        failed.len()
    ));
    told.iter().map(|(_, outcome)| outcome.status).max().unwrap_or(Status::Unusable)
}
