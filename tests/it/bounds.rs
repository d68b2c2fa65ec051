//! How far a set may fall below what is asked for, and how far it may go beyond, while it is
//! updated: looked at on each write of a history.
//!
//! Only what a controller does of its own is judged. What persons and taints take is theirs: each
//! pod that they took within the last seconds is a pod that the controller could not know to be
//! missing, and counts as slack. So does each spec that was asked for within the last seconds, for
//! a controller that is down, or has just come back, works by what it saw.

use std::collections::BTreeMap;
use std::sync::Arc;

use wavetank::api::Name;
use wavetank::api::apps::deployment::Deployment;
use wavetank::api::apps::stateful_set::StatefulSet;
use wavetank::api::core::node::Node;
use wavetank::api::core::pod::Pod;
use wavetank::api::note::Note;
use wavetank::api::object::{Kind, Resource};
use wavetank::scenario::world::World;
use wavetank::sim::time::{SimDuration, SimTime};

/// For so long a spec that is no longer asked for, or a pod that was taken, still counts.
const RECENT: SimDuration = SimDuration::secs(5);

/// The same in histories with crashes: these last up to eight seconds, the lease of a dead leader
/// fifteen, and a new one has to list what there is.
const RECENT_WITH_CRASHES: SimDuration = SimDuration::secs(40);

/// The most pods that may be missing while a set is updated, and the most beyond what is wanted.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    pub(crate) unavailable: i32,
    pub(crate) surge: i32,
}

/// The bounds of the sets of a history.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked {
    pub(crate) deployment: Bounds,
    pub(crate) stateful_set: Bounds,
    pub(crate) daemon_set: Bounds,
    /// How many nodes there are from the beginning: `node-1`, `node-2`, ….
    pub(crate) nodes: u8,
    /// Whether controllers crash.
    pub(crate) with_crashes: bool,
}

/// What was seen of a history so far.
struct Seen {
    asked: Asked,
    pods: BTreeMap<Name, Arc<Pod>>,
    nodes: BTreeMap<Name, Arc<Node>>,
    /// How many replicas were wanted of an app from when on, with the first ordinal.
    wanted: BTreeMap<&'static str, Vec<(SimTime, i32, i32)>>,
    /// Pods that somebody else took, and when.
    taken: Vec<(SimTime, Name)>,
    /// Since when a pod is available.
    since: BTreeMap<Name, SimTime>,
    /// When a node last bore a taint that keeps daemons away.
    evicting: BTreeMap<Name, SimTime>,
    /// How often a bound was looked at, by app.
    looks: BTreeMap<&'static str, usize>,
}

/// The controllers whose deletions and creations are judged, by app.
const CONTROLLERS: &[(&str, &str)] = &[
    ("web", "replicaset-controller"),
    ("db", "statefulset-controller"),
    ("agent", "daemonset-controller"),
    ("old", "replication-controller"),
];

/// What went beyond the bounds, and how often they were looked at.
pub(crate) fn violations(world: &World, asked: Asked) -> (Vec<String>, BTreeMap<&str, usize>) {
    let plain = |n: u8| (Name::new(format!("node-{n}")), Arc::new(Node::default()));
    let mut seen = Seen {
        asked,
        pods: BTreeMap::new(),
        nodes: (1..=asked.nodes).map(plain).collect(),
        wanted: BTreeMap::new(),
        taken: Vec::new(),
        since: BTreeMap::new(),
        evicting: BTreeMap::new(),
        looks: BTreeMap::new(),
    };
    let mut wrong = Vec::new();
    for record in world.cluster().engine.log().from(0) {
        let Note::Write(write) = &record.note else { continue };
        let (object, now) = (&write.change.object, record.time);
        if let Some(set) = Deployment::of(object) {
            seen.want("web", now, set.spec.replicas, 0);
        } else if let Some(set) = StatefulSet::of(object) {
            seen.want("db", now, set.spec.replicas, set.spec.start());
        } else if object.kind() == Kind::REPLICATION_CONTROLLER {
            let replicas = object.to_value()["spec"]["replicas"].as_i64().unwrap_or(0);
            seen.want("old", now, i32::try_from(replicas).unwrap_or(i32::MAX), 0);
        } else if let Some(node) = Node::of(object) {
            seen.see_node(node, now);
        } else if let Some(pod) = Pod::of(object) {
            let why = seen.see_pod(pod, write.change.deleted, &write.origin.user, now);
            wrong.extend(why.map(|why| format!("{now} {why}")));
        }
    }
    (wrong, seen.looks)
}

