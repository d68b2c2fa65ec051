//! `wavetank bench`: how fast the simulator is on this machine, beside what it should be.
//!
//! Responsible for running fixed shapes and printing what they take. Times are those of one core
//! on which this process was, where the system tells them; else those of the clock on the wall.

#![expect(
    clippy::float_arithmetic,
    clippy::cast_precision_loss,
    reason = "figures for people, on which nothing depends"
)]

mod perf;

use std::process::{Command, Stdio};
use std::time::Duration;

use clap::{Args, ValueEnum};
use indicatif::{ProgressBar, ProgressStyle};

use crate::cli::Status;
use crate::cli::files::{complain, say};
use crate::cluster::workload::{self, BEGIN, SMALL_END, Wanted};
use crate::cluster::{Cluster, ClusterConfig};
use crate::scheduler::cycle::Evaluation;
use crate::scheduler_perf::Case;
use crate::sim::log::Keep;
use crate::sim::time::{SimDuration, SimTime};

/// Measures the simulator.
#[derive(Args)]
pub(crate) struct Bench {
    /// What is measured; without any, all that takes less than a minute.
    #[arg(value_enum)]
    shapes: Vec<Shape>,
    /// All that there is; takes minutes and gigabytes.
    #[arg(long, conflicts_with = "shapes")]
    all: bool,
    #[command(flatten)]
    perf: perf::Perf,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Shape {
    /// From spawn to exit of `wavetank run` on a small scenario.
    Start,
    /// 3 nodes, a Deployment of 3, a crash of a node, 500 virtual seconds, from a settled copy.
    Small,
    /// A rollout of 1,500 pods on 50 nodes.
    #[value(name = "rollout-1500")]
    Rollout1500,
    /// A rollout of 30,000 pods on 1,000 nodes.
    #[value(name = "rollout-30000")]
    Rollout30000,
    /// A rollout of 150,000 pods on 5,000 nodes.
    #[value(name = "rollout-150000")]
    Rollout150000,
    /// A rollout of 1,000,000 pods on 100,000 nodes.
    #[value(name = "rollout-1000000")]
    Rollout1000000,
    /// A virtual hour of 5,000 idle nodes, each renewal of a lease simulated.
    Heartbeats,
    /// Decisions of the scheduler alone, in the shapes of upstream's scheduler_perf.
    Scheduler,
}

const QUICK: &[Shape] =
    &[Shape::Start, Shape::Small, Shape::Rollout1500, Shape::Rollout30000, Shape::Scheduler];

/// A row of the table.
struct Row {
    what: String,
    measured: String,
    /// What it should at least be, and what it is meant to become.
    gate: &'static str,
    aim: &'static str,
}

/// What a rollout took.
struct Rollout {
    seconds: f64,
    turns: u64,
    bytes: Option<u64>,
}

impl Bench {
    pub(crate) fn carry_out(&self) -> Status {
        if let Some(status) = self.perf.carry_out() {
            return status;
        }
        let shapes = match (self.all, self.shapes.is_empty()) {
            (true, _) => Shape::value_variants(),
            (false, true) => QUICK,
            (false, false) => &self.shapes,
        };
        print(&Row { what: "quantity".into(), measured: "here".into(), gate: "gate", aim: "aim" });
        let mut status = Status::Held;
        let mut first: Option<f64> = None;
        for shape in shapes {
            let rows = match shape {
                Shape::Start => start(),
                Shape::Small => vec![small()],
                Shape::Heartbeats => vec![heartbeats()],
                Shape::Scheduler => scheduler(),
                Shape::Rollout1500 => rollout(50, 2, 750, ("", ""), &mut first),
                Shape::Rollout30000 => rollout(1000, 30, 1000, ("", ""), &mut first),
                Shape::Rollout150000 => {
                    rollout(5000, 150, 1000, ("1.5 s, 300 MB", "0.7 s, 180 MB"), &mut first)
                }
                Shape::Rollout1000000 => {
                    rollout(100_000, 1000, 1000, ("20 s, 2 GB", "8 s, 1.2 GB"), &mut first)
                }
            };
            if rows.is_empty() {
                status = Status::Failed;
            }
            rows.iter().for_each(print);
        }
        status
    }
}

fn print(row: &Row) {
    let Row { what, measured, gate, aim } = row;
    let line = format!("{what:<52} {measured:>24}  {gate:>14}  {aim:>14}");
    say(&format!("{}\n", line.trim_end()));
}

/// The row of a rollout, that of its turns, and how much more a pod takes than in the first one.
fn rollout(
    nodes: usize,
    deployments: usize,
    replicas: usize,
    (gate, aim): (&'static str, &'static str),
    first: &mut Option<f64>,
) -> Vec<Row> {
    let wanted = Wanted { deployments, replicas };
    let pods = deployments * replicas;
    let Some(took) = roll_out(nodes, wanted) else {
        complain(&format!("error: {pods} pods on {nodes} nodes did not all become ready\n"));
        return Vec::new();
    };
    let what = format!("rollout of {} pods on {} nodes", grouped(pods), grouped(nodes));
    let memory = took.bytes.map(|b| format!(", {} MB", b >> 20)).unwrap_or_default();
    let measured = format!("{:.2} s{memory}", took.seconds);
    let mut rows = vec![Row { what, measured, gate, aim }];
    let rate = took.turns as f64 / took.seconds / 1e6;
    let measured = format!("{rate:.2} M/s, {:.0} a pod", took.turns as f64 / pods as f64);
    let (gate, aim) = if pods == 150_000 { ("5 M/s", "10 M/s") } else { ("", "") };
    rows.push(Row { what: "  turns of the engine".into(), measured, gate, aim });
    if let Some(bytes) = took.bytes {
        let measured = format!("{} bytes a pod", grouped(per(bytes, pods)));
        rows.push(Row { what: "  memory that lives".into(), measured, gate: "", aim: "" });
    }
    let each = took.seconds / pods as f64;
    if let Some(first) = first {
        let measured = format!("{:.2}×", each / *first);
        let what = "  time a pod, against the first rollout".into();
        rows.push(Row { what, measured, gate: "3×", aim: "1.5×" });
    } else {
        *first = Some(each);
    }
    rows
}

fn per(bytes: u64, pods: usize) -> usize {
    usize::try_from(bytes).unwrap_or(usize::MAX) / pods.max(1)
}

/// Runs a rollout until all pods are ready; none when they do not become so within an hour.
fn roll_out(nodes: usize, wanted: Wanted) -> Option<Rollout> {
    let pods = wanted.deployments * wanted.replicas;
    let bar = bar(pods as u64, "pods ready");
    let before = resident();
    let mut cluster = workload::cluster(&workload::large_config(1, nodes), wanted, None);
    cluster.engine.log_mut().keep(Keep::Nothing);
    cluster.engine.run_until(SimTime(BEGIN.0 - 1));
    let (begun, turns) = (core_time(), cluster.engine.turns());
    let mut until = BEGIN;
    while workload::ready(&cluster) < pods {
        if until.0 > 3_600_000_000_000 {
            bar.finish_and_clear();
            return None;
        }
        until += SimDuration::millis(250);
        cluster.engine.run_until(until);
        bar.set_position(workload::ready(&cluster) as u64);
    }
    let seconds = core_time().saturating_sub(begun).as_secs_f64();
    bar.finish_and_clear();
    let bytes = resident().zip(before).map(|(now, before)| now.saturating_sub(before));
    Some(Rollout { seconds, turns: cluster.engine.turns() - turns, bytes })
}

/// Runs of the small scenario from copies of a cluster that has settled, for a second.
fn small() -> Row {
    let mut settled = workload::small(1);
    settled.engine.run_until(SimTime(BEGIN.0 - 1));
    let run = |mut cluster: Cluster| {
        cluster.engine.run_until(SMALL_END);
        cluster.engine.digest()
    };
    let digest = run(settled.clone());
    let mut best = f64::INFINITY;
    for _ in 0..5 {
        let (begun, mut runs) = (core_time(), 0_u32);
        while core_time().saturating_sub(begun) < Duration::from_millis(200) {
            for _ in 0..20 {
                assert_eq!(run(settled.clone()), digest, "a run is the same each time");
            }
            runs += 20;
        }
        best = best.min(core_time().saturating_sub(begun).as_secs_f64() / f64::from(runs));
    }
    Row {
        what: "small scenario: 3 nodes, 3 pods, a crash, 500 s".into(),
        measured: format!("{:.0} runs/s", 1.0 / best),
        gate: "25,000 runs/s",
        aim: "100,000 runs/s",
    }
}

/// A virtual hour of nodes that only give signs of life.
fn heartbeats() -> Row {
    let config = ClusterConfig { eager: true, ..workload::large_config(1, 5000) };
    let none = Wanted { deployments: 0, replicas: 0 };
    let mut cluster = workload::cluster(&config, none, None);
    cluster.engine.log_mut().keep(Keep::Nothing);
    cluster.engine.run_until(BEGIN);
    let (begun, minutes) = (core_time(), 60);
    let bar = bar(minutes, "virtual minutes");
    for minute in 1..=minutes {
        cluster.engine.run_until(BEGIN + SimDuration::secs(60 * minute));
        bar.set_position(minute);
    }
    bar.finish_and_clear();
    let seconds = core_time().saturating_sub(begun).as_secs_f64();
    Row {
        what: "an hour of 5,000 idle nodes, nothing lazy".into(),
        measured: format!("{seconds:.2} s"),
        gate: "0.3 s",
        aim: "0.1 s",
    }
}

/// Decisions of the scheduler alone, beside what upstream asks of the whole control plane.
fn scheduler() -> Vec<Row> {
    let cases = match perf::shipped() {
        Ok(cases) => cases,
        Err(why) => {
            complain(&why);
            return Vec::new();
        }
    };
    let row = |case: &Case| {
        let rate = perf::alone(case.plan.as_ref().ok()?, Evaluation::Indexed)?;
        let asked = case.threshold.as_ref().and_then(|threshold| threshold.of(None));
        let asked = asked.map_or(String::new(), |asked| format!(", upstream asks {asked:.0}"));
        let (gate, aim) = match case.test_case.as_str() {
            "Basic" => ("100,000 pods/s", "300,000 pods/s"),
            "Preemption" | "MixedChurn" => ("", ""),
            _ => ("10,000 pods/s", "50,000 pods/s"),
        };
        let what = format!("scheduler: {}{asked}", case.test_case);
        Some(Row { what, measured: format!("{rate:.0} pods/s"), gate, aim })
    };
    cases.iter().filter_map(row).collect()
}

/// The program from spawn to exit, the best of some starts.
fn start() -> Vec<Row> {
    let Ok(program) = std::env::current_exe() else {
        complain("error: the program does not know where it lies\n");
        return Vec::new();
    };
    let mut best = Duration::MAX;
    for _ in 0..20 {
        let mut run = Command::new(&program);
        run.args(["run", "--quiet", "basics/first-deployment"]);
        run.stdout(Stdio::null()).stderr(Stdio::null());
        let begun = passed();
        if !run.status().is_ok_and(|status| status.success()) {
            complain("error: `wavetank run basics/first-deployment` does not hold here\n");
            return Vec::new();
        }
        best = best.min(passed().saturating_sub(begun));
    }
    vec![Row {
        what: "cold start of `run` on a small scenario".into(),
        measured: format!("{:.1} ms", best.as_secs_f64() * 1e3),
        gate: "5 ms",
        aim: "2 ms",
    }]
}

/// How long this thread has been on a core, where the system tells; else the time that passed.
fn core_time() -> Duration {
    let told = std::fs::read_to_string("/proc/thread-self/schedstat").ok();
    let nanos = told.and_then(|t| t.split_whitespace().next()?.parse().ok());
    nanos.map_or_else(passed, Duration::from_nanos)
}

/// The time that has passed since the first question.
#[expect(clippy::disallowed_types, reason = "how long something takes is what is asked for")]
fn passed() -> Duration {
    use std::time::Instant;
    static BEGUN: std::sync::LazyLock<Instant> = std::sync::LazyLock::new(Instant::now);
    BEGUN.elapsed()
}

/// The memory of this process, where the system tells.
fn resident() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|l| l.starts_with("VmRSS"))?;
    line.split_whitespace().nth(1)?.parse::<u64>().ok().map(|kb| kb * 1024)
}

/// A number with its thousands apart: `150,000`.
fn grouped(n: usize) -> String {
    let digits = n.to_string();
    let groups: Vec<&str> = digits
        .as_bytes()
        .rchunks(3)
        .rev()
        .map(|group| std::str::from_utf8(group).unwrap_or_default())
        .collect();
    groups.join(",")
}

/// A bar with rate and estimate on a terminal; nothing in a pipe.
fn bar(count: u64, of: &str) -> ProgressBar {
    let bar = ProgressBar::new(count);
    let look = format!("{{bar:30}} {{pos}}/{{len}} {of}  {{per_sec}}  {{eta}} left");
    let style = ProgressStyle::with_template(&look);
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_stand_apart() {
        assert_eq!([0, 999, 1500, 1_000_000].map(grouped), ["0", "999", "1,500", "1,000,000"]);
    }
}
