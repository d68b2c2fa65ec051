//! The fields of upstream's files, and how they are read.

mod operation;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::scenario::decode::{Decode, Spanned, object};
use crate::scenario::diagnostic::Mistake;
use crate::scenario::schema::Schema;
use crate::scenario::source::{Place, Session};
use crate::scenario::spec::FeatureGates;
use crate::scenario::yaml::Node;

pub(super) use operation::{
    Barrier, Churn, CreateAny, CreateNamespaces, CreateNodes, CreatePodSets, CreatePods,
    DeletePods, Operation, Sleep, StartCollecting, UpdateAny, VolumeCount,
};

object! {
    /// Workloads of several sizes that do the same.
    pub struct TestCase as "a test case" {
        /// Its name.
        "name" => name: Spanned<String>;
        /// Gates of the scheduler and the apiserver.
        "featureGates" => gates: WrittenGates = WrittenGates::default();
        /// Which metrics are collected beside the throughput.
        "metricsCollectorConfig" => metrics: Option<Value> = None;
        /// What is done, one operation after another.
        "workloadTemplate" => operations: Vec<Spanned<Operation>>;
        /// The sizes.
        "workloads" => workloads: Vec<Workload>;
        /// A file with the scheduler's configuration.
        "schedulerConfigPath" => scheduler_config: Option<Spanned<String>> = None;
        /// The file of pods that name none of their own.
        "defaultPodTemplatePath" => pod_template: Option<Spanned<String>> = None;
        /// By which test cases are chosen.
        "labels" => labels: Vec<String> = Vec::new();
        /// What the thresholds are of, where a workload does not say.
        "defaultThresholdMetricSelector" => selector: Option<MetricSelector> = None;
    }
}

object! {
    /// One size of a test case.
    pub struct Workload as "a workload" {
        /// Its name.
        "name" => name: Spanned<String>;
        /// The values of the parameters.
        "params" => params: Params = Params::default();
        /// By which workloads are chosen.
        "labels" => labels: Vec<String> = Vec::new();
        /// What upstream asks for.
        "threshold" => threshold: Option<Threshold> = None;
        /// What the threshold is of.
        "thresholdMetricSelector" => selector: Option<MetricSelector> = None;
        /// Gates, on top of those of the test case.
        "featureGates" => gates: WrittenGates = WrittenGates::default();
    }
}

object! {
    /// What a threshold is of.
    pub struct MetricSelector as "a metric selector" {
        /// The metric's name.
        "name" => name: String;
        /// Its labels.
        "labels" => labels: BTreeMap<String, String> = BTreeMap::new();
        /// `Average`, `Perc99`, …
        "dataBucket" => bucket: String = String::new();
        /// Whether lower is better.
        "expectLower" => lower: bool = false;
    }
}

impl MetricSelector {
    /// Whether it is the average throughput, which is what is measured here.
    pub fn is_throughput(&self) -> bool {
        self.name == "SchedulingThroughput" && self.bucket == "Average" && !self.lower
    }
}

/// What upstream asks for: one value, or one by topic.
#[derive(Clone, PartialEq, Debug)]
pub struct Threshold(pub Vec<(Option<String>, f64)>);

impl Threshold {
    /// The value of a topic, or the one for all.
    pub fn of(&self, topic: Option<&str>) -> Option<f64> {
        let own = self.0.iter().find(|(name, _)| name.as_deref() == topic);
        let all = || self.0.iter().find(|(name, _)| name.is_none());
        own.or_else(all).map(|(_, value)| *value).filter(|value| *value > 0.0)
    }

    fn value(node: &Node, session: &mut Session) -> Option<f64> {
        let value = node.scalar().and_then(|s| s.value().as_f64()).filter(|v| *v >= 0.0);
        if value.is_none() {
            node.report_type("a number that is not negative", session);
        }
        value
    }
}

impl Decode for Threshold {
    fn shape(_: &mut Schema) -> Value {
        json!({})
    }

    fn decode(node: &Node, session: &mut Session) -> Option<Self> {
        let Some(entries) = node.entries() else {
            return Some(Threshold(vec![(None, Threshold::value(node, session)?)]));
        };
        let one = |entry: &crate::scenario::yaml::Entry, session: &mut Session| {
            Some((Some(entry.key.to_string()), Threshold::value(&entry.value, session)?))
        };
        let all: Vec<_> = entries.iter().map(|entry| one(entry, session)).collect();
        all.into_iter().collect::<Option<Vec<_>>>().map(Threshold)
    }
}

/// The values of the parameters of a workload, with their places.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Params(pub Vec<(String, Spanned<Value>)>);

impl Decode for Params {
    fn shape(_: &mut Schema) -> Value {
        json!({ "type": "object" })
    }

    fn decode(node: &Node, session: &mut Session) -> Option<Self> {
        let Some(entries) = node.entries() else {
            node.report_type("a mapping from parameters to values", session);
            return None;
        };
        let mut all = Vec::new();
        for entry in entries {
            if entry.value.scalar().is_none() {
                entry.value.report_type("a number, a text, true or false", session);
                continue;
            }
            let value = Spanned { value: entry.value.to_json(), place: entry.key_place };
            all.push((entry.key.to_string(), value));
        }
        Some(Params(all))
    }
}

/// Feature gates, those that are not modelled among them: they keep a workload from being run, not
/// its neighbours.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct WrittenGates {
    /// Those that can be set.
    pub set: FeatureGates,
    /// Why others cannot.
    pub not_modelled: Vec<String>,
}

impl Decode for WrittenGates {
    fn shape(schema: &mut Schema) -> Value {
        FeatureGates::shape(schema)
    }

    fn decode(node: &Node, session: &mut Session) -> Option<Self> {
        let Some(entries) = node.entries() else {
            node.report_type("a mapping from feature gates to true or false", session);
            return None;
        };
        let mut gates = WrittenGates::default();
        for entry in entries {
            let Some(on) = bool::decode(&entry.value, session) else { continue };
            match FeatureGates::parse(&format!("{}={on}", entry.key)) {
                Ok(one) => gates.set.0.extend(one.0),
                Err(mistakes) => {
                    for mistake in mistakes {
                        if mistake.message.starts_with("unknown") {
                            session.report(entry.key_place, mistake);
                        } else {
                            gates.not_modelled.push(mistake.message);
                        }
                    }
                }
            }
        }
        Some(gates)
    }
}

/// Two workloads of one name could not be told apart.
pub(super) fn names_are_unique(test_cases: &[TestCase], session: &mut Session) {
    let mut once = |what: &str, names: &mut dyn Iterator<Item = (&str, Place)>| {
        let mut seen = BTreeSet::new();
        for (name, place) in names {
            if !seen.insert(name.to_owned()) {
                session.report(place, Mistake::other(format!("a second {what} `{name}`")));
            }
        }
    };
    once("test case", &mut test_cases.iter().map(|t| (t.name.value.as_str(), t.name.place)));
    for test_case in test_cases {
        let all = test_case.workloads.iter();
        once("workload", &mut all.map(|w| (w.name.value.as_str(), w.name.place)));
    }
}
