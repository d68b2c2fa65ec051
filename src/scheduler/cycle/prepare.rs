//! What the plugins of a profile have to say about a pod before nodes are looked at.

use crate::api::Name;
use crate::scheduler::framework::{Attempt, Code, PreFilter, Running};
use crate::scheduler::plugins::{PluginId, PluginSet, Point};
use crate::scheduler::profile::Profile;

/// The filters of an attempt and the nodes that they left.
pub(super) struct Prepared {
    pub(super) filters: Vec<Running>,
    pub(super) only: Option<Vec<Name>>,
    pub(super) narrowing: PluginSet,
}

/// No node can do, for a reason that no node was asked for.
pub(super) struct PreFilterRefusal {
    pub(super) code: Code,
    pub(super) message: String,
    pub(super) plugins: PluginSet,
}

/// Asks the plugins what they have to say about a pod.
///
/// Source: kubernetes v1.36 pkg/scheduler/framework/runtime/framework.go,
/// `frameworkImpl.RunPreFilterPlugins`
pub(super) fn prepare(
    profile: &Profile,
    attempt: Attempt<'_>,
) -> Result<Prepared, PreFilterRefusal> {
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

impl Prepared {
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
