//! The store: one revision counter, versions by key, and the history of changes.
//!
//! Pure: it knows no clock and sends nothing.

use std::cmp::Ordering;
use std::collections::{BTreeMap, VecDeque};

use crate::api::Name;
use crate::api::message::{Condition, StoreChange};
use crate::api::object::{Kind, Object, ObjectKey};
use crate::api::table::ObjectTable;

/// Keys and their newest versions, and every change since the last compaction.
#[derive(Clone)]
pub struct Store {
    revision: u64,
    compacted: u64,
    history: VecDeque<StoreChange>,
    /// By the number of the kind.
    tables: Vec<ObjectTable>,
    /// By the number of the kind: how often its table was changed.
    touched: Vec<u64>,
    size: usize,
}

/// Why a revision cannot be read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Unreadable {
    /// It was compacted away.
    Compacted,
    /// It does not exist yet.
    Future,
}

impl Default for Store {
    fn default() -> Self {
        Store::starting_at(1)
    }
}

impl Store {
    /// An empty store whose present revision is `revision`.
    pub fn starting_at(revision: u64) -> Store {
        Store {
            revision,
            compacted: 0,
            history: VecDeque::new(),
            tables: Vec::new(),
            touched: Vec::new(),
            size: 0,
        }
    }

    /// The revision of the last change.
    pub fn revision(&self) -> u64 {
        self.revision
    }

    /// The revision up to which the history is gone.
    pub fn compacted(&self) -> u64 {
        self.compacted
    }

    /// How many keys there are.
    pub fn len(&self) -> usize {
        self.size
    }

    /// Whether there is no key.
    pub fn is_empty(&self) -> bool {
        self.size == 0
    }

    fn table_mut(&mut self, kind: Kind) -> &mut ObjectTable {
        let place = usize::from(kind.0);
        if self.tables.len() <= place {
            self.tables.resize_with(place + 1, ObjectTable::default);
        }
        if self.touched.len() <= place {
            self.touched.resize(place + 1, 0);
        }
        self.touched[place] += 1;
        &mut self.tables[place]
    }

    /// How often the objects of a kind were changed: as long as it stays, they are the same.
    pub fn touched(&self, kind: Kind) -> u64 {
        self.touched.get(usize::from(kind.0)).copied().unwrap_or(0)
    }

    /// The newest version of a key.
    pub fn get(&self, key: &ObjectKey) -> Option<&Object> {
        self.tables.get(usize::from(key.kind.0))?.get(&key.namespace, &key.name)
    }

    /// Writes a key (or deletes it, without `put`) if the condition holds. The version that is
    /// stored carries the new revision.
    ///
    /// # Errors
    /// The version that there is, when the condition does not hold.
    pub fn commit(
        &mut self,
        key: &ObjectKey,
        condition: Condition,
        put: Option<Object>,
        cause: u64,
    ) -> Result<StoreChange, Option<Object>> {
        let old = self.get(key).cloned();
        let holds = match condition {
            Condition::Absent => old.is_none(),
            Condition::Unchanged(revision) => {
                old.as_ref().is_some_and(|o| o.meta().resource_version == revision)
            }
        };
        if !holds || (old.is_none() && put.is_none()) {
            return Err(old);
        }
        self.revision += 1;
        let deleted = put.is_none();
        let mut object = put.or_else(|| old.clone()).expect("a deleted key was there");
        object.meta_mut().resource_version = self.revision;
        debug_assert!(object.meta().name == key.name, "an object lies under its own key");
        let table = self.table_mut(key.kind);
        if deleted {
            table.remove(&key.namespace, &key.name);
            self.size -= 1;
        } else {
            table.put(object.clone());
            self.size += usize::from(old.is_none());
        }
        let change = StoreChange { revision: self.revision, cause, old, object, deleted };
        self.history.push_back(change.clone());
        Ok(change)
    }

    /// A revision without a change of any key, as another writer's transaction leaves it.
    pub fn advance(&mut self) {
        self.revision += 1;
    }

    /// The changes after a revision, in order.
    ///
    /// # Errors
    /// When they were compacted away, or the revision does not exist yet.
    pub fn changes_after(
        &self,
        revision: u64,
    ) -> Result<impl Iterator<Item = &StoreChange>, Unreadable> {
        if revision > self.revision {
            return Err(Unreadable::Future);
        }
        if revision < self.compacted {
            return Err(Unreadable::Compacted);
        }
        let first = self.history.partition_point(|c| c.revision <= revision);
        Ok(self.history.iter().skip(first))
    }

