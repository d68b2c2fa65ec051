//! API Priority and Fairness: how many requests are worked on at once, by priority level.
//!
//! A request takes seats of its level until it is answered. When a level has none left the request
//! waits in its queue, and when the queue is full it is refused. The part that is asked for each
//! request takes two comparisons while nothing is saturated.
//!
//! Differs: each level has one queue, as long as all of Kubernetes' together; requests of one level
//! are served in the order of their arrival, not fairly by flow.
//! Differs: seats are lent at once while their level does not use them; Kubernetes moves them
//! every 10 s by the demand it has seen.
//!
//! Source: kubernetes v1.36 staging/src/k8s.io/apiserver/pkg/apis/flowcontrol/bootstrap/default.go

use std::collections::VecDeque;

use crate::api::object::Kind;
use crate::api::refusal::Refusal;
use crate::api::request::{Request, Verb};

/// Seats for all: `--max-requests-inflight` and `--max-mutating-requests-inflight` together.
///
/// Source: kubernetes v1.36 staging/src/k8s.io/apiserver/pkg/server/config.go, `NewConfig`
pub const SEATS: u32 = 400 + 200;

/// A priority level.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Level {
    /// Never waits.
    Exempt,
    /// Nodes, beside what keeps them alive.
    System,
    /// The status and lease of nodes.
    NodeHigh,
    /// Leases of leaders.
    LeaderElection,
    /// The controllers and the scheduler.
    WorkloadHigh,
    /// Service accounts of workloads.
    WorkloadLow,
    /// People and all others.
    GlobalDefault,
}

/// What a priority level is allowed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LevelRow {
    /// Its name.
    pub name: &'static str,
    /// Its part of the seats.
    pub shares: u32,
    /// How much of it others may use, in percent.
    pub lendable: u32,
    /// How many requests may wait: queues times their length.
    pub queue: usize,
}

const fn row(name: &'static str, shares: u32, lendable: u32, queues: usize) -> LevelRow {
    LevelRow { name, shares, lendable, queue: queues * 50 }
}

/// The levels, in the order of [`Level`].
const LEVELS: [LevelRow; 7] = [
    row("exempt", 0, 0, 0),
    row("system", 30, 33, 64),
    row("node-high", 40, 25, 64),
    row("leader-election", 10, 0, 16),
    row("workload-high", 40, 50, 128),
    row("workload-low", 100, 90, 128),
    row("global-default", 20, 50, 128),
];

/// The shares of the level `catch-all`, which nobody uses here but whose seats are set aside.
const CATCH_ALL: u32 = 5;

impl Level {
    /// What it is allowed.
    pub fn row(self) -> &'static LevelRow {
        &LEVELS[self as usize]
    }

    /// Its own seats: its part of all, rounded up.
    ///
    /// Example: `system` has 30 of 245 shares, 73.5 of 600 seats, so 74.
    ///
    /// Source: kubernetes v1.36
    /// staging/src/k8s.io/apiserver/pkg/util/flowcontrol/apf_controller.go,
    /// `finishQueueSetReconfigsLocked`
    pub fn seats(self, of: u32) -> u32 {
        let all: u32 = LEVELS.iter().map(|l| l.shares).sum::<u32>() + CATCH_ALL;
        (of * self.row().shares).div_ceil(all)
    }

    /// How many of its seats others may use, rounded to the nearest.
    fn lendable(self, of: u32) -> u32 {
        (self.seats(of) * self.row().lendable + 50) / 100
    }

    /// The level of a request, by the flow schemas in the order of their precedence.
    ///
    /// Differs: users are told apart by their names, as there are no groups.
    pub fn of(request: &Request) -> Level {
        let user = request.user.as_str();
        let client = Client::named(user);
        match (client, request.verb.kind()) {
            (Client::Master, _) => Level::Exempt,
            (Client::Core | Client::Controller | Client::Workload, Kind::LEASE)
                if is_leaders_verb(&request.verb) =>
            {
                Level::LeaderElection
            }
            (Client::Node, Kind::NODE) => Level::NodeHigh,
            (Client::Node, Kind::LEASE) if request.verb.key().namespace == "kube-node-lease" => {
                Level::NodeHigh
            }
            (Client::Node, _) => Level::System,
            (Client::Core | Client::Controller, _) => Level::WorkloadHigh,
            (Client::Workload, _) => Level::WorkloadLow,
            (Client::Other, _) => Level::GlobalDefault,
        }
    }
}

