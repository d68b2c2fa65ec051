//! The pass over all nodes, and the tainting that follows from it.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::api::Name;
use crate::api::condition::{self, Truth};
use crate::api::coordination::lease::Lease;
use crate::api::core::event::ObjectReference;
use crate::api::core::node::Node;
use crate::api::core::pod::Pod;
use crate::api::edit::Edit;
use crate::api::meta::Uid;
use crate::api::object::{Kind, Object, ObjectKey};
use crate::api::request::EventNote;
use crate::api::taint::{Taint, TaintEffect};
use crate::api::time::Time;
use crate::api::variant::Variant;
use crate::api::why::Why;
use crate::client::plan::{Plan, Write};
use crate::client::view::View;
use crate::controllers::node_lifecycle::health::{self, Finding};
use crate::controllers::node_lifecycle::{
    NOT_READY, NodeLifecycle, TAINTING_PERIOD, TaintQueue, TaintRates, UNREACHABLE, ZoneState,
    zone_state,
};
use crate::sim::time::Start;

/// How many nodes a pass looks at at once.
const NODES_AT_ONCE: usize = 8;

/// A node with this label does not count for the state of its zone.
const EXCLUDED: &str = "node.kubernetes.io/exclude-disruption";

/// The writes that a pass wants for one node.
#[derive(Default)]
struct Wishes {
    status: Option<Write>,
    taints: Option<Write>,
    pods: Vec<Write>,
}

/// The nodes of a zone that are ready, and that are not.
#[derive(Clone, Copy, Default)]
struct Count {
    ready: usize,
    not_ready: usize,
}

impl NodeLifecycle {
    /// Looks at all nodes, if a look is due and can change anything. A scan of the nodes, at most
    /// once a period.
    ///
    /// Source: kubernetes v1.36 pkg/controller/nodelifecycle/node_lifecycle_controller.go,
    /// `monitorNodeHealth`
    pub(super) fn monitor(&mut self, view: View<'_>) -> Plan {
        let now = view.steady_now();
        let mut plan = Plan::nothing();
        if self.is_urgent || self.next_pass(now).is_some_and(|at| at <= now) {
            self.first.get_or_insert(now);
            self.look_at_all(view, &mut plan);
            self.is_urgent = false;
        }
        if let Some(next) = self.next_pass(now) {
            plan.look_again_in(next.since(now));
            plan.housekeeping = true;
        }
        plan
    }

    fn look_at_all(&mut self, view: View<'_>, plan: &mut Plan) {
        let now = view.steady_now();
        let mut nodes: Vec<&Arc<Node>> = view.all::<Node>().collect();
        nodes.sort_by(|a, b| a.meta.name.cmp(&b.meta.name));
        self.dirty_since = None;
        self.register(&nodes, plan);
        self.next_check = None;
        let mut counts: BTreeMap<Name, Count> = BTreeMap::new();
        let mut all = Vec::new();
        for node in &nodes {
            let finding = self.look(node, view);
            if !node.meta.labels.has(EXCLUDED) {
                let count = counts.entry(node.zone_key()).or_default();
                let is_ready = finding.current == Some(Truth::True);
                count.ready += usize::from(is_ready);
                count.not_ready += usize::from(!is_ready);
            }
            all.push(self.wishes(node, &finding, view, plan));
        }
        if !view.gates().varies(Variant::EvictsWhenAllAreSilent) {
            self.handle_disruption(&counts, &nodes, &mut all, now);
        }
        self.last = Some(floor(self.beats(now)));
        arrange(all, plan);
    }

    /// Tells of nodes that have come and gone, and makes queues for their zones.
    ///
    /// Source: kubernetes v1.36 pkg/controller/nodelifecycle/node_lifecycle_controller.go,
    /// `classifyNodes`, `addPodEvictorForNewZone`
    fn register(&mut self, nodes: &[&Arc<Node>], plan: &mut Plan) {
        let rate = self.options.rates.usual;
        for node in nodes {
            let zone = node.zone_key();
            if !self.states.contains_key(&zone) {
                self.states.insert(zone.clone(), ZoneState::Initial);
                self.queues.insert(zone, TaintQueue::new(rate));
            }
            if self.known.insert(node.meta.name.clone(), node.meta.uid).is_none() {
                let text = format!("Registered Node {} in Controller", node.meta.name);
                plan.events.push(node_event(
                    &node.meta.name,
                    node.meta.uid,
                    "RegisteredNode",
                    &text,
                ));
            }
        }
        if self.known.len() == nodes.len() {
            return;
        }
        let here = |name: &Name| nodes.binary_search_by(|n| n.meta.name.cmp(name)).is_ok();
        let gone: Vec<_> = self.known.iter().filter(|(name, _)| !here(name)).collect();
        let gone: Vec<_> = gone.into_iter().map(|(n, u)| (n.clone(), *u)).collect();
        for (name, uid) in gone {
            let text = format!("Removing Node {name} from Controller");
            plan.events.push(node_event(&name, uid, "RemovingNode", &text));
            self.known.remove(&name);
            self.unmarked.remove(&name);
        }
    }

