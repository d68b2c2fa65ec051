//! What shall hold: judged by the truth of the store, at every change and instant that counts.

use std::sync::Arc;

use serde_json::Value;

use crate::api::Name;
use crate::api::apps::deployment::Deployment;
use crate::api::condition;
use crate::api::core::event::Event as ApiEvent;
use crate::api::core::pod::Pod;
use crate::api::note::Note;
use crate::api::object::{Kind, Object, ObjectKey};
use crate::api::resource_names;
use crate::check::Breach;
use crate::etcd::store::Store;
use crate::scenario::expression::{self, Watched};
use crate::scenario::spec::{
    Available, Condition, Event, Expectation, Judgement, ObjectRef, Phase, PodCount, Ready, Rule,
};
use crate::scenario::world::complete::{complete, found};
use crate::scenario::world::step::StepResult;
use crate::scenario::world::words::rule_words;
use crate::sim::time::SimTime;

/// Whether everything held.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Verdict {
    /// Whether everything held, and no step failed.
    pub held: bool,
    /// The expectations, in the order of the file.
    pub expectations: Vec<Outcome>,
    /// Steps that failed, faults that hit nothing.
    pub failures: Vec<String>,
    /// Invariants that did not hold.
    pub breaches: Vec<String>,
}

/// What became of one expectation.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Outcome {
    /// The expectation in words.
    pub text: String,
    /// Whether it held.
    pub held: bool,
    /// The instant that decided it; none when no single one did.
    pub at: Option<SimTime>,
    /// What was found instead, or how it held.
    pub detail: String,
}

/// The expectations of a run and how they stand.
#[derive(Clone)]
pub(super) struct Judge {
    rules: Vec<Standing>,
    namespace: Name,
    writes: u64,
}

#[derive(Clone)]
struct Standing {
    rule: Arc<Rule>,
    /// Since when it holds without a break; none while it does not.
    since: Option<SimTime>,
    /// The first instant at which it held, or for what shall always or never hold, was broken.
    first: Option<(SimTime, String)>,
    judged: bool,
    detail: String,
    end: Option<(bool, String)>,
    watched: Option<Watched>,
}

impl Standing {
    /// Whether what the rule expects holds now.
    fn holds(
        &mut self,
        expected: &Expectation,
        store: &Store,
        namespace: &Name,
        now: SimTime,
    ) -> Result<(), String> {
        match &mut self.watched {
            Some(watched) => watched.holds(store, namespace, now),
            None => holds(expected, store, namespace, now),
        }
    }
}

impl Judge {
    pub(super) fn new(rules: &[Rule], namespace: &Name) -> Judge {
        let standing = |rule: &Rule| Standing {
            rule: Arc::new(rule.clone()),
            since: None,
            first: None,
            judged: false,
            detail: String::new(),
            end: None,
            watched: watched(&rule.judgement),
        };
        Judge {
            rules: rules.iter().map(standing).collect(),
            namespace: namespace.clone(),
            writes: 0,
        }
    }

    pub(super) fn count(&mut self, note: &Note) {
        self.writes += u64::from(!note.is_heartbeat());
    }

    pub(super) fn writes(&self) -> u64 {
        self.writes
    }

    /// The next instant at which something is judged.
    pub(super) fn due(&self, _now: SimTime) -> SimTime {
        let open = self.rules.iter().filter(|s| !s.judged);
        let instants = open.filter_map(|s| match s.rule.judgement {
            Judgement::Holds(_) => s.rule.at.map(|at| SimTime::ZERO + at),
            Judgement::Always(_)
            | Judgement::Eventually(_)
            | Judgement::Sometimes(_)
            | Judgement::Never(_)
            | Judgement::Settled(_)
            | Judgement::Healthy(_) => None,
        });
        instants.min().unwrap_or(SimTime::NEVER)
    }

    /// Judges what is to be judged at this instant.
    pub(super) fn instant(&mut self, store: &Store, now: SimTime) {
        for standing in &mut self.rules {
            let Judgement::Holds(expectation) = &standing.rule.judgement else { continue };
            let due = standing.rule.at.is_some_and(|at| SimTime::ZERO + at <= now);
            if due && !standing.judged {
                standing.judged = true;
                let found = holds(expectation, store, &self.namespace, now);
                standing.end = Some((found.is_ok(), found.err().unwrap_or_default()));
                standing.first = Some((now, String::new()));
            }
        }
    }

