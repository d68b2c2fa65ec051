use std::collections::BTreeMap;

use serde_json::Value;

use super::*;
use crate::fault::{Entry, Plan};
use crate::scenario::load::plan_of;
use crate::scenario::manifest::of_text;
use crate::sim::time::SimDuration;

/// A value with the keys of its mappings in order.
fn canonical(value: &Value) -> String {
    let Value::Object(map) = value else { return value.to_string() };
    let sorted: BTreeMap<&String, &Value> = map.iter().collect();
    let fields = sorted.iter().map(|(key, value)| format!("\"{key}\":{}", canonical(value)));
    format!("{{{}}}", fields.collect::<Vec<_>>().join(","))
}

/// What an experiment is read as, as a fault of a scenario, or what is wrong with it.
fn read_text(text: &str) -> Result<String, Vec<String>> {
    let mut session = Session::default();
    let objects = of_text("chaos.yaml", text, &mut session);
    let read: Vec<Option<Experiment>> = objects.iter().map(|m| read(m, &mut session)).collect();
    let problems: Vec<String> = session.take_problems().iter().map(ToString::to_string).collect();
    if !problems.is_empty() {
        return Err(problems);
    }
    let told = read.into_iter().flatten().map(|experiment| {
        let inject = experiment.inject().clone();
        let entry = Entry::at(SimDuration::ZERO, inject.fault, inject.duration);
        // What it is read as is itself a fault that can be written.
        let plan = Plan::one(entry);
        assert_eq!(plan_of(&plan.to_value()).as_ref(), Ok(&plan));
        let inject = canonical(&plan.to_value()[0]["inject"]);
        match experiment {
            Experiment::Once(_) => inject,
            Experiment::Again(again) if again.forbids => format!("again {inject}"),
            Experiment::Again(_) => format!("again, beside others, {inject}"),
        }
    });
    Ok(told.collect::<Vec<_>>().join("\n"))
}

fn experiment(kind: &str, spec: &str) -> String {
    let head = "apiVersion: chaos-mesh.org/v1alpha1\n";
    format!("{head}kind: {kind}\nmetadata: {{name: it, namespace: shop}}\nspec:\n{spec}")
}

/// Kind, spec, and the fault that it is read as.
const READ: &[(&str, &str, &str)] = &[
    (
        "PodChaos",
        "  {action: pod-kill, mode: one, selector: {labelSelectors: {app: web}}, gracePeriod: 5}",
        r#"{"pod-kill":{"gracePeriod":5,"labelSelectors":{"app":"web"},"mode":"one","namespaces":["shop"]}}"#,
    ),
    (
        "PodChaos",
        "  action: pod-failure\n  mode: fixed-percent\n  value: '50'\n  duration: 1m30s\n  \
             selector: {namespaces: [other], nodes: [node-1]}",
        r#"{"duration":"1m30s","pod-failure":{"mode":"fixed-percent","namespaces":["other"],"nodes":["node-1"],"value":50}}"#,
    ),
    (
        "PodChaos",
        "  {action: container-kill, mode: all, containerNames: [app], selector: {pods: {shop: [web-1]}}}",
        r#"{"container-kill":{"containerNames":["app"],"pods":{"shop":["web-1"]}}}"#,
    ),
    (
        "PodChaos",
        "  {action: pod-kill, mode: one, selector: {namespaces: [kube-system], labelSelectors: {component: kube-scheduler}}}",
        r#"{"container-kill":{"component":"kube-scheduler"}}"#,
    ),
    (
        "NetworkChaos",
        "  action: partition\n  mode: all\n  direction: both\n  duration: 30s\n  selector: {namespaces: \
             [kube-system], labelSelectors: {component: kube-controller-manager}}\n  target:\n    \
             mode: all\n    selector: {namespaces: [kube-system], labelSelectors: {component: kube-apiserver}}",
        r#"{"duration":"30s","network-partition":{"from":["kube-controller-manager"],"to":["kube-apiserver"]}}"#,
    ),
    (
        "NetworkChaos",
        "  action: delay\n  mode: all\n  delay: {latency: 90ms, jitter: 0ms, correlation: '0'}\n  selector: \
             {namespaces: [kube-system], labelSelectors: {component: etcd}}\n  target: {mode: all, \
             selector: {namespaces: [kube-system], labelSelectors: {component: kube-apiserver}}}",
        r#"{"duration":"2400h0m0s","network-delay":{"direction":"to","from":["etcd"],"latency":"90ms","to":["kube-apiserver"]}}"#,
    ),
    (
        "TimeChaos",
        "  {mode: one, timeOffset: '-10m', clockIds: [CLOCK_REALTIME], duration: 5m, selector: \
             {namespaces: [kube-system], labelSelectors: {component: kube-controller-manager}}}",
        r#"{"clock-skew":{"component":"kube-controller-manager","time-offset":"-10m0s"},"duration":"5m0s"}"#,
    ),
    (
        "StressChaos",
        "  {mode: all, duration: 1m, selector: {labelSelectors: {app: web}}, stressors: \
             {cpu: {workers: 2, load: 50}, memory: {workers: 4, size: 256MB}}}",
        r#"{"duration":"1m0s","stress":{"cpu":"1000m","labelSelectors":{"app":"web"},"memory":"268435456","namespaces":["shop"]}}"#,
    ),
    (
        "Schedule",
        "  schedule: '@every 30s'\n  type: PodChaos\n  historyLimit: 5\n  podChaos: {action: \
             pod-kill, mode: one, selector: {labelSelectors: {app: web}}}",
        r#"again {"pod-kill":{"labelSelectors":{"app":"web"},"mode":"one","namespaces":["shop"]}}"#,
    ),
    (
        "Schedule",
        "  schedule: '*/5 * * * *'\n  type: StressChaos\n  concurrencyPolicy: Allow\n  stressChaos: \
             {mode: one, selector: {labelSelectors: {app: web}}, duration: 10s, stressors: {cpu: {workers: 1}}}",
        r#"again, beside others, {"duration":"10s","stress":{"cpu":"1000m","labelSelectors":{"app":"web"},"mode":"one","namespaces":["shop"]}}"#,
    ),
];

