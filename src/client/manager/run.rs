//! One worker's work on one key: the writes of its plan, step by step and batch by batch.

use std::sync::Arc;

use crate::api::meta::Uid;
use crate::api::object::{Kind, Object, ObjectKey};
use crate::api::refusal::Refusal;
use crate::api::request::{EventNote, Verb};
use crate::client::component::Moment;
use crate::client::expectations::Expectations;
use crate::client::plan::{Expect, Settled, Step, Write};
use crate::client::slow_start::SlowStart;
use crate::sim::time::SimDuration;

/// One worker's work on one key.
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
#[derive(Clone, Debug)]
pub(super) struct Run {
    pub(super) key: ObjectKey,
    pub(super) cause: u64,
    pub(super) steps: std::vec::IntoIter<Step>,
    pub(super) batch: Option<Batch>,
    pub(super) outstanding: usize,
    pub(super) retry: bool,
    pub(super) queue_again: bool,
    pub(super) give_up: bool,
    pub(super) stopped: bool,
    pub(super) skips: bool,
    pub(super) look_again: Option<SimDuration>,
    pub(super) housekeeping: bool,
    /// The versions that replies have brought, by uid.
    pub(super) versions: Vec<(Uid, u64)>,
    /// What they tell of writes that no expectation counts.
    pub(super) written: Vec<OwnWrite>,
    /// The newest of the creations that expectations count: its kind and version.
    pub(super) made: Option<(Kind, u64)>,
    /// Whether the controller goes on when the steps are done.
    pub(super) resumes: bool,
    /// What was answered to the steps, if it does.
    pub(super) settled: Vec<Settled>,
}

/// What a plan wrote, until the cache shows it.
#[derive(Clone, Debug)]
pub(super) struct OwnWrite {
    object: ObjectKey,
    version: u64,
    is_gone: bool,
}

impl OwnWrite {
    pub(super) fn of(object: &Object, is_gone: bool) -> OwnWrite {
        OwnWrite { object: object.key(), version: object.meta().resource_version, is_gone }
    }

    /// Whether the cache is at least as new as the write.
    pub(super) fn is_seen(&self, moment: &Moment<'_>) -> bool {
        let cache = moment.caches.of(self.object.kind);
        if !self.is_gone {
            return cache.newest() >= self.version;
        }
        let there = cache.get(&self.object.namespace, &self.object.name);
        there.is_none_or(|o| o.meta().resource_version > self.version)
    }
}

/// Writes that go in batches.
#[derive(Clone, Debug)]
pub(super) struct Batch {
    pub(super) waiting: std::collections::VecDeque<Write>,
    pub(super) pace: Option<SlowStart>,
    pub(super) begun: bool,
    pub(super) succeeded: u32,
}

impl Run {
    /// The writes that may go next: one, or a batch; none when the plan is done or was stopped.
    pub(super) fn next_writes(
        &mut self,
        expectations: &mut Expectations<ObjectKey, Uid>,
    ) -> Vec<Write> {
        if let Some(batch) = &mut self.batch {
            let (more, left_out) = batch.next();
            self.unexpect(left_out, expectations);
            if !more.is_empty() {
                return more;
            }
            self.batch = None;
        }
        if self.stopped {
            return Vec::new();
        }
        match self.next_step(expectations) {
            None | Some(Step::Landmark) => Vec::new(),
            Some(Step::One(write)) => vec![write],
            Some(Step::Batch { writes, slow_start }) => {
                let mut batch = Batch::new(writes, slow_start);
                let (first, _) = batch.next();
                self.batch = Some(batch);
                first
            }
        }
    }

    /// The next step that writes something; what is skipped is expected no more.
    fn next_step(&mut self, expectations: &mut Expectations<ObjectKey, Uid>) -> Option<Step> {
        loop {
            let left_out = match self.steps.next()? {
                Step::Landmark => {
                    self.skips = false;
                    continue;
                }
                step if !self.skips => return Some(step),
                Step::One(write) => vec![write],
                Step::Batch { writes, .. } => writes,
            };
            self.unexpect(left_out, expectations);
        }
    }

    fn unexpect(&self, writes: Vec<Write>, expectations: &mut Expectations<ObjectKey, Uid>) {
        for write in writes {
            match write.expect {
                Expect::Nothing => {}
                Expect::Creation => expectations.creation_observed(&self.key),
                Expect::Deletion(uid) => expectations.deletion_observed(&self.key, &uid),
            }
        }
    }

    /// Uses the version of an earlier reply where the write asks for it, by having none.
    pub(super) fn pass_on(&self, verb: &mut Verb) {
        let Verb::Update { object, .. } = verb else { return };
        if object.meta().resource_version != 0 {
            return;
        }
        let uid = object.meta().uid;
        if let Some((_, version)) = self.versions.iter().find(|(u, _)| *u == uid) {
            object.meta_mut().resource_version = *version;
        }
    }

    pub(super) fn learn(&mut self, object: &Object) {
        let meta = object.meta();
        match self.versions.iter_mut().find(|(u, _)| *u == meta.uid) {
            Some((_, version)) => *version = meta.resource_version,
            None => self.versions.push((meta.uid, meta.resource_version)),
        }
    }
}

impl Batch {
    pub(super) fn new(writes: Vec<Write>, slow_start: bool) -> Batch {
        let count = u32::try_from(writes.len()).unwrap_or(u32::MAX);
        let pace = slow_start.then(|| SlowStart::new(count, 1));
        Batch { waiting: writes.into(), pace, begun: false, succeeded: 0 }
    }

    /// The writes that go next, and those that never will.
    pub(super) fn next(&mut self) -> (Vec<Write>, Vec<Write>) {
        let Some(pace) = &mut self.pace else {
            return (self.waiting.drain(..).collect(), Vec::new());
        };
        if std::mem::replace(&mut self.begun, true) {
            pace.settle(self.succeeded.min(pace.batch()));
        }
        self.succeeded = 0;
        let count = (pace.batch() as usize).min(self.waiting.len());
        let more: Vec<Write> = self.waiting.drain(..count).collect();
        let left_out = if more.is_empty() { self.waiting.drain(..).collect() } else { Vec::new() };
        (more, left_out)
    }
}

/// An event with the name of the object and the words of the refusal filled in.
pub(super) fn filled(note: &EventNote, name: &str, refusal: Option<&Refusal>) -> EventNote {
    if !note.message.contains('{') {
        return note.clone();
    }
    let said = refusal.map_or("", |r| &*r.message);
    let message = note.message.replace("{name}", name).replace("{refusal}", said);
    EventNote { message: Arc::from(message), ..note.clone() }
}
