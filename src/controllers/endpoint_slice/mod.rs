//! The endpoint slice controller: the addresses behind each service, at most 100 a slice.
//!
//! Responsible for the slices that it made itself for services with a selector. It never touches
//! slices that carry another manager's label.
//!
//! Differs: the annotation `endpoints.kubernetes.io/last-change-trigger-time` is not written, nor
//! are topology hints.
//!
//! Differs: a slice that changes has its service looked at a second later even when the change was
//! the controller's own; Kubernetes remembers the generations that it wrote.

mod endpoint;
pub mod membership;
mod slices;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use crate::api::core::pod::Pod;
use crate::api::core::service::Service;
use crate::api::discovery::endpoint_slice::EndpointSlice;
use crate::api::object::{Kind, Object, ObjectKey};
use crate::api::refusal::Refusal;
use crate::api::request::{EventNote, Verb};
use crate::api::selector::Selector;
use crate::api::why::Why;
use crate::client::plan::{Expect, Plan, Recovery, Write};
use crate::client::reconciler::{Keys, Observed, Reconciler, Settings, Watch};
use crate::client::view::View;
use crate::sim::time::SimDuration;

pub(crate) use endpoint::target;
pub use endpoint::{conditions, endpoint};
pub use slices::{Changes, reconcile};

const NAME: &str = "endpointslice-controller";
pub(crate) const SERVICE_NAME: &str = "kubernetes.io/service-name";
pub(crate) const MANAGED_BY: &str = "endpointslice.kubernetes.io/managed-by";
pub(crate) const HEADLESS: &str = "service.kubernetes.io/headless";

/// The label's value of slices that this controller made.
pub(crate) const MANAGER: &str = "endpointslice-controller.k8s.io";

/// How long after a change of a slice its service is looked at.
const SLICE_DELAY: SimDuration = SimDuration::secs(1);

/// The endpoint slice controller.
#[derive(Clone, Copy, Debug)]
pub struct EndpointSlices {
    /// `--max-endpoints-per-slice`.
    pub max_endpoints: usize,
}

impl Default for EndpointSlices {
    fn default() -> Self {
        EndpointSlices { max_endpoints: 100 }
    }
}

impl Reconciler for EndpointSlices {
    fn name(&self) -> &'static str {
        NAME
    }

    fn watches(&self) -> &'static [Watch] {
        &[
            Watch { kind: Kind::SERVICE, keys: membership::service_keys },
            Watch { kind: Kind::POD, keys: membership::pod_keys },
            Watch { kind: Kind::ENDPOINT_SLICE, keys: slice_keys },
            Watch { kind: Kind::NODE, keys: |_, _, _| {} },
        ]
    }

    fn settings(&self) -> Settings {
        Settings {
            give_up_after: Some(15),
            first_backoff: SimDuration::secs(1),
            awaits_own_writes: true,
            ..Settings::default()
        }
    }

    /// Source: kubernetes v1.36 pkg/controller/endpointslice/endpointslice_controller.go,
    /// `syncService`
    fn reconcile(&mut self, key: &ObjectKey, view: View<'_>) -> Plan {
        let mut plan = Plan::nothing();
        let Some(service) = view.get::<Service>(&key.namespace, &key.name) else { return plan };
        if !membership::selects(service) {
            return plan;
        }
        let selector = Selector::of_labels(&service.spec.selector);
        let mut pods: Vec<&Arc<Pod>> = view.select::<Pod>(&key.namespace, &selector).collect();
        pods.sort_by(|a, b| a.meta.name.cmp(&b.meta.name));
        let ours = [(SERVICE_NAME, key.name.as_str()), (MANAGED_BY, MANAGER)];
        let ours = Selector::of_labels(&ours.into());
        let slices = view.select::<EndpointSlice>(&key.namespace, &ours);
        let mut slices: Vec<_> = slices.filter(|s| !s.meta.is_deleting()).cloned().collect();
        slices.sort_by(|a, b| a.meta.name.cmp(&b.meta.name));
        let changes = reconcile(service, &pods, slices, self.max_endpoints, view);
        write(service, changes, &mut plan);
        plan
    }

    fn recover(&mut self, write: &Write, refusal: &Refusal) -> Recovery {
        let is_creation = matches!(write.verb, Verb::Create { .. });
        if is_creation && refusal.has_cause("NamespaceTerminating") {
            return Recovery::GiveUp;
        }
        Recovery::usual(write, refusal)
    }

    fn boxed_clone(&self) -> Box<dyn Reconciler> {
        Box::new(*self)
    }
}

/// Source: kubernetes v1.36 staging/src/k8s.io/endpointslice/reconciler.go, `finalize`
fn write(service: &Arc<Service>, changes: Changes, plan: &mut Plan) {
    let (created, updated, deleted) =
        (changes.create.len(), changes.update.len(), changes.delete.len());
    let why =
        || Why::three("{} slices to create, {} to update, {} to delete", created, updated, deleted);
    plan.retry = changes.misses_nodes;
    if !service.meta.is_deleting() {
        for slice in changes.create {
            plan.push(Write::create(slice, why()).expecting(Expect::Creation));
        }
    }
    for slice in changes.update {
        let event = failed(service, "update", &slice.meta.name);
        plan.push(Write::update(slice, why()).telling_refusal(event));
    }
    for slice in changes.delete {
        let object = Object::EndpointSlice(slice);
        let event = failed(service, "delete", &object.meta().name);
        let expect = Expect::Deletion(object.meta().uid);
        plan.push(Write::delete(&object, why()).expecting(expect).telling_refusal(event));
    }
}

fn failed(service: &Arc<Service>, verb: &str, slice: &str) -> EventNote {
    let (namespace, name) = (&service.meta.namespace, &service.meta.name);
    let message = format!(
        "Error updating Endpoint Slices for Service {namespace}/{name}: failed to {verb} {slice} \
         EndpointSlice for Service {namespace}/{name}: {{refusal}}"
    );
    EventNote {
        about: Object::Service(service.clone()).reference(),
        warning: true,
        reason: "FailedToUpdateEndpointSlices",
        message: message.into(),
    }
}

/// The service of a slice that is ours, or was.
///
/// Source: kubernetes v1.36 pkg/controller/endpointslice/endpointslice_controller.go,
/// `onEndpointSliceAdd`, `onEndpointSliceUpdate`, `onEndpointSliceDelete`
fn slice_keys(change: &Observed<'_>, _view: View<'_>, out: &mut Keys) {
    let both = [change.old, change.new];
    let ours = |o: &&Object| o.meta().labels.get(MANAGED_BY).is_some_and(|m| m == MANAGER);
    for object in both.into_iter().flatten().filter(ours) {
        let meta = object.meta();
        let Some(service) = meta.labels.get(SERVICE_NAME) else { continue };
        let key = ObjectKey::new(Kind::SERVICE, &meta.namespace, service);
        if change.old.is_none() {
            out.created = Some(key.clone());
        }
        if change.new.is_none() {
            out.deleted = Some((key.clone(), meta.uid));
        }
        if !out.queue.iter().any(|(k, _)| *k == key) {
            out.add_after(key, SLICE_DELAY);
        }
    }
}
