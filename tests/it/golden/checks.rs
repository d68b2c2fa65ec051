//! The checks: what of a recording the simulator has to repeat.
//!
//! Orders, counts and the times that Kubernetes' constants decide are facts; latencies below a
//! few seconds are the machine's, and are not held against.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::facts::{Change, EventKey, Facts, PodFacts, WORK, members, text};

/// Checks by name: passed, or what was found.
type Checks = Vec<(String, Result<(), String>)>;

/// From this many milliseconds after its step on, a constant decided and not the machine's speed.
const SLOW: f64 = 5000.0;

/// Numbers of which only the last and the highest are held against.
const LOOSE: &[&str] = &[
    "disruptionsAllowed",
    "currentHealthy",
    "expectedPods",
    "active",
    "numberAvailable",
    "currentNumberScheduled",
    "updatedNumberScheduled",
    "desiredNumberScheduled",
    "numberMisscheduled",
    "desiredHealthy",
];

fn say(out: &mut Checks, name: String, passed: bool, detail: impl FnOnce() -> String) {
    out.push((name, if passed { Ok(()) } else { Err(detail()) }));
}

/// Every check of a recording against the facts of one run.
pub(super) fn all(recording: &Value, facts: &Facts) -> Result<Checks, String> {
    let mut out = Checks::new();
    let steps = recording["steps"].as_array().ok_or("a recording without steps")?;
    let steps: Option<Vec<f64>> = steps.iter().map(|s| s["t_ms"].as_f64()).collect();
    let steps = steps.ok_or("a step without its time")?;
    let recorded = recording["facts"].as_object().ok_or("a recording without facts")?;
    for (name, wanted) in recorded {
        if WORK.iter().any(|kind| name.split('/').next() == Some(kind)) {
            work(name, wanted, &steps, facts, &mut out)?;
        }
    }
    pods(&recording["facts"]["pods"], facts, &mut out);
    events(&recording["events"], facts, &mut out)?;
    Ok(out)
}

fn work(
    name: &str,
    wanted: &Value,
    steps: &[f64],
    facts: &Facts,
    out: &mut Checks,
) -> Result<(), String> {
    let found = facts.work.get(name);
    say(out, format!("{name} exists"), found.is_some(), || "it does not".to_owned());
    let Some(found) = found else { return Ok(()) };
    let nothing = Vec::new();
    for (fact, wanted) in members(wanted) {
        match fact.as_str() {
            "conditions" => {
                for (kind, wanted) in members(&wanted) {
                    let (wanted, have) = (sequence(&wanted)?, found.conditions.get(&kind));
                    let (name, have) =
                        (format!("{name} condition {kind}"), have.unwrap_or(&nothing));
                    let same = values(&wanted) == values(have);
                    say(out, name.clone(), same, || differ(&values(&wanted), &values(have)));
                    times(&name, &wanted, have, steps, &facts.steps, out);
                }
            }
            "deleted" => {
                say(out, format!("{name} deleted"), found.deleted, || "it is there".to_owned());
            }
            "maxReplicas" => {
                let most = found.most_replicas;
                let same = wanted.as_i64() == Some(most);
                say(out, format!("{name} {fact}"), same, || differ(&wanted, &most));
            }
            loose if LOOSE.contains(&loose) => {
                let (wanted, have) = (sequence(&wanted)?, found.sequences.get(loose));
                let (wanted, have) = (values(&wanted), values(have.unwrap_or(&nothing)));
                let ends = |all: &[Value]| {
                    let most = all.iter().filter_map(Value::as_i64).max();
                    (all.last().cloned(), most)
                };
                let same = ends(&wanted) == ends(&have);
                say(out, format!("{name} {fact}"), same, || differ(&wanted, &have));
            }
            _ => {
                let (wanted, have) = (sequence(&wanted)?, found.sequences.get(fact.as_str()));
                let (name, have) = (format!("{name} {fact}"), have.unwrap_or(&nothing));
                let same = same_shape(&values(&wanted), &values(have));
                say(out, name.clone(), same, || differ(&values(&wanted), &values(have)));
                times(&name, &wanted, have, steps, &facts.steps, out);
            }
        }
    }
    Ok(())
}