/// Source: kubernetes v1.36 staging/src/k8s.io/apiserver/pkg/apis/flowcontrol/bootstrap/default.go,
/// `SuggestedFlowSchemaSystemLeaderElection`
fn is_leaders_verb(verb: &Verb) -> bool {
    matches!(verb.name(), "get" | "create" | "update")
}

/// Who asks, as far as a flow schema cares.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Client {
    /// The group `system:masters`.
    Master,
    /// The group `system:nodes`.
    Node,
    /// The scheduler and the controller manager themselves.
    Core,
    /// A service account of kube-system, as each controller has one.
    Controller,
    /// Another service account.
    Workload,
    /// Anyone else.
    Other,
}

impl Client {
    fn named(user: &str) -> Client {
        let plain = user.strip_prefix("system:").unwrap_or(user);
        match plain {
            "masters" | "apiserver" => Client::Master,
            "kube-scheduler" | "kube-controller-manager" => Client::Core,
            _ if plain.starts_with("node:") || plain.starts_with("kubelet") => Client::Node,
            _ if plain.starts_with("serviceaccount:kube-system:") => Client::Controller,
            _ if plain.starts_with("serviceaccount:") => Client::Workload,
            _ if plain.ends_with("-controller") => Client::Controller,
            _ => Client::Other,
        }
    }
}

/// How many seats a request takes: a list one for each hundred objects that it goes over.
///
/// Differs: writes take no further seats for the watchers that are told of them.
///
/// Source: kubernetes v1.36
/// staging/src/k8s.io/apiserver/pkg/util/flowcontrol/request/list_work_estimator.go, `estimate`
pub fn width(verb: &Verb, objects: usize) -> u32 {
    match verb {
        Verb::List(_) => u32::try_from(objects.div_ceil(100).clamp(1, 10)).unwrap_or(10),
        Verb::Get(_)
        | Verb::Watch(_)
        | Verb::Create { .. }
        | Verb::Post { .. }
        | Verb::Put { .. }
        | Verb::Update { .. }
        | Verb::Patch { .. }
        | Verb::Delete { .. }
        | Verb::DeleteCollection { .. }
        | Verb::Bind { .. }
        | Verb::Evict { .. } => 1,
    }
}

/// The seats that a request holds until it is answered.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Seat {
    level: Level,
    width: u32,
}

impl Seat {
    /// Seats of a level.
    pub fn new(level: Level, width: u32) -> Seat {
        Seat { level, width }
    }

    /// No seats, for what the apiserver asks of itself.
    pub const NONE: Seat = Seat { level: Level::Exempt, width: 0 };
}

/// What becomes of a request that arrives.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Admission<T> {
    /// It is worked on now.
    Run(T),
    /// It waits.
    Wait,
    /// The queue is full.
    Full(T),
}

/// The seats of an apiserver, who holds them and who waits.
#[derive(Clone, Debug)]
pub struct Fairness<T> {
    seats: u32,
    levels: [State<T>; LEVELS.len()],
    /// Seats in use but by exempt requests.
    in_use: u32,
    waiting: usize,
}

#[derive(Clone, Debug)]
struct State<T> {
    level: Level,
    own: u32,
    lendable: u32,
    in_use: u32,
    queue: VecDeque<(u32, T)>,
}

impl<T> Fairness<T> {
    /// So many seats, all free.
    pub fn new(seats: u32) -> Fairness<T> {
        let levels = [
            Level::Exempt,
            Level::System,
            Level::NodeHigh,
            Level::LeaderElection,
            Level::WorkloadHigh,
            Level::WorkloadLow,
            Level::GlobalDefault,
        ];
        let levels = levels.map(|level| State {
            level,
            own: level.seats(seats),
            lendable: level.lendable(seats),
            in_use: 0,
            queue: VecDeque::new(),
        });
        Fairness { seats, levels, in_use: 0, waiting: 0 }
    }

    /// A request arrives: it gets its seats, waits for them, or is not let in.
    pub fn arrive(&mut self, seat: Seat, request: T) -> Admission<T> {
        let place = seat.level as usize;
        let level = &self.levels[place];
        if seat.level == Level::Exempt || (level.queue.is_empty() && self.has_room(place, seat)) {
            self.take(seat);
            return Admission::Run(request);
        }
        let level = &mut self.levels[place];
        if level.queue.len() >= seat.level.row().queue {
            return Admission::Full(request);
        }
        level.queue.push_back((seat.width, request));
        self.waiting += 1;
        Admission::Wait
    }