    /// The node's health, and what it says of the node.
    fn look(&mut self, node: &Node, view: View<'_>) -> Finding {
        let name = &node.meta.name;
        let renewal = last_renewal(name, view);
        let known = self.health.remove(name);
        let beats = self.beats(view.steady_now());
        let (health, finding) = health::look(known, node, renewal, self.options.grace, beats);
        self.health.insert(name.clone(), health);
        // As long as a lease is renewed unasked its node cannot become overdue.
        let lease = view.get::<Lease>("kube-node-lease", name);
        let is_renewed = lease.is_some_and(|lease| lease.beat.is_some());
        if finding.current != Some(Truth::Unknown) && !is_renewed {
            let at = finding.overdue_at;
            self.next_check = Some(self.next_check.map_or(at, |next| next.min(at)));
        }
        finding
    }

    /// What is to be written for a node, and its place in its zone's queue.
    fn wishes(
        &mut self,
        node: &Arc<Node>,
        finding: &Finding,
        view: View<'_>,
        plan: &mut Plan,
    ) -> Wishes {
        let mut wishes = Wishes { status: status_write(node, finding), ..Wishes::default() };
        let Some(current) = finding.current else { return wishes };
        wishes.taints = self.no_execute(node, current, view.now());
        let name = &node.meta.name;
        if current == Truth::True {
            self.unmarked.remove(name);
            return wishes;
        }
        let falls_silent = finding.observed != current && current == Truth::Unknown;
        if falls_silent && view.gates().varies(Variant::MarksWhenSilent) {
            self.unmarked.insert(name.clone());
        }
        if finding.observed == Truth::True {
            let text = format!("Node {name} status is now: NodeNotReady");
            plan.events.push(about_node(name, node.meta.uid, "NodeNotReady", text));
            self.unmarked.insert(name.clone());
        }
        if self.unmarked.contains(name) {
            let mut pods: Vec<_> = view.on_node::<Pod>(name).collect();
            pods.sort_by(|a, b| a.meta.name.cmp(&b.meta.name));
            wishes.pods = pods.iter().filter_map(|p| mark(p, view.now())).collect();
            if wishes.pods.is_empty() {
                self.unmarked.remove(name);
            }
        }
        wishes
    }

    /// Puts the node into its zone's queue, swaps the taint that it has for the right one, or takes
    /// both off.
    ///
    /// Source: kubernetes v1.36 pkg/controller/nodelifecycle/node_lifecycle_controller.go,
    /// `processTaintBaseEviction`, `markNodeForTainting`, `markNodeAsReachable`
    fn no_execute(&mut self, node: &Arc<Node>, current: Truth, now: Time) -> Option<Write> {
        let queue = self.queues.get_mut(&node.zone_key())?;
        let name = &node.meta.name;
        let (wanted, other) = match current {
            Truth::False => (NOT_READY, UNREACHABLE),
            Truth::Unknown => (UNREACHABLE, NOT_READY),
            Truth::True => {
                queue.remove(name);
                return reachable(node);
            }
        };
        if has_no_execute(node, other) {
            return Some(swap(
                node,
                wanted,
                other,
                now,
                "the node has the taint {} in place of {}",
            ));
        }
        if !has_no_execute(node, wanted) {
            queue.remove(name);
        }
        queue.add(name, now);
        None
    }

