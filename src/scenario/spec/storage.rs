//! What serves the storage of a cluster.

use crate::scenario::decode::object;
use crate::scenario::diagnostic::Mistake;
use crate::scenario::source::Session;
use crate::scenario::yaml::Node;
use crate::sim::time::SimDuration;

object! {
    /// A driver of volumes, how long what it does takes, and the default storage class.
    pub struct Storage as "`storage`" checked by words_are_known {
        /// Whether there is one; by default only when something needs it.
        "enabled" => enabled: bool = true;
        /// The driver's name, by which storage classes name it.
        "driver" => driver: String = "disk.csi.example.com".to_owned();
        /// How long it takes to make a volume.
        "provision" => provision: SimDuration = SimDuration::secs(3);
        /// How long it takes to delete a volume.
        "delete" => delete: SimDuration = SimDuration::secs(2);
        /// How long it takes to attach a volume to a node.
        "attach" => attach: SimDuration = SimDuration::secs(3);
        /// How long it takes to detach a volume from a node.
        "detach" => detach: SimDuration = SimDuration::secs(6);
        /// How long a node takes to mount a volume.
        "mount" => mount: SimDuration = SimDuration::secs(1);
        /// How long a node takes to unmount a volume.
        "unmount" => unmount: SimDuration = SimDuration::millis(200);
        /// Whether volumes are attached to nodes at all; if not, nodes mount them as they are.
        "attaches" => attaches: bool = true;
        /// The label of nodes that says from where a volume can be reached; empty for from
        /// anywhere.
        "topology" => topology: String = "topology.kubernetes.io/zone".to_owned();
        /// How many volumes of the driver a node can take; without it any number.
        "volumes-per-node" => volumes_per_node: Option<u32> = None;
        /// The name of the default storage class; empty for none.
        "class" => class: String = "standard".to_owned();
        /// When its claims are bound: `WaitForFirstConsumer` or `Immediate`.
        "binding-mode" => binding_mode: String = "WaitForFirstConsumer".to_owned();
        /// What happens to its volumes when their claims are gone: `Delete` or `Retain`.
        "reclaim-policy" => reclaim_policy: String = "Delete".to_owned();
    }
}

fn words_are_known(storage: &Storage, node: &Node, session: &mut Session) {
    let rows = [
        ("binding-mode", &storage.binding_mode, ["WaitForFirstConsumer", "Immediate"]),
        ("reclaim-policy", &storage.reclaim_policy, ["Delete", "Retain"]),
    ];
    for (key, word, known) in rows {
        if !known.contains(&word.as_str()) {
            let place = node.get(key).map_or(node.place, |n| n.place);
            session.report(place, Mistake::not_one_of(key, word, &known));
        }
    }
}
