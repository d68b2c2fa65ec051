//! Puts facts that say the same of siblings into one line.

use std::collections::BTreeSet;

use crate::api::Name;
use crate::sim::index::Map;
use crate::sim::time::{SimDuration, SimTime};
use crate::trace::timeline::fact::{Fact, Tone};

/// A longer pause than this ends a line.
const PAUSE: SimDuration = SimDuration::millis(250);

/// A line tells of no longer span than this.
const SPAN: SimDuration = SimDuration::secs(1);

/// One line: a fact, told of one or more siblings.
#[derive(Clone, Debug)]
pub(super) struct Told {
    /// The first fact.
    pub fact: Fact,
    /// How often it happened.
    pub count: usize,
    /// Names of the siblings, without the part that they share, in the order of the facts.
    pub names: Vec<Name>,
    /// What differs, in the same order.
    pub details: Vec<Name>,
    /// When it last happened.
    pub last: SimTime,
    /// Whether the actors differ.
    pub actors_differ: bool,
    /// Whether the reasons differ.
    pub reasons_differ: bool,
}

/// The class of an actor: kubelets are told together.
fn class(actor: &str) -> &str {
    actor.split_once('/').map_or(actor, |(class, _)| class)
}

/// Puts facts into lines, in the order of their first facts.
pub(super) fn group(facts: Vec<Fact>) -> Vec<Told> {
    let mut lines: Vec<Told> = Vec::new();
    let mut open: Map<String, usize> = Map::default();
    for fact in facts {
        if matches!(fact.tone, Tone::Step | Tone::Fault) {
            // What comes after a step is told after it.
            open.clear();
            lines.push(Told::new(fact));
            continue;
        }
        let key = format!("{}\0{}\0{}\0{}", class(&fact.actor), fact.kind, fact.stem, fact.what);
        match open.get(&key).map(|n| &mut lines[*n]) {
            Some(line) if line.takes(&fact) => line.add(fact),
            Some(_) | None => {
                open.insert(key, lines.len());
                lines.push(Told::new(fact));
            }
        }
    }
    lines
}

impl Told {
    fn new(fact: Fact) -> Told {
        Told {
            count: 1,
            names: vec![fact.name.clone()],
            details: vec![fact.detail.clone()],
            last: fact.time,
            actors_differ: false,
            reasons_differ: false,
            fact,
        }
    }

    /// Whether a fact of the same key belongs to the line: soon after, and about a sibling or
    /// once more about the same object.
    fn takes(&self, fact: &Fact) -> bool {
        let is_soon =
            fact.time.since(self.last) <= PAUSE && fact.time.since(self.fact.time) <= SPAN;
        is_soon && (!fact.stem.is_empty() || fact.name == self.fact.name)
    }

    fn add(&mut self, fact: Fact) {
        self.count += 1;
        self.last = fact.time;
        self.actors_differ |= fact.actor != self.fact.actor;
        self.reasons_differ |= fact.why != self.fact.why;
        self.names.push(fact.name);
        self.details.push(fact.detail);
        if let (Some(mine), Some(new)) = (&mut self.fact.span, fact.span) {
            mine.1 = new.1;
        }
    }

    /// How many objects it is about.
    pub(super) fn distinct(&self) -> usize {
        self.names.iter().collect::<BTreeSet<_>>().len()
    }
}