    /// The states of the zones after a pass, and the rates of their queues.
    ///
    /// Source: kubernetes v1.36 pkg/controller/nodelifecycle/node_lifecycle_controller.go,
    /// `handleDisruption`
    fn handle_disruption(
        &mut self,
        counts: &BTreeMap<Name, Count>,
        nodes: &[&Arc<Node>],
        wishes: &mut [Wishes],
        now: Time,
    ) {
        let threshold = self.options.unhealthy_threshold;
        let state = |c: &Count| zone_state(c.ready, c.not_ready, threshold);
        let all_are = counts.values().all(|c| state(c) == ZoneState::FullDisruption);
        self.states.retain(|zone, _| counts.contains_key(zone));
        let all_were = self.states.values().all(|s| *s == ZoneState::FullDisruption);
        if all_are && all_were {
            return;
        }
        if all_are {
            self.stop_tainting(nodes, wishes, now);
            return;
        }
        if all_were {
            for node in nodes {
                if let Some(health) = self.health.get_mut(&node.meta.name) {
                    health.probe = now;
                }
            }
            self.dirty_since = Some(now);
        }
        for (zone, count) in counts {
            let new = state(count);
            let old = self.states.insert(zone.clone(), new);
            if !all_were && old == Some(new) {
                continue;
            }
            let rate = self.options.rates.rate(new, count.ready + count.not_ready);
            if let Some(queue) = self.queues.get_mut(zone) {
                queue.set_rate(rate, now);
            }
        }
    }

    /// Not one node is ready: more likely the controller is cut off than that all have failed.
    fn stop_tainting(&mut self, nodes: &[&Arc<Node>], wishes: &mut [Wishes], now: Time) {
        for (node, wishes) in nodes.iter().zip(wishes) {
            if let Some(write) = reachable(node) {
                wishes.taints = Some(write);
            }
            if let Some(queue) = self.queues.get_mut(&node.zone_key()) {
                queue.remove(&node.meta.name);
            }
        }
        for (zone, state) in &mut self.states {
            *state = ZoneState::FullDisruption;
            if let Some(queue) = self.queues.get_mut(zone) {
                queue.set_rate(TaintRates::ALL_ZONES_DOWN, now);
            }
        }
    }

    /// Taints the nodes whose turn it is.
    ///
    /// Source: kubernetes v1.36 pkg/controller/nodelifecycle/node_lifecycle_controller.go,
    /// `doNoExecuteTaintingPass`
    pub(super) fn taint_no_execute(&mut self, view: View<'_>) -> Plan {
        let now = view.steady_now();
        let mut plan = Plan::nothing();
        let mut next: Option<Time> = None;
        let mut soonest = |at: Time| next = Some(next.map_or(at, |n| n.min(at)));
        for queue in self.queues.values_mut() {
            while let Some(head) = queue.head() {
                let node = view.get::<Node>("", head);
                let written_over = self.health.get(head).and_then(|h| h.written_over);
                if node.is_some_and(|n| written_over == Some(n.meta.resource_version)) {
                    soonest(now.plus(TAINTING_PERIOD));
                    break;
                }
                if queue.take(now).is_none() {
                    break;
                }
                plan.push_all(node.and_then(|n| tainted(n, now)).into_iter().collect());
            }
            if let Some(at) = queue.next_at(now) {
                soonest(at.max(now.plus(TAINTING_PERIOD)));
            }
        }
        plan.housekeeping = next.is_none();
        if let Some(pass) = self.next_pass(now) {
            let at = pass.plus(TAINTING_PERIOD);
            next = Some(next.map_or(at, |n| n.min(at)));
        }
        if let Some(at) = next {
            plan.look_again_in(at.since(now));
        }
        plan
    }

    /// A pod that was put on a node which is not ready.
    ///
    /// Source: kubernetes v1.36 pkg/controller/nodelifecycle/node_lifecycle_controller.go,
    /// `processPod`
    pub(super) fn mark_bound_pod(&self, key: &ObjectKey, view: View<'_>) -> Plan {
        let mut plan = Plan::nothing();
        let Some(pod) = view.get::<Pod>(&key.namespace, &key.name) else { return plan };
        let Some(node) = view.get::<Node>("", &pod.node_name) else { return plan };
        let ready = condition::find(&node.status.conditions, "Ready");
        if self.health.contains_key(&pod.node_name) && ready.is_some_and(|c| !c.is_true()) {
            plan.push_all(mark(pod, view.now()).into_iter().collect());
        }
        plan
    }
}

/// The last beat that is not after the present pass.
fn floor(beats: health::Beats) -> Time {
    let span = beats.now.since(beats.first).0;
    beats.first.plus(beats.period.times(span / beats.period.0))
}

/// When the node's kubelet last renewed its lease.
fn last_renewal(node: &Name, view: View<'_>) -> Option<Time> {
    view.get::<Lease>("kube-node-lease", node)?.renewed_at(Start::USUAL, view.steady_now().sim())
}

