use serde_json::json;

use super::*;
use crate::api::time::EPOCH;
use crate::client::view::Caches;

fn second(n: u64) -> Time {
    EPOCH.plus(SimDuration::secs(n))
}

/// Nodes that were ready at the start, with a lease that was renewed then, and a pod on each.
fn cluster(nodes: usize) -> Caches {
    let mut caches = Caches::default();
    for n in 0..nodes {
        let name = format!("n-{n}");
        let node = json!({"metadata": {"name": name, "uid": name, "resourceVersion": "1"}, "status": {
            "conditions": [{"type": "Ready", "status": "True", "lastHeartbeatTime": EPOCH}]}});
        let lease = json!({"metadata": {"name": name, "namespace": "kube-node-lease"},
            "spec": {"renewTime": EPOCH.micro_text()}});
        let pod = json!({"metadata": {"name": name, "namespace": "default", "uid": format!("p{n}")},
            "spec": {"nodeName": name, "containers": [{"name": "c"}]},
            "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}});
        for (kind, value) in [(Kind::NODE, node), (Kind::LEASE, lease), (Kind::POD, pod)] {
            caches.of_mut(kind).put(Object::from_value(kind, value).unwrap());
        }
    }
    caches
}

/// Makes the writes of a plan, as the apiserver would, and lets the controller see them.
fn apply(controller: &mut NodeLifecycle, caches: &mut Caches, plan: &Plan, now: Time) {
    for write in plan.writes() {
        let key = write.verb.key();
        let mut object = View::new(caches, now).object(&key).unwrap().clone();
        if let Verb::Update { object: new, .. } = &write.verb {
            object.take_status(new);
        } else if let Verb::Patch { patch: Patch::Edit(edit), .. } = &write.verb {
            edit.apply(&mut object);
        } else {
            panic!("unexpected {}", write.verb.name());
        }
        object.meta_mut().resource_version += 1;
        let old = caches.of_mut(key.kind).put(object.clone());
        let change = Observed { old: old.as_ref(), new: Some(&object) };
        controller.observe(&change, View::new(caches, now));
    }
}

#[test]
fn a_pass_over_healthy_nodes_wants_nothing_and_waits_for_the_first_that_may_be_overdue() {
    let caches = cluster(3);
    let mut controller = NodeLifecycle::new(Options::default());
    let key = NodeLifecycle::monitor_key();
    let plan = controller.reconcile(&key, View::new(&caches, EPOCH));
    assert_eq!((plan.steps.len(), plan.events.len()), (0, 3));
    assert_eq!(plan.look_again, Some(SimDuration::secs(55)));
    let plan = controller.reconcile(&key, View::new(&caches, second(5)));
    assert!(plan.is_empty());
    assert_eq!(plan.look_again, Some(SimDuration::secs(50)));
}

#[test]
fn a_renewal_that_was_seen_late_counts_from_the_pass_that_would_have_seen_it() {
    let mut caches = cluster(1);
    let mut controller = NodeLifecycle::new(Options::default());
    let key = NodeLifecycle::monitor_key();
    controller.reconcile(&key, View::new(&caches, EPOCH));
    let lease = json!({"metadata": {"name": "n-0", "namespace": "kube-node-lease"},
        "spec": {"renewTime": second(42).micro_text()}});
    caches.of_mut(Kind::LEASE).put(Object::from_value(Kind::LEASE, lease).unwrap());
    let plan = controller.reconcile(&key, View::new(&caches, second(55)));
    assert!(plan.is_empty());
    // Seen by the pass at 45; overdue after 95, which the pass at 100 finds.
    assert_eq!(plan.look_again, Some(SimDuration::secs(45)));
}

#[test]
fn a_silent_node_is_unknown_its_pods_not_ready_and_then_it_is_tainted() {
    let mut caches = cluster(2);
    let mut controller = NodeLifecycle::new(Options::default());
    let key = NodeLifecycle::monitor_key();
    controller.reconcile(&key, View::new(&caches, EPOCH));
    let lease = json!({"metadata": {"name": "n-1", "namespace": "kube-node-lease"},
        "spec": {"renewTime": second(50).micro_text()}});
    caches.of_mut(Kind::LEASE).put(Object::from_value(Kind::LEASE, lease).unwrap());
    let plan = controller.reconcile(&key, View::new(&caches, second(55)));
    let told: Vec<_> = plan
        .writes()
        .map(|w| (w.verb.name(), w.verb.key().name.to_string(), w.why.to_string()))
        .collect();
    let wanted = [
        ("update", "n-0".to_owned(), "no sign of life for 55s".to_owned()),
        ("update", "n-0".to_owned(), "its node n-0 is not ready".to_owned()),
    ];
    assert_eq!(told, wanted);
    assert_eq!(&*plan.events[0].message, "Node n-0 status is now: NodeNotReady");
    let tainting = NodeLifecycle::tainting_key();
    let early = controller.reconcile(&tainting, View::new(&caches, second(55)));
    assert!(early.is_empty(), "its own write is not seen yet");
    apply(&mut controller, &mut caches, &plan, second(55));
    let plan = controller.reconcile(&tainting, View::new(&caches, second(56)));
    apply(&mut controller, &mut caches, &plan, second(56));
    let node = View::new(&caches, second(56)).get::<Node>("", "n-0").unwrap().clone();
    assert_eq!(node.spec.taints[0].to_string(), "node.kubernetes.io/unreachable:NoExecute");
    for at in [60, 65, 70] {
        assert!(controller.reconcile(&key, View::new(&caches, second(at))).is_empty());
        assert!(controller.reconcile(&tainting, View::new(&caches, second(at))).is_empty());
    }
}

#[test]
fn nodes_of_a_zone_are_tainted_one_every_ten_seconds() {
    let mut caches = cluster(8);
    let mut controller = NodeLifecycle::new(Options::default());
    let (key, tainting) = (NodeLifecycle::monitor_key(), NodeLifecycle::tainting_key());
    controller.reconcile(&key, View::new(&caches, EPOCH));
    let mut tainted = Vec::new();
    for at in 1..=120 {
        for n in 3..8 {
            let lease = json!({"metadata": {"name": format!("n-{n}"), "namespace": "kube-node-lease"},
                "spec": {"renewTime": second(at).micro_text()}});
            caches.of_mut(Kind::LEASE).put(Object::from_value(Kind::LEASE, lease).unwrap());
        }
        for key in [&key, &tainting] {
            let plan = controller.reconcile(key, View::new(&caches, second(at)));
            tainted.extend(plan.writes().filter(|w| w.verb.name() == "patch").map(|_| at));
            apply(&mut controller, &mut caches, &plan, second(at));
        }
    }
    assert_eq!(tainted, [55, 65, 75]);
}

#[test]
fn a_refused_status_is_tried_again_without_waiting_for_the_next_pass() {
    let caches = cluster(2);
    let mut controller = NodeLifecycle::new(Options::default());
    let key = NodeLifecycle::monitor_key();
    controller.reconcile(&key, View::new(&caches, EPOCH));
    let plan = controller.reconcile(&key, View::new(&caches, second(55)));
    let kind = crate::api::refusal::GroupResource::new("", "nodes");
    let refusal = Refusal::conflict(&kind, "n-0", "somebody was faster".to_owned());
    let first = plan.writes().next().unwrap();
    assert_eq!(controller.recover(first, &refusal), Recovery::Retry);
    let again = controller.reconcile(&key, View::new(&caches, Time(second(55).0 + 5_000_000)));
    assert_eq!(again.writes().count(), plan.writes().count());
}
