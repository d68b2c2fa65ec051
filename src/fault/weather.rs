//! The weather: carries a plan of faults out on a cluster.
//!
//! A clone goes on as the weather of a clone of the cluster.

use std::collections::BTreeMap;
use std::ops::Range;

use crate::api::Name;
use crate::api::message::Message;
use crate::api::note::{FaultNote, MarkNote, Note, WriteNote};
use crate::api::request::Verb;
use crate::api::why::Why;
use crate::cluster::Cluster;
use crate::fault::again::Again;
use crate::fault::hand::Hand;
use crate::fault::maintenance;
use crate::fault::plan::{Entry, Inject, Occurrence, Plan, Trigger};
use crate::fault::random::{Random, draw};
use crate::fault::stage::{Began, Healing, Stage};
use crate::fault::tap::{Filter, Phase, Seen, What};
use crate::fault::watch;
use crate::sim::engine::{ActorId, Control};
use crate::sim::link::Trouble;
use crate::sim::rng::Rng;
use crate::sim::time::{SimDuration, SimTime};

/// How long that lasts which nobody ends: longer than any run.
pub const FOREVER: SimDuration = SimDuration::secs(100 * 86_400);

/// How long one waits before an object is created again, until its name is free.
const AGAIN: SimDuration = SimDuration::millis(50);

/// Faults that are to come, those that last, and what is to be healed.
#[derive(Clone)]
pub struct Weather {
    hand: ActorId,
    namespace: Name,
    /// By instant, in the order of asking.
    pub(super) agenda: BTreeMap<(SimTime, u64), Due>,
    pub(super) asked: u64,
    waiting: Vec<Waiting>,
    pub(super) filters: Vec<Filter>,
    rng: Rng,
    cuts: usize,
    pub(super) misses: Vec<String>,
    begun: u32,
    /// What each experiment has put on the agenda, by name.
    pub(super) experiments: BTreeMap<Name, Vec<Range<u64>>>,
    /// How many pods were asked for by whom, so that they never learn what became of it.
    pub(super) unsure: BTreeMap<Name, u32>,
    /// Whether occurrences are counted although nobody waits for them yet.
    pub(super) counting: bool,
    counts: BTreeMap<Seen, u32>,
    last_seen: Vec<(Seen, u32)>,
}

#[derive(Clone)]
pub(super) enum Due {
    Begin(Inject),
    Heal(Vec<Healing>, Name),
    End(u64),
    Toggle { actor: ActorId, half: SimDuration, until: SimTime },
    Evict { node: ActorId, until: SimTime },
    Random(Random),
    Again(Box<Again>, SimTime),
}

/// A fault that waits for an occurrence.
#[derive(Clone)]
struct Waiting {
    what: Occurrence,
    n: u32,
    left: u32,
    inject: Inject,
}

impl Weather {
    /// The weather of a plan; adds the actor of those who disturb through the apiserver.
    pub fn new(cluster: &mut Cluster, namespace: &Name, plan: &Plan, seed: u64) -> Weather {
        let servers = cluster.topology.servers.clone();
        let hand = cluster.add_guest("weather", Box::new(Hand::new("weather", servers)));
        let mut weather = Weather {
            hand,
            namespace: namespace.clone(),
            agenda: BTreeMap::new(),
            asked: 0,
            waiting: Vec::new(),
            filters: Vec::new(),
            rng: Rng::named(seed, "fault"),
            cuts: 0,
            misses: Vec::new(),
            begun: 0,
            experiments: BTreeMap::new(),
            unsure: BTreeMap::new(),
            counting: false,
            counts: BTreeMap::new(),
            last_seen: Vec::new(),
        };
        plan.entries.iter().for_each(|entry| weather.arm(entry));
        weather
    }

    /// Counts all occurrences from now on, so that faults can be added later.
    pub fn count_all(&mut self) {
        self.counting = true;
    }

    /// Whether some client sees late, or not at all, what it watches: what goes round in a circle
    /// by that alone ends with it.
    pub fn blinds(&self) -> bool {
        let blinds = |f: &Filter| {
            matches!(f.what, What::Watch { .. } | What::Past { .. }) && f.left != Some(0)
        };
        self.filters.iter().any(blinds)
    }

    /// How many pods a client has asked for without ever learning what became of it.
    pub fn unsure_of(&self, user: &str) -> u32 {
        self.unsure.get(user).copied().unwrap_or(0)
    }

    /// What has occurred in the last turn, each with its number; only while all is counted.
    pub fn take_seen(&mut self) -> Vec<(Seen, u32)> {
        std::mem::take(&mut self.last_seen)
    }

    /// Stops counting what nobody waits for.
    pub fn count_no_more(&mut self) {
        self.counting = false;
        self.last_seen.clear();
    }

