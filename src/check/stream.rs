//! S2: what a watch tells is in order and tells nothing twice.

use crate::api::message::Message;
use crate::check::Breach;
use crate::sim::engine::Peer;
use crate::sim::index::Map;
use crate::sim::time::SimTime;

/// Up to which revision each watch has told, of which bookmarks count too.
#[derive(Clone, Default)]
pub struct Streams {
    told: Map<(Peer, u64), u64>,
    found: Option<Breach>,
}

impl Streams {
    /// A message is about to arrive.
    pub fn look(&mut self, to: Peer, message: &Message, now: SimTime) {
        match message {
            Message::Watched(id, events) => {
                let told = self.told.entry((to, *id)).or_default();
                let mut wrong = None;
                for event in events {
                    if event.revision <= *told {
                        wrong = Some((event.revision, *told, event.object.kind()));
                    }
                    *told = event.revision;
                }
                if let Some((revision, before, kind)) = wrong.filter(|_| self.found.is_none()) {
                    let what = format!("a watch tells of revision {revision} after {before}");
                    self.found = Some(Breach { id: "S2", kind: Some(kind), what, at: now });
                }
            }
            Message::Bookmark(id, revision, _) => {
                let told = self.told.entry((to, *id)).or_default();
                if *revision < *told && self.found.is_none() {
                    let what = format!("a watch is at {told} and says that it is at {revision}");
                    self.found = Some(Breach { id: "S2", kind: None, what, at: now });
                }
                *told = (*told).max(*revision);
            }
            Message::WatchClosed(id, _) => {
                self.told.remove(&(to, *id));
            }
            Message::Request(..)
            | Message::Answer(..)
            | Message::StopWatch(_)
            | Message::Transaction(..)
            | Message::Range(..)
            | Message::WatchStore(_)
            | Message::Stored(..)
            | Message::Changed(_)
            | Message::Compacted(_)
            | Message::Runtime(..)
            | Message::Beside(_) => {}
        }
    }

    /// The store was set back: revisions begin again from there.
    pub fn restored(&mut self) {
        self.told.clear();
    }

    /// What is wrong.
    pub fn found(&self) -> Option<&Breach> {
        self.found.as_ref()
    }
}
