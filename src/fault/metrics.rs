//! Figures of use that are missing, old or wrong.

use serde::Serialize;
use serde_json::{Value, json};

use crate::api::Name;
use crate::fault::stage::{Began, Healing, Stage};
use crate::sim::time::SimDuration;

/// How long figures are wrong when nobody says.
const USUAL: SimDuration = SimDuration::secs(60);

/// The process that asks the nodes.
const PROCESS: &str = "metrics-server";

/// Of which nodes the figures are wrong, and how.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Gap {
    /// Nodes; all when none is given.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub nodes: Vec<String>,
    /// What is wrong with them.
    pub how: Wrong,
    /// How many percent of the truth wrong figures tell.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub percent: Option<u32>,
}

/// What is wrong with figures.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Wrong {
    /// There are none.
    #[default]
    Missing,
    /// They are those of before.
    Late,
    /// They are so many percent of the truth.
    Scaled,
}

pub(super) fn begin(it: &Gap, stage: &mut Stage<'_>) -> Result<Began, String> {
    let topology = &stage.cluster.topology;
    let Some(process) = topology.components.get(PROCESS).and_then(|all| all.first()).copied()
    else {
        return Err("there is no metrics server: nobody asks for figures".to_owned());
    };
    if let Some(unknown) = it.nodes.iter().find(|n| !topology.nodes.contains_key(n.as_str())) {
        return Err(format!("there is no node `{unknown}`"));
    }
    let hit: Vec<Name> = match it.nodes.as_slice() {
        [] => topology.nodes.keys().cloned().collect(),
        some => some.iter().map(Name::new).collect(),
    };
    let nodes: Vec<&str> = hit.iter().map(Name::as_str).collect();
    let percent = match it.how {
        Wrong::Missing => json!(0),
        Wrong::Late => Value::Null,
        Wrong::Scaled => json!(it.percent),
    };
    let how = |on: bool| json!({ "nodes": nodes, "percent": percent, "on": on });
    stage.tell(process, "figures", how(true));
    let healing = vec![Healing::Unstick(process, "figures", how(false))];
    Ok(Began { hit, healing, usual: Some(USUAL), ..Began::default() })
}
