//! Admission: limit ranges, priorities, tolerations and namespaces.

use std::sync::Arc;

use serde_json::{Value, json};
use wavetank::api::core::limit_range::LimitRange;
use wavetank::api::core::pod::Pod;
use wavetank::api::gates::Gates;
use wavetank::api::object::{Kind, Object, ObjectKey};
use wavetank::apiserver::admission::{self, Lookup};
use wavetank::apiserver::edge;
use wavetank::client::view::Caches;

use super::super::{Case, same};
use super::put;

/// What an apiserver has in its caches.
#[derive(Default)]
struct Known(Caches);

impl Lookup for Known {
    fn find(&self, key: &ObjectKey) -> Option<&Object> {
        self.0.of(key.kind).get(&key.namespace, &key.name)
    }

    fn default_priority_class(&self) -> Option<&Object> {
        let mut all = self.0.of(Kind::PRIORITY_CLASS).all();
        all.find(|o| matches!(o, Object::PriorityClass(c) if c.global_default))
    }

    fn default_storage_class(&self) -> Option<wavetank::api::Name> {
        None
    }

    fn limit_ranges(&self, namespace: &str) -> Vec<Arc<LimitRange>> {
        let namespace = namespace.into();
        let all = self.0.of(Kind::LIMIT_RANGE).in_namespace(&namespace);
        all.filter_map(|o| o.as_a::<LimitRange>().cloned()).collect()
    }
}

const NAMESPACE: &str = "a";

/// A pod as it comes to admission: read and defaulted.
fn pod(mut spec: Value, namespace: &str) -> Result<Arc<Pod>, String> {
    for field in ["containers", "initContainers"] {
        for (n, container) in spec[field].as_array_mut().into_iter().flatten().enumerate() {
            container["name"] = format!("{}{n}", field.to_lowercase()).into();
            container["image"] = "x".into();
        }
    }
    // Rows may hold what validation refuses: it comes after admission.
    let tolerations = spec.as_object_mut().and_then(|s| s.shift_remove("tolerations"));
    let value = json!({"apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": "p", "namespace": namespace}, "spec": spec});
    let object = edge::create(Kind::POD, namespace, "", value, Gates::default());
    let mut value = object.map_err(|r| r.message.to_string())?.to_value();
    if let Some(tolerations) = tolerations {
        value["spec"]["tolerations"] = tolerations;
    }
    let object = Object::from_value(Kind::POD, value).map_err(|e| e.to_string())?;
    object.as_a::<Pod>().cloned().ok_or("no pod".into())
}

fn known(namespace: &str) -> Result<Known, String> {
    let mut known = Known::default();
    let account = json!({"metadata": {"name": "default", "namespace": namespace}});
    put(&mut known.0, Kind::SERVICE_ACCOUNT, account)?;
    Ok(known)
}

/// `admission-limit-range`.
pub(super) fn limit_range(case: &Case<'_>) -> Result<(), String> {
    let mut known = known(NAMESPACE)?;
    let mut limit = case.input["limit"].clone();
    if let Some(ratio) = limit.get("ratio").cloned() {
        limit["maxLimitRequestRatio"] = ratio;
    }
    let value = json!({"apiVersion": "v1", "kind": "LimitRange",
        "metadata": {"name": "l", "namespace": NAMESPACE}, "spec": {"limits": [limit]}});
    put(&mut known.0, Kind::LIMIT_RANGE, value)?;
    let given = &case.input["pod"];
    let wrap = |list: &Value| -> Value {
        let all = list.as_array().cloned().unwrap_or_default();
        all.into_iter().map(|resources| json!({"resources": resources})).collect()
    };
    let mut spec = json!({"containers": wrap(&given["containers"])});
    if given["init_containers"].is_array() {
        spec["initContainers"] = wrap(&given["init_containers"]);
    }
    let result = admission::admit_pod(&*pod(spec, NAMESPACE)?, &known);
    if let Some(allowed) = case.want.get("allowed") {
        return same(&json!(result.is_ok()), allowed);
    }
    let (spec, _) = result.map_err(|r| r.message.to_string())?;
    let amounts = |list: &Value| -> Value {
        let all = list.as_array().cloned().unwrap_or_default();
        all.into_iter().map(|container| container["resources"].clone()).collect()
    };
    let spec = Value::Object((*spec.raw).clone());
    let mut got = json!({"containers": amounts(&spec["containers"])});
    if !case.want["init_containers"].is_null() {
        got["init_containers"] = amounts(&spec["initContainers"]);
    }
    same(&got, case.want)
}

