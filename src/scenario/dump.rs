//! A dump of a cluster, `kubectl get nodes,pods,deployments,… -A -o yaml`, as the state in which a
//! run begins.
//!
//! Responsible for turning what was written out into objects again, with their identities, owners
//! and statuses, and for telling what of it cannot be taken over. It never decides what a component
//! does with the objects: each reads them as it would after a start of its own.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::api::object::Kind;
use crate::api::object::Object;
use crate::api::object::ObjectKey;
use crate::api::object::served::{self, Served};
use crate::api::time::Time;
use crate::scenario::diagnostic::Mistake;
use crate::scenario::manifest::Manifest;
use crate::scenario::source::Place;
use crate::scenario::source::Session;
use crate::sim::time::SimDuration;

/// Kinds that a dump may hold and that a run makes itself: signs of life of processes that are not
/// those of the run, and what has been told before it.
const LEFT_OUT: [Kind; 2] = [Kind::LEASE, Kind::EVENT];

/// What of the metadata is the store's of the cluster that was dumped.
const NOT_KEPT: [&str; 3] = ["managedFields", "resourceVersion", "selfLink"];

/// The objects of a dump, in the order in which they are written.
///
/// All instants are shifted together, so that the latest of them is the beginning of the run: what
/// was 3 min old when the dump was made is 3 min old when the run begins.
pub fn objects(manifests: &[Manifest], start: Time, session: &mut Session) -> Vec<Object> {
    let shift = Shift::of(manifests, start);
    let mut places: BTreeMap<ObjectKey, Place> = BTreeMap::new();
    let mut all = Vec::new();
    for manifest in manifests {
        let Some(kind) = kind_of(manifest, session) else { continue };
        if LEFT_OUT.contains(&kind) {
            continue;
        }
        let value = as_stored(kind, manifest, shift);
        let object = match Object::from_value(kind, value) {
            Ok(object) => object,
            Err(why) => {
                let name = &manifest.name;
                let message = format!("{} `{name}` cannot be read: {why}", kind.name());
                session.report(manifest.tree.place, Mistake::other(message));
                continue;
            }
        };
        let place = manifest.place("metadata.name");
        if let Some(first) = places.insert(object.key(), place) {
            let message = format!("{} `{}` is in the dump twice", kind.name(), manifest.name);
            let note = format!("the first one is in line {}", first.line);
            session.report(place, Mistake::other(message).note(note));
            continue;
        }
        all.push(object);
    }
    all
}

fn kind_of(manifest: &Manifest, session: &mut Session) -> Option<Kind> {
    let kind = served::kind_of(&manifest.api_version, &manifest.kind);
    if kind.is_none() {
        let name = format!("{} of {}", manifest.kind, manifest.api_version);
        session.report(manifest.place("kind"), Mistake::not_modelled("kind", &name));
    }
    kind
}

/// An object as the store is to hold it.
fn as_stored(kind: Kind, manifest: &Manifest, shift: Shift) -> Value {
    let mut value = Value::clone(&manifest.value);
    if let Some(served) = Served::of_value(&value) {
        (served.to_stored)(&mut value);
    }
    if let Some(metadata) = value.get_mut("metadata").and_then(Value::as_object_mut) {
        NOT_KEPT.iter().for_each(|field| drop(metadata.remove(*field)));
        if kind.row().namespaced && manifest.namespace.is_none() {
            metadata.insert("namespace".to_owned(), "default".into());
        }
    }
    for part in ["metadata", "status"] {
        if let Some(part) = value.get_mut(part) {
            each_instant(part, &mut |text| shift.apply(text));
        }
    }
    value
}

/// By how much the instants of a dump are moved.
#[derive(Clone, Copy)]
enum Shift {
    Earlier(SimDuration),
    Later(SimDuration),
}

impl Shift {
    /// In whole seconds, so that fractions stay as they are.
    fn of(manifests: &[Manifest], start: Time) -> Shift {
        let mut latest = None;
        for manifest in manifests {
            for part in ["metadata", "status"].iter().filter_map(|p| manifest.value.get(p)) {
                latest = latest.max(latest_of(part));
            }
        }
        let latest = latest.map_or(start, Time::whole_seconds);
        if latest > start {
            Shift::Earlier(latest.since(start))
        } else {
            Shift::Later(start.since(latest))
        }
    }

