//! A driver of volumes that does not answer.

use serde::Serialize;
use serde_json::{Value, json};

use crate::controllers::csi::PROCESS;
use crate::fault::stage::{Began, Healing, Stage};
use crate::sim::time::SimDuration;

/// How long a driver does not answer when nobody says.
const USUAL: SimDuration = SimDuration::secs(60);

/// Which calls of a driver do not come back.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Stuck {
    /// Volumes, claims, classes or nodes that the calls are about; all when none is given.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub about: Vec<String>,
}

/// Volumes are neither attached nor detached.
pub(super) fn attachment(it: &Stuck, stage: &mut Stage<'_>) -> Result<Began, String> {
    begin(it, "stuck-attachment", stage)
}

/// Volumes are neither made nor deleted.
pub(super) fn provisioning(it: &Stuck, stage: &mut Stage<'_>) -> Result<Began, String> {
    begin(it, "stuck-provisioning", stage)
}

fn begin(it: &Stuck, what: &'static str, stage: &mut Stage<'_>) -> Result<Began, String> {
    let processes = stage.cluster.topology.components.get(PROCESS).cloned().unwrap_or_default();
    if processes.is_empty() {
        return Err("there is no driver of volumes: `cluster.storage` is missing".to_owned());
    }
    let names: Vec<&str> = it.about.iter().map(String::as_str).collect();
    let names = if names.is_empty() { vec!["*"] } else { names };
    let how = |on: bool| -> Value { json!({ "names": names, "on": on }) };
    let mut began = Began { usual: Some(USUAL), ..Began::default() };
    for process in processes {
        stage.tell(process, what, how(true));
        began.hit.push(PROCESS.into());
        began.healing.push(Healing::Unstick(process, what, how(false)));
    }
    Ok(began)
}
