//! The `DaemonSet` controller: a pod on each node that fits.
//!
//! Responsible for which nodes have a pod, for its replacement when the template changes, for
//! revisions and the status. It binds nothing: each pod is pinned to its node by an affinity, and
//! the scheduler places it.

pub mod fit;
mod history;
mod manage;
mod pods;
pub mod rolling;
mod status;
#[cfg(test)]
mod tests;
mod watch;
mod why;

use std::sync::Arc;

use serde_json::{Map as Json, Value};

use crate::api::Name;
use crate::api::apps::controller_revision::ControllerRevision;
use crate::api::apps::daemon_set::{DaemonSet, DaemonSetStrategyKind};
use crate::api::apps::pod_template::PodTemplate;
use crate::api::core::node::Node;
use crate::api::core::pod::Pod;
use crate::api::gates::Gate;
use crate::api::meta::Uid;
use crate::api::object::{Kind, Object, ObjectKey};
use crate::api::refusal::{Reason, Refusal};
use crate::api::request::Verb;
use crate::api::selector::{LabelSelector, Selector};
use crate::api::taint::ComparisonOperators;
use crate::api::variant::Variant;
use crate::api::why::Why;
use crate::client::plan::{Plan, Recovery, Write};
use crate::client::reconciler::{Observed, Reconciler, Settings, Watch};
use crate::client::view::View;
use crate::controllers::claim::{self, Claim};
use crate::controllers::controller_revision::Memory;
use crate::controllers::pod_control::PodControl;
use crate::controllers::pod_watch::gone;
use crate::controllers::replica_set::status::next_availability_check;
use crate::sim::index::Map;
use crate::sim::time::SimDuration;
use fit::{Fit, Fits};
use history::History;
use manage::{Look, Waits, Work, waits};
use pods::{ByNode, by_node, new_pod};
pub use why::DaemonSetWhy;

/// How many pods one look creates, and deletes, at most.
///
/// Source: kubernetes v1.36 pkg/controller/daemon/daemon_controller.go, `BurstReplicas`
pub const BURST_REPLICAS: usize = 250;

/// Keeps a pod of each `DaemonSet` on each node that fits.
///
/// Differs: a conflict on the status is answered by another look, not by one more write.
#[derive(Clone)]
pub struct DaemonSetController {
    /// Selectors, compiled once for each incarnation.
    selectors: Map<Uid, (Arc<LabelSelector>, Selector)>,
    /// What the present template asks of nodes, and the spec that its pods begin with.
    templates: Map<Uid, Known>,
    /// What is known of revisions.
    memory: Memory,
    /// The waits after failed pods.
    waits: Waits,
}

/// What was worked out about a template.
#[derive(Clone)]
struct Known {
    template: Arc<PodTemplate>,
    fit: Fit,
    base: Arc<Json<String, Value>>,
}

/// A node, and whether it should have a pod.
struct Place<'a> {
    node: &'a Arc<Node>,
    fits: Fits,
}

impl Default for DaemonSetController {
    fn default() -> Self {
        DaemonSetController {
            selectors: Map::default(),
            templates: Map::default(),
            memory: Memory::default(),
            waits: waits(),
        }
    }
}

fn count(n: usize) -> i32 {
    i32::try_from(n).unwrap_or(i32::MAX)
}

impl DaemonSetController {
    fn selector(&mut self, set: &DaemonSet) -> Option<Selector> {
        if let Some((source, selector)) = self.selectors.get(&set.meta.uid)
            && Arc::ptr_eq(source, &set.spec.selector)
        {
            return Some(selector.clone());
        }
        let selector = LabelSelector::to_selector(Some(&set.spec.selector)).ok()?;
        let known = (set.spec.selector.clone(), selector.clone());
        self.selectors.insert(set.meta.uid, known);
        Some(selector)
    }

    fn known(&mut self, set: &DaemonSet) -> Known {
        let template = &set.spec.template;
        if let Some(known) = self.templates.get(&set.meta.uid)
            && Arc::ptr_eq(&known.template, template)
        {
            return known.clone();
        }
        let known = Known {
            template: template.clone(),
            fit: Fit::of(&template.spec, &template.node_name),
            base: Arc::new(pods::base_spec(&template.spec)),
        };
        self.templates.insert(set.meta.uid, known.clone());
        known
    }

