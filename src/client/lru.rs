//! A small least-recently-used cache.

use crate::sim::index::Map;

/// Keeps the `capacity` values that were used last, each by a key that is itself a hash.
#[derive(Clone, Debug)]
pub(super) struct Lru<V> {
    capacity: usize,
    places: Map<u64, u32>,
    entries: Vec<Entry<V>>,
    /// The entry that was used last, whose `after` is the one that was used longest ago.
    last: u32,
}

/// An entry in a ring in the order of use.
#[derive(Clone, Debug)]
struct Entry<V> {
    key: u64,
    /// The one that was used just before it.
    before: u32,
    /// The one that was used just after it.
    after: u32,
    value: V,
}

impl<V> Lru<V> {
    pub(super) fn new(capacity: usize) -> Self {
        Lru { capacity, places: Map::default(), entries: Vec::new(), last: 0 }
    }

    /// The value of the key, put in first by `make` if there is none; it is then the last used.
    pub(super) fn use_or(&mut self, key: u64, make: impl FnOnce() -> V) -> &mut V {
        let place = match self.places.get(&key).copied() {
            Some(place) => {
                self.take_out(place);
                place
            }
            None => self.add(key, make()),
        };
        self.put_last(place);
        &mut self.entries[place as usize].value
    }

    /// A place for a new value, which is not in the ring yet.
    fn add(&mut self, key: u64, value: V) -> u32 {
        let entry = Entry { key, before: 0, after: 0, value };
        let full = self.entries.len() >= self.capacity;
        let place = if full { self.entries[self.last as usize].after } else { self.count() };
        if full {
            self.take_out(place);
            self.places.remove(&self.entries[place as usize].key);
            self.entries[place as usize] = entry;
        } else {
            self.entries.push(entry);
        }
        self.places.insert(key, place);
        place
    }

    fn count(&self) -> u32 {
        u32::try_from(self.entries.len()).expect("the capacity is below 2^32")
    }

    fn take_out(&mut self, place: u32) {
        let Entry { before, after, .. } = self.entries[place as usize];
        self.entries[before as usize].after = after;
        self.entries[after as usize].before = before;
        if self.last == place {
            self.last = before;
        }
    }

    fn put_last(&mut self, place: u32) {
        let last = if self.entries.len() == 1 { place } else { self.last };
        let first = if self.entries.len() == 1 { place } else { self.entries[last as usize].after };
        self.entries[last as usize].after = place;
        self.entries[first as usize].before = place;
        let entry = &mut self.entries[place as usize];
        (entry.before, entry.after) = (last, first);
        self.last = place;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_used_longest_ago_goes() {
        let mut lru = Lru::new(2);
        let mut count = |key| {
            let value = lru.use_or(key, || 0);
            *value += 1;
            *value
        };
        assert_eq!([1, 2, 1, 3, 1, 2].map(&mut count), [1, 1, 2, 1, 3, 1]);
    }

    proptest::proptest! {
        #[test]
        fn the_values_used_last_stay(
            capacity in 1_usize..5,
            uses in proptest::collection::vec(0_u64..8, 0..60),
        ) {
            let mut lru = Lru::new(capacity);
            let mut naive: Vec<(u64, usize)> = Vec::new();
            for (n, key) in uses.into_iter().enumerate() {
                let want = match naive.iter().position(|(k, _)| *k == key) {
                    Some(place) => naive.remove(place).1,
                    None => n,
                };
                naive.push((key, want));
                naive.drain(..naive.len().saturating_sub(capacity));
                assert_eq!(*lru.use_or(key, || n), want);
            }
        }
    }
}
