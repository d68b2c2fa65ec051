//! From Borg through Omega: four architectures of schedulers on the same workload.
//!
//! Responsible for lesson 13 of the course: a monolithic scheduler with one path, the same with a
//! fast path for batch jobs, two levels with offers, and shared state with optimistic concurrency.
//! It is about architectures, not about Kubernetes: jobs, machines and decision times are those of
//! Schwarzkopf and others, "Omega: flexible, scalable schedulers for large compute clusters"
//! (EuroSys 2013), at a smaller scale. It runs on the engine's agenda and random streams.

mod cell;
mod chance;
mod chart;
mod run;

use std::fmt::Write as _;

use crate::sim::time::SimDuration;

pub use chart::chart;
pub use run::{Measured, Of, run};

/// How schedulers share a cell.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Architecture {
    /// One scheduler, one decision time for all jobs.
    SinglePath,
    /// One scheduler, one queue; batch jobs are decided fast.
    MultiPath,
    /// A manager offers what is free to one framework at a time.
    TwoLevel,
    /// Every scheduler sees all and commits optimistically.
    SharedState(Detection),
}

/// When a commit of shared state conflicts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Detection {
    /// Only if a machine would be overcommitted; what fits is kept.
    Fine,
    /// If a machine that was chosen has changed at all since it was looked at.
    Coarse,
}

impl Architecture {
    /// All of them, in the order of the lesson.
    pub const ALL: [Architecture; 5] = [
        Architecture::SinglePath,
        Architecture::MultiPath,
        Architecture::TwoLevel,
        Architecture::SharedState(Detection::Fine),
        Architecture::SharedState(Detection::Coarse),
    ];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Architecture::SinglePath => "monolithic, one path",
            Architecture::MultiPath => "monolithic, fast path",
            Architecture::TwoLevel => "two-level, offers",
            Architecture::SharedState(Detection::Fine) => "shared state, fine",
            Architecture::SharedState(Detection::Coarse) => "shared state, coarse",
        }
    }
}

/// The workload and the cell.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Cell {
    /// So many machines.
    pub machines: usize,
    /// So much of each of them can be handed out.
    pub capacity: u32,
    /// For so long jobs come.
    pub span: SimDuration,
    /// Batch jobs: many, short, with a fixed decision time.
    pub batch: Kind,
    /// Service jobs: few, long; their decision time is what is varied.
    pub service: Kind,
    /// From this all chance follows.
    pub seed: u64,
}

/// One kind of jobs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Kind {
    /// The mean time between two jobs.
    pub every: SimDuration,
    /// The mean number of tasks.
    pub tasks: u64,
    /// The mean time that a task runs.
    pub lasts: SimDuration,
    /// The most that a task takes of a machine; the least is 1.
    pub most: u64,
    /// The decision time of a job: t_job + t_task × tasks.
    pub t_job: SimDuration,
    /// See `t_job`.
    pub t_task: SimDuration,
}

impl Default for Cell {
    fn default() -> Self {
        let t_task = SimDuration::millis(5);
        Cell {
            machines: 250,
            capacity: 16,
            span: SimDuration::secs(6 * 3600),
            batch: Kind {
                every: SimDuration::secs(4),
                tasks: 20,
                lasts: SimDuration::secs(60),
                most: 4,
                t_job: SimDuration::millis(100),
                t_task,
            },
            service: Kind {
                every: SimDuration::secs(40),
                tasks: 8,
                lasts: SimDuration::secs(3000),
                most: 4,
                t_job: SimDuration::millis(100),
                t_task,
            },
            seed: 1,
        }
    }
}

/// The decision times of service jobs that are tried.
pub const T_JOB: [SimDuration; 9] = [
    SimDuration::millis(100),
    SimDuration::millis(300),
    SimDuration::millis(1_000),
    SimDuration::millis(2_000),
    SimDuration::millis(3_000),
    SimDuration::millis(6_000),
    SimDuration::millis(10_000),
    SimDuration::millis(20_000),
    SimDuration::millis(30_000),
];

/// What each architecture comes to at each decision time.
pub type Sweep = Vec<(Architecture, Vec<(SimDuration, Measured)>)>;

/// Runs every architecture at every decision time.
pub fn sweep(cell: &Cell) -> Sweep {
    let at = |architecture, t_job: SimDuration| {
        let service = Kind { t_job, ..cell.service };
        let batch = match architecture {
            // One path: whoever needs much time needs it for all.
            Architecture::SinglePath => Kind { t_job, ..cell.batch },
            Architecture::MultiPath | Architecture::TwoLevel | Architecture::SharedState(_) => {
                cell.batch
            }
        };
        run(architecture, &Cell { batch, service, ..*cell })
    };
    let of = |architecture| {
        let points = T_JOB.iter().map(|t_job| (*t_job, at(architecture, *t_job)));
        (architecture, points.collect())
    };
    Architecture::ALL.into_iter().map(of).collect()
}

/// The sweep as a table for people.
pub fn table(sweep: &Sweep) -> String {
    let mut out = String::from(
        "                          t_job   busy %        wait, mean s      conflicts per job\n\
         architecture                  s  batch service   batch service    batch service  left\n",
    );
    for (architecture, points) in sweep {
        for (t_job, m) in points {
            let (b, s) = (&m.batch, &m.service);
            let _ = writeln!(
                out,
                "{:<22} {:>8}  {:>5} {:>7}  {:>6} {:>7}   {:>6} {:>7} {:>5}",
                architecture.name(),
                tenths(t_job.as_millis() / 100),
                b.busy_percent,
                s.busy_percent,
                tenths(b.wait.as_millis() / 100),
                tenths(s.wait.as_millis() / 100),
                hundredths(b.conflicts_percent),
                hundredths(s.conflicts_percent),
                b.left + s.left,
            );
        }
        out.push('\n');
    }
    out
}

fn tenths(n: u64) -> String {
    format!("{}.{}", n / 10, n % 10)
}

fn hundredths(n: u64) -> String {
    format!("{}.{:02}", n / 100, n % 100)
}

#[cfg(test)]
mod tests;
