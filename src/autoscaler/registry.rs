//! How groups fare: which of their nodes are ready, which are on their way, and which did not come.
//!
//! Source: autoscaler cluster-autoscaler-1.36 cluster-autoscaler/clusterstate/clusterstate.go,
//! `ClusterStateRegistry`

use std::collections::BTreeMap;

use super::options::Options;
use super::provider::Provider;
use crate::api::Name;
use crate::api::core::node::Node;
use crate::api::object::Kind;
use crate::api::time::Time;
use crate::client::view::Caches;
use crate::sim::time::{SimDuration, SimTime};

/// A node that is younger and not ready counts as one that is coming up.
///
/// Source: autoscaler cluster-autoscaler-1.36
/// cluster-autoscaler/clusterstate/clusterstate.go, `MaxNodeStartupTime`
const STARTUP: SimDuration = SimDuration::secs(15 * 60);

/// The nodes of a group, or of all, by how they fare.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Readiness {
    /// Ready.
    pub ready: usize,
    /// Not ready for long.
    pub unready: usize,
    /// Registered and not ready yet.
    pub not_started: Vec<Name>,
    /// Nodes there are.
    pub registered: usize,
    /// Machines whose nodes are not there yet.
    pub unregistered: usize,
    /// Machines whose nodes should be there by now.
    pub long_unregistered: Vec<Name>,
}

/// Nodes that were asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Request {
    since: SimTime,
    until: SimTime,
}

/// A group that is left alone because nodes of it did not come.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Backoff {
    duration: SimDuration,
    until: SimTime,
    failed: SimTime,
}

/// How groups fare.
#[derive(Clone, Debug, Default)]
pub struct Registry {
    /// By group.
    pub groups: Vec<Readiness>,
    /// Of all nodes.
    pub total: Readiness,
    requests: BTreeMap<usize, Request>,
    backoffs: BTreeMap<usize, Backoff>,
}

/// Why a group does not grow now.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Unsafe {
    /// Too many of its nodes are missing.
    Unhealthy,
    /// Nodes of it did not come a while ago.
    Backoff,
}

impl Registry {
    /// Takes stock; gives the groups whose nodes did not come in time.
    ///
    /// Source: autoscaler cluster-autoscaler-1.36
    /// cluster-autoscaler/clusterstate/clusterstate.go, `ClusterStateRegistry.UpdateNodes`,
    /// `updateReadinessStats`, `updateScaleRequests`
    pub fn update(
        &mut self,
        provider: &Provider,
        caches: &Caches,
        options: &Options,
        (now, time): (SimTime, Time),
    ) -> Vec<usize> {
        self.take_stock(provider, caches, options, (now, time));
        let reset = options.node_group_backoff_reset_timeout;
        self.backoffs.retain(|_, b| b.failed + reset > now);
        let mut late = Vec::new();
        for (group, request) in self.requests.clone() {
            let of = &self.groups[group];
            if provider.target(group) <= of.registered - of.not_started.len() {
                self.requests.remove(&group);
                self.backoffs.remove(&group);
            } else if request.until < now {
                self.requests.remove(&group);
                self.back_off(group, options, now);
                late.push(group);
            }
        }
        late
    }

    fn take_stock(
        &mut self,
        provider: &Provider,
        caches: &Caches,
        options: &Options,
        (now, time): (SimTime, Time),
    ) {
        let nodes = caches.of(Kind::NODE);
        self.total = Readiness::default();
        self.groups = vec![Readiness::default(); provider.groups().len()];
        // Bounded by the nodes of the cluster, once a look.
        for node in nodes.all().filter_map(|o| o.as_a::<Node>()) {
            self.total.count(node, time);
            if let Some(group) = provider.group_of(&node.meta.name) {
                self.groups[group].count(node, time);
            }
        }
        for (name, instance) in provider.instances() {
            if nodes.get("", name).is_some() {
                continue;
            }
            // A machine counts as missing from the first look after it was asked for.
            let seen = instance.since + options.scan_interval;
            let is_late = seen + options.max_node_provision_time < now;
            for readiness in [&mut self.total, &mut self.groups[instance.group]] {
                if is_late {
                    readiness.long_unregistered.push(name.clone());
                } else {
                    readiness.unregistered += 1;
                }
            }
        }
        self.total.not_started.sort();
        self.groups.iter_mut().for_each(|g| g.not_started.sort());
    }

