//! The agenda: what is to happen, in order of (time, turn of asking).

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::sim::index::Map;
use crate::sim::time::SimTime;

/// What is to happen, earliest first; entries of one instant come in the order of asking.
///
/// What is near lies in a heap; what is far lies unsorted in drawers, one for each span of time,
/// and a drawer is sorted when its time comes. So a heap stays small however much is to happen.
/// Heap and drawers hold small fixed entries; what they stand for lies in a slab beside them.
#[derive(Clone)]
pub struct Agenda<T> {
    near: BinaryHeap<Reverse<Entry>>,
    /// All that is near is before this instant, all that is far is not; a multiple of [`SPAN`].
    horizon: u64,
    /// The drawers that are not empty, by their numbers, and where they lie.
    drawers: BinaryHeap<Reverse<u64>>,
    places: Map<u64, u32>,
    /// Drawers, empty ones among them, which keep their room.
    far: Vec<Vec<Entry>>,
    unused: Vec<u32>,
    slab: Vec<Option<T>>,
    free: Vec<u32>,
    /// The number of what lies or last lay at each place.
    numbers: Vec<u64>,
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

    fn place(self) -> usize {
        self.0 as usize & ((1 << PLACE) - 1)
    }
}

/// The span of time of a drawer is 2 to the power of this, in nanoseconds: 16 microseconds.
const SPAN: u32 = 14;

/// So much is kept near without drawers; half of it is left when drawers are made.
const NEAR: usize = 256;

/// Where the span of a drawer ends.
fn end_of(drawer: u64) -> u64 {
    (drawer + 1).saturating_mul(1 << SPAN)
}

impl<T> Default for Agenda<T> {
    fn default() -> Self {
        Agenda {
            near: BinaryHeap::new(),
            horizon: u64::MAX,
            drawers: BinaryHeap::new(),
            places: Map::default(),
            far: Vec::new(),
            unused: Vec::new(),
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
        let number = self.asked;
        self.asked += 1;
        let place = match self.free.pop() {
            Some(place) => {
                self.slab[place as usize] = Some(what);
                self.numbers[place as usize] = number;
                place
            }
            None => {
                self.slab.push(Some(what));
                self.numbers.push(number);
                u32::try_from(self.slab.len() - 1).expect("fewer than 2^32 things to do")
            }
        };
        if at.0 < self.horizon || self.drawers.is_empty() {
            self.near.push(Reverse(Entry::new(at, number, place)));
            // What happens at one instant is not sorted again and again.
            let size = self.near.len();
            if self.horizon == u64::MAX && size > NEAR && size.is_power_of_two() {
                self.make_drawers();
            }
        } else {
            self.put_away(Entry::new(at, number, place));
        }
        (place, number)
    }

    /// Puts the later half of what is near into drawers.
    #[cold]
    fn make_drawers(&mut self) {
        let mut all: Vec<Entry> =
            std::mem::take(&mut self.near).into_iter().map(|Reverse(e)| e).collect();
        all.sort_unstable();
        let middle = all[NEAR / 2].at().0;
        let horizon = end_of(middle >> SPAN);
        let first = all.partition_point(|entry| entry.at().0 < horizon);
        if first == all.len() {
            // All of it is one drawer's: there is nothing to put away.
            self.near = all.into_iter().map(Reverse).collect();
            return;
        }
        self.horizon = horizon;
        for entry in all.drain(first..) {
            self.put_away(entry);
        }
        self.near = all.into_iter().map(Reverse).collect();
    }

    fn put_away(&mut self, entry: Entry) {
        let drawer = entry.at().0 >> SPAN;
        if let Some(place) = self.places.get(&drawer) {
            self.far[*place as usize].push(entry);
            return;
        }
        let place = self.unused.pop().unwrap_or_else(|| {
            self.far.push(Vec::new());
            u32::try_from(self.far.len() - 1).expect("fewer than 2^32 drawers")
        });
        self.far[place as usize].push(entry);
        self.places.insert(drawer, place);
        self.drawers.push(Reverse(drawer));
    }

    /// Brings the first drawer near when nothing else is.
    #[cold]
    fn open_drawer(&mut self) {
        let Some(Reverse(drawer)) = self.drawers.pop() else { return };
        let place = self.places.remove(&drawer).expect("a drawer lies somewhere");
        let mut entries = std::mem::take(&mut self.near).into_vec();
        entries.extend(self.far[place as usize].drain(..).map(Reverse));
        self.near = BinaryHeap::from(entries);
        self.unused.push(place);
        self.horizon = match self.drawers.is_empty() {
            true => u64::MAX,
            false => end_of(drawer),
        };
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
        self.near.peek().map(|Reverse(entry)| entry.at())
    }

    /// What is to happen next, and when.
    pub fn peek(&self) -> Option<(SimTime, &T)> {
        let Reverse(entry) = self.near.peek()?;
        Some((entry.at(), self.slab[entry.place()].as_ref()?))
    }

    /// Takes the next thing.
    pub fn pop(&mut self) -> Option<(SimTime, T)> {
        let Reverse(entry) = self.near.pop()?;
        if self.near.is_empty() {
            self.open_drawer();
        }
        let place = entry.place();
        let what = self.slab[place].take().expect("an entry stands for something");
        self.free.push(u32::try_from(place).expect("a place has 26 bits"));
        Some((entry.at(), what))
    }

    /// What is to happen, in order: a copy of the whole agenda, for people who ask.
    pub fn iter(&self) -> impl Iterator<Item = (SimTime, &T)> {
        let near = self.near.iter().map(|Reverse(entry)| *entry);
        let mut all: Vec<_> = near.chain(self.far.iter().flatten().copied()).collect();
        all.sort_unstable();
        all.into_iter().filter_map(|entry| Some((entry.at(), self.slab[entry.place()].as_ref()?)))
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
                // More is asked for than happens, so that drawers are needed.
                for _ in 0..pops.min(1) {
                    naive.sort_unstable();
                    let (at, number) = naive.remove(0);
                    assert_eq!(agenda.next_time(), Some(SimTime(at)));
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
