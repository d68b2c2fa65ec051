//! Pods that use more than they would: somebody's stressors run in them.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::json;

use crate::fault::stage::{Began, Healing, Stage};
use crate::fault::target::{Mode, PodNames, Pods};
use crate::sim::time::SimDuration;

/// How long stress lasts when nobody says.
const USUAL: SimDuration = SimDuration::secs(60);

/// Which pods, and what they use beside their own.
#[derive(Clone, PartialEq, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Stress {
    /// Pods by name.
    #[serde(skip_serializing_if = "PodNames::is_empty")]
    pub pods: PodNames,
    /// Pods by label.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub label_selectors: BTreeMap<String, String>,
    /// Only in these namespaces; the scenario's when none is given.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub namespaces: Vec<String>,
    /// Only on these nodes.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub nodes: Vec<String>,
    /// How many of those that match.
    #[serde(skip_serializing_if = "Mode::is_all")]
    pub mode: Mode,
    /// The number or percentage that the mode needs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<u32>,
    /// CPU beside their own, in thousandths.
    #[serde(rename = "cpu", skip_serializing_if = "is_zero", serialize_with = "thousandths")]
    pub millicores: u64,
    /// Memory beside their own, in bytes.
    #[serde(rename = "memory", skip_serializing_if = "is_zero", serialize_with = "text")]
    pub bytes: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
fn is_zero(n: &u64) -> bool {
    *n == 0
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
fn thousandths<S: serde::Serializer>(n: &u64, serializer: S) -> Result<S::Ok, S::Error> {
    format!("{n}m").serialize(serializer)
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
fn text<S: serde::Serializer>(n: &u64, serializer: S) -> Result<S::Ok, S::Error> {
    n.to_string().serialize(serializer)
}

pub(super) fn begin(it: &Stress, stage: &mut Stage<'_>) -> Result<Began, String> {
    let pods = Pods {
        pods: it.pods.clone(),
        label_selectors: it.label_selectors.clone(),
        namespaces: it.namespaces.clone(),
        nodes: it.nodes.clone(),
        mode: it.mode,
        value: it.value,
        grace_period: 0,
    };
    let mut began = Began { usual: Some(USUAL), ..Began::default() };
    for pod in stage.pods(&pods)? {
        let Some((node, _)) = stage.cluster.topology.nodes.get(&pod.node_name).copied() else {
            continue;
        };
        let uid = pod.meta.uid.to_string();
        let (cpu, memory) = (it.millicores, it.bytes);
        stage.tell(node, "stress", json!({ "uid": uid, "cpu": cpu, "memory": memory }));
        began.hit.push(pod.meta.name.clone());
        let heal = json!({ "uid": uid, "cpu": 0, "memory": 0 });
        began.healing.push(Healing::Unstick(node, "stress", heal));
    }
    if began.hit.is_empty() { Err("the fault hit no pod that runs".to_owned()) } else { Ok(began) }
}
