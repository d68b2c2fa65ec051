//! `Carbon`: a scheduler plugin of one's own. A node says by a label how dirty its power is, a pod
//! may say how dirty it may be at most; of the nodes that are left the cleanest are the best.

use std::sync::Arc;

use wavetank::api::Name;
use wavetank::api::core::pod::Pod;
use wavetank::scheduler::cache::{Cache, NodeInfo};
use wavetank::scheduler::config::OwnPlugin;
use wavetank::scheduler::event::{Action, ClusterEvent, EventResource, Happened};
use wavetank::scheduler::framework::{
    Attempt, Filter, MAX_NODE_SCORE, Order, Plugin, PreFilter, PreScore, Refused, Score,
    default_normalize,
};
use wavetank::scheduler::plugins::Point;

/// On a node: grams of CO2 a kilowatt-hour. On a pod: the most that it may run with.
pub(crate) const LABEL: &str = "example.com/carbon";

/// The plugin's row: its name, the weight of its scores, the points at which it has a say.
pub(crate) fn row() -> OwnPlugin {
    OwnPlugin {
        name: "Carbon",
        weight: 5,
        points: &[Point::PreFilter, Point::Filter, Point::PreScore, Point::Score],
        plugin: Arc::new(Carbon),
    }
}

struct Carbon;

/// How dirty a node is; one that does not say is the dirtiest.
fn carbon(node: &NodeInfo) -> i64 {
    node.label(LABEL).and_then(|text| text.parse().ok()).unwrap_or(1000)
}

/// How dirty a pod may run.
fn limit(pod: &Pod) -> Option<i64> {
    pod.meta.labels.get(LABEL)?.parse().ok()
}

impl Plugin for Carbon {
    /// What may make room for a pod that it has refused.
    fn events(&self) -> &'static [ClusterEvent] {
        const NODE: ClusterEvent =
            ClusterEvent::new(EventResource::Node, Action::ADD.or(Action::NODE_LABEL));
        &[NODE]
    }

    /// A node that has become no cleaner is not worth another attempt.
    fn is_worth_retrying(&self, pod: &Pod, happened: &Happened) -> bool {
        let clean = |node: &wavetank::api::core::node::Node| {
            let said = node.meta.labels.get(LABEL).and_then(|text| text.parse().ok());
            limit(pod).is_none_or(|limit| said.unwrap_or(1000) <= limit)
        };
        let (before, now) = happened.node();
        now.is_some_and(&clean) && !before.is_some_and(clean)
    }

    /// Pods with the same spec and labels are told the same.
    fn is_shareable(&self, _: &Pod) -> bool {
        true
    }

    fn pre_filter(&self, attempt: Attempt<'_>) -> PreFilter {
        match limit(attempt.pod) {
            None => PreFilter::Skip,
            Some(limit) => PreFilter::Each(Box::new(AtMost(limit))),
        }
    }

    fn pre_score(&self, _: Attempt<'_>) -> PreScore {
        Ok(Some(Box::new(Cleanest)))
    }
}

#[derive(Clone, Copy)]
struct AtMost(i64);

impl Filter for AtMost {
    fn filter(&self, _: u32, node: &NodeInfo) -> Result<(), Refused> {
        if carbon(node) <= self.0 { Ok(()) } else { Err(Refused::unresolvable(0)) }
    }

    fn reason(&self, _: u32) -> Name {
        Name::new_static("node(s) had power that is too dirty")
    }

    fn boxed_clone(&self) -> Box<dyn Filter> {
        Box::new(*self)
    }
}

struct Cleanest;

impl Score for Cleanest {
    fn score(&mut self, cluster: &Cache, nodes: &[u32], scores: &mut [i64]) {
        for (score, slot) in scores.iter_mut().zip(nodes) {
            *score = carbon(cluster.at(*slot));
        }
    }

    /// The cleanest of them gets most.
    fn normalize(&self, scores: &mut [i64]) {
        default_normalize(MAX_NODE_SCORE, Order::Reversed, scores);
    }

    fn is_relative(&self) -> bool {
        true
    }
}
