//! Pressure on the node: memory and disk, and what is done when they run short.
//!
//! Usage is a function of time, so nothing is looked at while nothing grows: the kubelet knows at
//! which of its looks something will be short, and looks then.

use std::sync::Arc;

use super::{Kubelet, Worker};
use crate::api::Name;
use crate::api::core::event::ObjectReference;
use crate::api::core::pod::{Pod, QosClass};
use crate::api::meta::Uid;
use crate::api::quantity::{Format, Quantity};
use crate::api::request::EventNote;
use crate::client::component::Moment;
use crate::node::eviction::manager::{EvictionManager, Reclaim};
use crate::node::eviction::order::{Candidate, oom_score_adjust, order};
use crate::node::eviction::threshold::{Observation, Pressure, Signal};
use crate::node::usage::Sight;
use crate::sim::curve::reaches;
use crate::sim::time::{SimDuration, SimTime};

/// From one look at the node to the next.
///
/// Source: kubernetes v1.36 pkg/kubelet/kubelet.go, `evictionMonitoringPeriod`
const LOOKS: SimDuration = SimDuration::secs(10);

/// How far ahead something is looked for.
const HORIZON: SimDuration = SimDuration::secs(86_400);

/// How long a pod that was evicted may take to be gone before the next one goes.
///
/// Source: kubernetes v1.36 pkg/kubelet/eviction/eviction_manager.go, `podCleanupTimeout`
const CLEANUP: SimDuration = SimDuration::secs(30);

/// What the kubelet knows of pressure on its node.
#[derive(Clone, Default)]
pub(super) struct NodePressure {
    pub(super) manager: EvictionManager,
    /// Whether anything that runs grows, or could be too much.
    is_moving: bool,
    /// The next look.
    look_at: SimTime,
    /// When memory runs out between two looks.
    out_at: SimTime,
    /// The pod that is on its way out, and until when it is waited for.
    leaving: Option<(Uid, SimTime)>,
    phase: SimDuration,
}

impl NodePressure {
    pub(super) fn new(manager: EvictionManager, phase: SimDuration) -> NodePressure {
        NodePressure {
            manager,
            look_at: SimTime::NEVER,
            out_at: SimTime::NEVER,
            phase,
            ..NodePressure::default()
        }
    }

    /// When something is to be done.
    pub(super) fn due(&self) -> SimTime {
        self.look_at.min(self.out_at)
    }
}

/// A pod with what it uses of one resource.
struct User<'a> {
    uid: Uid,
    pod: &'a Arc<Pod>,
    usage: i64,
}

