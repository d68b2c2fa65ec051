//! Tests of the `DaemonSet` controller's plans.

use std::sync::Arc;

use serde_json::{Value, json};

use super::*;
use crate::api::time::EPOCH;
use crate::client::view::Caches;

const HASH: &str = "controller-revision-hash";

/// A `DaemonSet` over nodes, whose own writes come into the caches at once.
struct World {
    caches: Caches,
    controller: DaemonSetController,
    revision: u64,
    now: crate::api::time::Time,
}

impl World {
    fn new(strategy: &Value, nodes: usize) -> World {
        let labels = json!({ "app": "agent" });
        let container = json!({ "name": "c", "image": "v1" });
        let mut world = World {
            caches: Caches::default(),
            controller: DaemonSetController::default(),
            revision: 0,
            now: EPOCH,
        };
        for n in 0..nodes {
            world.put(Kind::NODE, json!({ "metadata": { "name": format!("n-{n}") } }));
        }
        world.put(
            Kind::DAEMON_SET,
            json!({
                "metadata": { "name": "agent", "namespace": "default", "generation": 1 },
                "spec": {
                    "selector": { "matchLabels": labels },
                    "template": {
                        "metadata": { "labels": labels }, "spec": { "containers": [container] },
                    },
                    "updateStrategy": strategy,
                },
            }),
        );
        world
    }

    fn put(&mut self, kind: Kind, value: Value) {
        self.store(Object::from_value(kind, value).expect("a good object"));
    }

    fn store(&mut self, mut object: Object) {
        self.revision += 1;
        let meta = object.meta_mut();
        meta.resource_version = self.revision;
        if meta.uid.is_none() {
            meta.uid = Uid::parse(&format!("u{}", self.revision));
            meta.creation = Some(self.now);
        }
        if meta.name.is_empty() {
            meta.name = smol_str::format_smolstr!("{}{}", meta.generate_name, self.revision);
        }
        self.caches.of_mut(object.kind()).put(object);
    }

    /// One look; the lines of its writes.
    fn look(&mut self) -> Vec<String> {
        let key = ObjectKey::new(Kind::DAEMON_SET, "default", "agent");
        let plan = self.controller.reconcile(&key, View::new(&self.caches, self.now));
        let mut lines = Vec::new();
        for write in plan.writes() {
            match &write.verb {
                Verb::Create { object, .. } => {
                    lines.push(format!("create {:?}: {}", object.kind(), write.why));
                    self.store(object.clone());
                }
                Verb::Update { object, .. } => {
                    lines.push(format!("update {:?}: {}", object.kind(), write.why));
                    self.store(object.clone());
                }
                Verb::Delete { key, .. } => {
                    lines.push(format!("delete {:?}: {}", key.kind, write.why));
                    self.caches.of_mut(key.kind).remove(&key.namespace, &key.name);
                }
                other => panic!("{other:?}"),
            }
        }
        lines
    }

    /// Binds all pods and makes them ready.
    fn ready(&mut self) {
        let pods: Vec<Arc<Pod>> =
            self.caches.of(Kind::POD).all().filter_map(|o| o.as_a::<Pod>()).cloned().collect();
        for pod in pods {
            let mut pod = (*pod).clone();
            let target = pods::by_node(&[&Arc::new(pod.clone())]).into_keys().next();
            pod.node_name = target.expect("a daemon pod is meant for a node");
            let status = Arc::make_mut(&mut pod.status);
            status.phase = crate::api::core::pod::PodPhase::Running;
            status.conditions =
                vec![crate::api::condition::Condition::new("Ready", true.into(), "")];
            self.store(pod.into());
        }
    }
}

fn rolling() -> Value {
    json!({ "type": "RollingUpdate", "rollingUpdate": { "maxUnavailable": 1, "maxSurge": 0 } })
}

#[test]
fn each_node_gets_a_pod_and_a_settled_set_plans_nothing() {
    let mut world = World::new(&rolling(), 2);
    assert_eq!(
        world.look(),
        [
            "create ControllerRevision: the template is new: revision 1",
            "create Pod: n-0 has no pod and should have one",
            "create Pod: n-1 has no pod and should have one",
            "update DaemonSet: 2 nodes wanted, 0 ready, 0 updated",
        ]
    );
    world.ready();
    assert_eq!(world.look(), ["update DaemonSet: 2 nodes wanted, 2 ready, 2 updated"]);
    assert!(world.look().is_empty());
}

#[test]
fn a_pod_whose_node_gets_a_taint_stays_and_a_new_node_with_it_gets_none() {
    let mut world = World::new(&rolling(), 1);
    world.look();
    world.ready();
    world.look();
    let taint = |effect: &str| json!([{ "key": "a", "effect": effect }]);
    let node = |name: &str, effect: &str| json!({ "metadata": { "name": name }, "spec": { "taints": taint(effect) } });
    world.put(Kind::NODE, node("n-0", "NoSchedule"));
    world.put(Kind::NODE, node("n-9", "NoSchedule"));
    assert_eq!(world.look(), ["update DaemonSet: 0 nodes wanted, 0 ready, 0 updated"]);
    world.put(Kind::NODE, node("n-0", "NoExecute"));
    assert_eq!(world.look()[0], "delete Pod: n-0 should not have one");
}

#[test]
fn a_pod_that_fails_again_is_left_for_longer_each_time() {
    let mut world = World::new(&rolling(), 1);
    world.look();
    let fail = |world: &mut World| {
        world.ready();
        let pod = world.caches.of(Kind::POD).all().find_map(|o| o.as_a::<Pod>()).cloned();
        let mut pod = (*pod.expect("a pod")).clone();
        Arc::make_mut(&mut pod.status).phase = crate::api::core::pod::PodPhase::Failed;
        world.store(pod.into());
    };
    fail(&mut world);
    assert_eq!(world.look()[0], "delete Pod: it has ended, n-0 gets another");
    assert_eq!(world.look()[0], "create Pod: n-0 has no pod and should have one");
    fail(&mut world);
    assert!(world.look().iter().all(|line| line.starts_with("update DaemonSet")));
    world.now = world.now.plus(SimDuration::secs(1));
    assert_eq!(world.look()[0], "delete Pod: it has ended, n-0 gets another");
    assert!(world.caches.of(Kind::POD).all().all(|o| o.meta().labels.has(HASH)));
}
