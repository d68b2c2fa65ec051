//! `VolumeBinding`: a pod goes where its volumes can be reached, and claims that wait for it get
//! their volumes before it is bound.

use std::sync::Arc;

use crate::api::Name;
use crate::api::core::persistent_volume::PersistentVolume;
use crate::api::core::persistent_volume_claim::{PersistentVolumeClaim, SELECTED_NODE};
use crate::api::core::pod::Pod;
use crate::api::core::pod_storage::UsedClaim;
use crate::api::object::{Object, Resource};
use crate::api::request::{Subresource, Verb};
use crate::api::storage::matching::{self, Seeker};
use crate::api::storage::storage_class::{NO_PROVISIONER, StorageClass};
use crate::api::why::Why;
use crate::scheduler::cache::{Cache, NodeInfo, Volumes};
use crate::scheduler::config::PluginArgs;
use crate::scheduler::event::{Action, ClusterEvent, EventResource, Happened};
use crate::scheduler::framework::{Attempt, Filter, Plugin, PreFilter, Refused, Status};
use crate::scheduler::plugins::volume_restrictions::not_found;

/// The plugin.
#[derive(Clone, Copy, Debug)]
struct VolumeBinding;

/// Makes it.
pub(crate) fn make(_: &PluginArgs) -> Arc<dyn Plugin> {
    Arc::new(VolumeBinding)
}

const AFFINITY: u64 = 1;
const NO_MATCH: u64 = 1 << 1;
const NO_VOLUME: u64 = 1 << 3;

/// The claims of a pod, with all that has to be known to hold them against nodes.
#[derive(Clone, Debug, Default)]
struct Claims {
    /// The volumes of claims that are bound; none for one that is not there.
    bound: Vec<Option<Arc<PersistentVolume>>>,
    /// Claims that wait for the pod, the smallest first.
    waiting: Vec<Waiting>,
    /// Whether a claim should have been bound already.
    is_immediate: bool,
}

/// A claim that waits for its pod.
#[derive(Clone, Debug)]
struct Waiting {
    claim: Arc<PersistentVolumeClaim>,
    class: Arc<StorageClass>,
    /// Volumes that it may get.
    volumes: Vec<Arc<PersistentVolume>>,
}

/// What the claims of a pod come to on a node.
#[derive(Clone, Debug, Default)]
struct Outcome {
    refused: u64,
    /// Claims with the volumes that they get.
    bindings: Vec<(Arc<PersistentVolumeClaim>, Arc<PersistentVolume>)>,
    /// Claims that a volume is to be made for.
    provisions: Vec<Arc<PersistentVolumeClaim>>,
}

/// Why a pod cannot be placed because of one of its claims.
///
/// Source: kubernetes v1.36 pkg/scheduler/framework/plugins/volumebinding/volume_binding.go,
/// `podHasPVCs`
fn complaint(pod: &Pod, used: &UsedClaim<'_>, volumes: &Volumes) -> Option<Name> {
    let name = &used.name;
    let Some(claim) = volumes.claim(&pod.meta.namespace, name) else {
        return Some(if used.is_ephemeral {
            smol_str::format_smolstr!(
                "waiting for ephemeral volume controller to create the persistentvolumeclaim \
                 {name:?}"
            )
        } else {
            not_found(name)
        });
    };
    if claim.status.phase == "Lost" {
        let volume = &claim.spec.volume_name;
        return Some(smol_str::format_smolstr!(
            "persistentvolumeclaim {name:?} bound to non-existent persistentvolume {volume:?}"
        ));
    }
    if claim.meta.is_deleting() {
        return Some(smol_str::format_smolstr!("persistentvolumeclaim {name:?} is being deleted"));
    }
    let is_own = || claim.meta.controller().is_some_and(|o| o.uid == pod.meta.uid);
    if used.is_ephemeral && !is_own() {
        return Some(smol_str::format_smolstr!(
            "PVC {}/{name} was not created for pod {}/{} (pod is not owner)",
            claim.meta.namespace,
            pod.meta.namespace,
            pod.meta.name
        ));
    }
    None
}

