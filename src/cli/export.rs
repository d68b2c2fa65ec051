//! `wavetank export`: a run in other people's formats.

use std::fs::File;
use std::io::{self, BufWriter, Write};

use clap::{Args, ValueEnum};

use crate::cli::Status;
use crate::cli::files::complain;
use crate::cli::past::Run;
use crate::cli::play::Choice;
use crate::scenario::duration;
use crate::scenario::world::World;
use crate::sim::time::{SimDuration, SimTime};
use crate::trace::export::mermaid::{Window, mermaid};
use crate::trace::export::{audit, curves, metrics, perfetto};
use crate::trace::gauge::Gauges;

/// Writes a run in other people's formats.
#[derive(Args)]
pub(crate) struct Export {
    /// The scenario or the trace.
    #[arg(value_name = "FILE|TRACE")]
    source: String,
    /// The format.
    #[arg(long, value_enum)]
    format: Format,
    /// Where it is written; standard output without it.
    #[arg(short, long, value_name = "FILE")]
    output: Option<String>,
    /// From this instant of virtual time on (mermaid).
    #[arg(long, value_name = "TIME", value_parser = instant)]
    from: Option<SimTime>,
    /// Up to this instant of virtual time (mermaid).
    #[arg(long, value_name = "TIME", value_parser = instant)]
    to: Option<SimTime>,
    /// Only what these say and hear; `kubelet` stands for all of them (mermaid).
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    actors: Vec<String>,
    /// So many messages at most (mermaid).
    #[arg(long, value_name = "N", default_value_t = 200)]
    most: usize,
    /// A sample each so often (metrics).
    #[arg(long, value_name = "SPAN", value_parser = span, default_value = "1s")]
    interval: SimDuration,
    /// The seed of the run, in place of the scenario's.
    #[arg(long)]
    seed: Option<u64>,
    /// Sets a value of the scenario: `--set cluster.nodes[0].count=5`.
    #[arg(long, value_name = "PATH=VALUE")]
    set: Vec<String>,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// A Kubernetes audit log: `audit.k8s.io/v1`, JSON Lines.
    Audit,
    /// A trace for Perfetto and chrome://tracing.
    Perfetto,
    /// A Mermaid sequence diagram of a window.
    Mermaid,
    /// The curves of the workloads.
    Csv,
    /// The metrics of the components as OpenMetrics text.
    Metrics,
}

fn instant(text: &str) -> Result<SimTime, String> {
    span(text).map(|span| SimTime::ZERO + span)
}

fn span(text: &str) -> Result<SimDuration, String> {
    let wrong = || "expected a duration such as `90s` or `1m30s`".to_owned();
    duration::parse(text).ok_or_else(wrong)
}

impl Export {
    pub(crate) fn carry_out(&self) -> Status {
        let choice = Choice { seed: self.seed, set: self.set.clone(), ..Choice::default() };
        let mut gauges = Gauges::default();
        let measure = self.format == Format::Metrics;
        let look = |world: &World| {
            if measure {
                gauges.read(world.cluster());
            }
        };
        let run = match Run::read_watching(&self.source, &choice, look) {
            Ok(run) => run,
            Err(why) => {
                complain(&why);
                return Status::Unusable;
            }
        };
        match self.write(&run, &gauges) {
            Ok(()) => Status::Held,
            // A reader that has gone away is no mistake.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Status::Held,
            Err(error) => {
                let place = self.output.as_deref().unwrap_or("standard output");
                complain(&format!("error: cannot write to `{place}`: {error}\n"));
                Status::Unusable
            }
        }
    }

    fn write(&self, run: &Run, gauges: &Gauges) -> io::Result<()> {
        let mut out: Box<dyn Write> = match &self.output {
            Some(path) => Box::new(BufWriter::new(File::create(path)?)),
            None => Box::new(BufWriter::new(io::stdout().lock())),
        };
        let log = run.log();
        match self.format {
            Format::Audit => audit::audit(log, &mut out)?,
            Format::Perfetto => writeln!(out, "{}", perfetto::perfetto(run.beginning(), log))?,
            Format::Csv => out.write_all(curves::curves(run.beginning(), log).as_bytes())?,
            Format::Mermaid => {
                let window = Window {
                    from: self.from.unwrap_or(SimTime::ZERO),
                    to: self.to.unwrap_or(SimTime::NEVER),
                    actors: self.actors.clone(),
                    most: self.most,
                };
                out.write_all(mermaid(log, &window).as_bytes())?;
            }
            Format::Metrics => {
                let measured = matches!(run, Run::World(_)).then_some(gauges);
                let end = run.end();
                let text = metrics::metrics(run.beginning(), log, measured, self.interval, end);
                out.write_all(text.as_bytes())?;
            }
        }
        out.flush()
    }
}
