//! What is done to messages on their way, as long as a fault lasts.

use std::collections::BTreeMap;

use smallvec::SmallVec;

use crate::api::Name;
use crate::api::message::Message;
use crate::api::object::Kind;
use crate::api::request::{Answer, Request, Verb, WatchEvent};
use crate::cluster::Cluster;
use crate::fault::fate::{Fate, carry_out, request_fate};
use crate::fault::plan::Occurrence;
use crate::fault::request::{How, Requests, lost};
use crate::fault::shuffle::{Shuffle, shuffled};
use crate::fault::weather::Weather;
use crate::sim::engine::{ActorId, Peer};
use crate::sim::time::SimTime;

/// What is done to messages, and until when.
#[derive(Clone, Debug)]
pub(super) struct Filter {
    pub(super) what: What,
    pub(super) until: SimTime,
    /// How many it may hit yet; none for all.
    pub(super) left: Option<u32>,
    /// How many it has hit.
    pub(super) hits: u32,
    /// The fault that it belongs to.
    pub(super) fault: Name,
    pub(super) number: u64,
    /// Who has just asked for a pod without ever learning what becomes of it.
    unsure: Option<Name>,
}

/// What is done to which messages.
#[derive(Clone, Debug)]
pub(super) enum What {
    /// Something to requests; `lost` are those whose answers will be.
    Requests { which: Box<Requests>, how: Box<How>, lost: Vec<(Peer, u64)> },
    /// What a client watches comes when the fault is over, or never.
    Watch { actor: ActorId, kind: Option<Kind>, lost: bool },
    /// Lists of a client are answered from the past, and what it watches comes when it is over.
    Past { actor: ActorId, revision: u64 },
    /// etcd takes no writes.
    Store,
    /// Messages are held up; `last` is when the last one between two arrives.
    Shuffle { how: Shuffle, last: BTreeMap<(ActorId, ActorId), SimTime>, count: u64 },
}

impl Filter {
    pub(super) fn new(what: What, until: SimTime, left: Option<u32>) -> Filter {
        Filter { what, until, left, hits: 0, fault: Name::default(), number: 0, unsure: None }
    }

    /// Whether it does nothing any more.
    pub(super) fn is_spent(&self) -> bool {
        let waits = matches!(&self.what, What::Requests { lost, .. } if !lost.is_empty());
        self.left == Some(0) && !waits
    }

    fn hit(&mut self) {
        self.hits += 1;
        self.left = self.left.map(|n| n.saturating_sub(1));
    }
}

impl Weather {
    /// Whether messages are to be looked at before they arrive.
    pub fn taps(&self) -> bool {
        self.counting || !self.filters.is_empty() || self.waits_for_messages()
    }

    /// Looks at what comes next; true when that is dealt with, and the engine is not to turn.
    pub fn tap(&mut self, cluster: &mut Cluster) -> bool {
        let Some(at) = cluster.engine.next_time() else { return false };
        let Some(coming) = cluster.engine.coming() else { return false };
        if !coming.postponed {
            let (from, occurred) = (coming.from, self.occurred(coming.to, coming.message, cluster));
            if self.bring(occurred, at, cluster) {
                let gone =
                    cluster.engine.peer(from.actor) != from || !cluster.engine.is_up(from.actor);
                if gone {
                    cluster.engine.lose_coming();
                    return true;
                }
                if cluster.engine.coming().is_none() {
                    return false;
                }
            }
        }
        if self.filters.is_empty() {
            return false;
        }
        self.filter(at, cluster)
    }

    /// What the arrival of a message means for those who wait for an occurrence.
    fn occurred(&self, to: Peer, message: &Message, cluster: &Cluster) -> Vec<Seen> {
        if !self.counting && !self.waits_for_messages() {
            return Vec::new();
        }
        match message {
            Message::Request(_, request) if !request.verb.is_read_only() => {
                let kind = request.verb.key().kind;
                vec![Seen::before(&request.user, kind, request.verb.name())]
            }
            Message::Watched(_, events) => {
                let actor = Name::new(user_of(cluster, to.actor));
                let seen = |e: &WatchEvent| Seen::event(&actor, e.object.kind(), e.change.as_str());
                events.iter().map(seen).collect()
            }
            Message::Request(..)
            | Message::Answer(..)
            | Message::WatchClosed(..)
            | Message::Bookmark(..)
            | Message::StopWatch(_)
            | Message::Transaction(..)
            | Message::Range(..)
            | Message::WatchStore(_)
            | Message::Stored(..)
            | Message::Changed(_)
            | Message::Compacted(_)
            | Message::Runtime(..)
            | Message::Beside(_) => Vec::new(),
        }
    }

