//! Gauges: queues, caches and how far each lags, read from a cluster while it runs.
//!
//! Responsible for looking and never touching: a run with gauges is the run without them. What the
//! log does not tell (how long a queue is, how far a cache is behind) can only be read on the way.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::api::note::Note;
use crate::api::object::Kind;
use crate::client::informer::Informer;
use crate::cluster::{Cluster, Member};
use crate::sim::engine::ActorId;
use crate::sim::time::{SimDuration, SimTime};

/// Two readings are at least so far apart.
const PAUSE: SimDuration = SimDuration::millis(5);

/// Kubelets are read one by one only up to so many.
const MOST_NODES: usize = 100;

/// What is measured, of whom: metric, component, and what tells its series apart.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Series {
    /// The metric, by the name that the real component gives it where it has one.
    pub metric: &'static str,
    /// The process.
    pub component: String,
    /// The label, such as `name` or `queue`, and its value.
    pub label: (&'static str, String),
}

/// The readings of a run: for each series the instants at which it changed.
#[derive(Clone, Debug, Default)]
pub struct Gauges {
    series: BTreeMap<Series, Vec<(SimTime, u64)>>,
    /// Of each kind, the revisions of its writes so far.
    written: BTreeMap<Kind, Vec<u64>>,
    /// Up to where the log has been looked at.
    seen: usize,
    next: SimTime,
}

impl Gauges {
    /// The series, in order, each with the instants at which it changed and what it became.
    pub fn series(&self) -> impl Iterator<Item = (&Series, &[(SimTime, u64)])> {
        self.series.iter().map(|(series, points)| (series, points.as_slice()))
    }

    /// The value of a series at an instant.
    pub fn at(points: &[(SimTime, u64)], at: SimTime) -> Option<u64> {
        let n = points.partition_point(|(time, _)| *time <= at);
        points[..n].last().map(|(_, value)| *value)
    }

    /// Reads a cluster, unless it was read just now.
    pub fn read(&mut self, cluster: &Cluster) {
        let now = cluster.engine.now();
        if now >= self.next {
            self.read_now(cluster);
            self.next = now + PAUSE;
        }
    }

    /// Reads a cluster at once.
    pub fn read_now(&mut self, cluster: &Cluster) {
        self.follow(cluster);
        let revision = cluster.store().revision();
        for (component, actors) in &cluster.topology.components {
            for actor in actors {
                self.process(cluster, component, *actor, revision);
            }
        }
        if cluster.topology.nodes.len() <= MOST_NODES {
            for (name, (actor, _)) in &cluster.topology.nodes {
                self.process(cluster, &format!("kubelet/{name}"), *actor, revision);
            }
        }
    }

    /// Takes note of the revisions that the log has come to.
    fn follow(&mut self, cluster: &Cluster) {
        let log = cluster.engine.log();
        for record in log.from(self.seen) {
            if let Note::Write(write) = &record.note {
                let change = &write.change;
                self.written.entry(change.object.kind()).or_default().push(change.revision);
            }
        }
        self.seen = log.len();
    }

    fn process(&mut self, cluster: &Cluster, name: &str, actor: ActorId, revision: u64) {
        let now = cluster.engine.now();
        let up = u64::from(cluster.engine.is_up(actor));
        self.note(now, "up", name, ("", ""), up);
        if up == 0 {
            return;
        }
        match cluster.engine.actor(actor) {
            Member::Manager(process) => {
                for (queue, ready, waiting, busy) in process.component().queues() {
                    let of = ("name", queue);
                    self.note(now, "workqueue_depth", name, of, ready as u64);
                    self.note(now, "workqueue_waiting", name, of, waiting as u64);
                    self.note(now, "workqueue_unfinished", name, of, busy as u64);
                }
                self.informers(now, name, process.informers());
            }
            Member::Scheduler(process) => {
                for (queue, pods) in process.component().queue().sizes() {
                    let of = ("queue", queue);
                    self.note(now, "scheduler_pending_pods", name, of, pods as u64);
                }
                self.informers(now, name, process.informers());
            }
            // They watch with selectors of fields: most changes of a kind concern others.
            Member::Node(_) => {}
            Member::Apiserver(server) => {
                let behind = revision.saturating_sub(server.revision());
                self.note(now, "watch_cache_behind", name, ("", ""), behind);
                for (kind, verb, count) in server.reads() {
                    self.note(now, verb, name, ("resource", kind.row().plural), count);
                }
            }
            Member::Etcd(_) => self.note(now, "etcd_revision", name, ("", ""), revision),
            Member::Guest(_) => {}
        }
    }

    /// How many changes of what it watches each informer has not seen yet.
    fn informers(&mut self, now: SimTime, name: &str, informers: &[Informer]) {
        for informer in informers.iter().filter(|i| i.interest.kind != Kind::LEASE) {
            let known = informer.reflector.last_revision().unwrap_or(0);
            let written = self.written.get(&informer.interest.kind).map_or(&[][..], Vec::as_slice);
            let behind = written.len() - written.partition_point(|r| *r <= known);
            let of = ("kind", informer.interest.kind.name());
            self.note(now, "informer_changes_behind", name, of, behind as u64);
        }
    }

    fn note(
        &mut self,
        now: SimTime,
        metric: &'static str,
        component: &str,
        label: (&'static str, &str),
        value: u64,
    ) {
        let label = (label.0, label.1.to_owned());
        let series = Series { metric, component: component.to_owned(), label };
        let points = self.series.entry(series).or_default();
        if points.last().map(|(_, last)| *last) != Some(value) {
            points.push((now, value));
        }
    }

    /// As the page reads them: metric, component, label, its value, and how many readings there
    /// are; each reading, its microsecond and its value, goes to `put`.
    pub(crate) fn to_json(&self, mut put: impl FnMut(i64, i64)) -> Value {
        let number = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
        let told = self.series.iter().filter(|(series, points)| {
            series.label.0 != "resource" && (points.len() > 1 || points[0].1 > 0)
        });
        let one = |(series, points): (&Series, &Vec<(SimTime, u64)>)| {
            points.iter().for_each(|(time, value)| put(number(time.0 / 1_000), number(*value)));
            json!([series.metric, series.component, series.label.0, series.label.1, points.len()])
        };
        Value::Array(told.map(one).collect())
    }
}
