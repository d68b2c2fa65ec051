//! Which volume is right for a claim, and what a volume looks like that is meant for it.
//!
//! The binder of volumes and the scheduler choose by the same rule. It never writes anything, and
//! the volumes come in the order in which equals are preferred.

use std::sync::Arc;

use crate::api::Name;
use crate::api::core::event::ObjectReference;
use crate::api::core::node::Node;
use crate::api::core::persistent_volume::{BOUND_BY_CONTROLLER, PersistentVolume};
use crate::api::core::persistent_volume_claim::PersistentVolumeClaim;
use crate::api::object::{Object, Resource};
use crate::api::selector::{LabelSelector, Selector};

/// Who looks for a volume.
#[derive(Clone, Copy, Debug)]
pub enum Seeker<'a> {
    /// The binder; whether the claim is left to the scheduler.
    Binder {
        /// Only a volume that is meant for the claim will do.
        waits: bool,
    },
    /// The scheduler, for a node.
    Scheduler(&'a Node),
}

/// Whether a volume is meant for a claim: for this incarnation, or for any of its name.
///
/// Source: kubernetes v1.36 staging/src/k8s.io/component-helpers/storage/volume/pv_helpers.go,
/// `IsVolumeBoundToClaim`
pub fn is_meant_for(volume: &PersistentVolume, claim: &PersistentVolumeClaim) -> bool {
    volume.spec.claim_ref.as_ref().is_some_and(|of| {
        of.name == claim.meta.name
            && of.namespace == claim.meta.namespace
            && (of.uid.is_none() || of.uid == claim.meta.uid)
    })
}

/// Whether a claim wants the volume in another mode than it has.
///
/// Source: kubernetes v1.36 staging/src/k8s.io/component-helpers/storage/volume/pv_helpers.go,
/// `CheckVolumeModeMismatches`
pub fn modes_differ(volume: &PersistentVolume, claim: &PersistentVolumeClaim) -> bool {
    let of = |mode: &Name| if mode.is_empty() { "Filesystem".into() } else { mode.clone() };
    of(&volume.spec.volume_mode) != of(&claim.spec.volume_mode)
}

/// Whether a volume can be mounted in all ways that a claim asks for.
///
/// Source: kubernetes v1.36 staging/src/k8s.io/component-helpers/storage/volume/pv_helpers.go,
/// `CheckAccessModes`
pub fn has_modes(volume: &PersistentVolume, claim: &PersistentVolumeClaim) -> bool {
    claim.spec.access_modes.iter().all(|mode| volume.allows(mode))
}

/// The volume for a claim: the one that is meant for it, else the smallest that is large enough
/// and right in all other ways.
///
/// Of free volumes of 5, 10 and 20 GiB a claim of 8 GiB gets the one of 10.
///
/// Source: kubernetes v1.36 staging/src/k8s.io/component-helpers/storage/volume/pv_helpers.go,
/// `FindMatchingVolume`
///
/// Differs: attributes classes of volumes are not looked at.
pub fn find<'a>(
    claim: &PersistentVolumeClaim,
    volumes: impl Iterator<Item = &'a Arc<PersistentVolume>>,
    taken: &[Name],
    seeker: Seeker<'_>,
) -> Option<&'a Arc<PersistentVolume>> {
    let request = claim.request();
    let selector = selector_of(claim)?;
    let mut smallest: Option<&'a Arc<PersistentVolume>> = None;
    for volume in volumes {
        let meant = is_meant_for(volume, claim);
        let is_out = taken.contains(&volume.meta.name)
            || volume.spec.claim_ref.is_some() && !meant
            || volume.capacity() < request
            || modes_differ(volume, claim)
            || volume.meta.is_deleting();
        if is_out {
            continue;
        }
        let reaches = match seeker {
            Seeker::Scheduler(node) => volume.is_reachable_from(node),
            Seeker::Binder { .. } => true,
        };
        if meant {
            return reaches.then_some(volume);
        }
        let is_left = matches!(seeker, Seeker::Binder { waits: true });
        let is_right = !is_left
            && reaches
            && volume.status.phase == "Available"
            && selector.matches(&volume.meta.labels)
            && volume.class() == claim.class()
            && (matches!(seeker, Seeker::Binder { .. }) || has_modes(volume, claim));
        if is_right && smallest.is_none_or(|s| s.capacity() > volume.capacity()) {
            smallest = Some(volume);
        }
    }
    smallest
}

