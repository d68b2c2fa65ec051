//! Random histories of what ends: owners that are deleted in each way, and whole namespaces, while
//! the garbage collector and the namespace controller crash between two of their writes.
//!
//! Read from the log: nothing goes whose owner lives, what was orphaned stays, and in the end
//! nothing is left over that belongs to what is gone.

use std::collections::{BTreeMap, BTreeSet};

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value, json};
use wavetank::api::Name;
use wavetank::api::meta::{Meta, Uid};
use wavetank::api::object::{Kind, Object, Resource};
use wavetank::scenario::world::World;

use crate::batch::{Crash, crashes, kubectl, run, weather, writes};
use crate::random::histories;

const TEAM: &str = "team";

/// What a person does in the namespace that is to go, or beside it.
#[derive(Clone, Debug)]
enum Deed {
    /// Deletes the owner of pods, with what becomes of them.
    Delete(&'static str, &'static str),
    Apply(u8),
    Scale(u8),
    Wait(u8),
}

const OWNERS: &[&str] = &["deployment/web", "statefulset/db", "job/work"];

const CASCADES: &[&str] = &["background", "foreground", "orphan"];

fn deed() -> impl Strategy<Value = Deed> {
    prop_oneof![
        3 => (select(OWNERS), select(CASCADES)).prop_map(|(what, how)| Deed::Delete(what, how)),
        2 => (0..3u8).prop_map(Deed::Apply),
        1 => (0..5u8).prop_map(Deed::Scale),
        3 => (0..20u8).prop_map(Deed::Wait),
    ]
}

/// The owners of a namespace, each with pods.
fn owners(namespace: &str) -> [Value; 3] {
    let template = |app: &str, restart: &str| {
        let container = json!({"name": "app", "image": "app:v1", "command": ["sleep", "9999"]});
        json!({
            "metadata": {"labels": {"app": app}},
            "spec": {"restartPolicy": restart, "containers": [container]},
        })
    };
    let of = |version: &str, kind: &str, name: &str, spec: Value| {
        let metadata = json!({"name": name, "namespace": namespace});
        json!({"apiVersion": version, "kind": kind, "metadata": metadata, "spec": spec})
    };
    let selector = |app: &str| json!({"matchLabels": {"app": app}});
    let claim = json!({
        "metadata": {"name": "data"},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
    });
    let web = json!({
        "replicas": 2, "selector": selector("web"), "template": template("web", "Always"),
    });
    let db = json!({
        "replicas": 2, "serviceName": "db", "selector": selector("db"),
        "template": template("db", "Always"), "volumeClaimTemplates": [claim],
    });
    let work = json!({"parallelism": 2, "template": template("work", "Never")});
    [
        of("apps/v1", "Deployment", "web", web),
        of("apps/v1", "StatefulSet", "db", db),
        of("batch/v1", "Job", "work", work),
    ]
}

impl Deed {
    fn step(&self) -> Value {
        match self {
            Deed::Delete(what, how) => {
                kubectl(&format!("delete {what} -n {TEAM} --cascade={how} --wait=false"))
            }
            Deed::Apply(n) => json!({"apply": owners(TEAM)[usize::from(*n)]}),
            Deed::Scale(n) => kubectl(&format!("scale deployment/web -n {TEAM} --replicas={n}")),
            Deed::Wait(n) => json!({"wait": format!("{}ms", u64::from(*n) * 300)}),
        }
    }
}

fn world(deeds: &[Deed], actor: &str, crashes: &[Crash], ends: bool, seed: u64) -> World {
    let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": TEAM}});
    let mut steps = vec![json!({"apply": namespace})];
    let all = owners(TEAM).into_iter().chain(owners("default"));
    steps.extend(all.map(|object| json!({"apply": object})));
    steps.push(json!({"wait": "5s"}));
    steps.extend(deeds.iter().map(Deed::step));
    if ends {
        steps.push(kubectl(&format!("delete namespace {TEAM} --wait=false")));
    }
    let scenario = json!({
        "name": "endings", "steps": steps, "faults": weather(actor, crashes),
        "cluster": {"nodes": [{"name": "node", "count": 2, "cpu": "4"}], "storage": {}},
        "images": {"app:*": {"start": "200ms", "term": "500ms"}},
        "until": {"after-last-step": "240s"},
    });
    run("endings", &scenario, seed)
}

