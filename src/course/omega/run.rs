//! One run: jobs come, schedulers decide, tasks run and end.

use std::collections::VecDeque;

use crate::course::omega::cell::{Claim, State};
use crate::course::omega::{Architecture, Cell, Detection, Kind, chance};
use crate::sim::agenda::Agenda;
use crate::sim::rng::Rng;
use crate::sim::time::{SimDuration, SimTime};

/// A job is given up after so many attempts, as in the paper.
const ATTEMPTS: u32 = 1_000;

/// What a run comes to.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Measured {
    /// Of the batch jobs.
    pub batch: Of,
    /// Of the service jobs.
    pub service: Of,
    /// How full the cell was at the end, in percent.
    pub full_percent: u64,
}

/// What a run comes to for one kind of jobs.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Of {
    /// Jobs that were placed whole.
    pub placed: u64,
    /// The mean time from a job's coming to the begin of its first attempt.
    pub wait: SimDuration,
    /// The part of the time that its scheduler decides.
    pub busy_percent: u64,
    /// Conflicts for each job that was placed, in hundredths.
    pub conflicts_percent: u64,
    /// Jobs that still waited at the end, or were given up.
    pub left: u64,
}

/// A kind of jobs, as a place in lists.
const BATCH: usize = 0;
const SERVICE: usize = 1;

#[derive(Clone, Debug)]
struct Job {
    kind: usize,
    came: SimTime,
    /// The sizes of the tasks that have no machine yet.
    tasks: Vec<u32>,
    attempts: u32,
}

#[derive(Clone, Copy)]
enum Event {
    Comes(usize),
    Decided(usize),
    Ends(Claim),
}

/// A scheduler: its queue, and what it decides.
#[derive(Clone, Default)]
struct Scheduler {
    queue: VecDeque<Job>,
    /// The job, and the state that it was looked at with.
    deciding: Option<(Job, State)>,
}

/// Sums of one kind of jobs.
#[derive(Clone, Copy, Default)]
struct Sums {
    placed: u64,
    begun: u64,
    wait: u128,
    busy: u128,
    conflicts: u64,
    given_up: u64,
}

struct World<'a> {
    cell: &'a Cell,
    architecture: Architecture,
    now: SimTime,
    agenda: Agenda<Event>,
    state: State,
    /// What the frameworks hold as offers, of two-level alone.
    offered: Vec<u32>,
    schedulers: Vec<Scheduler>,
    sums: [Sums; 2],
    arrivals: [Rng; 2],
    shapes: [Rng; 2],
    choices: Rng,
}

/// Runs a cell.
pub fn run(architecture: Architecture, cell: &Cell) -> Measured {
    let named = |name: &str| Rng::named(cell.seed, name);
    let mut world = World {
        cell,
        architecture,
        now: SimTime::ZERO,
        agenda: Agenda::default(),
        state: State::new(cell.machines, cell.capacity),
        offered: vec![0; cell.machines],
        schedulers: vec![Scheduler::default(); 2],
        sums: [Sums::default(); 2],
        arrivals: [named("batch/arrivals"), named("service/arrivals")],
        shapes: [named("batch/shapes"), named("service/shapes")],
        choices: named("choices"),
    };
    world.fill();
    for kind in [BATCH, SERVICE] {
        world.next_arrival(kind);
    }
    let end = SimTime::ZERO + cell.span;
    while let Some((at, event)) = world.agenda.pop() {
        if at > end {
            break;
        }
        world.now = at;
        world.happen(event);
    }
    world.measured(end)
}

