//! Hash tables for look-ups, with a fixed hash function.
//!
//! Their order is never observed: `clippy::iter_over_hash_type` denies iteration, so that no run
//! can depend on it.

#![expect(clippy::disallowed_types, reason = "the one place that names the standard tables")]

use std::collections::{HashMap, HashSet};

use rustc_hash::FxBuildHasher;

/// A table for look-ups by key; never iterated.
pub type Map<K, V> = HashMap<K, V, FxBuildHasher>;

/// A set for membership tests; never iterated.
pub type Set<K> = HashSet<K, FxBuildHasher>;
