//! A world: a cluster, the person at its terminal, the weather, and what shall hold.
//!
//! Responsible for carrying out a scenario: it lets the engine turn, begins steps and faults when
//! their time has come, and judges. A clone is another world with the same past.

mod complete;
mod judge;
mod search;
mod settled;
mod shell;
mod stage;
mod step;
mod window;
mod words;

use std::sync::Arc;

use crate::api::Name;
use crate::api::note::Note;
use crate::api::object::{Kind, Object};
use crate::api::taint::ComparisonOperators;
use crate::api::variant::Variants;
use crate::check::Invariants;
use crate::check::Look;
use crate::client::reconciler::Reconciler;
use crate::cluster::Cluster;
use crate::controllers;
use crate::fault::Entry;
use crate::fault::Plan;
use crate::fault::Weather;
use crate::scenario::load::Described;
use crate::scenario::spec::Start;
use crate::scenario::spec::Until;
use crate::scheduler::config::OwnPlugin;
use crate::sim::digest::DigestValue;
use crate::sim::engine::ActorId;
use crate::sim::time::{SimDuration, SimTime};
use crate::trace;
use crate::trace::verdict::Expected;

pub use judge::{Outcome, Verdict};
pub use search::Search;
pub use step::StepResult;

use judge::Judge;
use step::Person;

/// How long a run goes on at most, when nothing ends it.
const LONGEST: SimDuration = SimDuration::secs(3600);

/// When the person begins: the cluster has been up for a while.
const BEGIN: SimTime = SimTime(1_000_000_000);

/// A scenario that is carried out.
#[derive(Clone)]
pub struct World {
    described: Arc<Described>,
    namespace: Name,
    seed: u64,
    /// What the scenario's file could not say.
    extras: Extras,
    /// Whether signs of life are written for real.
    eager: bool,
    cluster: Cluster,
    /// The actor of the person's kubectl.
    terminal: ActorId,
    person: Person,
    weather: Weather,
    judge: Judge,
    invariants: Invariants,
    /// What a search looks at beside.
    search: Option<Box<Search>>,
    /// Up to where the log has been looked at.
    seen: usize,
    end: Option<SimTime>,
    longest: SimTime,
    comparison: ComparisonOperators,
    beginning: Arc<[Object]>,
    /// How far back the log reaches; all the way without.
    window: Option<SimDuration>,
}

/// What a scenario's file cannot say.
#[derive(Clone, Default)]
pub struct Extras {
    /// Faults beside those of the scenario.
    pub plan: Plan,
    /// Kinds of the user's own.
    pub custom: Vec<Kind>,
    /// Operators of the user's own: each a process of its own.
    pub operators: Vec<(Name, Vec<Box<dyn Reconciler>>)>,
    /// The controllers of kube-controller-manager, in place of its own.
    pub controllers: Option<Vec<Box<dyn Reconciler>>>,
    /// Whether signs of life are written for real, whatever the faults.
    pub eager: bool,
    /// Rules that differ from those of 1.36.
    pub variants: Variants,
    /// Scheduler plugins of the user's own, in force in every profile.
    pub plugins: Vec<OwnPlugin>,
}

/// The weather of a scenario, with more faults than it says.
fn weather(cluster: &mut Cluster, described: &Described, more: &Plan, seed: u64) -> Weather {
    let namespace = Name::new(&described.scenario.namespace);
    let mut plan = Plan::default();
    let faults = &described.scenario.faults;
    plan.entries.extend(faults.iter().filter_map(|fault| fault.start.to_entry()));
    plan.entries.extend(more.entries.iter().cloned());
    let mut weather = Weather::new(cluster, &namespace, &plan, seed);
    for fault in faults {
        if let Start::Random(random) = &fault.start {
            weather.add_random(random.to_random());
        }
    }
    weather
}

/// How a run ended.
#[derive(Clone, Debug)]
pub struct Report {
    /// Whether everything held.
    pub verdict: Verdict,
    /// The steps, in order.
    pub steps: Vec<StepResult>,
    /// Turns of the engine.
    pub turns: u64,
    /// Changes of the store, heartbeats left out.
    pub writes: u64,
    /// The instant of the end.
    pub end: SimTime,
    /// The digest of the whole run.
    pub digest: DigestValue,
}

impl World {
    /// The world of a scenario at its beginning; `until` ends it earlier or later than the
    /// scenario says.
    ///
    /// # Errors
    /// What in the scenario cannot be carried out, in words.
    pub fn new(
        described: Arc<Described>,
        seed: u64,
        until: Option<Until>,
    ) -> Result<World, Vec<String>> {
        World::with(described, seed, until, Extras::default())
    }

