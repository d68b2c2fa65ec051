//! Controllers of workloads, the autoscaler and the garbage collector with one decision taken
//! otherwise than in 1.36.

use std::sync::Arc;

use serde_json::json;

use super::property::StatusIsTaken;
use super::rule::varied;
use super::subject::{Ask, Do, Model};
use super::{Pair, pair, setting, subject};
use crate::api::apps::deployment::Deployment;
use crate::api::object::{Kind, ObjectKey};
use crate::api::variant::Variant;
use crate::api::why::Why;
use crate::client::plan::{Plan, Write};
use crate::cluster::Cluster;
use crate::explore::Setting;
use crate::explore::judge::Property;

pub(super) const PAIRS: &[Pair] = &[
    pair(
        ("B24", 6),
        "kubernetes/kubernetes#125410",
        "a pod that waits to be counted is noted again, and the status with it is refused for ever",
        b24,
    ),
    pair(
        ("B30", 8),
        "kubernetes/kubernetes#56355, openshift/origin#17435",
        "each restart of the controller finds another revision, and all pods are made again",
        b30,
    ),
    pair(
        ("B43", 7),
        "kubernetes/kubernetes#72775, #78712",
        "an autoscaler takes the pods of a surge for wanted ones: each rollout asks for more",
        b43,
    ),
    pair(
        ("B51", 11),
        "kubernetes/kubernetes#65200",
        "an owner that is absent where a wrong reference looks for it counts as absent everywhere",
        b51,
    ),
];

fn b24(wrong: bool) -> Setting {
    let text = "
name: pair
about: A job of which some pods fail, and that is given up.
cluster: {nodes: [{name: node, count: 2, cpu: '8', memory: 8Gi}]}
steps:
- apply:
    apiVersion: batch/v1
    kind: Job
    metadata: {name: work}
    spec:
      parallelism: 2
      completions: 4
      backoffLimit: 1
      template:
        spec:
          restartPolicy: Never
          containers: [{name: app, image: 'app:v1', command: [exit, '2', '1']}]
- wait: 60s
";
    let mut setting = varied(setting(text), wrong, Variant::NotesTwice);
    // How many pods have failed when it is given up hangs on when each ended.
    setting.oracle.same_end = false;
    setting.properties.push(Arc::new(StatusIsTaken));
    setting
}

fn b30(wrong: bool) -> Setting {
    let text = "
name: pair
about: A set comes up, and grows by one.
cluster: {nodes: [{name: node, count: 2, cpu: '8', memory: 8Gi}]}
steps:
- apply:
    apiVersion: apps/v1
    kind: StatefulSet
    metadata: {name: db}
    spec:
      replicas: 2
      serviceName: db
      selector: {matchLabels: {app: db}}
      template:
        metadata: {labels: {app: db}}
        spec: {terminationGracePeriodSeconds: 0, containers: [{name: app, image: 'app:v1'}]}
- wait: 10s
- kubectl: scale statefulset/db --replicas=3
- wait: 10s
";
    varied(setting(text), wrong, Variant::ForgetsRevisions)
}

/// A Deployment is never asked to have more than so many replicas.
struct Asked(i32);

impl Property for Asked {
    fn name(&self) -> &'static str {
        "no more replicas are asked for than the load takes"
    }

    fn always(&self, cluster: &Cluster) -> Result<(), String> {
        let all = cluster.store().iter(Kind::DEPLOYMENT);
        let mut asked = all.filter_map(|o| o.as_a::<Deployment>()).map(|d| d.spec.replicas);
        asked.find(|n| *n > self.0).map_or(Ok(()), |n| Err(format!("{n} are")))
    }
}

fn b43(wrong: bool) -> Setting {
    let text = "
name: pair
about: A rollout whose pods take long to be ready, under a load that does not change.
cluster: {nodes: [{name: node, count: 2, cpu: '8', memory: 8Gi}]}
images:
  'app:v1': {ready-after: 2s, cpu: 5m}
  'app:v2': {ready-after: 60s, cpu: 5m}
load:
- {service: web, cpu: 300m}
steps:
- apply:
    apiVersion: apps/v1
    kind: Deployment
    metadata: {name: web}
    spec:
      replicas: 3
      strategy: {rollingUpdate: {maxSurge: 100%, maxUnavailable: 0}}
      selector: {matchLabels: {app: web}}
      template:
        metadata: {labels: {app: web}}
        spec:
          terminationGracePeriodSeconds: 1
          containers: [{name: app, image: 'app:v1', resources: {requests: {cpu: 200m}}}]
- kubectl: expose deployment web --port=80
- kubectl: autoscale deployment web --min=2 --max=30 --cpu=50%
- wait: 120s
- kubectl: set image deployment/web app=app:v2
until: 1200s
";
    let mut setting = varied(setting(text), wrong, Variant::ScalesBySurge);
    setting.properties.push(Arc::new(Asked(8)));
    setting
}

fn b51(wrong: bool) -> Setting {
    let deeds = &[Do::Apply("{replicas: 1}"), Do::Wait(3), Do::Patch(r#"{"spec":{"replicas":2}}"#)];
    let setting = subject::setting(vec![Model::new(two_places, wrong)], deeds);
    varied(setting, wrong, Variant::AbsentEverywhere)
}

/// A child beside its database and, once, one in another namespace that names the database its
/// owner all the same, as no reference may.
fn two_places(ask: &mut Ask<'_>) -> Plan {
    let mut plan = Plan::nothing();
    let Some(db) = ask.database() else { return plan };
    ask.ensure(Kind::CONFIG_MAP, "near", json!({}), &mut plan);
    let generation = db.meta.generation;
    let done = db.body.get("status").and_then(|s| s["far"].as_i64()).unwrap_or(0);
    if done >= generation {
        return plan;
    }
    let key = ObjectKey::new(Kind::CONFIG_MAP, "kube-public", "db-far");
    let there = ask.view.object(&key).is_some();
    if !there && let Some(mut child) = ask.make(Kind::CONFIG_MAP, "far", json!({})) {
        child.meta_mut().namespace = "kube-public".into();
        plan.push(Write::create(child, Why::new("it is missing")));
    }
    ask.status(json!({"far": generation}), &mut plan);
    plan
}
