//! Experiments: faults that a person begins and ends by name, at once or again and again by a
//! schedule, as cron has it.

use crate::api::Name;
use crate::api::schedule::Schedule;
use crate::api::time::Time;
use crate::cluster::Cluster;
use crate::fault::plan::Inject;
use crate::fault::weather::{Due, Weather};
use crate::sim::time::{SimDuration, SimTime, Start};

/// A fault, and when it comes.
#[derive(Clone, PartialEq, Debug)]
pub struct Again {
    /// The name of the schedule.
    pub name: Name,
    /// When.
    pub schedule: Schedule,
    /// What, and for how long.
    pub inject: Inject,
    /// Whether one does not come while the one before still lasts.
    pub forbids: bool,
}

impl Again {
    /// When it comes next.
    pub(super) fn next(&self, after: SimTime, start: Start) -> Option<SimTime> {
        let next = self.schedule.next(Time::wall(start, after))?;
        Some(next.since_start(start))
    }
}

impl Weather {
    /// A person begins an experiment under a name: a fault at once.
    ///
    /// # Errors
    /// When it hits nothing, in words.
    pub fn begin_experiment(
        &mut self,
        name: &Name,
        inject: &Inject,
        cluster: &mut Cluster,
    ) -> Result<(), String> {
        let first = self.asked + 1;
        let begun = self.inject(inject, cluster);
        self.experiments.entry(name.clone()).or_default().push(first..self.asked + 1);
        begun.map(|_| ())
    }

    /// A person begins an experiment that comes again and again.
    pub fn schedule_experiment(&mut self, again: Again, cluster: &Cluster) {
        self.experiments.entry(again.name.clone()).or_default();
        self.push_again(again, cluster, SimTime::ZERO);
    }

    /// A person ends an experiment: what it does is made good; false when there is none.
    pub fn end_experiment(&mut self, name: &Name, cluster: &mut Cluster) -> bool {
        let Some(ranges) = self.experiments.remove(name) else { return false };
        let now = cluster.engine.now();
        let own = |key: &(SimTime, u64), due: &Due| {
            let named = matches!(due, Due::Again(again, _) if again.name == *name);
            named || ranges.iter().any(|range| range.contains(&key.1))
        };
        let all = self.agenda.iter().filter(|(key, due)| own(key, due));
        let keys: Vec<(SimTime, u64)> = all.map(|(key, _)| *key).collect();
        for key in keys {
            let due = self.agenda.remove(&key);
            if let Some(due @ (Due::Heal(..) | Due::End(_))) = due {
                self.push(now, due);
            }
        }
        self.blow(cluster);
        true
    }

    fn push_again(&mut self, again: Again, cluster: &Cluster, busy: SimTime) {
        let start = cluster.engine.log().start();
        if let Some(at) = again.next(cluster.engine.now(), start) {
            self.push(at, Due::Again(Box::new(again), busy));
        }
    }

    /// An experiment comes again, unless the one before lasts and that forbids it.
    pub(super) fn again(&mut self, again: Again, busy: SimTime, cluster: &mut Cluster) {
        let now = cluster.engine.now();
        let mut busy = busy;
        if !again.forbids || busy <= now {
            busy = now + again.inject.duration.unwrap_or(SimDuration::ZERO);
            if let Err(why) = self.begin_experiment(&again.name, &again.inject, cluster) {
                self.misses.push(why);
            }
        }
        self.push_again(again, cluster, busy);
    }
}
