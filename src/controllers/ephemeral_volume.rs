//! The ephemeral volume controller: pods whose volumes are made for them get their claims.
//!
//! Responsible for creating such claims; they go with their pods by the garbage collector.

use std::sync::Arc;

use serde_json::{Map, Value};

use crate::api::Name;
use crate::api::core::persistent_volume_claim::PersistentVolumeClaim;
use crate::api::core::pod::Pod;
use crate::api::core::pod_storage::Source;
use crate::api::object::{Kind, Object, ObjectKey, Resource, controller_reference};
use crate::api::refusal::{Reason, Refusal};
use crate::api::request::EventNote;
use crate::api::why::Why;
use crate::client::plan::{Plan, Recovery, Write};
use crate::client::reconciler::{Keys, Observed, Reconciler, Watch};
use crate::client::view::View;

/// The ephemeral volume controller.
#[derive(Clone, Copy, Debug, Default)]
pub struct EphemeralVolumes;

fn pod_keys(change: &Observed<'_>, _: View<'_>, out: &mut Keys) {
    let Some(pod) = change.new.and_then(Pod::of) else { return };
    if pod.spec.storage.is_some() && pod.claims().any(|c| c.is_ephemeral) {
        out.add(change.latest().key());
    }
}

/// A claim that went is made anew while its pod lives.
fn claim_keys(change: &Observed<'_>, _: View<'_>, out: &mut Keys) {
    let meta = change.latest().meta();
    let owner = meta.controller().filter(|o| o.kind == Kind::POD.name());
    if let Some(owner) = owner.filter(|_| change.new.is_none()) {
        out.add(ObjectKey::new(Kind::POD, &meta.namespace, &owner.name));
    }
}

/// The claim of a template, as the pod's own.
fn claim(pod: &Arc<Pod>, name: &Name, template: &Value) -> Option<Object> {
    let mut body = template.as_object()?.clone();
    let metadata = body.entry("metadata").or_insert_with(|| Map::new().into());
    metadata["name"] = name.as_str().into();
    metadata["namespace"] = pod.meta.namespace.as_str().into();
    let mut object = Object::from_value(Kind::PERSISTENT_VOLUME_CLAIM, body.into()).ok()?;
    object.meta_mut().set_owners(vec![controller_reference(Kind::POD, &pod.meta)]);
    Some(object)
}

impl Reconciler for EphemeralVolumes {
    fn name(&self) -> &'static str {
        "ephemeral-volume-controller"
    }

    fn event_source(&self) -> &'static str {
        "ephemeral_volume"
    }

    fn watches(&self) -> &'static [Watch] {
        const WATCHES: &[Watch] = &[
            Watch { kind: Kind::POD, keys: pod_keys },
            Watch { kind: Kind::PERSISTENT_VOLUME_CLAIM, keys: claim_keys },
        ];
        WATCHES
    }

    /// Source: kubernetes v1.36 pkg/controller/volume/ephemeral/controller.go, `syncHandler`,
    /// `handleVolume`
    fn reconcile(&mut self, key: &ObjectKey, view: View<'_>) -> Plan {
        let mut plan = Plan::nothing();
        let Some(pod) = view.get::<Pod>(&key.namespace, &key.name) else { return plan };
        if pod.meta.is_deleting() {
            return plan;
        }
        for used in pod.claims().filter(|c| c.is_ephemeral) {
            let known = view.get::<PersistentVolumeClaim>(&key.namespace, &used.name);
            if let Some(known) = known {
                if known.meta.controller().is_none_or(|o| o.uid != pod.meta.uid) {
                    let message = format!(
                        "ephemeral volume {}: PVC {}/{} was not created for pod {}/{} (pod is not \
                         owner)",
                        used.volume, key.namespace, used.name, key.namespace, key.name
                    );
                    let about = Pod::into_object(pod.clone()).reference();
                    let reason = "EphemeralVolumeCreationFailed";
                    let message = message.into();
                    plan.events.push(EventNote { about, warning: true, reason, message });
                    plan.retry = true;
                }
                continue;
            }
            let all = pod.spec.storage.iter().flat_map(|s| &s.volumes);
            let template = all.filter(|v| v.name == *used.volume).find_map(|v| match &v.source {
                Source::Ephemeral(template) => Some(template.clone()),
                Source::Claim(_) | Source::Disk(_) | Source::Inline(_) => None,
            });
            if let Some(object) = template.and_then(|t| claim(pod, &used.name, &t)) {
                plan.push(Write::create(object, Why::one("its volume {} needs it", used.volume)));
            }
        }
        plan
    }

    fn recover(&mut self, write: &Write, refusal: &Refusal) -> Recovery {
        if refusal.reason == Reason::AlreadyExists {
            return Recovery::GoOn;
        }
        Recovery::usual(write, refusal)
    }

    fn boxed_clone(&self) -> Box<dyn Reconciler> {
        Box::new(*self)
    }
}
