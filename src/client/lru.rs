//! A small least-recently-used cache.

use std::collections::BTreeMap;

use crate::sim::index::Map;

/// Keeps the `capacity` values that were used last, each by a key that is itself a hash.
#[derive(Clone, Debug)]
pub(super) struct Lru<V> {
    capacity: usize,
    uses: u64,
    values: Map<u128, (u64, V)>,
    /// The keys in the order of their last use.
    order: BTreeMap<u64, u128>,
}

impl<V> Lru<V> {
    pub(super) fn new(capacity: usize) -> Self {
        Lru { capacity, uses: 0, values: Map::default(), order: BTreeMap::new() }
    }

    /// The value of the key, put in first by `make` if there is none; it is then the last used.
    pub(super) fn use_or(&mut self, key: u128, make: impl FnOnce() -> V) -> &mut V {
        self.uses += 1;
        let uses = self.uses;
        if !self.values.contains_key(&key) {
            self.make_room();
        }
        let (last_use, value) = self.values.entry(key).or_insert_with(|| (uses, make()));
        self.order.remove(last_use);
        self.order.insert(uses, key);
        *last_use = uses;
        value
    }

    fn make_room(&mut self) {
        if self.values.len() < self.capacity {
            return;
        }
        if let Some((_, oldest)) = self.order.pop_first() {
            self.values.remove(&oldest);
        }
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
}
