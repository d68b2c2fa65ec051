//! What there is to tell of workloads, nodes, and objects of any other kind.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::api::apps::deployment::Deployment;
use crate::api::apps::pod_template::PodTemplate;
use crate::api::apps::replica_set::ReplicaSet;
use crate::api::condition::{self, Condition, Truth};
use crate::api::core::node::Node;
use crate::api::discovery::endpoint_slice::EndpointSlice;
use crate::api::object::Object;
use crate::trace::timeline::fact::{Teller, Tone};

/// `1 pod`, `3 pods`.
pub(super) fn pods(n: i32) -> String {
    format!("{n} pod{}", if n == 1 { "" } else { "s" })
}

/// The images of a template, without the registry that all share.
fn images(template: &PodTemplate) -> String {
    let images = template.spec.containers.iter().map(|c| c.image.as_str());
    let short = images.map(|image| image.rsplit_once('/').map_or(image, |(_, last)| last));
    short.collect::<Vec<_>>().join(", ")
}

/// Tells of a new deployment.
pub(super) fn deployment_created(teller: &mut Teller<'_>, new: &Deployment) {
    let (count, images) = (pods(new.spec.replicas), images(&new.spec.template));
    teller.tell(Tone::Plain, format!("created: {count} of {images}"));
}

/// Tells how a deployment has changed.
pub(super) fn deployment_changed(teller: &mut Teller<'_>, old: &Deployment, new: &Deployment) {
    let (was, is) = (&old.spec, &new.spec);
    scaled(teller, was.replicas, is.replicas);
    if was.template != is.template {
        let (was, is) = (images(&was.template), images(&is.template));
        let text = if was == is {
            "template changed".to_owned()
        } else {
            format!("template changed: {was} → {is}")
        };
        teller.tell(Tone::Plain, text);
    }
    if was.paused != is.paused {
        teller.tell(Tone::Plain, if is.paused { "paused" } else { "resumed" });
    }
    if was.strategy != is.strategy {
        teller.tell(Tone::Plain, "strategy changed");
    }
    let (was, is) = (&old.status, &new.status);
    for (old, new) in transitions(&was.conditions, &is.conditions) {
        let text = format!("{} available", pods(is.available_replicas));
        let (tone, text) = match (new.kind.as_str(), new.status, new.reason.as_str()) {
            ("Available", Truth::True, _) => (Tone::Good, format!("available: {text}")),
            ("Available", _, _) if old.is_none() => continue,
            ("Available", _, _) => (Tone::Bad, format!("not available: {text}")),
            ("Progressing", Truth::True, "NewReplicaSetAvailable") => {
                let complete = format!("complete: {} updated and available", pods(is.replicas));
                (Tone::Good, complete)
            }
            ("Progressing", Truth::True | Truth::Unknown, _) => continue,
            (kind, status, reason) => (Tone::Bad, sentence(kind, status, reason, &new.message)),
        };
        teller.tell(tone, text);
    }
}

/// Tells how a `ReplicaSet` has changed.
pub(super) fn replica_set_changed(teller: &mut Teller<'_>, old: &ReplicaSet, new: &ReplicaSet) {
    scaled(teller, old.spec.replicas, new.spec.replicas);
    conditions_changed(teller, &old.status.conditions, &new.status.conditions);
}

fn scaled(teller: &mut Teller<'_>, from: i32, to: i32) {
    if from != to {
        teller.tell(Tone::Plain, format!("scaled {from} → {to}"));
    }
}

fn sentence(kind: &str, status: Truth, reason: &str, message: &str) -> String {
    let head = format!("{kind}={}", status.as_str());
    let rest = [reason, message].into_iter().filter(|part| !part.is_empty());
    [head.as_str()].into_iter().chain(rest).collect::<Vec<_>>().join(": ")
}

/// Conditions whose status or reason differ, each with the one before.
fn transitions<'a>(
    old: &'a [Condition],
    new: &'a [Condition],
) -> impl Iterator<Item = (Option<&'a Condition>, &'a Condition)> {
    let pairs = new.iter().map(|c| (condition::find(old, &c.kind), c));
    pairs.filter(|(old, new)| {
        old.is_none_or(|old| old.status != new.status || old.reason != new.reason)
    })
}

fn conditions_changed(teller: &mut Teller<'_>, old: &[Condition], new: &[Condition]) {
    for (old, new) in transitions(old, new) {
        let was = old.map(|c| c.status);
        if was == Some(new.status) || (was.is_none() && new.status != Truth::True) {
            continue;
        }
        let text = sentence(&new.kind, new.status, &new.reason, &new.message);
        teller.tell(Tone::Plain, text);
    }
    for gone in old.iter().filter(|c| c.is_true() && condition::find(new, &c.kind).is_none()) {
        teller.tell(Tone::Plain, format!("{} no longer", gone.kind));
    }
}

