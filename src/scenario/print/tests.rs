use serde_json::{Value, json};

use super::*;
use crate::api::object::Kind;
use crate::api::time::EPOCH;

fn object(kind: &str, value: Value) -> Object {
    let kind = Kind::named(kind).expect("the kind is known");
    Object::from_value(kind, value).expect("it can be read")
}

fn pod(name: &str, ready: bool) -> Object {
    object(
        "Pod",
        json!({
            "metadata": {"name": name, "namespace": "default", "labels": {"app": "web"},
                "creationTimestamp": "2026-01-01T00:00:00Z"},
            "spec": {"nodeName": "node-1", "containers": [{"name": "app", "image": "app:v1"}]},
            "status": {"phase": "Running", "podIP": "10.244.0.5", "containerStatuses": [{
                "name": "app", "ready": ready, "restartCount": 0, "image": "app:v1", "imageID": "",
                "state": {"running": {"startedAt": "2026-01-01T00:00:01Z"}}, "lastState": {}}]},
        }),
    )
}

fn now() -> Time {
    Time(EPOCH.0 + 190_000_000_000)
}

fn check(objects: &[Object], how: &How, want: &str) {
    let got = get(objects, how, now()).unwrap_or_else(|e| e);
    assert_eq!(got, want);
}

#[test]
fn pods_are_a_table() {
    let pods = [pod("web-1", true), pod("web-long-name", false)];
    let want = "\
NAME            READY   STATUS    RESTARTS   AGE
web-1           1/1     Running   0          3m10s
web-long-name   0/1     Running   0          3m10s
";
    check(&pods, &How::default(), want);
    let wide = How { output: Some(Output::Wide), all_namespaces: true, ..How::default() };
    let want = "\
NAMESPACE   NAME    READY   STATUS    RESTARTS   AGE     IP           NODE     NOMINATED NODE   READINESS GATES
default     web-1   1/1     Running   0          3m10s   10.244.0.5   node-1   <none>           <none>
";
    check(&pods[..1], &wide, want);
    let labels = How {
        label_columns: vec!["example.com/app".to_owned(), "app".to_owned()],
        show_labels: true,
        no_headers: true,
        ..How::default()
    };
    check(&pods[..1], &labels, "web-1   1/1   Running   0     3m10s         web   app=web\n");
}

#[test]
fn several_kinds_are_tables_with_the_kind_before_each_name() {
    let deployment = object(
        "Deployment",
        json!({
            "metadata": {"name": "web", "creationTimestamp": "2026-01-01T00:00:00Z"},
            "spec": {"replicas": 2, "selector": {"matchLabels": {"app": "web"}},
                "template": {"metadata": {"labels": {"app": "web"}},
                    "spec": {"containers": [{"name": "app", "image": "app:v1"}]}}},
            "status": {"readyReplicas": 1, "updatedReplicas": 2, "availableReplicas": 1},
        }),
    );
    let want = "\
NAME        READY   STATUS    RESTARTS   AGE
pod/web-1   1/1     Running   0          3m10s

NAME                  READY   UP-TO-DATE   AVAILABLE   AGE
deployment.apps/web   1/2     2            1           3m10s
";
    check(&[pod("web-1", true), deployment.clone()], &How::default(), want);
    let name = How { output: Some(Output::Name), ..How::default() };
    check(&[pod("web-1", true), deployment], &name, "pod/web-1\ndeployment.apps/web\n");
}

#[test]
fn rows_are_sorted_and_columns_chosen() {
    let pods = [pod("web-10", true), pod("web-9", false)];
    let columns = "NAME:.metadata.name,LABELS:metadata.labels,NONE:{.spec.nosuch}";
    let how = How {
        output: Some(Output::CustomColumns(columns.to_owned())),
        sort_by: Some("{.metadata.name}".to_owned()),
        ..How::default()
    };
    let want = "\
NAME     LABELS         NONE
web-9    map[app:web]   <none>
web-10   map[app:web]   <none>
";
    check(&pods, &how, want);
    let how = How { sort_by: Some(".nosuch".to_owned()), ..How::default() };
    check(&pods, &how, "couldn't find any field with path \".nosuch\" in the list of objects");
}

#[test]
fn one_object_by_name_is_no_list() {
    let map = object("ConfigMap", json!({"metadata": {"name": "c"}, "data": {"k": "<v>"}}));
    let json = |single| How { output: Some(Output::Json), single, ..How::default() };
    let want = r#"{
    "apiVersion": "v1",
    "data": {
        "k": "\u003cv\u003e"
    },
    "kind": "ConfigMap",
    "metadata": {
        "name": "c"
    }
}
"#;
    check(std::slice::from_ref(&map), &json(true), want);
    let yaml = How { output: Some(Output::Yaml), ..How::default() };
    let want = "\
apiVersion: v1
items:
- apiVersion: v1
  data:
    k: <v>
  kind: ConfigMap
  metadata:
    name: c
kind: List
metadata:
  resourceVersion: \"\"
";
    check(std::slice::from_ref(&map), &yaml, want);
    let path = Output::Jsonpath("{.items[*].metadata.name}".to_owned());
    check(&[map], &How { output: Some(path), ..How::default() }, "c");
}
