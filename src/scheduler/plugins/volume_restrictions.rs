//! `VolumeRestrictions`: disks that only one pod of a node may have, and claims that only one pod
//! may use.

use std::sync::Arc;

use crate::api::Name;
use crate::api::core::pod::Pod;
use crate::api::core::pod_storage::{Disk, Source};
use crate::api::object::Object;
use crate::scheduler::cache::{Cache, NodeInfo};
use crate::scheduler::config::PluginArgs;
use crate::scheduler::event::{Action, ClusterEvent, EventResource, Happened};
use crate::scheduler::framework::{Attempt, Filter, Plugin, PreFilter, Refused, Scope, Status};

/// The plugin.
#[derive(Clone, Copy, Debug)]
struct VolumeRestrictions;

/// What a pod wants for itself.
#[derive(Clone, Debug)]
struct Wanted {
    disks: Vec<Disk>,
    namespace: Name,
    /// Claims that only one pod may use.
    claims: Vec<Name>,
    /// How many of them are in use.
    in_use: usize,
}

/// Makes it.
pub(crate) fn make(_: &PluginArgs) -> Arc<dyn Plugin> {
    Arc::new(VolumeRestrictions)
}

/// Whether a disk of one pod is one that the other has.
fn clash(disks: &[Disk], other: &Pod) -> bool {
    let theirs = || other.spec.storage.iter().flat_map(|s| s.disks());
    disks.iter().any(|d| theirs().any(|t| d.clashes(t)))
}

/// The claims that a pod names, those that are made of a template not among them.
pub(super) fn named_claims(pod: &Pod) -> impl Iterator<Item = &Name> {
    let all = pod.spec.storage.iter().flat_map(|s| &s.volumes);
    all.filter_map(|v| if let Source::Claim(name) = &v.source { Some(name) } else { None })
}

/// Whether an object of storage is a claim that a pod names.
pub(super) fn names(pod: &Pod, object: Option<&Object>) -> bool {
    let Some(Object::PersistentVolumeClaim(claim)) = object else { return false };
    claim.meta.namespace == pod.meta.namespace && named_claims(pod).any(|n| *n == claim.meta.name)
}

impl Plugin for VolumeRestrictions {
    fn events(&self) -> &'static [ClusterEvent] {
        const POD: ClusterEvent = ClusterEvent::new(EventResource::AssignedPod, Action::DELETE);
        const NODE: ClusterEvent = ClusterEvent::new(EventResource::Node, Action::ADD);
        const CLAIM: ClusterEvent =
            ClusterEvent::new(EventResource::PersistentVolumeClaim, Action::ADD);
        &[POD, NODE, CLAIM]
    }

    /// Source: kubernetes v1.36 pkg/scheduler/framework/plugins/volumerestrictions/
    /// volume_restrictions.go, `isSchedulableAfterPodDeleted`,
    /// `isSchedulableAfterPersistentVolumeClaimAdded`
    fn is_worth_retrying(&self, pod: &Pod, happened: &Happened) -> bool {
        if happened.event.resource == EventResource::PersistentVolumeClaim {
            return names(pod, happened.new.as_ref());
        }
        let (Some(gone), None) = happened.pod() else { return true };
        if gone.meta.namespace != pod.meta.namespace {
            return false;
        }
        let disks: Vec<Disk> = pod.spec.storage.iter().flat_map(|s| s.disks()).cloned().collect();
        clash(&disks, gone) || named_claims(pod).any(|n| named_claims(gone).any(|g| g == n))
    }

    fn is_shareable(&self, pod: &Pod) -> bool {
        pod.spec.storage.as_ref().is_none_or(|s| !s.has_claims())
    }

    /// Source: kubernetes v1.36 pkg/scheduler/framework/plugins/volumerestrictions/
    /// volume_restrictions.go, `VolumeRestrictions.PreFilter`, `calPreFilterState`
    fn pre_filter(&self, attempt: Attempt<'_>) -> PreFilter {
        let pod = attempt.pod;
        let Some(storage) = &pod.spec.storage else { return PreFilter::Skip };
        let (volumes, namespace) = (&attempt.cluster.volumes, &pod.meta.namespace);
        let mut claims: Vec<Name> = Vec::new();
        for name in named_claims(pod) {
            let Some(claim) = volumes.claim(namespace, name) else {
                return PreFilter::Refuse(Status::unresolvable(not_found(name)));
            };
            if claim.is_for_one_pod() && !claims.contains(name) {
                claims.push(name.clone());
            }
        }
        let in_use = claims.iter().filter(|name| volumes.is_used(namespace, name)).count();
        let disks: Vec<Disk> = storage.disks().cloned().collect();
        if disks.is_empty() && in_use == 0 {
            return PreFilter::Skip;
        }
        let namespace = namespace.clone();
        PreFilter::Each(Box::new(Wanted { disks, namespace, claims, in_use }))
    }
}

/// The text of an apiserver that does not know a claim.
pub(super) fn not_found(claim: &str) -> Name {
    smol_str::format_smolstr!("persistentvolumeclaim {claim:?} not found")
}

impl Wanted {
    /// How many of its claims a pod uses.
    fn uses(&self, pod: &Pod) -> usize {
        if pod.meta.namespace != self.namespace {
            return 0;
        }
        named_claims(pod).filter(|n| self.claims.contains(n)).count()
    }
}

impl Filter for Wanted {
    /// Source: kubernetes v1.36 pkg/scheduler/framework/plugins/volumerestrictions/
    /// volume_restrictions.go, `VolumeRestrictions.Filter`
    fn filter(&self, _: u32, node: &NodeInfo) -> Result<(), Refused> {
        if !self.disks.is_empty() && node.pods.iter().any(|pod| clash(&self.disks, pod)) {
            return Err(Refused::unschedulable(0));
        }
        if self.in_use > 0 { Err(Refused::unschedulable(1)) } else { Ok(()) }
    }

    fn reason(&self, bit: u32) -> Name {
        Name::new_static(if bit == 0 {
            "node(s) had no available disk"
        } else {
            "node(s) unavailable due to PersistentVolumeClaim with ReadWriteOncePod access mode \
             already in-use by another pod"
        })
    }

    /// Pods with claims are not shared, so that nothing has to be followed.
    fn scope(&self) -> Scope {
        Scope::Node
    }

    fn add_pod(&mut self, pod: &Arc<Pod>, _: u32, _: &Cache) {
        self.in_use += self.uses(pod);
    }

    fn remove_pod(&mut self, pod: &Arc<Pod>, _: u32, _: &Cache) {
        self.in_use = self.in_use.saturating_sub(self.uses(pod));
    }

    fn boxed_clone(&self) -> Box<dyn Filter> {
        Box::new(self.clone())
    }
}
