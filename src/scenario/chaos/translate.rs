//! From experiments to faults.

use serde_json::Value;

use crate::fault::Fault;
use crate::fault::Inject;
use crate::fault::parameter::ComponentTarget;
use crate::fault::parameter::Latency;
use crate::fault::parameter::Loss;
use crate::fault::parameter::Partition;
use crate::fault::parameter::Skew;
use crate::fault::parameter::Stress;
use crate::fault::target::Component;
use crate::fault::target::Containers;
use crate::fault::target::Endpoints;
use crate::fault::target::Mode;
use crate::fault::target::PodNames;
use crate::fault::target::Pods;
use crate::fault::weather::FOREVER;
use crate::scenario::chaos::spec::Chosen;
use crate::scenario::chaos::spec::NetworkChaos;
use crate::scenario::chaos::spec::PodAction;
use crate::scenario::chaos::spec::PodChaos;
use crate::scenario::chaos::spec::StressChaos;
use crate::scenario::chaos::spec::TimeChaos;
use crate::scenario::decode::Decode;
use crate::scenario::decode::Spanned;
use crate::scenario::diagnostic::Mistake;
use crate::scenario::duration;
use crate::scenario::source::Place;
use crate::scenario::source::Session;
use crate::scenario::yaml::Node;
use crate::sim::time::SimDuration;

/// The components whose static pods can be chosen.
const COMPONENTS: &[&str] =
    &["etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler"];

/// The fault of an experiment of a kind.
pub(super) fn one(
    kind: &str,
    body: &Node,
    namespace: Option<&str>,
    session: &mut Session,
) -> Option<Inject> {
    match kind {
        "PodChaos" => pod(&PodChaos::decode(body, session)?, body, namespace, session),
        "NetworkChaos" => network(&NetworkChaos::decode(body, session)?, body, session),
        "TimeChaos" => time(&TimeChaos::decode(body, session)?, session),
        _ => stress(&StressChaos::decode(body, session)?, body, namespace, session),
    }
}

/// Reports a field that has no meaning here.
fn refuse(field: &str, found: Option<&Spanned<Value>>, session: &mut Session) {
    if let Some(found) = found {
        session.report(found.place, Mistake::not_modelled("field of Chaos Mesh", field));
    }
}

/// Reports a text that has no meaning here unless it is nothing.
fn refuse_unless_zero(field: &str, found: Option<&Spanned<String>>, session: &mut Session) {
    let nothing = |text: &str| text.trim_end_matches(|c: char| c.is_alphabetic()) == "0";
    if let Some(found) = found.filter(|found| !nothing(&found.value)) {
        session.report(found.place, Mistake::not_modelled("field of Chaos Mesh", field));
    }
}

/// A number that Chaos Mesh has as text.
fn number(found: Option<&Spanned<String>>, session: &mut Session) -> Option<u32> {
    let found = found?;
    let read = found.value.parse::<u32>().ok();
    if read.is_none() {
        let mistake = Mistake::bad_value("number", &found.value, "expected one such as `\"2\"`");
        session.report(found.place, mistake);
    }
    read
}

/// How many are hit; a number without a mode that needs one is left alone, as Chaos Mesh does.
fn mode_of(
    mode: Mode,
    value: Option<&Spanned<String>>,
    place: Place,
    session: &mut Session,
) -> (Mode, Option<u32>) {
    match mode {
        Mode::One | Mode::All => (mode, None),
        Mode::Fixed | Mode::FixedPercent | Mode::RandomMaxPercent => {
            let number = number(value, session);
            if value.is_none() {
                session.report(place, Mistake::missing_field("this mode", "value"));
            }
            if let (Some(percent), true) = (number, mode != Mode::Fixed)
                && percent > 100
            {
                let found = percent.to_string();
                session.report(place, Mistake::bad_value("percentage", &found, "at most 100"));
            }
            (mode, number)
        }
    }
}

fn selectors_are_known(selector: &Chosen, session: &mut Session) {
    refuse("annotationSelectors", selector.annotations.as_ref(), session);
    refuse("expressionSelectors", selector.expressions.as_ref(), session);
    refuse("fieldSelectors", selector.fields.as_ref(), session);
    refuse("podPhaseSelectors", selector.phases.as_ref(), session);
    refuse("nodeSelectors", selector.node_labels.as_ref(), session);
    refuse("physicalMachines", selector.machines.as_ref(), session);
}

/// The component whose static pods are chosen, as kubeadm labels them.
fn component(selector: &Chosen) -> Option<&str> {
    let label = selector.labels.get("component")?;
    let system = selector.namespaces.iter().all(|n| n == "kube-system");
    (system && !selector.namespaces.is_empty() && COMPONENTS.contains(&label.as_str()))
        .then_some(label.as_str())
}

