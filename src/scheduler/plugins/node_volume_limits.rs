//! `NodeVolumeLimits`: a driver takes only so many volumes on a node.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::api::Name;
use crate::api::core::persistent_volume_claim::PersistentVolumeClaim;
use crate::api::core::pod::Pod;
use crate::api::core::pod_storage::Source;
use crate::api::object::Object;
use crate::scheduler::cache::{Cache, NodeInfo, Volumes};
use crate::scheduler::config::PluginArgs;
use crate::scheduler::event::{Action, ClusterEvent, EventResource, Happened};
use crate::scheduler::framework::{Attempt, Filter, Plugin, PreFilter, Refused, Status};
use crate::scheduler::plugins::volume_restrictions::not_found;

/// The plugin.
#[derive(Clone, Copy, Debug)]
struct NodeVolumeLimits;

/// A volume: its driver, and what the driver calls it or will call it.
type Volume = (Name, Name);

/// The volumes that a pod wants, and those that nodes have, by the name of the node; only of nodes
/// whose drivers have limits.
#[derive(Clone, Debug)]
struct Wanted {
    volumes: BTreeSet<Volume>,
    limits: BTreeMap<Name, Limits>,
}

/// What a node can take and has.
#[derive(Clone, Debug, Default)]
struct Limits {
    most: BTreeMap<Name, usize>,
    /// Volumes of the node that no pod on it uses, as their attachments tell.
    attached: BTreeSet<Volume>,
    /// Volumes of its pods, by the pod's name.
    of_pods: Vec<(crate::api::meta::Uid, Vec<Volume>)>,
}

/// Makes it.
pub(crate) fn make(_: &PluginArgs) -> Arc<dyn Plugin> {
    Arc::new(NodeVolumeLimits)
}

/// The volume of a claim, or the one that will be made for it.
///
/// Source: kubernetes v1.36 pkg/scheduler/framework/plugins/nodevolumelimits/csi.go,
/// `getCSIDriverInfo`, `getCSIDriverInfoFromSC`
fn volume_of(volumes: &Volumes, claim: &PersistentVolumeClaim) -> Option<Volume> {
    if let Some(volume) = volumes.told_volume(&claim.spec.volume_name) {
        let csi = volume.spec.csi.as_ref()?;
        return Some((csi.driver.clone(), csi.volume_handle.clone()));
    }
    let driver = volumes.class(claim.class())?.provisioner.clone();
    let meta = &claim.meta;
    let handle = smol_str::format_smolstr!("{driver}-{}/{}", meta.namespace, meta.name);
    Some((driver, handle))
}

/// The volumes of a pod that is on a node; claims that are not there count for nothing.
fn volumes_of(volumes: &Volumes, pod: &Pod) -> Vec<Volume> {
    let of = |name: &Name| volume_of(volumes, volumes.told_claim(&pod.meta.namespace, name)?);
    pod.claims().filter_map(|claim| of(&claim.name)).collect()
}

