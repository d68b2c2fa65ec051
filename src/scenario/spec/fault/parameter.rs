//! The parameters of the faults, as they are written.

use std::collections::BTreeMap;

use serde_json::Value;
use serde_json::json;

use crate::fault::parameter::ComponentTarget;
use crate::fault::parameter::Delay;
use crate::fault::parameter::Direction;
use crate::fault::parameter::Edit;
use crate::fault::parameter::Failing;
use crate::fault::parameter::Flap;
use crate::fault::parameter::Latency;
use crate::fault::parameter::Loss;
use crate::fault::parameter::Nothing;
use crate::fault::parameter::ObjectTarget;
use crate::fault::parameter::Partition;
use crate::fault::parameter::Pause;
use crate::fault::parameter::Requests;
use crate::fault::parameter::Restore;
use crate::fault::parameter::Shuffle;
use crate::fault::parameter::Skew;
use crate::fault::parameter::Stuck;
use crate::fault::parameter::Travel;
use crate::fault::parameter::Watched;
use crate::fault::target::Component;
use crate::fault::target::Containers;
use crate::fault::target::Endpoints;
use crate::fault::target::Mode;
use crate::fault::target::Nodes;
use crate::fault::target::PodNames;
use crate::fault::target::Pods;
use crate::scenario::decode::Decode;
use crate::scenario::decode::foreign;
use crate::scenario::decode::foreign_words;
use crate::scenario::diagnostic::Mistake;
use crate::scenario::duration;
use crate::scenario::schema::Schema;
use crate::scenario::source::Session;
use crate::scenario::yaml::Node;
use crate::sim::time::SimDuration;

/// The components that can be stopped and started, also with a number: `etcd-2`.
const STOPPABLE: &[&str] = &[
    "*",
    "cluster-autoscaler",
    "descheduler",
    "csi-controller",
    "etcd",
    "kube-apiserver",
    "kube-controller-manager",
    "kube-scheduler",
    "kubelet",
    "level-keeper",
    "edge-keeper",
];

foreign! {
    Nodes as "a choice of nodes", "NodeSelector", "Which nodes." checked by nodes_are_chosen {
        /// Nodes by name.
        "nodes" => nodes: Vec<String> = Vec::new();
        /// Nodes by label.
        "labelSelectors" => label_selectors: BTreeMap<String, String> = BTreeMap::new();
        /// How many of those that match.
        "mode" => mode: Mode = Mode::All;
        /// The number or percentage that the mode needs.
        "value" => value: Option<u32> = None;
    } into Nodes { nodes, label_selectors, mode, value }
}

foreign! {
    Flap as "`node-flap`", "NodeFlap", "Nodes that go and come back." checked by flaps_are_chosen {
        /// Nodes by name.
        "nodes" => nodes: Vec<String> = Vec::new();
        /// Nodes by label.
        "labelSelectors" => label_selectors: BTreeMap<String, String> = BTreeMap::new();
        /// How many of those that match.
        "mode" => mode: Mode = Mode::All;
        /// The number or percentage that the mode needs.
        "value" => value: Option<u32> = None;
        /// From one stop to the next; the node is down for half of it.
        "period" => period: SimDuration;
    } into Flap { nodes: Nodes { nodes, label_selectors, mode, value }, period }
}

foreign! {
    Pods as "a choice of pods", "PodSelector", "Which pods." checked by pods_are_chosen {
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
    } into Pods { pods, label_selectors, namespaces, nodes, mode, value, grace_period }
}

foreign! {
    Containers as "`container-kill`", "ContainerTarget", "Which containers, or which component."
    checked by containers_are_chosen {
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
    } into Containers {
        component,
        container_names,
        of: Pods { pods, label_selectors, namespaces, nodes, mode, value, grace_period: 0 },
    }
}

foreign! {
    ComponentTarget as "a choice of a component", "ComponentTarget", "Which component." {
        /// Its name, with its number when there are several: `kube-apiserver-2`.
        "component" => component: Component;
    } into ComponentTarget { component }
}

foreign! {
    Pause as "`pause`", "Pause", "A process that stands still." {
        /// A component, or `kubelet/NODE` for a whole node.
        "component" => component: Component;
    } into Pause { component }
}

foreign! {
    Partition as "`network-partition`", "Partition", "Two ends that do not reach each other." {
        /// One end: a node, a component, or a list of them.
        "from" => from: Endpoints;
        /// The other end.
        "to" => to: Endpoints;
        /// Which way the messages are hit.
        "direction" => direction: Direction = Direction::Both;
    } into Partition { from, to, direction }
}