    /// Source: autoscaler cluster-autoscaler-1.36
    /// cluster-autoscaler/utils/backoff/exponential_backoff.go, `exponentialBackoff.Backoff`
    fn back_off(&mut self, group: usize, options: &Options, now: SimTime) {
        let mut duration = options.initial_node_group_backoff_duration;
        if let Some(last) = self.backoffs.get(&group).filter(|last| last.until < now) {
            duration = last.duration.times(2).min(options.max_node_group_backoff_duration);
        }
        self.backoffs.insert(group, Backoff { duration, until: now + duration, failed: now });
    }

    /// Nodes of a group were asked for.
    pub fn asked_for(&mut self, group: usize, options: &Options, now: SimTime) {
        let until = now + options.max_node_provision_time;
        self.requests.insert(group, Request { since: now, until });
    }

    /// Whether nodes of a group are being added.
    pub fn is_growing(&self, group: usize) -> bool {
        self.requests.contains_key(&group)
    }

    /// How many nodes of a group are on their way or not ready yet.
    ///
    /// Source: autoscaler cluster-autoscaler-1.36
    /// cluster-autoscaler/clusterstate/clusterstate.go,
    /// `ClusterStateRegistry.GetUpcomingNodes`
    pub fn upcoming(&self, group: usize, provider: &Provider) -> usize {
        let of = &self.groups[group];
        let there = of.ready + of.unready + of.long_unregistered.len();
        provider.target(group).saturating_sub(there)
    }

    /// Whether so many nodes are ready that it makes sense to act.
    ///
    /// Source: autoscaler cluster-autoscaler-1.36
    /// cluster-autoscaler/clusterstate/clusterstate.go,
    /// `ClusterStateRegistry.IsClusterHealthy`
    pub fn is_cluster_healthy(&self, options: &Options) -> bool {
        !exceeds(self.total.unready, self.total.registered, options)
    }

    /// Whether a group has about the nodes that it should.
    ///
    /// Source: autoscaler cluster-autoscaler-1.36
    /// cluster-autoscaler/clusterstate/clusterstate.go,
    /// `ClusterStateRegistry.IsNodeGroupHealthy`
    pub fn is_group_healthy(&self, group: usize, provider: &Provider, options: &Options) -> bool {
        let of = &self.groups[group];
        let wanted = provider.target(group) - self.upcoming(group, provider);
        let missing = wanted.saturating_sub(of.ready + of.long_unregistered.len());
        !exceeds(missing, of.ready + of.unready + of.not_started.len(), options)
    }

    /// Why a group must not grow now.
    ///
    /// Source: autoscaler cluster-autoscaler-1.36
    /// cluster-autoscaler/clusterstate/clusterstate.go,
    /// `ClusterStateRegistry.NodeGroupScaleUpSafety`
    pub fn objection(
        &self,
        group: usize,
        provider: &Provider,
        options: &Options,
        now: SimTime,
    ) -> Option<Unsafe> {
        if !self.is_group_healthy(group, provider, options) {
            return Some(Unsafe::Unhealthy);
        }
        self.backoffs.get(&group).filter(|b| b.until > now).map(|_| Unsafe::Backoff)
    }

    /// Whether some group is left alone for a while.
    pub fn is_backing_off(&self, now: SimTime) -> bool {
        self.backoffs.values().any(|b| b.until > now)
    }

    /// Since when nodes of a group have been asked for.
    pub fn asked_since(&self, group: usize) -> Option<SimTime> {
        self.requests.get(&group).map(|r| r.since)
    }
}

impl Readiness {
    fn count(&mut self, node: &Node, now: Time) {
        self.registered += 1;
        let is_young = node.meta.creation.is_some_and(|at| at.plus(STARTUP) > now);
        if is_ready(node) {
            self.ready += 1;
        } else if is_young {
            self.not_started.push(node.meta.name.clone());
        } else {
            self.unready += 1;
        }
    }
}

/// Whether a node is ready for pods: its condition says so, and it bears no taint of one that is
/// not.
///
/// Source: autoscaler cluster-autoscaler-1.36 cluster-autoscaler/utils/kubernetes/ready.go,
/// `GetNodeReadiness`
pub fn is_ready(node: &Node) -> bool {
    node.is_ready() && !node.spec.taints.iter().any(|t| t.key == "node.kubernetes.io/not-ready")
}

/// Whether so many of so many nodes are too many.
#[expect(clippy::float_arithmetic, reason = "as the autoscaler computes it")]
#[expect(clippy::cast_precision_loss, reason = "as the autoscaler converts it")]
fn exceeds(bad: usize, all: usize, options: &Options) -> bool {
    bad > options.ok_total_unready_count
        && bad as f64 > options.max_total_unready_percentage / 100.0 * all as f64
}
