//! CSINode: the drivers that a node has, and how many volumes each can take.

use serde::{Deserialize, Serialize};

use crate::api::Name;
use crate::api::meta::{Meta, Rest};

/// The drivers that a node has.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct CSINode {
    /// Its metadata; its name is the node's.
    pub meta: Meta,
    /// The drivers.
    pub spec: CsiNodeSpec,
}

/// The drivers of a node.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct CsiNodeSpec {
    /// The drivers.
    pub drivers: Vec<CsiNodeDriver>,
}

/// A driver on a node.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct CsiNodeDriver {
    /// The driver.
    pub name: Name,
    /// What it calls the node.
    #[serde(rename = "nodeID")]
    pub node_id: Name,
    /// The labels that tell where the node is.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub topology_keys: Vec<Name>,
    /// How many volumes it can take.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allocatable: Option<VolumeNodeResources>,
    /// Fields that are kept and not acted upon.
    #[serde(flatten)]
    pub rest: Rest,
}

/// How many volumes a driver can take on a node.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct VolumeNodeResources {
    /// The number; none for no limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub count: Option<i32>,
}

impl CSINode {
    /// The driver of a name.
    pub fn driver(&self, name: &str) -> Option<&CsiNodeDriver> {
        self.spec.drivers.iter().find(|d| d.name == name)
    }

    /// How many volumes a driver can take; none for no limit.
    pub fn limit(&self, driver: &str) -> Option<i32> {
        self.driver(driver)?.allocatable?.count
    }
}
