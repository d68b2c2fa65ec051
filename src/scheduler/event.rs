//! What happens in the cluster, as far as it can make room for a pod that was rejected.

use crate::api::core::node::Node;
use crate::api::core::pod::Pod;
use crate::api::core::pod_requests;
use crate::api::object::Object;
use crate::client::reconciler::Observed;

/// Whose change it is.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum EventResource {
    /// Anything at all.
    Wildcard,
    /// Pods, wherever they are.
    Pod,
    /// Pods that are on a node.
    AssignedPod,
    /// Pods that wait for a node.
    UnscheduledPod,
    /// Nodes.
    Node,
    /// Persistent volumes.
    PersistentVolume,
    /// Claims of persistent volumes.
    PersistentVolumeClaim,
    /// CSI nodes.
    CsiNode,
    /// CSI drivers.
    CsiDriver,
    /// Capacities of CSI storage.
    CsiStorageCapacity,
    /// Attachments of volumes.
    VolumeAttachment,
    /// Storage classes.
    StorageClass,
    /// Claims of devices.
    ResourceClaim,
    /// Devices of a node.
    ResourceSlice,
    /// Classes of devices.
    DeviceClass,
}

/// What happened, as a set of bits: one change may be several things at once.
///
/// Source: kubernetes v1.36 staging/src/k8s.io/kube-scheduler/framework/types.go, `ActionType`
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Action(pub u32);

impl Action {
    /// It came.
    pub const ADD: Action = Action(1);
    /// It went.
    pub const DELETE: Action = Action(1 << 1);
    /// A node's allocatable amounts changed.
    pub const NODE_ALLOCATABLE: Action = Action(1 << 2);
    /// A node's labels changed.
    pub const NODE_LABEL: Action = Action(1 << 3);
    /// A node's taints changed, or it was uncordoned.
    pub const NODE_TAINT: Action = Action(1 << 4);
    /// A node's conditions changed.
    pub const NODE_CONDITION: Action = Action(1 << 5);
    /// A node's annotations changed.
    pub const NODE_ANNOTATION: Action = Action(1 << 6);
    /// A pod's labels changed.
    pub const POD_LABEL: Action = Action(1 << 7);
    /// A pod asks for less.
    pub const POD_SCALE_DOWN: Action = Action(1 << 8);
    /// A pod's tolerations changed.
    pub const POD_TOLERATION: Action = Action(1 << 9);
    /// A pod has lost its last gate.
    pub const POD_GATES_GONE: Action = Action(1 << 10);
    /// A claim of devices was made for a pod.
    pub const POD_RESOURCE_CLAIM: Action = Action(1 << 11);
    /// Something else of it changed.
    pub const UPDATE_OTHER: Action = Action(1 << 12);
    /// Any change of something that stays.
    pub const UPDATE: Action = Action(((1 << 13) - 1) & !3);
    /// Anything.
    pub const ALL: Action = Action((1 << 13) - 1);

    /// Either of both.
    #[must_use]
    pub const fn or(self, other: Action) -> Action {
        Action(self.0 | other.0)
    }

    /// Whether both have something in common.
    pub const fn meets(self, other: Action) -> bool {
        self.0 & other.0 != 0
    }
}

/// A kind of event of the cluster.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct ClusterEvent {
    /// Whose change it is.
    pub resource: EventResource,
    /// What happened.
    pub action: Action,
}

impl ClusterEvent {
    /// Concerns every pod that waits.
    pub const WILDCARD: ClusterEvent =
        ClusterEvent { resource: EventResource::Wildcard, action: Action::ALL };

    /// An event.
    pub const fn new(resource: EventResource, action: Action) -> ClusterEvent {
        ClusterEvent { resource, action }
    }

    /// Whether it stands for everything.
    pub fn is_wildcard(self) -> bool {
        self == ClusterEvent::WILDCARD
    }

    /// Whether an event that a plugin is registered for covers one that happened.
    ///
    /// Source: kubernetes v1.36 pkg/scheduler/framework/events.go, `MatchClusterEvents`
    pub fn covers(self, happened: ClusterEvent) -> bool {
        let is_pod = |r| matches!(r, EventResource::AssignedPod | EventResource::UnscheduledPod);
        let same = self.resource == happened.resource
            || self.resource == EventResource::Pod && is_pod(happened.resource);
        self.is_wildcard() || same && self.action.meets(happened.action)
    }
}

