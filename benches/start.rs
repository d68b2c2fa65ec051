//! The cold start: the program from spawn to exit on a small scenario.

use std::process::{Command, Stdio};

use criterion::{Criterion, criterion_group, criterion_main};

fn start(criterion: &mut Criterion) {
    let scenario = concat!(env!("CARGO_MANIFEST_DIR"), "/scenarios/basics/first-deployment.yaml");
    let mut run = Command::new(env!("CARGO_BIN_EXE_wavetank"));
    run.args(["run", "--quiet", scenario]).stdout(Stdio::null()).stderr(Stdio::null());
    criterion.bench_function("start/run", |bencher| {
        bencher.iter(|| assert!(run.status().expect("it starts").success(), "it ends well"));
    });
    let mut version = Command::new(env!("CARGO_BIN_EXE_wavetank"));
    version.arg("--version").stdout(Stdio::null()).stderr(Stdio::null());
    criterion.bench_function("start/version", |bencher| {
        bencher.iter(|| version.status().expect("it starts").success());
    });
}

criterion_group!(benches, start);
criterion_main!(benches);
