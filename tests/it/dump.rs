//! A run that goes on from a dump: what was settled stays settled, and what follows is what would
//! have followed.

use std::sync::Arc;

use wavetank::api::object::{Kind, Object};
use wavetank::scenario::diagnostic::{self, Look};
use wavetank::scenario::load::{Described, load};
use wavetank::scenario::manifest::File;
use wavetank::scenario::world::{Report, World};

const FIRST: &str = "\
name: before the dump
about: Some workloads on three nodes, one of which has failed.
seed: 7
steps:
  - kubectl: create namespace shop
  - kubectl: create deployment web --image=app:v1 --replicas=5
  - kubectl: create deployment cart --image=app:v1 --replicas=3 -n shop
  - kubectl: expose deployment web --port=80
  - kubectl: rollout status deploy/web --timeout=60s
  - kubectl: cordon node-2
  - inject: {node-stop: {nodes: [node-3]}}
  - wait: 420s
  - kubectl: get all,nodes,namespaces,endpointslices,endpoints,serviceaccounts,configmaps -A -o yaml
";

fn described(text: &str, dump: &str) -> Result<Arc<Described>, String> {
    let mut files = |wanted: &str| match wanted {
        "dump.yaml" => Ok(vec![File { name: wanted.to_owned(), bytes: dump.as_bytes().to_vec() }]),
        _ => Err("no such file".to_owned()),
    };
    let loaded = load("x.yaml", text.as_bytes().to_vec(), &[], &mut files);
    loaded.map(Arc::new).map_err(|problems| diagnostic::render(&problems, Look::default()))
}

fn run(text: &str, dump: &str) -> (World, Report) {
    let described = described(text, dump).expect("a scenario without mistakes");
    let seed = described.scenario.seed;
    let mut world = World::new(described, seed, None).expect("a possible scenario");
    let report = world.run();
    (world, report)
}

fn dump() -> String {
    let (_, report) = run(FIRST, "");
    let last = report.steps.last().expect("a step");
    assert_eq!(last.code, 0, "{}", last.output);
    last.output.clone()
}

#[test]
fn a_settled_cluster_stays_settled() {
    let dump = dump();
    let text =
        "name: x\nabout: a test\nseed: 8\ncluster: {dump: dump.yaml}\nsteps: [{wait: 600s}]\n";
    let (world, report) = run(text, &dump);
    let beginning: Vec<_> = world.beginning().iter().filter(|o| o.kind() == Kind::POD).collect();
    assert_eq!(beginning.len(), 11, "eight pods, and three that the failed node does not let go");
    for kind in [Kind::POD, Kind::REPLICA_SET, Kind::DEPLOYMENT, Kind::ENDPOINT_SLICE] {
        let begun = world.beginning().iter().filter(|o| o.kind() == kind).cloned();
        assert_eq!(begun.collect::<Vec<_>>(), world.cluster().store().list(kind));
    }
    let (_, again) = run(text, &dump);
    assert_eq!(report.digest, again.digest);
}

#[test]
fn a_cluster_that_goes_on_acts_as_before() {
    let text = "name: x\nabout: a test\ncluster: {dump: dump.yaml}\nsteps:\n\
                \x20 - kubectl: scale deploy/web --replicas=6\n\
                \x20 - kubectl: rollout status deploy/web --timeout=60s\n\
                \x20 - inject: {node-start: {nodes: [node-3]}}\n\
                \x20 - kubectl: uncordon node-2\n\
                \x20 - wait: 60s\n\
                \x20 - kubectl: set image deploy/web -n default app=app:v2\n\
                \x20 - kubectl: rollout status deploy/web --timeout=60s\n\
                expect:\n\
                \x20 - always: {available: {deployment: web, at-least: 5}}\n\
                \x20 - eventually: {pods: {selector: app=web, count: 6}}\n";
    let (world, report) = run(text, &dump());
    let failed: Vec<_> = report.steps.iter().filter(|s| s.code != 0).map(|s| &s.output).collect();
    assert_eq!(failed, [""; 0]);
    assert!(report.verdict.expectations.iter().all(|e| e.held), "{:?}", report.verdict);
    let nodes = world.cluster().store().list(Kind::NODE);
    let taints = |node: &Object| node.to_value()["spec"]["taints"].clone();
    assert!(nodes.iter().all(|node| taints(node).is_null()), "{nodes:#?}");
    assert_eq!(world.cluster().store().list(Kind::POD).len(), 9);
}

#[test]
fn nodes_that_are_in_the_dump_cannot_be_written_as_well() {
    let text = "name: x\nabout: a test\nsteps: [{wait: 1s}]\n\
                cluster:\n  dump: dump.yaml\n  nodes:\n    - {name: node, count: 3}\n";
    let problems = described(text, &dump()).expect_err("node names are taken");
    assert!(problems.contains("node `node-1` is in the dump as well"), "{problems}");
    let missing = text.replace("dump.yaml", "other.yaml");
    let problems = described(&missing, "").expect_err("no such dump");
    assert!(problems.contains("x.yaml:5:9"), "{problems}");
}

