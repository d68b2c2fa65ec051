//! The controllers that hold claims and volumes while they are in use: a claim while a pod on a
//! node uses it, a volume while it is bound.
//!
//! Responsible for the two finalizers alone.

use std::sync::Arc;

use crate::api::Name;
use crate::api::core::persistent_volume::{PersistentVolume, VOLUME_PROTECTION};
use crate::api::core::persistent_volume_claim::{CLAIM_PROTECTION, PersistentVolumeClaim};
use crate::api::core::pod::Pod;
use crate::api::edit::Edit;
use crate::api::meta::Meta;
use crate::api::object::{Kind, ObjectKey, Resource};
use crate::api::why::Why;
use crate::client::plan::{Plan, Write};
use crate::client::reconciler::{Keys, Observed, Reconciler, Settings, Watch};
use crate::client::view::View;

/// Holds claims.
#[derive(Clone, Copy, Debug, Default)]
pub struct ClaimProtection;

/// Holds volumes.
#[derive(Clone, Copy, Debug, Default)]
pub struct VolumeProtection;

/// What is to be done about the finalizer of an object.
fn plan(key: &ObjectKey, meta: &Meta, finalizer: &'static str, user: Option<Why>) -> Plan {
    let mut plan = Plan::nothing();
    let name = Name::new_static(finalizer);
    match (meta.is_deleting(), meta.has_finalizer(finalizer), user) {
        (true, true, None) => {
            let why = Why::new("it is to go, and nobody uses it");
            plan.push(Write::edit(key.clone(), Edit::RemoveFinalizer(name), why));
        }
        (false, false, _) => {
            let why = Why::new("it is held while it is in use");
            plan.push(Write::edit(key.clone(), Edit::AddFinalizer(name), why));
        }
        _ => {}
    }
    plan
}

/// Whether a pod on a node uses a claim. One that has no node does not: it will get none.
///
/// Source: kubernetes v1.36 pkg/controller/volume/pvcprotection/pvc_protection_controller.go,
/// `podUsesPVC`, `podIsShutDown`
fn uses(pod: &Pod, claim: &PersistentVolumeClaim) -> bool {
    let is_over = pod.meta.is_deleting() && pod.meta.deletion_grace_seconds == Some(0);
    !pod.node_name.is_empty()
        && pod.spec.storage.is_some()
        && pod.claims().any(|used| {
            let is_own = || claim.meta.controller().is_some_and(|o| o.uid == pod.meta.uid);
            used.name == claim.meta.name && (!used.is_ephemeral || !is_over && is_own())
        })
}

fn claim_keys(change: &Observed<'_>, _: View<'_>, out: &mut Keys) {
    let Some(claim) = change.new.and_then(PersistentVolumeClaim::of) else { return };
    if claim.meta.is_deleting() || !claim.meta.has_finalizer(CLAIM_PROTECTION) {
        out.add(change.latest().key());
    }
}

/// A pod that has ended or gone may have been the last to use its claims.
///
/// Source: kubernetes v1.36 pkg/controller/volume/pvcprotection/pvc_protection_controller.go,
/// `enqueuePVCs`
fn pod_keys(change: &Observed<'_>, view: View<'_>, out: &mut Keys) {
    let Some(pod) = Pod::of(change.latest()) else { return };
    if pod.spec.storage.is_none() || change.new.is_some() && !pod.is_terminal() {
        return;
    }
    let namespace = &pod.meta.namespace;
    for used in pod.claims() {
        let claim = view.get::<PersistentVolumeClaim>(namespace, &used.name);
        if claim.is_some_and(|c| c.meta.is_deleting()) {
            out.add(ObjectKey::new(Kind::PERSISTENT_VOLUME_CLAIM, namespace, &used.name));
        }
    }
}

