//! The log of a run: append-only, in sealed chunks that copies of the run share.

use std::sync::Arc;

use crate::sim::digest::{Canonical, Digest, DigestValue, Encoder};
use crate::sim::engine::ActorId;
use crate::sim::time::{SimTime, Start};

/// How many records make a chunk; after each the digest is noted.
const CHUNK: usize = 4096;

/// One thing that happened and that somebody may ask about.
#[derive(Clone, Debug)]
pub struct Record<N> {
    /// When.
    pub time: SimTime,
    /// In which turn of the engine.
    pub turn: u64,
    /// The turn that led to it: that of another record, or 0 for the beginning.
    pub cause: u64,
    /// Who did it.
    pub actor: ActorId,
    /// What.
    pub note: N,
}

/// What of a log is kept; the digest takes up everything in any case.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Keep {
    /// All records.
    #[default]
    All,
    /// None: for large runs of which only the end counts.
    Nothing,
}

/// The log of a run.
#[derive(Clone)]
pub struct Log<N> {
    sealed: Vec<Arc<Vec<Record<N>>>>,
    open: Vec<Record<N>>,
    digest: Digest,
    digests: Vec<(u64, DigestValue)>,
    taken: usize,
    keep: Keep,
    /// How many records were kept once and are forgotten.
    forgotten: usize,
    cut: Option<Cut>,
    start: Start,
}

/// Where a log begins of which the beginning is forgotten.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Cut {
    /// The instant of the last record that is forgotten.
    pub at: SimTime,
    /// The turn of it.
    pub turn: u64,
}

impl<N> Default for Log<N> {
    fn default() -> Self {
        Log {
            sealed: Vec::new(),
            open: Vec::new(),
            digest: Digest::default(),
            digests: Vec::new(),
            taken: 0,
            keep: Keep::All,
            forgotten: 0,
            cut: None,
            start: Start::USUAL,
        }
    }
}

impl<N: Canonical> Log<N> {
    /// What the wall clock showed when the run started.
    pub fn start(&self) -> Start {
        self.start
    }

    /// Says what the wall clock shows when the run starts.
    pub fn set_start(&mut self, start: Start) {
        self.start = start;
    }

    /// Chooses what is kept from here on.
    pub fn keep(&mut self, keep: Keep) {
        self.keep = keep;
    }

    /// Appends a record.
    pub fn append(&mut self, record: Record<N>) {
        let head = [record.time.0, record.turn, record.cause, u64::from(record.actor.0)];
        self.take_up(head, |out| record.note.encode(out));
        self.hold(|| record);
    }

    /// Appends a record whose note is made only if it is kept; `encode` writes its canonical form.
    pub fn append_lazily(
        &mut self,
        record: &Record<()>,
        encode: impl FnOnce(&mut Encoder),
        note: impl FnOnce() -> N,
    ) {
        let Record { time, turn, cause, actor, note: () } = *record;
        self.take_up([time.0, turn, cause, u64::from(actor.0)], encode);
        self.hold(|| Record { time, turn, cause, actor, note: note() });
    }

    fn take_up(&mut self, head: [u64; 4], encode: impl FnOnce(&mut Encoder)) {
        self.digest.take_up(head, encode);
        self.taken += 1;
        if self.taken.is_multiple_of(CHUNK) {
            self.digests.push((head[1], self.digest.value()));
        }
    }

    fn hold(&mut self, record: impl FnOnce() -> Record<N>) {
        if self.keep == Keep::All {
            self.open.push(record());
            if self.open.len() == CHUNK {
                self.sealed.push(Arc::new(std::mem::take(&mut self.open)));
            }
        }
    }

    /// The digest of all records so far.
    pub fn digest(&self) -> DigestValue {
        self.digest.value()
    }

    /// The digest after each 4,096 records, with the turn of the last of them: two runs that
    /// differ part between the first pair that does.
    pub fn digests(&self) -> &[(u64, DigestValue)] {
        &self.digests
    }

    /// How many records there were, kept or not.
    pub fn len(&self) -> usize {
        self.taken
    }

    /// Whether nothing has happened.
    pub fn is_empty(&self) -> bool {
        self.taken == 0
    }

    /// The kept records, in order.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &Record<N>> {
        self.sealed.iter().flat_map(|chunk| chunk.iter()).chain(&self.open)
    }

    /// Forgets records from before an instant, as far as they fill whole chunks; gives the chunks.
    /// The digest has taken them up.
    pub fn forget_before(&mut self, at: SimTime) -> Vec<Arc<Vec<Record<N>>>> {
        let is_old = |chunk: &&Arc<Vec<Record<N>>>| chunk.last().is_some_and(|r| r.time < at);
        let count = self.sealed.iter().take_while(is_old).count();
        let gone: Vec<_> = self.sealed.drain(..count).collect();
        self.forgotten += gone.len() * CHUNK;
        if let Some(last) = gone.last().and_then(|chunk| chunk.last()) {
            self.cut = Some(Cut { at: last.time, turn: last.turn });
        }
        gone
    }

    /// Where it begins, when its beginning is forgotten.
    pub fn cut(&self) -> Option<Cut> {
        self.cut
    }

    /// Says where a log begins that was read from elsewhere.
    pub fn set_cut(&mut self, cut: Option<Cut>) {
        self.cut = cut;
    }

    /// The kept records from the `n`-th on, forgotten ones counted.
    pub fn from(&self, n: usize) -> impl Iterator<Item = &Record<N>> {
        let n = n.saturating_sub(self.forgotten);
        let (chunk, rest) = (n / CHUNK, n % CHUNK);
        let sealed = self.sealed.iter().skip(chunk).flat_map(|chunk| chunk.iter());
        sealed.chain(&self.open).skip(rest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Clone, Debug)]
    struct Nothing;

    impl Canonical for Nothing {
        fn encode(&self, _: &mut Encoder) {}
    }

    fn record(n: u64) -> Record<Nothing> {
        Record { time: SimTime(n), turn: n, cause: 0, actor: ActorId(0), note: Nothing }
    }

    #[test]
    fn what_is_forgotten_is_old_and_fills_chunks_and_numbers_stay() {
        let (mut whole, mut window) = (Log::default(), Log::default());
        let many = 3 * CHUNK as u64 + 100;
        for n in 0..many {
            whole.append(record(n));
            window.append(record(n));
        }
        let gone = window.forget_before(SimTime(2 * CHUNK as u64 + 50));
        assert_eq!(gone.len(), 2, "the third chunk ends after the instant");
        let last = 2 * CHUNK as u64 - 1;
        assert_eq!(window.cut(), Some(Cut { at: SimTime(last), turn: last }));
        assert_eq!(whole.digest(), window.digest());
        let turns = |log: &Log<Nothing>, n| log.from(n).map(|r| r.turn).collect::<Vec<_>>();
        for n in [2 * CHUNK, 2 * CHUNK + 7, 3 * CHUNK + 99, 3 * CHUNK + 100] {
            assert_eq!(turns(&whole, n), turns(&window, n));
        }
        assert_eq!(turns(&window, 5), turns(&whole, 2 * CHUNK), "the rest is forgotten");
        assert!(window.forget_before(SimTime(0)).is_empty());
    }
}
