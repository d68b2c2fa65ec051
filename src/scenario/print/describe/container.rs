//! Pods, their containers and their volumes.

use serde_json::Value;

use super::Related;
use super::text::{Page, date, truth_word};
use crate::scenario::print::look::{at, condition, int, join, list, members, shown, text, text_or};

/// Source: kubernetes v1.36 staging/src/k8s.io/kubectl/pkg/describe/describe.go, `describePod`
pub(super) fn pod(page: &mut Page, pod: &Value, _: &Related) {
    let (spec, status) = (at(pod, "spec"), at(pod, "status"));
    page.name(pod);
    page.field_if("Priority", &shown(at(spec, "priority")));
    page.field_if("Priority Class Name", text(spec, "priorityClassName"));
    page.field_if("Runtime Class Name", text(spec, "runtimeClassName"));
    page.field_if("Service Account", text(spec, "serviceAccountName"));
    match text(spec, "nodeName") {
        "" => page.field("Node", "<none>"),
        node => page.field("Node", format!("{node}/{}", text(status, "hostIP"))),
    }
    if !text(status, "startTime").is_empty() {
        page.field("Start Time", date(status, "startTime"));
    }
    page.labels_and_annotations(pod);
    state_of_pod(page, pod);
    let ip = text(status, "podIP");
    page.field("IP", ip);
    let all = list(status, "podIPs").iter().map(|i| text(i, "ip")).collect::<Vec<_>>();
    let all = if all.is_empty() && !ip.is_empty() { vec![ip] } else { all };
    page.line(if all.is_empty() { "IPs:\t<none>" } else { "IPs:" });
    for ip in all {
        page.field("  IP", ip);
    }
    page.controlled_by(pod);
    page.field_if("NominatedNodeName", text(status, "nominatedNodeName"));
    if !list(spec, "initContainers").is_empty() {
        let statuses = list(status, "initContainerStatuses");
        containers(page, "Init Containers", list(spec, "initContainers"), Some(statuses));
    }
    let statuses = list(status, "containerStatuses");
    containers(page, "Containers", list(spec, "containers"), Some(statuses));
    gates_and_conditions(page, pod);
    volumes(page, "", spec);
    page.field("QoS Class", text_or(status, "qosClass", "BestEffort"));
    page.labels("Node-Selectors", spec, "nodeSelector");
    page.tolerations("Tolerations", spec);
}

fn state_of_pod(page: &mut Page, pod: &Value) {
    let phase = text(pod, "status.phase");
    let leaving = !text(pod, "metadata.deletionTimestamp").is_empty();
    if leaving && !matches!(phase, "Succeeded" | "Failed") {
        let lasts = page.ago(pod, "metadata.deletionTimestamp");
        page.field("Status", format!("Terminating (lasts {lasts})"));
        let grace = int(pod, "metadata.deletionGracePeriodSeconds");
        page.field("Termination Grace Period", format!("{grace}s"));
    } else {
        page.field("Status", phase);
    }
    page.field_if("Reason", text(pod, "status.reason"));
    page.field_if("Message", text(pod, "status.message"));
}

fn gates_and_conditions(page: &mut Page, pod: &Value) {
    let gates = list(pod, "spec.readinessGates");
    if !gates.is_empty() {
        page.line("Readiness Gates:\n  Type\tStatus");
    }
    for gate in gates {
        let kind = text(gate, "conditionType");
        page.line(&format!("  {kind} \t{} ", condition(pod, kind).unwrap_or("<none>")));
    }
    let conditions = list(pod, "status.conditions");
    if !conditions.is_empty() {
        page.line("Conditions:\n  Type\tStatus");
    }
    for c in conditions {
        page.line(&format!("  {} \t{} ", text(c, "type"), text(c, "status")));
    }
}

/// The template of a workload.
///
/// Source: kubernetes v1.36 staging/src/k8s.io/kubectl/pkg/describe/describe.go,
/// `DescribePodTemplate`
pub(super) fn template(page: &mut Page, template: &Value) {
    let spec = at(template, "spec");
    page.line("Pod Template:");
    page.labels("  Labels", template, "metadata.labels");
    if !members(template, "metadata.annotations").is_empty() {
        page.annotations("  Annotations", template, "metadata.annotations");
    }
    page.field_if("  Service Account", text(spec, "serviceAccountName"));
    if !list(spec, "initContainers").is_empty() {
        containers(page, "  Init Containers", list(spec, "initContainers"), None);
    }
    containers(page, "  Containers", list(spec, "containers"), None);
    volumes(page, "  ", spec);
    page.field_if("  Priority Class Name", text(spec, "priorityClassName"));
    page.labels("  Node-Selectors", spec, "nodeSelector");
    page.tolerations("  Tolerations", spec);
}

