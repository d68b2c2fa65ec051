//! The built command: its exit statuses, its words, and what it writes.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

/// A scenario that holds.
const HOLDS: &str = "\
name: a pod runs
about: One pod. It runs.
cluster:
  nodes:
    - {name: node, count: 2, cpu: \"4\", memory: 8Gi}
steps:
  - kubectl: create deployment web --image=app:v1 --replicas=2
  - kubectl: rollout status deploy/web --timeout=60s
expect:
  - eventually: {rollout-complete: {deployment: web}}
    within: 5m
";

/// What the command did.
#[derive(Debug)]
struct Done {
    status: i32,
    out: String,
    err: String,
}

fn wavetank(folder: &Path, words: &[&str]) -> Done {
    let mut command = Command::new(env!("CARGO_BIN_EXE_wavetank"));
    command.args(words).current_dir(folder).stdin(Stdio::null()).env_remove("UPDATE");
    let Output { status, stdout, stderr } = command.output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    Done { status: status.code().unwrap_or(-1), out: text(stdout), err: text(stderr) }
}

/// A folder with a scenario in `x.yaml`.
fn folder(scenario: &str) -> TempDir {
    let folder = TempDir::new().unwrap();
    std::fs::write(folder.path().join("x.yaml"), scenario).unwrap();
    folder
}

/// Runs a scenario that is wrong: it ends with 2 and says so, in these words, without a panic.
#[track_caller]
fn refused(scenario: &str, words: &[&str]) {
    let folder = folder(scenario);
    for verb in ["check", "run"] {
        let done = wavetank(folder.path(), &[verb, "x.yaml"]);
        assert_eq!(done.status, 2, "{verb}: {done:?}");
        for word in words {
            assert!(done.err.contains(word), "{verb}: no {word:?} in:\n{}", done.err);
        }
        let panics = done.err.contains("panicked") || done.err.contains("bug:");
        assert!(!panics && done.err.len() < 100_000, "{verb}: {}", done.err);
    }
}

fn with(line: &str) -> String {
    format!("{HOLDS}{line}\n")
}

#[test]
fn a_run_that_holds_ends_with_0() {
    let folder = folder(HOLDS);
    let done = wavetank(folder.path(), &["run", "x.yaml"]);
    assert_eq!((done.status, &*done.err), (0, ""), "{done:?}");
    for word in ["$ kubectl create deployment web", "successfully rolled out", "held:", "digest "] {
        assert!(done.out.contains(word), "no {word:?} in:\n{}", done.out);
    }
    assert!(!done.out.contains('\u{1b}'), "colours in a pipe: {}", done.out);
}

#[test]
fn a_run_that_fails_ends_with_1() {
    let folder = folder(&with("  - never: {pods: {selector: app=web, more-than: 0}}"));
    let done = wavetank(folder.path(), &["run", "x.yaml"]);
    assert_eq!(done.status, 1, "{done:?}");
    assert!(done.out.contains("FAILED never pods app=web > 0"), "{}", done.out);
}

#[test]
fn a_step_that_fails_ends_with_1() {
    let scenario = HOLDS.replace("status deploy/web", "status deploy/nosuch");
    let done = wavetank(folder(&scenario).path(), &["run", "x.yaml"]);
    assert_eq!(done.status, 1, "{done:?}");
}

#[test]
fn an_unknown_field_is_refused() {
    refused(&HOLDS.replace("steps:", "stepz:"), &["x.yaml:6:1: error:", "did you mean `steps`?"]);
}

#[test]
fn a_wrong_type_is_refused() {
    refused(&HOLDS.replace("count: 2", "count: many"), &["x.yaml:5:27: error:", "many"]);
}

#[test]
fn a_bad_duration_is_refused() {
    refused(&HOLDS.replace("within: 5m", "within: 5 moons"), &["x.yaml:11:13: error:", "5 moons"]);
}

#[test]
fn a_missing_file_is_refused() {
    let done = wavetank(folder(HOLDS).path(), &["run", "y.yaml"]);
    assert_eq!(done.status, 2, "{done:?}");
    assert!(done.err.contains("y.yaml"), "{}", done.err);
}

#[test]
fn a_manifest_that_is_missing_is_refused_at_its_place() {
    let scenario =
        HOLDS.replace("create deployment web --image=app:v1 --replicas=2", "apply -f n.yaml");
    refused(&scenario, &["x.yaml:7:23: error:", "n.yaml"]);
}

#[test]
fn an_unknown_fault_is_refused() {
    let scenario = with("faults:\n  - at: 5s\n    inject: {node-stpo: {nodes: [node-1]}}");
    refused(&scenario, &["x.yaml:14:14: error:", "did you mean `node-stop`?"]);
}

#[test]
fn an_unsupported_command_is_refused() {
    let scenario = HOLDS.replace("rollout status deploy/web --timeout=60s", "exec web -- ls");
    refused(&scenario, &["x.yaml:8:14: error:", "`kubectl exec` is not supported"]);
}

#[test]
fn an_unknown_command_is_refused_with_the_nearest() {
    let scenario = HOLDS.replace("rollout status", "rolout status");
    refused(&scenario, &["x.yaml:8:14: error:", "did you mean `rollout`?"]);
}

#[test]
fn a_fault_at_a_node_that_is_not_there_is_refused() {
    let scenario = with("faults:\n  - at: 5s\n    inject: {node-stop: {nodes: [node-3]}}");
    refused(&scenario, &["x.yaml:14:", "no node `node-3`", "did you mean `node-"]);
}

#[test]
fn a_fault_that_hits_nothing_is_an_error_of_the_run() {
    let fault = "faults:\n  - at: 5s\n    inject: {pod-kill: {labelSelectors: {app: wbe}}}";
    let done = wavetank(folder(&with(fault)).path(), &["run", "x.yaml"]);
    assert_eq!(done.status, 2, "{done:?}");
    assert!(done.err.contains("did you mean `app=web`?"), "{}", done.err);
    let placed =
        done.err.contains("x.yaml:14:") && done.err.contains("error: the fault hit no pod");
    assert!(placed, "{}", done.err);
}

#[test]
fn two_mistakes_are_both_told() {
    let scenario = HOLDS.replace("count: 2", "cuont: 2").replace("within:", "witihn:");
    refused(&scenario, &["x.yaml:5:", "`count`", "x.yaml:11:", "`within`", "2 problems found"]);
}

#[test]
fn an_empty_file_is_refused() {
    refused("", &["x.yaml", "error:"]);
}

#[test]
fn a_folder_is_refused() {
    let done = wavetank(folder(HOLDS).path(), &["run", "."]);
    assert_eq!(done.status, 2, "{done:?}");
}

#[test]
fn much_garbage_is_refused() {
    let mut state = 1_u32;
    let mut garbage = vec![0; 10 << 20];
    for byte in &mut garbage {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        *byte = state.to_le_bytes()[3];
    }
    let folder = TempDir::new().unwrap();
    std::fs::write(folder.path().join("x.yaml"), garbage).unwrap();
    let done = wavetank(folder.path(), &["check", "x.yaml"]);
    assert_eq!(done.status, 2, "{}", done.err);
    assert!(done.err.contains("x.yaml") && done.err.len() < 10_000, "{}", done.err);
}

#[test]
fn an_alias_bomb_is_refused() {
    let mut bomb = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for n in 1..12 {
        let list = vec![format!("*a{}", n - 1); 10].join(", ");
        bomb.push_str(&format!("a{n}: &a{n} [{list}]\n"));
    }
    refused(&bomb, &["x.yaml:", "error:"]);
}

#[test]
fn unknown_words_on_the_command_line_end_with_2() {
    let folder = folder(HOLDS);
    let wrong: [&[&str]; 5] = [
        &[],
        &["rnu", "x.yaml"],
        &["run"],
        &["run", "x.yaml", "--until", "tomorrow"],
        &["run", "x.yaml", "--set", "cluster.nodes[0].cuont=3"],
    ];
    for words in wrong {
        let done = wavetank(folder.path(), words);
        assert_eq!((done.status, &*done.out), (2, ""), "{words:?}: {done:?}");
        assert!(!done.err.is_empty(), "{words:?}");
    }
}

fn json(folder: &Path, words: &[&str]) -> Value {
    let words = [&["run", "x.yaml", "--format", "json"], words].concat();
    let done = wavetank(folder, &words);
    serde_json::from_str(&done.out).unwrap_or_else(|why| panic!("{why}: {done:?}"))
}

#[test]
fn a_run_as_json_has_the_documented_shape() {
    let folder = folder(HOLDS);
    let mut run = json(folder.path(), &["--seed", "7"]);
    let keys: Vec<String> = run.as_object().unwrap().keys().cloned().collect();
    let wanted = "scenario seed verdict failures breaches digest turns writes virtual_ms wall_ms \
                  expectations steps";
    assert_eq!(keys.join(" "), wanted);
    assert_eq!((&run["scenario"], &run["seed"]), (&"a pod runs".into(), &7.into()));
    assert_eq!(run["verdict"], "held");
    assert_eq!(run["digest"].as_str().unwrap().len(), 32);
    let step = run["steps"][0].take();
    assert_eq!(step["text"], "kubectl create deployment web --image=app:v1 --replicas=2");
    assert_eq!(
        (&step["output"], &step["code"]),
        (&"deployment.apps/web created\n".into(), &0.into())
    );
    assert!(step["begin_ms"].as_u64() <= step["end_ms"].as_u64());
    assert_eq!(run["expectations"][0]["outcome"], "held");
}

#[test]
fn a_run_follows_from_its_seed() {
    let folder = folder(HOLDS);
    let digest = |seed: &str| json(folder.path(), &["--seed", seed])["digest"].clone();
    assert_eq!(digest("1"), digest("1"));
    assert_ne!(digest("1"), digest("2"));
}

#[test]
fn the_past_is_the_same_from_a_scenario_and_from_its_trace() {
    let folder = folder(HOLDS);
    let path = folder.path();
    assert_eq!(wavetank(path, &["run", "-q", "x.yaml", "--trace", "x.trace"]).status, 0);
    for words in [
        &["get", "pods", "--at", "3s", "-o", "wide"][..],
        &["get", "deploy/web", "-o", "yaml", "--at", "20s"],
        &["get", "deploy,rs", "-A", "-l", "app=web", "--show-labels", "--at", "20s"],
        &["describe", "deploy/web", "--at", "20s"],
        &["why", "deploy/web"],
        &["why", "deploy/web.status.readyReplicas"],
    ] {
        let of = |source: &str| wavetank(path, &[words, &[source]].concat());
        let (run, trace) = (of("x.yaml"), of("x.trace"));
        assert_eq!((run.status, trace.status), (0, 0), "{words:?}: {run:?} {trace:?}");
        assert!(run.out.contains("web"), "{words:?}: {}", run.out);
        assert_eq!(run.out, trace.out, "{words:?}");
    }
}

#[test]
fn what_is_not_there_is_said() {
    let folder = folder(HOLDS);
    for (words, text) in [
        (&["get", "pod/nosuch"][..], "pods \"nosuch\" not found"),
        (&["get", "depolyments"], "did you mean `deployments`?"),
        (&["describe", "pod/nosuch"], "not found"),
        (&["why", "web"], "deploy/web"),
        (&["why", "deploy/nosuch"], "nosuch"),
    ] {
        let done = wavetank(folder.path(), &[words, &["x.yaml"]].concat());
        assert_eq!((done.status, &*done.out), (2, ""), "{words:?}: {done:?}");
        assert!(done.err.contains(text), "{words:?}: no {text:?} in {}", done.err);
    }
}

#[test]
fn a_suite_tells_each_scenario_in_order() {
    let folder = TempDir::new().unwrap();
    let path = folder.path();
    std::fs::create_dir_all(path.join("all/basics")).unwrap();
    let write = |name: &str, text: &str| std::fs::write(path.join(name), text).unwrap();
    write("all/basics/b.yaml", HOLDS);
    write("all/basics/a.yaml", HOLDS);
    write("all/web-manifest.yaml", "kind: Pod\n");
    let done = wavetank(path, &["test", "all", "-j", "2", "--junit", "j.xml"]);
    assert_eq!(done.status, 0, "{done:?}");
    let lines: Vec<&str> = done.out.lines().filter(|line| line.starts_with("test ")).collect();
    assert_eq!(lines[..2], ["test basics/a ... ok", "test basics/b ... ok"]);
    assert!(lines[2].starts_with("test result: ok. 2 passed; 0 failed"), "{lines:?}");
    assert!(std::fs::read_to_string(path.join("j.xml")).unwrap().contains("tests=\"2\""));

    write("all/c.yaml", &with("  - never: {pods: {selector: app=web, more-than: 0}}"));
    let done = wavetank(path, &["test", "all"]);
    assert_eq!(done.status, 1, "{done:?}");
    assert!(done.out.contains("test c ... FAILED"), "{}", done.out);
    assert!(done.out.contains("test result: FAILED. 2 passed; 1 failed"), "{}", done.out);
}

#[test]
fn a_suite_compares_stored_timelines() {
    let folder = folder(HOLDS);
    let path = folder.path();
    let golden = path.join("x.timeline");
    std::fs::write(&golden, "old\n").unwrap();
    let done = wavetank(path, &["test", "x.yaml"]);
    assert_eq!(done.status, 1, "{done:?}");
    assert!(done.out.contains("\n-old\n") && done.out.contains("--update"), "{}", done.out);
    assert_eq!(wavetank(path, &["test", "x.yaml", "--update"]).status, 0);
    assert_eq!(wavetank(path, &["test", "x.yaml"]).status, 0);
    let stored = std::fs::read_to_string(&golden).unwrap();
    assert!(stored.contains("digest"), "{stored}");
}

#[test]
fn a_suite_in_which_nothing_ran_is_no_success() {
    let folder = TempDir::new().unwrap();
    for words in [&["test", "."][..], &["test", "nosuch"]] {
        assert_eq!(wavetank(folder.path(), words).status, 2, "{words:?}");
    }
}

#[test]
fn a_new_scenario_runs_and_is_not_overwritten() {
    let folder = TempDir::new().unwrap();
    assert_eq!(wavetank(folder.path(), &["new", "mine.yaml"]).status, 0);
    assert_eq!(wavetank(folder.path(), &["run", "-q", "mine.yaml"]).status, 0);
    let done = wavetank(folder.path(), &["new", "mine.yaml"]);
    assert_eq!(done.status, 2, "{done:?}");
    let done = wavetank(folder.path(), &["list", "."]);
    assert!(done.out.starts_with("mine  Four pods"), "{done:?}");
}

#[test]
fn a_run_is_the_same_as_itself_and_parts_from_another() {
    let folder = folder(HOLDS);
    let done = wavetank(folder.path(), &["diff", "x.yaml"]);
    assert_eq!(done.status, 0, "{done:?}");
    let done = wavetank(folder.path(), &["diff", "x.yaml", "--set-b", "cluster.nodes[0].count=3"]);
    assert_eq!(done.status, 1, "{done:?}");
    assert!(done.out.contains("+ Node node-3"), "{}", done.out);
}

#[test]
fn editors_and_shells_get_what_they_need() {
    let folder = TempDir::new().unwrap();
    let schema = wavetank(folder.path(), &["schema"]);
    assert!(serde_json::from_str::<Value>(&schema.out).unwrap()["$defs"].is_object());
    for shell in ["bash", "zsh", "fish"] {
        let done = wavetank(folder.path(), &["completions", shell]);
        assert!(done.status == 0 && done.out.contains("wavetank"), "{done:?}");
    }
}

#[test]
fn who_applies_on_the_server_is_told_who_else_wants_a_field() {
    let manifest = |replicas: &str| {
        format!(
            "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: web}}\nspec:\n{replicas}  \
             selector: {{matchLabels: {{app: web}}}}\n  template:\n    metadata: {{labels: {{app: \
             web}}}}\n    spec: {{containers: [{{name: app, image: 'app:v1'}}]}}\n"
        )
    };
    let folder = folder(
        "\
name: two appliers
cluster: {nodes: [{name: node, count: 2, cpu: \"4\", memory: 8Gi}]}
steps:
  - kubectl: apply --server-side -f three.yaml
  - kubectl: scale deploy/web --replicas=4
  - kubectl: apply --server-side -f three.yaml || true
  - kubectl: apply --server-side -f none.yaml
  - kubectl: get deploy web -o jsonpath='{.spec.replicas} {.metadata.managedFields[*].manager}'
  - kubectl: apply --server-side --force-conflicts -f three.yaml
  - kubectl: get deploy web -o jsonpath='{.spec.replicas}'
",
    );
    let write = |name: &str, text: String| std::fs::write(folder.path().join(name), text).unwrap();
    write("three.yaml", manifest("  replicas: 3\n"));
    write("none.yaml", manifest(""));
    let done = wavetank(folder.path(), &["run", "x.yaml"]);
    assert_eq!(done.status, 0, "{done:?}");
    for said in [
        "deployment.apps/web serverside-applied",
        "conflict with \"kubectl\" with subresource \"scale\" using apps/v1: .spec.replicas",
        "Please review the fields above",
        "4 kubectl kube-controller-manager",
        "\n             3\n",
    ] {
        assert!(done.out.contains(said), "no {said:?} in:\n{}", done.out);
    }
}

/// Some twenty thousand records within ten minutes of virtual time.
const LONG: &str = "\
name: a long run
about: Pods come and go.
cluster:
  nodes:
    - {name: node, count: 4, cpu: \"16\", memory: 64Gi}
steps:
  - kubectl: create deployment web --image=app:v1 --replicas=300
  - kubectl: rollout status deploy/web --timeout=120s
  - kubectl: scale deploy/web --replicas=1
  - wait: 5m
  - kubectl: scale deploy/web --replicas=300
  - kubectl: rollout status deploy/web --timeout=120s
  - kubectl: scale deploy/web --replicas=2
  - wait: 2m
";

#[test]
fn what_is_older_than_the_history_that_is_kept_is_refused() {
    let folder = folder(LONG);
    let run = |words: &[&str]| wavetank(folder.path(), words);
    let whole = run(&["run", "-q", "x.yaml"]);
    let window = run(&["run", "--history", "1m", "--trace", "t.jsonl", "x.yaml"]);
    assert_eq!((whole.status, window.status), (0, 0), "{}", window.err);
    let digest = |done: &Done| done.out.rsplit_once("digest ").unwrap().1.to_owned();
    assert_eq!(digest(&whole), digest(&window), "the run itself is the same");
    assert!(window.out.contains("  what was before is forgotten\n"), "{}", window.out);
    for source in [&["x.yaml", "--history", "1m"][..], &["t.jsonl"]] {
        let ask = |words: &[&str]| run(&[words, source].concat());
        let early = ask(&["get", "pods", "--at", "5s"]);
        if source.len() > 1 {
            assert_eq!(early.status, 0, "it is run up to there: {early:?}");
        } else {
            assert_eq!(early.status, 2, "{early:?}");
            assert!(early.err.contains("error: 410 Expired: what was before "), "{}", early.err);
        }
        let kept = ask(&["get", "pods"]);
        assert_eq!((kept.status, kept.out.lines().count()), (0, 3), "{kept:?}");
        let why = ask(&["why", "deploy/web.metadata.uid"]);
        assert!(why.out.contains("what was before is forgotten"), "{why:?}");
    }
}

#[test]
fn workloads_of_scheduler_perf_are_run_and_their_mistakes_told() {
    let folder = TempDir::new().unwrap();
    let file = "benches/scheduler_perf/performance-config.yaml";
    let bench =
        |words: &[&str]| wavetank(folder.path(), &[&["bench", "--scheduler-perf"], words].concat());
    let done = bench(&[file, "--label", "small,-performance"]);
    assert_eq!(done.status, 0, "{done:?}");
    let names = ["Basic/small", "AntiAffinity/small", "RoomThatComesBack/small/waiting"];
    for name in names {
        assert!(done.out.lines().any(|line| line.starts_with(name)), "{name}: {}", done.out);
    }
    let none = bench(&[file, "--case", "Basik"]);
    assert_eq!(none.status, 2);
    assert!(none.err.contains("Basic/small"), "what there is is told: {}", none.err);
    let text = "- name: a\n  workloadTemplate: [{opcode: creatNodes, count: 1}]\n  \
                workloads: [{name: w}]\n";
    std::fs::write(folder.path().join("wrong.yaml"), text).unwrap();
    let wrong = bench(&["wrong.yaml"]);
    assert_eq!(wrong.status, 2);
    assert!(
        wrong.err.contains("wrong.yaml:2:31: error: unknown opcode `creatNodes`"),
        "{}",
        wrong.err
    );
}