    /// The same with what a scenario's file cannot say.
    ///
    /// # Errors
    /// What in the scenario cannot be carried out, in words.
    pub fn with(
        described: Arc<Described>,
        seed: u64,
        until: Option<Until>,
        extras: Extras,
    ) -> Result<World, Vec<String>> {
        let scenario = &described.scenario;
        let mut config = stage::config(&described, seed)?;
        config.eager |= extras.eager || !extras.plan.is_calm();
        let defined = described.custom.iter().filter(|kind| !extras.custom.contains(*kind));
        config.custom.extend(defined.chain(&extras.custom));
        let custom = config.custom.clone();
        controllers::watch_also(&mut config.controllers, &custom);
        if let Some(controllers) = &extras.controllers {
            config.controllers.clone_from(controllers);
        }
        config.operators.extend(extras.operators.iter().cloned());
        let others = config.other_schedulers.iter_mut().flat_map(|(_, s)| &mut s.profiles);
        for profile in config.scheduler.profiles.iter_mut().chain(others) {
            profile.own.extend(extras.plugins.iter().cloned());
        }
        config.vary(extras.variants);
        let eager = config.eager;
        let mut cluster = Cluster::new(&config);
        let beginning: Arc<[Object]> =
            cluster.store().kinds().flat_map(|kind| cluster.store().list(kind)).collect();
        let servers = cluster.topology.servers.clone();
        let shell = |user: &'static str| Box::new(shell::Shell::new(user, servers.clone()));
        let terminal = cluster.add_guest("kubectl", shell("kubectl"));
        let namespace = Name::new(&scenario.namespace);
        let weather = weather(&mut cluster, &described, &extras.plan, seed);
        cluster.start();
        let judge = Judge::new(&scenario.expect, &namespace);
        let until = until.unwrap_or(scenario.until);
        let longest = match until {
            Until::At(span) => SimTime::ZERO + span,
            Until::Settled | Until::AfterLastStep(_) => SimTime::ZERO + LONGEST,
        };
        let person = Person::new(scenario.steps.len(), until);
        let asks = judge.asks_for_health().is_some();
        let mut world = World {
            extras,
            eager,
            namespace,
            seed,
            cluster,
            terminal,
            person,
            weather,
            judge,
            invariants: Invariants::default(),
            search: None,
            seen: 0,
            comparison: ComparisonOperators::of(config.controller_gates),
            end: None,
            longest,
            beginning,
            window: None,
            described,
        };
        if asks {
            world.search();
        }
        Ok(world)
    }

    /// The cluster, to look at.
    pub fn cluster(&self) -> &Cluster {
        &self.cluster
    }

    /// The cluster, to choose what is kept of its log before the run.
    pub fn cluster_mut(&mut self) -> &mut Cluster {
        &mut self.cluster
    }

    /// What the store held before anything happened; where the log is cut, at the cut.
    pub fn beginning(&self) -> &[Object] {
        &self.beginning
    }

    /// The verdict as the trace has it.
    pub fn traced_verdict(&self) -> trace::verdict::Verdict {
        let report = self.report();
        let outcome = |held| {
            use trace::verdict::Outcome::{Failed, Held};
            if held { Held } else { Failed }
        };
        let expectations = report.verdict.expectations.iter().map(|e| Expected {
            text: e.text.clone(),
            outcome: outcome(e.held),
            at: e.at.unwrap_or(report.end),
            detail: e.detail.clone(),
        });
        let mut verdict = trace::verdict::Verdict::of(&self.cluster.engine, expectations.collect());
        verdict.error = report.verdict.failures.first().cloned();
        verdict.writes = report.writes;
        verdict
    }

    /// The scenario.
    pub fn described(&self) -> &Described {
        &self.described
    }

    /// The seed of the run.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// The namespace of the person's commands.
    pub fn namespace(&self) -> &Name {
        &self.namespace
    }

    /// The instant of the run.
    pub fn now(&self) -> SimTime {
        self.cluster.engine.now()
    }

    /// Whether the run has ended.
    pub fn is_over(&self) -> bool {
        self.end.is_some()
    }

    /// The steps that have ended so far.
    pub fn steps(&self) -> &[StepResult] {
        self.person.results()
    }

    /// Runs to the end.
    pub fn run(&mut self) -> Report {
        while self.go_on() {}
        self.report()
    }

