//! `DynamicResources`: claims of devices.
//!
//! Differs: claims are not modelled, so every pod is one without claims: nothing is filtered, all
//! nodes score 0, and there is never a claim to give back.

use std::sync::Arc;

use crate::api::core::pod::Pod;
use crate::scheduler::cache::Cache;
use crate::scheduler::config::PluginArgs;
use crate::scheduler::framework::{Attempt, Failed, Plugin, PostFilter, PreScore, Score};

/// The plugin.
#[derive(Clone, Copy, Debug)]
struct DynamicResources;

/// All nodes are alike to a pod without claims.
#[derive(Clone, Copy, Debug)]
struct NoClaims;

impl Score for NoClaims {
    fn score(&mut self, _: &Cache, _: &[u32], scores: &mut [i64]) {
        scores.fill(0);
    }
}

/// Makes it.
pub(crate) fn make(_: &PluginArgs) -> Arc<dyn Plugin> {
    Arc::new(DynamicResources)
}

impl Plugin for DynamicResources {
    fn is_shareable(&self, _: &Pod) -> bool {
        true
    }

    /// Source: kubernetes v1.36
    /// pkg/scheduler/framework/plugins/dynamicresources/dynamicresources.go,
    /// `DynamicResources.Score`
    fn pre_score(&self, _: Attempt<'_>) -> PreScore {
        Ok(Some(Box::new(NoClaims)))
    }

    /// Source: kubernetes v1.36
    /// pkg/scheduler/framework/plugins/dynamicresources/dynamicresources.go,
    /// `DynamicResources.PostFilter`
    fn post_filter(&self, _: &mut Failed<'_>) -> PostFilter {
        PostFilter::Nothing("no new claims to deallocate".to_owned())
    }
}