impl Reconciler for ClaimProtection {
    fn name(&self) -> &'static str {
        "pvc-protection-controller"
    }

    fn watches(&self) -> &'static [Watch] {
        const WATCHES: &[Watch] = &[
            Watch { kind: Kind::PERSISTENT_VOLUME_CLAIM, keys: claim_keys },
            Watch { kind: Kind::POD, keys: pod_keys },
        ];
        WATCHES
    }

    fn settings(&self) -> Settings {
        Settings { workers: 1, ..Settings::default() }
    }

    /// Differs: the cache is believed; Kubernetes lists the pods of the namespace anew before it
    /// takes the finalizer off.
    ///
    /// Source: kubernetes v1.36 pkg/controller/volume/pvcprotection/pvc_protection_controller.go,
    /// `processPVC`
    fn reconcile(&mut self, key: &ObjectKey, view: View<'_>) -> Plan {
        let claim = view.get::<PersistentVolumeClaim>(&key.namespace, &key.name);
        let Some(claim) = claim else { return Plan::nothing() };
        // Bounded by the pods of the namespace, for a claim that is to go.
        let mut pods = view.in_namespace::<Pod>(&key.namespace);
        let user = pods.find(|pod| claim.meta.is_deleting() && uses(pod, claim));
        let user = user.map(|pod| Why::one("{} uses it", &pod.meta.name));
        plan(key, &claim.meta, CLAIM_PROTECTION, user)
    }

    fn boxed_clone(&self) -> Box<dyn Reconciler> {
        Box::new(*self)
    }
}

fn volume_keys(change: &Observed<'_>, _: View<'_>, out: &mut Keys) {
    let Some(volume) = change.new.and_then(PersistentVolume::of) else { return };
    if volume.meta.is_deleting() || !volume.meta.has_finalizer(VOLUME_PROTECTION) {
        out.add(change.latest().key());
    }
}

impl Reconciler for VolumeProtection {
    fn name(&self) -> &'static str {
        "pv-protection-controller"
    }

    fn watches(&self) -> &'static [Watch] {
        const WATCHES: &[Watch] = &[Watch { kind: Kind::PERSISTENT_VOLUME, keys: volume_keys }];
        WATCHES
    }

    fn settings(&self) -> Settings {
        Settings { workers: 1, ..Settings::default() }
    }

    /// Source: kubernetes v1.36 pkg/controller/volume/pvprotection/pv_protection_controller.go,
    /// `processPV`, `isBeingUsed`
    fn reconcile(&mut self, key: &ObjectKey, view: View<'_>) -> Plan {
        let volume: Option<&Arc<PersistentVolume>> = view.get("", &key.name);
        let Some(volume) = volume else { return Plan::nothing() };
        let user = (volume.status.phase == "Bound").then(|| Why::new("a claim has it"));
        plan(key, &volume.meta, VOLUME_PROTECTION, user)
    }

    fn boxed_clone(&self) -> Box<dyn Reconciler> {
        Box::new(*self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::object::Object;
    use crate::api::time::EPOCH;
    use crate::client::view::Caches;
    use serde_json::json;

    #[test]
    fn a_claim_is_held_while_a_pod_on_a_node_uses_it() {
        let mut caches = Caches::default();
        let value = json!({"metadata": {
            "name": "data", "namespace": "a", "uid": "c", "finalizers": [CLAIM_PROTECTION],
            "deletionTimestamp": "2026-01-01T00:00:00Z",
        }});
        let claim = Object::from_value(Kind::PERSISTENT_VOLUME_CLAIM, value).expect("a claim");
        let key = claim.key();
        caches.of_mut(Kind::PERSISTENT_VOLUME_CLAIM).put(claim);
        let pod = |node: &str| {
            let value = json!({"metadata": {"name": "p", "namespace": "a", "uid": "p"}, "spec": {
                "nodeName": node, "containers": [],
                "volumes": [{"name": "v", "persistentVolumeClaim": {"claimName": "data"}}],
            }});
            Object::from_value(Kind::POD, value).expect("a pod")
        };
        let writes = |caches: &Caches| {
            ClaimProtection.reconcile(&key, View::new(caches, EPOCH)).writes().count()
        };
        caches.of_mut(Kind::POD).put(pod("n"));
        assert_eq!(writes(&caches), 0, "a pod on a node holds it");
        caches.of_mut(Kind::POD).put(pod(""));
        assert_eq!(writes(&caches), 1, "a pod without a node does not");
    }
}
