//! Domains of nodes: those with the same value of one label, numbered, so that counting by domain
//! is an array access a node.

use std::sync::Arc;

use crate::api::Name;
use crate::scheduler::cache::{Cache, NodeInfo};
use crate::sim::index::Map;

/// No domain.
pub(crate) const NOWHERE: u32 = u32::MAX;

/// The domains of one label. A clone shares them.
#[derive(Clone, Debug)]
pub(crate) struct Domains {
    by_slot: Arc<[u32]>,
    names: Arc<[Name]>,
}

impl Domains {
    /// The domains of a label, numbered in the order of the nodes.
    pub(crate) fn new(cluster: &Cache, key: &str) -> Domains {
        Domains::by(cluster, |node| node.label(key).cloned())
    }

    /// The domains by what `name` says of a node; none: the node is in no domain.
    pub(crate) fn by(cluster: &Cache, name: impl Fn(&NodeInfo) -> Option<Name>) -> Domains {
        let mut by_slot = vec![NOWHERE; cluster.slots()];
        let (mut numbers, mut names) = (Map::<Name, u32>::default(), Vec::new());
        for slot in cluster.order() {
            let Some(name) = name(cluster.at(*slot)) else { continue };
            let next = u32::try_from(names.len()).expect("fewer domains than nodes");
            by_slot[*slot as usize] = *numbers.entry(name.clone()).or_insert_with(|| {
                names.push(name);
                next
            });
        }
        Domains { by_slot: by_slot.into(), names: names.into() }
    }

    /// The domain of a slot; [`NOWHERE`] when it has none.
    pub(crate) fn of(&self, slot: u32) -> u32 {
        self.by_slot.get(slot as usize).copied().unwrap_or(NOWHERE)
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.names.len()
    }

    /// Their names, by number.
    pub(crate) fn names(&self) -> &[Name] {
        &self.names
    }
}

/// Numbers by domain of several labels: what inter-pod affinity counts.
#[derive(Clone, Debug, Default)]
pub(crate) struct Pairs {
    keys: Vec<(Name, Domains, Vec<i64>)>,
    above_zero: usize,
}

impl Pairs {
    /// Adds a number to the domain that a slot is in; false when it is in none.
    pub(crate) fn add(&mut self, key: &Name, slot: u32, number: i64, cluster: &Cache) -> bool {
        let place = self.keys.iter().position(|(k, ..)| k == key).unwrap_or_else(|| {
            let domains = Domains::new(cluster, key);
            let numbers = vec![0; domains.len()];
            self.keys.push((key.clone(), domains, numbers));
            self.keys.len() - 1
        });
        let (_, domains, numbers) = &mut self.keys[place];
        let Some(sum) = numbers.get_mut(domains.of(slot) as usize) else { return false };
        let before = *sum;
        *sum += number;
        match (before, *sum) {
            (0, 0) => {}
            (0, _) => self.above_zero += 1,
            (_, 0) => self.above_zero -= 1,
            _ => {}
        }
        true
    }

    /// The number of the domain of a label that a slot is in; none when it is in none.
    pub(crate) fn get(&self, key: &Name, slot: u32) -> Option<i64> {
        let (_, domains, numbers) = self.keys.iter().find(|(k, ..)| k == key)?;
        numbers.get(domains.of(slot) as usize).copied()
    }

    /// Whether a slot is in any domain whose number is above zero.
    pub(crate) fn any(&self, slot: u32) -> bool {
        self.keys.iter().any(|(_, domains, numbers)| {
            numbers.get(domains.of(slot) as usize).is_some_and(|n| *n > 0)
        })
    }

    /// The sum of the numbers of all domains that a slot is in.
    pub(crate) fn sum(&self, slot: u32) -> i64 {
        let all = self.keys.iter();
        all.filter_map(|(_, domains, numbers)| numbers.get(domains.of(slot) as usize)).sum()
    }

    /// Whether all numbers are zero.
    pub(crate) fn is_empty(&self) -> bool {
        self.above_zero == 0
    }
}