    /// Counts occurrences, and lets the faults begin that they bring; true when one has.
    fn bring(&mut self, occurred: Vec<Seen>, at: SimTime, cluster: &mut Cluster) -> bool {
        let mut begun = false;
        for seen in occurred {
            for inject in self.count(&seen) {
                cluster.engine.advance(at);
                let by_write = seen.phase == Phase::Before;
                if let Err(why) = self.inject_at(&inject, by_write, cluster) {
                    self.misses.push(why);
                }
                begun = true;
            }
        }
        begun
    }

    fn filter(&mut self, at: SimTime, cluster: &mut Cluster) -> bool {
        let Some(coming) = cluster.engine.coming() else { return false };
        let (from, to) = (coming.from, coming.to);
        let mut fate = Fate::Arrives;
        let mut by = None;
        // A schedule comes before what befalls single messages, and there is one at a time: else
        // a message could overtake another one on its connection.
        let schedule = self.filters.iter().position(|f| f.is_schedule() && at < f.until);
        let others = (0..self.filters.len()).filter(|n| !self.filters[*n].is_schedule());
        for n in schedule.into_iter().chain(others.collect::<SmallVec<[usize; 8]>>()) {
            let filter = &mut self.filters[n];
            fate = filter.fate((from, to), coming.message, coming.postponed, at);
            if !matches!(fate, Fate::Arrives) {
                by = Some(n);
                break;
            }
        }
        for filter in &mut self.filters {
            if let Some(user) = filter.unsure.take() {
                *self.unsure.entry(user).or_default() += 1;
            }
        }
        let Some(n) = by else { return false };
        let told = told(coming.message);
        carry_out(fate, at, cluster);
        let fault = self.filters[n].fault.clone();
        if let Some((who, what)) = told
            && !self.filters[n].is_schedule()
            && self.filters[n].hits <= 20
        {
            self.mark(&fault, who, &what, cluster);
        }
        if self.filters[n].is_spent() {
            let number = self.filters.remove(n).number;
            self.ended_early(number, cluster);
        }
        true
    }
}

impl Filter {
    fn is_schedule(&self) -> bool {
        matches!(self.what, What::Shuffle { .. })
    }

    fn fate(&mut self, ends: (Peer, Peer), message: &Message, late: bool, at: SimTime) -> Fate {
        let fate = if let Message::Request(id, request) = message {
            self.of_request(ends, *id, request, late, at)
        } else if let Message::Answer(id, answer) = message {
            self.of_answer(ends.1, *id, answer)
        } else {
            self.of_stream(ends.1, message, at)
        };
        let fate = match (&mut self.what, fate) {
            (What::Shuffle { how, last, count }, Fate::Arrives)
                if at < self.until && !late && !matches!(message, Message::Runtime(..)) =>
            {
                *count += 1;
                let between = (ends.0.actor, ends.1.actor);
                let to = shuffled(how, last, *count, between, (at, self.until));
                to.map_or(Fate::Arrives, Fate::Later)
            }
            (_, fate) => fate,
        };
        if !matches!(fate, Fate::Arrives) && !matches!(message, Message::Answer(..)) {
            self.hit();
        }
        fate
    }

    fn of_request(
        &mut self,
        (from, _): (Peer, Peer),
        id: u64,
        request: &Request,
        late: bool,
        at: SimTime,
    ) -> Fate {
        let open = self.left != Some(0) && at <= self.until;
        if let What::Past { actor, revision } = &self.what {
            let Verb::List(options) = &request.verb else { return Fate::Arrives };
            let asks = at < self.until && from.actor == *actor && options.resource_version == "0";
            return if asks { Fate::Past(options.clone(), *revision) } else { Fate::Arrives };
        }
        let What::Requests { which, how, lost } = &mut self.what else { return Fate::Arrives };
        if !open || late || !which.matches(&request.user, &request.verb) {
            return Fate::Arrives;
        }
        let makes = matches!(request.verb, Verb::Create { .. } | Verb::Post { .. });
        if makes
            && request.verb.key().kind == Kind::POD
            && matches!(**how, How::Lose | How::Delay(_, Some(_)))
        {
            self.unsure = Some(request.user.clone());
        }
        if **how == How::Lose {
            lost.push((from, id));
            self.hit();
            return Fate::Arrives;
        }
        request_fate(how, id, request, at)
    }

