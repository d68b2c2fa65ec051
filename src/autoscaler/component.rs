//! The autoscaler's process: a look at the cluster every ten seconds, and what follows from it.

mod growth;
mod record;
mod removal;

use std::collections::BTreeMap;
use std::sync::Arc;

use super::drains::Drain;
use super::options::Options;
use super::picture::Picture;
use super::planner::{Planner, Sight};
use super::provider::{NodeGroup, Provider};
use super::registry::Registry;
use crate::api::Name;
use crate::api::core::node::Node;
use crate::api::core::pod::Pod;
use crate::api::meta::Uid;
use crate::api::object::{Kind, Object};
use crate::api::request::{Answer, Verb};
use crate::api::why::Why;
use crate::client::component::{Component, Moment};
use crate::client::reconciler::Observed;
use crate::sim::engine::ActorId;
use crate::sim::index::Map;
use crate::sim::time::{SimDuration, SimTime};

use super::scale_up::is_unschedulable;
use record::Told;

/// What a request under way is for.
#[derive(Clone, Debug)]
enum Purpose {
    Taint(Name),
    Unmark(Name),
    Evict(Name, Uid),
    Delete(Name),
    Status,
    Other,
}

/// The kinds that it watches beside those of the scheduler.
pub const KINDS: [Kind; 2] = [Kind::DAEMON_SET, Kind::JOB];

/// cluster-autoscaler.
///
/// Differs: a group's nodes are simulated by its template, never by one of its real nodes; the
/// limits of the whole cluster in CPU and memory, groups that scale to all or nothing, similar
/// groups that are balanced, and nodes that are asked for by `ProvisioningRequest`s are not there.
#[derive(Clone)]
pub struct ClusterAutoscaler {
    options: Arc<Options>,
    provider: Provider,
    picture: Picture,
    registry: Registry,
    planner: Planner,
    drains: BTreeMap<Name, Drain>,
    /// Pods for which the scheduler has found no room.
    waiting: Map<Uid, Arc<Pod>>,
    last_scale_up: Option<SimTime>,
    last_delete: Option<SimTime>,
    last_failure: Option<SimTime>,
    next_look: SimTime,
    /// Whether it has taken off the taints that a former life has left.
    is_cleaned_up: bool,
    /// Nodes that do not go after all and still bear the marks, and when those are taken off.
    unmarking: BTreeMap<Name, SimTime>,
    requests: BTreeMap<u64, Purpose>,
    token: u64,
    told: BTreeMap<Told, SimTime>,
    /// The status as it was last written.
    written: String,
    is_synced: bool,
}

impl ClusterAutoscaler {
    /// An autoscaler of these groups, whose machines a cloud starts and stops.
    pub fn new(options: Options, groups: Arc<[NodeGroup]>, cloud: ActorId) -> ClusterAutoscaler {
        ClusterAutoscaler::of(Arc::new(options), Provider::new(groups, cloud))
    }

    fn of(options: Arc<Options>, provider: Provider) -> ClusterAutoscaler {
        ClusterAutoscaler {
            options,
            provider,
            picture: Picture::default(),
            registry: Registry::default(),
            planner: Planner::default(),
            drains: BTreeMap::new(),
            waiting: Map::default(),
            last_scale_up: None,
            last_delete: None,
            last_failure: None,
            next_look: SimTime::NEVER,
            is_cleaned_up: false,
            unmarking: BTreeMap::new(),
            requests: BTreeMap::new(),
            token: 0,
            told: BTreeMap::new(),
            written: String::new(),
            is_synced: false,
        }
    }

    /// What it knows of nodes that may not be needed.
    pub fn planner(&self) -> &Planner {
        &self.planner
    }

    /// The groups and their machines.
    pub fn provider(&self) -> &Provider {
        &self.provider
    }

    fn send(&mut self, purpose: Purpose, verb: Verb, why: Why, moment: &mut Moment<'_>) {
        self.token += 1;
        self.requests.insert(self.token, purpose);
        moment.out.send(self.token, verb, why);
    }

    /// The nodes of the cluster by name, those left out that have only just come.
    fn nodes(&self, moment: &Moment<'_>) -> Vec<Name> {
        // Bounded by the nodes of the cluster, once a look.
        let nodes = moment.caches.of(Kind::NODE).all().filter_map(|o| o.as_a::<Node>());
        let is_coming = |name: &Name| {
            self.provider.group_of(name).is_some_and(|group| {
                self.registry.groups[group].not_started.binary_search(name).is_ok()
            })
        };
        let mut names: Vec<Name> = nodes.map(|n| n.meta.name.clone()).collect();
        names.retain(|name| !is_coming(name));
        names.sort();
        names
    }

    /// One look, and what follows from it.
    ///
    /// Source: autoscaler cluster-autoscaler-1.36 cluster-autoscaler/core/static_autoscaler.go,
    /// `StaticAutoscaler.RunOnce`
    fn look(&mut self, moment: &mut Moment<'_>) {
        let cleans_up = self.clean_up(moment);
        let options = self.options.clone();
        let now = (moment.now, moment.time);
        let late = self.registry.update(&self.provider, moment.caches, &options, now);
        self.tell_late(&late, moment);
        self.give_up_unregistered(moment);
        if cleans_up {
            // The rest sees the nodes without the marks.
        } else if self.registry.is_cluster_healthy(&options) {
            let mark = self.picture.mark();
            self.act(moment);
            self.picture.back_to(mark);
        } else {
            self.planner.unneeded.clear();
            self.tell_status(true, "ClusterUnhealthy", "Cluster is unhealthy", moment);
        }
        self.write_status(moment);
    }