impl World<'_> {
    fn kind(&self, kind: usize) -> &Kind {
        if kind == BATCH { &self.cell.batch } else { &self.cell.service }
    }

    /// The service tasks that run already: as many as there are on the average.
    fn fill(&mut self) {
        let service = self.cell.service;
        let tasks = service.lasts.0 / service.every.0.max(1) * service.tasks;
        for _ in 0..tasks {
            let size = size(&mut self.shapes[SERVICE], service.most);
            if let Some(machine) = self.state.place(size, &mut self.choices) {
                let claim = Claim { machine, size };
                self.state.take(claim);
                let rest = chance::span(&mut self.shapes[SERVICE], service.lasts);
                self.agenda.push(self.now + rest, Event::Ends(claim));
            }
        }
    }

    fn next_arrival(&mut self, kind: usize) {
        let every = self.kind(kind).every;
        let pause = chance::span(&mut self.arrivals[kind], every);
        self.agenda.push(self.now + pause, Event::Comes(kind));
    }

    /// Which scheduler decides a kind of jobs.
    fn scheduler_of(&self, kind: usize) -> usize {
        match self.architecture {
            Architecture::SinglePath | Architecture::MultiPath => 0,
            Architecture::TwoLevel | Architecture::SharedState(_) => kind,
        }
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Comes(kind) => {
                let Kind { tasks, most, .. } = *self.kind(kind);
                let count = chance::count(&mut self.shapes[kind], tasks);
                let tasks = (0..count).map(|_| size(&mut self.shapes[kind], most)).collect();
                let job = Job { kind, came: self.now, tasks, attempts: 0 };
                let scheduler = self.scheduler_of(kind);
                self.schedulers[scheduler].queue.push_back(job);
                self.next_arrival(kind);
                self.begin(scheduler);
            }
            Event::Decided(scheduler) => self.decided(scheduler),
            Event::Ends(claim) => self.state.give(claim),
        }
    }

    /// A scheduler that is idle takes the next job and looks at the cell.
    fn begin(&mut self, scheduler: usize) {
        if self.schedulers[scheduler].deciding.is_some() {
            return;
        }
        let Some(mut job) = self.schedulers[scheduler].queue.pop_front() else { return };
        let sums = &mut self.sums[job.kind];
        if job.attempts == 0 {
            sums.begun += 1;
            sums.wait += u128::from(self.now.since(job.came).0);
        }
        job.attempts += 1;
        let kind = *self.kind(job.kind);
        let span = SimDuration(kind.t_job.0 + kind.t_task.0 * job.tasks.len() as u64);
        self.sums[job.kind].busy += u128::from(span.0);
        let seen = self.look();
        self.schedulers[scheduler].deciding = Some((job, seen));
        self.agenda.push(self.now + span, Event::Decided(scheduler));
    }

    /// What a scheduler sees when it begins. With offers: all that is free and not offered to the
    /// other; it is held until the decision is made.
    fn look(&mut self) -> State {
        let mut seen = self.state.clone();
        if self.architecture == Architecture::TwoLevel {
            for (free, offered) in seen.free.iter_mut().zip(&mut self.offered) {
                *free = free.saturating_sub(*offered);
                *offered += *free;
            }
        }
        seen
    }

    /// The decision is made: the tasks are placed on what was seen, and committed to what is.
    fn decided(&mut self, scheduler: usize) {
        let (mut job, mut seen) =
            self.schedulers[scheduler].deciding.take().expect("it decides something");
        if self.architecture == Architecture::TwoLevel {
            for (offered, held) in self.offered.iter_mut().zip(&seen.free) {
                *offered -= held;
            }
        }
        let (looked, before) = (seen.changes.clone(), self.state.changes.clone());
        let (mut left, mut conflict) = (Vec::new(), false);
        for size in std::mem::take(&mut job.tasks) {
            let Some(machine) = seen.place(size, &mut self.choices) else {
                left.push(size);
                continue;
            };
            let claim = Claim { machine, size };
            seen.take(claim);
            if self.commits(claim, looked[machine] != before[machine]) {
                self.start(job.kind, claim);
            } else {
                conflict = true;
                left.push(size);
            }
        }
        self.end_attempt(scheduler, job, left, conflict);
    }

    /// Whether a claim goes through; `changed` says whether others have changed the machine since
    /// it was looked at.
    fn commits(&self, claim: Claim, changed: bool) -> bool {
        let fits = self.state.free[claim.machine] >= claim.size;
        match self.architecture {
            Architecture::SharedState(Detection::Coarse) => fits && !changed,
            Architecture::SinglePath
            | Architecture::MultiPath
            | Architecture::TwoLevel
            | Architecture::SharedState(Detection::Fine) => fits,
        }
    }

    fn start(&mut self, kind: usize, claim: Claim) {
        self.state.take(claim);
        let lasts = self.kind(kind).lasts;
        let span = chance::span(&mut self.shapes[kind], lasts);
        self.agenda.push(self.now + span, Event::Ends(claim));
    }

    /// What is left of a job is tried again at once when it met a conflict; after all others when
    /// there was no room.
    fn end_attempt(&mut self, scheduler: usize, mut job: Job, left: Vec<u32>, conflict: bool) {
        let sums = &mut self.sums[job.kind];
        sums.conflicts += u64::from(conflict);
        if left.is_empty() {
            sums.placed += 1;
        } else if job.attempts >= ATTEMPTS {
            sums.given_up += 1;
        } else {
            job.tasks = left;
            let queue = &mut self.schedulers[scheduler].queue;
            if conflict { queue.push_front(job) } else { queue.push_back(job) }
        }
        self.begin(scheduler);
    }

    fn measured(&self, end: SimTime) -> Measured {
        let of = |kind: usize| {
            let sums = self.sums[kind];
            let waiting = self.schedulers.iter().flat_map(|s| s.queue.iter());
            let waiting: Vec<&Job> = waiting.filter(|job| job.kind == kind).collect();
            // Those that were never begun have waited, too.
            let fresh = waiting.iter().filter(|job| job.attempts == 0);
            let so_far: u128 = fresh.clone().map(|job| u128::from(end.since(job.came).0)).sum();
            let number = u128::from(sums.begun) + fresh.count() as u128;
            let mean = (sums.wait + so_far) / number.max(1);
            let busy = sums.busy * 100 / u128::from(self.cell.span.0.max(1));
            Of {
                placed: sums.placed,
                wait: SimDuration(u64::try_from(mean).unwrap_or(u64::MAX)),
                busy_percent: u64::try_from(busy).unwrap_or(100).min(100),
                conflicts_percent: sums.conflicts * 100 / sums.placed.max(1),
                left: waiting.len() as u64 + sums.given_up,
            }
        };
        let free: u64 = self.state.free.iter().map(|free| u64::from(*free)).sum();
        let all = self.cell.machines as u64 * u64::from(self.cell.capacity);
        let full_percent = (all - free) * 100 / all.max(1);
        Measured { batch: of(BATCH), service: of(SERVICE), full_percent }
    }
}

fn size(rng: &mut Rng, most: u64) -> u32 {
    u32::try_from(rng.between(1, most)).expect("a small number")
}
