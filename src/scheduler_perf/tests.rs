//! What files of test cases are read as, and what comes of their workloads.

use std::path::Path;

use super::{Alone, Case, Head, Run, Told, read};
use crate::scenario::manifest::{File, Loader};
use crate::scheduler::cycle::Evaluation;

const SHIPPED: &str = "benches/scheduler_perf";

fn from_disk(wanted: &str) -> Result<Vec<File>, String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(SHIPPED).join(wanted);
    let bytes = std::fs::read(&path).map_err(|why| why.to_string())?;
    Ok(vec![File { name: wanted.to_owned(), bytes }])
}

fn shipped() -> Vec<Case> {
    let name = "performance-config.yaml";
    let bytes = from_disk(name).expect("it is shipped").remove(0).bytes;
    let small = |head: &Head<'_>| head.labels.contains(&"small");
    read(name, bytes, &mut from_disk, &small).expect("nothing is wrong with it")
}

fn case_of<'c>(cases: &'c [Case], test_case: &str) -> &'c Case {
    let mut found = cases.iter().filter(|c| c.test_case == test_case && c.workload == "small");
    found.next().expect("there is a small one")
}

/// What a small workload that is shipped measures: pods, and its end in virtual milliseconds.
fn measured(cases: &[Case], test_case: &str) -> Result<Vec<(usize, u64)>, String> {
    let plan = case_of(cases, test_case).plan.as_ref().expect("it is modelled").clone();
    let run = |evaluation| {
        let mut run = Run::new(&plan, 1, evaluation);
        let measured = run.measure()?;
        Ok::<_, String>((measured, run.cluster().engine.digest()))
    };
    let (measured, digest) = run(Evaluation::AlwaysIndexed)?;
    assert_eq!(run(Evaluation::Naive)?.1, digest, "{test_case}: the index changes nothing");
    let figures = |m: &super::Measure| (m.pods, m.last.since(m.begun).0 / 1_000_000);
    Ok(measured.iter().map(figures).collect())
}

#[test]
fn each_shipped_workload_comes_to_its_end_and_the_index_changes_nothing() {
    let wanted = [
        ("Basic", 10),
        ("Spreading", 20),
        ("PreferredSpreading", 20),
        ("Affinity", 20),
        ("AntiAffinity", 10),
        ("Preemption", 5),
        ("MixedChurn", 100),
        ("RoomThatComesBack", 10),
        ("TolerationsThatCome", 12),
        ("Volumes", 12),
    ];
    let cases = shipped();
    let pods = |test_case| {
        let measured = measured(&cases, test_case)?;
        Ok::<_, String>(measured.iter().map(|(pods, _)| *pods).collect::<Vec<_>>())
    };
    let is = wanted.map(|(test_case, _)| (test_case, pods(test_case)));
    assert_eq!(is, wanted.map(|(test_case, pods)| (test_case, Ok(vec![pods]))));
}

#[test]
fn a_steady_state_goes_on_for_its_duration() {
    let [(pods, millis)] = measured(&shipped(), "SteadyState").expect("it ends")[..] else {
        panic!("one figure")
    };
    assert!(pods > 100, "each pod that gets a node makes room for another: {pods}");
    assert!((1900..=2000).contains(&millis), "the last got its node near the end: {millis}");
}

#[test]
fn pods_that_wait_for_room_get_it_as_fast_as_it_comes() {
    let [(_, millis)] = measured(&shipped(), "RoomThatComesBack").expect("it ends")[..] else {
        panic!("one figure")
    };
    assert!(millis >= 10 * 20, "ten pods go, fifty a second: {millis}");
}

#[test]
fn a_shipped_file_has_sizes_of_upstream_and_their_thresholds() {
    let cases = shipped();
    let with = cases.iter().filter(|c| c.labels.iter().any(|label| label == "performance"));
    let thresholds: Vec<Option<f64>> =
        with.map(|c| c.threshold.as_ref().and_then(|t| t.of(None))).collect();
    let asked = [680.0, 85.0, 125.0, 35.0, 60.0, 18.0, 710.0].map(Some);
    assert_eq!(thresholds[..7], asked);
}

/// The problems of a file; the templates beside it are those that are shipped.
fn problems(text: &str) -> Vec<String> {
    let mut loader = |wanted: &str| match wanted {
        "bad.yaml" => {
            let bytes = b"apiVersion: v1\nkind: Pod\nmetadata: {generateName: p-}\nspec:\n  containeers: []\n";
            Ok(vec![File { name: wanted.to_owned(), bytes: bytes.to_vec() }])
        }
        other => from_disk(other),
    };
    let loader: &mut Loader<'_> = &mut loader;
    let problems = read("c.yaml", text.into(), loader, &|_| true).err().unwrap_or_default();
    problems.iter().map(ToString::to_string).collect()
}

fn with_operation(operation: &str) -> String {
    format!(
        "- name: a\n  workloadTemplate:\n  - {operation}\n  workloads:\n  - name: w\n    params: {{n: 1}}\n"
    )
}