foreign! {
    Latency as "`network-delay`", "NetworkDelay", "Two ends between which messages take longer." {
        /// One end: a node, a component, or a list of them.
        "from" => from: Endpoints;
        /// The other end.
        "to" => to: Endpoints;
        /// How much longer.
        "latency" => latency: SimDuration;
        /// Which way the messages are hit.
        "direction" => direction: Direction = Direction::Both;
    } into Latency { from, to, latency, direction }
}

foreign! {
    Loss as "`network-loss`", "NetworkLoss", "Two ends between which packets are lost." {
        /// One end: a node, a component, or a list of them.
        "from" => from: Endpoints;
        /// The other end.
        "to" => to: Endpoints;
        /// How many of a hundred.
        "loss" => loss: u32;
        /// Which way the messages are hit.
        "direction" => direction: Direction = Direction::Both;
    } into Loss { from, to, loss, direction }
}

foreign! {
    Requests as "a choice of requests", "Requests", "Which requests." {
        /// Whose, by the name that the trace shows; everybody's when not given.
        "actor" => actor: Option<String> = None;
        /// Only of this kind; without it no event, no lease.
        "kind" => kind: Option<String> = None;
        /// Only these verbs; without them all that write.
        "verbs" => verbs: Vec<String> = Vec::new();
        /// Only of the object of this name.
        "name" => name: Option<String> = None;
        /// At most so many; without it one when a write brought the fault, else all.
        "count" => count: Option<u32> = None;
    } into Requests { actor, kind, verbs, name, count }
}

foreign! {
    Failing as "`api-error`", "ApiError", "Requests that are refused." checked by code_is_known {
        /// Whose, by the name that the trace shows; everybody's when not given.
        "actor" => actor: Option<String> = None;
        /// Only of this kind; without it no event, no lease.
        "kind" => kind: Option<String> = None;
        /// Only these verbs; without them all that write.
        "verbs" => verbs: Vec<String> = Vec::new();
        /// Only of the object of this name.
        "name" => name: Option<String> = None;
        /// At most so many; without it one when a write brought the fault, else all.
        "count" => count: Option<u32> = None;
        /// The status code: 403, 429, 500, 503 or 504.
        "code" => code: u32 = 500;
        /// What the apiserver says, where it is not the usual text of the code.
        "message" => message: Option<String> = None;
    } into Failing { requests: Requests { actor, kind, verbs, name, count }, code, message }
}

foreign! {
    Delay as "`api-delay`", "ApiDelay", "Requests that take longer." {
        /// Whose, by the name that the trace shows; everybody's when not given.
        "actor" => actor: Option<String> = None;
        /// Only of this kind; without it no event, no lease.
        "kind" => kind: Option<String> = None;
        /// Only these verbs; without them all that write.
        "verbs" => verbs: Vec<String> = Vec::new();
        /// Only of the object of this name.
        "name" => name: Option<String> = None;
        /// At most so many; without it one when a write brought the fault, else all.
        "count" => count: Option<u32> = None;
        /// How much longer.
        "latency" => latency: SimDuration;
        /// After which the client gives up; the request is carried out all the same.
        "timeout" => timeout: Option<SimDuration> = None;
    } into Delay { requests: Requests { actor, kind, verbs, name, count }, latency, timeout }
}

foreign! {
    Watched as "a choice of watches", "Watched", "Which watches of whom." {
        /// Who watches: a component, `kubelet/NODE` or an operator.
        "actor" => actor: String;
        /// The kind that is watched; all when not given.
        "kind" => kind: Option<String> = None;
    } into Watched { actor, kind }
}

foreign! {
    Travel as "`time-travel`", "TimeTravel", "Who restarts, and how far its server is behind."
    checked by past_is_given {
        /// A component, or `kubelet/NODE`.
        "component" => component: Component;
        /// The server is behind by so many changes of the store.
        "revisions" => revisions: Option<u32> = None;
        /// The server has come to this revision of the store.
        "revision" => revision: Option<u32> = None;
        /// How long the component is down.
        "down" => down: SimDuration = SimDuration::millis(10);
    } into Travel { component, revisions, revision, down }
}

foreign! {
    Stuck as "calls of a driver", "Stuck", "Which calls of the driver do not come back." {
        /// Volumes, claims, classes or nodes that they are about; all when not given.
        "about" => about: Vec<String> = Vec::new();
    } into Stuck { about }
}

foreign! {
    Skew as "`clock-skew`", "ClockSkew", "A clock that is wrong." {
        /// A component, or `kubelet/NODE`.
        "component" => component: Component;
        /// By how much; `-5m` is five minutes behind.
        "time-offset" => offset: Offset;
    } into Skew { component, offset: offset.0 }
}