    /// Adds a fault to those that are to come; what has occurred so far counts.
    pub fn arm(&mut self, entry: &Entry) {
        match &entry.trigger {
            Trigger::At(at) => self.push(SimTime::ZERO + *at, Due::Begin(entry.inject.clone())),
            Trigger::When(what, n) => {
                let counted = self.counts.iter().filter(|(seen, _)| seen.is(what));
                let so_far: u32 = counted.map(|(_, n)| *n).sum();
                let (what, inject) = (what.clone(), entry.inject.clone());
                let left = (*n).max(1).saturating_sub(so_far);
                self.waiting.push(Waiting { what, n: *n, left, inject });
            }
        }
    }

    /// Adds faults that come by chance.
    pub fn add_random(&mut self, random: Random) {
        let at = SimTime::ZERO + random.from;
        self.next_random(at, random);
    }

    /// The last step has ended: what comes by chance and has no end of its own comes no more.
    pub fn calm_down(&mut self) {
        self.agenda.retain(|_, due| match due {
            Due::Random(random) => random.to.is_some(),
            Due::Again(..) => false,
            Due::Begin(_)
            | Due::Heal(..)
            | Due::End(_)
            | Due::Toggle { .. }
            | Due::Evict { .. } => true,
        });
    }

    pub(super) fn push(&mut self, at: SimTime, due: Due) {
        self.asked += 1;
        self.agenda.insert((at, self.asked), due);
    }

    /// The next fault of a kind that comes by chance: on average as often as its rate says.
    fn next_random(&mut self, after: SimTime, random: Random) {
        let gap = SimDuration(self.rng.between(1, random.interval.0.saturating_mul(2)));
        let at = after + gap;
        let end = random.to.map_or(SimTime::NEVER, |to| SimTime::ZERO + to);
        if at <= end {
            self.push(at, Due::Random(random));
        }
    }

    /// When the next fault or healing is due.
    pub fn due(&self) -> SimTime {
        self.agenda.first_key_value().map_or(SimTime::NEVER, |((at, _), _)| *at)
    }

    /// Whether no fault is to come and nothing is to be healed.
    pub fn is_over(&self) -> bool {
        self.agenda.keys().all(|(at, _)| at.0 >= FOREVER.0)
    }

    /// Whether a link is cut.
    pub fn has_cut(&self) -> bool {
        self.cuts > 0
    }

    /// How many faults have come.
    pub fn begun(&self) -> u32 {
        self.begun
    }

    /// Faults that hit nothing, and occurrences that never came.
    pub fn misses(&self) -> Vec<String> {
        let never = self.waiting.iter().map(|w| {
            let name = w.inject.fault.name();
            let so_far = w.n.max(1) - w.left;
            match &w.what {
                Occurrence::BeforeWrite(writes) | Occurrence::AfterWrite(writes) => format!(
                    "fault {name} never came: {} wrote fewer than {} times ({so_far})",
                    writes.actor, w.n
                ),
                Occurrence::Event(_) | Occurrence::Change(_) => {
                    format!("fault {name} never came {}", w.what.words(w.n))
                }
            }
        });
        self.misses.iter().cloned().chain(never).collect()
    }

    pub(super) fn waits_for_messages(&self) -> bool {
        self.waiting
            .iter()
            .any(|w| matches!(w.what, Occurrence::BeforeWrite(_) | Occurrence::Event(_)))
    }

    /// Counts an occurrence; gives the faults that it brings.
    pub(super) fn count(&mut self, seen: &Seen) -> Vec<Inject> {
        if self.counting {
            let count = self.counts.entry(seen.clone()).or_default();
            *count += 1;
            self.last_seen.push((seen.clone(), *count));
        }
        self.brought(|what| seen.is(what))
    }

    fn brought(&mut self, meant: impl Fn(&Occurrence) -> bool) -> Vec<Inject> {
        let mut hits = Vec::new();
        self.waiting.retain_mut(|waiting| {
            waiting.left = waiting.left.saturating_sub(u32::from(meant(&waiting.what)));
            if waiting.left == 0 {
                hits.push(waiting.inject.clone());
            }
            waiting.left > 0
        });
        hits
    }

    /// A write is in the store: the faults that it brings come now.
    pub fn after_write(&mut self, write: &WriteNote, now: SimTime) {
        if self.waiting.is_empty() && !self.counting {
            return;
        }
        let (change, kind) = (&write.change, write.change.object.kind());
        let seen = Seen::after(&write.origin.user, kind, write.origin.verb);
        let mut hits = self.count(&seen);
        hits.extend(self.brought(|what| match what {
            Occurrence::Change(c) => c.matches(change.old.as_ref(), &change.object),
            Occurrence::BeforeWrite(_) | Occurrence::AfterWrite(_) | Occurrence::Event(_) => false,
        }));
        hits.into_iter().for_each(|inject| self.push(now, Due::Begin(inject)));
    }

