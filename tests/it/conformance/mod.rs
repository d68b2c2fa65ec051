//! Holds the rules against what Kubernetes answers, case by case.
//!
//! Every file of `tests/data/conformance` (and of the folder that `WAVETANK_CONFORMANCE` names)
//! is one unit. A unit is a row of [`UNITS`]; one that has no row fails the test, unless it is
//! named in [`NOT_COVERED`]. A case that is known to differ is a row of `DIFFERS`, with the reason,
//! and fails when it no longer differs.

mod client;
mod cron_job;
mod custom;
mod daemonset;
mod deployment;
mod endpoints;
mod gc;
mod hpa;
mod job;
mod kubelet;
mod nodes;
mod patches;
mod policy;
mod primitives;
mod print;
mod replicaset;
mod scheduler;
mod statefulset;
mod store;
mod validation;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use serde_json::Value;

/// One case: its name, its input and what Kubernetes answered. `whole` is the row itself, for
/// units whose rows have further fields; `unit` the file's head.
pub(crate) struct Case<'a> {
    pub(crate) name: &'a str,
    pub(crate) input: &'a Value,
    pub(crate) want: &'a Value,
    pub(crate) whole: &'a Value,
}

/// Runs one case: what was got, in the form of `want`, or why it could not be run.
pub(crate) type Run = fn(&Case<'_>) -> Result<(), String>;

/// A file's stem (`deployment.deployment-bounds`) and the function that runs a case of it.
pub(crate) type Unit = (&'static str, Run);

/// (unit, start of the case's name, why it differs).
pub(crate) type Differs = (&'static str, &'static str, &'static str);

/// The areas: one file each, with the units that it runs and the cases that differ.
const AREAS: &[(&[Unit], &[Differs])] = &[
    (primitives::UNITS, primitives::DIFFERS),
    (patches::UNITS, patches::DIFFERS),
    (validation::UNITS, validation::DIFFERS),
    (client::UNITS, client::DIFFERS),
    (custom::UNITS, custom::DIFFERS),
    (store::UNITS, store::DIFFERS),
    (deployment::UNITS, deployment::DIFFERS),
    (replicaset::UNITS, replicaset::DIFFERS),
    (statefulset::UNITS, statefulset::DIFFERS),
    (daemonset::UNITS, daemonset::DIFFERS),
    (nodes::UNITS, nodes::DIFFERS),
    (gc::UNITS, gc::DIFFERS),
    (job::UNITS, job::DIFFERS),
    (cron_job::UNITS, cron_job::DIFFERS),
    (endpoints::UNITS, endpoints::DIFFERS),
    (hpa::UNITS, hpa::DIFFERS),
    (kubelet::UNITS, kubelet::DIFFERS),
    (scheduler::UNITS, scheduler::DIFFERS),
    (print::UNITS, print::DIFFERS),
    (policy::UNITS, policy::DIFFERS),
];

/// Units that later work covers, by name.
const NOT_COVERED: &[&str] = &[];

/// Compares two JSON values and tells how they differ.
pub(crate) fn same(got: &Value, want: &Value) -> Result<(), String> {
    if got == want { Ok(()) } else { Err(format!("want {want}\n      got  {got}")) }
}

fn files(root: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut open = vec![root.to_path_buf()];
    while let Some(dir) = open.pop() {
        let Ok(entries) = std::fs::read_dir(&dir) else { continue };
        for path in entries.flatten().map(|e| e.path()) {
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|e| e == "json") {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

fn roots() -> Vec<PathBuf> {
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/conformance");
    let more = std::env::var_os("WAVETANK_CONFORMANCE").map(PathBuf::from);
    std::iter::once(own).chain(more).collect()
}

#[test]
fn every_unit_answers_as_kubernetes_does() {
    let runs: BTreeMap<&str, Run> = AREAS.iter().flat_map(|(u, _)| u.iter().copied()).collect();
    let differs: Vec<Differs> = AREAS.iter().flat_map(|(_, d)| d.iter().copied()).collect();
    let only = std::env::var("UNIT").unwrap_or_default();
    let mut failures = String::new();
    let (mut passed, mut total) = (0, 0);
    for path in roots().iter().flat_map(|r| files(r)) {
        let stem = path.file_stem().and_then(|s| s.to_str()).unwrap_or_default().to_owned();
        if NOT_COVERED.contains(&stem.as_str()) {
            println!("{stem}: not covered yet");
            continue;
        }
        if !stem.contains(&only) {
            continue;
        }
        let Some(run) = runs.get(stem.as_str()) else {
            let _ = writeln!(failures, "{stem}: no unit of this name");
            continue;
        };
        let text = std::fs::read_to_string(&path).expect("a unit's file can be read");
        let file: Value = serde_json::from_str(&text).expect("a unit's file is JSON");
        let cases = file["cases"].as_array().expect("a unit has cases");
        let mut good = 0;
        for row in cases {
            let name = row["name"].as_str().unwrap_or_default();
            let case = Case { name, input: &row["input"], want: &row["want"], whole: row };
            let known = differs.iter().find(|d| d.0 == stem && name.starts_with(d.1));
            match (run(&case), known) {
                (Ok(()), None) => good += 1,
                (Err(_), Some(_)) => {}
                (Ok(()), Some(d)) => {
                    let _ = writeln!(failures, "{stem}: `{name}` no longer differs ({})", d.2);
                }
                (Err(why), None) => {
                    let _ = writeln!(failures, "{stem}: `{name}`\n      {why}");
                }
            }
        }
        println!("{stem}: {good}/{}", cases.len());
        passed += good;
        total += cases.len();
    }
    println!("conformance: {passed}/{total}");
    assert!(failures.is_empty(), "\n{failures}");
}
