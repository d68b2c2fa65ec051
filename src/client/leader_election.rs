//! Leader election: which of several equal processes may act.
//!
//! The elector reads and writes one lease through its owner and never sends anything itself. It
//! trusts no clock but its own: a lease of another runs out when its record has not changed for
//! the lease's duration as seen from here.

use crate::api::Name;
use crate::api::gates::Gates;
use crate::api::time::Time;
use crate::api::variant::Variant;
use crate::client::Draw;
use crate::client::backoff::jitter;
use crate::sim::time::{SimDuration, SimTime, Start};

/// The times of an election.
///
/// Source: kubernetes v1.36 staging/src/k8s.io/client-go/tools/leaderelection/leaderelection.go,
/// `LeaderElectionConfig`
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Config {
    /// How long the others wait before they take over from a silent leader.
    pub lease_duration: SimDuration,
    /// How long a leader tries to renew before it gives up.
    pub renew_deadline: SimDuration,
    /// The time between two attempts.
    pub retry_period: SimDuration,
    /// Up to how much of the retry period is added by chance while acquiring, in hundredths.
    pub jitter_percent: u32,
    /// Whether the lease is given up on leaving, so that the next leader need not wait.
    pub release_on_cancel: bool,
}

/// What the lease says.
///
/// Source: kubernetes v1.36 staging/src/k8s.io/client-go/tools/leaderelection/resourcelock/
/// interface.go, `LeaderElectionRecord`
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct LeaseRecord {
    /// Who leads; empty when it was given up.
    pub holder: Name,
    /// For how long, unless renewed.
    pub lease_seconds: u32,
    /// Since when.
    pub acquired: Time,
    /// When it was last renewed.
    pub renewed: Time,
    /// How often the leader has changed.
    pub transitions: u32,
}

/// One candidate.
///
/// Source: kubernetes v1.36 staging/src/k8s.io/client-go/tools/leaderelection/leaderelection.go,
/// `LeaderElector`
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LeaderElector {
    config: Config,
    me: Name,
    phase: Phase,
    doing: Doing,
    /// When the attempt under way began.
    attempt_at: SimTime,
    /// The record as last read or written, and when it was first seen so.
    observed: LeaseRecord,
    observed_at: Option<SimTime>,
    /// The record as last read.
    read: Option<LeaseRecord>,
    /// A lease runs out by what is written in it; not as in 1.36.
    trusts_clocks: bool,
    /// The clock of the last attempt.
    clock: Time,
    /// What the wall clock showed when the run started.
    start: Start,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Phase {
    Acquiring,
    /// Leading; the round of attempts at one renewal ends at the deadline, the next attempt of it
    /// is due at the tick.
    Renewing {
        deadline: SimTime,
        tick: SimTime,
    },
    /// Leading, and renewed; the next round is to begin.
    Renewed,
    Releasing,
    Stopped,
}

#[derive(Clone, PartialEq, Eq, Debug)]
enum Doing {
    Waiting {
        until: SimTime,
    },
    /// Writing what follows from the record as last observed, without reading first.
    WritingAhead(LeaseRecord),
    Reading,
    Writing(LeaseRecord),
}

/// What has happened.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Input {
    /// It is started, a wait is over, or the [`LeaderElector::deadline`] has come.
    Timer,
    /// The lease was read; none when it does not exist.
    Read(Option<LeaseRecord>),
    /// The lease was created or updated.
    Written,
    /// The read or the write failed.
    Failed,
    /// The process is to stop.
    Cancel,
}

/// What the owner of an elector is to do next. With each command all answers to earlier requests
/// become void and must not be handed in any more.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Command {
    /// Go on waiting for what is under way.
    Stay,
    /// Read the lease.
    Read,
    /// Create the lease.
    Create(LeaseRecord),
    /// Update the lease, on condition that it is as last read or written.
    Update(LeaseRecord),
    /// Wait until then, and say [`Input::Timer`].
    Wait(SimTime),
    /// It is over: nothing follows.
    Stop,
}

