//! The controllers that come with a driver of volumes, beside those of Kubernetes: one makes and
//! deletes volumes, one attaches and detaches them.
//!
//! What the driver itself does takes time and may get stuck; a call that does not come back within
//! 15 s is given up and made again after a pause that doubles.

pub mod attacher;
mod call;
pub mod provisioner;

use std::sync::Arc;

use crate::api::Name;
use crate::api::labels::Labels;
use crate::api::storage::csi_node::{CsiNodeDriver, VolumeNodeResources};
use crate::sim::time::SimDuration;

/// The process that the controllers of a driver run in.
pub const PROCESS: &str = "csi-controller";

/// A driver of volumes, and how long what it does takes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Driver {
    /// Its name, by which storage classes name it.
    pub name: Name,
    /// How long it takes to make a volume.
    pub provision: SimDuration,
    /// How long it takes to delete one.
    pub delete: SimDuration,
    /// How long it takes to attach one to a node.
    pub attach: SimDuration,
    /// How long it takes to detach one.
    pub detach: SimDuration,
    /// Whether its volumes are attached at all; if not, every node can mount them.
    pub attaches: bool,
    /// The label of nodes that says from where its volumes can be reached; none for from anywhere.
    pub topology: Option<Name>,
    /// How many of its volumes a node can take.
    pub limit: Option<i32>,
}

impl Default for Driver {
    /// A disk of a cloud's zone, with times as such disks have them.
    fn default() -> Self {
        Driver {
            name: Name::new_static("disk.csi.example.com"),
            provision: SimDuration::secs(3),
            delete: SimDuration::secs(2),
            attach: SimDuration::secs(3),
            detach: SimDuration::secs(6),
            attaches: true,
            topology: Some(Name::new_static("topology.kubernetes.io/zone")),
            limit: None,
        }
    }
}

impl Driver {
    /// How it registers on a node with these labels.
    pub fn on_node(&self, node: &Name, labels: &Labels) -> CsiNodeDriver {
        let known = self.topology.iter().filter(|key| labels.has(key));
        CsiNodeDriver {
            name: self.name.clone(),
            node_id: node.clone(),
            topology_keys: known.cloned().collect(),
            allocatable: self.limit.map(|n| VolumeNodeResources { count: Some(n) }),
            ..CsiNodeDriver::default()
        }
    }
}

/// The controllers of a driver.
pub fn all(driver: &Arc<Driver>) -> Vec<Box<dyn crate::client::reconciler::Reconciler>> {
    vec![
        Box::new(provisioner::Provisioner::new(driver.clone())),
        Box::new(attacher::Attacher::new(driver.clone())),
    ]
}
