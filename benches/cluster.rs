//! Whole clusters: large rollouts, measured once, and small scenarios, many a second.
//!
//! `cargo bench --bench cluster -- rollout-1000` (or `rollout-5000`) measures one rollout, `small`
//! the small scenario, `growth` three sizes, `heartbeats:NODES:SECONDS` idle nodes; `sizes` prints
//! what types take; `once` runs the small scenario once and `nothing` nothing, for tools that count
//! instructions.

#![allow(
    clippy::disallowed_types,
    clippy::print_stdout,
    clippy::float_arithmetic,
    clippy::cast_precision_loss,
    clippy::wildcard_enum_match_arm,
    reason = "it measures real time"
)]

mod common;

use std::hint::black_box;
use std::time::Duration;

use common::core_time;
use wavetank::cluster::Cluster;
use wavetank::cluster::config::ClusterConfig;
use wavetank::cluster::workload::{self, BEGIN, SMALL_END, Wanted, small};
use wavetank::sim::log::Keep;
use wavetank::sim::time::SimTime;

/// One second of the clock of a run.
pub(crate) const SECOND: u64 = 1_000_000_000;

fn main() {
    let (options, mut only): (Vec<String>, Vec<String>) =
        std::env::args().skip(1).partition(|a| a.starts_with("--"));
    if options.iter().any(|o| o == "--test") {
        only = vec!["once".to_owned()];
    }
    let wants = |name: &str| only.is_empty() || only.iter().any(|o| o == name);
    if wants("small") {
        small_runs();
    }
    if wants("rollout-1000") {
        rollout(1000, 30, 1000);
    }
    if wants("rollout-5000") {
        rollout(5000, 150, 1000);
    }
    for shape in only.iter().filter_map(|o| o.strip_prefix("rollout:")) {
        let numbers: Vec<usize> = shape.split(':').filter_map(|n| n.parse().ok()).collect();
        let [nodes, deployments, replicas] = numbers[..] else {
            panic!("a shape is NODES:DEPLOYMENTS:REPLICAS, not {shape}");
        };
        rollout(nodes, deployments, replicas);
    }
    for shape in only.iter().filter_map(|o| o.strip_prefix("heartbeats:")) {
        let numbers: Vec<u64> = shape.split(':').filter_map(|n| n.parse().ok()).collect();
        let [nodes, seconds] = numbers[..] else {
            panic!("a shape is NODES:SECONDS, not {shape}");
        };
        heartbeats(usize::try_from(nodes).expect("a number of nodes"), seconds);
    }
    for count in only.iter().filter_map(|o| o.strip_prefix("repeat:")) {
        let mut warm = small(1);
        warm.engine.run_until(SimTime(BEGIN.0 - 1));
        let count: u64 = count.parse().expect("a number");
        (0..count).for_each(|_| drop(black_box(run(warm.clone()))));
    }
    if only.iter().any(|o| o == "growth") {
        rollout(50, 2, 750);
        rollout(500, 15, 1000);
        rollout(5000, 150, 1000);
    }
    if only.iter().any(|o| o == "sizes") {
        sizes();
    }
    if only.iter().any(|o| o == "once") {
        let cluster = run(small(1));
        println!("{} turns, digest {}", cluster.engine.turns(), cluster.engine.digest());
    }
}

/// What the things that there are many of take, without what they point to.
fn sizes() {
    macro_rules! print_sizes {
        ($($of:path),*) => {
            $(println!("{}: {}", stringify!($of), std::mem::size_of::<$of>());)*
        };
    }
    print_sizes!(
        wavetank::api::message::Message,
        wavetank::api::message::StoreChange,
        wavetank::api::request::Request,
        wavetank::api::request::Verb,
        wavetank::api::request::Answer,
        wavetank::api::request::WatchEvent,
        wavetank::client::plan::Write,
        wavetank::client::component::Outgoing,
        wavetank::api::meta::Meta,
        wavetank::api::core::pod::Pod,
        wavetank::api::core::pod::PodStatus,
        wavetank::api::core::event::Event,
        wavetank::api::condition::Condition,
        wavetank::api::why::Why
    );
}

fn run(mut cluster: Cluster) -> Cluster {
    cluster.engine.run_until(SMALL_END);
    cluster
}

/// Runs of the small scenario: from nothing, and from copies of a cluster that has settled.
fn small_runs() {
    let mut warm = small(1);
    warm.engine.run_until(SimTime(BEGIN.0 - 1));
    let before = warm.engine.turns();
    let done = run(warm.clone());
    println!(
        "small: {} turns to settle, {} after it, {} records, digest {}",
        before,
        done.engine.turns() - before,
        done.engine.log().len(),
        done.engine.digest()
    );
    measure("small, from nothing", |n| run(small(n)));
    measure("small, from a copy of a settled cluster", |_| run(warm.clone()));
    measure("small, the start alone", small);
    measure("small, the copy alone", |_| warm.clone());
}

fn measure<T>(what: &str, mut each: impl FnMut(u64) -> T) {
    let mut best = f64::INFINITY;
    for round in 0..7 {
        let (begun, mut runs) = (core_time(), 0);
        while core_time().saturating_sub(begun).as_millis() < 300 {
            (0..10).for_each(|n| drop(black_box(each(round * 100_000 + runs + n))));
            runs += 10;
        }
        best = best.min(core_time().saturating_sub(begun).as_secs_f64() / runs as f64);
    }
    println!("{what}: {:.1} us, {:.0} a second", best * 1e6, 1.0 / best);
}

/// The greatest memory of this process so far, in MB; none where the system does not tell.
pub(crate) fn peak_memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|l| l.starts_with("VmHWM"))?;
    line.split_whitespace().nth(1)?.parse::<u64>().ok().map(|kb| kb / 1024)
}

/// Idle nodes whose signs of life are all written.
fn heartbeats(nodes: usize, seconds: u64) {
    let config = ClusterConfig { eager: true, ..workload::large_config(1, nodes) };
    let none = Wanted { deployments: 0, replicas: 0 };
    let mut cluster = workload::cluster(&config, none, None);
    cluster.engine.log_mut().keep(Keep::Nothing);
    cluster.engine.run_until(BEGIN);
    let (begun, before) = (core_time(), cluster.engine.turns());
    cluster.engine.run_until(SimTime(BEGIN.0 + seconds * SECOND));
    println!(
        "heartbeats of {nodes} nodes for {seconds} s: {:.0} ms, {} turns, digest {}",
        core_time().saturating_sub(begun).as_secs_f64() * 1e3,
        cluster.engine.turns() - before,
        cluster.engine.digest(),
    );
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
