//! What shall hold.

use serde_json::Value;
use serde_json::json;

use crate::api::expression;
use crate::api::selector::Selector;
use crate::scenario::decode::Decode;
use crate::scenario::decode::Fields;
use crate::scenario::decode::Row;
use crate::scenario::decode::choice;
use crate::scenario::decode::choose;
use crate::scenario::decode::object;
use crate::scenario::diagnostic::Mistake;
use crate::scenario::schema::Schema;
use crate::scenario::source::Place;
use crate::scenario::source::Session;
use crate::scenario::yaml::Base;
use crate::scenario::yaml::Node;
use crate::sim::time::SimDuration;

choice! {
    /// A statement on the cluster's state at one instant.
    pub enum Expectation as "expectation" {
        /// A Deployment has at least so many available replicas.
        "available" => Available(Available);
        /// A rollout is complete, as `kubectl rollout status` tells it.
        "rollout-complete" => RolloutComplete(RolloutComplete);
        /// There are so many pods.
        "pods" => Pods(PodCount);
        /// There is such an event.
        "event" => Event(Event);
        /// An object is not there.
        "gone" => Gone(ObjectRef);
        /// An object, or every pod of a selector, is ready.
        "ready" => Ready(Ready);
        /// A pod, or every pod of a selector, is in a phase.
        "phase" => Phase(Phase);
        /// An object has a condition.
        "condition" => Condition(Condition);
        /// An expression in CEL is true; `objects('Pod')` are all pods.
        "cel" => Cel(Cel);
    }
}

object! {
    /// How many replicas are available.
    pub struct Available as "`available`" {
        /// The Deployment's name.
        "deployment" => deployment: String;
        /// The namespace; the scenario's when not given.
        "namespace" => namespace: Option<String> = None;
        /// At least so many.
        "at-least" => at_least: u32;
    }
}

object! {
    /// A workload whose rollout is complete: one of the three.
    pub struct RolloutComplete as "`rollout-complete`" checked by one_workload {
        /// A Deployment's name.
        "deployment" => deployment: Option<String> = None;
        /// A `StatefulSet`'s name.
        "statefulset" => statefulset: Option<String> = None;
        /// A `DaemonSet`'s name.
        "daemonset" => daemonset: Option<String> = None;
        /// The namespace; the scenario's when not given.
        "namespace" => namespace: Option<String> = None;
    }
}

object! {
    /// How many pods there are, by bounds that all hold.
    pub struct PodCount as "`pods`" checked by count_is_bounded {
        /// Only pods with these labels, as kubectl's `-l` takes it.
        "selector" => selector: Option<Selector> = None;
        /// The namespace; the scenario's when not given.
        "namespace" => namespace: Option<String> = None;
        /// Only pods in this phase.
        "phase" => phase: Option<String> = None;
        /// Only pods on this node.
        "node" => node: Option<String> = None;
        /// Only pods that are ready, or that are not.
        "ready" => ready: Option<bool> = None;
        /// Exactly so many.
        "count" => count: Option<u32> = None;
        /// So many or more.
        "at-least" => at_least: Option<u32> = None;
        /// So many or fewer.
        "at-most" => at_most: Option<u32> = None;
        /// More than so many.
        "more-than" => more_than: Option<u32> = None;
        /// Fewer than so many.
        "less-than" => less_than: Option<u32> = None;
    }
}

object! {
    /// An event; what is given must match.
    pub struct Event as "`event`" {
        /// Its reason.
        "reason" => reason: Option<String> = None;
        /// Its type, `Normal` or `Warning`.
        "type" => kind_of_event: Option<String> = None;
        /// The kind of the object it is about.
        "kind" => kind: Option<String> = None;
        /// The name of the object it is about.
        "name" => name: Option<String> = None;
        /// A text that its message contains.
        "message" => message: Option<String> = None;
        /// The namespace; the scenario's when not given.
        "namespace" => namespace: Option<String> = None;
    }
}

object! {
    /// One object.
    pub struct ObjectRef as "an object" {
        /// Its kind, or its resource as kubectl knows it.
        "kind" => kind: String;
        /// Its name.
        "name" => name: String;
        /// The namespace; the scenario's when not given.
        "namespace" => namespace: Option<String> = None;
    }
}

