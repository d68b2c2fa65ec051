//! The weather: faults at their instants, by occurrence or by chance, and their healing.

use std::collections::BTreeMap;

use serde_json::json;

use crate::api::Name;
use crate::api::core::node::Node;
use crate::api::core::pod::Pod;
use crate::api::deletion::DeleteOptions;
use crate::api::labels::Labels;
use crate::api::message::Message;
use crate::api::note::{FaultNote, Note, WriteNote};
use crate::api::object::{Kind, Object};
use crate::api::request::Verb;
use crate::api::why::Why;
use crate::scenario::spec::{
    AfterWrite, ContainerTarget, Direction, Fault, FaultAction, Inject, Mode, PodSelector,
    RandomFaults, Start, Trigger,
};
use crate::scenario::world::World;
use crate::scenario::world::shell::Shell;
use crate::sim::engine::{ActorId, Control};
use crate::sim::link::Trouble;
use crate::sim::rng::Rng;
use crate::sim::time::{SimDuration, SimTime};

/// Faults that are to come, and what is to be healed.
#[derive(Clone)]
pub(super) struct Weather {
    /// By instant, in the order of asking.
    agenda: BTreeMap<(SimTime, u64), Due>,
    asked: u64,
    watched: Vec<Watched>,
    rng: Rng,
    cuts: usize,
    misses: Vec<String>,
}

#[derive(Clone)]
enum Due {
    Begin(Inject),
    Heal(Vec<Healing>, Name),
    Random(RandomFaults),
}

/// What makes good again what a fault did.
#[derive(Clone, Debug)]
enum Healing {
    Start(ActorId),
    Crash(ActorId),
    Join(ActorId, ActorId),
}

/// A fault that waits for the n-th write of an actor.
#[derive(Clone)]
struct Watched {
    trigger: AfterWrite,
    left: u32,
    inject: Inject,
}

impl Weather {
    pub(super) fn new(faults: &[Fault], seed: u64) -> Weather {
        let mut weather = Weather {
            agenda: BTreeMap::new(),
            asked: 0,
            watched: Vec::new(),
            rng: Rng::named(seed, "fault"),
            cuts: 0,
            misses: Vec::new(),
        };
        for fault in faults {
            match &fault.start {
                Start::At(at, inject) => {
                    weather.push(SimTime::ZERO + *at, Due::Begin(inject.clone()));
                }
                Start::When(Trigger::AfterWrite(trigger), inject) => {
                    let (trigger, inject) = (trigger.clone(), inject.clone());
                    weather.watched.push(Watched { left: trigger.n.max(1), trigger, inject });
                }
                Start::Random(random) => {
                    let at = SimTime::ZERO + random.from;
                    weather.next_random(at, random.clone());
                }
            }
        }
        weather
    }

    fn push(&mut self, at: SimTime, due: Due) {
        self.asked += 1;
        self.agenda.insert((at, self.asked), due);
    }

    /// The next fault of a kind that comes by chance: on average as often as its rate says.
    fn next_random(&mut self, after: SimTime, random: RandomFaults) {
        let mean = random.rate.interval();
        let gap = SimDuration(self.rng.between(1, mean.0.saturating_mul(2)));
        let at = after + gap;
        let end = random.to.map_or(SimTime::NEVER, |to| SimTime::ZERO + to);
        if at <= end {
            self.push(at, Due::Random(random));
        }
    }

    /// When the next fault or healing is due.
    pub(super) fn due(&self) -> SimTime {
        self.agenda.first_key_value().map_or(SimTime::NEVER, |((at, _), _)| *at)
    }

    /// Whether no fault is to come and nothing is to be healed.
    pub(super) fn is_over(&self) -> bool {
        self.agenda.is_empty()
    }

    /// Whether a link is cut.
    pub(super) fn has_cut(&self) -> bool {
        self.cuts > 0
    }

    /// Faults that hit nothing, and triggers that never came.
    pub(super) fn misses(&self) -> Vec<String> {
        let never = self.watched.iter().map(|w| {
            format!(
                "fault {} never came: {} wrote fewer than {} times",
                name(&w.inject.fault),
                w.trigger.actor,
                w.trigger.n
            )
        });
        self.misses.iter().cloned().chain(never).collect()
    }

