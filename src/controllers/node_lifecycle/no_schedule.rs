//! `NoSchedule` taints that follow from a node's conditions, and labels that follow from others.

use crate::api::Name;
use crate::api::condition::Truth;
use crate::api::core::node::Node;
use crate::api::edit::Edit;
use crate::api::object::ObjectKey;
use crate::api::taint::{Taint, TaintEffect};
use crate::api::time::Time;
use crate::client::plan::{Plan, Write};
use crate::client::view::View;
use crate::controllers::node_lifecycle::{NOT_READY, UNREACHABLE};

const UNSCHEDULABLE: &str = "node.kubernetes.io/unschedulable";

/// The taint that a condition of a status stands for.
const TAINTS: [(&str, Truth, &str); 6] = [
    ("Ready", Truth::False, NOT_READY),
    ("Ready", Truth::Unknown, UNREACHABLE),
    ("MemoryPressure", Truth::True, "node.kubernetes.io/memory-pressure"),
    ("DiskPressure", Truth::True, "node.kubernetes.io/disk-pressure"),
    ("NetworkUnavailable", Truth::True, "node.kubernetes.io/network-unavailable"),
    ("PIDPressure", Truth::True, "node.kubernetes.io/pid-pressure"),
];

/// Labels that repeat others under an old name.
const OLD_LABELS: [(&str, &str); 2] = [
    ("kubernetes.io/os", "beta.kubernetes.io/os"),
    ("kubernetes.io/arch", "beta.kubernetes.io/arch"),
];

/// The `NoSchedule` taints that a node's conditions call for, in the order of the conditions.
///
/// Source: kubernetes v1.36 pkg/controller/nodelifecycle/node_lifecycle_controller.go,
/// `doNoScheduleTaintingPass`
pub fn condition_taints(node: &Node) -> Vec<Taint> {
    let conditions = node.status.conditions.iter();
    let keys = conditions.filter_map(|c| {
        TAINTS.iter().find(|(kind, status, _)| c.kind == *kind && c.status == *status)
    });
    let keys = keys.map(|(_, _, key)| *key).chain(node.spec.unschedulable.then_some(UNSCHEDULABLE));
    keys.map(|key| Taint::new(key, TaintEffect::NoSchedule)).collect()
}

/// Brings the condition taints and the old labels of a node up to date.
///
/// Differs: a patch is made to whatever version the apiserver has, so that there is no conflict to
/// be tried again.
pub(super) fn plan(key: &ObjectKey, view: View<'_>) -> Plan {
    let mut plan = Plan::nothing();
    let Some(node) = view.get::<Node>("", &key.name) else { return plan };
    let (add, remove) = taint_changes(node, view.now());
    if !add.is_empty() || !remove.is_empty() {
        plan.push(Write::edit(
            key.clone(),
            Edit::Taints { add: add.clone(), remove: remove.clone() },
            crate::api::why::Why::two(
                "the conditions call for {} more NoSchedule taints and {} fewer",
                add.len(),
                remove.len(),
            ),
        ));
    }
    let labels = old_labels(node);
    if !labels.is_empty() {
        let why =
            crate::api::why::Why::one("{} labels repeat others under an old name", labels.len());
        plan.push(Write::edit(key.clone(), Edit::Labels(labels.into()), why));
    }
    plan
}

fn taint_changes(node: &Node, now: Time) -> (Vec<Taint>, Vec<Taint>) {
    let wanted = condition_taints(node);
    let is_ours = |t: &Taint| {
        t.effect == TaintEffect::NoSchedule
            && (t.key == UNSCHEDULABLE || TAINTS.iter().any(|(_, _, key)| t.key == *key))
    };
    let has = node.spec.taints.iter().filter(|t| is_ours(t));
    let remove = has.filter(|t| !wanted.iter().any(|w| w.is_same_mark(t))).cloned().collect();
    let missing =
        wanted.into_iter().filter(|w| !node.spec.taints.iter().any(|t| t.is_same_mark(w)));
    let stamped = missing.map(|t| Taint { time_added: Some(now.whole_seconds()), ..t });
    (stamped.collect(), remove)
}

/// Source: kubernetes v1.36 pkg/controller/nodelifecycle/node_lifecycle_controller.go,
/// `reconcileNodeLabels`
fn old_labels(node: &Node) -> Vec<(Name, Option<Name>)> {
    let labels = &node.meta.labels;
    let changed = OLD_LABELS.iter().filter_map(|(key, old)| {
        let value = labels.get(key)?;
        (labels.get(old) != Some(value)).then(|| (Name::new_static(old), Some(value.clone())))
    });
    changed.collect()
}
