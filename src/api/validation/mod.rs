//! What the apiserver refuses: the rules of each kind, on the JSON of the defaulted object.
//!
//! Responsible for each mistake's type and field, in the order in which the apiserver finds them.
//! It changes no object, fills in nothing, and never asks about other objects: that is admission's.

mod affinity;
mod autoscaler;
mod claim;
mod config;
mod container;
mod cron_job;
mod daemon_set;
mod deployment;
mod disruption_budget;
mod endpoints;
mod env;
pub mod errors;
mod format;
pub mod job;
mod job_policy;
pub mod job_status;
pub mod meta;
mod mount;
mod node;
pub mod path;
mod pod;
pub mod pod_resources;
mod pod_spec;
mod probe;
mod quota;
pub mod read;
pub mod resources;
mod rule;
mod security;
mod selector;
pub mod service;
mod share;
mod stateful_set;
mod storage;
mod volume;

use serde_json::Value;

use crate::api::field::FieldError;
use crate::api::gates::Gates;
use crate::api::names;
use crate::api::validation::errors::Errors;
use crate::api::validation::format::Format;
use crate::api::validation::meta::Scope;
use crate::api::validation::read::at;

/// The rules of one kind.
struct Rules {
    kind: &'static str,
    scope: Scope,
    name: Format,
    create: fn(&Value, &mut Errors),
    update: Update,
}

/// The rules of an update beside those of metadata.
enum Update {
    /// Those of a new object, its name included.
    AsCreate,
    /// Those of a new object, and an unchanging selector.
    FixedSelector,
    /// Its own.
    Own(fn(&Value, &Value, &mut Errors)),
}

/// Source: kubernetes v1.36 pkg/apis, the `ValidateX` and `ValidateXUpdate` of each kind.
///
/// Differs: Events may have any content.
const KINDS: &[Rules] = &[
    row("Pod", names::dns1123_subdomain, pod::create, Update::Own(pod::update)),
    row("Deployment", names::dns1123_subdomain, deployment::deployment, Update::FixedSelector),
    row("ReplicaSet", names::dns1123_subdomain, deployment::replica_set, Update::FixedSelector),
    row(
        "ReplicationController",
        names::dns1123_subdomain,
        deployment::replication_controller,
        Update::AsCreate,
    ),
    row(
        "StatefulSet",
        names::dns1123_label,
        stateful_set::stateful_set,
        Update::Own(stateful_set::update),
    ),
    row("DaemonSet", names::dns1123_subdomain, daemon_set::daemon_set, Update::FixedSelector),
    row(
        "ControllerRevision",
        names::dns1123_subdomain,
        daemon_set::revision,
        Update::Own(daemon_set::revision_update),
    ),
    row("Job", names::dns1123_subdomain, job::create, Update::Own(job::update)),
    row("CronJob", names::dns1123_subdomain, cron_job::create, Update::Own(cron_job::update)),
    row(
        "HorizontalPodAutoscaler",
        names::dns1123_subdomain,
        autoscaler::create,
        Update::Own(autoscaler::update),
    ),
    row(
        "PodDisruptionBudget",
        names::dns1123_subdomain,
        disruption_budget::disruption_budget,
        Update::AsCreate,
    ),
    row("Service", names::dns1123_label, service::service, Update::Own(service::update)),
    row("Endpoints", names::dns1123_subdomain, endpoints::endpoints, Update::AsCreate),
    row(
        "EndpointSlice",
        names::dns1123_subdomain,
        endpoints::slice,
        Update::Own(endpoints::slice_update),
    ),
    row(
        "ConfigMap",
        names::dns1123_subdomain,
        config::config_map,
        Update::Own(config::config_map_update),
    ),
    row("Secret", names::dns1123_subdomain, config::secret, Update::Own(config::secret_update)),
    row("ServiceAccount", names::dns1123_subdomain, |_, _| {}, Update::AsCreate),
    row("Lease", names::dns1123_subdomain, config::lease, Update::AsCreate),
    row("Event", names::dns1123_subdomain, |_, _| {}, Update::AsCreate),
    row(
        "PersistentVolumeClaim",
        names::dns1123_subdomain,
        claim::claim,
        Update::Own(claim::claim_update),
    ),
    row(
        "ResourceQuota",
        names::dns1123_subdomain,
        quota::resource_quota,
        Update::Own(quota::resource_quota_update),
    ),
    row("LimitRange", names::dns1123_subdomain, quota::limit_range, Update::AsCreate),
    of_cluster(row(
        "Namespace",
        names::dns1123_label,
        config::namespace,
        Update::Own(|_, _, _| {}),
    )),
    of_cluster(row("Node", names::dns1123_subdomain, node::create, Update::Own(node::update))),
    of_cluster(row(
        "PersistentVolume",
        names::dns1123_subdomain,
        claim::volume,
        Update::Own(claim::volume_update),
    )),
    of_cluster(row(
        "StorageClass",
        names::dns1123_subdomain,
        claim::storage_class,
        Update::Own(claim::storage_class_update),
    )),
    of_cluster(row(
        "VolumeAttachment",
        names::dns1123_subdomain,
        storage::attachment,
        Update::Own(storage::attachment_update),
    )),
    of_cluster(row(
        "CSINode",
        names::dns1123_subdomain,
        storage::csi_node,
        Update::Own(storage::csi_node_update),
    )),
    of_cluster(row("CSIDriver", names::dns1123_subdomain, storage::csi_driver, Update::AsCreate)),
    of_cluster(row(
        "PriorityClass",
        names::dns1123_subdomain,
        config::priority_class,
        Update::Own(config::priority_class_update),
    )),
];

