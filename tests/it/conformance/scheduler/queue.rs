//! The queue: pauses, order, events, and where pods end.

use std::sync::Arc;

use serde_json::{Value, json};
use wavetank::api::core::pod::Pod;
use wavetank::api::meta::Uid;
use wavetank::scheduler::config::{ProfileConfig, QueueConfig};
use wavetank::scheduler::event::{Action, ClusterEvent, EventResource, Happened};
use wavetank::scheduler::framework::Plugin;
use wavetank::scheduler::plugins::{PluginId, PluginSet, priority_sort};
use wavetank::scheduler::profile::{Enabled, Profile};
use wavetank::scheduler::queue::{
    Failure, Place, Queue, Queued, Strategy, backing_off, expiry, span,
};
use wavetank::sim::time::{SimDuration, SimTime};

use super::{list, number, only, pod, string, text};
use crate::conformance::{Case, same};

type Done = Result<(), String>;

fn nanos(input: &Value, name: &str) -> Result<u64, String> {
    number(input, name).and_then(|n| u64::try_from(n).map_err(text))
}

fn count(input: &Value, name: &str) -> Result<u32, String> {
    match input.get(name) {
        None => Ok(0),
        Some(_) => number(input, name).and_then(|n| u32::try_from(n).map_err(text)),
    }
}

pub(crate) fn backoff(case: &Case<'_>) -> Done {
    let input = case.input;
    only(
        input,
        &[
            "attempts",
            "errors",
            "initial_ns",
            "max_ns",
            "entity_size",
            "timestamp_ns",
            "now_ns",
            "pop_from_backoff_q",
        ],
    )?;
    let (attempts, errors) = (count(input, "attempts")?, count(input, "errors")?);
    let mut config = QueueConfig {
        initial_backoff: SimDuration(nanos(input, "initial_ns")?),
        max_backoff: SimDuration(nanos(input, "max_ns")?),
        ..QueueConfig::default()
    };
    if input.get("timestamp_ns").is_none() {
        let span = span(&config, attempts, errors);
        return same(&json!({ "backoff_ns": span.as_nanos() }), case.want);
    }
    config.pop_from_backoff = input["pop_from_backoff_q"].as_bool().ok_or("no gate")?;
    let since = SimTime(nanos(input, "timestamp_ns")?);
    let end = expiry(&config, since, attempts, errors);
    let mut got = json!({ "expiry_ns": end.map(|t| t.0) });
    if case.want.get("expiry_ns_feature_off").is_some() {
        let off = QueueConfig { pop_from_backoff: false, ..config };
        let end = expiry(&off, since, attempts, errors);
        got["expiry_ns_feature_off"] = json!(end.map(|t| t.0));
    }
    if input.get("now_ns").is_some() {
        let now = SimTime(nanos(input, "now_ns")?);
        got["backing_off"] = json!(end.is_some_and(|end| backing_off(&config, end, now)));
    }
    same(&got, case.want)
}

fn prioritised(name: &str, priority: i64) -> Result<Arc<Pod>, String> {
    pod(&json!({
        "metadata": { "name": name, "namespace": "default", "uid": name },
        "spec": { "priority": priority },
    }))
}

fn default_queue() -> Queue {
    let profile = Profile::new(&ProfileConfig::default());
    Queue::new(QueueConfig::default(), Arc::new([profile]), SimTime::ZERO)
}

pub(crate) fn order_and_events(case: &Case<'_>) -> Done {
    let input = case.input;
    match case.whole["kind"].as_str() {
        Some("less") => {
            let rank = |p: &Value| {
                let pod = prioritised("p", p["priority"].as_i64().unwrap_or(0))?;
                Ok::<_, String>(priority_sort::rank(&pod, SimTime(nanos(p, "queued_at")?)))
            };
            let before = rank(&input["p1"])? < rank(&input["p2"])?;
            same(&json!({ "p1_before_p2": before }), case.want)
        }
        Some("order") => {
            let mut queue = default_queue();
            for p in list(input, "pods")? {
                let pod = prioritised(string(p, "name")?, p["priority"].as_i64().unwrap_or(0))?;
                queue.add(pod, 0, SimTime(nanos(p, "queued_at")?));
            }
            let popped = std::iter::from_fn(|| queue.pop());
            let order: Vec<String> = popped.map(|q| q.pod.meta.name.to_string()).collect();
            same(&json!({ "pop_order": order }), case.want)
        }
        Some("event-match") => event_match(case),
        other => Err(format!("unknown kind {other:?}")),
    }
}

/// A plugin that is registered for some events and thinks each worth an attempt.
struct Registered(&'static [ClusterEvent]);

impl Plugin for Registered {
    fn events(&self) -> &'static [ClusterEvent] {
        self.0
    }
}

