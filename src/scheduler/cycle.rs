//! One attempt: the pod in hand, the nodes, and which of them it is.
//!
//! An attempt only looks; whoever runs it assumes and binds. Nothing is allocated a node: refusals
//! are small values in a list that is used again. What was worked out about a pod is kept for
//! others like it (`index`); the outcome is the same as without.

mod index;
mod prepare;
mod verdict;

use std::sync::Arc;

use crate::api::Name;
use crate::api::core::pod::Pod;
use crate::scheduler::cache::{Cache, NodeInfo};
use crate::scheduler::diagnosis;
use crate::scheduler::framework::{
    Attempt, Code, Failed, PostFilter, Refused, Room, Running, add_weighted,
};
use crate::scheduler::plugins::{PluginId, PluginSet, Point};
use crate::scheduler::profile::Profile;
use crate::sim::rng::Rng;

use index::{Entry, Index};
use prepare::{PreFilterRefusal, Prepared, prepare};

pub use verdict::{RefusedNode, ScoredBy, Verdict};

/// Fewer nodes than these are all looked at.
///
/// Source: kubernetes v1.36 pkg/scheduler/schedule_one.go, `minFeasibleNodesToFind`
const FEW_NODES: usize = 100;

/// What attempts share: where the next one starts, and lists that are used again.
#[derive(Clone, Debug, Default)]
pub struct Search {
    /// The place in the nodes' order at which the next search starts.
    pub next_start: usize,
    feasible: Vec<u32>,
    refused: Vec<(u32, u8, Refused)>,
    totals: Vec<i64>,
    scores: Vec<i64>,
    index: Index,
    /// How attempts are evaluated.
    pub evaluation: Evaluation,
}

/// How attempts are evaluated; the outcome is the same.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Evaluation {
    /// What was worked out about a pod is kept for others like it, on clusters of some size.
    #[default]
    Indexed,
    /// As that, on clusters of any size.
    AlwaysIndexed,
    /// Every attempt anew.
    Naive,
}

/// What came of an attempt.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// A node was found.
    Found(Found),
    /// No node was found.
    Rejected(Rejected),
    /// Something went wrong.
    Error(String),
}

/// The node that was found.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Found {
    /// Its name.
    pub node: Name,
    /// How many nodes were looked at.
    pub evaluated: usize,
    /// How many of them would do.
    pub feasible: usize,
}

/// Why no node was found.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Rejected {
    /// What people are told.
    pub message: String,
    /// The plugins whose events may change it.
    pub plugins: PluginSet,
    /// Those of them that only wait for something under way.
    pub pending: PluginSet,
    /// What becomes of a nomination.
    pub nomination: Nomination,
}

/// What becomes of the nomination of a pod that no node was found for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Nomination {
    /// It stays as it is.
    Stays,
    /// It does not hold any more.
    Cleared,
    /// Room is to be made for it.
    Room(Room),
}

/// How many nodes that would do are enough.
///
/// With 5,000 nodes and no percentage it is 50 − 5000/125 = 10 percent, 500 nodes.
///
/// Source: kubernetes v1.36 pkg/scheduler/schedule_one.go, `numFeasibleNodesToFind`
pub fn nodes_to_find(profile: Option<i32>, global: i32, nodes: usize) -> usize {
    if nodes < FEW_NODES {
        return nodes;
    }
    let percentage = match usize::try_from(profile.unwrap_or(global)).unwrap_or(0) {
        0 => 50_usize.saturating_sub(nodes / 125).max(5),
        n => n,
    };
    (nodes * percentage / 100).max(FEW_NODES)
}

/// The place of the best by score, among equals of the one with the greatest lot.
///
/// Source: kubernetes v1.36 pkg/scheduler/schedule_one.go, `nodeScoreHeap`
pub fn best(scores: &[i64], lot: impl Fn(usize) -> u64) -> Option<usize> {
    let mut most = i64::MIN;
    for score in scores {
        most = most.max(*score);
    }
    let mut found: Option<(usize, u64)> = None;
    for (place, score) in scores.iter().enumerate() {
        if *score == most {
            let lot = lot(place);
            if found.is_none_or(|(_, greatest)| lot > greatest) {
                found = Some((place, lot));
            }
        }
    }
    found.map(|(place, _)| place)
}

