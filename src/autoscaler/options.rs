//! The flags of cluster-autoscaler.

use super::expander::Expander;
use crate::sim::time::SimDuration;

/// How the autoscaler is run, by its flags' names.
///
/// Source: autoscaler cluster-autoscaler-1.36 cluster-autoscaler/config/flags/flags.go and
/// cluster-autoscaler/config/autoscaling_options.go
#[derive(Clone, PartialEq, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
pub struct Options {
    /// From one look to the next.
    pub scan_interval: SimDuration,
    /// How it chooses between groups, one after the other; what is left is drawn from.
    pub expanders: Vec<Expander>,
    /// Whether nodes are removed at all.
    pub scale_down_enabled: bool,
    /// Whether nodes that are not ready may go.
    pub scale_down_unready_enabled: bool,
    /// For how long a node has to be unneeded before it goes.
    pub scale_down_unneeded_time: SimDuration,
    /// The same for one that is not ready.
    pub scale_down_unready_time: SimDuration,
    /// For how long no node goes after some have been added.
    pub scale_down_delay_after_add: SimDuration,
    /// For how long no other node goes after the last one.
    pub scale_down_delay_after_delete: SimDuration,
    /// For how long no node goes after a removal could not begin.
    pub scale_down_delay_after_failure: SimDuration,
    /// Nodes of which less than this share is asked for may go.
    pub scale_down_utilization_threshold: f64,
    /// After how long a node that could not go is looked at again.
    pub unremovable_node_recheck_timeout: SimDuration,
    /// For how long a node may take to come up before it is given up.
    pub max_node_provision_time: SimDuration,
    /// For how long a pod's eviction is tried.
    pub max_pod_eviction_time: SimDuration,
    /// How long a pod gets to end, in seconds.
    pub max_graceful_termination_sec: i64,
    /// From a node's taint until its pods are asked to leave.
    pub node_delete_delay_after_taint: SimDuration,
    /// Whether a node is cordoned as well before it goes.
    pub cordon_node_before_terminating: bool,
    /// So many nodes are on their way out at once.
    pub max_scale_down_parallelism: usize,
    /// So many of them with pods that have to leave.
    pub max_drain_parallelism: usize,
    /// So many nodes at a time get or lose the soft taint of candidates.
    pub max_bulk_soft_taint_count: usize,
    /// For how long a group is left alone after nodes of it did not come up.
    pub initial_node_group_backoff_duration: SimDuration,
    /// The same at most.
    pub max_node_group_backoff_duration: SimDuration,
    /// After so long without a failure the first duration holds again.
    pub node_group_backoff_reset_timeout: SimDuration,
    /// More than these nodes and this share of nodes not ready: nothing is done.
    pub ok_total_unready_count: usize,
    /// See `ok_total_unready_count`.
    pub max_total_unready_percentage: f64,
    /// So many nodes of the cluster at most; 0 for no limit.
    pub max_nodes_total: usize,
    /// So many nodes at most in one go.
    pub max_nodes_per_scaleup: usize,
    /// Younger pods do not count.
    pub new_pod_scale_up_delay: SimDuration,
    /// Pods of a lower priority neither bring nodes nor keep them.
    pub expendable_pods_priority_cutoff: i32,
    /// Whether pods of `kube-system` keep their nodes.
    pub skip_nodes_with_system_pods: bool,
    /// Whether pods with local volumes keep their nodes.
    pub skip_nodes_with_local_storage: bool,
    /// Whether pods of owners that it does not know keep their nodes.
    pub skip_nodes_with_custom_controller_pods: bool,
    /// A set with fewer replicas keeps its pods' nodes.
    pub min_replica_count: i32,
    /// Whether pods of `DaemonSet`s are left out of what is asked of a node.
    pub ignore_daemonsets_utilization: bool,
    /// Whether pods of `DaemonSet`s are evicted from nodes that are drained.
    pub daemonset_eviction_for_occupied_nodes: bool,
    /// Whether they are evicted from nodes that hold nothing else.
    pub daemonset_eviction_for_empty_nodes: bool,
    /// Whether its status is written.
    pub write_status_configmap: bool,
    /// Whether groups are brought to their least size.
    pub enforce_node_group_min_size: bool,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            scan_interval: SimDuration::secs(10),
            expanders: vec![Expander::LeastWaste],
            scale_down_enabled: true,
            scale_down_unready_enabled: true,
            scale_down_unneeded_time: SimDuration::secs(600),
            scale_down_unready_time: SimDuration::secs(1_200),
            scale_down_delay_after_add: SimDuration::secs(600),
            scale_down_delay_after_delete: SimDuration::ZERO,
            scale_down_delay_after_failure: SimDuration::secs(180),
            scale_down_utilization_threshold: 0.5,
            unremovable_node_recheck_timeout: SimDuration::secs(300),
            max_node_provision_time: SimDuration::secs(900),
            max_pod_eviction_time: SimDuration::secs(120),
            max_graceful_termination_sec: 600,
            node_delete_delay_after_taint: SimDuration::secs(5),
            cordon_node_before_terminating: true,
            max_scale_down_parallelism: 10,
            max_drain_parallelism: 1,
            max_bulk_soft_taint_count: 10,
            initial_node_group_backoff_duration: SimDuration::secs(300),
            max_node_group_backoff_duration: SimDuration::secs(1_800),
            node_group_backoff_reset_timeout: SimDuration::secs(10_800),
            ok_total_unready_count: 3,
            max_total_unready_percentage: 45.0,
            max_nodes_total: 0,
            max_nodes_per_scaleup: 1_000,
            new_pod_scale_up_delay: SimDuration::ZERO,
            expendable_pods_priority_cutoff: -10,
            skip_nodes_with_system_pods: true,
            skip_nodes_with_local_storage: true,
            skip_nodes_with_custom_controller_pods: true,
            min_replica_count: 0,
            ignore_daemonsets_utilization: false,
            daemonset_eviction_for_occupied_nodes: true,
            daemonset_eviction_for_empty_nodes: false,
            write_status_configmap: true,
            enforce_node_group_min_size: false,
        }
    }
}
