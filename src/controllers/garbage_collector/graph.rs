//! The graph of owners: which objects name which owner, built from what the caches show.

use std::collections::{BTreeMap, BTreeSet};

use crate::api::meta::{Meta, Uid};
use crate::api::object::{Object, ObjectKey};
use crate::controllers::garbage_collector::identity::Identity;

/// Which objects name which owner, and which owners are known to be absent.
///
/// An owner is in the graph while an object names it, whether it was ever seen or not: Kubernetes'
/// virtual nodes.
#[derive(Clone, Debug, Default)]
pub(super) struct Graph {
    /// Dependents by the owner's uid.
    dependents: BTreeMap<Uid, BTreeMap<Uid, ObjectKey>>,
    /// The uids that references to a key name.
    named: BTreeMap<ObjectKey, BTreeSet<Uid>>,
    /// Identities that were found absent, by uid.
    absent: BTreeMap<Uid, BTreeSet<Identity>>,
    /// What is absent in one namespace is so in all; not as in 1.36.
    pub(super) absent_everywhere: bool,
}

impl Graph {
    /// Takes up a change of an object. Cheap when its owners are as before.
    pub(super) fn change(&mut self, old: Option<&Object>, new: Option<&Object>) {
        let same = |a: &Meta, b: &Meta| a.uid == b.uid && a.owners() == b.owners();
        if let (Some(a), Some(b)) = (old, new)
            && same(a.meta(), b.meta())
        {
            return;
        }
        if let Some(old) = old {
            self.unlink(old);
            if new.is_none_or(|n| n.meta().uid != old.meta().uid) {
                self.gone(old);
            }
        }
        if let Some(new) = new {
            self.link(new);
        }
    }

    fn link(&mut self, object: &Object) {
        let meta = object.meta();
        for owner in meta.owners() {
            let all = self.dependents.entry(owner.uid).or_default();
            all.insert(meta.uid, object.key());
            if let Some(key) = Identity::of(owner, &meta.namespace).key() {
                self.named.entry(key).or_default().insert(owner.uid);
            }
        }
    }

    fn unlink(&mut self, object: &Object) {
        let meta = object.meta();
        for owner in meta.owners() {
            let Some(all) = self.dependents.get_mut(&owner.uid) else { continue };
            all.remove(&meta.uid);
            if !all.is_empty() {
                continue;
            }
            self.dependents.remove(&owner.uid);
            self.absent.remove(&owner.uid);
            let Some(key) = Identity::of(owner, &meta.namespace).key() else { continue };
            if let Some(uids) = self.named.get_mut(&key) {
                uids.remove(&owner.uid);
                if uids.is_empty() {
                    self.named.remove(&key);
                }
            }
        }
    }

    /// An object was seen to go: its dependents need not be asked whether it is there.
    fn gone(&mut self, object: &Object) {
        let meta = object.meta();
        if !self.dependents.contains_key(&meta.uid) {
            return;
        }
        let row = object.kind().row();
        self.set_absent(Identity {
            kind: row.name.into(),
            api_version: row.api_version(),
            namespace: meta.namespace.clone(),
            name: meta.name.clone(),
            uid: meta.uid,
        });
    }

    /// Notes that there is no object of this identity.
    pub(super) fn set_absent(&mut self, identity: Identity) {
        if self.dependents.contains_key(&identity.uid) {
            self.absent.entry(identity.uid).or_default().insert(identity);
        }
    }

    /// Whether there is known to be no object of this identity.
    pub(super) fn is_absent(&self, identity: &Identity) -> bool {
        if self.absent_everywhere {
            return self.absent.contains_key(&identity.uid);
        }
        self.absent.get(&identity.uid).is_some_and(|all| all.contains(identity))
    }

    /// The identities of a uid that are known to be absent.
    pub(super) fn absent_of(&self, uid: Uid) -> impl Iterator<Item = &Identity> {
        self.absent.get(&uid).into_iter().flatten()
    }

    /// The dependents of an owner.
    pub(super) fn dependents(&self, owner: Uid) -> impl Iterator<Item = &ObjectKey> {
        self.dependents.get(&owner).into_iter().flat_map(BTreeMap::values)
    }

    /// Whether an object has dependents.
    pub(super) fn has_dependents(&self, owner: Uid) -> bool {
        self.dependents.contains_key(&owner)
    }

    /// The uids under which references name the object of a key.
    pub(super) fn named(&self, key: &ObjectKey) -> impl Iterator<Item = Uid> {
        self.named.get(key).into_iter().flatten().copied()
    }
}
