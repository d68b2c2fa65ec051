//! The watch cache of one kind: the newest versions, the last changes, and who watches.

use crate::api::Name;
use crate::api::core::pod::Pod;
use crate::api::gates::Gates;
use crate::api::message::StoreChange;
use crate::api::object::{Kind, Object, ObjectKey};
use crate::api::request::{Change, WatchEvent, WatchEvents, WatchOptions};
use crate::api::table::ObjectTable;
use crate::api::variant::Variant;
use crate::apiserver::field;
use crate::apiserver::history::{History, Index};
use crate::apiserver::list_options::CacheState;
use crate::etcd::store::{by_key, rewind};
use crate::sim::engine::Peer;
use crate::sim::index::Map;
use crate::sim::time::{SimDuration, SimTime};

/// How many changes a connection holds that nobody reads: 4 MiB of flow control, at about 4 KiB
/// each.
const IN_CONNECTION: usize = 1024;

/// The watch cache of one kind. It follows the store, late by a link.
#[derive(Clone, Default)]
pub struct WatchCache {
    objects: ObjectTable,
    history: History,
    /// The revision up to which etcd has compacted.
    compacted: u64,
    streams: Vec<Option<Stream>>,
    closed: Vec<u64>,
    everywhere: Vec<u64>,
    by_node: Map<Name, Vec<u64>>,
    by_name: Map<Name, Vec<u64>>,
    gates: Gates,
}

/// How a watch begins.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Begin {
    /// Changes up to this revision are not shown.
    pub after: u64,
    /// Whether it begins with what there is.
    pub with_present: bool,
    /// Whether it is told when all of that was sent.
    pub bookmark: bool,
    /// When it ends; none for never.
    pub ends: Option<SimTime>,
}

