//! Drives the node controller over a cluster whose nodes stop and start, second by second.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use wavetank::api::condition::Condition;
use wavetank::api::condition::{self, Truth};
use wavetank::api::core::node::Node;
use wavetank::api::edit::upsert;
use wavetank::api::object::{Kind, Object, ObjectKey};
use wavetank::api::request::{Patch, Verb};
use wavetank::api::taint::TaintEffect;
use wavetank::api::time::{EPOCH, Time};
use wavetank::client::reconciler::{Observed, Reconciler};
use wavetank::client::view::{Caches, View};
use wavetank::controllers::node_lifecycle::{Grace, NodeLifecycle, Options};
use wavetank::sim::time::SimDuration;

use super::{count, second};
use crate::conformance::{Case, same};

/// A cluster as the controller sees it, and the kubelets behind it.
struct World {
    caches: Caches,
    controller: NodeLifecycle,
    /// Whether each node gives signs of life, and whether it ever posts a status.
    kubelets: BTreeMap<String, (bool, bool)>,
}

pub(super) fn run(case: &Case<'_>) -> Result<(), String> {
    let input = case.input;
    let number = |name: &str| input[name].as_u64().ok_or(format!("no {name}"));
    if input["leaseRenewal"] != "every tick while heartbeating" {
        return Err(format!("unknown lease renewal {}", input["leaseRenewal"]));
    }
    let period = number("monitorPeriodSeconds")?;
    let mut world = World::new(input, period)?;
    let (mut rows, mut last) = (Vec::new(), Value::Null);
    for tick in (0..=number("untilSecond")?).step_by(usize::try_from(period).unwrap_or(5)) {
        let from = if tick == 0 { 0 } else { tick - period + 1 };
        for event in input["events"].as_array().into_iter().flatten() {
            let at = event["t"].as_u64().ok_or("no t")?;
            if (from..=tick).contains(&at) {
                world.event(event, second(tick))?;
            }
        }
        world.tick(second(tick))?;
        let row = world.row()?;
        if row != last {
            let mut told = row.clone();
            told["t"] = tick.into();
            rows.push(told);
            last = row;
        }
    }
    same(&json!({"changes": rows}), case.want)
}

/// Makes the writes of a plan to the caches, and again until nothing is wanted.
pub(super) fn settle(
    controller: &mut NodeLifecycle,
    key: &ObjectKey,
    caches: &mut Caches,
    now: Time,
) -> Result<(), String> {
    for _ in 0..20 {
        let plan = controller.reconcile(key, View::new(caches, now));
        let verbs: Vec<Verb> = plan.writes().map(|w| w.verb.clone()).collect();
        if verbs.is_empty() {
            return Ok(());
        }
        for verb in verbs {
            let key = verb.key();
            let mut object = View::new(caches, now).object(&key).cloned().ok_or("it is gone")?;
            match verb {
                Verb::Update { object: new, .. } => object.take_status(&new),
                Verb::Patch { patch: Patch::Edit(edit), .. } => edit.apply(&mut object),
                other => return Err(format!("unexpected {}", other.name())),
            }
            put(controller, caches, object, now);
        }
    }
    Err("it never settles".into())
}

fn put(controller: &mut NodeLifecycle, caches: &mut Caches, mut object: Object, now: Time) {
    object.meta_mut().resource_version += 1;
    let old = caches.of_mut(object.kind()).put(object.clone());
    let change = Observed { old: old.as_ref(), new: Some(&object) };
    controller.observe(&change, View::new(caches, now));
}

impl World {
    fn new(input: &Value, period: u64) -> Result<World, String> {
        let seconds =
            |name: &str| input[name].as_u64().map(SimDuration::secs).ok_or(format!("no {name}"));
        let grace = Grace {
            usual: seconds("gracePeriodSeconds")?,
            startup: seconds("startupGraceSeconds")?,
        };
        let period = SimDuration::secs(period);
        let options = Options { grace, period, ..Options::default() };
        let controller = NodeLifecycle::new(options);
        let mut world = World { caches: Caches::default(), controller, kubelets: BTreeMap::new() };
        let silent: Vec<String> = super::list(&input["neverPostStatus"])?;
        for (zone, nodes) in input["zones"].as_object().ok_or("no zones")? {
            for n in 0..count(nodes)? {
                let name = format!("{zone}-{n}");
                let posts = !silent.contains(&name);
                let labels = json!({"topology.kubernetes.io/zone": zone});
                let meta = json!({"name": name, "labels": labels, "uid": name,
                    "creationTimestamp": EPOCH.to_string()});
                let node = Object::from_value(Kind::NODE, json!({"metadata": meta}));
                put(
                    &mut world.controller,
                    &mut world.caches,
                    node.map_err(|e| e.to_string())?,
                    EPOCH,
                );
                world.kubelets.insert(name, (posts, posts));
            }
        }
        Ok(world)
    }

