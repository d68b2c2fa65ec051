use serde_json::{Value, json};

use super::*;
use crate::api::time::EPOCH;

fn object(kind: &str, value: Value) -> Object {
    let kind = Kind::named(kind).expect("the kind is known");
    Object::from_value(kind, value).expect("it can be read")
}

fn typed_pod(value: Value) -> Arc<Pod> {
    let Object::Pod(pod) = object("Pod", value) else { panic!("a pod") };
    pod
}

fn event(reason: &str, count: i32, first: &str, last: &str) -> Arc<Event> {
    let value = json!({
        "metadata": {"name": format!("web.{reason}"), "namespace": "default"},
        "involvedObject": {"kind": "Pod", "namespace": "default", "name": "web"},
        "reason": reason, "message": "a message\n", "type": "Normal", "count": count,
        "source": {"component": "kubelet"}, "reportingComponent": "", "reportingInstance": "",
        "firstTimestamp": first, "lastTimestamp": last, "eventTime": null,
    });
    let Object::Event(event) = object("Event", value) else { panic!("an event") };
    event
}

fn pod() -> Value {
    json!({
        "metadata": {"name": "web", "namespace": "default", "labels": {"a": "1", "b": "2"},
            "creationTimestamp": "2026-01-01T00:00:00Z"},
        "spec": {"nodeName": "node-1", "containers": [{"name": "app", "image": "app:v1",
            "ports": [{"containerPort": 80, "protocol": "TCP"}],
            "resources": {"requests": {"cpu": "250m", "memory": "64Mi"}}}],
            "tolerations": [{"key": "k", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300}]},
        "status": {"phase": "Running", "podIP": "10.244.0.5", "hostIP": "10.0.0.1",
            "conditions": [{"type": "Ready", "status": "True"}],
            "containerStatuses": [{"name": "app", "ready": true, "restartCount": 0, "image": "app:v1",
                "imageID": "", "state": {"running": {"startedAt": "2026-01-01T00:00:01Z"}}, "lastState": {}}]},
    })
}

fn now() -> Time {
    Time(EPOCH.0 + 600_000_000_000)
}

#[test]
fn a_pod_is_described() {
    let events = vec![
        event("Pulled", 5, "2026-01-01T00:00:00Z", "2026-01-01T00:08:00Z"),
        event("Scheduled", 1, "2026-01-01T00:00:00Z", "2026-01-01T00:00:00Z"),
    ];
    let related = Related { events: Some(events.clone()), ..Related::default() };
    let want = "\
Name:         web
Namespace:    default
Node:         node-1/10.0.0.1
Labels:       a=1
              b=2
Annotations:  <none>
Status:       Running
IP:           10.244.0.5
IPs:
  IP:  10.244.0.5
Containers:
  app:
    Container ID:   
    Image:          app:v1
    Image ID:       
    Port:           80/TCP
    Host Port:      0/TCP
    State:          Running
      Started:      Thu, 01 Jan 2026 00:00:01 +0000
    Ready:          True
    Restart Count:  0
    Requests:
      cpu:        250m
      memory:     64Mi
    Environment:  <none>
    Mounts:       <none>
Conditions:
  Type           Status
  Ready          True 
Volumes:         <none>
QoS Class:       BestEffort
Node-Selectors:  <none>
Tolerations:     k:NoExecute op=Exists for 300s
Events:
  Type    Reason     Age               From     Message
  ----    ------     ----              ----     -------
  Normal  Scheduled  10m               kubelet  a message
  Normal  Pulled     2m (x5 over 10m)  kubelet  a message
";
    let got = describe(&object("Pod", pod()), &related, now());
    assert_eq!(got, want);
    let want = "\
LAST SEEN          TYPE     REASON      OBJECT    MESSAGE
10m                Normal   Scheduled   Pod/web   a message
2m (x5 over 10m)   Normal   Pulled      Pod/web   a message
";
    assert_eq!(
        crate::scenario::print::events(&events, &crate::scenario::print::How::default(), now()),
        want
    );
}

#[test]
fn a_node_tells_what_of_it_is_taken() {
    let node = json!({
        "metadata": {"name": "node-1", "creationTimestamp": "2026-01-01T00:00:00Z"},
        "status": {"capacity": {"cpu": "2", "memory": "1Gi", "pods": "110"},
            "allocatable": {"cpu": "2", "memory": "1Gi", "pods": "110"}},
    });
    let related = Related { pods: vec![typed_pod(pod())], ..Related::default() };
    let got = describe(&object("Node", node), &related, now());
    let (_, tail) = got.split_once("Non-terminated Pods:").expect("the pods are listed");
    let want = "          (1 in total)
  Namespace                   Name    CPU Requests  CPU Limits  Memory Requests  Memory Limits  Age
  ---------                   ----    ------------  ----------  ---------------  -------------  ---
  default                     web     250m (12%)    0 (0%)      64Mi (6%)        0 (0%)         10m
Allocated resources:
  (Total limits may be over 100 percent, i.e., overcommitted.)
  Resource           Requests    Limits
  --------           --------    ------
  cpu                250m (12%)  0 (0%)
  memory             64Mi (6%)   0 (0%)
  ephemeral-storage  0 (0%)      0 (0%)
";
    assert_eq!(tail, want);
}

#[test]
fn other_kinds_show_all_their_fields() {
    let map = object(
        "ControllerRevision",
        json!({"metadata": {"name": "b", "namespace": "default"},
        "revision": 1}),
    );
    let want = "\
Name:         b
Namespace:    default
Labels:       <none>
Annotations:  <none>
API Version:  apps/v1
Kind:         ControllerRevision
Metadata:
Revision:  1
Events:    <none>
";
    let related = Related { events: Some(Vec::new()), ..Related::default() };
    assert_eq!(describe(&map, &related, now()), want);
}

#[test]
fn a_budget_shows_what_it_allows() {
    let budget = object(
        "PodDisruptionBudget",
        json!({"metadata": {"name": "b", "namespace": "default"},
        "spec": {"minAvailable": 1, "selector": {"matchLabels": {"app": "web"}}},
        "status": {"disruptionsAllowed": 2, "currentHealthy": 3, "desiredHealthy": 1,
            "expectedPods": 3}}),
    );
    let want = "\
Name:           b
Namespace:      default
Min available:  1
Selector:       app=web
Status:
    Allowed disruptions:  2
    Current:              3
    Desired:              1
    Total:                3
Events:                   <none>
";
    let related = Related { events: Some(Vec::new()), ..Related::default() };
    assert_eq!(describe(&budget, &related, now()), want);
}