/// The lot of a place in a draw: equally likely to be the greatest for each.
fn lot(draw: u64, place: usize) -> u64 {
    let mut x = draw ^ (place as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    x ^ (x >> 31)
}

impl Search {
    /// A search that evaluates attempts in a way.
    pub fn new(evaluation: Evaluation) -> Search {
        Search { evaluation, ..Search::default() }
    }

    /// Looks for a node for a pod.
    ///
    /// Source: kubernetes v1.36 pkg/scheduler/schedule_one.go, `schedulePod` and `schedulingCycle`
    pub fn run(
        &mut self,
        profile: &Profile,
        percentage: i32,
        cluster: &Cache,
        pod: &Arc<Pod>,
        rng: &mut Rng,
    ) -> Outcome {
        self.feasible.clear();
        self.refused.clear();
        self.totals.clear();
        if cluster.is_empty() {
            return Outcome::Rejected(Rejected::of("no nodes available to schedule pods".into()));
        }
        let attempt = Attempt { pod, cluster };
        let entry = self.index.take(profile, attempt, self.evaluation);
        let mut entry = match entry.map_or_else(|| prepare(profile, attempt).map(Entry::new), Ok) {
            Ok(entry) => entry,
            Err(PreFilterRefusal { code: Code::Error, message, .. }) => {
                return Outcome::Error(message);
            }
            Err(refusal) => return self.refused_before(profile, attempt, &refusal, rng),
        };
        entry.settle();
        let outcome = self.attempt(profile, percentage, attempt, &mut entry, rng);
        self.index.give_back(entry, attempt);
        outcome
    }

    fn attempt(
        &mut self,
        profile: &Profile,
        percentage: i32,
        attempt: Attempt<'_>,
        entry: &mut Entry,
        rng: &mut Rng,
    ) -> Outcome {
        let only = entry.prepared.only.as_ref();
        let enough = match profile.at(Point::Score).next() {
            Some(_) => nodes_to_find(
                profile.percentage_of_nodes_to_score,
                percentage,
                only.map_or(attempt.cluster.len(), Vec::len),
            ),
            None => 1,
        };
        self.find(attempt, entry, enough);
        if self.feasible.is_empty() {
            return Outcome::Rejected(self.rejected(profile, attempt, &entry.prepared, rng));
        }
        match self.choose(profile, attempt, entry, rng) {
            Ok(place) => Outcome::Found(Found {
                node: attempt.cluster.at(self.feasible[place]).name().clone(),
                evaluated: self.feasible.len() + self.refused.len(),
                feasible: self.feasible.len(),
            }),
            Err(why) => Outcome::Error(why),
        }
    }

    /// The nominated node alone, if there is one and it would do; else all, from where the last
    /// search ended until enough are found.
    ///
    /// Source: kubernetes v1.36 pkg/scheduler/schedule_one.go, `findNodesThatFitPod`
    fn find(&mut self, attempt: Attempt<'_>, entry: &mut Entry, enough: usize) {
        let cluster = attempt.cluster;
        let nominated = &attempt.pod.status.nominated_node_name;
        if !nominated.is_empty()
            && let Some(slot) = cluster.slot_of(nominated)
        {
            self.try_node(attempt, entry, slot);
            if !self.feasible.is_empty() {
                return;
            }
            self.refused.clear();
        }
        if let Some(names) = &entry.prepared.only {
            let slots: Vec<u32> = names.iter().filter_map(|n| cluster.slot_of(n)).collect();
            self.walk(attempt, entry, &slots, enough);
        } else {
            self.walk(attempt, entry, cluster.order(), enough);
        }
        let processed = self.feasible.len() + self.refused.len();
        self.next_start = (self.next_start + processed) % cluster.len();
    }

    fn walk(&mut self, attempt: Attempt<'_>, entry: &mut Entry, slots: &[u32], enough: usize) {
        let start = if slots.is_empty() { 0 } else { self.next_start % slots.len() };
        let (cluster, is_plain) = (attempt.cluster, entry.is_plain(attempt.cluster));
        for part in [&slots[start..], &slots[..start]] {
            for slot in part {
                if is_plain && entry.is_known_to_do(cluster, *slot) {
                    self.feasible.push(*slot);
                } else {
                    self.try_node(attempt, entry, *slot);
                }
                if self.feasible.len() >= enough {
                    return;
                }
            }
        }
    }

    fn try_node(&mut self, attempt: Attempt<'_>, entry: &mut Entry, slot: u32) {
        match entry.verdict(attempt, slot) {
            Ok(()) => self.feasible.push(slot),
            Err((number, why)) => self.refused.push((slot, number, why)),
        }
    }

    /// Ranks the nodes that would do; the place of the best, drawn among equals.
    ///
    /// Source: kubernetes v1.36 pkg/scheduler/schedule_one.go, `prioritizeNodes` and `selectHost`
    fn choose(
        &mut self,
        profile: &Profile,
        attempt: Attempt<'_>,
        entry: &mut Entry,
        rng: &mut Rng,
    ) -> Result<usize, String> {
        if self.feasible.len() == 1 {
            return Ok(0);
        }
        entry.prepare_scores(profile, attempt)?;
        self.totals.resize(self.feasible.len(), 0);
        self.scores.resize(self.feasible.len(), 0);
        entry.add_scores(attempt.cluster, &self.feasible, &mut self.totals, &mut self.scores);
        let draw = rng.bits();
        let place = best(&self.totals, |place| lot(draw, place));
        Ok(place.expect("nodes that would do were found"))
    }

    /// The totals of the last ranking, by node; empty when only one would do.
    pub fn totals<'c>(&'c self, cluster: &'c Cache) -> impl Iterator<Item = (&'c Name, i64)> {
        let nodes = self.feasible.iter().map(|slot| cluster.at(*slot).name());
        nodes.zip(self.totals.iter().copied())
    }

    /// The nodes that would have done in the last search.
    pub fn feasible(&self) -> &[u32] {
        &self.feasible
    }

    /// A plugin refused all nodes before they were looked at.
    fn refused_before(
        &mut self,
        profile: &Profile,
        attempt: Attempt<'_>,
        refusal: &PreFilterRefusal,
        rng: &mut Rng,
    ) -> Outcome {
        let mut rejected = Rejected::of(format!(
            "0/{} nodes are available: {}.",
            attempt.cluster.len(),
            refusal.message
        ));
        rejected.nomination = Nomination::Stays;
        rejected.plugins = refusal.plugins;
        if refusal.code == Code::Pending {
            rejected.pending = refusal.plugins;
        }
        let mut failed = Failed { attempt, filters: &[], refused: &self.refused, rng };
        rejected.make_room(profile, &mut failed);
        Outcome::Rejected(rejected)
    }

    /// No node would do.
    fn rejected(
        &self,
        profile: &Profile,
        attempt: Attempt<'_>,
        prepared: &Prepared,
        rng: &mut Rng,
    ) -> Rejected {
        let all = attempt.cluster.len();
        let mut reasons = diagnosis::histogram(&self.refused, &prepared.filters);
        if prepared.only.is_some() && self.refused.len() < all {
            let names: Vec<&str> = prepared.narrowing.iter().map(PluginId::name).collect();
            let why = format!("node(s) didn't satisfy plugin(s) [{}]", names.join(" "));
            reasons.insert(why.into(), all - self.refused.len());
        }
        let mut rejected = Rejected::of(diagnosis::unavailable(all, &reasons));
        rejected.nomination = Nomination::Stays;
        rejected.plugins = prepared.narrowing;
        for (_, number, why) in &self.refused {
            let plugin = prepared.filters[usize::from(*number)].0;
            rejected.plugins.insert(plugin);
            if why.code == Code::Pending {
                rejected.pending.insert(plugin);
            }
        }
        let (filters, refused) = (&prepared.filters[..], &self.refused[..]);
        rejected.make_room(profile, &mut Failed { attempt, filters, refused, rng });
        rejected
    }
}

