//! The pods that wait: those to be tried next, those that pause after a failure, those that wait
//! for something to happen in the cluster, and those that are gated.
//!
//! Nothing ticks: each pause is a closed formula, so that the queue can tell the next instant at
//! which anything in it can change.

mod backoff;
mod pool;
mod sizes;
mod state;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use crate::api::core::pod::Pod;
use crate::api::meta::Uid;
use crate::scheduler::config::QueueConfig;
use crate::scheduler::event::{ClusterEvent, EventResource, Happened, pod_action};
use crate::scheduler::framework::Entry;
use crate::scheduler::plugins::{PluginId, PluginSet, priority_sort};
use crate::scheduler::profile::Profile;
use crate::sim::index::Map;
use crate::sim::time::{SimDuration, SimTime};

pub use backoff::{backing_off, expiry, span};
use pool::Pool;

pub use state::{Failure, Place, Strategy};

/// How often leftovers are looked for.
///
/// Source: kubernetes v1.36 pkg/scheduler/backend/queue/scheduling_queue.go, `PriorityQueue.Run`
const LEFTOVER_PERIOD: SimDuration = SimDuration::secs(30);

/// A pod that waits, and what became of its attempts.
///
/// Source: kubernetes v1.36 pkg/scheduler/framework/types.go, `QueuedPodInfo`
#[derive(Clone, Debug)]
pub struct Queued {
    /// The pod.
    pub pod: Arc<Pod>,
    /// Its profile.
    pub profile: usize,
    /// When it was queued, or last failed.
    pub since: SimTime,
    /// How often it was tried.
    pub attempts: u32,
    /// How often it was rejected.
    pub unschedulable: u32,
    /// How often in a row an error ended its attempt.
    pub errors: u32,
    /// Who rejected it.
    pub rejected_by: PluginSet,
    /// Who has it wait for something under way.
    pub pending: PluginSet,
    /// Who keeps it from being queued.
    gate: Option<PluginId>,
    /// The how-manieth pod it was to come: the order among equals.
    arrival: u64,
}

/// The order of pods to be tried: priority, time, arrival.
type ActiveKey = (Reverse<i32>, SimTime, u64, Uid);

/// The order of pods that pause: the end of the pause, then as above.
type BackoffKey = (SimTime, ActiveKey);

/// The queue.
///
/// Source: kubernetes v1.36 pkg/scheduler/backend/queue/scheduling_queue.go, `PriorityQueue`
#[derive(Clone)]
pub struct Queue {
    config: QueueConfig,
    profiles: Arc<[Profile]>,
    start: SimTime,
    waiting: Map<Uid, (Place, Queued)>,
    active: BTreeSet<ActiveKey>,
    backoff: BTreeSet<BackoffKey>,
    errors: BTreeSet<BackoffKey>,
    pool: Pool,
    /// Pods that are being tried, with the number of the first event that they have not seen.
    in_flight: BTreeMap<Uid, u64>,
    /// What happened since the first of them was taken.
    events: VecDeque<Happened>,
    first_event: u64,
    arrivals: u64,
    /// Pods that room is being made for.
    held: BTreeSet<Uid>,
    /// Gated pods, by who keeps them from being queued.
    gated: BTreeMap<PluginId, BTreeSet<Uid>>,
}

impl Queue {
    /// An empty queue, running since `start`.
    pub fn new(config: QueueConfig, profiles: Arc<[Profile]>, start: SimTime) -> Queue {
        Queue {
            config,
            profiles,
            start,
            waiting: Map::default(),
            active: BTreeSet::new(),
            backoff: BTreeSet::new(),
            errors: BTreeSet::new(),
            pool: Pool::default(),
            in_flight: BTreeMap::new(),
            events: VecDeque::new(),
            first_event: 0,
            arrivals: 0,
            held: BTreeSet::new(),
            gated: BTreeMap::new(),
        }
    }

    /// A pod came that wants a node.
    pub fn add(&mut self, pod: Arc<Pod>, profile: usize, now: SimTime) {
        self.arrivals += 1;
        let none = PluginSet::NONE;
        let queued = Queued {
            pod,
            profile,
            since: now,
            attempts: 0,
            unschedulable: 0,
            errors: 0,
            rejected_by: none,
            pending: none,
            gate: None,
            arrival: self.arrivals,
        };
        self.activate(queued);
    }

    /// Puts a pod among those to be tried next, or among the gated.
    fn activate(&mut self, mut queued: Queued) {
        let place = if self.is_gated(&mut queued) { Place::Gated } else { Place::Active };
        self.put(place, queued);
    }

