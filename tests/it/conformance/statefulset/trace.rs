//! Whole histories: the `StatefulSet` controller over caches that its own writes change, with an
//! environment that makes pods ready and lets them go.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::{Value, json};
use wavetank::api::apps::controller_revision::ControllerRevision;
use wavetank::api::apps::pod_template::PodTemplate;
use wavetank::api::apps::stateful_set::{Ordinals, StatefulSet};
use wavetank::api::condition::Condition;
use wavetank::api::core::pod::{Pod, PodPhase};
use wavetank::api::gates::{Gate, Gates};
use wavetank::api::meta::Uid;
use wavetank::api::object::{Kind, Object, ObjectKey, Resource};
use wavetank::api::request::{Subresource, Verb};
use wavetank::api::time::Time;
use wavetank::client::plan::Write;
use wavetank::client::reconciler::Reconciler;
use wavetank::client::view::{Caches, View};
use wavetank::controllers::stateful_set::StatefulSetController;
use wavetank::controllers::stateful_set::identity::ordinal;

use super::super::replicaset::{NOW, text};
use super::super::{Case, same};
use super::number;

/// How often a `settle` syncs at most.
const LIMIT: usize = 200;

/// The cluster of a case.
struct World {
    caches: Caches,
    controller: StatefulSetController,
    gates: Gates,
    /// Pods of this image stay pending.
    bad: Option<String>,
    /// Whether deleted pods stay one sync longer.
    slow_delete: bool,
    /// Pods that the environment leaves alone.
    held: BTreeSet<String>,
    /// Pods that have been seen terminating by a sync.
    going: BTreeSet<Uid>,
    now: Time,
    revision: u64,
    key: ObjectKey,
    syncs: Vec<Value>,
}

/// What a sync did to pods.
#[derive(Default)]
struct Done {
    created: BTreeMap<i32, String>,
    deleted: BTreeSet<String>,
    updated: BTreeSet<String>,
}

impl World {
    fn new(input: &Value) -> Result<World, String> {
        let environment = text(&input["environment"])?;
        let labels = json!({ "app": "web" });
        let container = json!({ "name": "c", "image": "v1" });
        let rolling = json!({
            "partition": input["partition"], "maxUnavailable": input["maxUnavailable"],
        });
        let mut strategy = json!({ "type": input["updateStrategy"] });
        if input["updateStrategy"] == "RollingUpdate" {
            strategy["rollingUpdate"] = rolling;
        }
        let object = json!({
            "metadata": {
                "name": "web", "namespace": "default", "uid": "set", "generation": 1,
            },
            "spec": {
                "replicas": input["replicas"],
                "selector": { "matchLabels": labels },
                "template": { "metadata": { "labels": labels }, "spec": { "containers": [container] } },
                "serviceName": "web",
                "podManagementPolicy": input["podManagementPolicy"],
                "updateStrategy": strategy,
                "minReadySeconds": input["minReadySeconds"],
                "ordinals": { "start": input["startOrdinal"] },
                "revisionHistoryLimit": 10,
            },
        });
        let set = Object::from_value(Kind::STATEFUL_SET, object).map_err(|e| e.to_string())?;
        let gate = input["maxUnavailableFeature"].as_bool().ok_or("no gate")?;
        let mut world = World {
            caches: Caches::default(),
            controller: StatefulSetController::default(),
            gates: Gates::DEFAULT.with(Gate::MaxUnavailableStatefulSet, gate),
            bad: environment.strip_prefix("bad:").map(str::to_owned),
            slow_delete: environment == "slowdelete",
            held: BTreeSet::new(),
            going: BTreeSet::new(),
            now: NOW,
            revision: 0,
            key: ObjectKey::new(Kind::STATEFUL_SET, "default", "web"),
            syncs: Vec::new(),
        };
        let known = ["auto", "slowdelete"].contains(&environment) || world.bad.is_some();
        if !known {
            return Err(format!("unknown environment `{environment}`"));
        }
        world.store(set);
        Ok(world)
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
        self.caches.of_mut(object.kind()).put(object);
    }

