//! Circles: a state that comes again and again while somebody writes, and writes without end.
//!
//! The state of the store in normal form is kept as one number, to which each change takes away
//! the object's old form and adds its new one. When a state comes back for the fourth time since
//! people and weather last did anything, with objects made, deleted or changed in between, the
//! run goes round in a circle, and the writes between two visits are the circle.

use crate::api::message::{Origin, StoreChange};
use crate::api::note::{RefusedNote, is_heartbeat};
use crate::api::object::{Kind, Object};
use crate::check::{Breach, Look, state};
use crate::sim::index::Map;
use crate::sim::time::{SimDuration, SimTime};

/// How often a state must come back.
const VISITS: u32 = 4;

/// So many creations of one owner, or writes of one object by one actor, are without end.
const ENDLESS: u32 = 60;

/// So many refusals of the same are without end.
const REFUSED: u32 = 200;

/// They must take at least so long: a burst is no loop.
const BURST: SimDuration = SimDuration::secs(5);

/// Creations that go on without end come at least so often: jobs by the clock are none.
const OFTEN: SimDuration = SimDuration::secs(20);

/// Writes that may be shown.
const REMEMBERED: usize = 512;

/// What is remembered of the run since people and weather last did anything.
#[derive(Clone, Default)]
pub struct Lasso {
    /// The state, as one number.
    pub state: u64,
    since: SimTime,
    visits: Map<u64, Visit>,
    writes: Vec<String>,
    /// How many writes there were before those that are remembered.
    dropped: usize,
    /// The number of the last write that made, deleted or changed something.
    substantial: usize,
    made: Map<(Kind, u64), u32>,
    touched: Map<(u64, Kind, u64), u32>,
    /// By who asked, of what kind and name: how often that was refused, and since when.
    refused: Map<u64, (u32, SimTime)>,
    found: Option<Breach>,
}

#[derive(Clone, Copy, Default)]
struct Visit {
    count: u32,
    last: usize,
}

/// Whether a write makes, deletes or changes what is wanted, and not only tells how things are.
fn is_substantial(change: &StoreChange, origin: &Origin) -> bool {
    if origin.user.starts_with("kubelet/") || origin.subresource == "status" {
        return false;
    }
    match &change.old {
        None => true,
        Some(old) => {
            change.deleted
                || old.meta().is_deleting() != change.object.meta().is_deleting()
                || !change.object.same_spec(old)
                || old.meta().labels != change.object.meta().labels
        }
    }
}

fn of(text: &str) -> u64 {
    crate::sim::rng::keyed(0x1a550, text.as_bytes())
}

impl Lasso {
    /// Begins with what the store holds.
    pub fn begin(&mut self, objects: impl Iterator<Item = Object>) {
        for object in objects {
            self.state = self.state.wrapping_add(state::hash(&object));
        }
    }

    /// People or weather have done something: what comes back from now on counts anew.
    pub fn disturbed(&mut self, now: SimTime) {
        self.since = now;
        self.visits.clear();
        self.writes.clear();
        self.dropped = 0;
        self.substantial = 0;
        self.made.clear();
        self.touched.clear();
        self.refused.clear();
    }

    /// A request was refused: who asks again and again without a pause is in a hot loop.
    pub fn refused(&mut self, note: &RefusedNote, now: SimTime) {
        if self.found.is_some() || note.user == "weather" || note.verb == "get" {
            return;
        }
        let text = format!("{} {} {}", note.user, note.verb, note.resource);
        let (count, first) = self.refused.entry(of(&text)).or_insert((0, now));
        *count += 1;
        let (count, span) = (*count, now.since(*first));
        if count < REFUSED || u64::from(count) * 1_000_000_000 < span.0 || span < BURST {
            return;
        }
        let what = format!("hot loop: {text} was refused {count} times in {span}");
        self.found = Some(Breach { id: "L6", kind: None, what, at: now });
    }

    /// The circle or the loop that was found.
    pub fn found(&self) -> Option<&Breach> {
        self.found.as_ref()
    }

    /// Looks at a change; true when the state is another one.
    pub fn look(&mut self, look: &Look<'_>) -> bool {
        let (change, origin) = (look.change, look.origin);
        let kind = change.object.kind();
        if matches!(kind, Kind::EVENT | Kind::LEASE) || is_heartbeat(change) {
            return false;
        }
        let old = change.old.as_ref().map_or(0, state::hash);
        let new = if change.deleted { 0 } else { state::hash(&change.object) };
        self.state = self.state.wrapping_sub(old).wrapping_add(new);
        self.remember(look);
        if self.found.is_none() {
            self.count_writes(look);
            if is_substantial(change, origin) {
                self.substantial = self.dropped + self.writes.len();
            }
            if old != new {
                self.visit(look);
            }
        }
        old != new
    }