    /// The faults that a write brings.
    pub(super) fn after_write(&mut self, write: &WriteNote) -> Vec<Inject> {
        let mut hits = Vec::new();
        self.watched.retain_mut(|watched| {
            let kind = watched.trigger.kind.as_deref();
            let matches = watched.trigger.actor == write.origin.user.as_str()
                && kind.is_none_or(|k| k == write.change.object.kind().name());
            watched.left -= u32::from(matches);
            if watched.left == 0 {
                hits.push(watched.inject.clone());
            }
            watched.left > 0
        });
        hits
    }

    /// Lets a fault come now.
    pub(super) fn trigger(&mut self, inject: Inject, now: SimTime) {
        self.push(now, Due::Begin(inject));
    }
}

/// A fault's name.
pub(super) fn name(fault: &FaultAction) -> &'static str {
    match fault {
        FaultAction::NodeStop(_) => "node-stop",
        FaultAction::NodeStart(_) => "node-start",
        FaultAction::ComponentStop(_) => "component-stop",
        FaultAction::ComponentStart(_) => "component-start",
        FaultAction::PodKill(_) => "pod-kill",
        FaultAction::ContainerKill(_) => "container-kill",
        FaultAction::NetworkPartition(_) => "network-partition",
    }
}

impl World {
    /// Lets faults begin and end whose time has come.
    pub(super) fn blow(&mut self) {
        while self.weather.due() <= self.now() {
            let Some((_, due)) = self.weather.agenda.pop_first() else { return };
            match due {
                Due::Begin(inject) => {
                    if let Err(why) = self.inject(&inject) {
                        self.weather.misses.push(why);
                    }
                }
                Due::Heal(healing, fault) => self.heal(healing, &fault),
                Due::Random(random) => self.random_fault(random),
            }
        }
    }

    /// Lets a fault begin; gives whom it hit.
    pub(super) fn inject(&mut self, inject: &Inject) -> Result<Vec<Name>, String> {
        let (hit, healing) = self.carry_out(&inject.fault)?;
        let fault = Name::new_static(name(&inject.fault));
        self.tell_fault(&fault, true, hit.clone());
        let restart = matches!(inject.fault, FaultAction::ContainerKill(_));
        let span = inject.duration.or(restart.then_some(SimDuration::millis(10)));
        if let Some(span) = span.filter(|_| !healing.is_empty()) {
            let at = self.now() + span;
            self.weather.push(at, Due::Heal(healing, fault));
        }
        Ok(hit)
    }

    fn tell_fault(&mut self, fault: &Name, begins: bool, hit: Vec<Name>) {
        let note = FaultNote { fault: fault.clone(), begins, hit };
        self.cluster.with_guest(self.weather_actor, |_: &mut Shell, context| {
            context.log(Note::Fault(Box::new(note)));
        });
    }

    fn heal(&mut self, healing: Vec<Healing>, fault: &Name) {
        let mut hit = Vec::new();
        for one in healing {
            match one {
                Healing::Start(id) => {
                    hit.push(self.cluster.engine.name(id).into());
                    self.cluster.engine.control(Control::Start(id));
                }
                Healing::Crash(id) => {
                    hit.push(self.cluster.engine.name(id).into());
                    self.cluster.engine.control(Control::Crash(id));
                }
                Healing::Join(from, to) => {
                    self.weather.cuts = self.weather.cuts.saturating_sub(1);
                    hit.push(self.cluster.engine.name(from).into());
                    let control = Control::Link(from, to, Trouble::default());
                    self.cluster.engine.control(control);
                }
            }
        }
        hit.dedup();
        self.tell_fault(fault, false, hit);
    }