    /// Forgets the oldest changes beyond a number.
    pub fn remember_at_most(&mut self, most: usize) {
        while self.history.len() > most {
            if let Some(gone) = self.history.pop_front() {
                self.compacted = self.compacted.max(gone.revision);
            }
        }
    }

    /// Forgets the history up to a revision.
    pub fn compact(&mut self, revision: u64) {
        self.compacted = self.compacted.max(revision.min(self.revision));
        while self.history.front().is_some_and(|c| c.revision <= self.compacted) {
            self.history.pop_front();
        }
    }

    /// Goes back to a revision, as a restored backup does: what came after has never been.
    ///
    /// # Errors
    /// When that revision was compacted away, or does not exist yet.
    pub fn restore(&mut self, revision: u64) -> Result<(), Unreadable> {
        let kinds = self.kinds().map(|kind| self.list_at(kind, revision));
        let all: Vec<Vec<Object>> = kinds.collect::<Result<_, _>>()?;
        self.tables.clear();
        self.touched.iter_mut().for_each(|times| *times += 1);
        self.size = 0;
        for object in all.into_iter().flatten() {
            self.size += 1;
            self.table_mut(object.kind()).put(object);
        }
        while self.history.back().is_some_and(|c| c.revision > revision) {
            self.history.pop_back();
        }
        self.revision = revision;
        Ok(())
    }

    /// All objects of a kind in the order of their keys, as they were at a revision.
    ///
    /// # Errors
    /// When that revision was compacted away, or does not exist yet.
    pub fn list_at(&self, kind: Kind, revision: u64) -> Result<Vec<Object>, Unreadable> {
        if revision > self.revision {
            return Err(Unreadable::Future);
        }
        if revision < self.compacted {
            return Err(Unreadable::Compacted);
        }
        let first = self.history.partition_point(|c| c.revision <= revision);
        let since = self.history.range(first..).filter(|c| c.object.kind() == kind);
        Ok(rewind(self.list(kind), since))
    }

    /// The kinds of which there are or were objects.
    pub fn kinds(&self) -> impl Iterator<Item = Kind> + use<> {
        (0..self.tables.len()).filter_map(|n| u16::try_from(n).ok()).map(Kind)
    }

    /// All objects of a kind in no particular order, the same in every run: a scan of that kind.
    pub fn iter(&self, kind: Kind) -> impl Iterator<Item = &Object> {
        let table = self.tables.get(usize::from(kind.0));
        table.into_iter().flat_map(ObjectTable::iter)
    }

    /// All objects of a kind in the order of their keys, as they are: a scan of that kind.
    pub fn list(&self, kind: Kind) -> Vec<Object> {
        let table = self.tables.get(usize::from(kind.0));
        let mut all: Vec<Object> = table.iter().flat_map(|t| t.iter().cloned()).collect();
        all.sort_by(by_key);
        all
    }
}

/// The objects of a kind as they were before changes that are given in order, in the order of
/// their keys.
pub fn rewind<'a>(
    mut present: Vec<Object>,
    since: impl Iterator<Item = &'a StoreChange>,
) -> Vec<Object> {
    let mut before: BTreeMap<(Name, Name), Option<&Object>> = BTreeMap::new();
    for change in since {
        let meta = change.object.meta();
        let name = (meta.namespace.clone(), meta.name.clone());
        before.entry(name).or_insert(change.old.as_ref());
    }
    if before.is_empty() {
        return present;
    }
    present.retain(|o| {
        let meta = o.meta();
        !before.contains_key(&(meta.namespace.clone(), meta.name.clone()))
    });
    present.extend(before.into_values().flatten().cloned());
    present.sort_by(by_key);
    present
}

/// The order of objects of one kind in etcd: by the bytes of `namespace/name`, in which
/// `prod-eu/a` stands before `prod/a`.
pub fn by_key(a: &Object, b: &Object) -> Ordering {
    let (a, b) = (a.meta(), b.meta());
    if a.namespace == b.namespace {
        return a.name.cmp(&b.name);
    }
    let (a, b) = (a.namespace.bytes().chain([b'/']), b.namespace.bytes().chain([b'/']));
    a.cmp(b)
}

#[cfg(test)]
#[path = "store_tests.rs"]
mod tests;
