//! The binder on small data: what it writes, and that it rests.

use serde_json::{Value, json};

use super::*;
use crate::api::time::EPOCH;
use crate::client::view::Caches;

fn volume(name: &str, spec: &Value, phase: &str) -> Object {
    let mut value = json!({
        "metadata": {"name": name, "uid": name, "resourceVersion": "1"},
        "spec": {
            "capacity": {"storage": "10Gi"}, "accessModes": ["ReadWriteOnce"],
            "persistentVolumeReclaimPolicy": "Retain", "storageClassName": "fast",
            "volumeMode": "Filesystem",
        },
        "status": {"phase": phase},
    });
    for (key, of) in spec.as_object().into_iter().flatten() {
        value["spec"][key] = of.clone();
    }
    Object::from_value(Kind::PERSISTENT_VOLUME, value).expect("a volume")
}

fn claim(class: Option<&str>) -> Object {
    let mut value = json!({
        "metadata": {"name": "data", "namespace": "a", "uid": "c", "resourceVersion": "1"},
        "spec": {
            "accessModes": ["ReadWriteOnce"], "volumeMode": "Filesystem",
            "resources": {"requests": {"storage": "8Gi"}},
        },
        "status": {"phase": "Pending"},
    });
    if let Some(class) = class {
        value["spec"]["storageClassName"] = class.into();
    }
    Object::from_value(Kind::PERSISTENT_VOLUME_CLAIM, value).expect("a claim")
}

fn class(name: &str, mode: &str, is_default: bool) -> Object {
    let annotations =
        json!({"storageclass.kubernetes.io/is-default-class": is_default.to_string()});
    let value = json!({
        "metadata": {"name": name, "annotations": annotations}, "provisioner": "disk.example.com",
        "reclaimPolicy": "Delete", "volumeBindingMode": mode,
    });
    Object::from_value(Kind::STORAGE_CLASS, value).expect("a class")
}

/// A binder with the caches that it sees.
#[derive(Default)]
struct Bench {
    binder: VolumeBinder,
    caches: Caches,
}

impl Bench {
    fn put(&mut self, object: Object) {
        let kind = object.kind();
        let new = object.clone();
        let old = self.caches.of_mut(kind).put(object);
        let change = Observed { old: old.as_ref(), new: Some(&new) };
        self.binder.observe(&change, View::new(&self.caches, EPOCH));
    }

    /// What it does about an object: writes and events as text. Writes are carried out.
    fn look(&mut self, key: &ObjectKey) -> Vec<String> {
        let plan = self.binder.reconcile(key, View::new(&self.caches, EPOCH));
        let mut told: Vec<String> =
            plan.events.iter().map(|e| format!("{}: {}", e.reason, e.message)).collect();
        let writes: Vec<Write> = plan.writes().cloned().collect();
        for write in writes {
            let Verb::Update { object, part } = &write.verb else {
                told.push(format!("{} {:?}", write.verb.name(), write.verb.key()));
                continue;
            };
            told.push(format!("{:?} {} {}", part, object.kind().name(), object.meta().name));
            let mut stored = object.clone();
            let known = self.caches.of(key_of(object).kind);
            let before = known.get(&object.meta().namespace, &object.meta().name);
            let version = before.map_or(0, |o| o.meta().resource_version);
            stored.meta_mut().resource_version = version + 1;
            self.put(stored);
        }
        told
    }
}

fn key_of(object: &Object) -> ObjectKey {
    object.key()
}

