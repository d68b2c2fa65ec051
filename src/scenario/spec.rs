//! What a scenario file says, field by field.
//!
//! Responsible for the names, types and defaults of a scenario's fields. It never asks whether a
//! cluster could do what is said; that is the world's to answer.

mod autoscaler;
mod cluster;
mod definition;
mod descheduler;
mod expectation;
mod fault;
mod flag;
mod gate;
mod image;
mod latency;
mod metrics;
pub mod scheduler;
mod step;
mod storage;

use std::collections::BTreeMap;

use serde_json::Value;
use serde_json::json;

pub use autoscaler::ClusterAutoscaler;
pub use autoscaler::NodeGroup;
pub use cluster::Cluster;
pub use cluster::NodeTemplate;
pub use cluster::SchedulerConfig;
pub use definition::Definition;
pub use descheduler::Descheduler;
pub use expectation::Available;
pub use expectation::Cel;
pub use expectation::Condition;
pub use expectation::Event;
pub use expectation::Expectation;
pub use expectation::Goal;
pub use expectation::Healthy;
pub use expectation::Judgement;
pub use expectation::ObjectRef;
pub use expectation::Phase;
pub use expectation::PodCount;
pub use expectation::PodPhase;
pub use expectation::Ready;
pub use expectation::RolloutComplete;
pub use expectation::Rule;
pub use expectation::Settled;
pub use fault::Fault;
pub use fault::FaultFields;
pub use fault::FaultName;
pub use fault::Inject;
pub use fault::NthChange;
pub use fault::NthEvent;
pub use fault::NthWrite;
pub use fault::RandomFaults;
pub use fault::Start;
pub use fault::Trigger;
pub use flag::COMPONENTS;
pub use flag::FLAGS;
pub use flag::FlagKind;
pub use flag::FlagRow;
pub use flag::Flags;
pub use gate::FeatureGates;
pub use image::Exit;
pub use image::Image;
pub use latency::Distribution;
pub use latency::LATENCIES;
pub use latency::Latencies;
pub use latency::Latency;
pub use latency::Quantiles;
pub use metrics::Course;
pub use metrics::Load;
pub use metrics::Metric;
pub use metrics::MetricsServer;
pub use scheduler::KubeScheduler;
pub use step::Action;
pub use step::Apply;
pub use step::Step;
pub use storage::Storage;

use crate::scenario::decode::Decode;
use crate::scenario::decode::object;
use crate::scenario::decode::words;
use crate::scenario::diagnostic::Mistake;
use crate::scenario::duration;
use crate::scenario::schema::Schema;
use crate::scenario::source::Session;
use crate::scenario::yaml::Node;
use crate::sim::time::SimDuration;

/// The behaviour versions of Kubernetes that a scenario may ask for.
pub const VERSIONS: &[&str] = &["1.36"];

object! {
    /// A scenario: a cluster, what a person does to it, what befalls it, and what shall hold.
    pub struct Scenario as "a scenario" {
        /// What the scenario is called; its file's name when it has none.
        "name" => name: Option<String> = None;
        /// One paragraph: what to watch, and why it happens.
        "about" => about: String = String::new();
        /// The Kubernetes version whose behaviour is simulated.
        "kubernetes" => kubernetes: Version = Version("1.36".to_owned());
        /// What all chance follows from.
        "seed" => seed: u64 = 0;
        /// The namespace that kubectl steps use; created when it is another than `default`.
        "namespace" => namespace: String = "default".to_owned();
        /// What the cluster is made of.
        "cluster" => cluster: Cluster = Cluster::default();
        /// How containers behave, by a glob of their image; the first that matches wins.
        "images" => images: Images = Images::default();
        /// What services carry: loads that their ready endpoints share.
        "load" => load: Vec<Load> = Vec::new();
        /// Metrics by name, for autoscalers.
        "metrics" => metrics: Vec<Metric> = Vec::new();
        /// What the person at the terminal does, one after the other.
        "steps" => steps: Vec<Step> = Vec::new();
        /// What befalls the cluster meanwhile.
        "faults" => faults: Vec<Fault> = Vec::new();
        /// What shall hold.
        "expect" => expect: Vec<Rule> = Vec::new();
        /// When the run ends.
        "until" => until: Until = Until::Settled;
        /// What its timeline tells.
        "timeline" => timeline: Timeline = Timeline::Happenings;
    }
}

