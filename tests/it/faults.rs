//! Every fault of the catalogue: it can be written, it takes effect, and it says when it hit
//! nothing.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;

use serde_json::{Value, json};
use wavetank::api::note::Note;
use wavetank::fault::{Contract, Fault};
use wavetank::scenario::load::{document_of, plan_of};
use wavetank::scenario::world::World;

use crate::random::described;

/// The rows of the catalogue.
fn rows() -> Vec<Value> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/faults.yaml");
    let text = std::fs::read_to_string(path).expect("the catalogue is there");
    let rows = document_of("faults.yaml", &text).expect("it is YAML");
    rows.as_array().cloned().expect("it is a list")
}

/// The catalogue's numbers that are wanted.
const WANTED: &[u32] = &[
    1, 2, 3, 4, 5, 6, 9, 10, 11, 12, 13, 14, 17, 18, 19, 20, 21, 22, 23, 25, 26, 27, 28, 29, 30,
    31, 32, 33, 34, 35, 38, 40, 41, 42,
];

/// The scenario of all rows: a rollout after 20 seconds, a claim, figures of use.
const SCENARIO: &str = r#"
name: every fault
about: One workload of each sort, and whatever may befall it.
cluster:
  nodes: [{name: node, count: 3, cpu: "4", memory: 8Gi, labels: {zone: a}}]
  controller-managers: 2
  storage: {}
images:
  "registry.local/*":
    {pull: 1s, start: 300ms, ready-after: 1s, cpu: 50m, memory: 40Mi, term: 500ms}
steps:
- apply: |
    apiVersion: apps/v1
    kind: Deployment
    metadata: {name: web}
    spec:
      replicas: 3
      selector: {matchLabels: {app: web}}
      template:
        metadata: {labels: {app: web}}
        spec:
          containers:
          - name: app
            image: registry.local/web:v1
            resources: {requests: {cpu: 100m, memory: 64Mi}, limits: {memory: 128Mi}}
            readinessProbe: {httpGet: {path: /, port: 80}, periodSeconds: 1}
    ---
    apiVersion: v1
    kind: Service
    metadata: {name: web}
    spec: {selector: {app: web}, ports: [{port: 80}]}
    ---
    apiVersion: v1
    kind: ConfigMap
    metadata: {name: settings}
    data: {colour: red}
    ---
    apiVersion: autoscaling/v2
    kind: HorizontalPodAutoscaler
    metadata: {name: web}
    spec:
      scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}
      minReplicas: 3
      maxReplicas: 6
      metrics:
      - type: Resource
        resource: {name: cpu, target: {type: Utilization, averageUtilization: 80}}
- at: 10s
  apply: |
    apiVersion: v1
    kind: PersistentVolumeClaim
    metadata: {name: data}
    spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}
    ---
    apiVersion: v1
    kind: Pod
    metadata: {name: keeper, labels: {app: keeper}}
    spec:
      containers:
      - {name: app, image: registry.local/keeper, volumeMounts: [{name: data, mountPath: /data}]}
      volumes: [{name: data, persistentVolumeClaim: {claimName: data}}]
- at: 20s
  kubectl: set image deploy/web app=registry.local/web:v2 || true
- at: 3m
  kubectl: get pods || true
until: {after-last-step: 2m}
"#;

fn world(faults: &Value) -> World {
    let text = format!("{SCENARIO}faults: {faults}\n");
    World::new(described("faults.yaml", text), 5, None).expect("it can be carried out")
}

