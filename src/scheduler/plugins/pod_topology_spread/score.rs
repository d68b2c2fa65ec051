//! Constraints that had better hold: a node is better the fewer pods its domains have.

use crate::api::core::pod_terms::SpreadConstraint;
use crate::scheduler::cache::{Cache, Moved};
use crate::scheduler::framework::{MAX_NODE_SCORE, Scope, Score};
use crate::scheduler::plugins::domain::Domains;

use super::logarithm::ln;
use super::{Counting, HOSTNAME, has_all_keys};

/// The soft constraints of a pod, with what was counted.
///
/// Source: kubernetes v1.36 pkg/scheduler/framework/plugins/podtopologyspread/scoring.go,
/// `preScoreState`
#[derive(Debug)]
pub(super) struct Soft {
    counting: Counting,
    rules: Vec<Rule>,
    /// By slot: whether the node is ranked at all.
    is_ranked: Vec<bool>,
    /// By place in the last ranking: whether the node was not; empty when all were.
    ignored: Vec<bool>,
    /// Whether all nodes are ranked.
    all_ranked: bool,
    sums: Vec<f64>,
}

/// A constraint over the nodes as they are, and how many pods each domain has.
#[derive(Debug)]
struct Rule {
    constraint: SpreadConstraint,
    /// Nodes without the label are in the domain of the empty value.
    domains: Domains,
    /// By slot: the domain whose pods count for a node that is ranked and has the label.
    counted: Vec<u32>,
    /// Whether there is such a node.
    counts_any: bool,
    /// By slot: whether its pods count. Each node counts where it is a domain of its own.
    includes: Vec<bool>,
    by_domain: Vec<i64>,
    /// By domain: the ranking in which it was last met.
    met_in: Vec<u64>,
    ranking: u64,
    is_hostname: bool,
}

/// The domain of nodes that do not count.
const NOT_COUNTED: u32 = u32::MAX;

impl Soft {
    pub(super) fn new(
        counting: Counting,
        constraints: Vec<SpreadConstraint>,
        needs_all: bool,
        cluster: &Cache,
    ) -> Soft {
        let mut is_ranked = vec![false; cluster.slots()];
        for slot in cluster.order() {
            let Some(node) = &cluster.at(*slot).node else { continue };
            is_ranked[*slot as usize] = !needs_all || has_all_keys(&constraints, &node.meta.labels);
        }
        let make = |constraint| Rule::new(constraint, &is_ranked, &counting, cluster);
        let rules = constraints.into_iter().map(make).collect();
        let all_ranked = cluster.order().iter().all(|slot| is_ranked[*slot as usize]);
        let (ignored, sums) = (Vec::new(), Vec::new());
        Soft { counting, rules, is_ranked, ignored, all_ranked, sums }
    }
}

impl Rule {
    fn new(
        constraint: SpreadConstraint,
        is_ranked: &[bool],
        counting: &Counting,
        cluster: &Cache,
    ) -> Rule {
        let is_hostname = constraint.topology_key == HOSTNAME;
        let key = &constraint.topology_key;
        let domains = if is_hostname {
            Domains::by(cluster, |node| Some(node.name().clone()))
        } else {
            Domains::by(cluster, |node| Some(node.label(key).cloned().unwrap_or_default()))
        };
        let mut counted = vec![NOT_COUNTED; cluster.slots()];
        let mut includes = vec![false; cluster.slots()];
        let mut by_domain = vec![0; domains.len()];
        for slot in cluster.order() {
            let place = *slot as usize;
            let Some(node) = &cluster.at(*slot).node else { continue };
            if is_ranked[place] && node.meta.labels.has(key) {
                counted[place] = domains.of(*slot);
            }
            includes[place] =
                is_hostname || is_ranked[place] && counting.includes(&constraint, node);
        }
        for (slot, pods) in counting.counted(&constraint.selector, cluster) {
            if includes[slot as usize] {
                by_domain[domains.of(slot) as usize] += pods;
            }
        }
        let counts_any = counted.iter().any(|domain| *domain != NOT_COUNTED);
        Rule {
            met_in: vec![0; domains.len()],
            ranking: 0,
            constraint,
            domains,
            counted,
            counts_any,
            includes,
            by_domain,
            is_hostname,
        }
    }