    /// Adds the writes that bring the pods to their nodes.
    ///
    /// Source: kubernetes v1.36 pkg/controller/daemon/daemon_controller.go, `updateDaemonSet`
    fn update(
        &mut self,
        set: &Arc<DaemonSet>,
        known: &Known,
        (places, by_node): (&[Place<'_>], &ByNode<'_>),
        hash: &str,
        view: View<'_>,
        plan: &mut Plan,
    ) {
        let object = Object::DaemonSet(set.clone());
        let about = object.reference();
        let waits = &mut self.waits;
        let mut look = Look { set, hash, about, now: view.now(), waits, plan };
        let work = look.manage(places, by_node);
        let writer = Writer { set, known, hash, control: PodControl::of(&object) };
        let is_rolling = set.spec.update_strategy.kind == DaemonSetStrategyKind::RollingUpdate;
        if !work.create.is_empty() || !work.delete.is_empty() {
            return writer.work(work, plan);
        }
        if is_rolling {
            let counts_unready = !view.gates().varies(Variant::CountsNoOldUnready);
            let by = (view.now(), counts_unready);
            let step = rolling::step(set, places, by_node, hash, by);
            writer.step(step, plan);
        }
    }
}

/// Turns what is wanted into writes.
struct Writer<'a> {
    set: &'a DaemonSet,
    known: &'a Known,
    hash: &'a str,
    control: PodControl,
}

impl Writer<'_> {
    fn creation(&self, node: &Name, why: DaemonSetWhy) -> Vec<Write> {
        let pod = new_pod(self.set, &self.known.base, self.hash, node);
        self.control.creations(pod, 1, &Why::from(why))
    }

    /// Source: kubernetes v1.36 pkg/controller/daemon/daemon_controller.go, `syncNodes`
    fn work(&self, work: Work<'_>, plan: &mut Plan) {
        let missing = |node: &Name| DaemonSetWhy::Missing { node: node.clone() };
        let create = work.create.iter().take(BURST_REPLICAS);
        plan.push_slowly(create.flat_map(|n| self.creation(n, missing(n))).collect());
        let delete = work.delete.into_iter().take(BURST_REPLICAS);
        plan.push_all(delete.map(|(p, why)| self.control.deletion(p, why.into())).collect());
    }

    fn step(&self, step: rolling::Step<'_>, plan: &mut Plan) {
        let (unavailable, limit) = (step.taken, step.limit);
        let surge = |node: &Name| DaemonSetWhy::Surge { node: node.clone(), limit };
        let create = step.create.iter().take(BURST_REPLICAS);
        plan.push_slowly(create.flat_map(|n| self.creation(n, surge(n))).collect());
        let why = DaemonSetWhy::Outdated { unavailable, limit };
        let delete = step.delete.into_iter().take(BURST_REPLICAS);
        plan.push_all(delete.map(|p| self.control.deletion(p, why.clone().into())).collect());
    }
}

/// The pods that a `DaemonSet` has or takes, with the writes by which it takes and drops some.
///
/// Source: kubernetes v1.36 pkg/controller/daemon/daemon_controller.go, `getDaemonPods`
fn claim_pods<'a>(
    set: &DaemonSet,
    selector: &Selector,
    view: View<'a>,
    plan: &mut Plan,
) -> Vec<&'a Arc<Pod>> {
    let own = view.controlled_by::<Pod>(set.meta.uid);
    let free = view.orphans::<Pod>(&set.meta.namespace);
    let mut pods = Vec::new();
    for pod in own.chain(free) {
        match claim::claim(&set.meta, &pod.meta, selector) {
            Claim::Keep => pods.push(pod),
            Claim::Adopt => {
                let object = Object::Pod(pod.clone());
                plan.push(claim::adoption(Kind::DAEMON_SET, &set.meta, &object));
                pods.push(pod);
            }
            Claim::Release => plan.push(claim::release(&set.meta, &Object::Pod(pod.clone()))),
            Claim::Ignore => {}
        }
    }
    pods
}