/// What the labels of the volume must be; none when nothing can match.
fn selector_of(claim: &PersistentVolumeClaim) -> Option<Selector> {
    match &claim.spec.selector {
        None => Some(Selector::EVERYTHING),
        Some(selector) => LabelSelector::to_selector(Some(selector)).ok(),
    }
}

/// The volume as it is when it is meant for the claim; none when it is so already.
///
/// Source: kubernetes v1.36 staging/src/k8s.io/component-helpers/storage/volume/pv_helpers.go,
/// `GetBindVolumeToClaim`
pub fn meant_for(
    volume: &Arc<PersistentVolume>,
    claim: &Arc<PersistentVolumeClaim>,
) -> Option<PersistentVolume> {
    let of = volume.spec.claim_ref.as_ref();
    let is_named = of.is_some_and(|of| {
        (&of.name, &of.namespace, of.uid)
            == (&claim.meta.name, &claim.meta.namespace, claim.meta.uid)
    });
    let by_controller =
        !is_meant_for(volume, claim) && !volume.meta.annotations.has(BOUND_BY_CONTROLLER);
    if is_named && !by_controller {
        return None;
    }
    let mut new = PersistentVolume::clone(volume);
    if !is_named {
        Arc::make_mut(&mut new.spec).claim_ref = Some(Arc::new(reference(claim)));
    }
    if by_controller {
        new.meta.annotations = new.meta.annotations.with(BOUND_BY_CONTROLLER, "yes");
    }
    Some(new)
}

/// How a volume names its claim.
pub fn reference(claim: &Arc<PersistentVolumeClaim>) -> ObjectReference {
    let object = PersistentVolumeClaim::into_object(claim.clone());
    let mut reference = ObjectReference::clone(&Object::reference(&object));
    reference.resource_version = smol_str::format_smolstr!("{}", claim.meta.resource_version);
    reference
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::object::Kind;
    use serde_json::{Value, json};

    fn volume(name: &str, size: &str, more: &Value) -> Arc<PersistentVolume> {
        let mut spec = json!({
            "capacity": {"storage": size}, "accessModes": ["ReadWriteOnce"],
            "storageClassName": "fast",
        });
        for (key, value) in more.as_object().into_iter().flatten() {
            spec[key] = value.clone();
        }
        let value =
            json!({"metadata": {"name": name}, "spec": spec, "status": {"phase": "Available"}});
        let object = Object::from_value(Kind::PERSISTENT_VOLUME, value).expect("a volume");
        object.as_a::<PersistentVolume>().expect("a volume").clone()
    }

    fn found(volumes: &[Arc<PersistentVolume>], seeker: Seeker<'_>) -> Option<Name> {
        let value = json!({
            "metadata": {"name": "data", "namespace": "a", "uid": "u"},
            "spec": {
                "accessModes": ["ReadWriteOnce"], "storageClassName": "fast",
                "resources": {"requests": {"storage": "8Gi"}},
            },
        });
        let object = Object::from_value(Kind::PERSISTENT_VOLUME_CLAIM, value).expect("a claim");
        let claim = object.as_a::<PersistentVolumeClaim>().expect("a claim");
        find(claim, volumes.iter(), &[], seeker).map(|v| v.meta.name.clone())
    }

    #[test]
    fn the_smallest_that_is_large_enough_is_taken_unless_one_is_meant_for_the_claim() {
        let none = json!({});
        let mut all = vec![volume("20", "20Gi", &none), volume("5", "5Gi", &none)];
        all.push(volume("10", "10Gi", &none));
        all.push(volume("9", "9Gi", &json!({"storageClassName": "slow"})));
        let binder = Seeker::Binder { waits: false };
        assert_eq!(found(&all, binder).as_deref(), Some("10"));
        assert_eq!(found(&all, Seeker::Binder { waits: true }), None);
        let own = json!({"claimRef": {"name": "data", "namespace": "a"}});
        all.push(volume("50", "50Gi", &own));
        assert_eq!(found(&all, binder).as_deref(), Some("50"));
        assert_eq!(found(&all, Seeker::Binder { waits: true }).as_deref(), Some("50"));
    }
}
