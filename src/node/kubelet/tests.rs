//! The kubelet against an apiserver that stores at once and answers a millisecond later.

mod ends;

use serde_json::{Value, json};

use super::*;
use crate::api::Name;
use crate::api::object::{Kind, Object, ObjectKey};
use crate::api::quantity::Quantity;
use crate::api::request::{Patch, Verb};
use crate::api::resource::ResourceList;
use crate::api::time::Time;
use crate::client::component::Outbox;
use crate::client::view::Caches;
use crate::node::images::{Behaviour, Images};
use crate::sim::rng::Rng;
use crate::sim::time::SimDuration;

const DELAY: SimDuration = SimDuration::millis(1);

struct World {
    kubelet: Kubelet,
    objects: BTreeMap<ObjectKey, Object>,
    now: SimTime,
    wake_at: SimTime,
    replies: Vec<(SimTime, u64, Answer)>,
    rng: Rng,
    log: Vec<(SimTime, String)>,
    wakes: usize,
    revision: u64,
}

fn config(images: &[(&str, Behaviour)]) -> Config {
    let capacity: ResourceList = [("cpu", "4"), ("memory", "8Gi"), ("pods", "110")]
        .map(|(k, v)| (Name::new(k), v.parse::<Quantity>().expect("a quantity")))
        .into_iter()
        .collect();
    let node = NodeConfig {
        name: "node-1".into(),
        capacity,
        ip: "172.18.0.2".into(),
        pod_range: "10.244.1".into(),
        ..NodeConfig::default()
    };
    let images = Images::new(images).expect("globs");
    Config { node, images, ..Config::default() }
}

impl World {
    fn new(config: Config) -> World {
        World::with(Kubelet::new(Arc::new(config), Runtime::default()), BTreeMap::new(), SimTime(0))
    }

    fn with(kubelet: Kubelet, objects: BTreeMap<ObjectKey, Object>, now: SimTime) -> World {
        let mut world = World {
            kubelet,
            objects,
            now,
            wake_at: SimTime::NEVER,
            replies: Vec::new(),
            rng: Rng::named(7, "kubelet/node-1"),
            log: Vec::new(),
            wakes: 0,
            revision: 100,
        };
        world.turn(Kubelet::start);
        for object in world.objects.clone().into_values() {
            world.turn(|k, m| k.observe(&Observed { old: None, new: Some(&object) }, m));
        }
        world.turn(Kubelet::synced);
        world
    }

    fn turn(&mut self, act: impl FnOnce(&mut Kubelet, &mut Moment<'_>)) {
        let mut out = Outbox::default();
        let mut moment = Moment {
            now: self.now,
            time: Time::at(self.now),
            start: crate::sim::time::Start::USUAL,
            rng: &mut self.rng,
            caches: &Caches::default(),
            cause: 0,
            out: &mut out,
        };
        act(&mut self.kubelet, &mut moment);
        let wakes = [out.wake_at, out.background_wake_at];
        self.wake_at = wakes.into_iter().flatten().min().unwrap_or(SimTime::NEVER);
        for note in out.events {
            self.log.push((self.now, format!("{}: {}", note.reason, note.message)));
        }
        for request in out.requests {
            let answer = self.answer(request.verb);
            self.replies.push((self.now + DELAY, request.token, answer));
        }
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "the kubelet asks for nothing else")]
    fn answer(&mut self, verb: Verb) -> Answer {
        match verb {
            Verb::Create { object, .. } | Verb::Update { object, .. } => {
                self.objects.insert(object.key(), object.clone());
                Answer::Object(object)
            }
            Verb::Patch { key, patch: Patch::Edit(edit), .. } => {
                let Some(mut object) = self.objects.get(&key).cloned() else {
                    panic!("{key:?} is gone")
                };
                edit.apply(&mut object);
                self.store(object.clone());
                Answer::Object(object)
            }
            Verb::Delete { key, options } => {
                assert_eq!(options.grace_period_seconds, Some(0));
                let object = self.objects.remove(&key).expect("it is there");
                self.log.push((self.now, "deleted".into()));
                Answer::Deleted(object)
            }
            Verb::Get(key) => Answer::Object(self.objects[&key].clone()),
            other => panic!("unexpected {other:?}"),
        }
    }

    fn store(&mut self, mut object: Object) {
        self.revision += 1;
        object.meta_mut().resource_version = self.revision;
        if let Object::Pod(pod) = &object {
            self.log.push((self.now, line(pod)));
        }
        self.objects.insert(object.key(), object);
    }

