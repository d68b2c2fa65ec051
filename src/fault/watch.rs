//! What befalls watches: they lag, skip, are cut, or have lost their past.

use serde::Serialize;

use crate::api::Name;
use crate::api::object::Kind;
use crate::api::refusal::Refusal;
use crate::cluster::{Cluster, Member};
use crate::fault::stage::{Began, Healing, Stage};
use crate::fault::tap::{Filter, What};
use crate::sim::engine::ActorId;
use crate::sim::time::SimDuration;

/// How long a watch lags or skips when nobody says.
const USUAL: SimDuration = SimDuration::secs(5);

/// Which watches.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Watched {
    /// Who watches: a component, `kubelet/NODE` or an operator.
    pub actor: String,
    /// The kind that is watched; all when not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
}

impl Watched {
    fn kinds(&self) -> Result<Vec<Kind>, String> {
        match &self.kind {
            None => Ok(Kind::all().collect()),
            Some(name) => match Kind::named(name) {
                Some(kind) => Ok(vec![kind]),
                None => Err(format!("there is no kind `{name}`")),
            },
        }
    }

    fn kind(&self) -> Result<Option<Kind>, String> {
        Ok(self.kind.as_ref().map(|_| self.kinds()).transpose()?.and_then(|k| k.first().copied()))
    }
}

pub(super) fn lag(it: &Watched, stage: &mut Stage<'_>) -> Result<Began, String> {
    held(it, false, stage)
}

pub(super) fn skip(it: &Watched, stage: &mut Stage<'_>) -> Result<Began, String> {
    held(it, true, stage)
}

fn held(it: &Watched, lost: bool, stage: &mut Stage<'_>) -> Result<Began, String> {
    let chosen = stage.components(&it.actor, true)?;
    let Some((name, actor)) = chosen.into_iter().next() else {
        return Err("the fault hit nothing".to_owned());
    };
    let what = What::Watch { actor, kind: it.kind()?, lost };
    let filter = Filter::new(what, stage.until(USUAL), None);
    let healing = if lost {
        it.kinds()?.into_iter().map(|kind| Healing::Expire(actor, kind)).collect()
    } else {
        Vec::new()
    };
    Ok(Began {
        hit: vec![name],
        healing,
        filter: Some(filter),
        usual: Some(USUAL),
        ..Began::default()
    })
}

pub(super) fn cut(it: &Watched, stage: &mut Stage<'_>) -> Result<Began, String> {
    ended(it, false, stage)
}

pub(super) fn expire(it: &Watched, stage: &mut Stage<'_>) -> Result<Began, String> {
    ended(it, true, stage)
}

fn ended(it: &Watched, expired: bool, stage: &mut Stage<'_>) -> Result<Began, String> {
    let chosen = stage.components(&it.actor, true)?;
    let mut count = 0;
    let mut hit: Vec<Name> = Vec::new();
    for (name, actor) in chosen {
        for kind in it.kinds()? {
            count += end(stage.cluster, actor, kind, expired);
        }
        hit.push(name);
    }
    if count == 0 { Err("the fault hit no watch".to_owned()) } else { Began::hit(hit) }
}

/// Ends the watches of a client on a kind; gives how many there were.
pub(super) fn end(cluster: &mut Cluster, client: ActorId, kind: Kind, expired: bool) -> usize {
    let servers = cluster.topology.servers.clone();
    let mut count = 0;
    for server in servers {
        count += cluster.engine.poke(server, |member, context| {
            let Member::Apiserver(server) = member else { return 0 };
            let why = expired.then(|| Refusal::resource_expired("too old resource version"));
            server.end_watches_of(client, kind, why.as_ref(), context)
        });
    }
    count
}
