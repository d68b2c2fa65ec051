//! `kubectl describe`: an object in sentences, with what has to do with it.
//!
//! Responsible for the text; which objects are related is for the caller to find. Lines are
//! written with tabs and laid out at the end, as kubectl does.

mod container;
mod generic;
mod node;
mod policy;
mod service;
mod storage;
mod text;
mod workload;

use std::sync::Arc;

use serde_json::Value;

use super::{events, tab};
use crate::api::apps::replica_set::ReplicaSet;
use crate::api::coordination::lease::Lease;
use crate::api::core::event::Event;
use crate::api::core::pod::Pod;
use crate::api::discovery::endpoint_slice::EndpointSlice;
use crate::api::object::{Kind, Object};
use crate::api::time::Time;
use text::Page;

/// What is shown with an object.
#[derive(Clone, Debug, Default)]
pub struct Related {
    /// Events about it; none when they are not to be shown.
    pub events: Option<Vec<Arc<Event>>>,
    /// Of a node: the pods on it. Of a workload: the pods that it controls. Of a claim: the pods
    /// that use it.
    pub pods: Vec<Arc<Pod>>,
    /// Of a deployment: the ReplicaSets that it controls.
    pub replica_sets: Vec<Arc<ReplicaSet>>,
    /// Of a service: its slices.
    pub slices: Vec<Arc<EndpointSlice>>,
    /// Of a node: its sign of life.
    pub lease: Option<Arc<Lease>>,
    /// Of a namespace: its quotas.
    pub quotas: Vec<Object>,
}

/// Writes what is said of an object, but for its events.
type Describer = fn(&mut Page, &Value, &Related);

/// The kinds that have a description of their own.
const DESCRIBERS: &[(Kind, Describer)] = &[
    (Kind::POD, container::pod),
    (Kind::NODE, node::node),
    (Kind::DEPLOYMENT, workload::deployment),
    (Kind::REPLICA_SET, workload::replica_set),
    (Kind::REPLICATION_CONTROLLER, workload::replica_set),
    (Kind::STATEFUL_SET, workload::stateful_set),
    (Kind::DAEMON_SET, workload::daemon_set),
    (Kind::SERVICE, service::service),
    (Kind::NAMESPACE, service::namespace),
    (Kind::POD_DISRUPTION_BUDGET, policy::budget),
    (Kind::RESOURCE_QUOTA, policy::quota),
    (Kind::LIMIT_RANGE, policy::limit_range),
    (Kind::PRIORITY_CLASS, policy::priority_class),
    (Kind::PERSISTENT_VOLUME, storage::volume),
    (Kind::PERSISTENT_VOLUME_CLAIM, storage::claim),
    (Kind::STORAGE_CLASS, storage::class),
];

/// What `kubectl describe` prints of an object.
pub fn describe(object: &Object, related: &Related, now: Time) -> String {
    let mut page = Page::new(now);
    let found = DESCRIBERS.iter().find(|(kind, _)| *kind == object.kind());
    let write = found.map_or(generic::generic as Describer, |(_, write)| *write);
    write(&mut page, &object.to_value(), related);
    let mut text = page.into_text();
    if let Some(all) = &related.events {
        text.push_str(&events::described(all, now));
    }
    tab::lay_out(&text, tab::DESCRIBE)
}

#[cfg(test)]
mod tests;
