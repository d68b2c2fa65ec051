//! Conformance units: scheduler.

mod cycle;
mod hints;
mod placement;
mod plugins;
mod preemption;
mod queue;
mod requests;
mod selectors;
mod trace;
mod volumes;

use std::sync::Arc;

use serde::Deserialize;
use serde_json::Value;
use wavetank::api::core::node::Node;
use wavetank::api::core::pod::Pod;
use wavetank::api::labels::Labels;
use wavetank::api::meta::Uid;
use wavetank::api::object::{Kind, Object};
use wavetank::api::time::Time;
use wavetank::scheduler::cache::{Budget, Cache};

use super::{Differs, Unit};

/// The units of this area, and the function that runs a case of each.
pub(crate) const UNITS: &[Unit] = &[
    ("nodefit-filter", plugins::fit_filter),
    ("nodefit-balanced-allocation", plugins::balanced_allocation),
    ("nodefit-least-allocated", plugins::least_allocated),
    ("nodefit-most-allocated", plugins::most_allocated),
    ("nodefit-requested-to-capacity-ratio", plugins::requested_to_capacity_ratio),
    ("taint-toleration", plugins::taint_toleration),
    ("node-affinity", plugins::node_affinity),
    ("node-name-unschedulable", plugins::node_name_unschedulable),
    ("node-ports", plugins::node_ports),
    ("scheduling-gates-plugins", plugins::gates_and_table),
    ("normalize-score", cycle::normalize),
    ("node-order", cycle::node_order),
    ("schedule-one", cycle::schedule_one),
    ("node-selector-helpers", selectors::run),
    ("queue-backoff", queue::backoff),
    ("queue-order-events", queue::order_and_events),
    ("queue-scenarios", queue::scenario),
    ("pod-requests", requests::requests),
    ("image-locality", placement::image_locality),
    ("interpod-affinity-filter", placement::affinity_filter),
    ("interpod-affinity-score", placement::affinity_score),
    ("topology-spread-filter", placement::spread_filter),
    ("topology-spread-score", placement::spread_score),
    ("preemption", preemption::preemption),
    ("queueing-hints", hints::hints),
    ("schedule-trace", trace::trace),
    ("volumes-and-ports", volumes::volumes_and_ports),
    ("primitives.qos-class", requests::qos_class),
    ("primitives.qos-class-upstream", requests::qos_class),
];

/// Cases that are known to differ, with the reason.
pub(crate) const DIFFERS: &[Differs] = &[];

/// An error text of anything.
fn text(e: impl std::fmt::Display) -> String {
    e.to_string()
}

/// A pod. `set` as a time of deletion is any time, and a start in numbers counts nanoseconds.
fn pod(value: &Value) -> Result<Arc<Pod>, String> {
    let mut value = value.clone();
    if let Some(deletion) = value.pointer_mut("/metadata/deletionTimestamp") {
        *deletion = "2026-01-01T00:00:00Z".into();
    }
    let start = value.pointer_mut("/status/startTime").filter(|start| start.is_number());
    let nanos = start.and_then(|start| start.take().as_i64());
    let object = Object::from_value(Kind::POD, value).map_err(text)?;
    if let Some(nanos) = nanos {
        let mut own = Pod::clone(object.as_a::<Pod>().ok_or("no pod")?);
        Arc::make_mut(&mut own.status).start_time = Some(Time(nanos));
        return Ok(Arc::new(own));
    }
    object.as_a::<Pod>().cloned().ok_or_else(|| "no pod".to_owned())
}

fn node(value: &Value) -> Result<Arc<Node>, String> {
    let object = Object::from_value(Kind::NODE, value.clone()).map_err(text)?;
    object.as_a::<Node>().cloned().ok_or_else(|| "no node".to_owned())
}

fn list<'a>(value: &'a Value, name: &str) -> Result<&'a [Value], String> {
    match value.get(name) {
        None | Some(Value::Null) => Ok(&[]),
        Some(Value::Array(all)) => Ok(all),
        Some(other) => Err(format!("`{name}` is no list: {other}")),
    }
}

fn string<'a>(value: &'a Value, name: &str) -> Result<&'a str, String> {
    value[name].as_str().ok_or_else(|| format!("`{name}` is no text"))
}

fn number(value: &Value, name: &str) -> Result<i64, String> {
    value[name].as_i64().ok_or_else(|| format!("`{name}` is no number"))
}

/// Refuses fields that the adapter would not look at.
fn only(value: &Value, known: &[&str]) -> Result<(), String> {
    let Some(map) = value.as_object() else { return Err(format!("no map: {value}")) };
    match map.keys().find(|k| !known.contains(&k.as_str())) {
        Some(other) => Err(format!("unknown input `{other}`")),
        None => Ok(()),
    }
}

/// A cluster of nodes with the pods on them; pods without a node go to the first.
fn cluster(nodes: &[Arc<Node>], pods: &[Value]) -> Result<Cache, String> {
    let mut cache = Cache::default();
    nodes.iter().for_each(|n| cache.put_node(n));
    for (i, value) in (1..).zip(pods) {
        let mut own = Pod::clone(&*pod(value)?);
        own.meta.uid = Uid::random(i);
        let spec = &value["spec"];
        own.node_name = match spec.get("nodeName").and_then(Value::as_str) {
            Some(name) if nodes.len() > 1 || nodes.iter().any(|n| n.meta.name == name) => {
                name.into()
            }
            _ => nodes.first().map(|n| n.meta.name.clone()).unwrap_or_default(),
        };
        cache.put_pod(&Arc::new(own));
    }
    Ok(cache)
}

/// Takes up what a case says of the surroundings.
fn surround(cache: &mut Cache, input: &Value) -> Result<(), String> {
    let labels = |value: &Value| Labels::deserialize(value).map_err(text);
    for (name, value) in input["namespace_labels"].as_object().into_iter().flatten() {
        cache.put_namespace(&name.into(), Some(&labels(value)?));
    }
    for value in list(input, "namespaces")? {
        let name = string(&value["metadata"], "name")?.into();
        cache.put_namespace(&name, Some(&labels(&value["metadata"]["labels"])?));
    }
    for (i, value) in list(input, "services")?.iter().enumerate() {
        let namespace = value["metadata"]["namespace"].as_str().unwrap_or_default().into();
        let name = format!("service-{i}").into();
        let selector = labels(&value["spec"]["selector"])?;
        cache.workloads.put_service(&namespace, &name, Some(&selector));
    }
    for (i, value) in list(input, "pdbs")?.iter().enumerate() {
        let namespace = value["metadata"]["namespace"].as_str().unwrap_or_default().into();
        let budget = Budget::new(&namespace, value);
        cache.budgets.insert((namespace, format!("budget-{i}").into()), budget);
    }
    Ok(())
}
