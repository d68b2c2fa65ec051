//! What befalls the cluster, in Chaos Mesh's words where it has them.

use std::collections::BTreeMap;

use serde_json::Value;
use serde_json::json;

use crate::scenario::decode::Choice;
use crate::scenario::decode::Decode;
use crate::scenario::decode::Fields;
use crate::scenario::decode::Row;
use crate::scenario::decode::choice;
use crate::scenario::decode::choose;
use crate::scenario::decode::object;
use crate::scenario::decode::words;
use crate::scenario::diagnostic::Mistake;
use crate::scenario::duration::Rate;
use crate::scenario::schema::Schema;
use crate::scenario::source::Place;
use crate::scenario::source::Session;
use crate::scenario::yaml::Node;
use crate::sim::time::SimDuration;

/// Faults that a scenario may come to name, and that nothing models yet.
pub const NOT_MODELLED: &[&str] =
    &["api-error", "clock-skew", "network-delay", "network-loss", "pod-failure", "watch-lag"];

/// The components that can be stopped and started, each also with its number: `etcd-2`.
const STOPPABLE: &[&str] = &[
    "*",
    "etcd",
    "kube-apiserver",
    "kube-controller-manager",
    "kube-scheduler",
    "kubelet",
    "level-keeper",
    "edge-keeper",
];

choice! {
    /// A fault, by its name.
    pub enum FaultAction as "fault" {
        /// Stops nodes as if their power were cut.
        "node-stop" => NodeStop(NodeSelector);
        /// Starts nodes again, or ones that have not been there before.
        "node-start" => NodeStart(NodeSelector);
        /// Kills a component, which stays down.
        "component-stop" => ComponentStop(ComponentTarget);
        /// Starts a component that is down; `"*"` for all that are.
        "component-start" => ComponentStart(ComponentTarget);
        /// Deletes pods without grace.
        "pod-kill" => PodKill(PodSelector);
        /// Kills containers of pods, or a component, which is started again.
        "container-kill" => ContainerKill(ContainerTarget);
        /// Cuts the network between two ends.
        "network-partition" => NetworkPartition(Partition);
    }
}

object! {
    /// Which nodes.
    pub struct NodeSelector as "a choice of nodes" checked by nodes_are_chosen {
        /// Nodes by name.
        "nodes" => nodes: Vec<String> = Vec::new();
        /// Nodes by label.
        "labelSelectors" => label_selectors: BTreeMap<String, String> = BTreeMap::new();
        /// How many of those that match.
        "mode" => mode: Mode = Mode::All;
        /// The number or percentage that the mode needs.
        "value" => value: Option<u32> = None;
    }
}

object! {
    /// Which pods.
    pub struct PodSelector as "a choice of pods" checked by pods_are_chosen {
        /// Pods by name: a list, or by namespace a list.
        "pods" => pods: PodNames = PodNames::default();
        /// Pods by label.
        "labelSelectors" => label_selectors: BTreeMap<String, String> = BTreeMap::new();
        /// Only in these namespaces; the scenario's when none is given.
        "namespaces" => namespaces: Vec<String> = Vec::new();
        /// Only on these nodes.
        "nodes" => nodes: Vec<String> = Vec::new();
        /// How many of those that match.
        "mode" => mode: Mode = Mode::All;
        /// The number or percentage that the mode needs.
        "value" => value: Option<u32> = None;
        /// Seconds that a killed pod is given to end.
        "gracePeriod" => grace_period: u32 = 0;
    }
}

object! {
    /// Which containers, or which component.
    pub struct ContainerTarget as "`container-kill`" checked by containers_are_chosen {
        /// A component of the control plane, instead of containers of pods.
        "component" => component: Option<Component> = None;
        /// Names of containers; all of the pods chosen when none is given.
        "containerNames" => container_names: Vec<String> = Vec::new();
        /// Pods by name: a list, or by namespace a list.
        "pods" => pods: PodNames = PodNames::default();
        /// Pods by label.
        "labelSelectors" => label_selectors: BTreeMap<String, String> = BTreeMap::new();
        /// Only in these namespaces; the scenario's when none is given.
        "namespaces" => namespaces: Vec<String> = Vec::new();
        /// Only on these nodes.
        "nodes" => nodes: Vec<String> = Vec::new();
        /// How many of those that match.
        "mode" => mode: Mode = Mode::All;
        /// The number or percentage that the mode needs.
        "value" => value: Option<u32> = None;
    }
}

object! {
    /// Which component.
    pub struct ComponentTarget as "a choice of a component" {
        /// Its name, with its number when there are several: `kube-apiserver-2`.
        "component" => component: Component;
    }
}

object! {
    /// Two ends that do not reach each other.
    pub struct Partition as "`network-partition`" {
        /// One end: a node, a component, or a list of them.
        "from" => from: Endpoints;
        /// The other end.
        "to" => to: Endpoints;
        /// Which way the messages are lost.
        "direction" => direction: Direction = Direction::Both;
    }
}

