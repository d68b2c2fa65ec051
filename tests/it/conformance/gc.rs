//! Conformance units: gc.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::{Value, json};
use wavetank::api::Name;
use wavetank::api::meta::OwnerReference;
use wavetank::api::object::{Kind, Object};
use wavetank::api::refusal::{GroupResource, Refusal};
use wavetank::api::request::Verb;
use wavetank::api::time::{EPOCH, Time};
use wavetank::client::reconciler::Reconciler;
use wavetank::client::view::{Caches, View};
use wavetank::controllers::garbage_collector::{Dependent, Identity, alternate};
use wavetank::controllers::pod_gc::{Options, PodGc};
use wavetank::sim::time::SimDuration;

use super::{Case, Differs, Unit, same};

/// The units of this area, and the function that runs a case of each.
pub(crate) const UNITS: &[Unit] = &[
    ("gc.gc-owner-identity", owner_identity),
    ("gc.podgc-orphaned", orphaned),
    ("gc.podgc-out-of-service", out_of_service),
    ("gc.podgc-terminated", terminated),
    ("gc.podgc-unscheduled", unscheduled),
];

/// Cases that are known to differ, with the reason.
pub(crate) const DIFFERS: &[Differs] = &[(
    "gc.podgc-out-of-service",
    "TestGCTerminating 02",
    "the case does not say which pods are terminating: their zero deletionTimestamp was lost",
)];

fn rows(value: &Value) -> Result<&[Value], String> {
    match value {
        Value::Null => Ok(&[]),
        Value::Array(all) => Ok(all),
        other => Err(format!("no list: {other}")),
    }
}

fn text<'a>(value: &'a Value, name: &str) -> Result<&'a str, String> {
    value[name].as_str().ok_or(format!("no {name} in {value}"))
}

fn identity(value: &Value) -> Result<Identity, String> {
    let owner = OwnerReference::deserialize(&value["OwnerReference"]).map_err(|e| e.to_string())?;
    Ok(Identity::of(&owner, &text(value, "Namespace")?.into()))
}

fn owner_identity(case: &Case<'_>) -> Result<(), String> {
    let mut dependents = Vec::new();
    for row in rows(&case.input["deps"])? {
        let owners = rows(&row["owners"])?.iter().map(OwnerReference::deserialize);
        let owners: Vec<_> = owners.collect::<Result<_, _>>().map_err(|e| e.to_string())?;
        dependents.push((identity(&row["identity"])?.namespace, owners));
    }
    let all = dependents.iter().map(|(namespace, owners)| Dependent { namespace, owners });
    let other = alternate(all, &identity(&case.input["verifiedAbsent"])?).map(|i| {
        json!({"OwnerReference": {"apiVersion": i.api_version, "kind": i.kind, "name": i.name,
            "uid": i.uid}, "Namespace": i.namespace})
    });
    same(&json!({"alternate": other}), case.want)
}

/// The collector over caches, and the nodes that the apiserver knows.
struct World {
    caches: Caches,
    nodes: BTreeSet<Name>,
    collector: PodGc,
    deleted: BTreeSet<String>,
    failed: BTreeSet<String>,
}

impl World {
    fn new(threshold: usize) -> World {
        let collector = PodGc::new(Options { threshold, ..Options::default() });
        let (caches, nodes) = (Caches::default(), BTreeSet::new());
        World { caches, nodes, collector, deleted: BTreeSet::new(), failed: BTreeSet::new() }
    }

    fn put(&mut self, kind: Kind, value: Value) -> Result<(), String> {
        let object = Object::from_value(kind, value).map_err(|e| e.to_string())?;
        self.caches.of_mut(kind).put(object);
        Ok(())
    }

    fn look(&mut self, now: Time) -> Result<(), String> {
        for _ in 0..3 {
            let plan = self.collector.reconcile(&PodGc::key(), View::new(&self.caches, now));
            let mut again = false;
            for write in plan.writes() {
                let key = write.verb.key();
                match &write.verb {
                    Verb::Get(_) if self.nodes.contains(&key.name) => {}
                    Verb::Get(_) => {
                        let kind = GroupResource::new("", "nodes");
                        let refusal = Refusal::not_found(&kind, &key.name);
                        self.collector.recover(write, &refusal);
                        again = true;
                    }
                    Verb::Patch { .. } => {
                        self.failed.insert(key.name.to_string());
                    }
                    Verb::Delete { .. } => {
                        self.deleted.insert(key.name.to_string());
                    }
                    other => return Err(format!("unexpected {}", other.name())),
                }
            }
            if !again {
                break;
            }
        }
        Ok(())
    }