object! {
    /// What is ready: an object by kind and name, or pods by selector.
    pub struct Ready as "`ready`" checked by ready_is_of_something {
        /// The object's kind.
        "kind" => kind: String = "Pod".to_owned();
        /// The object's name.
        "name" => name: Option<String> = None;
        /// Labels of pods, of which there is at least one.
        "selector" => selector: Option<Selector> = None;
        /// The namespace; the scenario's when not given.
        "namespace" => namespace: Option<String> = None;
    }
}

object! {
    /// The phase of a pod, or of every pod of a selector.
    pub struct Phase as "`phase`" checked by phase_is_of_something {
        /// The pod's name.
        "pod" => pod: Option<String> = None;
        /// Labels of pods, of which there is at least one.
        "selector" => selector: Option<Selector> = None;
        /// The namespace; the scenario's when not given.
        "namespace" => namespace: Option<String> = None;
        /// The phase.
        "is" => is: PodPhase;
    }
}

object! {
    /// A condition of an object.
    pub struct Condition as "`condition`" {
        /// The object's kind.
        "kind" => kind: String;
        /// The object's name.
        "name" => name: String;
        /// The namespace; the scenario's when not given.
        "namespace" => namespace: Option<String> = None;
        /// The condition's type.
        "type" => condition: String;
        /// Its status.
        "status" => status: String = "True".to_owned();
        /// Its reason, when that matters.
        "reason" => reason: Option<String> = None;
    }
}

crate::scenario::decode::words! {
    /// The phase of a pod.
    pub enum PodPhase as "phase of a pod" {
        /// Accepted, not all containers run yet.
        "Pending" => Pending;
        /// Bound, and a container runs or is restarted.
        "Running" => Running;
        /// All containers ended well.
        "Succeeded" => Succeeded;
        /// All containers ended, one of them badly.
        "Failed" => Failed;
        /// The node does not tell.
        "Unknown" => Unknown;
    }
}

fn one_workload(it: &RolloutComplete, node: &Node, session: &mut Session) {
    let given = [&it.deployment, &it.statefulset, &it.daemonset];
    if given.iter().filter(|name| name.is_some()).count() != 1 {
        let message = "exactly one of `deployment`, `statefulset` and `daemonset` is needed";
        session.report(node.place, Mistake::other(message));
    }
}

fn count_is_bounded(it: &PodCount, node: &Node, session: &mut Session) {
    let bounds = [it.count, it.at_least, it.at_most, it.more_than, it.less_than];
    if bounds.iter().all(Option::is_none) {
        let known = ["count", "at-least", "at-most", "more-than", "less-than"];
        session.report(node.place, Mistake::none_chosen("a bound of `pods`", &known));
    }
}

fn ready_is_of_something(it: &Ready, node: &Node, session: &mut Session) {
    if it.name.is_some() == it.selector.is_some() {
        let message = "exactly one of `name` and `selector` is needed";
        session.report(node.place, Mistake::other(message));
    }
}

fn phase_is_of_something(it: &Phase, node: &Node, session: &mut Session) {
    if it.pod.is_some() == it.selector.is_some() {
        let message = "exactly one of `pod` and `selector` is needed";
        session.report(node.place, Mistake::other(message));
    }
}

/// An expression in the Common Expression Language that compiles.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Cel(pub String);

impl Decode for Cel {
    fn shape(_: &mut Schema) -> Value {
        json!({ "type": "string" })
    }

    fn decode(node: &Node, session: &mut Session) -> Option<Self> {
        let text = String::decode(node, session)?;
        let errors = match expression::read(&text) {
            Ok(_) => return Some(Cel(text)),
            Err(errors) => errors.errors,
        };
        let base = node.scalar().map_or(Base::Point(node.place), |s| s.base(node.place));
        for error in errors {
            let (line, column) = error.pos;
            let (line, column) = (line.max(1).unsigned_abs(), column.max(1).unsigned_abs());
            let message = match error.msg.split_once("Recursion limit of ") {
                Some(_) => "this is no CEL: it is nested too deep".to_owned(),
                None => format!("this is no CEL: {}", error.msg),
            };
            session.report(base.place(line, column, 1), Mistake::other(message));
        }
        None
    }
}

