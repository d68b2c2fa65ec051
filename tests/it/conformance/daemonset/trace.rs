//! Whole histories: the `DaemonSet` controller over caches that its own writes change, with nodes
//! that come and go and pods that get ready at once.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value, json};
use wavetank::api::apps::daemon_set::DaemonSet;
use wavetank::api::apps::pod_template::PodTemplate;
use wavetank::api::condition::Condition;
use wavetank::api::core::pod::{Pod, PodPhase};
use wavetank::api::meta::Uid;
use wavetank::api::object::{Kind, Object, ObjectKey, Resource};
use wavetank::api::request::Verb;
use wavetank::api::time::Time;
use wavetank::client::plan::Write;
use wavetank::client::reconciler::Reconciler;
use wavetank::client::view::{Caches, View};
use wavetank::controllers::daemon_set::DaemonSetController;

use super::super::replicaset::{NOW, int, text};
use super::super::{Case, same};

/// How often a `settle` syncs at most.
const LIMIT: usize = 200;

/// The cluster of a case.
struct World {
    caches: Caches,
    controller: DaemonSetController,
    bad: Option<String>,
    now: Time,
    revision: u64,
    /// How many nodes there ever were.
    nodes: i64,
    /// Whether the last look did no step of a rolling update.
    managed: bool,
    syncs: Vec<Value>,
}

impl World {
    fn new(input: &Value) -> Result<World, String> {
        let labels = json!({ "app": "agent" });
        let container = json!({ "name": "c", "image": "v1" });
        let rolling =
            json!({ "maxSurge": input["maxSurge"], "maxUnavailable": input["maxUnavailable"] });
        let strategy = json!({ "type": input["updateStrategy"], "rollingUpdate": rolling });
        let template =
            json!({ "metadata": { "labels": labels }, "spec": { "containers": [container] } });
        let object = json!({
            "metadata": {
                "name": "agent", "namespace": "default", "uid": "set", "generation": 1,
                "annotations": { "deprecated.daemonset.template.generation": "1" },
            },
            "spec": {
                "selector": { "matchLabels": labels },
                "template": template,
                "updateStrategy": strategy,
                "revisionHistoryLimit": 10,
            },
        });
        let set = Object::from_value(Kind::DAEMON_SET, object).map_err(|e| e.to_string())?;
        let mut world = World {
            caches: Caches::default(),
            controller: DaemonSetController::default(),
            bad: input["imageThatNeverGetsReady"].as_str().map(str::to_owned),
            now: NOW,
            revision: 0,
            nodes: 0,
            managed: false,
            syncs: Vec::new(),
        };
        world.store(set);
        world.add_nodes(int(&input["nodes"])?)?;
        Ok(world)
    }

    fn add_nodes(&mut self, count: i64) -> Result<(), String> {
        for _ in 0..count {
            let name = format!("node-{}", self.nodes);
            self.nodes += 1;
            let node = Object::from_value(Kind::NODE, json!({ "metadata": { "name": name } }));
            self.store(node.map_err(|e| e.to_string())?);
        }
        Ok(())
    }

    /// Takes away the first nodes; their pods were never bound, so they are the controller's to
    /// delete.
    fn remove_nodes(&mut self, count: i64) -> Result<(), String> {
        let count = usize::try_from(count).map_err(|e| e.to_string())?;
        let mut names: Vec<_> =
            self.caches.of(Kind::NODE).all().map(|n| n.meta().name.clone()).collect();
        names.sort();
        for name in names.into_iter().take(count) {
            self.caches.of_mut(Kind::NODE).remove(&"".into(), &name);
        }
        Ok(())
    }

    fn store(&mut self, mut object: Object) {
        self.revision += 1;
        let (revision, now) = (self.revision, self.now);
        let meta = object.meta_mut();
        meta.resource_version = revision;
        if meta.uid.is_none() {
            meta.uid = Uid::parse(&format!("u{revision}"));
            meta.creation = Some(now.whole_seconds());
        }
        if meta.name.is_empty() {
            meta.name = format!("{}{revision:05}", meta.generate_name).into();
        }
        self.caches.of_mut(object.kind()).put(object);
    }

    fn pods(&self) -> Vec<Arc<Pod>> {
        self.caches.of(Kind::POD).all().filter_map(Pod::of).cloned().collect()
    }

    fn set_image(&mut self, op: &Value) -> Result<(), String> {
        let object = self.caches.of(Kind::DAEMON_SET).get("default", "agent");
        let set = object.and_then(DaemonSet::of).ok_or("no DaemonSet")?;
        let mut set = (**set).clone();
        let spec = Arc::make_mut(&mut set.spec);
        let mut value = spec.template.to_value();
        value["spec"]["containers"][0]["image"] = op["image"].clone();
        let template: PodTemplate = serde_json::from_value(value).map_err(|e| e.to_string())?;
        spec.template = Arc::new(template);
        set.meta.generation += 1;
        let generation = set.meta.generation.to_string();
        let key = "deprecated.daemonset.template.generation";
        set.meta.annotations = set.meta.annotations.with(key, &generation);
        self.store(set.into());
        Ok(())
    }

    /// One sync; true when it or the environment after it changed pods.
    fn sync(&mut self) -> Result<bool, String> {
        self.now = Time(self.now.0 + 1_000_000_000);
        let (mut creates, mut deletes) = self.look(|_| true)?;
        if creates + deletes > 0 && self.managed {
            // The recorded controller saw its own writes at once, so its rolling update went on in
            // the same sync.
            let (created, deleted) = self.look(is_rolling)?;
            (creates, deletes) = (creates + created, deletes + deleted);
        }
        let changed = self.environment();
        self.record(creates, deletes);
        Ok(changed || creates + deletes > 0)
    }

