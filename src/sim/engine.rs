//! The engine: takes the next thing from the agenda and gives it to its actor, one at a time.

mod coming;
mod context;

use std::sync::Arc;

pub use coming::Coming;

use crate::sim::agenda::Agenda;
use crate::sim::digest::{Canonical, DigestValue};
use crate::sim::link::{Links, Trouble};
use crate::sim::log::Log;
use crate::sim::time::SimTime;

/// Something that can crash, lag, pause or be cut off by itself.
///
/// An actor changes only itself and speaks only through its [`Context`].
pub trait Actor: Clone + Send {
    /// What actors send each other.
    type Message: Clone + Send;
    /// What goes into the log.
    type Note: Clone + Send + Sync + Canonical;

    /// The beginning of a life: at the start of the run and after every crash.
    fn start(&mut self, context: &mut Context<'_, Self>);

    /// A message has come.
    fn receive(&mut self, from: Peer, message: Self::Message, context: &mut Context<'_, Self>);

    /// An alarm that the actor set has come; `tag` is what it set it with.
    fn alarm(&mut self, tag: u64, context: &mut Context<'_, Self>);

    /// A peer that is connected with it has ended its life, or the link to it was cut or healed.
    fn link_changed(&mut self, peer: ActorId, up: bool, context: &mut Context<'_, Self>);

    /// The life ends at once: memory is lost, storage stays.
    fn crash(&mut self);
}

/// An actor, in all its lives.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct ActorId(pub u32);

/// One life of an actor. What is sent to a former life is dropped.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Peer {
    /// The actor.
    pub actor: ActorId,
    /// Which of its lives, from 1.
    pub life: u32,
}

/// An alarm that was set.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct AlarmId((u32, u64));

/// What an actor asks the engine to do to others; only persons and weather do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Control {
    /// Ends the life of an actor.
    Crash(ActorId),
    /// Begins a new life of an actor that is down.
    Start(ActorId),
    /// An actor does nothing until an instant; what comes meanwhile waits.
    Pause(ActorId, SimTime),
    /// Sets what is wrong with one direction of a link.
    Link(ActorId, ActorId, Trouble),
}

/// What the agenda holds.
#[derive(Clone)]
enum Item<M> {
    Deliver { from: Peer, to: Peer, message: M },
    Alarm { to: Peer, tag: u64 },
    LinkChanged { to: Peer, peer: ActorId, up: bool },
    Resume { to: ActorId },
}

#[derive(Clone)]
struct Entry<M> {
    cause: u64,
    /// Housekeeping: it does not keep the world from counting as settled.
    background: bool,
    /// Whether it was held up on its way.
    postponed: bool,
    item: Item<M>,
}

#[derive(Clone)]
struct Slot {
    name: Arc<str>,
    class: u8,
    life: u32,
    up: bool,
    paused_until: SimTime,
    /// Who is connected with it, and hears of the end of its life.
    connected: Vec<ActorId>,
}

/// All that a turn may touch beside its actor.
#[derive(Clone)]
struct Core<A: Actor> {
    now: SimTime,
    turn: u64,
    agenda: Agenda<Entry<A::Message>>,
    slots: Vec<Slot>,
    links: Links,
    log: Log<A::Note>,
    controls: Vec<(u64, Control)>,
    seed: u64,
    /// How many entries of the agenda are not housekeeping.
    foreground: usize,
    /// When something that is not housekeeping last happened.
    last_foreground: SimTime,
}

/// A world of actors. A clone is another world with the same past, independent from there on.
#[derive(Clone)]
pub struct Engine<A: Actor> {
    actors: Vec<A>,
    core: Core<A>,
    waiting: Vec<(ActorId, Entry<A::Message>)>,
}

/// What an actor sees of the engine during one turn.
pub struct Context<'a, A: Actor> {
    core: &'a mut Core<A>,
    me: Peer,
    cause: u64,
    background: bool,
}

impl<A: Actor> Engine<A> {
    /// A world without actors.
    pub fn new(seed: u64) -> Engine<A> {
        Engine {
            actors: Vec::new(),
            core: Core {
                now: SimTime::ZERO,
                turn: 0,
                agenda: Agenda::default(),
                slots: Vec::new(),
                links: Links::new(seed),
                log: Log::default(),
                controls: Vec::new(),
                seed,
                foreground: 0,
                last_foreground: SimTime::ZERO,
            },
            waiting: Vec::new(),
        }
    }

    /// Adds an actor that is down; `class` decides the delays of its links.
    pub fn add(&mut self, name: &str, class: u8, actor: A) -> ActorId {
        let id = ActorId(u32::try_from(self.actors.len()).expect("fewer than 2^32 actors"));
        self.actors.push(actor);
        self.core.slots.push(Slot {
            name: name.into(),
            class,
            life: 0,
            up: false,
            paused_until: SimTime::ZERO,
            connected: Vec::new(),
        });
        id
    }

