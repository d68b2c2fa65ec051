//! What the log of a cluster holds.

use crate::api::Name;
use crate::api::condition::Condition;
use crate::api::core::node::Node;
use crate::api::core::pod::Pod;
use crate::api::core::pod::PodPhase;
use crate::api::message::{Origin, StoreChange};
use crate::api::object::Object;
use crate::api::refusal::Refusal;
use crate::sim::digest::{Canonical, Encoder};
use crate::sim::time::SimTime;

/// One entry of the log.
#[derive(Clone, Debug)]
pub enum Note {
    /// The store was changed.
    Write(Box<WriteNote>),
    /// A request was refused or lost.
    Refused(Box<RefusedNote>),
    /// A person's step ended.
    Step(Box<StepNote>),
    /// A fault began or ended.
    Fault(Box<FaultNote>),
    /// Something worth knowing: a relist, a new leader, a crash.
    Mark(Box<MarkNote>),
}

/// A change of the store, and where it came from.
#[derive(Clone, Debug)]
pub struct WriteNote {
    /// The change.
    pub change: StoreChange,
    /// Who asked for it, and why.
    pub origin: Origin,
}

/// A request that was refused or whose answer was lost.
#[derive(Clone, Debug)]
pub struct RefusedNote {
    /// Who asked.
    pub user: Name,
    /// `create`, `update`, `patch`, `delete`, `get`, `list`, `watch`.
    pub verb: &'static str,
    /// The resource, with its subresource: `deployments/status`.
    pub resource: Name,
    /// The object's namespace.
    pub namespace: Name,
    /// The object's name.
    pub name: Name,
    /// What the apiserver said.
    pub refusal: Refusal,
}

/// A step of a scenario.
#[derive(Clone, Debug)]
pub struct StepNote {
    /// Its number, from 0.
    pub number: usize,
    /// As it was written.
    pub text: Name,
    /// What it printed.
    pub output: String,
    /// Its exit status.
    pub code: i32,
    /// When it began.
    pub begun: SimTime,
    /// The turn in which it began: what its requests are caused by.
    pub begun_turn: u64,
}

/// The begin or end of a fault.
#[derive(Clone, Debug)]
pub struct FaultNote {
    /// Which fault.
    pub fault: Name,
    /// Whether it begins.
    pub begins: bool,
    /// Whom it hit.
    pub hit: Vec<Name>,
}

/// Something worth knowing.
#[derive(Clone, Debug)]
pub struct MarkNote {
    /// `crash`, `restart`, `relist`, `leader`, …
    pub mark: &'static str,
    /// Whom it is about.
    pub who: Name,
    /// One sentence.
    pub detail: Name,
}

impl Note {
    /// Whether it is housekeeping that no person asks about: signs of life of nodes and leaders.
    pub fn is_heartbeat(&self) -> bool {
        matches!(self, Note::Write(write) if is_heartbeat(&write.change))
    }
}

/// Whether a change is a sign of life of a node or leader and nothing else.
pub fn is_heartbeat(change: &StoreChange) -> bool {
    if matches!(change.object, Object::Lease(_)) {
        return true;
    }
    let (Object::Node(node), Some(Object::Node(old))) = (&change.object, &change.old) else {
        return false;
    };
    !change.deleted && differs_only_in_signs_of_life(old, node)
}

fn differs_only_in_signs_of_life(old: &Node, node: &Node) -> bool {
    let same = |a: &Condition, b: &Condition| {
        a.kind == b.kind && a.status == b.status && a.reason == b.reason
    };
    let (a, b) = (&old.status.conditions, &node.status.conditions);
    old.spec == node.spec
        && old.meta.labels == node.meta.labels
        && old.meta.annotations == node.meta.annotations
        && old.meta.deletion == node.meta.deletion
        && a.len() == b.len()
        && a.iter().zip(b).all(|(a, b)| same(a, b))
}

impl Canonical for Note {
    fn encode(&self, out: &mut Encoder) {
        match self {
            Note::Write(write) => encode_write(&write.change, &write.origin, out),
            Note::Refused(refused) => {
                out.number(2);
                out.text(&refused.user);
                out.text(refused.verb);
                out.text(&refused.resource);
                out.text(&refused.name);
                out.number(u64::from(refused.refusal.code));
                out.text(&refused.refusal.message);
            }
            Note::Step(step) => {
                out.number(3);
                out.number(step.number as u64);
                out.text(&step.output);
                out.number(u64::from(step.code.unsigned_abs()));
                out.number(step.begun.0);
            }
            Note::Fault(fault) => {
                out.number(4);
                out.text(&fault.fault);
                out.number(u64::from(fault.begins));
                fault.hit.iter().for_each(|name| out.text(name));
            }
            Note::Mark(mark) => {
                out.number(5);
                out.text(mark.mark);
                out.text(&mark.who);
                out.text(&mark.detail);
            }
        }
    }
}

/// A write is told by its revision, its object's identity and what people look at first; whatever
/// else differs shows in a later record.
pub fn encode_write(change: &StoreChange, origin: &Origin, out: &mut Encoder) {
    let meta = change.object.meta();
    out.number(1);
    out.number(change.revision);
    out.number(change.object.kind().stable_number() << 1 | u64::from(change.deleted));
    out.number((meta.uid.bits() >> 64) as u64);
    out.text(&meta.namespace);
    out.text(&meta.name);
    out.number(meta.generation.unsigned_abs());
    out.number(meta.deletion.map_or(0, |t| t.0.unsigned_abs()));
    out.text(origin.verb);
    out.text(&origin.user);
    encode_state(&change.object, out);
}

fn encode_state(object: &Object, out: &mut Encoder) {
    if let Object::Pod(pod) = object {
        encode_pod(pod, out);
    } else if let Object::Node(node) = object {
        encode_conditions(&node.status.conditions, out);
        node.spec.taints.iter().for_each(|taint| out.text(&taint.key));
    } else if let Object::Deployment(deployment) = object {
        let status = &deployment.status;
        out.number(u64::from(deployment.spec.replicas.unsigned_abs()));
        out.number(u64::from(status.replicas.unsigned_abs()));
        out.number(u64::from(status.ready_replicas.unsigned_abs()));
        out.number(u64::from(status.updated_replicas.unsigned_abs()));
        encode_conditions(&status.conditions, out);
    } else if let Object::ReplicaSet(set) = object {
        out.number(u64::from(set.spec.replicas.unsigned_abs()));
        out.number(u64::from(set.status.replicas.unsigned_abs()));
        out.number(u64::from(set.status.ready_replicas.unsigned_abs()));
    } else if let Object::Event(event) = object {
        out.text(&event.body.reason);
        out.text(&event.body.message);
        out.number(u64::from(event.body.count.unsigned_abs()));
    }
}

fn encode_pod(pod: &Pod, out: &mut Encoder) {
    out.text(&pod.node_name);
    out.number(match pod.status.phase {
        PodPhase::Pending => 0,
        PodPhase::Running => 1,
        PodPhase::Succeeded => 2,
        PodPhase::Failed => 3,
        PodPhase::Unknown => 4,
    });
    encode_conditions(&pod.status.conditions, out);
    for container in &pod.status.container_statuses {
        out.number(u64::from(container.restart_count.unsigned_abs()));
    }
}

fn encode_conditions(conditions: &[Condition], out: &mut Encoder) {
    for condition in conditions {
        out.text(&condition.kind);
        out.number(condition.status as u64);
        out.number(condition.last_transition_time.map_or(0, |t| t.0.unsigned_abs()));
    }
}
