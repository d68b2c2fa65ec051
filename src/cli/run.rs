//! `wavetank run`: runs scenarios and tells what happened.

use std::fs::File;
use std::io::{BufWriter, IsTerminal};

use clap::{Args, ValueEnum};
use serde_json::json;

use crate::cli::Status;
use crate::cli::files::{complain, has_colour, say, shown, timeline_width};
use crate::cli::past;
use crate::cli::play::{self, Choice, clock, wall_clock};
use crate::cli::report;
use crate::cli::watch;
use crate::scenario::duration;
use crate::scenario::spec::Timeline as Sort;
use crate::scenario::spec::Until;
use crate::scenario::world::{Report, World};
use crate::sim::time::SimDuration;
use crate::trace::export::messages;
use crate::trace::gauge::Gauges;
use crate::trace::rows::{Heartbeats, Tracer, write_attempts, write_verdict};
use crate::trace::scheduling::Attempt;
use crate::trace::timeline::{Colour, Options, timeline};

/// Runs scenarios.
#[derive(Args)]
#[expect(clippy::struct_excessive_bools, reason = "switches of a command line")]
pub(crate) struct Run {
    /// Scenarios: files, names of shipped ones, or `-` for standard input.
    #[arg(required = true)]
    scenarios: Vec<String>,
    /// The seed that all chance follows from, in place of the scenario's.
    #[arg(long)]
    seed: Option<u64>,
    /// Ends the run: `settled`, or an instant of virtual time such as `90s`.
    #[arg(long, value_parser = until)]
    until: Option<Until>,
    /// What is printed.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    /// Writes the trace, as JSON Lines.
    #[arg(long, value_name = "FILE")]
    trace: Option<String>,
    /// Writes a page that shows the run, to be opened in any browser.
    #[arg(long, value_name = "FILE")]
    report: Option<String>,
    /// Plays the run in the terminal: pause, step, pace.
    #[arg(long)]
    watch: bool,
    /// Prints every message in place of the timeline: who notices, asks, stores.
    #[arg(long)]
    messages: bool,
    /// Leases and heartbeats of nodes are rows of the trace, too.
    #[arg(long)]
    trace_leases: bool,
    /// Attempts to find nodes are rows of the trace, too: each plugin's word on each node, under
    /// the keys of kube-scheduler-simulator.
    #[arg(long)]
    trace_scheduling: bool,
    /// Sets a value of the scenario: `--set cluster.nodes[0].count=5`.
    #[arg(long, value_name = "PATH=VALUE")]
    set: Vec<String>,
    /// Keeps so much of the history, such as `5m`, so that long runs need no more memory than short
    /// ones: timeline, trace and page begin where it is cut.
    #[arg(long, value_name = "TIME", value_parser = past::span)]
    history: Option<SimDuration>,
    /// Prints the verdict alone.
    #[arg(short, long)]
    quiet: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people.
    Text,
    /// One JSON object a run.
    Json,
}

impl Run {
    /// The run of one scenario, as it is written.
    pub(crate) fn of(name: &str) -> Run {
        Run {
            scenarios: vec![name.to_owned()],
            seed: None,
            until: None,
            format: Format::Text,
            trace: None,
            report: None,
            watch: false,
            messages: false,
            trace_leases: false,
            trace_scheduling: false,
            set: Vec::new(),
            history: None,
            quiet: false,
        }
    }

    pub(crate) fn carry_out(&self) -> Status {
        let single = [
            ("trace", self.trace.is_some()),
            ("report", self.report.is_some()),
            ("watch", self.watch),
        ];
        if let Some((option, _)) = single.iter().find(|(_, asked)| *asked)
            && self.scenarios.len() > 1
        {
            complain(&format!(
                "error: `--{option}` takes one run, and {} are asked for\n",
                self.scenarios.len()
            ));
            return Status::Unusable;
        }
        let runs = self.scenarios.iter().map(|name| self.one(name));
        runs.max().unwrap_or(Status::Unusable)
    }

    fn one(&self, name: &str) -> Status {
        let choice = Choice {
            seed: self.seed,
            until: self.until,
            set: self.set.clone(),
            history: self.history,
        };
        let mut world = match play::world(name, &choice) {
            Ok(world) => world,
            Err(wrong) => {
                complain(&wrong);
                return Status::Unusable;
            }
        };
        if self.trace_scheduling {
            world.cluster_mut().tell_scheduling(None);
        }
        let begun = wall_clock();
        let mut gauges = Gauges::default();
        let report = self.drive(name, &mut world, &mut gauges);
        let wall_ms = wall_clock().saturating_sub(begun);
        if let Some(path) = &self.trace
            && let Err(error) = self.write_trace(path, name, &world)
        {
            complain(&format!("error: cannot write the trace `{path}`: {error}\n"));
            return Status::Unusable;
        }
        if let Some(path) = &self.report
            && report::of_world(path, name, &world, &gauges) != Status::Held
        {
            return Status::Unusable;
        }
        if self.watch {
            return play_in_terminal(&world, &report);
        }
        match self.format {
            Format::Text => self.conclude(&world, &report, wall_ms),
            Format::Json => say(&json_of(name, &world, &report, wall_ms)),
        }
        let status = play::status(&world, &report);
        if status == Status::Unusable {
            complain(&play::missed(&world, &report, &shown(name)));
        }
        // The program ends: taking the world apart piece by piece would only take time.
        std::mem::forget(world);
        status
    }

    fn drive(&self, name: &str, world: &mut World, gauges: &mut Gauges) -> Report {
        let is_told = self.format == Format::Text && !self.quiet && !self.watch;
        match (is_told, self.report.is_some()) {
            (true, _) => self.tell(name, world, gauges),
            (false, true) => {
                play::drive_telling(name, &self.set, world, |world| gauges.read(world.cluster()))
            }
            (false, false) => play::drive(name, &self.set, world),
        }
    }