impl Rejected {
    fn of(message: String) -> Rejected {
        let (plugins, pending) = (PluginSet::NONE, PluginSet::NONE);
        Rejected { message, plugins, pending, nomination: Nomination::Cleared }
    }

    /// Runs the plugins that try to make room, and adds what they have to say.
    ///
    /// Source: kubernetes v1.36 pkg/scheduler/framework/runtime/framework.go,
    /// `frameworkImpl.RunPostFilterPlugins`
    fn make_room(&mut self, profile: &Profile, failed: &mut Failed<'_>) {
        let mut texts = Vec::new();
        for p in profile.at(Point::PostFilter) {
            match p.plugin.post_filter(failed) {
                PostFilter::Nothing(text) => texts.push(text),
                PostFilter::Hopeless(text) => {
                    self.nomination = Nomination::Cleared;
                    texts.push(text);
                }
                PostFilter::Nominated(room) => {
                    self.nomination = Nomination::Room(room);
                    return;
                }
            }
        }
        texts.retain(|text| !text.is_empty());
        if !texts.is_empty() {
            self.message.push(' ');
            self.message.push_str(&texts.join(", "));
        }
    }
}

/// Whether a node would do: the first filter that refuses it ends it.
fn first_refusal(filters: &[Running], slot: u32, node: &NodeInfo) -> Result<(), (u8, Refused)> {
    for (number, (_, filter)) in (0..).zip(filters) {
        if !filter.is_idle() {
            filter.filter(slot, node).map_err(|why| (number, why))?;
        }
    }
    Ok(())
}

