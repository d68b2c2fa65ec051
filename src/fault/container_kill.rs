//! Containers that are killed from outside, or a component, which is started again.

use serde_json::json;

use crate::fault::stage::{Began, Stage};
use crate::fault::target::Containers;
use crate::sim::time::SimDuration;

/// After which a component that was killed is started again when nobody says.
const RESTART: SimDuration = SimDuration::millis(10);

pub(super) fn begin(it: &Containers, stage: &mut Stage<'_>) -> Result<Began, String> {
    if let Some(component) = &it.component {
        let chosen = stage.components(&component.0, true)?;
        return Ok(Began { usual: Some(RESTART), ..stage.switch(chosen, false) });
    }
    let mut hit = Vec::new();
    for pod in stage.pods(&it.of)? {
        let Some((node, _)) = stage.cluster.topology.nodes.get(&pod.node_name).copied() else {
            continue;
        };
        hit.push(pod.meta.name.clone());
        let how = json!({"uid": pod.meta.uid.to_string(), "containers": it.container_names});
        stage.tell(node, "kill", how);
    }
    if hit.is_empty() { Err("the fault hit no container".to_owned()) } else { Began::hit(hit) }
}
