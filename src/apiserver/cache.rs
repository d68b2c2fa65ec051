//! The watch cache of one kind: the newest versions, the last changes, and who watches.

use std::collections::VecDeque;

use crate::api::Name;
use crate::api::core::pod::Pod;
use crate::api::message::StoreChange;
use crate::api::object::{Kind, Object, ObjectKey};
use crate::api::request::{Change, WatchEvent, WatchOptions};
use crate::apiserver::field;
use crate::sim::engine::Peer;
use crate::sim::index::Map;
use crate::sim::time::{SimDuration, SimTime};

/// The window that the cache tries to cover.
///
/// Source: kubernetes v1.36 staging/src/k8s.io/apiserver/pkg/storage/cacher/cacher.go,
/// `DefaultEventFreshDuration`
pub const FRESH: SimDuration = SimDuration::secs(75);
/// The least and greatest number of changes that are kept.
///
/// Source: kubernetes v1.36 staging/src/k8s.io/apiserver/pkg/storage/cacher/watch_cache.go
pub const CAPACITY: (usize, usize) = (100, 102_400);

/// The watch cache of one kind. It follows the store, late by a link.
#[derive(Clone, Default)]
pub struct WatchCache {
    slots: Vec<Option<Object>>,
    free: Vec<u32>,
    by_key: Map<(Name, Name), u32>,
    /// The last changes; the first has the number `first`.
    window: VecDeque<(SimTime, StoreChange)>,
    first: u64,
    capacity: usize,
    /// The revision up to which changes have fallen out of the window.
    forgotten: u64,
    streams: Vec<Option<Stream>>,
    closed: Vec<u64>,
    everywhere: Vec<u64>,
    by_node: Map<Name, Vec<u64>>,
    by_name: Map<Name, Vec<u64>>,
}

/// One watch of a client: a cursor into the window.
#[derive(Clone)]
pub struct Stream {
    /// Who watches.
    pub client: Peer,
    /// The number of the request that opened it.
    pub request: u64,
    /// What is watched.
    pub options: WatchOptions,
    /// The number of the change that is delivered next.
    pub cursor: u64,
    /// When the last delivery arrives.
    pub last_arrival: SimTime,
    /// Whether deliveries wait: the link is cut, or a fault holds them.
    pub held: bool,
}

impl Stream {
    /// Whether an object is within the watch.
    fn matches(&self, object: &Object) -> bool {
        let (meta, options) = (object.meta(), &self.options);
        (options.namespace.is_empty() || options.namespace == meta.namespace)
            && options.labels.matches(&meta.labels)
            && options.fields.matches(|name| field::value(object, name))
    }

    /// What the watcher sees of a change: an object that leaves the selector is deleted for it.
    ///
    /// Source: kubernetes v1.36 staging/src/k8s.io/apiserver/pkg/storage/cacher/cache_watcher.go,
    /// `convertToWatchEvent`
    pub fn view(&self, change: &StoreChange) -> Option<WatchEvent> {
        let was = change.old.as_ref().is_some_and(|old| self.matches(old));
        let is = !change.deleted && self.matches(&change.object);
        let (what, object) = match (was, is) {
            (false, false) => return None,
            (false, true) => (Change::Added, change.object.clone()),
            (true, true) => (Change::Modified, change.object.clone()),
            (true, false) if change.deleted => (Change::Deleted, change.object.clone()),
            (true, false) => {
                let mut last = change.old.clone()?;
                last.meta_mut().resource_version = change.revision;
                (Change::Deleted, last)
            }
        };
        Some(WatchEvent { change: what, object, revision: change.revision, cause: change.cause })
    }
}

impl WatchCache {
    /// Begins with what a list of the store gave.
    pub fn fill(&mut self, items: &[Object], revision: u64) {
        *self = WatchCache { capacity: CAPACITY.0, forgotten: revision, ..WatchCache::default() };
        for object in items {
            self.put(object.clone());
        }
    }

    fn put(&mut self, object: Object) {
        let meta = object.meta();
        let name = (meta.namespace.clone(), meta.name.clone());
        if let Some(slot) = self.by_key.get(&name) {
            self.slots[*slot as usize] = Some(object);
            return;
        }
        let slot = self.free.pop().unwrap_or_else(|| {
            self.slots.push(None);
            u32::try_from(self.slots.len() - 1).expect("fewer than 2^32 objects")
        });
        self.by_key.insert(name, slot);
        self.slots[slot as usize] = Some(object);
    }

    /// The newest version that is known.
    pub fn get(&self, key: &ObjectKey) -> Option<&Object> {
        let slot = self.by_key.get(&(key.namespace.clone(), key.name.clone()))?;
        self.slots[*slot as usize].as_ref()
    }

    /// All objects by namespace and name: a scan of the kind, for lists.
    pub fn list(&self) -> Vec<Object> {
        let mut all: Vec<Object> = self.slots.iter().flatten().cloned().collect();
        all.sort_by(|a, b| {
            let (a, b) = (a.meta(), b.meta());
            (&a.namespace, &a.name).cmp(&(&b.namespace, &b.name))
        });
        all
    }

    /// Whether there is an object for which `holds`: a scan of the kind.
    pub fn any(&self, holds: impl Fn(&Object) -> bool) -> bool {
        self.slots.iter().flatten().any(holds)
    }

    /// An object for which `holds`: a scan of the kind, for kinds of which there are few.
    pub fn first(&self, holds: impl Fn(&Object) -> bool) -> Option<&Object> {
        self.slots.iter().flatten().find(|o| holds(o))
    }

