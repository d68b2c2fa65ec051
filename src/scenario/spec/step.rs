//! What the person at the terminal does.

use serde_json::Value;
use serde_json::json;

use crate::scenario::chaos;
use crate::scenario::decode::Decode;
use crate::scenario::decode::Fields;
use crate::scenario::decode::Row;
use crate::scenario::decode::choice;
use crate::scenario::decode::choose;
use crate::scenario::diagnostic::Mistake;
use crate::scenario::kubectl::Line;
use crate::scenario::manifest;
use crate::scenario::manifest::Manifest;
use crate::scenario::schema::Schema;
use crate::scenario::source::Place;
use crate::scenario::source::Session;
use crate::scenario::spec::Goal;
use crate::scenario::spec::Inject;
use crate::scenario::yaml::Node;
use crate::sim::time::SimDuration;

/// One step: begins when the one before has ended, or at an instant.
#[derive(Clone, PartialEq, Debug)]
pub struct Step {
    /// What is done.
    pub action: Action,
    /// The instant that the step is pinned to.
    pub at: Option<SimDuration>,
    /// How long an `until` waits before it fails.
    pub within: Option<SimDuration>,
    /// Where the step stands in the file.
    pub place: Place,
}

choice! {
    /// What a step does.
    pub enum Action as "step" {
        /// A kubectl command, as one would type it without the word kubectl.
        "kubectl" => Kubectl(Box<Line>);
        /// Manifests to apply: one inline, a list of them, or a text of several documents.
        "apply" => Apply(Apply);
        /// Nothing, for so long.
        "wait" => Wait(SimDuration);
        /// A fault.
        "inject" => Inject(Inject);
        /// Waits until something holds.
        "until" => Until(Goal);
    }
}

/// Manifests written in the scenario.
#[derive(Clone, PartialEq, Debug)]
pub struct Apply {
    /// The objects, in order.
    pub manifests: Vec<Manifest>,
}

impl Decode for Apply {
    fn shape(_: &mut Schema) -> Value {
        json!({ "type": ["object", "array", "string"] })
    }

    fn decode(node: &Node, session: &mut Session) -> Option<Self> {
        let before = session.count();
        let manifests = manifest::inline(node, session);
        chaos::check(&manifests, session);
        (session.count() == before).then_some(Apply { manifests })
    }
}

impl Decode for Step {
    fn shape(schema: &mut Schema) -> Value {
        schema.choice::<Action>("Step", "One step of the person at the terminal.", |schema| {
            let shape = SimDuration::shape(schema);
            let row = |key, about| Row { key, about, shape: shape.clone(), required: false };
            vec![
                row("at", "The instant of virtual time at which the step begins."),
                row("within", "How long `until` waits before it fails."),
            ]
        })
    }

    fn decode(node: &Node, session: &mut Session) -> Option<Self> {
        const BESIDE: &[&str] = &["at", "within"];
        let action = choose::<Action>(node, BESIDE, session);
        let entries = node.entries()?;
        let fields = Fields::beside(node, "a step")?;
        let at = fields.optional("at", session, || None);
        let within = fields.optional("within", session, || None);
        let action = action?;
        if let (Some(entry), false) =
            (entries.iter().find(|e| &*e.key == "within"), matches!(action, Action::Until(_)))
        {
            let mut keys = entries.iter().map(|entry| &*entry.key);
            let other = keys.find(|key| !BESIDE.contains(key)).unwrap_or("");
            session.report(entry.key_place, Mistake::not_together("within", other));
        }
        Some(Step { action, at: at?, within: within?, place: node.place })
    }
}
