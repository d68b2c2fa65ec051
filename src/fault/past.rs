//! Time travel: a component restarts, and what it reads first comes from a server that is behind.

use serde::Serialize;

use crate::fault::kubelet_restart;
use crate::fault::plan::span;
use crate::fault::stage::{Began, Stage};
use crate::fault::tap::{Filter, What};
use crate::fault::target::Component;
use crate::sim::time::SimDuration;

/// How long the server is behind when nobody says.
const USUAL: SimDuration = SimDuration::secs(20);

/// Who restarts, and how far its server is behind.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Travel {
    /// A component, or `kubelet/NODE`.
    pub component: Component,
    /// So many changes of the store; for a span see `back`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revisions: Option<u32>,
    /// The revision that the server has come to, from the beginning of the run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revision: Option<u32>,
    /// How long the component is down.
    #[serde(serialize_with = "span")]
    pub down: SimDuration,
}

pub(super) fn begin(it: &Travel, stage: &mut Stage<'_>) -> Result<Began, String> {
    let chosen = stage.components(&it.component.0, true)?;
    kubelet_restart::spare(&chosen, stage);
    let present = stage.cluster.store().revision();
    let back = u64::from(it.revisions.unwrap_or(0));
    let past = it.revision.map_or(present.saturating_sub(back), u64::from).min(present);
    let past = past.max(stage.cluster.store().compacted());
    let until = stage.until(USUAL);
    let Some((_, actor)) = chosen.first().cloned() else {
        return Err("the fault hit nothing".to_owned());
    };
    let mut began = stage.switch(chosen, false);
    began.filter = Some(Filter::new(What::Past { actor, revision: past }, until, None));
    began.after = Some(it.down);
    Ok(began)
}
