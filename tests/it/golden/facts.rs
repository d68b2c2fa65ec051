//! What a trace tells of workloads and pods, in the recordings' own form.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

/// The kinds whose facts are held against.
pub(super) const WORK: &[&str] = &[
    "Deployment",
    "ReplicaSet",
    "StatefulSet",
    "DaemonSet",
    "Job",
    "CronJob",
    "PodDisruptionBudget",
    "HorizontalPodAutoscaler",
];

/// The numbers of a kind's status that are held against, each as a sequence.
const NUMBERS: &[(&str, &[&str])] = &[
    ("Job", &["active", "succeeded", "failed"]),
    (
        "DaemonSet",
        &[
            "desiredNumberScheduled",
            "currentNumberScheduled",
            "updatedNumberScheduled",
            "numberAvailable",
            "numberMisscheduled",
        ],
    ),
    (
        "PodDisruptionBudget",
        &["disruptionsAllowed", "currentHealthy", "desiredHealthy", "expectedPods"],
    ),
];

/// A value and when it came, in milliseconds.
pub(super) type Change = (f64, Value);

/// Reporter, kind of object, reason, type.
pub(super) type EventKey = (String, String, String, String);

/// What is known of one workload.
#[derive(Default)]
pub(super) struct Work {
    /// By the fact's name: `spec.replicas`, `revision`.
    pub(super) sequences: BTreeMap<&'static str, Vec<Change>>,
    /// By type: status and reason.
    pub(super) conditions: BTreeMap<String, Vec<Change>>,
    pub(super) most_replicas: i64,
    pub(super) deleted: bool,
}

/// What is known of one pod.
#[derive(Default)]
pub(super) struct PodFacts {
    pub(super) created: Option<f64>,
    pub(super) marked: Option<f64>,
    pub(super) deleted: Option<f64>,
    pub(super) node: Option<String>,
}

/// All that is held against a recording.
#[derive(Default)]
pub(super) struct Facts {
    pub(super) work: BTreeMap<String, Work>,
    pub(super) pods: BTreeMap<String, PodFacts>,
    pub(super) events: BTreeSet<EventKey>,
    /// When the steps began.
    pub(super) steps: Vec<f64>,
}

/// Generated names become their owner's name, a letter and a counter, in order of creation.
#[derive(Default)]
struct Namer {
    given: BTreeMap<(String, String), String>,
    count: BTreeMap<(String, String), u32>,
    /// How often an object of this name was there before.
    gone: BTreeSet<String>,
    births: BTreeMap<String, u32>,
}

impl Namer {
    fn of(&mut self, kind: &str, meta: &Value) -> String {
        let raw = text(&meta["name"]);
        let key = (kind.to_owned(), raw.clone());
        if let Some(name) = self.given.get(&key) {
            return name.clone();
        }
        let owner = &meta["ownerReferences"][0];
        let letter = match kind {
            "ReplicaSet" => "r",
            "Pod" => "p",
            "Job" => "j",
            "ControllerRevision" => "v",
            "EndpointSlice" => "s",
            _ => "",
        };
        let has_own_name = owner["kind"] == "StatefulSet" && kind == "Pod";
        let owned = !owner.is_null() && !letter.is_empty() && !has_own_name;
        let name = if owned {
            let owner = (text(&owner["kind"]), text(&owner["name"]));
            let base = self.given.get(&owner).cloned().unwrap_or(owner.1);
            let count = self.count.entry((kind.to_owned(), base.clone())).or_default();
            *count += 1;
            format!("{base}-{letter}{count}")
        } else {
            raw
        };
        self.given.insert(key, name.clone());
        name
    }

    /// A revision by its stable name.
    fn revision(&self, name: &Value) -> Value {
        let key = ("ControllerRevision".to_owned(), text(name));
        self.given.get(&key).map_or_else(|| name.clone(), |stable| json!(stable))
    }

    /// The second object of a name is another one.
    fn numbered(&mut self, kind: &str, name: &str, change: &str) -> String {
        let key = format!("{kind}/{name}");
        if change == "ADDED" && self.gone.remove(&key) {
            *self.births.entry(key.clone()).or_insert(1) += 1;
        }
        if change == "DELETED" {
            self.gone.insert(key.clone());
        }
        match self.births.get(&key) {
            Some(n) => format!("{name}#{n}"),
            None => name.to_owned(),
        }
    }
}

