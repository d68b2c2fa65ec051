//! The attach/detach controller on small data.

use serde_json::{Value, json};

use super::*;
use crate::api::time::EPOCH;
use crate::client::view::Caches;

/// A cluster of two nodes with a volume, a claim and what is attached.
struct Bench {
    controller: AttachDetach,
    caches: Caches,
}

fn object(kind: Kind, value: Value) -> Object {
    Object::from_value(kind, value).expect("an object")
}

fn node(name: &str, ready: bool, in_use: bool, tainted: bool) -> Object {
    let taints =
        if tainted { json!([{"key": OUT_OF_SERVICE, "effect": "NoExecute"}]) } else { json!([]) };
    let in_use = if in_use { json!(["kubernetes.io/csi/disk.example.com^vol"]) } else { json!([]) };
    let status = if ready { "True" } else { "Unknown" };
    object(
        Kind::NODE,
        json!({
            "metadata": {"name": name}, "spec": {"taints": taints},
            "status": {
                "conditions": [{"type": "Ready", "status": status}], "volumesInUse": in_use,
            },
        }),
    )
}

fn pod(name: &str, node: &str) -> Object {
    object(
        Kind::POD,
        json!({
            "metadata": {"name": name, "namespace": "a", "uid": name},
            "spec": {
                "nodeName": node, "containers": [],
                "volumes": [{"name": "v", "persistentVolumeClaim": {"claimName": "data"}}],
            },
        }),
    )
}

fn attachment(node: &str) -> Object {
    object(
        Kind::VOLUME_ATTACHMENT,
        json!({
            "metadata": {"name": format!("csi-{node}"), "uid": node},
            "spec": {
                "attacher": "disk.example.com", "nodeName": node,
                "source": {"persistentVolumeName": "pv"},
            },
            "status": {"attached": true},
        }),
    )
}

impl Bench {
    fn new() -> Bench {
        let mut bench = Bench { controller: AttachDetach::default(), caches: Caches::default() };
        let modes = json!(["ReadWriteOnce"]);
        bench.put(object(
            Kind::PERSISTENT_VOLUME,
            json!({
                "metadata": {"name": "pv"},
                "spec": {
                    "accessModes": modes,
                    "csi": {"driver": "disk.example.com", "volumeHandle": "vol"},
                    "claimRef": {"namespace": "a", "name": "data", "uid": "c"},
                },
            }),
        ));
        bench.put(object(
            Kind::PERSISTENT_VOLUME_CLAIM,
            json!({
                "metadata": {"name": "data", "namespace": "a", "uid": "c"},
                "spec": {"volumeName": "pv"}, "status": {"phase": "Bound"},
            }),
        ));
        bench.put(node("one", true, false, false));
        bench.put(node("two", true, false, false));
        bench
    }

    fn put(&mut self, object: Object) {
        let kind = object.kind();
        let new = object.clone();
        let old = self.caches.of_mut(kind).put(object);
        let change = Observed { old: old.as_ref(), new: Some(&new) };
        self.controller.observe(&change, View::new(&self.caches, EPOCH));
    }

    fn look(&mut self, node: &str, after: u64) -> Vec<String> {
        let now = EPOCH.plus(SimDuration::secs(after));
        let plan = self.controller.reconcile(&node_key(node), View::new(&self.caches, now));
        let events = plan.events.iter().map(|e| e.message.to_string());
        let writes =
            plan.writes().map(|w| format!("{} {}", w.verb.name(), w.verb.key().kind.name()));
        events.chain(writes).collect()
    }
}

#[test]
fn a_volume_is_attached_for_a_pod_and_then_nothing_is_left_to_do() {
    let mut bench = Bench::new();
    bench.put(pod("p", "one"));
    assert_eq!(bench.look("one", 0), ["create VolumeAttachment"]);
    bench.put(attachment("one"));
    let told = "AttachVolume.Attach succeeded for volume \"pv\" ";
    assert_eq!(bench.look("one", 0), [told, "patch Node"]);
    let mut one = node("one", true, true, false);
    if let Object::Node(one) = &mut one {
        let name = "kubernetes.io/csi/disk.example.com^vol".into();
        let attached = AttachedVolume { name, device_path: Name::default() };
        Arc::make_mut(&mut Arc::make_mut(one).status).volumes_attached = vec![attached];
    }
    bench.put(one);
    assert_eq!(bench.look("one", 0), [""; 0]);
    assert_eq!(bench.look("two", 0), [""; 0]);
}

#[test]
fn a_volume_for_one_node_is_not_attached_to_two_and_that_is_told_once() {
    let mut bench = Bench::new();
    bench.put(attachment("one"));
    bench.put(pod("p", "one"));
    bench.put(pod("q", "two"));
    let told = "Multi-Attach error for volume \"pv\" Volume is already used by pod(s) p";
    assert_eq!(bench.look("two", 0), [told]);
    assert_eq!(bench.look("two", 1), [""; 0]);
}

#[test]
fn what_is_mounted_is_detached_after_6_minutes_of_silence_or_at_once_out_of_service() {
    let mut bench = Bench::new();
    bench.put(attachment("one"));
    bench.put(node("one", true, true, false));
    assert_eq!(bench.look("one", 0), [""; 0], "a ready node unmounts first");
    assert_eq!(bench.look("one", 1000), [""; 0], "however long that takes");
    bench.put(node("one", false, true, false));
    assert_eq!(bench.look("one", 359), [""; 0]);
    assert_eq!(bench.look("one", 360), ["delete VolumeAttachment"]);
    let mut bench = Bench::new();
    bench.put(attachment("one"));
    bench.put(node("one", false, true, true));
    assert_eq!(bench.look("one", 0), ["delete VolumeAttachment"]);
    bench.put(node("one", true, false, false));
    assert_eq!(bench.look("one", 0), ["delete VolumeAttachment"], "what is not mounted goes");
}