fn differ(wanted: &impl std::fmt::Debug, found: &impl std::fmt::Debug) -> String {
    format!("wanted {wanted:?}, found {found:?}")
}

/// Pairs of a time and a value.
fn sequence(value: &Value) -> Result<Vec<Change>, String> {
    let pairs = value.as_array().ok_or_else(|| format!("no sequence: {value}"))?;
    let pair = |pair: &Value| match (pair[0].as_f64(), &pair[1]) {
        (Some(at), value) if !value.is_null() => Ok((at, value.clone())),
        _ => Err(format!("no change: {pair}")),
    };
    pairs.iter().map(pair).collect()
}

fn values(sequence: &[Change]) -> Vec<Value> {
    sequence.iter().map(|(_, value)| value.clone()).collect()
}

/// Whether two sequences begin alike, end alike, and turn at the same values: how many values a
/// ramp has in between is the machine's doing.
fn same_shape(wanted: &[Value], found: &[Value]) -> bool {
    let numbers = |all: &[Value]| all.iter().map(Value::as_i64).collect::<Option<Vec<i64>>>();
    if wanted == found {
        return true;
    }
    let (Some(a), Some(b)) = (numbers(wanted), numbers(found)) else { return false };
    let begin = |all: &[i64]| all.iter().take(2).copied().collect::<Vec<i64>>();
    !a.is_empty() && !b.is_empty() && begin(&a) == begin(&b) && turns(&a) == turns(&b)
}

/// First and last value, and those in between at which the direction changes.
fn turns(all: &[i64]) -> Vec<i64> {
    let inner = all.windows(3).filter(|w| (w[1] - w[0]) * (w[2] - w[1]) < 0).map(|w| w[1]);
    let (first, last) = (all.first().copied(), all.last().copied());
    first.into_iter().chain(inner).chain(last).collect()
}

/// How long after the step that governs an instant, and which step that is.
#[expect(clippy::float_arithmetic, reason = "times of recordings are decimals")]
fn since(at: f64, steps: &[f64]) -> (f64, usize) {
    let step = steps.iter().rposition(|step| *step <= at + 50.0).unwrap_or(0);
    (at - steps.first().map_or(0.0, |_| steps[step]), step)
}

/// Holds the times that constants decide.
#[expect(clippy::float_arithmetic, reason = "times of recordings are decimals")]
fn times(
    name: &str,
    wanted: &[Change],
    found: &[Change],
    recorded: &[f64],
    steps: &[f64],
    out: &mut Checks,
) {
    for (at, value) in wanted {
        let (after, step) = since(*at, recorded);
        if after < SLOW {
            continue;
        }
        let same = found.iter().filter(|(_, v)| v == value);
        let near: Vec<(f64, usize)> = same.map(|(at, _)| since(*at, steps)).collect();
        let limit = (after * 0.05).max(2000.0);
        let held = near.iter().any(|(d, n)| *n == step && (d - after).abs() <= limit);
        let name = format!("{name} = {value} at step {step} + {:.1} s", after / 1000.0);
        say(out, name, held, || format!("found {near:?}"));
    }
}

/// A pod's owner: its name without its own number.
fn owner(pod: &str) -> &str {
    let name = pod.split('#').next().unwrap_or(pod);
    match name.rsplit_once('-') {
        Some((owner, last)) if last.trim_start_matches('p').parse::<u32>().is_ok() => owner,
        _ => pod,
    }
}

/// Whether a pod's name was generated: its node is then by chance.
fn generated(pod: &str) -> bool {
    pod.contains("-p")
}

fn count<'a>(all: impl Iterator<Item = &'a str>) -> BTreeMap<&'a str, u32> {
    let mut counts = BTreeMap::new();
    all.for_each(|one| *counts.entry(one).or_default() += 1);
    counts
}