    fn compare(&self, want: &Value) -> Result<(), String> {
        let some = |all: &BTreeSet<String>| (!all.is_empty()).then(|| all.clone());
        let mut want: BTreeMap<String, Value> =
            BTreeMap::deserialize(want).map_err(|e| e.to_string())?;
        for list in want.values_mut().filter_map(Value::as_array_mut) {
            list.sort_by_key(ToString::to_string);
        }
        let got = json!({"deleted": some(&self.deleted), "patchedToFailed": some(&self.failed)});
        same(&got, &json!(want))
    }
}

/// `1m20s` in seconds.
fn seconds(span: &str) -> Result<u64, String> {
    let bad = || format!("unknown span {span}");
    let rest = span.strip_suffix('s').ok_or_else(bad)?;
    let (minutes, rest) = rest.split_once('m').unwrap_or(("0", rest));
    let number = |t: &str| t.parse::<u64>().map_err(|_| bad());
    Ok(number(minutes)? * 60 + number(rest)?)
}

fn orphaned(case: &Case<'_>) -> Result<(), String> {
    let input = case.input;
    let mut world = World::new(0);
    let names = |field: &str| -> Result<Vec<Name>, String> {
        rows(&input[field])?.iter().map(|n| text(&n["metadata"], "name").map(Name::new)).collect()
    };
    world.nodes.extend(names("initialClientNodes")?);
    for node in rows(&input["initialInformerNodes"])? {
        world.put(Kind::NODE, node.clone())?;
    }
    for (n, pod) in rows(&input["pods"])?.iter().enumerate() {
        let mut pod = pod.clone();
        pod["metadata"]["uid"] = json!(format!("pod-{n}"));
        world.put(Kind::POD, pod)?;
    }
    world.look(EPOCH)?;
    if !world.deleted.is_empty() {
        return Err("pods were deleted before the quarantine".into());
    }
    world.nodes.extend(names("addedClientNodes")?);
    for name in names("deletedClientNodes")? {
        world.nodes.remove(&name);
    }
    for node in rows(&input["addedInformerNodes"])? {
        world.put(Kind::NODE, node.clone())?;
    }
    for name in names("deletedInformerNodes")? {
        world.caches.of_mut(Kind::NODE).remove(&Name::default(), &name);
    }
    let delay = seconds(text(input, "delay")?)?;
    world.look(EPOCH.plus(SimDuration::secs(delay)))?;
    world.compare(case.want)
}

/// A pod of the short form: name, phase, reason, node.
fn pod(n: usize, row: &Value, is_deleting: bool) -> Result<Value, String> {
    let name = text(row, "name")?;
    let created = EPOCH.plus(SimDuration::secs(3600).times(n as u64));
    let mut pod = json!({"metadata": {"name": name, "namespace": "default",
        "uid": format!("pod-{n}"), "creationTimestamp": created.to_string()}, "spec": {"containers": []}, "status": {}});
    if !row["phase"].as_str().unwrap_or_default().is_empty() {
        pod["status"]["phase"] = row["phase"].clone();
    }
    pod["status"]["reason"] = row["reason"].clone();
    pod["spec"]["nodeName"] = row["nodeName"].clone();
    if is_deleting {
        pod["metadata"]["deletionTimestamp"] = json!(EPOCH.to_string());
    }
    Ok(pod)
}

fn terminated(case: &Case<'_>) -> Result<(), String> {
    let threshold = case.input["threshold"].as_u64().and_then(|n| usize::try_from(n).ok());
    let mut world = World::new(threshold.ok_or("no threshold")?);
    world.put(Kind::NODE, json!({"metadata": {"name": "node"}}))?;
    for (n, row) in rows(&case.input["pods"])?.iter().enumerate() {
        let mut value = pod(n, row, false)?;
        value["spec"]["nodeName"] = json!("node");
        world.put(Kind::POD, value)?;
    }
    world.look(EPOCH)?;
    world.compare(case.want)
}

fn unscheduled(case: &Case<'_>) -> Result<(), String> {
    let mut world = World::new(0);
    for (n, row) in rows(&case.input["pods"])?.iter().enumerate() {
        world.put(Kind::POD, pod(n, row, true)?)?;
    }
    world.look(EPOCH)?;
    world.compare(case.want)
}

fn out_of_service(case: &Case<'_>) -> Result<(), String> {
    let mut world = World::new(0);
    for row in rows(&case.input["nodes"])? {
        let ready = [json!({"type": "Ready", "status": text(row, "readyCondition")?})];
        let node = json!({"metadata": {"name": text(row, "name")?},
            "spec": {"taints": rows(&row["taints"])?}, "status": {"conditions": ready}});
        world.put(Kind::NODE, node)?;
    }
    for (n, row) in rows(&case.input["pods"])?.iter().enumerate() {
        world.put(Kind::POD, pod(n, row, true)?)?;
    }
    world.look(EPOCH)?;
    world.compare(case.want)
}
