//! PersistentVolume: a piece of storage of the cluster, and whose it is.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::api::Name;
use crate::api::core::event::ObjectReference;
use crate::api::core::node::Node;
use crate::api::core::node_selector::Terms;
use crate::api::core::pod::NodeSelector;
use crate::api::meta::{Meta, Rest};
use crate::api::quantity::Quantity;
use crate::api::resource::ResourceList;
use crate::api::time::Time;

/// Put on a volume or claim by the controller that has bound it, and not by a person.
pub const BOUND_BY_CONTROLLER: &str = "pv.kubernetes.io/bound-by-controller";
/// Which provisioner has made a volume.
pub const PROVISIONED_BY: &str = "pv.kubernetes.io/provisioned-by";
/// Keeps a volume that is bound to a claim.
pub const VOLUME_PROTECTION: &str = "kubernetes.io/pv-protection";
/// Keeps a volume until its provisioner has deleted what is behind it.
pub const PROVISIONER_PROTECTION: &str = "external-provisioner.volume.kubernetes.io/finalizer";

/// A piece of storage of the cluster.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct PersistentVolume {
    /// Its metadata.
    pub meta: Meta,
    /// What it is.
    pub spec: Arc<PersistentVolumeSpec>,
    /// What became of it.
    pub status: PersistentVolumeStatus,
}

/// What a volume is.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PersistentVolumeSpec {
    /// `storage`: how much it holds.
    #[serde(skip_serializing_if = "ResourceList::is_empty")]
    pub capacity: ResourceList,
    /// The driver that serves it, if it is a CSI volume.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub csi: Option<CsiSource>,
    /// How it can be mounted.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub access_modes: Vec<Name>,
    /// The claim that it belongs to, or is meant for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub claim_ref: Option<Arc<ObjectReference>>,
    /// What happens to it when its claim is gone.
    #[serde(rename = "persistentVolumeReclaimPolicy", skip_serializing_if = "Name::is_empty")]
    pub reclaim_policy: Name,
    /// Its class; claims of other classes do not get it.
    #[serde(skip_serializing_if = "Name::is_empty")]
    pub storage_class_name: Name,
    /// `Filesystem` or `Block`.
    #[serde(skip_serializing_if = "Name::is_empty")]
    pub volume_mode: Name,
    /// From which nodes it can be reached.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node_affinity: Option<VolumeNodeAffinity>,
    /// Fields that are kept and not acted upon.
    #[serde(flatten)]
    pub rest: Rest,
}

/// A volume that a CSI driver serves.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct CsiSource {
    /// The driver.
    pub driver: Name,
    /// What the driver calls the volume.
    pub volume_handle: Name,
    /// Fields that are kept and not acted upon.
    #[serde(flatten)]
    pub rest: Rest,
}

/// From which nodes a volume can be reached.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct VolumeNodeAffinity {
    /// One of the terms must match.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub required: Option<NodeSelector>,
}

/// What became of a volume.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PersistentVolumeStatus {
    /// `Pending`, `Available`, `Bound`, `Released` or `Failed`.
    #[serde(skip_serializing_if = "Name::is_empty")]
    pub phase: Name,
    /// A sentence: why it failed.
    #[serde(skip_serializing_if = "Name::is_empty")]
    pub message: Name,
    /// One word: why it failed.
    #[serde(skip_serializing_if = "Name::is_empty")]
    pub reason: Name,
    /// When the phase last changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_phase_transition_time: Option<Time>,
}

impl PersistentVolume {
    /// How much it holds.
    pub fn capacity(&self) -> Quantity {
        self.spec.capacity.get("storage").cloned().unwrap_or_default()
    }

    /// Its class: the one of the old annotation first.
    ///
    /// Source: kubernetes v1.36 staging/src/k8s.io/component-helpers/storage/volume/helpers.go,
    /// `GetPersistentVolumeClass`
    pub fn class(&self) -> &Name {
        let old = self.meta.annotations.get("volume.beta.kubernetes.io/storage-class");
        old.unwrap_or(&self.spec.storage_class_name)
    }

    /// Whether a node can reach it.
    ///
    /// Source: kubernetes v1.36 staging/src/k8s.io/component-helpers/storage/volume/helpers.go,
    /// `CheckNodeAffinity`
    pub fn is_reachable_from(&self, node: &Node) -> bool {
        let required = self.spec.node_affinity.as_ref().and_then(|a| a.required.as_ref());
        required.is_none_or(|selector| Terms::new(selector).matches(node).unwrap_or(false))
    }

    /// Whether a path on one node is behind it, which nothing has to be attached for.
    pub fn has_source(&self, name: &str) -> bool {
        self.spec.rest.0.as_ref().is_some_and(|rest| rest.contains_key(name))
    }

    /// Whether it can be mounted in a way.
    pub fn allows(&self, mode: &str) -> bool {
        self.spec.access_modes.iter().any(|m| m == mode)
    }

    /// Whether it may be attached to one node only at a time.
    ///
    /// Source: kubernetes v1.36 pkg/volume/util/util.go, `IsMultiAttachAllowed`
    pub fn is_for_one_node(&self) -> bool {
        let many = ["ReadWriteMany", "ReadOnlyMany"];
        !self.spec.access_modes.is_empty() && !many.iter().any(|mode| self.allows(mode))
    }
}