    fn is_gated(&self, queued: &mut Queued) -> bool {
        let is_preempting = self.held.contains(&queued.pod.meta.uid);
        let entry = Entry { pod: &queued.pod, is_preempting };
        let refused = self.profiles[queued.profile].pre_enqueue(entry);
        queued.gate = refused.err().map(|(plugin, _)| plugin);
        if let Some(plugin) = queued.gate {
            queued.rejected_by.insert(plugin);
        }
        queued.gate.is_some()
    }

    fn key(queued: &Queued) -> ActiveKey {
        let (priority, since) = priority_sort::rank(&queued.pod, queued.since);
        (priority, since, queued.arrival, queued.pod.meta.uid)
    }

    fn backoff_key(&self, queued: &Queued) -> BackoffKey {
        let end = expiry(&self.config, queued.since, queued.unschedulable, queued.errors);
        (end.unwrap_or(queued.since), Queue::key(queued))
    }

    fn put(&mut self, place: Place, queued: Queued) {
        let uid = queued.pod.meta.uid;
        match place {
            Place::Active => {
                self.active.insert(Queue::key(&queued));
            }
            Place::Backoff => {
                self.backoff.insert(self.backoff_key(&queued));
            }
            Place::ErrorBackoff => {
                self.errors.insert(self.backoff_key(&queued));
            }
            Place::Unschedulable => self.pool.insert(&queued),
            Place::Gated => {
                let gate = queued.gate.expect("a gated pod is gated by somebody");
                self.gated.entry(gate).or_default().insert(uid);
            }
        }
        self.waiting.insert(uid, (place, queued));
    }

    fn take(&mut self, uid: Uid) -> Option<(Place, Queued)> {
        let (place, queued) = self.waiting.remove(&uid)?;
        match place {
            Place::Active => {
                self.active.remove(&Queue::key(&queued));
            }
            Place::Backoff => {
                self.backoff.remove(&self.backoff_key(&queued));
            }
            Place::ErrorBackoff => {
                self.errors.remove(&self.backoff_key(&queued));
            }
            Place::Unschedulable => self.pool.remove(&queued),
            Place::Gated => {
                if let Some(pods) = queued.gate.and_then(|gate| self.gated.get_mut(&gate)) {
                    pods.remove(&uid);
                }
            }
        }
        Some((place, queued))
    }

    /// A pod that waits has changed.
    ///
    /// Source: kubernetes v1.36 pkg/scheduler/backend/queue/scheduling_queue.go,
    /// `PriorityQueue.Update`
    pub fn update(&mut self, old: &Arc<Pod>, new: &Arc<Pod>, profile: usize, now: SimTime) {
        let uid = new.meta.uid;
        let happened = || Happened {
            event: ClusterEvent::new(EventResource::UnscheduledPod, pod_action(old, new)),
            old: Some(crate::api::object::Object::Pod(old.clone())),
            new: Some(crate::api::object::Object::Pod(new.clone())),
        };
        if self.in_flight.contains_key(&uid) {
            self.events.push_back(happened());
            return;
        }
        let Some((place, mut queued)) = self.take(uid) else {
            self.add(new.clone(), profile, now);
            return;
        };
        queued.pod = new.clone();
        match place {
            Place::Active | Place::Backoff | Place::ErrorBackoff => self.put(place, queued),
            Place::Unschedulable | Place::Gated => {
                let strategy = self.strategy(&queued, &happened());
                match strategy {
                    Strategy::Skip => self.put(place, queued),
                    Strategy::AfterBackoff | Strategy::Immediately => {
                        if place == Place::Gated {
                            queued.rejected_by = PluginSet::NONE;
                        }
                        self.requeue(queued, strategy, now);
                    }
                }
            }
        }
    }

    /// Room is being made for a pod: it is not to be queued meanwhile.
    pub fn hold(&mut self, uid: Uid) {
        self.held.insert(uid);
    }

    /// No room is being made for a pod any more. It waits on until something happens.
    pub fn release(&mut self, uid: Uid) {
        self.held.remove(&uid);
    }

    /// A pod is to be tried at once, wherever it waits.
    ///
    /// Source: kubernetes v1.36 pkg/scheduler/backend/queue/scheduling_queue.go,
    /// `PriorityQueue.Activate`
    pub fn activate_now(&mut self, uid: Uid) {
        if let Some((_, queued)) = self.take(uid) {
            self.activate(queued);
        }
    }

    /// A pod wants no node any more.
    pub fn delete(&mut self, uid: Uid) {
        self.held.remove(&uid);
        self.take(uid);
        self.done(uid);
    }

