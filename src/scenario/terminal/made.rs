//! Objects that kubectl makes from flags.

use serde_json::{Map, Value, json};

use crate::api::labels::Labels;
use crate::api::object::{Kind, Object};
use crate::api::patch;
use crate::api::schema::Schema;
use crate::api::selector::Selector;
use crate::scenario::kubectl::{
    Autoscale, CreateBudget, CreateCronJob, CreateDeployment, CreateJob, CreatePriorityClass,
    CreateQuota, Expose, RestartPolicy, Run,
};
use crate::scenario::terminal::failure::Failure;

/// An object with nothing but a name.
pub(super) fn bare(api_version: &str, kind: &str, name: &str) -> Value {
    json!({ "apiVersion": api_version, "kind": kind, "metadata": { "name": name } })
}

/// `kubectl create configmap`.
pub(super) fn config_map(name: &str, data: &[(String, String)]) -> Value {
    let mut value = bare("v1", "ConfigMap", name);
    if !data.is_empty() {
        let pairs = data.iter().map(|(key, text)| (key.clone(), Value::from(text.as_str())));
        value["data"] = Value::Object(pairs.collect());
    }
    value
}

/// `kubectl create secret generic`.
pub(super) fn secret(name: &str, data: &[(String, String)]) -> Value {
    let mut value = bare("v1", "Secret", name);
    let pairs = data.iter().map(|(key, text)| (key.clone(), Value::from(base64(text.as_bytes()))));
    value["data"] = Value::Object(pairs.collect());
    value["type"] = "Opaque".into();
    value
}

/// Bytes in the alphabet of RFC 4648, padded: `hi` is `aGk=`.
fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let byte = |at: usize| usize::from(chunk.get(at).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for place in 0..4 {
            let is_padding = place > chunk.len();
            let letter = LETTERS[bits >> (18 - 6 * place) & 63];
            text.push(if is_padding { '=' } else { char::from(letter) });
        }
    }
    text
}

/// The name of a container for an image: what stands behind the last slash, without the tag.
///
/// `registry.local/team/app:v1` gives `app`.
///
/// Source: kubernetes v1.36 staging/src/k8s.io/kubectl/pkg/cmd/create/create_deployment.go,
/// `buildPodSpec`
fn container_name(image: &str) -> String {
    let last = image.rsplit('/').next().unwrap_or(image);
    let name = last.split([':', '@']).next().unwrap_or(last).to_ascii_lowercase();
    name.chars().map(|c| if c == '_' { '-' } else { c }).collect()
}

/// `kubectl create deployment`.
pub(super) fn deployment(it: &CreateDeployment) -> Value {
    let one = |image: &String| {
        let mut container = json!({ "name": container_name(image), "image": image });
        if !it.command.is_empty() {
            container["command"] = it.command.clone().into();
        }
        container
    };
    let mut containers: Vec<Value> = it.image.iter().map(one).collect();
    if let (Some(port), Some(first)) = (it.port, containers.first_mut()) {
        first["ports"] = json!([{ "containerPort": port }]);
    }
    let labels = json!({ "app": it.name });
    let mut value = bare("apps/v1", "Deployment", &it.name);
    value["metadata"]["labels"] = labels.clone();
    value["spec"] = json!({
        "replicas": it.replicas,
        "selector": { "matchLabels": labels },
        "template": { "metadata": { "labels": labels }, "spec": { "containers": containers } },
    });
    value
}

/// The pod template of a Job that is made from flags.
fn job_template(name: &str, image: &str, command: &[String], restart: RestartPolicy) -> Value {
    let mut container = json!({ "name": name, "image": image });
    if !command.is_empty() {
        container["command"] = command.into();
    }
    json!({ "spec": { "containers": [container], "restartPolicy": restart_name(restart) } })
}

fn restart_name(restart: RestartPolicy) -> &'static str {
    match restart {
        RestartPolicy::Always => "Always",
        RestartPolicy::OnFailure => "OnFailure",
        RestartPolicy::Never => "Never",
    }
}

