//! What is done to messages on their way, as long as a fault lasts.

use std::collections::BTreeMap;

use crate::api::Name;
use crate::api::message::{Message, StoreAnswer};
use crate::api::object::{Kind, Object};
use crate::api::refusal::Refusal;
use crate::api::request::{Answer, ListOptions, ObjectList, Request, Verb, WatchEvent};
use crate::apiserver::list;
use crate::cluster::Cluster;
use crate::fault::plan::Occurrence;
use crate::fault::request::{How, Requests, conflicting, lost, mutated};
use crate::fault::shuffle::Shuffle;
use crate::fault::weather::Weather;
use crate::sim::engine::{ActorId, Peer};
use crate::sim::rng::keyed;
use crate::sim::time::{SimDuration, SimTime};

/// How long it takes to say no.
const AT_ONCE: SimDuration = SimDuration::millis(1);

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

/// What becomes of the message that comes next.
enum Fate {
    /// It arrives.
    Arrives,
    /// It is lost.
    Lost,
    /// It comes later.
    Later(SimTime),
    /// The apiserver says no before anything is done.
    Refused(Refusal),
    /// A client gives up, and it comes later all the same.
    GivenUp(SimTime, SimTime),
    /// It says something else.
    Changed(Box<Message>),
    /// It is answered from the past.
    Past(Box<ListOptions>, u64),
    /// etcd says no.
    NoLeader(u64),
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
        for (n, filter) in self.filters.iter_mut().enumerate() {
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

/// Lets a message meet its fate.
fn carry_out(fate: Fate, at: SimTime, cluster: &mut Cluster) {
    {
        let engine = &mut cluster.engine;
        let Some(coming) = engine.coming() else { return };
        let (from, to, cause) = (coming.from, coming.to, coming.cause);
        let id = if let Message::Request(id, _) = coming.message { *id } else { 0 };
        match fate {
            Fate::Arrives => {}
            Fate::Lost => engine.lose_coming(),
            Fate::Later(until) => engine.postpone_coming(until),
            Fate::Refused(refusal) => {
                engine.lose_coming();
                let answer = Message::Answer(id, Answer::Refused(refusal));
                engine.forge(to, from, at + AT_ONCE, cause, answer);
            }
            Fate::GivenUp(gives_up, until) => {
                engine.postpone_coming(until);
                let refusal = Refusal::timeout("context deadline exceeded", 0);
                let answer = Message::Answer(id, Answer::Refused(refusal));
                engine.forge(to, from, gives_up, cause, answer);
            }
            Fate::Changed(message) => engine.change_coming(|old| *old = *message),
            Fate::Past(options, revision) => {
                engine.lose_coming();
                let answer = Message::Answer(id, past(cluster, &options, revision));
                cluster.engine.forge(to, from, at + AT_ONCE, cause, answer);
            }
            Fate::NoLeader(token) => {
                engine.lose_coming();
                let answer = StoreAnswer::Unavailable("etcdserver: no leader");
                engine.forge(to, from, at + AT_ONCE, cause, Message::Stored(token, answer));
            }
        }
    }
}

impl Filter {
    fn fate(&mut self, ends: (Peer, Peer), message: &Message, late: bool, at: SimTime) -> Fate {
        let open = self.left != Some(0) && at <= self.until;
        let fate = if let Message::Request(id, request) = message {
            self.of_request(ends, *id, request, late, at)
        } else if let Message::Answer(id, answer) = message {
            self.of_answer(ends.1, *id, answer)
        } else {
            self.of_stream(ends.1, message, at)
        };
        let fate = match (&mut self.what, fate) {
            (What::Shuffle { how, last, count }, Fate::Arrives)
                if open && !late && !matches!(message, Message::Runtime(..)) =>
            {
                *count += 1;
                shuffled(how, last, *count, (ends.0.actor, ends.1.actor), at)
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

fn request_fate(how: &How, id: u64, request: &Request, at: SimTime) -> Fate {
    match how {
        How::Refuse(failing) => Fate::Refused(failing.refusal(&request.verb)),
        How::Conflict => match &request.verb {
            Verb::Update { .. } | Verb::Put { .. } => Fate::Refused(conflicting(&request.verb)),
            Verb::Get(_)
            | Verb::List(_)
            | Verb::Watch(_)
            | Verb::Create { .. }
            | Verb::Post { .. }
            | Verb::Patch { .. }
            | Verb::Delete { .. }
            | Verb::DeleteCollection { .. }
            | Verb::Bind { .. }
            | Verb::Evict { .. } => Fate::Arrives,
        },
        How::Lose => Fate::Arrives,
        How::Delay(span, None) => Fate::Later(at + *span),
        How::Delay(span, Some(patience)) => Fate::GivenUp(at + *patience, at + *span),
        How::Mutate(patch) => {
            let mut changed = request.clone();
            mutated(&mut changed.verb, patch);
            if changed == *request {
                return Fate::Arrives;
            }
            Fate::Changed(Box::new(Message::Request(id, Box::new(changed))))
        }
    }
}

fn shuffled(
    how: &Shuffle,
    last: &mut BTreeMap<(ActorId, ActorId), SimTime>,
    count: u64,
    ends: (ActorId, ActorId),
    at: SimTime,
) -> Fate {
    let most = u128::from(how.most.0) + 1;
    let scaled = |bits: u64| u64::try_from((u128::from(bits) * most) >> 64).unwrap_or(0);
    let wait = if how.ranks {
        // One change of rank a second, so that no process is behind for good.
        let second = at.0 / 1_000_000_000;
        let key = [ends.1.0.to_le_bytes().as_slice(), &second.to_le_bytes()].concat();
        let bits = keyed(how.seed, &key);
        if bits & 1 == 0 { 0 } else { scaled(bits) }
    } else {
        scaled(keyed(how.seed, &count.to_le_bytes()))
    };
    let earliest = last.get(&ends).copied();
    let to = (at + SimDuration(wait)).max(earliest.unwrap_or_default());
    last.insert(ends, to);
    // What was put off to this very instant comes first.
    if to > at || earliest == Some(at) { Fate::Later(to) } else { Fate::Arrives }
}

/// The answer to a list as it was at a revision.
fn past(cluster: &Cluster, options: &ListOptions, revision: u64) -> Answer {
    let store = cluster.store();
    let items = store.list_at(options.kind, revision).unwrap_or_else(|_| store.list(options.kind));
    let items: Vec<Object> = items.into_iter().filter(|o| list::matches(o, options)).collect();
    let page = ObjectList {
        resource_version: revision,
        items,
        continue_token: Name::default(),
        remaining: None,
    };
    Answer::List(std::sync::Arc::new(page))
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
