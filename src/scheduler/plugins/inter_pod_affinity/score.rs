//! What pods had better have of each other, summed by domain.

use crate::api::core::pod::Pod;
use crate::api::core::pod_terms::PodTerm;
use crate::scheduler::cache::{Cache, Moved};
use crate::scheduler::framework::{Attempt, MAX_NODE_SCORE, Scope, Score};
use crate::scheduler::plugins::domain::Pairs;

use super::Incoming;

/// The weights of the terms that hold, by domain.
///
/// Source: kubernetes v1.36 pkg/scheduler/framework/plugins/interpodaffinity/scoring.go,
/// `preScoreState`
#[derive(Debug)]
pub(super) struct Liked {
    incoming: Incoming,
    hard_weight: i64,
    sums: Pairs,
    /// How many terms hold anywhere.
    terms: i64,
}

impl Liked {
    pub(super) fn new(attempt: Attempt<'_>, hard_weight: i64) -> Liked {
        let mut this = Liked {
            incoming: Incoming::new(attempt),
            hard_weight,
            sums: Pairs::default(),
            terms: 0,
        };
        let cluster = attempt.cluster;
        let own = attempt.pod.spec.pod_terms.has_preferred();
        if own || cluster.counts().with_terms > 0 {
            for slot in cluster.order() {
                let node = cluster.at(*slot);
                if own || node.with_terms > 0 {
                    node.pods.iter().for_each(|pod| this.count(pod, *slot, 1, cluster));
                }
            }
        }
        this
    }

    fn add(&mut self, term: &PodTerm, slot: u32, weight: i64, by: i64, cluster: &Cache) {
        if self.sums.add(&term.topology_key, slot, weight * by, cluster) {
            self.terms += by;
        }
    }

    /// Counts a pod in or out: what the incoming one likes of it, and what it likes of the
    /// incoming one, its required affinity too.
    ///
    /// Source: kubernetes v1.36 pkg/scheduler/framework/plugins/interpodaffinity/scoring.go,
    /// `InterPodAffinity.processExistingPod`
    fn count(&mut self, pod: &Pod, slot: u32, by: i64, cluster: &Cache) {
        let incoming = self.incoming.clone();
        let own = &incoming.pod.spec.pod_terms;
        let signed = |terms: &[(i64, PodTerm)], sign: i64| -> Vec<(i64, PodTerm)> {
            terms.iter().map(|(weight, term)| (sign * weight, term.clone())).collect()
        };
        if own.has_preferred() {
            for (weight, term) in
                signed(&own.preferred, 1).iter().chain(&signed(&own.preferred_anti, -1))
            {
                if incoming.means(term, pod, cluster) {
                    self.add(term, slot, *weight, by, cluster);
                }
            }
        }
        let theirs = &pod.spec.pod_terms;
        if theirs.is_empty() {
            return;
        }
        if self.hard_weight > 0 {
            for term in theirs.required.iter().filter(|t| incoming.is_meant_by(t, pod)) {
                self.add(term, slot, self.hard_weight, by, cluster);
            }
        }
        for (weight, term) in
            signed(&theirs.preferred, 1).iter().chain(&signed(&theirs.preferred_anti, -1))
        {
            if incoming.is_meant_by(term, pod) {
                self.add(term, slot, *weight, by, cluster);
            }
        }
    }
}

impl Score for Liked {
    /// Source: kubernetes v1.36 pkg/scheduler/framework/plugins/interpodaffinity/scoring.go,
    /// `InterPodAffinity.Score`
    fn score(&mut self, _: &Cache, nodes: &[u32], scores: &mut [i64]) {
        for (score, slot) in scores.iter_mut().zip(nodes) {
            *score = self.sums.sum(*slot);
        }
    }

    fn is_relative(&self) -> bool {
        true
    }

    /// Source: kubernetes v1.36 pkg/scheduler/framework/plugins/interpodaffinity/scoring.go,
    /// `InterPodAffinity.NormalizeScore`
    #[expect(
        clippy::float_arithmetic,
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        reason = "the rule itself is one of floating point; its operations are exact everywhere"
    )]
    fn normalize(&self, scores: &mut [i64]) {
        let least = scores.iter().copied().min().unwrap_or(0);
        let span = scores.iter().copied().max().unwrap_or(0) - least;
        for score in scores {
            *score = if span > 0 {
                (MAX_NODE_SCORE as f64 * ((*score - least) as f64 / span as f64)) as i64
            } else {
                0
            };
        }
    }

    fn scope(&self) -> Scope {
        Scope::Cluster
    }

    fn is_silent(&self) -> bool {
        self.terms == 0
    }

    fn follow(&mut self, moved: &Moved, cluster: &Cache) {
        self.count(&moved.pod, moved.slot, if moved.came { 1 } else { -1 }, cluster);
    }
}