    /// Judges the state after a change.
    pub(super) fn state_changed(&mut self, store: &Store, now: SimTime) {
        for standing in &mut self.rules {
            let rule = standing.rule.clone();
            match &rule.judgement {
                Judgement::Holds(_) | Judgement::Settled(_) | Judgement::Healthy(_) => {}
                Judgement::Always(e) => {
                    if standing.first.is_none()
                        && let Err(why) = standing.holds(e, store, &self.namespace, now)
                        && standing.judged
                    {
                        standing.first = Some((now, why));
                    } else if !standing.judged {
                        // It is judged from the first instant at which it holds.
                        standing.judged = standing.holds(e, store, &self.namespace, now).is_ok();
                    }
                }
                Judgement::Never(e) => {
                    if standing.first.is_none()
                        && standing.holds(e, store, &self.namespace, now).is_ok()
                    {
                        standing.first = Some((now, "it held".to_owned()));
                    }
                }
                Judgement::Sometimes(e) | Judgement::Eventually(e) => {
                    match standing.holds(e, store, &self.namespace, now) {
                        Ok(()) => {
                            standing.since.get_or_insert(now);
                            standing.first.get_or_insert((now, String::new()));
                        }
                        Err(why) => (standing.since, standing.detail) = (None, why),
                    }
                }
            }
        }
    }

    /// Whether somebody asks that nothing be wrong at the end, and that it be the end without
    /// faults.
    pub(super) fn asks_for_health(&self) -> Option<bool> {
        let same_end = |standing: &Standing| match &standing.rule.judgement {
            Judgement::Healthy(healthy) => Some(healthy.same_end),
            Judgement::Always(_)
            | Judgement::Eventually(_)
            | Judgement::Sometimes(_)
            | Judgement::Never(_)
            | Judgement::Holds(_)
            | Judgement::Settled(_) => None,
        };
        self.rules.iter().filter_map(same_end).max()
    }

    /// The run has ended; `idle` tells since when nothing was left to do, or what was; `health`
    /// what is wrong, if somebody has asked.
    pub(super) fn finish(
        &mut self,
        store: &Store,
        now: SimTime,
        idle: &Result<SimTime, String>,
        health: &Result<(), String>,
    ) {
        self.state_changed(store, now);
        for standing in &mut self.rules {
            let rule = standing.rule.clone();
            let end = match &rule.judgement {
                Judgement::Holds(_) => standing
                    .end
                    .clone()
                    .unwrap_or((false, "the run ended before this instant".to_owned())),
                Judgement::Always(e) => match (&standing.first, standing.judged) {
                    (Some((_, why)), _) => (false, why.clone()),
                    (None, true) => (true, String::new()),
                    (None, false) => {
                        let why = holds(e, store, &self.namespace, now).err().unwrap_or_default();
                        (false, format!("it never held: {why}"))
                    }
                },
                Judgement::Never(_) => (standing.first.is_none(), String::new()),
                Judgement::Sometimes(_) => (standing.first.is_some(), standing.detail.clone()),
                Judgement::Eventually(_) => eventually(standing),
                Judgement::Settled(settled) => match idle {
                    Err(busy) => (false, busy.clone()),
                    Ok(since) => {
                        let since = *since;
                        standing.first = Some((since, String::new()));
                        let limit = settled.within.map_or(SimTime::NEVER, |w| SimTime::ZERO + w);
                        (since <= limit, format!("nothing was left to do from {since} on"))
                    }
                },
                Judgement::Healthy(_) => (health.is_ok(), health.clone().err().unwrap_or_default()),
            };
            standing.end = Some(end);
        }
    }

    pub(super) fn verdict(
        &self,
        steps: &[StepResult],
        misses: Vec<String>,
        breaches: &[Breach],
    ) -> Verdict {
        let outcome = |standing: &Standing| {
            let (held, detail) =
                standing.end.clone().unwrap_or((false, "the run has not ended".to_owned()));
            let at = match standing.rule.judgement {
                Judgement::Eventually(_) => standing.since,
                Judgement::Holds(_)
                | Judgement::Always(_)
                | Judgement::Sometimes(_)
                | Judgement::Never(_)
                | Judgement::Settled(_)
                | Judgement::Healthy(_) => standing.first.as_ref().map(|(at, _)| *at),
            };
            let detail = if held && detail.is_empty() { String::new() } else { detail };
            Outcome { text: rule_words(&standing.rule), held, at, detail }
        };
        let expectations: Vec<Outcome> = self.rules.iter().map(outcome).collect();
        let failed = steps.iter().filter(|s| s.code != 0 && !s.tolerant);
        let failures: Vec<String> = failed
            .map(|s| format!("step {} `{}` failed with status {}", s.number + 1, s.text, s.code))
            .chain(misses)
            .collect();
        let breaches: Vec<String> = breaches.iter().map(ToString::to_string).collect();
        let held =
            failures.is_empty() && breaches.is_empty() && expectations.iter().all(|o| o.held);
        Verdict { held, expectations, failures, breaches }
    }
}