    fn apply(self, text: &mut String) {
        let Some(time) = Time::parse(text) else { return };
        let moved = match self {
            Shift::Earlier(span) => time.minus(span),
            Shift::Later(span) => time.plus(span),
        };
        *text = if text.contains('.') { moved.micro_text() } else { moved.to_string() };
    }
}

/// The latest instant at which something has happened; the end of a grace period lies ahead.
fn latest_of(value: &Value) -> Option<Time> {
    match value {
        Value::Object(fields) => fields
            .iter()
            .filter(|(name, _)| *name != "deletionTimestamp")
            .filter_map(|(name, value)| match value {
                Value::String(text) if is_instant(name) => Time::parse(text),
                Value::String(_) | Value::Null | Value::Bool(_) | Value::Number(_) => None,
                Value::Array(_) | Value::Object(_) => {
                    (!is_free(name)).then(|| latest_of(value)).flatten()
                }
            })
            .max(),
        Value::Array(items) => items.iter().filter_map(latest_of).max(),
        Value::String(_) | Value::Null | Value::Bool(_) | Value::Number(_) => None,
    }
}

/// Calls `change` with every instant in a value.
fn each_instant(value: &mut Value, change: &mut impl FnMut(&mut String)) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields.iter_mut().filter(|(name, _)| !is_free(name)) {
                match value {
                    Value::String(text) if is_instant(name) => change(text),
                    Value::String(_) | Value::Null | Value::Bool(_) | Value::Number(_) => {}
                    Value::Array(_) | Value::Object(_) => each_instant(value, change),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| each_instant(item, change)),
        Value::String(_) | Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Whether a field of this name holds an instant: `startTime`, `creationTimestamp`, `finishedAt`.
fn is_instant(name: &str) -> bool {
    ["Time", "Timestamp", "At"].iter().any(|end| name.ends_with(end))
}

/// Whether a field holds names and texts of the user's own.
fn is_free(name: &str) -> bool {
    matches!(name, "labels" | "annotations")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::manifest;

    fn check(text: &str) -> (Vec<Object>, Vec<String>) {
        let mut session = Session::default();
        let manifests = manifest::of_text("dump.yaml", text, &mut session);
        let objects = objects(&manifests, crate::api::time::EPOCH, &mut session);
        (objects, session.take_problems().iter().map(ToString::to_string).collect())
    }

    #[test]
    fn the_latest_instant_becomes_the_beginning_of_the_run() {
        let text = "kind: List\napiVersion: v1\nitems:\n\
            - {apiVersion: v1, kind: ConfigMap, metadata: {name: a, namespace: x, \
               creationTimestamp: '2024-05-05T10:00:00Z', resourceVersion: '7', \
               annotations: {endTime: '2024-05-05T10:00:00Z'}}}\n\
            - {apiVersion: v1, kind: Pod, metadata: {name: b, namespace: x, \
               creationTimestamp: '2024-05-05T10:00:50Z', deletionTimestamp: \
               '2024-05-05T10:01:30Z'}, spec: {containers: []}, \
               status: {startTime: '2024-05-05T10:01:00Z'}}\n";
        let (objects, problems) = check(text);
        assert_eq!(problems, [""; 0]);
        let values: Vec<Value> = objects.iter().map(Object::to_value).collect();
        assert_eq!(values[0]["metadata"]["creationTimestamp"], "2025-12-31T23:59:00Z");
        assert_eq!(values[0]["metadata"]["annotations"]["endTime"], "2024-05-05T10:00:00Z");
        assert_eq!(objects[0].meta().resource_version, 0);
        assert_eq!(values[1]["metadata"]["creationTimestamp"], "2025-12-31T23:59:50Z");
        assert_eq!(values[1]["metadata"]["deletionTimestamp"], "2026-01-01T00:00:30Z");
        assert_eq!(values[1]["status"]["startTime"], "2026-01-01T00:00:00Z");
    }

    #[test]
    fn what_cannot_be_taken_over_is_told_with_its_place() {
        let text = "apiVersion: example.com/v1\nkind: Widget\nmetadata: {name: w}\n---\n\
                    apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n---\n\
                    apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n---\n\
                    apiVersion: coordination.k8s.io/v1\nkind: Lease\nmetadata: {name: l}\n";
        let (objects, problems) = check(text);
        assert_eq!(objects.len(), 1);
        assert_eq!(problems.len(), 2, "{problems:#?}");
        assert!(problems[0].starts_with("dump.yaml:2:1: error: "), "{}", problems[0]);
        assert!(problems[1].starts_with("dump.yaml:11:12: error: "), "{}", problems[1]);
    }
}