fn app_of(pod: &Pod) -> Option<(&'static str, &'static str)> {
    let app = pod.meta.labels.get("app")?;
    CONTROLLERS.iter().find(|(name, _)| app == name).copied()
}

/// Whether a node bears the taint of the histories, which nobody tolerates.
fn is_odd(node: &Node) -> bool {
    node.spec.taints.iter().any(|t| t.key == "odd")
}

fn is_there(pod: &Pod) -> bool {
    !pod.meta.is_deleting() && !pod.is_terminal()
}

fn is_available(pod: &Pod) -> bool {
    is_there(pod) && pod.is_ready()
}

fn wide(count: usize) -> i32 {
    i32::try_from(count).expect("few pods")
}

impl Seen {
    fn want(&mut self, app: &'static str, now: SimTime, replicas: i32, start: i32) {
        let all = self.wanted.entry(app).or_default();
        if all.last().is_none_or(|(_, r, s)| (*r, *s) != (replicas, start)) {
            all.push((now, replicas, start));
        }
    }

    /// The numbers of replicas that were wanted lately.
    fn wanted(&self, app: &str, now: SimTime) -> impl Iterator<Item = (i32, i32)> {
        let recent = self.recent();
        let all = self.wanted.get(app).map_or(&[][..], Vec::as_slice);
        let ends = all.iter().skip(1).map(|(at, ..)| *at).chain([SimTime::NEVER]);
        let lately = all.iter().zip(ends).filter(move |(_, end)| *end + recent >= now);
        lately.map(|((_, replicas, start), _)| (*replicas, *start))
    }

    fn recent(&self) -> SimDuration {
        if self.asked.with_crashes { RECENT_WITH_CRASHES } else { RECENT }
    }

    fn see_node(&mut self, node: &Arc<Node>, now: SimTime) {
        let before = self.nodes.insert(node.meta.name.clone(), node.clone());
        if is_odd(node) || before.is_some_and(|n| is_odd(&n)) {
            self.evicting.insert(node.meta.name.clone(), now);
        }
    }

    /// Whether a node keeps daemons away, or did lately.
    fn evicts(&self, node: &Name, now: SimTime) -> bool {
        self.nodes.get(node).is_some_and(|n| is_odd(n))
            || self.evicting.get(node).is_some_and(|at| *at + self.recent() >= now)
    }

    /// Pods of an app that somebody else took lately.
    fn taken(&self, app: &str, now: SimTime) -> i32 {
        let is_recent = |(at, of): &&(SimTime, Name)| *at + self.recent() >= now && of == app;
        wide(self.taken.iter().filter(is_recent).count())
    }

    fn of_app<'s>(&'s self, app: &'s str) -> impl Iterator<Item = &'s Arc<Pod>> {
        self.pods.values().filter(move |p| p.meta.labels.get("app").is_some_and(|a| a == app))
    }

    fn see_pod(
        &mut self,
        pod: &Arc<Pod>,
        is_gone: bool,
        user: &Name,
        now: SimTime,
    ) -> Option<String> {
        let (app, controller) = app_of(pod)?;
        let name = pod.meta.name.clone();
        let before = self.pods.remove(&name);
        if !is_gone {
            self.pods.insert(name, pod.clone());
        }
        let name = &pod.meta.name;
        if is_gone || !is_available(pod) {
            self.since.remove(name);
        } else {
            self.since.entry(name.clone()).or_insert(now);
        }
        let was_available = before.as_ref().is_some_and(|p| is_available(p));
        let goes = was_available && (is_gone || !is_available(pod));
        if goes && user != controller {
            self.taken.push((now, Name::new(app)));
            return None;
        }
        if goes {
            return self.judge_deletion(app, pod, now);
        }
        if before.is_none() && user == controller {
            return self.judge_creation(app, now);
        }
        None
    }