    /// Prints what the person sees, step by step.
    fn tell(&self, name: &str, world: &mut World, gauges: &mut Gauges) -> Report {
        let scenario = &world.described().scenario;
        let title = scenario.name.clone().unwrap_or_else(|| name.to_owned());
        say(&format!("{title}  (seed {})\n\n", world.seed()));
        let mut told = 0;
        play::drive_telling(name, &self.set, world, |world| {
            if self.report.is_some() {
                gauges.read(world.cluster());
            }
            for step in &world.steps()[told.min(world.steps().len())..] {
                say(&format!("{:>9}  $ {}\n", clock(step.begun), step.text));
                step.output.lines().for_each(|line| say(&format!("             {line}\n")));
            }
            told = world.steps().len();
        })
    }

    fn conclude(&self, world: &World, report: &Report, wall_ms: u64) {
        if !self.quiet {
            let colour = if has_colour() { Colour::Always } else { Colour::Never };
            let options = Options { colour, width: timeline_width() };
            let log = world.cluster().engine.log();
            let every = self.messages || world.described().scenario.timeline == Sort::Messages;
            let text = match every {
                true => messages::timeline(log, None, options),
                false => timeline(log, None, options),
            };
            say(&format!("\n{text}\n"));
        }
        say(&verdict(report));
        let word = if report.verdict.held { "held" } else { "FAILED" };
        say(&format!(
            "{word}: {} of virtual time in {wall_ms} ms, {} turns, {} writes, digest {}\n",
            clock(report.end),
            report.turns,
            report.writes,
            report.digest
        ));
    }

    fn write_trace(&self, path: &str, name: &str, world: &World) -> std::io::Result<()> {
        let header = report::header_of(name, world);
        let heartbeats = if self.trace_leases { Heartbeats::Shown } else { Heartbeats::Hidden };
        let mut out = BufWriter::new(File::create(path)?);
        let tracer = Tracer::new(header, heartbeats);
        let log = world.cluster().engine.log();
        tracer.write_header(&mut out)?;
        tracer.write_beginning(world.beginning(), &mut out)?;
        tracer.write_all(log, &mut out)?;
        let told = world.cluster().told_scheduling();
        let told: Vec<Attempt> = told.into_iter().map(Attempt::from).collect();
        write_attempts(&told, &mut out)?;
        write_verdict(&world.traced_verdict(), &mut out)?;
        std::io::Write::flush(&mut out)
    }
}

/// Plays a world that has run; what came of it is told at the end.
fn play_in_terminal(world: &World, report: &Report) -> Status {
    if !std::io::stdout().is_terminal() || !std::io::stdin().is_terminal() {
        complain("error: `--watch` needs a terminal; `--messages` prints what it would play\n");
        return Status::Unusable;
    }
    if let Err(error) = watch::watch(world) {
        complain(&format!("error: the terminal cannot be used: {error}\n"));
        return Status::Unusable;
    }
    say(&verdict(report));
    play::status(world, report)
}

fn until(text: &str) -> Result<Until, String> {
    if text == "settled" {
        return Ok(Until::Settled);
    }
    let wrong = || "expected `settled` or a duration such as `90s`".to_owned();
    duration::parse(text).map(Until::At).ok_or_else(wrong)
}

/// The expectations and failures of a run, a line each.
pub(crate) fn verdict(report: &Report) -> String {
    let mut text = String::new();
    for outcome in &report.verdict.expectations {
        let mark = if outcome.held { "ok    " } else { "FAILED" };
        let at = outcome.at.map_or(String::new(), |at| format!("  ({})", clock(at)));
        let detail = if outcome.held || outcome.detail.is_empty() {
            String::new()
        } else {
            format!(": {}", outcome.detail)
        };
        text.push_str(&format!("{mark} {}{at}{detail}\n", outcome.text));
    }
    for breach in &report.verdict.breaches {
        text.push_str(&format!("FAILED {breach}\n"));
    }
    for failure in &report.verdict.failures {
        text.push_str(&format!("FAILED {failure}\n"));
    }
    text
}

fn json_of(name: &str, world: &World, report: &Report, wall_ms: u64) -> String {
    let scenario = &world.described().scenario;
    let expectations = report.verdict.expectations.iter().map(|e| {
        let outcome = if e.held { "held" } else { "failed" };
        let at_ms = e.at.map(|at| at.0 / 1_000_000);
        json!({"text": e.text, "outcome": outcome, "at_ms": at_ms, "detail": e.detail})
    });
    let steps = report.steps.iter().map(|s| {
        let (begin, end) = (s.begun.0 / 1_000_000, s.ended.0 / 1_000_000);
        json!({
            "text": s.text, "output": s.output, "code": s.code,
            "begin_ms": begin, "end_ms": end,
        })
    });
    let verdict = match play::status(world, report) {
        Status::Held => "held",
        Status::Failed => "failed",
        Status::Unusable | Status::Bug => "error",
    };
    let object = json!({
        "scenario": scenario.name.clone().unwrap_or_else(|| name.to_owned()),
        "seed": world.seed(),
        "verdict": verdict,
        "failures": report.verdict.failures,
        "breaches": report.verdict.breaches,
        "digest": report.digest.to_string(),
        "turns": report.turns,
        "writes": report.writes,
        "virtual_ms": report.end.0 / 1_000_000,
        "wall_ms": wall_ms,
        "expectations": expectations.collect::<Vec<_>>(),
        "steps": steps.collect::<Vec<_>>(),
    });
    format!("{object}\n")
}
