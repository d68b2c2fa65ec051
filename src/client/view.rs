//! What a controller knows: its process's caches and the time; nothing else.

use std::sync::Arc;

use crate::api::Name;
use crate::api::gates::{Gate, Gates};
use crate::api::meta::Uid;
use crate::api::object::{Kind, Object, ObjectKey, Resource};
use crate::api::selector::Selector;
use crate::api::time::Time;
use crate::client::cache::Cache;

/// The caches of a process, by kind.
#[derive(Clone, Default)]
pub struct Caches {
    by_kind: Vec<Cache>,
}

impl Caches {
    /// The cache of a kind; empty when the process does not watch it.
    pub fn of(&self, kind: Kind) -> &Cache {
        static EMPTY: std::sync::LazyLock<Cache> = std::sync::LazyLock::new(Cache::default);
        self.by_kind.get(usize::from(kind.0)).unwrap_or(&EMPTY)
    }

    /// The cache of a kind, to change.
    pub fn of_mut(&mut self, kind: Kind) -> &mut Cache {
        let place = usize::from(kind.0);
        if self.by_kind.len() <= place {
            self.by_kind.resize_with(place + 1, Cache::default);
        }
        &mut self.by_kind[place]
    }
}

/// What a controller knows at one moment. It may be behind the store, and never tells so.
#[derive(Clone, Copy)]
pub struct View<'a> {
    caches: &'a Caches,
    now: Time,
    /// The time by a clock that nobody sets.
    steady: Time,
    /// Whether all creations and deletions of the key's last plan have been seen.
    seen_own: bool,
    gates: Gates,
}

impl<'a> View<'a> {
    /// A view of caches at an instant.
    pub fn new(caches: &'a Caches, now: Time) -> View<'a> {
        View { caches, now, steady: now, seen_own: true, gates: Gates::DEFAULT }
    }

    /// The same view, where the clock that nobody sets says this.
    #[must_use]
    pub fn with_steady(self, steady: Time) -> View<'a> {
        View { steady, ..self }
    }

    /// The time by the clock that nobody sets: what Go measures spans with, so that a wall clock
    /// that jumps makes nothing late.
    pub fn steady_now(self) -> Time {
        self.steady
    }

    /// The same view with these feature gates.
    #[must_use]
    pub fn with_gates(self, gates: Gates) -> View<'a> {
        View { gates, ..self }
    }

    /// Whether a feature gate is on.
    pub fn is_on(self, gate: Gate) -> bool {
        self.gates.is_on(gate)
    }

    /// The feature gates of the process.
    pub fn gates(self) -> Gates {
        self.gates
    }

    /// The same view for a key whose expectations are met or not.
    #[must_use]
    pub fn after_expectations(self, met: bool) -> View<'a> {
        View { seen_own: met, ..self }
    }

    /// Whether the creations and deletions of the key's last plan have all been seen; until then
    /// a controller with expectations creates and deletes nothing.
    pub fn expectations_met(self) -> bool {
        self.seen_own
    }

    /// The process's clock.
    pub fn now(self) -> Time {
        self.now
    }

    /// The cache of a kind, with all its indices.
    pub fn cache(self, kind: Kind) -> &'a Cache {
        self.caches.of(kind)
    }

    /// The object of a key.
    pub fn object(self, key: &ObjectKey) -> Option<&'a Object> {
        self.cache(key.kind).get(&key.namespace, &key.name)
    }

    /// The object of a type and name.
    pub fn get<T: Resource>(self, namespace: &str, name: &str) -> Option<&'a Arc<T>> {
        self.cache(T::KIND).get(namespace, name).and_then(T::of)
    }

    /// The object of a type and uid.
    pub fn by_uid<T: Resource>(self, uid: Uid) -> Option<&'a Arc<T>> {
        self.cache(T::KIND).by_uid(uid).and_then(T::of)
    }

    /// Those whose managing owner has this uid.
    pub fn controlled_by<T: Resource>(self, uid: Uid) -> impl Iterator<Item = &'a Arc<T>> {
        self.cache(T::KIND).controlled_by(uid).filter_map(T::of)
    }

    /// How many they are.
    pub fn count_controlled_by<T: Resource>(self, uid: Uid) -> usize {
        self.cache(T::KIND).controlled_by(uid).len()
    }

    /// Those of a namespace that no owner manages.
    pub fn orphans<T: Resource>(self, namespace: &Name) -> impl Iterator<Item = &'a Arc<T>> {
        self.cache(T::KIND).orphans(namespace).filter_map(T::of)
    }

    /// Those of a namespace.
    pub fn in_namespace<T: Resource>(self, namespace: &Name) -> impl Iterator<Item = &'a Arc<T>> {
        self.cache(T::KIND).in_namespace(namespace).filter_map(T::of)
    }

    /// Those of a namespace whose labels match.
    pub fn select<T: Resource>(
        self,
        namespace: &'a Name,
        selector: &'a Selector,
    ) -> impl Iterator<Item = &'a Arc<T>> {
        self.cache(T::KIND).select(namespace, selector).filter_map(T::of)
    }

    /// Pods that are put on a node.
    pub fn on_node<T: Resource>(self, node: &Name) -> impl Iterator<Item = &'a Arc<T>> {
        self.cache(T::KIND).on_node(node).filter_map(T::of)
    }

    /// All of a type: a scan, whose bound the caller states.
    pub fn all<T: Resource>(self) -> impl Iterator<Item = &'a Arc<T>> {
        self.cache(T::KIND).all().filter_map(T::of)
    }
}
