//! What the benchmarks share: clusters of any size, a guest that asks for work, and figures.

#![allow(
    clippy::disallowed_types,
    clippy::print_stdout,
    clippy::float_arithmetic,
    clippy::cast_precision_loss,
    clippy::wildcard_enum_match_arm,
    reason = "it measures real time"
)]
#![allow(dead_code, reason = "each benchmark uses some of it")]

use std::time::{Duration, Instant};

use wavetank::cluster::workload::{self, Wanted};
#[allow(unused_imports, reason = "each benchmark uses some of it")]
pub(crate) use wavetank::cluster::workload::{BEGIN, SMALL_END, small};
use wavetank::sim::log::Keep;
use wavetank::sim::time::SimTime;

/// The allocator of the program, so that its time is measured.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// One second of the clock of a run.
pub(crate) const SECOND: u64 = 1_000_000_000;

/// The greatest memory of this process so far, in MB; none where the system does not tell.
pub(crate) fn peak_memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|l| l.starts_with("VmHWM"))?;
    line.split_whitespace().nth(1)?.parse::<u64>().ok().map(|kb| kb / 1024)
}

/// How long this process has been on a core, where the system tells; else the time that passed.
pub(crate) fn core_time() -> Duration {
    static BEGUN: std::sync::LazyLock<Instant> = std::sync::LazyLock::new(Instant::now);
    let passed = BEGUN.elapsed();
    let told = std::fs::read_to_string("/proc/self/schedstat").ok();
    let nanos = told.and_then(|t| t.split_whitespace().next()?.parse().ok());
    nanos.map_or(passed, Duration::from_nanos)
}

/// Runs one rollout from a settled cluster until all pods are ready, and prints its figures.
pub(crate) fn rollout(nodes: usize, deployments: usize, replicas: usize) -> Duration {
    let pods = deployments * replicas;
    let begun = core_time();
    let wanted = Wanted { deployments, replicas };
    let mut cluster = workload::cluster(&workload::large_config(1, nodes), wanted, None);
    cluster.engine.log_mut().keep(Keep::Nothing);
    cluster.engine.run_until(SimTime(BEGIN.0 - 1));
    let prepared = core_time().saturating_sub(begun);
    let (begun, before) = (core_time(), cluster.engine.turns());
    let mut until = BEGIN;
    while workload::ready(&cluster) < pods && until.0 < 3600 * SECOND {
        until.0 += SECOND / 4;
        cluster.engine.run_until(until);
    }
    let spent = core_time().saturating_sub(begun);
    let turns = cluster.engine.turns() - before;
    let seconds = spent.as_secs_f64();
    println!(
        "rollout {nodes} nodes x {pods} pods: prepared {:.0} ms, all ready {:.0} ms \
         ({:.0} pods/s, {turns} turns, {:.2} M turns/s, {:.1} turns a pod), virtual {:.1} s, \
         ready {}, peak {} MB, {} records, digest {}",
        prepared.as_secs_f64() * 1e3,
        seconds * 1e3,
        pods as f64 / seconds,
        turns as f64 / seconds / 1e6,
        turns as f64 / pods as f64,
        (until.0 - BEGIN.0) as f64 / 1e9,
        workload::ready(&cluster),
        peak_memory().unwrap_or(0),
        cluster.engine.log().len(),
        cluster.engine.digest(),
    );
    spent
}
