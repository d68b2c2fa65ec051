//! A table of objects of one kind by namespace and name, as the store, the watch caches and the
//! informers keep them.
//!
//! Objects lie in slots; the index holds nothing but slots and parts of hashes, so that a name
//! lies in memory once, in its object. The order of the slots follows from the history of the
//! table alone, so it is the same in two runs.

use hashbrown::HashTable;

use crate::api::object::Object;
use crate::sim::index::hash;

/// Objects of one kind by namespace and name.
#[derive(Clone, Default)]
pub struct ObjectTable {
    slots: Vec<Option<Object>>,
    free: Vec<u32>,
    by_name: HashTable<Entry>,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    hash: u32,
    slot: u32,
}

/// What a table is asked by.
fn hash_of(namespace: &str, name: &str) -> u64 {
    hash(&(name, namespace))
}

fn half(hash: u64) -> u32 {
    (hash >> 32) as u32
}

/// The hash by which the index places an entry: made of the half that the entry holds.
fn spread(half: u32) -> u64 {
    u64::from(half) << 32 | u64::from(half)
}

impl ObjectTable {
    fn find(&self, namespace: &str, name: &str) -> Result<u32, u32> {
        let hash = half(hash_of(namespace, name));
        let is_it = |e: &Entry| {
            e.hash == hash
                && self.slots[e.slot as usize].as_ref().is_some_and(|o| {
                    let meta = o.meta();
                    meta.name == name && meta.namespace == namespace
                })
        };
        self.by_name.find(spread(hash), is_it).map(|e| e.slot).ok_or(hash)
    }

    /// The slot of an object.
    pub fn slot(&self, namespace: &str, name: &str) -> Option<u32> {
        self.find(namespace, name).ok()
    }

    /// The object of a name.
    pub fn get(&self, namespace: &str, name: &str) -> Option<&Object> {
        self.find(namespace, name).ok().map(|slot| self.at(slot))
    }

    /// The object in a slot.
    ///
    /// # Panics
    /// When the slot is free.
    pub fn at(&self, slot: u32) -> &Object {
        self.slots[slot as usize].as_ref().expect("a listed slot is taken")
    }

    /// Puts a version in place of the one of the same namespace and name; gives its slot and the
    /// former one.
    pub fn put(&mut self, object: Object) -> (u32, Option<Object>) {
        let meta = object.meta();
        let hash = match self.find(&meta.namespace, &meta.name) {
            Ok(slot) => return (slot, self.slots[slot as usize].replace(object)),
            Err(hash) => hash,
        };
        let slot = self.free.pop().unwrap_or_else(|| {
            self.slots.push(None);
            u32::try_from(self.slots.len() - 1).expect("fewer than 2^32 objects")
        });
        self.slots[slot as usize] = Some(object);
        self.by_name.insert_unique(spread(hash), Entry { hash, slot }, |e| spread(e.hash));
        (slot, None)
    }

    /// Takes an object out; gives its former slot and the version that was there.
    pub fn remove(&mut self, namespace: &str, name: &str) -> Option<(u32, Object)> {
        let slot = self.find(namespace, name).ok()?;
        let hash = half(hash_of(namespace, name));
        let entry = self.by_name.find_entry(spread(hash), |e| e.slot == slot);
        entry.expect("what was found is there").remove();
        self.free.push(slot);
        let old = self.slots[slot as usize].take().expect("a listed slot is taken");
        Some((slot, old))
    }

    /// How many objects there are.
    pub fn len(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    /// Whether there is no object.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// All of them, in slot order. A scan: its bound is the number of objects.
    pub fn iter(&self) -> impl Iterator<Item = &Object> {
        self.slots.iter().flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::core::pod::Pod;
    use crate::api::meta::Meta;
    use std::collections::BTreeMap;

    proptest::proptest! {
        #[test]
        fn a_table_holds_what_was_put_and_not_removed(
            wishes in proptest::collection::vec(
                (0_u8..9, 0_u8..3, proptest::prelude::any::<bool>()),
                0..200,
            ),
        ) {
            let (mut table, mut naive) = (ObjectTable::default(), BTreeMap::new());
            for (n, (name, namespace, put)) in wishes.into_iter().enumerate() {
                let (name, namespace) = (format!("pod-{name}"), format!("ns-{namespace}"));
                let key = (namespace.clone(), name.clone());
                let got = if put {
                    let mut meta = Meta::named(&namespace, &name);
                    meta.resource_version = n as u64;
                    table.put(Pod { meta, ..Pod::default() }.into()).1
                } else {
                    table.remove(&namespace, &name).map(|(_, old)| old)
                };
                let want = if put { naive.insert(key, n as u64) } else { naive.remove(&key) };
                assert_eq!(got.map(|o| o.meta().resource_version), want);
                assert_eq!(table.len(), naive.len());
            }
            for ((namespace, name), version) in &naive {
                let found = table.get(namespace, name).expect("it was put");
                assert_eq!(found.meta().resource_version, *version);
            }
        }
    }
}