/// `kubectl create job --image`.
pub(super) fn job(it: &CreateJob) -> Value {
    let mut value = bare("batch/v1", "Job", &it.name);
    let image = it.image.as_deref().unwrap_or_default();
    let template = job_template(&it.name, image, &it.command, RestartPolicy::Never);
    value["spec"] = json!({ "template": template });
    value
}

/// `kubectl create job --from=cronjob/…`.
///
/// Source: kubernetes v1.36 staging/src/k8s.io/kubectl/pkg/cmd/create/create_job.go,
/// `createJobFromCronJob`
pub(super) fn job_from(cron_job: &Object, name: &str) -> Value {
    let from = cron_job.to_value();
    let template = from.pointer("/spec/jobTemplate").cloned().unwrap_or_default();
    let mut annotations = json!({ "cronjob.kubernetes.io/instantiate": "manual" });
    if let Some(more) = template.pointer("/metadata/annotations") {
        json_patch::merge(&mut annotations, more);
    }
    let mut value = bare("batch/v1", "Job", name);
    value["metadata"]["annotations"] = annotations;
    if let Some(labels) = template.pointer("/metadata/labels") {
        value["metadata"]["labels"] = labels.clone();
    }
    value["metadata"]["ownerReferences"] = json!([{
        "apiVersion": "batch/v1",
        "kind": "CronJob",
        "name": cron_job.meta().name.as_str(),
        "uid": cron_job.meta().uid.to_string(),
        "controller": true,
    }]);
    value["spec"] = template["spec"].clone();
    value
}

/// `kubectl create cronjob`.
pub(super) fn cron_job(it: &CreateCronJob) -> Value {
    let mut value = bare("batch/v1", "CronJob", &it.name);
    let template = job_template(&it.name, &it.image, &it.command, it.restart);
    value["spec"] = json!({
        "schedule": it.schedule,
        "jobTemplate": { "metadata": { "name": it.name }, "spec": { "template": template } },
    });
    value
}

/// `kubectl create poddisruptionbudget`.
pub(super) fn budget(it: &CreateBudget) -> Result<Value, Failure> {
    let mut value = bare("policy/v1", "PodDisruptionBudget", &it.name);
    let labels = equalities(&it.selector)?;
    value["spec"] = json!({ "selector": { "matchLabels": labels } });
    let bounds = [("minAvailable", &it.min_available), ("maxUnavailable", &it.max_unavailable)];
    for (key, bound) in bounds {
        if let Some(bound) = bound {
            value["spec"][key] = number_or_text(bound);
        }
    }
    Ok(value)
}

/// `a=b,c=d` as labels.
fn equalities(text: &str) -> Result<Value, Failure> {
    let labels: Labels =
        Selector::parse_equalities(text).map_err(|why| Failure::Text(why.to_string()))?;
    Ok(json!(labels))
}

/// A whole number, or a text such as `50%` or a port's name.
fn number_or_text(text: &str) -> Value {
    text.parse::<i32>().map_or_else(|_| Value::from(text), Value::from)
}

/// `kubectl create priorityclass`.
pub(super) fn priority_class(it: &CreatePriorityClass) -> Value {
    let mut value = bare("scheduling.k8s.io/v1", "PriorityClass", &it.name);
    value["value"] = it.value.into();
    value["globalDefault"] = it.global_default.into();
    value["preemptionPolicy"] = it.preemption_policy.as_str().into();
    if let Some(description) = &it.description {
        value["description"] = description.as_str().into();
    }
    value
}

/// `kubectl create quota`.
pub(super) fn quota(it: &CreateQuota) -> Result<Value, Failure> {
    let mut value = bare("v1", "ResourceQuota", &it.name);
    value["spec"] = json!({});
    if let Some(hard) = &it.hard {
        let mut amounts = Map::new();
        for pair in hard.split(',').filter(|pair| !pair.is_empty()) {
            let (name, amount) = pair.split_once('=').ok_or_else(|| {
                Failure::Text(format!(
                    "Invalid argument syntax {pair}, expected <resource>=<value>"
                ))
            })?;
            amounts.insert(name.to_owned(), amount.into());
        }
        value["spec"]["hard"] = Value::Object(amounts);
    }
    if let Some(scopes) = &it.scopes {
        value["spec"]["scopes"] = scopes.split(',').collect::<Vec<_>>().into();
    }
    Ok(value)
}