/// Containers, with their statuses where there is a pod.
///
/// Source: kubernetes v1.36 staging/src/k8s.io/kubectl/pkg/describe/describe.go,
/// `describeContainers`
fn containers(page: &mut Page, label: &str, all: &[Value], statuses: Option<&[Value]>) {
    page.line(&format!("{label}:"));
    let indent = if label.starts_with(' ') { "   " } else { "  " };
    for container in all {
        let name = text(container, "name");
        let status = statuses.and_then(|s| s.iter().find(|s| text(s, "name") == name));
        page.line(&format!("{indent}{name}:"));
        basics(page, container, status);
        for (label, words) in [("Command", "command"), ("Args", "args")] {
            let words = list(container, words);
            if !words.is_empty() {
                page.line(&format!("    {label}:"));
            }
            for line in words.iter().flat_map(|w| w.as_str().unwrap_or_default().split('\n')) {
                page.line(&format!("      {line}"));
            }
        }
        if let Some(status) = status {
            state(page, "State", at(status, "state"));
            if at(status, "lastState.terminated").is_object() {
                state(page, "Last State", at(status, "lastState"));
            }
            page.field("    Ready", truth_word(status, "ready"));
            page.field("    Restart Count", int(status, "restartCount").to_string());
        }
        settings(page, container);
    }
}

fn basics(page: &mut Page, container: &Value, status: Option<&Value>) {
    if let Some(status) = status {
        page.field("    Container ID", text(status, "containerID"));
    }
    page.field("    Image", text(container, "image"));
    if let Some(status) = status {
        page.field("    Image ID", text(status, "imageID"));
    }
    let ports = list(container, "ports");
    for (label, member) in [("Port", "containerPort"), ("Host Port", "hostPort")] {
        let one = |p: &Value| {
            let name = text(p, "name");
            let name = if name.is_empty() || member == "hostPort" {
                String::new()
            } else {
                format!(" ({name})")
            };
            format!("{}/{}{name}", int(p, member), text_or(p, "protocol", "TCP"))
        };
        let line = join(ports.iter().map(one), ", ");
        let plural = if ports.len() > 1 { "s" } else { "" };
        let line = if line.is_empty() { "<none>".to_owned() } else { line };
        page.field(&format!("    {label}{plural}"), line);
    }
}

/// Source: kubernetes v1.36 staging/src/k8s.io/kubectl/pkg/describe/describe.go,
/// `describeStatus`
fn state(page: &mut Page, label: &str, state: &Value) {
    let ended = at(state, "terminated");
    if at(state, "running").is_object() {
        page.field(&format!("    {label}"), "Running");
        page.field("      Started", date(state, "running.startedAt"));
    } else if ended.is_object() {
        page.field(&format!("    {label}"), "Terminated");
        page.field_if("      Reason", text(ended, "reason"));
        page.field_if("      Message", text(ended, "message"));
        page.field("      Exit Code", int(ended, "exitCode").to_string());
        if int(ended, "signal") > 0 {
            page.field("      Signal", int(ended, "signal").to_string());
        }
        page.field("      Started", date(ended, "startedAt"));
        page.field("      Finished", date(ended, "finishedAt"));
    } else {
        page.field(&format!("    {label}"), "Waiting");
        page.field_if("      Reason", text(state, "waiting.reason"));
    }
}

/// Resources, probes, environment and mounts.
fn settings(page: &mut Page, container: &Value) {
    for (label, path) in [("Limits", "resources.limits"), ("Requests", "resources.requests")] {
        let all = members(container, path);
        if !all.is_empty() {
            page.line(&format!("    {label}:"));
        }
        for (name, amount) in all {
            page.field(&format!("      {name}"), shown(amount));
        }
    }
    let probes = [
        ("Liveness", "livenessProbe"),
        ("Readiness", "readinessProbe"),
        ("Startup", "startupProbe"),
    ];
    for (label, member) in probes {
        if container[member].is_object() {
            page.field(&format!("    {label}"), probe(&container[member]));
        }
    }
    let variables = list(container, "env");
    page.line(if variables.is_empty() { "    Environment:\t<none>" } else { "    Environment:" });
    for variable in variables {
        let from = members(variable, "valueFrom");
        let value = match from.first() {
            Some((source, whence)) => {
                let place = text_or(whence, "fieldPath", text(whence, "name"));
                format!("({source}:{place})")
            }
            None => text(variable, "value").to_owned(),
        };
        page.field(&format!("      {}", text(variable, "name")), value);
    }
    let mut mounts: Vec<&Value> = list(container, "volumeMounts").iter().collect();
    mounts.sort_by_key(|m| text(m, "mountPath"));
    page.line(if mounts.is_empty() { "    Mounts:\t<none>" } else { "    Mounts:" });
    for mount in mounts {
        let mode = if mount["readOnly"] == true { "ro" } else { "rw" };
        let (path, name) = (text(mount, "mountPath"), text(mount, "name"));
        page.line(&format!("      {path} from {name} ({mode})"));
    }
}

