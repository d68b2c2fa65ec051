//! What holds at every revision of random stories, and once their faults have ended.
//!
//! The oracles read the store and the log alone, the truth that no component sees. A story that
//! breaks one is shrunk, and its scenario written to a file with the command that runs it again.

use std::collections::{BTreeMap, BTreeSet};

use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestError, TestRng, TestRunner};
use wavetank::api::Name;
use wavetank::api::apps::deployment::{Deployment, StrategyKind};
use wavetank::api::core::endpoints::Endpoints;
use wavetank::api::core::node::Node;
use wavetank::api::core::pod::Pod;
use wavetank::api::core::service::Service;
use wavetank::api::discovery::endpoint_slice::EndpointSlice;
use wavetank::api::int_or_percent::Rounding;
use wavetank::api::message::StoreChange;
use wavetank::api::meta::Uid;
use wavetank::api::note::Note;
use wavetank::api::object::{Kind, Object, ObjectKey, Resource};
use wavetank::api::resource::Resources;
use wavetank::client::view::Caches;
use wavetank::cluster::Member;
use wavetank::etcd::store::Store;
use wavetank::scenario::world::World;
use wavetank::sim::time::{SimDuration, SimTime};

use crate::determinism::number_from_environment;
use crate::random::{self, CALM, Story};

/// How many stories are told; `WAVETANK_CASES` says otherwise.
const CASES: u64 = 60;

/// How long after the calm everything has to be well.
const CONVERGES: u64 = 120;

/// How long it has to stay so.
const STAYS: u64 = 60;

#[test]
fn stories_end_well() {
    let cases = number_from_environment("WAVETANK_CASES", CASES);
    let seed = number_from_environment("WAVETANK_SEED", 0);
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
    let config = Config {
        cases: u32::try_from(cases).unwrap_or(u32::MAX),
        failure_persistence: None,
        max_shrink_iters: 400,
        ..Config::default()
    };
    let told = TestRunner::new_with_rng(config, rng)
        .run(&random::story(), |story| judge(&story).map_err(TestCaseError::fail));
    match told {
        Ok(()) => {}
        Err(TestError::Fail(_, story)) => panic!("{}", told_again(&story)),
        Err(TestError::Abort(why)) => panic!("{why}"),
    }
}

/// What is wrong with a story, and how to run it again.
fn told_again(story: &Story) -> String {
    let why = judge(story).err().unwrap_or_default();
    let yaml = story.yaml(CONVERGES + STAYS);
    let file = std::env::temp_dir().join(format!("wavetank-{:016x}.yaml", hash(&yaml)));
    let written = std::fs::write(&file, yaml);
    let file = file.display();
    format!(
        "{why}\nrun it again: wavetank run {file} --seed 0\n{}",
        written.err().map_or(String::new(), |e| e.to_string())
    )
}

fn hash(text: &str) -> u64 {
    wavetank::sim::rng::keyed(0, text.as_bytes())
}

/// Tells a story and gives what is wrong with it.
fn judge(story: &Story) -> Result<(), String> {
    let mut world = story.world(0, CONVERGES + STAYS);
    let second = |n: u64| SimTime::ZERO + SimDuration::secs(n);
    while world.now() < second(CALM + CONVERGES) && world.go_on() {}
    let mut wrong = at_rest(world.cluster().store());
    let written = world.cluster().engine.log().len();
    let stale = stale(&world);
    while world.now() < second(CALM + CONVERGES + STAYS - 1) && world.go_on() {}
    let busy = writes_from(&world, written);
    while world.go_on() {}
    wrong.extend(at_rest(world.cluster().store()));
    if let Some(write) = busy.first().filter(|_| is_well(world.cluster().store())) {
        wrong.push(format!("{} writes although all is well, first {write}", busy.len()));
    }
    let stuck = self::stale(&world);
    wrong.extend(stale.intersection(&stuck).map(|s| format!("stale for {STAYS} s: {s}")));
    wrong.extend(History::of(&world));
    wrong.dedup();
    if wrong.is_empty() { Ok(()) } else { Err(wrong.join("\n")) }
}

/// Changes that are more than signs of life.
fn writes_from(world: &World, n: usize) -> Vec<String> {
    let mut writes = Vec::new();
    for record in world.cluster().engine.log().from(n) {
        if record.note.is_heartbeat() {
            continue;
        }
        if let Note::Write(write) = &record.note {
            let (object, origin) = (&write.change.object, &write.origin);
            writes.push(format!(
                "{} of {} by {}: {}",
                record.time,
                name(object),
                origin.user,
                origin.why
            ));
        }
    }
    writes
}

fn name(object: &Object) -> String {
    format!("{} {}", object.kind().name(), object.meta().name)
}