fn namespaces_of(selector: &Chosen, namespace: Option<&str>) -> Vec<String> {
    if selector.namespaces.is_empty() && selector.pods.is_empty() {
        return namespace.map(str::to_owned).into_iter().collect();
    }
    selector.namespaces.clone()
}

fn pod(
    it: &PodChaos,
    body: &Node,
    namespace: Option<&str>,
    session: &mut Session,
) -> Option<Inject> {
    let before = session.count();
    let selector = &it.selector;
    selectors_are_known(selector, session);
    refuse("remoteCluster", it.remote.as_ref(), session);
    let place = it.value.as_ref().map_or(body.place, |v| v.place);
    let (mode, value) = mode_of(it.mode, it.value.as_ref(), place, session);
    if let Some(component) = component(selector) {
        let component = Component(component.to_owned());
        let fault = match it.action {
            PodAction::PodFailure => Fault::ComponentStop(ComponentTarget { component }),
            PodAction::PodKill | PodAction::ContainerKill => {
                let target = Containers { component: Some(component), ..Containers::default() };
                Fault::ContainerKill(target)
            }
        };
        let lasting = it.action == PodAction::PodFailure;
        let duration = lasting.then(|| it.duration.unwrap_or(FOREVER));
        return (session.count() == before).then_some(Inject { fault, duration });
    }
    let pods = Pods {
        pods: PodNames(selector.pods.clone()),
        label_selectors: selector.labels.clone(),
        namespaces: namespaces_of(selector, namespace),
        nodes: selector.nodes.clone(),
        mode,
        value,
        grace_period: it.grace_period,
    };
    let inject = of_pods(it, pods);
    (session.count() == before).then_some(inject)
}

/// What a PodChaos does to pods.
fn of_pods(it: &PodChaos, pods: Pods) -> Inject {
    match it.action {
        PodAction::PodKill => Inject { fault: Fault::PodKill(pods), duration: None },
        PodAction::PodFailure => {
            let pods = Pods { grace_period: 0, ..pods };
            let duration = Some(it.duration.unwrap_or(FOREVER));
            Inject { fault: Fault::PodFailure(pods), duration }
        }
        PodAction::ContainerKill => {
            let containers = Containers {
                component: None,
                container_names: it.containers.clone(),
                of: Pods { grace_period: 0, ..pods },
            };
            Inject { fault: Fault::ContainerKill(containers), duration: None }
        }
    }
}

/// One end of a link: the static pods of a component.
fn end(selector: &Chosen, place: Place, session: &mut Session) -> Option<Endpoints> {
    selectors_are_known(selector, session);
    if let Some(component) = component(selector) {
        return Some(Endpoints(vec![component.to_owned()]));
    }
    let message = "the traffic of pods is not modelled: choose a component of the control plane, \
                   by `component: kube-apiserver` in the namespace kube-system";
    session.report(place, Mistake::other(message).note("for nodes see `network-partition`"));
    None
}

fn network(it: &NetworkChaos, body: &Node, session: &mut Session) -> Option<Inject> {
    let before = session.count();
    for (field, found) in [
        ("duplicate", &it.duplicate),
        ("corrupt", &it.corrupt),
        ("bandwidth", &it.bandwidth),
        ("externalTargets", &it.external),
        ("device", &it.device),
        ("targetDevice", &it.target_device),
        ("remoteCluster", &it.remote),
    ] {
        refuse(field, found.as_ref(), session);
    }
    let from = end(&it.selector.value, it.selector.place, session);
    let to = match &it.target {
        Some(target) => end(&target.value.selector, target.place, session),
        None => {
            let message = "the other end is not given: every end but `target` is not modelled";
            session.report(body.place, Mistake::other(message));
            None
        }
    };
    let (from, to) = (from?, to?);
    let fault = of_links(it, (from, to), body, session)?;
    let duration = Some(it.duration.unwrap_or(FOREVER));
    (session.count() == before).then_some(Inject { fault, duration })
}

/// What a NetworkChaos does between two ends.
fn of_links(
    it: &NetworkChaos,
    (from, to): (Endpoints, Endpoints),
    body: &Node,
    session: &mut Session,
) -> Option<Fault> {
    let (place, direction) = (it.action.place, it.direction);
    match it.action.value.as_str() {
        "partition" => Some(Fault::NetworkPartition(Partition { from, to, direction })),
        "delay" | "netem" if it.delay.is_some() && it.loss.is_none() => {
            let delay = it.delay.as_ref()?;
            refuse_unless_zero("jitter", delay.jitter.as_ref(), session);
            refuse_unless_zero("correlation", delay.correlation.as_ref(), session);
            refuse("reorder", delay.reorder.as_ref(), session);
            Some(Fault::NetworkDelay(Latency { from, to, latency: delay.latency, direction }))
        }
        "loss" | "netem" if it.loss.is_some() && it.delay.is_none() => {
            let loss = it.loss.as_ref()?;
            refuse_unless_zero("correlation", loss.correlation.as_ref(), session);
            let loss = number(Some(&loss.loss), session)?;
            Some(Fault::NetworkLoss(Loss { from, to, loss, direction }))
        }
        action @ ("delay" | "loss") => {
            session.report(body.place, Mistake::missing_field("this action", action));
            None
        }
        action @ ("netem" | "duplicate" | "corrupt" | "bandwidth") => {
            session.report(place, Mistake::not_modelled("action of a NetworkChaos", action));
            None
        }
        other => {
            let known = ["partition", "delay", "loss"];
            session.report(place, Mistake::not_one_of("action of a NetworkChaos", other, &known));
            None
        }
    }
}

