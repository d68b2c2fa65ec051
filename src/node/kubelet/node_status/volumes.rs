//! What the node's status says of volumes, and the drivers that the node has.

use std::sync::Arc;

use super::{COMPUTED_EVERY, NodeKeeper};
use crate::api::Name;
use crate::api::core::node::Node;
use crate::api::meta::{Meta, OwnerReference};
use crate::api::object::{Kind, Object};
use crate::api::request::Verb;
use crate::api::storage::csi_node::{CSINode, CsiNodeSpec};
use crate::api::why::Why;
use crate::client::component::Moment;
use crate::node::kubelet::host::{Host, Sent};
use crate::sim::time::{SimDuration, SimTime};

impl NodeKeeper {
    /// Takes up which volumes are mounted or are to be; the next computation of the status, at most
    /// 10 s from now, tells it.
    ///
    /// Source: kubernetes v1.36 pkg/kubelet/nodestatus/setters.go, `VolumesInUse`
    pub(in crate::node::kubelet) fn set_in_use(&mut self, all: Vec<Name>, now: SimTime) {
        if all != self.in_use {
            self.in_use = all;
            self.report_at = self.report_at.min(self.next_computation(now));
        }
    }

    /// Whether volumes are said to be in use.
    pub(in crate::node::kubelet) fn has_in_use(&self) -> bool {
        !self.in_use.is_empty()
    }

    fn next_computation(&self, now: SimTime) -> SimTime {
        (now + SimDuration(1)).next_beat(COMPUTED_EVERY, self.phase)
    }

    /// Tells which volumes are in use, if it is time.
    pub(super) fn report(&mut self, host: &mut Host, moment: &mut Moment<'_>) {
        if self.report_at > moment.now {
            return;
        }
        let can_post = self.is_registered && !self.is_posting;
        self.report_at = if can_post { SimTime::NEVER } else { self.next_computation(moment.now) };
        if can_post {
            self.post(host, moment);
        }
    }
}

/// Tells of the driver that the node has.
///
/// Source: kubernetes v1.36 pkg/volume/csi/nodeinfomanager/nodeinfomanager.go, `CreateCSINode`,
/// `InstallCSIDriver`
pub(super) fn register_driver(node: &Arc<Node>, host: &mut Host, moment: &mut Moment<'_>) {
    let Some(storage) = host.config.storage.clone() else { return };
    let object = csi_node(node, CsiNodeSpec { drivers: vec![storage.driver.clone()] });
    let verb = Verb::Create { object, dry_run: false };
    host.send(Sent::Nothing, verb, Why::new("its driver is there"), moment);
}

/// The drivers of a node, which go with it.
pub fn csi_node(node: &Node, spec: CsiNodeSpec) -> Object {
    let mut meta = Meta::named("", &node.meta.name);
    meta.set_owners(vec![OwnerReference {
        api_version: Kind::NODE.row().api_version(),
        kind: Name::new_static(Kind::NODE.name()),
        name: node.meta.name.clone(),
        uid: node.meta.uid,
        controller: None,
        block_owner_deletion: None,
    }]);
    Object::from(CSINode { meta, spec })
}
