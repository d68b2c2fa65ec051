//! Whole rollouts: the Deployment controller over caches that its own writes change, with pods
//! that come and go as a case says.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Map, Value, json};
use wavetank::api::apps::deployment::Deployment;
use wavetank::api::apps::pod_template::PodTemplate;
use wavetank::api::apps::replica_set::ReplicaSet;
use wavetank::api::core::pod::Pod;
use wavetank::api::meta::{Meta, Uid};
use wavetank::api::object::{Kind, Object, ObjectKey, Resource, controller_reference};
use wavetank::api::request::{Subresource, Verb};
use wavetank::api::time::Time;
use wavetank::client::plan::{Plan, Write};
use wavetank::client::reconciler::Reconciler;
use wavetank::client::view::{Caches, View};
use wavetank::controllers::deployment::DeploymentController;
use wavetank::controllers::deployment::revision::REVISION;

use super::super::replicaset::{NOW, int, text};
use super::super::{Case, same};

/// How often a `settle` syncs at most.
const LIMIT: usize = 200;

/// How the pods of a case behave.
#[derive(Clone, PartialEq, Eq, Debug)]
enum PodModel {
    /// All are available after each sync.
    Instant,
    /// Those of one image never get ready.
    Bad(String),
    /// At most one more of each `ReplicaSet` gets ready after each sync.
    OnePerSync,
    /// One surplus old pod vanishes after each sync.
    SlowDelete,
}

impl PodModel {
    fn parse(text: &str) -> Result<PodModel, String> {
        match text {
            "instant" => Ok(PodModel::Instant),
            "onePerSync" => Ok(PodModel::OnePerSync),
            "slowdelete" => Ok(PodModel::SlowDelete),
            _ => match text.strip_prefix("bad:") {
                Some(image) => Ok(PodModel::Bad(image.to_owned())),
                None => Err(format!("unknown pod model `{text}`")),
            },
        }
    }
}

/// The cluster of a case.
struct World {
    caches: Caches,
    controller: DeploymentController,
    pods: PodModel,
    now: Time,
    revision: u64,
    key: ObjectKey,
    syncs: Vec<Value>,
    names: BTreeMap<String, String>,
}

impl World {
    fn new(input: &Value) -> Result<World, String> {
        let mut spec = super::spec(input)?;
        let labels = spec.template.meta.labels.clone();
        spec.selector = Arc::new(wavetank::api::selector::LabelSelector {
            match_labels: labels,
            ..Default::default()
        });
        let mut meta = Meta::named("default", "web");
        meta.uid = Uid::parse("deployment");
        meta.generation = 1;
        let deployment = Deployment { meta, spec: Arc::new(spec), ..Deployment::default() };
        let mut world = World {
            caches: Caches::default(),
            controller: DeploymentController::default(),
            pods: PodModel::parse(text(&input["podModel"])?)?,
            now: NOW,
            revision: 0,
            key: ObjectKey::new(Kind::DEPLOYMENT, "default", "web"),
            syncs: Vec::new(),
            names: BTreeMap::new(),
        };
        world.store(deployment.into());
        Ok(world)
    }

    fn store(&mut self, mut object: Object) {
        self.revision += 1;
        let revision = self.revision;
        let meta = object.meta_mut();
        meta.resource_version = revision;
        if meta.uid.is_none() {
            meta.uid = Uid::parse(&format!("u{revision}"));
            meta.creation = Some(self.now.whole_seconds());
            meta.generation = 1;
        }
        self.caches.of_mut(object.kind()).put(object);
    }

    fn deployment(&self) -> Arc<Deployment> {
        let object = self.caches.of(Kind::DEPLOYMENT).get("default", "web");
        object.and_then(Deployment::of).expect("the Deployment is there").clone()
    }

    /// The `ReplicaSets`, by name.
    fn sets(&self) -> BTreeMap<String, Arc<ReplicaSet>> {
        let all = self.caches.of(Kind::REPLICA_SET).all().filter_map(ReplicaSet::of);
        all.map(|s| (s.meta.name.to_string(), s.clone())).collect()
    }

