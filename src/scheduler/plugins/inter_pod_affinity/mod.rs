//! `InterPodAffinity`: pods near some pods and away from others, as they themselves and as the
//! pods that are there already want it.

mod filter;
mod score;

use std::sync::Arc;

use crate::api::Name;
use crate::api::core::node::Node;
use crate::api::core::pod::Pod;
use crate::api::core::pod_terms::PodTerm;
use crate::api::labels::Labels;
use crate::scheduler::cache::Cache;
use crate::scheduler::config::{AffinityArgs, PluginArgs};
use crate::scheduler::event::{Action, ClusterEvent, EventResource, Happened};
use crate::scheduler::framework::{Attempt, Plugin, PreFilter, PreScore, Status};

use filter::Required;
use score::Liked;

/// The plugin.
#[derive(Clone, Debug)]
struct InterPodAffinity {
    args: AffinityArgs,
}

/// Makes it.
pub(crate) fn make(args: &PluginArgs) -> Arc<dyn Plugin> {
    Arc::new(InterPodAffinity { args: args.affinity })
}

/// The pod that is to be placed, and the labels of its namespace.
#[derive(Clone, Debug)]
struct Incoming {
    pod: Arc<Pod>,
    namespace_labels: Labels,
}

impl Incoming {
    fn new(attempt: Attempt<'_>) -> Incoming {
        let known = attempt.cluster.namespace_labels(&attempt.pod.meta.namespace);
        Incoming { pod: attempt.pod.clone(), namespace_labels: known.cloned().unwrap_or_default() }
    }

    /// Whether a term of another pod means the incoming one.
    fn is_meant_by(&self, term: &PodTerm, other: &Pod) -> bool {
        let (meta, labels) = (&self.pod.meta, Some(&self.namespace_labels));
        term.matches(&other.meta.namespace, &meta.namespace, &meta.labels, || labels)
    }

    /// Whether a term of the incoming pod means another one.
    fn means(&self, term: &PodTerm, other: &Pod, cluster: &Cache) -> bool {
        let (own, meta) = (&self.pod.meta.namespace, &other.meta);
        let labels = || cluster.namespace_labels(&meta.namespace);
        term.matches(own, &meta.namespace, &meta.labels, labels)
    }

    /// Whether all of some terms of the incoming pod mean another one.
    fn all_mean(&self, terms: &[PodTerm], other: &Pod, cluster: &Cache) -> bool {
        !terms.is_empty() && terms.iter().all(|t| self.means(t, other, cluster))
    }
}

/// Whether all of some terms of a pod mean another one, namespaces told by name alone.
fn all_mean(terms: &[PodTerm], pod: &Pod, other: &Pod) -> bool {
    let (own, meta) = (&pod.meta.namespace, &other.meta);
    let means = |t: &PodTerm| t.matches(own, &meta.namespace, &meta.labels, || None);
    !terms.is_empty() && terms.iter().all(means)
}

impl Plugin for InterPodAffinity {
    fn events(&self) -> &'static [ClusterEvent] {
        const POD: ClusterEvent = ClusterEvent::new(
            EventResource::Pod,
            Action::ADD.or(Action::POD_LABEL).or(Action::DELETE),
        );
        const NODE: ClusterEvent =
            ClusterEvent::new(EventResource::Node, Action::ADD.or(Action::NODE_LABEL));
        &[POD, NODE]
    }

    /// Source: kubernetes v1.36 pkg/scheduler/framework/plugins/interpodaffinity/plugin.go,
    /// `InterPodAffinity.isSchedulableAfterPodChange` and `isSchedulableAfterNodeChange`
    ///
    /// Differs: selectors of namespaces are not looked at when a pod changes; a pod that waits for
    /// one is tried again with the leftovers
    fn is_worth_retrying(&self, pod: &Pod, happened: &Happened) -> bool {
        match (happened.node(), happened.pod()) {
            ((None, None), (None, None)) => true,
            ((None, None), pods) => after_pod(pod, pods),
            ((_, None), _) => false,
            ((old, Some(new)), _) => after_node(pod, old, new),
        }
    }

    fn is_shareable(&self, _: &Pod) -> bool {
        true
    }

    /// Source: kubernetes v1.36 pkg/scheduler/framework/plugins/interpodaffinity/filtering.go,
    /// `InterPodAffinity.PreFilter`
    fn pre_filter(&self, attempt: Attempt<'_>) -> PreFilter {
        let terms = &attempt.pod.spec.pod_terms;
        if let Some(error) = &terms.error {
            return PreFilter::Refuse(Status::unresolvable(Name::from(format!(
                "parsing pod: {error}"
            ))));
        }
        PreFilter::Each(Box::new(Required::new(attempt)))
    }

    /// Source: kubernetes v1.36 pkg/scheduler/framework/plugins/interpodaffinity/scoring.go,
    /// `InterPodAffinity.PreScore`
    fn pre_score(&self, attempt: Attempt<'_>) -> PreScore {
        let terms = &attempt.pod.spec.pod_terms;
        if self.args.ignores_preferred_of_existing && !terms.has_preferred() {
            return Ok(None);
        }
        if let Some(error) = &terms.error {
            return Err(Status::error(Name::from(format!("parsing pod: {error}"))));
        }
        Ok(Some(Box::new(Liked::new(attempt, self.args.hard_weight))))
    }
}

fn after_pod(pod: &Pod, (old, new): (Option<&Pod>, Option<&Pod>)) -> bool {
    if [old, new].into_iter().flatten().any(|p| p.node_name.is_empty()) {
        return false;
    }
    let terms = &pod.spec.pod_terms;
    let near = |p: &Pod| all_mean(&terms.required, pod, p);
    let away = |p: &Pod| all_mean(&terms.required_anti, pod, p);
    match (old, new) {
        (Some(old), Some(new)) => !near(old) && near(new) || away(old) && !away(new),
        (None, Some(new)) => near(new),
        (Some(old), None) => away(old),
        (None, None) => true,
    }
}

/// A node may help that has come into a domain, or that pods which have to be away may go to.
fn after_node(pod: &Pod, old: Option<&Node>, new: &Node) -> bool {
    let terms = &pod.spec.pod_terms;
    let value = |node: &Node, term: &PodTerm| node.meta.labels.get(&term.topology_key).cloned();
    let changed = |term: &PodTerm| old.is_none_or(|old| value(old, term) != value(new, term));
    let near = |term: &PodTerm| value(new, term).is_some() && changed(term);
    terms.required.iter().any(near) || terms.required_anti.iter().any(changed)
}