fn signed(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

impl Kubelet {
    /// The containers that run now.
    fn running(&self, now: SimTime) -> impl Iterator<Item = (&Worker, usize, Sight<'_>)> {
        let runtime = &self.host.runtime;
        self.workers.iter().flat_map(move |(uid, worker)| {
            let sandbox = runtime.sandbox(*uid);
            let runs = sandbox.into_iter().flat_map(move |s| {
                let all = s.containers.iter().enumerate();
                let up =
                    all.filter_map(move |(n, r)| Some((n, r.as_ref().filter(|r| r.runs(now))?)));
                up.map(move |(n, r)| (n, r.sight(&s.shares, runtime.loads())))
            });
            runs.map(move |(n, sight)| (worker, n, sight))
        })
    }

    fn capacity(&self, resource: &str) -> u64 {
        let amount = self.host.config.node.capacity.get(resource).map_or(0, Quantity::value);
        u64::try_from(amount).unwrap_or(0)
    }

    /// Something has started, ended or been given a load: when does what run short?
    pub(super) fn foresee(&mut self, now: SimTime) {
        if !self.host.runtime.is_measured() {
            return;
        }
        let moving = self.running(now).any(|(_, _, s)| s.figures.is_some());
        if !moving && !self.pressure.is_moving && self.pressure.manager.is_calm() {
            return;
        }
        self.pressure.is_moving = moving;
        self.pressure.look_at = self.next_look(now);
        self.pressure.out_at = self.memory_out(now);
    }

    /// The next look at which something is to be done.
    fn next_look(&self, now: SimTime) -> SimTime {
        let beat = |at: SimTime| (at + SimDuration(1)).next_beat(LOOKS, self.pressure.phase);
        if !self.pressure.manager.is_calm() || self.pressure.leaving.is_some() {
            return beat(now);
        }
        let crossing = self.pressure.manager.thresholds().iter().filter_map(|threshold| {
            let capacity = self.capacity_of(threshold.signal)?;
            let least = threshold.value.of(signed(capacity)).value();
            let level = capacity.saturating_sub(u64::try_from(least).unwrap_or(0)) + 1;
            self.crosses(threshold.signal, level, now)
        });
        crossing.min().map_or(SimTime::NEVER, beat)
    }

    /// What there is of what a signal observes; none where nothing is known of it.
    fn capacity_of(&self, signal: Signal) -> Option<u64> {
        let capacity = match signal {
            Signal::MemoryAvailable | Signal::AllocatableMemoryAvailable => self.capacity("memory"),
            Signal::NodefsAvailable | Signal::ImagefsAvailable => {
                self.capacity("ephemeral-storage")
            }
            Signal::NodefsInodesFree
            | Signal::ImagefsInodesFree
            | Signal::ContainerfsAvailable
            | Signal::ContainerfsInodesFree
            | Signal::PidAvailable => 0,
        };
        (capacity > 0).then_some(capacity)
    }

    fn used(&self, signal: Signal, now: SimTime, at: SimTime) -> u64 {
        let memory = signal.condition() == Pressure::Memory;
        let of = |s: &Sight<'_>| if memory { s.memory(at) } else { s.disk(at) };
        self.running(now).map(|(_, _, s)| of(&s)).sum()
    }

    /// When the sum over all containers first comes to a level, if all goes on as it does.
    fn crosses(&self, signal: Signal, level: u64, now: SimTime) -> Option<SimTime> {
        let used = |t: SimDuration| self.used(signal, now, SimTime(t.0));
        let begin = SimDuration(now.0);
        if self.running(now).all(|(_, _, s)| s.is_steady()) {
            return (used(begin) >= level).then_some(now);
        }
        let turns = self.running(now).flat_map(|(_, _, s)| s.turns(now).collect::<Vec<_>>());
        let found = reaches(level, begin, begin + HORIZON, turns.collect(), used);
        found.map(|t| SimTime(t.0))
    }

    fn memory_out(&self, now: SimTime) -> SimTime {
        let capacity = self.capacity("memory");
        let at = (capacity > 0).then(|| self.crosses(Signal::MemoryAvailable, capacity + 1, now));
        at.flatten().unwrap_or(SimTime::NEVER)
    }

    /// Does what is due about pressure.
    pub(super) fn relieve(&mut self, moment: &mut Moment<'_>) {
        let now = moment.now;
        if self.pressure.out_at <= now {
            self.kill_by_kernel(moment);
        }
        if self.pressure.look_at <= now {
            self.look_at_node(moment);
        }
        self.foresee(now);
    }

    fn observations(&self, now: SimTime) -> Vec<Observation> {
        let of = |signal: Signal| {
            let capacity = self.capacity_of(signal)?;
            let left = capacity.saturating_sub(self.used(signal, now, now));
            let available = Quantity::new(signed(left), Format::BinarySi);
            Some(Observation { signal, available, capacity: signed(capacity) })
        };
        let all = self.pressure.manager.thresholds().iter();
        all.filter_map(|t| of(t.signal)).collect()
    }

    /// Source: kubernetes v1.36 pkg/kubelet/eviction/eviction_manager.go, `synchronize`
    fn look_at_node(&mut self, moment: &mut Moment<'_>) {
        let now = moment.now;
        if let Some((uid, until)) = self.pressure.leaving {
            let is_gone = self.workers.get(&uid).is_none_or(|w| !w.takes_resources());
            if !is_gone && until > now {
                return;
            }
            self.pressure.leaving = None;
        }
        let before = self.pressure.manager.conditions().to_vec();
        let reclaim = self.pressure.manager.look(&self.observations(now), now);
        let after = self.pressure.manager.conditions().to_vec();
        if before != after {
            self.node.set_pressure(&after, &mut self.host, moment);
        }
        let Some(reclaim) = reclaim else { return };
        let resource = reclaim.signal.resource();
        let text = format!("Attempting to reclaim {resource}");
        self.tell_of_node("EvictionThresholdMet", &text, moment);
        self.evict_one(&reclaim, moment);
    }

    fn tell_of_node(&self, reason: &'static str, text: &str, moment: &mut Moment<'_>) {
        let name = &self.host.config.node.name;
        let about = ObjectReference {
            kind: Name::new_static("Node"),
            name: name.clone(),
            uid: Uid::parse(name),
            ..ObjectReference::default()
        };
        let about = Arc::new(about);
        moment.out.events.push(EventNote { about, warning: true, reason, message: text.into() });
    }

    /// The pods that are not over, with what they use of what a signal observes.
    fn users(&self, signal: Signal, now: SimTime) -> Vec<User<'_>> {
        let memory = signal.condition() == Pressure::Memory;
        let runtime = &self.host.runtime;
        let active = self.workers.iter().filter(|(_, w)| w.may_be_evicted()).map(|(uid, _)| uid);
        let user = |uid: &Uid| {
            let sandbox = runtime.sandbox(*uid)?;
            let up = sandbox.containers.iter().flatten().filter(|r| r.runs(now));
            let of = |s: Sight<'_>| if memory { s.memory(now) } else { s.disk(now) };
            let used = up.map(|r| of(r.sight(&sandbox.shares, runtime.loads()))).sum();
            Some((*uid, signed(used)))
        };
        let found: Vec<(Uid, i64)> = active.filter_map(user).collect();
        found
            .into_iter()
            .map(|(uid, usage)| User { uid, pod: &self.workers[&uid].pod, usage })
            .collect()
    }

    /// Evicts the first pod in the order of eviction.
    fn evict_one(&mut self, reclaim: &Reclaim, moment: &mut Moment<'_>) {
        let resource = reclaim.signal.resource();
        let users = self.users(reclaim.signal, moment.now);
        let candidates: Vec<Candidate> = users
            .iter()
            .map(|u| Candidate {
                priority: u.pod.priority(),
                request: u.pod.spec.requests.get(resource),
                usage: Some(u.usage),
            })
            .collect();
        let ordered = order(&candidates, reclaim.signal.condition());
        // A pod that the node itself needs is not evicted.
        let chosen = ordered.into_iter().find(|n| !is_critical(users[*n].pod));
        let Some(chosen) = chosen.map(|n| users[n].uid) else { return };
        let text = self.eviction_text(chosen, reclaim, moment.now);
        // At once for a hard threshold; a soft one leaves what the kubelet allows at most, nothing.
        let grace = i64::from(reclaim.is_hard);
        let Some(worker) = self.workers.get_mut(&chosen) else { return };
        worker.evict(&text, grace, &mut self.host, moment);
        self.pressure.leaving = Some((chosen, moment.now + CLEANUP));
        self.turn(chosen, moment);
    }

    /// Source: kubernetes v1.36 pkg/kubelet/eviction/helpers.go, `evictionMessage`
    fn eviction_text(&self, uid: Uid, reclaim: &Reclaim, now: SimTime) -> String {
        let resource = reclaim.signal.resource();
        let mut text = format!(
            "The node was low on resource: {resource}. Threshold quantity: {}, available: {}. ",
            reclaim.threshold,
            kibibytes(&reclaim.available)
        );
        let memory = reclaim.signal.condition() == Pressure::Memory;
        let own = self.running(now).filter(|(w, ..)| w.pod.meta.uid == uid);
        for (worker, place, sight) in own {
            let Some(container) = worker.pod.spec.all_containers().nth(place) else { continue };
            let used = signed(if memory { sight.memory(now) } else { sight.disk(now) });
            let request = container.resources.requests.get(resource).cloned().unwrap_or_default();
            if used > request.value() {
                let used = kibibytes(&Quantity::new(used, Format::BinarySi));
                text += &format!(
                    "Container {} was using {used}, request is {request}, has larger consumption \
                     of {resource}. ",
                    container.name
                );
            }
        }
        text
    }

    /// Memory has run out: the kernel kills the container that scores highest.
    ///
    /// Differs: the score counts what the container uses and what the kubelet adds to it, not
    /// page tables and swap.
    fn kill_by_kernel(&mut self, moment: &mut Moment<'_>) {
        let now = moment.now;
        let capacity = signed(self.capacity("memory")).max(1);
        let score = |(worker, place, sight): (&Worker, usize, Sight<'_>)| {
            let pod = &worker.pod;
            let container = pod.spec.all_containers().nth(place)?;
            let request = container.resources.requests.get("memory").map_or(0, Quantity::value);
            let critical = pod.priority() >= NODE_CRITICAL;
            let adjust = oom_score_adjust(pod.spec.qos_class, critical, request, capacity);
            let points = signed(sight.memory(now)).saturating_mul(1000) / capacity + adjust;
            Some((points, pod.meta.uid, place, container.name.clone()))
        };
        let all = self.running(now).filter_map(score);
        let Some((_, uid, place, name)) = all.max_by(|a, b| (a.0, a.1).cmp(&(b.0, b.1))) else {
            return;
        };
        self.host.runtime.kill_for_memory(uid, place, now);
        let text = format!("System OOM encountered, victim process: {name}");
        self.tell_of_node("SystemOOM", &text, moment);
        self.turn(uid, moment);
    }

    /// Why a node under pressure does not take a pod.
    ///
    /// Source: kubernetes v1.36 pkg/kubelet/eviction/eviction_manager.go, `Admit`
    pub(super) fn refused_by_pressure(&self, pod: &Pod) -> Option<String> {
        let conditions = self.pressure.manager.conditions();
        if conditions.is_empty() || is_critical(pod) {
            return None;
        }
        if conditions == [Pressure::Memory] {
            let taint = crate::api::taint::Taint::new(
                "node.kubernetes.io/memory-pressure",
                crate::api::taint::TaintEffect::NoSchedule,
            );
            let bears = pod
                .spec
                .tolerations
                .iter()
                .any(|t| t.tolerates(&taint, crate::api::taint::ComparisonOperators::Off));
            if pod.spec.qos_class != QosClass::BestEffort || bears {
                return None;
            }
        }
        let names: Vec<&str> = conditions.iter().map(|c| c.name()).collect();
        Some(format!("The node had condition: [{}]. ", names.join(" ")))
    }
}

/// The priority from which on the system's own pods count as critical.
///
/// Source: kubernetes v1.36 pkg/kubelet/types/pod_update.go, `IsCriticalPod`
const CRITICAL: i32 = 2_000_000_000;

/// The priority of what a node cannot do without.
const NODE_CRITICAL: i32 = 2_000_001_000;

fn is_critical(pod: &Pod) -> bool {
    pod.priority() >= CRITICAL
}

/// A number of bytes as the kubelet tells it: cut to kibibytes.
fn kibibytes(amount: &Quantity) -> String {
    let whole = amount.value();
    if whole % 1024 == 0 { amount.to_string() } else { format!("{}Ki", whole / 1024) }
}