/// Tells how a node has changed.
pub(super) fn node_changed(teller: &mut Teller<'_>, old: &Node, new: &Node) {
    for (old, new) in transitions(&old.status.conditions, &new.status.conditions) {
        let was = old.map(|c| c.status);
        if was == Some(new.status) {
            continue;
        }
        let reason = &new.reason;
        let (tone, text) = match (new.kind.as_str(), new.status) {
            ("Ready", Truth::True) => (Tone::Good, "Ready".to_owned()),
            ("Ready", Truth::False | Truth::Unknown) => (Tone::Bad, format!("NotReady: {reason}")),
            (_, Truth::False) if was.is_none() || was == Some(Truth::Unknown) => continue,
            // That nothing is known any more, Ready tells already.
            (_, Truth::Unknown) => continue,
            (kind, status) => (Tone::Bad, sentence(kind, status, reason, "")),
        };
        teller.tell(tone, text);
    }
    if old.spec.unschedulable != new.spec.unschedulable {
        teller.tell(Tone::Plain, if new.spec.unschedulable { "cordoned" } else { "uncordoned" });
    }
    let has = |node: &Node, taint: &str| node.spec.taints.iter().any(|t| t.to_string() == taint);
    for taint in new.spec.taints.iter().map(ToString::to_string).filter(|t| !has(old, t)) {
        teller.tell(Tone::Bad, format!("tainted {taint}"));
    }
    for taint in old.spec.taints.iter().map(ToString::to_string).filter(|t| !has(new, t)) {
        teller.tell(Tone::Plain, format!("taint gone: {taint}"));
    }
    if old.status.allocatable != new.status.allocatable {
        teller.tell(Tone::Plain, "allocatable resources changed");
    }
}

/// Tells how many endpoints of a slice are ready.
pub(super) fn slice_changed(
    teller: &mut Teller<'_>,
    old: Option<&EndpointSlice>,
    new: &EndpointSlice,
) {
    let ready = |slice: &EndpointSlice| {
        slice.endpoints.iter().filter(|e| e.conditions.ready == Some(true)).count()
    };
    let (from, to) = (old.map_or(0, ready), ready(new));
    if from != to {
        teller.tell(Tone::Plain, "endpoints ready").span = Some((from, to));
    }
}

/// Tells of an object of any kind that has come to be.
pub(super) fn created(teller: &mut Teller<'_>, new: &Object) {
    let value = (!matches!(new, Object::Pod(_) | Object::Node(_))).then(|| new.to_value());
    let replicas = value.as_ref().and_then(|v| v["spec"]["replicas"].as_i64());
    match replicas.and_then(|n| i32::try_from(n).ok()) {
        Some(n) => teller.tell(Tone::Plain, format!("created: {}", pods(n))),
        None => teller.tell(Tone::Plain, "created"),
    };
}

/// Tells how an object of any other kind has changed: its size, its conditions, and what a person
/// has changed beside.
pub(super) fn any_changed(teller: &mut Teller<'_>, old: &Object, new: &Object) {
    let (was, is) = (old.to_value(), new.to_value());
    let replicas = |value: &Value| value["spec"]["replicas"].as_i64();
    let sizes = replicas(&was).zip(replicas(&is));
    if let Some((from, to)) = sizes.filter(|(from, to)| from != to) {
        teller.tell(Tone::Plain, format!("scaled {from} → {to}"));
    }
    for (kind, (status, reason)) in conditions(&is) {
        let before = conditions(&was).get(&kind).map(|(status, _)| status.clone());
        let is_new = before.is_none() && status == "True";
        if is_new || before.is_some_and(|before| before != status) {
            let reason = if reason.is_empty() { reason } else { format!(": {reason}") };
            teller.tell(Tone::Plain, format!("{kind}={status}{reason}"));
        }
    }
    let phase = |value: &Value| value["status"]["phase"].as_str().map(str::to_owned);
    if let Some(phase) = phase(&is).filter(|p| phase(&was).as_ref() != Some(p)) {
        teller.tell(Tone::Plain, phase);
    }
}

/// Status and reason of the conditions of an object, by type.
fn conditions(value: &Value) -> BTreeMap<String, (String, String)> {
    let all = value["status"]["conditions"].as_array();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    all.into_iter()
        .flatten()
        .map(|c| (text(&c["type"]), (text(&c["status"]), text(&c["reason"]))))
        .collect()
}
