//! Pods that use more than they would: somebody's stressors run in them.

use serde::Serialize;
use serde_json::json;

use crate::fault::stage::{Began, Healing, Stage};
use crate::fault::target::Pods;
use crate::sim::time::SimDuration;

/// How long stress lasts when nobody says.
const USUAL: SimDuration = SimDuration::secs(60);

/// Which pods, and what they use beside their own.
#[derive(Clone, PartialEq, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Stress {
    /// Which pods.
    #[serde(flatten)]
    pub of: Pods,
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
    let mut began = Began { usual: Some(USUAL), ..Began::default() };
    for pod in stage.pods(&it.of)? {
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