/// What is judged again and again by an expression remembers what it has found.
fn watched(judgement: &Judgement) -> Option<Watched> {
    match judgement {
        Judgement::Always(Expectation::Cel(cel))
        | Judgement::Eventually(Expectation::Cel(cel))
        | Judgement::Sometimes(Expectation::Cel(cel))
        | Judgement::Never(Expectation::Cel(cel)) => Some(Watched::new(&cel.0)),
        Judgement::Always(_)
        | Judgement::Eventually(_)
        | Judgement::Sometimes(_)
        | Judgement::Never(_)
        | Judgement::Holds(_)
        | Judgement::Settled(_)
        | Judgement::Healthy(_) => None,
    }
}

fn eventually(standing: &Standing) -> (bool, String) {
    let limit = standing.rule.within.map_or(SimTime::NEVER, |w| SimTime::ZERO + w);
    match standing.since {
        Some(since) if since <= limit => (true, String::new()),
        Some(since) => (false, format!("it held only from {since} on")),
        None => (false, standing.detail.clone()),
    }
}

/// Whether an expectation holds in the store, and what is found when it does not.
pub(super) fn holds(
    expectation: &Expectation,
    store: &Store,
    namespace: &Name,
    now: SimTime,
) -> Result<(), String> {
    let within = |given: &Option<String>| given.as_ref().map_or(namespace.clone(), Name::new);
    match expectation {
        Expectation::Available(a) => available(a, store, &within(&a.namespace)),
        Expectation::RolloutComplete(r) => complete(r, store, &within(&r.namespace)),
        Expectation::Pods(p) => count(p, store, &within(&p.namespace)),
        Expectation::Event(e) => event(e, store, &within(&e.namespace)),
        Expectation::Gone(o) => match find(o, store, &within(&o.namespace))? {
            None => Ok(()),
            Some(_) => Err(format!("{} {} is there", o.kind, o.name)),
        },
        Expectation::Ready(r) => ready(r, store, &within(&r.namespace)),
        Expectation::Phase(p) => phase(p, store, &within(&p.namespace)),
        Expectation::Condition(c) => has_condition(c, store, &within(&c.namespace)),
        Expectation::Cel(cel) => expression::holds(&cel.0, store, namespace, now),
    }
}

fn available(a: &Available, store: &Store, namespace: &str) -> Result<(), String> {
    let found = found::<Deployment>(&a.deployment, store, namespace)?.status.available_replicas;
    let enough = u32::try_from(found).unwrap_or(0) >= a.at_least;
    if enough { Ok(()) } else { Err(format!("{found} available")) }
}

fn pods<'a>(store: &'a Store, namespace: &'a str) -> impl Iterator<Item = &'a Arc<Pod>> {
    let all = store.iter(Kind::POD).filter_map(|o| o.as_a::<Pod>());
    all.filter(move |p| p.meta.namespace == namespace)
}

fn count(p: &PodCount, store: &Store, namespace: &str) -> Result<(), String> {
    let matching = pods(store, namespace).filter(|pod| {
        p.selector.as_ref().is_none_or(|s| s.matches(&pod.meta.labels))
            && p.phase.as_deref().is_none_or(|phase| pod.status.phase.as_str() == phase)
            && p.node.as_deref().is_none_or(|node| pod.node_name == node)
            && p.ready.is_none_or(|ready| pod.is_ready() == ready)
    });
    let found = u32::try_from(matching.count()).unwrap_or(u32::MAX);
    let fits = p.count.is_none_or(|n| found == n)
        && p.at_least.is_none_or(|n| found >= n)
        && p.at_most.is_none_or(|n| found <= n)
        && p.more_than.is_none_or(|n| found > n)
        && p.less_than.is_none_or(|n| found < n);
    if fits { Ok(()) } else { Err(format!("{found} pods")) }
}