    /// How many domains the ranked ones of `nodes` are in.
    fn size(&mut self, nodes: &[u32], is_ranked: &[bool]) -> u32 {
        self.ranking += 1;
        let mut size = 0;
        for slot in nodes.iter().filter(|slot| is_ranked[**slot as usize]) {
            let domain = self.domains.of(*slot) as usize;
            if self.met_in[domain] != self.ranking {
                self.met_in[domain] = self.ranking;
                size += 1;
            }
        }
        size
    }

    /// Adds what the constraint says of each node: its domain's pods, weighted by the logarithm of
    /// the number of domains, so that the constraint with more domains does not drown the other.
    ///
    /// Source: kubernetes v1.36 pkg/scheduler/framework/plugins/podtopologyspread/scoring.go,
    /// `scoreForCount` and `topologyNormalizingWeight`
    #[expect(
        clippy::float_arithmetic,
        clippy::cast_precision_loss,
        reason = "the rule itself is one of floating point; its operations are exact everywhere"
    )]
    fn add(&mut self, nodes: &[u32], is_ranked: &[bool], ranked: u32, sums: &mut [f64]) {
        if !self.counts_any {
            return;
        }
        let size = if self.is_hostname { ranked } else { self.size(nodes, is_ranked) };
        let weight = ln(size + 2);
        let more = (self.constraint.max_skew - 1) as f64;
        for (sum, slot) in sums.iter_mut().zip(nodes) {
            // A node that is not counted has no domain of that number.
            if let Some(pods) = self.by_domain.get(self.counted[*slot as usize] as usize) {
                *sum += *pods as f64 * weight + more;
            }
        }
    }
}

/// A sum that is not negative as the nearest whole number, halves up.
#[expect(clippy::float_arithmetic, reason = "the rule itself is one of floating point")]
#[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "small numbers")]
fn rounded(sum: f64) -> i64 {
    let whole = sum as i64;
    whole + i64::from(sum - whole as f64 >= 0.5)
}

impl Score for Soft {
    /// Source: kubernetes v1.36 pkg/scheduler/framework/plugins/podtopologyspread/scoring.go,
    /// `PodTopologySpread.Score`
    fn score(&mut self, _: &Cache, nodes: &[u32], scores: &mut [i64]) {
        self.ignored.clear();
        if !self.all_ranked {
            self.ignored.extend(nodes.iter().map(|slot| !self.is_ranked[*slot as usize]));
        }
        let ignored = self.ignored.iter().filter(|ignored| **ignored).count();
        let ranked = u32::try_from(nodes.len() - ignored).expect("fewer than 2^32 nodes");
        self.sums.clear();
        self.sums.resize(nodes.len(), 0.0);
        for rule in &mut self.rules {
            rule.add(nodes, &self.is_ranked, ranked, &mut self.sums);
        }
        for (score, sum) in scores.iter_mut().zip(&self.sums) {
            *score = rounded(*sum);
        }
    }

    fn is_relative(&self) -> bool {
        true
    }

    /// The fewer the better: with raw scores 1 and 4, 100 and 25.
    ///
    /// Source: kubernetes v1.36 pkg/scheduler/framework/plugins/podtopologyspread/scoring.go,
    /// `PodTopologySpread.NormalizeScore`
    fn normalize(&self, scores: &mut [i64]) {
        let is_ignored = |place: usize| self.ignored.get(place) == Some(&true);
        let (mut least, mut most) = (i64::MAX, 0);
        for (place, score) in scores.iter().enumerate() {
            if !is_ignored(place) {
                (least, most) = (least.min(*score), most.max(*score));
            }
        }
        // Few domains have different numbers of pods: most nodes score as the one before.
        let (mut last, mut share) = (i64::MIN, 0);
        for (place, score) in scores.iter_mut().enumerate() {
            if *score != last {
                last = *score;
                share = match most {
                    0 => MAX_NODE_SCORE,
                    most => MAX_NODE_SCORE * (most + least.min(most) - last) / most,
                };
            }
            *score = if is_ignored(place) { 0 } else { share };
        }
    }

    fn scope(&self) -> Scope {
        Scope::Cluster
    }

    fn follow(&mut self, moved: &Moved, _: &Cache) {
        let by = if moved.came { 1 } else { -1 };
        for rule in &mut self.rules {
            if rule.includes.get(moved.slot as usize) == Some(&true)
                && self.counting.counts(&rule.constraint.selector, &moved.pod)
            {
                rule.by_domain[rule.domains.of(moved.slot) as usize] += by;
            }
        }
    }
}
