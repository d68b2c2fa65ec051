//! `VolumeZone`: a pod goes where its volumes are, as far as labels of volumes say where that is.

use std::sync::Arc;

use crate::api::Name;
use crate::api::core::persistent_volume::PersistentVolume;
use crate::api::core::pod::Pod;
use crate::api::object::Object;
use crate::scheduler::cache::NodeInfo;
use crate::scheduler::config::PluginArgs;
use crate::scheduler::event::{Action, ClusterEvent, EventResource, Happened};
use crate::scheduler::framework::{Attempt, Filter, Plugin, PreFilter, Refused, Status};
use crate::scheduler::plugins::volume_restrictions::{named_claims, names, not_found};

/// Labels that say where something is: each with its name of today.
///
/// Source: kubernetes v1.36 pkg/scheduler/framework/plugins/volumezone/volume_zone.go,
/// `topologyLabels`, `translateToGALabel`
const LABELS: [(&str, &str); 4] = [
    ("failure-domain.beta.kubernetes.io/zone", "topology.kubernetes.io/zone"),
    ("failure-domain.beta.kubernetes.io/region", "topology.kubernetes.io/region"),
    ("topology.kubernetes.io/zone", "topology.kubernetes.io/zone"),
    ("topology.kubernetes.io/region", "topology.kubernetes.io/region"),
];

/// The plugin.
#[derive(Clone, Copy, Debug)]
struct VolumeZone;

/// A label that a node must have, with one of these values.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Place {
    label: &'static str,
    today: &'static str,
    values: Vec<Name>,
}

/// Where the volumes of a pod are.
#[derive(Clone, Debug)]
struct Places(Vec<Place>);

/// Makes it.
pub(crate) fn make(_: &PluginArgs) -> Arc<dyn Plugin> {
    Arc::new(VolumeZone)
}

/// Where a volume is. A label may name several places with `__` between them; one that names none
/// is left out.
///
/// Source: kubernetes v1.36 staging/src/k8s.io/cloud-provider/volume/helpers/zones.go,
/// `LabelZonesToSet`
fn places(volume: &PersistentVolume) -> Vec<Place> {
    let place = |(label, today): &(&'static str, &'static str)| {
        let value = volume.meta.labels.get(label)?;
        let mut values: Vec<Name> = value.split("__").map(|v| v.trim().into()).collect();
        values.sort_unstable();
        values.dedup();
        let good = values.iter().all(|v| !v.is_empty());
        good.then_some(Place { label, today, values })
    };
    LABELS.iter().filter_map(place).collect()
}

fn refuse(why: impl Into<Name>) -> PreFilter {
    PreFilter::Refuse(Status::unresolvable(why))
}

impl Plugin for VolumeZone {
    fn events(&self) -> &'static [ClusterEvent] {
        const CLASS: ClusterEvent = ClusterEvent::new(EventResource::StorageClass, Action::ADD);
        const NODE: ClusterEvent =
            ClusterEvent::new(EventResource::Node, Action::ADD.or(Action::NODE_LABEL));
        const CLAIM: ClusterEvent =
            ClusterEvent::new(EventResource::PersistentVolumeClaim, Action::ADD.or(Action::UPDATE));
        const VOLUME: ClusterEvent =
            ClusterEvent::new(EventResource::PersistentVolume, Action::ADD.or(Action::UPDATE));
        &[CLASS, NODE, CLAIM, VOLUME]
    }

    /// Source: kubernetes v1.36 pkg/scheduler/framework/plugins/volumezone/volume_zone.go,
    /// `isSchedulableAfterPersistentVolumeClaimChange`,
    /// `isSchedulableAfterPersistentVolumeChange`, `isSchedulableAfterStorageClassAdded`
    fn is_worth_retrying(&self, pod: &Pod, happened: &Happened) -> bool {
        match (&happened.old, &happened.new) {
            (_, Some(Object::PersistentVolumeClaim(_))) => names(pod, happened.new.as_ref()),
            (_, Some(Object::StorageClass(class))) => class.waits(),
            (Some(Object::PersistentVolume(old)), Some(Object::PersistentVolume(new))) => {
                places(old) != places(new)
            }
            _ => true,
        }
    }

    fn is_shareable(&self, pod: &Pod) -> bool {
        pod.spec.storage.as_ref().is_none_or(|s| !s.has_claims())
    }

    /// Source: kubernetes v1.36 pkg/scheduler/framework/plugins/volumezone/volume_zone.go,
    /// `VolumeZone.PreFilter`, `getPVbyPod`
    fn pre_filter(&self, attempt: Attempt<'_>) -> PreFilter {
        let (pod, volumes) = (attempt.pod, &attempt.cluster.volumes);
        let mut all = Vec::new();
        for name in named_claims(pod) {
            if name.is_empty() {
                return refuse("PersistentVolumeClaim had no name");
            }
            let Some(claim) = volumes.told_claim(&pod.meta.namespace, name) else {
                return refuse(not_found(name));
            };
            let volume = &claim.spec.volume_name;
            if !volume.is_empty() {
                let Some(found) = volumes.told_volume(volume) else {
                    let why = smol_str::format_smolstr!("persistentvolume {volume:?} not found");
                    return refuse(why);
                };
                all.extend(places(found));
                continue;
            }
            let class = claim.class();
            if class.is_empty() {
                return refuse("PersistentVolumeClaim had no pv name and storageClass name");
            }
            let Some(found) = volumes.class(class) else {
                let why =
                    smol_str::format_smolstr!("storageclass.storage.k8s.io {class:?} not found");
                return refuse(why);
            };
            if found.volume_binding_mode.is_empty() {
                let why = smol_str::format_smolstr!(
                    "VolumeBindingMode not set for StorageClass {class:?}"
                );
                return refuse(why);
            }
            if !found.waits() {
                return refuse("PersistentVolume had no name");
            }
        }
        if all.is_empty() { PreFilter::Skip } else { PreFilter::Each(Box::new(Places(all))) }
    }
}

impl Filter for Places {
    /// Source: kubernetes v1.36 pkg/scheduler/framework/plugins/volumezone/volume_zone.go,
    /// `VolumeZone.Filter`
    fn filter(&self, _: u32, node: &NodeInfo) -> Result<(), Refused> {
        if !LABELS.iter().any(|(label, _)| node.label(label).is_some()) {
            return Ok(());
        }
        let fits = |place: &Place| {
            let value = node.label(place.label).or_else(|| node.label(place.today));
            value.is_some_and(|v| place.values.contains(v))
        };
        if self.0.iter().all(fits) { Ok(()) } else { Err(Refused::unresolvable(0)) }
    }

    fn reason(&self, _: u32) -> Name {
        Name::new_static("node(s) had no available volume zone")
    }

    fn boxed_clone(&self) -> Box<dyn Filter> {
        Box::new(self.clone())
    }
}