    /// The instant of the run.
    pub fn now(&self) -> SimTime {
        self.core.now
    }

    /// How many turns there have been.
    pub fn turns(&self) -> u64 {
        self.core.turn
    }

    /// The log.
    pub fn log(&self) -> &Log<A::Note> {
        &self.core.log
    }

    /// The log, to choose what is kept.
    pub fn log_mut(&mut self) -> &mut Log<A::Note> {
        &mut self.core.log
    }

    /// The digest of the run so far.
    pub fn digest(&self) -> DigestValue {
        self.core.log.digest()
    }

    /// The links, to set delays.
    pub fn links_mut(&mut self) -> &mut Links {
        &mut self.core.links
    }

    /// An actor.
    pub fn actor(&self, id: ActorId) -> &A {
        &self.actors[id.0 as usize]
    }

    /// An actor, to set up before the run.
    pub fn actor_mut(&mut self, id: ActorId) -> &mut A {
        &mut self.actors[id.0 as usize]
    }

    /// All actors, by number.
    pub fn actors(&self) -> impl Iterator<Item = (ActorId, &A)> {
        self.actors.iter().zip(0..).map(|(a, n)| (ActorId(n), a))
    }

    /// An actor's name.
    pub fn name(&self, id: ActorId) -> &str {
        &self.core.slots[id.0 as usize].name
    }

    /// Whether an actor lives.
    pub fn is_up(&self, id: ActorId) -> bool {
        self.core.slots[id.0 as usize].up
    }

    /// When the next turn is.
    pub fn next_time(&self) -> Option<SimTime> {
        self.core.agenda.next_time()
    }

    /// Whether nothing but housekeeping is on the agenda, and since when; none when there is more.
    pub fn idle_since(&self) -> Option<SimTime> {
        (self.core.foreground == 0).then_some(self.core.last_foreground)
    }

    /// What is on the agenda that is no housekeeping: when, whom it is for, and what it is.
    pub fn busy(&self) -> impl Iterator<Item = (SimTime, ActorId, &'static str)> {
        let foreground = self.core.agenda.iter().filter(|(_, entry)| !entry.background);
        foreground.map(|(at, entry)| match &entry.item {
            Item::Deliver { to, .. } => (at, to.actor, "message"),
            Item::Alarm { to, .. } => (at, to.actor, "alarm"),
            Item::LinkChanged { to, .. } => (at, to.actor, "link"),
            Item::Resume { to } => (at, *to, "end of a pause"),
        })
    }

    /// How many things are on the agenda.
    pub fn pending(&self) -> usize {
        self.core.agenda.len()
    }

    /// Does to an actor or link what a person or the weather would.
    pub fn control(&mut self, control: Control) {
        let cause = self.core.turn;
        self.apply(cause, control);
        self.apply_controls();
    }

