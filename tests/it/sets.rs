//! Random histories of a `Deployment`, a `StatefulSet`, a `DaemonSet` and a
//! `ReplicationController`: edits, deletions, failing pods, tainted nodes, and controllers that
//! crash between two of their writes. What was asked for comes in the end, and what must never be
//! is not on the way.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestRng, TestRunner};
use serde_json::{Value, json};
use wavetank::api::Name;
use wavetank::api::apps::controller_revision::{ControllerRevision, POD_REVISION};
use wavetank::api::apps::daemon_set::DaemonSet;
use wavetank::api::apps::deployment::Deployment;
use wavetank::api::apps::replica_set::ReplicaSet;
use wavetank::api::apps::stateful_set::StatefulSet;
use wavetank::api::core::node::Node;
use wavetank::api::core::pod::Pod;
use wavetank::api::meta::Uid;
use wavetank::api::note::Note;
use wavetank::api::object::{Kind, Object, Resource};
use wavetank::etcd::store::Store;
use wavetank::scenario::load::load;
use wavetank::scenario::world::World;
use wavetank::sim::time::{SimDuration, SimTime};

use crate::bounds::{self, Asked, Bounds};
use crate::determinism::number_from_environment;

/// How many histories are told; `WAVETANK_CASES` says otherwise.
const CASES: u64 = 40;

/// Deeds and crashes happen before this second; then taints and partitions are taken away.
const CALM: u64 = 90;

/// How long after the calm everything has to be as asked for.
const CONVERGES: u64 = 150;

/// Nodes of each cluster.
const NODES: u8 = 3;