    /// Lets faults begin and end whose time has come.
    pub fn blow(&mut self, cluster: &mut Cluster) {
        while self.due() <= cluster.engine.now() {
            let Some((_, due)) = self.agenda.pop_first() else { return };
            match due {
                Due::Begin(inject) => {
                    if let Err(why) = self.inject(&inject, cluster) {
                        self.misses.push(why);
                    }
                }
                Due::Heal(healing, fault) => self.heal(healing, &fault, cluster),
                Due::End(number) => self.end(number, cluster),
                Due::Toggle { actor, half, until } => self.toggle(actor, half, until, cluster),
                Due::Evict { node, until } => self.evict(node, until, cluster),
                Due::Random(random) => self.random_fault(random, cluster),
                Due::Again(again, busy) => self.again(*again, busy, cluster),
            }
        }
    }

    /// Lets a fault begin; gives whom it hit.
    ///
    /// # Errors
    /// When it hits nothing, in words.
    pub fn inject(&mut self, inject: &Inject, cluster: &mut Cluster) -> Result<Vec<Name>, String> {
        self.inject_at(inject, false, cluster)
    }

    pub(super) fn inject_at(
        &mut self,
        inject: &Inject,
        by_write: bool,
        cluster: &mut Cluster,
    ) -> Result<Vec<Name>, String> {
        let began = inject.fault.begin(&mut Stage {
            cluster,
            namespace: &self.namespace,
            rng: &mut self.rng,
            hand: self.hand,
            duration: inject.duration,
        })?;
        let Began { hit, healing, filter, usual, after } = began;
        self.begun += 1;
        let fault = Name::new_static(inject.fault.name());
        self.tell_fault(&fault, true, hit.clone(), cluster);
        let now = cluster.engine.now();
        let span = inject.duration.or(usual);
        if let Some(mut filter) = filter {
            if by_write && matches!(filter.what, What::Requests { .. }) {
                filter.left = filter.left.or(Some(1));
            }
            self.push(filter.until, Due::End(self.asked + 1));
            (filter.fault, filter.number) = (fault.clone(), self.asked);
            self.filters.push(filter);
        }
        for one in &healing {
            self.cuts += usize::from(matches!(one, Healing::Join(..)));
            if let (Healing::Flap(actor, half), Some(span)) = (one, span) {
                let (actor, half) = (*actor, *half);
                self.push(now + half, Due::Toggle { actor, half, until: now + span });
            }
            if let (Healing::Uncordon(node), Some(span)) = (one, span) {
                // The scheduler is to know of it before pods are made anew.
                let (node, until) = (*node, now + span);
                self.push(now + AGAIN, Due::Evict { node, until });
            }
        }
        if let Some(span) = after.or(span).filter(|_| !healing.is_empty()) {
            self.push(now + span, Due::Heal(healing, fault));
        }
        Ok(hit)
    }

    fn tell_fault(&self, fault: &Name, begins: bool, hit: Vec<Name>, cluster: &mut Cluster) {
        let note = FaultNote { fault: fault.clone(), begins, hit };
        cluster.with_guest(self.hand, |_: &mut Hand, context| {
            context.log(Note::Fault(Box::new(note)));
        });
    }

    pub(super) fn mark(&self, fault: &Name, who: Name, what: &str, cluster: &mut Cluster) {
        let detail = Name::new(format!("{fault}: {what}"));
        cluster.with_guest(self.hand, |_: &mut Hand, context| {
            context.log(Note::Mark(Box::new(MarkNote { mark: "fault", who, detail })));
        });
    }

    fn toggle(&mut self, actor: ActorId, half: SimDuration, until: SimTime, cluster: &mut Cluster) {
        let now = cluster.engine.now();
        if now >= until {
            return;
        }
        let up = cluster.engine.is_up(actor);
        let control = if up { Control::Crash(actor) } else { Control::Start(actor) };
        cluster.engine.control(control);
        self.push(now + half, Due::Toggle { actor, half, until });
    }

    /// Evicts what is still on a node, and looks again as long as something is.
    fn evict(&mut self, node: ActorId, until: SimTime, cluster: &mut Cluster) {
        let next = cluster.engine.now() + maintenance::AGAIN;
        let name = Name::new(cluster.engine.name(node));
        maintenance::evict(self.hand, &name, cluster);
        if next < until {
            self.push(next, Due::Evict { node, until });
        }
    }

    /// A fault of messages is over before its time: it has hit all that it was to hit.
    pub(super) fn ended_early(&mut self, number: u64, cluster: &mut Cluster) {
        self.agenda.retain(|_, due| !matches!(due, Due::End(n) if *n == number));
        let _ = cluster;
    }