/// Whether leadership changed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Change {
    /// It did not.
    None,
    /// It leads from now on.
    StartedLeading,
    /// It no longer leads.
    StoppedLeading,
}

/// What comes next, and whether leadership changed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Step {
    /// What to do next.
    pub command: Command,
    /// Whether leadership changed.
    pub change: Change,
}

impl Config {
    /// That of the core components: lease 15 s, renew deadline 10 s, retry 2 s.
    ///
    /// Source: kubernetes v1.36 staging/src/k8s.io/component-base/config/v1alpha1/defaults.go,
    /// `RecommendedDefaultLeaderElectionConfiguration`
    pub const CORE: Config = Config {
        lease_duration: SimDuration::secs(15),
        renew_deadline: SimDuration::secs(10),
        retry_period: SimDuration::secs(2),
        jitter_percent: 120,
        release_on_cancel: false,
    };

    /// Whether the times fit: lease > renew deadline > retry with all its jitter, none of them
    /// zero.
    ///
    /// Source: kubernetes v1.36
    /// staging/src/k8s.io/client-go/tools/leaderelection/leaderelection.go, `NewLeaderElector`
    pub fn is_valid(&self) -> bool {
        let retry = u128::from(self.retry_period.0) * u128::from(self.jitter_percent);
        let renew = u128::from(self.renew_deadline.0) * 100;
        self.lease_duration > self.renew_deadline && renew > retry && self.retry_period.0 > 0
    }
}

impl LeaderElector {
    /// A candidate of this identity, which begins with its first [`Input::Timer`].
    pub fn new(config: Config, me: Name) -> LeaderElector {
        assert!(config.is_valid(), "the times of the election fit");
        LeaderElector {
            config,
            me,
            phase: Phase::Acquiring,
            doing: Doing::Waiting { until: SimTime::ZERO },
            attempt_at: SimTime::ZERO,
            observed: LeaseRecord::default(),
            observed_at: None,
            read: None,
            trusts_clocks: false,
            clock: Time::default(),
            start: Start::USUAL,
        }
    }

    /// The same under gates, by which it may hold the times that others wrote against its own
    /// clock.
    #[must_use]
    pub fn within(self, gates: Gates) -> LeaderElector {
        LeaderElector { trusts_clocks: gates.varies(Variant::TrustsClocks), ..self }
    }

    /// What its process's clock shows now, and what a right one showed when the run started.
    pub fn read_clock(&mut self, clock: Time, start: Start) {
        self.clock = clock;
        self.start = start;
    }

    /// Whether it leads.
    pub fn is_leading(&self) -> bool {
        matches!(self.phase, Phase::Renewing { .. } | Phase::Renewed)
    }

    /// The record as it was last read or written.
    pub fn observed(&self) -> &LeaseRecord {
        &self.observed
    }

    /// Whether a read of the lease is under way.
    pub fn is_reading(&self) -> bool {
        matches!(self.doing, Doing::Reading)
    }

    /// When a leader gives up unless it has renewed; it is to hear [`Input::Timer`] then, even
    /// while a request is under way.
    pub fn deadline(&self) -> Option<SimTime> {
        match self.phase {
            Phase::Renewing { deadline, .. } => Some(deadline),
            Phase::Acquiring | Phase::Renewed | Phase::Releasing | Phase::Stopped => None,
        }
    }

    /// Takes an input and tells what comes next.
    pub fn step(&mut self, input: Input, now: SimTime, draw: Draw<'_>) -> Step {
        match input {
            Input::Timer => self.timer(now),
            Input::Read(record) => self.was_read(record, now, draw),
            Input::Written => self.written(now),
            Input::Failed => self.request_failed(now, draw),
            Input::Cancel if self.is_leading() => self.lost(),
            Input::Cancel => self.stop(),
        }
    }