impl Claims {
    /// Source: kubernetes v1.36 pkg/scheduler/framework/plugins/volumebinding/binder.go,
    /// `GetPodVolumeClaims`
    fn of(pod: &Pod, volumes: &Volumes) -> Claims {
        let mut claims = Claims::default();
        for used in pod.claims() {
            let Some(claim) = volumes.claim(&pod.meta.namespace, &used.name) else { continue };
            if claim.is_bound() {
                claims.bound.push(volumes.volume(&claim.spec.volume_name).cloned());
                continue;
            }
            let class = volumes.class(claim.class()).filter(|class| class.waits());
            match class {
                Some(class) if claim.spec.volume_name.is_empty() => {
                    let may = |v: &&Arc<PersistentVolume>| {
                        v.spec.claim_ref.is_none() || matching::is_meant_for(v, claim)
                    };
                    let own = volumes.of_class(claim.class()).filter(may).cloned().collect();
                    let (claim, class) = (claim.clone(), class.clone());
                    claims.waiting.push(Waiting { claim, class, volumes: own });
                }
                Some(_) | None => claims.is_immediate = true,
            }
        }
        claims.waiting.sort_by_key(|w| w.claim.request());
        claims
    }

    /// What they come to on a node.
    ///
    /// Differs: how much room a driver has left is not looked at.
    ///
    /// Source: kubernetes v1.36 pkg/scheduler/framework/plugins/volumebinding/binder.go,
    /// `FindPodVolumes`
    fn on(&self, node: &NodeInfo) -> Outcome {
        let mut outcome = Outcome::default();
        let Some(at) = node.node.as_deref() else { return outcome };
        for bound in &self.bound {
            match bound {
                None => {
                    outcome.refused |= NO_VOLUME;
                    break;
                }
                Some(volume) if !volume.is_reachable_from(at) => {
                    outcome.refused |= AFFINITY;
                    break;
                }
                Some(_) => {}
            }
        }
        let mut taken: Vec<Name> = Vec::new();
        for waiting in &self.waiting {
            if let Some(selected) = waiting.claim.selected_node() {
                if selected != node.name() {
                    outcome.refused |= NO_MATCH;
                    return outcome;
                }
                outcome.provisions.push(waiting.claim.clone());
                continue;
            }
            let all = waiting.volumes.iter();
            match matching::find(&waiting.claim, all, &taken, Seeker::Scheduler(at)) {
                Some(volume) => {
                    taken.push(volume.meta.name.clone());
                    outcome.bindings.push((waiting.claim.clone(), volume.clone()));
                }
                None => outcome.provisions.push(waiting.claim.clone()),
            }
        }
        let can_be_made = |claim: &Arc<PersistentVolumeClaim>| {
            let waiting = self.waiting.iter().find(|w| Arc::ptr_eq(&w.claim, claim));
            waiting.is_some_and(|w| {
                let provisioner = &w.class.provisioner;
                !provisioner.is_empty()
                    && provisioner != NO_PROVISIONER
                    && w.class.allows(&at.meta.labels)
            })
        };
        if !outcome.provisions.iter().all(can_be_made) {
            outcome.refused |= NO_MATCH;
        }
        outcome
    }
}

impl Filter for Claims {
    fn filter(&self, _: u32, node: &NodeInfo) -> Result<(), Refused> {
        let reasons = self.on(node).refused;
        if reasons == 0 { Ok(()) } else { Err(Refused { reasons, ..Refused::unresolvable(0) }) }
    }

    /// Source: kubernetes v1.36 pkg/scheduler/framework/plugins/volumebinding/binder.go,
    /// `ErrReasonBindConflict` and its neighbours
    fn reason(&self, bit: u32) -> Name {
        Name::new_static(match bit {
            0 => "node(s) had volume node affinity conflict",
            1 => "node(s) didn't find available persistent volumes to bind",
            2 => "node(s) did not have enough free storage",
            _ => "node(s) unavailable due to one or more pvc(s) bound to non-existent pv(s)",
        })
    }

    fn boxed_clone(&self) -> Box<dyn Filter> {
        Box::new(self.clone())
    }
}

