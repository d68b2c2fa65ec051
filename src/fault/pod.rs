//! Pods that are deleted, or found unready.

use serde_json::json;

use crate::api::deletion::DeleteOptions;
use crate::api::object::Object;
use crate::api::request::Verb;
use crate::api::why::Why;
use crate::fault::stage::{Began, Healing, Stage};
use crate::fault::target::Pods;
use crate::sim::time::SimDuration;

/// How long pods are unready when nobody says.
const USUAL: SimDuration = SimDuration::secs(30);

pub(super) fn kill(it: &Pods, stage: &mut Stage<'_>) -> Result<Began, String> {
    let pods = stage.pods(it)?;
    let grace = i64::from(it.grace_period);
    let hit = pods.iter().map(|p| p.meta.name.clone()).collect();
    for pod in pods {
        let options =
            DeleteOptions { grace_period_seconds: Some(grace), ..DeleteOptions::default() };
        let verb = Verb::Delete { key: Object::Pod(pod).key(), options };
        stage.ask(verb, Why::new("killed by a fault"));
    }
    Began::hit(hit)
}

pub(super) fn fail(it: &Pods, stage: &mut Stage<'_>) -> Result<Began, String> {
    let mut began = Began { usual: Some(USUAL), ..Began::default() };
    for pod in stage.pods(it)? {
        let Some((node, _)) = stage.cluster.topology.nodes.get(&pod.node_name).copied() else {
            continue;
        };
        let uid = pod.meta.uid.to_string();
        stage.tell(node, "unready", json!({ "uid": uid, "on": true }));
        began.hit.push(pod.meta.name.clone());
        began.healing.push(Healing::Ready(node, json!({ "uid": uid, "on": false })));
    }
    if began.hit.is_empty() { Err("the fault hit no pod that runs".to_owned()) } else { Ok(began) }
}
