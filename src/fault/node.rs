//! Nodes that stop, start, or do both again and again.

use serde::Serialize;

use crate::fault::plan::span;
use crate::fault::stage::{Began, Healing, Stage};
use crate::fault::target::Nodes;
use crate::sim::time::SimDuration;

/// Nodes that go and come back with a period.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Flap {
    /// Which nodes.
    #[serde(flatten)]
    pub nodes: Nodes,
    /// From one stop to the next; the node is down for half of it.
    #[serde(serialize_with = "span")]
    pub period: SimDuration,
}

pub(super) fn stop(it: &Nodes, stage: &mut Stage<'_>) -> Result<Began, String> {
    let chosen = stage.choose_nodes(it)?;
    Ok(stage.switch(chosen, false))
}

pub(super) fn start(it: &Nodes, stage: &mut Stage<'_>) -> Result<Began, String> {
    let chosen = stage.choose_nodes(it)?;
    Ok(stage.switch(chosen, true))
}

pub(super) fn flap(it: &Flap, stage: &mut Stage<'_>) -> Result<Began, String> {
    let chosen = stage.choose_nodes(&it.nodes)?;
    let half = SimDuration((it.period.0 / 2).max(1));
    let mut began = stage.switch(chosen.clone(), false);
    began.healing = chosen.into_iter().map(|(_, id)| Healing::Flap(id, half)).collect();
    began.usual = Some(it.period);
    Ok(began)
}