    fn carry_out(&mut self, fault: &FaultAction) -> Result<(Vec<Name>, Vec<Healing>), String> {
        match fault {
            FaultAction::NodeStop(selector) => {
                let all = self.nodes(&selector.nodes, &selector.label_selectors)?;
                let chosen = self.choose(all, selector.mode, selector.value);
                Ok(self.switch(chosen, false))
            }
            FaultAction::NodeStart(selector) => {
                let all = self.nodes(&selector.nodes, &selector.label_selectors)?;
                let chosen = self.choose(all, selector.mode, selector.value);
                Ok(self.switch(chosen, true))
            }
            FaultAction::ComponentStop(target) => {
                let chosen = self.components(&target.component.0, true)?;
                Ok(self.switch(chosen, false))
            }
            FaultAction::ComponentStart(target) => {
                let chosen = self.components(&target.component.0, false)?;
                Ok(self.switch(chosen, true))
            }
            FaultAction::PodKill(selector) => self.kill_pods(selector),
            FaultAction::ContainerKill(target) => match &target.component {
                Some(component) => {
                    let chosen = self.components(&component.0, true)?;
                    Ok(self.switch(chosen, false))
                }
                None => self.kill_containers(target),
            },
            FaultAction::NetworkPartition(partition) => {
                let (from, to) = (self.ends(&partition.from.0)?, self.ends(&partition.to.0)?);
                Ok(self.part(&from, &to, partition.direction))
            }
        }
    }

    /// Nodes by name and label.
    fn nodes(
        &self,
        names: &[String],
        labels: &BTreeMap<String, String>,
    ) -> Result<Vec<(Name, ActorId)>, String> {
        let known = &self.cluster.topology.nodes;
        if let Some(unknown) = names.iter().find(|n| !known.contains_key(n.as_str())) {
            return Err(format!("there is no node `{unknown}`"));
        }
        let store = self.cluster.store();
        let labelled = |name: &Name| {
            let key = crate::api::object::ObjectKey::new(Kind::NODE, "", name);
            let found = store.get(&key).and_then(|o| o.as_a::<Node>());
            found.is_some_and(|n| has(&n.meta.labels, labels))
        };
        let by_name = |name: &Name| names.is_empty() || names.iter().any(|n| n == name.as_str());
        let matching = known.iter().filter(|(name, _)| by_name(name));
        let matching: Vec<(Name, ActorId)> = matching
            .filter(|(name, _)| labels.is_empty() || labelled(name))
            .map(|(name, (id, _))| (name.clone(), *id))
            .collect();
        if matching.is_empty() { Err("the fault hit no node".to_owned()) } else { Ok(matching) }
    }

    fn choose<T>(&mut self, mut all: Vec<T>, mode: Mode, value: Option<u32>) -> Vec<T> {
        let percent = |of: u32| (all.len() * of as usize).div_ceil(100);
        let value = value.unwrap_or(0);
        let count = match mode {
            Mode::All => all.len(),
            Mode::One => 1,
            Mode::Fixed => value as usize,
            Mode::FixedPercent => percent(value),
            Mode::RandomMaxPercent => {
                let most = percent(value) as u64;
                usize::try_from(self.weather.rng.between(0, most)).unwrap_or(0)
            }
        };
        while all.len() > count {
            let out = self.weather.rng.below(all.len() as u64);
            all.remove(usize::try_from(out).unwrap_or(0));
        }
        all
    }

    /// Components by name; those that live, or those that are down.
    fn components(&self, wanted: &str, up: bool) -> Result<Vec<(Name, ActorId)>, String> {
        let topology = &self.cluster.topology;
        let engine = &self.cluster.engine;
        if let Some(node) = wanted.strip_prefix("kubelet/") {
            return match topology.nodes.get(node) {
                Some((id, _)) => Ok(vec![(wanted.into(), *id)]),
                None => Err(format!("there is no node `{node}`")),
            };
        }
        let mut found = Vec::new();
        for (component, replicas) in &topology.components {
            for id in replicas {
                let name = engine.name(*id);
                let meant = wanted == "*" || wanted == component.as_str() || wanted == name;
                let first = format!("{component}-1");
                let meant = meant || (wanted == first && Some(id) == replicas.first());
                if meant && engine.is_up(*id) == up {
                    found.push((Name::new(name), *id));
                }
            }
        }
        if found.is_empty() {
            let state = if up { "up" } else { "down" };
            return Err(format!("the fault hit nothing: no component `{wanted}` is {state}"));
        }
        Ok(found)
    }

