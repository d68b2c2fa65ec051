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

/// Pairs of faults.
pub(super) fn pairs(reference: &Reference, corpus: &Corpus) -> Vec<Plan> {
    let mut all = Vec::new();
    for first in corpus.most_telling(FIRST) {
        let Some(entry) = first.entries.first() else { continue };
        let Some(actor) = actor_of(entry) else { continue };
        let places = after(reference, entry, &actor);
        for place in places.into_iter().take(PLACES) {
            all.extend(second(reference, place).into_iter().map(|entry| first.with(entry)));
        }
    }
    all
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
