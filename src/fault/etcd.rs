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

/// How far the store goes back.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Restore {
    /// By so many changes.
    pub revisions: u32,
}

/// How long the servers are away when nobody says.
const RESTORE: SimDuration = SimDuration::secs(1);

/// etcd and the apiservers are stopped, the store goes back, and they begin anew.
pub(super) fn restore(it: &Restore, stage: &mut Stage<'_>) -> Result<Began, String> {
    let mut chosen = stage.components("etcd", true)?;
    chosen.extend(stage.components("kube-apiserver", true)?);
    let began = stage.switch(chosen, false);
    let etcd = stage.cluster.topology.etcd;
    stage.cluster.engine.poke(etcd, |member, _| {
        if let Member::Etcd(etcd) = member {
            etcd.restore(u64::from(it.revisions));
        }
    });
    Ok(Began { usual: Some(RESTORE), ..began })
}
