//! VolumeAttachment: the wish that a volume be attached to a node, and whether it is.

use serde::{Deserialize, Serialize};

use crate::api::Name;
use crate::api::meta::{Meta, Rest};
use crate::api::time::Time;

/// The wish that a volume be attached to a node.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct VolumeAttachment {
    /// Its metadata.
    pub meta: Meta,
    /// Which volume, and which node.
    pub spec: VolumeAttachmentSpec,
    /// Whether it is attached.
    pub status: VolumeAttachmentStatus,
}

/// Which volume is to be attached to which node.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct VolumeAttachmentSpec {
    /// The driver that does it.
    pub attacher: Name,
    /// The volume.
    pub source: VolumeAttachmentSource,
    /// The node.
    pub node_name: Name,
}

/// The volume that is to be attached.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct VolumeAttachmentSource {
    /// Its name.
    #[serde(skip_serializing_if = "Name::is_empty")]
    pub persistent_volume_name: Name,
    /// Fields that are kept and not acted upon.
    #[serde(flatten)]
    pub rest: Rest,
}

/// Whether a volume is attached.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct VolumeAttachmentStatus {
    /// Whether it is.
    pub attached: bool,
    /// Why it could not be attached.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attach_error: Option<VolumeError>,
    /// Why it could not be detached.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detach_error: Option<VolumeError>,
    /// Fields that are kept and not acted upon.
    #[serde(flatten)]
    pub rest: Rest,
}

/// Why a volume could not be attached or detached.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct VolumeError {
    /// When.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time: Option<Time>,
    /// A sentence.
    #[serde(skip_serializing_if = "Name::is_empty")]
    pub message: Name,
}
