//! Containers: regular, init and ephemeral ones.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::api::names;
use crate::api::validation::env;
use crate::api::validation::errors::Errors;
use crate::api::validation::mount;
use crate::api::validation::path::Path;
use crate::api::validation::pod_spec::Whole;
use crate::api::validation::probe::{self, port_number};
use crate::api::validation::read::{at, get, int, list, same, text};
use crate::api::validation::resources;
use crate::api::validation::rule::{given, given_as, known_value, one_of};
use crate::api::validation::security;
use crate::api::validation::volume::Volumes;

const RESTART_POLICIES: [&str; 3] = ["Always", "Never", "OnFailure"];

/// What a container is checked against.
#[derive(Debug)]
pub(super) struct Surroundings<'a> {
    /// The pod's spec.
    pub(super) spec: &'a Value,
    /// The volumes that may be mounted.
    pub(super) volumes: Volumes<'a>,
    /// The names of the pod's resource claims.
    pub(super) claims: BTreeSet<&'a str>,
    /// A pod, or a template of pods.
    pub(super) whole: Whole,
}

impl Surroundings<'_> {
    fn grace(&self) -> Option<i64> {
        int(self.spec, "terminationGracePeriodSeconds")
    }
}

/// The regular containers; at least one.
///
/// Source: kubernetes v1.36 pkg/apis/core/validation/validation.go, `validateContainers`
pub(super) fn regular(path: &Path<'_>, around: &Surroundings<'_>, errors: &mut Errors) {
    let containers = list(around.spec, "containers");
    if containers.is_empty() {
        errors.required(path, "");
    }
    let mut names = BTreeSet::new();
    for (i, container) in containers.iter().enumerate() {
        let path = path.index(i);
        common(&path, container, around, errors);
        let name = text(container, "name");
        if !names.insert(name) {
            errors.duplicate(&path.child("name"), name);
        }
        probe::of_container(&path, container, around.grace(), errors);
        restart_policy(&path, container, errors);
    }
    host_ports(path, containers, errors);
}

/// The init containers, restartable ones among them.
///
/// Source: kubernetes v1.36 pkg/apis/core/validation/validation.go, `validateInitContainers`
pub(super) fn init(path: &Path<'_>, around: &Surroundings<'_>, errors: &mut Errors) {
    let mut names: BTreeSet<&str> =
        list(around.spec, "containers").iter().map(|c| text(c, "name")).collect();
    for (i, container) in list(around.spec, "initContainers").iter().enumerate() {
        let all = path;
        let path = path.index(i);
        common(&path, container, around, errors);
        restart_policy(&path, container, errors);
        let name = text(container, "name");
        if names.contains(name) {
            errors.duplicate(&path.child("name"), name);
        } else if !name.is_empty() {
            names.insert(name);
        }
        // Init containers run one by one, so each may use the same ports.
        host_ports(all, std::slice::from_ref(container), errors);
        if text(container, "restartPolicy") == "Always" {
            probe::of_container(&path, container, around.grace(), errors);
        } else {
            without_probes(&path, container, errors);
        }
    }
}

fn without_probes(path: &Path<'_>, container: &Value, errors: &mut Errors) {
    for field in ["lifecycle", "livenessProbe", "readinessProbe", "startupProbe"] {
        if get(container, field).is_some() {
            let detail = "may not be set for init containers without restartPolicy=Always";
            errors.forbidden(&path.child(field), detail);
        }
    }
}

/// The ephemeral containers, which may have few fields.
///
/// Source: kubernetes v1.36 pkg/apis/core/validation/validation.go, `validateEphemeralContainers`
pub(super) fn ephemeral(path: &Path<'_>, around: &Surroundings<'_>, errors: &mut Errors) {
    const FORBIDDEN: [&str; 8] = [
        "ports",
        "livenessProbe",
        "readinessProbe",
        "startupProbe",
        "lifecycle",
        "resources",
        "resizePolicy",
        "restartPolicy",
    ];
    let others: BTreeSet<&str> = ["containers", "initContainers"]
        .iter()
        .flat_map(|field| list(around.spec, field))
        .map(|c| text(c, "name"))
        .collect();
    let mut names = others.clone();
    for (i, container) in list(around.spec, "ephemeralContainers").iter().enumerate() {
        let path = path.index(i);
        common(&path, container, around, errors);
        let name = text(container, "name");
        if !names.insert(name) {
            errors.duplicate(&path.child("name"), name);
        }
        let target = text(container, "targetContainerName");
        if !target.is_empty() && !others.contains(target) {
            errors.not_found(&path.child("targetContainerName"), target);
        }
        for field in FORBIDDEN.iter().filter(|f| !same(at(container, f), &Value::Null)) {
            errors.forbidden(&path.child(field), "cannot be set for an Ephemeral Container");
        }
        let mounts = path.child("volumeMounts");
        for (j, mount) in list(container, "volumeMounts").iter().enumerate() {
            let path = mounts.index(j);
            for field in ["subPath", "subPathExpr"].iter().filter(|f| !text(mount, f).is_empty()) {
                errors.forbidden(&path.child(field), "cannot be set for an Ephemeral Container");
            }
        }
    }
}