#[test]
fn experiments_are_read_as_faults() {
    for (kind, spec, expected) in READ {
        let text = experiment(kind, spec);
        assert_eq!(read_text(&text).as_deref(), Ok(*expected), "{text}");
    }
}

/// Kind, spec, and what is said of it; SYSTEM stands for the apiserver.
const REFUSED: &[(&str, &str, &str)] = &[
    ("IOChaos", "  {}", "chaos.yaml:2:7: error: the experiment `IOChaos` is not modelled yet"),
    (
        "PodChoas",
        "  {}",
        "chaos.yaml:2:7: error: unknown kind of Chaos Mesh `PodChoas`, did you mean `PodChaos`?",
    ),
    (
        "PodChaos",
        "  action: pod-kil\n  mode: one\n  selector: {}",
        "chaos.yaml:5:11: error: `pod-kil` is no action of a PodChaos, did you mean `pod-kill`?",
    ),
    (
        "PodChaos",
        "  action: pod-kill\n  mode: fixed\n  value: two\n  selector: {}",
        "chaos.yaml:7:10: error: `two` is no number",
    ),
    (
        "PodChaos",
        "  action: pod-kill\n  mode: one\n  selector:\n    podPhaseSelectors: [Running]",
        "chaos.yaml:8:24: error: the field of Chaos Mesh `podPhaseSelectors` is not modelled yet",
    ),
    (
        "NetworkChaos",
        "  action: partition\n  mode: all\n  selector: {labelSelectors: {app: web}}\n  target: {mode: \
             all, selector: {labelSelectors: {app: db}}}",
        "chaos.yaml:7:13: error: the traffic of pods is not modelled",
    ),
    (
        "NetworkChaos",
        "  action: delay\n  mode: all\n  delay: {latency: 1s, jitter: 5ms}\n  selector: SYSTEM\n  target: {mode: all, selector: SYSTEM}",
        "chaos.yaml:7:32: error: the field of Chaos Mesh `jitter` is not modelled yet",
    ),
    (
        "NetworkChaos",
        "  action: duplicate\n  mode: all\n  selector: SYSTEM\n  target: {mode: all, selector: SYSTEM}",
        "chaos.yaml:5:11: error: the action of a NetworkChaos `duplicate` is not modelled yet",
    ),
    (
        "TimeChaos",
        "  mode: one\n  timeOffset: 10m\n  selector: {labelSelectors: {app: web}}",
        "chaos.yaml:7:13: error: the clocks of containers are not modelled",
    ),
    (
        "StressChaos",
        "  mode: one\n  selector: {}\n  stressors: {memory: {size: 25%}}",
        "chaos.yaml:7:30: error: the size `25%` is not modelled yet",
    ),
    (
        "Schedule",
        "  schedule: every minute\n  type: PodChaos\n  podChaos: {action: pod-kill, mode: one, selector: {}}",
        "chaos.yaml:5:13: error: `every minute` is no schedule",
    ),
    (
        "Schedule",
        "  schedule: '@every 1m'\n  type: Workflow",
        "chaos.yaml:6:9: error: `Workflow` is no type of a Schedule",
    ),
];

#[test]
fn what_has_no_meaning_here_is_told_at_its_place() {
    let system = "{namespaces: [kube-system], labelSelectors: {component: kube-apiserver}}";
    for (kind, spec, expected) in REFUSED {
        let text = experiment(kind, &spec.replace("SYSTEM", system));
        let problems = read_text(&text).expect_err(&text);
        assert!(
            problems.iter().any(|p| p.starts_with(*expected)),
            "{text}\n{problems:#?}\n{expected}"
        );
    }
}

#[test]
fn experiments_stand_by_themselves() {
    let mut session = Session::default();
    let text = experiment("PodChaos", "  {action: pod-kill, mode: one, selector: {}}");
    let text = format!("{text}\n---\napiVersion: v1\nkind: ConfigMap\nmetadata: {{name: a}}\n");
    let objects = of_text("chaos.yaml", &text, &mut session);
    check(&objects, &mut session);
    let problems: Vec<String> = session.take_problems().iter().map(ToString::to_string).collect();
    assert_eq!(problems.len(), 1);
    assert!(
        problems[0].starts_with("chaos.yaml:1:1: error: experiments of Chaos Mesh"),
        "{problems:?}"
    );
}