/// What was collected although one of its owners lived, and how much was collected.
fn collected_alive(world: &World) -> (Vec<String>, usize) {
    let (mut wrong, mut count) = (Vec::new(), 0);
    let mut living: BTreeMap<Uid, Meta> = BTreeMap::new();
    for (time, write) in writes(world) {
        let (object, user) = (&write.change.object, &write.origin.user);
        let meta = object.meta();
        if user == "generic-garbage-collector" && write.origin.verb == "delete" {
            count += 1;
            let lives =
                |uid: &Uid| living.get(uid).is_some_and(|m| !(m.is_deleting() && in_foreground(m)));
            let owner = meta.owners().iter().find(|o| lives(&o.uid));
            // One that waits for its own dependents is deleted again, to no effect.
            let was = write.change.old.as_ref().is_some_and(|old| old.meta().is_deleting());
            if let (Some(owner), false) = (owner, was) {
                wrong.push(format!("{time}: {} is collected, {} lives", meta.name, owner.name));
            }
        }
        if write.change.deleted {
            living.remove(&meta.uid);
        } else {
            living.insert(meta.uid, meta.clone());
        }
    }
    (wrong, count)
}

fn in_foreground(meta: &Meta) -> bool {
    meta.finalizers().iter().any(|f| f == "foregroundDeletion")
}

/// Objects whose owner is gone, of those that a namespace has.
fn left_over(world: &World) -> Vec<String> {
    let store = world.cluster().store();
    let all = || Kind::stored().flat_map(|kind| store.iter(kind));
    let uids: BTreeSet<Uid> = all().map(|o| o.meta().uid).collect();
    let is_lost = |o: &&Object| {
        let owners = o.meta().owners();
        !owners.is_empty() && owners.iter().all(|owner| !uids.contains(&owner.uid))
    };
    all().filter(is_lost).map(|o| format!("{} belongs to nobody", o.meta().name)).collect()
}

fn names_in(world: &World, namespace: &str) -> Vec<Name> {
    let store = world.cluster().store();
    let told = |kind: &Kind| *kind != Kind::EVENT && *kind != Kind::LEASE;
    let all = Kind::stored().filter(told).flat_map(|kind| store.iter(kind));
    all.filter(|o| o.meta().namespace == namespace).map(|o| o.meta().name.clone()).collect()
}

proptest! {
    #![proptest_config(histories())]

    #[test]
    fn nothing_goes_whose_owner_lives_and_nothing_stays_whose_owner_is_gone(
        deeds in vec(deed(), 1..10),
        crashes in crashes(),
        seed in 0..1000u64,
    ) {
        let world = world(&deeds, "generic-garbage-collector", &crashes, false, seed);
        let (mut wrong, _) = collected_alive(&world);
        wrong.extend(left_over(&world));
        prop_assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }

    #[test]
    fn a_namespace_goes_with_all_that_is_in_it_and_nothing_beside_it(
        deeds in vec(deed(), 0..6),
        crashes in crashes(),
        seed in 0..1000u64,
    ) {
        let world = world(&deeds, "namespace-controller", &crashes, true, seed);
        let (mut wrong, _) = collected_alive(&world);
        wrong.extend(left_over(&world));
        wrong.extend(names_in(&world, TEAM).iter().map(|name| format!("{name} is left over")));
        let store = world.cluster().store();
        let is_there = |o: &&Object| o.meta().name == TEAM;
        wrong.extend(store.iter(Kind::NAMESPACE).find(is_there).map(|_| "it stays".to_owned()));
        for (time, write) in writes(&world) {
            let meta = write.change.object.meta();
            let user = &write.origin.user;
            let is_beside = meta.namespace == "default" && user == "namespace-controller";
            if is_beside && (write.change.deleted || meta.is_deleting()) {
                wrong.push(format!("{time}: {} of another namespace goes", meta.name));
            }
        }
        prop_assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }
}

/// Such histories give the collector something to do: the checks on it are not empty.
#[test]
fn a_deployment_that_goes_in_the_background_has_its_pods_collected() {
    let world = world(&[Deed::Delete("deployment/web", "background")], "nobody", &[], false, 1);
    let (wrong, count) = collected_alive(&world);
    assert!(wrong.is_empty() && count >= 3, "{count} collected: {wrong:?}");
    let pods = world.cluster().store().iter(wavetank::api::core::pod::Pod::KIND);
    let of_team = pods.filter(|o| o.meta().namespace == TEAM).count();
    assert_eq!(of_team, 4, "those of the other two owners");
}

/// What was due before the caches of a new leader were filled has waited for them. Once it woke the
/// process again and again at one instant, and the run did not end.
#[test]
fn what_is_due_before_the_caches_are_filled_waits_for_them() {
    let deeds = [
        Deed::Apply(0),
        Deed::Delete("deployment/web", "foreground"),
        Deed::Wait(13),
        Deed::Wait(10),
        Deed::Wait(19),
    ];
    let world = world(&deeds, "generic-garbage-collector", &[(3, 4)], false, 17);
    assert!(left_over(&world).is_empty());
}