const fn row(
    kind: &'static str,
    name: Format,
    create: fn(&Value, &mut Errors),
    update: Update,
) -> Rules {
    Rules { kind, scope: Scope::Namespaced, name, create, update }
}

const fn of_cluster(mut row: Rules) -> Rules {
    row.scope = Scope::Cluster;
    row
}

fn rules_of(kind: &str) -> Option<&'static Rules> {
    KINDS.iter().find(|r| r.kind == kind)
}

/// Whether objects of this kind live in namespaces; those of a kind without rules do.
pub fn scope(kind: &str) -> Scope {
    rules_of(kind).map_or(Scope::Namespaced, |r| r.scope)
}

/// What is wrong with a new object of this kind; of a kind without rules, with its metadata.
pub fn create(kind: &str, object: &Value, gates: Gates) -> Vec<FieldError> {
    let mut errors = Errors::under(gates);
    let metadata = at(object, "metadata");
    let name = rules_of(kind).map_or(names::path_segment as Format, |r| r.name);
    meta::create(metadata, scope(kind), name, &mut errors);
    if let Some(rules) = rules_of(kind) {
        (rules.create)(object, &mut errors);
    }
    errors.into_vec()
}

/// What is wrong with a changed object of this kind.
///
/// Changes of metadata that no kind allows are found twice, as the apiserver asks twice.
///
/// Source: kubernetes v1.36 staging/src/k8s.io/apiserver/pkg/registry/rest/update.go,
/// `BeforeUpdate`
pub fn update(kind: &str, new: &Value, old: &Value, gates: Gates) -> Vec<FieldError> {
    let mut errors = Errors::under(gates);
    let (metadata, before) = (at(new, "metadata"), at(old, "metadata"));
    meta::update_of_any(metadata, before, &mut errors);
    let Some(rules) = rules_of(kind) else { return errors.into_vec() };
    meta::update(metadata, before, &mut errors);
    match rules.update {
        Update::AsCreate => (rules.create)(new, &mut errors),
        Update::FixedSelector => {
            (rules.create)(new, &mut errors);
            deployment::fixed_selector(new, old, &mut errors);
        }
        Update::Own(update) => update(new, old, &mut errors),
    }
    errors.into_vec()
}
