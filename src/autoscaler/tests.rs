mod removal;

use std::sync::Arc;

use serde_json::{Value, json};

use super::drainability::{Blocking, Budgets, Outcome, Rules};
use super::estimate::{Choice, estimate, group};
use super::expander::{Expander, choose};
use super::options::Options;
use super::picture::Picture;
use super::planner::{Planner, Sight, Unremovable};
use super::provider::{Machine, NodeGroup, Provider};
use super::registry::{Registry, Unsafe};
use super::scale_up::{Outlook, without_room};
use super::utilization::utilization;
use crate::api::Name;
use crate::api::core::node::Node;
use crate::api::core::pod::Pod;
use crate::api::object::{Kind, Object};
use crate::api::time::Time;
use crate::client::component::Outbox;
use crate::client::known::{self, Known, merge};
use crate::client::reconciler::Observed;
use crate::sim::engine::ActorId;
use crate::sim::rng::Rng;
use crate::sim::time::{SimDuration, SimTime};

/// A world of a few objects: what informers know, and the picture of it.
#[derive(Default)]
struct World {
    known: Known,
    picture: Picture,
}

impl World {
    fn put(&mut self, kind: Kind, value: Value) -> Object {
        let (old, object) = self.known.put(kind, value);
        self.picture.observe(&Observed { old: old.as_ref(), new: Some(&object) });
        object
    }

    fn node(&mut self, name: &str, cpu: &str) {
        self.put(Kind::NODE, known::node(name, cpu, &json!({})));
    }

    /// A pod of the set `web`, on a node or on none.
    fn pod(&mut self, name: &str, node: &str, cpu: &str, more: &Value) -> Arc<Pod> {
        let pod = known::pod(name, node, cpu, more);
        self.put(Kind::POD, pod).as_a::<Pod>().unwrap().clone()
    }

    fn set(&mut self) {
        self.put(
            Kind::REPLICA_SET,
            json!({
                "metadata": { "name": "web", "namespace": "default" },
                "spec": { "replicas": 3, "selector": { "matchLabels": { "app": "web" } } },
            }),
        );
    }

    fn budget(&mut self, allowed: i32) {
        self.put(
            Kind::POD_DISRUPTION_BUDGET,
            json!({
                "metadata": { "name": "web", "namespace": "default" },
                "spec": { "minAvailable": 1, "selector": { "matchLabels": { "app": "web" } } },
                "status": { "disruptionsAllowed": allowed },
            }),
        );
    }
}

fn template(cpu: &str, memory: &str, taints: &Value) -> Arc<Node> {
    let resources = json!({ "cpu": cpu, "memory": memory, "pods": "110" });
    let value = json!({
        "metadata": { "name": "template" },
        "spec": { "taints": taints },
        "status": {
            "capacity": resources, "allocatable": resources,
            "conditions": [{ "type": "Ready", "status": "True" }],
        },
    });
    Object::from_value(Kind::NODE, value).unwrap().as_a::<Node>().unwrap().clone()
}

fn node_group(name: &str, template: Arc<Node>, started: usize) -> NodeGroup {
    let machine = |n: usize| Machine {
        name: smol_str::format_smolstr!("{name}-{n}"),
        actor: ActorId(u32::try_from(n).unwrap()),
        started: n <= started,
    };
    NodeGroup {
        name: name.into(),
        min: 0,
        max: 5,
        template,
        machines: (1..=5).map(machine).collect(),
        price_millis: 0,
        priority: 0,
        startup: SimDuration::secs(30),
        available: 5,
    }
}

fn small(started: usize) -> NodeGroup {
    node_group("small", template("4", "8Gi", &json!([])), started)
}

fn later(seconds: u64) -> (SimTime, Time) {
    let at = SimTime::ZERO + SimDuration::secs(seconds);
    (at, Time::at(at))
}

