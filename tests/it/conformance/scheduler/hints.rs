//! Whether something that happened is worth another attempt.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value, json};
use wavetank::api::core::node::Node;
use wavetank::api::core::pod::Pod;
use wavetank::api::object::{Kind, Object, Resource};
use wavetank::scheduler::config::{PluginArgs, QueueConfig};
use wavetank::scheduler::event::{Action, ClusterEvent, EventResource, Happened};
use wavetank::scheduler::framework::Plugin;
use wavetank::scheduler::plugins::{PluginId, PluginSet};
use wavetank::scheduler::profile::{Enabled, Profile};
use wavetank::scheduler::queue::{Queue, Queued, Strategy};
use wavetank::sim::time::SimTime;

use super::plugins::plugin;
use super::{list, node, only, pod, string, text};
use crate::conformance::{Case, same};

type Done = Result<(), String>;

pub(crate) fn hints(case: &Case<'_>) -> Done {
    match case.whole["kind"].as_str() {
        Some("fit-pod") => short(case, short_fit_pod),
        Some("fit-node") => short(case, short_fit_node),
        Some("spread-pod") => short(case, short_spread_pod),
        Some("spread-node") => short(case, short_spread_node),
        Some("ipa-node") => short(case, short_affinity_node),
        Some("requeue-strategy") => strategy(case),
        Some(kind) if kind.starts_with("upstream-") => upstream(case),
        other => Err(format!("unknown kind {other:?}")),
    }
}

/// What happens, and the pod that waits, as API objects.
struct Scene {
    pod: Value,
    old: Value,
    new: Value,
    about: EventResource,
}

fn asked(name: &str, scene: &Scene) -> Result<&'static str, String> {
    let object = |value: &Value| -> Result<Option<Object>, String> {
        if value.is_null() {
            return Ok(None);
        }
        let read = |kind| Object::from_value(kind, value.clone()).map_err(text);
        Ok(Some(match scene.about {
            EventResource::Node => Node::into_object(node(value)?),
            EventResource::PersistentVolume => read(Kind::PERSISTENT_VOLUME)?,
            EventResource::PersistentVolumeClaim => read(Kind::PERSISTENT_VOLUME_CLAIM)?,
            _ => Pod::into_object(pod(value)?),
        }))
    };
    let event = ClusterEvent::new(scene.about, Action::ALL);
    let happened = Happened { event, old: object(&scene.old)?, new: object(&scene.new)? };
    let plugin = plugin(name, &PluginArgs::default())?;
    let worth = plugin.is_worth_retrying(&*pod(&scene.pod)?, &happened);
    Ok(if worth { "Queue" } else { "Skip" })
}

fn upstream(case: &Case<'_>) -> Done {
    let input = case.input;
    only(input, &["plugin", "event", "pod", "old", "new", "existing_pvc"])?;
    let scene = Scene {
        pod: input["pod"].clone(),
        old: input["old"].clone(),
        new: input["new"].clone(),
        about: match string(input, "event")? {
            "node" => EventResource::Node,
            "claim" => EventResource::PersistentVolumeClaim,
            "volume" => EventResource::PersistentVolume,
            _ => EventResource::AssignedPod,
        },
    };
    same(&json!({ "hint": asked(string(input, "plugin")?, &scene)? }), case.want)
}

fn short(case: &Case<'_>, scene: fn(&Value) -> Result<Option<Scene>, String>) -> Done {
    let got = match scene(case.input)? {
        Some(scene) => asked(string(case.input, "plugin")?, &scene)?,
        // The gate for resizing in place is off: the event is none.
        None => "Skip",
    };
    same(&json!({ "hint": got }), case.want)
}

fn full_pod(short: &Value) -> Value {
    if short.is_null() {
        return Value::Null;
    }
    let requests = json!({ "requests": short["requests"] });
    let mut spec = json!({ "containers": [{ "name": "c", "resources": requests }] });
    if let Some(whole) = short.get("pod_level_requests") {
        spec["resources"] = json!({ "requests": whole });
    }
    for name in ["nodeName", "tolerations"] {
        if let Some(value) = short.get(name) {
            spec[name] = value.clone();
        }
    }
    json!({
        "metadata": {
            "name": short["name"], "uid": short["uid"], "namespace": short["namespace"],
            "labels": short["labels"],
        },
        "spec": spec,
    })
}

fn short_fit_pod(input: &Value) -> Result<Option<Scene>, String> {
    only(input, &["plugin", "pod", "old", "new", "in_place_resize", "pod_level"])?;
    let both = !input["old"].is_null() && !input["new"].is_null();
    if both && input["in_place_resize"] == json!(false) {
        return Ok(None);
    }
    let pod = |name: &str| full_pod(&input[name]);
    Ok(Some(Scene {
        pod: pod("pod"),
        old: pod("old"),
        new: pod("new"),
        about: EventResource::AssignedPod,
    }))
}

fn short_fit_node(input: &Value) -> Result<Option<Scene>, String> {
    only(input, &["plugin", "pod", "old", "new"])?;
    let node = |name: &str| match &input[name] {
        Value::Null => Value::Null,
        amounts => {
            let mut amounts = amounts.clone();
            amounts["pods"] = json!("32");
            json!({ "metadata": { "name": "n" }, "status": { "allocatable": amounts } })
        }
    };
    let pod = full_pod(&input["pod"]);
    Ok(Some(Scene { pod, old: node("old"), new: node("new"), about: EventResource::Node }))
}