    /// A fault of messages is over.
    fn end(&mut self, number: u64, cluster: &mut Cluster) {
        let Some(place) = self.filters.iter().position(|f| f.number == number) else { return };
        let filter = &mut self.filters[place];
        let fault = filter.fault.clone();
        if filter.hits == 0 && !matches!(filter.what, What::Store | What::Watch { .. }) {
            self.misses.push(format!("the fault {fault} hit nothing as long as it lasted"));
        }
        let waits = matches!(&filter.what, What::Requests { lost, .. } if !lost.is_empty());
        filter.left = Some(0);
        if !waits {
            self.filters.remove(place);
        }
        self.tell_fault(&fault, false, Vec::new(), cluster);
    }

    fn heal(&mut self, healing: Vec<Healing>, fault: &Name, cluster: &mut Cluster) {
        let mut hit = Vec::new();
        for one in healing {
            if let Some(id) = self.heal_one(one, cluster) {
                hit.push(cluster.engine.name(id).into());
            }
        }
        hit.dedup();
        self.tell_fault(fault, false, hit, cluster);
    }

    fn heal_one(&mut self, one: Healing, cluster: &mut Cluster) -> Option<ActorId> {
        let engine = &mut cluster.engine;
        match one {
            Healing::Start(id) | Healing::Flap(id, _) => {
                engine.control(Control::Start(id));
                Some(id)
            }
            Healing::Crash(id) => {
                engine.control(Control::Crash(id));
                Some(id)
            }
            Healing::Join(from, to) => {
                self.cuts = self.cuts.saturating_sub(1);
                engine.control(Control::Link(from, to, Trouble::default()));
                Some(from)
            }
            Healing::Clock(id) => {
                self.tell(id, "clock", 0.into(), cluster);
                Some(id)
            }
            Healing::Ready(id, how) => {
                self.tell(id, "unready", how, cluster);
                Some(id)
            }
            Healing::Uncordon(id) => {
                let verb = maintenance::cordon(cluster.engine.name(id), false);
                cluster.with_guest(self.hand, |hand: &mut Hand, context| {
                    hand.ask(verb, Why::new("back in service"), context);
                });
                Some(id)
            }
            Healing::Unstick(id, what, how) => {
                self.tell(id, what, how, cluster);
                Some(id)
            }
            Healing::Expire(id, kind) => {
                watch::end(cluster, id, kind, true);
                None
            }
            Healing::Create(kind, namespace, value, left) => {
                self.create_again(kind, namespace, value, left, cluster);
                None
            }
        }
    }

    fn create_again(
        &mut self,
        kind: crate::api::object::Kind,
        namespace: Name,
        value: serde_json::Value,
        left: u32,
        cluster: &mut Cluster,
    ) {
        let name = value["metadata"]["name"].as_str().unwrap_or_default();
        let key = crate::api::object::ObjectKey::new(kind, &namespace, name);
        if let Some(there) = cluster.store().get(&key) {
            if left == 0 && !there.meta().is_deleting() {
                let why = format!("recreate: {name} was not deleted");
                return self.misses.push(why);
            }
            let healing = vec![Healing::Create(kind, namespace, value, left.saturating_sub(1))];
            let at = cluster.engine.now() + AGAIN;
            return self.push(at, Due::Heal(healing, Name::new_static("recreate")));
        }
        let verb = Verb::Post { kind, namespace, value: value.into(), dry_run: false };
        cluster.with_guest(self.hand, |hand: &mut Hand, context| {
            hand.ask(verb, Why::new("created again under the same name"), context);
        });
    }

    fn tell(&self, id: ActorId, what: &'static str, how: serde_json::Value, cluster: &mut Cluster) {
        cluster.with_guest(self.hand, |_: &mut Hand, context| {
            let message = Message::Runtime(Name::new_static(what), how.into());
            context.send(context.peer(id), message);
        });
    }

    /// A fault drawn from the seed: one pod, container, node, component or client.
    fn random_fault(&mut self, random: Random, cluster: &mut Cluster) {
        let now = cluster.engine.now();
        let pick = self.rng.below(random.kinds.len().max(1) as u64);
        if let Some(kind) = random.kinds.get(usize::try_from(pick).unwrap_or(0))
            && let Some(inject) = draw(kind, cluster, &self.namespace, &mut self.rng)
        {
            // What finds nothing to hit at this instant does not come.
            let _ = self.inject(&inject, cluster);
        }
        self.next_random(now, random);
    }

    /// Whether an occurrence of this phase is counted; for those who add faults to copies.
    pub fn counted(&self, phase: Phase) -> u32 {
        self.counts.iter().filter(|(seen, _)| seen.phase == phase).map(|(_, n)| *n).sum()
    }
}