/// Something that happened, with the versions before and after.
#[derive(Clone, Debug)]
pub struct Happened {
    /// What it was.
    pub event: ClusterEvent,
    /// The version before.
    pub old: Option<Object>,
    /// The version after.
    pub new: Option<Object>,
}

impl Happened {
    /// An event that concerns every pod that waits.
    pub const EVERYTHING: Happened =
        Happened { event: ClusterEvent::WILDCARD, old: None, new: None };

    /// An event of an object.
    pub fn new(resource: EventResource, action: Action, change: &Observed<'_>) -> Happened {
        Happened {
            event: ClusterEvent::new(resource, action),
            old: change.old.cloned(),
            new: change.new.cloned(),
        }
    }

    /// The versions before and after of a node.
    pub fn node(&self) -> (Option<&Node>, Option<&Node>) {
        (as_node(self.old.as_ref()), as_node(self.new.as_ref()))
    }

    /// The versions before and after of a pod.
    pub fn pod(&self) -> (Option<&Pod>, Option<&Pod>) {
        (as_pod(self.old.as_ref()), as_pod(self.new.as_ref()))
    }
}

fn as_node(object: Option<&Object>) -> Option<&Node> {
    if let Some(Object::Node(node)) = object { Some(node) } else { None }
}

fn as_pod(object: Option<&Object>) -> Option<&Pod> {
    if let Some(Object::Pod(pod)) = object { Some(pod) } else { None }
}

/// What of a node changed that can matter to scheduling.
///
/// Source: kubernetes v1.36 pkg/scheduler/framework/events.go, `NodeSchedulingPropertiesChange`
pub fn node_action(old: &Node, new: &Node) -> Action {
    let mut action = Action(0);
    let mut add = |changed: bool, what: Action| {
        if changed {
            action = action.or(what);
        }
    };
    let uncordoned = old.spec.unschedulable && !new.spec.unschedulable;
    add(uncordoned || old.spec.taints != new.spec.taints, Action::NODE_TAINT);
    add(old.status.allocatable != new.status.allocatable, Action::NODE_ALLOCATABLE);
    add(old.meta.labels != new.meta.labels, Action::NODE_LABEL);
    add(conditions(old) != conditions(new), Action::NODE_CONDITION);
    add(old.meta.annotations != new.meta.annotations, Action::NODE_ANNOTATION);
    action
}

/// Only type and status count: heartbeats change nothing.
fn conditions(node: &Node) -> Vec<(&str, &str)> {
    let pairs = node.status.conditions.iter().map(|c| (c.kind.as_str(), c.status.as_str()));
    let mut all: Vec<_> = pairs.collect();
    all.sort_unstable();
    all
}

/// What of a pod changed that can matter to scheduling.
///
/// Source: kubernetes v1.36 pkg/scheduler/framework/events.go, `PodSchedulingPropertiesChange`
pub fn pod_action(old: &Pod, new: &Pod) -> Action {
    let mut action = Action(0);
    let mut add = |changed: bool, what: Action| {
        if changed {
            action = action.or(what);
        }
    };
    add(old.meta.labels != new.meta.labels, Action::POD_LABEL);
    add(asks_less(old, new), Action::POD_SCALE_DOWN);
    let gates = |p: &Pod| p.spec.scheduling_gates.len();
    add(gates(old) > 0 && gates(new) == 0, Action::POD_GATES_GONE);
    add(old.spec.tolerations != new.spec.tolerations, Action::POD_TOLERATION);
    if action == Action(0) { Action::UPDATE_OTHER } else { action }
}

/// Whether a pod asks for less of any resource than before.
///
/// Source: kubernetes v1.36 pkg/scheduler/framework/events.go, `extractPodScaleDown`
fn asks_less(old: &Pod, new: &Pod) -> bool {
    if std::sync::Arc::ptr_eq(&old.spec, &new.spec) && old.status == new.status {
        return false;
    }
    let (before, after) = (pod_requests::of_pod(old), pod_requests::of_pod(new));
    before.milli_cpu > after.milli_cpu
        || before.memory > after.memory
        || before.ephemeral_storage > after.ephemeral_storage
        || before.scalar.iter().any(|(name, amount)| *amount > after.get(name))
}
