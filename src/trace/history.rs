//! The objects of a run at any instant, and the versions of each.
//!
//! Responsible for finding versions by key and time. Versions are shared with the log, never
//! copied.

use std::collections::BTreeMap;

use crate::api::message::StoreChange;
use crate::api::note::Note;
use crate::api::object::{Kind, Object, ObjectKey};
use crate::cluster::Cluster;
use crate::etcd::store::Store;
use crate::sim::log::Log;
use crate::sim::time::SimTime;

/// One version of an object.
#[derive(Clone, PartialEq, Debug)]
pub struct Revision {
    /// When it was written.
    pub time: SimTime,
    /// By which turn; 0 for what was there when the run began.
    pub turn: u64,
    /// The object, or its last version when it was deleted.
    pub object: Object,
    /// Whether the object is gone with it.
    pub deleted: bool,
}

/// All versions of all objects of a run, in the order of their writing.
#[derive(Clone, Debug, Default)]
pub struct History {
    versions: BTreeMap<ObjectKey, Vec<Revision>>,
}

impl History {
    /// The history of a run: what was there at the beginning, and what the log tells.
    pub fn new(beginning: &[Object], log: &Log<Note>) -> History {
        let mut history = History::default();
        for object in beginning {
            history.add(SimTime::ZERO, 0, object.clone(), false);
        }
        for record in log.iter() {
            if let Note::Write(write) = &record.note {
                let change = &write.change;
                history.add(record.time, record.turn, change.object.clone(), change.deleted);
            }
        }
        history
    }

    /// The history of what a cluster has run so far.
    pub fn of(cluster: &Cluster) -> History {
        History::new(&beginning(cluster.store(), cluster.engine.log()), cluster.engine.log())
    }

    fn add(&mut self, time: SimTime, turn: u64, object: Object, deleted: bool) {
        let revision = Revision { time, turn, object, deleted };
        self.versions.entry(revision.object.key()).or_default().push(revision);
    }

    /// The keys of all objects that ever were, in order.
    pub fn keys(&self) -> impl Iterator<Item = &ObjectKey> {
        self.versions.keys()
    }

    /// The versions of one object, oldest first; empty when it never was.
    pub fn revisions(&self, key: &ObjectKey) -> &[Revision] {
        self.versions.get(key).map_or(&[], Vec::as_slice)
    }

    /// One object as it was at an instant.
    pub fn get(&self, key: &ObjectKey, at: SimTime) -> Option<&Object> {
        last(self.revisions(key), at)
    }

    /// All objects that were there at an instant, by key.
    pub fn at(&self, at: SimTime) -> impl Iterator<Item = &Object> {
        self.versions.values().filter_map(move |versions| last(versions, at))
    }

    /// All objects of a kind that were there at an instant, by namespace and name.
    pub fn list(&self, kind: Kind, at: SimTime) -> impl Iterator<Item = &Object> {
        let from = ObjectKey::new(kind, "", "");
        let of_kind = self.versions.range(from..).take_while(move |(key, _)| key.kind == kind);
        of_kind.filter_map(move |(_, versions)| last(versions, at))
    }
}

/// The last version at or before an instant, unless it was deleted by then.
fn last(versions: &[Revision], at: SimTime) -> Option<&Object> {
    let n = versions.partition_point(|v| v.time <= at);
    versions[..n].last().filter(|v| !v.deleted).map(|v| &v.object)
}

/// What was there when the run began, in the order of its revisions: versions that the log shows
/// as the ones before its first changes, and what no change has touched.
pub fn beginning(store: &Store, log: &Log<Note>) -> Vec<Object> {
    let mut first: BTreeMap<ObjectKey, Option<Object>> = BTreeMap::new();
    for record in log.iter() {
        if let Note::Write(write) = &record.note {
            let StoreChange { old, object, .. } = &write.change;
            first.entry(object.key()).or_insert_with(|| old.clone());
        }
    }
    let untouched = store.kinds().flat_map(|kind| store.list(kind));
    for object in untouched {
        first.entry(object.key()).or_insert(Some(object));
    }
    let mut all: Vec<Object> = first.into_values().flatten().collect();
    all.sort_by_key(|object| object.meta().resource_version);
    all
}
