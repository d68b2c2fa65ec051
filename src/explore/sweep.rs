//! Sweeps: every single fault of a family at every place where it can matter.
//!
//! The places are what occurred in the run without faults; so a sweep is complete for failures
//! that need one fault of its family.

use std::collections::BTreeSet;

use crate::api::object::Kind;
use crate::explore::reference::{Occurred, Reference};
use crate::fault::parameter::{
    ComponentTarget, Delay, Direction, Failing, Nothing, ObjectTarget, Partition, Pause, Requests,
    Skew, Travel, Watched,
};
use crate::fault::plan::{Entry, Events, Occurrence, Writes};
use crate::fault::tap::Phase;
use crate::fault::target::{Component, Containers, Endpoints, Nodes, Pods};
use crate::fault::{Fault, Plan};
use crate::sim::time::{SimDuration, SimTime};

/// A family of single faults.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Sweep {
    /// A controller crashes before or after each of its writes.
    Crashes,
    /// The answer to each write is lost.
    Ambiguous,
    /// Each write fails, and nothing is done.
    Errors,
    /// Each update comes second.
    Conflicts,
    /// Each write comes late, after its client has given up.
    Late,
    /// Each client sees each kind late, from each change on.
    Stale,
    /// Each client misses what happens to each kind, from each change on.
    Missed,
    /// The watches of each component end after each burst of changes, and it lists again.
    Relists,
    /// Each component restarts and sees the past, each past at several instants.
    Travel,
    /// Each component stands still at each of its writes.
    Pauses,
    /// Each kubelet restarts at each change of its pods, and later sees the past.
    Kubelets,
    /// Each node stops, or is cut off, at each of its writes, for short and long.
    Nodes,
    /// Pods and containers are killed after each change.
    Pods,
    /// Components are down for long, and clocks are wrong.
    Outages,
    /// Each object that a person owns is deleted and created again.
    Names,
    /// The apiservers are killed after each write: it is stored, and nobody was told.
    Servers,
    /// etcd forgets its history, or takes no writes, after each burst of changes.
    Store,
}

impl Sweep {
    /// All of them, in the order in which they are run.
    pub const ALL: &'static [Sweep] = &[
        Sweep::Crashes,
        Sweep::Ambiguous,
        Sweep::Errors,
        Sweep::Conflicts,
        Sweep::Stale,
        Sweep::Missed,
        Sweep::Relists,
        Sweep::Travel,
        Sweep::Late,
        Sweep::Names,
        Sweep::Servers,
        Sweep::Store,
        Sweep::Pauses,
        Sweep::Kubelets,
        Sweep::Outages,
        Sweep::Pods,
        Sweep::Nodes,
    ];

    /// Its name on a command line.
    pub fn name(self) -> &'static str {
        match self {
            Sweep::Crashes => "crashes",
            Sweep::Ambiguous => "ambiguous",
            Sweep::Errors => "errors",
            Sweep::Conflicts => "conflicts",
            Sweep::Late => "late",
            Sweep::Stale => "stale",
            Sweep::Missed => "missed",
            Sweep::Relists => "relists",
            Sweep::Travel => "travel",
            Sweep::Pauses => "pauses",
            Sweep::Kubelets => "kubelets",
            Sweep::Nodes => "nodes",
            Sweep::Pods => "pods",
            Sweep::Outages => "outages",
            Sweep::Names => "names",
            Sweep::Servers => "servers",
            Sweep::Store => "store",
        }
    }

    /// The sweep of a name.
    pub fn named(name: &str) -> Option<Sweep> {
        Sweep::ALL.iter().copied().find(|sweep| sweep.name() == name)
    }

    /// Its plans for a run without faults.
    pub fn plans(self, reference: &Reference) -> Vec<Plan> {
        let mut all = match self {
            Sweep::Crashes => crashes(reference),
            Sweep::Ambiguous => writes(reference, |requests, _| Fault::ApiLost(requests)),
            Sweep::Errors => writes(reference, |requests, _| {
                Fault::ApiError(Failing { requests, code: 500, message: None })
            }),
            Sweep::Conflicts => conflicts(reference),
            Sweep::Late => writes(reference, |requests, _| {
                let (latency, timeout) = (SimDuration::secs(3), Some(SimDuration::secs(1)));
                Fault::ApiDelay(Delay { requests, latency, timeout })
            }),
            Sweep::Stale => watches(reference, &[3, 40, 400], Fault::WatchLag),
            Sweep::Missed => watches(reference, &[1, 6], Fault::WatchSkip),
            Sweep::Relists => relists(reference),
            Sweep::Travel => travel(reference),
            Sweep::Pauses => pauses(reference),
            Sweep::Kubelets => kubelets(reference),
            Sweep::Nodes => nodes(reference),
            Sweep::Pods => pods(reference),
            Sweep::Outages => outages(reference),
            Sweep::Names => names(reference),
            Sweep::Servers => servers(reference),
            Sweep::Store => store(reference),
        };
        all.retain(|entry| {
            entry.inject.fault.trace() == crate::fault::Trace::None || reference.rests
        });
        all.into_iter().map(Plan::one).collect()
    }
}

