//! One look at a volume: its phase, and what becomes of it when its claim is gone.

use std::sync::Arc;

use super::Look;
use super::bind::Binder;
use super::why::BindWhy;
use crate::api::core::persistent_volume::{PROVISIONED_BY, PersistentVolume};
use crate::api::core::persistent_volume_claim::PersistentVolumeClaim;
use crate::api::object::{Kind, ObjectKey, Resource};
use crate::api::storage::matching;
use crate::api::time::Time;
use crate::client::plan::{Plan, Write};

/// What the apiserver says of a claim that the cache does not show.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Recheck {
    /// It has not been asked.
    NotYet,
    /// The claim is gone.
    Gone,
}

/// What is to be done about a volume. Before it is let go its claim is read anew.
///
/// Source: kubernetes v1.36 pkg/controller/volume/persistentvolume/pv_controller.go, `syncVolume`
pub(super) fn sync(
    volume: &Arc<PersistentVolume>,
    look: Look<'_>,
    recheck: Recheck,
    now: Time,
) -> Plan {
    let mut binder = Binder::at(now);
    let Some(of) = &volume.spec.claim_ref else {
        binder.volume_phase(volume, "Available");
        return binder.plan;
    };
    if of.uid.is_none() {
        binder.volume_phase(volume, "Available");
        return binder.plan;
    }
    let claim = look.claim(&of.namespace, &of.name).filter(|c| c.meta.uid == of.uid);
    match claim {
        Some(claim) => claimed(&mut binder, volume, &claim),
        None if recheck == Recheck::NotYet && !is_free(volume) => {
            let key = ObjectKey::new(Kind::PERSISTENT_VOLUME_CLAIM, &of.namespace, &of.name);
            binder.plan.push(Write::read(key, BindWhy::Recheck));
            binder.plan.resumes = true;
        }
        None => release(&mut binder, volume),
    }
    binder.plan
}

fn is_free(volume: &PersistentVolume) -> bool {
    volume.status.phase == "Released" || volume.status.phase == "Failed"
}

/// The claim of the volume is there.
fn claimed(
    binder: &mut Binder,
    volume: &Arc<PersistentVolume>,
    claim: &Arc<PersistentVolumeClaim>,
) {
    if claim.spec.volume_name.is_empty() {
        if matching::modes_differ(volume, claim) {
            let text = "Cannot bind PersistentVolume to requested PersistentVolumeClaim due to \
                        incompatible volumeMode";
            let about = PersistentVolume::into_object(volume.clone());
            binder.tell(&about, (true, "VolumeMismatch"), text);
        }
        // The look at the claim binds both.
    } else if claim.spec.volume_name == volume.meta.name {
        binder.volume_phase(volume, "Bound");
    } else if volume.meta.annotations.has(PROVISIONED_BY) && volume.spec.reclaim_policy == "Delete"
    {
        release(binder, volume);
    } else {
        binder.unbind(volume);
    }
}

/// The volume has no claim any more.
fn release(binder: &mut Binder, volume: &Arc<PersistentVolume>) {
    if !is_free(volume) {
        return binder.volume_phase(volume, "Released");
    }
    reclaim(binder, volume);
}

/// What becomes of a volume that was let go: it stays, or it goes. What a driver has made the
/// driver takes away.
///
/// Differs: volumes are not emptied for the next claim, not even those on paths of nodes and on
/// NFS; the volume fails, and says so.
///
/// Source: kubernetes v1.36 pkg/controller/volume/persistentvolume/pv_controller.go,
/// `reclaimVolume`, `deleteVolumeOperation`, and pkg/volume/hostpath/host_path.go, `newDeleter`
fn reclaim(binder: &mut Binder, volume: &Arc<PersistentVolume>) {
    let name = &volume.meta.name;
    let (reason, why) = match volume.spec.reclaim_policy.as_str() {
        "Recycle" => ("VolumeFailedRecycle", "No recycler plugin found for the volume!".to_owned()),
        "Delete" if volume.meta.annotations.has(PROVISIONED_BY) => return,
        "Delete" => match path(volume) {
            Some(path) if path.starts_with("/tmp/") => {
                let object = PersistentVolume::into_object(volume.clone());
                return binder.plan.push(Write::delete(&object, BindWhy::Reclaimed));
            }
            Some(path) => {
                let why =
                    format!("host_path deleter only supports /tmp/.+ but received provided {path}");
                ("VolumeFailedDelete", why)
            }
            None => {
                let why = format!(
                    "error getting deleter volume plugin for volume {name:?}: no deletable volume \
                     plugin matched"
                );
                ("VolumeFailedDelete", why)
            }
        },
        _ => return,
    };
    if volume.status.phase != "Failed" {
        binder.volume_phase_because(volume, "Failed", &why);
        let about = PersistentVolume::into_object(volume.clone());
        binder.tell(&about, (true, reason), why);
    }
}

/// The path on a node that is behind a volume.
fn path(volume: &PersistentVolume) -> Option<&str> {
    volume.spec.rest.0.as_ref()?.get("hostPath")?.get("path")?.as_str()
}