    /// One look, of which those writes are carried out; how many pods were created and deleted.
    fn look(&mut self, which: impl Fn(&Write) -> bool) -> Result<(i32, i32), String> {
        let key = ObjectKey::new(Kind::DAEMON_SET, "default", "agent");
        let plan = self.controller.reconcile(&key, View::new(&self.caches, self.now));
        let of_pods = |w: &&Write| w.verb.key().kind == Kind::POD;
        self.managed = !plan.writes().filter(of_pods).any(is_rolling);
        let (mut creates, mut deletes) = (0, 0);
        for write in plan.writes().filter(|w| !of_pods(w) || which(w)) {
            let (created, deleted) = self.apply(write)?;
            (creates, deletes) = (creates + created, deletes + deleted);
        }
        Ok((creates, deletes))
    }

    fn apply(&mut self, write: &Write) -> Result<(i32, i32), String> {
        match &write.verb {
            Verb::Create { object, .. } => {
                self.store(object.clone());
                Ok((i32::from(object.kind() == Kind::POD), 0))
            }
            Verb::Update { object, .. } => {
                self.store(object.clone());
                Ok((0, 0))
            }
            Verb::Delete { key, .. } => {
                self.caches.of_mut(key.kind).remove(&key.namespace, &key.name);
                Ok((0, i32::from(key.kind == Kind::POD)))
            }
            other => Err(format!("unexpected write {other:?}")),
        }
    }

    /// Makes pods of good images ready; true when anything changed.
    fn environment(&mut self) -> bool {
        let mut changed = false;
        for pod in self.pods() {
            let is_bad = self.bad.as_deref() == Some(pod.spec.containers[0].image.as_str());
            if pod.is_ready() || is_bad {
                continue;
            }
            let mut new = (*pod).clone();
            let status = Arc::make_mut(&mut new.status);
            status.phase = PodPhase::Running;
            status.conditions = vec![Condition {
                last_transition_time: Some(Time(self.now.0 - 3_600_000_000_000)),
                ..Condition::new("Ready", true.into(), "")
            }];
            self.store(new.into());
            changed = true;
        }
        changed
    }

    /// The state after a sync, in the form of the cases.
    fn record(&mut self, creates: i32, deletes: i32) {
        let (mut images, mut nodes) = (BTreeMap::new(), BTreeMap::new());
        for pod in self.pods() {
            *images.entry(pod.spec.containers[0].image.to_string()).or_insert(0) += 1;
            *nodes.entry(pinned(&pod)).or_insert(0) += 1;
        }
        self.syncs.push(json!({
            "creates": creates,
            "deletes": deletes,
            "nodesWithTwoPods": nodes.values().filter(|n| **n > 1).count(),
            "podsByImageAfterEnvironment": images,
        }));
    }

    fn settle(&mut self) -> Result<(), String> {
        for _ in 0..LIMIT {
            if !self.sync()? {
                return Ok(());
            }
        }
        Err("it never settles".to_owned())
    }
}

/// Whether a write is a step of a rolling update.
fn is_rolling(write: &Write) -> bool {
    let why = write.why.to_string();
    why.contains("of an old template") || why.contains("beside the old one")
}

/// The node that a pod is pinned to.
fn pinned(pod: &Pod) -> String {
    let raw = Value::Object((*pod.spec.raw).clone());
    let path = "/affinity/nodeAffinity/requiredDuringSchedulingIgnoredDuringExecution\
                /nodeSelectorTerms/0/matchFields/0/values/0";
    raw.pointer(path).and_then(Value::as_str).unwrap_or_default().to_owned()
}

/// Runs a case.
pub(crate) fn run(case: &Case<'_>) -> Result<(), String> {
    let mut world = World::new(case.input)?;
    let mut first_syncs = Vec::new();
    for op in case.input["ops"].as_array().ok_or("ops")? {
        first_syncs.push(world.syncs.len());
        match text(&op["op"])? {
            "settle" => world.settle()?,
            "sync" => {
                for _ in 0..int(&op["n"])? {
                    world.sync()?;
                }
            }
            "setImage" => world.set_image(op)?,
            "addNodes" => world.add_nodes(int(&op["n"])?)?,
            "removeNodes" => world.remove_nodes(int(&op["n"])?)?,
            other => return Err(format!("unknown operation `{other}`")),
        }
    }
    let none = Vec::new();
    let theirs = case.want["syncs"].as_array().unwrap_or(&none);
    for (i, (mine, theirs)) in world.syncs.iter().zip(theirs).enumerate() {
        same(mine, theirs).map_err(|e| format!("sync {i}: {e}"))?;
    }
    let lengths = |syncs: usize, first: &Value| json!({ "syncs": syncs, "first": first });
    same(
        &lengths(world.syncs.len(), &json!(first_syncs)),
        &lengths(theirs.len(), &case.want["firstSyncOfOp"]),
    )?;
    let key = ObjectKey::new(Kind::DAEMON_SET, "default", "agent");
    let settled = world.controller.reconcile(&key, View::new(&world.caches, world.now));
    if settled.is_empty() { Ok(()) } else { Err(format!("settled, it still wants {settled:?}")) }
}