    /// Puts an object there as somebody else would.
    #[expect(clippy::needless_pass_by_value, reason = "tests read better")]
    fn put(&mut self, object: Object) {
        let old = self.objects.insert(object.key(), object.clone());
        self.turn(|k, m| k.observe(&Observed { old: old.as_ref(), new: Some(&object) }, m));
    }

    fn run(&mut self, span: SimDuration) {
        let end = self.now + span;
        loop {
            let reply = self.replies.iter().map(|r| r.0).min().unwrap_or(SimTime::NEVER);
            let next = reply.min(self.wake_at);
            if next > end {
                break;
            }
            self.now = self.now.max(next);
            if reply <= self.now {
                let i = self.replies.iter().position(|r| r.0 == reply).expect("a reply");
                let (_, token, answer) = self.replies.remove(i);
                self.turn(|k, m| k.reply(token, &answer, m));
                if let Answer::Object(object @ Object::Pod(_)) = &answer {
                    let change = Observed { old: Some(object), new: Some(object) };
                    self.turn(|k, m| k.observe(&change, m));
                }
                if let Answer::Deleted(object) = &answer {
                    let change = Observed { old: Some(object), new: None };
                    self.turn(|k, m| k.observe(&change, m));
                }
            } else {
                self.wakes += 1;
                self.turn(Kubelet::wake);
            }
        }
        self.now = end;
    }

    fn texts(&self) -> Vec<&str> {
        self.log.iter().map(|(_, text)| text.as_str()).collect()
    }

    fn pod(&self, name: &str) -> &Arc<Pod> {
        let object = &self.objects[&ObjectKey::new(Kind::POD, "default", name)];
        object.as_a::<Pod>().expect("a pod")
    }
}

fn line(pod: &Pod) -> String {
    let status = &pod.status;
    let ready = crate::api::condition::find(&status.conditions, "Ready");
    let state = status.container_statuses.iter().chain(&status.init_container_statuses).map(|c| {
        let state = &c.state;
        match (&state.waiting, &state.running, &state.terminated) {
            (Some(w), _, _) => format!("{}={} x{}", c.name, w.reason, c.restart_count),
            (_, Some(_), _) => format!("{}=running x{}", c.name, c.restart_count),
            (_, _, Some(t)) => {
                format!("{}=exit {} {} x{}", c.name, t.exit_code, t.reason, c.restart_count)
            }
            _ => c.name.to_string(),
        }
    });
    let sandbox = crate::api::condition::is_true(&status.conditions, "PodReadyToStartContainers");
    format!(
        "{} {} {}net {}",
        status.phase.as_str(),
        state.collect::<Vec<_>>().join(","),
        if sandbox { "+" } else { "-" },
        match ready {
            Some(ready) if !ready.is_true() => ready.reason.as_str(),
            Some(_) => "+ready",
            None => "",
        },
    )
}

#[expect(clippy::needless_pass_by_value, reason = "tests read better")]
fn pod(name: &str, spec: Value) -> Object {
    let value = json!({
        "metadata": {
            "name": name, "namespace": "default", "uid": format!("u-{name}"), "generation": 1,
        },
        "spec": spec,
        "status": {"phase": "Pending"},
    });
    let object = Object::from_value(Kind::POD, value).expect("a pod");
    let Object::Pod(mut pod) = object else { panic!("a pod") };
    Arc::make_mut(&mut pod).node_name = "node-1".into();
    Object::Pod(pod)
}

fn delete(object: &Object) -> Object {
    let mut object = object.clone();
    let meta = object.meta_mut();
    meta.deletion = Some(Time::at(SimTime(0)));
    meta.deletion_grace_seconds = Some(30);
    meta.generation += 1;
    object
}

#[expect(clippy::needless_pass_by_value, reason = "tests read better")]
fn app(extra: Value) -> Value {
    let mut container = json!({"name": "app", "image": "app:v1"});
    let fields = container.as_object_mut().expect("a map");
    fields.extend(extra.as_object().expect("a map").clone());
    json!({"containers": [container]})
}

#[test]
fn a_pod_starts_rests_and_ends_as_recorded() {
    let mut world = World::new(config(&[]));
    world.run(SimDuration::secs(5));
    let object = pod("web", app(json!({})));
    world.put(object);
    world.run(SimDuration::secs(3));
    assert_eq!(
        world.texts(),
        [
            "Starting: Starting kubelet.",
            "NodeReady: Node node-1 status is now: NodeReady",
            "Pending app=ContainerCreating x0 -net ContainersNotReady",
            "Pulling: Pulling image \"app:v1\"",
            "Pulled: Successfully pulled image \"app:v1\" in 0s (0s including waiting). \
             Image size: 0 bytes.",
            "Created: Container created",
            "Started: Container started",
            "Pending app=ContainerCreating x0 +net ContainersNotReady",
            "Running app=running x0 +net +ready",
        ]
    );
    assert_eq!(world.pod("web").status.pod_ip, "10.244.1.2");
    let wakes = world.wakes;
    world.run(SimDuration::secs(3600));
    assert_eq!(world.wakes, wakes, "a settled node rests");
    world.log.clear();
    let object = delete(&Object::Pod(world.pod("web").clone()));
    world.put(object);
    world.run(SimDuration::secs(3));
    assert_eq!(
        world.texts(),
        [
            "Killing: Stopping container app",
            "Running app=running x0 +net +ready",
            "Succeeded app=exit 0  x0 -net PodCompleted",
            "deleted",
        ]
    );
    assert!(world.kubelet.workers.is_empty());
}

