use super::*;
use crate::scenario::manifest::File;
use crate::scenario::spec::Expectation;
use crate::scenario::spec::Goal;
use crate::scenario::spec::Judgement;
use crate::scenario::spec::Start;
use crate::scenario::spec::Until;
use crate::sim::time::SimDuration;

const WEB: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: web}\n";

fn files(path: &str) -> Result<Vec<File>, String> {
    match path {
        "web.yaml" => Ok(vec![File { name: path.to_owned(), bytes: WEB.into() }]),
        "bad.yaml" => Ok(vec![File { name: path.to_owned(), bytes: "kind: Pod\n".into() }]),
        "sched.yaml" => Ok(vec![File { name: path.to_owned(), bytes: "profiles: []\n".into() }]),
        _ => Err("no such file".to_owned()),
    }
}

fn read(text: &str, set: &[&str]) -> Result<Described, String> {
    let overrides: Vec<Override> =
        set.iter().map(|text| Override { text: (*text).to_owned() }).collect();
    let loaded = load("x.yaml", text.into(), &overrides, &mut files);
    loaded.map_err(|problems| told(&problems))
}

fn told(problems: &[Problem]) -> String {
    let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
    lines.join("\n")
}

fn check(text: &str, expected: &[&str]) {
    let told = read(text, &[]).map(|described| described.scenario).unwrap_err();
    let lines: Vec<&str> = told.lines().collect();
    assert_eq!(lines.len(), expected.len(), "{text}\n{told}");
    for (line, expected) in lines.iter().zip(expected) {
        assert!(line.starts_with(expected), "{text}\n  {line}\n  {expected}");
    }
}

const EVERYTHING: &str = r#"
name: a rollout survives the loss of a node
about: One paragraph, what to watch, and why it happens.
kubernetes: 1.36
seed: 42
namespace: other
cluster:
  nodes:
    - {name: node, count: 3, cpu: "4", memory: 8Gi, pods: 110, labels: {pool: main}, taints: ["dedicated=db:NoSchedule"]}
    - {name: gpu-a, cpu: 16, memory: 64Gi, extended: {nvidia.com/gpu: 4}, started: false}
  apiservers: 2
  etcd: 3
  controller-managers: 1
  schedulers: 1
  flags:
    kube-controller-manager: {node-monitor-grace-period: 50s, controllers: "*,-ttl"}
  scheduler-config: sched.yaml
  feature-gates: {MaxUnavailableStatefulSet: false}
  latency:
    request: 2ms
    watch: 1ms..3ms
    etcd: {distribution: {p50: 1ms, p90: 3ms, p99: 10ms, max: 50ms}}
images:
  "registry.local/app:v2": {pull: 2s, start: 400ms, ready-after: 3s, cpu: 150m, memory: 200Mi, term: 1s}
  "*:leaky": {memory: 50Mi + 10Mi/min}
  "*:crash": {exit: {code: 1, after: 2s}}
  "*nosuch*": {pull-error: not found}
steps:
  - kubectl: apply -f web.yaml
  - kubectl: rollout status deploy/web --timeout=180s
  - apply: {apiVersion: apps/v1, kind: Deployment, metadata: {name: web}}
  - apply: |
      apiVersion: v1
      kind: Pod
      metadata: {name: a}
      ---
      apiVersion: v1
      kind: Pod
      metadata: {name: b}
  - wait: 10s
  - at: 60s
    kubectl: set image deploy/web app=registry.local/app:v2
  - inject: {node-stop: {nodes: [node-1]}, duration: 5m}
  - inject: {component-start: {component: "*"}}
  - until: {rollout-complete: {deployment: web}}
    within: 3m
  - until: {gone: {kind: Namespace, name: other}}
    within: 2m
  - until: {pods: {selector: app=web, count: 3}}
faults:
  - at: 30s
    inject: {network-partition: {from: node-2, to: apiserver, direction: both}, duration: 45s}
  - when: {after-write: {actor: deployment-controller, n: 3}}
    inject: {container-kill: {component: kube-controller-manager}, duration: 5s}
  - random: {kinds: [pod-kill, node-stop], rate: 6/min, from: 0s, to: 5m}
  - at: 1m
    inject: {pod-kill: {labelSelectors: {app: web}, mode: fixed-percent, value: 50}}
expect:
  - always: {available: {deployment: web, at-least: 4}}
  - eventually: {rollout-complete: {deployment: web}}
    within: 15m
  - sometimes: {event: {reason: ScalingReplicaSet}}
  - never: {pods: {selector: app=web, more-than: 7}}
  - at: 70s
    holds: {cel: "objects('Pod').filter(p, p.status.phase == 'Pending').size() == 0"}
  - settled: {within: 20m}
