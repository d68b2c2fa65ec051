//! A workload with the scheduler's own cycle and nothing else: what a decision costs without
//! apiserver, store and messages.
//!
//! Pods are placed one after the other; a victim goes at once, and whoever made room is tried
//! again. Operations that are of the whole control plane (deletions, updates, waiting) have no
//! meaning here, and a workload that has one is refused.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::Value;

use super::driver::{Measure, Told};
use super::plan::{Churn, Deed, New, Plan, Pods, Step, Then};
use crate::api::Name;
use crate::api::core::node::Node;
use crate::api::core::pod::Pod;
use crate::api::labels::Labels;
use crate::api::meta::Uid;
use crate::api::object::{Kind, Object};
use crate::scheduler::cache::Cache;
use crate::scheduler::cycle::{Evaluation, Nomination, Outcome, Search};
use crate::scheduler::profile::Profile;
use crate::sim::rng::Rng;
use crate::sim::time::{SimDuration, SimTime};

/// A workload of decisions alone.
pub struct Alone {
    steps: Arc<[Step]>,
    current: usize,
    has_begun: bool,
    cache: Cache,
    profile: Profile,
    percentage: i32,
    /// The virtual time that an attempt takes.
    attempt: SimDuration,
    search: Search,
    rng: Rng,
    made: u128,
    now: SimTime,
    churns: Vec<Churning>,
    namespaces: BTreeSet<Name>,
}

/// Objects that come and go.
struct Churning {
    churn: Arc<Churn>,
    next: SimTime,
    turns: usize,
}

impl Alone {
    /// A workload at its beginning.
    ///
    /// # Errors
    /// The operation that has no meaning for a scheduler alone.
    pub fn new(plan: &Plan, evaluation: Evaluation) -> Result<Alone, String> {
        for step in plan.steps.iter() {
            let is_meant = match &step.deed {
                Deed::Create(_) | Deed::Churn(_) => true,
                Deed::Pods(pods) => pods.before.is_empty() && pods.then == Then::Scheduled,
                Deed::Update(_) | Deed::Delete(_) | Deed::Barrier(_) => false,
                Deed::Sleep(_) | Deed::Start(_) | Deed::Stop => false,
            };
            if !is_meant {
                return Err(format!("`{}` is of the whole control plane", step.opcode));
            }
        }
        let mut config = plan.scheduler.clone().unwrap_or_default();
        config.set_gates(plan.gates.on_top_of(config.gates));
        Ok(Alone {
            steps: plan.steps.clone(),
            current: 0,
            has_begun: false,
            cache: Cache::default(),
            profile: Profile::new(&config.profiles[0]),
            percentage: config.percentage_of_nodes_to_score,
            attempt: config.attempt,
            search: Search::new(evaluation),
            rng: Rng::named(1, "scheduler"),
            made: 0,
            now: SimTime::ZERO,
            churns: Vec::new(),
            namespaces: BTreeSet::new(),
        })
    }

    /// Goes on until there is something to tell.
    pub fn go_on(&mut self) -> Told {
        while let Some(step) = self.steps.get(self.current).cloned() {
            if let Deed::Pods(pods) = &step.deed
                && pods.collects
                && !std::mem::replace(&mut self.has_begun, true)
            {
                return Told::Begun;
            }
            self.current += 1;
            self.has_begun = false;
            let begun = self.now;
            match self.carry_out(&step.deed) {
                Err(why) => return Told::Failed(format!("operation {}: {why}", step.number)),
                Ok(0) => {}
                Ok(pods) => {
                    let (name, last) = (String::new(), self.now);
                    return Told::Measured(Measure { name, pods, begun, last });
                }
            }
        }
        Told::Done
    }

    /// Carries an operation out: how many pods of it are measured.
    fn carry_out(&mut self, deed: &Deed) -> Result<usize, String> {
        match deed {
            Deed::Create(all) => all.iter().try_for_each(|new| self.create(new)).map(|()| 0),
            Deed::Churn(churn) => {
                let next = self.now + churn.interval;
                self.churns.push(Churning { churn: churn.clone(), next, turns: 0 });
                Ok(0)
            }
            Deed::Pods(pods) => {
                self.pods(pods)?;
                Ok(if pods.collects { pods.values.len() } else { 0 })
            }
            Deed::Update(_) | Deed::Delete(_) | Deed::Barrier(_) | Deed::Sleep(_) => Ok(0),
            Deed::Start(_) | Deed::Stop => Ok(0),
        }
    }