impl Plugin for NodeVolumeLimits {
    fn events(&self) -> &'static [ClusterEvent] {
        const NODE: ClusterEvent =
            ClusterEvent::new(EventResource::CsiNode, Action::ADD.or(Action::UPDATE));
        const POD: ClusterEvent = ClusterEvent::new(EventResource::AssignedPod, Action::DELETE);
        const CLAIM: ClusterEvent =
            ClusterEvent::new(EventResource::PersistentVolumeClaim, Action::ADD);
        const ATTACHMENT: ClusterEvent =
            ClusterEvent::new(EventResource::VolumeAttachment, Action::DELETE);
        &[NODE, POD, CLAIM, ATTACHMENT]
    }

    /// Differs: the end of any attachment is worth another attempt, not only of one of a driver
    /// that the pod has to do with.
    ///
    /// Source: kubernetes v1.36 pkg/scheduler/framework/plugins/nodevolumelimits/csi.go,
    /// `isSchedulableAfterPodDeleted`, `isSchedulableAfterPVCAdded`,
    /// `isSchedulableAfterCSINodeUpdated`
    fn is_worth_retrying(&self, pod: &Pod, happened: &Happened) -> bool {
        match (&happened.old, &happened.new) {
            (Some(Object::Pod(gone)), None) => {
                let is_volume = |v: &Source| !matches!(v, Source::Inline(_));
                let mut all = gone.spec.storage.iter().flat_map(|s| &s.volumes);
                !gone.node_name.is_empty() && all.any(|v| is_volume(&v.source))
            }
            (_, Some(Object::PersistentVolumeClaim(claim))) => {
                claim.meta.namespace == pod.meta.namespace && pod.uses_claim(&claim.meta.name)
            }
            (Some(Object::CSINode(old)), Some(Object::CSINode(new))) => {
                new.spec.drivers.iter().any(|d| new.limit(&d.name) > old.limit(&d.name))
            }
            _ => true,
        }
    }

    fn is_shareable(&self, pod: &Pod) -> bool {
        pod.spec.storage.as_ref().is_none_or(|s| !s.has_claims())
    }

    /// Source: kubernetes v1.36 pkg/scheduler/framework/plugins/nodevolumelimits/csi.go,
    /// `CSILimits.PreFilter`, `filterAttachableVolumes`
    fn pre_filter(&self, attempt: Attempt<'_>) -> PreFilter {
        let (pod, cluster) = (attempt.pod, attempt.cluster);
        if pod.spec.storage.as_ref().is_none_or(|s| !s.has_claims()) {
            return PreFilter::Skip;
        }
        let namespace = &pod.meta.namespace;
        let mut volumes = BTreeSet::new();
        for claim in pod.claims() {
            let Some(found) = cluster.volumes.told_claim(namespace, &claim.name) else {
                let why = not_found(&claim.name);
                let why =
                    smol_str::format_smolstr!("looking up PVC {namespace}/{}: {why}", claim.name);
                return PreFilter::Refuse(Status::unresolvable(why));
            };
            volumes.extend(volume_of(&cluster.volumes, found));
        }
        if volumes.is_empty() {
            return PreFilter::Skip;
        }
        let mut limits = BTreeMap::new();
        // Bounded by the nodes, for a pod with claims whose drivers have limits.
        for slot in cluster.order() {
            let node = cluster.at(*slot);
            limits.extend(limits_of(cluster, node, &volumes).map(|l| (node.name().clone(), l)));
        }
        if limits.is_empty() {
            return PreFilter::Skip;
        }
        PreFilter::Each(Box::new(Wanted { volumes, limits }))
    }
}

/// What a node can take and has, if it has a limit for one of the drivers.
fn limits_of(cluster: &Cache, node: &NodeInfo, wanted: &BTreeSet<Volume>) -> Option<Limits> {
    let csi = cluster.volumes.csi_node(node.name())?;
    let mut most = BTreeMap::new();
    for (driver, _) in wanted {
        let limit = csi.limit(driver).map(|n| usize::try_from(n).unwrap_or(0));
        most.extend(limit.map(|n| (driver.clone(), n)));
    }
    if most.is_empty() {
        return None;
    }
    let with_storage = node.pods.iter().filter(|p| p.spec.storage.is_some());
    let of_pods = with_storage.map(|p| (p.meta.uid, volumes_of(&cluster.volumes, p))).collect();
    let attached = cluster.volumes.attachments(node.name()).filter_map(|attachment| {
        let name = &attachment.spec.source.persistent_volume_name;
        let csi = cluster.volumes.told_volume(name)?.spec.csi.as_ref()?;
        Some((csi.driver.clone(), csi.volume_handle.clone()))
    });
    Some(Limits { most, attached: attached.collect(), of_pods })
}

impl Filter for Wanted {
    /// Source: kubernetes v1.36 pkg/scheduler/framework/plugins/nodevolumelimits/csi.go,
    /// `CSILimits.Filter`
    fn filter(&self, _: u32, node: &NodeInfo) -> Result<(), Refused> {
        let Some(limits) = self.limits.get(node.name()) else { return Ok(()) };
        let here = |uid| node.pods.iter().any(|p| p.meta.uid == uid);
        let of_pods = limits.of_pods.iter().filter(|(uid, _)| here(*uid));
        let used: BTreeSet<&Volume> = of_pods.flat_map(|(_, volumes)| volumes).collect();
        for (driver, most) in &limits.most {
            let own = |v: &&Volume| v.0 == *driver;
            let new = self.volumes.iter().filter(own).filter(|v| !used.contains(v)).count();
            let attached = limits.attached.iter().filter(own).filter(|v| !used.contains(v));
            let have = used.iter().filter(|v| v.0 == *driver).count() + attached.count();
            if new > 0 && have + new > *most {
                return Err(Refused::unschedulable(0));
            }
        }
        Ok(())
    }

    fn reason(&self, _: u32) -> Name {
        Name::new_static("node(s) exceed max volume count")
    }

    fn boxed_clone(&self) -> Box<dyn Filter> {
        Box::new(self.clone())
    }
}
