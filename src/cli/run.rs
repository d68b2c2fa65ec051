//! `wavetank run`: runs scenarios and tells what happened.

use std::fs::File;
use std::io::BufWriter;
use std::sync::Arc;

use clap::{Args, ValueEnum};
use serde_json::json;

use crate::cli::Status;
use crate::cli::files::{complain, described, say};
use crate::scenario::duration;
use crate::scenario::spec::Until;
use crate::scenario::world::{Report, World};
use crate::sim::time::SimTime;
use crate::trace::rows::{Header, Heartbeats, Tracer};

/// Runs scenarios.
#[derive(Args)]
pub(crate) struct Run {
    /// Scenarios: files, names of shipped ones, or `-` for standard input.
    #[arg(required = true)]
    scenarios: Vec<String>,
    /// The seed that all chance follows from, in place of the scenario's.
    #[arg(long)]
    seed: Option<u64>,
    /// Ends the run: `settled`, or an instant of virtual time such as `90s`.
    #[arg(long)]
    until: Option<String>,
    /// What is printed.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    /// Writes the trace, as JSON Lines.
    #[arg(long, value_name = "FILE")]
    trace: Option<String>,
    /// Leases and heartbeats of nodes are rows of the trace, too.
    #[arg(long)]
    trace_leases: bool,
    /// Sets a value of the scenario: `--set cluster.nodes[0].count=5`.
    #[arg(long, value_name = "PATH=VALUE")]
    set: Vec<String>,
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
    pub(crate) fn carry_out(&self) -> Status {
        let runs = self.scenarios.iter().map(|name| self.one(name));
        runs.max().unwrap_or(Status::Unusable)
    }

    fn one(&self, name: &str) -> Status {
        let described = match described(name, &self.set) {
            Ok(described) => described,
            Err(status) => return status,
        };
        let until = match self.until.as_deref().map(until) {
            None => None,
            Some(Some(until)) => Some(until),
            Some(None) => {
                complain("error: `--until` takes `settled` or a duration such as `90s`\n");
                return Status::Unusable;
            }
        };
        let seed = self.seed.unwrap_or(described.scenario.seed);
        let mut world = match World::new(Arc::clone(&described), seed, until) {
            Ok(world) => world,
            Err(wrong) => {
                wrong.iter().for_each(|why| complain(&format!("error: {name}: {why}\n")));
                return Status::Unusable;
            }
        };
        let begun = wall_clock();
        if self.format == Format::Text && !self.quiet {
            self.tell(name, &mut world);
        }
        let report = world.run();
        let wall_ms = wall_clock().saturating_sub(begun);
        if let Some(path) = &self.trace
            && let Err(error) = self.write_trace(path, name, &world)
        {
            complain(&format!("error: cannot write the trace `{path}`: {error}\n"));
            return Status::Unusable;
        }
        match self.format {
            Format::Text => self.conclude(&world, &report, wall_ms),
            Format::Json => say(&json_of(name, &world, &report, wall_ms)),
        }
        if report.verdict.held { Status::Held } else { Status::Failed }
    }

    /// Prints what the person sees, step by step.
    fn tell(&self, name: &str, world: &mut World) {
        let scenario = &world.described().scenario;
        let title = scenario.name.clone().unwrap_or_else(|| name.to_owned());
        say(&format!("{title}  (seed {})\n\n", world.seed()));
        let mut told = 0;
        loop {
            let on = world.go_on();
            for step in &world.steps()[told.min(world.steps().len())..] {
                say(&format!("{:>9}  $ {}\n", clock(step.begun), step.text));
                step.output.lines().for_each(|line| say(&format!("             {line}\n")));
            }
            told = world.steps().len();
            if !on {
                return;
            }
        }
    }

    fn conclude(&self, world: &World, report: &Report, wall_ms: u64) {
        if !self.quiet {
            say("\n");
            say("(timeline)");
            say("\n");
        }
        for outcome in &report.verdict.expectations {
            let mark = if outcome.held { "ok    " } else { "FAILED" };
            let at = outcome.at.map_or(String::new(), |at| format!("  ({})", clock(at)));
            let detail = if outcome.held || outcome.detail.is_empty() {
                String::new()
            } else {
                format!(": {}", outcome.detail)
            };
            say(&format!("{mark} {}{at}{detail}\n", outcome.text));
        }
        for failure in &report.verdict.failures {
            say(&format!("FAILED {failure}\n"));
        }
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
        let scenario = &world.described().scenario;
        let header = Header {
            scenario: scenario.name.clone().unwrap_or_else(|| name.to_owned()),
            namespace: world.namespace().to_string(),
            seed: world.seed(),
            ..Header::default()
        };
        let heartbeats = if self.trace_leases { Heartbeats::Shown } else { Heartbeats::Hidden };
        let mut out = BufWriter::new(File::create(path)?);
        let tracer = Tracer::new(header, heartbeats);
        let log = world.cluster().engine.log();
        tracer.write(world.beginning(), log, &world.traced_verdict(), &mut out)
    }
}

fn until(text: &str) -> Option<Until> {
    if text == "settled" {
        return Some(Until::Settled);
    }
    duration::parse(text).map(Until::At)
}

/// An instant as people read it: tenths of a second.
fn clock(at: SimTime) -> String {
    let tenths = at.0 / 100_000_000;
    let (minutes, rest) = (tenths / 600, tenths % 600);
    if minutes > 0 {
        return format!("{minutes}m{:02}.{}s", rest / 10, rest % 10);
    }
    format!("{}.{}s", rest / 10, rest % 10)
}

fn json_of(name: &str, world: &World, report: &Report, wall_ms: u64) -> String {
    let scenario = &world.described().scenario;
    let expectations: Vec<_> = report
        .verdict
        .expectations
        .iter()
        .map(|e| {
            let outcome = if e.held { "held" } else { "failed" };
            let at_ms = e.at.map(|at| at.0 / 1_000_000);
            json!({"text": e.text, "outcome": outcome, "at_ms": at_ms, "detail": e.detail})
        })
        .collect();
    let steps: Vec<_> = report
        .steps
        .iter()
        .map(|s| {
            let (begin, end) = (s.begun.0 / 1_000_000, s.ended.0 / 1_000_000);
            json!({"text": s.text, "output": s.output, "code": s.code, "begin_ms": begin, "end_ms": end})
        })
        .collect();
    let object = json!({
        "scenario": scenario.name.clone().unwrap_or_else(|| name.to_owned()),
        "seed": world.seed(),
        "verdict": if report.verdict.held { "held" } else { "failed" },
        "failures": report.verdict.failures,
        "digest": report.digest.to_string(),
        "turns": report.turns,
        "writes": report.writes,
        "virtual_ms": report.end.0 / 1_000_000,
        "wall_ms": wall_ms,
        "expectations": expectations,
        "steps": steps,
    });
    format!("{object}\n")
}

/// Milliseconds of the wall clock, told and never acted upon.
#[expect(clippy::disallowed_types, reason = "how long a run took is told to people")]
fn wall_clock() -> u64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    now.map_or(0, |span| u64::try_from(span.as_millis()).unwrap_or(u64::MAX))
}