fn all<T: Resource>(store: &Store) -> Vec<&T> {
    store.iter(T::KIND).filter_map(|o| T::of(o)).map(|o| &**o).collect()
}

/// Objects that a process knows otherwise than they are.
fn stale(world: &World) -> BTreeSet<String> {
    let cluster = world.cluster();
    let mut stale = BTreeSet::new();
    for (id, member) in cluster.engine.actors() {
        let mut hold = |caches: &Caches, kind: Kind, mine: &dyn Fn(&Object) -> bool| {
            let version = |o: &Object| (name(o), o.meta().uid, o.meta().resource_version);
            let known: BTreeSet<_> = caches.of(kind).all().map(version).collect();
            let truth: BTreeSet<_> =
                cluster.store().iter(kind).filter(|o| mine(o)).map(version).collect();
            for (object, _, revision) in known.symmetric_difference(&truth) {
                let side = if known.iter().any(|k| k.2 == *revision) { "knows" } else { "misses" };
                let who = cluster.engine.name(id);
                stale.insert(format!("{who} {side} {object} at revision {revision}"));
            }
        };
        match member {
            Member::Etcd(_) | Member::Apiserver(_) | Member::Guest(_) => {}
            Member::Manager(process) if process.is_synced() => {
                for kind in process.component().kinds() {
                    hold(process.caches(), kind, &|_| true);
                }
            }
            Member::Scheduler(process) if process.is_synced() => {
                hold(process.caches(), Kind::POD, &|_| true);
                hold(process.caches(), Kind::NODE, &|_| true);
            }
            Member::Node(process) => {
                let node = cluster.engine.name(id);
                hold(process.caches(), Kind::NODE, &|o| o.meta().name == node);
                let here = |o: &Object| o.as_a::<Pod>().is_some_and(|p| p.node_name == node);
                hold(process.caches(), Kind::POD, &here);
            }
            Member::Manager(_) | Member::Scheduler(_) => {}
        }
    }
    stale
}

/// What is wrong in a store some time after the last fault.
fn at_rest(store: &Store) -> Vec<String> {
    let mut wrong = Vec::new();
    nodes_are_well(store, &mut wrong);
    owners_live(store, &mut wrong);
    for pod in all::<Pod>(store) {
        pod_is_placed(pod, store, &mut wrong);
    }
    for deployment in all::<Deployment>(store) {
        if !is_excused(deployment, store) && !is_complete(deployment) {
            let status = &deployment.status;
            wrong.push(format!("Deployment {} is not complete: {status:?}", deployment.meta.name));
        }
    }
    for service in all::<Service>(store) {
        endpoints_are_ready_pods(service, store, &mut wrong);
    }
    wrong
}

/// Whether no Deployment is excused: then nothing is left to do.
fn is_well(store: &Store) -> bool {
    all::<Deployment>(store).into_iter().all(|d| !is_excused(d, store))
        && all::<Pod>(store).into_iter().all(|p| random::serves(image(p)))
}

fn image(pod: &Pod) -> &str {
    pod.spec.containers.first().map_or("", |c| &c.image)
}

fn nodes_are_well(store: &Store, wrong: &mut Vec<String>) {
    for node in all::<Node>(store) {
        let name = &node.meta.name;
        if !node.is_ready() {
            wrong.push(format!("node {name} is not ready"));
        }
        if !node.spec.taints.is_empty() {
            wrong.push(format!("node {name} has taints {:?}", node.spec.taints));
        }
    }
}

fn owners_live(store: &Store, wrong: &mut Vec<String>) {
    let uids: BTreeSet<Uid> =
        Kind::all().flat_map(|kind| store.iter(kind)).map(|o| o.meta().uid).collect();
    for object in Kind::all().flat_map(|kind| store.iter(kind)) {
        let owners = object.meta().owners();
        if !owners.is_empty() && !owners.iter().any(|o| uids.contains(&o.uid)) {
            wrong.push(format!("{} outlives its owner {}", name(object), owners[0].name));
        }
    }
}

fn pod_is_placed(pod: &Pod, store: &Store, wrong: &mut Vec<String>) {
    let name = &pod.meta.name;
    if pod.node_name.is_empty() {
        let room = all::<Node>(store).into_iter().find(|n| has_room(n, pod, store));
        if let Some(node) = room.filter(|_| pod.is_active()) {
            wrong.push(format!("pod {name} waits although node {} has room", node.meta.name));
        }
    } else if store.get(&ObjectKey::new(Kind::NODE, "", &pod.node_name)).is_none() {
        wrong.push(format!("pod {name} is on node {}, which is gone", pod.node_name));
    }
    if pod.meta.is_deleting() {
        wrong.push(format!("pod {name} is still on its way out"));
    }
}