/// What the log of a run tells, a line an entry, with its second before it.
fn told(world: &World) -> Vec<String> {
    let line = |note: &Note| match note {
        Note::Write(write) => {
            let (change, origin) = (&write.change, &write.origin);
            let object = change.object.to_value();
            let verb = if change.old.is_none() { "creates" } else { "changes" };
            let verb = if change.deleted { "removes" } else { verb };
            let mut line = format!("{} {verb} {} ", origin.user, change.object.kind().name());
            let _ = write!(line, "{} ", change.object.meta().name);
            let parts = ["/metadata/annotations", "/status", "/reason", "/message"];
            let parts = parts.iter().filter_map(|part| object.pointer(part));
            parts.for_each(|part| line.push_str(&part.to_string()));
            line
        }
        Note::Refused(it) => {
            let (code, message) = (it.refusal.code, &it.refusal.message);
            format!("{} {} {} answered {code} {message}", it.user, it.verb, it.resource)
        }
        Note::Mark(mark) => format!("mark {} {} {}", mark.who, mark.mark, mark.detail),
        Note::Fault(fault) => format!("fault {} {}", fault.fault, fault.begins),
        Note::Step(step) => format!("step {} {}", step.text, step.output),
    };
    let log = world.cluster().engine.log();
    log.iter().map(|r| format!("{}s {}", r.time.0 / 1_000_000_000, line(&r.note))).collect()
}

fn told_with(faults: &Value) -> (Vec<String>, Vec<String>) {
    let mut world = world(faults);
    world.run();
    (told(&world), world.weather().misses())
}

/// What shows a fault is quoted in JSON, where the log's own quotes are.
fn shows(line: &str, wanted: &str) -> bool {
    line.contains(wanted) || line.contains(&wanted.replace('"', "\\\""))
}

