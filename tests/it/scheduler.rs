//! The scheduler's index changes no outcome: random clusters, evaluated with it and without.
//!
//! `WAVETANK_CLUSTERS` says how many clusters (10,000 before a release).

use std::sync::Arc;

use serde_json::{Value, json};
use wavetank::api::core::node::Node;
use wavetank::api::core::pod::Pod;
use wavetank::api::labels::Labels;
use wavetank::api::meta::Uid;
use wavetank::api::object::{Kind, Object};
use wavetank::api::selector::Selector;
use wavetank::scheduler::cache::{Cache, OwnerKind};
use wavetank::scheduler::config::ProfileConfig;
use wavetank::scheduler::cycle::{Evaluation, Nomination, Outcome, Search};
use wavetank::scheduler::profile::Profile;
use wavetank::sim::rng::Rng;

/// How many clusters.
const CLUSTERS: u64 = 60;

/// How many things happen in each.
const TURNS: usize = 60;

/// A cluster in which things happen, and both ways of looking for nodes in it.
struct World {
    rng: Rng,
    cache: Cache,
    profile: Profile,
    naive: Search,
    indexed: Search,
    templates: Vec<Value>,
    pods: Vec<Arc<Pod>>,
    made: u128,
    nodes: usize,
}

impl World {
    fn new(seed: u64) -> World {
        let mut world = World {
            rng: Rng::named(seed, "clusters"),
            cache: Cache::default(),
            profile: Profile::new(&ProfileConfig::default()),
            naive: Search::new(Evaluation::Naive),
            indexed: Search::new(Evaluation::AlwaysIndexed),
            templates: Vec::new(),
            pods: Vec::new(),
            made: 0,
            nodes: 0,
        };
        for name in ["default", "other"] {
            let labels = Labels::from([("kubernetes.io/metadata.name", name)]);
            world.cache.put_namespace(&name.into(), Some(&labels));
        }
        for _ in 0..world.rng.between(1, 14) {
            world.add_node();
        }
        for _ in 0..world.rng.between(1, 5) {
            let template = world.template();
            world.templates.push(template);
        }
        world
    }

