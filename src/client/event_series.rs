//! What becomes of the events of a component that uses the events.k8s.io API, as the scheduler.
//!
//! The first of several equal events is written, the second makes it a series, and the further
//! ones are only counted and written now and then. Like the other recorder it never writes itself.

use std::collections::BTreeMap;

use crate::api::Name;
use crate::api::time::Time;
use crate::client::event_recorder::{Occurrence, Recorded, Recording};
use crate::sim::index::hash;
use crate::sim::time::{SimDuration, SimTime};

/// How often all series are written.
///
/// Source: kubernetes v1.36 staging/src/k8s.io/client-go/tools/events/event_broadcaster.go,
/// `refreshTime`
pub const REFRESH_TIME: SimDuration = SimDuration::secs(30 * 60);

/// How often series are looked through for those that are over, and after how long a quiet time
/// one is.
///
/// Source: kubernetes v1.36 staging/src/k8s.io/client-go/tools/events/event_broadcaster.go,
/// `finishTime`
pub const FINISH_TIME: SimDuration = SimDuration::secs(6 * 60);

/// The event broadcaster of one component.
///
/// Source: kubernetes v1.36 staging/src/k8s.io/client-go/tools/events/event_broadcaster.go,
/// `eventBroadcasterImpl`
#[derive(Clone, Debug, Default)]
pub struct SeriesRecorder {
    /// In the order in which they were first recorded.
    open: BTreeMap<i64, Recorded>,
    keys: BTreeMap<u64, i64>,
    last_name: i64,
}

impl SeriesRecorder {
    /// Decides what becomes of an occurrence. `action` is what the component was doing, and
    /// `resource_version` that of the object it is about: an event about another version of the
    /// object is another event, whatever its text.
    ///
    /// Source: kubernetes v1.36 staging/src/k8s.io/client-go/tools/events/event_broadcaster.go,
    /// `recordToSink`, `getKey`
    pub fn record(
        &mut self,
        what: Occurrence,
        action: &str,
        resource_version: u64,
        now: SimTime,
    ) -> Recording {
        let key = series_key(&what, action, resource_version);
        if let Some(event) = self.keys.get(&key).and_then(|slot| self.open.get_mut(slot)) {
            event.count = event.count.saturating_add(1);
            event.last = Time::at(now);
            let second = event.count == 2;
            return if second { Recording::Patch(event.clone()) } else { Recording::Drop };
        }
        let slot = Time::at(now).0.max(self.last_name.saturating_add(1));
        self.last_name = slot;
        let event = Recorded::first(what, slot, now);
        self.open.insert(slot, event.clone());
        self.keys.insert(key, slot);
        Recording::Create(event)
    }

    /// The series, all of which are to be written; to be called each [`REFRESH_TIME`].
    ///
    /// Source: kubernetes v1.36 staging/src/k8s.io/client-go/tools/events/event_broadcaster.go,
    /// `refreshExistingEventSeries`
    pub fn refresh(&self) -> Vec<Recorded> {
        self.open.values().filter(|e| e.count > 1).cloned().collect()
    }

    /// Forgets the events that have been quiet, and returns the series among them, which are to be
    /// written a last time; to be called each [`FINISH_TIME`].
    ///
    /// Source: kubernetes v1.36 staging/src/k8s.io/client-go/tools/events/event_broadcaster.go,
    /// `finishSeries`
    pub fn finish(&mut self, now: SimTime) -> Vec<Recorded> {
        let limit = Time::at(now).minus(FINISH_TIME);
        let mut over = Vec::new();
        self.open.retain(|_, event| {
            let quiet = event.last < limit;
            if quiet && event.count > 1 {
                over.push(event.clone());
            }
            !quiet
        });
        self.keys.retain(|_, slot| self.open.contains_key(slot));
        over
    }
}

/// What events of one series share; their text is not part of it.
fn series_key(what: &Occurrence, action: &str, resource_version: u64) -> u64 {
    let source: (&Name, &Name) = (&what.component, &what.host);
    hash(&(source, &what.involved, resource_version, what.event_type, &what.reason, action))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::event_recorder::{EventType, ObjectReference};

    fn at(seconds: u64) -> SimTime {
        SimTime::ZERO + SimDuration::secs(seconds)
    }

    fn failed(recorder: &mut SeriesRecorder, version: u64, now: SimTime) -> String {
        let involved = ObjectReference { name: "big".into(), ..ObjectReference::default() }.into();
        let what = Occurrence {
            component: "default-scheduler".into(),
            host: Name::default(),
            involved,
            event_type: EventType::Warning,
            reason: "FailedScheduling".into(),
            message: "0/3 nodes are available".into(),
        };
        match recorder.record(what, "Scheduling", version, now) {
            Recording::Create(_) => "create".to_owned(),
            Recording::Patch(event) => format!("patch {}", event.count),
            Recording::Drop => "drop".to_owned(),
        }
    }

    #[test]
    fn the_second_makes_a_series_and_another_version_another_event() {
        let mut recorder = SeriesRecorder::default();
        let mut say = |version, seconds| failed(&mut recorder, version, at(seconds));
        let got = [say(1, 0), say(1, 1), say(1, 2), say(2, 3)];
        assert_eq!(got, ["create", "patch 2", "drop", "create"]);
        assert_eq!(recorder.refresh().iter().map(|e| e.count).collect::<Vec<_>>(), [3]);
    }

    #[test]
    fn a_quiet_series_is_written_a_last_time() {
        let mut recorder = SeriesRecorder::default();
        for (version, seconds) in [(1, 0), (1, 1), (1, 2), (2, 3)] {
            failed(&mut recorder, version, at(seconds));
        }
        assert_eq!(recorder.finish(at(362)).len(), 0);
        assert_eq!(recorder.finish(at(363)).iter().map(|e| e.count).collect::<Vec<_>>(), [3]);
        assert_eq!((recorder.open.len(), recorder.keys.len()), (1, 1));
        assert_eq!(failed(&mut recorder, 1, at(364)), "create");
    }
}