    /// A controller has ended a pod that was available.
    fn judge_deletion(&mut self, app: &'static str, pod: &Pod, now: SimTime) -> Option<String> {
        let available = wide(self.of_app(app).filter(|p| is_available(p)).count());
        let taken = self.taken(app, now);
        let (least, what) = match app {
            "web" => {
                let most = self.asked.deployment.unavailable;
                (self.wanted(app, now).map(|(replicas, _)| replicas - most).min()?, "Deployment")
            }
            // It only ever takes what is too many.
            "old" => (
                self.wanted(app, now).map(|(replicas, _)| replicas).min()?,
                "ReplicationController",
            ),
            "db" => {
                let ordinal: i32 = pod.meta.name.rsplit_once('-')?.1.parse().ok()?;
                // A pod beyond what is wanted goes because it is too many.
                let is_surplus =
                    |(replicas, start): (i32, i32)| ordinal < start || ordinal >= start + replicas;
                if self.wanted(app, now).any(is_surplus) {
                    return None;
                }
                let most = self.asked.stateful_set.unavailable;
                (self.wanted(app, now).map(|(replicas, _)| replicas - most).min()?, "StatefulSet")
            }
            _ => {
                if self.evicts(&pod.node_name, now) {
                    return None;
                }
                // With a surge an old pod goes when a new one of its node is available.
                let on: std::collections::BTreeSet<&Name> =
                    self.of_app(app).filter(|p| is_available(p)).map(|p| &p.node_name).collect();
                let wants = |n: &&Name| !self.evicts(n, now) && !on.contains(*n);
                let missing = wide(self.nodes.keys().filter(wants).count());
                let is_covered = on.contains(&pod.node_name);
                let most = self.asked.daemon_set.unavailable;
                *self.looks.entry(app).or_default() += 1;
                let is_wrong = !is_covered && missing > most + taken;
                return is_wrong.then(|| {
                    let line = |p: &Arc<Pod>| {
                        let (name, ready) = (&p.meta.name, is_available(p));
                        format!("{name} on {}, ready {ready}", p.node_name)
                    };
                    let left: Vec<String> = self.of_app(app).map(line).collect();
                    let name = &pod.meta.name;
                    format!("{missing} daemons missing without {name}, most {most}: {left:?}")
                });
            }
        };
        *self.looks.entry(app).or_default() += 1;
        let is_wrong = available + taken < least;
        is_wrong.then(|| {
            format!("a {what} has {available} available, {taken} taken, wanted {least}: {}", {
                &pod.meta.name
            })
        })
    }

    /// Nodes that daemon pods have had to leave lately.
    fn evicted_nodes(&self, now: SimTime) -> i32 {
        wide(self.nodes.keys().filter(|n| self.evicts(n, now)).count())
    }

    /// Nodes on which a daemon stands beside one that has been available for a while. One that is
    /// not available is replaced at once, whatever the surge.
    ///
    /// Source: kubernetes v1.36 pkg/controller/daemon/update.go, `rollingUpdate`
    fn surging(&self, app: &str, now: SimTime) -> i32 {
        let mut on: BTreeMap<&Name, Vec<&Arc<Pod>>> = BTreeMap::new();
        for pod in self.of_app(app).filter(|p| is_there(p)) {
            on.entry(&pod.node_name).or_default().push(pod);
        }
        let lasts = |pod: &&Arc<Pod>| {
            self.since.get(&pod.meta.name).is_some_and(|since| *since + self.recent() < now)
        };
        wide(on.values().filter(|pods| pods.len() > 1 && pods.iter().any(lasts)).count())
    }

    /// A controller has made a pod.
    fn judge_creation(&mut self, app: &'static str, now: SimTime) -> Option<String> {
        let there = wide(self.of_app(app).filter(|p| is_there(p)).count());
        let (there, most, surge) = match app {
            "web" => (there, self.most_wanted(app, now)?, self.asked.deployment.surge),
            "db" => (there, self.most_wanted(app, now)?, self.asked.stateful_set.surge),
            "old" => (there, self.most_wanted(app, now)?, 0),
            _ => {
                let slack = self.taken(app, now) + self.evicted_nodes(now);
                (self.surging(app, now), 0, self.asked.daemon_set.surge + slack)
            }
        };
        *self.looks.entry(app).or_default() += 1;
        let is_wrong = there > most + surge;
        is_wrong.then(|| format!("{there} pods of {app}, wanted at most {most} and {surge}"))
    }

    fn most_wanted(&self, app: &str, now: SimTime) -> Option<i32> {
        self.wanted(app, now).map(|(replicas, _)| replicas).max()
    }
}