until: {after-last-step: 3s}
"#;

#[test]
fn every_field_of_a_scenario_is_read() {
    let Described { scenario, files, scheduler_config, .. } = read(EVERYTHING, &[]).unwrap();
    assert_eq!(scenario.name.as_deref(), Some("a rollout survives the loss of a node"));
    assert_eq!(scenario.seed, 42);
    assert_eq!(scenario.cluster.nodes[0].node_names(), ["node-1", "node-2", "node-3"]);
    assert_eq!(scenario.cluster.nodes[1].node_names(), ["gpu-a"]);
    assert_eq!(scenario.cluster.nodes[1].cpu.millis, 16_000);
    assert_eq!(scenario.images.0[0].1.pull, Some(SimDuration::secs(2)));
    assert_eq!(scenario.steps.len(), 11);
    assert_eq!(scenario.steps[5].at, Some(SimDuration::secs(60)));
    let action = &scenario.steps[9].action;
    let is_gone = matches!(action, Action::Until(Goal::Holds(Expectation::Gone(_))));
    assert!(is_gone, "{action:?}");
    assert!(matches!(scenario.faults[2].start, Start::Random(_)));
    assert!(matches!(scenario.expect[5].judgement, Judgement::Settled(_)));
    assert_eq!(scenario.until, Until::AfterLastStep(SimDuration::secs(3)));
    assert_eq!(files["web.yaml"].len(), 1);
    assert_eq!(scheduler_config, Some(crate::scheduler::config::Config::default()));
}

#[test]
fn what_is_not_written_has_its_default() {
    let described = read("steps: []\n", &[]).unwrap();
    let scenario = described.scenario;
    assert_eq!(scenario.name.as_deref(), Some("x"));
    assert_eq!(scenario.namespace, "default");
    assert_eq!(scenario.until, Until::Settled);
    assert_eq!(scenario.cluster.nodes[0].node_names().len(), 3);
}

#[test]
fn every_mistake_is_told_at_its_place() {
    check(
        "cluster:\n  nodes:\n  - {name: node, cuont: 3}\nsteps:\n- wait: 10\n",
        &[
            "x.yaml:3:18: error: unknown field `cuont` in a node template, did you mean `count`?",
            "x.yaml:5:9: error: `10` is no duration; a unit is missing, as in `10s`",
        ],
    );
    check(
        "step: []\n",
        &["x.yaml:1:1: error: unknown field `step` in a scenario, did you mean `steps`?"],
    );
    check(
        "seed: many\n",
        &["x.yaml:1:7: error: expected a whole number that is not negative, found"],
    );
    check(
        "cluster: 3\n",
        &["x.yaml:1:10: error: expected a mapping for `cluster`, found the number"],
    );
    check(
        "cluster: {nodes: [{name: Node_1, memory: 8GB}]}\n",
        &["x.yaml:1:42: error: `8GB` is no quantity; expected one such as"],
    );
    check(
        "cluster: {nodes: [{name: Node_1}, {name: a, count: 2}, {name: a-2}]}\n",
        &[
            "x.yaml:1:26: error: `Node_1` is no node name;",
            "x.yaml:1:56: error: two nodes named `a-2`",
        ],
    );
    check(
        "kubernetes: '1.20'\n",
        &["x.yaml:1:13: error: `1.20` is no known version of Kubernetes"],
    );
    check("until: [3]\n", &["x.yaml:1:8: error: expected `settled`, a duration or"]);
    check(
        "cluster: {nodes: [{name: a, labels: {gen: 1}}]}\n",
        &["x.yaml:1:43: error: expected text,"],
    );
}

