//! `wavetank explore`, `shrink` and `replay`: the search for faults that break what must hold.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::Value;

use crate::cli::Status;
use crate::cli::files::{bytes, complain, find, read_as_scenario, say, shown};
use crate::cli::play::{clock, wall_clock};
use crate::cli::run::verdict;
use crate::explore::budget::Budget;
use crate::explore::story::story;
use crate::explore::sweep::Sweep;
use crate::explore::token::{self, Token};
use crate::explore::{Finding, Found, Options, Setting, Watcher, explore, shrink, written};
use crate::fault::Plan;
use crate::scenario::duration;
use crate::scenario::load::tree_of;
use crate::scenario::world::World;
use crate::trace::timeline::{Options as TimelineOptions, timeline};

/// Searches.
#[derive(Args)]
pub(crate) struct Explore {
    /// The scenario: a file, or the name of a shipped one.
    scenario: String,
    /// How long it is searched, such as `60s`; without it and `--runs`, one minute.
    #[arg(long, value_parser = span)]
    budget: Option<u64>,
    /// How many runs at most.
    #[arg(long)]
    runs: Option<u64>,
    /// Only these single faults are tried everywhere: crashes, ambiguous, errors, conflicts, late,
    /// stale, missed, relists, travel, names, servers, store, pauses, kubelets, outages, pods,
    /// nodes; or `none`.
    #[arg(long, value_delimiter = ',')]
    sweep: Vec<String>,
    /// Neither pairs nor drawn plans are tried.
    #[arg(long)]
    only_sweeps: bool,
    /// Plans are drawn without regard to what was new.
    #[arg(long)]
    unguided: bool,
    /// Plans that are found are not made smaller.
    #[arg(long)]
    no_shrink: bool,
    /// The search does without one of its parts, to see what that contributes: sweeps, pairs,
    /// drawn, guidance, schedules, shrink.
    #[arg(long, value_delimiter = ',')]
    without: Vec<String>,
    /// The search ends after so many different failures.
    #[arg(long, default_value_t = 1)]
    findings: usize,
    /// The seed of the runs, in place of the scenario's.
    #[arg(long)]
    seed: Option<u64>,
    /// What is drawn follows from it.
    #[arg(long, default_value_t = 0)]
    draw_seed: u64,
    /// So many worlds run at once; without it, as many as there are processors.
    #[arg(short, long)]
    jobs: Option<usize>,
    /// Where failures are written as scenarios; the present folder without it.
    #[arg(short, long)]
    output: Option<PathBuf>,
    /// Sets a value of the scenario: `--set cluster.nodes[0].count=5`.
    #[arg(long, value_name = "PATH=VALUE")]
    set: Vec<String>,
}

/// Makes a failing scenario smaller.
#[derive(Args)]
pub(crate) struct Shrink {
    /// A scenario that fails because of its faults.
    scenario: String,
    /// Where the smaller one is written; standard output without it.
    #[arg(short, long)]
    output: Option<PathBuf>,
    /// The seed of the runs, in place of the scenario's.
    #[arg(long)]
    seed: Option<u64>,
}

/// Runs what a token says.
#[derive(Args)]
pub(crate) struct Replay {
    /// The token.
    token: String,
    /// The scenario, when it is not where the token says.
    #[arg(long)]
    scenario: Option<String>,
    /// Prints the whole timeline.
    #[arg(long)]
    timeline: bool,
}

fn span(text: &str) -> Result<u64, String> {
    let wrong = || "expected a duration such as `60s`".to_owned();
    duration::parse(text).map(crate::sim::time::SimDuration::as_millis).ok_or_else(wrong)
}

/// A scenario with its text: what a search begins with.
struct Subject {
    setting: Setting,
    tree: Value,
    text: u64,
    name: String,
}

fn subject(name: &str, set: &[String], seed: Option<u64>) -> Result<Subject, String> {
    let text = bytes(name)?;
    let described = read_as_scenario(name, text.clone(), set)?;
    let tree = tree_of(&text).unwrap_or_default();
    let seed = seed.unwrap_or(described.scenario.seed);
    let setting = Setting::new(described, seed);
    Ok(Subject { setting, tree, text: token::number(&text), name: name.to_owned() })
}

