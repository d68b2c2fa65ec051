//! Pairs: the second fault falls into the recovery from the first.

use crate::explore::draw::Corpus;
use crate::explore::reference::{Occurred, Reference};
use crate::explore::sweep::{crash_after, nth};
use crate::fault::parameter::{Requests, Watched};
use crate::fault::plan::{Entry, Occurrence};
use crate::fault::tap::Phase;
use crate::fault::{Fault, Plan, Trigger};
use crate::sim::time::SimDuration;

/// So many first faults are followed, those that showed something new before others.
const FIRST: usize = 40;

/// So many writes of the same actor after the first fault are second places.
const PLACES: usize = 4;

/// So many of them at once.
const AT_ONCE: usize = 8;

/// Which first faults were followed already.
#[derive(Default)]
pub(super) struct Pairs {
    followed: Vec<Plan>,
}

impl Pairs {
    /// Pairs whose first faults have told most of those that were not followed yet.
    pub(super) fn next(&mut self, reference: &Reference, corpus: &Corpus) -> Vec<Plan> {
        let mut all = Vec::new();
        while all.is_empty() {
            let left = FIRST.saturating_sub(self.followed.len()).min(AT_ONCE);
            let mut firsts = corpus.most_telling(usize::MAX);
            firsts.retain(|plan| plan.entries.len() == 1 && !self.followed.contains(plan));
            firsts.truncate(left);
            if firsts.is_empty() {
                break;
            }
            firsts.iter().for_each(|first| all.extend(of(first, reference)));
            self.followed.extend(firsts);
        }
        all
    }
}

/// The pairs with a first fault.
fn of(first: &Plan, reference: &Reference) -> Vec<Plan> {
    let Some(entry) = first.entries.first() else { return Vec::new() };
    let Some(actor) = actor_of(entry) else { return Vec::new() };
    let places = after(reference, entry, &actor);
    let second = |place: &Occurred| second(reference, place);
    let entries = places.into_iter().take(PLACES).flat_map(second);
    entries.map(|entry| first.with(entry)).collect()
}

/// The actor whose write or watch brings a fault.
fn actor_of(entry: &Entry) -> Option<String> {
    match &entry.trigger {
        Trigger::When(Occurrence::BeforeWrite(w) | Occurrence::AfterWrite(w), _) => {
            Some(w.actor.clone())
        }
        Trigger::When(Occurrence::Event(e), _) => Some(e.actor.clone()),
        Trigger::When(Occurrence::Change(_), _) | Trigger::At(_) => None,
    }
}

/// The writes of an actor, or of one of its process, after a fault has come.
fn after<'a>(reference: &'a Reference, entry: &Entry, actor: &str) -> Vec<&'a Occurred> {
    let Trigger::When(what, n) = &entry.trigger else { return Vec::new() };
    let place = (*n).max(1) as usize - 1;
    let meant = reference.seen.iter().enumerate().filter(|(_, o)| o.what.is(what)).nth(place);
    let Some((at, _)) = meant else { return Vec::new() };
    let own = |o: &&Occurred| {
        let process = reference.process_of.get(&o.what.actor).map(String::as_str);
        o.what.phase == Phase::Before && (o.what.actor == actor || process == Some(actor))
    };
    reference.seen[at..].iter().filter(own).collect()
}

fn second(reference: &Reference, o: &Occurred) -> Vec<Entry> {
    let (writes, n) = nth(o);
    let requests = Requests {
        actor: Some(writes.actor.clone()),
        kind: writes.kind.clone(),
        verbs: writes.verb.iter().cloned().collect(),
        ..Requests::default()
    };
    let before = Occurrence::BeforeWrite(writes);
    let lost = Entry::when(before.clone(), n, Fault::ApiLost(requests), None);
    let mut all = vec![lost];
    all.extend(crash_after(reference, o));
    if let Some(process) = reference.process_of.get(&o.what.actor) {
        let kind = Some(o.what.kind.name().to_owned());
        let watched = Watched { actor: process.clone(), kind };
        let lag = Fault::WatchLag(watched);
        all.push(Entry::when(before, n, lag, Some(SimDuration::secs(5))));
    }
    all
}