fn event(e: &Event, store: &Store, namespace: &str) -> Result<(), String> {
    let is = |wanted: &Option<String>, found: &str| wanted.as_deref().is_none_or(|w| w == found);
    let found = store.iter(Kind::EVENT).filter_map(|o| o.as_a::<ApiEvent>()).any(|event| {
        let body = &event.body;
        let place = &body.involved_object.namespace;
        (place == namespace || place.is_empty())
            && is(&e.reason, &body.reason)
            && is(&e.kind_of_event, &body.origin.kind)
            && is(&e.kind, &body.involved_object.kind)
            && is(&e.name, &body.involved_object.name)
            && e.message.as_deref().is_none_or(|m| body.message.contains(m))
    });
    if found { Ok(()) } else { Err("there is no such event".to_owned()) }
}

fn kind_of(text: &str) -> Result<Kind, String> {
    let known = resource_names::find(text).map(|r| r.kind);
    Kind::named(known.unwrap_or(text)).ok_or_else(|| format!("unknown kind `{text}`"))
}

fn find<'a>(
    o: &ObjectRef,
    store: &'a Store,
    namespace: &str,
) -> Result<Option<&'a Object>, String> {
    let kind = kind_of(&o.kind)?;
    let namespace = if kind.row().namespaced { namespace } else { "" };
    Ok(store.get(&ObjectKey::new(kind, namespace, &o.name)))
}

fn ready(r: &Ready, store: &Store, namespace: &str) -> Result<(), String> {
    if let Some(selector) = &r.selector {
        let all: Vec<_> =
            pods(store, namespace).filter(|p| selector.matches(&p.meta.labels)).collect();
        let ready = all.iter().filter(|p| p.is_ready()).count();
        let fits = !all.is_empty() && ready == all.len();
        return if fits { Ok(()) } else { Err(format!("{ready} of {} pods ready", all.len())) };
    }
    let name = r.name.clone().unwrap_or_default();
    let of = ObjectRef { kind: r.kind.clone(), name: name.clone(), namespace: None };
    let Some(object) = find(&of, store, namespace)? else {
        return Err(format!("there is no {} {name}", r.kind));
    };
    let value = object.to_value();
    if truth(&value, "Ready", "True", None) || truth(&value, "Available", "True", None) {
        return Ok(());
    }
    Err(format!("{} {name} is not ready", r.kind))
}

fn phase(p: &Phase, store: &Store, namespace: &str) -> Result<(), String> {
    let wanted = format!("{:?}", p.is);
    let mut any = false;
    for pod in pods(store, namespace) {
        let meant = match (&p.pod, &p.selector) {
            (Some(name), _) => pod.meta.name == name.as_str(),
            (None, Some(selector)) => selector.matches(&pod.meta.labels),
            (None, None) => false,
        };
        if !meant {
            continue;
        }
        any = true;
        if pod.status.phase.as_str() != wanted {
            return Err(format!("pod {} is {}", pod.meta.name, pod.status.phase.as_str()));
        }
    }
    if any { Ok(()) } else { Err("there is no such pod".to_owned()) }
}

fn has_condition(c: &Condition, store: &Store, namespace: &str) -> Result<(), String> {
    let of = ObjectRef { kind: c.kind.clone(), name: c.name.clone(), namespace: None };
    let Some(object) = find(&of, store, namespace)? else {
        return Err(format!("there is no {} {}", c.kind, c.name));
    };
    if let Object::Pod(pod) = object {
        let found = condition::find(&pod.status.conditions, &c.condition);
        let fits = found.is_some_and(|f| {
            f.status.as_str() == c.status && c.reason.as_deref().is_none_or(|r| f.reason == r)
        });
        return if fits { Ok(()) } else { Err("the condition does not hold".to_owned()) };
    }
    let fits = truth(&object.to_value(), &c.condition, &c.status, c.reason.as_deref());
    if fits { Ok(()) } else { Err("the condition does not hold".to_owned()) }
}

fn truth(value: &Value, kind: &str, status: &str, reason: Option<&str>) -> bool {
    let all = value["status"]["conditions"].as_array().into_iter().flatten();
    all.into_iter().any(|c| {
        c["type"] == kind && c["status"] == status && reason.is_none_or(|r| c["reason"] == r)
    })
}
