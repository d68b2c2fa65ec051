use serde_json::json;

use super::*;
use crate::api::time::EPOCH;
use crate::client::view::Caches;

/// Caches and a collector that has seen them.
struct World {
    caches: Caches,
    collector: GarbageCollector,
}

impl World {
    fn new() -> World {
        World { caches: Caches::default(), collector: GarbageCollector::new() }
    }

    fn put(
        &mut self,
        kind: Kind,
        name: &str,
        owner: Option<(Kind, &str)>,
        more: &serde_json::Value,
    ) {
        let mut meta =
            json!({"name": name, "namespace": "default", "uid": name, "resourceVersion": "7"});
        if let Some((kind, owner)) = owner {
            meta["ownerReferences"] = json!([{"apiVersion": kind.row().api_version(), "kind": kind.name(),
                "name": owner, "uid": owner, "controller": true, "blockOwnerDeletion": true}]);
        }
        for (key, value) in more.as_object().into_iter().flatten() {
            meta[key] = value.clone();
        }
        let object = Object::from_value(kind, json!({"metadata": meta, "spec": {}})).unwrap();
        let old = self.caches.of_mut(kind).put(object.clone());
        self.see(old.as_ref(), Some(&object));
    }

    fn remove(&mut self, kind: Kind, name: &str) {
        let old = self.caches.of_mut(kind).remove(&"default".into(), &name.into());
        self.see(old.as_ref(), None);
    }

    fn see(&mut self, old: Option<&Object>, new: Option<&Object>) {
        let view = View::new(&self.caches, EPOCH);
        self.collector.observe(&Observed { old, new }, view);
    }

    fn plan(&mut self, kind: Kind, name: &str) -> Vec<String> {
        let key = ObjectKey::new(kind, "default", name);
        let plan = self.collector.reconcile(&key, View::new(&self.caches, EPOCH));
        let told = plan.writes().map(|w| {
            let mut policy = String::new();
            if let Verb::Delete { options, .. } = &w.verb {
                policy = options.propagation_policy.map_or(policy, |p| format!(" {p:?}"));
            }
            format!("{} {:?}{policy}", w.verb.name(), w.verb.key())
        });
        told.collect()
    }

    fn cascade() -> World {
        let mut world = World::new();
        world.put(Kind::DEPLOYMENT, "d", None, &json!({}));
        world.put(Kind::REPLICA_SET, "r", Some((Kind::DEPLOYMENT, "d")), &json!({}));
        world.put(Kind::CONFIG_MAP, "p", Some((Kind::REPLICA_SET, "r")), &json!({}));
        world
    }
}

const DELETING: &str = "2026-01-01T00:00:00Z";

#[test]
fn objects_whose_owners_are_there_stay() {
    let mut world = World::cascade();
    for (kind, name) in [(Kind::DEPLOYMENT, "d"), (Kind::REPLICA_SET, "r"), (Kind::CONFIG_MAP, "p")]
    {
        assert_eq!(world.plan(kind, name), Vec::<String>::new());
    }
}

#[test]
fn dependents_of_an_owner_that_is_gone_go_in_the_background() {
    let mut world = World::cascade();
    world.remove(Kind::DEPLOYMENT, "d");
    assert_eq!(world.plan(Kind::DEPLOYMENT, "d"), ["delete ReplicaSet/default/r Background"]);
    world.remove(Kind::REPLICA_SET, "r");
    assert_eq!(world.plan(Kind::REPLICA_SET, "r"), ["delete ConfigMap/default/p Background"]);
}

#[test]
fn a_foreground_deletion_goes_from_the_bottom_up() {
    let mut world = World::cascade();
    let deleting = json!({"deletionTimestamp": DELETING, "finalizers": ["foregroundDeletion"]});
    world.put(Kind::DEPLOYMENT, "d", None, &deleting);
    assert_eq!(world.plan(Kind::DEPLOYMENT, "d"), ["delete ReplicaSet/default/r Foreground"]);
    world.put(Kind::REPLICA_SET, "r", Some((Kind::DEPLOYMENT, "d")), &deleting);
    assert_eq!(world.plan(Kind::DEPLOYMENT, "d"), Vec::<String>::new());
    assert_eq!(world.plan(Kind::REPLICA_SET, "r"), ["delete ConfigMap/default/p Background"]);
    world.remove(Kind::CONFIG_MAP, "p");
    assert_eq!(world.plan(Kind::REPLICA_SET, "r"), ["patch ReplicaSet/default/r"]);
}

#[test]
fn an_orphan_deletion_takes_the_owner_off_then_the_finalizer() {
    let mut world = World::cascade();
    let deleting = json!({"deletionTimestamp": DELETING, "finalizers": ["orphan"]});
    world.put(Kind::DEPLOYMENT, "d", None, &deleting);
    let wanted = ["patch ReplicaSet/default/r", "patch Deployment/default/d"];
    assert_eq!(world.plan(Kind::DEPLOYMENT, "d"), wanted);
}

#[test]
fn an_owner_that_was_never_seen_is_asked_for_first() {
    let mut world = World::new();
    world.put(Kind::CONFIG_MAP, "p", Some((Kind::REPLICA_SET, "r")), &json!({}));
    assert_eq!(world.plan(Kind::CONFIG_MAP, "p"), ["get ReplicaSet/default/r"]);
    let key = ObjectKey::new(Kind::CONFIG_MAP, "default", "p");
    let plan = world.collector.reconcile(&key, View::new(&world.caches, EPOCH));
    let group = crate::api::refusal::GroupResource::new("apps", "replicasets");
    let refusal = Refusal::not_found(&group, "r");
    let write = plan.writes().next().unwrap();
    assert_eq!(world.collector.recover(write, &refusal), Recovery::GoOnThenRetry);
    assert_eq!(world.plan(Kind::CONFIG_MAP, "p"), ["delete ConfigMap/default/p Background"]);
}