/// The writes of components that a client can crash at: those of persons and weather left out.
fn own_writes(reference: &Reference, phase: Phase) -> impl Iterator<Item = &Occurred> {
    reference.seen.iter().filter(move |o| {
        let quiet = matches!(o.what.kind, Kind::EVENT | Kind::LEASE);
        o.what.phase == phase && !quiet && reference.process_of.contains_key(&o.what.actor)
    })
}

fn is_kubelet(o: &Occurred) -> bool {
    o.what.actor.starts_with("kubelet/")
}

/// The n-th write of this actor, kind and verb.
pub(super) fn nth(o: &Occurred) -> (Writes, u32) {
    let writes = Writes {
        actor: o.what.actor.to_string(),
        kind: Some(o.what.kind.name().to_owned()),
        verb: Some(o.what.verb.to_owned()),
    };
    (writes, o.n)
}

fn crash_of(component: &str) -> Fault {
    Fault::ContainerKill(Containers {
        component: Some(Component(component.to_owned())),
        ..Containers::default()
    })
}

pub(super) fn crash_after(reference: &Reference, o: &Occurred) -> Option<Entry> {
    let component = reference.process_of.get(&o.what.actor)?;
    let (writes, n) = nth(o);
    let when = match o.what.phase {
        Phase::Before => Occurrence::BeforeWrite(writes),
        Phase::After | Phase::Event => Occurrence::AfterWrite(writes),
    };
    Some(Entry::when(when, n, crash_of(component), Some(SimDuration::millis(200))))
}

fn crashes(reference: &Reference) -> Vec<Entry> {
    let before = own_writes(reference, Phase::Before);
    let after = own_writes(reference, Phase::After);
    let all = after.chain(before).filter(|o| !is_kubelet(o));
    all.filter_map(|o| crash_after(reference, o)).collect()
}

fn writes(reference: &Reference, fault: impl Fn(Requests, &Occurred) -> Fault) -> Vec<Entry> {
    let one = |o: &Occurred| {
        let requests = Requests {
            actor: Some(o.what.actor.to_string()),
            kind: Some(o.what.kind.name().to_owned()),
            verbs: vec![o.what.verb.to_owned()],
            ..Requests::default()
        };
        let (writes, n) = nth(o);
        Entry::when(Occurrence::BeforeWrite(writes), n, fault(requests, o), None)
    };
    own_writes(reference, Phase::Before).map(one).collect()
}

fn conflicts(reference: &Reference) -> Vec<Entry> {
    let mut all = writes(reference, |requests, _| Fault::ApiConflict(requests));
    let updates = |entry: &Entry| {
        let Fault::ApiConflict(requests) = &entry.inject.fault else { return false };
        requests.verbs.iter().any(|v| v == "update")
    };
    all.retain(updates);
    all
}

fn watches(reference: &Reference, seconds: &[u64], fault: fn(Watched) -> Fault) -> Vec<Entry> {
    let mut all = Vec::new();
    let events = reference.seen.iter().filter(|o| {
        let beats = o.what.kind == Kind::NODE && o.what.verb != "DELETED";
        let quiet = matches!(o.what.kind, Kind::EVENT | Kind::LEASE) || beats;
        o.what.phase == Phase::Event && !quiet && !is_kubelet(o)
    });
    for o in events {
        let (actor, kind) = (o.what.actor.to_string(), o.what.kind.name().to_owned());
        let change = Some(o.what.verb.to_owned());
        let events = Events { actor: actor.clone(), kind: kind.clone(), change };
        for seconds in seconds {
            let fault = fault(Watched { actor: actor.clone(), kind: Some(kind.clone()) });
            let when = Occurrence::Event(events.clone());
            all.push(Entry::when(when, o.n, fault, Some(SimDuration::secs(*seconds))));
        }
    }
    all
}

