//! The states of workloads and nodes, under the names that kube-state-metrics gives them.

use crate::api::condition::{Truth, find};
use crate::api::core::node::Node;
use crate::api::note::Note;
use crate::api::object::{Kind, Object};
use crate::sim::log::Log;
use crate::sim::time::SimTime;
use crate::trace::export::metrics::{Family, labels};
use crate::trace::page::workload_of;

/// Of a kind: the label that names its objects, and the names of what is desired, there, ready,
/// available and of the newest template; none where kube-state-metrics has no such metric.
struct Names {
    kind: Kind,
    label: &'static str,
    numbers: [&'static str; 5],
}

const KINDS: &[Names] = &[
    Names {
        kind: Kind::DEPLOYMENT,
        label: "deployment",
        numbers: [
            "kube_deployment_spec_replicas",
            "kube_deployment_status_replicas",
            "kube_deployment_status_replicas_ready",
            "kube_deployment_status_replicas_available",
            "kube_deployment_status_replicas_updated",
        ],
    },
    Names {
        kind: Kind::REPLICA_SET,
        label: "replicaset",
        numbers: [
            "kube_replicaset_spec_replicas",
            "kube_replicaset_status_replicas",
            "kube_replicaset_status_ready_replicas",
            "",
            "",
        ],
    },
    Names {
        kind: Kind::STATEFUL_SET,
        label: "statefulset",
        numbers: [
            "kube_statefulset_replicas",
            "kube_statefulset_status_replicas",
            "kube_statefulset_status_replicas_ready",
            "kube_statefulset_status_replicas_available",
            "kube_statefulset_status_replicas_updated",
        ],
    },
    Names {
        kind: Kind::DAEMON_SET,
        label: "daemonset",
        numbers: [
            "kube_daemonset_status_desired_number_scheduled",
            "kube_daemonset_status_current_number_scheduled",
            "kube_daemonset_status_number_ready",
            "kube_daemonset_status_number_available",
            "kube_daemonset_status_updated_number_scheduled",
        ],
    },
];

/// What the numbers tell, in their order.
const TOLD: [&str; 5] = [
    "Pods that are desired.",
    "Pods that are there.",
    "Pods that are ready.",
    "Pods that are available.",
    "Pods of the newest template.",
];

/// The families of all workloads and nodes of a run.
pub(super) fn of_states(beginning: &[Object], log: &Log<Note>) -> Vec<Family> {
    let mut states = States::new();
    for object in beginning {
        states.see(object, false, SimTime::ZERO);
    }
    for record in log.iter().filter(|record| record.turn > 0) {
        if let Note::Write(write) = &record.note {
            states.see(&write.change.object, write.change.deleted, record.time);
        }
    }
    let workloads = states.workloads.into_iter().flatten().flatten();
    workloads.chain([states.ready, states.closed]).collect()
}

struct States {
    workloads: Vec<[Option<Family>; 5]>,
    ready: Family,
    closed: Family,
}

impl States {
    fn new() -> States {
        let family =
            |name: &'static str, told| (!name.is_empty()).then(|| Family::new(name, "gauge", told));
        let of = |names: &Names| {
            let mut told = TOLD.iter();
            names.numbers.map(|name| family(name, told.next().copied().unwrap_or_default()))
        };
        let ready = "kube_node_status_condition";
        let closed = "kube_node_spec_unschedulable";
        States {
            workloads: KINDS.iter().map(of).collect(),
            ready: Family::new(ready, "gauge", "Whether a node is ready."),
            closed: Family::new(closed, "gauge", "Whether a node takes no new pods."),
        }
    }

    fn see(&mut self, object: &Object, deleted: bool, at: SimTime) {
        let meta = object.meta();
        if let Object::Node(node) = object {
            self.node(&meta.name, node, deleted, at);
            return;
        }
        let Some(place) = KINDS.iter().position(|names| names.kind == object.kind()) else {
            return;
        };
        let of = labels(&[("namespace", &meta.namespace), (KINDS[place].label, &meta.name)]);
        let numbers = workload_of(object).unwrap_or_default();
        for (family, number) in self.workloads[place].iter_mut().zip(numbers) {
            match (family, deleted) {
                (Some(family), true) => family.end(&of, at),
                (Some(family), false) => family.set(&of, at, u64::try_from(number).unwrap_or(0)),
                (None, _) => {}
            }
        }
    }

    fn node(&mut self, name: &str, node: &Node, deleted: bool, at: SimTime) {
        let is = find(&node.status.conditions, "Ready").map(|condition| condition.status);
        for (status, word) in
            [(Truth::True, "true"), (Truth::False, "false"), (Truth::Unknown, "unknown")]
        {
            let of = labels(&[("node", name), ("condition", "Ready"), ("status", word)]);
            if deleted {
                self.ready.end(&of, at);
            } else {
                self.ready.set(&of, at, u64::from(is == Some(status)));
            }
        }
        let of = labels(&[("node", name)]);
        if deleted {
            self.closed.end(&of, at);
        } else {
            self.closed.set(&of, at, u64::from(node.spec.unschedulable));
        }
    }
}
