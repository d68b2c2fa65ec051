//! The agenda: what is to happen, in order of (time, turn of asking).

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::sim::time::SimTime;

/// What is to happen, earliest first; entries of one instant come in the order of asking.
///
/// A wheel of wheels: time is cut into spans, and what happens in the present span is sorted. All
/// else lies unsorted in slots. A slot of the first wheel holds one span, one of each further
/// wheel as many spans as the whole wheel before it; when its time comes, what it holds moves to
/// the wheels before. So however much is to happen, each entry is moved a few times and compared
/// with few others. Slots hold small fixed entries; what they stand for lies in a slab beside them.
#[derive(Clone)]
pub struct Agenda<T> {
    /// The span that was reached; nothing that is to come lies before it.
    present: u64,
    /// What was found in the present span when it was reached, last first.
    sorted: Vec<Entry>,
    /// What was asked for in it since.
    asked_since: BinaryHeap<Reverse<Entry>>,
    wheels: Vec<Wheel>,
    slab: Vec<Option<T>>,
    /// What lies or last lay at each place of the slab, and the next place of the same slot.
    entries: Vec<(Entry, u32)>,
    free: Vec<u32>,
    asked: u64,
}

/// When, the how-manieth that was asked for, and where it lies, in one number that is in the order
/// of the agenda: 64 bits of nanoseconds, [`NUMBER`] of the asking, [`PLACE`] of the place.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Entry(u128);

/// How many bits tell the how-manieth, and how many the place.
const NUMBER: u32 = 38;
const PLACE: u32 = 26;

impl Entry {
    fn new(at: SimTime, number: u64, place: u32) -> Entry {
        assert!(number >> NUMBER == 0, "a run asks for fewer than 2^38 things");
        assert!(place >> PLACE == 0, "fewer than 2^26 things are to do at a time");
        let rest = number << PLACE | u64::from(place);
        Entry(u128::from(at.0) << 64 | u128::from(rest))
    }

    fn at(self) -> SimTime {
        SimTime((self.0 >> 64) as u64)
    }

    fn number(self) -> u64 {
        (self.0 >> PLACE & ((1 << NUMBER) - 1)) as u64
    }

    fn span(self) -> u64 {
        self.at().0 >> SPAN
    }

    fn place(self) -> u32 {
        (self.0 & ((1 << PLACE) - 1)) as u32
    }
}

/// A span of time is 2 to the power of this, in nanoseconds: 16 microseconds.
const SPAN: u32 = 14;

/// A wheel has 2 to the power of this many slots.
const DIGIT: u32 = 6;

/// The wheels reach as far as there are numbers for instants.
const WHEELS: usize = (64 - SPAN).div_ceil(DIGIT) as usize;

/// A digit of the number of a span: its slot in the wheel of that digit.
fn digit(span: u64, wheel: u32) -> u32 {
    (span >> (wheel * DIGIT) & ((1 << DIGIT) - 1)) as u32
}

/// The slots of one wheel. Numbers of spans are read as digits: a wheel holds those that differ
/// from the present one first in its digit, each in the slot of that digit.
#[derive(Clone)]
struct Wheel {
    /// A bit for each slot that holds something.
    occupied: u64,
    slots: Vec<Slot>,
}

/// What lies in a slot: the first of it, and the place of any, from which the others follow.
#[derive(Clone, Copy)]
struct Slot {
    first: Entry,
    list: u32,
}

/// The end of a slot's list.
const END: u32 = u32::MAX;

impl Slot {
    const EMPTY: Slot = Slot { first: Entry(u128::MAX), list: END };
}

impl Default for Wheel {
    fn default() -> Self {
        Wheel { occupied: 0, slots: vec![Slot::EMPTY; 1 << DIGIT] }
    }
}

impl Wheel {
    fn put(&mut self, digit: u32, entry: Entry, next: &mut u32) {
        self.occupied |= 1 << digit;
        let slot = &mut self.slots[digit as usize];
        *next = slot.list;
        *slot = Slot { first: slot.first.min(entry), list: entry.place() };
    }

    fn take(&mut self, digit: u32) -> Slot {
        self.occupied &= !(1 << digit);
        std::mem::replace(&mut self.slots[digit as usize], Slot::EMPTY)
    }
}

impl<T> Default for Agenda<T> {
    fn default() -> Self {
        Agenda {
            present: 0,
            sorted: Vec::new(),
            asked_since: BinaryHeap::new(),
            wheels: Vec::new(),
            slab: Vec::new(),
            entries: Vec::new(),
            free: Vec::new(),
            asked: 0,
        }
    }
}

impl<T> Agenda<T> {
    /// Puts something on the agenda; gives its place and number, by which it can be found there.
    pub fn push(&mut self, at: SimTime, what: T) -> (u32, u64) {
        let number = self.asked;
        self.asked += 1;
        let place = self.free.pop().unwrap_or_else(|| {
            self.slab.push(None);
            self.entries.push((Entry(0), END));
            u32::try_from(self.slab.len() - 1).expect("fewer than 2^32 things to do")
        });
        let entry = Entry::new(at, number, place);
        self.slab[place as usize] = Some(what);
        self.entries[place as usize].0 = entry;
        if entry.span() <= self.present {
            self.asked_since.push(Reverse(entry));
        } else {
            self.put_away(entry);
        }
        (place, number)
    }

    /// Puts what is later than the present span into its slot.
    fn put_away(&mut self, entry: Entry) {
        let span = entry.span();
        let wheel = (span ^ self.present).ilog2() / DIGIT;
        if self.wheels.is_empty() {
            self.wheels.resize_with(WHEELS, Wheel::default);
        }
        let next = &mut self.entries[entry.place() as usize].1;
        self.wheels[wheel as usize].put(digit(span, wheel), entry, next);
    }