    fn set(&self) -> Arc<StatefulSet> {
        let object = self.caches.of(Kind::STATEFUL_SET).get("default", "web");
        object.and_then(StatefulSet::of).expect("the StatefulSet is there").clone()
    }

    /// The pods, by ordinal.
    fn pods(&self) -> BTreeMap<i32, Arc<Pod>> {
        let all = self.caches.of(Kind::POD).all().filter_map(Pod::of);
        all.filter_map(|p| Some((ordinal(p)?, p.clone()))).collect()
    }

    fn pod(&self, op: &Value) -> Result<Pod, String> {
        let pod = self.caches.of(Kind::POD).get("default", text(&op["pod"])?).and_then(Pod::of);
        pod.map(|p| (**p).clone()).ok_or_else(|| format!("no pod for {op}"))
    }

    fn operate(&mut self, op: &Value) -> Result<(), String> {
        match text(&op["op"])? {
            "hold" => _ = self.held.insert(text(&op["pod"])?.to_owned()),
            "unhold" => _ = self.held.remove(text(&op["pod"])?),
            "delete" => {
                let name = text(&op["pod"])?.into();
                self.caches.of_mut(Kind::POD).remove(&"default".into(), &name);
            }
            "fail" => self.set_phase(op, PodPhase::Failed)?,
            "succeed" => self.set_phase(op, PodPhase::Succeeded)?,
            "unready" => {
                let mut pod = self.pod(op)?;
                Arc::make_mut(&mut pod.status).conditions.clear();
                self.store(pod.into());
            }
            _ => self.change_spec(op)?,
        }
        Ok(())
    }

    fn set_phase(&mut self, op: &Value, phase: PodPhase) -> Result<(), String> {
        let mut pod = self.pod(op)?;
        let status = Arc::make_mut(&mut pod.status);
        (status.phase, status.conditions) = (phase, Vec::new());
        self.store(pod.into());
        Ok(())
    }

    fn change_spec(&mut self, op: &Value) -> Result<(), String> {
        let mut set = (*self.set()).clone();
        let spec = Arc::make_mut(&mut set.spec);
        match text(&op["op"])? {
            "scale" => spec.replicas = number(&op["n"])?,
            "setPartition" => {
                let rolling = spec.update_strategy.rolling_update.get_or_insert_default();
                rolling.partition = Some(number(&op["n"])?);
            }
            "setStart" => spec.ordinals = Some(Ordinals { start: number(&op["n"])? }),
            "setImage" => {
                let mut value = spec.template.to_value();
                value["spec"]["containers"][0]["image"] = op["image"].clone();
                let template: PodTemplate =
                    serde_json::from_value(value).map_err(|e| e.to_string())?;
                spec.template = Arc::new(template);
            }
            other => return Err(format!("unknown operation `{other}`")),
        }
        set.meta.generation += 1;
        self.store(set.into());
        Ok(())
    }

    /// One sync; true when it or the environment after it changed pods.
    fn sync(&mut self) -> Result<bool, String> {
        self.now = Time(self.now.0 + 1_000_000_000);
        let view = View::new(&self.caches, self.now).with_gates(self.gates);
        let plan = self.controller.reconcile(&self.key, view);
        let mut done = Done::default();
        for write in plan.writes() {
            self.apply(write, &mut done)?;
        }
        let changed = self.environment();
        let acted =
            !(done.created.is_empty() && done.deleted.is_empty() && done.updated.is_empty());
        self.record(done);
        Ok(changed || acted)
    }

