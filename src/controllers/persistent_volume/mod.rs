//! The binder of volumes: which claim gets which volume, and what becomes of both.
//!
//! Responsible for bindings, phases and the end of volumes; who makes volumes, attaches and mounts
//! them is others' business. It never takes a volume that another claim has, and a claim that has
//! lost its volume stays lost.

mod bind;
mod claim;
#[cfg(test)]
mod tests;
mod volume;
mod why;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::api::Name;
use crate::api::core::persistent_volume::PersistentVolume;
use crate::api::core::persistent_volume_claim::PersistentVolumeClaim;
use crate::api::object::{Kind, Object, ObjectKey, Resource};
use crate::api::refusal::{Reason, Refusal};
use crate::api::request::{Answer, Verb};
use crate::api::storage::storage_class::{StorageClass, default_class};
use crate::api::time::Time;
use crate::client::plan::{Plan, Recovery, Settled, Write};
use crate::client::reconciler::{Keys, Observed, Reconciler, Settings, Watch};
use crate::client::view::View;
use crate::sim::time::SimDuration;

use volume::Recheck;

/// How often everything is looked at that is not settled.
///
/// Source: kubernetes v1.36 pkg/controller/volume/persistentvolume/config/v1alpha1/defaults.go,
/// `RecommendedDefaultPersistentVolumeBinderControllerConfiguration`; cmd/kube-controller-manager,
/// `--pvclaimbinder-sync-period`
const RESYNC: SimDuration = SimDuration::secs(15);

/// The binder.
#[derive(Clone, Default)]
pub struct VolumeBinder {
    /// Objects that were written and that the caches may not show yet.
    ///
    /// Source: kubernetes v1.36 pkg/controller/volume/persistentvolume/pv_controller_base.go,
    /// `storeObjectUpdate`
    fresh: BTreeMap<ObjectKey, Object>,
    /// Volumes that no claim has, by class.
    free: BTreeMap<Name, BTreeSet<Name>>,
    /// Volumes that are meant for a claim of this namespace and name.
    meant: BTreeMap<(Name, Name), BTreeSet<Name>>,
}

/// What the binder knows: its caches, and what it has just written.
#[derive(Clone, Copy)]
struct Look<'a> {
    view: View<'a>,
    binder: &'a VolumeBinder,
}

impl Look<'_> {
    fn object<T: Resource>(&self, key: &ObjectKey) -> Option<Arc<T>> {
        let seen = self.view.object(key);
        let own = self.binder.fresh.get(key);
        let newer = own.filter(|own| {
            seen.is_some_and(|seen| seen.meta().resource_version < own.meta().resource_version)
        });
        newer.or(seen).and_then(T::of).cloned()
    }

    fn volume(&self, name: &str) -> Option<Arc<PersistentVolume>> {
        self.object(&ObjectKey::new(Kind::PERSISTENT_VOLUME, "", name))
    }

    fn claim(&self, namespace: &str, name: &str) -> Option<Arc<PersistentVolumeClaim>> {
        self.object(&ObjectKey::new(Kind::PERSISTENT_VOLUME_CLAIM, namespace, name))
    }

    fn class(&self, name: &str) -> Option<&Arc<StorageClass>> {
        self.view.get("", name)
    }

    /// The class of claims that name none. A scan, bounded by the classes.
    fn default_class(&self) -> Option<&Arc<StorageClass>> {
        default_class(self.view.all())
    }

    /// The volumes that a claim may get: those of its class that are free, and those that are meant
    /// for it.
    fn candidates(&self, claim: &PersistentVolumeClaim) -> Vec<Arc<PersistentVolume>> {
        let own = (claim.meta.namespace.clone(), claim.meta.name.clone());
        let meant = self.binder.meant.get(&own).into_iter().flatten();
        let free = self.binder.free.get(claim.class()).into_iter().flatten();
        let names: BTreeSet<&Name> = meant.chain(free).collect();
        names.into_iter().filter_map(|name| self.volume(name)).collect()
    }
}

