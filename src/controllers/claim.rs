//! Whom an object belongs to: what a workload adopts, keeps and lets go.
//!
//! Responsible for the decision and for the write that carries it out. It never counts what was
//! claimed, and never looks at anything but labels, owners and deletion marks.

use crate::api::edit::Edit;
use crate::api::meta::Meta;
use crate::api::object::{Kind, Object, controller_reference};
use crate::api::refusal::{Reason, Refusal};
use crate::api::request::{Patch, Verb};
use crate::api::selector::Selector;
use crate::api::why::Why;
use crate::client::plan::Write;

/// What a workload does about one object.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Claim {
    /// It is its own already.
    Keep,
    /// It is nobody's and matches: it becomes its own.
    Adopt,
    /// It is its own and does not match any more: it becomes nobody's.
    Release,
    /// It is none of its business.
    Ignore,
}

/// Why the owner of an object was changed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum ClaimWhy {
    Adopt,
    Release,
}

impl From<ClaimWhy> for Why {
    fn from(why: ClaimWhy) -> Why {
        match why {
            ClaimWhy::Adopt => Why::new("it matches the selector and belongs to nobody"),
            ClaimWhy::Release => Why::new("it does not match the selector any more"),
        }
    }
}

/// What an owner does about an object of its namespace.
///
/// An object of another owner is left alone even when it matches; an owner that is being deleted
/// takes nothing and lets nothing go.
///
/// Source: kubernetes v1.36 pkg/controller/controller_ref_manager.go,
/// `BaseControllerRefManager.ClaimObject`
pub fn claim(owner: &Meta, object: &Meta, selector: &Selector) -> Claim {
    claim_by(owner, object, || selector.matches(&object.labels))
}

/// The same for an owner that looks at more than labels.
pub fn claim_by(owner: &Meta, object: &Meta, matches: impl Fn() -> bool) -> Claim {
    match object.controller() {
        Some(holder) if holder.uid != owner.uid => Claim::Ignore,
        Some(_) if matches() => Claim::Keep,
        Some(_) if owner.is_deleting() => Claim::Ignore,
        Some(_) => Claim::Release,
        None if owner.is_deleting() || object.is_deleting() => Claim::Ignore,
        None if matches() => Claim::Adopt,
        None => Claim::Ignore,
    }
}

/// The write by which an owner adopts an object.
///
/// Differs: Kubernetes first reads the owner anew, to be sure that it is not being deleted; here
/// the cache is believed.
///
/// Source: kubernetes v1.36 pkg/controller/controller_ref_manager.go,
/// `PodControllerRefManager.AdoptPod`
pub fn adoption(kind: Kind, owner: &Meta, object: &Object) -> Write {
    let reference = Box::new(controller_reference(kind, owner));
    Write::edit(object.key(), Edit::AddOwner(reference), ClaimWhy::Adopt)
}

/// The write by which an owner lets an object go.
///
/// Source: kubernetes v1.36 pkg/controller/controller_ref_manager.go,
/// `PodControllerRefManager.ReleasePod`
pub fn release(owner: &Meta, object: &Object) -> Write {
    let uids = [owner.uid].into();
    Write::edit(object.key(), Edit::RemoveOwners(uids), ClaimWhy::Release)
}

/// Whether the refusal of such a write does not matter: the object is gone, or was let go by
/// somebody else.
pub fn refusal_is_harmless(write: &Write, refusal: &Refusal) -> bool {
    let Verb::Patch { patch: Patch::Edit(edit), .. } = &write.verb else { return false };
    let is_gone = refusal.reason == Reason::NotFound;
    let is_release = matches!(edit, Edit::RemoveOwners(_));
    is_gone || is_release && refusal.reason == Reason::Invalid
}

/// Whether an object was refused because its namespace is being deleted: more tries are in vain.
pub fn namespace_terminates(refusal: &Refusal) -> bool {
    let causes = refusal.details.iter().flat_map(|d| &d.causes);
    causes.into_iter().any(|c| c.reason == "NamespaceTerminating")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::labels::Labels;
    use crate::api::meta::Uid;
    use crate::api::time::EPOCH;

    fn meta(uid: &str, labels: &[(&'static str, &'static str)]) -> Meta {
        let labels = labels.iter().map(|(k, v)| ((*k).into(), (*v).into())).collect();
        Meta { uid: Uid::parse(uid), labels, ..Meta::named("default", uid) }
    }

    #[test]
    fn an_owner_takes_what_matches_and_is_free_and_drops_what_ceased_to_match() {
        let selector = Selector::of_labels(&Labels::from([("app", "web")]));
        let mut owner = meta("o", &[]);
        let (web, db) = (meta("p", &[("app", "web")]), meta("p", &[("app", "db")]));
        let held = |m: &Meta| {
            let mut m = m.clone();
            m.set_owners(vec![controller_reference(Kind::REPLICA_SET, &meta("o", &[]))]);
            m
        };
        let all =
            |owner: &Meta| [&web, &db, &held(&web), &held(&db)].map(|m| claim(owner, m, &selector));
        assert_eq!(all(&owner), [Claim::Adopt, Claim::Ignore, Claim::Keep, Claim::Release]);
        assert_eq!(all(&meta("x", &[]))[2..], [Claim::Ignore, Claim::Ignore]);
        owner.deletion = Some(EPOCH);
        assert_eq!(all(&owner), [Claim::Ignore, Claim::Ignore, Claim::Keep, Claim::Ignore]);
    }
}