#[test]
fn pods_are_packed_onto_as_few_new_nodes_as_a_first_fit_needs() {
    // Requests in thousandths of a CPU, nodes of 4,000: how many nodes, how many pods find room.
    for (requests, nodes, helped) in [
        (vec![1500, 1500, 1500], 2, 3),
        (vec![4000], 1, 1),
        (vec![4001], 0, 0),
        (vec![3000, 3000, 1000, 1000], 2, 4),
        (vec![2000; 12], 5, 10),
        (vec![], 0, 0),
    ] {
        let mut world = World::default();
        let pods = requests
            .iter()
            .enumerate()
            .map(|(n, cpu)| world.pod(&format!("p{n}"), "", &format!("{cpu}m"), &json!({})));
        let alike = group(pods.collect());
        let alike: Vec<_> = alike.iter().collect();
        let before = world.picture.mark();
        let group = small(0);
        let choice = estimate((0, &group), 5, &alike, &mut world.picture, &world.known.caches);
        assert_eq!((choice.nodes, choice.pods.len()), (nodes, helped), "{requests:?}");
        assert_eq!(world.picture.mark(), before, "the picture is as it was");
    }
}

#[test]
fn pods_that_keep_apart_get_a_node_each() {
    let mut world = World::default();
    let apart = json!({ "spec": { "affinity": { "podAntiAffinity": {
        "requiredDuringSchedulingIgnoredDuringExecution": [{
            "labelSelector": { "matchLabels": { "app": "web" } },
            "topologyKey": "kubernetes.io/hostname",
        }],
    } } } });
    let pods = (0..3).map(|n| world.pod(&format!("p{n}"), "", "100m", &apart)).collect();
    let alike = group(pods);
    let alike: Vec<_> = alike.iter().collect();
    let choice = estimate((0, &small(0)), 5, &alike, &mut world.picture, &world.known.caches);
    assert_eq!((choice.nodes, choice.pods.len()), (3, 3));
}

#[test]
fn daemons_take_their_room_on_a_new_node() {
    let mut world = World::default();
    world.put(
        Kind::DAEMON_SET,
        json!({
            "metadata": { "name": "agent", "namespace": "default" },
            "spec": {
                "selector": { "matchLabels": { "app": "agent" } },
                "template": {
                    "metadata": { "labels": { "app": "agent" } },
                    "spec": { "containers": [{
                        "name": "agent", "image": "agent",
                        "resources": { "requests": { "cpu": "500m" } },
                    }] },
                },
            },
        }),
    );
    let pods =
        vec![world.pod("p0", "", "3500m", &json!({})), world.pod("p1", "", "3600m", &json!({}))];
    let alike = group(pods);
    let alike: Vec<_> = alike.iter().collect();
    let choice = estimate((0, &small(0)), 5, &alike, &mut world.picture, &world.known.caches);
    let names: Vec<&str> = choice.pods.iter().map(|p| p.meta.name.as_str()).collect();
    assert_eq!((choice.nodes, names), (1, vec!["p0"]));
}

#[test]
fn each_expander_takes_its_own_best() {
    let mut world = World::default();
    let mut groups = vec![
        node_group("small", template("4", "8Gi", &json!([])), 0),
        node_group("large", template("16", "64Gi", &json!([])), 0),
        node_group("lean", template("4", "4Gi", &json!([])), 0),
    ];
    (groups[0].price_millis, groups[0].priority) = (200, 10);
    (groups[1].price_millis, groups[1].priority) = (700, 30);
    (groups[2].price_millis, groups[2].priority) = (190, 20);
    let pods: Vec<_> = (0..4)
        .map(|n| {
            let memory = json!({ "spec": { "containers": [{
                "name": "app", "image": "app",
                "resources": { "requests": { "cpu": "3", "memory": "3Gi" } },
            }] } });
            world.pod(&format!("p{n}"), "", "3", &memory)
        })
        .collect();
    let choices = |counts: [usize; 3], helped: [usize; 3]| -> Vec<Choice> {
        (0..3)
            .map(|n| Choice { group: n, nodes: counts[n], pods: pods[..helped[n]].to_vec() })
            .collect()
    };
    let all = choices([4, 1, 4], [4, 4, 3]);
    for (expanders, best) in [
        (vec![Expander::MostPods, Expander::LeastNodes], 1),
        (vec![Expander::LeastNodes], 1),
        (vec![Expander::Priority], 1),
        // small: 0.25 + 0.625, large: 0.25 + 0.8125, lean: 0.4375 + 0.4375.
        (vec![Expander::LeastWaste, Expander::Priority], 2),
        // small: 0.82 / 0.47 = 1.7, large: 0.72 / 0.47 × 4, as 4 CPU suit 12 nodes, lean: 0.78 / 0.36.
        (vec![Expander::Price], 0),
    ] {
        let mut rng = Rng::named(1, "test");
        let chosen = choose(&expanders, &all, &groups, 12, &mut rng);
        assert_eq!(chosen, Some(best), "{expanders:?}");
    }
    let drawn = |seed| choose(&[Expander::Random], &all, &groups, 12, &mut Rng::named(seed, "x"));
    let seen: std::collections::BTreeSet<_> = (0..50).map(drawn).collect();
    assert_eq!(seen.len(), 3, "each is drawn at some time");
}

