//! PersistentVolumeClaim: what somebody asks of storage, and the volume that was found for it.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::api::Name;
use crate::api::meta::{Meta, Rest};
use crate::api::quantity::Quantity;
use crate::api::resource::ResourceList;
use crate::api::selector::LabelSelector;

/// Put on a claim when it and its volume both know of each other.
pub const BIND_COMPLETED: &str = "pv.kubernetes.io/bind-completed";
/// The node whose pod a claim was waiting for.
pub const SELECTED_NODE: &str = "volume.kubernetes.io/selected-node";
/// Who is to make a volume for a claim.
pub const STORAGE_PROVISIONER: &str = "volume.kubernetes.io/storage-provisioner";
/// The older name of it, which is still written.
pub const BETA_STORAGE_PROVISIONER: &str = "volume.beta.kubernetes.io/storage-provisioner";
/// Keeps a claim that pods use.
pub const CLAIM_PROTECTION: &str = "kubernetes.io/pvc-protection";

/// What somebody asks of storage.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct PersistentVolumeClaim {
    /// Its metadata.
    pub meta: Meta,
    /// What is asked for.
    pub spec: Arc<PersistentVolumeClaimSpec>,
    /// What became of it.
    pub status: PersistentVolumeClaimStatus,
}

/// What is asked for.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PersistentVolumeClaimSpec {
    /// How the volume is to be mounted.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub access_modes: Vec<Name>,
    /// Labels that the volume must have.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub selector: Option<LabelSelector>,
    /// How much is wanted.
    pub resources: VolumeResources,
    /// The volume that it is bound to, or is meant to be.
    #[serde(skip_serializing_if = "Name::is_empty")]
    pub volume_name: Name,
    /// Its class; empty for volumes without a class, none for the default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub storage_class_name: Option<Name>,
    /// `Filesystem` or `Block`.
    #[serde(skip_serializing_if = "Name::is_empty")]
    pub volume_mode: Name,
    /// Fields that are kept and not acted upon.
    #[serde(flatten)]
    pub rest: Rest,
}

/// How much is wanted.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct VolumeResources {
    /// At least this.
    #[serde(skip_serializing_if = "ResourceList::is_empty")]
    pub requests: ResourceList,
    /// Fields that are kept and not acted upon.
    #[serde(flatten)]
    pub rest: Rest,
}

/// What became of a claim.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PersistentVolumeClaimStatus {
    /// `Pending`, `Bound` or `Lost`.
    #[serde(skip_serializing_if = "Name::is_empty")]
    pub phase: Name,
    /// How its volume can be mounted.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub access_modes: Vec<Name>,
    /// How much its volume holds.
    #[serde(skip_serializing_if = "ResourceList::is_empty")]
    pub capacity: ResourceList,
    /// Fields that are kept and not acted upon.
    #[serde(flatten)]
    pub rest: Rest,
}

impl PersistentVolumeClaim {
    /// How much it wants.
    pub fn request(&self) -> Quantity {
        self.spec.resources.requests.get("storage").cloned().unwrap_or_default()
    }

    /// Its class: the one of the old annotation first; empty for none.
    ///
    /// Source: kubernetes v1.36 staging/src/k8s.io/component-helpers/storage/volume/helpers.go,
    /// `GetPersistentVolumeClaimClass`
    pub fn class(&self) -> &Name {
        const NONE: &Name = &Name::new_static("");
        let old = self.meta.annotations.get("volume.beta.kubernetes.io/storage-class");
        old.or(self.spec.storage_class_name.as_ref()).unwrap_or(NONE)
    }

    /// Whether nobody has said anything of a class, so that it may get the default one.
    ///
    /// Source: kubernetes v1.36 staging/src/k8s.io/component-helpers/storage/volume/helpers.go,
    /// `PersistentVolumeClaimHasClass`
    pub fn has_class(&self) -> bool {
        self.meta.annotations.has("volume.beta.kubernetes.io/storage-class")
            || self.spec.storage_class_name.is_some()
    }

    /// Whether it and its volume both know of each other.
    ///
    /// Source: kubernetes v1.36 pkg/scheduler/framework/plugins/volumebinding/binder.go,
    /// `isPVCFullyBound`
    pub fn is_bound(&self) -> bool {
        !self.spec.volume_name.is_empty() && self.meta.annotations.has(BIND_COMPLETED)
    }

    /// The node whose pod it was waiting for.
    pub fn selected_node(&self) -> Option<&Name> {
        self.meta.annotations.get(SELECTED_NODE)
    }

    /// Who is to make its volume.
    pub fn provisioner(&self) -> Option<&Name> {
        let annotations = &self.meta.annotations;
        annotations.get(STORAGE_PROVISIONER).or(annotations.get(BETA_STORAGE_PROVISIONER))
    }

    /// Whether only one pod at a time may use it.
    pub fn is_for_one_pod(&self) -> bool {
        self.spec.access_modes.iter().any(|m| m == "ReadWriteOncePod")
    }
}
