//! Traces held against recordings of a real cluster.
//!
//! Every folder of `tests/data/golden` (and of the one that `WAVETANK_GOLDEN` names) is a
//! recording. Its scenario is run with several seeds (`WAVETANK_SEEDS`); a check passes when one
//! of them agrees, because the real cluster's own runs differ in what timing decides. A check that
//! is known to fail is a row of [`KNOWN`], with the reason, and fails when it passes again; what
//! chance decides is a row of [`CHANCE`].

mod checks;
mod facts;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::Value;
use wavetank::scenario::load::Described;
use wavetank::scenario::world::World;

use crate::determinism::{number_from_environment, read_as};

/// How many seeds; `WAVETANK_SEEDS` says otherwise (20 before a release).
const SEEDS: u64 = 3;

/// Recordings that are held against.
const COVERED: &[&str] = &[
    "01-deployment-create",
    "02a-rolling-4",
    "02b-rolling-10",
    "03a-rolling-surge1-unavail0",
    "04-scale-3-10-2",
    "05-bad-rollout-undo",
    "06-scale-mid-rollout",
    "07-recreate",
    "08-node-failure",
    "09-cascade",
    "10a-job-5-2",
    "10b-job-failing",
    "11-statefulset",
    "12-daemonset",
    "13-scheduler-hetero",
    "14-preemption",
    "15-pdb-drain",
    "16a-kcm-crash",
    "18-namespace-deletion",
    "19-cronjob",
    "21-crashloop",
    "c02-quota",
    "r01",
    "r03",
    "r05",
    "r07",
    "r09",
    "s03a",
    "s03b",
];

