//! Hash tables for look-ups, with a fixed hash function.
//!
//! Their order is never observed: `clippy::iter_over_hash_type` denies iteration, so that no run
//! can depend on it.

#![expect(clippy::disallowed_types, reason = "the one place that names the standard tables")]

use std::collections::{HashMap, HashSet};

use std::hash::{Hash, Hasher};

use rustc_hash::{FxBuildHasher, FxHasher};

/// A table for look-ups by key; never iterated.
pub type Map<K, V> = HashMap<K, V, FxBuildHasher>;

/// A set for membership tests; never iterated.
pub type Set<K> = HashSet<K, FxBuildHasher>;

/// A hash to know a value by, the same in every run.
pub fn hash(value: &(impl Hash + ?Sized)) -> u64 {
    let mut hasher = FxHasher::default();
    value.hash(&mut hasher);
    hasher.finish()
}