#[test]
fn every_fault_of_the_catalogue_takes_effect() {
    let (calm, misses) = told_with(&json!([]));
    assert!(misses.is_empty(), "{misses:?}");
    // Words in the log without the second at which they come.
    let usual = |line: &str| line.split_once(' ').map_or("", |(_, rest)| rest).to_owned();
    // What happened beside what the fault itself tells and signs of life, with its second.
    let own = |line: &&String| {
        let what = usual(line);
        let beats = what.contains(" changes Lease ") || what.contains(" changes Node ");
        what.starts_with("fault ") || what.starts_with("mark ") || beats
    };
    let deeds = |lines: &[String]| -> BTreeSet<String> {
        lines.iter().filter(|line| !own(line)).cloned().collect()
    };
    let calm_deeds = deeds(&calm);
    let calm: BTreeSet<String> = calm.iter().map(|line| usual(line)).collect();
    let mut wrong = Vec::new();
    for row in rows() {
        let (id, wanted) = (&row["id"], row["shows"].as_str().expect("what shows it"));
        let (lines, misses) = told_with(&json!([row["fault"]]));
        let new: Vec<&String> = lines.iter().filter(|line| !calm.contains(&usual(line))).collect();
        let (same, none) = (deeds(&lines) == calm_deeds, row["changes"] == "nothing");
        if same != none {
            let told = if same { "changes nothing" } else { "was to change nothing" };
            wrong.push(format!("{id} {}: {told}", row["fault"]));
        }
        if !misses.is_empty() || !new.iter().any(|line| shows(line, wanted)) {
            let some: Vec<String> =
                new.iter().take(12).map(|l| l.chars().take(240).collect()).collect();
            let some = some.join("\n    ");
            wrong.push(format!("{id} {}: no {wanted:?}, {misses:?}\n    {some}", row["fault"]));
        }
    }
    assert!(wrong.is_empty(), "{} rows:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn the_catalogue_has_a_row_for_all_that_is_wanted() {
    let ids: BTreeSet<String> =
        rows().iter().map(|row| row["id"].as_str().unwrap_or_default().to_owned()).collect();
    let missing: Vec<String> =
        WANTED.iter().map(|n| format!("F{n}")).filter(|id| !ids.contains(id)).collect();
    assert!(missing.is_empty(), "{missing:?}");
    let mut names: BTreeSet<&str> = Fault::NAMES.iter().copied().collect();
    for row in rows() {
        let inject = row["fault"]["inject"].as_object().expect("a fault");
        for key in inject.keys() {
            names.remove(key.as_str());
        }
    }
    // A component or a node that was stopped before is started in scenarios of their own.
    names.retain(|name| !matches!(*name, "node-start" | "component-start"));
    assert!(names.is_empty(), "no row has {names:?}");
}

#[test]
fn a_fault_is_written_as_it_was_read() {
    for row in rows() {
        let faults = json!([row["fault"]]);
        let plan = plan_of(&faults).unwrap_or_else(|why| panic!("{faults}: {why}"));
        assert_eq!(plan.entries.len(), 1);
        let written = plan.to_value();
        assert_eq!(plan_of(&written).as_ref(), Ok(&plan), "{written}");
        // What breaks the apiserver's contract is told apart from what a client must live with.
        let outside = plan.entries[0].inject.fault.contract() == Contract::Outside;
        assert_eq!(outside, row["id"] == "F44", "{written}");
    }
}

#[test]
fn a_fault_that_hits_nothing_says_so() {
    let nothing = [
        json!({"node-stop": {"labelSelectors": {"zone": "b"}}}),
        json!({"node-maintenance": {"nodes": ["node-9"]}}),
        json!({"kubelet-restart": {"nodes": ["node-9"]}}),
        json!({"pod-kill": {"labelSelectors": {"app": "none"}}}),
        json!({"pod-failure": {"pods": ["none"]}}),
        json!({"container-kill": {"namespaces": ["none"]}}),
        json!({"stress": {"labelSelectors": {"app": "none"}, "cpu": "1"}}),
        json!({"metrics-gap": {"nodes": ["node-9"]}}),
        json!({"image-pull": {"nodes": ["node-9"]}}),
        json!({"component-start": {"component": "kube-scheduler"}}),
        json!({"pause": {"component": "kubelet/node-9"}}),
        json!({"edit": {"kind": "ConfigMap", "name": "none", "patch": {}}}),
        json!({"delete": {"kind": "Secret"}}),
        json!({"recreate": {"kind": "ConfigMap", "name": "none"}}),
        json!({"watch-cut": {"actor": "kube-scheduler", "kind": "Job"}}),
        json!({"api-lost": {"actor": "nobody"}}),
        json!({"api-conflict": {"actor": "kube-scheduler", "kind": "Node"}}),
        json!({"webhook": {"kind": "Secret", "down": true}}),
        json!({"network-partition": {"from": "node-9", "to": "apiserver"}}),
        json!({"etcd-no-leader": {}}),
    ];
    for inject in nothing {
        let mut inject = inject;
        inject["duration"] = json!("100ms");
        let (_, misses) = told_with(&json!([{"at": "150s", "inject": inject}]));
        // A second without a write is a second in which etcd needs no leader.
        let is_store = inject.get("etcd-no-leader").is_some();
        assert_eq!(misses.len(), usize::from(!is_store), "{inject}: {misses:?}");
    }
    let never = json!({"after-write": {"actor": "job-controller"}});
    let inject = json!({"resync": {"component": "kube-scheduler"}});
    let (_, misses) = told_with(&json!([{"when": never, "inject": inject}]));
    assert_eq!(misses.len(), 1, "{misses:?}");
    assert!(
        misses[0].contains("never came: job-controller wrote fewer than 1 times"),
        "{misses:?}"
    );
}

#[test]
fn faults_by_chance_end_with_the_last_step() {
    let text = r#"
name: chance
about: Pods are killed now and then, as long as somebody does something.
cluster: {nodes: [{name: node, count: 2, cpu: "4"}]}
steps:
- kubectl: create deployment web --image=app:v1 --replicas=3
- at: 1m
  kubectl: get pods
faults:
- random: {kinds: [pod-kill], rate: 6/min}
"#;
    let mut world =
        World::new(described("x.yaml", text.to_owned()), 5, None).expect("it can be carried out");
    let report = world.run();
    assert!(world.weather().begun() > 2, "{}", world.weather().begun());
    assert!(report.end.0 < 300_000_000_000, "{}", report.end);
}
