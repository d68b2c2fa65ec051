//! S10: a ReplicaSet has no more pods than it was ever to have.
//!
//! A set that is to have 3 and was to have 5 before may have 5 for a while, and never 6. Pods that
//! are being deleted or are over do not count, nor do those that others have made. Of a creation
//! whose answer is lost the controller cannot know that it was or will be done, so each allows one
//! more.

use crate::api::apps::replica_set::ReplicaSet;
use crate::api::core::pod::Pod;
use crate::api::meta::Uid;
use crate::api::note::RefusedNote;
use crate::api::object::Object;
use crate::check::{Invariant, Look, named};
use crate::sim::index::Map;

/// For each set the most that it was to have, and how many it has.
#[derive(Clone, Default)]
pub(super) struct Overcreation {
    most: Map<Uid, i32>,
    active: Map<Uid, i32>,
    /// Creations of which nobody knows what became.
    unsure: i32,
    /// Such of which a fault has kept the answer.
    kept: u32,
}

impl Overcreation {
    /// A request was refused, or its answer was lost.
    pub(super) fn refused(&mut self, refused: &RefusedNote) {
        let unsure = matches!(refused.refusal.code, 0 | 504);
        let created = refused.verb == "create" && refused.resource == "pods";
        self.unsure += i32::from(unsure && created && refused.user == WHO);
    }

    /// Faults have kept so many answers from clients.
    pub(super) fn kept_from(&mut self, unsure_of: impl Fn(&str) -> u32) {
        self.kept = unsure_of(WHO);
    }
}

/// Who makes the pods of sets.
const WHO: &str = "replicaset-controller";

fn owner_of(object: &Object) -> Option<Uid> {
    let pod = object.as_a::<Pod>().filter(|p| p.is_active())?;
    let owner = pod.meta.controller()?;
    (owner.kind == "ReplicaSet").then_some(owner.uid)
}

impl Invariant for Overcreation {
    fn look(&mut self, look: &Look<'_>) -> Result<(), String> {
        let change = look.change;
        if let Some(set) = change.object.as_a::<ReplicaSet>() {
            let most = self.most.entry(set.meta.uid).or_default();
            *most = (*most).max(set.spec.replicas);
            return Ok(());
        }
        let before = change.old.as_ref().and_then(owner_of);
        let after = owner_of(&change.object).filter(|_| !change.deleted);
        if before == after {
            return Ok(());
        }
        if let Some(owner) = before {
            *self.active.entry(owner).or_default() -= 1;
        }
        let Some(owner) = after else { return Ok(()) };
        let active = self.active.entry(owner).or_default();
        *active += 1;
        let made = change.old.is_none() && look.origin.user == WHO;
        let Some(most) = self.most.get(&owner).filter(|_| made) else { return Ok(()) };
        let kept = i32::try_from(self.kept).unwrap_or(i32::MAX);
        if *active > most.saturating_add(self.unsure).saturating_add(kept) {
            return Err(format!(
                "{} is one too many: {active} where {most} were wanted",
                named(change)
            ));
        }
        Ok(())
    }
}