    /// An answer that was to be lost; what the apiserver has refused was not carried out, so its
    /// loss would hit nothing.
    fn of_answer(&mut self, to: Peer, id: u64, answer: &Answer) -> Fate {
        let What::Requests { lost, .. } = &mut self.what else { return Fate::Arrives };
        if !lost.contains(&(to, id)) {
            return Fate::Arrives;
        }
        lost.retain(|one| *one != (to, id));
        let answer = match answer {
            Answer::Refused(_) => answer.clone(),
            Answer::Object(_)
            | Answer::List(_)
            | Answer::Watching
            | Answer::Deleted(_)
            | Answer::Done => Answer::Refused(self::lost()),
        };
        Fate::Changed(Box::new(Message::Answer(id, answer)))
    }

    /// What is told on a watch, or asked of the store.
    fn of_stream(&mut self, to: Peer, message: &Message, at: SimTime) -> Fate {
        let until = self.until;
        if at >= until {
            return Fate::Arrives;
        }
        match (&self.what, message) {
            (What::Watch { actor, kind, lost }, Message::Watched(_, events))
                if to.actor == *actor && concerns(*kind, events) =>
            {
                if *lost {
                    Fate::Lost
                } else {
                    Fate::Later(until)
                }
            }
            (What::Past { actor, .. }, Message::Watched(..)) if to.actor == *actor => {
                Fate::Later(until)
            }
            (What::Watch { actor, .. } | What::Past { actor, .. }, Message::Bookmark(..))
                if to.actor == *actor =>
            {
                Fate::Lost
            }
            (What::Store, Message::Transaction(token, _)) => Fate::NoLeader(*token),
            _ => Fate::Arrives,
        }
    }
}

fn concerns(kind: Option<Kind>, events: &[WatchEvent]) -> bool {
    kind.is_none_or(|kind| events.first().is_some_and(|e| e.object.kind() == kind))
}

/// Whom a message that was hit is about, in words.
fn told(message: &Message) -> Option<(Name, String)> {
    let Message::Request(_, request) = message else { return None };
    let key = request.verb.key();
    let what = format!("{} {} {}", request.verb.name(), key.kind.row().plural, key.name);
    Some((request.user.clone(), what))
}

/// The name under which an actor watches: that of its component, `kubelet/NODE`, or its own.
pub(super) fn user_of(cluster: &Cluster, actor: ActorId) -> String {
    let name = cluster.engine.name(actor);
    let is_node = cluster.topology.nodes.get(name).is_some_and(|(id, _)| *id == actor);
    if is_node { format!("kubelet/{name}") } else { name.to_owned() }
}

/// In which phase of a write or watch something was seen.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Phase {
    /// A write has come to an apiserver.
    Before,
    /// A write is in the store.
    After,
    /// A client is told of a change.
    Event,
}

/// Something that has occurred once more.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Seen {
    /// In which phase.
    pub phase: Phase,
    /// Who wrote, or who was told.
    pub actor: Name,
    /// The kind of the object.
    pub kind: Kind,
    /// The verb of a write, or the type of a change.
    pub verb: &'static str,
}

impl Seen {
    fn before(actor: &Name, kind: Kind, verb: &'static str) -> Seen {
        Seen { phase: Phase::Before, actor: actor.clone(), kind, verb }
    }

    pub(super) fn after(actor: &Name, kind: Kind, verb: &'static str) -> Seen {
        Seen { phase: Phase::After, actor: actor.clone(), kind, verb }
    }

    fn event(actor: &Name, kind: Kind, change: &'static str) -> Seen {
        Seen { phase: Phase::Event, actor: actor.clone(), kind, verb: change }
    }

    /// Whether it is one of those that are waited for.
    pub fn is(&self, what: &Occurrence) -> bool {
        match (what, self.phase) {
            (Occurrence::BeforeWrite(w), Phase::Before)
            | (Occurrence::AfterWrite(w), Phase::After) => {
                w.matches(&self.actor, self.kind, self.verb)
            }
            (Occurrence::Event(e), Phase::Event) => e.matches(&self.actor, self.kind, self.verb),
            (
                Occurrence::BeforeWrite(_)
                | Occurrence::AfterWrite(_)
                | Occurrence::Event(_)
                | Occurrence::Change(_),
                _,
            ) => false,
        }
    }
}
