//! Random histories of volumes, claims and pods: deletions, scaling, crashes, nodes that go dark,
//! drivers that do not answer. A volume has at most one claim and a claim at most one volume at
//! every revision; in the end every claim has its volume, every pod runs, nothing is attached that
//! nobody wants, and whoever looks at it once more has nothing to write.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::{Value, json};
use wavetank::api::core::persistent_volume::PersistentVolume;
use wavetank::api::core::persistent_volume_claim::PersistentVolumeClaim;
use wavetank::api::core::pod::Pod;
use wavetank::api::message::StoreChange;
use wavetank::api::object::{Kind, Resource};
use wavetank::api::storage::volume_attachment::VolumeAttachment;
use wavetank::etcd::store::Store;
use wavetank::scenario::load::load;
use wavetank::scenario::world::World;
use wavetank::sim::rng::Rng;
use wavetank::sim::time::{SimDuration, SimTime};

use crate::determinism::number_from_environment;

/// How many histories are told; `WAVETANK_CASES` says otherwise.
const CASES: u64 = 6;

/// Deeds and faults begin before this second, and the last has ended by then.
const CALM: u64 = 120;

/// Long enough for calls that were given up, for backoff and for the silent 6 minutes.
const CONVERGES: u64 = 900;

/// So long before the end nothing but events and signs of life is written any more.
const QUIET: SimDuration = SimDuration::secs(120);

/// So many free volumes, and claims for them, there are.
const BY_HAND: u64 = 4;

fn volume(n: u64, rng: &mut Rng) -> Value {
    let size = format!("{}Gi", rng.between(8, 20));
    json!({
        "apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": format!("pv-{n}")},
        "spec": {
            "capacity": {"storage": size}, "accessModes": ["ReadWriteOnce"],
            "persistentVolumeReclaimPolicy": "Retain", "storageClassName": "by-hand",
            "csi": {"driver": "disk.csi.example.com", "volumeHandle": format!("handle-{n}")},
        },
    })
}

fn claim(n: u64, rng: &mut Rng) -> Value {
    let class = ["by-hand", "immediate", "standard"][usize::try_from(rng.below(3)).unwrap_or(0)];
    json!({
        "apiVersion": "v1", "kind": "PersistentVolumeClaim",
        "metadata": {"name": format!("c-{n}")},
        "spec": {
            "accessModes": ["ReadWriteOnce"], "storageClassName": class,
            "resources": {"requests": {"storage": "8Gi"}},
        },
    })
}

/// A set of one pod, so that a pod that was deleted comes again.
fn user(n: u64) -> Value {
    let labels = json!({"app": format!("user-{n}")});
    let claim = json!({"claimName": format!("c-{n}")});
    json!({
        "apiVersion": "apps/v1", "kind": "StatefulSet",
        "metadata": {"name": format!("user-{n}")},
        "spec": {
            "replicas": 1, "serviceName": "user", "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": labels},
                "spec": {
                    "containers": [{"name": "app", "image": "app:v1"}],
                    "volumes": [{"name": "data", "persistentVolumeClaim": claim}],
                },
            },
        },
    })
}

fn database(rng: &mut Rng) -> Value {
    let delete = |on: bool| if on { "Delete" } else { "Retain" };
    let policy = json!({
        "whenScaled": delete(rng.below(2) == 0), "whenDeleted": delete(rng.below(2) == 0),
    });
    let claim = json!({
        "metadata": {"name": "data"},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "5Gi"}}},
    });
    json!({
        "apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": "db"},
        "spec": {
            "replicas": 3, "serviceName": "db", "podManagementPolicy": "Parallel",
            "persistentVolumeClaimRetentionPolicy": policy,
            "selector": {"matchLabels": {"app": "db"}},
            "template": {
                "metadata": {"labels": {"app": "db"}},
                "spec": {"containers": [{"name": "app", "image": "app:v1"}]},
            },
            "volumeClaimTemplates": [claim],
        },
    })
}