/// Says what is wrong; the command cannot be carried out.
fn unusable(name: &str, why: &[String]) -> Status {
    why.iter().for_each(|why| complain(&format!("{}: error: {why}\n", shown(name))));
    Status::Unusable
}

impl Explore {
    pub(crate) fn carry_out(&self) -> Status {
        let subject = match subject(&self.scenario, &self.set, self.seed) {
            Ok(subject) => subject,
            Err(wrong) => {
                complain(&wrong);
                return Status::Unusable;
            }
        };
        let options = match self.options() {
            Ok(options) => options,
            Err(why) => return unusable(&self.scenario, &[why]),
        };
        let begun = wall_clock();
        let bar = Bar::new(&options);
        let found = explore(&subject.setting, &options, &bar);
        bar.shown.finish_and_clear();
        match found {
            Ok(found) => {
                let wall_ms = wall_clock().saturating_sub(begun).max(1);
                say(&told(&found, wall_ms));
                self.conclude(&subject, &found)
            }
            Err(why) => unusable(&self.scenario, &why),
        }
    }

    fn options(&self) -> Result<Options, String> {
        let mut sweeps = Vec::new();
        for name in self.sweep.iter().filter(|name| *name != "none") {
            let known = Sweep::ALL.iter().map(|sweep| sweep.name()).collect::<Vec<_>>().join(", ");
            let sweep = Sweep::named(name);
            sweeps.push(sweep.ok_or(format!("there is no sweep `{name}`, only {known}"))?);
        }
        if self.sweep.is_empty() {
            sweeps = Sweep::ALL.to_vec();
        }
        let clock = Arc::new(wall_clock);
        let budget = match (self.budget, self.runs) {
            (None, Some(runs)) => Budget::runs(runs).told_by(clock),
            (millis, runs) => {
                let mut budget = Budget::time(millis.unwrap_or(60_000), clock);
                budget.runs = runs.unwrap_or(u64::MAX);
                budget
            }
        };
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let options = Options {
            sweeps,
            pairs: !self.only_sweeps,
            drawn: !self.only_sweeps,
            guided: !self.unguided,
            schedules: true,
            shrink: self.shrinks(),
            budget,
            jobs: self.jobs.unwrap_or(cores),
            enough: self.findings.max(1),
            seed: self.draw_seed,
        };
        self.without.iter().try_fold(options, |options, part| options.without(part))
    }

    fn shrinks(&self) -> bool {
        !self.no_shrink && !self.without.iter().any(|part| part == "shrink")
    }

    fn conclude(&self, subject: &Subject, found: &Found) -> Status {
        for finding in &found.findings {
            let shrunk =
                if self.shrinks() { shrink::setting(&subject.setting, finding).ok() } else { None };
            let (setting, smaller, finding) = match shrunk {
                Some((setting, smaller, finding)) => (setting, Some(smaller), finding),
                None => (subject.setting.clone(), None, finding.clone()),
            };
            say(&failure(&setting, &finding));
            let text = written::scenario(&setting, &subject.tree, smaller.as_ref(), &finding);
            let path = self.path(subject, &finding);
            if let Err(error) = std::fs::write(&path, text) {
                complain(&format!("error: cannot write `{}`: {error}\n", path.display()));
                return Status::Unusable;
            }
            say(&format!("scenario: {}\n", path.display()));
            let whole = subject.token(&found.findings, &finding);
            say(&format!("replay: wavetank replay {whole}\n\n"));
        }
        if found.findings.is_empty() { Status::Held } else { Status::Failed }
    }

    /// Where a failure is written: beside nothing that its scenario names, as files are inline.
    fn path(&self, subject: &Subject, finding: &Finding) -> PathBuf {
        let path = find(&subject.name);
        let stem = path.file_stem().map_or("scenario".into(), |s| s.to_string_lossy().into_owned());
        let mark = finding.breach.fingerprint().replace('/', "-").to_lowercase();
        let name = format!("{stem}-{}.yaml", mark.trim_end_matches('-'));
        // The files that a scenario names lie beside it.
        let beside = path.parent().map(PathBuf::from).unwrap_or_default();
        let names_files = !subject.setting.described.files.is_empty();
        let folder = if names_files { beside } else { PathBuf::new() };
        self.output.clone().unwrap_or(folder).join(name)
    }
}