#[test]
fn a_container_that_ends_at_once_waits_longer_and_longer() {
    let mut world = World::new(config(&[]));
    world.put(pod("crash", app(json!({"command": ["exit", "1", "1"]}))));
    world.run(SimDuration::secs(420));
    let starts: Vec<u64> = world
        .log
        .iter()
        .filter(|(_, text)| text.starts_with("Started"))
        .map(|(at, _)| at.0 / 1_000_000)
        .collect();
    let pauses: Vec<u64> = starts.windows(2).map(|w| w[1] - w[0]).collect();
    let bounds = [
        (1000, 2100),
        (11_000, 18_000),
        (21_000, 27_000),
        (41_000, 47_000),
        (81_000, 87_000),
        (161_000, 167_000),
    ];
    assert_eq!(pauses.len(), bounds.len(), "{pauses:?}");
    for (pause, (low, high)) in pauses.iter().zip(bounds) {
        assert!((low..=high).contains(pause), "{pauses:?}");
    }
    let texts = world.texts();
    assert!(texts.contains(
        &"BackOff: Back-off restarting failed container app in pod crash_default(u-crash)"
    ));
    assert!(texts.contains(&"Running app=exit 1 Error x1 +net ContainersNotReady"));
    assert!(texts.contains(&"Running app=CrashLoopBackOff x1 +net ContainersNotReady"));
}

#[test]
fn a_failing_liveness_probe_restarts_at_once_until_the_pause_is_longer() {
    let mut world = World::new(config(&[]));
    world.run(SimDuration::secs(60));
    world.put(pod("live", app(json!({"livenessProbe": {"exec": {"command": ["false"]}}}))));
    world.run(SimDuration::secs(200));
    let count = |start: &str| world.texts().iter().filter(|t| t.starts_with(start)).count();
    assert_eq!(
        count("Killing: Container app failed liveness probe, will be restarted"),
        5,
        "{:#?}",
        world.log
    );
    assert_eq!(count("Unhealthy: Liveness probe failed: "), 15);
    assert!(count("Running app=CrashLoopBackOff x4") >= 1, "{:#?}", world.log);
    assert_eq!(world.pod("live").status.container_statuses[0].restart_count, 5);
}

#[test]
fn init_containers_come_first_and_a_pod_that_completes_succeeds() {
    let mut world = World::new(config(&[]));
    let spec = json!({
        "restartPolicy": "OnFailure",
        "initContainers": [{"name": "i", "image": "app:v1", "command": ["exit", "3", "0"]}],
        "containers": [{"name": "app", "image": "app:v1", "command": ["exit", "5", "0"]}],
    });
    world.put(pod("init", spec));
    world.run(SimDuration::secs(20));
    let texts: Vec<&str> = world.texts().into_iter().filter(|t| t.contains("net ")).collect();
    assert_eq!(
        texts,
        [
            "Pending app=PodInitializing x0,i=PodInitializing x0 -net ContainersNotReady",
            "Pending app=PodInitializing x0,i=PodInitializing x0 +net ContainersNotReady",
            "Pending app=PodInitializing x0,i=running x0 +net ContainersNotReady",
            "Pending app=PodInitializing x0,i=exit 0 Completed x0 +net ContainersNotReady",
            "Running app=running x0,i=exit 0 Completed x0 +net +ready",
            "Running app=exit 0 Completed x0,i=exit 0 Completed x0 +net PodCompleted",
            "Succeeded app=exit 0 Completed x0,i=exit 0 Completed x0 -net PodCompleted",
        ]
    );
}