/// Instants at which something can have changed: shortly after each burst of changes.
fn pauses_between(reference: &Reference) -> Vec<SimTime> {
    let mut all: Vec<SimTime> = Vec::new();
    for pair in reference.changes.windows(2) {
        if pair[1].1.since(pair[0].1) > SimDuration::millis(900) {
            all.push(pair[0].1 + SimDuration::millis(500));
        }
    }
    all.extend(reference.changes.last().map(|last| last.1 + SimDuration::millis(500)));
    thinned(all, 10)
}

/// At most so many of them, evenly chosen, the last among them.
fn thinned<T: Clone>(all: Vec<T>, most: usize) -> Vec<T> {
    if all.len() <= most {
        return all;
    }
    let last = all.len() - 1;
    (0..most).map(|n| all[n * last / (most - 1)].clone()).collect()
}

/// The watches of a component end, and begin again where they were; or what it knows is too old.
fn relists(reference: &Reference) -> Vec<Entry> {
    let mut all = Vec::new();
    for actor in &reference.processes {
        for at in pauses_between(reference) {
            let at = at.since(SimTime::ZERO);
            for fault in [Fault::WatchGone, Fault::WatchCut] {
                let watched = Watched { actor: actor.clone(), kind: None };
                all.push(Entry::at(at, fault(watched), None));
            }
        }
    }
    all
}

fn travel(reference: &Reference) -> Vec<Entry> {
    let mut all = Vec::new();
    let revisions: Vec<(SimTime, u64)> =
        reference.changes.iter().map(|(_, at, revision, _)| (*at, *revision)).collect();
    for component in reference.processes.clone() {
        let most = if component.starts_with("kube-") { 24 } else { 80 };
        let pasts = thinned(revisions.clone(), most);
        for at in pauses_between(reference) {
            for (then, revision) in pasts.iter().filter(|(then, _)| *then < at) {
                let _ = then;
                let travel = Travel {
                    component: Component(component.clone()),
                    revisions: None,
                    revision: u32::try_from(*revision).ok(),
                    down: SimDuration::millis(10),
                };
                let fault = Fault::TimeTravel(travel);
                let duration = Some(SimDuration::secs(5));
                all.push(Entry::at(at.since(SimTime::ZERO), fault, duration));
            }
        }
    }
    all
}

fn pauses(reference: &Reference) -> Vec<Entry> {
    let all = own_writes(reference, Phase::Before).filter(|o| !is_kubelet(o));
    let one = |o: &Occurred| {
        let component = Component(reference.process_of.get(&o.what.actor)?.clone());
        let (writes, n) = nth(o);
        let fault = Fault::Pause(Pause { component });
        Some(Entry::when(Occurrence::BeforeWrite(writes), n, fault, Some(SimDuration::secs(20))))
    };
    all.filter_map(one).collect()
}

fn one_node(name: &str) -> Nodes {
    Nodes { nodes: vec![name.to_owned()], ..Nodes::default() }
}

fn kubelets(reference: &Reference) -> Vec<Entry> {
    let mut all = Vec::new();
    let writes = own_writes(reference, Phase::After).filter(|o| is_kubelet(o));
    for o in writes {
        let node = o.what.actor.trim_start_matches("kubelet/");
        let (writes, n) = nth(o);
        let fault = Fault::KubeletRestart(one_node(node));
        let when = Occurrence::AfterWrite(writes);
        all.push(Entry::when(when, n, fault, Some(SimDuration::secs(1))));
    }
    let revisions: Vec<u64> = reference.changes.iter().map(|change| change.2).collect();
    for node in reference.nodes.iter().take(4) {
        for at in pauses_between(reference) {
            for revision in thinned(revisions.clone(), 12) {
                let travel = Travel {
                    component: Component(format!("kubelet/{node}")),
                    revisions: None,
                    revision: u32::try_from(revision).ok(),
                    down: SimDuration::millis(100),
                };
                let fault = Fault::TimeTravel(travel);
                let at = at.since(SimTime::ZERO);
                all.push(Entry::at(at, fault, Some(SimDuration::secs(20))));
            }
        }
    }
    all
}

