//! The pods that there are, and how far each has come.

use std::collections::BTreeMap;

use crate::api::Name;
use crate::api::core::pod::Pod;
use crate::api::labels::Labels;
use crate::api::meta::Uid;
use crate::api::object::Object;
use crate::api::request::{Change, WatchEvent};
use crate::api::selector::Selector;

/// How far a pod has come.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Stage {
    /// It is there.
    Created,
    /// No node was found for it, or it is gated.
    Attempted,
    /// It has a node.
    Scheduled,
}

/// A pod as it was last seen.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    pub(super) namespace: Name,
    pub(super) name: Name,
    pub(super) labels: Labels,
    pub(super) stage: Stage,
}

/// The pods that there are.
#[derive(Clone, Default)]
pub(super) struct Pods {
    all: BTreeMap<Uid, Seen>,
    /// By namespace: how many were attempted at least, and how many have a node.
    counts: BTreeMap<Name, [usize; 2]>,
}

fn stage(pod: &Pod) -> Stage {
    if !pod.node_name.is_empty() {
        return Stage::Scheduled;
    }
    let has = pod.status.conditions.iter().any(|condition| condition.kind == "PodScheduled");
    if has { Stage::Attempted } else { Stage::Created }
}

impl Pods {
    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.all.len()
    }

    fn count(&mut self, namespace: &Name, stage: Stage, by: isize) {
        let counts = self.counts.entry(namespace.clone()).or_default();
        let reached = [Stage::Attempted, Stage::Scheduled];
        for (count, _) in counts.iter_mut().zip(reached).filter(|(_, least)| stage >= *least) {
            *count = count.saturating_add_signed(by);
        }
    }

    /// Takes in what has happened to a pod; a pod that has come further is given back.
    pub(super) fn take_in(&mut self, event: &WatchEvent) -> Option<(Seen, Stage)> {
        let Object::Pod(pod) = &event.object else { return None };
        let uid = pod.meta.uid;
        if event.change == Change::Deleted {
            let gone = self.all.remove(&uid)?;
            self.count(&gone.namespace, gone.stage, -1);
            return None;
        }
        let now = stage(pod);
        let before = self.all.get(&uid).map(|seen| seen.stage);
        if before == Some(now) {
            // Labels may have changed.
            if let Some(seen) = self.all.get_mut(&uid) {
                seen.labels = pod.meta.labels.clone();
            }
            return None;
        }
        let (namespace, name) = (pod.meta.namespace.clone(), pod.meta.name.clone());
        let seen = Seen { namespace, name, labels: pod.meta.labels.clone(), stage: now };
        if let Some(before) = before {
            self.count(&seen.namespace, before, -1);
        }
        self.count(&seen.namespace, now, 1);
        self.all.insert(uid, seen.clone());
        Some((seen, now))
    }

    /// How many pods of a namespace have come at least so far.
    pub(super) fn reached(&self, namespace: &Name, labels: &Selector, least: Stage) -> usize {
        if labels.is_everything() {
            let place = usize::from(least == Stage::Scheduled);
            return self.counts.get(namespace).map_or(0, |counts| counts[place]);
        }
        self.of(namespace, labels).filter(|seen| seen.stage >= least).count()
    }

    /// The pods of a namespace, by uid.
    pub(super) fn of<'p>(
        &'p self,
        namespace: &'p Name,
        labels: &'p Selector,
    ) -> impl Iterator<Item = &'p Seen> {
        let is = move |seen: &&Seen| seen.namespace == *namespace && labels.matches(&seen.labels);
        self.all.values().filter(is)
    }
}
