//! Node groups and their autoscaler.

use crate::api::Name;
use crate::autoscaler::{Expander, Options};
use crate::cluster::config::{Autoscaler, ClusterConfig, NodeGroup};
use crate::scenario::duration;
use crate::scenario::load::Described;
use crate::scenario::spec::NodeGroup as Written;
use crate::sim::time::SimDuration;

/// Adds the groups' nodes, and the autoscaler.
pub(super) fn set(described: &Described, config: &mut ClusterConfig, wrong: &mut Vec<String>) {
    let cluster = &described.scenario.cluster;
    let Some(written) = &cluster.autoscaler else {
        if cluster.flags.0.contains_key(COMPONENT) {
            wrong.push(format!("flags of {COMPONENT}, but no `cluster-autoscaler`"));
        }
        return;
    };
    let mut autoscaler = Autoscaler { options: Options::default(), groups: Vec::new() };
    for group in written.groups.iter().chain(described.node_groups.iter()) {
        let made = add_group(group, config);
        autoscaler.groups.push(made);
    }
    for (flag, value) in cluster.flags.0.get(COMPONENT).into_iter().flatten() {
        if let Err(why) = set_flag(flag, value, &mut autoscaler.options) {
            wrong.push(format!("the flag `--{flag}` of {COMPONENT}: {why}"));
        }
    }
    config.autoscaler = Some(autoscaler);
}

const COMPONENT: &str = "cluster-autoscaler";

fn add_group(group: &Written, config: &mut ClusterConfig) -> NodeGroup {
    let size = usize::try_from(group.size()).unwrap_or(usize::MAX);
    let mut nodes: Vec<_> = group.nodes().iter().flat_map(super::nodes).collect();
    nodes.iter_mut().skip(size).for_each(|node| node.started = false);
    let names = nodes.iter().map(|n| n.name.clone()).collect();
    config.nodes.extend(nodes);
    let count = |n: u32| usize::try_from(n).unwrap_or(usize::MAX);
    NodeGroup {
        name: Name::new(&group.name),
        min: count(group.min),
        max: count(group.max),
        nodes: names,
        price_millis: group.price.millis,
        priority: group.priority,
        startup: group.startup,
        available: group.available.map_or(usize::MAX, count),
    }
}

/// Sets what a flag says.
fn set_flag(flag: &str, value: &str, options: &mut Options) -> Result<(), String> {
    if let Some(span) = duration_flag(flag, options) {
        *span = duration::parse(value).ok_or("expected a duration such as `40s`")?;
        return Ok(());
    }
    if let Some(truth) = bool_flag(flag, options) {
        *truth = value == "true";
        return Ok(());
    }
    if let Some(count) = count_flag(flag, options) {
        *count = value.parse().map_err(|_| "expected a whole number that is not negative")?;
        return Ok(());
    }
    let number = "expected a number";
    match flag {
        "expander" => options.expanders = expanders(value)?,
        "scale-down-utilization-threshold" => {
            options.scale_down_utilization_threshold = value.parse().map_err(|_| number)?;
        }
        "max-total-unready-percentage" => {
            options.max_total_unready_percentage = value.parse().map_err(|_| number)?;
        }
        "max-graceful-termination-sec" => {
            options.max_graceful_termination_sec = value.parse().map_err(|_| number)?;
        }
        "expendable-pods-priority-cutoff" => {
            options.expendable_pods_priority_cutoff = value.parse().map_err(|_| number)?;
        }
        "min-replica-count" => options.min_replica_count = value.parse().map_err(|_| number)?,
        _ => return Err("it is not modelled".to_owned()),
    }
    Ok(())
}

fn expanders(value: &str) -> Result<Vec<Expander>, String> {
    let one = |name: &str| {
        let known: Vec<&str> = Expander::NAMES.iter().map(|(n, _)| *n).collect();
        let wrong = || format!("unknown expander `{name}`, expected one of {}", known.join(", "));
        Expander::named(name).ok_or_else(wrong)
    };
    value.split(',').map(str::trim).map(one).collect()
}

fn duration_flag<'o>(flag: &str, options: &'o mut Options) -> Option<&'o mut SimDuration> {
    Some(match flag {
        "scan-interval" => &mut options.scan_interval,
        "scale-down-unneeded-time" => &mut options.scale_down_unneeded_time,
        "scale-down-unready-time" => &mut options.scale_down_unready_time,
        "scale-down-delay-after-add" => &mut options.scale_down_delay_after_add,
        "scale-down-delay-after-delete" => &mut options.scale_down_delay_after_delete,
        "scale-down-delay-after-failure" => &mut options.scale_down_delay_after_failure,
        "unremovable-node-recheck-timeout" => &mut options.unremovable_node_recheck_timeout,
        "max-node-provision-time" => &mut options.max_node_provision_time,
        "max-pod-eviction-time" => &mut options.max_pod_eviction_time,
        "node-delete-delay-after-taint" => &mut options.node_delete_delay_after_taint,
        "initial-node-group-backoff-duration" => &mut options.initial_node_group_backoff_duration,
        "max-node-group-backoff-duration" => &mut options.max_node_group_backoff_duration,
        "node-group-backoff-reset-timeout" => &mut options.node_group_backoff_reset_timeout,
        "new-pod-scale-up-delay" => &mut options.new_pod_scale_up_delay,
        _ => return None,
    })
}

fn bool_flag<'o>(flag: &str, options: &'o mut Options) -> Option<&'o mut bool> {
    Some(match flag {
        "scale-down-enabled" => &mut options.scale_down_enabled,
        "scale-down-unready-enabled" => &mut options.scale_down_unready_enabled,
        "cordon-node-before-terminating" => &mut options.cordon_node_before_terminating,
        "skip-nodes-with-system-pods" => &mut options.skip_nodes_with_system_pods,
        "skip-nodes-with-local-storage" => &mut options.skip_nodes_with_local_storage,
        "skip-nodes-with-custom-controller-pods" => {
            &mut options.skip_nodes_with_custom_controller_pods
        }
        "ignore-daemonsets-utilization" => &mut options.ignore_daemonsets_utilization,
        "daemonset-eviction-for-occupied-nodes" => {
            &mut options.daemonset_eviction_for_occupied_nodes
        }
        "daemonset-eviction-for-empty-nodes" => &mut options.daemonset_eviction_for_empty_nodes,
        "write-status-configmap" => &mut options.write_status_configmap,
        "enforce-node-group-min-size" => &mut options.enforce_node_group_min_size,
        _ => return None,
    })
}

fn count_flag<'o>(flag: &str, options: &'o mut Options) -> Option<&'o mut usize> {
    Some(match flag {
        "max-scale-down-parallelism" => &mut options.max_scale_down_parallelism,
        "max-drain-parallelism" => &mut options.max_drain_parallelism,
        "max-bulk-soft-taint-count" => &mut options.max_bulk_soft_taint_count,
        "ok-total-unready-count" => &mut options.ok_total_unready_count,
        "max-nodes-total" => &mut options.max_nodes_total,
        "max-nodes-per-scaleup" => &mut options.max_nodes_per_scaleup,
        _ => return None,
    })
}