#[test]
fn a_claim_is_bound_from_both_sides_in_four_writes_and_then_nothing_is_left_to_do() {
    let mut bench = Bench::default();
    let (claim, free) = (claim(Some("fast")), volume("pv", &json!({}), "Available"));
    let (claim_key, volume_key) = (claim.key(), free.key());
    bench.put(class("fast", "Immediate", false));
    bench.put(free);
    bench.put(claim);
    let four = [
        "Main PersistentVolume pv",
        "Status PersistentVolume pv",
        "Main PersistentVolumeClaim data",
        "Status PersistentVolumeClaim data",
    ];
    assert_eq!(bench.look(&claim_key), four);
    assert_eq!(bench.look(&claim_key), [""; 0]);
    assert_eq!(bench.look(&volume_key), [""; 0]);
    let bound = bench.caches.of(Kind::PERSISTENT_VOLUME_CLAIM).get("a", "data").cloned();
    let bound = bound.expect("the claim is there");
    let bound = bound.as_a::<PersistentVolumeClaim>().expect("a claim");
    assert!(bound.is_bound() && bound.status.phase == "Bound");
    assert_eq!(bound.status.capacity["storage"].to_string(), "10Gi");
}

#[test]
fn a_claim_without_a_volume_says_what_it_waits_for() {
    let mut bench = Bench::default();
    let waiting = claim(Some("slow"));
    let key = waiting.key();
    bench.put(waiting);
    let missing = "ProvisioningFailed: storageclass.storage.k8s.io \"slow\" not found";
    assert_eq!(bench.look(&key), [missing]);
    bench.put(class("slow", "WaitForFirstConsumer", false));
    let text = "WaitForFirstConsumer: waiting for first consumer to be created before binding";
    assert_eq!(bench.look(&key), [text]);
    bench.put(claim(Some("")));
    let text = "FailedBinding: no persistent volumes available for this claim and no storage class \
                is set";
    assert_eq!(bench.look(&key), [text]);
    bench.put(class("usual", "Immediate", true));
    bench.put(claim(None));
    assert_eq!(bench.look(&key), ["Main PersistentVolumeClaim data"]);
    let told = bench.look(&key);
    assert!(told[0].starts_with("ExternalProvisioning: Waiting for a volume"), "{told:?}");
}

#[test]
fn a_volume_whose_claim_is_gone_is_asked_after_before_it_is_let_go() {
    let mut bench = Bench::default();
    let of = json!({"claimRef": {"name": "data", "namespace": "a", "uid": "c"}});
    let held = volume("pv", &of, "Bound");
    let key = held.key();
    bench.put(held);
    assert_eq!(bench.look(&key), ["get PersistentVolumeClaim/a/data"]);
    let refusal = Refusal::not_found(
        &crate::api::refusal::GroupResource::new("", "persistentvolumeclaims"),
        "data",
    );
    let write = Write::read(ObjectKey::new(Kind::PERSISTENT_VOLUME_CLAIM, "a", "data"), why());
    let settled = Settled { write: Box::new(write), answer: Answer::Refused(refusal) };
    let view = View::new(&bench.caches, EPOCH);
    let plan = bench.binder.resume(&key, vec![settled], view);
    let phase = |write: &Write| {
        let Verb::Update { object: Object::PersistentVolume(volume), .. } = &write.verb else {
            return None;
        };
        Some(volume.status.phase.to_string())
    };
    let phases: Vec<String> = plan.writes().filter_map(phase).collect();
    assert_eq!(phases, ["Released"]);
}

fn why() -> crate::api::why::Why {
    crate::api::why::Why::new("")
}

#[test]
fn a_claim_whose_volume_is_gone_is_lost_and_told_so_once() {
    let mut bench = Bench::default();
    let mut lost = claim(Some("fast"));
    if let Object::PersistentVolumeClaim(lost) = &mut lost {
        let lost = Arc::make_mut(lost);
        Arc::make_mut(&mut lost.spec).volume_name = "pv".into();
        lost.meta.annotations =
            lost.meta.annotations.with("pv.kubernetes.io/bind-completed", "yes");
    }
    let key = lost.key();
    bench.put(lost);
    let text = "ClaimLost: Bound claim has lost its PersistentVolume. Data on the volume is lost!";
    assert_eq!(bench.look(&key), [text, "Status PersistentVolumeClaim data"]);
    assert_eq!(bench.look(&key), [""; 0]);
}