    /// The wheel and slot of what comes next after the present span.
    fn next_slot(&self) -> Option<(usize, u32)> {
        let wheel = self.wheels.iter().position(|wheel| wheel.occupied != 0)?;
        Some((wheel, self.wheels[wheel].occupied.trailing_zeros()))
    }

    /// Goes on to the next span in which something happens.
    fn go_on(&mut self) {
        let Some((wheel, digit)) = self.next_slot() else { return };
        let slot = self.wheels[wheel].take(digit);
        // Nothing lies before the first of the slot, so no wheel need turn span by span.
        self.present = slot.first.span();
        let mut place = slot.list;
        while place != END {
            let (entry, next) = self.entries[place as usize];
            place = next;
            if entry.span() == self.present {
                self.sorted.push(entry);
            } else {
                self.put_away(entry);
            }
        }
        if self.sorted.len() > 1 {
            self.sorted.sort_unstable_by(|a, b| b.cmp(a));
        }
    }

    /// Something that is still on the agenda, to change.
    pub fn get_mut(&mut self, (place, number): (u32, u64)) -> Option<&mut T> {
        let is_it = self.entries.get(place as usize).is_some_and(|(e, _)| e.number() == number);
        self.slab.get_mut(place as usize).filter(|_| is_it)?.as_mut()
    }

    /// All that is on the agenda, in no order, to change.
    pub fn all_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.slab.iter_mut().flatten()
    }

    fn first(&self) -> Option<Entry> {
        let since = self.asked_since.peek().map(|Reverse(entry)| *entry);
        match (self.sorted.last(), since) {
            (Some(sorted), Some(since)) => Some(since.min(*sorted)),
            (Some(sorted), None) => Some(*sorted),
            (None, Some(since)) => Some(since),
            (None, None) => {
                let (wheel, digit) = self.next_slot()?;
                Some(self.wheels[wheel].slots[digit as usize].first)
            }
        }
    }

    /// When the next thing is to happen.
    pub fn next_time(&self) -> Option<SimTime> {
        self.first().map(Entry::at)
    }

    /// What is to happen next, and when.
    pub fn peek(&self) -> Option<(SimTime, &T)> {
        let entry = self.first()?;
        Some((entry.at(), self.slab[entry.place() as usize].as_ref()?))
    }

    /// Takes the next thing.
    pub fn pop(&mut self) -> Option<(SimTime, T)> {
        self.pop_until(SimTime::NEVER)
    }

    /// Takes the next thing if it is at or before `until`.
    pub fn pop_until(&mut self, until: SimTime) -> Option<(SimTime, T)> {
        let entry = self.take_first_until(until)?;
        let place = entry.place();
        let what = self.slab[place as usize].take().expect("an entry stands for something");
        self.free.push(place);
        Some((entry.at(), what))
    }

    fn take_first_until(&mut self, until: SimTime) -> Option<Entry> {
        let is_due = |entry: &Entry| entry.at() <= until;
        if self.sorted.is_empty() && self.asked_since.is_empty() {
            let (wheel, digit) = self.next_slot()?;
            // Whoever does not take it must find it where it was.
            if !is_due(&self.wheels[wheel].slots[digit as usize].first) {
                return None;
            }
            self.go_on();
        }
        let since = self.asked_since.peek().map(|Reverse(entry)| *entry);
        match self.sorted.last() {
            Some(sorted) if since.is_none_or(|since| *sorted < since) => {
                if is_due(sorted) {
                    self.sorted.pop()
                } else {
                    None
                }
            }
            _ if since.as_ref().is_some_and(is_due) => {
                self.asked_since.pop().map(|Reverse(entry)| entry)
            }
            _ => None,
        }
    }

    /// What is to happen, in order: a copy of the whole agenda, for people who ask.
    pub fn iter(&self) -> impl Iterator<Item = (SimTime, &T)> {
        let places = self.slab.iter().zip(&self.entries);
        let mut all: Vec<Entry> = places.filter_map(|(t, e)| t.as_ref().map(|_| e.0)).collect();
        all.sort_unstable();
        all.into_iter()
            .filter_map(|entry| Some((entry.at(), self.slab[entry.place() as usize].as_ref()?)))
    }

    /// How many things are to happen.
    pub fn len(&self) -> usize {
        self.slab.len() - self.free.len()
    }

    /// Whether nothing is to happen.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
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

    proptest::proptest! {
        #[test]
        fn an_agenda_is_a_sorted_list(
            scale in 0_u32..40,
            asks in proptest::collection::vec((0_u64..900, 0_usize..3), 0..1500),
        ) {
            let (mut agenda, mut naive, mut now) = (Agenda::default(), Vec::new(), 0);
            for (number, (after, pops)) in asks.into_iter().enumerate() {
                let at = now + ((after << scale) >> 9);
                agenda.push(SimTime(at), number);
                naive.push((at, number));
                // More is asked for than happens, so that wheels are needed.
                for _ in 0..pops.min(1) {
                    naive.sort_unstable();
                    let (at, number) = naive.remove(0);
                    assert_eq!(agenda.next_time(), Some(SimTime(at)));
                    if let Some(before) = at.checked_sub(1) {
                        assert_eq!(agenda.pop_until(SimTime(before)), None);
                    }
                    assert_eq!(agenda.pop(), Some((SimTime(at), number)));
                    now = at;
                }
                assert_eq!(agenda.len(), naive.len());
            }
            naive.sort_unstable();
            let rest: Vec<_> = std::iter::from_fn(|| agenda.pop()).map(|(a, n)| (a.0, n)).collect();
            assert_eq!(rest, naive);
        }
    }
}
