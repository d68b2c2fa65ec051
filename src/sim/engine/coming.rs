//! What happens to messages on their way: they are looked at, lost, held up or changed before they
//! arrive. Only the weather does so.

use super::{Actor, ActorId, Engine, Entry, Item, Peer};
use crate::sim::time::SimTime;

/// The message that comes next.
pub struct Coming<'a, M> {
    /// Who sent it.
    pub from: Peer,
    /// Which life it is for.
    pub to: Peer,
    /// What it says.
    pub message: &'a M,
    /// Whether it was held up before.
    pub postponed: bool,
    /// The turn that led to it.
    pub cause: u64,
}

impl<A: Actor> Engine<A> {
    /// What comes next, if it is a message that will reach a living actor.
    pub fn coming(&self) -> Option<Coming<'_, A::Message>> {
        let (at, entry) = self.core.agenda.peek()?;
        let Item::Deliver { from, to, message } = &entry.item else { return None };
        let slot = &self.core.slots[to.actor.0 as usize];
        let reaches = slot.up && slot.life == to.life && slot.paused_until <= at;
        let (postponed, cause) = (entry.postponed, entry.cause);
        reaches.then_some(Coming { from: *from, to: *to, message, postponed, cause })
    }

    /// What comes next gets lost on its way; the clock goes on to the instant of its arrival.
    pub fn lose_coming(&mut self) {
        let _ = self.take_coming();
    }

    /// What comes next comes later.
    pub fn postpone_coming(&mut self, to: SimTime) {
        let Some(mut entry) = self.take_coming() else { return };
        entry.postponed = true;
        self.core.foreground += usize::from(!entry.background);
        self.core.agenda.push(to.max(self.core.now), entry);
    }

    /// What comes next says something else, and comes now or at a later instant.
    pub fn change_coming(&mut self, to: SimTime, change: impl FnOnce(&mut A::Message)) {
        let Some(mut entry) = self.take_coming() else { return };
        if let Item::Deliver { message, .. } = &mut entry.item {
            change(message);
        }
        entry.postponed = true;
        self.core.foreground += usize::from(!entry.background);
        self.core.agenda.push(to.max(self.core.now), entry);
    }

    /// A message that nobody has sent arrives at an instant as if `from` had.
    pub fn forge(&mut self, from: Peer, to: Peer, at: SimTime, cause: u64, message: A::Message) {
        let item = Item::Deliver { from, to, message };
        self.core.push(at.max(self.core.now), cause, false, item);
    }

    /// The present life of an actor; of one that is down the last.
    pub fn peer(&self, actor: ActorId) -> Peer {
        Peer { actor, life: self.core.slots[actor.0 as usize].life }
    }

    fn take_coming(&mut self) -> Option<Entry<A::Message>> {
        let (at, entry) = self.core.agenda.pop()?;
        self.core.now = at;
        if !entry.background {
            self.core.foreground -= 1;
            self.core.last_foreground = at;
        }
        Some(entry)
    }
}
