//! The gates of 1.36 that make controllers wait for their own writes: what each does to a
//! controller whose cache of pods stands still, with the gate and without.

use serde_json::{Value, json};
use wavetank::api::note::Note;
use wavetank::api::object::Kind;
use wavetank::scenario::world::World;

use crate::random::described;

/// A controller with such a gate, and what its workload is.
struct Case {
    gate: &'static str,
    controller: &'static str,
    workload: Value,
    /// What makes it look at its workload again once its expectations have run out.
    touch: &'static str,
    /// How many pods are asked for.
    wanted: usize,
}

fn cases() -> Vec<Case> {
    let labels = json!({"app": "web"});
    let pod = |restart: &str| {
        json!({"metadata": {"labels": labels}, "spec": {
            "restartPolicy": restart, "containers": [{"name": "app", "image": "web:v1"}]}})
    };
    let of = |version: &str, kind: &str, spec: Value| {
        let metadata = json!({"name": "web"});
        json!({"apiVersion": version, "kind": kind, "metadata": metadata, "spec": spec})
    };
    let selector = json!({"matchLabels": labels});
    let always = pod("Always");
    vec![
        Case {
            gate: "StaleControllerConsistencyReplicaSet",
            controller: "replicaset-controller",
            workload: of(
                "apps/v1",
                "ReplicaSet",
                json!({"replicas": 3, "selector": selector, "template": always}),
            ),
            touch: "annotate replicaset web seen=again",
            wanted: 3,
        },
        Case {
            gate: "StaleControllerConsistencyDaemonSet",
            controller: "daemonset-controller",
            workload: of("apps/v1", "DaemonSet", json!({"selector": selector, "template": always})),
            touch: "annotate daemonset web seen=again",
            wanted: 3,
        },
        Case {
            gate: "StaleControllerConsistencyStatefulSet",
            controller: "statefulset-controller",
            workload: of(
                "apps/v1",
                "StatefulSet",
                json!({
                "replicas": 3, "serviceName": "web", "podManagementPolicy": "Parallel",
                "selector": selector, "template": always}),
            ),
            touch: "annotate statefulset web seen=again",
            wanted: 3,
        },
        Case {
            gate: "StaleControllerConsistencyJob",
            controller: "job-controller",
            workload: of(
                "batch/v1",
                "Job",
                json!({"parallelism": 3, "completions": 3, "template": pod("Never")}),
            ),
            touch: "annotate job web seen=again",
            wanted: 3,
        },
    ]
}

/// Pods that a controller has made, and how often it asked for one that was there already.
fn outcome(case: &Case, is_on: bool) -> (usize, usize) {
    let lag = json!({"watch-lag": {"actor": "kube-controller-manager", "kind": "Pod"},
        "duration": "20m"});
    let scenario = json!({
        "name": "stale",
        "cluster": {
            "nodes": [{"name": "node", "count": 3, "cpu": "4"}],
            "feature-gates": {case.gate: is_on},
        },
        "steps": [
            {"inject": lag},
            {"apply": case.workload},
            // Expectations run out after five minutes.
            {"wait": "6m"},
            {"kubectl": case.touch},
            {"wait": "30s"},
            {"kubectl": format!("{}-twice", case.touch)},
        ],
        "until": {"after-last-step": "30s"},
    });
    let mut world = World::new(described("stale.yaml", format!("{scenario:#}\n")), 3, None)
        .expect("it can be carried out");
    world.run();
    let (mut made, mut again) = (0, 0);
    for record in world.cluster().engine.log().iter() {
        match &record.note {
            Note::Write(write) => {
                let is_own = write.origin.user == case.controller;
                let is_pod = write.change.object.kind() == Kind::POD;
                made += usize::from(is_own && is_pod && write.change.old.is_none());
            }
            Note::Refused(refused) => {
                let is_own = refused.user == case.controller && refused.resource == "pods";
                again += usize::from(is_own && refused.verb == "create");
            }
            _ => {}
        }
    }
    (made, again)
}

/// Without the gate a controller acts upon a cache that is older than its own last write, once its
/// expectations have run out: it makes its pods a second time, or would if their names were not
/// taken. With the gate it waits until it has seen what it did.
#[test]
fn a_controller_waits_for_its_own_writes_where_its_gate_is_on() {
    for case in cases() {
        let (made, again) = outcome(&case, true);
        assert_eq!((made, again), (case.wanted, 0), "{} with the gate", case.controller);
        let (made, again) = outcome(&case, false);
        assert!(made + again > case.wanted, "{} without: {made}, {again}", case.controller);
    }
}
