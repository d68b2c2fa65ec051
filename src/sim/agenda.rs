//! The agenda: what is to happen, in order of (time, turn of asking).

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::sim::time::SimTime;

/// What is to happen, earliest first; entries of one instant come in the order of asking.
///
/// The heap holds small fixed entries; what they stand for lies in a slab beside it, so that a
/// sift moves 24 bytes however large a message is.
#[derive(Clone)]
pub struct Agenda<T> {
    heap: BinaryHeap<Reverse<(SimTime, u64, u32)>>,
    slab: Vec<Option<T>>,
    free: Vec<u32>,
    /// The number of what lies or last lay at each place.
    numbers: Vec<u64>,
    asked: u64,
}

impl<T> Default for Agenda<T> {
    fn default() -> Self {
        Agenda {
            heap: BinaryHeap::new(),
            slab: Vec::new(),
            free: Vec::new(),
            numbers: Vec::new(),
            asked: 0,
        }
    }
}

impl<T> Agenda<T> {
    /// Puts something on the agenda; gives its place and number, by which it can be found there.
    pub fn push(&mut self, at: SimTime, what: T) -> (u32, u64) {
        let place = match self.free.pop() {
            Some(place) => {
                self.slab[place as usize] = Some(what);
                place
            }
            None => {
                self.slab.push(Some(what));
                u32::try_from(self.slab.len() - 1).expect("fewer than 2^32 things to do")
            }
        };
        let number = self.asked;
        self.heap.push(Reverse((at, number, place)));
        self.numbers.resize(self.slab.len(), 0);
        self.numbers[place as usize] = number;
        self.asked += 1;
        (place, number)
    }

    /// Something that is still on the agenda, to change.
    pub fn get_mut(&mut self, (place, number): (u32, u64)) -> Option<&mut T> {
        let is_it = self.numbers.get(place as usize) == Some(&number);
        self.slab.get_mut(place as usize).filter(|_| is_it)?.as_mut()
    }

    /// All that is on the agenda, in no order, to change.
    pub fn all_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.slab.iter_mut().flatten()
    }

    /// When the next thing is to happen.
    pub fn next_time(&self) -> Option<SimTime> {
        self.heap.peek().map(|Reverse((at, ..))| *at)
    }

    /// What is to happen next, and when.
    pub fn peek(&self) -> Option<(SimTime, &T)> {
        let Reverse((at, _, place)) = self.heap.peek()?;
        Some((*at, self.slab[*place as usize].as_ref()?))
    }

    /// Takes the next thing.
    pub fn pop(&mut self) -> Option<(SimTime, T)> {
        let Reverse((at, _, place)) = self.heap.pop()?;
        let what = self.slab[place as usize].take().expect("an entry stands for something");
        self.free.push(place);
        Some((at, what))
    }

    /// What is to happen, in order: a copy of the whole agenda, for people who ask.
    pub fn iter(&self) -> impl Iterator<Item = (SimTime, &T)> {
        let mut all: Vec<_> = self.heap.iter().map(|Reverse(entry)| *entry).collect();
        all.sort_unstable();
        all.into_iter().filter_map(|(at, _, place)| Some((at, self.slab[place as usize].as_ref()?)))
    }

    /// How many things are to happen.
    pub fn len(&self) -> usize {
        self.heap.len()
    }

    /// Whether nothing is to happen.
    pub fn is_empty(&self) -> bool {
        self.heap.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn things_of_one_instant_happen_in_the_order_of_asking() {
        let mut agenda = Agenda::default();
        for (at, what) in [(5, 'c'), (1, 'a'), (5, 'd'), (1, 'b')] {
            agenda.push(SimTime(at), what);
        }
        let order: String = std::iter::from_fn(|| agenda.pop()).map(|(_, what)| what).collect();
        assert_eq!(order, "abcd");
    }
}
