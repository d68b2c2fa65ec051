//! Workloads in a table.

use serde_json::Value;

use super::{Column, Sight, col, name, wide};
use crate::api::human_duration::human_duration;
use crate::scenario::print::look::{
    age, at, condition, int, join, labels, list, selector, since, text, text_or, time,
};

const CONTAINERS: Column = wide("Containers");
const IMAGES: Column = wide("Images");
const SELECTOR: Column = wide("Selector");

pub(super) const DEPLOYMENT: &[Column] = &[
    col("Name"),
    col("Ready"),
    col("Up-to-date"),
    col("Available"),
    col("Age"),
    CONTAINERS,
    IMAGES,
    SELECTOR,
];

/// Source: kubernetes v1.36 pkg/printers/internalversion/printers.go, `printDeployment`
pub(super) fn deployment(object: &Value, sight: Sight) -> Vec<String> {
    let ready = int(object, "status.readyReplicas");
    let mut cells = vec![
        name(object),
        format!("{ready}/{}", int(object, "spec.replicas")),
        number(object, "status.updatedReplicas"),
        number(object, "status.availableReplicas"),
        age(object, sight.now),
    ];
    cells.extend(containers(object, "spec.template"));
    cells.push(selector(object, "spec.selector"));
    cells
}

pub(super) const REPLICA_SET: &[Column] = &[
    col("Name"),
    col("Desired"),
    col("Current"),
    col("Ready"),
    col("Age"),
    CONTAINERS,
    IMAGES,
    SELECTOR,
];

/// Source: kubernetes v1.36 pkg/printers/internalversion/printers.go, `printReplicaSet`
pub(super) fn replica_set(object: &Value, sight: Sight) -> Vec<String> {
    let mut cells = replicas(object, sight);
    cells.push(selector(object, "spec.selector"));
    cells
}

/// Source: kubernetes v1.36 pkg/printers/internalversion/printers.go,
/// `printReplicationController`
pub(super) fn replication_controller(object: &Value, sight: Sight) -> Vec<String> {
    let mut cells = replicas(object, sight);
    cells.push(labels(object, "spec.selector"));
    cells
}

fn replicas(object: &Value, sight: Sight) -> Vec<String> {
    let mut cells = vec![
        name(object),
        number(object, "spec.replicas"),
        number(object, "status.replicas"),
        number(object, "status.readyReplicas"),
        age(object, sight.now),
    ];
    cells.extend(containers(object, "spec.template"));
    cells
}

pub(super) const STATEFUL_SET: &[Column] =
    &[col("Name"), col("Ready"), col("Age"), CONTAINERS, IMAGES];

/// Source: kubernetes v1.36 pkg/printers/internalversion/printers.go, `printStatefulSet`
pub(super) fn stateful_set(object: &Value, sight: Sight) -> Vec<String> {
    let (ready, want) = (int(object, "status.readyReplicas"), int(object, "spec.replicas"));
    let mut cells = vec![name(object), format!("{ready}/{want}"), age(object, sight.now)];
    cells.extend(containers(object, "spec.template"));
    cells
}

pub(super) const DAEMON_SET: &[Column] = &[
    col("Name"),
    col("Desired"),
    col("Current"),
    col("Ready"),
    col("Up-to-date"),
    col("Available"),
    col("Node Selector"),
    col("Age"),
    CONTAINERS,
    IMAGES,
    SELECTOR,
];

/// Source: kubernetes v1.36 pkg/printers/internalversion/printers.go, `printDaemonSet`
pub(super) fn daemon_set(object: &Value, sight: Sight) -> Vec<String> {
    let mut cells = vec![
        name(object),
        number(object, "status.desiredNumberScheduled"),
        number(object, "status.currentNumberScheduled"),
        number(object, "status.numberReady"),
        number(object, "status.updatedNumberScheduled"),
        number(object, "status.numberAvailable"),
        labels(object, "spec.template.spec.nodeSelector"),
        age(object, sight.now),
    ];
    cells.extend(containers(object, "spec.template"));
    cells.push(selector(object, "spec.selector"));
    cells
}

pub(super) const JOB: &[Column] = &[
    col("Name"),
    col("Status"),
    col("Completions"),
    col("Duration"),
    col("Age"),
    CONTAINERS,
    IMAGES,
    SELECTOR,
];

