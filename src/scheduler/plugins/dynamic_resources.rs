//! `DynamicResources`: claims of devices.
//!
//! Differs: claims are not modelled, so every pod is one without claims: nothing is filtered, all
//! nodes score 0, and there is never a claim to give back.

use std::sync::Arc;

use crate::scheduler::config::PluginArgs;
use crate::scheduler::framework::{Failed, Plugin, PostFilter};

/// The plugin.
#[derive(Clone, Copy, Debug)]
struct DynamicResources;

/// Makes it.
pub(crate) fn make(_: &PluginArgs) -> Arc<dyn Plugin> {
    Arc::new(DynamicResources)
}

impl Plugin for DynamicResources {
    /// Source: kubernetes v1.36
    /// pkg/scheduler/framework/plugins/dynamicresources/dynamicresources.go,
    /// `DynamicResources.PostFilter`
    fn post_filter(&self, _: &Failed<'_, '_>) -> PostFilter {
        PostFilter::Nothing("no new claims to deallocate".to_owned())
    }
}
