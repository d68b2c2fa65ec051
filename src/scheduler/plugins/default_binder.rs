//! `DefaultBinder`: a pod is bound by a request to the apiserver.

use std::sync::Arc;

use crate::api::Name;
use crate::api::core::pod::Pod;
use crate::api::object::{Kind, ObjectKey};
use crate::api::request::Verb;
use crate::scheduler::config::PluginArgs;
use crate::scheduler::framework::Plugin;

/// The plugin.
#[derive(Clone, Copy, Debug)]
struct DefaultBinder;

/// Makes it.
pub(crate) fn make(_: &PluginArgs) -> Arc<dyn Plugin> {
    Arc::new(DefaultBinder)
}

impl Plugin for DefaultBinder {
    fn is_shareable(&self, _: &Pod) -> bool {
        true
    }

    /// Source: kubernetes v1.36 pkg/scheduler/framework/plugins/defaultbinder/default_binder.go,
    /// `DefaultBinder.Bind`
    fn bind(&self, pod: &Pod, node: &Name) -> Option<Verb> {
        let meta = &pod.meta;
        let key = ObjectKey {
            kind: Kind::POD,
            namespace: meta.namespace.clone(),
            name: meta.name.clone(),
        };
        Some(Verb::Bind { key, uid: meta.uid, node: node.clone() })
    }
}