fn time(it: &TimeChaos, session: &mut Session) -> Option<Inject> {
    let before = session.count();
    selectors_are_known(&it.selector.value, session);
    refuse("remoteCluster", it.remote.as_ref(), session);
    let offset = duration::parse_signed(&it.offset.value);
    if offset.is_none() {
        session.report(it.offset.place, Mistake::bad_duration(&it.offset.value));
    }
    if let Some(clocks) = it.clocks.as_ref().filter(|c| c.value != ["CLOCK_REALTIME"]) {
        let mistake = Mistake::not_modelled("clock", &clocks.value.join(", "));
        session.report(clocks.place, mistake);
    }
    let Some(component) = component(&it.selector.value) else {
        let message = "the clocks of containers are not modelled: choose a component of the \
                       control plane, by `component: kube-scheduler` in the namespace kube-system";
        let mistake = Mistake::other(message).note("for the clock of a node see `clock-skew`");
        session.report(it.selector.place, mistake);
        return None;
    };
    let component = Component(component.to_owned());
    let fault = Fault::ClockSkew(Skew { component, offset: offset? });
    let duration = Some(it.duration.unwrap_or(FOREVER));
    (session.count() == before).then_some(Inject { fault, duration })
}

fn stress(
    it: &StressChaos,
    body: &Node,
    namespace: Option<&str>,
    session: &mut Session,
) -> Option<Inject> {
    let before = session.count();
    selectors_are_known(&it.selector, session);
    refuse("stressngStressors", it.arguments.as_ref(), session);
    refuse("containerNames", it.containers.as_ref(), session);
    refuse("remoteCluster", it.remote.as_ref(), session);
    let place = it.value.as_ref().map_or(body.place, |v| v.place);
    let (mode, value) = mode_of(it.mode, it.value.as_ref(), place, session);
    let stressors = it.stressors.as_ref();
    let cpu = stressors.and_then(|s| s.cpu.as_ref());
    let memory = stressors.and_then(|s| s.memory.as_ref());
    if cpu.is_none() && memory.is_none() && it.arguments.is_none() {
        session.report(body.place, Mistake::missing_field("a StressChaos", "stressors"));
    }
    let millicores = cpu.map_or(0, |cpu| {
        refuse("options", cpu.options.as_ref(), session);
        u64::from(cpu.workers) * u64::from(cpu.load) * 10
    });
    let bytes = memory.map_or(0, |memory| {
        refuse("time", memory.time.as_ref(), session);
        refuse("oomScoreAdj", memory.score.as_ref(), session);
        refuse("options", memory.options.as_ref(), session);
        size(&memory.size, session)
    });
    let fault = Fault::Stress(Stress {
        of: Pods {
            pods: PodNames(it.selector.pods.clone()),
            label_selectors: it.selector.labels.clone(),
            namespaces: namespaces_of(&it.selector, namespace),
            nodes: it.selector.nodes.clone(),
            mode,
            value,
            grace_period: 0,
        },
        millicores,
        bytes,
    });
    let duration: Option<SimDuration> = Some(it.duration.unwrap_or(FOREVER));
    (session.count() == before).then_some(Inject { fault, duration })
}

/// A size as Chaos Mesh has it: `256MB`, by powers of 1024; 0 with a report when it is none.
fn size(found: &Spanned<String>, session: &mut Session) -> u64 {
    let text = found.value.trim();
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let power = match text[digits..].trim_end_matches("iB").trim_end_matches('B') {
        "" => 0,
        "K" | "k" => 10,
        "M" | "m" => 20,
        "G" | "g" => 30,
        _ => 64,
    };
    let bytes = text[..digits].parse::<u64>().ok().filter(|_| power < 64);
    bytes.and_then(|n| n.checked_mul(1 << power.min(63))).unwrap_or_else(|| {
        let mistake = if text.ends_with('%') {
            Mistake::not_modelled("size", text)
        } else {
            Mistake::bad_value("size", text, "expected one such as `256MB`")
        };
        session.report(found.place, mistake);
        0
    })
}
