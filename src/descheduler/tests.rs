use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value, json};

use super::evictor::{Count, Stays, refusal};
use super::policy::{Duplicates, Evictor, Limits, Namespaces, Spread, Utilization};
use super::sight::{Sight, ready_nodes};
use super::{duplicates, spread, utilization};
use crate::api::core::node::Node;
use crate::api::core::pod::Pod;
use crate::api::object::{Kind, Object};
use crate::api::time::EPOCH;
use crate::client::known::{self, Known, merge};
use crate::sim::time::SimDuration;

/// A cluster of a few objects, as informers know it.
#[derive(Default)]
struct World {
    known: Known,
    evictor: Evictor,
}

impl World {
    fn put(&mut self, kind: Kind, value: Value) -> Object {
        self.known.put(kind, value).1
    }

    /// A node in a zone of its name's first letter.
    fn node(&mut self, name: &str, cpu: &str, spec: &Value) {
        let more = json!({"metadata": {"labels": {"zone": &name[..1]}}, "spec": spec});
        self.put(Kind::NODE, known::node(name, cpu, &more));
    }

    /// A pod of the set `web` on a node, with other fields than usual.
    fn pod(&mut self, name: &str, node: &str, more: &Value) -> Arc<Pod> {
        let pod = known::pod(name, node, "600m", more);
        self.put(Kind::POD, pod).as_a::<Pod>().unwrap().clone()
    }

    /// Pods named by their nodes: `a-0`, `a-1`, ….
    fn pods(&mut self, on: &[(&str, usize)], more: &Value) {
        for (node, count) in on {
            for n in 0..*count {
                self.pod(&format!("{node}-{n}"), node, more);
            }
        }
    }

