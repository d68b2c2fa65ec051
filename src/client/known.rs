//! A few objects as informers know them, for tests of components that look at whole clusters.

use serde_json::{Value, json};

use crate::api::object::{Kind, Object};
use crate::client::view::Caches;

/// What informers know, of objects that a test writes down.
#[derive(Default)]
pub(crate) struct Known {
    pub(crate) caches: Caches,
    count: u64,
}

impl Known {
    /// Takes in an object, which gets a uid; gives the version before, and it.
    pub(crate) fn put(&mut self, kind: Kind, mut value: Value) -> (Option<Object>, Object) {
        self.count += 1;
        value["metadata"]["uid"] = json!(format!("00000000-0000-0000-0000-{:012}", self.count));
        let object = Object::from_value(kind, value).unwrap();
        (self.caches.of_mut(kind).put(object.clone()), object)
    }
}

/// A node that is ready, with other fields than usual.
pub(crate) fn node(name: &str, cpu: &str, more: &Value) -> Value {
    let resources = json!({"cpu": cpu, "memory": "8Gi", "pods": "110"});
    let mut value = json!({
        "metadata": {"name": name, "labels": {"kubernetes.io/hostname": name}},
        "status": {
            "capacity": resources, "allocatable": resources,
            "conditions": [{"type": "Ready", "status": "True"}],
        },
    });
    merge(&mut value, more);
    value
}

/// A running pod of the set `web`, on a node or on none, with other fields than usual.
pub(crate) fn pod(name: &str, node: &str, cpu: &str, more: &Value) -> Value {
    let mut value = json!({
        "metadata": {
            "name": name, "namespace": "default", "labels": {"app": "web"},
            "ownerReferences": [{
                "apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web",
                "uid": "11111111-0000-0000-0000-000000000000", "controller": true,
            }],
        },
        "spec": {
            "containers": [{
                "name": "app", "image": "web:v1", "resources": {"requests": {"cpu": cpu}},
            }],
        },
        "status": {"phase": "Running", "startTime": "2026-01-01T00:00:00Z"},
    });
    if !node.is_empty() {
        value["spec"]["nodeName"] = json!(node);
    }
    merge(&mut value, more);
    value
}

/// Lays the members of one value over those of another.
pub(crate) fn merge(value: &mut Value, more: &Value) {
    match (value, more) {
        (Value::Object(value), Value::Object(more)) => {
            for (key, more) in more {
                merge(value.entry(key.clone()).or_insert(Value::Null), more);
            }
        }
        (value, more) => *value = more.clone(),
    }
}
