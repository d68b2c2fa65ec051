//! `DefaultPreemption`: whether room could be made by removing pods of lower priority.
//!
//! Differs: no pod is removed and no node nominated yet; a pod that could get room that way is told
//! what it would be told, and waits like any other.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::api::Name;
use crate::scheduler::config::PluginArgs;
use crate::scheduler::diagnosis;
use crate::scheduler::framework::{Code, Failed, Plugin, PostFilter};

/// The plugin.
#[derive(Clone, Copy, Debug)]
struct DefaultPreemption;

/// Makes it.
pub(crate) fn make(_: &PluginArgs) -> Arc<dyn Plugin> {
    Arc::new(DefaultPreemption)
}

impl Plugin for DefaultPreemption {
    /// Source: kubernetes v1.36 pkg/scheduler/framework/preemption/preemption.go,
    /// `Evaluator.Preempt`
    fn post_filter(&self, failed: &Failed<'_, '_>) -> PostFilter {
        let pod = failed.attempt.pod;
        if pod.spec.preemption_policy.as_deref() == Some("Never") {
            let text = "preemption: not eligible due to preemptionPolicy=Never.";
            return PostFilter::Nothing(text.to_owned());
        }
        let cluster = failed.attempt.cluster;
        let (all, mut tried, mut without_victims) = (cluster.len(), 0, 0);
        let mut reasons: BTreeMap<Name, usize> = BTreeMap::new();
        for (slot, _, refused) in failed.refused {
            if refused.code != Code::Unschedulable {
                continue;
            }
            tried += 1;
            if cluster.at(*slot).lowest_priority.is_none_or(|lowest| lowest >= pod.priority()) {
                without_victims += 1;
                continue;
            }
            let Some(why) = obstacle(failed, *slot) else { return PostFilter::Silent };
            for reason in why {
                *reasons.entry(reason).or_default() += 1;
            }
        }
        if without_victims > 0 {
            let why = Name::new_static("No preemption victims found for incoming pod");
            reasons.insert(why, without_victims);
        }
        if tried < all {
            reasons
                .insert(Name::new_static("Preemption is not helpful for scheduling"), all - tried);
        }
        PostFilter::Nothing(format!("preemption: {}", diagnosis::unavailable(all, &reasons)))
    }
}

/// Why removing all pods of lower priority from a node makes no room; none when it does.
///
/// Source: kubernetes v1.36
/// pkg/scheduler/framework/plugins/defaultpreemption/default_preemption.go,
/// `DefaultPreemption.SelectVictimsOnNode`
fn obstacle(failed: &Failed<'_, '_>, slot: u32) -> Option<Vec<Name>> {
    let priority = failed.attempt.pod.priority();
    let mut node = failed.attempt.cluster.at(slot).clone();
    let lower = node.pods.iter().filter(|p| p.priority() < priority).cloned();
    let lower: Vec<_> = lower.collect();
    let mut filters: Vec<_> = failed.filters.iter().map(|(_, f)| f.boxed_clone()).collect();
    for pod in &lower {
        node.remove_pod(pod.meta.uid);
        for filter in &mut filters {
            filter.remove_pod(pod, &node);
        }
    }
    filters.iter().find_map(|f| {
        let refused = f.filter(&node).err()?;
        Some(refused.bits().map(|bit| f.reason(bit)).collect())
    })
}
