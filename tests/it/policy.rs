//! What budgets and quotas hold in random stories, with crashes of their controllers.
//!
//! Both properties are read from the log alone: what every change of the store left behind.

use std::collections::BTreeMap;

use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::{Value, json};
use wavetank::api::core::pod::Pod;
use wavetank::api::core::resource_quota::ResourceQuota;
use wavetank::api::note::Note;
use wavetank::api::object::{Kind, ObjectKey};
use wavetank::api::quantity::Quantity;
use wavetank::scenario::world::World;

use crate::random::{described, histories};

/// What a person does, or what befalls the controllers.
#[derive(Clone, Debug)]
enum Deed {
    Drain(u8),
    Uncordon(u8),
    Crash(u8),
    Scale(u8),
    Roll(u8),
    Wait(u8),
}

fn deed() -> impl Strategy<Value = Deed> {
    prop_oneof![
        3 => (1..=3u8).prop_map(Deed::Drain),
        2 => (1..=3u8).prop_map(Deed::Uncordon),
        2 => (0..12u8).prop_map(Deed::Crash),
        2 => (1..=6u8).prop_map(Deed::Scale),
        1 => (1..=3u8).prop_map(Deed::Roll),
        2 => (0..20u8).prop_map(Deed::Wait),
    ]
}

impl Deed {
    fn step(&self) -> Value {
        let kubectl = |line: String| json!({"kubectl": line});
        match self {
            Deed::Drain(n) => {
                kubectl(format!("drain node-{n} --ignore-daemonsets --timeout=12s || true &"))
            }
            Deed::Uncordon(n) => kubectl(format!("uncordon node-{n} || true")),
            Deed::Crash(seconds) => json!({"inject": {
                "container-kill": {"component": "kube-controller-manager"},
                "duration": format!("{seconds}s")}}),
            Deed::Scale(n) => kubectl(format!("scale deploy/web --replicas={n} || true")),
            Deed::Roll(n) => kubectl(format!("set image deploy/web app=web:v{n} || true")),
            Deed::Wait(seconds) => json!({"wait": format!("{}ms", u64::from(*seconds) * 500)}),
        }
    }
}

/// A Deployment of `replicas` with a policy object, the deeds, and a calm end.
fn world(replicas: u8, policy: &Value, deeds: &[Deed], seed: u64) -> World {
    let pod = json!({"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{
        "name": "app", "image": "web:v0",
        "readinessProbe": {"exec": {"command": ["ready-after", "1"]}, "periodSeconds": 1}}]}});
    let web = json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"},
        "spec": {"replicas": replicas, "selector": {"matchLabels": {"app": "web"}},
            "template": pod}});
    let mut steps = vec![json!({"apply": policy}), json!({"wait": "1s"}), json!({"apply": web})];
    steps.push(json!({"wait": "10s"}));
    steps.extend(deeds.iter().map(Deed::step));
    steps.push(json!({"wait": "20s"}));
    steps.push(json!({"kubectl": "uncordon node-1 node-2 node-3"}));
    let scenario = json!({"name": "policy", "steps": steps,
        "cluster": {"nodes": [{"name": "node", "count": 3, "cpu": "4"}]},
        "images": {"web:*": {"pull": "500ms", "start": "200ms", "term": "500ms"}},
        "until": {"after-last-step": "400s"}});
    let mut world = World::new(described("policy.yaml", format!("{scenario:#}\n")), seed, None)
        .expect("a story can be carried out");
    world.run();
    world
}

/// Every eviction of a pod of `web` that was carried out: how many healthy ones it left.
pub(crate) fn left_by_evictions(world: &World) -> Vec<(String, usize)> {
    let mut pods: BTreeMap<ObjectKey, Pod> = BTreeMap::new();
    let mut left = Vec::new();
    for record in world.cluster().engine.log().iter() {
        let Note::Write(write) = &record.note else { continue };
        let object = &write.change.object;
        let Some(pod) = object.as_a::<Pod>() else { continue };
        if pod.meta.labels.get("app").is_none_or(|app| app != "web") {
            continue;
        }
        let was_healthy = pods.get(&object.key()).is_some_and(|p| p.is_ready() && p.is_active());
        if write.change.deleted {
            pods.remove(&object.key());
        } else {
            pods.insert(object.key(), Pod::clone(pod));
        }
        let goes = pod.meta.is_deleting() || write.change.deleted;
        if write.origin.subresource == "eviction" && goes && was_healthy {
            let healthy = pods.values().filter(|p| p.is_ready() && p.is_active()).count();
            left.push((format!("{} {}", record.time, pod.meta.name), healthy));
        }
    }
    left
}

proptest! {
    #![proptest_config(histories())]

    /// However drains, crashes of the counter and late caches fall: no eviction leaves fewer
    /// healthy pods than the budget demands.
    #[test]
    fn no_eviction_takes_more_than_its_budget_allows(
        least in 1..4u8,
        more in 0..3u8,
        deeds in vec(prop_oneof![
            3 => (1..=3u8).prop_map(Deed::Drain),
            2 => (1..=3u8).prop_map(Deed::Uncordon),
            2 => (0..12u8).prop_map(Deed::Crash),
            2 => (0..20u8).prop_map(Deed::Wait),
        ], 1..8),
        seed in 0..1000u64,
    ) {
        let budget = json!({"apiVersion": "policy/v1", "kind": "PodDisruptionBudget",
            "metadata": {"name": "web"},
            "spec": {"minAvailable": least, "selector": {"matchLabels": {"app": "web"}}}});
        let world = world(least + more, &budget, &deeds, seed);
        for (what, healthy) in left_by_evictions(&world) {
            prop_assert!(healthy >= usize::from(least), "{what}: {healthy} of {least} left");
        }
    }

    /// There are never more pods than the quota allows, but when its controller has counted from
    /// a cache that was behind; and once all is calm its status says how
    /// many there are.
    #[test]
    fn a_quota_is_kept_and_counted(
        hard in 1..6u8,
        deeds in vec(deed(), 1..8),
        seed in 0..1000u64,
    ) {
        let quota = json!({"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "q"},
            "spec": {"hard": {"pods": hard.to_string(), "count/pods": hard.to_string()}}});
        let world = world(3, &quota, &deeds, seed);
        let mut count = 0;
        // The controller counts what its cache shows. When a pod goes and another one comes in the
        // same moment it may give back too much, as the real one may, and one pod too many passes.
        let mut gave_back_too_much = false;
        for record in world.cluster().engine.log().iter() {
            let Note::Write(write) = &record.note else { continue };
            if let Some(quota) = write.change.object.as_a::<ResourceQuota>()
                && write.origin.user == "resourcequota-controller"
            {
                let used = quota.status.used.get("count/pods").map_or(0, Quantity::value);
                gave_back_too_much |= i64::try_from(count).is_ok_and(|count| used < count);
            }
            if write.change.object.kind() == Kind::POD {
                count += usize::from(write.change.old.is_none());
                count -= usize::from(write.change.deleted);
                let is_kept = count <= usize::from(hard) || gave_back_too_much;
                prop_assert!(is_kept, "{} pods at {}", count, record.time);
            }
        }
        let key = ObjectKey::new(Kind::RESOURCE_QUOTA, "default", "q");
        let store = world.cluster().store();
        let quota = store.get(&key).and_then(|o| o.as_a::<ResourceQuota>()).expect("a quota");
        let used = quota.status.used.get("count/pods").map(Quantity::value);
        prop_assert_eq!(used, i64::try_from(count).ok());
    }
}
