//! CSIDriver: what is to be known of a driver.

use serde::{Deserialize, Serialize};

use crate::api::meta::{Meta, Rest};

/// What is to be known of a driver.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct CSIDriver {
    /// Its metadata; its name is the driver's.
    pub meta: Meta,
    /// The facts.
    pub spec: CsiDriverSpec,
}

/// The facts about a driver.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct CsiDriverSpec {
    /// Whether its volumes have to be attached before they can be mounted; so it is by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attach_required: Option<bool>,
    /// Whether it tells how much room it has, and the scheduler is to look at that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub storage_capacity: Option<bool>,
    /// Fields that are kept and not acted upon.
    #[serde(flatten)]
    pub rest: Rest,
}

impl CSIDriver {
    /// Whether its volumes have to be attached.
    ///
    /// Source: kubernetes v1.36 pkg/volume/csi/csi_plugin.go, `skipAttach`
    pub fn attaches(&self) -> bool {
        self.spec.attach_required.unwrap_or(true)
    }
}
