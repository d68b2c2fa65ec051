//! What a controller is: the same for the built-in ones and a user's own.

use crate::api::Name;
use crate::api::gates::Gate;
use crate::api::meta::Uid;
use crate::api::object::{Kind, Object, ObjectKey};
use crate::api::refusal::Refusal;
use crate::api::request::Answer;
use crate::api::time::Time;
use crate::client::plan::{Plan, Recovery, Settled, Write};
use crate::client::view::View;
use crate::sim::time::{SimDuration, SimTime};

/// A controller: a function from what it sees to the writes that it wants.
///
/// It may keep memory of its own (`&mut self`), which a crash of its process loses; the answer
/// must be right without it.
pub trait Reconciler: Send + Sync {
    /// Its name, as an audit log shows it: `replicaset-controller`.
    fn name(&self) -> &'static str;

    /// Under which name its events are told.
    fn event_source(&self) -> &'static str {
        self.name()
    }

    /// What it watches, and which keys a change of each concerns.
    fn watches(&self) -> &'static [Watch];

    /// How it is run.
    fn settings(&self) -> Settings {
        Settings::default()
    }

    /// What it wants for a key, given what it sees.
    fn reconcile(&mut self, key: &ObjectKey, view: View<'_>) -> Plan;

    /// What it wants further for a key whose last plan resumes, given what was answered to the
    /// writes of that plan, in the order of the answers.
    fn resume(&mut self, _key: &ObjectKey, _settled: Vec<Settled>, _view: View<'_>) -> Plan {
        Plan::nothing()
    }

    /// What it does about a refusal of one of its writes.
    fn recover(&mut self, write: &Write, refusal: &Refusal) -> Recovery {
        Recovery::usual(write, refusal)
    }

    /// Takes in the answer to one of its requests, a refusal too; for controllers that ask for what
    /// no informer brings.
    fn answered(&mut self, _key: &ObjectKey, _write: &Write, _answer: &Answer) {}

    /// Sees a change of something that it watches, before the keys are queued; for controllers
    /// that keep memory of their own, as a graph of owners.
    fn observe(&mut self, _change: &Observed<'_>, _view: View<'_>) {}

    /// A person or the weather acts on what it controls from outside. Its keys are not queued.
    fn disturb(&mut self, _what: &Name, _how: &serde_json::Value) {}

    /// Until when its periodic looks would find nothing to do, unless it sees a change before:
    /// the beats until then are left out. None when it does not know.
    fn idle_until(&self, _now: Time) -> Option<SimTime> {
        None
    }

    /// A copy, for a copy of its process.
    fn boxed_clone(&self) -> Box<dyn Reconciler>;
}

impl Clone for Box<dyn Reconciler> {
    fn clone(&self) -> Self {
        self.boxed_clone()
    }
}

/// A change in an informer's cache, as its handlers see it.
#[derive(Clone, Copy)]
pub struct Observed<'a> {
    /// The version before; none for a new object.
    pub old: Option<&'a Object>,
    /// The version after; none for one that is gone.
    pub new: Option<&'a Object>,
}

impl Observed<'_> {
    /// The version after, or the last one of an object that is gone.
    pub fn latest(&self) -> &Object {
        self.new.or(self.old).expect("a change has a version before or after")
    }
}

/// A kind that a controller watches, and which keys a change of it concerns.
#[derive(Clone, Copy, Debug)]
pub struct Watch {
    /// The kind.
    pub kind: Kind,
    /// Adds the keys that a change concerns to `out`, with a delay where Kubernetes has one.
    pub keys: fn(change: &Observed<'_>, view: View<'_>, out: &mut Keys),
}

impl Watch {
    /// Watches a kind, each object of which has a key of its own.
    pub const fn own(kind: Kind) -> Watch {
        Watch { kind, keys: |change, _, keys| keys.add(change.latest().key()) }
    }

    /// Watches a kind whose objects concern the object that manages them, of whatever kind that
    /// is: a controller passes over keys that are not of its own kind. Creations and deletions
    /// count for the expectations of that key.
    pub const fn owned(kind: Kind) -> Watch {
        Watch { kind, keys: owner_keys }
    }
}

/// The key of the managing owner.
fn owner_keys(change: &Observed<'_>, _: View<'_>, keys: &mut Keys) {
    let meta = change.latest().meta();
    let Some(owner) = meta.controller() else { return };
    let Some(kind) = Kind::of_version(&owner.api_version, &owner.kind) else { return };
    let namespace = if kind.row().namespaced { meta.namespace.as_str() } else { "" };
    let key = ObjectKey::new(kind, namespace, &owner.name);
    if change.old.is_none() {
        keys.created = Some(key.clone());
    }
    if change.new.is_none() {
        keys.deleted = Some((key.clone(), meta.uid));
    }
    keys.add(key);
}

/// The keys that a change concerns, each with the delay after which it is queued, and what the
/// expectations of a key have seen.
#[derive(Clone, Debug, Default)]
pub struct Keys {
    /// Keys to queue.
    pub queue: Vec<(ObjectKey, SimDuration)>,
    /// A creation that the expectations of a key count.
    pub created: Option<ObjectKey>,
    /// A deletion that the expectations of a key count.
    pub deleted: Option<(ObjectKey, Uid)>,
}

impl Keys {
    /// Whether a change concerns nobody.
    pub fn is_empty(&self) -> bool {
        self.queue.is_empty() && self.created.is_none() && self.deleted.is_none()
    }

    /// Queues a key at once.
    pub fn add(&mut self, key: ObjectKey) {
        self.queue.push((key, SimDuration::ZERO));
    }

    /// Queues a key after a delay.
    pub fn add_after(&mut self, key: ObjectKey, delay: SimDuration) {
        self.queue.push((key, delay));
    }
}

/// How a controller is run.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Settings {
    /// How many keys are worked on at once.
    pub workers: usize,
    /// After so many failures in a row a key is given up; none for never.
    pub give_up_after: Option<u32>,
    /// The first pause after a failure; it doubles.
    pub first_backoff: SimDuration,
    /// The longest pause after a failure.
    pub longest_backoff: SimDuration,
    /// A key that is looked at again and again, not queued by changes: the key's name is the
    /// controller's, its kind `Node` has no meaning then. [`Reconciler::idle_until`] says which
    /// beats may be left out.
    pub period: Option<SimDuration>,
    /// Whether a key is held back until the creations and deletions of its last plan are seen.
    pub expectations: bool,
    /// Whether a key waits until the cache shows what its last plan wrote; that it does not
    /// counts as a failure, with the pauses of one.
    ///
    /// Source: kubernetes v1.36 pkg/features/kube_features.go,
    /// `StaleControllerConsistencyReplicaSet`; the stale trackers of the endpoints and
    /// endpointslice controllers
    pub awaits_own_writes: bool,
    /// The feature gate without which it does not wait so.
    pub awaits_behind: Option<Gate>,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            workers: 5,
            give_up_after: None,
            first_backoff: SimDuration::millis(5),
            longest_backoff: SimDuration::secs(1000),
            period: None,
            expectations: false,
            awaits_own_writes: false,
            awaits_behind: None,
        }
    }
}
