//! Tests of one's own controllers: a cluster with an operator in it, and verbs that run and search.
//!
//! A [`Test`] is a scenario (cluster, steps, expectations) with what its text cannot say: kinds of
//! one's own, operators, and properties. [`Test::run`] runs it without faults, [`Test::sweep`]
//! once for every single fault of some families, [`Test::explore`] searches as long as its budget
//! lasts, [`Test::replay`] runs what a token says. A failure panics with the property, the plan of
//! faults, the story and the token.
//!
//! | variable | what it does without a change of the test |
//! |---|---|
//! | `WAVETANK_SEED` | the seed of all runs |
//! | `WAVETANK_BUDGET` | how much a search may do: `500` runs, or `30s` of time |
//! | `WAVETANK_JOBS` | how many worlds run at once |
//! | `WAVETANK_REPLAY` | a token: the test that it is of runs that and nothing else |
//!
//! The operators are processes of the cluster like the built-in controllers: they see what their
//! informers bring, late by the link's delay, work through a queue with backoff, and may crash
//! before and after each of their writes. Nothing here may know how a world runs; the search is
//! [`explore`](mod@crate::explore)'s.

mod environment;
pub mod object;
mod property;
mod report;
#[cfg(any(test, feature = "testing"))]
pub mod strategy;

use std::sync::Arc;

use serde_json::Value;

use crate::api::Name;
use crate::api::object::Kind;
use crate::check::Breach;
use crate::client::reconciler::Reconciler;
use crate::explore::judge::{Oracle, Property};
use crate::explore::token::{Token, number};
use crate::explore::{Finding, Found, Nobody, Options, Outcome, Setting, explore};
use crate::fault::Plan;
use crate::scenario::load::{document_of, load_with, tree_of};
use crate::scenario::print::yaml::as_given;
use crate::scenario::world::World;

pub use crate::explore::sweep::Sweep;
pub use property::{always, at_rest};

/// A scenario with operators of one's own.
#[derive(Clone)]
pub struct Test {
    scenario: String,
    kinds: Vec<Kind>,
    operators: Vec<(Name, Vec<Box<dyn Reconciler>>)>,
    properties: Vec<Arc<dyn Property>>,
    precious: Vec<Kind>,
    oracle: Oracle,
    seed: Option<u64>,
}

/// The kind that a CustomResourceDefinition in YAML defines.
///
/// # Panics
/// With what is wrong in it.
pub fn definition(yaml: &str) -> Kind {
    let defined = document_of("definition", yaml).and_then(|tree| Kind::defined(&tree));
    defined.unwrap_or_else(|why| panic!("the definition: {why}"))
}

impl Test {
    /// A test of a scenario in YAML, without operators yet.
    pub fn new(scenario: &str) -> Test {
        Test {
            scenario: scenario.to_owned(),
            kinds: Vec::new(),
            operators: Vec::new(),
            properties: Vec::new(),
            precious: Vec::new(),
            oracle: Oracle::default(),
            seed: None,
        }
    }

    /// With a kind of one's own.
    #[must_use]
    pub fn kind(mut self, kind: Kind) -> Test {
        self.kinds.push(kind);
        self
    }

    /// With an operator of one controller, a process of its own under the controller's name.
    #[must_use]
    pub fn operator(self, controller: impl Reconciler + 'static) -> Test {
        let name = controller.name();
        self.process(name, vec![Box::new(controller)])
    }

    /// With an operator of several controllers, which are one process: they share their caches,
    /// and die together.
    #[must_use]
    pub fn process(mut self, name: &str, controllers: Vec<Box<dyn Reconciler>>) -> Test {
        self.operators.push((Name::new(name), controllers));
        self
    }

    /// With a property of one's own: see [`always`] and [`at_rest`].
    #[must_use]
    pub fn property(mut self, property: Arc<dyn Property>) -> Test {
        self.properties.push(property);
        self
    }

    /// With a kind of which no more may be deleted than without faults: what keeps data.
    #[must_use]
    pub fn precious(mut self, kind: Kind) -> Test {
        self.precious.push(kind);
        self
    }

    /// Judged by this, beside the invariants and the properties.
    #[must_use]
    pub fn judged_by(mut self, oracle: Oracle) -> Test {
        self.oracle = oracle;
        self
    }