/// Nodes in groups that are written at once; of each node the status first, then taints, then one
/// pod after another.
fn arrange(all: Vec<Wishes>, plan: &mut Plan) {
    let is_idle = |w: &Wishes| w.status.is_none() && w.taints.is_none() && w.pods.is_empty();
    let mut busy: Vec<Wishes> = all.into_iter().filter(|w| !is_idle(w)).collect();
    for group in busy.chunks_mut(NODES_AT_ONCE) {
        plan.push_all(group.iter_mut().filter_map(|w| w.status.take()).collect());
        plan.push_all(group.iter_mut().filter_map(|w| w.taints.take()).collect());
        let mut rounds: Vec<_> = group.iter_mut().map(|w| w.pods.drain(..)).collect();
        loop {
            let round: Vec<Write> = rounds.iter_mut().filter_map(Iterator::next).collect();
            if round.is_empty() {
                break;
            }
            plan.push_all(round);
        }
    }
}

fn status_write(node: &Arc<Node>, finding: &Finding) -> Option<Write> {
    let status = finding.status.clone()?;
    let node = Node { status, ..Node::clone(node) };
    Some(Write::update_status(node, Why::one("no sign of life for {}", finding.silence)))
}

fn has_no_execute(node: &Node, key: &str) -> bool {
    node.spec.taints.iter().any(|t| t.key == key && t.effect == TaintEffect::NoExecute)
}

/// The `NoExecute` taint that the node's Ready condition calls for, in place of the other.
fn tainted(node: &Arc<Node>, now: Time) -> Option<Write> {
    let ready = condition::find(&node.status.conditions, "Ready")?;
    let why = "the node's turn in its zone has come: {} in place of {}";
    match ready.status {
        Truth::True => None,
        Truth::False => Some(swap(node, NOT_READY, UNREACHABLE, now, why)),
        Truth::Unknown => Some(swap(node, UNREACHABLE, NOT_READY, now, why)),
    }
}

fn swap(
    node: &Node,
    add: &'static str,
    remove: &'static str,
    now: Time,
    why: &'static str,
) -> Write {
    let added = Some(now.whole_seconds());
    let taint = Taint { time_added: added, ..Taint::new(add, TaintEffect::NoExecute) };
    let remove_taint = Taint::new(remove, TaintEffect::NoExecute);
    let edit = Edit::Taints { add: vec![taint], remove: vec![remove_taint] };
    Write::edit(key(node), edit, Why::two(why, add, remove))
}

/// Takes both `NoExecute` taints off a node.
fn reachable(node: &Node) -> Option<Write> {
    let has = [UNREACHABLE, NOT_READY].into_iter().filter(|t| has_no_execute(node, t));
    let remove: Vec<_> = has.map(|t| Taint::new(t, TaintEffect::NoExecute)).collect();
    let first = remove.first()?.key.clone();
    let why = Why::one("the node no longer calls for {}", first);
    Some(Write::edit(key(node), Edit::Taints { add: Vec::new(), remove }, why))
}

fn key(node: &Node) -> ObjectKey {
    ObjectKey::new(Kind::NODE, "", &node.meta.name)
}

/// Says of a pod that it is not ready, if it does not say so itself.
///
/// Source: kubernetes v1.36 pkg/controller/util/node/controller_utils.go, `MarkPodsNotReady`
fn mark(pod: &Arc<Pod>, now: Time) -> Option<Write> {
    let ready = condition::find(&pod.status.conditions, "Ready")?;
    if ready.status == Truth::False {
        return None;
    }
    let mut changed = Pod::clone(pod);
    let status = Arc::make_mut(&mut changed.status);
    let ready = status.conditions.iter_mut().find(|c| c.kind == "Ready")?;
    ready.status = Truth::False;
    ready.observed_generation = Some(pod.meta.generation).filter(|g| *g != 0);
    ready.last_transition_time = Some(now.whole_seconds());
    let event = EventNote {
        about: Object::Pod(pod.clone()).reference(),
        warning: true,
        reason: "NodeNotReady",
        message: "Node is not ready".into(),
    };
    let why = Why::one("its node {} is not ready", &pod.node_name);
    Some(Write::update_status(changed, why).telling(event))
}

/// Source: kubernetes v1.36 pkg/controller/util/node/controller_utils.go, `RecordNodeEvent`
fn node_event(name: &Name, uid: Uid, reason: &'static str, text: &str) -> EventNote {
    about_node(name, uid, reason, format!("Node {name} event: {text}"))
}

fn about_node(name: &Name, uid: Uid, reason: &'static str, message: String) -> EventNote {
    let about = ObjectReference {
        kind: Name::new_static("Node"),
        name: name.clone(),
        uid,
        api_version: Name::new_static("v1"),
        ..ObjectReference::default()
    };
    EventNote { about: about.into(), warning: false, reason, message: message.into() }
}