    /// Goes on by one turn, or to the next thing that a person or the weather does; false when
    /// the run has ended.
    pub fn go_on(&mut self) -> bool {
        if self.end.is_some() {
            return false;
        }
        let next_turn = self.cluster.engine.next_time().unwrap_or(SimTime::NEVER);
        let own = self.next_own();
        if own <= next_turn.min(self.longest) {
            self.cluster.engine.advance(own);
            self.own_turn();
        } else if next_turn <= self.longest {
            if !(self.weather.taps() && self.weather.tap(&mut self.cluster)) {
                self.look_at_streams();
                self.cluster.engine.step();
            }
        } else {
            self.cluster.engine.advance(self.longest);
            self.finish();
            return false;
        }
        self.look();
        if self.goes_in_circles() && self.judge.asks_for_health().is_some() {
            self.finish();
        }
        self.end.is_none()
    }

    /// When something is due that is not on the engine's agenda.
    fn next_own(&self) -> SimTime {
        let settled = self.settles_at().unwrap_or(SimTime::NEVER);
        let asked = self.asks_for_settling();
        let settled = if asked { settled } else { SimTime::NEVER };
        self.person
            .due(BEGIN)
            .min(self.weather.due())
            .min(self.judge.due(self.now()))
            .min(settled.max(self.now()))
    }

    fn own_turn(&mut self) {
        let now = self.now();
        self.judge_instants(now);
        self.weather.blow(&mut self.cluster);
        self.act();
        let over = self.person.is_done() && self.weather.is_over();
        if over && self.person.ends_when_settled() && self.is_settled() {
            self.finish();
        }
        if self.person.end().is_some_and(|end| end <= now) {
            self.finish();
        }
    }

    /// Looks at what the last turn has logged, and at the commands that have ended.
    fn look(&mut self) {
        self.collect();
        let len = self.cluster.engine.log().len();
        if len == self.seen {
            return;
        }
        let mut changed = false;
        let now = self.now();
        self.invariants.kept_from(|user| self.weather.unsure_of(user));
        for record in self.cluster.engine.log().from(self.seen) {
            if let Note::Write(write) = &record.note {
                changed |= !record.note.is_heartbeat();
                self.judge.count(&record.note);
                let (change, origin) = (&write.change, &write.origin);
                let look = Look { change, origin, cluster: &self.cluster, now };
                self.invariants.look(&look);
                if let Some(search) = &mut self.search {
                    search.changed |= search.lasso.look(&look);
                    search.writes += u32::from(!record.note.is_heartbeat());
                }
                self.weather.after_write(write, now);
            }
            if let Note::Refused(refused) = &record.note {
                self.invariants.refused(refused);
            }
            if let Note::Fault(fault) = &record.note
                && fault.fault == "etcd-restore"
            {
                self.invariants.restored();
                if let Some(search) = &mut self.search {
                    search.streams.restored();
                }
            }
            if let Some(search) = &mut self.search {
                let blind = matches!(record.note, Note::Write(_)) && self.weather.blinds();
                if blind || matches!(record.note, Note::Step(_) | Note::Fault(_)) {
                    search.lasso.disturbed(now);
                }
                if let Note::Refused(refused) = &record.note {
                    search.lasso.refused(refused, now);
                }
                search.fresh_marks += u32::from(search.marks.meet(&record.note));
            }
        }
        self.seen = len;
        self.forget(now);
        if changed {
            self.judge.state_changed(self.cluster.store(), now);
        }
    }

    fn judge_instants(&mut self, now: SimTime) {
        self.judge.instant(self.cluster.store(), now);
    }

    fn finish(&mut self) {
        let now = self.now();
        self.end = Some(now);
        let settled = self.cluster.engine.idle_since();
        let busy = self.cluster.engine.busy().next().map(|(at, who, what)| {
            format!("{} still has an {what} at {at}", self.cluster.engine.name(who))
        });
        let idle = settled.ok_or(busy.unwrap_or_default());
        let health = match self.judge.asks_for_health() {
            Some(same_end) => self.health(same_end),
            None => Ok(()),
        };
        self.judge.finish(self.cluster.store(), now, &idle, &health);
        self.cut_off_commands();
    }

    /// The weather, to look at.
    pub fn weather(&self) -> &Weather {
        &self.weather
    }

    /// The weather, to count what occurs.
    pub fn weather_mut(&mut self) -> &mut Weather {
        &mut self.weather
    }

    /// Adds a fault to those that are to come.
    pub fn arm(&mut self, entry: &Entry) {
        self.weather.arm(entry);
    }

    /// How the run ended.
    pub fn report(&self) -> Report {
        let engine = &self.cluster.engine;
        Report {
            verdict: self.judge.verdict(
                self.person.results(),
                self.weather.misses(),
                self.invariants.breaches(),
            ),
            steps: self.person.results().to_vec(),
            turns: engine.turns(),
            writes: self.judge.writes(),
            end: self.now(),
            digest: engine.digest(),
        }
    }
}