/// Pods with volumes, an autoscaler, a budget: what has books of its own.
const STATEFUL: &str = "\
name: before the dump
about: A StatefulSet with volumes, and a Deployment that is scaled by its load.
seed: 3
cluster:
  nodes: [{name: node, count: 3, cpu: '4', memory: 8Gi}]
  metrics-server: {}
steps:
  - apply: |
      apiVersion: apps/v1
      kind: StatefulSet
      metadata: {name: db}
      spec:
        serviceName: db
        replicas: 2
        selector: {matchLabels: {app: db}}
        template:
          metadata: {labels: {app: db}}
          spec:
            containers:
            - {name: app, image: 'db:v1', volumeMounts: [{name: data, mountPath: /data}]}
        volumeClaimTemplates:
        - metadata: {name: data}
          spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}
      ---
      apiVersion: policy/v1
      kind: PodDisruptionBudget
      metadata: {name: db}
      spec: {minAvailable: 1, selector: {matchLabels: {app: db}}}
  - kubectl: rollout status statefulset/db --timeout=120s
  - kubectl: create deployment web --image=app:v1 --replicas=2
  - kubectl: set resources deployment/web --requests=cpu=100m
  - kubectl: rollout status deployment/web --timeout=60s
  - kubectl: autoscale deployment/web --min=2 --max=5 --cpu=50%
  - wait: 60s
  - kubectl: >-
      get nodes,namespaces,statefulsets,controllerrevisions,deployments,replicasets,pods,pv,pvc,\
      storageclasses,csinodes,csidrivers,volumeattachments,hpa,pdb,endpointslices,\
      serviceaccounts,configmaps -A -o yaml
";

#[test]
fn volumes_sets_and_autoscalers_go_on_from_a_dump() {
    let (_, report) = run(STATEFUL, "");
    let failed: Vec<_> = report.steps.iter().filter(|s| s.code != 0).map(|s| &s.output).collect();
    assert_eq!(failed, [""; 0]);
    let dump = report.steps.last().expect("a step").output.clone();
    let text = "name: x\nabout: a test\nseed: 9\ncluster: {dump: dump.yaml, metrics-server: {}}\n\
                steps:\n\
                \x20 - wait: 300s\n\
                \x20 - kubectl: get statefulset,deployment,hpa,pvc,pdb -A\n\
                \x20 - kubectl: scale statefulset/db --replicas=3\n\
                \x20 - kubectl: rollout status statefulset/db --timeout=120s\n\
                \x20 - kubectl: delete pod db-0\n\
                \x20 - kubectl: wait --for=condition=Ready pod/db-0 --timeout=120s\n";
    let (world, report) = run(text, &dump);
    let failed: Vec<_> = report.steps.iter().filter(|s| s.code != 0).map(|s| &s.output).collect();
    assert_eq!(failed, [""; 0]);
    let store = world.cluster().store();
    let begun = |kind| world.beginning().iter().filter(|o| o.kind() == kind).count();
    assert_eq!((begun(Kind::POD), begun(Kind::PERSISTENT_VOLUME)), (4, 2));
    assert_eq!(store.list(Kind::POD).len(), 5, "one more of the set");
    let volumes = store.list(Kind::PERSISTENT_VOLUME);
    let phase = |o: &Object| o.to_value()["status"]["phase"].clone();
    assert_eq!(volumes.iter().map(phase).collect::<Vec<_>>(), ["Bound"; 3]);
    let name = |o: &Object| o.meta().name.clone();
    let before = world.beginning().iter().filter(|o| o.kind() == Kind::PERSISTENT_VOLUME);
    let kept = before.map(name).all(|n| volumes.iter().map(name).any(|is| is == n));
    assert!(kept, "a pod that comes back mounts the volume that it had");
}

#[test]
fn kinds_that_are_not_modelled_are_told_with_their_lines() {
    let dump = "apiVersion: v1\nkind: List\nitems:\n\
                - apiVersion: example.com/v1\n  kind: Widget\n  metadata: {name: w}\n\
                - apiVersion: v1\n  kind: Node\n  metadata: {name: one}\n";
    let text = "name: x\nabout: a test\ncluster: {dump: dump.yaml}\nsteps: [{wait: 1s}]\n";
    let problems = described(text, dump).expect_err("nobody knows what a Widget is");
    let expected = "dump.yaml:5:3: error: the kind `Widget of example.com/v1` is not modelled yet";
    assert!(problems.contains(expected), "{problems}");
}
