//! S7: an ordered StatefulSet makes a pod only when the one below has been ready.
//!
//! What its controller knows may be old, but it is what was once so: the pod below need not be
//! ready any more, yet it must have been.

use crate::api::apps::stateful_set::{PodManagementPolicy, StatefulSet};
use crate::api::core::pod::Pod;
use crate::api::meta::Uid;
use crate::api::object::{Kind, ObjectKey};
use crate::check::{Invariant, Look, named};
use crate::sim::index::Set;

/// The ordinals of each set that have been ready.
#[derive(Clone, Default)]
pub(super) struct Order {
    ready: Set<(Uid, i64)>,
}

fn ordinal(name: &str) -> Option<i64> {
    name.rsplit_once('-').and_then(|(_, number)| number.parse().ok())
}

impl Invariant for Order {
    fn look(&mut self, look: &Look<'_>) -> Result<(), String> {
        let change = look.change;
        let Some(pod) = change.object.as_a::<Pod>().filter(|_| !change.deleted) else {
            return Ok(());
        };
        let Some(owner) = pod.meta.controller().filter(|o| o.kind == "StatefulSet") else {
            return Ok(());
        };
        let Some(number) = ordinal(&pod.meta.name) else { return Ok(()) };
        if pod.is_ready() {
            self.ready.insert((owner.uid, number));
        }
        if change.old.is_some() || look.origin.user != "statefulset-controller" {
            return Ok(());
        }
        let store = look.cluster.store();
        let key = ObjectKey::new(Kind::STATEFUL_SET, &pod.meta.namespace, &owner.name);
        let set = store.get(&key).and_then(|o| o.as_a::<StatefulSet>());
        let Some(set) = set.filter(|set| set.meta.uid == owner.uid) else { return Ok(()) };
        let start = set.spec.ordinals.as_ref().map_or(0, |o| i64::from(o.start));
        let ordered = set.spec.pod_management_policy == PodManagementPolicy::OrderedReady;
        if !ordered || number <= start || self.ready.contains(&(owner.uid, number - 1)) {
            return Ok(());
        }
        // What the run has begun with was never seen to become ready.
        let below = format!("{}-{}", owner.name, number - 1);
        let key = ObjectKey::new(Kind::POD, &pod.meta.namespace, &below);
        let is_ready = store.get(&key).and_then(|o| o.as_a::<Pod>()).is_some_and(|p| p.is_ready());
        if is_ready {
            return Ok(());
        }
        Err(format!("{} was made before {below} had ever been ready", named(change)))
    }
}