    /// Takes the pod that is to be tried next. Pods that pause are taken when no other waits.
    ///
    /// Source: kubernetes v1.36 pkg/scheduler/backend/queue/active_queue.go, `activeQueue.pop`
    pub fn pop(&mut self) -> Option<Queued> {
        let paused = || self.backoff.first().filter(|_| self.config.pop_from_backoff);
        let uid = self.active.first().map(|k| k.3).or_else(|| paused().map(|k| k.1.3))?;
        let (_, mut queued) = self.take(uid)?;
        queued.attempts += 1;
        queued.rejected_by = PluginSet::NONE;
        queued.pending = PluginSet::NONE;
        self.in_flight.insert(uid, self.first_event + self.events.len() as u64);
        Some(queued)
    }

    /// Nothing that happens concerns the pod any more: it is being bound, or gone.
    pub fn done(&mut self, uid: Uid) {
        if self.in_flight.remove(&uid).is_none() {
            return;
        }
        let next = self.first_event + self.events.len() as u64;
        let oldest = self.in_flight.values().min().copied().unwrap_or(next);
        while self.first_event < oldest {
            self.events.pop_front();
            self.first_event += 1;
        }
    }

    /// The attempt of a pod failed. What has happened since it was taken may wake it at once.
    ///
    /// Source: kubernetes v1.36 pkg/scheduler/backend/queue/scheduling_queue.go,
    /// `PriorityQueue.AddUnschedulableIfNotPresent`
    pub fn fail(&mut self, mut queued: Queued, failure: Failure, now: SimTime) {
        queued.since = now;
        match failure {
            Failure::Rejected { by, pending } if !by.or(pending).is_empty() => {
                queued.rejected_by = by;
                queued.pending = pending;
                queued.unschedulable += 1;
                queued.errors = 0;
            }
            Failure::Rejected { .. } | Failure::Error => queued.errors += 1,
        }
        let uid = queued.pod.meta.uid;
        let seen = self.in_flight.get(&uid).map_or(0, |n| n.saturating_sub(self.first_event));
        let missed = self.events.iter().skip(usize::try_from(seen).unwrap_or(usize::MAX));
        let strategy = if queued.rejected_by.or(queued.pending).is_empty() {
            Strategy::AfterBackoff
        } else {
            missed.map(|h| self.strategy(&queued, h)).max().unwrap_or(Strategy::Skip)
        };
        self.done(uid);
        self.requeue(queued, strategy, now);
    }

    /// Source: kubernetes v1.36 pkg/scheduler/backend/queue/scheduling_queue.go,
    /// `PriorityQueue.requeuePodWithQueueingStrategy`
    fn requeue(&mut self, mut queued: Queued, strategy: Strategy, now: SimTime) {
        let end = expiry(&self.config, queued.since, queued.unschedulable, queued.errors);
        let pauses = end.is_some_and(|end| backing_off(&self.config, end, now));
        match strategy {
            Strategy::Skip => self.put(Place::Unschedulable, queued),
            Strategy::AfterBackoff if pauses => {
                let is_gated = self.config.pop_from_backoff && self.is_gated(&mut queued);
                let place = match (is_gated, queued.errors) {
                    (true, _) => Place::Gated,
                    (false, 0) => Place::Backoff,
                    (false, _) => Place::ErrorBackoff,
                };
                self.put(place, queued);
            }
            Strategy::AfterBackoff | Strategy::Immediately => self.activate(queued),
        }
    }

    /// Whether any plugin cares for an event.
    ///
    /// Source: kubernetes v1.36 pkg/scheduler/backend/queue/scheduling_queue.go,
    /// `PriorityQueue.isEventOfInterest`
    pub fn is_of_interest(&self, event: ClusterEvent) -> bool {
        event.is_wildcard() || self.profiles.iter().any(|p| !p.interested(event).is_empty())
    }

    /// What is to become of a pod after something happened.
    ///
    /// Source: kubernetes v1.36 pkg/scheduler/backend/queue/scheduling_queue.go,
    /// `PriorityQueue.isPodWorthRequeuing`
    pub fn strategy(&self, queued: &Queued, happened: &Happened) -> Strategy {
        let rejectors = queued.rejected_by.or(queued.pending);
        if rejectors.is_empty() || happened.event.is_wildcard() {
            return Strategy::AfterBackoff;
        }
        let profile = &self.profiles[queued.profile];
        let asked = PluginSet(profile.interested(happened.event).0 & rejectors.0);
        let hopeful = profile.worth_retrying(asked, &queued.pod, happened);
        match (hopeful.is_empty(), hopeful.meets(queued.pending)) {
            (true, _) => Strategy::Skip,
            (false, false) => Strategy::AfterBackoff,
            (false, true) => Strategy::Immediately,
        }
    }