/// Whether a node would do, with the pods that it is kept for and without.
///
/// # Errors
/// The filter that refuses it, and why.
///
/// Source: kubernetes v1.36 pkg/scheduler/framework/runtime/framework.go,
/// `frameworkImpl.RunFilterPluginsWithNominatedPods`
pub fn filter_node(
    cluster: &Cache,
    pod: &Pod,
    filters: &[Running],
    slot: u32,
    node: &NodeInfo,
) -> Result<(), (u8, Refused)> {
    let before_it = |p: &&Arc<Pod>| p.priority() >= pod.priority() && p.meta.uid != pod.meta.uid;
    let kept = !cluster.nominations.is_ignored;
    let nominated = if kept { cluster.nominations.on(node.name()) } else { &[] };
    if nominated.iter().any(|p| before_it(&p)) {
        let mut fuller = node.clone();
        let mut thought: Vec<Running> =
            filters.iter().map(|(id, filter)| (*id, filter.boxed_clone())).collect();
        for other in nominated.iter().filter(before_it) {
            fuller.add_pod(other.clone());
            thought.iter_mut().for_each(|(_, filter)| filter.add_pod(other, slot, cluster));
        }
        first_refusal(&thought, slot, &fuller)?;
    }
    first_refusal(filters, slot, node)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equals_are_drawn_alike() {
        let mut rng = Rng::named(7, "scheduler");
        let mut times = [0; 7];
        for _ in 0..7_000 {
            let draw = rng.bits();
            let place = best(&[100; 7], |i| lot(draw, i)).expect("there are some");
            times[place] += 1;
        }
        assert!(times.iter().all(|n| (850..1150).contains(n)), "{times:?}");
    }

    #[test]
    fn five_thousand_nodes_are_searched_for_a_tenth() {
        let found = [99, 100, 250, 5_000, 20_000].map(|n| nodes_to_find(None, 0, n));
        assert_eq!(found, [99, 100, 120, 500, 1_000]);
    }
}