foreign! {
    Nothing as "nothing", "Nothing", "This fault needs no parameters: `{}`." {
    } into Nothing {}
}

foreign! {
    Restore as "`etcd-restore`", "Restore", "How far the store goes back." {
        /// By so many changes.
        "revisions" => revisions: u32;
    } into Restore { revisions }
}

foreign! {
    ObjectTarget as "an object", "ObjectTarget", "Which object." {
        /// The kind, or the resource as kubectl knows it.
        "kind" => kind: String;
        /// The name; any one of the kind when not given.
        "name" => name: Option<String> = None;
        /// The namespace; the scenario's when not given.
        "namespace" => namespace: Option<String> = None;
    } into ObjectTarget { kind, name, namespace }
}

foreign! {
    Edit as "`edit`", "Edit", "Which object, and how somebody else changes it." {
        /// The kind, or the resource as kubectl knows it.
        "kind" => kind: String;
        /// The name; any one of the kind when not given.
        "name" => name: Option<String> = None;
        /// The namespace; the scenario's when not given.
        "namespace" => namespace: Option<String> = None;
        /// A merge patch.
        "patch" => patch: Value;
        /// `status` or `scale` when that is changed.
        "subresource" => subresource: Option<String> = None;
    } into Edit { object: ObjectTarget { kind, name, namespace }, patch, subresource }
}

foreign! {
    Shuffle as "`shuffle`", "Shuffle", "Another schedule of messages." {
        /// What the spans follow from.
        "seed" => seed: u64 = 0;
        /// The longest that a message is held up.
        "most" => most: SimDuration = SimDuration::millis(20);
        /// Whether processes have ranks, and the messages of one in two are not held up.
        "ranks" => ranks: bool = false;
    } into Shuffle { seed, most, ranks }
}

foreign_words! {
    Mode as "mode" {
        "one" => One;
        "all" => All;
        "fixed" => Fixed;
        "fixed-percent" => FixedPercent;
        "random-max-percent" => RandomMaxPercent;
    }
}

foreign_words! {
    Direction as "direction" {
        "both" => Both;
        "to" => To;
        "from" => From;
    }
}

/// A span that may be negative.
struct Offset(i64);

impl Decode for Offset {
    fn shape(_: &mut Schema) -> Value {
        json!({ "type": "string", "examples": ["-5m", "30s"] })
    }

    fn decode(node: &Node, session: &mut Session) -> Option<Self> {
        node.text().and_then(duration::parse_signed).map(Offset).or_else(|| {
            node.report_type("a span such as `-5m`", session);
            None
        })
    }
}

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
        if STOPPABLE.contains(&numberless) || kubelet_of || session.operators.has(&text) {
            return Some(Component(text));
        }
        session.report(node.place, Mistake::unknown_name("component", &text, STOPPABLE));
        None
    }
}

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

fn nodes_are_chosen(selector: &Nodes, node: &Node, session: &mut Session) {
    if selector.nodes.is_empty() && selector.label_selectors.is_empty() {
        let message = "no node is chosen: `nodes` or `labelSelectors` is missing";
        session.report(node.place, Mistake::other(message));
    }
    mode_has_its_value(selector.mode, selector.value, node, session);
}

fn flaps_are_chosen(flap: &Flap, node: &Node, session: &mut Session) {
    nodes_are_chosen(&flap.nodes, node, session);
}

fn code_is_known(it: &Failing, node: &Node, session: &mut Session) {
    if ![403, 429, 500, 503, 504].contains(&it.code) {
        let place = node.get("code").map_or(node.place, |n| n.place);
        let found = it.code.to_string();
        let expected = "expected 403, 429, 500, 503 or 504";
        session.report(place, Mistake::bad_value("status code", &found, expected));
    }
}

fn past_is_given(it: &Travel, node: &Node, session: &mut Session) {
    if it.revision.is_some() == it.revisions.is_some() {
        let message = "exactly one of `revisions` and `revision` is needed";
        session.report(node.place, Mistake::other(message));
    }
}

pub(super) fn pods_are_chosen(selector: &Pods, node: &Node, session: &mut Session) {
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

fn containers_are_chosen(target: &Containers, node: &Node, session: &mut Session) {
    let pods = !target.of.pods.0.is_empty()
        || !target.of.label_selectors.is_empty()
        || !target.of.namespaces.is_empty()
        || !target.of.nodes.is_empty();
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
    mode_has_its_value(target.of.mode, target.of.value, node, session);
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