impl Subject {
    /// The token of a finding: with the plan as it is for the whole scenario.
    fn token(&self, all: &[Finding], finding: &Finding) -> String {
        let same = |f: &&Finding| f.breach.fingerprint() == finding.breach.fingerprint();
        let plan = all.iter().find(same).map_or(finding.plan.clone(), |f| f.plan.clone());
        let seed = self.setting.seed;
        Token { scenario: self.name.clone(), text: self.text, seed, plan }.encode()
    }
}

/// What a search has done, a line each part.
fn told(found: &Found, wall_ms: u64) -> String {
    let rate = |runs: u64, millis: u64| runs * 1000 / millis.max(1);
    let mut text = String::new();
    for part in &found.parts {
        text.push_str(&format!(
            "{:<10} {:>6} of {:>6} plans, {:>6} runs/s, {} broken\n",
            part.name,
            part.runs,
            part.plans,
            rate(part.runs, part.millis),
            part.broken
        ));
    }
    text.push_str(&format!(
        "{} runs in {}.{}s ({} runs/s), {} states, {} marks, {} faults hit nothing, {} failures\n",
        found.runs,
        wall_ms / 1000,
        wall_ms / 100 % 10,
        rate(found.runs, wall_ms),
        found.states.len(),
        found.marks.len(),
        found.missed,
        found.findings.len()
    ));
    if let Some((span, plan)) = &found.slowest {
        let settles = found.settles.map_or(String::new(), |s| format!(", {s} without faults"));
        text.push_str(&format!("slowest recovery {span}{settles}, from {}\n", plan.to_value()));
    }
    let unmet = found.marks.unmet();
    if !unmet.is_empty() {
        text.push_str(&format!("weak: never met: {}\n", unmet.join("; ")));
    }
    text
}

/// A failure, its plan and its story.
fn failure(setting: &Setting, finding: &Finding) -> String {
    let mut text = format!("\nBROKEN {}\n", finding.breach);
    let faults = finding.plan.entries.len();
    let noun = if faults == 1 { "fault" } else { "faults" };
    text.push_str(&format!(
        "found after {} runs, {faults} {noun} (of {}), seed {}\n",
        finding.after_runs, finding.faults_before, setting.seed
    ));
    for entry in &finding.plan.entries {
        text.push_str(&format!("  {}\n", entry.to_value()));
    }
    match story(setting, finding) {
        Ok(lines) => lines.iter().for_each(|line| text.push_str(&format!("{line}\n"))),
        Err(why) => text.push_str(&why.join("\n")),
    }
    text
}

/// A bar on a terminal that tells how a search goes.
struct Bar {
    shown: ProgressBar,
    begun: u64,
    told: AtomicU64,
}

impl Bar {
    fn new(options: &Options) -> Bar {
        let bar = match options.budget.runs {
            u64::MAX => ProgressBar::new_spinner(),
            runs => ProgressBar::new(runs),
        };
        if let Ok(style) = ProgressStyle::with_template("{spinner} {msg}") {
            bar.set_style(style);
        }
        Bar { shown: bar, begun: wall_clock(), told: AtomicU64::new(0) }
    }
}

impl Watcher for Bar {
    fn begins(&self, plans: u64) {
        self.shown.set_message(format!("{plans} single faults"));
    }

    fn progress(&self, runs: u64, states: usize, marks: usize, findings: usize) {
        let now = wall_clock();
        if now < self.told.load(Ordering::Relaxed) + 100 {
            return;
        }
        self.told.store(now, Ordering::Relaxed);
        let rate = runs * 1000 / now.saturating_sub(self.begun).max(1);
        let counts = format!("{states} states, {marks} marks, {findings} failures");
        self.shown.set_message(format!("{runs} runs, {rate} runs/s, {counts}"));
        self.shown.tick();
    }
}