#[test]
fn mistakes_in_steps_are_told_at_their_place() {
    check(
        "steps:\n- kubectl: scale deploy/web --replcas=3\n- kubectl: 'get deploymnets'\n- sleep: 3s\n",
        &[
            "x.yaml:2:29: error: unknown `kubectl scale` flag `--replcas`, did you mean `--replicas`?",
            "x.yaml:3:17: error: unknown resource type `deploymnets`, did you mean `deployments`?",
            "x.yaml:4:3: error: unknown step `sleep`",
        ],
    );
    check(
        "steps:\n- kubectl: apply -f none.yaml\n- kubectl: apply -f bad.yaml\n- wiat: 1s\n",
        &[
            "x.yaml:2:21: error: cannot read `none.yaml`: no such file",
            "x.yaml:4:3: error: unknown step `wiat`, did you mean `wait`?",
            "bad.yaml:1:1: error: missing field `apiVersion` in a Kubernetes object",
            "bad.yaml:1:1: error: missing field `metadata` in a Kubernetes object",
        ],
    );
    check(
        "steps:\n- apply: |\n    apiVersion: v1\n    kind: Pod\n    metadata: {nmae: x}\n",
        &["x.yaml:5:15: error: missing field `name` in `metadata`"],
    );
    check(
        "steps:\n- {wait: 1s, kubectl: get pods}\n- {wait: 1s, within: 3s}\n- {at: 3s}\n- 3\n",
        &[
            "x.yaml:2:14: error: both `wait` and `kubectl` are given: one step an entry",
            "x.yaml:3:14: error: `within` has no meaning beside `wait`",
            "x.yaml:4:3: error: step is missing",
            "x.yaml:5:3: error: expected a mapping with one of `kubectl`",
        ],
    );
}

#[test]
fn mistakes_in_faults_and_expectations_are_told_at_their_place() {
    check(
        "steps:\n- inject: {node-stpo: {nodes: [a]}}\n- inject: {node-stop: {}}\n",
        &[
            "x.yaml:2:12: error: unknown fault `node-stpo`, did you mean `node-stop`?",
            "x.yaml:3:23: error: no node is chosen: `nodes` or `labelSelectors` is missing",
        ],
    );
    check(
        "faults:\n- at: 3s\n- random: {kinds: [pod-kil, watch-lag], rate: often}\n",
        &[
            "x.yaml:2:3: error: a fault is `at` or `when` with `inject`, or `random` alone",
            "x.yaml:3:20: error: unknown fault `pod-kil`, did you mean `pod-kill`?",
            "x.yaml:3:47: error: `often` is no rate; expected one such as `6/min`",
        ],
    );
    check(
        "expect:\n- allways: {}\n- always: {availible: {}}\n- never: {pods: {}}\n\
         - holds: {gone: {kind: Pod, name: x}}\n- at: 3s\n  holds: {cel: 'a +* b'}\n",
        &[
            "x.yaml:2:3: error: unknown kind of expectation `allways`, did you mean `always`?",
            "x.yaml:3:12: error: unknown expectation `availible`, did you mean `available`?",
            "x.yaml:4:17: error: a bound of `pods` is missing",
            "x.yaml:5:3: error: missing field `at` in `holds`",
            "x.yaml:7:20: error: this is no CEL: ",
        ],
    );
    check(
        "cluster:\n  flags:\n    kube-controller-manager: {node-monitor-grace: 1s, node-monitor-period: x}\n    kubelt: {}\n",
        &[
            "x.yaml:3:31: error: unknown flag of kube-controller-manager `node-monitor-grace`",
            "x.yaml:3:76: error: `x` is no value of this flag;",
            "x.yaml:4:5: error: unknown component `kubelt`, did you mean `kubelet`?",
        ],
    );
}

#[test]
fn texts_that_are_no_scenario_are_told_at_once() {
    check("", &["x.yaml:1:1: error: nothing here, expected a scenario"]);
    check("# only a remark\n", &["x.yaml:1:1: error: nothing here, expected a scenario"]);
    check("- 1\n", &["x.yaml:1:1: error: expected a mapping for a scenario, found a list"]);
    check(
        "a: 1\n---\nb: 1\n",
        &["x.yaml:1:1: error: unknown field `a`", "x.yaml:3:1: error: a scenario is one"],
    );
    check("a: b\0", &["x.yaml:1:5: error: control characters are not allowed: U+0000"]);
    check(WEB, &["x.yaml:1:1: error: this is a Kubernetes manifest, not a scenario"]);
    check(
        &"garbage ".repeat(1_300_000),
        &["x.yaml:1:1: error: this is 9.9 MiB long, the limit is 8.0"],
    );
    let told = load("x", vec![b'a', b':', 0xff], &[], &mut files).unwrap_err();
    assert_eq!(told[0].to_string(), "x:1:3: error: this is no UTF-8 text: byte 0xff");
}