/// What a person does, or what befalls the cluster.
fn deed(rng: &mut Rng) -> Value {
    let span = format!("{}s", rng.between(2, 25));
    let kill = |component: &str| {
        let target = json!({"component": component});
        json!({"inject": {"container-kill": target, "duration": span}})
    };
    let n = rng.below(BY_HAND);
    match rng.below(11) {
        0 => json!({"kubectl": format!("delete pod db-{} --wait=false || true", rng.below(4))}),
        1 => json!({"kubectl": format!("delete pod user-{n}-0 --wait=false || true")}),
        2 => json!({"kubectl": format!("scale statefulset/db --replicas={}", rng.below(5))}),
        3 => json!({"kubectl": format!("delete pvc data-db-{n} --wait=false || true")}),
        4 => json!({"kubectl": format!("delete pv pv-{n} --wait=false || true")}),
        5 => json!({"inject": {"attachment-stuck": {}, "duration": span}}),
        6 => json!({"inject": {"provisioning-stuck": {}, "duration": span}}),
        7 => json!({"inject": {"node-stop": {"nodes": ["a-1"]}, "duration": "40s"}}),
        8 => kill("kube-controller-manager"),
        9 => kill("kube-scheduler"),
        _ => kill("csi-controller"),
    }
}

fn scenario(seed: u64) -> String {
    let mut rng = Rng::named(seed, "storage histories");
    let class = json!({
        "apiVersion": "storage.k8s.io/v1", "kind": "StorageClass",
        "metadata": {"name": "immediate"}, "provisioner": "disk.csi.example.com",
    });
    let mut steps = vec![json!({"apply": class}), json!({"apply": database(&mut rng)})];
    for n in 0..BY_HAND {
        let mut three = [volume(n, &mut rng), claim(n, &mut rng), user(n)];
        let last = rng.below(3);
        three.swap(0, usize::try_from(last).unwrap_or(0));
        steps.extend(three.into_iter().map(|object| json!({"apply": object})));
        steps.push(json!({"wait": format!("{}ms", rng.between(0, 3000))}));
    }
    for _ in 0..rng.between(4, 10) {
        steps.push(deed(&mut rng));
        steps.push(json!({"wait": format!("{}ms", rng.between(50, 6000))}));
    }
    steps.push(json!({"wait": "0s", "at": format!("{CALM}s")}));
    // Volumes that were made by hand and deleted are made again, so that every claim finds one.
    for n in 0..2 * BY_HAND {
        steps.push(json!({"apply": volume(100 + n, &mut rng)}));
    }
    let zone = |name: &str| json!({"topology.kubernetes.io/zone": name});
    let scenario = json!({
        "name": "storage", "cluster": {
            "nodes": [
                {"name": "a", "count": 2, "labels": zone("zone-a")},
                {"name": "b", "count": 2, "labels": zone("zone-b")},
            ],
            "storage": {},
        },
        "images": {"*": {"start": "300ms", "term": "500ms"}},
        "steps": steps, "until": format!("{}s", CALM + CONVERGES),
    });
    format!("{scenario:#}\n")
}

fn all<T: Resource>(store: &Store) -> Vec<&Arc<T>> {
    store.iter(T::KIND).filter_map(|o| T::of(o)).collect()
}

/// What must be so at every revision.
fn on_the_way(store: &Store) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut owners: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for claim in all::<PersistentVolumeClaim>(store).into_iter().filter(|c| c.is_bound()) {
        owners.entry(&claim.spec.volume_name).or_default().push(&claim.meta.name);
    }
    wrong.extend(
        owners
            .iter()
            .filter(|(_, of)| of.len() > 1)
            .map(|(volume, of)| format!("{volume} is bound to {of:?}")),
    );
    let mut nodes: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for attachment in all::<VolumeAttachment>(store).into_iter().filter(|a| a.status.attached) {
        let volume = &attachment.spec.source.persistent_volume_name;
        nodes.entry(volume).or_default().insert(&attachment.spec.node_name);
    }
    wrong.extend(
        nodes
            .iter()
            .filter(|(_, on)| on.len() > 1)
            .map(|(volume, on)| format!("{volume}, which is for one node, is attached to {on:?}")),
    );
    wrong
}

