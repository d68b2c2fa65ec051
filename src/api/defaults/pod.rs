//! Pods and templates of pods.

use serde_json::{Value, json};

use super::{field, given, items, set, set_count};
use crate::api::quantity::Quantity;
use crate::api::validation::pod_resources::of_containers;
use crate::api::validation::read::{at, entries, flag, text};
use crate::api::validation::resources::{is_huge_pages, quantity};

/// Fields of a volume that are its source.
const FILE_SOURCES: [&str; 4] = ["secret", "configMap", "downwardAPI", "projected"];
/// The permissions of files in volumes: 0644.
const FILE_MODE: i64 = 0o644;

/// A pod: the defaults of its spec, and those that no template gets.
///
/// Source: kubernetes v1.36 pkg/apis/core/v1/defaults.go, `SetDefaults_Pod`
pub(super) fn pod(object: &mut Value) {
    let spec = field(object, "spec");
    pod_spec(spec);
    for list in ["containers", "initContainers"] {
        items(spec, list).for_each(requests_from_limits);
    }
    pod_level_requests(spec);
    set(spec, "enableServiceLinks", || json!(true));
    if flag(spec, "hostNetwork") {
        for list in ["containers", "initContainers"] {
            items(spec, list).for_each(host_ports);
        }
    }
}

/// What is limited and not asked for is asked for.
fn requests_from_limits(container: &mut Value) {
    let Some(resources) = given(container, "resources") else { return };
    let limits: Vec<(String, Value)> =
        entries(resources, "limits").map(|(n, v)| (n.to_owned(), v.clone())).collect();
    for (name, limit) in limits {
        set(field(resources, "requests"), &name, || limit);
    }
}

/// Source: kubernetes v1.36 pkg/apis/core/v1/defaults.go, `defaultPodRequests`
fn pod_level_requests(spec: &mut Value) {
    if entries(at(spec, "resources"), "limits").next().is_none() {
        return;
    }
    let supported = |name: &str| ["cpu", "memory"].contains(&name) || is_huge_pages(name);
    let asked: Vec<(String, Quantity)> = of_containers(spec)
        .into_iter()
        .filter(|(name, _)| ["cpu", "memory"].contains(name))
        .map(|(name, amount)| (name.to_owned(), amount))
        .collect();
    let resources = field(spec, "resources");
    for (name, amount) in asked {
        set(field(resources, "requests"), &name, || amount.to_string().into());
    }
    let limits: Vec<(String, Value)> = entries(resources, "limits")
        .filter(|(name, limit)| supported(name) && quantity(limit).is_some())
        .map(|(name, limit)| (name.to_owned(), limit.clone()))
        .collect();
    for (name, limit) in limits {
        set(field(resources, "requests"), &name, || limit);
    }
}

/// On the node's network, ports are the node's.
fn host_ports(container: &mut Value) {
    for port in items(container, "ports") {
        let own = at(port, "containerPort").as_i64().unwrap_or_default();
        set_count(port, "hostPort", own);
    }
}

/// A template of pods.
pub(super) fn template(template: &mut Value) {
    field(template, "metadata");
    pod_spec(field(template, "spec"));
}

/// Source: kubernetes v1.36 pkg/apis/core/v1/defaults.go, `SetDefaults_PodSpec`
fn pod_spec(spec: &mut Value) {
    set(spec, "dnsPolicy", || json!("ClusterFirst"));
    set(spec, "restartPolicy", || json!("Always"));
    set(spec, "securityContext", || json!({}));
    set(spec, "terminationGracePeriodSeconds", || json!(30));
    set(spec, "schedulerName", || json!("default-scheduler"));
    service_account(spec);
    for list in ["containers", "initContainers", "ephemeralContainers"] {
        items(spec, list).for_each(container);
    }
    items(spec, "volumes").for_each(volume);
}

/// The older name of the service account's field says the same.
///
/// Source: kubernetes v1.36 pkg/apis/core/v1/conversion.go, `Convert_v1_PodSpec_To_core_PodSpec`
fn service_account(spec: &mut Value) {
    let older = text(spec, "serviceAccount").to_owned();
    let name = text(spec, "serviceAccountName").to_owned();
    let account = if name.is_empty() { older } else { name };
    if !account.is_empty() {
        spec["serviceAccountName"] = account.clone().into();
        spec["serviceAccount"] = account.into();
    }
}