    fn create(&mut self, new: &New) -> Result<(), String> {
        let object = object(new.kind, &new.value)?;
        if let Some(node) = object.as_a::<Node>() {
            self.cache.put_node(node);
        } else if new.kind == Kind::NAMESPACE {
            let meta = object.meta();
            self.put_namespace(&meta.name, &meta.labels);
        }
        Ok(())
    }

    /// A namespace that is there already keeps its labels.
    fn put_namespace(&mut self, name: &Name, labels: &Labels) {
        if self.namespaces.insert(name.clone()) {
            let labels = labels.with("kubernetes.io/metadata.name", name);
            self.cache.put_namespace(name, Some(&labels));
        }
    }

    fn pods(&mut self, pods: &Pods) -> Result<(), String> {
        self.put_namespace(&pods.namespace, &Labels::default());
        let mut known: Option<(Arc<Value>, Pod)> = None;
        for value in &pods.values {
            if known.as_ref().is_none_or(|(of, _)| !Arc::ptr_eq(of, value)) {
                let object = object(Kind::POD, value)?;
                let mut pod = Pod::clone(object.as_a::<Pod>().ok_or("a pod is a pod")?);
                pod.meta.namespace = pods.namespace.clone();
                known = Some((value.clone(), pod));
            }
            let Some((_, pod)) = &known else { continue };
            if !self.place(&pod.clone()) {
                return Err("a pod gets no node".to_owned());
            }
            self.now += self.attempt;
            self.churn()?;
        }
        Ok(())
    }

    /// Finds a node for a pod; where room has to be made, its victims go at once.
    fn place(&mut self, template: &Pod) -> bool {
        self.made += 1;
        let mut pod = template.clone();
        pod.meta.uid = Uid::random(self.made << 80 | self.made);
        let pod = Arc::new(pod);
        loop {
            let rng = &mut self.rng;
            match self.search.run(&self.profile, self.percentage, &self.cache, &pod, rng) {
                Outcome::Found(found) => {
                    self.cache.assume(&pod, &found.node);
                    return true;
                }
                Outcome::Rejected(rejected) => {
                    let Nomination::Room(room) = rejected.nomination else { return false };
                    room.victims.iter().for_each(|v| self.cache.remove_pod(v.meta.uid));
                }
                Outcome::Error(_) => return false,
            }
        }
    }

    /// What comes and goes while pods are placed.
    fn churn(&mut self) -> Result<(), String> {
        for n in 0..self.churns.len() {
            let Churning { churn, next, turns } = &mut self.churns[n];
            if *next > self.now || (!churn.recreates && churn.number > 0 && *turns >= churn.number)
            {
                continue;
            }
            *next += churn.interval;
            let (churn, turn) = (churn.clone(), *turns);
            *turns += 1;
            let goes = churn.recreates && turn / churn.number % 2 == 1;
            let slot = if churn.recreates { turn % churn.number } else { turn };
            for (at, new) in churn.objects.iter().enumerate() {
                let name = format!("churn-{n}-{at}-{slot}");
                if new.kind == Kind::NODE && goes {
                    self.cache.remove_node(&name.into());
                } else if new.kind == Kind::NODE {
                    let mut value = Value::clone(&new.value);
                    value["metadata"]["name"] = name.into();
                    self.create(&New { value: Arc::new(value), ..new.clone() })?;
                } else if let (Kind::POD, false) = (new.kind, goes) {
                    let object = object(Kind::POD, &new.value)?;
                    let mut pod = Pod::clone(object.as_a::<Pod>().ok_or("a pod is a pod")?);
                    pod.meta.namespace = new.namespace.clone();
                    self.place(&pod);
                }
            }
        }
        Ok(())
    }
}

/// An object as the apiserver would store it, as far as a decision reads it.
fn object(kind: Kind, value: &Value) -> Result<Object, String> {
    let mut value = value.clone();
    if let Some(status) = value.get_mut("status").filter(|_| kind == Kind::NODE)
        && status["allocatable"].is_null()
    {
        status["allocatable"] = status["capacity"].clone();
    }
    Object::from_value(kind, value).map_err(|why| why.to_string())
}