    fn see<T>(&self, look: impl FnOnce(&Sight<'_>) -> T) -> T {
        let nodes: Vec<Arc<Node>> = ready_nodes(&self.known.caches, None);
        let (caches, evictor) = (&self.known.caches, &self.evictor);
        let now = EPOCH.plus(SimDuration::secs(60));
        look(&Sight { caches, now, nodes: &nodes, evictor })
    }
}

fn names(pods: &[Arc<Pod>]) -> Vec<&str> {
    pods.iter().map(|p| p.meta.name.as_str()).collect()
}

fn plain() -> Value {
    json!({})
}

fn surplus(world: &World) -> Vec<Arc<Pod>> {
    world.see(|sight| duplicates::surplus(&Duplicates::default(), sight))
}

#[test]
fn duplicates_beyond_the_average_go() {
    let mut world = World::default();
    world.node("a", "4", &plain());
    world.node("b", "4", &plain());
    world.pods(&[("a", 4), ("b", 1)], &plain());
    assert_eq!(names(&surplus(&world)), ["a-3"]);
    let without =
        Duplicates { exclude_owner_kinds: vec!["ReplicaSet".into()], ..Duplicates::default() };
    assert!(world.see(|sight| duplicates::surplus(&without, sight)).is_empty());
    let elsewhere = Namespaces { exclude: vec!["default".into()], ..Namespaces::default() };
    let elsewhere = Duplicates { namespaces: elsewhere, ..Duplicates::default() };
    assert!(world.see(|sight| duplicates::surplus(&elsewhere, sight)).is_empty());
}

#[test]
fn duplicates_stay_when_only_one_node_would_take_them() {
    let taint = json!({"taints": [{"key": "odd", "effect": "NoSchedule"}]});
    let mut world = World::default();
    world.node("a", "4", &plain());
    world.node("b", "4", &taint);
    world.pods(&[("a", 4)], &plain());
    assert!(surplus(&world).is_empty());
}

#[test]
fn duplicates_without_room_elsewhere_stay_only_with_node_fit() {
    let mut world = World::default();
    world.node("a", "4", &plain());
    world.node("b", "500m", &plain());
    world.pods(&[("a", 3)], &plain());
    assert_eq!(names(&surplus(&world)), ["a-2"]);
    world.evictor.node_fit = true;
    assert!(surplus(&world).is_empty());
}

fn spread_by_zone(skew: i64, when: &str) -> Value {
    json!({"spec": {"topologySpreadConstraints": [{
        "maxSkew": skew, "topologyKey": "zone", "whenUnsatisfiable": when,
        "labelSelector": {"matchLabels": {"app": "web"}},
    }]}})
}

fn zones(skew: i64, when: &str) -> World {
    let mut world = World::default();
    for name in ["a", "b", "c"] {
        world.node(name, "4", &plain());
    }
    world.pods(&[("a", 4), ("b", 1), ("c", 1)], &spread_by_zone(skew, when));
    world
}

#[test]
fn pods_move_from_the_fullest_domains_as_far_as_the_skew_asks_for() {
    let moved = |world: &World, args: &Spread| {
        let pods = world.see(|sight| spread::violating(args, sight));
        pods.iter().map(|p| p.node_name.to_string()).collect::<Vec<_>>()
    };
    let hard = Spread::default();
    assert_eq!(moved(&zones(1, "DoNotSchedule"), &hard), ["a", "a"]);
    assert_eq!(moved(&zones(2, "DoNotSchedule"), &hard), ["a"]);
    assert!(moved(&zones(3, "DoNotSchedule"), &hard).is_empty());
    assert!(moved(&zones(1, "ScheduleAnyway"), &hard).is_empty());
    let soft = Spread { soft: true, ..Spread::default() };
    assert_eq!(moved(&zones(1, "ScheduleAnyway"), &soft), ["a", "a"]);
}

#[test]
fn a_pod_does_not_move_to_domains_that_have_no_room() {
    let mut world = World::default();
    world.node("a", "4", &plain());
    world.node("b", "100m", &plain());
    world.pods(&[("a", 3)], &spread_by_zone(1, "DoNotSchedule"));
    let went = |args: Spread| world.see(|sight| spread::violating(&args, sight)).len();
    assert_eq!(went(Spread::default()), 0);
    assert_eq!(went(Spread { node_fit: false, ..Spread::default() }), 1);
}

fn thresholds(low: f64, high: f64) -> Utilization {
    let of = |percent| BTreeMap::from([("cpu".into(), percent)]);
    Utilization { thresholds: of(low), target_thresholds: of(high), ..Utilization::default() }
}

/// The pods that go, if each eviction succeeds.
fn all_going(world: &World, args: &Utilization) -> Vec<String> {
    let mut moving = world.see(|sight| utilization::moving(args, sight));
    let mut went = Vec::new();
    while let Some(pod) = moving.next_pod() {
        moving.went(&pod);
        went.push(pod.meta.name.to_string());
    }
    went
}

#[test]
fn pods_leave_a_node_until_no_more_is_asked_of_it_than_aimed_at() {
    let mut world = World::default();
    for name in ["a", "b", "c"] {
        world.node(name, "4", &plain());
    }
    // 6 × 600m of 4: 90 %. Half is 2, which three of them stay below.
    world.pods(&[("a", 6)], &plain());
    assert_eq!(all_going(&world, &thresholds(20.0, 50.0)), ["a-0", "a-1", "a-2"]);
    let limited = Utilization { per_node: Some(1), ..thresholds(20.0, 50.0) };
    assert_eq!(all_going(&world, &limited), ["a-0"]);
    let few = Utilization { number_of_nodes: 2, ..thresholds(20.0, 50.0) };
    assert!(all_going(&world, &few).is_empty());
    // The average is 30 %, so that 50 % is 20 above it.
    let deviation = Utilization { is_deviation: true, ..thresholds(10.0, 20.0) };
    assert_eq!(all_going(&world, &deviation).len(), 3);
}

#[test]
fn an_eviction_that_is_refused_leaves_the_room_as_it_was() {
    let mut world = World::default();
    world.node("a", "4", &plain());
    world.node("b", "4", &plain());
    world.pods(&[("a", 6)], &plain());
    let mut moving = world.see(|sight| utilization::moving(&thresholds(20.0, 50.0), sight));
    let mut asked = 0;
    while moving.next_pod().is_some() {
        asked += 1;
    }
    assert_eq!(asked, 6);
}

#[test]
fn a_balanced_cluster_is_left_alone() {
    let mut world = World::default();
    for name in ["a", "b", "c"] {
        world.node(name, "4", &plain());
    }
    world.pods(&[("a", 2), ("b", 2), ("c", 2)], &spread_by_zone(1, "DoNotSchedule"));
    assert!(surplus(&world).is_empty());
    assert!(world.see(|sight| spread::violating(&Spread::default(), sight)).is_empty());
    assert!(all_going(&world, &thresholds(20.0, 50.0)).is_empty());
}

#[test]
fn what_the_evictor_protects() {
    let mut world = World::default();
    world.node("a", "4", &plain());
    let annotated = |key: &str| json!({"metadata": {"annotations": {key: "x"}}});
    let volume = |source: &str| json!({"spec": {"volumes": [{"name": "v", source: {}}]}});
    let daemon = json!({"metadata": {"ownerReferences": [{
        "apiVersion": "apps/v1", "kind": "DaemonSet", "name": "d",
        "uid": "22222222-0000-0000-0000-000000000000", "controller": true,
    }]}});
    let table = [
        (plain(), None),
        (annotated("kubernetes.io/config.mirror"), Some(Stays::Mirror)),
        (annotated("descheduler.alpha.kubernetes.io/prefer-no-eviction"), None),
        (
            json!({"metadata": {"deletionTimestamp": "2026-01-01T00:00:00Z"}}),
            Some(Stays::Terminating),
        ),
        (json!({"metadata": {"ownerReferences": []}}), Some(Stays::Bare)),
        (json!({"spec": {"priority": 2_000_000_000}}), Some(Stays::SystemCritical)),
        (volume("emptyDir"), Some(Stays::LocalStorage)),
        (volume("configMap"), None),
        (daemon, Some(Stays::DaemonSet)),
    ];
    for (more, wanted) in table {
        let pod = world.pod("p", "a", &more);
        assert_eq!(world.see(|sight| refusal(&pod, sight)), wanted, "{more}");
    }
    let mut wanted = json!({"spec": {"priority": 2_000_000_000}});
    merge(&mut wanted, &annotated("descheduler.alpha.kubernetes.io/evict"));
    let pod = world.pod("p", "a", &wanted);
    assert_eq!(world.see(|sight| refusal(&pod, sight)), None);
}

#[test]
fn what_the_evictor_protects_on_request() {
    let mut world = World::default();
    let pod = world.pod("p", "a", &json!({"spec": {"priority": 10}}));
    let table = [
        (Evictor { min_replicas: 2, ..Evictor::default() }, Stays::FewReplicas),
        (Evictor { min_pod_age: Some(SimDuration::secs(61)), ..Evictor::default() }, Stays::Young),
        (Evictor { priority_threshold: Some(10), ..Evictor::default() }, Stays::Priority),
        (Evictor { protects_without_budget: true, ..Evictor::default() }, Stays::NoBudget),
    ];
    for (evictor, wanted) in table {
        world.evictor = evictor;
        assert_eq!(world.see(|sight| refusal(&pod, sight)), Some(wanted));
    }
}

#[test]
fn a_round_keeps_its_limits() {
    let mut world = World::default();
    let pod = world.pod("p", "a", &plain());
    let mut count = Count::default();
    count.add(&pod);
    let table = [
        (Limits::default(), true),
        (Limits { per_node: Some(1), ..Limits::default() }, false),
        (Limits { per_namespace: Some(1), ..Limits::default() }, false),
        (Limits { total: Some(2), ..Limits::default() }, true),
    ];
    for (limits, wanted) in table {
        assert_eq!(count.allows(&pod, limits), wanted, "{limits:?}");
    }
}