/// One watch of a client: a cursor into the history.
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
    /// Changes up to this revision are not shown.
    pub after: u64,
    /// What was there at its beginning and was not delivered yet.
    pub initial: Vec<WatchEvent>,
    /// Whether the client has yet to be told that it has got all that was there.
    pub bookmark: bool,
    /// When it ends; none for never.
    pub ends: Option<SimTime>,
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

    /// The node whose pods alone it watches.
    fn node(&self) -> Option<&Name> {
        self.options.fields.exact("spec.nodeName").filter(|_| self.options.kind == Kind::POD)
    }

    /// Whether it is to be told that it has seen all up to a revision, when the history ends with
    /// the change before number `end`.
    pub fn wants_bookmark(&self, end: u64, revision: u64) -> bool {
        // One that is not held has got all that concerns it.
        let has_all = (!self.held || self.cursor == end) && self.initial.is_empty();
        self.options.bookmarks && !self.held && has_all && revision > self.after
    }

    /// Whether it is asked about a change at all.
    fn concerns(&self, change: &StoreChange) -> bool {
        let Some(node) = self.node() else { return true };
        let on = |o: &Object| o.as_a::<Pod>().is_some_and(|p| p.node_name == *node);
        on(&change.object) || change.old.as_ref().is_some_and(on)
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
    pub fn fill(&mut self, items: &[Object], revision: u64, fresh: SimDuration) {
        *self = WatchCache { history: History::new(fresh), ..WatchCache::default() };
        self.history.restart(revision);
        for object in items {
            self.objects.put(object.clone());
        }
    }

    /// Which rules differ from those of 1.36.
    pub fn vary(&mut self, gates: Gates) {
        self.gates = gates;
    }

    /// The newest version that is known.
    pub fn get(&self, key: &ObjectKey) -> Option<&Object> {
        self.objects.get(&key.namespace, &key.name)
    }

    /// All objects in the order of their keys: a scan of the kind, for lists.
    pub fn list(&self) -> Vec<Object> {
        let mut all: Vec<Object> = self.objects.iter().cloned().collect();
        all.sort_by(by_key);
        all
    }

    /// All objects as they were at a revision that [`WatchCache::state`] reaches back to.
    pub fn list_at(&self, revision: u64) -> Vec<Object> {
        rewind(self.list(), self.history.since(self.history.number_after(revision)))
    }

    /// What lists it can serve, when it has come to a revision.
    pub fn state(&self, revision: u64) -> CacheState {
        let oldest = self.history.oldest_snapshot().max(self.compacted);
        CacheState { revision, oldest_snapshot: Some(oldest) }
    }

    /// etcd has compacted: older states are not told any more.
    ///
    /// Source: kubernetes v1.36 staging/src/k8s.io/apiserver/pkg/storage/cacher/compactor.go
    pub fn compact(&mut self, revision: u64) {
        self.compacted = self.compacted.max(revision);
    }

    /// How many objects there are.
    pub fn len(&self) -> usize {
        self.objects.len()
    }

    /// Whether there are no objects.
    pub fn is_empty(&self) -> bool {
        self.objects.is_empty()
    }

    /// The last changes.
    pub fn history(&self) -> &History {
        &self.history
    }

    /// Whether there is an object for which `holds`: a scan of the kind.
    pub fn any(&self, holds: impl Fn(&Object) -> bool) -> bool {
        self.objects.iter().any(holds)
    }

    /// An object for which `holds`: a scan of the kind, for kinds of which there are few.
    pub fn first(&self, holds: impl Fn(&Object) -> bool) -> Option<&Object> {
        self.objects.iter().find(|o| holds(o))
    }

    /// Takes up a change; adds the streams that it may concern to `concerned`.
    pub fn take_up(&mut self, change: &StoreChange, now: SimTime, concerned: &mut Vec<u64>) {
        if change.deleted {
            let meta = change.object.meta();
            self.objects.remove(&meta.namespace, &meta.name);
        } else {
            self.objects.put(change.object.clone());
        }
        let mut change = change.clone();
        let forgotten =
            change.old.as_ref().is_some_and(|o| o.meta().resource_version <= self.compacted);
        if forgotten && self.gates.varies(Variant::ForgetsPrevious) {
            change.old = None;
        }
        self.history.push(change.clone(), now);
        self.concerned(&change, concerned);
        // What came before has been delivered, or did not concern them.
        let last = self.history.end() - 1;
        for number in concerned {
            if let Some(Some(stream)) = self.streams.get_mut(place(*number))
                && !stream.held
            {
                stream.cursor = stream.cursor.max(last);
            }
        }
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

    /// Opens a watch.
    ///
    /// # Errors
    /// When changes after the revision at which it begins were forgotten; the revision from which
    /// on a watch can begin.
    ///
    /// Source: kubernetes v1.36 staging/src/k8s.io/apiserver/pkg/storage/cacher/watch_cache.go,
    /// `getAllEventsSinceLocked`
    pub fn open(
        &mut self,
        client: Peer,
        request: u64,
        options: WatchOptions,
        begin: Begin,
    ) -> Result<u64, u64> {
        let reaches = self.history.reaches_back_to();
        let too_old = !begin.with_present && begin.after < reaches;
        if too_old && !self.gates.varies(Variant::BeginsWithWhatComes) {
            return Err(reaches);
        }
        let mut stream = Stream {
            client,
            request,
            options,
            cursor: self.history.number_after(begin.after),
            after: begin.after,
            initial: Vec::new(),
            bookmark: begin.bookmark,
            last_arrival: SimTime::ZERO,
            ends: begin.ends,
            held: false,
        };
        if begin.with_present {
            stream.cursor = self.history.end();
            stream.initial = self.present(&stream);
        }
        if self.history.is_empty() && self.gates.varies(Variant::LosesFirstOfEmpty) {
            stream.cursor += 1;
        }
        let number = self.closed.pop().unwrap_or_else(|| {
            self.streams.push(None);
            self.streams.len() as u64 - 1
        });
        self.listing(&stream).push(number);
        self.streams[place(number)] = Some(stream);
        Ok(number)
    }

    /// What there is, as a watch begins with it.
    fn present(&self, stream: &Stream) -> Vec<WatchEvent> {
        let mut all = self.list();
        all.retain(|o| stream.matches(o));
        let added = |object: Object| {
            let revision = object.meta().resource_version;
            WatchEvent { change: Change::Added, object, revision, cause: 0 }
        };
        all.into_iter().map(added).collect()
    }

    /// Ends a watch.
    pub fn close(&mut self, number: u64) -> Option<Stream> {
        let stream = self.streams.get_mut(place(number))?.take()?;
        self.closed.push(number);
        self.listing(&stream).retain(|n| *n != number);
        Some(stream)
    }

    /// Where a watch is listed, so that a change need not be held against all of them.
    fn listing(&mut self, stream: &Stream) -> &mut Vec<u64> {
        if let Some(name) = stream.options.fields.exact("metadata.name") {
            return self.by_name.entry(name.clone()).or_default();
        }
        match stream.node() {
            Some(node) => self.by_node.entry(node.clone()).or_default(),
            None => &mut self.everywhere,
        }
    }

    /// The watches, by number.
    pub fn streams(&self) -> impl Iterator<Item = (u64, &Stream)> {
        self.streams.iter().zip(0..).filter_map(|(s, n)| s.as_ref().map(|s| (n, s)))
    }

    /// The watches, to change.
    pub fn streams_mut(&mut self) -> impl Iterator<Item = &mut Stream> {
        self.streams.iter_mut().flatten()
    }

    /// One watch, to change.
    pub fn stream_mut(&mut self, number: u64) -> Option<&mut Stream> {
        self.streams.get_mut(place(number))?.as_mut()
    }

    /// What a watch has yet to deliver; its cursor moves on.
    ///
    /// # Errors
    /// When it has waited for so long that changes were forgotten.
    pub fn due(&mut self, number: u64) -> Result<WatchEvents, u64> {
        let Some(Some(stream)) = self.streams.get_mut(place(number)) else {
            return Ok(WatchEvents::new());
        };
        if stream.cursor < self.history.first() {
            return Err(self.history.reaches_back_to());
        }
        let mut events = WatchEvents::from_vec(std::mem::take(&mut stream.initial));
        let changes = self.history.since(stream.cursor).filter(|c| c.revision > stream.after);
        events.extend(changes.filter_map(|change| stream.view(change)));
        stream.cursor = stream.cursor.max(self.history.end());
        Ok(events)
    }

    /// Whether a watch that takes nothing has fallen so far behind that it is ended: its channel
    /// and what the connection holds are full.
    ///
    /// Source: kubernetes v1.36 staging/src/k8s.io/apiserver/pkg/storage/cacher/cache_watcher.go,
    /// `add`
    ///
    /// Differs: what a connection holds is counted in changes, not in bytes.
    pub fn is_too_slow(&self, number: u64) -> bool {
        let Some(Some(stream)) = self.streams.get(place(number)) else { return false };
        if self.history.end().saturating_sub(stream.cursor) <= IN_CONNECTION as u64 {
            return false;
        }
        let index = match (stream.options.kind == Kind::POD, stream.node()) {
            (true, Some(_)) => Index::Used,
            (true, None) => Index::Unused,
            (false, _) => Index::None,
        };
        let room = self.history.channel_size(index) + IN_CONNECTION;
        let behind = self.history.end().saturating_sub(stream.cursor);
        behind > room as u64
            && self.history.since(stream.cursor).filter(|c| stream.concerns(c)).count() > room
    }
}

fn place(number: u64) -> usize {
    usize::try_from(number).expect("a number of a stream is a place")
}
