//! What happened to the pods on nodes, so that what was worked out from them can follow.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::api::core::pod::Pod;

/// So many entries are kept; who is further behind begins anew.
const KEPT: usize = 4096;

/// A pod came to a node or left it.
#[derive(Clone, Debug)]
pub struct Moved {
    /// The pod, in the version that counts.
    pub pod: Arc<Pod>,
    /// The node's slot.
    pub slot: u32,
    /// Whether it came.
    pub came: bool,
}

/// The last moves of pods. A clone is empty: whoever reads it begins anew.
#[derive(Debug, Default)]
pub struct Journal {
    entries: VecDeque<Moved>,
    first: u64,
}

impl Clone for Journal {
    fn clone(&self) -> Self {
        Journal { entries: VecDeque::new(), first: self.end() }
    }
}

impl Journal {
    pub(super) fn push(&mut self, pod: &Arc<Pod>, slot: u32, came: bool) {
        if self.entries.len() == KEPT {
            self.entries.pop_front();
            self.first += 1;
        }
        self.entries.push_back(Moved { pod: pod.clone(), slot, came });
    }

    /// The number that the next entry will have.
    pub fn end(&self) -> u64 {
        self.first + self.entries.len() as u64
    }

    /// The entries from a number on; none when some of them are forgotten.
    pub fn since(&self, from: u64) -> Option<impl Iterator<Item = &Moved>> {
        let skip = usize::try_from(from.checked_sub(self.first)?).ok()?;
        (skip <= self.entries.len()).then(|| self.entries.range(skip..))
    }
}
