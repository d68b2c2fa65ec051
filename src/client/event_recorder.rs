//! What becomes of the events that a component wants to record.
//!
//! Events that only differ in their text are combined once there are many, equal ones are
//! counted, and a source that has too much to say about one object is silenced. The recorder
//! decides what is written; it never writes, and an event that is lost is lost.

use std::sync::Arc;

use smol_str::SmolStrBuilder;

use crate::api::Name;
pub use crate::api::core::event::ObjectReference;
use crate::api::core::event::{EventOrigin, EventSource};
use crate::api::time::Time;
use crate::client::Draw;
use crate::client::lru::Lru;
use crate::client::token_bucket::TokenBucket;
use crate::sim::index::hash;
use crate::sim::time::{SimDuration, SimTime, Start};

/// How many entries each cache of the correlator has.
const MAX_ENTRIES: usize = 4_096;
/// From so many similar events on they are combined.
const AGGREGATE_MAX_EVENTS: usize = 10;
/// Similar events further apart than this are not counted together.
const AGGREGATE_INTERVAL: SimDuration = SimDuration::secs(600);
/// How many events a source may have about an object at once; each further one takes 5 minutes.
const SPAM_BURST: u32 = 25;
const SPAM_REFILL: SimDuration = SimDuration::secs(300);
/// How often an event is tried to be written, and how far apart.
const MAX_TRIES: u32 = 12;
const RETRY_PERIOD: SimDuration = SimDuration::secs(10);

/// The event correlator of one component.
///
/// Source: kubernetes v1.36 staging/src/k8s.io/client-go/tools/record/events_cache.go,
/// `EventCorrelator`
#[derive(Clone, Debug)]
pub struct EventRecorder {
    similar: Lru<Similar>,
    seen: Lru<Seen>,
    spam: Lru<TokenBucket>,
    last_name: i64,
    /// Where its last events of each type came from.
    origins: [Option<Arc<EventOrigin>>; 2],
    /// What the wall clock showed when the run started.
    start: Start,
}

/// Something to record.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Occurrence {
    /// The component that saw it.
    pub component: Name,
    /// The node it is on; empty for components of the control plane.
    pub host: Name,
    /// What it is about.
    pub involved: Arc<ObjectReference>,
    /// How bad it is.
    pub event_type: EventType,
    /// `SuccessfulCreate`.
    pub reason: Name,
    /// The text that a person sees.
    pub message: Arc<str>,
}

/// How bad an event is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum EventType {
    /// For information.
    Normal,
    /// Something may be wrong.
    Warning,
}

/// An event as it is to be written.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Recorded {
    /// The name of the Event object.
    pub name: Name,
    /// Its namespace.
    pub namespace: Name,
    /// What happened; the message is that to be written.
    pub what: Occurrence,
    /// How often.
    pub count: u32,
    /// When first.
    pub first: Time,
    /// When last.
    pub last: Time,
}

/// What is to be written.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Recording {
    /// A new Event object.
    Create(Recorded),
    /// Count, last time and message of an Event object; if it is not found it is created.
    Patch(Recorded),
    /// Nothing.
    Drop,
}

/// The events that differ in their text alone.
#[derive(Clone, Debug)]
struct Similar {
    /// The oldest text, by its hash.
    text: u64,
    /// The others, oldest first; mostly there is none.
    more: Vec<u64>,
    last: SimTime,
}

/// An event that was recorded before.
#[derive(Clone, Debug)]
struct Seen {
    count: u32,
    first: Time,
    name: Name,
}

impl EventType {
    /// The word on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            EventType::Normal => "Normal",
            EventType::Warning => "Warning",
        }
    }
}

impl Default for EventRecorder {
    fn default() -> Self {
        let (similar, seen) = (Lru::new(MAX_ENTRIES), Lru::new(MAX_ENTRIES));
        let spam = Lru::new(MAX_ENTRIES);
        let start = Start::USUAL;
        EventRecorder { similar, seen, spam, last_name: i64::MIN, origins: [None, None], start }
    }
}

impl EventRecorder {
    /// Says what the wall clock showed when the run started.
    pub fn set_start(&mut self, start: Start) {
        self.start = start;
    }

    /// Where an event comes from, shared by all of one component.
    pub fn origin(&mut self, what: &Occurrence) -> Arc<EventOrigin> {
        let last = &mut self.origins[what.event_type as usize];
        if let Some(origin) = last
            && origin.source.component == what.component
            && origin.source.host == what.host
        {
            return origin.clone();
        }
        let origin = Arc::new(EventOrigin {
            source: EventSource { component: what.component.clone(), host: what.host.clone() },
            kind: Name::new_static(what.event_type.as_str()),
            action: Name::default(),
            reporting_component: what.component.clone(),
            reporting_instance: what.host.clone(),
        });
        *last = Some(origin.clone());
        origin
    }