/// What a step waits for.
#[derive(Clone, PartialEq, Debug)]
pub enum Goal {
    /// Nothing is left to do.
    Settled,
    /// Something holds.
    Holds(Expectation),
}

impl Decode for Goal {
    fn shape(schema: &mut Schema) -> Value {
        json!({ "anyOf": [{ "const": "settled" }, Expectation::shape(schema)] })
    }

    fn decode(node: &Node, session: &mut Session) -> Option<Self> {
        match node.text() {
            Some("settled") => Some(Goal::Settled),
            _ => Expectation::decode(node, session).map(Goal::Holds),
        }
    }
}

object! {
    /// That nothing is left to do: the state matches, and no timer would change it.
    pub struct Settled as "`settled`" {
        /// Before which instant, from the beginning of the run.
        "within" => within: Option<SimDuration> = None;
    }
}

object! {
    /// That nothing is wrong at the end: nothing is stuck, nothing goes round in circles, nothing
    /// is left over, and all that watch know what there is.
    pub struct Healthy as "`healthy`" {
        /// Whether the end must also be that of the run without the scenario's faults.
        "same-end" => same_end: bool = false;
    }
}

choice! {
    /// When an expectation shall hold.
    pub enum Judgement as "kind of expectation" {
        /// At every instant.
        "always" => Always(Expectation);
        /// At some instant, and from then to the end.
        "eventually" => Eventually(Expectation);
        /// At one instant at least.
        "sometimes" => Sometimes(Expectation);
        /// At no instant.
        "never" => Never(Expectation);
        /// At the instant of `at`.
        "holds" => Holds(Expectation);
        /// That nothing is left to do in the end.
        "settled" => Settled(Settled);
        /// That nothing is wrong in the end.
        "healthy" => Healthy(Healthy);
    }
}

/// One entry of what shall hold.
#[derive(Clone, PartialEq, Debug)]
pub struct Rule {
    /// What, and how often.
    pub judgement: Judgement,
    /// The instant, for `holds`.
    pub at: Option<SimDuration>,
    /// Before which instant, for `eventually`.
    pub within: Option<SimDuration>,
    /// Where it stands in the file.
    pub place: Place,
}

impl Decode for Rule {
    fn shape(schema: &mut Schema) -> Value {
        schema.choice::<Judgement>("Rule", "One thing that shall hold.", |schema| {
            let shape = SimDuration::shape(schema);
            let row = |key, about| Row { key, about, shape: shape.clone(), required: false };
            vec![
                row("at", "The instant at which `holds` is judged."),
                row("within", "Before which instant `eventually` holds."),
            ]
        })
    }

    fn decode(node: &Node, session: &mut Session) -> Option<Self> {
        let judgement = choose::<Judgement>(node, &["at", "within"], session);
        let fields = Fields::beside(node, "an expectation")?;
        let at = fields.optional("at", session, || None);
        let within = fields.optional("within", session, || None);
        let rule = Rule { judgement: judgement?, at: at?, within: within?, place: node.place };
        rule.fields_go_together(node, session);
        Some(rule)
    }
}

impl Rule {
    /// Reports `at` and `within` where they mean nothing, and `holds` without its instant.
    fn fields_go_together(&self, node: &Node, session: &mut Session) {
        let (name, takes_at, takes_within) = match self.judgement {
            Judgement::Always(_) => ("always", false, false),
            Judgement::Eventually(_) => ("eventually", false, true),
            Judgement::Sometimes(_) => ("sometimes", false, true),
            Judgement::Never(_) => ("never", false, false),
            Judgement::Holds(_) => ("holds", true, false),
            Judgement::Settled(_) => ("settled", false, false),
            Judgement::Healthy(_) => ("healthy", false, false),
        };
        if self.at.is_some() && !takes_at {
            session.report(node.locate("at"), Mistake::not_together("at", name));
        }
        if self.within.is_some() && !takes_within {
            session.report(node.locate("within"), Mistake::not_together("within", name));
        }
        if takes_at && self.at.is_none() {
            session.report(node.place, Mistake::missing_field("`holds`", "at"));
        }
    }
}
