//! One look at a claim: the volume that it gets, or what it waits for.

use std::sync::Arc;

use super::Look;
use super::bind::Binder;
use super::why::BindWhy;
use crate::api::Name;
use crate::api::core::persistent_volume::{BOUND_BY_CONTROLLER, PersistentVolume};
use crate::api::core::persistent_volume_claim::{
    BETA_STORAGE_PROVISIONER, BIND_COMPLETED, PersistentVolumeClaim, STORAGE_PROVISIONER,
};
use crate::api::core::pod::Pod;
use crate::api::object::{Object, Resource};
use crate::api::storage::matching::{self, Seeker};
use crate::api::storage::storage_class::StorageClass;
use crate::api::time::Time;
use crate::client::plan::Plan;

/// What is to be done about a claim.
///
/// Source: kubernetes v1.36 pkg/controller/volume/persistentvolume/pv_controller.go, `syncClaim`
pub(super) fn sync(claim: &Arc<PersistentVolumeClaim>, look: Look<'_>, now: Time) -> Plan {
    let mut binder = Binder::at(now);
    if claim.meta.annotations.has(BIND_COMPLETED) {
        bound(&mut binder, claim, look);
    } else if claim.spec.volume_name.is_empty() {
        unbound(&mut binder, claim, look);
    } else {
        promised(&mut binder, claim, look);
    }
    binder.plan
}

fn told(claim: &Arc<PersistentVolumeClaim>) -> Object {
    PersistentVolumeClaim::into_object(claim.clone())
}

/// Source: kubernetes v1.36 pkg/controller/volume/persistentvolume/pv_controller.go,
/// `syncBoundClaim`
fn bound(binder: &mut Binder, claim: &Arc<PersistentVolumeClaim>, look: Look<'_>) {
    let lost = |binder: &mut Binder, reason: &'static str, text: &'static str| {
        if claim.status.phase != "Lost" {
            binder.claim_phase(claim, "Lost", None);
            binder.tell(&told(claim), (true, reason), text);
        }
    };
    if claim.spec.volume_name.is_empty() {
        let text =
            "Bound claim has lost reference to PersistentVolume. Data on the volume is lost!";
        return lost(binder, "ClaimLost", text);
    }
    let Some(volume) = look.volume(&claim.spec.volume_name) else {
        let text = "Bound claim has lost its PersistentVolume. Data on the volume is lost!";
        return lost(binder, "ClaimLost", text);
    };
    match &volume.spec.claim_ref {
        Some(of) if of.uid != claim.meta.uid => {
            let text = "Two claims are bound to the same volume, this one is bound incorrectly";
            lost(binder, "ClaimMisbound", text);
        }
        Some(_) | None => binder.bind(&volume, claim),
    }
}

/// A claim of which nobody says which volume it gets.
///
/// Source: kubernetes v1.36 pkg/controller/volume/persistentvolume/pv_controller.go,
/// `syncUnboundClaim`
fn unbound(binder: &mut Binder, claim: &Arc<PersistentVolumeClaim>, look: Look<'_>) {
    let class = look.class(claim.class());
    let waits = claim.selected_node().is_none() && class.is_some_and(|c| c.waits());
    if let Some(volume) = best(claim, look, waits) {
        return binder.bind(&volume, claim);
    }
    if !claim.has_class()
        && let Some(default) = look.default_class()
    {
        let mut new = PersistentVolumeClaim::clone(claim);
        let class = default.meta.name.clone();
        Arc::make_mut(&mut new.spec).storage_class_name = Some(class.clone());
        binder.update(new, BindWhy::DefaultClass { class });
        return;
    }
    if waits {
        let (reason, text) = awaited(claim, look);
        binder.tell(&told(claim), (false, reason), text);
    } else if claim.class().is_empty() {
        let text = "no persistent volumes available for this claim and no storage class is set";
        binder.tell(&told(claim), (false, "FailedBinding"), text);
    } else {
        return provision(binder, claim, class);
    }
    binder.claim_phase(claim, "Pending", None);
}

/// The best volume: of those with the fewest access modes the smallest.
///
/// Source: kubernetes v1.36 pkg/controller/volume/persistentvolume/index.go, `findByClaim`,
/// `allPossibleMatchingAccessModes`
fn best(
    claim: &Arc<PersistentVolumeClaim>,
    look: Look<'_>,
    waits: bool,
) -> Option<Arc<PersistentVolume>> {
    let mut all = look.candidates(claim);
    all.retain(|volume| matching::has_modes(volume, claim));
    all.sort_by(|a, b| {
        let modes = |v: &PersistentVolume| v.spec.access_modes.len();
        modes(a).cmp(&modes(b)).then_with(|| a.meta.name.cmp(&b.meta.name))
    });
    let same = |a: &Arc<PersistentVolume>, b: &Arc<PersistentVolume>| {
        a.spec.access_modes.len() == b.spec.access_modes.len()
    };
    let mut groups = all.chunk_by(same);
    groups.find_map(|g| matching::find(claim, g.iter(), &[], Seeker::Binder { waits })).cloned()
}

