//! What an actor may do during its turn.

use super::{Actor, ActorId, AlarmId, Context, Control, Item, Peer};
use crate::sim::digest::Encoder;
use crate::sim::log::Record;
use crate::sim::time::{SimDuration, SimTime, Start};

impl<A: Actor> Context<'_, A> {
    /// The instant of the run.
    pub fn now(&self) -> SimTime {
        self.core.now
    }

    /// What the wall clock showed when the run started.
    pub fn start(&self) -> Start {
        self.core.log.start()
    }

    /// The present turn.
    pub fn turn(&self) -> u64 {
        self.core.turn
    }

    /// This life of this actor.
    pub fn me(&self) -> Peer {
        self.me
    }

    /// The run's seed, for named random streams.
    pub fn seed(&self) -> u64 {
        self.core.seed
    }

    /// This actor's name.
    pub fn my_name(&self) -> &str {
        &self.core.slots[self.me.actor.0 as usize].name
    }

    /// An actor's name.
    pub fn name_of(&self, actor: ActorId) -> &str {
        &self.core.slots[actor.0 as usize].name
    }

    /// The turn that what follows is caused by.
    pub fn cause(&self) -> u64 {
        self.cause
    }

    /// What follows in this turn is caused by `turn`.
    pub fn because(&mut self, turn: u64) {
        self.cause = turn;
    }

    /// Writes a record; gives its turn, by which what follows from it is caused.
    pub fn log(&mut self, note: A::Note) -> u64 {
        let record = Record {
            time: self.core.now,
            turn: self.core.turn,
            cause: self.cause,
            actor: self.me.actor,
            note,
        };
        self.core.log.append(record);
        self.core.turn
    }

    /// Writes a record as [`Context::log`] does, whose note is made only if the log keeps it;
    /// `encode` writes its canonical form.
    pub fn log_lazily(
        &mut self,
        encode: impl FnOnce(&mut Encoder),
        note: impl FnOnce() -> A::Note,
    ) -> u64 {
        let record = Record {
            time: self.core.now,
            turn: self.core.turn,
            cause: self.cause,
            actor: self.me.actor,
            note: (),
        };
        self.core.log.append_lazily(&record, encode, note);
        self.core.turn
    }

    /// The present life of an actor; of one that is down the last.
    pub fn peer(&self, actor: ActorId) -> Peer {
        Peer { actor, life: self.core.slots[actor.0 as usize].life }
    }

    /// Whether an actor lives: what a refused connection would tell.
    pub fn is_up(&self, actor: ActorId) -> bool {
        self.core.slots[actor.0 as usize].up
    }

    /// Whether messages pass to and from an actor.
    pub fn can_reach(&self, actor: ActorId) -> bool {
        let links = &self.core.links;
        !links.trouble(self.me.actor, actor).cut && !links.trouble(actor, self.me.actor).cut
    }

    /// Connects with a life of an actor: each hears when the other's life ends.
    pub fn connect(&mut self, peer: Peer) {
        let (a, b) = (self.me.actor, peer.actor);
        for (one, other) in [(a, b), (b, a)] {
            let connected = &mut self.core.slots[one.0 as usize].connected;
            if !connected.contains(&other) {
                connected.push(other);
            }
        }
    }

    /// Sends a message over the link; lost when the link is cut.
    pub fn send(&mut self, to: Peer, message: A::Message) {
        self.send_later(to, SimDuration::ZERO, message);
    }

    /// Sends a message after a span: the time that its making takes.
    pub fn send_later(&mut self, to: Peer, after: SimDuration, message: A::Message) {
        self.send_ordered(to, after, SimTime::ZERO, message);
    }

    /// Sends a message that does not arrive before `not_before`, as on one stream; gives the
    /// instant of its arrival, or none when it is lost.
    pub fn send_ordered(
        &mut self,
        to: Peer,
        after: SimDuration,
        not_before: SimTime,
        message: A::Message,
    ) -> Option<SimTime> {
        let class = |id: ActorId| self.core.slots[id.0 as usize].class;
        let (me, other) = ((self.me.actor, class(self.me.actor)), (to.actor, class(to.actor)));
        let delay = self.core.links.pass(me, other)?;
        let at = (self.core.now + after + delay).max(not_before);
        let item = Item::Deliver { from: self.me, to, message };
        self.core.push(at, self.cause, self.background, item);
        Some(at)
    }

    /// Sets an alarm of this life.
    pub fn alarm(&mut self, at: SimTime, tag: u64) {
        let item = Item::Alarm { to: self.me, tag };
        self.core.push(at.max(self.core.now), self.cause, self.background, item);
    }

    /// Sets an alarm for housekeeping: it does not keep the world from counting as settled.
    pub fn background_alarm(&mut self, at: SimTime, tag: u64) {
        let item = Item::Alarm { to: self.me, tag };
        self.core.push(at.max(self.core.now), self.cause, true, item);
    }

    /// Sets an alarm that is no housekeeping, whatever this turn is.
    pub fn foreground_alarm(&mut self, at: SimTime, tag: u64) -> AlarmId {
        let item = Item::Alarm { to: self.me, tag };
        self.core.push(at.max(self.core.now), self.cause, false, item)
    }

    /// Makes housekeeping of an alarm that will find nothing to do.
    pub fn demote(&mut self, alarm: AlarmId) {
        if let Some(entry) = self.core.agenda.get_mut(alarm.0)
            && !entry.background
        {
            entry.background = true;
            self.core.foreground -= 1;
        }
    }

    /// What follows in this turn is housekeeping.
    pub fn background(&mut self) {
        self.background = true;
    }

    /// What follows in this turn is no housekeeping.
    pub fn foreground(&mut self) {
        self.background = false;
    }

    /// Whether this turn is housekeeping.
    pub fn is_background(&self) -> bool {
        self.background
    }

    /// Asks the engine to do something to others, after this turn.
    pub fn control(&mut self, control: Control) {
        self.core.controls.push((self.cause, control));
    }
}
