//! The built-in controllers: pure rules, one file or folder each.

pub mod attach_detach;
pub mod claim;
pub mod controller_revision;
pub mod cron_job;
pub mod csi;
pub mod daemon_set;
pub mod deployment;
pub mod disruption;
pub mod endpoint_slice;
pub mod endpoints;
pub mod ephemeral_volume;
pub mod garbage_collector;
pub mod horizontal_pod_autoscaler;
pub mod job;
pub mod namespace;
pub mod node_lifecycle;
pub mod persistent_volume;
pub mod pod_control;
pub mod pod_gc;
pub mod pod_watch;
pub mod replica_set;
pub mod resource_quota;
pub mod service_account;
pub mod stateful_set;
pub mod taint_eviction;
pub mod ttl_after_finished;
pub mod volume_protection;

use crate::api::object::Kind;
use crate::client::reconciler::Reconciler;

/// How controllers are run, by the flags of kube-controller-manager.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Options {
    /// Of the autoscaler of pods.
    pub autoscaler: horizontal_pod_autoscaler::HpaOptions,
    /// Of the node controller.
    pub nodes: node_lifecycle::Options,
    /// Of the collector of pods.
    pub pod_gc: pod_gc::Options,
    /// Controllers that are left out, by the names under which they ask.
    pub left_out: Vec<&'static str>,
}

/// The names of `--controllers`: a controller's own, the older one, and that under which it asks.
///
/// Source: kubernetes v1.36 cmd/kube-controller-manager/names/controller_names.go, and
/// cmd/kube-controller-manager/app/controllermanager.go, `ControllerInitializersFunc`
pub const FLAG_NAMES: [(&str, &str, &str); 17] = [
    ("cronjob-controller", "cronjob", "cronjob-controller"),
    ("daemonset-controller", "daemonset", "daemonset-controller"),
    ("deployment-controller", "deployment", "deployment-controller"),
    ("disruption-controller", "disruption", "disruption-controller"),
    ("endpoints-controller", "endpoint", "endpoints-controller"),
    ("endpointslice-controller", "endpointslice", "endpointslice-controller"),
    ("garbage-collector-controller", "garbagecollector", "generic-garbage-collector"),
    (
        "horizontal-pod-autoscaler-controller",
        "horizontalpodautoscaling",
        "horizontal-pod-autoscaler",
    ),
    ("job-controller", "job", "job-controller"),
    ("namespace-controller", "namespace", "namespace-controller"),
    ("pod-garbage-collector-controller", "podgc", "pod-garbage-collector"),
    ("replicaset-controller", "replicaset", "replicaset-controller"),
    ("replicationcontroller-controller", "replicationcontroller", "replication-controller"),
    ("resourcequota-controller", "resourcequota", "resourcequota-controller"),
    ("serviceaccount-controller", "serviceaccount", "service-account-controller"),
    ("statefulset-controller", "statefulset", "statefulset-controller"),
    ("ttl-after-finished-controller", "ttl-after-finished", "ttl-after-finished-controller"),
];

/// The controllers of a kube-controller-manager with the usual flags, by name.
pub fn all() -> Vec<Box<dyn Reconciler>> {
    with(&Options::default())
}

/// The controllers of a kube-controller-manager that is run so.
pub fn with(options: &Options) -> Vec<Box<dyn Reconciler>> {
    let mut all = every(options);
    all.retain(|rule| !options.left_out.contains(&rule.name()));
    all
}

fn every(options: &Options) -> Vec<Box<dyn Reconciler>> {
    vec![
        Box::new(deployment::DeploymentController::default()),
        Box::new(replica_set::ReplicaSetController::default()),
        Box::new(replica_set::ReplicaSetController::of_replication_controllers()),
        Box::new(stateful_set::StatefulSetController::default()),
        Box::new(daemon_set::DaemonSetController::default()),
        Box::new(job::JobController::default()),
        Box::new(cron_job::CronJobController::default()),
        Box::new(ttl_after_finished::TtlAfterFinished),
        Box::new(node_lifecycle::NodeLifecycle::new(node_options(options.nodes))),
        Box::new(taint_eviction::TaintEviction::new()),
        Box::new(endpoint_slice::EndpointSlices::default()),
        Box::new(disruption::DisruptionController),
        Box::new(endpoints::EndpointsController),
        Box::new(garbage_collector::GarbageCollector::new()),
        Box::new(namespace::NamespaceController),
        Box::new(pod_gc::PodGc::new(options.pod_gc)),
        Box::new(resource_quota::ResourceQuotas),
        Box::new(service_account::ServiceAccounts),
        Box::new(horizontal_pod_autoscaler::HorizontalPodAutoscalers::new(options.autoscaler)),
    ]
}

/// The controllers of a kube-controller-manager that have to do with storage alone.
pub fn of_storage() -> Vec<Box<dyn Reconciler>> {
    vec![
        Box::new(persistent_volume::VolumeBinder::default()),
        Box::new(volume_protection::ClaimProtection),
        Box::new(volume_protection::VolumeProtection),
        Box::new(ephemeral_volume::EphemeralVolumes),
        Box::new(attach_detach::AttachDetach::default()),
    ]
}

/// Lets the garbage collector among controllers watch kinds of the user's own as well.
///
/// Differs: the namespace controller does not empty a namespace of objects of such kinds.
pub fn watch_also(controllers: &mut [Box<dyn Reconciler>], custom: &[Kind]) {
    if custom.is_empty() {
        return;
    }
    let collector = garbage_collector::GarbageCollector::watching(custom);
    for rule in controllers.iter_mut().filter(|rule| rule.name() == collector.name()) {
        *rule = Box::new(collector.clone());
    }
}

/// The period of the node monitor runs from the end of one pass to the begin of the next, and a
/// pass takes about a millisecond; so the tenth pass after a sign of life is past the grace of
/// 50 s, not just at its end.
///
/// Source: kubernetes v1.36 pkg/controller/nodelifecycle/node_lifecycle_controller.go, `Run`
fn node_options(flags: node_lifecycle::Options) -> node_lifecycle::Options {
    let pass = crate::sim::time::SimDuration::millis(1);
    node_lifecycle::Options { period: flags.period + pass, ..flags }
}
