//! The kubelet of a node begins anew; what runs on the node runs on.

use crate::cluster::Member;
use crate::fault::stage::{Began, Stage};
use crate::fault::target::{Hit, Nodes};
use crate::sim::time::SimDuration;

/// How long a kubelet is away when nobody says.
const USUAL: SimDuration = SimDuration::secs(1);

pub(super) fn begin(it: &Nodes, stage: &mut Stage<'_>) -> Result<Began, String> {
    let chosen = stage.choose_nodes(it)?;
    spare(&chosen, stage);
    Ok(Began { usual: Some(USUAL), ..stage.switch(chosen, false) })
}

/// The containers of these nodes outlive the next end of their kubelet.
pub(super) fn spare(chosen: &[Hit], stage: &mut Stage<'_>) {
    for (_, id) in chosen {
        stage.cluster.engine.poke(*id, |member, _| {
            if let Member::Node(process) = member {
                process.component_mut().spare_containers();
            }
        });
    }
}