    fn timer(&mut self, now: SimTime) -> Step {
        match (self.phase, &self.doing) {
            (Phase::Stopped, _) => Step::go(Command::Stay),
            (Phase::Renewing { deadline, .. }, _) if now >= deadline => self.lost(),
            (_, Doing::Waiting { until }) if now < *until => Step::go(Command::Wait(*until)),
            (Phase::Renewed, Doing::Waiting { .. }) => Step::go(self.begin_round(now)),
            (_, Doing::Waiting { .. }) => Step::go(self.attempt(now)),
            (_, Doing::WritingAhead(_) | Doing::Reading | Doing::Writing(_)) => {
                Step::go(Command::Stay)
            }
        }
    }

    /// Begins the attempts at one renewal, which must succeed before the renew deadline.
    ///
    /// Source: kubernetes v1.36
    /// staging/src/k8s.io/client-go/tools/leaderelection/leaderelection.go, `renew`
    fn begin_round(&mut self, now: SimTime) -> Command {
        let (deadline, tick) = (now + self.config.renew_deadline, now + self.config.retry_period);
        self.phase = Phase::Renewing { deadline, tick };
        self.attempt(now)
    }

    /// One attempt: a leader with a valid lease writes at once, everybody else reads first.
    ///
    /// Source: kubernetes v1.36
    /// staging/src/k8s.io/client-go/tools/leaderelection/leaderelection.go, `tryAcquireOrRenew`
    fn attempt(&mut self, now: SimTime) -> Command {
        self.attempt_at = now;
        if self.holds() && self.lease_is_valid(now) {
            let record = self.mine(&self.observed);
            self.doing = Doing::WritingAhead(record.clone());
            return Command::Update(record);
        }
        self.doing = Doing::Reading;
        Command::Read
    }

    /// The lease was read: created if it is not there, left alone while another holds it, else
    /// taken or renewed.
    ///
    /// Source: kubernetes v1.36
    /// staging/src/k8s.io/client-go/tools/leaderelection/leaderelection.go, `tryAcquireOrRenew`,
    /// `release`
    fn was_read(&mut self, record: Option<LeaseRecord>, now: SimTime, draw: Draw<'_>) -> Step {
        if self.doing != Doing::Reading {
            return Step::go(Command::Stay);
        }
        if self.phase == Phase::Releasing {
            return self.give_up(record, now);
        }
        let Some(record) = record else {
            let record = self.mine(&LeaseRecord::default());
            let record = LeaseRecord { transitions: 0, ..record };
            self.doing = Doing::Writing(record.clone());
            return Step::go(Command::Create(record));
        };
        if self.read.as_ref() != Some(&record) {
            self.observe(record.clone(), now);
            self.read = Some(record.clone());
        }
        let free = record.holder.is_empty() || self.holds();
        if !free && self.lease_is_valid(self.attempt_at) {
            return self.attempt_failed(now, draw);
        }
        let mine = self.mine(&record);
        self.doing = Doing::Writing(mine.clone());
        Step::go(Command::Update(mine))
    }

    fn written(&mut self, now: SimTime) -> Step {
        let record = match &self.doing {
            Doing::WritingAhead(record) | Doing::Writing(record) => record.clone(),
            Doing::Waiting { .. } | Doing::Reading => return Step::go(Command::Stay),
        };
        self.observe(record, now);
        match self.phase {
            Phase::Acquiring => {
                Step { command: self.begin_round(now), change: Change::StartedLeading }
            }
            Phase::Renewing { .. } | Phase::Renewed => {
                self.phase = Phase::Renewed;
                Step::go(self.wait(now + self.config.retry_period))
            }
            Phase::Releasing | Phase::Stopped => self.stop(),
        }
    }

    fn request_failed(&mut self, now: SimTime, draw: Draw<'_>) -> Step {
        match &self.doing {
            Doing::Waiting { .. } => Step::go(Command::Stay),
            Doing::WritingAhead(_) => {
                self.doing = Doing::Reading;
                Step::go(Command::Read)
            }
            Doing::Reading | Doing::Writing(_) => self.attempt_failed(now, draw),
        }
    }

