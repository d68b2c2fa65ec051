//! The classic queue of changes between a reflector and its store.
//!
//! It keeps for each object all that has happened to it since it was last popped. It never changes
//! the store: what the store knows is handed in where it matters.
//!
//! Differs: informers of 1.36 use `RealFIFO`, which keeps every delta in the order of arrival; the
//! simulator's informers apply each change as it comes, which is the same to see.

use std::collections::{BTreeMap, VecDeque};

/// A queue of objects with, for each, the list of its deltas.
///
/// Source: kubernetes v1.36 staging/src/k8s.io/client-go/tools/cache/delta_fifo.go, `DeltaFIFO`
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DeltaFifo<K, O> {
    items: BTreeMap<K, Vec<Delta<O>>>,
    queue: VecDeque<K>,
    /// Something was put in.
    populated: bool,
    /// How many objects of the first replacement have not been popped.
    initial: usize,
}

/// One change of an object.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Delta<O> {
    /// It was added.
    Added(O),
    /// It was changed.
    Updated(O),
    /// It was deleted, in this last state.
    Deleted(O),
    /// Its deletion was missed; this is the last state that was seen.
    DeletedFinalStateUnknown(O),
    /// It is there, as a list or a resync says.
    Sync(O),
}

impl<O> Delta<O> {
    /// The object.
    pub fn object(&self) -> &O {
        match self {
            Delta::Added(o)
            | Delta::Updated(o)
            | Delta::Deleted(o)
            | Delta::DeletedFinalStateUnknown(o)
            | Delta::Sync(o) => o,
        }
    }

    fn is_deletion(&self) -> bool {
        match self {
            Delta::Deleted(_) | Delta::DeletedFinalStateUnknown(_) => true,
            Delta::Added(_) | Delta::Updated(_) | Delta::Sync(_) => false,
        }
    }
}

impl<K, O> Default for DeltaFifo<K, O> {
    fn default() -> Self {
        let (items, queue) = (BTreeMap::new(), VecDeque::new());
        DeltaFifo { items, queue, populated: false, initial: 0 }
    }
}

impl<K: Clone + Ord, O: Clone> DeltaFifo<K, O> {
    /// The object was added.
    pub fn add(&mut self, key: K, object: O) {
        self.populated = true;
        self.push(key, Delta::Added(object));
    }

    /// The object was changed.
    pub fn update(&mut self, key: K, object: O) {
        self.populated = true;
        self.push(key, Delta::Updated(object));
    }

    /// The object was deleted; one that is neither queued nor known is ignored.
    ///
    /// Source: kubernetes v1.36 staging/src/k8s.io/client-go/tools/cache/delta_fifo.go, `Delete`
    pub fn delete(&mut self, key: K, object: O, known: &BTreeMap<K, O>) {
        self.populated = true;
        if self.items.contains_key(&key) || known.contains_key(&key) {
            self.push(key, Delta::Deleted(object));
        }
    }

    /// These objects, and no others, are there: what is queued or known beyond them is deleted.
    ///
    /// Source: kubernetes v1.36 staging/src/k8s.io/client-go/tools/cache/delta_fifo.go, `Replace`
    pub fn replace(&mut self, list: BTreeMap<K, O>, known: &BTreeMap<K, O>) {
        let mut gone: Vec<(K, O)> = Vec::new();
        for (key, deltas) in self.items.iter().filter(|(k, _)| !list.contains_key(*k)) {
            let newest = deltas.last().expect("an item has deltas");
            gone.push((key.clone(), newest.object().clone()));
        }
        for (key, object) in known {
            if !list.contains_key(key) && !self.items.contains_key(key) {
                gone.push((key.clone(), object.clone()));
            }
        }
        if !self.populated {
            self.populated = true;
            self.initial = list.len() + gone.len();
        }
        for (key, object) in list {
            self.push(key, Delta::Sync(object));
        }
        for (key, object) in gone {
            self.push(key, Delta::DeletedFinalStateUnknown(object));
        }
    }

    /// Queues what is known once more, but for what is queued anyway.
    ///
    /// Source: kubernetes v1.36 staging/src/k8s.io/client-go/tools/cache/delta_fifo.go, `Resync`
    pub fn resync(&mut self, known: &BTreeMap<K, O>) {
        for (key, object) in known {
            if !self.items.contains_key(key) {
                self.push(key.clone(), Delta::Sync(object.clone()));
            }
        }
    }

    /// Takes out the object that has waited longest, with its deltas.
    ///
    /// Source: kubernetes v1.36 staging/src/k8s.io/client-go/tools/cache/delta_fifo.go, `Pop`
    pub fn pop(&mut self) -> Option<(K, Vec<Delta<O>>)> {
        let key = self.queue.pop_front()?;
        self.initial = self.initial.saturating_sub(1);
        let deltas = self.items.remove(&key).expect("what is queued is an item");
        Some((key, deltas))
    }

    /// The deltas of a queued object, oldest first.
    pub fn deltas(&self, key: &K) -> &[Delta<O>] {
        self.items.get(key).map_or(&[], Vec::as_slice)
    }

    /// The queued objects, that which has waited longest first.
    pub fn keys(&self) -> impl Iterator<Item = &K> {
        self.queue.iter()
    }

    /// Whether all objects of the first replacement have been popped, or something else came
    /// before it.
    ///
    /// Source: kubernetes v1.36 staging/src/k8s.io/client-go/tools/cache/delta_fifo.go,
    /// `hasSynced_locked`
    pub fn has_synced(&self) -> bool {
        self.populated && self.initial == 0
    }

    /// Appends a delta. Of two deletions in a row that which knows more is kept.
    ///
    /// Source: kubernetes v1.36 staging/src/k8s.io/client-go/tools/cache/delta_fifo.go,
    /// `queueActionInternalLocked`, `dedupDeltas`
    fn push(&mut self, key: K, delta: Delta<O>) {
        let deltas = self.items.entry(key.clone()).or_default();
        if deltas.is_empty() {
            self.queue.push_back(key);
        }
        match (deltas.last_mut(), &delta) {
            (Some(last), _) if last.is_deletion() && delta.is_deletion() => {
                if matches!(last, Delta::DeletedFinalStateUnknown(_)) {
                    *last = delta;
                }
            }
            (_, _) => deltas.push(delta),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missed_deletion_gives_way_to_a_seen_one() {
        let mut fifo = DeltaFifo::default();
        let none = BTreeMap::new();
        fifo.replace(BTreeMap::new(), &BTreeMap::from([("a", 1)]));
        assert!(!fifo.has_synced());
        fifo.delete("a", 2, &none);
        assert_eq!(fifo.pop(), Some(("a", vec![Delta::Deleted(2)])));
        assert!(fifo.has_synced());
    }
}