    fn change_spec(&mut self, op: &Value) -> Result<(), String> {
        let mut deployment = (*self.deployment()).clone();
        let spec = Arc::make_mut(&mut deployment.spec);
        match text(&op["op"])? {
            "scale" => spec.replicas = i32::try_from(int(&op["n"])?).map_err(|e| e.to_string())?,
            "pause" => spec.paused = true,
            "resume" => spec.paused = false,
            "setImage" => {
                let mut value = spec.template.to_value();
                value["spec"]["containers"][0]["image"] = op["image"].clone();
                let template: PodTemplate =
                    serde_json::from_value(value).map_err(|e| e.to_string())?;
                spec.template = Arc::new(template);
            }
            other => return Err(format!("unknown operation `{other}`")),
        }
        deployment.meta.generation += 1;
        self.store(deployment.into());
        Ok(())
    }

    /// One sync; true when it or the environment after it changed anything.
    fn sync(&mut self) -> Result<bool, String> {
        self.now = Time(self.now.0 + 1_000_000_000);
        let view = View::new(&self.caches, self.now);
        let plan = self.controller.reconcile(&self.key, view);
        let mut writes = Vec::new();
        let mut events = plan.events.len();
        for write in plan.writes() {
            writes.push(self.apply(write)?);
            events += usize::from(write.on_success.is_some());
        }
        self.record(&writes, events);
        let wrote = !writes.is_empty();
        Ok(self.environment() || wrote)
    }

    /// Carries a write out as the apiserver would, but for conflicts: the recorded syncs ran
    /// against a client that knows none.
    fn apply(&mut self, write: &Write) -> Result<String, String> {
        let plural = |object: &Object| object.kind().row().plural;
        match &write.verb {
            Verb::Create { object, .. } => {
                self.store(object.clone());
                Ok(format!("create {}", plural(object)))
            }
            Verb::Update { object, part: Subresource::Main } => {
                let stored = self.caches.of(object.kind()).get("default", &object.meta().name);
                let mut object = object.clone();
                if let (Some(old), Object::ReplicaSet(new)) = (stored, &mut object) {
                    let old = ReplicaSet::of(old).ok_or("another kind")?;
                    let new = Arc::make_mut(new);
                    new.status = old.status.clone();
                    new.meta.generation = old.meta.generation + i64::from(new.spec != old.spec);
                }
                let name = plural(&object);
                self.store(object);
                Ok(format!("update {name}"))
            }
            Verb::Update { object, part: Subresource::Status } => {
                self.store(object.clone());
                Ok(format!("update {}/status", plural(object)))
            }
            Verb::Delete { key, .. } => {
                self.caches.of_mut(key.kind).remove(&key.namespace, &key.name);
                Ok(format!("delete {}", key.kind.row().plural))
            }
            other => Err(format!("unexpected write {other:?}")),
        }
    }

    /// The state after a sync, in the form of the cases.
    fn record(&mut self, writes: &[String], events: usize) {
        let deployment = self.deployment();
        let (mut sizes, mut revisions) = (Map::new(), Map::new());
        for (name, set) in self.sets() {
            let image = image_of(&set);
            sizes.insert(image.clone(), set.spec.replicas.into());
            let revision = set.meta.annotations.get(REVISION).map_or("", |r| r.as_str());
            revisions.insert(image.clone(), revision.into());
            self.names.insert(image, name);
        }
        let status = &deployment.status;
        let conditions: Map<String, Value> = status
            .conditions
            .iter()
            .map(|c| (c.kind.to_string(), format!("{}/{}", c.status.as_str(), c.reason).into()))
            .collect();
        let revision = deployment.meta.annotations.get(REVISION).map_or("", |r| r.as_str());
        let writes = if writes.is_empty() { Value::Null } else { json!(writes) };
        self.syncs.push(json!({
            "conditions": conditions,
            "deploymentRevision": revision,
            "events": events,
            "revision": revisions,
            "rs": sizes,
            "status": {
                "available": status.available_replicas,
                "observedGeneration": status.observed_generation,
                "ready": status.ready_replicas,
                "replicas": status.replicas,
                "unavailable": status.unavailable_replicas,
                "updated": status.updated_replicas,
            },
            "writes": writes,
        }));
    }

