//! Node: a machine that pods run on.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::api::Name;
use crate::api::condition::{self, Condition};
use crate::api::core::persistent_volume::PersistentVolume;
use crate::api::meta::{Meta, Rest};
use crate::api::resource::{ResourceList, Resources};
use crate::api::taint::Taint;

/// A machine that pods run on.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Node {
    /// Its metadata.
    pub meta: Meta,
    /// What is to hold of it.
    pub spec: NodeSpec,
    /// How it fares.
    pub status: Arc<NodeStatus>,
    /// `status.allocatable` in the scheduler's units, computed once a version.
    pub allocatable: Arc<Resources>,
}

/// What is to hold of a node.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct NodeSpec {
    /// Cordoned: no new pods.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub unschedulable: bool,
    /// Its taints.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub taints: Vec<Taint>,
    /// The range of its pods' addresses.
    #[serde(rename = "podCIDR", skip_serializing_if = "Name::is_empty")]
    pub pod_cidr: Name,
    /// Fields that are kept and not acted upon.
    #[serde(flatten)]
    pub rest: Rest,
}

/// How a node fares.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct NodeStatus {
    /// What it has.
    #[serde(skip_serializing_if = "ResourceList::is_empty")]
    pub capacity: ResourceList,
    /// What of it is for pods.
    #[serde(skip_serializing_if = "ResourceList::is_empty")]
    pub allocatable: ResourceList,
    /// What is true of it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<Condition>,
    /// Images that it holds.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub images: Vec<NodeImage>,
    /// Volumes that are attached to it, as the attach/detach controller says.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub volumes_attached: Vec<AttachedVolume>,
    /// Volumes that it has mounted or is about to, as its kubelet says.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub volumes_in_use: Vec<Name>,
    /// Fields that are kept and not acted upon.
    #[serde(flatten)]
    pub rest: Rest,
}

/// A volume that is attached to a node.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct AttachedVolume {
    /// What the node calls it.
    pub name: Name,
    /// Where it is on the node; empty for volumes of drivers.
    pub device_path: Name,
}

/// What nodes call a volume of a driver; none for other volumes.
///
/// Source: kubernetes v1.36 pkg/volume/util/util.go, `GetUniqueVolumeName`, and pkg/volume/csi/
/// csi_plugin.go, `GetVolumeName`
pub fn unique_volume_name(volume: &PersistentVolume) -> Option<Name> {
    let csi = volume.spec.csi.as_ref()?;
    Some(smol_str::format_smolstr!("kubernetes.io/csi/{}^{}", csi.driver, csi.volume_handle))
}

/// An image that a node holds.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct NodeImage {
    /// Its names.
    pub names: Vec<Name>,
    /// Its size in bytes.
    pub size_bytes: i64,
}

impl Node {
    /// Whether its Ready condition holds.
    pub fn is_ready(&self) -> bool {
        condition::is_true(&self.status.conditions, "Ready")
    }

    /// Computes the allocatable amounts anew, after the status was changed.
    pub fn refresh(&mut self) {
        self.allocatable = Arc::new(Resources::of(&self.status.allocatable));
    }

    /// Region and zone, which together name a failure domain; empty without labels.
    ///
    /// Source: kubernetes v1.36 staging/src/k8s.io/component-helpers/node/topology/helpers.go,
    /// `GetZoneKey`
    pub fn zone_key(&self) -> Name {
        let label = |name| self.meta.labels.get(name).map_or("", Name::as_str);
        let (region, zone) =
            (label("topology.kubernetes.io/region"), label("topology.kubernetes.io/zone"));
        if region.is_empty() && zone.is_empty() {
            return Name::default();
        }
        smol_str::format_smolstr!("{region}:\u{0}:{zone}")
    }
}
