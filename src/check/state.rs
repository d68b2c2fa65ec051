//! The state of a cluster without what differs between two equal ones: names that were drawn,
//! uids, versions, times.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::Value;

use crate::api::Name;
use crate::api::apps::deployment::Deployment;
use crate::api::apps::replica_set::ReplicaSet;
use crate::api::core::node::Node;
use crate::api::core::pod::Pod;
use crate::api::meta::Meta;
use crate::api::object::{Kind, Object};
use crate::api::time::Time;
use crate::cluster::Cluster;
use crate::sim::rng::keyed;

/// How much of an object counts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Depth {
    /// Where pods are, and how nodes are.
    Places,
    /// Only what the workloads are to be and are.
    Workloads,
}

/// Kinds that tell what happened, not what is.
fn is_record(kind: Kind) -> bool {
    matches!(kind, Kind::EVENT | Kind::LEASE | Kind::ENDPOINTS | Kind::ENDPOINT_SLICE)
}

/// The name of an object, or what it was drawn from and who owns it.
fn stable_name(meta: &Meta) -> Name {
    match meta.controller() {
        Some(owner) if !meta.generate_name.is_empty() => {
            smol_str::format_smolstr!("{}/{}", owner.kind, owner.name)
        }
        _ if !meta.generate_name.is_empty() => meta.generate_name.clone(),
        _ => meta.name.clone(),
    }
}

/// An object in a normal form; none for what does not count.
pub fn normal(object: &Object, depth: Depth) -> Option<String> {
    let kind = object.kind();
    if is_record(kind) {
        return None;
    }
    let meta = object.meta();
    let mut out = format!("{} {}/{}", kind.name(), meta.namespace, stable_name(meta));
    if meta.is_deleting() {
        out.push_str(" deleting");
    }
    if let Some(pod) = object.as_a::<Pod>() {
        if depth == Depth::Places {
            let _ = write!(out, " on {}", pod.node_name);
        }
        let _ = write!(out, " {} ready={}", pod.status.phase.as_str(), pod.is_ready());
    } else if let Some(node) = object.as_a::<Node>() {
        if depth == Depth::Workloads {
            return None;
        }
        let taints = node.spec.taints.iter().map(|t| t.key.as_str());
        let taints: Vec<&str> = taints.collect();
        let _ = write!(out, " ready={} taints={taints:?}", node.is_ready());
    } else if let Some(set) = object.as_a::<ReplicaSet>() {
        let status = &set.status;
        let counts = (status.replicas, status.ready_replicas, status.available_replicas);
        let _ = write!(out, " wants {} has {counts:?}", set.spec.replicas);
    } else if let Some(deployment) = object.as_a::<Deployment>() {
        let (spec, status) = (&deployment.spec, &deployment.status);
        let images = spec.template.spec.containers.iter().map(|c| c.image.as_str());
        let images: Vec<&str> = images.collect();
        let counts = (status.replicas, status.updated_replicas, status.available_replicas);
        let _ = write!(out, " wants {} of {images:?} has {counts:?}", spec.replicas);
    } else {
        write_rest(object, &mut out);
    }
    Some(out)
}

fn write_rest(object: &Object, out: &mut String) {
    let mut value = object.to_value();
    let meta = object.meta();
    for finalizer in meta.finalizers() {
        let _ = write!(out, " {finalizer}");
    }
    for owner in meta.owners() {
        let _ = write!(out, " of {}/{}", owner.kind, owner.name);
    }
    if let Some(body) = value.as_object_mut() {
        body.remove("metadata");
        body.remove("apiVersion");
        body.remove("kind");
        body.values_mut().for_each(strip);
    }
    let _ = write!(out, " {value}");
}

/// Takes out what differs between two equal objects: times, uids and counters of generations.
fn strip(value: &mut Value) {
    match value {
        Value::Object(map) => {
            map.retain(|key, _| {
                !matches!(
                    key.as_str(),
                    "uid" | "resourceVersion" | "observedGeneration" | "clusterIP" | "clusterIPs"
                )
            });
            map.values_mut().for_each(strip);
        }
        Value::Array(list) => list.iter_mut().for_each(strip),
        Value::String(text) => {
            if Time::parse(text).is_some() {
                "TIME".clone_into(text);
            } else if is_uid(text) {
                "UID".clone_into(text);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Whether a text is a uid, as labels have it: 8, 4, 4, 4 and 12 digits.
fn is_uid(text: &str) -> bool {
    let dashes = [8, 13, 18, 23];
    let digit = |(place, byte): (usize, u8)| match dashes.contains(&place) {
        true => byte == b'-',
        false => byte.is_ascii_hexdigit(),
    };
    text.len() == 36 && text.bytes().enumerate().all(digit)
}

/// A number for an object in its normal form; 0 for what does not count.
pub fn hash(object: &Object) -> u64 {
    normal(object, Depth::Places).map_or(0, |text| keyed(0x57a7e, text.as_bytes()))
}

/// How many objects of each normal form there are, the system's own left out.
pub fn end(cluster: &Cluster) -> BTreeMap<String, u32> {
    let mut all = BTreeMap::new();
    let store = cluster.store();
    for kind in store.kinds() {
        for object in store.iter(kind).filter(|o| !o.meta().namespace.starts_with("kube-")) {
            if let Some(text) = normal(object, Depth::Workloads) {
                *all.entry(text).or_default() += 1;
            }
        }
    }
    all
}

/// What differs between two ends, in words: what is there and should not be, and the other way.
pub fn difference(
    expected: &BTreeMap<String, u32>,
    found: &BTreeMap<String, u32>,
) -> Option<(Option<Kind>, String)> {
    let more = |a: &BTreeMap<String, u32>, b: &BTreeMap<String, u32>| {
        let mut all = a.iter().filter(|(k, n)| b.get(*k).copied().unwrap_or(0) < **n);
        all.next().map(|(k, _)| k.clone())
    };
    let (missing, extra) = (more(expected, found), more(found, expected));
    let first = missing.as_ref().or(extra.as_ref())?;
    let kind = first.split(' ').next().and_then(Kind::named);
    let text = match (&missing, &extra) {
        (Some(missing), Some(extra)) => format!("`{extra}` where `{missing}` was expected"),
        (Some(missing), None) => format!("`{missing}` is missing"),
        (None, Some(extra)) => format!("`{extra}` is too much"),
        (None, None) => return None,
    };
    Some((kind, text))
}