    /// Something happened in the cluster: pods that it may help are tried again. Only pods that a
    /// plugin has rejected which cares for the event are asked.
    ///
    /// Source: kubernetes v1.36 pkg/scheduler/backend/queue/scheduling_queue.go,
    /// `PriorityQueue.MoveAllToActiveOrBackoffQueue`
    pub fn happened(&mut self, happened: &Happened, now: SimTime) {
        self.happened_to(happened, |_| true, now);
    }

    /// The same, but only pods are asked that `concerns` finds.
    pub fn happened_to(
        &mut self,
        happened: &Happened,
        concerns: impl Fn(&Pod) -> bool,
        now: SimTime,
    ) {
        let gated = self.gated.values().any(|pods| !pods.is_empty());
        if self.pool.is_empty() && self.in_flight.is_empty() && !gated {
            return;
        }
        let everything = happened.event.is_wildcard();
        let mut interested = PluginSet::NONE;
        for profile in self.profiles.iter() {
            interested = interested.or(profile.interested(happened.event));
        }
        if interested.is_empty() && !everything {
            return;
        }
        let mut asked = self.pool.rejected_by((!everything).then_some(interested));
        // A gated pod is asked only when the event is one that its gate cares for: many are gated
        // for good.
        let gates = self.gated.iter().filter(|(gate, _)| interested.has(**gate));
        asked.extend(gates.flat_map(|(_, pods)| pods));
        for uid in asked {
            let Some((_, queued)) = self.waiting.get(&uid) else { continue };
            let strategy = self.strategy(queued, happened);
            if strategy != Strategy::Skip
                && concerns(&queued.pod)
                && let Some((_, queued)) = self.take(uid)
            {
                self.requeue(queued, strategy, now);
            }
        }
        if !self.in_flight.is_empty() {
            self.events.push_back(happened.clone());
        }
    }

    /// Moves the pods whose pause is over, and those that have waited too long.
    ///
    /// Source: kubernetes v1.36 pkg/scheduler/backend/queue/scheduling_queue.go,
    /// `PriorityQueue.flushBackoffQCompleted` and `flushUnschedulablePodsLeftover`
    pub fn flush(&mut self, now: SimTime) {
        for place in [Place::Backoff, Place::ErrorBackoff] {
            let set = if place == Place::Backoff { &self.backoff } else { &self.errors };
            let over = set.iter().take_while(|k| backoff::flushed_at(&self.config, k.0) <= now);
            let over: Vec<Uid> = over.map(|k| k.1.3).collect();
            for uid in over {
                if let Some((_, queued)) = self.take(uid) {
                    self.put(Place::Active, queued);
                }
            }
        }
        let last = |since| self.leftover_at(since) <= now;
        for uid in self.pool.older(last) {
            if let Some((_, queued)) = self.take(uid) {
                self.requeue(queued, Strategy::AfterBackoff, now);
            }
        }
    }

    /// When a pod that waits since `since` is taken for a leftover: at the first look after it has
    /// waited longer than allowed.
    fn leftover_at(&self, since: SimTime) -> SimTime {
        let waited = since + self.config.max_in_unschedulable + SimDuration::nanos(1);
        let phase = SimDuration(self.start.0 % LEFTOVER_PERIOD.0);
        waited.next_beat(LEFTOVER_PERIOD, phase)
    }

    /// The next instant at which a pod can be taken or moved, leftovers apart; none when all that
    /// can help is that something happens.
    pub fn due(&self, now: SimTime) -> Option<SimTime> {
        let paused = self.config.pop_from_backoff && !self.backoff.is_empty();
        if paused || !self.active.is_empty() {
            return Some(now);
        }
        let end = |set: &BTreeSet<BackoffKey>| {
            set.first().map(|k| backoff::flushed_at(&self.config, k.0))
        };
        [end(&self.backoff), end(&self.errors)].into_iter().flatten().min()
    }

    /// When the first pod is taken for a leftover, if nothing happens before; none when no pod
    /// waits for something to happen.
    pub fn leftover_due(&self) -> Option<SimTime> {
        self.pool.oldest().map(|since| self.leftover_at(since))
    }

    /// It runs since `start`: looks for leftovers are counted from there.
    pub fn started(&mut self, start: SimTime) {
        self.start = start;
    }

    /// Where a pod waits; none when it does not.
    pub fn place(&self, uid: Uid) -> Option<Place> {
        self.waiting.get(&uid).map(|(place, _)| *place)
    }

    /// How many pods wait.
    pub fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Whether no pod waits.
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }
}
