use serde_json::{Value, json};

use super::*;
use crate::api::request::Verb;
use crate::api::time::EPOCH;
use crate::client::view::Caches;

/// A budget of `minAvailable: 1` over a `ReplicaSet` of 2 with these pods.
fn world(budget: Value, pods: &[Value]) -> Caches {
    let mut caches = Caches::default();
    let mut put = |kind, value| {
        let object = Object::from_value(kind, value).expect("it is an object");
        caches.of_mut(kind).put(object);
    };
    put(Kind::POD_DISRUPTION_BUDGET, budget);
    put(
        Kind::REPLICA_SET,
        json!({"metadata": {"name": "web", "namespace": "a", "uid": "set"},
            "spec": {"replicas": 2}}),
    );
    for pod in pods {
        put(Kind::POD, pod.clone());
    }
    caches
}

fn budget(status: &Value) -> Value {
    json!({"metadata": {"name": "web", "namespace": "a", "generation": 1},
        "spec": {"minAvailable": 1, "selector": {"matchLabels": {"app": "web"}}},
        "status": status})
}

fn pod(name: &str, owner: &str) -> Value {
    json!({"metadata": {"name": name, "namespace": "a", "uid": name, "labels": {"app": "web"},
            "ownerReferences": [{"apiVersion": "apps/v1", "kind": owner, "name": "web",
                "uid": "set", "controller": true}]},
        "spec": {"containers": []},
        "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}})
}

fn look(caches: &Caches) -> Plan {
    let key = ObjectKey::new(Kind::POD_DISRUPTION_BUDGET, "a", "web");
    DisruptionController.reconcile(&key, View::new(caches, EPOCH))
}

fn written(plan: &Plan) -> Arc<PodDisruptionBudget> {
    let Some(Verb::Update { object, .. }) = plan.writes().next().map(|w| &w.verb) else {
        panic!("{plan:?}");
    };
    object.as_a::<PodDisruptionBudget>().expect("a budget").clone()
}

#[test]
fn a_counted_budget_plans_nothing() {
    let pods = [pod("p", "ReplicaSet"), pod("q", "ReplicaSet")];
    let mut caches = world(budget(&json!({})), &pods);
    let new = written(&look(&caches));
    assert_eq!((new.status.disruptions_allowed, new.status.expected_pods), (1, 2));
    caches.of_mut(Kind::POD_DISRUPTION_BUDGET).put(Object::PodDisruptionBudget(new));
    let plan = look(&caches);
    assert!(plan.is_empty() && plan.look_again.is_none());
}

#[test]
fn a_pod_that_was_let_go_is_waited_for() {
    let since = EPOCH.minus(SimDuration::secs(20)).to_string();
    let pods = [pod("p", "ReplicaSet"), pod("q", "ReplicaSet")];
    let caches = world(budget(&json!({"disruptedPods": {"p": since}})), &pods);
    let plan = look(&caches);
    let new = written(&plan);
    assert_eq!((new.status.disruptions_allowed, new.status.current_healthy), (0, 1));
    assert_eq!(plan.look_again, Some(SimDuration::secs(100)));
}

#[test]
fn pods_that_nobody_scales_cannot_be_shared_out() {
    let mut all = budget(&json!({"disruptionsAllowed": 3}));
    all["spec"]["minAvailable"] = json!("50%");
    let caches = world(all, &[pod("p", "DaemonSet")]);
    let plan = look(&caches);
    let new = written(&plan);
    let condition = &new.status.conditions[0];
    assert_eq!((new.status.disruptions_allowed, condition.reason.as_str()), (0, "SyncFailed"));
    assert_eq!(
        condition.message,
        "apps/v1, Resource=daemonsets does not implement the scale subresource"
    );
    assert_eq!(plan.events[0].reason, "CalculateExpectedPodCountFailed");
}