#[test]
fn pods_keep_their_node_for_the_reasons_that_the_rules_give() {
    let annotated = |key: &str, value: &str| json!({ "metadata": { "annotations": { format!("cluster-autoscaler.kubernetes.io/{key}"): value } } });
    let volume = json!({ "spec": { "volumes": [{ "name": "scratch", "emptyDir": {} }] } });
    let in_memory =
        json!({ "spec": { "volumes": [{ "name": "x", "emptyDir": { "medium": "Memory" } }] } });
    let mut safe_volume = volume.clone();
    merge(&mut safe_volume, &annotated("safe-to-evict-local-volumes", "other, scratch"));
    let mut safe = volume.clone();
    merge(&mut safe, &annotated("safe-to-evict", "true"));
    let own = |kind: &str| {
        json!({ "metadata": { "ownerReferences": [{
            "apiVersion": "example.org/v1", "kind": kind, "name": "x", "uid": "x", "controller": true,
        }] } })
    };
    let gone = json!({ "metadata": { "ownerReferences": [{
        "apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "gone", "uid": "x", "controller": true,
    }] } });
    let alone = json!({ "metadata": { "ownerReferences": [] } });
    let system = json!({ "metadata": { "namespace": "kube-system" } });
    let mirror = json!({ "metadata": { "annotations": { "kubernetes.io/config.mirror": "x" } } });
    let mut done = alone.clone();
    merge(&mut done, &json!({ "status": { "phase": "Succeeded" } }));
    let block = Outcome::Block;
    for (more, budget, expected) in [
        (json!({}), None, Outcome::Drain),
        (json!({}), Some(1), Outcome::Drain),
        (json!({}), Some(0), block(Blocking::NotEnoughPdb)),
        (alone, None, block(Blocking::NotReplicated)),
        (own("Game"), None, block(Blocking::NotReplicated)),
        (gone, None, block(Blocking::ControllerNotFound)),
        (annotated("safe-to-evict", "false"), None, block(Blocking::NotSafeToEvictAnnotation)),
        (volume, None, block(Blocking::LocalStorageRequested)),
        (safe, Some(0), Outcome::Drain),
        (safe_volume, None, Outcome::Drain),
        (in_memory, None, Outcome::Drain),
        (mirror, None, Outcome::Skip),
        (done, None, Outcome::Drain),
    ] {
        let mut world = World::default();
        world.set();
        budget.into_iter().for_each(|allowed| world.budget(allowed));
        let pod = world.pod("p", "n", "1", &more);
        let (options, budgets) = (Options::default(), Budgets::read(&world.known.caches));
        let caches = &world.known.caches;
        let rules = Rules { options: &options, caches, budgets: &budgets, now: later(60).1 };
        assert_eq!(rules.outcome(&pod), expected, "{more}, budget {budget:?}");
    }
    let mut world = World::default();
    let mut of_system = system;
    merge(&mut of_system, &own("Job"));
    of_system["metadata"]["ownerReferences"][0]["apiVersion"] = json!("example.org/v1");
    let pod = world.pod("p", "n", "1", &of_system);
    let (options, budgets) = (Options::default(), Budgets::default());
    let (caches, now) = (&world.known.caches, later(60).1);
    let rules = Rules { options: &options, caches, budgets: &budgets, now };
    assert_eq!(rules.outcome(&pod), block(Blocking::UnmovableKubeSystemPod));
}

