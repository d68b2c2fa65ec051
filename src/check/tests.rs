//! Each invariant can fail: a planted change breaks it, and the same change that is right does not.

use serde_json::{Value, json};

use super::{Invariants, Look};
use crate::api::Name;
use crate::api::message::{Message, Origin, StoreChange};
use crate::api::object::{Kind, Object};
use crate::api::request::{Change, WatchEvent};
use crate::api::why::Why;
use crate::check::stream::Streams;
use crate::cluster::{Cluster, ClusterConfig};
use crate::sim::engine::Peer;
use crate::sim::time::{SimDuration, SimTime};

/// A change as a test plants it: who, verb and part; what was, what is.
type Planted = (&'static str, &'static str, Option<Value>, Option<Value>);

fn object(value: &Value) -> Object {
    let kind = value["kind"].as_str().and_then(Kind::named).expect("a kind");
    Object::from_value(kind, value.clone()).expect("an object")
}

/// Which invariants are broken by changes in a cluster that holds some objects.
fn broken(held: &[Value], changes: &[Planted]) -> Vec<&'static str> {
    let state = held.iter().map(object).collect();
    let config = ClusterConfig { state, ..ClusterConfig::default() };
    let cluster = Cluster::new(&config);
    let mut invariants = Invariants::default();
    for (n, (user, verb, old, new)) in changes.iter().enumerate() {
        let deleted = new.is_none();
        let shown = new.as_ref().or(old.as_ref()).expect("something changes");
        let change = StoreChange {
            revision: n as u64 + 1,
            cause: 0,
            old: old.as_ref().map(object),
            object: object(shown),
            deleted,
        };
        let (verb, subresource) = verb.split_once('/').unwrap_or((verb, ""));
        let origin = Origin { user: Name::new(user), verb, subresource, why: Why::new("planted") };
        let now = SimTime::ZERO + SimDuration::secs(n as u64 + 1);
        invariants.look(&Look { change: &change, origin: &origin, cluster: &cluster, now });
    }
    invariants.breaches().iter().map(|breach| breach.id).collect()
}

fn with(mut value: Value, path: &str, new: Value) -> Value {
    let (parent, key) = path.rsplit_once('/').expect("a path");
    value.pointer_mut(parent).expect("its parent")[key] = new;
    value
}

fn pod(name: &str, uid: u32) -> Value {
    json!({"apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": name, "namespace": "default", "uid": uid_of(uid), "labels": {"app": "web"}},
        "spec": {"nodeName": "node-1", "containers": [{"name": "app", "image": "app",
            "resources": {"requests": {"cpu": "1500m", "memory": "1Gi"}}}]},
        "status": {"phase": "Pending"}})
}

fn uid_of(n: u32) -> String {
    format!("00000000-0000-4000-8000-{n:012}")
}

fn ready(pod: Value) -> Value {
    let pod = with(pod, "/status/phase", json!("Running"));
    with(pod, "/status/conditions", json!([{"type": "Ready", "status": "True"}]))
}

fn owned(pod: Value, kind: &str, name: &str, uid: u32) -> Value {
    let owner = json!([{"apiVersion": "apps/v1", "kind": kind, "name": name, "uid": uid_of(uid),
        "controller": true}]);
    with(pod, "/metadata/ownerReferences", owner)
}

/// Asserts that changes break one invariant, and that others, which are right, break none.
#[track_caller]
fn check(id: &str, held: &[Value], wrong: &[Planted], right: &[Planted]) {
    assert_eq!(broken(held, wrong), [id], "the planted change");
    assert_eq!(broken(held, right), [""; 0], "the right change");
}

#[test]
fn s1_an_object_does_not_go_with_finalizers() {
    let kept = with(pod("a", 1), "/metadata/finalizers", json!(["example.com/wait"]));
    check(
        "S1",
        &[],
        &[("x", "create", None, Some(kept.clone())), ("x", "delete", Some(kept), None)],
        &[("x", "create", None, Some(pod("a", 1))), ("x", "delete", Some(pod("a", 1)), None)],
    );
}

#[test]
fn s4_a_pod_is_bound_once() {
    let moved = with(pod("a", 1), "/spec/nodeName", json!("node-2"));
    check(
        "S4",
        &[],
        &[("kube-scheduler", "create", Some(pod("a", 1)), Some(moved))],
        &[("kube-scheduler", "create", Some(pod("a", 1)), Some(pod("a", 1)))],
    );
}

#[test]
fn s5_the_pods_that_run_on_a_node_fit() {
    let amounts = json!({"cpu": "2", "memory": "4Gi", "pods": "110"});
    let node = json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "node-1", "uid": uid_of(90)},
        "status": {"capacity": amounts, "allocatable": amounts}});
    let (a, b) = (pod("a", 1), pod("b", 2));
    let runs = |pod: &Value| with(pod.clone(), "/status/phase", json!("Running"));
    let small = with(b.clone(), "/spec/containers/0/resources/requests/cpu", json!("500m"));
    // The first of the two has ended by what its node says, so that it does not count; two that
    // the node has let in at once do.
    let big = with(b.clone(), "/spec/containers/0/resources/requests/cpu", json!("2500m"));
    let start =
        |pod: &Value| ("kubelet/node-1", "patch/status", Some(pod.clone()), Some(runs(pod)));
    check("S5", &[node], &[start(&big)], &[start(&a), start(&small), start(&b)]);
}