impl Shrink {
    pub(crate) fn carry_out(&self) -> Status {
        let mut subject = match subject(&self.scenario, &[], self.seed) {
            Ok(subject) => subject,
            Err(wrong) => {
                complain(&wrong);
                return Status::Unusable;
            }
        };
        let plan = subject.take_plan();
        let outcome = match subject.setting.try_plan(&plan) {
            Ok(outcome) => outcome,
            Err(why) => return unusable(&self.scenario, &why),
        };
        let Some(breach) = outcome.breaches.into_iter().next() else {
            return unusable(
                &self.scenario,
                &["it does not fail because of its faults".to_owned()],
            );
        };
        let (end, digest, faults_before) = (outcome.end, outcome.digest, plan.entries.len());
        let finding =
            Finding { breach, plan, faults_before, after_runs: 1, after_millis: 0, end, digest };
        let smaller = shrink::plan(&subject.setting, &finding)
            .and_then(|finding| shrink::setting(&subject.setting, &finding));
        let (setting, smaller, finding) = match smaller {
            Ok(smaller) => smaller,
            Err(why) => return unusable(&self.scenario, &why),
        };
        let text = written::scenario(&setting, &subject.tree, Some(&smaller), &finding);
        match &self.output {
            None => say(&text),
            Some(path) => {
                if let Err(error) = std::fs::write(path, text) {
                    complain(&format!("error: cannot write `{}`: {error}\n", path.display()));
                    return Status::Unusable;
                }
                say(&failure(&setting, &finding));
                say(&format!("scenario: {}\n", path.display()));
            }
        }
        Status::Failed
    }
}

impl Subject {
    /// Takes the faults out of the scenario.
    fn take_plan(&mut self) -> Plan {
        let mut described = (*self.setting.described).clone();
        let entries = described.scenario.faults.iter().filter_map(|f| f.start.to_entry()).collect();
        described.scenario.faults.retain(|fault| fault.start.to_entry().is_none());
        self.setting.described = Arc::new(described);
        if let Some(tree) = self.tree.as_object_mut() {
            let faults = tree.get("faults").and_then(Value::as_array).cloned().unwrap_or_default();
            let random = faults.into_iter().filter(|fault| fault.get("random").is_some());
            let random: Value = random.collect();
            tree.insert("faults".to_owned(), random);
        }
        Plan { entries }
    }
}

impl Replay {
    pub(crate) fn carry_out(&self) -> Status {
        let token = match Token::decode(&self.token) {
            Ok(token) => token,
            Err(why) => {
                complain(&format!("error: {why}\n"));
                return Status::Unusable;
            }
        };
        let name = self.scenario.clone().unwrap_or_else(|| token.scenario.clone());
        let subject = match subject(&name, &[], Some(token.seed)) {
            Ok(subject) => subject,
            Err(wrong) => {
                complain(&wrong);
                return Status::Unusable;
            }
        };
        if subject.text != token.text {
            let text = "the scenario has changed since the token was made; what follows may differ";
            complain(&format!("warning: {text}\n"));
        }
        self.run(&name, &subject, &token)
    }

    fn run(&self, name: &str, subject: &Subject, token: &Token) -> Status {
        let outcome = match subject.setting.try_plan(&token.plan) {
            Ok(outcome) => outcome,
            Err(why) => return unusable(name, &why),
        };
        if self.timeline
            && let Ok(mut world) = subject.setting.world(&token.plan, false)
        {
            tell(&mut world);
        }
        let Some(breach) = outcome.breaches.first().cloned() else {
            say(&format!("held  seed {}  digest {}\n", token.seed, outcome.digest));
            return Status::Held;
        };
        let plan = token.plan.clone();
        let faults_before = plan.entries.len();
        let (end, digest) = (outcome.end, outcome.digest);
        let finding =
            Finding { breach, plan, faults_before, after_runs: 1, after_millis: 0, end, digest };
        say(&failure(&subject.setting, &finding));
        say(&format!("FAILED at {}  seed {}  digest {digest}\n", clock(end), token.seed));
        Status::Failed
    }
}

/// Tells a whole run.
fn tell(world: &mut World) {
    {
        while world.go_on() {}
        let report = world.report();
        let options = TimelineOptions::default();
        say(&format!(
            "{}\n{}",
            timeline(world.cluster().engine.log(), None, options),
            verdict(&report)
        ));
    }
}