#[test]
fn a_pod_that_ends_for_too_long_is_not_waited_for() {
    let mut world = World::default();
    world.set();
    let ending = json!({ "metadata": { "deletionTimestamp": "2026-01-01T00:00:10Z" } });
    let pod = world.pod("p", "n", "1", &ending);
    let (options, budgets) = (Options::default(), Budgets::default());
    let outcome = |seconds| {
        let (caches, now) = (&world.known.caches, later(seconds).1);
        Rules { options: &options, caches, budgets: &budgets, now }.outcome(&pod)
    };
    // 10 s + 30 s of grace + 30 s.
    assert_eq!(outcome(70), Outcome::Drain);
    assert_eq!(outcome(71), Outcome::Skip);
}

#[test]
fn what_is_asked_of_a_node_is_the_greater_share() {
    let mut world = World::default();
    let pods = [world.pod("a", "n", "1", &json!({})), world.pod("b", "n", "500m", &json!({}))];
    let node = template("4", "8Gi", &json!([]));
    let used = utilization(&node, pods.iter(), false, later(60).1).unwrap();
    assert!((used.greatest() - 0.375).abs() < 1e-9, "{used:?}");
    let bare = template("0", "8Gi", &json!([]));
    assert_eq!(utilization(&bare, pods.iter(), false, later(60).1), None);
}

#[test]
fn a_group_whose_nodes_do_not_come_is_left_alone_for_longer_each_time() {
    let options = Options::default();
    let caches = crate::client::view::Caches::default();
    let mut provider = Provider::new(vec![small(0)].into(), ActorId(9));
    let mut registry = Registry::default();
    let mut out = Outbox::default();
    let mut spans = Vec::new();
    let mut seconds = 0;
    for _ in 0..4 {
        provider.grow(0, 1, later(seconds).0, &mut out);
        registry.asked_for(0, &options, later(seconds).0);
        let late = (seconds..seconds + 10_000)
            .find(|s| !registry.update(&provider, &caches, &options, later(*s)).is_empty());
        let begin = late.unwrap();
        assert_eq!(begin, seconds + 901, "given up after 15 minutes");
        let is_safe = |s: &u64| registry.objection(0, &provider, &options, later(*s).0).is_none();
        assert_eq!(
            registry.objection(0, &provider, &options, later(begin).0),
            Some(Unsafe::Backoff)
        );
        seconds = (begin..begin + 10_000).find(is_safe).unwrap();
        spans.push((seconds - begin) / 60);
        seconds += 1;
    }
    assert_eq!(spans, [5, 10, 20, 30]);
}

#[test]
fn pods_are_told_of_every_group_that_does_not_help() {
    let options = Options::default();
    let mut world = World::default();
    let taint = json!([{ "key": "dedicated", "value": "db", "effect": "NoSchedule" }]);
    let groups = vec![
        small(0),
        node_group("tainted", template("64", "64Gi", &taint), 0),
        NodeGroup { max: 1, ..node_group("full", template("64", "64Gi", &json!([])), 1) },
    ];
    let provider = Provider::new(groups.into(), ActorId(9));
    let mut registry = Registry::default();
    registry.update(&provider, &world.known.caches, &options, later(60));
    let pod = world.pod("p", "", "6", &json!({}));
    let outlook = Outlook {
        options: &options,
        provider: &provider,
        registry: &registry,
        caches: &world.known.caches,
        now: later(60).0,
    };
    let mut rng = Rng::named(1, "test");
    let decision = outlook.decide(vec![pod], &mut world.picture, &mut rng);
    assert!(decision.choice.is_none());
    let reasons: Vec<String> =
        decision.unhelped[0].1.iter().map(|(reason, n)| format!("{n} {reason}")).collect();
    assert_eq!(
        reasons,
        [
            "1 Insufficient cpu",
            "1 max node group size reached",
            "1 node(s) had untolerated taint(s)"
        ]
    );
}

#[test]
fn the_most_important_pods_get_the_room_that_is_there() {
    let mut world = World::default();
    world.node("small-1", "4");
    let low = world.pod("low", "", "3", &json!({ "spec": { "priority": 1 } }));
    let high = world.pod("high", "", "3", &json!({ "spec": { "priority": 9 } }));
    let left = without_room(vec![low, high], &["small-1".into()], &mut world.picture);
    let left: Vec<&str> = left.iter().map(|p| p.meta.name.as_str()).collect();
    assert_eq!(left, ["low"]);
}
