//! The descheduler's process: a round every interval, one eviction after the other.

use std::collections::VecDeque;
use std::sync::Arc;

use super::evictor::{Count, Stays, refusal};
use super::policy::{Policy, Profile, Strategy};
use super::sight::{Sight, ready_nodes};
use super::utilization::Moving;
use super::{duplicates, spread, utilization};
use crate::api::core::node::Node;
use crate::api::core::pod::Pod;
use crate::api::object::{Kind, Object};
use crate::api::request::{Answer, DeleteOptions, EventNote, Verb};
use crate::api::why::Why;
use crate::client::component::{Component, Moment};
use crate::client::reconciler::Observed;
use crate::sim::time::SimTime;

/// The kinds that it watches.
pub const KINDS: [Kind; 4] = [Kind::POD, Kind::NODE, Kind::NAMESPACE, Kind::POD_DISRUPTION_BUDGET];

/// descheduler.
///
/// Differs: of its strategies it has `RemoveDuplicates`,
/// `RemovePodsViolatingTopologySpreadConstraint` and `LowNodeUtilization` by requests; figures of
/// metrics-server or Prometheus, dry runs, and evictions in the background are not there.
#[derive(Clone)]
pub struct Descheduler {
    policy: Arc<Policy>,
    next_round: SimTime,
    round: Option<Round>,
    /// Whether anything has changed since the last round began that may lead to evictions.
    is_changed: bool,
    is_synced: bool,
    token: u64,
}

/// A round that is under way.
#[derive(Clone, Default)]
struct Round {
    /// How many strategies have begun, of all profiles.
    begun: usize,
    /// What is left to do of the present one.
    left: Left,
    count: Count,
    /// The pod whose eviction is under way.
    asked: Option<Arc<Pod>>,
}

/// What a strategy has left to do.
#[derive(Clone)]
enum Left {
    /// These pods go.
    Listed(VecDeque<Arc<Pod>>),
    /// Pods go until enough have.
    Moving(Moving),
}

impl Default for Left {
    fn default() -> Left {
        Left::Listed(VecDeque::new())
    }
}

impl Left {
    fn next(&mut self) -> Option<Arc<Pod>> {
        match self {
            Left::Listed(pods) => pods.pop_front(),
            Left::Moving(moving) => moving.next_pod(),
        }
    }
}

impl Descheduler {
    /// A descheduler of this policy.
    pub fn new(policy: Policy) -> Descheduler {
        Descheduler::of(Arc::new(policy))
    }

    fn of(policy: Arc<Policy>) -> Descheduler {
        Descheduler {
            policy,
            next_round: SimTime::NEVER,
            round: None,
            is_changed: false,
            is_synced: false,
            token: 0,
        }
    }

    /// The strategy of a place, counted over all profiles.
    fn strategy(&self, place: usize) -> Option<(&Profile, &Strategy)> {
        let mut all =
            self.policy.profiles.iter().flat_map(|p| p.balance.iter().map(move |s| (p, s)));
        all.nth(place)
    }

    /// Source: descheduler pkg/descheduler/descheduler.go, `runDeschedulerLoop`
    fn begin_round(&mut self, moment: &mut Moment<'_>) {
        self.next_round = moment.now + self.policy.interval;
        self.is_changed = false;
        let nodes = ready_nodes(moment.caches, self.policy.node_selector.as_ref());
        // With one node an eviction could only do harm.
        if nodes.len() > 1 {
            self.round = Some(Round::default());
            self.go_on(moment);
        }
    }

    /// Asks for the next eviction, or ends the round.
    fn go_on(&mut self, moment: &mut Moment<'_>) {
        let limits = self.policy.limits;
        loop {
            let Some(round) = &mut self.round else { return };
            while let Some(pod) = round.left.next() {
                if round.count.allows(&pod, limits) {
                    round.asked = Some(pod.clone());
                    return self.evict(&pod, moment);
                }
            }
            let place = round.begun;
            round.begun += 1;
            let Some((profile, strategy)) = self.strategy(place) else { break };
            let left = self.plan(profile, strategy, moment);
            if let Some(round) = &mut self.round {
                round.left = left;
            }
        }
        self.round = None;
        self.is_changed |= self.waits_for_age(moment);
    }

    fn plan(&self, profile: &Profile, strategy: &Strategy, moment: &Moment<'_>) -> Left {
        let nodes = ready_nodes(moment.caches, self.policy.node_selector.as_ref());
        let (caches, now, evictor) = (moment.caches, moment.time, &profile.evictor);
        let sight = Sight { caches, now, nodes: &nodes, evictor };
        match strategy {
            Strategy::Duplicates(args) => Left::Listed(duplicates::surplus(args, &sight).into()),
            Strategy::Spread(args) => Left::Listed(spread::violating(args, &sight).into()),
            Strategy::Utilization(args) => Left::Moving(utilization::moving(args, &sight)),
        }
    }