    /// One turn of an actor that is caused from outside the world, by a person or the weather.
    pub fn poke<R>(
        &mut self,
        id: ActorId,
        what: impl FnOnce(&mut A, &mut Context<'_, A>) -> R,
    ) -> R {
        self.core.turn += 1;
        self.core.last_foreground = self.core.now;
        let me = Peer { actor: id, life: self.core.slots[id.0 as usize].life };
        let turn = self.core.turn;
        let mut context = Context { core: &mut self.core, me, cause: turn, background: false };
        let result = what(&mut self.actors[id.0 as usize], &mut context);
        self.apply_controls();
        result
    }

    /// Lets the clock go on to an instant before the next turn.
    ///
    /// # Panics
    /// When a turn is due before it.
    pub fn advance(&mut self, to: SimTime) {
        assert!(self.next_time().is_none_or(|at| at >= to), "no turn is passed over");
        self.core.now = self.core.now.max(to);
    }

    /// One turn; false when nothing is left to happen.
    pub fn step(&mut self) -> bool {
        self.step_until(SimTime::NEVER)
    }

    /// One turn, if there is one at or before `until`.
    fn step_until(&mut self, until: SimTime) -> bool {
        let Some((at, entry)) = self.core.agenda.pop_until(until) else { return false };
        self.core.now = at;
        if !entry.background {
            self.core.foreground -= 1;
            self.core.last_foreground = at;
        }
        let (to, life) = match &entry.item {
            Item::Deliver { to, .. } | Item::Alarm { to, .. } | Item::LinkChanged { to, .. } => {
                (to.actor, to.life)
            }
            Item::Resume { to } => {
                let to = *to;
                self.resume(to);
                return true;
            }
        };
        let slot = &self.core.slots[to.0 as usize];
        if !slot.up || slot.life != life {
            return true;
        }
        if slot.paused_until > at {
            self.core.foreground += usize::from(!entry.background);
            self.waiting.push((to, entry));
            return true;
        }
        self.turn(to, entry);
        true
    }

    /// Runs until the agenda has nothing at or before `until`; then the clock stands there.
    pub fn run_until(&mut self, until: SimTime) {
        while self.step_until(until) {}
        self.core.now = self.core.now.max(until);
    }

    fn turn(&mut self, to: ActorId, entry: Entry<A::Message>) {
        self.core.turn += 1;
        let me = Peer { actor: to, life: self.core.slots[to.0 as usize].life };
        let actor = &mut self.actors[to.0 as usize];
        let mut context =
            Context { core: &mut self.core, me, cause: entry.cause, background: entry.background };
        match entry.item {
            Item::Deliver { from, message, .. } => actor.receive(from, message, &mut context),
            Item::Alarm { tag, .. } => actor.alarm(tag, &mut context),
            Item::LinkChanged { peer, up, .. } => actor.link_changed(peer, up, &mut context),
            Item::Resume { .. } => {}
        }
        self.apply_controls();
    }

    fn apply_controls(&mut self) {
        while !self.core.controls.is_empty() {
            for (cause, control) in std::mem::take(&mut self.core.controls) {
                self.apply(cause, control);
            }
        }
    }

    fn apply(&mut self, cause: u64, control: Control) {
        match control {
            Control::Crash(id) => self.crash(id, cause),
            Control::Start(id) => self.start(id, cause),
            Control::Pause(id, until) => {
                self.core.slots[id.0 as usize].paused_until = until;
                self.core.push(until, cause, false, Item::Resume { to: id });
            }
            Control::Link(from, to, trouble) => self.set_trouble(from, to, trouble, cause),
        }
    }

    fn crash(&mut self, id: ActorId, cause: u64) {
        let slot = &mut self.core.slots[id.0 as usize];
        if !slot.up {
            return;
        }
        slot.up = false;
        let connected = std::mem::take(&mut slot.connected);
        self.core.forget(id);
        self.actors[id.0 as usize].crash();
        for peer in connected {
            self.core.slots[peer.0 as usize].connected.retain(|p| *p != id);
            if !self.core.links.trouble(id, peer).cut {
                self.core.notify(peer, id, false, cause);
            }
        }
    }

    fn start(&mut self, id: ActorId, cause: u64) {
        let slot = &mut self.core.slots[id.0 as usize];
        if slot.up {
            return;
        }
        slot.up = true;
        slot.life += 1;
        slot.paused_until = SimTime::ZERO;
        let me = Peer { actor: id, life: slot.life };
        self.core.turn += 1;
        let mut context = Context { core: &mut self.core, me, cause, background: false };
        self.actors[id.0 as usize].start(&mut context);
        self.apply_controls();
    }

    fn resume(&mut self, id: ActorId) {
        let now = self.core.now;
        if self.core.slots[id.0 as usize].paused_until > now {
            return;
        }
        let waiting = std::mem::take(&mut self.waiting);
        for (to, entry) in waiting {
            if to == id {
                self.core.agenda.push(now, entry);
            } else {
                self.waiting.push((to, entry));
            }
        }
    }

    fn set_trouble(&mut self, from: ActorId, to: ActorId, trouble: Trouble, cause: u64) {
        let was = self.core.links.trouble(from, to).cut;
        self.core.links.set_trouble(from, to, trouble);
        if was != trouble.cut {
            self.core.notify(from, to, !trouble.cut, cause);
            self.core.notify(to, from, !trouble.cut, cause);
        }
    }
}

impl<A: Actor> Core<A> {
    /// What is on the agenda for an actor whose life has ended will find nobody: it no longer
    /// keeps the world busy.
    fn forget(&mut self, id: ActorId) {
        for entry in self.agenda.all_mut().filter(|entry| !entry.background) {
            let (Item::Deliver { to, .. } | Item::Alarm { to, .. } | Item::LinkChanged { to, .. }) =
                &entry.item
            else {
                continue;
            };
            if to.actor == id {
                entry.background = true;
                self.foreground -= 1;
            }
        }
    }

    fn push(
        &mut self,
        at: SimTime,
        cause: u64,
        background: bool,
        item: Item<A::Message>,
    ) -> AlarmId {
        self.foreground += usize::from(!background);
        AlarmId(self.agenda.push(at, Entry { cause, background, postponed: false, item }))
    }

    /// Tells an actor that a peer is gone or that a link has changed.
    fn notify(&mut self, to: ActorId, peer: ActorId, up: bool, cause: u64) {
        let slot = &self.slots[to.0 as usize];
        if slot.up {
            let to = Peer { actor: to, life: slot.life };
            self.push(self.now, cause, false, Item::LinkChanged { to, peer, up });
        }
    }
}