words! {
    /// What a run's timeline tells.
    pub enum Timeline as "sort of timeline" {
        /// What happened, a line each; what happened to many together in one.
        "happenings" => Happenings;
        /// Every message: who notices, who asks, what is stored.
        "messages" => Messages;
    }
}

/// A behaviour version of Kubernetes: `1.36`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Version(pub String);

impl Decode for Version {
    fn shape(_: &mut Schema) -> Value {
        // Without quotes a version reads as a number.
        let numbers = VERSIONS.iter().filter_map(|version| version.parse::<f64>().ok());
        let all: Vec<Value> =
            VERSIONS.iter().map(|version| json!(version)).chain(numbers.map(Value::from)).collect();
        json!({ "enum": all })
    }

    fn decode(node: &Node, session: &mut Session) -> Option<Self> {
        let Some(scalar) = node.scalar() else {
            node.report_type("a version such as `1.36`", session);
            return None;
        };
        if VERSIONS.contains(&&*scalar.text) {
            return Some(Version(scalar.text.to_string()));
        }
        let mistake = Mistake::not_one_of("known version of Kubernetes", &scalar.text, VERSIONS);
        session.report(node.place, mistake.note(format!("known are {}", VERSIONS.join(", "))));
        None
    }
}

/// The table of images, in the order that was written.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Images(pub Vec<(String, Image)>);

impl Decode for Images {
    fn shape(schema: &mut Schema) -> Value {
        <BTreeMap<String, Image>>::shape(schema)
    }

    fn decode(node: &Node, session: &mut Session) -> Option<Self> {
        let Some(entries) = node.entries() else {
            node.report_type("a mapping from images to how they behave", session);
            return None;
        };
        let mut images = Vec::new();
        for entry in entries {
            if let Err(error) = globset::Glob::new(&entry.key) {
                let expected = format!("{}", error.kind());
                let mistake = Mistake::bad_value("glob", &entry.key, &expected);
                session.report(entry.key_place, mistake);
            }
            images.push(Image::decode(&entry.value, session).map(|i| (entry.key.to_string(), i)));
        }
        images.into_iter().collect::<Option<Vec<_>>>().map(Images)
    }
}

/// When a run ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Until {
    /// When nothing is left to do after the last step and fault.
    Settled,
    /// At an instant of virtual time.
    At(SimDuration),
    /// So long after the last step has ended.
    AfterLastStep(SimDuration),
}

object! {
    /// The end of a run, told from the end of its last step.
    pub struct AfterLastStep as "`until`" {
        /// How long after the last step.
        "after-last-step" => after_last_step: SimDuration;
    }
}

impl Decode for Until {
    fn shape(schema: &mut Schema) -> Value {
        let after = AfterLastStep::shape(schema);
        json!({ "anyOf": [{ "const": "settled" }, SimDuration::shape(schema), after] })
    }

    fn decode(node: &Node, session: &mut Session) -> Option<Self> {
        if node.entries().is_some() {
            let after = AfterLastStep::decode(node, session)?;
            return Some(Until::AfterLastStep(after.after_last_step));
        }
        let text = node.scalar().map_or("", |scalar| &*scalar.text);
        if text == "settled" {
            return Some(Until::Settled);
        }
        let read = duration::parse(text).map(Until::At);
        if read.is_none() {
            node.report_type("`settled`, a duration or `{after-last-step: 3s}`", session);
        }
        read
    }
}