    /// Takes up a change; adds the streams that it may concern to `concerned`.
    pub fn take_up(&mut self, change: &StoreChange, now: SimTime, concerned: &mut Vec<u64>) {
        if change.deleted {
            let meta = change.object.meta();
            let name = (meta.namespace.clone(), meta.name.clone());
            if let Some(slot) = self.by_key.remove(&name) {
                self.slots[slot as usize] = None;
                self.free.push(slot);
            }
        } else {
            self.put(change.object.clone());
        }
        self.remember(change, now);
        self.concerned(change, concerned);
        // What came before has been delivered, or did not concern them.
        let last = self.first + self.window.len() as u64 - 1;
        for number in concerned {
            if let Some(Some(stream)) = self.streams.get_mut(place(*number))
                && !stream.held
            {
                stream.cursor = stream.cursor.max(last);
            }
        }
    }

    /// Grows while the window is shorter than it should be, shrinks when it is much longer.
    ///
    /// Source: kubernetes v1.36 staging/src/k8s.io/apiserver/pkg/storage/cacher/watch_cache.go,
    /// `resizeCacheLocked`
    fn remember(&mut self, change: &StoreChange, now: SimTime) {
        if self.window.len() >= self.capacity {
            let oldest = self.window.front().map_or(SimTime::ZERO, |(at, _)| *at);
            let quarter = self.window.len() - self.window.len() / 4;
            let newest = self.window.get(quarter).map_or(now, |(at, _)| *at);
            if now.since(oldest) < FRESH {
                self.capacity = (self.capacity * 2).min(CAPACITY.1);
            } else if now.since(newest) > FRESH {
                self.capacity = (self.capacity / 2).max(CAPACITY.0);
            }
        }
        while self.window.len() >= self.capacity {
            if let Some((_, gone)) = self.window.pop_front() {
                self.forgotten = gone.revision;
                self.first += 1;
            }
        }
        self.window.push_back((now, change.clone()));
    }

    fn concerned(&self, change: &StoreChange, all: &mut Vec<u64>) {
        all.extend_from_slice(&self.everywhere);
        if !self.by_name.is_empty() {
            all.extend(self.by_name.get(&change.object.meta().name).into_iter().flatten());
        }
        if change.object.kind() != Kind::POD || self.by_node.is_empty() {
            return;
        }
        let new = change.object.as_a::<Pod>().map(|p| &p.node_name);
        let old = change.old.as_ref().and_then(|o| o.as_a::<Pod>()).map(|p| &p.node_name);
        let on = |node: Option<&Name>| node.and_then(|n| self.by_node.get(n)).into_iter().flatten();
        all.extend(on(new));
        if old != new {
            all.extend(on(old));
        }
    }

    /// Opens a watch that begins after a revision.
    ///
    /// # Errors
    /// When changes after that revision have fallen out of the window.
    pub fn open(
        &mut self,
        client: Peer,
        request: u64,
        options: WatchOptions,
        after: u64,
    ) -> Result<u64, u64> {
        if after < self.forgotten {
            return Err(self.forgotten);
        }
        let seen = self.window.partition_point(|(_, c)| c.revision <= after);
        let number = self.closed.pop().unwrap_or_else(|| {
            self.streams.push(None);
            self.streams.len() as u64 - 1
        });
        self.listing(&options).push(number);
        let cursor = self.first + seen as u64;
        let last_arrival = SimTime::ZERO;
        let stream = Stream { client, request, options, cursor, last_arrival, held: false };
        self.streams[place(number)] = Some(stream);
        Ok(number)
    }

    /// Ends a watch.
    pub fn close(&mut self, number: u64) -> Option<Stream> {
        let stream = self.streams.get_mut(place(number))?.take()?;
        self.closed.push(number);
        self.listing(&stream.options).retain(|n| *n != number);
        Some(stream)
    }

    /// Where a watch is listed, so that a change need not be held against all of them.
    fn listing(&mut self, options: &WatchOptions) -> &mut Vec<u64> {
        if let Some(name) = options.fields.exact("metadata.name") {
            return self.by_name.entry(name.clone()).or_default();
        }
        match options.fields.exact("spec.nodeName").filter(|_| options.kind == Kind::POD) {
            Some(node) => self.by_node.entry(node.clone()).or_default(),
            None => &mut self.everywhere,
        }
    }

    /// The watches, by number.
    pub fn streams(&self) -> impl Iterator<Item = (u64, &Stream)> {
        self.streams.iter().zip(0..).filter_map(|(s, n)| s.as_ref().map(|s| (n, s)))
    }

    /// One watch, to change.
    pub fn stream_mut(&mut self, number: u64) -> Option<&mut Stream> {
        self.streams.get_mut(place(number))?.as_mut()
    }

    /// What a watch has yet to deliver; its cursor moves on.
    ///
    /// # Errors
    /// When it has waited for so long that changes have fallen out of the window.
    pub fn due(&mut self, number: u64) -> Result<Vec<WatchEvent>, u64> {
        let Some(Some(stream)) = self.streams.get_mut(place(number)) else {
            return Ok(Vec::new());
        };
        if stream.cursor < self.first {
            return Err(self.forgotten);
        }
        let from = usize::try_from(stream.cursor - self.first).expect("a window fits in memory");
        stream.cursor = self.first + self.window.len() as u64;
        Ok(self.window.range(from..).filter_map(|(_, change)| stream.view(change)).collect())
    }
}

fn place(number: u64) -> usize {
    usize::try_from(number).expect("a number of a stream is a place")
}