/// What must be so in the end.
fn in_the_end(store: &Store) -> Vec<String> {
    let mut wrong = on_the_way(store);
    let volumes: BTreeMap<&str, &Arc<PersistentVolume>> =
        all::<PersistentVolume>(store).into_iter().map(|v| (v.meta.name.as_str(), v)).collect();
    let pods = all::<Pod>(store);
    let used = |claim: &PersistentVolumeClaim| pods.iter().any(|p| p.uses_claim(&claim.meta.name));
    for claim in all::<PersistentVolumeClaim>(store) {
        let name = &claim.meta.name;
        let waits = claim.class() == "standard" && !used(claim);
        if waits && !claim.is_bound() {
            continue;
        }
        let volume = volumes.get(claim.spec.volume_name.as_str());
        let of = volume.and_then(|v| v.spec.claim_ref.as_ref());
        let fits = claim.is_bound()
            && claim.status.phase == "Bound"
            && of.is_some_and(|of| of.uid == claim.meta.uid)
            && volume.is_some_and(|v| v.status.phase == "Bound");
        if !fits {
            wrong.push(format!("{name} is {}, its volume {volume:?}", claim.status.phase));
        }
    }
    for pod in &pods {
        if !pod.is_ready() {
            wrong.push(format!("{} is not ready: {:?}", pod.meta.name, pod.status.conditions));
        }
    }
    for attachment in all::<VolumeAttachment>(store) {
        let volume = volumes.get(attachment.spec.source.persistent_volume_name.as_str());
        let claim = volume.and_then(|v| v.spec.claim_ref.as_ref());
        let node = &attachment.spec.node_name;
        let wanted = claim
            .is_some_and(|of| pods.iter().any(|p| p.node_name == *node && p.uses_claim(&of.name)));
        if !wanted || !attachment.status.attached {
            wrong.push(format!("{} is left over on {node}", attachment.meta.name));
        }
    }
    wrong
}

fn judge(seed: u64) -> Vec<String> {
    let yaml = scenario(seed);
    let described = load("storage", yaml.clone().into_bytes(), &[], &mut |path| {
        Err(format!("`{path}` is no file of a history"))
    });
    let described = described.unwrap_or_else(|wrong| panic!("{wrong:?}\n{yaml}"));
    let world = World::new(Arc::new(described), seed, None);
    let mut world = world.unwrap_or_else(|why| panic!("{why:?}\n{yaml}"));
    let end = SimTime::ZERO + SimDuration::secs(CALM + CONVERGES);
    let (mut revision, mut wrong) = (0, Vec::new());
    let mut last = (SimTime::ZERO, String::new());
    while world.now() < end && world.go_on() {
        let (store, now) = (world.cluster().store(), world.now());
        if store.revision() == revision {
            continue;
        }
        let changes = store.changes_after(revision).map(|all| all.cloned().collect::<Vec<_>>());
        let told =
            |c: &StoreChange| matches!(c.object.kind(), Kind::EVENT | Kind::LEASE | Kind::NODE);
        if let Some(change) = changes.unwrap_or_default().iter().rfind(|c| !told(c)) {
            last = (now, format!("{:?}", change.object.key()));
        }
        revision = store.revision();
        wrong.extend(on_the_way(store));
    }
    let store = world.cluster().store();
    if last.0 + QUIET > end {
        wrong.push(format!("{} was written at {}, shortly before the end", last.1, last.0));
    }
    wrong.extend(in_the_end(store));
    wrong.sort();
    wrong.dedup();
    wrong
}

#[test]
fn a_volume_has_one_claim_a_claim_one_volume_and_nothing_is_left_over() {
    let cases = number_from_environment("WAVETANK_CASES", CASES);
    let first = number_from_environment("WAVETANK_SEED", 0);
    for seed in first..first + cases {
        let wrong = judge(seed);
        assert!(wrong.is_empty(), "seed {seed}:\n{}\n{}", wrong.join("\n"), scenario(seed));
    }
}
