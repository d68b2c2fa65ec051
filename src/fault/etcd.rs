//! What befalls etcd.

use serde::Serialize;

use crate::api::Name;
use crate::cluster::Member;
use crate::fault::stage::{Began, Stage};
use crate::fault::tap::{Filter, What};
use crate::sim::time::SimDuration;

/// How long an election takes when nobody says.
const ELECTION: SimDuration = SimDuration::secs(3);

/// A fault that needs no parameters.
#[derive(Clone, PartialEq, Debug, Default, Serialize)]
pub struct Nothing {}

#[expect(clippy::unnecessary_wraps, reason = "all faults begin alike")]
pub(super) fn no_leader(_: &Nothing, stage: &mut Stage<'_>) -> Result<Began, String> {
    let filter = Filter::new(What::Store, stage.until(ELECTION), None);
    let hit = vec![Name::new_static("etcd")];
    Ok(Began { hit, filter: Some(filter), usual: Some(ELECTION), ..Began::default() })
}

pub(super) fn compact(_: &Nothing, stage: &mut Stage<'_>) -> Result<Began, String> {
    let etcd = stage.cluster.topology.etcd;
    stage.cluster.engine.poke(etcd, |member, context| {
        if let Member::Etcd(etcd) = member {
            etcd.compact_now(context);
        }
    });
    Began::hit(vec![Name::new_static("etcd")])
}