    fn apply(&mut self, write: &Write, done: &mut Done) -> Result<(), String> {
        match &write.verb {
            Verb::Create { object, .. } => {
                if let Object::Pod(pod) = object {
                    let place = ordinal(pod).ok_or("a pod without an ordinal")?;
                    done.created.insert(place, shown(pod));
                }
                self.store(object.clone());
            }
            Verb::Update { object, part: Subresource::Main | Subresource::Status } => {
                self.store(object.clone());
            }
            Verb::Delete { key, .. } if key.kind == Kind::POD => {
                done.deleted.insert(key.name.to_string());
                let pod = self.caches.of(Kind::POD).get("default", &key.name).and_then(Pod::of);
                let mut pod = (**pod.ok_or("it deletes what is gone")?).clone();
                pod.meta.deletion = Some(self.now);
                self.store(pod.into());
            }
            Verb::Delete { key, .. } => {
                self.caches.of_mut(key.kind).remove(&key.namespace, &key.name);
            }
            other => return Err(format!("unexpected write {other:?}")),
        }
        Ok(())
    }

    /// Lets pods become ready and go; true when anything changed.
    fn environment(&mut self) -> bool {
        let mut changed = false;
        for pod in self.pods().into_values() {
            if pod.meta.is_deleting() {
                changed = true;
                if !self.slow_delete || !self.going.insert(pod.meta.uid) {
                    let name = pod.meta.name.clone();
                    self.caches.of_mut(Kind::POD).remove(&"default".into(), &name);
                }
                continue;
            }
            let is_bad = self.bad.as_deref() == Some(pod.spec.containers[0].image.as_str());
            let is_held = self.held.contains(pod.meta.name.as_str());
            if is_bad || is_held || pod.is_ready() || pod.is_terminal() {
                continue;
            }
            let mut ready = (*pod).clone();
            let status = Arc::make_mut(&mut ready.status);
            status.phase = PodPhase::Running;
            status.conditions = vec![Condition {
                last_transition_time: Some(self.now),
                ..Condition::new("Ready", true.into(), "")
            }];
            self.store(ready.into());
            changed = true;
        }
        changed
    }

    /// The image that a revision holds.
    fn image_of_revision(&self, name: &str) -> Value {
        let found = self.caches.of(Kind::CONTROLLER_REVISION).get("default", name);
        let found = found.and_then(ControllerRevision::of);
        let image = "/spec/template/spec/containers/0/image";
        found.and_then(|r| r.data.pointer(image).cloned()).unwrap_or_default()
    }

    /// The state after a sync, in the form of the cases.
    fn record(&mut self, done: Done) {
        let set = self.set();
        let status = &set.status;
        let list = |all: Vec<String>| if all.is_empty() { Value::Null } else { json!(all) };
        let after = self.pods().into_values().map(|p| after(&p)).collect();
        self.syncs.push(json!({
            "created": list(done.created.into_values().collect()),
            "deleted": list(done.deleted.into_iter().collect()),
            "podsAfterEnvironment": list(after),
            "revisions": self.caches.of(Kind::CONTROLLER_REVISION).len(),
            "status": {
                "available": status.available_replicas,
                "current": status.current_replicas,
                "currentRevisionImage": self.image_of_revision(&status.current_revision),
                "observedGeneration": status.observed_generation,
                "ready": status.ready_replicas,
                "replicas": status.replicas,
                "updateRevisionImage": self.image_of_revision(&status.update_revision),
                "updated": status.updated_replicas,
            },
            "updatedPods": list(done.updated.into_iter().collect()),
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

fn shown(pod: &Pod) -> String {
    format!("{}@{}", pod.meta.name, pod.spec.containers[0].image)
}

fn after(pod: &Pod) -> String {
    let mut text = format!("{}:{}", shown(pod), pod.status.phase.as_str());
    if pod.meta.is_deleting() {
        text.push_str(":terminating");
    }
    if pod.is_ready() {
        text.push_str(":ready");
    }
    text
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
                for _ in 0..number(&op["n"])? {
                    world.sync()?;
                }
            }
            _ => world.operate(op)?,
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
    let view = View::new(&world.caches, world.now).with_gates(world.gates);
    let settled = world.controller.reconcile(&world.key, view);
    if settled.is_empty() { Ok(()) } else { Err(format!("settled, it still wants {settled:?}")) }
}