    /// The next attempt: after the retry period and some chance while acquiring, at the next tick
    /// of the retry period while renewing.
    ///
    /// Source: kubernetes v1.36
    /// staging/src/k8s.io/client-go/tools/leaderelection/leaderelection.go, `acquire`, `renew`
    fn attempt_failed(&mut self, now: SimTime, draw: Draw<'_>) -> Step {
        match self.phase {
            Phase::Acquiring => {
                let pause = jitter(self.config.retry_period, self.config.jitter_percent, draw);
                Step::go(self.wait(now + pause))
            }
            Phase::Renewing { deadline, .. } if now >= deadline => self.lost(),
            Phase::Renewing { deadline, tick } => {
                let at = tick.max(now);
                let started = deadline.since(SimTime::ZERO) - self.config.renew_deadline;
                let next = SimTime(at.0 + 1).next_beat(self.config.retry_period, started);
                self.phase = Phase::Renewing { deadline, tick: next };
                Step::go(self.wait(at.min(deadline)))
            }
            Phase::Renewed | Phase::Releasing | Phase::Stopped => self.stop(),
        }
    }

    /// Leadership ends; the lease is given up if that was asked for.
    fn lost(&mut self) -> Step {
        if !self.config.release_on_cancel {
            return Step { change: Change::StoppedLeading, ..self.stop() };
        }
        self.phase = Phase::Releasing;
        self.doing = Doing::Reading;
        Step { command: Command::Read, change: Change::StoppedLeading }
    }

    /// Writes a record without a holder.
    ///
    /// Source: kubernetes v1.36
    /// staging/src/k8s.io/client-go/tools/leaderelection/leaderelection.go, `release`
    fn give_up(&mut self, record: Option<LeaseRecord>, now: SimTime) -> Step {
        let Some(record) = record.filter(|_| self.holds()) else { return self.stop() };
        let stamp = Time::wall(self.start, now).whole_micros();
        let empty = LeaseRecord {
            holder: Name::default(),
            lease_seconds: 1,
            acquired: stamp,
            renewed: stamp,
            transitions: record.transitions,
        };
        self.doing = Doing::Writing(empty.clone());
        Step::go(Command::Update(empty))
    }

    fn stop(&mut self) -> Step {
        self.phase = Phase::Stopped;
        self.doing = Doing::Waiting { until: SimTime::NEVER };
        Step::go(Command::Stop)
    }

    fn wait(&mut self, until: SimTime) -> Command {
        self.doing = Doing::Waiting { until };
        Command::Wait(until)
    }

    /// The record that follows `old` when this candidate takes or renews the lease.
    fn mine(&self, old: &LeaseRecord) -> LeaseRecord {
        let stamp = Time::wall(self.start, self.attempt_at).whole_micros();
        let holds = self.holds();
        LeaseRecord {
            holder: self.me.clone(),
            lease_seconds: u32::try_from(self.config.lease_duration.as_secs()).unwrap_or(u32::MAX),
            acquired: if holds { old.acquired } else { stamp },
            renewed: stamp,
            transitions: if holds { old.transitions } else { old.transitions + 1 },
        }
    }

    fn observe(&mut self, record: LeaseRecord, now: SimTime) {
        self.observed = record;
        self.observed_at = Some(now);
    }

    /// Whether the record as last observed names this candidate.
    fn holds(&self) -> bool {
        self.observed.holder == self.me
    }

    /// Whether the record was seen to change less than its duration ago.
    ///
    /// Source: kubernetes v1.36
    /// staging/src/k8s.io/client-go/tools/leaderelection/leaderelection.go, `isLeaseValid`
    fn lease_is_valid(&self, now: SimTime) -> bool {
        let duration = SimDuration::secs(u64::from(self.observed.lease_seconds));
        if self.trusts_clocks && !self.holds() {
            return self.observed.renewed.plus(duration) > self.clock;
        }
        self.observed_at.is_some_and(|at| at + duration > now)
    }
}

impl Step {
    fn go(command: Command) -> Step {
        Step { command, change: Change::None }
    }
}

#[cfg(test)]
#[path = "leader_election_tests.rs"]
mod tests;
