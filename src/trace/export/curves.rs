//! The curves of a run as CSV: of each workload what is desired, there, ready and available, and
//! how many of its pods are pending.

use std::collections::BTreeMap;

use crate::api::core::pod::PodPhase;
use crate::api::note::Note;
use crate::api::object::{Object, ObjectKey};
use crate::sim::log::Log;
use crate::sim::time::SimTime;
use crate::trace::page::workload_of;
use crate::trace::rows::millis;

/// The first line.
pub const HEAD: &str = "t_ms,namespace,kind,name,desired,pods,ready,available,updated,pending\n";

/// The curves: a line for every change of a workload's numbers.
pub fn curves(beginning: &[Object], log: &Log<Note>) -> String {
    let mut out = String::from(HEAD);
    for point in points(beginning, log) {
        let Point { time, key, numbers: [desired, pods, ready, available, updated], pending } =
            point;
        let (namespace, kind, name) = (&key.namespace, key.kind.name(), &key.name);
        let time = if time == SimTime::ZERO { "0".to_owned() } else { millis(time) };
        out.push_str(&format!(
            "{time},{namespace},{kind},{name},{desired},{pods},{ready},{available},{updated},\
             {pending}\n"
        ));
    }
    out
}

/// The numbers of a workload at an instant.
pub(super) struct Point {
    pub(super) time: SimTime,
    pub(super) key: ObjectKey,
    /// Desired, there, ready, available, updated.
    pub(super) numbers: [i64; 5],
    /// Pods that are pending.
    pub(super) pending: usize,
}

/// A point for every change of a workload's numbers.
pub(super) fn points(beginning: &[Object], log: &Log<Note>) -> Vec<Point> {
    let mut curves = Curves::default();
    for object in beginning {
        curves.see(object, false);
    }
    let mut out: Vec<Point> =
        curves.all().into_iter().filter_map(|key| curves.point(SimTime::ZERO, key)).collect();
    for record in log.iter().filter(|record| record.turn > 0) {
        if let Note::Write(write) = &record.note {
            let change = &write.change;
            let key = curves.see(&change.object, change.deleted);
            out.extend(key.and_then(|key| curves.point(record.time, key)));
        }
    }
    out
}

#[derive(Default)]
struct Curves {
    /// Desired, there, ready, available, updated.
    numbers: BTreeMap<ObjectKey, [i64; 5]>,
    owners: BTreeMap<ObjectKey, ObjectKey>,
    pending: BTreeMap<ObjectKey, ObjectKey>,
}

impl Curves {
    fn all(&self) -> Vec<ObjectKey> {
        self.numbers.keys().cloned().collect()
    }

    /// Takes up a version; gives the workload whose numbers have changed.
    fn see(&mut self, object: &Object, deleted: bool) -> Option<ObjectKey> {
        let key = object.key();
        if let Some(owner) = object.meta().controller() {
            let kind = crate::api::object::Kind::named(&owner.kind)?;
            let of = ObjectKey::new(kind, &key.namespace, &owner.name);
            self.owners.insert(key.clone(), of);
        }
        if let Object::Pod(pod) = object {
            let waits =
                !deleted && !pod.meta.is_deleting() && pod.status.phase == PodPhase::Pending;
            let top = self.top(&key)?;
            let before = self.pending.contains_key(&key);
            if waits {
                self.pending.insert(key, top.clone());
            } else {
                self.pending.remove(&key);
            }
            return (before != waits && self.numbers.contains_key(&top)).then_some(top);
        }
        let numbers = if deleted { None } else { workload_of(object) };
        let before = self.numbers.get(&key).copied();
        match numbers {
            Some(numbers) => self.numbers.insert(key.clone(), numbers),
            None if deleted && before.is_some() => self.numbers.insert(key.clone(), [0; 5]),
            None => return None,
        };
        (before != self.numbers.get(&key).copied()).then_some(key)
    }

    /// The workload that nobody else owns.
    fn top(&self, key: &ObjectKey) -> Option<ObjectKey> {
        let mut at = self.owners.get(key)?;
        while let Some(next) = self.owners.get(at) {
            at = next;
        }
        Some(at.clone())
    }

    fn point(&self, time: SimTime, key: ObjectKey) -> Option<Point> {
        let numbers = *self.numbers.get(&key)?;
        let pending = self.pending.values().filter(|top| **top == key).count();
        Some(Point { time, key, numbers, pending })
    }
}
