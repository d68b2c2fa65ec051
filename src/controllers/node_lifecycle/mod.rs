//! The node controller: it notices silent nodes, says so in their conditions and pods, and taints
//! them.
//!
//! Responsible for the health of nodes, their `NoSchedule` taints by condition, their `NoExecute`
//! taints by the rate of their zone, and the Ready condition of pods on nodes that are not ready.
//! It never evicts a pod: the taint eviction controller does that.
//!
//! One pass looks at all nodes. It is due every five seconds, costs nothing while nothing can have
//! changed, and tells when something could change by time alone.
//!
//! Differs: passes are on a fixed grid from the first one; Kubernetes waits a period after the end
//! of each.

mod health;
mod monitor;
mod no_schedule;
mod taint_queue;
#[cfg(test)]
mod tests;
mod zone;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::api::Name;
use crate::api::condition;
use crate::api::coordination::lease::Lease;
use crate::api::core::node::Node;
use crate::api::core::pod::Pod;
use crate::api::edit::Edit;
use crate::api::meta::Uid;
use crate::api::object::{Kind, Object, ObjectKey, Resource};
use crate::api::refusal::{Reason, Refusal};
use crate::api::request::{Patch, Verb};
use crate::api::taint::TaintEffect;
use crate::api::time::Time;
use crate::client::plan::{Plan, Recovery, Write};
use crate::client::reconciler::{Keys, Observed, Reconciler, Settings, Watch};
use crate::client::view::View;
use crate::sim::time::{SimDuration, SimTime};

pub use health::Grace;
pub use no_schedule::condition_taints;
pub use taint_queue::TaintQueue;
pub use zone::{TaintRates, ZoneState, zone_state};

const NAME: &str = "node-controller";

/// The taint of a node whose kubelet says that it is not ready.
pub const NOT_READY: &str = "node.kubernetes.io/not-ready";

/// The taint of a node that does not answer.
pub const UNREACHABLE: &str = "node.kubernetes.io/unreachable";

/// How often the queues of nodes to taint are looked at.
const TAINTING_PERIOD: SimDuration = SimDuration::millis(100);

/// The flags of the controller.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Options {
    /// `--node-monitor-period`.
    pub period: SimDuration,
    /// How long a node may be silent.
    pub grace: Grace,
    /// How fast nodes are tainted.
    pub rates: TaintRates,
    /// `--unhealthy-zone-threshold`.
    pub unhealthy_threshold: f32,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            period: SimDuration::secs(5),
            grace: Grace::default(),
            rates: TaintRates::default(),
            unhealthy_threshold: 0.55,
        }
    }
}

/// The node controller.
#[derive(Clone, Debug, Default)]
pub struct NodeLifecycle {
    options: Options,
    /// The first pass; none before.
    first: Option<Time>,
    /// The last pass that looked at all nodes.
    last: Option<Time>,
    /// The first instant at which something can change by time alone.
    next_check: Option<Time>,
    /// Since when something has changed that the next pass has to look at.
    dirty_since: Option<Time>,
    /// Whether the next pass must not wait for its beat: a write was refused.
    is_urgent: bool,
    known: BTreeMap<Name, Uid>,
    health: BTreeMap<Name, health::Health>,
    states: BTreeMap<Name, ZoneState>,
    queues: BTreeMap<Name, TaintQueue>,
    /// Nodes that are not ready and whose pods may not all have been told.
    unmarked: BTreeSet<Name>,
}

impl NodeLifecycle {
    /// A controller with empty memory.
    pub fn new(options: Options) -> NodeLifecycle {
        NodeLifecycle { options, ..NodeLifecycle::default() }
    }

    /// The key of the pass over all nodes.
    pub fn monitor_key() -> ObjectKey {
        ObjectKey::new(Kind::NODE, "", NAME)
    }

    /// The key of the look at the queues of nodes to taint.
    pub fn tainting_key() -> ObjectKey {
        ObjectKey::new(Kind::NODE, "no-execute", NAME)
    }

    /// The states of the zones, by zone key.
    pub fn zone_states(&self) -> &BTreeMap<Name, ZoneState> {
        &self.states
    }

    /// When the next pass has something to do: the beat after something has changed, or at which a
    /// node may be overdue.
    fn next_pass(&self, now: Time) -> Option<Time> {
        let beats = self.beats(now);
        let Some(last) = self.last else { return Some(now) };
        let next = beats.after(last);
        let pods = (!self.unmarked.is_empty()).then_some(next);
        let causes = [self.dirty_since, self.next_check].into_iter().flatten();
        causes.map(|at| beats.at_or_after(at).max(next)).chain(pods).min()
    }

    fn beats(&self, now: Time) -> health::Beats {
        let first = self.first.unwrap_or(now);
        health::Beats { first, last: self.last, now, period: self.options.period }
    }
}