    fn switch(&mut self, chosen: Vec<(Name, ActorId)>, on: bool) -> (Vec<Name>, Vec<Healing>) {
        let (mut hit, mut healing) = (Vec::new(), Vec::new());
        for (name, id) in chosen {
            if self.cluster.engine.is_up(id) == on {
                continue;
            }
            let control = if on { Control::Start(id) } else { Control::Crash(id) };
            self.cluster.engine.control(control);
            healing.push(if on { Healing::Crash(id) } else { Healing::Start(id) });
            hit.push(name);
        }
        (hit, healing)
    }

    fn pods(&mut self, selector: &PodSelector) -> Result<Vec<std::sync::Arc<Pod>>, String> {
        let own = self.namespace.clone();
        let by_name = |pod: &Pod| {
            let names = &selector.pods.0;
            names.is_empty()
                || names.iter().any(|(namespace, list)| {
                    let namespace = if namespace.is_empty() { own.as_str() } else { namespace };
                    namespace == pod.meta.namespace.as_str()
                        && list.iter().any(|n| n == pod.meta.name.as_str())
                })
        };
        let by_namespace = |pod: &Pod| {
            let names = &selector.namespaces;
            if names.is_empty() && selector.pods.0.is_empty() {
                return pod.meta.namespace == own;
            }
            names.is_empty() || names.iter().any(|n| n == pod.meta.namespace.as_str())
        };
        let on = |pod: &Pod| {
            selector.nodes.is_empty() || selector.nodes.iter().any(|n| n == pod.node_name.as_str())
        };
        let all = self.cluster.store().list(Kind::POD);
        let matching: Vec<std::sync::Arc<Pod>> = all
            .iter()
            .filter_map(|o| o.as_a::<Pod>())
            .filter(|p| !p.is_terminal() && by_name(p) && by_namespace(p) && on(p))
            .filter(|p| has(&p.meta.labels, &selector.label_selectors))
            .cloned()
            .collect();
        let chosen = self.choose(matching, selector.mode, selector.value);
        if chosen.is_empty() { Err("the fault hit no pod".to_owned()) } else { Ok(chosen) }
    }

    fn kill_pods(&mut self, selector: &PodSelector) -> Result<(Vec<Name>, Vec<Healing>), String> {
        let pods = self.pods(selector)?;
        let grace = i64::from(selector.grace_period);
        let hit = pods.iter().map(|p| p.meta.name.clone()).collect();
        self.cluster.with_guest(self.weather_actor, |shell: &mut Shell, context| {
            for pod in pods {
                let options =
                    DeleteOptions { grace_period_seconds: Some(grace), ..DeleteOptions::default() };
                let verb = Verb::Delete { key: Object::Pod(pod).key(), options };
                shell.ask(verb, Why::new("killed by a fault"), context);
            }
        });
        Ok((hit, Vec::new()))
    }

    fn kill_containers(
        &mut self,
        target: &ContainerTarget,
    ) -> Result<(Vec<Name>, Vec<Healing>), String> {
        let selector = PodSelector {
            pods: target.pods.clone(),
            label_selectors: target.label_selectors.clone(),
            namespaces: target.namespaces.clone(),
            nodes: target.nodes.clone(),
            mode: target.mode,
            value: target.value,
            grace_period: 0,
        };
        let pods = self.pods(&selector)?;
        let mut hit = Vec::new();
        for pod in pods {
            let Some((node, _)) = self.cluster.topology.nodes.get(&pod.node_name).copied() else {
                continue;
            };
            hit.push(pod.meta.name.clone());
            let how =
                json!({"uid": pod.meta.uid.to_string(), "containers": target.container_names});
            self.cluster.with_guest(self.weather_actor, |_: &mut Shell, context| {
                let message = Message::Runtime(Name::new_static("kill"), how);
                context.send(context.peer(node), message);
            });
        }
        if hit.is_empty() {
            Err("the fault hit no container".to_owned())
        } else {
            Ok((hit, Vec::new()))
        }
    }

    /// One end of a partition: nodes and components by name; `apiserver` for all of them.
    fn ends(&self, names: &[String]) -> Result<Vec<(Name, ActorId)>, String> {
        let mut all = Vec::new();
        for name in names {
            if let Some((id, _)) = self.cluster.topology.nodes.get(name.as_str()) {
                all.push((name.as_str().into(), *id));
                continue;
            }
            let component = match name.as_str() {
                "apiserver" => "kube-apiserver",
                "controller-manager" => "kube-controller-manager",
                "scheduler" => "kube-scheduler",
                other => other,
            };
            all.extend(self.components(component, true)?);
        }
        Ok(all)
    }