    /// Decides what becomes of an occurrence.
    ///
    /// Source: kubernetes v1.36 staging/src/k8s.io/client-go/tools/record/events_cache.go,
    /// `EventCorrelate`
    pub fn record(&mut self, what: Occurrence, now: SimTime) -> Recording {
        let spam_key = what.spam_key();
        let (what, key) = self.aggregate(what, spam_key, now);
        let recorded = self.observe(what, key, now);
        let bucket = self.spam.use_or(spam_key, || TokenBucket::new(1, SPAM_REFILL, SPAM_BURST));
        if !bucket.try_accept(now) {
            return Recording::Drop;
        }
        if recorded.count > 1 { Recording::Patch(recorded) } else { Recording::Create(recorded) }
    }

    /// Combines the occurrence with similar ones once there are many; returns also the key under
    /// which it is counted.
    ///
    /// Ten different texts within ten minutes of each other are many: the tenth is combined.
    ///
    /// Source: kubernetes v1.36 staging/src/k8s.io/client-go/tools/record/events_cache.go,
    /// `EventAggregate`
    /// Differs: of ten texts Kubernetes forgets any one; here the oldest is forgotten.
    fn aggregate(&mut self, what: Occurrence, spam_key: u64, now: SimTime) -> (Occurrence, u64) {
        let key = what.aggregate_key(spam_key);
        let text = hash(&*what.message);
        let new = || Similar { text, more: Vec::new(), last: now };
        let similar = self.similar.use_or(key, new);
        if now.since(similar.last) > AGGREGATE_INTERVAL {
            *similar = new();
        }
        similar.last = now;
        if similar.text != text && !similar.more.contains(&text) {
            similar.more.push(text);
        }
        if similar.more.len() + 1 < AGGREGATE_MAX_EVENTS {
            let key = what.event_key(key, text);
            return (what, key);
        }
        similar.text = similar.more.remove(0);
        let message = format!("(combined from similar events): {}", what.message).into();
        (Occurrence { message, ..what }, key)
    }

    /// Counts the event, which has the name and the first time of its first occurrence.
    ///
    /// Source: kubernetes v1.36 staging/src/k8s.io/client-go/tools/record/events_cache.go,
    /// `eventObserve`
    fn observe(&mut self, what: Occurrence, key: u64, now: SimTime) -> Recorded {
        let last_name = &mut self.last_name;
        let wall = Time::wall(self.start, now);
        let seen = self.seen.use_or(key, || {
            *last_name = wall.0.max(last_name.saturating_add(1));
            let first = wall;
            Seen { count: 0, first, name: event_name(&what.involved.name, *last_name) }
        });
        seen.count = seen.count.saturating_add(1);
        let (name, namespace) = (seen.name.clone(), event_namespace(&what.involved));
        let (count, first, last) = (seen.count, seen.first, wall);
        Recorded { name, namespace, what, count, first, last }
    }
}

/// How long to wait before an event that did not reach the apiserver is tried again; none when it
/// is given up. `tries` counts the attempts so far. What the apiserver refused is never tried
/// again.
///
/// Source: kubernetes v1.36 staging/src/k8s.io/client-go/tools/record/event.go, `recordToSink`
pub fn retry_after(tries: u32, draw: Draw<'_>) -> Option<SimDuration> {
    match tries {
        0 | 1 => Some(SimDuration(draw(RETRY_PERIOD.0 - 1))),
        2..MAX_TRIES => Some(RETRY_PERIOD),
        MAX_TRIES.. => None,
    }
}

impl Recorded {
    /// A new event, named by the nanosecond given.
    pub(super) fn first(what: Occurrence, nanos: i64, now: SimTime) -> Recorded {
        let (name, stamp) = (event_name(&what.involved.name, nanos), Time::at(now));
        let namespace = event_namespace(&what.involved);
        Recorded { name, namespace, what, count: 1, first: stamp, last: stamp }
    }
}

/// The namespace of an event: that of the object, or `default`.
///
/// Source: kubernetes v1.36 staging/src/k8s.io/client-go/tools/record/event.go, `makeEvent`
fn event_namespace(involved: &ObjectReference) -> Name {
    if involved.namespace.is_empty() {
        return Name::new_static("default");
    }
    involved.namespace.clone()
}