/// Source: kubernetes v1.36 pkg/printers/internalversion/printers.go, `printJob`
pub(super) fn job(object: &Value, sight: Sight) -> Vec<String> {
    let succeeded = int(object, "status.succeeded");
    let parallelism = int(object, "spec.parallelism");
    let completions = match at(object, "spec.completions").as_i64() {
        Some(want) => format!("{succeeded}/{want}"),
        None if parallelism > 1 => format!("{succeeded}/1 of {parallelism}"),
        None => format!("{succeeded}/1"),
    };
    let mut cells = vec![
        name(object),
        job_status(object).to_owned(),
        completions,
        job_duration(object, sight),
        age(object, sight.now),
    ];
    cells.extend(containers(object, "spec.template"));
    cells.push(selector(object, "spec.selector"));
    cells
}

fn job_duration(object: &Value, sight: Sight) -> String {
    let Some(start) = time(object, "status.startTime") else { return String::new() };
    let end = time(object, "status.completionTime").unwrap_or(sight.now);
    human_duration(end.0.saturating_sub(start.0))
}

fn job_status(object: &Value) -> &'static str {
    let holds = |kind| condition(object, kind) == Some("True");
    if holds("Complete") {
        "Complete"
    } else if holds("Failed") {
        "Failed"
    } else if !text(object, "metadata.deletionTimestamp").is_empty() {
        "Terminating"
    } else if holds("Suspended") {
        "Suspended"
    } else if holds("FailureTarget") {
        "FailureTarget"
    } else {
        "Running"
    }
}

pub(super) const CRON_JOB: &[Column] = &[
    col("Name"),
    col("Schedule"),
    col("Timezone"),
    col("Suspend"),
    col("Active"),
    col("Last Schedule"),
    col("Age"),
    CONTAINERS,
    IMAGES,
    SELECTOR,
];

/// Source: kubernetes v1.36 pkg/printers/internalversion/printers.go, `printCronJob`
pub(super) fn cron_job(object: &Value, sight: Sight) -> Vec<String> {
    let last = time(object, "status.lastScheduleTime");
    let suspend = match at(object, "spec.suspend").as_bool() {
        Some(true) => "True",
        Some(false) => "False",
        None => "<unset>",
    };
    let mut cells = vec![
        name(object),
        text(object, "spec.schedule").to_owned(),
        text_or(object, "spec.timeZone", "<none>"),
        suspend.to_owned(),
        list(object, "status.active").len().to_string(),
        last.map_or_else(|| "<none>".to_owned(), |_| since(last, sight.now)),
        age(object, sight.now),
    ];
    cells.extend(containers(object, "spec.jobTemplate.spec.template"));
    cells.push(selector(object, "spec.jobTemplate.spec.selector"));
    cells
}

pub(super) const REVISION: &[Column] =
    &[col("Name"), col("Controller"), col("Revision"), col("Age")];

/// Source: kubernetes v1.36 pkg/printers/internalversion/printers.go, `printControllerRevision`
pub(super) fn revision(object: &Value, sight: Sight) -> Vec<String> {
    let owners = list(object, "metadata.ownerReferences");
    let owner = owners.iter().find(|o| o["controller"] == true);
    let owner = owner.map_or_else(
        || "<none>".to_owned(),
        |o| {
            let kind = text(o, "kind").to_lowercase();
            let group = text(o, "apiVersion").split_once('/').map_or("", |(group, _)| group);
            let dot = if group.is_empty() { "" } else { "." };
            format!("{kind}{dot}{group}/{}", text(o, "name"))
        },
    );
    vec![name(object), owner, number(object, "revision"), age(object, sight.now)]
}

pub(super) const POD_TEMPLATE: &[Column] =
    &[col("Name"), col("Containers"), col("Images"), col("Pod Labels")];

/// Source: kubernetes v1.36 pkg/printers/internalversion/printers.go, `printPodTemplate`
pub(super) fn pod_template(object: &Value, _: Sight) -> Vec<String> {
    let mut cells = vec![name(object)];
    cells.extend(containers(object, "template"));
    cells.push(labels(object, "template.metadata.labels"));
    cells
}

/// Names and images of the containers of a template.
fn containers(object: &Value, template: &str) -> [String; 2] {
    let all = list(at(object, template), "spec.containers");
    ["name", "image"].map(|field| join(all.iter().map(|c| text(c, field).to_owned()), ","))
}

fn number(object: &Value, path: &str) -> String {
    int(object, path).to_string()
}
