//! The kubelet and the scheduler with one decision taken otherwise than in 1.36.

use super::property::came;
use super::rule::{judged, varied};
use super::{Pair, pair, setting};
use crate::api::core::pod::Pod;
use crate::api::object::Kind;
use crate::api::time::Time;
use crate::api::variant::Variant;
use crate::cluster::Cluster;
use crate::explore::Setting;
use crate::explore::judge::Property;
use crate::sim::time::SimDuration;

pub(super) const PAIRS: &[Pair] = &[
    pair(
        ("B02", 6),
        "kubernetes/kubernetes#100277",
        "a kubelet that begins anew takes pods that are ready for unready until it has probed them",
        b02,
    ),
    pair(
        ("B03", 2),
        "kubernetes/kubernetes#141473",
        "a kubelet that begins anew takes a container for as ready as the one before it was",
        b03,
    ),
    pair(
        ("B15", 7),
        "kubernetes/kubernetes#72124, #93505",
        "the room that a preemption has made is taken by a pod of lower priority, again and again",
        b15,
    ),
];

/// A container that answers its probes all along is ready, unless somebody makes them fail.
struct StaysReady;

impl Property for StaysReady {
    fn name(&self) -> &'static str {
        "what answers its probes stays ready"
    }

    fn always(&self, cluster: &Cluster) -> Result<(), String> {
        let wrong = ages(cluster).find(|(_, age, ready)| *age > SimDuration::secs(8) && !*ready);
        match wrong {
            Some((pod, ..)) if !came(cluster, &["pod-failure"]) => {
                Err(format!("{} is not", pod.meta.name))
            }
            Some(_) | None => Ok(()),
        }
    }
}

/// A container is not ready before it can be.
struct NotReadyEarly;

impl Property for NotReadyEarly {
    fn name(&self) -> &'static str {
        "nothing is ready before it answers its probes"
    }

    fn always(&self, cluster: &Cluster) -> Result<(), String> {
        let wrong = ages(cluster).find(|(_, age, ready)| *age < SimDuration::secs(10) && *ready);
        wrong.map_or(Ok(()), |(pod, ..)| Err(format!("{} is", pod.meta.name)))
    }
}

/// Pods, for how long their first container runs, and whether it is ready.
fn ages(cluster: &Cluster) -> impl Iterator<Item = (&Pod, SimDuration, bool)> {
    let now = Time::at(cluster.engine.now());
    let all = cluster.store().iter(Kind::POD).filter_map(|o| o.as_a::<Pod>());
    all.filter_map(move |pod| {
        let status = pod.status.container_statuses.first()?;
        let since = status.state.running.as_ref()?.started_at?;
        Some((&**pod, now.since(since), status.ready))
    })
}

/// Two pods with a probe; the other side of a list from the past is a subject of its own (B01),
/// so that both sides list the store.
fn probed(ready_after: u32, deeds: &str) -> Setting {
    let text = format!(
        "
name: pair
about: Two pods that are asked whether they are ready.
cluster: {{nodes: [{{name: node, count: 1, cpu: '8', memory: 8Gi}}]}}
images: {{'*': {{ready-after: {ready_after}s}}}}
steps:
- apply:
    apiVersion: apps/v1
    kind: Deployment
    metadata: {{name: web}}
    spec:
      replicas: 2
      selector: {{matchLabels: {{app: web}}}}
      template:
        metadata: {{labels: {{app: web}}}}
        spec:
          tolerations: [{{operator: Exists, effect: NoExecute}}]
          containers:
          - name: app
            image: 'app:v1'
            readinessProbe: {{httpGet: {{path: /, port: 80}}, periodSeconds: 5}}
- wait: 30s
{deeds}"
    );
    setting(&text)
}

fn b02(wrong: bool) -> Setting {
    let setting = probed(1, "- kubectl: scale deployment web --replicas=3\n- wait: 30s\n");
    let setting = varied(setting, true, Variant::ListsTheStore);
    judged(varied(setting, wrong, Variant::ResetsReadiness), StaysReady)
}

fn b03(wrong: bool) -> Setting {
    let deeds = "- inject: {container-kill: {labelSelectors: {app: web}}}\n- wait: 30s\n";
    let mut setting = probed(12, deeds);
    // Where a fault has taken the pods, there is none to be killed.
    setting.oracle.expectations = false;
    setting.oracle.rest = false;
    judged(varied(setting, wrong, Variant::InheritsReadiness), NotReadyEarly)
}

fn b15(wrong: bool) -> Setting {
    let text = "
name: pair
about: A pod of high priority comes, and those of a set have all the room.
cluster: {nodes: [{name: node, count: 1, cpu: '1', memory: 8Gi}]}
images: {'*': {term: 3s}}
steps:
- apply:
    apiVersion: apps/v1
    kind: Deployment
    metadata: {name: low}
    spec:
      replicas: 1
      selector: {matchLabels: {app: low}}
      template:
        metadata: {labels: {app: low}}
        spec:
          tolerations: [{operator: Exists, effect: NoExecute}]
          containers: [{name: app, image: 'app:v1', resources: {requests: {cpu: 800m}}}]
- wait: 10s
- apply:
    apiVersion: v1
    kind: Pod
    metadata: {name: high}
    spec:
      priorityClassName: system-cluster-critical
      tolerations: [{operator: Exists, effect: NoExecute}]
      containers: [{name: app, image: 'app:v1', resources: {requests: {cpu: 800m}}}]
- wait: 25s
";
    varied(setting(text), wrong, Variant::IgnoresNominations)
}