    fn remember(&mut self, look: &Look<'_>) {
        let meta = look.change.object.meta();
        let verb = match (&look.change.old, look.change.deleted) {
            (_, true) => "removes",
            (None, _) => "creates",
            (Some(old), _) if old.meta().is_deleting() != meta.is_deleting() => "deletes",
            (Some(_), _) => "changes",
        };
        let kind = look.change.object.kind().name();
        let part = look.origin.subresource;
        let part = if part.is_empty() { String::new() } else { format!("/{part}") };
        let name = if meta.generate_name.is_empty() { &meta.name } else { &meta.generate_name };
        let why = look.origin.why.to_string();
        let why = if why.is_empty() { why } else { format!(" ({why})") };
        let text = format!("{} {verb} {kind}{part} {name}{why}", look.origin.user);
        if self.writes.len() == REMEMBERED {
            self.writes.drain(..REMEMBERED / 2);
            self.dropped += REMEMBERED / 2;
        }
        self.writes.push(text);
    }

    fn visit(&mut self, look: &Look<'_>) {
        let at = self.dropped + self.writes.len();
        let visit = self.visits.entry(self.state).or_default();
        let begin = visit.last;
        visit.count += 1;
        visit.last = at;
        let goes_on = self.substantial > begin && begin > 0;
        if visit.count < VISITS || !goes_on || look.now.since(self.since) < BURST {
            return;
        }
        let from = begin.saturating_sub(self.dropped).min(self.writes.len());
        let circle = self.writes[from..].join(", then ");
        let what = format!("the same state came {} times: {circle}", visit.count);
        self.find("L3", look, what);
    }

    fn count_writes(&mut self, look: &Look<'_>) {
        let meta = look.change.object.meta();
        let kind = look.change.object.kind();
        let span = look.now.since(self.since);
        if look.change.old.is_none() {
            let owner = meta.controller().map_or(meta.namespace.as_str(), |o| o.name.as_str());
            let owner_of = of(owner);
            let made = self.made.entry((kind, owner_of)).or_default();
            *made += 1;
            let (made, limit) = (*made, ENDLESS + wanted(look));
            let often = u64::from(made) * OFTEN.0 > span.0;
            if made >= limit && span >= BURST && often {
                let user = &look.origin.user;
                let what = format!("{user} has created {made} of {} for {owner}", kind.name());
                self.find("S10", look, format!("without end: {what} in {span}"));
            }
            return;
        }
        let key = (of(&look.origin.user), kind, of(&meta.name));
        let touched = self.touched.entry(key).or_default();
        *touched += 1;
        // More than one write a second for a minute on end.
        let rate = u64::from(*touched) * 1_000_000_000 > span.0;
        if *touched >= ENDLESS && rate && span >= BURST && !kind_is_busy(kind) {
            let what = format!(
                "hot loop: {} has written {} {} {touched} times in {span}",
                look.origin.user,
                kind.name(),
                meta.name
            );
            self.find("L6", look, what);
        }
    }

    fn find(&mut self, id: &'static str, look: &Look<'_>, what: String) {
        let kind = Some(look.change.object.kind());
        self.found = Some(Breach { id, kind, what, at: look.now });
    }
}

/// Kinds that are written often while much goes on, by right.
fn kind_is_busy(kind: Kind) -> bool {
    matches!(kind, Kind::ENDPOINTS | Kind::ENDPOINT_SLICE | Kind::NODE)
}

/// How many an owner is to have, where that is known: so many creations are no loop.
fn wanted(look: &Look<'_>) -> u32 {
    let meta = look.change.object.meta();
    let Some(owner) = meta.controller() else { return 0 };
    let Some(kind) = Kind::of_version(&owner.api_version, &owner.kind) else { return 0 };
    let key = crate::api::object::ObjectKey::new(kind, &meta.namespace, &owner.name);
    let value = look.cluster.store().get(&key).map(Object::to_value).unwrap_or_default();
    let number = |path: &str| value.pointer(path).and_then(serde_json::Value::as_u64);
    let wanted = number("/spec/replicas").or(number("/spec/completions")).unwrap_or(0);
    u32::try_from(wanted * 3).unwrap_or(u32::MAX / 2)
}