#[test]
fn a_pull_that_fails_is_tried_again_after_pauses() {
    let row = Behaviour { pull_error: "not found".into(), ..Behaviour::default() };
    let mut world = World::new(config(&[("*nosuch*", row)]));
    world.put(pod("bad", json!({"containers": [{"name": "app", "image": "reg/nosuch:v1"}]})));
    world.run(SimDuration::secs(60));
    let texts = world.texts();
    for text in [
        "Failed: Error: ErrImagePull",
        "BackOff: Back-off pulling image \"reg/nosuch:v1\"",
        "Failed: Error: ImagePullBackOff",
        "Pending app=ErrImagePull x0 +net ContainersNotReady",
        "Pending app=ImagePullBackOff x0 +net ContainersNotReady",
    ] {
        assert!(texts.contains(&text), "{text}: {:#?}", world.log);
    }
}

#[test]
fn readiness_is_told_when_the_probe_first_succeeds() {
    let mut world = World::new(config(&[]));
    world.run(SimDuration::secs(60));
    let probe = json!({"exec": {"command": ["ready-after", "2"]}, "periodSeconds": 1});
    world.put(pod("slow", app(json!({"readinessProbe": probe}))));
    world.run(SimDuration::secs(10));
    let count = |start: &str| world.texts().iter().filter(|t| t.starts_with(start)).count();
    assert_eq!(count("Unhealthy: Readiness probe failed: "), 3, "{:#?}", world.log);
    assert_eq!(count("Running app=running x0 +net +ready"), 1);
    let wakes = world.wakes;
    world.run(SimDuration::secs(600));
    assert_eq!(world.wakes, wakes);
}

#[test]
fn a_sidecar_starts_before_and_ends_after_the_others() {
    let mut world = World::new(config(&[]));
    let spec = json!({
        "restartPolicy": "Never",
        "initContainers": [
            {"name": "side", "image": "app:v1", "restartPolicy": "Always",
             "startupProbe": {"exec": {"command": ["ready-after", "2"]}, "periodSeconds": 1}},
        ],
        "containers": [{"name": "app", "image": "app:v1", "command": ["exit", "5", "0"]}],
    });
    world.run(SimDuration::secs(60));
    world.put(pod("both", spec));
    world.run(SimDuration::secs(30));
    let texts: Vec<&str> = world.texts().into_iter().filter(|t| t.contains("net ")).collect();
    assert_eq!(
        texts,
        [
            "Pending app=PodInitializing x0,side=PodInitializing x0 -net ContainersNotReady",
            "Pending app=PodInitializing x0,side=PodInitializing x0 +net ContainersNotReady",
            "Pending app=PodInitializing x0,side=running x0 +net ContainersNotReady",
            "Pending app=PodInitializing x0,side=running x0 +net ContainersNotReady",
            "Running app=running x0,side=running x0 +net +ready",
            "Running app=exit 0 Completed x0,side=running x0 +net ContainersNotReady",
            "Running app=exit 0 Completed x0,side=exit 0  x0 +net PodCompleted",
            "Succeeded app=exit 0 Completed x0,side=exit 0  x0 -net PodCompleted",
        ]
    );
}

#[test]
fn one_container_may_restart_all() {
    let mut world = World::new(config(&[]));
    let codes = json!({"operator": "In", "values": [42]});
    let rule = json!([{"action": "RestartAllContainers", "exitCodes": codes}]);
    let spec = json!({
        "restartPolicy": "Never",
        "initContainers": [{"name": "i", "image": "app:v1", "command": ["exit", "1", "0"]}],
        "containers": [
            {"name": "app", "image": "app:v1"},
            {"name": "watch", "image": "app:v1", "command": ["exit", "5", "42"],
             "restartPolicy": "Never", "restartPolicyRules": rule},
        ],
    });
    world.put(pod("all", spec));
    world.run(SimDuration::secs(10));
    let texts: Vec<&str> = world.texts().into_iter().filter(|t| t.contains("net ")).collect();
    let removed = ["app", "watch", "i"].map(|name| format!("{name}=RestartingAllContainers x1"));
    let removed = removed.join(",");
    assert!(texts.iter().any(|t| t.contains(&removed)), "{:#?}", world.log);
    let status = &world.pod("all").status;
    assert_eq!(status.container_statuses[0].restart_count, 1, "{:#?}", world.log);
    assert!(status.container_statuses[0].state.running.is_some(), "{:#?}", world.log);
}

#[test]
fn a_pod_that_goes_before_it_started_leaves_nothing() {
    let mut world = World::new(config(&[]));
    world.run(SimDuration::secs(5));
    let object = pod("short", app(json!({})));
    world.put(object);
    world.run(SimDuration::millis(50));
    let object = delete(&Object::Pod(world.pod("short").clone()));
    world.put(object);
    world.run(SimDuration::secs(5));
    assert_eq!(world.texts().last(), Some(&"deleted"), "{:#?}", world.log);
    assert!(world.kubelet.workers.is_empty() && world.kubelet.runtime().pods().next().is_none());
}