words! {
    /// How many of those that match are hit.
    pub enum Mode as "mode" {
        /// One, drawn from the seed.
        "one" => One;
        /// All.
        "all" => All;
        /// So many.
        "fixed" => Fixed;
        /// So many in a hundred.
        "fixed-percent" => FixedPercent;
        /// At most so many in a hundred, drawn from the seed.
        "random-max-percent" => RandomMaxPercent;
    }
}

words! {
    /// Which way messages are lost.
    pub enum Direction as "direction" {
        /// Both ways.
        "both" => Both;
        /// From the first end to the second.
        "to" => To;
        /// From the second end to the first.
        "from" => From;
    }
}

/// Names of pods by namespace; the empty namespace stands for the scenario's.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct PodNames(pub BTreeMap<String, Vec<String>>);

impl Decode for PodNames {
    fn shape(_: &mut Schema) -> Value {
        let names = json!({ "type": "array", "items": { "type": "string" } });
        json!({ "anyOf": [names, { "type": "object", "additionalProperties": names }] })
    }

    fn decode(node: &Node, session: &mut Session) -> Option<Self> {
        if node.items().is_some() {
            let names = Vec::decode(node, session)?;
            return Some(PodNames(BTreeMap::from([(String::new(), names)])));
        }
        BTreeMap::decode(node, session).map(PodNames)
    }
}

/// A component's name.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Component(pub String);

impl Decode for Component {
    fn shape(_: &mut Schema) -> Value {
        json!({ "type": "string", "examples": STOPPABLE })
    }

    fn decode(node: &Node, session: &mut Session) -> Option<Self> {
        let text = String::decode(node, session)?;
        let numberless = match text.rsplit_once('-') {
            Some((name, number)) if number.parse::<u32>().is_ok() => name,
            _ => &text,
        };
        let kubelet_of = text.strip_prefix("kubelet/").is_some_and(|node| !node.is_empty());
        if STOPPABLE.contains(&numberless) || kubelet_of {
            return Some(Component(text));
        }
        session.report(node.place, Mistake::unknown_name("component", &text, STOPPABLE));
        None
    }
}

/// One end of a link: names of nodes and components.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Endpoints(pub Vec<String>);

impl Decode for Endpoints {
    fn shape(_: &mut Schema) -> Value {
        json!({
            "anyOf": [{ "type": "string" }, { "type": "array", "items": { "type": "string" } }],
        })
    }

    fn decode(node: &Node, session: &mut Session) -> Option<Self> {
        if node.items().is_some() {
            return Vec::decode(node, session).map(Endpoints);
        }
        String::decode(node, session).map(|name| Endpoints(vec![name]))
    }
}

fn nodes_are_chosen(selector: &NodeSelector, node: &Node, session: &mut Session) {
    if selector.nodes.is_empty() && selector.label_selectors.is_empty() {
        let message = "no node is chosen: `nodes` or `labelSelectors` is missing";
        session.report(node.place, Mistake::other(message));
    }
    mode_has_its_value(selector.mode, selector.value, node, session);
}

fn pods_are_chosen(selector: &PodSelector, node: &Node, session: &mut Session) {
    let by_name = !selector.pods.0.is_empty();
    let by_label = !selector.label_selectors.is_empty();
    let by_place = !selector.namespaces.is_empty() || !selector.nodes.is_empty();
    if !(by_name || by_label || by_place) {
        let message =
            "no pod is chosen: `pods`, `labelSelectors`, `namespaces` or `nodes` is missing";
        session.report(node.place, Mistake::other(message));
    }
    mode_has_its_value(selector.mode, selector.value, node, session);
}

fn containers_are_chosen(target: &ContainerTarget, node: &Node, session: &mut Session) {
    let pods = !target.pods.0.is_empty()
        || !target.label_selectors.is_empty()
        || !target.namespaces.is_empty()
        || !target.nodes.is_empty();
    match (&target.component, pods) {
        (Some(_), true) => {
            let message = "both a component and pods are chosen: one of them";
            session.report(node.place, Mistake::other(message));
        }
        (None, false) => {
            let message = "nothing is chosen: `component`, or pods by `pods`, `labelSelectors`, \
                           `namespaces` or `nodes`";
            session.report(node.place, Mistake::other(message));
        }
        (Some(_), false) | (None, true) => {}
    }
    mode_has_its_value(target.mode, target.value, node, session);
}

/// Reports a mode that lacks its number, a number without a mode, and more than a hundred percent.
fn mode_has_its_value(mode: Mode, value: Option<u32>, node: &Node, session: &mut Session) {
    let place = node.get("value").or_else(|| node.get("mode")).map_or(node.place, |n| n.place);
    let wants = match mode {
        Mode::One | Mode::All => false,
        Mode::Fixed | Mode::FixedPercent | Mode::RandomMaxPercent => true,
    };
    match (wants, value) {
        (true, None) => session.report(place, Mistake::missing_field("this mode", "value")),
        (false, Some(_)) => session.report(place, Mistake::not_together("value", "mode")),
        (true, Some(percent)) if mode != Mode::Fixed && percent > 100 => {
            let found = percent.to_string();
            session.report(place, Mistake::bad_value("percentage", &found, "at most 100"));
        }
        (true, Some(_)) | (false, None) => {}
    }
}

