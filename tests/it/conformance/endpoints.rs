//! Conformance units: endpoints.

use std::sync::Arc;

use serde_json::{Map, Value, json};
use wavetank::api::core::pod::Pod;
use wavetank::api::core::service::{Service, ServicePort};
use wavetank::api::object::{Kind, Object};
use wavetank::api::time::EPOCH;
use wavetank::client::view::{Caches, View};
use wavetank::controllers::endpoint_slice::membership::{Terminating, find_port, is_member};
use wavetank::controllers::endpoint_slice::{conditions, reconcile};

use super::{Case, Differs, Unit, same};

/// The units of this area, and the function that runs a case of each.
pub(crate) const UNITS: &[Unit] = &[
    ("endpoints.endpoint-conditions", endpoint_conditions),
    ("endpoints.endpoint-slices-sizes", slice_sizes),
    ("endpoints.service-port-lookup", port_lookup),
];

/// Cases that are known to differ, with the reason.
pub(crate) const DIFFERS: &[Differs] = &[];

fn pod(value: Value) -> Result<Arc<Pod>, String> {
    let object = Object::from_value(Kind::POD, value).map_err(|e| e.to_string())?;
    object.as_a::<Pod>().cloned().ok_or("no pod".into())
}

fn flag(input: &Value, name: &str) -> Result<bool, String> {
    input[name].as_bool().ok_or(format!("no {name}"))
}

fn endpoint_conditions(case: &Case<'_>) -> Result<(), String> {
    let input = case.input;
    let publishes = flag(input, "publishNotReadyAddresses")?;
    let ready = if flag(input, "ready")? { "True" } else { "False" };
    let mut value = json!({"metadata": {"name": "p", "namespace": "default"},
        "spec": {"containers": [], "restartPolicy": input["restartPolicy"]},
        "status": {"phase": input["phase"], "conditions": [{"type": "Ready", "status": ready}]}});
    if flag(input, "hasIP")? {
        value["status"]["podIP"] = json!("10.0.0.1");
    }
    if flag(input, "terminating")? {
        value["metadata"]["deletionTimestamp"] = json!(EPOCH.to_string());
    }
    let pod = pod(value)?;
    let mut service = Service::default();
    service.spec.publish_not_ready_addresses = publishes;
    let old = if publishes { Terminating::Included } else { Terminating::LeftOut };
    let mut got = json!({
        "inLegacyEndpointsConsidered": is_member(&pod, old),
        "inSlice": is_member(&pod, Terminating::Included),
    });
    if is_member(&pod, Terminating::Included) {
        let said = serde_json::to_value(conditions(&pod, &service)).map_err(|e| e.to_string())?;
        got.as_object_mut().ok_or("no map")?.extend(said.as_object().cloned().unwrap_or_default());
    }
    same(&got, case.want)
}

fn slice_sizes(case: &Case<'_>) -> Result<(), String> {
    let max = case.input["maxEndpointsPerSlice"].as_u64().and_then(|n| usize::try_from(n).ok());
    let mut caches = Caches::default();
    let node = json!({"metadata": {"name": "n"}});
    let node = Object::from_value(Kind::NODE, node).map_err(|e| e.to_string())?;
    caches.of_mut(Kind::NODE).put(node);
    let mut service = Service::default();
    service.meta.name = "foo".into();
    service.spec.selector = [("foo", "bar")].into();
    let mut pods = Vec::new();
    for n in 0..250 {
        pods.push(pod(json!({"metadata": {"name": format!("pod{n}"), "namespace": "default"},
            "spec": {"nodeName": "n", "containers": []},
            "status": {"phase": "Running", "podIP": format!("10.0.0.{n}")}}))?);
    }
    let pods: Vec<&Arc<Pod>> = pods.iter().collect();
    let view = View::new(&caches, EPOCH);
    let max = max.ok_or("no maxEndpointsPerSlice")?;
    let changes = reconcile(&Arc::new(service), &pods, Vec::new(), max, view);
    let lengths: Vec<usize> = changes.create.iter().map(|s| s.endpoints.len()).collect();
    same(&json!({"sliceLengths": lengths}), case.want)
}

fn port_lookup(case: &Case<'_>) -> Result<(), String> {
    let mut spec = Map::new();
    for field in ["containers", "initContainers"] {
        spec.insert(field.into(), case.input[field].clone());
    }
    let pod = pod(json!({"metadata": {"name": "p"}, "spec": spec}))?;
    let port = json!({"port": 0, "protocol": "TCP", "targetPort": case.input["targetPort"]});
    let port: ServicePort = serde_json::from_value(port).map_err(|e| e.to_string())?;
    if port.target_port.is_none() {
        return Err("no targetPort".into());
    }
    let found = find_port(&pod, &port);
    same(&json!({"port": found.unwrap_or(0), "found": found.is_some()}), case.want)
}