    fn part(
        &mut self,
        from: &[(Name, ActorId)],
        to: &[(Name, ActorId)],
        direction: Direction,
    ) -> (Vec<Name>, Vec<Healing>) {
        let (mut hit, mut healing) = (Vec::new(), Vec::new());
        for (name, a) in from {
            hit.push(name.clone());
            for (_, b) in to {
                let ways: &[(ActorId, ActorId)] = match direction {
                    Direction::Both => &[(*a, *b), (*b, *a)],
                    Direction::To => &[(*a, *b)],
                    Direction::From => &[(*b, *a)],
                };
                for (from, to) in ways {
                    let trouble = Trouble { cut: true, ..Trouble::default() };
                    self.cluster.engine.control(Control::Link(*from, *to, trouble));
                    self.weather.cuts += 1;
                    healing.push(Healing::Join(*from, *to));
                }
            }
        }
        hit.extend(to.iter().map(|(name, _)| name.clone()));
        (hit, healing)
    }

    /// A fault drawn from the seed: one pod, container, node or component.
    fn random_fault(&mut self, random: RandomFaults) {
        let now = self.now();
        let kinds = &random.kinds;
        let pick = self.weather.rng.below(kinds.len().max(1) as u64);
        if let Some(kind) = kinds.get(usize::try_from(pick).unwrap_or(0))
            && let Some(inject) = self.drawn(&kind.0)
        {
            // What finds nothing to hit at this instant does not come.
            let _ = self.inject(&inject);
        }
        self.weather.next_random(now, random);
    }

    fn drawn(&mut self, kind: &str) -> Option<Inject> {
        use crate::scenario::spec::{
            Component, ComponentTarget, Endpoints, NodeSelector, Partition,
        };
        let names: Vec<String> =
            self.cluster.topology.nodes.keys().map(ToString::to_string).collect();
        let pick = self.weather.rng.below(names.len().max(1) as u64);
        let node = names.get(usize::try_from(pick).unwrap_or(0)).cloned()?;
        let duration = Some(SimDuration(self.weather.rng.between(1_000_000_000, 120_000_000_000)));
        let one_node = NodeSelector {
            nodes: vec![node.clone()],
            label_selectors: BTreeMap::new(),
            mode: Mode::All,
            value: None,
        };
        let any_pod = PodSelector {
            pods: crate::scenario::spec::PodNames::default(),
            label_selectors: BTreeMap::new(),
            namespaces: vec![self.namespace.to_string()],
            nodes: Vec::new(),
            mode: Mode::One,
            value: None,
            grace_period: 0,
        };
        let fault = match kind {
            "node-stop" => FaultAction::NodeStop(one_node),
            "node-start" => FaultAction::NodeStart(one_node),
            "pod-kill" => FaultAction::PodKill(any_pod),
            "container-kill" => FaultAction::ContainerKill(ContainerTarget {
                component: None,
                container_names: Vec::new(),
                pods: any_pod.pods,
                label_selectors: any_pod.label_selectors,
                namespaces: any_pod.namespaces,
                nodes: any_pod.nodes,
                mode: Mode::One,
                value: None,
            }),
            "component-stop" => {
                let all = ["kube-controller-manager", "kube-scheduler", "kube-apiserver"];
                let pick = usize::try_from(self.weather.rng.below(3)).unwrap_or(0);
                let component = Component(all[pick].to_owned());
                FaultAction::ComponentStop(ComponentTarget { component })
            }
            "network-partition" => FaultAction::NetworkPartition(Partition {
                from: Endpoints(vec![node]),
                to: Endpoints(vec!["apiserver".to_owned()]),
                direction: Direction::Both,
            }),
            _ => return None,
        };
        Some(Inject { fault, duration, place: crate::scenario::source::Place::default() })
    }
}

/// Whether a label set has all these pairs.
fn has(labels: &Labels, wanted: &BTreeMap<String, String>) -> bool {
    wanted.iter().all(|(key, value)| labels.get(key).is_some_and(|v| v == value))
}