impl VolumeBinder {
    /// Keeps the lists of volumes.
    fn list(&mut self, volume: &PersistentVolume, is_there: bool) {
        fn change<K: Ord>(map: &mut BTreeMap<K, BTreeSet<Name>>, key: K, name: &Name, add: bool) {
            let set = map.entry(key).or_default();
            if add {
                set.insert(name.clone())
            } else {
                set.remove(name)
            };
        }
        let name = &volume.meta.name;
        match &volume.spec.claim_ref {
            None => change(&mut self.free, volume.class().clone(), name, is_there),
            Some(of) => {
                let key = (of.namespace.clone(), of.name.clone());
                change(&mut self.meant, key, name, is_there);
            }
        }
    }

    fn look<'a>(&'a self, view: View<'a>) -> Look<'a> {
        Look { view, binder: self }
    }
}

/// From now to the next look at everything.
fn to_next_beat(now: Time) -> SimDuration {
    let span = now.since_1970();
    SimDuration(RESYNC.0 - span.0 % RESYNC.0)
}

/// A claim that came, changed or went; one that went sets its volume free.
///
/// Source: kubernetes v1.36 pkg/controller/volume/persistentvolume/pv_controller_base.go,
/// `updateClaim`, `deleteClaim`
fn claim_keys(change: &Observed<'_>, _: View<'_>, out: &mut Keys) {
    let Object::PersistentVolumeClaim(claim) = change.latest() else { return };
    let is_other = change
        .new
        .is_some_and(|new| change.old.is_some_and(|old| old.meta().uid != new.meta().uid));
    if change.new.is_some() {
        out.add(change.latest().key());
    }
    let old = change.old.and_then(PersistentVolumeClaim::of);
    let volume = if change.new.is_none() { Some(claim) } else { old.filter(|_| is_other) };
    if let Some(volume) = volume.map(|c| &c.spec.volume_name).filter(|name| !name.is_empty()) {
        out.add(ObjectKey::new(Kind::PERSISTENT_VOLUME, "", volume));
    }
}

/// A volume that came, changed or went, and its claim. Claims that wait for any volume see one that
/// has become free at the next look at everything.
///
/// Source: kubernetes v1.36 pkg/controller/volume/persistentvolume/pv_controller_base.go,
/// `updateVolume`, `deleteVolume`
fn volume_keys(change: &Observed<'_>, view: View<'_>, out: &mut Keys) {
    let Object::PersistentVolume(volume) = change.latest() else { return };
    if change.new.is_some() {
        out.add(change.latest().key());
    }
    if let Some(of) = &volume.spec.claim_ref {
        let claim = view.get::<PersistentVolumeClaim>(&of.namespace, &of.name);
        let concerns = |c: &Arc<PersistentVolumeClaim>| {
            change.new.is_none() || c.spec.volume_name.is_empty() || !claim::is_settled(c)
        };
        if claim.is_some_and(concerns) {
            out.add(ObjectKey::new(Kind::PERSISTENT_VOLUME_CLAIM, &of.namespace, &of.name));
        }
        return;
    }
    let was = change.old.and_then(PersistentVolume::of);
    let is_new = was.is_none_or(|old| old.status.phase != "Available");
    if change.new.is_some() && is_new && volume.status.phase == "Available" {
        waiting_claims(view, volume.class(), out);
    }
}

/// Claims that wait without a volume of their own, of a class. A scan, bounded by the claims, at
/// each change of a free volume or a class: both are made by hand.
fn waiting_claims(view: View<'_>, class: &Name, out: &mut Keys) {
    let waits = |c: &&Arc<PersistentVolumeClaim>| {
        c.spec.volume_name.is_empty() && (c.class() == class || !c.has_class())
    };
    let waiting = view.all::<PersistentVolumeClaim>().filter(waits);
    let mut keys: Vec<ObjectKey> =
        waiting.map(|c| PersistentVolumeClaim::into_object(c.clone()).key()).collect();
    keys.sort();
    let delay = to_next_beat(view.now());
    keys.into_iter().for_each(|key| out.add_after(key, delay));
}

fn class_keys(change: &Observed<'_>, view: View<'_>, out: &mut Keys) {
    if change.new.is_some() && !view.cache(Kind::PERSISTENT_VOLUME_CLAIM).is_empty() {
        waiting_claims(view, &change.latest().meta().name, out);
    }
}

fn no_keys(_: &Observed<'_>, _: View<'_>, _: &mut Keys) {}

