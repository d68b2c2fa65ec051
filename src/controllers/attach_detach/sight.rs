//! What the attach/detach controller looks at: which volumes the pods of a node want, and which
//! nodes a change concerns.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::node_key;
use crate::api::Name;
use crate::api::core::persistent_volume::PersistentVolume;
use crate::api::core::persistent_volume_claim::PersistentVolumeClaim;
use crate::api::core::pod::Pod;
use crate::api::object::{Kind, Object, Resource};
use crate::api::storage::csi_driver::CSIDriver;
use crate::api::storage::volume_attachment::VolumeAttachment;
use crate::client::reconciler::{Keys, Observed, Watch};
use crate::client::view::View;
use crate::sim::time::SimDuration;

/// How often what is wanted is compared with what is.
///
/// Source: kubernetes v1.36 pkg/controller/volume/attachdetach/attach_detach_controller.go,
/// `DefaultTimerConfig` (`ReconcilerLoopPeriod`)
const LOOP: SimDuration = SimDuration::millis(100);

pub(super) const WATCHES: &[Watch] = &[
    Watch { kind: Kind::POD, keys: pod_keys },
    Watch { kind: Kind::NODE, keys: node_keys },
    Watch { kind: Kind::VOLUME_ATTACHMENT, keys: attachment_keys },
    Watch { kind: Kind::PERSISTENT_VOLUME_CLAIM, keys: claim_keys },
    Watch { kind: Kind::PERSISTENT_VOLUME, keys: no_keys },
    Watch { kind: Kind::CSI_DRIVER, keys: no_keys },
];

/// A volume that pods on a node want.
#[derive(Clone, Debug)]
pub(super) struct Wanted {
    pub(super) volume: Arc<PersistentVolume>,
    pub(super) pods: Vec<Arc<Pod>>,
}

/// Whether a pod has ended: nothing of it runs any more.
///
/// Source: kubernetes v1.36 pkg/volume/util/util.go, `IsPodTerminated`
fn is_terminated(pod: &Pod) -> bool {
    let stopped = || {
        pod.status
            .container_statuses
            .iter()
            .all(|s| s.state.terminated.is_some() || s.state.waiting.is_some())
    };
    pod.is_terminal() || pod.meta.is_deleting() && stopped()
}

/// The volumes that have to be attached for the pods on a node, by name.
///
/// Source: kubernetes v1.36 pkg/controller/volume/attachdetach/populator/
/// desired_state_of_world_populator.go, and pkg/controller/volume/attachdetach/util/util.go,
/// `CreateVolumeSpec`, `ProcessPodVolumes`
pub(super) fn wanted_on(node: &Name, view: View<'_>) -> BTreeMap<Name, Wanted> {
    let mut all: BTreeMap<Name, Wanted> = BTreeMap::new();
    let pods = view.on_node::<Pod>(node).filter(|p| p.spec.storage.is_some());
    for pod in pods.filter(|p| !is_terminated(p)) {
        for used in pod.claims() {
            let Some(volume) = volume_of(pod, &used.name, view) else { continue };
            let name = volume.meta.name.clone();
            let wanted = all
                .entry(name)
                .or_insert_with(|| Wanted { volume: volume.clone(), pods: Vec::new() });
            wanted.pods.push(pod.clone());
        }
    }
    for wanted in all.values_mut() {
        let name = |p: &Arc<Pod>| (p.meta.namespace.clone(), p.meta.name.clone());
        wanted.pods.sort_by_key(name);
    }
    all
}

/// The volume of a claim, if it is one that has to be attached.
fn volume_of<'a>(pod: &Pod, claim: &Name, view: View<'a>) -> Option<&'a Arc<PersistentVolume>> {
    let claim = view.get::<PersistentVolumeClaim>(&pod.meta.namespace, claim)?;
    if claim.status.phase != "Bound" || claim.spec.volume_name.is_empty() {
        return None;
    }
    let volume = view.get::<PersistentVolume>("", &claim.spec.volume_name)?;
    let of = volume.spec.claim_ref.as_ref()?;
    let csi = volume.spec.csi.as_ref()?;
    let driver = view.get::<CSIDriver>("", &csi.driver);
    (of.uid == claim.meta.uid && driver.is_none_or(|d| d.attaches())).then_some(volume)
}

/// To the next pass of the loop.
fn soon(view: View<'_>) -> SimDuration {
    let span = view.now().since_1970();
    SimDuration(LOOP.0 - span.0 % LOOP.0)
}

fn pod_keys(change: &Observed<'_>, view: View<'_>, out: &mut Keys) {
    let Some(pod) = Pod::of(change.latest()) else { return };
    if pod.spec.storage.is_none() || pod.node_name.is_empty() {
        return;
    }
    let was = change.old.and_then(Pod::of);
    let same = was.is_some_and(|old| {
        change.new.is_some()
            && old.node_name == pod.node_name
            && is_terminated(old) == is_terminated(pod)
    });
    if !same {
        out.add_after(node_key(&pod.node_name), soon(view));
    }
}

/// A node matters while something is attached to it.
fn node_keys(change: &Observed<'_>, view: View<'_>, out: &mut Keys) {
    let latest = change.latest();
    let is_used = !view.cache(Kind::VOLUME_ATTACHMENT).is_empty();
    let same = |a: &Object, b: &Object| match (a, b) {
        (Object::Node(a), Object::Node(b)) => {
            a.is_ready() == b.is_ready()
                && a.spec.taints == b.spec.taints
                && a.status.volumes_in_use == b.status.volumes_in_use
                && a.status.volumes_attached == b.status.volumes_attached
        }
        _ => false,
    };
    let stays = change.old.zip(change.new).is_some_and(|(old, new)| same(old, new));
    if is_used && !stays {
        out.add_after(node_key(&latest.meta().name), soon(view));
    }
}

/// An attachment concerns its node, and those that wait for its volume.
fn attachment_keys(change: &Observed<'_>, view: View<'_>, out: &mut Keys) {
    let Some(attachment) = VolumeAttachment::of(change.latest()) else { return };
    out.add_after(node_key(&attachment.spec.node_name), soon(view));
    if change.new.is_some() {
        return;
    }
    let volume = view.get::<PersistentVolume>("", &attachment.spec.source.persistent_volume_name);
    if let Some(of) = volume.and_then(|v| v.spec.claim_ref.as_ref()) {
        users(&of.namespace, &of.name, view, out);
    }
}

fn claim_keys(change: &Observed<'_>, view: View<'_>, out: &mut Keys) {
    let bound = |object: Option<&Object>| {
        let claim = object.and_then(PersistentVolumeClaim::of);
        claim.is_some_and(|c| c.status.phase == "Bound")
    };
    if bound(change.new) && !bound(change.old) {
        let meta = change.latest().meta();
        users(&meta.namespace, &meta.name, view, out);
    }
}

/// The nodes whose pods use a claim. Bounded by the pods of the namespace, when a claim is bound
/// or a volume was detached.
fn users(namespace: &Name, claim: &Name, view: View<'_>, out: &mut Keys) {
    let pods = view.in_namespace::<Pod>(namespace);
    let users = pods.filter(|p| !p.node_name.is_empty() && p.uses_claim(claim));
    let mut nodes: Vec<Name> = users.map(|p| p.node_name.clone()).collect();
    nodes.sort_unstable();
    nodes.dedup();
    nodes.iter().for_each(|node| out.add_after(node_key(node), soon(view)));
}

fn no_keys(_: &Observed<'_>, _: View<'_>, _: &mut Keys) {}