#[test]
fn values_from_outside_replace_those_of_the_file() {
    let text = "cluster: {nodes: [{name: a}]}\n";
    let set = ["cluster.nodes[0].count=5", "seed=7", "images[\"*:v1\"].pull=3s", "namespace=x=y"];
    let scenario = read(text, &set).unwrap().scenario;
    assert_eq!(scenario.cluster.nodes[0].count, Some(5));
    assert_eq!((scenario.seed, scenario.namespace.as_str()), (7, "x=y"));
    assert_eq!(scenario.images.0[0].0, "*:v1");
    let refused = |set: &str| read(text, &[set]).map(|d| d.scenario).unwrap_err();
    assert!(refused("cluster.nodes[0].count=x").starts_with("--set:1:24: error: expected a whole"));
    assert!(
        refused("seed").starts_with("--set:1:1: error: `seed` is no override;"),
        "{}",
        refused("seed")
    );
    assert!(
        refused("sede=3").starts_with("--set:1:6: error: unknown field `sede`"),
        "{}",
        refused("sede=3")
    );
    assert!(refused("seed.x=3").contains("unknown") || refused("seed.x=3").contains("expected"));
    assert!(refused("cluster.nodes[4].count=1").contains("cannot set"));
}

#[test]
fn large_texts_full_of_mistakes_cost_little() {
    let many = |line: &dyn Fn(usize) -> String| (0..40_000).map(line).collect::<String>();
    let texts = [
        many(&|n| format!("key{n}: y\n")),
        format!("steps:\n- wait: 1s\n{}", many(&|n| format!("  key{n}: y\n"))),
        format!("steps:\n{}", many(&|_| "- wiat: 1s\n".to_owned())),
        format!("expect:\n- always:\n{}", many(&|n| format!("    key{n}: y\n"))),
        format!("cluster:\n  nodes:\n{}", many(&|n| format!("  - name: A{n}\n"))),
        format!("steps:\n- kubectl: get {}\n", "pods ".repeat(50_000)),
        format!("expect:\n- always: {{cel: '{}'}}\n", "(".repeat(100_000)),
        format!("cluster: {{nodes: [{}]}}\n", "{name: a, count: 90000},".repeat(1_000)),
    ];
    for text in texts {
        let problems = load("x", text.into(), &[], &mut files);
        assert!(problems.map_or_else(|told| told.len() < 600, |_| true));
    }
}

const DEFINED: &str = "
about: A kind of one's own.
cluster:
  nodes: []
  definitions:
  - apiVersion: apiextensions.k8s.io/v1
    kind: CustomResourceDefinition
    metadata: {name: kettles.load.example}
    spec:
      group: load.example
      scope: Namespaced
      names: {kind: Kettle, plural: kettles, singular: kettle}
      versions:
      - name: v1
        served: true
        storage: true
        schema:
          openAPIV3Schema:
            type: object
            properties:
              spec:
                type: object
                properties:
                  litres: {type: integer, minimum: 1, default: 2}
steps:
- apply: {apiVersion: load.example/v1, kind: Kettle, metadata: {name: a}, spec: {colour: red}}
- kubectl: delete kettles.load.example a
- apply: {apiVersion: load.example/v1, kind: Kettle, metadata: {name: b}, spec: {colour: red}}
";

#[test]
fn a_scenario_defines_kinds_of_its_own() {
    use crate::api::object::ObjectKey;
    use crate::scenario::world::World;
    let described = read(DEFINED, &[]).expect("it is right");
    let kind = described.custom[0];
    let world = World::new(std::sync::Arc::new(described), 1, None);
    let mut world = world.unwrap_or_else(|why| panic!("{why:?}"));
    while world.go_on() {}
    let failed: Vec<String> = world.report().verdict.failures;
    assert!(failed.is_empty(), "{failed:?}");
    let all: Vec<_> = world.cluster().store().iter(kind).map(|o| o.meta().name.clone()).collect();
    assert_eq!(all, ["b"]);
    let object = world.cluster().store().get(&ObjectKey::new(kind, "default", "b"));
    let value = object.expect("it is there").to_value();
    assert_eq!(value["spec"], serde_json::json!({"litres": 2}), "pruned, and with its default");
}

#[test]
fn what_is_wrong_with_a_definition_is_told_where_it_stands() {
    let wrong = DEFINED.replace("name: kettles.load.example", "name: kettle");
    let told = read(&wrong, &[]).expect_err("the name is wrong");
    assert!(told.contains("metadata.name must be kettles.load.example"), "{told}");
    let other =
        DEFINED.replace("default: 2", "default: 3").replace("load.example", "other.example");
    let again = other.replace("default: 3", "default: 4");
    assert!(read(&other, &[]).is_ok());
    let told = read(&again, &[]).expect_err("it is known otherwise");
    assert!(told.contains("two definitions of Kettle.other.example"), "{told}");
}