impl Reconciler for VolumeBinder {
    fn name(&self) -> &'static str {
        "persistent-volume-binder"
    }

    fn event_source(&self) -> &'static str {
        "persistentvolume-controller"
    }

    fn watches(&self) -> &'static [Watch] {
        const WATCHES: &[Watch] = &[
            Watch { kind: Kind::PERSISTENT_VOLUME, keys: volume_keys },
            Watch { kind: Kind::PERSISTENT_VOLUME_CLAIM, keys: claim_keys },
            Watch { kind: Kind::STORAGE_CLASS, keys: class_keys },
            Watch { kind: Kind::POD, keys: no_keys },
        ];
        WATCHES
    }

    /// Two loops, one of claims and one of volumes, each with one worker.
    ///
    /// Source: kubernetes v1.36 pkg/controller/volume/persistentvolume/pv_controller_base.go, `Run`
    fn settings(&self) -> Settings {
        Settings { workers: 2, ..Settings::default() }
    }

    fn observe(&mut self, change: &Observed<'_>, _: View<'_>) {
        if let Some(Object::PersistentVolume(old)) = change.old {
            self.list(old, false);
        }
        if let Some(Object::PersistentVolume(new)) = change.new {
            self.list(new, true);
        }
        let latest = change.latest();
        if matches!(latest, Object::PersistentVolume(_) | Object::PersistentVolumeClaim(_)) {
            let key = latest.key();
            let seen = latest.meta().resource_version;
            let own = self.fresh.get(&key).map(|own| own.meta().resource_version);
            if change.new.is_none() || own.is_some_and(|own| own <= seen) {
                self.fresh.remove(&key);
            }
        }
    }

    fn answered(&mut self, _: &ObjectKey, write: &Write, answer: &Answer) {
        if let (Verb::Update { .. }, Answer::Object(object)) = (&write.verb, answer) {
            self.fresh.insert(object.key(), object.clone());
        }
    }

    fn reconcile(&mut self, key: &ObjectKey, view: View<'_>) -> Plan {
        let (look, now) = (self.look(view), view.now());
        let mut plan = Plan::nothing();
        let mut is_open = false;
        if key.kind == Kind::PERSISTENT_VOLUME {
            if let Some(volume) = look.volume(&key.name) {
                plan = volume::sync(&volume, look, Recheck::NotYet, now);
                is_open = !plan.steps.is_empty();
            }
        } else if let Some(claim) = look.claim(&key.namespace, &key.name) {
            plan = claim::sync(&claim, look, now);
            is_open = !plan.steps.is_empty() || !claim::is_settled(&claim);
        }
        if is_open && !plan.resumes {
            (plan.look_again, plan.housekeeping) = (Some(to_next_beat(now)), true);
        }
        plan
    }

    /// The claim of a volume was read anew: one that is there after all is not gone.
    fn resume(&mut self, key: &ObjectKey, settled: Vec<Settled>, view: View<'_>) -> Plan {
        let look = self.look(view);
        let Some(volume) = look.volume(&key.name) else { return Plan::nothing() };
        let of = volume.spec.claim_ref.clone().unwrap_or_default();
        let lives = settled.iter().any(|one| match &one.answer {
            Answer::Object(object) => object.meta().uid == of.uid,
            Answer::Refused(refusal) => refusal.reason != Reason::NotFound,
            Answer::Deleted(_) | Answer::Done | Answer::List(_) | Answer::Watching => false,
        });
        if lives {
            return Plan::nothing();
        }
        volume::sync(&volume, look, Recheck::Gone, view.now())
    }

    /// Nothing is tried again by itself: who was first tells of it by a change, and all that is not
    /// settled is looked at every 15 s.
    ///
    /// Source: kubernetes v1.36 pkg/controller/volume/persistentvolume/pv_controller_base.go,
    /// `updateClaim`, `updateVolume`
    fn recover(&mut self, write: &Write, _: &Refusal) -> Recovery {
        if matches!(write.verb, Verb::Get(_)) { Recovery::GoOn } else { Recovery::GiveUp }
    }

    fn boxed_clone(&self) -> Box<dyn Reconciler> {
        Box::new(self.clone())
    }
}
