//! Whole clusters: large rollouts, measured once, and small scenarios, many a second.
//!
//! `cargo bench --bench cluster -- rollout-1000` (or `rollout-5000`) measures one rollout, `small`
//! the small scenario, `growth` three sizes; `sizes` prints what types take; `once` runs the small
//! scenario once and `nothing` nothing, for tools that count instructions.

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

use common::{BEGIN, SMALL_END, core_time, rollout, small};
use wavetank::cluster::Cluster;
use wavetank::sim::time::SimTime;

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