    /// Lets pods come, get ready and go; true when anything changed.
    fn environment(&mut self) -> bool {
        let new = image_of_template(&self.deployment().spec.template);
        let mut changed = false;
        for set in self.sets().into_values() {
            let mut after = (*set).clone();
            let (image, want) = (image_of(&set), set.spec.replicas);
            let status = &mut after.status;
            let (had, was_available) = (status.replicas, status.available_replicas);
            let slow = self.pods == PodModel::SlowDelete && image != new && had > want;
            status.replicas = if slow { had - 1 } else { want };
            status.available_replicas = match &self.pods {
                PodModel::Bad(bad) if *bad == image => 0,
                PodModel::Instant | PodModel::Bad(_) => want,
                PodModel::OnePerSync => want.min(was_available + 1),
                PodModel::SlowDelete => status.replicas,
            };
            status.ready_replicas = status.available_replicas;
            status.terminating_replicas = Some(0);
            status.observed_generation = after.meta.generation;
            let replicas = status.replicas;
            if after.status != set.status {
                changed = true;
                self.store(after.into());
            }
            self.place_pods(&set, replicas);
        }
        changed
    }

    /// As many pods of a `ReplicaSet` as its status tells of.
    fn place_pods(&mut self, set: &Arc<ReplicaSet>, count: i32) {
        let have = self.caches.of(Kind::POD).controlled_by(set.meta.uid).count();
        let count = usize::try_from(count).unwrap_or(0);
        for n in have..count {
            let mut pod = Pod::default();
            pod.meta = Meta::named("default", &format!("{}-{n}", set.meta.name));
            pod.meta.labels = set.spec.template.meta.labels.clone();
            pod.meta.set_owners(vec![controller_reference(Kind::REPLICA_SET, &set.meta)]);
            self.store(pod.into());
        }
        for n in count..have {
            let name = format!("{}-{n}", set.meta.name).into();
            self.caches.of_mut(Kind::POD).remove(&"default".into(), &name);
        }
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

fn image_of(set: &ReplicaSet) -> String {
    image_of_template(&set.spec.template)
}

fn image_of_template(template: &PodTemplate) -> String {
    template.spec.containers.first().map(|c| c.image.to_string()).unwrap_or_default()
}

/// Runs a case.
pub(crate) fn trace(case: &Case<'_>) -> Result<(), String> {
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
            _ => world.change_spec(op)?,
        }
    }
    let got = json!({
        "firstSyncOfOp": first_syncs,
        "replicaSetNames": world.names,
        "syncs": world.syncs,
    });
    compare(&got, case.want)?;
    let settled = world.controller.reconcile(&world.key, View::new(&world.caches, world.now));
    check_settled(&settled)
}

/// Compares sync by sync, so that a difference shows where it begins.
fn compare(got: &Value, want: &Value) -> Result<(), String> {
    let none = Vec::new();
    let list = |v: &Value| v["syncs"].as_array().unwrap_or(&none).clone();
    let (mine, theirs) = (list(got), list(want));
    for (i, (a, b)) in mine.iter().zip(&theirs).enumerate() {
        same(a, b).map_err(|e| format!("sync {i}: {e}"))?;
    }
    let short = |v: &Value, syncs: usize| {
        let (first, names) = (&v["firstSyncOfOp"], &v["replicaSetNames"]);
        json!({ "first": first, "names": names, "syncs": syncs })
    };
    same(&short(got, mine.len()), &short(want, theirs.len()))
}

fn check_settled(plan: &Plan) -> Result<(), String> {
    if plan.is_empty() { Ok(()) } else { Err(format!("settled, it still wants {plan:?}")) }
}