    fn one<'v>(&mut self, all: &[&'v str]) -> &'v str {
        let n = self.rng.below(all.len() as u64);
        all[usize::try_from(n).expect("few")]
    }

    fn node(&mut self, name: &str) -> Arc<Node> {
        let mut labels = json!({});
        if self.rng.chance(9, 10) {
            labels["kubernetes.io/hostname"] = json!(name);
        }
        if self.rng.chance(4, 5) {
            labels["topology.kubernetes.io/zone"] = json!(self.one(&["z1", "z2", "z3"]));
        }
        if self.rng.chance(1, 2) {
            labels["pool"] = json!(self.one(&["a", "b"]));
        }
        let mut taints = Vec::new();
        for (key, effect) in [("t", "NoSchedule"), ("p", "PreferNoSchedule")] {
            if self.rng.chance(1, 8) {
                taints.push(json!({ "key": key, "effect": effect }));
            }
        }
        let images = if self.rng.chance(1, 3) {
            let size = self.rng.between(10, 2000) * 1024 * 1024;
            json!([{ "names": [format!("{}:v1", self.one(&["app", "db"]))], "sizeBytes": size }])
        } else {
            json!([])
        };
        let cpu = self.one(&["1", "2", "4"]);
        let value = json!({
            "metadata": { "name": name, "labels": labels },
            "spec": { "taints": taints, "unschedulable": self.rng.chance(1, 12) },
            "status": {
                "allocatable": { "cpu": cpu, "memory": "8Gi", "pods": "20" }, "images": images,
            },
        });
        let object = Object::from_value(Kind::NODE, value).expect("a node");
        object.as_a::<Node>().cloned().expect("a node")
    }

    fn add_node(&mut self) {
        self.nodes += 1;
        let name = format!("node-{}", self.nodes);
        let node = self.node(&name);
        self.cache.put_node(&node);
    }

    fn selector(&mut self) -> Value {
        let app = self.one(&["a", "b", "c"]);
        match self.rng.below(4) {
            0 => json!({ "matchExpressions": [{ "key": "app", "operator": "Exists" }] }),
            1 => json!({ "matchExpressions": [
                { "key": "app", "operator": "NotIn", "values": [app] }] }),
            _ => json!({ "matchLabels": { "app": app } }),
        }
    }

    fn key(&mut self) -> &'static str {
        self.one(&["kubernetes.io/hostname", "topology.kubernetes.io/zone", "pool"])
    }

    fn term(&mut self) -> Value {
        let mut term = json!({ "labelSelector": self.selector(), "topologyKey": self.key() });
        match self.rng.below(6) {
            0 => term["namespaces"] = json!(["other"]),
            1 => term["namespaceSelector"] = json!({}),
            2 => {
                let name = json!({ "kubernetes.io/metadata.name": "other" });
                term["namespaceSelector"] = json!({ "matchLabels": name });
            }
            _ => {}
        }
        term
    }

    fn affinity(&mut self) -> Value {
        let mut affinity = json!({});
        for kind in ["podAffinity", "podAntiAffinity"] {
            if self.rng.chance(1, 3) {
                affinity[kind]["requiredDuringSchedulingIgnoredDuringExecution"] =
                    json!([self.term()]);
            }
            if self.rng.chance(1, 3) {
                let weight = self.rng.between(1, 100);
                affinity[kind]["preferredDuringSchedulingIgnoredDuringExecution"] =
                    json!([{ "weight": weight, "podAffinityTerm": self.term() }]);
            }
        }
        affinity
    }

    fn constraint(&mut self) -> Value {
        json!({
            "maxSkew": self.rng.between(1, 3),
            "topologyKey": self.key(),
            "whenUnsatisfiable": self.one(&["DoNotSchedule", "ScheduleAnyway"]),
            "labelSelector": self.selector(),
            "nodeAffinityPolicy": self.one(&["Honor", "Ignore"]),
            "nodeTaintsPolicy": self.one(&["Honor", "Ignore"]),
        })
    }

    fn template(&mut self) -> Value {
        let app = self.one(&["a", "b", "c"]);
        let requests = json!({ "cpu": self.one(&["0", "100m", "500m", "1"]), "memory": "64Mi" });
        let image = self.one(&["app:v1", "db:v1", "none"]);
        let mut spec = json!({
            "containers": [{ "name": "c", "image": image, "resources": { "requests": requests } }],
            "priority": self.rng.below(3),
        });
        if self.rng.chance(1, 3) {
            spec["affinity"] = self.affinity();
        }
        if self.rng.chance(1, 3) {
            let constraints: Vec<Value> =
                (0..self.rng.between(1, 2)).map(|_| self.constraint()).collect();
            spec["topologySpreadConstraints"] = constraints.into();
        }
        if self.rng.chance(1, 4) {
            spec["nodeSelector"] = json!({ "pool": self.one(&["a", "b"]) });
        }
        if self.rng.chance(1, 3) {
            spec["tolerations"] = json!([{ "key": "t", "operator": "Exists" }]);
        }
        if self.rng.chance(1, 6) {
            spec["containers"][0]["ports"] = json!([{ "containerPort": 80, "hostPort": 80 }]);
        }
        let mut meta = json!({ "namespace": self.one(&["default", "other"]) });
        meta["labels"] = json!({ "app": app });
        if self.rng.chance(1, 2) {
            meta["ownerReferences"] = json!([{
                "apiVersion": "apps/v1", "kind": "ReplicaSet", "name": format!("rs-{app}"),
                "uid": "rs", "controller": true,
            }]);
        }
        json!({ "metadata": meta, "spec": spec })
    }

    fn pod(&mut self) -> Arc<Pod> {
        let n = self.rng.below(self.templates.len() as u64);
        let mut value = self.templates[usize::try_from(n).expect("few")].clone();
        self.made += 1;
        value["metadata"]["name"] = json!(format!("pod-{}", self.made));
        let object = Object::from_value(Kind::POD, value).expect("a pod");
        let mut pod = Pod::clone(object.as_a::<Pod>().expect("a pod"));
        pod.meta.uid = Uid::random(self.made << 80 | self.made);
        Arc::new(pod)
    }

    /// A pod is placed, both ways alike.
    fn place(&mut self) -> Option<Outcome> {
        let pod = self.pod();
        let mut own = (self.rng.clone(), self.rng.clone());
        let naive = self.naive.run(&self.profile, 100, &self.cache, &pod, &mut own.0);
        let indexed = self.indexed.run(&self.profile, 100, &self.cache, &pod, &mut own.1);
        assert_eq!(naive, indexed, "{pod:?}");
        let totals = |search: &Search| -> Vec<(String, i64)> {
            search.totals(&self.cache).map(|(name, n)| (name.to_string(), n)).collect()
        };
        assert_eq!(totals(&self.naive), totals(&self.indexed), "{pod:?}");
        self.rng.bits();
        match &naive {
            Outcome::Found(found) => {
                self.cache.assume(&pod, &found.node);
                self.pods.push(pod);
            }
            Outcome::Rejected(rejected) => {
                if let Nomination::Room(room) = &rejected.nomination
                    && self.rng.chance(1, 2)
                {
                    self.cache.nominations.set(&pod, &room.node);
                }
            }
            Outcome::Error(why) => panic!("{why}"),
        }
        Some(naive)
    }

    fn delete(&mut self) {
        if self.pods.is_empty() {
            return;
        }
        let n = self.rng.below(self.pods.len() as u64);
        let pod = self.pods.swap_remove(usize::try_from(n).expect("few"));
        self.cache.remove_pod(pod.meta.uid);
    }

    fn change_node(&mut self) {
        let name = format!("node-{}", self.rng.between(1, self.nodes as u64));
        if self.rng.chance(1, 4) {
            self.cache.remove_node(&name.as_str().into());
        } else {
            let node = self.node(&name);
            self.cache.put_node(&node);
        }
    }

    fn change_owner(&mut self) {
        let app = self.one(&["a", "b", "c"]);
        let selector = Selector::of_labels(&Labels::from([("app", app)]));
        let there = self.rng.chance(3, 4).then_some(&selector);
        for namespace in ["default", "other"] {
            let name = format!("rs-{app}").into();
            let workloads = &mut self.cache.workloads;
            workloads.put_owner(OwnerKind::ReplicaSet, &namespace.into(), &name, there);
        }
        if self.rng.chance(1, 3) {
            let labels = Labels::from([("app", app)]);
            let there = self.rng.chance(1, 2).then_some(&labels);
            self.cache.workloads.put_service(&"default".into(), &app.into(), there);
        }
    }

    fn turn(&mut self) -> Option<Outcome> {
        match self.rng.below(20) {
            0 => self.change_node(),
            1 => self.add_node(),
            2 => self.change_owner(),
            3..=6 => self.delete(),
            7 => {
                let template = self.template();
                self.templates.push(template);
            }
            _ => return self.place(),
        }
        None
    }
}

#[test]
fn the_index_never_changes_an_outcome() {
    let clusters = std::env::var("WAVETANK_CLUSTERS").ok().and_then(|n| n.parse().ok());
    let (mut found, mut rejected, mut room) = (0, 0, 0);
    for seed in 0..clusters.unwrap_or(CLUSTERS) {
        let mut world = World::new(seed);
        for _ in 0..TURNS {
            match world.turn() {
                Some(Outcome::Found(_)) => found += 1,
                Some(Outcome::Rejected(r)) => {
                    rejected += 1;
                    room += u32::from(matches!(r.nomination, Nomination::Room(_)));
                }
                Some(Outcome::Error(_)) | None => {}
            }
        }
    }
    println!("{found} found, {rejected} rejected, {room} with room to be made");
    assert!(found > 500 && rejected > 50 && room > 5, "the interesting cases were reached");
}