/// `kubectl run`.
///
/// Source: kubernetes v1.36 staging/src/k8s.io/kubectl/pkg/generate/versioned/run.go,
/// `BasicPod.Generate`
pub(super) fn pod(it: &Run, overrides: Option<Value>) -> Result<Value, Failure> {
    let mut container = json!({ "name": it.name, "image": it.image });
    if !it.args.is_empty() {
        container[if it.command { "command" } else { "args" }] = it.args.clone().into();
    }
    if !it.env.is_empty() {
        let mut vars = Vec::new();
        for pair in &it.env {
            let (name, text) = pair
                .split_once('=')
                .filter(|(name, _)| !name.is_empty())
                .ok_or_else(|| Failure::Text(format!("invalid env: {pair}")))?;
            vars.push(json!({ "name": name, "value": text }));
        }
        container["env"] = vars.into();
    }
    if let Some(port) = it.port {
        container["ports"] = json!([{ "containerPort": port }]);
    }
    let mut value = bare("v1", "Pod", &it.name);
    value["metadata"]["labels"] = match &it.labels {
        Some(labels) => equalities(labels)?,
        None => json!({ "run": it.name }),
    };
    for pair in &it.annotations {
        let (key, text) = pair
            .split_once('=')
            .ok_or_else(|| Failure::Text(format!("unexpected annotation format: {pair}")))?;
        value["metadata"]["annotations"][key] = text.into();
    }
    value["spec"] = json!({
        "containers": [container],
        "restartPolicy": restart_name(it.restart),
        "dnsPolicy": "ClusterFirst",
    });
    let Some(overrides) = overrides else { return Ok(value) };
    overridden(&value, &overrides, &it.override_type)
}

/// An object with parts of it replaced, in one of the three ways of patching.
fn overridden(value: &Value, overrides: &Value, how: &str) -> Result<Value, Failure> {
    let failed = |why: patch::PatchError| Failure::Text(why.to_string());
    match how {
        "merge" => Ok(patch::merge_patch(value, overrides)),
        "json" => patch::json_patch(value, overrides).map_err(failed),
        "strategic" => {
            let schema = Schema::of("Pod").ok_or_else(|| Failure::text("pods have no fields"))?;
            patch::strategic::apply(value, overrides, schema).map_err(failed)
        }
        other => Err(Failure::Text(format!("invalid override type: {other}"))),
    }
}

/// `kubectl expose`.
///
/// Source: kubernetes v1.36 staging/src/k8s.io/kubectl/pkg/cmd/expose/expose.go, `createService`
pub(super) fn service(it: &Expose, object: &Object) -> Result<Value, Failure> {
    let from = object.to_value();
    let selector = match &it.selector {
        Some(text) => equalities(text)?,
        None => selector_of(object, &from)?,
    };
    let ports = match it.port {
        Some(port) => vec![service_port(it, None, &json!(port))],
        None => ports_of(it, object, &from)?,
    };
    let mut value = bare("v1", "Service", it.name.as_deref().unwrap_or(&object.meta().name));
    let labels = match &it.labels {
        Some(labels) => equalities(labels)?,
        None => json!(object.meta().labels),
    };
    if labels.as_object().is_some_and(|labels| !labels.is_empty()) {
        value["metadata"]["labels"] = labels;
    }
    value["spec"] = json!({ "selector": selector, "ports": ports });
    match &it.cluster_ip {
        Some(address) if address.is_empty() || address == "None" => {
            value["spec"]["clusterIP"] = "None".into();
        }
        Some(address) => value["spec"]["clusterIP"] = address.as_str().into(),
        None => {}
    }
    if it.kind != "ClusterIP" {
        value["spec"]["type"] = it.kind.as_str().into();
    }
    Ok(value)
}

