//! A node that somebody takes out of service: it is cordoned, its pods are evicted one after the
//! other as their budgets allow, and it is given back in the end.

use std::sync::Arc;

use serde_json::json;

use crate::api::core::pod::Pod;
use crate::api::deletion::DeleteOptions;
use crate::api::object::{Kind, ObjectKey};
use crate::api::request::{Patch, Subresource, Verb};
use crate::api::why::Why;
use crate::cluster::Cluster;
use crate::fault::hand::Hand;
use crate::fault::stage::{Began, Healing, Stage};
use crate::fault::target::Nodes;
use crate::sim::engine::ActorId;
use crate::sim::time::SimDuration;

/// How long a node is out of service when nobody says.
const USUAL: SimDuration = SimDuration::secs(300);

/// After which an eviction that was refused is tried again.
///
/// Source: kubernetes v1.36 staging/src/k8s.io/kubectl/pkg/drain/drain.go, `evictPods`
pub(super) const AGAIN: SimDuration = SimDuration::secs(5);

pub(super) fn begin(it: &Nodes, stage: &mut Stage<'_>) -> Result<Began, String> {
    let chosen = stage.choose_nodes(it)?;
    let mut began = Began { usual: Some(USUAL), ..Began::default() };
    for (name, id) in chosen {
        stage.ask(cordon(&name, true), Why::new("out of service for maintenance"));
        began.healing.push(Healing::Uncordon(id));
        began.hit.push(name);
    }
    Ok(began)
}

/// A wish that nothing more, or something again, is bound to a node.
pub(super) fn cordon(name: &str, on: bool) -> Verb {
    let patch = Patch::Merge(Arc::new(json!({ "spec": { "unschedulable": on } })));
    let key = ObjectKey::new(Kind::NODE, "", name);
    Verb::Patch { key, part: Subresource::Main, patch, dry_run: false }
}

/// Asks once more that the pods of a node be evicted; pods of DaemonSets stay.
pub(super) fn evict(hand: ActorId, node: &str, cluster: &mut Cluster) {
    let stays = |pod: &Pod| pod.meta.controller().is_some_and(|o| o.kind == "DaemonSet");
    // A scan of the pods, every few seconds while a node is out of service.
    let all = cluster.store().list(Kind::POD);
    let pods = all.iter().filter_map(|o| o.as_a::<Pod>());
    let keys: Vec<ObjectKey> = pods
        .filter(|p| p.node_name == node && !p.is_terminal() && !p.meta.is_deleting() && !stays(p))
        .map(|p| ObjectKey::new(Kind::POD, &p.meta.namespace, &p.meta.name))
        .collect();
    for key in keys {
        let verb = Verb::Evict { key, options: DeleteOptions::default() };
        cluster.with_guest(hand, |hand: &mut Hand, context| {
            hand.ask(verb, Why::new("evicted for maintenance"), context);
        });
    }
}