fn event(name: &str) -> Result<ClusterEvent, String> {
    if name == "Wildcard" {
        return Ok(ClusterEvent::WILDCARD);
    }
    if name == "(empty event)" {
        return Ok(ClusterEvent::new(EventResource::Wildcard, Action(0)));
    }
    let (resource, action) = name.split_once(':').ok_or_else(|| format!("no event: {name}"))?;
    let resource = match resource {
        "Node" => EventResource::Node,
        "Pod" => EventResource::Pod,
        "AssignedPod" => EventResource::AssignedPod,
        "PersistentVolume" => EventResource::PersistentVolume,
        "PersistentVolumeClaim" => EventResource::PersistentVolumeClaim,
        "StorageClass" => EventResource::StorageClass,
        "CSINode" => EventResource::CsiNode,
        other => return Err(format!("unknown resource {other}")),
    };
    let mut all = Action(0);
    for one in action.split('|') {
        all = all.or(match one {
            "All" => Action::ALL,
            "Add" => Action::ADD,
            "Delete" => Action::DELETE,
            "Update" => Action::UPDATE,
            "UpdateTaint" | "UpdateNodeTaint" => Action::NODE_TAINT,
            "UpdateLabel" | "UpdateNodeLabel" => Action::NODE_LABEL,
            "UpdateAllocatable" | "UpdateNodeAllocatable" => Action::NODE_ALLOCATABLE,
            "UpdateCondition" | "UpdateNodeCondition" => Action::NODE_CONDITION,
            other => return Err(format!("unknown action {other}")),
        });
    }
    Ok(ClusterEvent::new(resource, all))
}

fn event_match(case: &Case<'_>) -> Done {
    let input = case.input;
    only(input, &["failed_plugins", "event", "registered"])?;
    let mut events: Vec<(String, Vec<ClusterEvent>)> = Vec::new();
    for (name, plugins) in input["registered"].as_object().into_iter().flatten() {
        for plugin in plugins.as_array().into_iter().flatten().filter_map(Value::as_str) {
            match events.iter_mut().find(|(p, _)| p == plugin) {
                Some((_, list)) => list.push(event(name)?),
                None => events.push((plugin.to_owned(), vec![event(name)?])),
            }
        }
    }
    let id = |place: usize| PluginId(u8::try_from(place).expect("few plugins"));
    let mut rejected_by = PluginSet::NONE;
    for failed in list(input, "failed_plugins")? {
        let place = events.iter().position(|(p, _)| failed == p).unwrap_or(events.len());
        rejected_by.insert(id(place));
    }
    let enabled = events.into_iter().enumerate().map(|(place, (_, list))| Enabled {
        id: id(place),
        weight: 1,
        plugin: Arc::new(Registered(Vec::leak(list))),
    });
    let profile = Profile::of("default-scheduler".into(), enabled.collect());
    let mut queue = Queue::new(QueueConfig::default(), Arc::new([profile]), SimTime::ZERO);
    queue.add(prioritised("p", 0)?, 0, SimTime::ZERO);
    let mut queued: Queued = queue.pop().ok_or("the pod was not queued")?;
    queued.rejected_by = rejected_by;
    let happened = Happened { event: event(string(input, "event")?)?, old: None, new: None };
    let worth = queue.is_of_interest(happened.event)
        && queue.strategy(&queued, &happened) != Strategy::Skip;
    same(&json!({ "worth_requeuing": worth }), case.want)
}

/// The queue of a scenario, the time, and the pods in hand. Plugin A is `NodeName`, woken by new
/// nodes; plugin B is `NodePorts`, woken by deleted pods.
struct Scene {
    queue: Queue,
    now: SimTime,
    in_hand: Vec<Queued>,
    pods: Vec<Arc<Pod>>,
}

fn matching_a() -> Happened {
    let event = ClusterEvent::new(EventResource::Node, Action::ADD);
    Happened { event, old: None, new: None }
}

fn matching_b() -> Happened {
    let event = ClusterEvent::new(EventResource::AssignedPod, Action::DELETE);
    Happened { event, old: None, new: None }
}