    /// Whether some pod will be evictable only once it is older.
    fn waits_for_age(&self, moment: &Moment<'_>) -> bool {
        let mut profiles =
            self.policy.profiles.iter().filter(|p| p.evictor.min_pod_age.is_some()).peekable();
        if profiles.peek().is_none() {
            return false;
        }
        let (caches, now) = (moment.caches, moment.time);
        profiles.any(|profile| {
            let sight = Sight { caches, now, nodes: &[], evictor: &profile.evictor };
            // Bounded by the pods of the cluster, once a round.
            let mut pods = caches.of(Kind::POD).all().filter_map(|o| o.as_a::<Pod>());
            pods.any(|pod| !pod.is_terminal() && refusal(pod, &sight) == Some(Stays::Young))
        })
    }

    fn evict(&mut self, pod: &Arc<Pod>, moment: &mut Moment<'_>) {
        self.token += 1;
        let options = DeleteOptions::default();
        let verb = Verb::Evict { key: Object::Pod(pod.clone()).key(), options };
        moment.out.send(self.token, verb, self.why(pod));
    }

    fn why(&self, pod: &Pod) -> Why {
        let place = self.round.as_ref().map_or(0, |round| round.begun.saturating_sub(1));
        let name = self.strategy(place).map_or("", |(_, strategy)| strategy.name());
        Why::two("{} finds that it stands badly on {}", name, &pod.node_name)
    }

    /// Source: descheduler pkg/descheduler/evictions/evictions.go, `PodEvictor.EvictPod`
    fn evicted(&mut self, pod: &Arc<Pod>, moment: &mut Moment<'_>) {
        let Some(round) = &mut self.round else { return };
        round.count.add(pod);
        if let Left::Moving(moving) = &mut round.left {
            moving.went(pod);
        }
        let place = round.begun.saturating_sub(1);
        let reason = self.strategy(place).map_or("NotSet", |(_, strategy)| strategy.name());
        let node = &pod.node_name;
        moment.out.events.push(EventNote {
            about: Object::Pod(pod.clone()).reference(),
            warning: false,
            reason,
            message: format!("pod evicted from {node} node by sigs.k8s.io/descheduler").into(),
        });
    }

    /// Asks to be woken for the next round, which is housekeeping when nothing has changed.
    fn ask(&self, moment: &mut Moment<'_>) {
        if self.next_round == SimTime::NEVER || self.round.is_some() {
            return;
        }
        if self.is_changed {
            moment.out.wake(self.next_round);
        } else {
            moment.out.wake_in_background(self.next_round);
        }
    }
}

/// Whether a change can lead to evictions: a heartbeat of a node does not.
fn matters(change: &Observed<'_>) -> bool {
    let (Some(Object::Node(old)), Some(Object::Node(new))) = (change.old, change.new) else {
        return matches!(change.latest(), Object::Pod(_) | Object::Node(_));
    };
    let looks = |n: &Arc<Node>| (n.spec.clone(), n.meta.labels.clone(), n.is_ready());
    looks(old) != looks(new) || old.allocatable != new.allocatable
}

impl Component for Descheduler {
    fn observe(&mut self, change: &Observed<'_>, moment: &mut Moment<'_>) {
        if matters(change) && !self.is_changed {
            self.is_changed = true;
            self.ask(moment);
        }
    }

    /// The first round begins at once.
    ///
    /// Source: descheduler pkg/descheduler/descheduler.go, `RunDeschedulerStrategies`
    fn synced(&mut self, moment: &mut Moment<'_>) {
        self.is_synced = true;
        self.next_round = moment.now;
        self.wake(moment);
    }

    fn reply(&mut self, token: u64, answer: &Answer, moment: &mut Moment<'_>) {
        let asked = self.round.as_mut().and_then(|round| round.asked.take());
        let Some(pod) = asked.filter(|_| token == self.token) else { return };
        // What a budget refuses is asked for again in the next round, if it is still wanted.
        if !matches!(answer, Answer::Refused(_)) {
            self.evicted(&pod, moment);
        }
        self.go_on(moment);
        self.wake(moment);
    }

    fn wake(&mut self, moment: &mut Moment<'_>) {
        if self.is_synced && self.round.is_none() && self.next_round <= moment.now {
            self.begin_round(moment);
        }
        self.ask(moment);
    }

    fn crashed(&mut self) {
        *self = Descheduler::of(self.policy.clone());
    }
}
