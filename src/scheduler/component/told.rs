//! What the attempts on some pods found out, kept for those who ask.

use crate::api::Name;
use crate::api::core::pod::Pod;
use crate::scheduler::cycle::Verdict;
use crate::scheduler::cycle::{Nomination, Outcome};
use crate::scheduler::profile::Profile;
use crate::scheduler::queue::Queued;
use crate::sim::time::SimTime;

/// One attempt to find a node for a pod, and all that it found out.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Attempt {
    /// When it ended.
    pub at: SimTime,
    /// The pod's namespace.
    pub namespace: Name,
    /// The pod's name.
    pub pod: Name,
    /// In which profile.
    pub scheduler: Name,
    /// For which time, from 1.
    pub number: u32,
    /// How many nodes the scheduler knew of.
    pub nodes: usize,
    /// What the plugins said.
    pub verdict: Verdict,
    /// The node that was chosen.
    pub chosen: Option<Name>,
    /// Why none was, in the words of the event.
    pub message: String,
    /// The node on which room is made.
    pub nominated: Option<Name>,
}

/// Whose attempts are kept, and those that were made.
#[derive(Clone, Debug)]
pub(super) struct Telling {
    /// Namespace and name of a pod; every pod without.
    of: Option<(Name, Name)>,
    made: Vec<Attempt>,
}

impl Telling {
    pub(super) fn new(of: Option<(Name, Name)>) -> Telling {
        Telling { of, made: Vec::new() }
    }

    pub(super) fn asks_for(&self, pod: &Pod) -> bool {
        let is_it = |(namespace, name): &(Name, Name)| {
            pod.meta.namespace == *namespace && pod.meta.name == *name
        };
        self.of.as_ref().is_none_or(is_it)
    }

    pub(super) fn made(&self) -> &[Attempt] {
        &self.made
    }

    /// Keeps an attempt that has come out.
    pub(super) fn note(
        &mut self,
        (at, nodes): (SimTime, usize),
        (queued, profile): (&Queued, &Profile),
        verdict: Verdict,
        outcome: &Outcome,
    ) {
        let meta = &queued.pod.meta;
        let mut attempt = Attempt {
            at,
            namespace: meta.namespace.clone(),
            pod: meta.name.clone(),
            scheduler: profile.scheduler_name.clone(),
            number: queued.attempts,
            nodes,
            verdict,
            chosen: None,
            message: String::new(),
            nominated: None,
        };
        match outcome {
            Outcome::Found(found) => attempt.chosen = Some(found.node.clone()),
            Outcome::Rejected(rejected) => {
                attempt.message.clone_from(&rejected.message);
                if let Nomination::Room(room) = &rejected.nomination {
                    attempt.nominated = Some(room.node.clone());
                }
            }
            Outcome::Error(message) => attempt.message.clone_from(message),
        }
        self.made.push(attempt);
    }
}