impl Scene {
    /// Cuts `… at 3 s` and `… at +0 s` off a step and moves the clock there.
    fn clock<'s>(&mut self, step: &'s str) -> Result<&'s str, String> {
        let Some((rest, at)) = step.rsplit_once(" at ") else { return Ok(step) };
        let at = at.trim_start_matches('+').trim_end_matches('s').trim();
        let at: u64 = at.parse().map_err(|_| format!("no time: {step}"))?;
        if !step.contains(" at +") {
            self.now = SimTime(SimDuration::secs(at).as_nanos());
        } else if at != 0 {
            self.now += SimDuration::secs(at);
        }
        Ok(rest)
    }

    fn step(&mut self, step: &str) -> Done {
        let words: Vec<&str> = self.clock(step)?.split(' ').collect();
        match words[..] {
            ["add", name] => self.add(name, 0, 0),
            ["add", name, "(prio", priority] => {
                let priority = priority.trim_end_matches(')').parse().map_err(text)?;
                self.add(name, priority, 0)
            }
            ["add", name, "with", "one", "scheduling", "gate"] => self.add(name, 0, 1),
            ["update", name, "gates", "emptied"] => self.ungate(name.trim_end_matches(':')),
            ["pop", name] => {
                let queued = self.queue.pop().ok_or("nothing to pop")?;
                if queued.pod.meta.name != name {
                    return Err(format!("popped {}", queued.pod.meta.name));
                }
                self.in_hand.push(queued);
                Ok(())
            }
            ["fail", name] => self.fail(name, "NodeName"),
            ["fail", name, "(plugin", "A)"] => self.fail(name, "NodeName"),
            ["fail", name, "(plugin", "B)"] => self.fail(name, "NodePorts"),
            ["wait", seconds, "s"] => {
                self.now += SimDuration::secs(seconds.parse().map_err(text)?);
                Ok(())
            }
            ["event", "matching", "A"] => self.happened(&matching_a()),
            ["event", "matching", "only", "B"] => self.happened(&matching_b()),
            ["wildcard", "event"] | ["event", "moving", "all"] => {
                self.happened(&Happened::EVERYTHING)
            }
            ["flush", "backoff"] | ["flush", "of", "leftovers", ..] => {
                // Leftovers are looked for each 30 s: the next look is the one that is meant.
                if words[1] == "of" {
                    self.now = self.now.next_beat(SimDuration::secs(30), SimDuration::ZERO);
                }
                self.queue.flush(self.now);
                Ok(())
            }
            _ => Err(format!("unknown step {step}")),
        }
    }

    fn add(&mut self, name: &str, priority: i64, gates: usize) -> Done {
        let gates: Vec<Value> = (0..gates).map(|i| json!({ "name": format!("g{i}") })).collect();
        let pod = pod(&json!({
            "metadata": { "name": name, "namespace": "default", "uid": name },
            "spec": { "priority": priority, "schedulingGates": gates },
        }))?;
        self.pods.push(pod.clone());
        self.queue.add(pod, 0, self.now);
        Ok(())
    }

    fn ungate(&mut self, name: &str) -> Done {
        let old = self.pods.iter().find(|p| p.meta.name == name).cloned().ok_or("no such pod")?;
        let new = prioritised(name, i64::from(old.priority()))?;
        self.queue.update(&old, &new, 0, self.now);
        Ok(())
    }

    fn fail(&mut self, name: &str, plugin: &str) -> Done {
        let place = self.in_hand.iter().position(|q| q.pod.meta.name == name);
        let queued = self.in_hand.remove(place.ok_or("the pod is not in hand")?);
        let mut by = PluginSet::NONE;
        by.insert(PluginId::named(plugin).ok_or("no such plugin")?);
        self.queue.fail(queued, Failure::Rejected { by, pending: PluginSet::NONE }, self.now);
        Ok(())
    }

    fn happened(&mut self, happened: &Happened) -> Done {
        self.queue.happened(happened, self.now);
        Ok(())
    }
}

pub(crate) fn scenario(case: &Case<'_>) -> Done {
    only(case.input, &["steps"])?;
    let mut scene =
        Scene { queue: default_queue(), now: SimTime::ZERO, in_hand: Vec::new(), pods: Vec::new() };
    for step in list(case.input, "steps")? {
        scene.step(step.as_str().ok_or("a step is a text")?)?;
    }
    let names = |places: &[Place]| -> Vec<String> {
        let all = scene.pods.iter().map(|p| p.meta.name.to_string());
        let there = |n: &String| {
            scene.queue.place(Uid::parse(n)).is_some_and(|place| places.contains(&place))
        };
        all.filter(there).collect()
    };
    let mut got = json!({});
    for (name, _) in case.want.as_object().into_iter().flatten() {
        got[name.as_str()] = match name.as_str() {
            "active" => json!(names(&[Place::Active])),
            "backoff" => json!(names(&[Place::Backoff, Place::ErrorBackoff])),
            "unschedulable" => json!(names(&[Place::Unschedulable, Place::Gated])),
            "pop_order" => {
                let mut queue = scene.queue.clone();
                let popped = std::iter::from_fn(|| queue.pop());
                json!(popped.map(|q| q.pod.meta.name.to_string()).collect::<Vec<_>>())
            }
            other => return Err(format!("unknown outcome {other}")),
        };
    }
    same(&got, case.want)
}