/// A recording, the start of a check's name, and why it fails.
type Row = (&'static str, &'static str, &'static str);

/// Checks that fail with every seed.
const KNOWN: &[Row] = &[];

const BATCH: &str = "whether two pods end within one batch of syncs is timing";
const CONFLICTS: &str = "a status that meets a conflict is written later, with what came meanwhile";
const DRAWN: &str = "which of equal nodes the scheduler takes is drawn";

/// Checks that fail with some seeds and pass with others: few seeds may all fail.
const CHANCE: &[Row] = &[
    ("", "pods of ", DRAWN),
    ("08-node-failure", "pod db-", DRAWN),
    ("08-node-failure", "pods created, by owner", DRAWN),
    ("08-node-failure", "pods deleted, by owner", DRAWN),
    ("08-node-failure", "pods marked for deletion, by owner", DRAWN),
    ("11-statefulset", "pod db-", DRAWN),
    ("14-preemption", "pod ", DRAWN),
    ("21-crashloop", "pod ", DRAWN),
    ("r09", "pod web-", DRAWN),
    ("r01", "ReplicaSet/web-r6 spec.replicas", "how many scalings a sync sees is timing"),
    (
        "08-node-failure",
        "Deployment/web condition Available = ",
        "the last renewal is 0 to 10 s old",
    ),
    (
        "16a-kcm-crash",
        "ReplicaSet/web-r1 spec.replicas = ",
        "how many scalings a sync sees is timing",
    ),
    (
        "15-pdb-drain",
        "event (\"controllermanager\", \"PodDisruptionBudget\", \"NoPods\"",
        "whether the budget is looked at before its first pod comes is timing",
    ),
    ("09-cascade", "Deployment/orphan condition Available", "its last sync races with its end"),
    ("10a-job-5-2", "Job/ok condition Complete", BATCH),
    ("10a-job-5-2", "Job/ok condition SuccessCriteriaMet", BATCH),
    ("10a-job-5-2", "Job/ok succeeded", BATCH),
    ("07-recreate", "Deployment/web condition Progressing", CONFLICTS),
];

#[test]
fn recordings_agree() {
    let mut wrong = Vec::new();
    for folder in recordings() {
        let name = folder.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
        if !COVERED.contains(&name.as_str()) {
            println!("golden {name}: not covered yet");
            continue;
        }
        match hold(&name, &folder) {
            Err(why) => wrong.push(format!("{name}: {why}")),
            Ok(results) => wrong.extend(judge(&name, &results)),
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

/// The recordings' folders, in order.
fn recordings() -> Vec<PathBuf> {
    #[expect(clippy::disallowed_methods, reason = "where recordings lie, not how a run goes")]
    let further = std::env::var("WAVETANK_GOLDEN").ok().map(PathBuf::from);
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/golden");
    let mut all = Vec::new();
    for root in [Some(own), further].into_iter().flatten() {
        let entries = std::fs::read_dir(&root);
        let entries = entries.unwrap_or_else(|e| panic!("{}: {e}", root.display()));
        all.extend(entries.flatten().map(|e| e.path()).filter(|p| p.is_dir()));
    }
    all.sort();
    all
}

/// Every check of a recording: whether one seed agrees, and else what was found.
type Results = BTreeMap<String, Result<(), String>>;

fn hold(name: &str, folder: &Path) -> Result<Results, String> {
    let summary = folder.join("summary.json");
    let text = std::fs::read_to_string(&summary).map_err(|e| e.to_string())?;
    let recording: Value = serde_json::from_str(&text).map_err(|e| e.to_string())?;
    let path = folder.join("scenario.yaml");
    let scenario = std::fs::read_to_string(&path).map_err(|e| e.to_string())?;
    let scenario = with_held_images(on_the_minute(scenario, &recording), &recording);
    let scenario = without_absent_nodes(&scenario, &recording);
    let described = read_as(&path, scenario.into_bytes());
    let mut results = Results::new();
    for seed in 1..=number_from_environment("WAVETANK_SEEDS", SEEDS) {
        let facts = facts::read(&rows(&described, seed)?, name);
        for (check, result) in checks::all(&recording, &facts)? {
            let old = results.entry(check).or_insert_with(|| result.clone());
            if result.is_ok() {
                *old = result;
            }
        }
    }
    Ok(results)
}

/// A run begins at a full minute, and a recording at any second, which decides when CronJobs are
/// due. It does not say at which; the first Job of a CronJob does, as it is made 0.1 s after the
/// minute. The wall clock of the run starts accordingly.
fn on_the_minute(scenario: String, recording: &Value) -> String {
    let has_cron_jobs = recording["facts"]
        .as_object()
        .is_some_and(|facts| facts.keys().any(|name| name.starts_with("CronJob/")));
    let made = |line: &Value| {
        let (at, what) = line.as_str()?.split_once(' ')?;
        what.starts_with("+ Job/").then(|| at.parse::<u64>().ok())?
    };
    let first = recording["order"].as_array().into_iter().flatten().find_map(made);
    match first.filter(|_| has_cron_jobs) {
        None => scenario,
        Some(at) => {
            let wait = 60_000 - (at - 100) % 60_000;
            let start = format!("cluster:\n  start: 2026-01-01T00:00:{:02}", wait / 1_000 % 60);
            scenario.replacen("cluster:", &format!("{start}.{:03}Z", wait % 1_000), 1)
        }
    }
}

/// Nodes of a recording may hold images of an earlier one: those that are present and were never
/// pulled. The nodes of the run get them.
fn with_held_images(scenario: String, recording: &Value) -> String {
    let images = |reason: &str, words: &str| -> BTreeSet<String> {
        let events = recording["events"].as_array().into_iter().flatten();
        let events = events.filter(|e| e["reason"] == reason);
        let texts = events.flat_map(|e| texts(e)).filter(|t| t.contains(words));
        texts.filter_map(|t| Some(t.split('"').nth(1)?.to_owned())).collect()
    };
    let pulled = images("Pulling", "Pulling image");
    let present = images("Pulled", "already present on machine");
    let held: Vec<String> = present.difference(&pulled).map(|i| format!("{i:?}")).collect();
    if held.is_empty() {
        return scenario;
    }
    let line = format!("\n    images: [{}]\n    cpu:", held.join(", "));
    scenario.replace("\n    cpu:", &line)
}

/// A recording that begins with a list of all its nodes may show fewer than the scenario has: the
/// others were not there.
fn without_absent_nodes(scenario: &str, recording: &Value) -> String {
    let first = &recording["steps"][0];
    let command = first["step"]["kubectl"].as_str().unwrap_or_default();
    if !command.starts_with("get nodes -o custom-columns=NAME:") {
        return scenario.to_owned();
    }
    let shown: Vec<&str> = first["out"].as_str().unwrap_or_default().lines().skip(1).collect();
    let is_there = |name: &str| shown.iter().any(|line| line.split(' ').next() == Some(name));
    let Some((before, nodes)) = scenario.split_once("\n  nodes:\n") else {
        return scenario.to_owned();
    };
    let (nodes, after) = nodes.split_once("\nsteps:").expect("steps follow the cluster");
    let entries = format!("\n{nodes}");
    let entries = entries.split("\n  - name: ").skip(1).filter(|entry| {
        let name = entry.lines().next().unwrap_or_default();
        is_there(name) || (entry.contains("\n    count:") && is_there(&format!("{name}-1")))
    });
    let entries: String = entries.map(|entry| format!("\n  - name: {entry}")).collect();
    format!("{before}\n  nodes:{entries}\nsteps:{after}")
}

/// All texts of a value.
fn texts(value: &Value) -> Vec<&str> {
    match value {
        Value::String(text) => vec![text],
        Value::Array(all) => all.iter().flat_map(texts).collect(),
        Value::Object(all) => all.values().flat_map(texts).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) => Vec::new(),
    }
}

/// The rows of the trace of one run.
fn rows(described: &Arc<Described>, seed: u64) -> Result<Vec<Value>, String> {
    use wavetank::trace::rows::{Header, Heartbeats, Tracer};
    let mut world = World::new(Arc::clone(described), seed, None).map_err(|w| w.join("; "))?;
    world.run();
    let tracer = Tracer::new(Header::default(), Heartbeats::Hidden);
    let mut text = Vec::new();
    let log = world.cluster().engine.log();
    tracer
        .write(world.beginning(), log, &world.traced_verdict(), &mut text)
        .map_err(|e| e.to_string())?;
    let lines = text.split(|b| *b == b'\n').filter(|line| !line.is_empty());
    lines.map(|line| serde_json::from_slice(line).map_err(|e| e.to_string())).collect()
}

/// Tells how many checks passed; gives those that fail and are not known to, and those that are
/// known to fail and pass.
fn judge(name: &str, results: &Results) -> Vec<String> {
    let passed = results.values().filter(|r| r.is_ok()).count();
    println!("golden {name}: {passed}/{}", results.len());
    let row = |rows: &'static [Row], check: &str| {
        rows.iter().find(|(n, start, _)| (n.is_empty() || *n == name) && check.starts_with(start))
    };
    let mut wrong = Vec::new();
    for (check, result) in results {
        let Err(why) = result else { continue };
        match row(KNOWN, check).or_else(|| row(CHANCE, check)) {
            None => wrong.push(format!("{name}: {check}: {why}")),
            Some((_, _, reason)) => println!("  differs: {check}: {why} ({reason})"),
        }
    }
    let of_name = KNOWN.iter().filter(|(n, _, _)| *n == name);
    for (_, start, _) in of_name {
        let fails = results.iter().any(|(c, r)| c.starts_with(start) && r.is_err());
        if !fails {
            wrong.push(format!("{name}: {start}: known to fail, and passes"));
        }
    }
    wrong
}
