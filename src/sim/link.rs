//! Links between actors: how long a message takes, and whether it arrives.

use std::collections::BTreeMap;

use crate::sim::engine::ActorId;
use crate::sim::rng::keyed;
use crate::sim::time::SimDuration;

/// How long something takes: a fixed span, or any span of a range, all equally likely.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Delay {
    /// The shortest.
    pub low: SimDuration,
    /// The longest.
    pub high: SimDuration,
}

impl Delay {
    /// Always the same span.
    pub const fn fixed(span: SimDuration) -> Delay {
        Delay { low: span, high: span }
    }

    /// Any span from `low` to `high`, both ends included.
    pub const fn between(low: SimDuration, high: SimDuration) -> Delay {
        Delay { low, high }
    }

    /// The span that 64 random bits choose.
    pub fn draw(self, bits: u64) -> SimDuration {
        let width = self.high.0.saturating_sub(self.low.0);
        let wide = (u128::from(bits) * (u128::from(width) + 1)) >> 64;
        SimDuration(self.low.0 + u64::try_from(wide).unwrap_or(width))
    }
}

/// What is wrong with one direction of a link.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Trouble {
    /// Nothing passes.
    pub cut: bool,
    /// Every message takes so much longer.
    pub slower: SimDuration,
    /// So many of a thousand messages are lost.
    pub loss_per_mille: u16,
}

/// How many classes of actors there may be.
const CLASSES: usize = 8;

/// All links. What takes how long follows from the classes of the two actors; what is wrong is
/// noted for single pairs.
#[derive(Clone, Default)]
pub struct Links {
    seed: u64,
    /// By the classes of sender and receiver.
    delays: [[Delay; CLASSES]; CLASSES],
    trouble: BTreeMap<(ActorId, ActorId), Trouble>,
    sent: Vec<u64>,
}

impl Links {
    /// Links without delay, in a run of a seed.
    pub fn new(seed: u64) -> Links {
        Links { seed, ..Links::default() }
    }

    /// Sets how long messages take from actors of one class to those of another.
    pub fn set_delay(&mut self, from: u8, to: u8, delay: Delay) {
        self.delays[usize::from(from)][usize::from(to)] = delay;
    }

    /// Sets what is wrong with one direction of a link; the default for nothing.
    pub fn set_trouble(&mut self, from: ActorId, to: ActorId, trouble: Trouble) {
        if trouble == Trouble::default() {
            self.trouble.remove(&(from, to));
        } else {
            self.trouble.insert((from, to), trouble);
        }
    }

    /// What is wrong with one direction of a link.
    pub fn trouble(&self, from: ActorId, to: ActorId) -> Trouble {
        if self.trouble.is_empty() {
            return Trouble::default();
        }
        self.trouble.get(&(from, to)).copied().unwrap_or_default()
    }

    /// Random bits that follow from the sender and the number of its message.
    fn bits(&mut self, from: ActorId) -> u64 {
        let place = from.0 as usize;
        if self.sent.len() <= place {
            self.sent.resize(place + 1, 0);
        }
        self.sent[place] += 1;
        let mut key = [0; 12];
        key[..4].copy_from_slice(&from.0.to_le_bytes());
        key[4..].copy_from_slice(&self.sent[place].to_le_bytes());
        keyed(self.seed, &key)
    }

    /// How long the next message takes; none when it is lost.
    pub fn pass(
        &mut self,
        (from, from_class): (ActorId, u8),
        (to, to_class): (ActorId, u8),
    ) -> Option<SimDuration> {
        let bits = self.bits(from);
        let delay = self.delays[usize::from(from_class)][usize::from(to_class)];
        let trouble = self.trouble(from, to);
        let lost = bits % 1000 < u64::from(trouble.loss_per_mille);
        (!trouble.cut && !lost).then(|| delay.draw(bits.rotate_left(32)) + trouble.slower)
    }
}
