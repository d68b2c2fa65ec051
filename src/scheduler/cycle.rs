//! One attempt: the pod in hand, the nodes, and which of them it is.
//!
//! An attempt only looks; whoever runs it assumes and binds. Nothing is allocated a node: refusals
//! are small values in a list that is used again.

use std::sync::Arc;

use crate::api::Name;
use crate::api::core::pod::Pod;
use crate::scheduler::cache::Cache;
use crate::scheduler::diagnosis;
use crate::scheduler::framework::{
    Attempt, Code, Failed, Filter, PostFilter, PreFilter, Refused, add_weighted,
};
use crate::scheduler::plugins::{PluginId, PluginSet, Point};
use crate::scheduler::profile::Profile;
use crate::sim::rng::Rng;

/// Fewer nodes than these are all looked at.
///
/// Source: kubernetes v1.36 pkg/scheduler/schedule_one.go, `minFeasibleNodesToFind`
const FEW_NODES: usize = 100;

/// A filter in force, with its plugin.
type Running<'a> = (PluginId, Box<dyn Filter<'a> + 'a>);

/// What attempts share: where the next one starts, and lists that are used again.
#[derive(Clone, Debug, Default)]
pub struct Search {
    /// The place in the nodes' order at which the next search starts.
    pub next_start: usize,
    feasible: Vec<u32>,
    refused: Vec<(u32, u8, Refused)>,
    totals: Vec<i64>,
    scores: Vec<i64>,
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
    /// The node that room is made on.
    pub nominated: Option<Name>,
}

/// The filters of an attempt and the nodes that they left.
struct Prepared<'a> {
    filters: Vec<Running<'a>>,
    only: Option<Vec<Name>>,
    narrowing: PluginSet,
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

/// The best by score, among equals the one with the greatest lot: its place.
///
/// Source: kubernetes v1.36 pkg/scheduler/schedule_one.go, `nodeScoreHeap`
pub fn best(scored: impl Iterator<Item = (i64, u64)>) -> Option<usize> {
    let first_of_greatest =
        |a: &(usize, (i64, u64)), b: &(usize, (i64, u64))| a.1.cmp(&b.1).then(b.0.cmp(&a.0));
    scored.enumerate().max_by(first_of_greatest).map(|(place, _)| place)
}

