//! When a cluster counts as settled: nothing is left to do, and nobody has yet to notice anything.

use super::World;
use crate::api::Name;
use crate::api::core::node::Node;
use crate::api::core::pod::Pod;
use crate::api::object::Kind;
use crate::api::taint::{Taint, TaintEffect};
use crate::controllers::taint_eviction::{Stay, stay};
use crate::sim::engine::ActorId;
use crate::sim::time::{SimDuration, SimTime};

impl World {
    /// Whether somebody waits for nothing to be left to do.
    pub(super) fn asks_for_settling(&self) -> bool {
        self.person.waits_for_settling()
            || (self.person.ends_when_settled() && self.person.is_done() && self.weather.is_over())
    }

    /// When the cluster will count as settled, if nothing happens any more.
    pub(super) fn settles_at(&self) -> Option<SimTime> {
        let idle = self.cluster.engine.idle_since()?;
        if self.awaits_eviction() {
            return None;
        }
        Some(idle + self.quiet())
    }

    /// Whether a pod tolerates a taint of its node for a while only: it will be evicted, or the
    /// taint will go.
    fn awaits_eviction(&self) -> bool {
        let store = self.cluster.store();
        let nodes = store.iter(Kind::NODE).filter_map(|o| o.as_a::<Node>());
        let lasting = |node: &Node| -> Vec<Taint> {
            let taints = node.spec.taints.iter();
            taints.filter(|t| t.effect == TaintEffect::NoExecute).cloned().collect()
        };
        let tainted: Vec<(&Name, Vec<Taint>)> = nodes
            .map(|node| (&node.meta.name, lasting(node)))
            .filter(|(_, taints)| !taints.is_empty())
            .collect();
        if tainted.is_empty() {
            return false;
        }
        let pods = store.iter(Kind::POD).filter_map(|o| o.as_a::<Pod>());
        pods.filter(|p| !p.meta.is_deleting() && !p.is_terminal()).any(|pod| {
            let found = tainted.iter().find(|(name, _)| **name == pod.node_name);
            found.is_some_and(|(_, taints)| {
                stay(taints, &pod.spec.tolerations, self.comparison) != Stay::Forever
            })
        })
    }

    pub(super) fn is_settled(&self) -> bool {
        self.settles_at().is_some_and(|at| at <= self.now())
    }

    /// For how long nothing must have happened: while something is down, those who watch over it
    /// get the time that they take to notice.
    fn quiet(&self) -> SimDuration {
        let engine = &self.cluster.engine;
        let nodes = self.cluster.topology.nodes.values();
        let down = nodes.filter(|(_, started)| *started).any(|(id, _)| !engine.is_up(*id));
        // A component of which no replica leads yet is as good as down: an election goes on.
        let components = &self.cluster.topology.components;
        let is_down = |all: &Vec<ActorId>| {
            let leads = all.iter().any(|id| engine.actor(*id).is_acting());
            !leads || all.iter().any(|id| !engine.is_up(*id))
        };
        let down = down || components.values().any(is_down);
        if down || self.weather.has_cut() { SimDuration::secs(70) } else { SimDuration::secs(2) }
    }
}