/// The facts of one namespace in the rows of a trace.
pub(super) fn read(rows: &[Value], namespace: &str) -> Facts {
    let (mut facts, mut names) = (Facts::default(), Namer::default());
    for row in rows {
        let at = row["t_ms"].as_f64().unwrap_or_default();
        match row["row"].as_str() {
            Some("step") => facts.steps.push(at),
            Some("write") => {
                let of = text(&row["namespace"]);
                if of.is_empty() || of == namespace {
                    facts.write(row, at, &mut names);
                }
            }
            _ => {}
        }
    }
    facts
}

pub(super) fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

impl Facts {
    fn write(&mut self, row: &Value, at: f64, names: &mut Namer) {
        let (kind, change, object) = (text(&row["kind"]), text(&row["type"]), &row["object"]);
        if kind == "Event" {
            if change != "DELETED" {
                self.events.insert(event(object));
            }
            return;
        }
        let name = names.of(&kind, &object["metadata"]);
        let name = names.numbered(&kind, &name, &change);
        if WORK.contains(&kind.as_str()) {
            self.work
                .entry(format!("{kind}/{name}"))
                .or_default()
                .take_up(&kind, &change, object, at, names);
        }
        if kind == "Pod" {
            self.pods.entry(name).or_default().take_up(&change, object, at);
        }
    }
}

fn event(event: &Value) -> EventKey {
    let about = [&event["involvedObject"], &event["regarding"]];
    let kind = about.into_iter().map(|o| text(&o["kind"])).find(|k| !k.is_empty());
    let sources = [&event["source"]["component"], &event["reportingComponent"]];
    let from = sources.into_iter().map(text).find(|f| !f.is_empty());
    let (reason, of_type) = (text(&event["reason"]), text(&event["type"]));
    (from.unwrap_or_default(), kind.unwrap_or_default(), reason, of_type)
}

impl Work {
    fn take_up(&mut self, kind: &str, change: &str, object: &Value, at: f64, names: &Namer) {
        if change == "DELETED" {
            self.deleted = true;
            return;
        }
        let status = &object["status"];
        if ["Deployment", "ReplicaSet", "StatefulSet"].contains(&kind) {
            self.change("spec.replicas", &object["spec"]["replicas"], at);
            for fact in ["currentRevision", "updateRevision"] {
                self.change(fact, &names.revision(&status[fact]), at);
            }
        }
        let numbers = NUMBERS.iter().find(|(of, _)| *of == kind).map_or(&[][..], |(_, n)| n);
        for number in numbers {
            self.change(number, &status[number], at);
        }
        let replicas = object["status"]["replicas"].as_i64().unwrap_or_default();
        self.most_replicas = self.most_replicas.max(replicas);
        if kind == "Deployment" {
            let annotations = &object["metadata"]["annotations"];
            self.change("revision", &annotations["deployment.kubernetes.io/revision"], at);
        }
        for condition in object["status"]["conditions"].as_array().into_iter().flatten() {
            let parts = [text(&condition["status"]), text(&condition["reason"])];
            let value = json!(parts.join("/").trim_end_matches('/'));
            let sequence = self.conditions.entry(text(&condition["type"])).or_default();
            push(sequence, value, at);
        }
    }

    fn change(&mut self, fact: &'static str, value: &Value, at: f64) {
        if !value.is_null() {
            push(self.sequences.entry(fact).or_default(), value.clone(), at);
        }
    }
}

fn push(sequence: &mut Vec<Change>, value: Value, at: f64) {
    if sequence.last().is_none_or(|(_, last)| *last != value) {
        sequence.push((at, value));
    }
}

impl PodFacts {
    fn take_up(&mut self, change: &str, object: &Value, at: f64) {
        if change == "ADDED" {
            self.created = Some(at);
        }
        if let Some(node) = object["spec"]["nodeName"].as_str().filter(|n| !n.is_empty()) {
            self.node.get_or_insert_with(|| node.to_owned());
        }
        if !object["metadata"]["deletionTimestamp"].is_null() {
            self.marked.get_or_insert(at);
        }
        if change == "DELETED" {
            self.deleted = Some(at);
        }
    }
}

/// The members of an object; none when it is none.
pub(super) fn members(value: &Value) -> Map<String, Value> {
    value.as_object().cloned().unwrap_or_default()
}