fn service_port(it: &Expose, name: Option<String>, port: &Value) -> Value {
    let target = it.target_port.as_deref().map_or(port.clone(), number_or_text);
    let mut value = json!({ "port": port, "protocol": it.protocol, "targetPort": target });
    if let Some(name) = name {
        value["name"] = name.into();
    }
    value
}

/// The labels by which an object's pods are found.
fn selector_of(object: &Object, value: &Value) -> Result<Value, Failure> {
    let path = match object.kind() {
        Kind::POD => "/metadata/labels",
        Kind::SERVICE | Kind::REPLICATION_CONTROLLER => "/spec/selector",
        Kind::DEPLOYMENT | Kind::REPLICA_SET => "/spec/selector/matchLabels",
        kind => {
            let kind = crate::scenario::terminal::rollout::dotted(kind);
            return Err(Failure::Text(format!("cannot expose a {kind}")));
        }
    };
    let labels =
        value.pointer(path).filter(|labels| labels.as_object().is_some_and(|l| !l.is_empty()));
    labels.cloned().ok_or_else(|| {
        Failure::text(
            "couldn't retrieve selectors via --selector flag or introspection: the object has no \
             labels and cannot be exposed",
        )
    })
}

/// The ports that an object's containers name.
fn ports_of(it: &Expose, object: &Object, value: &Value) -> Result<Vec<Value>, Failure> {
    let (path, key) = match object.kind() {
        Kind::POD => ("/spec/containers", "containerPort"),
        Kind::SERVICE => ("/spec", "port"),
        _ => ("/spec/template/spec/containers", "containerPort"),
    };
    let holders = match value.pointer(path) {
        Some(Value::Array(containers)) => containers.clone(),
        Some(one) => vec![one.clone()],
        None => Vec::new(),
    };
    let ports = holders.iter().filter_map(|holder| holder["ports"].as_array()).flatten();
    let ports: Vec<&Value> = ports.map(|port| &port[key]).filter(|port| port.is_u64()).collect();
    if ports.is_empty() {
        return Err(Failure::text("couldn't find port via --port flag or introspection"));
    }
    let is_alone = ports.len() == 1;
    let named = |number: usize| (!is_alone).then(|| format!("port-{}", number + 1));
    Ok(ports
        .iter()
        .enumerate()
        .map(|(number, port)| service_port(it, named(number), port))
        .collect())
}

/// `kubectl autoscale`.
///
/// Source: kubernetes v1.36 staging/src/k8s.io/kubectl/pkg/cmd/autoscale/autoscale.go,
/// `createHorizontalPodAutoscalerV2`
pub(super) fn autoscaler(it: &Autoscale, name: &str, target: &Value) -> Result<Value, Failure> {
    let name = it.name.as_deref().unwrap_or(name);
    let mut value = bare("autoscaling/v2", "HorizontalPodAutoscaler", name);
    let mut metrics = Vec::new();
    if let Some(percent) = it.cpu_percent.filter(|percent| *percent >= 0) {
        metrics.push(metric("cpu", &format!("{percent}%"))?);
    }
    for (resource, wanted) in [("cpu", &it.cpu), ("memory", &it.memory)] {
        if let Some(wanted) = wanted {
            metrics.push(metric(resource, wanted)?);
        }
    }
    value["spec"] = json!({ "scaleTargetRef": target, "maxReplicas": it.max });
    if it.min > 0 {
        value["spec"]["minReplicas"] = it.min.into();
    }
    if !metrics.is_empty() {
        value["spec"]["metrics"] = metrics.into();
    }
    Ok(value)
}

/// What is wanted of one resource: a share of the request, or an amount.
fn metric(resource: &str, wanted: &str) -> Result<Value, Failure> {
    let target = match wanted.strip_suffix('%') {
        Some(percent) => {
            let percent: i32 = percent
                .parse()
                .map_err(|_| Failure::Text(format!("invalid percentage: {wanted:?}")))?;
            json!({ "type": "Utilization", "averageUtilization": percent })
        }
        None => json!({ "type": "AverageValue", "averageValue": wanted }),
    };
    Ok(json!({ "type": "Resource", "resource": { "name": resource, "target": target } }))
}