impl Plugin for VolumeBinding {
    fn events(&self) -> &'static [ClusterEvent] {
        const CHANGE: Action = Action::ADD.or(Action::UPDATE);
        const CLASS: ClusterEvent = ClusterEvent::new(EventResource::StorageClass, CHANGE);
        const CLAIM: ClusterEvent = ClusterEvent::new(EventResource::PersistentVolumeClaim, CHANGE);
        const VOLUME: ClusterEvent = ClusterEvent::new(EventResource::PersistentVolume, CHANGE);
        const NODE: ClusterEvent =
            ClusterEvent::new(EventResource::Node, Action::ADD.or(Action::NODE_LABEL));
        const CSI_NODE: ClusterEvent = ClusterEvent::new(EventResource::CsiNode, CHANGE);
        const DRIVER: ClusterEvent = ClusterEvent::new(EventResource::CsiDriver, Action::UPDATE);
        const ROOM: ClusterEvent = ClusterEvent::new(EventResource::CsiStorageCapacity, CHANGE);
        &[CLASS, CLAIM, VOLUME, NODE, CSI_NODE, DRIVER, ROOM]
    }

    /// Source: kubernetes v1.36 pkg/scheduler/framework/plugins/volumebinding/volume_binding.go,
    /// `isSchedulableAfterPersistentVolumeClaimChange`, `isSchedulableAfterStorageClassChange`,
    /// `isSchedulableAfterCSINodeChange`
    fn is_worth_retrying(&self, pod: &Pod, happened: &Happened) -> bool {
        match (&happened.old, &happened.new) {
            (_, Some(Object::PersistentVolumeClaim(claim))) => {
                claim.meta.namespace == pod.meta.namespace && pod.uses_claim(&claim.meta.name)
            }
            (Some(Object::StorageClass(old)), Some(Object::StorageClass(new))) => {
                old.allowed_topologies != new.allowed_topologies
            }
            (Some(Object::CSINode(old)), Some(Object::CSINode(new))) => {
                const MIGRATED: &str = "storage.alpha.kubernetes.io/migrated-plugins";
                old.meta.annotations.get(MIGRATED) != new.meta.annotations.get(MIGRATED)
            }
            _ => true,
        }
    }

    fn is_shareable(&self, pod: &Pod) -> bool {
        pod.spec.storage.as_ref().is_none_or(|s| !s.has_claims())
    }

    /// Source: kubernetes v1.36 pkg/scheduler/framework/plugins/volumebinding/volume_binding.go,
    /// `VolumeBinding.PreFilter`
    fn pre_filter(&self, attempt: Attempt<'_>) -> PreFilter {
        let (pod, volumes) = (attempt.pod, &attempt.cluster.volumes);
        if pod.spec.storage.as_ref().is_none_or(|s| !s.has_claims()) {
            return PreFilter::Skip;
        }
        if let Some(why) = pod.claims().find_map(|used| complaint(pod, &used, volumes)) {
            return PreFilter::Refuse(Status::unresolvable(why));
        }
        let claims = Claims::of(pod, volumes);
        if claims.is_immediate {
            let why = "pod has unbound immediate PersistentVolumeClaims";
            return PreFilter::Refuse(Status::unresolvable(why));
        }
        PreFilter::Each(Box::new(claims))
    }

    /// Takes volumes to be meant for the claims that wait, and nodes to be selected for those that
    /// a volume is to be made for.
    ///
    /// Source: kubernetes v1.36 pkg/scheduler/framework/plugins/volumebinding/binder.go,
    /// `AssumePodVolumes`
    fn reserve(&self, pod: &Pod, node: &Name, cluster: &mut Cache) -> Result<(), Status> {
        if pod.spec.storage.is_none() {
            return Ok(());
        }
        let claims = Claims::of(pod, &cluster.volumes);
        let Some(slot) = cluster.slot_of(node) else { return Ok(()) };
        let outcome = claims.on(cluster.at(slot));
        for (claim, volume) in &outcome.bindings {
            let meant = matching::meant_for(volume, claim);
            let meant = meant.unwrap_or_else(|| PersistentVolume::clone(volume));
            cluster.volumes.assume_volume(meant);
        }
        for claim in &outcome.provisions {
            let mut claim = PersistentVolumeClaim::clone(claim);
            claim.meta.annotations = claim.meta.annotations.with(SELECTED_NODE, node);
            cluster.volumes.assume_claim(claim);
        }
        Ok(())
    }

    /// Source: kubernetes v1.36 pkg/scheduler/framework/plugins/volumebinding/binder.go,
    /// `RevertAssumedPodVolumes`
    fn unreserve(&self, pod: &Pod, _: &Name, cluster: &mut Cache) {
        for used in pod.claims() {
            cluster.volumes.restore(&pod.meta.namespace, &used.name);
        }
    }

    /// Source: kubernetes v1.36 pkg/scheduler/framework/plugins/volumebinding/binder.go,
    /// `bindAPIUpdate`
    fn pre_bind(&self, pod: &Pod, node: &Name, cluster: &Cache) -> Vec<(Verb, Why)> {
        let (mut volumes, mut claims) = (Vec::new(), Vec::new());
        for used in pod.claims() {
            let namespace = &pod.meta.namespace;
            let (volume, claim) = cluster.volumes.assumed(namespace, &used.name);
            if let Some(volume) = volume {
                let why = Why::two("{} is to be bound to {}", &volume.meta.name, &used.name);
                volumes.push((update(PersistentVolume::into_object(volume.clone())), why));
            }
            if let Some(claim) = claim {
                let why = Why::one("a volume is to be made that {} can reach", node);
                claims.push((update(PersistentVolumeClaim::into_object(claim.clone())), why));
            }
        }
        volumes.append(&mut claims);
        volumes
    }

    /// Source: kubernetes v1.36 pkg/scheduler/framework/plugins/volumebinding/binder.go,
    /// `checkBindings`
    fn is_bindable(
        &self,
        node: &Name,
        written: &[Object],
        cluster: &Cache,
    ) -> Result<bool, String> {
        let (volumes, slot) = (&cluster.volumes, cluster.slot_of(node));
        let at = slot.and_then(|slot| cluster.at(slot).node.as_deref());
        let Some(at) = at else { return Err(format!("failed to get node {node:?}")) };
        let reaches = |volume: &PersistentVolume| {
            let name = &volume.meta.name;
            let text = format!(
                "pv {name:?} node affinity doesn't match node {node:?}: no matching \
                 NodeSelectorTerms"
            );
            if volume.is_reachable_from(at) { Ok(()) } else { Err(text) }
        };
        for object in written {
            let version = object.meta().resource_version;
            if let Object::PersistentVolume(own) = object {
                let name = &own.meta.name;
                let missing = || format!("failed to check binding: could not find PV {name:?}");
                let volume = volumes.told_volume(name).ok_or_else(missing)?;
                if volume.meta.resource_version < version {
                    return Ok(false);
                }
                reaches(volume)?;
                let of = volume.spec.claim_ref.as_ref().filter(|of| !of.uid.is_none());
                let of = of.ok_or_else(|| format!("ClaimRef got reset for pv {name:?}"))?;
                let claim = volumes.told_claim(&of.namespace, &of.name);
                if !claim.is_some_and(|c| c.is_bound()) {
                    return Ok(false);
                }
            } else if let Object::PersistentVolumeClaim(own) = object {
                let name = &own.meta.name;
                let missing = || {
                    let (namespace, kind) = (&own.meta.namespace, "PVC");
                    format!(
                        "failed to check provisioning pvc: could not find {kind} \
                         \"{namespace}/{name}\""
                    )
                };
                let claim = volumes.told_claim(&own.meta.namespace, name).ok_or_else(missing)?;
                if claim.meta.resource_version < version {
                    return Ok(false);
                }
                if claim.selected_node() != Some(node) {
                    return Err(format!("provisioning failed for PVC {name:?}"));
                }
                if !claim.spec.volume_name.is_empty() {
                    let volume = volumes.told_volume(&claim.spec.volume_name);
                    let Some(volume) = volume else { return Ok(false) };
                    reaches(volume)?;
                }
                if !claim.is_bound() {
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }
}

fn update(object: Object) -> Verb {
    Verb::Update { object, part: Subresource::Main }
}