/// All nodes by name. A scan: its bound is the number of nodes, each of which is a place for a pod.
fn places<'a>(fit: &Fit, view: View<'a>) -> Vec<Place<'a>> {
    let comparison = ComparisonOperators::of(view.gates());
    let nodes = view.all::<Node>();
    let mut all: Vec<_> =
        nodes.map(|node| Place { node, fits: fit.on(node, comparison) }).collect();
    all.sort_by(|a, b| a.node.meta.name.cmp(&b.node.meta.name));
    all
}

impl Reconciler for DaemonSetController {
    fn name(&self) -> &'static str {
        "daemonset-controller"
    }

    fn watches(&self) -> &'static [Watch] {
        watch::WATCHES
    }

    fn settings(&self) -> Settings {
        Settings {
            workers: 2,
            expectations: true,
            awaits_own_writes: true,
            awaits_behind: Some(Gate::StaleControllerConsistencyDaemonSet),
            ..Settings::default()
        }
    }

    /// Source: kubernetes v1.36 pkg/controller/daemon/daemon_controller.go, `syncDaemonSet`
    fn reconcile(&mut self, key: &ObjectKey, view: View<'_>) -> Plan {
        let mut plan = Plan::nothing();
        let Some(set) = view.get::<DaemonSet>(&key.namespace, &key.name) else { return plan };
        let Some(selector) = self.selector(set).filter(|s| !s.is_everything()) else { return plan };
        if set.meta.is_deleting() {
            return plan;
        }
        let pods = claim_pods(set, &selector, view, &mut plan);
        let history = History::of(set, &selector, &pods, &mut self.memory, view, &mut plan);
        let Some(history) = history else { return plan };
        let known = self.known(set);
        let (places, by_node) = (places(&known.fit, view), by_node(&pods));
        let processed = view.expectations_met();
        if processed {
            self.update(set, &known, (&places, &by_node), &history.hash, view, &mut plan);
            history.clean_up(set, &pods, &mut plan);
        }
        let now = view.now();
        let status = status::status(set, &places, &by_node, &history.hash, processed, now);
        let min_ready = set.spec.min_ready_seconds;
        if min_ready > 0 && status.number_ready != status.number_available {
            let next = next_availability_check(pods.iter().copied(), min_ready, now, now);
            let whole = SimDuration::secs(u64::try_from(min_ready).unwrap_or(0));
            plan.look_again_in(next.unwrap_or(whole));
        }
        if status::is_news(set, &status) && *set.status != status {
            let why = DaemonSetWhy::Counted {
                desired: status.desired_number_scheduled,
                ready: status.number_ready,
                updated: status.updated_number_scheduled,
            };
            let new = DaemonSet { status: Arc::new(status), ..(**set).clone() };
            plan.push(Write::update_status(new, why));
        }
        plan
    }

    fn recover(&mut self, write: &Write, refusal: &Refusal) -> Recovery {
        if claim::refusal_is_harmless(write, refusal) {
            return Recovery::GoOn;
        }
        let is_pod = write.verb.kind() == Kind::POD;
        let is_creation = matches!(write.verb, Verb::Create { .. });
        let is_deletion = matches!(write.verb, Verb::Delete { .. });
        if is_creation && claim::namespace_terminates(refusal)
            || is_deletion && refusal.reason == Reason::NotFound
        {
            return Recovery::GoOn;
        }
        if is_pod && (is_creation || is_deletion) {
            return Recovery::GoOnThenRetry;
        }
        Recovery::usual(write, refusal)
    }

    fn observe(&mut self, change: &Observed<'_>, _view: View<'_>) {
        if let Some(old) = gone::<DaemonSet>(change) {
            self.selectors.remove(&old.meta().uid);
            self.templates.remove(&old.meta().uid);
            self.memory.forget(old.meta().uid);
        } else if let Some(old) = gone::<ControllerRevision>(change) {
            self.memory.forget(old.meta().uid);
        }
    }

    fn boxed_clone(&self) -> Box<dyn Reconciler> {
        Box::new(self.clone())
    }
}