/// What a claim waits for that is bound when a pod wants it.
///
/// Source: kubernetes v1.36 pkg/controller/volume/persistentvolume/pv_controller.go,
/// `emitEventForUnboundDelayBindingClaim`
fn awaited(claim: &Arc<PersistentVolumeClaim>, look: Look<'_>) -> (&'static str, String) {
    // Bounded by the pods of the namespace, for a claim that waits.
    let pods = look.view.in_namespace::<Pod>(&claim.meta.namespace);
    let waiting = pods.filter(|p| p.node_name.is_empty() && !p.is_terminal());
    let users = waiting.filter(|p| p.uses_claim(&claim.meta.name));
    let mut names: Vec<&str> = users.map(|p| p.meta.name.as_str()).collect();
    names.sort_unstable();
    match names[..] {
        [] => (
            "WaitForFirstConsumer",
            "waiting for first consumer to be created before binding".to_owned(),
        ),
        [one] => ("WaitForPodScheduled", format!("waiting for pod {one} to be scheduled")),
        _ => {
            let names = names.join(",");
            ("WaitForPodScheduled", format!("waiting for pods {names} to be scheduled"))
        }
    }
}

/// Has somebody else make a volume.
///
/// Differs: there are no provisioners of the controller manager itself, as there have been none in
/// Kubernetes but for tests since all volumes of clouds are served by drivers.
///
/// Source: kubernetes v1.36 pkg/controller/volume/persistentvolume/pv_controller.go,
/// `provisionClaim`, `provisionClaimOperationExternal`, `setClaimProvisioner`
fn provision(
    binder: &mut Binder,
    claim: &Arc<PersistentVolumeClaim>,
    class: Option<&Arc<StorageClass>>,
) {
    let name = claim.class();
    let Some(class) = class else {
        let text = format!("storageclass.storage.k8s.io {name:?} not found");
        return binder.tell(&told(claim), (true, "ProvisioningFailed"), text);
    };
    let provisioner = &class.provisioner;
    if provisioner.starts_with("kubernetes.io/") {
        let text = format!("no volume plugin matched name: {provisioner}");
        return binder.tell(&told(claim), (true, "ProvisioningFailed"), text);
    }
    let mut new = PersistentVolumeClaim::clone(claim);
    for key in [BETA_STORAGE_PROVISIONER, STORAGE_PROVISIONER] {
        if new.meta.annotations.get(key) != Some(provisioner) {
            new.meta.annotations = new.meta.annotations.with(key, provisioner);
        }
    }
    if new != **claim {
        binder.update(new, BindWhy::Provisioner { name: provisioner.clone() });
    }
    let text = format!(
        "Waiting for a volume to be created either by the external provisioner '{provisioner}' or \
         manually by the system administrator. If volume creation is delayed, please verify that \
         the provisioner is running and correctly registered."
    );
    binder.tell(&told(claim), (false, "ExternalProvisioning"), text);
}

/// A claim that names its volume and does not have it yet.
///
/// Source: kubernetes v1.36 pkg/controller/volume/persistentvolume/pv_controller.go,
/// `syncUnboundClaim`
fn promised(binder: &mut Binder, claim: &Arc<PersistentVolumeClaim>, look: Look<'_>) {
    let Some(volume) = look.volume(&claim.spec.volume_name) else {
        return binder.claim_phase(claim, "Pending", None);
    };
    if volume.spec.claim_ref.is_none() {
        if let Some(why) = mismatch(&volume, claim) {
            let name = &volume.meta.name;
            let text = format!("Cannot bind to requested volume {name:?}: {why}");
            binder.tell(&told(claim), (true, "VolumeMismatch"), text);
            return binder.claim_phase(claim, "Pending", None);
        }
        return binder.bind(&volume, claim);
    }
    if matching::is_meant_for(&volume, claim) {
        return binder.bind(&volume, claim);
    }
    if !claim.meta.annotations.has(BOUND_BY_CONTROLLER) {
        binder.claim_phase(claim, "Pending", None);
    }
}

/// Why a volume is not right for the claim that names it.
///
/// Source: kubernetes v1.36 pkg/controller/volume/persistentvolume/pv_controller.go,
/// `checkVolumeSatisfyClaim`
fn mismatch(volume: &PersistentVolume, claim: &PersistentVolumeClaim) -> Option<&'static str> {
    if volume.capacity() < claim.request() {
        return Some("requested PV is too small");
    }
    if volume.class() != claim.class() {
        return Some("storageClassName does not match");
    }
    if matching::modes_differ(volume, claim) {
        return Some("incompatible volumeMode");
    }
    (!matching::has_modes(volume, claim)).then_some("incompatible accessMode")
}

/// Whether nothing is left to be done about a claim but what others do.
pub(super) fn is_settled(claim: &PersistentVolumeClaim) -> bool {
    claim.is_bound() && claim.status.phase == Name::new_static("Bound")
}
