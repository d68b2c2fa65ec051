//! What must hold between pods, counted by domain.

use std::sync::Arc;

use crate::api::Name;
use crate::api::core::pod::Pod;
use crate::scheduler::cache::{Cache, Moved, NodeInfo};
use crate::scheduler::framework::{Attempt, Filter, Refused, Scope};
use crate::scheduler::plugins::domain::Pairs;

use super::Incoming;

/// What the incoming pod and the pods that are there require of each other.
///
/// Source: kubernetes v1.36 pkg/scheduler/framework/plugins/interpodaffinity/filtering.go,
/// `preFilterState`
#[derive(Clone, Debug)]
pub(super) struct Required {
    incoming: Arc<Incoming>,
    /// Domains that pods which are there keep the incoming one away from.
    kept_away: Pairs,
    /// Domains with pods that it must be near.
    near: Pairs,
    /// Domains with pods that it must be away from.
    away: Pairs,
    /// Nothing is required: what is only thought of does not change that.
    is_idle: bool,
}

const NEAR: u32 = 0;
const AWAY: u32 = 1;
const KEPT_AWAY: u32 = 2;

impl Required {
    pub(super) fn new(attempt: Attempt<'_>) -> Required {
        let mut this = Required {
            incoming: Arc::new(Incoming::new(attempt)),
            kept_away: Pairs::default(),
            near: Pairs::default(),
            away: Pairs::default(),
            is_idle: false,
        };
        let terms = &attempt.pod.spec.pod_terms;
        let own = !terms.required.is_empty() || !terms.required_anti.is_empty();
        let cluster = attempt.cluster;
        if own || cluster.counts().with_terms > 0 {
            for slot in cluster.order() {
                let node = cluster.at(*slot);
                if own || node.with_terms > 0 {
                    node.pods.iter().for_each(|pod| this.count(pod, *slot, 1, cluster));
                }
            }
        }
        this.settle();
        this
    }

    /// Counts a pod in or out.
    ///
    /// Source: kubernetes v1.36 pkg/scheduler/framework/plugins/interpodaffinity/filtering.go,
    /// `preFilterState.updateWithPod`
    fn count(&mut self, pod: &Pod, slot: u32, by: i64, cluster: &Cache) {
        let incoming = self.incoming.clone();
        for term in &pod.spec.pod_terms.required_anti {
            if incoming.is_meant_by(term, pod) {
                self.kept_away.add(&term.topology_key, slot, by, cluster);
            }
        }
        let terms = &incoming.pod.spec.pod_terms;
        if incoming.all_mean(&terms.required, pod, cluster) {
            for term in &terms.required {
                self.near.add(&term.topology_key, slot, by, cluster);
            }
        }
        for term in &terms.required_anti {
            if incoming.means(term, pod, cluster) {
                self.away.add(&term.topology_key, slot, by, cluster);
            }
        }
    }

    /// Whether there is a pod to be near in every domain of a node. The first of a group of pods
    /// that are to be near each other finds none anywhere, and may go where the domains exist.
    ///
    /// Source: kubernetes v1.36 pkg/scheduler/framework/plugins/interpodaffinity/filtering.go,
    /// `satisfyPodAffinity`
    fn is_near(&self, slot: u32, node: &NodeInfo) -> bool {
        let terms = &self.incoming.pod.spec.pod_terms.required;
        let mut there = true;
        for term in terms {
            if node.label(&term.topology_key).is_none() {
                return false;
            }
            there &= self.near.get(&term.topology_key, slot).is_some_and(|n| n > 0);
        }
        there || self.near.is_empty() && self.means_itself()
    }

    fn means_itself(&self) -> bool {
        let pod = &self.incoming.pod;
        let labels = Some(&self.incoming.namespace_labels);
        let (ns, own) = (&pod.meta.namespace, &pod.meta.labels);
        pod.spec.pod_terms.required.iter().all(|t| t.matches(ns, ns, own, || labels))
    }

    fn is_away(&self, slot: u32) -> bool {
        let terms = &self.incoming.pod.spec.pod_terms.required_anti;
        self.away.is_empty()
            || terms.iter().all(|t| self.away.get(&t.topology_key, slot).is_none_or(|n| n <= 0))
    }
}

impl Filter for Required {
    /// Source: kubernetes v1.36 pkg/scheduler/framework/plugins/interpodaffinity/filtering.go,
    /// `InterPodAffinity.Filter`
    fn filter(&self, slot: u32, node: &NodeInfo) -> Result<(), Refused> {
        if self.is_idle {
            return Ok(());
        }
        if !self.incoming.pod.spec.pod_terms.required.is_empty() && !self.is_near(slot, node) {
            return Err(Refused::unresolvable(NEAR));
        }
        if !self.is_away(slot) {
            return Err(Refused::unschedulable(AWAY));
        }
        if !self.kept_away.is_empty() && self.kept_away.any(slot) {
            return Err(Refused::unschedulable(KEPT_AWAY));
        }
        Ok(())
    }

    fn reason(&self, bit: u32) -> Name {
        Name::new_static(match bit {
            NEAR => "node(s) didn't match pod affinity rules",
            AWAY => "node(s) didn't match pod anti-affinity rules",
            _ => "node(s) didn't satisfy existing pods anti-affinity rules",
        })
    }

    fn scope(&self) -> Scope {
        Scope::Cluster
    }

    fn follow(&mut self, moved: &Moved, cluster: &Cache) {
        self.count(&moved.pod, moved.slot, if moved.came { 1 } else { -1 }, cluster);
    }

    fn settle(&mut self) {
        let terms = &self.incoming.pod.spec.pod_terms;
        self.is_idle = self.kept_away.is_empty()
            && terms.required.is_empty()
            && terms.required_anti.is_empty();
    }

    fn is_idle(&self) -> bool {
        self.is_idle
    }

    fn add_pod(&mut self, pod: &Arc<Pod>, slot: u32, cluster: &Cache) {
        if !self.is_idle {
            self.count(pod, slot, 1, cluster);
        }
    }

    fn remove_pod(&mut self, pod: &Arc<Pod>, slot: u32, cluster: &Cache) {
        if !self.is_idle {
            self.count(pod, slot, -1, cluster);
        }
    }

    fn boxed_clone(&self) -> Box<dyn Filter> {
        Box::new(self.clone())
    }
}
