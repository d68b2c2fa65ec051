//! A process that stands still while the clock runs on: a stopped process, a frozen machine, a
//! long collection of garbage. It wakes up believing what it believed.

use serde::Serialize;

use crate::fault::stage::{Began, Stage};
use crate::fault::target::Component;
use crate::sim::engine::Control;
use crate::sim::time::SimDuration;

/// How long a pause is when nobody says.
const USUAL: SimDuration = SimDuration::secs(10);

/// Which process.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Pause {
    /// A component, a node's name, or `kubelet/NODE`.
    pub component: Component,
}

pub(super) fn begin(it: &Pause, stage: &mut Stage<'_>) -> Result<Began, String> {
    let chosen = stage.components(&it.component.0, true)?;
    let until = stage.until(USUAL);
    for (_, id) in &chosen {
        stage.cluster.engine.control(Control::Pause(*id, until));
    }
    let hit = chosen.into_iter().map(|(name, _)| name).collect();
    Ok(Began { hit, usual: Some(USUAL), ..Began::default() })
}