fn used(node: &str, store: &Store) -> (Resources, i64) {
    let here = all::<Pod>(store).into_iter().filter(|p| p.node_name == node && !p.is_terminal());
    here.fold((Resources::default(), 0), |(mut sum, count), pod| {
        sum.add(&pod.spec.requests);
        (sum, count + 1)
    })
}

fn has_room(node: &Node, pod: &Pod, store: &Store) -> bool {
    let (used, count) = used(&node.meta.name, store);
    let (room, want) = (&node.allocatable, &pod.spec.requests);
    used.milli_cpu + want.milli_cpu <= room.milli_cpu
        && used.memory + want.memory <= room.memory
        && count < room.pods
}

/// Whether a Deployment cannot be expected to complete: its image never serves, or the nodes have
/// no room for its pods.
fn is_excused(deployment: &Deployment, store: &Store) -> bool {
    let containers = deployment.spec.template.spec.containers.first();
    let broken = containers.is_some_and(|c| !random::serves(&c.image));
    let full = all::<Pod>(store).into_iter().any(|p| {
        p.node_name.is_empty()
            && p.meta.labels.get("app").is_some_and(|app| *app == deployment.meta.name)
    });
    broken || full
}

fn is_complete(deployment: &Deployment) -> bool {
    let (status, replicas) = (&deployment.status, deployment.spec.replicas);
    status.observed_generation == deployment.meta.generation
        && status.replicas == replicas
        && status.updated_replicas == replicas
        && status.available_replicas == replicas
}

fn endpoints_are_ready_pods(service: &Service, store: &Store, wrong: &mut Vec<String>) {
    let name = &service.meta.name;
    let mine = |pod: &&Pod| pod.meta.labels.get("app").is_some_and(|app| app == name);
    let pods = all::<Pod>(store).into_iter().filter(mine);
    let ready: BTreeSet<Name> =
        pods.filter(|p| p.is_ready() && p.is_active()).map(|p| p.status.pod_ip.clone()).collect();
    let endpoints = all::<Endpoints>(store).into_iter().find(|e| e.meta.name == *name);
    let listed: BTreeSet<Name> = endpoints
        .into_iter()
        .flat_map(|e| e.subsets.iter())
        .flat_map(|s| s.addresses.iter().map(|a| a.ip.clone()))
        .collect();
    let slices = all::<EndpointSlice>(store);
    let of_service = |s: &&EndpointSlice| {
        s.meta.labels.get("kubernetes.io/service-name").is_some_and(|n| n == name)
    };
    let sliced: BTreeSet<Name> = slices
        .into_iter()
        .filter(of_service)
        .flat_map(|s| s.endpoints.iter())
        .filter(|e| e.conditions.ready == Some(true))
        .flat_map(|e| e.addresses.iter().cloned())
        .collect();
    for (what, found) in [("Endpoints", listed), ("EndpointSlices", sliced)] {
        if found != ready {
            wrong.push(format!("{what} of {name}: {found:?}, but ready are {ready:?}"));
        }
    }
}

/// The store as it was after each change, as far as the oracles of single changes need it.
#[derive(Default)]
struct History {
    revision: u64,
    uids: BTreeSet<Uid>,
    pods: BTreeMap<ObjectKey, Pod>,
    rooms: BTreeMap<Name, Resources>,
    /// The Deployment of a ReplicaSet.
    owners: BTreeMap<Uid, Uid>,
    /// The most pods that a Deployment was ever allowed.
    most: BTreeMap<Uid, i32>,
    wrong: Vec<String>,
}

impl History {
    /// What was wrong with single changes of a run.
    fn of(world: &World) -> Vec<String> {
        let mut history = History::default();
        for object in world.beginning() {
            history.uids.insert(object.meta().uid);
            history.take_up(object);
        }
        for record in world.cluster().engine.log().iter() {
            if let Note::Write(write) = &record.note {
                let before = history.wrong.len();
                history.change(&write.change);
                for wrong in &mut history.wrong[before..] {
                    *wrong = format!("{} {}: {wrong}", record.time, write.origin.user);
                }
            }
        }
        history.wrong
    }