/// `admission-misc`.
pub(super) fn misc(case: &Case<'_>) -> Result<(), String> {
    match case.whole["kind"].as_str().unwrap_or_default() {
        "priority-ok" | "priority-reject" => priority(case),
        "tolerations" => tolerations(case),
        "namespace" => namespace(case),
        other => Err(format!("no such kind of row: {other}")),
    }
}

fn with_container(mut spec: Value) -> Value {
    spec["containers"] = json!([{}]);
    spec
}

fn priority(case: &Case<'_>) -> Result<(), String> {
    let given = &case.input["pod"];
    let namespace = given["namespace"].as_str().unwrap_or(NAMESPACE);
    let mut known = known(namespace)?;
    for class in case.input["classes"].as_array().into_iter().flatten() {
        let mut value = class.clone();
        value["metadata"] = json!({"name": class["name"]});
        if let Some(value) = value.as_object_mut() {
            value.remove("name");
        }
        put(&mut known.0, Kind::PRIORITY_CLASS, value)?;
    }
    let mut spec = with_container(given.clone());
    if let Some(spec) = spec.as_object_mut() {
        spec.remove("namespace");
    }
    let result = admission::admit_pod(&*pod(spec, namespace)?, &known);
    match (result, case.want["error"].as_str()) {
        (Ok((spec, _)), None) => same(&json!({"priority": spec.priority}), case.want),
        (Err(refusal), Some("Forbidden")) if refusal.code == 403 => Ok(()),
        (result, _) => Err(format!("{result:?}")),
    }
}

fn tolerations(case: &Case<'_>) -> Result<(), String> {
    let spec = with_container(case.input.clone());
    let (spec, _) = admission::admit_pod(&*pod(spec, NAMESPACE)?, &known(NAMESPACE)?)
        .map_err(|r| r.message.to_string())?;
    let got = spec.raw.get("tolerations").cloned().unwrap_or_default();
    same(&json!({"tolerations": got}), case.want)
}

fn namespace(case: &Case<'_>) -> Result<(), String> {
    let input = case.input;
    if input.get("server_phase").is_some() {
        return Err("a cache that is behind its own server".into());
    }
    let name = input["namespace"].as_str().unwrap_or("test");
    let mut known = Known::default();
    if name != "missing" {
        let phase = input["phase"].as_str().unwrap_or("Active");
        let value = json!({"metadata": {"name": name}, "status": {"phase": phase}});
        put(&mut known.0, Kind::NAMESPACE, value)?;
    }
    let result = match input["operation"].as_str().unwrap_or_default() {
        "create" => admission::namespace_lifecycle(Kind::POD, name, "p", &known),
        "delete" => admission::immortal_namespace(&ObjectKey::new(Kind::POD, name, "p")),
        "delete namespace" => {
            let name = input["name"].as_str().unwrap_or_default();
            admission::immortal_namespace(&ObjectKey::new(Kind::NAMESPACE, "", name))
        }
        other => return Err(format!("no such operation: {other}")),
    };
    let Some(error) = case.want["error"].as_str() else {
        return result.map_err(|r| r.message.to_string());
    };
    let refusal = result.err().ok_or("it was allowed")?;
    let code = error.split(' ').next().unwrap_or_default();
    let cause = error.split_once("cause ").map(|(_, cause)| cause);
    let is_so = refusal.code.to_string() == code && cause.is_none_or(|c| refusal.has_cause(c));
    if is_so { Ok(()) } else { Err(format!("want {error}, got {refusal:?}")) }
}