    fn change(&mut self, name: &str, now: Time, change: impl FnOnce(&mut Node)) {
        let view = View::new(&self.caches, now);
        let mut node = view.get::<Node>("", name).map(|n| Node::clone(n)).unwrap_or_default();
        change(&mut node);
        put(&mut self.controller, &mut self.caches, node.into(), now);
    }

    fn say(&mut self, name: &str, kind: &'static str, status: Truth, now: Time) {
        self.change(name, now, |node| {
            let all = &mut std::sync::Arc::make_mut(&mut node.status).conditions;
            let old = condition::find(all, kind).filter(|c| c.status == status);
            let since = old.map_or(Some(now), |c| c.last_transition_time);
            let said = Condition {
                last_heartbeat_time: Some(now),
                last_transition_time: since,
                ..Condition::new(kind, status, "")
            };
            upsert(all, &said);
        });
    }

    fn event(&mut self, event: &Value, now: Time) -> Result<(), String> {
        let name = event["node"].as_str().ok_or("no node")?.to_owned();
        let word = event["do"].as_str().ok_or("no do")?;
        match word {
            "stop" => self.kubelets.get_mut(&name).ok_or("no such node")?.0 = false,
            "start" => self.kubelets.get_mut(&name).ok_or("no such node")?.0 = true,
            "notReady" => self.say(&name, "Ready", Truth::False, now),
            "ready" => self.say(&name, "Ready", Truth::True, now),
            "unschedulable" => self.change(&name, now, |n| n.spec.unschedulable = true),
            "schedulable" => self.change(&name, now, |n| n.spec.unschedulable = false),
            _ => {
                let pair = word.strip_prefix("cond:").and_then(|w| w.split_once('='));
                let (kind, status) = pair.ok_or(format!("unknown event {word}"))?;
                let all = [
                    "Ready",
                    "MemoryPressure",
                    "DiskPressure",
                    "PIDPressure",
                    "NetworkUnavailable",
                ];
                let kind = all.into_iter().find(|k| *k == kind);
                let status = match status {
                    "True" => Truth::True,
                    "False" => Truth::False,
                    "Unknown" => Truth::Unknown,
                    other => return Err(format!("unknown status {other}")),
                };
                self.say(&name, kind.ok_or(format!("unknown event {word}"))?, status, now);
            }
        }
        Ok(())
    }

    /// Living nodes renew their leases and post their status, then the controller looks.
    fn tick(&mut self, now: Time) -> Result<(), String> {
        for (name, (lives, posts)) in self.kubelets.clone() {
            if !lives {
                continue;
            }
            let lease = json!({"metadata": {"name": name, "namespace": "kube-node-lease"},
                "spec": {"renewTime": now.micro_text()}});
            let lease = Object::from_value(Kind::LEASE, lease).map_err(|e| e.to_string())?;
            put(&mut self.controller, &mut self.caches, lease, now);
            let view = View::new(&self.caches, now);
            let node = view.get::<Node>("", &name).ok_or("no such node")?;
            let said = condition::find(&node.status.conditions, "Ready").map(|c| c.status);
            if posts && said.is_none_or(|s| s == Truth::Unknown) {
                self.say(&name, "Ready", Truth::True, now);
            }
        }
        settle(&mut self.controller, &NodeLifecycle::monitor_key(), &mut self.caches, now)?;
        for name in self.kubelets.keys() {
            let key = ObjectKey::new(Kind::NODE, "", name);
            settle(&mut self.controller, &key, &mut self.caches, now)?;
        }
        Ok(())
    }

    fn row(&self) -> Result<Value, String> {
        let view = View::new(&self.caches, EPOCH);
        let (mut taints, mut ready, mut zones) =
            (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        for name in self.kubelets.keys() {
            let node = view.get::<Node>("", name).ok_or("no such node")?;
            let here = node.spec.taints.iter().filter(|t| t.effect == TaintEffect::NoSchedule);
            let mut here: Vec<String> = here.map(ToString::to_string).collect();
            here.sort();
            if !here.is_empty() {
                taints.insert(name.clone(), here);
            }
            let text = match condition::find(&node.status.conditions, "Ready") {
                None => "absent".to_owned(),
                Some(c) if c.status == Truth::True || c.reason.is_empty() => {
                    c.status.as_str().to_owned()
                }
                Some(c) => format!("{}/{}", c.status.as_str(), c.reason),
            };
            ready.insert(name.clone(), text);
            let zone = node.meta.labels.get("topology.kubernetes.io/zone").cloned();
            let state = self.controller.zone_states().get(&node.zone_key());
            let state = state.ok_or(format!("no state of the zone of {name}"))?;
            zones.insert(zone.unwrap_or_default().to_string(), state.name());
        }
        Ok(json!({"noScheduleTaints": taints, "ready": ready, "zoneStates": zones}))
    }
}