    fn act(&mut self, moment: &mut Moment<'_>) {
        let nodes = self.nodes(moment);
        let coming = self.imagine_coming(moment);
        let all = self.pods_to_help(moment);
        let count = all.len();
        let places: Vec<Name> = nodes.iter().chain(&coming).cloned().collect();
        let mut pods = super::scale_up::without_room(all, &places, &mut self.picture);
        // Pods that have found room after all will need it in a moment.
        let mut is_down_allowed = pods.len() == count;
        let youngest = self.options.new_pod_scale_up_delay;
        let is_old =
            |p: &Arc<Pod>| p.meta.creation.is_none_or(|at| at.plus(youngest) <= moment.time);
        pods.retain(is_old);
        if !pods.is_empty() {
            if super::scale_up::are_all_new(&pods, moment.time) {
                is_down_allowed = false;
            } else if self.grow(pods, moment) {
                return;
            }
        }
        if self.options.scale_down_enabled {
            self.shrink(&nodes, is_down_allowed, moment);
        }
        if self.options.enforce_node_group_min_size {
            self.fill_up(moment);
        }
    }

    fn sight<'s>(&'s self, moment: &'s Moment<'_>) -> Sight<'s> {
        Sight {
            options: &self.options,
            provider: &self.provider,
            caches: moment.caches,
            now: (moment.now, moment.time),
        }
    }

    /// Asks to be woken. While something is under way that is no housekeeping.
    fn ask(&self, moment: &mut Moment<'_>) {
        let due = self.drains.values().filter_map(Drain::due);
        let due = due.chain(self.unmarking.values().copied()).min();
        if let Some(due) = due {
            moment.out.wake(due);
        }
        let groups = 0..self.registry.groups.len();
        let mut coming = groups.map(|g| self.registry.upcoming(g, &self.provider));
        let is_busy = !self.drains.is_empty()
            || !self.planner.unneeded.is_empty()
            || coming.any(|n| n > 0)
            || !self.waiting.is_empty() && self.is_worth_a_look(moment);
        if is_busy {
            moment.out.wake(self.next_look);
        } else {
            moment.out.wake_in_background(self.next_look);
        }
    }

    /// Whether the next look may find a way to help pods that the last one could not help.
    fn is_worth_a_look(&self, moment: &Moment<'_>) -> bool {
        let young = SimDuration::secs(2).0 + self.options.new_pod_scale_up_delay.0;
        let young = SimDuration(young + self.options.scan_interval.0);
        let is_young = |p: &Arc<Pod>| p.meta.creation.is_none_or(|at| at.plus(young) > moment.time);
        self.registry.is_backing_off(moment.now) || self.waiting_pods().any(is_young)
    }

    fn waiting_pods(&self) -> impl Iterator<Item = &Arc<Pod>> {
        // What is asked of them does not depend on their order.
        self.waiting.values()
    }
}

impl Component for ClusterAutoscaler {
    fn observe(&mut self, change: &Observed<'_>, moment: &mut Moment<'_>) {
        self.picture.observe(change);
        if let Object::Pod(pod) = change.latest() {
            let is_here = change.new.is_some() && is_unschedulable(pod);
            if is_here {
                let is_new = self.waiting.insert(pod.meta.uid, pod.clone()).is_none();
                if is_new && self.is_synced {
                    moment.out.wake(self.next_look);
                }
            } else {
                self.waiting.remove(&pod.meta.uid);
            }
        }
    }

    fn synced(&mut self, moment: &mut Moment<'_>) {
        self.is_synced = true;
        // A cluster has been up for a while when a run begins, so its looks come at any instant.
        let wait = self.options.scan_interval;
        let phase = moment.rng.below(wait.0.max(1));
        let is_old = moment.now < SimTime::ZERO + SimDuration::secs(1);
        self.next_look = moment.now + if is_old { SimDuration(phase) } else { wait };
        moment.out.wake_in_background(self.next_look);
    }

    fn reply(&mut self, token: u64, answer: &Answer, moment: &mut Moment<'_>) {
        let Some(purpose) = self.requests.remove(&token) else { return };
        match purpose {
            Purpose::Taint(node) => self.tainted(&node, answer, moment),
            Purpose::Unmark(node) => self.unmarked(&node, answer, moment),
            Purpose::Evict(node, pod) => self.evicted(&node, pod, answer, moment),
            Purpose::Delete(node) => self.deleted(&node, answer, moment),
            Purpose::Status => self.status_answered(answer, moment),
            Purpose::Other => {}
        }
        self.ask(moment);
    }

    fn wake(&mut self, moment: &mut Moment<'_>) {
        if !self.is_synced {
            return;
        }
        self.advance(moment);
        if self.next_look <= moment.now {
            self.next_look = moment.now + self.options.scan_interval;
            self.look(moment);
        }
        self.ask(moment);
    }

    /// The provider's books stay; all else is learnt anew.
    fn crashed(&mut self) {
        *self = ClusterAutoscaler::of(self.options.clone(), self.provider.clone());
    }
}