/// The name of an event: that of the object and the time in nanoseconds, in hexadecimal.
///
/// Source: kubernetes v1.36 staging/src/k8s.io/client-go/tools/record/util/util.go,
/// `GenerateEventName`
/// Differs: no two events of a recorder have the same nanosecond, as none have on a real clock.
fn event_name(involved: &str, nanos: i64) -> Name {
    let mut digits = [0; 16];
    let mut rest = nanos.cast_unsigned();
    let mut first = digits.len();
    while rest > 0 || first == digits.len() {
        first -= 1;
        digits[first] = b"0123456789abcdef"[(rest & 0xf) as usize];
        rest >>= 4;
    }
    let mut name = SmolStrBuilder::new();
    name.push_str(involved);
    name.push('.');
    name.push_str(std::str::from_utf8(&digits[first..]).unwrap_or_default());
    name.finish()
}

impl Occurrence {
    /// What it must share to be limited together: the source and the object.
    ///
    /// Source: kubernetes v1.36 staging/src/k8s.io/client-go/tools/record/events_cache.go,
    /// `getSpamKey`
    fn spam_key(&self) -> u64 {
        let o = &*self.involved;
        let object = (&o.kind, &o.namespace, &o.name, o.uid, &o.api_version);
        hash(&(&self.component, &self.host, object))
    }

    /// What it must share to count as similar: all but the text and the part of the object.
    ///
    /// Source: kubernetes v1.36 staging/src/k8s.io/client-go/tools/record/events_cache.go,
    /// `EventAggregatorByReasonFunc`
    fn aggregate_key(&self, spam_key: u64) -> u64 {
        hash(&(spam_key, self.event_type, &self.reason))
    }

    /// What an occurrence must share with another to count as the same event.
    ///
    /// Source: kubernetes v1.36 staging/src/k8s.io/client-go/tools/record/events_cache.go,
    /// `getEventKey`
    fn event_key(&self, aggregate_key: u64, text: u64) -> u64 {
        hash(&(aggregate_key, &self.involved.field_path, text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn occurrence(object: &str, message: &str) -> Occurrence {
        let involved = Arc::new(ObjectReference {
            kind: "ReplicaSet".into(),
            namespace: "default".into(),
            name: object.into(),
            ..ObjectReference::default()
        });
        Occurrence {
            component: "replicaset-controller".into(),
            host: Name::default(),
            involved,
            event_type: EventType::Normal,
            reason: "SuccessfulCreate".into(),
            message: message.into(),
        }
    }

    fn short(recording: Recording) -> String {
        match recording {
            Recording::Create(r) => format!("create {}", r.what.message),
            Recording::Patch(r) => format!("patch {} {}", r.count, r.what.message),
            Recording::Drop => "drop".to_owned(),
        }
    }

    #[test]
    fn the_tenth_similar_event_is_combined_and_the_next_is_a_patch() {
        let mut recorder = EventRecorder::default();
        let mut record =
            |i| short(recorder.record(occurrence("web", &format!("pod {i}")), SimTime(i)));
        let got: Vec<String> = (1..=11).map(&mut record).skip(8).collect();
        let want = [
            "create pod 9",
            "create (combined from similar events): pod 10",
            "patch 2 (combined from similar events): pod 11",
        ];
        assert_eq!(got, want);
    }

    #[test]
    fn equal_events_are_counted_under_one_name_until_the_burst_is_used_up() {
        let mut recorder = EventRecorder::default();
        let mut record = |seconds| {
            recorder.record(occurrence("web", "again"), SimTime::ZERO + SimDuration::secs(seconds))
        };
        let Recording::Create(first) = record(0) else { panic!("the first is created") };
        assert_eq!(first.name, format!("web.{:x}", first.first.0));
        let Recording::Patch(second) = record(1) else { panic!("the second is a patch") };
        assert_eq!((second.name, second.count, second.first), (first.name, 2, first.first));
        let rest: Vec<String> = (2..26).map(|s| short(record(s))).collect();
        assert_eq!(rest[22..], ["patch 25 again", "drop"]);
        assert_eq!(short(record(301)), "patch 27 again");
    }

    #[test]
    fn one_instant_gives_different_names() {
        let mut recorder = EventRecorder::default();
        let mut name = |text| match recorder.record(occurrence("web", text), SimTime::ZERO) {
            Recording::Create(r) | Recording::Patch(r) => r.name,
            Recording::Drop => Name::default(),
        };
        assert_ne!(name("a"), name("b"));
    }

    #[test]
    fn a_quiet_time_ends_the_combining() {
        let mut recorder = EventRecorder::default();
        let mut last = String::new();
        for i in 0..10 {
            let now = SimTime::ZERO + SimDuration::secs(i / 9 * 601);
            last = short(recorder.record(occurrence("web", &format!("pod {i}")), now));
        }
        assert_eq!(last, "create pod 9");
    }

    #[test]
    fn an_event_that_reaches_nobody_is_tried_twelve_times() {
        let tries = (1..=100).take_while(|n| retry_after(*n, &mut |_| 0).is_some()).count();
        assert_eq!(tries + 1, 12);
    }
}
