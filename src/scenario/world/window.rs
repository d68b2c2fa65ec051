//! A bounded history: of the log only a window of virtual time is kept.

use std::collections::BTreeMap;

use super::World;
use crate::api::note::Note;
use crate::api::object::{Object, ObjectKey};
use crate::sim::time::{SimDuration, SimTime};

impl World {
    /// Keeps the log for so long, from here on. What is older is forgotten a few thousand records
    /// at a time; the state at the cut takes the place of what was there at the beginning. The run
    /// itself is the same.
    pub fn keep_history(&mut self, window: SimDuration) {
        self.window = Some(window);
    }

    pub(super) fn forget(&mut self, now: SimTime) {
        let Some(window) = self.window.filter(|window| now.0 > window.0) else { return };
        let gone = self.cluster.engine.log_mut().forget_before(SimTime(now.0 - window.0));
        if gone.is_empty() {
            return;
        }
        let begun = self.beginning.iter().map(|object| (object.key(), object.clone()));
        let mut state: BTreeMap<ObjectKey, Object> = begun.collect();
        for record in gone.iter().flat_map(|chunk| chunk.iter()) {
            let Note::Write(write) = &record.note else { continue };
            let object = &write.change.object;
            if write.change.deleted {
                state.remove(&object.key());
            } else {
                state.insert(object.key(), object.clone());
            }
        }
        self.beginning = state.into_values().collect();
    }
}