    /// With a seed, in place of the scenario's.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Test {
        self.seed = Some(seed);
        self
    }

    /// With another cluster: the value of the scenario's `cluster:`.
    #[must_use]
    pub fn cluster(self, cluster: Value) -> Test {
        self.with_member("cluster", cluster)
    }

    /// With other steps: the value of the scenario's `steps:`.
    #[must_use]
    pub fn steps(self, steps: Vec<Value>) -> Test {
        self.with_member("steps", Value::Array(steps))
    }

    fn with_member(mut self, name: &str, value: Value) -> Test {
        let tree = tree_of(self.scenario.as_bytes());
        let mut tree = tree.expect("a scenario is a document of YAML");
        tree[name] = value;
        self.scenario = as_given(&tree);
        self
    }

    /// The text of the scenario.
    pub fn scenario(&self) -> &str {
        &self.scenario
    }

    /// The setting of its runs, as the search has it.
    ///
    /// # Panics
    /// With every mistake in the scenario.
    pub fn setting(&self) -> Setting {
        let mut none = |path: &str| Err(format!("there is no file {path}"));
        let operators: Vec<Name> = self.operators.iter().map(|(name, _)| name.clone()).collect();
        let text = self.scenario.clone().into();
        let loaded = load_with(&operators, "test", text, &[], &mut none);
        let described = loaded.unwrap_or_else(|problems| {
            let told: Vec<String> = problems.iter().map(ToString::to_string).collect();
            panic!("the scenario has mistakes:\n{}", told.join("\n"))
        });
        let seed = environment::seed().or(self.seed).unwrap_or(described.scenario.seed);
        let mut setting = Setting::new(Arc::new(described), seed);
        setting.extras.custom.clone_from(&self.kinds);
        setting.extras.operators.clone_from(&self.operators);
        setting.properties.clone_from(&self.properties);
        setting.precious.clone_from(&self.precious);
        setting.oracle = self.oracle;
        setting
    }

    /// The world of the scenario, not begun: for those who want to look at more than a verdict.
    ///
    /// # Panics
    /// When the scenario cannot be carried out.
    pub fn world(&self) -> World {
        carried_out(self.setting().world(&Plan::default(), false))
    }

    /// Runs it without faults.
    ///
    /// # Panics
    /// When something does not hold.
    pub fn run(&self) {
        if self.replays() {
            return;
        }
        self.sound();
    }

    /// Runs it without faults, and then once for every single fault of some families, at every
    /// place where it can matter.
    ///
    /// # Panics
    /// When something does not hold.
    pub fn sweep(&self, sweeps: &[Sweep]) -> Found {
        let base = Options { sweeps: sweeps.to_vec(), pairs: false, drawn: false, ..many(100_000) };
        self.searched(&base)
    }

    /// Searches: all sweeps, pairs, and plans that are drawn, at most so many runs.
    ///
    /// # Panics
    /// When something does not hold.
    pub fn explore(&self, runs: u64) -> Found {
        self.searched(&many(runs))
    }

    fn searched(&self, options: &Options) -> Found {
        if self.replays() {
            return Found::default();
        }
        self.sound();
        let found = self.search(options);
        if let Some(finding) = found.findings.first() {
            panic!("{}", self.report(finding));
        }
        found
    }

    /// Searches, and tells what was found instead of panicking.
    ///
    /// # Panics
    /// When the scenario cannot be carried out.
    pub fn search(&self, options: &Options) -> Found {
        carried_out(explore(&self.setting(), options, &Nobody))
    }

    /// Runs what a token says; nothing happens when it breaks nothing any more.
    ///
    /// # Panics
    /// When it breaks something, when it is no token, and when it is one of another test.
    pub fn replay(&self, token: &str) {
        let token = Token::decode(token).unwrap_or_else(|why| panic!("{why}"));
        assert_eq!(token.text, self.number(), "the token is of another scenario, or of other text");
        let test = self.clone().seed(token.seed);
        let outcome = test.try_plan(&token.plan);
        test.complain(&token.plan, outcome);
    }

    /// Runs a plan of faults and judges the run.
    ///
    /// # Panics
    /// When the scenario cannot be carried out.
    pub fn try_plan(&self, plan: &Plan) -> Outcome {
        carried_out(self.setting().try_plan(plan))
    }

    /// Runs a plan of faults.
    ///
    /// # Panics
    /// When something does not hold, or the scenario cannot be carried out.
    pub fn run_plan(&self, plan: &Plan) {
        if !self.replays() {
            self.complain(plan, self.try_plan(plan));
        }
    }

    /// The token of a plan.
    pub fn token(&self, plan: &Plan) -> String {
        let (seed, text) = (self.setting().seed, self.number());
        Token { scenario: "test".to_owned(), text, seed, plan: plan.clone() }.encode()
    }

    /// A number that follows from the scenario's text and the operators' names.
    fn number(&self) -> u64 {
        let names = self.operators.iter().map(|(name, _)| name.as_str());
        let all: Vec<&str> = std::iter::once(self.scenario.as_str()).chain(names).collect();
        number(all.join("\n").as_bytes())
    }

    /// Whether the environment asks for a token of this test to be run, which is then done.
    fn replays(&self) -> bool {
        let Some(token) = environment::replay() else { return false };
        let read = Token::decode(&token).unwrap_or_else(|why| panic!("WAVETANK_REPLAY: {why}"));
        if read.text != self.number() {
            return false;
        }
        self.replay(&token);
        true
    }

    /// Panics unless the run without faults is right by itself.
    fn sound(&self) {
        let setting = self.setting();
        let reference = carried_out(setting.reference(false));
        let expectations = reference.failed.iter().filter(|_| self.oracle.expectations);
        let breach = |what: &String| Breach {
            id: "expect",
            kind: None,
            what: what.clone(),
            at: reference.finish,
        };
        let mut breaches: Vec<Breach> = reference.breaches.clone();
        breaches.extend(expectations.map(breach));
        if breaches.is_empty() && self.oracle.rest && !reference.rests {
            let what = "it never comes to rest, without any fault".to_owned();
            breaches.push(Breach { id: "L2", kind: None, what, at: reference.finish });
        }
        if !breaches.is_empty() {
            let plan = Plan::default();
            let outcome = self.try_plan(&plan);
            self.complain(&plan, Outcome { breaches, ..outcome });
        }
    }

    /// Panics when a run has broken something.
    fn complain(&self, plan: &Plan, outcome: Outcome) {
        let Some(breach) = outcome.breaches.into_iter().next() else { return };
        let (end, digest, plan) = (outcome.end, outcome.digest, plan.clone());
        let faults_before = plan.entries.len();
        let finding =
            Finding { breach, plan, faults_before, after_runs: 1, after_millis: 0, end, digest };
        panic!("{}", self.report(&finding));
    }
}

/// What can be carried out.
fn carried_out<T>(result: Result<T, Vec<String>>) -> T {
    result.unwrap_or_else(|why| panic!("it cannot be carried out: {}", why.join("; ")))
}

/// The options of a search of at most so many runs, unless the environment says otherwise.
fn many(runs: u64) -> Options {
    let (budget, jobs) = (environment::budget(runs), environment::jobs());
    Options { budget, jobs, ..Options::default() }
}