/// A fault with how long it lasts.
#[derive(Clone, PartialEq, Debug)]
pub struct Inject {
    /// What is done, and to whom.
    pub fault: FaultAction,
    /// After which it is healed; without it, never.
    pub duration: Option<SimDuration>,
    /// Where it stands in the file.
    pub place: Place,
}

impl Decode for Inject {
    fn shape(schema: &mut Schema) -> Value {
        schema.choice::<FaultAction>("Inject", "A fault and how long it lasts.", |schema| {
            let about = "After which it is healed; without it, it is not.";
            let shape = SimDuration::shape(schema);
            vec![Row { key: "duration", about, shape, required: false }]
        })
    }

    fn decode(node: &Node, session: &mut Session) -> Option<Self> {
        let entries = node.entries().unwrap_or(&[]);
        let later = entries.iter().find(|entry| NOT_MODELLED.contains(&&*entry.key));
        if let Some(entry) = later {
            session.report(entry.key_place, Mistake::not_modelled("fault", &entry.key));
            return None;
        }
        let fault = choose(node, &["duration"], session);
        let fields = Fields::beside(node, "a fault")?;
        let duration = fields.optional("duration", session, || None);
        Some(Inject { fault: fault?, duration: duration?, place: node.place })
    }
}

/// The name of a fault that is modelled.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FaultName(pub String);

impl Decode for FaultName {
    fn shape(_: &mut Schema) -> Value {
        json!({ "enum": FaultAction::NAMES })
    }

    fn decode(node: &Node, session: &mut Session) -> Option<Self> {
        let name = String::decode(node, session)?;
        if FaultAction::NAMES.contains(&&*name) {
            return Some(FaultName(name));
        }
        let mistake = if NOT_MODELLED.contains(&&*name) {
            Mistake::not_modelled("fault", &name)
        } else {
            Mistake::unknown_name("fault", &name, FaultAction::NAMES)
        };
        session.report(node.place, mistake);
        None
    }
}

/// One entry of the weather: a fault and when it comes.
#[derive(Clone, PartialEq, Debug)]
pub struct Fault {
    /// When and what.
    pub start: Start,
    /// Where it stands in the file.
    pub place: Place,
}

/// When a fault comes.
#[derive(Clone, PartialEq, Debug)]
pub enum Start {
    /// At an instant.
    At(SimDuration, Inject),
    /// When something occurs.
    When(Trigger, Inject),
    /// Again and again, drawn from the seed.
    Random(RandomFaults),
}

choice! {
    /// An occurrence that brings a fault.
    pub enum Trigger as "trigger" {
        /// Right after an actor's n-th write.
        "after-write" => AfterWrite(AfterWrite);
    }
}

object! {
    /// The n-th write of an actor.
    pub struct AfterWrite as "`after-write`" {
        /// The actor, by the name that the trace shows.
        "actor" => actor: String;
        /// Which of its writes, from 1.
        "n" => n: u32 = 1;
        /// Counts only writes of this kind.
        "kind" => kind: Option<String> = None;
    }
}

object! {
    /// Faults drawn from the seed.
    pub struct RandomFaults as "`random`" {
        /// Which faults.
        "kinds" => kinds: Vec<FaultName>;
        /// How many in which span, on average.
        "rate" => rate: Rate;
        /// From when on.
        "from" => from: SimDuration = SimDuration::ZERO;
        /// Until when; to the last step when not given.
        "to" => to: Option<SimDuration> = None;
    }
}

object! {
    /// An entry of the weather as it is written; which fields go together is told by decoding.
    pub struct FaultFields as "a fault" {
        /// The instant at which the fault comes.
        "at" => at: Option<SimDuration> = None;
        /// The occurrence at which the fault comes.
        "when" => when: Option<Trigger> = None;
        /// The fault.
        "inject" => inject: Option<Inject> = None;
        /// Faults drawn from the seed.
        "random" => random: Option<RandomFaults> = None;
    }
}

impl Decode for Fault {
    fn shape(schema: &mut Schema) -> Value {
        FaultFields::shape(schema)
    }

    fn decode(node: &Node, session: &mut Session) -> Option<Self> {
        let before = session.count();
        let fields = FaultFields::decode(node, session);
        let FaultFields { at, when, inject, random } = fields?;
        let start = match (at, when, inject, random) {
            (Some(at), None, Some(inject), None) => Some(Start::At(at, inject)),
            (None, Some(when), Some(inject), None) => Some(Start::When(when, inject)),
            (None, None, None, Some(random)) => Some(Start::Random(random)),
            _ => None,
        };
        if start.is_none() && session.count() == before {
            let message = "a fault is `at` or `when` with `inject`, or `random` alone";
            session.report(node.place, Mistake::other(message));
        }
        Some(Fault { start: start?, place: node.place })
    }
}