/// Source: kubernetes v1.36 staging/src/k8s.io/kubectl/pkg/describe/describe.go, `DescribeProbe`
fn probe(probe: &Value) -> String {
    let or = |path: &str, default: i64| at(probe, path).as_i64().unwrap_or(default);
    let times = format!(
        "delay={}s timeout={}s period={}s #success={} #failure={}",
        or("initialDelaySeconds", 0),
        or("timeoutSeconds", 1),
        or("periodSeconds", 10),
        or("successThreshold", 1),
        or("failureThreshold", 3)
    );
    let (http, tcp, grpc) = (at(probe, "httpGet"), at(probe, "tcpSocket"), at(probe, "grpc"));
    if http.is_object() {
        let scheme = text_or(http, "scheme", "http").to_lowercase();
        let (host, port) = (text(http, "host"), shown(at(http, "port")));
        return format!("http-get {scheme}://{host}:{port}{} {times}", text(http, "path"));
    }
    if tcp.is_object() {
        return format!("tcp-socket {}:{} {times}", text(tcp, "host"), shown(at(tcp, "port")));
    }
    if grpc.is_object() {
        return format!("grpc <pod>:{} {} {times}", int(grpc, "port"), text(grpc, "service"));
    }
    if at(probe, "exec").is_object() {
        let words = join(list(probe, "exec.command").iter().map(shown), " ");
        return format!("exec [{words}] {times}");
    }
    format!("unknown {times}")
}

/// Source: kubernetes v1.36 staging/src/k8s.io/kubectl/pkg/describe/describe.go,
/// `describeVolumes`
fn volumes(page: &mut Page, indent: &str, spec: &Value) {
    let all = list(spec, "volumes");
    if all.is_empty() {
        page.line(&format!("{indent}Volumes:\t<none>"));
        return;
    }
    page.line(&format!("{indent}Volumes:"));
    let inner = if indent.is_empty() { "  " } else { "   " };
    for volume in all {
        page.line(&format!("{inner}{}:", text(volume, "name")));
        for (label, value) in volume_lines(volume) {
            page.field(&format!("    {label}"), value);
        }
    }
}

/// What is said of a volume, by its sort.
fn volume_lines(volume: &Value) -> Vec<(&'static str, String)> {
    let found = volume.as_object().and_then(|m| m.iter().find(|(k, _)| k.as_str() != "name"));
    let Some((sort, source)) = found else { return vec![("Type", "<unknown>".to_owned())] };
    let optional = || shown(&Value::Bool(source["optional"] == true));
    let of = |kind: &str, about: &str| ("Type", format!("{kind} ({about})"));
    match sort.as_str() {
        "emptyDir" => vec![
            of("EmptyDir", "a temporary directory that shares a pod's lifetime"),
            ("Medium", text(source, "medium").to_owned()),
            ("SizeLimit", text_or(source, "sizeLimit", "<unset>")),
        ],
        "configMap" => vec![
            of("ConfigMap", "a volume populated by a ConfigMap"),
            ("Name", text(source, "name").to_owned()),
            ("Optional", optional()),
        ],
        "secret" => vec![
            of("Secret", "a volume populated by a Secret"),
            ("SecretName", text(source, "secretName").to_owned()),
            ("Optional", optional()),
        ],
        "hostPath" => vec![
            of("HostPath", "bare host directory volume"),
            ("Path", text(source, "path").to_owned()),
            ("HostPathType", text(source, "type").to_owned()),
        ],
        "persistentVolumeClaim" => vec![
            of(
                "PersistentVolumeClaim",
                "a reference to a PersistentVolumeClaim in the same namespace",
            ),
            ("ClaimName", text(source, "claimName").to_owned()),
            ("ReadOnly", shown(&Value::Bool(source["readOnly"] == true))),
        ],
        "projected" => {
            vec![of("Projected", "a volume that contains injected data from multiple sources")]
        }
        _ => vec![("Type", "<unknown>".to_owned())],
    }
}
