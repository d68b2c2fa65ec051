//! `NodeResourcesBalancedAllocation`: a node is better when the pod brings its resources closer to
//! being used alike.

use std::sync::Arc;

use crate::api::core::pod::Pod;
use crate::api::core::pod_requests;
use crate::scheduler::cache::{Cache, NodeInfo};
use crate::scheduler::config::{PluginArgs, ScoredResources};
use crate::scheduler::framework::{Attempt, MAX_NODE_SCORE, Plugin, PreScore, Score};
use crate::scheduler::plugins::resource_score::{self, Scored, Taken};

/// The plugin.
#[derive(Clone, Debug)]
struct NodeResourcesBalancedAllocation {
    resources: ScoredResources,
}

/// What a pod requests of the resources that are to be balanced.
struct Balance {
    resources: Vec<Scored>,
}

/// Makes it.
pub(crate) fn make(args: &PluginArgs) -> Arc<dyn Plugin> {
    Arc::new(NodeResourcesBalancedAllocation { resources: args.balanced_resources.clone() })
}

impl Plugin for NodeResourcesBalancedAllocation {
    fn is_shareable(&self, _: &Pod) -> bool {
        true
    }

    /// Source: kubernetes v1.36
    /// pkg/scheduler/framework/plugins/noderesources/balanced_allocation.go,
    /// `BalancedAllocation.PreScore`
    fn pre_score(&self, attempt: Attempt<'_>) -> PreScore {
        let requests = pod_requests::of_pod(attempt.pod);
        let resources = resource_score::of_pod(&self.resources, &requests);
        if resources.iter().all(|r| r.request == 0) {
            return Ok(None);
        }
        Ok(Some(Box::new(Balance { resources })))
    }
}

impl Score for Balance {
    fn score(&mut self, cluster: &Cache, nodes: &[u32], scores: &mut [i64]) {
        for (score, slot) in scores.iter_mut().zip(nodes) {
            *score = self.of(cluster.at(*slot));
        }
    }
}

impl Balance {
    /// Half the scale, and half of what the pod changes: 75 when the balance stays as it is.
    ///
    /// Source: kubernetes v1.36
    /// pkg/scheduler/framework/plugins/noderesources/balanced_allocation.go,
    /// `balancedResourceScorer`
    fn of(&self, node: &NodeInfo) -> i64 {
        let half = MAX_NODE_SCORE / 2;
        let (with, without) = (self.evenness(node, Pods::With), self.evenness(node, Pods::Without));
        half + (half + with - without) / 2
    }

    /// How alike the resources are used: 100 less a hundred standard deviations, cut.
    #[expect(
        clippy::float_arithmetic,
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        reason = "the rule itself is one of floating point; its operations are exact everywhere"
    )]
    fn evenness(&self, node: &NodeInfo, pods: Pods) -> i64 {
        let fractions = || {
            self.resources.iter().filter_map(move |r| {
                let (has, taken) = r.on(node, Taken::Requested);
                let taken = if pods == Pods::With { taken + r.request } else { taken };
                (has != 0).then(|| (taken as f64 / has as f64).min(1.0))
            })
        };
        let (mut first, mut last, mut n, mut sum) = (0.0_f64, 0.0_f64, 0_u32, 0.0_f64);
        for fraction in fractions() {
            (first, last) = (if n == 0 { fraction } else { first }, fraction);
            sum += fraction;
            n += 1;
        }
        let deviation = match n {
            0 | 1 => 0.0,
            2 => ((first - last) / 2.0).abs(),
            _ => {
                let mean = sum / f64::from(n);
                let squares: f64 = fractions().fold(0.0, |s, f| s + (f - mean) * (f - mean));
                (squares / f64::from(n)).sqrt()
            }
        };
        ((1.0 - deviation) * MAX_NODE_SCORE as f64) as i64
    }
}

/// Which pods a node is thought to have.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Pods {
    With,
    Without,
}
