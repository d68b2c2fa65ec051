//! The writes by which a volume and a claim come to belong to each other, and their phases.

use std::sync::Arc;

use super::why::BindWhy;
use crate::api::Name;
use crate::api::core::persistent_volume::{BOUND_BY_CONTROLLER, PersistentVolume};
use crate::api::core::persistent_volume_claim::{BIND_COMPLETED, PersistentVolumeClaim};
use crate::api::object::{Object, Resource};
use crate::api::storage::matching;
use crate::api::time::Time;
use crate::client::plan::{Plan, Write};

/// The writes of one plan. A later write to an object builds on the earlier one.
pub(super) struct Binder {
    pub(super) plan: Plan,
    pub(super) now: Time,
}

impl Binder {
    pub(super) fn at(now: Time) -> Binder {
        Binder { plan: Plan::nothing(), now }
    }

    /// Binds a volume and a claim to each other, from both sides: up to four writes, of which those
    /// are left out that would change nothing.
    ///
    /// Source: kubernetes v1.36 pkg/controller/volume/persistentvolume/pv_controller.go, `bind`
    pub(super) fn bind(
        &mut self,
        volume: &Arc<PersistentVolume>,
        claim: &Arc<PersistentVolumeClaim>,
    ) {
        let mut own = volume.clone();
        if let Some(meant) = matching::meant_for(volume, claim) {
            let names = (meant.meta.name.clone(), claim.meta.name.clone());
            own = self.update(meant, BindWhy::Meant { volume: names.0, claim: names.1 });
        }
        self.volume_phase(&own, "Bound");
        let own = self.bind_claim(claim, volume);
        self.claim_phase(&own, "Bound", Some(volume));
    }

    /// Source: kubernetes v1.36 pkg/controller/volume/persistentvolume/pv_controller.go,
    /// `bindClaimToVolume`
    fn bind_claim(
        &mut self,
        claim: &Arc<PersistentVolumeClaim>,
        volume: &Arc<PersistentVolume>,
    ) -> Arc<PersistentVolumeClaim> {
        let mut new = PersistentVolumeClaim::clone(claim);
        let mut annotations = new.meta.annotations.clone();
        if new.spec.volume_name != volume.meta.name {
            Arc::make_mut(&mut new.spec).volume_name = volume.meta.name.clone();
            if !annotations.has(BOUND_BY_CONTROLLER) {
                annotations = annotations.with(BOUND_BY_CONTROLLER, "yes");
            }
        }
        if !annotations.has(BIND_COMPLETED) {
            annotations = annotations.with(BIND_COMPLETED, "yes");
        }
        new.meta.annotations = annotations;
        if new == **claim {
            return claim.clone();
        }
        self.update(new, BindWhy::Claimed { volume: volume.meta.name.clone() })
    }

    /// Writes an object, and gives it as the next write of the plan has to have it.
    pub(super) fn update<T: Resource>(&mut self, object: T, why: BindWhy) -> Arc<T> {
        let object = Arc::new(object);
        self.plan.push(Write::update(T::into_object(object.clone()), why));
        let mut next = T::clone(&object);
        next.meta_mut().resource_version = 0;
        Arc::new(next)
    }

    fn update_status<T: Resource>(&mut self, object: T, phase: &'static str) -> Arc<T> {
        let object = Arc::new(object);
        let why = BindWhy::Phase { phase };
        self.plan.push(Write::update_status(T::into_object(object.clone()), why));
        let mut next = T::clone(&object);
        next.meta_mut().resource_version = 0;
        Arc::new(next)
    }

    /// Source: kubernetes v1.36 pkg/controller/volume/persistentvolume/pv_controller.go,
    /// `updateVolumePhase`
    pub(super) fn volume_phase(&mut self, volume: &Arc<PersistentVolume>, phase: &'static str) {
        self.volume_phase_because(volume, phase, "");
    }

    /// The same with a sentence.
    pub(super) fn volume_phase_because(
        &mut self,
        volume: &Arc<PersistentVolume>,
        phase: &'static str,
        message: &str,
    ) {
        if volume.status.phase == phase {
            return;
        }
        let mut new = PersistentVolume::clone(volume);
        new.status.phase = Name::new_static(phase);
        new.status.message = message.into();
        new.status.last_phase_transition_time = Some(self.now.whole_seconds());
        self.update_status(new, phase);
    }

    /// Source: kubernetes v1.36 pkg/controller/volume/persistentvolume/pv_controller.go,
    /// `updateClaimStatus`
    pub(super) fn claim_phase(
        &mut self,
        claim: &Arc<PersistentVolumeClaim>,
        phase: &'static str,
        volume: Option<&Arc<PersistentVolume>>,
    ) {
        let mut new = PersistentVolumeClaim::clone(claim);
        new.status.phase = Name::new_static(phase);
        match volume {
            None => {
                new.status.access_modes.clear();
                new.status.capacity.clear();
            }
            Some(volume) => {
                new.status.access_modes.clone_from(&volume.spec.access_modes);
                // What was bound keeps the capacity that it was told: growing is not the binder's.
                if claim.status.phase != "Bound" || claim.status.capacity.is_empty() {
                    new.status.capacity.clone_from(&volume.spec.capacity);
                }
            }
        }
        if new.status != claim.status {
            self.update_status(new, phase);
        }
    }

    /// Lets a volume go that the binder had meant for a claim; one that a person has meant for it
    /// stays so, for whatever claim has the name next.
    ///
    /// Source: kubernetes v1.36 pkg/controller/volume/persistentvolume/pv_controller.go,
    /// `unbindVolume`
    pub(super) fn unbind(&mut self, volume: &Arc<PersistentVolume>) {
        let mut new = PersistentVolume::clone(volume);
        let of = volume.spec.claim_ref.clone().unwrap_or_default();
        let spec = Arc::make_mut(&mut new.spec);
        if volume.meta.annotations.has(BOUND_BY_CONTROLLER) {
            spec.claim_ref = None;
            new.meta.annotations = new.meta.annotations.without(BOUND_BY_CONTROLLER);
        } else if let Some(own) = &mut spec.claim_ref {
            let own = Arc::make_mut(own);
            own.uid = crate::api::meta::Uid::NONE;
            own.resource_version = Name::default();
        }
        let own = self.update(new, BindWhy::Unbound { claim: of.name.clone() });
        self.volume_phase(&own, "Available");
    }

    /// Tells something of an object.
    pub(super) fn tell(
        &mut self,
        about: &Object,
        (warning, reason): (bool, &'static str),
        message: impl Into<Arc<str>>,
    ) {
        let (about, message) = (about.reference(), message.into());
        let note = crate::api::request::EventNote { about, warning, reason, message };
        self.plan.events.push(note);
    }
}