fn constraint(key: &str, selector: &Value, policy: &Value) -> Value {
    json!({
        "maxSkew": 1, "topologyKey": key, "whenUnsatisfiable": "DoNotSchedule",
        "labelSelector": selector, "nodeTaintsPolicy": policy,
    })
}

fn short_spread_pod(input: &Value) -> Result<Option<Scene>, String> {
    only(
        input,
        &["plugin", "pod", "constraint_selectors_exist", "old", "new", "node_taints_policy"],
    )?;
    let mut own = full_pod(&input["pod"]);
    let keys = list(input, "constraint_selectors_exist")?.iter().zip(["zone", "node"]);
    let one = |(i, (key, topology)): (usize, (&Value, &str))| {
        let exists = json!({ "matchExpressions": [{ "key": key, "operator": "Exists" }] });
        constraint(topology, &exists, &input["node_taints_policy"][i])
    };
    own["spec"]["topologySpreadConstraints"] = keys.enumerate().map(one).collect();
    let (old, new) = (full_pod(&input["old"]), full_pod(&input["new"]));
    Ok(Some(Scene { pod: own, old, new, about: EventResource::AssignedPod }))
}

fn short_node(value: &Value) -> Value {
    match value {
        Value::Null => Value::Null,
        short => json!({
            "metadata": { "name": "n", "labels": short["labels"] },
            "spec": { "taints": short.get("taints").cloned().unwrap_or(json!([])) },
        }),
    }
}

fn short_spread_node(input: &Value) -> Result<Option<Scene>, String> {
    only(input, &["plugin", "topology_keys", "old", "new"])?;
    let keys = list(input, "topology_keys")?.iter().filter_map(Value::as_str);
    let all: Vec<Value> = keys.map(|key| constraint(key, &json!({}), &Value::Null)).collect();
    let pod = json!({ "metadata": { "name": "p" }, "spec": { "topologySpreadConstraints": all } });
    let (old, new) = (short_node(&input["old"]), short_node(&input["new"]));
    Ok(Some(Scene { pod, old, new, about: EventResource::Node }))
}

fn short_affinity_node(input: &Value) -> Result<Option<Scene>, String> {
    only(input, &["plugin", "required", "topology_key", "old", "new"])?;
    let kind = match string(input, "required")? {
        "affinity" => "podAffinity",
        "anti-affinity" => "podAntiAffinity",
        other => return Err(format!("unknown {other}")),
    };
    let term = json!({
        "labelSelector": { "matchLabels": { "app": "a" } }, "topologyKey": input["topology_key"],
    });
    let terms = json!({ "requiredDuringSchedulingIgnoredDuringExecution": [term] });
    let pod = json!({ "metadata": { "name": "p" }, "spec": { "affinity": { kind: terms } } });
    let (old, new) = (short_node(&input["old"]), short_node(&input["new"]));
    Ok(Some(Scene { pod, old, new, about: EventResource::Node }))
}

/// A plugin that always says the same of pods.
struct Says {
    hint: bool,
    is_registered: bool,
}

impl Plugin for Says {
    fn events(&self) -> &'static [ClusterEvent] {
        const NODE: ClusterEvent = ClusterEvent::new(EventResource::Node, Action::ADD);
        if self.is_registered { &[NODE] } else { &[] }
    }

    fn is_worth_retrying(&self, _: &Pod, _: &Happened) -> bool {
        self.hint
    }
}

/// What the queue makes of hints; an error counts as a hint to queue.
fn strategy(case: &Case<'_>) -> Done {
    let input = case.input;
    only(input, &["unschedulable_plugins", "pending_plugins", "hints"])?;
    let mut known: BTreeMap<&str, u8> = BTreeMap::new();
    let mut set = |name: &str| -> Result<PluginSet, String> {
        let mut set = PluginSet::NONE;
        for plugin in list(input, name)?.iter().filter_map(Value::as_str) {
            let next = u8::try_from(known.len()).expect("few plugins");
            set.insert(PluginId(*known.entry(plugin).or_insert(next)));
        }
        Ok(set)
    };
    let (by, pending) = (set("unschedulable_plugins")?, set("pending_plugins")?);
    let enabled = known.iter().map(|(name, id)| {
        let hint = input["hints"].get(*name).and_then(Value::as_str);
        let says = Says { hint: hint != Some("Skip"), is_registered: hint.is_some() };
        Enabled { id: PluginId(*id), weight: 1, plugin: Arc::new(says) }
    });
    let profile = Profile::of("default-scheduler".into(), enabled.collect());
    let mut queue = Queue::new(QueueConfig::default(), Arc::new([profile]), SimTime::ZERO);
    queue.add(pod(&json!({ "metadata": { "name": "p" }, "spec": {} }))?, 0, SimTime::ZERO);
    let mut queued: Queued = queue.pop().ok_or("the pod was not queued")?;
    (queued.rejected_by, queued.pending) = (by, pending);
    let event = ClusterEvent::new(EventResource::Node, Action::ADD);
    let got = match queue.strategy(&queued, &Happened { event, old: None, new: None }) {
        Strategy::Skip => "skip",
        Strategy::AfterBackoff => "after backoff",
        Strategy::Immediately => "immediately",
    };
    same(&json!({ "strategy": got }), case.want)
}