/// Source: kubernetes v1.36 pkg/apis/core/v1/defaults.go, `SetDefaults_Container`
fn container(container: &mut Value) {
    let policy = pull_policy(text(container, "image"));
    set(container, "imagePullPolicy", || json!(policy));
    set(container, "terminationMessagePath", || json!("/dev/termination-log"));
    set(container, "terminationMessagePolicy", || json!("File"));
    field(container, "resources");
    for port in items(container, "ports") {
        set(port, "protocol", || json!("TCP"));
    }
    for variable in items(container, "env") {
        if let Some(from) = given(variable, "valueFrom") {
            own_field(from);
        }
    }
    for name in ["livenessProbe", "readinessProbe", "startupProbe"] {
        if let Some(probe) = given(container, name) {
            self::probe(probe);
        }
    }
    if let Some(lifecycle) = given(container, "lifecycle") {
        for hook in ["postStart", "preStop"] {
            if let Some(hook) = given(lifecycle, hook) {
                http_get(hook);
            }
        }
    }
}

/// A field of the pod itself or of its containers' resources.
fn own_field(source: &mut Value) {
    if let Some(reference) = given(source, "fieldRef") {
        set(reference, "apiVersion", || json!("v1"));
    }
    if let Some(reference) = given(source, "resourceFieldRef") {
        set(reference, "divisor", || json!("0"));
    }
}

/// An image that moves is pulled always: one with the tag `latest`, or without tag and digest.
///
/// Source: kubernetes v1.36 pkg/util/parsers/parsers.go, `ParseImageName`
fn pull_policy(image: &str) -> &'static str {
    let (name, digest) = image.split_once('@').unwrap_or((image, ""));
    let last = name.rsplit('/').next().unwrap_or_default();
    let tag = last.split_once(':').map(|(_, tag)| tag);
    match tag {
        Some("latest") => "Always",
        None if digest.is_empty() && !image.is_empty() => "Always",
        Some(_) | None => "IfNotPresent",
    }
}

/// Source: kubernetes v1.36 pkg/apis/core/v1/defaults.go, `SetDefaults_Probe`
fn probe(probe: &mut Value) {
    set_count(probe, "timeoutSeconds", 1);
    set_count(probe, "periodSeconds", 10);
    set_count(probe, "successThreshold", 1);
    set_count(probe, "failureThreshold", 3);
    http_get(probe);
    if let Some(grpc) = given(probe, "grpc") {
        set(grpc, "service", || json!(""));
    }
}

fn http_get(handler: &mut Value) {
    if let Some(action) = given(handler, "httpGet") {
        set(action, "path", || json!("/"));
        set(action, "scheme", || json!("HTTP"));
    }
}

/// A volume without a source is an empty directory.
///
/// Source: kubernetes v1.36 pkg/apis/core/v1/defaults.go, `SetDefaults_Volume`
fn volume(volume: &mut Value) {
    let has_source =
        volume.as_object().is_some_and(|v| v.iter().any(|(k, v)| k != "name" && !v.is_null()));
    if !has_source {
        volume["emptyDir"] = json!({});
    }
    for kind in FILE_SOURCES {
        let Some(source) = given(volume, kind) else { continue };
        set(source, "defaultMode", || json!(FILE_MODE));
        items(source, "items").for_each(own_field);
        for projection in items(source, "sources") {
            projected(projection);
        }
    }
    if let Some(host) = given(volume, "hostPath") {
        set(host, "type", || json!(""));
    }
    if let Some(image) = given(volume, "image") {
        let policy = pull_policy(text(image, "reference"));
        set(image, "pullPolicy", || json!(policy));
    }
    if let Some(template) = given(volume, "ephemeral").and_then(|e| given(e, "volumeClaimTemplate"))
    {
        field(template, "metadata");
        super::core::claim(field(template, "spec"));
    }
}

fn projected(projection: &mut Value) {
    if let Some(token) = given(projection, "serviceAccountToken") {
        set(token, "expirationSeconds", || json!(3600));
    }
    if let Some(files) = given(projection, "downwardAPI") {
        items(files, "items").for_each(own_field);
    }
}

#[cfg(test)]
mod tests {
    use super::pull_policy;

    #[test]
    fn an_image_that_moves_is_pulled_always() {
        for image in ["nginx", "nginx:latest", "host:5000/nginx", "a@b:c/latest:latest"] {
            let want = if image.contains('@') { "IfNotPresent" } else { "Always" };
            assert_eq!(pull_policy(image), want, "{image}");
        }
        assert_eq!(pull_policy("host:5000/nginx:1.25"), "IfNotPresent");
        assert_eq!(pull_policy("nginx@sha256:0"), "IfNotPresent");
    }
}
