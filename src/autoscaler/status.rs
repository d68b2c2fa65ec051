//! What the autoscaler writes about itself: the ConfigMap `cluster-autoscaler-status`.

use std::fmt::Write;

use super::options::Options;
use super::planner::Planner;
use super::provider::Provider;
use super::registry::{Readiness, Registry, Unsafe};
use crate::sim::time::SimTime;

/// The ConfigMap's namespace.
pub const NAMESPACE: &str = "kube-system";

/// The ConfigMap's name.
pub const NAME: &str = "cluster-autoscaler-status";

fn counts(of: &Readiness, indent: &str) -> String {
    format!(
        "{indent}nodeCounts:\n\
         {indent}  longUnregistered: {}\n\
         {indent}  registered:\n\
         {indent}    notStarted: {}\n\
         {indent}    ready: {}\n\
         {indent}    total: {}\n\
         {indent}    unready:\n\
         {indent}      total: {}\n\
         {indent}  unregistered: {}\n",
        of.long_unregistered.len(),
        of.not_started.len(),
        of.ready,
        of.registered,
        of.unready,
        of.unregistered
    )
}

fn health(is_healthy: bool) -> &'static str {
    if is_healthy { "Healthy" } else { "Unhealthy" }
}

fn candidates(count: usize) -> &'static str {
    if count > 0 { "CandidatesPresent" } else { "NoCandidates" }
}

/// The text of the status.
///
/// Differs: it is written when it says something new and carries no times; the real one is written
/// after every look, with the instant of the look.
///
/// Source: autoscaler cluster-autoscaler-1.36
/// cluster-autoscaler/clusterstate/clusterstate.go, `ClusterStateRegistry.GetStatus`, and
/// cluster-autoscaler/clusterstate/api/types.go, `ClusterAutoscalerStatus`
pub fn text(
    registry: &Registry,
    planner: &Planner,
    provider: &Provider,
    options: &Options,
    now: SimTime,
) -> String {
    let groups = provider.groups();
    let growing = (0..groups.len()).any(|g| registry.is_growing(g));
    let mut text = String::from("autoscalerStatus: Running\nclusterWide:\n  health:\n");
    text += &counts(&registry.total, "    ");
    let healthy = registry.is_cluster_healthy(options);
    _ = writeln!(text, "    status: {}", health(healthy));
    text += "  scaleDown:\n";
    let count = planner.unneeded.len();
    _ = writeln!(text, "    candidates: {count}\n    status: {}", candidates(count));
    let up = if growing { "InProgress" } else { "NoActivity" };
    _ = writeln!(text, "  scaleUp:\n    status: {up}\nnodeGroups:");
    for (place, group) in groups.iter().enumerate() {
        let target = provider.target(place);
        _ = writeln!(text, "- health:\n    cloudProviderTarget: {target}");
        _ = writeln!(text, "    maxSize: {}\n    minSize: {}", group.max, group.min);
        text += &counts(&registry.groups[place], "    ");
        let healthy = registry.is_group_healthy(place, provider, options);
        _ = writeln!(text, "    status: {}\n  name: {}", health(healthy), group.name);
        let own = planner.unneeded.keys().filter(|n| provider.group_of(n) == Some(place)).count();
        _ = writeln!(text, "  scaleDown:\n    candidates: {own}\n    status: {}", candidates(own));
        let up = match registry.objection(place, provider, options, now) {
            _ if registry.is_growing(place) => "InProgress",
            Some(Unsafe::Unhealthy) => "Unhealthy",
            Some(Unsafe::Backoff) => "Backoff",
            None => "NoActivity",
        };
        _ = writeln!(text, "  scaleUp:\n    status: {up}");
    }
    text
}