fn pods(recorded: &Value, facts: &Facts, out: &mut Checks) {
    type When = fn(&PodFacts) -> Option<f64>;
    let parts: [(&str, When); 3] = [
        ("created", |p| p.created),
        ("marked for deletion", |p| p.marked),
        ("deleted", |p| p.deleted),
    ];
    for (what, when) in parts {
        let wanted: Vec<String> =
            recorded[what].as_array().into_iter().flatten().map(text).collect();
        let wanted = count(wanted.iter().map(|p| owner(p)));
        let found = facts.pods.iter().filter(|(_, p)| when(p).is_some());
        let found = count(found.map(|(name, _)| owner(name)));
        let name = format!("pods {what}, by owner");
        say(out, name, wanted == found, || differ(&wanted, &found));
        in_order(what, &recorded[what], when, facts, out);
    }
    let wanted = members(&recorded["node"]);
    let wanted = wanted.iter().map(|(pod, node)| (pod.as_str(), text(node))).collect();
    let placed = facts.pods.iter().filter_map(|(pod, p)| Some((pod.as_str(), p.node.clone()?)));
    let found: BTreeMap<&str, String> = placed.collect();
    places(&wanted, &found, out);
}

/// Pods with ordinals come and go in a certain order.
fn in_order(
    what: &str,
    recorded: &Value,
    when: fn(&PodFacts) -> Option<f64>,
    facts: &Facts,
    out: &mut Checks,
) {
    let has_ordinal = |name: &String| !generated(name) && owner(name) != name.as_str();
    let wanted: Vec<String> =
        recorded.as_array().into_iter().flatten().map(text).filter(has_ordinal).collect();
    if wanted.is_empty() {
        return;
    }
    let mut found: Vec<(f64, String)> = facts
        .pods
        .iter()
        .filter_map(|(name, p)| Some((when(p)?, name.clone())))
        .filter(|(_, name)| has_ordinal(name))
        .collect();
    found.sort_by(|a, b| a.0.total_cmp(&b.0));
    let found: Vec<String> = found.into_iter().map(|(_, name)| name).collect();
    say(out, format!("pods {what}, order of ordinals"), wanted == found, || {
        differ(&wanted, &found)
    });
}

fn places(wanted: &BTreeMap<&str, String>, found: &BTreeMap<&str, String>, out: &mut Checks) {
    for (pod, node) in wanted.iter().filter(|(pod, _)| !generated(pod)) {
        let same = found.get(pod) == Some(node);
        say(out, format!("pod {pod} node"), same, || differ(node, &found.get(pod)));
    }
    let found = spread(found);
    for (owner, numbers) in spread(wanted) {
        let have = found.get(owner);
        let name = format!("pods of {owner}, spread over nodes");
        say(out, name, have == Some(&numbers), || differ(&numbers, &have));
    }
}

/// How many pods of an owner are on one node, for each node; sorted, for which node is chance.
fn spread<'a>(nodes: &BTreeMap<&'a str, String>) -> BTreeMap<&'a str, Vec<u32>> {
    let pods = || nodes.iter().filter(|(pod, _)| generated(pod));
    let owners: BTreeSet<&str> = pods().map(|(pod, _)| owner(pod)).collect();
    let of = |of: &'a str| {
        let mine = pods().filter(|(pod, _)| owner(pod) == of);
        let mut numbers: Vec<u32> =
            count(mine.map(|(_, node)| node.as_str())).into_values().collect();
        numbers.sort_unstable();
        (of, numbers)
    };
    owners.into_iter().map(of).collect()
}

fn events(recorded: &Value, facts: &Facts, out: &mut Checks) -> Result<(), String> {
    let all = recorded.as_array().ok_or("a recording without events")?;
    let key = |e: &Value| -> EventKey {
        (text(&e["from"]), text(&e["on"]), text(&e["reason"]), text(&e["type"]))
    };
    let wanted: BTreeSet<EventKey> = all.iter().map(key).collect();
    for event in &wanted {
        let there = facts.events.contains(event);
        say(out, format!("event {event:?}"), there, || "there is none".to_owned());
    }
    for event in facts.events.difference(&wanted) {
        let name = format!("no event {event:?}");
        say(out, name, false, || "the real cluster emits none".to_owned());
    }
    Ok(())
}