fn nodes(reference: &Reference) -> Vec<Entry> {
    let mut all = Vec::new();
    let writes: Vec<&Occurred> = own_writes(reference, Phase::After)
        .filter(|o| is_kubelet(o) && o.what.kind == Kind::POD)
        .collect();
    for o in thinned(writes, 40) {
        let node = o.what.actor.trim_start_matches("kubelet/").to_owned();
        let (writes, n) = nth(o);
        for seconds in [20, 60, 400] {
            let when = Occurrence::AfterWrite(writes.clone());
            let fault = Fault::NodeStop(one_node(&node));
            all.push(Entry::when(when, n, fault, Some(SimDuration::secs(seconds))));
        }
        for direction in [Direction::Both, Direction::To] {
            let ends = (Endpoints(vec![node.clone()]), Endpoints(vec!["apiserver".to_owned()]));
            let fault = Fault::NetworkPartition(Partition { from: ends.0, to: ends.1, direction });
            let when = Occurrence::AfterWrite(writes.clone());
            all.push(Entry::when(when, n, fault, Some(SimDuration::secs(60))));
        }
    }
    all
}

fn pods(reference: &Reference) -> Vec<Entry> {
    let mut all = Vec::new();
    for node in &reference.nodes {
        for at in pauses_between(reference) {
            let at = at.since(SimTime::ZERO);
            let pods = Pods { nodes: vec![node.clone()], ..Pods::default() };
            all.push(Entry::at(at, Fault::PodKill(pods.clone()), None));
            all.push(Entry::at(at, Fault::PodFailure(pods), Some(SimDuration::secs(30))));
            let of = Pods { nodes: vec![node.clone()], ..Pods::default() };
            let containers = Containers { of, ..Containers::default() };
            all.push(Entry::at(at, Fault::ContainerKill(containers), None));
        }
    }
    all
}

fn outages(reference: &Reference) -> Vec<Entry> {
    let mut all = Vec::new();
    for component in reference.processes.clone() {
        let target = || Component(component.clone());
        for at in pauses_between(reference) {
            let at = at.since(SimTime::ZERO);
            for seconds in [30, 600, 7_000] {
                let fault = Fault::ComponentStop(ComponentTarget { component: target() });
                all.push(Entry::at(at, fault, Some(SimDuration::secs(seconds))));
            }
            let fault = Fault::Resync(ComponentTarget { component: target() });
            all.push(Entry::at(at, fault, None));
        }
        for hours in [-2, 2] {
            let skew = Skew { component: target(), offset: hours * 3_600_000_000_000 };
            let begin = SimDuration::millis(500);
            all.push(Entry::at(begin, Fault::ClockSkew(skew), Some(SimDuration::secs(3600))));
        }
    }
    all
}

fn names(reference: &Reference) -> Vec<Entry> {
    let quiet = [Kind::POD, Kind::NAMESPACE, Kind::NODE, Kind::EVENT, Kind::LEASE];
    let kinds: BTreeSet<Kind> = reference
        .seen
        .iter()
        .filter(|o| o.what.actor == "kubectl" && o.what.phase == Phase::After)
        .map(|o| o.what.kind)
        .filter(|kind| !quiet.contains(kind))
        .collect();
    let mut all = Vec::new();
    for kind in kinds {
        for at in pauses_between(reference) {
            let target = ObjectTarget { kind: kind.name().to_owned(), name: None, namespace: None };
            let at = at.since(SimTime::ZERO);
            all.push(Entry::at(at, Fault::Recreate(target), None));
        }
    }
    all
}

fn servers(reference: &Reference) -> Vec<Entry> {
    let after = reference.seen.iter().filter(|o| {
        let quiet = matches!(o.what.kind, Kind::EVENT | Kind::LEASE);
        o.what.phase == Phase::After && !quiet && o.what.actor != "weather"
    });
    let all: Vec<&Occurred> = after.collect();
    let one = |o: &Occurred| {
        let (writes, n) = nth(o);
        let target = Containers {
            component: Some(Component("kube-apiserver".to_owned())),
            ..Containers::default()
        };
        let when = Occurrence::AfterWrite(writes);
        Entry::when(when, n, Fault::ContainerKill(target), Some(SimDuration::millis(200)))
    };
    thinned(all, 60).into_iter().map(one).collect()
}

fn store(reference: &Reference) -> Vec<Entry> {
    let mut all = Vec::new();
    for at in pauses_between(reference) {
        let at = at.since(SimTime::ZERO);
        all.push(Entry::at(at, Fault::EtcdCompact(Nothing {}), None));
        for seconds in [3, 30] {
            let span = Some(SimDuration::secs(seconds));
            all.push(Entry::at(at, Fault::EtcdNoLeader(Nothing {}), span));
        }
    }
    all
}
