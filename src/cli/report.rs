//! `wavetank report` and `run --report`: a run as one page that shows itself.

use std::borrow::Cow;

use clap::Args;

use crate::cli::Status;
use crate::cli::files::{self, complain, say};
use crate::cli::past::Run;
use crate::cli::play::{Choice, clock};
use crate::scenario::spec::Timeline;
use crate::scenario::world::World;
use crate::trace::gauge::Gauges;
use crate::trace::page::{Told, page};
use crate::trace::rows::Header;
use crate::trace::verdict::Verdict;

/// Writes a page that shows a run: one HTML file, to be opened in any browser, offline.
#[derive(Args)]
pub(crate) struct Report {
    /// The scenario or the trace.
    #[arg(value_name = "FILE|TRACE")]
    source: String,
    /// The page; `-` for standard output.
    #[arg(short, long, value_name = "FILE", default_value = "run.html")]
    output: String,
    /// The seed of the run, in place of the scenario's.
    #[arg(long)]
    seed: Option<u64>,
    /// Sets a value of the scenario: `--set cluster.nodes[0].count=5`.
    #[arg(long, value_name = "PATH=VALUE")]
    set: Vec<String>,
}

impl Report {
    pub(crate) fn carry_out(&self) -> Status {
        let choice = Choice { seed: self.seed, set: self.set.clone(), ..Choice::default() };
        let mut gauges = Gauges::default();
        let look = |world: &World| gauges.read(world.cluster());
        let run = match Run::read_watching(&self.source, &choice, look) {
            Ok(run) => run,
            Err(why) => {
                complain(&why);
                return Status::Unusable;
            }
        };
        let text = of_run(&self.source, &run, &gauges);
        if self.output == "-" {
            say(&text);
            return Status::Held;
        }
        let status = write(&self.output, &text);
        if status == Status::Held {
            let size = text.len().div_ceil(1000);
            say(&format!("wrote {} ({size} kB): open it in a browser\n", self.output));
        }
        status
    }
}

/// Writes the page of a world that has run.
pub(crate) fn of_world(path: &str, name: &str, world: &World, gauges: &Gauges) -> Status {
    write(path, &told_of_world(name, world, gauges))
}

fn write(path: &str, text: &str) -> Status {
    if let Err(error) = std::fs::write(path, text) {
        complain(&format!("error: cannot write the page `{path}`: {error}\n"));
        return Status::Unusable;
    }
    Status::Held
}

fn of_run(name: &str, run: &Run, gauges: &Gauges) -> String {
    match run {
        Run::World(world) => told_of_world(name, world, gauges),
        Run::Trace(trace) => page(&Told {
            header: &trace.header,
            about: "",
            scenario: "",
            beginning: &trace.beginning,
            log: &trace.log,
            verdict: trace.verdict.as_ref(),
            gauges: None,
        }),
    }
}

fn told_of_world(name: &str, world: &World, gauges: &Gauges) -> String {
    let scenario = &world.described().scenario;
    let text = if name == "-" { Ok(Vec::new()) } else { files::bytes(name) }.unwrap_or_default();
    let text: Cow<'_, str> = String::from_utf8_lossy(&text);
    let verdict: Verdict = world.traced_verdict();
    let mut about = scenario.about.trim().to_owned();
    if let Some(cut) = world.cluster().engine.log().cut() {
        about.push_str(&format!(" (What was before {} is forgotten.)", clock(cut.at)));
    }
    page(&Told {
        header: &header_of(name, world),
        about: &about,
        scenario: &text,
        beginning: world.beginning(),
        log: world.cluster().engine.log(),
        verdict: Some(&verdict),
        gauges: Some(gauges),
    })
}

/// What the first row of a trace tells of a world.
pub(crate) fn header_of(name: &str, world: &World) -> Header {
    let scenario = &world.described().scenario;
    Header {
        scenario: scenario.name.clone().unwrap_or_else(|| name.to_owned()),
        namespace: world.namespace().to_string(),
        seed: world.seed(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        kubernetes: "1.36".to_owned(),
        start: world.cluster().engine.log().start(),
        cut: world.cluster().engine.log().cut(),
        messages: scenario.timeline == Timeline::Messages,
        ..Header::default()
    }
}
