//! What the benchmarks share: the allocator of the program, and the time of a core.

use std::time::{Duration, Instant};

/// The allocator of the program, so that its time is measured.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// How long this process has been on a core, where the system tells; else the time that passed.
pub(crate) fn core_time() -> Duration {
    static BEGUN: std::sync::LazyLock<Instant> = std::sync::LazyLock::new(Instant::now);
    let passed = BEGUN.elapsed();
    let told = std::fs::read_to_string("/proc/self/schedstat").ok();
    let nanos = told.and_then(|t| t.split_whitespace().next()?.parse().ok());
    nanos.map_or(passed, Duration::from_nanos)
}
