//! Whether a pod fits on a node: the filters of a profile, held against a picture of the cluster
//! that need not be the scheduler's own.
//!
//! For whoever wants to know what the scheduler would say without scheduling: the autoscaler of
//! nodes. Nothing here ranks nodes or changes the picture.

use std::sync::Arc;

use crate::api::Name;
use crate::api::core::pod::Pod;
use crate::scheduler::cache::Cache;
use crate::scheduler::framework::{Attempt, PreFilter, Running};
use crate::scheduler::plugins::Point;
use crate::scheduler::profile::Profile;

/// What the filters of a profile have worked out about a pod, to be held against nodes of the
/// picture that they have seen.
pub struct Fit<'c> {
    cluster: &'c Cache,
    filters: Vec<Running>,
    only: Option<Vec<Name>>,
    refused: Option<Name>,
}

/// A plugin leaves other nodes than this one.
const NARROWED: Name = Name::new_static("node(s) didn't satisfy plugin(s)");

/// The node is not in the picture.
const GONE: Name = Name::new_static("no such node");

impl<'c> Fit<'c> {
    /// Asks the filters of a profile about a pod.
    ///
    /// Source: autoscaler cluster-autoscaler-1.36
    /// cluster-autoscaler/simulator/clustersnapshot/predicate/plugin_runner.go,
    /// `SchedulerPluginRunner.RunFiltersUntilPassingNode`
    pub fn new(profile: &Profile, cluster: &'c Cache, pod: &Arc<Pod>) -> Fit<'c> {
        let mut fit = Fit { cluster, filters: Vec::new(), only: None, refused: None };
        for enabled in profile.at(Point::Filter) {
            match enabled.plugin.pre_filter(Attempt { pod, cluster }) {
                PreFilter::Skip => {}
                PreFilter::Each(filter) => fit.filters.push((enabled.id, filter)),
                PreFilter::Only(names, filter) => {
                    fit.filters.push((enabled.id, filter));
                    let is_left = |n: &Name| fit.only.as_ref().is_none_or(|o| o.contains(n));
                    fit.only = Some(names.into_iter().filter(is_left).collect());
                }
                PreFilter::Refuse(status) => {
                    fit.refused = Some(status.reason);
                    break;
                }
            }
        }
        fit
    }

    /// Whether the pod fits on a node.
    ///
    /// # Errors
    /// Every reason of the first filter that says no.
    ///
    /// Source: autoscaler cluster-autoscaler-1.36
    /// cluster-autoscaler/simulator/clustersnapshot/predicate/plugin_runner.go,
    /// `SchedulerPluginRunner.RunFiltersOnNode`
    pub fn on(&self, node: &Name) -> Result<(), Vec<Name>> {
        if let Some(reason) = &self.refused {
            return Err(vec![reason.clone()]);
        }
        let slot = self.cluster.slot_of(node).ok_or_else(|| vec![GONE])?;
        if self.only.as_ref().is_some_and(|only| !only.contains(node)) {
            return Err(vec![NARROWED]);
        }
        let info = self.cluster.at(slot);
        for (_, filter) in &self.filters {
            if let Err(refused) = filter.filter(slot, info) {
                return Err(refused.bits().map(|bit| filter.reason(bit)).collect());
            }
        }
        Ok(())
    }
}