    fn change(&mut self, change: &StoreChange) {
        let object = &change.object;
        let mut wrong = Vec::new();
        if change.revision <= self.revision {
            wrong.push(format!("revision {} after {}", change.revision, self.revision));
        }
        self.revision = change.revision;
        match &change.old {
            None if !self.uids.insert(object.meta().uid) => wrong.push("a uid twice".to_owned()),
            None => {}
            Some(old) => steady(old, object, &mut wrong),
        }
        if change.deleted {
            if !object.meta().finalizers().is_empty() {
                wrong.push(format!("gone with {:?}", object.meta().finalizers()));
            }
            self.pods.remove(&object.key());
        } else {
            self.take_up(object);
        }
        if let Some(pod) = object.as_a::<Pod>().filter(|_| !change.deleted) {
            self.deployment_is_within(pod, &mut wrong);
            let bound = match &change.old {
                Some(Object::Pod(old)) => old.node_name.is_empty() && !pod.node_name.is_empty(),
                _ => false,
            };
            if bound {
                self.node_has_room(pod, &mut wrong);
            }
        }
        self.wrong.extend(wrong.into_iter().map(|w| format!("{}: {w}", name(object))));
    }

    fn take_up(&mut self, object: &Object) {
        if let Some(pod) = object.as_a::<Pod>() {
            self.pods.insert(object.key(), (**pod).clone());
        } else if let Some(node) = object.as_a::<Node>() {
            self.rooms.insert(node.meta.name.clone(), (*node.allocatable).clone());
        } else if let Some(deployment) = object.as_a::<Deployment>() {
            let most = self.most.entry(deployment.meta.uid).or_default();
            *most = (*most).max(allowed(deployment));
        } else if object.kind() == Kind::REPLICA_SET
            && let Some(owner) = object.meta().controller()
        {
            self.owners.insert(object.meta().uid, owner.uid);
        }
    }

    fn deployment_of(&self, pod: &Pod) -> Option<Uid> {
        self.owners.get(&pod.meta.controller()?.uid).copied()
    }

    fn deployment_is_within(&self, pod: &Pod, wrong: &mut Vec<String>) {
        let Some(deployment) = self.deployment_of(pod) else { return };
        let mine = |p: &&Pod| p.is_active() && self.deployment_of(p) == Some(deployment);
        let count = self.pods.values().filter(mine).count();
        let most = self.most.get(&deployment).copied().unwrap_or_default();
        if i32::try_from(count).is_ok_and(|count| count > most) {
            wrong.push(format!("{count} pods of its Deployment, allowed were at most {most}"));
        }
    }

    fn node_has_room(&self, pod: &Pod, wrong: &mut Vec<String>) {
        let Some(room) = self.rooms.get(&pod.node_name) else {
            wrong.push(format!("bound to {}, which is gone", pod.node_name));
            return;
        };
        let here = |p: &&Pod| p.node_name == pod.node_name && !p.is_terminal();
        let mut sum = Resources::default();
        self.pods.values().filter(here).for_each(|p| sum.add(&p.spec.requests));
        if sum.milli_cpu > room.milli_cpu || sum.memory > room.memory {
            wrong.push(format!("node {} is overcommitted: {sum:?}", pod.node_name));
        }
    }
}

/// The most pods that a Deployment allows at once.
fn allowed(deployment: &Deployment) -> i32 {
    let spec = &deployment.spec;
    let surge = match (&spec.strategy.kind, &spec.strategy.rolling_update) {
        (StrategyKind::RollingUpdate, Some(rolling)) => rolling
            .max_surge
            .as_ref()
            .map_or(0, |s| s.scaled(spec.replicas, Rounding::Up).unwrap_or(0)),
        (StrategyKind::RollingUpdate, None) | (StrategyKind::Recreate, _) => 0,
    };
    spec.replicas + surge
}

/// What no write changes.
fn steady(old: &Object, new: &Object, wrong: &mut Vec<String>) {
    let (a, b) = (old.meta(), new.meta());
    if a.uid != b.uid {
        wrong.push("another uid".to_owned());
    }
    if a.is_deleting() && !b.is_deleting() {
        wrong.push("no longer on its way out".to_owned());
    }
    if b.generation < a.generation || b.generation > a.generation + 1 {
        wrong.push(format!("generation {} after {}", b.generation, a.generation));
    }
    if let (Object::Pod(old), Object::Pod(new)) = (old, new)
        && !old.node_name.is_empty()
        && old.node_name != new.node_name
    {
        wrong.push(format!("moved from {} to {}", old.node_name, new.node_name));
    }
    if let (Object::Deployment(old), Object::Deployment(new)) = (old, new) {
        let (before, after) = (old.status.observed_generation, new.status.observed_generation);
        if after < before || after > new.meta.generation {
            wrong.push(format!("observedGeneration {after} after {before}"));
        }
        if old.meta.generation != new.meta.generation
            && old.spec == new.spec
            // A change of a Deployment's annotations counts, too.
            && old.meta.annotations == new.meta.annotations
            && old.meta.is_deleting() == new.meta.is_deleting()
        {
            wrong.push("a generation more without a change of the spec".to_owned());
        }
    }
}