impl Reconciler for NodeLifecycle {
    fn name(&self) -> &'static str {
        NAME
    }

    fn watches(&self) -> &'static [Watch] {
        &[
            Watch { kind: Kind::NODE, keys: node_keys },
            Watch { kind: Kind::POD, keys: pod_keys },
            Watch { kind: Kind::LEASE, keys: lease_keys },
        ]
    }

    fn settings(&self) -> Settings {
        Settings { workers: 8, period: Some(self.options.period), ..Settings::default() }
    }

    fn reconcile(&mut self, key: &ObjectKey, view: View<'_>) -> Plan {
        if *key == NodeLifecycle::monitor_key() {
            return self.monitor(view);
        }
        if *key == NodeLifecycle::tainting_key() {
            return self.taint_no_execute(view);
        }
        if key.kind == Kind::POD {
            return self.mark_bound_pod(key, view);
        }
        no_schedule::plan(key, view)
    }

    fn recover(&mut self, write: &Write, refusal: &Refusal) -> Recovery {
        if let Verb::Update { object: Object::Node(node), .. } = &write.verb {
            if let Some(health) = self.health.get_mut(&node.meta.name) {
                health.written_over = None;
            }
            self.is_urgent = true;
            return Recovery::Retry;
        }
        if let Verb::Update { object: Object::Pod(pod), .. } = &write.verb {
            if refusal.reason != Reason::NotFound {
                self.unmarked.insert(pod.node_name.clone());
            }
            return Recovery::GoOn;
        }
        if let Verb::Patch { key, patch: Patch::Edit(Edit::Taints { add, remove }), .. } =
            &write.verb
            && add.iter().chain(remove).any(|t| t.effect == TaintEffect::NoExecute)
        {
            for queue in self.queues.values_mut() {
                queue.remove(&key.name);
            }
            self.dirty_since = self.last;
            return Recovery::GoOn;
        }
        Recovery::usual(write, refusal)
    }

    fn observe(&mut self, change: &Observed<'_>, view: View<'_>) {
        if changes_health(change) || ends_renewals(change) {
            self.dirty_since.get_or_insert(view.steady_now());
        }
    }

    /// A pass says when the next one is due, and what it has to look at before is queued.
    fn idle_until(&self, now: Time) -> Option<SimTime> {
        if self.is_urgent {
            return None;
        }
        Some(self.next_pass(now).map_or(SimTime::NEVER, Time::sim))
    }

    fn boxed_clone(&self) -> Box<dyn Reconciler> {
        Box::new(self.clone())
    }
}

/// Whether a change of a node can change what a pass does, beside signs of life.
fn changes_health(change: &Observed<'_>) -> bool {
    let Object::Node(new) = change.latest() else { return false };
    let Some(old) = change.old.and_then(Node::of).filter(|_| change.new.is_some()) else {
        return true;
    };
    let truths = |node: &Node| {
        let kinds = node.status.conditions.iter().map(|c| (c.kind.clone(), c.status));
        kinds.collect::<Vec<_>>()
    };
    old.meta.uid != new.meta.uid
        || old.spec.taints != new.spec.taints
        || old.spec.unschedulable != new.spec.unschedulable
        || old.meta.labels != new.meta.labels
        || truths(old) != truths(new)
}

/// Whether the renewals of a lease, which nobody wrote, are over: from now on the node may become
/// overdue.
fn ends_renewals(change: &Observed<'_>) -> bool {
    let is_renewed = |lease: &Arc<Lease>| lease.beat.is_some();
    change.old.and_then(Lease::of).is_some_and(is_renewed)
        && !change.new.and_then(Lease::of).is_some_and(is_renewed)
}

fn lease_keys(change: &Observed<'_>, _view: View<'_>, out: &mut Keys) {
    if ends_renewals(change) {
        out.add(NodeLifecycle::monitor_key());
    }
}

fn node_keys(change: &Observed<'_>, _view: View<'_>, out: &mut Keys) {
    if changes_health(change) {
        out.add(NodeLifecycle::monitor_key());
        out.add(NodeLifecycle::tainting_key());
        if change.new.is_some() {
            out.add(change.latest().key());
        }
    }
}

/// A pod that has come to a node: it may be one that is not ready.
fn pod_keys(change: &Observed<'_>, _view: View<'_>, out: &mut Keys) {
    let Some(pod) = change.new.and_then(Pod::of) else { return };
    let was_there = change.old.and_then(Pod::of).is_some_and(|old| old.node_name == pod.node_name);
    if !was_there
        && !pod.node_name.is_empty()
        && condition::find(&pod.status.conditions, "Ready").is_some()
    {
        out.add(change.latest().key());
    }
}