/// What all containers share.
///
/// Source: kubernetes v1.36 pkg/apis/core/validation/validation.go, `validateContainerCommon`,
/// `validateContainerOnlyForPod`
fn common(path: &Path<'_>, container: &Value, around: &Surroundings<'_>, errors: &mut Errors) {
    given_as(path, container, "name", names::dns1123_label, errors);
    given(path, container, "image", errors);
    let policies = ["File", "FallbackToLogsOnError"];
    one_of(path, container, "terminationMessagePolicy", &policies, errors);
    ports(&path.child("ports"), list(container, "ports"), errors);
    env::variables(&path.child("env"), list(container, "env"), errors);
    env::sources(&path.child("envFrom"), list(container, "envFrom"), errors);
    mount::mounts(path, container, &around.volumes, errors);
    mount::devices(path, container, &around.volumes, errors);
    one_of(path, container, "imagePullPolicy", &["Always", "IfNotPresent", "Never"], errors);
    resources::requirements(
        &path.child("resources"),
        at(container, "resources"),
        resources::container_resource_name,
        &around.claims,
        errors,
    );
    resize_policy(&path.child("resizePolicy"), container, around.spec, errors);
    security::of_container(
        &path.child("securityContext"),
        at(container, "securityContext"),
        errors,
    );
    let image = text(container, "image");
    if around.whole == Whole::Pod && image.trim() != image {
        let detail = "must not have leading or trailing whitespace";
        errors.invalid(&path.child("image"), image, detail);
    }
}

/// Source: kubernetes v1.36 pkg/apis/core/validation/validation.go, `validateContainerPorts`
fn ports(path: &Path<'_>, ports: &[Value], errors: &mut Errors) {
    let mut names = BTreeSet::new();
    for (i, port) in ports.iter().enumerate() {
        let path = path.index(i);
        let name = text(port, "name");
        if !name.is_empty() {
            let wrong = names::port_name(name);
            if wrong.is_empty() && !names.insert(name) {
                errors.duplicate(&path.child("name"), name);
            }
            errors.invalid_for(&path.child("name"), name, wrong);
        }
        match int(port, "containerPort").unwrap_or_default() {
            0 => errors.required(&path.child("containerPort"), ""),
            number => port_number(&path.child("containerPort"), number, errors),
        }
        if let Some(number) = int(port, "hostPort").filter(|p| *p != 0) {
            port_number(&path.child("hostPort"), number, errors);
        }
        one_of(&path, port, "protocol", &["SCTP", "TCP", "UDP"], errors);
    }
}

/// No two containers take the same port of the node.
///
/// Source: kubernetes v1.36 pkg/apis/core/validation/validation.go, `AccumulateUniqueHostPorts`
fn host_ports(path: &Path<'_>, containers: &[Value], errors: &mut Errors) {
    let mut taken = BTreeSet::new();
    for (i, container) in containers.iter().enumerate() {
        let path = path.index(i);
        let path = path.child("ports");
        for (j, port) in list(container, "ports").iter().enumerate() {
            let Some(number) = int(port, "hostPort").filter(|p| *p != 0) else { continue };
            let key = format!("{}/{}/{number}", text(port, "protocol"), text(port, "hostIP"));
            if taken.contains(&key) {
                errors.duplicate(&path.index(j).child("hostPort"), key);
            } else {
                taken.insert(key);
            }
        }
    }
}

/// Source: kubernetes v1.36 pkg/apis/core/validation/validation.go, `validateResizePolicy`
fn resize_policy(path: &Path<'_>, container: &Value, spec: &Value, errors: &mut Errors) {
    const POLICIES: [&str; 2] = ["NotRequired", "RestartContainer"];
    let mut seen = BTreeSet::new();
    for (i, policy) in list(container, "resizePolicy").iter().enumerate() {
        let resource = text(policy, "resourceName");
        if !seen.insert(resource) {
            errors.duplicate(&path.index(i), resource);
        }
        let restart = text(policy, "restartPolicy");
        for (value, known) in [(resource, &["cpu", "memory"]), (restart, &POLICIES)] {
            if value.is_empty() {
                errors.required(path, "");
            } else {
                known_value(path, value, known, errors);
            }
        }
        if text(spec, "restartPolicy") == "Never" && restart != "NotRequired" {
            errors.invalid(path, restart, "must be 'NotRequired' when `restartPolicy` is 'Never'");
        }
    }
}

/// A container's own restart policy, and its rules by exit code.
///
/// Source: kubernetes v1.36 pkg/apis/core/validation/validation.go,
/// `validateContainerRestartPolicy`
fn restart_policy(path: &Path<'_>, container: &Value, errors: &mut Errors) {
    const MOST_RULES: usize = 20;
    let rules = list(container, "restartPolicyRules");
    let policy_path = path.child("restartPolicy");
    match get(container, "restartPolicy").and_then(Value::as_str) {
        Some(policy) => known_value(&policy_path, policy, &RESTART_POLICIES, errors),
        None if !rules.is_empty() => {
            errors.required(&policy_path, "must specify restartPolicy when restart rules are used");
        }
        None => {}
    }
    let path = path.child("restartPolicyRules");
    if rules.len() > MOST_RULES {
        errors.too_long(&path, MOST_RULES);
    }
    for (i, rule) in rules.iter().enumerate() {
        restart_rule(&path.index(i), rule, errors);
    }
}

fn restart_rule(path: &Path<'_>, rule: &Value, errors: &mut Errors) {
    const MOST_CODES: usize = 255;
    one_of(path, rule, "action", &["Restart", "RestartAllContainers"], errors);
    let codes_path = path.child("exitCodes");
    let Some(codes) = get(rule, "exitCodes") else {
        errors.required(&codes_path, "must be specified");
        return;
    };
    one_of(&codes_path, codes, "operator", &["In", "NotIn"], errors);
    if list(codes, "values").len() > MOST_CODES {
        errors.too_long(&codes_path.child("values"), MOST_CODES);
    }
}