#[test]
fn s7_the_pod_below_has_been_ready() {
    let set = json!({"apiVersion": "apps/v1", "kind": "StatefulSet",
        "metadata": {"name": "db", "namespace": "default", "uid": uid_of(50)},
        "spec": {"replicas": 3, "serviceName": "db", "podManagementPolicy": "OrderedReady",
            "selector": {"matchLabels": {"app": "web"}}, "template": {}}});
    let member = |n: u32| owned(pod(&format!("db-{n}"), n + 1), "StatefulSet", "db", 50);
    let made = |n: u32| ("statefulset-controller", "create", None, Some(member(n)));
    let became_ready =
        |n: u32| ("kubelet/node-1", "patch/status", Some(member(n)), Some(ready(member(n))));
    let wrong = [made(0), made(1)];
    let right = [made(0), became_ready(0), made(1)];
    check("S7", &[set], &wrong, &right);
}

#[test]
fn s9_nobody_is_evicted_past_a_budget() {
    let budget = |disrupted: Value| {
        json!({"apiVersion": "policy/v1", "kind": "PodDisruptionBudget",
            "metadata": {"name": "web", "namespace": "default", "uid": uid_of(60)},
            "spec": {"minAvailable": 1, "selector": {"matchLabels": {"app": "web"}}},
            "status": {"disruptedPods": disrupted, "disruptionsAllowed": 0, "currentHealthy": 1,
                "desiredHealthy": 1, "expectedPods": 1}})
    };
    let before = ready(pod("a", 1));
    let evicted = || [("kubectl", "create/eviction", Some(before.clone()), None)];
    let noted = budget(json!({"a": "2026-01-01T00:00:00Z"}));
    assert_eq!(broken(&[budget(json!({}))], &evicted()), ["S9"]);
    assert_eq!(broken(&[noted], &evicted()), [""; 0]);
    let unready = [("kubectl", "create/eviction", Some(pod("a", 1)), None)];
    assert_eq!(broken(&[budget(json!({}))], &unready), [""; 0]);
}

#[test]
fn s10_a_set_has_no_more_pods_than_it_was_ever_to_have() {
    let set = json!({"apiVersion": "apps/v1", "kind": "ReplicaSet",
        "metadata": {"name": "web", "namespace": "default", "uid": uid_of(70)},
        "spec": {"replicas": 1, "selector": {"matchLabels": {"app": "web"}}, "template": {}}});
    let made = |n: u32| {
        let pod = owned(pod(&format!("web-{n}"), n + 1), "ReplicaSet", "web", 70);
        ("replicaset-controller", "create", None, Some(pod))
    };
    let has_set = ("kubectl", "create", None, Some(set));
    check("S10", &[], &[has_set.clone(), made(0), made(1)], &[has_set, made(0)]);
}

#[test]
fn s11_the_collector_leaves_what_has_a_living_owner() {
    let set = json!({"apiVersion": "apps/v1", "kind": "ReplicaSet",
        "metadata": {"name": "web", "namespace": "default", "uid": uid_of(70)},
        "spec": {"replicas": 1, "selector": {"matchLabels": {"app": "web"}}, "template": {}}});
    let gone = |owner: u32| {
        let pod = owned(pod("web-a", 1), "ReplicaSet", "web", owner);
        [("generic-garbage-collector", "delete", Some(pod), None)]
    };
    check("S11", &[set], &gone(70), &gone(71));
}

#[test]
fn s12_a_lease_changes_hands_when_it_has_run_out() {
    let lease = |holder: &str| {
        json!({"apiVersion": "coordination.k8s.io/v1", "kind": "Lease",
            "metadata": {"name": "kube-scheduler", "namespace": "kube-system", "uid": uid_of(80)},
            "spec": {"holderIdentity": holder, "leaseDurationSeconds": 15}})
    };
    let write = |old: &str, new: &str| ("x", "update", Some(lease(old)), Some(lease(new)));
    let begin = ("x", "create", None, Some(lease("a")));
    check(
        "S12",
        &[],
        &[begin.clone(), write("a", "b")],
        &[begin, write("a", "a"), write("a", ""), write("", "b")],
    );
}

#[test]
fn s15_a_job_counts_no_pod_twice() {
    let job = |done: u32| {
        json!({"apiVersion": "batch/v1", "kind": "Job",
            "metadata": {"name": "sum", "namespace": "default", "uid": uid_of(81)},
            "spec": {"completions": 2, "template": {}}, "status": {"succeeded": done}})
    };
    let write = |done: u32| [("job-controller", "update/status", Some(job(1)), Some(job(done)))];
    check("S15", &[], &write(3), &write(2));
}

#[test]
fn s18_what_was_observed_never_goes_back() {
    let set = |observed: u32| {
        json!({"apiVersion": "apps/v1", "kind": "ReplicaSet",
            "metadata": {"name": "web", "namespace": "default", "uid": uid_of(70), "generation": 3},
            "spec": {"replicas": 1, "selector": {"matchLabels": {"app": "web"}}, "template": {}},
            "status": {"observedGeneration": observed}})
    };
    let write = |old: u32, new: u32| [("x", "update/status", Some(set(old)), Some(set(new)))];
    check("S18", &[], &write(2, 1), &write(2, 3));
}

#[test]
fn s2_a_watch_tells_in_order_and_nothing_twice() {
    let told = |revisions: &[u64]| {
        let mut streams = Streams::default();
        let to = Peer::default();
        for revision in revisions {
            let object = object(&pod("a", 1));
            let event =
                WatchEvent { change: Change::Modified, object, revision: *revision, cause: 0 };
            let message = Message::Watched(7, [event].into_iter().collect());
            streams.look(to, &message, SimTime::ZERO);
        }
        streams.found().map(|breach| breach.id)
    };
    assert_eq!(told(&[1, 2, 5]), None);
    assert_eq!(told(&[1, 2, 2]), Some("S2"));
    assert_eq!(told(&[1, 5, 3]), Some("S2"));
}