/// The lot of a place in a draw: equally likely to be the greatest for each.
fn lot(draw: u64, place: usize) -> u64 {
    let mut x = draw ^ (place as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    x ^ (x >> 31)
}

impl Search {
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
        if cluster.is_empty() {
            return Outcome::Rejected(Rejected::of("no nodes available to schedule pods".into()));
        }
        let attempt = Attempt { pod, cluster };
        self.feasible.clear();
        self.refused.clear();
        let prepared = match prepare(profile, attempt) {
            Ok(prepared) => prepared,
            Err(PreFilterRefusal { code: Code::Error, message, .. }) => {
                return Outcome::Error(message);
            }
            Err(refusal) => return self.refused_before(profile, attempt, &refusal),
        };
        let enough = match profile.at(Point::Score).next() {
            Some(_) => nodes_to_find(
                profile.percentage_of_nodes_to_score,
                percentage,
                prepared.only.as_ref().map_or(cluster.len(), Vec::len),
            ),
            None => 1,
        };
        self.find(attempt, &prepared, enough);
        if self.feasible.is_empty() {
            return Outcome::Rejected(self.rejected(profile, attempt, &prepared));
        }
        match self.choose(profile, attempt, rng) {
            Ok(place) => Outcome::Found(Found {
                node: cluster.at(self.feasible[place]).name().clone(),
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
    fn find(&mut self, attempt: Attempt<'_>, prepared: &Prepared<'_>, enough: usize) {
        let (cluster, filters) = (attempt.cluster, &prepared.filters[..]);
        let nominated = &attempt.pod.status.nominated_node_name;
        if !nominated.is_empty()
            && let Some(slot) = cluster.slot_of(nominated)
        {
            self.try_node(cluster, filters, slot);
            if !self.feasible.is_empty() {
                return;
            }
            self.refused.clear();
        }
        if let Some(names) = &prepared.only {
            let slots: Vec<u32> = names.iter().filter_map(|n| cluster.slot_of(n)).collect();
            self.walk(cluster, filters, &slots, enough);
        } else {
            self.walk(cluster, filters, cluster.order(), enough);
        }
        let processed = self.feasible.len() + self.refused.len();
        self.next_start = (self.next_start + processed) % cluster.len();
    }

    fn walk(&mut self, cluster: &Cache, filters: &[Running<'_>], slots: &[u32], enough: usize) {
        let start = if slots.is_empty() { 0 } else { self.next_start % slots.len() };
        for slot in slots[start..].iter().chain(&slots[..start]) {
            self.try_node(cluster, filters, *slot);
            if self.feasible.len() >= enough {
                return;
            }
        }
    }

    /// The first filter that refuses a node ends it.
    fn try_node(&mut self, cluster: &Cache, filters: &[Running<'_>], slot: u32) {
        let node = cluster.at(slot);
        for (number, (_, filter)) in (0..).zip(filters) {
            if let Err(why) = filter.filter(node) {
                self.refused.push((slot, number, why));
                return;
            }
        }
        self.feasible.push(slot);
    }

    /// Ranks the nodes that would do; the place of the best, drawn among equals.
    ///
    /// Source: kubernetes v1.36 pkg/scheduler/schedule_one.go, `prioritizeNodes` and `selectHost`
    fn choose(
        &mut self,
        profile: &Profile,
        attempt: Attempt<'_>,
        rng: &mut Rng,
    ) -> Result<usize, String> {
        if self.feasible.len() == 1 {
            return Ok(0);
        }
        self.totals.clear();
        self.totals.resize(self.feasible.len(), 0);
        self.scores.resize(self.feasible.len(), 0);
        for p in profile.at(Point::Score) {
            let prepared = p.plugin.pre_score(attempt, &self.feasible);
            let failed = |why| format!("running PreScore plugin {:?}: {why}", p.id.name());
            let Some(score) = prepared.map_err(|s| failed(s.reason))? else { continue };
            score.score(attempt.cluster, &self.feasible, &mut self.scores);
            score.normalize(attempt.cluster, &self.feasible, &mut self.scores);
            add_weighted(&mut self.totals, &self.scores, p.weight);
        }
        let draw = rng.bits();
        let scored = self.totals.iter().enumerate().map(|(i, total)| (*total, lot(draw, i)));
        Ok(best(scored).expect("nodes that would do were found"))
    }

    /// The totals of the last ranking, by node; empty when only one would do.
    pub fn totals<'c>(&'c self, cluster: &'c Cache) -> impl Iterator<Item = (&'c Name, i64)> {
        let nodes = self.feasible.iter().map(|slot| cluster.at(*slot).name());
        nodes.zip(self.totals.iter().copied())
    }

    /// A plugin refused all nodes before they were looked at.
    fn refused_before(
        &mut self,
        profile: &Profile,
        attempt: Attempt<'_>,
        refusal: &PreFilterRefusal,
    ) -> Outcome {
        let mut rejected = Rejected::of(format!(
            "0/{} nodes are available: {}.",
            attempt.cluster.len(),
            refusal.message
        ));
        rejected.plugins = refusal.plugins;
        if refusal.code == Code::Pending {
            rejected.pending = refusal.plugins;
        }
        let failed = Failed { attempt, filters: &[], refused: &self.refused };
        rejected.make_room(profile, &failed);
        Outcome::Rejected(rejected)
    }

    /// No node would do.
    fn rejected<'a>(
        &self,
        profile: &Profile,
        attempt: Attempt<'a>,
        prepared: &Prepared<'a>,
    ) -> Rejected {
        let all = attempt.cluster.len();
        let mut reasons = diagnosis::histogram(&self.refused, &prepared.filters);
        if prepared.only.is_some() && self.refused.len() < all {
            let names: Vec<&str> = prepared.narrowing.iter().map(PluginId::name).collect();
            let why = format!("node(s) didn't satisfy plugin(s) [{}]", names.join(" "));
            reasons.insert(why.into(), all - self.refused.len());
        }
        let mut rejected = Rejected::of(diagnosis::unavailable(all, &reasons));
        rejected.plugins = prepared.narrowing;
        for (_, number, why) in &self.refused {
            let plugin = prepared.filters[usize::from(*number)].0;
            rejected.plugins.insert(plugin);
            if why.code == Code::Pending {
                rejected.pending.insert(plugin);
            }
        }
        let failed = Failed { attempt, filters: &prepared.filters, refused: &self.refused };
        rejected.make_room(profile, &failed);
        rejected
    }
}

impl Rejected {
    fn of(message: String) -> Rejected {
        let (plugins, pending) = (PluginSet::NONE, PluginSet::NONE);
        Rejected { message, plugins, pending, nominated: None }
    }

    /// Runs the plugins that try to make room, and adds what they have to say.
    ///
    /// Source: kubernetes v1.36 pkg/scheduler/framework/runtime/framework.go,
    /// `frameworkImpl.RunPostFilterPlugins`
    fn make_room(&mut self, profile: &Profile, failed: &Failed<'_, '_>) {
        let mut texts = Vec::new();
        for p in profile.at(Point::PostFilter) {
            match p.plugin.post_filter(failed) {
                PostFilter::Nothing(text) => texts.push(text),
                PostFilter::Silent => return,
                PostFilter::Nominated(node) => {
                    self.nominated = Some(node);
                    return;
                }
            }
        }
        if !texts.is_empty() {
            self.message.push(' ');
            self.message.push_str(&texts.join(", "));
        }
    }
}

/// No node can do, for a reason that no node was asked for.
struct PreFilterRefusal {
    code: Code,
    message: String,
    plugins: PluginSet,
}

/// Asks the plugins what they have to say about a pod.
///
/// Source: kubernetes v1.36 pkg/scheduler/framework/runtime/framework.go,
/// `frameworkImpl.RunPreFilterPlugins`
fn prepare<'a>(
    profile: &'a Profile,
    attempt: Attempt<'a>,
) -> Result<Prepared<'a>, PreFilterRefusal> {
    let mut prepared = Prepared { filters: Vec::new(), only: None, narrowing: PluginSet::NONE };
    for p in profile.at(Point::Filter) {
        match p.plugin.pre_filter(attempt) {
            PreFilter::Skip => {}
            PreFilter::Each(filter) => prepared.filters.push((p.id, filter)),
            PreFilter::Only(names, filter) => {
                prepared.filters.push((p.id, filter));
                prepared.narrow(p.id, names)?;
            }
            PreFilter::Refuse(status) => {
                let mut plugins = PluginSet::NONE;
                plugins.insert(p.id);
                let (code, message) = (status.code, status.reason.to_string());
                let message = if code == Code::Error {
                    format!("running PreFilter plugin {:?}: {message}", p.id.name())
                } else {
                    message
                };
                return Err(PreFilterRefusal { code, message, plugins });
            }
        }
    }
    Ok(prepared)
}

impl Prepared<'_> {
    fn narrow(&mut self, plugin: PluginId, names: Vec<Name>) -> Result<(), PreFilterRefusal> {
        self.narrowing.insert(plugin);
        let left = match self.only.take() {
            None => names,
            Some(before) => before.into_iter().filter(|n| names.contains(n)).collect(),
        };
        if left.is_empty() {
            let names: Vec<&str> = self.narrowing.iter().map(PluginId::name).collect();
            let message = match names[..] {
                [one] => format!("node(s) didn't satisfy plugin {one}"),
                _ => {
                    format!("node(s) didn't satisfy plugin(s) [{}] simultaneously", names.join(" "))
                }
            };
            let (code, plugins) = (Code::UnschedulableAndUnresolvable, self.narrowing);
            return Err(PreFilterRefusal { code, message, plugins });
        }
        self.only = Some(left);
        Ok(())
    }
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
            let place = best((0..7).map(|i| (100, lot(draw, i)))).expect("there are some");
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
