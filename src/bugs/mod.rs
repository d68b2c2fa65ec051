//! Real bugs of controllers, each as a pair: the rule with the bug, and the rule without.
//!
//! They measure the search: the side with the bug has to be found, and the other one must raise
//! no alarm. The mechanisms are those of the reports that a row names; the controllers are small
//! models of our own.

mod builtin;
mod cluster_level;
mod config;
mod incarnation;
mod node;
mod odds;
mod own_write;
mod past;
mod property;
mod rule;
mod sequence;
mod sets;
mod store;
mod subject;
mod transition;
mod wake;
mod workload;

use std::sync::Arc;

use crate::explore::budget::Budget;
use crate::explore::story::story;
use crate::explore::{Finding, Nobody, Options, Part, Setting, explore};

/// What the sides of a pair are made of.
pub type Make = fn(wrong: bool) -> Setting;

/// One bug, as a pair.
#[derive(Clone, Copy)]
pub struct Pair {
    /// Its number in the catalogue: `U09`.
    pub id: &'static str,
    /// Its mechanism, by the number of its family.
    pub family: u8,
    /// Where it was reported.
    pub source: &'static str,
    /// What goes wrong, in our words.
    pub what: &'static str,
    /// The setting of one side.
    pub make: Make,
}

/// The families of mechanisms.
pub const FAMILIES: &[(u8, &str)] = &[
    (1, "two writes, and a crash between"),
    (2, "an old incarnation under the same name"),
    (3, "an old spec seen after a restart"),
    (4, "a transition that is never seen"),
    (5, "acts again before it sees its own write"),
    (6, "a lost wake-up"),
    (7, "controllers at odds"),
    (8, "no fixed point"),
    (9, "the clock"),
    (10, "two leaders"),
    (11, "the order of lists and events"),
    (12, "a store that breaks its contract"),
];

/// A row, in short.
const fn pair(
    (id, family): (&'static str, u8),
    source: &'static str,
    what: &'static str,
    make: Make,
) -> Pair {
    Pair { id, family, source, what, make }
}

/// All pairs, by number.
pub fn all() -> Vec<Pair> {
    let mut all = [
        sequence::PAIRS,
        incarnation::PAIRS,
        past::PAIRS,
        transition::PAIRS,
        own_write::PAIRS,
        wake::PAIRS,
        odds::PAIRS,
        builtin::PAIRS,
        cluster_level::PAIRS,
        config::PAIRS,
        rule::PAIRS,
        node::PAIRS,
        sets::PAIRS,
        store::PAIRS,
        workload::PAIRS,
    ]
    .concat();
    all.sort_by_key(|pair| pair.id);
    all
}

/// What came of one pair.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Row {
    /// The pair.
    pub id: &'static str,
    /// The family of its mechanism.
    pub family: u8,
    /// What was found on the side with the bug.
    pub found: Option<Hit>,
    /// How many runs the search took.
    pub runs: u64,
    /// An alarm on the side without the bug, if there was one.
    pub alarm: Option<String>,
    /// After how many runs of it.
    pub quiet_runs: u64,
    /// The parts of the search, as far as they were done.
    pub parts: Vec<Part>,
}

/// How the side with the bug was found.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Hit {
    /// Which property it breaks, by number and kind.
    pub property: String,
    /// What is wrong, in words.
    pub what: String,
    /// By which faults, by name.
    pub faults: Vec<&'static str>,
    /// How many faults there were before the plan was made smaller.
    pub faults_before: usize,
    /// After how many runs.
    pub runs: u64,
    /// After how many milliseconds of the clock.
    pub millis: u64,
    /// How many milliseconds it took to make the plan smaller.
    pub shrink_millis: u64,
    /// How it came to that, in few lines.
    pub story: Vec<String>,
    /// What the same plan breaks on the side without the bug. A find counts only when that is
    /// nothing: else it is not the bug that was found.
    pub twin: Option<String>,
}

impl Row {
    /// Whether the bug was found, and nothing else.
    pub fn is_found(&self) -> bool {
        self.found.as_ref().is_some_and(|hit| hit.twin.is_none())
    }
}

/// How pairs are measured.
#[derive(Clone)]
pub struct Measure {
    /// How much may be done to find a bug; nothing when the side with it is not run.
    pub find: Option<Budget>,
    /// So many runs of the side without the bug.
    pub quiet: u64,
    /// How the search is done.
    pub options: Options,
}

/// Measures a pair.
///
/// # Errors
/// What in its scenario cannot be carried out, in words.
pub fn measure(pair: &Pair, with: &Measure) -> Result<Row, Vec<String>> {
    let Pair { id, family, .. } = *pair;
    let mut row =
        Row { id, family, found: None, runs: 0, alarm: None, quiet_runs: 0, parts: Vec::new() };
    if let Some(find) = &with.find {
        let options = Options { budget: find.clone(), enough: 1, ..with.options.clone() };
        let found = explore(&(pair.make)(true), &options, &Nobody)?;
        row.found = found.findings.first().map(|f| hit(pair, f, find)).transpose()?;
        (row.runs, row.parts) = (found.runs, found.parts);
    }
    if with.quiet > 0 {
        let budget = Budget::runs(with.quiet);
        let options = Options { budget, enough: 1, shrink: true, ..with.options.clone() };
        let found = explore(&(pair.make)(false), &options, &Nobody)?;
        row.quiet_runs = found.runs;
        row.alarm = found.findings.first().map(told);
    }
    Ok(row)
}

/// What a finding says of a bug, `clock` being that of the search.
fn hit(pair: &Pair, finding: &Finding, clock: &Budget) -> Result<Hit, Vec<String>> {
    let shrink_millis = clock.elapsed() - finding.after_millis;
    let twin = (pair.make)(false).try_plan(&finding.plan)?;
    Ok(Hit {
        property: finding.breach.fingerprint(),
        what: finding.breach.what.clone(),
        faults: finding.plan.entries.iter().map(|e| e.inject.fault.name()).collect(),
        faults_before: finding.faults_before,
        runs: finding.after_runs,
        millis: finding.after_millis,
        shrink_millis,
        story: story(&(pair.make)(true), finding)?,
        twin: twin.breaches.first().map(ToString::to_string),
    })
}

/// A finding in one line: what is wrong, and by which faults.
fn told(finding: &Finding) -> String {
    let faults: Vec<String> =
        finding.plan.entries.iter().map(|e| e.to_value().to_string()).collect();
    format!("{} by {}", finding.breach, faults.join(" "))
}

/// The setting of a scenario that is known to be right.
fn setting(text: &str) -> Setting {
    let mut none = |path: &str| Err(format!("there is no file {path}"));
    let described = crate::scenario::load("pair.yaml", text.into(), &[], &mut none);
    let described = described.unwrap_or_else(|problems| {
        let told: Vec<String> = problems.iter().map(ToString::to_string).collect();
        panic!("the scenario of a pair is right: {}", told.join("\n"))
    });
    Setting::new(Arc::new(described), 1)
}

#[cfg(test)]
mod tests;