/// What is done, and what befalls the cluster.
#[derive(Clone, Debug)]
struct History {
    replicas: u8,
    start: u8,
    parallel: bool,
    pace: (u8, u8),
    /// How many pods of the Deployment may be missing, and how many too many.
    rolling: (u8, u8),
    /// How many pods of the `StatefulSet` may be missing.
    missing: u8,
    deeds: Vec<(u16, Deed)>,
    crashes: Vec<(&'static str, u8, u8)>,
}

/// What a person does.
#[derive(Clone, Debug)]
enum Deed {
    Scale(&'static str, u8),
    Image(&'static str, u8),
    Partition(u8),
    Restart(&'static str),
    Undo(&'static str),
    DeletePod(u8),
    KillPods(&'static str),
    Taint(u8, &'static str),
    Untaint(u8),
    Cordon(u8),
}

const SETS: &[&str] = &["statefulset/db", "daemonset/agent", "deployment/web"];

const SCALED: &[&str] = &["statefulset/db", "deployment/web", "rc/old"];

fn deed() -> impl Strategy<Value = Deed> {
    prop_oneof![
        4 => (select(SCALED), 0_u8..6).prop_map(|(set, n)| Deed::Scale(set, n)),
        4 => (select(SETS), 1_u8..4).prop_map(|(set, n)| Deed::Image(set, n)),
        1 => (0_u8..5).prop_map(Deed::Partition),
        1 => select(SETS).prop_map(Deed::Restart),
        1 => select(SETS).prop_map(Deed::Undo),
        2 => (0_u8..6).prop_map(Deed::DeletePod),
        2 => select(&["db", "agent"][..]).prop_map(Deed::KillPods),
        1 => (1..=NODES, select(&["NoSchedule", "NoExecute"][..]))
            .prop_map(|(n, effect)| Deed::Taint(n, effect)),
        1 => (1..=NODES).prop_map(Deed::Untaint),
        1 => (1..=NODES).prop_map(Deed::Cordon),
    ]
}

fn history() -> impl Strategy<Value = History> {
    let actors = &[
        "statefulset-controller",
        "daemonset-controller",
        "deployment-controller",
        "replicaset-controller",
    ][..];
    let actor = select(actors);
    let rolling = select(&[(1_u8, 0_u8), (0, 1), (1, 1), (2, 1)][..]);
    let pace = select(&[(1_u8, 0_u8), (2, 0), (0, 1), (0, 2)][..]);
    (
        (0_u8..5, 0_u8..3, any::<bool>(), pace, rolling, 1_u8..3),
        proptest::collection::vec((0_u16..12_000, deed()), 0..10),
        proptest::collection::vec((actor, 1_u8..25, 1_u8..8), 0..3),
    )
        .prop_map(|((replicas, start, parallel, pace, rolling, missing), deeds, crashes)| {
            History { replicas, start, parallel, pace, rolling, missing, deeds, crashes }
        })
}

fn template(app: &str) -> Value {
    let probe = json!({"exec": {"command": ["ready-after", "1"]}, "periodSeconds": 1});
    let container = json!({"name": "app", "image": format!("{app}:v1"), "readinessProbe": probe});
    json!({
        "metadata": {"labels": {"app": app}},
        "spec": {"containers": [container], "terminationGracePeriodSeconds": 2},
    })
}

impl History {
    /// What may be missing, and what may be too much, while the sets are updated.
    fn asked(&self) -> Asked {
        let bounds = |(unavailable, surge): (u8, u8)| Bounds {
            unavailable: unavailable.into(),
            surge: surge.into(),
        };
        Asked {
            deployment: bounds(self.rolling),
            stateful_set: bounds((self.missing, 0)),
            daemon_set: bounds(self.pace),
            nodes: NODES,
            with_crashes: !self.crashes.is_empty(),
        }
    }

    fn manifests(&self) -> [Value; 4] {
        let policy = if self.parallel { "Parallel" } else { "OrderedReady" };
        let (unavailable, surge) = self.pace;
        let rolling = json!({"maxUnavailable": unavailable, "maxSurge": surge});
        let selector = |app: &str| json!({"matchLabels": {"app": app}});
        let (missing, surplus) = self.rolling;
        let pace = json!({"maxUnavailable": missing, "maxSurge": surplus});
        [
            json!({
                "apiVersion": "apps/v1",
                "kind": "Deployment",
                "metadata": {"name": "web"},
                "spec": {
                    "replicas": self.replicas,
                    "strategy": {"type": "RollingUpdate", "rollingUpdate": pace},
                    "selector": selector("web"),
                    "template": template("web"),
                },
            }),
            json!({
                "apiVersion": "v1",
                "kind": "ReplicationController",
                "metadata": {"name": "old"},
                "spec": {
                    "replicas": self.replicas,
                    "selector": {"app": "old"},
                    "template": template("old"),
                },
            }),
            json!({
                "apiVersion": "apps/v1",
                "kind": "StatefulSet",
                "metadata": {"name": "db"},
                "spec": {
                    "serviceName": "db",
                    "replicas": self.replicas,
                    "ordinals": {"start": self.start},
                    "podManagementPolicy": policy,
                    "updateStrategy": {
                        "type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": self.missing},
                    },
                    "selector": selector("db"),
                    "template": template("db"),
                },
            }),
            json!({
                "apiVersion": "apps/v1",
                "kind": "DaemonSet",
                "metadata": {"name": "agent"},
                "spec": {
                    "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": rolling},
                    "selector": selector("agent"),
                    "template": template("agent"),
                },
            }),
        ]
    }

    fn step(&self, deed: &Deed) -> Value {
        let patch = |partition: u8| {
            json!({"spec": {"updateStrategy": {
                "type": "RollingUpdate", "rollingUpdate": {"partition": partition},
            }}})
        };
        let command = match deed {
            Deed::Scale(set, n) => format!("scale {set} --replicas={n}"),
            Deed::Image(set, n) => {
                let app = set.rsplit('/').next().unwrap_or_default();
                format!("set image {set} app={app}:v{n}")
            }
            Deed::Partition(n) => format!("patch statefulset/db -p '{}'", patch(*n)),
            Deed::Restart(set) => format!("rollout restart {set}"),
            Deed::Undo(set) => format!("rollout undo {set}"),
            Deed::DeletePod(n) => format!("delete pod db-{} --wait=false", self.start + n),
            Deed::KillPods(app) => {
                let labels = json!({"app": app});
                let kill = json!({"labelSelectors": labels, "mode": "one"});
                return json!({"inject": {"container-kill": kill}});
            }
            Deed::Taint(n, effect) => format!("taint nodes node-{n} odd=yes:{effect}"),
            Deed::Untaint(n) => format!("taint nodes node-{n} odd-"),
            Deed::Cordon(n) => format!("cordon node-{n}"),
        };
        json!({"kubectl": format!("{command} || true")})
    }

    fn yaml(&self) -> String {
        let mut steps: Vec<Value> =
            self.manifests().into_iter().map(|m| json!({"apply": m})).collect();
        for (wait, deed) in &self.deeds {
            steps.push(json!({"wait": format!("{wait}ms")}));
            // A container that is killed has to be there: it is, or it is left out.
            if !matches!(deed, Deed::KillPods(_)) {
                steps.push(self.step(deed));
            }
        }
        steps.push(json!({"wait": "0s", "at": format!("{CALM}s")}));
        for n in 1..=NODES {
            steps.push(json!({"kubectl": format!("taint nodes node-{n} odd- || true")}));
            steps.push(json!({"kubectl": format!("uncordon node-{n} || true")}));
        }
        steps.push(self.step(&Deed::Partition(0)));
        let crash = |(actor, n, secs): &(&str, u8, u8)| {
            let when = json!({"after-write": {"actor": actor, "n": n}});
            let kill = json!({"component": "kube-controller-manager"});
            let inject = json!({"container-kill": kill, "duration": format!("{secs}s")});
            json!({"when": when, "inject": inject})
        };
        let scenario = json!({
            "name": "sets",
            "cluster": {
                "nodes": [{"name": "node", "count": NODES, "cpu": "4"}],
                "feature-gates": {"MaxUnavailableStatefulSet": true},
            },
            "images": {"*": {"start": "300ms", "term": "500ms"}},
            "steps": steps,
            "faults": self.crashes.iter().map(crash).collect::<Vec<Value>>(),
            "until": format!("{}s", CALM + CONVERGES),
        });
        format!("{scenario:#}\n")
    }

    fn world(&self) -> World {
        let yaml = self.yaml();
        let described = load("sets", yaml.clone().into_bytes(), &[], &mut |path| {
            Err(format!("`{path}` is no file of a history"))
        });
        let described = described.unwrap_or_else(|wrong| panic!("{wrong:?}\n{yaml}"));
        World::new(Arc::new(described), 0, None).unwrap_or_else(|why| panic!("{why:?}\n{yaml}"))
    }
}

/// How often the bounds of a set were looked at, over all histories.
static LOOKS: Mutex<BTreeMap<String, usize>> = Mutex::new(BTreeMap::new());

fn judge(history: &History) -> Result<(), String> {
    let mut world = history.world();
    let end = SimTime::ZERO + SimDuration::secs(CALM + CONVERGES);
    while world.now() < end && world.go_on() {}
    let mut wrong = on_the_way(&world, history);
    let (beyond, looks) = bounds::violations(&world, history.asked());
    wrong.extend(beyond);
    for (app, count) in looks {
        *LOOKS.lock().expect("one test counts").entry(app.to_owned()).or_default() += count;
    }
    wrong.extend(in_the_end(world.cluster().store()));
    if wrong.is_empty() { Ok(()) } else { Err(wrong.join("\n")) }
}

fn all<T: Resource>(store: &Store) -> Vec<&Arc<T>> {
    store.iter(T::KIND).filter_map(|o| T::of(o)).collect()
}

/// What the specs ask for, and orphans.
fn in_the_end(store: &Store) -> Vec<String> {
    let mut wrong = Vec::new();
    let pods = all::<Pod>(store);
    for set in all::<StatefulSet>(store) {
        let own =
            pods.iter().filter(|p| p.meta.controller().is_some_and(|o| o.uid == set.meta.uid));
        let names: BTreeSet<String> = own.clone().map(|p| p.meta.name.to_string()).collect();
        let start = set.spec.start();
        let wanted: BTreeSet<String> =
            (start..start + set.spec.replicas).map(|n| format!("db-{n}")).collect();
        if names != wanted {
            wrong.push(format!("pods {names:?}, wanted {wanted:?}"));
        }
        let status = &set.status;
        for pod in own {
            let revision = pod.meta.labels.get(&POD_REVISION);
            if revision != Some(&status.update_revision) || !pod.is_ready() {
                wrong.push(format!("{} is of {revision:?}, wanted {status:?}", pod.meta.name));
            }
        }
        let counts = [
            status.replicas,
            status.ready_replicas,
            status.available_replicas,
            status.updated_replicas,
            status.current_replicas,
        ];
        let is_taken_up = status.observed_generation == set.meta.generation
            && status.current_revision == status.update_revision;
        if counts != [set.spec.replicas; 5] || !is_taken_up {
            wrong.push(format!("the status of {} is {status:?}", set.meta.name));
        }
    }
    let nodes = i32::try_from(all::<Node>(store).len()).expect("few nodes");
    for set in all::<DaemonSet>(store) {
        let own =
            pods.iter().filter(|p| p.meta.controller().is_some_and(|o| o.uid == set.meta.uid));
        let on: BTreeSet<&Name> = own.clone().map(|p| &p.node_name).collect();
        let status = &set.status;
        let counts = [
            status.desired_number_scheduled,
            status.current_number_scheduled,
            status.number_ready,
            status.number_available,
            status.updated_number_scheduled,
        ];
        let is_right = counts == [nodes; 5]
            && status.number_misscheduled == 0
            && status.observed_generation == set.meta.generation;
        if own.count() != on.len() || i32::try_from(on.len()) != Ok(nodes) || !is_right {
            wrong.push(format!("pods on {on:?}, status {status:?}"));
        }
    }
    wrong.extend(of_deployments(store, &pods));
    wrong.extend(of_replication_controllers(store, &pods));
    let owners = [
        Kind::STATEFUL_SET,
        Kind::DAEMON_SET,
        Kind::DEPLOYMENT,
        Kind::REPLICA_SET,
        Kind::REPLICATION_CONTROLLER,
    ];
    let uids: BTreeSet<Uid> =
        owners.into_iter().flat_map(|kind| store.iter(kind).map(|o| o.meta().uid)).collect();
    let owned = |o: &Object| o.meta().controller().is_some_and(|c| uids.contains(&c.uid));
    for kind in [Kind::POD, Kind::CONTROLLER_REVISION, Kind::REPLICA_SET] {
        let lost = store.iter(kind).filter(|o| !owned(o));
        wrong.extend(lost.map(|o| format!("{kind:?} {} belongs to nobody", o.meta().name)));
    }
    let numbers: Vec<_> = all::<ControllerRevision>(store)
        .iter()
        .map(|r| (r.meta.controller().map(|o| o.uid), r.revision))
        .collect();
    if numbers.iter().collect::<BTreeSet<_>>().len() != numbers.len() {
        wrong.push(format!("two revisions of one number: {numbers:?}"));
    }
    wrong
}

/// What Deployments ask for: all pods of the one new `ReplicaSet`, ready, and no more than the
/// history of others.
fn of_deployments(store: &Store, pods: &[&Arc<Pod>]) -> Vec<String> {
    let mut wrong = Vec::new();
    for set in all::<Deployment>(store) {
        let (want, status) = (set.spec.replicas, &set.status);
        let counts = [
            status.replicas,
            status.updated_replicas,
            status.ready_replicas,
            status.available_replicas,
        ];
        let sets = all::<ReplicaSet>(store);
        let full: Vec<_> = sets.iter().filter(|s| s.spec.replicas > 0).collect();
        let own = pods.iter().filter(|p| p.meta.labels.get("app").is_some_and(|a| a == "web"));
        let is_right = counts == [want; 4]
            && status.observed_generation == set.meta.generation
            && full.len() <= 1
            && full.iter().all(|s| s.spec.replicas == want)
            && sets.len() <= 11
            && i32::try_from(own.count()) == Ok(want);
        if !is_right {
            wrong.push(format!("{want} wanted of {}, status {status:?}", set.meta.name));
        }
    }
    wrong
}

/// What `ReplicationController`s ask for.
fn of_replication_controllers(store: &Store, pods: &[&Arc<Pod>]) -> Vec<String> {
    let mut wrong = Vec::new();
    for object in store.iter(Kind::REPLICATION_CONTROLLER) {
        let meta = object.meta();
        let value = object.to_value();
        let want = value["spec"]["replicas"].as_u64().unwrap_or(0);
        let own = pods.iter().filter(|p| p.meta.controller().is_some_and(|o| o.uid == meta.uid));
        let ready = own.clone().filter(|p| p.is_ready()).count() as u64;
        let told = value["status"]["readyReplicas"].as_u64().unwrap_or(0);
        if [own.count() as u64, ready, told] != [want; 3] {
            wrong.push(format!("{ready} ready of {}, {told} told, {want} wanted", meta.name));
        }
    }
    wrong
}

/// What must never be, at any revision.
fn on_the_way(world: &World, history: &History) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut pods: BTreeMap<Name, Arc<Pod>> = BTreeMap::new();
    let surge = usize::from(history.pace.1 > 0);
    for record in world.cluster().engine.log().from(0) {
        let Note::Write(write) = &record.note else { continue };
        let Some(pod) = Pod::of(&write.change.object) else { continue };
        let name = pod.meta.name.clone();
        if write.change.deleted {
            pods.remove(&name);
            continue;
        }
        let is_new = write.change.old.is_none();
        if is_new && write.origin.user == "statefulset-controller" && !history.parallel {
            wrong.extend(
                too_early(pod, &pods, history.start).map(|w| format!("{} {w}", record.time)),
            );
        }
        pods.insert(name.clone(), pod.clone());
        if is_new && write.origin.user == "daemonset-controller" {
            let node = pinned(pod);
            let active = pods.values().filter(|p| p.is_active() && pinned(p) == node);
            let count = active.count();
            if node.is_some() && count > 1 + surge {
                wrong.push(format!("{} {count} pods for {node:?}", record.time));
            }
        }
    }
    wrong
}

/// The node that a daemon pod is pinned to.
fn pinned(pod: &Pod) -> Option<Name> {
    let affinity = pod.spec.affinity.as_ref()?.node_affinity.as_ref()?.required.as_ref()?;
    affinity.node_selector_terms.first()?.match_fields.first()?.values.first().cloned()
}

/// A pod that was made although one before it is missing.
fn too_early(pod: &Pod, pods: &BTreeMap<Name, Arc<Pod>>, start: u8) -> Option<String> {
    let (_, ordinal) = pod.meta.name.rsplit_once('-')?;
    let ordinal: u8 = ordinal.parse().ok()?;
    let missing = (start..ordinal).find(|n| !pods.contains_key(format!("db-{n}").as_str()))?;
    Some(format!("db-{ordinal} is made while db-{missing} is missing"))
}

#[test]
fn sets_come_to_what_is_asked_for_and_never_to_what_must_not_be() {
    let cases = number_from_environment("WAVETANK_CASES", CASES);
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&number_from_environment("WAVETANK_SEED", 0).to_le_bytes());
    let config = Config {
        cases: u32::try_from(cases).unwrap_or(u32::MAX),
        failure_persistence: None,
        max_shrink_iters: 200,
        ..Config::default()
    };
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
    let told = TestRunner::new_with_rng(config, rng)
        .run(&history(), |history| judge(&history).map_err(TestCaseError::fail));
    if let Err(why) = told {
        panic!("{why}");
    }
    let looks = LOOKS.lock().expect("one test counts");
    for app in ["web", "db", "agent", "old"] {
        let count = looks.get(app).copied().unwrap_or(0);
        assert!(count > 0, "no history has ever put the bounds of {app} to the test");
    }
    println!("bounds were looked at: {looks:?}");
}
