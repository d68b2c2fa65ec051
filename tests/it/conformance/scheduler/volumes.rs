//! Disks, zones of volumes and claims for one pod; and the ports of nodes.

use std::sync::Arc;

use serde_json::{Map, Value, json};
use wavetank::api::core::pod::{HostPort, Pod};
use wavetank::api::object::{Kind, Object};
use wavetank::scheduler::cache::Cache;
use wavetank::scheduler::config::PluginArgs;
use wavetank::scheduler::framework::{Attempt, PreFilter};
use wavetank::scheduler::plugins::node_ports;

use super::plugins::plugin;
use super::{cluster, list, node, number, only, pod, string, text};
use crate::conformance::{Case, same};

type Done = Result<(), String>;

pub(crate) fn volumes_and_ports(case: &Case<'_>) -> Done {
    match case.whole["kind"].as_str() {
        Some("host-port") => ports(case),
        Some("claim-access-mode") => by_node(case, "VolumeRestrictions"),
        Some(kind) if kind.starts_with("disk-") => one_node(case, "VolumeRestrictions"),
        Some(kind) if kind.starts_with("zone-") => one_node(case, "VolumeZone"),
        other => Err(format!("unknown kind {other:?}")),
    }
}

/// The objects of a list, or of a map whose keys mean nothing.
fn all(input: &Value, name: &str) -> Vec<Value> {
    match &input[name] {
        Value::Array(items) => items.clone(),
        Value::Object(map) => map.values().cloned().collect(),
        _ => Vec::new(),
    }
}

/// Takes up what a case says of storage.
pub(super) fn store(cache: &mut Cache, input: &Value) -> Done {
    for (name, kind) in [
        ("pvs", Kind::PERSISTENT_VOLUME),
        ("pvcs", Kind::PERSISTENT_VOLUME_CLAIM),
        ("storageclasses", Kind::STORAGE_CLASS),
        ("csinodes", Kind::CSI_NODE),
        ("volumeattachments", Kind::VOLUME_ATTACHMENT),
    ] {
        for value in all(input, name) {
            let object = Object::from_value(kind, value).map_err(text)?;
            cache.volumes.changed(&object, Some(&object));
        }
    }
    Ok(())
}

/// Code and reason about each node, and what was said before nodes were looked at.
fn answers(
    name: &str,
    cache: &Cache,
    pod: &Arc<Pod>,
) -> Result<(Value, Map<String, Value>), String> {
    let plugin = plugin(name, &PluginArgs::default())?;
    let nodes = cache.order();
    let named = |slot: &u32| cache.at(*slot).name().to_string();
    let every = |answer: Value| nodes.iter().map(|s| (named(s), answer.clone())).collect();
    Ok(match plugin.pre_filter(Attempt { pod, cluster: cache }) {
        PreFilter::Skip => (json!("Success"), every(json!({ "code": "Success", "reason": null }))),
        PreFilter::Refuse(status) => {
            let answer = json!({ "code": status.code.name(), "reason": status.reason });
            (json!(status.code.name()), every(answer))
        }
        PreFilter::Each(filter) | PreFilter::Only(_, filter) => {
            let answer = |slot: &u32| match filter.filter(*slot, cache.at(*slot)) {
                Ok(()) => json!({ "code": "Success", "reason": null }),
                Err(refused) => {
                    let reason = refused.bits().next().map(|bit| filter.reason(bit));
                    json!({ "code": refused.code.name(), "reason": reason })
                }
            };
            (json!("Success"), nodes.iter().map(|s| (named(s), answer(s))).collect())
        }
    })
}

const KNOWN: [&str; 7] = ["pod", "node", "nodes", "existing_pods", "pvs", "pvcs", "storageclasses"];

fn one_node(case: &Case<'_>, name: &str) -> Done {
    let input = case.input;
    only(input, &KNOWN)?;
    let at = match input.get("node") {
        Some(value) => node(value)?,
        None => node(&json!({ "metadata": { "name": "node" } }))?,
    };
    let mut cache = cluster(&[at], list(input, "existing_pods")?)?;
    store(&mut cache, input)?;
    let (_, answers) = answers(name, &cache, &pod(&input["pod"])?)?;
    let mut got = answers.into_iter().next().map(|(_, answer)| answer).unwrap_or_default();
    if case.want.get("reason").is_none()
        && let Some(got) = got.as_object_mut()
    {
        got.shift_remove("reason");
    }
    same(&got, case.want)
}

fn by_node(case: &Case<'_>, name: &str) -> Done {
    let input = case.input;
    only(input, &KNOWN)?;
    let nodes: Vec<_> = list(input, "nodes")?.iter().map(node).collect::<Result<_, String>>()?;
    let mut cache = cluster(&nodes, list(input, "existing_pods")?)?;
    store(&mut cache, input)?;
    let (before, answers) = answers(name, &cache, &pod(&input["pod"])?)?;
    same(&json!({ "prefilter": before, "by_node": answers }), case.want)
}

/// The port of a container as a pod that wants it, so that what is left out is filled in.
fn with_port(value: &Value) -> Result<Arc<Pod>, String> {
    let port = json!({
        "hostPort": number(value, "port")?,
        "hostIP": string(value, "ip")?,
        "protocol": string(value, "protocol")?,
    });
    pod(&json!({ "spec": { "containers": [{ "name": "c", "ports": [port] }] } }))
}

fn ports(case: &Case<'_>) -> Done {
    only(case.input, &["used", "check"])?;
    let used: Vec<Arc<Pod>> =
        list(case.input, "used")?.iter().map(with_port).collect::<Result<_, String>>()?;
    let taken: Vec<HostPort> = used.iter().flat_map(|p| p.spec.host_ports.clone()).collect();
    let wanted = with_port(&case.input["check"])?;
    let conflict = node_ports::clash(&wanted.spec.host_ports, &taken);
    same(&json!({ "conflict": conflict }), case.want)
}