    /// Whether a level has seats of its own left, or may use those of others.
    fn has_room(&self, place: usize, seat: Seat) -> bool {
        let level = &self.levels[place];
        // A request that is wider than its level runs when it is alone.
        let own = level.in_use == 0 || level.in_use + seat.width <= level.own;
        if own && self.in_use + seat.width <= self.seats {
            return true;
        }
        let idle = |l: &State<T>| l.lendable.min(l.own.saturating_sub(l.in_use));
        let borrowed = |l: &State<T>| l.in_use.saturating_sub(l.own);
        let others = self.levels.iter().filter(|l| l.level != level.level);
        let spare: u32 = others.map(idle).sum();
        let lent: u32 = self.levels.iter().map(borrowed).sum();
        let wanted = (level.in_use + seat.width).saturating_sub(level.own.max(level.in_use));
        lent + wanted <= spare && self.in_use + seat.width <= self.seats
    }

    fn take(&mut self, seat: Seat) {
        if seat.level != Level::Exempt {
            self.levels[seat.level as usize].in_use += seat.width;
            self.in_use += seat.width;
        }
    }

    /// A request was answered.
    pub fn leave(&mut self, seat: Seat) {
        if seat.level != Level::Exempt {
            self.levels[seat.level as usize].in_use -= seat.width;
            self.in_use -= seat.width;
        }
    }

    /// The next request that waits and can have its seats now, which it then holds; the level that
    /// uses the smallest part of its own comes first.
    pub fn admit_next(&mut self) -> Option<T> {
        if self.waiting == 0 {
            return None;
        }
        let ready = |place: &usize| {
            let level = &self.levels[*place];
            let seat = |width| Seat { level: level.level, width };
            level.queue.front().is_some_and(|(width, _)| self.has_room(*place, seat(*width)))
        };
        let part = |place: &usize| {
            let level = &self.levels[*place];
            (level.in_use * 1000 / level.own.max(1), *place)
        };
        let place = (0..self.levels.len()).filter(ready).min_by_key(part)?;
        let (width, request) = self.levels[place].queue.pop_front()?;
        self.waiting -= 1;
        self.take(Seat { level: self.levels[place].level, width });
        Some(request)
    }
}

/// 429: there is no place in the queue. Clients try again after a second.
///
/// Source: kubernetes v1.36
/// staging/src/k8s.io/apiserver/pkg/server/filters/priority-and-fairness.go, `tooManyRequests`
pub fn full() -> Refusal {
    Refusal::too_many_requests("Too many requests, please try again later.", 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_level_waits_in_the_order_of_arrival_and_refuses_when_its_queue_is_full() {
        let mut fairness: Fairness<u32> = Fairness::new(SEATS);
        let seat = Seat::new(Level::LeaderElection, 1);
        let mut ran = 0;
        let mut waits = 0;
        let mut request = 0;
        loop {
            request += 1;
            match fairness.arrive(seat, request) {
                Admission::Run(_) => ran += 1,
                Admission::Wait => waits += 1,
                Admission::Full(_) => break,
            }
        }
        let own = Level::LeaderElection.seats(SEATS);
        assert_eq!((own, waits), (25, 800));
        assert!(ran > own, "idle seats of others are lent");
        fairness.leave(seat);
        assert_eq!((fairness.admit_next(), fairness.admit_next()), (Some(ran + 1), None));
    }

    #[test]
    fn a_level_always_gets_what_it_does_not_lend() {
        let mut fairness: Fairness<()> = Fairness::new(SEATS);
        let greedy = Seat::new(Level::WorkloadLow, 1);
        while fairness.arrive(greedy, ()) == Admission::Run(()) {}
        for (level, kept) in [(Level::System, 50), (Level::LeaderElection, 25)] {
            for _ in 0..kept {
                assert_eq!(fairness.arrive(Seat::new(level, 1), ()), Admission::Run(()));
            }
        }
        let alive = Seat::new(Level::Exempt, 1);
        assert_eq!(fairness.arrive(alive, ()), Admission::Run(()));
    }
}