#[test]
fn every_mistake_is_told_with_its_place() {
    for (operation, problem) in [
        (
            "{opcode: createNode, countParam: $n}",
            "c.yaml:3:14: error: unknown opcode `createNode`, did you mean `createNodes`?",
        ),
        (
            "{opcode: createNodes, countParm: $n}",
            "c.yaml:3:27: error: unknown field `countParm` in createNodes, did you mean `countParam`?",
        ),
        (
            "{opcode: createNodes, countParam: $m}",
            "c.yaml:3:39: error: unknown parameter `m`, did you mean `n`?",
        ),
        (
            "{opcode: createNodes, countParam: nodes}",
            "c.yaml:3:39: error: `nodes` is no name of a parameter; expected one such as `$initNodes`",
        ),
        (
            "{opcode: createNodes, countParam: $n, nodeTemplatePath: templates/pod.yaml}",
            "c.yaml:3:61: error: expected a Node in `templates/pod.yaml`, found a Pod",
        ),
        (
            "{opcode: createPods, countParam: $n, podTemplatePath: bad.yaml}",
            "bad.yaml:5:3: error: unknown field `spec.containeers`, did you mean `containers`?",
        ),
        (
            "{opcode: createPods, countParam: $n, podTemplatePath: templates/pod-spread.yaml}",
            "templates/pod-spread.yaml:10:26: error: unknown template value `unsatisfiable`",
        ),
        (
            "{opcode: createPods, countParam: $n, collectMetrics: true, skipWaitToCompletion: true}",
            "c.yaml:3:5: error: `collectMetrics` and `skipWaitToCompletion` cannot go together",
        ),
        (
            "{opcode: churn, mode: recreat, number: 1, templatePaths: [templates/node.yaml]}",
            "c.yaml:3:27: error: `recreat` is no mode of churn, did you mean `recreate`?",
        ),
        ("{opcode: stopCollectingMetrics}", "c.yaml:3:5: error: nothing is measured yet"),
        (
            "{opcode: updateAny, templatePath: templates/pod.yaml, namespace: a, subresources: [resize]}",
            "c.yaml:3:87: error: the subresource `resize` is not modelled yet",
        ),
    ] {
        let found = problems(&with_operation(operation));
        assert!(found.iter().any(|p| p == problem), "{operation}: {found:#?}");
    }
    let unused = problems(&with_operation("{opcode: sleep, duration: 1s}"));
    assert_eq!(unused, ["c.yaml:6:14: error: nothing reads the parameter `n`"]);
}

#[test]
fn what_is_known_and_not_modelled_keeps_its_neighbours_running() {
    let text = "- name: devices\n  workloadTemplate:\n  - {opcode: createResourceDriver, driverName: x}\n  \
                workloads: [{name: w}]\n\
                - name: plain\n  workloadTemplate: [{opcode: createNodes, count: 1}]\n  \
                workloads: [{name: w}]\n";
    let cases =
        read("c.yaml", text.into(), &mut from_disk, &|_| true).expect("nothing is wrong with it");
    let plans: Vec<Option<&[String]>> =
        cases.iter().map(|case| case.plan.as_ref().err().map(Vec::as_slice)).collect();
    let why = "the operation `createResourceDriver` (c.yaml:3) is not modelled".to_owned();
    assert_eq!(plans, [Some(&[why][..]), None]);
}

#[test]
fn pods_that_get_no_node_end_the_workload_with_the_reason() {
    let text = with_operation("{opcode: createPods, countParam: $n, namespace: x}");
    let cases =
        read("c.yaml", text.into(), &mut from_disk, &|_| true).expect("nothing is wrong with it");
    let plan = cases[0].plan.as_ref().expect("it is modelled");
    let why = Run::new(plan, 1, Evaluation::Indexed).measure().expect_err("there is no node");
    let expected =
        "operation 0 (createPods): after 10m0s 0 of 1 pods in namespace x have a node; pod pod-";
    assert!(why.starts_with(expected), "{why}");
}

#[test]
fn a_scheduler_alone_places_as_many_pods() {
    let cases = shipped();
    for (test_case, pods) in
        [("Basic", 10), ("AntiAffinity", 10), ("Preemption", 5), ("MixedChurn", 100)]
    {
        let plan = case_of(&cases, test_case).plan.as_ref().expect("it is modelled");
        let mut alone = Alone::new(plan, Evaluation::AlwaysIndexed).expect("it has a meaning");
        assert_eq!(alone.go_on(), Told::Begun, "{test_case}");
        let Told::Measured(measure) = alone.go_on() else { panic!("{test_case}: no figure") };
        assert_eq!((measure.pods, alone.go_on()), (pods, Told::Done), "{test_case}");
    }
    let steady = case_of(&cases, "SteadyState").plan.as_ref().expect("it is modelled");
    let why = Alone::new(steady, Evaluation::Indexed).err();
    assert_eq!(why.as_deref(), Some("`createPods` is of the whole control plane"));
}
